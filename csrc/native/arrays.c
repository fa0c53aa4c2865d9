/* Arrays of numbers: what all carriers share, pyfory.array, array.array and
 * NumPy's scalars. ndarray.c has the rest of NumPy. */
#include "native/native.h"
#include "runtime/numpy_api.h"

#define MAX_DIMS 64 /* NumPy 2 */

/* ---- writing ------------------------------------------------------------------------------- */

int
fory_native_put_array(ForyWriteCtx *w, int kind, int bits, int nd, const Py_ssize_t *dims, const ForyMemory *memory)
{
    const size_t size = (size_t)memory->size;
    const int out = bits & FORY_BUFFER_OUT;
    if (fory_room(w, 2 + (size_t)(nd + 1) * FORY_VU64_MAX + (out ? 0 : size)) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, FORY_N_ARRAY);
    if (FORY_LIKELY(nd == 1) && FORY_LIKELY(!out)) {
        fory_put_u8(&w->out, (uint8_t)kind);
        fory_put_vu64(&w->out, (uint64_t)dims[0]);
    }
    else {
        fory_put_u8(&w->out, (uint8_t)(kind | FORY_ARRAY_DIMS));
        fory_put_vu64(&w->out, (uint64_t)nd << 3 | (uint64_t)bits);
        for (int i = 0; i < nd; i++) {
            fory_put_vu64(&w->out, (uint64_t)dims[i]);
        }
    }
    if (out) {
        return 0;
    }
    if (FORY_LIKELY(size < FORY_LARGE)) {
        fory_copy_short(w->out.pos, memory->data, size);
    }
    else {
        /* the reference keeps others from resizing it meanwhile */
        if (fory_write_pin(w) < 0) {
            return -1;
        }
        Py_INCREF(memory->owner);
        FORY_LARGE_WORK(size, memcpy(w->out.pos, memory->data, size));
        Py_DECREF(memory->owner);
    }
    w->out.pos += size;
    return 0;
}

/* The same for other carriers, which are kept in place by a view. The pickle API does
 * not offer them to a callback, as pickle does not. */
static int
put_exported(ForyWriteCtx *w, int kind, Py_ssize_t n, PyObject *v, const Py_buffer *view)
{
    ForyMemory memory = {v, NULL, 0, 0};
    int in_band = 1;
    if (FORY_UNLIKELY(w->out_of_band) && !w->native->raw_buffers) {
        in_band = fory_native_ask(w, &memory);
        if (in_band < 0) {
            return -1;
        }
    }
    memory.data = view->buf;
    memory.size = view->len;
    return fory_native_put_array(w, kind, in_band ? 0 : FORY_BUFFER_OUT, 1, &n, &memory);
}

static const uint8_t element_of_dense[FORY_TYPE_ID_COUNT] = {
    [FORY_BOOL_ARRAY] = FORY_EL_BOOL,       [FORY_INT8_ARRAY] = FORY_EL_INT8,         [FORY_INT16_ARRAY] = FORY_EL_INT16,
    [FORY_INT32_ARRAY] = FORY_EL_INT32,     [FORY_INT64_ARRAY] = FORY_EL_INT64,       [FORY_UINT8_ARRAY] = FORY_EL_UINT8,
    [FORY_UINT16_ARRAY] = FORY_EL_UINT16,   [FORY_UINT32_ARRAY] = FORY_EL_UINT32,     [FORY_UINT64_ARRAY] = FORY_EL_UINT64,
    [FORY_FLOAT16_ARRAY] = FORY_EL_FLOAT16, [FORY_BFLOAT16_ARRAY] = FORY_EL_BFLOAT16, [FORY_FLOAT32_ARRAY] = FORY_EL_FLOAT32,
    [FORY_FLOAT64_ARRAY] = FORY_EL_FLOAT64,
};

