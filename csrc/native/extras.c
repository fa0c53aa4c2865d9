/* Values with codes of their own: dates and times, Decimal, UUID, range, slice. */
#include "native/native.h"

#include "runtime/decimal_layout.h"

#include <datetime.h>

/* ---- dates and times, as bit fields ---------------------------------------------------- */

static uint64_t
pack_time(int hour, int minute, int second, int us, int fold)
{
    return (uint64_t)fold | (uint64_t)us << 1 | (uint64_t)second << 21 | (uint64_t)minute << 27 | (uint64_t)hour << 33;
}

static uint64_t
pack_date(int year, int month, int day)
{
    return (uint64_t)day | (uint64_t)month << 5 | (uint64_t)year << 9;
}

static int
write_date(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    uint64_t bits = pack_date(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v), PyDateTime_GET_DAY(v));
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_room(w, 4) < 0) {
        return -1;
    }
    fory_put_u32(&w->out, FORY_N_DATE | (uint32_t)bits << 8);
    return 0;
}

/* one level deep, as read_tz counts it */
static int
write_tz(ForyWriteCtx *w, PyObject *tz)
{
    int rc = fory_write_enter(w) < 0 ? -1 : fory_native_write(w, tz);
    w->depth -= rc == 0;
    return rc;
}

static int
write_datetime(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const PyDateTime_DateTime *d = (const PyDateTime_DateTime *)v;
    uint64_t bits = pack_time(PyDateTime_DATE_GET_HOUR(v), PyDateTime_DATE_GET_MINUTE(v), PyDateTime_DATE_GET_SECOND(v),
                              PyDateTime_DATE_GET_MICROSECOND(v), PyDateTime_DATE_GET_FOLD(v)) |
                    pack_date(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v), PyDateTime_GET_DAY(v)) << 38;
    ForyLate late;
    int rc;
    (void)c;
    if (!d->hastzinfo) {
        rc = fory_native_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
        if (fory_room(w, 9) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, FORY_N_DATETIME);
        fory_put_u64(&w->out, bits);
        return 0;
    }
    rc = fory_native_open(w, v, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = -1;
    if (fory_native_ext(w, FORY_X_DATETIME_TZ) == 0 && fory_room(w, 8) == 0) {
        fory_put_u64(&w->out, bits);
        rc = write_tz(w, d->tzinfo) < 0 ? -1 : fory_native_close(w, v, &late);
    }
    fory_native_abandon(w, &late);
    Py_DECREF(v);
    return rc;
}

static int
write_time(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const PyDateTime_Time *t = (const PyDateTime_Time *)v;
    uint64_t bits = pack_time(PyDateTime_TIME_GET_HOUR(v), PyDateTime_TIME_GET_MINUTE(v), PyDateTime_TIME_GET_SECOND(v),
                              PyDateTime_TIME_GET_MICROSECOND(v), PyDateTime_TIME_GET_FOLD(v));
    ForyLate late;
    int rc = fory_native_open(w, v, &late);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = -1;
    if (fory_native_ext(w, t->hastzinfo ? FORY_X_TIME_TZ : FORY_X_TIME) == 0 && fory_room(w, 5) == 0) {
        fory_put_u8(&w->out, (uint8_t)(bits >> 32));
        fory_put_u32(&w->out, (uint32_t)bits);
        rc = t->hastzinfo ? write_tz(w, t->tzinfo) : 0;
        rc = rc < 0 ? -1 : fory_native_close(w, v, &late);
    }
    fory_native_abandon(w, &late);
    Py_DECREF(v);
    return rc;
}

static int
write_timedelta(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_native_ext(w, FORY_X_TIMEDELTA) < 0 || fory_room(w, 3 * FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vi64(&w->out, PyDateTime_DELTA_GET_DAYS(v));
    fory_put_vu64(&w->out, (uint64_t)PyDateTime_DELTA_GET_SECONDS(v));
    fory_put_vu64(&w->out, (uint64_t)PyDateTime_DELTA_GET_MICROSECONDS(v));
    return 0;
}

static int
write_timezone(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    return v == PyDateTime_TimeZone_UTC ? fory_native_ext(w, FORY_X_UTC) : fory_native_write_by_protocol(w, v);
}

static PyObject *
bad_date(ForyReadCtx *r)
{
    if (PyErr_ExceptionMatches(PyExc_ValueError)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "a date or time that does not exist");
    }
    return NULL;
}

