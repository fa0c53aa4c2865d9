/* Private header of the wire room: the Fory protocol on plain memory.
 *
 * Nothing here knows Python. A writer owns a growable span whose growth is a
 * callback (so the engine can write straight into the object it returns); a
 * reader is a bounded cursor. Readers return FORY_OK, FORY_TRUNCATED or
 * FORY_MALFORMED and never move past `end`. */
#ifndef FORY_WIRE_H
#define FORY_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define FORY_LIKELY(x) __builtin_expect(!!(x), 1)
#define FORY_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define FORY_INLINE static inline __attribute__((always_inline))
#define FORY_NOINLINE __attribute__((noinline))
#define FORY_COLD __attribute__((noinline, cold))
#define FORY_PREFETCH(p) __builtin_prefetch(p)
#else
#define FORY_LIKELY(x) (x)
#define FORY_UNLIKELY(x) (x)
#define FORY_INLINE static __forceinline
#define FORY_NOINLINE __declspec(noinline)
#define FORY_COLD __declspec(noinline)
#define FORY_PREFETCH(p) ((void)(p))
#endif

enum { FORY_OK = 0, FORY_TRUNCATED = -1, FORY_MALFORMED = -2 };

/* reference flags (wire-format section 1.2), as the byte on the wire */
enum {
    FORY_FLAG_NULL = 0xfd,
    FORY_FLAG_REF = 0xfe,
    FORY_FLAG_NOT_NULL = 0xff,
    FORY_FLAG_REF_VALUE = 0x00
};

/* type ids (sections 5.2 and 9) */
enum fory_type_id {
    FORY_UNKNOWN = 0, FORY_BOOL = 1, FORY_INT8 = 2, FORY_INT16 = 3, FORY_INT32 = 4,
    FORY_VARINT32 = 5, FORY_INT64 = 6, FORY_VARINT64 = 7, FORY_TAGGED_INT64 = 8,
    FORY_UINT8 = 9, FORY_UINT16 = 10, FORY_UINT32 = 11, FORY_VAR_UINT32 = 12,
    FORY_UINT64 = 13, FORY_VAR_UINT64 = 14, FORY_TAGGED_UINT64 = 15,
    FORY_FLOAT16 = 17, FORY_BFLOAT16 = 18, FORY_FLOAT32 = 19, FORY_FLOAT64 = 20,
    FORY_STRING = 21, FORY_LIST = 22, FORY_SET = 23, FORY_MAP = 24, FORY_ENUM = 25,
    FORY_NAMED_ENUM = 26, FORY_STRUCT = 27, FORY_COMPATIBLE_STRUCT = 28,
    FORY_NAMED_STRUCT = 29, FORY_NAMED_COMPATIBLE_STRUCT = 30, FORY_EXT = 31,
    FORY_NAMED_EXT = 32, FORY_UNION = 33, FORY_TYPED_UNION = 34, FORY_NAMED_UNION = 35,
    FORY_NONE = 36, FORY_DURATION = 37, FORY_TIMESTAMP = 38, FORY_DATE = 39,
    FORY_DECIMAL = 40, FORY_BINARY = 41, FORY_BOOL_ARRAY = 43, FORY_INT8_ARRAY = 44,
    FORY_INT16_ARRAY = 45, FORY_INT32_ARRAY = 46, FORY_INT64_ARRAY = 47,
    FORY_UINT8_ARRAY = 48, FORY_UINT16_ARRAY = 49, FORY_UINT32_ARRAY = 50,
    FORY_UINT64_ARRAY = 51, FORY_FLOAT16_ARRAY = 53, FORY_BFLOAT16_ARRAY = 54,
    FORY_FLOAT32_ARRAY = 55, FORY_FLOAT64_ARRAY = 56, FORY_TYPE_ID_COUNT = 57
};

/* ---- unaligned little-endian loads and stores ------------------------- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FORY_BIG_ENDIAN 1
#define FORY_LE16(x) __builtin_bswap16(x)
#define FORY_LE32(x) __builtin_bswap32(x)
#define FORY_LE64(x) __builtin_bswap64(x)
#else
#define FORY_BIG_ENDIAN 0
#define FORY_LE16(x) (x)
#define FORY_LE32(x) (x)
#define FORY_LE64(x) (x)
#endif

FORY_INLINE void fory_store16(uint8_t *p, uint16_t v) { v = FORY_LE16(v); memcpy(p, &v, 2); }
FORY_INLINE void fory_store32(uint8_t *p, uint32_t v) { v = FORY_LE32(v); memcpy(p, &v, 4); }
FORY_INLINE void fory_store64(uint8_t *p, uint64_t v) { v = FORY_LE64(v); memcpy(p, &v, 8); }
FORY_INLINE uint16_t fory_load16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return FORY_LE16(v); }
FORY_INLINE uint32_t fory_load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return FORY_LE32(v); }
FORY_INLINE uint64_t fory_load64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return FORY_LE64(v); }

FORY_INLINE uint64_t fory_zigzag64(int64_t n) { return ((uint64_t)n << 1) ^ (uint64_t)(n >> 63); }
FORY_INLINE int64_t fory_unzigzag64(uint64_t z) { return (int64_t)(z >> 1) ^ -(int64_t)(z & 1); }
FORY_INLINE uint32_t fory_zigzag32(int32_t n) { return ((uint32_t)n << 1) ^ (uint32_t)(n >> 31); }
FORY_INLINE int32_t fory_unzigzag32(uint32_t z) { return (int32_t)(z >> 1) ^ -(int32_t)(z & 1); }

/* ---- writer ------------------------------------------------------------ */

