/* How attributes of user objects are reached without their __dict__.
 *
 * CPython 3.11-3.14 keep the attributes of ordinary instances in a value array
 * next to the object. Reading it costs a load; reading through __dict__ would
 * leave a dict on the user's object for good. The layout is private, so it is
 * used only on versions listed here, after a self-test at import, and never on
 * free-threaded builds; PyObject_GetAttr is always the fallback. */
#ifndef FORY_OBJECT_LAYOUT_H
#define FORY_OBJECT_LAYOUT_H

#include "runtime/runtime.h"

#if defined(Py_GIL_DISABLED) || defined(PYPY_VERSION) || defined(Py_TRACE_REFS)
#define FORY_INLINE_VALUES 0
#elif PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030F0000
#define FORY_INLINE_VALUES 1
#else
#define FORY_INLINE_VALUES 0
#endif

enum fory_access {
    FORY_ACCESS_GETATTR, /* PyObject_GetAttr / PyObject_GenericSetAttr */
    FORY_ACCESS_SLOT,    /* __slots__ member at a fixed offset */
    FORY_ACCESS_INLINE   /* index into the inline values */
};

/* Version of a type's method resolution; 0 when CPython has not assigned one. */
FORY_INLINE unsigned int
fory_type_version(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x030C0000
    if (!(type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG)) {
        return 0;
    }
#endif
    return type->tp_version_tag;
}

/* The same after a look-up, which assigns one where there is none. Without one changes of the
 * class cannot be noticed. */
FORY_INLINE unsigned int
fory_type_tag(PyTypeObject *type, PyObject *name)
{
    (void)_PyType_Lookup(type, name);
    return fory_type_version(type);
}

#if FORY_INLINE_VALUES
/* The table of a dict: hash indices, then the entries in the order of insertion. */
typedef struct ForyDictKeys {
    Py_ssize_t refcount;
    uint8_t log2_size, log2_index_bytes, kind;
    uint32_t version;
    Py_ssize_t usable, entries;
    char indices[1];
} ForyDictKeys;

enum { FORY_KEYS_GENERAL = 0 }; /* entries with a hash; those of str keys alone go without */

#if PY_VERSION_HEX >= 0x030D0000
typedef struct ForyInlineBlock {
    uint8_t capacity;
    uint8_t size;
    uint8_t embedded;
    uint8_t valid;
    PyObject *values[1];
} ForyInlineBlock;

FORY_INLINE ForyInlineBlock *
fory_inline_block(PyObject *o)
{
#if PY_VERSION_HEX >= 0x030E0000
    return (ForyInlineBlock *)((char *)o + Py_TYPE(o)->tp_basicsize);
#else
    return (ForyInlineBlock *)((char *)o + sizeof(PyObject));
#endif
}
#endif

/* The value array of an instance whose type passed fory_inline_probe, or NULL
 * when this object keeps its attributes in a dict. */
FORY_INLINE PyObject **
fory_inline_values(PyObject *o)
{
#if PY_VERSION_HEX >= 0x030D0000
    ForyInlineBlock *block = fory_inline_block(o);
    return FORY_LIKELY(block->valid) ? block->values : NULL;
#elif PY_VERSION_HEX >= 0x030C0000
    uintptr_t word = ((uintptr_t *)o)[-3];
    return FORY_LIKELY(word & 1) ? (PyObject **)(word + 1) : NULL;
#else
    return ((PyObject ***)o)[-4];
#endif
}

/* The __dict__ of an instance of such a type that has no inline values any more, when all its
 * keys are str: to look for one runs no Python code. Borrowed; NULL for others. */
FORY_INLINE PyObject *
fory_str_dict(const ForyState *st, PyObject *o)
{
    PyObject *dict = ((PyObject **)o)[-3];
    if (FORY_UNLIKELY(dict == NULL) || FORY_UNLIKELY(!st->dict_layout_ok) || FORY_UNLIKELY(!PyDict_CheckExact(dict)) ||
        ((const ForyDictKeys *)((PyDictObject *)dict)->ma_keys)->kind == FORY_KEYS_GENERAL) {
        return NULL;
    }
    return dict;
}

