/* Columns from other libraries: what comes in Arrow capsules, in the one form
 * that row batches take: columns
 *
 *   (length, null_count, validity | None, offsets | None, data | None, children)
 *
 * that start at element 0, with 32-bit offsets, bits for bool and validity and
 * microseconds for times. pyfory/format/arrow.py checks before that the types
 * fit the schema. Producers are libraries of this process: their pointers are
 * believed, their offsets and counts are checked. */
#include "row/arrow_abi.h"

#include <string.h>

typedef struct Reader {
    ForyState *st;
    int depth;
} Reader;

static PyObject *read_column(Reader *r, PyObject *schema, const fory_arrow_array *array, int64_t offset,
                             int64_t length);

static PyObject *
damaged(Reader *r, const char *what)
{
    return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed Arrow data: %s", what);
}

/* New bytes of n bytes, uninitialised; NULL with MemoryError. */
static PyObject *
new_bytes(int64_t n, uint8_t **data)
{
    PyObject *bytes;

    if (n < 0 || n > PY_SSIZE_T_MAX - 64) {
        return PyErr_NoMemory();
    }
    bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
    if (bytes != NULL) {
        *data = (uint8_t *)PyBytes_AS_STRING(bytes);
    }
    return bytes;
}

/* ---- pieces of a column ------------------------------------------------------ */

static int
bit_at(const uint8_t *bits, int64_t i)
{
    return bits[i >> 3] >> (i & 7) & 1;
}

/* `length` bits from bit `offset` on, moved to bit 0. New bytes; unused bits are 0. */
static PyObject *
copy_bits(const uint8_t *bits, int64_t offset, int64_t length)
{
    int64_t size = length / 8 + (length % 8 != 0);
    const uint8_t *p = bits + (offset >> 3);
    int shift = (int)(offset & 7);
    uint8_t *out = NULL;
    PyObject *bytes = new_bytes(size, &out);

    if (bytes == NULL) {
        return NULL;
    }
    if (shift == 0) {
        memcpy(out, p, (size_t)size);
    }
    else {
        int64_t last = (offset + length - 1) >> 3; /* no byte behind the last bit is read */
        for (int64_t i = 0; i < size; i++) {
            int high = (offset >> 3) + i + 1 <= last ? p[i + 1] << (8 - shift) : 0;
            out[i] = (uint8_t)(p[i] >> shift | high);
        }
    }
    if (length & 7) {
        out[size - 1] &= (uint8_t)((1 << (length & 7)) - 1);
    }
    return bytes;
}

static int64_t
count_zeros(const uint8_t *bits, int64_t length)
{
    int64_t ones = 0;
    for (int64_t i = 0; i < length / 8 + (length % 8 != 0); i++) {
        uint8_t v = bits[i];
        for (; v != 0; v &= (uint8_t)(v - 1)) {
            ones++;
        }
    }
    return length - ones;
}

/* The validity bitmap of a column, None without nulls. New reference. */
static PyObject *
copy_validity(const fory_arrow_array *array, int64_t offset, int64_t length, int64_t *null_count)
{
    const uint8_t *bits = array->n_buffers > 0 ? array->buffers[0] : NULL;
    PyObject *bytes;

    *null_count = 0;
    if (bits == NULL || array->null_count == 0 || length == 0) {
        Py_RETURN_NONE;
    }
    bytes = copy_bits(bits, offset, length);
    if (bytes != NULL) {
        *null_count = count_zeros((const uint8_t *)PyBytes_AS_STRING(bytes), length);
        if (*null_count == 0) {
            Py_DECREF(bytes);
            Py_RETURN_NONE;
        }
    }
    return bytes;
}

/* ---- numbers and times ---------------------------------------------------------- */

static PyObject *
copy_fixed(const uint8_t *data, int64_t width, int64_t offset, int64_t length)
{
    uint8_t *out = NULL;
    PyObject *bytes = new_bytes(length * width, &out);
    if (bytes != NULL && length > 0) {
        memcpy(out, data + offset * width, (size_t)(length * width));
    }
    return bytes;
}

/* int64 values times `multiplier` or, exactly, by `divisor`. Values that are
 * null become 0. New bytes. */
