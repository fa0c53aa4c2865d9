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
#define FORY_DECLARE_KERNELS(tier)                                                             \
    size_t fory_##tier##_encode_vi64(const int64_t *in, size_t n, uint8_t *out);               \
    size_t fory_##tier##_encode_vu64(const uint64_t *in, size_t n, uint8_t *out);              \
    size_t fory_##tier##_encode_vi32(const int32_t *in, size_t n, uint8_t *out);               \
    size_t fory_##tier##_encode_vu32(const uint32_t *in, size_t n, uint8_t *out);              \
    size_t fory_##tier##_decode_vi64(const uint8_t *in, size_t len, int64_t *out, size_t n);   \
    size_t fory_##tier##_decode_vu64(const uint8_t *in, size_t len, uint64_t *out, size_t n);  \
    size_t fory_##tier##_decode_vi32(const uint8_t *in, size_t len, int32_t *out, size_t n);   \
    size_t fory_##tier##_decode_vu32(const uint8_t *in, size_t len, uint32_t *out, size_t n);  \
    size_t fory_##tier##_encode_ti64(const int64_t *in, size_t n, uint8_t *out);               \
    size_t fory_##tier##_encode_tu64(const uint64_t *in, size_t n, uint8_t *out);              \
    size_t fory_##tier##_decode_ti64(const uint8_t *in, size_t len, int64_t *out, size_t n);   \
    size_t fory_##tier##_decode_tu64(const uint8_t *in, size_t len, uint64_t *out, size_t n);  \
    size_t fory_##tier##_skip_v64(const uint8_t *in, size_t len, size_t n);                    \
    size_t fory_##tier##_skip_v32(const uint8_t *in, size_t len, size_t n);                    \
    int fory_##tier##_is_ascii(const uint8_t *s, size_t n);                                    \
    int fory_##tier##_utf16_has_surrogate(const uint16_t *s, size_t n);                        \
    uint16_t fory_##tier##_utf16_or(const uint16_t *s, size_t n);                              \
    int fory_##tier##_utf8_scan(const uint8_t *s, size_t n, fory_text_info *info);             \
    void fory_##tier##_utf8_to_u1(const uint8_t *s, size_t n, uint8_t *out, size_t chars);     \
    void fory_##tier##_utf8_to_u2(const uint8_t *s, size_t n, uint16_t *out, size_t chars);    \
    void fory_##tier##_utf8_to_u4(const uint8_t *s, size_t n, uint32_t *out, size_t chars);    \
    void fory_##tier##_u1_scan(const uint8_t *s, size_t n, fory_text_info *info);              \
    void fory_##tier##_u2_scan(const uint16_t *s, size_t n, fory_text_info *info);             \
    void fory_##tier##_u4_scan(const uint32_t *s, size_t n, fory_text_info *info);             \
    size_t fory_##tier##_u2_utf8_size(const uint16_t *s, size_t n);                            \
    uint8_t *fory_##tier##_u1_to_utf8(const uint8_t *s, size_t n, uint8_t *out);               \
    uint8_t *fory_##tier##_u2_to_utf8(const uint16_t *s, size_t n, uint8_t *out);              \
    uint8_t *fory_##tier##_u4_to_utf8(const uint32_t *s, size_t n, uint8_t *out);              \
    size_t fory_##tier##_utf16_pairs(const uint16_t *s, size_t n);                             \
    void fory_##tier##_utf16_to_u4(const uint16_t *s, size_t n, uint32_t *out);                \
    void fory_##tier##_u2_to_u1(const uint16_t *s, uint8_t *out, size_t n);                    \
    void fory_##tier##_f32_to_f16(const float *in, uint16_t *out, size_t n);                   \
    void fory_##tier##_f64_to_f16(const double *in, uint16_t *out, size_t n);                  \
    void fory_##tier##_f16_to_f32(const uint16_t *in, float *out, size_t n);                   \
    void fory_##tier##_f32_to_bf16(const float *in, uint16_t *out, size_t n);                  \
    void fory_##tier##_f64_to_bf16(const double *in, uint16_t *out, size_t n);                 \
    void fory_##tier##_bf16_to_f32(const uint16_t *in, float *out, size_t n);                  \
    void fory_##tier##_f16_to_f64(const uint16_t *in, double *out, size_t n);                  \
    void fory_##tier##_bf16_to_f64(const uint16_t *in, double *out, size_t n);                 \
    void fory_##tier##_bool_normalize(const uint8_t *in, uint8_t *out, size_t n);              \
    void fory_##tier##_bool_to_bits(const uint8_t *in, uint8_t *bits, size_t n);               \
    void fory_##tier##_bits_to_bool(const uint8_t *bits, uint8_t *out, size_t n);              \
    void fory_##tier##_swap16(const void *in, void *out, size_t n);                            \
    void fory_##tier##_swap32(const void *in, void *out, size_t n);                            \
    void fory_##tier##_swap64(const void *in, void *out, size_t n);                            \
    void fory_##tier##_gather_fixed(const uint8_t *rows, size_t stride, size_t n,              \
                                    const fory_column *columns, size_t count);                 \
    void fory_##tier##_gather_offsets(const uint8_t *base, const uint64_t *offsets, size_t n,  \
                                      const fory_column *columns, size_t count);               \
    void fory_##tier##_scatter_fixed(uint8_t *rows, size_t stride, size_t n,                   \
                                     const fory_column *columns, size_t count);                \
    void fory_##tier##_scatter_offsets(uint8_t *base, const uint64_t *offsets, size_t n,       \
                                       const fory_column *columns, size_t count);

