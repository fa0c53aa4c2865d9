/* The methods of WriteContext: what Serializer.write() calls (api section 4). */
#include "codecs/contexts.h"

#define ENTER(w, self)                               \
    ForyWriteCtx *w = fory_context_enter_write(self); \
    if (w == NULL) {                                 \
        return NULL;                                 \
    }
#define LEAVE(self, result) return fory_context_leave_write(self, (result))

/* ---- scalars ----------------------------------------------------------------------- */

/* Only Python reads native messages: lone surrogates are written as well, in UTF-8. -1 on failure,
 * 0 when text holds none and nothing was written. */
static int
write_surrogates(ForyWriteCtx *w, PyObject *text)
{
    int kind = PyUnicode_KIND(text), found = 0, rc = -1;
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text) && !found; i++) {
        found = Py_UNICODE_IS_SURROGATE(PyUnicode_READ(kind, data, i));
    }
    if (!found) {
        return 0;
    }
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (encoded == NULL) {
        return -1;
    }
    size_t n = (size_t)PyBytes_GET_SIZE(encoded);
    if (n <= INT32_MAX && fory_room(w, FORY_VU64_MAX + n) == 0) {
        fory_put_vu64(&w->out, (uint64_t)n << 2 | 2);
        memcpy(w->out.pos, PyBytes_AS_STRING(encoded), n);
        w->out.pos += n;
        rc = 1;
    }
    else if (!PyErr_Occurred()) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "string of more than 2**31-1 bytes");
    }
    Py_DECREF(encoded);
    return rc;
}

static PyObject *
write_with(PyObject *self, PyObject *v, int type_id)
{
    ENTER(w, self);
    const ForyCodec *codec = &w->st->codecs[type_id];
    if (type_id == FORY_STRING && !w->engine->xlang && PyUnicode_CheckExact(v) && PyUnicode_MAX_CHAR_VALUE(v) >= 0xd800) {
        int rc = write_surrogates(w, v);
        if (rc != 0) {
            LEAVE(self, fory_none_or_null(rc < 0 ? -1 : 0));
        }
    }
    LEAVE(self, fory_none_or_null(codec->write(w, codec, v)));
}

#define DEFINE_WRITE(name, id)                                \
    static PyObject *ctx_write_##name(PyObject *self, PyObject *v) \
    {                                                         \
        return write_with(self, v, id);                       \
    }
FORY_CONTEXT_SCALARS(DEFINE_WRITE)

