/* Columns: values of one kind, written without a tag each. Lists, tuples and sets
 * of one kind are one column; a dict is cut into runs whose keys are of one
 * kind and whose values are. Only kinds whose writing runs no Python code have
 * columns, so they are written through borrowed references. */
#include "native/native.h"

#include "codecs/short_text.h"
#include "runtime/decimal_layout.h"
#include "runtime/object_layout.h"

/* below this many values a column saves nothing */
#define LEAST 8
/* pairs of a dict that go with tags when neighbours differ */
#define MIXED_RUN 64

/* ---- what has a column ---------------------------------------------------------------- */

FORY_INLINE int
plain_kind(PyTypeObject *type)
{
    return type == &PyUnicode_Type ? FORY_K_STR
           : type == &PyLong_Type  ? FORY_K_INT
           : type == &PyFloat_Type ? FORY_K_FLOAT
           : type == &PyBool_Type  ? FORY_K_BOOL
                                   : FORY_K_ANY;
}

/* An int of a column of ints. */
FORY_INLINE int
fits(PyObject *v)
{
    int64_t small;
    int overflow = 0;
    if (FORY_LIKELY(fory_small_int(v, &small))) {
        return 1;
    }
    (void)PyLong_AsLongLongAndOverflow(v, &overflow);
    return overflow == 0;
}

/* scattered: elements of a set lie anywhere; those of a list, most often, in its order,
 * which the processor notices by itself. */
FORY_INLINE int
all_of(PyTypeObject *type, PyObject *const *items, Py_ssize_t n, int scattered)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        if (scattered) {
            FORY_PREFETCH(items[i + FORY_AHEAD < n ? i + FORY_AHEAD : i]);
        }
        if (Py_TYPE(items[i]) != type) {
            return 0;
        }
    }
    return 1;
}

/* Whether values of this class have the column of Decimals; -1 with an exception. May run Python code. */
static FORY_NOINLINE int
is_decimal(ForyWriteCtx *w, PyTypeObject *type)
{
    ForyTypeEntry *entry;
    if (strcmp(type->tp_name, "decimal.Decimal") != 0) {
        return 0;
    }
    entry = fory_write_entry(w, type);
    if (entry == NULL) {
        return -1;
    }
    return entry->codec == fory_native_special_codec("decimal") && fory_decimal_type(w->st) == (PyObject *)type;
}

/* The kind of all n elements of a list or tuple; -1 with an exception. May run Python code. */
static int
kind_of(ForyWriteCtx *w, PyObject *sequence, Py_ssize_t n)
{
    PyTypeObject *type = Py_TYPE(PySequence_Fast_GET_ITEM(sequence, 0));
    int kind = plain_kind(type);
    if (kind == FORY_K_ANY) {
        if (FORY_LIKELY(type->tp_basicsize != sizeof(ForyDecimal)) || w->native->memo != NULL ||
            Py_TYPE(PySequence_Fast_GET_ITEM(sequence, n - 1)) != type) {
            return FORY_K_ANY;
        }
        Py_INCREF(type);
        int decimal = is_decimal(w, type);
        Py_DECREF(type);
        if (decimal < 0 && !PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1; /* an interrupt */
        }
        kind = decimal > 0 ? FORY_K_DECIMAL : FORY_K_ANY;
        if (kind == FORY_K_ANY || PySequence_Fast_GET_SIZE(sequence) != n) {
            PyErr_Clear(); /* writing the first of them fails again */
            return FORY_K_ANY;
        }
    }
    else if (kind == FORY_K_STR && w->native->memo != NULL) {
        return FORY_K_ANY; /* a later message of the Pickler may name any of them */
    }
    return all_of(type, PySequence_Fast_ITEMS(sequence), n, 0) ? kind : FORY_K_ANY;
}

/* ---- columns, writing -------------------------------------------------------------------- */

/* Any text of one byte per character: 1 / -1. */
static FORY_NOINLINE int
put_narrow(ForyWriteCtx *w, PyObject *v, size_t n)
{
    if (fory_room(w, FORY_VU64_MAX + n) < 0) {
        return -1;
    }
    fory_put_vu64(&w->out, (uint64_t)n << 2 | FORY_TEXT_LATIN1);
    memcpy(w->out.pos, PyUnicode_1BYTE_DATA(v), n);
    w->out.pos += n;
    return 1;
}

