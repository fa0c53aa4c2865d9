/* Writing lists, tuples, sets, frozensets and other sequences and sets (wire-format 6.1).
 *
 * A writer looks at its elements once. When all have one exact type and that
 * type cannot run Python code, the element codec's batch walks the raw item
 * array; otherwise every element is held and the length re-checked, because
 * user code may change the list under us. */
#include "codecs/plain.h"

/* ---- writing --------------------------------------------------------------- */

typedef struct Items {
    PyObject *owner; /* exact list (may change) or tuple; strong */
    Py_ssize_t n;
} Items;

FORY_INLINE PyObject **
items_array(const Items *items)
{
    return PySequence_Fast_ITEMS(items->owner);
}

static FORY_NOINLINE int
length_changed(ForyWriteCtx *w)
{
    fory_raise(w->st, FORY_E_TYPE, "the list changed its length while it was written");
    return -1;
}

/* The list must still be as long as announced. Call after anything that may
 * have run Python code, before the raw array is walked. 0 / -1. */
FORY_INLINE int
items_unchanged(ForyWriteCtx *w, const Items *items)
{
    return FORY_LIKELY(PySequence_Fast_GET_SIZE(items->owner) == items->n) ? 0 : length_changed(w);
}

/* New reference to element i. */
FORY_INLINE PyObject *
items_get(ForyWriteCtx *w, const Items *items, Py_ssize_t i)
{
    return items_unchanged(w, items) < 0 ? NULL : Py_NewRef(PySequence_Fast_GET_ITEM(items->owner, i));
}

/* So many elements of a batch are written before the stream may have them. */
#define STREAMED_ELEMENTS 1024

static FORY_NOINLINE int
stream_many(ForyWriteCtx *w, const ForyCodec *codec, PyObject *owner)
{
    PyObject *copy = PySequence_Tuple(owner); /* the stream runs Python code */
    int rc = copy == NULL ? -1 : 0;
    for (Py_ssize_t i = 0, n = copy == NULL ? 0 : PyTuple_GET_SIZE(copy); rc == 0 && i < n; i += STREAMED_ELEMENTS) {
        rc = codec->write_many(w, codec, PySequence_Fast_ITEMS(copy) + i, n - i < STREAMED_ELEMENTS ? n - i : STREAMED_ELEMENTS);
        if (rc < 0) {
            fory_path_shift(&w->path, i);
        }
        else {
            rc = fory_write_step(w);
        }
    }
    Py_XDECREF(copy);
    return rc;
}

/* Elements of which none runs Python code; owner is not shorter than announced. */
FORY_INLINE int
write_batch(ForyWriteCtx *w, const ForyCodec *codec, const Items *items)
{
    if (FORY_UNLIKELY(w->streaming) && items->n > STREAMED_ELEMENTS) {
        return stream_many(w, codec, items->owner);
    }
    return codec->write_many(w, codec, items_array(items), items->n);
}

/* Bodies of elements that all travel by codec; no flags. */
static int
write_bodies(ForyWriteCtx *w, const ForyCodec *codec, const Items *items, PyTypeObject *common)
{
    if (codec->write_many != NULL) {
        PyObject *copy;
        int rc;
        if (items_unchanged(w, items) < 0) {
            return -1;
        }
        if (FORY_LIKELY(common != NULL && common == codec->exact)) {
            return write_batch(w, codec, items);
        }
        /* numbers that need __index__ or __float__: over a copy that stays */
        if (fory_write_pin(w) < 0 || (copy = PySequence_Tuple(items->owner)) == NULL) {
            return -1;
        }
        rc = PyTuple_GET_SIZE(copy) == items->n
                 ? codec->write_many(w, codec, PySequence_Fast_ITEMS(copy), items->n)
                 : length_changed(w);
        Py_DECREF(copy);
        return rc;
    }
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v = items_get(w, items, i);
        int rc = v == NULL ? -1 : codec->write(w, codec, v);
        Py_XDECREF(v);
        if (FORY_UNLIKELY(rc < 0 || fory_write_step(w) < 0)) {
            fory_path_index(&w->path, i);
            return -1;
        }
    }
    return 0;
}

