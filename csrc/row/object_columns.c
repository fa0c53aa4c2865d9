/* Objects -> columns, without rows in between.
 *
 * Builds what RowBatch._columns() gives for the rows of the same objects, for
 * plain values in plain containers: everything that can be looked at without
 * running Python code, so borrowed references stay good throughout. Whatever
 * else is met, a wrong value included, ends the attempt: the caller then takes
 * the way through rows, which raises the errors. */
#include "row/row.h"

enum outcome {
    FAILED = -1, /* with an exception */
    BUILT = 0,
    OTHER = 1, /* something that only rows can deal with */
    AGAIN = 2  /* Python code ran: borrowed references are stale */
};

/* So many classes are got to know during one attempt. */
#define MAX_ATTEMPTS 16
/* Fields that are looked for in the __dict__ of an instance. */
#define MAX_FROM_DICT 40

typedef struct Buffer {
    PyObject *bytes; /* bytearray */
    uint8_t *p;
    size_t size, capacity;
} Buffer;

typedef struct Builder {
    ForyRowNode *node;
    size_t n, nulls;
    Buffer data;     /* of fixed widths, text and bytes */
    Buffer offsets;  /* 32 bits */
    Buffer validity; /* up to the last null */
    struct Builder *children;
} Builder;

/* ---- memory --------------------------------------------------------------------- */

static FORY_NOINLINE int
grow(Buffer *b, size_t need)
{
    size_t capacity;
    if (need > (size_t)PY_SSIZE_T_MAX / 4 || b->size > (size_t)PY_SSIZE_T_MAX / 4) {
        PyErr_NoMemory();
        return FAILED;
    }
    capacity = b->size + need;
    capacity += capacity / 2 + 64;
    if (b->bytes == NULL) {
        b->bytes = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)capacity);
        if (b->bytes == NULL) {
            return FAILED;
        }
    }
    else if (PyByteArray_Resize(b->bytes, (Py_ssize_t)capacity) < 0) {
        return FAILED;
    }
    b->p = (uint8_t *)PyByteArray_AS_STRING(b->bytes);
    b->capacity = capacity;
    return BUILT;
}

FORY_INLINE int
room(Buffer *b, size_t need)
{
    return FORY_LIKELY(b->capacity - b->size >= need) ? BUILT : grow(b, need);
}

/* Fills up to `size` bytes. */
static int
fill(Buffer *b, size_t size, int byte)
{
    if (size > b->size) {
        if (room(b, size - b->size) < 0) {
            return FAILED;
        }
        memset(b->p + b->size, byte, size - b->size);
        b->size = size;
    }
    return BUILT;
}

/* The content as a bytearray; the buffer is empty then. New reference. */
static PyObject *
take(Buffer *b)
{
    PyObject *bytes = b->bytes;
    if (bytes == NULL) {
        return PyByteArray_FromStringAndSize(NULL, 0);
    }
    if (PyByteArray_Resize(bytes, (Py_ssize_t)b->size) < 0) {
        return NULL;
    }
    b->bytes = NULL;
    return bytes;
}

FORY_INLINE int
has_offsets(const ForyRowNode *node)
{
    return node->type_id == FORY_STRING || node->type_id == FORY_BINARY || node->type_id == FORY_LIST ||
           node->type_id == FORY_MAP;
}

static int
builder_init(Builder *c, ForyRowNode *node)
{
    c->node = node;
    if (has_offsets(node) && fill(&c->offsets, 4, 0) < 0) {
        return FAILED;
    }
    if (node->n_children > 0) {
        c->children = PyMem_Calloc((size_t)node->n_children, sizeof(*c->children));
        if (c->children == NULL) {
            PyErr_NoMemory();
            return FAILED;
        }
        for (Py_ssize_t i = 0; i < node->n_children; i++) {
            /* all have their node before any may fail: builder_clear goes by it */
            c->children[i].node = &node->children[i];
        }
        for (Py_ssize_t i = 0; i < node->n_children; i++) {
            if (builder_init(&c->children[i], &node->children[i]) < 0) {
                return FAILED;
            }
        }
    }
    return BUILT;
}