static PyObject *
make_datetime(ForyReadCtx *r, uint64_t bits, PyObject *tz)
{
    PyObject *v = PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(
        (int)(bits >> 47), (int)(bits >> 43 & 15), (int)(bits >> 38 & 31), (int)(bits >> 33 & 31), (int)(bits >> 27 & 63),
        (int)(bits >> 21 & 63), (int)(bits >> 1 & 0xfffff), tz, (int)(bits & 1), PyDateTimeAPI->DateTimeType);
    return v != NULL ? v : bad_date(r);
}

PyObject *
fory_native_read_datetime(ForyReadCtx *r)
{
    uint64_t bits;
    if (fory_get_u64(&r->in, &bits) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    return make_datetime(r, bits, Py_None);
}

PyObject *
fory_native_read_date(ForyReadCtx *r)
{
    PyObject *v;
    uint32_t bits;
    if (!fory_have(&r->in, 3)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    bits = (uint32_t)r->in.pos[0] | (uint32_t)r->in.pos[1] << 8 | (uint32_t)r->in.pos[2] << 16;
    r->in.pos += 3;
    v = PyDate_FromDate((int)(bits >> 9), (int)(bits >> 5 & 15), (int)(bits & 31));
    return v != NULL ? v : bad_date(r);
}

/* A time zone value, checked. */
static PyObject *
read_tz(ForyReadCtx *r)
{
    PyObject *tz = NULL;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    tz = fory_native_read(r);
    r->depth--;
    if (tz != NULL && !PyTZInfo_Check(tz)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a time zone", Py_TYPE(tz)->tp_name);
        Py_CLEAR(tz);
    }
    return tz;
}

static PyObject *
read_datetime_tz(ForyReadCtx *r)
{
    uint64_t bits;
    PyObject *tz, *v;
    if (fory_get_u64(&r->in, &bits) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    tz = read_tz(r);
    if (tz == NULL) {
        return NULL;
    }
    v = make_datetime(r, bits, tz);
    Py_DECREF(tz);
    return v;
}

static PyObject *
read_time(ForyReadCtx *r, int aware)
{
    uint8_t high;
    uint32_t low;
    uint64_t bits;
    PyObject *tz = NULL, *v;
    if (fory_get_u8(&r->in, &high) != FORY_OK || fory_get_u32(&r->in, &low) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    bits = (uint64_t)high << 32 | low;
    if (aware && (tz = read_tz(r)) == NULL) {
        return NULL;
    }
    v = PyDateTimeAPI->Time_FromTimeAndFold((int)(bits >> 33), (int)(bits >> 27 & 63), (int)(bits >> 21 & 63),
                                            (int)(bits >> 1 & 0xfffff), tz == NULL ? Py_None : tz, (int)(bits & 1),
                                            PyDateTimeAPI->TimeType);
    Py_XDECREF(tz);
    return v != NULL ? v : bad_date(r);
}

static PyObject *
read_timedelta(ForyReadCtx *r)
{
    int64_t days;
    uint64_t seconds, us;
    PyObject *v;
    if (fory_get_vi64(&r->in, &days) != FORY_OK || fory_get_vu64(&r->in, &seconds) != FORY_OK ||
        fory_get_vu64(&r->in, &us) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (days < -999999999 || days > 999999999 || seconds >= 86400 || us >= 1000000) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "a timedelta out of range");
    }
    v = PyDelta_FromDSU((int)days, (int)seconds, (int)us);
    return v;
}

/* ---- range, slice, singletons --------------------------------------------------------------- */

static int
write_range(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    static const char *const names[] = {"start", "stop", "step"};
    ForyLate late;
    int slice = Py_TYPE(v) == &PySlice_Type, rc = fory_native_open(w, v, &late);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    Py_INCREF(v);
    rc = fory_native_ext(w, slice ? FORY_X_SLICE : FORY_X_RANGE) < 0 || fory_write_enter(w) < 0 ? -1 : 0;
    for (int i = 0; rc == 0 && i < 3; i++) {
        PyObject *part = PyObject_GetAttrString(v, names[i]);
        rc = part == NULL || fory_native_write(w, part) < 0 ? -1 : 0;
        Py_XDECREF(part);
    }
    if (rc == 0) {
        w->depth--;
        rc = fory_native_close(w, v, &late);
    }
    fory_native_abandon(w, &late);
    Py_DECREF(v);
    return rc;
}

static PyObject *
read_range(ForyReadCtx *r, int slice)
{
    PyObject *part[3] = {NULL}, *v = NULL;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        part[i] = fory_native_read(r);
        if (part[i] == NULL) {
            goto done;
        }
        if (!slice && !PyLong_CheckExact(part[i])) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "%s as a bound of a range", Py_TYPE(part[i])->tp_name);
            goto done;
        }
    }
    if (slice) {
        v = PySlice_New(part[0], part[1], part[2]);
    }
    else {
        v = PyObject_CallFunctionObjArgs((PyObject *)&PyRange_Type, part[0], part[1], part[2], NULL);
        if (v == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "a range of step zero");
        }
    }
