/* The methods of ReadContext: what Serializer.read() calls (api section 4). */
#include "codecs/contexts.h"

#define ENTER(r, self)                              \
    ForyReadCtx *r = fory_context_enter_read(self); \
    if (r == NULL) {                                \
        return NULL;                                \
    }
#define LEAVE(self, result) return fory_context_leave_read(self, (result))

/* ---- the input as a Buffer ----------------------------------------------------------- */

static Py_ssize_t
used(const ForyReadCtx *r)
{
    return r->in.pos - r->in.start;
}

PyObject *
fory_read_lend(ForyReadCtx *r)
{
    if (r->lent != NULL) {
        return r->lent;
    }
    if (r->source == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the input of this operation has no Buffer");
        return NULL;
    }
    r->lent = ForyBuffer_Check(r->st, r->source)
                  ? Py_NewRef(r->source)
                  : PyObject_CallFunctionObjArgs((PyObject *)r->st->BufferType, r->source, NULL);
    if (r->lent != NULL) {
        r->lent_base = ((ForyBuffer *)r->lent)->reader;
    }
    return r->lent;
}

void
fory_read_sync_out(ForyReadCtx *r)
{
    ((ForyBuffer *)r->lent)->reader = r->lent_base + used(r);
}

int
fory_read_sync_in(ForyReadCtx *r)
{
    ForyBuffer *b = (ForyBuffer *)r->lent;
    Py_ssize_t at = b->reader - r->lent_base, have;
    PyObject *type, *value, *tb;
    int rc = 0;
    if (at == used(r)) {
        /* the operation itself finds the message where it began */
        b->reader = r->lent_base;
        return 0;
    }
    PyErr_Fetch(&type, &value, &tb);
    b->reader = r->lent_base;
    have = r->in.end - r->in.start;
    if (at < 0) {
        PyErr_SetString(PyExc_RuntimeError, "the Buffer went back to before the value that is read from it");
        rc = -1;
    }
    else if (at > have) {
        rc = r->in.more == NULL ? FORY_TRUNCATED : r->in.more(&r->in, (size_t)(at - used(r)));
        if (rc != FORY_OK) {
            rc = fory_read_bad(r, rc);
        }
    }
    if (rc == 0) {
        r->in.pos = r->in.start + at;
    }
    if (type != NULL) {
        PyErr_Restore(type, value, tb); /* what happened first */
    }
    return rc;
}

/* Index of the first byte of the message, as the caller's Buffer counts. */
static Py_ssize_t
message_index(const ForyReadCtx *r)
{
    if (r->lent != NULL) {
        return r->lent_base;
    }
    return r->source != NULL && ForyBuffer_Check(r->st, r->source) ? ((ForyBuffer *)r->source)->reader : 0;
}

/* ---- scalars ---------------------------------------------------------------------------- */

static PyObject *
read_with(PyObject *self, int type_id)
{
    ENTER(r, self);
    LEAVE(self, r->st->codecs[type_id].read(r, &r->st->codecs[type_id]));
}

#define DEFINE_READ(name, id)                                        \
    static PyObject *ctx_read_##name(PyObject *self, PyObject *unused) \
    {                                                                \
        (void)unused;                                                \
        return read_with(self, id);                                  \
    }
FORY_CONTEXT_SCALARS(DEFINE_READ)

static PyObject *
take_bytes(ForyReadCtx *r, size_t n)
{
    PyObject *result;
    if (!fory_have(&r->in, n)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    result = PyBytes_FromStringAndSize((const char *)r->in.pos, (Py_ssize_t)n);
    r->in.pos += n;
    return result;
}

/* A number of bytes. 0 / -1 */
static int
size_argument(ForyReadCtx *r, PyObject *size, Py_ssize_t *n)
{
    *n = PyLong_AsSsize_t(size);
    if (*n == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (*n < 0) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%zd bytes: the number is negative", *n);
        return -1;
    }
    return 0;
}

static PyObject *
ctx_read_bytes(PyObject *self, PyObject *size)
{
    Py_ssize_t n;
    ENTER(r, self);
    LEAVE(self, size_argument(r, size, &n) < 0 ? NULL : take_bytes(r, (size_t)n));
}

static PyObject *
ctx_read_bytes_and_size(PyObject *self, PyObject *unused)
{
    uint32_t n;
    int rc;
    ENTER(r, self);
    (void)unused;
    rc = fory_get_vu32(&r->in, &n);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        LEAVE(self, NULL);
    }
    LEAVE(self, take_bytes(r, n));
}

