/* Operations that are added to a program, with their arrays and sizes checked. */
#include "engine/kinds.h"

#define WIDEST 2147483647

/* Set a place from None, the number of a slot, or an array; return 0 with an exception if it does not fit. */
static int set_place(Program *program, Place *place, PyObject *value, char letter, int optional, ptrdiff_t least) {
    char type = (char)tolower(letter);
    int writable = !!isupper(letter);
    *place = (Place){NULL, -1};
    if (value == Py_None) {
        if (!optional)
            PyErr_SetString(PyExc_ValueError, "an array is missing");
        return optional;
    }
    if (PyLong_Check(value)) {
        long number = PyLong_AsLong(value);
        if (number < 0 || number >= SLOTS || program->slots[number].type != type || program->slots[number].length < least ||
            (writable && !program->slots[number].writable) || (program->slots[number].optional && !optional)) {
            PyErr_SetString(PyExc_ValueError, "a slot does not fit the operation");
            return 0;
        }
        place->slot = (int)number;
        return 1;
    }
    if (type == 't') {
        PyErr_SetString(PyExc_ValueError, "targets must be a slot");
        return 0;
    }
    Py_buffer *views = PyMem_Realloc(program->views, (size_t)(program->held + 1) * sizeof(Py_buffer));
    if (!views) {
        PyErr_NoMemory();
        return 0;
    }
    program->views = views;
    Py_buffer *view = &views[program->held];
    if (hold_array(value, "array", number_type(program, type), writable, view) < 0)
        return 0;
    program->held++; /* released with the program, also after an error */
    place->base = view->buf;
    return is_long_enough(view, least);
}

/* Set all places of an operation by the words of its kind. */
static int set_places(Program *program, const Kind *kind, Op *op, PyObject *values) {
    const char *word = kind->places;
    Py_ssize_t given = PyTuple_Size(values), number = 0;
    for (; *word; number++) {
        int optional = *word == '?';
        char letter = word[optional];
        ptrdiff_t least = 1;
        for (word += optional + 1; *word && *word != ' '; word++)
            least = op->sizes[*word - '0'] && least > WIDEST * (ptrdiff_t)64 / op->sizes[*word - '0'] ? -1 : least * op->sizes[*word - '0'];
        if (least < 0) {
            PyErr_SetString(PyExc_ValueError, "the sizes are too large");
            return 0;
        }
        word += *word == ' ';
        if (number >= given) {
            PyErr_SetString(PyExc_ValueError, "there are not enough arrays");
            return 0;
        }
        PyObject *value = PyTuple_GetItem(values, number);
        if (!value || !set_place(program, &op->places[number], value, letter, optional, least))
            return 0;
    }
    if (number != given)
        PyErr_SetString(PyExc_ValueError, "there are too many arrays");
    return number == given;
}

static int set_sizes(const Kind *kind, Op *op, PyObject *sizes, PyObject *numbers) {
    if (PyTuple_Size(sizes) != kind->sizes || PyTuple_Size(numbers) > kind->numbers) {
        PyErr_Format(PyExc_ValueError, "%s has %d sizes and at most %d numbers", kind->name, kind->sizes, kind->numbers);
        return 0;
    }
    for (int i = 0; i < kind->sizes; i++) {
        op->sizes[i] = PyLong_AsSsize_t(PyTuple_GetItem(sizes, i));
        if (op->sizes[i] < 1 || op->sizes[i] > WIDEST) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a size is not between 1 and 2**31 - 1");
            return 0;
        }
    }
    for (Py_ssize_t i = 0; i < PyTuple_Size(numbers); i++)
        op->numbers[i] = PyFloat_AsDouble(PyTuple_GetItem(numbers, i));
    return !PyErr_Occurred();
}

/* Return 1 if the code of an operation exists and all else fits; else raise ValueError. */
static int is_consistent(const Program *program, const Kind *kind, const Op *op) {
    if (op->code >= 0 && op->code < (kind->codes ? kind->codes : 1) && (!kind->fits || kind->fits(program, op)))
        return 1;
    PyErr_Format(PyExc_ValueError, "the operation %s is inconsistent", kind->name);
    return 0;
}

PyDoc_STRVAR(add_doc, "add(name, places, sizes, numbers, code)\n\nAppend an operation; each place is an array, the number of a slot, or None.");

static PyObject *add_operation(PyObject *self, PyObject *arguments) {
    Program *program = (Program *)self;
    const char *name;
    PyObject *places, *sizes, *numbers;
    Op op = {0};
    if (!PyArg_ParseTuple(arguments, "sO!O!O!i", &name, &PyTuple_Type, &places, &PyTuple_Type, &sizes, &PyTuple_Type, &numbers, &op.code))
        return NULL;
    const Kind *kind = kinds;
    while (kind->name && strcmp(kind->name, name))
        kind++;
    if (!kind->name)
        return PyErr_Format(PyExc_ValueError, "there is no operation %s", name);
    if (program->busy || !set_sizes(kind, &op, sizes, numbers) || !set_places(program, kind, &op, places) || !is_consistent(program, kind, &op))
        return program->busy ? PyErr_Format(PyExc_RuntimeError, "the program is running") : NULL;
    op.function = kind->functions[program->level][program->of_double];
    Op *ops = PyMem_Realloc(program->ops, (size_t)(program->count + 1) * sizeof(Op));
    if (!ops)
        return PyErr_NoMemory();
    program->ops = ops;
    program->ops[program->count++] = op;
    double work = 1;
    for (int i = 0; i < kind->sizes && i < 3; i++)
        work *= (double)op.sizes[i];
    program->work += work;
    Py_RETURN_NONE;
}
