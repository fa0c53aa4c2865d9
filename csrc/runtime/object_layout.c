#include "runtime/object_layout.h"

static PyObject *
type_lookup(PyTypeObject *type, PyObject *name)
{
    return _PyType_Lookup(type, name); /* borrowed */
}

Py_ssize_t
fory_slot_offset(PyTypeObject *type, PyObject *name)
{
    PyObject *descr = type_lookup(type, name);
    if (descr == NULL || Py_TYPE(descr) != &PyMemberDescr_Type || type->tp_getattro != PyObject_GenericGetAttr) {
        return 0;
    }
    PyMemberDescrObject *member = (PyMemberDescrObject *)descr;
    if (member->d_member->type != FORY_T_OBJECT_EX || (member->d_member->flags & 1 /* read-only */) || !PyType_IsSubtype(type, PyDescr_TYPE(member))) {
        return 0;
    }
    return member->d_member->offset;
}

int
fory_plain_attribute(PyTypeObject *type, PyObject *name)
{
    if (type->tp_getattro != PyObject_GenericGetAttr) {
        return 0;
    }
    PyObject *descr = type_lookup(type, name);
    return descr == NULL || Py_TYPE(descr)->tp_descr_set == NULL;
}

#if FORY_INLINE_VALUES

PyObject *
fory_inline_name(PyTypeObject *type, unsigned index)
{
    /* the attribute names that instances of a class share */
    const ForyDictKeys *keys = (const ForyDictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    if (keys == NULL || (Py_ssize_t)index >= keys->entries) {
        return NULL;
    }
    /* pairs of key and value behind the hash table */
    return ((PyObject **)(keys->indices + ((size_t)1 << keys->log2_index_bytes)))[2 * index];
}

int
fory_has_inline_values(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030D0000
#if PY_VERSION_HEX < 0x030E0000
    if (type->tp_basicsize != (Py_ssize_t)sizeof(PyObject)) {
        return 0;
    }
#endif
    return (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) != 0 && type->tp_itemsize == 0;
#else
    return (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0 && type->tp_itemsize == 0;
#endif
}

/* index of the attribute set last, and how many are set */
static int
last_index(PyObject *o, int *count)
{
#if PY_VERSION_HEX >= 0x030D0000
    ForyInlineBlock *block = fory_inline_block(o);
    if (!block->valid || block->size == 0 || block->size > block->capacity) {
        return -1;
    }
    *count = block->size;
    int index = ((uint8_t *)&block->values[block->capacity])[block->size - 1];
    return index < block->capacity ? index : -1;
#else
    PyObject **values = fory_inline_values(o);
    if (values == NULL) {
        return -1;
    }
    uint8_t *size = (uint8_t *)values - 2;
    if (*size == 0 || *size > FORY_MAX_INLINE) {
        return -1;
    }
    *count = *size;
    return size[-(int)*size];
#endif
}

static int
probe(ForyState *st, PyTypeObject *type, PyObject *const *names, Py_ssize_t n, uint8_t *index)
{
    PyObject *o = NULL, *marks[FORY_MAX_INLINE] = {NULL};
    int ok = 0;
    if (n == 0 || n > FORY_MAX_INLINE || !fory_has_inline_values(type) || type->tp_new != PyBaseObject_Type.tp_new) {
        return 0;
    }
    o = PyBaseObject_Type.tp_new(type, st->empty_tuple, NULL);
    if (o == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        int count = 0;
        marks[i] = PyList_New(0);
        if (marks[i] == NULL || PyObject_GenericSetAttr(o, names[i], marks[i]) < 0) {
            goto done;
        }
        int at = last_index(o, &count);
        PyObject **values = fory_inline_values(o);
        if (at < 0 || values == NULL || count != i + 1 || values[at] != marks[i]) {
            goto done;
        }
        index[i] = (uint8_t)at;
    }
    ok = 1;
done:
    /* a class may refuse to be probed (abstract, own allocation): no error */
    PyErr_Clear();
    if (o != NULL && type->tp_del == NULL && type->tp_finalize == NULL) {
        Py_DECREF(o);
    }
    else if (o != NULL) {
        /* a user's __del__ must not see a half-made object: empty it first */
        for (Py_ssize_t i = 0; i < n; i++) {
            if (marks[i] != NULL && PyObject_GenericSetAttr(o, names[i], NULL) < 0) {
                PyErr_Clear();
            }
        }
        Py_DECREF(o);
    }
    for (Py_ssize_t i = 0; i < n && i < FORY_MAX_INLINE; i++) {
        Py_XDECREF(marks[i]);
    }
    return ok;
}

int
fory_inline_probe(ForyState *st, PyTypeObject *type, PyObject *const *names, Py_ssize_t n, uint8_t *index)
{
    if (!st->inline_values_ok) {
        return 0;
    }
    /* __del__ would run on the probe: leave such classes to the public API */
    if (type->tp_finalize != NULL || type->tp_del != NULL) {
        return 0;
    }
    return probe(st, type, names, n, index);
}

/* Makes class X: pass; checks fresh, filled, deleted and materialised states. */
int
fory_inline_self_test(ForyState *st)
{
    PyObject *cls = NULL, *o = NULL, *dict = NULL, *names[3] = {NULL}, *values[3] = {NULL}, *got = NULL;
    uint8_t index[3];
    static const uint8_t order[3] = {0, 1, 2};
    int ok = 0;
    const char *off = getenv("PYFORY_PUBLIC_ATTRIBUTES");
    st->inline_values_ok = 0;
    if (off != NULL && off[0] == '1') {
        return 0; /* forces the public path, for tests and bug reports */
    }
    cls = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "ForyLayoutProbe");
    if (cls == NULL) {
        goto done;
    }
    for (int i = 0; i < 3; i++) {
        names[i] = PyUnicode_FromFormat("a%d", i);
        values[i] = PyList_New(0);
        if (names[i] == NULL || values[i] == NULL) {
            goto done;
        }
        PyUnicode_InternInPlace(&names[i]);
    }
    if (!probe(st, (PyTypeObject *)cls, names, 3, index)) {
        goto done;
    }
    /* an object filled by us must look right to CPython */
    o = PyBaseObject_Type.tp_new((PyTypeObject *)cls, st->empty_tuple, NULL);
    if (o == NULL) {
        goto done;
    }
    for (int i = 0; i < 3; i++) {
        Py_INCREF(values[i]);
    }
    if (fory_inline_fill(o, index, order, values, 3) < 0) {
        for (int i = 0; i < 3; i++) {
            Py_DECREF(values[i]);
        }
        goto done;
    }
    for (int i = 0; i < 3; i++) {
        got = PyObject_GetAttr(o, names[i]);
        if (got != values[i]) {
            goto done;
        }
        Py_CLEAR(got);
    }
    for (int i = 0; i < 3; i++) {
        uint8_t listed[FORY_MAX_INLINE];
        if (fory_inline_order(o, listed) != 3 || listed[i] != index[i] ||
            fory_inline_name((PyTypeObject *)cls, index[i]) != names[i]) {
            goto done;
        }
    }
    /* a deleted attribute reads as NULL or sends us to the public path */
    if (PyObject_DelAttr(o, names[1]) < 0) {
        goto done;
    }
    PyObject **slots = fory_inline_values(o);
    if (slots != NULL && (slots[index[1]] != NULL || slots[index[0]] != values[0])) {
        goto done;
    }
    if (PyObject_SetAttr(o, names[1], values[2]) < 0) {
        goto done;
    }
    slots = fory_inline_values(o);
    if (slots != NULL && slots[index[1]] != values[2]) {
        goto done;
    }
    /* a materialised dict keeps the insertion order, and either stays in step or invalidates */
    dict = PyObject_GenericGetDict(o, NULL);
    if (dict == NULL || PyDict_GET_SIZE(dict) != 3 || PyDict_SetItem(dict, names[0], values[1]) < 0) {
        goto done;
    }
    slots = fory_inline_values(o);
    if (slots != NULL && slots[index[0]] != values[1]) {
        goto done;
    }
    ok = 1;
done:
    PyErr_Clear();
    Py_XDECREF(got);
    Py_XDECREF(dict);
    Py_XDECREF(o);
    Py_XDECREF(cls);
    for (int i = 0; i < 3; i++) {
        Py_XDECREF(names[i]);
        Py_XDECREF(values[i]);
    }
    st->inline_values_ok = ok;
    return 0;
}

/* 1 when both walks see the same; the layout is taken for proved meanwhile. */
static int
same_walk(const ForyState *st, PyObject *dict)
{
    Py_ssize_t ours = 0, theirs = 0;
    PyObject *key[2] = {NULL}, *value[2] = {NULL};
    for (Py_ssize_t i = 0; i <= PyDict_GET_SIZE(dict); i++) {
        int more = PyDict_Next(dict, &theirs, &key[1], &value[1]);
        const ForyDictKeys *keys = (const ForyDictKeys *)((PyDictObject *)dict)->ma_keys;
        /* before the entries are looked at: what is said of their number must be possible */
        if (keys->log2_size > 12 || keys->log2_index_bytes > 16 || keys->entries < PyDict_GET_SIZE(dict) ||
            keys->entries > (Py_ssize_t)1 << keys->log2_size || keys->kind > 2) {
            return 0;
        }
        if (fory_dict_next(st, dict, &ours, &key[0], &value[0]) != more || (more && (key[0] != key[1] || value[0] != value[1] || ours != theirs))) {
            return 0;
        }
    }
    return 1;
}

/* Dicts with str and with other keys, small and large, with gaps, without entries. */
int
fory_dict_self_test(ForyState *st)
{
    static const int sizes[] = {0, 1, 5, 6, 200, 700};
    const char *off = getenv("PYFORY_PUBLIC_ATTRIBUTES");
    PyObject *dict = NULL, *key = NULL;
    int ok = 1;
    st->dict_layout_ok = 0;
    if (off != NULL && off[0] == '1') {
        return 0;
    }
    for (size_t k = 0; ok && k < 3 * sizeof(sizes) / sizeof(sizes[0]); k++) {
        int n = sizes[k / 3], kind = (int)(k % 3); /* str, int, both */
        dict = PyDict_New();
        for (int i = 0; ok && dict != NULL && i < n; i++) {
            key = kind == 0 || (kind == 2 && i % 2) ? PyUnicode_FromFormat("k%d", i) : PyLong_FromLong(i);
            ok = key != NULL && PyDict_SetItem(dict, key, i % 5 ? Py_None : key) == 0;
            if (ok && i % 3 == 2) {
                ok = PyDict_DelItem(dict, key) == 0;
            }
            Py_CLEAR(key);
        }
        if (ok && dict != NULL) {
            st->dict_layout_ok = 1;
            ok = same_walk(st, dict);
            st->dict_layout_ok = 0;
        }
        ok = ok && dict != NULL;
        Py_CLEAR(dict);
    }
    PyErr_Clear();
    st->dict_layout_ok = ok;
    return 0;
}

#else /* !FORY_INLINE_VALUES */

int
fory_dict_self_test(ForyState *st)
{
    st->dict_layout_ok = 0;
    return 0;
}

int
fory_inline_probe(ForyState *st, PyTypeObject *type, PyObject *const *names, Py_ssize_t n, uint8_t *index)
{
    (void)st;
    (void)type;
    (void)names;
    (void)n;
    (void)index;
    return 0;
}

int
fory_inline_self_test(ForyState *st)
{
    st->inline_values_ok = 0;
    return 0;
}

#endif
