/* Every kernel of every tier that runs here against the scalar tier, and the
 * scalar tier against independent references. Inputs lie at every alignment
 * and against unreadable pages, so that a byte too far is a crash. */
#include "guarded.h"

#include "check.h"
#include "fixed_writer.h"

#include "kernels/kernels.h"

#include <math.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#define HAVE_MXCSR 1
#endif

#define MAX_N 300

static guarded in_page, out_page, scalar_page;
static const fory_kernels *scalar;
static uint64_t seed = 20240601;

/* ---- varints -------------------------------------------------------------- */

enum { PATTERN_SMALL, PATTERN_TWO, PATTERN_MIXED, PATTERN_SPIKE, PATTERN_MAX, PATTERN_EDGES, PATTERN_LONG, PATTERNS };

/* a number for the wire, before or after zigzag */
static uint64_t
pattern_number(int pattern, unsigned bits, size_t i, size_t spike)
{
    uint64_t x = next_random(&seed), r = next_random(&seed);
    switch (pattern) {
    case PATTERN_SMALL: return x & 0x7f;
    case PATTERN_TWO: return r & 1 ? x & 0x7f : x & 0x3fff;
    case PATTERN_MIXED: return x >> (64 - bits + r % bits);
    case PATTERN_SPIKE: return i == spike ? x >> (64 - bits) : x & 0x7f;
    case PATTERN_MAX: return UINT64_MAX >> (64 - bits);
    case PATTERN_EDGES: return ((UINT64_C(1) << (r % bits)) - (x & 1)) & (UINT64_MAX >> (64 - bits));
    default: return (x | UINT64_C(1) << 63) >> (64 - bits);
    }
}

static uint64_t numbers64[MAX_N];
static uint32_t numbers32[MAX_N];

static void
fill_numbers(int pattern, size_t n)
{
    size_t spike = n ? next_random(&seed) % n : 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = pattern_number(pattern, 64, i, spike);
        /* half of the tests feed signed kernels: small values of both signs too */
        numbers64[i] = next_random(&seed) & 8 ? (uint64_t)fory_unzigzag64(v) : v;
        v = pattern_number(pattern, 32, i, spike);
        numbers32[i] = next_random(&seed) & 8 ? (uint32_t)fory_unzigzag32((uint32_t)v) : (uint32_t)v;
    }
}

/* All functions through one signature each way. */
typedef enum { VI64, VU64, VI32, VU32, TI64, TU64, VARINT_KINDS } varint_kind;
static const char *const varint_names[] = {"vi64", "vu64", "vi32", "vu32", "ti64", "tu64"};

static size_t
width_of(varint_kind kind)
{
    return kind == VI32 || kind == VU32 ? 4 : 8;
}

static size_t
encode(const fory_kernels *k, varint_kind kind, const void *in, size_t n, uint8_t *out)
{
    switch (kind) {
    case VI64: return k->encode_vi64(in, n, out);
    case VU64: return k->encode_vu64(in, n, out);
    case VI32: return k->encode_vi32(in, n, out);
    case TI64: return k->encode_ti64(in, n, out);
    case TU64: return k->encode_tu64(in, n, out);
    default: return k->encode_vu32(in, n, out);
    }
}

static size_t
decode(const fory_kernels *k, varint_kind kind, const uint8_t *in, size_t len, void *out, size_t n)
{
    switch (kind) {
    case VI64: return k->decode_vi64(in, len, out, n);
    case VU64: return k->decode_vu64(in, len, out, n);
    case VI32: return k->decode_vi32(in, len, out, n);
    case TI64: return k->decode_ti64(in, len, out, n);
    case TU64: return k->decode_tu64(in, len, out, n);
    default: return k->decode_vu32(in, len, out, n);
    }
}

static const void *
numbers(varint_kind kind)
{
    return width_of(kind) == 8 ? (const void *)numbers64 : (const void *)numbers32;
}

/* the wire room's single writes, as reference for the scalar tier */
static size_t
encode_reference(varint_kind kind, size_t n, uint8_t *out)
{
    fory_writer w;
    w.start = w.pos = out;
    w.end = out + 9 * n;
    w.grow = NULL;
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
        case VI64: fory_put_vi64(&w, (int64_t)numbers64[i]); break;
        case VU64: fory_put_vu64(&w, numbers64[i]); break;
        case VI32: fory_put_vi32(&w, (int32_t)numbers32[i]); break;
        case TI64: fory_put_tagged_i64(&w, (int64_t)numbers64[i]); break;
        case TU64: fory_put_tagged_u64(&w, numbers64[i]); break;
        default: fory_put_vu32(&w, numbers32[i]); break;
        }
    }
    return (size_t)(w.pos - w.start);
}

