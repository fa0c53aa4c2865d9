/* dict and other mappings (wire-format 6.2): chunks of up to 255 pairs whose
 * keys have one type and whose values have one type. */
#include "codecs/plain.h"

enum {
    KEY_TRACK = 0x01,
    KEY_NULL = 0x02,
    KEY_DECLARED = 0x04,
    VALUE_TRACK = 0x08,
    VALUE_NULL = 0x10,
    VALUE_DECLARED = 0x20
};

typedef struct ForyMapCodec {
    ForyCodec base;
    ForySlot key, value;
} ForyMapCodec;

static const ForySlot any_slot; /* all zero: undeclared */

/* ---- writing --------------------------------------------------------------- */

/* How one side of a chunk travels. */
typedef struct Side {
    const ForySlot *slot;
    const ForyCodec *codec;
    ForyTypeEntry *entry; /* undeclared: owner of the type information */
    int declared, track;
} Side;

static int
side_declared(const ForySlot *slot)
{
    if (slot->type_id == FORY_UNKNOWN) {
        return 0;
    }
    /* a struct with its schema on the wire is announced like any dynamic value */
    return !(slot->entry != NULL && (slot->entry->type_id == FORY_COMPATIBLE_STRUCT ||
                                     slot->entry->type_id == FORY_NAMED_COMPATIBLE_STRUCT));
}

static int
side_open(ForyWriteCtx *w, Side *side, const ForySlot *slot, PyObject *v)
{
    side->slot = slot;
    side->declared = side_declared(slot);
    side->entry = NULL;
    if (side->declared && slot->entry != NULL && slot->entry->kind == FORY_KIND_STRUCT &&
        Py_TYPE(v) != slot->entry->type) {
        side->declared = 0; /* a subclass keeps its class (decision 14) */
    }
    if (side->declared) {
        side->codec = fory_write_slot_codec(w, slot);
        side->track = slot->track;
        return side->codec == NULL ? -1 : 0;
    }
    if (slot->entry != NULL && !PyObject_TypeCheck(v, slot->entry->type)) {
        ForyTypeEntry *other = fory_write_entry(w, Py_TYPE(v));
        if (other == NULL || other->kind != FORY_KIND_UNKNOWN) {
            if (other != NULL) {
                fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", slot->entry->type->tp_name,
                           Py_TYPE(v)->tp_name);
            }
            return -1;
        }
    }
    side->entry = fory_write_entry(w, Py_TYPE(v));
    if (side->entry == NULL || fory_write_ready(w, side->entry) < 0) {
        return -1;
    }
    side->codec = side->entry->codec;
    side->track = slot->type_id != FORY_UNKNOWN ? slot->track : w->track_ref && side->entry->tracked;
    return 0;
}

FORY_INLINE int
side_write(ForyWriteCtx *w, const Side *side, PyObject *v)
{
    if (side->track) {
        int rc = fory_write_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (side->codec->type_id == FORY_STRING) {
        return fory_write_str(w, v);
    }
    if (side->codec->type_id == FORY_VARINT64 || side->codec->type_id == FORY_FLOAT64) {
        int rc = side->codec->type_id == FORY_VARINT64 ? fory_write_plain_int(w, v) : fory_write_plain_float(w, v);
        if (FORY_LIKELY(rc != 0)) {
            return rc < 0 ? -1 : 0;
        }
    }
    return side->codec->write(w, side->codec, v);
}

/* The pair has a None on one side; `present` is the other side. */
static int
write_half_pair(ForyWriteCtx *w, const ForySlot *slot, PyObject *present, int null_bit, int declared_bit,
                int track_bit)
{
    Side side;
    if (fory_room(w, 1) < 0) {
        return -1;
    }
    if (!side_declared(slot) ||
        (slot->entry != NULL && slot->entry->kind == FORY_KIND_STRUCT && Py_TYPE(present) != slot->entry->type)) {
        fory_put_u8(&w->out, (uint8_t)(null_bit | track_bit));
        return fory_write_value_ref(w, present);
    }
    if (side_open(w, &side, slot, present) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)(null_bit | declared_bit | (side.track ? track_bit : 0)));
    return side_write(w, &side, present);
}

FORY_INLINE int64_t
value_kind(ForyWriteCtx *w, const Side *side, PyObject *v)
{
    return side->entry == NULL ? 0 : fory_value_kind(w, side->entry, v);
}

