/* Numbers, text and bytes of the native format, writing. */
#include "native/native.h"

#include "codecs/plain.h"

#include "codecs/short_text.h"

/* ---- numbers ---------------------------------------------------------------------- */

int
fory_native_write_singleton(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    return fory_native_tag(w, v == Py_None ? FORY_N_NONE : v == Py_True ? FORY_N_TRUE : FORY_N_FALSE);
}

static FORY_NOINLINE int
write_big_int(ForyWriteCtx *w, PyObject *v)
{
    int overflow = 0;
    long long small = PyLong_AsLongLongAndOverflow(v, &overflow);
    size_t size;
    uint8_t *bytes;
    if (overflow == 0) {
        if (small == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (fory_room(w, 9) < 0) {
            return -1;
        }
        fory_native_put_int(&w->out, small);
        return 0;
    }
    size = fory_long_bound(v);
    if (fory_room(w, 1 + FORY_VU64_MAX + size) < 0) {
        return -1;
    }
    bytes = w->out.pos + 1 + FORY_VU64_MAX;
    if (fory_long_to_bytes(v, bytes, size) < 0) {
        return -1;
    }
    /* without sign bytes that say nothing */
    while (size > 1 && ((bytes[size - 1] == 0 && bytes[size - 2] < 0x80) ||
                        (bytes[size - 1] == 0xff && bytes[size - 2] >= 0x80))) {
        size--;
    }
    fory_put_u8(&w->out, FORY_N_INT_BIG);
    fory_put_vu64(&w->out, size);
    memmove(w->out.pos, bytes, size);
    w->out.pos += size;
    return 0;
}

int
fory_native_write_int(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int64_t n;
    (void)c;
    if (FORY_UNLIKELY(!fory_small_int(v, &n))) {
        return write_big_int(w, v);
    }
    if (FORY_UNLIKELY(fory_room(w, 9) < 0)) {
        return -1;
    }
    fory_native_put_int(&w->out, n);
    return 0;
}

int
fory_native_write_float(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    if (FORY_UNLIKELY(fory_room(w, 9) < 0)) {
        return -1;
    }
    fory_native_put_float(&w->out, PyFloat_AS_DOUBLE(v));
    return 0;
}

static int
write_complex(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    Py_complex z = PyComplex_AsCComplex(v);
    uint64_t bits;
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_native_ext(w, FORY_X_COMPLEX) < 0 || fory_room(w, 16) < 0) {
        return -1;
    }
    memcpy(&bits, &z.real, 8);
    fory_put_u64(&w->out, bits);
    memcpy(&bits, &z.imag, 8);
    fory_put_u64(&w->out, bits);
    return 0;
}

/* ---- text ---------------------------------------------------------------------------- */

/* Characters that are copied while their cache lines are near. */
#define STRETCH 2048

static void
put_units(uint8_t *out, const Py_UCS2 *text, size_t n)
{
#if FORY_BIG_ENDIAN
    for (size_t i = 0; i < n; i++) {
        fory_store16(out + 2 * i, text[i]);
    }
#else
    memcpy(out, text, 2 * n);
#endif
}

/* Copies text of which UTF-8 takes 2 * n bytes or more: 1; 0 for other text, of which some
 * may be copied. It is known before the end that UTF-8 does: when what was seen is
 * ahead by more than the rest can make up for, one byte per character. */
static int
put_unless_shorter(const fory_kernels *k, uint8_t *out, const Py_UCS2 *text, size_t n)
{
    size_t done = 0;
    Py_ssize_t ahead = 0;
    while (done < n && ahead < (Py_ssize_t)(n - done)) {
        size_t m = n - done < STRETCH ? n - done : STRETCH;
        ahead += (Py_ssize_t)k->u2_utf8_size(text + done, m) - 2 * (Py_ssize_t)m;
        if (ahead < -(Py_ssize_t)(n - done - m)) {
            return 0;
        }
        put_units(out + 2 * done, text + done, m);
        done += m;
    }
    put_units(out + 2 * done, text + done, n - done);
    return 1;
}

FORY_INLINE void
put_head(fory_writer *out, int tagged, int form, size_t n)
{
    if (tagged) {
        fory_put_u8(out, form == FORY_TEXT_UCS2 ? FORY_N_STR_2 : FORY_N_STR_UTF8);
        fory_put_vu64(out, n);
    }
    else {
        fory_put_vu64(out, (uint64_t)n << 2 | (unsigned)form);
    }
}