static void
builder_clear(Builder *c)
{
    for (Py_ssize_t i = 0; c->children != NULL && i < c->node->n_children; i++) {
        builder_clear(&c->children[i]);
    }
    PyMem_Free(c->children);
    Py_XDECREF(c->data.bytes);
    Py_XDECREF(c->offsets.bytes);
    Py_XDECREF(c->validity.bytes);
    memset(c, 0, sizeof(*c));
}

/* ---- values ------------------------------------------------------------------------ */

static int add(ForyState *st, Builder *c, PyObject *v);

FORY_INLINE int
add_offset(Builder *c, size_t end)
{
    if (FORY_UNLIKELY(end > INT32_MAX)) {
        return OTHER;
    }
    if (FORY_UNLIKELY(room(&c->offsets, 4) < 0)) {
        return FAILED;
    }
    fory_store32(c->offsets.p + c->offsets.size, (uint32_t)end);
    c->offsets.size += 4;
    return BUILT;
}

FORY_INLINE int
add_bits(Builder *c, uint64_t bits)
{
    unsigned width = c->node->width;
    if (FORY_UNLIKELY(room(&c->data, 8) < 0)) {
        return FAILED;
    }
    fory_row_store(c->data.p + c->data.size, width, bits);
    c->data.size += width;
    return BUILT;
}

FORY_INLINE int
add_bool(Builder *c, int truth)
{
    if ((c->n & 7) == 0 && FORY_UNLIKELY(fill(&c->data, c->n / 8 + 1, 0) < 0)) {
        return FAILED;
    }
    c->data.p[c->n >> 3] |= (uint8_t)((unsigned)truth << (c->n & 7));
    return BUILT;
}

/* A null; also of what may not be null, in a struct that is. */
static int
add_null(Builder *c)
{
    int rc = BUILT;
    if (fill(&c->validity, c->n / 8 + 1, 0xff) < 0) {
        return FAILED;
    }
    c->validity.p[c->n >> 3] &= (uint8_t)~(1u << (c->n & 7));
    if (has_offsets(c->node)) {
        rc = add_offset(c, fory_load32(c->offsets.p + c->offsets.size - 4));
    }
    else if (c->node->type_id == FORY_STRUCT) {
        for (Py_ssize_t i = 0; rc == BUILT && i < c->node->n_children; i++) {
            rc = add_null(&c->children[i]);
        }
    }
    else if (c->node->type_id == FORY_BOOL) {
        rc = add_bool(c, 0);
    }
    else {
        rc = c->node->type_id == FORY_DECIMAL ? fill(&c->data, c->data.size + 16, 0) : add_bits(c, 0);
    }
    c->n++;
    c->nulls++;
    return rc;
}

FORY_INLINE int
add_bytes(Builder *c, const void *p, size_t n)
{
    if (FORY_UNLIKELY(n > INT32_MAX)) {
        return OTHER;
    }
    if (FORY_UNLIKELY(room(&c->data, n) < 0)) {
        return FAILED;
    }
    if (n > 0) {
        fory_copy_short(c->data.p + c->data.size, p, n);
        c->data.size += n;
    }
    return add_offset(c, c->data.size);
}

static int
add_text(Builder *c, PyObject *v)
{
    PyObject *utf8;
    int rc;
    if (FORY_UNLIKELY(!PyUnicode_Check(v))) {
        return OTHER;
    }
    if (FORY_UNLIKELY(FORY_UNICODE_READY(v) < 0)) {
        return FAILED;
    }
    if (FORY_LIKELY(PyUnicode_IS_ASCII(v))) {
        return add_bytes(c, PyUnicode_1BYTE_DATA(v), (size_t)PyUnicode_GET_LENGTH(v));
    }
    utf8 = PyUnicode_AsUTF8String(v);
    if (utf8 == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            return FAILED;
        }
        PyErr_Clear();
        return OTHER;
    }
    rc = add_bytes(c, PyBytes_AS_STRING(utf8), (size_t)PyBytes_GET_SIZE(utf8));
    Py_DECREF(utf8);
    return rc;
}

