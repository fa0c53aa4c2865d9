/* Dense arrays (wire-format section 7): pyfory.*Array, numpy.ndarray and
 * array.array, all reached through the buffer protocol, so that NumPy is
 * needed neither to build nor to load this extension. */
#include "codecs/codecs.h"

#include "runtime/large.h"
#include "runtime/numpy_api.h"

enum { AS_WRAPPER = 0, AS_NDARRAY = 1, AS_PYARRAY = 2 };

typedef struct ForyArrayCodec {
    ForyCodec base;
    uint8_t carrier;
} ForyArrayCodec;

const char *const fory_array_names[FORY_TYPE_ID_COUNT] = {
    [FORY_BOOL_ARRAY] = "bool",       [FORY_INT8_ARRAY] = "int8",         [FORY_INT16_ARRAY] = "int16",
    [FORY_INT32_ARRAY] = "int32",     [FORY_INT64_ARRAY] = "int64",       [FORY_UINT8_ARRAY] = "uint8",
    [FORY_UINT16_ARRAY] = "uint16",   [FORY_UINT32_ARRAY] = "uint32",     [FORY_UINT64_ARRAY] = "uint64",
    [FORY_FLOAT16_ARRAY] = "float16", [FORY_BFLOAT16_ARRAY] = "bfloat16", [FORY_FLOAT32_ARRAY] = "float32",
    [FORY_FLOAT64_ARRAY] = "float64",
};

static int
is_array_array(ForyState *st, PyObject *v)
{
    if (st->array_array == NULL) {
        PyObject *module = PyImport_ImportModule("array");
        PyObject *type = module == NULL ? NULL : PyObject_GetAttrString(module, "array");
        Py_XDECREF(module);
        if (type == NULL || !PyType_Check(type)) {
            Py_XDECREF(type);
            PyErr_Clear(); /* no module, no instances */
            return 0;
        }
        Py_XSETREF(st->array_array, type);
    }
    return PyObject_TypeCheck(v, (PyTypeObject *)st->array_array);
}

static int
id_of_format(const char *format, Py_ssize_t itemsize)
{
    if (format == NULL) {
        return FORY_UINT8_ARRAY;
    }
    if (format[0] == '@' || format[0] == '=' || (format[0] == '<' && !FORY_BIG_ENDIAN)) {
        format++;
    }
    if (format[0] == '\0' || format[1] != '\0') {
        return 0;
    }
    switch (format[0]) {
    case '?':
        return FORY_BOOL_ARRAY;
    case 'b':
        return FORY_INT8_ARRAY;
    case 'B':
        return FORY_UINT8_ARRAY;
    case 'e':
        return FORY_FLOAT16_ARRAY;
    case 'f':
        return FORY_FLOAT32_ARRAY;
    case 'd':
        return FORY_FLOAT64_ARRAY;
    case 'h':
    case 'i':
    case 'l':
    case 'q':
        return itemsize == 2 ? FORY_INT16_ARRAY : itemsize == 4 ? FORY_INT32_ARRAY : FORY_INT64_ARRAY;
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
        return itemsize == 2 ? FORY_UINT16_ARRAY : itemsize == 4 ? FORY_UINT32_ARRAY : FORY_UINT64_ARRAY;
    default:
        return 0;
    }
}

/* Memory of a one-dimensional contiguous ndarray that can be taken without a view: its
 * element code, or 0. *out is borrowed from v. */
FORY_INLINE int
plain_ndarray(ForyState *st, PyObject *v, const ForyNdarray **out)
{
    const ForyNumpy *np = st->numpy;
    const ForyNdarray *a = (const ForyNdarray *)v;
    if (np == NULL || Py_TYPE(v) != np->array_type || !np->direct || a->nd != 1 || !(a->flags & FORY_NDARRAY_C)) {
        return 0;
    }
    *out = a;
    return fory_numpy_element(np, a->dtype);
}

/* An ndarray was met: the next ones may be plain. */
static void
look_at_numpy(ForyState *st, PyObject *v)
{
    if (st->numpy == NULL && strcmp(Py_TYPE(v)->tp_name, "numpy.ndarray") == 0 && fory_numpy_find(st, 0) == NULL) {
        PyErr_Clear();
    }
}