static int
put_ucs4(ForyWriteCtx *w, PyObject *v, size_t n, int tagged)
{
    const fory_kernels *k = w->st->kernels;
    fory_text_info info;
    k->u4_scan(PyUnicode_4BYTE_DATA(v), n, &info);
    if (fory_room(w, 1 + FORY_VU64_MAX + info.bytes + FORY_TEXT_SLACK) < 0) {
        return -1;
    }
    put_head(&w->out, tagged, FORY_TEXT_UTF8, info.bytes);
    if (tagged) {
        FORY_LARGE_WORK(n, k->u4_to_utf8(PyUnicode_4BYTE_DATA(v), n, w->out.pos));
    }
    else {
        k->u4_to_utf8(PyUnicode_4BYTE_DATA(v), n, w->out.pos);
    }
    w->out.pos += info.bytes;
    return 0;
}

#if !FORY_BIG_ENDIAN
/* Up to so many characters UTF-8 is tried without calls of kernels; its size fits a byte of a varint. */
enum { FEW_UNITS = 32 };

/* Text that is mostly ASCII, with its tag: the new end, or NULL when UTF-8 is no shorter. */
static uint8_t *
put_few_utf8(uint8_t *start, const Py_UCS2 *text, size_t n)
{
    uint8_t *p = start + 2;
    for (size_t i = 0; i < n; i++) {
        unsigned c = text[i];
        if (FORY_LIKELY(c < 0x80)) {
            *p++ = (uint8_t)c;
        }
        else if (c < 0x800) {
            p[0] = (uint8_t)(0xc0 | c >> 6);
            p[1] = (uint8_t)(0x80 | (c & 0x3f));
            p += 2;
        }
        else {
            p[0] = (uint8_t)(0xe0 | c >> 12);
            p[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            p[2] = (uint8_t)(0x80 | (c & 0x3f));
            p += 3;
        }
    }
    start[0] = FORY_N_STR_UTF8;
    start[1] = (uint8_t)(p - start - 2);
    return (size_t)(p - start - 2) < 2 * n ? p : NULL;
}
#endif

/* Two bytes per character unless UTF-8 is shorter: text that is mostly ASCII. */
static int
put_ucs2(ForyWriteCtx *w, PyObject *v, size_t n, int tagged)
{
    const fory_kernels *k = w->st->kernels;
    const Py_UCS2 *text = PyUnicode_2BYTE_DATA(v);
    uint8_t *start;
    size_t size = 0;
    int units;
    if (fory_room(w, 1 + FORY_VU64_MAX + 2 * n + FORY_TEXT_SLACK + 32) < 0) {
        return -1;
    }
    start = w->out.pos;
#if !FORY_BIG_ENDIAN
    if (tagged && n <= FEW_UNITS && text[0] < 0x80) {
        uint8_t *end = put_few_utf8(start, text, n);
        if (FORY_LIKELY(end != NULL)) {
            w->out.pos = end;
            return 0;
        }
    }
#endif
    put_head(&w->out, tagged, FORY_TEXT_UCS2, n);
#if !FORY_BIG_ENDIAN
    if (n <= FORY_SHORT_UNITS && PyUnicode_IS_COMPACT(v)) {
        if (!fory_copy_units(w->out.pos, fory_compact_units(v), n, FORY_ASCII_UNITS)) {
            w->out.pos += 2 * n;
            return 0;
        }
        size = k->u2_utf8_size(text, n);
        units = size >= 2 * n;
    }
    else
#endif
    if (tagged) {
        FORY_LARGE_WORK(n, units = put_unless_shorter(k, w->out.pos, text, n));
    }
    else {
        units = put_unless_shorter(k, w->out.pos, text, n);
    }
    if (units) {
        w->out.pos += 2 * n;
        return 0;
    }
    w->out.pos = start;
    size = size != 0 ? size : k->u2_utf8_size(text, n);
    put_head(&w->out, tagged, FORY_TEXT_UTF8, size);
    k->u2_to_utf8(text, n, w->out.pos);
    w->out.pos += size;
    return 0;
}

FORY_NOINLINE int
fory_native_put_wide(ForyWriteCtx *w, PyObject *v, size_t n, int tagged)
{
    int wide = PyUnicode_KIND(v) == PyUnicode_4BYTE_KIND, rc;
    if (FORY_UNLIKELY(tagged && n >= FORY_LARGE) && fory_write_pin(w) < 0) {
        return -1; /* other threads may run */
    }
    Py_INCREF(v);
    rc = wide ? put_ucs4(w, v, n, tagged) : put_ucs2(w, v, n, tagged);
    Py_DECREF(v);
    return rc;
}

int
fory_native_write_str(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    size_t n;
    (void)c;
    if (FORY_UNLIKELY(FORY_UNICODE_READY(v) < 0)) {
        return -1;
    }
    n = (size_t)PyUnicode_GET_LENGTH(v);
    /* CPython shares strings of one Latin-1 character by itself */
    if (n > 1 || PyUnicode_KIND(v) != PyUnicode_1BYTE_KIND) {
        int rc = fory_native_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (FORY_LIKELY(n < FORY_N_STR_COUNT) && FORY_LIKELY(PyUnicode_IS_COMPACT_ASCII(v))) {
        if (FORY_UNLIKELY(fory_room(w, 1 + FORY_N_STR_COUNT + 8) < 0)) {
            return -1;
        }
        *w->out.pos = (uint8_t)(FORY_N_STR + n);
        fory_copy_text(w->out.pos + 1, v, n);
        w->out.pos += 1 + n;
        return 0;
    }
    if (FORY_UNLIKELY(PyUnicode_KIND(v) != PyUnicode_1BYTE_KIND)) {
        return fory_native_put_wide(w, v, n, 1);
    }
    if (FORY_UNLIKELY(n >= FORY_LARGE)) {
        return fory_native_tag(w, FORY_N_STR_1) < 0 ? -1 : fory_native_put_memory(w, PyUnicode_1BYTE_DATA(v), n, v);
    }
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX + n) < 0)) {
        return -1;
    }
    if (FORY_LIKELY(n < FORY_N_STR_COUNT)) {
        fory_put_u8(&w->out, (uint8_t)(FORY_N_STR + n));
    }
    else {
        fory_put_u8(&w->out, FORY_N_STR_1);
        fory_put_vu64(&w->out, n);
    }
    fory_copy_short(w->out.pos, PyUnicode_1BYTE_DATA(v), n);
    w->out.pos += n;
    return 0;
}

