/* The reduce protocol, enums, and code by value, reading.
 *
 * Callables and classes come from fory_native_read_global or were values of the
 * message; with strict mode or a policy each call is asked for first
 * (pyfory.native.registry). */
#include "native/native.h"

static int
read_bits(ForyReadCtx *r, unsigned *bits)
{
    uint8_t b;
    if (fory_get_u8(&r->in, &b) != FORY_OK) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    if (b & ~FORY_REDUCE_ALL) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "reduce bits 0x%x", (unsigned)b);
        return -1;
    }
    *bits = b;
    return 0;
}

/* count and values as a new tuple with `first` (borrowed, may be NULL) in front */
static PyObject *
read_arguments(ForyReadCtx *r, PyObject *first)
{
    PyObject *args;
    size_t n;
    Py_ssize_t at = first != NULL;
    if (fory_native_count(r, &n) < 0 || fory_charge(r, 24 + 8 * (int64_t)n) < 0) {
        return NULL;
    }
    args = PyTuple_New((Py_ssize_t)n + at);
    if (args == NULL) {
        return NULL;
    }
    if (first != NULL) {
        PyTuple_SET_ITEM(args, 0, Py_NewRef(first));
    }
    for (; at < PyTuple_GET_SIZE(args); at++) {
        PyObject *v = fory_native_read(r);
        if (v == NULL) {
            Py_DECREF(args);
            return NULL;
        }
        PyTuple_SET_ITEM(args, at, v);
    }
    return args;
}

static int
is_checked(const ForyReadCtx *r)
{
    return r->native->guarded || r->engine->strict;
}

/* Somebody looks at what is named: failures of what a damaged message does are ours. */
static int
is_watched(const ForyReadCtx *r)
{
    return is_checked(r) || r->native->find_class != NULL;
}

/* callable(*args), through the registry where calls are watched */
static PyObject *
call(ForyReadCtx *r, PyObject *callable, PyObject *args, PyObject *kwargs)
{
    if (FORY_UNLIKELY(is_checked(r))) {
        return PyObject_CallMethod(r->engine->registry, "call_reduce", "OOO", callable, args,
                                   kwargs == NULL ? Py_None : kwargs);
    }
    if (!PyCallable_Check(callable)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "%s is not callable", Py_TYPE(callable)->tp_name);
    }
    return PyObject_Call(callable, args, kwargs);
}

/* cls.__new__(*args) with cls in front of args */
static PyObject *
call_new(ForyReadCtx *r, PyObject *cls, PyObject *args, PyObject *kwargs)
{
    PyObject *method, *result;
    if (!PyType_Check(cls)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a class", Py_TYPE(cls)->tp_name);
    }
    if (FORY_UNLIKELY(is_checked(r))) {
        return PyObject_CallMethod(r->engine->registry, "call_new", "OOO", cls, args,
                                   kwargs == NULL ? Py_None : kwargs);
    }
    if (((PyTypeObject *)cls)->tp_new == PyBaseObject_Type.tp_new && PyTuple_GET_SIZE(args) == 1 && kwargs == NULL) {
        return PyBaseObject_Type.tp_new((PyTypeObject *)cls, r->st->empty_tuple, NULL);
    }
    method = PyObject_GetAttr(cls, r->engine->native->str_new);
    if (method == NULL) {
        return NULL;
    }
    result = PyObject_Call(method, args, kwargs);
    Py_DECREF(method);
    if (result == NULL && r->native->find_class != NULL) {
        /* a damaged message gave it arguments that it does not take */
        fory_native_misfit(r, cls);
    }
    return result;
}

/* ---- items and state --------------------------------------------------------------------- */

/* Chunks of values until an empty one. */
static int
read_items(ForyReadCtx *r, PyObject *o)
{
    PyObject *chunk = NULL, *extend = NULL, *rc = NULL;
    size_t n;
    for (;;) {
        if (fory_native_count(r, &n) < 0 || fory_charge(r, 8 * (int64_t)n) < 0) {
            return -1;
        }
        if (n == 0) {
            return 0;
        }
        chunk = PyList_New(0);
        for (size_t i = 0; i < n; i++) {
            PyObject *v = chunk == NULL ? NULL : fory_native_read(r);
            int bad = v == NULL || PyList_Append(chunk, v) < 0;
            Py_XDECREF(v);
            if (bad) {
                Py_XDECREF(chunk);
                return -1;
            }
        }
        extend = PyObject_GetAttrString(o, "extend");
        if (extend != NULL) {
            rc = PyObject_CallFunctionObjArgs(extend, chunk, NULL);
        }
        else if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            for (Py_ssize_t i = 0; i < PyList_GET_SIZE(chunk); i++) {
                Py_XDECREF(rc);
                rc = PyObject_CallMethod(o, "append", "(O)", PyList_GET_ITEM(chunk, i));
                if (rc == NULL) {
                    break;
                }
            }
        }
        Py_CLEAR(chunk);
        Py_CLEAR(extend);
        if (rc == NULL) {
            if (is_watched(r)) {
                fory_native_misfit(r, o);
            }
            return -1;
        }
        Py_CLEAR(rc);
    }
}

