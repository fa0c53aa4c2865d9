/* Python objects -> row bytes, in one pass: the fixed part of a row or array is
 * reserved, then its values append what has no fixed width and fill their slots. */
#include "row/row.h"

/* ---- storage ------------------------------------------------------------------- */

void
fory_row_writer_init(ForyRowWriter *w, ForyState *st)
{
    w->data = w->scratch;
    w->size = 0;
    w->capacity = FORY_ROW_SCRATCH;
    w->st = st;
    w->bytes = NULL;
    w->memory = NULL;
    w->path = NULL;
    w->lenient = 0;
}

void
fory_row_writer_clear(ForyRowWriter *w)
{
    Py_CLEAR(w->bytes);
    Py_CLEAR(w->path);
    w->data = w->scratch;
    w->size = 0;
    w->capacity = FORY_ROW_SCRATCH;
}

/* Views of earlier rows keep the memory they look at: then the batch moves on
 * to a copy. */
static int
grow_memory(ForyRowWriter *w, size_t capacity)
{
    ForyRowMemory *memory = *w->memory;
    if (Py_REFCNT(memory) > 1) {
        memory = fory_row_memory_new(w->st, capacity);
        if (memory == NULL) {
            return -1;
        }
        memcpy(memory->data, w->data, w->size);
        memory->size = (*w->memory)->size;
        Py_DECREF(*w->memory);
        *w->memory = memory;
    }
    else {
        uint8_t *data = PyMem_RawRealloc(memory->data, capacity);
        if (data == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memory->data = data;
        memory->capacity = capacity;
    }
    w->data = memory->data;
    w->capacity = capacity;
    return 0;
}

int
fory_row_grow(ForyRowWriter *w, size_t need)
{
    size_t capacity;
    if (need > (size_t)PY_SSIZE_T_MAX / 4 || w->size > (size_t)PY_SSIZE_T_MAX / 4) {
        PyErr_NoMemory();
        return -1;
    }
    capacity = w->size + need;
    capacity += capacity / 2 + 4096;
    if (w->memory != NULL) {
        return grow_memory(w, capacity);
    }
    if (w->bytes == NULL) {
        w->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
        if (w->bytes == NULL) {
            return -1;
        }
        memcpy(PyBytes_AS_STRING(w->bytes), w->data, w->size);
    }
    else {
        /* on failure the old object is gone: nothing may be read from it */
        if (_PyBytes_Resize(&w->bytes, (Py_ssize_t)capacity) < 0) {
            w->data = w->scratch;
            w->size = 0;
            w->capacity = FORY_ROW_SCRATCH;
            return -1;
        }
    }
    w->data = (uint8_t *)PyBytes_AS_STRING(w->bytes);
    w->capacity = capacity;
    return 0;
}

PyObject *
fory_row_writer_finish(ForyRowWriter *w)
{
    PyObject *result;
    if (w->bytes == NULL) {
        return PyBytes_FromStringAndSize((const char *)w->data, (Py_ssize_t)w->size);
    }
    if (_PyBytes_Resize(&w->bytes, (Py_ssize_t)w->size) < 0) {
        return NULL;
    }
    result = w->bytes;
    w->bytes = NULL;
    fory_row_writer_clear(w);
    return result;
}

int
fory_row_too_large(ForyRowWriter *w)
{
    fory_raise(w->st, FORY_E_OVERFLOW, "a row of more than 4294967295 bytes");
    return -1;
}

/* n bytes of which the caller fills all but the padding. */
static size_t
reserve_padded(ForyRowWriter *w, size_t n)
{
    size_t padded = fory_row_pad(n);
    size_t at;
    if (FORY_UNLIKELY(n > FORY_ROW_MAX)) {
        fory_row_too_large(w);
        return FORY_ROW_FAILED;
    }
    at = fory_row_reserve(w, padded);
    if (FORY_LIKELY(at != FORY_ROW_FAILED && padded > 0)) {
        memset(w->data + at + padded - 8, 0, 8);
    }
    return at;
}

int
fory_row_put_bytes(ForyRowWriter *w, size_t slot, size_t base, const uint8_t *bytes, size_t n)
{
    size_t at = reserve_padded(w, n);
    if (FORY_UNLIKELY(at == FORY_ROW_FAILED)) {
        return -1;
    }
    fory_copy_short(w->data + at, bytes, n);
    return fory_row_refer(w, slot, base, at, n);
}

size_t
fory_row_begin_array(ForyRowWriter *w, size_t n, size_t width, size_t *items)
{
    size_t bitmap, total, at;
    if (n > FORY_ROW_MAX / width) {
        fory_row_too_large(w);
        return FORY_ROW_FAILED;
    }
    bitmap = fory_row_bitmap(n);
    total = 8 + bitmap + fory_row_pad(n * width);
    at = fory_row_reserve(w, total);
    if (FORY_UNLIKELY(at == FORY_ROW_FAILED)) {
        return at;
    }
    fory_store64(w->data + at, n);
    memset(w->data + at + 8, 0, total - 8);
    *items = at + 8 + bitmap;
    return at;
}

/* ---- values ---------------------------------------------------------------------- */

static int write_struct(ForyRowWriter *w, ForyRowNode *node, PyObject *o);
static size_t write_array(ForyRowWriter *w, ForyRowNode *element, PyObject *o);
static int write_map(ForyRowWriter *w, ForyRowNode *node, PyObject *o);

static int
wrong_type(ForyRowWriter *w, const char *expected, PyObject *v)
{
    fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", expected, Py_TYPE(v)->tp_name);
    return -1;
}

static int
write_text(ForyRowWriter *w, size_t slot, size_t base, PyObject *v)
{
    const char *utf8;
    Py_ssize_t n;
    if (FORY_UNLIKELY(!PyUnicode_Check(v))) {
        return wrong_type(w, "str", v);
    }
    if (FORY_UNLIKELY(FORY_UNICODE_READY(v) < 0)) {
        return -1;
    }
    if (FORY_LIKELY(PyUnicode_IS_ASCII(v))) {
        return fory_row_put_bytes(w, slot, base, PyUnicode_1BYTE_DATA(v), (size_t)PyUnicode_GET_LENGTH(v));
    }
    /* kept by the str object itself: not more memory than it already may use */
    PyObject *bytes = PyUnicode_AsUTF8String(v);
    if (bytes == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            PyErr_Clear();
            fory_raise(w->st, FORY_E_INVALID_DATA, "a string with lone surrogates has no UTF-8 form");
        }
        return -1;
    }
    utf8 = PyBytes_AS_STRING(bytes);
    n = PyBytes_GET_SIZE(bytes);
    int rc = fory_row_put_bytes(w, slot, base, (const uint8_t *)utf8, (size_t)n);
    Py_DECREF(bytes);
    return rc;
}