/* The first of n items, of wide characters and no reference, and those behind it that are
 * like it and short: how many; -1. *singly: so many go one by one, because one of them
 * has ASCII characters, and may be shorter as UTF-8. */
static FORY_NOINLINE Py_ssize_t
write_wide(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n, Py_ssize_t *singly)
{
#ifdef FORY_UNIT_VECTORS
    uint8_t scratch[FORY_SHORT_SIZE * (FORY_SHORT_TEXTS + 1)], *end = scratch + sizeof(scratch), *start;
    Py_ssize_t m = 0, limit = n < FORY_SHORT_TEXTS ? n : FORY_SHORT_TEXTS;
    size_t longest = 0;
    int ascii = 0;
    if (*singly > 0) {
        limit = 0;
    }
    for (; m < limit && fory_is_short_text(items[m], &longest) && !fory_native_is_held(w, items[m]); m++) {
        FORY_PREFETCH(items[m + FORY_AHEAD < n ? m + FORY_AHEAD : m]);
    }
    if (m > 0) {
        start = fory_put_short_texts(end, items, (size_t)m, longest, 2, FORY_ASCII_UNITS, &ascii);
        if (!ascii) {
            if (fory_room(w, (size_t)(end - start)) < 0) {
                return -1;
            }
            memcpy(w->out.pos, start, (size_t)(end - start));
            w->out.pos += end - start;
            return m;
        }
        *singly = m;
    }
#else
    (void)n;
#endif
    *singly -= *singly > 0;
    return fory_native_put_wide(w, items[0], (size_t)PyUnicode_GET_LENGTH(items[0]), 0) < 0 ? -1 : 1;
}

/* two bytes of size, or a reference */
#define TEXT_ROOM (FORY_VU64_MAX + 2 * FORY_SHORT_UNITS + FORY_UNITS_SLACK)

static int
write_texts(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
    uint8_t *p = w->out.pos;
    Py_ssize_t i, m, singly = 0; /* so many before a block is tried */
    for (i = 0; i < n; i++) {
        PyObject *v = items[i];
        size_t size;
        int wide;
        FORY_PREFETCH(items[i + FORY_AHEAD < n ? i + FORY_AHEAD : i]);
        if (FORY_UNLIKELY(w->out.end - p < (Py_ssize_t)TEXT_ROOM)) {
            w->out.pos = p;
            if (fory_room(w, TEXT_ROOM) < 0) {
                goto error;
            }
            p = w->out.pos;
        }
        if (FORY_UNLIKELY(FORY_UNICODE_READY(v) < 0)) {
            goto error;
        }
        size = (size_t)PyUnicode_GET_LENGTH(v);
        wide = PyUnicode_KIND(v) != PyUnicode_1BYTE_KIND;
        if (fory_native_is_held(w, v) && (size > 1 || wide)) {
            uint32_t number = 0;
            int rc;
            w->out.pos = p;
            rc = fory_native_number(w, v, &number);
            if (rc != 0) {
                if (rc < 0) {
                    goto error;
                }
                fory_put_vu64(&w->out, (uint64_t)number << 2 | FORY_TEXT_REF);
                p = w->out.pos;
                continue;
            }
        }
        if (!wide) {
            if (FORY_LIKELY(size < 32)) {
                *p = (uint8_t)(size << 2 | FORY_TEXT_LATIN1);
                fory_copy_short(p + 1, PyUnicode_1BYTE_DATA(v), size);
                p += 1 + size;
                continue;
            }
            if (size <= 2 * FORY_SHORT_UNITS) {
                p[0] = (uint8_t)((size << 2 & 0x7f) | 0x80 | FORY_TEXT_LATIN1);
                p[1] = (uint8_t)(size >> 5);
                memcpy(p + 2, PyUnicode_1BYTE_DATA(v), size);
                p += 2 + size;
                continue;
            }
        }
        w->out.pos = p;
        m = wide ? write_wide(w, items + i, n - i, &singly) : put_narrow(w, v, size);
        if (FORY_UNLIKELY(m < 0)) {
            goto error;
        }
        i += m - 1;
        p = w->out.pos;
    }
    w->out.pos = p;
    return 0;
error:
    fory_path_index(&w->path, i);
    return -1;
}

