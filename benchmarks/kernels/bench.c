/* Times every kernel of every tier that runs here, one line of JSON per figure:
 *   {"group": ..., "kernel": ..., "data": ..., "tier": ..., "place": ..., "ns": per element, "gbs": ...}
 * "place" is "cache" (at most 256 KB of input, in the second level) or "memory"
 * (64 MB; text 8 to 32 MB).
 * "gbs" counts the bytes read and written, so that memcpy's own line compares.
 * Tiers take turns within every round; the best round counts.
 *
 * usage: bench [--quick] */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include "kernels/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL_BYTES ((size_t)256 << 10)
#define LARGE_BYTES ((size_t)64 << 20)

#if defined(__GNUC__) || defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

static uint64_t seed = 1;
static int quick;

static uint64_t
next_random(void)
{
    uint64_t x = seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 31)) * UINT64_C(0x7fb5d329728ea185);
    x = (x ^ (x >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
    return x ^ (x >> 33);
}

static double
now(void)
{
    struct timespec t;
#if defined(_WIN32)
    timespec_get(&t, TIME_UTC);
#elif defined(CLOCK_THREAD_CPUTIME_ID)
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what neighbours take does not count */
#else
    clock_gettime(CLOCK_MONOTONIC, &t);
#endif
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *
allocate(size_t n)
{
    void *p = malloc(n + 64);
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    memset(p, 1, n + 64); /* no page faults in what is timed */
    return p;
}

/* ---- one measurement ------------------------------------------------------------ */

typedef struct {
    const fory_kernels *k;
    const void *in;
    void *out;
    size_t n;       /* elements */
    size_t in_size; /* bytes */
    const void *extra;
} job;

typedef void (*action)(const job *j);

static volatile size_t sink;

static void
measure(const char *group, const char *kernel, const char *data, const char *place, action act, job j, size_t traffic)
{
    double best[FORY_TIER_COUNT];
    double budget = quick ? 4e6 : 4e7;
    size_t repeats[FORY_TIER_COUNT] = {0};
    int rounds = quick ? 4 : 12;
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        best[tier] = HUGE_VAL;
    }
    for (int round = 0; round < rounds; round++) {
        for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
            double begin, spent;
            j.k = fory_kernels_of_tier(tier);
            if (j.k == NULL) {
                continue;
            }
            if (repeats[tier] == 0) {
                begin = now();
                act(&j);
                spent = now() - begin;
                repeats[tier] = (size_t)(budget / rounds / (spent + 1)) + 1;
            }
            begin = now();
            for (size_t i = 0; i < repeats[tier]; i++) {
                act(&j);
            }
            spent = (now() - begin) / (double)repeats[tier];
            best[tier] = spent < best[tier] ? spent : best[tier];
        }
    }
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        if (k != NULL) {
            printf("{\"group\": \"%s\", \"kernel\": \"%s\", \"data\": \"%s\", \"tier\": \"%s\", \"place\": \"%s\", "
                   "\"ns\": %.5g, \"gbs\": %.4g}\n",
                   group, kernel, data, k->name, place, best[tier] / (double)j.n, (double)traffic / best[tier]);
        }
    }
    fflush(stdout);
}

/* ---- memcpy ---------------------------------------------------------------------- */

static void do_memcpy(const job *j) { memcpy(j->out, j->in, j->n); }

static void
bench_memcpy(const char *place, size_t bytes)
{
    job j = {NULL, allocate(bytes), allocate(bytes), bytes, bytes, NULL};
    measure("memcpy", "memcpy", "bytes", place, do_memcpy, j, 2 * bytes);
    free((void *)j.in);
    free(j.out);
}

/* ---- varints ---------------------------------------------------------------------- */

#define VARINT_ACTIONS(name, type)                                                             \
    static void do_encode_##name(const job *j) { sink = j->k->encode_##name(j->in, j->n, j->out); } \
    static void do_decode_##name(const job *j) { sink = j->k->decode_##name(j->in, j->in_size, j->out, j->n); }
VARINT_ACTIONS(vi64, int64_t)
VARINT_ACTIONS(vu64, uint64_t)
VARINT_ACTIONS(vi32, int32_t)
VARINT_ACTIONS(vu32, uint32_t)
VARINT_ACTIONS(ti64, int64_t)
VARINT_ACTIONS(tu64, uint64_t)
static void do_skip_v64(const job *j) { sink = j->k->skip_v64(j->in, j->in_size, j->n); }
static void do_skip_v32(const job *j) { sink = j->k->skip_v32(j->in, j->in_size, j->n); }

