/* Columns out of rows and into rows, with unreadable pages after the last row. */
#include "guarded.h"

#include "check.h"

#include "kernels/kernels.h"

#define MAX_ROWS 300
#define MAX_COLUMNS 70

static guarded in_page, out_page, null_page;
static uint64_t seed = 20240603;

typedef struct {
    size_t n, count, bitmap, stride;
    uint64_t offsets[MAX_ROWS];
    uint64_t values[MAX_COLUMNS][MAX_ROWS];
    uint8_t null[MAX_COLUMNS][MAX_ROWS];
    fory_column columns[MAX_COLUMNS];
    size_t at[MAX_COLUMNS]; /* of the column's values in the page of results */
} table;

static table t;

static void
make_table(size_t n, size_t count, int style)
{
    t.n = n;
    t.count = count;
    t.bitmap = 8 * ((count + 63) / 64);
    t.stride = t.bitmap + 8 * count;
    for (size_t c = 0; c < count; c++) {
        int width = 1 << next_random(&seed) % 4;
        t.columns[c] = (fory_column){t.bitmap + 8 * c, c, NULL, NULL, width};
        for (size_t i = 0; i < n; i++) {
            /* no nulls, some in some columns, many */
            uint64_t r = next_random(&seed);
            t.null[c][i] = style == 0 ? 0 : style == 1 ? c % 3 == 0 && r % 90 == 0 : r % 2;
            t.values[c][i] = t.null[c][i] ? 0 : next_random(&seed) >> (64 - 8 * width);
        }
    }
}

/* a little-endian row, as the format has it */
static void
write_row(size_t i, uint8_t *row)
{
    memset(row, 0, t.stride);
    for (size_t c = 0; c < t.count; c++) {
        row[c / 8] |= (uint8_t)(t.null[c][i] << (c % 8));
        for (int b = 0; b < t.columns[c].width; b++) {
            row[t.columns[c].offset + (size_t)b] = (uint8_t)(t.values[c][i] >> (8 * b));
        }
    }
}

/* rows that end with the page */
static uint8_t *
write_reference(size_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < t.n; i++) {
        t.offsets[i] = *bytes;
        *bytes += t.stride + 8 * (next_random(&seed) % 3); /* a variable part */
    }
    uint8_t *base = in_page.base + PAGE - *bytes;
    memset(base, 0xa5, *bytes);
    for (size_t i = 0; i < t.n; i++) {
        write_row(i, base + t.offsets[i]);
    }
    return base;
}

static void
check_gathered(const char *tier, const char *what)
{
    for (size_t c = 0; c < t.count; c++) {
        const fory_column *column = &t.columns[c];
        for (size_t i = 0; i < t.n; i++) {
            uint64_t v = 0;
            for (int b = 0; b < column->width; b++) {
                uint8_t byte;
                memcpy(&byte, (uint8_t *)column->values + i * (size_t)column->width + b, 1);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
                v = v << 8 | byte;
#else
                v |= (uint64_t)byte << (8 * b);
#endif
            }
            CHECK(v == t.values[c][i], "%s %s n=%zu column %zu of %zu row %zu", tier, what, t.n, c, t.count, i);
        }
        for (size_t i = 0; column->nulls != NULL && i < (t.n + 7) / 8 * 8; i++) {
            CHECK((column->nulls[i / 8] >> (i % 8) & 1) == (i < t.n && t.null[c][i]), "%s %s n=%zu nulls of %zu, row %zu",
                  tier, what, t.n, c, i);
        }
    }
}

/* room for the results, all against the ends of their pages in turn */
static void
place_columns(void)
{
    static uint8_t values[MAX_COLUMNS][8 * MAX_ROWS], nulls[MAX_COLUMNS][MAX_ROWS / 8 + 1];
    size_t last = t.count - 1;
    memset(values, 0xee, sizeof(values));
    memset(nulls, 0xee, sizeof(nulls));
    for (size_t c = 0; c < t.count; c++) {
        t.columns[c].values = values[c];
        t.columns[c].nulls = next_random(&seed) % 8 ? nulls[c] : NULL;
    }
    t.columns[last].values = place(out_page, (size_t)t.columns[last].width * t.n, 0);
    t.columns[last].nulls = place(null_page, (t.n + 7) / 8, 0);
}

