/* Scalar tier: portable C, defines the results of all others. */
#include "kernels/half_bits.h"
#include "kernels/text_bits.h"
#include "kernels/tiers.h"

#define FORY_BODY_TIER 0
#define FORY_KERNEL(name) fory_scalar_##name

#include "kernels/varint_body.inc"
#include "kernels/tagged_body.inc"
#include "kernels/text_body.inc"
#include "kernels/transcode_body.inc"
#include "kernels/half_body.inc"
#include "kernels/bits_body.inc"
#include "kernels/rows_body.inc"

static const fory_kernels scalar_table = {
    .tier = FORY_TIER_SCALAR,
    .name = "scalar",
    FORY_VARINT_SLOTS(scalar),
    FORY_TAGGED_SLOTS(scalar),
    FORY_TEXT_SLOTS(scalar),
    FORY_TRANSCODE_SLOTS(scalar),
    FORY_UNIT_SLOTS(scalar),
    FORY_LOOP_SLOTS(scalar),
    FORY_FLOAT_SLOTS(scalar),
    FORY_SLOT(scalar, bf16_to_f64),
    FORY_DOUBLE_SLOTS(scalar),
    FORY_BITS_SLOTS(scalar),
    FORY_SWAP_SLOTS(scalar),
    FORY_PLAIN_SLOTS,
};

const fory_tier_entry fory_tier_scalar = {&scalar_table, NULL, 0};