/* What the kernel skips must be what the decoder takes. */
static void
check_skip(const fory_kernels *k, varint_kind kind, const uint8_t *in, size_t len, size_t n, size_t want)
{
    if (kind <= VU32) {
        size_t got = (width_of(kind) == 8 ? k->skip_v64 : k->skip_v32)(in, len, n);
        CHECK(got == want, "%s skip of %zu %s in %zu bytes: %zu, not %zu", k->name, n, varint_names[kind], len, got, want);
    }
}

static void
check_varints(const fory_kernels *k, varint_kind kind, size_t n, int placement)
{
    static uint8_t expected[9 * MAX_N + 8];
    size_t width = width_of(kind), room = (width == 8 ? 9 : 5) * n + 8;
    size_t size = encode_reference(kind, n, expected);
    uint8_t *in = place(in_page, n * width, placement);
    uint8_t *out = place(out_page, room, 0);

    memcpy(in, numbers(kind), n * width);
    CHECK(encode(k, kind, in, n, out) == size && memcmp(out, expected, size) == 0, "%s encode_%s n=%zu at %d", k->name,
          varint_names[kind], n, placement);

    in = place(in_page, size, placement);
    memcpy(in, expected, size);
    out = place(out_page, n * width, placement);
    CHECK(decode(k, kind, in, size, out, n) == size && memcmp(out, numbers(kind), n * width) == 0,
          "%s decode_%s n=%zu at %d", k->name, varint_names[kind], n, placement);
    check_skip(k, kind, in, size, n, size);

    /* bytes behind the batch belong to somebody else */
    size_t extra = 1 + next_random(&seed) % 200;
    in = place(in_page, size + extra, placement);
    memcpy(in, expected, size);
    for (size_t i = 0; i < extra; i++) {
        in[size + i] = (uint8_t)next_random(&seed);
    }
    CHECK(decode(k, kind, in, size + extra, out, n) == size && memcmp(out, numbers(kind), n * width) == 0,
          "%s decode_%s n=%zu and %zu more at %d", k->name, varint_names[kind], n, extra, placement);
    check_skip(k, kind, in, size + extra, n, size);

    /* one number too many, and every kind of cut */
    for (int cut = 0; cut < 3 && size > 0; cut++) {
        size_t left = cut == 0 ? size - 1 : next_random(&seed) % size;
        in = place(in_page, left, placement);
        memcpy(in, expected, left);
        CHECK(decode(k, kind, in, left, out, n) == FORY_KERNEL_ERROR, "%s decode_%s n=%zu cut to %zu of %zu", k->name,
              varint_names[kind], n, left, size);
        check_skip(k, kind, in, left, n, FORY_KERNEL_ERROR);
    }
}

/* any bytes: same verdict, same size, same numbers as the scalar tier, which
 * itself agrees with the wire room's reader */
static void
check_varint_noise(const fory_kernels *k, varint_kind kind, int round)
{
    size_t width = width_of(kind), len = next_random(&seed) % 400, n = next_random(&seed) % MAX_N;
    uint8_t *in = place(in_page, len, round % PLACEMENTS);
    uint8_t *out = place(out_page, n * width, 0), *expected = place(scalar_page, n * width, 0);
    unsigned style = (unsigned)next_random(&seed) % 6;
    size_t got, want;
    fory_reader r;

    for (size_t i = 0; i < len; i++) {
        uint64_t x = next_random(&seed);
        in[i] = (uint8_t)(style == 0   ? x
                          : style == 1 ? x | 0x80
                          : style == 2 ? x & 0x7f
                          : style == 3 ? ((x >> 8) % 3 ? x | 0x80 : x & 0x7f)
                          : style == 4 ? ((x >> 8) % 40 ? x & 0x7f : x | 0x80)
                                       : ((x >> 8) % 40 ? 0xff : x & 0x7f));
    }
    want = decode(scalar, kind, in, len, expected, n);
    got = decode(k, kind, in, len, out, n);
    CHECK(got == want && (want == FORY_KERNEL_ERROR || memcmp(out, expected, n * width) == 0),
          "%s decode_%s noise %d: n=%zu len=%zu", k->name, varint_names[kind], round, n, len);
    check_skip(k, kind, in, len, n, want);

    r.start = r.pos = in;
    r.end = in + len;
    r.more = NULL;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 0;
        uint32_t v32 = 0;
        int rc = kind == TI64 || kind == TU64 ? fory_get_tagged_u64(&r, &v)
                 : width == 8                 ? fory_get_vu64(&r, &v)
                                              : fory_get_vu32(&r, &v32);
        if (rc != FORY_OK) {
            CHECK(want == FORY_KERNEL_ERROR, "scalar decode_%s noise %d", varint_names[kind], round);
            return;
        }
    }
    CHECK(want == (size_t)(r.pos - r.start), "scalar decode_%s noise %d", varint_names[kind], round);
}

