/* Dense arrays: the parts of the list protocol that search, slice, compare and reorder. */
#include "runtime/dense_array.h"

/* ---- helpers ------------------------------------------------------------ */

static PyObject *
to_list(ForyDenseArray *self)
{
    ForyState *st = fory_state_of_type(Py_TYPE(self));
    return st == NULL ? NULL : fory_dense_array_tolist(st, self->type_id, self->data, self->nbytes);
}

/* other as an array of our kind: 1 yes, 0 no, -1 error */
static int
same_kind(ForyDenseArray *self, PyObject *other)
{
    ForyState *st;
    if (Py_TYPE(self) == Py_TYPE(other)) {
        return 1;
    }
    st = fory_state_of_type(Py_TYPE(self));
    if (st == NULL) {
        return -1;
    }
    return PyObject_TypeCheck(other, st->DenseArrayType) && ((ForyDenseArray *)other)->type_id == self->type_id;
}

static ForyDenseArray *
copy_range(ForyDenseArray *self, Py_ssize_t start, Py_ssize_t stop)
{
    Py_ssize_t nbytes = stop > start ? (stop - start) * self->width : 0;
    ForyDenseArray *result = fory_array_alloc(Py_TYPE(self), self->type_id, nbytes);
    if (result != NULL && nbytes > 0) {
        memcpy(result->data, self->data + start * self->width, (size_t)nbytes);
    }
    return result;
}

FORY_INLINE void
copy_element(uint8_t *out, const uint8_t *in, int width)
{
    switch (width) {
    case 1:
        *out = *in;
        break;
    case 2:
        memcpy(out, in, 2);
        break;
    case 4:
        memcpy(out, in, 4);
        break;
    default:
        memcpy(out, in, 8);
        break;
    }
}

/* ---- search ------------------------------------------------------------- */

static Py_ssize_t
find_bytes(const ForyDenseArray *self, const uint8_t *needle, Py_ssize_t i, Py_ssize_t stop)
{
    const uint8_t *data = self->data;
    switch (self->width) {
    case 1: {
        const uint8_t *hit = i < stop ? memchr(data + i, *needle, (size_t)(stop - i)) : NULL;
        return hit != NULL ? hit - data : -1;
    }
    case 2: {
        uint16_t wanted = fory_load16(needle);
        for (; i < stop; i++) {
            if (fory_load16(data + 2 * i) == wanted) {
                return i;
            }
        }
        return -1;
    }
    case 4: {
        uint32_t wanted = fory_load32(needle);
        for (; i < stop; i++) {
            if (fory_load32(data + 4 * i) == wanted) {
                return i;
            }
        }
        return -1;
    }
    default: {
        uint64_t wanted = fory_load64(needle);
        for (; i < stop; i++) {
            if (fory_load64(data + 8 * i) == wanted) {
                return i;
            }
        }
        return -1;
    }
    }
}

/* First index in [start, stop) whose element equals value; -1 none, -2 error. */
Py_ssize_t
fory_array_find(ForyDenseArray *self, PyObject *value, Py_ssize_t start, Py_ssize_t stop)
{
    int domain = fory_array_kinds[self->type_id].domain;
    Py_ssize_t i, failed;
    int same;

    if (stop > fory_array_len(self)) {
        stop = fory_array_len(self);
    }
    if (domain == FORY_DOMAIN_FLOAT ? 0 : domain == FORY_DOMAIN_BOOL ? PyBool_Check(value) : PyLong_CheckExact(value)) {
        uint8_t needle[8];
        int status = fory_array_store(NULL, self->type_id, &value, 1, needle, &failed);
        if (status == FORY_STORE_OK) {
            return find_bytes(self, needle, start, stop);
        }
        return status == FORY_STORE_ERROR ? -2 : -1;
    }
    if (domain == FORY_DOMAIN_FLOAT && PyFloat_CheckExact(value)) {
        double wanted = PyFloat_AS_DOUBLE(value);
        for (i = start; i < stop; i++) {
            if (fory_array_load_double(self->type_id, self->data + i * self->width) == wanted) {
                return i;
            }
        }
        return -1;
    }
    /* a foreign __eq__ may change the array: look at its length every time */
    for (i = start; i < stop && i < fory_array_len(self); i++) {
        PyObject *item = fory_array_load(self->type_id, self->data + i * self->width);
        if (item == NULL) {
            return -2;
        }
        same = PyObject_RichCompareBool(item, value, Py_EQ);
        Py_DECREF(item);
        if (same != 0) {
            return same < 0 ? -2 : i;
        }
    }
    return -1;
}