/* 1 for numpy.ma arrays, whose buffer says nothing of the mask. */
static int
is_masked(PyObject *v)
{
    for (PyTypeObject *type = Py_TYPE(v); type != NULL; type = type->tp_base) {
        if (strcmp(type->tp_name, "MaskedArray") == 0) {
            return 1;
        }
    }
    return 0;
}

/* Opens v as a one-dimensional array of a dense kind. Its id, or -1. */
static int
open_array(ForyState *st, PyObject *v, Py_buffer *view)
{
    int id;
    if (is_masked(v)) {
        fory_raise(st, FORY_E_UNSUPPORTED, "unsupported array: the mask of a %s would be lost; fill it with .filled()",
                   Py_TYPE(v)->tp_name);
        return -1;
    }
    if (PyObject_GetBuffer(v, view, PyBUF_FORMAT | PyBUF_STRIDES) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_MemoryError)) {
            fory_raise(st, FORY_E_UNSUPPORTED, "unsupported array: %s has no dense number type",
                       Py_TYPE(v)->tp_name);
        }
        return -1;
    }
    id = id_of_format(view->format, view->itemsize);
    if (view->ndim != 1 || id == 0 || fory_array_width(id) != view->itemsize) {
        fory_raise(st, FORY_E_UNSUPPORTED,
                   "unsupported array: %s of ndim=%d, format '%s'; xlang mode carries one-dimensional arrays of "
                   "native numbers",
                   Py_TYPE(v)->tp_name, view->ndim, view->format == NULL ? "B" : view->format);
        PyBuffer_Release(view);
        return -1;
    }
    return id;
}

static const uint8_t dense_of_element[FORY_EL_NUMPY] = {
    [FORY_EL_BOOL] = FORY_BOOL_ARRAY,       [FORY_EL_INT8] = FORY_INT8_ARRAY,       [FORY_EL_INT16] = FORY_INT16_ARRAY,
    [FORY_EL_INT32] = FORY_INT32_ARRAY,     [FORY_EL_INT64] = FORY_INT64_ARRAY,     [FORY_EL_UINT8] = FORY_UINT8_ARRAY,
    [FORY_EL_UINT16] = FORY_UINT16_ARRAY,   [FORY_EL_UINT32] = FORY_UINT32_ARRAY,   [FORY_EL_UINT64] = FORY_UINT64_ARRAY,
    [FORY_EL_FLOAT16] = FORY_FLOAT16_ARRAY, [FORY_EL_FLOAT32] = FORY_FLOAT32_ARRAY, [FORY_EL_FLOAT64] = FORY_FLOAT64_ARRAY,
};

int
fory_type_id_of_value(ForyState *st, PyObject *v)
{
    Py_buffer view;
    const ForyNdarray *plain;
    int element = plain_ndarray(st, v, &plain), id;
    if (element != 0 && dense_of_element[element] != 0) {
        return dense_of_element[element];
    }
    id = open_array(st, v, &view);
    if (id > 0) {
        PyBuffer_Release(&view);
    }
    return id;
}

/* ---- writing --------------------------------------------------------------------- */

static int
put_length(ForyWriteCtx *w, Py_ssize_t nbytes)
{
    if (nbytes > UINT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "an array of 2**32 bytes or more");
        return -1;
    }
    if (fory_room(w, FORY_VU32_MAX + (size_t)nbytes) < 0) {
        return -1;
    }
    fory_put_vu32(&w->out, (uint32_t)nbytes);
    return 0;
}

/* body of a pyfory array; an empty one has no memory at all */
static int
write_raw(ForyWriteCtx *w, ForyDenseArray *array)
{
    if (put_length(w, array->nbytes) < 0) {
        return -1;
    }
    if (array->nbytes > 0) {
        size_t n = (size_t)array->nbytes;
        /* counted as a view, so that no thread resizes it meanwhile */
        Py_INCREF(array);
        array->exports++;
        FORY_LARGE_WORK(n, memcpy(w->out.pos, array->data, n));
        array->exports--;
        Py_DECREF(array);
        w->out.pos += n;
    }
    return 0;
}

static int
write_view(ForyWriteCtx *w, Py_buffer *view)
{
    if (put_length(w, view->len) < 0) {
        return -1;
    }
    if (view->len == 0) {
        return 0;
    }
    if (view->strides == NULL || view->strides[0] == view->itemsize) {
        FORY_LARGE_WORK(view->len, memcpy(w->out.pos, view->buf, (size_t)view->len));
    }
    else if (PyBuffer_ToContiguous(w->out.pos, view, view->len, 'C') < 0) {
        return -1;
    }
    w->out.pos += view->len;
    return 0;
}

