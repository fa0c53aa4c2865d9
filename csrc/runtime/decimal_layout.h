/* The fields of decimal.Decimal, which has no C interface of its own. What is here
 * is used only where a test when decimal is imported proves it on this
 * interpreter; otherwise numbers go through their text. */
#ifndef FORY_DECIMAL_LAYOUT_H
#define FORY_DECIMAL_LAYOUT_H

#include "runtime/runtime.h"

/* An exact Decimal of CPython 3.8 to 3.14 on 64-bit machines: words of 19 decimal
 * digits, the first four in the object. */
typedef struct ForyDecimal {
    PyObject_HEAD
    Py_hash_t hash; /* -1: not computed yet */
    uint8_t flags;
    Py_ssize_t exponent, digits, used, room;
    uint64_t *words;
    uint64_t own[4];
} ForyDecimal;

enum { FORY_DECIMAL_NEGATIVE = 1, FORY_DECIMAL_SPECIAL = 2 | 4 | 8, FORY_DECIMAL_OWN = 16 | 32 };

/* Coefficients and exponents that fory_decimal_parts gives and fory_decimal_new takes. */
#define FORY_DECIMAL_COEFFICIENTS UINT64_C(1000000000000000000)
#define FORY_DECIMAL_EXPONENTS 10000

/* st->Decimal, imported and looked at once; borrowed, NULL with an exception. */
PyObject *fory_decimal_type(ForyState *st);

/* v, an exact Decimal, is (-1)**negative * coefficient * 10**exponent. 1; 0 when it is
 * no such number or too large. Never runs Python code. */
FORY_INLINE int
fory_decimal_fields(PyObject *v, int *negative, uint64_t *coefficient, Py_ssize_t *exponent)
{
    const ForyDecimal *d = (const ForyDecimal *)v;
    *negative = d->flags & FORY_DECIMAL_NEGATIVE;
    *coefficient = d->own[0];
    *exponent = d->exponent;
    return !(d->flags & FORY_DECIMAL_SPECIAL) && d->used == 1 && d->words == d->own &&
           d->own[0] < FORY_DECIMAL_COEFFICIENTS && (size_t)(d->exponent + FORY_DECIMAL_EXPONENTS) <= 2 * FORY_DECIMAL_EXPONENTS;
}

/* The number that fory_decimal_fields would take apart so; new reference. For
 * interpreters whose layout is known. */
FORY_INLINE PyObject *
fory_decimal_new(ForyState *st, int negative, uint64_t coefficient, Py_ssize_t exponent)
{
    static const uint64_t powers[] = {UINT64_C(10), UINT64_C(100), UINT64_C(1000), UINT64_C(10000), UINT64_C(100000),
                                      UINT64_C(1000000), UINT64_C(10000000), UINT64_C(100000000),
                                      UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000),
                                      UINT64_C(1000000000000), UINT64_C(10000000000000),
                                      UINT64_C(100000000000000), UINT64_C(1000000000000000),
                                      UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_MAX};
    PyTypeObject *type = (PyTypeObject *)st->Decimal;
    ForyDecimal *d = (ForyDecimal *)type->tp_alloc(type, 0);
    int digits = 0;
    if (FORY_UNLIKELY(d == NULL)) {
        return NULL;
    }
    while (coefficient >= powers[digits]) {
        digits++;
    }
    d->hash = -1;
    d->flags = (uint8_t)(FORY_DECIMAL_OWN | (negative ? FORY_DECIMAL_NEGATIVE : 0));
    d->exponent = exponent;
    d->digits = digits + 1;
    d->used = 1;
    d->room = 4;
    d->words = d->own;
    d->own[0] = coefficient;
    return (PyObject *)d;
}

#endif /* FORY_DECIMAL_LAYOUT_H */
