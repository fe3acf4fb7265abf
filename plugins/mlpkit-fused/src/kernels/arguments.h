/* Checked arguments of a step: buffers of arrays, segments and averages. Every function returns -1 with an exception, or 0. */
#ifndef MLPKIT_ARGUMENTS_H
#define MLPKIT_ARGUMENTS_H

#include "arrays.h"
#include "step.h"

enum { READ, WRITE };

/* Fill `view` with the buffer of an array of `size` numbers of a type, as by `hold_array`; for w, size is -1 and type is 0. */
static int get_array(PyObject *array, const char *name, int access, char type, Py_ssize_t size, Py_buffer *view) {
    if (hold_array(array, name, type, access == WRITE, view) < 0)
        return -1;
    if (size < 0 || size_of(view) == size)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s must have %zd numbers, not %zd", name, size, size_of(view));
    PyBuffer_Release(view);
    return -1;
}

static int overlap(const Py_buffer *one, const Py_buffer *other) {
    const char *a = one->buf, *b = other->buf;
    return one->obj && other->obj && a < b + other->len && b < a + one->len;
}

/* Refuse an array that shares memory with another one of the step, since compiled loops assume that none does. */
static int check_distinct(const Step *s, const Py_buffer *view, const char *name) {
    int shared = (view != &s->w && overlap(view, &s->w)) || (view != &s->factors && overlap(view, &s->factors));
    for (int k = 0; k < MOST_ARRAYS; k++)
        shared |= view != &s->state[k] && overlap(view, &s->state[k]);
    for (int k = 0; k < MOST_SCALARS; k++)
        shared |= view != &s->scalars[k] && overlap(view, &s->scalars[k]);
    for (Py_ssize_t k = 0; k < s->average_count; k++)
        shared |= (view != &s->averages[k].mean && overlap(view, &s->averages[k].mean)) ||
                  (view != &s->averages[k].share && overlap(view, &s->averages[k].share));
    if (shared)
        PyErr_Format(PyExc_ValueError, "%s shares memory with another array of the step", name);
    return shared ? -1 : 0;
}

/* Fill an array of `count` views with the arrays of a tuple. */
static int get_arrays(PyObject *tuple, const char *name, int count, char format, Py_ssize_t size, Py_buffer *views) {
    if (PyTuple_Size(tuple) != count) {
        PyErr_Format(PyExc_ValueError, "%s must have %d arrays, not %zd", name, count, PyTuple_Size(tuple));
        return -1;
    }
    for (int k = 0; k < count; k++)
        if (get_array(PyTuple_GetItem(tuple, k), name, WRITE, format, size, views + k) < 0)
            return -1;
    return 0;
}

static int get_options(Step *s, PyObject *tuple) {
    if (PyTuple_Size(tuple) != s->rule->options) {
        PyErr_Format(PyExc_ValueError, "%s has %d options, not %zd", s->rule->name, s->rule->options, PyTuple_Size(tuple));
        return -1;
    }
    for (int k = 0; k < s->rule->options; k++) {
        s->options[k] = PyFloat_AsDouble(PyTuple_GetItem(tuple, k));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* Return zeroed memory for the items of a tuple; NULL with an exception. */
static void *for_items(PyObject *tuple, size_t size) {
    void *made = PyMem_Calloc((size_t)PyTuple_Size(tuple) + 1, size);
    return made ? made : PyErr_NoMemory();
}

/* Read the decay: a tuple of (start, stop, factor), in the order of the weights and without overlap. */
static int get_segments(Step *s, PyObject *tuple) {
    if (!(s->segments = for_items(tuple, sizeof(Segment))))
        return -1;
    Py_ssize_t before = 0;
    for (; s->segment_count < PyTuple_Size(tuple); s->segment_count++) {
        Segment *segment = s->segments + s->segment_count;
        PyObject *item = PyTuple_GetItem(tuple, s->segment_count);
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "decay must be a tuple of (start, stop, factor)");
            return -1;
        }
        if (!PyArg_ParseTuple(item, "nnd;decay must be a tuple of (start, stop, factor)", &segment->start, &segment->stop, &segment->factor))
            return -1;
        if (segment->start < before || segment->stop < segment->start || segment->stop > s->size) {
            PyErr_Format(PyExc_ValueError, "decay: %zd to %zd is outside of %zd numbers, or not in order", segment->start, segment->stop,
                         s->size);
            return -1;
        }
        before = segment->stop;
    }
    return 0;
}

/* Read the averages: a tuple of (array, decay, array of one float64 or None). */
static int get_averages(Step *s, PyObject *tuple) {
    if (!(s->averages = for_items(tuple, sizeof(Average))))
        return -1;
    while (s->average_count < PyTuple_Size(tuple)) {
        PyObject *item = PyTuple_GetItem(tuple, s->average_count), *mean, *share;
        Average *average = s->averages + s->average_count;
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "averages must be a tuple of (array, decay, share or None)");
            return -1;
        }
        if (!PyArg_ParseTuple(item, "OdO;averages must be a tuple of (array, decay, share or None)", &mean, &average->decay, &share))
            return -1;
        s->average_count++; /* what follows is released with the step */
        if (get_array(mean, "average", WRITE, s->format, s->size, &average->mean) < 0 ||
            (share != Py_None && get_array(share, "share", WRITE, 'd', 1, &average->share) < 0))
            return -1;
    }
    return 0;
}

#endif
