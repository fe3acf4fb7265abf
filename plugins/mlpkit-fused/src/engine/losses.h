/* Names of the losses, in the order of their codes, and the form in which they are written. */
#ifndef MLPKIT_LOSSES_H
#define MLPKIT_LOSSES_H

#include "engine/numbers.h"

#define SEPARABLE(EACH)                                                                                                                    \
    EACH(mean_squared_error) EACH(mean_absolute_error) EACH(huber) EACH(smooth_l1) EACH(log_cosh) EACH(poisson)                            \
    EACH(binary_crossentropy)     /* mean over the outputs of a function of output and target */
#define OF_ROWS(EACH) EACH(crossentropy_of_classes) EACH(crossentropy_of_shares)
#define LOSSES(EACH) SEPARABLE(EACH) OF_ROWS(EACH)

#define LOSS_CODE_OF(name) LOSS_##name,
#define LOSS_TEXT_OF(name) #name,
enum { LOSSES(LOSS_CODE_OF) LOSS_COUNT };
static const char *const loss_names[] = {LOSSES(LOSS_TEXT_OF)};

static inline int is_of_classes(int code) { return code == LOSS_crossentropy_of_classes; }

/* The loss of an output y and a target t, with the options a and b; its derivative in `slope`. */
#define SEPARATE_LOSS(name) INLINE REAL FN(name##_loss)(REAL y, REAL t, REAL a, REAL b, REAL *slope)

#endif
