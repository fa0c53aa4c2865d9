#include "runtime/numpy_api.h"

#include <stdlib.h>

const uint8_t fory_element_width[32] = {
    [FORY_EL_BOOL] = 1,      [FORY_EL_INT8] = 1,       [FORY_EL_INT16] = 2,    [FORY_EL_INT32] = 4,   [FORY_EL_INT64] = 8,
    [FORY_EL_UINT8] = 1,     [FORY_EL_UINT16] = 2,     [FORY_EL_UINT32] = 4,   [FORY_EL_UINT64] = 8,  [FORY_EL_FLOAT16] = 2,
    [FORY_EL_FLOAT32] = 4,   [FORY_EL_FLOAT64] = 8,    [FORY_EL_COMPLEX64] = 8, [FORY_EL_COMPLEX128] = 16,
    [FORY_EL_BFLOAT16] = 2,  [FORY_EL_LONG32] = 4,     [FORY_EL_LONG64] = 8,   [FORY_EL_ULONG32] = 4, [FORY_EL_ULONG64] = 8,
};

const uint8_t fory_element_of_dense[FORY_TYPE_ID_COUNT] = {
    [FORY_BOOL_ARRAY] = FORY_EL_BOOL,       [FORY_INT8_ARRAY] = FORY_EL_INT8,         [FORY_INT16_ARRAY] = FORY_EL_INT16,
    [FORY_INT32_ARRAY] = FORY_EL_INT32,     [FORY_INT64_ARRAY] = FORY_EL_INT64,       [FORY_UINT8_ARRAY] = FORY_EL_UINT8,
    [FORY_UINT16_ARRAY] = FORY_EL_UINT16,   [FORY_UINT32_ARRAY] = FORY_EL_UINT32,     [FORY_UINT64_ARRAY] = FORY_EL_UINT64,
    [FORY_FLOAT16_ARRAY] = FORY_EL_FLOAT16, [FORY_BFLOAT16_ARRAY] = FORY_EL_BFLOAT16, [FORY_FLOAT32_ARRAY] = FORY_EL_FLOAT32,
    [FORY_FLOAT64_ARRAY] = FORY_EL_FLOAT64,
};

static const char *const dtype_names[FORY_EL_NUMPY] = {
    [FORY_EL_BOOL] = "?",     [FORY_EL_INT8] = "<i1",     [FORY_EL_INT16] = "<i2",    [FORY_EL_INT32] = "<i4",
    [FORY_EL_INT64] = "<i8",  [FORY_EL_UINT8] = "<u1",    [FORY_EL_UINT16] = "<u2",   [FORY_EL_UINT32] = "<u4",
    [FORY_EL_UINT64] = "<u8", [FORY_EL_FLOAT16] = "<f2",  [FORY_EL_FLOAT32] = "<f4",  [FORY_EL_FLOAT64] = "<f8",
    [FORY_EL_COMPLEX64] = "<c8", [FORY_EL_COMPLEX128] = "<c16",
};

/* places in NumPy's table of functions */
enum { API_VERSION = 0, API_ARRAY_TYPE = 2, API_DTYPE_TYPE = 3, API_SCALAR = 60, API_SCALAR_VALUE = 62, API_NEW = 94, API_SET_BASE = 282 };

int
fory_numpy_element_of(const ForyNumpy *np, PyObject *dtype)
{
    for (int i = 0; i < FORY_NUMPY_NUMBERS; i++) {
        if (np->same[i] == dtype) {
            return np->element_of[i];
        }
    }
    return 0;
}

