/* One code point at a time: UTF-8 and UTF-16 by the definition that every tier's
 * transcoding kernels have to equal. Surrogates are code points like others. */
#ifndef FORY_KERNELS_TEXT_BITS_H
#define FORY_KERNELS_TEXT_BITS_H

#include "kernels/tiers.h"

FORY_ALWAYS_INLINE int
is_surrogate(uint32_t c)
{
    return (c & 0xfffff800u) == 0xd800u;
}

/* the class that fory_text_info.top names */
FORY_ALWAYS_INLINE uint32_t
text_class(uint32_t bits)
{
    return bits < 0x80 ? 0x7f : bits < 0x100 ? 0xff : bits < 0x10000 ? 0xffff : 0x10ffff;
}

/* the same from the largest byte of well-formed UTF-8 */
FORY_ALWAYS_INLINE uint32_t
utf8_class(uint8_t top)
{
    return top < 0x80 ? 0x7f : top < 0xc4 ? 0xff : top < 0xf0 ? 0xffff : 0x10ffff;
}

FORY_ALWAYS_INLINE uint8_t *
put_utf8(uint8_t *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (uint8_t)c;
        return p;
    }
    if (c < 0x800) {
        *p++ = (uint8_t)(0xc0 | c >> 6);
    }
    else {
        if (c < 0x10000) {
            *p++ = (uint8_t)(0xe0 | c >> 12);
        }
        else {
            *p++ = (uint8_t)(0xf0 | c >> 18);
            *p++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        }
        *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    }
    *p++ = (uint8_t)(0x80 | (c & 0x3f));
    return p;
}

FORY_ALWAYS_INLINE size_t
utf8_size(uint32_t c)
{
    return 1 + (size_t)(c >= 0x80) + (size_t)(c >= 0x800) + (size_t)(c >= 0x10000);
}

/* the code point at p in well-formed text; *p moves behind it */
FORY_ALWAYS_INLINE uint32_t
get_utf8(const uint8_t **p)
{
    const uint8_t *s = *p;
    uint32_t c = s[0];
    if (c < 0x80) {
        *p = s + 1;
        return c;
    }
    if (c < 0xe0) {
        *p = s + 2;
        return (c & 0x1f) << 6 | (s[1] & 0x3fu);
    }
    if (c < 0xf0) {
        *p = s + 3;
        return (c & 0x0f) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    }
    *p = s + 4;
    return (c & 0x07) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
}

/* Bytes of the sequence at s, of which n > 0 are left, or 0 when it is not
 * well-formed. */
FORY_ALWAYS_INLINE size_t
check_utf8(const uint8_t *s, size_t n)
{
    uint32_t c = s[0], low = 0x80, high = 0xbf;
    size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (size > n) {
        return 0;
    }
    /* the second byte decides about overlong forms and the upper end */
    low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : low;
    high = c == 0xf4 ? 0x8f : high;
    if (size > 1 && (s[1] < low || s[1] > high)) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* The code point at unit i of n, a pair joined and a lone surrogate as it is.
 * Returns the next i. */
FORY_ALWAYS_INLINE size_t
get_utf16(const uint16_t *s, size_t n, size_t i, void *out)
{
    uint32_t c = load16(s + i++);
    if ((c & 0xfc00) == 0xd800 && i < n) {
        uint32_t low = load16(s + i);
        if ((low & 0xfc00) == 0xdc00) {
            c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
            i++;
        }
    }
    store32(out, c);
    return i;
}

#endif /* FORY_KERNELS_TEXT_BITS_H */
