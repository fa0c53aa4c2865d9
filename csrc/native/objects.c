/* Instances whose state is their attributes and nothing else, writing.
 *
 * pickle.py's rules for object.__reduce_ex__ decide which classes these are
 * (pyfory.native.classify); here only the state is taken, without asking the
 * object: from its inline values where CPython keeps them, from its dict, and
 * from its slots. The names travel once per message as a shape. */
#include "native/plain.h"

#include "codecs/plain.h"

/* ---- shapes -------------------------------------------------------------------------- */

/* NULL without an exception when the class has too many variants already. */
static ForyWriteShape *
new_shape(ForyEngine *e, ForyObjectCodec *c, const uint8_t *order, PyObject *const *names, size_t n, size_t n_slots)
{
    ForyWriteShape *s;
    if (c->n_shapes == FORY_MAX_SHAPES) {
        return NULL;
    }
    for (size_t i = n - n_slots; i < n; i++) {
        for (size_t k = 0; k < n - n_slots; k++) {
            if (PyUnicode_Compare(names[i], names[k]) == 0) {
                return NULL; /* in a slot and in the dict: a reader could not tell them apart */
            }
        }
    }
    s = fory_engine_alloc(e, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (fory_engine_keep(e, names[i]) < 0) {
            return NULL;
        }
        s->names[i] = names[i];
    }
    if (c->n_shapes == FORY_MAX_SHAPES) {
        /* keeping the names may have let another thread in */
        return NULL;
    }
    memcpy(s->order, order, n);
    s->n = (uint8_t)n;
    s->n_slots = (uint8_t)n_slots;
    for (size_t i = 0; i < n - n_slots; i++) {
        s->reversed[i] = order[n - n_slots - 1 - i];
    }
    s->serial = e->native->n_write_shapes++;
    c->shapes[c->n_shapes++] = s;
    return s;
}

/* Appends the slots that are set: 0, or -1 when there are too many attributes. */
static int
add_slots(const ForyObjectCodec *c, PyObject *o, uint8_t *order, size_t *n)
{
    for (size_t i = 0; i < c->n_slots; i++) {
        if (*(PyObject **)((char *)o + c->slot_offsets[i]) != NULL) {
            if (*n == FORY_MAX_ATTRIBUTES) {
                return -1;
            }
            order[(*n)++] = (uint8_t)i;
        }
    }
    return 0;
}

/* The instance's dict, new reference, or NULL (never an exception) when it has none. */
static PyObject *
dict_of(PyObject *o)
{
#if PY_VERSION_HEX >= 0x030B0000
    PyObject *dict = PyObject_GenericGetDict(o, NULL);
    if (dict == NULL) {
        PyErr_Clear();
    }
#else
    PyObject **slot = _PyObject_GetDictPtr(o);
    PyObject *dict = slot == NULL ? NULL : Py_XNewRef(*slot);
#endif
    if (dict != NULL && !PyDict_CheckExact(dict)) {
        Py_CLEAR(dict);
    }
    return dict;
}

static ForyWriteShape *
shape_of_dict(ForyEngine *e, ForyObjectCodec *c, PyObject *o, PyObject *dict)
{
    PyObject *names[FORY_MAX_ATTRIBUTES], *key, *value;
    uint8_t order[FORY_MAX_ATTRIBUTES];
    size_t n = dict == NULL ? 0 : (size_t)PyDict_GET_SIZE(dict), n_dict = n;
    Py_ssize_t position = 0;
    if (n > FORY_MAX_ATTRIBUTES) {
        return NULL;
    }
    memset(order, 0xff, sizeof(order)); /* no inline value has this index */
    if (add_slots(c, o, order, &n) < 0) {
        return NULL;
    }
    for (size_t s = 0; s < c->n_shapes; s++) {
        ForyWriteShape *shape = c->shapes[s];
        size_t i = 0;
        if (shape->n != n || shape->n_slots != n - n_dict || memcmp(shape->order + n_dict, order + n_dict, n - n_dict) != 0) {
            continue;
        }
        position = 0;
        while (i < n_dict && PyDict_Next(dict, &position, &key, &value) && key == shape->names[i]) {
            i++;
        }
        if (i == n_dict) {
            return shape;
        }
    }
    position = 0;
    for (size_t i = 0; i < n_dict; i++) {
        if (!PyDict_Next(dict, &position, &key, &value) || !PyUnicode_CheckExact(key) ||
            PyUnicode_AsUTF8(key) == NULL) {
            PyErr_Clear();
            return NULL;
        }
        names[i] = key;
    }
    for (size_t i = n_dict; i < n; i++) {
        names[i] = c->slot_names[order[i]];
    }
    return new_shape(e, c, order, names, n, n - n_dict);
}

