/* Text kernels: every tier against a reference written here from the definition
 * of UTF-8 and UTF-16, at every length up to 300, every alignment and against
 * unreadable pages. */
#include "guarded.h"

#include "check.h"

#include "kernels/kernels.h"

#define MAX_N 300

static guarded in_page, out_page;
static uint64_t seed = 20240602;

/* ---- reference ---------------------------------------------------------------- */

static size_t
encode_point(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t leads[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; c >>= 6) {
        out[i] = (uint8_t)(0x80 | c % 64);
    }
    out[0] = (uint8_t)(leads[size] | c);
    return size;
}

/* Decodes and encodes again: what does not come back as it was is malformed. -1 or
 * the code points. */
static long
decode_reference(const uint8_t *s, size_t n, uint32_t *out)
{
    long count = 0;
    for (size_t i = 0; i < n; count++) {
        size_t size = s[i] < 0x80 ? 1 : s[i] < 0xc0 ? 9 : s[i] < 0xe0 ? 2 : s[i] < 0xf0 ? 3 : s[i] < 0xf8 ? 4 : 9;
        uint32_t c = size == 1 ? s[i] : s[i] & (0xffu >> (size + 1));
        uint8_t again[4];
        if (size > n - i) {
            return -1;
        }
        for (size_t k = 1; k < size; k++) {
            c = c << 6 | (s[i + k] & 0x3f);
        }
        if (c > 0x10ffff || encode_point(c, again) != size || memcmp(again, s + i, size) != 0) {
            return -1;
        }
        out[count] = c;
        i += size;
    }
    return count;
}

static uint32_t
class_of(uint32_t largest)
{
    return largest < 0x80 ? 0x7f : largest < 0x100 ? 0xff : largest < 0x10000 ? 0xffff : 0x10ffff;
}

/* ---- samples ------------------------------------------------------------------- */

static const uint32_t borders[] = {0, 0x7f, 0x80, 0xbf, 0xc0, 0xff, 0x100, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff,
                                   0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff};

enum { ASCII, LATIN, LATIN_RARE, TWO, CJK, CJK_AND_ASCII, BORDERS2, EMOJI, EMOJI_AND_ALL, BORDERS4, STYLES };

static uint32_t
sample_point(int style)
{
    uint64_t x = next_random(&seed), r = next_random(&seed);
    switch (style) {
    case ASCII: return x % 0x80;
    case LATIN: return x % 0x100;
    case LATIN_RARE: return r % 40 ? x % 0x80 : 0x80 + x % 0x80;
    case TWO: return 0x80 + x % 0x780;
    case CJK: return 0x4e00 + x % 0x5000;
    case CJK_AND_ASCII: return r % 3 ? 0x4e00 + x % 0x5000 : x % (r % 2 ? 0x80 : 0x800);
    case BORDERS2: return borders[x % 19];
    case EMOJI: return 0x1f300 + x % 0x400;
    case EMOJI_AND_ALL: return r % 4 == 0 ? x % 0x80 : r % 4 == 1 ? 0x80 + x % 0x780 : r % 4 == 2 ? 0x4e00 + x % 0x5000 : 0x10000 + x % 0x100000;
    default: return borders[x % (sizeof(borders) / sizeof(borders[0]))];
    }
}

typedef struct {
    size_t n;
    uint32_t points[MAX_N];
    size_t bytes;
    uint8_t utf8[4 * MAX_N + FORY_TEXT_SLACK];
    uint32_t largest;
    int surrogates;
} sample;

static void
finish_sample(sample *t)
{
    t->bytes = 0;
    t->largest = 0;
    t->surrogates = 0;
    for (size_t i = 0; i < t->n; i++) {
        uint32_t c = t->points[i];
        t->bytes += encode_point(c, t->utf8 + t->bytes);
        t->largest = c > t->largest ? c : t->largest;
        t->surrogates |= c >= 0xd800 && c <= 0xdfff;
    }
}

static void
make_sample(sample *t, size_t n, int style)
{
    t->n = n;
    /* a run of one style, now and then interrupted by another */
    for (size_t i = 0; i < n; i++) {
        t->points[i] = sample_point(style);
    }
    if (n > 4 && next_random(&seed) % 4 == 0) {
        size_t from = next_random(&seed) % n, until = from + next_random(&seed) % (n - from);
        for (size_t i = from; i < until; i++) {
            t->points[i] = 'a' + i % 26;
        }
    }
    finish_sample(t);
}

/* ---- the kernels ----------------------------------------------------------------- */

/* the sample in units of `width` bytes */
static uint8_t *
place_units(const sample *t, size_t width, guarded page, int placement)
{
    uint8_t *p = place(page, width * t->n, placement);
    for (size_t i = 0; i < t->n; i++) {
        uint8_t u1 = (uint8_t)t->points[i];
        uint16_t u2 = (uint16_t)t->points[i];
        memcpy(p + width * i, width == 1 ? (const void *)&u1 : width == 2 ? (const void *)&u2 : &t->points[i], width);
    }
    return p;
}

