/* pyfory.Buffer: storage, indices and export of the byte buffer. */
#include "runtime/buffer.h"

/* ---- errors ------------------------------------------------------------- */

int
fory_buffer_error(ForyBuffer *self, enum fory_error kind, const char *message)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        fory_raise(st, kind, "%s", message);
    }
    return -1;
}

int
fory_buffer_out_of_bound(ForyBuffer *self, Py_ssize_t offset, Py_ssize_t n)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        if (n < 0) {
            fory_raise(st, FORY_E_INVALID_DATA, "negative length %zd", n);
        }
        else {
            fory_raise(st, FORY_E_TRUNCATED, "Buffer out of bound: %zd + %zd > %zd", offset, n, self->size);
        }
    }
    return -1;
}

int
fory_buffer_not_writable(ForyBuffer *self)
{
    return fory_buffer_error(self, FORY_E_TYPE, "cannot modify read-only Buffer");
}

static int
exported(ForyBuffer *self)
{
    if (self->exports > 0) {
        PyErr_SetString(PyExc_BufferError, "cannot resize a Buffer while a view of it is alive");
        return 1;
    }
    return 0;
}

/* ---- storage ------------------------------------------------------------ */

int
fory_buffer_move(ForyBuffer *self, Py_ssize_t size, Py_ssize_t keep)
{
    PyObject *storage, *old = self->storage;
    uint8_t *data;

    if (self->own && old != NULL && keep == self->size && Py_REFCNT(old) == 1) {
        /* nobody else sees this memory: let it grow in place */
        if (PyByteArray_Resize(old, size) < 0) {
            return -1;
        }
        data = (uint8_t *)PyByteArray_AS_STRING(old);
    }
    else {
        storage = PyByteArray_FromStringAndSize(NULL, size);
        if (storage == NULL) {
            return -1;
        }
        data = (uint8_t *)PyByteArray_AS_STRING(storage);
        if (keep > 0) {
            memcpy(data, self->data, (size_t)keep);
        }
        self->storage = storage;
        Py_XDECREF(old);
    }
    memset(data + keep, 0, (size_t)(size - keep));
    self->data = data;
    self->capacity = size;
    self->own = 1;
    return 0;
}

/* Raises the size to at least n bytes. */
static int
reserve(ForyBuffer *self, Py_ssize_t n)
{
    if (self->readonly) {
        return fory_buffer_not_writable(self);
    }
    if (n <= self->size) {
        return 0;
    }
    if (exported(self) || fory_buffer_move(self, n, self->size) < 0) {
        return -1;
    }
    self->size = n;
    return 0;
}

int
fory_buffer_grow(ForyBuffer *self, Py_ssize_t n)
{
    Py_ssize_t wanted;
    if (self->readonly) {
        return fory_buffer_not_writable(self);
    }
    if (n < 0 || self->writer > PY_SSIZE_T_MAX / 2 - n) {
        PyErr_NoMemory();
        return -1;
    }
    wanted = self->writer + n;
    return wanted <= self->size ? 0 : reserve(self, wanted < 16 ? 32 : wanted * 2);
}

int
fory_buffer_write(ForyBuffer *self, const uint8_t *bytes, Py_ssize_t n)
{
    uint8_t *p = fory_buffer_room(self, n);
    if (p == NULL) {
        return -1;
    }
    if (n > 0) {
        memmove(p, bytes, (size_t)n); /* a buffer may be written into itself */
        self->writer += n;
    }
    return 0;
}

/* ---- functions for the rest of the runtime ------------------------------- */

int
fory_buffer_append(PyObject *buffer, const void *data, size_t n)
{
    ForyBuffer *self = (ForyBuffer *)buffer;

    if (n > (size_t)PY_SSIZE_T_MAX) {
        PyErr_NoMemory();
        return -1;
    }
    return fory_buffer_write(self, data, (Py_ssize_t)n);
}

int
fory_buffer_peek(PyObject *buffer, size_t want, const uint8_t **data, size_t *n)
{
    ForyBuffer *self = (ForyBuffer *)buffer;
    if (self->input != NULL && (size_t)(self->size - self->reader) < want) {
        Py_ssize_t target = want > (size_t)PY_SSIZE_T_MAX ? PY_SSIZE_T_MAX : (Py_ssize_t)want;
        if (fory_buffer_receive(self, target) < 0) {
            return -1;
        }
    }
    *data = self->data != NULL ? self->data + self->reader : (const uint8_t *)"";
    *n = (size_t)(self->size - self->reader);
    return 0;
}

