/* Lists, tuples, dicts and sets of the native format, writing. */
#include "native/plain.h"

static int
changed(ForyWriteCtx *w, const char *what)
{
    (void)w;
    PyErr_Format(PyExc_RuntimeError, "%s changed size during iteration", what);
    return -1;
}

/* Tag of a container of n parts. */
FORY_INLINE int
open_container(ForyWriteCtx *w, int small_tag, int tag, size_t n)
{
    return n < FORY_N_SMALL ? fory_native_tag(w, small_tag + (int)n) : fory_native_tag_n(w, tag, n);
}

/* ---- lists and tuples --------------------------------------------------------------- */

/* Elements with their tags. */
FORY_INLINE int
write_items(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, int list)
{
    const int plain = !w->native->hooked;
    uint8_t *p = w->out.pos;
    Py_ssize_t i = 0;
    if (FORY_UNLIKELY(fory_write_enter(w) < 0)) {
        return -1;
    }
    for (; i < n; i++) {
        PyObject *item;
        if (list && FORY_UNLIKELY(PyList_GET_SIZE(v) != n)) {
            changed(w, "list");
            goto error;
        }
        item = list ? PyList_GET_ITEM(v, i) : PyTuple_GET_ITEM(v, i);
        if (FORY_LIKELY(plain)) {
            int rc;
            p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
            if (FORY_UNLIKELY(p == NULL) || FORY_UNLIKELY((rc = fory_native_put_plain(w, item, &p)) < 0)) {
                goto error;
            }
            if (rc == 0 && fory_native_is_held(w, item)) {
                rc = fory_native_again_at(w, item, &p);
            }
            if (FORY_LIKELY(rc > 0)) {
                continue;
            }
            if (FORY_UNLIKELY(rc < 0)) {
                goto error;
            }
        }
        w->out.pos = p;
        if (FORY_UNLIKELY(fory_native_write_other(w, item) < 0)) {
            goto error;
        }
        p = w->out.pos;
    }
    w->out.pos = p;
    w->depth--;
    return 0;
error:
    fory_path_index(&w->path, i);
    w->depth--;
    return -1;
}

int
fory_native_write_list(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_ssize_t n = PyList_GET_SIZE(v);
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = n < FORY_N_SMALL ? 0 : fory_native_write_sequence_of(w, v, n);
    if (rc == 0) {
        rc = open_container(w, FORY_N_LIST, FORY_N_LIST_N, (size_t)n);
        if (FORY_LIKELY(rc == 0)) {
            rc = write_items(w, v, n, 1);
        }
    }
    Py_DECREF(v);
    return rc < 0 ? -1 : 0;
}

int
fory_native_write_tuple(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_ssize_t n = PyTuple_GET_SIZE(v);
    ForyLate late;
    int rc;
    (void)c;
    if (n == 0) {
        return fory_native_tag(w, FORY_N_TUPLE);
    }
    rc = fory_native_open(w, v, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = n < FORY_N_SMALL ? 0 : fory_native_write_sequence_of(w, v, n);
    if (rc == 0) {
        rc = open_container(w, FORY_N_TUPLE, FORY_N_TUPLE_N, (size_t)n);
        if (FORY_LIKELY(rc == 0)) {
            rc = write_items(w, v, n, 0);
        }
    }
    if (FORY_UNLIKELY(rc < 0)) {
        fory_native_abandon(w, &late);
    }
    else {
        rc = fory_native_close(w, v, &late);
    }
    Py_DECREF(v);
    return rc;
}

/* ---- dicts ------------------------------------------------------------------------------ */

/* A key at *p when no other code runs for it, so that the value stays where it is: 1, 0, -1. */
FORY_INLINE int
put_key(ForyWriteCtx *w, PyObject *key, uint8_t **p)
{
    int rc = fory_native_put_plain(w, key, p);
    if (FORY_UNLIKELY(rc == 0) && PyUnicode_CheckExact(key) && (size_t)PyUnicode_GET_LENGTH(key) < FORY_LARGE) {
        w->out.pos = *p;
        rc = fory_native_write_str(w, NULL, key) < 0 ? -1 : 1;
        *p = w->out.pos;
    }
    return rc;
}

/* What is left of a pair, which may run other code: 0 / -1. */
static FORY_NOINLINE int
write_rest(ForyWriteCtx *w, PyObject *key, PyObject *value, int has_key)
{
    int rc;
    Py_INCREF(key);
    if (FORY_LIKELY(has_key)) {
        rc = fory_native_write_other(w, value);
    }
    else {
        Py_INCREF(value);
        rc = fory_native_write(w, key) < 0 || fory_native_write(w, value) < 0 ? -1 : 0;
        Py_DECREF(value);
    }
    if (FORY_UNLIKELY(rc < 0)) {
        fory_path_key(&w->path, key);
    }
    Py_DECREF(key);
    return rc;
}

/* Keys and values in turn. */
int
fory_native_write_pairs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, Py_ssize_t *position, Py_ssize_t m)
{
    const int plain = !w->native->hooked;
    PyObject *key = NULL, *value = NULL;
    uint8_t *p = w->out.pos;
    if (FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
        return changed(w, "dict");
    }
    for (; m > 0; m--) {
        int has_key = 0, rc;
        if (FORY_UNLIKELY(!fory_dict_next(w->st, v, position, &key, &value))) {
            return changed(w, "dict");
        }
        if (FORY_LIKELY(plain)) {
            p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
            has_key = FORY_UNLIKELY(p == NULL) ? -1 : put_key(w, key, &p);
            if (FORY_LIKELY(has_key > 0)) {
                p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
                rc = FORY_UNLIKELY(p == NULL) ? -1 : fory_native_put_plain(w, value, &p);
                if (FORY_LIKELY(rc > 0)) {
                    continue;
                }
                has_key = rc < 0 ? -1 : 1;
            }
            if (FORY_UNLIKELY(has_key < 0)) {
                fory_path_key(&w->path, key);
                return -1;
            }
        }
        w->out.pos = p;
        if (FORY_UNLIKELY(write_rest(w, key, value, has_key) < 0)) {
            return -1;
        }
        p = w->out.pos;
        if (FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
            return changed(w, "dict");
        }
    }
    w->out.pos = p;
    return 0;
}

