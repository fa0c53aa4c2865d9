/* Values written by serializers in Python (wire-format 8.2, api section 4):
 * the ext codec, and the life of the context objects that serializers get. */
#include "codecs/contexts.h"

typedef struct ForyExtCodec {
    ForyCodec base;
    PyTypeObject *type;
    PyObject *serializer; /* kept by the engine */
} ForyExtCodec;

/* ---- the codec ------------------------------------------------------------------- */

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
    int depth = w->depth;
    /* the stack is asked at any depth: a serializer may start operations of its own */
    context = fory_stack_check(w->st, &w->stack) < 0 ? NULL : attach(&w->py_context, w->st->WriteContextType, w);
    if (context != NULL && fory_write_pin(w) == 0 && (FORY_LIKELY(w->lent == NULL) || fory_write_sync_out(w) == 0)) {
        done = PyObject_CallMethodObjArgs(codec->serializer, w->st->str_write, context, v, NULL);
        if (FORY_UNLIKELY(w->staged) && done != NULL && fory_write_collect(w) < 0) {
            Py_CLEAR(done);
        }
    }
    Py_XDECREF(context);
    w->depth = depth - 1;
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
    size_t n_preserved = r->n_preserved, outer_base = r->preserved_base;
    PyObject *context, *result = NULL;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    int depth = r->depth;
    r->own_ref = id;
    r->preserved_base = n_preserved;
    context = fory_stack_check(r->st, &r->stack) < 0 ? NULL : attach(&r->py_context, r->st->ReadContextType, r);
    if (context != NULL) {
        if (FORY_UNLIKELY(r->lent != NULL)) {
            fory_read_sync_out(r);
        }
        result = PyObject_CallMethodObjArgs(codec->serializer, r->st->str_read, context, NULL);
        if (FORY_UNLIKELY(r->lent != NULL) && fory_read_sync_in(r) < 0) {
            Py_CLEAR(result);
        }
        Py_DECREF(context);
    }
    r->n_preserved = n_preserved;
    r->preserved_base = outer_base;
    r->own_ref = outer;
    r->depth = depth - 1;
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
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
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
    int advances = tracked < 0 ? -1 : truthy_attribute(serializer, "read_data_always_advances", 0);
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

/* ---- entering and leaving methods -------------------------------------------------- */

static void *
live_context(PyObject *self)
{
    ForyPyContext *o = (ForyPyContext *)self;
    if (FORY_LIKELY(o->context != NULL && o->thread == PyThread_get_thread_ident())) {
        o->busy++;
        return o->context;
    }
    PyErr_SetString(PyExc_RuntimeError,
                    o->context != NULL  ? "a serializer context is valid only in the thread of its operation"
                    : o->engine != NULL ? "the context is not prepared: call prepare(buffer) first"
                                        : "a serializer context is valid only during its operation");
    return NULL;
}

ForyWriteCtx *
fory_context_enter_write(PyObject *self)
{
    ForyWriteCtx *w = live_context(self);
    if (w != NULL && FORY_UNLIKELY(w->staged) && fory_write_collect(w) < 0) {
        ((ForyPyContext *)self)->busy--;
        return NULL;
    }
    return w;
}

PyObject *
fory_context_leave_write(PyObject *self, PyObject *result)
{
    ForyPyContext *o = (ForyPyContext *)self;
    ForyWriteCtx *w = o->context;
    if (FORY_UNLIKELY(w->lent != NULL || w->streaming) && result != NULL &&
        (w->lent != NULL ? fory_write_sync_out(w) : fory_write_step(w)) < 0) {
        Py_CLEAR(result);
    }
    o->busy--;
    return result;
}

ForyReadCtx *
fory_context_enter_read(PyObject *self)
{
    ForyReadCtx *r = live_context(self);
    if (r != NULL && FORY_UNLIKELY(r->lent != NULL) && fory_read_sync_in(r) < 0) {
        ((ForyPyContext *)self)->busy--;
        return NULL;
    }
    return r;
}