/* The chunk being written. */
typedef struct Chunk {
    Side key, value;
    PyTypeObject *key_type, *value_type; /* NULL: no chunk is open */
    size_t start;                        /* offset of its header */
    int n;
    int announced;                       /* pairs that its header promises, 0 while they are counted */
    PyObject *dict;                      /* being walked; position is that of the next pair */
    const Py_ssize_t *position;
    int64_t key_kind, kind;
    int inert;                           /* neither side can run Python code */
    unsigned key_id, value_id;           /* fory_plain_id of the types, 0 in a declared chunk */
    int filled;                          /* the sides are there */
} Chunk;

static FORY_NOINLINE int
chunk_settle(ForyWriteCtx *w, Chunk *chunk)
{
    if (chunk->announced == 0) {
        fory_write_patch(w, chunk->start + 1, (uint8_t)chunk->n);
        w->barriers -= w->streaming;
        return 0;
    }
    if (chunk->n != chunk->announced) {
        fory_raise(w->st, FORY_E_TYPE, "the dict changed while it was written");
        return -1;
    }
    return 0;
}

FORY_INLINE int
chunk_close(ForyWriteCtx *w, Chunk *chunk)
{
    if (chunk->key_type != NULL) {
        chunk->key_type = NULL;
        if (FORY_UNLIKELY(w->lent != NULL || w->streaming)) {
            return chunk_settle(w, chunk);
        }
        w->out.start[chunk->start + 1] = (uint8_t)chunk->n;
    }
    return 0;
}

/* Where output leaves early, the header cannot wait for the number of pairs:
 * they are counted before, or, where telling them apart may run Python code,
 * the chunk is held back. */
static FORY_NOINLINE int
chunk_count(ForyWriteCtx *w, Chunk *chunk)
{
    Py_ssize_t position = *chunk->position;
    PyObject *key, *value;
    int n = 1;
    if (chunk->kind != 0 || chunk->key_kind != 0) {
        w->barriers++;
        return 0;
    }
    while (n < 255 && fory_dict_next(w->st, chunk->dict, &position, &key, &value) && Py_TYPE(key) == chunk->key_type &&
           Py_TYPE(value) == chunk->value_type) {
        n++;
    }
    chunk->announced = n;
    return n;
}

/* Values of exactly this type are written without running any Python code. */
FORY_INLINE int
side_inert(const Side *side, PyObject *v)
{
    return side->codec->exact == Py_TYPE(v) && (side->codec->flags & FORY_CODEC_BASIC);
}

FORY_INLINE int
put_type_info(ForyWriteCtx *w, ForyTypeEntry *entry, PyObject *v)
{
    if (FORY_LIKELY(entry->info_kind == FORY_INFO_STATIC && entry->info_size == 1)) {
        fory_put_u8(&w->out, entry->info[0]);
        return 0;
    }
    return fory_write_type_info(w, entry, v);
}