static int
index_bound(PyObject *o, Py_ssize_t length, Py_ssize_t *out)
{
    Py_ssize_t i;
    if (!PyIndex_Check(o)) {
        PyErr_SetString(PyExc_TypeError, "slice indices must be integers or have an __index__ method");
        return -1;
    }
    i = PyNumber_AsSsize_t(o, NULL);
    if (i == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (i < 0) {
        i += length;
    }
    *out = i < 0 ? 0 : i;
    return 0;
}

static PyObject *
array_index(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", "start", "stop", NULL};
    ForyDenseArray *self = (ForyDenseArray *)op;
    PyObject *value, *start_arg = Py_None, *stop_arg = Py_None;
    Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, i;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:index", names, &value, &start_arg, &stop_arg)) {
        return NULL;
    }
    if (start_arg != Py_None && index_bound(start_arg, fory_array_len(self), &start) < 0) {
        return NULL;
    }
    if (stop_arg != Py_None && index_bound(stop_arg, fory_array_len(self), &stop) < 0) {
        return NULL;
    }
    i = fory_array_find(self, value, start, stop);
    if (i >= 0) {
        return PyLong_FromSsize_t(i);
    }
    if (i == -1) {
        PyErr_Format(PyExc_ValueError, "%R is not in array", value);
    }
    return NULL;
}

static PyObject *
array_count(PyObject *op, PyObject *value)
{
    Py_ssize_t n = 0, i = 0;
    for (;;) {
        i = fory_array_find((ForyDenseArray *)op, value, i, PY_SSIZE_T_MAX);
        if (i < 0) {
            return i == -1 ? PyLong_FromSsize_t(n) : NULL;
        }
        n++;
        i++;
    }
}

static PyObject *
array_remove(PyObject *op, PyObject *value)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    Py_ssize_t i = fory_array_find(self, value, 0, PY_SSIZE_T_MAX);
    if (i < 0) {
        if (i == -1) {
            PyErr_Format(PyExc_ValueError, "%R is not in array", value);
        }
        return NULL;
    }
    if (i < fory_array_len(self) && fory_array_splice(self, i, i + 1, NULL, 0) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- items and slices --------------------------------------------------- */

static int
item_index(ForyDenseArray *self, PyObject *key, Py_ssize_t *out)
{
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) {
        return -1;
    }
    *out = i < 0 ? i + fory_array_len(self) : i;
    return 0;
}

PyObject *
fory_array_subscript(PyObject *op, PyObject *key)
{
    ForyDenseArray *self = (ForyDenseArray *)op, *result;
    Py_ssize_t start, stop, step, n, i;

    if (PyIndex_Check(key)) {
        if (item_index(self, key, &i) < 0) {
            return NULL;
        }
        if (FORY_UNLIKELY(i < 0 || i >= fory_array_len(self))) {
            PyErr_SetString(PyExc_IndexError, "array index out of range");
            return NULL;
        }
        return fory_array_load(self->type_id, self->data + i * self->width);
    }
    if (!PySlice_Check(key)) {
        PyErr_Format(PyExc_TypeError, "array indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
        return NULL;
    }
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return NULL;
    }
    n = PySlice_AdjustIndices(fory_array_len(self), &start, &stop, step);
    if (step == 1) {
        return (PyObject *)copy_range(self, start, stop);
    }
    result = fory_array_alloc(Py_TYPE(self), self->type_id, n * self->width);
    if (result != NULL) {
        for (i = 0; i < n; i++) {
            copy_element(result->data + i * self->width, self->data + (start + i * step) * self->width, self->width);
        }
    }
    return (PyObject *)result;
}

static int
delete_slice(ForyDenseArray *self, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step)
{
    Py_ssize_t length = fory_array_len(self), n, i, to, next;

    n = PySlice_AdjustIndices(length, &start, &stop, step);
    if (n == 0) {
        return 0;
    }
    if (step == 1) {
        return fory_array_splice(self, start, stop, NULL, 0);
    }
    if (self->exports > 0) {
        PyErr_SetString(PyExc_BufferError, "cannot resize an array while a buffer view of it is alive");
        return -1;
    }
    if (step < 0) {
        start = start + (n - 1) * step;
        step = -step;
    }
    to = start;
    next = start;
    for (i = start; i < length; i++) {
        if (i == next && n > 0) {
            n--;
            next = n > 0 ? next + step : length;
            continue;
        }
        copy_element(self->data + to * self->width, self->data + i * self->width, self->width);
        to++;
    }
    return fory_array_resize(self, to * self->width);
}