static int
write_binary(ForyRowWriter *w, size_t slot, size_t base, PyObject *v)
{
    Py_buffer view;
    int rc;
    if (FORY_LIKELY(PyBytes_CheckExact(v))) {
        return fory_row_put_bytes(w, slot, base, (const uint8_t *)PyBytes_AS_STRING(v), (size_t)PyBytes_GET_SIZE(v));
    }
    if (!PyObject_CheckBuffer(v)) {
        return wrong_type(w, "bytes", v);
    }
    if (PyObject_GetBuffer(v, &view, PyBUF_CONTIG_RO) < 0) {
        return -1;
    }
    rc = fory_row_put_bytes(w, slot, base, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return rc;
}

static int
write_decimal(ForyRowWriter *w, const ForyRowNode *node, size_t slot, size_t base, PyObject *v)
{
    uint8_t unscaled[16];
    if (fory_row_decimal_put(w->st, node, v, unscaled) < 0) {
        return -1;
    }
    return fory_row_put_bytes(w, slot, base, unscaled, sizeof(unscaled));
}

/* A value that is not None, of a node without fixed width; base is the row or
 * array that the slot belongs to. */
static int
write_variable(ForyRowWriter *w, ForyRowNode *node, size_t slot, size_t base, PyObject *v)
{
    size_t at = w->size;
    int rc;
    switch (node->type_id) {
    case FORY_STRING:
        return write_text(w, slot, base, v);
    case FORY_BINARY:
        return write_binary(w, slot, base, v);
    case FORY_DECIMAL:
        return write_decimal(w, node, slot, base, v);
    case FORY_STRUCT:
        rc = write_struct(w, node, v);
        break;
    case FORY_LIST:
        rc = write_array(w, &node->children[0], v) == FORY_ROW_FAILED ? -1 : 0;
        break;
    default:
        rc = write_map(w, node, v);
    }
    return FORY_UNLIKELY(rc < 0) ? -1 : fory_row_refer(w, slot, base, at, w->size - at);
}

/* ---- structs ------------------------------------------------------------------------ */

static int
write_null(ForyRowWriter *w, const ForyRowNode *node, size_t row, Py_ssize_t i)
{
    if (FORY_UNLIKELY(!node->children[i].nullable)) {
        fory_raise(w->st, FORY_E_TYPE, "None for a field that is not nullable");
        return -1;
    }
    fory_row_set_null(w->data + row, (size_t)i);
    return 0;
}

FORY_INLINE int
write_field(ForyRowWriter *w, ForyRowNode *node, size_t row, Py_ssize_t i, PyObject *v)
{
    ForyRowNode *child = &node->children[i];
    size_t slot = row + node->bitmap_size + (size_t)i * 8;
    uint64_t bits;
    int64_t n;
    if (v == Py_None) {
        return write_null(w, node, row, i);
    }
    if (child->fixed_width == 0) {
        return write_variable(w, child, slot, row, v);
    }
    if (child->type_id == FORY_INT64 && FORY_LIKELY(PyLong_CheckExact(v) && fory_small_int(v, &n))) {
        bits = (uint64_t)n;
    }
    else if (FORY_UNLIKELY(fory_row_number(w->st, child, v, &bits) < 0)) {
        return -1;
    }
    fory_store64(w->data + slot, bits);
    return 0;
}

static FORY_NOINLINE PyObject *
attribute_slow(ForyRowWriter *w, PyObject *o, PyObject *name)
{
    PyObject *v = PyObject_GetAttr(o, name);
    /* an AttributeError from the user's own property passes unchanged */
    if (v == NULL && PyErr_ExceptionMatches(PyExc_AttributeError) &&
        (fory_plain_attribute(Py_TYPE(o), name) || fory_slot_offset(Py_TYPE(o), name) > 0)) {
        PyErr_Clear();
        if (w->lenient) {
            return Py_NewRef(Py_None);
        }
        return fory_raise(w->st, FORY_E_TYPE, "%s object has no value for field '%U'", Py_TYPE(o)->tp_name, name);
    }
    return v;
}

static int
write_from_dict(ForyRowWriter *w, ForyRowNode *node, PyObject *dict, size_t row)
{
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        PyObject *v = PyDict_GetItemWithError(dict, node->children[i].name);
        int rc;
        if (v == NULL) {
            if (PyErr_Occurred()) {
                return -1;
            }
            v = Py_None; /* a missing key is a null */
        }
        Py_INCREF(v);
        rc = write_field(w, node, row, i, v);
        Py_DECREF(v);
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_field(&w->path, node->children[i].name);
            return -1;
        }
    }
    return 0;
}

