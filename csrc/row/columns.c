/* Columns of a RowBatch in Arrow's layout, and rows from such columns.
 *
 * A column is a tuple (length, null count, validity, offsets, data, children):
 * validity bits (1 = a value) or None when nothing is null; 32-bit offsets of
 * text, bytes, lists and maps; data of fixed widths, text and bytes; children
 * of structs (fields), lists (elements) and maps (keys, values). */
#include "row/batch.h"

/* ---- gathering --------------------------------------------------------------------- */

typedef struct Gather {
    ForyState *st;
    const uint8_t *base;
    size_t limit;
} Gather;

static PyObject *gather_spans(Gather *g, ForyRowNode *node, const fory_row_span *spans, size_t n, uint64_t total);

static PyObject *
damaged(Gather *g, const ForyRowNode *node)
{
    return fory_raise(g->st, FORY_E_INVALID_DATA, "a row whose %s '%U' does not lie within it",
                      fory_row_type_name(node->type_id), node->name);
}

static PyObject *
too_long(Gather *g)
{
    return fory_raise(g->st, FORY_E_OVERFLOW, "a column of more than 2147483647 bytes or elements; take slices of the batch");
}

static PyObject *
new_bytes(size_t n)
{
    return PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)n);
}

#define BYTES(o) ((uint8_t *)PyByteArray_AS_STRING(o))

/* Steals validity, offsets, data and children, which may be NULL (None). With
 * failed, or nulls == 0, validity is dropped. */
static PyObject *
make_column(size_t n, size_t nulls, PyObject *validity, PyObject *offsets, PyObject *data, PyObject *children)
{
    if (nulls == 0) {
        Py_CLEAR(validity);
    }
    if (children == NULL) {
        children = PyTuple_New(0);
    }
    PyObject *column = children == NULL
                           ? NULL
                           : Py_BuildValue("(nnOOOO)", (Py_ssize_t)n, (Py_ssize_t)nulls, validity ? validity : Py_None,
                                           offsets ? offsets : Py_None, data ? data : Py_None, children);
    Py_XDECREF(validity);
    Py_XDECREF(offsets);
    Py_XDECREF(data);
    Py_XDECREF(children);
    return column;
}

/* The column of field i of the rows of a struct node. */
static PyObject *
gather_field(Gather *g, const ForyRowNode *node, Py_ssize_t i, const fory_row_set *rows)
{
    ForyRowNode *child = &node->children[i];
    size_t n = rows->n, slot = node->bitmap_size + (size_t)i * 8, nulls;
    unsigned null_bit = (unsigned)i & 7;
    PyObject *validity = NULL, *data = NULL, *column;
    if (child->fixed_width == 0) {
        uint64_t total;
        fory_row_span *spans = PyMem_Malloc((n + 1) * sizeof(*spans));
        if (spans == NULL) {
            return PyErr_NoMemory();
        }
        nulls = fory_row_gather_spans(rows, slot, (size_t)i >> 3, null_bit, node->fixed_size, spans, &total);
        column = nulls == FORY_ROW_BAD_SET ? damaged(g, child) : gather_spans(g, child, spans, n, total);
        PyMem_Free(spans);
        return column;
    }
    validity = new_bytes((n + 7) / 8);
    data = new_bytes(child->type_id == FORY_BOOL ? (n + 7) / 8 : n * child->width);
    if (validity == NULL || data == NULL) {
        goto error;
    }
    if (child->type_id == FORY_BOOL) {
        nulls = fory_row_gather_bits(rows, slot, (size_t)i >> 3, null_bit, node->fixed_size, BYTES(data),
                                     BYTES(validity));
    }
    else {
        nulls = fory_row_gather(rows, slot, child->width, (size_t)i >> 3, null_bit, node->fixed_size, BYTES(data),
                                BYTES(validity));
    }
    if (nulls == FORY_ROW_BAD_SET) {
        damaged(g, child);
        goto error;
    }
    return make_column(n, nulls, validity, NULL, data, NULL);
error:
    Py_XDECREF(validity);
    Py_XDECREF(data);
    return NULL;
}

