/* Large memory of the native format: PickleBuffer, ndarrays, bytes out-of-band.
 *
 * Arrays are reached through the buffer protocol and Python attributes; nothing
 * here needs NumPy's headers. Elements that the buffer protocol cannot describe
 * (datetime64, structured types) are exported as bytes of a view. */
#include "native/native.h"

/* ---- handing a buffer over --------------------------------------------------------------- */

/* Asks the callback about the memory of `source` (borrowed): 1 keep in-band, 0 out, -1. */
static int
ask_callback(ForyWriteCtx *w, PyObject *source)
{
    PyObject *o, *answer;
    int in_band;
    if (!w->out_of_band) {
        return 1;
    }
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    o = w->native->raw_buffers ? PyPickleBuffer_FromObject(source)
                               : PyObject_CallFunctionObjArgs((PyObject *)w->st->BufferObjectType, source, NULL);
    if (o == NULL) {
        return -1;
    }
    answer = PyObject_CallFunctionObjArgs(w->buffer_callback, o, NULL);
    Py_DECREF(o);
    if (answer == NULL) {
        return -1;
    }
    in_band = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    w->native->any_out |= in_band == 0;
    return in_band;
}

/* The next buffer of the caller; new reference. */
static PyObject *
next_buffer(ForyReadCtx *r)
{
    PyObject *item;
    if (r->buffers == NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "the message needs out-of-band buffers: pass buffers=");
    }
    item = PyIter_Next(r->buffers);
    if (item == NULL && !PyErr_Occurred()) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "fewer out-of-band buffers than the message needs");
    }
    return item;
}

static int
read_bits(ForyReadCtx *r, uint8_t *bits)
{
    if (fory_get_u8(&r->in, bits) != FORY_OK) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    if (*bits & ~(FORY_BUFFER_OUT | FORY_BUFFER_READONLY | FORY_BUFFER_FORTRAN)) {
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
    int in_band = w->native->raw_buffers ? 1 : ask_callback(w, v);
    if (in_band != 0) {
        return in_band < 0 ? -1 : 0;
    }
    return fory_native_ext(w, FORY_X_BYTES_OUT) < 0 ? -1 : 1;
}

PyObject *
fory_native_read_bytes_out(ForyReadCtx *r)
{
    PyObject *item = next_buffer(r), *v;
    if (item == NULL || PyBytes_CheckExact(item)) {
        return item;
    }
    v = PyBytes_FromObject(item);
    Py_DECREF(item);
    return v;
}

/* ---- PickleBuffer ------------------------------------------------------------------------------ */

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
    if (!w->native->raw_buffers && w->out_of_band) {
        /* the memory as it lies there, whatever its shape and order */
        PyObject *raw = fory_write_pin(w) < 0 ? NULL : PyObject_CallMethod(v, "raw", NULL);
        in_band = raw == NULL ? -1 : ask_callback(w, raw);
        Py_XDECREF(raw);
    }
    if (in_band >= 0 && w->native->raw_buffers && w->out_of_band) {
        /* the pickle API hands out the PickleBuffer itself */
        PyObject *answer = fory_write_pin(w) < 0 ? NULL : PyObject_CallFunctionObjArgs(w->buffer_callback, v, NULL);
        in_band = answer == NULL ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        w->native->any_out |= in_band == 0;
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
    if (read_bits(r, &bits) < 0) {
        return NULL;
    }
    if (bits & FORY_BUFFER_OUT) {
        memory = next_buffer(r);
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

/* ---- ndarray -------------------------------------------------------------------------------------- */

/* Flat bytes of a contiguous array: exported directly, or as a view of bytes. 0 / -1. */
static int
array_memory(PyObject *array, Py_buffer *view, int writable)
{
    PyObject *flat, *bytes;
    int rc;
    if (PyObject_GetBuffer(array, view, PyBUF_ANY_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)) == 0) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_BufferError)) {
        return -1;
    }
    PyErr_Clear();
    flat = PyObject_CallMethod(array, "ravel", "s", "K");
    bytes = flat == NULL ? NULL : PyObject_CallMethod(flat, "view", "s", "u1");
    rc = bytes == NULL ? -1 : PyObject_GetBuffer(bytes, view, PyBUF_ANY_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0));
    Py_XDECREF(flat);
    Py_XDECREF(bytes);
    return rc;
}