FORY_DECLARE_KERNELS(scalar)
FORY_DECLARE_KERNELS(baseline)
FORY_DECLARE_KERNELS(avx2)
FORY_DECLARE_KERNELS(avx512)

/* Slots of a table by family: the first argument names whose bodies fill them. */
#define FORY_SLOT(tier, name) .name = fory_##tier##_##name
#define FORY_VARINT_SLOTS(tier)                                                                            \
    FORY_SLOT(tier, encode_vi64), FORY_SLOT(tier, encode_vu64), FORY_SLOT(tier, encode_vi32),              \
        FORY_SLOT(tier, encode_vu32), FORY_SLOT(tier, decode_vi64), FORY_SLOT(tier, decode_vu64),          \
        FORY_SLOT(tier, decode_vi32), FORY_SLOT(tier, decode_vu32)
#define FORY_TAGGED_SLOTS(tier)                                                                            \
    FORY_SLOT(tier, encode_ti64), FORY_SLOT(tier, encode_tu64), FORY_SLOT(tier, decode_ti64),              \
        FORY_SLOT(tier, decode_tu64), FORY_SLOT(tier, skip_v64), FORY_SLOT(tier, skip_v32)
#define FORY_TEXT_SLOTS(tier) \
    FORY_SLOT(tier, is_ascii), FORY_SLOT(tier, utf16_has_surrogate), FORY_SLOT(tier, utf16_or)
#define FORY_TRANSCODE_SLOTS(tier)                                                                         \
    FORY_SLOT(tier, utf8_scan), FORY_SLOT(tier, utf8_to_u1), FORY_SLOT(tier, u1_scan),                     \
        FORY_SLOT(tier, u1_to_utf8), FORY_SLOT(tier, u4_to_utf8), FORY_SLOT(tier, utf16_to_u4)
#define FORY_UNIT_SLOTS(tier) \
    FORY_SLOT(tier, utf8_to_u2), FORY_SLOT(tier, utf8_to_u4), FORY_SLOT(tier, u2_to_utf8)
#define FORY_LOOP_SLOTS(tier) \
    FORY_SLOT(tier, u2_scan), FORY_SLOT(tier, u4_scan), FORY_SLOT(tier, u2_utf8_size), FORY_SLOT(tier, utf16_pairs)
#define FORY_FLOAT_SLOTS(tier)                                                                             \
    FORY_SLOT(tier, f32_to_f16), FORY_SLOT(tier, f16_to_f32), FORY_SLOT(tier, f32_to_bf16),                \
        FORY_SLOT(tier, bf16_to_f32), FORY_SLOT(tier, f16_to_f64)
#define FORY_DOUBLE_SLOTS(tier) FORY_SLOT(tier, f64_to_f16), FORY_SLOT(tier, f64_to_bf16)
#define FORY_BITS_SLOTS(tier) FORY_SLOT(tier, bool_to_bits), FORY_SLOT(tier, bits_to_bool)
#define FORY_SWAP_SLOTS(tier) FORY_SLOT(tier, swap32), FORY_SLOT(tier, swap64)
/* no vector form is faster: every table has the scalar ones */
#define FORY_PLAIN_SLOTS                                                                                   \
    FORY_SLOT(scalar, bool_normalize), FORY_SLOT(scalar, swap16), FORY_SLOT(scalar, u2_to_u1),             \
        FORY_ROW_SLOTS(scalar)
#define FORY_ROW_SLOTS(tier)                                                                               \
    FORY_SLOT(tier, gather_fixed), FORY_SLOT(tier, gather_offsets), FORY_SLOT(tier, scatter_fixed),        \
        FORY_SLOT(tier, scatter_offsets)

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

FORY_ALWAYS_INLINE uint16_t
reverse16(uint16_t v)
{
    return (uint16_t)(v << 8 | v >> 8);
}

#if defined(__GNUC__) || defined(__clang__)
FORY_ALWAYS_INLINE uint32_t reverse32(uint32_t v) { return __builtin_bswap32(v); }
FORY_ALWAYS_INLINE uint64_t reverse64(uint64_t v) { return __builtin_bswap64(v); }
#else
FORY_ALWAYS_INLINE uint32_t
reverse32(uint32_t v)
{
    return (uint32_t)reverse16((uint16_t)v) << 16 | reverse16((uint16_t)(v >> 16));
}

FORY_ALWAYS_INLINE uint64_t
reverse64(uint64_t v)
{
    return (uint64_t)reverse32((uint32_t)v) << 32 | reverse32((uint32_t)(v >> 32));
}
#endif

/* Little-endian forms, as on the wire. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FORY_WIRE_ORDER(bits, v) reverse##bits(v)
#else
#define FORY_WIRE_ORDER(bits, v) (v)
#endif
#define FORY_DEFINE_WIRE_ACCESS(bits)                                                                     \
    FORY_ALWAYS_INLINE uint##bits##_t load_le##bits(const void *p) { return FORY_WIRE_ORDER(bits, load##bits(p)); } \
    FORY_ALWAYS_INLINE void store_le##bits(void *p, uint##bits##_t v) { store##bits(p, FORY_WIRE_ORDER(bits, v)); }
FORY_DEFINE_WIRE_ACCESS(16)
FORY_DEFINE_WIRE_ACCESS(32)
FORY_DEFINE_WIRE_ACCESS(64)

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

FORY_ALWAYS_INLINE unsigned
fory_count_bits(uint64_t x)
{
#if defined(__GNUC__) || defined(__clang__)
    return (unsigned)__builtin_popcountll(x);
#else
    x -= (x >> 1) & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)((x * UINT64_C(0x0101010101010101)) >> 56);
#endif
}

#endif /* FORY_KERNELS_TIERS_H */
