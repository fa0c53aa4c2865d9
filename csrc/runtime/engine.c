/* pyfory._core.Engine: the C base class of pyfory.Fory. Its serialize and
 * deserialize methods run without a Python frame of our own. */
#include "runtime/operation.h"

#include <stddef.h>
#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#endif

/* ---- life ---------------------------------------------------------------------- */

static PyObject *
engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ForyState *st = fory_state_of_type(type);
    ForyEngine *e;
    (void)args;
    (void)kwargs;
    if (st == NULL) {
        return NULL;
    }
    e = (ForyEngine *)type->tp_alloc(type, 0);
    if (e == NULL) {
        return NULL;
    }
    e->st = st;
    e->by_name = PyDict_New();
    e->arena_refs = PyList_New(0);
    if (e->arena_refs != NULL) {
        /* ours alone to clear: the collector must not empty it while plans may still be used */
        PyObject_GC_UnTrack(e->arena_refs);
    }
    if (e->by_name == NULL || e->arena_refs == NULL) {
        Py_DECREF(e);
        return NULL;
    }
    return (PyObject *)e;
}

static int
engine_traverse(ForyEngine *e, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(e));
#endif
    Py_VISIT(e->registry);
    Py_VISIT(e->authorize);
    Py_VISIT(e->by_name);
    for (Py_ssize_t i = 0; e->arena_refs != NULL && i < PyList_GET_SIZE(e->arena_refs); i++) {
        Py_VISIT(PyList_GET_ITEM(e->arena_refs, i));
    }
    for (size_t i = 0; i < e->n_entries; i++) {
        Py_VISIT((PyObject *)e->entries[i]->type);
        Py_VISIT(e->entries[i]->registration);
    }
    if (e->native != NULL) {
        return e->ops->traverse_engine(e, visit, arg);
    }
    return 0;
}

static int
engine_clear(ForyEngine *e)
{
    /* a running operation holds the engine, so none can be here; without a
     * registry none starts any more */
    Py_CLEAR(e->registry);
    Py_CLEAR(e->authorize);
    if (e->arena_refs != NULL && PyList_SetSlice(e->arena_refs, 0, PyList_GET_SIZE(e->arena_refs), NULL) < 0) {
        PyErr_Clear();
    }
    return 0;
}

static void
engine_dealloc(ForyEngine *e)
{
    PyTypeObject *type = Py_TYPE(e);
    PyObject_GC_UnTrack(e);
    engine_clear(e);
    while (e->free_write != NULL) {
        ForyWriteCtx *w = e->free_write;
        e->free_write = w->next_free;
        fory_write_ctx_free(w);
    }
    while (e->free_read != NULL) {
        ForyReadCtx *r = e->free_read;
        e->free_read = r->next_free;
        fory_read_ctx_free(r);
    }
    if (e->native != NULL) {
        e->ops->free_engine(e);
    }
    for (size_t i = 0; i < e->n_entries; i++) {
        Py_XDECREF((PyObject *)e->entries[i]->type);
        Py_XDECREF(e->entries[i]->registration);
        Py_XDECREF(e->entries[i]->type_def);
        PyMem_Free(e->entries[i]);
    }
    PyMem_Free(e->entries);
    PyMem_Free(e->types.slots);
    PyMem_Free(e->by_user_id);
    for (size_t i = 0; i < e->n_strings; i++) {
        PyMem_Free(e->strings[i]->data);
        PyMem_Free(e->strings[i]);
    }
    PyMem_Free(e->strings);
    PyMem_Free(e->remotes);
    Py_CLEAR(e->by_name);
    Py_CLEAR(e->arena_refs);
    for (size_t i = 0; i < e->n_arena; i++) {
        PyMem_Free(e->arena[i]);
    }
    PyMem_Free(e->arena);
    type->tp_free((PyObject *)e);
    Py_DECREF(type);
}

/* ---- set-up, called by pyfory.Fory ------------------------------------------------ */

PyDoc_STRVAR(configure_doc,
"_configure($self, registry, xlang, ref, strict, compatible, max_depth, max_graph_memory_bytes, "
"max_unbacked_container_items)\n"
"--\n\nSets the options of this engine; called once, before anything else.");

