/* Dense arrays: storage and type slots of pyfory.*Array.
 *
 * The thirteen carriers are Python subclasses of DenseArray (pyfory/array.py)
 * registered by type id. Their memory is the message body, so that reading and
 * writing one is a single copy. */
#include "runtime/dense_array.h"

#include "runtime/large.h"

/* The slot of the carrier table that no array has (type id 0) keeps the iterator type. */
#define ITERATOR_TYPE FORY_UNKNOWN

/* ---- storage ------------------------------------------------------------ */

static int
resize_blocked(const ForyDenseArray *self)
{
    if (FORY_UNLIKELY(self->exports > 0)) {
        PyErr_SetString(PyExc_BufferError, "cannot resize an array while a buffer view of it is alive");
        return 1;
    }
    return 0;
}

int
fory_array_resize(ForyDenseArray *self, Py_ssize_t nbytes)
{
    uint8_t *data;
    Py_ssize_t capacity;

    if (nbytes == self->nbytes) {
        return 0;
    }
    if (resize_blocked(self)) {
        return -1;
    }
    if (nbytes > self->capacity || nbytes < self->capacity / 2) {
        /* exact for the first fill and for shrinking, with slack for growth after it */
        capacity = nbytes;
        if (self->nbytes > 0 && nbytes > self->nbytes && nbytes <= PY_SSIZE_T_MAX - nbytes / 4 - 64) {
            capacity = nbytes + nbytes / 4 + 64;
        }
        if (capacity == 0) {
            PyMem_Free(self->data);
            data = NULL;
        }
        else {
            data = PyMem_Realloc(self->data, (size_t)capacity);
            if (data == NULL) {
                if (nbytes > self->capacity) {
                    PyErr_NoMemory();
                    return -1;
                }
                data = self->data; /* could not be made smaller: keep the room */
                capacity = self->capacity;
            }
        }
        self->data = data;
        self->capacity = capacity;
    }
    self->nbytes = nbytes;
    return 0;
}

ForyDenseArray *
fory_array_alloc(PyTypeObject *cls, int type_id, Py_ssize_t nbytes)
{
    ForyDenseArray *self = (ForyDenseArray *)cls->tp_alloc(cls, 0);
    if (self == NULL) {
        return NULL;
    }
    self->type_id = (uint8_t)type_id;
    self->width = fory_array_kinds[type_id].width;
    if (nbytes > 0) {
        self->data = PyMem_Malloc((size_t)nbytes);
        if (self->data == NULL) {
            Py_DECREF(self);
            PyErr_NoMemory();
            return NULL;
        }
        self->nbytes = self->capacity = nbytes;
    }
    return self;
}

PyObject *
fory_dense_array_new(ForyState *st, int type_id, Py_ssize_t nbytes)
{
    if (fory_array_width(type_id) == 0) {
        PyErr_Format(PyExc_SystemError, "%d is not the type id of a dense array", type_id);
        return NULL;
    }
    if (FORY_UNLIKELY(st->array_carriers[type_id] == NULL)) {
        PyObject *module = PyImport_ImportModule("pyfory.array");
        if (module == NULL) {
            return NULL;
        }
        Py_DECREF(module);
        if (st->array_carriers[type_id] == NULL) {
            PyErr_Format(PyExc_SystemError, "no class is registered for %s", fory_array_kinds[type_id].name);
            return NULL;
        }
    }
    return (PyObject *)fory_array_alloc((PyTypeObject *)st->array_carriers[type_id], type_id, nbytes);
}

/* Makes room for n more elements at the tail; the size is set by the caller. */
static int
grow_by(ForyDenseArray *self, Py_ssize_t n, Py_ssize_t *old_nbytes)
{
    *old_nbytes = self->nbytes;
    if (n > (PY_SSIZE_T_MAX - self->nbytes) / self->width) {
        PyErr_NoMemory();
        return -1;
    }
    return fory_array_resize(self, self->nbytes + n * self->width);
}