static int
write_decimals(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t number = 0;
        int rc = 0;
        FORY_PREFETCH(items[i + FORY_AHEAD < n ? i + FORY_AHEAD : i]);
        if (fory_native_is_held(w, items[i]) && (rc = fory_native_number(w, items[i], &number)) > 0) {
            rc = fory_room(w, 1 + FORY_VU64_MAX);
            if (rc == 0) {
                fory_put_u8(&w->out, FORY_DECIMAL_REF);
                fory_put_vu64(&w->out, number);
                continue;
            }
        }
        if (rc < 0 || fory_native_put_decimal(w, items[i]) < 0) {
            fory_path_index(&w->path, i);
            return -1;
        }
    }
    return 0;
}

static int
write_floats(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
    uint8_t *p;
    if (fory_room(w, (size_t)n * 8) < 0) {
        return -1;
    }
    p = w->out.pos;
    for (Py_ssize_t i = 0; i < n; i++, p += 8) {
        double d = PyFloat_AS_DOUBLE(items[i]);
        uint64_t bits;
        memcpy(&bits, &d, 8);
        fory_store64(p, bits);
    }
    w->out.pos = p;
    return 0;
}

static int
write_bools(ForyWriteCtx *w, PyObject *const *items, Py_ssize_t n)
{
    uint8_t *p;
    if (fory_room(w, (size_t)n / 8 + 1) < 0) {
        return -1;
    }
    p = w->out.pos;
    for (Py_ssize_t i = 0; i < n; i += 8) {
        unsigned bits = 0;
        Py_ssize_t stop = n - i < 8 ? n - i : 8;
        for (Py_ssize_t k = 0; k < stop; k++) {
            bits |= (unsigned)(items[i + k] == Py_True) << k;
        }
        *p++ = (uint8_t)bits;
    }
    w->out.pos = p;
    return 0;
}

/* n > 0 values of one kind. Ints of more than 64 bits are an OverflowError. */
static int
write_column(ForyWriteCtx *w, int kind, PyObject *const *items, Py_ssize_t n)
{
    const ForyCodec *codec = &w->st->codecs[FORY_VARINT64];
    switch (kind) {
    case FORY_K_INT:
        return codec->write_many(w, codec, items, n);
    case FORY_K_FLOAT:
        return write_floats(w, items, n);
    case FORY_K_STR:
        return write_texts(w, items, n);
    case FORY_K_BOOL:
        return write_bools(w, items, n);
    default:
        return write_decimals(w, items, n);
    }
}

/* Behind tag and kind: 1, 0 when it was one of ints and some do not fit, -1. */
static int
write_counted(ForyWriteCtx *w, size_t start, int kind, PyObject *const *items, Py_ssize_t n)
{
    if (fory_room(w, FORY_VU64_MAX) < 0) {
        return -1;
    }
    fory_put_vu64(&w->out, (uint64_t)n);
    if (write_column(w, kind, items, n) == 0) {
        return 1;
    }
    if (kind != FORY_K_INT || !PyErr_ExceptionMatches(PyExc_OverflowError)) {
        return -1;
    }
    PyErr_Clear();
    Py_CLEAR(w->path);
    w->out.pos = w->out.start + start;
    return 0;
}

