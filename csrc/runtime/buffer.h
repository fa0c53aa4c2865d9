/* Private header of pyfory.Buffer: what buffer.c (storage, indices, export) and
 * buffer_scalars.c (typed access) share. */
#ifndef FORY_BUFFER_H
#define FORY_BUFFER_H

#include "runtime/runtime.h"

typedef struct ForyBuffer {
    PyObject_HEAD
    /* What keeps `data` alive: a bytearray of ours, or bytes or a memoryview
     * of what the caller gave. Slices share it; growing replaces it. */
    PyObject *storage;
    uint8_t *data;
    Py_ssize_t size;     /* bytes that may be read; for streams, those received so far */
    Py_ssize_t capacity; /* room in an owned storage */
    Py_ssize_t reader;
    Py_ssize_t writer;
    Py_ssize_t exports;
    PyObject *input;       /* bound method that fills a memoryview, or NULL */
    PyObject *output;      /* bound output stream, or NULL */
    Py_ssize_t block_size; /* smallest room offered to the input stream */
    char input_size;       /* the input method wants the size as well */
    char filling;          /* inside a call of `input` */
    char exact;            /* never asks the input for more than is needed */
    char own;              /* storage is ours alone to write to and to replace */
    char readonly;
} ForyBuffer;

/* Slow paths of the inline functions below. 0 / -1. */
int fory_buffer_grow(ForyBuffer *self, Py_ssize_t n);
int fory_buffer_fill(ForyBuffer *self, Py_ssize_t n);

/* Moves the first `keep` bytes into owned storage of `size` bytes, the rest zero. 0 / -1. */
int fory_buffer_move(ForyBuffer *self, Py_ssize_t size, Py_ssize_t keep);
/* Reads from the input until n bytes are readable: 1 they are, 0 end of stream, -1 error. */
int fory_buffer_receive(ForyBuffer *self, Py_ssize_t n);

/* Sets ForyBufferOutOfBoundError for [offset, offset + n). Returns -1. */
int fory_buffer_out_of_bound(ForyBuffer *self, Py_ssize_t offset, Py_ssize_t n);
int fory_buffer_not_writable(ForyBuffer *self);
/* Raises in the class of the module that self belongs to. Returns -1. */
int fory_buffer_error(ForyBuffer *self, enum fory_error kind, const char *message);

int fory_buffer_wrong_type(ForyBuffer *self, PyObject *value, const char *wanted);

/* Writes n bytes, which may be our own, at the writer index. 0 / -1. */
int fory_buffer_write(ForyBuffer *self, const uint8_t *bytes, Py_ssize_t n);
/* Read a varint; the reader index stays on failure. 0 / -1. */
int fory_buffer_take_vu32(ForyBuffer *self, uint32_t *out);
int fory_buffer_take_vu64(ForyBuffer *self, uint64_t *out);

/* Room for n bytes at the writer index; NULL with an exception. */
static inline uint8_t *
fory_buffer_room(ForyBuffer *self, Py_ssize_t n)
{
    if (FORY_UNLIKELY(self->readonly || self->size - self->writer < n)) {
        if (fory_buffer_grow(self, n) < 0) {
            return NULL;
        }
    }
    return self->data + self->writer;
}

/* Makes n bytes readable at the reader index, from the stream if there is one. 0 / -1. */
static inline int
fory_buffer_need(ForyBuffer *self, Py_ssize_t n)
{
    if (FORY_LIKELY(self->size - self->reader >= n)) {
        return 0;
    }
    return fory_buffer_fill(self, n);
}

/* The n bytes at `offset` for put_* and get_*; NULL with an exception. */
static inline uint8_t *
fory_buffer_at(ForyBuffer *self, Py_ssize_t offset, Py_ssize_t n, int writing)
{
    if (FORY_UNLIKELY(writing && self->readonly)) {
        fory_buffer_not_writable(self);
        return NULL;
    }
    if (FORY_UNLIKELY(offset < 0 || n < 0 || n > self->size || offset > self->size - n)) {
        fory_buffer_out_of_bound(self, offset, n);
        return NULL;
    }
    return self->data + offset;
}

/* The fory_put_* functions of the wire room write without checking, so they
 * get a scratch area and the buffer only the bytes that came out. */
#define FORY_PUT_VARINT(scratch, size, PUT)              \
    fory_writer w;                                  \
    uint8_t scratch[16];                            \
    w.start = w.pos = scratch;                      \
    w.end = scratch + sizeof(scratch);              \
    w.grow = NULL;                                  \
    PUT;                                            \
    Py_ssize_t size = (Py_ssize_t)(w.pos - w.start)

#define FORY_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

extern PyMethodDef fory_buffer_bytes_methods[];
extern PyMethodDef fory_buffer_stream_methods[];
extern PyMethodDef fory_buffer_scalar_methods[];

#endif /* FORY_BUFFER_H */
