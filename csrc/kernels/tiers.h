/* Private to the kernels room: what its translation units share. */
#ifndef FORY_KERNELS_TIERS_H
#define FORY_KERNELS_TIERS_H

#include "kernels/kernels.h"

#include <string.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define FORY_ALWAYS_INLINE static __forceinline
#else
#define FORY_ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

/* CPU features that a unit was compiled to use; found at run time by dispatch.c.
 * Macros, because the units test them in #if. */
#define FORY_CPU_SSE2 (1u << 0)
#define FORY_CPU_SSSE3 (1u << 1)
#define FORY_CPU_SSE41 (1u << 2)
#define FORY_CPU_SSE42 (1u << 3)
#define FORY_CPU_AVX2 (1u << 4)
#define FORY_CPU_BMI (1u << 5)
#define FORY_CPU_BMI2 (1u << 6)
#define FORY_CPU_F16C (1u << 7)
#define FORY_CPU_FMA (1u << 8)
#define FORY_CPU_LZCNT (1u << 9)
#define FORY_CPU_POPCNT (1u << 10)
#define FORY_CPU_AVX512 (1u << 11) /* F, BW, VL and DQ together */
#define FORY_CPU_FAST_PDEP (1u << 12)

/* The features this unit's own flags let the compiler use. MSVC names only
 * AVX2 and AVX512 and lets the rest come with them. */
#if defined(__AVX2__)
#define FORY_UNIT_AVX2_ (FORY_CPU_AVX2 | FORY_CPU_SSE42 | FORY_CPU_SSE41 | FORY_CPU_SSSE3)
#else
#define FORY_UNIT_AVX2_ 0
#endif
#if defined(__SSSE3__)
#define FORY_UNIT_SSSE3_ FORY_CPU_SSSE3
#else
#define FORY_UNIT_SSSE3_ 0
#endif
#if defined(__SSE4_1__)
#define FORY_UNIT_SSE41_ FORY_CPU_SSE41
#else
#define FORY_UNIT_SSE41_ 0
#endif
#if defined(__SSE4_2__)
#define FORY_UNIT_SSE42_ FORY_CPU_SSE42
#else
#define FORY_UNIT_SSE42_ 0
#endif
#if defined(__BMI__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_BMI_ FORY_CPU_BMI
#else
#define FORY_UNIT_BMI_ 0
#endif
#if defined(__BMI2__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_BMI2_ FORY_CPU_BMI2
#else
#define FORY_UNIT_BMI2_ 0
#endif
#if defined(__F16C__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_F16C_ FORY_CPU_F16C
#else
#define FORY_UNIT_F16C_ 0
#endif
#if defined(__FMA__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_FMA_ FORY_CPU_FMA
#else
#define FORY_UNIT_FMA_ 0
#endif
#if defined(__LZCNT__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_LZCNT_ FORY_CPU_LZCNT
#else
#define FORY_UNIT_LZCNT_ 0
#endif
#if defined(__POPCNT__) || (defined(_MSC_VER) && defined(__AVX2__))
#define FORY_UNIT_POPCNT_ FORY_CPU_POPCNT
#else
#define FORY_UNIT_POPCNT_ 0
#endif
#if defined(__AVX512F__)
#define FORY_UNIT_AVX512_ FORY_CPU_AVX512
#else
#define FORY_UNIT_AVX512_ 0
#endif
#define FORY_UNIT_FEATURES                                                                      \
    (FORY_UNIT_AVX2_ | FORY_UNIT_SSSE3_ | FORY_UNIT_SSE41_ | FORY_UNIT_SSE42_ | FORY_UNIT_BMI_ | \
     FORY_UNIT_BMI2_ | FORY_UNIT_F16C_ | FORY_UNIT_FMA_ | FORY_UNIT_LZCNT_ | FORY_UNIT_POPCNT_ | \
     FORY_UNIT_AVX512_)

/* What a tier's unit offers. Plain data, so that looking at it executes
 * nothing that was compiled with the tier's flags. */
typedef struct fory_tier_entry {
    const fory_kernels *table;     /* NULL: compiled without the tier's instructions */
    const fory_kernels *slow_pdep; /* replaces table where pdep/pext are microcoded; may be NULL */
    unsigned needs;                /* FORY_CPU_* */
} fory_tier_entry;

extern const fory_tier_entry fory_tier_scalar;
extern const fory_tier_entry fory_tier_baseline;
extern const fory_tier_entry fory_tier_avx2;
extern const fory_tier_entry fory_tier_avx512;