#if FORY_INLINE_VALUES
static ForyWriteShape *
find_shape(const ForyObjectCodec *c, const uint8_t *order, size_t n, size_t n_slots)
{
    for (size_t i = 0; i < c->n_shapes; i++) {
        ForyWriteShape *s = c->shapes[i];
        if (s->n == n && s->n_slots == n_slots && memcmp(s->order, order, n) == 0) {
            return s;
        }
    }
    return NULL;
}

static FORY_NOINLINE ForyWriteShape *
search_inline(ForyEngine *e, ForyObjectCodec *c, PyObject *o)
{
    PyObject *names[FORY_MAX_ATTRIBUTES];
    uint8_t order[FORY_MAX_ATTRIBUTES];
    size_t n = fory_inline_order(o, order), n_dict = n;
    ForyWriteShape *shape;
    if (FORY_UNLIKELY(c->n_slots > 0) && add_slots(c, o, order, &n) < 0) {
        return NULL;
    }
    shape = find_shape(c, order, n, n - n_dict);
    if (FORY_LIKELY(shape != NULL)) {
        return shape;
    }
    for (size_t i = 0; i < n_dict; i++) {
        names[i] = fory_inline_name(c->type, order[i]);
        if (names[i] == NULL || !PyUnicode_CheckExact(names[i]) || PyUnicode_AsUTF8(names[i]) == NULL) {
            PyErr_Clear();
            return NULL;
        }
    }
    for (size_t i = n_dict; i < n; i++) {
        names[i] = c->slot_names[order[i]];
    }
    return new_shape(e, c, order, names, n, n - n_dict);
}

FORY_INLINE ForyWriteShape *
shape_of_inline(ForyEngine *e, ForyObjectCodec *c, PyObject *o, PyObject *const *values)
{
    ForyWriteShape *s = c->last;
    if (FORY_UNLIKELY(s == NULL) || FORY_UNLIKELY(c->n_slots > 0) ||
        FORY_UNLIKELY(!fory_inline_same(values, s->order, s->reversed, s->n))) {
        s = c->last = search_inline(e, c, o);
    }
    return s;
}
#endif

/* ---- int positions --------------------------------------------------------------------- */

/* The values of a shape that are ints in the object which defines it: 1 bits. */
FORY_INLINE uint64_t
int_bit(PyObject *v, size_t i)
{
    int64_t n;
    return PyLong_CheckExact(v) && FORY_LIKELY(fory_small_int(v, &n)) ? UINT64_C(1) << i : 0;
}

FORY_INLINE uint64_t
all_ints(size_t n)
{
    return n == 0 ? 0 : UINT64_MAX >> (64 - n);
}

/* An int of at most 61 bits; needs 9 bytes of room. The sizes of records' numbers cannot be
 * predicted: up to five bytes there is no branch. */
FORY_INLINE void
put_position(fory_writer *out, int64_t v)
{
    /* by the zeros in front of the number (or of its complement); 64 is for those of one byte */
    static const uint8_t sizes[65] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5,
        5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1};
    static const uint8_t lead[] = {0, FORY_I_1, FORY_I_2, FORY_I_3, FORY_I_4, FORY_I_5};
    static const int64_t bias[] = {0, 48, 1 << 13, 1 << 20, 1 << 27, INT64_C(1) << 34};
    uint64_t u = (uint64_t)(v ^ v >> 63) | 1;
    unsigned zeros, size;
#if defined(__GNUC__) || defined(__clang__)
    zeros = (unsigned)__builtin_clzll(u);
#else
    for (zeros = 64; u != 0; u >>= 1) {
        zeros--;
    }
#endif
    size = sizes[(uint64_t)(v + 48) < 128 ? 64 : zeros];
    if (FORY_LIKELY(size != 0)) {
        u = (uint64_t)(v + bias[size]);
        fory_store64(out->pos, u << 8 | (lead[size] + (u >> (8 * size - 8))));
        out->pos += size;
        return;
    }
    size = (72 - zeros) / 8;
    *out->pos = (uint8_t)(FORY_I_BYTES_5 + size - 5);
    fory_store64(out->pos + 1, (uint64_t)v);
    out->pos += 1 + size;
}

