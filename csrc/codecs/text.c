/* str and bytes (wire-format sections 3, 4.5 and 16). */
#include "codecs/codecs.h"
#include "codecs/plain.h"
#include "codecs/short_text.h"

#include "runtime/large.h"

enum { LATIN1 = 0, UTF16 = 1, UTF8 = 2 };

/* ---- str, writing --------------------------------------------------------------- */

static int
has_surrogates(ForyWriteCtx *w)
{
    fory_raise(w->st, FORY_E_INVALID_DATA, "str holds a lone surrogate, which no other runtime can read");
    return -1;
}

FORY_INLINE void
put_string_header(fory_writer *out, size_t size, int encoding)
{
    fory_put_vu64(out, (uint64_t)size << 2 | (unsigned)encoding);
}

/* The OR of n units at any address, and whether a surrogate is among them. */
FORY_INLINE unsigned
scan_units(const uint8_t *p, size_t n, int *surrogates)
{
    unsigned any = 0, found = 0;
    size_t i = 0;
#ifdef FORY_UNIT_VECTORS
    if (n >= 8) {
        fory_units8 all = {0}, marks = {0}, v;
        uint64_t halves[2];
        for (;; i = i + 8 < n - 8 ? i + 8 : n - 8) {
            memcpy(&v, p + 2 * i, 16);
            all |= v;
            marks |= (fory_units8)((v & 0xf800) == 0xd800);
            if (i == n - 8) {
                break;
            }
        }
        memcpy(halves, &marks, 16);
        *surrogates = (halves[0] | halves[1]) != 0;
        memcpy(halves, &all, 16);
        halves[0] |= halves[1];
        halves[0] |= halves[0] >> 32;
        return (unsigned)((halves[0] | halves[0] >> 16) & 0xffff);
    }
#endif
    for (; i < n; i++) {
        uint16_t unit;
        memcpy(&unit, p + 2 * i, 2);
        any |= unit;
        found |= (unit & 0xf800u) == 0xd800u;
    }
    *surrogates = (int)found;
    return any;
}

/* Up to this many characters a loop is done before two kernels are called. */
#define SHORT_TEXT 32

/* The text of v, moved without the GIL where it is large. A caller with `held` 0
 * walks items of a list or dict that are only borrowed: those must not change,
 * so the GIL stays. */
#define FORY_STR_WORK(n, statement)    \
    do {                               \
        if (held) {                    \
            FORY_LARGE_WORK(n, statement); \
        }                              \
        else {                         \
            statement;                 \
        }                              \
    } while (0)

static FORY_NOINLINE int
write_ucs4(ForyWriteCtx *w, PyObject *v, int held)
{
    size_t n = (size_t)PyUnicode_GET_LENGTH(v);
    const Py_UCS4 *text = PyUnicode_4BYTE_DATA(v);
    const fory_kernels *k = w->st->kernels;
    fory_text_info info;
    k->u4_scan(text, n, &info);
    if (info.surrogates) {
        return has_surrogates(w);
    }
    if (fory_room(w, FORY_VU64_MAX + info.bytes + FORY_TEXT_SLACK) < 0) {
        return -1;
    }
    put_string_header(&w->out, info.bytes, UTF8);
    FORY_STR_WORK(4 * n, k->u4_to_utf8(text, n, w->out.pos));
    w->out.pos += info.bytes;
    return 0;
}

