/* AVX2 tier: AVX2, BMI2 (pdep, pext, bzhi) and F16C on x86-64. */
#include "kernels/half_bits.h"
#include "kernels/text_bits.h"
#include "kernels/tiers.h"

#include "simde/x86/avx2.h"
#include "simde/x86/f16c.h"

/* 64-bit only: the 64-bit pdep exists nowhere else. What runs AVX2 runs the
 * baseline's functions in the table too. */
#if (defined(__x86_64__) || defined(_M_X64)) && defined(SIMDE_X86_AVX2_NATIVE) && \
    defined(SIMDE_X86_F16C_NATIVE) && FORY_UNIT_BMI2_ != 0

#include <immintrin.h>

#define FORY_BODY_TIER 2
#define FORY_KERNEL(name) fory_avx2_##name
#define FORY_HAVE_SHUFFLE 1

#include "kernels/lanes.h"

#include "kernels/varint_body.inc"
#include "kernels/tagged_body.inc"
#include "kernels/text_body.inc"
#include "kernels/transcode_body.inc"
#include "kernels/half_body.inc"
#include "kernels/bits_body.inc"

#define AVX2_SLOTS                       \
    FORY_TAGGED_SLOTS(avx2),             \
    FORY_TEXT_SLOTS(avx2),               \
    FORY_TRANSCODE_SLOTS(avx2),          \
    FORY_UNIT_SLOTS(baseline),           \
    FORY_LOOP_SLOTS(avx2),               \
    FORY_FLOAT_SLOTS(avx2),              \
    FORY_SLOT(baseline, bf16_to_f64),    \
    FORY_DOUBLE_SLOTS(avx2),             \
    FORY_BITS_SLOTS(avx2),               \
    FORY_SWAP_SLOTS(baseline),           \
    FORY_PLAIN_SLOTS

static const fory_kernels avx2_table = {
    .tier = FORY_TIER_AVX2,
    .name = "avx2",
    FORY_VARINT_SLOTS(avx2),
    AVX2_SLOTS,
};

static const fory_kernels slow_pdep_table = {
    .tier = FORY_TIER_AVX2,
    .name = "avx2",
    FORY_VARINT_SLOTS(baseline),
    AVX2_SLOTS,
};

const fory_tier_entry fory_tier_avx2 = {&avx2_table, &slow_pdep_table, FORY_CPU_SSE2 | FORY_UNIT_FEATURES};

#else

const fory_tier_entry fory_tier_avx2 = {NULL, NULL, 0};

#endif
