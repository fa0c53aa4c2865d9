/* Values of the builtin types, written where they are met.
 *
 * Nobody can replace how str, int, float, bool and None travel, so a look at the
 * class is enough: no type map, no codec. What is written here runs no Python
 * code, and is put together through a pointer in a register. Not under the hooks of
 * a Pickler, which are asked about every value. */
#ifndef FORY_NATIVE_PLAIN_H
#define FORY_NATIVE_PLAIN_H

#include "native/native.h"

#include "codecs/plain.h"
#include "runtime/object_layout.h"

/* What fory_native_put_plain needs behind *p: short text, and what is copied behind it. */
#define FORY_NATIVE_PLAIN_ROOM (1 + FORY_N_STR_COUNT + 8)

/* At least that room behind p; the place may move. NULL without memory. */
FORY_INLINE uint8_t *
fory_native_plain_room(ForyWriteCtx *w, uint8_t *p, size_t size)
{
    if (FORY_UNLIKELY((size_t)(w->out.end - p) < size)) {
        w->out.pos = p;
        if (fory_room(w, size) < 0) {
            return NULL;
        }
        p = w->out.pos;
    }
    return p;
}

/* The n characters of a compact ASCII str, FORY_N_STR_COUNT at most; so much is overwritten, and eight bytes. */
FORY_INLINE void
fory_native_copy_text(uint8_t *p, PyObject *v, size_t n)
{
#if defined(__SIZEOF_INT128__) && !FORY_BIG_ENDIAN
    if (n <= 16) {
        /* the sixteen bytes before the end of the text lie within the object: what is not
         * text is shifted out. How long names and words are cannot be predicted: no branch */
        unsigned __int128 x;
        memcpy(&x, (const uint8_t *)((PyASCIIObject *)v + 1) + n - 16, 16);
        x >>= (128 - 8 * n) & 127;
        memcpy(p, &x, 16);
        return;
    }
#endif
    fory_copy_text(p, v, n);
}

/* A str that an unfinished object hands out as a part of its own state cannot be met
 * again: it is held by the object, which only one owner holds, and by a tuple made for this
 * message. `near` is the attribute that is looked at first. */
FORY_INLINE int
fory_native_is_own(PyObject *owner, PyObject *v, size_t near)
{
#if FORY_INLINE_VALUES
    /* two: the owner's owner, and the writer that holds it */
    return owner != NULL && Py_REFCNT(v) == 2 && Py_REFCNT(owner) == 2 && fory_inline_holds(owner, v, near);
#else
    (void)owner;
    (void)v;
    (void)near;
    return 0;
#endif
}

/* v at *p when it is a short text, an int of 60 bits, a float, bool or None: 1; 0 and nothing
 * written for what its writer must see to; -1.
 * parts: of an owner, whose inline values v may come from (fory_native_is_own), or NULL; most are. */
FORY_INLINE int
fory_native_put_part(ForyWriteCtx *w, PyObject *v, int parts, PyObject *owner, size_t near, uint8_t **p)
{
    PyTypeObject *type = Py_TYPE(v);
    if (type == &PyUnicode_Type) {
        size_t n = (size_t)PyUnicode_GET_LENGTH(v);
        if (FORY_UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(v)) || FORY_UNLIKELY(n >= FORY_N_STR_COUNT)) {
            return 0;
        }
        if (n > 1 && fory_native_is_held(w, v) && !(parts && fory_native_is_own(owner, v, near))) {
            int rc = parts ? fory_native_ref_away(w, v, p) : fory_native_ref_at(w, v, p);
            if (rc != 0) {
                return rc;
            }
        }
        **p = (uint8_t)(FORY_N_STR + n);
        fory_native_copy_text(*p + 1, v, n);
        *p += 1 + n;
        return 1;
    }
    if (type == &PyLong_Type) {
        fory_writer out = {*p, NULL, NULL, NULL};
        int64_t n;
        if (FORY_UNLIKELY(!fory_small_int(v, &n))) {
            return 0;
        }
        fory_native_put_int(&out, n);
        *p = out.pos;
        return 1;
    }
    if (type == &PyFloat_Type) {
        fory_writer out = {*p, NULL, NULL, NULL};
        fory_native_put_float(&out, PyFloat_AS_DOUBLE(v));
        *p = out.pos;
        return 1;
    }
    if (v == Py_None) {
        *(*p)++ = FORY_N_NONE;
        return 1;
    }
    if (type == &PyBool_Type) {
        /* an int of 0 or 1: which cannot be predicted */
        int64_t n = 0;
        (void)fory_small_int(v, &n);
        *(*p)++ = (uint8_t)(FORY_N_FALSE + n);
        return 1;
    }
    return 0;
}

FORY_INLINE int
fory_native_put_plain(ForyWriteCtx *w, PyObject *v, uint8_t **p)
{
    return fory_native_put_part(w, v, 0, NULL, 0, p);
}

/* Any value that fory_native_put_plain has not taken: the containers without the type map. */
FORY_INLINE int
fory_native_write_other(ForyWriteCtx *w, PyObject *v)
{
    PyTypeObject *type = Py_TYPE(v);
    if (FORY_LIKELY(!w->native->hooked)) {
        if (type == &PyDict_Type) {
            return fory_native_write_dict(w, NULL, v);
        }
        if (type == &PyList_Type) {
            return fory_native_write_list(w, NULL, v);
        }
        if (type == &PyTuple_Type) {
            return fory_native_write_tuple(w, NULL, v);
        }
    }
    return fory_native_write(w, v);
}

#endif /* FORY_NATIVE_PLAIN_H */
