/* What RowData, ArrayData and MapData share: following slots, typed getters,
 * text, the buffer protocol. */
#include "row/row.h"

#include "row/arrow_abi.h"

/* repr shows this many elements of a collection */
#define REPR_ELEMENTS 10

/* ---- life ---------------------------------------------------------------------- */

ForyRowView *
fory_row_view_alloc(ForyRowSchema *plan, ForyRowNode *node, int kind, PyObject *owner, int flags)
{
    ForyRowView *self = PyObject_GC_New(ForyRowView, plan->st->row_types[kind]);
    if (self == NULL) {
        return NULL;
    }
    self->plan = (ForyRowSchema *)Py_NewRef((PyObject *)plan);
    self->node = node;
    self->owner = Py_NewRef(owner);
    self->flags = flags;
    return self;
}

int
fory_row_view_traverse(ForyRowView *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->plan);
    Py_VISIT(self->owner);
    return 0;
}

void
fory_row_view_dealloc(ForyRowView *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->plan);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyObject *
fory_row_view_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    PyErr_Format(PyExc_TypeError, "%s cannot be made directly: it comes from a row", type->tp_name);
    return NULL;
}

PyObject *
fory_row_view(ForyRowSchema *plan, ForyRowNode *node, PyObject *owner, const uint8_t *data, size_t size, int flags)
{
    ForyState *st = plan->st;
    ForyRowView *self;
    fory_row_array array = {data, data, size, 0}, keys = array;
    int kind = FORY_ROW_DATA;
    ForyRowNode *shown = node;
    if (node->type_id == FORY_STRUCT) {
        if (FORY_UNLIKELY(size < node->fixed_size)) {
            return fory_raise(st, FORY_E_TRUNCATED, "a row of %zu bytes is too short for its %zd fields", size,
                              node->n_children);
        }
    }
    else if (node->type_id == FORY_LIST) {
        kind = FORY_ROW_ARRAY;
        shown = &node->children[0];
        if (FORY_UNLIKELY(fory_row_open_array(data, size, shown->width, &array) != FORY_OK)) {
            return fory_raise(st, FORY_E_INVALID_DATA, "an array of %zu bytes is too short for its elements", size);
        }
    }
    else {
        kind = FORY_ROW_MAP;
        if (FORY_UNLIKELY(fory_row_open_map(data, size, node->children[0].width, node->children[1].width, &keys,
                                            &array) != FORY_OK)) {
            return fory_raise(st, FORY_E_INVALID_DATA, "a map of %zu bytes whose two arrays do not fit", size);
        }
    }
    self = fory_row_view_alloc(plan, shown, kind, owner, flags);
    if (FORY_UNLIKELY(self == NULL)) {
        return NULL;
    }
    self->data = data;
    self->size = size;
    self->array = array;
    self->keys = keys;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

PyObject *
fory_row_array_view(ForyRowView *parent, ForyRowNode *element, const fory_row_array *array)
{
    ForyRowView *self = fory_row_view_alloc(parent->plan, element, FORY_ROW_ARRAY, parent->owner, parent->flags);
    if (self == NULL) {
        return NULL;
    }
    self->data = array->data;
    self->size = array->size;
    self->array = self->keys = *array;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* ---- following slots --------------------------------------------------------------- */

PyObject *
fory_row_get(ForyRowView *self, ForyRowNode *node, const uint8_t *data, size_t size, const uint8_t *slot)
{
    ForyState *st = self->plan->st;
    size_t offset, length;
    if (node->fixed_width != 0) {
        return fory_row_read_number(st, node, slot, self->flags & FORY_ROW_UTC);
    }
    if (FORY_UNLIKELY(fory_row_follow(slot, size, &offset, &length) != FORY_OK)) {
        return fory_row_damaged(st, node, offset, length, size);
    }
    switch (node->type_id) {
    case FORY_STRING:
        return fory_row_read_text(st, data + offset, length);
    case FORY_BINARY:
        return PyBytes_FromStringAndSize((const char *)data + offset, (Py_ssize_t)length);
    case FORY_DECIMAL:
        return fory_row_is_decimal(data + offset, length) ? fory_row_decimal_get(st, node, data + offset)
                                                          : fory_row_damaged(st, node, offset, length, 16);
    default:
        return fory_row_view(self->plan, node, self->owner, data + offset, length, self->flags);
    }
}

PyObject *
fory_row_item(ForyRowView *self, ForyRowNode *element, const fory_row_array *array, size_t i)
{
    if (fory_row_is_null(array->data + 8, i)) {
        return Py_NewRef(Py_None);
    }
    return fory_row_get(self, element, array->data, array->size, array->items + i * element->width);
}

int
fory_row_index(ForyState *st, PyObject *key, size_t count, size_t *out)
{
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (FORY_UNLIKELY(i < 0 || (size_t)i >= count)) {
        fory_raise(st, FORY_E_INDEX, "index %zd is not in the range of %zu values", i, count);
        return -1;
    }
    *out = (size_t)i;
    return 0;
}

/* ---- typed getters -------------------------------------------------------------------- */

static int
is_row(const ForyRowView *self)
{
    return Py_TYPE(self) == self->plan->st->row_types[FORY_ROW_DATA];
}

static PyObject *
get_typed(ForyRowView *self, PyObject *key, int type_id)
{
    ForyState *st = self->plan->st;
    int row = is_row(self);
    ForyRowNode *node;
    size_t i;
    if (fory_row_index(st, key, row ? (size_t)self->node->n_children : self->array.count, &i) < 0) {
        return NULL;
    }
    node = row ? &self->node->children[i] : self->node;
    if (FORY_UNLIKELY(node->type_id != type_id)) {
        return fory_raise(st, FORY_E_TYPE, "value %zu is %s, not %s", i, fory_row_type_name(node->type_id),
                          fory_row_type_name(type_id));
    }
    if (!row) {
        return fory_row_item(self, node, &self->array, i);
    }
    if (fory_row_is_null(self->data, i)) {
        return Py_NewRef(Py_None);
    }
    return fory_row_get(self, node, self->data, self->size, fory_row_slot(self->node, self->data, (Py_ssize_t)i));
}

#define DEFINE_GETTER(name, type_id)                   \
    PyObject *fory_row_get_##name(ForyRowView *self, PyObject *index) \
    {                                                  \
        return get_typed(self, index, type_id);        \
    }
DEFINE_GETTER(boolean, FORY_BOOL)
DEFINE_GETTER(int8, FORY_INT8)
DEFINE_GETTER(int16, FORY_INT16)
DEFINE_GETTER(int32, FORY_INT32)
DEFINE_GETTER(int64, FORY_INT64)
DEFINE_GETTER(float16, FORY_FLOAT16)
DEFINE_GETTER(float, FORY_FLOAT32)
DEFINE_GETTER(double, FORY_FLOAT64)
DEFINE_GETTER(date, FORY_DATE)
DEFINE_GETTER(datetime, FORY_TIMESTAMP)
DEFINE_GETTER(duration, FORY_DURATION)
DEFINE_GETTER(decimal, FORY_DECIMAL)
DEFINE_GETTER(binary, FORY_BINARY)
DEFINE_GETTER(str, FORY_STRING)
DEFINE_GETTER(struct, FORY_STRUCT)
DEFINE_GETTER(array_data, FORY_LIST)
DEFINE_GETTER(map_data, FORY_MAP)

PyObject *
fory_row_is_null_at(ForyRowView *self, PyObject *key)
{
    int row = is_row(self);
    size_t i;
    if (fory_row_index(self->plan->st, key, row ? (size_t)self->node->n_children : self->array.count, &i) < 0) {
        return NULL;
    }
    return PyBool_FromLong(fory_row_is_null(row ? self->data : self->array.data + 8, i));
}

/* ---- bytes ------------------------------------------------------------------------------ */

PyObject *
fory_row_view_buffer(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return PyObject_CallOneArg((PyObject *)self->plan->st->BufferType, self->owner);
}

PyObject *
fory_row_view_base_offset(ForyRowView *self, PyObject *unused)
{
    const uint8_t *start;
    size_t size;
    (void)unused;
    fory_row_owner_span(self->owner, &start, &size);
    return PyLong_FromSsize_t(self->data - start);
}

PyObject *
fory_row_view_size_bytes(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(self->size);
}

PyObject *
fory_row_view_to_bytes(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return PyBytes_FromStringAndSize((const char *)self->data, (Py_ssize_t)self->size);
}

int
fory_row_getbuffer(ForyRowView *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, (void *)self->data, (Py_ssize_t)self->size, 1, flags);
}

/* ---- whole values ---------------------------------------------------------------------------- */

PyObject *
fory_row_view_value(ForyRowView *self)
{
    ForyState *st = self->plan->st;
    ForyRowDecoder d;
    PyObject *result;
    fory_row_decoder_init(&d, st, self->size, self->flags);
    Py_INCREF(self);
    if (is_row(self)) {
        result = fory_row_decode_struct(&d, self->node, self->data, self->size);
    }
    else if (Py_TYPE(self) == st->row_types[FORY_ROW_ARRAY]) {
        result = fory_row_decode_items(&d, self->node, &self->array, 0, self->array.count);
    }
    else {
        result = fory_row_decode_map(&d, self->node, self->data, self->size);
    }
    Py_DECREF(self);
    return fory_row_decoded(&d, result);
}

/* ---- text ---------------------------------------------------------------------------------------- */

/* Two styles: str is "{name=text,items=[1,null]}"; repr is that of Python values,
 * with long collections cut. `left` bounds the work on overlapping values. */
typedef struct Text {
    PyObject *parts;
    ForyRowView *view;
    size_t left;
    int repr;
} Text;

static int append_struct(Text *t, ForyRowNode *node, const uint8_t *data, size_t size);
static int append_array(Text *t, ForyRowNode *element, const fory_row_array *array);
static int append_map(Text *t, const ForyRowNode *node, const fory_row_array *keys, const fory_row_array *values);

/* Steals part. */
static int
append(Text *t, PyObject *part)
{
    int rc = part == NULL ? -1 : PyList_Append(t->parts, part);
    Py_XDECREF(part);
    return rc;
}

static int
append_c(Text *t, const char *text)
{
    return append(t, PyUnicode_FromString(text));
}

static int
append_value(Text *t, ForyRowNode *node, const uint8_t *data, size_t size, const uint8_t *slot)
{
    ForyState *st = t->view->plan->st;
    fory_row_array keys, values;
    size_t offset, length;
    PyObject *v;
    if (t->left-- == 0) {
        fory_raise(st, FORY_E_INVALID_DATA, "values of a row overlap");
        return -1;
    }
    if (node->n_children == 0 && node->type_id != FORY_STRUCT) {
        v = fory_row_get(t->view, node, data, size, slot);
        if (v == NULL) {
            return -1;
        }
        int rc = append(t, t->repr ? PyObject_Repr(v) : PyObject_Str(v));
        Py_DECREF(v);
        return rc;
    }
    if (fory_row_follow(slot, size, &offset, &length) != FORY_OK) {
        fory_row_damaged(st, node, offset, length, size);
        return -1;
    }
    data += offset;
    if (node->type_id == FORY_STRUCT) {
        return append_struct(t, node, data, length);
    }
    if (node->type_id == FORY_LIST) {
        if (fory_row_open_array(data, length, node->children[0].width, &values) != FORY_OK) {
            fory_row_damaged(st, node, offset, length, size);
            return -1;
        }
        return append_array(t, &node->children[0], &values);
    }
    if (fory_row_open_map(data, length, node->children[0].width, node->children[1].width, &keys, &values) != FORY_OK) {
        fory_row_damaged(st, node, offset, length, size);
        return -1;
    }
    return append_map(t, node, &keys, &values);
}

static int
append_item(Text *t, ForyRowNode *element, const fory_row_array *array, size_t i)
{
    if (fory_row_is_null(array->data + 8, i)) {
        return append_c(t, t->repr ? "None" : "null");
    }
    return append_value(t, element, array->data, array->size, array->items + i * element->width);
}

static int
append_struct(Text *t, ForyRowNode *node, const uint8_t *data, size_t size)
{
    if (size < node->fixed_size) {
        fory_row_damaged(t->view->plan->st, node, 0, node->fixed_size, size);
        return -1;
    }
    if (append_c(t, t->repr ? "RowData(" : "{") < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        ForyRowNode *child = &node->children[i];
        if (append(t, PyUnicode_FromFormat("%s%U=", i == 0 ? "" : t->repr ? ", " : ",", child->name)) < 0) {
            return -1;
        }
        int rc = fory_row_is_null(data, (size_t)i) ? append_c(t, t->repr ? "None" : "null")
                                                   : append_value(t, child, data, size, fory_row_slot(node, data, i));
        if (rc < 0) {
            return -1;
        }
    }
    return append_c(t, t->repr ? ")" : "}");
}

static int
append_array(Text *t, ForyRowNode *element, const fory_row_array *array)
{
    size_t n = array->count;
    if (append_c(t, "[") < 0) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && append_c(t, t->repr ? ", " : ",") < 0) {
            return -1;
        }
        if (t->repr && i == REPR_ELEMENTS && n > REPR_ELEMENTS + 1) {
            if (append(t, PyUnicode_FromFormat("... %zu more", n - i)) < 0) {
                return -1;
            }
            break;
        }
        if (append_item(t, element, array, i) < 0) {
            return -1;
        }
    }
    return append_c(t, "]");
}