static int
add_number(ForyState *st, Builder *c, PyObject *v)
{
    uint64_t bits;
    int64_t x;
    switch (c->node->type_id) {
    case FORY_INT64:
        if (FORY_LIKELY(PyLong_CheckExact(v) && fory_small_int(v, &x))) {
            return add_bits(c, (uint64_t)x);
        }
        break;
    case FORY_INT32:
        if (FORY_LIKELY(PyLong_CheckExact(v) && fory_small_int(v, &x) && x >= INT32_MIN && x <= INT32_MAX)) {
            return add_bits(c, (uint32_t)x);
        }
        break;
    case FORY_FLOAT64:
        if (FORY_LIKELY(PyFloat_CheckExact(v))) {
            double d = PyFloat_AS_DOUBLE(v);
            memcpy(&bits, &d, 8);
            return add_bits(c, bits);
        }
        break;
    case FORY_BOOL:
        return FORY_LIKELY(v == Py_True || v == Py_False) ? add_bool(c, v == Py_True) : OTHER;
    default:
        break;
    }
    if (!fory_row_is_plain(v)) {
        return OTHER;
    }
    if (FORY_UNLIKELY(fory_row_number(st, c->node, v, &bits) < 0)) {
        PyErr_Clear();
        return OTHER;
    }
    return add_bits(c, bits);
}

/* Known shape of the type of o; NULL with *rc set. */
FORY_INLINE const ForyRowShape *
shape_of(ForyState *st, ForyRowNode *node, PyObject *o, int *rc)
{
    const ForyRowShape *shape = node->shapes;
    PyTypeObject *type = Py_TYPE(o);
    while (shape != NULL && shape->type != type) {
        shape = shape->next;
    }
    if (FORY_LIKELY(shape != NULL && shape->version != 0 && fory_type_version(type) == shape->version)) {
        return shape;
    }
    Py_INCREF(o);
    *rc = fory_row_shape(st, node, type) == NULL ? OTHER : AGAIN;
    Py_DECREF(o);
    return NULL;
}

/* Attributes of an instance that keeps them in a dict, by field; borrowed, NULL
 * where there is none. Every entry is looked at: a lookup could call the __eq__
 * of a strange key. 1, or 0 when there is no such dict. */
static int
find_in_dict(ForyState *st, const ForyRowNode *node, PyObject *o, PyObject **found)
{
    PyObject **where, *dict, *key, *value;
    Py_ssize_t pos = 0;
    (void)st;
#if PY_VERSION_HEX >= 0x030B0000
    /* asking for the dict of an instance that has none makes one, for good */
    if (Py_TYPE(o)->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
#if FORY_INLINE_VALUES
        if (!st->inline_values_ok || !fory_has_inline_values(Py_TYPE(o)) || fory_inline_values(o) != NULL) {
            return 0;
        }
#else
        return 0;
#endif
    }
#endif
    where = _PyObject_GetDictPtr(o);
    if (where == NULL || (dict = *where) == NULL || PyDict_GET_SIZE(dict) > 2 * MAX_FROM_DICT) {
        return 0;
    }
    memset(found, 0, MAX_FROM_DICT * sizeof(*found));
    while (PyDict_Next(dict, &pos, &key, &value)) {
        Py_ssize_t i = fory_row_field_index(node, key);
        if (i >= 0 && i < MAX_FROM_DICT) {
            found[i] = value;
        }
        else if (i == -2) {
            PyErr_Clear();
            return 0;
        }
    }
    return 1;
}

