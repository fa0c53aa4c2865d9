/* RowBatch: many rows of one schema in one memory block (batch.h). */
#include "row/batch.h"

#if defined(__linux__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define CAN_RELEASE 1
#else
#define CAN_RELEASE 0
#endif

static const char magic[8] = {'F', 'O', 'R', 'Y', 'R', 'O', 'W', 'S'};

/* ---- life ------------------------------------------------------------------------- */

static PyObject *
batch_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ForyState *st = fory_state_of_type(type);
    ForyRowBatch *self;
    (void)args;
    (void)kwargs;
    if (st == NULL || (self = (ForyRowBatch *)type->tp_alloc(type, 0)) == NULL) {
        return NULL;
    }
    self->st = st;
    return (PyObject *)self;
}

static int
batch_traverse(ForyRowBatch *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->plan);
    Py_VISIT(self->memory);
    Py_VISIT(self->index);
    return 0;
}

static void
batch_dealloc(ForyRowBatch *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->plan);
    Py_CLEAR(self->memory);
    Py_CLEAR(self->index);
    type->tp_free(self);
    Py_DECREF(type);
}

static int
batch_ready(ForyRowBatch *self)
{
    if (FORY_UNLIKELY(self->plan == NULL)) {
        fory_raise(self->st, FORY_E_INVALID, "%s.__init__ was not called", Py_TYPE(self)->tp_name);
        return -1;
    }
    return 0;
}

static int
not_busy(ForyRowBatch *self)
{
    if (FORY_UNLIKELY(self->busy)) {
        fory_raise(self->st, FORY_E_INVALID, "the RowBatch is being appended to");
        return -1;
    }
    return 0;
}

/* _bind(schema, schema bytes, utc): an empty batch */
static PyObject *
batch_bind(ForyRowBatch *self, PyObject *args)
{
    PyObject *schema, *bytes;
    ForyRowSchema *plan = NULL;
    ForyRowMemory *memory = NULL, *index = NULL;
    int utc;
    if (!PyArg_ParseTuple(args, "OSp:_bind", &schema, &bytes, &utc) ||
        (plan = fory_row_schema_of(self->st, schema)) == NULL) {
        return NULL;
    }
    size_t size = (size_t)PyBytes_GET_SIZE(bytes), prefix = (FORY_BATCH_HEADER + size + 63) & ~(size_t)63;
    memory = fory_row_memory_new(self->st, prefix + 4096);
    index = fory_row_memory_new(self->st, 512);
    if (memory == NULL || index == NULL) {
        goto error;
    }
    if (self->plan != NULL) {
        fory_raise(self->st, FORY_E_INVALID, "a RowBatch has one schema");
        goto error;
    }
    memset(memory->data, 0, prefix);
    memcpy(memory->data, magic, 8);
    fory_store16(memory->data + 8, 1);
    fory_store32(memory->data + 12, (uint32_t)size);
    fory_store64(memory->data + 16, plan->hash);
    memcpy(memory->data + FORY_BATCH_HEADER, PyBytes_AS_STRING(bytes), size);
    memory->size = prefix;
    fory_store64(index->data, 0);
    index->size = 8;
    self->plan = plan;
    self->memory = memory;
    self->index = index;
    self->offsets = index->data;
    self->rows_at = self->prefix = prefix;
    self->utc = (uint8_t)utc;
    Py_RETURN_NONE;
error:
    Py_XDECREF(plan);
    Py_XDECREF(memory);
    Py_XDECREF(index);
    return NULL;
}