static int
assign_slice(ForyDenseArray *self, PyObject *key, PyObject *value)
{
    ForyDenseArray *items = NULL;
    Py_ssize_t start, stop, step, n, count, i;
    int rc = -1;

    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return -1;
    }
    if (value == NULL) {
        return delete_slice(self, start, stop, step);
    }
    items = fory_array_alloc(Py_TYPE(self), self->type_id, 0);
    if (items == NULL || fory_array_extend(items, value) < 0) {
        goto error;
    }
    /* only now: iterating over value may have changed our length */
    n = PySlice_AdjustIndices(fory_array_len(self), &start, &stop, step);
    if (step == 1) {
        rc = fory_array_splice(self, start, stop < start ? start : stop, items->data, items->nbytes);
        goto error;
    }
    count = fory_array_len(items);
    if (count != n) {
        PyErr_Format(PyExc_ValueError, "attempt to assign sequence of size %zd to extended slice of size %zd", count,
                     n);
        goto error;
    }
    for (i = 0; i < n; i++) {
        copy_element(self->data + (start + i * step) * self->width, items->data + i * self->width, self->width);
    }
    rc = 0;

error:
    Py_XDECREF(items);
    return rc;
}

int
fory_array_ass_subscript(PyObject *op, PyObject *key, PyObject *value)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    Py_ssize_t i;

    if (PyIndex_Check(key)) {
        if (item_index(self, key, &i) < 0) {
            return -1;
        }
        return fory_array_ass_item(op, i, value);
    }
    if (PySlice_Check(key)) {
        return assign_slice(self, key, value);
    }
    PyErr_Format(PyExc_TypeError, "array indices must be integers or slices, not %.200s", Py_TYPE(key)->tp_name);
    return -1;
}

static PyObject *
array_pop(PyObject *op, PyObject *args)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    Py_ssize_t i = -1, n = fory_array_len(self);
    PyObject *item;

    if (!PyArg_ParseTuple(args, "|n:pop", &i)) {
        return NULL;
    }
    if (n == 0) {
        PyErr_SetString(PyExc_IndexError, "pop from empty array");
        return NULL;
    }
    if (i < 0) {
        i += n;
    }
    if (i < 0 || i >= n) {
        PyErr_SetString(PyExc_IndexError, "array index out of range");
        return NULL;
    }
    item = fory_array_load(self->type_id, self->data + i * self->width);
    if (item != NULL && fory_array_splice(self, i, i + 1, NULL, 0) < 0) {
        Py_CLEAR(item);
    }
    return item;
}

static PyObject *
array_clear(PyObject *op, PyObject *unused)
{
    (void)unused;
    if (fory_array_resize((ForyDenseArray *)op, 0) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
array_copy(PyObject *op, PyObject *unused)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    (void)unused;
    return (PyObject *)copy_range(self, 0, fory_array_len(self));
}

/* ---- arithmetic of lists ------------------------------------------------ */

PyObject *
fory_array_concat(PyObject *op, PyObject *other)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    ForyDenseArray *result = copy_range(self, 0, fory_array_len(self));
    if (result != NULL && fory_array_extend(result, other) < 0) {
        Py_CLEAR(result);
    }
    return (PyObject *)result;
}

/* data[0..unit) is there; fills up to `total` bytes with copies of it */
static void
repeat_bytes(uint8_t *data, Py_ssize_t unit, Py_ssize_t total)
{
    Py_ssize_t done = unit;
    while (done < total) {
        Py_ssize_t n = done < total - done ? done : total - done;
        memcpy(data + done, data, (size_t)n);
        done += n;
    }
}

static int
repeated_size(ForyDenseArray *self, Py_ssize_t times, Py_ssize_t *nbytes)
{
    if (times <= 0 || self->nbytes == 0) {
        *nbytes = 0;
        return 0;
    }
    if (self->nbytes > PY_SSIZE_T_MAX / times) {
        PyErr_NoMemory();
        return -1;
    }
    *nbytes = self->nbytes * times;
    return 0;
}

PyObject *
fory_array_repeat(PyObject *op, Py_ssize_t times)
{
    ForyDenseArray *self = (ForyDenseArray *)op, *result;
    Py_ssize_t nbytes;

    if (repeated_size(self, times, &nbytes) < 0) {
        return NULL;
    }
    result = fory_array_alloc(Py_TYPE(self), self->type_id, nbytes);
    if (result != NULL && nbytes > 0) {
        memcpy(result->data, self->data, (size_t)self->nbytes);
        repeat_bytes(result->data, self->nbytes, nbytes);
    }
    return (PyObject *)result;
}

