/* References of the native format, reading: the table in front of a message, values that are met again,
 * and what an Unpickler keeps from one message to the next. */
#include "native/native.h"

/* ---- references --------------------------------------------------------------------------- */

static void
next_mark(ForyNativeRead *n)
{
    fory_reader in = {n->marks, n->marks_end, n->marks, NULL};
    uint64_t delta, id;
    if (n->n_marks == 0 || fory_get_vu64(&in, &delta) != FORY_OK || fory_get_vu64(&in, &id) != FORY_OK) {
        n->mark = SIZE_MAX;
        n->watch = n->recording ? 0 : SIZE_MAX;
        return;
    }
    n->n_marks--;
    n->marks = in.pos;
    n->mark = n->base + (size_t)delta;
    n->base = n->mark;
    n->watch = n->recording ? 0 : n->mark;
    n->mark_id = (uint32_t)id;
}

/* The MARKS table behind its tag. 0 / -1. */
static int
read_marks(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    uint64_t n_ids, n_marks;
    size_t start;
    if (fory_native_read_number(r, &n_ids) < 0 || fory_native_read_number(r, &n_marks) < 0) {
        return -1;
    }
    if (n_ids == 0 || n_ids > n_marks || n_marks > UINT32_MAX ||
        (n_marks * 2 > fory_left(&r->in) && !fory_have(&r->in, (size_t)n_marks * 2))) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed table of shared objects");
        return -1;
    }
    start = (size_t)(r->in.pos - r->in.start);
    for (uint64_t i = 0; i < n_marks; i++) {
        uint64_t delta, id;
        if (fory_native_read_number(r, &delta) < 0 || fory_native_read_number(r, &id) < 0) {
            return -1;
        }
        if (id >= n_ids || delta > PY_SSIZE_T_MAX / 2 || (i > 0 && delta == 0)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "malformed table of shared objects");
            return -1;
        }
    }
    if (fory_grow_array(&r->refs, &r->cap_refs, r->n_refs + (size_t)n_ids, sizeof(*r->refs)) < 0) {
        return -1;
    }
    for (uint64_t i = 0; i < n_ids; i++) {
        r->refs[r->n_refs++] = NULL;
    }
    n->marks = r->in.start + start;
    n->marks_end = r->in.pos;
    n->n_marks = (size_t)n_marks;
    n->base = (size_t)(r->in.pos - r->in.start);
    next_mark(n);
    return 0;
}

/* ---- the memo of an Unpickler ------------------------------------------------------------------ */

/* FORY_N_MEMO: the position of the root value among all messages of a Pickler. 0 / -1. */
static int
read_position(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    size_t low = 0, high = n->n_before;
    r->in.pos++;
    if (fory_native_read_number(r, &n->memo_first) < 0) {
        return -1;
    }
    if (n->memo_first > (uint64_t)PY_SSIZE_T_MAX / 2) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed position of a message");
        return -1;
    }
    n->recording = n->memo != NULL;
    /* what lies behind that position belongs to another Pickler, or was forgotten */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->kept[middle].position < n->memo_first) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    n->n_known = low;
    return 0;
}

int
fory_native_read_head(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    if (fory_have(&r->in, 1) && *r->in.pos == FORY_N_MEMO && read_position(r) < 0) {
        return -1;
    }
    if (fory_have(&r->in, 1) && *r->in.pos == FORY_N_MARKS) {
        r->in.pos++;
        if (read_marks(r) < 0) {
            return -1;
        }
    }
    n->body = (size_t)(r->in.pos - r->in.start);
    n->watch = n->recording ? 0 : n->mark;
    return 0;
}

/* The object at a position in an earlier message. */
PyObject *
fory_native_read_earlier(ForyReadCtx *r)
{
    const ForyNativeRead *n = r->native;
    size_t low = 0, high = n->n_known;
    uint64_t position = 0;
    if (fory_native_read_number(r, &position) < 0) {
        return NULL;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->kept[middle].position < position) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    if (low == n->n_known || n->kept[low].position != position || n->kept[low].object == NULL) {
        return fory_raise(r->st, FORY_E_REF, "position %llu belongs to an earlier message, which was not read",
                          (unsigned long long)position);
    }
    return Py_NewRef(n->kept[low].object);
}

