/* Row bytes -> Python objects, completely; and RowCodec, a schema bound to classes.
 *
 * Nothing in a row is believed: each reference is checked against the row or
 * array that it belongs to, and what is decoded is counted against the size of
 * the whole row, so overlapping values cannot blow up. */
#include "row/batch.h"

/* Field values of one object, on the C stack up to this many. */
#define STACK_VALUES 40
/* Rows from this size on make so many objects that the collector is paused. */
#define PAUSE_SIZE ((size_t)1 << 18)
/* From this many rows on it pays to look for values that repeat. */
#define CACHE_ROWS 64

void
fory_row_decoder_init(ForyRowDecoder *d, ForyState *st, size_t size, int flags)
{
    d->st = st;
    d->bindings = NULL;
    d->cache = NULL;
    d->left = size;
    d->flags = flags;
    d->path = NULL;
}

PyObject *
fory_row_decoded(ForyRowDecoder *d, PyObject *result)
{
    if (FORY_UNLIKELY(result == NULL)) {
        fory_path_complete(d->st, &d->path, -1);
    }
    return result;
}

PyObject *
fory_row_damaged(ForyState *st, const ForyRowNode *node, size_t offset, size_t length, size_t size)
{
    return fory_raise(st, FORY_E_INVALID_DATA, "%s at offset %zu, %zu bytes long, does not fit its %zu bytes",
                      fory_row_type_name(node->type_id), offset, length, size);
}

/* Counts n decoded bytes. 0 / -1. */
FORY_INLINE int
spend(ForyRowDecoder *d, size_t n)
{
    if (FORY_UNLIKELY(n > d->left) && !(d->flags & FORY_ROW_TRUSTED)) {
        fory_raise(d->st, FORY_E_INVALID_DATA, "values of a row overlap");
        return -1;
    }
    d->left -= n;
    return 0;
}

/* ---- values --------------------------------------------------------------------- */

PyObject *
fory_row_decode(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *base, size_t size, const uint8_t *slot)
{
    size_t offset, length;
    if (node->fixed_width != 0) {
        if (d->cache != NULL && node->type_id == FORY_FLOAT64) {
            return fory_row_cached_float(d, node, slot);
        }
        return fory_row_read_number(d->st, node, slot, d->flags & FORY_ROW_UTC);
    }
    if (FORY_UNLIKELY(fory_row_follow(slot, size, &offset, &length) != FORY_OK)) {
        return fory_row_damaged(d->st, node, offset, length, size);
    }
    base += offset;
    switch (node->type_id) {
    case FORY_STRING:
        if (spend(d, length) < 0) {
            return NULL;
        }
        return d->cache != NULL ? fory_row_cached_text(d, node, base, length) : fory_row_read_text(d->st, base, length);
    case FORY_BINARY:
        return spend(d, length) < 0 ? NULL : PyBytes_FromStringAndSize((const char *)base, (Py_ssize_t)length);
    case FORY_DECIMAL:
        if (!fory_row_is_decimal(base, length)) {
            return fory_row_damaged(d->st, node, offset, length, 16);
        }
        return spend(d, length) < 0 ? NULL : fory_row_decimal_get(d->st, node, base);
    case FORY_STRUCT:
        return fory_row_decode_struct(d, node, base, length);
    case FORY_LIST:
        return fory_row_decode_list(d, node, base, length);
    default:
        return fory_row_decode_map(d, node, base, length);
    }
}

static PyObject *
decode_element(ForyRowDecoder *d, ForyRowNode *element, const fory_row_array *array, size_t i)
{
    PyObject *v;
    if (fory_row_is_null(array->data + 8, i)) {
        return Py_NewRef(Py_None);
    }
    v = fory_row_decode(d, element, array->data, array->size, array->items + i * element->width);
    if (FORY_UNLIKELY(v == NULL)) {
        fory_path_index(&d->path, (Py_ssize_t)i);
    }
    return v;
}

static int
any_null(const fory_row_array *array)
{
    const uint8_t *end = array->items;
    for (const uint8_t *p = array->data + 8; p < end; p += 8) {
        if (fory_load64(p) != 0) {
            return 1;
        }
    }
    return 0;
}

