/* Numbers, text, times and decimals of slots and elements. */
#include "row/row.h"
#include "wire/calendar.h"

#include <datetime.h>

/* ---- Python value -> bits ----------------------------------------------------- */

static int
wrong_type(ForyState *st, const char *expected, PyObject *v)
{
    fory_raise(st, FORY_E_TYPE, "expected %s, got %s", expected, Py_TYPE(v)->tp_name);
    return -1;
}

static int
put_bool(ForyState *st, PyObject *v, uint64_t *bits)
{
    int truth = v == Py_True;
    if (FORY_UNLIKELY(!truth && v != Py_False)) {
        const char *name = Py_TYPE(v)->tp_name;
        if (strcmp(name, "numpy.bool_") != 0 && strcmp(name, "numpy.bool") != 0) {
            return wrong_type(st, "bool", v);
        }
        truth = PyObject_IsTrue(v);
        if (truth < 0) {
            return -1;
        }
    }
    *bits = (uint64_t)truth;
    return 0;
}

static int
put_int(ForyState *st, const ForyRowNode *node, PyObject *v, uint64_t *bits)
{
    unsigned width = node->width * 8u;
    int64_t n;
    if (FORY_UNLIKELY(fory_as_int64(st, v, &n) < 0)) {
        return -1;
    }
    if (width < 64) {
        int64_t limit = (int64_t)1 << (width - 1);
        if (FORY_UNLIKELY(n < -limit || n >= limit)) {
            fory_raise(st, FORY_E_OVERFLOW, "%lld is out of range for %s", (long long)n,
                       fory_row_type_name(node->type_id));
            return -1;
        }
        *bits = (uint64_t)n & ((UINT64_C(1) << width) - 1);
    }
    else {
        *bits = (uint64_t)n;
    }
    return 0;
}

static int
put_float(ForyState *st, const ForyRowNode *node, PyObject *v, uint64_t *bits)
{
    double d;
    if (FORY_UNLIKELY(fory_as_double(st, v, &d) < 0)) {
        return -1;
    }
    if (node->type_id == FORY_FLOAT64) {
        memcpy(bits, &d, 8);
    }
    else if (node->type_id == FORY_FLOAT32) {
        float f = (float)d;
        uint32_t half;
        memcpy(&half, &f, 4);
        *bits = half;
    }
    else {
        *bits = fory_f64_to_f16(d);
    }
    return 0;
}

static int
put_timestamp(ForyState *st, PyObject *v, uint64_t *bits)
{
    int64_t seconds, micros;
    if (!PyDateTime_Check(v)) {
        return wrong_type(st, "datetime", v);
    }
    if (fory_datetime_instant(st, v, &seconds, &micros) < 0) {
        return -1;
    }
    *bits = (uint64_t)(seconds * 1000000 + micros);
    return 0;
}

static int
put_duration(ForyState *st, PyObject *v, uint64_t *bits)
{
    int64_t days;
    if (!PyDelta_Check(v)) {
        return wrong_type(st, "timedelta", v);
    }
    days = PyDateTime_DELTA_GET_DAYS(v);
    if (days > 106751990 || days < -106751990) {
        fory_raise(st, FORY_E_OVERFLOW, "a timedelta of %lld days does not fit 64 bits of microseconds",
                   (long long)days);
        return -1;
    }
    *bits = (uint64_t)((days * FORY_DAY + PyDateTime_DELTA_GET_SECONDS(v)) * 1000000 +
                       PyDateTime_DELTA_GET_MICROSECONDS(v));
    return 0;
}

int
fory_row_is_plain(PyObject *v)
{
    if (PyLong_CheckExact(v) || PyFloat_CheckExact(v) || PyBool_Check(v) || PyDate_CheckExact(v) ||
        PyDelta_CheckExact(v)) {
        return 1;
    }
    if (PyDateTime_CheckExact(v)) {
        return !((_PyDateTime_BaseTZInfo *)v)->hastzinfo ||
               ((PyDateTime_DateTime *)v)->tzinfo == PyDateTimeAPI->TimeZone_UTC;
    }
    return 0;
}