static int
add_struct(ForyState *st, Builder *c, PyObject *o)
{
    int rc = OTHER;
    Py_ssize_t n = c->node->n_children;
    const ForyRowShape *shape;
    PyObject *found[MAX_FROM_DICT];
    int looked = 0;
    if (PyDict_Check(o) || PyUnicode_Check(o) || PyLong_Check(o) || PyFloat_Check(o) || PyBytes_Check(o) ||
        PyList_Check(o) || PyType_Check(o) || Py_TYPE(o) == st->row_types[FORY_ROW_DATA]) {
        return OTHER;
    }
    shape = shape_of(st, c->node, o, &rc);
    if (FORY_UNLIKELY(shape == NULL)) {
        return rc;
    }
    if (FORY_UNLIKELY(!shape->plain)) {
        return OTHER;
    }
#if FORY_INLINE_VALUES
    PyObject **values = shape->has_indices ? fory_inline_values(o) : NULL;
#endif
    for (Py_ssize_t i = 0; i < n; i++) {
        const ForyRowAccess *f = &shape->fields[i];
        PyObject *v = NULL;
        if (f->access == FORY_ACCESS_SLOT) {
            v = *(PyObject **)((char *)o + f->offset);
        }
#if FORY_INLINE_VALUES
        else if (f->access == FORY_ACCESS_INLINE && FORY_LIKELY(values != NULL)) {
            v = values[f->index];
        }
#endif
        else if (i < MAX_FROM_DICT && f->plain) {
            if (!looked) {
                looked = 1;
                if (!find_in_dict(st, c->node, o, found)) {
                    return OTHER;
                }
            }
            v = found[i];
        }
        if (FORY_UNLIKELY(v == NULL)) {
            return OTHER;
        }
        rc = add(st, &c->children[i], v);
        if (FORY_UNLIKELY(rc != BUILT)) {
            return rc;
        }
    }
    return BUILT;
}

/* The leading elements that are plain numbers; how many, or FAILED. */
static Py_ssize_t
add_run(Builder *c, PyObject *const *v, Py_ssize_t n)
{
    Py_ssize_t i = 0;
    uint8_t *out;
    int64_t x;
    if (c->node->type_id != FORY_FLOAT64 && c->node->type_id != FORY_INT64) {
        return 0;
    }
    if (room(&c->data, (size_t)n * 8) < 0) {
        return FAILED;
    }
    out = c->data.p + c->data.size;
    if (c->node->type_id == FORY_FLOAT64) {
        for (; i < n && PyFloat_CheckExact(v[i]); i++) {
            double d = PyFloat_AS_DOUBLE(v[i]);
            uint64_t bits;
            memcpy(&bits, &d, 8);
            fory_store64(out + 8 * i, bits);
        }
    }
    else {
        for (; i < n && PyLong_CheckExact(v[i]) && fory_small_int(v[i], &x); i++) {
            fory_store64(out + 8 * i, (uint64_t)x);
        }
    }
    c->data.size += (size_t)i * 8;
    c->n += (size_t)i;
    return i;
}

static int
add_list(ForyState *st, Builder *c, PyObject *list)
{
    Builder *element = &c->children[0];
    PyObject *const *items;
    Py_ssize_t n, i;
    if (FORY_UNLIKELY(!PyList_CheckExact(list) && !PyTuple_CheckExact(list))) {
        return OTHER;
    }
    n = PySequence_Fast_GET_SIZE(list);
    items = PySequence_Fast_ITEMS(list);
    if (FORY_UNLIKELY((size_t)n > (size_t)INT32_MAX - element->n)) {
        return OTHER;
    }
    i = add_run(element, items, n);
    if (FORY_UNLIKELY(i < 0)) {
        return FAILED;
    }
    for (; i < n; i++) {
        int rc = add(st, element, items[i]);
        if (FORY_UNLIKELY(rc != BUILT)) {
            return rc;
        }
    }
    return add_offset(c, element->n);
}

static int
add_map(ForyState *st, Builder *c, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (FORY_UNLIKELY(!PyDict_CheckExact(dict))) {
        return OTHER;
    }
    if (FORY_UNLIKELY((size_t)PyDict_GET_SIZE(dict) > (size_t)INT32_MAX - c->children[0].n)) {
        return OTHER;
    }
    while (PyDict_Next(dict, &pos, &key, &value)) {
        int rc = key == Py_None ? OTHER : add(st, &c->children[0], key);
        if (FORY_LIKELY(rc == BUILT)) {
            rc = add(st, &c->children[1], value);
        }
        if (FORY_UNLIKELY(rc != BUILT)) {
            return rc;
        }
    }
    return add_offset(c, c->children[0].n);
}