/* ---- objects ------------------------------------------------------------------------------ */

static PyObject *
read_by_serializer(ForyReadCtx *r, PyObject *self, PyObject *serializer, Py_ssize_t id)
{
    Py_ssize_t outer = r->own_ref;
    size_t n_preserved = r->n_preserved, base = r->preserved_base;
    PyObject *v;
    r->own_ref = id;
    r->preserved_base = n_preserved;
    if (FORY_UNLIKELY(r->lent != NULL)) {
        fory_read_sync_out(r);
    }
    v = PyObject_CallMethodObjArgs(serializer, r->st->str_read, self, NULL);
    if (FORY_UNLIKELY(r->lent != NULL) && fory_read_sync_in(r) < 0) {
        Py_CLEAR(v);
    }
    r->own_ref = outer;
    r->preserved_base = base;
    r->n_preserved = n_preserved;
    if (v != NULL) {
        fory_ref_publish(r, id, v);
    }
    return v;
}

static PyObject *
read_ref_by(ForyReadCtx *r, PyObject *self, PyObject *serializer)
{
    Py_ssize_t id;
    PyObject *v = NULL;
    int rc = fory_read_flag(r, &id, &v);
    return rc != 0 ? (rc < 0 ? NULL : v) : read_by_serializer(r, self, serializer, id);
}

static PyObject *
ctx_read_ref(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"serializer"};
    PyObject *serializer = NULL;
    if (fory_take_arguments("read_ref", args, nargs, kwnames, names, 0, 1, &serializer) < 0) {
        return NULL;
    }
    ENTER(r, self);
    LEAVE(self, serializer == NULL ? fory_read_value_ref(r) : read_ref_by(r, self, serializer));
}

static PyObject *
ctx_read_non_ref(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"serializer"};
    PyObject *serializer = NULL;
    if (fory_take_arguments("read_non_ref", args, nargs, kwnames, names, 0, 1, &serializer) < 0) {
        return NULL;
    }
    ENTER(r, self);
    LEAVE(self, serializer == NULL ? fory_read_any(r) : read_by_serializer(r, self, serializer, -1));
}

static PyObject *
ctx_read_body(PyObject *self, PyObject *cls)
{
    const ForyCodec *codec;
    ENTER(r, self);
    codec = fory_context_codec(r->engine, cls);
    LEAVE(self, codec == NULL ? NULL : fory_read_body(r, codec, -1));
}

/* The next of the objects that the caller passed beside the message. New reference. */
static PyObject *
next_given(ForyReadCtx *r, PyObject *iterator, const char *argument)
{
    PyObject *item = iterator == NULL ? NULL : PyIter_Next(iterator);
    if (item == NULL && !PyErr_Occurred()) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "the message needs more objects than %s= has", argument);
    }
    return item;
}

static PyObject *
read_buffer_object(ForyReadCtx *r)
{
    uint8_t in_band = 1;
    uint32_t n;
    int rc;
    PyObject *lent, *slice;
    if (r->out_of_band) {
        if (fory_get_u8(&r->in, &in_band) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        if (in_band > 1) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "invalid out-of-band mark %u", (unsigned)in_band);
        }
    }
    if (!in_band) {
        return next_given(r, r->buffers, "buffers");
    }
    rc = fory_get_vu32(&r->in, &n);
    if (rc != FORY_OK || !fory_have(&r->in, n)) {
        fory_read_bad(r, rc != FORY_OK ? rc : FORY_TRUNCATED);
        return NULL;
    }
    if ((lent = fory_read_lend(r)) == NULL) {
        return NULL;
    }
    slice = PyObject_CallMethod(lent, "slice", "nn", r->lent_base + used(r), (Py_ssize_t)n);
    r->in.pos += n;
    return slice;
}

static PyObject *
ctx_read_buffer_object(PyObject *self, PyObject *unused)
{
    ENTER(r, self);
    (void)unused;
    LEAVE(self, read_buffer_object(r));
}

static PyObject *
ctx_handle_unsupported_read(PyObject *self, PyObject *unused)
{
    ENTER(r, self);
    (void)unused;
    LEAVE(self, next_given(r, r->unsupported, "unsupported_objects"));
}

/* ---- references ------------------------------------------------------------------------------ */

static int
push_preserved(ForyReadCtx *r, Py_ssize_t id)
{
    if (fory_grow_array(&r->preserved, &r->cap_preserved, r->n_preserved + 1, sizeof(*r->preserved)) < 0) {
        return -1;
    }
    r->preserved[r->n_preserved++] = id;
    return 0;
}

