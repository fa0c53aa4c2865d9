/* Shuffles that keep some lanes of a vector and close the gaps, chosen by a mask
 * of four lanes: the tables stay small enough to be read. For units with a byte
 * shuffle (SSSE3, NEON). */
#ifndef FORY_KERNELS_LANES_H
#define FORY_KERNELS_LANES_H

#include "kernels/tiers.h"

#define LOAD_ANY(p) simde_mm_loadu_si128((const simde__m128i *)(const void *)(p))
#define STORE_ANY(p, v) simde_mm_storeu_si128((simde__m128i *)(void *)(p), (v))
#define LOAD_LOW(p) simde_mm_loadl_epi64((const simde__m128i *)(const void *)(p))
#define STORE_LOW(p, v) simde_mm_storel_epi64((simde__m128i *)(void *)(p), (v))

#define NO 0x80 /* this byte of a shuffle gives zero */

/* Row m: the 16-bit lanes of four whose bits are set in m, moved together. */
static const uint8_t keep_lanes16[16][8] = {
    {NO, NO, NO, NO, NO, NO, NO, NO}, {0, 1, NO, NO, NO, NO, NO, NO}, {2, 3, NO, NO, NO, NO, NO, NO},
    {0, 1, 2, 3, NO, NO, NO, NO},     {4, 5, NO, NO, NO, NO, NO, NO}, {0, 1, 4, 5, NO, NO, NO, NO},
    {2, 3, 4, 5, NO, NO, NO, NO},     {0, 1, 2, 3, 4, 5, NO, NO},     {6, 7, NO, NO, NO, NO, NO, NO},
    {0, 1, 6, 7, NO, NO, NO, NO},     {2, 3, 6, 7, NO, NO, NO, NO},   {0, 1, 2, 3, 6, 7, NO, NO},
    {4, 5, 6, 7, NO, NO, NO, NO},     {0, 1, 4, 5, 6, 7, NO, NO},     {2, 3, 4, 5, 6, 7, NO, NO},
    {0, 1, 2, 3, 4, 5, 6, 7},
};

/* the same for 32-bit lanes */
#define LANE(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3
#define NOLANE NO, NO, NO, NO
static const uint8_t keep_lanes32[16][16] = {
    {NOLANE, NOLANE, NOLANE, NOLANE},    {LANE(0), NOLANE, NOLANE, NOLANE},   {LANE(1), NOLANE, NOLANE, NOLANE},
    {LANE(0), LANE(1), NOLANE, NOLANE},  {LANE(2), NOLANE, NOLANE, NOLANE},   {LANE(0), LANE(2), NOLANE, NOLANE},
    {LANE(1), LANE(2), NOLANE, NOLANE},  {LANE(0), LANE(1), LANE(2), NOLANE}, {LANE(3), NOLANE, NOLANE, NOLANE},
    {LANE(0), LANE(3), NOLANE, NOLANE},  {LANE(1), LANE(3), NOLANE, NOLANE},  {LANE(0), LANE(1), LANE(3), NOLANE},
    {LANE(2), LANE(3), NOLANE, NOLANE},  {LANE(0), LANE(2), LANE(3), NOLANE}, {LANE(1), LANE(2), LANE(3), NOLANE},
    {LANE(0), LANE(1), LANE(2), LANE(3)},
};

/* Row m: of four pairs of bytes the first byte, and the second where bit i is set. */
static const uint8_t keep_second[16][8] = {
    {0, 2, 4, 6, NO, NO, NO, NO}, {0, 1, 2, 4, 6, NO, NO, NO}, {0, 2, 3, 4, 6, NO, NO, NO},
    {0, 1, 2, 3, 4, 6, NO, NO},   {0, 2, 4, 5, 6, NO, NO, NO}, {0, 1, 2, 4, 5, 6, NO, NO},
    {0, 2, 3, 4, 5, 6, NO, NO},   {0, 1, 2, 3, 4, 5, 6, NO},   {0, 2, 4, 6, 7, NO, NO, NO},
    {0, 1, 2, 4, 6, 7, NO, NO},   {0, 2, 3, 4, 6, 7, NO, NO},  {0, 1, 2, 3, 4, 6, 7, NO},
    {0, 2, 4, 5, 6, 7, NO, NO},   {0, 1, 2, 4, 5, 6, 7, NO},   {0, 2, 3, 4, 5, 6, 7, NO},
    {0, 1, 2, 3, 4, 5, 6, 7},
};

/* Row a + 4 * b: the first a + 1 bytes of one 32-bit lane, then b + 1 of the next. */
static const uint8_t keep_bytes[16][8] = {
    {0, 4, NO, NO, NO, NO, NO, NO}, {0, 1, 4, NO, NO, NO, NO, NO}, {0, 1, 2, 4, NO, NO, NO, NO},
    {0, 1, 2, 3, 4, NO, NO, NO},    {0, 4, 5, NO, NO, NO, NO, NO}, {0, 1, 4, 5, NO, NO, NO, NO},
    {0, 1, 2, 4, 5, NO, NO, NO},    {0, 1, 2, 3, 4, 5, NO, NO},    {0, 4, 5, 6, NO, NO, NO, NO},
    {0, 1, 4, 5, 6, NO, NO, NO},    {0, 1, 2, 4, 5, 6, NO, NO},    {0, 1, 2, 3, 4, 5, 6, NO},
    {0, 4, 5, 6, 7, NO, NO, NO},    {0, 1, 4, 5, 6, 7, NO, NO},    {0, 1, 2, 4, 5, 6, 7, NO},
    {0, 1, 2, 3, 4, 5, 6, 7},
};

#define BITS_OF_NIBBLES UINT64_C(0x4332322132212110)
/* set bits of a number below 16 */
FORY_ALWAYS_INLINE unsigned
nibble_bits(unsigned m)
{
    return (unsigned)(BITS_OF_NIBBLES >> (4 * m)) & 7;
}

#endif /* FORY_KERNELS_LANES_H */