static int
read_pairs(ForyReadCtx *r, PyObject *o)
{
    size_t n;
    for (;;) {
        if (fory_native_count(r, &n) < 0 || fory_charge(r, 16 * (int64_t)n) < 0) {
            return -1;
        }
        if (n == 0) {
            return 0;
        }
        for (size_t i = 0; i < n; i++) {
            PyObject *key = fory_native_read(r), *value = key == NULL ? NULL : fory_native_read(r);
            int rc = value == NULL ? -1 : PyObject_SetItem(o, key, value);
            if (rc < 0 && value != NULL && is_watched(r)) {
                fory_native_misfit(r, o);
            }
            Py_XDECREF(key);
            Py_XDECREF(value);
            if (rc < 0) {
                return -1;
            }
        }
    }
}

/* The keys of a state dict become attribute names: interned, as CPython's own are. */
static int
update_dict(ForyReadCtx *r, PyObject *o, PyObject *state)
{
    PyObject *dict = PyObject_GetAttrString(o, "__dict__"), *key, *value;
    Py_ssize_t position = 0;
    int rc = 0;
    if (dict == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            fory_raise(r->st, FORY_E_INVALID_DATA, "%s has no place for attributes", Py_TYPE(o)->tp_name);
        }
        return -1;
    }
    while (rc == 0 && PyDict_Next(state, &position, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        if (PyUnicode_CheckExact(key)) {
            PyUnicode_InternInPlace(&key);
        }
        rc = PyObject_SetItem(dict, key, value);
        Py_DECREF(key);
        Py_DECREF(value);
    }
    Py_DECREF(dict);
    return rc;
}

/* 1 when o has no attributes of its own, which would hide those of its class. */
static int
is_blank(ForyReadCtx *r, PyObject *o)
{
#if FORY_INLINE_VALUES
    PyTypeObject *type = Py_TYPE(o);
    uint8_t order[FORY_MAX_INLINE];
    return r->st->inline_values_ok && type->tp_getattro == PyObject_GenericGetAttr && fory_has_inline_values(type) &&
           fory_inline_values(o) != NULL && fory_inline_order(o, order) == 0;
#else
    (void)r;
    (void)o;
    return 0;
#endif
}