PyObject *
fory_context_leave_read(PyObject *self, PyObject *result)
{
    ForyPyContext *o = (ForyPyContext *)self;
    ForyReadCtx *r = o->context;
    if (FORY_UNLIKELY(r->lent != NULL)) {
        fory_read_sync_out(r);
    }
    o->busy--;
    return result;
}

/* ---- life of the context objects ----------------------------------------------------- */

static int
is_writer(PyObject *self)
{
    const ForyPyContext *o = (const ForyPyContext *)self;
    return Py_TYPE(self) == o->engine->st->WriteContextType;
}

PyObject *
fory_context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"fory", NULL};
    ForyState *st = fory_state_of_type(type);
    PyObject *engine;
    ForyPyContext *o;
    if (st == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "O!", keywords, st->EngineType, &engine)) {
        return NULL;
    }
    o = (ForyPyContext *)type->tp_alloc(type, 0);
    if (o != NULL) {
        o->engine = (ForyEngine *)Py_NewRef(engine);
    }
    return (PyObject *)o;
}

/* Ends what prepare() began. */
static void
end_prepared(PyObject *self)
{
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject *held = o->held;
    void *context = o->context;
    o->held = NULL;
    if (context != NULL) {
        /* drops the reference that the operation has to self */
        if (is_writer(self)) {
            fory_write_end(context);
        }
        else {
            fory_read_context_end(context);
        }
    }
    Py_XDECREF(held);
}

static int
not_busy(PyObject *self)
{
    const ForyPyContext *o = (const ForyPyContext *)self;
    if (o->engine == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this context belongs to a running operation");
        return 0;
    }
    if (o->context != NULL && (o->busy > 0 || o->thread != PyThread_get_thread_ident())) {
        PyErr_SetString(PyExc_RuntimeError, "the context is in use");
        return 0;
    }
    return 1;
}

ForyEngine *
fory_context_prepare(PyObject *self)
{
    ForyPyContext *o = (ForyPyContext *)self;
    if (!not_busy(self)) {
        return NULL;
    }
    end_prepared(self);
    if (o->engine->registry == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Fory.__init__ has not run");
        return NULL;
    }
    if (o->engine->native != NULL) {
        fory_raise(o->engine->st, FORY_E_UNSUPPORTED, "parts of messages are written and read in xlang mode only");
        return NULL;
    }
    o->thread = PyThread_get_thread_ident();
    return o->engine;
}

PyObject *
fory_context_reset(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (!not_busy(self)) {
        return NULL;
    }
    Py_INCREF(self);
    end_prepared(self);
    Py_DECREF(self);
    Py_RETURN_NONE;
}

int
fory_context_traverse(PyObject *self, visitproc visit, void *arg)
{
    ForyPyContext *o = (ForyPyContext *)self;
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(o->engine);
    Py_VISIT(o->held);
    if (o->engine != NULL && o->context != NULL) {
        /* the operation is ours: what it holds is held through us */
        Py_VISIT(self);
        if (is_writer(self)) {
            ForyWriteCtx *w = o->context;
            Py_VISIT(w->engine);
            Py_VISIT(w->lent);
            Py_VISIT(w->storage);
        }
        else {
            ForyReadCtx *r = o->context;
            Py_VISIT(r->engine);
            Py_VISIT(r->lent);
            Py_VISIT(r->storage);
        }
    }
    return 0;
}

int
fory_context_clear(PyObject *self)
{
    ForyPyContext *o = (ForyPyContext *)self;
    if (o->engine != NULL) {
        end_prepared(self);
        Py_CLEAR(o->engine);
    }
    return 0;
}

void
fory_context_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject_GC_UnTrack(self);
    /* an operation of ours would hold a reference: there is none */
    Py_CLEAR(o->held);
    Py_CLEAR(o->engine);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- attributes ------------------------------------------------------------------------ */

/* Getters of both types; closure is the name. Between the operations of a
 * context that the caller made they say what a new one would begin with. */