/* Bodies behind a null or reference flag each. */
static int
write_flagged(ForyWriteCtx *w, const ForyCodec *codec, const Items *items, int track)
{
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v = items_get(w, items, i);
        int rc = -1;
        if (v == NULL) {
            goto failed;
        }
        if (v == Py_None) {
            if ((rc = fory_room(w, 1)) == 0) {
                fory_put_u8(&w->out, FORY_FLAG_NULL);
            }
        }
        else if (track) {
            rc = fory_write_ref(w, v);
            if (rc == 0) {
                rc = codec->write(w, codec, v);
            }
        }
        else if ((rc = fory_room(w, 1)) == 0) {
            fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
            rc = codec->write(w, codec, v);
        }
        Py_DECREF(v);
        if (FORY_LIKELY(rc >= 0 && fory_write_step(w) == 0)) {
            continue;
        }
failed:
        fory_path_index(&w->path, i);
        return -1;
    }
    return 0;
}

/* Elements from i on as long as they are plain scalars or None; the index of the next one, or -1. */
static Py_ssize_t
write_plain_run(ForyWriteCtx *w, const Items *items, Py_ssize_t i, int header)
{
    size_t flagged = (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) != 0;
    if (items_unchanged(w, items) < 0) {
        fory_path_index(&w->path, i);
        return -1;
    }
    for (PyObject *const *item = items_array(items); i < items->n; i++) {
        PyObject *v = item[i];
        unsigned id = fory_plain_id(Py_TYPE(v));
        uint8_t *p;
        if (FORY_UNLIKELY(fory_room(w, 2 + fory_plain_room(id, v)) < 0)) {
            return -1;
        }
        p = w->out.pos;
        p[0] = FORY_FLAG_NOT_NULL;
        if (id == 0) {
            if (v != Py_None || !flagged) {
                break;
            }
            p[0] = FORY_FLAG_NULL;
            w->out.pos = p + 1;
            continue;
        }
        if (id >= FORY_LIST) {
            break;
        }
        p += flagged;
        *p++ = (uint8_t)id;
        p = fory_put_plain(p, id, v);
        if (FORY_UNLIKELY(p == NULL)) {
            break;
        }
        w->out.pos = p;
    }
    return i;
}

/* Elements of several types: type information each. flag_all: the generic
 * codec of 1.4, where short scalars are tracked too. */
static int
write_mixed(ForyWriteCtx *w, const Items *items, int header, int flag_all)
{
    int plain = w->engine->xlang && !w->streaming && !(flag_all && (header & FORY_ITEMS_TRACK));
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v;
        ForyTypeEntry *entry;
        int rc = -1;
        if (plain) {
            i = write_plain_run(w, items, i, header);
            if (i < 0 || i == items->n) {
                return i < 0 ? -1 : 0;
            }
        }
        v = items_get(w, items, i);
        if (v == NULL) {
            goto failed;
        }
        if (v == Py_None && (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL))) {
            if ((rc = fory_room(w, 1)) == 0) {
                fory_put_u8(&w->out, FORY_FLAG_NULL);
            }
            goto next;
        }
        entry = fory_write_entry(w, Py_TYPE(v));
        if (entry == NULL || fory_write_ready(w, entry) < 0) {
            goto next;
        }
        if ((header & FORY_ITEMS_TRACK) && (flag_all || !(entry->codec->flags & FORY_CODEC_SCALAR_FLAGLESS))) {
            rc = fory_write_ref(w, v);
            if (rc != 0) {
                goto next;
            }
        }
        else if (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) {
            if (fory_room(w, 1) < 0) {
                goto next;
            }
            fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
        }
        rc = fory_write_type_info(w, entry, v);
        if (rc == 0) {
            rc = entry->codec->write(w, entry->codec, v);
        }
