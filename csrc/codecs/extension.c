/* Values written by serializers in Python (wire-format 8.2, api section 4):
 * the ext codec and the WriteContext, ReadContext and BufferObject types. */
#include "codecs/codecs.h"

typedef struct ForyExtCodec {
    ForyCodec base;
    PyTypeObject *type;
    PyObject *serializer; /* kept by the engine */
    uint8_t any_subclass;
} ForyExtCodec;

/* ---- context objects ---------------------------------------------------------- */

static PyObject *
attach(PyObject **cached, PyTypeObject *type, void *context)
{
    if (*cached == NULL) {
        ForyPyContext *o = (ForyPyContext *)type->tp_alloc(type, 0);
        if (o == NULL) {
            return NULL;
        }
        o->context = context;
        o->thread = PyThread_get_thread_ident();
        *cached = (PyObject *)o;
    }
    return Py_NewRef(*cached);
}

/* The context behind self, NULL with an exception once its operation is over. */
static void *
live_context(PyObject *self)
{
    const ForyPyContext *o = (const ForyPyContext *)self;
    if (FORY_LIKELY(o->context != NULL && o->thread == PyThread_get_thread_ident())) {
        return o->context;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    o->context == NULL ? "a serializer context is valid only during its operation"
                                       : "a serializer context is valid only in the thread of its operation");
    return NULL;
}

#define WRITE_CTX(self) ((ForyWriteCtx *)live_context(self))
#define READ_CTX(self) ((ForyReadCtx *)live_context(self))