/* The values of a dict that has the keys of a shape. */
static int
write_values(ForyWriteCtx *w, PyObject *v, size_t shape)
{
    /* the table of shapes may move while values are written */
    Py_ssize_t n = (Py_ssize_t)w->native->dict_shapes[shape].n, position = 0;
    PyObject *key = NULL, *value = NULL;
    uint8_t *p = w->out.pos;
    for (Py_ssize_t i = 0; i < n; i++) {
        int rc;
        if (FORY_UNLIKELY(!fory_dict_next(w->st, v, &position, &key, &value)) ||
            FORY_UNLIKELY(key != w->native->dict_shapes[shape].keys[i]) || FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
            return changed(w, "dict");
        }
        p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
        rc = FORY_UNLIKELY(p == NULL) ? -1 : fory_native_put_plain(w, value, &p);
        if (FORY_UNLIKELY(rc == 0)) {
            w->out.pos = p;
            rc = fory_native_write_other(w, value);
            p = w->out.pos;
        }
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_key(&w->path, w->native->dict_shapes[shape].keys[i]);
            return -1;
        }
    }
    w->out.pos = p;
    return 0;
}

/* Records the keys of v as a shape and writes them. The number, or -1. */
static Py_ssize_t
define_dict(ForyWriteCtx *w, PyObject *v, Py_ssize_t n)
{
    ForyNativeWrite *native = w->native;
    ForyDictShape *shape;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    if ((native->n_dict_shapes == native->cap_dict_shapes &&
         fory_grow_array(&native->dict_shapes, &native->cap_dict_shapes, native->n_dict_shapes + 1,
                         sizeof(*native->dict_shapes)) < 0) ||
        fory_native_tag(w, FORY_N_DICT_SHAPE) < 0 || fory_native_tag(w, (int)n) < 0) {
        return -1;
    }
    shape = &native->dict_shapes[native->n_dict_shapes];
    shape->n = 0;
    while (shape->n < (size_t)n && fory_dict_next(w->st, v, &position, &key, &value)) {
        uint8_t *p = fory_native_plain_room(w, w->out.pos, FORY_NATIVE_PLAIN_ROOM);
        if (FORY_UNLIKELY(p == NULL) || FORY_UNLIKELY(put_key(w, key, &p) < 0)) {
            return -1;
        }
        w->out.pos = p;
        shape->keys[shape->n] = key;
        shape->n++;
    }
    for (size_t i = 0; i < shape->n; i++) {
        Py_INCREF(shape->keys[i]);
    }
    return (Py_ssize_t)native->n_dict_shapes++;
}

/* What is known of dicts with this first key and so many others, or the place for it: one of
 * four, so that kinds of records do not drive each other out. */