typedef struct fory_writer {
    uint8_t *pos;   /* next byte to write */
    uint8_t *end;   /* one past the capacity */
    uint8_t *start; /* first byte */
    /* Makes room for at least `need` more bytes at pos; may move the span.
     * 0, or -1 with the owner's error recorded. */
    int (*grow)(struct fory_writer *w, size_t need);
} fory_writer;

/* Room for n bytes at pos. Everything named fory_put_* below writes without
 * checking; call this once per run of fixed-size fields. */
FORY_INLINE int
fory_ensure(fory_writer *w, size_t n)
{
    if (FORY_LIKELY((size_t)(w->end - w->pos) >= n)) {
        return 0;
    }
    return w->grow(w, n);
}

FORY_INLINE void fory_put_u8(fory_writer *w, uint8_t v) { *w->pos++ = v; }
FORY_INLINE void fory_put_u16(fory_writer *w, uint16_t v) { fory_store16(w->pos, v); w->pos += 2; }
FORY_INLINE void fory_put_u32(fory_writer *w, uint32_t v) { fory_store32(w->pos, v); w->pos += 4; }
FORY_INLINE void fory_put_u64(fory_writer *w, uint64_t v) { fory_store64(w->pos, v); w->pos += 8; }

enum { FORY_VU32_MAX = 5, FORY_VU64_MAX = 9 };

/* needs 5 bytes of room */
FORY_INLINE void
fory_put_vu32(fory_writer *w, uint32_t v)
{
    uint8_t *p = w->pos;
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    w->pos = p;
}

/* 56 bits -> eight groups of seven, one per byte, and back: three halvings. */
FORY_INLINE uint64_t
fory_spread7(uint64_t v)
{
    v = (v & UINT64_C(0x000000000fffffff)) | (v & UINT64_C(0x00fffffff0000000)) << 4;
    v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x0fffc0000fffc000)) << 2;
    return (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x3f803f803f803f80)) << 1;
}