static void
test_varints(const fory_kernels *k)
{
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int pattern = 0; pattern < PATTERNS; pattern++) {
            fill_numbers(pattern, n);
            for (int kind = 0; kind < VARINT_KINDS; kind++) {
                check_varints(k, (varint_kind)kind, n, 0);
                check_varints(k, (varint_kind)kind, n, 1 + (int)((n + (size_t)pattern) % 16));
            }
        }
    }
    for (int placement = 0; placement < PLACEMENTS; placement++) {
        for (int pattern = 0; pattern < PATTERNS; pattern++) {
            fill_numbers(pattern, MAX_N);
            for (int kind = 0; kind < VARINT_KINDS; kind++) {
                check_varints(k, (varint_kind)kind, MAX_N, placement);
            }
        }
    }
    for (int round = 0; round < 20000; round++) {
        check_varint_noise(k, (varint_kind)(round % VARINT_KINDS), round);
    }
}

/* Where a window of the vector decoders begins must not matter: one long
 * number, at every distance into a run of short ones. */
static void
test_varint_windows(const fory_kernels *k)
{
    for (size_t at = 0; at < 150; at++) {
        for (unsigned bits = 7; bits <= 64; bits += bits == 63 ? 1 : 7) {
            for (size_t i = 0; i < MAX_N; i++) {
                numbers64[i] = i % 128;
                numbers32[i] = (uint32_t)i % 128;
            }
            numbers64[at] = numbers64[at + 1] = UINT64_MAX >> (64 - bits);
            numbers32[at] = numbers32[at + 1] = bits >= 32 ? UINT32_MAX : ((uint32_t)1 << bits) - 1;
            check_varints(k, VU64, MAX_N, 0);
            check_varints(k, VU32, MAX_N, 0);
        }
    }
}

/* every spoiled fifth byte of a 32-bit number is refused, wherever it is */
static void
test_varint32_limit(const fory_kernels *k)
{
    static uint8_t bytes[256];
    static uint32_t out[200];
    for (size_t at = 0; at < 120; at++) {
        for (unsigned fifth = 0; fifth < 256; fifth++) {
            memset(bytes, 1, sizeof(bytes));
            memset(bytes + at, 0x80, 4);
            bytes[at + 4] = (uint8_t)fifth;
            size_t got = k->decode_vu32(bytes, sizeof(bytes), out, at + 60);
            CHECK(fifth <= 0x0f ? got == at + 64 && out[at] == (uint32_t)fifth << 28 : got == FORY_KERNEL_ERROR,
                  "%s fifth byte %02x at %zu", k->name, fifth, at);
        }
    }
}

/* ---- text ------------------------------------------------------------------ */

static void
test_ascii(const fory_kernels *k)
{
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            uint8_t *s = place(in_page, n, placement);
            /* what surrounds the text is not ASCII */
            memset(in_page.base, 0xff, 2 * MAX_N);
            memset(in_page.base + PAGE - 2 * MAX_N, 0xff, 2 * MAX_N);
            for (size_t i = 0; i < n; i++) {
                s[i] = (uint8_t)(next_random(&seed) & 0x7f);
            }
            CHECK(k->is_ascii(s, n) == 1, "%s is_ascii n=%zu at %d", k->name, n, placement);
            for (size_t i = 0; i < n; i += 1 + (placement > 1 ? next_random(&seed) % 16 : 0)) {
                uint8_t kept = s[i];
                s[i] = (uint8_t)(0x80 | (next_random(&seed) & 0x7f));
                CHECK(k->is_ascii(s, n) == 0, "%s is_ascii n=%zu at %d, byte %zu", k->name, n, placement, i);
                s[i] = kept;
            }
        }
    }
}

