/* What has to hold for an operation beside the lengths of its arrays: return 1 if it does. */
#ifndef MLPKIT_FITS_H
#define MLPKIT_FITS_H

#include "engine/activations.h"
#include "engine/losses.h"
#include "engine/program_type.h"

static int fits_columns(const Op *op) { return op->sizes[1] == (is_gated(op->code) ? 2 : 1) * op->sizes[2]; }

static int fits_activate(const Program *program, const Op *op) {
    return fits_columns(op) && (op->code != ACTIVATION_prelu || op->places[3].base);
}

static int fits_backward(const Program *program, const Op *op) {
    return fits_columns(op) && (op->code != ACTIVATION_prelu || (op->places[4].base && op->places[5].base));
}

static int fits_dropout(const Program *program, const Op *op) { return op->sizes[1] == 4 && op->sizes[2] == 1; }

/* Targets have the columns and the type that the loss reads; class numbers are for a loss of classes alone. */
static int fits_loss(const Program *program, const Op *op) {
    ptrdiff_t classes = program->slots[op->places[1].slot].classes;
    return op->sizes[1] == op->sizes[2] * outputs_per_target(op->code, op->numbers, NUMBERS, op->sizes[1]) &&
           (classes == 0 || (is_of_classes(op->code) && classes >= op->sizes[0]));
}

static int fits_features(const Op *op) {
    ptrdiff_t frequencies = op->sizes[2];
    return op->sizes[4] == (op->code == WAVES ? 2 : 1) * frequencies && op->sizes[5] == frequencies + (op->code == BINS);
}

static int fits_embed(const Program *program, const Op *op) { return fits_features(op) && (op->code != COSINES || op->places[5].base); }

static int fits_embed_back(const Program *program, const Op *op) {
    return fits_features(op) && (op->code != COSINES || (op->places[4].base && op->places[9].base)) &&
           (op->code == BINS || op->places[8].base);
}

#endif