static int
append_map(Text *t, const ForyRowNode *node, const fory_row_array *keys, const fory_row_array *values)
{
    ForyRowNode *key = &node->children[0], *value = &node->children[1];
    if (!t->repr) {
        return append_c(t, "Map{") < 0 || append_array(t, key, keys) < 0 || append_c(t, ", ") < 0 ||
                       append_array(t, value, values) < 0 || append_c(t, "}") < 0
                   ? -1
                   : 0;
    }
    if (append_c(t, "{") < 0) {
        return -1;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (i > 0 && append_c(t, ", ") < 0) {
            return -1;
        }
        if (i == REPR_ELEMENTS && keys->count > REPR_ELEMENTS + 1) {
            if (append(t, PyUnicode_FromFormat("... %zu more", keys->count - i)) < 0) {
                return -1;
            }
            break;
        }
        if (append_item(t, key, keys, i) < 0 || append_c(t, ": ") < 0 || append_item(t, value, values, i) < 0) {
            return -1;
        }
    }
    return append_c(t, "}");
}

static PyObject *
view_text(ForyRowView *self, int repr)
{
    ForyState *st = self->plan->st;
    Text t = {PyList_New(0), self, self->size + 64, repr};
    PyObject *empty = NULL, *text = NULL;
    int rc;
    if (t.parts == NULL) {
        return NULL;
    }
    Py_INCREF(self);
    if (is_row(self)) {
        rc = append_struct(&t, self->node, self->data, self->size);
    }
    else if (Py_TYPE(self) == st->row_types[FORY_ROW_ARRAY]) {
        rc = (repr && append_c(&t, "ArrayData(") < 0) || append_array(&t, self->node, &self->array) < 0 ||
             (repr && append_c(&t, ")") < 0);
    }
    else {
        rc = (repr && append_c(&t, "MapData(") < 0) ||
             append_map(&t, self->node, &self->keys, &self->array) < 0 || (repr && append_c(&t, ")") < 0);
    }
    if (rc == 0 && (empty = PyUnicode_FromString("")) != NULL) {
        text = PyUnicode_Join(empty, t.parts);
    }
    Py_XDECREF(empty);
    Py_DECREF(t.parts);
    Py_DECREF(self);
    return text;
}

