/* Reading lists, tuples, sets and frozensets (wire-format 6.1). */
#include "codecs/plain.h"

enum result { TO_LIST, TO_TUPLE, TO_SET, TO_FROZENSET };

/* The growing result of a read. */
typedef struct Sink {
    PyObject *object;
    enum result kind;
    Py_ssize_t n;
    int filled; /* list slots hold None until set: the list may be seen by user code */
} Sink;

/* Steals v. */
static int
sink_put(ForyReadCtx *r, Sink *sink, Py_ssize_t i, PyObject *v)
{
    switch (sink->kind) {
    case TO_LIST:
        if (FORY_UNLIKELY(PyList_GET_SIZE(sink->object) != sink->n)) {
            Py_DECREF(v);
            fory_raise(r->st, FORY_E_INVALID_DATA, "published list was modified while being deserialized");
            return -1;
        }
        if (sink->filled) {
            PyObject *old = PyList_GET_ITEM(sink->object, i);
            PyList_SET_ITEM(sink->object, i, v);
            Py_DECREF(old);
        }
        else {
            PyList_SET_ITEM(sink->object, i, v);
        }
        return 0;
    case TO_TUPLE:
        PyTuple_SET_ITEM(sink->object, i, v);
        return 0;
    default: {
        int rc = PySet_Add(sink->object, v);
        if (rc < 0 && PyErr_ExceptionMatches(PyExc_TypeError) &&
            (PyList_CheckExact(v) || PyDict_CheckExact(v) || PyAnySet_Check(v) || Py_TYPE(v)->tp_hash == PyObject_HashNotImplemented)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "unhashable %s as a set element", Py_TYPE(v)->tp_name);
        }
        Py_DECREF(v);
        return rc;
    }
    }
}

/* Elements that may take no bytes at all are bounded by a budget: what they
 * exceed the bytes they consumed is charged as it happens. */
typedef struct Backing {
    Py_ssize_t mark; /* offset in the message */
    Py_ssize_t since;
} Backing;

int
fory_charge_unbacked(ForyReadCtx *r, int64_t items, int64_t consumed)
{
    if (FORY_UNLIKELY(items > consumed)) {
        r->unbacked_left -= items - consumed;
        if (r->unbacked_left < 0) {
            fory_raise(r->st, FORY_E_LIMIT,
                       "unbacked container item budget exceeded; raise Fory(max_unbacked_container_items=...) "
                       "for trusted data");
            return -1;
        }
    }
    return 0;
}

static int
charge_unbacked(ForyReadCtx *r, Backing *b)
{
    if (fory_charge_unbacked(r, b->since, (r->in.pos - r->in.start) - b->mark) < 0) {
        return -1;
    }
    b->mark = r->in.pos - r->in.start;
    b->since = 0;
    return 0;
}

int
fory_check_count(ForyReadCtx *r, uint32_t count, int backed)
{
    if (FORY_LIKELY(count <= fory_left(&r->in))) {
        return 0;
    }
    /* how much a stream still holds is not known: the budget is charged as elements come */
    if (backed ? fory_have(&r->in, count) : r->in.more != NULL) {
        return 0;
    }
    if (!backed && (int64_t)(count - fory_left(&r->in)) <= r->unbacked_left) {
        return 0;
    }
    if (!backed) {
        fory_raise(r->st, FORY_E_LIMIT,
                   "unbacked container item budget exceeded: %u items announced, %zu bytes left; raise "
                   "Fory(max_unbacked_container_items=...) for trusted data",
                   (unsigned)count, fory_left(&r->in));
        return -1;
    }
    return fory_read_bad(r, FORY_TRUNCATED);
}

