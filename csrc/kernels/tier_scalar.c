/* Scalar tier: portable C, defines the results of all others. */
#include "kernels/half_bits.h"
#include "kernels/tiers.h"

#define FORY_BODY_TIER 0
#define FORY_KERNEL(name) fory_scalar_##name

#include "kernels/varint_body.inc"
#include "kernels/text_body.inc"
#include "kernels/half_body.inc"
#include "kernels/bool_body.inc"

static const fory_kernels scalar_table = {
    .tier = FORY_TIER_SCALAR,
    .name = "scalar",
    .encode_vi64 = fory_scalar_encode_vi64,
    .encode_vu64 = fory_scalar_encode_vu64,
    .encode_vi32 = fory_scalar_encode_vi32,
    .encode_vu32 = fory_scalar_encode_vu32,
    .decode_vi64 = fory_scalar_decode_vi64,
    .decode_vu64 = fory_scalar_decode_vu64,
    .decode_vi32 = fory_scalar_decode_vi32,
    .decode_vu32 = fory_scalar_decode_vu32,
    .is_ascii = fory_scalar_is_ascii,
    .utf16_has_surrogate = fory_scalar_utf16_has_surrogate,
    .utf16_or = fory_scalar_utf16_or,
    .f32_to_f16 = fory_scalar_f32_to_f16,
    .f64_to_f16 = fory_scalar_f64_to_f16,
    .f16_to_f32 = fory_scalar_f16_to_f32,
    .f32_to_bf16 = fory_scalar_f32_to_bf16,
    .f64_to_bf16 = fory_scalar_f64_to_bf16,
    .bf16_to_f32 = fory_scalar_bf16_to_f32,
    .bool_normalize = fory_scalar_bool_normalize,
};

const fory_tier_entry fory_tier_scalar = {&scalar_table, NULL, 0};