/* _attach(schema, buffer, mapped, utc): rows that somebody else wrote */
static PyObject *
batch_attach(ForyRowBatch *self, PyObject *args)
{
    PyObject *schema, *buffer, *view = NULL, *owner = NULL;
    ForyRowSchema *plan = NULL;
    const uint8_t *data;
    size_t size;
    int mapped, utc;
    if (!PyArg_ParseTuple(args, "OOpp:_attach", &schema, &buffer, &mapped, &utc) ||
        (plan = fory_row_schema_of(self->st, schema)) == NULL) {
        return NULL;
    }
    /* through a memoryview even for bytes: a batch holds a RowMemory */
    view = PyMemoryView_FromObject(buffer);
    if (view == NULL || (owner = fory_row_pin(self->st, view, &data, &size)) == NULL) {
        goto error;
    }
    if (self->plan != NULL) {
        fory_raise(self->st, FORY_E_INVALID, "a RowBatch has one schema");
        goto error;
    }
    if (size < FORY_BATCH_HEADER || memcmp(data, magic, 8) != 0) {
        fory_raise(self->st, FORY_E_INVALID_DATA, "these bytes are not a RowBatch");
        goto error;
    }
    if (fory_load16(data + 8) != 1) {
        fory_raise(self->st, FORY_E_INVALID_DATA, "a RowBatch of version %d", (int)fory_load16(data + 8));
        goto error;
    }
    if (fory_load64(data + 16) != plan->hash) {
        fory_raise(self->st, FORY_E_SCHEMA_HASH, "the RowBatch has schema hash %lld, not %lld",
                   (long long)fory_load64(data + 16), (long long)plan->hash);
        goto error;
    }
    uint64_t count = fory_load64(data + 24), rows_at = fory_load64(data + 32), rows_size = fory_load64(data + 40);
    uint64_t index_at = fory_load64(data + 48);
    if (rows_at < FORY_BATCH_HEADER || rows_at > size || rows_size > size - rows_at || index_at < rows_at + rows_size ||
        index_at > size || count >= (size - index_at) / 8) {
        fory_raise(self->st, FORY_E_TRUNCATED, "a RowBatch of %zu bytes whose parts do not fit", size);
        goto error;
    }
    self->plan = plan;
    self->memory = (ForyRowMemory *)owner;
    self->index = (ForyRowMemory *)Py_NewRef(owner);
    self->offsets = data + index_at;
    self->count = (size_t)count;
    self->rows_at = (size_t)rows_at;
    self->rows_size = (size_t)rows_size;
    self->shared = self->sealed = 1;
    self->mapped = (uint8_t)mapped;
    self->utc = (uint8_t)utc;
    Py_DECREF(view);
    Py_RETURN_NONE;
error:
    Py_XDECREF(view);
    Py_XDECREF(owner);
    Py_DECREF(plan);
    return NULL;
}

/* ---- rows ---------------------------------------------------------------------------- */

int
fory_batch_span(ForyState *st, const fory_row_set *rows, size_t i, size_t *at, size_t *size)
{
    uint64_t start = fory_load64(rows->offsets + 8 * i), end = fory_load64(rows->offsets + 8 * i + 8);
    if (FORY_UNLIKELY(start > end || end > rows->limit)) {
        fory_raise(st, FORY_E_INVALID_DATA, "row %zu does not lie within its RowBatch", i);
        return -1;
    }
    *at = (size_t)start;
    *size = (size_t)(end - start);
    return 0;
}

static int
row_span(ForyRowBatch *self, size_t i, size_t *at, size_t *size)
{
    fory_row_set rows = fory_batch_rows(self);
    return fory_batch_span(self->st, &rows, i, at, size);
}

static PyObject *
batch_row(ForyRowBatch *self, size_t i)
{
    size_t at, size;
    if (FORY_UNLIKELY(row_span(self, i, &at, &size) < 0)) {
        return NULL;
    }
    return fory_row_view(self->plan, &self->plan->root, (PyObject *)self->memory,
                         self->memory->data + self->rows_at + at, size, self->utc ? FORY_ROW_UTC : 0);
}

static Py_ssize_t
batch_length(ForyRowBatch *self)
{
    return (Py_ssize_t)self->count;
}

static PyObject *
batch_item(ForyRowBatch *self, Py_ssize_t i)
{
    if (i < 0 || (size_t)i >= self->count) {
        return fory_raise(self->st, FORY_E_INDEX, "row %zd of %zu", i, self->count);
    }
    return batch_row(self, (size_t)i);
}

/* An empty batch of the same class and schema. */
static ForyRowBatch *
empty_like(ForyRowBatch *self)
{
    PyObject *schema = fory_row_node_schema(self->plan, &self->plan->root), *batch;
    if (schema == NULL) {
        return NULL;
    }
    batch = PyObject_CallOneArg((PyObject *)Py_TYPE(self), schema);
    Py_DECREF(schema);
    if (batch != NULL && !PyObject_TypeCheck(batch, self->st->row_types[FORY_ROW_BATCH])) {
        Py_CLEAR(batch);
        fory_raise(self->st, FORY_E_TYPE, "%s() gave something else than a RowBatch", Py_TYPE(self)->tp_name);
    }
    if (batch != NULL) {
        ((ForyRowBatch *)batch)->utc = self->utc;
    }
    return (ForyRowBatch *)batch;
}