/* bits of the number on the wire */
static uint64_t
wire_number(int style)
{
    uint64_t x = next_random(), r = next_random();
    switch (style) {
    case 0: return x % 128;
    case 1: return x >> (64 - 1 - r % 14);
    case 2: return 128 + x % (16384 - 128);
    case 3: return x >> (64 - 1 - r % 31);
    default: return x >> (r % 63);
    }
}

static void
bench_varints(void)
{
    static const char *const data[] = {"1 byte", "1-2 bytes", "2 bytes", "1-5 bytes", "1-9 bytes"};
    size_t n = SMALL_BYTES / 8;
    int64_t *wide = allocate(8 * n);
    int32_t *narrow = allocate(4 * n);
    uint8_t *bytes = allocate(9 * n + 8);
    void *back = allocate(8 * n);
    const fory_kernels *scalar = fory_kernels_of_tier(FORY_TIER_SCALAR);
    for (int style = 0; style < 5; style++) {
        for (int is_signed = 1; is_signed >= 0; is_signed--) {
            for (size_t i = 0; i < n; i++) {
                uint64_t z = wire_number(style);
                wide[i] = is_signed ? (int64_t)(z >> 1) ^ -(int64_t)(z & 1) : (int64_t)z;
                narrow[i] = (int32_t)wide[i];
            }
            size_t size = (is_signed ? scalar->encode_vi64 : (size_t(*)(const int64_t *, size_t, uint8_t *))(void *)scalar->encode_vu64)(wide, n, bytes);
            job encode = {NULL, wide, bytes, n, 8 * n, NULL}, decode = {NULL, bytes, back, n, size, NULL};
            measure("varint", is_signed ? "encode_vi64" : "encode_vu64", data[style], "cache",
                    is_signed ? do_encode_vi64 : do_encode_vu64, encode, 8 * n + size);
            measure("varint", is_signed ? "decode_vi64" : "decode_vu64", data[style], "cache",
                    is_signed ? do_decode_vi64 : do_decode_vu64, decode, 8 * n + size);
            if (!is_signed) {
                measure("varint", "skip_v64", data[style], "cache", do_skip_v64, decode, size);
            }
            if (style == 4) {
                continue;
            }
            size = is_signed ? scalar->encode_vi32(narrow, n, bytes)
                             : scalar->encode_vu32((const uint32_t *)narrow, n, bytes);
            encode = (job){NULL, narrow, bytes, n, 4 * n, NULL};
            decode = (job){NULL, bytes, back, n, size, NULL};
            measure("varint", is_signed ? "encode_vi32" : "encode_vu32", data[style], "cache",
                    is_signed ? do_encode_vi32 : do_encode_vu32, encode, 4 * n + size);
            measure("varint", is_signed ? "decode_vi32" : "decode_vu32", data[style], "cache",
                    is_signed ? do_decode_vi32 : do_decode_vu32, decode, 4 * n + size);
            if (!is_signed) {
                measure("varint", "skip_v32", data[style], "cache", do_skip_v32, decode, size);
            }
        }
    }
    for (int style = 3; style < 5; style++) {
        static const char *const tagged[] = {"4 bytes", "4 or 9 bytes"};
        for (size_t i = 0; i < n; i++) {
            wide[i] = (int64_t)(style == 3 ? next_random() >> 35 : wire_number(4));
        }
        size_t size = scalar->encode_ti64(wide, n, bytes);
        job encode = {NULL, wide, bytes, n, 8 * n, NULL}, decode = {NULL, bytes, back, n, size, NULL};
        measure("varint", "encode_ti64", tagged[style - 3], "cache", do_encode_ti64, encode, 8 * n + size);
        measure("varint", "decode_ti64", tagged[style - 3], "cache", do_decode_ti64, decode, 8 * n + size);
        size = scalar->encode_tu64((const uint64_t *)wide, n, bytes);
        decode.in_size = size;
        measure("varint", "encode_tu64", tagged[style - 3], "cache", do_encode_tu64, encode, 8 * n + size);
        measure("varint", "decode_tu64", tagged[style - 3], "cache", do_decode_tu64, decode, 8 * n + size);
    }
    free(wide);
    free(narrow);
    free(bytes);
    free(back);
}