next:
        Py_DECREF(v);
        if (FORY_LIKELY(rc >= 0 && fory_write_step(w) == 0)) {
            continue;
        }
failed:
        fory_path_index(&w->path, i);
        return -1;
    }
    return 0;
}

/* What one pass over the element types tells. */
typedef struct Survey {
    PyTypeObject *type; /* of the first non-None element; NULL when all are None */
    int has_null, same;
} Survey;

/* The first `texts` items are exactly str, as far as the caller knows. */
static Survey
survey_items(const Items *items, Py_ssize_t texts)
{
    Survey s = {NULL, 0, 1};
    PyObject **array = items_array(items);
    const Py_ssize_t first = texts > 0 ? texts - 1 : 0;
    Py_ssize_t i = first;
    while (i < items->n && array[i] == Py_None) {
        i++;
    }
    s.has_null = i > first;
    if (i == items->n) {
        return s;
    }
    s.type = Py_TYPE(array[i]);
    for (i++; i < items->n; i++) {
        if (FORY_UNLIKELY(Py_TYPE(array[i]) != s.type)) {
            if (array[i] == Py_None) {
                s.has_null = 1;
            }
            else {
                s.same = 0;
                break;
            }
        }
    }
    for (; i < items->n && !s.has_null; i++) {
        s.has_null = array[i] == Py_None;
    }
    return s;
}

/* Elements of a set and keys of a dict must still be hashable when they come
 * back: a tuple would be a list, a frozenset a set (decision 9). 0 / -1. */
int
fory_check_hashable(ForyWriteCtx *w, const ForyTypeEntry *entry, PyObject *v)
{
    if (entry->kind == FORY_KIND_BUILTIN &&
        (entry->type_id == FORY_LIST || entry->type_id == FORY_SET || entry->type_id == FORY_MAP)) {
        fory_raise(w->st, FORY_E_UNSUPPORTED,
                   "a %s as a set element or dict key comes back unhashable; declare the type of the field",
                   Py_TYPE(v)->tp_name);
        return -1;
    }
    return 0;
}

static int
check_elements_hashable(ForyWriteCtx *w, const Items *items)
{
    PyTypeObject *last = NULL;
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v = PySequence_Fast_GET_ITEM(items->owner, i);
        if (Py_TYPE(v) != last) {
            ForyTypeEntry *entry = fory_write_entry(w, Py_TYPE(v));
            if (entry == NULL || fory_check_hashable(w, entry, v) < 0) {
                fory_path_index(&w->path, i);
                return -1;
            }
            last = Py_TYPE(v);
        }
    }
    return 0;
}

/* Arrays must have one element kind, unknown structs one schema. 1 / 0 / -1. */
static int
same_value_kind(ForyWriteCtx *w, const ForyTypeEntry *entry, const Items *items)
{
    int64_t first = 0;
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v = items_get(w, items, i);
        int64_t kind = v == NULL ? -1 : v == Py_None ? first : fory_value_kind(w, entry, v);
        Py_XDECREF(v);
        if (kind < 0) {
            fory_path_index(&w->path, i);
            return -1;
        }
        if (first != 0 && kind != first) {
            return 0;
        }
        first = kind;
    }
    return 1;
}

/* Number of elements, header and bodies of items that all are exactly str. 0; 1 when one
 * is not, and nothing is written; -1. */
