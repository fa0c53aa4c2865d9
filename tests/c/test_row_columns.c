/* Row layout arithmetic and the gathering of columns. */
#include "check.h"
#include "wire/row_gather.h"

static void
test_arithmetic(void)
{
    CHECK(fory_row_pad(0) == 0 && fory_row_pad(1) == 8 && fory_row_pad(8) == 8 && fory_row_pad(9) == 16, "pad");
    CHECK(fory_row_bitmap(0) == 0 && fory_row_bitmap(1) == 8 && fory_row_bitmap(64) == 8 && fory_row_bitmap(65) == 16,
          "bitmap");
    CHECK(fory_row_width(FORY_BOOL) == 1 && fory_row_width(FORY_FLOAT16) == 2 && fory_row_width(FORY_DATE) == 4 &&
              fory_row_width(FORY_TIMESTAMP) == 8 && fory_row_width(FORY_STRING) == 0 &&
              fory_row_width(FORY_UINT8) == -1 && fory_row_width(0) == -1 && fory_row_width(1000) == -1,
          "widths");
    uint8_t bits[16] = {0};
    fory_row_set_null(bits, 0);
    fory_row_set_null(bits, 70);
    CHECK(bits[0] == 1 && bits[8] == 0x40 && fory_row_is_null(bits, 70) && !fory_row_is_null(bits, 69), "null bits");
}

static void
test_follow(void)
{
    static const struct {
        uint32_t offset, length;
        size_t size;
        int rc;
    } cases[] = {
        {0, 0, 0, FORY_OK},
        {16, 8, 24, FORY_OK},
        {24, 0, 24, FORY_OK},
        {25, 0, 24, FORY_MALFORMED},
        {16, 9, 24, FORY_MALFORMED},
        {UINT32_MAX, UINT32_MAX, 24, FORY_MALFORMED},
        {1, UINT32_MAX, UINT32_MAX, FORY_MALFORMED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t slot[8];
        size_t offset, length;
        fory_store64(slot, (uint64_t)cases[i].offset << 32 | cases[i].length);
        CHECK(fory_row_follow(slot, cases[i].size, &offset, &length) == cases[i].rc, "case %zu", i);
        CHECK(offset == cases[i].offset && length == cases[i].length, "case %zu", i);
    }
}

static void
test_arrays(void)
{
    static const uint64_t huge[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 61, (UINT64_C(1) << 61) + 1,
                                    UINT64_C(1) << 32, 1000};
    fory_row_array array;
    for (size_t size = 0; size < 200; size++) {
        /* its own allocation, so that sanitizers see a step too far */
        uint8_t *data = calloc(size + 1, 1);
        if (data == NULL) {
            abort();
        }
        for (size_t width = 1; width <= 8; width *= 2) {
            for (uint64_t count = 0; count < 30 && size >= 8; count++) {
                size_t need = 8 + fory_row_bitmap((size_t)count) + (size_t)count * width;
                fory_store64(data, count);
                int rc = fory_row_open_array(data, size, width, &array);
                CHECK(rc == (need <= size ? FORY_OK : FORY_TRUNCATED), "%d elements of %zu in %zu", (int)count, width,
                      size);
                CHECK(rc != FORY_OK || (array.count == count && array.items == data + need - count * width), "items");
            }
            for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]) && size >= 8; i++) {
                fory_store64(data, huge[i]);
                CHECK(fory_row_open_array(data, size, width, &array) == FORY_TRUNCATED, "huge %zu", i);
            }
        }
        if (size < 8) {
            CHECK(fory_row_open_array(data, size, 1, &array) == FORY_TRUNCATED, "short");
        }
        free(data);
    }
}

