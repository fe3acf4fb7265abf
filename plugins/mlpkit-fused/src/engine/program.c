/* Program: a list of operations on arrays that are held, and on those that each run is given. */
#include "engine/adding.c"

#define LARGE 100000 /* elements or multiplications of a run from which other threads of Python may go on meanwhile */

/* -- creation */

static PyObject *new_program(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    const char *dtype;
    Py_ssize_t gemm;
    int wide;
    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "snp", &dtype, &gemm, &wide))
        return NULL;
    if (strcmp(dtype, "f") && strcmp(dtype, "d")) {
        PyErr_SetString(PyExc_ValueError, "the dtype must be 'f' or 'd'");
        return NULL;
    }
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Program *program = (Program *)alloc(type, 0); /* filled with zeros */
    if (!program)
        return NULL;
    program->of_double = dtype[0] == 'd';
    program->wide = wide;
    program->level = level;
    memcpy(&program->gemm, &gemm, sizeof gemm);
    return (PyObject *)program;
}

static void dealloc_program(PyObject *self) {
    Program *program = (Program *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t i = 0; i < program->held; i++)
        PyBuffer_Release(&program->views[i]);
    for (int i = 0; i < SLOTS; i++)
        PyMem_Free(program->slots[i].copy);
    PyMem_Free(program->views);
    PyMem_Free(program->ops);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(slot_doc, "slot(number, type, length, classes, optional)\n\nDeclare an array that each run is given, at that place of its arguments.\n\n"
                       "`type` is 'r' for numbers of the program's dtype, 'R' if they are written to, or 't' for targets: `length` numbers or "
                       "`classes` integers; at most one slot has this type.");

static PyObject *declare_slot(PyObject *self, PyObject *arguments) {
    Program *program = (Program *)self;
    int number, optional;
    const char *type;
    Py_ssize_t length, classes;
    if (!PyArg_ParseTuple(arguments, "isnnp", &number, &type, &length, &classes, &optional))
        return NULL;
    if (number < 0 || number >= SLOTS || strlen(type) != 1 || !strchr("rRt", type[0]) || length < 0 || classes < 0) {
        PyErr_SetString(PyExc_ValueError, "no such slot");
        return NULL;
    }
    Slot *slot = &program->slots[number];
    int targets = 0;
    for (int i = 0; i < SLOTS; i++)
        targets += program->slots[i].type == 't';
    if (slot->type) {
        PyErr_SetString(PyExc_ValueError, "the slot is declared twice");
        return NULL;
    }
    if (type[0] == 't' ? targets > 0 : classes > 0) { /* a run knows one answer to whether it is given classes */
        PyErr_SetString(PyExc_ValueError, "only one slot, of type 't', can have classes");
        return NULL;
    }
    *slot = (Slot){(char)tolower(type[0]), !!isupper(type[0]), optional, length, classes, NULL};
    Py_RETURN_NONE;
}

/* -- run */

/* Set the address of a slot from the view of an array; return 0 with an exception if it does not fit. */
static int set_slot(Program *program, Run *run, int number, const Py_buffer *view) {
    Slot *slot = &program->slots[number];
    int classes = slot->classes && type_of(view) == 'q';
    if (type_of(view) != number_type(program, classes ? 'i' : 'r')) {
        PyErr_Format(PyExc_TypeError, "argument %d has the format %s", number, view->format ? view->format : "B");
        return 0;
    }
    if (!is_long_enough(view, classes ? slot->classes : slot->length))
        return 0;
    run->classes |= classes;
    run->slots[number] = view->buf;
    if (PyBuffer_IsContiguous(view, 'C') && !((uintptr_t)view->buf % (uintptr_t)view->itemsize))
        return 1;
    Py_ssize_t most = (slot->length > slot->classes ? slot->length : slot->classes) * 8;
    if (slot->writable || view->len > most) {
        PyErr_SetString(PyExc_ValueError, "an array is not contiguous");
        return 0;
    }
    if (!slot->copy && !(slot->copy = PyMem_Malloc((size_t)most))) {
        PyErr_NoMemory();
        return 0;
    }
    run->slots[number] = slot->copy;
    return PyBuffer_ToContiguous(slot->copy, view, view->len, 'C') == 0;
}

/* Hold the array of a slot; return 0 with an exception if it does not fit. */
static int give(Program *program, Run *run, int number, PyObject *value, Py_buffer *view) {
    int flags = PyBUF_FORMAT | (program->slots[number].writable ? PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE : PyBUF_STRIDES);
    if (PyObject_GetBuffer(value, view, flags) < 0)
        return 0;
    if (set_slot(program, run, number, view))
        return 1;
    PyBuffer_Release(view);
    return 0;
}

static void run_all(const Program *program, Run *run) {
    for (Py_ssize_t i = 0; i < program->count; i++)
        program->ops[i].function(&program->ops[i], run);
}

PyDoc_STRVAR(run_doc, "run(*arrays)\n\nRun all operations; return the sum of the weighted losses, or 0.0 without a loss.");

static PyObject *run_program(PyObject *self, PyObject *const *arguments, Py_ssize_t count) {
    Program *program = (Program *)self;
    Py_buffer views[SLOTS];
    Run run = {{NULL}, program->gemm, program->wide, 0, 0, 0.0};
    int right = !program->busy, held[SLOTS] = {0};
    if (!right)
        PyErr_SetString(PyExc_RuntimeError, "the program is running");
    for (int i = 0; right && i < SLOTS; i++) {
        PyObject *value = i < count ? arguments[i] : Py_None;
        if (program->slots[i].type && !(value == Py_None && program->slots[i].optional))
            right = held[i] = give(program, &run, i, value, &views[i]);
    }
    if (right && program->work >= LARGE) {
        program->busy = 1;
        PyThreadState *state = PyEval_SaveThread();
        run_all(program, &run);
        PyEval_RestoreThread(state);
        program->busy = 0;
    } else if (right)
        run_all(program, &run);
    for (int i = 0; i < SLOTS; i++)
        if (held[i])
            PyBuffer_Release(&views[i]);
    if (!right)
        return NULL;
    if (run.wrong)
        return PyErr_Format(PyExc_ValueError, "a class number is out of range");
    return PyFloat_FromDouble(run.loss);
}

static PyMethodDef program_methods[] = {
    {"slot", declare_slot, METH_VARARGS, slot_doc},
    {"add", add_operation, METH_VARARGS, add_doc},
    {"run", (PyCFunction)(void (*)(void))run_program, METH_FASTCALL, run_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(program_doc, "Program(dtype, gemm, wide)\n\nList of operations on numbers of dtype 'f' or 'd'.\n\n"
                          "`gemm` is the address of cblas_sgemm or cblas_dgemm, and `wide` is true if its integers have 64 bits.");

static PyType_Slot program_slots[] = {
    {Py_tp_new, new_program}, {Py_tp_dealloc, dealloc_program}, {Py_tp_methods, program_methods}, {Py_tp_doc, (void *)program_doc}, {0, NULL},
};

static PyType_Spec program_spec = {"mlpkit_fused._engine.Program", sizeof(Program), 0, Py_TPFLAGS_DEFAULT, program_slots};