/* The kernels by tier. A unit defines those it has a body for; a table takes
 * the others from the tiers below by name. */
#define FORY_DECLARE_KERNELS(tier)                                                        \
    size_t fory_##tier##_encode_vi64(const int64_t *in, size_t n, uint8_t *out);          \
    size_t fory_##tier##_encode_vu64(const uint64_t *in, size_t n, uint8_t *out);         \
    size_t fory_##tier##_encode_vi32(const int32_t *in, size_t n, uint8_t *out);          \
    size_t fory_##tier##_encode_vu32(const uint32_t *in, size_t n, uint8_t *out);         \
    size_t fory_##tier##_decode_vi64(const uint8_t *in, size_t len, int64_t *out, size_t n);  \
    size_t fory_##tier##_decode_vu64(const uint8_t *in, size_t len, uint64_t *out, size_t n); \
    size_t fory_##tier##_decode_vi32(const uint8_t *in, size_t len, int32_t *out, size_t n);  \
    size_t fory_##tier##_decode_vu32(const uint8_t *in, size_t len, uint32_t *out, size_t n); \
    int fory_##tier##_is_ascii(const uint8_t *s, size_t n);                               \
    int fory_##tier##_utf16_has_surrogate(const uint16_t *s, size_t n);                   \
    uint16_t fory_##tier##_utf16_or(const uint16_t *s, size_t n);                         \
    void fory_##tier##_f32_to_f16(const float *in, uint16_t *out, size_t n);              \
    void fory_##tier##_f64_to_f16(const double *in, uint16_t *out, size_t n);             \
    void fory_##tier##_f16_to_f32(const uint16_t *in, float *out, size_t n);              \
    void fory_##tier##_f32_to_bf16(const float *in, uint16_t *out, size_t n);             \
    void fory_##tier##_f64_to_bf16(const double *in, uint16_t *out, size_t n);            \
    void fory_##tier##_bf16_to_f32(const uint16_t *in, float *out, size_t n);             \
    void fory_##tier##_bool_normalize(const uint8_t *in, uint8_t *out, size_t n);

FORY_DECLARE_KERNELS(scalar)
FORY_DECLARE_KERNELS(baseline)
FORY_DECLARE_KERNELS(avx2)
FORY_DECLARE_KERNELS(avx512)

/* ---- memory ---------------------------------------------------------------- */

/* The arguments of kernels often point into the middle of a message, so no
 * kernel may assume that a uint16_t * (or wider) is aligned: all access goes
 * through these, whose void pointers promise the compiler nothing. */
#define FORY_DEFINE_ACCESS(bits)                                 \
    FORY_ALWAYS_INLINE uint##bits##_t load##bits(const void *p)  \
    {                                                            \
        uint##bits##_t v;                                        \
        memcpy(&v, p, sizeof(v));                                \
        return v;                                                \
    }                                                            \
    FORY_ALWAYS_INLINE void store##bits(void *p, uint##bits##_t v) \
    {                                                            \
        memcpy(p, &v, sizeof(v));                                \
    }
FORY_DEFINE_ACCESS(16)
FORY_DEFINE_ACCESS(32)
FORY_DEFINE_ACCESS(64)

/* ---- bits ------------------------------------------------------------------ */

/* index of the lowest set bit; x is not 0 */
FORY_ALWAYS_INLINE unsigned
fory_lowest_bit(uint64_t x)
{
#if defined(_MSC_VER) && !defined(__clang__) && (defined(_M_X64) || defined(_M_ARM64))
    unsigned long i;
    _BitScanForward64(&i, x);
    return (unsigned)i;
#elif defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_ctzll(x);
#else
    unsigned i = 0;
    while (!(x & 1)) {
        x >>= 1;
        i++;
    }
    return i;
#endif
}

/* index of the highest set bit; x is not 0 */
FORY_ALWAYS_INLINE unsigned
fory_highest_bit(uint64_t x)
{
#if defined(_MSC_VER) && !defined(__clang__) && (defined(_M_X64) || defined(_M_ARM64))
    unsigned long i;
    _BitScanReverse64(&i, x);
    return (unsigned)i;
#elif defined(__GNUC__) || defined(__clang__)
    return 63u ^ (unsigned)__builtin_clzll(x);
#else
    unsigned i = 0;
    while (x >>= 1) {
        i++;
    }
    return i;
#endif
}

#endif /* FORY_KERNELS_TIERS_H */