/* type id of pyfory.array, typecode of array.array; 0 where there is none */
static const struct {
    uint8_t dense;
    char code;
} carriers_of[32] = {
    [FORY_EL_BOOL] = {FORY_BOOL_ARRAY, 0},         [FORY_EL_INT8] = {FORY_INT8_ARRAY, 'b'},
    [FORY_EL_INT16] = {FORY_INT16_ARRAY, 'h'},     [FORY_EL_INT32] = {FORY_INT32_ARRAY, 'i'},
    [FORY_EL_INT64] = {FORY_INT64_ARRAY, 'q'},     [FORY_EL_UINT8] = {FORY_UINT8_ARRAY, 'B'},
    [FORY_EL_UINT16] = {FORY_UINT16_ARRAY, 'H'},   [FORY_EL_UINT32] = {FORY_UINT32_ARRAY, 'I'},
    [FORY_EL_UINT64] = {FORY_UINT64_ARRAY, 'Q'},   [FORY_EL_FLOAT16] = {FORY_FLOAT16_ARRAY, 0},
    [FORY_EL_FLOAT32] = {FORY_FLOAT32_ARRAY, 'f'}, [FORY_EL_FLOAT64] = {FORY_FLOAT64_ARRAY, 'd'},
    [FORY_EL_BFLOAT16] = {FORY_BFLOAT16_ARRAY, 0},
    /* where long is of another size, the int of this one */
    [FORY_EL_LONG32] = {0, sizeof(long) == 4 ? 'l' : 'i'},  [FORY_EL_LONG64] = {0, sizeof(long) == 8 ? 'l' : 'q'},
    [FORY_EL_ULONG32] = {0, sizeof(long) == 4 ? 'L' : 'I'}, [FORY_EL_ULONG64] = {0, sizeof(long) == 8 ? 'L' : 'Q'},
};

/* pyfory.array */
static int
write_dense(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    ForyDenseArray *array = (ForyDenseArray *)v;
    Py_buffer view;
    int rc;
    if (!PyObject_TypeCheck(v, w->st->DenseArrayType) || array->type_id >= FORY_TYPE_ID_COUNT ||
        element_of_dense[array->type_id] == 0) {
        return fory_native_write_by_protocol(w, v);
    }
    rc = fory_native_ref(w, v);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    (void)c;
    /* a view: nobody resizes it meanwhile */
    if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    rc = put_exported(w, FORY_ARRAY_DENSE | element_of_dense[array->type_id], array->nbytes / array->width, v, &view);
    PyBuffer_Release(&view);
    return rc;
}

/* Element code of array.array by its typecode, 0 for text. */
static int
element_of_typecode(const Py_buffer *view)
{
    int element = 0;
    if (view->format == NULL || view->format[0] == '\0' || view->format[1] != '\0' || FORY_BIG_ENDIAN) {
        return 0;
    }
    if (view->format[0] == 'l' || view->format[0] == 'L') {
        int is_signed = view->format[0] == 'l';
        element = view->itemsize == 4 ? (is_signed ? FORY_EL_LONG32 : FORY_EL_ULONG32)
                                      : (is_signed ? FORY_EL_LONG64 : FORY_EL_ULONG64);
    }
    for (int i = 1; element == 0 && i < FORY_EL_COUNT; i++) {
        if (carriers_of[i].code == view->format[0]) {
            element = i;
        }
    }
    return fory_element_width[element] == view->itemsize ? element : 0;
}

/* array.array */
static int
write_pyarray(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_buffer view;
    int element, rc;
    (void)c;
    if (PyObject_GetBuffer(v, &view, PyBUF_FORMAT) < 0) {
        return -1;
    }
    element = element_of_typecode(&view);
    rc = element == 0 ? fory_native_write_by_protocol(w, v) : fory_native_ref(w, v);
    if (element == 0 || rc != 0) {
        PyBuffer_Release(&view);
        return rc < 0 ? -1 : 0;
    }
    rc = put_exported(w, FORY_ARRAY_PYTHON | element, view.len / view.itemsize, v, &view);
    PyBuffer_Release(&view);
    return rc;
}

/* ---- NumPy scalars ------------------------------------------------------------------------------ */

typedef struct ForyScalarCodec {
    ForyCodec base;
    const ForyNumpy *np;
    uint8_t element;
} ForyScalarCodec;

static int
write_scalar(ForyWriteCtx *w, const ForyCodec *base, PyObject *v)
{
    const ForyScalarCodec *c = (const ForyScalarCodec *)base;
    uint8_t element[16] = {0};
    int rc = fory_native_ref(w, v);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    c->np->get_scalar(v, element);
    if (fory_room(w, 2 + sizeof(element)) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, FORY_N_ARRAY);
    fory_put_u8(&w->out, FORY_ARRAY_SCALAR | c->element);
    memcpy(w->out.pos, element, sizeof(element));
    w->out.pos += fory_element_width[c->element];
    return 0;
}

