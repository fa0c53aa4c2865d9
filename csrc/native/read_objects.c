/* Instances whose state is their attributes, reading.
 *
 * A shape is compiled once per class and list of names: where each value goes
 * (slot, inline value, attribute or dict) and how the instance is made. As
 * pickle does, attributes go into the instance's own storage, past properties
 * and __setattr__; a class with __setstate__ gets its state handed over. */
#include "native/native.h"

/* ---- compiling ------------------------------------------------------------------------ */

void
fory_native_shape_release(ForyReadShape *s)
{
    if (s == NULL || --s->uses > 0) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        Py_XDECREF(s->names[i]);
    }
    Py_XDECREF(s->key);
    PyMem_Free(s->text);
    Py_XDECREF((PyObject *)s->cls);
    PyMem_Free(s);
}

void
fory_native_flush_shapes(ForyNativeEngine *n)
{
    ForyReadShape **slots = n->read_shapes;
    size_t mask = n->read_shape_mask;
    n->read_shapes = NULL;
    n->read_shape_mask = n->n_read_shapes = 0;
    memset(n->ready, 0, sizeof(n->ready));
    for (size_t i = 0; slots != NULL && i <= mask; i++) {
        fory_native_shape_release(slots[i]);
    }
    PyMem_Free(slots);
}

static int
malformed(ForyReadCtx *r)
{
    fory_raise(r->st, FORY_E_INVALID_DATA, "malformed list of attribute names");
    return -1;
}

/* Takes the next name of a definition. NULL when it is none, with an exception when that is one. */
static PyObject *
parse_name(const ForyReadShape *s, ForyWords *words, fory_reader *in, int packed, size_t size, size_t *code)
{
    char text[FORY_NEXT_NAME + 1];
    PyObject *name;
    uint64_t length;
    if (packed) {
        size_t n, codes = size * 8 / 6;
        if (*code >= codes) {
            return NULL;
        }
        n = fory_native_code(in->pos, size, *code);
        if (n == FORY_NEXT_NAME) {
            Py_ssize_t before = 0;
            const char *last = s->n == 0 ? NULL : PyUnicode_AsUTF8AndSize(s->names[s->n - 1], &before);
            *code += 1;
            n = last == NULL ? 0 : fory_native_next_name(last, (size_t)before, text);
            return n == 0 ? NULL : PyUnicode_DecodeASCII(text, (Py_ssize_t)n, NULL);
        }
        *code += 1;
        /* where the word begins, if it is spelled */
        size_t start = 0, spelled = 1;
        for (size_t i = 0; i < n;) {
            unsigned c = *code < codes ? fory_native_code(in->pos, size, *code) : FORY_OLD_WORD;
            *code += 1;
            if (c != FORY_OLD_WORD) {
                text[i] = fory_native_letters[c];
                if (text[i] == '_') {
                    if (spelled) {
                        fory_native_add_word(words, text + start, i - start);
                    }
                    start = i + 1;
                    spelled = 1;
                }
                i++;
                continue;
            }
            c = *code < codes ? fory_native_code(in->pos, size, *code) : words->n;
            *code += 1;
            if (c >= words->n || words->sizes[c] > n - i) {
                return NULL;
            }
            memcpy(text + i, words->text + words->at[c], words->sizes[c]);
            i += words->sizes[c];
            spelled = 0;
        }
        if (spelled) {
            fory_native_add_word(words, text + start, n - start);
        }
        return PyUnicode_DecodeASCII(text, (Py_ssize_t)n, NULL);
    }
    if (fory_get_vu64(in, &length) != FORY_OK || length > fory_left(in)) {
        return NULL;
    }
    name = PyUnicode_DecodeUTF8((const char *)in->pos, (Py_ssize_t)length, NULL);
    if (name == NULL && PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        PyErr_Clear();
    }
    in->pos += length;
    return name;
}

