/* RowData: a row that is read where it lies. */
#include "row/row.h"

static PyObject *
row_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"schema", "buffer", "offset", "size_in_bytes", "trusted", "utc", NULL};
    ForyState *st = fory_state_of_type(type);
    PyObject *schema, *buffer, *size_in_bytes = Py_None, *owner = NULL, *self = NULL;
    ForyRowSchema *plan = NULL;
    Py_ssize_t offset = 0, n;
    int trusted = 0, utc = 0;
    const uint8_t *data;
    size_t size;
    if (st == NULL) {
        return NULL;
    }
    if (FORY_LIKELY(kwargs == NULL && PyTuple_GET_SIZE(args) == 2)) {
        schema = PyTuple_GET_ITEM(args, 0);
        buffer = PyTuple_GET_ITEM(args, 1);
    }
    else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|nO$pp:RowData", names, &schema, &buffer, &offset,
                                          &size_in_bytes, &trusted, &utc)) {
        return NULL;
    }
    plan = fory_row_schema_of(st, schema);
    if (plan == NULL || (owner = fory_row_pin(st, buffer, &data, &size)) == NULL) {
        goto done;
    }
    n = (Py_ssize_t)size - offset;
    if (size_in_bytes != Py_None) {
        n = PyNumber_AsSsize_t(size_in_bytes, PyExc_OverflowError);
        if (n == -1 && PyErr_Occurred()) {
            goto done;
        }
    }
    if (offset < 0 || n < 0 || (size_t)offset > size || (size_t)n > size - (size_t)offset) {
        fory_raise(st, FORY_E_INVALID, "Wrong offset %zd or size %zd for buffer with size %zu", offset, n, size);
        goto done;
    }
    self = fory_row_view(plan, &plan->root, owner, data + offset, (size_t)n,
                         (trusted ? FORY_ROW_TRUSTED : 0) | (utc ? FORY_ROW_UTC : 0));
done:
    Py_XDECREF(plan);
    Py_XDECREF(owner);
    return self;
}

FORY_INLINE PyObject *
field(ForyRowView *self, Py_ssize_t i)
{
    ForyRowNode *node = self->node;
    if (fory_row_is_null(self->data, (size_t)i)) {
        return Py_NewRef(Py_None);
    }
    return fory_row_get(self, &node->children[i], self->data, self->size, fory_row_slot(node, self->data, i));
}

static PyObject *
no_field(ForyRowView *self, PyObject *name)
{
    return fory_raise(self->plan->st, FORY_E_FIELD, "the row has no field %R", name);
}

static PyObject *
row_getattro(ForyRowView *self, PyObject *name)
{
    Py_ssize_t i = fory_row_field_index(self->node, name);
    PyObject *v;
    if (FORY_LIKELY(i >= 0 && !self->node->children[i].shadowed)) {
        return field(self, i);
    }
    if (i == -2) {
        return NULL;
    }
    v = PyObject_GenericGetAttr((PyObject *)self, name);
    if (v == NULL && PyErr_ExceptionMatches(PyExc_AttributeError) &&
        _PyType_Lookup(Py_TYPE(self), name) == NULL) {
        PyErr_Clear();
        return no_field(self, name);
    }
    return v;
}

static Py_ssize_t
row_length(ForyRowView *self)
{
    return self->node->n_children;
}

static PyObject *
row_item(ForyRowView *self, Py_ssize_t i)
{
    if (i < 0 || i >= self->node->n_children) {
        return fory_raise(self->plan->st, FORY_E_INDEX, "num_fields is %zd, but index is %zd",
                          self->node->n_children, i);
    }
    return field(self, i);
}

static PyObject *
row_slice(ForyRowView *self, PyObject *slice)
{
    Py_ssize_t start, stop, step, n;
    PyObject *values;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) {
        return NULL;
    }
    n = PySlice_AdjustIndices(self->node->n_children, &start, &stop, step);
    values = PyTuple_New(n);
    for (Py_ssize_t k = 0; values != NULL && k < n; k++, start += step) {
        PyObject *v = field(self, start);
        if (v == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        PyTuple_SET_ITEM(values, k, v);
    }
    return values;
}

static PyObject *
row_subscript(ForyRowView *self, PyObject *key)
{
    if (PyUnicode_Check(key)) {
        Py_ssize_t i = fory_row_field_index(self->node, key);
        return FORY_LIKELY(i >= 0) ? field(self, i) : i == -2 ? NULL : no_field(self, key);
    }
    if (PyIndex_Check(key)) {
        size_t i;
        return fory_row_index(self->plan->st, key, (size_t)self->node->n_children, &i) < 0
                   ? NULL
                   : field(self, (Py_ssize_t)i);
    }
    if (PySlice_Check(key)) {
        return row_slice(self, key);
    }
    return fory_raise(self->plan->st, FORY_E_TYPE, "a field is found by name or index, not by %s",
                      Py_TYPE(key)->tp_name);
}

