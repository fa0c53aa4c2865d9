/* The reduce protocol, enums, and code by value, writing.
 *
 * Precedence is pickle's: the memo, hooks of a Pickler, copyreg's dispatch
 * table, __reduce_ex__. Temporaries need no keeping: the reference table knows
 * objects by address, but it owns them once user code has run. */
#include "native/plain.h"

typedef struct ForyReduceCodec {
    ForyCodec base;
    PyTypeObject *type;
    PyObject *reducer; /* kept by the engine, or NULL */
    unsigned int version;
    uint32_t serial;
    uint32_t n_names;  /* attribute names its instances had when `name` was not among them */
    PyObject *method;  /* function behind `name`, while the version is this; borrowed */
    PyObject *name;    /* __getstate__ or __reduce__; the engine's */
} ForyReduceCodec;

static int
bad_reduce(ForyWriteCtx *w, PyObject *o, const char *what)
{
    fory_raise(w->st, FORY_E_UNSUPPORTED, "%s.__reduce_ex__() must return a str or a tuple of 2 to 6 items%s",
               Py_TYPE(o)->tp_name, what);
    return -1;
}

/* ---- parts -------------------------------------------------------------------------- */

/* Values of a tuple from index `from` on. owner: the instance that made the tuple for
 * nobody else, and has a codec that knows its attributes, or NULL. */
static int
write_parts(ForyWriteCtx *w, PyObject *tuple, Py_ssize_t from, PyObject *owner)
{
    const int plain = !w->native->hooked;
    uint8_t *p = w->out.pos;
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    for (Py_ssize_t i = from; i < n; i++) {
        PyObject *v = PyTuple_GET_ITEM(tuple, i);
        if (FORY_LIKELY(plain)) {
            int rc;
            p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
            if (FORY_UNLIKELY(p == NULL) || FORY_UNLIKELY((rc = fory_native_put_plain(w, v, owner, (size_t)(i - from), &p)) < 0)) {
                return -1;
            }
            if (FORY_LIKELY(rc > 0)) {
                continue;
            }
        }
        w->out.pos = p;
        if (FORY_UNLIKELY(fory_native_write(w, v) < 0)) {
            return -1;
        }
        p = w->out.pos;
    }
    w->out.pos = p;
    return 0;
}

/* How many, and the values, without the tuple. */
static int
write_arguments(ForyWriteCtx *w, PyObject *args, Py_ssize_t from, PyObject *owner)
{
    if (fory_room(w, FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vu64(&w->out, (uint64_t)(PyTuple_GET_SIZE(args) - from));
    return write_parts(w, args, from, owner);
}

/* What a method of o gave is o's own: nobody else holds it, nor o. */
FORY_INLINE PyObject *
owner_of(const ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *given, const ForyLate *late)
{
    return c->method != NULL && w->track_ref && !late->tracked && Py_REFCNT(given) == 1 ? o : NULL;
}

/* Items of an iterator in chunks: count, values, ..., 0. Pairs count once. */
static int
write_iterator(ForyWriteCtx *w, PyObject *iterator, int pairs)
{
    PyObject *chunk = NULL;
    int more = 1;
    if (!PyIter_Check(iterator)) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "the %s item of a reduce value must be an iterator, not %s",
                   pairs ? "fifth" : "fourth", Py_TYPE(iterator)->tp_name);
        return -1;
    }
    while (more) {
        Py_ssize_t n;
        chunk = PyList_New(0);
        if (chunk == NULL) {
            return -1;
        }
        while (PyList_GET_SIZE(chunk) < FORY_CHUNK) {
            PyObject *item = PyIter_Next(iterator);
            if (item == NULL) {
                if (PyErr_Occurred()) {
                    goto error;
                }
                more = 0;
                break;
            }
            if (pairs && (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2)) {
                Py_DECREF(item);
                fory_raise(w->st, FORY_E_UNSUPPORTED, "dict items of a reduce value must be pairs");
                goto error;
            }
            int rc = PyList_Append(chunk, item);
            Py_DECREF(item);
            if (rc < 0) {
                goto error;
            }
        }
        n = PyList_GET_SIZE(chunk);
        if (fory_room(w, FORY_VU64_MAX) < 0) {
            goto error;
        }
        fory_put_vu64(&w->out, (uint64_t)n);
        for (Py_ssize_t i = 0; i < n; i++) {
            PyObject *item = PyList_GET_ITEM(chunk, i);
            if (pairs ? fory_native_write(w, PyTuple_GET_ITEM(item, 0)) < 0 ||
                            fory_native_write(w, PyTuple_GET_ITEM(item, 1)) < 0
                      : fory_native_write(w, item) < 0) {
                goto error;
            }
        }
        Py_CLEAR(chunk);
        if (n == 0) {
            return 0;
        }
    }
    return fory_native_tag(w, 0);
error:
    Py_DECREF(chunk);
    return -1;
}

