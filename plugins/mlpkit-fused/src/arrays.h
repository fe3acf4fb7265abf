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

static inline const char *type_name(char type) {
    return type == 'f' ? "float32" : type == 'd' ? "float64" : type == 'q' ? "int64" : "float32 or float64";
}

/* Hold the memory of a contiguous, aligned array of the type 'f', 'd' or 'q', or, for 0, of 'f' or 'd'. Return 0, or -1 with an exception. */
static inline int hold_array(PyObject *array, const char *name, char type, int writable, Py_buffer *view) {
    if (PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return -1; /* a message of NumPy, such as that the array is not contiguous */
    char found = type_of(view);
    if (view->itemsize > 0 && (uintptr_t)view->buf % (uintptr_t)view->itemsize)
        PyErr_Format(PyExc_ValueError, "%s is not aligned: pass a copy of the array", name);
    else if (type ? found != type : found != 'f' && found != 'd')
        PyErr_Format(PyExc_TypeError, "%s must be an array of %s, not of the format '%s'", name, type_name(type),
                     view->format ? view->format : "B");
    else
        return 0;
    PyBuffer_Release(view);
    return -1;
}

static inline Py_ssize_t size_of(const Py_buffer *view) { return view->len / view->itemsize; }

#endif
