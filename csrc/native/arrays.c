/* Arrays of numbers: what all carriers share, pyfory.array, array.array and
 * NumPy's scalars. ndarray.c has the rest of NumPy. */
#include "native/native.h"
#include "runtime/numpy_api.h"

#define MAX_DIMS 64 /* NumPy 2 */

/* ---- narrow elements ------------------------------------------------------------------------ */

/* Up to so many elements are looked at: longer arrays are copied faster. */
#define NARROW_MAX 64

enum { NARROW_NO, NARROW_SIGNED, NARROW_UNSIGNED, NARROW_FLOAT };
static const uint8_t narrow_as[32] = {
    [FORY_EL_INT16] = NARROW_SIGNED,    [FORY_EL_INT32] = NARROW_SIGNED,    [FORY_EL_INT64] = NARROW_SIGNED,
    [FORY_EL_UINT16] = NARROW_UNSIGNED, [FORY_EL_UINT32] = NARROW_UNSIGNED, [FORY_EL_UINT64] = NARROW_UNSIGNED,
    [FORY_EL_LONG32] = NARROW_SIGNED,   [FORY_EL_LONG64] = NARROW_SIGNED,   [FORY_EL_ULONG32] = NARROW_UNSIGNED,
    [FORY_EL_ULONG64] = NARROW_UNSIGNED, [FORY_EL_FLOAT64] = NARROW_FLOAT,
};

/* Bytes per element that hold all of them, at most its own width. */
static size_t
narrow_width(int element, const uint8_t *data, size_t n)
{
    const size_t width = fory_element_width[element];
    uint64_t any = 0;
    if (narrow_as[element] == NARROW_FLOAT) {
        for (size_t i = 0; i < n; i++) {
            double d, again;
            float f;
            memcpy(&d, data + 8 * i, 8);
            f = (float)d;
            again = (double)f;
            if (memcmp(&d, &again, 8) != 0) {
                return width;
            }
        }
        return 4;
    }
    if (width == 8) {
        if (narrow_as[element] == NARROW_SIGNED) {
            for (size_t i = 0; i < n; i++) {
                int64_t v = (int64_t)fory_load64(data + 8 * i);
                any |= (uint64_t)(v ^ v >> 63) << 1;
            }
        }
        else {
            for (size_t i = 0; i < n; i++) {
                any |= fory_load64(data + 8 * i);
            }
        }
    }
    else if (width == 4) {
        uint32_t all = 0;
        if (narrow_as[element] == NARROW_SIGNED) {
            for (size_t i = 0; i < n; i++) {
                int32_t v = (int32_t)fory_load32(data + 4 * i);
                all |= (uint32_t)(v ^ v >> 31) << 1;
            }
        }
        else {
            for (size_t i = 0; i < n; i++) {
                all |= fory_load32(data + 4 * i);
            }
        }
        any = all;
    }
    else {
        for (size_t i = 0; i < n; i++) {
            int32_t v = (int16_t)fory_load16(data + 2 * i);
            any |= narrow_as[element] == NARROW_SIGNED ? (uint32_t)(v ^ v >> 31) << 1 : (uint32_t)v & 0xffff;
        }
    }
    size_t stored = any >> 8 == 0 ? 1 : any >> 16 == 0 ? 2 : any >> 32 == 0 ? 4 : 8;
    return stored < width ? stored : width;
}

static void
put_narrow(int element, const uint8_t *data, size_t n, size_t stored, uint8_t *out)
{
    const size_t width = fory_element_width[element];
    if (narrow_as[element] == NARROW_FLOAT) {
        for (size_t i = 0; i < n; i++) {
            double d;
            float f;
            memcpy(&d, data + 8 * i, 8);
            f = (float)d;
            memcpy(out + 4 * i, &f, 4);
        }
        return;
    }
    /* little-endian: the low bytes come first */
    switch (stored) {
    case 1:
        for (size_t i = 0; i < n; i++) {
            out[i] = data[width * i];
        }
        break;
    case 2:
        for (size_t i = 0; i < n; i++) {
            memcpy(out + 2 * i, data + width * i, 2);
        }
        break;
    default:
        for (size_t i = 0; i < n; i++) {
            memcpy(out + 4 * i, data + width * i, 4);
        }
    }
}

/* The stored elements at their full width. */
static void
widen(int element, const uint8_t *data, size_t n, size_t stored, uint8_t *out)
{
    const size_t width = fory_element_width[element];
    const int is_signed = narrow_as[element] == NARROW_SIGNED;
    if (narrow_as[element] == NARROW_FLOAT) {
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = fory_load32(data + 4 * i);
            float f;
            memcpy(&f, &bits, 4);
            double d = (double)f;
            memcpy(out + 8 * i, &d, 8);
        }
        return;
    }
#define WIDEN(load)                                       \
    for (size_t i = 0; i < n; i++) {                      \
        int64_t v = (load);                               \
        memcpy(out + width * i, &v, width);               \
    }
#define WIDEN_TO(width_is, load)                          \
    case width_is: {                                      \
        const size_t width = width_is; /* a constant: a store, no call */ \
        WIDEN(load)                                       \
        break;                                            \
    }
#define WIDEN_ALL(load)                                   \
    switch (width) {                                      \
        WIDEN_TO(2, load)                                 \
        WIDEN_TO(4, load)                                 \
        WIDEN_TO(8, load)                                 \
    default:                                              \
        break;                                            \
    }
    if (stored == 1) {
        if (is_signed) WIDEN_ALL((int8_t)data[i]) else WIDEN_ALL(data[i])
    }
    else if (stored == 2) {
        if (is_signed) WIDEN_ALL((int16_t)fory_load16(data + 2 * i)) else WIDEN_ALL(fory_load16(data + 2 * i))
    }
    else {
        if (is_signed) WIDEN_ALL((int32_t)fory_load32(data + 4 * i)) else WIDEN_ALL(fory_load32(data + 4 * i))
    }