static PyObject *
gather_fields(Gather *g, const ForyRowNode *node, const fory_row_set *rows)
{
    PyObject *columns = PyTuple_New(node->n_children);
    for (Py_ssize_t i = 0; columns != NULL && i < node->n_children; i++) {
        PyObject *column = gather_field(g, node, i, rows);
        if (column == NULL) {
            Py_DECREF(columns);
            return NULL;
        }
        PyTuple_SET_ITEM(columns, i, column);
    }
    return columns;
}

/* text and bytes */
static PyObject *
gather_bytes(Gather *g, const fory_row_span *spans, size_t n, uint64_t total, PyObject *validity, size_t nulls)
{
    PyObject *offsets = new_bytes((n + 1) * 4), *data = new_bytes((size_t)total);
    uint8_t *out;
    uint32_t at = 0;
    if (offsets == NULL || data == NULL) {
        Py_XDECREF(offsets);
        Py_XDECREF(data);
        Py_DECREF(validity);
        return NULL;
    }
    out = BYTES(data);
    fory_store32(BYTES(offsets), 0);
    for (size_t i = 0; i < n; i++) {
        if (spans[i].size > 0) {
            fory_copy_short(out + at, g->base + spans[i].at, (size_t)spans[i].size);
            at += (uint32_t)spans[i].size;
        }
        fory_store32(BYTES(offsets) + 4 * i + 4, at);
    }
    return make_column(n, nulls, validity, offsets, data, NULL);
}

static PyObject *
gather_decimals(Gather *g, const ForyRowNode *node, const fory_row_span *spans, size_t n, PyObject *validity,
                size_t nulls)
{
    PyObject *data = new_bytes(n * 16);
    for (size_t i = 0; data != NULL && i < n; i++) {
        if (spans[i].at == FORY_ROW_NO_SPAN) {
            memset(BYTES(data) + 16 * i, 0, 16);
        }
        else if (fory_row_is_decimal(g->base + spans[i].at, spans[i].size)) {
            memcpy(BYTES(data) + 16 * i, g->base + spans[i].at, 16);
        }
        else {
            Py_CLEAR(data);
            damaged(g, node);
        }
    }
    if (data == NULL) {
        Py_DECREF(validity);
        return NULL;
    }
    return make_column(n, nulls, validity, NULL, data, NULL);
}

/* The elements of all arrays as one column. */
static PyObject *
gather_elements(Gather *g, ForyRowNode *element, const fory_row_array *arrays, size_t n, size_t total)
{
    PyObject *validity = NULL, *data = NULL, *column = NULL;
    fory_row_span *spans = NULL;
    size_t nulls = 0, at = 0, width = element->width;
    if (element->fixed_width == 0) {
        uint64_t bytes = 0;
        spans = PyMem_Malloc((total + 1) * sizeof(*spans));
        if (spans == NULL) {
            return PyErr_NoMemory();
        }
        for (size_t k = 0; k < n; k++) {
            const fory_row_array *a = &arrays[k];
            for (size_t i = 0; i < a->count; i++, at++) {
                size_t offset, length;
                spans[at] = (fory_row_span){FORY_ROW_NO_SPAN, 0};
                if (fory_row_is_null(a->data + 8, i)) {
                    continue;
                }
                if (fory_row_follow(a->items + 8 * i, a->size, &offset, &length) != FORY_OK) {
                    column = damaged(g, element);
                    goto done;
                }
                spans[at] = (fory_row_span){(uint64_t)(a->data - g->base) + offset, length};
                bytes += length;
            }
        }
        column = gather_spans(g, element, spans, total, bytes);
        goto done;
    }
    validity = new_bytes((total + 7) / 8);
    data = new_bytes(element->type_id == FORY_BOOL ? (total + 7) / 8 : total * width);
    if (validity == NULL || data == NULL) {
        goto done;
    }
    memset(BYTES(validity), 0, (total + 7) / 8);
    if (element->type_id == FORY_BOOL) {
        memset(BYTES(data), 0, (total + 7) / 8);
    }
    for (size_t k = 0; k < n; k++) {
        const fory_row_array *a = &arrays[k];
        nulls += fory_row_append_validity(BYTES(validity), at, a->data + 8, a->count);
        if (element->type_id == FORY_BOOL) {
            for (size_t i = 0; i < a->count; i++) {
                BYTES(data)[(at + i) >> 3] |= (uint8_t)((unsigned)(a->items[i] != 0) << ((at + i) & 7));
            }
        }
        else if (a->count > 0) {
            memcpy(BYTES(data) + at * width, a->items, a->count * width);
        }
        at += a->count;
    }
    column = make_column(total, nulls, validity, NULL, data, NULL);
    validity = data = NULL;
done:
    Py_XDECREF(validity);
    Py_XDECREF(data);
    PyMem_Free(spans);
    return column;
}

