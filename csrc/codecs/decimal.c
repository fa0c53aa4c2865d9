/* decimal.Decimal (wire-format 4.4): unscaled * 10**-scale. */
#include "codecs/codecs.h"
#include "runtime/decimal_layout.h"

#define MAX_SCALE FORY_DECIMAL_EXPONENTS
#define MAX_MAGNITUDE 10000 /* bytes */
#define MAX_DIGITS 24083

/* |unscaled| as an int, from a tuple of digits too long for 64 bits */
static PyObject *
big_unscaled(ForyState *st, PyObject *digits)
{
    PyObject *parts = NULL, *number = NULL, *result = NULL;
    parts = Py_BuildValue("(iOi)", 0, digits, 0);
    if (parts != NULL && fory_decimal_type(st) != NULL) {
        number = PyObject_CallFunctionObjArgs(st->Decimal, parts, NULL);
    }
    if (number != NULL) {
        result = PyNumber_Long(number);
    }
    Py_XDECREF(parts);
    Py_XDECREF(number);
    return result;
}

static int
write_big(ForyWriteCtx *w, PyObject *unscaled, int negative)
{
    PyObject *bits = NULL, *bytes = NULL;
    size_t n;
    int rc = -1;
    bits = PyObject_CallMethod(unscaled, "bit_length", NULL);
    if (bits == NULL) {
        goto done;
    }
    n = (PyLong_AsSize_t(bits) + 7) / 8;
    if (n > MAX_MAGNITUDE) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "Decimal magnitude of more than %d bytes", MAX_MAGNITUDE);
        goto done;
    }
    bytes = PyObject_CallMethod(unscaled, "to_bytes", "ns", (Py_ssize_t)n, "little");
    if (bytes == NULL || fory_room(w, FORY_VU64_MAX + n) < 0) {
        goto done;
    }
    fory_put_vu64(&w->out, ((uint64_t)n << 1 | (unsigned)negative) << 1 | 1);
    memcpy(w->out.pos, PyBytes_AS_STRING(bytes), n);
    w->out.pos += n;
    rc = 0;
done:
    Py_XDECREF(bits);
    Py_XDECREF(bytes);
    return rc;
}

/* Coefficient and exponent from the number's text, which shows both exactly and
 * is several times cheaper than as_tuple(). 1 / 0 / -1 as fory_decimal_parts. */
static int
parse_text(PyObject *v, int *negative, uint64_t *coefficient, Py_ssize_t *exponent)
{
    PyObject *text = PyObject_Str(v);
    const char *p;
    Py_ssize_t size, power = 0;
    int digits = 0, fraction = 0, point = 0, seen = 0, ok;
    if (text == NULL) {
        return -1;
    }
    p = PyUnicode_AsUTF8AndSize(text, &size);
    if (p == NULL || size > 32) {
        Py_DECREF(text);
        return p == NULL ? -1 : 0;
    }
    *negative = *p == '-';
    p += *negative;
    *coefficient = 0;
    for (; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
        if (*p == '.') {
            point = 1;
            continue;
        }
        seen = 1;
        *coefficient = *coefficient * 10 + (uint64_t)(*p - '0');
        digits += *coefficient != 0; /* zeros in front are none of them */
        fraction += point;
    }
    if (*p == 'E') {
        int minus = p[1] == '-';
        for (p += 2; *p >= '0' && *p <= '9'; p++) {
            power = power < FORY_DECIMAL_EXPONENTS * 10 ? power * 10 + (*p - '0') : power;
        }
        power = minus ? -power : power;
    }
    *exponent = power - fraction;
    ok = *p == '\0' && seen && digits <= 18 && *exponent <= FORY_DECIMAL_EXPONENTS &&
         *exponent >= -FORY_DECIMAL_EXPONENTS;
    Py_DECREF(text);
    return ok;
}

int
fory_decimal_parts(ForyState *st, PyObject *v, int *negative, uint64_t *coefficient, Py_ssize_t *exponent)
{
    return FORY_LIKELY(st->decimal_fields_known) ? fory_decimal_fields(v, negative, coefficient, exponent)
                                                 : parse_text(v, negative, coefficient, exponent);
}

static int
put_small(ForyWriteCtx *w, int negative, uint64_t unscaled, Py_ssize_t exponent)
{
    int64_t value = negative ? -(int64_t)unscaled : (int64_t)unscaled;
    if (fory_room(w, FORY_VU32_MAX + FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vi32(&w->out, (int32_t)-exponent);
    fory_put_vu64(&w->out, fory_zigzag64(value) << 1);
    return 0;
}

static int
write_decimal(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    PyObject *parts = NULL, *digits, *big = NULL;
    int negative, rc = -1;
    Py_ssize_t n, used = 0, exponent;
    long scale;
    uint64_t unscaled = 0;
    (void)c;
    if ((!w->st->decimal_fields_known && fory_write_pin(w) < 0) || fory_decimal_type(w->st) == NULL) {
        return -1;
    }
    if ((PyObject *)Py_TYPE(v) != w->st->Decimal) {
        fory_raise(w->st, FORY_E_TYPE, "expected Decimal, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    rc = fory_decimal_parts(w->st, v, &negative, &unscaled, &exponent);
    if (rc != 0) {
        return rc < 0 ? -1 : put_small(w, negative, unscaled, exponent);
    }
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    rc = -1;
    unscaled = 0;
    parts = PyObject_CallMethod(v, "as_tuple", NULL);
    if (parts == NULL) {
        return -1;
    }
    if (!PyTuple_Check(parts) || PyTuple_GET_SIZE(parts) != 3 || !PyTuple_Check(PyTuple_GET_ITEM(parts, 1)) ||
        !PyLong_Check(PyTuple_GET_ITEM(parts, 2))) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "Decimal NaN and Infinity have no representation");
        goto done;
    }
    negative = PyObject_IsTrue(PyTuple_GET_ITEM(parts, 0));
    digits = PyTuple_GET_ITEM(parts, 1);
    n = PyTuple_GET_SIZE(digits);
    scale = PyLong_AsLong(PyTuple_GET_ITEM(parts, 2));
    if (scale == -1 && PyErr_Occurred()) {
        goto done;
    }
    if (scale > MAX_SCALE || scale < -MAX_SCALE) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "Decimal scale outside -%d..%d", MAX_SCALE, MAX_SCALE);
        goto done;
    }
    if (n > MAX_DIGITS) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "Decimal of more than %d digits", MAX_DIGITS);
        goto done;
    }
    for (; used < n && used < 19; used++) {
        long digit = PyLong_AsLong(PyTuple_GET_ITEM(digits, used));
        unscaled = unscaled * 10 + (uint64_t)digit;
    }
    if (used == n && unscaled <= (uint64_t)1 << 62 && !(unscaled == (uint64_t)1 << 62 && !negative)) {
        /* -2**62 <= value < 2**62 */
        rc = put_small(w, negative, unscaled, scale);
        goto done;
    }
    big = used == n ? PyLong_FromUnsignedLongLong(unscaled) : big_unscaled(w->st, digits);
    if (big == NULL) {
        goto done;
    }
    if (fory_room(w, FORY_VU32_MAX) == 0) {
        fory_put_vi32(&w->out, (int32_t)-scale);
        rc = write_big(w, big, negative);
    }
