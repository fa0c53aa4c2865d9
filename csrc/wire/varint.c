/* Varints of more than one byte (wire-format section 2.1). */
#include "wire/wire.h"

int
fory_need(fory_reader *r, size_t n)
{
    return r->more != NULL ? r->more(r, n) : FORY_TRUNCATED;
}

int
fory_get_vu32_slow(fory_reader *r, uint32_t *out)
{
    const uint8_t *p = r->pos;
    size_t left = fory_left(r);
    uint32_t value = 0;

    for (size_t i = 0; i < FORY_VU32_MAX; i++) {
        if (i == left) {
            if (fory_need(r, i + 1) != FORY_OK) {
                return FORY_TRUNCATED;
            }
            p = r->pos;
            left = fory_left(r);
        }
        uint32_t b = p[i];
        if (i == FORY_VU32_MAX - 1 && b > 0x0f) {
            return FORY_MALFORMED;
        }
        value |= (b & 0x7f) << (7 * i);
        if (b < 0x80) {
            r->pos = p + i + 1;
            *out = value;
            return FORY_OK;
        }
    }
    return FORY_MALFORMED; /* not reached: the fifth byte ends or fails */
}

int
fory_get_vu64_slow(fory_reader *r, uint64_t *out)
{
    const uint8_t *p = r->pos;
    size_t left = fory_left(r);
    uint64_t value = 0;

    for (size_t i = 0; i < FORY_VU64_MAX - 1; i++) {
        if (i == left) {
            if (fory_need(r, i + 1) != FORY_OK) {
                return FORY_TRUNCATED;
            }
            p = r->pos;
            left = fory_left(r);
        }
        uint64_t b = p[i];
        value |= (b & 0x7f) << (7 * i);
        if (b < 0x80) {
            r->pos = p + i + 1;
            *out = value;
            return FORY_OK;
        }
    }
    if (left < FORY_VU64_MAX) {
        if (fory_need(r, FORY_VU64_MAX) != FORY_OK) {
            return FORY_TRUNCATED;
        }
        p = r->pos;
    }
    /* the ninth byte is eight bits of value and ends the number */
    *out = value | (uint64_t)p[8] << 56;
    r->pos = p + FORY_VU64_MAX;
    return FORY_OK;
}