PyObject *
fory_context_attribute(PyObject *self, void *closure)
{
#define IS(text) (strcmp(name, text) == 0)
#define OR_NONE(p) Py_NewRef((p) != NULL ? (p) : Py_None)
    ForyPyContext *o = (ForyPyContext *)self;
    const char *name = closure;
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    int idle = o->context == NULL && o->engine != NULL;
    if (st == NULL) {
        return NULL;
    }
    /* what upstream splits into helper objects is the context itself here */
    if (IS("ref_writer") || IS("meta_string_writer") || IS("ref_reader") || IS("meta_string_reader")) {
        return Py_NewRef(self);
    }
    if (idle) {
        if (IS("depth")) return PyLong_FromLong(0);
        if (IS("peer_out_of_band_enabled")) Py_RETURN_FALSE;
        if (IS("remaining_unbacked_container_items")) return PyLong_FromLongLong(o->engine->max_unbacked_items);
        Py_RETURN_NONE;
    }
    if (Py_TYPE(self) == st->WriteContextType) {
        ForyWriteCtx *w = fory_context_enter_write(self);
        PyObject *v;
        if (w == NULL) return NULL;
        if (IS("buffer")) v = Py_XNewRef(fory_write_lend(w));
        else if (IS("depth")) v = PyLong_FromLong(w->depth);
        else if (IS("buffer_callback")) v = OR_NONE(w->buffer_callback);
        else v = OR_NONE(w->unsupported_callback);
        return fory_context_leave_write(self, v);
    }
    ForyReadCtx *r = fory_context_enter_read(self);
    PyObject *v;
    if (r == NULL) return NULL;
    if (IS("buffer")) v = Py_XNewRef(fory_read_lend(r));
    else if (IS("depth")) v = PyLong_FromLong(r->depth);
    else if (IS("buffers")) v = OR_NONE(r->buffers);
    else if (IS("unsupported_objects")) v = OR_NONE(r->unsupported);
    else if (IS("peer_out_of_band_enabled")) v = PyBool_FromLong(r->out_of_band);
    else v = PyLong_FromLongLong(r->unbacked_left);
    return fory_context_leave_read(self, v);
#undef OR_NONE
#undef IS
}

PyObject *
fory_context_getattro(PyObject *self, PyObject *name)
{
    /* options and the type resolver are those of the engine */
    static const char *const forwarded[] = {"type_resolver", "xlang", "track_ref", "strict", "compatible",
                                            "field_nullable", "policy", "max_depth", NULL};
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject *v = PyObject_GenericGetAttr(self, name), *type, *value, *tb, *buffer;
    ForyState *st;
    ForyEngine *e = o->engine;
    int writer;
    if (v != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError) || PyUnicode_GET_LENGTH(name) == 0 ||
        PyUnicode_READ_CHAR(name, 0) == '_' || (o->context == NULL && e == NULL)) {
        return v;
    }
    PyErr_Fetch(&type, &value, &tb);
    st = fory_state_of_type(Py_TYPE(self));
    writer = st != NULL && Py_TYPE(self) == st->WriteContextType;
    if (o->context != NULL) {
        e = writer ? ((ForyWriteCtx *)o->context)->engine : ((ForyReadCtx *)o->context)->engine;
    }
    for (int i = 0; v == NULL && forwarded[i] != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(name, forwarded[i]) == 0) {
            v = PyObject_GetAttr((PyObject *)e, name);
            goto found;
        }
    }
    if (PyUnicode_CompareWithASCIIString(name, "meta_share_context") == 0) {
        v = Py_NewRef(e->compatible ? self : Py_None);
        goto found;
    }
    if (o->context != NULL &&
        PyObject_HasAttr((PyObject *)st->BufferType, name)) {
        /* the rest of what a Buffer can do */
        buffer = PyObject_GetAttrString(self, "buffer");
        if (buffer != NULL) {
            v = PyObject_GetAttr(buffer, name);
            Py_DECREF(buffer);
        }
    }
    if (v == NULL && !PyErr_Occurred()) {
        PyErr_Restore(type, value, tb);
        return NULL;
    }
found:
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(tb);
    return v;
}