void
fory_buffer_consume(PyObject *buffer, size_t n)
{
    ForyBuffer *self = (ForyBuffer *)buffer;
    size_t left = (size_t)(self->size - self->reader);
    /* user code may have moved the reader index meanwhile */
    self->reader += (Py_ssize_t)(n < left ? n : left);
}

PyObject *
fory_buffer_pin(PyObject *buffer)
{
    PyObject *storage = ((ForyBuffer *)buffer)->storage;
    return Py_NewRef(storage != NULL ? storage : Py_None);
}

/* ---- making buffers ------------------------------------------------------ */

static int
wrong_range(Py_ssize_t offset, Py_ssize_t length, Py_ssize_t size)
{
    PyErr_Format(PyExc_ValueError, "Wrong offset %zd or length %zd for %zd bytes", offset, length, size);
    return -1;
}

static int
buffer_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"data", "offset", "length", NULL};
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *data, *length_arg = Py_None, *storage = NULL, *old;
    Py_ssize_t offset = 0, length = -1, size;
    uint8_t *start;
    int readonly;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|nO:Buffer", names, &data, &offset, &length_arg)) {
        return -1;
    }
    if (length_arg != Py_None) {
        length = PyNumber_AsSsize_t(length_arg, PyExc_OverflowError);
        if (length == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (exported(self) || self->filling) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_RuntimeError, "Buffer is used while it waits for its own stream");
        }
        return -1;
    }
    if (PyBytes_CheckExact(data)) {
        storage = Py_NewRef(data);
        start = (uint8_t *)PyBytes_AS_STRING(data);
        size = PyBytes_GET_SIZE(data);
        readonly = 1;
    }
    else {
        Py_buffer *view;
        storage = PyMemoryView_FromObject(data);
        if (storage == NULL) {
            return -1;
        }
        view = PyMemoryView_GET_BUFFER(storage);
        if (!PyBuffer_IsContiguous(view, 'C')) {
            PyErr_SetString(PyExc_TypeError, "Buffer needs contiguous data");
            goto error;
        }
        start = view->buf;
        size = view->len;
        readonly = view->readonly;
    }
    if (length_arg == Py_None) {
        length = size - offset;
    }
    if (offset < 0 || length < 0 || offset > size || length > size - offset) {
        wrong_range(offset, length, size);
        goto error;
    }
    old = self->storage;
    self->storage = storage;
    self->data = start != NULL ? start + offset : NULL;
    self->size = self->capacity = length;
    self->reader = self->writer = 0;
    self->own = 0;
    self->readonly = (char)(readonly != 0);
    Py_CLEAR(self->input);
    Py_XDECREF(old);
    return 0;

error:
    Py_XDECREF(storage);
    return -1;
}

static PyObject *
buffer_allocate(PyObject *cls, PyObject *arg)
{
    ForyBuffer *self;
    Py_ssize_t size = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    if (size == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (size < 0) {
        PyErr_Format(PyExc_ValueError, "size must not be negative: %zd", size);
        return NULL;
    }
    self = (ForyBuffer *)((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    if (self == NULL) {
        return NULL;
    }
    if (fory_buffer_move(self, size, 0) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->size = size;
    return (PyObject *)self;
}

static PyObject *
slice_of(ForyBuffer *self, Py_ssize_t offset, Py_ssize_t length)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    ForyBuffer *result;

    if (st == NULL) {
        return NULL;
    }
    result = (ForyBuffer *)st->BufferType->tp_alloc(st->BufferType, 0);
    if (result != NULL) {
        result->storage = Py_XNewRef(self->storage);
        result->data = self->data != NULL ? self->data + offset : NULL;
        result->size = result->capacity = length;
        result->readonly = self->readonly;
    }
    return (PyObject *)result;
}

static int
buffer_traverse(PyObject *op, visitproc visit, void *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(op));
#endif
    Py_VISIT(self->storage);
    Py_VISIT(self->input);
    Py_VISIT(self->output);
    return 0;
}

static int
buffer_clear(PyObject *op)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_CLEAR(self->input);
    Py_CLEAR(self->output);
    /* views hold the storage themselves */
    self->data = NULL;
    self->size = self->capacity = self->reader = self->writer = 0;
    self->own = 0;
    self->readonly = 1;
    Py_CLEAR(self->storage);
    return 0;
}

static void
buffer_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    buffer_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- buffer protocol ----------------------------------------------------- */

static int
buffer_getbuffer(PyObject *op, Py_buffer *view, int flags)
{
    ForyBuffer *self = (ForyBuffer *)op;
    if (self->input != NULL) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "a Buffer over a stream cannot be exported");
        return -1;
    }
    if (PyBuffer_FillInfo(view, op, self->data != NULL ? self->data : (uint8_t *)&self->own, self->size,
                          self->readonly, flags) < 0) {
        return -1;
    }
    view->internal = Py_XNewRef(self->storage);
    self->exports++;
    return 0;
}