PyObject *
fory_row_decode_items(ForyRowDecoder *d, ForyRowNode *element, const fory_row_array *array, size_t first, size_t n)
{
    const uint8_t *p = array->items + first * element->width;
    PyObject *list;
    int plain = element->fixed_width != 0 && !any_null(array);
    if (spend(d, 8 + fory_row_bitmap(array->count) + n * element->width) < 0) {
        return NULL;
    }
    list = PyList_New((Py_ssize_t)n);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++, p += element->width) {
        PyObject *v;
        if (plain && element->type_id == FORY_INT64) {
            v = PyLong_FromLongLong((int64_t)fory_load64(p));
        }
        else if (plain && element->type_id == FORY_INT32) {
            v = PyLong_FromLong((int32_t)fory_load32(p));
        }
        else if (plain && element->type_id == FORY_FLOAT64 && d->cache != NULL) {
            v = fory_row_cached_float(d, element, p);
        }
        else if (plain) {
            v = fory_row_read_number(d->st, element, p, d->flags & FORY_ROW_UTC);
        }
        else {
            v = decode_element(d, element, array, first + i);
        }
        if (FORY_UNLIKELY(v == NULL)) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, v);
    }
    return list;
}

PyObject *
fory_row_decode_list(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size)
{
    ForyRowNode *element = &node->children[0];
    fory_row_array array;
    PyObject *list, *result;
    int container = d->bindings == NULL ? FORY_ROW_AS_LIST : d->bindings[node->number].container;
    if (FORY_UNLIKELY(fory_row_open_array(data, size, element->width, &array) != FORY_OK)) {
        return fory_raise(d->st, FORY_E_INVALID_DATA, "an array of %zu bytes is too short for its elements", size);
    }
    list = fory_row_decode_items(d, element, &array, 0, array.count);
    if (list == NULL || container == FORY_ROW_AS_LIST) {
        return list;
    }
    result = container == FORY_ROW_AS_TUPLE     ? PyList_AsTuple(list)
             : container == FORY_ROW_AS_SET ? PySet_New(list)
                                            : PyFrozenSet_New(list);
    Py_DECREF(list);
    return result;
}