static int
write_plain(ForyWriteCtx *w, const ForyNdarray *a, int element)
{
    Py_ssize_t nbytes = a->dims[0] * fory_element_width[element];
    if (put_length(w, nbytes) < 0) {
        return -1;
    }
    if (FORY_LIKELY((size_t)nbytes < FORY_LARGE)) {
        fory_copy_short(w->out.pos, (const uint8_t *)a->data, (size_t)nbytes);
    }
    else {
        /* the reference keeps others from resizing it meanwhile */
        if (fory_write_pin(w) < 0) {
            return -1;
        }
        const void *data = a->data;
        Py_INCREF((PyObject *)a);
        FORY_LARGE_WORK(nbytes, memcpy(w->out.pos, data, (size_t)nbytes));
        Py_DECREF((PyObject *)a);
    }
    w->out.pos += nbytes;
    return 0;
}

static int
write_by_value(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_buffer view;
    const ForyNdarray *plain;
    int element = plain_ndarray(w->st, v, &plain), rc;
    (void)c;
    if (element != 0 && dense_of_element[element] != 0) {
        return write_plain(w, plain, element);
    }
    look_at_numpy(w->st, v);
    if (fory_write_pin(w) < 0 || open_array(w->st, v, &view) < 0) {
        return -1;
    }
    rc = write_view(w, &view);
    PyBuffer_Release(&view);
    return rc;
}

static int
wrong_array(ForyWriteCtx *w, int type_id, PyObject *v, const char *expected)
{
    fory_raise(w->st, FORY_E_TYPE, "expected %s for array<%s>, got %s", expected, fory_array_names[type_id],
               Py_TYPE(v)->tp_name);
    return -1;
}

static int
write_list_as_array(ForyWriteCtx *w, int type_id, PyObject *v)
{
    Py_ssize_t failed = 0, width = fory_array_width(type_id);
    PyObject *copy;
    int rc = -1;
    /* (a new tuple may start the garbage collector, which runs finalizers) */
    if (fory_write_pin(w) < 0 || (copy = PySequence_Tuple(v)) == NULL) {
        return -1;
    }
    if (PyTuple_GET_SIZE(copy) > UINT32_MAX / width) {
        fory_raise(w->st, FORY_E_OVERFLOW, "an array of 2**32 bytes or more");
    }
    else if (put_length(w, PyTuple_GET_SIZE(copy) * width) == 0) {
        rc = fory_dense_array_fill(w->st, type_id, PySequence_Fast_ITEMS(copy), PyTuple_GET_SIZE(copy), w->out.pos,
                                   &failed);
        if (rc < 0) {
            fory_path_index(&w->path, failed);
        }
        else {
            w->out.pos += PyTuple_GET_SIZE(copy) * width;
        }
    }
    Py_DECREF(copy);
    return rc;
}

static int
write_declared(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyArrayCodec *codec = (const ForyArrayCodec *)c;
    Py_buffer view;
    const ForyNdarray *plain;
    int element = plain_ndarray(w->st, v, &plain), id, rc;
    if (element != 0 && dense_of_element[element] == c->type_id && codec->carrier != AS_PYARRAY) {
        return write_plain(w, plain, element);
    }
    if (PyObject_TypeCheck(v, w->st->DenseArrayType)) {
        ForyDenseArray *array = (ForyDenseArray *)v;
        if (codec->carrier != AS_WRAPPER || array->type_id != c->type_id) {
            return wrong_array(w, c->type_id, v, codec->carrier == AS_NDARRAY    ? "ndarray"
                                                 : codec->carrier == AS_PYARRAY ? "array.array"
                                                                                : "an array of the same type");
        }
        return write_raw(w, array);
    }
    if (PyList_CheckExact(v)) {
        return codec->carrier == AS_WRAPPER ? write_list_as_array(w, c->type_id, v)
                                            : wrong_array(w, c->type_id, v, "an array");
    }
    int is_pyarray = is_array_array(w->st, v);
    if ((codec->carrier == AS_NDARRAY && is_pyarray) || (codec->carrier == AS_PYARRAY && !is_pyarray) ||
        PyBytes_Check(v) || PyByteArray_Check(v) || PyMemoryView_Check(v) || !PyObject_CheckBuffer(v)) {
        return wrong_array(w, c->type_id, v, codec->carrier == AS_PYARRAY ? "array.array" : "an array");
    }
    look_at_numpy(w->st, v);
    id = fory_write_pin(w) < 0 ? -1 : open_array(w->st, v, &view);
    if (id < 0) {
        return -1;
    }
    /* bfloat16 travels in arrays of its bit patterns only as pyfory.BFloat16Array */
    if (id != c->type_id) {
        fory_raise(w->st, FORY_E_TYPE, "expected array<%s>, got elements of %s (%s typecode or dtype '%s')",
                   fory_array_names[c->type_id], fory_array_names[id], Py_TYPE(v)->tp_name,
                   view.format == NULL ? "B" : view.format);
        PyBuffer_Release(&view);
        return -1;
    }
    rc = write_view(w, &view);
    PyBuffer_Release(&view);
    return rc;
}

