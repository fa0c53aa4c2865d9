/* Begin and end of an operation, in line: for a small message they are much of the work.
 *
 * A context is given back as it was found. What most operations never touch is set back
 * only where it was touched, which one test tells. */
#ifndef FORY_OPERATION_H
#define FORY_OPERATION_H

#include "runtime/runtime.h"

/* Arrays that one outsized message blew up are not kept for the next. */
#define FORY_KEEP_REF_SLOTS 65536
#define FORY_KEEP_READ_REFS 65536

/* context.c: what is rare. NULL with MemoryError. */
ForyWriteCtx *fory_write_ctx_new(ForyEngine *e);
ForyReadCtx *fory_read_ctx_new(ForyEngine *e);
/* The generations have run out: empties the tables. */
void fory_write_new_era(ForyWriteCtx *w);
/* Sets everything back, the format's part too. */
void fory_write_clean(ForyWriteCtx *w);
void fory_read_clean(ForyReadCtx *r);

/* fory_write_begin */
FORY_INLINE ForyWriteCtx *
fory_write_start(ForyEngine *e)
{
    ForyWriteCtx *w = e->free_write;
    if (FORY_LIKELY(w != NULL)) {
        e->free_write = w->next_free;
    }
    else if ((w = fory_write_ctx_new(e)) == NULL) {
        return NULL;
    }
    w->out.start = w->out.pos = w->scratch;
    w->out.end = w->scratch + FORY_SCRATCH_SIZE;
    w->depth = 0;
    w->stack.limit = NULL;
    w->track_ref = e->track_ref;
    w->n_refs = w->n_type_defs = w->n_strings = 0;
    if (FORY_UNLIKELY(++w->generation == 0)) {
        fory_write_new_era(w);
    }
    if (e->ops->begin_write != NULL && FORY_UNLIKELY(e->ops->begin_write(w) < 0)) {
        w->next_free = e->free_write;
        e->free_write = w;
        return NULL;
    }
    Py_INCREF(e);
    return w;
}

FORY_INLINE int
fory_write_touched(const ForyWriteCtx *w)
{
    return ((uintptr_t)w->py_context | (uintptr_t)w->target | (uintptr_t)w->output | (uintptr_t)w->result |
            (uintptr_t)w->keep | (uintptr_t)w->path | (uintptr_t)w->unknown_defs | (uintptr_t)w->buffer_callback |
            (uintptr_t)w->unsupported_callback | (uintptr_t)w->lent | (uintptr_t)w->storage) != 0 ||
           w->pinned || w->ref_mask >= FORY_KEEP_REF_SLOTS;
}

/* fory_write_end */
FORY_INLINE void
fory_write_leave(ForyWriteCtx *w)
{
    ForyEngine *e = w->engine;
    if (FORY_UNLIKELY(fory_write_touched(w))) {
        fory_write_clean(w);
    }
    else if (w->native != NULL) {
        e->ops->end_write(w);
    }
    w->next_free = e->free_write;
    e->free_write = w;
    Py_DECREF(e);
}

/* fory_read_begin */
FORY_INLINE ForyReadCtx *
fory_read_start(ForyEngine *e, const uint8_t *data, size_t size)
{
    ForyReadCtx *r = e->free_read;
    if (FORY_LIKELY(r != NULL)) {
        e->free_read = r->next_free;
    }
    else if ((r = fory_read_ctx_new(e)) == NULL) {
        return NULL;
    }
    r->in.start = r->in.pos = data;
    r->in.end = data + size;
    r->depth = 0;
    r->stack.limit = NULL;
    r->track_ref = e->track_ref;
    r->graph_left = e->max_graph_memory;
    r->unbacked_left = e->max_unbacked_items;
    r->pending_ref = r->own_ref = -1;
    r->n_refs = r->n_type_defs = r->n_strings = 0;
    r->source = NULL;
    if (e->ops->begin_read != NULL && FORY_UNLIKELY(e->ops->begin_read(r) < 0)) {
        r->next_free = e->free_read;
        e->free_read = r;
        return NULL;
    }
    Py_INCREF(e);
    return r;
}

FORY_INLINE int
fory_read_touched(const ForyReadCtx *r)
{
    return ((uintptr_t)r->py_context | (uintptr_t)r->lent | (uintptr_t)r->read_object | (uintptr_t)r->path |
            (uintptr_t)r->buffers | (uintptr_t)r->storage | (uintptr_t)r->blocks | (uintptr_t)r->unsupported |
            (uintptr_t)r->in.more | r->n_refs | r->n_preserved | r->preserved_base) != 0 ||
           r->out_of_band;
}

/* fory_read_end */
FORY_INLINE void
fory_read_leave(ForyReadCtx *r)
{
    ForyEngine *e = r->engine;
    if (FORY_UNLIKELY(fory_read_touched(r))) {
        fory_read_clean(r);
    }
    else if (r->native != NULL) {
        e->ops->end_read(r);
    }
    r->next_free = e->free_read;
    e->free_read = r;
    Py_DECREF(e);
}

#endif /* FORY_OPERATION_H */