static int
extend_items(ForyDenseArray *self, PyObject *const *items, Py_ssize_t n)
{
    ForyState *st;
    Py_ssize_t old, failed = 0;
    int status;

    if (grow_by(self, n, &old) < 0) {
        return -1;
    }
    st = fory_state_of_type(Py_TYPE(self));
    if (st == NULL) {
        status = FORY_STORE_ERROR;
    }
    else {
        status = fory_array_store(st->kernels, self->type_id, items, n, self->data + old, &failed);
    }
    if (FORY_LIKELY(status == FORY_STORE_OK)) {
        return 0;
    }
    self->nbytes = old;
    return st == NULL ? -1 : fory_array_store_failed(st, self->type_id, status, items[failed]);
}

/* The dtype that a PEP 3118 view shows: its type id, 0 when none of ours.
 * Sizes of native long and friends vary, so width decides. */
static int
type_id_of_view(const Py_buffer *view)
{
    const char *format = view->format != NULL ? view->format : "B";
    int i, domain;
    if (*format == '@' || *format == '=' || (*format == '<' && !FORY_BIG_ENDIAN)) {
        format++;
    }
    if (format[0] == '\0' || format[1] != '\0') {
        return 0;
    }
    switch (format[0]) {
    case '?':
        domain = FORY_DOMAIN_BOOL;
        break;
    case 'b': case 'h': case 'i': case 'l': case 'q': case 'n':
        domain = FORY_DOMAIN_SIGNED;
        break;
    case 'B': case 'H': case 'I': case 'L': case 'Q': case 'N':
        domain = FORY_DOMAIN_UNSIGNED;
        break;
    case 'e': case 'f': case 'd':
        domain = FORY_DOMAIN_FLOAT;
        break;
    default:
        return 0;
    }
    for (i = FORY_BOOL_ARRAY; i < FORY_TYPE_ID_COUNT; i++) {
        /* bfloat16 has no format of its own: its 'H' views are plain numbers */
        if (fory_array_kinds[i].domain == domain && fory_array_kinds[i].width == view->itemsize &&
            i != FORY_BFLOAT16_ARRAY) {
            return i;
        }
    }
    return 0;
}

FORY_INLINE int
is_half(int type_id)
{
    return type_id == FORY_FLOAT16_ARRAY || type_id == FORY_BFLOAT16_ARRAY;
}

/* float32 or float64 in native order */
static int
is_wide_float(const Py_buffer *view)
{
    int id = view->ndim == 1 ? type_id_of_view(view) : 0;
    return (id == FORY_FLOAT32_ARRAY || id == FORY_FLOAT64_ARRAY) && !FORY_BIG_ENDIAN;
}

/* Rounds a view of floats into the array's memory at out, which counts as viewed
 * meanwhile: other threads may run. */
static void
narrow_floats(const fory_kernels *k, ForyDenseArray *self, uint8_t *out, const Py_buffer *view)
{
    size_t n = (size_t)(view->len / view->itemsize);
    uint16_t *half = (uint16_t *)(void *)out;
    int f16 = self->type_id == FORY_FLOAT16_ARRAY;
    self->exports++;
    if (view->itemsize == 4) {
        FORY_LARGE_WORK(view->len, (f16 ? k->f32_to_f16 : k->f32_to_bf16)(view->buf, half, n));
    }
    else {
        FORY_LARGE_WORK(view->len, (f16 ? k->f64_to_f16 : k->f64_to_bf16)(view->buf, half, n));
    }
    self->exports--;
}

/* Copies a one-dimensional buffer of our dtype, or floats into a half array. 1 done, 0 not such a buffer, -1 error. */
static int
extend_buffer(ForyDenseArray *self, PyObject *values)
{
    Py_buffer view;
    Py_ssize_t old;
    int done = 0;

    if (PyObject_GetBuffer(values, &view, PyBUF_FULL_RO) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        PyErr_Clear(); /* dtypes without a buffer format: iterate instead */
        return 0;
    }
    if (view.ndim == 1 && type_id_of_view(&view) == self->type_id && !FORY_BIG_ENDIAN) {
        if (grow_by(self, view.len / view.itemsize, &old) < 0) {
            done = -1;
        }
        else if (view.len > 0 && PyBuffer_ToContiguous(self->data + old, &view, view.len, 'C') < 0) {
            self->nbytes = old;
            done = -1;
        }
        else {
            if (self->type_id == FORY_BOOL_ARRAY) {
                Py_ssize_t i;
                for (i = old; i < self->nbytes; i++) {
                    self->data[i] = self->data[i] != 0;
                }
            }
            done = 1;
        }
    }
    else if (is_half(self->type_id) && is_wide_float(&view) && PyBuffer_IsContiguous(&view, 'C')) {
        done = grow_by(self, view.len / view.itemsize, &old) < 0 ? -1 : 1;
        if (done > 0) {
            ForyState *st = fory_state_of_type(Py_TYPE(self));
            done = st == NULL ? -1 : done;
            if (st != NULL) {
                narrow_floats(st->kernels, self, self->data + old, &view);
            }
        }
    }
    PyBuffer_Release(&view);
    return done;
}