static void
buffer_releasebuffer(PyObject *op, Py_buffer *view)
{
    ((ForyBuffer *)op)->exports--;
    Py_XDECREF((PyObject *)view->internal);
    view->internal = NULL;
}

/* ---- indices and size ---------------------------------------------------- */

static PyObject *
buffer_get_reader_index(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((ForyBuffer *)op)->reader);
}

static PyObject *
buffer_get_writer_index(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((ForyBuffer *)op)->writer);
}

static int
ssize_of(PyObject *arg, Py_ssize_t *out)
{
    *out = PyNumber_AsSsize_t(arg, PyExc_OverflowError);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *
buffer_set_reader_index(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t i;
    if (ssize_of(arg, &i) < 0) {
        return NULL;
    }
    if (i < 0) {
        fory_buffer_error(self, FORY_E_INVALID_DATA, "the reader index must not be negative");
        return NULL;
    }
    if (i > self->size && fory_buffer_need(self, i - self->reader) < 0) {
        return NULL;
    }
    self->reader = i;
    Py_RETURN_NONE;
}

static PyObject *
buffer_set_writer_index(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t i;
    if (ssize_of(arg, &i) < 0) {
        return NULL;
    }
    if (i < 0 || i > self->size) {
        fory_buffer_out_of_bound(self, 0, i < 0 ? -1 : i);
        return NULL;
    }
    self->writer = i;
    Py_RETURN_NONE;
}

static PyObject *
buffer_size(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((ForyBuffer *)op)->size);
}

static PyObject *
buffer_own_data(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((ForyBuffer *)op)->own);
}

