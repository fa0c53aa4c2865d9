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
#include <string.h>

enum fory_tier { FORY_TIER_SCALAR = 0, FORY_TIER_BASELINE = 1, FORY_TIER_AVX2 = 2, FORY_TIER_AVX512 = 3 };
#define FORY_TIER_COUNT 4

/* returned by decoders for input that ends too early or breaks the 5/9-byte caps */
#define FORY_KERNEL_ERROR ((size_t)-1)

/* room behind the result that the encoders to UTF-8 may overwrite */
#define FORY_TEXT_SLACK 16

/* What a scan of text found. */
typedef struct fory_text_info {
    size_t chars;   /* code points */
    size_t bytes;   /* of the text as UTF-8 */
    uint32_t top;   /* the class of the largest: 0x7f, 0xff, 0xffff or 0x10ffff */
    int surrogates; /* 1 when a code point lies in D800..DFFF */
} fory_text_info;

/* One column of rows. width is 1, 2, 4 or 8 bytes; offset that of the slot in
 * the row. null_bit is the number of the column's bit in the bitmap at the start
 * of the row. Gathering fills values[width * n] and, unless nulls is NULL, one
 * bit per row in nulls[(n + 7) / 8] (1: null). Scattering writes the whole slot
 * of eight bytes, the value followed by zeros; rows whose bit is set in nulls
 * get a zero slot and their bit in the row's bitmap, whose other bits stay. */
