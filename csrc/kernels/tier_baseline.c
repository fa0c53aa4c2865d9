/* Baseline tier: what every x86-64 (SSE2) and every arm64 (NEON) has. */
#include "kernels/half_bits.h"
#include "kernels/tiers.h"

#include "simde/x86/sse2.h"

#if defined(SIMDE_X86_SSE2_NATIVE) || (defined(SIMDE_ARM_NEON_A64V8_NATIVE) && !defined(__ARM_BIG_ENDIAN))

#define FORY_BODY_TIER 1
#define FORY_KERNEL(name) fory_baseline_##name

#include "kernels/varint_body.inc"
#include "kernels/text_body.inc"
#include "kernels/half_body.inc"

static const fory_kernels baseline_table = {
    .tier = FORY_TIER_BASELINE,
    .name = "baseline",
    .encode_vi64 = fory_baseline_encode_vi64,
    .encode_vu64 = fory_baseline_encode_vu64,
    .encode_vi32 = fory_baseline_encode_vi32,
    .encode_vu32 = fory_baseline_encode_vu32,
    .decode_vi64 = fory_baseline_decode_vi64,
    .decode_vu64 = fory_baseline_decode_vu64,
    .decode_vi32 = fory_baseline_decode_vi32,
    .decode_vu32 = fory_baseline_decode_vu32,
    .is_ascii = fory_baseline_is_ascii,
    .utf16_has_surrogate = fory_baseline_utf16_has_surrogate,
    .utf16_or = fory_baseline_utf16_or,
    .f32_to_f16 = fory_baseline_f32_to_f16,
    .f64_to_f16 = fory_scalar_f64_to_f16,
    .f16_to_f32 = fory_baseline_f16_to_f32,
    .f32_to_bf16 = fory_baseline_f32_to_bf16,
    .f64_to_bf16 = fory_scalar_f64_to_bf16,
    .bf16_to_f32 = fory_baseline_bf16_to_f32,
    .bool_normalize = fory_scalar_bool_normalize,
};

/* The unit's own features on x86 only: elsewhere NEON is unconditional. */
#if defined(SIMDE_X86_SSE2_NATIVE)
#define NEEDS (FORY_CPU_SSE2 | FORY_UNIT_FEATURES)
#else
#define NEEDS 0
#endif

const fory_tier_entry fory_tier_baseline = {&baseline_table, NULL, NEEDS};

#else

const fory_tier_entry fory_tier_baseline = {NULL, NULL, 0};

#endif