/* What stands at an int position and is no such int. */
static FORY_NOINLINE int
write_other(ForyWriteCtx *w, PyObject *v)
{
    if (v == Py_None || PyBool_Check(v)) {
        return fory_native_tag(w, v == Py_None ? FORY_I_NONE : v == Py_True ? FORY_I_TRUE : FORY_I_FALSE);
    }
    return fory_native_tag(w, FORY_I_VALUE) < 0 ? -1 : fory_native_write(w, v);
}

/* A value with its tag. */
static int
write_any(ForyWriteCtx *w, PyObject *v)
{
    if (FORY_LIKELY(!w->native->hooked)) {
        uint8_t *p = fory_native_plain_room(w, w->out.pos, FORY_NATIVE_PLAIN_ROOM);
        int rc = FORY_UNLIKELY(p == NULL) ? -1 : fory_native_put_plain(w, v, &p);
        if (FORY_LIKELY(rc != 0)) {
            w->out.pos = rc > 0 ? p : w->out.pos;
            return rc > 0 ? 0 : -1;
        }
    }
    return fory_native_write_other(w, v);
}

FORY_INLINE int
write_value(ForyWriteCtx *w, PyObject *v, uint64_t is_int)
{
    if (is_int) {
        int64_t n;
        if (FORY_LIKELY(PyLong_CheckExact(v)) && FORY_LIKELY(fory_small_int(v, &n))) {
            if (FORY_UNLIKELY(fory_room(w, 9) < 0)) {
                return -1;
            }
            put_position(&w->out, n);
            return 0;
        }
        return write_other(w, v);
    }
    return write_any(w, v);
}

/* ---- head of an instance ------------------------------------------------------------- */

/* Keeps what a definition at `start` wrote, the first of its message. */
static int
keep_head(ForyWriteCtx *w, ForyWriteShape *shape, uint64_t ints, size_t start)
{
    ForyNativeEngine *e = w->engine->native;
    size_t size = (size_t)(w->out.pos - w->out.start) - start;
    if (size > shape->head_room) {
        shape->head_room = 0;
        shape->head_global = NULL;
        shape->head = fory_engine_alloc(w->engine, size + 32);
        if (shape->head == NULL) {
            return -1;
        }
        shape->head_room = (uint32_t)size;
    }
    memcpy(shape->head, w->out.start + start, size);
    shape->head_size = (uint32_t)size;
    shape->head_ints = ints;
    shape->head_global = e->last_written;
    shape->head_epoch = e->epoch;
    return 0;
}

/* 0 when the values follow. The class may go by value and lead to o: then o was written there,
 * and here, in the place of a definition, is a reference: 1. -1. */
static FORY_NOINLINE int
define_at_length(ForyWriteCtx *w, PyObject *o, ForyWriteShape *shape, uint64_t ints)
{
    const ForyNativeWrite *n = w->native;
    size_t start = (size_t)(w->out.pos - w->out.start);
    int first = n->n_globals == 0 && n->n_modules == 0 && w->output == NULL && w->lent == NULL;
    int tag = ints == 0 ? FORY_N_SHAPE : ints == all_ints(shape->n) ? FORY_N_SHAPE_INTS : FORY_N_SHAPE_SOME;
    int led = fory_native_tag(w, tag) < 0 ? -1 : fory_native_write_class_of(w, o);
    if (FORY_UNLIKELY(led > 0)) {
        return fory_native_tag(w, 0) < 0 ? -1 : fory_native_known(w, o);
    }
    if (led < 0 || (shape->definition == NULL && fory_native_encode_definition(w->engine, shape) < 0) ||
        fory_room(w, (size_t)shape->size + 8) < 0) {
        return -1;
    }
    memcpy(w->out.pos, shape->definition, shape->size);
    w->out.pos += shape->size;
    if (tag == FORY_N_SHAPE_SOME) {
        fory_store64(w->out.pos, ints);
        w->out.pos += (shape->n + 7) / 8;
    }
    return first && n->n_globals == 1 && n->n_modules == 1 && w->lent == NULL && w->engine->native->last_written != NULL
               ? keep_head(w, shape, ints, start)
               : 0;
}

/* The first class of a message: what stands in front of its values is known. */
FORY_INLINE int
head_is_ready(ForyWriteCtx *w, const ForyWriteShape *shape, uint64_t ints)
{
    const ForyNativeWrite *n = w->native;
    ForyNativeEngine *e = w->engine->native;
    return n->n_globals == 0 && n->n_modules == 0 && shape->head_global != NULL && shape->head_ints == ints &&
           shape->head_epoch == e->epoch && fory_native_still_there(e, shape->head_global);
}