/* The flag as a signed number; an earlier object lands in r->read_object. 0 / -1. */
static int
take_flag(ForyReadCtx *r, int *flag)
{
    uint8_t byte;
    if (fory_get_u8(&r->in, &byte) != FORY_OK) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    Py_CLEAR(r->read_object);
    switch (byte) {
    case FORY_FLAG_NULL:
    case FORY_FLAG_NOT_NULL:
    case FORY_FLAG_REF_VALUE:
        break;
    case FORY_FLAG_REF:
        r->read_object = fory_ref_read(r);
        if (r->read_object == NULL) {
            return -1;
        }
        break;
    default:
        fory_raise(r->st, FORY_E_INVALID_DATA, "invalid reference flag %u", (unsigned)byte);
        return -1;
    }
    *flag = (int8_t)byte;
    return 0;
}

static PyObject *
ctx_read_ref_or_null(PyObject *self, PyObject *unused)
{
    int flag = 0;
    ENTER(r, self);
    (void)unused;
    LEAVE(self, take_flag(r, &flag) < 0 ? NULL : PyLong_FromLong(flag));
}

static PyObject *
ctx_try_preserve_ref_id(PyObject *self, PyObject *unused)
{
    int flag = 0;
    Py_ssize_t id = -1;
    ENTER(r, self);
    (void)unused;
    if (take_flag(r, &flag) < 0) {
        LEAVE(self, NULL);
    }
    if (flag == (int8_t)FORY_FLAG_NULL || flag == (int8_t)FORY_FLAG_REF) {
        LEAVE(self, PyLong_FromLong(flag));
    }
    /* a value follows: reference() is for it, tracked or not */
    if ((flag == FORY_FLAG_REF_VALUE && (id = fory_ref_reserve(r)) < 0) || push_preserved(r, id) < 0) {
        LEAVE(self, NULL);
    }
    LEAVE(self, PyLong_FromSsize_t(id));
}

static PyObject *
ctx_preserve_ref_id(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"id"};
    PyObject *number = NULL;
    Py_ssize_t id;
    if (fory_take_arguments("preserve_ref_id", args, nargs, kwnames, names, 0, 1, &number) < 0) {
        return NULL;
    }
    ENTER(r, self);
    if (number == NULL) {
        id = fory_ref_reserve(r);
        LEAVE(self, id < 0 || push_preserved(r, id) < 0 ? NULL : PyLong_FromSsize_t(id));
    }
    id = PyLong_AsSsize_t(number);
    if (id == -1 && PyErr_Occurred()) {
        LEAVE(self, NULL);
    }
    if (id >= 0 && (size_t)id >= r->n_refs) {
        LEAVE(self, fory_raise(r->st, FORY_E_REF, "invalid reference id %zd, %zu references so far", id, r->n_refs));
    }
    id = id < 0 ? -1 : id;
    LEAVE(self, push_preserved(r, id) < 0 ? NULL : PyLong_FromSsize_t(id));
}

/* The id that reference() fills next, -1 for none. */
static Py_ssize_t
next_preserved(const ForyReadCtx *r)
{
    return r->n_preserved > r->preserved_base ? r->preserved[r->n_preserved - 1] : r->own_ref;
}

static PyObject *
ctx_last_preserved_ref_id(PyObject *self, PyObject *unused)
{
    ENTER(r, self);
    (void)unused;
    LEAVE(self, PyLong_FromSsize_t(next_preserved(r)));
}

static PyObject *
ctx_has_preserved_ref_id(PyObject *self, PyObject *unused)
{
    ENTER(r, self);
    (void)unused;
    LEAVE(self, PyBool_FromLong(r->n_preserved > r->preserved_base || r->own_ref >= 0));
}

static PyObject *
ctx_reference(PyObject *self, PyObject *o)
{
    ENTER(r, self);
    fory_ref_publish(r, next_preserved(r), o);
    if (r->n_preserved > r->preserved_base) {
        r->n_preserved--;
    }
    LEAVE(self, Py_NewRef(Py_None));
}

