/* NumPy, found at run time: its array type, dtypes and C interface, without its
 * headers and never imported on account of a value that is written.
 *
 * The table of functions and the head of an array object are NumPy's public
 * binary interface, the same in its versions 1 and 2. They are used only where
 * that version, the types in the table and a self-test agree; else, or with
 * PYFORY_PUBLIC_ATTRIBUTES=1, attributes and calls do the same. */
#ifndef FORY_NUMPY_API_H
#define FORY_NUMPY_API_H

#include "runtime/runtime.h"

/* Element types with a code of their own, as in docs/native-format.md. Up to
 * COMPLEX128 NumPy has them; the rest belong to other carriers. */
enum fory_element {
    FORY_EL_BOOL = 1,
    FORY_EL_INT8, FORY_EL_INT16, FORY_EL_INT32, FORY_EL_INT64,
    FORY_EL_UINT8, FORY_EL_UINT16, FORY_EL_UINT32, FORY_EL_UINT64,
    FORY_EL_FLOAT16, FORY_EL_FLOAT32, FORY_EL_FLOAT64,
    FORY_EL_COMPLEX64, FORY_EL_COMPLEX128,
    FORY_EL_NUMPY, /* one behind the last of NumPy */
    FORY_EL_BFLOAT16 = FORY_EL_NUMPY,
    FORY_EL_LONG32, FORY_EL_LONG64, FORY_EL_ULONG32, FORY_EL_ULONG64, /* array.array's l and L */
    FORY_EL_COUNT
};

/* bytes of an element; 0 where there is no such code */
extern const uint8_t fory_element_width[32];
/* by the type id of a dense array; 0 where it is none */
extern const uint8_t fory_element_of_dense[FORY_TYPE_ID_COUNT];

enum {
    FORY_NDARRAY_C = 1,
    FORY_NDARRAY_F = 2,
    FORY_NDARRAY_WRITABLE = 0x400
};

/* head of an array object */
typedef struct ForyNdarray {
    PyObject_HEAD
    char *data;
    int nd;
    Py_ssize_t *dims;
    Py_ssize_t *strides;
    PyObject *base;
    PyObject *dtype;
    int flags;
} ForyNdarray;

/* head of a dtype object */
typedef struct ForyDtype {
    PyObject_HEAD
    PyTypeObject *scalar;
    char kind, type, byteorder, unused;
    int number;
} ForyDtype;

#define FORY_NUMPY_NUMBERS 32 /* of builtin dtypes */

typedef struct ForyNumpy {
    int direct; /* what follows the types may be used, and so the structures above */
    PyTypeObject *array_type;
    PyTypeObject *dtype_type;
    PyObject *dtypes[FORY_EL_NUMPY]; /* the one object of each builtin dtype, little-endian */
    PyTypeObject *scalars[FORY_EL_NUMPY];
    uint8_t element_of[FORY_NUMPY_NUMBERS]; /* code by number of the dtype */
    PyObject *same[FORY_NUMPY_NUMBERS];     /* the dtype of that number; borrowed or, twins (int, long), strong */
    /* (type, dtype: stolen, nd, dims, strides, data, flags, obj): a new array */
    PyObject *(*new_array)(PyTypeObject *, PyObject *, int, Py_ssize_t const *, Py_ssize_t const *, void *, int, PyObject *);
    /* (array, base: stolen): 0 / -1 */
    int (*set_base)(PyObject *, PyObject *);
    /* (data, dtype, base): a new scalar */
    PyObject *(*new_scalar)(void *, PyObject *, PyObject *);
    void (*get_scalar)(PyObject *, void *);
} ForyNumpy;

/* What is known of NumPy, found on the first call; borrowed from the state. NULL
 * with an exception, or, with import=0 and where NumPy is not imported, without. */
const ForyNumpy *fory_numpy_find(ForyState *st, int import);
FORY_INLINE const ForyNumpy *
fory_numpy(ForyState *st)
{
    return FORY_LIKELY(st->numpy != NULL) ? st->numpy : fory_numpy_find(st, 1);
}

/* Code of a dtype object of NumPy, 0 when it has none. Needs `direct`. */
FORY_INLINE int
fory_numpy_element(const ForyNumpy *np, PyObject *dtype)
{
    unsigned number = (unsigned)((const ForyDtype *)dtype)->number;
    return FORY_LIKELY(number < FORY_NUMPY_NUMBERS) && FORY_LIKELY(np->same[number] == dtype) ? np->element_of[number] : 0;
}
/* The same for any object that may be a dtype, without `direct`. */
int fory_numpy_element_of(const ForyNumpy *np, PyObject *dtype);

void fory_numpy_free(ForyNumpy *np);
int fory_numpy_traverse(ForyNumpy *np, visitproc visit, void *arg);

#endif /* FORY_NUMPY_API_H */
