/* Include the file CODE for float and for double, as the type REAL with the integer BITS of the same size. */
#define REAL float
#define BITS int32_t
#define DOUBLE 0
#define TYPE f32
#include CODE
#undef REAL
#undef BITS
#undef DOUBLE
#undef TYPE
#define REAL double
#define BITS int64_t
#define DOUBLE 1
#define TYPE f64
#include CODE
#undef REAL
#undef BITS
#undef DOUBLE
#undef TYPE
