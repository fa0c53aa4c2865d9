/* bool, integers and floats (wire-format section 2). */
#include "codecs/codecs.h"

/* Elements of one batch step: bounded stack, and one room check for all. */
#define BLOCK 512

/* ---- Python number -> C number --------------------------------------------- */

static int
not_a_number(ForyState *st, PyObject *v, const char *expected)
{
    fory_raise(st, FORY_E_TYPE, "expected %s, got %s", expected, Py_TYPE(v)->tp_name);
    return -1;
}

/* New reference to an exact or derived int for an index-able v. */
static PyObject *
as_index(ForyState *st, PyObject *v)
{
    if (PyLong_Check(v)) {
        return Py_NewRef(v);
    }
    if (PyFloat_Check(v) || !PyIndex_Check(v)) {
        not_a_number(st, v, "int");
        return NULL;
    }
    return PyNumber_Index(v);
}

int
fory_as_int64(ForyState *st, PyObject *v, int64_t *out)
{
    int overflow = 0;
    PyObject *index;
    if (PyLong_CheckExact(v) && fory_small_int(v, out)) {
        return 0;
    }
    index = as_index(st, v);
    if (index == NULL) {
        return -1;
    }
    *out = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow) {
        fory_raise(st, FORY_E_OVERFLOW, "int does not fit 64 signed bits");
        return -1;
    }
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

int
fory_as_uint64(ForyState *st, PyObject *v, uint64_t *out)
{
    int64_t small;
    PyObject *index;
    if (PyLong_CheckExact(v) && fory_small_int(v, &small) && small >= 0) {
        *out = (uint64_t)small;
        return 0;
    }
    index = as_index(st, v);
    if (index == NULL) {
        return -1;
    }
    *out = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (*out == (uint64_t)-1 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            fory_raise(st, FORY_E_OVERFLOW, "int does not fit 64 unsigned bits");
        }
        return -1;
    }
    return 0;
}

int
fory_as_double(ForyState *st, PyObject *v, double *out)
{
    if (PyFloat_CheckExact(v)) {
        *out = PyFloat_AS_DOUBLE(v);
        return 0;
    }
    if (!PyFloat_Check(v) && !PyLong_Check(v) && !PyIndex_Check(v) &&
        (Py_TYPE(v)->tp_as_number == NULL || Py_TYPE(v)->tp_as_number->nb_float == NULL)) {
        return not_a_number(st, v, "float");
    }
    *out = PyFloat_AsDouble(v);
    if (*out == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            fory_raise(st, FORY_E_OVERFLOW, "int is too large for a float");
        }
        return -1;
    }
    return 0;
}

static int
out_of_range(ForyWriteCtx *w, long long v, const char *type)
{
    fory_raise(w->st, FORY_E_OVERFLOW, "%lld is out of range for %s", v, type);
    return -1;
}

/* ---- bool -------------------------------------------------------------------- */

static int
as_bool(ForyWriteCtx *w, PyObject *v)
{
    if (v == Py_True) {
        return 1;
    }
    if (v == Py_False) {
        return 0;
    }
    const char *name = Py_TYPE(v)->tp_name;
    if (strcmp(name, "numpy.bool_") == 0 || strcmp(name, "numpy.bool") == 0) {
        /* a class of the user may have that name too */
        return fory_write_pin(w) < 0 ? -1 : PyObject_IsTrue(v);
    }
    return not_a_number(w->st, v, "bool");
}

static int
write_bool(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int b = as_bool(w, v);
    (void)c;
    if (b < 0 || fory_room(w, 1) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)b);
    return 0;
}

static int
write_many_bool(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)
{
    uint8_t *p;
    (void)c;
    if (fory_room(w, (size_t)n) < 0) {
        return -1;
    }
    p = w->out.pos;
    for (Py_ssize_t i = 0; i < n; i++) {
        /* True and False are the only exact bools: no branch needed */
        if (FORY_LIKELY(Py_TYPE(items[i]) == &PyBool_Type)) {
            *p++ = items[i] == Py_True;
        }
        else {
            int b;
            w->out.pos = p;
            b = as_bool(w, items[i]);
            if (b < 0 || fory_room(w, (size_t)(n - i)) < 0) {
                fory_path_index(&w->path, i);
                return -1;
            }
            p = w->out.pos;
            *p++ = (uint8_t)b;
        }
    }
    w->out.pos = p;
    return 0;
}

