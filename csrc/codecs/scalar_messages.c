/* Messages of one scalar or few strings in xlang mode, made and taken apart without a context: setting
 * one up and down again is most of what such a call costs. Whatever is not plain (wide
 * text, ints of more than 60 bits, damaged input, options) goes the general way, which
 * says the same of the same bytes. */
#include "codecs/plain.h"

#include "runtime/large.h"

/* header, flag and type id */
enum { PREFIX = 3 };

int
fory_write_scalar_message(const ForyEngine *e, PyObject *v, PyObject **message)
{
    unsigned id = fory_plain_id(Py_TYPE(v));
    uint8_t head[PREFIX + 30], *p;
    fory_writer out = {head + PREFIX, NULL, NULL, NULL};
    size_t n;
    if (id >= FORY_LIST || (id == 0 && !PyBytes_CheckExact(v))) {
        return 0;
    }
    head[0] = 1;
    head[1] = e->track_ref ? FORY_FLAG_REF_VALUE : FORY_FLAG_NOT_NULL;
    head[2] = (uint8_t)id;
    if (id == FORY_STRING) {
        n = (size_t)PyUnicode_GET_LENGTH(v);
        if (FORY_UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(v) || n >= FORY_LARGE)) {
            return 0;
        }
        fory_put_vu64(&out, (uint64_t)n << 2);
        *message = fory_new_message(head, (size_t)(out.pos - head), PyUnicode_1BYTE_DATA(v), n);
        return 1;
    }
    if (id == 0) {
        n = (size_t)PyBytes_GET_SIZE(v);
        if (FORY_UNLIKELY(n >= FORY_LARGE)) {
            return 0;
        }
        head[2] = FORY_BINARY;
        fory_put_vu64(&out, n);
        *message = fory_new_message(head, (size_t)(out.pos - head), PyBytes_AS_STRING(v), n);
        return 1;
    }
    p = fory_put_number(head + PREFIX, id, v);
    if (FORY_UNLIKELY(p == NULL)) {
        return 0;
    }
    *message = fory_new_message(head, (size_t)(p - head), NULL, 0);
    return 1;
}

/* A list of so many strings at most, of so many characters. */
enum { FEW_TEXTS = 4, MOST_TEXT = 120 };

int
fory_write_texts_message(ForyEngine *e, PyObject *v, PyObject **message)
{
    uint8_t buffer[PREFIX + 3 + FEW_TEXTS * (MOST_TEXT + 2) + 8], *p = buffer;
    Py_ssize_t n;
    if (!PyList_CheckExact(v) || e->track_ref || FORY_UNLIKELY(e->max_depth < 1)) {
        return 0;
    }
    n = PyList_GET_SIZE(v);
    if (n == 0 || n > FEW_TEXTS) {
        return 0;
    }
    /* header, flag, list; number of elements, all of one type, str */
    fory_store64(p, UINT64_C(1) | FORY_FLAG_NOT_NULL << 8 | FORY_LIST << 16 | (uint64_t)n << 24 |
                        (uint64_t)FORY_ITEMS_SAME_TYPE << 32 | (uint64_t)FORY_STRING << 40);
    p += PREFIX + 3;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *text = PyList_GET_ITEM(v, i);
        if (!PyUnicode_CheckExact(text) || FORY_UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(text)) ||
            FORY_UNLIKELY(PyUnicode_GET_LENGTH(text) > MOST_TEXT)) {
            return 0;
        }
        p = fory_put_text(p, text);
    }
    *message = PyBytes_FromStringAndSize((const char *)buffer, p - buffer);
    return 1;
}

int
fory_read_scalar_message(const ForyEngine *e, const uint8_t *data, size_t size, PyObject **value)
{
    fory_reader in = {data + PREFIX, data + size, data, NULL};
    uint64_t n;
    uint32_t size32;
    int64_t i;
    double d;
    if (size <= PREFIX || data[0] != 1 || (data[1] != FORY_FLAG_NOT_NULL && data[1] != FORY_FLAG_REF_VALUE)) {
        return 0;
    }
    switch (data[2]) {
    case FORY_VARINT64:
        if (FORY_LIKELY(*in.pos < 0x80) && e->st->small_ints[*in.pos] != NULL) {
            *value = Py_NewRef(e->st->small_ints[*in.pos]);
            return 1;
        }
        if (FORY_UNLIKELY(fory_get_vi64(&in, &i) != FORY_OK)) {
            return 0;
        }
        *value = PyLong_FromLongLong(i);
        return 1;
    case FORY_FLOAT64:
        if (FORY_UNLIKELY(fory_get_u64(&in, &n) != FORY_OK)) {
            return 0;
        }
        memcpy(&d, &n, 8);
        *value = PyFloat_FromDouble(d);
        return 1;
    case FORY_BOOL:
        *value = Py_NewRef(*in.pos ? Py_True : Py_False);
        return 1;
    case FORY_STRING:
        /* one byte per character, or UTF-8 that may be ASCII */
        if (fory_get_vu64(&in, &n) != FORY_OK || (n & 1) || n >> 2 > fory_left(&in) || n >> 2 >= FORY_LARGE) {
            return 0;
        }
        n >>= 2;
        if (n < 2 || !fory_is_ascii(e->st, in.pos, (size_t)n)) {
            return 0;
        }
        *value = PyUnicode_New((Py_ssize_t)n, 127);
        if (FORY_LIKELY(*value != NULL)) {
            fory_copy_short(PyUnicode_1BYTE_DATA(*value), in.pos, (size_t)n);
        }
        return 1;
    case FORY_BINARY:
        if (fory_get_vu32(&in, &size32) != FORY_OK || size32 > fory_left(&in) || size32 >= FORY_LARGE) {
            return 0;
        }
        *value = PyBytes_FromStringAndSize((const char *)in.pos, (Py_ssize_t)size32);
        return 1;
    default:
        return 0;
    }
}