static int
count_shape(ForyWriteCtx *w, const ForyWriteShape *shape, uint64_t ints)
{
    ForyNativeWrite *n = w->native;
    if (FORY_UNLIKELY(shape->serial >= n->cap_shapes) &&
        fory_grow_array(&n->shapes, &n->cap_shapes, shape->serial + 1, sizeof(*n->shapes)) < 0) {
        return -1;
    }
    n->shapes[shape->serial] = (ForyShapeSeen){w->generation, n->n_shapes++, ints};
    return 0;
}

/* 1 when nothing follows; 0; -1 */
static int
define_shape(ForyWriteCtx *w, PyObject *o, ForyWriteShape *shape, uint64_t ints)
{
    int rc;
    if (head_is_ready(w, shape, ints)) {
        if (FORY_UNLIKELY(fory_room(w, shape->head_size) < 0) || fory_native_count_global(w, shape->head_global) < 0) {
            return -1;
        }
        memcpy(w->out.pos, shape->head, shape->head_size);
        w->out.pos += shape->head_size;
    }
    else if ((rc = define_at_length(w, o, shape, ints)) != 0) {
        return rc;
    }
    return count_shape(w, shape, ints);
}

/* The tag of an instance of a shape that was defined; 0 when it is not yet. */
FORY_INLINE int
write_head(ForyWriteCtx *w, const ForyWriteShape *shape, uint64_t *ints)
{
    const ForyNativeWrite *n = w->native;
    const ForyShapeSeen *seen = n->shapes + shape->serial;
    if (FORY_UNLIKELY(shape->serial >= n->cap_shapes) || seen->generation != w->generation) {
        return 0;
    }
    *ints = seen->ints;
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX) < 0)) {
        return -1;
    }
    if (FORY_LIKELY(seen->number < FORY_N_OBJECT_COUNT)) {
        fory_put_u8(&w->out, (uint8_t)(FORY_N_OBJECT + seen->number));
    }
    else {
        fory_put_u8(&w->out, FORY_N_OBJECT_N);
        fory_put_vu64(&w->out, seen->number);
    }
    return 1;
}

static int
changed(PyObject *o)
{
    PyErr_Format(PyExc_RuntimeError, "the attributes of a %s changed while it was serialized", Py_TYPE(o)->tp_name);
    return -1;
}

/* Value of a slot, borrowed; NULL when it went away. */
static PyObject *
slot_value(const ForyObjectCodec *c, PyObject *o, uint8_t slot)
{
    return *(PyObject **)((char *)o + c->slot_offsets[slot]);
}

