/* Messages of the native format, and what an engine and its operations keep for it. */
#include "native/native.h"


/* a list of entered objects longer than this is not kept for the next message */
#define KEEP_ENTERED 65536

/* ---- per engine ------------------------------------------------------------------------ */

int
fory_native_add_type(ForyEngine *e, PyTypeObject *type, const ForyCodec *codec)
{
    ForyTypeEntry *entry = fory_entry_new(e, type);
    if (entry == NULL) {
        return -1;
    }
    entry->codec = codec;
    return fory_type_map_set(e, entry);
}

static PyObject *
import_attribute(const char *module, const char *name)
{
    PyObject *m = PyImport_ImportModule(module), *v = m == NULL ? NULL : PyObject_GetAttrString(m, name);
    Py_XDECREF(m);
    return v;
}

static int
install(ForyEngine *e)
{
    ForyNativeEngine *n = PyMem_Calloc(1, sizeof(*n));
    if (n == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    e->native = n;
    n->newobj = import_attribute("copyreg", "__newobj__");
    n->newobj_ex = import_attribute("copyreg", "__newobj_ex__");
    n->dispatch_table = import_attribute("copyreg", "dispatch_table");
    n->modules = import_attribute("sys", "modules");
    n->str_reduce_ex = PyUnicode_InternFromString("__reduce_ex__");
    n->str_reduce = PyUnicode_InternFromString("__reduce__");
    n->str_getstate = PyUnicode_InternFromString("__getstate__");
    n->str_setstate = PyUnicode_InternFromString("__setstate__");
    n->str_new = PyUnicode_InternFromString("__new__");
    n->str_value = PyUnicode_InternFromString("_value_");
    n->str_members = PyUnicode_InternFromString("_value2member_map_");
    n->str_call = PyUnicode_InternFromString("__call__");
    n->protocol = PyLong_FromLong(5);
    if (n->newobj == NULL || n->newobj_ex == NULL || n->dispatch_table == NULL || n->modules == NULL ||
        n->str_reduce_ex == NULL || n->str_reduce == NULL || n->str_getstate == NULL || n->str_setstate == NULL || n->str_new == NULL ||
        n->str_value == NULL || n->str_members == NULL || n->str_call == NULL || n->protocol == NULL) {
        return -1;
    }
    if (!PyDict_Check(n->dispatch_table) || !PyDict_Check(n->modules)) {
        PyErr_SetString(PyExc_TypeError, "copyreg.dispatch_table and sys.modules must be dicts");
        return -1;
    }
    return fory_native_install_values(e, fory_native_add_type) < 0 || fory_native_install_extras(e, fory_native_add_type) < 0 ||
                   fory_native_install_buffers(e, fory_native_add_type) < 0
               ? -1
               : 0;
}

static int
traverse_engine(ForyEngine *e, visitproc visit, void *arg)
{
    ForyNativeEngine *n = e->native;
    if (n == NULL) {
        return 0;
    }
    for (size_t i = 0; n->read_shapes != NULL && i <= n->read_shape_mask; i++) {
        if (n->read_shapes[i] != NULL) {
            Py_VISIT((PyObject *)n->read_shapes[i]->cls);
        }
    }
    for (size_t i = 0; i < FORY_ENUM_CLASSES; i++) {
        Py_VISIT((PyObject *)n->enums[i].cls);
        Py_VISIT(n->enums[i].members);
    }
    int rc = fory_native_globals_traverse(&n->written, visit, arg);
    return rc != 0 ? rc : fory_native_globals_traverse(&n->read, visit, arg);
}

/* Forgets every class and function that was looked up. */
static void
flush_engine(ForyEngine *e)
{
    ForyNativeEngine *n = e->native;
    if (n != NULL) {
        /* releasing them may run code that fills new ones: ready shapes point into the tables */
        ForyGlobalTable written = n->written, read = n->read;
        n->written = n->read = (ForyGlobalTable){NULL, 0, 0};
        n->epoch++;
        n->last_written = NULL;
        fory_native_flush_shapes(n);
        fory_native_flush_enums(n);
        fory_native_globals_free(&written);
        fory_native_globals_free(&read);
    }
}

static void
set_guarded(ForyEngine *e, int guarded)
{
    e->native->guarded = (uint8_t)guarded;
}

static void
free_engine(ForyEngine *e)
{
    ForyNativeEngine *n = e->native;
    if (n == NULL) {
        return;
    }
    flush_engine(e);
    Py_XDECREF(n->newobj);
    Py_XDECREF(n->newobj_ex);
    Py_XDECREF(n->dispatch_table);
    Py_XDECREF(n->modules);
    Py_XDECREF(n->str_reduce_ex);
    Py_XDECREF(n->str_reduce);
    Py_XDECREF(n->str_getstate);
    Py_XDECREF(n->str_setstate);
    Py_XDECREF(n->str_new);
    Py_XDECREF(n->str_value);
    Py_XDECREF(n->str_members);
    Py_XDECREF(n->str_call);
    Py_XDECREF(n->protocol);
    Py_XDECREF(n->code);
    PyMem_Free(n);
    e->native = NULL;
}

/* ---- classes ------------------------------------------------------------------------------ */

/* (kind, detail) of pyfory.native.registry.resolve_class */
static int
install_class(ForyEngine *e, ForyTypeEntry *entry, PyObject *spec)
{
    const char *kind;
    PyObject *detail;
    const ForyCodec *codec;
    if (!PyTuple_Check(spec) || !PyArg_ParseTuple(spec, "sO", &kind, &detail)) {
        return -1;
    }
    if (strcmp(kind, "object") == 0 && PyTuple_Check(detail)) {
        codec = fory_native_object_codec(e, entry->type, detail);
    }
    else if (strcmp(kind, "reduce") == 0) {
        codec = fory_native_reduce_codec(e, entry->type, detail == Py_None ? NULL : detail);
    }
    else if (strcmp(kind, "stateful") == 0 || strcmp(kind, "reducing") == 0) {
        codec = fory_native_shortcut_codec(e, entry->type, kind[0] == 's');
    }
    else if (strcmp(kind, "enum") == 0) {
        codec = fory_native_enum_codec(e, entry->type);
    }
    else if (strcmp(kind, "code") == 0) {
        codec = fory_native_code_codec(e, entry->type);
    }
    else if (strcmp(kind, "ndarray") == 0) {
        codec = fory_native_ndarray_codec();
    }
    else if (strcmp(kind, "dense") == 0) {
        codec = fory_native_dense_codec();
    }
    else if (strcmp(kind, "pyarray") == 0) {
        codec = fory_native_pyarray_codec();
    }
    else if (strcmp(kind, "numpy_scalar") == 0) {
        codec = fory_native_scalar_codec(e, entry->type);
        if (codec == NULL && !PyErr_Occurred()) {
            codec = fory_native_reduce_codec(e, entry->type, NULL);
        }
    }
    else if (strcmp(kind, "serializer") == 0) {
        codec = fory_native_instance_codec(e, entry->type, detail);
    }
    else if ((codec = fory_native_special_codec(kind)) == NULL) {
        PyErr_Format(PyExc_ValueError, "unknown kind of class %s", kind);
    }
    if (codec == NULL) {
        return -1;
    }
    entry->codec = codec;
    return 0;
}

static int
build(ForyEngine *e, ForyTypeEntry *entry)
{
    (void)e;
    PyErr_Format(PyExc_SystemError, "no codec for %s", entry->type->tp_name);
    return -1;
}

/* ---- classes with a serializer of their own -------------------------------------------------- */

typedef struct ForyInstanceCodec {
    ForyCodec base;
    PyTypeObject *type;
    const ForyCodec *body;
} ForyInstanceCodec;

static int
write_instance(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyInstanceCodec *codec = (const ForyInstanceCodec *)c;
    /* whoever holds it: the serializer may write what leads to it */
    int rc = w->track_ref ? fory_native_ref_slow(w, v) : 0;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = fory_native_tag(w, FORY_N_INSTANCE) < 0 || fory_native_write_global(w, (PyObject *)codec->type) < 0
             ? -1
             : codec->body->write(w, codec->body, v);
    Py_DECREF(v);
    return rc;
}

PyObject *
fory_native_read_instance(ForyReadCtx *r)
{
    Py_ssize_t id = fory_ref_take(r);
    int named;
    PyObject *cls = fory_native_read_global(r, &named), *v;
    ForyTypeEntry *entry;
    if (cls == NULL) {
        return NULL;
    }
    /* before the class is looked at, which may run code of its metaclass */
    if (r->native->guarded && PyType_Check(cls)) {
        PyObject *rc = PyObject_CallMethod(r->engine->registry, "authorize_instantiation", "(O)", cls);
        Py_XDECREF(rc);
        if (rc == NULL) {
            Py_DECREF(cls);
            return NULL;
        }
    }
    entry = PyType_Check(cls) ? fory_entry_of(r->engine, (PyTypeObject *)cls) : NULL;
    if (entry == NULL || entry->codec->write != write_instance) {
        if (!PyErr_Occurred() || PyErr_ExceptionMatches(r->st->errors[FORY_E_UNREGISTERED])) {
            PyErr_Clear();
            fory_raise(r->st, FORY_E_UNREGISTERED, "%R was written by a serializer: register the same one",
                       cls);
        }
        Py_DECREF(cls);
        return NULL;
    }
    const ForyCodec *body = ((const ForyInstanceCodec *)entry->codec)->body;
    r->pending_ref = id;
    v = body->read(r, body);
    Py_DECREF(cls);
    return v;
}

const ForyCodec *
fory_native_instance_codec(ForyEngine *e, PyTypeObject *type, PyObject *serializer)
{
    ForyInstanceCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c == NULL || (c->body = fory_ext_codec(e, type, serializer)) == NULL) {
        return NULL;
    }
    c->base.write = write_instance;
    c->type = type;
    return &c->base;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* copyreg's table has changed: classes that are entered now, or no longer, are
 * looked at again, those with an encoding of their own too. */
static int
compare_reducers(ForyEngine *e)
{
    PyObject *changed, *cls, *spec;
    int rc = 0;
    e->native->reducers_seen = fory_native_reducers_now(e->native);
    changed = PyObject_CallMethod(e->registry, "changed_reducers", NULL);
    if (changed == NULL || !PyList_Check(changed)) {
        Py_XDECREF(changed);
        return -1;
    }
    for (Py_ssize_t i = 0; rc == 0 && i < PyList_GET_SIZE(changed); i++) {
        ForyTypeEntry *entry = NULL;
        if (PyArg_ParseTuple(PyList_GET_ITEM(changed, i), "O!O", &PyType_Type, &cls, &spec)) {
            entry = fory_entry_new(e, (PyTypeObject *)cls);
        }
        rc = entry == NULL || install_class(e, entry, spec) < 0 ? -1 : fory_type_map_set(e, entry);
    }
    Py_DECREF(changed);
    return rc;
}

static int
begin_write(ForyWriteCtx *w)
{
    const ForyNativeEngine *n = w->engine->native;
    if (FORY_UNLIKELY(fory_native_reducers_now(n) != n->reducers_seen) && compare_reducers(w->engine) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(w->st->names_version != n->names_version)) {
        w->engine->native->names_version = w->st->names_version;
        flush_engine(w->engine);
    }
    if (w->native == NULL && (w->native = PyMem_Calloc(1, sizeof(*w->native))) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    w->native->stamp = w->generation;
    w->native->usual = NULL;
    fory_native_ease(w);
    return 0;
}

static void
end_write(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    if (n == NULL) {
        return;
    }
    if (FORY_UNLIKELY(n->memo != NULL)) {
        fory_native_return_table(w);
    }
    if (FORY_UNLIKELY(w->generation == UINT32_MAX)) {
        /* the stamps start again */
        if (n->numbers) memset(n->numbers, 0, (n->numbers_mask + 1) * sizeof(*n->numbers));
        if (n->shapes) memset(n->shapes, 0, n->cap_shapes * sizeof(*n->shapes));
        memset(n->dicts, 0, sizeof(n->dicts));
        if (n->checked) memset(n->checked, 0, n->cap_checked * sizeof(*n->checked));
    }
    while (n->n_globals > 0) {
        n->n_globals--;
        Py_CLEAR(n->globals[n->n_globals]);
    }
    while (n->n_modules > 0) {
        n->n_modules--;
        Py_CLEAR(n->modules[n->n_modules]);
    }
    while (n->n_dict_shapes > 0) {
        ForyDictShape *shape = &n->dict_shapes[--n->n_dict_shapes];
        while (shape->n > 0) {
            Py_DECREF(shape->keys[--shape->n]);
        }
    }
    if (!w->pinned) {
        n->n_entered = 0;
    }
    if (FORY_UNLIKELY(n->cap_entered > KEEP_ENTERED) && n->n_entered == 0) {
        PyMem_Free(n->entered);
        n->entered = NULL;
        n->cap_entered = 0;
    }
    n->n_marks = n->n_far = 0;
    n->n_ids = n->n_numbers = n->n_shapes = n->reopened = 0;
    n->root = (ForyRefSlot){NULL, 0, 0};
    n->hooked = n->raw_buffers = n->any_out = 0;
    n->persistent_id = n->reducer_override = n->dispatch_table = NULL;
    Py_CLEAR(n->session);
}

static void
free_write(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    if (n != NULL) {
        PyMem_Free(n->marks);
        PyMem_Free(n->far_offsets);
        PyMem_Free(n->entered);
        PyMem_Free(n->globals);
        PyMem_Free(n->numbers);
        PyMem_Free(n->modules);
        PyMem_Free(n->shapes);
        PyMem_Free(n->checked);
        PyMem_Free(n->dict_shapes);
        PyMem_Free(n);
    }
}

static int
begin_read(ForyReadCtx *r)
{
    if (r->native == NULL && (r->native = PyMem_Calloc(1, sizeof(*r->native))) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    r->native->mark = r->native->watch = SIZE_MAX;
    r->native->guarded = r->engine->native->guarded;
    return 0;
}

static void
end_read(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    if (n == NULL) {
        return;
    }
    if (FORY_UNLIKELY(n->memo != NULL)) {
        fory_native_return_memo(r);
    }
    while (n->n_globals > 0) {
        n->n_globals--;
        Py_CLEAR(n->globals[n->n_globals]);
    }
    while (n->n_shapes > 0) {
        n->n_shapes--;
        fory_native_shape_release(n->shapes[n->n_shapes].shape);
    }
    while (n->n_dict_shapes > 0) {
        ForyDictShape *shape = &n->dict_shapes[--n->n_dict_shapes];
        while (shape->n > 0) {
            shape->n--;
            Py_CLEAR(shape->keys[shape->n]);
        }
    }
    n->n_modules = n->n_marks = 0;
    n->as_pickle = n->recording = 0;
    n->n_known = 0;
    n->persistent_load = n->find_class = NULL;
    Py_CLEAR(n->session);
}

static void
free_read(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    if (n != NULL) {
        PyMem_Free(n->globals);
        PyMem_Free(n->modules);
        PyMem_Free(n->shapes);
        PyMem_Free(n->dict_shapes);
        PyMem_Free(n);
    }
}

/* ---- roots ------------------------------------------------------------------------------------- */

static int
write_root(ForyWriteCtx *w, PyObject *v)
{
    int rc;
    if (fory_native_tag(w, FORY_NATIVE_VERSION << FORY_ROOT_VERSION_SHIFT) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(w->native->memo != NULL) && fory_native_tag_n(w, FORY_N_MEMO, w->native->memo_first) < 0) {
        return -1;
    }
    w->native->base = (size_t)(w->out.pos - w->out.start);
    /* the caller holds the root: it may be met again inside */
    Py_INCREF(v);
    if (FORY_LIKELY(w->native->memo == NULL)) {
        w->native->root.object = v;
    }
    rc = fory_native_write(w, v);
    Py_DECREF(v);
    if (rc < 0) {
        return -1;
    }
    w->native->body = (size_t)(w->out.pos - w->out.start) - w->native->base;
    if (fory_native_write_marks(w) < 0) {
        return -1;
    }
    if (w->native->any_out) {
        w->out.start[0] |= FORY_ROOT_OUT_OF_BAND;
    }
    return 0;
}

static int
write_value(ForyWriteCtx *w, PyObject *v)
{
    return fory_native_write(w, v);
}

static PyObject *
read_root(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    PyObject *result;
    uint8_t head;
    if (fory_get_u8(&r->in, &head) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (head & FORY_ROOT_XLANG) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "header bitmap mismatch at xlang bit: the payload was written with xlang=True");
    }
    if (head == 0x80) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "a pickle, not a message of native mode: read it with pickle.loads, or with pyfory.pickle.loads and allow_pickle=True");
    }
    if (head >> FORY_ROOT_VERSION_SHIFT != FORY_NATIVE_VERSION) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "native format version %d, this reader knows version %d%s", head >> FORY_ROOT_VERSION_SHIFT,
                          FORY_NATIVE_VERSION,
                          head >> FORY_ROOT_VERSION_SHIFT == 0 ? " (bytes of another runtime or of a pickle?)" : "");
    }
    if ((head & FORY_ROOT_OUT_OF_BAND) && r->buffers == NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "out-of-band buffers are required by the root header: pass buffers=");
    }
    result = fory_native_read_head(r) < 0 ? NULL : fory_native_read(r);
    n->memo_kept = result != NULL;
    return result;
}

