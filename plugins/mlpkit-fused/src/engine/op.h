/* An operation of a program with the places of its arrays, and what is known of each kind of operation. */
#ifndef MLPKIT_OP_H
#define MLPKIT_OP_H

#include <stddef.h>
#include <stdint.h>

#include "levels.h"

#define PLACES 10 /* most arrays of an operation */
#define SIZES 6   /* most sizes of an operation */
#define NUMBERS 8 /* most numbers of an operation */
#define SLOTS 3   /* most arrays that are given to each run */

enum { COSINES, WAVES, BINS, EMBEDDING_COUNT }; /* codes of embeddings */
static const char *const embedding_names[] = {"cosines", "waves", "bins"};

/* cblas_sgemm and cblas_dgemm with integers of 64 or 32 bits. */
typedef void (*gemm_wide_f32)(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float, float *,
                              int64_t);
typedef void (*gemm_wide_f64)(int, int, int, int64_t, int64_t, int64_t, double, const double *, int64_t, const double *, int64_t, double,
                              double *, int64_t);
typedef void (*gemm_narrow_f32)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*gemm_narrow_f64)(int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);

typedef struct {
    void *base; /* address of an array that is held; NULL: that of a slot, or none */
    int slot;   /* number of the slot, or -1 */
} Place;

typedef struct {
    void *slots[SLOTS]; /* NULL: not given */
    void (*gemm)(void); /* one of the types above */
    int wide;           /* 1: its integers have 64 bits */
    int classes;        /* 1: targets are class numbers */
    int wrong;          /* 1: one of them is out of range */
    double loss;
} Run;

typedef struct Program Program;
typedef struct Op Op;
typedef void (*Function)(const Op *, Run *);

struct Op {
    Function function;
    Place places[PLACES];
    ptrdiff_t sizes[SIZES];
    double numbers[NUMBERS];
    int code;
};

static inline void *at(const Op *op, const Run *run, int place) {
    const Place *found = &op->places[place];
    return found->slot < 0 ? found->base : run->slots[found->slot];
}

/* Kind of operation.

   `places` has a word for each array: its type, 'r' for the dtype of the program, 'd' for double, 'i' for ptrdiff_t or 't' for targets, in
   upper case if it is written to, behind '?' if it may be left out; then the sizes whose product is its least length: "R02" for
   sizes[0] * sizes[2]. */
typedef struct {
    const char *name, *places;
    int sizes, numbers;
    int codes;                                 /* number of codes, or 0 */
    int (*fits)(const Program *, const Op *); /* return 1 if what depends on the code or on other sizes is right; NULL: nothing does */
    Function functions[LEVELS][2];
} Kind;

#endif