static void
test_utf16(const fory_kernels *k)
{
    static const uint16_t marks[] = {0xd800, 0xdbff, 0xdc00, 0xdfff};
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            uint8_t *bytes = place(in_page, 2 * n, placement);
            const uint16_t *s = (const uint16_t *)(const void *)bytes;
            uint16_t any = 0, mask = placement & 1 ? 0x00ff : 0xffff;
            memset(in_page.base, 0xdc, 3 * MAX_N); /* surrogates all around */
            memset(in_page.base + PAGE - 3 * MAX_N, 0xdc, 3 * MAX_N);
            for (size_t i = 0; i < n; i++) {
                uint64_t x = next_random(&seed);
                uint16_t unit = (uint16_t)(x & 0x10000 ? (x & 1 ? 0xd7ff : 0xe000) : x);
                unit = (uint16_t)((unit & 0xf800) == 0xd800 ? unit ^ 0x0800 : unit);
                unit &= mask;
                unit &= (uint16_t)((unit & 0xf800) == 0xd800 ? 0xff : 0xffff);
                any |= unit;
                memcpy(bytes + 2 * i, &unit, 2);
            }
            CHECK(k->utf16_has_surrogate(s, n) == 0, "%s surrogate n=%zu at %d", k->name, n, placement);
            CHECK(k->utf16_or(s, n) == any, "%s utf16_or n=%zu at %d", k->name, n, placement);
            for (size_t i = 0; i < n; i += 1 + (placement > 1 ? next_random(&seed) % 16 : 0)) {
                uint16_t kept;
                memcpy(&kept, bytes + 2 * i, 2);
                memcpy(bytes + 2 * i, &marks[i % 4], 2);
                CHECK(k->utf16_has_surrogate(s, n) == 1, "%s surrogate n=%zu at %d, unit %zu", k->name, n, placement, i);
                memcpy(bytes + 2 * i, &kept, 2);
            }
        }
    }
}

/* ---- booleans --------------------------------------------------------------- */

static void
test_bool(const fory_kernels *k)
{
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            uint8_t expected[MAX_N + 1];
            uint8_t *in = place(in_page, n, placement), *out = place(out_page, n, placement);
            for (size_t i = 0; i < n; i++) {
                uint64_t x = next_random(&seed);
                in[i] = (uint8_t)(x & 0x100 ? 0 : x);
                expected[i] = in[i] != 0;
            }
            k->bool_normalize(in, out, n);
            CHECK(memcmp(out, expected, n) == 0, "%s bool n=%zu at %d", k->name, n, placement);
            size_t bytes = (n + 7) / 8;
            uint8_t *bits = place(out_page, bytes, placement);
            k->bool_to_bits(in, bits, n);
            for (size_t i = 0; i < 8 * bytes; i++) {
                CHECK((bits[i / 8] >> (i % 8) & 1) == (i < n && expected[i]), "%s bool_to_bits n=%zu at %d, bit %zu",
                      k->name, n, placement, i);
            }
            k->bool_normalize(in, in, n);
            CHECK(memcmp(in, expected, n) == 0, "%s bool in place n=%zu at %d", k->name, n, placement);
            if (n % 8) {
                bits[bytes - 1] |= (uint8_t)(0xff << (n % 8)); /* nobody else's business */
            }
            memset(in, 0xee, n);
            k->bits_to_bool(bits, in, n);
            CHECK(memcmp(in, expected, n) == 0, "%s bits_to_bool n=%zu at %d", k->name, n, placement);
        }
    }
}

/* ---- byte order --------------------------------------------------------------- */

static void
test_swap(const fory_kernels *k)
{
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            for (size_t width = 2; width <= 8; width *= 2) {
                uint8_t expected[8 * MAX_N + 1];
                uint8_t *in = place(in_page, width * n, placement), *out = place(out_page, width * n, placement);
                void (*swap)(const void *, void *, size_t) = width == 2 ? k->swap16 : width == 4 ? k->swap32 : k->swap64;
                for (size_t i = 0; i < width * n; i++) {
                    in[i] = (uint8_t)next_random(&seed);
                    expected[i / width * width + width - 1 - i % width] = in[i];
                }
                swap(in, out, n);
                CHECK(memcmp(out, expected, width * n) == 0, "%s swap%zu n=%zu at %d", k->name, 8 * width, n, placement);
                swap(in, in, n);
                CHECK(memcmp(in, expected, width * n) == 0, "%s swap%zu in place n=%zu at %d", k->name, 8 * width, n,
                      placement);
            }
        }
    }
}

/* ---- half floats ------------------------------------------------------------- */

typedef struct {
    const char *name;
    unsigned mant;   /* mantissa bits */
    int min_exp;     /* exponent of the smallest normal number */
    uint16_t inf;
    uint16_t quiet;
} half_format;

static const half_format f16 = {"f16", 10, -14, 0x7c00, 0x0200};
static const half_format bf16 = {"bf16", 7, -126, 0x7f80, 0x0040};

