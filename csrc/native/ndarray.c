/* ndarray: arrays of the dtypes that have a code, by NumPy's C interface where
 * runtime/numpy_api.c trusts it and by attributes and calls else; all others by
 * attributes. Elements that the buffer protocol cannot describe (datetime64,
 * structured types) are exported as bytes of a view. */
#include "native/native.h"
#include "runtime/numpy_api.h"

/* ---- memory ------------------------------------------------------------------------------- */

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

/* ---- writing --------------------------------------------------------------------------------- */

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
        in_band = exporter == NULL ? -1 : fory_native_ask(w, &(ForyMemory){exporter, NULL, 0, 0});
        if (in_band < 0) {
            goto done;
        }
        Py_SETREF(shape, PyObject_GetAttrString(array, "shape")); /* the callback may have changed it */
        if (shape == NULL || !PyTuple_Check(shape)) {
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

/* Has the callback left the array where it was? An export does not keep NumPy from resizing. */
static int
unchanged_memory(PyObject *array, const ForyMemory *memory)
{
    Py_buffer view;
    int same;
    if (array_memory(array, &view, 0) < 0) {
        return -1;
    }
    same = view.buf == memory->data && view.len == memory->size;
    PyBuffer_Release(&view);
    if (!same) {
        PyErr_SetString(PyExc_RuntimeError, "buffer_callback changed the array that it was asked about");
    }
    return same ? 0 : -1;
}

/* The same of a dtype with a code. */
static int
write_coded(ForyWriteCtx *w, PyObject *array, int element, int fortran)
{
    PyObject *shape = PyObject_GetAttrString(array, "shape");
    Py_ssize_t dims[PyBUF_MAX_NDIM];
    int rc = -1, nd = 0, in_band;
    Py_buffer view;
    if (shape == NULL || !PyTuple_Check(shape) || PyTuple_GET_SIZE(shape) > PyBUF_MAX_NDIM) {
        goto done;
    }
    for (; nd < PyTuple_GET_SIZE(shape); nd++) {
        dims[nd] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, nd));
        if (dims[nd] < 0) {
            goto done;
        }
    }
    if (array_memory(array, &view, 0) < 0) {
        goto done;
    }
    ForyMemory memory = {array, view.buf, view.len, view.readonly};
    in_band = fory_native_ask(w, &memory);
    if (in_band >= 0 && w->out_of_band && unchanged_memory(array, &memory) < 0) {
        in_band = -1;
    }
    if (in_band >= 0) {
        rc = fory_native_put_array(w, element, (in_band ? 0 : FORY_BUFFER_OUT) | (fortran ? FORY_BUFFER_FORTRAN : 0), nd,
                                   dims, &memory);
    }
    PyBuffer_Release(&view);
done:
    Py_XDECREF(shape);
    if (rc < 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "an array whose shape is no tuple of lengths");
    }
    return rc;
}

/* What is known of NumPy, or NULL: its modules may be gone, or half imported. */
static const ForyNumpy *
numpy_of_writer(ForyWriteCtx *w)
{
    const ForyNumpy *np = w->st->numpy != NULL ? w->st->numpy : fory_numpy_find(w->st, 0);
    if (np == NULL) {
        PyErr_Clear();
    }
    return np;
}

/* Any array, by its attributes. */
static int
write_by_attributes(ForyWriteCtx *w, PyObject *v)
{
    PyObject *dtype = NULL, *flags = NULL, *compact = NULL, *size;
    int objects, c_order, f_order, element, rc = -1;
    Py_ssize_t itemsize;
    const ForyNumpy *np;
    ForyLate late;
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
    np = numpy_of_writer(w);
    element = np == NULL ? 0 : fory_numpy_element_of(np, dtype);
    rc = fory_native_open(w, v, &late);
    if (rc == 0) {
        PyObject *array = compact != NULL ? compact : v;
        int fortran = !c_order && f_order;
        if (element != 0) {
            rc = write_coded(w, array, element, fortran) < 0 ? -1 : fory_native_close(w, v, &late);
        }
        else {
            rc = write_array(w, array, dtype, fortran, &late, v);
        }
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

/* An array that the callback is asked about, and may change meanwhile. */
static FORY_NOINLINE int
put_asked(ForyWriteCtx *w, PyObject *v, int element, int bits, const ForyMemory *memory)
{
    const ForyNdarray *a = (const ForyNdarray *)v;
    Py_ssize_t dims[PyBUF_MAX_NDIM];
    int nd = a->nd, in_band, rc = -1;
    if (nd > PyBUF_MAX_NDIM) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "an array of %d dimensions", nd);
        return -1;
    }
    if (nd > 0) {
        memcpy(dims, a->dims, (size_t)nd * sizeof(*dims));
    }
    Py_INCREF(v);
    in_band = fory_native_ask(w, memory);
    if (in_band > 0 && (a->data != memory->data || a->nd != nd ||
                        (nd > 0 && memcmp(dims, a->dims, (size_t)nd * sizeof(*dims)) != 0))) {
        PyErr_SetString(PyExc_RuntimeError, "an array changed while it was serialized");
    }
    else if (in_band >= 0) {
        rc = fory_native_put_array(w, element, bits | (in_band ? 0 : FORY_BUFFER_OUT), nd, dims, memory);
    }
    Py_DECREF(v);
    return rc;
}