/* ---- text ---------------------------------------------------------------------------- */

static void do_is_ascii(const job *j) { sink = (size_t)j->k->is_ascii(j->in, j->n); }
static void do_surrogate(const job *j) { sink = (size_t)j->k->utf16_has_surrogate(j->in, j->n); }
static void do_or(const job *j) { sink = j->k->utf16_or(j->in, j->n); }
static void do_pairs(const job *j) { sink = j->k->utf16_pairs(j->in, j->n); }
static void do_u2_to_u1(const job *j) { j->k->u2_to_u1(j->in, j->out, j->n); }
static void do_utf8_scan(const job *j) { fory_text_info info; sink = (size_t)j->k->utf8_scan(j->in, j->in_size, &info); }
static void do_utf8_to_u1(const job *j) { j->k->utf8_to_u1(j->in, j->in_size, j->out, j->n); }
static void do_utf8_to_u2(const job *j) { j->k->utf8_to_u2(j->in, j->in_size, j->out, j->n); }
static void do_utf8_to_u4(const job *j) { j->k->utf8_to_u4(j->in, j->in_size, j->out, j->n); }
static void do_u1_scan(const job *j) { fory_text_info info; j->k->u1_scan(j->in, j->n, &info); sink = info.bytes; }
static void do_u2_scan(const job *j) { fory_text_info info; j->k->u2_scan(j->in, j->n, &info); sink = info.bytes; }
static void do_u2_utf8_size(const job *j) { sink = j->k->u2_utf8_size(j->in, j->n); }
static void do_u4_scan(const job *j) { fory_text_info info; j->k->u4_scan(j->in, j->n, &info); sink = info.bytes; }
static void do_u1_to_utf8(const job *j) { sink = (size_t)(uintptr_t)j->k->u1_to_utf8(j->in, j->n, j->out); }
static void do_u2_to_utf8(const job *j) { sink = (size_t)(uintptr_t)j->k->u2_to_utf8(j->in, j->n, j->out); }
static void do_u4_to_utf8(const job *j) { sink = (size_t)(uintptr_t)j->k->u4_to_utf8(j->in, j->n, j->out); }
/* all that a reader does with UTF-8: check, count, decode */
static void
do_read_utf8(const job *j)
{
    fory_text_info info;
    if (j->k->utf8_scan(j->in, j->in_size, &info)) {
        j->k->utf8_to_u2(j->in, j->in_size, j->out, info.chars);
    }
}
/* and all that a writer does */
static void
do_write_utf8(const job *j)
{
    fory_text_info info;
    j->k->u2_scan(j->in, j->n, &info);
    sink = info.bytes + (size_t)(uintptr_t)j->k->u2_to_utf8(j->in, j->n, j->out);
}