static int
append_span(ForyRowBatch *self, const uint8_t *data, size_t size)
{
    ForyRowWriter w;
    size_t at;
    if (fory_batch_begin(self) < 0) {
        return -1;
    }
    fory_batch_writer(self, &w);
    at = fory_row_reserve(&w, fory_row_pad(size));
    if (at == FORY_ROW_FAILED) {
        return -1;
    }
    memset(w.data + at + size, 0, fory_row_pad(size) - size);
    memcpy(w.data + at, data, size);
    return fory_batch_add_row(self, w.size);
}

static PyObject *
batch_slice(ForyRowBatch *self, PyObject *key)
{
    Py_ssize_t start, stop, step, n;
    ForyRowBatch *slice;
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return NULL;
    }
    n = PySlice_AdjustIndices((Py_ssize_t)self->count, &start, &stop, step);
    if (step == 1) {
        slice = (ForyRowBatch *)Py_TYPE(self)->tp_alloc(Py_TYPE(self), 0);
        if (slice == NULL) {
            return NULL;
        }
        slice->st = self->st;
        slice->plan = (ForyRowSchema *)Py_NewRef((PyObject *)self->plan);
        slice->memory = (ForyRowMemory *)Py_NewRef((PyObject *)self->memory);
        slice->index = (ForyRowMemory *)Py_NewRef((PyObject *)self->index);
        slice->offsets = self->offsets + 8 * start;
        slice->count = (size_t)n;
        slice->rows_at = self->rows_at;
        slice->rows_size = self->rows_size;
        slice->shared = 1;
        slice->mapped = self->mapped;
        slice->utc = self->utc;
        return (PyObject *)slice;
    }
    slice = empty_like(self);
    for (Py_ssize_t k = 0; slice != NULL && k < n; k++, start += step) {
        size_t at, size;
        if (row_span(self, (size_t)start, &at, &size) < 0 ||
            append_span(slice, self->memory->data + self->rows_at + at, size) < 0) {
            Py_CLEAR(slice);
        }
    }
    return (PyObject *)slice;
}

static PyObject *
batch_subscript(ForyRowBatch *self, PyObject *key)
{
    if (batch_ready(self) < 0) {
        return NULL;
    }
    if (PyIndex_Check(key)) {
        Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred()) {
            return NULL;
        }
        return batch_item(self, i < 0 ? i + (Py_ssize_t)self->count : i);
    }
    if (PySlice_Check(key)) {
        return batch_slice(self, key);
    }
    return fory_raise(self->st, FORY_E_TYPE, "rows are found by index or slice, not by %s", Py_TYPE(key)->tp_name);
}

/* ---- appending -------------------------------------------------------------------------- */

/* The rows, packed into memory of our own: a header without counts, the schema
 * bytes, and rows. 0 / -1. */