static int
write_slots(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, ForyWriteShape *shape, size_t from, uint64_t ints)
{
    for (size_t i = from; i < shape->n; i++) {
        PyObject *value = slot_value(c, o, shape->order[i]);
        if (FORY_UNLIKELY(value == NULL)) {
            return changed(o);
        }
        if (FORY_UNLIKELY(write_value(w, value, ints >> i & 1) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return 0;
}

/* The ints of an instance of nothing else, from its inline values or (NULL) its slots: how many are written. */
FORY_INLINE size_t
put_ints(ForyWriteCtx *w, PyObject *const *values, const ForyObjectCodec *c, PyObject *o, const ForyWriteShape *shape)
{
    fory_writer out = w->out; /* in registers */
    size_t i = 0;
    for (; i < shape->n; i++) {
        PyObject *v = values != NULL ? values[shape->order[i]] : slot_value(c, o, shape->order[i]);
        int64_t n;
        if (FORY_UNLIKELY(v == NULL) || FORY_UNLIKELY(!PyLong_CheckExact(v)) || FORY_UNLIKELY(!fory_small_int(v, &n))) {
            break;
        }
        put_position(&out, n);
    }
    w->out.pos = out.pos;
    return i;
}

/* The first object of a message and its class, when it has only ints as the one before. No other
 * code runs meanwhile. 1 written, 0 not, -1. */
FORY_INLINE int
write_first_ints(ForyWriteCtx *w, PyObject *const *values, const ForyObjectCodec *c, PyObject *o, const ForyWriteShape *shape)
{
    uint64_t ints = all_ints(shape->n);
    size_t start = (size_t)(w->out.pos - w->out.start);
    if (shape->head_ints != ints || w->native->hooked || !head_is_ready(w, shape, ints)) {
        return 0;
    }
    if (FORY_UNLIKELY(fory_room(w, shape->head_size + 9 * (size_t)shape->n) < 0)) {
        return -1;
    }
    memcpy(w->out.pos, shape->head, shape->head_size);
    w->out.pos += shape->head_size;
    if (FORY_UNLIKELY(put_ints(w, values, c, o, shape) != shape->n)) {
        w->out.pos = w->out.start + start;
        return 0;
    }
    return fory_native_count_global(w, shape->head_global) < 0 || count_shape(w, shape, ints) < 0 ? -1 : 1;
}

/* Tag, definition when it is the first of its shape, and the slots where there is nothing else. */
static int
write_slotted(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, ForyWriteShape *shape)
{
    uint64_t ints = 0;
    size_t i = 0;
    int rc = write_head(w, shape, &ints);
    if (FORY_UNLIKELY(rc == 0)) {
        rc = write_first_ints(w, NULL, c, o, shape);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
        for (i = 0; i < shape->n && !w->native->hooked; i++) {
            ints |= int_bit(slot_value(c, o, shape->order[i]), i);
        }
        i = 0;
        rc = define_shape(w, o, shape, ints);
        if (FORY_UNLIKELY(rc > 0)) {
            return 0;
        }
    }
    if (FORY_LIKELY(rc >= 0) && ints == all_ints(shape->n)) {
        if (FORY_UNLIKELY(fory_room(w, 9 * (size_t)shape->n) < 0)) {
            return -1;
        }
        i = put_ints(w, NULL, c, o, shape);
    }
    return rc < 0 ? -1 : write_slots(w, c, o, shape, i, ints);
}

#if FORY_INLINE_VALUES
static int
write_inline(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, ForyWriteShape *shape)
{
    size_t n_dict = (size_t)(shape->n - shape->n_slots), i = 0;
    uint64_t ints = 0;
    PyObject **values = fory_inline_values(o);
    int rc = write_head(w, shape, &ints);
    if (FORY_UNLIKELY(rc == 0)) {
        rc = write_first_ints(w, values, c, o, shape);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
        for (size_t k = w->native->hooked ? shape->n : 0; k < shape->n; k++) {
            PyObject *v = FORY_LIKELY(k < n_dict) ? values[shape->order[k]] : slot_value(c, o, shape->order[k]);
            ints |= v == NULL ? 0 : int_bit(v, k);
        }
        rc = define_shape(w, o, shape, ints);
        if (FORY_UNLIKELY(rc > 0)) {
            return 0;
        }
        values = fory_inline_values(o);
    }
    if (FORY_UNLIKELY(rc < 0)) {
        return -1;
    }
    if (ints == all_ints(n_dict) && FORY_LIKELY(values != NULL) && n_dict == shape->n) {
        if (FORY_UNLIKELY(fory_room(w, 9 * (size_t)shape->n) < 0)) {
            return -1;
        }
        i = put_ints(w, values, c, o, shape);
    }
    for (; i < n_dict; i++) {
        /* other code may have run since the last one */
        values = fory_inline_values(o);
        PyObject *value = FORY_LIKELY(values != NULL) ? values[shape->order[i]] : NULL;
        if (FORY_UNLIKELY(value == NULL)) {
            return changed(o);
        }
        if (FORY_UNLIKELY(write_value(w, value, ints >> i & 1) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return FORY_LIKELY(i == shape->n) ? 0 : write_slots(w, c, o, shape, n_dict, ints);
}
#endif

static int
write_with_dict(ForyWriteCtx *w, const ForyObjectCodec *c, PyObject *o, PyObject *dict, ForyWriteShape *shape)
{
    size_t n_dict = (size_t)(shape->n - shape->n_slots), i = 0;
    Py_ssize_t position = 0;
    PyObject *key, *value;
    uint64_t ints = 0;
    int rc = write_head(w, shape, &ints);
    if (FORY_UNLIKELY(rc == 0)) {
        for (; i < n_dict && !w->native->hooked && PyDict_Next(dict, &position, &key, &value); i++) {
            ints |= int_bit(value, i);
        }
        for (; i < shape->n && !w->native->hooked; i++) {
            ints |= int_bit(slot_value(c, o, shape->order[i]), i);
        }
        rc = define_shape(w, o, shape, ints);
        if (FORY_UNLIKELY(rc > 0)) {
            return 0;
        }
    }
    if (FORY_UNLIKELY(rc < 0)) {
        return -1;
    }
    position = 0;
    for (i = 0; i < n_dict; i++) {
        if (FORY_UNLIKELY(!PyDict_Next(dict, &position, &key, &value)) || FORY_UNLIKELY(key != shape->names[i])) {
            return changed(o);
        }
        if (FORY_UNLIKELY(write_value(w, value, ints >> i & 1) < 0)) {
            fory_path_field(&w->path, shape->names[i]);
            return -1;
        }
    }
    return write_slots(w, c, o, shape, n_dict, ints);
}

/* Once per message and class: is it still the class that was looked at?
 * 1 yes, 0 no, -1. Registering a reducer does not touch the class. */
static FORY_NOINLINE int
check_class(ForyWriteCtx *w, ForyObjectCodec *c)
{
    ForyNativeWrite *n = w->native;
    PyObject *reducers = w->engine->native->dispatch_table;
    if (FORY_LIKELY(c->serial < n->cap_checked) && FORY_LIKELY(n->checked[c->serial].generation == w->generation)) {
        return 1;
    }
    if (fory_dict_version(reducers) != c->reducers_version || c->reducers_version == 0) {
        if (PyDict_GetItemWithError(reducers, (PyObject *)c->type) != NULL) {
            return 0;
        }
        if (PyErr_Occurred()) {
            return -1;
        }
        c->reducers_version = fory_dict_version(reducers);
    }
    if (c->version != fory_type_version(c->type) || c->version == 0) {
        /* changed since, perhaps only in ways that do not matter */
        PyObject *slots;
        if (fory_write_pin(w) < 0 ||
            (slots = PyObject_CallMethod(w->engine->registry, "slots_of_plain", "(O)", (PyObject *)c->type)) == NULL) {
            return -1;
        }
        int same = PyTuple_Check(slots) && PyTuple_GET_SIZE(slots) == c->n_slots;
        for (Py_ssize_t i = 0; same && i < PyTuple_GET_SIZE(slots); i++) {
            same = fory_slot_offset(c->type, PyTuple_GET_ITEM(slots, i)) == c->slot_offsets[i];
        }
        Py_DECREF(slots);
        if (!same) {
            return 0;
        }
        c->version = fory_type_tag(c->type, w->engine->native->str_reduce_ex);
    }
    if (FORY_UNLIKELY(c->serial >= n->cap_checked) &&
        fory_grow_array(&n->checked, &n->cap_checked, c->serial + 1, sizeof(*n->checked)) < 0) {
        return -1;
    }
    n->checked[c->serial] = (ForySeen){w->generation, 0};
    return 1;
}

/* An object that was not met before; slot is its place in the reference table, or NULL. */
static FORY_NOINLINE int
write_new_object(ForyWriteCtx *w, ForyObjectCodec *c, PyObject *o, ForyRefSlot *slot)
{
    ForyWriteShape *shape = NULL;
    PyObject *dict = NULL;
    int rc, from_inline = 0, held = 0;
    if (FORY_UNLIKELY(c->reducers_version == 0) || FORY_UNLIKELY(c->version == 0) ||
        FORY_UNLIKELY(c->reducers_version != fory_dict_version(w->engine->native->dispatch_table)) ||
        FORY_UNLIKELY(c->version != fory_type_version(c->type))) {
        Py_INCREF(o); /* to look at the class may run Python code */
        held = 1;
        rc = check_class(w, c);
        if (rc <= 0) {
            rc = rc < 0 ? -1 : fory_native_write_by_protocol(w, o);
            Py_DECREF(o);
            return rc;
        }
    }
#if FORY_INLINE_VALUES
    PyObject **values = FORY_LIKELY(c->inline_values) ? fory_inline_values(o) : NULL;
    if (FORY_LIKELY(values != NULL)) {
        shape = shape_of_inline(w->engine, c, o, values);
        from_inline = 1;
    }
    else
#endif
    {
        if (c->has_dict) {
            dict = dict_of(o);
            if (dict == NULL && PyErr_Occurred()) {
                rc = -1;
                goto done;
            }
        }
        shape = shape_of_dict(w->engine, c, o, dict);
        if (!c->has_dict) {
            c->last = shape;
        }
    }
    if (FORY_UNLIKELY(shape == NULL)) {
        rc = PyErr_Occurred() ? -1 : fory_native_write_by_protocol(w, o);
        goto done;
    }
    if ((slot != NULL && fory_native_enter(w, slot, o) < 0) || fory_write_enter(w) < 0) {
        rc = -1;
        goto done;
    }
    if (FORY_LIKELY(!held)) {
        Py_INCREF(o);
        held = 1;
    }
#if FORY_INLINE_VALUES
    rc = FORY_LIKELY(from_inline) ? write_inline(w, c, o, shape)
         : dict == NULL           ? write_slotted(w, c, o, shape)
                                  : write_with_dict(w, c, o, dict, shape);
#else
    rc = dict == NULL ? write_slotted(w, c, o, shape) : write_with_dict(w, c, o, dict, shape);
    (void)from_inline;
#endif
    w->depth--;
done:
    if (held) {
        Py_DECREF(o);
    }
    Py_XDECREF(dict);
    return rc;
}

static int
write_object(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    ForyRefSlot *slot = NULL;
    int rc = fory_native_look(w, o, &slot);
    if (rc != 0) {
        /* met before: neither its class nor its attributes need to be looked at */
        return rc < 0 ? -1 : 0;
    }
    return write_new_object(w, (ForyObjectCodec *)c, o, slot);
}

/* ---- a message of one object ----------------------------------------------------------- */

/* Largest message that is put together on the stack, and messages of a shape that are not
 * tried after one that was in vain. */
enum { MESSAGE = 1024, MOST_HEAD = 256, PASSES = 63, MOST_SHARED = 8 };

/* Strings with other owners beside the object: each may be met once. */
typedef struct SharedStrings {
    size_t n;
    PyObject *met[MOST_SHARED];
} SharedStrings;

FORY_INLINE int
met_before(SharedStrings *shared, PyObject *v)
{
    for (size_t i = 0; i < shared->n; i++) {
        if (shared->met[i] == v) {
            return 1;
        }
    }
    if (shared->n == MOST_SHARED) {
        return 1;
    }
    shared->met[shared->n++] = v;
    return 0;
}

/* None, bool, float or ASCII text with its tag; the new end, or NULL for anything else. */
FORY_INLINE uint8_t *
put_atom(ForyEngine *e, uint8_t *p, const uint8_t *end, PyObject *v, SharedStrings *shared)
{
    fory_writer out = {p, NULL, NULL, NULL};
    PyTypeObject *type = Py_TYPE(v);
    const ForyTypeEntry *entry;
    if (FORY_LIKELY(type == &PyUnicode_Type)) {
        size_t n = (size_t)PyUnicode_GET_LENGTH(v);
        if (FORY_UNLIKELY(!PyUnicode_IS_COMPACT_ASCII(v)) || FORY_UNLIKELY(n + 16 > (size_t)(end - p)) ||
            (n > 1 && Py_REFCNT(v) > 1 && e->track_ref && met_before(shared, v))) {
            return NULL;
        }
        if (FORY_LIKELY(n < FORY_N_STR_COUNT)) {
            *p++ = (uint8_t)(FORY_N_STR + n);
        }
        else {
            fory_put_u8(&out, FORY_N_STR_1);
            fory_put_vu64(&out, n);
            p = out.pos;
        }
        fory_copy_text(p, v, n);
        return p + n;
    }
    /* copyreg may replace how these travel */
    entry = fory_entry_find(e, type);
    if (FORY_UNLIKELY(entry == NULL) || FORY_UNLIKELY(end - p < 16)) {
        return NULL;
    }
    if (entry->codec->write == fory_native_write_float) {
        fory_native_put_float(&out, PyFloat_AS_DOUBLE(v));
        return out.pos;
    }
    if (entry->codec->write == fory_native_write_singleton) {
        *p = v == Py_None ? FORY_N_NONE : v == Py_True ? FORY_N_TRUE : FORY_N_FALSE;
        return p + 1;
    }
    return NULL;
}

/* Where the values of an object of the shape that was written last lie: its inline values, or
 * itself with *slots set. NULL when it is of another shape. */
FORY_INLINE PyObject *const *
values_of_last(const ForyObjectCodec *c, PyObject *o, const ForyWriteShape *shape, int *slots)
{
    *slots = 0;
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(c->inline_values) && c->n_slots == 0) {
        PyObject *const *values = fory_inline_values(o);
        return FORY_LIKELY(values != NULL) && FORY_LIKELY(fory_inline_same(values, shape->order, shape->reversed, shape->n)) ? values : NULL;
    }
#endif
    *slots = 1;
    return !c->has_dict && shape->n == c->n_slots ? (PyObject *const *)o : NULL;
}

static FORY_NOINLINE int
write_message(ForyEngine *e, const ForyObjectCodec *c, ForyWriteShape *shape, PyObject *o, PyObject **message)
{
    ForyNativeEngine *n = e->native;
    SharedStrings shared;
    PyObject *const *values;
    uint8_t buffer[MESSAGE];
    const uint8_t *end = buffer + MESSAGE;
    fory_writer out = {buffer, NULL, NULL, NULL};
    int slots;
    if (FORY_UNLIKELY(c->version == 0) || FORY_UNLIKELY(c->version != fory_type_version(c->type)) ||
        FORY_UNLIKELY(c->reducers_version == 0) || FORY_UNLIKELY(c->reducers_version != fory_dict_version(n->dispatch_table)) ||
        FORY_UNLIKELY(c->reducers_version != n->reducers_seen) || FORY_UNLIKELY(e->st->names_version != n->names_version) ||
        FORY_UNLIKELY(shape->head_epoch != n->epoch) || FORY_UNLIKELY(e->max_depth < 1) ||
        FORY_UNLIKELY(!fory_native_still_there(n, shape->head_global)) ||
        FORY_UNLIKELY((values = values_of_last(c, o, shape, &slots)) == NULL)) {
        return 0;
    }
    fory_put_u8(&out, FORY_NATIVE_VERSION << FORY_ROOT_VERSION_SHIFT);
    for (size_t i = 0; i < shape->head_size; i += 32) {
        memcpy(out.pos + i, shape->head + i, 32); /* which has as much room behind it */
    }
    out.pos += shape->head_size;
    shared.n = 0;
    for (size_t i = 0; i < shape->n; i++) {
        PyObject *v = slots ? slot_value(c, o, (uint8_t)i) : values[shape->order[i]];
        int64_t number;
        if (FORY_UNLIKELY(v == NULL)) {
            return 0;
        }
        if (PyLong_CheckExact(v) && FORY_LIKELY(fory_small_int(v, &number))) {
            if (FORY_UNLIKELY(!(shape->head_ints >> i & 1)) || FORY_UNLIKELY(end - out.pos < 16)) {
                goto other;
            }
            put_position(&out, number);
        }
        else {
            if (FORY_UNLIKELY(shape->head_ints >> i & 1) || (out.pos = put_atom(e, out.pos, end, v, &shared)) == NULL) {
                goto other;
            }
        }
    }
    *message = PyBytes_FromStringAndSize((const char *)buffer, out.pos - buffer);
    return 1;
other:
    shape->passes = PASSES;
    return 0;
}

int
fory_native_write_object_message(ForyEngine *e, PyObject *o, PyObject **message)
{
    const ForyTypeEntry *entry = fory_entry_find(e, Py_TYPE(o));
    const ForyObjectCodec *c;
    ForyWriteShape *shape;
    if (FORY_UNLIKELY(entry == NULL) || entry->codec->write != write_object) {
        return 0;
    }
    c = (const ForyObjectCodec *)entry->codec;
    shape = c->last;
    if (FORY_UNLIKELY(shape == NULL) || FORY_UNLIKELY(shape->head_global == NULL) || shape->head_size > MOST_HEAD) {
        return 0;
    }
    if (shape->passes > 0) {
        shape->passes--;
        return 0;
    }
    return write_message(e, c, shape, o, message);
}

const ForyCodec *
fory_native_object_codec(ForyEngine *e, PyTypeObject *type, PyObject *slots)
{
    ForyObjectCodec *c;
    Py_ssize_t n = PyTuple_GET_SIZE(slots);
    if (n > FORY_MAX_ATTRIBUTES) {
        return fory_native_reduce_codec(e, type, NULL);
    }
    c = fory_engine_alloc(e, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->base.write = write_object;
    c->type = type;
    c->version = fory_type_tag(type, e->native->str_reduce_ex);
    c->n_slots = (uint8_t)n;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *name = PyTuple_GET_ITEM(slots, i);
        c->slot_offsets[i] = fory_slot_offset(type, name);
        if (c->slot_offsets[i] <= 0) {
            return fory_native_reduce_codec(e, type, NULL);
        }
        if (fory_engine_keep(e, name) < 0) {
            return NULL;
        }
        c->slot_names[i] = name;
    }
    c->serial = e->native->n_object_codecs++;
    c->has_dict = type->tp_dictoffset != 0;
#if FORY_INLINE_VALUES
    c->inline_values = (uint8_t)(e->st->inline_values_ok && c->has_dict && fory_has_inline_values(type));
#endif
    return &c->base;
}
