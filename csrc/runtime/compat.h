/* Differences between CPython 3.8 and 3.14, each shimmed in one place. */
#ifndef FORY_COMPAT_H
#define FORY_COMPAT_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#if PY_VERSION_HEX < 0x03090000
static inline int
PyModule_AddType(PyObject *module, PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');
    Py_INCREF(type);
    if (PyModule_AddObject(module, dot ? dot + 1 : type->tp_name, (PyObject *)type) < 0) {
        Py_DECREF(type);
        return -1;
    }
    return 0;
}
#define Py_IS_TYPE(o, t) (Py_TYPE(o) == (t))
#define Py_SET_SIZE(o, n) (Py_SIZE(o) = (n))
#define Py_SET_REFCNT(o, n) (Py_REFCNT(o) = (n))
#define PyObject_CallNoArgs(f) PyObject_CallObject((f), NULL)
#define PyObject_CallOneArg(f, a) PyObject_CallFunctionObjArgs((f), (a), NULL)
#define PyObject_Vectorcall _PyObject_Vectorcall
#endif

#if PY_VERSION_HEX < 0x030A0000
#define PySet_CheckExact(o) (Py_TYPE(o) == &PySet_Type)

static inline PyObject *
Py_NewRef(PyObject *o)
{
    Py_INCREF(o);
    return o;
}
static inline PyObject *
Py_XNewRef(PyObject *o)
{
    Py_XINCREF(o);
    return o;
}
static inline int
PyModule_AddObjectRef(PyObject *module, const char *name, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    Py_INCREF(value);
    if (PyModule_AddObject(module, name, value) < 0) {
        Py_DECREF(value);
        return -1;
    }
    return 0;
}
#endif

#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define FORY_T_OBJECT_EX T_OBJECT_EX
#define FORY_T_PYSSIZET T_PYSSIZET
#define FORY_READONLY READONLY
#else
#define FORY_T_OBJECT_EX Py_T_OBJECT_EX
#define FORY_T_PYSSIZET Py_T_PYSSIZET
#define FORY_READONLY Py_READONLY
#endif

#if PY_VERSION_HEX < 0x030C0000
/* 3.12 made legacy strings impossible */
#define FORY_UNICODE_READY(u) PyUnicode_READY(u)
#else
#define FORY_UNICODE_READY(u) ((void)(u), 0)
#endif

/* A dict with room for n entries: growing one rehashes it again and again.
 * Exported by all versions, declared by those before 3.13. */
#if PY_VERSION_HEX >= 0x030D0000
PyAPI_FUNC(PyObject *) _PyDict_NewPresized(Py_ssize_t n);
#endif
static inline PyObject *
fory_dict_new(Py_ssize_t n)
{
    return n > 5 ? _PyDict_NewPresized(n) : PyDict_New();
}

/* A number that another one replaces whenever the dict changes; 0 where there is none. */
static inline uint64_t
fory_dict_version(PyObject *dict)
{
#if PY_VERSION_HEX < 0x030C0000 && !defined(PYPY_VERSION)
    return ((PyDictObject *)dict)->ma_version_tag;
#else
    (void)dict;
    return 0;
#endif
}

/* The elements of an exact set or frozenset of n in the order of iteration, borrowed.
 * Returns how many there are; -1 where the table cannot be looked at. The
 * interpreter's iterator branches on every entry and touches one object after the
 * other, anywhere in memory. */
static inline Py_ssize_t
fory_set_borrow(PyObject *set, PyObject **items, Py_ssize_t n)
{
#if defined(Py_GIL_DISABLED) || defined(PYPY_VERSION)
    (void)set;
    (void)items;
    (void)n;
    return -1;
#else
    const setentry *entry = ((PySetObject *)set)->table, *end = entry + ((PySetObject *)set)->mask + 1;
    Py_ssize_t seen = 0;
    for (; seen < n && entry < end; entry++) {
        /* what was removed has this hash, and nothing else has */
        items[seen] = entry->key;
        seen += (entry->key != NULL) & (entry->hash != -1);
    }
    return seen;
#endif
}

/* The same as a tuple. */
static inline PyObject *
fory_set_tuple(PyObject *set)
{
    Py_ssize_t n = PySet_GET_SIZE(set), seen;
    PyObject *tuple = PyTuple_New(n); /* may run finalizers: the set is looked at behind it */
    if (tuple == NULL) {
        return NULL;
    }
    PyObject **items = ((PyTupleObject *)tuple)->ob_item;
    seen = PySet_GET_SIZE(set) == n ? fory_set_borrow(set, items, n) : -1;
    for (Py_ssize_t i = 0; i < seen; i++) {
#if defined(__GNUC__) || defined(__clang__)
        __builtin_prefetch(items[i + 16 < seen ? i + 16 : i], 1);
#endif
        Py_INCREF(items[i]);
    }
    if (seen == n) {
        return tuple;
    }
    for (Py_ssize_t i = seen < 0 ? 0 : seen; i < n; i++) {
        items[i] = NULL;
    }
    Py_DECREF(tuple);
    return PySequence_Tuple(set);
}

/* n pointers to True and False become references, by one addition each for the two. */
static inline void
fory_hold_bools(PyObject *const *items, size_t n)
{
#if PY_VERSION_HEX >= 0x030C0000 || defined(Py_REF_DEBUG)
    for (size_t i = 0; i < n; i++) {
        Py_INCREF(items[i]);
    }
#else
    size_t trues = 0;
    for (size_t i = 0; i < n; i++) {
        trues += items[i] == Py_True;
    }
    Py_SET_REFCNT(Py_True, Py_REFCNT(Py_True) + (Py_ssize_t)trues);
    Py_SET_REFCNT(Py_False, Py_REFCNT(Py_False) + (Py_ssize_t)(n - trues));
#endif
}

/* Bytes that surely hold an int in two's complement, and the conversions; little-endian. */
#if PY_VERSION_HEX >= 0x030D0000
#define FORY_LONG_BYTES Py_ASNATIVEBYTES_LITTLE_ENDIAN
static inline size_t
fory_long_bound(PyObject *v)
{
    return (size_t)PyLong_AsNativeBytes(v, NULL, 0, FORY_LONG_BYTES);
}
static inline int
fory_long_to_bytes(PyObject *v, unsigned char *out, size_t n)
{
    return PyLong_AsNativeBytes(v, out, (Py_ssize_t)n, FORY_LONG_BYTES) < 0 ? -1 : 0;
}
static inline PyObject *
fory_long_from_bytes(const unsigned char *data, size_t n)
{
    return PyLong_FromNativeBytes(data, n, FORY_LONG_BYTES);
}
#else
static inline size_t
fory_long_bound(PyObject *v)
{
    return _PyLong_NumBits(v) / 8 + 1;
}
static inline int
fory_long_to_bytes(PyObject *v, unsigned char *out, size_t n)
{
    return _PyLong_AsByteArray((PyLongObject *)v, out, n, 1, 1);
}
static inline PyObject *
fory_long_from_bytes(const unsigned char *data, size_t n)
{
    return _PyLong_FromByteArray(data, n, 1, 1);
}
#endif

#endif /* FORY_COMPAT_H */