done:
    r->depth--;
    for (int i = 0; i < 3; i++) {
        Py_XDECREF(part[i]);
    }
    return v;
}

static int
write_named_singleton(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    return fory_native_ext(w, v == Py_Ellipsis ? FORY_X_ELLIPSIS : FORY_X_NOT_IMPLEMENTED);
}

/* ---- Decimal, UUID ------------------------------------------------------------------------------ */

int
fory_native_put_decimal(ForyWriteCtx *w, PyObject *v)
{
    int negative, rc;
    uint64_t coefficient;
    Py_ssize_t exponent;
    PyObject *text;
    rc = fory_decimal_parts(w->st, v, &negative, &coefficient, &exponent);
    if (FORY_LIKELY(rc > 0 && !(negative && coefficient == 0))) {
        if (fory_room(w, 2 * FORY_VU64_MAX) < 0) {
            return -1;
        }
        fory_put_vu64(&w->out, FORY_DECIMAL_SCALE + fory_zigzag64(-(int64_t)exponent));
        fory_put_vi64(&w->out, negative ? -(int64_t)coefficient : (int64_t)coefficient);
        return 0;
    }
    if (rc < 0 || fory_native_tag(w, FORY_DECIMAL_TEXT) < 0 || (text = PyObject_Str(v)) == NULL) {
        return -1;
    }
    rc = fory_native_write_name(w, text);
    Py_DECREF(text);
    return rc;
}

static int
write_decimal(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    /* the module may have been written in Python */
    return fory_decimal_type(w->st) == NULL || fory_native_ext(w, FORY_X_DECIMAL) < 0 ||
                   (!w->st->decimal_fields_known && fory_write_pin(w) < 0)
               ? -1
               : fory_native_put_decimal(w, v);
}

/* head: what is in front of it. */
PyObject *
fory_native_get_decimal(ForyReadCtx *r, uint64_t head)
{
    PyObject *text, *v = NULL;
    size_t n;
    if (fory_decimal_type(r->st) == NULL) {
        return NULL;
    }
    if (head >= FORY_DECIMAL_SCALE) {
        int64_t coefficient = 0, scale = fory_unzigzag64(head - FORY_DECIMAL_SCALE);
        int rc = fory_get_vi64(&r->in, &coefficient);
        if (rc != FORY_OK) {
            fory_read_bad(r, rc);
            return NULL;
        }
        if (scale > FORY_DECIMAL_EXPONENTS || scale < -FORY_DECIMAL_EXPONENTS) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed decimal number");
        }
        return fory_decimal_make(r->st, coefficient < 0, coefficient < 0 ? 0 - (uint64_t)coefficient : (uint64_t)coefficient,
                                 (Py_ssize_t)-scale);
    }
    if (head != FORY_DECIMAL_TEXT) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed decimal number");
    }
    if (fory_native_count(r, &n) < 0) {
        return NULL;
    }
    text = PyUnicode_DecodeASCII((const char *)r->in.pos, (Py_ssize_t)n, NULL);
    r->in.pos += n;
    if (text != NULL) {
        v = PyObject_CallFunctionObjArgs(r->st->Decimal, text, NULL);
        Py_DECREF(text);
    }
    if (v == NULL && (PyErr_ExceptionMatches(PyExc_ArithmeticError) || PyErr_ExceptionMatches(PyExc_ValueError))) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed decimal number");
    }
    return v;
}