static int
write_texts(ForyWriteCtx *w, const Items *items)
{
    PyObject *const *item = items_array(items);
    size_t start = (size_t)(w->out.pos - w->out.start);
    /* in a register: each byte put through w->out would wait for the one before */
    uint8_t *p;
    if (FORY_UNLIKELY(fory_room(w, FORY_VU64_MAX + 2) < 0)) {
        return -1;
    }
    p = w->out.pos;
    if (FORY_LIKELY(items->n < 0x80)) {
        *p++ = (uint8_t)items->n;
    }
    else {
        fory_put_vu32(&w->out, (uint32_t)items->n);
        p = w->out.pos;
    }
    *p++ = FORY_ITEMS_SAME_TYPE;
    *p++ = FORY_STRING;
    for (Py_ssize_t i = 0; i < items->n; i++) {
        PyObject *v = item[i];
        if (FORY_UNLIKELY(!PyUnicode_CheckExact(v))) {
            w->out.pos = w->out.start + start;
            return 1;
        }
        if (FORY_LIKELY(fory_is_plain_text(v)) && FORY_LIKELY((size_t)(w->out.end - p) >= fory_plain_room(FORY_STRING, v))) {
            p = fory_put_text(p, v);
            continue;
        }
        w->out.pos = p;
        if (FORY_UNLIKELY(fory_write_str(w, v) < 0)) {
            fory_path_index(&w->path, i);
            return -1;
        }
        p = w->out.pos;
    }
    w->out.pos = p;
    return 0;
}

/* So many elements are written before all are known to have one type. */
#define SHORT_LIST 32

/* From so many on they no longer lie in the fast caches when they are written after all have
 * been looked at: that is done in one go where a sample says that it will do. */
#define LONG_LIST 4096
#define SAMPLE 64

/* Like write_texts, for many items; *texts: the first so many are exactly str. */
static FORY_NOINLINE int
write_many_texts(ForyWriteCtx *w, const Items *items, Py_ssize_t *texts)
{
    PyObject *const *item = items_array(items);
    size_t start = (size_t)(w->out.pos - w->out.start);
    Py_ssize_t done;
    for (Py_ssize_t i = 0; i < SAMPLE; i++) {
        if (!PyUnicode_CheckExact(item[items->n / SAMPLE * i])) {
            return 1;
        }
    }
    if (fory_room(w, FORY_VU64_MAX + 2) < 0) {
        return -1;
    }
    fory_put_vu32_roomy(&w->out, (uint32_t)items->n);
    fory_put_u16(&w->out, (uint16_t)(FORY_ITEMS_SAME_TYPE | FORY_STRING << 8));
    done = fory_write_texts(w, item, items->n, 0);
    if (done == items->n) {
        return 0;
    }
    if (done < 0) {
        return -1;
    }
    w->out.pos = w->out.start + start;
    *texts = done;
    return 1;
}

/* At least one element. */
static int
write_undeclared(ForyWriteCtx *w, const Items *items, int flag_all)
{
    int xlang = w->engine->xlang, rc = 1;
    Py_ssize_t texts = 0;
    if (items->n <= SHORT_LIST && xlang && PyUnicode_CheckExact(items_array(items)[0]) && (rc = write_texts(w, items)) <= 0) {
        return rc;
    }
    if (items->n >= LONG_LIST && xlang && !w->streaming && (rc = write_many_texts(w, items, &texts)) <= 0) {
        return rc;
    }
    Survey s = survey_items(items, texts);
    ForyTypeEntry *entry = NULL;
    int header = s.has_null ? FORY_ITEMS_HAS_NULL : 0;
    unsigned id = s.same && header == 0 && xlang ? fory_plain_id(s.type) : 0;
    if (FORY_UNLIKELY(fory_room(w, FORY_VU64_MAX + 2) < 0)) {
        return -1;
    }
    fory_put_vu32_roomy(&w->out, (uint32_t)items->n);
    if (id > 0 && id < FORY_LIST) {
        const ForyCodec *codec = &w->st->codecs[id];
        fory_put_u16(&w->out, (uint16_t)(FORY_ITEMS_SAME_TYPE | id << 8));
        return write_batch(w, codec, items);
    }
    if (s.same) {
        PyObject *sample = Py_None;
        PyTypeObject *type = s.type == NULL ? Py_TYPE(Py_None) : s.type;
        entry = fory_write_entry(w, type);
        if (entry == NULL || fory_write_ready(w, entry) < 0) {
            Py_ssize_t i = 0, n = PySequence_Fast_GET_SIZE(items->owner);
            while (i < n && Py_TYPE(PySequence_Fast_GET_ITEM(items->owner, i)) != type) {
                i++;
            }
            fory_path_index(&w->path, i);
            return -1;
        }
        if (FORY_UNLIKELY(entry->info_kind >= FORY_INFO_BY_VALUE)) {
            int same = same_value_kind(w, entry, items);
            if (same < 0) {
                return -1;
            }
            s.same = same;
            if (items_unchanged(w, items) < 0) {
                return -1;
            }
            for (Py_ssize_t i = 0; same && i < items->n && sample == Py_None; i++) {
                sample = PySequence_Fast_GET_ITEM(items->owner, i);
            }
        }
        if (s.same) {
            int track = w->track_ref && entry->tracked;
            header |= FORY_ITEMS_SAME_TYPE | (track ? FORY_ITEMS_TRACK : 0);
            if (fory_room(w, 1) < 0) {
                return -1;
            }
            fory_put_u8(&w->out, (uint8_t)header);
            Py_INCREF(sample);
            rc = fory_write_type_info(w, entry, sample);
            Py_DECREF(sample);
            if (rc < 0) {
                return -1;
            }
            if (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) {
                return write_flagged(w, entry->codec, items, track);
            }
            return write_bodies(w, entry->codec, items, s.type);
        }
    }
    header |= w->track_ref ? FORY_ITEMS_TRACK : 0;
    if (fory_room(w, 1) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)header);
    return write_mixed(w, items, header, flag_all);
}