int
fory_native_write_sequence_of(ForyWriteCtx *w, PyObject *v, Py_ssize_t n)
{
    const int list = PyList_CheckExact(v);
    size_t start = (size_t)(w->out.pos - w->out.start);
    int kind;
    if (n < LEAST || w->native->hooked || (kind = kind_of(w, v, n)) == FORY_K_ANY) {
        return 0;
    }
    if (kind < 0 || fory_room(w, 2) < 0) {
        return -1;
    }
    if (list && kind != FORY_K_STR && kind != FORY_K_DECIMAL) {
        fory_put_u8(&w->out, (uint8_t)(kind == FORY_K_INT     ? FORY_N_INTS
                                       : kind == FORY_K_FLOAT ? FORY_N_FLOATS
                                                              : FORY_N_BOOLS));
    }
    else {
        fory_put_u8(&w->out, (uint8_t)(list ? FORY_N_LIST_OF : FORY_N_TUPLE_OF));
        fory_put_u8(&w->out, (uint8_t)kind);
    }
    return write_counted(w, start, kind, PySequence_Fast_ITEMS(v), n);
}

/* ---- sets, writing --------------------------------------------------------------------------- */

int
fory_native_write_set_of(ForyWriteCtx *w, PyObject *v, int tag)
{
    Py_ssize_t n = PySet_GET_SIZE(v);
    size_t start = (size_t)(w->out.pos - w->out.start);
    PyObject **items;
    int kind, rc = 0;
    if (n < LEAST || w->native->hooked || w->native->memo != NULL) {
        return 0;
    }
    items = PyMem_Malloc((size_t)n * sizeof(*items));
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (fory_set_borrow(v, items, n) == n && (kind = plain_kind(Py_TYPE(items[0]))) != FORY_K_ANY &&
        kind != FORY_K_BOOL && all_of(Py_TYPE(items[0]), items, n, 1)) {
        rc = fory_room(w, 2);
        if (rc == 0) {
            fory_put_u8(&w->out, (uint8_t)tag);
            fory_put_u8(&w->out, (uint8_t)kind);
            rc = write_counted(w, start, kind, items, n);
        }
    }
    PyMem_Free(items);
    return rc;
}

/* ---- dicts, writing ----------------------------------------------------------------------------- */

typedef struct Run {
    int key_kind, value_kind;
    Py_ssize_t n, position; /* of the pair behind it */
    PyObject *keys[FORY_RUN], *values[FORY_RUN];
} Run;

/* Whether a pair is like those of the run. */
FORY_INLINE int
takes(PyTypeObject *key_type, PyTypeObject *value_type, PyObject *key, PyObject *value, int int_keys, int int_values)
{
    return FORY_LIKELY(Py_TYPE(key) == key_type && Py_TYPE(value) == value_type) &&
           (!int_keys || FORY_LIKELY(fits(key))) && (!int_values || FORY_LIKELY(fits(value)));
}

/* The pairs from run->position on in the table of a dict: in a loop for each kind of them,
 * which fetches ahead what lies anywhere in memory. */
FORY_INLINE void
gather_table(Run *run, PyTypeObject *key_type, PyTypeObject *value_type, PyObject *const *pairs, size_t width,
             Py_ssize_t end, int int_keys, int int_values)
{
    PyObject *const *pair = pairs + (size_t)run->position * width, *const *stop = pairs + (size_t)end * width;
    PyObject *const *far = FORY_AHEAD * width < (size_t)(stop - pair) ? stop - FORY_AHEAD * width : pair;
    Py_ssize_t n = 0;
    for (; pair < stop && n < FORY_RUN; pair += width) {
        PyObject *const *ahead = pair < far ? pair + FORY_AHEAD * width : pair;
        FORY_PREFETCH(ahead[0]);
        FORY_PREFETCH(ahead[1]);
        if (FORY_UNLIKELY(pair[1] == NULL)) {
            continue;
        }
        if (!takes(key_type, value_type, pair[0], pair[1], int_keys, int_values)) {
            break;
        }
        run->keys[n] = pair[0];
        run->values[n] = pair[1];
        n++;
    }
    run->position = (pair - pairs) / (Py_ssize_t)width;
    run->n = n;
}

