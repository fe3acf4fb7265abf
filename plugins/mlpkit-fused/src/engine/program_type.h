/* The Python object of a program. */
#ifndef MLPKIT_PROGRAM_TYPE_H
#define MLPKIT_PROGRAM_TYPE_H

#include "arrays.h"
#include "engine/op.h"

typedef struct {
    char type; /* 'r', or 't' for targets: numbers, or classes, which are integers; 0: the slot is not used */
    int writable, optional;
    ptrdiff_t length, classes; /* least numbers of elements */
    void *copy; /* of an array that is not contiguous */
} Slot;

struct Program {
    PyObject_HEAD
    int of_double, wide, level, busy;
    void (*gemm)(void);
    Op *ops;
    Py_ssize_t count, held;
    Py_buffer *views;
    Slot slots[SLOTS];
    double work;
};

/* Return the type of the numbers of a buffer, as by `type_of`, for a type of an operation or slot. */
static char number_type(const Program *program, char type) {
    return type == 'i' ? 'q' : type == 'd' || program->of_double ? 'd' : 'f';
}

/* Return 1 if a buffer has so many numbers; else raise ValueError. */
static int is_long_enough(const Py_buffer *view, ptrdiff_t least) {
    if (size_of(view) >= least)
        return 1;
    PyErr_Format(PyExc_ValueError, "an array has %zd elements, not %zd", size_of(view), (Py_ssize_t)least);
    return 0;
}

#endif