static PyObject *
engine_configure(ForyEngine *e, PyObject *args)
{
    PyObject *registry;
    int xlang, ref, strict, compatible, max_depth;
    long long graph, unbacked;
    if (!PyArg_ParseTuple(args, "OppppiLL", &registry, &xlang, &ref, &strict, &compatible, &max_depth, &graph, &unbacked)) {
        return NULL;
    }
    if (e->ops != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Fory.__init__ has run already");
        return NULL;
    }
    e->ops = xlang ? &fory_codec_ops : &fory_native_ops;
    if (e->ops->install_builtins(e) < 0) {
        return NULL;
    }
    e->registry = Py_NewRef(registry);
    e->xlang = (uint8_t)xlang;
    e->track_ref = (uint8_t)ref;
    e->strict = (uint8_t)strict;
    e->compatible = (uint8_t)compatible;
    e->max_depth = max_depth;
    e->max_graph_memory = graph;
    e->max_unbacked_items = unbacked;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(register_doc,
"_register($self, cls, registration, kind, type_id, user_id, namespace, name, shared)\n--\n\n"
"Adds or replaces the entry of a class. user_id is an int or None; namespace and name are\n"
"(encoding, bytes) or None; shared tells whether a TypeDef is announced (compatible mode).");

static PyObject *
engine_register(ForyEngine *e, PyObject *args)
{
    PyTypeObject *type;
    PyObject *registration, *user_id;
    const char *ns_data = NULL, *name_data = NULL;
    Py_ssize_t ns_size = 0, name_size = 0;
    int kind, type_id, ns_encoding = 0, name_encoding = 0, shared;
    ForyTypeEntry *entry;
    if (!PyArg_ParseTuple(args, "O!OiiO(iy#)(iy#)p", &PyType_Type, &type, &registration, &kind, &type_id, &user_id,
                          &ns_encoding, &ns_data, &ns_size, &name_encoding, &name_data, &name_size, &shared)) {
        return NULL;
    }
    entry = fory_entry_new(e, type);
    if (entry == NULL) {
        return NULL;
    }
    entry->registration = Py_NewRef(registration);
    entry->kind = (uint8_t)kind;
    entry->type_id = (uint8_t)type_id;
    entry->tracked = kind != FORY_KIND_ENUM;
    if (user_id != Py_None) {
        unsigned long id = PyLong_AsUnsignedLong(user_id);
        if (id == (unsigned long)-1 && PyErr_Occurred()) {
            return NULL;
        }
        entry->user_id = (uint32_t)id;
        if (fory_user_id_set(e, entry) < 0) {
            return NULL;
        }
    }
    if (shared) {
        entry->info_kind = FORY_INFO_TYPE_DEF;
    }
    else if (user_id != Py_None) {
        uint32_t v = entry->user_id;
        entry->info_kind = FORY_INFO_STATIC;
        entry->info[entry->info_size++] = (uint8_t)type_id;
        while (v >= 0x80) {
            entry->info[entry->info_size++] = (uint8_t)(v | 0x80);
            v >>= 7;
        }
        entry->info[entry->info_size++] = (uint8_t)v;
    }
    else {
        entry->info_kind = FORY_INFO_NAMED;
        /* the empty namespace is one string per class (section 9.2) */
        entry->name_space =
            fory_meta_string_new(e, (const uint8_t *)ns_data, (size_t)ns_size, ns_encoding, ns_size == 0);
        entry->type_name =
            fory_meta_string_new(e, (const uint8_t *)name_data, (size_t)name_size, name_encoding, 0);
        if (entry->name_space == NULL || entry->type_name == NULL) {
            return NULL;
        }
    }
    if (fory_type_map_set(e, entry) < 0) {
        return NULL;
    }
    /* a name may now mean another class */
    PyDict_Clear(e->by_name);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(refresh_doc,
"_refresh($self, cls, guarded)\n--\n\n"
"Native mode: looks at cls again, or at nothing when it is None, and forgets every name and shape\n"
"that was looked up. guarded: classes and calls of a message are asked for.");

static PyObject *
engine_refresh(ForyEngine *e, PyObject *args)
{
    PyObject *cls;
    int guarded;
    if (!PyArg_ParseTuple(args, "Op", &cls, &guarded)) {
        return NULL;
    }
    if (e->native == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "not in native mode");
        return NULL;
    }
    e->ops->flush_engine(e);
    e->ops->set_guarded(e, guarded);
    if (PyType_Check(cls)) {
        PyTypeObject *type = (PyTypeObject *)cls;
        PyObject *spec = PyObject_CallMethod(e->registry, "resolve_class", "O", cls);
        ForyTypeEntry *entry = spec == NULL ? NULL : fory_entry_new(e, type);
        int rc = entry == NULL || e->ops->install_alias(e, entry, spec) < 0 ? -1 : fory_type_map_set(e, entry);
        Py_XDECREF(spec);
        if (rc < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(ask_before_doc,
"_ask_before($self, authorize)\n--\n\nCalls authorize(cls) before each instance of a registered class is made.");

static PyObject *
engine_ask_before(ForyEngine *e, PyObject *authorize)
{
    Py_XSETREF(e->authorize, Py_NewRef(authorize));
    Py_RETURN_NONE;
}

PyDoc_STRVAR(forget_doc,
"_forget($self)\n--\n\nForgets received schemas and what was found for unregistered classes; call it after classes\n"
"that are in use were registered anew.");

static PyObject *
engine_forget(ForyEngine *e, PyObject *unused)
{
    (void)unused;
    if (fory_forget_resolved(e) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(prepare_doc,
"_prepare($self, cls)\n--\n\nBuilds the plan of a registered class now instead of at its first use.");

static PyObject *
engine_prepare(ForyEngine *e, PyObject *cls)
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
    Py_RETURN_NONE;
}

/* ---- arguments ------------------------------------------------------------------------- */

int
fory_take_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                    const char *const *names, int required, int n, PyObject **out)
{
    if (nargs > n) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", function, n, nargs);
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        out[i] = args[i];
    }
    for (Py_ssize_t k = 0; kwnames != NULL && k < PyTuple_GET_SIZE(kwnames); k++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, k);
        int i = 0;
        while (i < n && PyUnicode_CompareWithASCIIString(name, names[i]) != 0) {
            i++;
        }
        if (i == n) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function, name);
            return -1;
        }
        if (out[i] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", function, name);
            return -1;
        }
        out[i] = args[nargs + k];
    }
    for (int i = 0; i < n; i++) {
        if (i >= required && out[i] == Py_None) {
            out[i] = NULL;
        }
        else if (i < required && out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s'", function, names[i]);
            return -1;
        }
    }
    return 0;
}

