/* Columns for other libraries: capsules of the Arrow PyCapsule protocol.
 *
 * What an array or a schema looks like is decided in pyfory/format/arrow.py,
 * which describes it with nested tuples:
 *
 *   schema  (format, name, flags, children)
 *   array   (length, null_count, buffers, children)   a buffer or None each
 *
 * Consumers call the release functions from any thread, with or without the
 * GIL; whatever touches a Python object takes it. */
#include "row/arrow_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- schemas --------------------------------------------------------------- */

/* Everything below is one block for each node: format and name. */
static void
release_schema(fory_arrow_schema *self)
{
    for (int64_t i = 0; i < self->n_children; i++) {
        fory_arrow_schema *child = self->children[i];
        if (child != NULL) {
            if (child->release != NULL) {
                child->release(child);
            }
            free(child);
        }
    }
    free(self->children);
    free(self->private_data);
    self->release = NULL;
}

/* Room for n child pointers, all NULL. 0 / -1 with MemoryError. */
static int
alloc_children(void ***children, Py_ssize_t n)
{
    *children = NULL;
    if (n > 0) {
        *children = calloc((size_t)n, sizeof(void *));
        if (*children == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return 0;
}

/* Fills *out from a tuple. On failure nothing is left to release. 0 / -1. */
static int
build_schema(PyObject *node, fory_arrow_schema *out, int depth)
{
    const char *format, *name;
    Py_ssize_t format_size, name_size, n;
    PyObject *children;
    long long flags;
    void **slots;
    char *text;

    memset(out, 0, sizeof(*out));
    if (depth > FORY_ARROW_MAX_DEPTH) {
        PyErr_SetString(PyExc_ValueError, "the schema is nested too deeply for Arrow");
        return -1;
    }
    if (!PyTuple_Check(node) ||
        !PyArg_ParseTuple(node, "s#s#LO!", &format, &format_size, &name, &name_size, &flags, &PyTuple_Type,
                          &children)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "an Arrow schema is a tuple (format, name, flags, children)");
        }
        return -1;
    }
    if (memchr(name, 0, (size_t)name_size) != NULL) {
        PyErr_SetString(PyExc_ValueError, "Arrow names cannot hold a zero character");
        return -1;
    }
    n = PyTuple_GET_SIZE(children);
    text = malloc((size_t)format_size + (size_t)name_size + 2);
    if (text == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (alloc_children(&slots, n) < 0) {
        free(text);
        return -1;
    }
    memcpy(text, format, (size_t)format_size + 1);
    memcpy(text + format_size + 1, name, (size_t)name_size + 1);
    out->format = text;
    out->name = text + format_size + 1;
    out->flags = flags;
    out->children = (fory_arrow_schema **)slots;
    out->n_children = n;
    out->private_data = text;
    out->release = release_schema;
    for (Py_ssize_t i = 0; i < n; i++) {
        fory_arrow_schema *child = malloc(sizeof(*child));
        if (child == NULL) {
            PyErr_NoMemory();
            goto error;
        }
        if (build_schema(PyTuple_GET_ITEM(children, i), child, depth + 1) < 0) {
            free(child);
            goto error;
        }
        out->children[i] = child;
    }
    return 0;
error:
    release_schema(out);
    return -1;
}

/* ---- arrays ------------------------------------------------------------------ */

typedef struct ArrayOwner {
    Py_ssize_t n_views;
    Py_buffer *views; /* obj is NULL where there is no buffer */
    const void **buffers;
} ArrayOwner;

static void
release_array(fory_arrow_array *self)
{
    ArrayOwner *owner = self->private_data;

    for (int64_t i = 0; i < self->n_children; i++) {
        fory_arrow_array *child = self->children[i];
        if (child != NULL) {
            if (child->release != NULL) {
                child->release(child);
            }
            free(child);
        }
    }
    free(self->children);
    if (Py_IsInitialized()) {
        PyGILState_STATE gil = PyGILState_Ensure();
        for (Py_ssize_t i = 0; i < owner->n_views; i++) {
            if (owner->views[i].obj != NULL) {
                PyBuffer_Release(&owner->views[i]);
            }
        }
        PyGILState_Release(gil);
    }
    free(owner->views);
    free(owner->buffers);
    free(owner);
    self->release = NULL;
}

/* Fills *out from a tuple. On failure nothing is left to release. 0 / -1. */
static int
build_array(PyObject *node, fory_arrow_array *out, int depth)
{
    PyObject *buffers, *children;
    long long length, null_count;
    Py_ssize_t n_buffers, n_children;
    ArrayOwner *owner;
    void **slots = NULL;

    memset(out, 0, sizeof(*out));
    if (depth > FORY_ARROW_MAX_DEPTH) {
        PyErr_SetString(PyExc_ValueError, "the columns are nested too deeply for Arrow");
        return -1;
    }
    if (!PyTuple_Check(node) || !PyArg_ParseTuple(node, "LLO!O!", &length, &null_count, &PyTuple_Type, &buffers,
                                                  &PyTuple_Type, &children)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "an Arrow array is a tuple (length, null_count, buffers, children)");
        }
        return -1;
    }
    n_buffers = PyTuple_GET_SIZE(buffers);
    n_children = PyTuple_GET_SIZE(children);
    owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    owner->views = calloc((size_t)n_buffers + 1, sizeof(*owner->views));
    owner->buffers = calloc((size_t)n_buffers + 1, sizeof(*owner->buffers));
    if (owner->views == NULL || owner->buffers == NULL || alloc_children(&slots, n_children) < 0) {
        free(owner->views);
        free(owner->buffers);
        free(owner);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return -1;
    }
    out->length = length;
    out->null_count = null_count;
    out->n_buffers = n_buffers;
    out->n_children = n_children;
    out->buffers = owner->buffers;
    out->children = (fory_arrow_array **)slots;
    out->private_data = owner;
    out->release = release_array;
    owner->n_views = n_buffers;
    for (Py_ssize_t i = 0; i < n_buffers; i++) {
        PyObject *buffer = PyTuple_GET_ITEM(buffers, i);
        if (buffer == Py_None) {
            continue;
        }
        if (PyObject_GetBuffer(buffer, &owner->views[i], PyBUF_SIMPLE) < 0) {
            owner->views[i].obj = NULL;
            goto error;
        }
        owner->buffers[i] = owner->views[i].buf;
    }
    for (Py_ssize_t i = 0; i < n_children; i++) {
        fory_arrow_array *child = malloc(sizeof(*child));
        if (child == NULL) {
            PyErr_NoMemory();
            goto error;
        }
        if (build_array(PyTuple_GET_ITEM(children, i), child, depth + 1) < 0) {
            free(child);
            goto error;
        }
        out->children[i] = child;
    }
    return 0;
