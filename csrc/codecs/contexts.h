/* Private header of the files behind serializers written in Python:
 * extension.c (codec, life of the context objects), write_context.c,
 * read_context.c, buffer_object.c. */
#ifndef FORY_CONTEXTS_H
#define FORY_CONTEXTS_H

#include "codecs/codecs.h"
#include "runtime/buffer.h"

/* Every method of a context object runs between an enter and a leave: they keep
 * a lent Buffer and the operation at the same place.
 * enter: the operation behind self, NULL with an exception once it is over.
 * leave: gives result back, or NULL if what is left to do failed; steals result. */
ForyWriteCtx *fory_context_enter_write(PyObject *self);
PyObject *fory_context_leave_write(PyObject *self, PyObject *result);
ForyReadCtx *fory_context_enter_read(PyObject *self);
PyObject *fory_context_leave_read(PyObject *self, PyObject *result);

/* Before Python code runs: a lent Buffer has all output. 0 / -1. */
FORY_INLINE int
fory_write_sync_out(ForyWriteCtx *w)
{
    return w->staged ? 0 : fory_write_drain(w);
}

FORY_INLINE PyObject *
fory_none_or_null(int rc)
{
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* The Buffer that Python code sees as the input. Borrowed, or NULL. */
PyObject *fory_read_lend(ForyReadCtx *r);
/* The position goes to the lent Buffer before Python code runs, and comes back after. */
void fory_read_sync_out(ForyReadCtx *r);
int fory_read_sync_in(ForyReadCtx *r);

/* Scalar methods: name, type id. */
#define FORY_CONTEXT_SCALARS(X)                                                                                  \
    X(bool, FORY_BOOL) X(int8, FORY_INT8) X(uint8, FORY_UINT8) X(int16, FORY_INT16) X(uint16, FORY_UINT16)       \
    X(int32, FORY_INT32) X(uint32, FORY_UINT32) X(int64, FORY_INT64) X(uint64, FORY_UINT64)                      \
    X(varint32, FORY_VARINT32) X(var_uint32, FORY_VAR_UINT32) X(varint64, FORY_VARINT64)                         \
    X(var_uint64, FORY_VAR_UINT64) X(tagged_int64, FORY_TAGGED_INT64) X(tagged_uint64, FORY_TAGGED_UINT64)       \
    X(float16, FORY_FLOAT16) X(bfloat16, FORY_BFLOAT16) X(float, FORY_FLOAT32) X(float32, FORY_FLOAT32)          \
    X(double, FORY_FLOAT64) X(float64, FORY_FLOAT64) X(string, FORY_STRING)

#define FORY_FAST(f) ((PyCFunction)(void (*)(void))(f))

PyObject *fory_context_increase_depth(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *fory_context_decrease_depth(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *fory_context_add_object(PyObject *self, PyObject *args);
PyObject *fory_context_has_object(PyObject *self, PyObject *key);
PyObject *fory_context_get_object(PyObject *self, PyObject *args);
PyObject *fory_context_reset(PyObject *self, PyObject *unused);

#define FORY_CONTEXT_METHODS                                                                                      \
    {"increase_depth", FORY_FAST(fory_context_increase_depth), METH_FASTCALL,                                     \
     "increase_depth($self, n=1, /)\n--\n\nCounts n levels of nesting; raises ForyDepthExceedError above max_depth."},  \
    {"decrease_depth", FORY_FAST(fory_context_decrease_depth), METH_FASTCALL,                                     \
     "decrease_depth($self, n=1, /)\n--\n\nTakes levels back that increase_depth() counted."},                       \
    {"add_context_object", fory_context_add_object, METH_VARARGS,                                                 \
     "add_context_object($self, key, obj, /)\n--\n\nKeeps obj under the identity of key until the operation ends."},  \
    {"has_context_object", fory_context_has_object, METH_O,                                                              \
     "has_context_object($self, key, /)\n--\n\nWhether something is kept under this key."},         \
    {"get_context_object", fory_context_get_object, METH_VARARGS,                                                 \
     "get_context_object($self, key, default=None, /)\n--\n\nWhat is kept under the identity of key."},              \
    {"reset", fory_context_reset, METH_NOARGS,                                                                    \
     "reset($self)\n--\n\nEnds what prepare() began. RuntimeError for the context of a running operation."},

extern PyType_Spec fory_write_context_spec, fory_read_context_spec, fory_buffer_object_spec;
/* of the last; its slot is set by hand before 3.9 */
int fory_buffer_object_getbuffer(PyObject *self, Py_buffer *view, int flags);

/* Codec of a class of this side, which the caller names. NULL with an exception. */
const ForyCodec *fory_context_codec(ForyEngine *e, PyObject *cls);

/* tp_* functions shared by both context types (extension.c) */
PyObject *fory_context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
void fory_context_dealloc(PyObject *self);
int fory_context_traverse(PyObject *self, visitproc visit, void *arg);
int fory_context_clear(PyObject *self);
PyObject *fory_context_attribute(PyObject *self, void *closure);
#define FORY_CONTEXT_ATTRIBUTE(name, doc) {name, fory_context_attribute, NULL, doc, (void *)name}
PyObject *fory_context_getattro(PyObject *self, PyObject *name);

/* The start of prepare(): no method runs, and what an earlier prepare() began is over.
 * The engine, borrowed, or NULL. */
ForyEngine *fory_context_prepare(PyObject *self);
/* Ends a read that prepare() began; its Buffer stands behind what was read. */
void fory_read_context_end(ForyReadCtx *r);

#endif /* FORY_CONTEXTS_H */