/* lists and maps: one or two arrays per value */
static PyObject *
gather_arrays(Gather *g, ForyRowNode *node, const fory_row_span *spans, size_t n, PyObject *validity, size_t nulls)
{
    static const uint8_t empty[8] = {0};
    int sides = node->type_id == FORY_MAP ? 2 : 1;
    fory_row_array *arrays = PyMem_Malloc((n + 1) * (size_t)sides * sizeof(*arrays));
    fory_row_array *keys = arrays, *values = arrays + (sides == 2 ? n : 0);
    PyObject *offsets = NULL, *children = NULL, *column = NULL;
    uint64_t total = 0;
    if (arrays == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    offsets = new_bytes((n + 1) * 4);
    if (offsets == NULL) {
        goto done;
    }
    fory_store32(BYTES(offsets), 0);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = g->base + spans[i].at;
        if (spans[i].at == FORY_ROW_NO_SPAN) {
            keys[i] = values[i] = (fory_row_array){empty, empty + 8, 8, 0};
        }
        else if (sides == 1 ? fory_row_open_array(p, (size_t)spans[i].size, node->children[0].width, &values[i]) != FORY_OK
                            : fory_row_open_map(p, (size_t)spans[i].size, node->children[0].width,
                                                node->children[1].width, &keys[i], &values[i]) != FORY_OK) {
            damaged(g, node);
            goto done;
        }
        total += values[i].count;
        if (total > INT32_MAX) {
            too_long(g);
            goto done;
        }
        fory_store32(BYTES(offsets) + 4 * i + 4, (uint32_t)total);
    }
    children = PyTuple_New(sides);
    for (int side = 0; children != NULL && side < sides; side++) {
        PyObject *child = gather_elements(g, &node->children[side], side == 0 ? keys : values, n, (size_t)total);
        if (child == NULL) {
            goto done;
        }
        PyTuple_SET_ITEM(children, side, child);
    }
    if (children != NULL) {
        column = make_column(n, nulls, validity, offsets, NULL, children);
        validity = offsets = children = NULL;
    }
done:
    PyMem_Free(arrays);
    Py_XDECREF(validity);
    Py_XDECREF(offsets);
    Py_XDECREF(children);
    return column;
}

/* The column of n values that lie at spans, `total` bytes together. */
static PyObject *
gather_spans(Gather *g, ForyRowNode *node, const fory_row_span *spans, size_t n, uint64_t total)
{
    PyObject *validity, *fields;
    size_t nulls;
    /* values do not overlap: together they are not larger than all rows */
    if (total > g->limit) {
        return fory_raise(g->st, FORY_E_INVALID_DATA, "values of a row overlap");
    }
    if (total > INT32_MAX && (node->type_id == FORY_STRING || node->type_id == FORY_BINARY)) {
        return too_long(g);
    }
    validity = new_bytes((n + 7) / 8);
    if (validity == NULL) {
        return NULL;
    }
    nulls = fory_row_span_validity(spans, n, BYTES(validity));
    switch (node->type_id) {
    case FORY_STRING:
    case FORY_BINARY:
        return gather_bytes(g, spans, n, total, validity, nulls);
    case FORY_DECIMAL:
        return gather_decimals(g, node, spans, n, validity, nulls);
    case FORY_STRUCT: {
        fory_row_set rows = {g->base, NULL, spans, n, g->limit};
        fields = gather_fields(g, node, &rows);
        if (fields == NULL) {
            Py_DECREF(validity);
            return NULL;
        }
        return make_column(n, nulls, validity, NULL, NULL, fields);
    }
    default:
        return gather_arrays(g, node, spans, n, validity, nulls);
    }
}