static int
apply_state(ForyReadCtx *r, PyObject *o, PyObject *state)
{
    PyObject *setstate, *slots = NULL, *rc = NULL, *key, *value;
    Py_ssize_t position = 0;
    if (FORY_UNLIKELY(is_checked(r))) {
        rc = PyObject_CallMethod(r->engine->registry, "apply_state", "OO", o, state);
        Py_XDECREF(rc);
        return rc == NULL ? -1 : 0;
    }
    setstate = _PyType_Lookup(Py_TYPE(o), r->engine->native->str_setstate);
    if (setstate != NULL) {
        if (PyFunction_Check(setstate) && is_blank(r, o)) {
            PyObject *args[2] = {o, state};
            Py_INCREF(setstate);
            rc = PyObject_Vectorcall(setstate, args, 2, NULL);
            Py_DECREF(setstate);
        }
        else {
            rc = PyObject_CallMethodObjArgs(o, r->engine->native->str_setstate, state, NULL);
        }
        Py_XDECREF(rc);
        return rc == NULL ? -1 : 0;
    }
    setstate = PyObject_GetAttr(o, r->engine->native->str_setstate);
    if (setstate != NULL) {
        rc = PyObject_CallFunctionObjArgs(setstate, state, NULL);
        Py_DECREF(setstate);
        Py_XDECREF(rc);
        return rc == NULL ? -1 : 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    if (PyTuple_Check(state) && PyTuple_GET_SIZE(state) == 2) {
        slots = PyTuple_GET_ITEM(state, 1);
        state = PyTuple_GET_ITEM(state, 0);
    }
    if (state != Py_None) {
        int some;
        if (!PyDict_Check(state)) {
            some = PyObject_IsTrue(state);
            if (some != 0) {
                if (some > 0) {
                    fory_raise(r->st, FORY_E_INVALID_DATA, "the state of a %s is not a dict", Py_TYPE(o)->tp_name);
                }
                return -1;
            }
        }
        else if (PyDict_GET_SIZE(state) > 0 && update_dict(r, o, state) < 0) {
            return -1;
        }
    }
    if (slots != NULL && slots != Py_None) {
        if (!PyDict_Check(slots)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "the slot state of a %s is not a dict", Py_TYPE(o)->tp_name);
            return -1;
        }
        while (PyDict_Next(slots, &position, &key, &value)) {
            int bad;
            Py_INCREF(key);
            Py_INCREF(value);
            bad = PyObject_SetAttr(o, key, value);
            Py_DECREF(key);
            Py_DECREF(value);
            if (bad < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* o is borrowed; gives the object to use, new reference. */
static PyObject *
read_rest(ForyReadCtx *r, PyObject *o, unsigned bits)
{
    PyObject *state = NULL, *setter = NULL, *rc = NULL, *args;
    if (FORY_UNLIKELY(is_checked(r)) && (PyType_Check(o) || PyModule_Check(o) || PyFunction_Check(o) || PyCFunction_Check(o))) {
        /* a numbered object put in place of the one that was made: what the
         * whole process uses does not change under a message */
        return fory_raise(r->st, FORY_E_INVALID_DATA, "state for a %s", Py_TYPE(o)->tp_name);
    }
    if ((bits & FORY_REDUCE_ITEMS) && read_items(r, o) < 0) {
        return NULL;
    }
    if ((bits & FORY_REDUCE_PAIRS) && read_pairs(r, o) < 0) {
        return NULL;
    }
    if ((bits & FORY_REDUCE_SETTER) && (setter = fory_native_read(r)) == NULL) {
        return NULL;
    }
    if (bits & FORY_REDUCE_STATE) {
        state = fory_native_read(r);
        if (state == NULL) {
            goto error;
        }
        if (setter != NULL) {
            args = PyTuple_Pack(2, o, state);
            rc = args == NULL ? NULL : call(r, setter, args, NULL);
            Py_XDECREF(args);
            if (rc == NULL) {
                goto error;
            }
            Py_CLEAR(rc);
        }
        else if (apply_state(r, o, state) < 0) {
            goto error;
        }
    }
    Py_XDECREF(setter);
    Py_XDECREF(state);
    if (FORY_UNLIKELY(r->native->guarded)) {
        return PyObject_CallMethod(r->engine->registry, "inspect_reduced", "(O)", o);
    }
    return Py_NewRef(o);
error:
    Py_XDECREF(setter);
    Py_XDECREF(state);
    return NULL;
}

PyObject *
fory_native_read_reduce(ForyReadCtx *r, int tag)
{
    Py_ssize_t id = fory_ref_take(r);
    int named;
    PyObject *callable = NULL, *args = NULL, *kwargs = NULL, *o = NULL, *result;
    unsigned bits = 0;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    if (tag != FORY_N_REDUCE && tag != FORY_N_NEWOBJ && read_bits(r, &bits) < 0) {
        goto error;
    }
    if (tag == FORY_N_REDUCE || tag == FORY_N_REDUCE_X) {
        callable = fory_native_read(r);
        if (callable == NULL || (args = read_arguments(r, NULL)) == NULL) {
            goto error;
        }
        o = call(r, callable, args, NULL);
    }
    else {
        callable = fory_native_read_global(r, &named);
        if (callable == NULL) {
            goto error;
        }
        if (tag != FORY_N_NEWOBJ_EX && fory_left(&r->in) > 0 && *r->in.pos == 0 && !is_checked(r) && PyType_Check(callable) &&
            ((PyTypeObject *)callable)->tp_new == PyBaseObject_Type.tp_new) {
            /* object.__new__ and nothing for it */
            r->in.pos++;
            o = fory_charge(r, 24) < 0 ? NULL : PyBaseObject_Type.tp_new((PyTypeObject *)callable, r->st->empty_tuple, NULL);
            goto made;
        }
        if ((args = read_arguments(r, callable)) == NULL) {
            goto error;
        }
        if (tag == FORY_N_NEWOBJ_EX) {
            kwargs = fory_native_read(r);
            if (kwargs == NULL) {
                goto error;
            }
            if (!PyDict_CheckExact(kwargs)) {
                fory_raise(r->st, FORY_E_INVALID_DATA, "%s as keyword arguments", Py_TYPE(kwargs)->tp_name);
                goto error;
            }
            PyObject *key, *value;
            Py_ssize_t position = 0;
            while (PyDict_Next(kwargs, &position, &key, &value)) {
                if (!PyUnicode_Check(key)) {
                    fory_raise(r->st, FORY_E_INVALID_DATA, "%s as the name of an argument", Py_TYPE(key)->tp_name);
                    goto error;
                }
            }
        }
        o = call_new(r, callable, args, kwargs);
    }
made:
    if (o == NULL) {
        goto error;
    }
    Py_CLEAR(callable);
    Py_CLEAR(args);
    Py_CLEAR(kwargs);
    o = fory_native_settle(r, id, o);
    if (o == NULL) {
        goto error;
    }
    result = bits ? read_rest(r, o, bits)
             : FORY_UNLIKELY(r->native->guarded)
                 ? PyObject_CallMethod(r->engine->registry, "inspect_reduced", "(O)", o)
                 : Py_NewRef(o);
    if (result != NULL && result != o && id >= 0) {
        /* a policy put another object in its place */
        Py_INCREF(result);
        Py_SETREF(r->refs[id], result);
    }
    Py_DECREF(o);
    r->depth--;
    return result;
error:
    Py_XDECREF(callable);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    r->depth--;
    return NULL;
}

/* ---- enums ----------------------------------------------------------------------------------- */

void
fory_native_flush_enums(ForyNativeEngine *n)
{
    for (size_t i = 0; i < FORY_ENUM_CLASSES; i++) {
        ForyEnumClass old = n->enums[i];
        n->enums[i] = (ForyEnumClass){NULL, NULL, 0, 0};
        Py_XDECREF((PyObject *)old.cls);
        Py_XDECREF(old.members);
    }
}

static ForyEnumClass *
enum_place(ForyNativeEngine *n, PyTypeObject *cls)
{
    return &n->enums[fory_pointer_hash(cls) % FORY_ENUM_CLASSES];
}

/* Members by value when calling the class would look there: borrowed, or NULL. */
static PyObject *
known_members(ForyNativeEngine *n, PyTypeObject *cls)
{
    const ForyEnumClass *known = enum_place(n, cls);
    return known->cls == cls && known->version == fory_type_version(cls) &&
                   known->meta_version == fory_type_version(Py_TYPE(cls))
               ? known->members
               : NULL;
}

/* The function behind a __new__ that may be in a staticmethod; borrowed. */
static PyObject *
new_function(ForyNativeEngine *n, PyTypeObject *cls)
{
    PyObject *v = _PyType_Lookup(cls, n->str_new), *function;
    if (v == NULL || Py_TYPE(v) != &PyStaticMethod_Type) {
        return v;
    }
    function = PyObject_GetAttrString(v, "__func__");
    if (function == NULL) {
        PyErr_Clear();
        return v;
    }
    Py_DECREF(function); /* the staticmethod owns it */
    return function;
}

/* Keeps an enum class that can be called only as Enum's own methods say. */
static void
learn_members(ForyReadCtx *r, PyTypeObject *cls)
{
    ForyNativeEngine *n = r->engine->native;
    PyTypeObject *base = (PyTypeObject *)r->st->enum_Enum;
    PyObject *members = _PyType_Lookup(cls, n->str_members);
    ForyEnumClass *place = enum_place(n, cls), old = *place;
    if (members == NULL || !PyDict_CheckExact(members) ||
        new_function(n, cls) != new_function(n, base) ||
        _PyType_Lookup(Py_TYPE(cls), n->str_call) != _PyType_Lookup(Py_TYPE(base), n->str_call) ||
        fory_type_version(cls) == 0 || fory_type_version(Py_TYPE(cls)) == 0) {
        return;
    }
    Py_INCREF(cls);
    Py_INCREF(members);
    *place = (ForyEnumClass){cls, members, fory_type_version(cls), fory_type_version(Py_TYPE(cls))};
    Py_XDECREF((PyObject *)old.cls);
    Py_XDECREF(old.members);
}

PyObject *
fory_native_read_enum(ForyReadCtx *r)
{
    PyObject *cls, *value = NULL, *member = NULL, *members;
    Py_ssize_t count;
    int named, ok;
    if (fory_import_once(&r->st->enum_Enum, "enum", "Enum") < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    cls = fory_native_read_global(r, &named);
    if (cls == NULL) {
        goto done;
    }
    if (PyType_Check(cls) && known_members(r->engine->native, (PyTypeObject *)cls) != NULL) {
        value = fory_native_read(r);
        /* that may have run anything */
        members = value == NULL ? NULL : known_members(r->engine->native, (PyTypeObject *)cls);
        if (members != NULL && (PyLong_CheckExact(value) || PyUnicode_CheckExact(value))) {
            member = PyDict_GetItemWithError(members, value);
            if (member != NULL) {
                Py_INCREF(member);
                goto done;
            }
            PyErr_Clear();
        }
        if (value == NULL) {
            goto done;
        }
    }
    ok = PyType_Check(cls) ? PyObject_IsSubclass(cls, r->st->enum_Enum) : 0;
    if (ok <= 0) {
        if (ok == 0) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of an enum class", Py_TYPE(cls)->tp_name);
        }
        goto done;
    }
    count = PyObject_Size(cls);
    if (count <= 0) {
        /* calling a class without members would make another class */
        if (count == 0) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "enum class %s has no members", ((PyTypeObject *)cls)->tp_name);
        }
        goto done;
    }
    if (value == NULL && (value = fory_native_read(r)) == NULL) {
        goto done;
    }
    member = PyObject_CallFunctionObjArgs(cls, value, NULL);
    if (member != NULL) {
        learn_members(r, (PyTypeObject *)cls);
    }
    else if (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        fory_raise(r->st, FORY_E_ENUM, "%R is not a value of %s", value, ((PyTypeObject *)cls)->tp_name);
    }
done:
    r->depth--;
    Py_XDECREF(cls);
    Py_XDECREF(value);
    return member;
}

/* ---- functions, classes, modules by value ------------------------------------------------------ */

/* How a record is made: by pyfory.native.code directly, or, where somebody is to be
 * asked, through the registry. */
typedef struct Maker {
    PyObject *authorize, *build, *finish, *policy; /* borrowed; NULL through the registry */
    uint64_t kind;
} Maker;

static int
find_maker(ForyReadCtx *r, uint64_t kind, Maker *m)
{
    PyObject *build;
    *m = (Maker){.kind = kind};
    if (is_checked(r) || r->native->find_class != NULL) {
        return 0;
    }
    build = fory_native_code_part(r->engine, FORY_CODE_BUILD);
    if (build == NULL) {
        return -1;
    }
    if (kind >= (uint64_t)PyTuple_GET_SIZE(build) || PyTuple_GET_ITEM(build, kind) == Py_None) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "unknown kind of code: %llu", (unsigned long long)kind);
        return -1;
    }
    m->build = PyTuple_GET_ITEM(build, kind);
    m->authorize = PyTuple_GET_ITEM(fory_native_code_part(r->engine, FORY_CODE_AUTHORIZE), kind);
    m->finish = PyTuple_GET_ITEM(fory_native_code_part(r->engine, FORY_CODE_FINISH), kind);
    m->policy = fory_native_code_part(r->engine, FORY_CODE_POLICY);
    return 0;
}