/* Reference value of finite non-negative bits, and of infinity as the number
 * that would come next. */
static double
half_value(const half_format *f, unsigned bits)
{
    unsigned exponent = bits >> f->mant, mantissa = bits & ((1u << f->mant) - 1);
    if (exponent == 0) {
        return ldexp(mantissa, f->min_exp - (int)f->mant);
    }
    return ldexp((1u << f->mant) + mantissa, (int)exponent - 1 + f->min_exp - (int)f->mant);
}

static uint64_t
bits_of_double(double v)
{
    uint64_t b;
    memcpy(&b, &v, 8);
    return b;
}

static uint32_t
bits_of_float(float v)
{
    uint32_t b;
    memcpy(&b, &v, 4);
    return b;
}

/* Reference rounding: search among all values, decide by the exact midpoint. */
static uint16_t
half_nearest(const half_format *f, double v)
{
    uint64_t bits = bits_of_double(v);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    unsigned low = 0, high = f->inf;
    double a = fabs(v), middle;

    if (a != a) {
        return (uint16_t)(sign | f->inf | f->quiet | ((bits & ((UINT64_C(1) << 52) - 1)) >> (52 - f->mant)));
    }
    if (a >= half_value(f, high)) {
        return (uint16_t)(sign | f->inf);
    }
    while (high - low > 1) { /* value(low) <= a < value(high) */
        unsigned mid = (low + high) / 2;
        if (half_value(f, mid) <= a) {
            low = mid;
        }
        else {
            high = mid;
        }
    }
    middle = (half_value(f, low) + half_value(f, high)) / 2;
    return (uint16_t)(sign | (a < middle || (a == middle && (low & 1) == 0) ? low : high));
}

static void
narrow64(const fory_kernels *k, const half_format *f, const double *in, uint16_t *out, size_t n)
{
    (f == &f16 ? k->f64_to_f16 : k->f64_to_bf16)(in, out, n);
}

static void
narrow32(const fory_kernels *k, const half_format *f, const float *in, uint16_t *out, size_t n)
{
    (f == &f16 ? k->f32_to_f16 : k->f32_to_bf16)(in, out, n);
}

#define BATCH 60

/* One batch against the reference: values with their expected bits. */
static double batch64[BATCH];
static float batch32[BATCH];
static uint16_t wanted64[BATCH], wanted32[BATCH];
static size_t batch_size;

static void
flush_batch(const fory_kernels *k, const half_format *f)
{
    uint16_t out[BATCH];
    narrow64(k, f, batch64, out, batch_size);
    for (size_t i = 0; i < batch_size; i++) {
        CHECK(out[i] == wanted64[i], "%s f64_to_%s %a: %04x, not %04x", k->name, f->name, batch64[i], out[i],
              wanted64[i]);
    }
    narrow32(k, f, batch32, out, batch_size);
    for (size_t i = 0; i < batch_size; i++) {
        CHECK(out[i] == wanted32[i], "%s f32_to_%s %a: %04x, not %04x", k->name, f->name, (double)batch32[i], out[i],
              wanted32[i]);
    }
    batch_size = 0;
}

/* The float input is the double cut to a float. */
static void
add_value(const fory_kernels *k, const half_format *f, double v, uint16_t want)
{
    batch64[batch_size] = v;
    wanted64[batch_size] = want;
    batch32[batch_size] = (float)v;
    wanted32[batch_size] = half_nearest(f, batch32[batch_size]);
    if (k == scalar) {
        uint16_t single = f == &f16 ? fory_f64_to_f16(v) : fory_f64_to_bf16(v);
        CHECK(single == want, "fory_f64_to_%s %a: %04x, not %04x", f->name, v, single, want);
    }
    if (++batch_size == BATCH) {
        flush_batch(k, f);
    }
}

static void
add_both_signs(const fory_kernels *k, const half_format *f, double v, uint16_t want)
{
    add_value(k, f, v, want);
    add_value(k, f, -v, want | 0x8000);
}

/* All values, all midpoints, and the doubles next to both: every decision the
 * rounding ever takes, with the answer known by construction. */
static void
test_rounding(const fory_kernels *k, const half_format *f)
{
    for (unsigned bits = 0; bits < f->inf; bits++) {
        double low = half_value(f, bits), high = half_value(f, bits + 1), middle = (low + high) / 2;
        uint16_t even = (uint16_t)(bits & 1 ? bits + 1 : bits);
        add_both_signs(k, f, low, (uint16_t)bits);
        add_both_signs(k, f, nextafter(low, HUGE_VAL), (uint16_t)bits);
        add_both_signs(k, f, nextafter(middle, 0), (uint16_t)bits);
        add_both_signs(k, f, middle, even);
        add_both_signs(k, f, nextafter(middle, HUGE_VAL), (uint16_t)(bits + 1));
        /* floats next to the midpoint, where rounding twice goes wrong */
        add_both_signs(k, f, nextafterf((float)middle, 0), (uint16_t)bits);
        add_both_signs(k, f, nextafter(high, 0), (uint16_t)(bits + 1));
    }
    flush_batch(k, f);
}