static int
make_own(ForyRowBatch *self, size_t room)
{
    ForyRowMemory *memory = NULL, *index = NULL;
    PyObject *bytes = NULL;
    size_t prefix = self->prefix, total = 0, at, size;
    for (size_t i = 0; i < self->count; i++) {
        if (row_span(self, i, &at, &size) < 0) {
            return -1;
        }
        total += fory_row_pad(size);
    }
    if (prefix == 0) {
        PyObject *schema = fory_row_node_schema(self->plan, &self->plan->root);
        bytes = schema == NULL ? NULL : PyObject_CallMethod(schema, "to_bytes", NULL);
        Py_XDECREF(schema);
        if (bytes == NULL || !PyBytes_Check(bytes)) {
            if (bytes != NULL) {
                fory_raise(self->st, FORY_E_TYPE, "Schema.to_bytes() gave no bytes");
            }
            goto error;
        }
        prefix = (FORY_BATCH_HEADER + (size_t)PyBytes_GET_SIZE(bytes) + 63) & ~(size_t)63;
    }
    memory = fory_row_memory_new(self->st, prefix + total + room);
    index = fory_row_memory_new(self->st, (self->count + 64) * 8);
    if (memory == NULL || index == NULL) {
        goto error;
    }
    if (bytes != NULL) {
        memset(memory->data, 0, prefix);
        memcpy(memory->data, magic, 8);
        fory_store16(memory->data + 8, 1);
        fory_store32(memory->data + 12, (uint32_t)PyBytes_GET_SIZE(bytes));
        fory_store64(memory->data + 16, self->plan->hash);
        memcpy(memory->data + FORY_BATCH_HEADER, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    else {
        memcpy(memory->data, self->memory->data, prefix);
    }
    total = 0;
    for (size_t i = 0; i < self->count; i++) {
        fory_store64(index->data + 8 * i, total);
        if (row_span(self, i, &at, &size) < 0 || fory_row_pad(size) > memory->capacity - prefix - total) {
            goto error; /* somebody changes the buffer under us */
        }
        memset(memory->data + prefix + total + size, 0, fory_row_pad(size) - size);
        memcpy(memory->data + prefix + total, self->memory->data + self->rows_at + at, size);
        total += fory_row_pad(size);
    }
    fory_store64(index->data + 8 * self->count, total);
    memory->size = prefix + total;
    index->size = (self->count + 1) * 8;
    Py_XSETREF(self->memory, memory);
    Py_XSETREF(self->index, index);
    self->offsets = index->data;
    self->rows_at = self->prefix = prefix;
    self->rows_size = total;
    self->shared = self->sealed = self->mapped = 0;
    Py_XDECREF(bytes);
    return 0;
error:
    if (!PyErr_Occurred()) {
        fory_raise(self->st, FORY_E_INVALID_DATA, "the RowBatch changed while it was copied");
    }
    Py_XDECREF(bytes);
    Py_XDECREF(memory);
    Py_XDECREF(index);
    return -1;
}

int
fory_batch_begin(ForyRowBatch *self)
{
    if (batch_ready(self) < 0 || not_busy(self) < 0) {
        return -1;
    }
    /* an exported index is not written over */
    if (FORY_UNLIKELY(self->shared || (self->sealed && Py_REFCNT(self->memory) > 1))) {
        return make_own(self, self->rows_size / 2 + 4096);
    }
    self->sealed = 0;
    return 0;
}

void
fory_batch_writer(ForyRowBatch *self, ForyRowWriter *w)
{
    fory_row_writer_init(w, self->st);
    w->memory = &self->memory;
    w->data = self->memory->data;
    w->size = self->rows_at + self->rows_size;
    w->capacity = self->memory->capacity;
}

int
fory_batch_add_row(ForyRowBatch *self, size_t end)
{
    size_t need = (self->count + 2) * 8;
    if (FORY_UNLIKELY(need > self->index->capacity)) {
        size_t capacity = need + need / 2 + 512;
        if (Py_REFCNT(self->index) > 1) {
            /* a slice looks at it */
            ForyRowMemory *index = fory_row_memory_new(self->st, capacity);
            if (index == NULL) {
                return -1;
            }
            memcpy(index->data, self->index->data, (self->count + 1) * 8);
            Py_SETREF(self->index, index);
        }
        else {
            uint8_t *data = PyMem_RawRealloc(self->index->data, capacity);
            if (data == NULL) {
                PyErr_NoMemory();
                return -1;
            }
            self->index->data = data;
            self->index->capacity = capacity;
        }
        self->offsets = self->index->data;
    }
    self->count++;
    self->rows_size = end - self->rows_at;
    fory_store64(self->index->data + 8 * self->count, self->rows_size);
    self->index->size = (self->count + 1) * 8;
    self->memory->size = end;
    return 0;
}

static int
append_object(ForyRowBatch *self, PyObject *o)
{
    ForyRowWriter w;
    int rc;
    if (fory_batch_begin(self) < 0) {
        return -1;
    }
    fory_batch_writer(self, &w);
    self->busy = 1;
    rc = fory_row_write(&w, self->plan, o);
    self->busy = 0;
    return rc < 0 ? -1 : fory_batch_add_row(self, w.size);
}

static PyObject *
batch_append(ForyRowBatch *self, PyObject *o)
{
    if (append_object(self, o) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
batch_extend(ForyRowBatch *self, PyObject *iterable)
{
    PyObject *iterator, *item;
    if (batch_ready(self) < 0 || (iterator = PyObject_GetIter(iterable)) == NULL) {
        return NULL;
    }
    while ((item = PyIter_Next(iterator)) != NULL) {
        int rc = append_object(self, item);
        if (FORY_UNLIKELY(rc < 0)) {
            Py_DECREF(item);
            break;
        }
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Header and index in place behind the rows. 0 / -1. */
static int
seal(ForyRowBatch *self)
{
    ForyRowWriter w;
    uint8_t *header;
    size_t at, size;
    if (batch_ready(self) < 0 || not_busy(self) < 0) {
        return -1;
    }
    if (self->sealed) {
        return 0;
    }
    size = (self->count + 1) * 8;
    if (self->shared && make_own(self, size) < 0) {
        return -1;
    }
    fory_batch_writer(self, &w);
    at = fory_row_reserve(&w, size);
    if (at == FORY_ROW_FAILED) {
        return -1;
    }
    memcpy(w.data + at, self->offsets, size);
    header = w.data;
    fory_store64(header + 24, self->count);
    fory_store64(header + 32, self->rows_at);
    fory_store64(header + 40, self->rows_size);
    fory_store64(header + 48, at);
    self->memory->size = w.size;
    self->sealed = 1;
    return 0;
}

static int
batch_getbuffer(ForyRowBatch *self, Py_buffer *view, int flags)
{
    if (seal(self) < 0) {
        PyObject *type, *value, *tb;
        PyErr_Fetch(&type, &value, &tb);
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(tb);
        view->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "the RowBatch cannot be exported now");
        return -1;
    }
    /* the memory itself is exported: it outlives what becomes of the batch */
    return PyObject_GetBuffer((PyObject *)self->memory, view, flags);
}

static PyObject *
batch_to_bytes(ForyRowBatch *self, PyObject *unused)
{
    (void)unused;
    if (seal(self) < 0) {
        return NULL;
    }
    return PyBytes_FromStringAndSize((const char *)self->memory->data, (Py_ssize_t)self->memory->size);
}

void
fory_batch_release(const ForyRowBatch *self, size_t first, size_t last)
{
#if CAN_RELEASE
    uint64_t start, end;
    uintptr_t page, from, to;
    if (!self->mapped || first >= last) {
        return;
    }
    start = fory_load64(self->offsets + 8 * first);
    end = fory_load64(self->offsets + 8 * last);
    if (start > end || end > self->rows_size) {
        return;
    }
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    from = ((uintptr_t)self->memory->data + self->rows_at + (uintptr_t)start) & ~(page - 1);
    to = ((uintptr_t)self->memory->data + self->rows_at + (uintptr_t)end) & ~(page - 1);
    /* the pages of a file mapped read-only come back from it when they are touched again */
    if (from >= (uintptr_t)self->memory->data && to > from) {
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
    from = ((uintptr_t)self->offsets + 8 * first) & ~(page - 1);
    to = ((uintptr_t)self->offsets + 8 * last) & ~(page - 1);
    if (from >= (uintptr_t)self->memory->data && to > from) {
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
    }
#else
    (void)self;
    (void)first;
    (void)last;
#endif
}

/* ---- iteration ---------------------------------------------------------------------------------- */

typedef struct BatchIterator {
    PyObject_HEAD
    ForyRowBatch *batch; /* NULL at the end */
    size_t next, end, released;
} BatchIterator;

static int
iterator_traverse(BatchIterator *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->batch);
    return 0;
}

static void
iterator_dealloc(BatchIterator *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->batch);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
iterator_next(BatchIterator *self)
{
    ForyRowBatch *batch = self->batch;
    if (batch == NULL) {
        return NULL;
    }
    if (self->next >= self->end) {
        fory_batch_release(batch, self->released, self->end);
        Py_CLEAR(self->batch);
        return NULL;
    }
    if (FORY_UNLIKELY(batch->mapped) && (self->next & 255) == 0 &&
        fory_load64(batch->offsets + 8 * self->next) - fory_load64(batch->offsets + 8 * self->released) >=
            FORY_BATCH_WINDOW) {
        fory_batch_release(batch, self->released, self->next);
        self->released = self->next;
    }
    return batch_row(batch, self->next++);
}

static PyObject *
batch_iter(ForyRowBatch *self)
{
    PyTypeObject *type = self->st->row_types[FORY_ROW_ITERATOR];
    BatchIterator *iterator;
    if (batch_ready(self) < 0 || (iterator = (BatchIterator *)type->tp_alloc(type, 0)) == NULL) {
        return NULL;
    }
    iterator->batch = (ForyRowBatch *)Py_NewRef((PyObject *)self);
    iterator->end = self->count; /* rows that are added meanwhile do not count */
    return (PyObject *)iterator;
}

int
fory_batch_is_plain(ForyState *st, PyObject *o)
{
    return PyObject_TypeCheck(o, st->row_types[FORY_ROW_BATCH]) && Py_TYPE(o)->tp_iter == (getiterfunc)batch_iter &&
           ((ForyRowBatch *)o)->plan != NULL;
}

static PyType_Slot iterator_slots[] = {
    {Py_tp_new, fory_row_view_no_new},
    {Py_tp_traverse, iterator_traverse},
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {0, NULL},
};

static PyType_Spec iterator_spec = {
    .name = "pyfory._core.RowIterator",
    .basicsize = sizeof(BatchIterator),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = iterator_slots,
};

/* ---- the type -------------------------------------------------------------------------------------- */

static PyObject *
batch_get_schema(ForyRowBatch *self, void *closure)
{
    (void)closure;
    return batch_ready(self) < 0 ? NULL : fory_row_node_schema(self->plan, &self->plan->root);
}

static PyObject *
batch_get_utc(ForyRowBatch *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(self->utc);
}

static PyObject *
batch_get_mapped(ForyRowBatch *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(self->mapped);
}

static PyObject *
batch_get_nbytes(ForyRowBatch *self, void *closure)
{
    size_t first, last, size;
    (void)closure;
    if (batch_ready(self) < 0 || self->count == 0) {
        return self->plan == NULL ? NULL : PyLong_FromLong(0);
    }
    if (row_span(self, 0, &first, &size) < 0 || row_span(self, self->count - 1, &last, &size) < 0) {
        return NULL;
    }
    return PyLong_FromSize_t(last + size < first ? 0 : last + size - first);
}

static PyMethodDef batch_methods[] = {
    {"_bind", (PyCFunction)batch_bind, METH_VARARGS, NULL},
    {"_attach", (PyCFunction)batch_attach, METH_VARARGS, NULL},
    {"_columns", (PyCFunction)fory_batch_columns, METH_NOARGS, NULL},
    {"_column", (PyCFunction)fory_batch_column, METH_O, NULL},
    {"_append_columns", (PyCFunction)fory_batch_append_columns, METH_VARARGS, NULL},
    {"append", (PyCFunction)batch_append, METH_O,
     "append($self, obj, /)\n--\n\nAdds a row for an object, a dict or a RowData.\n\n"
     "Errors name the field: ForyTypeError, ForyOverflowError, ForyInvalidDataError; the batch stays as it was."},
    {"extend", (PyCFunction)batch_extend, METH_O,
     "extend($self, objects, /)\n--\n\nAdds a row for each of many objects; what came before a failure stays."},
    {"to_bytes", (PyCFunction)batch_to_bytes, METH_NOARGS,
     "to_bytes($self, /)\n--\n\nThe whole batch as bytes, for from_bytes."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef batch_getset[] = {
    {"schema", (getter)batch_get_schema, NULL, "The Schema of the rows.", NULL},
    {"utc", (getter)batch_get_utc, NULL, "Whether rows show timestamps in UTC instead of naive local time.", NULL},
    {"_mapped", (getter)batch_get_mapped, NULL, NULL, NULL},
    {"nbytes", (getter)batch_get_nbytes, NULL, "Size of the rows in bytes.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot batch_slots[] = {
    {Py_tp_doc, "Many rows of one schema in one contiguous block of memory."},
    {Py_tp_new, batch_new},
    {Py_tp_traverse, batch_traverse},
    {Py_tp_dealloc, batch_dealloc},
    {Py_tp_iter, batch_iter},
    {Py_tp_methods, batch_methods},
    {Py_tp_getset, batch_getset},
    {Py_sq_length, batch_length},
    {Py_sq_item, batch_item},
    {Py_mp_length, batch_length},
    {Py_mp_subscript, batch_subscript},
    FORY_ROW_BUFFER_SLOT(batch_getbuffer)
    {0, NULL},
};

static PyType_Spec batch_spec = {
    .name = "pyfory._core.RowBatch",
    .basicsize = sizeof(ForyRowBatch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = batch_slots,
};

int
fory_row_batch_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_ITERATOR, &iterator_spec, NULL) < 0 ||
                   fory_row_add_type(module, st, FORY_ROW_BATCH, &batch_spec, (getbufferproc)batch_getbuffer) < 0
               ? -1
               : 0;
}