/* Does a header end with the version of this Python and its bytecode? */
static int
is_of_this_python(ForyReadCtx *r, PyObject *header, Py_ssize_t size)
{
    PyObject *python, *magic;
    if (PyTuple_GET_SIZE(header) != size) {
        return 0;
    }
    python = PyTuple_GET_ITEM(header, size - 2);
    magic = PyTuple_GET_ITEM(header, size - 1);
    return PyUnicode_CheckExact(python) && PyLong_CheckExact(magic) &&
           PyUnicode_Compare(python, fory_native_code_part(r->engine, FORY_CODE_PYTHON)) == 0 &&
           PyObject_RichCompareBool(magic, fory_native_code_part(r->engine, FORY_CODE_MAGIC), Py_EQ) == 1;
}

/* Asks whether the record may be read, before anything of its body is. 0 / -1. */
static int
authorize(ForyReadCtx *r, const Maker *m, PyObject *header, PyObject *session)
{
    PyObject *rc;
    if (m->build == NULL) {
        if (r->native->find_class != NULL) {
            rc = PyObject_CallMethod(r->engine->registry, "ask_find_class", "KOO", (unsigned long long)m->kind, header,
                                     r->native->find_class);
            if (rc == NULL) {
                return -1;
            }
            Py_DECREF(rc);
        }
        rc = PyObject_CallMethod(r->engine->registry, "authorize_code", "KOO", (unsigned long long)m->kind, header,
                                 session);
    }
    else {
        if (m->authorize == Py_None ||
            (m->kind == FORY_CODE_OBJECT && is_of_this_python(r, header, 3)) ||
            ((m->kind == FORY_CODE_FUNCTION || m->kind == FORY_CODE_FUNCTION_SHELL) && is_of_this_python(r, header, 5))) {
            return 0;
        }
        rc = PyObject_CallFunctionObjArgs(m->authorize, header, m->policy, NULL);
    }
    Py_XDECREF(rc);
    return rc == NULL ? -1 : 0;
}