static int
chunk_open(ForyWriteCtx *w, Chunk *chunk, const ForySlot *key_slot, const ForySlot *value_slot, PyObject *key,
           PyObject *value)
{
    if (chunk_close(w, chunk) < 0) {
        return -1;
    }
    chunk->announced = 0;
    chunk->filled = 1;
    if (FORY_LIKELY(key_slot == &any_slot && value_slot == &any_slot)) {
        /* undeclared pair of builtin types: header, size and both type ids at once */
        ForyTypeEntry *k = fory_write_entry(w, Py_TYPE(key)), *v = fory_write_entry(w, Py_TYPE(value));
        if (k == NULL || v == NULL || (k->type_id >= FORY_LIST && fory_check_hashable(w, k, key) < 0)) {
            return -1;
        }
        if (FORY_LIKELY(k->kind == FORY_KIND_BUILTIN && v->kind == FORY_KIND_BUILTIN &&
                        k->info_kind == FORY_INFO_STATIC && v->info_kind == FORY_INFO_STATIC)) {
            int key_track = w->track_ref & k->tracked, value_track = w->track_ref & v->tracked;
            chunk->key = (Side){key_slot, k->codec, k, 0, key_track};
            chunk->value = (Side){value_slot, v->codec, v, 0, value_track};
            chunk->key_kind = chunk->kind = chunk->n = 0;
            if (fory_room(w, 4) < 0) {
                return -1;
            }
            chunk->start = fory_write_mark(w);
            chunk->key_type = Py_TYPE(key);
            chunk->value_type = Py_TYPE(value);
            fory_put_u32(&w->out, (key_track ? KEY_TRACK : 0u) | (value_track ? VALUE_TRACK : 0u) |
                                      (FORY_UNLIKELY(w->streaming) ? (uint32_t)chunk_count(w, chunk) << 8 : 0u) |
                                      (uint32_t)k->type_id << 16 | (uint32_t)v->type_id << 24);
            chunk->inert = side_inert(&chunk->key, key) && side_inert(&chunk->value, value);
            chunk->key_id = fory_plain_id(chunk->key_type);
            chunk->value_id = fory_plain_id(chunk->value_type);
            return 0;
        }
    }
    chunk->key_id = chunk->value_id = 0;
    if (side_open(w, &chunk->key, key_slot, key) < 0 ||
        (chunk->key.entry != NULL && fory_check_hashable(w, chunk->key.entry, key) < 0) ||
        side_open(w, &chunk->value, value_slot, value) < 0 ||
        (chunk->key_kind = value_kind(w, &chunk->key, key)) == -1 ||
        (chunk->kind = value_kind(w, &chunk->value, value)) == -1 || fory_room(w, 4) < 0) {
        return -1;
    }
    chunk->start = fory_write_mark(w);
    chunk->key_type = Py_TYPE(key);
    chunk->value_type = Py_TYPE(value);
    chunk->n = 0;
    fory_put_u8(&w->out,
                (uint8_t)((chunk->key.declared ? KEY_DECLARED : 0) | (chunk->key.track ? KEY_TRACK : 0) |
                          (chunk->value.declared ? VALUE_DECLARED : 0) | (chunk->value.track ? VALUE_TRACK : 0)));
    fory_put_u8(&w->out, (uint8_t)(FORY_UNLIKELY(w->streaming) ? chunk_count(w, chunk) : 0));
    if ((!chunk->key.declared && put_type_info(w, chunk->key.entry, key) < 0) || fory_room(w, 1) < 0 ||
        (!chunk->value.declared && put_type_info(w, chunk->value.entry, value) < 0)) {
        return -1;
    }
    chunk->inert = side_inert(&chunk->key, key) && side_inert(&chunk->value, value);
    return 0;
}

FORY_INLINE int
chunk_takes(ForyWriteCtx *w, const Chunk *chunk, PyObject *key, PyObject *value)
{
    if (Py_TYPE(value) != chunk->value_type || Py_TYPE(key) != chunk->key_type || chunk->n == 255) {
        return 0;
    }
    if (FORY_LIKELY(chunk->kind == 0 && chunk->key_kind == 0)) {
        return 1;
    }
    return value_kind(w, &chunk->value, value) == chunk->kind && value_kind(w, &chunk->key, key) == chunk->key_kind && !PyErr_Occurred();
}

static int
write_pair(ForyWriteCtx *w, Chunk *chunk, const ForySlot *key_slot, const ForySlot *value_slot, PyObject *key,
           PyObject *value)
{
    if (FORY_UNLIKELY(key == Py_None || value == Py_None)) {
        if (chunk_close(w, chunk) < 0) {
            return -1;
        }
        if (key == value) {
            if (fory_room(w, 1) < 0) {
                return -1;
            }
            fory_put_u8(&w->out, KEY_NULL | VALUE_NULL);
            return 0;
        }
        if (value == Py_None && !side_declared(key_slot)) {
            ForyTypeEntry *entry = fory_write_entry(w, Py_TYPE(key));
            if (entry == NULL || fory_check_hashable(w, entry, key) < 0) {
                return -1;
            }
        }
        return value == Py_None ? write_half_pair(w, key_slot, key, VALUE_NULL, KEY_DECLARED, KEY_TRACK)
                                : write_half_pair(w, value_slot, value, KEY_NULL, VALUE_DECLARED, VALUE_TRACK);
    }
    if (!chunk_takes(w, chunk, key, value)) {
        if (PyErr_Occurred() || chunk_open(w, chunk, key_slot, value_slot, key, value) < 0) {
            return -1;
        }
    }
    chunk->n++;
    return side_write(w, &chunk->key, key) < 0 ? -1 : side_write(w, &chunk->value, value);
}

