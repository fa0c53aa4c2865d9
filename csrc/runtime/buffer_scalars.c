/* pyfory.Buffer: typed access, at the indices and at given offsets. */
#include "runtime/buffer.h"

/* ---- fixed-width values -------------------------------------------------- */

enum fixed_kind { K_BOOL, K_INT8, K_UINT8, K_INT16, K_UINT16, K_INT24, K_INT32, K_UINT32, K_INT64, K_UINT64, K_FLOAT,
                  K_DOUBLE };

FORY_INLINE int
width_of(enum fixed_kind kind)
{
    switch (kind) {
    case K_BOOL: case K_INT8: case K_UINT8:
        return 1;
    case K_INT16: case K_UINT16:
        return 2;
    case K_INT24:
        return 3;
    case K_INT32: case K_UINT32: case K_FLOAT:
        return 4;
    default:
        return 8;
    }
}

static int
out_of_range(ForyBuffer *self, const char *type, const char *range)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        fory_raise(st, FORY_E_OVERFLOW, "value out of range for %s: %s", type, range);
    }
    return -1;
}

int
fory_buffer_wrong_type(ForyBuffer *self, PyObject *value, const char *wanted)
{
    ForyState *st;
    PyErr_Clear();
    st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        fory_raise(st, FORY_E_TYPE, "%s expected, not %.200s", wanted, Py_TYPE(value)->tp_name);
    }
    return -1;
}

/* An int of [low, high]; anything with __index__ counts as one. */
static int
int64_in(ForyBuffer *self, PyObject *value, int64_t low, int64_t high, const char *type, const char *range,
         int64_t *out)
{
    PyObject *number = NULL;
    int overflow;

    if (!PyLong_Check(value)) {
        if (!PyIndex_Check(value)) {
            return fory_buffer_wrong_type(self, value, "int");
        }
        number = PyNumber_Index(value);
        if (number == NULL) {
            return -1;
        }
        value = number;
    }
    *out = PyLong_AsLongLongAndOverflow(value, &overflow);
    Py_XDECREF(number);
    if (FORY_UNLIKELY(overflow || *out < low || *out > high)) {
        return out_of_range(self, type, range);
    }
    return 0;
}

static int
uint64_in(ForyBuffer *self, PyObject *value, const char *type, uint64_t *out)
{
    PyObject *number;
    if (!PyIndex_Check(value)) {
        return fory_buffer_wrong_type(self, value, "int");
    }
    number = PyNumber_Index(value);
    if (number == NULL) {
        return -1;
    }
    *out = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    if (*out == (uint64_t)-1 && PyErr_Occurred()) {
        PyErr_Clear();
        return out_of_range(self, type, "[0, 18446744073709551615]");
    }
    return 0;
}

static int
double_in(ForyBuffer *self, PyObject *value, double *out)
{
    if (FORY_LIKELY(PyFloat_Check(value))) {
        *out = PyFloat_AS_DOUBLE(value);
        return 0;
    }
    *out = PyFloat_AsDouble(value);
    if (*out == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            return fory_buffer_wrong_type(self, value, "float");
        }
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            return out_of_range(self, "float", "that of float64");
        }
        return -1;
    }
    return 0;
}