static int
write_memory(ForyWriteCtx *w, PyObject *v, int with_size)
{
    Py_buffer view;
    int rc = -1;
    if (PyObject_GetBuffer(v, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (with_size && (uint64_t)view.len > UINT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "bytes of 2**32 or more");
    }
    else if (fory_room(w, FORY_VU32_MAX + (size_t)view.len) == 0) {
        if (with_size) {
            fory_put_vu32(&w->out, (uint32_t)view.len);
        }
        memcpy(w->out.pos, view.buf, (size_t)view.len);
        w->out.pos += view.len;
        rc = 0;
    }
    PyBuffer_Release(&view);
    return rc;
}

static PyObject *
ctx_write_bytes(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    LEAVE(self, fory_none_or_null(write_memory(w, v, 0)));
}

static PyObject *
ctx_write_bytes_and_size(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    LEAVE(self, fory_none_or_null(write_memory(w, v, 1)));
}

/* ---- position ------------------------------------------------------------------------ */

/* The Buffer that has what was written before the pending bytes, or NULL. */
static ForyBuffer *
buffer_of(ForyWriteCtx *w)
{
    return (ForyBuffer *)(fory_write_is_lent(w) ? w->lent : w->target);
}

/* Index of the first pending byte. */
static Py_ssize_t
pending_index(ForyWriteCtx *w)
{
    return buffer_of(w) != NULL ? buffer_of(w)->writer : (Py_ssize_t)w->drained;
}

static PyObject *
ctx_get_writer_index(PyObject *self, PyObject *unused)
{
    ENTER(w, self);
    (void)unused;
    LEAVE(self, PyLong_FromSsize_t(pending_index(w) + (w->out.pos - w->out.start)));
}

static PyObject *
ctx_put_uint8(PyObject *self, PyObject *args)
{
    Py_ssize_t offset, first;
    PyObject *number;
    long value;
    int rc = 0;
    if (!PyArg_ParseTuple(args, "nO:put_uint8", &offset, &number)) {
        return NULL;
    }
    ENTER(w, self);
    first = pending_index(w);
    value = PyLong_AsLong(number);
    if (value == -1 && PyErr_Occurred()) {
        rc = -1;
    }
    else if (value < 0 || value > 255) {
        fory_raise(w->st, FORY_E_OVERFLOW, "%ld is out of range for uint8", value);
        rc = -1;
    }
    else if (offset >= first && offset - first < w->out.pos - w->out.start) {
        w->out.start[offset - first] = (uint8_t)value;
    }
    else if (offset >= 0 && offset < first && buffer_of(w) != NULL && !buffer_of(w)->readonly) {
        buffer_of(w)->data[offset] = (uint8_t)value;
    }
    else {
        fory_raise(w->st, FORY_E_TRUNCATED, "offset %zd was not written or has left already", offset);
        rc = -1;
    }
    LEAVE(self, fory_none_or_null(rc));
}

/* ---- objects ---------------------------------------------------------------------------- */

/* Body by an explicit serializer object. */
static int
write_by_serializer(ForyWriteCtx *w, PyObject *self, PyObject *serializer, PyObject *v)
{
    PyObject *done;
    if (FORY_UNLIKELY(w->lent != NULL) && fory_write_sync_out(w) < 0) {
        return -1;
    }
    done = PyObject_CallMethodObjArgs(serializer, w->st->str_write, self, v, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : fory_write_collect(w);
}

static int
put_flag(ForyWriteCtx *w, int flag)
{
    if (fory_room(w, 1) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)flag);
    return 0;
}

/* 1: nothing more to write, 0: a body must follow, -1: exception. */
static int
put_ref_flag(ForyWriteCtx *w, PyObject *v, int track)
{
    if (v == Py_None) {
        return put_flag(w, FORY_FLAG_NULL) < 0 ? -1 : 1;
    }
    return track ? fory_write_ref(w, v) : put_flag(w, FORY_FLAG_NOT_NULL);
}

/* need_to_write_ref of a serializer object: 1 / 0 / -1. */
static int
wants_refs(PyObject *serializer)
{
    PyObject *v = PyObject_GetAttrString(serializer, "need_to_write_ref");
    int rc;
    if (v == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 1;
    }
    rc = PyObject_IsTrue(v);
    Py_DECREF(v);
    return rc;
}

static int
write_ref_by(ForyWriteCtx *w, PyObject *self, PyObject *serializer, PyObject *v)
{
    int track = w->track_ref ? wants_refs(serializer) : 0;
    int rc = track < 0 ? -1 : put_ref_flag(w, v, track);
    return rc != 0 ? rc : write_by_serializer(w, self, serializer, v);
}

static PyObject *
ctx_write_ref(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    /* the type information is that of the value: a given one can say nothing else */
    static const char *const names[] = {"obj", "typeinfo", "serializer"};
    PyObject *given[3] = {NULL, NULL, NULL};
    int rc;
    if (fory_take_arguments("write_ref", args, nargs, kwnames, names, 1, 3, given) < 0) {
        return NULL;
    }
    ENTER(w, self);
    rc = given[2] == NULL ? fory_write_value_ref(w, given[0]) : write_ref_by(w, self, given[2], given[0]);
    LEAVE(self, fory_none_or_null(rc));
}

static PyObject *
ctx_write_non_ref(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"obj", "serializer", "typeinfo"};
    PyObject *given[3] = {NULL, NULL, NULL};
    int rc;
    if (fory_take_arguments("write_non_ref", args, nargs, kwnames, names, 1, 3, given) < 0) {
        return NULL;
    }
    ENTER(w, self);
    rc = given[1] == NULL ? fory_write_any(w, given[0]) : write_by_serializer(w, self, given[1], given[0]);
    LEAVE(self, fory_none_or_null(rc));
}