int
fory_row_number(ForyState *st, const ForyRowNode *node, PyObject *v, uint64_t *bits)
{
    switch (node->type_id) {
    case FORY_BOOL:
        return put_bool(st, v, bits);
    case FORY_INT8:
    case FORY_INT16:
    case FORY_INT32:
    case FORY_INT64:
        return put_int(st, node, v, bits);
    case FORY_FLOAT16:
    case FORY_FLOAT32:
    case FORY_FLOAT64:
        return put_float(st, node, v, bits);
    case FORY_DATE:
        /* a datetime would lose its time of day */
        if (!PyDate_Check(v) || PyDateTime_Check(v)) {
            return wrong_type(st, "date", v);
        }
        *bits = (uint32_t)fory_days_from_civil(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v),
                                               PyDateTime_GET_DAY(v));
        return 0;
    case FORY_TIMESTAMP:
        return put_timestamp(st, v, bits);
    default:
        return put_duration(st, v, bits);
    }
}

/* ---- bits -> Python value -------------------------------------------------------- */

static PyObject *
out_of_calendar(ForyState *st)
{
    return fory_raise(st, FORY_E_INVALID_DATA, "a date outside the years 1 to 9999");
}

static PyObject *
read_date(ForyState *st, int32_t days)
{
    int y, m, d;
    if (days < FORY_MIN_DAYS || days > FORY_MAX_DAYS) {
        return out_of_calendar(st);
    }
    fory_civil_from_days(days, &y, &m, &d);
    return PyDate_FromDate(y, m, d);
}

/* the microseconds after the last full second; any value */
static int
micros_of_second(int64_t micros)
{
    int rest = (int)(micros % 1000000);
    return rest < 0 ? rest + 1000000 : rest;
}

static PyObject *
read_timestamp(ForyState *st, int64_t micros, int utc)
{
    int64_t seconds = fory_floor_div(micros, 1000000), wall = seconds, days;
    int y, m, d, rest, fold = 0;
    micros = micros_of_second(micros);
    if (seconds < (int64_t)FORY_MIN_DAYS * FORY_DAY || seconds >= ((int64_t)FORY_MAX_DAYS + 1) * FORY_DAY) {
        return out_of_calendar(st);
    }
    if (!utc) {
        int64_t before, same;
        if (fory_local_wall(seconds, &wall) < 0) {
            return fory_raise(st, FORY_E_INVALID_DATA, "this platform cannot tell the local time of a timestamp");
        }
        /* the clock was set back within the last day: the wall time occurred before */
        if (fory_local_wall(seconds - FORY_DAY, &before) == 0 && before + FORY_DAY > wall) {
            int64_t back = before + FORY_DAY - wall;
            fold = fory_local_wall(seconds - back, &same) == 0 && same == wall;
        }
    }
    days = fory_floor_div(wall, FORY_DAY);
    if (days < FORY_MIN_DAYS || days > FORY_MAX_DAYS) {
        return out_of_calendar(st);
    }
    rest = (int)(wall - days * FORY_DAY);
    fory_civil_from_days(days, &y, &m, &d);
    return PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(y, m, d, rest / 3600, rest / 60 % 60, rest % 60,
                                                          (int)micros, utc ? PyDateTimeAPI->TimeZone_UTC : Py_None,
                                                          fold, PyDateTimeAPI->DateTimeType);
}

static PyObject *
read_duration(int64_t micros)
{
    int64_t seconds = fory_floor_div(micros, 1000000), days = fory_floor_div(seconds, FORY_DAY);
    return PyDateTimeAPI->Delta_FromDelta((int)days, (int)(seconds - days * FORY_DAY),
                                          micros_of_second(micros), 0, PyDateTimeAPI->DeltaType);
}

