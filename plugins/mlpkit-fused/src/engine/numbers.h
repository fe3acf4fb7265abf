/* Constants of REAL, which is float or double where they are used. */
#ifndef MLPKIT_NUMBERS_H
#define MLPKIT_NUMBERS_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "levels.h"

#if FLT_EVAL_METHOD != 0 || defined(__FAST_MATH__)
#error "numbers must be rounded at each operation: reductions of arguments rely on it"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline, unused))
#if !defined(__clang__)
#pragma GCC optimize("no-thread-jumps") /* which makes several loop bodies of one with choices, a fifth more instructions */
#endif
#else
#define INLINE static inline
#endif

#define C(number) ((REAL)(number))
#define WORD FN(word) /* unsigned integer of the size of REAL */

#define MANTISSA (DOUBLE ? 52 : 23)
#define BIAS (DOUBLE ? 1023 : 127)
#define SIGN_BIT ((WORD)1 << (DOUBLE ? 63 : 31))
#define FRACTION (((WORD)1 << MANTISSA) - 1)
#define EPSILON C(DOUBLE ? DBL_EPSILON : FLT_EPSILON)
#define SMALLEST_NORMAL C(DOUBLE ? DBL_MIN : FLT_MIN)
#define WHOLE (C(1.0) / EPSILON)   /* from there on all numbers are whole */
#define MAGIC (C(1.5) * WHOLE)     /* adding it rounds to a whole number, which stands in the last bits of the sum */

#define LN2_HIGH C(DOUBLE ? 0.6931471806019545 : 0.693115234375) /* the first 33 or 12 binary digits of ln(2), and the rest */
#define LN2_LOW C(DOUBLE ? -4.2009150726810846e-11 : 3.1946184945309415e-05)
#define EXP_LEAST C(DOUBLE ? -746.0 : -104.0) /* exp is 0 there */
#define EXP_MOST C(DOUBLE ? 710.0 : 89.0)     /* exp is infinite there */
#define NORMAL_LEAST C(DOUBLE ? -708.0 : -87.0) /* exp is a normal number from there */
#define NORMAL_MOST C(DOUBLE ? 709.0 : 88.0)    /* to there */
#define EXPM1_LEAST C(DOUBLE ? -40.0 : -20.0)   /* expm1 is -1 there */
#define REDUCIBLE 262144.0 /* largest number for sin_ and cos_ */
#define SCALE_BITS (DOUBLE ? 54 : 25)           /* 2^SCALE_BITS times a subnormal number is a normal one */

#endif
