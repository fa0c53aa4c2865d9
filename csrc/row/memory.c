/* RowMemory: the bytes that views look at, ours or those of another object. */
#include "row/row.h"

ForyRowMemory *
fory_row_memory_new(ForyState *st, size_t capacity)
{
    PyTypeObject *type = st->row_types[FORY_ROW_MEMORY];
    ForyRowMemory *self = (ForyRowMemory *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->data = PyMem_RawMalloc(capacity == 0 ? 1 : capacity);
    if (self->data == NULL) {
        Py_DECREF(self);
        PyErr_NoMemory();
        return NULL;
    }
    self->capacity = capacity;
    return self;
}

static ForyRowMemory *
memory_over(ForyState *st, PyObject *source)
{
    PyTypeObject *type = st->row_types[FORY_ROW_MEMORY];
    ForyRowMemory *self;
    if (source == Py_None || !PyObject_CheckBuffer(source)) {
        fory_raise(st, FORY_E_TYPE, "expected a bytes-like object, got %s", Py_TYPE(source)->tp_name);
        return NULL;
    }
    self = (ForyRowMemory *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(source, &self->view, PyBUF_SIMPLE) < 0) {
        self->view.obj = NULL;
        Py_DECREF(self);
        if (PyErr_ExceptionMatches(PyExc_BufferError)) {
            PyErr_Clear();
            fory_raise(st, FORY_E_TYPE, "the bytes of a row must be contiguous");
        }
        return NULL;
    }
    self->data = self->view.buf;
    self->size = (size_t)self->view.len;
    return self;
}

PyObject *
fory_row_pin(ForyState *st, PyObject *source, const uint8_t **data, size_t *size)
{
    PyObject *owner;
    if (PyBytes_CheckExact(source)) {
        owner = Py_NewRef(source);
    }
    else {
        owner = (PyObject *)memory_over(st, source);
        if (owner == NULL) {
            return NULL;
        }
    }
    fory_row_owner_span(owner, data, size);
    return owner;
}

void
fory_row_owner_span(PyObject *owner, const uint8_t **data, size_t *size)
{
    if (PyBytes_CheckExact(owner)) {
        *data = (const uint8_t *)PyBytes_AS_STRING(owner);
        *size = (size_t)PyBytes_GET_SIZE(owner);
    }
    else {
        *data = ((ForyRowMemory *)owner)->data;
        *size = ((ForyRowMemory *)owner)->size;
    }
}

static int
memory_traverse(ForyRowMemory *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->view.obj);
    return 0;
}

static void
memory_dealloc(ForyRowMemory *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->view.obj != NULL) {
        PyBuffer_Release(&self->view);
    }
    else {
        PyMem_RawFree(self->data);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static int
memory_getbuffer(ForyRowMemory *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, self->data, (Py_ssize_t)self->size, 1, flags);
}

static PyType_Slot memory_slots[] = {
    {Py_tp_doc, "Bytes that rows lie in."},
    {Py_tp_new, fory_row_view_no_new},
    {Py_tp_traverse, memory_traverse},
    {Py_tp_dealloc, memory_dealloc},
    FORY_ROW_BUFFER_SLOT(memory_getbuffer)
    {0, NULL},
};

static PyType_Spec memory_spec = {
    .name = "pyfory._core.RowMemory",
    .basicsize = sizeof(ForyRowMemory),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = memory_slots,
};

int
fory_row_memory_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_MEMORY, &memory_spec, (getbufferproc)memory_getbuffer);
}