static int
add(ForyState *st, Builder *c, PyObject *v)
{
    int rc;
    if (v == Py_None) {
        return FORY_LIKELY(c->node->nullable) ? add_null(c) : OTHER;
    }
    switch (c->node->type_id) {
    case FORY_STRING:
        rc = add_text(c, v);
        break;
    case FORY_BINARY:
        rc = PyBytes_CheckExact(v) ? add_bytes(c, PyBytes_AS_STRING(v), (size_t)PyBytes_GET_SIZE(v)) : OTHER;
        break;
    case FORY_DECIMAL:
        rc = OTHER; /* asking a Decimal for its digits runs Python code */
        break;
    case FORY_STRUCT:
        rc = add_struct(st, c, v);
        break;
    case FORY_LIST:
        rc = add_list(st, c, v);
        break;
    case FORY_MAP:
        rc = add_map(st, c, v);
        break;
    default:
        rc = add_number(st, c, v);
    }
    c->n++;
    return rc;
}

/* ---- results --------------------------------------------------------------------------- */

/* The column of a builder, which is emptied. New reference. */
static PyObject *
finish(Builder *c)
{
    PyObject *validity = NULL, *offsets = NULL, *data = NULL, *column = NULL;
    PyObject *children = PyTuple_New(c->node->n_children);
    for (Py_ssize_t i = 0; children != NULL && i < c->node->n_children; i++) {
        PyObject *child = finish(&c->children[i]);
        if (child == NULL) {
            goto done;
        }
        PyTuple_SET_ITEM(children, i, child);
    }
    if (c->nulls > 0) {
        if (fill(&c->validity, (c->n + 7) / 8, 0xff) < 0) {
            goto done;
        }
        if ((c->n & 7) != 0) {
            c->validity.p[c->n >> 3] &= (uint8_t)((1u << (c->n & 7)) - 1);
        }
        validity = take(&c->validity);
    }
    else {
        validity = Py_NewRef(Py_None);
    }
    offsets = has_offsets(c->node) ? take(&c->offsets) : Py_NewRef(Py_None);
    data = c->node->n_children > 0 || c->node->type_id == FORY_STRUCT ? Py_NewRef(Py_None) : take(&c->data);
    if (children != NULL && validity != NULL && offsets != NULL && data != NULL) {
        column = Py_BuildValue("(nnOOOO)", (Py_ssize_t)c->n, (Py_ssize_t)c->nulls, validity, offsets, data, children);
    }
done:
    Py_XDECREF(validity);
    Py_XDECREF(offsets);
    Py_XDECREF(data);
    Py_XDECREF(children);
    return column;
}

PyObject *
fory_row_object_columns(ForyState *st, ForyRowSchema *plan, PyObject *objects, Py_ssize_t start, Py_ssize_t stop)
{
    PyObject *column = NULL;
    int rc = AGAIN;
#ifdef Py_GIL_DISABLED
    rc = OTHER; /* others may change the objects meanwhile */
#endif
    Py_INCREF((PyObject *)plan);
    Py_INCREF(objects);
    for (int attempt = 0; rc == AGAIN && attempt < MAX_ATTEMPTS; attempt++) {
        Builder root;
        memset(&root, 0, sizeof(root));
        rc = builder_init(&root, &plan->root);
        for (Py_ssize_t i = start; rc == BUILT && i < stop; i++) {
            if (FORY_UNLIKELY(i >= PySequence_Fast_GET_SIZE(objects))) {
                rc = OTHER;
                break;
            }
            PyObject *o = PySequence_Fast_GET_ITEM(objects, i);
            rc = o == Py_None ? OTHER : add_struct(st, &root, o);
            root.n++;
        }
        if (rc == BUILT) {
            column = finish(&root);
        }
        builder_clear(&root);
    }
    Py_DECREF(objects);
    Py_DECREF((PyObject *)plan);
    if (rc == OTHER || rc == AGAIN) {
        Py_RETURN_NONE;
    }
    return column;
}
