/* One half float at a time, in integer arithmetic: the definition that every
 * tier's batch kernels have to equal. Nothing here depends on the rounding
 * mode or on flush-to-zero. */
#ifndef FORY_KERNELS_HALF_BITS_H
#define FORY_KERNELS_HALF_BITS_H

#include "kernels/tiers.h"

FORY_ALWAYS_INLINE uint32_t
float_bits(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    return bits;
}

FORY_ALWAYS_INLINE uint64_t
double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return bits;
}

FORY_ALWAYS_INLINE float
float_of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* mantissa >> shift, to nearest, ties to even; 1 <= shift <= 63 */
FORY_ALWAYS_INLINE uint64_t
shift_to_even(uint64_t mantissa, unsigned shift)
{
    uint64_t half = (uint64_t)1 << (shift - 1);
    return (mantissa + half - 1 + ((mantissa >> shift) & 1)) >> shift;
}

/* A double's bits to a small format with `mant` mantissa bits and exponent
 * bias `bias`, whose infinity is `inf`. */
FORY_ALWAYS_INLINE uint16_t
narrow_double(uint64_t bits, unsigned mant, unsigned bias, uint16_t inf)
{
    const unsigned drop = 52 - mant;
    const uint64_t one = (uint64_t)1 << 52;
    uint16_t sign = (uint16_t)((bits >> 48) & 0x8000);
    uint64_t a = bits & ~((uint64_t)1 << 63);
    unsigned exponent = (unsigned)(a >> 52);

    if (exponent == 0x7ff && (a & (one - 1)) != 0) {
        uint64_t payload = (a & (one - 1)) >> drop;
        return (uint16_t)(sign | inf | (1u << (mant - 1)) | (unsigned)payload);
    }
    if (exponent > 1023 + bias) {
        return (uint16_t)(sign | inf);
    }
    if (exponent > 1023 - bias) {
        /* normal; a carry out of the mantissa moves to the next exponent or infinity */
        return (uint16_t)(sign | shift_to_even(a - (uint64_t)(1023 - bias) * one, drop));
    }
    /* subnormal: the same number in units of the smallest one */
    unsigned shift = drop + 1 + (1023 - bias) - exponent;
    if (shift > 53) {
        return sign; /* below half a unit */
    }
    return (uint16_t)(sign | shift_to_even((a & (one - 1)) | one, shift));
}

FORY_ALWAYS_INLINE uint16_t
f64_to_f16_bits(uint64_t bits)
{
    return narrow_double(bits, 10, 15, 0x7c00);
}

FORY_ALWAYS_INLINE uint16_t
f64_to_bf16_bits(uint64_t bits)
{
    return narrow_double(bits, 7, 127, 0x7f80);
}

FORY_ALWAYS_INLINE uint16_t
f32_to_f16_bits(uint32_t bits)
{
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    uint32_t a = bits & 0x7fffffff;

    if (a > 0x7f800000) {
        return (uint16_t)(sign | 0x7e00 | ((a >> 13) & 0x3ff));
    }
    if (a >= 0x47800000) {
        return (uint16_t)(sign | 0x7c00);
    }
    if (a >= 0x38800000) {
        return (uint16_t)(sign | shift_to_even(a - 0x38000000, 13));
    }
    unsigned shift = 126 - (a >> 23);
    if (shift > 24) {
        return sign;
    }
    return (uint16_t)(sign | shift_to_even((a & 0x7fffff) | 0x800000, shift));
}

FORY_ALWAYS_INLINE uint16_t
f32_to_bf16_bits(uint32_t bits)
{
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

FORY_ALWAYS_INLINE uint32_t
f16_to_f32_bits(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t a = half & 0x7fff;

    if (a > 0x7c00) {
        return sign | 0x7fc00000 | (a << 13);
    }
    if (a == 0x7c00) {
        return sign | 0x7f800000;
    }
    if (a >= 0x400) {
        return sign | ((a << 13) + 0x38000000);
    }
    /* a whole number of 2^-24, which a float holds exactly and as a normal number */
    return sign | float_bits((float)a * 0x1p-24f);
}

FORY_ALWAYS_INLINE uint32_t
bf16_to_f32_bits(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    return (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : bits;
}

/* a half as a float is never subnormal */
FORY_ALWAYS_INLINE double
f16_to_f64_value(uint16_t half)
{
    return float_of_bits(f16_to_f32_bits(half));
}

FORY_ALWAYS_INLINE double
bf16_to_f64_value(uint16_t half)
{
    unsigned a = half & 0x7fff;
    if (a < 0x80) {
        /* not through a float: it is subnormal there, and a process may flush those */
        double v = (double)a * 0x1p-133;
        return half & 0x8000 ? -v : v;
    }
    return float_of_bits(bf16_to_f32_bits(half));
}

#endif /* FORY_KERNELS_HALF_BITS_H */
