/* Kernels as fuzz targets: the first byte of the input chooses a family, the
 * rest is its data; every tier has to agree with the scalar one, and what was
 * decoded has to encode to what it came from.
 *
 * With libFuzzer: clang -fsanitize=fuzzer,address -DFORY_LIBFUZZER ... Without
 * it the plain main below runs each file of the corpus it is given, and a fixed
 * number of mutations of each. */
#include "guarded.h"

#include "check.h"

#include "kernels/kernels.h"

#define MAX_INPUT 4096

static void
require(int condition, const char *what, const fory_kernels *k)
{
    if (!condition) {
        fprintf(stderr, "%s: tier %s differs\n", what, k->name);
        abort();
    }
}

/* Memory of exactly n bytes, for a sanitizer to watch. */
static void *
exactly(const void *data, size_t n)
{
    void *p = malloc(n ? n : 1);
    if (p == NULL) {
        abort();
    }
    if (data != NULL && n > 0) {
        memcpy(p, data, n);
    }
    return p;
}

/* ---- families ------------------------------------------------------------------ */

#define FUZZ_VARINT(name, type, group, width)                                                              \
    static void fuzz_##name(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len, size_t n) \
    {                                                                                                      \
        type *want = exactly(NULL, n * sizeof(type)), *got = exactly(NULL, n * sizeof(type));              \
        size_t used = scalar->decode_##name(in, len, want, n);                                             \
        require(k->decode_##name(in, len, got, n) == used, #name " size", k);                              \
        if (used != FORY_KERNEL_ERROR) {                                                                   \
            uint8_t *out = exactly(NULL, n * (width) + 8), *again = exactly(NULL, n * (width) + 8);        \
            size_t size = scalar->encode_##name(want, n, out);                                             \
            require(memcmp(want, got, n * sizeof(type)) == 0, #name " values", k);                         \
            require(k->encode_##name(want, n, again) == size && memcmp(out, again, size) == 0, #name " bytes", k); \
            /* shortest forms are what was read, or shorter */                                             \
            require(size <= used, #name " round trip", k);                                                 \
            free(out);                                                                                     \
            free(again);                                                                                   \
        }                                                                                                  \
        free(want);                                                                                        \
        free(got);                                                                                         \
    }

FUZZ_VARINT(vi64, int64_t, v64, 9)
FUZZ_VARINT(vu64, uint64_t, v64, 9)
FUZZ_VARINT(vi32, int32_t, v32, 5)
FUZZ_VARINT(vu32, uint32_t, v32, 5)
FUZZ_VARINT(ti64, int64_t, v64, 9)
FUZZ_VARINT(tu64, uint64_t, v64, 9)

static void
fuzz_skip(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len, size_t n)
{
    require(k->skip_v64(in, len, n) == scalar->skip_v64(in, len, n), "skip_v64", k);
    require(k->skip_v32(in, len, n) == scalar->skip_v32(in, len, n), "skip_v32", k);
}

static void
fuzz_utf8(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len)
{
    fory_text_info want, got;
    int valid = scalar->utf8_scan(in, len, &want);
    require(k->utf8_scan(in, len, &got) == valid, "utf8_scan", k);
    if (!valid) {
        return;
    }
    require(got.chars == want.chars && got.bytes == want.bytes && got.top == want.top &&
                got.surrogates == want.surrogates,
            "utf8_scan info", k);
    uint32_t *wide = exactly(NULL, 4 * want.chars);
    uint8_t *bytes = exactly(NULL, len + FORY_TEXT_SLACK);
    k->utf8_to_u4(in, len, wide, want.chars);
    k->u4_scan(wide, want.chars, &got);
    require(got.bytes == len && got.top == want.top && got.surrogates == want.surrogates, "u4_scan", k);
    require(k->u4_to_utf8(wide, want.chars, bytes) == bytes + len && memcmp(bytes, in, len) == 0, "u4_to_utf8", k);
    if (want.top <= 0xffff) {
        uint16_t *units = exactly(NULL, 2 * want.chars);
        k->utf8_to_u2(in, len, units, want.chars);
        require(k->u2_utf8_size(units, want.chars) == len, "u2_utf8_size", k);
        k->u2_scan(units, want.chars, &got);
        require(got.bytes == len && got.top == want.top && got.surrogates == want.surrogates, "u2_scan", k);
        require(k->u2_to_utf8(units, want.chars, bytes) == bytes + len && memcmp(bytes, in, len) == 0, "u2_to_utf8", k);
        free(units);
    }
    if (want.top <= 0xff) {
        uint8_t *units = exactly(NULL, want.chars);
        k->utf8_to_u1(in, len, units, want.chars);
        require(k->u1_to_utf8(units, want.chars, bytes) == bytes + len && memcmp(bytes, in, len) == 0, "u1_to_utf8", k);
        free(units);
    }
    free(wide);
    free(bytes);
}

static void
fuzz_units(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len)
{
    size_t n = len / 2;
    uint16_t *units = exactly(in, 2 * n);
    size_t pairs = scalar->utf16_pairs(units, n);
    uint32_t *want = exactly(NULL, 4 * (n - pairs)), *got = exactly(NULL, 4 * (n - pairs));
    fory_text_info a, b;
    require(k->utf16_pairs(units, n) == pairs, "utf16_pairs", k);
    scalar->utf16_to_u4(units, n, want);
    k->utf16_to_u4(units, n, got);
    require(memcmp(want, got, 4 * (n - pairs)) == 0, "utf16_to_u4", k);
    scalar->u2_scan(units, n, &a);
    k->u2_scan(units, n, &b);
    require(a.bytes == b.bytes && a.top == b.top && a.surrogates == b.surrogates, "u2_scan", k);
    require(k->utf16_has_surrogate(units, n) == a.surrogates, "utf16_has_surrogate", k);
    require(k->utf16_or(units, n) == scalar->utf16_or(units, n), "utf16_or", k);
    uint8_t *x = exactly(NULL, a.bytes + FORY_TEXT_SLACK), *y = exactly(NULL, a.bytes + FORY_TEXT_SLACK);
    require(scalar->u2_to_utf8(units, n, x) == x + a.bytes && k->u2_to_utf8(units, n, y) == y + a.bytes &&
                memcmp(x, y, a.bytes) == 0,
            "u2_to_utf8", k);
    require(k->is_ascii(in, len) == scalar->is_ascii(in, len), "is_ascii", k);
    free(units);
    free(want);
    free(got);
    free(x);
    free(y);
}

#define SAME_FLOATS(slot, in_size, out_size)                              \
    do {                                                                  \
        size_t n = len / (in_size);                                       \
        void *a = exactly(in, n * (in_size));                             \
        void *x = exactly(NULL, n * (out_size)), *y = exactly(NULL, n * (out_size)); \
        scalar->slot(a, x, n);                                            \
        k->slot(a, y, n);                                                 \
        require(memcmp(x, y, n * (out_size)) == 0, #slot, k);             \
        free(a);                                                          \
        free(x);                                                          \
        free(y);                                                          \
    } while (0)

static void
fuzz_halves(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len)
{
    SAME_FLOATS(f32_to_f16, 4, 2);
    SAME_FLOATS(f32_to_bf16, 4, 2);
    SAME_FLOATS(f64_to_f16, 8, 2);
    SAME_FLOATS(f64_to_bf16, 8, 2);
    SAME_FLOATS(f16_to_f32, 2, 4);
    SAME_FLOATS(bf16_to_f32, 2, 4);
    SAME_FLOATS(f16_to_f64, 2, 8);
    SAME_FLOATS(bf16_to_f64, 2, 8);
}

static void
fuzz_bits(const fory_kernels *k, const fory_kernels *scalar, const uint8_t *in, size_t len)
{
    size_t bytes = (len + 7) / 8;
    uint8_t *want = exactly(NULL, bytes), *got = exactly(NULL, bytes);
    uint8_t *flags = exactly(NULL, len), *back = exactly(NULL, len);
    scalar->bool_to_bits(in, want, len);
    k->bool_to_bits(in, got, len);
    require(memcmp(want, got, bytes) == 0, "bool_to_bits", k);
    k->bool_normalize(in, flags, len);
    k->bits_to_bool(got, back, len);
    require(memcmp(flags, back, len) == 0, "bits_to_bool", k);
    free(want);
    free(got);
    free(flags);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fory_kernels *scalar = fory_kernels_of_tier(FORY_TIER_SCALAR);
    if (size < 2 || size > MAX_INPUT) {
        return 0;
    }
    for (int tier = 1; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        size_t len = size - 2, n = data[1] * 2u;
        if (k == NULL) {
            continue;
        }
        uint8_t *in = exactly(data + 2, len);
        switch (data[0] % 11) {
        case 0: fuzz_vi64(k, scalar, in, len, n); break;
        case 1: fuzz_vu64(k, scalar, in, len, n); break;
        case 2: fuzz_vi32(k, scalar, in, len, n); break;
        case 3: fuzz_vu32(k, scalar, in, len, n); break;
        case 4: fuzz_ti64(k, scalar, in, len, n); break;
        case 5: fuzz_tu64(k, scalar, in, len, n); break;
        case 6: fuzz_skip(k, scalar, in, len, n); break;
        case 7: fuzz_utf8(k, scalar, in, len); break;
        case 8: fuzz_units(k, scalar, in, len); break;
        case 9: fuzz_halves(k, scalar, in, len); break;
        default: fuzz_bits(k, scalar, in, len); break;
        }
        free(in);
    }
    return 0;
}

#if !defined(FORY_LIBFUZZER)

#define MUTATIONS 3000

static void
run_file(const char *path)
{
    static uint8_t original[MAX_INPUT], changed[MAX_INPUT];
    uint64_t seed = 20240604;
    FILE *f = fopen(path, "rb");
    size_t size;
    if (f == NULL) {
        perror(path);
        exit(2);
    }
    size = fread(original, 1, sizeof(original), f);
    fclose(f);
    LLVMFuzzerTestOneInput(original, size);
    for (int i = 0; i < MUTATIONS && size > 2; i++) {
        size_t length = size;
        memcpy(changed, original, size);
        for (uint64_t steps = 1 + next_random(&seed) % 4; steps > 0; steps--) {
            uint64_t x = next_random(&seed);
            size_t at = (x >> 8) % length;
            switch (x % 5) {
            case 0: changed[at] ^= (uint8_t)(1u << (x >> 61)); break;
            case 1: changed[at] = (uint8_t)(x >> 50); break;
            case 2: length = length > 3 ? length - 1 - (x >> 40) % (length - 2) : length; break;
            case 3: changed[at] |= 0x80; break;
            default: memmove(changed + at, changed + at / 2, length - at); break;
            }
        }
        LLVMFuzzerTestOneInput(changed, length);
        check_count++;
    }
    check_count++;
}

/* usage: fuzz_kernels FILE... */
int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        run_file(argv[i]);
    }
    CHECK(argc > 1, "no corpus");
    return check_report("fuzz_kernels");
}

#endif