static int
write_from_object(ForyRowWriter *w, ForyRowNode *node, PyObject *o, size_t row)
{
    const ForyRowShape *shape = fory_row_shape(w->st, node, Py_TYPE(o));
    PyTypeObject *type = Py_TYPE(o);
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        PyObject *v = NULL;
        int rc;
        if (FORY_LIKELY(shape != NULL && Py_TYPE(o) == type)) {
            const ForyRowAccess *f = &shape->fields[i];
            if (f->access == FORY_ACCESS_SLOT) {
                v = *(PyObject **)((char *)o + f->offset);
            }
#if FORY_INLINE_VALUES
            else if (f->access == FORY_ACCESS_INLINE) {
                /* looked up anew for each field: writing one may run user code */
                PyObject **values = fory_inline_values(o);
                v = values == NULL ? NULL : values[f->index];
            }
#endif
        }
        if (FORY_LIKELY(v != NULL)) {
            Py_INCREF(v);
        }
        else if ((v = attribute_slow(w, o, node->children[i].name)) == NULL) {
            fory_path_field(&w->path, node->children[i].name);
            return -1;
        }
        rc = write_field(w, node, row, i, v);
        Py_DECREF(v);
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_field(&w->path, node->children[i].name);
            return -1;
        }
    }
    return 0;
}

