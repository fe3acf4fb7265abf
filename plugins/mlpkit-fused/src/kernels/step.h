/* A step: an optimizer's rule, bound to the arrays of a run. */
#ifndef MLPKIT_STEP_H
#define MLPKIT_STEP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "this processor computes with more digits than the type has, so that results would differ from those of NumPy"
#endif

/* Every rule: its name, how it prepares a step, and the number of its options, of arrays and of scalars of its state. */
#define RULES(X) \
    X(sgd, sgd, 0, 0, 0) \
    X(momentum, momentum, 1, 1, 0) \
    X(nesterov, momentum, 1, 1, 0) \
    X(adam, adam, 3, 2, 0) \
    X(amsgrad, adam, 3, 3, 0) \
    X(adamax, adamax, 3, 2, 0) \
    X(radam, radam, 3, 2, 0) \
    X(nadam, nadam, 4, 2, 1) \
    X(rmsprop, rmsprop, 3, 1, 0) \
    X(rmsprop_centered, rmsprop, 3, 2, 0) \
    X(rmsprop_momentum, rmsprop, 3, 2, 0) \
    X(rmsprop_centered_momentum, rmsprop, 3, 3, 0) \
    X(adagrad, adagrad, 3, 1, 0) \
    X(adadelta, adadelta, 2, 2, 0) \
    X(rprop, rprop, 4, 2, 0) \
    X(lion, lion, 2, 1, 0) \
    X(schedule_free, schedule_free, 5, 3, 2) \
    X(muon_momentum, momentum, 1, 1, 0) /* of a matrix, before it is made orthogonal: the result is in the gradient */ \
    X(muon_nesterov, momentum, 1, 1, 0) \
    X(muon_matrix, muon_matrix, 1, 0, 0) /* afterwards */ \
    X(muon_adam, muon_adam, 4, 2, 0) /* of everything else */

enum { BLOCK = 1024 };                                         /* numbers that stay in the L1 cache for all that a step does with them */
enum { MOST_OPTIONS = 5, MOST_ARRAYS = 3, MOST_SCALARS = 2 }; /* of a rule */

/* Numbers of one step, computed in double as Python does. */
typedef struct {
    int variant;         /* which of the loops of a rule */
    double lr;           /* the learning rate, without factors */
    double beta1, rest1; /* decay of the first array of the state, and 1 - beta1 */
    double beta2, rest2; /* of the second one */
    double epsilon;
    double scale;        /* factor of the step, with the learning rate or without it */
    double root;         /* of a bias correction */
    double share, other; /* of terms of a sum */
    double least, most;  /* limits */
} Coefficients;

typedef struct {
    Py_ssize_t start, stop;
    double factor;
} Segment; /* of weights that decay: w *= 1 - lr factor fading */

typedef struct {
    Py_buffer mean, share; /* share.obj is NULL if somebody else counts it */
    double decay;
} Average; /* of the weights after each step */

typedef struct Step Step;

typedef struct {
    const char *name;
    int number;
    void (*prepare)(Step *, double t);
    int options, arrays, scalars;
} Rule;

typedef void (*Run)(const Step *, Py_ssize_t start, Py_ssize_t stop);

struct Step {
    PyObject_HEAD
    const Rule *rule;
    Run run; /* for the dtype, at the level that was set when the step was made */
    char format;
    Py_ssize_t itemsize, size;
    Py_buffer w, gradient, factors, state[MOST_ARRAYS], scalars[MOST_SCALARS];
    double options[MOST_OPTIONS];
    double clip; /* infinity: no limit */
    Segment *segments;
    Py_ssize_t segment_count;
    Average *averages;
    Py_ssize_t average_count;
    double fading;
    Coefficients c;
    int working; /* calls that have released Python's lock: until they end, nothing above may change */
};

#endif
