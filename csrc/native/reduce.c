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

/* Values of a tuple from index `from` on, under the hooks of a Pickler. */
static int
write_hooked(ForyWriteCtx *w, PyObject *tuple, Py_ssize_t from)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    for (Py_ssize_t i = from; i < n; i++) {
        if (fory_native_write(w, PyTuple_GET_ITEM(tuple, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Values of a tuple from index `from` on, at p. owner: the instance that made the tuple for
 * nobody else, and has a codec that knows its attributes, or NULL. */
static int
write_parts(ForyWriteCtx *w, uint8_t *p, PyObject *tuple, Py_ssize_t from, PyObject *owner)
{
    PyObject *const *item = &PyTuple_GET_ITEM(tuple, from), *const *end = &PyTuple_GET_ITEM(tuple, PyTuple_GET_SIZE(tuple));
    for (size_t near = 0; item < end; item++, near++) {
        int rc;
        p = fory_native_plain_room(w, p, FORY_NATIVE_PLAIN_ROOM);
        if (FORY_UNLIKELY(p == NULL)) {
            return -1;
        }
        rc = fory_native_put_part(w, *item, 1, owner, near, &p);
        if (FORY_UNLIKELY(rc <= 0)) {
            w->out.pos = p;
            if (rc < 0 || fory_native_write(w, *item) < 0) {
                return -1;
            }
            p = w->out.pos;
        }
    }
    w->out.pos = p;
    return 0;
}

/* How many, and the values, without the tuple. */
static int
write_arguments(ForyWriteCtx *w, PyObject *args, Py_ssize_t from)
{
    if (fory_room(w, FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vu64(&w->out, (uint64_t)(PyTuple_GET_SIZE(args) - from));
    return w->native->hooked ? write_hooked(w, args, from) : write_parts(w, w->out.pos, args, from, NULL);
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
        return write_arguments(w, args, 1);
    }
    if (callable == n->newobj_ex && PyTuple_CheckExact(PyTuple_GET_ITEM(args, 1)) &&
        PyDict_CheckExact(PyTuple_GET_ITEM(args, 2))) {
        if (check_call(w, "check_new", PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1)) < 0 ||
            fory_native_tag(w, FORY_N_NEWOBJ_EX) < 0 || fory_native_tag(w, bits) < 0 ||
            fory_native_write_global(w, PyTuple_GET_ITEM(args, 0)) < 0 ||
            write_arguments(w, PyTuple_GET_ITEM(args, 1), 0) < 0) {
            return -1;
        }
        return fory_native_write(w, PyTuple_GET_ITEM(args, 2));
    }
    if (check_call(w, "check_call", callable, args) < 0 || fory_native_tag(w, bits ? FORY_N_REDUCE_X : FORY_N_REDUCE) < 0 || (bits && fory_native_tag(w, bits) < 0) ||
        write_callable(w, callable) < 0) {
        return -1;
    }
    return write_arguments(w, args, 0);
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
    uint32_t lazy;
    int bits, rc;
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
    /* an iterator may hand out what the arguments hold alone: all of that is entered */
    lazy = (bits & (FORY_REDUCE_ITEMS | FORY_REDUCE_PAIRS)) != 0;
    w->native->reopened += lazy;
    rc = write_call(w, o, part[0], part[1], bits);
    w->native->reopened -= lazy;
    if (rc < 0 || fory_native_close(w, o, late) < 0) {
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

/* The method of the class, when no look-up for an instance finds anything else. Its version is known. */
static PyObject *
find_method(ForyEngine *e, const ForyReduceCodec *c)
{
#if FORY_INLINE_VALUES
    PyObject *method = _PyType_Lookup(c->type, c->name);
    if (method != NULL && PyFunction_Check(method) && c->version != 0 && e->st->inline_values_ok &&
        c->type->tp_getattro == PyObject_GenericGetAttr && fory_has_inline_values(c->type)) {
        return method;
    }
#else
    (void)e;
    (void)c;
#endif
    return NULL;
}

/* The class has changed since, perhaps only in ways that do not matter. 1 / 0 / -1. */
static int
look_again(ForyWriteCtx *w, ForyReduceCodec *c)
{
    PyObject *spec, *kind;
    int same;
    if (fory_write_pin(w) < 0 ||
        (spec = PyObject_CallMethod(w->engine->registry, "resolve_class", "(O)", (PyObject *)c->type)) == NULL) {
        return -1;
    }
    kind = PyTuple_Check(spec) && PyTuple_GET_SIZE(spec) == 2 ? PyTuple_GET_ITEM(spec, 0) : Py_None;
    same = PyUnicode_Check(kind) &&
           PyUnicode_CompareWithASCIIString(kind, c->name == w->engine->native->str_getstate ? "stateful" : "reducing") == 0;
    Py_DECREF(spec);
    if (same) {
        c->version = fory_type_tag(c->type, w->engine->native->str_reduce_ex);
        c->method = find_method(w->engine, c);
    }
    return same && c->version != 0;
}

/* Once per message and class: nobody registered a reducer for it, and it still
 * has the methods that were looked at. 1 / 0 / -1. */
static FORY_NOINLINE int
check_class(ForyWriteCtx *w, ForyReduceCodec *c)
{
    ForyNativeWrite *n = w->native;
    if (fory_grow_array(&n->checked, &n->cap_checked, c->serial + 1, sizeof(*n->checked)) < 0) {
        return -1;
    }
    if (PyDict_GetItemWithError(w->engine->native->dispatch_table, (PyObject *)c->type) != NULL) {
        return 0;
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    if (c->version == 0 || c->version != fory_type_version(c->type)) {
        int same = look_again(w, c);
        if (same <= 0) {
            return same;
        }
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

#if FORY_INLINE_VALUES
/* Whether no instance of the class has an attribute of the method's name among its inline values. */
static FORY_NOINLINE int
look_at_names(ForyReduceCodec *c)
{
    unsigned n = c->n_names;
    PyObject *name;
    while ((name = fory_inline_name(c->type, n)) != NULL && name != c->name && PyUnicode_CheckExact(name) &&
           PyUnicode_CHECK_INTERNED(name)) {
        n++;
    }
    c->n_names = n;
    return name == NULL;
}
#endif

/* What the method of o's class gives that the codec is about. The class is as it was looked at;
 * an attribute of the instance goes first, as in a look-up. */
FORY_INLINE PyObject *
call_method(ForyReduceCodec *c, PyObject *o)
{
#if FORY_INLINE_VALUES
    /* a method of an object before it may have replaced this one; names are only added
     * to those that instances of a class share */
    if (c->method != NULL && FORY_LIKELY(c->version == fory_type_version(c->type)) && fory_inline_values(o) != NULL &&
        (FORY_LIKELY(c->n_names == fory_inline_names(c->type)) || look_at_names(c))) {
        PyObject *method = Py_NewRef(c->method), *result = ((PyFunctionObject *)method)->vectorcall(method, &o, 1, NULL);
        Py_DECREF(method);
        return result;
    }
#endif
    return PyObject_CallMethodObjArgs(o, c->name, NULL);
}

/* Instances of the class go the short way from now on: what they are made by has a number in this message. */
static FORY_NOINLINE void
learn(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *callable)
{
    ForyNativeWrite *n = w->native;
    size_t number = fory_native_global_number(w, callable);
    if (number < 128 - FORY_G_KNOWN && !n->hooked && !w->engine->strict) {
        uint32_t known = (uint32_t)(number + FORY_G_KNOWN) << 16;
        n->usual = &c->base;
        n->usual_callable = callable;
        n->usual_head = known | (c->name == w->engine->native->str_getstate
                                     ? (uint32_t)FORY_N_NEWOBJ_X | (uint32_t)FORY_REDUCE_STATE << 8
                                     : (uint32_t)FORY_N_REDUCE | (uint32_t)FORY_N_GLOBAL << 8);
    }
}

/* Whether o is of the class that was looked at last, and nobody else holds it. */
FORY_INLINE int
is_usual(const ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    return FORY_LIKELY(w->native->usual == c) && !fory_native_is_held_instance(w, o) && FORY_LIKELY(w->pinned || !w->track_ref);
}

/* What comes before the method of any other object is called: 1 go on; 0 nothing else is to be written; -1. */
static FORY_NOINLINE int
begin_method(ForyWriteCtx *w, ForyReduceCodec *c, PyObject *o, ForyLate *late)
{
    int rc;
    Py_INCREF(o); /* to look at the class may run Python code */
    rc = is_checked(w, c);
    if (rc <= 0) {
        rc = rc < 0 ? -1 : fory_native_write_by_protocol(w, o);
    }
    else {
        Py_SET_REFCNT(o, Py_REFCNT(o) - 1);
        rc = fory_native_open_instance(w, o, late);
        Py_SET_REFCNT(o, Py_REFCNT(o) + 1);
        rc = rc != 0 ? (rc < 0 ? -1 : 0) : fory_write_pin(w) < 0 ? -1 : 1;
    }
    Py_DECREF(o);
    return rc;
}

/* Something else holds o since its method was called, a bound method among its parts, say, so that it is
 * met again: as fory_native_open. */
static FORY_NOINLINE int
open_after_all(ForyWriteCtx *w, PyObject *o, ForyLate *late)
{
    late->start = (size_t)(w->out.pos - w->out.start) - w->native->base;
    return fory_native_open_slow(w, o, late);
}

/* Whether that is so. o was held by one owner, and is by its writer. */
FORY_INLINE int
is_held_now(const ForyWriteCtx *w, PyObject *o, const ForyLate *late)
{
    return FORY_UNLIKELY(Py_REFCNT(o) > 2) && w->track_ref && !late->tracked;
}

/* The parts of a tuple that the method of o made for nobody else, behind their head at p: 1 / -1. */
FORY_INLINE int
write_own_parts(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, uint8_t *p, PyObject *tuple, int levels)
{
    int rc;
    w->depth += levels - 1;
    if (FORY_UNLIKELY(fory_write_enter(w) < 0)) {
        w->depth -= levels - 1;
        return -1;
    }
    rc = write_parts(w, p, tuple, 0, c->method != NULL && w->track_ref ? o : NULL);
    w->depth -= levels;
    return rc < 0 ? -1 : 1;
}

/* NEWOBJ_X of a class with a number, whose state is a small tuple: 1, 0 when it is not, -1. */
FORY_INLINE int
write_usual_state(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *state)
{
    size_t n;
    uint8_t *p;
    if (FORY_UNLIKELY(!PyTuple_CheckExact(state)) || FORY_UNLIKELY((n = (size_t)PyTuple_GET_SIZE(state)) - 1 >= FORY_N_SMALL - 1) ||
        FORY_UNLIKELY(Py_REFCNT(state) != 1)) {
        return 0;
    }
    p = fory_native_plain_room(w, w->out.pos, 8);
    if (FORY_UNLIKELY(p == NULL)) {
        return -1;
    }
    fory_store64(p, w->native->usual_head | (uint64_t)(FORY_N_TUPLE + n) << 32);
    return write_own_parts(w, c, o, p + 5, state, 2);
}

/* The same for any state. */
static FORY_NOINLINE int
write_any_state(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *state, ForyLate *late)
{
    int rc = -1, has_state = state != Py_None;
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    if (fory_room(w, 2) == 0) {
        fory_put_u8(&w->out, has_state ? FORY_N_NEWOBJ_X : FORY_N_NEWOBJ);
        if (has_state) {
            fory_put_u8(&w->out, FORY_REDUCE_STATE);
        }
        rc = fory_native_write_global(w, (PyObject *)c->type) < 0 || fory_native_tag(w, 0) < 0 ||
                     fory_native_close(w, o, late) < 0 ? -1
             : late->again ? drop_rest(w, late, has_state)
             : !has_state  ? 0
                           : fory_native_write(w, state);
    }
    if (rc == 0) {
        learn(w, c, (PyObject *)c->type);
    }
    w->depth--;
    return rc;
}

/* o by its own method, which runs Python code: for what comes from a class that was looked at last there is a
 * short way, which may decline (0), and a general one. */
FORY_INLINE int
write_by_method(ForyWriteCtx *w, const ForyCodec *base, PyObject *o,
                int (*write_usual)(ForyWriteCtx *, const ForyReduceCodec *, PyObject *, PyObject *),
                int (*write_any)(ForyWriteCtx *, const ForyReduceCodec *, PyObject *, PyObject *, ForyLate *))
{
    ForyReduceCodec *c = (ForyReduceCodec *)base;
    PyObject *given;
    ForyLate late = {0, 0, 0, 0};
    int usual = is_usual(w, base, o), rc;
    if (FORY_UNLIKELY(!usual)) {
        rc = begin_method(w, c, o, &late);
        if (rc <= 0) {
            return rc;
        }
    }
    Py_INCREF(o);
    given = call_method(c, o);
    rc = FORY_UNLIKELY(given == NULL) ? -1
         : is_held_now(w, o, &late)   ? open_after_all(w, o, &late)
         : FORY_LIKELY(usual)         ? write_usual(w, c, o, given)
                                      : 0;
    if (FORY_UNLIKELY(rc == 0)) {
        rc = write_any(w, c, o, given, &late);
    }
    fory_native_abandon(w, &late);
    Py_XDECREF(given);
    Py_DECREF(o);
    return rc < 0 ? -1 : 0;
}

/* A class with __getstate__ and object's own reduce methods: they would give
 * copyreg.__newobj__, (cls,) and the state. */
static int
write_stateful(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    return write_by_method(w, c, o, write_usual_state, write_any_state);
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
        rc = fory_native_open_instance(w, o, &late);
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

/* REDUCE with the callable that has a number, and nothing but arguments: 1, 0 when it is not, -1. */
FORY_INLINE int
write_usual_call(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *reduced)
{
    PyObject *args;
    uint8_t *p;
    if (FORY_UNLIKELY(!PyTuple_CheckExact(reduced)) || FORY_UNLIKELY(PyTuple_GET_SIZE(reduced) != 2) ||
        FORY_UNLIKELY(PyTuple_GET_ITEM(reduced, 0) != w->native->usual_callable)) {
        return 0;
    }
    args = PyTuple_GET_ITEM(reduced, 1);
    if (FORY_UNLIKELY(!PyTuple_CheckExact(args)) || FORY_UNLIKELY(PyTuple_GET_SIZE(args) >= 128) ||
        FORY_UNLIKELY(Py_REFCNT(args) != 1) || FORY_UNLIKELY(Py_REFCNT(reduced) != 1)) {
        return 0;
    }
    p = fory_native_plain_room(w, w->out.pos, 4);
    if (FORY_UNLIKELY(p == NULL)) {
        return -1;
    }
    fory_store32(p, w->native->usual_head | (uint32_t)PyTuple_GET_SIZE(args) << 24);
    return write_own_parts(w, c, o, p + 4, args, 1);
}

/* The same for any result of __reduce__. */
static FORY_NOINLINE int
write_any_call(ForyWriteCtx *w, const ForyReduceCodec *c, PyObject *o, PyObject *reduced, ForyLate *late)
{
    PyObject *callable;
    if (PyUnicode_Check(reduced)) {
        return fory_native_write_named(w, o, reduced);
    }
    if (write_result(w, o, reduced, late) < 0) {
        return -1;
    }
    callable = PyTuple_GET_ITEM(reduced, 0);
    if ((PyType_Check(callable) || PyFunction_Check(callable)) && callable != w->engine->native->newobj &&
        callable != w->engine->native->newobj_ex) {
        learn(w, c, callable);
    }
    return 0;
}

/* A class with its own __reduce__, which object's __reduce_ex__ would call. */
static int
write_reducing(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    return write_by_method(w, c, o, write_usual_call, write_any_call);
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
    c->method = find_method(e, c);
    c->serial = e->native->n_object_codecs++;
    return &c->base;
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
    rc = fory_native_tag_n(w, FORY_N_CODE, kind) < 0 || write_arguments(w, header, 0) < 0 ||
                 write_arguments(w, args, 0) < 0 || fory_native_close(w, o, late) < 0
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