static PyObject *
read_bool(ForyReadCtx *r, const ForyCodec *c)
{
    uint8_t b;
    (void)c;
    if (fory_get_u8(&r->in, &b) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    return Py_NewRef(b ? Py_True : Py_False);
}

static int
read_many_bool(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)
{
    PyObject *table[2] = {Py_False, Py_True};
    (void)c;
    if (!fory_have(&r->in, (size_t)n)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        out[i] = Py_NewRef(table[r->in.pos[i] != 0]);
    }
    r->in.pos += n;
    return 0;
}

/* ---- integers ------------------------------------------------------------------ */

/* One write/write_many/read/read_many set per encoding. AS converts a Python
 * number, IN_RANGE limits it, PUT/GET are the wire operations, MAKE the result. */
#define DEFINE_INTEGER(name, CTYPE, AS, IN_RANGE, ROOM, PUT, WIRETYPE, GET, MAKE, TEXT)                       \
    static FORY_NOINLINE int put_##name##_slow(ForyWriteCtx *w, PyObject *item)                              \
    {                                                                                                        \
        CTYPE v;                                                                                             \
        if ((!PyLong_Check(item) && fory_write_pin(w) < 0) || AS(w->st, item, &v) < 0) {                     \
            return -1;                                                                                       \
        }                                                                                                    \
        if (!(IN_RANGE)) {                                                                                   \
            return out_of_range(w, (long long)v, TEXT);                                                      \
        }                                                                                                    \
        if (fory_room(w, ROOM) < 0) {                                                                        \
            return -1;                                                                                       \
        }                                                                                                    \
        PUT(&w->out, (WIRETYPE)v);                                                                           \
        return 0;                                                                                            \
    }                                                                                                        \
    static int write_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *item)                             \
    {                                                                                                        \
        int64_t v;                                                                                           \
        (void)c;                                                                                             \
        if (FORY_LIKELY(PyLong_CheckExact(item) && fory_small_int(item, &v) && (IN_RANGE))) {                \
            if (FORY_UNLIKELY(fory_room(w, ROOM) < 0)) {                                                     \
                return -1;                                                                                   \
            }                                                                                                \
            PUT(&w->out, (WIRETYPE)v);                                                                       \
            return 0;                                                                                        \
        }                                                                                                    \
        return put_##name##_slow(w, item);                                                                   \
    }                                                                                                        \
    static int write_many_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)  \
    {                                                                                                        \
        (void)c;                                                                                             \
        for (Py_ssize_t i = 0; i < n; i++) {                                                                 \
            int64_t v;                                                                                       \
            if ((i & (BLOCK - 1)) == 0) {                                                                    \
                size_t left = (size_t)(n - i < BLOCK ? n - i : BLOCK);                                       \
                if (fory_room(w, left * (ROOM)) < 0) {                                                       \
                    return -1;                                                                               \
                }                                                                                            \
            }                                                                                                \
            if (FORY_LIKELY(PyLong_CheckExact(items[i]) && fory_small_int(items[i], &v) && (IN_RANGE))) {    \
                PUT(&w->out, (WIRETYPE)v);                                                                   \
            }                                                                                                \
            else {                                                                                           \
                /* __index__ may have written by a context it knows: the room is asked for again */          \
                size_t left = (size_t)(n - i < BLOCK ? n - i : BLOCK);                                       \
                if (put_##name##_slow(w, items[i]) < 0 || fory_room(w, left * (ROOM)) < 0) {                 \
                    fory_path_index(&w->path, i);                                                            \
                    return -1;                                                                               \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        return 0;                                                                                            \
    }                                                                                                        \
    static PyObject *read_##name(ForyReadCtx *r, const ForyCodec *c)                                         \
    {                                                                                                        \
        WIRETYPE v = 0;                                                                                       \
        int rc = GET(&r->in, &v);                                                                            \
        (void)c;                                                                                             \
        if (FORY_UNLIKELY(rc != FORY_OK)) {                                                                  \
            fory_read_bad(r, rc);                                                                            \
            return NULL;                                                                                     \
        }                                                                                                    \
        return MAKE(v);                                                                                      \
    }                                                                                                        \
    static int read_many_##name(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)            \
    {                                                                                                        \
        (void)c;                                                                                             \
        for (Py_ssize_t i = 0; i < n; i++) {                                                                 \
            WIRETYPE v = 0;                                                                                    \
            int rc = GET(&r->in, &v);                                                                        \
            if (FORY_UNLIKELY(rc != FORY_OK)) {                                                              \
                fory_read_bad(r, rc);                                                                        \
                fory_path_index(&r->path, i);                                                                \
                return -1;                                                                                   \
            }                                                                                                \
            out[i] = MAKE(v);                                                                                \
            if (FORY_UNLIKELY(out[i] == NULL)) {                                                             \
                return -1;                                                                                   \
            }                                                                                                \
        }                                                                                                    \
        return 0;                                                                                            \
    }

#define GET_I8(in, out) fory_get_u8((in), (uint8_t *)(out))
#define GET_I16(in, out) fory_get_u16((in), (uint16_t *)(out))
#define GET_I32(in, out) fory_get_u32((in), (uint32_t *)(out))
#define GET_I64(in, out) fory_get_u64((in), (uint64_t *)(out))
#define PUT_I8(out, v) fory_put_u8((out), (uint8_t)(v))
#define PUT_I16(out, v) fory_put_u16((out), (uint16_t)(v))
#define PUT_I32(out, v) fory_put_u32((out), (uint32_t)(v))
#define PUT_I64(out, v) fory_put_u64((out), (uint64_t)(v))
#define MAKE_SIGNED(v) PyLong_FromLongLong((long long)(v))
#define MAKE_UNSIGNED(v) PyLong_FromUnsignedLongLong((unsigned long long)(v))

/* GCC cannot see that a 64-bit value is always in its own range */
#define SIGNED(bits) (v >= INT##bits##_MIN && v <= INT##bits##_MAX)
#define UNSIGNED(bits) ((uint64_t)v <= UINT##bits##_MAX)
#define ALWAYS (1)

/* Nine-byte room known: the unrolled decoder of the hot varint kind. */
FORY_INLINE int
get_vi64_hot(fory_reader *in, int64_t *out)
{
    const uint8_t *p = in->pos;
    uint64_t b, v;
    if (FORY_UNLIKELY(in->end - p < 9)) {
        return fory_get_vi64(in, out);
    }
    v = p[0];
    if (FORY_LIKELY(v < 0x80)) {
        in->pos = p + 1;
        *out = fory_unzigzag64(v);
        return FORY_OK;
    }
    v &= 0x7f;
#define STEP(k)                                   \
    b = p[k];                                     \
    v |= (b & 0x7f) << (7 * (k));                 \
    if (b < 0x80) {                               \
        in->pos = p + (k) + 1;                    \
        *out = fory_unzigzag64(v);                \
        return FORY_OK;                           \
    }
    STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
#undef STEP
    v |= (uint64_t)p[8] << 56;
    in->pos = p + 9;
    *out = fory_unzigzag64(v);
    return FORY_OK;
}

DEFINE_INTEGER(int8, int64_t, fory_as_int64, SIGNED(8), 1, PUT_I8, int8_t, GET_I8, MAKE_SIGNED, "int8")
DEFINE_INTEGER(int16, int64_t, fory_as_int64, SIGNED(16), 2, PUT_I16, int16_t, GET_I16, MAKE_SIGNED, "int16")
DEFINE_INTEGER(int32, int64_t, fory_as_int64, SIGNED(32), 4, PUT_I32, int32_t, GET_I32, MAKE_SIGNED, "int32")
DEFINE_INTEGER(varint32, int64_t, fory_as_int64, SIGNED(32), FORY_VU64_MAX, fory_put_vi32_roomy, int32_t, fory_get_vi32,
               MAKE_SIGNED, "int32")
DEFINE_INTEGER(int64, int64_t, fory_as_int64, ALWAYS, 8, PUT_I64, int64_t, GET_I64, MAKE_SIGNED, "int64")
DEFINE_INTEGER(tagged_int64, int64_t, fory_as_int64, ALWAYS, 9, fory_put_tagged_i64, int64_t,
               fory_get_tagged_i64, MAKE_SIGNED, "int64")
DEFINE_INTEGER(uint8, int64_t, fory_as_int64, UNSIGNED(8), 1, PUT_I8, uint8_t, fory_get_u8, MAKE_SIGNED, "uint8")
DEFINE_INTEGER(uint16, int64_t, fory_as_int64, UNSIGNED(16), 2, PUT_I16, uint16_t, fory_get_u16, MAKE_SIGNED,
               "uint16")
DEFINE_INTEGER(uint32, int64_t, fory_as_int64, UNSIGNED(32), 4, PUT_I32, uint32_t, fory_get_u32, MAKE_SIGNED,
               "uint32")
DEFINE_INTEGER(var_uint32, int64_t, fory_as_int64, UNSIGNED(32), FORY_VU64_MAX, fory_put_vu32_roomy, uint32_t,
               fory_get_vu32, MAKE_SIGNED, "uint32")

/* 64-bit unsigned kinds: values from 2**63 on take the slow conversion. */
#define DEFINE_UNSIGNED64(name, ROOM, PUT, GET)                                                         \
    DEFINE_INTEGER(name, uint64_t, fory_as_uint64, ALWAYS_OR_POSITIVE, ROOM, PUT, uint64_t, GET, MAKE_UNSIGNED, \
                   "uint64")
#define ALWAYS_OR_POSITIVE ((int64_t)v >= 0 || is_unsigned_64(&v))
/* distinguishes the slow path's uint64_t v from the fast path's int64_t v */
#define is_unsigned_64(p) _Generic((p), uint64_t *: 1, int64_t *: 0)
DEFINE_UNSIGNED64(uint64, 8, PUT_I64, fory_get_u64)
DEFINE_UNSIGNED64(var_uint64, 9, fory_put_vu64, fory_get_vu64)
DEFINE_UNSIGNED64(tagged_uint64, 9, fory_put_tagged_u64, fory_get_tagged_u64)

/* The kind of every plain int: batches go through the varint kernel. */
DEFINE_INTEGER(varint64_plain, int64_t, fory_as_int64, ALWAYS, 9, fory_put_vi64, int64_t, get_vi64_hot,
               MAKE_SIGNED, "int64")

static int
write_many_varint64(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)
{
    int64_t block[BLOCK];
    if (n < 8) {
        return write_many_varint64_plain(w, c, items, n);
    }
    for (Py_ssize_t i = 0; i < n;) {
        Py_ssize_t m = n - i < BLOCK ? n - i : BLOCK;
        for (Py_ssize_t k = 0; k < m; k++) {
            PyObject *item = items[i + k];
            if (FORY_UNLIKELY(!PyLong_CheckExact(item) || !fory_small_int(item, &block[k])) &&
                ((!PyLong_Check(item) && fory_write_pin(w) < 0) || fory_as_int64(w->st, item, &block[k]) < 0)) {
                fory_path_index(&w->path, i + k);
                return -1;
            }
        }
        if (fory_room(w, (size_t)m * 9 + 8) < 0) {
            return -1;
        }
        w->out.pos += w->st->kernels->encode_vi64(block, (size_t)m, w->out.pos);
        i += m;
    }
    return 0;
}

/* The varint and tagged kinds in batches of BLOCK through the kernels. A value
 * that is no plain int in range ends the block and takes the slow way by itself:
 * it may run code that writes, too. */
#define DEFINE_BATCHES(name, kernel, BLOCKTYPE, IN_RANGE, ROOM, MAKE)                                          \
    static int write_batch_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)   \
    {                                                                                                          \
        BLOCKTYPE block[BLOCK];                                                                                \
        if (n < SMALL_BATCH) {                                                                                 \
            return write_many_##name(w, c, items, n);                                                          \
        }                                                                                                      \
        for (Py_ssize_t i = 0; i < n;) {                                                                       \
            Py_ssize_t m = 0, limit = n - i < BLOCK ? n - i : BLOCK;                                           \
            int64_t v;                                                                                         \
            while (m < limit && FORY_LIKELY(PyLong_CheckExact(items[i + m]) &&                                 \
                                            fory_small_int(items[i + m], &v) && (IN_RANGE))) {                 \
                block[m++] = (BLOCKTYPE)v;                                                                     \
            }                                                                                                  \
            if (fory_room(w, (size_t)m * (ROOM) + 8) < 0) {                                                    \
                return -1;                                                                                     \
            }                                                                                                  \
            w->out.pos += w->st->kernels->encode_##kernel(block, (size_t)m, w->out.pos);                       \
            i += m;                                                                                            \
            if (m < limit) {                                                                                   \
                if (put_##name##_slow(w, items[i]) < 0) {                                                      \
                    fory_path_index(&w->path, i);                                                              \
                    return -1;                                                                                 \
                }                                                                                              \
                i++;                                                                                           \
            }                                                                                                  \
        }                                                                                                      \
        return 0;                                                                                              \
    }                                                                                                          \
    static int read_batch_##name(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)             \
    {                                                                                                          \
        BLOCKTYPE block[BLOCK];                                                                                \
        Py_ssize_t i = 0;                                                                                      \
        while (n - i >= SMALL_BATCH) {                                                                         \
            size_t m = (size_t)(n - i < BLOCK ? n - i : BLOCK);                                                \
            size_t used = r->st->kernels->decode_##kernel(r->in.pos, fory_left(&r->in), block, m);             \
            if (FORY_UNLIKELY(used == FORY_KERNEL_ERROR)) {                                                    \
                /* damaged, or a stream has the rest: one by one tells */                                      \
                if (read_rest_##name(r, c, out, i, i + (Py_ssize_t)m) < 0) {                                   \
                    return -1;                                                                                 \
                }                                                                                              \
                i += (Py_ssize_t)m;                                                                            \
                continue;                                                                                      \
            }                                                                                                  \
            r->in.pos += used;                                                                                 \
            for (size_t k = 0; k < m; k++, i++) {                                                              \
                out[i] = MAKE(block[k]);                                                                       \
                if (FORY_UNLIKELY(out[i] == NULL)) {                                                           \
                    return -1;                                                                                 \
                }                                                                                              \
            }                                                                                                  \
        }                                                                                                      \
        return read_rest_##name(r, c, out, i, n);                                                               \
    }

#define SMALL_BATCH 8
#define READ_BLOCK 128

/* elements from..until, one by one */
#define DEFINE_REST(name)                                                                                   \
    static int read_rest_##name(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t from,        \
                                Py_ssize_t until)                                                           \
    {                                                                                                       \
        for (Py_ssize_t i = from; i < until; i++) {                                                             \
            out[i] = read_##name(r, c);                                                                     \
            if (FORY_UNLIKELY(out[i] == NULL)) {                                                            \
                fory_path_index(&r->path, i);                                                               \
                return -1;                                                                                  \
            }                                                                                               \
        }                                                                                                   \
        return 0;                                                                                           \
    }

DEFINE_REST(varint32)
DEFINE_REST(var_uint32)
DEFINE_REST(var_uint64)
DEFINE_REST(tagged_int64)
DEFINE_REST(tagged_uint64)
DEFINE_BATCHES(varint32, vi32, int32_t, SIGNED(32), FORY_VU32_MAX, MAKE_SIGNED)
DEFINE_BATCHES(var_uint32, vu32, uint32_t, UNSIGNED(32), FORY_VU32_MAX, MAKE_SIGNED)
DEFINE_BATCHES(var_uint64, vu64, uint64_t, v >= 0, FORY_VU64_MAX, MAKE_UNSIGNED)
DEFINE_BATCHES(tagged_int64, ti64, int64_t, ALWAYS, FORY_VU64_MAX, MAKE_SIGNED)
DEFINE_BATCHES(tagged_uint64, tu64, uint64_t, v >= 0, FORY_VU64_MAX, MAKE_UNSIGNED)

/* One-byte values come from a table of CPython's own small ints. */
static int
read_rest_varint64(ForyReadCtx *r, PyObject **out, Py_ssize_t from, Py_ssize_t until)
{
    PyObject *const *small = r->st->small_ints;
    for (Py_ssize_t i = from; i < until; i++) {
        int64_t v = 0;
        int rc;
        if (FORY_LIKELY(r->in.pos < r->in.end) && *r->in.pos < 0x80 && small[*r->in.pos] != NULL) {
            out[i] = Py_NewRef(small[*r->in.pos++]);
            continue;
        }
        if (FORY_UNLIKELY(fory_left(&r->in) < 9) && r->in.more != NULL) {
            (void)fory_have(&r->in, (size_t)(until - i)); /* as many bytes are still to come at least */
        }
        rc = get_vi64_hot(&r->in, &v);
        if (FORY_UNLIKELY(rc != FORY_OK)) {
            fory_read_bad(r, rc);
            fory_path_index(&r->path, i);
            return -1;
        }
        out[i] = PyLong_FromLongLong(v);
        if (FORY_UNLIKELY(out[i] == NULL)) {
            return -1;
        }
    }
    return 0;
}

static int
read_many_varint64(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)
{
    PyObject *const *small = r->st->small_ints;
    Py_ssize_t i = 0;
    (void)c;
    while (n - i >= SMALL_BATCH) {
        int64_t block[READ_BLOCK];
        size_t m = (size_t)(n - i < READ_BLOCK ? n - i : READ_BLOCK);
        size_t used = r->st->kernels->decode_vi64(r->in.pos, fory_left(&r->in), block, m);
        if (FORY_UNLIKELY(used == FORY_KERNEL_ERROR)) {
            /* damaged, or a stream has the rest: one by one tells */
            if (read_rest_varint64(r, out, i, i + (Py_ssize_t)m) < 0) {
                return -1;
            }
            i += (Py_ssize_t)m;
            continue;
        }
        r->in.pos += used;
        for (size_t k = 0; k < m; k++, i++) {
            uint64_t z = fory_zigzag64(block[k]);
            if (z < 128 && small[z] != NULL) {
                out[i] = Py_NewRef(small[z]);
                continue;
            }
            out[i] = PyLong_FromLongLong(block[k]);
            if (FORY_UNLIKELY(out[i] == NULL)) {
                return -1;
            }
        }
    }
    return read_rest_varint64(r, out, i, n);
}

/* ---- floats ------------------------------------------------------------------------ */

FORY_INLINE void
put_f64(fory_writer *out, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, 8);
    fory_put_u64(out, bits);
}

