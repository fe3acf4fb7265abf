/* The module mlpkit_fused._engine. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <ctype.h>
#include <string.h>

#include "levels.h"

static int level; /* of the code that runs: an index of level_names */

#include "engine/op.h"
#include "engine/functions.c"
#include "engine/program.c"

static PyObject *use_level(PyObject *module, PyObject *number) {
    long wanted = PyLong_AsLong(number);
    if (wanted == -1 && PyErr_Occurred())
        return NULL;
    if (wanted < 0 || wanted > best_level())
        return PyErr_Format(PyExc_ValueError, "this processor has the levels 0 to %d, got %ld", best_level(), wanted);
    level = (int)wanted;
    Py_RETURN_NONE;
}

static PyObject *present_level(PyObject *module, PyObject *none) {
    return PyLong_FromLong(level);
}

static PyMethodDef methods[] = {
    {"use_level", use_level, METH_O, "Use the code for a level of the processor, an index of `levels`."},
    {"level", present_level, METH_NOARGS, "Return the level whose code is used."},
    {"function", compute_function, METH_VARARGS, "Compute a function of each number: function(number, x, out)."},
    {NULL, NULL, 0, NULL},
};

/* Add a tuple of texts to the module. Return 0, or -1 with an exception. */
static int add_names(PyObject *module, const char *name, const char *const *texts, int count) {
    PyObject *tuple = PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *text = PyUnicode_FromString(texts[i]);
        if (text == NULL || PyTuple_SetItem(tuple, i, text) != 0)
            Py_CLEAR(tuple);
    }
    int result = tuple ? PyModule_AddObjectRef(module, name, tuple) : -1;
    Py_XDECREF(tuple);
    return result;
}

/* Add the operations of programs: name, places, and the numbers of sizes and codes of each. Return 0, or -1 with an exception. */
static int add_operations(PyObject *module) {
    PyObject *list = PyList_New(0);
    int result = list ? 0 : -1;
    for (const Kind *kind = kinds; result == 0 && kind->name; kind++) {
        PyObject *each = Py_BuildValue("(ssii)", kind->name, kind->places, kind->sizes, kind->codes);
        result = each ? PyList_Append(list, each) : -1;
        Py_XDECREF(each);
    }
    result = result == 0 ? PyModule_AddObjectRef(module, "operations", list) : -1;
    Py_XDECREF(list);
    return result;
}

static int set_up(PyObject *module) {
    level = best_level();
    PyObject *type = PyType_FromModuleAndSpec(module, &program_spec, NULL);
    int failed = type == NULL || PyModule_AddObjectRef(module, "Program", type);
    Py_XDECREF(type);
    return failed || add_operations(module) || add_names(module, "embeddings", embedding_names, EMBEDDING_COUNT) ||
                   add_names(module, "levels", level_names, level + 1) || add_names(module, "functions", function_names, FUNCTION_COUNT) ||
                   add_names(module, "activations", activation_names, ACTIVATION_COUNT) ||
                   add_names(module, "losses", loss_names, LOSS_COUNT)
               ? -1
               : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)set_up}, {0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_engine", "Passes of networks in C.", 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__engine(void);
PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&definition); }
