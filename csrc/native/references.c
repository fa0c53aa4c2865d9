/* Shared and circular references of the native format, writing.
 *
 * While a message is written the table maps objects to the position of their
 * first byte. Only an object that is met again gets a number; the numbers and
 * positions form the MARKS table in front of the finished message. Objects
 * that are not shared cost no bytes, and the bytes do not depend on which
 * objects happened to be looked up.
 *
 * A Pickler of pyfory.pickle keeps its memo from one message to the next: there
 * numbers precede the values (FORY_N_MEMO) and the memo is a dict. */
#include "native/native.h"

#include <stdlib.h>

/* ids of table slots */
#define OPEN UINT32_C(0xffffffff)       /* its parts are being written */
#define NUMBERED UINT32_C(0x80000000)   /* the rest is the number of a shared object */
#define FAR UINT32_C(0x40000000)        /* the rest is an index into far_offsets */

/* The slot of v, or the empty one where it belongs; NULL without memory. */
static ForyRefSlot *
find_slot(ForyWriteCtx *w, PyObject *v)
{
    if (FORY_UNLIKELY(w->refs == NULL || (size_t)w->n_refs * 2 > w->ref_mask)) {
        if (fory_refs_grow(w) < 0) {
            return NULL;
        }
    }
    size_t i = fory_pointer_hash(v) & w->ref_mask;
    while (w->refs[i].generation == w->generation && w->refs[i].object != v) {
        i = (i + 1) & w->ref_mask;
    }
    return &w->refs[i];
}

static void
fill_slot(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v, uint32_t id)
{
    slot->generation = w->generation;
    slot->object = v;
    slot->id = id;
    w->n_refs++;
    if (w->pinned) {
        Py_INCREF(v);
    }
}

/* id that stands for a position. FORY_OK / -1 */
static int
offset_id(ForyNativeWrite *n, size_t offset, uint32_t *id)
{
    if (FORY_LIKELY(offset < FAR)) {
        *id = (uint32_t)offset;
        return 0;
    }
    if (fory_grow_array(&n->far_offsets, &n->cap_far, n->n_far + 1, sizeof(*n->far_offsets)) < 0) {
        return -1;
    }
    n->far_offsets[n->n_far] = offset;
    *id = FAR | (uint32_t)n->n_far++;
    return 0;
}

static int
add_mark(ForyNativeWrite *n, size_t offset, uint32_t id)
{
    if (fory_grow_array(&n->marks, &n->cap_marks, n->n_marks + 1, sizeof(*n->marks)) < 0) {
        return -1;
    }
    n->marks[n->n_marks++] = (ForyMark){offset, id};
    return 0;
}

/* The number of the object in slot, given on the first question. 0 / -1. */
static int
number_of(ForyNativeWrite *n, ForyRefSlot *slot, uint32_t *number)
{
    if (!(slot->id & NUMBERED)) {
        size_t offset = slot->id & FAR ? n->far_offsets[slot->id & ~FAR] : slot->id;
        if (add_mark(n, offset, n->n_ids) < 0) {
            return -1;
        }
        slot->id = NUMBERED | n->n_ids++;
    }
    *number = slot->id & ~NUMBERED;
    return 0;
}

static int
put_ref(ForyWriteCtx *w, uint32_t number)
{
    if (fory_room(w, 1 + FORY_VU64_MAX) < 0) {
        return -1;
    }
    if (number < FORY_N_REF_COUNT) {
        fory_put_u8(&w->out, (uint8_t)(FORY_N_REF + number));
    }
    else {
        fory_put_u8(&w->out, FORY_N_REF_N);
        fory_put_vu64(&w->out, number);
    }
    return 1;
}

FORY_INLINE size_t
position(ForyWriteCtx *w)
{
    return (size_t)(w->out.pos - w->out.start) - w->native->base;
}

/* ---- the memo of a Pickler ----------------------------------------------------- */

/* memo: {id(object): (number, object)}, as the pickle module documents it.
 * 1: there, *number set; 0: not there; -1. */
static int
memo_find(ForyNativeWrite *n, PyObject *v, uint32_t *number)
{
    PyObject *key = PyLong_FromVoidPtr(v), *pair;
    unsigned long value;
    if (key == NULL) {
        return -1;
    }
    pair = PyDict_GetItemWithError(n->memo, key);
    Py_DECREF(key);
    if (pair == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) < 1) {
        PyErr_SetString(PyExc_TypeError, "the memo must map ids to (number, object)");
        return -1;
    }
    value = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(pair, 0));
    if (value == (unsigned long)-1 && PyErr_Occurred()) {
        return -1;
    }
    *number = (uint32_t)value;
    return 1;
}

static int
memo_add(ForyNativeWrite *n, PyObject *v, uint32_t number)
{
    PyObject *key = PyLong_FromVoidPtr(v), *pair = Py_BuildValue("(kO)", (unsigned long)number, v);
    int rc = key == NULL || pair == NULL ? -1 : PyDict_SetItem(n->memo, key, pair);
    Py_XDECREF(key);
    Py_XDECREF(pair);
    return rc;
}