static int
gather_begin(ForyRowBatch *self, Gather *g)
{
    if (self->plan == NULL) {
        fory_raise(self->st, FORY_E_INVALID, "%s.__init__ was not called", Py_TYPE(self)->tp_name);
        return -1;
    }
    *g = (Gather){self->st, self->memory->data + self->rows_at, self->rows_size};
    return 0;
}

PyObject *
fory_batch_columns(ForyRowBatch *self, PyObject *unused)
{
    Gather g;
    PyObject *columns;
    ForyRowMemory *memory, *index;
    (void)unused;
    if (gather_begin(self, &g) < 0) {
        return NULL;
    }
    fory_row_set rows = fory_batch_rows(self);
    /* allocating may run the collector, and that anything: hold on to what is read */
    memory = (ForyRowMemory *)Py_NewRef((PyObject *)self->memory);
    index = (ForyRowMemory *)Py_NewRef((PyObject *)self->index);
    columns = gather_fields(&g, &self->plan->root, &rows);
    Py_DECREF(memory);
    Py_DECREF(index);
    fory_batch_release(self, 0, rows.n);
    return columns;
}

/* The column at names[0..n) below the rows of a struct node. */
static PyObject *
gather_path(Gather *g, const ForyRowNode *node, const fory_row_set *rows, PyObject *names, Py_ssize_t depth)
{
    PyObject *name = PyList_GET_ITEM(names, depth), *column;
    Py_ssize_t i = node->type_id == FORY_STRUCT ? fory_row_field_index(node, name) : -1;
    fory_row_span *spans;
    uint64_t total;
    if (i < 0) {
        return i == -2 ? NULL : fory_raise(g->st, FORY_E_FIELD, "the rows have no field %R", name);
    }
    if (depth + 1 == PyList_GET_SIZE(names)) {
        return gather_field(g, node, i, rows);
    }
    if (node->children[i].type_id != FORY_STRUCT) {
        return fory_raise(g->st, FORY_E_FIELD, "%R is no struct: it has no fields", name);
    }
    spans = PyMem_Malloc((rows->n + 1) * sizeof(*spans));
    if (spans == NULL) {
        return PyErr_NoMemory();
    }
    if (fory_row_gather_spans(rows, node->bitmap_size + (size_t)i * 8, (size_t)i >> 3, (unsigned)i & 7,
                              node->fixed_size, spans, &total) == FORY_ROW_BAD_SET) {
        column = damaged(g, &node->children[i]);
    }
    else {
        fory_row_set inner = {g->base, NULL, spans, rows->n, g->limit};
        column = gather_path(g, &node->children[i], &inner, names, depth + 1);
    }
    PyMem_Free(spans);
    return column;
}

PyObject *
fory_batch_column(ForyRowBatch *self, PyObject *path)
{
    Gather g;
    PyObject *names, *dot, *column;
    ForyRowMemory *memory, *index;
    if (gather_begin(self, &g) < 0) {
        return NULL;
    }
    if (!PyUnicode_Check(path)) {
        return fory_raise(self->st, FORY_E_TYPE, "a column is found by name, not by %s", Py_TYPE(path)->tp_name);
    }
    fory_row_set rows = fory_batch_rows(self);
    if (fory_row_field_index(&self->plan->root, path) >= 0) {
        /* also a name with a dot in it */
        names = PyList_New(1);
        if (names != NULL) {
            PyList_SET_ITEM(names, 0, Py_NewRef(path));
        }
    }
    else {
        dot = PyUnicode_FromString(".");
        names = dot == NULL ? NULL : PyUnicode_Split(path, dot, -1);
        Py_XDECREF(dot);
    }
    if (names == NULL) {
        return NULL;
    }
    memory = (ForyRowMemory *)Py_NewRef((PyObject *)self->memory);
    index = (ForyRowMemory *)Py_NewRef((PyObject *)self->index);
    column = gather_path(&g, &self->plan->root, &rows, names, 0);
    Py_DECREF(memory);
    Py_DECREF(index);
    Py_DECREF(names);
    fory_batch_release(self, 0, rows.n);
    return column;
}

