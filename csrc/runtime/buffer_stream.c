/* pyfory.Buffer over streams: filling from an input, binding an output. */
#include "runtime/buffer.h"

/* ---- input streams ------------------------------------------------------ */

/* Largest room for bytes that are only announced. */
#define EXACT_STEP (256 * 1024)

/* One call of the stream, n bytes being missing. 1 received something, 0 end of stream, -1 error. */
static int
receive(ForyBuffer *self, Py_ssize_t missing)
{
    PyObject *storage = NULL, *whole = NULL, *room = NULL, *size = NULL, *count = NULL;
    Py_ssize_t before = self->size, free_bytes, n;
    int rc = -1;

    if (self->filling) {
        PyErr_SetString(PyExc_RuntimeError, "Buffer is used while it waits for its own stream");
        return -1;
    }
    if (self->capacity == self->size) {
        /* doubling what has really come, never what a length in the data claims */
        Py_ssize_t more = self->size < self->block_size ? self->block_size : self->size;
        if (more < EXACT_STEP && more < missing) {
            more = missing < EXACT_STEP ? missing : EXACT_STEP;
        }
        if (self->size > PY_SSIZE_T_MAX - more) {
            PyErr_NoMemory();
            return -1;
        }
        if (fory_buffer_move(self, self->size + more, self->size) < 0) {
            return -1;
        }
    }
    free_bytes = self->capacity - self->size;
    if (self->exact && free_bytes > missing) {
        free_bytes = missing;
    }
    /* The view is of the bytearray, so it stays valid whatever the stream does with it. */
    storage = Py_NewRef(self->storage);
    whole = PyMemoryView_FromObject(storage);
    room = whole == NULL ? NULL : PySequence_GetSlice(whole, self->size, self->size + free_bytes);
    size = self->input_size ? PyLong_FromSsize_t(free_bytes) : NULL;
    if (room == NULL || (self->input_size && size == NULL)) {
        goto error;
    }
    self->filling = 1;
    count = PyObject_CallFunctionObjArgs(self->input, room, size, NULL);
    self->filling = 0;
    if (count == NULL) {
        goto error;
    }
    if (count == Py_None) {
        PyErr_SetString(PyExc_BlockingIOError, "the stream has no data yet");
        goto error;
    }
    n = PyNumber_AsSsize_t(count, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred()) {
        goto error;
    }
    if (n < 0 || n > free_bytes) {
        PyErr_Format(PyExc_ValueError, "the stream reported %zd bytes for a buffer of %zd", n, free_bytes);
        goto error;
    }
    if (self->storage != storage || self->size != before) {
        PyErr_SetString(PyExc_RuntimeError, "Buffer changed while it waited for its stream");
        goto error;
    }
    self->size += n;
    rc = n > 0;

error:
    Py_XDECREF(count);
    Py_XDECREF(size);
    Py_XDECREF(room);
    Py_XDECREF(whole);
    Py_XDECREF(storage);
    return rc;
}

/* Reads until n bytes are readable. 1 they are, 0 end of stream, -1 error. */
int
fory_buffer_receive(ForyBuffer *self, Py_ssize_t n)
{
    while (self->size - self->reader < n) {
        int rc = receive(self, n - (self->size - self->reader));
        if (rc <= 0) {
            return rc;
        }
    }
    return 1;
}

