/* mlpkit_fused._kernels: steps of mlpkit's optimizers, with the same bits as its NumPy code. */
#include "arguments.h"
#include "coefficients.h"
#include "step.h"

#include "levels.h"

#define CODE "kernels/run.inc"
#include "each_level.h"

enum { LARGE = 1 << 15 }; /* numbers from which Python's lock is released: some microseconds of work */

#define ENTRY(name, prepare, options, arrays, scalars) {#name, RULE_##name, prepare_##prepare, options, arrays, scalars},
#define NUMBER(name, prepare, options, arrays, scalars) RULE_##name,
enum { RULES(NUMBER) RULE_COUNT };
static const Rule rules[] = {RULES(ENTRY)};

static const Run runs[2][LEVELS] = {
#if LEVELS > 1
    {run_f32_base, run_f32_avx2, run_f32_avx512},
    {run_f64_base, run_f64_avx2, run_f64_avx512},
#else
    {run_f32_base},
    {run_f64_base},
#endif
};
static int level;

/* -- making a step */

static void release(Step *s) {
    PyBuffer_Release(&s->w);
    PyBuffer_Release(&s->gradient);
    PyBuffer_Release(&s->factors);
    for (int k = 0; k < MOST_ARRAYS; k++)
        PyBuffer_Release(&s->state[k]);
    for (int k = 0; k < MOST_SCALARS; k++)
        PyBuffer_Release(&s->scalars[k]);
    for (Py_ssize_t k = 0; k < s->average_count; k++) {
        PyBuffer_Release(&s->averages[k].mean);
        PyBuffer_Release(&s->averages[k].share);
    }
    PyMem_Free(s->averages);
    PyMem_Free(s->segments);
}

static void step_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    release((Step *)self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static const Rule *find_rule(const char *name) {
    for (int k = 0; k < RULE_COUNT; k++)
        if (!strcmp(rules[k].name, name))
            return rules + k;
    PyErr_Format(PyExc_ValueError, "unknown rule '%s'", name);
    return NULL;
}

static int check_all_distinct(const Step *s) {
    if (check_distinct(s, &s->w, "w") < 0 || check_distinct(s, &s->factors, "factors") < 0)
        return -1;
    for (int k = 0; k < MOST_ARRAYS; k++)
        if (check_distinct(s, &s->state[k], "state") < 0)
            return -1;
    for (int k = 0; k < MOST_SCALARS; k++)
        if (check_distinct(s, &s->scalars[k], "scalars") < 0)
            return -1;
    for (Py_ssize_t k = 0; k < s->average_count; k++)
        if (check_distinct(s, &s->averages[k].mean, "average") < 0 || check_distinct(s, &s->averages[k].share, "share") < 0)
            return -1;
    return 0;
}

static int fill(Step *s, PyObject *args) {
    const char *name;
    PyObject *options, *w, *state, *scalars, *factors, *decay, *averages, *tuple = (PyObject *)&PyTuple_Type;
    if (!PyArg_ParseTuple(args, "sO!OO!O!OdO!O!:Step", &name, tuple, &options, &w, tuple, &state, tuple, &scalars, &factors, &s->clip, tuple,
                          &decay, tuple, &averages))
        return -1;
    if (!(s->rule = find_rule(name)) || get_options(s, options) < 0 || get_array(w, "w", WRITE, 0, -1, &s->w) < 0)
        return -1;
    s->format = s->w.format[0];
    s->size = s->w.len / s->w.itemsize;
    s->run = runs[s->format == 'd'][level];
    if (!(s->clip >= 0.0)) {
        PyErr_SetString(PyExc_ValueError, "clip must be at least 0, or infinity");
        return -1;
    }
    if (get_arrays(state, "state", s->rule->arrays, s->format, s->size, s->state) < 0 ||
        get_arrays(scalars, "scalars", s->rule->scalars, 'd', 1, s->scalars) < 0 ||
        (factors != Py_None && get_array(factors, "factors", READ, s->format, s->size, &s->factors) < 0) || get_segments(s, decay) < 0 ||
        get_averages(s, averages) < 0)
        return -1;
    return check_all_distinct(s);
}

static PyObject *step_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "Step takes no keywords");
        return NULL;
    }
    PyObject *self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0); /* all zero */
    if (self && fill((Step *)self, args) < 0)
        Py_CLEAR(self);
    return self;
}

/* -- taking a step */

