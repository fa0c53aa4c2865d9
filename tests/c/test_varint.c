/* Varints and tagged integers: the tables of wire-format sections 2.1 and 2.2. */
#include "check.h"
#include "fixed_writer.h"

typedef struct {
    uint64_t value;
    const char *hex;
} unsigned_case;

typedef struct {
    int64_t value;
    const char *hex;
} signed_case;

static const unsigned_case vu32_cases[] = {
    {0, "00"}, {127, "7f"}, {128, "8001"}, {16383, "ff7f"}, {16384, "808001"}, {2097152, "80808001"},
    {268435455, "ffffff7f"}, {268435456, "8080808001"}, {UINT32_MAX, "ffffffff0f"},
};

static const unsigned_case vu64_cases[] = {
    {0, "00"}, {127, "7f"}, {128, "8001"},
    {(UINT64_C(1) << 56) - 1, "ffffffffffffff7f"}, {UINT64_C(1) << 56, "808080808080808001"},
    {INT64_MAX, "ffffffffffffffff7f"}, {UINT64_C(1) << 63, "808080808080808080"},
    {UINT64_MAX, "ffffffffffffffffff"},
};

static const signed_case vi32_cases[] = {
    {0, "00"}, {-1, "01"}, {1, "02"}, {63, "7e"}, {-64, "7f"}, {64, "8001"}, {-65, "8101"},
    {INT32_MAX, "feffffff0f"}, {INT32_MIN, "ffffffff0f"},
};

static const signed_case vi64_cases[] = {
    {0, "00"}, {-1, "01"}, {1, "02"}, {63, "7e"}, {-64, "7f"},
    {(INT64_C(1) << 55) - 1, "feffffffffffff7f"}, {INT64_C(1) << 55, "808080808080808001"},
    {-(INT64_C(1) << 55), "ffffffffffffff7f"}, {-(INT64_C(1) << 55) - 1, "818080808080808001"},
    {INT64_MAX, "feffffffffffffffff"}, {INT64_MIN, "ffffffffffffffffff"},
};

static const signed_case ti64_cases[] = {
    {0, "00000000"}, {1, "02000000"}, {-1, "feffffff"}, {(1 << 30) - 1, "feffff7f"},
    {-(1 << 30), "00000080"}, {1 << 30, "010000004000000000"},
    {-(INT64_C(1) << 30) - 1, "01ffffffbfffffffff"},
    {INT64_MAX, "01ffffffffffffff7f"}, {INT64_MIN, "010000000000000080"},
};

static const unsigned_case tu64_cases[] = {
    {0, "00000000"}, {INT32_MAX, "feffffff"}, {UINT64_C(1) << 31, "010000008000000000"},
    {UINT64_MAX, "01ffffffffffffffff"},
};

/* Writes with `put`, reads back with `get` from the exact bytes, from one byte
 * more and from every truncation. */