FORY_INLINE void
put_f32(fory_writer *out, double d)
{
    float f = (float)d;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    fory_put_u32(out, bits);
}

FORY_INLINE void
put_f16(fory_writer *out, double d)
{
    fory_put_u16(out, fory_f64_to_f16(d));
}

FORY_INLINE void
put_bf16(fory_writer *out, double d)
{
    fory_put_u16(out, fory_f64_to_bf16(d));
}

FORY_INLINE double
from_f64(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

FORY_INLINE double
from_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return (double)f;
}

#define DEFINE_FLOAT(name, ROOM, PUT, WIRETYPE, GET, FROM)                                                 \
    static int write_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *item)                           \
    {                                                                                                      \
        double d;                                                                                          \
        (void)c;                                                                                           \
        if ((!PyFloat_CheckExact(item) && !PyLong_CheckExact(item) && fory_write_pin(w) < 0) ||            \
            fory_as_double(w->st, item, &d) < 0 || fory_room(w, ROOM) < 0) {                               \
            return -1;                                                                                     \
        }                                                                                                  \
        PUT(&w->out, d);                                                                                   \
        return 0;                                                                                          \
    }                                                                                                      \
    static int write_many_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n) \
    {                                                                                                      \
        (void)c;                                                                                           \
        if (fory_room(w, (size_t)n * (ROOM)) < 0) {                                                        \
            return -1;                                                                                     \
        }                                                                                                  \
        for (Py_ssize_t i = 0; i < n; i++) {                                                               \
            double d;                                                                                      \
            if (FORY_LIKELY(PyFloat_CheckExact(items[i]))) {                                               \
                d = PyFloat_AS_DOUBLE(items[i]);                                                           \
            }                                                                                              \
            else if (fory_as_double(w->st, items[i], &d) < 0 || fory_room(w, (size_t)(n - i) * (ROOM)) < 0) { \
                /* (__float__ may have written by a context it knows: the room is asked for again) */      \
                fory_path_index(&w->path, i);                                                              \
                return -1;                                                                                 \
            }                                                                                              \
            PUT(&w->out, d);                                                                               \
        }                                                                                                  \
        return 0;                                                                                          \
    }                                                                                                      \
    static PyObject *read_##name(ForyReadCtx *r, const ForyCodec *c)                                       \
    {                                                                                                      \
        WIRETYPE bits = 0;                                                                                 \
        (void)c;                                                                                           \
        if (GET(&r->in, &bits) != FORY_OK) {                                                               \
            fory_read_bad(r, FORY_TRUNCATED);                                                              \
            return NULL;                                                                                   \
        }                                                                                                  \
        return PyFloat_FromDouble(FROM(bits));                                                             \
    }                                                                                                      \
    static int read_many_##name(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)          \
    {                                                                                                      \
        (void)c;                                                                                           \
        if (fory_left(&r->in) / (ROOM) < (size_t)n && !fory_have(&r->in, (size_t)n * (ROOM))) {            \
            return fory_read_bad(r, FORY_TRUNCATED);                                                       \
        }                                                                                                  \
        for (Py_ssize_t i = 0; i < n; i++) {                                                               \
            WIRETYPE bits = 0;                                                                             \
            (void)GET(&r->in, &bits);                                                                      \
            out[i] = PyFloat_FromDouble(FROM(bits));                                                       \
            if (FORY_UNLIKELY(out[i] == NULL)) {                                                           \
                return -1;                                                                                 \
            }                                                                                              \
        }                                                                                                  \
        return 0;                                                                                          \
    }