FORY_INLINE uint64_t
fory_gather7(uint64_t v)
{
    v = (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x7f007f007f007f00)) >> 1;
    v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (v & UINT64_C(0x000000000fffffff)) | (v & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* needs 9 bytes of room; the ninth byte carries eight bits (section 2.1).
 * Beyond two bytes the length is not branched on: values of mixed width would
 * mispredict. */
FORY_INLINE void
fory_put_vu64(fory_writer *w, uint64_t v)
{
    if (FORY_LIKELY(v < 0x80)) {
        *w->pos++ = (uint8_t)v;
        return;
    }
    if (v < 0x4000) {
        fory_store16(w->pos, (uint16_t)((v & 0x7f) | 0x80 | v >> 7 << 8));
        w->pos += 2;
        return;
    }
#if defined(__GNUC__) || defined(__clang__)
    unsigned size = (unsigned)(70 - __builtin_clzll(v)) / 7;
    if (FORY_LIKELY(size <= 8)) {
        uint64_t more = UINT64_C(0x8080808080808080) & ((UINT64_C(1) << (8 * (size - 1))) - 1);
        fory_store64(w->pos, fory_spread7(v) | more);
        w->pos += size;
        return;
    }
    fory_store64(w->pos, fory_spread7(v) | UINT64_C(0x8080808080808080));
    w->pos[8] = (uint8_t)(v >> 56);
    w->pos += 9;
#else
    int i = 0;
    while (v >= 0x80 && i < 8) {
        *w->pos++ = (uint8_t)(v | 0x80);
        v >>= 7;
        i++;
    }
    *w->pos++ = (uint8_t)v;
#endif
}

/* The same bytes as fory_put_vu32, without its branches; needs 9 bytes of room. */
FORY_INLINE void fory_put_vu32_roomy(fory_writer *w, uint32_t v) { fory_put_vu64(w, v); }
FORY_INLINE void fory_put_vi32_roomy(fory_writer *w, int32_t v) { fory_put_vu64(w, fory_zigzag32(v)); }
FORY_INLINE void fory_put_vi32(fory_writer *w, int32_t v) { fory_put_vu32(w, fory_zigzag32(v)); }
FORY_INLINE void fory_put_vi64(fory_writer *w, int64_t v) { fory_put_vu64(w, fory_zigzag64(v)); }

/* needs 9 bytes of room (section 2.2) */
FORY_INLINE void
fory_put_tagged_i64(fory_writer *w, int64_t v)
{
    if (v >= -((int64_t)1 << 30) && v < ((int64_t)1 << 30)) {
        fory_put_u32(w, (uint32_t)v << 1);
    }
    else {
        fory_put_u8(w, 1);
        fory_put_u64(w, (uint64_t)v);
    }
}

FORY_INLINE void
fory_put_tagged_u64(fory_writer *w, uint64_t v)
{
    if (v < ((uint64_t)1 << 31)) {
        fory_put_u32(w, (uint32_t)v << 1);
    }
    else {
        fory_put_u8(w, 1);
        fory_put_u64(w, v);
    }
}

/* Copies a short byte run; exact bounds on both sides. Two overlapping
 * moves replace the byte loop of memcpy's small sizes. */
FORY_INLINE void
fory_copy_short(uint8_t *dst, const uint8_t *src, size_t n)
{
    if (n >= 8) {
        if (n > 16) {
            if (n > 32) {
                memcpy(dst, src, n);
                return;
            }
            uint64_t x[2], y[2];
            memcpy(x, src, 16);
            memcpy(y, src + n - 16, 16);
            memcpy(dst, x, 16);
            memcpy(dst + n - 16, y, 16);
            return;
        }
        uint64_t a, b;
        memcpy(&a, src, 8);
        memcpy(&b, src + n - 8, 8);
        memcpy(dst, &a, 8);
        memcpy(dst + n - 8, &b, 8);
    }
    else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, src, 4);
        memcpy(&b, src + n - 4, 4);
        memcpy(dst, &a, 4);
        memcpy(dst + n - 4, &b, 4);
    }
    else if (n > 0) {
        uint8_t a = src[0], b = src[n / 2], c = src[n - 1];
        dst[0] = a;
        dst[n / 2] = b;
        dst[n - 1] = c;
    }
}

/* ---- reader ------------------------------------------------------------ */

typedef struct fory_reader {
    const uint8_t *pos;
    const uint8_t *end;
    const uint8_t *start;
    /* NULL for memory. For a stream: makes `need` bytes available at pos, moving
     * all three pointers; the old memory stays readable. FORY_OK, or
     * FORY_TRUNCATED when there are no more or the stream failed. */
    int (*more)(struct fory_reader *r, size_t need);
} fory_reader;

FORY_INLINE size_t fory_left(const fory_reader *r) { return (size_t)(r->end - r->pos); }

/* Slow path of fory_have (varint.c). */
FORY_COLD int fory_need(fory_reader *r, size_t n);

/* 1 when n bytes are there, which a stream is asked for. Callers ask only for
 * bytes that the message must have: a stream is never read past its end. */
FORY_INLINE int
fory_have(fory_reader *r, size_t n)
{
    return FORY_LIKELY(fory_left(r) >= n) || fory_need(r, n) == FORY_OK;
}

FORY_INLINE int
fory_get_u8(fory_reader *r, uint8_t *out)
{
    if (FORY_UNLIKELY(r->pos >= r->end) && fory_need(r, 1) != FORY_OK) {
        return FORY_TRUNCATED;
    }
    *out = *r->pos++;
    return FORY_OK;
}

#define FORY_DEFINE_GET(bits)                                             \
    FORY_INLINE int fory_get_u##bits(fory_reader *r, uint##bits##_t *out) \
    {                                                                     \
        if (!fory_have(r, bits / 8)) {                                    \
            return FORY_TRUNCATED;                                        \
        }                                                                 \
        *out = fory_load##bits(r->pos);                                   \
        r->pos += bits / 8;                                               \
        return FORY_OK;                                                   \
    }
FORY_DEFINE_GET(16)
FORY_DEFINE_GET(32)
FORY_DEFINE_GET(64)

/* out-of-line bodies in varint.c; exact bounds, at most 5 or 9 bytes */
int fory_get_vu32_slow(fory_reader *r, uint32_t *out);
int fory_get_vu64_slow(fory_reader *r, uint64_t *out);