/* held: the caller owns a reference to v, and goes on with nothing borrowed */
static FORY_NOINLINE int
write_wide_str(ForyWriteCtx *w, PyObject *v, int held)
{
    size_t n = (size_t)PyUnicode_GET_LENGTH(v);
    if (PyUnicode_KIND(v) == PyUnicode_2BYTE_KIND) {
        const Py_UCS2 *text = PyUnicode_2BYTE_DATA(v);
        if (fory_room(w, FORY_VU64_MAX + 2 * n + FORY_UNITS_SLACK) < 0) {
            return -1;
        }
        put_string_header(&w->out, 2 * n, UTF16);
        if (n <= FORY_SHORT_UNITS && PyUnicode_IS_COMPACT(v)) {
            if (fory_copy_units(w->out.pos, (const uint8_t *)text, n, FORY_SURROGATES)) {
                return has_surrogates(w);
            }
        }
        else if (w->st->kernels->utf16_has_surrogate(text, n)) {
            return has_surrogates(w);
        }
        else {
            FORY_STR_WORK(2 * n, memcpy(w->out.pos, text, 2 * n));
        }
        w->out.pos += 2 * n;
        return 0;
    }
    if (n > SHORT_TEXT) {
        return write_ucs4(w, v, held);
    }
    const Py_UCS4 *text = PyUnicode_4BYTE_DATA(v);
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        Py_UCS4 c = text[i];
        if (c >= 0xd800 && c <= 0xdfff) {
            return has_surrogates(w);
        }
        size += 1 + (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    }
    if (fory_room(w, FORY_VU64_MAX + size) < 0) {
        return -1;
    }
    put_string_header(&w->out, size, UTF8);
    uint8_t *p = w->out.pos;
    for (size_t i = 0; i < n; i++) {
        Py_UCS4 c = text[i];
        if (c < 0x80) {
            *p++ = (uint8_t)c;
            continue;
        }
        if (c < 0x800) {
            *p++ = (uint8_t)(0xc0 | c >> 6);
        }
        else {
            if (c < 0x10000) {
                *p++ = (uint8_t)(0xe0 | c >> 12);
            }
            else {
                *p++ = (uint8_t)(0xf0 | c >> 18);
                *p++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
            }
            *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        }
        *p++ = (uint8_t)(0x80 | (c & 0x3f));
    }
    w->out.pos = p;
    return 0;
}

