/* Private header of the dense array type: what dense_array.c (storage, element
 * rules, slots) and dense_array_list.c (list-like methods) share. */
#ifndef FORY_DENSE_ARRAY_H
#define FORY_DENSE_ARRAY_H

#include "runtime/runtime.h"

enum fory_array_domain {
    FORY_DOMAIN_NONE = 0,
    FORY_DOMAIN_BOOL,
    FORY_DOMAIN_SIGNED,
    FORY_DOMAIN_UNSIGNED,
    FORY_DOMAIN_FLOAT
};

typedef struct fory_array_kind {
    uint8_t width;
    uint8_t domain;
    char format[2];   /* PEP 3118 format of the exported buffer */
    const char *name; /* class name, for messages */
    const char *range;
} fory_array_kind;

/* Indexed by type id; width 0 where the id is no dense array. */
extern const fory_array_kind fory_array_kinds[FORY_TYPE_ID_COUNT];

/* What storing an element came to; an exception is only set for ERROR. */
enum fory_store_status { FORY_STORE_OK = 0, FORY_STORE_TYPE, FORY_STORE_RANGE, FORY_STORE_ERROR };

/* Converts items[0..n) into out. `kernels` may be NULL for single elements. On
 * anything but OK, *failed is the index of the offending item. */
int fory_array_store(const fory_kernels *kernels, int type_id, PyObject *const *items, Py_ssize_t n, uint8_t *out,
                     Py_ssize_t *failed);
/* Raises the error that belongs to a status of fory_array_store. Returns -1. */
int fory_array_store_failed(ForyState *st, int type_id, int status, PyObject *item);

/* Python number of one element. */
PyObject *fory_array_load(int type_id, const uint8_t *p);
/* A float element as a double. */
double fory_array_load_double(int type_id, const uint8_t *p);

/* Empty array of class `cls`, which must derive from a registered carrier. */
ForyDenseArray *fory_array_alloc(PyTypeObject *cls, int type_id, Py_ssize_t nbytes);
/* Sets the size in bytes; new bytes are uninitialised. BufferError when the
 * size changes while views are alive. 0 / -1. */
int fory_array_resize(ForyDenseArray *self, Py_ssize_t nbytes);
/* Appends the elements of an iterable, or copies a buffer of the same dtype.
 * Unchanged on failure. 0 / -1. */
int fory_array_extend(ForyDenseArray *self, PyObject *values);
/* Replaces elements [start, stop) by the n bytes at src (not our own). */
int fory_array_splice(ForyDenseArray *self, Py_ssize_t start, Py_ssize_t stop, const uint8_t *src, Py_ssize_t n);

/* Sets element i, or deletes it when value is NULL. 0 / -1. */
int fory_array_ass_item(PyObject *op, Py_ssize_t i, PyObject *value);

static inline Py_ssize_t
fory_array_len(const ForyDenseArray *self)
{
    return self->nbytes / self->width;
}

/* dense_array_list.c */
extern PyMethodDef fory_array_list_methods[];
Py_ssize_t fory_array_find(ForyDenseArray *self, PyObject *value, Py_ssize_t start, Py_ssize_t stop);
PyObject *fory_array_richcompare(PyObject *op, PyObject *other, int cmp);
PyObject *fory_array_subscript(PyObject *op, PyObject *key);
int fory_array_ass_subscript(PyObject *op, PyObject *key, PyObject *value);
PyObject *fory_array_concat(PyObject *op, PyObject *other);
PyObject *fory_array_repeat(PyObject *op, Py_ssize_t times);
PyObject *fory_array_inplace_repeat(PyObject *op, Py_ssize_t times);

#endif /* FORY_DENSE_ARRAY_H */
