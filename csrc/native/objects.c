/* Instances whose state is their attributes and nothing else, writing.
 *
 * pickle.py's rules for object.__reduce_ex__ decide which classes these are
 * (pyfory.native.classify); here only the state is taken, without asking the
 * object: from its inline values where CPython keeps them, from its dict, and
 * from its slots. The names travel once per message as a shape. */
#include "native/native.h"

/* ---- shapes -------------------------------------------------------------------------- */

/* NULL without an exception when the class has too many variants already. */
static ForyWriteShape *
new_shape(ForyEngine *e, ForyObjectCodec *c, const uint8_t *order, PyObject *const *names, size_t n, size_t n_slots)
{
    ForyWriteShape *s;
    if (c->n_shapes == FORY_MAX_SHAPES) {
        return NULL;
    }
    s = fory_engine_alloc(e, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (fory_engine_keep(e, names[i]) < 0) {
            return NULL;
        }
        s->names[i] = names[i];
    }
    if (c->n_shapes == FORY_MAX_SHAPES) {
        /* keeping the names may have let another thread in */
        return NULL;
    }
    memcpy(s->order, order, n);
    s->n = (uint8_t)n;
    s->n_slots = (uint8_t)n_slots;
    s->serial = e->native->n_write_shapes++;
    c->shapes[c->n_shapes++] = s;
    return s;
}

/* Appends the slots that are set: 0, or -1 when there are too many attributes. */
static int
add_slots(const ForyObjectCodec *c, PyObject *o, uint8_t *order, size_t *n)
{
    for (size_t i = 0; i < c->n_slots; i++) {
        if (*(PyObject **)((char *)o + c->slot_offsets[i]) != NULL) {
            if (*n == FORY_MAX_ATTRIBUTES) {
                return -1;
            }
            order[(*n)++] = (uint8_t)i;
        }
    }
    return 0;
}

/* The instance's dict, new reference, or NULL (never an exception) when it has none. */
static PyObject *
dict_of(PyObject *o)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *dict = PyObject_GenericGetDict(o, NULL);
    if (dict == NULL) {
        PyErr_Clear();
    }
#else
    PyObject **slot = _PyObject_GetDictPtr(o);
    PyObject *dict = slot == NULL ? NULL : Py_XNewRef(*slot);
#endif
    if (dict != NULL && !PyDict_CheckExact(dict)) {
        Py_CLEAR(dict);
    }
    return dict;
}

static ForyWriteShape *
shape_of_dict(ForyEngine *e, ForyObjectCodec *c, PyObject *o, PyObject *dict)
{
    PyObject *names[FORY_MAX_ATTRIBUTES], *key, *value;
    uint8_t order[FORY_MAX_ATTRIBUTES];
    size_t n = dict == NULL ? 0 : (size_t)PyDict_GET_SIZE(dict), n_dict = n;
    Py_ssize_t position = 0;
    if (n > FORY_MAX_ATTRIBUTES) {
        return NULL;
    }
    memset(order, 0xff, sizeof(order)); /* no inline value has this index */
    if (add_slots(c, o, order, &n) < 0) {
        return NULL;
    }
    for (size_t s = 0; s < c->n_shapes; s++) {
        ForyWriteShape *shape = c->shapes[s];
        size_t i = 0;
        if (shape->n != n || shape->n_slots != n - n_dict || memcmp(shape->order + n_dict, order + n_dict, n - n_dict) != 0) {
            continue;
        }
        position = 0;
        while (i < n_dict && PyDict_Next(dict, &position, &key, &value) && key == shape->names[i]) {
            i++;
        }
        if (i == n_dict) {
            return shape;
        }
    }
    position = 0;
    for (size_t i = 0; i < n_dict; i++) {
        if (!PyDict_Next(dict, &position, &key, &value) || !PyUnicode_CheckExact(key) ||
            PyUnicode_AsUTF8(key) == NULL) {
            PyErr_Clear();
            return NULL;
        }
        names[i] = key;
    }
    for (size_t i = n_dict; i < n; i++) {
        names[i] = c->slot_names[order[i]];
    }
    return new_shape(e, c, order, names, n, n - n_dict);
}

#if FORY_INLINE_VALUES
static ForyWriteShape *
find_shape(const ForyObjectCodec *c, const uint8_t *order, size_t n, size_t n_slots)
{
    for (size_t i = 0; i < c->n_shapes; i++) {
        ForyWriteShape *s = c->shapes[i];
        if (s->n == n && s->n_slots == n_slots && memcmp(s->order, order, n) == 0) {
            return s;
        }
    }
    return NULL;
}