static PyObject *
scale_times(Reader *r, const fory_arrow_array *array, int64_t offset, int64_t length, int64_t multiplier,
            int64_t divisor)
{
    const uint8_t *valid = array->null_count == 0 ? NULL : array->buffers[0];
    const uint8_t *data = array->buffers[1];
    int64_t limit = INT64_MAX / multiplier;
    uint8_t *out = NULL;
    PyObject *bytes = new_bytes(length * 8, &out);

    if (bytes == NULL) {
        return NULL;
    }
    for (int64_t i = 0; i < length; i++) {
        int64_t v = (int64_t)fory_load64(data + (offset + i) * 8);
        if (valid != NULL && !bit_at(valid, offset + i)) {
            v = 0;
        }
        if (v > limit || v < -limit) {
            fory_raise(r->st, FORY_E_OVERFLOW, "time %lld is out of range in microseconds", (long long)v);
            goto error;
        }
        if (v % divisor != 0) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "time of %lld ns is not a whole number of microseconds",
                       (long long)v);
            goto error;
        }
        fory_store64(out + i * 8, (uint64_t)(v * multiplier / divisor));
    }
    return bytes;
error:
    Py_DECREF(bytes);
    return NULL;
}

/* Milliseconds to days; null values become 0. New bytes. */
static PyObject *
days_of_millis(Reader *r, const fory_arrow_array *array, int64_t offset, int64_t length)
{
    const uint8_t *valid = array->null_count == 0 ? NULL : array->buffers[0];
    const int64_t day = 86400000;
    const uint8_t *data = array->buffers[1];
    uint8_t *out = NULL;
    PyObject *bytes = new_bytes(length * 4, &out);

    if (bytes == NULL) {
        return NULL;
    }
    for (int64_t i = 0; i < length; i++) {
        int64_t v = (int64_t)fory_load64(data + (offset + i) * 8);
        if (valid != NULL && !bit_at(valid, offset + i)) {
            v = 0;
        }
        if (v % day != 0 || v / day > INT32_MAX || v / day < INT32_MIN) {
            Py_DECREF(bytes);
            return fory_raise(r->st, FORY_E_INVALID_DATA, "%lld ms are not a whole date", (long long)v);
        }
        fory_store32(out + i * 4, (uint32_t)(int32_t)(v / day));
    }
    return bytes;
}

/* Times in units of `unit` as microseconds. New bytes; NULL with an exception. */
static PyObject *
copy_times(Reader *r, char unit, const fory_arrow_array *array, int64_t offset, int64_t length)
{
    switch (unit) {
    case 's':
        return scale_times(r, array, offset, length, 1000000, 1);
    case 'm':
        return scale_times(r, array, offset, length, 1000, 1);
    case 'u':
        return copy_fixed(array->buffers[1], 8, offset, length);
    case 'n':
        return scale_times(r, array, offset, length, 1, 1000);
    default:
        return damaged(r, "unknown unit of time");
    }
}

/* ---- offsets and text --------------------------------------------------------------- */

static int64_t
offset_at(const uint8_t *offsets, int wide, int64_t i)
{
    return wide ? (int64_t)fory_load64(offsets + i * 8) : (int64_t)(int32_t)fory_load32(offsets + i * 4);
}

static PyObject *
too_large(Reader *r)
{
    return fory_raise(r->st, FORY_E_OVERFLOW,
                      "more than 2 GB of text or elements in one Arrow array; pass it in smaller batches");
}

/* Offsets relative to the first, 32 bits each, length + 1 of them. *first and
 * *total: the range they cover. New bytes. */
static PyObject *
copy_offsets(Reader *r, const fory_arrow_array *array, int wide, int64_t offset, int64_t length, int64_t *first,
             int64_t *total)
{
    const uint8_t *offsets = array->buffers[1];
    uint8_t *out = NULL;
    PyObject *bytes = new_bytes((length + 1) * 4, &out);
    int64_t last;

    *first = *total = 0;
    if (bytes == NULL) {
        return NULL;
    }
    if (offsets == NULL || length == 0) {
        if (length != 0) {
            Py_DECREF(bytes);
            return damaged(r, "offsets are missing");
        }
        memset(out, 0, 4);
        return bytes;
    }
    last = *first = offset_at(offsets, wide, offset);
    for (int64_t i = 0; i <= length; i++) {
        int64_t at = offset_at(offsets, wide, offset + i);
        if (at < last || last < 0) {
            Py_DECREF(bytes);
            return damaged(r, "offsets run backwards");
        }
        if (at - *first > INT32_MAX) {
            Py_DECREF(bytes);
            return too_large(r);
        }
        fory_store32(out + i * 4, (uint32_t)(at - *first));
        last = at;
    }
    *total = last - *first;
    return bytes;
}

