/* AVX2 tier: AVX2, BMI2 (pdep, pext, bzhi) and F16C on x86-64. */
#include "kernels/half_bits.h"
#include "kernels/tiers.h"

#include "simde/x86/avx2.h"
#include "simde/x86/f16c.h"

/* 64-bit only: the 64-bit pdep exists nowhere else, and SSE2, hence the
 * baseline tier's functions in the table, is certain there. */
#if (defined(__x86_64__) || defined(_M_X64)) && defined(SIMDE_X86_AVX2_NATIVE) && \
    defined(SIMDE_X86_F16C_NATIVE) && FORY_UNIT_BMI2_ != 0

#include <immintrin.h>

#define FORY_BODY_TIER 2
#define FORY_KERNEL(name) fory_avx2_##name

#include "kernels/varint_body.inc"
#include "kernels/text_body.inc"
#include "kernels/half_body.inc"
#include "kernels/bool_body.inc"

#define FORY_AVX2_SLOTS                                  \
    .is_ascii = fory_avx2_is_ascii,                      \
    .utf16_has_surrogate = fory_avx2_utf16_has_surrogate, \
    .utf16_or = fory_avx2_utf16_or,                      \
    .f32_to_f16 = fory_avx2_f32_to_f16,                  \
    .f64_to_f16 = fory_avx2_f64_to_f16,                  \
    .f16_to_f32 = fory_avx2_f16_to_f32,                  \
    .f32_to_bf16 = fory_avx2_f32_to_bf16,                \
    .f64_to_bf16 = fory_avx2_f64_to_bf16,                \
    .bf16_to_f32 = fory_avx2_bf16_to_f32,                \
    .bool_normalize = fory_avx2_bool_normalize

static const fory_kernels avx2_table = {
    .tier = FORY_TIER_AVX2,
    .name = "avx2",
    .encode_vi64 = fory_avx2_encode_vi64,
    .encode_vu64 = fory_avx2_encode_vu64,
    .encode_vi32 = fory_avx2_encode_vi32,
    .encode_vu32 = fory_avx2_encode_vu32,
    .decode_vi64 = fory_avx2_decode_vi64,
    .decode_vu64 = fory_avx2_decode_vu64,
    .decode_vi32 = fory_avx2_decode_vi32,
    .decode_vu32 = fory_avx2_decode_vu32,
    FORY_AVX2_SLOTS,
};

static const fory_kernels slow_pdep_table = {
    .tier = FORY_TIER_AVX2,
    .name = "avx2",
    .encode_vi64 = fory_baseline_encode_vi64,
    .encode_vu64 = fory_baseline_encode_vu64,
    .encode_vi32 = fory_baseline_encode_vi32,
    .encode_vu32 = fory_baseline_encode_vu32,
    .decode_vi64 = fory_baseline_decode_vi64,
    .decode_vu64 = fory_baseline_decode_vu64,
    .decode_vi32 = fory_baseline_decode_vi32,
    .decode_vu32 = fory_baseline_decode_vu32,
    FORY_AVX2_SLOTS,
};

const fory_tier_entry fory_tier_avx2 = {&avx2_table, &slow_pdep_table, FORY_CPU_SSE2 | FORY_UNIT_FEATURES};

#else

const fory_tier_entry fory_tier_avx2 = {NULL, NULL, 0};

#endif