int
fory_array_extend(ForyDenseArray *self, PyObject *values)
{
    PyObject *list;
    int rc;

    if (PyList_CheckExact(values) || PyTuple_CheckExact(values)) {
        return extend_items(self, PySequence_Fast_ITEMS(values), PySequence_Fast_GET_SIZE(values));
    }
    if (PyObject_CheckBuffer(values)) {
        ForyState *st = fory_state_of_type(Py_TYPE(self));
        if (st == NULL) {
            return -1;
        }
        if (PyObject_TypeCheck(values, st->DenseArrayType)) {
            ForyDenseArray *other = (ForyDenseArray *)values;
            if (other->type_id == self->type_id) {
                Py_ssize_t old, n = other->nbytes;
                if (grow_by(self, n / self->width, &old) < 0) {
                    return -1;
                }
                if (n > 0) {
                    memcpy(self->data + old, other->data, (size_t)n); /* also right for self */
                }
                return 0;
            }
        }
        else if ((rc = extend_buffer(self, values)) != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    list = PySequence_List(values);
    if (list == NULL) {
        return -1;
    }
    rc = extend_items(self, PySequence_Fast_ITEMS(list), PyList_GET_SIZE(list));
    Py_DECREF(list);
    return rc;
}

int
fory_array_splice(ForyDenseArray *self, Py_ssize_t start, Py_ssize_t stop, const uint8_t *src, Py_ssize_t n)
{
    Py_ssize_t from = start * self->width, to = stop * self->width;
    Py_ssize_t tail = self->nbytes - to;
    Py_ssize_t change = n - (to - from);

    if (change < 0) {
        if (resize_blocked(self)) {
            return -1;
        }
        memmove(self->data + to + change, self->data + to, (size_t)tail);
        if (fory_array_resize(self, self->nbytes + change) < 0) {
            return -1;
        }
    }
    else if (change > 0) {
        if (self->nbytes > PY_SSIZE_T_MAX - change) {
            PyErr_NoMemory();
            return -1;
        }
        if (fory_array_resize(self, self->nbytes + change) < 0) {
            return -1;
        }
        memmove(self->data + to + change, self->data + to, (size_t)tail);
    }
    if (n > 0) {
        memcpy(self->data + from, src, (size_t)n);
    }
    return 0;
}

/* ---- iterator ----------------------------------------------------------- */

/* The generic sequence iterator would reach the elements of Python subclasses
 * through __getitem__; this one reads them. */
typedef struct {
    PyObject_HEAD
    ForyDenseArray *array; /* NULL once exhausted */
    Py_ssize_t next;
} array_iterator;

static PyObject *
array_iter(PyObject *op)
{
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    PyTypeObject *type;
    array_iterator *self;

    if (st == NULL) {
        return NULL;
    }
    type = (PyTypeObject *)st->array_carriers[ITERATOR_TYPE];
    self = (array_iterator *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->array = (ForyDenseArray *)Py_NewRef(op);
    }
    return (PyObject *)self;
}

static PyObject *
iterator_next(PyObject *op)
{
    array_iterator *self = (array_iterator *)op;
    ForyDenseArray *array = self->array;
    if (array == NULL) {
        return NULL;
    }
    if (FORY_LIKELY(self->next < fory_array_len(array))) {
        return fory_array_load(array->type_id, array->data + self->next++ * array->width);
    }
    Py_CLEAR(self->array);
    return NULL;
}

static PyObject *
iterator_length_hint(PyObject *op, PyObject *unused)
{
    array_iterator *self = (array_iterator *)op;
    Py_ssize_t left = self->array != NULL ? fory_array_len(self->array) - self->next : 0;
    (void)unused;
    return PyLong_FromSsize_t(left > 0 ? left : 0);
}

static int
iterator_traverse(PyObject *op, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(op));
#endif
    Py_VISIT((PyObject *)((array_iterator *)op)->array);
    return 0;
}

static int
iterator_clear(PyObject *op)
{
    Py_CLEAR(((array_iterator *)op)->array);
    return 0;
}

static void
iterator_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    iterator_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef iterator_methods[] = {
    {"__length_hint__", iterator_length_hint, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iterator_slots[] = {
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {Py_tp_traverse, iterator_traverse},
    {Py_tp_clear, iterator_clear},
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_methods, iterator_methods},
    {0, NULL},
};

static PyType_Spec iterator_spec = {
    .name = "pyfory._core.DenseArrayIterator",
    .basicsize = sizeof(array_iterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = iterator_slots,
};

/* ---- type --------------------------------------------------------------- */

static int
type_id_of_class(ForyState *st, PyTypeObject *cls)
{
    PyObject *mro = cls->tp_mro;
    Py_ssize_t i;
    int type_id;
    for (i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        for (type_id = FORY_BOOL_ARRAY; type_id < FORY_TYPE_ID_COUNT; type_id++) {
            if (st->array_carriers[type_id] == base) {
                return type_id;
            }
        }
    }
    return 0;
}

static ForyDenseArray *
alloc_of_class(PyTypeObject *cls, ForyState **state)
{
    ForyState *st = fory_state_of_type(cls);
    int type_id;
    if (st == NULL) {
        return NULL;
    }
    *state = st;
    type_id = type_id_of_class(st, cls);
    if (type_id == 0) {
        PyErr_Format(PyExc_TypeError, "cannot create '%.100s' instances; use pyfory.Int32Array and the like",
                     cls->tp_name);
        return NULL;
    }
    return fory_array_alloc(cls, type_id, 0);
}

/* Like list, content is set by __init__, so that subclasses may have their own arguments. */
static PyObject *
array_new(PyTypeObject *cls, PyObject *args, PyObject *kwargs)
{
    ForyState *st;
    (void)args;
    (void)kwargs;
    return (PyObject *)alloc_of_class(cls, &st);
}

static int
array_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"values", NULL};
    ForyDenseArray *self = (ForyDenseArray *)op;
    PyObject *values = Py_None;

    if (kwargs == NULL && PyTuple_GET_SIZE(args) == 1) {
        values = PyTuple_GET_ITEM(args, 0);
    }
    else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:DenseArray", names, &values)) {
        return -1;
    }
    if (values == op) {
        return 0;
    }
    if (fory_array_resize(self, 0) < 0) {
        return -1;
    }
    return values == Py_None ? 0 : fory_array_extend(self, values);
}