static int
encode_fixed(ForyBuffer *self, enum fixed_kind kind, PyObject *value, uint8_t out[8])
{
    int64_t i;
    uint64_t u;
    double d;
    float f;
    uint32_t bits;
    int truth;

#define INT_IN(low, high, type, range) int64_in(self, value, low, high, type, range, &i)
    switch (kind) {
    case K_BOOL:
        truth = PyObject_IsTrue(value);
        if (truth < 0) {
            return -1;
        }
        out[0] = (uint8_t)truth;
        return 0;
    case K_INT8:
        if (INT_IN(INT8_MIN, INT8_MAX, "int8", "[-128, 127]") < 0) {
            return -1;
        }
        out[0] = (uint8_t)i;
        return 0;
    case K_UINT8:
        if (INT_IN(0, UINT8_MAX, "uint8", "[0, 255]") < 0) {
            return -1;
        }
        out[0] = (uint8_t)i;
        return 0;
    case K_INT16:
        if (INT_IN(INT16_MIN, INT16_MAX, "int16", "[-32768, 32767]") < 0) {
            return -1;
        }
        fory_store16(out, (uint16_t)i);
        return 0;
    case K_UINT16:
        if (INT_IN(0, UINT16_MAX, "uint16", "[0, 65535]") < 0) {
            return -1;
        }
        fory_store16(out, (uint16_t)i);
        return 0;
    case K_INT24:
        if (INT_IN(-8388608, 8388607, "int24", "[-8388608, 8388607]") < 0) {
            return -1;
        }
        fory_store16(out, (uint16_t)i);
        out[2] = (uint8_t)((uint64_t)i >> 16);
        return 0;
    case K_INT32:
        if (INT_IN(INT32_MIN, INT32_MAX, "int32", "[-2147483648, 2147483647]") < 0) {
            return -1;
        }
        fory_store32(out, (uint32_t)i);
        return 0;
    case K_UINT32:
        if (INT_IN(0, UINT32_MAX, "uint32", "[0, 4294967295]") < 0) {
            return -1;
        }
        fory_store32(out, (uint32_t)i);
        return 0;
    case K_INT64:
        if (INT_IN(INT64_MIN, INT64_MAX, "int64", "[-9223372036854775808, 9223372036854775807]") < 0) {
            return -1;
        }
        fory_store64(out, (uint64_t)i);
        return 0;
    case K_UINT64:
        if (uint64_in(self, value, "uint64", &u) < 0) {
            return -1;
        }
        fory_store64(out, u);
        return 0;
    case K_FLOAT:
        if (double_in(self, value, &d) < 0) {
            return -1;
        }
        f = (float)d;
        memcpy(&bits, &f, 4);
        fory_store32(out, bits);
        return 0;
    default:
        if (double_in(self, value, &d) < 0) {
            return -1;
        }
        memcpy(&u, &d, 8);
        fory_store64(out, u);
        return 0;
    }
#undef INT_IN
}

static PyObject *
decode_fixed(enum fixed_kind kind, const uint8_t *p)
{
    uint32_t bits;
    uint64_t u;
    float f;
    double d;

    switch (kind) {
    case K_BOOL:
        return PyBool_FromLong(*p != 0);
    case K_INT8:
        return PyLong_FromLong((int8_t)*p);
    case K_UINT8:
        return PyLong_FromLong(*p);
    case K_INT16:
        return PyLong_FromLong((int16_t)fory_load16(p));
    case K_UINT16:
        return PyLong_FromLong(fory_load16(p));
    case K_INT24:
        return PyLong_FromLong((long)(int8_t)p[2] * 65536 + fory_load16(p));
    case K_INT32:
        return PyLong_FromLong((int32_t)fory_load32(p));
    case K_UINT32:
        return PyLong_FromUnsignedLong(fory_load32(p));
    case K_INT64:
        return PyLong_FromLongLong((int64_t)fory_load64(p));
    case K_UINT64:
        return PyLong_FromUnsignedLongLong(fory_load64(p));
    case K_FLOAT:
        bits = fory_load32(p);
        memcpy(&f, &bits, 4);
        return PyFloat_FromDouble(f);
    default:
        u = fory_load64(p);
        memcpy(&d, &u, 8);
        return PyFloat_FromDouble(d);
    }
}

static PyObject *
write_fixed(PyObject *op, PyObject *value, enum fixed_kind kind)
{
    ForyBuffer *self = (ForyBuffer *)op;
    uint8_t bytes[8], *p;
    int width = width_of(kind);

    /* first the value: an __index__ may do anything with this buffer */
    if (encode_fixed(self, kind, value, bytes) < 0 || (p = fory_buffer_room(self, width)) == NULL) {
        return NULL;
    }
    memcpy(p, bytes, (size_t)width);
    self->writer += width;
    Py_RETURN_NONE;
}

static PyObject *
read_fixed(PyObject *op, enum fixed_kind kind)
{
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *value;
    if (fory_buffer_need(self, width_of(kind)) < 0) {
        return NULL;
    }
    value = decode_fixed(kind, self->data + self->reader);
    if (value != NULL) {
        self->reader += width_of(kind);
    }
    return value;
}

static PyObject *
put_fixed(PyObject *op, PyObject *args, enum fixed_kind kind)
{
    ForyBuffer *self = (ForyBuffer *)op;
    uint8_t bytes[8], *p;
    Py_ssize_t offset;
    PyObject *value;

    if (!PyArg_ParseTuple(args, "nO", &offset, &value) || encode_fixed(self, kind, value, bytes) < 0 ||
        (p = fory_buffer_at(self, offset, width_of(kind), 1)) == NULL) {
        return NULL;
    }
    memcpy(p, bytes, (size_t)width_of(kind));
    Py_RETURN_NONE;
}

