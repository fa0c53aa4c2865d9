/* Contexts of one running operation: output, reference tables, budgets.
 *
 * They are pooled per engine, so that an engine may be re-entered from user
 * code, shared between threads, and used after a failure with nothing left
 * over. Tables are emptied by stepping a generation, not by clearing. */
#include "runtime/operation.h"

#include "runtime/large.h"

#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

int
fory_grow_array(void *items, size_t *capacity, size_t need, size_t size)
{
    size_t cap = *capacity ? *capacity : 16;
    void *p;
    if (need <= *capacity) {
        return 0;
    }
    while (cap < need) {
        if (cap > SIZE_MAX / 2 / size) {
            PyErr_NoMemory();
            return -1;
        }
        cap *= 2;
    }
    /* through memcpy: the caller's pointer has a type of its own */
    memcpy(&p, items, sizeof(p));
    p = PyMem_Realloc(p, cap * size);
    if (p == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memset((char *)p + *capacity * size, 0, (cap - *capacity) * size);
    memcpy(items, &p, sizeof(p));
    *capacity = cap;
    return 0;
}

/* ---- C stack ----------------------------------------------------------- */

/* Room that stays free below, for Python code called from a leaf: this much, or
 * a third of a small stack. */
#define STACK_RESERVE (256 * 1024)
/* Assumed usable when the platform cannot tell. */
#define STACK_ASSUMED (192 * 1024)

static char *
stack_limit(char *now)
{
    char *base = NULL;
    size_t size = 0;
#if defined(__linux__)
    pthread_attr_t attr;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        void *address = NULL;
        if (pthread_attr_getstack(&attr, &address, &size) == 0) {
            base = address;
        }
        pthread_attr_destroy(&attr);
    }
#elif defined(__APPLE__)
    size = pthread_get_stacksize_np(pthread_self());
    base = (char *)pthread_get_stackaddr_np(pthread_self()) - size;
#elif defined(_WIN32)
    ULONG_PTR low = 0, high = 0;
    GetCurrentThreadStackLimits(&low, &high);
    base = (char *)low;
    size = (size_t)(high - low);
#endif
    if (base == NULL || now < base || now > base + size) {
        return now - STACK_ASSUMED;
    }
    return base + (size / 3 < STACK_RESERVE ? size / 3 : STACK_RESERVE);
}

int
fory_stack_check(ForyState *st, ForyStack *stack)
{
    char here;
    if (FORY_UNLIKELY(stack->limit == NULL)) {
        unsigned long thread = PyThread_get_thread_ident();
        if (stack->known_limit == NULL || stack->thread != thread) {
            stack->known_limit = stack_limit(&here);
            stack->thread = thread;
        }
        stack->limit = stack->known_limit;
    }
    if (FORY_UNLIKELY(&here < stack->limit)) {
        fory_raise(st, FORY_E_DEPTH, "the value is nested too deeply for this thread's stack");
        return -1;
    }
    return 0;
}

/* ---- output ------------------------------------------------------------ */

/* Results keep a few bytes behind their end, a sixteenth at most: shrinking is a call
 * of the allocator. Large ones keep up to this many: shrinking them would
 * make the allocator map and fault in fresh pages for every message: what is freed
 * has to be as large as what is asked for next. */
#define SPARE 16384
#define SPARE_FROM 131072

static int
write_grow(fory_writer *out, size_t need)
{
    ForyWriteCtx *w = (ForyWriteCtx *)out;
    size_t used = (size_t)(out->pos - out->start);
    size_t cap = (size_t)(out->end - out->start);
    size_t want;
    if (need > (size_t)PY_SSIZE_T_MAX / 2 - used) {
        PyErr_NoMemory();
        return -1;
    }
    /* one jump past a large payload, 1.5x otherwise; to the size of the previous
     * message once this one has shown that it is not much smaller */
    want = used + need + 64;
    if (want < cap + cap / 2) {
        want = cap + cap / 2;
    }
    if (want <= w->last_size && used + need >= w->last_size / 64) {
        want = w->last_size + (w->last_size / 8 < SPARE ? w->last_size / 8 : SPARE) + 64;
    }
    if (w->result == NULL || want >= FORY_HUGE) {
        /* moving the pages of a huge block takes huge pages apart: copying is several times faster */
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)want);
        if (bytes == NULL) {
            return -1;
        }
        fory_advise_fresh(PyBytes_AS_STRING(bytes), want);
        memcpy(PyBytes_AS_STRING(bytes), out->start, used);
        Py_XDECREF(w->result);
        w->result = bytes;
    }
    else if (_PyBytes_Resize(&w->result, (Py_ssize_t)want) < 0) {
        /* the old object is gone with the failure */
        out->start = w->scratch;
        out->pos = out->start;
        out->end = out->start + FORY_SCRATCH_SIZE;
        return -1;
    }
    out->start = (uint8_t *)PyBytes_AS_STRING(w->result);
    out->pos = out->start + used;
    out->end = out->start + want;
    return 0;
}