static int
not_configured(const ForyEngine *e)
{
    if (FORY_UNLIKELY(e->registry == NULL)) {
        PyErr_SetString(PyExc_RuntimeError, "Fory.__init__ has not run");
        return 1;
    }
    return 0;
}

/* ---- serialize --------------------------------------------------------------------------- */

#define SERIALIZE_DOC(name) \
name "($self, obj, buffer=None, buffer_callback=None, unsupported_callback=None)\n--\n\n" \
"Returns the bytes of obj, or appends them to buffer (a pyfory.Buffer) and returns it.\n\n" \
"buffer_callback(BufferObject) is called for each bytes value: a true result keeps it in the\n" \
"message, a false one leaves it out, and the reader must pass it in buffers=.\n" \
"Raises TypeUnregisteredError, ForyTypeError, ForyOverflowError, ForyDepthExceedError and other\n" \
"ForyError; exceptions of the caller's own code pass unchanged."

static FORY_NOINLINE PyObject *
serialize_with(ForyEngine *e, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"obj", "buffer", "buffer_callback", "unsupported_callback"};
    PyObject *given[4] = {NULL, NULL, NULL, NULL}, *result = NULL;
    ForyWriteCtx *w;
    if (fory_take_arguments("serialize", args, nargs, kwnames, names, 1, 4, given) < 0 || not_configured(e)) {
        return NULL;
    }
    if (given[1] != NULL && !ForyBuffer_Check(e->st, given[1])) {
        return fory_raise(e->st, FORY_E_TYPE, "buffer must be a pyfory.Buffer, not %s", Py_TYPE(given[1])->tp_name);
    }
    w = fory_write_begin(e);
    if (w == NULL) {
        return NULL;
    }
    if (given[2] != NULL) {
        w->buffer_callback = given[2];
        w->out_of_band = 1;
    }
    w->unsupported_callback = given[3];
    if (given[1] != NULL) {
        w->target = given[1];
        if (fory_write_stream(w, NULL) < 0) {
            fory_write_end(w);
            return NULL;
        }
    }
    if (e->ops->write_root(w, given[0]) < 0) {
        fory_write_failed(w);
    }
    else if (given[1] == NULL) {
        result = fory_write_finish(w);
    }
    else if (fory_write_deliver(w) == 0) {
        result = Py_NewRef(given[1]);
    }
    fory_write_end(w);
    return result;
}