DEFINE_FLOAT(float64, 8, put_f64, uint64_t, fory_get_u64, from_f64)
DEFINE_FLOAT(float32, 4, put_f32, uint32_t, fory_get_u32, from_f32)
DEFINE_FLOAT(float16, 2, put_f16, uint16_t, fory_get_u16, fory_f16_to_f64)
DEFINE_FLOAT(bfloat16, 2, put_bf16, uint16_t, fory_get_u16, fory_bf16_to_f64)

#if !FORY_BIG_ENDIAN

/* Half floats in batches through the kernels, exact floats at least. */
#define DEFINE_HALF_BATCHES(name, kernel)                                                                      \
    static int write_batch_##name(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n)   \
    {                                                                                                          \
        double block[BLOCK];                                                                                   \
        for (Py_ssize_t i = 0; i < n;) {                                                                       \
            Py_ssize_t m = 0, limit = n - i < BLOCK ? n - i : BLOCK;                                           \
            while (m < limit && FORY_LIKELY(PyFloat_CheckExact(items[i + m]))) {                               \
                block[m] = PyFloat_AS_DOUBLE(items[i + m]);                                                    \
                m++;                                                                                           \
            }                                                                                                  \
            if (fory_room(w, (size_t)m * 2) < 0) {                                                             \
                return -1;                                                                                     \
            }                                                                                                  \
            w->st->kernels->f64_to_##kernel(block, (uint16_t *)(void *)w->out.pos, (size_t)m);                 \
            w->out.pos += 2 * m;                                                                               \
            i += m;                                                                                            \
            if (m < limit) {                                                                                   \
                if (write_##name(w, c, items[i]) < 0) {                                                        \
                    fory_path_index(&w->path, i);                                                              \
                    return -1;                                                                                 \
                }                                                                                              \
                i++;                                                                                           \
            }                                                                                                  \
        }                                                                                                      \
        return 0;                                                                                              \
    }                                                                                                          \
    static int read_batch_##name(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n)             \
    {                                                                                                          \
        double block[BLOCK];                                                                                   \
        (void)c;                                                                                               \
        if (fory_left(&r->in) / 2 < (size_t)n && !fory_have(&r->in, (size_t)n * 2)) {                          \
            return fory_read_bad(r, FORY_TRUNCATED);                                                           \
        }                                                                                                      \
        for (Py_ssize_t i = 0; i < n;) {                                                                       \
            Py_ssize_t m = n - i < BLOCK ? n - i : BLOCK;                                                      \
            r->st->kernels->kernel##_to_f64((const uint16_t *)(const void *)r->in.pos, block, (size_t)m);      \
            r->in.pos += 2 * m;                                                                                \
            for (Py_ssize_t k = 0; k < m; k++, i++) {                                                          \
                out[i] = PyFloat_FromDouble(block[k]);                                                         \
                if (FORY_UNLIKELY(out[i] == NULL)) {                                                           \
                    return -1;                                                                                 \
                }                                                                                              \
            }                                                                                                  \
        }                                                                                                      \
        return 0;                                                                                              \
    }
