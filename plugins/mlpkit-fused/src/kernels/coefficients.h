/* Coefficients of a step, from its options o, its learning rate and its number t: the expressions of mlpkit's Python code.

   `pow` is what Python's ** calls. The order of operations is that of the optimizers in mlpkit, because each one is rounded. */
#ifndef MLPKIT_COEFFICIENTS_H
#define MLPKIT_COEFFICIENTS_H

#include "step.h"

static double *scalar(Step *s, int number) { return s->scalars[number].buf; }

static void decays(Coefficients *c, double beta1, double beta2) {
    c->beta1 = beta1;
    c->rest1 = 1.0 - beta1;
    c->beta2 = beta2;
    c->rest2 = 1.0 - beta2;
}

static void prepare_sgd(Step *s, double t) {
}

static void prepare_momentum(Step *s, double t) { /* options: momentum */
    decays(&s->c, s->options[0], 0.0);
    s->c.share = 1.0 / s->options[0];
    s->c.scale = s->factors.obj ? s->options[0] : s->c.lr * s->options[0];
}

static void prepare_adam(Step *s, double t) { /* beta1, beta2, epsilon */
    const double *o = s->options;
    double root = sqrt((1.0 - o[1]) / (1.0 - pow(o[1], t)));
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2] / root;
    s->c.scale = (s->factors.obj ? 1.0 - o[0] : s->c.lr * (1.0 - o[0])) / (1.0 - pow(o[0], t)) / root;
}

static void prepare_adamax(Step *s, double t) { /* beta1, beta2, epsilon */
    const double *o = s->options;
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2];
    s->c.scale = 1.0 / (1.0 - pow(o[0], t));
}

static void prepare_radam(Step *s, double t) { /* beta1, beta2, epsilon */
    const double *o = s->options;
    double power = pow(o[1], t), longest = 2.0 / (1.0 - o[1]) - 1.0;
    double length = longest - 2.0 * t * power / (1.0 - power);
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2];
    s->c.scale = 1.0 / (1.0 - pow(o[0], t));
    s->c.variant = length > 5.0; /* the variance of the squares is known */
    if (s->c.variant) {
        double ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        s->c.scale = s->c.scale * sqrt(ratio * (1.0 - power));
    }
}

static void prepare_nadam(Step *s, double t) { /* beta1, beta2, epsilon, momentum_decay; scalar: product of the momenta */
    const double *o = s->options;
    double now = o[0] * (1.0 - 0.5 * pow(0.96, t * o[3])), ahead = o[0] * (1.0 - 0.5 * pow(0.96, (t + 1.0) * o[3]));
    double product = t == 1.0 ? now : *scalar(s, 0) * now;
    *scalar(s, 0) = product;
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2];
    s->c.share = (1.0 - now) / (1.0 - product);
    s->c.other = ahead / (1.0 - product * ahead);
    s->c.root = sqrt(1.0 - pow(o[1], t));
}

static void prepare_rmsprop(Step *s, double t) { /* rho, momentum, epsilon */
    const double *o = s->options;
    decays(&s->c, o[1], o[0]);
    s->c.epsilon = o[2];
}

static void prepare_adagrad(Step *s, double t) { /* lr_decay, initial_accumulator, epsilon */
    const double *o = s->options;
    s->c.scale = 1.0 / (1.0 + (t - 1.0) * o[0]);
    s->c.least = o[1];
    s->c.epsilon = o[2];
}

static void prepare_adadelta(Step *s, double t) { /* rho, epsilon */
    decays(&s->c, s->options[0], s->options[0]);
    s->c.epsilon = s->options[1];
}

static void prepare_rprop(Step *s, double t) { /* factor if the sign changes, factor if it stays, least and largest length */
    const double *o = s->options;
    s->c.share = o[0];
    s->c.other = o[1];
    s->c.least = o[2];
    s->c.most = o[3];
    s->c.scale = s->c.lr > 0.0; /* a rate of 0 moves nothing; compared before it is rounded */
    s->c.variant = t == 1.0;
}

static void prepare_lion(Step *s, double t) { /* share of the mean in the step, decay of the mean */
    decays(&s->c, s->options[0], s->options[1]);
}

static void prepare_schedule_free(Step *s, double t) { /* beta1, beta2, epsilon, weight_decay, largest factor */
    const double *o = s->options;
    double rate = s->c.lr, *largest = scalar(s, 0), *total = scalar(s, 1);
    if (s->factors.obj)
        rate = s->format == 'f' ? (double)((float)o[4] * (float)rate) : o[4] * rate;
    if (rate > *largest)
        *largest = rate;
    *total += *largest * *largest;
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2];
    s->c.root = sqrt(1.0 - pow(o[1], t));
    s->c.share = *total != 0.0 ? *largest * *largest / *total : 0.0;
    s->c.variant = t == 1.0 ? 0 : o[3] != 0.0 ? 1 : 2;
}

static void prepare_muon_matrix(Step *s, double t) { /* factor of the shape */
    s->c.scale = s->options[0];
}

static void prepare_muon_adam(Step *s, double t) { /* beta1, beta2, epsilon, adam_factor */
    const double *o = s->options;
    decays(&s->c, o[0], o[1]);
    s->c.epsilon = o[2];
    s->c.scale = o[3] / (1.0 - pow(o[0], t));
    s->c.root = sqrt(1.0 - pow(o[1], t));
}

#endif