static int
read_uniform(ForyReadCtx *r, const ForyCodec *codec, int header, Sink *sink)
{
    int flagged = (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) != 0;
    int backed = flagged || codec->min_size > 0;
    Backing backing = {r->in.pos - r->in.start, 0};
    Py_ssize_t i = 0;
    if (!flagged && codec->read_many != NULL) {
        if (sink->kind == TO_LIST && !sink->filled) {
            return codec->read_many(r, codec, PySequence_Fast_ITEMS(sink->object), sink->n);
        }
        while (i < sink->n) {
            PyObject *block[64];
            Py_ssize_t n = sink->n - i < 64 ? sink->n - i : 64;
            memset(block, 0, sizeof(block));
            int rc = codec->read_many(r, codec, block, n);
            for (Py_ssize_t k = 0; k < n; k++) {
                PyObject *v = block[k];
                if (v == NULL) {
                    continue;
                }
                if (rc < 0) {
                    Py_DECREF(v);
                }
                else {
                    rc = sink_put(r, sink, i + k, v);
                }
            }
            if (rc < 0) {
                return -1;
            }
            i += n;
        }
        return 0;
    }
    for (; i < sink->n; i++) {
        PyObject *v = NULL;
        Py_ssize_t id = -1;
        int rc = flagged ? fory_read_flag(r, &id, &v) : 0;
        if (rc == 0) {
            v = fory_read_body(r, codec, id);
        }
        else if (rc > 0 && codec != NULL) {
            v = fory_back_reference(r, codec, v);
        }
        if (FORY_UNLIKELY(v == NULL) || FORY_UNLIKELY(sink_put(r, sink, i, v) < 0)) {
            fory_path_index(&r->path, i);
            return -1;
        }
        if (FORY_UNLIKELY(!backed) && ++backing.since == 1024 && charge_unbacked(r, &backing) < 0) {
            return -1;
        }
    }
    return backed ? 0 : charge_unbacked(r, &backing);
}

static int
read_mixed(ForyReadCtx *r, const ForySlot *element, int header, Sink *sink)
{
    for (Py_ssize_t i = 0; i < sink->n; i++) {
        PyObject *v = NULL;
        Py_ssize_t id = -1;
        ForyTypeEntry *entry;
        int rc = 0;
        if (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) {
            if (FORY_LIKELY(r->in.pos < r->in.end) && *r->in.pos == FORY_FLAG_NOT_NULL) {
                r->in.pos++;
            }
            else {
                rc = fory_read_flag(r, &id, &v);
            }
        }
        if (rc == 0) {
            const ForyCodec *codec = fory_read_type_info(r, &entry);
            v = codec == NULL ? NULL : id < 0 ? fory_read_plain(r, codec) : fory_read_body(r, codec, id);
            if (v != NULL && element != NULL && element->entry != NULL &&
                element->entry->kind != FORY_KIND_ENUM && v != Py_None &&
                !PyObject_TypeCheck(v, element->entry->type)) {
                fory_raise(r->st, FORY_E_INVALID_DATA, "expected %s, the input holds %s",
                           element->entry->type->tp_name, Py_TYPE(v)->tp_name);
                Py_CLEAR(v);
            }
        }
        if (FORY_UNLIKELY(v == NULL) || FORY_UNLIKELY(sink_put(r, sink, i, v) < 0)) {
            fory_path_index(&r->path, i);
            return -1;
        }
    }
    return 0;
}

static int
sink_open(ForyReadCtx *r, Sink *sink, enum result kind, uint32_t count, int filled)
{
    Py_ssize_t id = fory_ref_take(r);
    sink->kind = kind;
    sink->n = count;
    sink->filled = 0;
    switch (kind) {
    case TO_LIST:
        sink->object = PyList_New(count);
        if (sink->object != NULL && filled) {
            for (Py_ssize_t i = 0; i < (Py_ssize_t)count; i++) {
                PyList_SET_ITEM(sink->object, i, Py_NewRef(Py_None));
            }
            sink->filled = 1;
        }
        break;
    case TO_TUPLE:
        sink->object = PyTuple_New(count);
        id = -1; /* cannot be seen before it is complete */
        break;
    case TO_SET:
        sink->object = PySet_New(NULL);
        break;
    default:
        sink->object = PyFrozenSet_New(NULL);
        id = -1;
        break;
    }
    if (sink->object == NULL) {
        return -1;
    }
    if (id >= 0) {
        fory_ref_publish(r, id, sink->object);
    }
    return 0;
}