/* The arguments that copyreg.__newobj__ and __newobj_ex__ can take. */
static int
check_newobj(ForyWriteCtx *w, PyObject *callable, PyObject *args)
{
    int ex = callable == w->engine->native->newobj_ex;
    Py_ssize_t n = PyTuple_GET_SIZE(args);
    if (n < 1 || !PyType_Check(PyTuple_GET_ITEM(args, 0))) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "the first argument of copyreg.%s must be a class",
                   ex ? "__newobj_ex__" : "__newobj__");
        return -1;
    }
    if (ex && (n != 3 || !PyTuple_Check(PyTuple_GET_ITEM(args, 1)) || !PyDict_Check(PyTuple_GET_ITEM(args, 2)))) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "copyreg.__newobj_ex__ takes a class, a tuple and a dict");
        return -1;
    }
    return 0;
}

/* Strict mode writes no call that it would refuse to make. 0 / -1. */
static int
check_call(ForyWriteCtx *w, const char *question, PyObject *callable, PyObject *args)
{
    PyObject *rc;
    if (FORY_LIKELY(!w->engine->strict) || w->engine->native->guarded) {
        return 0;
    }
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    rc = PyObject_CallMethod(w->engine->registry, question, "OO", callable, args);
    Py_XDECREF(rc);
    return rc == NULL ? -1 : 0;
}

/* The same for cls.__new__(*args), cls being the first of args. */
static int
check_new(ForyWriteCtx *w, PyObject *args)
{
    PyObject *rest;
    int rc;
    if (FORY_LIKELY(!w->engine->strict)) {
        return 0;
    }
    rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    rc = rest == NULL ? -1 : check_call(w, "check_new", PyTuple_GET_ITEM(args, 0), rest);
    Py_XDECREF(rest);
    return rc;
}

/* Most callables were named before. */
static int
write_callable(ForyWriteCtx *w, PyObject *callable)
{
    size_t number = w->native->hooked ? SIZE_MAX : fory_native_global_number(w, callable);
    return FORY_LIKELY(number != SIZE_MAX) ? fory_native_tag_n(w, FORY_N_GLOBAL, number + FORY_G_KNOWN)
                                           : fory_native_write(w, callable);
}

