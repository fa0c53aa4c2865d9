/* ArrayData: the elements of a list, read where they lie. `node` is that of the
 * elements. */
#include "row/row.h"

static Py_ssize_t
array_length(ForyRowView *self)
{
    return (Py_ssize_t)self->array.count;
}

static PyObject *
array_item(ForyRowView *self, Py_ssize_t i)
{
    if (i < 0 || (size_t)i >= self->array.count) {
        return fory_raise(self->plan->st, FORY_E_INDEX, "length is %zu, but index is %zd", self->array.count, i);
    }
    return fory_row_item(self, self->node, &self->array, (size_t)i);
}

static PyObject *
array_slice(ForyRowView *self, PyObject *slice)
{
    Py_ssize_t start, stop, step, n;
    PyObject *values;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) {
        return NULL;
    }
    n = PySlice_AdjustIndices((Py_ssize_t)self->array.count, &start, &stop, step);
    values = PyList_New(n);
    for (Py_ssize_t k = 0; values != NULL && k < n; k++, start += step) {
        PyObject *v = fory_row_item(self, self->node, &self->array, (size_t)start);
        if (v == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        PyList_SET_ITEM(values, k, v);
    }
    return values;
}

static PyObject *
array_subscript(ForyRowView *self, PyObject *key)
{
    if (FORY_LIKELY(PyIndex_Check(key))) {
        size_t i;
        return fory_row_index(self->plan->st, key, self->array.count, &i) < 0
                   ? NULL
                   : fory_row_item(self, self->node, &self->array, i);
    }
    if (PySlice_Check(key)) {
        return array_slice(self, key);
    }
    return fory_raise(self->plan->st, FORY_E_TYPE, "an element is found by index, not by %s", Py_TYPE(key)->tp_name);
}

static PyObject *
array_get(ForyRowView *self, PyObject *key)
{
    return array_subscript(self, key);
}

static PyObject *
array_to_list(ForyRowView *self, PyObject *unused)
{
    (void)unused;
    return fory_row_view_value(self);
}

static PyObject *
array_richcompare(ForyRowView *self, PyObject *other, int op)
{
    PyObject *a, *b, *result = NULL;
    int array = Py_TYPE(other) == Py_TYPE(self);
    if ((op != Py_EQ && op != Py_NE) || (!array && !PyList_Check(other))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if ((array ? ((ForyRowView *)other)->array.count : (size_t)PyList_GET_SIZE(other)) != self->array.count) {
        return PyBool_FromLong(op == Py_NE);
    }
    a = fory_row_view_value(self);
    b = a == NULL ? NULL : array ? fory_row_view_value((ForyRowView *)other) : Py_NewRef(other);
    if (b != NULL) {
        result = PyObject_RichCompare(a, b, op);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

/* ---- fixed widths ----------------------------------------------------------------- */

static const char *
letter_of(int type_id)
{
    switch (type_id) {
    case FORY_BOOL: return "?";
    case FORY_INT8: return "b";
    case FORY_INT16: return "<h";
    case FORY_INT32: return "<i";
    case FORY_INT64: return "<q";
    case FORY_FLOAT16: return "<e";
    case FORY_FLOAT32: return "<f";
    case FORY_FLOAT64: return "<d";
    case FORY_DATE: return "<i";
    default: return "<q";
    }
}

/* Native letters where they are the same: consumers understand those best. */
static const char *
format_of(int type_id)
{
    const char *letter = letter_of(type_id);
    return FORY_BIG_ENDIAN || letter[1] == '\0' ? letter : letter + 1;
}

/* The elements of a fixed width as an array of numbers (dates in days since
 * 1970, timestamps and durations in microseconds; nulls are 0), other arrays as
 * their bytes. */
static int
array_getbuffer(ForyRowView *self, Py_buffer *view, int flags)
{
    unsigned width = self->node->fixed_width;
    if (width == 0) {
        return fory_row_getbuffer(self, view, flags);
    }
    if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE) {
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "rows are read-only");
        return -1;
    }
    self->shape = (Py_ssize_t)self->array.count;
    self->stride = (Py_ssize_t)width;
    view->buf = (void *)self->array.items;
    view->obj = Py_NewRef((PyObject *)self);
    view->len = (Py_ssize_t)(self->array.count * width);
    view->readonly = 1;
    view->itemsize = (Py_ssize_t)width;
    view->format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? (char *)format_of(self->node->type_id) : NULL;
    view->ndim = 1;
    view->shape = (flags & PyBUF_ND) == PyBUF_ND ? &self->shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &self->stride : NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    return 0;
}

static size_t
count_nulls(const fory_row_array *array)
{
    size_t nulls = 0;
    for (size_t i = 0; i < array->count; i++) {
        nulls += (size_t)fory_row_is_null(array->data + 8, i);
    }
    return nulls;
}

static PyObject *
array_to_numpy(ForyRowView *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"allow_null", NULL};
    ForyState *st = self->plan->st;
    PyObject *numpy = NULL, *array = NULL, *converted;
    int allow_null = 0;
    const char *dtype;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$p:to_numpy", names, &allow_null)) {
        return NULL;
    }
    if (self->node->fixed_width == 0) {
        return fory_raise(st, FORY_E_TYPE, "elements of type %s have no fixed width", fory_row_type_name(self->node->type_id));
    }
    if (!allow_null && count_nulls(&self->array) > 0) {
        return fory_raise(st, FORY_E_INVALID,
                          "the array has nulls: to_numpy(allow_null=True) shows them as 0, see null_mask()");
    }
    switch (self->node->type_id) {
    case FORY_TIMESTAMP:
        dtype = "<M8[us]";
        break;
    case FORY_DURATION:
        dtype = "<m8[us]";
        break;
    default:
        dtype = letter_of(self->node->type_id);
        if (self->node->type_id == FORY_INT8) {
            dtype = "i1";
        }
    }
    numpy = PyImport_ImportModule("numpy");
    if (numpy == NULL) {
        return NULL;
    }
    array = PyObject_CallMethod(numpy, "ndarray", "(n)sO", (Py_ssize_t)self->array.count, dtype, (PyObject *)self);
    Py_DECREF(numpy);
    if (array != NULL && self->node->type_id == FORY_DATE) {
        /* NumPy keeps dates in 64 bits */
        converted = PyObject_CallMethod(array, "astype", "s", "<M8[D]");
        Py_DECREF(array);
        array = converted;
    }
    return array;
}