/* Prepare a step from (gradient, lr, t, fading): -1 with an exception. */
static int begin(Step *s, PyObject *const *args) {
    if (s->working) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is taking this step");
        return -1;
    }
    double lr = PyFloat_AsDouble(args[1]), t = PyFloat_AsDouble(args[2]), fading = PyFloat_AsDouble(args[3]);
    if (PyErr_Occurred())
        return -1;
    if (args[0] != s->gradient.obj) { /* in most steps it is that of the last one */
        Py_buffer gradient = {0};
        if (get_array(args[0], "gradient", WRITE, s->format, s->size, &gradient) < 0)
            return -1;
        if (check_distinct(s, &gradient, "gradient") < 0) {
            PyBuffer_Release(&gradient);
            return -1;
        }
        Py_buffer before = s->gradient;
        s->gradient = gradient;
        PyBuffer_Release(&before);
    }
    s->c.lr = lr;
    s->fading = fading;
    s->rule->prepare(s, t);
    for (Py_ssize_t k = 0; k < s->average_count; k++) {
        double decay = s->averages[k].decay, *share = s->averages[k].share.buf;
        if (share)
            *share = decay * *share + (1.0 - decay);
    }
    return 0;
}

static void run(Step *s, Py_ssize_t start, Py_ssize_t stop) {
    if (stop - start < LARGE) {
        s->run(s, start, stop);
        return;
    }
    s->working++;
    Py_BEGIN_ALLOW_THREADS;
    s->run(s, start, stop);
    Py_END_ALLOW_THREADS;
    s->working--;
}

static int check_count(const char *name, Py_ssize_t count, Py_ssize_t expected) {
    if (count != expected)
        PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", name, expected, count);
    return count == expected ? 0 : -1;
}

static PyObject *step_step(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    Step *s = (Step *)self;
    if (check_count("step", count, 5) < 0 || begin(s, args) < 0)
        return NULL;
    run(s, 0, s->size);
    Py_RETURN_NONE;
}

static PyObject *step_begin(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (check_count("begin", count, 4) < 0 || begin((Step *)self, args) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *step_run(PyObject *self, PyObject *part) {
    Step *s = (Step *)self;
    Py_ssize_t start, stop, stride;
    if (!s->gradient.obj) {
        PyErr_SetString(PyExc_RuntimeError, "call begin before run");
        return NULL;
    }
    if (!PySlice_Check(part)) {
        PyErr_SetString(PyExc_TypeError, "run takes a slice");
        return NULL;
    }
    if (PySlice_Unpack(part, &start, &stop, &stride) < 0)
        return NULL;
    if (start < 0 || stop < start || stop > s->size || stride != 1) {
        PyErr_Format(PyExc_ValueError, "the slice is outside of %zd numbers, or has a stride", s->size);
        return NULL;
    }
    run(s, start, stop);
    Py_RETURN_NONE;
}

static PyMethodDef step_methods[] = {
    {"step", (PyCFunction)(void (*)(void))step_step, METH_FASTCALL,
     "step(gradient, lr, t, fading, threads)\n--\n\nTake a whole step in this thread; the gradient is overwritten."},
    {"begin", (PyCFunction)(void (*)(void))step_begin, METH_FASTCALL,
     "begin(gradient, lr, t, fading)\n--\n\nPrepare a step whose slices `run` updates."},
    {"run", step_run, METH_O, "run(part)\n--\n\nUpdate a slice of the weights; several threads may update other slices."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot step_slots[] = {
    {Py_tp_doc, "Step(rule, options, w, state, scalars, factors, clip, decay, averages)\n--\n\nAn optimizer's rule, bound to arrays."},
    {Py_tp_new, step_new},
    {Py_tp_dealloc, step_dealloc},
    {Py_tp_methods, step_methods},
    {0, NULL},
};

static PyType_Spec step_spec = {"mlpkit_fused._kernels.Step", sizeof(Step), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, step_slots};

/* -- the module */

static PyObject *module_levels(PyObject *module, PyObject *nothing) {
    PyObject *names = PyTuple_New(best_level() + 1);
    for (int k = 0; names && k <= best_level(); k++)
        PyTuple_SetItem(names, k, PyUnicode_FromString(level_names[k]));
    return names;
}

static PyObject *module_use_level(PyObject *module, PyObject *number) {
    long wanted = PyLong_AsLong(number);
    if (PyErr_Occurred())
        return NULL;
    if (wanted < 0 || wanted > best_level()) {
        PyErr_Format(PyExc_ValueError, "this processor has the levels 0 to %d, not %ld", best_level(), wanted);
        return NULL;
    }
    level = (int)wanted;
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"levels", module_levels, METH_NOARGS, "levels()\n--\n\nReturn the names of the levels of this processor, the lowest first."},
    {"use_level", module_use_level, METH_O, "use_level(number)\n--\n\nUse a level for steps that are made from now on; default: the highest."},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module) {
    level = best_level();
    PyObject *type = PyType_FromModuleAndSpec(module, &step_spec, NULL);
    int result = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return result;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "_kernels", "Steps of mlpkit's optimizers.", 0, module_methods, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&module_def); }