static int
write_declared(ForyWriteCtx *w, const ForySlot *element, const Items *items)
{
    Survey s = survey_items(items, 0);
    const ForyCodec *codec = fory_write_slot_codec(w, element);
    int with_info = element->entry != NULL &&
                    (element->entry->kind == FORY_KIND_STRUCT || element->entry->kind == FORY_KIND_EXT);
    int header = (s.has_null ? FORY_ITEMS_HAS_NULL : 0) | (element->track ? FORY_ITEMS_TRACK : 0);
    if (codec == NULL || items_unchanged(w, items) < 0 || fory_room(w, 1) < 0) {
        return -1;
    }
    if (with_info && s.type != NULL && (!s.same || s.type != element->entry->type)) {
        /* subclasses keep their class: type information for each (decision 14) */
        PyTypeObject *base = element->entry->type;
        for (Py_ssize_t i = 0; i < items->n; i++) {
            PyObject *v = PySequence_Fast_GET_ITEM(items->owner, i);
            if (v != Py_None && !PyObject_TypeCheck(v, base)) {
                fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", base->tp_name, Py_TYPE(v)->tp_name);
                fory_path_index(&w->path, i);
                return -1;
            }
        }
        fory_put_u8(&w->out, (uint8_t)header);
        return write_mixed(w, items, header, 1);
    }
    header |= FORY_ITEMS_SAME_TYPE | (with_info ? 0 : FORY_ITEMS_DECLARED);
    fory_put_u8(&w->out, (uint8_t)header);
    if (with_info && fory_write_type_info(w, element->entry, Py_None) < 0) {
        return -1;
    }
    if (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) {
        return write_flagged(w, codec, items, element->track);
    }
    return write_bodies(w, codec, items, s.same ? s.type : NULL);
}

/* element == NULL: undeclared. */
static int
write_items(ForyWriteCtx *w, const ForySlot *element, const Items *items, int flag_all)
{
    int rc = -1;
    if (items->n > INT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "a collection of 2**31 or more elements");
        return -1;
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    if (items->n > 0 && (element == NULL || element->type_id == FORY_UNKNOWN)) {
        rc = write_undeclared(w, items, flag_all);
    }
    else if (fory_room(w, FORY_VU32_MAX) == 0) {
        fory_put_vu32(&w->out, (uint32_t)items->n);
        rc = items->n == 0 ? 0 : write_declared(w, element, items);
    }
    w->depth--;
    return rc;
}