static void
test_random_halves(const fory_kernels *k, const half_format *f)
{
    for (int i = 0; i < 100000; i++) {
        uint64_t x = next_random(&seed), r = next_random(&seed);
        double v;
        if (r & 1) {
            /* exponents in and around the format's range */
            unsigned span = f == &f16 ? 48 : 300;
            uint64_t exponent = 1023 - span / 2 + r / 2 % span;
            x = (x & ~(UINT64_C(0x7ff) << 52)) | exponent << 52;
        }
        if (r & 0x1000000) {
            x &= ~UINT64_C(0) << (r >> 32) % 53;
        }
        memcpy(&v, &x, 8);
        if (v != v) {
            continue; /* test_nan; the cast in add_value would lose signalling ones */
        }
        add_value(k, f, v, half_nearest(f, v));
    }
    flush_batch(k, f);
}

static void
test_nan(const fory_kernels *k, const half_format *f)
{
    static const uint64_t doubles[] = {
        UINT64_C(0x7ff8000000000000), UINT64_C(0xfff8000000000000), UINT64_C(0x7ff0000000000001),
        UINT64_C(0xfff0000000000001), UINT64_C(0x7fffffffffffffff), UINT64_C(0xffffffffffffffff),
        UINT64_C(0x7ff7ffffffffffff), UINT64_C(0x7ffaaaaaaaaaaaaa), UINT64_C(0x7ff5555555555555),
        UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000), UINT64_C(0x7ff4000000000000),
    };
    enum { N = sizeof(doubles) / sizeof(doubles[0]) };
    uint16_t python_nan = f == &f16 ? 0x7e00 : 0x7fc0;
    uint16_t out[N];
    uint32_t floats[N];

    narrow64(k, f, (const double *)(const void *)doubles, out, N);
    for (size_t i = 0; i < N; i++) {
        double v;
        memcpy(&v, &doubles[i], 8);
        uint16_t want = half_nearest(f, v);
        CHECK(out[i] == want, "%s f64_to_%s NaN %zu: %04x, not %04x", k->name, f->name, i, out[i], want);
        floats[i] = (uint32_t)(doubles[i] >> 32 & 0x80000000) | 0x7f800000 |
                    (uint32_t)(doubles[i] >> 29 & 0x7fffff);
        floats[i] |= doubles[i] & 1; /* a payload only in the low bits */
    }
    CHECK(out[0] == python_nan, "%s %s: Python's NaN is %04x", k->name, f->name, out[0]);
    narrow32(k, f, (const float *)(const void *)floats, out, N);
    for (size_t i = 0; i < N; i++) {
        uint16_t want = (uint16_t)((floats[i] >> 16 & 0x8000) | f->inf);
        if (floats[i] & 0x7fffff) {
            want = (uint16_t)(want | f->quiet | (floats[i] & 0x7fffff) >> (23 - f->mant));
        }
        CHECK(out[i] == want, "%s f32_to_%s NaN %zu: %04x, not %04x", k->name, f->name, i, out[i], want);
    }
}