/* ---- rows from columns --------------------------------------------------------------------- */

typedef struct Column {
    ForyRowNode *node;
    size_t length;
    Py_buffer validity, offsets, data; /* obj is NULL when there is none */
    struct Column *children;
    Py_ssize_t n_children;
} Column;

static void
release_column(Column *c)
{
    if (c->validity.obj != NULL) {
        PyBuffer_Release(&c->validity);
    }
    if (c->offsets.obj != NULL) {
        PyBuffer_Release(&c->offsets);
    }
    if (c->data.obj != NULL) {
        PyBuffer_Release(&c->data);
    }
    for (Py_ssize_t i = 0; c->children != NULL && i < c->n_children; i++) {
        release_column(&c->children[i]);
    }
    PyMem_Free(c->children);
    c->children = NULL;
}

/* A buffer of at least `need` bytes; None only where it may be missing. 0 / -1. */
static int
open_buffer(ForyState *st, const ForyRowNode *node, PyObject *o, size_t need, int optional, const char *what,
            Py_buffer *view)
{
    if (o == Py_None) {
        if (optional || need == 0) {
            return 0;
        }
    }
    else if (PyObject_GetBuffer(o, view, PyBUF_SIMPLE) < 0) {
        view->obj = NULL;
        return -1;
    }
    else if ((size_t)view->len >= need) {
        return 0;
    }
    fory_raise(st, FORY_E_INVALID_DATA, "the %s of column '%U' are shorter than %zu bytes", what, node->name, need);
    return -1;
}

