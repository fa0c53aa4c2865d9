/* Instances whose state is their attributes, reading.
 *
 * A shape is compiled once per class and list of names: where each value goes
 * (slot, inline value, attribute or dict) and how the instance is made. As
 * pickle does, attributes go into the instance's own storage, past properties
 * and __setattr__; a class with __setstate__ gets its state handed over. */
#include "native/native.h"

/* ---- compiling ------------------------------------------------------------------------ */

void
fory_native_shape_release(ForyReadShape *s)
{
    if (s == NULL || --s->uses > 0) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        Py_XDECREF(s->names[i]);
    }
    Py_XDECREF(s->key);
    Py_XDECREF((PyObject *)s->cls);
    PyMem_Free(s);
}

void
fory_native_flush_shapes(ForyNativeEngine *n)
{
    ForyReadShape **slots = n->read_shapes;
    size_t mask = n->read_shape_mask;
    n->read_shapes = NULL;
    n->read_shape_mask = n->n_read_shapes = 0;
    for (size_t i = 0; slots != NULL && i <= mask; i++) {
        fory_native_shape_release(slots[i]);
    }
    PyMem_Free(slots);
}

static int
malformed(ForyReadCtx *r)
{
    fory_raise(r->st, FORY_E_INVALID_DATA, "malformed list of attribute names");
    return -1;
}

/* Fills names, n and n_slots from the bytes of a definition. 0 / -1. */
static int
parse_names(ForyReadCtx *r, ForyReadShape *s, const uint8_t *p, size_t size)
{
    fory_reader in = {p, p + size, p, NULL};
    uint8_t n, n_slots;
    if (fory_get_u8(&in, &n) != FORY_OK || fory_get_u8(&in, &n_slots) != FORY_OK || n > FORY_MAX_ATTRIBUTES || n_slots > n) {
        return malformed(r);
    }
    for (; s->n < n; s->n++) {
        uint64_t length;
        PyObject *name;
        if (fory_get_vu64(&in, &length) != FORY_OK || length > fory_left(&in)) {
            return malformed(r);
        }
        name = PyUnicode_DecodeUTF8((const char *)in.pos, (Py_ssize_t)length, NULL);
        if (name == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
                return -1;
            }
            PyErr_Clear();
            return malformed(r);
        }
        PyUnicode_InternInPlace(&name);
        in.pos += length;
        for (size_t i = 0; i < s->n; i++) {
            if (s->names[i] == name) {
                Py_DECREF(name);
                return malformed(r);
            }
        }
        s->names[s->n] = name;
    }
    if (in.pos != in.end) {
        return malformed(r);
    }
    s->n_slots = n_slots;
    return 0;
}