/* ---- bytes ---------------------------------------------------------------------------- */

int
fory_native_put_memory(ForyWriteCtx *w, const void *data, size_t n, PyObject *owner)
{
    if (fory_room(w, FORY_VU64_MAX + n) < 0) {
        return -1;
    }
    fory_put_vu64(&w->out, n);
    if (FORY_LIKELY(n < FORY_LARGE) || owner == NULL) {
        fory_copy_short(w->out.pos, data, n);
    }
    else {
        if (fory_write_pin(w) < 0) {
            return -1;
        }
        Py_INCREF(owner);
        FORY_LARGE_WORK(n, memcpy(w->out.pos, data, n));
        Py_DECREF(owner);
    }
    w->out.pos += n;
    return 0;
}

int
fory_native_write_bytes(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    size_t n = (size_t)PyBytes_GET_SIZE(v);
    (void)c;
    if (n > 1) {
        int rc = fory_native_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (FORY_UNLIKELY(w->out_of_band)) {
        int rc = fory_native_bytes_out(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (fory_native_tag(w, FORY_N_BYTES) < 0) {
        return -1;
    }
    return fory_native_put_memory(w, PyBytes_AS_STRING(v), n, v);
}

static int
write_bytearray(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    int rc = fory_native_ref(w, v);
    (void)c;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (fory_native_ext(w, FORY_X_BYTEARRAY) < 0) {
        return -1;
    }
    /* its memory may move when other threads run */
    return fory_native_put_memory(w, PyByteArray_AS_STRING(v), (size_t)PyByteArray_GET_SIZE(v), NULL);
}

/* ---- the first value of a class, and everything under the hooks of a Pickler ---------------------------------------- */

int
fory_native_write_first(ForyWriteCtx *w, PyObject *v)
{
    ForyTypeEntry *entry;
    int rc;
    Py_INCREF(v);
    entry = fory_write_entry(w, Py_TYPE(v));
    rc = entry == NULL ? -1 : entry->codec->write(w, entry->codec, v);
    Py_DECREF(v);
    return rc;
}

/* 1: written; 0: not taken; -1 */
static int
ask_reducer(ForyWriteCtx *w, PyObject *v)
{
    PyObject *reduced;
    int rc = fory_native_known(w, v);
    if (rc != 0) {
        return rc;
    }
    reduced = PyObject_CallFunctionObjArgs(w->native->reducer_override, v, NULL);
    if (reduced == NULL) {
        return -1;
    }
    if (reduced == Py_NotImplemented) {
        Py_DECREF(reduced);
        return 0;
    }
    rc = fory_native_write_reduced(w, v, reduced);
    Py_DECREF(reduced);
    return rc < 0 ? -1 : 1;
}

static int
is_atom(PyObject *v)
{
    PyTypeObject *t = Py_TYPE(v);
    return v == Py_None || t == &PyLong_Type || t == &PyBool_Type || t == &PyFloat_Type || t == &PyUnicode_Type ||
           t == &PyBytes_Type || t == &PyList_Type || t == &PyTuple_Type || t == &PyDict_Type || t == &PySet_Type ||
           t == &PyFrozenSet_Type || t == &PyByteArray_Type;
}

int
fory_native_write_hooked(ForyWriteCtx *w, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    ForyTypeEntry *entry;
    int rc = -1;
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    Py_INCREF(v);
    if (n->persistent_id != NULL) {
        PyObject *id = PyObject_CallFunctionObjArgs(n->persistent_id, v, NULL);
        if (id == NULL) {
            goto done;
        }
        if (id != Py_None) {
            PyObject *hook = n->persistent_id;
            /* the id itself is a plain value */
            n->persistent_id = NULL;
            rc = fory_native_ext(w, FORY_X_PERSISTENT) < 0 || fory_write_enter(w) < 0 ? -1 : fory_native_write(w, id);
            w->depth -= rc == 0;
            n->persistent_id = hook;
            Py_DECREF(id);
            goto done;
        }
        Py_DECREF(id);
    }
    if (n->reducer_override != NULL && !is_atom(v)) {
        rc = ask_reducer(w, v);
        if (rc != 0) {
            rc = rc < 0 ? -1 : 0;
            goto done;
        }
    }
    if (n->dispatch_table != NULL && !is_atom(v) && !PyType_Check(v) && !PyFunction_Check(v)) {
        PyObject *reducer = PyObject_GetItem(n->dispatch_table, (PyObject *)Py_TYPE(v)), *reduced;
        if (reducer == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
                goto done;
            }
            PyErr_Clear();
        }
        else {
            reduced = PyObject_CallFunctionObjArgs(reducer, v, NULL);
            Py_DECREF(reducer);
            rc = reduced == NULL ? -1 : fory_native_write_reduced(w, v, reduced);
            Py_XDECREF(reduced);
            goto done;
        }
    }
    entry = fory_write_entry(w, Py_TYPE(v));
    rc = entry == NULL ? -1 : entry->codec->write(w, entry->codec, v);
done:
    Py_DECREF(v);
    return rc;
}

/* ---- installation ------------------------------------------------------------------------ */

int
fory_native_install_values(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *))
{
    static const ForyCodec singleton = {.write = fory_native_write_singleton}, integer = {.write = fory_native_write_int},
                           real = {.write = fory_native_write_float}, complex_ = {.write = write_complex},
                           text = {.write = fory_native_write_str}, bytes = {.write = fory_native_write_bytes},
                           bytearray = {.write = write_bytearray}, list = {.write = fory_native_write_list},
                           tuple = {.write = fory_native_write_tuple}, dict = {.write = fory_native_write_dict},
                           set = {.write = fory_native_write_set},
                           frozenset = {.write = fory_native_write_frozenset};
    struct {
        PyTypeObject *type;
        const ForyCodec *codec;
    } table[] = {
        {Py_TYPE(Py_None), &singleton}, {&PyBool_Type, &singleton},     {&PyLong_Type, &integer},
        {&PyFloat_Type, &real},         {&PyComplex_Type, &complex_},   {&PyUnicode_Type, &text},
        {&PyBytes_Type, &bytes},        {&PyByteArray_Type, &bytearray}, {&PyList_Type, &list},
        {&PyTuple_Type, &tuple},        {&PyDict_Type, &dict},          {&PySet_Type, &set},
        {&PyFrozenSet_Type, &frozenset},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (add(e, table[i].type, table[i].codec) < 0) {
            return -1;
        }
    }
    return 0;
}
