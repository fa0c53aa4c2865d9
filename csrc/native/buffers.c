/* Memory of the native format that may travel beside the message: PickleBuffer, bytes. */
#include "native/native.h"

/* ---- handing a buffer over --------------------------------------------------------------- */

/* What the callback says to `o`, which is stolen: 1 keep in-band, 0 out, -1. */
static int
ask(ForyWriteCtx *w, PyObject *o)
{
    PyObject *answer;
    int in_band;
    if (o == NULL) {
        return -1;
    }
    answer = PyObject_CallOneArg(w->buffer_callback, o);
    Py_DECREF(o);
    if (answer == NULL) {
        return -1;
    }
    in_band = answer == Py_None ? 0 : PyObject_IsTrue(answer);
    Py_DECREF(answer);
    w->native->any_out |= in_band == 0;
    return in_band;
}

int
fory_native_ask(ForyWriteCtx *w, const ForyMemory *memory)
{
    PyObject *o, *raw;
    if (!w->out_of_band) {
        return 1;
    }
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    o = memory->data == NULL ? fory_buffer_object_view(w->st, memory->owner)
                             : fory_buffer_object_new(w->st, memory->owner, memory->data, memory->size, memory->readonly);
    if (w->native->raw_buffers && o != NULL) {
        raw = PyPickleBuffer_FromObject(o);
        Py_DECREF(o);
        o = raw;
    }
    return ask(w, o);
}

PyObject *
fory_native_next_buffer(ForyReadCtx *r)
{
    PyObject *item;
    if (r->buffers == NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "the message needs out-of-band buffers: pass buffers=");
    }
    item = PyIter_Next(r->buffers);
    if (item == NULL && !PyErr_Occurred()) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "fewer out-of-band buffers than the message needs");
    }
    if (item != NULL && !PyObject_CheckBuffer(item)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "out-of-band buffers must be bytes-like, not %s", Py_TYPE(item)->tp_name);
        Py_CLEAR(item);
    }
    return item;
}

PyObject *
fory_native_next_memory(ForyReadCtx *r, size_t size)
{
    PyObject *item = fory_native_next_buffer(r);
    Py_buffer view;
    if (item == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(item, &view, PyBUF_FULL_RO) < 0) {
        Py_DECREF(item);
        return NULL;
    }
    if ((size_t)view.len != size) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "an out-of-band buffer of %zd bytes for an array of %zu", view.len, size);
        Py_CLEAR(item);
    }
    PyBuffer_Release(&view);
    return item;
}

int
fory_native_buffer_bits(ForyReadCtx *r, int allowed, uint8_t *bits)
{
    if (fory_get_u8(&r->in, bits) != FORY_OK) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    if (*bits & ~allowed) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "buffer bits 0x%x", (unsigned)*bits);
        return -1;
    }
    return 0;
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* bytes under a callback: 1 written, 0 to be written in-band, -1 */
int
fory_native_bytes_out(ForyWriteCtx *w, PyObject *v)
{
    int in_band = 1;
    if (!w->native->raw_buffers) {
        in_band = fory_write_pin(w) < 0 ? -1 : ask(w, fory_buffer_object_new(w->st, v, NULL, 0, 1));
    }
    if (in_band != 0) {
        return in_band < 0 ? -1 : 0;
    }
    return fory_native_ext(w, FORY_X_BYTES_OUT) < 0 ? -1 : 1;
}

PyObject *
fory_native_read_bytes_out(ForyReadCtx *r)
{
    PyObject *item = fory_native_next_buffer(r), *v;
    if (item == NULL || PyBytes_CheckExact(item)) {
        return item;
    }
    v = PyBytes_FromObject(item);
    Py_DECREF(item);
    return v;
}

/* ---- PickleBuffer ------------------------------------------------------------------------------ */

/* What the callback gets of a PickleBuffer: through the pickle API itself, else its memory as
 * it lies there, whatever its shape and order. New reference. */