/* Strings of 16-byte views: inline up to 12 bytes, else buffer and position. */
static int
copy_views(Reader *r, const fory_arrow_array *array, int64_t offset, int64_t length, PyObject **offsets,
           PyObject **data)
{
    const uint8_t *valid = array->null_count == 0 ? NULL : array->buffers[0];
    const uint8_t *views = array->buffers[1];
    int64_t n_data = array->n_buffers - 3, total = 0;
    const uint8_t *sizes = n_data > 0 ? array->buffers[array->n_buffers - 1] : NULL;
    uint8_t *out = NULL, *text = NULL;

    for (int64_t i = 0; i < length; i++) {
        if (valid == NULL || bit_at(valid, offset + i)) {
            total += (int64_t)fory_load32(views + (offset + i) * 16);
        }
    }
    if (total > INT32_MAX) {
        too_large(r);
        return -1;
    }
    *offsets = new_bytes((length + 1) * 4, &out);
    *data = *offsets == NULL ? NULL : new_bytes(total, &text);
    if (*data == NULL) {
        return -1;
    }
    total = 0;
    fory_store32(out, 0);
    for (int64_t i = 0; i < length; i++) {
        const uint8_t *view = views + (offset + i) * 16;
        int64_t size = 0;
        if (valid == NULL || bit_at(valid, offset + i)) {
            size = (int64_t)fory_load32(view);
            if (size <= 12) {
                memcpy(text + total, view + 4, (size_t)size);
            }
            else {
                int64_t which = (int64_t)fory_load32(view + 8), at = (int64_t)fory_load32(view + 12);
                if (which >= n_data || at + size > (int64_t)fory_load64(sizes + which * 8)) {
                    damaged(r, "a string view points outside of its data");
                    return -1;
                }
                memcpy(text + total, (const uint8_t *)array->buffers[2 + which] + at, (size_t)size);
            }
        }
        total += size;
        fory_store32(out + (i + 1) * 4, (uint32_t)total);
    }
    return 0;
}

/* ---- columns ---------------------------------------------------------------------------- */

/* The column of child i over [offset, offset + length) of its logical range. New reference. */
static PyObject *
read_child(Reader *r, PyObject *schemas, const fory_arrow_array *array, Py_ssize_t i, int64_t offset,
           int64_t length)
{
    const fory_arrow_array *child = array->children[i];
    PyObject *result;

    if (offset < 0 || length < 0 || offset > child->length || length > child->length - offset) {
        return damaged(r, "a child array is too short");
    }
    if (++r->depth > FORY_ARROW_MAX_DEPTH) {
        return damaged(r, "it is nested too deeply");
    }
    result = read_column(r, PyTuple_GET_ITEM(schemas, i), child, child->offset + offset, length);
    r->depth--;
    return result;
}

/* Bytes of one value of a primitive format, 0 when it is none. */
static int
primitive_width(const char *format)
{
    if (format[0] == 'd' && format[1] == ':') {
        return 16;
    }
    if (strcmp(format, "tdD") == 0) {
        return 4;
    }
    if (format[0] == '\0' || format[1] != '\0') {
        return 0;
    }
    switch (format[0]) {
    case 'c':
        return 1;
    case 's':
    case 'e':
        return 2;
    case 'i':
    case 'f':
        return 4;
    case 'l':
    case 'g':
        return 8;
    default:
        return 0;
    }
}