static PyObject *
none_or_null(int rc)
{
    if (rc < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- the codec ------------------------------------------------------------------- */

static int
write_ext(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyExtCodec *codec = (const ForyExtCodec *)c;
    PyObject *context, *done = NULL;
    if (!PyObject_TypeCheck(v, codec->type)) {
        fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", codec->type->tp_name, Py_TYPE(v)->tp_name);
        return -1;
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    /* the stack is asked at any depth: a serializer may start operations of its own */
    context = fory_stack_check(w->st, &w->stack) < 0 ? NULL : attach(&w->py_context, w->st->WriteContextType, w);
    if (context != NULL && fory_write_pin(w) == 0) {
        done = PyObject_CallMethod(codec->serializer, "write", "OO", context, v);
    }
    Py_XDECREF(context);
    w->depth--;
    if (done == NULL) {
        return -1;
    }
    Py_DECREF(done);
    return 0;
}

static PyObject *
read_ext(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyExtCodec *codec = (const ForyExtCodec *)c;
    Py_ssize_t id = fory_ref_take(r), outer = r->own_ref;
    PyObject *context, *result = NULL;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    r->own_ref = id;
    context = fory_stack_check(r->st, &r->stack) < 0 ? NULL : attach(&r->py_context, r->st->ReadContextType, r);
    if (context != NULL) {
        result = PyObject_CallMethod(codec->serializer, "read", "O", context);
        Py_DECREF(context);
    }
    r->own_ref = outer;
    r->depth--;
    if (result != NULL) {
        fory_ref_publish(r, id, result);
    }
    return result;
}

static int
truthy_attribute(PyObject *o, const char *name, int fallback)
{
    PyObject *v = PyObject_GetAttrString(o, name);
    int rc;
    if (v == NULL) {
        PyErr_Clear();
        return fallback;
    }
    rc = PyObject_IsTrue(v);
    Py_DECREF(v);
    return rc;
}

const ForyCodec *
fory_ext_codec(ForyEngine *e, PyTypeObject *type, PyObject *serializer)
{
    ForyExtCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    int tracked = truthy_attribute(serializer, "need_to_write_ref", 1);
    int advances = truthy_attribute(serializer, "read_data_always_advances", 0);
    if (codec == NULL || tracked < 0 || advances < 0 || fory_engine_keep(e, serializer) < 0) {
        return NULL;
    }
    codec->type = type;
    codec->serializer = serializer;
    codec->base = (ForyCodec){write_ext, read_ext, NULL, NULL, NULL, FORY_EXT,
                              (uint8_t)((tracked ? FORY_CODEC_TRACKED : 0) | FORY_CODEC_EARLY),
                              (uint8_t)advances, 0};
    return &codec->base;
}

/* ---- WriteContext -------------------------------------------------------------------- */

static PyObject *
write_with(PyObject *self, PyObject *v, int type_id)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    const ForyCodec *codec;
    if (w == NULL) {
        return NULL;
    }
    codec = &w->st->codecs[type_id];
    return none_or_null(codec->write(w, codec, v));
}

#define WRITE_SCALARS(X)                                                                                         \
    X(bool, FORY_BOOL) X(int8, FORY_INT8) X(uint8, FORY_UINT8) X(int16, FORY_INT16) X(uint16, FORY_UINT16)       \
    X(int32, FORY_INT32) X(uint32, FORY_UINT32) X(int64, FORY_INT64) X(uint64, FORY_UINT64)                      \
    X(varint32, FORY_VARINT32) X(var_uint32, FORY_VAR_UINT32) X(varint64, FORY_VARINT64)                         \
    X(var_uint64, FORY_VAR_UINT64) X(tagged_int64, FORY_TAGGED_INT64) X(tagged_uint64, FORY_TAGGED_UINT64)       \
    X(float16, FORY_FLOAT16) X(bfloat16, FORY_BFLOAT16) X(float, FORY_FLOAT32) X(float32, FORY_FLOAT32)          \
    X(double, FORY_FLOAT64) X(float64, FORY_FLOAT64) X(string, FORY_STRING)

#define DEFINE_WRITE(name, id)                                \
    static PyObject *ctx_write_##name(PyObject *self, PyObject *v) \
    {                                                         \
        return write_with(self, v, id);                       \
    }
WRITE_SCALARS(DEFINE_WRITE)

static PyObject *
write_raw(PyObject *self, PyObject *v, int with_size)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    Py_buffer view;
    int rc = -1;
    if (w == NULL || PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (with_size && (uint64_t)view.len > UINT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "bytes of 2**32 or more");
    }
    else if (fory_room(w, FORY_VU32_MAX + (size_t)view.len) == 0) {
        if (with_size) {
            fory_put_vu32(&w->out, (uint32_t)view.len);
        }
        memcpy(w->out.pos, view.buf, (size_t)view.len);
        w->out.pos += view.len;
        rc = 0;
    }
    PyBuffer_Release(&view);
    return none_or_null(rc);
}

static PyObject *
ctx_write_bytes(PyObject *self, PyObject *v)
{
    return write_raw(self, v, 0);
}

static PyObject *
ctx_write_bytes_and_size(PyObject *self, PyObject *v)
{
    return write_raw(self, v, 1);
}

/* Body by an explicit serializer object. */
static int
write_by_serializer(PyObject *self, PyObject *serializer, PyObject *v)
{
    PyObject *done = PyObject_CallMethod(serializer, "write", "OO", self, v);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* serializer= must have a write/read method to be used; api.md also lets callers
 * pass type information, which the value itself tells here. */
static int
parse_object_call(PyObject *args, PyObject *kwargs, const char *format, PyObject **v, PyObject **serializer,
                  int serializer_first)
{
    static char *keywords_info[] = {"obj", "typeinfo", "serializer", NULL};
    static char *keywords_serializer[] = {"obj", "serializer", "typeinfo", NULL};
    PyObject *first = Py_None, *second = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, serializer_first ? keywords_serializer : keywords_info, v,
                                     &first, &second)) {
        return -1;
    }
    *serializer = serializer_first ? first : second;
    return 0;
}

static PyObject *
ctx_write_ref(PyObject *self, PyObject *args, PyObject *kwargs)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    PyObject *v, *serializer;
    int rc;
    if (w == NULL || parse_object_call(args, kwargs, "O|OO:write_ref", &v, &serializer, 0) < 0) {
        return NULL;
    }
    if (serializer == Py_None || v == Py_None) {
        return none_or_null(fory_write_value_ref(w, v));
    }
    if (w->track_ref) {
        rc = fory_write_ref(w, v);
        if (rc != 0) {
            return none_or_null(rc);
        }
    }
    else if (fory_room(w, 1) < 0) {
        return NULL;
    }
    else {
        fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
    }
    return none_or_null(write_by_serializer(self, serializer, v));
}

static PyObject *
ctx_write_non_ref(PyObject *self, PyObject *args, PyObject *kwargs)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    PyObject *v, *serializer;
    if (w == NULL || parse_object_call(args, kwargs, "O|OO:write_non_ref", &v, &serializer, 1) < 0) {
        return NULL;
    }
    return none_or_null(serializer == Py_None ? fory_write_any(w, v) : write_by_serializer(self, serializer, v));
}