/* every one of the 65536 halves, both formats */
static void
test_widen(const fory_kernels *k)
{
    static uint16_t in[65536];
    static float out[65536];
    static double wide[65536];
    for (int which = 0; which < 2; which++) {
        const half_format *f = which ? &bf16 : &f16;
        for (unsigned i = 0; i < 65536; i++) {
            in[i] = (uint16_t)i;
        }
        (which ? k->bf16_to_f32 : k->f16_to_f32)(in, out, 65536);
        (which ? k->bf16_to_f64 : k->f16_to_f64)(in, wide, 65536);
        for (unsigned i = 0; i < 65536; i++) {
            unsigned a = i & 0x7fff;
            uint32_t sign = (uint32_t)(i >> 15) << 31, want;
            double single = which ? fory_bf16_to_f64((uint16_t)i) : fory_f16_to_f64((uint16_t)i);
            if (a < f->inf) {
                double v = half_value(f, a);
                want = sign | bits_of_float((float)v);
                CHECK(bits_of_double(single) == ((uint64_t)sign << 32 | bits_of_double(v)), "%s_to_f64 %04x", f->name,
                      i);
            }
            else if (a == f->inf) {
                want = sign | 0x7f800000;
                CHECK(isinf(single) && (single < 0) == (i >> 15 != 0), "%s_to_f64 %04x", f->name, i);
            }
            else {
                want = sign | 0x7f800000 | (uint32_t)((a & ~f->inf) | f->quiet) << (23 - f->mant);
                CHECK(single != single, "%s_to_f64 %04x", f->name, i);
            }
            /* (compared as bits: a NaN keeps its payload) */
            CHECK(a > f->inf ? bits_of_double(wide[i]) == ((uint64_t)(want & 0xff800000) << 32 |
                                                           (uint64_t)(want & 0x7fffff) << 29 | UINT64_C(7) << 52)
                             : bits_of_double(wide[i]) == bits_of_double(single),
                  "%s %s_to_f64 %04x: %016llx", k->name, f->name, i, (unsigned long long)bits_of_double(wide[i]));
            CHECK(bits_of_float(out[i]) == want, "%s %s_to_f32 %04x: %08x, not %08x", k->name, f->name, i,
                  (unsigned)bits_of_float(out[i]), (unsigned)want);
        }
    }
}

/* all lengths and places: only the tails differ from what is tested above */
static void
test_half_places(const fory_kernels *k)
{
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int placement = 0; placement < PLACEMENTS; placement++) {
            for (int op = 0; op < 8; op++) {
                size_t in_width = op < 2 ? 8 : op < 4 ? 4 : 2, out_width = op < 4 ? 2 : op < 6 ? 4 : 8;
                uint8_t *in = place(in_page, n * in_width, placement);
                uint8_t *out = place(out_page, n * out_width, (placement * 3) % PLACEMENTS);
                uint8_t *want = place(scalar_page, n * out_width, 0);
                for (size_t i = 0; i < n; i++) {
                    uint64_t x = next_random(&seed);
                    double v = ldexp((double)(int64_t)x, -63 - (int)(x % 40));
                    float narrow = (float)v;
                    memcpy(in + i * in_width, in_width == 8 ? (void *)&v : in_width == 4 ? (void *)&narrow : (void *)&x,
                           in_width);
                }
#define BOTH(slot)                    \
    scalar->slot((const void *)in, (void *)want, n); \
    k->slot((const void *)in, (void *)out, n)
                switch (op) {
                case 0: BOTH(f64_to_f16); break;
                case 1: BOTH(f64_to_bf16); break;
                case 2: BOTH(f32_to_f16); break;
                case 3: BOTH(f32_to_bf16); break;
                case 4: BOTH(f16_to_f32); break;
                case 5: BOTH(bf16_to_f32); break;
                case 6: BOTH(f16_to_f64); break;
                default: BOTH(bf16_to_f64); break;
                }
                CHECK(memcmp(out, want, n * out_width) == 0, "%s half op %d n=%zu at %d", k->name, op, n, placement);
            }
        }
    }
}

/* floats all over the 2^32, every tier against the scalar body */
static void
test_sampled_floats(const fory_kernels *k)
{
    enum { N = 4096 };
    static uint32_t in[N];
    static uint16_t want[2][N], got[2][N];
    uint32_t x = (uint32_t)next_random(&seed);
    for (int round = 0; round < 400; round++) {
        for (size_t i = 0; i < N; i++) {
            in[i] = x += 2621; /* a prime near 2^32 / (400 * 4096) */
        }
        scalar->f32_to_f16((const float *)(const void *)in, want[0], N);
        scalar->f32_to_bf16((const float *)(const void *)in, want[1], N);
        k->f32_to_f16((const float *)(const void *)in, got[0], N);
        k->f32_to_bf16((const float *)(const void *)in, got[1], N);
        CHECK(memcmp(want, got, sizeof(want)) == 0, "%s floats up to %08x", k->name, (unsigned)x);
    }
}

static void
test_halves(const fory_kernels *k)
{
    test_sampled_floats(k);
    test_rounding(k, &f16);
    test_rounding(k, &bf16);
    test_random_halves(k, &f16);
    test_random_halves(k, &bf16);
    test_nan(k, &f16);
    test_nan(k, &bf16);
    test_widen(k);
    test_half_places(k);
}