/* exact pyfory.*Array at a dynamic position */
static int
write_wrapper(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    ForyDenseArray *array = (ForyDenseArray *)v;
    if (!PyObject_TypeCheck(v, w->st->DenseArrayType) || array->type_id != c->type_id) {
        return wrong_array(w, c->type_id, v, "an array of the same type");
    }
    return write_raw(w, array);
}

/* ---- reading ------------------------------------------------------------------------ */

static int
typecode_of(int type_id)
{
    switch (type_id) {
    case FORY_INT8_ARRAY:
        return 'b';
    case FORY_UINT8_ARRAY:
        return 'B';
    case FORY_INT16_ARRAY:
        return 'h';
    case FORY_UINT16_ARRAY:
        return 'H';
    case FORY_INT32_ARRAY:
        return 'i';
    case FORY_UINT32_ARRAY:
        return 'I';
    case FORY_INT64_ARRAY:
        return 'q';
    case FORY_UINT64_ARRAY:
        return 'Q';
    case FORY_FLOAT32_ARRAY:
        return 'f';
    case FORY_FLOAT64_ARRAY:
        return 'd';
    default:
        return 0;
    }
}

/* numpy.empty and the dtype of type_id are kept: looking them up costs more than
 * a small array. 0 / -1. */
static int
numpy_ready(ForyState *st, int type_id)
{
    PyObject *numpy, *dtype = NULL;
    if (FORY_LIKELY(st->numpy_empty != NULL && st->numpy_dtypes[type_id] != NULL)) {
        return 0;
    }
    numpy = PyImport_ImportModule("numpy");
    if (numpy == NULL) {
        return -1;
    }
    if (st->numpy_empty == NULL) {
        st->numpy_empty = PyObject_GetAttrString(numpy, "empty");
    }
    if (st->numpy_empty != NULL) {
        dtype = PyObject_CallMethod(numpy, "dtype", "s", fory_array_names[type_id]);
    }
    Py_DECREF(numpy);
    if (dtype == NULL) {
        return -1;
    }
    Py_XSETREF(st->numpy_dtypes[type_id], dtype);
    return 0;
}

/* Fills the memory of a new array, which nobody else knows or can resize. */
static void
copy_body(ForyReadCtx *r, int type_id, uint8_t *out, const uint8_t *data, size_t nbytes)
{
    const fory_kernels *k = r->st->kernels;
    fory_advise_fresh(out, nbytes);
    if (type_id == FORY_BOOL_ARRAY) {
        FORY_LARGE_WORK(nbytes, k->bool_normalize(data, out, nbytes));
    }
    else {
        FORY_LARGE_WORK(nbytes, memcpy(out, data, nbytes));
    }
}

static PyObject *
make_ndarray(ForyReadCtx *r, int type_id, Py_ssize_t n, const uint8_t *data, Py_ssize_t nbytes)
{
    PyObject *array, *length;
    Py_buffer view;
    const ForyNumpy *np = fory_numpy(r->st);
    int element = fory_element_of_dense[type_id];
    if (np == NULL) {
        return NULL;
    }
    if (FORY_LIKELY(np->direct) && FORY_LIKELY(element < FORY_EL_NUMPY)) {
        array = np->new_array(np->array_type, Py_NewRef(np->dtypes[element]), 1, &n, NULL, NULL, 0, NULL);
        if (array != NULL && nbytes > 0) {
            copy_body(r, type_id, (uint8_t *)((ForyNdarray *)array)->data, data, (size_t)nbytes);
        }
        return array;
    }
    if (numpy_ready(r->st, type_id) < 0 || (length = PyLong_FromSsize_t(n)) == NULL) {
        return NULL;
    }
    array = PyObject_CallFunctionObjArgs(r->st->numpy_empty, length, r->st->numpy_dtypes[type_id], NULL);
    Py_DECREF(length);
    if (array == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(array, &view, PyBUF_WRITABLE) < 0) {
        Py_DECREF(array);
        return NULL;
    }
    if (view.len == nbytes) {
        copy_body(r, type_id, view.buf, data, (size_t)nbytes);
    }
    PyBuffer_Release(&view);
    return array;
}