static ForyReadShape *
compile_shape(ForyReadCtx *r, PyTypeObject *cls, const uint8_t *p, size_t size)
{
    ForyReadShape *s = PyMem_Calloc(1, sizeof(*s));
    PyObject *dict_names[FORY_MAX_ATTRIBUTES];
    int plain = 1;
    if (s == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    s->uses = 1;
    s->cls = (PyTypeObject *)Py_NewRef((PyObject *)cls);
    s->version = fory_type_version(cls);
    if (parse_names(r, s, p, size) < 0) {
        fory_native_shape_release(s);
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++) {
        s->offsets[i] = fory_slot_offset(cls, s->names[i]);
        if (s->offsets[i] <= 0) {
            s->offsets[i] = 0;
            plain = plain && fory_plain_attribute(cls, s->names[i]);
            dict_names[s->n_dict] = s->names[i];
            s->order[s->n_dict++] = (uint8_t)i;
        }
    }
    s->direct = cls->tp_new == PyBaseObject_Type.tp_new;
    if (_PyType_Lookup(cls, r->engine->native->str_setstate) != NULL) {
        s->fill = FORY_FILL_STATE;
    }
#if FORY_INLINE_VALUES
    else if (plain && s->direct && s->n_dict > 0 && fory_inline_probe(r->st, cls, dict_names, s->n_dict, s->index)) {
        s->fill = FORY_FILL_INLINE;
    }
#endif
#if PY_VERSION_HEX >= 0x030B0000
    else if (plain && !s->direct) {
        /* set one by one they may still become inline values; where those have no
         * room for these names, a dict at once is cheaper than after each attempt */
        s->fill = FORY_FILL_ATTRIBUTES;
    }
#endif
    else {
        s->fill = FORY_FILL_DICT;
    }
    (void)dict_names;
    return s;
}

/* ---- cache ------------------------------------------------------------------------------ */

static ForyReadShape *
cached_shape(ForyNativeEngine *n, uint64_t hash, const PyTypeObject *cls, const uint8_t *p, size_t size)
{
    for (size_t i = hash & n->read_shape_mask; n->read_shapes != NULL && n->read_shapes[i] != NULL;
         i = (i + 1) & n->read_shape_mask) {
        ForyReadShape *s = n->read_shapes[i];
        if (s->hash == hash && s->cls == cls && s->version != 0 && s->version == fory_type_version(s->cls) &&
            (size_t)PyBytes_GET_SIZE(s->key) == size && memcmp(PyBytes_AS_STRING(s->key), p, size) == 0) {
            return s;
        }
    }
    return NULL;
}

static int
cache_shape(ForyNativeEngine *n, ForyReadShape *s)
{
    if (n->n_read_shapes >= 1024) {
        fory_native_flush_shapes(n);
    }
    if (n->read_shapes == NULL || (n->n_read_shapes + 1) * 2 > n->read_shape_mask + 1) {
        size_t cap = n->read_shapes == NULL ? 32 : (n->read_shape_mask + 1) * 2;
        ForyReadShape **slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; n->read_shapes != NULL && i <= n->read_shape_mask; i++) {
            if (n->read_shapes[i] != NULL) {
                size_t j = n->read_shapes[i]->hash & (cap - 1);
                while (slots[j] != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = n->read_shapes[i];
            }
        }
        PyMem_Free(n->read_shapes);
        n->read_shapes = slots;
        n->read_shape_mask = cap - 1;
    }
    size_t i = s->hash & n->read_shape_mask;
    while (n->read_shapes[i] != NULL) {
        i = (i + 1) & n->read_shape_mask;
    }
    s->uses++;
    n->read_shapes[i] = s;
    n->n_read_shapes++;
    return 0;
}

/* ---- instances ---------------------------------------------------------------------------- */

static PyObject *
new_instance(ForyReadCtx *r, const ForyReadShape *s)
{
    PyObject *o;
    if (FORY_UNLIKELY(r->native->guarded)) {
        PyObject *rc = PyObject_CallMethod(r->engine->registry, "authorize_instantiation", "(O)", (PyObject *)s->cls);
        if (rc == NULL) {
            return NULL;
        }
        Py_DECREF(rc);
    }
    if (FORY_LIKELY(s->direct)) {
        o = PyBaseObject_Type.tp_new(s->cls, r->st->empty_tuple, NULL);
        if (FORY_UNLIKELY(o == NULL)) {
            fory_native_misfit(r, (PyObject *)s->cls); /* an abstract class */
        }
        return o;
    }
    o = PyObject_CallMethodObjArgs((PyObject *)s->cls, r->engine->native->str_new, (PyObject *)s->cls, NULL);
    if (o == NULL) {
        fory_native_misfit(r, (PyObject *)s->cls); /* __new__ of builtin classes wants arguments */
    }
    if (o != NULL && s->n > s->n_dict && !PyObject_TypeCheck(o, s->cls)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s.__new__ gave a %s", s->cls->tp_name, Py_TYPE(o)->tp_name);
        Py_CLEAR(o);
    }
    return o;
}

/* dict of names of shape[from..to): new reference; does not steal */
static PyObject *
state_dict(const ForyReadShape *s, PyObject *const *values, size_t from, size_t to)
{
    PyObject *state = PyDict_New();
    for (size_t i = from; state != NULL && i < to; i++) {
        if (PyDict_SetItem(state, s->names[i], values[i]) < 0) {
            Py_CLEAR(state);
        }
    }
    return state;
}

/* The state as object.__reduce_ex__ would give it. */
static PyObject *
state_of(const ForyReadShape *s, PyObject *const *values)
{
    size_t n_dict = (size_t)(s->n - s->n_slots);
    PyObject *attributes = n_dict > 0 ? state_dict(s, values, 0, n_dict) : Py_NewRef(Py_None), *slots, *pair;
    if (attributes == NULL || s->n_slots == 0) {
        return attributes;
    }
    slots = state_dict(s, values, n_dict, s->n);
    pair = slots == NULL ? NULL : PyTuple_Pack(2, attributes, slots);
    Py_DECREF(attributes);
    Py_XDECREF(slots);
    return pair;
}

/* Hands the state to __setstate__, or through the policy. 0 / -1. */
static int
fill_by_state(ForyReadCtx *r, const ForyReadShape *s, PyObject *o, PyObject *const *values)
{
    PyObject *state, *rc;
    int plain = s->fill != FORY_FILL_STATE;
    if (s->n == 0 && !plain) {
        return 0;
    }
    state = plain ? state_dict(s, values, 0, s->n) : state_of(s, values);
    if (state == NULL) {
        return -1;
    }
    rc = PyObject_CallMethod(r->engine->registry, plain ? "fill_object" : "apply_state", "OO", o, state);
    Py_DECREF(state);
    Py_XDECREF(rc);
    return rc == NULL ? -1 : 0;
}

static int
no_attribute(ForyReadCtx *r, const ForyReadShape *s, PyObject *name)
{
    if (PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        fory_raise(r->st, FORY_E_NOT_COMPATIBLE, "%s has no place for attribute '%U'", s->cls->tp_name, name);
    }
    return -1;
}

/* Takes what it can of values (leaving NULLs); the rest stays the caller's. 0 / -1. */
static int
fill(ForyReadCtx *r, const ForyReadShape *s, PyObject *o, PyObject **values)
{
    PyObject *dict = NULL;
    int rc = 0;
    if (FORY_UNLIKELY(s->fill == FORY_FILL_STATE) || FORY_UNLIKELY(r->native->guarded)) {
        return fill_by_state(r, s, o, values);
    }
    if (s->n_dict < s->n) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->offsets[i] > 0) {
                PyObject **slot = (PyObject **)((char *)o + s->offsets[i]), *old = *slot;
                *slot = values[i];
                values[i] = NULL;
                Py_XDECREF(old);
            }
        }
    }
    if (s->n_dict == 0) {
        return 0;
    }