/* callable and arguments, with their tag */
static int
write_call(ForyWriteCtx *w, PyObject *o, PyObject *callable, PyObject *args, int bits)
{
    const ForyNativeEngine *n = w->engine->native;
    if ((callable == n->newobj || callable == n->newobj_ex) && check_newobj(w, callable, args) < 0) {
        return -1;
    }
    if (callable == n->newobj) {
        if ((PyObject *)Py_TYPE(o) != PyTuple_GET_ITEM(args, 0)) {
            PyObject *cls = PyObject_GetAttrString(o, "__class__");
            int same = cls == PyTuple_GET_ITEM(args, 0);
            Py_XDECREF(cls);
            if (!same) {
                PyErr_Clear();
                fory_raise(w->st, FORY_E_UNSUPPORTED, "args[0] from __newobj__ args has the wrong class");
                return -1;
            }
        }
        if (check_new(w, args) < 0 || fory_native_tag(w, bits ? FORY_N_NEWOBJ_X : FORY_N_NEWOBJ) < 0 || (bits && fory_native_tag(w, bits) < 0) ||
            fory_native_write_global(w, PyTuple_GET_ITEM(args, 0)) < 0) {
            return -1;
        }
        return write_arguments(w, args, 1, NULL);
    }
    if (callable == n->newobj_ex && PyTuple_CheckExact(PyTuple_GET_ITEM(args, 1)) &&
        PyDict_CheckExact(PyTuple_GET_ITEM(args, 2))) {
        if (check_call(w, "check_new", PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1)) < 0 ||
            fory_native_tag(w, FORY_N_NEWOBJ_EX) < 0 || fory_native_tag(w, bits) < 0 ||
            fory_native_write_global(w, PyTuple_GET_ITEM(args, 0)) < 0 ||
            write_arguments(w, PyTuple_GET_ITEM(args, 1), 0, NULL) < 0) {
            return -1;
        }
        return fory_native_write(w, PyTuple_GET_ITEM(args, 2));
    }
    if (check_call(w, "check_call", callable, args) < 0 || fory_native_tag(w, bits ? FORY_N_REDUCE_X : FORY_N_REDUCE) < 0 || (bits && fory_native_tag(w, bits) < 0) ||
        write_callable(w, callable) < 0) {
        return -1;
    }
    return write_arguments(w, args, 0, NULL);
}

/* The arguments led to the object, which came with all that belongs to it: once is enough. 0. */
static int
drop_rest(ForyWriteCtx *w, const ForyLate *late, int bits)
{
    if (bits) {
        w->out.start[w->native->base + late->start + 1] = 0;
    }
    return 0;
}

static int
write_tuple(ForyWriteCtx *w, PyObject *o, PyObject *reduced, ForyLate *late)
{
    PyObject *part[6] = {NULL};
    Py_ssize_t n = PyTuple_GET_SIZE(reduced);
    int bits;
    if (n < 2 || n > 6) {
        return bad_reduce(w, o, "");
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *v = PyTuple_GET_ITEM(reduced, i);
        part[i] = v == Py_None ? NULL : v;
    }
    if (part[0] == NULL || !PyCallable_Check(part[0])) {
        return bad_reduce(w, o, "; the first must be callable");
    }
    if (part[1] == NULL || !PyTuple_Check(part[1])) {
        return bad_reduce(w, o, "; the second must be a tuple");
    }
    if (part[5] != NULL && !PyCallable_Check(part[5])) {
        return bad_reduce(w, o, "; the sixth must be callable");
    }
    bits = (part[2] != NULL ? FORY_REDUCE_STATE : 0) | (part[3] != NULL ? FORY_REDUCE_ITEMS : 0) |
           (part[4] != NULL ? FORY_REDUCE_PAIRS : 0) | (part[2] != NULL && part[5] != NULL ? FORY_REDUCE_SETTER : 0);
    if (write_call(w, o, part[0], part[1], bits) < 0 || fory_native_close(w, o, late) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(late->again)) {
        return drop_rest(w, late, bits);
    }
    if ((bits & FORY_REDUCE_ITEMS) && write_iterator(w, part[3], 0) < 0) {
        return -1;
    }
    if ((bits & FORY_REDUCE_PAIRS) && write_iterator(w, part[4], 1) < 0) {
        return -1;
    }
    if ((bits & FORY_REDUCE_SETTER) && fory_native_write(w, part[5]) < 0) {
        return -1;
    }
    return bits & FORY_REDUCE_STATE ? fory_native_write(w, part[2]) : 0;
}