PyObject *
fory_row_view_str(ForyRowView *self)
{
    return view_text(self, 0);
}

PyObject *
fory_row_view_repr(ForyRowView *self)
{
    return view_text(self, 1);
}

/* ---- types ------------------------------------------------------------------------------------------ */

int
fory_row_add_type(PyObject *module, ForyState *st, enum fory_row_type kind, PyType_Spec *spec,
                  getbufferproc getbuffer)
{
    PyTypeObject *type = fory_new_type(module, spec);
    if (type == NULL) {
        return -1;
    }
    st->row_types[kind] = type;
#if PY_VERSION_HEX < 0x03090000
    if (getbuffer != NULL) {
        type->tp_as_buffer->bf_getbuffer = getbuffer;
    }
#else
    (void)getbuffer;
#endif
    return PyModule_AddType(module, type);
}

int
fory_row_init(PyObject *module, ForyState *st)
{
    return fory_row_values_init(st) < 0 || fory_row_memory_type_init(module, st) < 0 ||
                   fory_row_view_type_init(module, st) < 0 || fory_row_array_type_init(module, st) < 0 ||
                   fory_row_map_type_init(module, st) < 0 || fory_row_schema_type_init(module, st) < 0 ||
                   fory_row_codec_type_init(module, st) < 0 || fory_row_batch_type_init(module, st) < 0 ||
                   fory_row_arrow_init(module, st) < 0
               ? -1
               : 0;
}
