/* Short text of two bytes per character: copied and looked at in one go, where a
 * kernel call would cost more than it saves. */
#ifndef FORY_SHORT_TEXT_H
#define FORY_SHORT_TEXT_H

#include "codecs/codecs.h"

/* Up to this many units. */
#define FORY_SHORT_UNITS 64

/* What fory_copy_units may write behind the copy. */
#define FORY_UNITS_SLACK 8

/* The units to look for: those with (unit & mask) == value. */
#define FORY_SURROGATES 0xf800u, 0xd800u
#define FORY_ASCII_UNITS 0xff80u, 0u

/* Up to 48 bytes in front of a text's end are read: its object's head is that large where pointers have 64 bits. */
#if (defined(__GNUC__) || defined(__clang__)) && !FORY_BIG_ENDIAN && UINTPTR_MAX > 0xffffffffu
#define FORY_UNIT_VECTORS 1
typedef uint16_t fory_units8 __attribute__((vector_size(16)));

/* whether one of four units matches */
FORY_INLINE int
fory_any_unit4(uint64_t x, unsigned mask, unsigned value)
{
    const uint64_t ones = UINT64_C(0x0001000100010001);
    uint64_t t = (x & ones * mask) ^ ones * value;
    return ((t - ones) & ~t & ones << 15) != 0;
}
#endif

/* The text of an exact str, or NULL when the object does not hold it itself. */
FORY_INLINE const uint8_t *
fory_compact_units(PyObject *v)
{
    return PyUnicode_IS_COMPACT(v) ? (const uint8_t *)((PyCompactUnicodeObject *)v + 1) : NULL;
}

/* Copies n > 0 units of a compact str and tells whether one matched: the bytes of
 * the object before its text may be read, and FORY_UNITS_SLACK bytes written
 * behind the copy. */
FORY_INLINE int
fory_copy_units(uint8_t *dst, const uint8_t *src, size_t n, unsigned mask, unsigned value)
{
#ifdef FORY_UNIT_VECTORS
    if (n >= 8) {
        /* eight at a time, the last eight overlapping */
        fory_units8 v, any;
        uint64_t halves[2];
        size_t last = 2 * n - 16;
        memcpy(&v, src, 16);
        memcpy(dst, &v, 16);
        any = (fory_units8)((v & (uint16_t)mask) == (uint16_t)value);
        for (size_t i = 16; i < last; i += 16) {
            memcpy(&v, src + i, 16);
            memcpy(dst + i, &v, 16);
            any |= (fory_units8)((v & (uint16_t)mask) == (uint16_t)value);
        }
        memcpy(&v, src + last, 16);
        memcpy(dst + last, &v, 16);
        any |= (fory_units8)((v & (uint16_t)mask) == (uint16_t)value);
        memcpy(halves, &any, 16);
        return (halves[0] | halves[1]) != 0;
    }
    if (n > 4) {
        uint64_t a, b;
        memcpy(&a, src, 8);
        memcpy(&b, src + 2 * n - 8, 8);
        memcpy(dst, &a, 8);
        memcpy(dst + 2 * n - 8, &b, 8);
        return fory_any_unit4(a, mask, value) | fory_any_unit4(b, mask, value);
    }
    /* up to four: eight bytes that end with the text */
    uint64_t a, b;
    unsigned before = 64 - 16 * (unsigned)n;
    memcpy(&a, src + 2 * n - 8, 8);
    b = a >> before;
    memcpy(dst, &b, 8);
    return fory_any_unit4(a | ((UINT64_C(1) << before) - 1), mask, value);
#else
    int found = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t unit;
        memcpy(&unit, src + 2 * i, 2);
        found |= (unit & mask) == value;
        memcpy(dst + 2 * i, &unit, 2);
    }
    return found;
#endif
}

#ifdef FORY_UNIT_VECTORS

/* Texts that fory_put_short_texts takes at once, and the bytes of one with its head. */
#define FORY_SHORT_TEXTS 64
#define FORY_SHORT_SIZE 48

/* 1 for an exact str of so few bytes, two per character; *longest grows to its length. */
FORY_INLINE int
fory_is_short_text(PyObject *v, size_t *longest)
{
    size_t n;
    if (FORY_UNLIKELY(!PyUnicode_CheckExact(v))) {
        return 0;
    }
    n = (size_t)PyUnicode_GET_LENGTH(v);
    *longest = n > *longest ? n : *longest;
    return PyUnicode_KIND(v) == PyUnicode_2BYTE_KIND && PyUnicode_IS_COMPACT(v) &&
           n <= (FORY_SHORT_SIZE - 2) / 2;
}

/* fory_put_short_texts for texts of up to 8 * parts - 1 units */
FORY_INLINE uint8_t *
fory_put_parts(uint8_t *end, PyObject *const *items, size_t n, size_t parts, unsigned shift, unsigned mask,
               unsigned value, int *found)
{
    /* which units of the last 24 belong to a text */
    static const uint16_t lanes[48] = {
        0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
        0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,      0,
        0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
        0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff};
    fory_units8 any = {0};
    uint64_t halves[2];
    while (n-- > 0) {
        size_t units = (size_t)PyUnicode_GET_LENGTH(items[n]);
        const uint8_t *stop = (const uint8_t *)((PyCompactUnicodeObject *)items[n] + 1) + 2 * units;
        unsigned head = (unsigned)units << shift | 1, two = head >> 7; /* 0 or 1 */
        for (size_t k = parts; k > 0; k--) {
            fory_units8 part, valid;
            memcpy(&part, stop - 16 * k, 16);
            memcpy(end - 16 * k, &part, 16);
            memcpy(&valid, lanes + 24 - 8 * k + units, 16);
            any |= valid & (fory_units8)((part & (uint16_t)mask) == (uint16_t)value);
        }
        end -= 2 * units;
        fory_store16(end - 2, (uint16_t)(((head & 0x7f) | 0x180 * two) << (8 - 8 * two)));
        end -= 1 + two;
    }
    memcpy(halves, &any, 16);
    *found = (halves[0] | halves[1]) != 0;
    return end;
}