/* ---- undeclared pairs of builtin types -------------------------------------- */

/* Opens a chunk for a key of str or int and a value with these type ids. Its sides wait
 * until a pair needs them (fill_sides). 0 / -1. */
FORY_INLINE int
open_plain(ForyWriteCtx *w, Chunk *chunk, PyObject *key, PyObject *value, unsigned key_id, unsigned value_id)
{
    unsigned flags = w->track_ref && value_id >= FORY_LIST ? VALUE_TRACK : 0;
    if (chunk_close(w, chunk) < 0 || FORY_UNLIKELY(fory_room(w, 4) < 0)) {
        return -1;
    }
    chunk->start = fory_write_mark(w);
    chunk->key_type = Py_TYPE(key);
    chunk->value_type = Py_TYPE(value);
    chunk->key_id = key_id;
    chunk->value_id = value_id;
    chunk->n = 0;
    chunk->inert = 0;
    chunk->filled = 0;
    fory_put_u32(&w->out, flags | key_id << 16 | value_id << 24);
    return 0;
}

/* What open_plain left out, for a pair that its codecs must see to. */
static void
fill_sides(const ForyWriteCtx *w, Chunk *chunk)
{
    const ForyState *st = w->st;
    chunk->key = (Side){&any_slot, &st->codecs[chunk->key_id], NULL, 0, 0};
    chunk->value = (Side){&any_slot, &st->codecs[chunk->value_id], NULL, 0, w->track_ref && chunk->value_id >= FORY_LIST};
    chunk->announced = 0;
    chunk->key_kind = chunk->kind = 0;
    chunk->inert = chunk->value_id < FORY_LIST;
    chunk->filled = 1;
}

/* A list or dict as a value; what it holds may run Python code. */
static int
write_nested(ForyWriteCtx *w, const Chunk *chunk, PyObject *key, PyObject *value)
{
    int rc = 0;
    Py_INCREF(key);
    Py_INCREF(value);
    if (w->track_ref) {
        rc = fory_write_ref(w, value);
    }
    if (rc == 0) {
        rc = chunk->value_id == FORY_LIST ? fory_write_list(w, value) : fory_write_dict(w, value);
    }
    if (FORY_UNLIKELY(rc < 0)) {
        fory_path_key(&w->path, key);
    }
    Py_DECREF(key);
    Py_DECREF(value);
    return rc;
}

/* None as the value of a str key, without reference flags. 1 / 0: not taken / -1. */
static int
write_plain_null(ForyWriteCtx *w, Chunk *chunk, PyObject *key)
{
    uint8_t *p;
    if (!PyUnicode_CheckExact(key) || !fory_is_plain_text(key) || w->track_ref) {
        return 0;
    }
    if (chunk_close(w, chunk) < 0 || FORY_UNLIKELY(fory_room(w, 3 + fory_plain_room(FORY_STRING, key)) < 0)) {
        return -1;
    }
    p = w->out.pos;
    p[0] = VALUE_NULL | KEY_TRACK;
    p[1] = FORY_FLAG_NOT_NULL;
    p[2] = FORY_STRING;
    w->out.pos = fory_put_text(p + 3, key);
    return 1;
}

