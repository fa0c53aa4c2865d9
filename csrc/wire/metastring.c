/* Meta strings: names packed into 5 or 6 bits per character (wire-format
 * section 10). All tests are on ASCII; any other text travels as UTF-8. */
#include "wire/wire.h"

enum { FIVE_BITS = 5, SIX_BITS = 6 };

FORY_INLINE int is_lower(uint8_t c) { return c >= 'a' && c <= 'z'; }
FORY_INLINE int is_upper(uint8_t c) { return c >= 'A' && c <= 'Z'; }
FORY_INLINE int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Code of c in the five-bit alphabet, or -1. */
static int
five_bit_code(uint8_t c)
{
    if (is_lower(c)) {
        return c - 'a';
    }
    switch (c) {
    case '.': return 26;
    case '_': return 27;
    case '$': return 28;
    case '|': return 29;
    default: return -1;
    }
}

/* Code of c in the six-bit alphabet of this context, or -1. */
static int
six_bit_code(uint8_t c, char special1, char special2)
{
    if (is_lower(c)) {
        return c - 'a';
    }
    if (is_upper(c)) {
        return c - 'A' + 26;
    }
    if (is_digit(c)) {
        return c - '0' + 52;
    }
    if (c == (uint8_t)special1) {
        return 62;
    }
    return c == (uint8_t)special2 ? 63 : -1;
}

/* Character of a five-bit code, or -1 for the two codes without one. */
static int
five_bit_char(unsigned code)
{
    return code < 26 ? (int)('a' + code) : code < 30 ? "._$|"[code - 26] : -1;
}

static int
six_bit_char(unsigned code, char special1, char special2)
{
    if (code < 26) {
        return (int)('a' + code);
    }
    if (code < 52) {
        return (int)('A' + (code - 26));
    }
    if (code < 62) {
        return (int)('0' + (code - 52));
    }
    return (uint8_t)(code == 62 ? special1 : special2);
}

int
fory_meta_choose(const char *text, size_t len, char special1, char special2, unsigned allowed)
{
    const uint8_t *s = (const uint8_t *)text;
    int all_five = 1, all_six = 1, digits = 0;
    size_t uppers = 0;

    if (len == 0) {
        return FORY_META_UTF8;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] >= 0x80) {
            return FORY_META_UTF8;
        }
        all_five &= five_bit_code(s[i]) >= 0;
        all_six &= six_bit_code(s[i], special1, special2) >= 0;
        digits |= is_digit(s[i]);
        uppers += (size_t)is_upper(s[i]);
    }
#define ALLOWED(encoding) ((allowed >> (encoding)) & 1)
    if (all_five && ALLOWED(FORY_META_LOWER_SPECIAL)) {
        return FORY_META_LOWER_SPECIAL;
    }
    if (!all_six || !ALLOWED(FORY_META_LOWER_UPPER_DIGIT)) {
        return FORY_META_UTF8;
    }
    if (digits) {
        return FORY_META_LOWER_UPPER_DIGIT;
    }
    if (uppers == 1 && is_upper(s[0]) && ALLOWED(FORY_META_FIRST_TO_LOWER)) {
        return FORY_META_FIRST_TO_LOWER;
    }
    if ((len + uppers) * 5 < len * 6 && ALLOWED(FORY_META_ALL_TO_LOWER)) {
        return FORY_META_ALL_TO_LOWER;
    }
    return FORY_META_LOWER_UPPER_DIGIT;
#undef ALLOWED
}

/* Bit packer, most significant bit first; bit 7 of byte 0 stays free for the
 * strip flag. Bits wait in `acc` until a byte is full. */
typedef struct {
    uint8_t *out;
    size_t size;
    uint32_t acc;
    unsigned pending;
} bit_packer;

FORY_INLINE void
pack(bit_packer *b, unsigned code, unsigned width)
{
    b->acc = (b->acc << width) | code;
    b->pending += width;
    while (b->pending >= 8) {
        b->pending -= 8;
        b->out[b->size++] = (uint8_t)(b->acc >> b->pending);
    }
}