/* ---- values known before their parts --------------------------------------------- */

int
fory_native_ref_slow(ForyWriteCtx *w, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    if (FORY_UNLIKELY(n->memo != NULL)) {
        int found = memo_find(n, v, &id);
        if (found != 0) {
            return found < 0 ? -1 : put_ref(w, id);
        }
        id = (uint32_t)PyDict_GET_SIZE(n->memo);
        return memo_add(n, v, id) < 0 ? -1 : fory_native_tag_n(w, FORY_N_MEMO, id);
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == w->generation) {
        return number_of(n, slot, &id) < 0 ? -1 : put_ref(w, id);
    }
    if (offset_id(n, position(w), &id) < 0) {
        return -1;
    }
    fill_slot(w, slot, v, id);
    return 0;
}

int
fory_native_known(ForyWriteCtx *w, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    if (FORY_UNLIKELY(n->memo != NULL)) {
        int found = memo_find(n, v, &id);
        return found <= 0 ? found : put_ref(w, id);
    }
    if (w->n_refs == 0) {
        return 0;
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation != w->generation || slot->id == OPEN) {
        return 0;
    }
    return number_of(n, slot, &id) < 0 ? -1 : put_ref(w, id);
}

/* ---- values known after their parts ------------------------------------------------ */

int
fory_native_open(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    late->tracked = late->reopened = late->explicit_memo = 0;
    late->start = position(w);
    if (!w->track_ref) {
        return 0;
    }
#ifndef Py_GIL_DISABLED
    if (Py_REFCNT(v) == 1 && !n->reopened) {
        return 0;
    }
#endif
    late->tracked = 1;
    if (FORY_UNLIKELY(n->memo != NULL)) {
        int found = memo_find(n, v, &id);
        if (found != 0) {
            return found < 0 ? -1 : put_ref(w, id);
        }
        late->explicit_memo = 1;
        return fory_native_tag(w, FORY_N_MEMO_LATE);
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == w->generation) {
        if (slot->id != OPEN) {
            return number_of(n, slot, &id) < 0 ? -1 : put_ref(w, id);
        }
        /* A cycle through an unfinished value: it is written once more, inside
         * itself. The containers on the way are known by now, so this ends. */
        n->reopened++;
        late->reopened = 1;
        return 0;
    }
    fill_slot(w, slot, v, OPEN);
    return 0;
}

int
fory_native_close(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    fory_native_abandon(w, late);
    if (!late->tracked) {
        return 0;
    }
    if (FORY_UNLIKELY(late->explicit_memo)) {
        int found = memo_find(n, v, &id);
        if (found < 0 || fory_room(w, 1 + FORY_VU64_MAX) < 0) {
            return -1;
        }
        if (found) {
            fory_put_u8(&w->out, 1);
            fory_put_vu64(&w->out, id);
            return 0;
        }
        id = (uint32_t)PyDict_GET_SIZE(n->memo);
        fory_put_u8(&w->out, 0);
        fory_put_vu64(&w->out, id);
        return memo_add(n, v, id);
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == w->generation && slot->id != OPEN) {
        /* finished meanwhile by a visit inside this one: both positions mean that object */
        return number_of(n, slot, &id) < 0 ? -1 : add_mark(n, late->start, id);
    }
    if (offset_id(n, late->start, &id) < 0) {
        return -1;
    }
    slot->id = id;
    return 0;
}

void
fory_native_abandon(ForyWriteCtx *w, ForyLate *late)
{
    if (late->reopened) {
        late->reopened = 0;
        w->native->reopened--;
    }
}

/* ---- the table in front of the message ------------------------------------------------ */

static int
by_offset(const void *a, const void *b)
{
    const ForyMark *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint8_t *
put_number(uint8_t *p, uint64_t v)
{
    fory_writer out = {p, p + FORY_VU64_MAX, p, NULL};
    fory_put_vu64(&out, v);
    return out.pos;
}

int
fory_native_write_marks(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    uint8_t *table = NULL, *p;
    size_t size, body, last = 0;
    if (n->n_marks == 0) {
        return 0;
    }
    qsort(n->marks, n->n_marks, sizeof(*n->marks), by_offset);
    table = PyMem_Malloc(32 + n->n_marks * 18);
    if (table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    p = table;
    *p++ = FORY_N_MARKS;
    p = put_number(p, n->n_ids);
    p = put_number(p, n->n_marks);
    for (size_t i = 0; i < n->n_marks; i++) {
        p = put_number(p, n->marks[i].offset - last);
        p = put_number(p, n->marks[i].id);
        last = n->marks[i].offset;
    }
    size = (size_t)(p - table);
    body = position(w);
    if (fory_room(w, size) < 0) {
        PyMem_Free(table);
        return -1;
    }
    p = w->out.start + n->base;
    memmove(p + size, p, body);
    memcpy(p, table, size);
    w->out.pos += size;
    PyMem_Free(table);
    return 0;
}
