/* Arrays of Python, held while they are used and checked before. */
#ifndef MLPKIT_ARRAYS_H
#define MLPKIT_ARRAYS_H

#include <Python.h>

#include <stdint.h>

/* Return the type of the numbers of a buffer: 'f' float, 'd' double, 'q' int64, else 0. */
static inline char type_of(const Py_buffer *view) {
    const char *format = view->format ? view->format : "B";
    if (format[0] == '\0' || format[1] != '\0')
        return 0;
    if (view->itemsize == 8 && (format[0] == 'l' || format[0] == 'q'))
        return 'q';
    return format[0] == 'f' || format[0] == 'd' ? format[0] : 0;
}

/* Hold the memory of an array of the type 'f', 'd' or 'q', or of any if it is 0. Return 0, or -1 with an exception. */
static inline int hold_array(PyObject *object, const char *name, char type, int writable, Py_buffer *view) {
    if (PyObject_GetBuffer(object, view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) != 0)
        return -1;
    char found = type_of(view);
    if (found == 0 || (type != 0 && found != type)) {
        PyErr_Format(PyExc_TypeError, "%s: expected an array of %s, got the format %s", name,
                     type == 'f'   ? "float32"
                     : type == 'd' ? "float64"
                     : type == 'q' ? "int64"
                                   : "float32, float64 or int64",
                     view->format ? view->format : "B");
        PyBuffer_Release(view);
        return -1;
    }
    if ((uintptr_t)view->buf % (uintptr_t)view->itemsize != 0) {
        PyErr_Format(PyExc_ValueError, "%s: the array is not aligned", name);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

static inline Py_ssize_t size_of(const Py_buffer *view) { return view->len / view->itemsize; }

#endif