static void
test_maps(void)
{
    uint8_t data[64] = {0};
    fory_row_array keys, values;
    fory_store64(data, 24); /* keys: one element of 8 bytes */
    fory_store64(data + 8, 1);
    fory_store64(data + 32, 1);
    CHECK(fory_row_open_map(data, 56, 8, 8, &keys, &values) == FORY_OK && keys.count == 1 && values.count == 1 &&
              keys.items == data + 24 && values.items == data + 48,
          "one pair");
    fory_store64(data + 32, 0);
    CHECK(fory_row_open_map(data, 56, 8, 8, &keys, &values) == FORY_MALFORMED, "different lengths");
    fory_store64(data + 32, 2);
    CHECK(fory_row_open_map(data, 56, 8, 8, &keys, &values) == FORY_TRUNCATED, "values too short");
    for (size_t i = 0; i < 3; i++) {
        static const uint64_t sizes[] = {UINT64_MAX, 49, 7};
        fory_store64(data, sizes[i]);
        CHECK(fory_row_open_map(data, 56, 8, 8, &keys, &values) == FORY_TRUNCATED, "key bytes %zu", i);
    }
    CHECK(fory_row_open_map(data, 7, 8, 8, &keys, &values) == FORY_TRUNCATED, "short");
}

/* ---- gathering ------------------------------------------------------------------ */

enum { ROWS = 203, FIELDS = 70, BITMAP = 16, FIXED = BITMAP + FIELDS * 8 };

typedef struct Sample {
    uint8_t *base;
    size_t size;
    uint8_t offsets[(ROWS + 1) * 8];
    fory_row_span spans[ROWS];
} Sample;

static void
make_sample(Sample *s, uint64_t seed)
{
    s->size = 0;
    for (size_t i = 0; i < ROWS; i++) {
        fory_store64(s->offsets + 8 * i, s->size);
        s->spans[i].at = s->size;
        s->spans[i].size = FIXED + next_random(&seed) % 4 * 8;
        s->size += (size_t)s->spans[i].size;
        if (next_random(&seed) % 5 == 0) {
            s->spans[i].at = FORY_ROW_NO_SPAN;
            s->spans[i].size = 0;
        }
    }
    fory_store64(s->offsets + 8 * ROWS, s->size);
    s->base = malloc(s->size);
    if (s->base == NULL) {
        abort();
    }
    for (size_t i = 0; i < s->size; i++) {
        s->base[i] = (uint8_t)next_random(&seed);
    }
}

static void
test_gather(int with_spans)
{
    Sample s;
    make_sample(&s, 7);
    fory_row_set rows = {s.base, with_spans ? NULL : s.offsets, with_spans ? s.spans : NULL, ROWS, s.size};
    for (size_t field = 0; field < FIELDS; field += 3) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            size_t slot = BITMAP + field * 8, nulls = 0;
            uint8_t *out = malloc(ROWS * width), validity[(ROWS + 7) / 8], packed[(ROWS + 7) / 8];
            if (out == NULL) {
                abort();
            }
            size_t got = fory_row_gather(&rows, slot, width, field >> 3, field & 7, FIXED, out, validity);
            for (size_t i = 0; i < ROWS; i++) {
                uint8_t expected[8] = {0};
                uint64_t at = with_spans ? s.spans[i].at : fory_load64(s.offsets + 8 * i);
                int null = at == FORY_ROW_NO_SPAN || fory_row_is_null(s.base + at, field);
                if (!null) {
                    memcpy(expected, s.base + at + slot, width);
                }
                nulls += (size_t)null;
                CHECK(memcmp(out + i * width, expected, width) == 0, "row %zu field %zu", i, field);
                CHECK((validity[i >> 3] >> (i & 7) & 1) == !null, "row %zu field %zu", i, field);
            }
            CHECK(got == nulls && validity[ROWS >> 3] >> (ROWS & 7) == 0, "%zu nulls", nulls);
            if (width == 1) {
                CHECK(fory_row_gather_bits(&rows, slot, field >> 3, field & 7, FIXED, packed, validity) == nulls, "bits");
                for (size_t i = 0; i < ROWS; i++) {
                    CHECK((packed[i >> 3] >> (i & 7) & 1) == (out[i] != 0), "row %zu", i);
                }
            }
            free(out);
        }
    }
    rows.n = 0;
    CHECK(fory_row_gather(&rows, BITMAP, 8, 0, 0, FIXED, NULL, NULL) == 0, "no rows");
    free(s.base);
}