FORY_INLINE int
write_str_inline(ForyWriteCtx *w, PyObject *v, int held)
{
    size_t n;
    if (FORY_UNLIKELY(!PyUnicode_Check(v))) {
        fory_raise(w->st, FORY_E_TYPE, "expected str, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    if (FORY_UNLIKELY(FORY_UNICODE_READY(v) < 0)) {
        return -1;
    }
    if (FORY_UNLIKELY(PyUnicode_KIND(v) != PyUnicode_1BYTE_KIND)) {
        return write_wide_str(w, v, held);
    }
    n = (size_t)PyUnicode_GET_LENGTH(v);
    if (FORY_UNLIKELY(fory_room(w, FORY_VU64_MAX + n) < 0)) {
        return -1;
    }
    put_string_header(&w->out, n, LATIN1);
    if (FORY_UNLIKELY(n >= FORY_LARGE)) {
        FORY_STR_WORK(n, memcpy(w->out.pos, PyUnicode_1BYTE_DATA(v), n));
    }
    else {
        fory_copy_short(w->out.pos, PyUnicode_1BYTE_DATA(v), n);
    }
    w->out.pos += n;
    return 0;
}

int
fory_write_str(ForyWriteCtx *w, PyObject *v)
{
    return write_str_inline(w, v, 0);
}

int
fory_write_str_held(ForyWriteCtx *w, PyObject *v)
{
    return write_str_inline(w, v, 1);
}

static int
write_str(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int rc;
    (void)c;
    Py_INCREF(v); /* a dict with None on the other side lends its key or value */
    rc = write_str_inline(w, v, 1);
    Py_DECREF(v);
    return rc;
}

/* Of each of these functions: writes as many items, from the first on, as are of its kind, and
 * returns how many. They do not count on room behind what they write. -1 on failure. */

static Py_ssize_t
write_ascii_run(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
    uint8_t *p = w->out.pos;
    Py_ssize_t i = 0;
    for (; i < n; i++) {
        PyObject *v = items[i];
        if (FORY_UNLIKELY(!PyUnicode_CheckExact(v) || !fory_is_plain_text(v))) {
            break;
        }
        if (FORY_UNLIKELY((size_t)(w->out.end - p) < fory_plain_room(FORY_STRING, v))) {
            w->out.pos = p;
            if (fory_room(w, fory_plain_room(FORY_STRING, v)) < 0) {
                return -1;
            }
            p = w->out.pos;
        }
        p = fory_put_text(p, v);
    }
    w->out.pos = p;
    return i;
}

static Py_ssize_t
write_wide_run(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
#ifdef FORY_UNIT_VECTORS
    uint8_t scratch[FORY_SHORT_SIZE * (FORY_SHORT_TEXTS + 1)], *end = scratch + sizeof(scratch), *start;
    Py_ssize_t done = 0;
    while (done < n) {
        Py_ssize_t m = 0, limit = n - done < FORY_SHORT_TEXTS ? n - done : FORY_SHORT_TEXTS;
        size_t longest = 0;
        int surrogates;
        for (; m < limit && FORY_LIKELY(fory_is_short_text(items[done + m], &longest)); m++) {
            FORY_PREFETCH(items[done + m + FORY_AHEAD < n ? done + m + FORY_AHEAD : done + m]);
        }
        if (m == 0) {
            break;
        }
        start = fory_put_short_texts(end, items + done, (size_t)m, longest, 3, FORY_SURROGATES, &surrogates);
        if (FORY_UNLIKELY(surrogates)) {
            break;
        }
        if (FORY_UNLIKELY(fory_room(w, (size_t)(end - start)) < 0)) {
            return -1;
        }
        memcpy(w->out.pos, start, (size_t)(end - start));
        w->out.pos += end - start;
        done += m;
    }
    return done;
#else
    (void)w;
    (void)items;
    (void)n;
    return 0;
#endif
}

/* One pass: taking the lengths first, to ask for the room of many strings at
 * once, was slower, because every string was then touched twice. */
Py_ssize_t
fory_write_texts(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n, int any)
{
    Py_ssize_t i = 0, m;
    while (i < n) {
        m = PyUnicode_CheckExact(items[i]) && PyUnicode_IS_COMPACT_ASCII(items[i]) ? write_ascii_run(w, items + i, n - i)
                                                                                 : write_wide_run(w, items + i, n - i);
        if (FORY_UNLIKELY(m < 0)) {
            return -1;
        }
        i += m;
        if (m == 0) {
            if (!any && !PyUnicode_CheckExact(items[i])) {
                return i;
            }
            if (FORY_UNLIKELY(write_str_inline(w, items[i], 0) < 0)) {
                fory_path_index(&w->path, i);
                return -1;
            }
            i++;
        }
    }
    return n;
}

static int
write_many_str(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)
{
    (void)c;
    return fory_write_texts(w, items, n, 1) < 0 ? -1 : 0;
}

/* ---- str, reading ----------------------------------------------------------------- */

static FORY_NOINLINE PyObject *
bad_text(ForyReadCtx *r)
{
    if (PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed text");
    }
    return NULL;
}

/* New str of n code points, to be filled before anybody sees it. */
FORY_INLINE PyObject *
new_str(size_t n, uint32_t top)
{
    PyObject *s = PyUnicode_New((Py_ssize_t)n, top);
    if (s != NULL) {
        fory_advise_fresh(PyUnicode_DATA(s), n * (size_t)PyUnicode_KIND(s));
    }
    return s;
}

/* of one byte per character, as they are at p */
static FORY_NOINLINE PyObject *
new_narrow_str(const uint8_t *p, size_t size, uint32_t top)
{
    PyObject *s = new_str(size, top);
    if (s != NULL) {
        FORY_LARGE_WORK(size, memcpy(PyUnicode_1BYTE_DATA(s), p, size));
    }
    return s;
}

static PyObject *
decode_utf16(ForyReadCtx *r, const uint8_t *p, size_t size)
{
    size_t n = size / 2;
    PyObject *s;
    int order = -1;
    if (size & 1) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "UTF-16 text of an odd number of bytes");
    }