/* Small arrays are made in one call from a copy, large ones filled without one. */
#define PYARRAY_BY_COPY 4096

PyObject *
fory_pyarray_from_bytes(ForyState *st, int typecode, const uint8_t *data, size_t size)
{
    PyObject *array = NULL, *view = NULL, *done = NULL;
    if (fory_import_once(&st->array_array, "array", "array") < 0) {
        return NULL;
    }
    if (size <= PYARRAY_BY_COPY) {
        return PyObject_CallFunction(st->array_array, "Cy#", typecode, (const char *)data, (Py_ssize_t)size);
    }
    array = PyObject_CallFunction(st->array_array, "C", typecode);
    view = array == NULL ? NULL : PyMemoryView_FromMemory((char *)data, (Py_ssize_t)size, PyBUF_READ);
    done = view == NULL ? NULL : PyObject_CallMethod(array, "frombytes", "O", view);
    if (done == NULL) {
        Py_CLEAR(array);
    }
    Py_XDECREF(view);
    Py_XDECREF(done);
    return array;
}

static PyObject *
read_array(ForyReadCtx *r, int type_id, int carrier)
{
    uint32_t nbytes;
    const uint8_t *data;
    int width = fory_array_width(type_id);
    int rc = fory_get_vu32(&r->in, &nbytes);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (nbytes % (unsigned)width != 0) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "array<%s> of %u bytes", fory_array_names[type_id],
                          (unsigned)nbytes);
    }
    if (!fory_have(&r->in, nbytes)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    data = r->in.pos;
    r->in.pos += nbytes;
    if (carrier == AS_NDARRAY) {
        return make_ndarray(r, type_id, (Py_ssize_t)(nbytes / (unsigned)width), data, (Py_ssize_t)nbytes);
    }
    if (carrier == AS_PYARRAY) {
        return fory_pyarray_from_bytes(r->st, typecode_of(type_id), data, nbytes);
    }
    PyObject *array = fory_dense_array_new(r->st, type_id, (Py_ssize_t)nbytes);
    if (array != NULL && nbytes > 0) {
        copy_body(r, type_id, ((ForyDenseArray *)array)->data, data, nbytes);
    }
    return array;
}

static PyObject *
read_wrapper(ForyReadCtx *r, const ForyCodec *c)
{
    return read_array(r, c->type_id, AS_WRAPPER);
}

static PyObject *
read_declared(ForyReadCtx *r, const ForyCodec *c)
{
    return read_array(r, c->type_id, ((const ForyArrayCodec *)c)->carrier);
}

/* ---- making codecs ---------------------------------------------------------------------- */

const ForyCodec *
fory_array_codec(ForyEngine *e, int type_id, int carrier)
{
    ForyArrayCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec == NULL) {
        return NULL;
    }
    codec->base = (ForyCodec){write_declared, read_declared, NULL, NULL, NULL, (uint8_t)type_id,
                              carrier == AS_PYARRAY ? FORY_CODEC_TRACKED : 0, 1, 0};
    codec->carrier = (uint8_t)carrier;
    return &codec->base;
}

const ForyCodec *
fory_value_array_codec(ForyEngine *e)
{
    ForyCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec != NULL) {
        *codec = (ForyCodec){write_by_value, NULL, NULL, NULL, NULL, FORY_UNKNOWN, FORY_CODEC_TRACKED, 1, 0};
    }
    return codec;
}

void
fory_arrays_init(ForyState *st)
{
    for (int id = FORY_BOOL_ARRAY; id <= FORY_FLOAT64_ARRAY; id++) {
        if (fory_array_width(id) > 0) {
            st->codecs[id] = (ForyCodec){write_wrapper, read_wrapper, NULL, NULL, NULL, (uint8_t)id, 0, 1, 0};
        }
    }
}