PyObject *
fory_row_decode_map(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size)
{
    ForyRowNode *key = &node->children[0], *value = &node->children[1];
    fory_row_array keys, values;
    PyObject *dict;
    if (FORY_UNLIKELY(fory_row_open_map(data, size, key->width, value->width, &keys, &values) != FORY_OK)) {
        return fory_raise(d->st, FORY_E_INVALID_DATA, "a map of %zu bytes whose two arrays do not fit", size);
    }
    if (spend(d, 24 + fory_row_bitmap(keys.count) * 2 + keys.count * key->width + values.count * value->width) < 0 ||
        (dict = fory_dict_new((Py_ssize_t)(keys.count < 65536 ? keys.count : 65536))) == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < keys.count; i++) {
        PyObject *k = decode_element(d, key, &keys, i), *v = NULL;
        int rc = -1;
        if (k != NULL && (v = decode_element(d, value, &values, i)) != NULL) {
            rc = PyDict_SetItem(dict, k, v);
        }
        Py_XDECREF(k);
        Py_XDECREF(v);
        if (FORY_UNLIKELY(rc < 0)) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

/* ---- structs ------------------------------------------------------------------------ */

static PyObject *
decode_field(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *row, size_t size, Py_ssize_t i)
{
    ForyRowNode *child = &node->children[i];
    PyObject *v;
    if (fory_row_is_null(row, (size_t)i)) {
        return Py_NewRef(Py_None);
    }
    if (child->type_id == FORY_INT64) {
        return PyLong_FromLongLong((int64_t)fory_load64(fory_row_slot(node, row, i)));
    }
    v = fory_row_decode(d, child, row, size, fory_row_slot(node, row, i));
    if (FORY_UNLIKELY(v == NULL)) {
        fory_path_field(&d->path, child->name);
    }
    return v;
}

static PyObject *
decode_to_dict(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *row, size_t size)
{
    PyObject *dict = PyDict_New();
    for (Py_ssize_t i = 0; dict != NULL && i < node->n_children; i++) {
        PyObject *v = decode_field(d, node, row, size, i);
        if (v == NULL || PyDict_SetItem(dict, node->children[i].name, v) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(v);
    }
    return dict;
}

/* Stores values as attributes of o; steals them all, also on failure. */
static int
fill_object(ForyRowDecoder *d, ForyRowNode *node, const ForyRowBinding *binding, const ForyRowShape *shape,
            PyObject *o, PyObject **values)
{
    Py_ssize_t n = node->n_children;
    int rc = 0;
    (void)d;
    if (shape != NULL && shape->slot_fill) {
        for (Py_ssize_t i = 0; i < n; i++) {
            PyObject **slot = (PyObject **)((char *)o + shape->fields[i].offset);
            PyObject *old = *slot;
            *slot = values[i];
            Py_XDECREF(old);
        }
        return 0;
    }
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(shape != NULL && shape->inline_fill)) {
        uint8_t index[30];
        for (Py_ssize_t k = 0; k < n; k++) {
            index[k] = shape->fields[binding->order[k]].index;
        }
        if (fory_inline_fill(o, index, binding->order, values, n) == 0) {
            return 0;
        }
    }
#endif
    /* GenericSetAttr goes past a user's __setattr__, a frozen dataclass's among them */
    for (Py_ssize_t k = 0; k < n && rc == 0; k++) {
        Py_ssize_t i = n <= 255 ? binding->order[k] : k;
        rc = PyObject_GenericSetAttr(o, node->children[i].name, values[i]);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_DECREF(values[i]);
    }
    return rc;
}

static int
fill_extras(const ForyRowBinding *binding, PyObject *o)
{
    for (Py_ssize_t i = 0; i < binding->n_extras; i++) {
        const ForyRowExtra *extra = &binding->extras[i];
        PyObject *v = extra->call ? PyObject_CallNoArgs(extra->value) : Py_NewRef(extra->value);
        int rc = v == NULL ? -1 : PyObject_GenericSetAttr(o, extra->name, v);
        Py_XDECREF(v);
        if (rc < 0) {
            return -1;
        }
    }
    return 0;
}

/* A NamedTuple: its fields in their own order. Steals values, also on failure. */
static PyObject *
make_tuple(const ForyRowBinding *binding, PyObject **values, Py_ssize_t n)
{
    PyObject *items = PyTuple_New(n), *args, *o = NULL;
    if (items == NULL) {
        for (Py_ssize_t i = 0; i < n; i++) {
            Py_DECREF(values[i]);
        }
        return NULL;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        PyTuple_SET_ITEM(items, k, values[binding->order[k]]);
    }
    args = PyTuple_Pack(1, items);
    Py_DECREF(items);
    if (args != NULL) {
        /* past a __new__ of its own, as __init__ of other classes */
        o = PyTuple_Type.tp_new(binding->cls, args, NULL);
        Py_DECREF(args);
    }
    return o;
}

static PyObject *
decode_to_object(ForyRowDecoder *d, ForyRowNode *node, const ForyRowBinding *binding, const uint8_t *row, size_t size)
{
    PyObject *on_stack[STACK_VALUES], **values = on_stack, *o = NULL;
    Py_ssize_t n = node->n_children, i = 0;
    PyTypeObject *cls = binding->cls;
    if (FORY_UNLIKELY(n > STACK_VALUES)) {
        values = PyMem_Malloc((size_t)n * sizeof(*values));
        if (values == NULL) {
            return PyErr_NoMemory();
        }
    }
    for (; i < n; i++) {
        values[i] = decode_field(d, node, row, size, i);
        if (FORY_UNLIKELY(values[i] == NULL)) {
            goto error;
        }
    }
    if (PyType_FastSubclass(cls, Py_TPFLAGS_TUPLE_SUBCLASS)) {
        o = make_tuple(binding, values, n);
        if (values != on_stack) {
            PyMem_Free(values);
        }
        return o;
    }
    /* __init__ and __post_init__ do not run */
    o = FORY_LIKELY(cls->tp_new == PyBaseObject_Type.tp_new && !(cls->tp_flags & Py_TPFLAGS_IS_ABSTRACT))
            ? cls->tp_alloc(cls, 0)
            : cls->tp_new(cls, d->st->empty_tuple, NULL);
    if (o == NULL) {
        goto error;
    }
    if (Py_TYPE(o) != cls && !PyObject_TypeCheck(o, cls)) {
        fory_raise(d->st, FORY_E_TYPE, "%s.__new__ gave a %s", cls->tp_name, Py_TYPE(o)->tp_name);
        goto error;
    }
    i = 0;
    if (FORY_UNLIKELY(fill_object(d, node, binding, fory_row_shape(d->st, node, cls), o, values) < 0) ||
        FORY_UNLIKELY(fill_extras(binding, o) < 0)) {
        goto error;
    }
    if (values != on_stack) {
        PyMem_Free(values);
    }
    return o;
error:
    while (i > 0) {
        Py_DECREF(values[--i]);
    }
    if (values != on_stack) {
        PyMem_Free(values);
    }
    Py_XDECREF(o);
    return NULL;
}

PyObject *
fory_row_decode_struct(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size)
{
    const ForyRowBinding *binding = d->bindings == NULL ? NULL : &d->bindings[node->number];
    if (FORY_UNLIKELY(size < node->fixed_size)) {
        return fory_raise(d->st, FORY_E_TRUNCATED, "a row of %zu bytes is too short for its %zd fields", size,
                          node->n_children);
    }
    if (spend(d, node->fixed_size) < 0) {
        return NULL;
    }
    if (binding == NULL || binding->cls == NULL) {
        return decode_to_dict(d, node, data, size);
    }
    return decode_to_object(d, node, binding, data, size);
}

/* ---- RowCodec -------------------------------------------------------------------------- */

typedef struct RowCodec {
    PyObject_HEAD
    ForyState *st;
    ForyRowSchema *plan;      /* NULL until bound */
    ForyRowBinding *bindings; /* by node number */
    int flags;
} RowCodec;

static void
free_bindings(ForyRowBinding *bindings, uint32_t n)
{
    for (uint32_t i = 0; bindings != NULL && i < n; i++) {
        ForyRowBinding *b = &bindings[i];
        Py_XDECREF(b->cls);
        for (Py_ssize_t k = 0; k < b->n_extras; k++) {
            Py_XDECREF(b->extras[k].name);
            Py_XDECREF(b->extras[k].value);
        }
        PyMem_Free(b->extras);
        PyMem_Free(b->order);
    }
    PyMem_Free(bindings);
}

static int
bind_class(ForyState *st, const ForyRowNode *node, ForyRowBinding *b, PyObject *cls, PyObject *order,
           PyObject *extras)
{
    Py_ssize_t n = node->n_children;
    if (!PyType_Check(cls) || ((PyTypeObject *)cls)->tp_new == NULL) {
        fory_raise(st, FORY_E_TYPE, "expected a class, got %s", Py_TYPE(cls)->tp_name);
        return -1;
    }
    b->order = PyMem_Malloc((size_t)n + 1);
    b->extras = PyMem_Calloc((size_t)PyTuple_GET_SIZE(extras) + 1, sizeof(*b->extras));
    if (b->order == NULL || b->extras == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (PyTuple_GET_SIZE(order) != n) {
        PyErr_SetString(PyExc_ValueError, "the order of a row binding names every field");
        return -1;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        long i = PyLong_AsLong(PyTuple_GET_ITEM(order, k));
        if (i < 0 || i >= n) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_IndexError, "field index of a row binding");
            }
            return -1;
        }
        b->order[k] = (uint8_t)i; /* used for at most 255 fields */
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(extras); k++) {
        PyObject *name, *value;
        int call;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(extras, k), "UOp", &name, &value, &call)) {
            return -1;
        }
        b->extras[k] = (ForyRowExtra){Py_NewRef(name), Py_NewRef(value), (uint8_t)call};
        PyUnicode_InternInPlace(&b->extras[k].name);
        b->n_extras = k + 1;
    }
    Py_INCREF(cls);
    b->cls = (PyTypeObject *)cls;
    return 0;
}