int
fory_row_same_layout(const ForyRowNode *a, const ForyRowNode *b)
{
    if (a == b) {
        return 1;
    }
    if (a->type_id != b->type_id || a->n_children != b->n_children || a->scale != b->scale ||
        a->precision > b->precision || (a->nullable && !b->nullable)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < a->n_children; i++) {
        if ((a->type_id == FORY_STRUCT && a->children[i].name != b->children[i].name) ||
            !fory_row_same_layout(&a->children[i], &b->children[i])) {
            return 0;
        }
    }
    return 1;
}

static int
write_struct(ForyRowWriter *w, ForyRowNode *node, PyObject *o)
{
    size_t row;
    if (Py_TYPE(o) == w->st->row_types[FORY_ROW_DATA] && fory_row_same_layout(((ForyRowView *)o)->node, node)) {
        ForyRowView *view = (ForyRowView *)o;
        row = reserve_padded(w, view->size);
        if (row == FORY_ROW_FAILED) {
            return -1;
        }
        memcpy(w->data + row, view->data, view->size);
        return 0;
    }
    row = fory_row_reserve(w, node->fixed_size);
    if (FORY_UNLIKELY(row == FORY_ROW_FAILED)) {
        return -1;
    }
    memset(w->data + row, 0, node->fixed_size);
    if (PyDict_Check(o)) {
        return write_from_dict(w, node, o, row);
    }
    if (FORY_UNLIKELY(PyUnicode_Check(o) || PyLong_Check(o) || PyFloat_Check(o) || PyBytes_Check(o) ||
                      PyList_Check(o) || PyType_Check(o))) {
        return wrong_type(w, "an object or dict", o);
    }
    return write_from_object(w, node, o, row);
}

/* ---- arrays ---------------------------------------------------------------------------- */

static int
write_element(ForyRowWriter *w, ForyRowNode *element, size_t array, size_t items, Py_ssize_t i, PyObject *v)
{
    size_t slot = items + (size_t)i * element->width;
    uint64_t bits;
    if (v == Py_None) {
        if (!element->nullable) {
            fory_raise(w->st, FORY_E_TYPE, "None for an element that is not nullable");
            return -1;
        }
        fory_row_set_null(w->data + array + 8, (size_t)i);
        return 0;
    }
    if (element->fixed_width == 0) {
        return write_variable(w, element, slot, array, v);
    }
    if (FORY_UNLIKELY(fory_row_number(w->st, element, v, &bits) < 0)) {
        return -1;
    }
    fory_row_store(w->data + slot, element->width, bits);
    return 0;
}

/* Stores the leading elements that are plain numbers; how many. Runs no Python code. */
static Py_ssize_t
write_plain_run(ForyRowWriter *w, const ForyRowNode *element, size_t items, PyObject *const *v, Py_ssize_t n)
{
    uint8_t *out = w->data + items;
    Py_ssize_t i = 0;
    int64_t x;
    switch (element->type_id) {
    case FORY_INT64:
        for (; i < n && PyLong_CheckExact(v[i]) && fory_small_int(v[i], &x); i++) {
            fory_store64(out + 8 * i, (uint64_t)x);
        }
        break;
    case FORY_INT32:
        for (; i < n && PyLong_CheckExact(v[i]) && fory_small_int(v[i], &x) && x >= INT32_MIN && x <= INT32_MAX;
             i++) {
            fory_store32(out + 4 * i, (uint32_t)x);
        }
        break;
    case FORY_FLOAT64:
        for (; i < n && PyFloat_CheckExact(v[i]); i++) {
            double d = PyFloat_AS_DOUBLE(v[i]);
            uint64_t bits;
            memcpy(&bits, &d, 8);
            fory_store64(out + 8 * i, bits);
        }
        break;
    default:
        break;
    }
    return i;
}