ForyWriteCtx *
fory_write_ctx_new(ForyEngine *e)
{
    ForyWriteCtx *w = PyMem_Calloc(1, sizeof(*w));
    if (w == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    w->out.grow = write_grow;
    w->engine = e;
    w->st = e->st;
    w->max_depth = e->max_depth;
    return w;
}

void
fory_write_new_era(ForyWriteCtx *w)
{
    if (w->refs) memset(w->refs, 0, (w->ref_mask + 1) * sizeof(*w->refs));
    if (w->type_defs) memset(w->type_defs, 0, w->cap_type_defs * sizeof(*w->type_defs));
    if (w->strings) memset(w->strings, 0, w->cap_strings * sizeof(*w->strings));
    w->generation = 1;
}

ForyWriteCtx *
fory_write_begin(ForyEngine *e)
{
    return fory_write_start(e);
}

static void
unpin(ForyWriteCtx *w)
{
    uint32_t left = w->n_refs;
    w->pinned = 0;
    if (w->engine->ops->unpin_write != NULL) {
        w->engine->ops->unpin_write(w);
        return;
    }
    for (size_t i = 0; left > 0 && i <= w->ref_mask; i++) {
        if (w->refs[i].generation == w->generation && w->refs[i].object != NULL) {
            PyObject *o = w->refs[i].object;
            left--;
            w->refs[i].object = NULL;
            w->refs[i].generation = 0;
            Py_DECREF(o);
        }
    }
}

void
fory_write_clean(ForyWriteCtx *w)
{
    fory_detach(&w->py_context);
    Py_CLEAR(w->storage);
    Py_CLEAR(w->lent);
    Py_CLEAR(w->output);
    w->target = NULL;
    w->drained = 0;
    w->barriers = 0;
    w->streaming = w->staged = 0;
    if (w->native != NULL) {
        w->engine->ops->end_write(w);
    }
    if (w->pinned) {
        unpin(w);
    }
    Py_CLEAR(w->result);
    Py_CLEAR(w->keep);
    Py_CLEAR(w->path);
    Py_CLEAR(w->unknown_defs);
    w->buffer_callback = NULL;
    w->unsupported_callback = NULL;
    w->out_of_band = 0;
    if (w->ref_mask >= FORY_KEEP_REF_SLOTS) {
        PyMem_Free(w->refs);
        w->refs = NULL;
        w->ref_mask = 0;
    }
}

void
fory_write_end(ForyWriteCtx *w)
{
    fory_write_leave(w);
}

void
fory_write_ctx_free(ForyWriteCtx *w)
{
    if (w->native != NULL) {
        w->engine->ops->free_write(w);
    }
    PyMem_Free(w->refs);
    PyMem_Free(w->type_defs);
    PyMem_Free(w->strings);
    PyMem_Free(w);
}

PyObject *
fory_write_finish(ForyWriteCtx *w)
{
    size_t used = (size_t)(w->out.pos - w->out.start);
    if (FORY_UNLIKELY(fory_write_is_lent(w))) {
        if (fory_write_drain(w) < 0) {
            return NULL;
        }
        /* to_bytes() takes a size of 0 for everything; a message is never empty */
        return PyObject_CallMethod(w->lent, "to_bytes", "nn", w->lent_base, (Py_ssize_t)fory_write_position(w));
    }
    w->last_size = used;
    if (w->result == NULL) {
        return PyBytes_FromStringAndSize((const char *)w->out.start, (Py_ssize_t)used);
    }
    PyObject *result = w->result;
    w->result = NULL;
    size_t spare = (size_t)PyBytes_GET_SIZE(result) - used;
    if (spare <= used / 16 || (used >= SPARE_FROM && spare <= SPARE + 64)) {
        Py_SET_SIZE(result, (Py_ssize_t)used);
        PyBytes_AS_STRING(result)[used] = 0;
        return result;
    }
    if (_PyBytes_Resize(&result, (Py_ssize_t)used) < 0) {
        return NULL;
    }
    return result;
}

/* ---- references, writing ----------------------------------------------- */

int
fory_refs_grow(ForyWriteCtx *w, size_t first, uint32_t stamp)
{
    size_t cap = w->refs == NULL ? first : (w->ref_mask + 1) * 4;
    ForyRefSlot *slots = PyMem_Calloc(cap, sizeof(*slots));
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; w->refs != NULL && i <= w->ref_mask; i++) {
        ForyRefSlot *old = &w->refs[i];
        if (old->generation == stamp && old->object != NULL) {
            size_t j = fory_pointer_hash(old->object) & (cap - 1);
            while (slots[j].object != NULL) {
                j = (j + 1) & (cap - 1);
            }
            slots[j] = *old;
        }
    }
    PyMem_Free(w->refs);
    w->refs = slots;
    w->ref_mask = cap - 1;
    return 0;
}