static void
check_info(const fory_kernels *k, const char *what, const sample *t, const fory_text_info *info, int placement)
{
    CHECK(info->chars == t->n && info->bytes == t->bytes && info->top == class_of(t->largest) &&
              info->surrogates == t->surrogates,
          "%s %s n=%zu at %d: %zu %zu %x %d", k->name, what, t->n, placement, info->chars, info->bytes,
          (unsigned)info->top, info->surrogates);
}

static void
check_sample(const fory_kernels *k, const sample *t, int placement)
{
    static const char *const decoders[] = {"", "utf8_to_u1", "utf8_to_u2", "", "utf8_to_u4"};
    static const char *const encoders[] = {"", "u1_to_utf8", "u2_to_utf8", "", "u4_to_utf8"};
    static uint8_t expected[4 * MAX_N + 1];
    fory_text_info info;
    uint8_t *in = place(in_page, t->bytes, placement), *out, *end;

    memcpy(in, t->utf8, t->bytes);
    memset(&info, 0xee, sizeof(info));
    CHECK(k->utf8_scan(in, t->bytes, &info) == 1, "%s utf8_scan n=%zu at %d", k->name, t->n, placement);
    check_info(k, "utf8_scan", t, &info, placement);

    for (size_t width = t->largest < 0x100 ? 1 : t->largest < 0x10000 ? 2 : 4; width <= 4; width *= 2) {
        in = place(in_page, t->bytes, placement);
        memcpy(in, t->utf8, t->bytes);
        out = place(out_page, width * t->n, placement % 5 ? 0 : placement);
        switch (width) {
        case 1: k->utf8_to_u1(in, t->bytes, out, t->n); break;
        case 2: k->utf8_to_u2(in, t->bytes, (uint16_t *)(void *)out, t->n); break;
        default: k->utf8_to_u4(in, t->bytes, (uint32_t *)(void *)out, t->n); break;
        }
        guarded copy = {expected};
        (void)place_units(t, width, copy, 1);
        CHECK(memcmp(out, expected, width * t->n) == 0, "%s %s n=%zu at %d", k->name, decoders[width], t->n, placement);

        in = place_units(t, width, in_page, placement);
        memset(&info, 0xee, sizeof(info));
        switch (width) {
        case 1: k->u1_scan(in, t->n, &info); break;
        case 2: k->u2_scan((const uint16_t *)(void *)in, t->n, &info); break;
        default: k->u4_scan((const uint32_t *)(void *)in, t->n, &info); break;
        }
        check_info(k, encoders[width], t, &info, placement);
        if (width == 2) {
            size_t size = k->u2_utf8_size((const uint16_t *)(void *)in, t->n);
            CHECK(size == t->bytes, "%s u2_utf8_size n=%zu at %d", k->name, t->n, placement);
        }
        out = place(out_page, t->bytes + FORY_TEXT_SLACK, 0);
        switch (width) {
        case 1: end = k->u1_to_utf8(in, t->n, out); break;
        case 2: end = k->u2_to_utf8((const uint16_t *)(void *)in, t->n, out); break;
        default: end = k->u4_to_utf8((const uint32_t *)(void *)in, t->n, out); break;
        }
        CHECK(end == out + t->bytes && memcmp(out, t->utf8, t->bytes) == 0, "%s %s n=%zu at %d", k->name,
              encoders[width], t->n, placement);
    }

    if (t->largest < 0x100) {
        in = place_units(t, 2, in_page, placement);
        out = place(out_page, t->n, 0);
        k->u2_to_u1((const uint16_t *)(void *)in, out, t->n);
        guarded copy = {expected};
        (void)place_units(t, 1, copy, 1);
        CHECK(memcmp(out, expected, t->n) == 0, "%s u2_to_u1 n=%zu at %d", k->name, t->n, placement);
    }
}