static PyObject *
ctx_get_read_ref(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"id"};
    PyObject *number = NULL;
    Py_ssize_t id;
    if (fory_take_arguments("get_read_ref", args, nargs, kwnames, names, 0, 1, &number) < 0) {
        return NULL;
    }
    ENTER(r, self);
    if (number == NULL) {
        LEAVE(self, Py_NewRef(r->read_object != NULL ? r->read_object : Py_None));
    }
    id = PyLong_AsSsize_t(number);
    if (id == -1 && PyErr_Occurred()) {
        LEAVE(self, NULL);
    }
    if (id < 0 || (size_t)id >= r->n_refs || r->refs[id] == NULL) {
        LEAVE(self, fory_raise(r->st, FORY_E_REF, "invalid reference id %zd, %zu references so far", id, r->n_refs));
    }
    LEAVE(self, Py_NewRef(r->refs[id]));
}

static PyObject *
ctx_set_read_ref(PyObject *self, PyObject *args)
{
    Py_ssize_t id;
    PyObject *o;
    if (!PyArg_ParseTuple(args, "nO:set_read_ref", &id, &o)) {
        return NULL;
    }
    ENTER(r, self);
    if (id >= 0 && (size_t)id >= r->n_refs) {
        LEAVE(self, fory_raise(r->st, FORY_E_REF, "invalid reference id %zd, %zu references so far", id, r->n_refs));
    }
    if (id >= 0) {
        PyObject *old = r->refs[id];
        r->refs[id] = Py_NewRef(o);
        Py_XDECREF(old);
    }
    LEAVE(self, Py_NewRef(Py_None));
}

/* ---- position and limits ------------------------------------------------------------------------- */

static PyObject *
ctx_get_reader_index(PyObject *self, PyObject *unused)
{
    ENTER(r, self);
    (void)unused;
    LEAVE(self, PyLong_FromSsize_t(message_index(r) + used(r)));
}

static PyObject *
ctx_set_reader_index(PyObject *self, PyObject *index)
{
    Py_ssize_t i, at;
    ENTER(r, self);
    i = PyLong_AsSsize_t(index);
    if (i == -1 && PyErr_Occurred()) {
        LEAVE(self, NULL);
    }
    at = i - message_index(r);
    if (at < 0 || (at > r->in.end - r->in.start && !fory_have(&r->in, (size_t)(at - used(r))))) {
        if (!PyErr_Occurred()) {
            fory_raise(r->st, FORY_E_TRUNCATED, "reader index %zd is outside the input", i);
        }
        LEAVE(self, NULL);
    }
    r->in.pos = r->in.start + at;
    LEAVE(self, Py_NewRef(Py_None));
}

static PyObject *
ctx_check_readable_bytes(PyObject *self, PyObject *size)
{
    Py_ssize_t n;
    ENTER(r, self);
    if (size_argument(r, size, &n) < 0) {
        LEAVE(self, NULL);
    }
    LEAVE(self, fory_none_or_null(fory_have(&r->in, (size_t)n) ? 0 : fory_read_bad(r, FORY_TRUNCATED)));
}

/* An amount to charge to a budget; too large a number is as good as any other. 0 / -1 */
static int
amount(ForyReadCtx *r, PyObject *number, const char *what, long long *n)
{
    int overflow;
    *n = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (*n == -1 && overflow == 0 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow > 0) {
        *n = INT64_MAX;
    }
    if (*n < 0) {
        fory_raise(r->st, FORY_E_LIMIT, "%s is negative", what);
        return -1;
    }
    return 0;
}

static PyObject *
ctx_reserve_graph_memory(PyObject *self, PyObject *size)
{
    long long n;
    ENTER(r, self);
    LEAVE(self, fory_none_or_null(amount(r, size, "estimated graph memory", &n) < 0 ? -1 : fory_charge(r, n)));
}

static PyObject *
ctx_reserve_unbacked(PyObject *self, PyObject *count)
{
    long long n;
    ENTER(r, self);
    LEAVE(self, fory_none_or_null(amount(r, count, "the number of unbacked container items", &n) < 0
                                      ? -1
                                      : fory_charge_unbacked(r, n, 0)));
}

static PyObject *
ctx_shrink_input_buffer(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE; /* done when the operation ends */
}

/* ---- an operation of the caller's own ------------------------------------------------------------- */

void
fory_read_context_end(ForyReadCtx *r)
{
    PyObject *buffer = Py_XNewRef(r->lent), *type, *value, *tb;
    Py_ssize_t reader = 0;
    PyErr_Fetch(&type, &value, &tb);
    if (buffer != NULL) {
        reader = ((ForyBuffer *)buffer)->reader; /* where the last method left it */
    }
    fory_read_end(r);
    if (buffer != NULL) {
        ((ForyBuffer *)buffer)->reader = reader;
        if (fory_buffer_shrink(buffer) < 0) {
            PyErr_Clear(); /* only memory was to be saved */
        }
        Py_DECREF(buffer);
    }
    PyErr_Restore(type, value, tb);
}