/* 1: the pair is written, and no Python code has run; 2: it may have; 0: not taken; -1. */
FORY_INLINE int
write_plain_pair(ForyWriteCtx *w, Chunk *chunk, PyObject *key, PyObject *value)
{
    uint8_t *p;
    if (FORY_UNLIKELY(Py_TYPE(value) != chunk->value_type || chunk->n == 255 || Py_TYPE(key) != chunk->key_type)) {
        unsigned key_id = fory_plain_id(Py_TYPE(key)), value_id = fory_plain_id(Py_TYPE(value));
        if (value_id == 0 || (key_id != FORY_STRING && key_id != FORY_VARINT64)) {
            return value == Py_None ? write_plain_null(w, chunk, key) : 0;
        }
        if (FORY_UNLIKELY(open_plain(w, chunk, key, value, key_id, value_id) < 0)) {
            return -1;
        }
    }
    if (FORY_UNLIKELY(chunk->key_id == 0 || chunk->value_id == 0)) {
        return 0;
    }
    if (chunk->value_id >= FORY_LIST) {
        if (FORY_UNLIKELY(fory_room(w, fory_plain_room(chunk->key_id, key)) < 0)) {
            return -1;
        }
        p = fory_put_plain(w->out.pos, chunk->key_id, key);
        if (FORY_UNLIKELY(p == NULL)) {
            return 0;
        }
        w->out.pos = p;
        chunk->n++;
        return write_nested(w, chunk, key, value) < 0 ? -1 : 2;
    }
    if (FORY_UNLIKELY(fory_room(w, fory_plain_room(chunk->key_id, key) + fory_plain_room(chunk->value_id, value)) < 0)) {
        return -1;
    }
    p = fory_put_plain(w->out.pos, chunk->key_id, key);
    if (FORY_LIKELY(p != NULL)) {
        p = fory_put_plain(p, chunk->value_id, value);
    }
    if (FORY_UNLIKELY(p == NULL)) {
        return 0; /* nothing but the chunk's header is written yet */
    }
    w->out.pos = p;
    chunk->n++;
    return 1;
}

/* Fewer pairs are not worth it. */
#define FEWEST_NUMBERS 8

/* Goes on with a chunk of ints and floats, as far as it and they reach: in one loop, which
 * fetches ahead what lies anywhere in memory. 0 / -1. */
static FORY_NOINLINE int
write_numbers(ForyWriteCtx *w, Chunk *chunk, Py_ssize_t *position, Py_ssize_t *left)
{
    PyObject *const *pairs, *const *pair, *const *stop, *const *far;
    fory_writer out = {NULL, NULL, NULL, NULL};
    size_t width;
    Py_ssize_t end, most = 255 - chunk->n < *left ? 255 - chunk->n : *left, room = most;
    if (!fory_dict_pairs(w->st, chunk->dict, &pairs, &width, &end)) {
        return 0;
    }
    if (fory_room(w, (size_t)room * (FORY_VU64_MAX + 8)) < 0) {
        return -1;
    }
    out.pos = w->out.pos;
    pair = pairs + (size_t)*position * width;
    stop = pairs + (size_t)end * width;
    far = FORY_AHEAD * width < (size_t)(stop - pair) ? stop - FORY_AHEAD * width : pair;
    for (; pair < stop && room > 0; pair += width) {
        PyObject *const *ahead = pair < far ? pair + FORY_AHEAD * width : pair;
        PyObject *key = pair[0], *value = pair[1];
        int64_t n;
        double d;
        uint64_t bits;
        FORY_PREFETCH(ahead[0]);
        FORY_PREFETCH(ahead[1]);
        if (FORY_UNLIKELY(value == NULL)) {
            continue;
        }
        if (FORY_UNLIKELY(!PyLong_CheckExact(key) || !PyFloat_CheckExact(value) || !fory_small_int(key, &n))) {
            break;
        }
        fory_put_key(&out, fory_zigzag64(n));
        d = PyFloat_AS_DOUBLE(value);
        memcpy(&bits, &d, 8);
        fory_put_u64(&out, bits);
        room--;
    }
    w->out.pos = out.pos;
    *position = (pair - pairs) / (Py_ssize_t)width;
    chunk->n += (int)(most - room);
    *left -= most - room;
    return 0;
}

/* True for values that cannot run Python code while they are written: the dict
 * then keeps them alive by itself. */
FORY_INLINE int
is_inert(PyObject *v)
{
    return PyUnicode_CheckExact(v) || PyLong_CheckExact(v) || PyFloat_CheckExact(v) || v == Py_None || PyBool_Check(v);
}

