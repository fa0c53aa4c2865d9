/* Dense arrays: what their elements may be, and the way between them and Python
 * numbers. Elements are kept as they travel: little-endian and without gaps. */
#include "runtime/dense_array.h"

/* ---- element kinds ------------------------------------------------------ */

#define KIND(width, domain, format, name, range) {width, FORY_DOMAIN_##domain, format, name, range}

const fory_array_kind fory_array_kinds[FORY_TYPE_ID_COUNT] = {
    [FORY_BOOL_ARRAY] = KIND(1, BOOL, "?", "BoolArray", ""),
    [FORY_INT8_ARRAY] = KIND(1, SIGNED, "b", "Int8Array", "[-128, 127]"),
    [FORY_INT16_ARRAY] = KIND(2, SIGNED, "h", "Int16Array", "[-32768, 32767]"),
    [FORY_INT32_ARRAY] = KIND(4, SIGNED, "i", "Int32Array", "[-2147483648, 2147483647]"),
    [FORY_INT64_ARRAY] = KIND(8, SIGNED, "q", "Int64Array", "[-9223372036854775808, 9223372036854775807]"),
    [FORY_UINT8_ARRAY] = KIND(1, UNSIGNED, "B", "UInt8Array", "[0, 255]"),
    [FORY_UINT16_ARRAY] = KIND(2, UNSIGNED, "H", "UInt16Array", "[0, 65535]"),
    [FORY_UINT32_ARRAY] = KIND(4, UNSIGNED, "I", "UInt32Array", "[0, 4294967295]"),
    [FORY_UINT64_ARRAY] = KIND(8, UNSIGNED, "Q", "UInt64Array", "[0, 18446744073709551615]"),
    [FORY_FLOAT16_ARRAY] = KIND(2, FLOAT, "e", "Float16Array", "of float64"),
    [FORY_BFLOAT16_ARRAY] = KIND(2, FLOAT, "H", "BFloat16Array", "of float64"),
    [FORY_FLOAT32_ARRAY] = KIND(4, FLOAT, "f", "Float32Array", "of float64"),
    [FORY_FLOAT64_ARRAY] = KIND(8, FLOAT, "d", "Float64Array", "of float64"),
};

int
fory_array_width(int type_id)
{
    return type_id > 0 && type_id < FORY_TYPE_ID_COUNT ? fory_array_kinds[type_id].width : 0;
}

FORY_INLINE void
store_float32(uint8_t *p, double value)
{
    float single = (float)value; /* beyond the range: infinity, as IEEE 754 says */
    uint32_t bits;
    memcpy(&bits, &single, 4);
    fory_store32(p, bits);
}

FORY_INLINE void
store_float64(uint8_t *p, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    fory_store64(p, bits);
}

FORY_INLINE double
load_float32(const uint8_t *p)
{
    uint32_t bits = fory_load32(p);
    float single;
    memcpy(&single, &bits, 4);
    return single;
}