#if FORY_INLINE_VALUES
    if (s->fill == FORY_FILL_INLINE && fory_inline_fill(o, s->index, s->order, values, s->n_dict) == 0) {
        for (size_t k = 0; k < s->n_dict; k++) {
            values[s->order[k]] = NULL;
        }
        return 0;
    }
#endif
    if (s->fill == FORY_FILL_DICT) {
        dict = PyObject_GenericGetDict(o, NULL);
        if (dict == NULL) {
            return no_attribute(r, s, s->names[s->order[0]]);
        }
        for (size_t k = 0; rc == 0 && k < s->n_dict; k++) {
            rc = PyDict_SetItem(dict, s->names[s->order[k]], values[s->order[k]]);
        }
        Py_DECREF(dict);
        return rc;
    }
    for (size_t k = 0; k < s->n_dict; k++) {
        size_t i = s->order[k];
        if (PyObject_GenericSetAttr(o, s->names[i], values[i]) < 0) {
            return no_attribute(r, s, s->names[i]);
        }
    }
    return 0;
}

static PyObject *
read_instance(ForyReadCtx *r, ForyReadShape *s)
{
    PyObject *values[FORY_MAX_ATTRIBUTES];
    Py_ssize_t id = fory_ref_take(r);
    size_t n = s->n, i = 0;
    PyObject *o = NULL;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    if (fory_charge(r, 96 + 16 * (int64_t)n) < 0 || (o = new_instance(r, s)) == NULL) {
        r->depth--;
        return NULL;
    }
    fory_ref_publish(r, id, o);
    for (; i < n; i++) {
        values[i] = fory_native_read(r);
        if (FORY_UNLIKELY(values[i] == NULL)) {
            fory_path_field(&r->path, s->names[i]);
            goto error;
        }
    }
    if (FORY_UNLIKELY(fill(r, s, o, values) < 0)) {
        goto error;
    }
    /* what was given away is NULL by now */
    while (i > 0) {
        i--;
        Py_XDECREF(values[i]);
    }
    r->depth--;
    return o;
error:
    while (i > 0) {
        i--;
        Py_XDECREF(values[i]);
    }
    r->depth--;
    Py_DECREF(o);
    return NULL;
}

PyObject *
fory_native_read_object(ForyReadCtx *r, uint64_t number)
{
    if (FORY_UNLIKELY(number >= r->native->n_shapes)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "shape number %llu of %zu", (unsigned long long)number,
                          r->native->n_shapes);
    }
    return read_instance(r, r->native->shapes[number]);
}

PyObject *
fory_native_read_shape(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    Py_ssize_t id = fory_ref_take(r);
    PyObject *cls = NULL;
    ForyReadShape *s = NULL;
    const uint8_t *p;
    size_t size;
    uint64_t hash;
    int named;
    cls = fory_native_read_global(r, &named);
    if (cls == NULL) {
        return NULL;
    }
    if (!PyType_Check(cls)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a class", Py_TYPE(cls)->tp_name);
        goto error;
    }
    if (fory_native_count(r, &size) < 0) {
        goto error;
    }
    p = r->in.pos;
    r->in.pos += size;
    hash = fory_native_hash(p, size, fory_pointer_hash(cls));
    s = named ? cached_shape(r->engine->native, hash, (PyTypeObject *)cls, p, size) : NULL;
    if (s != NULL) {
        s->uses++;
    }
    else {
        s = compile_shape(r, (PyTypeObject *)cls, p, size);
        if (s == NULL) {
            goto error;
        }
        s->hash = hash;
        s->key = PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)size);
        if (s->key == NULL || (named && cache_shape(r->engine->native, s) < 0)) {
            goto error;
        }
    }
    if (fory_grow_array(&n->shapes, &n->cap_shapes, n->n_shapes + 1, sizeof(*n->shapes)) < 0) {
        goto error;
    }
    n->shapes[n->n_shapes++] = s;
    Py_DECREF(cls);
    r->pending_ref = id;
    return read_instance(r, s);
error:
    fory_native_shape_release(s);
    Py_DECREF(cls);
    return NULL;
}
