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
    return f16_to_f64_value(bits);
}

double
fory_bf16_to_f64(uint16_t bits)
{
    return bf16_to_f64_value(bits);
}
