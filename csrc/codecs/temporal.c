/* date, datetime and timedelta (wire-format 4.1 to 4.3), in integers over the
 * whole range of Python's types (decision 26). */
#include "codecs/codecs.h"
#include "wire/calendar.h"

#include <datetime.h>
#include <time.h>

static PyObject *
out_of_calendar(ForyReadCtx *r)
{
    return fory_raise(r->st, FORY_E_INVALID_DATA, "a date outside the years 1 to 9999");
}

/* ---- date ------------------------------------------------------------------- */

static int
write_date(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    if (!PyDate_CheckExact(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected date, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    if (fory_room(w, FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vi64(&w->out, fory_days_from_civil(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v), PyDateTime_GET_DAY(v)));
    return 0;
}

static PyObject *
read_date(ForyReadCtx *r, const ForyCodec *c)
{
    int64_t days;
    int y, m, d;
    int rc = fory_get_vi64(&r->in, &days);
    (void)c;
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (days < FORY_MIN_DAYS || days > FORY_MAX_DAYS) {
        return out_of_calendar(r);
    }
    fory_civil_from_days(days, &y, &m, &d);
    return PyDate_FromDate(y, m, d);
}

/* ---- datetime ----------------------------------------------------------------- */

/* seconds of the wall clock shown by v, as if it were UTC */
static int64_t
wall_seconds(PyObject *v)
{
    return fory_days_from_civil(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v), PyDateTime_GET_DAY(v)) * FORY_DAY +
           PyDateTime_DATE_GET_HOUR(v) * 3600 + PyDateTime_DATE_GET_MINUTE(v) * 60 + PyDateTime_DATE_GET_SECOND(v);
}

int
fory_local_wall(int64_t t, int64_t *wall)
{
    struct tm tm;
    time_t when = (time_t)t;
    if ((int64_t)when != t) {
        return -1;
    }
#ifdef _WIN32
    if (localtime_s(&tm, &when) != 0) {
        return -1;
    }
#else
    if (localtime_r(&when, &tm) == NULL) {
        return -1;
    }
#endif
    *wall = fory_days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * FORY_DAY + tm.tm_hour * 3600 +
            tm.tm_min * 60 + (tm.tm_sec > 59 ? 59 : tm.tm_sec);
    return 0;
}

/* Wall clock -> instant by the rules of PEP 495, in seconds. 0, or -1 (no exception)
 * where the platform cannot tell. */
static int
local_instant(int64_t wall, int fold, int64_t *out)
{
    int64_t shown, first, other, second;
    /* the offset in force around then gives a first candidate */
    if (fory_local_wall(wall, &shown) < 0) {
        return -1;
    }
    first = wall - (shown - wall);
    if (fory_local_wall(first, &shown) < 0) {
        return -1;
    }
    if (shown == wall) {
        /* the same wall time may occur twice: is there another offset a day away? */
        other = fold ? first + FORY_DAY : first - FORY_DAY;
        if (fory_local_wall(other, &second) < 0) {
            return -1;
        }
        if (second - other == shown - first) {
            *out = first;
            return 0;
        }
        other = wall - (second - other);
        if (fory_local_wall(other, &second) < 0) {
            return -1;
        }
        *out = second == wall ? other : first;
        return 0;
    }
    other = wall - (shown - first);
    if (fory_local_wall(other, &second) < 0) {
        return -1;
    }
    if (second == wall) {
        *out = other;
    }
    else {
        /* a wall time that was skipped */
        *out = fold == (first < other) ? first : other;
    }
    return 0;
}

/* Local time -> instant, by the platform's own rules (with fold). A float
 * timestamp of whole seconds is exact. The ends of the calendar, which the
 * platform refuses, take the offset of two days further in. */
static int
naive_seconds(ForyState *st, PyObject *v, int64_t *out)
{
    static const int shifts[] = {0, 2, -2};
    if (local_instant(wall_seconds(v), PyDateTime_DATE_GET_FOLD(v), out) == 0) {
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        int64_t days = fory_days_from_civil(PyDateTime_GET_YEAR(v), PyDateTime_GET_MONTH(v), PyDateTime_GET_DAY(v));
        PyObject *near, *stamp;
        int y, m, d;
        double seconds;
        days += shifts[i];
        if (days < FORY_MIN_DAYS || days > FORY_MAX_DAYS) {
            continue;
        }
        fory_civil_from_days(days, &y, &m, &d);
        near = PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(
            y, m, d, PyDateTime_DATE_GET_HOUR(v), PyDateTime_DATE_GET_MINUTE(v), PyDateTime_DATE_GET_SECOND(v), 0,
            Py_None, PyDateTime_DATE_GET_FOLD(v), PyDateTimeAPI->DateTimeType);
        if (near == NULL) {
            return -1;
        }
        stamp = PyObject_CallMethod(near, "timestamp", NULL);
        Py_DECREF(near);
        if (stamp == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_ValueError) && !PyErr_ExceptionMatches(PyExc_OverflowError) &&
                !PyErr_ExceptionMatches(PyExc_OSError)) {
                return -1;
            }
            PyErr_Clear();
            continue;
        }
        seconds = PyFloat_AsDouble(stamp);
        Py_DECREF(stamp);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return -1;
        }
        *out = (int64_t)seconds - (int64_t)shifts[i] * FORY_DAY;
        return 0;
    }
    fory_raise(st, FORY_E_OVERFLOW, "this platform cannot tell the local time zone of the datetime");
    return -1;
}

