/* Texts and floats that repeat while many rows are decoded.
 *
 * Direct-mapped; the whole content is compared, so a hit is always right. Every
 * node pays for its own misses: one whose values rarely repeat is soon left out. */
#include "row/row.h"

#define CREDIT_START 64
#define CREDIT_MOST 256
/* A hit is worth this many misses: it saves an allocation, for keys a hash as well. */
#define CREDIT_HIT 2

ForyRowCache *
fory_row_cache_new(uint32_t n_nodes)
{
    ForyRowCache *cache = PyMem_Calloc(1, sizeof(*cache) + n_nodes * sizeof(cache->credit[0]));
    for (uint32_t i = 0; cache != NULL && i < n_nodes; i++) {
        cache->credit[i] = CREDIT_START;
    }
    return cache;
}

void
fory_row_cache_free(ForyRowCache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < FORY_ROW_CACHED_TEXTS; i++) {
        Py_XDECREF(cache->texts[i].text);
    }
    for (size_t i = 0; i < FORY_ROW_CACHED_FLOATS; i++) {
        Py_XDECREF(cache->floats[i].number);
    }
    PyMem_Free(cache);
}

FORY_INLINE void
count_hit(int16_t *credit)
{
    if (*credit < CREDIT_MOST) {
        *credit = (int16_t)(*credit + CREDIT_HIT);
    }
}

FORY_INLINE uint64_t
mix(uint64_t h)
{
    h *= UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

PyObject *
fory_row_cached_text(ForyRowDecoder *d, const ForyRowNode *node, const uint8_t *p, size_t n)
{
    int16_t *credit = &d->cache->credit[node->number];
    uint64_t low, high;
    size_t i;
    PyObject *text, *old;
    /* CPython has all texts of one character already */
    if (*credit <= 0 || n < 2 || n > FORY_ROW_CACHED_SIZE) {
        return fory_row_read_text(d->st, p, n);
    }
    if (n >= 8) {
        low = fory_load64(p);
        high = fory_load64(p + n - 8);
    }
    else if (n >= 4) {
        low = fory_load32(p);
        high = fory_load32(p + n - 4);
    }
    else {
        low = fory_load16(p);
        high = p[n - 1];
    }
    i = (size_t)mix((low ^ high * UINT64_C(0x9E3779B97F4A7C15)) + n) % FORY_ROW_CACHED_TEXTS;
    text = d->cache->texts[i].text;
    if (text != NULL && d->cache->texts[i].low == low && d->cache->texts[i].high == high &&
        d->cache->texts[i].size == n) {
        count_hit(credit);
        return Py_NewRef(text);
    }
    --*credit;
    text = fory_row_read_text(d->st, p, n);
    if (text != NULL) {
        old = d->cache->texts[i].text;
        d->cache->texts[i].low = low;
        d->cache->texts[i].high = high;
        d->cache->texts[i].size = n;
        d->cache->texts[i].text = Py_NewRef(text);
        Py_XDECREF(old);
    }
    return text;
}

PyObject *
fory_row_cached_float(ForyRowDecoder *d, const ForyRowNode *node, const uint8_t *p)
{
    int16_t *credit = &d->cache->credit[node->number];
    uint64_t bits = fory_load64(p);
    double value;
    size_t i;
    PyObject *number, *old;
    memcpy(&value, &bits, 8);
    if (*credit <= 0) {
        return PyFloat_FromDouble(value);
    }
    i = (size_t)mix(bits ^ bits >> 32) % FORY_ROW_CACHED_FLOATS;
    number = d->cache->floats[i].number;
    if (number != NULL && d->cache->floats[i].bits == bits) {
        count_hit(credit);
        return Py_NewRef(number);
    }
    --*credit;
    number = PyFloat_FromDouble(value);
    if (number != NULL) {
        old = d->cache->floats[i].number;
        d->cache->floats[i].bits = bits;
        d->cache->floats[i].number = Py_NewRef(number);
        Py_XDECREF(old);
    }
    return number;
}