static PyObject *
read_scalar(ForyReadCtx *r, int element)
{
    const ForyNumpy *np = fory_numpy(r->st);
    const size_t width = fory_element_width[element];
    double memory[2] = {0, 0}; /* aligned for any of them */
    PyObject *bytes, *array, *key, *v;
    if (np == NULL) {
        return NULL;
    }
    if (!fory_have(&r->in, width)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    memcpy(memory, r->in.pos, width);
    r->in.pos += width;
    if (element == FORY_EL_BOOL) {
        ((uint8_t *)memory)[0] = ((uint8_t *)memory)[0] != 0;
    }
    if (FORY_LIKELY(np->direct)) {
        return np->new_scalar(memory, np->dtypes[element], NULL);
    }
    bytes = PyBytes_FromStringAndSize((const char *)memory, (Py_ssize_t)width);
    array = bytes == NULL ? NULL
                          : PyObject_CallFunction((PyObject *)np->array_type, "OOO", r->st->empty_tuple, np->dtypes[element], bytes);
    Py_XDECREF(bytes);
    key = Py_NewRef(r->st->empty_tuple);
    v = array == NULL ? NULL : PyObject_GetItem(array, key);
    Py_DECREF(key);
    Py_XDECREF(array);
    return v;
}

const ForyCodec *
fory_native_scalar_codec(ForyEngine *e, PyTypeObject *type)
{
    const ForyNumpy *np = fory_numpy(e->st);
    ForyScalarCodec *c;
    if (np == NULL || !np->direct) {
        return NULL;
    }
    for (int i = 1; i < FORY_EL_NUMPY; i++) {
        if (np->scalars[i] == type) {
            c = fory_engine_alloc(e, sizeof(*c));
            if (c == NULL) {
                return NULL;
            }
            c->base.write = write_scalar;
            c->np = np;
            c->element = (uint8_t)i;
            return &c->base;
        }
    }
    return NULL;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Number of dimensions, their lengths, and the memory they take. 0 / -1. */
static int
read_dims(ForyReadCtx *r, size_t width, int *bits, int *nd, Py_ssize_t *dims, size_t *size)
{
    uint64_t head, n;
    size_t total = width;
    if (fory_get_vu64(&r->in, &head) != FORY_OK) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    if (head >> 3 > MAX_DIMS || head & FORY_BUFFER_READONLY) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "an array of too many dimensions");
        return -1;
    }
    *nd = (int)(head >> 3);
    *bits = (int)(head & 7);
    for (int i = 0; i < *nd; i++) {
        if (fory_get_vu64(&r->in, &n) != FORY_OK) {
            return fory_read_bad(r, FORY_TRUNCATED);
        }
        if (n > PY_SSIZE_T_MAX || (n > 0 && total > PY_SSIZE_T_MAX / n)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "an array of too many elements");
            return -1;
        }
        dims[i] = (Py_ssize_t)n;
        total *= (size_t)n;
    }
    *size = total;
    return 0;
}

/* Into new memory that nobody else knows. */
static void
fill(ForyReadCtx *r, int element, void *out, const uint8_t *data, size_t size)
{
    fory_advise_fresh(out, size);
    if (element == FORY_EL_BOOL) {
        FORY_LARGE_WORK(size, r->st->kernels->bool_normalize(data, out, size));
    }
    else {
        FORY_LARGE_WORK(size, memcpy(out, data, size));
    }
}

static PyObject *
read_dense(ForyReadCtx *r, int element, const uint8_t *data, size_t size)
{
    PyObject *v = fory_dense_array_new(r->st, carriers_of[element].dense, (Py_ssize_t)size);
    if (v != NULL && size > 0) {
        fill(r, element, ((ForyDenseArray *)v)->data, data, size);
    }
    return v;
}

/* Small arrays are made in one call from a copy, large ones filled without one. */
#define PYARRAY_BY_COPY 4096

static PyObject *
read_pyarray(ForyReadCtx *r, int element, const uint8_t *data, size_t size)
{
    PyObject *array, *view, *done;
    if (fory_import_once(&r->st->array_array, "array", "array") < 0) {
        return NULL;
    }
    if (size <= PYARRAY_BY_COPY) {
        return PyObject_CallFunction(r->st->array_array, "Cy#", carriers_of[element].code, (const char *)data, (Py_ssize_t)size);
    }
    array = PyObject_CallFunction(r->st->array_array, "C", carriers_of[element].code);
    view = array == NULL ? NULL : PyMemoryView_FromMemory((char *)data, (Py_ssize_t)size, PyBUF_READ);
    done = view == NULL ? NULL : PyObject_CallMethod(array, "frombytes", "O", view);
    Py_XDECREF(view);
    Py_XDECREF(done);
    if (done == NULL) {
        Py_CLEAR(array);
    }
    return array;
}

