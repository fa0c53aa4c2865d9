/* Private header of the codecs room: one file per family of values. */
#ifndef FORY_CODECS_H
#define FORY_CODECS_H

#include "runtime/object_layout.h"
#include "runtime/runtime.h"

/* ---- typed positions (compile.c, dispatch.c) ---------------------------- */

/* A position with a declared type: struct field, element, key or value. */
typedef struct ForySlot {
    const ForyCodec *codec; /* body codec; NULL for user classes (see entry) and dynamic positions */
    ForyTypeEntry *entry;   /* declared user class, or NULL */
    uint8_t type_id;        /* FORY_UNKNOWN: any value, type information precedes it */
    uint8_t nullable;       /* a null flag precedes */
    uint8_t track;          /* a reference flag precedes */
    uint8_t dynamic;        /* type information precedes (declared struct or ext, section 13.1) */
} ForySlot;

/* spec tuple (type_id, flags, cls, args, carrier) -> slot. 0 / -1. */
int fory_compile_slot(ForyEngine *e, PyObject *spec, ForySlot *slot);

/* body codec of a slot with a declared type, built on first use; NULL on failure */
FORY_INLINE const ForyCodec *
fory_slot_codec(ForyEngine *e, const ForySlot *slot)
{
    if (slot->entry == NULL) {
        return slot->codec;
    }
    return fory_entry_ready(e, slot->entry) < 0 ? NULL : slot->entry->codec;
}

/* the same while writing */
FORY_INLINE const ForyCodec *
fory_write_slot_codec(ForyWriteCtx *w, const ForySlot *slot)
{
    if (slot->entry == NULL) {
        return slot->codec;
    }
    return fory_write_ready(w, slot->entry) < 0 ? NULL : slot->entry->codec;
}

int fory_write_slot(ForyWriteCtx *w, const ForySlot *slot, PyObject *v);
PyObject *fory_read_slot(ForyReadCtx *r, const ForySlot *slot);

/* ---- type information and dynamic values (dispatch.c) ------------------- */

int fory_write_type_info(ForyWriteCtx *w, ForyTypeEntry *entry, PyObject *v);
/* type information and body */
int fory_write_any(ForyWriteCtx *w, PyObject *v);
/* flag, type information and body (section 1.1 value_ref) */
int fory_write_value_ref(ForyWriteCtx *w, PyObject *v);
/* Codec of the value that follows; *entry is its class when it has one. */
const ForyCodec *fory_read_class_info(ForyReadCtx *r, ForyTypeEntry **entry);
FORY_INLINE const ForyCodec *
fory_read_type_info(ForyReadCtx *r, ForyTypeEntry **entry)
{
    if (FORY_LIKELY(r->in.pos < r->in.end) && FORY_LIKELY(*r->in.pos < FORY_TYPE_ID_COUNT)) {
        const ForyCodec *codec = &r->st->codecs[*r->in.pos];
        if (FORY_LIKELY(codec->read != NULL)) {
            r->in.pos++;
            *entry = NULL;
            return codec;
        }
    }
    return fory_read_class_info(r, entry);
}
PyObject *fory_read_any(ForyReadCtx *r);
PyObject *fory_read_value_ref(ForyReadCtx *r);
/* Reads a flag byte. 0: a body follows, *id is its reference id or -1;
 * 1: *out is the value (None or an earlier object); -1: exception. */
int fory_read_flag(ForyReadCtx *r, Py_ssize_t *id, PyObject **out);
/* An earlier object (or None) where codec would read a new one: an error unless its kind fits.
 * Steals v, which may be NULL; new reference. */
PyObject *fory_back_reference(ForyReadCtx *r, const ForyCodec *codec, PyObject *v);
/* Body of a value whose flag gave id; fills the reference table. */
PyObject *fory_read_body(ForyReadCtx *r, const ForyCodec *codec, Py_ssize_t id);
/* One byte id of an ndarray or array.array value; -1 with an exception. */
int fory_type_id_of_value(ForyState *st, PyObject *v);
/* What decides, beside the class, whether values share their type information:
 * 0 for most entries; -1 with an exception. */
