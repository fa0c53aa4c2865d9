/* Private header of the kernels room: batch operations on plain memory.
 *
 * One body per family, compiled once per instruction-set tier in its own
 * translation unit. A table is const; which one is used is the caller's state,
 * chosen by fory_kernels_select from CPUID, XGETBV and what was compiled. The
 * scalar body of each kernel defines its result; other tiers equal it bit for
 * bit. A tier leaves a slot to the tier below it where it measured no win. */
#ifndef FORY_KERNELS_H
#define FORY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum fory_tier { FORY_TIER_SCALAR = 0, FORY_TIER_BASELINE = 1, FORY_TIER_AVX2 = 2, FORY_TIER_AVX512 = 3 };
#define FORY_TIER_COUNT 4

/* returned by decoders for input that ends too early or breaks the 5/9-byte caps */
#define FORY_KERNEL_ERROR ((size_t)-1)

typedef struct fory_kernels {
    int tier;         /* enum fory_tier */
    const char *name; /* "scalar", "baseline", "avx2", "avx512" */

    /* Varint batches (wire-format section 2). Encoders need 9*n + 8 (64 bit)
     * or 5*n + 8 (32 bit) bytes of room in out and return the bytes written.
     * Decoders read exactly n values from in[0..len), never touch memory past
     * it, and return the bytes consumed or FORY_KERNEL_ERROR. */
    size_t (*encode_vi64)(const int64_t *in, size_t n, uint8_t *out);
    size_t (*encode_vu64)(const uint64_t *in, size_t n, uint8_t *out);
    size_t (*encode_vi32)(const int32_t *in, size_t n, uint8_t *out);
    size_t (*encode_vu32)(const uint32_t *in, size_t n, uint8_t *out);
    size_t (*decode_vi64)(const uint8_t *in, size_t len, int64_t *out, size_t n);
    size_t (*decode_vu64)(const uint8_t *in, size_t len, uint64_t *out, size_t n);
    size_t (*decode_vi32)(const uint8_t *in, size_t len, int32_t *out, size_t n);
    size_t (*decode_vu32)(const uint8_t *in, size_t len, uint32_t *out, size_t n);

    /* Text. is_ascii: 1 when no byte is >= 0x80. utf16_has_surrogate: 1 when
     * any native-order unit is in D800..DFFF. utf16_or: the OR of all units
     * (an upper bound of the largest). */
    int (*is_ascii)(const uint8_t *s, size_t n);
    int (*utf16_has_surrogate)(const uint16_t *s, size_t n);
    uint16_t (*utf16_or)(const uint16_t *s, size_t n);

    /* Half floats (section 2.3, decision 30): nearest even, subnormals kept,
     * overflow to infinity, NaN quiet with sign and top payload bits. f64_to_*
     * rounds once from the double. */
    void (*f32_to_f16)(const float *in, uint16_t *out, size_t n);
    void (*f64_to_f16)(const double *in, uint16_t *out, size_t n);
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t n);
    void (*f64_to_bf16)(const double *in, uint16_t *out, size_t n);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t n);

    /* Booleans: every non-zero byte becomes 1. in == out is allowed. */
    void (*bool_normalize)(const uint8_t *in, uint8_t *out, size_t n);
} fory_kernels;

/* Highest tier this process can run (CPUID and XGETBV and compiled with). */
int fory_cpu_best_tier(void);

/* The table of the given tier, or NULL when it is not compiled in or the CPU
 * cannot run it. FORY_TIER_SCALAR is always there. */
const fory_kernels *fory_kernels_of_tier(int tier);

/* "scalar" | "baseline" | "avx2" | "avx512" -> tier, or -1. */
int fory_tier_from_name(const char *name);

/* one value of each half conversion, for scalar fields */
uint16_t fory_f64_to_f16(double v);
uint16_t fory_f64_to_bf16(double v);
double fory_f16_to_f64(uint16_t bits);
double fory_bf16_to_f64(uint16_t bits);

#endif /* FORY_KERNELS_H */