/* 0 for most values that are no scalars, at once. */
FORY_INLINE int
maybe_scalar(PyObject *v)
{
    const unsigned long flags = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS | Py_TPFLAGS_BYTES_SUBCLASS;
    return (Py_TYPE(v)->tp_flags & flags) != 0 || PyFloat_CheckExact(v);
}

static PyObject *
engine_serialize(ForyEngine *e, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *result = NULL;
    ForyWriteCtx *w;
    if (FORY_UNLIKELY(nargs != 1 || kwnames != NULL || e->registry == NULL)) {
        return serialize_with(e, args, nargs, kwnames);
    }
    if (maybe_scalar(args[0])) {
        if (e->ops->write_scalar(e, args[0], &result)) {
            return result;
        }
    }
    else if (e->ops->write_simple != NULL && e->ops->write_simple(e, args[0], &result)) {
        return result;
    }
    w = fory_write_start(e);
    if (FORY_UNLIKELY(w == NULL)) {
        return NULL;
    }
    if (FORY_UNLIKELY(e->ops->write_root(w, args[0]) < 0)) {
        fory_write_failed(w);
    }
    else {
        result = fory_write_finish(w);
    }
    fory_write_leave(w);
    return result;
}

PyDoc_STRVAR(dump_doc,
"_dump($self, obj, output)\n--\n\nWrites obj to a pyfory._output.OutputStream, in pieces while it is written.");