typedef struct fory_column {
    size_t offset;
    size_t null_bit;
    void *values;
    uint8_t *nulls;
    int width;
} fory_column;

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

    /* Tagged 64-bit integers (section 2.2): four bytes, or nine. Room and
     * results as above. */
    size_t (*encode_ti64)(const int64_t *in, size_t n, uint8_t *out);
    size_t (*encode_tu64)(const uint64_t *in, size_t n, uint8_t *out);
    size_t (*decode_ti64)(const uint8_t *in, size_t len, int64_t *out, size_t n);
    size_t (*decode_tu64)(const uint8_t *in, size_t len, uint64_t *out, size_t n);

    /* The bytes that n varints take, or FORY_KERNEL_ERROR where decoding fails. */
    size_t (*skip_v64)(const uint8_t *in, size_t len, size_t n);
    size_t (*skip_v32)(const uint8_t *in, size_t len, size_t n);

    /* Text. is_ascii: 1 when no byte is >= 0x80. utf16_has_surrogate: 1 when
     * any native-order unit is in D800..DFFF. utf16_or: the OR of all units
     * (an upper bound of the largest). */
    int (*is_ascii)(const uint8_t *s, size_t n);
    int (*utf16_has_surrogate)(const uint16_t *s, size_t n);
    uint16_t (*utf16_or)(const uint16_t *s, size_t n);

    /* Transcoding. u1, u2 and u4 are arrays of code points of 1, 2 and 4 bytes in
     * native order, as str holds them. Surrogates are code points like others
     * (ED A0 80 is U+D800 and back); who does not want them looks at what the
     * scans report.
     *
     * utf8_scan: 1 and *info when s is well-formed (shortest forms, at most
     * U+10FFFF), else 0. utf8_to_*: s is well-formed and holds `chars` code
     * points, none too wide for out, which is filled exactly. */
    int (*utf8_scan)(const uint8_t *s, size_t n, fory_text_info *info);
    void (*utf8_to_u1)(const uint8_t *s, size_t n, uint8_t *out, size_t chars);
    void (*utf8_to_u2)(const uint8_t *s, size_t n, uint16_t *out, size_t chars);
    void (*utf8_to_u4)(const uint8_t *s, size_t n, uint32_t *out, size_t chars);
    /* *_scan: info->bytes is the size as UTF-8, to which *_to_utf8 returns the end.
     * out has FORY_TEXT_SLACK bytes of room behind that size. */
    void (*u1_scan)(const uint8_t *s, size_t n, fory_text_info *info);
    void (*u2_scan)(const uint16_t *s, size_t n, fory_text_info *info);
    void (*u4_scan)(const uint32_t *s, size_t n, fory_text_info *info);
    size_t (*u2_utf8_size)(const uint16_t *s, size_t n); /* info->bytes alone */
    uint8_t *(*u1_to_utf8)(const uint8_t *s, size_t n, uint8_t *out);
    uint8_t *(*u2_to_utf8)(const uint16_t *s, size_t n, uint8_t *out);
    uint8_t *(*u4_to_utf8)(const uint32_t *s, size_t n, uint8_t *out);
    /* utf16_pairs: surrogate pairs in s. utf16_to_u4 joins them; out has n minus
     * that many elements. u2_to_u1: every unit is below 256. */
    size_t (*utf16_pairs)(const uint16_t *s, size_t n);
    void (*utf16_to_u4)(const uint16_t *s, size_t n, uint32_t *out);
    void (*u2_to_u1)(const uint16_t *s, uint8_t *out, size_t n);

    /* Half floats (section 2.3, decision 30): nearest even, subnormals kept,
     * overflow to infinity, NaN quiet with sign and top payload bits. f64_to_*
     * rounds once from the double. */
    void (*f32_to_f16)(const float *in, uint16_t *out, size_t n);
    void (*f64_to_f16)(const double *in, uint16_t *out, size_t n);
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t n);
    void (*f64_to_bf16)(const double *in, uint16_t *out, size_t n);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f16_to_f64)(const uint16_t *in, double *out, size_t n);
    void (*bf16_to_f64)(const uint16_t *in, double *out, size_t n);

    /* Booleans: every non-zero byte becomes 1. in == out is allowed. As bits,
     * element i is bit i % 8 of byte i / 8; unused bits are written 0. */
    void (*bool_normalize)(const uint8_t *in, uint8_t *out, size_t n);
    void (*bool_to_bits)(const uint8_t *in, uint8_t *bits, size_t n);
    void (*bits_to_bool)(const uint8_t *bits, uint8_t *out, size_t n);

    /* The bytes of each element reversed. in == out is allowed. */
    void (*swap16)(const void *in, void *out, size_t n);
    void (*swap32)(const void *in, void *out, size_t n);
    void (*swap64)(const void *in, void *out, size_t n);

    /* Columns out of rows and back (wire-format section 17.2: eight-byte slots and
     * a null bitmap before them). Row i begins at rows + i * stride or at
     * base + offsets[i]. Bounds are the caller's: every row holds every slot. */
    void (*gather_fixed)(const uint8_t *rows, size_t stride, size_t n, const fory_column *columns, size_t count);
    void (*gather_offsets)(const uint8_t *base, const uint64_t *offsets, size_t n, const fory_column *columns,
                           size_t count);
    void (*scatter_fixed)(uint8_t *rows, size_t stride, size_t n, const fory_column *columns, size_t count);
    void (*scatter_offsets)(uint8_t *base, const uint64_t *offsets, size_t n, const fory_column *columns,
                            size_t count);
} fory_kernels;

/* Highest tier this process can run (CPUID and XGETBV and compiled with). */
int fory_cpu_best_tier(void);

/* The table of the given tier, or NULL when it is not compiled in or the CPU
 * cannot run it. FORY_TIER_SCALAR is always there. */
const fory_kernels *fory_kernels_of_tier(int tier);

/* "scalar" | "baseline" | "avx2" | "avx512" -> tier, or -1. */
int fory_tier_from_name(const char *name);

/* Copies n bytes and zeroes what is missing to the next multiple of eight.
 * Returns the padded size. */
static inline size_t
fory_copy_padded(uint8_t *out, const void *in, size_t n)
{
    static const uint8_t zeros[8];
    size_t padded = (n + 7) & ~(size_t)7;
    if (n > 0) {
        memcpy(out, in, n);
    }
    memcpy(out + n, zeros, padded - n);
    return padded;
}

/* one value of each half conversion, for scalar fields */
uint16_t fory_f64_to_f16(double v);
uint16_t fory_f64_to_bf16(double v);
double fory_f16_to_f64(uint16_t bits);
double fory_bf16_to_f64(uint16_t bits);

#endif /* FORY_KERNELS_H */
