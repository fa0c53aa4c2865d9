/* MurmurHash3_x64_128 against the check values of wire-format section 11 and
 * the hashes inside its examples. */
#include "check.h"

#include "wire/wire.h"

static void
check_hash(const char *name, const void *data, size_t n, uint32_t seed, int64_t lane0, int64_t lane1)
{
    uint64_t out[2];
    fory_murmur3_x64_128(data, n, seed, out);
    CHECK((int64_t)out[0] == lane0, "%s: lane 0 is %lld", name, (long long)out[0]);
    CHECK((int64_t)out[1] == lane1, "%s: lane 1 is %lld", name, (long long)out[1]);
}

/* TypeDefs of section 11.1: header, then body; the header's top 52 bits are
 * |hash << 12| of body and size. */
static const char *const type_defs[] = {
    "0bd06d13be517737 c201 440700c4 4815340c20",
    "10a0e5054e298776 e2 0d0c8c70 073c 440700c4 4815340c20",
    "02108c3724525348 c009",
    "05d04232495d7925 c101 420714",
    "0aa0bc055844f323 01 0d0c8c70 1389cb7440",
    "07604e0f7340d25e 05 0d0c8c70 0750",
    "1430cb24e5abcd5c c309 44015f78 88075d5ca0 5815951194fad03080",
    "150067b79a48d23d c6c801 fc0001 cc07 4407e720 fa07 c015 fc9d02161c",
    "07a074de69887305 c101 4016581c14",
};

static void
test_type_defs(void)
{
    for (size_t c = 0; c < sizeof(type_defs) / sizeof(type_defs[0]); c++) {
        uint8_t bytes[128];
        uint64_t out[2], header, hash;
        size_t n = from_hex(type_defs[c], bytes);
        size_t size = n - 8;
        header = fory_load64(bytes);
        CHECK((header & 0xff) == size, "%s: size", type_defs[c]);
        fory_store16(bytes + n, (uint16_t)size);
        fory_murmur3_x64_128(bytes + 8, size + 2, 47, out);
        hash = out[0] << 12;
        if ((int64_t)hash < 0) {
            hash = 0 - hash;
        }
        CHECK((hash & ~UINT64_C(0xfff)) == (header & ~UINT64_C(0xfff)), "%s: hash", type_defs[c]);
    }
}

/* Every length and every offset: only the bytes count, and each of them. */
static void
test_bytes_count(void)
{
    uint8_t data[80], moved[96];
    uint64_t seed = 3;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)next_random(&seed);
    }
    for (size_t n = 0; n <= 64; n++) {
        uint64_t a[2], b[2];
        fory_murmur3_x64_128(data, n, 7, a);
        for (size_t offset = 0; offset < 16; offset++) {
            memset(moved, 0xee, sizeof(moved));
            memcpy(moved + offset, data, n);
            fory_murmur3_x64_128(moved + offset, n, 7, b);
            CHECK(a[0] == b[0] && a[1] == b[1], "length %zu offset %zu", n, offset);
        }
        memcpy(moved, data, n);
        for (size_t i = 0; i < n; i++) {
            moved[i] ^= 1;
            fory_murmur3_x64_128(moved, n, 7, b);
            CHECK(a[0] != b[0] && a[1] != b[1], "length %zu byte %zu", n, i);
            moved[i] ^= 1;
        }
        fory_murmur3_x64_128(data, n, 8, b);
        CHECK(a[0] != b[0], "length %zu seed", n);
    }
}

int
main(void)
{
    check_hash("empty, seed 0", "", 0, 0, 0, 0);
    check_hash("empty, seed 47", "", 0, 47, INT64_C(-4047476191984508614), INT64_C(4242348631633212199));
    check_hash("abc, seed 47", "abc", 3, 47, INT64_C(2908186905518554448), INT64_C(-417192714684214253));
    test_type_defs();
    test_bytes_count();
    return check_report("test_murmur3");
}