PyObject *
fory_row_read_number(ForyState *st, const ForyRowNode *node, const uint8_t *p, int utc)
{
    switch (node->type_id) {
    case FORY_BOOL:
        return Py_NewRef(*p ? Py_True : Py_False);
    case FORY_INT8:
        return PyLong_FromLong((int8_t)*p);
    case FORY_INT16:
        return PyLong_FromLong((int16_t)fory_load16(p));
    case FORY_INT32:
        return PyLong_FromLong((int32_t)fory_load32(p));
    case FORY_INT64:
        return PyLong_FromLongLong((int64_t)fory_load64(p));
    case FORY_FLOAT16:
        return PyFloat_FromDouble(fory_f16_to_f64(fory_load16(p)));
    case FORY_FLOAT32: {
        uint32_t bits = fory_load32(p);
        float f;
        memcpy(&f, &bits, 4);
        return PyFloat_FromDouble(f);
    }
    case FORY_FLOAT64: {
        uint64_t bits = fory_load64(p);
        double d;
        memcpy(&d, &bits, 8);
        return PyFloat_FromDouble(d);
    }
    case FORY_DATE:
        return read_date(st, (int32_t)fory_load32(p));
    case FORY_TIMESTAMP:
        return read_timestamp(st, (int64_t)fory_load64(p), utc);
    default:
        return read_duration((int64_t)fory_load64(p));
    }
}

PyObject *
fory_row_read_text(ForyState *st, const uint8_t *p, size_t n)
{
    PyObject *text;
    int ascii;
    if (n <= 32) {
        uint8_t all = 0;
        for (size_t i = 0; i < n; i++) {
            all |= p[i];
        }
        ascii = all < 0x80;
    }
    else {
        ascii = st->kernels->is_ascii(p, n);
    }
    if (FORY_LIKELY(ascii && n > 1)) {
        text = PyUnicode_New((Py_ssize_t)n, 127);
        if (text != NULL) {
            fory_copy_short(PyUnicode_1BYTE_DATA(text), p, n);
        }
        return text;
    }
    text = PyUnicode_DecodeUTF8((const char *)p, (Py_ssize_t)n, NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        fory_raise(st, FORY_E_INVALID_DATA, "a string that is not UTF-8");
    }
    return text;
}

/* ---- decimals ------------------------------------------------------------------------ */

typedef struct Wide {
    uint32_t limb[4]; /* little-endian magnitude of 128 bits */
} Wide;

/* v = v * 10 + digit; the carry out of 128 bits */
static uint32_t
wide_push(Wide *v, uint32_t digit)
{
    uint64_t carry = digit;
    for (int i = 0; i < 4; i++) {
        carry += (uint64_t)v->limb[i] * 10;
        v->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)carry;
}