/* The pairs from run->position on that are like the first one; n stays 0 if that has no column. */
static void
gather(const ForyState *st, PyObject *dict, Run *run)
{
    PyObject *key, *value, *const *pairs;
    PyTypeObject *key_type, *value_type;
    Py_ssize_t next = run->position, n = 0, end;
    size_t width;
    int int_keys, int_values;
    run->n = 0;
    if (!fory_dict_next(st, dict, &next, &key, &value)) {
        return;
    }
    key_type = Py_TYPE(key);
    value_type = Py_TYPE(value);
    run->key_kind = plain_kind(key_type);
    run->value_kind = plain_kind(value_type);
    if (run->key_kind == FORY_K_ANY || run->key_kind == FORY_K_BOOL || run->value_kind == FORY_K_ANY) {
        return;
    }
    int_keys = run->key_kind == FORY_K_INT;
    int_values = run->value_kind == FORY_K_INT;
    if (fory_dict_pairs(st, dict, &pairs, &width, &end)) {
        if (!int_keys && !int_values) {
            gather_table(run, key_type, value_type, pairs, width, end, 0, 0);
        }
        else if (!int_values) {
            gather_table(run, key_type, value_type, pairs, width, end, 1, 0);
        }
        else {
            gather_table(run, key_type, value_type, pairs, width, end, int_keys, 1);
        }
        return;
    }
    while (takes(key_type, value_type, key, value, int_keys, int_values)) {
        run->keys[n] = key;
        run->values[n] = value;
        run->position = next;
        if (++n == FORY_RUN || !PyDict_Next(dict, &next, &key, &value)) {
            break;
        }
    }
    run->n = n;
}

/* A run of ints and floats from *position on, in one pass: how many pairs, 0 when the first ones are something
 * else or it would be too short (nothing is written), -1. */
static FORY_NOINLINE Py_ssize_t
write_int_floats(ForyWriteCtx *w, PyObject *dict, Py_ssize_t left, Py_ssize_t *position)
{
    uint64_t values[FORY_RUN];
    PyObject *const *pairs, *const *pair, *const *stop, *const *far;
    fory_writer out = {NULL, NULL, NULL, NULL};
    size_t width;
    Py_ssize_t end, n = 0, most = left < FORY_RUN ? left : FORY_RUN;
    if (!fory_dict_pairs(w->st, dict, &pairs, &width, &end) || *position >= end) {
        return 0;
    }
    pair = pairs + (size_t)*position * width;
    stop = pairs + (size_t)end * width;
    if (pair[1] == NULL || !PyLong_CheckExact(pair[0]) || !PyFloat_CheckExact(pair[1])) {
        return 0;
    }
    if (fory_room(w, 2 + FORY_RUN * (FORY_VU64_MAX + 8)) < 0) {
        return -1;
    }
    out.pos = w->out.pos + 2;
    far = FORY_AHEAD * width < (size_t)(stop - pair) ? stop - FORY_AHEAD * width : pair;
    for (; pair < stop && n < most; pair += width) {
        PyObject *const *ahead = pair < far ? pair + FORY_AHEAD * width : pair;
        PyObject *key = pair[0], *value = pair[1];
        int64_t number;
        double d;
        FORY_PREFETCH(ahead[0]);
        FORY_PREFETCH(ahead[1]);
        if (FORY_UNLIKELY(value == NULL)) {
            continue;
        }
        if (FORY_UNLIKELY(!PyLong_CheckExact(key) || !PyFloat_CheckExact(value))) {
            break;
        }
        if (FORY_UNLIKELY(!fory_small_int(key, &number))) {
            return 0; /* a large one may have its place in the run all the same */
        }
        fory_put_key(&out, fory_zigzag64(number));
        d = PyFloat_AS_DOUBLE(value);
        memcpy(&values[n++], &d, 8);
    }
    if (n < LEAST && n < left) {
        return 0;
    }
    w->out.pos[0] = FORY_K_INT | FORY_K_FLOAT << 4;
    w->out.pos[1] = (uint8_t)(n - 1);
    for (Py_ssize_t i = 0; i < n; i++) {
        fory_store64(out.pos + 8 * i, values[i]);
    }
    w->out.pos = out.pos + 8 * n;
    *position = (pair - pairs) / (Py_ssize_t)width;
    return n;
}