static PyObject *
row_richcompare(ForyRowView *self, PyObject *other, int op)
{
    PyObject *a, *b, *result = NULL;
    ForyRowView *view = (ForyRowView *)other;
    if ((op != Py_EQ && op != Py_NE) || Py_TYPE(other) != Py_TYPE(self)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (fory_row_same_layout(self->node, view->node) && self->size == view->size &&
        memcmp(self->data, view->data, self->size) == 0) {
        return PyBool_FromLong(op == Py_EQ);
    }
    a = fory_row_view_value(self);
    b = a == NULL ? NULL : fory_row_view_value(view);
    if (b != NULL) {
        result = PyObject_RichCompare(a, b, op);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

static PyObject *
row_get(ForyRowView *self, PyObject *key)
{
    return row_subscript(self, key);
}

static PyObject *
row_to_dict(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return fory_row_view_value(self);
}

static PyObject *
row_dir(ForyRowView *self, PyObject *unused)
{
    PyObject *names = PyObject_CallMethod((PyObject *)&PyBaseObject_Type, "__dir__", "O", (PyObject *)self);
    (void)unused;
    for (Py_ssize_t i = 0; names != NULL && i < self->node->n_children; i++) {
        if (PyList_Append(names, self->node->children[i].name) < 0) {
            Py_CLEAR(names);
        }
    }
    return names;
}

static PyObject *
row_reduce(ForyRowView *self, PyObject *unused)
{
    PyObject *schema = fory_row_node_schema(self->plan, self->node), *bytes, *result = NULL;
    (void)unused;
    bytes = schema == NULL ? NULL : fory_row_view_to_bytes(self, NULL);
    if (bytes != NULL && !(self->flags & FORY_ROW_UTC)) {
        result = Py_BuildValue("O(OO)", (PyObject *)Py_TYPE(self), schema, bytes);
    }
    else if (bytes != NULL) {
        PyObject *module = PyImport_ImportModule("pyfory.format.encoder");
        PyObject *make = module == NULL ? NULL : PyObject_GetAttrString(module, "_row_in_utc");
        if (make != NULL) {
            result = Py_BuildValue("N(OO)", make, schema, bytes);
        }
        Py_XDECREF(module);
    }
    Py_XDECREF(schema);
    Py_XDECREF(bytes);
    return result;
}

static PyObject *
row_get_schema(ForyRowView *self, void *closure)
{
    (void)closure;
    return fory_row_node_schema(self->plan, self->node);
}

static PyObject *
row_get_num_fields(ForyRowView *self, void *closure)
{
    (void)closure;
    return PyLong_FromSsize_t(self->node->n_children);
}

static PyMethodDef row_methods[] = {
    {"get", (PyCFunction)row_get, METH_O, "get($self, field, /)\n--\n\nThe value of a field, by index or name."},
    {"to_dict", (PyCFunction)row_to_dict, METH_NOARGS,
     "to_dict($self, /)\n--\n\nAll values as a dict, nested ones as dicts and lists."},
    {"__dir__", (PyCFunction)row_dir, METH_NOARGS, NULL},
    {"__reduce__", (PyCFunction)row_reduce, METH_NOARGS, NULL},
    FORY_ROW_GETTER_METHODS,
    FORY_ROW_COMMON_METHODS,
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef row_getset[] = {
    {"schema", (getter)row_get_schema, NULL, "The Schema of the row.", NULL},
    {"num_fields", (getter)row_get_num_fields, NULL, "Number of fields.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot row_slots[] = {
    {Py_tp_doc, "RowData(schema, buffer, offset=0, size_in_bytes=None, *, trusted=False, utc=False)\n--\n\n"
                "A row read where it lies: row.name, row[\"name\"], row[0]. Values are made when asked for.\n\n"
                "The bytes are checked as they are read; what does not fit raises ForyInvalidDataError.\n"
                "trusted=True leaves out the check that values do not overlap. Timestamps come as naive\n"
                "local time, with utc=True as aware ones."},
    {Py_tp_new, row_new},
    {Py_tp_traverse, fory_row_view_traverse},
    {Py_tp_dealloc, fory_row_view_dealloc},
    {Py_tp_getattro, row_getattro},
    {Py_tp_richcompare, row_richcompare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_str, fory_row_view_str},
    {Py_tp_repr, fory_row_view_repr},
    {Py_tp_methods, row_methods},
    {Py_tp_getset, row_getset},
    {Py_sq_length, row_length},
    {Py_sq_item, row_item},
    {Py_mp_length, row_length},
    {Py_mp_subscript, row_subscript},
    FORY_ROW_BUFFER_SLOT(fory_row_getbuffer)
    {0, NULL},
};

static PyType_Spec row_spec = {
    .name = "pyfory._core.RowData",
    .basicsize = sizeof(ForyRowView),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = row_slots,
};

int
fory_row_view_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_DATA, &row_spec, (getbufferproc)fory_row_getbuffer);
}
