/* Baseline tier: 128-bit vectors. SSE4.1 on x86-64, where a build that was not
 * given its flag leaves out what needs a byte shuffle; NEON on arm64. */
#include "kernels/half_bits.h"
#include "kernels/text_bits.h"
#include "kernels/tiers.h"

#include "simde/x86/sse4.1.h"

#if defined(SIMDE_X86_SSE2_NATIVE) || (defined(SIMDE_ARM_NEON_A64V8_NATIVE) && !defined(__ARM_BIG_ENDIAN))

#define FORY_BODY_TIER 1
#define FORY_KERNEL(name) fory_baseline_##name

#if defined(SIMDE_X86_SSE4_1_NATIVE) || defined(SIMDE_ARM_NEON_A64V8_NATIVE)
#define FORY_HAVE_SHUFFLE 1
#include "kernels/lanes.h"
#else
#define FORY_HAVE_SHUFFLE 0
#endif

#include "kernels/varint_body.inc"
#include "kernels/tagged_body.inc"
#include "kernels/text_body.inc"
#include "kernels/half_body.inc"
#include "kernels/bits_body.inc"

#if FORY_HAVE_SHUFFLE
#include "kernels/transcode_body.inc"
#define TRANSCODE_SLOTS FORY_TRANSCODE_SLOTS(baseline), FORY_UNIT_SLOTS(baseline)
#else
#define TRANSCODE_SLOTS FORY_TRANSCODE_SLOTS(scalar), FORY_UNIT_SLOTS(scalar)
#endif

static const fory_kernels baseline_table = {
    .tier = FORY_TIER_BASELINE,
    .name = "baseline",
    FORY_VARINT_SLOTS(baseline),
    FORY_TAGGED_SLOTS(baseline),
    FORY_TEXT_SLOTS(baseline),
    TRANSCODE_SLOTS,
    FORY_LOOP_SLOTS(scalar),
    FORY_FLOAT_SLOTS(baseline),
    FORY_SLOT(baseline, bf16_to_f64),
    FORY_DOUBLE_SLOTS(scalar),
    FORY_BITS_SLOTS(baseline),
    FORY_SWAP_SLOTS(baseline),
    FORY_PLAIN_SLOTS,
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