/* Indices of the attributes of an instance in the order they were set; how many.
 * The instance has inline values. `order` has room for FORY_MAX_INLINE. */
#define FORY_MAX_INLINE 30
FORY_INLINE size_t
fory_inline_order(PyObject *o, uint8_t *order)
{
#if PY_VERSION_HEX >= 0x030D0000
    ForyInlineBlock *block = fory_inline_block(o);
    size_t n = block->size <= FORY_MAX_INLINE ? block->size : FORY_MAX_INLINE;
    memcpy(order, &block->values[block->capacity], n);
#else
    const uint8_t *size = (const uint8_t *)fory_inline_values(o) - 2;
    size_t n = *size <= FORY_MAX_INLINE ? *size : FORY_MAX_INLINE;
    for (size_t k = 0; k < n; k++) {
        order[k] = size[-(ptrdiff_t)k - 1];
    }
#endif
    return n;
}

/* 1 when the attributes of an instance with these inline values are those at n indices, in
 * this order. `reversed` has the same indices, the last one first. */
FORY_INLINE int
fory_inline_same(PyObject *const *values, const uint8_t *order, const uint8_t *reversed, size_t n)
{
#if PY_VERSION_HEX >= 0x030D0000
    const ForyInlineBlock *block = (const ForyInlineBlock *)((const char *)values - offsetof(ForyInlineBlock, values));
    (void)reversed;
    return block->size == n && memcmp(&block->values[block->capacity], order, n) == 0;
#else
    const uint8_t *size = (const uint8_t *)values - 2;
    (void)order;
    return *size == n && memcmp(size - n, reversed, n) == 0;
#endif
}

/* Whether v is an attribute of an instance that has inline values and no __dict__ beside them:
 * the attribute that was set as number `near`, or any. */
FORY_INLINE int
fory_inline_holds(PyObject *o, PyObject *v, size_t near)
{
    PyObject *const *values = fory_inline_values(o);
    if (FORY_UNLIKELY(values == NULL)) {
        return 0;
    }
#if PY_VERSION_HEX >= 0x030D0000
    const ForyInlineBlock *block = fory_inline_block(o);
    const uint8_t *order = (const uint8_t *)&block->values[block->capacity];
    const ptrdiff_t step = 1;
    size_t n = block->size;
    if (((PyObject **)o)[-3] != NULL) {
        return 0;
    }
#else
    const uint8_t *order = (const uint8_t *)values - 3;
    const ptrdiff_t step = -1;
    size_t n = order[1];
#endif
    if (FORY_LIKELY(near < n) && FORY_LIKELY(values[order[step * (ptrdiff_t)near]] == v)) {
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (values[order[step * (ptrdiff_t)i]] == v) {
            return 1;
        }
    }
    return 0;
}

/* Name of the attribute at an index of the inline values; borrowed, NULL when there is none. */
PyObject *fory_inline_name(PyTypeObject *type, unsigned index);
/* 1 when instances of type keep their attributes in inline values at first. */
int fory_has_inline_values(PyTypeObject *type);

/* Fills the values of a brand-new instance: values[order[k]] goes to index[k]
 * and counts as the k-th attribute set. Steals the references. 0, or -1 when
 * the object is not in the expected empty state (nothing stolen). */
FORY_INLINE int
fory_inline_fill(PyObject *o, const uint8_t *index, const uint8_t *order, PyObject *const *values, Py_ssize_t n)
{
#if PY_VERSION_HEX >= 0x030D0000
    ForyInlineBlock *block = fory_inline_block(o);
    /* a __dict__ that somebody asked for already counts the values itself */
    if (FORY_UNLIKELY(!block->valid || block->size != 0 || block->capacity < n || ((PyObject **)o)[-3] != NULL)) {
        return -1;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        block->values[index[k]] = values[order[k]];
    }
    memcpy(&block->values[block->capacity], index, (size_t)n);
    block->size = (uint8_t)n;
#else
    PyObject **slots = fory_inline_values(o);
    if (FORY_UNLIKELY(slots == NULL)) {
        return -1;
    }
    uint8_t *size = (uint8_t *)slots - 2;
    if (FORY_UNLIKELY(*size != 0)) {
        return -1;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        slots[index[k]] = values[order[k]];
        size[-k - 1] = index[k];
    }
    *size = (uint8_t)n;
#endif
    return 0;
}
#endif