static void
array_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyMem_Free(((ForyDenseArray *)op)->data);
    type->tp_free(op);
    Py_DECREF(type);
}

static int
array_getbuffer(PyObject *op, Py_buffer *view, int flags)
{
    ForyDenseArray *self = (ForyDenseArray *)op;

    /* an empty array has no memory, yet a view wants an address */
    view->buf = self->data != NULL ? self->data : &self->width;
    view->obj = Py_NewRef(op);
    view->len = self->nbytes;
    view->readonly = 0;
    view->itemsize = self->width;
    view->format = (flags & PyBUF_FORMAT) ? (char *)fory_array_kinds[self->type_id].format : NULL;
    view->ndim = 1;
    view->shape = NULL;
    view->strides = NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    if (flags & PyBUF_ND) {
        /* one allocation per export: the shape must outlive a later resize */
        Py_ssize_t *shape = PyMem_Malloc(2 * sizeof(Py_ssize_t));
        if (shape == NULL) {
            Py_CLEAR(view->obj);
            PyErr_NoMemory();
            return -1;
        }
        shape[0] = self->nbytes / self->width;
        shape[1] = self->width;
        view->shape = shape;
        view->internal = shape;
        if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES) {
            view->strides = shape + 1;
        }
    }
    self->exports++;
    return 0;
}