int64_t fory_value_kind_slow(ForyWriteCtx *w, const ForyTypeEntry *entry, PyObject *v);
FORY_INLINE int64_t
fory_value_kind(ForyWriteCtx *w, const ForyTypeEntry *entry, PyObject *v)
{
    return FORY_LIKELY(entry->info_kind < FORY_INFO_BY_VALUE) ? 0 : fory_value_kind_slow(w, entry, v);
}

/* ---- scalars.c, text.c, temporal.c, arrays.c, collections.c, maps.c ------ */

int fory_scalars_init(ForyState *st);
void fory_text_init(ForyState *st);
int fory_temporal_init(ForyState *st);
void fory_decimal_init(ForyState *st);
/* v, an exact Decimal, is (-1)**negative * coefficient * 10**exponent: at most 18 digits and
 * |exponent| <= 10000. 1; 0 when it is no such number; -1. */
int fory_decimal_parts(ForyState *st, PyObject *v, int *negative, uint64_t *coefficient, Py_ssize_t *exponent);
/* The reverse; any coefficient. st->Decimal is imported. New reference. */
PyObject *fory_decimal_make(ForyState *st, int negative, uint64_t coefficient, Py_ssize_t exponent);
PyTypeObject *fory_datetime_type(void); /* borrowed */
/* The instant of a datetime or an instance of a derived class: seconds since
 * 1970 and microseconds; naive values are local time. May run Python code. 0 / -1. */
int fory_datetime_instant(ForyState *st, PyObject *v, int64_t *seconds, int64_t *micros);
/* Seconds that the wall clock shows at instant t, as if it were UTC. 0, or -1 without
 * an exception when the platform cannot tell. */
int fory_local_wall(int64_t t, int64_t *wall);
void fory_arrays_init(ForyState *st);
void fory_collections_init(ForyState *st);
void fory_maps_init(ForyState *st);

/* Exact or index-able int into int64. 0 / -1 (TypeError, OverflowError). */
int fory_as_int64(ForyState *st, PyObject *v, int64_t *out);
int fory_as_uint64(ForyState *st, PyObject *v, uint64_t *out);
int fory_as_double(ForyState *st, PyObject *v, double *out);

/* How many elements ahead of the one that is written the next is fetched: they lie
 * anywhere in memory, and what is written of one decides what is read next. */
#define FORY_AHEAD 16

/* fory_put_vu64 with a shorter way for three and four bytes. Needs 9 bytes of room. */
FORY_INLINE void
fory_put_key(fory_writer *w, uint64_t v)
{
    if (FORY_LIKELY(v - 0x4000 < (1u << 28) - 0x4000)) {
        uint32_t n = (uint32_t)v, fourth = n >> 21 != 0;
        fory_store32(w->pos, (n & 0x7f) | (n & 0x3f80) << 1 | (n & 0x1fc000) << 2 | (n >> 21) << 24 | 0x8080 | fourth << 23);
        w->pos += 3 + fourth;
        return;
    }
    fory_put_vu64(w, v);
}

/* 1 when v is an int of at most 60 bits, *out set. Never runs Python code. */
FORY_INLINE int
fory_small_int(PyObject *v, int64_t *out)
{
    PyLongObject *l = (PyLongObject *)v;
#if PY_VERSION_HEX >= 0x030C0000
    uintptr_t tag = l->long_value.lv_tag;
    uintptr_t digits = tag >> 3;
    int64_t sign = 1 - (int64_t)(tag & 3);
    if (FORY_LIKELY(digits <= 1)) {
        *out = sign * (int64_t)l->long_value.ob_digit[0];
        return 1;
    }
    if (digits == 2) {
        *out = sign * (int64_t)((uint64_t)l->long_value.ob_digit[0] |
                                (uint64_t)l->long_value.ob_digit[1] << PyLong_SHIFT);
        return PyLong_SHIFT == 30;
    }
#else
    /* the sign is multiplied in: branching on it would mispredict */
    Py_ssize_t size = Py_SIZE(l);
    if (FORY_LIKELY((size_t)(size + 1) <= 2)) {
        *out = (int64_t)size * (int64_t)l->ob_digit[0];
        return 1;
    }
    if ((size_t)(size + 2) <= 4) {
        *out = (int64_t)(size / 2) * (int64_t)((uint64_t)l->ob_digit[0] | (uint64_t)l->ob_digit[1] << PyLong_SHIFT);
        return PyLong_SHIFT == 30;
    }
#endif
    return 0;
}

