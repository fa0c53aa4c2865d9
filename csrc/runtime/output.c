/* Output that leaves an operation before it ends: to a Buffer that a serializer
 * written in Python looks at, or piece by piece to a stream.
 *
 * The output of an ordinary operation stays in memory of its own until the end.
 * Both kinds here begin on demand and cost the others nothing. */
#include "runtime/buffer.h"

/* Pieces sent to a stream grow from the first to the last size. */
#define FIRST_PIECE 4096
#define LAST_PIECE 65536

static size_t
pending(const ForyWriteCtx *w)
{
    return (size_t)(w->out.pos - w->out.start);
}

/* Bytes of the message that the lent Buffer has. */
static Py_ssize_t
in_lent(const ForyWriteCtx *w)
{
    return !fory_write_is_lent(w) ? 0 : ((const ForyBuffer *)w->lent)->writer - w->lent_base;
}

size_t
fory_write_position(const ForyWriteCtx *w)
{
    /* Python code may have moved the writer index back */
    Py_ssize_t before = in_lent(w);
    return (before > 0 ? (size_t)before : 0) + pending(w);
}

void
fory_write_patch(ForyWriteCtx *w, size_t position, uint8_t value)
{
    Py_ssize_t before = in_lent(w), at;
    ForyBuffer *lent;
    if (before <= 0 || position >= (size_t)before) {
        position -= before > 0 ? (size_t)before : 0;
        if (position < pending(w)) {
            w->out.start[position] = value;
        }
        return;
    }
    lent = (ForyBuffer *)w->lent;
    at = w->lent_base + (Py_ssize_t)position;
    if (!lent->readonly && at < lent->size) {
        lent->data[at] = value;
    }
}

/* The stream may take a while and run Python code: what is sent is an object of its own. */
static int
send(ForyWriteCtx *w)
{
    size_t used = pending(w);
    PyObject *piece = w->result, *done;
    if (used == 0) {
        return 0;
    }
    w->result = NULL;
    if (piece == NULL) {
        piece = PyBytes_FromStringAndSize((const char *)w->out.start, (Py_ssize_t)used);
    }
    else if ((size_t)PyBytes_GET_SIZE(piece) != used) {
        _PyBytes_Resize(&piece, (Py_ssize_t)used);
    }
    w->out.start = w->out.pos = w->scratch;
    w->out.end = w->scratch + FORY_SCRATCH_SIZE;
    if (piece == NULL) {
        return -1;
    }
    w->drained += used;
    done = PyObject_CallMethod(w->output, "send", "O", piece);
    Py_DECREF(piece);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
fory_write_drain(ForyWriteCtx *w)
{
    PyObject *output, *done;
    if (!fory_write_is_lent(w)) {
        return w->output == NULL ? 0 : send(w);
    }
    if (pending(w) > 0) {
        if (fory_buffer_append(w->lent, w->out.start, pending(w)) < 0) {
            return -1;
        }
        w->out.pos = w->out.start;
    }
    output = ((ForyBuffer *)w->lent)->output;
    if (output == NULL || w->barriers > 0) {
        return 0;
    }
    Py_INCREF(output);
    done = PyObject_CallMethod(output, "try_flush", NULL);
    Py_DECREF(output);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
fory_write_step_slow(ForyWriteCtx *w)
{
    size_t piece = w->drained / 4;
    piece = piece < FIRST_PIECE ? FIRST_PIECE : piece > LAST_PIECE ? LAST_PIECE : piece;
    return w->barriers > 0 || pending(w) < piece ? 0 : fory_write_drain(w);
}

PyObject *
fory_write_lend(ForyWriteCtx *w)
{
    PyObject *buffer, *done;
    if (w->lent != NULL) {
        return w->lent;
    }
    if (w->engine->native != NULL) {
        /* a native message is put together at its end: nothing of it can leave before */
        w->lent = PyObject_CallMethod((PyObject *)w->st->BufferType, "allocate", "n", (Py_ssize_t)256);
        w->staged = w->lent != NULL;
        return w->lent;
    }
    if (w->target != NULL) {
        buffer = Py_NewRef(w->target);
    }
    else if ((buffer = PyObject_CallMethod((PyObject *)w->st->BufferType, "allocate", "n", (Py_ssize_t)256)) == NULL) {
        return NULL;
    }
    else if (w->output != NULL) {
        done = PyObject_CallMethod(buffer, "bind_output_stream", "O", w->output);
        if (done == NULL) {
            Py_DECREF(buffer);
            return NULL;
        }
        Py_DECREF(done);
    }
    if (fory_write_pin(w) < 0) {
        Py_DECREF(buffer);
        return NULL;
    }
    w->lent = buffer;
    w->lent_base = ((ForyBuffer *)buffer)->writer;
    return fory_write_drain(w) < 0 ? NULL : buffer;
}

int
fory_write_collect(ForyWriteCtx *w)
{
    ForyBuffer *staged = (ForyBuffer *)w->lent;
    size_t n = staged == NULL || !w->staged ? 0 : (size_t)staged->writer;
    if (n == 0) {
        return 0;
    }
    if (fory_room(w, n) < 0) {
        return -1;
    }
    memcpy(w->out.pos, staged->data, n);
    w->out.pos += n;
    staged->writer = 0;
    return 0;
}

int
fory_write_stream(ForyWriteCtx *w, PyObject *output)
{
    if (w->engine->native != NULL) {
        w->output = Py_XNewRef(output);
        return 0;
    }
    if (output == NULL) {
        /* a Buffer that belongs to a stream takes the output at once */
        if (((ForyBuffer *)w->target)->output == NULL) {
            return 0;
        }
        w->streaming = 1;
        return fory_write_lend(w) == NULL ? -1 : 0;
    }
    w->output = Py_NewRef(output);
    w->streaming = 1;
    return fory_write_pin(w);
}

int
fory_write_deliver(ForyWriteCtx *w)
{
    return fory_write_is_lent(w) ? fory_write_drain(w) : fory_buffer_append(w->target, w->out.start, pending(w));
}