/* spec: a column tuple; at least `length` long. 0 / -1; release_column in either case. */
static int
open_column(ForyState *st, ForyRowNode *node, PyObject *spec, size_t length, Column *c)
{
    Py_ssize_t n, nulls;
    PyObject *validity, *offsets, *data, *children;
    size_t need = 0;
    int lists = node->type_id == FORY_LIST || node->type_id == FORY_MAP;
    int bytes = node->type_id == FORY_STRING || node->type_id == FORY_BINARY;
    c->node = node;
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "a column is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "nnOOOO!", &n, &nulls, &validity, &offsets, &data, &PyTuple_Type, &children)) {
        return -1;
    }
    if (n < 0 || (size_t)n < length || (size_t)n > (size_t)PY_SSIZE_T_MAX / 32) {
        fory_raise(st, FORY_E_INVALID_DATA, "column '%U' has %zd values, not %zu", node->name, n, length);
        return -1;
    }
    c->length = (size_t)n;
    if (node->fixed_width != 0) {
        need = node->type_id == FORY_BOOL ? (c->length + 7) / 8 : c->length * node->width;
    }
    else if (node->type_id == FORY_DECIMAL) {
        need = c->length * 16;
    }
    if (open_buffer(st, node, validity, (c->length + 7) / 8, 1, "validity bits", &c->validity) < 0 ||
        open_buffer(st, node, offsets, lists || bytes ? (c->length + 1) * 4 : 0, 0, "offsets", &c->offsets) < 0 ||
        open_buffer(st, node, data, need, 0, "values", &c->data) < 0) {
        return -1;
    }
    if (node->n_children != PyTuple_GET_SIZE(children)) {
        fory_raise(st, FORY_E_INVALID_DATA, "column '%U' has %zd children, not %zd", node->name,
                   PyTuple_GET_SIZE(children), node->n_children);
        return -1;
    }
    if (node->n_children == 0) {
        return 0;
    }
    c->children = PyMem_Calloc((size_t)node->n_children, sizeof(Column));
    if (c->children == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    c->n_children = node->n_children;
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        /* offsets of lists are checked against the length as they are used */
        if (open_column(st, &node->children[i], PyTuple_GET_ITEM(children, i),
                        node->type_id == FORY_STRUCT ? c->length : 0, &c->children[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

FORY_INLINE int
cell_is_null(const Column *c, size_t i)
{
    return c->validity.obj != NULL && !(((const uint8_t *)c->validity.buf)[i >> 3] >> (i & 7) & 1);
}

static uint64_t
cell_bits(const Column *c, size_t i)
{
    const uint8_t *data = c->data.buf;
    if (c->node->type_id == FORY_BOOL) {
        return data[i >> 3] >> (i & 7) & 1;
    }
    switch (c->node->width) {
    case 1:
        return data[i];
    case 2:
        return fory_load16(data + 2 * i);
    case 4:
        return fory_load32(data + 4 * i);
    default:
        return fory_load64(data + 8 * i);
    }
}

/* Elements [*from, *to) of cell i, below `limit`. 0 / -1. */
static int
cell_range(ForyRowWriter *w, const Column *c, size_t i, size_t limit, size_t *from, size_t *to)
{
    const uint8_t *offsets = c->offsets.buf;
    int32_t a = (int32_t)fory_load32(offsets + 4 * i), b = (int32_t)fory_load32(offsets + 4 * i + 4);
    if (a < 0 || b < a || (size_t)b > limit) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "offsets %d to %d of column '%U' do not fit", (int)a, (int)b,
                   c->node->name);
        return -1;
    }
    *from = (size_t)a;
    *to = (size_t)b;
    return 0;
}

static int put_struct(ForyRowWriter *w, const Column *columns, ForyRowNode *node, size_t i);
static int put_array(ForyRowWriter *w, const Column *element, size_t from, size_t to);

static int
put_variable(ForyRowWriter *w, const Column *c, size_t i, size_t slot, size_t base)
{
    size_t at = w->size, from, to;
    switch (c->node->type_id) {
    case FORY_STRING:
    case FORY_BINARY:
        if (cell_range(w, c, i, (size_t)c->data.len, &from, &to) < 0) {
            return -1;
        }
        return fory_row_put_bytes(w, slot, base, (const uint8_t *)c->data.buf + from, to - from);
    case FORY_DECIMAL:
        return fory_row_put_bytes(w, slot, base, (const uint8_t *)c->data.buf + 16 * i, 16);
    case FORY_STRUCT:
        if (put_struct(w, c->children, c->node, i) < 0) {
            return -1;
        }
        break;
    case FORY_LIST:
        if (cell_range(w, c, i, c->children[0].length, &from, &to) < 0 ||
            put_array(w, &c->children[0], from, to) < 0) {
            return -1;
        }
        break;
    default:
        if (cell_range(w, c, i,
                       c->children[0].length < c->children[1].length ? c->children[0].length : c->children[1].length,
                       &from, &to) < 0 ||
            fory_row_reserve(w, 8) == FORY_ROW_FAILED || put_array(w, &c->children[0], from, to) < 0) {
            return -1;
        }
        fory_store64(w->data + at, (uint64_t)(w->size - at - 8));
        if (put_array(w, &c->children[1], from, to) < 0) {
            return -1;
        }
    }
    return fory_row_refer(w, slot, base, at, w->size - at);
}

static int
put_null(ForyRowWriter *w, const ForyRowNode *node, size_t bitmap, size_t i)
{
    if (!node->nullable) {
        fory_raise(w->st, FORY_E_TYPE, "null in column '%U', which is not nullable", node->name);
        return -1;
    }
    fory_row_set_null(w->data + bitmap, i);
    return 0;
}

/* Row i of the columns of a struct's fields. */
static int
put_struct(ForyRowWriter *w, const Column *columns, ForyRowNode *node, size_t i)
{
    size_t row = fory_row_reserve(w, node->fixed_size);
    if (row == FORY_ROW_FAILED) {
        return -1;
    }
    memset(w->data + row, 0, node->fixed_size);
    for (Py_ssize_t k = 0; k < node->n_children; k++) {
        const Column *c = &columns[k];
        size_t slot = row + node->bitmap_size + (size_t)k * 8;
        int rc = 0;
        if (cell_is_null(c, i)) {
            rc = put_null(w, c->node, row, (size_t)k);
        }
        else if (c->node->fixed_width != 0) {
            fory_store64(w->data + slot, cell_bits(c, i));
        }
        else {
            rc = put_variable(w, c, i, slot, row);
        }
        if (rc < 0) {
            return -1;
        }
    }
    return 0;
}

static int
put_array(ForyRowWriter *w, const Column *c, size_t from, size_t to)
{
    size_t width = c->node->width, items, at = fory_row_begin_array(w, to - from, width, &items);
    if (at == FORY_ROW_FAILED) {
        return -1;
    }
    if (c->node->fixed_width != 0 && c->node->type_id != FORY_BOOL && c->validity.obj == NULL) {
        if (to > from) {
            memcpy(w->data + items, (const uint8_t *)c->data.buf + from * width, (to - from) * width);
        }
        return 0;
    }
    for (size_t i = from; i < to; i++) {
        size_t slot = items + (i - from) * width;
        int rc = 0;
        if (cell_is_null(c, i)) {
            rc = put_null(w, c->node, at + 8, i - from);
        }
        else if (c->node->fixed_width != 0) {
            fory_row_store(w->data + slot, (unsigned)width, cell_bits(c, i));
        }
        else {
            rc = put_variable(w, c, i, slot, at);
        }
        if (rc < 0) {
            return -1;
        }
    }
    return 0;
}

/* The text of columns is not checked by anybody else. 0 / -1. */
static int
check_text(ForyState *st, const Column *c)
{
    if (c->node->type_id == FORY_STRING && c->data.obj != NULL && c->data.len > 0 &&
        !st->kernels->is_ascii(c->data.buf, (size_t)c->data.len)) {
        PyObject *text = PyUnicode_DecodeUTF8(c->data.buf, c->data.len, NULL);
        if (text == NULL) {
            if (PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
                PyErr_Clear();
                fory_raise(st, FORY_E_INVALID_DATA, "column '%U' holds text that is not UTF-8", c->node->name);
            }
            return -1;
        }
        Py_DECREF(text);
    }
    for (Py_ssize_t i = 0; i < c->n_children; i++) {
        if (check_text(st, &c->children[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* _append_columns(n, columns): all or nothing */
PyObject *
fory_batch_append_columns(ForyRowBatch *self, PyObject *args)
{
    Py_ssize_t n;
    PyObject *specs;
    Column root;
    size_t count, rows_size;
    int failed = 1;
    memset(&root, 0, sizeof(root));
    if (!PyArg_ParseTuple(args, "nO!:_append_columns", &n, &PyTuple_Type, &specs)) {
        return NULL;
    }
    if (self->plan == NULL || n < 0 || PyTuple_GET_SIZE(specs) != self->plan->root.n_children) {
        return fory_raise(self->st, FORY_E_INVALID, "one column for each field is needed");
    }
    ForyRowNode *node = &self->plan->root;
    root.node = node;
    root.n_children = node->n_children;
    root.children = PyMem_Calloc((size_t)node->n_children + 1, sizeof(Column));
    if (root.children == NULL) {
        return PyErr_NoMemory();
    }
    for (Py_ssize_t k = 0; k < node->n_children; k++) {
        if (open_column(self->st, &node->children[k], PyTuple_GET_ITEM(specs, k), (size_t)n, &root.children[k]) < 0) {
            goto done;
        }
    }
    if (check_text(self->st, &root) < 0 || fory_batch_begin(self) < 0) {
        goto done;
    }
    count = self->count;
    rows_size = self->rows_size;
    for (size_t i = 0; i < (size_t)n; i++) {
        ForyRowWriter w;
        size_t before;
        fory_batch_writer(self, &w);
        before = w.size;
        if (put_struct(&w, root.children, node, i) < 0 ||
            (w.size - before > FORY_ROW_MAX && fory_row_too_large(&w) < 0) || fory_batch_add_row(self, w.size) < 0) {
            self->count = count;
            self->rows_size = rows_size;
            self->memory->size = self->rows_at + rows_size;
            goto done;
        }
    }
    failed = 0;
done:
    release_column(&root);
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}
