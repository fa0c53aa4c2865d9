/* Conversions of one half float, for scalar fields. */
#include "kernels/half_bits.h"

uint16_t
fory_f64_to_f16(double v)
{
    return f64_to_f16_bits(double_bits(v));
}

uint16_t
fory_f64_to_bf16(double v)
{
    return f64_to_bf16_bits(double_bits(v));
}

double
fory_f16_to_f64(uint16_t bits)
{
    return float_of_bits(f16_to_f32_bits(bits));
}

double
fory_bf16_to_f64(uint16_t bits)
{
    unsigned a = bits & 0x7fff;
    if (a < 0x80) {
        /* not through a float: it is subnormal there, and a process may flush those */
        double v = (double)a * 0x1p-133;
        return bits & 0x8000 ? -v : v;
    }
    return float_of_bits(bf16_to_f32_bits(bits));
}