int
fory_write_ref(ForyWriteCtx *w, PyObject *o)
{
    if (FORY_UNLIKELY(w->refs == NULL || (size_t)w->n_refs * 2 > w->ref_mask)) {
        if (fory_refs_grow(w, 64, w->generation) < 0) {
            return -1;
        }
    }
    size_t i = fory_pointer_hash(o) & w->ref_mask;
    for (;;) {
        ForyRefSlot *slot = &w->refs[i];
        if (slot->generation != w->generation) {
            if (fory_room(w, 1) < 0) {
                return -1;
            }
            slot->generation = w->generation;
            slot->object = o;
            slot->id = w->n_refs++;
            if (w->pinned) {
                Py_INCREF(o);
            }
            fory_put_u8(&w->out, FORY_FLAG_REF_VALUE);
            return 0;
        }
        if (slot->object == o) {
            if (fory_room(w, 1 + FORY_VU32_MAX) < 0) {
                return -1;
            }
            fory_put_u8(&w->out, FORY_FLAG_REF);
            fory_put_vu32(&w->out, slot->id);
            return 1;
        }
        i = (i + 1) & w->ref_mask;
    }
}

int
fory_write_pin(ForyWriteCtx *w)
{
    if (w->pinned || !w->track_ref) {
        return 0;
    }
    if (w->engine->ops->pin_write != NULL) {
        w->engine->ops->pin_write(w);
        w->pinned = 1;
        return 0;
    }
    /* small messages leave most of the table empty */
    for (size_t i = 0, left = w->n_refs; left > 0 && i <= w->ref_mask; i++) {
        if (w->refs[i].generation == w->generation && w->refs[i].object != NULL) {
            Py_INCREF(w->refs[i].object);
            left--;
        }
    }
    w->pinned = 1;
    return 0;
}

int
fory_write_keep(ForyWriteCtx *w, PyObject *o)
{
    if (w->keep == NULL && (w->keep = PyList_New(0)) == NULL) {
        return -1;
    }
    return PyList_Append(w->keep, o);
}

/* ---- reading ----------------------------------------------------------- */

ForyReadCtx *
fory_read_ctx_new(ForyEngine *e)
{
    ForyReadCtx *r = PyMem_Calloc(1, sizeof(*r));
    if (r == NULL || (r->keys = PyMem_Calloc(FORY_KEY_CACHE, sizeof(*r->keys))) == NULL) {
        PyMem_Free(r);
        PyErr_NoMemory();
        return NULL;
    }
    r->engine = e;
    r->st = e->st;
    r->max_depth = e->max_depth;
    return r;
}

ForyReadCtx *
fory_read_begin(ForyEngine *e, const uint8_t *data, size_t size)
{
    return fory_read_start(e, data, size);
}

void
fory_read_clean(ForyReadCtx *r)
{
    fory_detach(&r->py_context);
    Py_CLEAR(r->lent);
    Py_CLEAR(r->read_object);
    r->n_preserved = r->preserved_base = 0;
    if (r->native != NULL) {
        r->engine->ops->end_read(r);
    }
    while (r->n_refs > 0) {
        PyObject *o = r->refs[--r->n_refs];
        r->refs[r->n_refs] = NULL;
        Py_XDECREF(o);
    }
    if (r->cap_refs > FORY_KEEP_READ_REFS) {
        PyMem_Free(r->refs);
        r->refs = NULL;
        r->cap_refs = 0;
    }
    Py_CLEAR(r->path);
    Py_CLEAR(r->buffers);
    Py_CLEAR(r->storage);
    Py_CLEAR(r->blocks);
    Py_CLEAR(r->unsupported);
    r->in.more = NULL;
    r->out_of_band = 0;
}

void
fory_read_end(ForyReadCtx *r)
{
    fory_read_leave(r);
}

void
fory_read_ctx_free(ForyReadCtx *r)
{
    for (int i = 0; i < FORY_KEY_CACHE; i++) {
        Py_XDECREF(r->keys[i].text);
    }
    if (r->native != NULL) {
        r->engine->ops->free_read(r);
    }
    PyMem_Free(r->keys);
    PyMem_Free(r->preserved);
    PyMem_Free(r->refs);
    PyMem_Free((void *)r->type_defs);
    PyMem_Free(r->type_def_entries);
    PyMem_Free(r->strings);
    PyMem_Free(r);
}

Py_ssize_t
fory_ref_reserve(ForyReadCtx *r)
{
    if (FORY_UNLIKELY(r->n_refs == r->cap_refs)) {
        if (fory_grow_array(&r->refs, &r->cap_refs, r->n_refs + 1, sizeof(*r->refs)) < 0) {
            return -1;
        }
    }
    r->refs[r->n_refs] = NULL;
    return (Py_ssize_t)r->n_refs++;
}

PyObject *
fory_ref_read(ForyReadCtx *r)
{
    uint32_t id = 0;
    int rc = fory_get_vu32(&r->in, &id);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (id >= r->n_refs || r->refs[id] == NULL) {
        if (id < r->n_refs) {
            return fory_raise(r->st, FORY_E_REF,
                              "invalid reference id %u: its object is still being read; a cycle may not lead through a "
                              "tuple, a frozenset, or a serializer that does not call reference()", (unsigned)id);
        }
        return fory_raise(r->st, FORY_E_REF, "invalid reference id %u, %zu references so far", (unsigned)id,
                          r->n_refs);
    }
    return Py_NewRef(r->refs[id]);
}