static PyObject *
read_decimal(ForyReadCtx *r)
{
    uint64_t head = 0;
    return fory_native_read_number(r, &head) < 0 ? NULL : fory_native_get_decimal(r, head);
}

static int
write_uuid(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    PyObject *number = NULL, *safe = NULL;
    uint8_t *p;
    int rc, plain;
    (void)c;
    if (fory_import_once(&w->st->uuid_unsafe, "pyfory.native.builders", "SAFE_UNKNOWN") < 0) {
        return -1;
    }
    number = PyObject_GetAttrString(v, "int");
    safe = number == NULL ? NULL : PyObject_GetAttrString(v, "is_safe");
    plain = safe != NULL && safe == w->st->uuid_unsafe && PyLong_CheckExact(number) && fory_long_bound(number) <= 17;
    Py_XDECREF(safe);
    if (!plain) {
        Py_XDECREF(number);
        PyErr_Clear();
        return fory_native_write_by_protocol(w, v);
    }
    rc = fory_native_ref(w, v);
    if (rc == 0) {
        rc = fory_native_ext(w, FORY_X_UUID) < 0 || fory_room(w, 17) < 0 ? -1 : 0;
        p = w->out.pos;
        if (rc == 0 && (rc = fory_long_to_bytes(number, p, 17)) == 0) {
            w->out.pos += 16;
        }
    }
    Py_DECREF(number);
    return rc < 0 ? -1 : 0;
}