/* As UTF-16, where neighbours that happen to form a pair are joined. */
static void
check_utf16(const fory_kernels *k, const sample *t, int placement)
{
    static uint16_t units[2 * MAX_N];
    static uint32_t expected[2 * MAX_N];
    size_t n = 0, pairs = 0, count = 0;
    for (size_t i = 0; i < t->n; i++) {
        uint32_t c = t->points[i];
        if (c >= 0x10000) {
            units[n++] = (uint16_t)(0xd7c0 + (c >> 10));
            c = 0xdc00 + (c & 0x3ff);
        }
        units[n++] = (uint16_t)c;
    }
    for (size_t i = 0; i < n; i++, count++) {
        expected[count] = units[i];
        if (i + 1 < n && units[i] >> 10 == 0x36 && units[i + 1] >> 10 == 0x37) {
            expected[count] = 0x10000 + ((units[i] & 0x3ffu) << 10) + (units[i + 1] & 0x3ffu);
            i++;
            pairs++;
        }
    }
    uint8_t *in = place(in_page, 2 * n, placement), *out = place(out_page, 4 * count, 0);
    memcpy(in, units, 2 * n);
    CHECK(k->utf16_pairs((const uint16_t *)(void *)in, n) == pairs, "%s utf16_pairs n=%zu at %d", k->name, n, placement);
    k->utf16_to_u4((const uint16_t *)(void *)in, n, (uint32_t *)(void *)out);
    CHECK(memcmp(out, expected, 4 * count) == 0, "%s utf16_to_u4 n=%zu at %d", k->name, n, placement);
}

static void
test_samples(const fory_kernels *k)
{
    static sample t;
    for (size_t n = 0; n <= MAX_N; n++) {
        for (int style = 0; style < STYLES; style++) {
            for (int i = 0; i < 3; i++) {
                int placement = i == 0 ? 0 : (int)(next_random(&seed) % PLACEMENTS);
                make_sample(&t, n, style);
                check_sample(k, &t, placement);
                check_utf16(k, &t, placement);
            }
        }
    }
    for (int placement = 0; placement < PLACEMENTS; placement++) {
        for (int style = 0; style < STYLES; style++) {
            make_sample(&t, 61, style);
            check_sample(k, &t, placement);
            check_utf16(k, &t, placement);
        }
    }
}

/* every code point, among its neighbours */
static void
test_all_points(const fory_kernels *k)
{
    static sample t;
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 97 : 251) {
        t.n = c + 251 > 0x110000 ? 0x110000 - c : 251;
        for (uint32_t i = 0; i < t.n; i++) {
            t.points[i] = c + i;
        }
        finish_sample(&t);
        check_sample(k, &t, 0);
    }
}

/* ---- malformed UTF-8 -------------------------------------------------------------- */

static void
check_verdict(const fory_kernels *k, const uint8_t *s, size_t n, int placement)
{
    static uint32_t points[2 * MAX_N];
    fory_text_info info;
    long want = decode_reference(s, n, points);
    uint8_t *in = place(in_page, n, placement);
    memcpy(in, s, n);
    CHECK(k->utf8_scan(in, n, &info) == (want >= 0), "%s utf8_scan of %zu bytes ending %02x %02x %02x %02x", k->name, n,
          n > 3 ? s[n - 4] : 0, n > 2 ? s[n - 3] : 0, n > 1 ? s[n - 2] : 0, n > 0 ? s[n - 1] : 0);
    CHECK(want < 0 || info.chars == (size_t)want, "%s utf8_scan counts %zu, not %ld", k->name, info.chars, want);
}

/* every sequence of four of the bytes that make a difference, at block borders */
static void
test_sequences(const fory_kernels *k)
{
    static const uint8_t bytes[] = {'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                    0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    enum { N = sizeof(bytes) };
    uint8_t text[80];
    memset(text, 'x', sizeof(text));
    for (unsigned i = 0; i < N * N * N * N; i++) {
        size_t at = i % 7 ? 10 + i % 37 : i % 23;
        size_t n = i % 3 ? at + 4 : at + 4 + i % 31;
        text[at] = bytes[i % N];
        text[at + 1] = bytes[i / N % N];
        text[at + 2] = bytes[i / N / N % N];
        text[at + 3] = bytes[i / N / N / N];
        check_verdict(k, text, n, 0);
        memset(text + at, 'x', 4);
    }
}

static void
test_damage(const fory_kernels *k)
{
    static sample t;
    for (int round = 0; round < 40000; round++) {
        uint64_t x = next_random(&seed);
        make_sample(&t, x % 120, (int)(x >> 8) % STYLES);
        if (t.bytes > 0) {
            switch (x >> 16 & 3) {
            case 0: t.utf8[(x >> 20) % t.bytes] ^= (uint8_t)(1u << (x >> 60)); break;
            case 1: t.utf8[(x >> 20) % t.bytes] = (uint8_t)(x >> 50); break;
            case 2: t.bytes -= 1; break;
            default: memmove(t.utf8, t.utf8 + 1, --t.bytes); break;
            }
        }
        check_verdict(k, t.utf8, t.bytes, round % PLACEMENTS);
    }
}

int
main(void)
{
    in_page = guarded_new();
    out_page = guarded_new();
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        const fory_kernels *k = fory_kernels_of_tier(tier);
        if (k != NULL) {
            printf("tier %s\n", k->name);
            test_samples(k);
            test_all_points(k);
            test_sequences(k);
            test_damage(k);
        }
    }
    return check_report("test_transcode");
}