/* A code object of its fields when they are as they should be, else NULL; an exception is no matter. */
static PyObject *
build_code_object(ForyReadCtx *r, PyObject *args)
{
    PyObject *kinds = fory_native_code_part(r->engine, FORY_CODE_KINDS), *code;
    if (PyTuple_GET_SIZE(args) != PyTuple_GET_SIZE(kinds)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
        PyObject *field = PyTuple_GET_ITEM(args, i);
        if ((PyObject *)Py_TYPE(field) != PyTuple_GET_ITEM(kinds, i)) {
            return NULL;
        }
        if (PyUnicode_CheckExact(field)) {
            /* the compiler interns names; with the same ones shared, the copy gives the same bytes again */
            PyUnicode_InternInPlace(&field);
            PyTuple_SET_ITEM(args, i, field);
        }
    }
    code = PyObject_Call((PyObject *)&PyCode_Type, args, NULL);
    if (code == NULL) {
        PyErr_Clear();
    }
    return code;
}

static PyObject *
build(ForyReadCtx *r, const Maker *m, PyObject *header, PyObject *args, PyObject *session)
{
    if (m->build == NULL) {
        return PyObject_CallMethod(r->engine->registry, "build_code", "KOOO", (unsigned long long)m->kind, header, args,
                                   session);
    }
    if (m->kind == FORY_CODE_OBJECT) {
        PyObject *code = build_code_object(r, args);
        if (code != NULL) {
            return code;
        }
    }
    return PyObject_CallFunctionObjArgs(m->build, header, args, m->policy, session, NULL);
}

