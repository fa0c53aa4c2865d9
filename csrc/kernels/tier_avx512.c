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
    FORY_VARINT_SLOTS(avx2),
    FORY_TAGGED_SLOTS(avx2),
    FORY_TEXT_SLOTS(avx2),
    FORY_TRANSCODE_SLOTS(avx2),
    FORY_UNIT_SLOTS(baseline),
    FORY_LOOP_SLOTS(avx2),
    FORY_FLOAT_SLOTS(avx2),
    FORY_SLOT(baseline, bf16_to_f64),
    FORY_DOUBLE_SLOTS(avx2),
    FORY_BITS_SLOTS(avx2),
    FORY_SWAP_SLOTS(baseline),
    FORY_PLAIN_SLOTS,
};

const fory_tier_entry fory_tier_avx512 = {&avx512_table, NULL, FORY_CPU_SSE2 | FORY_UNIT_FEATURES};

#else

const fory_tier_entry fory_tier_avx512 = {NULL, NULL, 0};

#endif
