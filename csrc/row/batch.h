/* RowBatch, shared by batch.c (rows) and columns.c (columns).
 *
 * The bytes of a batch (to_bytes, save, the buffer protocol), little-endian:
 *
 *   offset  size
 *        0     8  "FORYROWS"
 *        8     2  version, 1
 *       10     2  flags, 0
 *       12     4  size of the schema bytes
 *       16     8  schema hash (wire-format section 17.1)
 *       24     8  number of rows n
 *       32     8  offset of the rows, a multiple of 8
 *       40     8  size of the rows
 *       48     8  offset of the index, a multiple of 8
 *       56     8  0
 *       64        schema bytes (section 17.4), zeros to a multiple of 64
 *                 rows, one after the other, each a multiple of 8 bytes
 *                 index: n + 1 offsets of 64 bits, counted from the first row;
 *                 the last one is the size of the rows
 *
 * Memory is shared: rows, slices and exports hold on to it. Rows are appended
 * behind what others look at; where memory must move or an exported index would
 * be overwritten, the batch goes on in a copy. */
#ifndef FORY_ROW_BATCH_H
#define FORY_ROW_BATCH_H

#include "row/row.h"
#include "wire/row_gather.h"

#define FORY_BATCH_HEADER 64
/* Pages of a mapped file are given back in steps of this many bytes. */
#define FORY_BATCH_WINDOW ((size_t)8 << 20)

typedef struct ForyRowBatch {
    PyObject_HEAD
    ForyState *st;
    ForyRowSchema *plan;   /* NULL until bound */
    ForyRowMemory *memory; /* header, schema, rows, and the index while sealed */
    ForyRowMemory *index;  /* what `offsets` lies in: memory of its own, or `memory` */
    const uint8_t *offsets; /* count + 1 */
    size_t count;
    size_t rows_at;        /* where row offsets count from, in memory */
    size_t rows_size;      /* the limit of row offsets */
    size_t prefix;         /* size of header and schema bytes; 0: not ours to append to */
    uint8_t shared;        /* a slice or over a foreign buffer: copied before the first append */
    uint8_t sealed;        /* memory holds a current header and index */
    uint8_t mapped;        /* a file that was mapped read-only */
    uint8_t busy;          /* a row is being written */
    uint8_t utc;           /* rows show timestamps in UTC */
} ForyRowBatch;

FORY_INLINE fory_row_set
fory_batch_rows(const ForyRowBatch *self)
{
    fory_row_set rows = {self->memory->data + self->rows_at, self->offsets, NULL, self->count, self->rows_size};
    return rows;
}

/* 1 when o is a bound RowBatch that is iterated over as RowBatch does. */
int fory_batch_is_plain(ForyState *st, PyObject *o);
/* Where row i lies, in offsets from the first row. 0 / -1. */
int fory_batch_span(ForyState *st, const fory_row_set *rows, size_t i, size_t *at, size_t *size);
/* Ready to be appended to: memory and index are our own. 0 / -1. */
int fory_batch_begin(ForyRowBatch *self);
/* Notes that a row now ends at `end` (offset in memory). 0 / -1. */
int fory_batch_add_row(ForyRowBatch *self, size_t end);
/* A writer at the end of the rows. */
void fory_batch_writer(ForyRowBatch *self, ForyRowWriter *w);
/* Gives the pages of rows [first, last) of a mapped file back to the system. */
void fory_batch_release(const ForyRowBatch *self, size_t first, size_t last);

PyObject *fory_batch_columns(ForyRowBatch *self, PyObject *unused);
PyObject *fory_batch_column(ForyRowBatch *self, PyObject *path);
PyObject *fory_batch_append_columns(ForyRowBatch *self, PyObject *args);

#endif /* FORY_ROW_BATCH_H */