static ForyWriteShape *
shape_of_inline(ForyEngine *e, ForyObjectCodec *c, PyObject *o)
{
    PyObject *names[FORY_MAX_ATTRIBUTES];
    uint8_t order[FORY_MAX_ATTRIBUTES];
    size_t n = fory_inline_order(o, order), n_dict = n;
    ForyWriteShape *shape;
    if (FORY_UNLIKELY(c->n_slots > 0) && add_slots(c, o, order, &n) < 0) {
        return NULL;
    }
    shape = find_shape(c, order, n, n - n_dict);
    if (FORY_LIKELY(shape != NULL)) {
        return shape;
    }
    for (size_t i = 0; i < n_dict; i++) {
        names[i] = fory_inline_name(c->type, order[i]);
        if (names[i] == NULL || !PyUnicode_CheckExact(names[i]) || PyUnicode_AsUTF8(names[i]) == NULL) {
            PyErr_Clear();
            return NULL;
        }
    }
    for (size_t i = n_dict; i < n; i++) {
        names[i] = c->slot_names[order[i]];
    }
    return new_shape(e, c, order, names, n, n - n_dict);
}
#endif

/* ---- head of an instance ------------------------------------------------------------- */

static int
define_shape(ForyWriteCtx *w, const ForyObjectCodec *c, const ForyWriteShape *shape)
{
    ForyNativeWrite *n = w->native;
    size_t size, at;
    if (fory_native_tag(w, FORY_N_SHAPE) < 0 || fory_native_write_global(w, (PyObject *)c->type) < 0) {
        return -1;
    }
    /* the size of what follows is known behind it */
    at = (size_t)(w->out.pos - w->out.start);
    if (fory_room(w, FORY_VU64_MAX + 2) < 0) {
        return -1;
    }
    w->out.pos += FORY_VU64_MAX;
    fory_put_u8(&w->out, shape->n);
    fory_put_u8(&w->out, shape->n_slots);
    for (size_t i = 0; i < shape->n; i++) {
        if (fory_native_write_name(w, shape->names[i]) < 0) {
            return -1;
        }
    }
    uint8_t *start = w->out.start + at, *body = start + FORY_VU64_MAX;
    size = (size_t)(w->out.pos - body);
    w->out.pos = start;
    fory_put_vu64(&w->out, size);
    memmove(w->out.pos, body, size);
    w->out.pos += size;
    if (shape->serial >= n->cap_shapes &&
        fory_grow_array(&n->shapes, &n->cap_shapes, shape->serial + 1, sizeof(*n->shapes)) < 0) {
        return -1;
    }
    n->shapes[shape->serial] = (ForySeen){w->generation, n->n_shapes++};
    return 0;
}

FORY_INLINE int
write_head(ForyWriteCtx *w, const ForyObjectCodec *c, const ForyWriteShape *shape)
{
    ForyNativeWrite *n = w->native;
    if (FORY_LIKELY(shape->serial < n->cap_shapes) && FORY_LIKELY(n->shapes[shape->serial].generation == w->generation)) {
        uint32_t number = n->shapes[shape->serial].number;
        return number < FORY_N_OBJECT_COUNT ? fory_native_tag(w, FORY_N_OBJECT + (int)number)
                                            : fory_native_tag_n(w, FORY_N_OBJECT_N, number);
    }
    return define_shape(w, c, shape);
}

static int
changed(PyObject *o)
{
    PyErr_Format(PyExc_RuntimeError, "the attributes of a %s changed while it was serialized", Py_TYPE(o)->tp_name);
    return -1;
}

/* Value of a slot, borrowed; NULL when it went away. */
static PyObject *
slot_value(const ForyObjectCodec *c, PyObject *o, uint8_t slot)
{
    return *(PyObject **)((char *)o + c->slot_offsets[slot]);
}