FORY_INLINE ForyDictSeen *
seen_like(ForyWriteCtx *w, PyObject *key, Py_ssize_t n)
{
    ForyDictSeen *dicts = w->native->dicts, *seen;
    size_t first = fory_pointer_hash(key) + (size_t)n, i = 0;
    do {
        seen = &dicts[(first + i) & (FORY_DICT_SHAPES - 1)];
    } while (seen->generation == w->generation && (seen->first != key || seen->n != n) && ++i < 4);
    return i < 4 ? seen : &dicts[first & (FORY_DICT_SHAPES - 1)];
}

/* Small dicts with str keys, when another like it was met: 1 *rc is the outcome, 0 not taken. */
static int
write_like(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, int *rc)
{
    ForyNativeWrite *native = w->native;
    ForyDictSeen *seen;
    Py_ssize_t position = 0, shape;
    PyObject *key, *value;
    if (!fory_dict_next(w->st, v, &position, &key, &value)) {
        return 0;
    }
    seen = seen_like(w, key, n);
    if (seen->generation != w->generation || seen->first != key || seen->n != n) {
        *seen = (ForyDictSeen){key, w->generation, (uint16_t)n, FORY_DICT_SHAPES};
        return 0;
    }
    if (seen->shape < FORY_DICT_SHAPES) {
        const ForyDictShape *known = &native->dict_shapes[seen->shape];
        Py_ssize_t i = 1;
        while (i < n && fory_dict_next(w->st, v, &position, &key, &value) && key == known->keys[i]) {
            i++;
        }
        if (i < n) {
            return 0;
        }
        *rc = fory_native_tag_n(w, FORY_N_DICT_LIKE, seen->shape);
        if (*rc == 0) {
            *rc = write_values(w, v, seen->shape);
        }
        return 1;
    }
    if (native->n_dict_shapes == FORY_DICT_SHAPES) {
        return 0;
    }
    for (Py_ssize_t i = 1;; i++) {
        /* while a large one is written other threads run */
        if (!PyUnicode_CheckExact(key) || (size_t)PyUnicode_GET_LENGTH(key) >= FORY_LARGE) {
            return 0;
        }
        if (i == n || !fory_dict_next(w->st, v, &position, &key, &value)) {
            break;
        }
    }
    shape = define_dict(w, v, n);
    if (shape < 0) {
        *rc = -1;
        return 1;
    }
    seen->shape = (uint16_t)shape;
    *rc = write_values(w, v, (size_t)shape);
    return 1;
}

int
fory_native_write_dict(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_ssize_t n = PyDict_GET_SIZE(v);
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    Py_INCREF(v);
    if (n < 2 || n > FORY_DICT_KEYS || w->native->hooked || !write_like(w, v, n, &rc)) {
        rc = fory_native_write_runs(w, v, n);
        if (rc == 0 && (rc = open_container(w, FORY_N_DICT, FORY_N_DICT_N, (size_t)n)) == 0) {
            Py_ssize_t position = 0;
            rc = fory_native_write_pairs(w, v, n, &position, n);
        }
        rc = rc < 0 ? -1 : 0;
    }
    w->depth--;
    Py_DECREF(v);
    return rc;
}

/* ---- sets ------------------------------------------------------------------------------ */

/* Elements through a snapshot: iterating may not be interrupted by their code. */
static int
write_elements(ForyWriteCtx *w, PyObject *v, int tag)
{
    PyObject *items = NULL;
    Py_ssize_t n, i;
    int rc = fory_native_write_set_of(w, v, tag == FORY_N_SET ? FORY_N_SET_OF : FORY_N_FROZENSET_OF);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_write_pin(w) < 0 || (items = fory_set_tuple(v)) == NULL) {
        return -1;
    }
    n = PyTuple_GET_SIZE(items);
    if (fory_native_tag_n(w, tag, (uint64_t)n) < 0 || fory_write_enter(w) < 0) {
        goto error;
    }
    for (i = 0; i < n; i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);
        if (Py_REFCNT(item) > 1) {
            /* the set holds it: a reference of ours would make it look shared */
            PyTuple_SET_ITEM(items, i, NULL);
            Py_DECREF(item);
        }
        if (fory_native_write(w, item) < 0) {
            w->depth--;
            goto error;
        }
    }
    w->depth--;
    Py_DECREF(items);
    return 0;
error:
    Py_DECREF(items);
    return -1;
}

int
fory_native_write_set(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = write_elements(w, v, FORY_N_SET);
    Py_DECREF(v);
    return rc;
}

int
fory_native_write_frozenset(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    ForyLate late;
    int rc = fory_native_open(w, v, &late);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = write_elements(w, v, FORY_N_FROZENSET);
    if (rc < 0) {
        fory_native_abandon(w, &late);
    }
    else {
        rc = fory_native_close(w, v, &late);
    }
    Py_DECREF(v);
    return rc;
}
