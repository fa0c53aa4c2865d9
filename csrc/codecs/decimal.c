/* decimal.Decimal (wire-format 4.4): unscaled * 10**-scale. */
#include "codecs/codecs.h"

#define MAX_SCALE 10000
#define MAX_MAGNITUDE 10000 /* bytes */
#define MAX_DIGITS 24083

static PyObject *
decimal_type(ForyState *st)
{
    return fory_import_once(&st->Decimal, "decimal", "Decimal") < 0 ? NULL : st->Decimal;
}

/* |unscaled| as an int, from a tuple of digits too long for 64 bits */
static PyObject *
big_unscaled(ForyState *st, PyObject *digits)
{
    PyObject *parts = NULL, *number = NULL, *result = NULL;
    parts = Py_BuildValue("(iOi)", 0, digits, 0);
    if (parts != NULL && decimal_type(st) != NULL) {
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
 * is several times cheaper than as_tuple(). 1 when *unscaled and *exponent are
 * set, 0 when the text is too long or not a finite number, -1 on an exception. */
static int
parse_text(PyObject *v, int *negative, uint64_t *unscaled, long *exponent)
{
    PyObject *text = PyObject_Str(v);
    const char *p;
    Py_ssize_t size;
    int digits = 0, fraction = 0, point = 0;
    long power = 0;
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
    *unscaled = 0;
    for (; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
        if (*p == '.') {
            point = 1;
            continue;
        }
        *unscaled = *unscaled * 10 + (uint64_t)(*p - '0');
        digits++;
        fraction += point;
    }
    if (*p == 'E') {
        int minus = p[1] == '-';
        for (p += 2; *p >= '0' && *p <= '9'; p++) {
            power = power * 10 + (*p - '0');
        }
        power = minus ? -power : power;
    }
    *exponent = power - fraction;
    /* 18 digits stay below 2**62 */
    int ok = *p == '\0' && digits > 0 && digits <= 18;
    Py_DECREF(text);
    return ok;
}

static int
put_small(ForyWriteCtx *w, int negative, uint64_t unscaled, long exponent)
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
    Py_ssize_t n, used = 0;
    long scale;
    uint64_t unscaled = 0;
    (void)c;
    if (fory_write_pin(w) < 0 || decimal_type(w->st) == NULL) {
        return -1;
    }
    if ((PyObject *)Py_TYPE(v) != w->st->Decimal) {
        fory_raise(w->st, FORY_E_TYPE, "expected Decimal, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    rc = parse_text(v, &negative, &unscaled, &scale);
    if (rc < 0) {
        return -1;
    }
    if (rc > 0 && scale <= MAX_SCALE && scale >= -MAX_SCALE) {
        return put_small(w, negative, unscaled, scale);
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

/* "<value>E<exponent>" into text[48]; its length. */
static size_t
put_text(char *text, int64_t value, int32_t exponent)
{
    char digits[24], *p = text, *start;
    char *end = digits + sizeof(digits);
    if (value < 0) {
        *p++ = '-';
    }
    start = put_digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
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

static PyObject *
decimal_of_text(ForyReadCtx *r, const char *text, size_t size)
{
    PyObject *s = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size), *result;
    if (s == NULL) {
        return NULL;
    }
    result = PyObject_CallOneArg(r->st->Decimal, s);
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
    if (decimal_type(r->st) == NULL) {
        return NULL;
    }
    if ((head & 1) == 0) {
        char text[48];
        return decimal_of_text(r, text, put_text(text, fory_unzigzag64(head >> 1), -scale));
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
