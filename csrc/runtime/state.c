/* The per-module state: error classes, types, constants. */
#include "runtime/numpy_api.h"

#if PY_VERSION_HEX < 0x03090000
/* 3.8 has no way from a heap type to its module: the only process-wide
 * variable of this extension, and only there. */
static ForyState *state_3_8;
#endif

ForyState *
fory_state_of_module(PyObject *module)
{
    return (ForyState *)PyModule_GetState(module);
}

int
fory_import_once(PyObject **slot, const char *module, const char *name)
{
    PyObject *imported, *found;
    if (FORY_LIKELY(*slot != NULL)) {
        return 0;
    }
    imported = PyImport_ImportModule(module);
    if (imported == NULL) {
        return -1;
    }
    found = PyObject_GetAttrString(imported, name);
    Py_DECREF(imported);
    if (found == NULL) {
        return -1;
    }
    Py_XSETREF(*slot, found); /* another thread may have been here meanwhile */
    return 0;
}

ForyState *
fory_state_of_type(PyTypeObject *type)
{
#if PY_VERSION_HEX < 0x03090000
    (void)type;
    return state_3_8;
#else
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        if (!(base->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
            continue;
        }
        PyObject *module = ((PyHeapTypeObject *)base)->ht_module;
        if (module != NULL && PyModule_GetDef(module) == &fory_core_module) {
            return PyModule_GetState(module);
        }
    }
    PyErr_Format(PyExc_TypeError, "%s is not a pyfory type", type->tp_name);
    return NULL;
#endif
}

static const char *const error_names[FORY_E_COUNT] = {
    [FORY_E_INVALID_DATA] = "ForyInvalidDataError",
    [FORY_E_TRUNCATED] = "ForyBufferOutOfBoundError",
    [FORY_E_TYPE] = "ForyTypeError",
    [FORY_E_OVERFLOW] = "ForyOverflowError",
    [FORY_E_UNREGISTERED] = "TypeUnregisteredError",
    [FORY_E_NOT_COMPATIBLE] = "TypeNotCompatibleError",
    [FORY_E_DEPTH] = "ForyDepthExceedError",
    [FORY_E_LIMIT] = "ForyLimitError",
    [FORY_E_REF] = "ForyInvalidRefError",
    [FORY_E_ENUM] = "ForyUnknownEnumError",
    [FORY_E_UNSUPPORTED] = "ForyUnsupportedError",
    [FORY_E_INVALID] = "ForyInvalidError",
    [FORY_E_INDEX] = "ForyOutOfBoundError",
    [FORY_E_FIELD] = "ForyFieldError",
    [FORY_E_SCHEMA_HASH] = "ForySchemaHashError",
};

int
fory_state_init(PyObject *module, ForyState *st)
{
    PyObject *errors = NULL;
    (void)module;
#if PY_VERSION_HEX < 0x03090000
    state_3_8 = st;
#endif
    errors = PyImport_ImportModule("pyfory.error");
    if (errors == NULL) {
        return -1;
    }
    for (int i = 0; i < FORY_E_COUNT; i++) {
        st->errors[i] = PyObject_GetAttrString(errors, error_names[i]);
        if (st->errors[i] == NULL) {
            goto error;
        }
    }
    st->empty_tuple = PyTuple_New(0);
    st->str_path = PyUnicode_InternFromString("path");
    st->str_offset = PyUnicode_InternFromString("offset");
    st->str_value = PyUnicode_InternFromString("value");
    st->str_add_note = PyUnicode_InternFromString("add_note");
    st->str_write = PyUnicode_InternFromString("write");
    st->str_read = PyUnicode_InternFromString("read");
    st->str_compiled = PyUnicode_InternFromString("_compiled");
    if (st->empty_tuple == NULL || st->str_path == NULL || st->str_offset == NULL || st->str_value == NULL ||
        st->str_add_note == NULL || st->str_write == NULL || st->str_read == NULL || st->str_compiled == NULL) {
        goto error;
    }
#define INTERN(name, text)                                       \
    if ((st->str_##name = PyUnicode_InternFromString(text)) == NULL) { \
        goto error;                                              \
    }
    FORY_PICKLE_NAMES(INTERN)
#undef INTERN
    Py_DECREF(errors);
    return fory_codec_ops.init_state(st);
error:
    Py_DECREF(errors);
    return -1;
}

#define FORY_STATE_OBJECTS(X)                                                                  \
    X(BufferType) X(DenseArrayType) X(EngineType) X(PicklerType) X(UnpicklerType) X(BytesIO) X(WriteContextType) X(ReadContextType)       \
    X(BufferObjectType) X(empty_tuple) X(Decimal) X(array_array) X(numpy_empty) X(numpy_ndarray) X(numpy_dtype) \
    X(enum_Enum) X(uuid_UUID) X(uuid_unsafe)                                                   \
    X(UnknownStruct) X(NonExistEnum) X(Union) X(str_path) X(str_offset) X(str_value) X(str_add_note)   \
    X(str_write) X(str_read) X(str_compiled)

int
fory_state_traverse(ForyState *st, visitproc visit, void *arg)
{
#define VISIT_MEMBER(name) Py_VISIT(st->name);
    FORY_STATE_OBJECTS(VISIT_MEMBER)
#define VISIT_NAME(name, text) Py_VISIT(st->str_##name);
    FORY_PICKLE_NAMES(VISIT_NAME)
    for (int i = 0; i < FORY_E_COUNT; i++) {
        Py_VISIT(st->errors[i]);
    }
    for (int i = 0; i < FORY_TYPE_ID_COUNT; i++) {
        Py_VISIT(st->array_carriers[i]);
        Py_VISIT(st->numpy_dtypes[i]);
    }
    for (int i = 0; i < FORY_ROW_TYPE_COUNT; i++) {
        Py_VISIT(st->row_types[i]);
    }
    return fory_numpy_traverse(st->numpy, visit, arg);
}

int
fory_state_clear(ForyState *st)
{
#define CLEAR_MEMBER(name) Py_CLEAR(st->name);
    FORY_STATE_OBJECTS(CLEAR_MEMBER)
#define CLEAR_NAME(name, text) Py_CLEAR(st->str_##name);
    FORY_PICKLE_NAMES(CLEAR_NAME)
    for (int i = 0; i < FORY_E_COUNT; i++) {
        Py_CLEAR(st->errors[i]);
    }
    for (int i = 0; i < FORY_TYPE_ID_COUNT; i++) {
        Py_CLEAR(st->array_carriers[i]);
        Py_CLEAR(st->numpy_dtypes[i]);
    }
    for (int i = 0; i < FORY_ROW_TYPE_COUNT; i++) {
        Py_CLEAR(st->row_types[i]);
    }
    for (int i = 0; i < 128; i++) {
        Py_CLEAR(st->small_ints[i]);
    }
    struct ForyNumpy *numpy = st->numpy;
    st->numpy = NULL;
    fory_numpy_free(numpy);
    return 0;
}