static int
write_mapping(ForyWriteCtx *w, const ForySlot *key_slot, const ForySlot *value_slot, PyObject *v)
{
    PyObject *dict = NULL, *key, *value;
    Py_ssize_t position = 0, size, left;
    Chunk chunk;
    /* nothing is declared, and output stays here unless Python code asks for it */
    int rc = -1, plain = key_slot == &any_slot && value_slot == &any_slot && w->engine->xlang && !w->streaming;
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    if (PyDict_CheckExact(v)) {
        dict = Py_NewRef(v);
    }
    else {
        /* Mapping classes: their own iteration order and values */
        if (fory_write_pin(w) < 0 || (dict = PyDict_New()) == NULL) {
            goto done;
        }
        if (PyDict_Update(dict, v) < 0) {
            if (PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
                fory_raise(w->st, FORY_E_TYPE, "expected a mapping, got %s", Py_TYPE(v)->tp_name);
            }
            goto done;
        }
        if (w->track_ref && fory_write_keep(w, dict) < 0) {
            goto done;
        }
    }
    /* plans are made before the walk: it does not hold keys and values that run no code themselves */
    if (PyDict_GET_SIZE(dict) > 0 &&
        ((key_slot->entry != NULL && fory_write_ready(w, key_slot->entry) < 0) ||
         (value_slot->entry != NULL && fory_write_ready(w, value_slot->entry) < 0))) {
        goto done;
    }
    size = PyDict_GET_SIZE(dict);
    if (size > INT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "a mapping of 2**31 or more entries");
        goto done;
    }
    if (fory_room(w, FORY_VU32_MAX) < 0) {
        goto done;
    }
    fory_put_vu32(&w->out, (uint32_t)size);
    chunk.key_type = chunk.value_type = NULL;
    chunk.n = chunk.announced = 0;
    chunk.filled = 1;
    chunk.dict = dict;
    chunk.position = &position;
    left = size;
    while (fory_dict_next(w->st, dict, &position, &key, &value)) {
        int held;
        if (FORY_LIKELY(plain)) {
            rc = write_plain_pair(w, &chunk, key, value);
            if (FORY_LIKELY(rc == 1)) {
                left--;
                if (FORY_UNLIKELY(chunk.value_id == FORY_FLOAT64) && chunk.key_id == FORY_VARINT64 && left >= FEWEST_NUMBERS &&
                    (rc = write_numbers(w, &chunk, &position, &left)) < 0) {
                    goto done;
                }
                continue;
            }
            if (FORY_UNLIKELY(rc < 0)) {
                goto done;
            }
            if (rc == 2) {
                if (FORY_UNLIKELY(PyDict_GET_SIZE(dict) != size || --left < 0)) {
                    break;
                }
                continue;
            }
            if (!chunk.filled) {
                fill_sides(w, &chunk);
            }
        }
        if (FORY_LIKELY(Py_TYPE(value) == chunk.value_type && Py_TYPE(key) == chunk.key_type && chunk.inert &&
                        chunk.n < 255)) {
            /* one more like the last: nothing can change under us */
            chunk.n++;
            left--;
            if (FORY_UNLIKELY(side_write(w, &chunk.key, key) < 0 || side_write(w, &chunk.value, value) < 0)) {
                fory_path_key(&w->path, key);
                rc = -1;
                goto done;
            }
            continue;
        }
        held = !is_inert(value) || !is_inert(key) || FORY_UNLIKELY(w->streaming);
        if (FORY_UNLIKELY(held)) {
            Py_INCREF(key);
            Py_INCREF(value);
        }
        rc = write_pair(w, &chunk, key_slot, value_slot, key, value);
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_key(&w->path, key);
        }
        if (FORY_UNLIKELY(held)) {
            Py_DECREF(key);
            Py_DECREF(value);
        }
        if (FORY_UNLIKELY(rc < 0 || (rc = fory_write_step(w)) < 0)) {
            goto done;
        }
        if (FORY_UNLIKELY(PyDict_GET_SIZE(dict) != size || --left < 0)) {
            break;
        }
    }
    if (FORY_UNLIKELY(left != 0 || PyDict_GET_SIZE(dict) != size)) {
        /* keys exchanged for others show as too many or too few */
        fory_raise(w->st, FORY_E_TYPE, "the dict changed its size while it was written");
        rc = -1;
        goto done;
    }
    rc = chunk_close(w, &chunk);
done:
    w->depth--;
    Py_XDECREF(dict);
    return rc;
}

int
fory_write_dict(ForyWriteCtx *w, PyObject *v)
{
    return write_mapping(w, &any_slot, &any_slot, v);
}

static int
write_dynamic(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    return write_mapping(w, &any_slot, &any_slot, v);
}

