/* pyfory.BufferObject: data that may travel beside the message. */
#include "codecs/contexts.h"

typedef struct BufferObject {
    PyObject_HEAD
    PyObject *source; /* exporter of the memory, or what keeps `data` in place */
    const void *data; /* or NULL: as the source exports it */
    Py_ssize_t size;
    Py_buffer view;   /* of the source, while `viewed` */
    uint8_t readonly, viewed;
} BufferObject;

PyObject *
fory_buffer_object_new(ForyState *st, PyObject *owner, const void *data, Py_ssize_t size, int readonly)
{
    BufferObject *o = (BufferObject *)st->BufferObjectType->tp_alloc(st->BufferObjectType, 0);
    if (o != NULL) {
        o->source = Py_NewRef(owner);
        o->data = data;
        o->size = size;
        o->readonly = (uint8_t)readonly;
    }
    return (PyObject *)o;
}

PyObject *
fory_buffer_object_view(ForyState *st, PyObject *source)
{
    BufferObject *o = (BufferObject *)fory_buffer_object_new(st, source, NULL, 0, 0);
    if (o == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(source, &o->view, PyBUF_FULL_RO) < 0) {
        Py_DECREF(o);
        return NULL;
    }
    o->viewed = 1;
    o->data = o->view.buf;
    o->size = o->view.len;
    o->readonly = (uint8_t)(o->view.readonly != 0);
    if (!PyBuffer_IsContiguous(&o->view, 'A')) {
        Py_DECREF(o);
        PyErr_SetString(PyExc_BufferError, "memory that is not contiguous");
        return NULL;
    }
    return (PyObject *)o;
}

static PyObject *
buffer_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *source;
    BufferObject *o;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "BufferObject() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O:BufferObject", &source)) {
        return NULL;
    }
    o = (BufferObject *)type->tp_alloc(type, 0);
    if (o != NULL) {
        o->source = Py_NewRef(source);
    }
    return (PyObject *)o;
}

static void
buffer_object_dealloc(BufferObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_UnTrack(o);
    if (o->viewed) {
        PyBuffer_Release(&o->view);
    }
    Py_CLEAR(o->source);
    type->tp_free((PyObject *)o);
    Py_DECREF(type);
}

static int
buffer_object_traverse(BufferObject *o, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(o));
#endif
    Py_VISIT(o->source);
    if (o->viewed) {
        Py_VISIT(o->view.obj);
    }
    return 0;
}

static int
buffer_object_clear(BufferObject *o)
{
    if (o->data == NULL) { /* else views may point to it */
        /* the methods need a source: None has no buffer and raises */
        Py_XSETREF(o->source, Py_NewRef(Py_None));
    }
    return 0;
}

int
fory_buffer_object_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
    BufferObject *o = (BufferObject *)self;
    if (o->data == NULL) {
        return PyObject_GetBuffer(o->source, view, flags);
    }
    return PyBuffer_FillInfo(view, self, (void *)o->data, o->size, o->readonly, flags);
}

static PyObject *
buffer_object_total_bytes(BufferObject *o, PyObject *unused)
{
    Py_buffer view;
    Py_ssize_t n;
    (void)unused;
    if (o->data != NULL) {
        return PyLong_FromSsize_t(o->size);
    }
    if (PyObject_GetBuffer(o->source, &view, PyBUF_FULL_RO) < 0) {
        return NULL;
    }
    n = view.len;
    PyBuffer_Release(&view);
    return PyLong_FromSsize_t(n);
}

static PyObject *
buffer_object_getbuffer(BufferObject *o, PyObject *unused)
{
    (void)unused;
    return o->data != NULL ? PyMemoryView_FromObject((PyObject *)o) : PyMemoryView_GetContiguous(o->source, PyBUF_READ, 'C');
}

static PyObject *
buffer_object_write_to(BufferObject *o, PyObject *stream)
{
    PyObject *view = buffer_object_getbuffer(o, NULL), *part = NULL, *done = NULL;
    Py_ssize_t left, wrote;
    Py_buffer data;
    int held = 0, rc = -1;
    if (view == NULL) {
        return NULL;
    }
    left = PyMemoryView_GET_BUFFER(view)->len;
    part = Py_NewRef(view);
    for (;;) {
        Py_XSETREF(done, PyObject_CallMethod(stream, "write", "O", part));
        if (done == NULL) {
            goto error;
        }
        if (left == 0 || !PyLong_CheckExact(done)) {
            break; /* writers that tell nothing took all */
        }
        wrote = PyLong_AsSsize_t(done);
        if (wrote <= 0 || wrote > left) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_ValueError, "stream.write() answers %zd for %zd bytes", wrote, left);
            }
            goto error;
        }
        left -= wrote;
        if (left == 0) {
            break;
        }
        /* a raw stream took only a part: it is offered the rest. It may have released the view:
         * then this fails, and later it cannot */
        if (!held && PyObject_GetBuffer(view, &data, PyBUF_SIMPLE) < 0) {
            goto error;
        }
        held = 1;
        Py_XSETREF(part, PyBytes_FromStringAndSize((const char *)data.buf + data.len - left, left));
        if (part == NULL) {
            goto error;
        }
    }
    rc = 0;
error:
    if (held) {
        PyBuffer_Release(&data);
    }
    Py_XDECREF(done);
    Py_XDECREF(part);
    Py_XDECREF(view);
    return fory_none_or_null(rc);
}

static PyMethodDef buffer_object_methods[] = {
    {"total_bytes", (PyCFunction)buffer_object_total_bytes, METH_NOARGS,
     "total_bytes($self)\n--\n\nSize of the data in bytes."},
    {"getbuffer", (PyCFunction)buffer_object_getbuffer, METH_NOARGS,
     "getbuffer($self)\n--\n\nContiguous memoryview of the data; a copy only when the data is strided."},
    {"raw", (PyCFunction)buffer_object_getbuffer, METH_NOARGS, "raw($self)\n--\n\nThe same as getbuffer()."},
    {"write_to", (PyCFunction)buffer_object_write_to, METH_O,
     "write_to($self, stream, /)\n--\n\nWrites the data to stream.write(bytes-like)."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(buffer_object_doc, "Out-of-band data, given to buffer_callback.");

static PyType_Slot buffer_object_slots[] = {
    {Py_tp_doc, (void *)buffer_object_doc},
    {Py_tp_new, buffer_object_new},
    {Py_tp_dealloc, buffer_object_dealloc},
    {Py_tp_traverse, buffer_object_traverse},
    {Py_tp_clear, buffer_object_clear},
    {Py_tp_methods, buffer_object_methods},
#if PY_VERSION_HEX >= 0x03090000
    {Py_bf_getbuffer, fory_buffer_object_getbuffer},
#endif
    {0, NULL},
};

PyType_Spec fory_buffer_object_spec = {
    .name = "pyfory._core.BufferObject",
    .basicsize = sizeof(BufferObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = buffer_object_slots,
};