static void
bench_text(const char *place, size_t bytes)
{
    static const char *const names[] = {"ASCII", "Latin-1 text", "CJK", "CJK and ASCII", "emoji and CJK"};
    uint32_t *u4 = allocate(4 * bytes);
    uint16_t *u2 = allocate(2 * bytes);
    uint8_t *u1 = allocate(bytes), *utf8 = allocate(4 * bytes + FORY_TEXT_SLACK);
    uint32_t *out = allocate(4 * bytes + FORY_TEXT_SLACK);
    const fory_kernels *scalar = fory_kernels_of_tier(FORY_TIER_SCALAR);
    for (int style = 0; style < 5; style++) {
        size_t n = style == 4 ? bytes / 4 : style >= 2 ? bytes / 2 : bytes;
        for (size_t i = 0; i < n; i++) {
            uint64_t x = next_random();
            uint32_t c = (uint32_t)(x % 95 + 32);
            x >>= 8;
            switch (style) {
            case 1: c = x % 12 ? c : 0xc0 + (uint32_t)(x >> 20) % 64; break;
            case 2: c = 0x4e00 + (uint32_t)(x >> 20) % 0x5000; break;
            case 3: c = x % 3 ? 0x4e00 + (uint32_t)(x >> 20) % 0x5000 : c; break;
            case 4: c = x % 6 ? 0x4e00 + (uint32_t)(x >> 20) % 0x5000 : 0x1f300 + (uint32_t)(x >> 20) % 0x300; break;
            default: break;
            }
            u4[i] = c;
            u2[i] = (uint16_t)c;
            u1[i] = (uint8_t)c;
        }
        size_t size = (size_t)(scalar->u4_to_utf8(u4, n, utf8) - utf8);
        job decode = {NULL, utf8, out, n, size, NULL};
        measure("text", "utf8_scan", names[style], place, do_utf8_scan, decode, size);
        if (style < 2) {
            job narrow = {NULL, u1, out, n, n, NULL};
            measure("text", "utf8_to_u1", names[style], place, do_utf8_to_u1, decode, size + n);
            measure("text", "u1_scan", names[style], place, do_u1_scan, narrow, n);
            measure("text", "u1_to_utf8", names[style], place, do_u1_to_utf8, narrow, size + n);
            if (style == 0 && strcmp(place, "cache") == 0) {
                measure("text", "is_ascii", names[style], place, do_is_ascii, narrow, n);
            }
            job units = {NULL, u2, out, n, 2 * n, NULL};
            if (style == 1) {
                measure("text", "u2_to_u1", names[style], place, do_u2_to_u1, units, 3 * n);
            }
        }
        if (style == 2 || style == 3) {
            job units = {NULL, u2, out, n, 2 * n, NULL};
            measure("text", "utf16_has_surrogate", names[style], place, do_surrogate, units, 2 * n);
            measure("text", "utf16_or", names[style], place, do_or, units, 2 * n);
            measure("text", "utf16_pairs", names[style], place, do_pairs, units, 2 * n);
            measure("text", "utf8_to_u2", names[style], place, do_utf8_to_u2, decode, size + 2 * n);
            measure("text", "utf8_scan + utf8_to_u2", names[style], place, do_read_utf8, decode, size + 2 * n);
            measure("text", "u2_scan", names[style], place, do_u2_scan, units, 2 * n);
            measure("text", "u2_utf8_size", names[style], place, do_u2_utf8_size, units, 2 * n);
            measure("text", "u2_to_utf8", names[style], place, do_u2_to_utf8, units, size + 2 * n);
            measure("text", "u2_scan + u2_to_utf8", names[style], place, do_write_utf8, units, size + 2 * n);
        }
        if (style == 4) {
            job units = {NULL, u4, out, n, 4 * n, NULL};
            measure("text", "utf8_to_u4", names[style], place, do_utf8_to_u4, decode, size + 4 * n);
            measure("text", "u4_scan", names[style], place, do_u4_scan, units, 4 * n);
            measure("text", "u4_to_utf8", names[style], place, do_u4_to_utf8, units, size + 4 * n);
        }
    }
    free(u4);
    free(u2);
    free(u1);
    free(utf8);
    free(out);
}

static void
bench_long_ascii(void)
{
    uint8_t *text = allocate(LARGE_BYTES);
    memset(text, 'a', LARGE_BYTES);
    job j = {NULL, text, text, LARGE_BYTES, LARGE_BYTES, NULL};
    measure("text", "is_ascii", "ASCII", "memory", do_is_ascii, j, LARGE_BYTES);
    free(text);
}

/* ---- half floats ----------------------------------------------------------------------- */

#define CONVERT(name) static void do_##name(const job *j) { j->k->name(j->in, j->out, j->n); }
CONVERT(f32_to_f16)
CONVERT(f64_to_f16)
CONVERT(f16_to_f32)
CONVERT(f16_to_f64)
CONVERT(f32_to_bf16)
CONVERT(f64_to_bf16)
CONVERT(bf16_to_f32)
CONVERT(bf16_to_f64)

/* what a compiler makes of the obvious loop, in a unit without flags of its own */
static NOINLINE void
obvious_f32_to_bf16(const uint32_t *in, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t x = in[i], rounded = (x + 0x7fff + (x >> 16 & 1)) >> 16;
        out[i] = (uint16_t)((x & 0x7fffffff) > 0x7f800000 ? x >> 16 | 0x40 : rounded);
    }
}
static NOINLINE void
obvious_bf16_to_f32(const uint16_t *in, uint32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)in[i] << 16;
        out[i] = (x & 0x7fffffff) > 0x7f800000 ? x | 0x400000 : x;
    }
}
static void do_obvious_narrow(const job *j) { obvious_f32_to_bf16(j->in, j->out, j->n); }
static void do_obvious_widen(const job *j) { obvious_bf16_to_f32(j->in, j->out, j->n); }