static PyObject *
ctx_write_ref_or_null(PyObject *self, PyObject *v)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    int rc;
    if (w == NULL || fory_room(w, 1) < 0) {
        return NULL;
    }
    if (v == Py_None) {
        fory_put_u8(&w->out, FORY_FLAG_NULL);
        Py_RETURN_TRUE;
    }
    if (!w->track_ref) {
        fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
        Py_RETURN_FALSE;
    }
    rc = fory_write_ref(w, v);
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *
ctx_write_ref_value_flag(PyObject *self, PyObject *v)
{
    PyObject *done = ctx_write_ref_or_null(self, v);
    if (done == NULL) {
        return NULL;
    }
    int written = done == Py_True;
    Py_DECREF(done);
    return PyBool_FromLong(!written);
}

static PyObject *
ctx_write_null_flag(PyObject *self, PyObject *v)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    if (w == NULL || fory_room(w, 1) < 0) {
        return NULL;
    }
    fory_put_u8(&w->out, v == Py_None ? FORY_FLAG_NULL : FORY_FLAG_NOT_NULL);
    return PyBool_FromLong(v == Py_None);
}

static PyObject *
ctx_get_writer_index(PyObject *self, PyObject *unused)
{
    ForyWriteCtx *w = WRITE_CTX(self);
    (void)unused;
    return w == NULL ? NULL : PyLong_FromSsize_t(w->out.pos - w->out.start);
}

/* ---- per-operation storage, keyed by identity ------------------------------------------- */

static PyObject **
storage_of(PyObject *self)
{
    void *context = live_context(self);
    ForyState *st;
    if (context == NULL) {
        return NULL;
    }
    st = fory_state_of_type(Py_TYPE(self));
    if (st == NULL) {
        return NULL;
    }
    return Py_TYPE(self) == st->WriteContextType ? &((ForyWriteCtx *)context)->storage
                                                 : &((ForyReadCtx *)context)->storage;
}

static PyObject *
ctx_add_context_object(PyObject *self, PyObject *args)
{
    PyObject *key, *value, *id = NULL, *pair = NULL;
    PyObject **storage = storage_of(self);
    int rc = -1;
    if (storage == NULL || !PyArg_ParseTuple(args, "OO", &key, &value)) {
        return NULL;
    }
    if (*storage == NULL && (*storage = PyDict_New()) == NULL) {
        return NULL;
    }
    id = PyLong_FromVoidPtr(key);
    pair = PyTuple_Pack(2, key, value); /* the key too: its address may not be reused */
    if (id != NULL && pair != NULL) {
        rc = PyDict_SetItem(*storage, id, pair);
    }
    Py_XDECREF(id);
    Py_XDECREF(pair);
    return none_or_null(rc);
}

/* borrowed, or NULL without an exception when absent */
static PyObject *
find_context_object(PyObject **storage, PyObject *key)
{
    PyObject *id, *pair = NULL;
    if (*storage != NULL && (id = PyLong_FromVoidPtr(key)) != NULL) {
        pair = PyDict_GetItemWithError(*storage, id);
        Py_DECREF(id);
    }
    return pair == NULL ? NULL : PyTuple_GET_ITEM(pair, 1);
}

static PyObject *
ctx_has_context_object(PyObject *self, PyObject *key)
{
    PyObject **storage = storage_of(self);
    return storage == NULL ? NULL : PyBool_FromLong(find_context_object(storage, key) != NULL);
}

static PyObject *
ctx_get_context_object(PyObject *self, PyObject *args)
{
    PyObject *key, *fallback = Py_None, *found;
    PyObject **storage = storage_of(self);
    if (storage == NULL || !PyArg_ParseTuple(args, "O|O", &key, &fallback)) {
        return NULL;
    }
    found = find_context_object(storage, key);
    return Py_NewRef(found != NULL ? found : fallback);
}

/* ---- ReadContext ---------------------------------------------------------------------------- */

static PyObject *
read_with(PyObject *self, int type_id)
{
    ForyReadCtx *r = READ_CTX(self);
    return r == NULL ? NULL : r->st->codecs[type_id].read(r, &r->st->codecs[type_id]);
}

#define DEFINE_READ(name, id)                                        \
    static PyObject *ctx_read_##name(PyObject *self, PyObject *unused) \
    {                                                                \
        (void)unused;                                                \
        return read_with(self, id);                                  \
    }
WRITE_SCALARS(DEFINE_READ)