#if !FORY_BIG_ENDIAN
    if (n > 1) {
        const fory_kernels *k = r->st->kernels;
        const uint16_t *units = (const uint16_t *)(const void *)p; /* kernels take any alignment */
        size_t pairs;
        unsigned any;
        int surrogates;
        if (n <= FORY_SHORT_UNITS) {
            any = scan_units(p, n, &surrogates);
        }
        else {
            surrogates = k->utf16_has_surrogate(units, n);
            any = k->utf16_or(units, n);
        }
        if (surrogates && (pairs = k->utf16_pairs(units, n)) > 0) {
            s = new_str(n - pairs, 0x10ffff);
            if (s != NULL) {
                FORY_LARGE_WORK(size, k->utf16_to_u4(units, n, PyUnicode_4BYTE_DATA(s)));
            }
            return s;
        }
        s = new_str(n, any < 0x80 ? 0x7f : any < 0x100 ? 0xff : 0xffff);
        if (s == NULL) {
            return NULL;
        }
        if (any < 0x100) {
            FORY_LARGE_WORK(size, k->u2_to_u1(units, PyUnicode_1BYTE_DATA(s), n));
        }
        else {
            FORY_LARGE_WORK(size, memcpy(PyUnicode_2BYTE_DATA(s), p, size));
        }
        return s;
    }
#endif
    s = PyUnicode_DecodeUTF16((const char *)p, (Py_ssize_t)size, "surrogatepass", &order);
    return s != NULL ? s : bad_text(r);
}

/* Below this the interpreter's decoder is done before a scan has begun. */
#define UTF8_KERNEL 24

static PyObject *
decode_utf8(ForyReadCtx *r, const uint8_t *p, size_t size)
{
    PyObject *s;
    if (size >= UTF8_KERNEL) {
        const fory_kernels *k = r->st->kernels;
        fory_text_info info;
        int valid;
        FORY_LARGE_WORK(size, valid = k->utf8_scan(p, size, &info));
        if (FORY_LIKELY(valid)) {
            s = new_str(info.chars, info.top);
            if (s == NULL) {
                return NULL;
            }
            switch (PyUnicode_KIND(s)) {
            case PyUnicode_1BYTE_KIND:
                FORY_LARGE_WORK(size, k->utf8_to_u1(p, size, PyUnicode_1BYTE_DATA(s), info.chars));
                break;
            case PyUnicode_2BYTE_KIND:
                FORY_LARGE_WORK(size, k->utf8_to_u2(p, size, PyUnicode_2BYTE_DATA(s), info.chars));
                break;
            default:
                FORY_LARGE_WORK(size, k->utf8_to_u4(p, size, PyUnicode_4BYTE_DATA(s), info.chars));
                break;
            }
            return s;
        }
    }
    s = PyUnicode_DecodeUTF8((const char *)p, (Py_ssize_t)size, "surrogatepass");
    return s != NULL ? s : bad_text(r);
}

static FORY_NOINLINE PyObject *
decode_other(ForyReadCtx *r, const uint8_t *p, size_t size, unsigned encoding)
{
    switch (encoding) {
    case LATIN1:
        if (size < 2) {
            return PyUnicode_DecodeLatin1((const char *)p, (Py_ssize_t)size, NULL);
        }
        return new_narrow_str(p, size, 0xff); /* (the caller has looked for ASCII) */
    case UTF16:
        return decode_utf16(r, p, size);
    case UTF8:
        return decode_utf8(r, p, size);
    default:
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unknown string encoding 3");
    }
}

/* Header and bounds; *p is the text. 0 / -1. */
FORY_INLINE int
read_string_header(ForyReadCtx *r, const uint8_t **p, size_t *size, unsigned *encoding)
{
    uint64_t head;
    int rc = fory_get_vu64(&r->in, &head);
    if (FORY_UNLIKELY(rc != FORY_OK)) {
        return fory_read_bad(r, rc);
    }
    *encoding = head & 3;
    if (FORY_UNLIKELY(head >> 2 > fory_left(&r->in))) {
        if (head >> 2 > INT32_MAX) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "string of more than 2**31-1 bytes");
            return -1;
        }
        if (!fory_have(&r->in, (size_t)(head >> 2))) {
            return fory_read_bad(r, FORY_TRUNCATED);
        }
    }
    *size = (size_t)(head >> 2);
    *p = r->in.pos;
    r->in.pos += *size;
    return 0;
}