static PyObject *
ctx_prepare(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"buffer", "buffers", "unsupported_objects", "peer_out_of_band_enabled"};
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject *given[4] = {NULL, NULL, NULL, NULL};
    int out_of_band;
    ForyEngine *e;
    ForyReadCtx *r;
    if (fory_take_arguments("prepare", args, nargs, kwnames, names, 1, 4, given) < 0 ||
        (out_of_band = given[3] == NULL ? 0 : PyObject_IsTrue(given[3])) < 0 ||
        (e = fory_context_prepare(self)) == NULL) {
        return NULL;
    }
    if (!ForyBuffer_Check(e->st, given[0])) {
        return fory_raise(e->st, FORY_E_TYPE, "buffer must be a pyfory.Buffer, not %s", Py_TYPE(given[0])->tp_name);
    }
    o->held = Py_NewRef(given[0]);
    if ((r = fory_read_begin(e, (const uint8_t *)"", 0)) == NULL) {
        Py_CLEAR(o->held);
        return NULL;
    }
    r->py_context = Py_NewRef(self);
    o->context = r;
    r->out_of_band = (uint8_t)out_of_band;
    /* like a stream: what is read so far stays, whatever else is done with the Buffer */
    if ((given[1] != NULL && (r->buffers = PyObject_GetIter(given[1])) == NULL) ||
        (given[2] != NULL && (r->unsupported = PyObject_GetIter(given[2])) == NULL) ||
        fory_read_attach(r, given[0]) < 0 || fory_read_lend(r) == NULL) {
        PyObject *type, *value, *tb;
        PyErr_Fetch(&type, &value, &tb);
        Py_XDECREF(fory_context_reset(self, NULL));
        PyErr_Restore(type, value, tb);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- table ------------------------------------------------------------------------------------------- */

#define READ_ENTRY(name, id) \
    {"read_" #name, ctx_read_##name, METH_NOARGS, "read_" #name "($self)\n--\n\nReads one " #name "."},

static PyMethodDef methods[] = {
    FORY_CONTEXT_SCALARS(READ_ENTRY)
    {"read_bytes", ctx_read_bytes, METH_O, "read_bytes($self, n, /)\n--\n\nExactly n bytes."},
    {"read_bytes_and_size", ctx_read_bytes_and_size, METH_NOARGS,
     "read_bytes_and_size($self)\n--\n\nA size as var_uint32, then that many bytes."},
    {"read_ref", FORY_FAST(ctx_read_ref), METH_FASTCALL | METH_KEYWORDS,
     "read_ref($self, serializer=None)\n--\n\nWhat write_ref() wrote."},
    {"read_non_ref", FORY_FAST(ctx_read_non_ref), METH_FASTCALL | METH_KEYWORDS,
     "read_non_ref($self, serializer=None)\n--\n\nWhat write_non_ref() wrote."},
    {"read_no_ref", FORY_FAST(ctx_read_non_ref), METH_FASTCALL | METH_KEYWORDS,
     "read_no_ref($self, serializer=None)\n--\n\nThe same as read_non_ref()."},
    {"read_nullable", FORY_FAST(ctx_read_ref), METH_FASTCALL | METH_KEYWORDS,
     "read_nullable($self, serializer=None)\n--\n\nA value behind a null flag; reference flags are understood too."},
    {"read_ref_or_null", ctx_read_ref_or_null, METH_NOARGS,
     "read_ref_or_null($self)\n--\n\nReads a flag: -3 null, -2 an earlier object (get_read_ref() has it), -1 a value\n"
     "follows, 0 a value with an id follows."},
    {"try_preserve_ref_id", ctx_try_preserve_ref_id, METH_NOARGS,
     "try_preserve_ref_id($self)\n--\n\nAs read_ref_or_null(), but a value's id is taken for the next reference(), and returned."},
    {"preserve_ref_id", FORY_FAST(ctx_preserve_ref_id), METH_FASTCALL | METH_KEYWORDS,
     "preserve_ref_id($self, id=None)\n--\n\nTakes an id, a new one for None, for the next reference(). -1: reference()\n"
     "does nothing."},
    {"last_preserved_ref_id", ctx_last_preserved_ref_id, METH_NOARGS,
     "last_preserved_ref_id($self)\n--\n\nThe id that reference() fills next, or -1."},
    {"has_preserved_ref_id", ctx_has_preserved_ref_id, METH_NOARGS,
     "has_preserved_ref_id($self)\n--\n\nWhether an id waits for reference()."},
    {"reference", ctx_reference, METH_O,
     "reference($self, obj, /)\n--\n\nMakes obj known to back references before its children are read. Call it first\n"
     "in read() when the object may be part of a cycle."},
    {"get_read_ref", FORY_FAST(ctx_get_read_ref), METH_FASTCALL | METH_KEYWORDS,
     "get_read_ref($self, id=None)\n--\n\nThe object with this id; without one, that of the last flag. Raises\n"
     "ForyInvalidRefError."},
    {"set_read_ref", ctx_set_read_ref, METH_VARARGS,
     "set_read_ref($self, id, obj, /)\n--\n\nGives an id its object; a negative id does nothing. Raises\n"
     "ForyInvalidRefError."},
    {"_read_body", ctx_read_body, METH_O, "_read_body($self, cls, /)\n--\n\nA body as cls reads it."},
    {"read_buffer_object", ctx_read_buffer_object, METH_NOARGS,
     "read_buffer_object($self)\n--\n\nWhat write_buffer_object() wrote: a pyfory.Buffer without a copy, or the next of buffers=."},
    {"handle_unsupported_read", ctx_handle_unsupported_read, METH_NOARGS,
     "handle_unsupported_read($self)\n--\n\nThe next of unsupported_objects=."},
    {"get_reader_index", ctx_get_reader_index, METH_NOARGS,
     "get_reader_index($self)\n--\n\nOffset of the next byte in the input."},
    {"set_reader_index", ctx_set_reader_index, METH_O,
     "set_reader_index($self, index, /)\n--\n\nMoves to another offset of the message."},
    {"check_readable_bytes", ctx_check_readable_bytes, METH_O,
     "check_readable_bytes($self, n, /)\n--\n\nRaises ForyBufferOutOfBoundError unless n more bytes are there."},
    {"reserve_graph_memory", ctx_reserve_graph_memory, METH_O,
     "reserve_graph_memory($self, n, /)\n--\n\nCharges n bytes to max_graph_memory_bytes; raises ForyLimitError."},
    {"reserve_unbacked_container_items", ctx_reserve_unbacked, METH_O,
     "reserve_unbacked_container_items($self, n, /)\n--\n\nCharges n items to max_unbacked_container_items; raises\n"
     "ForyLimitError."},
    {"shrink_input_buffer", ctx_shrink_input_buffer, METH_NOARGS,
     "shrink_input_buffer($self)\n--\n\nNothing: done when the operation ends."},
    {"prepare", FORY_FAST(ctx_prepare), METH_FASTCALL | METH_KEYWORDS,
     "prepare($self, buffer, buffers=None, unsupported_objects=None, peer_out_of_band_enabled=False)\n--\n\n"
     "Begins to read from buffer (a pyfory.Buffer), until reset()."},
    FORY_CONTEXT_METHODS
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    FORY_CONTEXT_ATTRIBUTE("buffer", "The pyfory.Buffer behind the input."),
    FORY_CONTEXT_ATTRIBUTE("depth", "Levels of nesting so far."),
    FORY_CONTEXT_ATTRIBUTE("buffers", "Iterator over the out-of-band buffers, or None."),
    FORY_CONTEXT_ATTRIBUTE("unsupported_objects", "Iterator over what deserialize() was given, or None."),
    FORY_CONTEXT_ATTRIBUTE("peer_out_of_band_enabled", "Whether the message has data beside it."),
    FORY_CONTEXT_ATTRIBUTE("remaining_unbacked_container_items", "What is left of max_unbacked_container_items."),
    FORY_CONTEXT_ATTRIBUTE("ref_reader", "The context itself."),
    FORY_CONTEXT_ATTRIBUTE("meta_string_reader", "The context itself."),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(doc,
"ReadContext(fory)\n--\n\n"
"Input of one running operation, given to Serializer.read(). `buffer` is the pyfory.Buffer behind it.\n"
"fory.read_context is one of the caller's own: prepare() and reset() begin and end its operation.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc},
    {Py_tp_new, fory_context_new},
    {Py_tp_dealloc, fory_context_dealloc},
    {Py_tp_traverse, fory_context_traverse},
    {Py_tp_clear, fory_context_clear},
    {Py_tp_getattro, fory_context_getattro},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

PyType_Spec fory_read_context_spec = {
    .name = "pyfory._core.ReadContext",
    .basicsize = sizeof(ForyPyContext),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