/* Copies of the memory of a buffer of the caller; other carriers cannot lie over it. */
static PyObject *
read_copied(ForyReadCtx *r, int carrier, int element, size_t size, PyObject *memory)
{
    Py_buffer view;
    PyObject *v = NULL;
    if (PyObject_GetBuffer(memory, &view, PyBUF_ANY_CONTIGUOUS) < 0) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_BufferError)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "a %s as the memory of an array", Py_TYPE(memory)->tp_name);
        }
        return NULL;
    }
    if ((size_t)view.len != size) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "array memory of %zd bytes, %zu expected", view.len, size);
    }
    else if (carrier == FORY_ARRAY_DENSE) {
        v = read_dense(r, element, view.buf, size);
    }
    else {
        v = read_pyarray(r, element, view.buf, size);
    }
    PyBuffer_Release(&view);
    return v;
}

PyObject *
fory_native_read_array(ForyReadCtx *r)
{
    Py_ssize_t dims[MAX_DIMS];
    uint8_t kind = 0;
    uint64_t n;
    size_t size = 0, width;
    int element, carrier, nd = 1, bits = 0, possible;
    const uint8_t *data;
    PyObject *array;
    void *memory;
    if (fory_get_u8(&r->in, &kind) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    element = kind & FORY_ARRAY_ELEMENT;
    carrier = kind & FORY_ARRAY_CARRIER;
    width = fory_element_width[element];
    possible = carrier == FORY_ARRAY_DENSE    ? carriers_of[element].dense != 0
               : carrier == FORY_ARRAY_PYTHON ? carriers_of[element].code != 0
                                              : element > 0 && element < FORY_EL_NUMPY;
    if (!possible || kind == (FORY_ARRAY_SCALAR | FORY_ARRAY_DIMS | element)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unknown kind of array 0x%x", (unsigned)kind);
    }
    if (carrier == FORY_ARRAY_SCALAR) {
        return read_scalar(r, element);
    }
    if (FORY_LIKELY(!(kind & FORY_ARRAY_DIMS))) {
        if (fory_get_vu64(&r->in, &n) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        if (n > PY_SSIZE_T_MAX / width) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        dims[0] = (Py_ssize_t)n;
        size = (size_t)n * width;
    }
    else if (read_dims(r, width, &bits, &nd, dims, &size) < 0) {
        return NULL;
    }
    if (carrier != FORY_ARRAY_NUMPY && FORY_UNLIKELY(nd != 1 || bits & FORY_BUFFER_FORTRAN)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "an array of %d dimensions", nd);
    }
    if (FORY_UNLIKELY(bits & FORY_BUFFER_OUT)) {
        PyObject *item = fory_native_next_buffer(r);
        array = item == NULL                  ? NULL
                : carrier == FORY_ARRAY_NUMPY ? fory_native_ndarray_over(r, element, bits & FORY_BUFFER_FORTRAN, nd, dims, size, item)
                                              : read_copied(r, carrier, element, size, item);
        Py_XDECREF(item);
        return array;
    }
    if (!fory_have(&r->in, size)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    data = r->in.pos;
    r->in.pos += size;
    if (carrier == FORY_ARRAY_DENSE) {
        return read_dense(r, element, data, size);
    }
    if (carrier == FORY_ARRAY_PYTHON) {
        return read_pyarray(r, element, data, size);
    }
    array = fory_native_new_ndarray(r, element, bits & FORY_BUFFER_FORTRAN, nd, dims, &memory);
    if (array != NULL && size > 0) {
        fill(r, element, memory, data, size);
    }
    return array;
}

/* ---- codecs --------------------------------------------------------------------------------------- */

const ForyCodec *
fory_native_dense_codec(void)
{
    static const ForyCodec codec = {.write = write_dense};
    return &codec;
}

const ForyCodec *
fory_native_pyarray_codec(void)
{
    static const ForyCodec codec = {.write = write_pyarray};
    return &codec;
}