error:
    release_array(out);
    return -1;
}

/* ---- streams ------------------------------------------------------------------- */

typedef struct StreamOwner {
    PyObject *schema;   /* tuple */
    PyObject *iterator; /* gives array tuples */
    char *error;
} StreamOwner;

static void
release_stream(fory_arrow_stream *self)
{
    StreamOwner *owner = self->private_data;

    if (Py_IsInitialized()) {
        PyGILState_STATE gil = PyGILState_Ensure();
        Py_CLEAR(owner->schema);
        Py_CLEAR(owner->iterator);
        PyGILState_Release(gil);
    }
    free(owner->error);
    free(owner);
    self->release = NULL;
}

/* Keeps the text of the pending exception for get_last_error; clears it. */
static int
stream_failed(StreamOwner *owner)
{
    PyObject *type, *value, *trace, *text = NULL;
    const char *utf8 = NULL;

    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value != NULL) {
        text = PyObject_Str(value);
        utf8 = text == NULL ? NULL : PyUnicode_AsUTF8(text);
    }
    if (utf8 == NULL) {
        PyErr_Clear();
        utf8 = "the rows could not be read";
    }
    free(owner->error);
    owner->error = malloc(strlen(utf8) + 1);
    if (owner->error != NULL) {
        strcpy(owner->error, utf8);
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return EIO;
}

static int
stream_get_schema(fory_arrow_stream *self, fory_arrow_schema *out)
{
    StreamOwner *owner = self->private_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    int result = build_schema(owner->schema, out, 0) < 0 ? stream_failed(owner) : 0;
    PyGILState_Release(gil);
    return result;
}

static int
stream_get_next(fory_arrow_stream *self, fory_arrow_array *out)
{
    StreamOwner *owner = self->private_data;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *node = PyIter_Next(owner->iterator);
    int result = 0;

    memset(out, 0, sizeof(*out));
    if (node == NULL ? PyErr_Occurred() != NULL : build_array(node, out, 0) < 0) {
        result = stream_failed(owner);
    }
    Py_XDECREF(node);
    PyGILState_Release(gil);
    return result;
}

static const char *
stream_get_last_error(fory_arrow_stream *self)
{
    return ((StreamOwner *)self->private_data)->error;
}