static ptrdiff_t
finish_pack(bit_packer *b, unsigned width)
{
    unsigned unused = b->pending == 0 ? 0 : 8 - b->pending;
    if (b->pending != 0) {
        b->out[b->size++] = (uint8_t)(b->acc << unused);
    }
    if (unused >= width) {
        b->out[0] |= 0x80; /* a whole unused character fits: tell the reader */
    }
    return (ptrdiff_t)b->size;
}

ptrdiff_t
fory_meta_encode(const char *text, size_t len, int encoding, char special1, char special2, uint8_t *out)
{
    const uint8_t *s = (const uint8_t *)text;
    bit_packer b = {out, 0, 0, 1};
    unsigned width = encoding == FORY_META_LOWER_UPPER_DIGIT ? SIX_BITS : FIVE_BITS;

    if (encoding == FORY_META_UTF8) {
        if (len > 0) {
            memcpy(out, text, len);
        }
        return (ptrdiff_t)len;
    }
    if (encoding < 0 || encoding > FORY_META_ALL_TO_LOWER) {
        return FORY_MALFORMED;
    }
    if (len == 0) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = s[i];
        int code;
        if (encoding == FORY_META_LOWER_UPPER_DIGIT) {
            code = six_bit_code(c, special1, special2);
        }
        else if (encoding == FORY_META_LOWER_SPECIAL) {
            code = five_bit_code(c);
        }
        else if (encoding == FORY_META_FIRST_TO_LOWER) {
            if (i == 0) {
                /* a lower-case letter here would come back as a capital */
                code = is_upper(c) ? c - 'A' : is_lower(c) ? -1 : five_bit_code(c);
            }
            else {
                code = five_bit_code(c);
            }
        }
        else if (is_upper(c)) {
            pack(&b, 29, width);
            code = c - 'A';
        }
        else {
            code = c == '|' ? -1 : five_bit_code(c); /* '|' is the shift mark */
        }
        if (code < 0) {
            return FORY_MALFORMED;
        }
        pack(&b, (unsigned)code, width);
    }
    return finish_pack(&b, width);
}

ptrdiff_t
fory_meta_decode(const uint8_t *data, size_t len, int encoding, char special1, char special2, char *out)
{
    unsigned width = encoding == FORY_META_LOWER_UPPER_DIGIT ? SIX_BITS : FIVE_BITS;
    size_t n = 0, next = 0, bits;
    uint32_t acc;
    unsigned have;
    int shift = 0;

    if (encoding == FORY_META_UTF8) {
        if (len > 0) {
            memcpy(out, data, len);
        }
        return (ptrdiff_t)len;
    }
    if (encoding < 0 || encoding > FORY_META_ALL_TO_LOWER) {
        return FORY_MALFORMED;
    }
    if (len == 0) {
        return 0;
    }
    /* payload bits: all but the flag, less one character when it is set */
    bits = len * 8 - 1;
    if (data[0] & 0x80) {
        bits = bits < width ? 0 : bits - width;
    }
    acc = data[0] & 0x7f;
    have = 7;
    next = 1;
    for (; bits >= width; bits -= width) {
        int c;
        if (have < width) {
            acc = (acc << 8) | data[next++];
            have += 8;
        }
        have -= width;
        unsigned code = (acc >> have) & ((1u << width) - 1);
        c = width == SIX_BITS ? six_bit_char(code, special1, special2) : five_bit_char(code);
        if (c < 0) {
            return FORY_MALFORMED;
        }
        if (encoding == FORY_META_ALL_TO_LOWER) {
            if (shift) {
                c = is_lower((uint8_t)c) ? c - 'a' + 'A' : c;
                shift = 0;
            }
            else if (c == '|') {
                shift = 1;
                continue;
            }
        }
        out[n++] = (char)c;
    }
    if (shift) {
        return FORY_MALFORMED;
    }
    if (encoding == FORY_META_FIRST_TO_LOWER && n > 0 && is_lower((uint8_t)out[0])) {
        out[0] = (char)(out[0] - 'a' + 'A');
    }
    return (ptrdiff_t)n;
}