static PyObject *
take_bytes(ForyReadCtx *r, size_t n)
{
    PyObject *result;
    if (!fory_have(&r->in, n)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    result = PyBytes_FromStringAndSize((const char *)r->in.pos, (Py_ssize_t)n);
    r->in.pos += n;
    return result;
}

static PyObject *
ctx_read_bytes(PyObject *self, PyObject *size)
{
    ForyReadCtx *r = READ_CTX(self);
    Py_ssize_t n;
    if (r == NULL || ((n = PyLong_AsSsize_t(size)) == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (n < 0) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "negative length");
    }
    return take_bytes(r, (size_t)n);
}

static PyObject *
ctx_read_bytes_and_size(PyObject *self, PyObject *unused)
{
    ForyReadCtx *r = READ_CTX(self);
    uint32_t n;
    int rc;
    (void)unused;
    if (r == NULL) {
        return NULL;
    }
    rc = fory_get_vu32(&r->in, &n);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    return take_bytes(r, n);
}

static PyObject *
optional_serializer(PyObject *args, PyObject *kwargs, const char *format)
{
    static char *keywords[] = {"serializer", NULL};
    PyObject *serializer = Py_None;
    return PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, &serializer) ? serializer : NULL;
}

static PyObject *
ctx_read_ref(PyObject *self, PyObject *args, PyObject *kwargs)
{
    ForyReadCtx *r = READ_CTX(self);
    PyObject *serializer, *v = NULL;
    Py_ssize_t id, outer;
    int rc;
    if (r == NULL || (serializer = optional_serializer(args, kwargs, "|O:read_ref")) == NULL) {
        return NULL;
    }
    if (serializer == Py_None) {
        return fory_read_value_ref(r);
    }
    rc = fory_read_flag(r, &id, &v);
    if (rc != 0) {
        return rc < 0 ? NULL : v;
    }
    outer = r->own_ref;
    r->own_ref = id;
    v = PyObject_CallMethod(serializer, "read", "O", self);
    r->own_ref = outer;
    if (v != NULL) {
        fory_ref_publish(r, id, v);
    }
    return v;
}

static PyObject *
ctx_read_non_ref(PyObject *self, PyObject *args, PyObject *kwargs)
{
    ForyReadCtx *r = READ_CTX(self);
    PyObject *serializer;
    if (r == NULL || (serializer = optional_serializer(args, kwargs, "|O:read_non_ref")) == NULL) {
        return NULL;
    }
    return serializer == Py_None ? fory_read_any(r) : PyObject_CallMethod(serializer, "read", "O", self);
}

PyDoc_STRVAR(reference_doc,
"reference($self, obj)\n--\n\nMakes obj known to back references before its children are read. Call it first in\n"
"read() when the object may be part of a cycle.");

static PyObject *
ctx_reference(PyObject *self, PyObject *o)
{
    ForyReadCtx *r = READ_CTX(self);
    if (r == NULL) {
        return NULL;
    }
    fory_ref_publish(r, r->own_ref, o);
    Py_RETURN_NONE;
}

static PyObject *
ctx_get_reader_index(PyObject *self, PyObject *unused)
{
    ForyReadCtx *r = READ_CTX(self);
    (void)unused;
    return r == NULL ? NULL : PyLong_FromSsize_t(r->in.pos - r->in.start);
}