/* ---- capsules -------------------------------------------------------------------- */

static void
drop_schema(PyObject *capsule)
{
    fory_arrow_schema *schema = PyCapsule_GetPointer(capsule, FORY_ARROW_SCHEMA_CAPSULE);
    if (schema->release != NULL) {
        schema->release(schema);
    }
    free(schema);
}

static void
drop_array(PyObject *capsule)
{
    fory_arrow_array *array = PyCapsule_GetPointer(capsule, FORY_ARROW_ARRAY_CAPSULE);
    if (array->release != NULL) {
        array->release(array);
    }
    free(array);
}

static void
drop_stream(PyObject *capsule)
{
    fory_arrow_stream *stream = PyCapsule_GetPointer(capsule, FORY_ARROW_STREAM_CAPSULE);
    if (stream->release != NULL) {
        stream->release(stream);
    }
    free(stream);
}

PyDoc_STRVAR(schema_capsule_doc,
             "arrow_schema_capsule(schema) -> capsule\n\n"
             "An ArrowSchema from a tuple (format, name, flags, children).");

static PyObject *
schema_capsule(PyObject *Py_UNUSED(module), PyObject *node)
{
    fory_arrow_schema *schema = malloc(sizeof(*schema));
    PyObject *capsule;

    if (schema == NULL) {
        return PyErr_NoMemory();
    }
    if (build_schema(node, schema, 0) < 0) {
        free(schema);
        return NULL;
    }
    capsule = PyCapsule_New(schema, FORY_ARROW_SCHEMA_CAPSULE, drop_schema);
    if (capsule == NULL) {
        schema->release(schema);
        free(schema);
    }
    return capsule;
}

PyDoc_STRVAR(array_capsule_doc,
             "arrow_array_capsule(array) -> capsule\n\n"
             "An ArrowArray from a tuple (length, null_count, buffers, children). The buffers\n"
             "are kept until the consumer releases the array.");

static PyObject *
array_capsule(PyObject *Py_UNUSED(module), PyObject *node)
{
    fory_arrow_array *array = malloc(sizeof(*array));
    PyObject *capsule;

    if (array == NULL) {
        return PyErr_NoMemory();
    }
    if (build_array(node, array, 0) < 0) {
        free(array);
        return NULL;
    }
    capsule = PyCapsule_New(array, FORY_ARROW_ARRAY_CAPSULE, drop_array);
    if (capsule == NULL) {
        array->release(array);
        free(array);
    }
    return capsule;
}

PyDoc_STRVAR(stream_capsule_doc,
             "arrow_stream_capsule(schema, arrays) -> capsule\n\n"
             "An ArrowArrayStream over an iterable of array tuples, which is asked for the\n"
             "next one when the consumer is.");

static PyObject *
stream_capsule(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *schema, *arrays, *capsule;
    fory_arrow_stream *stream;
    StreamOwner *owner;

    if (!PyArg_ParseTuple(args, "O!O:arrow_stream_capsule", &PyTuple_Type, &schema, &arrays)) {
        return NULL;
    }
    stream = calloc(1, sizeof(*stream));
    owner = calloc(1, sizeof(*owner));
    if (stream == NULL || owner == NULL) {
        free(stream);
        free(owner);
        return PyErr_NoMemory();
    }
    owner->iterator = PyObject_GetIter(arrays);
    if (owner->iterator == NULL) {
        free(stream);
        free(owner);
        return NULL;
    }
    Py_INCREF(schema);
    owner->schema = schema;
    stream->get_schema = stream_get_schema;
    stream->get_next = stream_get_next;
    stream->get_last_error = stream_get_last_error;
    stream->release = release_stream;
    stream->private_data = owner;
    capsule = PyCapsule_New(stream, FORY_ARROW_STREAM_CAPSULE, drop_stream);
    if (capsule == NULL) {
        release_stream(stream);
        free(stream);
    }
    return capsule;
}

static PyMethodDef export_functions[] = {
    {"arrow_schema_capsule", schema_capsule, METH_O, schema_capsule_doc},
    {"arrow_array_capsule", array_capsule, METH_O, array_capsule_doc},
    {"arrow_stream_capsule", stream_capsule, METH_VARARGS, stream_capsule_doc},
    {NULL, NULL, 0, NULL},
};

int
fory_row_arrow_init(PyObject *module, ForyState *Py_UNUSED(st))
{
    if (PyModule_AddFunctions(module, export_functions) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, fory_row_arrow_readers);
}