static int
write_slots(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, const ForyWriteShape *shape, size_t from)
{
    for (size_t i = from; i < shape->n; i++) {
        PyObject *value = slot_value(c, o, shape->order[i]);
        if (FORY_UNLIKELY(value == NULL)) {
            return changed(o);
        }
        if (FORY_UNLIKELY(fory_native_write(w, value) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return 0;
}

#if FORY_INLINE_VALUES
static int
write_inline(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, const ForyWriteShape *shape)
{
    size_t n_dict = (size_t)(shape->n - shape->n_slots);
    for (size_t i = 0; i < n_dict; i++) {
        /* other code may have run since the last one */
        PyObject **values = fory_inline_values(o);
        PyObject *value = FORY_LIKELY(values != NULL) ? values[shape->order[i]] : NULL;
        if (FORY_UNLIKELY(value == NULL)) {
            return changed(o);
        }
        if (FORY_UNLIKELY(fory_native_write(w, value) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return write_slots(w, c, o, shape, n_dict);
}
#endif

static int
write_dict_values(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, PyObject *dict, const ForyWriteShape *shape)
{
    size_t n_dict = (size_t)(shape->n - shape->n_slots);
    Py_ssize_t position = 0;
    PyObject *key, *value;
    for (size_t i = 0; i < n_dict; i++) {
        if (FORY_UNLIKELY(!PyDict_Next(dict, &position, &key, &value)) || FORY_UNLIKELY(key != shape->names[i])) {
            return changed(o);
        }
        if (FORY_UNLIKELY(fory_native_write(w, value) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return write_slots(w, c, o, shape, n_dict);
}

/* Once per message and class: is it still the class that was looked at?
 * 1 yes, 0 no, -1. Registering a reducer does not touch the class. */
static FORY_NOINLINE int
check_class(ForyWriteCtx *w, ForyObjectCodec *c)
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
    if (c->version != fory_type_version(c->type)) {
        /* changed since, perhaps only in ways that do not matter */
        PyObject *slots;
        if (fory_write_pin(w) < 0 ||
            (slots = PyObject_CallMethod(w->engine->registry, "slots_of_plain", "(O)", (PyObject *)c->type)) == NULL) {
            return -1;
        }
        int same = PyTuple_Check(slots) && PyTuple_GET_SIZE(slots) == c->n_slots;
        for (Py_ssize_t i = 0; same && i < PyTuple_GET_SIZE(slots); i++) {
            same = fory_slot_offset(c->type, PyTuple_GET_ITEM(slots, i)) == c->slot_offsets[i];
        }
        Py_DECREF(slots);
        if (!same) {
            return 0;
        }
        c->version = fory_type_version(c->type);
    }
    n->checked[c->serial] = (ForySeen){w->generation, 0};
    return 1;
}

static int
write_object(ForyWriteCtx *w, const ForyCodec *base, PyObject *o)
{
    ForyObjectCodec *c = (ForyObjectCodec *)base;
    ForyNativeWrite *n = w->native;
    ForyWriteShape *shape = NULL;
    PyObject *dict = NULL;
    int rc, from_inline = 0;
    if (w->track_ref && Py_REFCNT(o) > 1) {
        /* met before: its attributes need not be looked at */
        rc = fory_native_known(w, o);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (FORY_UNLIKELY(c->serial >= n->cap_checked) || FORY_UNLIKELY(n->checked[c->serial].generation != w->generation)) {
        rc = check_class(w, c);
        if (rc <= 0) {
            return rc < 0 ? -1 : fory_native_write_by_protocol(w, o);
        }
    }
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(c->inline_values) && FORY_LIKELY(fory_inline_values(o) != NULL)) {
        shape = shape_of_inline(w->engine, c, o);
        from_inline = 1;
    }
    else
#endif
    {
        if (c->has_dict) {
            dict = dict_of(o);
            if (dict == NULL && PyErr_Occurred()) {
                return -1;
            }
        }
        shape = shape_of_dict(w->engine, c, o, dict);
    }
    if (FORY_UNLIKELY(shape == NULL)) {
        Py_XDECREF(dict);
        return PyErr_Occurred() ? -1 : fory_native_write_by_protocol(w, o);
    }
    rc = fory_native_ref(w, o);
    if (rc != 0) {
        Py_XDECREF(dict);
        return rc < 0 ? -1 : 0;
    }
    if (fory_write_enter(w) < 0) {
        Py_XDECREF(dict);
        return -1;
    }
    Py_INCREF(o);
    rc = write_head(w, c, shape);
    if (FORY_LIKELY(rc == 0)) {
#if FORY_INLINE_VALUES
        rc = from_inline ? write_inline(w, c, o, shape) : write_dict_values(w, c, o, dict, shape);
#else
        rc = write_dict_values(w, c, o, dict, shape);
        (void)from_inline;
#endif
    }
    w->depth--;
    Py_DECREF(o);
    Py_XDECREF(dict);
    return rc;
}

const ForyCodec *
fory_native_object_codec(ForyEngine *e, PyTypeObject *type, PyObject *slots)
{
    ForyObjectCodec *c;
    Py_ssize_t n = PyTuple_GET_SIZE(slots);
    if (n > FORY_MAX_ATTRIBUTES) {
        return fory_native_reduce_codec(e, type, NULL);
    }
    c = fory_engine_alloc(e, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->base.write = write_object;
    c->type = type;
    c->version = fory_type_version(type);
    c->n_slots = (uint8_t)n;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(slots, i);
        c->slot_offsets[i] = fory_slot_offset(type, name);
        if (c->slot_offsets[i] <= 0) {
            return fory_native_reduce_codec(e, type, NULL);
        }
        if (fory_engine_keep(e, name) < 0) {
            return NULL;
        }
        c->slot_names[i] = name;
    }
    c->serial = e->native->n_object_codecs++;
    c->has_dict = type->tp_dictoffset != 0;
#if FORY_INLINE_VALUES
    c->inline_values = (uint8_t)(e->st->inline_values_ok && c->has_dict && fory_has_inline_values(type));
#endif
    return &c->base;
}
