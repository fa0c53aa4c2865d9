/* The proleptic Gregorian calendar in integers, by eras of 400 years, which
 * start in March. */
#ifndef FORY_CALENDAR_H
#define FORY_CALENDAR_H

#include "wire/wire.h"

enum {
    FORY_MIN_DAYS = -719162, /* 0001-01-01, days since 1970-01-01 */
    FORY_MAX_DAYS = 2932896, /* 9999-12-31 */
    FORY_DAY = 86400         /* seconds */
};

static inline int64_t
fory_days_from_civil(int y, int m, int d)
{
    int64_t year = m <= 2 ? y - 1 : y;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static inline void
fory_civil_from_days(int64_t days, int *y, int *m, int *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

/* b > 0 */
static inline int64_t
fory_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

#endif /* FORY_CALENDAR_H */