static PyObject *
ctx_write_body(PyObject *self, PyObject *args)
{
    PyObject *cls, *v;
    const ForyCodec *codec;
    if (!PyArg_ParseTuple(args, "OO:_write_body", &cls, &v)) {
        return NULL;
    }
    ENTER(w, self);
    codec = fory_context_codec(w->engine, cls);
    if (codec != NULL && PyType_Check(cls) && codec->type_id >= FORY_ENUM && codec->type_id <= FORY_NAMED_UNION &&
        !PyObject_TypeCheck(v, (PyTypeObject *)cls)) {
        fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", ((PyTypeObject *)cls)->tp_name, Py_TYPE(v)->tp_name);
        codec = NULL;
    }
    LEAVE(self, fory_none_or_null(codec == NULL ? -1 : codec->write(w, codec, v)));
}

static PyObject *
bool_or_null(int rc)
{
    return rc < 0 ? NULL : PyBool_FromLong(rc);
}

static PyObject *
ctx_write_ref_or_null(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    LEAVE(self, bool_or_null(put_ref_flag(w, v, w->track_ref)));
}

static PyObject *
ctx_write_ref_value_flag(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    int rc = put_ref_flag(w, v, w->track_ref);
    LEAVE(self, bool_or_null(rc < 0 ? rc : !rc));
}

static PyObject *
ctx_write_null_flag(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    LEAVE(self, bool_or_null(v != Py_None ? 0 : put_flag(w, FORY_FLAG_NULL) < 0 ? -1 : 1));
}

static int
write_buffer_object(ForyWriteCtx *w, PyObject *o)
{
    PyObject *answer, *view;
    int in_band, rc;
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    if (w->buffer_callback != NULL) {
        answer = PyObject_CallFunctionObjArgs(w->buffer_callback, o, NULL);
        if (answer == NULL) {
            return -1;
        }
        in_band = PyObject_IsTrue(answer);
        Py_DECREF(answer);
        if (in_band < 0 || put_flag(w, in_band) < 0) {
            return -1;
        }
        if (!in_band) {
            return 0;
        }
    }
    view = PyObject_CallMethod(o, "getbuffer", NULL);
    if (view == NULL) {
        return -1;
    }
    rc = write_memory(w, view, 1);
    Py_DECREF(view);
    return rc;
}

static PyObject *
ctx_write_buffer_object(PyObject *self, PyObject *o)
{
    ENTER(w, self);
    LEAVE(self, fory_none_or_null(write_buffer_object(w, o)));
}

static int
ask_unsupported(ForyWriteCtx *w, PyObject *v)
{
    int refuse = 1;
    if (w->unsupported_callback != NULL) {
        PyObject *answer = fory_write_pin(w) < 0 ? NULL : PyObject_CallFunctionObjArgs(w->unsupported_callback, v, NULL);
        if (answer == NULL) {
            return -1;
        }
        refuse = PyObject_IsTrue(answer);
        Py_DECREF(answer);
    }
    if (refuse > 0) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "%s cannot be written; an unsupported_callback may take it elsewhere",
                   Py_TYPE(v)->tp_name);
    }
    return refuse ? -1 : 0;
}

static PyObject *
ctx_handle_unsupported_write(PyObject *self, PyObject *v)
{
    ENTER(w, self);
    LEAVE(self, fory_none_or_null(ask_unsupported(w, v)));
}

/* ---- flushing ------------------------------------------------------------------------------ */

static PyObject *
ctx_enter_flush_barrier(PyObject *self, PyObject *unused)
{
    ENTER(w, self);
    (void)unused;
    w->barriers++;
    LEAVE(self, Py_NewRef(Py_None));
}

static PyObject *
ctx_exit_flush_barrier(PyObject *self, PyObject *unused)
{
    ENTER(w, self);
    (void)unused;
    if (w->barriers == 0) {
        PyErr_SetString(PyExc_ValueError, "exit_flush_barrier() without enter_flush_barrier()");
        LEAVE(self, NULL);
    }
    w->barriers--;
    LEAVE(self, Py_NewRef(Py_None));
}