#define CHECK_CODEC(cases, number, put, get, room)                                                      \
    for (size_t c = 0; c < sizeof(cases) / sizeof((cases)[0]); c++) {                                   \
        uint8_t expected[16];                                                                           \
        size_t n = from_hex((cases)[c].hex, expected);                                                  \
        fory_writer w;                                                                                  \
        fory_reader r;                                                                                  \
        number got = 0;                                                                                 \
        writer_open(&w);                                                                                \
        CHECK(fory_ensure(&w, room) == 0, "out of memory");                                             \
        put(&w, (number)(cases)[c].value);                                                              \
        CHECK((size_t)(w.pos - w.start) == n && memcmp(w.start, expected, n) == 0, #put " %s",          \
              (cases)[c].hex);                                                                          \
        writer_close(&w);                                                                               \
        for (size_t extra = 0; extra < 2; extra++) {                                                    \
            expected[n] = 0xff;                                                                         \
            reader_open(&r, expected, n + extra);                                                       \
            CHECK(get(&r, &got) == FORY_OK && got == (number)(cases)[c].value, #get " %s", (cases)[c].hex); \
            CHECK((size_t)(r.pos - r.start) == n, #get " %s size", (cases)[c].hex);                     \
            reader_close(&r);                                                                           \
        }                                                                                               \
        for (size_t cut = 0; cut < n; cut++) {                                                          \
            reader_open(&r, expected, cut);                                                             \
            CHECK(get(&r, &got) == FORY_TRUNCATED && r.pos == r.start, #get " %s cut to %zu",           \
                  (cases)[c].hex, cut);                                                                 \
            reader_close(&r);                                                                           \
        }                                                                                               \
    }

static void
test_tables(void)
{
    CHECK_CODEC(vu32_cases, uint32_t, fory_put_vu32, fory_get_vu32, FORY_VU32_MAX);
    CHECK_CODEC(vu64_cases, uint64_t, fory_put_vu64, fory_get_vu64, FORY_VU64_MAX);
    CHECK_CODEC(vi32_cases, int32_t, fory_put_vi32, fory_get_vi32, FORY_VU32_MAX);
    CHECK_CODEC(vi64_cases, int64_t, fory_put_vi64, fory_get_vi64, FORY_VU64_MAX);
    CHECK_CODEC(ti64_cases, int64_t, fory_put_tagged_i64, fory_get_tagged_i64, FORY_VU64_MAX);
    CHECK_CODEC(tu64_cases, uint64_t, fory_put_tagged_u64, fory_get_tagged_u64, FORY_VU64_MAX);
}

/* every power of two, one less and one more, both signs */
static void
test_boundaries(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            for (int negative = 0; negative < 2; negative++) {
                uint64_t u = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
                uint64_t u2;
                uint32_t v, v2;
                int64_t s, s2;
                fory_writer w;
                fory_reader r;
                u = negative ? 0 - u : u;
                v = (uint32_t)u;
                s = (int64_t)u;
                writer_open(&w);
                CHECK(fory_ensure(&w, 64) == 0, "out of memory");
                fory_put_vu64(&w, u);
                fory_put_vi64(&w, s);
                fory_put_tagged_u64(&w, u);
                fory_put_tagged_i64(&w, s);
                fory_put_vu32(&w, v);
                r.start = r.pos = w.start;
                r.end = w.pos;
                CHECK(fory_get_vu64(&r, &u2) == FORY_OK && u2 == u, "vu64 bit %u", bit);
                CHECK(fory_get_vi64(&r, &s2) == FORY_OK && s2 == s, "vi64 bit %u", bit);
                CHECK(fory_get_tagged_u64(&r, &u2) == FORY_OK && u2 == u, "tu64 bit %u", bit);
                CHECK(fory_get_tagged_i64(&r, &s2) == FORY_OK && s2 == s, "ti64 bit %u", bit);
                CHECK(fory_get_vu32(&r, &v2) == FORY_OK && v2 == v, "vu32 bit %u", bit);
                CHECK(r.pos == r.end, "all read, bit %u", bit);
                writer_close(&w);
            }
        }
    }
}

typedef struct {
    const char *hex;
    int bits;
    int status;
    uint64_t value;
    size_t used;
} form_case;

/* overlong and broken forms */
static const form_case forms[] = {
    {"8000", 32, FORY_OK, 0, 2},
    {"ff8000", 32, FORY_OK, 127, 3},
    {"8080808000", 32, FORY_OK, 0, 5},
    {"8080808010", 32, FORY_MALFORMED, 0, 0},
    {"ffffffffff", 32, FORY_MALFORMED, 0, 0},
    {"80808080800100", 32, FORY_MALFORMED, 0, 0},
    {"80808080", 32, FORY_TRUNCATED, 0, 0},
    {"", 32, FORY_TRUNCATED, 0, 0},
    {"8000", 64, FORY_OK, 0, 2},
    {"808080808080808000", 64, FORY_OK, 0, 9},
    {"8080808080808080ff", 64, FORY_OK, UINT64_C(0xff) << 56, 9},
    {"8080808080808000", 64, FORY_OK, 0, 8},
    {"8080808080808080", 64, FORY_TRUNCATED, 0, 0},
    {"", 64, FORY_TRUNCATED, 0, 0},
};

static void
test_forms(void)
{
    for (size_t c = 0; c < sizeof(forms) / sizeof(forms[0]); c++) {
        const form_case *f = &forms[c];
        uint8_t bytes[16];
        size_t n = from_hex(f->hex, bytes);
        uint64_t value = 0;
        fory_reader r;
        int status;
        reader_open(&r, bytes, n);
        if (f->bits == 32) {
            uint32_t v = 0;
            status = fory_get_vu32(&r, &v);
            value = v;
        }
        else {
            status = fory_get_vu64(&r, &value);
        }
        CHECK(status == f->status, "%s: status %d", f->hex, status);
        CHECK((size_t)(r.pos - r.start) == f->used, "%s: used", f->hex);
        CHECK(status != FORY_OK || value == f->value, "%s: value", f->hex);
        reader_close(&r);
    }
}

static void
test_tagged_marker(void)
{
    /* any first byte with bit 0 set selects the long form */
    static const uint8_t bytes[9] = {3};
    int64_t s = -1;
    uint64_t u = 1;
    fory_reader r;
    reader_open(&r, bytes, 9);
    CHECK(fory_get_tagged_i64(&r, &s) == FORY_OK && s == 0 && r.pos == r.end, "03 and zeros");
    reader_close(&r);
    reader_open(&r, bytes, 9);
    CHECK(fory_get_tagged_u64(&r, &u) == FORY_OK && u == 0 && r.pos == r.end, "03 and zeros");
    reader_close(&r);
}

int
main(void)
{
    test_tables();
    test_boundaries();
    test_forms();
    test_tagged_marker();
    return check_report("test_varint");
}