static int
int_attribute(PyObject *o, const char *name, Py_ssize_t *out)
{
    PyObject *v = PyObject_GetAttrString(o, name);
    *out = v == NULL ? -1 : PyLong_AsSsize_t(v);
    Py_XDECREF(v);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

/* The dtypes that have codes, and those that are the same under another name
 * (long long beside long), by their numbers. 0 / -1. */
static int
find_dtypes(ForyNumpy *np)
{
    static const char names[] = "?bBhHiIlLqQefdFD";
    char name[2] = {0, 0};
    for (int i = 1; i < FORY_EL_NUMPY; i++) {
        PyObject *dtype = PyObject_CallFunction((PyObject *)np->dtype_type, "s", dtype_names[i]), *scalar;
        if (dtype == NULL) {
            return -1;
        }
        np->dtypes[i] = dtype;
        scalar = PyObject_GetAttrString(dtype, "type");
        if (scalar == NULL || !PyType_Check(scalar)) {
            Py_XDECREF(scalar);
            return -1;
        }
        np->scalars[i] = (PyTypeObject *)scalar;
    }
    for (const char *p = names; !FORY_BIG_ENDIAN && *p != '\0'; p++) {
        PyObject *dtype;
        Py_ssize_t number = -1;
        int same = -1, i = 0;
        name[0] = *p;
        dtype = PyObject_CallFunction((PyObject *)np->dtype_type, "s", name);
        if (dtype == NULL || int_attribute(dtype, "num", &number) < 0) {
            Py_XDECREF(dtype);
            return -1;
        }
        for (i = 1; i < FORY_EL_NUMPY; i++) {
            same = PyObject_RichCompareBool(np->dtypes[i], dtype, Py_EQ);
            if (same != 0) {
                break;
            }
        }
        if (same > 0 && number >= 0 && number < FORY_NUMPY_NUMBERS && np->same[number] == NULL) {
            np->same[number] = dtype;
            np->element_of[number] = (uint8_t)i;
        }
        else {
            Py_DECREF(dtype);
        }
        if (same < 0) {
            return -1;
        }
    }
    return 0;
}

static int
find_functions(ForyNumpy *np)
{
    static const char *const homes[] = {"numpy._core._multiarray_umath", "numpy.core._multiarray_umath"};
    void **table = NULL;
    PyObject *capsule = NULL;
    unsigned version;
    for (int i = 0; table == NULL && i < 2; i++) {
        PyObject *module = PyImport_ImportModule(homes[i]);
        capsule = module == NULL ? NULL : PyObject_GetAttrString(module, "_ARRAY_API");
        Py_XDECREF(module);
        if (capsule != NULL && PyCapsule_CheckExact(capsule)) {
            table = PyCapsule_GetPointer(capsule, NULL);
        }
        Py_XDECREF(capsule); /* NumPy's module keeps it, and is never unloaded */
        PyErr_Clear();
    }
    if (table == NULL || table[API_ARRAY_TYPE] != (void *)np->array_type || table[API_DTYPE_TYPE] != (void *)np->dtype_type) {
        return 0;
    }
    unsigned (*get_version)(void);
    memcpy(&get_version, &table[API_VERSION], sizeof(get_version));
    version = get_version() >> 24;
    if (version != 1 && version != 2) {
        return 0;
    }
    memcpy(&np->new_array, &table[API_NEW], sizeof(np->new_array));
    memcpy(&np->set_base, &table[API_SET_BASE], sizeof(np->set_base));
    memcpy(&np->new_scalar, &table[API_SCALAR], sizeof(np->new_scalar));
    memcpy(&np->get_scalar, &table[API_SCALAR_VALUE], sizeof(np->get_scalar));
    return 1;
}

/* Does the structure say of an array what its attributes say? 1 / 0, or -1. */
static int
agrees(PyObject *array)
{
    const ForyNdarray *a = (const ForyNdarray *)array;
    PyObject *shape = PyObject_GetAttrString(array, "shape"), *strides = PyObject_GetAttrString(array, "strides"),
             *dtype = PyObject_GetAttrString(array, "dtype"), *flags = PyObject_GetAttrString(array, "flags");
    Py_ssize_t number = -1, bits = -1;
    Py_buffer view;
    int ok = -1;
    if (shape == NULL || strides == NULL || dtype == NULL || flags == NULL || int_attribute(dtype, "num", &number) < 0 ||
        int_attribute(flags, "num", &bits) < 0 || PyObject_GetBuffer(array, &view, PyBUF_STRIDES) < 0) {
        goto done;
    }
    ok = PyTuple_Check(shape) && PyTuple_Check(strides) && a->nd == PyTuple_GET_SIZE(shape) &&
         a->nd == PyTuple_GET_SIZE(strides) && a->dtype == dtype && a->flags == bits && a->data == (char *)view.buf &&
         ((const ForyDtype *)dtype)->number == number;
    for (int i = 0; ok && i < a->nd; i++) {
        ok = a->dims[i] == PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i)) &&
             a->strides[i] == PyLong_AsSsize_t(PyTuple_GET_ITEM(strides, i));
    }
    PyBuffer_Release(&view);
done:
    Py_XDECREF(shape);
    Py_XDECREF(strides);
    Py_XDECREF(dtype);
    Py_XDECREF(flags);
    return ok;
}