static PyObject *
buffer_grow(PyObject *op, PyObject *arg)
{
    Py_ssize_t n;
    if (ssize_of(arg, &n) < 0) {
        return NULL;
    }
    if (n < 0) {
        fory_buffer_out_of_bound((ForyBuffer *)op, 0, n);
        return NULL;
    }
    if (fory_buffer_grow((ForyBuffer *)op, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_reserve(PyObject *op, PyObject *arg)
{
    Py_ssize_t n;
    if (ssize_of(arg, &n) < 0) {
        return NULL;
    }
    if (n < 0) {
        fory_buffer_out_of_bound((ForyBuffer *)op, 0, n);
        return NULL;
    }
    if (reserve((ForyBuffer *)op, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_ensure(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t n;
    if (ssize_of(arg, &n) < 0) {
        return NULL;
    }
    if (n > self->size && n <= PY_SSIZE_T_MAX / 2) {
        n *= 2;
    }
    if (n > self->size && reserve(self, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_check_bound(PyObject *op, PyObject *args)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t offset, length;
    if (!PyArg_ParseTuple(args, "nn:check_bound", &offset, &length)) {
        return NULL;
    }
    if (offset < 0 || length < 0 || offset > self->size || length > self->size - offset) {
        ForyState *st = fory_state_of_type(Py_TYPE(op));
        if (st != NULL) {
            fory_raise(st, FORY_E_TRUNCATED, "Address range [%zd, %zd + %zd) out of bound %zd", offset, offset, length,
                       self->size);
        }
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_skip(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t n;
    if (ssize_of(arg, &n) < 0) {
        return NULL;
    }
    if (n < 0) {
        fory_buffer_out_of_bound(self, self->reader, n);
        return NULL;
    }
    if (fory_buffer_need(self, n) < 0) {
        return NULL;
    }
    self->reader += n;
    Py_RETURN_NONE;
}

static PyObject *
buffer_ensure_readable(PyObject *op, PyObject *arg)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t n;
    if (ssize_of(arg, &n) < 0) {
        return NULL;
    }
    if (n < 0) {
        fory_buffer_out_of_bound(self, self->reader, n);
        return NULL;
    }
    if (fory_buffer_need(self, n) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- export -------------------------------------------------------------- */

/* length 0 means to the end, as upstream has it */
static int
export_range(ForyBuffer *self, Py_ssize_t offset, Py_ssize_t *length)
{
    ForyState *st;
    const char *message;
    if (offset < 0 || offset > self->size) {
        message = "offset %zd out of bound %zd";
    }
    else if (*length < 0 || *length > self->size - offset) {
        message = "Address range [%zd, +%zd) out of bound %zd";
    }
    else {
        if (*length == 0) {
            *length = self->size - offset;
        }
        return 0;
    }
    st = fory_state_of_type(Py_TYPE(self));
    if (st != NULL) {
        if (offset < 0 || offset > self->size) {
            fory_raise(st, FORY_E_TRUNCATED, message, offset, self->size);
        }
        else {
            fory_raise(st, FORY_E_TRUNCATED, message, offset, *length, self->size);
        }
    }
    return -1;
}

static PyObject *
buffer_to_bytes(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"offset", "length", NULL};
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t offset = 0, length = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|nn:to_bytes", names, &offset, &length) ||
        export_range(self, offset, &length) < 0) {
        return NULL;
    }
    return PyBytes_FromStringAndSize(length > 0 ? (const char *)self->data + offset : "", length);
}

static PyObject *
buffer_to_pybytes(PyObject *op, PyObject *unused)
{
    ForyBuffer *self = (ForyBuffer *)op;
    (void)unused;
    return PyBytes_FromStringAndSize(self->size > 0 ? (const char *)self->data : "", self->size);
}

static PyObject *
buffer_hex(PyObject *op, PyObject *unused)
{
    static const char digits[] = "0123456789abcdef";
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *text;
    Py_UCS1 *out;
    Py_ssize_t i;
    (void)unused;

    if (self->size > PY_SSIZE_T_MAX / 2) {
        return PyErr_NoMemory();
    }
    text = PyUnicode_New(self->size * 2, 127);
    if (text == NULL || self->size == 0) {
        return text;
    }
    out = PyUnicode_1BYTE_DATA(text);
    for (i = 0; i < self->size; i++) {
        *out++ = (Py_UCS1)digits[self->data[i] >> 4];
        *out++ = (Py_UCS1)digits[self->data[i] & 15];
    }
    return text;
}

static PyObject *
buffer_slice(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"offset", "length", NULL};
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *length_arg = Py_None;
    Py_ssize_t offset = 0, length;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|nO:slice", names, &offset, &length_arg)) {
        return NULL;
    }
    if (length_arg == Py_None) {
        length = self->size - offset;
    }
    else if (ssize_of(length_arg, &length) < 0) {
        return NULL;
    }
    if (offset < 0 || length < 0 || offset > self->size || length > self->size - offset) {
        wrong_range(offset, length, self->size);
        return NULL;
    }
    return slice_of(self, offset, length);
}

static Py_ssize_t
buffer_length(PyObject *op)
{
    return ((ForyBuffer *)op)->size;
}

static PyObject *
buffer_item(PyObject *op, Py_ssize_t i)
{
    ForyBuffer *self = (ForyBuffer *)op;
    if (i < 0 || i >= self->size) {
        PyErr_SetString(PyExc_IndexError, "Buffer index out of range");
        return NULL;
    }
    return PyLong_FromLong(self->data[i]);
}

static PyObject *
buffer_subscript(PyObject *op, PyObject *key)
{
    ForyBuffer *self = (ForyBuffer *)op;
    Py_ssize_t start, stop, step, n;

    if (PyIndex_Check(key)) {
        Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred()) {
            return NULL;
        }
        return buffer_item(op, i < 0 ? i + self->size : i);
    }
    if (!PySlice_Check(key)) {
        PyErr_Format(PyExc_TypeError, "Buffer indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
        return NULL;
    }
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return NULL;
    }
    if (step != 1) {
        PyErr_SetString(PyExc_IndexError, "only slices with step 1 are supported");
        return NULL;
    }
    n = PySlice_AdjustIndices(self->size, &start, &stop, step);
    return slice_of(self, n == 0 ? 0 : start, n);
}

static PyObject *
buffer_repr(PyObject *op)
{
    ForyBuffer *self = (ForyBuffer *)op;
    return PyUnicode_FromFormat("Buffer(reader_index=%zd, writer_index=%zd, size=%zd)", self->reader, self->writer,
                                self->size);
}

/* ---- type ---------------------------------------------------------------- */

static PyMethodDef buffer_methods[] = {
    {"allocate", buffer_allocate, METH_O | METH_CLASS, "allocate($type, size, /)\n--\n\nGrowable Buffer of `size` zero bytes."},
    {"get_reader_index", buffer_get_reader_index, METH_NOARGS, "get_reader_index($self)\n--\n\nOffset of the next read."},
    {"set_reader_index", buffer_set_reader_index, METH_O,
     "set_reader_index($self, index, /)\n--\n\nMove the next read. Raises ForyBufferOutOfBoundError past the end."},
    {"get_writer_index", buffer_get_writer_index, METH_NOARGS, "get_writer_index($self)\n--\n\nOffset of the next write."},
    {"set_writer_index", buffer_set_writer_index, METH_O,
     "set_writer_index($self, index, /)\n--\n\nMove the next write. Raises ValueError past the size."},
    {"size", buffer_size, METH_NOARGS, "size($self)\n--\n\nNumber of bytes, written or not."},
    {"own_data", buffer_own_data, METH_NOARGS,
     "own_data($self)\n--\n\nWhether the bytes belong to this Buffer rather than to the object it was made from."},
    {"grow", buffer_grow, METH_O, "grow($self, n, /)\n--\n\nMake room for n more bytes at the writer index."},
    {"ensure", buffer_ensure, METH_O, "ensure($self, n, /)\n--\n\nMake the size at least n, with slack."},
    {"reserve", buffer_reserve, METH_O, "reserve($self, n, /)\n--\n\nMake the size at least n."},
    {"check_bound", buffer_check_bound, METH_VARARGS,
     "check_bound($self, offset, length, /)\n--\n\nRaise ForyBufferOutOfBoundError unless the range lies inside."},
    {"skip", buffer_skip, METH_O, "skip($self, n, /)\n--\n\nMove the reader index forward by n bytes."},
    {"ensure_readable", buffer_ensure_readable, METH_O,
     "ensure_readable($self, n, /)\n--\n\nRaise ForyBufferOutOfBoundError unless n bytes can be read."},
    {"to_bytes", FORY_KEYWORDS(buffer_to_bytes), METH_VARARGS | METH_KEYWORDS,
     "to_bytes($self, offset=0, length=0)\n--\n\nCopy of a range; length 0 goes to the end."},
    {"to_pybytes", buffer_to_pybytes, METH_NOARGS, "to_pybytes($self)\n--\n\nCopy of all bytes."},
    {"hex", buffer_hex, METH_NOARGS, "hex($self)\n--\n\nAll bytes as hexadecimal digits."},
    {"slice", FORY_KEYWORDS(buffer_slice), METH_VARARGS | METH_KEYWORDS,
     "slice($self, offset=0, length=None)\n--\n\nBuffer over a range of the same memory."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_doc, "Buffer(data, offset=0, length=None)\n--\n\n"
                "Bytes with a reader and a writer index, over any contiguous bytes-like object without a copy."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, buffer_init},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_traverse, buffer_traverse},
    {Py_tp_clear, buffer_clear},
    {Py_tp_repr, buffer_repr},
    {Py_tp_methods, buffer_methods},
    {Py_sq_length, buffer_length},
    {Py_sq_item, buffer_item},
    {Py_mp_length, buffer_length},
    {Py_mp_subscript, buffer_subscript},
#if PY_VERSION_HEX >= 0x03090000
    {Py_bf_getbuffer, buffer_getbuffer},
    {Py_bf_releasebuffer, buffer_releasebuffer},
#endif
    {0, NULL},
};

static PyType_Spec buffer_spec = {
    .name = "pyfory._core.Buffer",
    .basicsize = sizeof(ForyBuffer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = buffer_slots,
};

int
fory_buffer_init(PyObject *module, ForyState *st)
{
    PyMethodDef *const more[] = {fory_buffer_scalar_methods, fory_buffer_bytes_methods, fory_buffer_stream_methods};
    PyTypeObject *type;
    PyMethodDef *def;
    size_t i;

#if PY_VERSION_HEX >= 0x03090000
    type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &buffer_spec, NULL);
#else
    type = (PyTypeObject *)PyType_FromSpec(&buffer_spec);
#endif
    if (type == NULL) {
        return -1;
    }
#if PY_VERSION_HEX < 0x03090000
    type->tp_as_buffer->bf_getbuffer = buffer_getbuffer;
    type->tp_as_buffer->bf_releasebuffer = buffer_releasebuffer;
#endif
    st->BufferType = type;
    /* a type takes one method table; the others live in files of their own */
    for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        for (def = more[i]; def->ml_name != NULL; def++) {
            PyObject *method =
                def->ml_flags & METH_CLASS ? PyDescr_NewClassMethod(type, def) : PyDescr_NewMethod(type, def);
            int rc = method == NULL ? -1 : PyObject_SetAttrString((PyObject *)type, def->ml_name, method);
            Py_XDECREF(method);
            if (rc < 0) {
                return -1;
            }
        }
    }
    return PyModule_AddType(module, type);
}