/* The struct-module letter of a buffer's element, 0 when it is not a single number. */
static char
buffer_letter(const Py_buffer *view)
{
    const char *format = view->format == NULL ? "B" : view->format;
    if (*format == '@' || *format == '=' || (*format == '<' && !FORY_BIG_ENDIAN)) {
        format++;
    }
    return format[0] != '\0' && format[1] == '\0' ? format[0] : 0;
}

static int
letter_fits(const ForyRowNode *element, const Py_buffer *view)
{
    static const char integers[] = "bhilq";
    char letter = buffer_letter(view);
    if (letter == 0 || view->itemsize != element->width || FORY_BIG_ENDIAN) {
        return 0;
    }
    switch (element->type_id) {
    case FORY_BOOL:
        return letter == '?';
    case FORY_INT8:
    case FORY_INT16:
    case FORY_INT32:
    case FORY_INT64:
        return strchr(integers, letter) != NULL;
    case FORY_FLOAT16:
        return letter == 'e';
    case FORY_FLOAT32:
        return letter == 'f';
    case FORY_FLOAT64:
        return letter == 'd';
    default:
        return 0;
    }
}

/* One-dimensional buffers of the element's own type (ndarray, array.array,
 * memoryview) are copied. The array's offset; *done = 0 when o is not one. */
static size_t
write_buffer_array(ForyRowWriter *w, const ForyRowNode *element, PyObject *o, int *done)
{
    Py_buffer view;
    size_t at = FORY_ROW_FAILED, items;
    *done = 0;
    if (element->fixed_width == 0 || !PyObject_CheckBuffer(o) || PyBytes_Check(o) || PyByteArray_Check(o)) {
        return 0;
    }
    if (PyObject_GetBuffer(o, &view, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
        PyErr_Clear();
        return 0;
    }
    if (view.ndim == 1 && letter_fits(element, &view)) {
        size_t n = (size_t)view.shape[0], width = element->width;
        *done = 1;
        at = fory_row_begin_array(w, n, width, &items);
        if (at != FORY_ROW_FAILED && view.strides[0] == (Py_ssize_t)width && n > 0) {
            memcpy(w->data + items, view.buf, n * width);
        }
        else if (at != FORY_ROW_FAILED) {
            for (size_t i = 0; i < n; i++) {
                memcpy(w->data + items + i * width, (const char *)view.buf + (Py_ssize_t)i * view.strides[0], width);
            }
        }
    }
    PyBuffer_Release(&view);
    return at;
}

/* The array of an iterable's elements at the end; its offset or FORY_ROW_FAILED. */
static size_t
write_array(ForyRowWriter *w, ForyRowNode *element, PyObject *o)
{
    size_t at = FORY_ROW_FAILED, items = 0;
    Py_ssize_t n, i = 0;
    PyObject *list;
    if (FORY_LIKELY(PyList_CheckExact(o) || PyTuple_CheckExact(o))) {
        list = Py_NewRef(o);
    }
    else {
        int done;
        at = write_buffer_array(w, element, o, &done);
        if (done) {
            return at;
        }
        at = FORY_ROW_FAILED;
        if (PyUnicode_Check(o) || PyBytes_Check(o) || PyByteArray_Check(o) || PyDict_Check(o) ||
            (Py_TYPE(o)->tp_iter == NULL && !PySequence_Check(o))) {
            wrong_type(w, "a list or another collection", o);
            return at;
        }
        list = PySequence_List(o);
        if (list == NULL) {
            return at;
        }
    }
    n = PySequence_Fast_GET_SIZE(list);
    at = fory_row_begin_array(w, (size_t)n, element->width, &items);
    if (FORY_UNLIKELY(at == FORY_ROW_FAILED)) {
        goto done;
    }
    i = write_plain_run(w, element, items, PySequence_Fast_ITEMS(list), n);
    for (; i < n; i++) {
        PyObject *v;
        int rc;
        if (FORY_UNLIKELY(PySequence_Fast_GET_SIZE(list) != n)) {
            fory_raise(w->st, FORY_E_TYPE, "the list changed its size while it was written");
            at = FORY_ROW_FAILED;
            goto done;
        }
        v = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));
        rc = write_element(w, element, at, items, i, v);
        Py_DECREF(v);
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_index(&w->path, i);
            at = FORY_ROW_FAILED;
            goto done;
        }
    }
