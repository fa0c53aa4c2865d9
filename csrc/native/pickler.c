/* The compiled part of pyfory.pickle.Pickler: dump(), its hooks and its memo.
 *
 * The memo is the reference table of references.c, which the object keeps from
 * one message to the next. */
#include "native/native.h"

/* ---- shared with Unpickler ------------------------------------------------------------------ */

int
fory_native_override(PyObject *self, PyObject *dict, PyObject *name, PyObject *plain, PyObject **out)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject *v;
    *out = NULL;
    if (FORY_LIKELY(type->tp_getattro == PyObject_GenericGetAttr) && FORY_LIKELY(_PyType_Lookup(type, name) == plain)) {
        int own = dict == NULL ? 0 : PyDict_Contains(dict, name);
        if (own <= 0) {
            return own;
        }
    }
    v = PyObject_GetAttr(self, name);
    if (v == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    if (plain != NULL && PyMethod_Check(v) && PyMethod_GET_FUNCTION(v) == plain) {
        Py_DECREF(v);
        return 0;
    }
    *out = v;
    return 0;
}

ForyEngine *
fory_native_pickle_engine(PyObject *self)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    PyObject *e = st == NULL ? NULL : _PyType_Lookup(Py_TYPE(self), st->str_engine);
    if (e == NULL || !PyObject_TypeCheck(e, st->EngineType) || ((ForyEngine *)e)->ops == NULL ||
        ((ForyEngine *)e)->ops->set_write_hooks == NULL) {
        if (st != NULL) {
            PyErr_Format(PyExc_TypeError, "%s has no engine", Py_TYPE(self)->tp_name);
        }
        return NULL;
    }
    return (ForyEngine *)e;
}

void
fory_native_pickle_error(ForyState *st, const char *kind)
{
    PyObject *type, *value, *tb, *module, *rc;
    (void)st;
    PyErr_Fetch(&type, &value, &tb);
    PyErr_NormalizeException(&type, &value, &tb);
    module = PyImport_ImportModule("pyfory.pickle");
    rc = module == NULL ? NULL : PyObject_CallMethod(module, "_also", "Os", value, kind);
    if (rc == NULL) {
        PyErr_Clear(); /* the error itself matters more */
    }
    else if (value != NULL) {
        /* the class may be another now */
        PyObject *now = Py_NewRef((PyObject *)Py_TYPE(value));
        Py_SETREF(type, now);
    }
    Py_XDECREF(rc);
    Py_XDECREF(module);
    PyErr_Restore(type, value, tb);
}

/* pickle's own error, for what is not the data's fault */
static PyObject *
not_initialised(PyObject *self, const char *base, const char *error)
{
    PyObject *module = PyImport_ImportModule("pickle"), *cls = module == NULL ? NULL : PyObject_GetAttrString(module, error);
    if (cls != NULL) {
        PyErr_Format(cls, "%s.__init__() was not called by %s.__init__()", base, Py_TYPE(self)->tp_name);
    }
    Py_XDECREF(module);
    Py_XDECREF(cls);
    return NULL;
}

static int
truth(PyObject *self, PyObject *dict, PyObject *name)
{
    PyObject *v;
    int rc;
    if (fory_native_override(self, dict, name, Py_False, &v) < 0) {
        return -1;
    }
    rc = v == NULL ? 0 : PyObject_IsTrue(v);
    Py_XDECREF(v);
    return rc;
}

/* ---- Pickler ------------------------------------------------------------------------------------ */

static int
pickler_traverse(PyObject *op, visitproc visit, void *arg)
{
    ForyPickler *self = (ForyPickler *)op;
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(op));
#endif
    Py_VISIT(self->dict);
    Py_VISIT(self->write);
    Py_VISIT(self->buffer_callback);
    return fory_native_traverse_table(self, visit, arg);
}

static int
pickler_clear(PyObject *op)
{
    ForyPickler *self = (ForyPickler *)op;
    Py_CLEAR(self->dict);
    Py_CLEAR(self->write);
    Py_CLEAR(self->buffer_callback);
    fory_native_clear_table(self);
    return 0;
}

static void
pickler_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    pickler_clear(op);
    PyMem_Free(((ForyPickler *)op)->slots); /* empty */
    PyMem_Free(((ForyPickler *)op)->far_offsets);
    type->tp_free(op);
    Py_DECREF(type);
}