FORY_INLINE PyObject *
make_str(ForyReadCtx *r, const uint8_t *p, size_t size, unsigned encoding)
{
    if (FORY_LIKELY(encoding != UTF16 && size > 1 && encoding != 3 && fory_is_ascii(r->st, p, size))) {
        PyObject *s;
        if (FORY_UNLIKELY(size >= FORY_LARGE)) {
            return new_narrow_str(p, size, 0x7f);
        }
        s = PyUnicode_New((Py_ssize_t)size, 127);
        if (FORY_LIKELY(s != NULL)) {
            fory_copy_short(PyUnicode_1BYTE_DATA(s), p, size);
        }
        return s;
    }
    return decode_other(r, p, size, encoding);
}

static FORY_NOINLINE PyObject *
read_any_str(ForyReadCtx *r)
{
    const uint8_t *p = NULL;
    size_t size = 0;
    unsigned encoding = 0;
    if (FORY_UNLIKELY(read_string_header(r, &p, &size, &encoding) < 0)) {
        return NULL;
    }
#ifdef FORY_UNIT_VECTORS
    if (FORY_LIKELY(encoding == UTF16 && size >= 4 && size <= 2 * FORY_SHORT_UNITS && !(size & 1))) {
        /* taken for what it mostly is: two bytes per character are needed, no pairs */
        PyObject *s = PyUnicode_New((Py_ssize_t)(size / 2), 0xffff);
        unsigned any;
        if (FORY_UNLIKELY(s == NULL)) {
            return NULL;
        }
        any = fory_take_units((uint8_t *)PyUnicode_2BYTE_DATA(s), p, size / 2);
        if (FORY_LIKELY(any - 0x100 < 0xff00)) {
            return s;
        }
        Py_DECREF(s);
    }
#endif
    return make_str(r, p, size, encoding);
}

PyObject *
fory_read_str(ForyReadCtx *r)
{
    const uint8_t *p = r->in.pos;
    size_t n;
    /* a header of one byte, and all of the text */
    if (FORY_LIKELY(p < r->in.end) && FORY_LIKELY(*p < 0x80) && FORY_LIKELY(!(*p & 1)) && FORY_LIKELY(*p >= 2 << 2) &&
        FORY_LIKELY((size_t)(r->in.end - p) > (n = *p >> 2)) && FORY_LIKELY(fory_is_ascii(r->st, p + 1, n))) {
        PyObject *s = PyUnicode_New((Py_ssize_t)n, 127);
        if (FORY_LIKELY(s != NULL)) {
            r->in.pos = p + 1 + n;
            fory_copy_short(PyUnicode_1BYTE_DATA(s), p + 1, n);
        }
        return s;
    }
    return read_any_str(r);
}

/* Keys repeat: a cache hands out the same string object, with its hash already
 * computed. Exact bytes are compared, so a hit is always right. Two neighbours
 * share their keys, so that two that meet do not drive each other out. */

/* Text of up to 16 bytes of the input in two words. How long keys are cannot be
 * predicted: no branch. */
FORY_INLINE void
key_words(const ForyReadCtx *r, const uint8_t *p, size_t size, uint64_t *low, uint64_t *high)
{
    static const uint64_t keep[] = {0,
                                    UINT64_C(0xff),
                                    UINT64_C(0xffff),
                                    UINT64_C(0xffffff),
                                    UINT64_C(0xffffffff),
                                    UINT64_C(0xffffffffff),
                                    UINT64_C(0xffffffffffff),
                                    UINT64_C(0xffffffffffffff),
                                    UINT64_C(0xffffffffffffffff)};
    uint8_t last[16] = {0};
    if (FORY_UNLIKELY(r->in.end - p < 16)) {
        memcpy(last, p, size);
        p = last;
    }
    *low = fory_load64(p) & keep[size < 8 ? size : 8];
    *high = fory_load64(p + 8) & keep[size > 8 ? size - 8 : 0];
}

