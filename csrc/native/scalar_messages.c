/* Messages of one scalar in native mode, without a context: see codecs/scalar_messages.c. */
#include "native/native.h"

#include "codecs/plain.h"

/* One of those that copyreg's table replaces has another codec, and a table that has
 * changed since classes were compared with it must be looked at first. */
static int
is_own(const ForyEngine *e, PyTypeObject *type, unsigned id)
{
    const ForyTypeEntry *entry = fory_entry_find((ForyEngine *)e, type);
    if (FORY_UNLIKELY(entry == NULL) || FORY_UNLIKELY(fory_native_reducers_now(e->native) != e->native->reducers_seen)) {
        return 0;
    }
    switch (id) {
    case FORY_VARINT64:
        return entry->codec->write == fory_native_write_int;
    case FORY_FLOAT64:
        return entry->codec->write == fory_native_write_float;
    case FORY_STRING:
        return entry->codec->write == fory_native_write_str;
    case 0:
        return entry->codec->write == fory_native_write_bytes;
    default:
        return 0;
    }
}

int
fory_native_write_scalar_message(const ForyEngine *e, PyObject *v, PyObject **message)
{
    unsigned id = fory_plain_id(Py_TYPE(v));
    uint8_t head[33] = {FORY_NATIVE_VERSION << FORY_ROOT_VERSION_SHIFT};
    fory_writer out = {head + 1, NULL, NULL, NULL};
    const void *body = NULL;
    size_t size = 0;
    int64_t n;
    if (id >= FORY_LIST || (id == 0 && !PyBytes_CheckExact(v)) || !is_own(e, Py_TYPE(v), id)) {
        return 0;
    }
    switch (id) {
    case FORY_VARINT64:
        if (FORY_UNLIKELY(!fory_small_int(v, &n))) {
            return 0;
        }
        fory_native_put_int(&out, n);
        break;
    case FORY_FLOAT64:
        fory_native_put_float(&out, PyFloat_AS_DOUBLE(v));
        break;
    case FORY_STRING:
        size = (size_t)PyUnicode_GET_LENGTH(v);
        if (FORY_UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(v) || size >= FORY_LARGE)) {
            return 0;
        }
        body = PyUnicode_1BYTE_DATA(v);
        if (size < FORY_N_STR_COUNT) {
            fory_put_u8(&out, (uint8_t)(FORY_N_STR + size));
        }
        else {
            fory_put_u8(&out, FORY_N_STR_1);
            fory_put_vu64(&out, size);
        }
        break;
    default:
        size = (size_t)PyBytes_GET_SIZE(v);
        if (FORY_UNLIKELY(size >= FORY_LARGE)) {
            return 0;
        }
        body = PyBytes_AS_STRING(v);
        fory_put_u8(&out, FORY_N_BYTES);
        fory_put_vu64(&out, size);
        break;
    }
    *message = fory_new_message(head, (size_t)(out.pos - head), body, size);
    return 1;
}

static int
read_text(const ForyEngine *e, const fory_reader *in, uint64_t n, PyObject **value)
{
    if (n > fory_left(in) || n < 2 || n >= FORY_LARGE || !fory_is_ascii(e->st, in->pos, (size_t)n)) {
        return 0;
    }
    *value = PyUnicode_New((Py_ssize_t)n, 127);
    if (FORY_LIKELY(*value != NULL)) {
        fory_copy_short(PyUnicode_1BYTE_DATA(*value), in->pos, (size_t)n);
    }
    return 1;
}

int
fory_native_read_scalar_message(const ForyEngine *e, const uint8_t *data, size_t size, PyObject **value)
{
    fory_reader in = {data + 2, data + size, data, NULL};
    uint64_t n, z;
    uint32_t half;
    float f;
    double d;
    uint8_t tag;
    if (size < 2 || data[0] != FORY_NATIVE_VERSION << FORY_ROOT_VERSION_SHIFT) {
        return 0;
    }
    tag = data[1];
    if (tag < FORY_N_STR) {
        z = fory_zigzag64((int64_t)tag - FORY_N_INT + FORY_N_INT_MIN);
        *value = z < 128 && e->st->small_ints[z] != NULL ? Py_NewRef(e->st->small_ints[z])
                                                          : PyLong_FromLong((long)tag - FORY_N_INT + FORY_N_INT_MIN);
        return 1;
    }
    if (tag < FORY_N_STR + FORY_N_STR_COUNT) {
        return read_text(e, &in, tag - FORY_N_STR, value);
    }
    switch (tag) {
    case FORY_N_FLOAT:
        if (fory_get_u64(&in, &n) != FORY_OK) {
            return 0;
        }
        memcpy(&d, &n, 8);
        *value = PyFloat_FromDouble(d);
        return 1;
    case FORY_N_FLOAT_32:
        if (fory_get_u32(&in, &half) != FORY_OK) {
            return 0;
        }
        memcpy(&f, &half, 4);
        *value = PyFloat_FromDouble((double)f);
        return 1;
    case FORY_N_STR_1:
        return fory_get_vu64(&in, &n) == FORY_OK && read_text(e, &in, n, value);
    case FORY_N_BYTES:
        if (fory_get_vu64(&in, &n) != FORY_OK || n > fory_left(&in) || n >= FORY_LARGE) {
            return 0;
        }
        *value = PyBytes_FromStringAndSize((const char *)in.pos, (Py_ssize_t)n);
        return 1;
    default:
        return 0;
    }
}
