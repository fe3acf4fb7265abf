/* All operations of a program, with their functions for each level and type. */
#ifndef MLPKIT_KINDS_H
#define MLPKIT_KINDS_H

#include "engine/fits.h"

#if LEVELS > 1
#define OF(op) {{op##_f32_base, op##_f64_base}, {op##_f32_avx2, op##_f64_avx2}, {op##_f32_avx512, op##_f64_avx512}}
#else
#define OF(op) {{op##_f32_base, op##_f64_base}}
#endif

static const Kind kinds[] = {
    {"product", "r02 r21 R01", 3, 0, 4, NULL, OF(op_product)},
    {"activate", "R01 ?r1 R02 ?r2", 3, NUMBERS, ACTIVATION_COUNT, fits_activate, OF(op_activate)},
    {"shift", "R01 r1", 2, 0, 0, NULL, OF(op_shift)},
    {"backward", "R01 R02 R02 R01 ?r2 ?R2 ?R1", 3, NUMBERS, ACTIVATION_COUNT, fits_backward, OF(op_backward)},
    {"sum_rows", "r01 R1", 2, 0, 0, NULL, OF(op_sum_rows)},
    {"dropout", "r0 R0 R0 d1 i2", 3, 0, 0, fits_dropout, OF(op_dropout)},
    {"multiply", "R0 r0", 1, 0, 0, NULL, OF(op_multiply)},
    {"add", "r0 r0 R0", 1, 0, 0, NULL, OF(op_add)},
    {"copy", "r0 R0", 1, 0, 0, NULL, OF(op_copy)},
    {"transpose", "r01 R01", 2, 0, 0, NULL, OF(op_transpose)},
    {"take", "r21 i0 R01", 3, 0, 0, NULL, OF(op_take)},
    {"scale", "r01 r0 R01", 2, 0, 0, NULL, OF(op_scale)},
    {"scale_back", "r01 r0 R01 R0", 2, 0, 0, NULL, OF(op_scale_back)},
    {"loss", "r01 t02 R0 R01", 3, NUMBERS, LOSS_COUNT, fits_loss, OF(op_loss)},
    {"weigh", "R01 r0 ?r0", 2, 1, 0, NULL, OF(op_weigh)},
    {"batch_norm", "R01 R01 r1 r1 R1 R1 R1 R1", 2, 2, 0, NULL, OF(op_batch_norm)},
    {"batch_norm_back", "R01 r01 r1 r1 R1 R1", 2, 0, 0, NULL, OF(op_batch_norm_back)},
    {"row_norm", "R01 ?R01 r1 ?r1 ?R0", 2, 1, 2, NULL, OF(op_row_norm)},
    {"row_norm_back", "R01 r01 r1 r0 R1 ?R1", 2, 0, 2, NULL, OF(op_row_norm_back)},
    {"fixed_norm", "R01 r1 r1 r1 r1", 2, 1, 0, NULL, OF(op_fixed_norm)},
    {"fixed_norm_back", "R01 r1 r1", 2, 1, 0, NULL, OF(op_fixed_norm_back)},
    {"embed", "r01 r043 r03 r05 ?r02 ?R021 R041 R031", 6, 0, 3, fits_embed, OF(op_embed)},
    {"embed_back", "r01 r043 R031 r031 ?r021 r041 R043 R03 ?R02 ?R02", 6, 0, 3, fits_embed_back, OF(op_embed_back)},
    {"vectors", "r01 r32 i0 I01 R021", 4, 0, 0, NULL, OF(op_vectors)},
    {"vectors_back", "r021 i01 R32", 4, 0, 0, NULL, OF(op_vectors_back)},
    {NULL, NULL, 0, 0, 0, NULL, {{NULL}}},
};

#endif