static PyObject *
engine_dump(ForyEngine *e, PyObject *args)
{
    PyObject *obj, *output;
    ForyWriteCtx *w;
    int rc;
    if (!PyArg_ParseTuple(args, "OO:_dump", &obj, &output) || not_configured(e) || (w = fory_write_begin(e)) == NULL) {
        return NULL;
    }
    rc = fory_write_stream(w, output);
    if (rc == 0 && (rc = e->ops->write_root(w, obj)) < 0) {
        fory_write_failed(w);
    }
    if (rc == 0) {
        w->barriers = 0;
        rc = fory_write_drain(w);
    }
    fory_write_end(w);
    if (rc < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- deserialize ---------------------------------------------------------------------------- */

/* What a read is given beside its input; NULL where there is none. */
typedef struct ReadOptions {
    PyObject *buffers, *unsupported, *hooks;
} ReadOptions;

static int
apply_options(ForyReadCtx *r, const ReadOptions *options)
{
    if (options->buffers != NULL && (r->buffers = PyObject_GetIter(options->buffers)) == NULL) {
        return -1;
    }
    if (options->unsupported != NULL && (r->unsupported = PyObject_GetIter(options->unsupported)) == NULL) {
        return -1;
    }
    return options->hooks == NULL ? 0 : r->engine->ops->set_read_hooks(r, options->hooks);
}

/* From this size on the collector rests while a message is read: everything that
 * is made is reachable from the result, so that looking for garbage among it again
 * and again only costs time (docs/performance.md has the figures). User code that
 * a message calls runs without collections then, as it does inside one. */
#define PAUSE_FROM 16384

static int
pause_collector(size_t size)
{
#if PY_VERSION_HEX >= 0x030A0000
    return size >= PAUSE_FROM ? PyGC_Disable() : 0;
#else
    (void)size;
    return 0;
#endif
}

static void
resume_collector(int was_enabled)
{
#if PY_VERSION_HEX >= 0x030A0000
    if (was_enabled) {
        PyGC_Enable();
    }
#else
    (void)was_enabled;
#endif
}

FORY_INLINE PyObject *
read_memory_inline(ForyEngine *e, PyObject *source, const uint8_t *data, size_t size, const ReadOptions *options, size_t *used)
{
    PyObject *result;
    int collecting;
    ForyReadCtx *r = fory_read_start(e, data, size);
    if (FORY_UNLIKELY(r == NULL)) {
        return NULL;
    }
    r->source = source;
    if (options != NULL && apply_options(r, options) < 0) {
        fory_read_leave(r);
        return NULL;
    }
    collecting = pause_collector(size);
    result = e->ops->read_root(r);
    resume_collector(collecting);
    if (FORY_UNLIKELY(result == NULL)) {
        fory_read_failed(r);
    }
    *used = (size_t)(r->in.pos - r->in.start);
    fory_read_leave(r);
    return result;
}

static FORY_NOINLINE PyObject *
read_memory(ForyEngine *e, PyObject *source, const uint8_t *data, size_t size, const ReadOptions *options, size_t *used)
{
    return read_memory_inline(e, source, data, size, options, used);
}

PyObject *
fory_engine_read_hooked(ForyEngine *e, PyObject *source, const uint8_t *data, size_t size, PyObject *hooks, size_t *used)
{
    ReadOptions options = {NULL, NULL, hooks};
    return read_memory(e, source, data, size, &options, used);
}

/* Points the reader at what the Buffer has received of the message so far. The
 * memory is pinned, so that pointers into it stay good when it moves on. 0 / -1. */
static int
show_stream(ForyReadCtx *r, size_t want)
{
    const uint8_t *data;
    size_t n, used = (size_t)(r->in.pos - r->in.start);
    PyObject *owner;
    int rc;
    if (fory_buffer_peek(r->source, want, &data, &n) < 0) {
        return -1;
    }
    if (n < used) {
        PyErr_SetString(PyExc_RuntimeError, "Buffer was read by others while a value was read from it");
        return -1;
    }
    owner = fory_buffer_pin(r->source);
    rc = 0;
    if (PyList_GET_SIZE(r->blocks) == 0 || PyList_GET_ITEM(r->blocks, PyList_GET_SIZE(r->blocks) - 1) != owner) {
        rc = PyList_Append(r->blocks, owner);
    }
    Py_DECREF(owner);
    if (rc == 0) {
        r->in.start = data;
        r->in.pos = data + used;
        r->in.end = data + n;
    }
    return rc;
}

static int
more_of_stream(fory_reader *in, size_t need)
{
    ForyReadCtx *r = (ForyReadCtx *)in;
    size_t used = (size_t)(in->pos - in->start);
    if (PyErr_Occurred()) {
        return FORY_TRUNCATED;
    }
    if (need > (size_t)PY_SSIZE_T_MAX - used) {
        return FORY_TRUNCATED;
    }
    if (show_stream(r, used + need) < 0) {
        r->stream_failed = 1;
        return FORY_TRUNCATED;
    }
    return fory_left(in) >= need ? FORY_OK : FORY_TRUNCATED;
}

int
fory_read_attach(ForyReadCtx *r, PyObject *buffer)
{
    r->source = buffer;
    r->in.more = more_of_stream;
    r->stream_failed = 0;
    r->blocks = PyList_New(0);
    return r->blocks == NULL ? -1 : show_stream(r, 0);
}

/* The reader asks for more where it finds its input at an end. When the stream
 * itself fails nothing is consumed: what came is there for another attempt. */
static PyObject *
read_stream(ForyEngine *e, PyObject *buffer, const ReadOptions *options)
{
    PyObject *result = NULL, *type, *value, *tb;
    size_t used = 0;
    ForyReadCtx *r = fory_read_begin(e, (const uint8_t *)"", 0);
    if (r == NULL) {
        return NULL;
    }
    if ((options == NULL || apply_options(r, options) == 0) && fory_read_attach(r, buffer) == 0) {
        result = e->ops->read_root(r);
        if (result == NULL) {
            fory_read_failed(r);
        }
        used = r->stream_failed && result == NULL ? 0 : (size_t)(r->in.pos - r->in.start);
    }
    fory_read_end(r);
    PyErr_Fetch(&type, &value, &tb);
    fory_buffer_consume(buffer, used);
    if (fory_buffer_shrink(buffer) < 0) {
        PyErr_Clear(); /* only memory was to be saved */
    }
    PyErr_Restore(type, value, tb);
    return result;
}

/* From a Buffer's reader index on. */
static PyObject *
read_buffer(ForyEngine *e, PyObject *buffer, const ReadOptions *options)
{
    const uint8_t *data;
    size_t n, used = 0;
    PyObject *result = NULL;
    Py_buffer pin;
    if (PyObject_GetBuffer(buffer, &pin, PyBUF_SIMPLE) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError)) {
            return NULL;
        }
        PyErr_Clear();
        return read_stream(e, buffer, options);
    }
    /* the exported view keeps the memory in place while user code runs */
    if (fory_buffer_peek(buffer, 1, &data, &n) == 0) {
        result = read_memory(e, buffer, data, n, options, &used);
    }
    PyBuffer_Release(&pin);
    fory_buffer_consume(buffer, used);
    return result;
}

