/* Fixed-width reads and writes, bounds, growth and short copies. */
#include "check.h"
#include "fixed_writer.h"

static void
test_fixed(void)
{
    static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        uint8_t u8 = 0;
        uint16_t u16 = 0;
        uint32_t u32 = 0;
        uint64_t u64 = 0;
        fory_reader r;
        int rc;

        reader_open(&r, bytes, n);
        CHECK(fory_left(&r) == n, "left %zu", n);
        rc = fory_get_u8(&r, &u8);
        CHECK(n >= 1 ? rc == FORY_OK && u8 == 0x01 : rc == FORY_TRUNCATED && r.pos == r.start, "u8 of %zu", n);
        r.pos = r.start;
        rc = fory_get_u16(&r, &u16);
        CHECK(n >= 2 ? rc == FORY_OK && u16 == 0x0201 : rc == FORY_TRUNCATED && r.pos == r.start, "u16 of %zu", n);
        r.pos = r.start;
        rc = fory_get_u32(&r, &u32);
        CHECK(n >= 4 ? rc == FORY_OK && u32 == 0x04030201 : rc == FORY_TRUNCATED && r.pos == r.start, "u32 of %zu",
              n);
        r.pos = r.start;
        rc = fory_get_u64(&r, &u64);
        CHECK(n >= 8 ? rc == FORY_OK && u64 == UINT64_C(0x0807060504030201)
                     : rc == FORY_TRUNCATED && r.pos == r.start,
              "u64 of %zu", n);
        reader_close(&r);
    }
}

static void
test_writer(void)
{
    static const uint8_t expected[] = {0xaa, 0x02, 0x01, 0x06, 0x05, 0x04, 0x03,
                                       0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x07};
    fory_writer w;
    writer_open(&w);
    for (int round = 0; round < 100; round++) {
        size_t before = (size_t)(w.pos - w.start);
        CHECK(fory_ensure(&w, 15) == 0 && (size_t)(w.end - w.pos) >= 15, "room");
        fory_put_u8(&w, 0xaa);
        fory_put_u16(&w, 0x0102);
        fory_put_u32(&w, 0x03040506);
        fory_put_u64(&w, UINT64_C(0x0708090a0b0c0d0e));
        CHECK(memcmp(w.start + before, expected, 15) == 0, "round %d", round);
    }
    CHECK(w.pos - w.start == 1500, "all rounds kept");
    writer_close(&w);
}

static void
test_copy_short(void)
{
    uint8_t source[300], target[300];
    for (size_t i = 0; i < sizeof(source); i++) {
        source[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t n = 0; n <= 256; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        CHECK(exact != NULL, "out of memory");
        if (exact == NULL) {
            return;
        }
        memset(target, 0, sizeof(target));
        memcpy(exact, source, n);
        fory_copy_short(target, exact, n);
        CHECK(memcmp(target, source, n) == 0, "copy of %zu", n);
        CHECK(target[n] == 0, "copy of %zu stops there", n);
        free(exact);
    }
}

static void
test_zigzag(void)
{
    static const int64_t values[] = {0, 1, -1, 63, -64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int64_t v = values[i];
        uint64_t expected = v < 0 ? 2 * (uint64_t)-(v + 1) + 1 : 2 * (uint64_t)v;
        CHECK(fory_zigzag64(v) == expected, "case %zu", i);
        CHECK(fory_unzigzag64(expected) == v, "case %zu", i);
        if (v == (int32_t)v) {
            CHECK(fory_zigzag32((int32_t)v) == (uint32_t)expected, "case %zu", i);
            CHECK(fory_unzigzag32((uint32_t)expected) == (int32_t)v, "case %zu", i);
        }
    }
}

/* Random programs of reads on random bytes never leave the range. */
static void
test_random_reads(void)
{
    uint64_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        size_t n = next_random(&seed) % sizeof(bytes);
        fory_reader r;
        for (size_t i = 0; i < n; i++) {
            uint64_t x = next_random(&seed);
            bytes[i] = x & 0x100 ? 0xff : x & 0x200 ? (uint8_t)(x | 0x80) : (uint8_t)x;
        }
        reader_open(&r, bytes, n);
        for (int step = 0; step < 12; step++) {
            const uint8_t *before = r.pos;
            uint8_t u8;
            uint16_t u16;
            uint32_t u32;
            uint64_t u64;
            int32_t s32;
            int64_t s64;
            int rc = FORY_OK;
            switch (next_random(&seed) % 10) {
            case 0: rc = fory_get_u8(&r, &u8); break;
            case 1: rc = fory_get_u16(&r, &u16); break;
            case 2: rc = fory_get_u32(&r, &u32); break;
            case 3: rc = fory_get_u64(&r, &u64); break;
            case 4: rc = fory_get_vu32(&r, &u32); break;
            case 5: rc = fory_get_vu64(&r, &u64); break;
            case 6: rc = fory_get_vi32(&r, &s32); break;
            case 7: rc = fory_get_vi64(&r, &s64); break;
            case 8: rc = fory_get_tagged_i64(&r, &s64); break;
            default: rc = fory_get_tagged_u64(&r, &u64); break;
            }
            CHECK(r.pos <= r.end && (rc == FORY_OK ? r.pos > before : r.pos == before), "round %d step %d", round,
                  step);
        }
        reader_close(&r);
    }
}

int
main(void)
{
    test_fixed();
    test_writer();
    test_copy_short();
    test_zigzag();
    test_random_reads();
    return check_report("test_reader");
}