/* the same as an object that anything can export, flat and in memory order; new reference */
static PyObject *
array_exporter(PyObject *array)
{
    PyObject *flat = PyObject_CallMethod(array, "ravel", "s", "K"), *bytes;
    bytes = flat == NULL ? NULL : PyObject_CallMethod(flat, "view", "s", "u1");
    Py_XDECREF(flat);
    return bytes;
}

static int
flag(PyObject *flags, const char *name)
{
    PyObject *v = PyObject_GetAttrString(flags, name);
    int rc = v == NULL ? -1 : PyObject_IsTrue(v);
    Py_XDECREF(v);
    return rc;
}

/* dtypes that their short text names completely travel as that text. */
static int
write_dtype(ForyWriteCtx *w, PyObject *dtype)
{
    static const char simple[] = "biufcmMSU";
    PyObject *text = NULL, *kind = PyObject_GetAttrString(dtype, "kind"), *again = NULL;
    int rc = -1, same = 0;
    if (kind == NULL) {
        return -1;
    }
    if (PyUnicode_GET_LENGTH(kind) == 1 && strchr(simple, (int)PyUnicode_READ_CHAR(kind, 0)) != NULL) {
        PyObject *metadata = PyObject_GetAttrString(dtype, "metadata");
        text = metadata == Py_None ? PyObject_GetAttrString(dtype, "str") : NULL;
        Py_XDECREF(metadata);
        if (text == NULL && PyErr_Occurred()) {
            goto done;
        }
        if (text != NULL) {
            again = PyObject_CallFunctionObjArgs((PyObject *)Py_TYPE(dtype), text, NULL);
            if (again == NULL) {
                /* the classes of new-style dtypes take no text */
                PyErr_Clear();
            }
            same = again != NULL ? PyObject_RichCompareBool(again, dtype, Py_EQ) : 1;
        }
    }
    rc = same < 0 || fory_write_enter(w) < 0 ? -1 : fory_native_write(w, text != NULL && same ? text : dtype);
    w->depth -= rc == 0;
done:
    Py_XDECREF(again);
    Py_XDECREF(kind);
    Py_XDECREF(text);
    return rc;
}

static int
write_array(ForyWriteCtx *w, PyObject *array, PyObject *dtype, int fortran, ForyLate *late, PyObject *owner)
{
    PyObject *shape = PyObject_GetAttrString(array, "shape"), *exporter = NULL;
    Py_buffer view;
    int in_band = 1, rc = -1;
    if (shape == NULL || !PyTuple_Check(shape)) {
        goto done;
    }
    if (w->out_of_band) {
        exporter = array_exporter(array);
        in_band = exporter == NULL ? -1 : ask_callback(w, exporter);
        if (in_band < 0) {
            goto done;
        }
    }
    if (fory_native_ext(w, FORY_X_NDARRAY) < 0 ||
        fory_native_tag(w, (in_band ? 0 : FORY_BUFFER_OUT) | (fortran ? FORY_BUFFER_FORTRAN : 0)) < 0 ||
        write_dtype(w, dtype) < 0 || fory_room(w, FORY_VU64_MAX) < 0) {
        goto done;
    }
    fory_put_vu64(&w->out, (uint64_t)PyTuple_GET_SIZE(shape));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(shape); i++) {
        Py_ssize_t n = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i));
        if ((n == -1 && PyErr_Occurred()) || fory_room(w, FORY_VU64_MAX) < 0) {
            goto done;
        }
        fory_put_vu64(&w->out, (uint64_t)n);
    }
    if (in_band) {
        if (array_memory(array, &view, 0) < 0) {
            goto done;
        }
        rc = fory_native_put_memory(w, view.buf, (size_t)view.len, array);
        PyBuffer_Release(&view);
    }
    else {
        rc = 0;
    }
    if (rc == 0) {
        rc = fory_native_close(w, owner, late);
    }