static void
array_releasebuffer(PyObject *op, Py_buffer *view)
{
    PyMem_Free(view->internal);
    ((ForyDenseArray *)op)->exports--;
}

static Py_ssize_t
array_length(PyObject *op)
{
    return fory_array_len((ForyDenseArray *)op);
}

static int
check_index(const ForyDenseArray *self, Py_ssize_t i)
{
    if (FORY_UNLIKELY(i < 0 || i >= fory_array_len(self))) {
        PyErr_SetString(PyExc_IndexError, "array index out of range");
        return -1;
    }
    return 0;
}

static PyObject *
array_item(PyObject *op, Py_ssize_t i)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    if (check_index(self, i) < 0) {
        return NULL;
    }
    return fory_array_load(self->type_id, self->data + i * self->width);
}

static int
store_one(ForyDenseArray *self, PyObject *value, uint8_t *out)
{
    Py_ssize_t failed;
    int status = fory_array_store(NULL, self->type_id, &value, 1, out, &failed);
    ForyState *st;
    if (FORY_LIKELY(status == FORY_STORE_OK)) {
        return 0;
    }
    st = fory_state_of_type(Py_TYPE(self));
    return st == NULL ? -1 : fory_array_store_failed(st, self->type_id, status, value);
}

/* not called through the slot: a Python subclass replaces that by a detour */
int
fory_array_ass_item(PyObject *op, Py_ssize_t i, PyObject *value)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    if (check_index(self, i) < 0) {
        return -1;
    }
    if (value == NULL) {
        return fory_array_splice(self, i, i + 1, NULL, 0);
    }
    return store_one(self, value, self->data + i * self->width);
}

static int
array_contains(PyObject *op, PyObject *value)
{
    Py_ssize_t i = fory_array_find((ForyDenseArray *)op, value, 0, PY_SSIZE_T_MAX);
    return i == -2 ? -1 : i >= 0;
}

static PyObject *
array_inplace_concat(PyObject *op, PyObject *other)
{
    return fory_array_extend((ForyDenseArray *)op, other) < 0 ? NULL : Py_NewRef(op);
}

static PyObject *
array_repr(PyObject *op)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    const char *name = strrchr(Py_TYPE(op)->tp_name, '.');
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    PyObject *list, *text;

    if (st == NULL) {
        return NULL;
    }
    list = fory_dense_array_tolist(st, self->type_id, self->data, self->nbytes);
    if (list == NULL) {
        return NULL;
    }
    text = PyUnicode_FromFormat("%s(%R)", name != NULL ? name + 1 : Py_TYPE(op)->tp_name, list);
    Py_DECREF(list);
    return text;
}

static PyObject *
array_append(PyObject *op, PyObject *value)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    uint8_t bytes[8];
    Py_ssize_t old;
    if (store_one(self, value, bytes) < 0 || grow_by(self, 1, &old) < 0) {
        return NULL;
    }
    memcpy(self->data + old, bytes, self->width);
    Py_RETURN_NONE;
}