const ForyCodec *
fory_context_codec(ForyEngine *e, PyObject *cls)
{
    ForyTypeEntry *entry;
    if (!PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "expected a class");
        return NULL;
    }
    entry = fory_entry_of(e, (PyTypeObject *)cls);
    if (entry == NULL || fory_entry_ready(e, entry) < 0) {
        return NULL;
    }
    if (entry->info_kind >= FORY_INFO_BY_VALUE) {
        fory_raise(e->st, FORY_E_UNSUPPORTED, "%s values have no body without their type information",
                   entry->type->tp_name);
        return NULL;
    }
    return entry->codec;
}

/* ---- depth ------------------------------------------------------------------------------- */

/* 0 / -1 */
static int
levels(PyObject *const *args, Py_ssize_t nargs, int *n)
{
    long v = 1;
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError, "takes at most one argument");
        return -1;
    }
    if (nargs == 1) {
        v = PyLong_AsLong(args[0]);
        if (v == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (v < 0 || v > INT_MAX / 2) {
        PyErr_SetString(PyExc_ValueError, "the number of levels must not be negative");
        return -1;
    }
    *n = (int)v;
    return 0;
}

static PyObject *
change_depth(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int sign)
{
    void *context = live_context(self);
    ForyState *st;
    int n, *depth, max_depth, reading, rc = -1;
    if (context == NULL) {
        return NULL;
    }
    st = fory_state_of_type(Py_TYPE(self));
    reading = st != NULL && Py_TYPE(self) == st->ReadContextType;
    depth = reading ? &((ForyReadCtx *)context)->depth : &((ForyWriteCtx *)context)->depth;
    max_depth = reading ? ((ForyReadCtx *)context)->max_depth : ((ForyWriteCtx *)context)->max_depth;
    if (st != NULL && levels(args, nargs, &n) == 0) {
        if (sign > 0 && n > max_depth - *depth) {
            fory_depth_error(st, max_depth, reading);
        }
        else if (sign < 0 && n > *depth) {
            PyErr_SetString(PyExc_ValueError, "decrease_depth() below zero");
        }
        else {
            *depth += sign * n;
            rc = 0;
        }
    }
    ((ForyPyContext *)self)->busy--;
    return fory_none_or_null(rc);
}

PyObject *
fory_context_increase_depth(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return change_depth(self, args, nargs, 1);
}

PyObject *
fory_context_decrease_depth(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return change_depth(self, args, nargs, -1);
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
    ((ForyPyContext *)self)->busy--;
    st = fory_state_of_type(Py_TYPE(self));
    if (st == NULL) {
        return NULL;
    }
    return Py_TYPE(self) == st->WriteContextType ? &((ForyWriteCtx *)context)->storage
                                                 : &((ForyReadCtx *)context)->storage;
}

PyObject *
fory_context_add_object(PyObject *self, PyObject *args)
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
    return fory_none_or_null(rc);
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

PyObject *
fory_context_has_object(PyObject *self, PyObject *key)
{
    PyObject **storage = storage_of(self);
    return storage == NULL ? NULL : PyBool_FromLong(find_context_object(storage, key) != NULL);
}

PyObject *
fory_context_get_object(PyObject *self, PyObject *args)
{
    PyObject *key, *fallback = Py_None, *found;
    PyObject **storage = storage_of(self);
    if (storage == NULL || !PyArg_ParseTuple(args, "O|O", &key, &fallback)) {
        return NULL;
    }
    found = find_context_object(storage, key);
    return Py_NewRef(found != NULL ? found : fallback);
}

int
fory_extension_init(PyObject *module, ForyState *st)
{
    st->WriteContextType = fory_new_type(module, &fory_write_context_spec);
    st->ReadContextType = fory_new_type(module, &fory_read_context_spec);
    st->BufferObjectType = fory_new_type(module, &fory_buffer_object_spec);
    if (st->WriteContextType == NULL || st->ReadContextType == NULL || st->BufferObjectType == NULL ||
        PyModule_AddType(module, st->WriteContextType) < 0 || PyModule_AddType(module, st->ReadContextType) < 0) {
        return -1;
    }
#if PY_VERSION_HEX < 0x03090000
    st->BufferObjectType->tp_as_buffer->bf_getbuffer = fory_buffer_object_getbuffer;
#endif
    return PyModule_AddType(module, st->BufferObjectType);
}