/* The common numbers without a call: 1 when v was an ordinary int or float and is
 * written, 0 when its codec must see to it, -1 on failure. */
FORY_INLINE int
fory_write_plain_int(ForyWriteCtx *w, PyObject *v)
{
    int64_t n;
    if (FORY_UNLIKELY(!PyLong_CheckExact(v) || !fory_small_int(v, &n))) {
        return 0;
    }
    if (FORY_UNLIKELY(fory_room(w, FORY_VU64_MAX) < 0)) {
        return -1;
    }
    fory_put_vi64(&w->out, n);
    return 1;
}

FORY_INLINE int
fory_write_plain_float(ForyWriteCtx *w, PyObject *v)
{
    double d;
    uint64_t bits;
    if (FORY_UNLIKELY(!PyFloat_CheckExact(v))) {
        return 0;
    }
    if (FORY_UNLIKELY(fory_room(w, 8) < 0)) {
        return -1;
    }
    d = PyFloat_AS_DOUBLE(v);
    memcpy(&bits, &d, 8);
    fory_put_u64(&w->out, bits);
    return 1;
}

FORY_INLINE int
fory_is_ascii(const ForyState *st, const uint8_t *p, size_t n)
{
    uint64_t any = 0;
    if (FORY_UNLIKELY(n > 64)) {
        return st->kernels->is_ascii(p, n);
    }
    if (n >= 8) {
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
            uint64_t chunk;
            memcpy(&chunk, p + i, 8);
            any |= chunk;
        }
        uint64_t tail;
        memcpy(&tail, p + n - 8, 8);
        any |= tail;
    }
    else {
        for (size_t i = 0; i < n; i++) {
            any |= p[i];
        }
    }
    return (any & UINT64_C(0x8080808080808080)) == 0;
}

int fory_write_str(ForyWriteCtx *w, PyObject *v);
/* The same for a caller that owns a reference to v and borrows nothing else: large
 * text is moved without the GIL. */
int fory_write_str_held(ForyWriteCtx *w, PyObject *v);
/* Bodies of n borrowed items; how many, or -1. Unless `any`, it ends in front of the first that is not exactly str. */
Py_ssize_t fory_write_texts(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n, int any);
PyObject *fory_read_str(ForyReadCtx *r);
/* the same, through the context's cache of short strings (dict keys) */
PyObject *fory_read_key_str(ForyReadCtx *r);
/* Latin-1 text as a new str; the second through the cache. New references. */
PyObject *fory_latin1_str(ForyReadCtx *r, const uint8_t *p, size_t size);
/* UTF-8 with lone surrogates passed as a new str. New reference. */
PyObject *fory_utf8_str(ForyReadCtx *r, const uint8_t *p, size_t size);
PyObject *fory_key_str(ForyReadCtx *r, const uint8_t *p, size_t size);

/* Writes a BINARY body, in or out of band. */
int fory_write_bytes_body(ForyWriteCtx *w, PyObject *v);

/* BufferObject over memory that `owner` keeps in place, or over whatever `owner` exports then
 * (data NULL); the other one holds a view of a contiguous exporter. New references. */
PyObject *fory_buffer_object_new(ForyState *st, PyObject *owner, const void *data, Py_ssize_t size, int readonly);
PyObject *fory_buffer_object_view(ForyState *st, PyObject *source);
/* Body codec of dense arrays with a result carrier (0 wrapper, 1 ndarray, 2 array.array). */
const ForyCodec *fory_array_codec(ForyEngine *e, int type_id, int carrier);
/* Codec that takes the array kind from the value (ndarray, array.array). */
const ForyCodec *fory_value_array_codec(ForyEngine *e);
/* New array.array of a type code from elements in its own form; `data` is copied. */
PyObject *fory_pyarray_from_bytes(ForyState *st, int typecode, const uint8_t *data, size_t size);
extern const char *const fory_array_names[FORY_TYPE_ID_COUNT];