static PyObject *
offer(ForyWriteCtx *w, PyObject *v, const Py_buffer *view)
{
    PyObject *source = view->obj;
    if (w->native->raw_buffers) {
        return Py_NewRef(v);
    }
    if (source != NULL && PyBytes_CheckExact(source) && view->buf == PyBytes_AS_STRING(source) &&
        view->len == PyBytes_GET_SIZE(source)) {
        return fory_buffer_object_new(w->st, source, NULL, 0, 1);
    }
    return fory_buffer_object_view(w->st, v);
}

static int
write_pickle_buffer(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_buffer view; /* our own: the callback may release that of v */
    unsigned bits;
    int rc, in_band;
    (void)c;
    if (PyObject_GetBuffer(v, &view, PyBUF_FULL_RO) < 0) {
        return -1;
    }
    if (!PyBuffer_IsContiguous(&view, 'A')) {
        PyBuffer_Release(&view);
        fory_raise(w->st, FORY_E_UNSUPPORTED, "a PickleBuffer must be contiguous to be written");
        return -1;
    }
    rc = fory_native_ref(w, v);
    if (rc != 0) {
        PyBuffer_Release(&view);
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    in_band = 1;
    if (w->out_of_band) {
        in_band = fory_write_pin(w) < 0 ? -1 : ask(w, offer(w, v, &view));
    }
    rc = -1;
    if (in_band >= 0) {
        bits = (in_band ? 0 : FORY_BUFFER_OUT) | (view.readonly ? FORY_BUFFER_READONLY : 0);
        rc = fory_native_ext(w, FORY_X_BUFFER) < 0 || fory_native_tag(w, (int)bits) < 0 ? -1 : 0;
        if (rc == 0 && in_band) {
            rc = fory_native_put_memory(w, view.buf, (size_t)view.len, v);
        }
    }
    PyBuffer_Release(&view);
    Py_DECREF(v);
    return rc;
}

PyObject *
fory_native_read_buffer(ForyReadCtx *r)
{
    PyObject *memory, *v;
    uint8_t bits = 0;
    size_t n;
    if (fory_native_buffer_bits(r, FORY_BUFFER_OUT | FORY_BUFFER_READONLY, &bits) < 0) {
        return NULL;
    }
    if (bits & FORY_BUFFER_OUT) {
        memory = fory_native_next_buffer(r);
        if (memory != NULL && r->native->as_pickle) {
            if (bits & FORY_BUFFER_READONLY) {
                Py_buffer view;
                if (PyObject_GetBuffer(memory, &view, PyBUF_FULL_RO) < 0) {
                    Py_CLEAR(memory);
                    return NULL;
                }
                int writable = !view.readonly;
                PyBuffer_Release(&view);
                if (writable) {
                    /* what was read-only stays read-only */
                    v = PyMemoryView_FromObject(memory);
                    Py_DECREF(memory);
                    memory = v == NULL ? NULL : PyObject_CallMethod(v, "toreadonly", NULL);
                    Py_XDECREF(v);
                }
            }
            return memory;
        }
    }
    else {
        if (fory_native_count(r, &n) < 0) {
            return NULL;
        }
        memory = bits & FORY_BUFFER_READONLY ? PyBytes_FromStringAndSize((const char *)r->in.pos, (Py_ssize_t)n)
                                             : PyByteArray_FromStringAndSize((const char *)r->in.pos, (Py_ssize_t)n);
        r->in.pos += n;
        if (memory != NULL && r->native->as_pickle) {
            return memory;
        }
    }
    if (memory == NULL) {
        return NULL;
    }
    v = PyPickleBuffer_FromObject(memory);
    Py_DECREF(memory);
    return v;
}

int
fory_native_install_buffers(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *))
{
    static const ForyCodec codec = {.write = write_pickle_buffer};
    return add(e, &PyPickleBuffer_Type, &codec);
}