static void
test_spans(void)
{
    Sample s;
    fory_row_span out[ROWS];
    uint8_t validity[(ROWS + 7) / 8];
    uint64_t total, sum = 0;
    make_sample(&s, 8);
    for (size_t i = 0; i < ROWS; i++) {
        uint8_t *row = s.base + fory_load64(s.offsets + 8 * i);
        fory_store64(row + BITMAP, (uint64_t)(i % 50) << 32 | i % 60);
        row[0] = (uint8_t)(i % 3 == 0);
        sum += i % 3 == 0 ? 0 : i % 60;
    }
    fory_row_set rows = {s.base, s.offsets, NULL, ROWS, s.size};
    size_t nulls = fory_row_gather_spans(&rows, BITMAP, 0, 0, FIXED, out, &total);
    CHECK(nulls == 68 && total == sum, "%zu nulls", nulls);
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t at = fory_load64(s.offsets + 8 * i) + i % 50;
        CHECK(i % 3 == 0 ? out[i].at == FORY_ROW_NO_SPAN && out[i].size == 0 : out[i].at == at && out[i].size == i % 60,
              "row %zu", i);
    }
    CHECK(fory_row_span_validity(out, ROWS, validity) == nulls && (validity[0] & 15) == 6, "validity");
    fory_store64(s.base + fory_load64(s.offsets + 8) + BITMAP, (uint64_t)s.size << 32);
    CHECK(fory_row_gather_spans(&rows, BITMAP, 0, 0, FIXED, out, &total) == FORY_ROW_BAD_SET, "out of its row");
    free(s.base);
}

static void
test_damaged_sets(void)
{
    static const uint64_t bad[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63, 1u << 31, 0};
    Sample s;
    uint8_t out[ROWS * 8], validity[ROWS];
    fory_row_span spans[ROWS];
    uint64_t total;
    make_sample(&s, 9);
    fory_row_set rows = {s.base, s.offsets, NULL, ROWS, s.size};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t kept = fory_load64(s.offsets + 8 * 100);
        fory_store64(s.offsets + 8 * 100, bad[i]);
        CHECK(fory_row_gather(&rows, BITMAP, 8, 0, 0, FIXED, out, validity) == FORY_ROW_BAD_SET, "offset %zu", i);
        CHECK(fory_row_gather_bits(&rows, BITMAP, 0, 0, FIXED, out, validity) == FORY_ROW_BAD_SET, "offset %zu", i);
        CHECK(fory_row_gather_spans(&rows, BITMAP, 0, 0, FIXED, spans, &total) == FORY_ROW_BAD_SET, "offset %zu", i);
        fory_store64(s.offsets + 8 * 100, kept);
    }
    rows.limit--;
    CHECK(fory_row_gather(&rows, BITMAP, 8, 0, 0, FIXED, out, validity) == FORY_ROW_BAD_SET, "limit");
    free(s.base);
}

static void
test_validity(void)
{
    uint8_t nulls[8] = {0x05}, validity[4] = {0};
    CHECK(fory_row_append_validity(validity, 0, nulls, 3) == 2, "count");
    CHECK(fory_row_append_validity(validity, 3, nulls, 9) == 2, "count");
    /* 0 1 0 | 0 1 0 1 1 1 1 1 1 */
    CHECK(validity[0] == 0xd2 && validity[1] == 0x0f && validity[2] == 0, "%02x %02x", validity[0], validity[1]);
}

int
main(void)
{
    test_arithmetic();
    test_follow();
    test_arrays();
    test_maps();
    test_gather(0);
    test_gather(1);
    test_spans();
    test_damaged_sets();
    test_validity();
    return check_report("rows");
}
