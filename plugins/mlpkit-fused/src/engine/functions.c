/* Functions of the numbers of arrays, for tests of their accuracy. */
#include "arrays.h"
#include "engine/activations.h"
#include "engine/losses.h"

#define FUNCTIONS(EACH)                                                                                                                    \
    EACH(exp, exp_) EACH(expm1_below, expm1_below) EACH(log, log_) EACH(log1p, log1p_) EACH(tanh, tanh_) EACH(sigmoid, sigmoid_)           \
    EACH(erfc, erfc_) EACH(sin, sin_) EACH(cos, cos_)
#define FUNCTION_TEXT_OF(name, function) #name,
static const char *const function_names[] = {FUNCTIONS(FUNCTION_TEXT_OF)};
enum { FUNCTION_COUNT = sizeof function_names / sizeof *function_names };

#define CODE "engine/code.inc"
#include "each_level.h"
#undef CODE

typedef void (*NumberLoop)(ptrdiff_t n, const void *x, void *out);
static const NumberLoop *const number_loops[LEVELS][2] = {
    {number_loops_f32_base, number_loops_f64_base},
#if LEVELS > 1
    {number_loops_f32_avx2, number_loops_f64_avx2},
    {number_loops_f32_avx512, number_loops_f64_avx512},
#endif
};

/* function(number, x, out) */
static PyObject *compute_function(PyObject *module, PyObject *args) {
    PyObject *x, *out;
    int number;
    Py_buffer from, to;
    if (!PyArg_ParseTuple(args, "iOO:function", &number, &x, &out))
        return NULL;
    if (number < 0 || number >= FUNCTION_COUNT)
        return PyErr_Format(PyExc_ValueError, "there is no function %d", number);
    if (hold_array(x, "x", 0, 0, &from) < 0)
        return NULL;
    int right = hold_array(out, "out", type_of(&from), 1, &to) == 0;
    if (right) {
        if (size_of(&to) == size_of(&from))
            number_loops[level][type_of(&from) == 'd'][number](size_of(&from), from.buf, to.buf);
        else
            right = PyErr_Format(PyExc_ValueError, "out must have %zd numbers, not %zd", size_of(&from), size_of(&to)) != NULL;
        PyBuffer_Release(&to);
    }
    PyBuffer_Release(&from);
    if (!right)
        return NULL;
    Py_RETURN_NONE;
}