done:
    Py_XDECREF(shape);
    Py_XDECREF(exporter);
    return rc;
}

static int
write_ndarray(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    PyObject *dtype = NULL, *flags = NULL, *compact = NULL, *size;
    int objects, c_order, f_order, rc = -1;
    Py_ssize_t itemsize;
    ForyLate late;
    (void)c;
    rc = fory_native_known(w, v);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = -1;
    if (fory_write_pin(w) < 0 || (dtype = PyObject_GetAttrString(v, "dtype")) == NULL ||
        (flags = PyObject_GetAttrString(v, "flags")) == NULL || (objects = flag(dtype, "hasobject")) < 0 ||
        (c_order = flag(flags, "c_contiguous")) < 0 || (f_order = flag(flags, "f_contiguous")) < 0 ||
        (size = PyObject_GetAttrString(dtype, "itemsize")) == NULL) {
        goto done;
    }
    itemsize = PyLong_AsSsize_t(size);
    Py_DECREF(size);
    if (objects) {
        /* not by the protocol: what numpy makes of its state trusts every part of it */
        PyObject *reduced = PyObject_CallMethod(w->engine->registry, "reduce_object_array", "(O)", v);
        rc = reduced == NULL || fory_write_keep(w, reduced) < 0 ? -1 : fory_native_write_reduced(w, v, reduced);
        Py_XDECREF(reduced);
        goto done;
    }
    if (itemsize <= 0) {
        rc = fory_native_write_by_protocol(w, v);
        goto done;
    }
    if (!c_order && !f_order) {
        /* compacted once */
        compact = PyObject_CallMethod(v, "copy", "s", "C");
        if (compact == NULL) {
            goto done;
        }
    }
    rc = fory_native_open(w, v, &late);
    if (rc == 0) {
        rc = write_array(w, compact != NULL ? compact : v, dtype, !c_order && f_order, &late, v);
        fory_native_abandon(w, &late);
    }
    rc = rc < 0 ? -1 : 0;
done:
    Py_XDECREF(dtype);
    Py_XDECREF(flags);
    Py_XDECREF(compact);
    Py_DECREF(v);
    return rc;
}

/* numpy.ndarray(shape, dtype, memory, order=...) or numpy.empty; new reference */
static PyObject *
make_array(ForyReadCtx *r, PyObject *shape, PyObject *dtype, PyObject *memory, int fortran)
{
    const char *order = fortran ? "F" : "C";
    PyObject *array;
    if (memory == NULL) {
        if (fory_import_once(&r->st->numpy_empty, "numpy", "empty") < 0) {
            return NULL;
        }
        array = PyObject_CallFunction(r->st->numpy_empty, "OOs", shape, dtype, order);
    }
    else {
        if (fory_import_once(&r->st->numpy_ndarray, "numpy", "ndarray") < 0) {
            return NULL;
        }
        array = PyObject_CallFunction(r->st->numpy_ndarray, "OOOnOs", shape, dtype, memory, (Py_ssize_t)0, Py_None, order);
    }
    if (array == NULL && (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
                          PyErr_ExceptionMatches(PyExc_BufferError))) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "an array whose shape, element type and memory do not agree");
    }
    return array;
}