static PyObject *
ctx_try_flush(PyObject *self, PyObject *unused)
{
    ENTER(w, self);
    (void)unused;
    LEAVE(self, fory_none_or_null(fory_write_step(w)));
}

static PyObject *
ctx_force_flush(PyObject *self, PyObject *unused)
{
    PyObject *output, *done;
    ENTER(w, self);
    (void)unused;
    if (!w->streaming) {
        LEAVE(self, Py_NewRef(Py_None));
    }
    if (w->barriers > 0) {
        PyErr_SetString(PyExc_ValueError, "force_flush() inside a flush barrier");
        LEAVE(self, NULL);
    }
    if (fory_write_drain(w) < 0) {
        LEAVE(self, NULL);
    }
    output = fory_write_is_lent(w) ? ((ForyBuffer *)w->lent)->output : w->output;
    if (output == NULL) {
        LEAVE(self, Py_NewRef(Py_None));
    }
    Py_INCREF(output);
    done = PyObject_CallMethod(output, "force_flush", NULL);
    Py_DECREF(output);
    LEAVE(self, done);
}

/* ---- an operation of the caller's own -------------------------------------------------------- */

static PyObject *
ctx_prepare(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"buffer", "buffer_callback", "unsupported_callback"};
    ForyPyContext *o = (ForyPyContext *)self;
    PyObject *given[3] = {NULL, NULL, NULL};
    ForyEngine *e;
    ForyWriteCtx *w;
    if (fory_take_arguments("prepare", args, nargs, kwnames, names, 1, 3, given) < 0 ||
        (e = fory_context_prepare(self)) == NULL) {
        return NULL;
    }
    if (!ForyBuffer_Check(e->st, given[0])) {
        return fory_raise(e->st, FORY_E_TYPE, "buffer must be a pyfory.Buffer, not %s", Py_TYPE(given[0])->tp_name);
    }
    o->held = PyTuple_Pack(3, given[0], given[1] ? given[1] : Py_None, given[2] ? given[2] : Py_None);
    if (o->held == NULL || (w = fory_write_begin(e)) == NULL) {
        Py_CLEAR(o->held);
        return NULL;
    }
    w->py_context = Py_NewRef(self);
    o->context = w;
    w->target = given[0];
    w->buffer_callback = given[1];
    w->unsupported_callback = given[2];
    w->out_of_band = given[1] != NULL;
    if (fory_write_lend(w) == NULL || (((ForyBuffer *)given[0])->output != NULL && fory_write_stream(w, NULL) < 0)) {
        PyObject *type, *value, *tb;
        PyErr_Fetch(&type, &value, &tb);
        Py_XDECREF(fory_context_reset(self, NULL));
        PyErr_Restore(type, value, tb);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- table -------------------------------------------------------------------------------------- */

#define WRITE_ENTRY(name, id) \
    {"write_" #name, ctx_write_##name, METH_O, "write_" #name "($self, value, /)\n--\n\nWrites one " #name "."},

static PyMethodDef methods[] = {
    FORY_CONTEXT_SCALARS(WRITE_ENTRY)
    {"put_uint8", ctx_put_uint8, METH_VARARGS,
     "put_uint8($self, offset, value, /)\n--\n\nOverwrites a byte that was written; offset as get_writer_index() counts."},
    {"write_bytes", ctx_write_bytes, METH_O, "write_bytes($self, data, /)\n--\n\nThe bytes as they are."},
    {"write_buffer", ctx_write_bytes, METH_O, "write_buffer($self, data, /)\n--\n\nThe bytes of any bytes-like object."},
    {"write_bytes_and_size", ctx_write_bytes_and_size, METH_O,
     "write_bytes_and_size($self, data, /)\n--\n\nThe size as var_uint32, then the bytes."},
    {"write_ref", FORY_FAST(ctx_write_ref), METH_FASTCALL | METH_KEYWORDS,
     "write_ref($self, obj, typeinfo=None, serializer=None)\n--\n\n"
     "Reference or null flag, type information and body; only flag and body with a serializer."},
    {"write_non_ref", FORY_FAST(ctx_write_non_ref), METH_FASTCALL | METH_KEYWORDS,
     "write_non_ref($self, obj, serializer=None, typeinfo=None)\n--\n\n"
     "Type information and body without a flag; only the body with a serializer."},
    {"write_no_ref", FORY_FAST(ctx_write_non_ref), METH_FASTCALL | METH_KEYWORDS,
     "write_no_ref($self, obj, serializer=None, typeinfo=None)\n--\n\nThe same as write_non_ref()."},
    {"_write_body", ctx_write_body, METH_VARARGS, "_write_body($self, cls, obj, /)\n--\n\nOnly the body, as cls writes it."},
    {"write_ref_or_null", ctx_write_ref_or_null, METH_O,
     "write_ref_or_null($self, obj, /)\n--\n\nThe flag; True when nothing else must follow."},
    {"write_ref_value_flag", ctx_write_ref_value_flag, METH_O,
     "write_ref_value_flag($self, obj, /)\n--\n\nThe flag; True when the body must follow."},
    {"write_null_flag", ctx_write_null_flag, METH_O,
     "write_null_flag($self, obj, /)\n--\n\nThe null flag and True for None; nothing and False for anything else."},
    {"write_buffer_object", ctx_write_buffer_object, METH_O,
     "write_buffer_object($self, buffer_object, /)\n--\n\nData in the message, or beside it if buffer_callback says so."},
    {"handle_unsupported_write", ctx_handle_unsupported_write, METH_O,
     "handle_unsupported_write($self, obj, /)\n--\n\nOffers obj to unsupported_callback. ForyUnsupportedError when there\n"
     "is none or it answers true."},
    {"get_writer_index", ctx_get_writer_index, METH_NOARGS,
     "get_writer_index($self)\n--\n\nOffset of the next byte in the output."},
    {"enter_flush_barrier", ctx_enter_flush_barrier, METH_NOARGS,
     "enter_flush_barrier($self)\n--\n\nHolds output back, so that it may still be overwritten, until exit_flush_barrier()."},
    {"exit_flush_barrier", ctx_exit_flush_barrier, METH_NOARGS,
     "exit_flush_barrier($self)\n--\n\nLeaves the innermost barrier; ValueError when there is none."},
    {"try_flush", ctx_try_flush, METH_NOARGS,
     "try_flush($self)\n--\n\nSends output on to the stream once enough has gathered."},
    {"force_flush", ctx_force_flush, METH_NOARGS,
     "force_flush($self)\n--\n\nSends all output on to the stream, if there is one. ValueError inside a flush barrier."},
    {"prepare", FORY_FAST(ctx_prepare), METH_FASTCALL | METH_KEYWORDS,
     "prepare($self, buffer, buffer_callback=None, unsupported_callback=None)\n--\n\n"
     "Begins to write to buffer (a pyfory.Buffer), until reset()."},
    FORY_CONTEXT_METHODS
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    FORY_CONTEXT_ATTRIBUTE("buffer", "The pyfory.Buffer behind the output."),
    FORY_CONTEXT_ATTRIBUTE("depth", "Levels of nesting so far."),
    FORY_CONTEXT_ATTRIBUTE("buffer_callback", "As given to serialize(), or None."),
    FORY_CONTEXT_ATTRIBUTE("unsupported_callback", "As given to serialize(), or None."),
    FORY_CONTEXT_ATTRIBUTE("ref_writer", "The context itself."),
    FORY_CONTEXT_ATTRIBUTE("meta_string_writer", "The context itself."),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(doc,
"WriteContext(fory)\n--\n\n"
"Output of one running operation, given to Serializer.write(). `buffer` is the pyfory.Buffer behind it.\n"
"fory.write_context is one of the caller's own: prepare() and reset() begin and end its operation.");

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

PyType_Spec fory_write_context_spec = {
    .name = "pyfory._core.WriteContext",
    .basicsize = sizeof(ForyPyContext),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