static PyObject *
get_fixed(PyObject *op, PyObject *arg, enum fixed_kind kind)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t offset = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    uint8_t *p;
    if (offset == -1 && PyErr_Occurred()) {
        return NULL;
    }
    p = fory_buffer_at(self, offset, width_of(kind), 0);
    return p == NULL ? NULL : decode_fixed(kind, p);
}

#define FIXED_METHODS(name, kind)                                                                       \
    static PyObject *write_##name(PyObject *op, PyObject *value) { return write_fixed(op, value, kind); } \
    static PyObject *read_##name(PyObject *op, PyObject *unused)                                        \
    {                                                                                                   \
        (void)unused;                                                                                   \
        return read_fixed(op, kind);                                                                    \
    }                                                                                                   \
    static PyObject *put_##name(PyObject *op, PyObject *args) { return put_fixed(op, args, kind); }     \
    static PyObject *get_##name(PyObject *op, PyObject *offset) { return get_fixed(op, offset, kind); }

FIXED_METHODS(bool, K_BOOL)
FIXED_METHODS(int8, K_INT8)
FIXED_METHODS(uint8, K_UINT8)
FIXED_METHODS(int16, K_INT16)
FIXED_METHODS(uint16, K_UINT16)
FIXED_METHODS(int24, K_INT24)
FIXED_METHODS(int32, K_INT32)
FIXED_METHODS(uint32, K_UINT32)
FIXED_METHODS(int64, K_INT64)
FIXED_METHODS(uint64, K_UINT64)
FIXED_METHODS(float, K_FLOAT)
FIXED_METHODS(double, K_DOUBLE)

/* ---- varints ------------------------------------------------------------- */

