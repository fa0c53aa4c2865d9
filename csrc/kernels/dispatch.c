/* Which tiers this process can run: CPUID, XGETBV, and what was compiled. */
#include "kernels/tiers.h"

#if defined(__x86_64__) || defined(_M_X64) || defined(__i386__) || defined(_M_IX86)
#define FORY_X86 1
#if !defined(_MSC_VER) || defined(__clang__)
#include <cpuid.h>
#endif
#else
#define FORY_X86 0
#endif

#if FORY_X86

enum { EAX, EBX, ECX, EDX };

static void
cpuid(unsigned leaf, unsigned r[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
    int regs[4];
    __cpuidex(regs, (int)leaf, 0);
    for (int i = 0; i < 4; i++) {
        r[i] = (unsigned)regs[i];
    }
#else
    __cpuid_count(leaf, 0, r[EAX], r[EBX], r[ECX], r[EDX]);
#endif
}

/* The register sets that the operating system saves (XCR0). */
static unsigned
saved_state(void)
{
#if defined(_MSC_VER) && !defined(__clang__)
    return (unsigned)_xgetbv(0);
#else
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    (void)high;
    return low;
#endif
}

#define BIT(word, n) (((word) >> (n)) & 1u)

static unsigned
cpu_features(void)
{
    const unsigned avx_state = 0x06, avx512_state = 0xe6;
    unsigned found = 0, r[4], max_leaf, max_extended, state = 0;
    unsigned family, amd;

    cpuid(0, r);
    max_leaf = r[EAX];
    /* "AuthenticAMD", "HygonGenuine" by their first four letters */
    amd = r[EBX] == 0x68747541u || r[EBX] == 0x6f677948u;
    if (max_leaf < 1) {
        return 0;
    }
    cpuid(1, r);
    family = (r[EAX] >> 8) & 0xf;
    if (family == 0xf) {
        family += (r[EAX] >> 20) & 0xff;
    }
    found |= BIT(r[EDX], 26) ? FORY_CPU_SSE2 : 0u;
    found |= BIT(r[ECX], 9) ? FORY_CPU_SSSE3 : 0u;
    found |= BIT(r[ECX], 19) ? FORY_CPU_SSE41 : 0u;
    found |= BIT(r[ECX], 20) ? FORY_CPU_SSE42 : 0u;
    found |= BIT(r[ECX], 23) ? FORY_CPU_POPCNT : 0u;
    if (BIT(r[ECX], 27) && BIT(r[ECX], 28)) { /* OSXSAVE, AVX */
        state = saved_state();
    }
    if ((state & avx_state) == avx_state) {
        found |= BIT(r[ECX], 12) ? FORY_CPU_FMA : 0u;
        found |= BIT(r[ECX], 29) ? FORY_CPU_F16C : 0u;
    }
    if (max_leaf >= 7) {
        cpuid(7, r);
        found |= BIT(r[EBX], 3) ? FORY_CPU_BMI : 0u;
        found |= BIT(r[EBX], 8) ? FORY_CPU_BMI2 : 0u;
        if ((state & avx_state) == avx_state && BIT(r[EBX], 5)) {
            found |= FORY_CPU_AVX2;
        }
        if ((state & avx512_state) == avx512_state && BIT(r[EBX], 16) && BIT(r[EBX], 17) && BIT(r[EBX], 30) &&
            BIT(r[EBX], 31)) {
            found |= FORY_CPU_AVX512;
        }
    }
    cpuid(0x80000000u, r);
    max_extended = r[EAX];
    if (max_extended >= 0x80000001u) {
        cpuid(0x80000001u, r);
        found |= BIT(r[ECX], 5) ? FORY_CPU_LZCNT : 0u;
    }
    /* microcoded before Zen 3: family 17h (Zen, Zen 2), 18h (Hygon), 15h */
    if ((found & FORY_CPU_BMI2) && !(amd && family < 0x19)) {
        found |= FORY_CPU_FAST_PDEP;
    }
    return found;
}

#else

static unsigned
cpu_features(void)
{
    return 0;
}

#endif /* FORY_X86 */

const fory_kernels *
fory_kernels_of_tier(int tier)
{
    static const fory_tier_entry *const entries[FORY_TIER_COUNT] = {
        &fory_tier_scalar, &fory_tier_baseline, &fory_tier_avx2, &fory_tier_avx512};
    const fory_tier_entry *entry;
    unsigned found;

    if (tier < 0 || tier >= FORY_TIER_COUNT) {
        return NULL;
    }
    entry = entries[tier];
    if (entry->table == NULL || entry->needs == 0) {
        return entry->table;
    }
    found = cpu_features();
    if ((found & entry->needs) != entry->needs) {
        return NULL;
    }
    return entry->slow_pdep != NULL && !(found & FORY_CPU_FAST_PDEP) ? entry->slow_pdep : entry->table;
}

int
fory_cpu_best_tier(void)
{
    int tier = FORY_TIER_COUNT - 1;
    while (tier > FORY_TIER_SCALAR && fory_kernels_of_tier(tier) == NULL) {
        tier--;
    }
    return tier;
}

int
fory_tier_from_name(const char *name)
{
    static const char names[FORY_TIER_COUNT][9] = {"scalar", "baseline", "avx2", "avx512"};
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        if (strcmp(name, names[tier]) == 0) {
            return tier;
        }
    }
    return -1;
}