static int
check_protocol(PyObject *protocol, PyObject *callback)
{
    int overflow = 0;
    long n;
    if (protocol == NULL || protocol == Py_None) {
        return 0;
    }
    n = PyLong_AsLongAndOverflow(protocol, &overflow);
    if (n == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow > 0 || n > 5) {
        PyErr_SetString(PyExc_ValueError, "pickle protocol must be <= 5");
        return -1;
    }
    if (callback != NULL && overflow == 0 && n >= 0 && n < 5) {
        PyErr_SetString(PyExc_ValueError, "buffer_callback needs protocol >= 5");
        return -1;
    }
    return 0;
}

static int
pickler_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"file", "protocol", "fix_imports", "buffer_callback", NULL};
    ForyPickler *self = (ForyPickler *)op;
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    PyObject *file, *protocol = NULL, *fix_imports = NULL, *callback = NULL, *write;
    if (st == NULL) {
        return -1;
    }
    if (FORY_LIKELY(kwargs == NULL) && FORY_LIKELY(PyTuple_GET_SIZE(args) == 1)) {
        file = PyTuple_GET_ITEM(args, 0);
    }
    else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOO:Pickler", names, &file, &protocol, &fix_imports, &callback)) {
        return -1;
    }
    if (callback == Py_None) {
        callback = NULL;
    }
    if (check_protocol(protocol, callback) < 0) {
        return -1;
    }
    write = PyObject_GetAttr(file, st->str_write);
    if (write == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_SetString(PyExc_TypeError, "file must have a 'write' attribute");
        }
        return -1;
    }
    Py_XSETREF(self->write, write);
    Py_XSETREF(self->buffer_callback, Py_XNewRef(callback));
    if (self->slots != NULL || self->next != 0 || self->lent) {
        fory_native_clear_table(self);
    }
    return 0;
}

/* A hook of the operation, which keeps it. 0 / -1. */
static int
take(ForyWriteCtx *w, ForyPickler *self, PyObject *name, PyObject *plain, PyObject **out)
{
    PyObject *v;
    int rc;
    if (fory_native_override((PyObject *)self, self->dict, name, plain, &v) < 0) {
        return -1;
    }
    /* None is a way to have no hook, but no reducer */
    if (v == NULL || (v == Py_None && out != &w->native->reducer_override)) {
        Py_XDECREF(v);
        return 0;
    }
    rc = fory_write_keep(w, v);
    *out = v;
    Py_DECREF(v);
    return rc;
}

int
fory_native_take_pickler(ForyWriteCtx *w, PyObject *op)
{
    ForyPickler *self = (ForyPickler *)op;
    const ForyState *st = w->st;
    ForyNativeWrite *n = w->native;
    PyObject *plain = _PyType_Lookup(Py_TYPE(op), st->str_plain_persistent_id);
    if (take(w, self, st->str_persistent_id, plain, &n->persistent_id) < 0 ||
        take(w, self, st->str_reducer_override, NULL, &n->reducer_override) < 0 ||
        take(w, self, st->str_dispatch_table, NULL, &n->dispatch_table) < 0) {
        return -1;
    }
    if (n->reducer_override != NULL && !PyCallable_Check(n->reducer_override)) {
        PyErr_Format(PyExc_TypeError, "reducer_override must be callable, not %s", Py_TYPE(n->reducer_override)->tp_name);
        return -1;
    }
    n->hooked = n->persistent_id != NULL || n->reducer_override != NULL || n->dispatch_table != NULL;
    n->raw_buffers = 1;
    if (self->buffer_callback != NULL) {
        if (fory_write_keep(w, self->buffer_callback) < 0) {
            return -1;
        }
        w->buffer_callback = self->buffer_callback;
        w->out_of_band = 1;
    }
    if (w->track_ref) {
        fory_native_borrow_table(w, self);
    }
    return 0;
}

PyDoc_STRVAR(dump_doc,
"dump($self, obj, /)\n--\n\n"
"Writes `obj` as one message.\n\n"
"Raises PicklingError when something cannot be written; nothing is, then, and\n"
"the memo is as before. A dump() that a hook calls writes a message of its own.");