static int
write_run(ForyWriteCtx *w, const Run *run)
{
    if (fory_room(w, 2) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)(run->key_kind | run->value_kind << 4));
    fory_put_u8(&w->out, (uint8_t)(run->n - 1));
    if (write_column(w, run->key_kind, run->keys, run->n) < 0) {
        return -1;
    }
    return write_column(w, run->value_kind, run->values, run->n);
}

/* Tag and first run: their pairs, 0 when it is too short, -1. Away from the function that
 * user code may run beneath: a run takes 4 KB of stack. */
static FORY_NOINLINE Py_ssize_t
begin_runs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, Py_ssize_t *position)
{
    Run run;
    run.position = 0;
    gather(w->st, v, &run);
    if (run.n < LEAST) {
        return 0;
    }
    *position = run.position;
    return fory_native_tag_n(w, FORY_N_DICT_OF, (uint64_t)n) < 0 || write_run(w, &run) < 0 ? -1 : run.n;
}

/* Runs of one kind from *position on, up to pairs that differ: how many pairs, or -1. */
static FORY_NOINLINE Py_ssize_t
write_alike(ForyWriteCtx *w, PyObject *v, Py_ssize_t left, Py_ssize_t *position)
{
    Run run;
    Py_ssize_t done = 0;
    while (done < left) {
        Py_ssize_t m = write_int_floats(w, v, left - done, position);
        if (m != 0) {
            if (m < 0) {
                return -1;
            }
            done += m;
            continue;
        }
        run.position = *position;
        gather(w->st, v, &run);
        if (run.n == 0 || run.n > left - done || (run.n < LEAST && run.n < left - done)) {
            break;
        }
        if (write_run(w, &run) < 0) {
            return -1;
        }
        *position = run.position;
        done += run.n;
    }
    return done;
}

/* Whether the first two pairs of a dict are alike. Records are not: they need not be gathered. */
FORY_INLINE int
begins_alike(const ForyState *st, PyObject *dict)
{
    PyObject *keys[2], *values[2];
    Py_ssize_t position = 0;
    return fory_dict_next(st, dict, &position, &keys[0], &values[0]) && fory_dict_next(st, dict, &position, &keys[1], &values[1]) &&
           Py_TYPE(keys[0]) == Py_TYPE(keys[1]) && Py_TYPE(values[0]) == Py_TYPE(values[1]);
}

int
fory_native_write_runs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n)
{
    Py_ssize_t position = 0, done, m;
    if (n < LEAST || w->native->hooked || w->native->memo != NULL || !begins_alike(w->st, v)) {
        return 0;
    }
    done = begin_runs(w, v, n, &position);
    if (done <= 0) {
        return (int)done;
    }
    while (done < n) {
        m = write_alike(w, v, n - done, &position);
        if (m < 0) {
            return -1;
        }
        done += m;
        m = n - done < MIXED_RUN ? n - done : MIXED_RUN;
        if (m > 0) {
            if (fory_room(w, 2) < 0) {
                return -1;
            }
            fory_put_u8(&w->out, FORY_K_ANY);
            fory_put_u8(&w->out, (uint8_t)(m - 1));
            if (fory_native_write_pairs(w, v, n, &position, m) < 0) {
                return -1;
            }
            done += m;
        }
    }
    return 1;
}

/* ---- columns, reading ------------------------------------------------------------------------ */

static PyObject *
read_text(ForyReadCtx *r)
{
    uint64_t head = 0, size, bytes;
    const uint8_t *p = r->in.pos;
    PyObject *v;
    if (FORY_LIKELY(r->in.end - p >= 2 && p[0] < 0x80)) {
        head = p[0];
        r->in.pos++;
    }
    else if (fory_native_read_number(r, &head) < 0) {
        return NULL;
    }
    size = head >> 2;
    if ((head & 3) == FORY_TEXT_REF) {
        v = fory_native_read_ref(r, size);
        if (v != NULL && !PyUnicode_CheckExact(v)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "reference to a %s among text", Py_TYPE(v)->tp_name);
            Py_CLEAR(v);
        }
        return v;
    }
    bytes = (head & 3) == FORY_TEXT_UCS2 ? size * 2 : size; /* of 62 bits */
    if (FORY_UNLIKELY(bytes > fory_left(&r->in)) && (bytes > PY_SSIZE_T_MAX / 2 || !fory_have(&r->in, (size_t)bytes))) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    p = r->in.pos;
    r->in.pos += bytes;
    switch (head & 3) {
    case FORY_TEXT_LATIN1:
        return fory_latin1_str(r, p, (size_t)size);
    case FORY_TEXT_UCS2:
        return fory_native_wide_str(r, p, (size_t)size);
    default:
        return fory_utf8_str(r, p, (size_t)size);
    }
}