static PyObject *
write_varint32(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    int64_t v = 0;
    if (int64_in(self, value, INT32_MIN, INT32_MAX, "varint32", "[-2147483648, 2147483647]", &v) < 0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_vi32(&w, (int32_t)v));
    return fory_buffer_write(self, bytes, n) < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
write_var_uint32(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    int64_t v = 0;
    if (int64_in(self, value, 0, UINT32_MAX, "var_uint32", "[0, 4294967295]", &v) < 0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_vu32(&w, (uint32_t)v));
    return fory_buffer_write(self, bytes, n) < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
write_varint64(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    int64_t v = 0;
    if (int64_in(self, value, INT64_MIN, INT64_MAX, "varint64", "[-9223372036854775808, 9223372036854775807]", &v) <
        0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_vi64(&w, v));
    return fory_buffer_write(self, bytes, n) < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
write_var_uint64(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    uint64_t v = 0;
    if (uint64_in(self, value, "var_uint64", &v) < 0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_vu64(&w, v));
    return fory_buffer_write(self, bytes, n) < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
write_tagged_int64(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    int64_t v = 0;
    if (int64_in(self, value, INT64_MIN, INT64_MAX, "tagged_int64", "[-9223372036854775808, 9223372036854775807]",
                 &v) < 0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_tagged_i64(&w, v));
    if (fory_buffer_write(self, bytes, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
write_tagged_uint64(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    uint64_t v = 0;
    if (uint64_in(self, value, "tagged_uint64", &v) < 0) {
        return NULL;
    }
    FORY_PUT_VARINT(bytes, n, fory_put_tagged_u64(&w, v));
    if (fory_buffer_write(self, bytes, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* What to do with the status of a reader that left r->pos where it was on
 * failure: 1 take the value, 0 try again with more of the stream, -1 error. */
static int
after_read(ForyBuffer *self, const fory_reader *r, int status)
{
    if (FORY_LIKELY(status == FORY_OK)) {
        self->reader += r->pos - r->start;
        return 1;
    }
    if (status == FORY_TRUNCATED) {
        return fory_buffer_fill(self, self->size - self->reader + 1) < 0 ? -1 : 0;
    }
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        fory_raise_wire(st, status);
    }
    return -1;
}

FORY_INLINE fory_reader
reader_of(ForyBuffer *self)
{
    fory_reader r;
    r.start = r.pos = self->data + self->reader;
    r.end = self->data + self->size;
    r.more = NULL;
    return r;
}

#define VARINT_READER(linkage, name, type, get)                     \
    linkage int fory_buffer_take_##name(ForyBuffer *self, type *out) \
    {                                                               \
        int rc;                                                     \
        do {                                                        \
            fory_reader r = reader_of(self);                        \
            int status = get(&r, out);                              \
            rc = after_read(self, &r, status);                      \
        } while (rc == 0);                                          \
        return rc < 0 ? -1 : 0;                                     \
    }

VARINT_READER(static, vi32, int32_t, fory_get_vi32)
VARINT_READER(extern, vu32, uint32_t, fory_get_vu32)
VARINT_READER(static, vi64, int64_t, fory_get_vi64)
VARINT_READER(extern, vu64, uint64_t, fory_get_vu64)
VARINT_READER(static, ti64, int64_t, fory_get_tagged_i64)
VARINT_READER(static, tu64, uint64_t, fory_get_tagged_u64)

#define VARINT_METHOD(method, take, type, make)                           \
    static PyObject *read_##method(PyObject *op, PyObject *unused)        \
    {                                                                     \
        type v = 0;                                                       \
        (void)unused;                                                     \
        return take((ForyBuffer *)op, &v) < 0 ? NULL : make(v);           \
    }

VARINT_METHOD(varint32, fory_buffer_take_vi32, int32_t, PyLong_FromLong)
VARINT_METHOD(var_uint32, fory_buffer_take_vu32, uint32_t, PyLong_FromUnsignedLong)
VARINT_METHOD(varint64, fory_buffer_take_vi64, int64_t, PyLong_FromLongLong)
VARINT_METHOD(var_uint64, fory_buffer_take_vu64, uint64_t, PyLong_FromUnsignedLongLong)
VARINT_METHOD(tagged_int64, fory_buffer_take_ti64, int64_t, PyLong_FromLongLong)
VARINT_METHOD(tagged_uint64, fory_buffer_take_tu64, uint64_t, PyLong_FromUnsignedLongLong)

/* ---- table ----------------------------------------------------------------- */

#define FIXED_ENTRIES(name, function, text)                                                                    \
    {"write_" name, write_##function, METH_O, "write_" name "($self, value, /)\n--\n\nWrite " text "."},                 \
    {"read_" name, read_##function, METH_NOARGS, "read_" name "($self)\n--\n\nRead " text "."},                     \
    {"put_" name, put_##function, METH_VARARGS, "put_" name "($self, offset, value, /)\n--\n\nWrite " text " at offset."}, \
    {"get_" name, get_##function, METH_O, "get_" name "($self, offset, /)\n--\n\nRead " text " at offset."}

#define VAR_ENTRIES(name, text)                                                                   \
    {"write_" #name, write_##name, METH_O, "write_" #name "($self, value, /)\n--\n\nWrite " text "."},       \
    {"read_" #name, read_##name, METH_NOARGS, "read_" #name "($self)\n--\n\nRead " text "."}

PyMethodDef fory_buffer_scalar_methods[] = {
    FIXED_ENTRIES("bool", bool, "one byte, 0 or 1"),
    FIXED_ENTRIES("int8", int8, "an 8-bit integer"),
    FIXED_ENTRIES("uint8", uint8, "an unsigned 8-bit integer"),
    FIXED_ENTRIES("int16", int16, "a 16-bit integer"),
    FIXED_ENTRIES("uint16", uint16, "an unsigned 16-bit integer"),
    FIXED_ENTRIES("int24", int24, "a 24-bit integer"),
    FIXED_ENTRIES("int32", int32, "a 32-bit integer"),
    FIXED_ENTRIES("uint32", uint32, "an unsigned 32-bit integer"),
    FIXED_ENTRIES("int64", int64, "a 64-bit integer"),
    FIXED_ENTRIES("uint64", uint64, "an unsigned 64-bit integer"),
    FIXED_ENTRIES("float", float, "a 32-bit float"),
    FIXED_ENTRIES("float32", float, "a 32-bit float"),
    FIXED_ENTRIES("double", double, "a 64-bit float"),
    FIXED_ENTRIES("float64", double, "a 64-bit float"),
    VAR_ENTRIES(varint32, "a zigzag varint of 1 to 5 bytes"),
    VAR_ENTRIES(var_uint32, "a varint of 1 to 5 bytes"),
    VAR_ENTRIES(varint64, "a zigzag varint of 1 to 9 bytes"),
    VAR_ENTRIES(var_uint64, "a varint of 1 to 9 bytes"),
    VAR_ENTRIES(tagged_int64, "a 64-bit integer in 4 or 9 bytes"),
    VAR_ENTRIES(tagged_uint64, "an unsigned 64-bit integer in 4 or 9 bytes"),
    {NULL, NULL, 0, NULL},
};