/* "+w:N" and "w:N": offsets 0, N, 2N, ...; *size is N. New bytes. */
static PyObject *
even_offsets(Reader *r, const char *digits, int64_t length, int64_t *size)
{
    uint8_t *out = NULL;
    PyObject *bytes;

    *size = 0;
    for (; *digits >= '0' && *digits <= '9' && *size <= INT32_MAX; digits++) {
        *size = *size * 10 + (*digits - '0');
    }
    if (*digits != '\0' || *size > INT32_MAX) {
        return damaged(r, "unknown format");
    }
    if (*size != 0 && length > INT32_MAX / *size) {
        return too_large(r);
    }
    bytes = new_bytes((length + 1) * 4, &out);
    for (int64_t i = 0; bytes != NULL && i <= length; i++) {
        fory_store32(out + i * 4, (uint32_t)(i * *size));
    }
    return bytes;
}

/* Number of buffers and children that a format must come with. 0 / -1. */
static int
check_shape(Reader *r, const fory_arrow_array *array, int64_t buffers, Py_ssize_t children, PyObject *schemas)
{
    if (array->n_buffers < buffers || array->n_children != children || PyTuple_GET_SIZE(schemas) != children) {
        damaged(r, "buffers or children are missing");
        return -1;
    }
    return 0;
}

static PyObject *
read_nested(Reader *r, const char *format, PyObject *schemas, const fory_arrow_array *array, int64_t offset,
            int64_t length, PyObject **offsets)
{
    int64_t first = 0, total = 0;
    PyObject *child, *result = NULL;

    if (format[1] == 's') {
        if (check_shape(r, array, 1, PyTuple_GET_SIZE(schemas), schemas) < 0) {
            return NULL;
        }
        result = PyTuple_New(PyTuple_GET_SIZE(schemas));
        for (Py_ssize_t i = 0; result != NULL && i < PyTuple_GET_SIZE(schemas); i++) {
            child = read_child(r, schemas, array, i, offset, length);
            if (child == NULL) {
                Py_CLEAR(result);
                break;
            }
            PyTuple_SET_ITEM(result, i, child);
        }
        return result;
    }
    if (format[1] == 'w' && format[2] == ':') {
        int64_t size;
        if (check_shape(r, array, 1, 1, schemas) < 0) {
            return NULL;
        }
        *offsets = even_offsets(r, format + 3, length, &size);
        if (*offsets == NULL) {
            return NULL;
        }
        if (size != 0 && offset > INT64_MAX / size) {
            return damaged(r, "a child array is too short");
        }
        first = offset * size;
        total = length * size;
    }
    else {
        if (check_shape(r, array, 2, 1, schemas) < 0) {
            return NULL;
        }
        *offsets = copy_offsets(r, array, format[1] == 'L', offset, length, &first, &total);
        if (*offsets == NULL) {
            return NULL;
        }
    }
    child = read_child(r, schemas, array, 0, first, total);
    if (child == NULL) {
        return NULL;
    }
    if (format[1] == 'm') {
        /* a map's only child is a struct of keys and values: their columns alone */
        result = PyTuple_GET_ITEM(child, 5);
        if (PyTuple_GET_SIZE(result) != 2) {
            Py_DECREF(child);
            return damaged(r, "a map needs keys and values");
        }
        Py_INCREF(result);
        Py_DECREF(child);
        return result;
    }
    result = PyTuple_Pack(1, child);
    Py_DECREF(child);
    return result;
}