static int
write_ndarray(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyNumpy *np = FORY_LIKELY(w->st->numpy != NULL) ? w->st->numpy : numpy_of_writer(w);
    const ForyNdarray *a = (const ForyNdarray *)v;
    int element, bits, rc;
    (void)c;
    if (np == NULL || FORY_UNLIKELY(!np->direct) || FORY_UNLIKELY(Py_TYPE(v) != np->array_type) ||
        (element = fory_numpy_element(np, a->dtype)) == 0 || !(a->flags & (FORY_NDARRAY_C | FORY_NDARRAY_F))) {
        return write_by_attributes(w, v);
    }
    rc = fory_native_ref(w, v);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    ForyMemory memory = {v, a->data, fory_element_width[element], !(a->flags & FORY_NDARRAY_WRITABLE)};
    for (int i = 0; i < a->nd; i++) {
        memory.size *= a->dims[i];
    }
    bits = a->flags & FORY_NDARRAY_C ? 0 : FORY_BUFFER_FORTRAN;
    if (FORY_LIKELY(!w->out_of_band)) {
        return fory_native_put_array(w, element, bits, a->nd, a->dims, &memory);
    }
    return put_asked(w, v, element, bits, &memory);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The pending exception, where numpy refuses what a message asks for. */
static PyObject *
no_array(ForyReadCtx *r)
{
    if (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
        PyErr_ExceptionMatches(PyExc_BufferError)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "an array whose shape, element type and memory do not agree");
    }
    return NULL;
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
    else if (memory == Py_None) {
        /* which would mean memory of its own, uninitialised */
        return fory_raise(r->st, FORY_E_INVALID_DATA, "None as the memory of an array");
    }
    else {
        if (fory_import_once(&r->st->numpy_ndarray, "numpy", "ndarray") < 0) {
            return NULL;
        }
        array = PyObject_CallFunction(r->st->numpy_ndarray, "OOOnOs", shape, dtype, memory, (Py_ssize_t)0, Py_None, order);
    }
    return array != NULL ? array : no_array(r);
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

/* By calls; memory may be NULL. */
static PyObject *
array_by_call(ForyReadCtx *r, PyObject *dtype, int order, int nd, const Py_ssize_t *dims, PyObject *memory)
{
    PyObject *shape = PyTuple_New(nd), *array = NULL;
    for (int i = 0; shape != NULL && i < nd; i++) {
        PyObject *v = PyLong_FromSsize_t(dims[i]);
        if (v == NULL) {
            Py_CLEAR(shape);
            break;
        }
        PyTuple_SET_ITEM(shape, i, v);
    }
    if (shape != NULL) {
        array = make_array(r, shape, dtype, memory, order);
        Py_DECREF(shape);
    }
    return array;
}

PyObject *
fory_native_new_ndarray(ForyReadCtx *r, int element, int order, int nd, const Py_ssize_t *dims, void **data)
{
    const ForyNumpy *np = fory_numpy(r->st);
    PyObject *array;
    Py_buffer view;
    if (np == NULL) {
        return NULL;
    }
    if (FORY_LIKELY(np->direct)) {
        array = np->new_array(np->array_type, Py_NewRef(np->dtypes[element]), nd, dims, NULL, NULL, order != 0, NULL);
        if (FORY_UNLIKELY(array == NULL)) {
            return no_array(r);
        }
        *data = ((ForyNdarray *)array)->data;
        return array;
    }
    array = array_by_call(r, np->dtypes[element], order, nd, dims, NULL);
    if (array == NULL || array_memory(array, &view, 1) < 0) {
        Py_XDECREF(array);
        return NULL;
    }
    *data = view.buf;
    PyBuffer_Release(&view); /* nobody else knows the array yet */
    return array;
}

PyObject *
fory_native_ndarray_over(ForyReadCtx *r, int element, int order, int nd, const Py_ssize_t *dims, size_t size,
                         PyObject *memory)
{
    const ForyNumpy *np = fory_numpy(r->st);
    Py_ssize_t strides[PyBUF_MAX_NDIM], step = fory_element_width[element];
    PyObject *base = NULL, *array;
    Py_buffer *view;
    if (np == NULL) {
        return NULL;
    }
    if (!np->direct || nd > PyBUF_MAX_NDIM) {
        return array_by_call(r, np->dtypes[element], order, nd, dims, memory);
    }
    /* a view of our own: the memory cannot be resized or released under the array */
    base = PyMemoryView_FromObject(memory);
    if (base == NULL) {
        return no_array(r);
    }
    view = PyMemoryView_GET_BUFFER(base);
    if (!PyBuffer_IsContiguous(view, 'A') || (size_t)view->len < size) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "array memory of %zd bytes, %zu expected", view->len, size);
        Py_DECREF(base);
        return NULL;
    }
    for (int i = 0; i < nd; i++) {
        int at = order ? i : nd - 1 - i;
        strides[at] = step;
        /* an array without elements may have lengths of any size */
        step = (Py_ssize_t)((size_t)step * (size_t)(dims[at] > 0 ? dims[at] : 1));
    }
    array = np->new_array(np->array_type, Py_NewRef(np->dtypes[element]), nd, dims, strides, view->buf,
                          view->readonly ? 0 : FORY_NDARRAY_WRITABLE, NULL);
    if (array == NULL) {
        Py_DECREF(base);
        return no_array(r);
    }
    if (np->set_base(array, base) < 0) {
        Py_CLEAR(array);
    }
    return array;
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
    if (fory_native_buffer_bits(r, FORY_BUFFER_OUT | FORY_BUFFER_READONLY | FORY_BUFFER_FORTRAN, &bits) < 0 || (dtype = read_dtype(r, &itemsize)) == NULL) {
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
        memory = fory_native_next_memory(r, (size_t)total);
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