/* Body of an object whose place in the reference table is open. */
static int
write_result(ForyWriteCtx *w, PyObject *o, PyObject *reduced, ForyLate *late)
{
    int rc;
    if (!PyTuple_Check(reduced)) {
        return bad_reduce(w, o, "");
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    rc = write_tuple(w, o, reduced, late);
    w->depth--;
    return rc;
}

int
fory_native_write_reduced(ForyWriteCtx *w, PyObject *o, PyObject *reduced)
{
    ForyLate late;
    int rc;
    if (PyUnicode_Check(reduced)) {
        return fory_native_write_named(w, o, reduced);
    }
    rc = fory_native_open(w, o, &late);
    if (rc == 0) {
        rc = write_result(w, o, reduced, &late);
        fory_native_abandon(w, &late);
    }
    return rc < 0 ? -1 : 0;
}

/* ---- by protocol ------------------------------------------------------------------------ */

/* Once per message and class: nobody registered a reducer for it, and it still
 * has the methods that were looked at. 1 / 0 / -1. */
static FORY_NOINLINE int
check_class(ForyWriteCtx *w, ForyReduceCodec *c)
{
    ForyNativeWrite *n = w->native;
    if (fory_grow_array(&n->checked, &n->cap_checked, c->serial + 1, sizeof(*n->checked)) < 0) {
        return -1;
    }
    if (c->version == 0 || c->version != fory_type_version(c->type) ||
        PyDict_GetItemWithError(w->engine->native->dispatch_table, (PyObject *)c->type) != NULL) {
        return 0;
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    n->checked[c->serial] = (ForySeen){w->generation, 0};
    return 1;
}

FORY_INLINE int
is_checked(ForyWriteCtx *w, ForyReduceCodec *c)
{
    const ForyNativeWrite *n = w->native;
    if (FORY_LIKELY(c->serial < n->cap_checked) && FORY_LIKELY(n->checked[c->serial].generation == w->generation)) {
        return 1;
    }
    return check_class(w, c);
}

/* What the method of o's class gives that the codec is about. The class is as it was looked at;
 * an attribute of the instance goes first, as in a look-up. */
static PyObject *
call_method(ForyReduceCodec *c, PyObject *o)
{
#if FORY_INLINE_VALUES
    /* a method of an object before it may have replaced this one */
    if (c->method != NULL && FORY_LIKELY(c->version == fory_type_version(c->type)) && fory_inline_values(o) != NULL) {
        /* names are only added to those that instances of a class share */
        unsigned n = c->n_names;
        PyObject *name;
        while ((name = fory_inline_name(c->type, n)) != NULL && name != c->name && PyUnicode_CheckExact(name) &&
               PyUnicode_CHECK_INTERNED(name)) {
            n++;
        }
        c->n_names = n;
        if (name == NULL) {
            PyObject *method = Py_NewRef(c->method), *result = ((PyFunctionObject *)method)->vectorcall(method, &o, 1, NULL);
            Py_DECREF(method);
            return result;
        }
    }
#endif
    return PyObject_CallMethodObjArgs(o, c->name, NULL);
}

/* A state as fory_native_write has it. */
static int
write_state(ForyWriteCtx *w, PyObject *state, PyObject *owner)
{
    Py_ssize_t n = PyTuple_CheckExact(state) ? PyTuple_GET_SIZE(state) : 0;
    int rc;
    if (owner == NULL || n == 0 || n >= FORY_N_SMALL || w->native->hooked) {
        return fory_native_write(w, state);
    }
    if (fory_native_tag(w, FORY_N_TUPLE + (int)n) < 0 || fory_write_enter(w) < 0) {
        return -1;
    }
    rc = write_parts(w, state, 0, owner);
    w->depth -= rc == 0;
    return rc;
}

/* A class with __getstate__ and object's own reduce methods: they would give
 * copyreg.__newobj__, (cls,) and the state. */
static int
write_stateful(ForyWriteCtx *w, const ForyCodec *base, PyObject *o)
{
    ForyReduceCodec *c = (ForyReduceCodec *)base;
    PyObject *state;
    ForyLate late;
    int rc = is_checked(w, c);
    if (rc <= 0) {
        return rc < 0 ? -1 : fory_native_write_by_protocol(w, o);
    }
    rc = fory_native_open(w, o, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(o);
    rc = -1;
    state = fory_write_pin(w) < 0 ? NULL : call_method(c, o);
    if (state == NULL || fory_write_enter(w) < 0) {
        goto done;
    }
    if (fory_room(w, 2) == 0) {
        fory_put_u8(&w->out, state == Py_None ? FORY_N_NEWOBJ : FORY_N_NEWOBJ_X);
        if (state != Py_None) {
            fory_put_u8(&w->out, FORY_REDUCE_STATE);
        }
        rc = fory_native_write_global(w, (PyObject *)c->type) < 0 || fory_native_tag(w, 0) < 0 ||
                     fory_native_close(w, o, &late) < 0 ? -1
             : late.again       ? drop_rest(w, &late, state != Py_None)
             : state == Py_None ? 0
                                : write_state(w, state, owner_of(w, c, o, state, &late));
    }
    w->depth--;
done:
    fory_native_abandon(w, &late);
    Py_XDECREF(state);
    Py_DECREF(o);
    return rc;
}

/* object's own methods refused o, no code of the class did: the error is ours,
 * with the path. */
static void
take_over_refusal(ForyWriteCtx *w, PyObject *o)
{
    static const char *const methods[] = {"__reduce_ex__", "__reduce__", "__getstate__"};
    PyObject *type, *value, *traceback;
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
        return;
    }
    PyErr_Fetch(&type, &value, &traceback);
    for (size_t i = 0; i < 3; i++) {
        PyObject *name = PyUnicode_FromString(methods[i]);
        int own = name == NULL || _PyType_Lookup(Py_TYPE(o), name) != _PyType_Lookup(&PyBaseObject_Type, name);
        Py_XDECREF(name);
        if (own) {
            PyErr_Restore(type, value, traceback);
            return;
        }
    }
    fory_raise(w->st, FORY_E_UNSUPPORTED, "%S", value == NULL ? type : value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static PyObject *
reduce(ForyWriteCtx *w, PyObject *o)
{
    PyObject *result;
    ForyNativeEngine *n = w->engine->native;
    if (w->native->dispatch_table == NULL) {
        PyObject *reducer = PyDict_GetItemWithError(n->dispatch_table, (PyObject *)Py_TYPE(o));
        if (reducer != NULL) {
            PyObject *reduced;
            Py_INCREF(reducer);
            reduced = PyObject_CallFunctionObjArgs(reducer, o, NULL);
            Py_DECREF(reducer);
            return reduced;
        }
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    result = PyObject_CallMethodObjArgs(o, n->str_reduce_ex, n->protocol, NULL);
    if (result == NULL) {
        take_over_refusal(w, o);
    }
    return result;
}

static int
write_with(ForyWriteCtx *w, PyObject *o, PyObject *reducer)
{
    PyObject *reduced = NULL;
    ForyLate late;
    int rc;
    Py_INCREF(o);
    rc = fory_native_known(w, o);
    if (rc != 0 || fory_write_pin(w) < 0) {
        Py_DECREF(o);
        return rc > 0 ? 0 : -1;
    }
    reduced = reducer != NULL ? PyObject_CallFunctionObjArgs(reducer, o, NULL) : reduce(w, o);
    if (reduced == NULL) {
        rc = -1;
    }
    else if (PyUnicode_Check(reduced)) {
        rc = fory_native_write_named(w, o, reduced);
    }
    else {
        /* not counting the reference that is ours, unless it is the last */
        int shared = Py_REFCNT(o) > 1;
        if (shared) {
            Py_DECREF(o);
        }
        rc = fory_native_open(w, o, &late);
        if (shared) {
            Py_INCREF(o);
        }
        if (rc == 0) {
            rc = write_result(w, o, reduced, &late);
            fory_native_abandon(w, &late);
        }
    }
    Py_XDECREF(reduced);
    Py_DECREF(o);
    return rc < 0 ? -1 : 0;
}

int
fory_native_write_by_protocol(ForyWriteCtx *w, PyObject *o)
{
    return write_with(w, o, NULL);
}

/* A call of what the message has named before, and nothing else: 1; 0 when the
 * general way must see to it; -1. */
static int
write_usual(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *reduced, const ForyLate *late)
{
    PyObject *callable, *args;
    size_t number;
    int rc;
    if (!PyTuple_CheckExact(reduced) || PyTuple_GET_SIZE(reduced) != 2 || late->tracked || w->engine->strict || w->native->hooked) {
        return 0;
    }
    callable = PyTuple_GET_ITEM(reduced, 0);
    args = PyTuple_GET_ITEM(reduced, 1);
    if (!(PyType_Check(callable) || PyFunction_Check(callable)) || !PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) >= 128 ||
        callable == w->engine->native->newobj || callable == w->engine->native->newobj_ex ||
        (number = fory_native_global_number(w, callable)) >= 128 - FORY_G_KNOWN) {
        return 0;
    }
    if (fory_write_enter(w) < 0 || fory_room(w, 4) < 0) {
        return -1;
    }
    fory_put_u32(&w->out, FORY_N_REDUCE | (uint32_t)FORY_N_GLOBAL << 8 | (uint32_t)(number + FORY_G_KNOWN) << 16 |
                              (uint32_t)PyTuple_GET_SIZE(args) << 24);
    rc = write_parts(w, args, 0, Py_REFCNT(reduced) == 1 ? owner_of(w, c, o, args, late) : NULL);
    w->depth--;
    return rc < 0 ? -1 : 1;
}

/* A class with its own __reduce__, which object's __reduce_ex__ would call. */
static int
write_reducing(ForyWriteCtx *w, const ForyCodec *base, PyObject *o)
{
    ForyReduceCodec *c = (ForyReduceCodec *)base;
    PyObject *reduced;
    ForyLate late;
    int rc = is_checked(w, c);
    if (rc <= 0) {
        return rc < 0 ? -1 : fory_native_write_by_protocol(w, o);
    }
    rc = fory_native_open(w, o, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(o);
    reduced = fory_write_pin(w) < 0 ? NULL : call_method(c, o);
    rc = reduced == NULL ? -1 : write_usual(w, c, o, reduced, &late);
    if (rc == 0) {
        rc = PyUnicode_Check(reduced) ? fory_native_write_named(w, o, reduced) : write_result(w, o, reduced, &late);
    }
    fory_native_abandon(w, &late);
    Py_XDECREF(reduced);
    Py_DECREF(o);
    return rc < 0 ? -1 : 0;
}

static int
write_reduce(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    return write_with(w, o, ((const ForyReduceCodec *)c)->reducer);
}

const ForyCodec *
fory_native_reduce_codec(ForyEngine *e, PyTypeObject *type, PyObject *reducer)
{
    ForyReduceCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c == NULL || (reducer != NULL && fory_engine_keep(e, reducer) < 0)) {
        return NULL;
    }
    c->base.write = write_reduce;
    c->type = type;
    c->reducer = reducer;
    return &c->base;
}

const ForyCodec *
fory_native_shortcut_codec(ForyEngine *e, PyTypeObject *type, int stateful)
{
    ForyReduceCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->base.write = stateful ? write_stateful : write_reducing;
    c->type = type;
    c->version = fory_type_tag(type, e->native->str_reduce_ex);
    c->name = stateful ? e->native->str_getstate : e->native->str_reduce;
#if FORY_INLINE_VALUES
    PyObject *method = _PyType_Lookup(type, c->name);
    if (method != NULL && PyFunction_Check(method) && c->version != 0 && e->st->inline_values_ok &&
        type->tp_getattro == PyObject_GenericGetAttr && fory_has_inline_values(type)) {
        c->method = method;
    }
#endif
    c->serial = e->native->n_object_codecs++;
    return &c->base;
}

/* ---- enums -------------------------------------------------------------------------------- */

typedef struct ForyEnumCodec {
    ForyCodec base;
    PyTypeObject *type;
    unsigned int version; /* of the class when it was looked at */
    uint8_t plain;        /* `_value_` is looked for in the member and nowhere before */
    uint8_t inline_values, index;
} ForyEnumCodec;

enum { NO_INDEX = 255 };

/* Where `_value_` of members is found. */
static FORY_NOINLINE void
look_at_enum(ForyWriteCtx *w, ForyEnumCodec *c)
{
    PyObject *name = w->engine->native->str_value;
    c->version = fory_type_tag(c->type, name);
    c->plain = c->type->tp_getattro == PyObject_GenericGetAttr && _PyType_Lookup(c->type, name) == NULL;
    c->index = NO_INDEX;
#if FORY_INLINE_VALUES
    c->inline_values = (uint8_t)(w->st->inline_values_ok && fory_has_inline_values(c->type));
    for (unsigned i = 0; c->inline_values && i < FORY_MAX_INLINE && c->index == NO_INDEX; i++) {
        PyObject *known = fory_inline_name(c->type, i);
        if (known == NULL) {
            break;
        }
        c->index = known == name ? (uint8_t)i : NO_INDEX;
    }
#endif
}

/* It may be assigned to, so it is asked for each time. New reference. */
FORY_INLINE PyObject *
enum_value(ForyWriteCtx *w, ForyEnumCodec *c, PyObject *o)
{
    PyObject *name = w->engine->native->str_value;
    if (FORY_UNLIKELY(c->version == 0) || FORY_UNLIKELY(c->version != fory_type_version(c->type))) {
        look_at_enum(w, c);
    }
#if FORY_INLINE_VALUES
    if (c->inline_values && c->index != NO_INDEX && FORY_LIKELY(c->plain)) {
        PyObject *const *values = fory_inline_values(o);
        if (FORY_LIKELY(values != NULL) && FORY_LIKELY(values[c->index] != NULL)) {
            return Py_NewRef(values[c->index]);
        }
    }
#endif
#if PY_VERSION_HEX < 0x030C0000
    /* a derived class of int or str: has a dict of its own */
    if (FORY_LIKELY(c->plain) && c->type->tp_itemsize != 0) {
        PyObject **dict = _PyObject_GetDictPtr(o);
        PyObject *value = dict == NULL || *dict == NULL ? NULL : PyDict_GetItemWithError(*dict, name);
        if (FORY_LIKELY(value != NULL)) {
            return Py_NewRef(value);
        }
        PyErr_Clear();
    }
#endif
    return PyObject_GetAttr(o, name);
}

static int
write_enum(ForyWriteCtx *w, const ForyCodec *base, PyObject *o)
{
    ForyEnumCodec *c = (ForyEnumCodec *)base;
    PyObject *value = NULL;
    ForyLate late;
    int rc = w->track_ref ? fory_native_known(w, o) : 0;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (FORY_LIKELY(Py_TYPE(o) == c->type) && FORY_LIKELY(!w->native->hooked) && FORY_LIKELY(w->native->memo == NULL) &&
        (value = enum_value(w, c, o)) != NULL && (PyLong_CheckExact(value) || PyUnicode_CheckExact(value))) {
        /* nothing in between leads back to the member */
        rc = fory_native_begin_enum(w, o);
        if (FORY_LIKELY(rc != 2)) {
            rc = rc < 0 ? -1 : rc > 0 ? 0 : fory_native_write(w, value);
            Py_DECREF(value);
            return rc;
        }
    }
    Py_CLEAR(value);
    PyErr_Clear();
    rc = fory_native_open(w, o, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    value = PyObject_GetAttr(o, w->engine->native->str_value);
    if (value == NULL) {
        fory_native_abandon(w, &late);
        return -1;
    }
    rc = fory_native_tag(w, FORY_N_ENUM) < 0 ||
                 fory_native_write_global(w, (PyObject *)Py_TYPE(o)) < 0 || fory_native_write(w, value) < 0
             ? -1
             : fory_native_close(w, o, &late);
    fory_native_abandon(w, &late);
    Py_DECREF(value);
    return rc;
}

const ForyCodec *
fory_native_enum_codec(ForyEngine *e, PyTypeObject *type)
{
    ForyEnumCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c != NULL) {
        c->base.write = write_enum;
        c->type = type;
    }
    return c == NULL ? NULL : &c->base;
}

/* ---- classes, functions, modules ------------------------------------------------------------ */

/* (kind, header, args, state) of pyfory.native.code.capture */
static int
write_captured(ForyWriteCtx *w, PyObject *o, PyObject *captured, ForyLate *late)
{
    PyObject *header, *args, *state;
    unsigned int kind;
    int rc;
    if (!PyTuple_Check(captured) || !PyArg_ParseTuple(captured, "IO!O!O", &kind, &PyTuple_Type, &header, &PyTuple_Type, &args, &state)) {
        return -1;
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    rc = fory_native_tag_n(w, FORY_N_CODE, kind) < 0 || write_arguments(w, header, 0, NULL) < 0 ||
                 write_arguments(w, args, 0, NULL) < 0 || fory_native_close(w, o, late) < 0
             ? -1
             : fory_native_write(w, state);
    w->depth--;
    return rc;
}

/* The record of a code object, as pyfory.native.bytecode.capture_code gives it. */
static int
write_code_object(ForyWriteCtx *w, PyObject *o)
{
    PyObject *python = fory_native_code_part(w->engine, FORY_CODE_PYTHON), *magic, *fields, *name;
    int rc;
    if (python == NULL || fory_write_enter(w) < 0) {
        return -1;
    }
    magic = fory_native_code_part(w->engine, FORY_CODE_MAGIC);
    fields = fory_native_code_part(w->engine, FORY_CODE_FIELDS);
    name = PyObject_GetAttrString(o, "co_name");
    rc = name == NULL || fory_native_tag_n(w, FORY_N_CODE, FORY_CODE_OBJECT) < 0 || fory_native_tag(w, 3) < 0 ||
                 fory_native_write(w, name) < 0 || fory_native_write(w, python) < 0 ||
                 fory_native_write(w, magic) < 0 || fory_native_tag(w, (int)PyTuple_GET_SIZE(fields)) < 0
             ? -1
             : 0;
    Py_XDECREF(name);
    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *field = PyObject_GetAttr(o, PyTuple_GET_ITEM(fields, i));
        rc = field == NULL ? -1 : fory_native_write(w, field);
        Py_XDECREF(field);
    }
    w->depth--;
    return rc;
}

static PyObject *
capture(ForyWriteCtx *w, PyObject *o)
{
    PyObject *session = fory_native_session(w->engine, &w->native->session, FORY_CODE_WRITING);
    if (session == NULL || fory_write_pin(w) < 0) {
        return NULL;
    }
    if (FORY_UNLIKELY(w->engine->strict)) {
        return PyObject_CallMethod(w->engine->registry, "capture", "OO", o, session);
    }
    return PyObject_CallFunctionObjArgs(fory_native_code_part(w->engine, FORY_CODE_CAPTURE), o, session, NULL);
}

static int
write_code(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    PyObject *shell = fory_native_code_part(w->engine, FORY_CODE_SHELL), *captured = NULL;
    uint8_t track_ref = w->track_ref;
    ForyLate late;
    int rc = fory_native_known(w, o);
    (void)c;
    if (rc == 0 && shell == NULL) {
        rc = -1;
    }
    if (rc == 0 && !PyCode_Check(o) && (PyObject *)Py_TYPE(o) != shell) {
        rc = fory_native_try_global(w, o);
    }
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(o);
    /* what functions share is part of what they do, with ref=False too */
    w->track_ref = 1;
    if (PyCode_Check(o) && !w->engine->strict) {
        rc = fory_write_pin(w) < 0 ? -1 : fory_native_open(w, o, &late);
        if (rc == 0) {
            rc = write_code_object(w, o) < 0 || fory_native_close(w, o, &late) < 0 ? -1 : fory_native_tag(w, FORY_N_NONE);
            fory_native_abandon(w, &late);
        }
    }
    else if ((captured = capture(w, o)) == NULL) {
        rc = -1;
    }
    else if (captured == Py_None) {
        w->track_ref = track_ref;
        rc = fory_native_write_by_protocol(w, o);
    }
    else {
        rc = fory_native_open(w, o, &late);
        if (rc == 0) {
            rc = write_captured(w, o, captured, &late);
            fory_native_abandon(w, &late);
        }
    }
    w->track_ref = track_ref;
    Py_XDECREF(captured);
    Py_DECREF(o);
    return rc < 0 ? -1 : 0;
}

const ForyCodec *
fory_native_code_codec(ForyEngine *e, PyTypeObject *type)
{
    ForyReduceCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c != NULL) {
        c->base.write = write_code;
        c->type = type;
    }
    return c == NULL ? NULL : &c->base;
}
