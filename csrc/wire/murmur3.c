/* MurmurHash3_x64_128, the hash of TypeDefs and long meta strings. */
#include "wire/wire.h"

#define MUL1 UINT64_C(0x87c37b91114253d5)
#define MUL2 UINT64_C(0x4cf5ad432745937f)

FORY_INLINE uint64_t
rotate_left(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

/* spreads every input bit over the whole lane */
FORY_INLINE uint64_t
finish_lane(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

FORY_INLINE uint64_t
mix_low(uint64_t word)
{
    return rotate_left(word * MUL1, 31) * MUL2;
}

FORY_INLINE uint64_t
mix_high(uint64_t word)
{
    return rotate_left(word * MUL2, 33) * MUL1;
}

/* little-endian number of 0..8 bytes */
FORY_INLINE uint64_t
load_partial(const uint8_t *p, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)p[i] << (8 * i);
    }
    return word;
}

void
fory_murmur3_x64_128(const void *data, size_t len, uint32_t seed, uint64_t out[2])
{
    const uint8_t *p = data;
    size_t left = len;
    uint64_t low = seed, high = seed;

    while (left >= 16) {
        low ^= mix_low(fory_load64(p));
        low = (rotate_left(low, 27) + high) * 5 + 0x52dce729;
        high ^= mix_high(fory_load64(p + 8));
        high = (rotate_left(high, 31) + low) * 5 + 0x38495ab5;
        p += 16;
        left -= 16;
    }
    /* mixing a zero word changes nothing, so an absent half needs no test */
    if (left > 8) {
        high ^= mix_high(load_partial(p + 8, left - 8));
        left = 8;
    }
    low ^= mix_low(load_partial(p, left));

    low ^= (uint64_t)len;
    high ^= (uint64_t)len;
    low += high;
    high += low;
    low = finish_lane(low);
    high = finish_lane(high);
    low += high;
    high += low;
    out[0] = low;
    out[1] = high;
}