/* Looks at arrays that NumPy made, and at one of ours. 1 / 0, or -1. */
static int
self_test(ForyNumpy *np)
{
    static const Py_ssize_t dims[2] = {2, 3};
    static const int elements[] = {FORY_EL_BOOL, FORY_EL_INT64, FORY_EL_UINT16, FORY_EL_COMPLEX128};
    PyObject *array = NULL, *got = NULL;
    Py_ssize_t size = np->array_type->tp_basicsize, dtype_size = np->dtype_type->tp_basicsize;
    double value = 0;
    int ok = size >= (Py_ssize_t)sizeof(ForyNdarray) && dtype_size >= (Py_ssize_t)sizeof(ForyDtype) &&
             sizeof(Py_ssize_t) == sizeof(void *);
    for (int i = 0; ok > 0 && i < 4; i++) {
        /* 0 to 2 dimensions, both orders, the last one read-only */
        PyObject *shape = i == 0 ? PyTuple_New(0) : i == 1 ? Py_BuildValue("(i)", 5) : Py_BuildValue("(ii)", 2, 3);
        array = shape == NULL ? NULL
                              : PyObject_CallFunction((PyObject *)np->array_type, "OOOiOs", shape, np->dtypes[elements[i]],
                                                      Py_None, 0, Py_None, i == 2 ? "F" : "C");
        Py_XDECREF(shape);
        if (array != NULL && i == 3) {
            got = PyObject_CallMethod(array, "setflags", "i", 0);
            if (got == NULL) {
                Py_CLEAR(array);
            }
            Py_CLEAR(got);
        }
        ok = array == NULL ? -1 : agrees(array);
        if (ok > 0) {
            const ForyNdarray *a = (const ForyNdarray *)array;
            ok = (a->flags & (FORY_NDARRAY_C | FORY_NDARRAY_F)) == (i < 2 ? 3 : i == 2 ? 2 : 1) &&
                 !(a->flags & FORY_NDARRAY_WRITABLE) == (i == 3);
        }
        Py_CLEAR(array);
    }
    if (ok > 0) {
        array = np->new_array(np->array_type, Py_NewRef(np->dtypes[FORY_EL_FLOAT64]), 2, dims, NULL, NULL, 1, NULL);
        ok = array == NULL ? -1 : agrees(array);
        if (ok > 0) {
            const ForyNdarray *a = (const ForyNdarray *)array;
            ok = a->nd == 2 && a->dims[0] == 2 && a->dims[1] == 3 && a->strides[0] == 8 && a->strides[1] == 16 &&
                 a->flags & FORY_NDARRAY_F && a->flags & FORY_NDARRAY_WRITABLE;
        }
        if (ok > 0) {
            value = 1.5;
            got = np->new_scalar(&value, np->dtypes[FORY_EL_FLOAT64], NULL);
            value = 0;
            ok = got == NULL ? -1 : Py_TYPE(got) == np->scalars[FORY_EL_FLOAT64];
            if (ok > 0) {
                np->get_scalar(got, &value);
                ok = value == 1.5;
            }
        }
    }
    Py_XDECREF(array);
    Py_XDECREF(got);
    return ok;
}

void
fory_numpy_free(ForyNumpy *np)
{
    if (np == NULL) {
        return;
    }
    for (int i = 0; i < FORY_EL_NUMPY; i++) {
        Py_XDECREF(np->dtypes[i]);
        Py_XDECREF(np->scalars[i]);
    }
    for (int i = 0; i < FORY_NUMPY_NUMBERS; i++) {
        Py_XDECREF(np->same[i]);
    }
    Py_XDECREF(np->array_type);
    Py_XDECREF(np->dtype_type);
    PyMem_Free(np);
}

int
fory_numpy_traverse(ForyNumpy *np, visitproc visit, void *arg)
{
    if (np == NULL) {
        return 0;
    }
    for (int i = 0; i < FORY_EL_NUMPY; i++) {
        Py_VISIT(np->dtypes[i]);
        Py_VISIT(np->scalars[i]);
    }
    for (int i = 0; i < FORY_NUMPY_NUMBERS; i++) {
        Py_VISIT(np->same[i]);
    }
    Py_VISIT(np->array_type);
    Py_VISIT(np->dtype_type);
    return 0;
}

static PyTypeObject *
type_attribute(PyObject *module, const char *name)
{
    PyObject *type = PyObject_GetAttrString(module, name);
    if (type != NULL && !PyType_Check(type)) {
        PyErr_Format(PyExc_TypeError, "numpy.%s is no class", name);
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

const ForyNumpy *
fory_numpy_find(ForyState *st, int import)
{
    const char *off = getenv("PYFORY_PUBLIC_ATTRIBUTES");
    PyObject *module;
    ForyNumpy *np;
    if (st->numpy != NULL) {
        return st->numpy;
    }
    if (import) {
        module = PyImport_ImportModule("numpy");
    }
    else {
        PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
        module = modules == NULL ? NULL : Py_XNewRef(PyDict_GetItemString(modules, "numpy"));
    }
    if (module == NULL) {
        return NULL;
    }
    np = PyMem_Calloc(1, sizeof(*np));
    if (np == NULL) {
        Py_DECREF(module);
        PyErr_NoMemory();
        return NULL;
    }
    np->array_type = type_attribute(module, "ndarray");
    np->dtype_type = np->array_type == NULL ? NULL : type_attribute(module, "dtype");
    Py_DECREF(module);
    if (np->dtype_type == NULL || find_dtypes(np) < 0) {
        goto error;
    }
    if (!FORY_BIG_ENDIAN && (off == NULL || off[0] != '1')) {
        int ok = find_functions(np);
        if (ok > 0) {
            ok = self_test(np);
        }
        if (ok < 0) {
            goto error;
        }
        np->direct = ok;
    }
    if (st->numpy != NULL) {
        /* made meanwhile by another thread, or by what ran here */
        fory_numpy_free(np);
        return st->numpy;
    }
    st->numpy = np;
    return np;
error:
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_ImportError, "numpy is not what it should be");
    }
    fory_numpy_free(np);
    return NULL;
}