/* Heads and units of n <= FORY_SHORT_TEXTS short texts, so that they end at `end`, which has
 * FORY_SHORT_SIZE * (n + 1) bytes of room before it. Returns where they begin.
 * *found tells whether a unit matched. The head is the varint of length << shift | 1.
 *
 * Lengths that cannot be foretold make branches on them expensive, so there is
 * none: the 32 or 48 bytes that end with a text are copied, of which the first are
 * something else of the same object, and what is written next, from the last
 * text to the first, lies over those. */
FORY_INLINE uint8_t *
fory_put_short_texts(uint8_t *end, PyObject *const *items, size_t n, size_t longest, unsigned shift, unsigned mask,
                     unsigned value, int *found)
{
    return longest < 16 ? fory_put_parts(end, items, n, 2, shift, mask, value, found)
                        : fory_put_parts(end, items, n, 3, shift, mask, value, found);
}

#endif

/* Copies n > 0 units of any origin exactly and returns their OR. */
FORY_INLINE unsigned
fory_move_units(uint8_t *dst, const uint8_t *src, size_t n)
{
    uint64_t a, b;
#ifdef FORY_UNIT_VECTORS
    if (n >= 8) {
        fory_units8 v, any;
        uint64_t halves[2];
        size_t last = 2 * n - 16;
        memcpy(&v, src, 16);
        memcpy(dst, &v, 16);
        any = v;
        for (size_t i = 16; i < last; i += 16) {
            memcpy(&v, src + i, 16);
            memcpy(dst + i, &v, 16);
            any |= v;
        }
        memcpy(&v, src + last, 16);
        memcpy(dst + last, &v, 16);
        any |= v;
        memcpy(halves, &any, 16);
        a = halves[0] | halves[1];
        a |= a >> 32;
        return (unsigned)((a | a >> 16) & 0xffff);
    }
#endif
    if (n >= 4) {
        unsigned found = 0;
        for (; n > 4; dst += 8, src += 8, n -= 4) {
            memcpy(&a, src, 8);
            if (n < 8) {
                memcpy(&b, src + 2 * n - 8, 8);
                memcpy(dst, &a, 8);
                memcpy(dst + 2 * n - 8, &b, 8);
                a |= b;
                goto fold;
            }
            memcpy(dst, &a, 8);
            found |= (unsigned)((a | a >> 16 | a >> 32 | a >> 48) & 0xffff);
        }
        memcpy(&a, src, 8);
        memcpy(dst, &a, 8);
fold:
        return found | (unsigned)((a | a >> 16 | a >> 32 | a >> 48) & 0xffff);
    }
    uint16_t x, y, z;
    memcpy(&x, src, 2);
    memcpy(&y, src + 2 * (n / 2), 2);
    memcpy(&z, src + 2 * n - 2, 2);
    memcpy(dst, &x, 2);
    memcpy(dst + 2 * (n / 2), &y, 2);
    memcpy(dst + 2 * n - 2, &z, 2);
    return (unsigned)x | y | z;
}

#ifdef FORY_UNIT_VECTORS
/* Copies 1 < n <= FORY_SHORT_UNITS units of any origin exactly: their OR, with bit 16 set
 * when a surrogate is among them. */
FORY_INLINE unsigned
fory_take_units(uint8_t *dst, const uint8_t *src, size_t n)
{
    uint64_t a, b;
    if (n >= 8) {
        fory_units8 v, any, found;
        uint64_t halves[2];
        size_t last = 2 * n - 16;
        memcpy(&v, src, 16);
        memcpy(dst, &v, 16);
        any = v;
        found = (fory_units8)((v & 0xf800) == 0xd800);
        for (size_t i = 16; i < last; i += 16) {
            memcpy(&v, src + i, 16);
            memcpy(dst + i, &v, 16);
            any |= v;
            found |= (fory_units8)((v & 0xf800) == 0xd800);
        }
        memcpy(&v, src + last, 16);
        memcpy(dst + last, &v, 16);
        any |= v;
        found |= (fory_units8)((v & 0xf800) == 0xd800);
        memcpy(halves, &any, 16);
        a = halves[0] | halves[1];
        memcpy(halves, &found, 16);
        b = halves[0] | halves[1];
    }
    else if (n >= 4) {
        uint64_t tail;
        memcpy(&a, src, 8);
        memcpy(&tail, src + 2 * n - 8, 8);
        memcpy(dst, &a, 8);
        memcpy(dst + 2 * n - 8, &tail, 8);
        b = (uint64_t)(fory_any_unit4(a, FORY_SURROGATES) | fory_any_unit4(tail, FORY_SURROGATES));
        a |= tail;
    }
    else {
        uint32_t first, tail;
        memcpy(&first, src, 4);
        memcpy(&tail, src + 2 * n - 4, 4);
        memcpy(dst, &first, 4);
        memcpy(dst + 2 * n - 4, &tail, 4);
        a = (uint64_t)tail << 32 | first;
        b = (uint64_t)fory_any_unit4(a, FORY_SURROGATES);
    }
    a |= a >> 32;
    return (unsigned)((a | a >> 16) & 0xffff) | (unsigned)(b != 0) << 16;
}
#endif

#endif /* FORY_SHORT_TEXT_H */