/* Data of a column without children. 0 / -1. */
static int
read_flat(Reader *r, const char *format, PyObject *schemas, const fory_arrow_array *array, int64_t offset,
          int64_t length, PyObject **offsets, PyObject **data)
{
    int width = primitive_width(format);
    int is_text = (format[0] == 'u' || format[0] == 'z' || format[0] == 'U' || format[0] == 'Z') &&
                  format[1] == '\0';
    int64_t first = 0, total = 0;

    if (check_shape(r, array, is_text ? 3 : 2, 0, schemas) < 0) {
        return -1;
    }
    if (length > 0 && array->buffers[1] == NULL) {
        damaged(r, "a buffer is missing");
        return -1;
    }
    if (width > 0) {
        *data = copy_fixed(array->buffers[1], width, offset, length);
    }
    else if (strcmp(format, "b") == 0) {
        *data = copy_bits(array->buffers[1], offset, length);
    }
    else if (strcmp(format, "tdm") == 0) {
        *data = days_of_millis(r, array, offset, length);
    }
    else if (format[0] == 't' && (format[1] == 's' || format[1] == 'D')) {
        *data = copy_times(r, format[2], array, offset, length);
    }
    else if (is_text) {
        *offsets = copy_offsets(r, array, format[0] < 'a', offset, length, &first, &total);
        if (*offsets != NULL && total > 0 && array->buffers[2] == NULL) {
            damaged(r, "a buffer is missing");
            return -1;
        }
        *data = *offsets == NULL ? NULL : copy_fixed(array->buffers[2], 1, first, total);
    }
    else if (format[0] == 'v' && (format[1] == 'u' || format[1] == 'z')) {
        return copy_views(r, array, offset, length, offsets, data);
    }
    else if (format[0] == 'w' && format[1] == ':') {
        *offsets = even_offsets(r, format + 2, length, &total);
        *data = *offsets == NULL ? NULL : copy_fixed(array->buffers[1], total, offset, length);
    }
    else {
        fory_raise(r->st, FORY_E_UNSUPPORTED, "Arrow format %s has no row type", format);
    }
    return *data == NULL ? -1 : 0;
}

/* The column for elements [offset, offset + length) of the array's buffers. New reference. */
static PyObject *
read_column(Reader *r, PyObject *schema, const fory_arrow_array *array, int64_t offset, int64_t length)
{
    PyObject *validity = NULL, *offsets = NULL, *data = NULL, *children = NULL, *schemas, *result = NULL;
    int64_t null_count = 0;
    const char *format, *name;
    long long flags;

    if (!PyTuple_Check(schema) ||
        !PyArg_ParseTuple(schema, "ssLO!", &format, &name, &flags, &PyTuple_Type, &schemas)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "an Arrow schema is a tuple (format, name, flags, children)");
        }
        return NULL;
    }
    if (offset < 0 || length < 0 || offset > INT64_MAX / 64 || length > INT64_MAX / 64 || array->dictionary != NULL) {
        return damaged(r, "unexpected length, offset or dictionary");
    }
    if (strcmp(format, "n") == 0) {
        return Py_BuildValue("(LLOOO())", (long long)length, (long long)length, Py_None, Py_None, Py_None);
    }
    validity = copy_validity(array, offset, length, &null_count);
    if (validity == NULL) {
        goto error;
    }
    if (format[0] == '+') {
        children = read_nested(r, format, schemas, array, offset, length, &offsets);
        if (children == NULL) {
            goto error;
        }
    }
    else {
        if (read_flat(r, format, schemas, array, offset, length, &offsets, &data) < 0) {
            goto error;
        }
        children = PyTuple_New(0);
        if (children == NULL) {
            goto error;
        }
    }
    result = Py_BuildValue("(LLOOOO)", (long long)length, (long long)null_count, validity,
                           offsets == NULL ? Py_None : offsets, data == NULL ? Py_None : data, children);
error:
    Py_XDECREF(validity);
    Py_XDECREF(offsets);
    Py_XDECREF(data);
    Py_XDECREF(children);
    return result;
}

/* ---- functions ---------------------------------------------------------------------------- */

/* (format, name, flags, children) of a schema, or with the format "dictionary"
 * for what is encoded by one. New reference. */
static PyObject *
schema_tuple(Reader *r, const fory_arrow_schema *schema)
{
    PyObject *children = NULL, *name = NULL, *result = NULL;
    const char *format = schema->dictionary != NULL ? "dictionary" : schema->format;

    if (schema->format == NULL || schema->n_children < 0 || ++r->depth > FORY_ARROW_MAX_DEPTH) {
        return damaged(r, "the schema is not valid");
    }
    children = PyTuple_New((Py_ssize_t)schema->n_children);
    name = PyUnicode_DecodeUTF8(schema->name == NULL ? "" : schema->name,
                                schema->name == NULL ? 0 : (Py_ssize_t)strlen(schema->name), "replace");
    if (children == NULL || name == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(children); i++) {
        PyObject *child = schema_tuple(r, schema->children[i]);
        if (child == NULL) {
            goto error;
        }
        PyTuple_SET_ITEM(children, i, child);
    }
    r->depth--;
    result = Py_BuildValue("(sOLO)", format, name, (long long)schema->flags, children);
error:
    Py_XDECREF(children);
    Py_XDECREF(name);
    return result;
}