static void
bench_halves(const char *place, size_t bytes)
{
    size_t n = bytes / 8;
    double *f64 = allocate(8 * n);
    float *f32 = allocate(4 * n);
    uint16_t *f16 = allocate(2 * n), *bf16 = allocate(2 * n);
    void *out = allocate(8 * n);
    for (size_t i = 0; i < n; i++) {
        f64[i] = ((double)(next_random() >> 11) * 0x1p-53 - 0.5) * 200;
        f32[i] = (float)f64[i];
    }
    fory_kernels_of_tier(FORY_TIER_SCALAR)->f64_to_f16(f64, f16, n);
    fory_kernels_of_tier(FORY_TIER_SCALAR)->f64_to_bf16(f64, bf16, n);
#define RUN(name, input, width_in, width_out)                                          \
    do {                                                                               \
        job j = {NULL, input, out, n, (width_in) * n, NULL};                           \
        measure("half", #name, "normal", place, do_##name, j, ((width_in) + (width_out)) * n); \
    } while (0)
    RUN(f32_to_f16, f32, 4, 2);
    RUN(f64_to_f16, f64, 8, 2);
    RUN(f16_to_f32, f16, 2, 4);
    RUN(f16_to_f64, f16, 2, 8);
    RUN(f32_to_bf16, f32, 4, 2);
    RUN(f64_to_bf16, f64, 8, 2);
    RUN(bf16_to_f32, bf16, 2, 4);
    RUN(bf16_to_f64, bf16, 2, 8);
    job narrow = {NULL, f32, out, n, 4 * n, NULL}, widen = {NULL, bf16, out, n, 2 * n, NULL};
    measure("half", "f32_to_bf16 as a plain loop", "normal", place, do_obvious_narrow, narrow, 6 * n);
    measure("half", "bf16_to_f32 as a plain loop", "normal", place, do_obvious_widen, widen, 6 * n);
    free(f64);
    free(f32);
    free(f16);
    free(bf16);
    free(out);
}

/* ---- booleans, byte order ------------------------------------------------------------------ */

static void do_normalize(const job *j) { j->k->bool_normalize(j->in, j->out, j->n); }
static void do_to_bits(const job *j) { j->k->bool_to_bits(j->in, j->out, j->n); }
static void do_from_bits(const job *j) { j->k->bits_to_bool(j->in, j->out, j->n); }
static void do_swap16(const job *j) { j->k->swap16(j->in, j->out, j->n); }
static void do_swap32(const job *j) { j->k->swap32(j->in, j->out, j->n); }
static void do_swap64(const job *j) { j->k->swap64(j->in, j->out, j->n); }

static void
bench_bits(const char *place, size_t bytes)
{
    uint8_t *in = allocate(bytes), *out = allocate(bytes);
    for (size_t i = 0; i < bytes; i++) {
        in[i] = next_random() & 1;
    }
    job j = {NULL, in, out, bytes, bytes, NULL};
    measure("bits", "bool_normalize", "random", place, do_normalize, j, 2 * bytes);
    measure("bits", "bool_to_bits", "random", place, do_to_bits, j, bytes + bytes / 8);
    measure("bits", "bits_to_bool", "random", place, do_from_bits, j, bytes + bytes / 8);
    j.n = bytes / 2;
    measure("swap", "swap16", "random", place, do_swap16, j, 2 * bytes);
    j.n = bytes / 4;
    measure("swap", "swap32", "random", place, do_swap32, j, 2 * bytes);
    j.n = bytes / 8;
    measure("swap", "swap64", "random", place, do_swap64, j, 2 * bytes);
    free(in);
    free(out);
}

/* ---- rows ------------------------------------------------------------------------------------- */

#define FIELDS 12
#define ROW_BYTES (8 + 8 * FIELDS)

/* What a view does for one cell: checks the index and the row, tests the null
 * bit, takes the slot apart by its type. */
typedef struct {
    const uint8_t *row;
    size_t size, fields;
    const int *widths;
} row_view;

static NOINLINE int
read_cell(const row_view *v, size_t field, uint64_t *out)
{
    const uint8_t *slot;
    uint64_t bits;
    if (field >= v->fields || 8 + 8 * v->fields > v->size) {
        return -1;
    }
    if (v->row[field / 8] >> (field % 8) & 1) {
        return 1;
    }
    slot = v->row + 8 + 8 * field;
    memcpy(&bits, slot, 8);
    switch (v->widths[field]) {
    case 1: *out = bits & 0xff; break;
    case 2: *out = bits & 0xffff; break;
    case 4: *out = bits & 0xffffffff; break;
    default: *out = bits; break;
    }
    return 0;
}

static void do_gather_fixed(const job *j) { j->k->gather_fixed(j->in, ROW_BYTES, j->in_size, j->extra, FIELDS); }
static void do_scatter_fixed(const job *j) { j->k->scatter_fixed(j->out, ROW_BYTES, j->in_size, j->extra, FIELDS); }

static void
do_gather_each(const job *j)
{
    const fory_column *columns = j->extra;
    for (size_t c = 0; c < FIELDS; c++) {
        j->k->gather_fixed(j->in, ROW_BYTES, j->in_size, &columns[c], 1);
    }
}

static void
do_read_cells(const job *j)
{
    const fory_column *columns = j->extra;
    int widths[FIELDS];
    row_view view = {j->in, ROW_BYTES, FIELDS, widths};
    for (size_t c = 0; c < FIELDS; c++) {
        widths[c] = columns[c].width;
        memset(columns[c].nulls, 0, (j->in_size + 7) / 8);
    }
    for (size_t i = 0; i < j->in_size; i++, view.row += ROW_BYTES) {
        for (size_t c = 0; c < FIELDS; c++) {
            uint64_t v = 0;
            int rc = read_cell(&view, c, &v);
            uint8_t *to = (uint8_t *)columns[c].values + i * (size_t)columns[c].width;
            if (rc < 0) {
                return;
            }
            columns[c].nulls[i / 8] |= (uint8_t)(rc << (i % 8));
            switch (columns[c].width) {
            case 1: *to = (uint8_t)v; break;
            case 2: { uint16_t x = (uint16_t)v; memcpy(to, &x, 2); break; }
            case 4: { uint32_t x = (uint32_t)v; memcpy(to, &x, 4); break; }
            default: memcpy(to, &v, 8); break;
            }
        }
    }
}

static void
bench_rows(const char *place, size_t bytes)
{
    static const int widths[FIELDS] = {8, 8, 4, 8, 1, 4, 8, 2, 8, 4, 8, 1};
    size_t n = bytes / ROW_BYTES;
    uint8_t *rows = allocate(n * ROW_BYTES);
    fory_column columns[FIELDS];
    for (size_t i = 0; i < n * ROW_BYTES; i++) {
        rows[i] = (uint8_t)next_random();
    }
    for (size_t c = 0; c < FIELDS; c++) {
        columns[c] = (fory_column){8 + 8 * c, c, allocate(8 * n), allocate(n / 8 + 1), widths[c]};
    }
    for (int nulls = 0; nulls < 2; nulls++) {
        const char *data = nulls ? "12 columns, 1 in 50 null" : "12 columns, no nulls";
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = 0;
            for (size_t c = 0; nulls && c < FIELDS; c++) {
                bits |= (uint64_t)(next_random() % 50 == 0) << c;
            }
            memcpy(rows + i * ROW_BYTES, &bits, 8);
        }
        job j = {NULL, rows, rows, n * FIELDS, n, columns};
        measure("rows", "gather_fixed", data, place, do_gather_fixed, j, n * ROW_BYTES);
        measure("rows", "gather_fixed, column by column", data, place, do_gather_each, j, n * ROW_BYTES);
        measure("rows", "cell by cell through an accessor", data, place, do_read_cells, j, n * ROW_BYTES);
        measure("rows", "scatter_fixed", data, place, do_scatter_fixed, j, n * ROW_BYTES);
    }
    for (size_t c = 0; c < FIELDS; c++) {
        free(columns[c].values);
        free(columns[c].nulls);
    }
    free(rows);
}

int
main(int argc, char **argv)
{
    quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    bench_memcpy("cache", SMALL_BYTES);
    bench_memcpy("memory", LARGE_BYTES);
    bench_varints();
    bench_text("cache", SMALL_BYTES / 4);
    bench_halves("cache", SMALL_BYTES);
    bench_halves("memory", LARGE_BYTES);
    bench_bits("cache", SMALL_BYTES / 2);
    bench_rows("cache", SMALL_BYTES);
    bench_rows("memory", LARGE_BYTES);
    bench_long_ascii();
    bench_text("memory", LARGE_BYTES / 16);
    return 0;
}