static int
write_typed(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyMapCodec *codec = (const ForyMapCodec *)c;
    if (!PyDict_Check(v) && (PyList_Check(v) || PyTuple_Check(v) || PyUnicode_Check(v) || v == Py_None)) {
        fory_raise(w->st, FORY_E_TYPE, "expected a mapping, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    return write_mapping(w, &codec->key, &codec->value, v);
}

/* ---- reading ------------------------------------------------------------------- */

static int
dict_put(ForyReadCtx *r, PyObject *dict, PyObject *key, PyObject *value)
{
    int rc = PyDict_SetItem(dict, key, value);
    if (FORY_UNLIKELY(rc < 0) && PyErr_ExceptionMatches(PyExc_TypeError) &&
        (PyList_CheckExact(key) || PyDict_CheckExact(key) || PyAnySet_Check(key) ||
         Py_TYPE(key)->tp_hash == PyObject_HashNotImplemented)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "unhashable %s as a dict key", Py_TYPE(key)->tp_name);
    }
    return rc;
}

/* Codec of one side of a chunk. */
static const ForyCodec *
open_side(ForyReadCtx *r, const ForySlot *slot, int declared, const char *what)
{
    ForyTypeEntry *entry;
    const ForyCodec *codec;
    if (declared) {
        if (slot->type_id == FORY_UNKNOWN) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "missing serializer for declared map %s type", what);
            return NULL;
        }
        return fory_slot_codec(r->engine, slot);
    }
    codec = fory_read_type_info(r, &entry);
    if (codec != NULL && entry != NULL && slot->entry != NULL && !PyType_IsSubtype(entry->type, slot->entry->type)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "expected map %s of %s, the input holds %s", what,
                   slot->entry->type->tp_name, entry->type->tp_name);
        return NULL;
    }
    return codec;
}

/* The same without a call for values of any type, most of which are builtin. */
FORY_INLINE const ForyCodec *
open_plain_side(ForyReadCtx *r, const ForySlot *slot, int declared, const char *what)
{
    ForyTypeEntry *entry;
    if (FORY_LIKELY(!declared && slot == &any_slot)) {
        return fory_read_type_info(r, &entry);
    }
    return open_side(r, slot, declared, what);
}

FORY_INLINE PyObject *
read_side(ForyReadCtx *r, const ForyCodec *codec, int track, int is_key)
{
    Py_ssize_t id = -1;
    PyObject *v = NULL;
    if (track) {
        int rc = fory_read_flag(r, &id, &v);
        if (rc != 0) {
            return rc < 0 ? NULL : fory_back_reference(r, codec, v);
        }
    }
    if (is_key && codec->type_id == FORY_STRING && id < 0) {
        return fory_read_key_str(r);
    }
    if (!track) {
        return is_key ? codec->read(r, codec) : fory_read_plain(r, codec);
    }
    return fory_read_body(r, codec, id);
}

/* The present side of a pair with one None. */
static PyObject *
read_half_pair(ForyReadCtx *r, const ForySlot *slot, int declared, int track, const char *what)
{
    const ForyCodec *codec;
    if (declared) {
        codec = open_side(r, slot, 1, what);
        return codec == NULL ? NULL : read_side(r, codec, track, 0);
    }
    if (!track && fory_have(&r->in, 1)) {
        /* decision 27: some peers write type information without a flag here */
        uint8_t next = *r->in.pos;
        if (next != FORY_FLAG_NULL && next != FORY_FLAG_NOT_NULL && next != FORY_FLAG_REF &&
            next != FORY_FLAG_REF_VALUE) {
            return fory_read_any(r);
        }
    }
    if (slot == &any_slot && fory_left(&r->in) > 2 && r->in.pos[0] == FORY_FLAG_NOT_NULL && r->in.pos[1] == FORY_STRING) {
        /* most often the key of a None */
        r->in.pos += 2;
        return fory_read_key_str(r);
    }
    return fory_read_value_ref(r);
}