static PyObject *
read_uuid(ForyReadCtx *r)
{
    ForyState *st = r->st;
    uint8_t bytes[17];
    PyObject *v = NULL, *number = NULL, *name = NULL;
    if (fory_import_once(&st->uuid_UUID, "uuid", "UUID") < 0 ||
        fory_import_once(&st->uuid_unsafe, "pyfory.native.builders", "SAFE_UNKNOWN") < 0) {
        return NULL;
    }
    if (!fory_have(&r->in, 16)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    memcpy(bytes, r->in.pos, 16);
    bytes[16] = 0;
    r->in.pos += 16;
    number = fory_long_from_bytes(bytes, 17);
    v = number == NULL ? NULL : PyBaseObject_Type.tp_new((PyTypeObject *)st->uuid_UUID, st->empty_tuple, NULL);
    name = v == NULL ? NULL : PyUnicode_InternFromString("int");
    if (name == NULL || PyObject_GenericSetAttr(v, name, number) < 0) {
        Py_CLEAR(v);
    }
    Py_XDECREF(name);
    name = v == NULL ? NULL : PyUnicode_InternFromString("is_safe");
    if (name == NULL || PyObject_GenericSetAttr(v, name, st->uuid_unsafe) < 0) {
        Py_CLEAR(v);
    }
    Py_XDECREF(name);
    Py_XDECREF(number);
    return v;
}

/* ---- dispatch ------------------------------------------------------------------------------------ */

static PyObject *
read_complex(ForyReadCtx *r)
{
    uint64_t real, imag;
    Py_complex z;
    if (fory_get_u64(&r->in, &real) != FORY_OK || fory_get_u64(&r->in, &imag) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    memcpy(&z.real, &real, 8);
    memcpy(&z.imag, &imag, 8);
    return PyComplex_FromCComplex(z);
}

static PyObject *
read_bytearray(ForyReadCtx *r)
{
    size_t n;
    PyObject *v;
    if (fory_native_count(r, &n) < 0) {
        return NULL;
    }
    v = PyByteArray_FromStringAndSize((const char *)r->in.pos, (Py_ssize_t)n);
    r->in.pos += n;
    return v;
}

static PyObject *
read_persistent(ForyReadCtx *r)
{
    PyObject *id, *v;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    id = fory_native_read(r);
    r->depth--;
    if (id == NULL) {
        return NULL;
    }
    if (r->native->persistent_load == NULL) {
        Py_DECREF(id);
        return fory_raise(r->st, FORY_E_INVALID_DATA, "the message holds persistent ids: it needs persistent_load");
    }
    v = PyObject_CallFunctionObjArgs(r->native->persistent_load, id, NULL);
    Py_DECREF(id);
    return v;
}

PyObject *
fory_native_read_ext(ForyReadCtx *r)
{
    uint8_t kind;
    if (fory_get_u8(&r->in, &kind) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    switch (kind) {
    case FORY_X_COMPLEX:
        return read_complex(r);
    case FORY_X_BYTEARRAY:
        return read_bytearray(r);
    case FORY_X_RANGE:
    case FORY_X_SLICE:
        return read_range(r, kind == FORY_X_SLICE);
    case FORY_X_ELLIPSIS:
        return Py_NewRef(Py_Ellipsis);
    case FORY_X_NOT_IMPLEMENTED:
        return Py_NewRef(Py_NotImplemented);
    case FORY_X_TIME:
    case FORY_X_TIME_TZ:
        return read_time(r, kind == FORY_X_TIME_TZ);
    case FORY_X_DATETIME_TZ:
        return read_datetime_tz(r);
    case FORY_X_TIMEDELTA:
        return read_timedelta(r);
    case FORY_X_UTC:
        return Py_NewRef(PyDateTime_TimeZone_UTC);
    case FORY_X_DECIMAL:
        return read_decimal(r);
    case FORY_X_UUID:
        return read_uuid(r);
    case FORY_X_BUFFER:
        return fory_native_read_buffer(r);
    case FORY_X_NDARRAY:
        return fory_native_read_ndarray(r);
    case FORY_X_PERSISTENT:
        return read_persistent(r);
    case FORY_X_BYTES_OUT:
        return fory_native_read_bytes_out(r);
    default:
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unknown extension code %u", (unsigned)kind);
    }
}

/* Codec of a class that is imported only when it is used; NULL when there is none of that name. */
const ForyCodec *
fory_native_special_codec(const char *name)
{
    static const ForyCodec decimal = {.write = write_decimal}, uuid = {.write = write_uuid};
    return strcmp(name, "decimal") == 0 ? &decimal : strcmp(name, "uuid") == 0 ? &uuid : NULL;
}

int
fory_native_install_extras(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *))
{
    static const ForyCodec date = {.write = write_date}, datetime = {.write = write_datetime},
                           time = {.write = write_time}, timedelta = {.write = write_timedelta},
                           timezone = {.write = write_timezone}, range = {.write = write_range},
                           singleton = {.write = write_named_singleton};
    if (PyDateTimeAPI == NULL) {
        PyDateTime_IMPORT;
        if (PyDateTimeAPI == NULL) {
            return -1;
        }
    }
    return add(e, PyDateTimeAPI->DateType, &date) < 0 || add(e, PyDateTimeAPI->DateTimeType, &datetime) < 0 ||
                   add(e, PyDateTimeAPI->TimeType, &time) < 0 || add(e, PyDateTimeAPI->DeltaType, &timedelta) < 0 ||
                   add(e, Py_TYPE(PyDateTime_TimeZone_UTC), &timezone) < 0 || add(e, &PyRange_Type, &range) < 0 ||
                   add(e, &PySlice_Type, &range) < 0 || add(e, Py_TYPE(Py_Ellipsis), &singleton) < 0 ||
                   add(e, Py_TYPE(Py_NotImplemented), &singleton) < 0
               ? -1
               : 0;
}