done:
    Py_DECREF(list);
    return at;
}

/* ---- maps -------------------------------------------------------------------------------- */

/* Keys first, then values: two passes over the dict. User code that changes it
 * in between is noticed by its size or by a key that is not where it was. */
static int
write_map_dict(ForyRowWriter *w, ForyRowNode *node, PyObject *dict, size_t map)
{
    Py_ssize_t n = PyDict_GET_SIZE(dict);
    for (int side = 0; side < 2; side++) {
        ForyRowNode *element = &node->children[side];
        size_t items, at = fory_row_begin_array(w, (size_t)n, element->width, &items);
        Py_ssize_t pos = 0, i = 0;
        PyObject *key, *value;
        if (at == FORY_ROW_FAILED) {
            return -1;
        }
        while (PyDict_Next(dict, &pos, &key, &value)) {
            PyObject *v = side == 0 ? key : value;
            int rc;
            if (FORY_UNLIKELY(i >= n)) {
                break;
            }
            Py_INCREF(v);
            Py_INCREF(key);
            rc = write_element(w, element, at, items, i, v);
            if (FORY_UNLIKELY(rc < 0)) {
                fory_path_key(&w->path, key);
            }
            Py_DECREF(key);
            Py_DECREF(v);
            if (FORY_UNLIKELY(rc < 0)) {
                return -1;
            }
            i++;
            if (FORY_UNLIKELY(PyDict_GET_SIZE(dict) != n)) {
                break;
            }
        }
        if (FORY_UNLIKELY(i != n || PyDict_GET_SIZE(dict) != n)) {
            fory_raise(w->st, FORY_E_TYPE, "the dict changed its size while it was written");
            return -1;
        }
        if (side == 0) {
            fory_store64(w->data + map, (uint64_t)(w->size - map - 8));
        }
    }
    return 0;
}

static int
write_map(ForyRowWriter *w, ForyRowNode *node, PyObject *o)
{
    size_t map = fory_row_reserve(w, 8);
    PyObject *dict = NULL;
    int rc;
    if (FORY_UNLIKELY(map == FORY_ROW_FAILED)) {
        return -1;
    }
    if (FORY_LIKELY(PyDict_CheckExact(o))) {
        return write_map_dict(w, node, o, map);
    }
    if (Py_TYPE(o) == w->st->row_types[FORY_ROW_MAP]) {
        /* its keys are searched one by one: take it whole */
        dict = fory_row_view_value((ForyRowView *)o);
        rc = dict == NULL ? -1 : write_map_dict(w, node, dict, map);
        Py_XDECREF(dict);
        return rc;
    }
    if (!PyMapping_Check(o) || PyUnicode_Check(o) || PyList_Check(o) || PyTuple_Check(o) || PyBytes_Check(o) ||
        PyByteArray_Check(o) || PyMemoryView_Check(o)) {
        return wrong_type(w, "dict", o);
    }
    dict = PyDict_New();
    if (dict == NULL) {
        return -1;
    }
    rc = PyDict_Update(dict, o);
    if (rc == 0) {
        rc = write_map_dict(w, node, dict, map);
    }
    Py_DECREF(dict);
    return rc;
}

/* ---- rows ----------------------------------------------------------------------------------- */

int
fory_row_write(ForyRowWriter *w, ForyRowSchema *plan, PyObject *o)
{
    size_t before = w->size;
    int rc;
    if (o == Py_None) {
        PyErr_SetString(w->st->errors[FORY_E_INVALID], "None cannot be a row");
        return -1;
    }
    rc = write_struct(w, &plan->root, o);
    if (FORY_LIKELY(rc == 0) && FORY_UNLIKELY(w->size - before > FORY_ROW_MAX)) {
        rc = fory_row_too_large(w);
    }
    if (FORY_UNLIKELY(rc < 0)) {
        fory_path_complete(w->st, &w->path, -1);
        if (w->size > before) {
            w->size = before;
        }
        return -1;
    }
    return 0;
}