int
fory_buffer_fill(ForyBuffer *self, Py_ssize_t n)
{
    if (self->input != NULL) {
        int rc = fory_buffer_receive(self, n);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    return fory_buffer_out_of_bound(self, self->reader, n);
}

static PyObject *
buffer_from_stream(PyObject *cls, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"stream", "buffer_size", "exact", NULL};
    static const char *const methods[] = {"readinto", "recv_into", "recvinto"};
    PyObject *stream, *method = NULL;
    Py_ssize_t buffer_size = 4096;
    const char *type_name;
    ForyBuffer *self;
    int i, exact = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n$p:from_stream", names, &stream, &buffer_size, &exact)) {
        return NULL;
    }
    if (buffer_size <= 0) {
        PyErr_Format(PyExc_ValueError, "buffer_size must be positive, not %zd", buffer_size);
        return NULL;
    }
    /* readinto() of these waits until the room is full, which a peer that
     * expects an answer never lets happen; readinto1() gives what there is. */
    type_name = Py_TYPE(stream)->tp_name;
    if (strcmp(type_name, "_io.BufferedReader") == 0 || strcmp(type_name, "_io.BufferedRandom") == 0) {
        method = PyObject_GetAttrString(stream, "readinto1");
        if (method == NULL) {
            return NULL;
        }
    }
    for (i = 0; method == NULL && i < 3; i++) {
        method = PyObject_GetAttrString(stream, methods[i]);
        if (method != NULL) {
            break;
        }
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
    }
    if (method == NULL) {
        PyErr_Format(PyExc_ValueError, "stream must have readinto(), recv_into() or recvinto(): %.200s", type_name);
        return NULL;
    }
    self = (ForyBuffer *)((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    if (self == NULL) {
        Py_DECREF(method);
        return NULL;
    }
    self->input = method;
    self->input_size = i > 0;
    self->block_size = buffer_size;
    self->exact = (char)exact;
    self->readonly = 1;
    if (fory_buffer_move(self, buffer_size, 0) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

int
fory_buffer_shrink(PyObject *buffer)
{
    ForyBuffer *self = (ForyBuffer *)buffer;
    Py_ssize_t rest = self->size - self->reader;

    if (self->input == NULL || self->filling || self->reader <= self->block_size) {
        return 0;
    }
    if (Py_REFCNT(self->storage) > 1 || (rest <= self->block_size && self->capacity > 4 * self->block_size)) {
        /* slices still look at the old bytes, or one large message is not worth keeping room for */
        PyObject *old = self->storage;
        Py_ssize_t capacity = rest > self->block_size ? rest : self->block_size;
        PyObject *storage = PyByteArray_FromStringAndSize(NULL, capacity);
        if (storage == NULL) {
            return -1;
        }
        memset(PyByteArray_AS_STRING(storage), 0, (size_t)capacity);
        memcpy(PyByteArray_AS_STRING(storage), self->data + self->reader, (size_t)rest);
        self->storage = storage;
        self->data = (uint8_t *)PyByteArray_AS_STRING(storage);
        self->capacity = capacity;
        Py_DECREF(old);
    }
    else {
        memmove(self->data, self->data + self->reader, (size_t)rest);
    }
    self->size = rest;
    self->reader = 0;
    return 0;
}

static PyObject *
buffer_shrink_input(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (fory_buffer_shrink(op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_has_input_stream(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((ForyBuffer *)op)->input != NULL);
}

/* ---- output streams ----------------------------------------------------- */

/* Flushing is policy, not speed: it lives in pyfory/_output.py. */
static PyObject *
buffer_wrap_output_stream(PyObject *cls, PyObject *stream)
{
    PyObject *module = PyImport_ImportModule("pyfory._output"), *result;
    (void)cls;
    if (module == NULL) {
        return NULL;
    }
    result = PyObject_CallMethod(module, "OutputStream", "O", stream);
    Py_DECREF(module);
    return result;
}

static PyObject *
buffer_bind_output_stream(PyObject *op, PyObject *stream)
{
    ForyBuffer *self = (ForyBuffer *)op;
    PyObject *old = self->output, *wrapped = NULL, *done;

    if (stream != Py_None) {
        if (PyObject_HasAttrString(stream, "force_flush")) {
            wrapped = Py_NewRef(stream);
        }
        else {
            wrapped = buffer_wrap_output_stream(NULL, stream);
        }
        if (wrapped == NULL) {
            return NULL;
        }
        done = PyObject_CallMethod(wrapped, "bind", "O", op);
        if (done == NULL) {
            Py_DECREF(wrapped);
            return NULL;
        }
        Py_DECREF(done);
    }
    self->output = wrapped;
    if (old != NULL && old != wrapped) {
        done = PyObject_CallMethod(old, "bind", "O", Py_None);
        Py_DECREF(old);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    else {
        Py_XDECREF(old);
    }
    Py_RETURN_NONE;
}

static PyObject *
buffer_get_output_stream(PyObject *op, PyObject *unused)
{
    ForyBuffer *self = (ForyBuffer *)op;
    (void)unused;
    return Py_NewRef(self->output != NULL ? self->output : Py_None);
}

PyMethodDef fory_buffer_stream_methods[] = {
    {"from_stream", FORY_KEYWORDS(buffer_from_stream), METH_VARARGS | METH_KEYWORDS | METH_CLASS,
     "from_stream($type, stream, buffer_size=4096, *, exact=False)\n--\n\n"
     "Reader over an object with readinto(buf), recv_into(buf, size) or\n"
     "recvinto(buf, size). With exact=True the stream is never asked for more\n"
     "bytes than are needed. Raises ValueError when there is none of the methods."},
    {"wrap_output_stream", buffer_wrap_output_stream, METH_O | METH_CLASS,
     "wrap_output_stream($type, stream, /)\n--\n\nOutput stream over an object with write(). Raises ValueError without it."},
    {"bind_output_stream", buffer_bind_output_stream, METH_O,
     "bind_output_stream($self, stream, /)\n--\n\nFlush written bytes to this output stream; None unbinds."},
    {"get_output_stream", buffer_get_output_stream, METH_NOARGS,
     "get_output_stream($self)\n--\n\nThe bound output stream or None."},
    {"has_input_stream", buffer_has_input_stream, METH_NOARGS,
     "has_input_stream($self)\n--\n\nWhether this Buffer reads from a stream."},
    {"shrink_input_buffer", buffer_shrink_input, METH_NOARGS,
     "shrink_input_buffer($self)\n--\n\nForget bytes of the stream that were read already."},
    {NULL, NULL, 0, NULL},
};