static void *
capsule_pointer(PyObject *capsule, const char *name)
{
    return PyCapsule_GetPointer(capsule, name);
}

static int
raise_stream_error(Reader *r, fory_arrow_stream *stream)
{
    const char *text = stream->get_last_error(stream);
    fory_raise(r->st, FORY_E_INVALID_DATA, "the Arrow stream failed: %s", text == NULL ? "no reason given" : text);
    return -1;
}

PyDoc_STRVAR(read_schema_doc,
             "arrow_read_schema(capsule) -> tuple\n\n"
             "(format, name, flags, children) of an Arrow schema or stream capsule.");

static PyObject *
read_schema(PyObject *module, PyObject *capsule)
{
    Reader r = {fory_state_of_module(module), 0};
    PyObject *result = NULL;

    if (PyCapsule_IsValid(capsule, FORY_ARROW_STREAM_CAPSULE)) {
        fory_arrow_stream *stream = capsule_pointer(capsule, FORY_ARROW_STREAM_CAPSULE);
        fory_arrow_schema schema;
        if (stream->release == NULL) {
            return damaged(&r, "the stream was read before");
        }
        memset(&schema, 0, sizeof(schema));
        if (stream->get_schema(stream, &schema) != 0) {
            raise_stream_error(&r, stream);
            return NULL;
        }
        result = schema_tuple(&r, &schema);
        if (schema.release != NULL) {
            schema.release(&schema);
        }
        return result;
    }
    const fory_arrow_schema *schema = capsule_pointer(capsule, FORY_ARROW_SCHEMA_CAPSULE);
    if (schema == NULL) {
        return NULL;
    }
    return schema->release == NULL ? damaged(&r, "the schema was released") : schema_tuple(&r, schema);
}

PyDoc_STRVAR(read_array_doc,
             "arrow_read_array(capsule, schema) -> tuple\n\n"
             "The column in an array capsule, whose schema arrow_read_schema() gave.");

static PyObject *
read_array(PyObject *module, PyObject *args)
{
    Reader r = {fory_state_of_module(module), 0};
    const fory_arrow_array *array;
    PyObject *capsule, *schema;

    if (!PyArg_ParseTuple(args, "OO:arrow_read_array", &capsule, &schema)) {
        return NULL;
    }
    array = capsule_pointer(capsule, FORY_ARROW_ARRAY_CAPSULE);
    if (array == NULL) {
        return NULL;
    }
    if (array->release == NULL) {
        return damaged(&r, "the array was released");
    }
    return read_column(&r, schema, array, array->offset, array->length);
}

PyDoc_STRVAR(read_stream_doc,
             "arrow_read_stream(capsule, schema) -> tuple | None\n\n"
             "The next column of a stream capsule, None at its end.");

static PyObject *
read_stream(PyObject *module, PyObject *args)
{
    Reader r = {fory_state_of_module(module), 0};
    PyObject *capsule, *schema, *result;
    fory_arrow_stream *stream;
    fory_arrow_array array;

    if (!PyArg_ParseTuple(args, "OO:arrow_read_stream", &capsule, &schema)) {
        return NULL;
    }
    stream = capsule_pointer(capsule, FORY_ARROW_STREAM_CAPSULE);
    if (stream == NULL) {
        return NULL;
    }
    memset(&array, 0, sizeof(array));
    if (stream->release == NULL) {
        return damaged(&r, "the stream was read before");
    }
    if (stream->get_next(stream, &array) != 0) {
        raise_stream_error(&r, stream);
        return NULL;
    }
    if (array.release == NULL) {
        Py_RETURN_NONE;
    }
    result = read_column(&r, schema, &array, array.offset, array.length);
    array.release(&array);
    return result;
}

PyMethodDef fory_row_arrow_readers[] = {
    {"arrow_read_schema", read_schema, METH_O, read_schema_doc},
    {"arrow_read_array", read_array, METH_VARARGS, read_array_doc},
    {"arrow_read_stream", read_stream, METH_VARARGS, read_stream_doc},
    {NULL, NULL, 0, NULL},
};
