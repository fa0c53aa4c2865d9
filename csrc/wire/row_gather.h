/* Inner loops of columns, on plain memory and without Python. */
#ifndef FORY_ROW_GATHER_H
#define FORY_ROW_GATHER_H

#include "wire/row_layout.h"

/* A value in memory: `at` counts from the base. at == FORY_ROW_NO_SPAN is a null. */
typedef struct fory_row_span {
    uint64_t at;
    uint64_t size;
} fory_row_span;
#define FORY_ROW_NO_SPAN UINT64_MAX

/* Where rows lie: n + 1 little-endian 64-bit offsets, or spans when `offsets`
 * is NULL. Offsets and spans count from base and stay below limit. */
typedef struct fory_row_set {
    const uint8_t *base;
    const uint8_t *offsets;
    const fory_row_span *spans;
    size_t n;
    size_t limit; /* bytes at base */
} fory_row_set;

#define FORY_ROW_BAD_SET ((size_t)-1)

/* One fixed-width field of rows: the low `width` bytes (1, 2, 4 or 8) of the
 * slot at `slot` in each row, in row order, and validity bits (1 = there is a
 * value; whole bytes are written). Bit null_bit of byte null_byte of a row says
 * that the field is null; out is zero there. `fixed` is the size every row has
 * at least. The number of nulls, or FORY_ROW_BAD_SET when a row does not fit. */
size_t fory_row_gather(const fory_row_set *rows, size_t slot, unsigned width, size_t null_byte, unsigned null_bit,
                       size_t fixed, uint8_t *out, uint8_t *validity);

/* The same for booleans, packed into bits. */
size_t fory_row_gather_bits(const fory_row_set *rows, size_t slot, size_t null_byte, unsigned null_bit, size_t fixed,
                            uint8_t *out, uint8_t *validity);

/* Where the values of a field without fixed width lie. *total is the sum of their
 * sizes. The number of nulls, or FORY_ROW_BAD_SET. */
size_t fory_row_gather_spans(const fory_row_set *rows, size_t slot, size_t null_byte, unsigned null_bit, size_t fixed,
                             fory_row_span *out, uint64_t *total);

/* Validity bits of spans. The number of nulls. */
size_t fory_row_span_validity(const fory_row_span *spans, size_t n, uint8_t *validity);

/* n bits from null bits (1 = null) starting at bit 0 of `nulls`, inverted and
 * appended at bit `at` of validity. The number of nulls. */
size_t fory_row_append_validity(uint8_t *validity, size_t at, const uint8_t *nulls, size_t n);

#endif /* FORY_ROW_GATHER_H */