int
fory_datetime_instant(ForyState *st, PyObject *v, int64_t *seconds, int64_t *micros)
{
    PyObject *tz, *offset;
    *micros = PyDateTime_DATE_GET_MICROSECOND(v);
    tz = ((_PyDateTime_BaseTZInfo *)v)->hastzinfo ? ((PyDateTime_DateTime *)v)->tzinfo : Py_None;
    if (tz == PyDateTimeAPI->TimeZone_UTC) {
        *seconds = wall_seconds(v);
        return 0;
    }
    offset = tz == Py_None ? Py_NewRef(Py_None) : PyObject_CallMethod(v, "utcoffset", NULL);
    if (offset == NULL) {
        return -1;
    }
    if (offset == Py_None) {
        Py_DECREF(offset);
        if (naive_seconds(st, v, seconds) < 0) {
            return -1;
        }
    }
    else {
        *seconds = wall_seconds(v) - ((int64_t)PyDateTime_DELTA_GET_DAYS(offset) * FORY_DAY +
                                      PyDateTime_DELTA_GET_SECONDS(offset));
        *micros -= PyDateTime_DELTA_GET_MICROSECONDS(offset);
        if (*micros < 0) {
            *micros += 1000000;
            *seconds -= 1;
        }
        Py_DECREF(offset);
    }
    if (*seconds < (int64_t)FORY_MIN_DAYS * FORY_DAY || *seconds >= ((int64_t)FORY_MAX_DAYS + 1) * FORY_DAY) {
        /* an offset may lead out of the calendar: no reader could bring it back */
        fory_raise(st, FORY_E_OVERFLOW, "the datetime lies outside the years 1 to 9999 in UTC");
        return -1;
    }
    return 0;
}

static int
write_timestamp(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int64_t seconds, micros;
    (void)c;
    if (!PyDateTime_CheckExact(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected datetime, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    /* a time zone may be a class of the user */
    if ((!((_PyDateTime_BaseTZInfo *)v)->hastzinfo ||
         ((PyDateTime_DateTime *)v)->tzinfo != PyDateTimeAPI->TimeZone_UTC) &&
        fory_write_pin(w) < 0) {
        return -1;
    }
    if (fory_datetime_instant(w->st, v, &seconds, &micros) < 0) {
        return -1;
    }
    if (fory_room(w, 12) < 0) {
        return -1;
    }
    fory_put_u64(&w->out, (uint64_t)seconds);
    fory_put_u32(&w->out, (uint32_t)micros * 1000);
    return 0;
}

static PyObject *
read_timestamp(ForyReadCtx *r, const ForyCodec *c)
{
    uint64_t raw = 0;
    uint32_t nanos = 0;
    int64_t seconds, days;
    int y, m, d, rest;
    (void)c;
    if (!fory_have(&r->in, 12)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    (void)fory_get_u64(&r->in, &raw);
    (void)fory_get_u32(&r->in, &nanos);
    seconds = (int64_t)raw;
    if (nanos > 999999999) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "timestamp with %u nanoseconds", (unsigned)nanos);
    }
    days = fory_floor_div(seconds, FORY_DAY);
    if (days < FORY_MIN_DAYS || days > FORY_MAX_DAYS) {
        return out_of_calendar(r);
    }
    rest = (int)(seconds - days * FORY_DAY);
    fory_civil_from_days(days, &y, &m, &d);
    return PyDateTimeAPI->DateTime_FromDateAndTime(y, m, d, rest / 3600, rest / 60 % 60, rest % 60,
                                                   (int)(nanos / 1000), PyDateTimeAPI->TimeZone_UTC,
                                                   PyDateTimeAPI->DateTimeType);
}

/* ---- timedelta -------------------------------------------------------------------- */

static int
write_duration(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    if (!PyDelta_CheckExact(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected timedelta, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    if (fory_room(w, FORY_VU64_MAX + 4) < 0) {
        return -1;
    }
    fory_put_vi64(&w->out, (int64_t)PyDateTime_DELTA_GET_DAYS(v) * FORY_DAY + PyDateTime_DELTA_GET_SECONDS(v));
    fory_put_u32(&w->out, (uint32_t)PyDateTime_DELTA_GET_MICROSECONDS(v) * 1000);
    return 0;
}

static PyObject *
read_duration(ForyReadCtx *r, const ForyCodec *c)
{
    int64_t seconds, days;
    uint32_t raw = 0;
    int rc = fory_get_vi64(&r->in, &seconds);
    (void)c;
    if (rc == FORY_OK) {
        rc = fory_get_u32(&r->in, &raw);
    }
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (raw > 999999999) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "duration with %d nanoseconds", (int)raw);
    }
    days = fory_floor_div(seconds, FORY_DAY);
    if (days < -999999999 || days > 999999999) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "duration of more than 999999999 days");
    }
    return PyDateTimeAPI->Delta_FromDelta((int)days, (int)(seconds - days * FORY_DAY), (int)(raw / 1000), 0,
                                          PyDateTimeAPI->DeltaType);
}

int
fory_temporal_init(ForyState *st)
{
    PyDateTime_IMPORT;
    if (PyDateTimeAPI == NULL) {
        return -1;
    }
    st->codecs[FORY_DATE] = (ForyCodec){write_date, read_date, NULL, NULL, PyDateTimeAPI->DateType, FORY_DATE,
                                        FORY_CODEC_TRACKED, 1, 0};
    st->codecs[FORY_TIMESTAMP] = (ForyCodec){write_timestamp, read_timestamp, NULL, NULL, NULL, FORY_TIMESTAMP,
                                             FORY_CODEC_TRACKED, 12, 0};
    st->codecs[FORY_DURATION] = (ForyCodec){write_duration, read_duration, NULL, NULL, PyDateTimeAPI->DeltaType,
                                            FORY_DURATION, FORY_CODEC_TRACKED, 5, 0};
    return 0;
}

PyTypeObject *
fory_datetime_type(void)
{
    return PyDateTimeAPI->DateTimeType;
}