/* New reference to the object to use. */
static PyObject *
finish(ForyReadCtx *r, const Maker *m, PyObject *o, PyObject *state, PyObject *session)
{
    if (m->finish == Py_None || (m->kind == FORY_CODE_FUNCTION && m->build != NULL && state == r->st->empty_tuple)) {
        return Py_NewRef(o);
    }
    if (m->build == NULL) {
        return PyObject_CallMethod(r->engine->registry, "finish_code", "KOOO", (unsigned long long)m->kind, o, state,
                                   session);
    }
    return PyObject_CallFunctionObjArgs(m->finish, o, state, m->policy, session, NULL);
}

PyObject *
fory_native_read_code(ForyReadCtx *r)
{
    Py_ssize_t id = fory_ref_take(r);
    PyObject *header = NULL, *args = NULL, *state = NULL, *o = NULL, *result = NULL, *session;
    uint64_t kind;
    Maker maker;
    int status = fory_get_vu64(&r->in, &kind);
    if (status != FORY_OK) {
        fory_read_bad(r, status);
        return NULL;
    }
    if (find_maker(r, kind, &maker) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    session = fory_native_session(r->engine, &r->native->session, FORY_CODE_READING);
    if (session == NULL || (header = read_arguments(r, NULL)) == NULL || authorize(r, &maker, header, session) < 0 ||
        (args = read_arguments(r, NULL)) == NULL || (o = build(r, &maker, header, args, session)) == NULL) {
        goto done;
    }
    o = fory_native_settle(r, id, o);
    if (o == NULL || (state = fory_native_read(r)) == NULL) {
        goto done;
    }
    result = finish(r, &maker, o, state, session);
    if (result != NULL && result != o && id >= 0) {
        Py_INCREF(result);
        Py_SETREF(r->refs[id], result);
    }
done:
    r->depth--;
    Py_XDECREF(header);
    Py_XDECREF(args);
    Py_XDECREF(state);
    Py_XDECREF(o);
    return result;
}