PyObject *
fory_array_inplace_repeat(PyObject *op, Py_ssize_t times)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    Py_ssize_t unit = self->nbytes, nbytes;

    if (repeated_size(self, times, &nbytes) < 0 || fory_array_resize(self, nbytes) < 0) {
        return NULL;
    }
    if (nbytes > 0) {
        repeat_bytes(self->data, unit, nbytes);
    }
    return Py_NewRef(op);
}

/* ---- comparison --------------------------------------------------------- */

/* -1, 0, 1, or 2 when unordered (NaN) */
static int
compare_elements(int type_id, const uint8_t *a, const uint8_t *b)
{
    switch (fory_array_kinds[type_id].domain) {
    case FORY_DOMAIN_FLOAT: {
        double x = fory_array_load_double(type_id, a), y = fory_array_load_double(type_id, b);
        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
    }
    case FORY_DOMAIN_SIGNED: {
        int64_t x, y;
        switch (fory_array_kinds[type_id].width) {
        case 1:
            x = (int8_t)*a, y = (int8_t)*b;
            break;
        case 2:
            x = (int16_t)fory_load16(a), y = (int16_t)fory_load16(b);
            break;
        case 4:
            x = (int32_t)fory_load32(a), y = (int32_t)fory_load32(b);
            break;
        default:
            x = (int64_t)fory_load64(a), y = (int64_t)fory_load64(b);
            break;
        }
        return x < y ? -1 : x > y;
    }
    default: {
        uint64_t x, y;
        switch (fory_array_kinds[type_id].width) {
        case 1:
            x = *a, y = *b;
            break;
        case 2:
            x = fory_load16(a), y = fory_load16(b);
            break;
        case 4:
            x = fory_load32(a), y = fory_load32(b);
            break;
        default:
            x = fory_load64(a), y = fory_load64(b);
            break;
        }
        return x < y ? -1 : x > y;
    }
    }
}

static PyObject *
compare_same_kind(const ForyDenseArray *a, const ForyDenseArray *b, int cmp)
{
    Py_ssize_t n = a->nbytes < b->nbytes ? a->nbytes : b->nbytes, i = 0;
    int order = 0;

    if ((cmp == Py_EQ || cmp == Py_NE) && a->nbytes != b->nbytes) {
        return PyBool_FromLong(cmp == Py_NE);
    }
    if (fory_array_kinds[a->type_id].domain != FORY_DOMAIN_FLOAT && n > 0 && memcmp(a->data, b->data, (size_t)n) == 0) {
        i = n;
    }
    for (; i < n && order == 0; i += a->width) {
        order = compare_elements(a->type_id, a->data + i, b->data + i);
    }
    if (order == 0) {
        order = a->nbytes < b->nbytes ? -1 : a->nbytes > b->nbytes;
    }
    switch (cmp) {
    case Py_EQ:
        return PyBool_FromLong(order == 0);
    case Py_NE:
        return PyBool_FromLong(order != 0);
    case Py_LT:
        return PyBool_FromLong(order == -1);
    case Py_LE:
        return PyBool_FromLong(order == -1 || order == 0);
    case Py_GT:
        return PyBool_FromLong(order == 1);
    default:
        return PyBool_FromLong(order == 0 || order == 1);
    }
}

PyObject *
fory_array_richcompare(PyObject *op, PyObject *other, int cmp)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    PyObject *mine = NULL, *theirs = NULL, *result = NULL;
    int same = same_kind(self, other);

    if (same != 0) {
        return same < 0 ? NULL : compare_same_kind(self, (ForyDenseArray *)other, cmp);
    }
    if (Py_TYPE(other)->tp_iter == NULL && !PySequence_Check(other)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (PyList_CheckExact(other)) {
        theirs = Py_NewRef(other);
    }
    else {
        theirs = PySequence_List(other);
    }
    if (theirs == NULL) {
        /* an iterator that refuses (a 0-d ndarray) is no iterable */
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
            Py_RETURN_NOTIMPLEMENTED;
        }
        return NULL;
    }
    if ((cmp == Py_EQ || cmp == Py_NE) && PyList_GET_SIZE(theirs) != fory_array_len(self)) {
        result = Py_NewRef(cmp == Py_NE ? Py_True : Py_False);
        goto error;
    }
    mine = to_list(self);
    if (mine != NULL) {
        result = PyObject_RichCompare(mine, theirs, cmp);
    }