static PyObject *
read_elements(ForyReadCtx *r, const ForySlot *element, enum result kind, int dense)
{
    static const int64_t fixed_cost[] = {32, 24, 48, 48};
    uint32_t count;
    uint8_t header = FORY_ITEMS_SAME_TYPE;
    Sink sink = {NULL, kind, 0, 0};
    const ForyCodec *codec = NULL;
    ForyTypeEntry *entry = NULL;
    Py_ssize_t pending = fory_ref_take(r);
    int rc = fory_get_vu32(&r->in, &count);
    if (rc != FORY_OK || count > INT32_MAX) {
        fory_read_bad(r, rc != FORY_OK ? rc : FORY_MALFORMED);
        return NULL;
    }
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    if (fory_charge(r, fixed_cost[kind] + 8 * (int64_t)count) < 0) {
        goto error;
    }
    if (count == 0) {
        r->pending_ref = pending;
        if (sink_open(r, &sink, kind, 0, 0) < 0) {
            goto error;
        }
        goto done;
    }
    if ((rc = fory_get_u8(&r->in, &header)) != FORY_OK) {
        fory_read_bad(r, rc);
        goto error;
    }
    if (dense && (header & ~FORY_ITEMS_DECLARED) != FORY_ITEMS_SAME_TYPE) {
        fory_raise(r->st, FORY_E_NOT_COMPATIBLE,
                   "a list with null or reference-tracked elements cannot be read as a dense array");
        goto error;
    }
    if (header & FORY_ITEMS_SAME_TYPE) {
        if (header & FORY_ITEMS_DECLARED) {
            if (element == NULL || element->type_id == FORY_UNKNOWN) {
                fory_raise(r->st, FORY_E_INVALID_DATA, "missing serializer for declared collection element type");
                goto error;
            }
            codec = fory_slot_codec(r->engine, element);
            if (codec == NULL) {
                goto error;
            }
        }
        else {
            codec = fory_read_type_info(r, &entry);
            if (codec == NULL) {
                goto error;
            }
            if (dense && codec->type_id != element->type_id) {
                fory_raise(r->st, FORY_E_NOT_COMPATIBLE, "a list with elements of type %u, declared as %u, cannot be read as a dense array",
                           (unsigned)codec->type_id, (unsigned)element->type_id);
                goto error;
            }
            if (entry != NULL && element != NULL && element->entry != NULL &&
                !PyType_IsSubtype(entry->type, element->entry->type)) {
                fory_raise(r->st, FORY_E_INVALID_DATA, "expected elements of %s, the input holds %s",
                           element->entry->type->tp_name, entry->type->tp_name);
                goto error;
            }
        }
        if (fory_check_count(r, count, (header & (FORY_ITEMS_TRACK | FORY_ITEMS_HAS_NULL)) || codec->min_size > 0) < 0) {
            goto error;
        }
    }
    else if (header & FORY_ITEMS_DECLARED) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "collection header 0x%x", (unsigned)header);
        goto error;
    }
    else if (fory_check_count(r, count, 1) < 0) {
        goto error;
    }
    r->pending_ref = pending;
    /* user code may meet the half-read list only when elements or the stream can run some */
    if (sink_open(r, &sink, kind, count, codec == NULL || !(codec->flags & FORY_CODEC_BASIC) || r->in.more != NULL) < 0) {
        goto error;
    }
    rc = header & FORY_ITEMS_SAME_TYPE ? read_uniform(r, codec, header, &sink) : read_mixed(r, element, header, &sink);
    if (rc < 0) {
        goto error;
    }
done:
    r->depth--;
    return sink.object;
error:
    r->depth--;
    if (sink.object != NULL && kind == TO_LIST && !sink.filled) {
        /* a serializer that goes on after the exception may still refer to the list */
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(sink.object); i++) {
            if (PyList_GET_ITEM(sink.object, i) == NULL) {
                PyList_SET_ITEM(sink.object, i, Py_NewRef(Py_None));
            }
        }
    }
    Py_XDECREF(sink.object);
    return NULL;
}

PyObject *
fory_read_list(ForyReadCtx *r, const ForyCodec *c)
{
    (void)c;
    return read_elements(r, NULL, TO_LIST, 0);
}

PyObject *
fory_read_set(ForyReadCtx *r, const ForyCodec *c)
{
    (void)c;
    return read_elements(r, NULL, TO_SET, 0);
}

PyObject *
fory_read_typed_collection(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyCollectionCodec *codec = (const ForyCollectionCodec *)c;
    enum result kind;
    if (c->type_id == FORY_SET) {
        kind = codec->carrier == FORY_AS_FROZENSET ? TO_FROZENSET : TO_SET;
    }
    else {
        kind = codec->carrier == FORY_AS_TUPLE ? TO_TUPLE : TO_LIST;
    }
    return read_elements(r, &codec->element, kind, c->type_id == FORY_LIST && codec->carrier == FORY_AS_DENSE);
}
