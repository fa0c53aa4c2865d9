#include "runtime/decimal_layout.h"

#include <stdlib.h>

#if SIZE_MAX > UINT32_MAX && !defined(PYPY_VERSION)

/* Everything that code outside decimal could tell two numbers apart by. */
static int
alike(PyObject *a, PyObject *b)
{
    PyObject *x = PyObject_Str(a), *y = PyObject_Str(b);
    int same = x != NULL && y != NULL && PyUnicode_Compare(x, y) == 0 && PyObject_Hash(a) == PyObject_Hash(b) &&
               PyObject_RichCompareBool(a, b, Py_EQ) == 1;
    Py_XDECREF(x);
    Py_XDECREF(y);
    return same;
}

static int
same_fields(const ForyDecimal *a, const ForyDecimal *b)
{
    return a->hash == b->hash && a->flags == b->flags && a->exponent == b->exponent && a->digits == b->digits &&
           a->used == b->used && a->room == b->room && a->words == a->own && b->words == b->own &&
           a->own[0] == b->own[0];
}

/* Numbers made from text must have the fields that are expected, and numbers made
 * of fields must be the same again. Exceptions mean no. */
static int
layout_known(ForyState *st)
{
    static const struct {
        const char *text;
        uint64_t coefficient;
        int exponent, negative, known;
    } cases[] = {
        {"0", 0, 0, 0, 1},
        {"-0.00", 0, -2, 1, 1},
        {"7", 7, 0, 0, 1},
        {"-12.345", 12345, -3, 1, 1},
        {"1E+5", 1, 5, 0, 1},
        {"1234567890.1", UINT64_C(12345678901), -1, 0, 1},
        {"-999999999999999999E-9999", UINT64_C(999999999999999999), -9999, 1, 1},
        {"100000000000000000E+10000", UINT64_C(100000000000000000), 10000, 0, 1},
        {"1000000000000000000", 0, 0, 0, 0},
        {"123456789012345678901234567890", 0, 0, 0, 0},
        {"1E-10001", 0, 0, 0, 0},
        {"NaN", 0, 0, 0, 0},
        {"sNaN", 0, 0, 0, 0},
        {"-Infinity", 0, 0, 0, 0},
    };
    PyTypeObject *type = (PyTypeObject *)st->Decimal;
    const char *off = getenv("PYFORY_PUBLIC_ATTRIBUTES");
    int ok = 1;
    if ((off != NULL && off[0] == '1') || !PyType_Check(st->Decimal) ||
        type->tp_basicsize != (Py_ssize_t)sizeof(ForyDecimal) || type->tp_itemsize != 0 || type->tp_alloc == NULL) {
        return 0;
    }
    for (size_t i = 0; ok && i < sizeof(cases) / sizeof(cases[0]); i++) {
        PyObject *v = PyObject_CallFunction(st->Decimal, "s", cases[i].text), *made = NULL;
        int negative;
        uint64_t coefficient;
        Py_ssize_t exponent;
        ok = v != NULL && Py_TYPE(v) == type &&
             fory_decimal_fields(v, &negative, &coefficient, &exponent) == cases[i].known;
        if (ok && cases[i].known) {
            ok = negative == cases[i].negative && coefficient == cases[i].coefficient &&
                 exponent == cases[i].exponent &&
                 (made = fory_decimal_new(st, negative, coefficient, exponent)) != NULL &&
                 same_fields((ForyDecimal *)v, (ForyDecimal *)made) && alike(v, made);
        }
        Py_XDECREF(made);
        Py_XDECREF(v);
    }
    PyErr_Clear();
    return ok;
}

#else

static int
layout_known(ForyState *st)
{
    (void)st;
    return 0;
}

#endif

PyObject *
fory_decimal_type(ForyState *st)
{
    if (FORY_UNLIKELY(st->Decimal == NULL)) {
        if (fory_import_once(&st->Decimal, "decimal", "Decimal") < 0) {
            return NULL;
        }
        st->decimal_fields_known = layout_known(st);
    }
    return st->Decimal;
}
