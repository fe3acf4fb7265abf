/* Names of the activations, in the order of their codes, and the forms in which they are written. */
#ifndef MLPKIT_ACTIVATIONS_H
#define MLPKIT_ACTIVATIONS_H

#include "engine/numbers.h"

#define RECTIFIERS(EACH) EACH(linear) EACH(relu) EACH(leaky_relu) EACH(relu6) EACH(relu_squared)
#define SMOOTH_RECTIFIERS(EACH) EACH(gelu) EACH(gelu_tanh) EACH(silu) EACH(mish) EACH(softplus) EACH(squareplus)
#define SIGMOIDS(EACH) EACH(sigmoid) EACH(tanh) EACH(lecun_tanh) EACH(softsign) EACH(log_sigmoid)
#define EXPONENTIAL_UNITS(EACH) EACH(elu) EACH(celu) EACH(exponential)
#define PIECEWISE(EACH) EACH(hard_sigmoid) EACH(hard_silu) EACH(hard_tanh) EACH(tanh_shrink) EACH(soft_shrink) EACH(hard_shrink)

#define PLAIN(EACH) RECTIFIERS(EACH) SMOOTH_RECTIFIERS(EACH) SIGMOIDS(EACH) EXPONENTIAL_UNITS(EACH) PIECEWISE(EACH) EACH(gaussian)
#define ELEMENTWISE(EACH) PLAIN(EACH) EACH(sine) /* functions of one number */
#define BY_ROW(EACH) EACH(softmax) EACH(log_softmax) EACH(continuation_ratio)
#define GATED(EACH) EACH(glu) EACH(swiglu) EACH(geglu) EACH(geglu_tanh) EACH(reglu)
#define ACTIVATIONS(EACH) ELEMENTWISE(EACH) BY_ROW(EACH) GATED(EACH) EACH(prelu)

#define CODE_OF_NAME(name) ACTIVATION_##name,
#define TEXT_OF(name) #name,
enum { ACTIVATIONS(CODE_OF_NAME) ACTIVATION_COUNT };
enum { FIRST_BY_ROW = ACTIVATION_softmax, FIRST_GATED = ACTIVATION_glu }; /* those before are elementwise */

static inline int is_gated(int code) { return code >= FIRST_GATED && code < ACTIVATION_prelu; }
static const char *const activation_names[] = {ACTIVATIONS(TEXT_OF)};

enum { CELLS = 1024 };            /* numbers of a block that stays in the first cache */
enum { LANES = 16, NARROW = 32 }; /* rows of at most NARROW numbers are computed side by side, so many at once */

/* The function of a number z with the options a and b, and its derivative at z, where the function is y. */
#define VALUE(name) INLINE REAL FN(name##_value)(REAL z, REAL a, REAL b)
#define SLOPE(name) INLINE REAL FN(name##_slope)(REAL z, REAL y, REAL a, REAL b)

#endif