/* v /= 10; the remainder */
static uint32_t
wide_pop(Wide *v)
{
    uint64_t rest = 0;
    for (int i = 3; i >= 0; i--) {
        rest = rest << 32 | v->limb[i];
        v->limb[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    return (uint32_t)rest;
}

static void
wide_negate(Wide *v)
{
    uint64_t carry = 1;
    for (int i = 0; i < 4; i++) {
        carry += (uint32_t)~v->limb[i];
        v->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* The unscaled value of a number's text at the given scale. 0 exact; 1 would lose
 * digits; 2 too many digits; 3 not a finite number. */
static int
scale_text(const char *p, const ForyRowNode *node, int *negative, Wide *out)
{
    const char *digits;
    long exponent = 0, fraction = 0, length = 0, used = 0, keep;
    int point = 0;
    memset(out, 0, sizeof(*out));
    *negative = *p == '-';
    p += *p == '-';
    digits = p;
    for (; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
        if (*p == '.') {
            point = 1;
        }
        else {
            length++;
            fraction += point;
        }
    }
    if (length == 0) {
        return 3;
    }
    if (*p == 'E') {
        int minus = p[1] == '-';
        for (p += 2; *p >= '0' && *p <= '9'; p++) {
            exponent = exponent < 100000000 ? exponent * 10 + (*p - '0') : exponent;
        }
        exponent = minus ? -exponent : exponent;
    }
    if (*p != '\0') {
        return 3;
    }
    /* value = digits * 10**(exponent - fraction); wanted: digits * 10**-scale */
    keep = length + exponent - fraction + node->scale;
    int significant = 0;
    for (p = digits; length > 0; p++) {
        if (*p == '.') {
            continue;
        }
        length--;
        if (used++ >= keep) {
            if (*p != '0') {
                return 1;
            }
            continue;
        }
        significant += significant > 0 || *p != '0';
        if (significant > node->precision || wide_push(out, (uint32_t)(*p - '0')) != 0) {
            return 2;
        }
    }
    for (; significant > 0 && used < keep; used++) {
        if (++significant > node->precision || wide_push(out, 0) != 0) {
            return 2;
        }
    }
    return 0;
}

int
fory_row_decimal_put(ForyState *st, const ForyRowNode *node, PyObject *v, uint8_t *out)
{
    PyObject *text;
    const char *p;
    int negative, rc = -1;
    Wide unscaled;
    if (fory_import_once(&st->Decimal, "decimal", "Decimal") < 0) {
        return -1;
    }
    int is_decimal = PyObject_TypeCheck(v, (PyTypeObject *)st->Decimal);
    if (!is_decimal && (!PyLong_Check(v) || PyBool_Check(v))) {
        return wrong_type(st, "Decimal", v);
    }
    /* the text shows coefficient and exponent exactly */
    text = is_decimal ? PyObject_Str(v) : PyLong_Type.tp_repr(v);
    if (text == NULL) {
        return -1;
    }
    p = PyUnicode_AsUTF8(text);
    if (p != NULL) {
        switch (scale_text(p, node, &negative, &unscaled)) {
        case 0:
            if (negative) {
                wide_negate(&unscaled);
            }
            for (int i = 0; i < 4; i++) {
                fory_store32(out + 4 * i, unscaled.limb[i]);
            }
            rc = 0;
            break;
        case 1:
            fory_raise(st, FORY_E_INVALID_DATA, "%.60s has more than the %d decimal places of decimal(%d, %d)", p,
                       node->scale, node->precision, node->scale);
            break;
        case 2:
            fory_raise(st, FORY_E_OVERFLOW, "%.60s is out of range for decimal(%d, %d)", p, node->precision,
                       node->scale);
            break;
        default:
            fory_raise(st, FORY_E_INVALID_DATA, "%.60s has no representation as a decimal", p);
        }
    }
    Py_DECREF(text);
    return rc;
}

PyObject *
fory_row_decimal_get(ForyState *st, const ForyRowNode *node, const uint8_t *p)
{
    Wide v;
    char digits[40], text[64];
    int n = 0, negative;
    size_t size = 0;
    PyObject *s, *result;
    if (fory_import_once(&st->Decimal, "decimal", "Decimal") < 0) {
        return NULL;
    }
    for (int i = 0; i < 4; i++) {
        v.limb[i] = fory_load32(p + 4 * i);
    }
    negative = v.limb[3] >> 31;
    if (negative) {
        wide_negate(&v);
    }
    do {
        digits[n++] = (char)('0' + wide_pop(&v));
    } while ((v.limb[0] | v.limb[1] | v.limb[2] | v.limb[3]) != 0);
    if (negative) {
        text[size++] = '-';
    }
    while (n > 0) {
        text[size++] = digits[--n];
    }
    if (node->scale != 0) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "E%d", -node->scale);
    }
    s = PyUnicode_FromStringAndSize(text, (Py_ssize_t)size);
    if (s == NULL) {
        return NULL;
    }
    result = PyObject_CallOneArg(st->Decimal, s);
    Py_DECREF(s);
    return result;
}

int
fory_row_values_init(ForyState *st)
{
    (void)st;
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}
