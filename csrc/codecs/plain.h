/* Values of the builtin types in undeclared positions, written and read where they are met.
 *
 * What containers hold is mostly str, int, float, bool, None, list and dict. In xlang
 * mode nobody can replace how those travel, so that a look at the class is enough:
 * no type map, no codec, and room is asked for once per value. What is written here
 * runs no Python code and cannot fail but for want of memory; everything else is
 * left to the codecs. */
#ifndef FORY_PLAIN_H
#define FORY_PLAIN_H

#include "codecs/codecs.h"

/* Type id of exactly these classes; 0 for others, and for None. */
FORY_INLINE unsigned
fory_plain_id(PyTypeObject *type)
{
    if (type == &PyUnicode_Type) return FORY_STRING;
    if (type == &PyLong_Type) return FORY_VARINT64;
    if (type == &PyFloat_Type) return FORY_FLOAT64;
    if (type == &PyBool_Type) return FORY_BOOL;
    if (type == &PyDict_Type) return FORY_MAP;
    if (type == &PyList_Type) return FORY_LIST;
    return 0;
}

/* Longest text that is written in line. */
enum { FORY_PLAIN_TEXT = 1024 };

/* 1 when v is such a text: fory_put_text may write it. */
FORY_INLINE int
fory_is_plain_text(PyObject *v)
{
    return FORY_LIKELY(PyUnicode_IS_COMPACT_ASCII(v)) && FORY_LIKELY(PyUnicode_GET_LENGTH(v) <= FORY_PLAIN_TEXT);
}

/* Room that fory_put_text and fory_put_plain need: they write up to eight bytes behind the value. */
FORY_INLINE size_t
fory_plain_room(unsigned id, PyObject *v)
{
    return 24 + (id == FORY_STRING ? (size_t)PyUnicode_GET_LENGTH(v) : 0);
}

/* The n characters of a compact ASCII str; overwrites up to eight bytes in any case. */
FORY_INLINE void
fory_copy_text(uint8_t *p, PyObject *v, size_t n)
{
    const uint8_t *text = (const uint8_t *)((PyASCIIObject *)v + 1);
#if !FORY_BIG_ENDIAN
    if (n <= 8) {
        /* the eight bytes before the end of the text lie within the object: what
         * is not text is shifted out */
        fory_store64(p, fory_load64(text + n - 8) >> (64 - 8 * n) % 64);
        return;
    }
#endif
    if (n <= 16) {
        fory_copy_short(p, text, n);
    }
    else if (n <= 32) {
        memcpy(p, text, 16);
        memcpy(p + n - 16, text + n - 16, 16);
    }
    else {
        /* not by memcpy: the compiler knows the limit, and takes string instructions */
        for (size_t i = 0; i + 32 < n; i += 32) {
            memcpy(p + i, text + i, 32);
        }
        memcpy(p + n - 32, text + n - 32, 32);
    }
}

/* Header and characters of a plain text; the new end. */
FORY_INLINE uint8_t *
fory_put_text(uint8_t *p, PyObject *v)
{
    size_t n = (size_t)PyUnicode_GET_LENGTH(v);
    if (FORY_LIKELY(n < 32)) {
        *p++ = (uint8_t)(n << 2);
    }
    else {
        fory_store16(p, (uint16_t)((n << 2 & 0x7f) | 0x80 | n << 2 >> 7 << 8));
        p += 2;
    }
    fory_copy_text(p, v, n);
    return p + n;
}

/* Body of an int, float or bool, of nine bytes at most; the new end, or NULL when its
 * codec must see to it. */
FORY_INLINE uint8_t *
fory_put_number(uint8_t *p, unsigned id, PyObject *v)
{
    if (id == FORY_FLOAT64) {
        double d = PyFloat_AS_DOUBLE(v);
        uint64_t bits;
        memcpy(&bits, &d, 8);
        fory_store64(p, bits);
        return p + 8;
    }
    if (id == FORY_VARINT64) {
        fory_writer out = {p, NULL, NULL, NULL};
        int64_t n;
        if (FORY_UNLIKELY(!fory_small_int(v, &n))) {
            return NULL;
        }
        fory_put_vi64(&out, n);
        return out.pos;
    }
    *p = v == Py_True;
    return p + 1;
}

/* The same of any scalar. */
FORY_INLINE uint8_t *
fory_put_plain(uint8_t *p, unsigned id, PyObject *v)
{
    if (id == FORY_STRING) {
        return fory_is_plain_text(v) ? fory_put_text(p, v) : NULL;
    }
    return fory_put_number(p, id, v);
}

/* Body of a value without a reference id: the common scalars in line. New reference. */
FORY_INLINE PyObject *
fory_read_plain(ForyReadCtx *r, const ForyCodec *codec)
{
    const ForyState *st = r->st;
    uint64_t bits;
    double d;
    if (codec == &st->codecs[FORY_STRING]) {
        return fory_read_str(r);
    }
    if (codec == &st->codecs[FORY_VARINT64]) {
        if (FORY_LIKELY(r->in.pos < r->in.end) && *r->in.pos < 0x80 && st->small_ints[*r->in.pos] != NULL) {
            return Py_NewRef(st->small_ints[*r->in.pos++]);
        }
    }
    else if (codec == &st->codecs[FORY_FLOAT64]) {
        if (FORY_LIKELY(fory_left(&r->in) >= 8)) {
            bits = fory_load64(r->in.pos);
            r->in.pos += 8;
            memcpy(&d, &bits, 8);
            return PyFloat_FromDouble(d);
        }
    }
    return codec->read(r, codec);
}

/* Bytes of the two parts, in one object of just their size. New reference. */
FORY_INLINE PyObject *
fory_new_message(const uint8_t *head, size_t head_size, const void *body, size_t size)
{
    PyObject *message = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(head_size + size));
    if (FORY_LIKELY(message != NULL)) {
        uint8_t *p = (uint8_t *)PyBytes_AS_STRING(message);
        fory_copy_short(p, head, head_size);
        fory_copy_short(p + head_size, body, size);
    }
    return message;
}

/* Bodies of an exact list and an exact dict. 0 / -1. */
int fory_write_list(ForyWriteCtx *w, PyObject *v);
int fory_write_dict(ForyWriteCtx *w, PyObject *v);

#endif /* FORY_PLAIN_H */
