/* Names of the losses, in the order of their codes, and the form in which they are written. */
#ifndef MLPKIT_LOSSES_H
#define MLPKIT_LOSSES_H

#include "engine/numbers.h"

#define SEPARABLE(EACH)                                                                                                                    \
    EACH(mean_squared_error) EACH(mean_absolute_error) EACH(quantile) EACH(huber) EACH(smooth_l1) EACH(log_cosh) EACH(poisson)             \
    EACH(binary_crossentropy) EACH(binary_focal_crossentropy) /* means over the outputs of a function of output and target */
#define OF_ROWS(EACH)                                                                                                                      \
    EACH(crossentropy_of_classes) EACH(crossentropy_of_shares) EACH(focal_of_classes) EACH(focal_of_shares) EACH(quantiles)
#define LOSSES(EACH) SEPARABLE(EACH) OF_ROWS(EACH)

#define LOSS_CODE_OF(name) LOSS_##name,
#define LOSS_TEXT_OF(name) #name,
enum { LOSSES(LOSS_CODE_OF) LOSS_COUNT };
static const char *const loss_names[] = {LOSSES(LOSS_TEXT_OF)};

static inline int is_of_classes(int code) { return code == LOSS_crossentropy_of_classes || code == LOSS_focal_of_classes; }

/* Return the code for targets that are distributions, of a loss that takes classes or distributions. */
static inline int of_shares(int code) {
    return code == LOSS_crossentropy_of_classes ? LOSS_crossentropy_of_shares : code == LOSS_focal_of_classes ? LOSS_focal_of_shares : code;
}

/* Return the number of outputs for each target of a loss with so many options and units; 0 if these do not fit the loss. */
static inline ptrdiff_t outputs_per_target(int code, const double *options, ptrdiff_t count, ptrdiff_t units) {
    if (code != LOSS_quantiles)
        return count >= 2;
    if (count < 2 || !(options[0] >= 1.0 && options[0] <= (double)(count - 1)))
        return 0;
    ptrdiff_t quantiles = (ptrdiff_t)options[0];
    return units % quantiles == 0 ? quantiles : 0;
}

/* The loss of an output y and a target t, with the options a and b; its derivative in `slope`. */
#define SEPARATE_LOSS(name) INLINE REAL FN(name##_loss)(REAL y, REAL t, REAL a, REAL b, REAL *slope)

#endif