#undef WIDEN
#undef WIDEN_TO
#undef WIDEN_ALL
}

/* ---- writing ------------------------------------------------------------------------------- */

int
fory_native_put_array(ForyWriteCtx *w, int kind, int bits, int nd, const Py_ssize_t *dims, const ForyMemory *memory)
{
    const size_t size = (size_t)memory->size;
    const int out = bits & FORY_BUFFER_OUT, element = kind & FORY_ARRAY_ELEMENT;
    size_t n = 0, stored = 0;
    if (size <= NARROW_MAX * 8 && !FORY_BIG_ENDIAN && narrow_as[element] != NARROW_NO && !out) {
        n = size / fory_element_width[element];
        stored = n > NARROW_MAX || n == 0 ? 0 : narrow_width(element, memory->data, n);
        stored = stored == fory_element_width[element] ? 0 : stored;
    }
    if (fory_room(w, 2 + (size_t)(nd + 1) * FORY_VU64_MAX + (out ? 0 : size)) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)(FORY_N_ARRAY + (stored + 2) / 2 - (stored == 0)));
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
    if (stored != 0) {
        put_narrow(element, memory->data, n, stored, w->out.pos);
        w->out.pos += n * stored;
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
        fory_element_of_dense[array->type_id] == 0) {
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
    rc = put_exported(w, FORY_ARRAY_DENSE | fory_element_of_dense[array->type_id], array->nbytes / array->width, v, &view);
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
    if (FORY_LIKELY(c->np->direct)) {
        c->np->get_scalar(v, element);
    }
    else {
        Py_buffer view;
        if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0) {
            return -1;
        }
        memcpy(element, view.buf, view.len < (Py_ssize_t)sizeof(element) ? (size_t)view.len : sizeof(element));
        PyBuffer_Release(&view);
    }
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
    if (np == NULL || FORY_BIG_ENDIAN) {
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
fill(ForyReadCtx *r, int element, size_t stored, void *out, const uint8_t *data, size_t size)
{
    if (stored != 0) {
        widen(element, data, size / fory_element_width[element], stored, out);
        return;
    }
    fory_advise_fresh(out, size);
    if (element == FORY_EL_BOOL) {
        FORY_LARGE_WORK(size, r->st->kernels->bool_normalize(data, out, size));
    }
    else {
        FORY_LARGE_WORK(size, memcpy(out, data, size));
    }
}

static PyObject *
read_dense(ForyReadCtx *r, int element, size_t stored, const uint8_t *data, size_t size)
{
    PyObject *v = fory_dense_array_new(r->st, carriers_of[element].dense, (Py_ssize_t)size);
    if (v != NULL && size > 0) {
        fill(r, element, stored, ((ForyDenseArray *)v)->data, data, size);
    }
    return v;
}

static PyObject *
read_narrow_pyarray(ForyReadCtx *r, int element, size_t stored, const uint8_t *data, size_t size)
{
    uint8_t *wide = PyMem_Malloc(size + 1);
    PyObject *v = NULL;
    if (wide == NULL) {
        return PyErr_NoMemory();
    }
    widen(element, data, size / fory_element_width[element], stored, wide);
    v = fory_pyarray_from_bytes(r->st, carriers_of[element].code, wide, size);
    PyMem_Free(wide);
    return v;
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
        v = read_dense(r, element, 0, view.buf, size);
    }
    else {
        v = fory_pyarray_from_bytes(r->st, carriers_of[element].code, view.buf, size);
    }
    PyBuffer_Release(&view);
    return v;
}

PyObject *
fory_native_read_array(ForyReadCtx *r, int tag)
{
    static const uint8_t widths[] = {0, 1, 2, 4};
    const size_t stored = widths[tag - FORY_N_ARRAY];
    Py_ssize_t dims[MAX_DIMS];
    uint8_t kind = 0;
    uint64_t n;
    size_t size = 0, width, inside;
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
    if (!possible || kind == (FORY_ARRAY_SCALAR | FORY_ARRAY_DIMS | element) ||
        (stored != 0 && (carrier == FORY_ARRAY_SCALAR || narrow_as[element] == NARROW_NO || stored >= width ||
                         (narrow_as[element] == NARROW_FLOAT && stored != 4)))) {
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
        if (stored != 0) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "a narrow array out-of-band");
        }
        PyObject *item = fory_native_next_memory(r, size);
        array = item == NULL                  ? NULL
                : carrier == FORY_ARRAY_NUMPY ? fory_native_ndarray_over(r, element, bits & FORY_BUFFER_FORTRAN, nd, dims, size, item)
                                              : read_copied(r, carrier, element, size, item);
        Py_XDECREF(item);
        return array;
    }
    inside = stored == 0 ? size : size / width * stored;
    if (!fory_have(&r->in, inside)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    data = r->in.pos;
    r->in.pos += inside;
    if (carrier == FORY_ARRAY_DENSE) {
        return read_dense(r, element, stored, data, size);
    }
    if (carrier == FORY_ARRAY_PYTHON) {
        return stored == 0 ? fory_pyarray_from_bytes(r->st, carriers_of[element].code, data, size) : read_narrow_pyarray(r, element, stored, data, size);
    }
    array = fory_native_new_ndarray(r, element, bits & FORY_BUFFER_FORTRAN, nd, dims, &memory);
    if (array != NULL && size > 0) {
        fill(r, element, stored, memory, data, size);
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