static void
check_gather(const fory_kernels *k)
{
    size_t bytes;
    uint8_t *base = write_reference(&bytes);
    place_columns();
    k->gather_offsets(base, t.offsets, t.n, t.columns, t.count);
    check_gathered(k->name, "gather_offsets");

    size_t stride = t.stride + 8 * (next_random(&seed) % 2), whole = t.n ? stride * (t.n - 1) + t.stride : 0;
    base = in_page.base + PAGE - whole;
    for (size_t i = 0; i < t.n; i++) {
        write_row(i, base + i * stride);
    }
    place_columns();
    k->gather_fixed(base, stride, t.n, t.columns, t.count);
    check_gathered(k->name, "gather_fixed");
}

static void
check_scatter(const fory_kernels *k)
{
    static uint8_t expected[PAGE], values[MAX_COLUMNS][8 * MAX_ROWS], nulls[MAX_COLUMNS][MAX_ROWS / 8 + 1];
    size_t bytes;
    uint8_t *base = write_reference(&bytes);
    uint64_t offsets[MAX_ROWS + 1];
    memcpy(expected, base, bytes);
    memset(nulls, 0, sizeof(nulls));
    for (size_t c = 0; c < t.count; c++) {
        for (size_t i = 0; i < t.n; i++) {
            size_t width = (size_t)t.columns[c].width;
            uint64_t v = t.null[c][i] ? next_random(&seed) : t.values[c][i];
            uint8_t u1 = (uint8_t)v;
            uint16_t u2 = (uint16_t)v;
            uint32_t u4 = (uint32_t)v;
            memcpy(values[c] + width * i, width == 1   ? (const void *)&u1
                                          : width == 2 ? (const void *)&u2
                                          : width == 4 ? (const void *)&u4
                                                       : (const void *)&v, width);
            nulls[c][i / 8] |= (uint8_t)(t.null[c][i] << (i % 8));
        }
        t.columns[c].values = values[c];
        t.columns[c].nulls = nulls[c];
    }
    for (size_t i = 0; i < t.n; i++) {
        offsets[i] = t.offsets[i];
        memset(base + offsets[i], 0, t.bitmap);
        memset(base + offsets[i] + t.bitmap, 0x77, t.stride - t.bitmap);
    }
    k->scatter_offsets(base, offsets, t.n, t.columns, t.count);
    CHECK(memcmp(base, expected, bytes) == 0, "%s scatter_offsets n=%zu columns=%zu", k->name, t.n, t.count);

    /* fixed distance: what was scattered is gathered again */
    base = in_page.base + PAGE - t.n * t.stride;
    memset(base, 0, t.n * t.stride);
    k->scatter_fixed(base, t.stride, t.n, t.columns, t.count);
    place_columns();
    k->gather_fixed(base, t.stride, t.n, t.columns, t.count);
    check_gathered(k->name, "scatter_fixed and gather_fixed");
}

static void
test_padding(void)
{
    for (size_t n = 0; n <= MAX_ROWS; n++) {
        uint8_t *in = place(in_page, n, 0), *out = place(out_page, (n + 7) / 8 * 8, 0);
        memset(in, 0x5a, n);
        memset(out, 0xff, (n + 7) / 8 * 8);
        CHECK(fory_copy_padded(out, in, n) == (n + 7) / 8 * 8, "padded size of %zu", n);
        for (size_t i = 0; i < (n + 7) / 8 * 8; i++) {
            CHECK(out[i] == (i < n ? 0x5a : 0), "padding of %zu, byte %zu", n, i);
        }
    }
}

int
main(void)
{
    static const size_t counts[] = {1, 2, 5, 8, 20};
    in_page = guarded_new();
    out_page = guarded_new();
    null_page = guarded_new();
    test_padding();
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        if (k == NULL) {
            continue;
        }
        printf("tier %s\n", k->name);
        for (size_t n = 0; n <= MAX_ROWS; n++) {
            make_table(n, counts[n % 5], (int)(n / 5 % 3));
            check_gather(k);
            check_scatter(k);
        }
        make_table(100, MAX_COLUMNS, 2); /* more than one word of null bits */
        check_gather(k);
        check_scatter(k);
    }
    return check_report("test_rows");
}
