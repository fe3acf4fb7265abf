/* Functions, activations and losses on arrays, for tests and benchmarks: all of them check their arguments. */
#include "engine/activations.h"
#include "engine/arrays.h"
#include "engine/losses.h"

#define FUNCTIONS(EACH)                                                                                                                    \
    EACH(exp, exp_) EACH(expm1_below, expm1_below) EACH(log, log_) EACH(log1p, log1p_) EACH(tanh, tanh_) EACH(sigmoid, sigmoid_)           \
    EACH(erfc, erfc_) EACH(sin, sin_) EACH(cos, cos_)
#define FUNCTION_TEXT_OF(name, function) #name,
static const char *const function_names[] = {FUNCTIONS(FUNCTION_TEXT_OF)};
enum { FUNCTION_COUNT = sizeof function_names / sizeof *function_names, MOST_ARRAYS = 6, MOST_OPTIONS = 1001 };

#define CODE "engine/code.inc"
#include "each_level.h"
#undef CODE

typedef struct {
    void (*function)(int number, ptrdiff_t n, const void *x, void *out);
    void (*forward)(int code, const double *options, ptrdiff_t rows, ptrdiff_t units, void *const *arrays);
    void (*backward)(int code, const double *options, ptrdiff_t rows, ptrdiff_t units, void *const *arrays);
    ptrdiff_t (*loss)(int code, const double *options, ptrdiff_t rows, ptrdiff_t units, void *const *arrays);
} Entries;
#define ENTRY(name, type, level) test_##name##_##type##_##level
#define ENTRIES(type, level)                                                                                                               \
    {ENTRY(function, type, level), ENTRY(forward, type, level), ENTRY(backward, type, level), ENTRY(loss, type, level)}
static const Entries all_entries[LEVELS][2] = {
    {ENTRIES(f32, base), ENTRIES(f64, base)},
#if LEVELS > 1
    {ENTRIES(f32, avx2), ENTRIES(f64, avx2)},
    {ENTRIES(f32, avx512), ENTRIES(f64, avx512)},
#endif
};

/* Arrays of a call, held until it ends. All have the type of the first one, but where another is asked for. */
typedef struct {
    int count;
    Py_buffer views[MOST_ARRAYS];
    void *memory[MOST_ARRAYS]; /* NULL for an array that is not used */
} Arrays;

static void release(Arrays *arrays) {
    for (int i = 0; i < arrays->count; i++)
        if (arrays->memory[i])
            PyBuffer_Release(arrays->views + i);
}

/* Hold the next array, of so many numbers. Return 1, or 0 with an exception. */
static int hold(Arrays *arrays, PyObject *object, const char *name, char type, int writable, Py_ssize_t size) {
    Py_buffer *view = arrays->views + arrays->count;
    if (hold_array(object, name, type ? type : type_of(arrays->views), writable, view) != 0)
        return 0;
    arrays->memory[arrays->count++] = view->buf;
    if (size_of(view) == size)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected %zd numbers, got %zd", name, size, size_of(view));
    return 0;
}

/* Pass over an array that the call does not use. */
static int skip(Arrays *arrays) {
    arrays->memory[arrays->count++] = NULL;
    return 1;
}

/* Hold the first array, of floats, and return its sizes; a one-dimensional one is a row. */
static int hold_first(Arrays *arrays, PyObject *object, const char *name, Py_ssize_t *rows, Py_ssize_t *columns) {
    Py_buffer *view = arrays->views;
    if (hold_array(object, name, 0, 0, view) != 0)
        return 0;
    arrays->memory[arrays->count++] = view->buf;
    *columns = view->ndim ? view->shape[view->ndim - 1] : 1;
    *rows = *columns ? size_of(view) / *columns : 0;
    if (type_of(view) != 'q' && *columns)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: expected float32 or float64, and at least one column", name);
    return 0;
}

static const Entries *entries_of(const Arrays *arrays) { return &all_entries[level][type_of(arrays->views) == 'd']; }

static int is_code(int code, int count, const char *name) {
    if (code >= 0 && code < count)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s: there is no code %d", name, code);
    return 0;
}

static PyObject *ended(Arrays *arrays, int good) {
    release(arrays);
    if (!good)
        return NULL;
    Py_RETURN_NONE;
}

/* function(number, x, out) */
static PyObject *test_function(PyObject *module, PyObject *args) {
    PyObject *x, *out;
    int number;
    Py_ssize_t rows, columns;
    Arrays arrays = {0};
    if (!PyArg_ParseTuple(args, "iOO:function", &number, &x, &out) || !is_code(number, FUNCTION_COUNT, "function"))
        return NULL;
    int good = hold_first(&arrays, x, "x", &rows, &columns) && hold(&arrays, out, "out", 0, 1, rows * columns);
    if (good)
        entries_of(&arrays)->function(number, rows * columns, arrays.memory[0], arrays.memory[1]);
    return ended(&arrays, good);
}

/* Hold z and find the number of units of the outputs. */
static int hold_z(Arrays *arrays, int code, PyObject *z, Py_ssize_t *rows, Py_ssize_t *units) {
    if (!is_code(code, ACTIVATION_COUNT, "activation") || !hold_first(arrays, z, "z", rows, units))
        return 0;
    if (!is_gated(code))
        return 1;
    if (*units % 2 == 0) {
        *units /= 2;
        return 1;
    }
    PyErr_SetString(PyExc_ValueError, "z: a gated activation needs an even number of columns");
    return 0;
}

