/* Names and tables of code that is compiled for float and double, and for each level of the processor.

   `FN(name)` is the name of a function for the present type and level, such as name_f32_avx2. */
#ifndef MLPKIT_LEVELS_H
#define MLPKIT_LEVELS_H

#define JOINED_(name, type, level) name##_##type##_##level
#define JOINED(name, type, level) JOINED_(name, type, level)
#define FN(name) JOINED(name, TYPE, LEVEL)

#if defined(_MSC_VER)
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline, unused))
#endif

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define LEVELS 3 /* base, avx2, avx512 */
#else
#define LEVELS 1 /* base */
#endif

static const char *const level_names[] = {"base", "avx2", "avx512"};

/* Return the highest level of this processor. */
static inline int best_level(void) {
#if LEVELS > 1
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    return 0;
}

#endif