/* Fills names, n and n_slots from the bytes of a definition. 0 / -1. */
static int
parse_names(ForyReadCtx *r, ForyReadShape *s, const uint8_t *p, size_t size)
{
    fory_reader in = {p, p + size, p, NULL};
    uint64_t head;
    uint8_t n_slots = 0;
    size_t n, code = 0, left;
    ForyWords words;
    words.n = words.used = 0;
    if (fory_get_vu64(&in, &head) != FORY_OK || head >> 2 > FORY_MAX_ATTRIBUTES ||
        ((head & 1) && fory_get_u8(&in, &n_slots) != FORY_OK) || n_slots > head >> 2) {
        return malformed(r);
    }
    n = (size_t)(head >> 2);
    left = fory_left(&in);
    for (; s->n < n; s->n++) {
        PyObject *name = parse_name(s, &words, &in, (head & 2) != 0, left, &code);
        if (name == NULL) {
            return PyErr_Occurred() ? -1 : malformed(r);
        }
        PyUnicode_InternInPlace(&name);
        for (size_t i = 0; i < s->n; i++) {
            if (s->names[i] == name) {
                Py_DECREF(name);
                return malformed(r);
            }
        }
        s->names[s->n] = name;
    }
    if (head & 2 ? (6 * code + 7) / 8 != left : in.pos != in.end) {
        return malformed(r);
    }
    s->n_slots = n_slots;
    return 0;
}

