/* MapData: the keys and values of a map, read where they lie. */
#include "row/row.h"

static Py_ssize_t
map_length(ForyRowView *self)
{
    return (Py_ssize_t)self->keys.count;
}

static PyObject *
map_keys_array(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return fory_row_array_view(self, &self->node->children[0], &self->keys);
}

static PyObject *
map_values_array(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return fory_row_array_view(self, &self->node->children[1], &self->array);
}

/* Position of a str key by its bytes. -1 not there, -2 on failure. */
static Py_ssize_t
find_text(ForyRowView *self, PyObject *key)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(key, &size);
    if (text == NULL) {
        PyErr_Clear(); /* a lone surrogate: not in any row */
        return -1;
    }
    for (size_t i = 0; i < self->keys.count; i++) {
        size_t offset, length;
        if (fory_row_is_null(self->keys.data + 8, i)) {
            continue;
        }
        if (fory_row_follow(self->keys.items + i * 8, self->keys.size, &offset, &length) != FORY_OK) {
            fory_row_damaged(self->plan->st, &self->node->children[0], offset, length, self->keys.size);
            return -2;
        }
        if (length == (size_t)size && memcmp(self->keys.data + offset, text, length) == 0) {
            return (Py_ssize_t)i;
        }
    }
    return -1;
}

static Py_ssize_t
find_key(ForyRowView *self, PyObject *key)
{
    ForyRowNode *node = &self->node->children[0];
    if (node->type_id == FORY_STRING && PyUnicode_CheckExact(key)) {
        return find_text(self, key);
    }
    for (size_t i = 0; i < self->keys.count; i++) {
        PyObject *have = fory_row_item(self, node, &self->keys, i);
        int same;
        if (have == NULL) {
            return -2;
        }
        same = PyObject_RichCompareBool(have, key, Py_EQ);
        Py_DECREF(have);
        if (same != 0) {
            return same < 0 ? -2 : (Py_ssize_t)i;
        }
    }
    return -1;
}

static PyObject *
map_subscript(ForyRowView *self, PyObject *key)
{
    Py_ssize_t i = find_key(self, key);
    if (i == -1) {
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return i < 0 ? NULL : fory_row_item(self, &self->node->children[1], &self->array, (size_t)i);
}

static int
map_contains(ForyRowView *self, PyObject *key)
{
    Py_ssize_t i = find_key(self, key);
    return i == -2 ? -1 : i >= 0;
}

static PyObject *
map_get(ForyRowView *self, PyObject *args)
{
    PyObject *key, *fallback = Py_None;
    Py_ssize_t i;
    if (!PyArg_ParseTuple(args, "O|O:get", &key, &fallback) || (i = find_key(self, key)) == -2) {
        return NULL;
    }
    return i < 0 ? Py_NewRef(fallback) : fory_row_item(self, &self->node->children[1], &self->array, (size_t)i);
}

static PyObject *
map_iter(ForyRowView *self)
{
    PyObject *keys = map_keys_array(self, NULL), *iterator;
    if (keys == NULL) {
        return NULL;
    }
    iterator = PySeqIter_New(keys);
    Py_DECREF(keys);
    return iterator;
}

static PyObject *
map_items(ForyRowView *self, PyObject *unused)
{
    size_t n = self->keys.count;
    PyObject *items = PyList_New((Py_ssize_t)n);
    (void)unused;
    for (size_t i = 0; items != NULL && i < n; i++) {
        PyObject *pair = NULL, *k = fory_row_item(self, &self->node->children[0], &self->keys, i);
        PyObject *v = k == NULL ? NULL : fory_row_item(self, &self->node->children[1], &self->array, i);
        if (v != NULL) {
            pair = PyTuple_Pack(2, k, v);
        }
        Py_XDECREF(k);
        Py_XDECREF(v);
        if (pair == NULL) {
            Py_DECREF(items);
            return NULL;
        }
        PyList_SET_ITEM(items, (Py_ssize_t)i, pair);
    }
    return items;
}

static PyObject *
map_to_dict(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return fory_row_view_value(self);
}

static PyObject *
map_richcompare(ForyRowView *self, PyObject *other, int op)
{
    PyObject *a, *b, *result = NULL;
    int map = Py_TYPE(other) == Py_TYPE(self);
    if ((op != Py_EQ && op != Py_NE) || (!map && !PyDict_Check(other))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    a = fory_row_view_value(self);
    b = a == NULL ? NULL : map ? fory_row_view_value((ForyRowView *)other) : Py_NewRef(other);
    if (b != NULL) {
        result = PyObject_RichCompare(a, b, op);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

static PyObject *
map_get_num_elements(ForyRowView *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->keys.count);
}

static PyMethodDef map_methods[] = {
    {"keys_array", (PyCFunction)map_keys_array, METH_NOARGS, "keys_array($self, /)\n--\n\nThe keys as ArrayData."},
    {"values_array", (PyCFunction)map_values_array, METH_NOARGS,
     "values_array($self, /)\n--\n\nThe values as ArrayData."},
    {"keys", (PyCFunction)map_keys_array, METH_NOARGS, "keys($self, /)\n--\n\nThe keys as ArrayData."},
    {"values", (PyCFunction)map_values_array, METH_NOARGS, "values($self, /)\n--\n\nThe values as ArrayData."},
    {"items", (PyCFunction)map_items, METH_NOARGS, "items($self, /)\n--\n\nA list of (key, value) pairs."},
    {"get", (PyCFunction)map_get, METH_VARARGS,
     "get($self, key, default=None, /)\n--\n\nThe value of a key, which is searched from the start."},
    {"to_dict", (PyCFunction)map_to_dict, METH_NOARGS,
     "to_dict($self, /)\n--\n\nThe whole map as a dict, nested values as dicts and lists."},
    FORY_ROW_COMMON_METHODS,
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef map_getset[] = {
    {"num_elements", (getter)map_get_num_elements, NULL, "Number of pairs.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot map_slots[] = {
    {Py_tp_doc, "A map in a row, read where it lies. Keys are searched from the start."},
    {Py_tp_new, fory_row_view_no_new},
    {Py_tp_traverse, fory_row_view_traverse},
    {Py_tp_dealloc, fory_row_view_dealloc},
    {Py_tp_richcompare, map_richcompare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_str, fory_row_view_str},
    {Py_tp_repr, fory_row_view_repr},
    {Py_tp_iter, map_iter},
    {Py_tp_methods, map_methods},
    {Py_tp_getset, map_getset},
    {Py_sq_contains, map_contains},
    {Py_mp_length, map_length},
    {Py_mp_subscript, map_subscript},
    FORY_ROW_BUFFER_SLOT(fory_row_getbuffer)
    {0, NULL},
};

static PyType_Spec map_spec = {
    .name = "pyfory._core.MapData",
    .basicsize = sizeof(ForyRowView),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = map_slots,
};

int
fory_row_map_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_MAP, &map_spec, (getbufferproc)fory_row_getbuffer);
}
