/* Arithmetic of the row layout (wire-format section 17.2), without Python.
 *
 *   row   := null bitmap, one 8-byte slot per field, variable part
 *   array := count:u64, null bitmap, elements, padding to 8
 *   map   := size of the key array:u64, key array, value array
 *
 * What has no fixed width lies in the variable part; its slot or element is
 * offset << 32 | size, the offset counted from the start of the row or array. */
#ifndef FORY_ROW_LAYOUT_H
#define FORY_ROW_LAYOUT_H

#include "wire/wire.h"

/* Largest offset or size that a slot can express. */
#define FORY_ROW_MAX ((size_t)UINT32_MAX)

FORY_INLINE size_t fory_row_pad(size_t n) { return (n + 7) & ~(size_t)7; }
/* bytes of the null bitmap of n fields or elements */
FORY_INLINE size_t fory_row_bitmap(size_t n) { return (n / 64 + (n % 64 != 0)) * 8; }

FORY_INLINE int
fory_row_is_null(const uint8_t *bitmap, size_t i)
{
    return bitmap[i >> 3] >> (i & 7) & 1;
}

FORY_INLINE void
fory_row_set_null(uint8_t *bitmap, size_t i)
{
    bitmap[i >> 3] |= (uint8_t)(1u << (i & 7));
}

/* Width of the element of an array, 0 when it lies in the variable part (then
 * an element is an 8-byte reference), -1 when rows do not know the type. */
FORY_INLINE int
fory_row_width(int type_id)
{
    switch (type_id) {
    case FORY_BOOL:
    case FORY_INT8:
        return 1;
    case FORY_INT16:
    case FORY_FLOAT16:
        return 2;
    case FORY_INT32:
    case FORY_FLOAT32:
    case FORY_DATE:
        return 4;
    case FORY_INT64:
    case FORY_FLOAT64:
    case FORY_TIMESTAMP:
    case FORY_DURATION:
        return 8;
    case FORY_STRING:
    case FORY_BINARY:
    case FORY_DECIMAL:
    case FORY_LIST:
    case FORY_MAP:
    case FORY_STRUCT:
        return 0;
    default:
        return -1;
    }
}

/* Where a slot or element refers to, within the `size` bytes of its row or
 * array. FORY_OK / FORY_MALFORMED. */
FORY_INLINE int
fory_row_follow(const uint8_t *slot, size_t size, size_t *offset, size_t *length)
{
    uint64_t word = fory_load64(slot);
    *offset = (size_t)(word >> 32);
    *length = (size_t)(uint32_t)word;
    return FORY_LIKELY(*offset <= size && *length <= size - *offset) ? FORY_OK : FORY_MALFORMED;
}

/* 1 when these bytes are a decimal: 16 of them, or 32 as Java writes, where the
 * upper half only repeats the sign. */
FORY_INLINE int
fory_row_is_decimal(const uint8_t *p, size_t length)
{
    uint64_t sign;
    if (FORY_LIKELY(length == 16)) {
        return 1;
    }
    if (length != 32) {
        return 0;
    }
    sign = p[15] >> 7 != 0 ? UINT64_MAX : 0;
    return fory_load64(p + 16) == sign && fory_load64(p + 24) == sign;
}

typedef struct fory_row_array {
    const uint8_t *data;
    const uint8_t *items; /* first element; the null bitmap lies at data + 8 */
    size_t size;
    size_t count;
} fory_row_array;

/* Checks that the array at data[0..size) holds as many elements of `width`
 * bytes as it says. FORY_OK / FORY_TRUNCATED. */
FORY_INLINE int
fory_row_open_array(const uint8_t *data, size_t size, size_t width, fory_row_array *out)
{
    uint64_t count;
    if (FORY_UNLIKELY(size < 8)) {
        return FORY_TRUNCATED;
    }
    count = fory_load64(data);
    /* an element takes a byte at least, so no product below overflows */
    if (FORY_UNLIKELY(count > size - 8 || fory_row_bitmap((size_t)count) > size - 8 ||
                      (size_t)count > (size - 8 - fory_row_bitmap((size_t)count)) / width)) {
        return FORY_TRUNCATED;
    }
    out->data = data;
    out->size = size;
    out->count = (size_t)count;
    out->items = data + 8 + fory_row_bitmap((size_t)count);
    return FORY_OK;
}

/* Splits a map into its two arrays, which must have one length. */
FORY_INLINE int
fory_row_open_map(const uint8_t *data, size_t size, size_t key_width, size_t value_width, fory_row_array *keys,
                  fory_row_array *values)
{
    uint64_t key_size;
    int rc;
    if (FORY_UNLIKELY(size < 8)) {
        return FORY_TRUNCATED;
    }
    key_size = fory_load64(data);
    if (FORY_UNLIKELY(key_size > size - 8)) {
        return FORY_TRUNCATED;
    }
    rc = fory_row_open_array(data + 8, (size_t)key_size, key_width, keys);
    if (FORY_LIKELY(rc == FORY_OK)) {
        rc = fory_row_open_array(data + 8 + key_size, size - 8 - (size_t)key_size, value_width, values);
    }
    if (FORY_LIKELY(rc == FORY_OK) && FORY_UNLIKELY(keys->count != values->count)) {
        return FORY_MALFORMED;
    }
    return rc;
}

#endif /* FORY_ROW_LAYOUT_H */