static ForyReadShape *
compile_shape(ForyReadCtx *r, PyTypeObject *cls, const uint8_t *p, size_t size)
{
    ForyReadShape *s = PyMem_Calloc(1, sizeof(*s));
    PyObject *dict_names[FORY_MAX_ATTRIBUTES];
    int plain = 1;
    if (s == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    s->uses = 1;
    s->cls = (PyTypeObject *)Py_NewRef((PyObject *)cls);
    s->version = fory_type_version(cls);
    if (parse_names(r, s, p, size) < 0) {
        fory_native_shape_release(s);
        return NULL;
    }
    for (size_t i = 0; i < s->n; i++) {
        s->offsets[i] = fory_slot_offset(cls, s->names[i]);
        if (s->offsets[i] <= 0) {
            s->offsets[i] = 0;
            plain = plain && fory_plain_attribute(cls, s->names[i]);
            dict_names[s->n_dict] = s->names[i];
            s->order[s->n_dict++] = (uint8_t)i;
        }
    }
    s->direct = cls->tp_new == PyBaseObject_Type.tp_new;
    if (_PyType_Lookup(cls, r->engine->native->str_setstate) != NULL) {
        s->fill = FORY_FILL_STATE;
    }
#if FORY_INLINE_VALUES
    else if (plain && s->direct && s->n_dict > 0 && fory_inline_probe(r->st, cls, dict_names, s->n_dict, s->index)) {
        s->fill = FORY_FILL_INLINE;
    }
#endif
#if PY_VERSION_HEX >= 0x030B0000
    else if (plain && !s->direct) {
        /* set one by one they may still become inline values; where those have no
         * room for these names, a dict at once is cheaper than after each attempt */
        s->fill = FORY_FILL_ATTRIBUTES;
    }
#endif
    else {
        s->fill = FORY_FILL_DICT;
    }
    (void)dict_names;
    return s;
}

/* ---- cache ------------------------------------------------------------------------------ */

static ForyReadShape *
cached_shape(ForyNativeEngine *n, uint64_t hash, const PyTypeObject *cls, const uint8_t *p, size_t size)
{
    for (size_t i = hash & n->read_shape_mask; n->read_shapes != NULL && n->read_shapes[i] != NULL;
         i = (i + 1) & n->read_shape_mask) {
        ForyReadShape *s = n->read_shapes[i];
        if (s->hash == hash && s->cls == cls && s->version != 0 && s->version == fory_type_version(s->cls) &&
            (size_t)PyBytes_GET_SIZE(s->key) == size && memcmp(PyBytes_AS_STRING(s->key), p, size) == 0) {
            return s;
        }
    }
    return NULL;
}

static int
cache_shape(ForyNativeEngine *n, ForyReadShape *s)
{
    if (n->n_read_shapes >= 1024) {
        fory_native_flush_shapes(n);
    }
    if (n->read_shapes == NULL || (n->n_read_shapes + 1) * 2 > n->read_shape_mask + 1) {
        size_t cap = n->read_shapes == NULL ? 32 : (n->read_shape_mask + 1) * 2;
        ForyReadShape **slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; n->read_shapes != NULL && i <= n->read_shape_mask; i++) {
            if (n->read_shapes[i] != NULL) {
                size_t j = n->read_shapes[i]->hash & (cap - 1);
                while (slots[j] != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = n->read_shapes[i];
            }
        }
        PyMem_Free(n->read_shapes);
        n->read_shapes = slots;
        n->read_shape_mask = cap - 1;
    }
    size_t i = s->hash & n->read_shape_mask;
    while (n->read_shapes[i] != NULL) {
        i = (i + 1) & n->read_shape_mask;
    }
    s->uses++;
    n->read_shapes[i] = s;
    n->n_read_shapes++;
    return 0;
}

/* ---- instances ---------------------------------------------------------------------------- */

static PyObject *
new_instance(ForyReadCtx *r, const ForyReadShape *s)
{
    PyObject *o;
    if (FORY_UNLIKELY(r->native->guarded)) {
        PyObject *rc = PyObject_CallMethod(r->engine->registry, "authorize_instantiation", "(O)", (PyObject *)s->cls);
        if (rc == NULL) {
            return NULL;
        }
        Py_DECREF(rc);
    }
    if (FORY_LIKELY(s->direct)) {
        o = PyBaseObject_Type.tp_new(s->cls, r->st->empty_tuple, NULL);
        if (FORY_UNLIKELY(o == NULL)) {
            fory_native_misfit(r, (PyObject *)s->cls); /* an abstract class */
        }
        return o;
    }
    o = PyObject_CallMethodObjArgs((PyObject *)s->cls, r->engine->native->str_new, (PyObject *)s->cls, NULL);
    if (o == NULL) {
        fory_native_misfit(r, (PyObject *)s->cls); /* __new__ of builtin classes wants arguments */
    }
    if (o != NULL && s->n > s->n_dict && !PyObject_TypeCheck(o, s->cls)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s.__new__ gave a %s", s->cls->tp_name, Py_TYPE(o)->tp_name);
        Py_CLEAR(o);
    }
    return o;
}

/* dict of names of shape[from..to): new reference; does not steal */
static PyObject *
state_dict(const ForyReadShape *s, PyObject *const *values, size_t from, size_t to)
{
    PyObject *state = PyDict_New();
    for (size_t i = from; state != NULL && i < to; i++) {
        if (PyDict_SetItem(state, s->names[i], values[i]) < 0) {
            Py_CLEAR(state);
        }
    }
    return state;
}

/* The state as object.__reduce_ex__ would give it. */
static PyObject *
state_of(const ForyReadShape *s, PyObject *const *values)
{
    size_t n_dict = (size_t)(s->n - s->n_slots);
    PyObject *attributes = n_dict > 0 ? state_dict(s, values, 0, n_dict) : Py_NewRef(Py_None), *slots, *pair;
    if (attributes == NULL || s->n_slots == 0) {
        return attributes;
    }
    slots = state_dict(s, values, n_dict, s->n);
    pair = slots == NULL ? NULL : PyTuple_Pack(2, attributes, slots);
    Py_DECREF(attributes);
    Py_XDECREF(slots);
    return pair;
}

/* Hands the state to __setstate__, or through the policy. 0 / -1. */
static int
fill_by_state(ForyReadCtx *r, const ForyReadShape *s, PyObject *o, PyObject *const *values)
{
    PyObject *state, *rc;
    int plain = s->fill != FORY_FILL_STATE;
    if (s->n == 0 && !plain) {
        return 0;
    }
    state = plain ? state_dict(s, values, 0, s->n) : state_of(s, values);
    if (state == NULL) {
        return -1;
    }
    rc = PyObject_CallMethod(r->engine->registry, plain ? "fill_object" : "apply_state", "OO", o, state);
    Py_DECREF(state);
    Py_XDECREF(rc);
    return rc == NULL ? -1 : 0;
}

static int
no_attribute(ForyReadCtx *r, const ForyReadShape *s, PyObject *name)
{
    if (PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        fory_raise(r->st, FORY_E_NOT_COMPATIBLE, "%s has no place for attribute '%U'", s->cls->tp_name, name);
    }
    return -1;
}

/* Takes what it can of values (leaving NULLs); the rest stays the caller's. 1 when all were
 * taken and nothing has to be looked at, 0, -1. */
static int
fill(ForyReadCtx *r, const ForyReadShape *s, PyObject *o, PyObject **values)
{
    PyObject *dict = NULL;
    int rc = 0;
    if (FORY_UNLIKELY(s->fill == FORY_FILL_STATE) || FORY_UNLIKELY(r->native->guarded)) {
        return fill_by_state(r, s, o, values);
    }
    if (s->n_dict < s->n) {
        for (size_t i = 0; i < s->n; i++) {
            if (s->offsets[i] > 0) {
                PyObject **slot = (PyObject **)((char *)o + s->offsets[i]), *old = *slot;
                *slot = values[i];
                values[i] = NULL;
                Py_XDECREF(old);
            }
        }
    }
    if (s->n_dict == 0) {
        return 0;
    }
#if FORY_INLINE_VALUES
    if (s->fill == FORY_FILL_INLINE && fory_inline_fill(o, s->index, s->order, values, s->n_dict) == 0) {
        if (FORY_LIKELY(s->n_dict == s->n)) {
            return 1;
        }
        for (size_t k = 0; k < s->n_dict; k++) {
            values[s->order[k]] = NULL;
        }
        return 0;
    }
#endif
    if (s->fill == FORY_FILL_DICT) {
        dict = PyObject_GenericGetDict(o, NULL);
        if (dict == NULL) {
            return no_attribute(r, s, s->names[s->order[0]]);
        }
        for (size_t k = 0; rc == 0 && k < s->n_dict; k++) {
            rc = PyDict_SetItem(dict, s->names[s->order[k]], values[s->order[k]]);
        }
        Py_DECREF(dict);
        return rc;
    }
    for (size_t k = 0; k < s->n_dict; k++) {
        size_t i = s->order[k];
        if (PyObject_GenericSetAttr(o, s->names[i], values[i]) < 0) {
            return no_attribute(r, s, s->names[i]);
        }
    }
    return 0;
}

/* What stands at an int position when it is no number of up to five bytes, or near the end. */
static FORY_NOINLINE PyObject *
read_other(ForyReadCtx *r)
{
    static const uint8_t sizes[16] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 3, 3, 4};
    uint8_t head = 0;
    size_t size;
    uint64_t u = 0;
    if (fory_get_u8(&r->in, &head) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    size = sizes[head >> 4];
    if (size == 0) {
        switch (head) {
        case FORY_I_NONE:
            return Py_NewRef(Py_None);
        case FORY_I_FALSE:
            return Py_NewRef(Py_False);
        case FORY_I_TRUE:
            return Py_NewRef(Py_True);
        case FORY_I_VALUE:
            return fory_native_read(r);
        default:
            size = head < FORY_I_NONE ? 5 : (size_t)(head - FORY_I_BYTES_5) + 6;
        }
    }
    if (!fory_have(&r->in, size - 1)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    for (size_t i = 0; i < size - 1; i++) {
        u |= (uint64_t)r->in.pos[i] << (8 * i);
    }
    r->in.pos += size - 1;
    if (head >= FORY_I_BYTES_5 && head < FORY_I_VALUE) {
        unsigned unused = 64 - 8 * (unsigned)(size - 1);
        return PyLong_FromLongLong((int64_t)(u << unused) >> unused);
    }
    switch (size) {
    case 1:
        return PyLong_FromLong((long)head - 48);
    case 2:
        return PyLong_FromLong((long)((uint64_t)(head - FORY_I_2) << 8 | u) - (1 << 13));
    case 3:
        return PyLong_FromLong((long)((uint64_t)(head - FORY_I_3) << 16 | u) - (1 << 20));
    case 4:
        return PyLong_FromLong((long)((uint64_t)(head - FORY_I_4) << 24 | u) - (1 << 27));
    default:
        return PyLong_FromLongLong((int64_t)((uint64_t)(head - FORY_I_5) << 32 | u) - (INT64_C(1) << 34));
    }
}

/* By the upper five bits of the first byte: size (0: something else), what is taken off. */
static const uint8_t position_sizes[32] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                           2, 2, 2, 2, 2, 2, 2, 2, 5, 0, 3, 3, 3, 3, 4, 4};

FORY_INLINE PyObject *
read_position(ForyReadCtx *r)
{
    static const uint8_t lead[] = {0, FORY_I_1, FORY_I_2, FORY_I_3, FORY_I_4, FORY_I_5};
    static const int64_t bias[] = {0, 48, 1 << 13, 1 << 20, 1 << 27, INT64_C(1) << 34};
    const uint8_t *p = r->in.pos;
    if (FORY_LIKELY(fory_left(&r->in) >= 8)) {
        uint64_t word = fory_load64(p), top;
        unsigned size = position_sizes[(word & 0xff) >> 3], bits = 8 * (size - 1);
        if (FORY_LIKELY(size > 0)) {
            top = (word & 0xff) - lead[size];
            word = (word >> 8 & ((UINT64_C(1) << bits) - 1)) | top << bits;
            r->in.pos = p + size;
            return PyLong_FromLongLong((int64_t)word - bias[size]);
        }
    }
    return read_other(r);
}

static PyObject *
read_instance(ForyReadCtx *r, ForyReadShapeUse use)
{
    PyObject *values[FORY_MAX_ATTRIBUTES];
    const ForyReadShape *s = use.shape;
    uint64_t ints = use.ints;
    Py_ssize_t id = fory_ref_take(r);
    size_t n = s->n, i = 0;
    PyObject *o = NULL;
    int filled;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    if (fory_charge(r, 96 + 16 * (int64_t)n) < 0 || (o = new_instance(r, s)) == NULL) {
        r->depth--;
        return NULL;
    }
    fory_ref_publish(r, id, o);
    for (; i < n; i++, ints >>= 1) {
        values[i] = ints & 1 ? read_position(r) : fory_native_read(r);
        if (FORY_UNLIKELY(values[i] == NULL)) {
            fory_path_field(&r->path, s->names[i]);
            goto error;
        }
    }
    filled = fill(r, s, o, values);
    if (FORY_UNLIKELY(filled < 0)) {
        goto error;
    }
    if (FORY_LIKELY(filled > 0)) {
        r->depth--;
        return o;
    }
    /* what was given away is NULL by now */
    while (i > 0) {
        i--;
        Py_XDECREF(values[i]);
    }
    r->depth--;
    return o;
error:
    while (i > 0) {
        i--;
        Py_XDECREF(values[i]);
    }
    r->depth--;
    Py_DECREF(o);
    return NULL;
}

PyObject *
fory_native_read_object(ForyReadCtx *r, uint64_t number)
{
    if (FORY_UNLIKELY(number >= r->native->n_shapes)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "shape number %llu of %zu", (unsigned long long)number,
                          r->native->n_shapes);
    }
    return read_instance(r, r->native->shapes[number]);
}