/* ---- hooks of pyfory.pickle --------------------------------------------------------------------- */

/* A hook that is set, kept for the operation; NULL when it is None or missing. */
static int
take_hook(ForyWriteCtx *w, ForyReadCtx *r, PyObject *hooks, const char *name, PyObject **out)
{
    PyObject *v = PyObject_GetAttrString(hooks, name);
    int rc;
    *out = NULL;
    if (v == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    if (v == Py_None) {
        Py_DECREF(v);
        return 0;
    }
    if (w != NULL) {
        rc = fory_write_keep(w, v);
    }
    else {
        if (r->storage == NULL && (r->storage = PyDict_New()) == NULL) {
            Py_DECREF(v);
            return -1;
        }
        rc = PyDict_SetItemString(r->storage, name, v);
    }
    *out = v;
    Py_DECREF(v);
    return rc;
}

static int
set_write_hooks(ForyWriteCtx *w, PyObject *hooks)
{
    ForyNativeWrite *n = w->native;
    PyObject *callback;
    if (PyObject_TypeCheck(hooks, w->st->PicklerType)) {
        return fory_native_take_pickler(w, hooks);
    }
    if (take_hook(w, NULL, hooks, "persistent_id", &n->persistent_id) < 0 ||
        take_hook(w, NULL, hooks, "reducer_override", &n->reducer_override) < 0 ||
        take_hook(w, NULL, hooks, "dispatch_table", &n->dispatch_table) < 0 ||
        take_hook(w, NULL, hooks, "buffer_callback", &callback) < 0) {
        return -1;
    }
    n->hooked = n->persistent_id != NULL || n->reducer_override != NULL || n->dispatch_table != NULL;
    n->raw_buffers = 1;
    if (callback != NULL) {
        w->buffer_callback = callback;
        w->out_of_band = 1;
    }
    return 0;
}

static int
set_read_hooks(ForyReadCtx *r, PyObject *hooks)
{
    ForyNativeRead *n = r->native;
    PyObject *buffers;
    n->as_pickle = 1;
    if (hooks == Py_None) {
        return 0;
    }
    if (PyObject_TypeCheck(hooks, r->st->UnpicklerType)) {
        return fory_native_take_unpickler(r, hooks);
    }
    if (take_hook(NULL, r, hooks, "persistent_load", &n->persistent_load) < 0 ||
        take_hook(NULL, r, hooks, "find_class", &n->find_class) < 0 ||
        take_hook(NULL, r, hooks, "buffers", &buffers) < 0) {
        return -1;
    }
    if (buffers != NULL && (r->buffers = PyObject_GetIter(buffers)) == NULL) {
        return -1;
    }
    return 0;
}

const ForyCodecOps fory_native_ops = {
    .init_state = NULL,
    .install_builtins = install,
    .build = build,
    .write_scalar = fory_native_write_scalar_message,
    .read_scalar = fory_native_read_scalar_message,
    .write_simple = fory_native_write_object_message,
    .write_root = write_root,
    .read_root = read_root,
    .install_alias = install_class,
    .begin_write = begin_write,
    .end_write = end_write,
    .free_write = free_write,
    .pin_write = fory_native_pin_write,
    .unpin_write = fory_native_unpin_write,
    .begin_read = begin_read,
    .end_read = end_read,
    .free_read = free_read,
    .set_write_hooks = set_write_hooks,
    .set_read_hooks = set_read_hooks,
    .traverse_engine = traverse_engine,
    .flush_engine = flush_engine,
    .set_guarded = set_guarded,
    .free_engine = free_engine,
    .write_value = write_value,
    .read_value = fory_native_read,
};