/* From any input. */
static PyObject *
read_source(ForyEngine *e, PyObject *source, const ReadOptions *options)
{
    PyObject *result;
    Py_buffer view;
    size_t used;
    if (ForyBuffer_Check(e->st, source)) {
        return read_buffer(e, source, options);
    }
    if (!PyObject_CheckBuffer(source)) {
        return fory_raise(e->st, FORY_E_TYPE, "expected bytes, a bytes-like object or a Buffer, got %s",
                          Py_TYPE(source)->tp_name);
    }
    if (PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) < 0) {
        if (PyErr_ExceptionMatches(PyExc_BufferError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear();
            return fory_raise(e->st, FORY_E_TYPE, "the input must be contiguous memory");
        }
        return NULL;
    }
    result = read_memory(e, source, view.buf, (size_t)view.len, options, &used);
    PyBuffer_Release(&view);
    return result;
}

#define DESERIALIZE_DOC(name) \
name "($self, buffer, buffers=None, unsupported_objects=None)\n--\n\n" \
"Reads one value from bytes, any contiguous bytes-like object, or a pyfory.Buffer (from its\n" \
"reader index, which moves to the end of the value). Bytes after the value are ignored.\n\n" \
"buffers: the out-of-band buffers, in the order of the writer's callbacks.\n" \
"Raises ForyError for damaged input (always also a ValueError, TypeError or EOFError) and\n" \
"TypeError for an argument that is not bytes-like."

static FORY_NOINLINE PyObject *
deserialize_with(ForyEngine *e, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"buffer", "buffers", "unsupported_objects"};
    PyObject *given[3] = {NULL, NULL, NULL};
    ReadOptions options = {NULL, NULL, NULL};
    const ReadOptions *beside;
    size_t used;
    if (fory_take_arguments("deserialize", args, nargs, kwnames, names, 1, 3, given) < 0 || not_configured(e)) {
        return NULL;
    }
    options.buffers = given[1];
    options.unsupported = given[2];
    beside = given[1] != NULL || given[2] != NULL ? &options : NULL;
    if (PyBytes_CheckExact(given[0])) {
        return read_memory(e, given[0], (const uint8_t *)PyBytes_AS_STRING(given[0]),
                           (size_t)PyBytes_GET_SIZE(given[0]), beside, &used);
    }
    return read_source(e, given[0], beside);
}

static PyObject *
engine_deserialize(ForyEngine *e, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *value;
    const uint8_t *data;
    size_t size, used;
    if (FORY_UNLIKELY(nargs != 1 || kwnames != NULL || e->registry == NULL || !PyBytes_CheckExact(args[0]))) {
        return deserialize_with(e, args, nargs, kwnames);
    }
    data = (const uint8_t *)PyBytes_AS_STRING(args[0]);
    size = (size_t)PyBytes_GET_SIZE(args[0]);
    if (e->ops->read_scalar(e, data, size, &value)) {
        return value;
    }
    return read_memory_inline(e, args[0], data, size, NULL, &used);
}

/* ---- for pyfory.pickle --------------------------------------------------------------------- */

PyDoc_STRVAR(dump_hooked_doc,
"_dump_hooked($self, obj, hooks)\n--\n\n"
"serialize under the hooks of a Pickler: attributes persistent_id, reducer_override, dispatch_table\n"
"and buffer_callback of `hooks`, each missing or None when it is not wanted.");