/* ---- collections.c, read_collections.c ------------------------------------- */

/* bits of the header in front of the elements */
enum { FORY_ITEMS_TRACK = 0x01, FORY_ITEMS_HAS_NULL = 0x02, FORY_ITEMS_DECLARED = 0x04, FORY_ITEMS_SAME_TYPE = 0x08 };
enum { FORY_AS_LIST = 0, FORY_AS_TUPLE = 1, FORY_AS_DENSE = 2 }; /* list carriers */
enum { FORY_AS_SET = 0, FORY_AS_FROZENSET = 1 };                 /* set carriers */

typedef struct ForyCollectionCodec {
    ForyCodec base;
    ForySlot element;
    uint8_t carrier;
} ForyCollectionCodec;

/* Read functions of codecs: any elements, and those that a ForyCollectionCodec declares. */
PyObject *fory_read_list(ForyReadCtx *r, const ForyCodec *c);
PyObject *fory_read_set(ForyReadCtx *r, const ForyCodec *c);
PyObject *fory_read_typed_collection(ForyReadCtx *r, const ForyCodec *c);
int fory_check_hashable(ForyWriteCtx *w, const ForyTypeEntry *entry, PyObject *v);
/* Announced elements against the bytes left; backed: each takes at least one. 0 / -1. */
int fory_check_count(ForyReadCtx *r, uint32_t count, int backed);
/* Charges what `items` exceed the bytes they consumed to the budget. 0 / -1. */
int fory_charge_unbacked(ForyReadCtx *r, int64_t items, int64_t consumed);
const ForyCodec *fory_list_codec(ForyEngine *e, const ForySlot *element, int carrier);
const ForyCodec *fory_set_codec(ForyEngine *e, const ForySlot *element, int carrier);
const ForyCodec *fory_map_codec(ForyEngine *e, const ForySlot *key, const ForySlot *value);

/* ---- scalar_messages.c -------------------------------------------------- */

/* A whole message whose value is a scalar. 1: *message or *value is a new reference, or NULL
 * with an exception; 0: not taken, and nothing has happened. */
int fory_write_scalar_message(const ForyEngine *e, PyObject *v, PyObject **message);
/* The same of a list of few strings. */
int fory_write_texts_message(ForyEngine *e, PyObject *v, PyObject **message);
int fory_read_scalar_message(const ForyEngine *e, const uint8_t *data, size_t size, PyObject **value);

/* ---- enums_unions.c ------------------------------------------------------ */

const ForyCodec *fory_enum_codec(ForyEngine *e, PyTypeObject *type, PyObject *spec);
const ForyCodec *fory_remote_enum_codec(ForyEngine *e);
const ForyCodec *fory_union_codec(ForyEngine *e, PyTypeObject *type, PyObject *spec);
const ForyCodec *fory_remote_union_codec(ForyEngine *e);

/* ---- structs.c ----------------------------------------------------------- */

int fory_build_struct(ForyEngine *e, ForyTypeEntry *entry);
/* 1 when the next four bytes are a schema hash that the struct codec accepts. */
int fory_struct_starts(ForyReadCtx *r, const ForyCodec *codec);
/* The class that a struct codec makes; NULL for other codecs and unknown structs. Borrowed. */
PyTypeObject *fory_struct_type(const ForyCodec *codec);
/* codec that reads a remote schema into a local class */
const ForyCodec *fory_remote_struct_codec(ForyEngine *e, ForyTypeEntry *entry, PyObject *read_plan);
/* codec that reads an unregistered remote schema into UnknownStruct */
const ForyCodec *fory_unknown_struct_codec(ForyEngine *e, PyObject *type_def, PyObject *keys, PyObject *fields);
int fory_write_unknown_info(ForyWriteCtx *w, PyObject *v);
int fory_unknown_struct_install(ForyEngine *e, ForyTypeEntry *entry);

/* ---- extension.c: serializers written in Python --------------------------- */

const ForyCodec *fory_ext_codec(ForyEngine *e, PyTypeObject *type, PyObject *serializer);
int fory_extension_init(PyObject *module, ForyState *st);

#endif /* FORY_CODECS_H */