/* Overlong forms are accepted; a fifth byte above 0x0f is FORY_MALFORMED. */
FORY_INLINE int
fory_get_vu32(fory_reader *r, uint32_t *out)
{
    if (FORY_LIKELY(r->pos < r->end && *r->pos < 0x80)) {
        *out = *r->pos++;
        return FORY_OK;
    }
#if defined(__GNUC__) || defined(__clang__)
    if (FORY_LIKELY(r->end - r->pos >= 8)) {
        uint64_t v = fory_load64(r->pos);
        uint64_t stop = ~v & UINT64_C(0x8080808080);
        if (FORY_LIKELY(stop != 0)) {
            uint64_t value = fory_gather7(v & (stop ^ (stop - 1)));
            if (FORY_LIKELY(value <= UINT32_MAX)) {
                *out = (uint32_t)value;
                r->pos += (unsigned)(__builtin_ctzll(stop) + 1) / 8;
                return FORY_OK;
            }
        }
    }
#endif
    return fory_get_vu32_slow(r, out);
}

FORY_INLINE int
fory_get_vu64(fory_reader *r, uint64_t *out)
{
    if (FORY_LIKELY(r->pos < r->end && *r->pos < 0x80)) {
        *out = *r->pos++;
        return FORY_OK;
    }
#if defined(__GNUC__) || defined(__clang__)
    if (FORY_LIKELY(r->end - r->pos >= 8)) {
        uint64_t v = fory_load64(r->pos);
        uint64_t stop = ~v & UINT64_C(0x8080808080808080);
        if (FORY_LIKELY(stop != 0)) {
            *out = fory_gather7(v & (stop ^ (stop - 1)));
            r->pos += (unsigned)(__builtin_ctzll(stop) + 1) / 8;
            return FORY_OK;
        }
    }
#endif
    return fory_get_vu64_slow(r, out);
}

FORY_INLINE int
fory_get_vi32(fory_reader *r, int32_t *out)
{
    uint32_t z;
    int rc = fory_get_vu32(r, &z);
    if (FORY_LIKELY(rc == FORY_OK)) {
        *out = fory_unzigzag32(z);
    }
    return rc;
}

FORY_INLINE int
fory_get_vi64(fory_reader *r, int64_t *out)
{
    uint64_t z;
    int rc = fory_get_vu64(r, &z);
    if (FORY_LIKELY(rc == FORY_OK)) {
        *out = fory_unzigzag64(z);
    }
    return rc;
}

FORY_INLINE int
fory_get_tagged_i64(fory_reader *r, int64_t *out)
{
    uint32_t head;
    if (!fory_have(r, 4)) {
        return FORY_TRUNCATED;
    }
    head = fory_load32(r->pos);
    if ((head & 1) == 0) {
        *out = (int32_t)head >> 1;
        r->pos += 4;
        return FORY_OK;
    }
    if (!fory_have(r, 9)) {
        return FORY_TRUNCATED;
    }
    *out = (int64_t)fory_load64(r->pos + 1);
    r->pos += 9;
    return FORY_OK;
}

FORY_INLINE int
fory_get_tagged_u64(fory_reader *r, uint64_t *out)
{
    uint32_t head;
    if (!fory_have(r, 4)) {
        return FORY_TRUNCATED;
    }
    head = fory_load32(r->pos);
    if ((head & 1) == 0) {
        *out = head >> 1;
        r->pos += 4;
        return FORY_OK;
    }
    if (!fory_have(r, 9)) {
        return FORY_TRUNCATED;
    }
    *out = fory_load64(r->pos + 1);
    r->pos += 9;
    return FORY_OK;
}

/* ---- MurmurHash3_x64_128 (murmur3.c) ----------------------------------- */

void fory_murmur3_x64_128(const void *data, size_t len, uint32_t seed, uint64_t out[2]);

/* ---- meta strings (metastring.c, section 10) --------------------------- */

enum fory_meta_encoding {
    FORY_META_UTF8 = 0, FORY_META_LOWER_SPECIAL = 1, FORY_META_LOWER_UPPER_DIGIT = 2,
    FORY_META_FIRST_TO_LOWER = 3, FORY_META_ALL_TO_LOWER = 4
};

/* Chooses an encoding for the UTF-8 text among those whose bit is set in
 * `allowed` (bit n = encoding n; UTF8 is always allowed). special1/special2
 * are the context's code points 62 and 63. */
int fory_meta_choose(const char *text, size_t len, char special1, char special2, unsigned allowed);

/* Bytes of `text` in `encoding`. `out` has room for len + len/8 + 2 bytes
 * times two. Returns the size, or FORY_MALFORMED when it cannot be expressed. */
ptrdiff_t fory_meta_encode(const char *text, size_t len, int encoding, char special1, char special2,
                           uint8_t *out);

/* Decodes into `out` (room for 2*len*8/5 + 2 bytes). Returns the number of
 * UTF-8 bytes, or FORY_MALFORMED. UTF8 input is copied unchecked. */
ptrdiff_t fory_meta_decode(const uint8_t *data, size_t len, int encoding, char special1, char special2,
                           char *out);

#endif /* FORY_WIRE_H */