error:
    Py_XDECREF(mine);
    Py_XDECREF(theirs);
    return result;
}

/* ---- reordering --------------------------------------------------------- */

static PyObject *
array_reverse(PyObject *op, PyObject *unused)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    uint8_t *low, *high, held[8];
    (void)unused;
    if (self->nbytes > 0) {
        low = self->data;
        high = self->data + self->nbytes - self->width;
        for (; low < high; low += self->width, high -= self->width) {
            copy_element(held, low, self->width);
            copy_element(low, high, self->width);
            copy_element(high, held, self->width);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
array_sort(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"key", "reverse", NULL};
    ForyDenseArray *self = (ForyDenseArray *)op;
    PyObject *key = Py_None, *list = NULL, *sort = NULL, *sort_args = NULL, *options = NULL, *done = NULL;
    PyObject *result = NULL;
    int reverse = 0;
    Py_ssize_t nbytes = self->nbytes, failed;
    ForyState *st = fory_state_of_type(Py_TYPE(op));

    if (st == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "|$Op:sort", names, &key, &reverse)) {
        return NULL;
    }
    list = fory_dense_array_tolist(st, self->type_id, self->data, nbytes);
    if (list == NULL) {
        return NULL;
    }
    if (key == Py_None && !reverse) {
        if (PyList_Sort(list) < 0) {
            goto error;
        }
    }
    else {
        sort = PyObject_GetAttrString(list, "sort");
        sort_args = PyTuple_New(0);
        options = Py_BuildValue("{sOsO}", "key", key, "reverse", reverse ? Py_True : Py_False);
        if (sort == NULL || sort_args == NULL || options == NULL) {
            goto error;
        }
        done = PyObject_Call(sort, sort_args, options);
        if (done == NULL) {
            goto error;
        }
    }
    if (self->nbytes != nbytes) {
        PyErr_SetString(PyExc_ValueError, "array modified during sort");
        goto error;
    }
    if (nbytes > 0 && fory_dense_array_fill(st, self->type_id, PySequence_Fast_ITEMS(list), PyList_GET_SIZE(list),
                                            self->data, &failed) < 0) {
        goto error;
    }
    result = Py_NewRef(Py_None);

error:
    Py_XDECREF(done);
    Py_XDECREF(options);
    Py_XDECREF(sort_args);
    Py_XDECREF(sort);
    Py_DECREF(list);
    return result;
}

/* (type, ([...],)), plus the instance dict of a subclass that has one */
static PyObject *
array_reduce(PyObject *op, PyObject *unused)
{
    PyObject *list = to_list((ForyDenseArray *)op), *dict = NULL, *result;
    (void)unused;

    if (list == NULL) {
        return NULL;
    }
    if (Py_TYPE(op)->tp_dictoffset != 0) {
        dict = PyObject_GetAttrString(op, "__dict__");
        if (dict == NULL) {
            Py_DECREF(list);
            return NULL;
        }
    }
    if (dict != NULL && PyDict_Check(dict) && PyDict_GET_SIZE(dict) > 0) {
        result = Py_BuildValue("O(O)O", (PyObject *)Py_TYPE(op), list, dict);
    }
    else {
        result = Py_BuildValue("O(O)", (PyObject *)Py_TYPE(op), list);
    }
    Py_XDECREF(dict);
    Py_DECREF(list);
    return result;
}

PyMethodDef fory_array_list_methods[] = {
    {"pop", array_pop, METH_VARARGS, "pop($self, index=-1, /)\n--\n\nRemove and return one element."},
    {"remove", array_remove, METH_O, "remove($self, value, /)\n--\n\nRemove the first element equal to value."},
    {"clear", array_clear, METH_NOARGS, "clear($self)\n--\n\nRemove all elements."},
    {"index", (PyCFunction)(void (*)(void))array_index, METH_VARARGS | METH_KEYWORDS,
     "index($self, value, start=0, stop=None)\n--\n\nIndex of the first element equal to value."},
    {"count", array_count, METH_O, "count($self, value, /)\n--\n\nNumber of elements equal to value."},
    {"copy", array_copy, METH_NOARGS, "copy($self)\n--\n\nNew array of the same elements."},
    {"reverse", array_reverse, METH_NOARGS, "reverse($self)\n--\n\nReverse the elements in place."},
    {"sort", (PyCFunction)(void (*)(void))array_sort, METH_VARARGS | METH_KEYWORDS,
     "sort($self, *, key=None, reverse=False)\n--\n\nSort the elements in place, like list.sort."},
    {"__reduce__", array_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