/* What a later message may name: everything but plain numbers, constants and references. */
FORY_INLINE int
is_recorded(int tag)
{
    return tag >= FORY_N_STR && (tag < FORY_N_REF || tag >= FORY_N_TUPLE) && (tag < FORY_N_NONE || tag > FORY_N_FLOAT_32) &&
           tag != FORY_N_REF_N && tag != FORY_N_EARLIER;
}

size_t
fory_native_new_entry(ForyNativeRead *n, size_t offset)
{
    if (FORY_UNLIKELY(n->n_kept == n->cap_kept) &&
        fory_grow_array(&n->kept, &n->cap_kept, n->n_kept + 1, sizeof(*n->kept)) < 0) {
        return SIZE_MAX;
    }
    n->kept[n->n_kept] = (ForyMemoEntry){n->memo_first + (offset - n->body), NULL};
    return n->n_kept++;
}

/* ---- values that are met again -------------------------------------------------------------------- */

PyObject *
fory_native_settle(ForyReadCtx *r, Py_ssize_t id, PyObject *v)
{
    if (id >= 0) {
        if (r->refs[id] != NULL) {
            /* made meanwhile by a visit inside this one */
            Py_DECREF(v);
            return Py_NewRef(r->refs[id]);
        }
        r->refs[id] = Py_NewRef(v);
    }
    return v;
}

PyObject *
fory_native_bad_ref(ForyReadCtx *r, uint64_t number)
{
    if (number >= r->n_refs) {
        return fory_raise(r->st, FORY_E_REF, "invalid reference %llu, %zu objects are shared",
                          (unsigned long long)number, r->n_refs);
    }
    return fory_raise(r->st, FORY_E_REF, "reference %llu to an object that is not there yet", (unsigned long long)number);
}

/* Values that publish themselves before their parts, or between them. */
static int
publishes(int tag)
{
    return (tag >= FORY_N_OBJECT && tag < FORY_N_OBJECT + FORY_N_OBJECT_COUNT) ||
           (tag >= FORY_N_LIST && tag < FORY_N_DICT + FORY_N_SMALL) || tag == FORY_N_LIST_N || tag == FORY_N_DICT_N ||
           tag == FORY_N_SET || tag == FORY_N_DICT_OF || tag == FORY_N_DICT_SHAPE || tag == FORY_N_DICT_LIKE || tag == FORY_N_OBJECT_N || tag == FORY_N_SHAPE ||
           tag == FORY_N_SHAPE_INTS || tag == FORY_N_SHAPE_SOME ||
           (tag >= FORY_N_REDUCE && tag <= FORY_N_CODE) || tag == FORY_N_INSTANCE;
}

/* A value that is met again, or that an Unpickler keeps. */
PyObject *
fory_native_read_watched(ForyReadCtx *r, int tag)
{
    ForyNativeRead *n = r->native;
    size_t at = (size_t)(r->in.pos - r->in.start) - 1, entry = SIZE_MAX;
    PyObject *v;
    if (n->recording && is_recorded(tag) && (entry = fory_native_new_entry(n, at)) == SIZE_MAX) {
        return NULL;
    }
    if (at != n->mark) {
        v = fory_native_read_tag(r, tag);
    }
    else {
        Py_ssize_t id = n->mark_id;
        next_mark(n);
        if (publishes(tag)) {
            r->pending_ref = id;
            v = fory_native_read_tag(r, tag);
        }
        else {
            v = fory_native_read_tag(r, tag);
            v = v == NULL ? NULL : fory_native_settle(r, id, v);
        }
    }
    if (entry != SIZE_MAX && v != NULL) {
        n->kept[entry].object = Py_NewRef(v);
    }
    return v;
}

PyObject *
fory_native_read_untagged(ForyReadCtx *r, size_t at, PyObject *(*read)(ForyReadCtx *))
{
    ForyNativeRead *n = r->native;
    size_t entry = SIZE_MAX;
    Py_ssize_t id = -1;
    PyObject *v;
    if (n->recording && (entry = fory_native_new_entry(n, at)) == SIZE_MAX) {
        return NULL;
    }
    if (at == n->mark) {
        id = n->mark_id;
        next_mark(n);
    }
    v = read(r);
    v = v == NULL ? NULL : fory_native_settle(r, id, v);
    if (entry != SIZE_MAX && v != NULL) {
        n->kept[entry].object = Py_NewRef(v);
    }
    return v;
}