/* ---- definitions ------------------------------------------------------------------------------ */

/* The int positions behind a definition. 0 / -1. */
static int
read_ints(ForyReadCtx *r, int tag, size_t n, uint64_t *ints)
{
    size_t size = (n + 7) / 8;
    *ints = tag == FORY_N_SHAPE_INTS && n > 0 ? UINT64_MAX >> (64 - n) : 0;
    if (tag != FORY_N_SHAPE_SOME) {
        return 0;
    }
    if (!fory_have(&r->in, size)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    for (size_t i = 0; i < size; i++) {
        *ints |= (uint64_t)r->in.pos[i] << (8 * i);
    }
    r->in.pos += size;
    return 0;
}

/* The next shape of the message; takes a use of it. Gives the instance that follows. */
static PyObject *
begin_shape(ForyReadCtx *r, int tag, ForyReadShape *s, Py_ssize_t id)
{
    ForyNativeRead *n = r->native;
    ForyReadShapeUse use = {s, 0};
    if (read_ints(r, tag, s->n, &use.ints) < 0 ||
        (FORY_UNLIKELY(n->n_shapes == n->cap_shapes) &&
         fory_grow_array(&n->shapes, &n->cap_shapes, n->n_shapes + 1, sizeof(*n->shapes)) < 0)) {
        fory_native_shape_release(s);
        return NULL;
    }
    n->shapes[n->n_shapes++] = use;
    r->pending_ref = id;
    return read_instance(r, use);
}

/* Set of ready shapes whose text begins with these eight bytes. */
FORY_INLINE size_t
ready_set(const uint8_t *p)
{
    return (size_t)((fory_load64(p) * UINT64_C(0x9E3779B97F4A7C15)) >> 32) % (FORY_READY_SHAPES / 2) * 2;
}

/* The shape whose class and definition stand at the position, when they were read before and the
 * names still lead to the class. Then they are passed over. NULL, never an exception, when not. */
static ForyReadShape *
ready_shape(ForyReadCtx *r)
{
    ForyNativeRead *n = r->native;
    ForyNativeEngine *e = r->engine->native;
    const uint8_t *p = r->in.pos, *end = r->in.end;
    ForyName module;
    size_t set;
    if (end - p < 4 || n->guarded || n->find_class != NULL) {
        return NULL;
    }
    /* long module names and numbers take the other way */
    if (*p == FORY_G_NAME && p[1] < 0x80) {
        module.head = p[1];
        module.size = module.head & 1 ? (6 * (module.head >> 1) + 7) / 8 : module.head >> 1;
        module.data = p + 2;
        p += 2;
        if ((size_t)(end - p) < module.size) {
            return NULL;
        }
        p += module.size;
    }
    else if (*p == FORY_G_SAME && p[1] < n->n_modules && p[1] < 0x80) {
        module = n->modules[p[1]];
        p += 2;
    }
    else {
        return NULL;
    }
    if (end - p < 8) {
        return NULL;
    }
    set = ready_set(p);
    for (size_t i = set; i < set + 2; i++) {
        ForyReadShape *s = e->ready[i];
        const ForyGlobal *g = s == NULL ? NULL : s->global;
        if (g == NULL || s->text_size > (size_t)(end - p) || memcmp(s->text, p, s->text_size) != 0 ||
            g->module_head != module.head || memcmp(PyBytes_AS_STRING(g->text), module.data, module.size) != 0) {
            continue;
        }
        if (s->version == 0 || s->version != fory_type_version(s->cls) || !fory_native_still_there(e, s->global)) {
            return NULL;
        }
        if (*r->in.pos == FORY_G_NAME && fory_native_new_module(r, &module) < 0) {
            PyErr_Clear();
            return NULL;
        }
        r->in.pos = p + s->text_size;
        return s;
    }
    return NULL;
}

/* Keeps a shape for the function above: `names` is where the name of the class began. */
static void
make_ready(ForyNativeEngine *e, ForyReadShape *s, ForyGlobal *g, const uint8_t *p, const uint8_t *end)
{
    size_t set, size = (size_t)(end - p);
    s->global = g;
    if (s->text == NULL || s->text_size != size || memcmp(s->text, p, size) != 0) {
        PyMem_Free(s->text);
        s->text_size = 0;
        s->text = PyMem_Malloc(size);
        if (s->text == NULL) {
            return;
        }
        memcpy(s->text, p, size);
        s->text_size = (uint32_t)size;
    }
    set = ready_set(p);
    if (e->ready[set] != s && e->ready[set + 1] != s) {
        e->ready[set + 1] = e->ready[set];
        e->ready[set] = s;
    }
}

/* No definition: the class held the instance, and what follows refers to it. */
static PyObject *
read_behind_class(ForyReadCtx *r, Py_ssize_t id)
{
    PyObject *v;
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    v = fory_native_read(r);
    r->depth--;
    return v == NULL ? NULL : fory_native_settle(r, id, v);
}

PyObject *
fory_native_read_shape(ForyReadCtx *r, int tag)
{
    ForyNativeRead *n = r->native;
    Py_ssize_t id = fory_ref_take(r);
    ForyReadShape *s = ready_shape(r);
    PyObject *cls = NULL;
    ForyGlobal *g;
    const uint8_t *p, *start = r->in.pos, *first = r->in.start;
    size_t size;
    uint64_t hash;
    int named;
    if (FORY_LIKELY(s != NULL)) {
        if (fory_native_number_read(r, (PyObject *)s->cls) < 0) {
            return NULL;
        }
        s->uses++;
        return begin_shape(r, tag, s, id);
    }
    cls = fory_native_read_global(r, &named);
    if (cls == NULL) {
        return NULL;
    }
    g = n->last_global;
    if (!PyType_Check(cls)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a class", Py_TYPE(cls)->tp_name);
        goto error;
    }
    if (fory_native_count(r, &size) < 0) {
        goto error;
    }
    if (size == 0) {
        Py_DECREF(cls);
        return read_behind_class(r, id);
    }
    p = r->in.pos;
    r->in.pos += size;
    hash = fory_native_hash(p, size, fory_pointer_hash(cls));
    s = named ? cached_shape(r->engine->native, hash, (PyTypeObject *)cls, p, size) : NULL;
    if (s != NULL) {
        s->uses++;
    }
    else {
        s = compile_shape(r, (PyTypeObject *)cls, p, size);
        if (s == NULL) {
            goto error;
        }
        s->hash = hash;
        s->key = PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)size);
        if (s->key == NULL || (named && cache_shape(r->engine->native, s) < 0)) {
            goto error;
        }
    }
    if (g != NULL && n->last_epoch == r->engine->native->epoch && r->in.start == first) {
        /* behind form and module; memory of a stream may have moved */
        const uint8_t *name = start + 2 + (start[0] == FORY_G_NAME ? g->module_size : 0);
        if (start[1] < 0x80 && r->in.pos - name >= 8) {
            make_ready(r->engine->native, s, g, name, r->in.pos);
        }
    }
    Py_DECREF(cls);
    return begin_shape(r, tag, s, id);
error:
    fory_native_shape_release(s);
    Py_DECREF(cls);
    return NULL;
}