DEFINE_HALF_BATCHES(float16, f16)
DEFINE_HALF_BATCHES(bfloat16, bf16)

#endif

/* ---- None ------------------------------------------------------------------------------ */

static int
write_none(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    if (v != Py_None) {
        return not_a_number(w->st, v, "None");
    }
    return 0;
}

static PyObject *
read_none(ForyReadCtx *r, const ForyCodec *c)
{
    (void)r;
    (void)c;
    Py_RETURN_NONE;
}

/* ---- table -------------------------------------------------------------------------------- */

#define INSTALL(id, name, python_type, smallest, largest, more)                                  \
    st->codecs[id] = (ForyCodec){write_##name, read_##name, write_many_##name, read_many_##name, \
                                 (python_type), (id), (uint8_t)(FORY_CODEC_BASIC | (more)), (smallest), (largest)}

#define BATCHES(id, name)                              \
    st->codecs[id].write_many = write_batch_##name;    \
    st->codecs[id].read_many = read_batch_##name

int
fory_scalars_init(ForyState *st)
{
    for (unsigned z = 0; z < 128; z++) {
        int64_t v = fory_unzigzag64(z);
        /* only those that CPython itself shares */
        if (v >= -5 && (st->small_ints[z] = PyLong_FromLongLong(v)) == NULL) {
            return -1;
        }
    }
    INSTALL(FORY_BOOL, bool, &PyBool_Type, 1, 1, FORY_CODEC_SCALAR_FLAGLESS);
    INSTALL(FORY_INT8, int8, &PyLong_Type, 1, 1, 0);
    INSTALL(FORY_INT16, int16, &PyLong_Type, 2, 2, 0);
    INSTALL(FORY_INT32, int32, &PyLong_Type, 4, 4, 0);
    INSTALL(FORY_VARINT32, varint32, &PyLong_Type, 1, 5, 0);
    INSTALL(FORY_INT64, int64, &PyLong_Type, 8, 8, 0);
    INSTALL(FORY_VARINT64, varint64_plain, &PyLong_Type, 1, 9, FORY_CODEC_SCALAR_FLAGLESS);
    st->codecs[FORY_VARINT64].write_many = write_many_varint64;
    st->codecs[FORY_VARINT64].read_many = read_many_varint64;
    INSTALL(FORY_TAGGED_INT64, tagged_int64, &PyLong_Type, 4, 9, 0);
    INSTALL(FORY_UINT8, uint8, &PyLong_Type, 1, 1, 0);
    INSTALL(FORY_UINT16, uint16, &PyLong_Type, 2, 2, 0);
    INSTALL(FORY_UINT32, uint32, &PyLong_Type, 4, 4, 0);
    INSTALL(FORY_VAR_UINT32, var_uint32, &PyLong_Type, 1, 5, 0);
    INSTALL(FORY_UINT64, uint64, &PyLong_Type, 8, 8, 0);
    INSTALL(FORY_VAR_UINT64, var_uint64, &PyLong_Type, 1, 9, 0);
    INSTALL(FORY_TAGGED_UINT64, tagged_uint64, &PyLong_Type, 4, 9, 0);
    BATCHES(FORY_VARINT32, varint32);
    BATCHES(FORY_VAR_UINT32, var_uint32);
    BATCHES(FORY_VAR_UINT64, var_uint64);
    BATCHES(FORY_TAGGED_INT64, tagged_int64);
    BATCHES(FORY_TAGGED_UINT64, tagged_uint64);
    INSTALL(FORY_FLOAT16, float16, &PyFloat_Type, 2, 2, 0);
    INSTALL(FORY_BFLOAT16, bfloat16, &PyFloat_Type, 2, 2, 0);
#if !FORY_BIG_ENDIAN
    BATCHES(FORY_FLOAT16, float16);
    BATCHES(FORY_BFLOAT16, bfloat16);
#endif
    INSTALL(FORY_FLOAT32, float32, &PyFloat_Type, 4, 4, 0);
    INSTALL(FORY_FLOAT64, float64, &PyFloat_Type, 8, 8, FORY_CODEC_SCALAR_FLAGLESS);
    st->codecs[FORY_NONE] =
        (ForyCodec){write_none, read_none, NULL, NULL, Py_TYPE(Py_None), FORY_NONE, 0, 0, 0};
    return 0;
}