/* ---- dicts ----------------------------------------------------------------- */

#if FORY_INLINE_VALUES
/* How many names fory_inline_name has for a type; they only get more. */
FORY_INLINE size_t
fory_inline_names(PyTypeObject *type)
{
    const ForyDictKeys *keys = (const ForyDictKeys *)((PyHeapTypeObject *)type)->ht_cached_keys;
    return FORY_UNLIKELY(keys == NULL) ? 0 : (size_t)keys->entries;
}
#endif

/* Where the pairs of a dict lie: entry i at pairs + i * width, key and value, both or the value
 * NULL in gaps; i is PyDict_Next's position. 0 where only PyDict_Next knows. */
FORY_INLINE int
fory_dict_pairs(const ForyState *st, PyObject *dict, PyObject *const **pairs, size_t *width, Py_ssize_t *n)
{
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(st->dict_layout_ok && ((PyDictObject *)dict)->ma_values == NULL)) {
        const ForyDictKeys *keys = (const ForyDictKeys *)((PyDictObject *)dict)->ma_keys;
        size_t hashed = keys->kind == FORY_KEYS_GENERAL;
        *pairs = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes)) + hashed;
        *width = 2 + hashed;
        *n = keys->entries;
        return 1;
    }
#else
    (void)st;
    (void)dict;
    (void)pairs;
    (void)width;
    (void)n;
#endif
    return 0;
}

/* PyDict_Next, and nothing but it as far as a caller can tell: positions may be
 * carried from one to the other. In line where the self-test has proved the layout. */
FORY_INLINE int
fory_dict_next(const ForyState *st, PyObject *dict, Py_ssize_t *position, PyObject **key, PyObject **value)
{
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(st->dict_layout_ok && ((PyDictObject *)dict)->ma_values == NULL)) {
        const ForyDictKeys *keys = (const ForyDictKeys *)((PyDictObject *)dict)->ma_keys;
        PyObject *const *entry = (PyObject *const *)(keys->indices + ((size_t)1 << keys->log2_index_bytes));
        Py_ssize_t i = *position;
        if (keys->kind == FORY_KEYS_GENERAL) {
            for (entry += 3 * i + 1; i < keys->entries && FORY_UNLIKELY(entry[1] == NULL); entry += 3) {
                i++;
            }
        }
        else {
            for (entry += 2 * i; i < keys->entries && FORY_UNLIKELY(entry[1] == NULL); entry += 2) {
                i++;
            }
        }
        if (FORY_LIKELY(i < keys->entries)) {
            *key = entry[0];
            *value = entry[1];
            *position = i + 1;
            return 1;
        }
        return 0;
    }
#else
    (void)st;
#endif
    return PyDict_Next(dict, position, key, value);
}

/* Compares it with PyDict_Next on dicts of every kind; sets st->dict_layout_ok. -1 on exception. */
int fory_dict_self_test(ForyState *st);

/* ---- set-up ---------------------------------------------------------------- */

/* Finds the value index of each name on instances of type, using a probe
 * instance. 1: all found; 0: this type must be reached through the public API
 * (never an exception). */
int fory_inline_probe(ForyState *st, PyTypeObject *type, PyObject *const *names, Py_ssize_t n, uint8_t *index);

/* Self-test of the private layout; sets st->inline_values_ok. -1 on exception. */
int fory_inline_self_test(ForyState *st);

/* Offset of a plain __slots__ member called name, 0 when there is none that may
 * be loaded directly. */
Py_ssize_t fory_slot_offset(PyTypeObject *type, PyObject *name);

/* 1 when instances of type find `name` in their own storage first. */
int fory_plain_attribute(PyTypeObject *type, PyObject *name);

#endif /* FORY_OBJECT_LAYOUT_H */