/* A library in the process may have switched subnormals off. */
static void
test_flush_to_zero(const fory_kernels *k)
{
#if defined(HAVE_MXCSR)
    enum { N = 4096, FLUSH = 0x8040 };
    static uint64_t in64[N];
    static uint32_t in32[N];
    static uint16_t in16[N], want[4][N], got[4][N];
    static uint32_t wide_want[2][N], wide_got[2][N];
    unsigned saved = _mm_getcsr();

    for (size_t i = 0; i < N; i++) {
        uint64_t x = next_random(&seed);
        /* around the smallest normal float and the smallest double */
        in64[i] = (x & ~(UINT64_C(0x7ff) << 52)) | (i % 2 ? UINT64_C(870) + x % 40 : x % 2) << 52;
        in32[i] = (uint32_t)x & (i % 2 ? 0x807fffff : 0x80ffffff);
        in16[i] = (uint16_t)(x >> 20 & 0x81ff);
    }
    for (int flush = 0; flush < 2; flush++) {
        const fory_kernels *t = flush ? k : scalar;
        uint16_t(*narrow)[N] = flush ? got : want;
        uint32_t(*wide)[N] = flush ? wide_got : wide_want;
        if (flush) {
            _mm_setcsr(saved | FLUSH);
        }
        t->f64_to_f16((const double *)(const void *)in64, narrow[0], N);
        t->f64_to_bf16((const double *)(const void *)in64, narrow[1], N);
        t->f32_to_f16((const float *)(const void *)in32, narrow[2], N);
        t->f32_to_bf16((const float *)(const void *)in32, narrow[3], N);
        t->f16_to_f32(in16, (float *)(void *)wide[0], N);
        t->bf16_to_f32(in16, (float *)(void *)wide[1], N);
        _mm_setcsr(saved);
    }
    for (int op = 0; op < 4; op++) {
        CHECK(memcmp(want[op], got[op], sizeof(want[op])) == 0, "%s flush-to-zero, narrowing %d", k->name, op);
    }
    for (int op = 0; op < 2; op++) {
        CHECK(memcmp(wide_want[op], wide_got[op], sizeof(wide_want[op])) == 0, "%s flush-to-zero, widening %d", k->name,
              op);
    }
#else
    (void)k;
#endif
}

/* ---- dispatch ---------------------------------------------------------------- */

static void
test_dispatch(void)
{
    static const char *const names[FORY_TIER_COUNT] = {"scalar", "baseline", "avx2", "avx512"};
    int best = fory_cpu_best_tier();

    CHECK(best >= FORY_TIER_SCALAR && best < FORY_TIER_COUNT, "best tier %d", best);
    CHECK(fory_kernels_of_tier(best) != NULL, "best tier %d has a table", best);
    CHECK(fory_kernels_of_tier(FORY_TIER_SCALAR) != NULL, "scalar is always there");
    CHECK(fory_kernels_of_tier(-1) == NULL && fory_kernels_of_tier(FORY_TIER_COUNT) == NULL, "no such tier");
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
    /* A build that lost the flags of a tier still works, only slower: say so here. */
    CHECK(fory_kernels_of_tier(FORY_TIER_BASELINE) != NULL, "SSE2 is part of x86-64");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) {
        CHECK(fory_kernels_of_tier(FORY_TIER_AVX2) != NULL, "this processor runs AVX2, the tier is missing");
    }
#endif
    CHECK(fory_tier_from_name("") == -1 && fory_tier_from_name("AVX2") == -1 && fory_tier_from_name("avx") == -1,
          "no such name");
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        CHECK(fory_tier_from_name(names[tier]) == tier, "%s", names[tier]);
        if (k == NULL) {
            continue;
        }
        CHECK(tier <= best && k->tier == tier && strcmp(k->name, names[tier]) == 0, "%s", names[tier]);
        /* the table is function pointers from its first slot to its end */
        for (size_t at = offsetof(fory_kernels, encode_vi64); at < sizeof(*k); at += sizeof(void (*)(void))) {
            static const uint8_t empty[sizeof(void (*)(void))];
            CHECK(memcmp((const uint8_t *)k + at, empty, sizeof(empty)) != 0, "%s: slot at %zu is empty", names[tier], at);
        }
    }
}

int
main(void)
{
    in_page = guarded_new();
    out_page = guarded_new();
    scalar_page = guarded_new();
    scalar = fory_kernels_of_tier(FORY_TIER_SCALAR);

    test_dispatch();
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        if (k == NULL) {
            continue;
        }
        printf("tier %s\n", k->name);
        test_varints(k);
        test_varint_windows(k);
        test_varint32_limit(k);
        test_ascii(k);
        test_utf16(k);
        test_bool(k);
        test_swap(k);
        test_halves(k);
        test_flush_to_zero(k);
    }
    return check_report("test_kernels");
}
