/* pyfory.Buffer: bytes, lines and text. */
#include "runtime/buffer.h"

/* ---- bytes ---------------------------------------------------------------- */

/* Contiguous bytes of value; TypeError for anything else. */
static int
bytes_of(PyObject *value, Py_buffer *view)
{
    return PyObject_GetBuffer(value, view, PyBUF_SIMPLE);
}

static PyObject *
write_bytes(PyObject *op, PyObject *value)
{
    Py_buffer view;
    int rc;
    if (bytes_of(value, &view) < 0) {
        return NULL;
    }
    rc = fory_buffer_write((ForyBuffer *)op, view.buf, view.len);
    PyBuffer_Release(&view);
    if (rc < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* as of a binary file: returns the number of bytes */
static PyObject *
buffer_write(PyObject *op, PyObject *value)
{
    Py_buffer view;
    Py_ssize_t n;
    int rc;
    if (bytes_of(value, &view) < 0) {
        return NULL;
    }
    n = view.len;
    rc = fory_buffer_write((ForyBuffer *)op, view.buf, n);
    PyBuffer_Release(&view);
    return rc < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
write_bytes_and_size(PyObject *op, PyObject *value)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_buffer view;
    int rc = -1;
    if (bytes_of(value, &view) < 0) {
        return NULL;
    }
    if ((uint64_t)view.len > UINT32_MAX) {
        fory_buffer_error(self, FORY_E_OVERFLOW, "more than 4294967295 bytes do not fit the size field");
    }
    else {
        FORY_PUT_VARINT(bytes, n, fory_put_vu32(&w, (uint32_t)view.len));
        /* room for both first, so that a failure leaves nothing behind */
        if (fory_buffer_room(self, n + view.len) != NULL) {
            rc = fory_buffer_write(self, bytes, n) < 0 || fory_buffer_write(self, view.buf, view.len) < 0 ? -1 : 0;
        }
    }
    PyBuffer_Release(&view);
    if (rc < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* [index, index + length) of a bytes-like; length None goes to its end */
static int
part_of(ForyBuffer *self, const Py_buffer *view, Py_ssize_t index, PyObject *length_arg, Py_ssize_t *length)
{
    ForyState *st;
    *length = view->len - index;
    if (length_arg != NULL && length_arg != Py_None) {
        *length = PyNumber_AsSsize_t(length_arg, PyExc_OverflowError);
        if (*length == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (index >= 0 && *length >= 0 && index <= view->len && *length <= view->len - index) {
        return 0;
    }
    st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        fory_raise(st, FORY_E_TRUNCATED, "source range %zd + %zd out of bound %zd", index, *length, view->len);
    }
    return -1;
}

static PyObject *
write_buffer(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", "src_index", "length_", NULL};
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *value, *length_arg = NULL;
    Py_ssize_t index = 0, length;
    Py_buffer view;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|nO:write_buffer", names, &value, &index, &length_arg) ||
        bytes_of(value, &view) < 0) {
        return NULL;
    }
    rc = part_of(self, &view, index, length_arg, &length);
    if (rc == 0) {
        rc = fory_buffer_write(self, (const uint8_t *)view.buf + index, length);
    }
    PyBuffer_Release(&view);
    if (rc < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
put_part(PyObject *op, Py_ssize_t offset, PyObject *value, Py_ssize_t index, PyObject *length_arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t length;
    Py_buffer view;
    uint8_t *p = NULL;

    if (bytes_of(value, &view) < 0) {
        return NULL;
    }
    if (part_of(self, &view, index, length_arg, &length) == 0 &&
        (p = fory_buffer_at(self, offset, length, 1)) != NULL && length > 0) {
        memmove(p, (const uint8_t *)view.buf + index, (size_t)length);
    }
    /* p is NULL for an empty run into an empty buffer, too */
    PyBuffer_Release(&view);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
put_buffer(PyObject *op, PyObject *args)
{
    PyObject *value, *length_arg = NULL;
    Py_ssize_t offset, index = 0;
    if (!PyArg_ParseTuple(args, "nO|nO:put_buffer", &offset, &value, &index, &length_arg)) {
        return NULL;
    }
    return put_part(op, offset, value, index, length_arg);
}

static PyObject *
put_bytes(PyObject *op, PyObject *args)
{
    PyObject *value;
    Py_ssize_t offset;
    if (!PyArg_ParseTuple(args, "nO:put_bytes", &offset, &value)) {
        return NULL;
    }
    return put_part(op, offset, value, 0, NULL);
}

static PyObject *
get_bytes(PyObject *op, PyObject *args)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t offset, n;
    uint8_t *p;
    if (!PyArg_ParseTuple(args, "nn:get_bytes", &offset, &n)) {
        return NULL;
    }
    p = fory_buffer_at(self, offset, n, 0);
    if (p == NULL && PyErr_Occurred()) {
        return NULL;
    }
    return PyBytes_FromStringAndSize(n > 0 ? (const char *)p : "", n);
}

static PyObject *
take_bytes(ForyBuffer *self, Py_ssize_t n)
{
    PyObject *result;
    if (n < 0) {
        fory_buffer_out_of_bound(self, self->reader, n);
        return NULL;
    }
    if (fory_buffer_need(self, n) < 0) {
        return NULL;
    }
    result = PyBytes_FromStringAndSize(n > 0 ? (const char *)self->data + self->reader : "", n);
    if (result != NULL) {
        self->reader += n;
    }
    return result;
}

static PyObject *
read_bytes(PyObject *op, PyObject *arg)
{
    Py_ssize_t n = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return take_bytes((ForyBuffer *)op, n);
}

static PyObject *
read_bytes_and_size(PyObject *op, PyObject *unused)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t before = self->reader;
    PyObject *result;
    uint32_t n;
    (void)unused;

    if (fory_buffer_take_vu32(self, &n) < 0) {
        return NULL;
    }
    result = take_bytes(self, (Py_ssize_t)n);
    if (result == NULL) {
        self->reader = before;
    }
    return result;
}

static PyObject *
read_bytes_as_int64(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t n = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    uint8_t bytes[8] = {0};

    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (n < 0 || n > 8) {
        fory_buffer_error(self, FORY_E_INVALID_DATA, "read_bytes_as_int64 takes 0 to 8 bytes");
        return NULL;
    }
    if (fory_buffer_need(self, n) < 0) {
        return NULL;
    }
    if (n > 0) {
        memcpy(bytes, self->data + self->reader, (size_t)n);
        self->reader += n;
    }
    return PyLong_FromLongLong((int64_t)fory_load64(bytes));
}

static PyObject *
buffer_readline(PyObject *op, PyObject *args)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t limit = -1, n = 0;
    PyObject *line;

    if (!PyArg_ParseTuple(args, "|n:readline", &limit)) {
        return NULL;
    }
    if (limit != -1) {
        PyErr_SetString(PyExc_ValueError, "readline() of a Buffer takes no size");
        return NULL;
    }
    for (;;) {
        Py_ssize_t left = self->size - self->reader;
        const uint8_t *hit = left > n ? memchr(self->data + self->reader + n, '\n', (size_t)(left - n)) : NULL;
        if (hit != NULL) {
            n = hit - (self->data + self->reader);
            break;
        }
        n = left;
        if (self->input == NULL) {
            break;
        }
        int rc = fory_buffer_receive(self, left + 1);
        if (rc < 0) {
            return NULL;
        }
        if (rc == 0) {
            break;
        }
    }
    line = take_bytes(self, n);
    if (line != NULL && self->reader < self->size) {
        self->reader++; /* the newline itself */
    }
    return line;
}

/* ---- text (wire-format section 3) ----------------------------------------- */

enum { TEXT_LATIN1 = 0, TEXT_UTF16 = 1, TEXT_UTF8 = 2 };

static PyObject *
write_string(PyObject *op, PyObject *text)
{
    ForyBuffer *self = (ForyBuffer *)op;
    const uint8_t *data;
    Py_ssize_t size;
    unsigned encoding;
    ForyState *st;

    if (!PyUnicode_Check(text)) {
        fory_buffer_wrong_type(self, text, "str");
        return NULL;
    }
    if (FORY_UNICODE_READY(text) < 0) {
        return NULL;
    }
    switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
        encoding = TEXT_LATIN1;
        data = PyUnicode_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        break;
    case PyUnicode_2BYTE_KIND:
        encoding = TEXT_UTF16;
        data = PyUnicode_DATA(text);
        size = PyUnicode_GET_LENGTH(text);
        st = fory_state_of_type(Py_TYPE(op));
        if (st == NULL) {
            return NULL;
        }
        /* 16-bit text of CPython holds no pairs, so every surrogate is a lone one */
        if (st->kernels->utf16_has_surrogate((const uint16_t *)data, (size_t)size)) {
            fory_raise(st, FORY_E_UNSUPPORTED, "text with lone surrogates cannot be written");
            return NULL;
        }
        size *= 2;
        break;
    default:
        encoding = TEXT_UTF8;
        data = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size);
        if (data == NULL) {
            if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
                PyErr_Clear();
                fory_buffer_error(self, FORY_E_UNSUPPORTED, "text with lone surrogates cannot be written");
            }
            return NULL;
        }
        break;
    }
    if (size > INT32_MAX) {
        fory_buffer_error(self, FORY_E_OVERFLOW, "text of more than 2147483647 bytes cannot be written");
        return NULL;
    }
    FORY_PUT_VARINT(header, n, fory_put_vu64(&w, (uint64_t)size << 2 | encoding));
    if (fory_buffer_room(self, n + size) == NULL || fory_buffer_write(self, header, n) < 0 ||
        fory_buffer_write(self, data, size) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
read_string(PyObject *op, PyObject *unused)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t before = self->reader, size;
    PyObject *text = NULL;
    uint64_t header;
    const char *data;
    int order = -1;
    (void)unused;

    if (fory_buffer_take_vu64(self, &header) < 0) {
        return NULL;
    }
    if (header >> 2 > INT32_MAX) {
        fory_buffer_error(self, FORY_E_INVALID_DATA, "text of more than 2147483647 bytes");
        goto error;
    }
    size = (Py_ssize_t)(header >> 2);
    if (fory_buffer_need(self, size) < 0) {
        goto error;
    }
    data = size > 0 ? (const char *)self->data + self->reader : "";
    switch (header & 3) {
    case TEXT_LATIN1:
        text = PyUnicode_DecodeLatin1(data, size, NULL);
        break;
    case TEXT_UTF16:
        if (size % 2 != 0) {
            fory_buffer_error(self, FORY_E_INVALID_DATA, "UTF-16 text of odd length");
            goto error;
        }
        text = PyUnicode_DecodeUTF16(data, size, "surrogatepass", &order);
        break;
    case TEXT_UTF8:
        text = PyUnicode_DecodeUTF8(data, size, "surrogatepass");
        break;
    default:
        fory_buffer_error(self, FORY_E_INVALID_DATA, "unknown text encoding 3");
        goto error;
    }
    if (text == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            PyErr_Clear();
            fory_buffer_error(self, FORY_E_INVALID_DATA, "malformed UTF-8 or UTF-16 text");
        }
        goto error;
    }
    self->reader += size;
    return text;

error:
    self->reader = before;
    return NULL;
}

/* ---- table ----------------------------------------------------------------- */

PyMethodDef fory_buffer_bytes_methods[] = {
    {"write_string", write_string, METH_O, "write_string($self, value, /)\n--\n\nWrite text with its encoding and size."},
    {"read_string", read_string, METH_NOARGS, "read_string($self)\n--\n\nRead text with its encoding and size."},
    {"write_bytes", write_bytes, METH_O, "write_bytes($self, data, /)\n--\n\nWrite the bytes as they are."},
    {"write_bytes_and_size", write_bytes_and_size, METH_O,
     "write_bytes_and_size($self, data, /)\n--\n\nWrite a varint size and the bytes."},
    {"write_buffer", FORY_KEYWORDS(write_buffer), METH_VARARGS | METH_KEYWORDS,
     "write_buffer($self, value, src_index=0, length_=None)\n--\n\nWrite a part of a bytes-like object."},
    {"write", buffer_write, METH_O, "write($self, data, /)\n--\n\nWrite like a binary file; returns the number of bytes."},
    {"read_bytes", read_bytes, METH_O, "read_bytes($self, n, /)\n--\n\nRead exactly n bytes."},
    {"read", read_bytes, METH_O, "read($self, n, /)\n--\n\nRead exactly n bytes."},
    {"read_bytes_and_size", read_bytes_and_size, METH_NOARGS,
     "read_bytes_and_size($self)\n--\n\nRead bytes that follow their varint size."},
    {"read_bytes_as_int64", read_bytes_as_int64, METH_O,
     "read_bytes_as_int64($self, n, /)\n--\n\nRead up to eight little-endian bytes as an integer."},
    {"readline", buffer_readline, METH_VARARGS,
     "readline($self, size=-1, /)\n--\n\nRead to the next newline, which is consumed and not returned."},
    {"put_bytes", put_bytes, METH_VARARGS, "put_bytes($self, offset, data, /)\n--\n\nWrite bytes at offset."},
    {"put_buffer", put_buffer, METH_VARARGS,
     "put_buffer($self, offset, value, src_index=0, length=None, /)\n--\n\nWrite a part of a bytes-like object at offset."},
    {"get_bytes", get_bytes, METH_VARARGS, "get_bytes($self, offset, n, /)\n--\n\nCopy n bytes at offset."},
    {NULL, NULL, 0, NULL},
};