/* forward(code, options, z, out, slope=None) */
static PyObject *test_forward(PyObject *module, PyObject *args) {
    PyObject *z, *out, *slope = Py_None;
    int code;
    double options[2];
    Py_ssize_t rows, units;
    Arrays arrays = {0};
    if (!PyArg_ParseTuple(args, "i(dd)OO|O:forward", &code, options, options + 1, &z, &out, &slope))
        return NULL;
    int good = hold_z(&arrays, code, z, &rows, &units) && hold(&arrays, out, "out", 0, 1, rows * units) &&
               (code == ACTIVATION_prelu ? hold(&arrays, slope, "slope", 0, 0, units) : skip(&arrays));
    if (good)
        entries_of(&arrays)->forward(code, options, rows, units, arrays.memory);
    return ended(&arrays, good);
}

/* backward(code, options, z, out, grad, grad_z=None, slope=None, of_slope=None) */
static PyObject *test_backward(PyObject *module, PyObject *args) {
    PyObject *z, *out, *grad, *grad_z = Py_None, *slope = Py_None, *of_slope = Py_None;
    int code;
    double options[2];
    Py_ssize_t rows, units;
    Arrays arrays = {0};
    if (!PyArg_ParseTuple(args, "i(dd)OOO|OOO:backward", &code, options, options + 1, &z, &out, &grad, &grad_z, &slope, &of_slope))
        return NULL;
    int good = hold_z(&arrays, code, z, &rows, &units) && hold(&arrays, out, "out", 0, 0, rows * units) &&
               hold(&arrays, grad, "grad", 0, 1, rows * units) &&
               (is_gated(code) ? hold(&arrays, grad_z, "grad_z", 0, 1, 2 * rows * units) : skip(&arrays)) &&
               (code == ACTIVATION_prelu ? hold(&arrays, slope, "slope", 0, 0, units) : skip(&arrays)) &&
               (code == ACTIVATION_prelu ? hold(&arrays, of_slope, "of_slope", 0, 1, units) : skip(&arrays));
    if (good)
        entries_of(&arrays)->backward(code, options, rows, units, arrays.memory);
    return ended(&arrays, good);
}

/* Read numbers from a tuple, and fill the rest with 0. Return 1, or 0 with an exception. */
static int read_options(PyObject *tuple, double *options) {
    Py_ssize_t count = PyTuple_Size(tuple);
    if (count > MOST_OPTIONS) {
        PyErr_Format(PyExc_ValueError, "options: at most %d, got %zd", MOST_OPTIONS, count);
        return 0;
    }
    for (Py_ssize_t k = 0; k < MOST_OPTIONS; k++)
        options[k] = k < count ? PyFloat_AsDouble(PyTuple_GetItem(tuple, k)) : 0.0;
    return !PyErr_Occurred();
}

/* loss(code, options, values, targets, losses, grad) */
static PyObject *test_loss(PyObject *module, PyObject *args) {
    PyObject *given, *values, *targets, *losses, *grad;
    int code;
    double options[MOST_OPTIONS];
    Py_ssize_t rows, units, per_target;
    Arrays arrays = {0};
    if (!PyArg_ParseTuple(args, "iO!OOOO:loss", &code, &PyTuple_Type, &given, &values, &targets, &losses, &grad))
        return NULL;
    int good = is_code(code, LOSS_COUNT, "loss") && read_options(given, options) && hold_first(&arrays, values, "values", &rows, &units);
    if (good && !(per_target = outputs_per_target(code, options, PyTuple_Size(given), units))) {
        PyErr_SetString(PyExc_ValueError, "options: they do not fit the loss or the columns");
        good = 0;
    }
    good = good && (is_of_classes(code) ? hold(&arrays, targets, "targets", 'q', 0, rows)
                                        : hold(&arrays, targets, "targets", 0, 0, rows * (units / per_target)));
    good = good && hold(&arrays, losses, "losses", 0, 1, rows) && hold(&arrays, grad, "grad", 0, 1, rows * units);
    if (good) {
        ptrdiff_t wrong = entries_of(&arrays)->loss(code, options, rows, units, arrays.memory);
        good = wrong < 0;
        if (!good)
            PyErr_Format(PyExc_ValueError, "targets: the class of row %zd does not exist", (Py_ssize_t)wrong);
    }
    return ended(&arrays, good);
}

#define TEST_METHODS                                                                                                                       \
    {"function", test_function, METH_VARARGS, "Compute a function of each number: function(number, x, out)."},                             \
        {"forward", test_forward, METH_VARARGS, "Compute an activation: forward(code, options, z, out, slope=None)."},                     \
        {"backward", test_backward, METH_VARARGS,                                                                                          \
         "Compute the gradient of an activation: backward(code, options, z, out, grad, grad_z=None, slope=None, of_slope=None)."},         \
        {"loss", test_loss, METH_VARARGS, "Compute a loss and its gradient: loss(code, options, values, targets, losses, grad)."}