/* The first time: makes the string, and moves the one that was met before it. */
static FORY_NOINLINE PyObject *
new_key(ForyReadCtx *r, const uint8_t *p, uint64_t tag, ForyKeySlot *slot)
{
    PyObject *s = make_str(r, p, (size_t)(tag >> 2), (unsigned)(tag & 3));
    if (s != NULL && PyUnicode_IS_ASCII(s)) {
        PyObject *old = NULL;
        if (slot->tag != 0) {
            ForyKeySlot *other = &r->keys[(size_t)(slot - r->keys) ^ 1];
            old = other->text;
            *other = *slot;
        }
        key_words(r, p, (size_t)(tag >> 2), &slot->low, &slot->high);
        slot->tag = tag;
        slot->text = Py_NewRef(s);
        Py_XDECREF(old);
    }
    return s;
}

/* tag: size and encoding as they travel, of an encoding that may be ASCII */
FORY_INLINE PyObject *
cached_key(ForyReadCtx *r, const uint8_t *p, uint64_t tag)
{
    uint64_t low, high;
    size_t i;
    ForyKeySlot *slot;
    key_words(r, p, (size_t)(tag >> 2), &low, &high);
    i = (low + high * UINT64_C(0x9E3779B97F4A7C15) + tag) * UINT64_C(0xD6E8FEB86659FD93) >> (64 - FORY_KEY_BITS);
    slot = &r->keys[i];
    if (FORY_LIKELY(slot->low == low && slot->high == high && slot->tag == tag)) {
        return Py_NewRef(slot->text);
    }
    slot = &r->keys[i ^ 1];
    if (FORY_LIKELY(slot->low == low && slot->high == high && slot->tag == tag)) {
        return Py_NewRef(slot->text);
    }
    return new_key(r, p, tag, &r->keys[i]);
}

FORY_INLINE int
is_cached(uint64_t tag)
{
    return tag >= 2 << 2 && tag < 17 << 2 && !(tag & 1);
}

static FORY_NOINLINE PyObject *
read_other_key(ForyReadCtx *r)
{
    const uint8_t *p = NULL;
    size_t size = 0;
    unsigned encoding = 0;
    if (FORY_UNLIKELY(read_string_header(r, &p, &size, &encoding) < 0)) {
        return NULL;
    }
    return is_cached((uint64_t)size << 2 | encoding) ? cached_key(r, p, (uint64_t)size << 2 | encoding)
                                                     : make_str(r, p, size, encoding);
}

PyObject *
fory_read_key_str(ForyReadCtx *r)
{
    const uint8_t *p = r->in.pos;
    /* a header of one byte, and all of the text */
    if (FORY_LIKELY(p < r->in.end) && FORY_LIKELY(is_cached(*p)) && FORY_LIKELY(r->in.end - p > *p >> 2)) {
        r->in.pos = p + 1 + (*p >> 2);
        return cached_key(r, p + 1, *p);
    }
    return read_other_key(r);
}

PyObject *
fory_latin1_str(ForyReadCtx *r, const uint8_t *p, size_t size)
{
    return make_str(r, p, size, LATIN1);
}

PyObject *
fory_utf8_str(ForyReadCtx *r, const uint8_t *p, size_t size)
{
    return decode_utf8(r, p, size);
}

PyObject *
fory_key_str(ForyReadCtx *r, const uint8_t *p, size_t size)
{
    uint64_t tag = (uint64_t)size << 2 | LATIN1;
    return is_cached(tag) ? cached_key(r, p, tag) : make_str(r, p, size, LATIN1);
}

static PyObject *
read_str(ForyReadCtx *r, const ForyCodec *c)
{
    (void)c;
    return fory_read_str(r);
}

static int
read_many_str(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)
{
    (void)c;
    for (Py_ssize_t i = 0; i < n; i++) {
        out[i] = fory_read_str(r);
        if (FORY_UNLIKELY(out[i] == NULL)) {
            fory_path_index(&r->path, i);
            return -1;
        }
    }
    return 0;
}

/* ---- bytes ------------------------------------------------------------------------------ */