static PyObject *
read_decimal(ForyReadCtx *r)
{
    uint64_t head = 0;
    PyObject *v;
    if (fory_native_read_number(r, &head) < 0) {
        return NULL;
    }
    if (head != FORY_DECIMAL_REF) {
        return fory_native_get_decimal(r, head);
    }
    if (fory_native_read_number(r, &head) < 0) {
        return NULL;
    }
    v = fory_native_read_ref(r, head);
    if (v != NULL && (PyObject *)Py_TYPE(v) != r->st->Decimal) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "reference to a %s among Decimals", Py_TYPE(v)->tp_name);
        Py_CLEAR(v);
    }
    return v;
}

static int
read_objects(ForyReadCtx *r, PyObject *(*read)(ForyReadCtx *), PyObject **out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(r->in.pos - r->in.start);
        out[i] = FORY_LIKELY(at < r->native->watch) ? read(r) : fory_native_read_untagged(r, at, read);
        if (FORY_UNLIKELY(out[i] == NULL)) {
            fory_path_index(&r->path, (Py_ssize_t)i);
            return -1;
        }
    }
    return 0;
}

static int
read_bools(ForyReadCtx *r, PyObject **out, size_t n)
{
    PyObject *const table[2] = {Py_False, Py_True};
    const uint8_t *p;
    size_t i = 0;
    if (!fory_have(&r->in, (n + 7) / 8)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    p = r->in.pos;
    r->in.pos += (n + 7) / 8;
    for (; i + 8 <= n; i += 8) {
        unsigned bits = p[i >> 3];
        for (int k = 0; k < 8; k++) {
            out[i + (size_t)k] = table[bits >> k & 1];
        }
    }
    for (; i < n; i++) {
        out[i] = table[p[i >> 3] >> (i & 7) & 1];
    }
    fory_hold_bools(out, n);
    return 0;
}

/* n > 0 values; when it fails, out holds those that were made and NULL. */
static int
read_column(ForyReadCtx *r, unsigned kind, PyObject **out, size_t n)
{
    const ForyCodec *codec = &r->st->codecs[kind == FORY_K_INT ? FORY_VARINT64 : FORY_FLOAT64];
    switch (kind) {
    case FORY_K_INT:
    case FORY_K_FLOAT:
        return codec->read_many(r, codec, out, (Py_ssize_t)n);
    case FORY_K_STR:
        return read_objects(r, read_text, out, n);
    case FORY_K_BOOL:
        return read_bools(r, out, n);
    default:
        return fory_decimal_type(r->st) == NULL ? -1 : read_objects(r, read_decimal, out, n);
    }
}

/* Whether n values of a kind may be there. 0 / -1 */
static int
check_column(ForyReadCtx *r, unsigned kind, uint64_t n)
{
    uint64_t bytes = kind == FORY_K_FLOAT ? n * 8 : kind == FORY_K_BOOL ? n / 8 : n;
    if (FORY_UNLIKELY(kind == FORY_K_ANY || kind >= FORY_K_COUNT)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "unknown kind %u of a column", kind);
        return -1;
    }
    if (n > PY_SSIZE_T_MAX / 16 || !fory_have(&r->in, (size_t)bytes)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    return 0;
}

/* ---- containers of one kind, reading ---------------------------------------------------------- */

PyObject *
fory_native_read_sequence_of(ForyReadCtx *r, unsigned kind, int tuple)
{
    uint64_t n = 0;
    PyObject *v;
    if (fory_native_read_number(r, &n) < 0 || check_column(r, kind, n) < 0 || fory_charge(r, 32 + 8 * (int64_t)n) < 0 ||
        (v = tuple ? PyTuple_New((Py_ssize_t)n) : PyList_New((Py_ssize_t)n)) == NULL) {
        return NULL;
    }
    if (n > 0 && read_column(r, kind, PySequence_Fast_ITEMS(v), (size_t)n) < 0) {
        Py_CLEAR(v);
    }
    return v;
}

PyObject *
fory_native_read_kind_of(ForyReadCtx *r, int tuple)
{
    uint8_t kind = 0;
    if (fory_get_u8(&r->in, &kind) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    return fory_native_read_sequence_of(r, kind, tuple);
}

static void
drop(PyObject **items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Py_XDECREF(items[i]);
    }
}

PyObject *
fory_native_read_set_of(ForyReadCtx *r, int frozen)
{
    PyObject *set, *items[FORY_RUN];
    uint64_t n = 0;
    uint8_t kind = 0;
    if (fory_get_u8(&r->in, &kind) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (kind == FORY_K_BOOL || kind == FORY_K_DECIMAL) {
        kind = FORY_K_COUNT;
    }
    if (fory_native_read_number(r, &n) < 0 || check_column(r, kind, n) < 0 ||
        fory_charge(r, 200 + 16 * (int64_t)n) < 0) {
        return NULL;
    }
    set = frozen ? PyFrozenSet_New(NULL) : PySet_New(NULL);
    for (size_t done = 0, m; set != NULL && done < n; done += m) {
        int rc;
        m = n - done < FORY_RUN ? (size_t)n - done : FORY_RUN;
        memset(items, 0, m * sizeof(*items));
        rc = read_column(r, kind, items, m);
        for (size_t i = 0; rc == 0 && i < m; i++) {
            rc = PySet_Add(set, items[i]);
        }
        drop(items, m);
        if (rc < 0) {
            Py_CLEAR(set);
        }
    }
    return set;
}

/* A run of m pairs into dict. 0 / -1 */
static FORY_NOINLINE int
read_run(ForyReadCtx *r, PyObject *dict, unsigned key_kind, unsigned value_kind, size_t m)
{
    PyObject *keys[FORY_RUN], *values[FORY_RUN];
    int rc;
    memset(keys, 0, m * sizeof(*keys));
    memset(values, 0, m * sizeof(*values));
    rc = check_column(r, key_kind, m) < 0 || read_column(r, key_kind, keys, m) < 0 ||
                 check_column(r, value_kind, m) < 0 || read_column(r, value_kind, values, m) < 0
             ? -1
             : 0;
    for (size_t i = 0; rc == 0 && i < m; i++) {
        rc = PyDict_SetItem(dict, keys[i], values[i]);
    }
    drop(keys, m);
    drop(values, m);
    return rc;
}

PyObject *
fory_native_read_runs(ForyReadCtx *r)
{
    Py_ssize_t id = fory_ref_take(r);
    PyObject *dict;
    size_t n = 0, done = 0;
    if (fory_native_count(r, &n) < 0 || fory_charge(r, 64 + 24 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    dict = fory_dict_new((Py_ssize_t)(n < 65536 ? n : 65536));
    if (dict == NULL) {
        r->depth--;
        return NULL;
    }
    fory_ref_publish(r, id, dict);
    while (done < n) {
        uint8_t kinds = 0, last = 0;
        size_t m;
        if (fory_get_u8(&r->in, &kinds) != FORY_OK || fory_get_u8(&r->in, &last) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            goto error;
        }
        m = (size_t)last + 1;
        if (m > n - done || (kinds & 0x0f) == FORY_K_BOOL || (kinds & 0x0f) == FORY_K_DECIMAL ||
            kinds >> 4 == FORY_K_DECIMAL) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "malformed run of a dict");
            goto error;
        }
        if (kinds == FORY_K_ANY ? fory_native_read_pairs(r, dict, m) < 0
                                : read_run(r, dict, kinds & 0x0f, kinds >> 4, m) < 0) {
            goto error;
        }
        done += m;
    }
    r->depth--;
    return dict;
error:
    r->depth--;
    Py_DECREF(dict);
    return NULL;
}