done:
    Py_XDECREF(big);
    Py_XDECREF(parts);
    return rc;
}

/* Decimal(unscaled) with its exponent moved: exact at any precision */
static PyObject *
scaled(ForyReadCtx *r, PyObject *unscaled, int negative, int32_t scale)
{
    PyObject *number = NULL, *parts = NULL, *moved = NULL, *result = NULL;
    number = PyObject_CallFunctionObjArgs(r->st->Decimal, unscaled, NULL);
    if (number == NULL || (parts = PyObject_CallMethod(number, "as_tuple", NULL)) == NULL) {
        goto done;
    }
    moved = Py_BuildValue("(iOi)", negative, PyTuple_GET_ITEM(parts, 1), (int)-scale);
    if (moved != NULL) {
        result = PyObject_CallFunctionObjArgs(r->st->Decimal, moved, NULL);
    }
done:
    Py_XDECREF(number);
    Py_XDECREF(parts);
    Py_XDECREF(moved);
    return result;
}

static char *
put_digits(char *end, uint64_t v)
{
    do {
        *--end = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    return end;
}

/* "<coefficient>E<exponent>" into text[48]; its length. */
static size_t
put_text(char *text, int negative, uint64_t coefficient, int32_t exponent)
{
    char digits[24], *p = text, *start;
    char *end = digits + sizeof(digits);
    if (negative) {
        *p++ = '-';
    }
    start = put_digits(end, coefficient);
    memcpy(p, start, (size_t)(end - start));
    p += end - start;
    if (exponent != 0) {
        *p++ = 'E';
        if (exponent < 0) {
            *p++ = '-';
        }
        start = put_digits(end, (uint64_t)(exponent < 0 ? -(int64_t)exponent : exponent));
        memcpy(p, start, (size_t)(end - start));
        p += end - start;
    }
    return (size_t)(p - text);
}

PyObject *
fory_decimal_make(ForyState *st, int negative, uint64_t coefficient, Py_ssize_t exponent)
{
    char text[48];
    PyObject *s, *result;
    if (FORY_LIKELY(st->decimal_fields_known && coefficient < FORY_DECIMAL_COEFFICIENTS)) {
        return fory_decimal_new(st, negative, coefficient, exponent);
    }
    s = PyUnicode_FromStringAndSize(text, (Py_ssize_t)put_text(text, negative, coefficient, (int32_t)exponent));
    if (s == NULL) {
        return NULL;
    }
    result = PyObject_CallOneArg(st->Decimal, s);
    Py_DECREF(s);
    return result;
}

static PyObject *
read_decimal(ForyReadCtx *r, const ForyCodec *c)
{
    int32_t scale;
    uint64_t head = 0, n;
    PyObject *unscaled, *result;
    int rc = fory_get_vi32(&r->in, &scale);
    (void)c;
    if (rc == FORY_OK) {
        rc = fory_get_vu64(&r->in, &head);
    }
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (scale > MAX_SCALE || scale < -MAX_SCALE) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "Decimal scale outside -%d..%d", MAX_SCALE, MAX_SCALE);
    }
    if (fory_decimal_type(r->st) == NULL) {
        return NULL;
    }
    if ((head & 1) == 0) {
        int64_t value = fory_unzigzag64(head >> 1);
        return fory_decimal_make(r->st, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, -scale);
    }
    n = head >> 2;
    if (n == 0 || n > MAX_MAGNITUDE) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "Decimal magnitude length %llu", (unsigned long long)n);
    }
    if (!fory_have(&r->in, n)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (r->in.pos[n - 1] == 0) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "Decimal magnitude with a trailing zero byte");
    }
    unscaled = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", (const char *)r->in.pos,
                                   (Py_ssize_t)n, "little");
    r->in.pos += n;
    if (unscaled == NULL) {
        return NULL;
    }
    result = scaled(r, unscaled, (head & 2) != 0, scale);
    Py_DECREF(unscaled);
    return result;
}

void
fory_decimal_init(ForyState *st)
{
    st->codecs[FORY_DECIMAL] =
        (ForyCodec){write_decimal, read_decimal, NULL, NULL, NULL, FORY_DECIMAL, 0, 2, 0};
}
