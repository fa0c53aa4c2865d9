/* A fory_writer over a buffer on the heap that grows by realloc. */
#ifndef FIXED_WRITER_H
#define FIXED_WRITER_H

#include "wire/wire.h"

#include <stdlib.h>

static inline int
grow_heap(fory_writer *w, size_t need)
{
    size_t used = (size_t)(w->pos - w->start);
    size_t capacity = used + need;
    uint8_t *p = realloc(w->start, capacity);
    if (p == NULL) {
        return -1;
    }
    w->start = p;
    w->pos = p + used;
    w->end = p + capacity;
    return 0;
}

static inline void
writer_open(fory_writer *w)
{
    w->start = w->pos = w->end = NULL;
    w->grow = grow_heap;
}

static inline void
writer_close(fory_writer *w)
{
    free(w->start);
    w->start = w->pos = w->end = NULL;
}

/* A reader over a heap copy of exactly n bytes, so that a sanitizer sees
 * every byte too far. Close with free((void *)r->start). */
static inline void
reader_open(fory_reader *r, const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (copy == NULL) {
        abort();
    }
    if (n > 0) {
        memcpy(copy, data, n);
    }
    r->start = r->pos = copy;
    r->end = copy + n;
    r->more = NULL;
}

static inline void
reader_close(fory_reader *r)
{
    free((void *)(uintptr_t)r->start);
}

#endif /* FIXED_WRITER_H */
