/* AVX-512 tier. No kernel of its own yet: a slot is filled only by a body that
 * was measured faster than the one below, so this table is the AVX2 tier under
 * its own name. The unit still compiles with the tier's flags and says so,
 * which is what a first body needs. */
#include "kernels/tiers.h"

#if (defined(__x86_64__) || defined(_M_X64)) && defined(__AVX512F__) && defined(__AVX512BW__) && \
    defined(__AVX512VL__) && defined(__AVX512DQ__) && FORY_UNIT_BMI2_ != 0 && FORY_UNIT_F16C_ != 0

static const fory_kernels avx512_table = {
    .tier = FORY_TIER_AVX512,
    .name = "avx512",
    .encode_vi64 = fory_avx2_encode_vi64,
    .encode_vu64 = fory_avx2_encode_vu64,
    .encode_vi32 = fory_avx2_encode_vi32,
    .encode_vu32 = fory_avx2_encode_vu32,
    .decode_vi64 = fory_avx2_decode_vi64,
    .decode_vu64 = fory_avx2_decode_vu64,
    .decode_vi32 = fory_avx2_decode_vi32,
    .decode_vu32 = fory_avx2_decode_vu32,
    .is_ascii = fory_avx2_is_ascii,
    .utf16_has_surrogate = fory_avx2_utf16_has_surrogate,
    .utf16_or = fory_avx2_utf16_or,
    .f32_to_f16 = fory_avx2_f32_to_f16,
    .f64_to_f16 = fory_avx2_f64_to_f16,
    .f16_to_f32 = fory_avx2_f16_to_f32,
    .f32_to_bf16 = fory_avx2_f32_to_bf16,
    .f64_to_bf16 = fory_avx2_f64_to_bf16,
    .bf16_to_f32 = fory_avx2_bf16_to_f32,
    .bool_normalize = fory_avx2_bool_normalize,
};

const fory_tier_entry fory_tier_avx512 = {&avx512_table, NULL, FORY_CPU_SSE2 | FORY_UNIT_FEATURES};

#else

const fory_tier_entry fory_tier_avx512 = {NULL, NULL, 0};

#endif