static PyObject *
pickler_dump(PyObject *op, PyObject *obj)
{
    ForyPickler *self = (ForyPickler *)op;
    ForyEngine *e;
    PyObject *plain = NULL, *data = NULL, *write, *rc;
    ForyWriteCtx *w;
    int fast;
    if (self->write == NULL) {
        return not_initialised(op, "Pickler", "PicklingError");
    }
    e = fory_native_pickle_engine(op);
    fast = e == NULL ? -1 : truth(op, self->dict, e->st->str_fast);
    if (fast < 0) {
        return NULL;
    }
    if (fast) {
        plain = PyObject_CallMethod(op, "_engine_without_references", NULL);
        if (plain == NULL || !PyObject_TypeCheck(plain, e->st->EngineType)) {
            Py_XDECREF(plain);
            return NULL;
        }
        e = (ForyEngine *)plain;
    }
    w = fory_write_begin(e);
    if (w == NULL) {
        Py_XDECREF(plain);
        return NULL;
    }
    if (fory_native_take_pickler(w, op) == 0 && e->ops->write_root(w, obj) == 0) {
        data = fory_write_finish(w);
        if (data != NULL && fory_native_keep_table(w) < 0) {
            Py_CLEAR(data);
        }
    }
    if (data == NULL) {
        fory_write_failed(w);
    }
    fory_write_end(w);
    if (data == NULL) {
        fory_native_pickle_error(e->st, "PicklingError");
        Py_XDECREF(plain);
        return NULL;
    }
    Py_XDECREF(plain);
    write = Py_NewRef(self->write);
    rc = PyObject_CallFunctionObjArgs(write, data, NULL);
    Py_DECREF(write);
    Py_DECREF(data);
    if (rc == NULL) {
        return NULL;
    }
    Py_DECREF(rc);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(clear_memo_doc,
"clear_memo($self, /)\n--\n\nForgets what was written, so that the next message stands alone.");

static PyObject *
pickler_clear_memo(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    fory_native_clear_table((ForyPickler *)op);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(memo_dict_doc, "_memo_dict($self, /)\n--\n\nThe memo as a dict.");

static PyObject *
pickler_memo_dict(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    if (((ForyPickler *)op)->lent) {
        PyErr_SetString(PyExc_RuntimeError, "dump() has the memo");
        return NULL;
    }
    return fory_native_table_dict((ForyPickler *)op);
}

PyDoc_STRVAR(prime_doc, "_prime($self, number, obj, /)\n--\n\nEnters one object into the memo.");

static PyObject *
pickler_prime(PyObject *op, PyObject *args)
{
    Py_ssize_t number;
    PyObject *object;
    if (!PyArg_ParseTuple(args, "nO:_prime", &number, &object)) {
        return NULL;
    }
    if (number < 0) {
        PyErr_SetString(PyExc_ValueError, "memo number must not be negative");
        return NULL;
    }
    if (fory_native_prime((ForyPickler *)op, object, (size_t)number) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef pickler_methods[] = {
    {"dump", (PyCFunction)pickler_dump, METH_O, dump_doc},
    {"clear_memo", (PyCFunction)pickler_clear_memo, METH_NOARGS, clear_memo_doc},
    {"_memo_dict", (PyCFunction)pickler_memo_dict, METH_NOARGS, memo_dict_doc},
    {"_prime", (PyCFunction)pickler_prime, METH_VARARGS, prime_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef dict_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#if PY_VERSION_HEX >= 0x03090000
static PyMemberDef pickler_members[] = {
    {"__dictoffset__", FORY_T_PYSSIZET, offsetof(ForyPickler, dict), FORY_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
static PyMemberDef unpickler_members[] = {
    {"__dictoffset__", FORY_T_PYSSIZET, offsetof(ForyUnpickler, dict), FORY_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};
#endif

static PyType_Slot pickler_slots[] = {
    {Py_tp_doc, (void *)"Compiled part of pyfory.pickle.Pickler."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, pickler_init},
    {Py_tp_dealloc, pickler_dealloc},
    {Py_tp_traverse, pickler_traverse},
    {Py_tp_clear, pickler_clear},
    {Py_tp_methods, pickler_methods},
    {Py_tp_getset, dict_getset},
#if PY_VERSION_HEX >= 0x03090000
    {Py_tp_members, pickler_members},
#endif
    {0, NULL},
};

static PyType_Spec pickler_spec = {
    .name = "pyfory._core.PicklerBase",
    .basicsize = sizeof(ForyPickler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = pickler_slots,
};

/* ---- Unpickler ---------------------------------------------------------------------------------- */

static void
clear_entries(ForyUnpickler *self)
{
    ForyMemoEntry *entries = self->entries;
    size_t n = self->n_entries;
    self->entries = NULL;
    self->n_entries = self->cap_entries = 0;
    self->replaced = self->lent;
    for (size_t i = 0; i < n; i++) {
        Py_XDECREF(entries[i].object);
    }
    PyMem_Free(entries);
}

static int
unpickler_traverse(PyObject *op, visitproc visit, void *arg)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(op));
#endif
    Py_VISIT(self->dict);
    Py_VISIT(self->file);
    Py_VISIT(self->buffers);
    for (size_t i = 0; i < self->n_entries; i++) {
        Py_VISIT(self->entries[i].object);
    }
    return 0;
}

static int
unpickler_clear(PyObject *op)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
    Py_CLEAR(self->dict);
    Py_CLEAR(self->file);
    Py_CLEAR(self->buffers);
    clear_entries(self);
    return 0;
}

static void
unpickler_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    unpickler_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* Whether an attribute is there and not None; -1 when it fails otherwise. */
static int
has(PyObject *o, PyObject *name)
{
    PyObject *v = PyObject_GetAttr(o, name);
    int rc = v != NULL && v != Py_None;
    if (v == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
    }
    Py_XDECREF(v);
    return rc;
}

static int
is_bytes_io(ForyState *st, PyObject *file)
{
    if (fory_import_once(&st->BytesIO, "io", "BytesIO") < 0) {
        return -1;
    }
    return (PyObject *)Py_TYPE(file) == st->BytesIO;
}

static int
unpickler_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"file", "fix_imports", "encoding", "errors", "buffers", "allow_pickle", NULL};
    ForyUnpickler *self = (ForyUnpickler *)op;
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    PyObject *file, *fix_imports = NULL, *encoding = NULL, *errors = NULL, *buffers = NULL, *allow = NULL, *rc;
    int plain;
    if (st == NULL) {
        return -1;
    }
    if (FORY_LIKELY(kwargs == NULL) && FORY_LIKELY(PyTuple_GET_SIZE(args) == 1)) {
        file = PyTuple_GET_ITEM(args, 0);
    }
    else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOOOO:Unpickler", names, &file, &fix_imports, &encoding,
                                          &errors, &buffers, &allow)) {
        return -1;
    }
    plain = is_bytes_io(st, file);
    if (plain < 0) {
        return -1;
    }
    if (!plain) {
        /* pickle needs both; failures of the attributes themselves come first */
        int read = has(file, st->str_read), readline = read < 0 ? -1 : has(file, st->str_readline);
        if (read < 0 || readline < 0) {
            return -1;
        }
        if (!read || !readline) {
            PyErr_SetString(PyExc_TypeError, "file must have 'read' and 'readline' attributes");
            return -1;
        }
    }
    if (buffers == Py_None || (buffers != NULL && PyTuple_CheckExact(buffers) && PyTuple_GET_SIZE(buffers) == 0)) {
        buffers = NULL;
    }
    buffers = buffers == NULL ? NULL : PyObject_GetIter(buffers);
    if (buffers == NULL && PyErr_Occurred()) {
        return -1;
    }
    Py_XSETREF(self->buffers, buffers);
    Py_XSETREF(self->file, Py_NewRef(file));
    if (self->entries != NULL || self->lent) {
        clear_entries(self);
    }
    if (allow != NULL && allow != Py_None && PyObject_SetAttr(op, st->str_allow_pickle, allow) < 0) {
        return -1;
    }
    if (fix_imports != NULL || encoding != NULL || errors != NULL || allow != NULL ||
        _PyType_Lookup(Py_TYPE(op), st->str_allow_pickle) != Py_False) {
        rc = PyObject_CallMethod(op, "_prepare", "OOOO", file, fix_imports == NULL ? Py_True : fix_imports,
                                 encoding == NULL ? Py_None : encoding, errors == NULL ? Py_None : errors);
        if (rc == NULL) {
            return -1;
        }
        /* the file to read, maybe with a byte of look-ahead */
        Py_XSETREF(self->file, rc);
    }
    return 0;
}

static int
take_read(ForyReadCtx *r, ForyUnpickler *self, PyObject *name, PyObject *plain_name, PyObject **out)
{
    PyObject *v, *plain = _PyType_Lookup(Py_TYPE((PyObject *)self), plain_name);
    int rc;
    if (fory_native_override((PyObject *)self, self->dict, name, plain, &v) < 0) {
        return -1;
    }
    if (v == NULL || v == Py_None) {
        Py_XDECREF(v);
        return 0;
    }
    if (r->storage == NULL && (r->storage = PyDict_New()) == NULL) {
        Py_DECREF(v);
        return -1;
    }
    rc = PyDict_SetItem(r->storage, name, v);
    *out = v;
    Py_DECREF(v);
    return rc;
}

int
fory_native_take_unpickler(ForyReadCtx *r, PyObject *op)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
    const ForyState *st = r->st;
    ForyNativeRead *n = r->native;
    if (take_read(r, self, st->str_persistent_load, st->str_plain_persistent_load, &n->persistent_load) < 0 ||
        take_read(r, self, st->str_find_class, st->str_plain_find_class, &n->find_class) < 0) {
        return -1;
    }
    r->buffers = Py_XNewRef(self->buffers);
    if (self->lent) {
        /* load() inside load(): a message that stands alone */
        return 0;
    }
    Py_INCREF(self);
    n->memo = self;
    n->memo_kept = 0;
    n->kept = self->entries;
    n->n_kept = n->n_before = self->n_entries;
    n->cap_kept = self->cap_entries;
    self->entries = NULL;
    self->n_entries = self->cap_entries = 0;
    self->lent = 1;
    self->replaced = 0;
    return 0;
}

void
fory_native_return_memo(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    ForyUnpickler *self = n->memo;
    size_t from = n->n_kept, to = n->n_kept;
    if (self->replaced) {
        from = 0;
    }
    else if (!n->memo_kept) {
        from = n->n_before;
    }
    else if (n->recording) {
        from = n->n_known;
        to = n->n_before;
    }
    /* runs code of the objects, which cannot reach the entries */
    for (size_t i = from; i < to; i++) {
        Py_CLEAR(n->kept[i].object);
    }
    if (to > from) {
        memmove(n->kept + from, n->kept + to, (n->n_kept - to) * sizeof(*n->kept));
        n->n_kept -= to - from;
    }
    if (self->replaced) {
        PyMem_Free(n->kept);
    }
    else {
        self->entries = n->kept;
        self->n_entries = n->n_kept;
        self->cap_entries = n->cap_kept;
    }
    self->lent = self->replaced = 0;
    n->memo = NULL;
    n->kept = NULL;
    n->n_kept = n->cap_kept = n->n_before = n->n_known = 0;
    Py_DECREF(self);
}

/* From a BytesIO, whose position moves behind the message. */
static PyObject *
load_memory(ForyEngine *e, PyObject *op, PyObject *file)
{
    const ForyState *st = e->st;
    PyObject *tell = PyObject_CallMethodObjArgs(file, st->str_tell, NULL), *data = NULL, *result = NULL, *end, *rc;
    PyObject *type, *value, *tb;
    Py_ssize_t start, size;
    size_t used = 0;
    if (tell == NULL) {
        return NULL;
    }
    start = PyLong_AsSsize_t(tell);
    Py_DECREF(tell);
    if (start == -1 && PyErr_Occurred()) {
        return NULL;
    }
    /* shares the memory; what is written to the file meanwhile goes elsewhere */
    data = PyObject_CallMethodObjArgs(file, st->str_getvalue, NULL);
    if (data == NULL) {
        return NULL;
    }
    size = PyBytes_GET_SIZE(data);
    size = start < size ? size - start : 0;
    result = fory_engine_read_hooked(e, start == 0 ? data : NULL,
                                     (const uint8_t *)PyBytes_AS_STRING(data) + (size > 0 ? start : 0), (size_t)size, op, &used);
    PyErr_Fetch(&type, &value, &tb);
    end = PyLong_FromSsize_t(start + (Py_ssize_t)used);
    rc = end == NULL ? NULL : PyObject_CallMethodObjArgs(file, st->str_seek, end, NULL);
    Py_XDECREF(end);
    Py_DECREF(data);
    if (rc == NULL) {
        Py_CLEAR(result);
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(tb);
        return NULL;
    }
    Py_DECREF(rc);
    PyErr_Restore(type, value, tb);
    return result;
}

PyDoc_STRVAR(load_doc,
"load($self, /)\n--\n\n"
"Reads one message.\n\n"
"Raises UnpicklingError for bytes that are damaged or not of the native format,\n"
"EOFError when the stream ends too early.");

static PyObject *
unpickler_load(PyObject *op, PyObject *ignored)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
    PyObject *file = self->file, *result;
    ForyEngine *e;
    int allow, memory;
    (void)ignored;
    if (file == NULL) {
        return not_initialised(op, "Unpickler", "UnpicklingError");
    }
    e = fory_native_pickle_engine(op);
    if (e == NULL || (allow = truth(op, self->dict, e->st->str_allow_pickle)) < 0 || (memory = is_bytes_io(e->st, file)) < 0) {
        return NULL;
    }
    Py_INCREF(file);
    if (memory && !allow) {
        result = load_memory(e, op, file);
    }
    else {
        result = PyObject_CallMethod(op, "_load", "OOi", file, self->buffers == NULL ? Py_None : self->buffers, allow);
    }
    Py_DECREF(file);
    if (result == NULL) {
        fory_native_pickle_error(e->st, "UnpicklingError");
    }
    return result;
}

static PyObject *
unpickler_memo_dict(PyObject *op, PyObject *ignored)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
    PyObject *dict = PyDict_New();
    (void)ignored;
    if (self->lent) {
        Py_XDECREF(dict);
        PyErr_SetString(PyExc_RuntimeError, "load() has the memo");
        return NULL;
    }
    for (size_t i = 0; dict != NULL && i < self->n_entries; i++) {
        PyObject *key = PyLong_FromUnsignedLongLong(self->entries[i].position);
        if (key == NULL || PyDict_SetItem(dict, key, self->entries[i].object) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(key);
    }
    return dict;
}

PyDoc_STRVAR(clear_unpickler_doc, "_clear_memo($self, /)\n--\n\nForgets what was read.");

static PyObject *
unpickler_clear_memo(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    clear_entries((ForyUnpickler *)op);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(append_doc, "_append($self, number, obj, /)\n--\n\nEnters an object into the memo, behind all others.");

static PyObject *
unpickler_append(PyObject *op, PyObject *args)
{
    ForyUnpickler *self = (ForyUnpickler *)op;
    Py_ssize_t number;
    PyObject *object;
    if (!PyArg_ParseTuple(args, "nO:_append", &number, &object)) {
        return NULL;
    }
    if (number < 0 || (self->n_entries > 0 && (uint64_t)number <= self->entries[self->n_entries - 1].position)) {
        PyErr_SetString(PyExc_ValueError, "memo numbers must ascend from 0");
        return NULL;
    }
    if (fory_grow_array(&self->entries, &self->cap_entries, self->n_entries + 1, sizeof(*self->entries)) < 0) {
        return NULL;
    }
    self->entries[self->n_entries++] = (ForyMemoEntry){(uint64_t)number, Py_NewRef(object)};
    Py_RETURN_NONE;
}

static PyMethodDef unpickler_methods[] = {
    {"load", (PyCFunction)unpickler_load, METH_NOARGS, load_doc},
    {"_memo_dict", (PyCFunction)unpickler_memo_dict, METH_NOARGS, memo_dict_doc},
    {"_clear_memo", (PyCFunction)unpickler_clear_memo, METH_NOARGS, clear_unpickler_doc},
    {"_append", (PyCFunction)unpickler_append, METH_VARARGS, append_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot unpickler_slots[] = {
    {Py_tp_doc, (void *)"Compiled part of pyfory.pickle.Unpickler."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, unpickler_init},
    {Py_tp_dealloc, unpickler_dealloc},
    {Py_tp_traverse, unpickler_traverse},
    {Py_tp_clear, unpickler_clear},
    {Py_tp_methods, unpickler_methods},
    {Py_tp_getset, dict_getset},
#if PY_VERSION_HEX >= 0x03090000
    {Py_tp_members, unpickler_members},
#endif
    {0, NULL},
};

static PyType_Spec unpickler_spec = {
    .name = "pyfory._core.UnpicklerBase",
    .basicsize = sizeof(ForyUnpickler),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = unpickler_slots,
};

int
fory_pickler_init(PyObject *module, ForyState *st)
{
    st->PicklerType = fory_new_type(module, &pickler_spec);
    st->UnpicklerType = fory_new_type(module, &unpickler_spec);
    if (st->PicklerType == NULL || st->UnpicklerType == NULL) {
        return -1;
    }
#if PY_VERSION_HEX < 0x03090000
    st->PicklerType->tp_dictoffset = offsetof(ForyPickler, dict);
    st->UnpicklerType->tp_dictoffset = offsetof(ForyUnpickler, dict);
#endif
    return PyModule_AddType(module, st->PicklerType) < 0 ? -1 : PyModule_AddType(module, st->UnpicklerType);
}
