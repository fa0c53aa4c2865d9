/* Meta strings: the tables and rules of wire-format section 10. */
#include "check.h"

#include "wire/wire.h"

enum { ALL = 0x1f, TD_NAMESPACE = 1 | 1 << 4 | 1 << 2, TD_TYPE = TD_NAMESPACE | 1 << 3, TD_FIELD = TD_NAMESPACE };

typedef struct {
    const char *specials;
    unsigned allowed;
    const char *text;
    int encoding;
    const char *hex;
} meta_case;

static const meta_case cases[] = {
    {"._", ALL, "demo", 1, "0c8c70"},
    {"._", ALL, "org.apache.fory", 1, "3a26d01e011c9a2ba380"},
    {"._", ALL, "Example", 3, "12e063d640"},
    {"._", ALL, "com.Foo", 4, "89ccd74ae700"},
    {"._", ALL, "my_pkg.v1", 2, "18c7e79437caea"},
    {"._", ALL, "a", 1, "00"},
    {"._", ALL, "A", 3, "00"},
    {"._", ALL, "a.b$c", 1, "8341e080"},
    {"._", ALL, "\xe6\x97\xa5\xe6\x9c\xac", 0, "e697a5e69cac"},
    {"._", ALL, "n", 1, "34"},
    {"$_", ALL, "Person", 3, "3c91939a"},
    {"$_", ALL, "person", 1, "3c91939a"},
    {"$_", ALL, "MyType", 2, "4cc5ac1e20"},
    {"$_", ALL, "HTTPRequest", 2, "436db4d6220a089260"},
    {"$_", ALL, "Foo1", 2, "be71da80"},
    {"$_", ALL, "Foo_Bar", 2, "3e71dfb60220"},
    {"$_", ALL, "Foo$Bar", 2, "3e71df360220"},
    {"$_", ALL, "aPersonName", 4, "83af2464e6f5a06100"},
    {"$_", ALL, "Outer.Inner", 0, "4f757465722e496e6e6572"},
    {"$_", ALL, "", 0, ""},
    {"._", TD_NAMESPACE, "example", 4, "12e063d640"},
    {"._", TD_NAMESPACE, "a", 4, "00"},
    {"$_", TD_TYPE, "Person", 3, "3c91939a"},
    {"$_", TD_TYPE, "foo", 4, "15ce"},
    {"$_", TD_FIELD, "age", 4, "00c4"},
    {"$_", TD_FIELD, "name", 4, "340c20"},
    {"$_", TD_FIELD, "f1", 2, "0ba8"},
    {"$_", TD_FIELD, "first_name", 4, "951194f6d03080"},
    {"$_", TD_FIELD, "firstName", 4, "951194fad03080"},
    {"$_", TD_FIELD, "x1y2", 2, "afab1b00"},
    {"$_", TD_FIELD, "URL", 2, "5d5ca0"},
    {"$_", TD_FIELD, "\xe6\x97\xa5", 0, "e697a5"},
    {"$_", TD_FIELD, "\xc3\xa9t\xc3\xa9", 0, "c3a974c3a9"},
    /* where encoding 3 would be chosen but is not allowed: 4 or 2 */
    {"._", TD_NAMESPACE, "Example", 4, NULL},
    {"$_", TD_FIELD, "Name", 2, NULL},
    {"$_", TD_FIELD, "A", 2, NULL},
    {"._", TD_NAMESPACE, "Sns", 2, NULL},
    {"$_", TD_FIELD, "Abcde", 2, NULL},  /* (5+1)*5 is not below 5*6 */
    {"$_", TD_FIELD, "Abcdef", 4, NULL},
    {"$_", TD_FIELD, "a b", 0, NULL},
    {"$_", TD_FIELD, "a.b", 0, NULL},
    {"._", ALL, "a|b", 1, NULL},
    {"._", TD_NAMESPACE, "a|b", 0, NULL},
    {"._", 1, "abc", 0, NULL},
};

static void
test_table(void)
{
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const meta_case *m = &cases[c];
        size_t len = strlen(m->text);
        uint8_t expected[64], *out = malloc((len + len / 8 + 2) * 2);
        char *back = NULL;
        ptrdiff_t size, n;
        int encoding = fory_meta_choose(m->text, len, m->specials[0], m->specials[1], m->allowed);
        CHECK(encoding == m->encoding, "\"%s\" in %s: encoding %d", m->text, m->specials, encoding);
        size = fory_meta_encode(m->text, len, encoding, m->specials[0], m->specials[1], out);
        if (m->hex != NULL) {
            size_t want = from_hex(m->hex, expected);
            CHECK(size == (ptrdiff_t)want && memcmp(out, expected, want) == 0, "\"%s\": bytes", m->text);
        }
        CHECK(size >= 0, "\"%s\": cannot be encoded", m->text);
        if (size >= 0) {
            back = malloc(2 * (size_t)size + 2);
            n = fory_meta_decode(out, (size_t)size, encoding, m->specials[0], m->specials[1], back);
            CHECK(n == (ptrdiff_t)len && memcmp(back, m->text, len) == 0, "\"%s\": round trip", m->text);
        }
        free(back);
        free(out);
    }
}

static ptrdiff_t
decode_hex(const char *hex, int encoding, char *out)
{
    uint8_t bytes[64];
    return fory_meta_decode(bytes, from_hex(hex, bytes), encoding, '$', '_', out);
}