static int
read_chunk(ForyReadCtx *r, const ForySlot *key_slot, const ForySlot *value_slot, PyObject *dict, uint32_t *left,
           int header)
{
    const ForyCodec *key_codec = NULL, *value_codec = NULL;
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t mark, consumed;
    uint8_t n;
    int rc = fory_get_u8(&r->in, &n);
    if (rc != FORY_OK) {
        return fory_read_bad(r, rc);
    }
    if (n == 0 || n > *left) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "invalid map chunk size %u", (unsigned)n);
        return -1;
    }
    key_codec = open_plain_side(r, key_slot, header & KEY_DECLARED, "key");
    if (key_codec == NULL) {
        return -1;
    }
    value_codec = open_plain_side(r, value_slot, header & VALUE_DECLARED, "value");
    if (value_codec == NULL) {
        return -1;
    }
    mark = r->in.pos - r->in.start;
    for (int i = 0; i < n; i++) {
        key = read_side(r, key_codec, header & KEY_TRACK, 1);
        if (FORY_UNLIKELY(key == NULL)) {
            return -1;
        }
        value = read_side(r, value_codec, header & VALUE_TRACK, 0);
        if (FORY_UNLIKELY(value == NULL)) {
            fory_path_key(&r->path, key);
            goto error;
        }
        if (FORY_UNLIKELY(dict_put(r, dict, key, value) < 0)) {
            goto error;
        }
        Py_DECREF(key);
        Py_DECREF(value);
    }
    *left -= n;
    consumed = (r->in.pos - r->in.start) - mark;
    return fory_charge_unbacked(r, n, consumed);
error:
    Py_DECREF(key);
    Py_XDECREF(value);
    return -1;
}

static PyObject *
read_mapping(ForyReadCtx *r, const ForySlot *key_slot, const ForySlot *value_slot)
{
    PyObject *dict = NULL, *key = NULL, *value = NULL;
    uint32_t count;
    Py_ssize_t id = fory_ref_take(r);
    int rc = fory_get_vu32(&r->in, &count);
    if (rc != FORY_OK || count > INT32_MAX) {
        fory_read_bad(r, rc != FORY_OK ? rc : FORY_MALFORMED);
        return NULL;
    }
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    if (fory_charge(r, 64 + 16 * (int64_t)count) < 0 || fory_check_count(r, count, 0) < 0) {
        goto error;
    }
    dict = fory_dict_new((Py_ssize_t)(count < 65536 ? count : 65536));
    if (dict == NULL) {
        goto error;
    }
    fory_ref_publish(r, id, dict);
    while (count > 0) {
        uint8_t header;
        if (fory_get_u8(&r->in, &header) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            goto error;
        }
        if (FORY_LIKELY(!(header & (KEY_NULL | VALUE_NULL)))) {
            if (read_chunk(r, key_slot, value_slot, dict, &count, header) < 0) {
                goto error;
            }
            continue;
        }
        key = value = NULL;
        if (header & KEY_NULL) {
            key = Py_NewRef(Py_None);
        }
        else {
            key = read_half_pair(r, key_slot, header & KEY_DECLARED, header & KEY_TRACK, "key");
        }
        if (key == NULL) {
            goto error;
        }
        if (header & VALUE_NULL) {
            value = Py_NewRef(Py_None);
        }
        else {
            value = read_half_pair(r, value_slot, header & VALUE_DECLARED, header & VALUE_TRACK, "value");
        }
        if (value == NULL || dict_put(r, dict, key, value) < 0) {
            goto error;
        }
        Py_CLEAR(key);
        Py_CLEAR(value);
        count--;
    }
    r->depth--;
    return dict;
error:
    r->depth--;
    Py_XDECREF(key);
    Py_XDECREF(value);
    Py_XDECREF(dict);
    return NULL;
}

static PyObject *
read_dynamic(ForyReadCtx *r, const ForyCodec *c)
{
    (void)c;
    return read_mapping(r, &any_slot, &any_slot);
}

static PyObject *
read_typed(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyMapCodec *codec = (const ForyMapCodec *)c;
    return read_mapping(r, &codec->key, &codec->value);
}

const ForyCodec *
fory_map_codec(ForyEngine *e, const ForySlot *key, const ForySlot *value)
{
    ForyMapCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec == NULL) {
        return NULL;
    }
    codec->base = (ForyCodec){write_typed, read_typed, NULL, NULL, NULL, FORY_MAP,
                              FORY_CODEC_TRACKED | FORY_CODEC_EARLY, 1, 0};
    codec->key = *key;
    codec->value = *value;
    return &codec->base;
}

void
fory_maps_init(ForyState *st)
{
    st->codecs[FORY_MAP] = (ForyCodec){write_dynamic, read_dynamic, NULL, NULL, NULL, FORY_MAP,
                                       FORY_CODEC_TRACKED | FORY_CODEC_EARLY, 1, 0};
}
