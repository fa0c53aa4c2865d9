/* Minimal test support: CHECK counts and reports, check_report ends main. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long check_count, check_failures;

/* After some failures only the count matters. */
#define CHECK(condition, ...)                                           \
    do {                                                                \
        check_count++;                                                  \
        if (!(condition) && check_failures++ < 20) {                    \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);      \
            printf(__VA_ARGS__);                                        \
            printf("\n");                                               \
        }                                                               \
    } while (0)

/* The closing line, and the exit code for main. */
static inline int
check_report(const char *name)
{
    printf("%s: %lu checks, %lu failed\n", name, check_count, check_failures);
    return check_failures == 0 ? 0 : 1;
}

/* Bytes of a hex text; blanks are skipped. Returns the number of bytes. */
static inline size_t
from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned byte = 0, digits = 0;
    for (; *hex; hex++) {
        unsigned d;
        if (*hex >= '0' && *hex <= '9') {
            d = (unsigned)(*hex - '0');
        }
        else if (*hex >= 'a' && *hex <= 'f') {
            d = (unsigned)(*hex - 'a' + 10);
        }
        else {
            continue;
        }
        byte = byte << 4 | d;
        if (++digits == 2) {
            out[n++] = (uint8_t)byte;
            byte = digits = 0;
        }
    }
    return n;
}

/* A repeatable source of random numbers (a Weyl sequence through a mixer). */
static inline uint64_t
next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 31)) * UINT64_C(0x7fb5d329728ea185);
    x = (x ^ (x >> 27)) * UINT64_C(0x81dadef4bc2dd44d);
    return x ^ (x >> 33);
}

#endif /* CHECK_H */