static void
test_refused(void)
{
    char out[128];
    uint8_t bytes[64];

    /* codes 30 and 31 have no character: 0 11110 00 and 0 11111 00 */
    CHECK(decode_hex("78", 1, out) == FORY_MALFORMED, "code 30");
    CHECK(decode_hex("7c", 1, out) == FORY_MALFORMED, "code 31");
    CHECK(decode_hex("78", 3, out) == FORY_MALFORMED, "code 30");
    CHECK(decode_hex("78", 4, out) == FORY_MALFORMED, "code 30");
    /* 0 11101 00: the shift mark and nothing to shift */
    CHECK(decode_hex("74", 4, out) == FORY_MALFORMED, "trailing |");
    CHECK(decode_hex("74", 1, out) == 1 && out[0] == '|', "| is plain in encoding 1");
    CHECK(decode_hex("00", 5, out) == FORY_MALFORMED, "encoding 5");
    CHECK(decode_hex("00", -1, out) == FORY_MALFORMED, "encoding -1");
    /* strip flag with nothing but the unused character */
    CHECK(decode_hex("80", 1, out) == 0, "stripped to nothing");
    CHECK(decode_hex("80", 2, out) == 0, "stripped to nothing");
    for (int encoding = 0; encoding <= 4; encoding++) {
        CHECK(fory_meta_decode(bytes, 0, encoding, '$', '_', out) == 0, "empty in %d", encoding);
        CHECK(fory_meta_encode("", 0, encoding, '$', '_', bytes) == 0, "empty in %d", encoding);
    }

    CHECK(fory_meta_encode("A", 1, 1, '$', '_', bytes) == FORY_MALFORMED, "capital in 1");
    CHECK(fory_meta_encode("a.b", 3, 2, '$', '_', bytes) == FORY_MALFORMED, "'.' in 2");
    CHECK(fory_meta_encode("abc", 3, 3, '$', '_', bytes) == FORY_MALFORMED, "lower first in 3");
    CHECK(fory_meta_encode("AbC", 3, 3, '$', '_', bytes) == FORY_MALFORMED, "second capital in 3");
    CHECK(fory_meta_encode("a|b", 3, 4, '$', '_', bytes) == FORY_MALFORMED, "'|' in 4");
    CHECK(fory_meta_encode("a1", 2, 4, '$', '_', bytes) == FORY_MALFORMED, "digit in 4");
    CHECK(fory_meta_encode("\xc3\xa9", 2, 2, '$', '_', bytes) == FORY_MALFORMED, "not ASCII in 2");
    CHECK(fory_meta_encode("a", 1, 5, '$', '_', bytes) == FORY_MALFORMED, "encoding 5");
}

/* Random names come back in the encoding chosen and in each that takes them. */
static void
test_round_trip(void)
{
    static const char alphabet[] = "abcxyzABXZ0189._$|";
    uint64_t seed = 5;
    for (int round = 0; round < 40000; round++) {
        char text[48], back[128];
        uint8_t out[128];
        size_t len = next_random(&seed) % 40;
        /* short alphabets make every encoding common */
        size_t first = next_random(&seed) % 10, letters = 1 + next_random(&seed) % (sizeof(alphabet) - 1 - first);
        const char *specials = next_random(&seed) & 1 ? "$_" : "._";
        unsigned allowed = (unsigned)next_random(&seed) & ALL;
        for (size_t i = 0; i < len; i++) {
            text[i] = alphabet[first + next_random(&seed) % letters];
        }
        int chosen = fory_meta_choose(text, len, specials[0], specials[1], allowed);
        CHECK(chosen == 0 || (allowed >> chosen & 1), "%.*s: encoding %d is not allowed", (int)len, text, chosen);
        for (int encoding = 0; encoding <= 4; encoding++) {
            ptrdiff_t size = fory_meta_encode(text, len, encoding, specials[0], specials[1], out);
            if (size < 0) {
                CHECK(encoding != chosen, "%.*s: chosen %d cannot express it", (int)len, text, chosen);
                continue;
            }
            CHECK((size_t)size <= (len + len / 8 + 2) * 2, "%.*s: size", (int)len, text);
            ptrdiff_t n = fory_meta_decode(out, (size_t)size, encoding, specials[0], specials[1], back);
            CHECK(n == (ptrdiff_t)len && memcmp(back, text, len) == 0, "%.*s in %d", (int)len, text, encoding);
        }
    }
}

/* Random bytes in exact allocations: the decoder stays inside both. */
static void
test_random_bytes(void)
{
    uint64_t seed = 6;
    for (int round = 0; round < 40000; round++) {
        size_t len = next_random(&seed) % 24;
        uint8_t *data = malloc(len ? len : 1);
        char *out = malloc(2 * len * 8 / 5 + 2);
        for (size_t i = 0; i < len; i++) {
            data[i] = (uint8_t)next_random(&seed);
        }
        for (int encoding = -1; encoding <= 6; encoding++) {
            ptrdiff_t n = fory_meta_decode(data, len, encoding, '.', '_', out);
            CHECK(n == FORY_MALFORMED || (n >= 0 && (size_t)n <= 2 * len), "round %d", round);
        }
        free(out);
        free(data);
    }
}

int
main(void)
{
    test_table();
    test_refused();
    test_round_trip();
    test_random_bytes();
    return check_report("test_metastring");
}