static PyObject *
array_extend(PyObject *op, PyObject *values)
{
    if (fory_array_extend((ForyDenseArray *)op, values) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
array_insert(PyObject *op, PyObject *args)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    Py_ssize_t i, n;
    PyObject *value;
    uint8_t bytes[8];

    if (!PyArg_ParseTuple(args, "nO:insert", &i, &value) || store_one(self, value, bytes) < 0) {
        return NULL;
    }
    n = fory_array_len(self);
    if (i < 0) {
        i = i + n < 0 ? 0 : i + n;
    }
    if (i > n) {
        i = n;
    }
    if (fory_array_splice(self, i, i, bytes, self->width) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
array_tolist(PyObject *op, PyObject *unused)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    (void)unused;
    return st == NULL ? NULL : fory_dense_array_tolist(st, self->type_id, self->data, self->nbytes);
}

static PyObject *
array_from_values(PyObject *cls, PyObject *values)
{
    return PyObject_CallFunctionObjArgs(cls, values, NULL);
}

static PyObject *
array_from_buffer(PyObject *cls, PyObject *data)
{
    ForyState *st;
    ForyDenseArray *self = alloc_of_class((PyTypeObject *)cls, &st);
    Py_buffer view;

    if (self == NULL) {
        return NULL;
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    if (view.len % self->width != 0) {
        fory_raise(st, FORY_E_INVALID_DATA, "%s byte size mismatch: %zd bytes are not a multiple of %d",
                   fory_array_kinds[self->type_id].name, view.len, (int)self->width);
        goto error;
    }
    if (fory_array_resize(self, view.len) < 0) {
        goto error;
    }
    if (view.len > 0) {
        /* (nobody else knows the new array) */
        if (self->type_id == FORY_BOOL_ARRAY) {
            FORY_LARGE_WORK(view.len, st->kernels->bool_normalize(view.buf, self->data, (size_t)view.len));
        }
        else {
            FORY_LARGE_WORK(view.len, memcpy(self->data, view.buf, (size_t)view.len));
        }
    }
    PyBuffer_Release(&view);
    return (PyObject *)self;

error:
    PyBuffer_Release(&view);
    Py_DECREF(self);
    return NULL;
}

/* The elements of a half array as the floats of a writable buffer. */
static PyObject *
array_widen_into(PyObject *op, PyObject *target)
{
    ForyDenseArray *self = (ForyDenseArray *)op;
    ForyState *st = fory_state_of_type(Py_TYPE(op));
    Py_buffer view;
    size_t n = (size_t)self->nbytes / 2;

    if (st == NULL || PyObject_GetBuffer(target, &view, PyBUF_WRITABLE | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) < 0) {
        return NULL;
    }
    if (!is_half(self->type_id) || !is_wide_float(&view) || (size_t)view.len != n * (size_t)view.itemsize) {
        PyBuffer_Release(&view);
        return fory_raise(st, FORY_E_TYPE, "_widen_into() takes %zu elements of float32 or float64", n);
    }
    if (n > 0) {
        const fory_kernels *k = st->kernels;
        const uint16_t *half = (const uint16_t *)(const void *)self->data;
        int f16 = self->type_id == FORY_FLOAT16_ARRAY;
        self->exports++;
        if (view.itemsize == 4) {
            FORY_LARGE_WORK(view.len, (f16 ? k->f16_to_f32 : k->bf16_to_f32)(half, view.buf, n));
        }
        else {
            FORY_LARGE_WORK(view.len, (f16 ? k->f16_to_f64 : k->bf16_to_f64)(half, view.buf, n));
        }
        self->exports--;
    }
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}

static PyObject *
array_sizeof(PyObject *op, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(Py_TYPE(op)->tp_basicsize + ((ForyDenseArray *)op)->capacity);
}

static PyObject *
array_get_itemsize(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((ForyDenseArray *)op)->width);
}

static PyObject *
array_get_nbytes(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSsize_t(((ForyDenseArray *)op)->nbytes);
}

static PyMethodDef array_methods[] = {
    {"append", array_append, METH_O, "append($self, value, /)\n--\n\nAdd one element at the end."},
    {"extend", array_extend, METH_O,
     "extend($self, values, /)\n--\n\nAdd the elements of an iterable, or of a buffer of the same dtype."},
    {"insert", array_insert, METH_VARARGS, "insert($self, index, value, /)\n--\n\nInsert one element before index."},
    {"tolist", array_tolist, METH_NOARGS, "tolist($self)\n--\n\nThe elements as a list of Python numbers."},
    {"from_values", array_from_values, METH_O | METH_CLASS,
     "from_values($type, values, /)\n--\n\nNew array of the numbers of an iterable."},
    {"from_buffer", array_from_buffer, METH_O | METH_CLASS,
     "from_buffer($type, data, /)\n--\n\n"
     "New array from packed little-endian elements in a bytes-like object.\n\n"
     "Float16Array and BFloat16Array take the 16-bit patterns as they are. Raises\n"
     "ValueError when the size is not a multiple of the element width."},
    {"_widen_into", array_widen_into, METH_O, NULL},
    {"__sizeof__", array_sizeof, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef array_getset[] = {
    {"itemsize", array_get_itemsize, NULL, "Bytes per element.", NULL},
    {"nbytes", array_get_nbytes, NULL, "Bytes of all elements.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot array_slots[] = {
    {Py_tp_doc, "DenseArray(values=None)\n--\n\nBase class of the dense array carriers (pyfory.Int32Array and the like)."},
    {Py_tp_new, array_new},
    {Py_tp_init, array_init},
    {Py_tp_dealloc, array_dealloc},
    {Py_tp_repr, array_repr},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_iter, array_iter},
    {Py_tp_richcompare, fory_array_richcompare},
    {Py_tp_methods, array_methods},
    {Py_tp_getset, array_getset},
    {Py_sq_length, array_length},
    {Py_sq_item, array_item},
    {Py_sq_ass_item, fory_array_ass_item},
    {Py_sq_contains, array_contains},
    {Py_sq_concat, fory_array_concat},
    {Py_sq_repeat, fory_array_repeat},
    {Py_sq_inplace_concat, array_inplace_concat},
    {Py_sq_inplace_repeat, fory_array_inplace_repeat},
    {Py_mp_length, array_length},
    {Py_mp_subscript, fory_array_subscript},
    {Py_mp_ass_subscript, fory_array_ass_subscript},
#if PY_VERSION_HEX >= 0x03090000
    {Py_bf_getbuffer, array_getbuffer},
    {Py_bf_releasebuffer, array_releasebuffer},
#endif
    {0, NULL},
};

static PyType_Spec array_spec = {
    .name = "pyfory._core.DenseArray",
    .basicsize = sizeof(ForyDenseArray),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = array_slots,
};

static PyObject *
register_array_type(PyObject *module, PyObject *args)
{
    ForyState *st = fory_state_of_module(module);
    int type_id;
    PyObject *cls, *old;

    if (st == NULL || !PyArg_ParseTuple(args, "iO!:register_array_type", &type_id, &PyType_Type, &cls)) {
        return NULL;
    }
    if (fory_array_width(type_id) == 0) {
        PyErr_Format(PyExc_ValueError, "%d is not the type id of a dense array", type_id);
        return NULL;
    }
    if (!PyType_IsSubtype((PyTypeObject *)cls, st->DenseArrayType)) {
        PyErr_SetString(PyExc_TypeError, "an array type must derive from DenseArray");
        return NULL;
    }
    old = st->array_carriers[type_id];
    st->array_carriers[type_id] = Py_NewRef(cls);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

static PyMethodDef module_functions[] = {
    {"register_array_type", register_array_type, METH_VARARGS,
     "register_array_type($self, type_id, cls, /)\n--\n\nMake cls the class of dense arrays with this type id."},
    {NULL, NULL, 0, NULL},
};

int
fory_dense_array_init(PyObject *module, ForyState *st)
{
    PyTypeObject *type;
    PyMethodDef *def;

#if PY_VERSION_HEX >= 0x03090000
    type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &array_spec, NULL);
#else
    type = (PyTypeObject *)PyType_FromSpec(&array_spec);
#endif
    if (type == NULL) {
        return -1;
    }
#if PY_VERSION_HEX < 0x03090000
    type->tp_as_buffer->bf_getbuffer = array_getbuffer;
    type->tp_as_buffer->bf_releasebuffer = array_releasebuffer;
#endif
    st->DenseArrayType = type;
    st->array_carriers[ITERATOR_TYPE] = PyType_FromSpec(&iterator_spec);
    if (st->array_carriers[ITERATOR_TYPE] == NULL) {
        return -1;
    }
    /* a type takes one method table; the list-like methods live in a file of their own */
    for (def = fory_array_list_methods; def->ml_name != NULL; def++) {
        PyObject *method = PyDescr_NewMethod(type, def);
        int rc = method == NULL ? -1 : PyObject_SetAttrString((PyObject *)type, def->ml_name, method);
        Py_XDECREF(method);
        if (rc < 0) {
            return -1;
        }
    }
    if (PyModule_AddFunctions(module, module_functions) < 0) {
        return -1;
    }
    return PyModule_AddType(module, type);
}