static PyObject *
engine_dump_hooked(ForyEngine *e, PyObject *args)
{
    PyObject *obj, *hooks, *result = NULL;
    ForyWriteCtx *w;
    if (!PyArg_ParseTuple(args, "OO:_dump_hooked", &obj, &hooks) || not_configured(e)) {
        return NULL;
    }
    if (e->ops->set_write_hooks == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "not in native mode");
        return NULL;
    }
    w = fory_write_begin(e);
    if (w == NULL) {
        return NULL;
    }
    if (e->ops->set_write_hooks(w, hooks) < 0 || e->ops->write_root(w, obj) < 0) {
        fory_write_failed(w);
    }
    else {
        result = fory_write_finish(w);
    }
    fory_write_end(w);
    return result;
}

PyDoc_STRVAR(load_hooked_doc,
"_load_hooked($self, source, hooks)\n--\n\n"
"deserialize from bytes-like memory or a Buffer under the hooks of an Unpickler: attributes\n"
"persistent_load, find_class and buffers of `hooks`, each missing or None when it is not wanted.\n"
"Buffers come back as pickle gives them, also when hooks is None.");

static PyObject *
engine_load_hooked(ForyEngine *e, PyObject *const *args, Py_ssize_t nargs)
{
    ReadOptions options = {NULL, NULL, NULL};
    size_t used;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "_load_hooked() takes source and hooks");
        return NULL;
    }
    if (not_configured(e)) {
        return NULL;
    }
    options.hooks = args[1];
    if (e->ops->set_read_hooks == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "not in native mode");
        return NULL;
    }
    if (FORY_LIKELY(PyBytes_CheckExact(args[0]))) {
        return read_memory(e, args[0], (const uint8_t *)PyBytes_AS_STRING(args[0]), (size_t)PyBytes_GET_SIZE(args[0]),
                           &options, &used);
    }
    return read_source(e, args[0], &options);
}

/* ---- type ------------------------------------------------------------------------------------- */

static PyMethodDef engine_methods[] = {
    {"serialize", (PyCFunction)(void (*)(void))engine_serialize, METH_FASTCALL | METH_KEYWORDS,
     SERIALIZE_DOC("serialize")},
    {"dumps", (PyCFunction)(void (*)(void))engine_serialize, METH_FASTCALL | METH_KEYWORDS, SERIALIZE_DOC("dumps")},
    {"deserialize", (PyCFunction)(void (*)(void))engine_deserialize, METH_FASTCALL | METH_KEYWORDS,
     DESERIALIZE_DOC("deserialize")},
    {"loads", (PyCFunction)(void (*)(void))engine_deserialize, METH_FASTCALL | METH_KEYWORDS,
     DESERIALIZE_DOC("loads")},
    {"_dump", (PyCFunction)engine_dump, METH_VARARGS, dump_doc},
    {"_configure", (PyCFunction)engine_configure, METH_VARARGS, configure_doc},
    {"_register", (PyCFunction)engine_register, METH_VARARGS, register_doc},
    {"_ask_before", (PyCFunction)engine_ask_before, METH_O, ask_before_doc},
    {"_forget", (PyCFunction)engine_forget, METH_NOARGS, forget_doc},
    {"_prepare", (PyCFunction)engine_prepare, METH_O, prepare_doc},
    {"_refresh", (PyCFunction)engine_refresh, METH_VARARGS, refresh_doc},
    {"_dump_hooked", (PyCFunction)engine_dump_hooked, METH_VARARGS, dump_hooked_doc},
    {"_load_hooked", (PyCFunction)(void (*)(void))engine_load_hooked, METH_FASTCALL, load_hooked_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(engine_doc, "Compiled core of pyfory.Fory.");

static PyType_Slot engine_slots[] = {
    {Py_tp_doc, (void *)engine_doc},
    {Py_tp_new, engine_new},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_traverse, engine_traverse},
    {Py_tp_clear, engine_clear},
    {Py_tp_methods, engine_methods},
    {0, NULL},
};

static PyType_Spec engine_spec = {
    .name = "pyfory._core.Engine",
    .basicsize = sizeof(ForyEngine),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = engine_slots,
};

PyTypeObject *
fory_new_type(PyObject *module, PyType_Spec *spec)
{
#if PY_VERSION_HEX >= 0x03090000
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
#else
    (void)module;
    return (PyTypeObject *)PyType_FromSpec(spec);
#endif
}

int
fory_engine_init(PyObject *module, ForyState *st)
{
    st->EngineType = fory_new_type(module, &engine_spec);
    if (st->EngineType == NULL) {
        return -1;
    }
    return PyModule_AddType(module, st->EngineType);
}