static PyObject *
array_null_mask(ForyRowView *self, PyObject *unused)
{
    PyObject *bytes = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)self->array.count), *numpy = NULL, *mask = NULL;
    (void)unused;
    if (bytes == NULL) {
        return NULL;
    }
    char *out = PyByteArray_AS_STRING(bytes);
    for (size_t i = 0; i < self->array.count; i++) {
        out[i] = (char)fory_row_is_null(self->array.data + 8, i);
    }
    numpy = PyImport_ImportModule("numpy");
    if (numpy != NULL) {
        mask = PyObject_CallMethod(numpy, "ndarray", "(n)sO", (Py_ssize_t)self->array.count, "?", bytes);
        Py_DECREF(numpy);
    }
    Py_DECREF(bytes);
    return mask;
}

static PyObject *
array_get_num_elements(ForyRowView *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(self->array.count);
}

static PyObject *
array_get_null_count(ForyRowView *self, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(count_nulls(&self->array));
}

static PyMethodDef array_methods[] = {
    {"get", (PyCFunction)array_get, METH_O, "get($self, i, /)\n--\n\nElement i."},
    {"to_list", (PyCFunction)array_to_list, METH_NOARGS,
     "to_list($self, /)\n--\n\nAll elements as a list, nested values as dicts and lists."},
    {"to_numpy", FORY_ROW_KEYWORDS(array_to_numpy), METH_VARARGS | METH_KEYWORDS,
     "to_numpy($self, /, *, allow_null=False)\n--\n\nA read-only NumPy array over the elements, without a copy (dates: with one).\n\n"
     "Elements must have a fixed width (ForyTypeError). Timestamps are instants in UTC."},
    {"null_mask", (PyCFunction)array_null_mask, METH_NOARGS,
     "null_mask($self, /)\n--\n\nNumPy array of bool, True where an element is null."},
    FORY_ROW_GETTER_METHODS,
    FORY_ROW_COMMON_METHODS,
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef array_getset[] = {
    {"num_elements", (getter)array_get_num_elements, NULL, "Number of elements.", NULL},
    {"null_count", (getter)array_get_null_count, NULL, "Number of elements that are null.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot array_slots[] = {
    {Py_tp_doc, "The elements of a list in a row, read where they lie."},
    {Py_tp_new, fory_row_view_no_new},
    {Py_tp_traverse, fory_row_view_traverse},
    {Py_tp_dealloc, fory_row_view_dealloc},
    {Py_tp_richcompare, array_richcompare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_str, fory_row_view_str},
    {Py_tp_repr, fory_row_view_repr},
    {Py_tp_methods, array_methods},
    {Py_tp_getset, array_getset},
    {Py_sq_length, array_length},
    {Py_sq_item, array_item},
    {Py_mp_length, array_length},
    {Py_mp_subscript, array_subscript},
    FORY_ROW_BUFFER_SLOT(array_getbuffer)
    {0, NULL},
};

static PyType_Spec array_spec = {
    .name = "pyfory._core.ArrayData",
    .basicsize = sizeof(ForyRowView),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = array_slots,
};

int
fory_row_array_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_ARRAY, &array_spec, (getbufferproc)array_getbuffer);
}
