/* Lists, tuples, dicts and sets of the native format, writing. */
#include "native/native.h"

#include "runtime/large.h"
#include "runtime/object_layout.h"

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

int
fory_native_write_list(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_ssize_t n = PyList_GET_SIZE(v), i = 0;
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = fory_native_write_sequence_of(w, v, n);
    if (rc != 0 || open_container(w, FORY_N_LIST, FORY_N_LIST_N, (size_t)n) < 0 || fory_write_enter(w) < 0) {
        Py_DECREF(v);
        return rc > 0 ? 0 : -1;
    }
    for (; i < n; i++) {
        if (FORY_UNLIKELY(PyList_GET_SIZE(v) != n)) {
            changed(w, "list");
            goto error;
        }
        if (FORY_UNLIKELY(fory_native_write(w, PyList_GET_ITEM(v, i)) < 0)) {
            goto error;
        }
    }
    w->depth--;
    Py_DECREF(v);
    return 0;
error:
    fory_path_index(&w->path, i);
    w->depth--;
    Py_DECREF(v);
    return -1;
}

int
fory_native_write_tuple(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_ssize_t n = PyTuple_GET_SIZE(v), i = 0;
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
    rc = fory_native_write_sequence_of(w, v, n);
    if (rc > 0) {
        rc = fory_native_close(w, v, &late);
        Py_DECREF(v);
        return rc;
    }
    if (rc < 0 || open_container(w, FORY_N_TUPLE, FORY_N_TUPLE_N, (size_t)n) < 0 || fory_write_enter(w) < 0) {
        fory_native_abandon(w, &late);
        Py_DECREF(v);
        return -1;
    }
    for (; i < n; i++) {
        if (FORY_UNLIKELY(fory_native_write(w, PyTuple_GET_ITEM(v, i)) < 0)) {
            fory_path_index(&w->path, i);
            fory_native_abandon(w, &late);
            w->depth--;
            Py_DECREF(v);
            return -1;
        }
    }
    w->depth--;
    rc = fory_native_close(w, v, &late);
    Py_DECREF(v);
    return rc;
}

/* ---- dicts ------------------------------------------------------------------------------ */

/* Keys and values in turn. */
int
fory_native_write_pairs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, Py_ssize_t *position, Py_ssize_t m)
{
    PyObject *key = NULL, *value = NULL;
    int rc;
    if (FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
        return changed(w, "dict");
    }
    for (; m > 0; m--) {
        if (FORY_UNLIKELY(!fory_dict_next(w->st, v, position, &key, &value))) {
            return changed(w, "dict");
        }
        if (FORY_LIKELY(PyUnicode_CheckExact(key)) && FORY_LIKELY(!w->native->hooked) &&
            FORY_LIKELY((size_t)PyUnicode_GET_LENGTH(key) < FORY_LARGE)) {
            /* no other code runs while such a str is written: the value stays where it is */
            rc = fory_native_write_str(w, NULL, key);
            Py_INCREF(key);
            if (FORY_UNLIKELY(rc < 0) || FORY_UNLIKELY(fory_native_write(w, value) < 0)) {
                goto error;
            }
        }
        else {
            Py_INCREF(key);
            Py_INCREF(value);
            rc = fory_native_write(w, key) < 0 || fory_native_write(w, value) < 0;
            Py_DECREF(value);
            if (rc) {
                goto error;
            }
        }
        Py_DECREF(key);
        if (FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
            return changed(w, "dict");
        }
    }
    return 0;
error:
    fory_path_key(&w->path, key);
    Py_DECREF(key);
    return -1;
}

/* The values of a dict that has the keys of a shape. */
static int
write_values(ForyWriteCtx *w, PyObject *v, size_t shape)
{
    /* the table of shapes may move while values are written */
    Py_ssize_t n = (Py_ssize_t)w->native->dict_shapes[shape].n, position = 0;
    PyObject *key = NULL, *value = NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (FORY_UNLIKELY(!fory_dict_next(w->st, v, &position, &key, &value)) ||
            FORY_UNLIKELY(key != w->native->dict_shapes[shape].keys[i]) || FORY_UNLIKELY(PyDict_GET_SIZE(v) != n)) {
            return changed(w, "dict");
        }
        if (FORY_UNLIKELY(fory_native_write(w, value) < 0)) {
            fory_path_key(&w->path, w->native->dict_shapes[shape].keys[i]);
            return -1;
        }
    }
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
    if (fory_grow_array(&native->dict_shapes, &native->cap_dict_shapes, native->n_dict_shapes + 1,
                        sizeof(*native->dict_shapes)) < 0 ||
        fory_native_tag(w, FORY_N_DICT_SHAPE) < 0 || fory_native_tag(w, (int)n) < 0) {
        return -1;
    }
    shape = &native->dict_shapes[native->n_dict_shapes];
    shape->n = 0;
    while (shape->n < (size_t)n && fory_dict_next(w->st, v, &position, &key, &value)) {
        if (fory_native_write_str(w, NULL, key) < 0) {
            return -1;
        }
        shape->keys[shape->n] = key;
        shape->n++;
    }
    for (size_t i = 0; i < shape->n; i++) {
        Py_INCREF(shape->keys[i]);
    }
    return (Py_ssize_t)native->n_dict_shapes++;
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
    seen = &native->dicts[(fory_pointer_hash(key) + (size_t)n) & (FORY_DICT_SHAPES - 1)];
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