/* spec: None, or (class or None, container, order, extras, specs of the children) */
static int
bind_node(ForyState *st, const ForyRowNode *node, ForyRowBinding *bindings, PyObject *spec)
{
    ForyRowBinding *b = &bindings[node->number];
    PyObject *cls, *order, *extras, *children;
    int container;
    if (spec == Py_None) {
        return 0;
    }
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "a row binding is a tuple or None");
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "OiO!O!O!", &cls, &container, &PyTuple_Type, &order, &PyTuple_Type, &extras,
                          &PyTuple_Type, &children)) {
        return -1;
    }
    if (PyTuple_GET_SIZE(children) != node->n_children || container < FORY_ROW_AS_LIST ||
        container > FORY_ROW_AS_FROZENSET) {
        PyErr_SetString(PyExc_ValueError, "a row binding that does not match its schema");
        return -1;
    }
    b->container = (uint8_t)container;
    if (cls != Py_None && bind_class(st, node, b, cls, order, extras) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        if (bind_node(st, &node->children[i], bindings, PyTuple_GET_ITEM(children, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
codec_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ForyState *st = fory_state_of_type(type);
    RowCodec *self;
    (void)args;
    (void)kwargs;
    if (st == NULL || (self = (RowCodec *)type->tp_alloc(type, 0)) == NULL) {
        return NULL;
    }
    self->st = st;
    return (PyObject *)self;
}

/* _bind(schema, binding, utc, lenient) */
static PyObject *
codec_bind(RowCodec *self, PyObject *args)
{
    PyObject *schema, *spec;
    ForyRowSchema *plan;
    ForyRowBinding *bindings;
    int utc, lenient;
    if (!PyArg_ParseTuple(args, "OOpp:_bind", &schema, &spec, &utc, &lenient)) {
        return NULL;
    }
    if (self->plan != NULL) {
        return fory_raise(self->st, FORY_E_INVALID, "a row encoder is bound once");
    }
    plan = fory_row_schema_of(self->st, schema);
    if (plan == NULL) {
        return NULL;
    }
    bindings = PyMem_Calloc(plan->n_nodes, sizeof(*bindings));
    if (bindings == NULL) {
        PyErr_NoMemory();
        goto error;
    }
    if (bind_node(self->st, &plan->root, bindings, spec) < 0) {
        goto error;
    }
    if (self->plan != NULL) {
        fory_raise(self->st, FORY_E_INVALID, "a row encoder is bound once");
        goto error;
    }
    self->plan = plan;
    self->bindings = bindings;
    self->flags = (utc ? FORY_ROW_UTC : 0) | (lenient ? FORY_ROW_LENIENT : 0);
    Py_RETURN_NONE;
error:
    free_bindings(bindings, plan->n_nodes);
    Py_DECREF(plan);
    return NULL;
}

static int
codec_traverse(RowCodec *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->plan);
    for (uint32_t i = 0; self->plan != NULL && i < self->plan->n_nodes; i++) {
        ForyRowBinding *b = &self->bindings[i];
        Py_VISIT(b->cls);
        for (Py_ssize_t k = 0; k < b->n_extras; k++) {
            Py_VISIT(b->extras[k].value);
        }
    }
    return 0;
}

/* What a running operation may still use goes with the object itself; a cycle
 * through a class or a default is broken on their side. */
static int
codec_clear(RowCodec *self)
{
    (void)self;
    return 0;
}

static void
codec_dealloc(RowCodec *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->plan != NULL) {
        free_bindings(self->bindings, self->plan->n_nodes);
        Py_CLEAR(self->plan);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static int
codec_ready(RowCodec *self)
{
    if (FORY_UNLIKELY(self->plan == NULL)) {
        fory_raise(self->st, FORY_E_INVALID, "%s.__init__ was not called", Py_TYPE(self)->tp_name);
        return -1;
    }
    return 0;
}

static PyObject *
codec_to_row(RowCodec *self, PyObject *o)
{
    ForyRowWriter w;
    ForyRowSchema *plan;
    PyObject *bytes, *row = NULL;
    if (codec_ready(self) < 0) {
        return NULL;
    }
    plan = (ForyRowSchema *)Py_NewRef((PyObject *)self->plan);
    fory_row_writer_init(&w, self->st);
    w.lenient = self->flags & FORY_ROW_LENIENT;
    if (fory_row_write(&w, plan, o) == 0 && (bytes = fory_row_writer_finish(&w)) != NULL) {
        row = fory_row_view(plan, &plan->root, bytes, (const uint8_t *)PyBytes_AS_STRING(bytes),
                            (size_t)PyBytes_GET_SIZE(bytes), self->flags);
        Py_DECREF(bytes);
    }
    fory_row_writer_clear(&w);
    Py_DECREF(plan);
    return row;
}

static PyObject *
codec_encode(RowCodec *self, PyObject *o)
{
    ForyRowWriter w;
    ForyRowSchema *plan;
    PyObject *bytes = NULL;
    if (codec_ready(self) < 0) {
        return NULL;
    }
    plan = (ForyRowSchema *)Py_NewRef((PyObject *)self->plan);
    fory_row_writer_init(&w, self->st);
    w.lenient = self->flags & FORY_ROW_LENIENT;
    fory_store64(w.data, plan->hash);
    w.size = 8;
    if (fory_row_write(&w, plan, o) == 0) {
        bytes = fory_row_writer_finish(&w);
    }
    fory_row_writer_clear(&w);
    Py_DECREF(plan);
    return bytes;
}

/* The collector would look at a growing heap of new objects again and again. */
FORY_INLINE int
pause_collector(size_t size)
{
#if PY_VERSION_HEX >= 0x030A0000
    return size >= PAUSE_SIZE && PyGC_Disable();
#else
    (void)size;
    return 0;
#endif
}

FORY_INLINE void
resume_collector(int paused)
{
#if PY_VERSION_HEX >= 0x030A0000
    if (paused) {
        PyGC_Enable();
    }
#else
    (void)paused;
#endif
}

/* An object from the row at data[0..size), whose memory `owner` keeps alive. */
static PyObject *
decode_root(RowCodec *self, PyObject *owner, const uint8_t *data, size_t size, int flags)
{
    ForyRowDecoder d;
    PyObject *result;
    int paused = pause_collector(size);
    Py_INCREF(self);
    Py_INCREF(owner);
    fory_row_decoder_init(&d, self->st, size, self->flags | (flags & FORY_ROW_TRUSTED));
    d.bindings = self->bindings;
    result = fory_row_decoded(&d, fory_row_decode_struct(&d, &self->plan->root, data, size));
    Py_DECREF(owner);
    Py_DECREF(self);
    resume_collector(paused);
    return result;
}

/* The rows of a batch where they lie, without a view of each. 0 / -1. */
static int
decode_batch(RowCodec *self, ForyRowBatch *batch, PyObject *objects)
{
    /* user code may run in between, and append to the batch: what is read here is kept */
    ForyRowSchema *plan = (ForyRowSchema *)Py_NewRef((PyObject *)batch->plan);
    PyObject *memory = Py_NewRef((PyObject *)batch->memory), *index = Py_NewRef((PyObject *)batch->index);
    fory_row_set rows = fory_batch_rows(batch);
    ForyRowCache *cache = NULL;
    size_t released = 0;
    int rc = -1;
    Py_INCREF(self);
    Py_INCREF(batch);
    if (rows.n > 0 && !fory_row_same_layout(&plan->root, &self->plan->root)) {
        fory_raise(self->st, FORY_E_SCHEMA_HASH, "the rows have another schema than the encoder");
        goto done;
    }
    if (rows.n >= CACHE_ROWS) {
        cache = fory_row_cache_new(self->plan->n_nodes);
    }
    for (size_t i = 0; i < rows.n; i++) {
        ForyRowDecoder d;
        PyObject *o;
        size_t at, size;
        int failed;
        if (FORY_UNLIKELY(fory_batch_span(self->st, &rows, i, &at, &size) < 0)) {
            goto done;
        }
        fory_row_decoder_init(&d, self->st, size, self->flags);
        d.bindings = self->bindings;
        d.cache = cache;
        o = fory_row_decoded(&d, fory_row_decode_struct(&d, &self->plan->root, rows.base + at, size));
        failed = o == NULL || PyList_Append(objects, o) < 0;
        Py_XDECREF(o);
        if (FORY_UNLIKELY(failed)) {
            goto done;
        }
        if (FORY_UNLIKELY(batch->mapped) && (i & 255) == 255 &&
            fory_load64(rows.offsets + 8 * i) - fory_load64(rows.offsets + 8 * released) >= FORY_BATCH_WINDOW) {
            fory_batch_release(batch, released, i);
            released = i;
        }
    }
    fory_batch_release(batch, released, rows.n);
    rc = 0;
done:
    fory_row_cache_free(cache);
    Py_DECREF(memory);
    Py_DECREF(index);
    Py_DECREF((PyObject *)plan);
    Py_DECREF(batch);
    Py_DECREF(self);
    return rc;
}

/* from_batch(batch): all rows, the collector paused. Rows of other iterables are
 * taken one by one: user code may run in between. */
static PyObject *
codec_from_batch(RowCodec *self, PyObject *batch)
{
    PyObject *iterator = NULL, *row, *objects = NULL;
    int paused, plain;
    Py_ssize_t expected = PyObject_LengthHint(batch, 0);
    if (expected < 0 || codec_ready(self) < 0) {
        return NULL;
    }
    plain = fory_batch_is_plain(self->st, batch);
    if (!plain && (iterator = PyObject_GetIter(batch)) == NULL) {
        return NULL;
    }
    paused = pause_collector((size_t)expected * 64);
    objects = PyList_New(0);
    if (plain && objects != NULL && decode_batch(self, (ForyRowBatch *)batch, objects) < 0) {
        Py_CLEAR(objects);
    }
    while (!plain && objects != NULL && (row = PyIter_Next(iterator)) != NULL) {
        PyObject *o = NULL;
        if (Py_TYPE(row) != self->st->row_types[FORY_ROW_DATA]) {
            fory_raise(self->st, FORY_E_TYPE, "expected RowData, got %s", Py_TYPE(row)->tp_name);
        }
        else if (!fory_row_same_layout(((ForyRowView *)row)->node, &self->plan->root)) {
            fory_raise(self->st, FORY_E_SCHEMA_HASH, "the rows have another schema than the encoder");
        }
        else {
            ForyRowView *view = (ForyRowView *)row;
            o = decode_root(self, view->owner, view->data, view->size, view->flags);
        }
        Py_DECREF(row);
        if (o == NULL || PyList_Append(objects, o) < 0) {
            Py_CLEAR(objects);
        }
        Py_XDECREF(o);
    }
    Py_XDECREF(iterator);
    if (objects != NULL && PyErr_Occurred()) {
        Py_CLEAR(objects);
    }
    resume_collector(paused);
    return objects;
}

/* _object_columns(objects, start, stop) */
static PyObject *
codec_object_columns(RowCodec *self, PyObject *args)
{
    PyObject *objects;
    Py_ssize_t start, stop;
    if (!PyArg_ParseTuple(args, "Onn:_object_columns", &objects, &start, &stop) || codec_ready(self) < 0) {
        return NULL;
    }
    if ((!PyList_CheckExact(objects) && !PyTuple_CheckExact(objects)) || start < 0) {
        PyErr_SetString(PyExc_TypeError, "_object_columns() takes a part of a list or tuple");
        return NULL;
    }
    return fory_row_object_columns(self->st, self->plan, objects, start, stop);
}

static PyObject *
codec_from_row(RowCodec *self, PyObject *source)
{
    const uint8_t *data;
    size_t size;
    PyObject *owner, *result;
    if (codec_ready(self) < 0) {
        return NULL;
    }
    if (Py_TYPE(source) == self->st->row_types[FORY_ROW_DATA]) {
        ForyRowView *view = (ForyRowView *)source;
        if (view->node != &self->plan->root && !fory_row_same_layout(view->node, &self->plan->root)) {
            return fory_raise(self->st, FORY_E_SCHEMA_HASH, "the row has another schema than the encoder");
        }
        return decode_root(self, view->owner, view->data, view->size, view->flags);
    }
    owner = fory_row_pin(self->st, source, &data, &size);
    if (owner == NULL) {
        return NULL;
    }
    result = decode_root(self, owner, data, size, 0);
    Py_DECREF(owner);
    return result;
}

static PyObject *
codec_decode(RowCodec *self, PyObject *source)
{
    const uint8_t *data;
    size_t size;
    PyObject *owner, *result = NULL;
    if (codec_ready(self) < 0 || (owner = fory_row_pin(self->st, source, &data, &size)) == NULL) {
        return NULL;
    }
    if (size < 8) {
        fory_raise(self->st, FORY_E_TRUNCATED, "%zu bytes are too short for a schema hash", size);
    }
    else if (fory_load64(data) != self->plan->hash) {
        fory_raise(self->st, FORY_E_SCHEMA_HASH, "the row was written with schema hash %lld, this encoder has %lld",
                   (long long)fory_load64(data), (long long)self->plan->hash);
    }
    else {
        result = decode_root(self, owner, data + 8, size - 8, 0);
    }
    Py_DECREF(owner);
    return result;
}

static PyObject *
codec_get_hash(RowCodec *self, void *closure)
{
    (void)closure;
    return codec_ready(self) < 0 ? NULL : PyLong_FromUnsignedLongLong(self->plan->hash);
}

static PyObject *
codec_get_schema(RowCodec *self, void *closure)
{
    (void)closure;
    return codec_ready(self) < 0 ? NULL : fory_row_node_schema(self->plan, &self->plan->root);
}

static PyMethodDef codec_methods[] = {
    {"_bind", (PyCFunction)codec_bind, METH_VARARGS, NULL},
    {"_object_columns", (PyCFunction)codec_object_columns, METH_VARARGS, NULL},
    {"to_row", (PyCFunction)codec_to_row, METH_O,
     "to_row($self, obj, /)\n--\n\nThe RowData of an object or dict.\n\n"
     "Errors name the field: ForyTypeError, ForyOverflowError, ForyInvalidDataError."},
    {"from_row", (PyCFunction)codec_from_row, METH_O,
     "from_row($self, row, /)\n--\n\nThe object of a RowData or of the bytes-like content of a row."},
    {"from_batch", (PyCFunction)codec_from_batch, METH_O,
     "from_batch($self, batch, /)\n--\n\nThe objects of all rows of a RowBatch, as a list."},
    {"encode", (PyCFunction)codec_encode, METH_O,
     "encode($self, obj, /)\n--\n\nThe schema hash (8 bytes) and the row of an object or dict, as bytes."},
    {"decode", (PyCFunction)codec_decode, METH_O,
     "decode($self, data, /)\n--\n\nThe object of what encode gave.\n\n"
     "ForySchemaHashError (an AssertionError) when it was written with another schema."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef codec_getset[] = {
    {"schema_hash", (getter)codec_get_hash, NULL, "The number that stands for the schema.", NULL},
    {"schema", (getter)codec_get_schema, NULL, "The Schema of the rows.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot codec_slots[] = {
    {Py_tp_doc, "A row schema bound to the classes whose instances it describes."},
    {Py_tp_new, codec_new},
    {Py_tp_traverse, codec_traverse},
    {Py_tp_clear, codec_clear},
    {Py_tp_dealloc, codec_dealloc},
    {Py_tp_methods, codec_methods},
    {Py_tp_getset, codec_getset},
    {0, NULL},
};

static PyType_Spec codec_spec = {
    .name = "pyfory._core.RowCodec",
    .basicsize = sizeof(RowCodec),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = codec_slots,
};

int
fory_row_codec_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_CODEC, &codec_spec, NULL);
}