/* The dtype of an array, never one with objects: raw memory must not become pointers. */
static PyObject *
read_dtype(ForyReadCtx *r, Py_ssize_t *itemsize)
{
    PyObject *v = NULL, *dtype = NULL, *size = NULL;
    int objects;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    v = fory_native_read(r);
    r->depth--;
    if (v == NULL || fory_import_once(&r->st->numpy_dtype, "numpy", "dtype") < 0) {
        Py_XDECREF(v);
        return NULL;
    }
    if (PyUnicode_CheckExact(v)) {
        dtype = PyObject_CallFunctionObjArgs(r->st->numpy_dtype, v, NULL);
        if (dtype == NULL && (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_ValueError) ||
                              PyErr_ExceptionMatches(PyExc_SyntaxError))) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "unknown element type of an array");
        }
    }
    else if (PyObject_TypeCheck(v, (PyTypeObject *)r->st->numpy_dtype)) {
        dtype = Py_NewRef(v);
    }
    else {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of an element type", Py_TYPE(v)->tp_name);
    }
    Py_DECREF(v);
    if (dtype == NULL) {
        return NULL;
    }
    objects = flag(dtype, "hasobject");
    size = objects < 0 ? NULL : PyObject_GetAttrString(dtype, "itemsize");
    *itemsize = size == NULL ? -1 : PyLong_AsSsize_t(size);
    Py_XDECREF(size);
    if (objects > 0 || *itemsize == 0) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "array memory of an element type with objects or of no size");
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(dtype);
    }
    return dtype;
}

PyObject *
fory_native_read_ndarray(ForyReadCtx *r)
{
    PyObject *dtype = NULL, *shape = NULL, *memory = NULL, *array = NULL;
    Py_ssize_t itemsize = 0, total;
    uint64_t ndim;
    uint8_t bits = 0;
    size_t n;
    Py_buffer view;
    if (read_bits(r, &bits) < 0 || (dtype = read_dtype(r, &itemsize)) == NULL) {
        return NULL;
    }
    if (fory_get_vu64(&r->in, &ndim) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        goto error;
    }
    if (ndim > 64 || (shape = PyTuple_New((Py_ssize_t)ndim)) == NULL) {
        if (!PyErr_Occurred()) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "an array of too many dimensions");
        }
        goto error;
    }
    total = itemsize;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)ndim; i++) {
        uint64_t length;
        PyObject *v;
        if (fory_get_vu64(&r->in, &length) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            goto error;
        }
        if (length > PY_SSIZE_T_MAX ||
            (length > 0 && total > PY_SSIZE_T_MAX / (Py_ssize_t)length)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "an array of too many elements");
            goto error;
        }
        total *= (Py_ssize_t)length;
        v = PyLong_FromUnsignedLongLong(length);
        if (v == NULL) {
            goto error;
        }
        PyTuple_SET_ITEM(shape, i, v);
    }
    if (bits & FORY_BUFFER_OUT) {
        memory = next_buffer(r);
        array = memory == NULL ? NULL : make_array(r, shape, dtype, memory, bits & FORY_BUFFER_FORTRAN);
        goto error;
    }
    if (fory_native_count(r, &n) < 0) {
        goto error;
    }
    if (n != (size_t)total) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "array memory of %zu bytes, %zd expected", n, total);
        goto error;
    }
    array = make_array(r, shape, dtype, NULL, bits & FORY_BUFFER_FORTRAN);
    if (array != NULL && n > 0) {
        if (array_memory(array, &view, 1) < 0) {
            Py_CLEAR(array);
            goto error;
        }
        if (view.len == (Py_ssize_t)n) {
            fory_advise_fresh(view.buf, n);
            FORY_LARGE_WORK(n, memcpy(view.buf, r->in.pos, n));
        }
        PyBuffer_Release(&view);
    }
    r->in.pos += n;
error:
    Py_XDECREF(dtype);
    Py_XDECREF(shape);
    Py_XDECREF(memory);
    return array;
}

const ForyCodec *
fory_native_ndarray_codec(void)
{
    static const ForyCodec codec = {.write = write_ndarray};
    return &codec;
}

int
fory_native_install_buffers(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *))
{
    static const ForyCodec codec = {.write = write_pickle_buffer};
    return add(e, &PyPickleBuffer_Type, &codec);
}