int
fory_write_bytes_body(ForyWriteCtx *w, PyObject *v)
{
    size_t n = (size_t)PyBytes_GET_SIZE(v);
    if (n > UINT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "bytes of 2**32 or more");
        return -1;
    }
    if (fory_room(w, FORY_VU32_MAX + n) < 0) {
        return -1;
    }
    fory_put_vu32(&w->out, (uint32_t)n);
    if (FORY_UNLIKELY(n >= FORY_LARGE)) {
        Py_INCREF(v); /* for a caller that only borrows it */
        FORY_LARGE_WORK(n, memcpy(w->out.pos, PyBytes_AS_STRING(v), n));
        Py_DECREF(v);
    }
    else {
        fory_copy_short(w->out.pos, (const uint8_t *)PyBytes_AS_STRING(v), n);
    }
    w->out.pos += n;
    return 0;
}

static int
write_bytes(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    if (!PyBytes_Check(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected bytes, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    if (FORY_UNLIKELY(w->out_of_band)) {
        int in_band;
        PyObject *o, *answer;
        if (fory_write_pin(w) < 0) {
            return -1;
        }
        o = fory_buffer_object_new(w->st, v, NULL, 0, 1);
        if (o == NULL) {
            return -1;
        }
        answer = PyObject_CallFunctionObjArgs(w->buffer_callback, o, NULL);
        Py_DECREF(o);
        if (answer == NULL) {
            return -1;
        }
        in_band = PyObject_IsTrue(answer);
        Py_DECREF(answer);
        if (in_band < 0 || fory_room(w, 1) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, (uint8_t)in_band);
        if (!in_band) {
            return 0;
        }
    }
    return fory_write_bytes_body(w, v);
}

static PyObject *
read_out_of_band(ForyReadCtx *r)
{
    PyObject *item, *result;
    Py_buffer view;
    item = PyIter_Next(r->buffers);
    if (item == NULL) {
        if (!PyErr_Occurred()) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "fewer out-of-band buffers than the message needs");
        }
        return NULL;
    }
    if (PyBytes_CheckExact(item)) {
        return item;
    }
    if (PyObject_GetBuffer(item, &view, PyBUF_SIMPLE) < 0) {
        Py_DECREF(item);
        return NULL;
    }
    result = PyBytes_FromStringAndSize(view.buf, view.len);
    PyBuffer_Release(&view);
    Py_DECREF(item);
    return result;
}

static PyObject *
read_bytes(ForyReadCtx *r, const ForyCodec *c)
{
    uint32_t n;
    int rc;
    PyObject *result;
    (void)c;
    if (FORY_UNLIKELY(r->out_of_band)) {
        uint8_t in_band;
        if (fory_get_u8(&r->in, &in_band) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        if (in_band > 1) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "invalid out-of-band mark %u", (unsigned)in_band);
        }
        if (!in_band) {
            return read_out_of_band(r);
        }
    }
    rc = fory_get_vu32(&r->in, &n);
    if (rc != FORY_OK || !fory_have(&r->in, n)) {
        fory_read_bad(r, rc != FORY_OK ? rc : FORY_TRUNCATED);
        return NULL;
    }
    if (FORY_LIKELY(n < FORY_LARGE)) {
        result = PyBytes_FromStringAndSize((const char *)r->in.pos, n);
    }
    else if ((result = PyBytes_FromStringAndSize(NULL, n)) != NULL) {
        fory_advise_fresh(PyBytes_AS_STRING(result), n);
        FORY_LARGE_WORK(n, memcpy(PyBytes_AS_STRING(result), r->in.pos, n));
    }
    r->in.pos += n;
    return result;
}

void
fory_text_init(ForyState *st)
{
    st->codecs[FORY_STRING] =
        (ForyCodec){write_str,     read_str, write_many_str, read_many_str, &PyUnicode_Type, FORY_STRING,
                    FORY_CODEC_BASIC | FORY_CODEC_SCALAR_FLAGLESS, 1, 0};
    st->codecs[FORY_BINARY] =
        (ForyCodec){write_bytes, read_bytes, NULL, NULL, &PyBytes_Type, FORY_BINARY, FORY_CODEC_TRACKED, 1, 0};
}
