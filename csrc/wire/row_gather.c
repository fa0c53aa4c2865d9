/* Inner loops of columns, on plain memory and without Python. */
#include "wire/row_gather.h"

/* Start and end of row i; 0 when the row does not lie where rows may lie. */
FORY_INLINE int
row_bounds(const fory_row_set *rows, size_t i, size_t fixed, uint64_t *at, uint64_t *end)
{
    if (rows->offsets != NULL) {
        *at = fory_load64(rows->offsets + 8 * i);
        *end = fory_load64(rows->offsets + 8 * i + 8);
    }
    else {
        *at = rows->spans[i].at;
        if (*at == FORY_ROW_NO_SPAN) {
            *end = *at;
            return 1;
        }
        *end = *at + rows->spans[i].size;
    }
    return *end <= rows->limit && *at <= *end && *end - *at >= fixed;
}

/* Bits are collected per byte, so no byte is read before it is written. */
#define FLUSH(bits, i, n, out)                      \
    do {                                            \
        if (((i) & 7) == 7 || (i) + 1 == (n)) {     \
            (out)[(i) >> 3] = (uint8_t)(bits);      \
            (bits) = 0;                             \
        }                                           \
    } while (0)

#define DEFINE_GATHER(width, type, LOAD)                                                                      \
    static size_t gather_##width(const fory_row_set *rows, size_t slot, size_t null_byte, unsigned null_bit,  \
                                 size_t fixed, uint8_t *out, uint8_t *validity)                               \
    {                                                                                                         \
        size_t nulls = 0;                                                                                     \
        unsigned bits = 0;                                                                                    \
        for (size_t i = 0; i < rows->n; i++) {                                                                \
            uint64_t at, end;                                                                                 \
            type v = 0;                                                                                       \
            unsigned valid = 0;                                                                               \
            if (FORY_UNLIKELY(!row_bounds(rows, i, fixed, &at, &end))) {                                      \
                return FORY_ROW_BAD_SET;                                                                      \
            }                                                                                                 \
            if (FORY_LIKELY(at != FORY_ROW_NO_SPAN)) {                                                        \
                const uint8_t *row = rows->base + at;                                                         \
                valid = (row[null_byte] >> null_bit & 1u) ^ 1u;                                               \
                LOAD;                                                                                         \
                v = (type)(v * (type)valid);                                                                  \
            }                                                                                                 \
            memcpy(out + sizeof(type) * i, &v, sizeof(type));                                                 \
            nulls += valid ^ 1u;                                                                              \
            bits |= valid << (i & 7);                                                                         \
            FLUSH(bits, i, rows->n, validity);                                                                \
        }                                                                                                     \
        return nulls;                                                                                         \
    }
/* the bytes stay little-endian: neither load nor store turns them */
DEFINE_GATHER(1, uint8_t, v = row[slot])
DEFINE_GATHER(2, uint16_t, memcpy(&v, row + slot, 2))
DEFINE_GATHER(4, uint32_t, memcpy(&v, row + slot, 4))
DEFINE_GATHER(8, uint64_t, memcpy(&v, row + slot, 8))

size_t
fory_row_gather(const fory_row_set *rows, size_t slot, unsigned width, size_t null_byte, unsigned null_bit,
                size_t fixed, uint8_t *out, uint8_t *validity)
{
    switch (width) {
    case 1:
        return gather_1(rows, slot, null_byte, null_bit, fixed, out, validity);
    case 2:
        return gather_2(rows, slot, null_byte, null_bit, fixed, out, validity);
    case 4:
        return gather_4(rows, slot, null_byte, null_bit, fixed, out, validity);
    default:
        return gather_8(rows, slot, null_byte, null_bit, fixed, out, validity);
    }
}

size_t
fory_row_gather_bits(const fory_row_set *rows, size_t slot, size_t null_byte, unsigned null_bit, size_t fixed,
                     uint8_t *out, uint8_t *validity)
{
    size_t nulls = 0;
    unsigned bits = 0, valids = 0;
    for (size_t i = 0; i < rows->n; i++) {
        uint64_t at, end;
        unsigned valid = 0, v = 0;
        if (FORY_UNLIKELY(!row_bounds(rows, i, fixed, &at, &end))) {
            return FORY_ROW_BAD_SET;
        }
        if (FORY_LIKELY(at != FORY_ROW_NO_SPAN)) {
            const uint8_t *row = rows->base + at;
            valid = (row[null_byte] >> null_bit & 1u) ^ 1u;
            v = (row[slot] != 0) & valid;
        }
        nulls += valid ^ 1u;
        bits |= v << (i & 7);
        valids |= valid << (i & 7);
        FLUSH(bits, i, rows->n, out);
        FLUSH(valids, i, rows->n, validity);
    }
    return nulls;
}

size_t
fory_row_gather_spans(const fory_row_set *rows, size_t slot, size_t null_byte, unsigned null_bit, size_t fixed,
                      fory_row_span *out, uint64_t *total)
{
    size_t nulls = 0;
    *total = 0;
    for (size_t i = 0; i < rows->n; i++) {
        uint64_t at, end;
        if (FORY_UNLIKELY(!row_bounds(rows, i, fixed, &at, &end))) {
            return FORY_ROW_BAD_SET;
        }
        out[i].at = FORY_ROW_NO_SPAN;
        out[i].size = 0;
        if (at == FORY_ROW_NO_SPAN || (rows->base[at + null_byte] >> null_bit & 1u)) {
            nulls++;
            continue;
        }
        size_t offset, length;
        if (FORY_UNLIKELY(fory_row_follow(rows->base + at + slot, (size_t)(end - at), &offset, &length) != FORY_OK)) {
            return FORY_ROW_BAD_SET;
        }
        out[i].at = at + offset;
        out[i].size = length;
        *total += length;
    }
    return nulls;
}

size_t
fory_row_span_validity(const fory_row_span *spans, size_t n, uint8_t *validity)
{
    size_t nulls = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned valid = spans[i].at != FORY_ROW_NO_SPAN;
        nulls += valid ^ 1u;
        bits |= valid << (i & 7);
        FLUSH(bits, i, n, validity);
    }
    return nulls;
}

size_t
fory_row_append_validity(uint8_t *validity, size_t at, const uint8_t *nulls, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++, at++) {
        unsigned null = (unsigned)fory_row_is_null(nulls, i);
        count += null;
        if (!null) {
            validity[at >> 3] |= (uint8_t)(1u << (at & 7));
        }
    }
    return count;
}