static int
write_collection(ForyWriteCtx *w, const ForySlot *element, PyObject *v, int as_set)
{
    Items items;
    int rc;
    if (PyList_CheckExact(v) || PyTuple_CheckExact(v)) {
        items.owner = v;
        items.n = PySequence_Fast_GET_SIZE(v);
        return write_items(w, element, &items, 0);
    }
    if (PyUnicode_Check(v) || PyBytes_Check(v) || PyByteArray_Check(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected a collection, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    /* of a set too: a new tuple may start the garbage collector, which runs finalizers */
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    items.owner = PyAnySet_CheckExact(v) ? fory_set_tuple(v) : PySequence_Tuple(v);
    if (items.owner == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError) && Py_TYPE(v)->tp_iter == NULL) {
            fory_raise(w->st, FORY_E_TYPE, "expected a collection, got %s", Py_TYPE(v)->tp_name);
        }
        return -1;
    }
    items.n = PyTuple_GET_SIZE(items.owner);
    if (as_set && (element == NULL || element->type_id == FORY_UNKNOWN) && check_elements_hashable(w, &items) < 0) {
        Py_DECREF(items.owner);
        return -1;
    }
    /* elements of a generator-like source live only here: their addresses may not be reused */
    if (w->track_ref && !PyAnySet_CheckExact(v) && fory_write_keep(w, items.owner) < 0) {
        Py_DECREF(items.owner);
        return -1;
    }
    rc = write_items(w, element, &items, !PySet_CheckExact(v));
    Py_DECREF(items.owner);
    return rc;
}

int
fory_write_list(ForyWriteCtx *w, PyObject *v)
{
    Items items = {v, PyList_GET_SIZE(v)};
    return write_items(w, NULL, &items, 0);
}

static int
write_dynamic(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    return write_collection(w, NULL, v, c->type_id == FORY_SET);
}

static int
write_typed(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyCollectionCodec *codec = (const ForyCollectionCodec *)c;
    if (PyDict_Check(v)) {
        fory_raise(w->st, FORY_E_TYPE, "expected a %s, got %s", c->type_id == FORY_SET ? "set" : "list",
                   Py_TYPE(v)->tp_name);
        return -1;
    }
    if (v == Py_None) {
        fory_raise(w->st, FORY_E_TYPE, "expected a collection, got None");
        return -1;
    }
    return write_collection(w, &codec->element, v, c->type_id == FORY_SET);
}

/* ---- making codecs ------------------------------------------------------------------ */

static const ForyCodec *
collection_codec(ForyEngine *e, const ForySlot *element, int carrier, int type_id)
{
    ForyCollectionCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    int early = type_id == FORY_LIST ? carrier != FORY_AS_TUPLE : carrier == FORY_AS_SET;
    if (codec == NULL) {
        return NULL;
    }
    codec->base = (ForyCodec){write_typed,
                              fory_read_typed_collection,
                              NULL,
                              NULL,
                              NULL,
                              (uint8_t)type_id,
                              (uint8_t)(FORY_CODEC_TRACKED | (early ? FORY_CODEC_EARLY : 0)),
                              1,
                              0};
    codec->element = *element;
    codec->carrier = (uint8_t)carrier;
    return &codec->base;
}

const ForyCodec *
fory_list_codec(ForyEngine *e, const ForySlot *element, int carrier)
{
    return collection_codec(e, element, carrier, FORY_LIST);
}

const ForyCodec *
fory_set_codec(ForyEngine *e, const ForySlot *element, int carrier)
{
    return collection_codec(e, element, carrier, FORY_SET);
}

void
fory_collections_init(ForyState *st)
{
    uint8_t flags = FORY_CODEC_TRACKED | FORY_CODEC_EARLY;
    st->codecs[FORY_LIST] = (ForyCodec){write_dynamic, fory_read_list, NULL, NULL, NULL, FORY_LIST, flags, 1, 0};
    st->codecs[FORY_SET] = (ForyCodec){write_dynamic, fory_read_set, NULL, NULL, NULL, FORY_SET, flags, 1, 0};
}