static PyObject *
ctx_set_reader_index(PyObject *self, PyObject *index)
{
    ForyReadCtx *r = READ_CTX(self);
    Py_ssize_t i;
    if (r == NULL || ((i = PyLong_AsSsize_t(index)) == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (i < 0 || (i > r->in.end - r->in.start && !fory_have(&r->in, (size_t)(i - (r->in.pos - r->in.start))))) {
        if (!PyErr_Occurred()) {
            fory_raise(r->st, FORY_E_TRUNCATED, "reader index %zd is outside the input", i);
        }
        return NULL;
    }
    r->in.pos = r->in.start + i;
    Py_RETURN_NONE;
}

static PyObject *
ctx_check_readable_bytes(PyObject *self, PyObject *size)
{
    ForyReadCtx *r = READ_CTX(self);
    Py_ssize_t n;
    if (r == NULL || ((n = PyLong_AsSsize_t(size)) == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (n < 0 || !fory_have(&r->in, (size_t)n)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
ctx_reserve_graph_memory(PyObject *self, PyObject *size)
{
    ForyReadCtx *r = READ_CTX(self);
    long long n;
    if (r == NULL || ((n = PyLong_AsLongLong(size)) == -1 && PyErr_Occurred())) {
        return NULL;
    }
    if (n < 0) {
        return fory_raise(r->st, FORY_E_LIMIT, "estimated graph memory is negative");
    }
    return none_or_null(fory_charge(r, n));
}

/* ---- tables ------------------------------------------------------------------------------------ */

static PyObject *
context_getattro(PyObject *self, PyObject *name)
{
    /* options and the type resolver are those of the engine */
    static const char *const forwarded[] = {"type_resolver", "xlang", "track_ref", "strict", "compatible",
                                            "field_nullable", "policy", "max_depth", NULL};
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject *v = PyObject_GenericGetAttr(self, name);
    if (v != NULL || o->context == NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return v;
    }
    for (int i = 0; forwarded[i] != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(name, forwarded[i]) == 0) {
            ForyState *st = fory_state_of_type(Py_TYPE(self));
            ForyEngine *e = Py_TYPE(self) == st->WriteContextType ? ((ForyWriteCtx *)o->context)->engine
                                                                  : ((ForyReadCtx *)o->context)->engine;
            PyErr_Clear();
            return PyObject_GetAttr((PyObject *)e, name);
        }
    }
    return NULL;
}

static void
context_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

#define KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))
#define WRITE_ENTRY(name, id) {"write_" #name, ctx_write_##name, METH_O, NULL},
#define READ_ENTRY(name, id) {"read_" #name, ctx_read_##name, METH_NOARGS, NULL},
#define STORAGE_ENTRIES                                                                                      \
    {"add_context_object", ctx_add_context_object, METH_VARARGS, NULL},                                      \
    {"has_context_object", ctx_has_context_object, METH_O, NULL},                                            \
    {"get_context_object", ctx_get_context_object, METH_VARARGS, NULL},

static PyMethodDef write_context_methods[] = {
    WRITE_SCALARS(WRITE_ENTRY)
    {"put_uint8", ctx_write_uint8, METH_O, NULL},
    {"write_bytes", ctx_write_bytes, METH_O, NULL},
    {"write_buffer", ctx_write_bytes, METH_O, NULL},
    {"write_bytes_and_size", ctx_write_bytes_and_size, METH_O, NULL},
    {"write_ref", KEYWORDS(ctx_write_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"write_non_ref", KEYWORDS(ctx_write_non_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"write_no_ref", KEYWORDS(ctx_write_non_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"write_ref_or_null", ctx_write_ref_or_null, METH_O, NULL},
    {"write_ref_value_flag", ctx_write_ref_value_flag, METH_O, NULL},
    {"write_null_flag", ctx_write_null_flag, METH_O, NULL},
    {"get_writer_index", ctx_get_writer_index, METH_NOARGS, NULL},
    STORAGE_ENTRIES
    {NULL, NULL, 0, NULL},
};

static PyMethodDef read_context_methods[] = {
    WRITE_SCALARS(READ_ENTRY)
    {"read_bytes", ctx_read_bytes, METH_O, NULL},
    {"read_bytes_and_size", ctx_read_bytes_and_size, METH_NOARGS, NULL},
    {"read_ref", KEYWORDS(ctx_read_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"read_non_ref", KEYWORDS(ctx_read_non_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"read_no_ref", KEYWORDS(ctx_read_non_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"read_nullable", KEYWORDS(ctx_read_ref), METH_VARARGS | METH_KEYWORDS, NULL},
    {"reference", ctx_reference, METH_O, reference_doc},
    {"get_reader_index", ctx_get_reader_index, METH_NOARGS, NULL},
    {"set_reader_index", ctx_set_reader_index, METH_O, NULL},
    {"check_readable_bytes", ctx_check_readable_bytes, METH_O, NULL},
    {"reserve_graph_memory", ctx_reserve_graph_memory, METH_O, NULL},
    STORAGE_ENTRIES
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(write_context_doc, "Output of one running operation, given to Serializer.write().");
PyDoc_STRVAR(read_context_doc, "Input of one running operation, given to Serializer.read().");

static PyType_Slot write_context_slots[] = {
    {Py_tp_doc, (void *)write_context_doc},
    {Py_tp_dealloc, context_dealloc},
    {Py_tp_getattro, context_getattro},
    {Py_tp_methods, write_context_methods},
    {0, NULL},
};

static PyType_Slot read_context_slots[] = {
    {Py_tp_doc, (void *)read_context_doc},
    {Py_tp_dealloc, context_dealloc},
    {Py_tp_getattro, context_getattro},
    {Py_tp_methods, read_context_methods},
    {0, NULL},
};

#if PY_VERSION_HEX >= 0x030A0000
#define NOT_CALLABLE Py_TPFLAGS_DISALLOW_INSTANTIATION
#else
#define NOT_CALLABLE 0
#endif

static PyType_Spec write_context_spec = {
    .name = "pyfory._core.WriteContext",
    .basicsize = sizeof(ForyPyContext),
    .flags = Py_TPFLAGS_DEFAULT | NOT_CALLABLE,
    .slots = write_context_slots,
};

static PyType_Spec read_context_spec = {
    .name = "pyfory._core.ReadContext",
    .basicsize = sizeof(ForyPyContext),
    .flags = Py_TPFLAGS_DEFAULT | NOT_CALLABLE,
    .slots = read_context_slots,
};

/* ---- BufferObject -------------------------------------------------------------------------------- */

typedef struct BufferObject {
    PyObject_HEAD
    PyObject *source; /* exporter of the memory */
} BufferObject;

static PyObject *
buffer_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *source;
    BufferObject *o;
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "BufferObject() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O:BufferObject", &source)) {
        return NULL;
    }
    o = (BufferObject *)type->tp_alloc(type, 0);
    if (o != NULL) {
        o->source = Py_NewRef(source);
    }
    return (PyObject *)o;
}

static void
buffer_object_dealloc(BufferObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    PyObject_GC_UnTrack(o);
    Py_CLEAR(o->source);
    type->tp_free((PyObject *)o);
    Py_DECREF(type);
}

static int
buffer_object_traverse(BufferObject *o, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(o));
#endif
    Py_VISIT(o->source);
    return 0;
}

static int
buffer_object_clear(BufferObject *o)
{
    /* the methods need a source: None has no buffer and raises */
    Py_XSETREF(o->source, Py_NewRef(Py_None));
    return 0;
}

static PyObject *
buffer_object_total_bytes(BufferObject *o, PyObject *unused)
{
    Py_buffer view;
    Py_ssize_t n;
    (void)unused;
    if (PyObject_GetBuffer(o->source, &view, PyBUF_FULL_RO) < 0) {
        return NULL;
    }
    n = view.len;
    PyBuffer_Release(&view);
    return PyLong_FromSsize_t(n);
}

static PyObject *
buffer_object_getbuffer(BufferObject *o, PyObject *unused)
{
    (void)unused;
    return PyMemoryView_GetContiguous(o->source, PyBUF_READ, 'C');
}

static PyObject *
buffer_object_write_to(BufferObject *o, PyObject *stream)
{
    PyObject *view = buffer_object_getbuffer(o, NULL), *done;
    if (view == NULL) {
        return NULL;
    }
    done = PyObject_CallMethod(stream, "write", "O", view);
    Py_DECREF(view);
    Py_XDECREF(done);
    return none_or_null(done == NULL ? -1 : 0);
}

static PyMethodDef buffer_object_methods[] = {
    {"total_bytes", (PyCFunction)buffer_object_total_bytes, METH_NOARGS, "Size of the data in bytes."},
    {"getbuffer", (PyCFunction)buffer_object_getbuffer, METH_NOARGS,
     "Contiguous memoryview of the data; a copy only when the data is strided."},
    {"raw", (PyCFunction)buffer_object_getbuffer, METH_NOARGS, "The same as getbuffer()."},
    {"write_to", (PyCFunction)buffer_object_write_to, METH_O, "Writes the data to stream.write(bytes-like)."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(buffer_object_doc, "Out-of-band data, given to buffer_callback.");

static PyType_Slot buffer_object_slots[] = {
    {Py_tp_doc, (void *)buffer_object_doc},
    {Py_tp_new, buffer_object_new},
    {Py_tp_dealloc, buffer_object_dealloc},
    {Py_tp_traverse, buffer_object_traverse},
    {Py_tp_clear, buffer_object_clear},
    {Py_tp_methods, buffer_object_methods},
    {0, NULL},
};

static PyType_Spec buffer_object_spec = {
    .name = "pyfory._core.BufferObject",
    .basicsize = sizeof(BufferObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = buffer_object_slots,
};

int
fory_extension_init(PyObject *module, ForyState *st)
{
    st->WriteContextType = fory_new_type(module, &write_context_spec);
    st->ReadContextType = fory_new_type(module, &read_context_spec);
    st->BufferObjectType = fory_new_type(module, &buffer_object_spec);
    if (st->WriteContextType == NULL || st->ReadContextType == NULL || st->BufferObjectType == NULL ||
        PyModule_AddType(module, st->WriteContextType) < 0 || PyModule_AddType(module, st->ReadContextType) < 0) {
        return -1;
    }
    return PyModule_AddType(module, st->BufferObjectType);
}