FORY_INLINE double
load_float64(const uint8_t *p)
{
    uint64_t bits = fory_load64(p);
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

/* ---- Python numbers to elements ----------------------------------------- */

FORY_INLINE int
int64_of(PyObject *o, int64_t *out)
{
    int overflow;
    if (FORY_UNLIKELY(!PyLong_Check(o) || PyBool_Check(o))) {
        return FORY_STORE_TYPE;
    }
    *out = PyLong_AsLongLongAndOverflow(o, &overflow);
    return FORY_UNLIKELY(overflow) ? FORY_STORE_RANGE : FORY_STORE_OK;
}

static int
uint64_of(PyObject *o, uint64_t *out)
{
    int64_t value;
    int status = int64_of(o, &value);
    if (FORY_LIKELY(status == FORY_STORE_OK)) {
        *out = (uint64_t)value;
        return value < 0 ? FORY_STORE_RANGE : FORY_STORE_OK;
    }
    if (status == FORY_STORE_RANGE) {
        *out = PyLong_AsUnsignedLongLong(o);
        if (*out == (uint64_t)-1 && PyErr_Occurred()) {
            PyErr_Clear();
            return FORY_STORE_RANGE;
        }
        return FORY_STORE_OK;
    }
    return status;
}

FORY_INLINE int
double_of(PyObject *o, double *out)
{
    if (FORY_LIKELY(PyFloat_Check(o))) {
        *out = PyFloat_AS_DOUBLE(o);
        return FORY_STORE_OK;
    }
    if (!PyLong_Check(o) || PyBool_Check(o)) {
        return FORY_STORE_TYPE;
    }
    *out = PyLong_AsDouble(o);
    if (*out == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return FORY_STORE_RANGE;
    }
    return FORY_STORE_OK;
}

/* None of the conversions runs Python code, so `items` may be the inside of a list. */
#define STORE_INTS(low, high, STORE)                           \
    for (i = 0; i < n; i++) {                                  \
        int64_t v;                                             \
        status = int64_of(items[i], &v);                       \
        if (FORY_UNLIKELY(status != FORY_STORE_OK)) {          \
            goto failed;                                       \
        }                                                      \
        if (FORY_UNLIKELY(v < (low) || v > (int64_t)(high))) { \
            status = FORY_STORE_RANGE;                         \
            goto failed;                                       \
        }                                                      \
        STORE;                                                 \
    }                                                          \
    return FORY_STORE_OK

int
fory_array_store(const fory_kernels *kernels, int type_id, PyObject *const *items, Py_ssize_t n, uint8_t *out,
                 Py_ssize_t *failed)
{
    enum { CHUNK = 256 };
    int status = FORY_STORE_OK;
    Py_ssize_t i;

    switch (type_id) {
    case FORY_BOOL_ARRAY:
        for (i = 0; i < n; i++) {
            if (FORY_UNLIKELY(!PyBool_Check(items[i]))) {
                status = FORY_STORE_TYPE;
                goto failed;
            }
            out[i] = items[i] == Py_True;
        }
        return FORY_STORE_OK;
    case FORY_INT8_ARRAY:
        STORE_INTS(INT8_MIN, INT8_MAX, out[i] = (uint8_t)v);
    case FORY_INT16_ARRAY:
        STORE_INTS(INT16_MIN, INT16_MAX, fory_store16(out + 2 * i, (uint16_t)v));
    case FORY_INT32_ARRAY:
        STORE_INTS(INT32_MIN, INT32_MAX, fory_store32(out + 4 * i, (uint32_t)v));
    case FORY_INT64_ARRAY:
        for (i = 0; i < n; i++) {
            int64_t v;
            status = int64_of(items[i], &v);
            if (FORY_UNLIKELY(status != FORY_STORE_OK)) {
                goto failed;
            }
            fory_store64(out + 8 * i, (uint64_t)v);
        }
        return FORY_STORE_OK;
    case FORY_UINT8_ARRAY:
        STORE_INTS(0, UINT8_MAX, out[i] = (uint8_t)v);
    case FORY_UINT16_ARRAY:
        STORE_INTS(0, UINT16_MAX, fory_store16(out + 2 * i, (uint16_t)v));
    case FORY_UINT32_ARRAY:
        STORE_INTS(0, UINT32_MAX, fory_store32(out + 4 * i, (uint32_t)v));
    case FORY_UINT64_ARRAY:
        for (i = 0; i < n; i++) {
            uint64_t v;
            status = uint64_of(items[i], &v);
            if (FORY_UNLIKELY(status != FORY_STORE_OK)) {
                goto failed;
            }
            fory_store64(out + 8 * i, v);
        }
        return FORY_STORE_OK;
    case FORY_FLOAT32_ARRAY:
    case FORY_FLOAT64_ARRAY:
        for (i = 0; i < n; i++) {
            double v;
            status = double_of(items[i], &v);
            if (FORY_UNLIKELY(status != FORY_STORE_OK)) {
                goto failed;
            }
            if (type_id == FORY_FLOAT32_ARRAY) {
                store_float32(out + 4 * i, v);
            }
            else {
                store_float64(out + 8 * i, v);
            }
        }
        return FORY_STORE_OK;
    case FORY_FLOAT16_ARRAY:
    case FORY_BFLOAT16_ARRAY: {
        double wide[CHUNK];
        uint16_t half[CHUNK];
        Py_ssize_t base, k;
        for (base = 0; base < n; base += CHUNK) {
            Py_ssize_t count = n - base < CHUNK ? n - base : CHUNK;
            for (k = 0; k < count; k++) {
                i = base + k;
                status = double_of(items[i], &wide[k]);
                if (FORY_UNLIKELY(status != FORY_STORE_OK)) {
                    goto failed;
                }
            }
            if (kernels == NULL) {
                for (k = 0; k < count; k++) {
                    half[k] = type_id == FORY_FLOAT16_ARRAY ? fory_f64_to_f16(wide[k]) : fory_f64_to_bf16(wide[k]);
                }
            }
            else if (type_id == FORY_FLOAT16_ARRAY) {
                kernels->f64_to_f16(wide, half, (size_t)count);
            }
            else {
                kernels->f64_to_bf16(wide, half, (size_t)count);
            }
            for (k = 0; k < count; k++) {
                fory_store16(out + 2 * (base + k), half[k]);
            }
        }
        return FORY_STORE_OK;
    }
    default:
        i = 0;
        PyErr_Format(PyExc_SystemError, "%d is not the type id of a dense array", type_id);
        status = FORY_STORE_ERROR;
        goto failed;
    }

failed:
    *failed = i;
    return status;
}

int
fory_array_store_failed(ForyState *st, int type_id, int status, PyObject *item)
{
    const fory_array_kind *kind = &fory_array_kinds[type_id];
    PyObject *text;

    if (status == FORY_STORE_TYPE) {
        if (kind->domain == FORY_DOMAIN_BOOL) {
            fory_raise(st, FORY_E_TYPE, "array<bool> element must be bool, not %.200s", Py_TYPE(item)->tp_name);
        }
        else if (kind->domain == FORY_DOMAIN_FLOAT) {
            fory_raise(st, FORY_E_TYPE, "%s element must be int or float, not %.200s", kind->name,
                       Py_TYPE(item)->tp_name);
        }
        else {
            fory_raise(st, FORY_E_TYPE, "%s element must be int, not %.200s", kind->name, Py_TYPE(item)->tp_name);
        }
    }
    else if (status == FORY_STORE_RANGE) {
        /* an int of thousands of digits refuses to be printed */
        text = PyObject_Repr(item);
        if (text != NULL && PyUnicode_GetLength(text) <= 80) {
            fory_raise(st, FORY_E_OVERFLOW, "%s element %U out of range %s", kind->name, text, kind->range);
        }
        else {
            PyErr_Clear();
            fory_raise(st, FORY_E_OVERFLOW, "%s element out of range %s", kind->name, kind->range);
        }
        Py_XDECREF(text);
    }
    return -1;
}

int
fory_dense_array_fill(ForyState *st, int type_id, PyObject *const *items, Py_ssize_t n, uint8_t *out,
                      Py_ssize_t *failed)
{
    int status = fory_array_store(st->kernels, type_id, items, n, out, failed);
    if (FORY_LIKELY(status == FORY_STORE_OK)) {
        return 0;
    }
    return fory_array_store_failed(st, type_id, status, items[*failed]);
}

/* ---- elements to Python numbers ----------------------------------------- */

double
fory_array_load_double(int type_id, const uint8_t *p)
{
    switch (type_id) {
    case FORY_FLOAT16_ARRAY:
        return fory_f16_to_f64(fory_load16(p));
    case FORY_BFLOAT16_ARRAY:
        return fory_bf16_to_f64(fory_load16(p));
    case FORY_FLOAT32_ARRAY:
        return load_float32(p);
    default:
        return load_float64(p);
    }
}

PyObject *
fory_array_load(int type_id, const uint8_t *p)
{
    switch (type_id) {
    case FORY_BOOL_ARRAY:
        return PyBool_FromLong(*p != 0);
    case FORY_INT8_ARRAY:
        return PyLong_FromLong((int8_t)*p);
    case FORY_INT16_ARRAY:
        return PyLong_FromLong((int16_t)fory_load16(p));
    case FORY_INT32_ARRAY:
        return PyLong_FromLong((int32_t)fory_load32(p));
    case FORY_INT64_ARRAY:
        return PyLong_FromLongLong((int64_t)fory_load64(p));
    case FORY_UINT8_ARRAY:
        return PyLong_FromLong(*p);
    case FORY_UINT16_ARRAY:
        return PyLong_FromLong(fory_load16(p));
    case FORY_UINT32_ARRAY:
        return PyLong_FromUnsignedLong(fory_load32(p));
    case FORY_UINT64_ARRAY:
        return PyLong_FromUnsignedLongLong(fory_load64(p));
    default:
        return PyFloat_FromDouble(fory_array_load_double(type_id, p));
    }
}

#define LIST_OF(step, EXPR)                  \
    for (i = 0; i < n; i++, data += (step)) { \
        PyObject *item = (EXPR);             \
        if (FORY_UNLIKELY(item == NULL)) {   \
            goto error;                      \
        }                                    \
        PyList_SET_ITEM(list, i, item);      \
    }                                        \
    break

PyObject *
fory_dense_array_tolist(ForyState *st, int type_id, const uint8_t *data, Py_ssize_t nbytes)
{
    enum { CHUNK = 256 };
    int width = fory_array_width(type_id);
    PyObject *list;
    Py_ssize_t i, n;

    if (width == 0) {
        PyErr_Format(PyExc_SystemError, "%d is not the type id of a dense array", type_id);
        return NULL;
    }
    n = nbytes / width;
    list = PyList_New(n);
    if (list == NULL) {
        return NULL;
    }
    switch (type_id) {
    case FORY_BOOL_ARRAY:
        LIST_OF(1, Py_NewRef(*data != 0 ? Py_True : Py_False));
    case FORY_INT8_ARRAY:
        LIST_OF(1, PyLong_FromLong((int8_t)*data));
    case FORY_INT16_ARRAY:
        LIST_OF(2, PyLong_FromLong((int16_t)fory_load16(data)));
    case FORY_INT32_ARRAY:
        LIST_OF(4, PyLong_FromLong((int32_t)fory_load32(data)));
    case FORY_INT64_ARRAY:
        LIST_OF(8, PyLong_FromLongLong((int64_t)fory_load64(data)));
    case FORY_UINT8_ARRAY:
        LIST_OF(1, PyLong_FromLong(*data));
    case FORY_UINT16_ARRAY:
        LIST_OF(2, PyLong_FromLong(fory_load16(data)));
    case FORY_UINT32_ARRAY:
        LIST_OF(4, PyLong_FromUnsignedLong(fory_load32(data)));
    case FORY_UINT64_ARRAY:
        LIST_OF(8, PyLong_FromUnsignedLongLong(fory_load64(data)));
    case FORY_FLOAT32_ARRAY:
        LIST_OF(4, PyFloat_FromDouble(load_float32(data)));
    case FORY_FLOAT64_ARRAY:
        LIST_OF(8, PyFloat_FromDouble(load_float64(data)));
    default: {
        uint16_t half[CHUNK];
        float single[CHUNK];
        Py_ssize_t base, k;
        for (base = 0; base < n; base += CHUNK) {
            Py_ssize_t count = n - base < CHUNK ? n - base : CHUNK;
            for (k = 0; k < count; k++, data += 2) {
                half[k] = fory_load16(data);
            }
            if (type_id == FORY_FLOAT16_ARRAY) {
                st->kernels->f16_to_f32(half, single, (size_t)count);
            }
            else {
                st->kernels->bf16_to_f32(half, single, (size_t)count);
            }
            for (k = 0; k < count; k++) {
                PyObject *item = PyFloat_FromDouble(single[k]);
                if (item == NULL) {
                    goto error;
                }
                PyList_SET_ITEM(list, base + k, item);
            }
        }
    }
    }
    return list;

error:
    Py_DECREF(list);
    return NULL;
}
