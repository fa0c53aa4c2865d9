/* Type information, reference flags, and values of any type.
 *
 * The wire decides how a value is framed: a reader obeys every flag it meets,
 * whatever its own settings, so a reader without ref=True still rebuilds shared
 * objects that a peer marked. */
#include "codecs/codecs.h"

/* ---- writing type information (section 9) -------------------------------- */

static int
write_type_def_marker(ForyWriteCtx *w, ForyTypeEntry *entry)
{
    ForySeen *seen;
    if (FORY_UNLIKELY(entry->serial >= w->cap_type_defs) &&
        fory_grow_array(&w->type_defs, &w->cap_type_defs, entry->serial + 1, sizeof(ForySeen)) < 0) {
        return -1;
    }
    seen = &w->type_defs[entry->serial];
    if (seen->generation == w->generation) {
        if (fory_room(w, 1 + FORY_VU32_MAX) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, entry->type_id);
        fory_put_vu32(&w->out, seen->number << 1 | 1);
        return 0;
    }
    if (fory_write_ready(w, entry) < 0) {
        return -1;
    }
    size_t n = (size_t)PyBytes_GET_SIZE(entry->type_def);
    if (fory_room(w, 1 + FORY_VU32_MAX + n) < 0) {
        return -1;
    }
    seen->generation = w->generation;
    seen->number = w->n_type_defs++;
    fory_put_u8(&w->out, entry->type_id);
    fory_put_vu32(&w->out, seen->number << 1);
    memcpy(w->out.pos, PyBytes_AS_STRING(entry->type_def), n);
    w->out.pos += n;
    return 0;
}

static int
write_meta_string(ForyWriteCtx *w, const ForyMetaString *s)
{
    ForySeen *seen;
    if (FORY_UNLIKELY(s->serial >= w->cap_strings) &&
        fory_grow_array(&w->strings, &w->cap_strings, s->serial + 1, sizeof(ForySeen)) < 0) {
        return -1;
    }
    if (fory_room(w, FORY_VU32_MAX + 9 + s->size) < 0) {
        return -1;
    }
    seen = &w->strings[s->serial];
    if (seen->generation == w->generation) {
        fory_put_vu32(&w->out, (seen->number + 1) << 1 | 1);
        return 0;
    }
    seen->generation = w->generation;
    seen->number = w->n_strings++;
    fory_put_vu32(&w->out, s->size << 1);
    if (s->size > 16) {
        fory_put_u64(&w->out, (uint64_t)s->hash);
    }
    else if (s->size > 0) {
        fory_put_u8(&w->out, s->encoding);
    }
    memcpy(w->out.pos, s->data, s->size);
    w->out.pos += s->size;
    return 0;
}

int
fory_write_type_info(ForyWriteCtx *w, ForyTypeEntry *entry, PyObject *v)
{
    switch (entry->info_kind) {
    case FORY_INFO_STATIC:
        if (fory_room(w, sizeof(entry->info)) < 0) {
            return -1;
        }
        memcpy(w->out.pos, entry->info, sizeof(entry->info));
        w->out.pos += entry->info_size;
        return 0;
    case FORY_INFO_TYPE_DEF:
        return write_type_def_marker(w, entry);
    case FORY_INFO_NAMED:
        if (fory_room(w, 1) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, entry->type_id);
        return write_meta_string(w, entry->name_space) < 0 ? -1 : write_meta_string(w, entry->type_name);
    case FORY_INFO_BY_VALUE: {
        int id = fory_write_pin(w) < 0 ? -1 : fory_type_id_of_value(w->st, v);
        if (id < 0 || fory_room(w, 1) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, (uint8_t)id);
        return 0;
    }
    default:
        return fory_write_pin(w) < 0 ? -1 : fory_write_unknown_info(w, v);
    }
}

int64_t
fory_value_kind_slow(ForyWriteCtx *w, const ForyTypeEntry *entry, PyObject *v)
{
    PyObject *type_def;
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    if (entry->info_kind == FORY_INFO_BY_VALUE) {
        return fory_type_id_of_value(w->st, v);
    }
    /* the value keeps its TypeDef alive, so the address tells schemas apart */
    type_def = PyObject_GetAttrString(v, "type_def");
    if (type_def == NULL) {
        return -1;
    }
    Py_DECREF(type_def);
    return (int64_t)((uintptr_t)type_def >> 1);
}

int
fory_write_any(ForyWriteCtx *w, PyObject *v)
{
    ForyTypeEntry *entry;
    if (FORY_UNLIKELY(!w->engine->xlang)) {
        return w->engine->ops->write_value(w, v);
    }
    entry = fory_write_entry(w, Py_TYPE(v));
    if (FORY_UNLIKELY(entry == NULL) || fory_write_ready(w, entry) < 0 ||
        fory_write_type_info(w, entry, v) < 0) {
        return -1;
    }
    return entry->codec->write(w, entry->codec, v);
}

int
fory_write_value_ref(ForyWriteCtx *w, PyObject *v)
{
    if (FORY_UNLIKELY(!w->engine->xlang)) {
        return w->engine->ops->write_value(w, v);
    }
    if (v == Py_None) {
        if (fory_room(w, 1) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, FORY_FLAG_NULL);
        return 0;
    }
    if (w->track_ref) {
        int rc = fory_write_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    else {
        if (fory_room(w, 1) < 0) {
            return -1;
        }
        fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
    }
    return fory_write_any(w, v);
}

/* ---- reading type information -------------------------------------------- */

static const ForyCodec *
unexpected(ForyReadCtx *r, const char *what, unsigned n)
{
    fory_raise(r->st, FORY_E_INVALID_DATA, "unexpected %s %u", what, n);
    return NULL;
}

static int
kind_of_type_id(unsigned id)
{
    switch (id) {
    case FORY_ENUM:
    case FORY_NAMED_ENUM:
        return FORY_KIND_ENUM;
    case FORY_STRUCT:
    case FORY_COMPATIBLE_STRUCT:
    case FORY_NAMED_STRUCT:
    case FORY_NAMED_COMPATIBLE_STRUCT:
        return FORY_KIND_STRUCT;
    case FORY_EXT:
    case FORY_NAMED_EXT:
        return FORY_KIND_EXT;
    case FORY_TYPED_UNION:
    case FORY_NAMED_UNION:
        return FORY_KIND_UNION;
    default:
        return FORY_KIND_BUILTIN;
    }
}

static const ForyCodec *
read_by_user_id(ForyReadCtx *r, unsigned id, ForyTypeEntry **out)
{
    uint32_t user_id;
    ForyTypeEntry *entry;
    int rc = fory_get_vu32(&r->in, &user_id);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    entry = fory_user_id_get(r->engine, user_id);
    if (entry == NULL) {
        fory_raise(r->st, FORY_E_UNREGISTERED, "no type is registered with type_id %u", (unsigned)user_id);
        return NULL;
    }
    if (entry->type_id != id) {
        if (id == FORY_STRUCT && entry->type_id == FORY_COMPATIBLE_STRUCT) {
            fory_raise(r->st, FORY_E_INVALID_DATA,
                       "the peer writes type_id %u (%s here) without schema evolution: use Fory(compatible=False), "
                       "or @pyfory.dataclass(evolving=False)",
                       (unsigned)user_id, entry->type->tp_name);
            return NULL;
        }
        fory_raise(r->st, FORY_E_INVALID_DATA, "type_id %u is %s here, which does not travel as kind %u",
                   (unsigned)user_id, entry->type->tp_name, id);
        return NULL;
    }
    if (fory_entry_ready(r->engine, entry) < 0) {
        return NULL;
    }
    *out = entry;
    return entry->codec;
}

/* First sight of a remote schema: the registry checks, matches and counts it. */
static const ForyCodec *
accept_type_def(ForyReadCtx *r, unsigned id, const uint8_t *data, size_t size, uint64_t key, ForyTypeEntry **out)
{
    ForyEngine *e = r->engine;
    const ForyCodec *codec = NULL;
    ForyTypeEntry *entry = NULL;
    PyObject *cls, *plan;
    PyObject *answer = PyObject_CallMethod(e->registry, "accept_type_def", "Iy#", id, (const char *)data,
                                           (Py_ssize_t)size);
    if (answer == NULL) {
        return NULL;
    }
    /* (cls, None): as registered here; (cls, read plan); (None, (type_def, keys, fields)) */
    if (!PyArg_ParseTuple(answer, "OO", &cls, &plan)) {
        goto error;
    }
    if (cls != Py_None) {
        entry = fory_entry_of(e, (PyTypeObject *)cls);
        if (entry == NULL || fory_entry_ready(e, entry) < 0) {
            goto error;
        }
        codec = plan == Py_None ? entry->codec : fory_remote_struct_codec(e, entry, plan);
    }
    else {
        PyObject *type_def, *keys, *fields;
        if (!PyArg_ParseTuple(plan, "OOO", &type_def, &keys, &fields)) {
            goto error;
        }
        codec = fory_unknown_struct_codec(e, type_def, keys, fields);
    }
    if (codec == NULL || fory_remote_set(e, key, codec, entry) < 0) {
        goto error;
    }
    Py_DECREF(answer);
    *out = entry;
    return codec;
error:
    Py_DECREF(answer);
    return NULL;
}

/* Receives a TypeDef, or of one above the limit what the registry needs to refuse it. 0 / -1. */
static int
fetch_type_def(ForyReadCtx *r, size_t size)
{
    PyObject *limit = PyObject_GetAttrString(r->engine->registry, "max_type_meta_bytes");
    long long most = limit == NULL ? -1 : PyLong_AsLongLong(limit);
    Py_XDECREF(limit);
    if (most == -1 && PyErr_Occurred()) {
        return -1;
    }
    if ((long long)size > most && size > 64) {
        size = 64;
    }
    return fory_have(&r->in, size) ? 0 : fory_read_bad(r, FORY_TRUNCATED);
}

static const ForyCodec *
read_type_def(ForyReadCtx *r, unsigned id, ForyTypeEntry **out)
{
    uint32_t marker, extra = 0;
    uint64_t header;
    size_t start, size; /* start: offset in the message */
    const ForyCodec *codec;
    ForyRemote *remote;
    int rc = fory_get_vu32(&r->in, &marker);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (marker & 1) {
        if ((marker >> 1) >= r->n_type_defs) {
            return unexpected(r, "TypeDef index", marker >> 1);
        }
        *out = r->type_def_entries[marker >> 1];
        codec = r->type_defs[marker >> 1];
        goto check_kind;
    }
    if ((marker >> 1) != r->n_type_defs) {
        return unexpected(r, "new TypeDef index", marker >> 1);
    }
    start = (size_t)(r->in.pos - r->in.start);
    if ((rc = fory_get_u64(&r->in, &header)) != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    size = header & 0xff;
    if (size == 0xff) {
        if ((rc = fory_get_vu32(&r->in, &extra)) != FORY_OK) {
            fory_read_bad(r, rc);
            return NULL;
        }
        size += extra;
    }
    remote = fory_remote_get(r->engine, header >> 12);
    if (FORY_LIKELY(remote != NULL)) {
        if (!fory_have(&r->in, size)) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        codec = remote->codec;
        *out = remote->entry;
    }
    else {
        /* the registry raises for a body that is too long or cut off; it need
         * not be given more than the limits let it look at */
        size_t shown;
        if (fory_left(&r->in) < size && r->in.more != NULL && fetch_type_def(r, size) < 0) {
            return NULL;
        }
        shown = size < fory_left(&r->in) ? size : fory_left(&r->in);
        if (shown < size && shown > 64) {
            shown = 64;
        }
        codec = accept_type_def(r, id, r->in.start + start, (size_t)(r->in.pos - r->in.start) - start + shown,
                                header >> 12, out);
        if (codec == NULL) {
            return NULL;
        }
        if (fory_left(&r->in) < size) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
    }
    r->in.pos += size;
    if (FORY_UNLIKELY(r->n_type_defs == r->cap_type_defs)) {
        size_t cap = r->cap_type_defs;
        if (fory_grow_array(&r->type_def_entries, &cap, r->n_type_defs + 1, sizeof(void *)) < 0 ||
            fory_grow_array(&r->type_defs, &r->cap_type_defs, r->n_type_defs + 1, sizeof(void *)) < 0) {
            return NULL;
        }
    }
    r->type_def_entries[r->n_type_defs] = *out;
    r->type_defs[r->n_type_defs++] = codec;
check_kind:
    if (FORY_UNLIKELY(*out != NULL && (*out)->kind != kind_of_type_id(id))) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "the TypeDef of %s does not describe kind %u",
                   (*out)->type->tp_name, id);
        return NULL;
    }
    return codec;
}

static int
read_meta_string(ForyReadCtx *r, ForyWireString *s)
{
    uint32_t head;
    uint64_t hash = 0;
    int rc = fory_get_vu32(&r->in, &head);
    if (rc != FORY_OK) {
        return fory_read_bad(r, rc);
    }
    if (head & 1) {
        uint32_t number = head >> 1;
        if (number == 0 || number > r->n_strings) {
            unexpected(r, "meta string number", number);
            return -1;
        }
        *s = r->strings[number - 1];
        return 0;
    }
    s->size = head >> 1;
    s->encoding = 0;
    if (s->size > 16) {
        if ((rc = fory_get_u64(&r->in, &hash)) != FORY_OK) {
            return fory_read_bad(r, rc);
        }
        s->encoding = (uint8_t)hash;
    }
    else if (s->size > 0 && (rc = fory_get_u8(&r->in, &s->encoding)) != FORY_OK) {
        return fory_read_bad(r, rc);
    }
    if (s->encoding > FORY_META_ALL_TO_LOWER) {
        unexpected(r, "meta string encoding", s->encoding);
        return -1;
    }
    if (!fory_have(&r->in, s->size)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    s->data = r->in.pos;
    r->in.pos += s->size;
    if (s->size > 16) {
        /* decision 21: peers hash with or without the absolute value */
        uint64_t lanes[2], negated;
        fory_murmur3_x64_128(s->data, s->size, 47, lanes);
        negated = 0 - lanes[0];
        if ((lanes[0] & ~UINT64_C(0xff)) != (hash & ~UINT64_C(0xff)) &&
            (negated & ~UINT64_C(0xff)) != (hash & ~UINT64_C(0xff))) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "malformed meta string hash");
            return -1;
        }
    }
    if (r->n_strings == r->cap_strings &&
        fory_grow_array(&r->strings, &r->cap_strings, r->n_strings + 1, sizeof(*r->strings)) < 0) {
        return -1;
    }
    r->strings[r->n_strings++] = *s;
    return 0;
}

static const ForyCodec *
read_named(ForyReadCtx *r, unsigned id, ForyTypeEntry **out)
{
    ForyWireString ns, name;
    ForyEngine *e = r->engine;
    ForyTypeEntry *entry = NULL;
    PyObject *key = NULL, *index, *cls = NULL;
    uint8_t *p;
    if (read_meta_string(r, &ns) < 0 || read_meta_string(r, &name) < 0) {
        return NULL;
    }
    if (ns.size > 4096 || name.size > 4096) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "a type name of more than 4096 bytes");
        return NULL;
    }
    key = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(ns.size + name.size + 4));
    if (key == NULL) {
        return NULL;
    }
    p = (uint8_t *)PyBytes_AS_STRING(key);
    p[0] = ns.encoding;
    p[1] = name.encoding;
    fory_store16(p + 2, (uint16_t)ns.size);
    memcpy(p + 4, ns.data, ns.size);
    memcpy(p + 4 + ns.size, name.data, name.size);
    index = PyDict_GetItemWithError(e->by_name, key);
    if (index != NULL) {
        entry = e->entries[PyLong_AsSize_t(index)];
    }
    else if (PyErr_Occurred()) {
        goto error;
    }
    else {
        cls = PyObject_CallMethod(e->registry, "resolve_name", "y#iy#i", (const char *)ns.data,
                                  (Py_ssize_t)ns.size, (int)ns.encoding, (const char *)name.data,
                                  (Py_ssize_t)name.size, (int)name.encoding);
        if (cls == NULL || (entry = fory_entry_of(e, (PyTypeObject *)cls)) == NULL) {
            goto error;
        }
        index = PyLong_FromSize_t(entry->serial);
        if (index == NULL || PyDict_SetItem(e->by_name, key, index) < 0) {
            Py_XDECREF(index);
            goto error;
        }
        Py_DECREF(index);
    }
    if (entry->type_id != id) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "%s does not travel as kind %u", entry->type->tp_name, id);
        goto error;
    }
    if (fory_entry_ready(e, entry) < 0) {
        goto error;
    }
    Py_XDECREF(cls);
    Py_DECREF(key);
    *out = entry;
    return entry->codec;
error:
    Py_XDECREF(cls);
    Py_XDECREF(key);
    return NULL;
}

const ForyCodec *
fory_read_class_info(ForyReadCtx *r, ForyTypeEntry **entry)
{
    uint8_t id;
    *entry = NULL;
    if (FORY_UNLIKELY(fory_get_u8(&r->in, &id) != FORY_OK)) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (FORY_LIKELY(id < FORY_TYPE_ID_COUNT && r->st->codecs[id].read != NULL)) {
        return &r->st->codecs[id];
    }
    switch (id) {
    case FORY_ENUM:
    case FORY_STRUCT:
    case FORY_EXT:
    case FORY_TYPED_UNION:
        return read_by_user_id(r, id, entry);
    case FORY_COMPATIBLE_STRUCT:
    case FORY_NAMED_COMPATIBLE_STRUCT:
        if (!r->engine->compatible) {
            fory_raise(r->st, FORY_E_INVALID_DATA,
                       "the peer writes with schema evolution: use Fory(compatible=True)");
            return NULL;
        }
        return read_type_def(r, id, entry);
    case FORY_NAMED_ENUM:
    case FORY_NAMED_STRUCT:
    case FORY_NAMED_EXT:
    case FORY_NAMED_UNION:
        return r->engine->compatible ? read_type_def(r, id, entry) : read_named(r, id, entry);
    default:
        return unexpected(r, "type id", id);
    }
}

/* ---- reading values -------------------------------------------------------- */

int
fory_read_flag(ForyReadCtx *r, Py_ssize_t *id, PyObject **out)
{
    uint8_t flag;
    *id = -1;
    if (FORY_UNLIKELY(fory_get_u8(&r->in, &flag) != FORY_OK)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    switch (flag) {
    case FORY_FLAG_NOT_NULL:
        return 0;
    case FORY_FLAG_NULL:
        Py_INCREF(Py_None);
        *out = Py_None;
        return 1;
    case FORY_FLAG_REF_VALUE:
        *id = fory_ref_reserve(r);
        return *id < 0 ? -1 : 0;
    case FORY_FLAG_REF:
        *out = fory_ref_read(r);
        return *out == NULL ? -1 : 1;
    default:
        fory_raise(r->st, FORY_E_INVALID_DATA, "invalid reference flag %u", (unsigned)flag);
        return -1;
    }
}

PyObject *
fory_read_body(ForyReadCtx *r, const ForyCodec *codec, Py_ssize_t id)
{
    PyObject *v;
    if (id < 0) {
        return codec->read(r, codec);
    }
    if (codec->flags & FORY_CODEC_EARLY) {
        r->pending_ref = id;
        v = codec->read(r, codec);
        r->pending_ref = -1;
    }
    else {
        v = codec->read(r, codec);
    }
    if (v != NULL) {
        fory_ref_publish(r, id, v);
    }
    return v;
}

PyObject *
fory_read_any(ForyReadCtx *r)
{
    ForyTypeEntry *entry;
    const ForyCodec *codec;
    if (FORY_UNLIKELY(!r->engine->xlang)) {
        return r->engine->ops->read_value(r);
    }
    codec = fory_read_type_info(r, &entry);
    return codec == NULL ? NULL : codec->read(r, codec);
}

PyObject *
fory_read_value_ref(ForyReadCtx *r)
{
    Py_ssize_t id;
    PyObject *v = NULL;
    ForyTypeEntry *entry;
    const ForyCodec *codec;
    int rc;
    if (FORY_UNLIKELY(!r->engine->xlang)) {
        return r->engine->ops->read_value(r);
    }
    rc = fory_read_flag(r, &id, &v);
    if (rc != 0) {
        return rc < 0 ? NULL : v;
    }
    codec = fory_read_type_info(r, &entry);
    return codec == NULL ? NULL : fory_read_body(r, codec, id);
}

/* ---- declared positions ------------------------------------------------------ */

static int
wrong_class(ForyWriteCtx *w, const ForySlot *slot, PyObject *v)
{
    fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", slot->entry->type->tp_name, Py_TYPE(v)->tp_name);
    return -1;
}

/* type information of the value's own class, then its body */
static int
write_dynamic_user(ForyWriteCtx *w, const ForySlot *slot, PyObject *v)
{
    if (v != Py_None && slot->entry != NULL && Py_TYPE(v) != slot->entry->type &&
        !PyType_IsSubtype(Py_TYPE(v), slot->entry->type)) {
        ForyTypeEntry *entry = fory_write_entry(w, Py_TYPE(v));
        if (entry == NULL) {
            return -1;
        }
        if (entry->kind != FORY_KIND_UNKNOWN) {
            return wrong_class(w, slot, v);
        }
    }
    return fory_write_any(w, v);
}

static int
write_slot_body(ForyWriteCtx *w, const ForySlot *slot, PyObject *v)
{
    const ForyCodec *codec;
    if (slot->type_id == FORY_UNKNOWN) {
        return fory_write_any(w, v);
    }
    if (slot->dynamic) {
        return write_dynamic_user(w, slot, v);
    }
    codec = fory_write_slot_codec(w, slot);
    if (FORY_UNLIKELY(codec == NULL)) {
        return -1;
    }
    if (slot->entry != NULL && FORY_UNLIKELY(Py_TYPE(v) != slot->entry->type) && slot->entry->kind == FORY_KIND_STRUCT) {
        if (PyType_IsSubtype(Py_TYPE(v), slot->entry->type)) {
            /* decision 14: the wire has no room for the subclass here */
            fory_raise(w->st, FORY_E_TYPE,
                       "a %s in a field declared as %s would lose its own fields; declare the field with "
                       "pyfory.field(dynamic=True) or use Fory(compatible=True)",
                       Py_TYPE(v)->tp_name, slot->entry->type->tp_name);
            return -1;
        }
        return wrong_class(w, slot, v);
    }
    return codec->write(w, codec, v);
}

int
fory_write_slot(ForyWriteCtx *w, const ForySlot *slot, PyObject *v)
{
    if (slot->track) {
        int rc;
        if (v == Py_None) {
            if (fory_room(w, 1) < 0) {
                return -1;
            }
            fory_put_u8(&w->out, FORY_FLAG_NULL);
            return 0;
        }
        rc = fory_write_ref(w, v);
        if (rc != 0) {
            return rc < 0 ? -1 : 0;
        }
    }
    else if (slot->nullable) {
        if (fory_room(w, 1) < 0) {
            return -1;
        }
        if (v == Py_None) {
            fory_put_u8(&w->out, FORY_FLAG_NULL);
            return 0;
        }
        fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
    }
    return write_slot_body(w, slot, v);
}

static PyObject *
check_declared(ForyReadCtx *r, const ForySlot *slot, PyObject *v)
{
    if (v == NULL || slot->entry == NULL || v == Py_None || PyObject_TypeCheck(v, slot->entry->type) ||
        (PyObject *)Py_TYPE(v) == r->st->UnknownStruct) {
        return v;
    }
    fory_raise(r->st, FORY_E_INVALID_DATA, "expected %s, the input holds %s", slot->entry->type->tp_name,
               Py_TYPE(v)->tp_name);
    Py_DECREF(v);
    return NULL;
}

/* Out of line: only damaged input comes here with another kind of object. */
PyObject *
fory_back_reference(ForyReadCtx *r, const ForyCodec *codec, PyObject *v)
{
    PyTypeObject *type;
    const char *expected = NULL;
    if (v == NULL || v == Py_None) {
        return v;
    }
    switch (codec->type_id) {
    case FORY_LIST:
        /* the same list may be declared with another carrier elsewhere */
        if (!PyList_Check(v) && !PyTuple_Check(v) && !PyObject_TypeCheck(v, r->st->DenseArrayType)) expected = "list";
        break;
    case FORY_SET:
        if (!PyAnySet_Check(v)) expected = "set";
        break;
    case FORY_MAP:
        if (!PyDict_Check(v)) expected = "dict";
        break;
    case FORY_STRING:
        if (!PyUnicode_Check(v)) expected = "str";
        break;
    case FORY_BINARY:
        if (!PyBytes_Check(v)) expected = "bytes";
        break;
    default:
        type = fory_struct_type(codec);
        if (type != NULL && !PyObject_TypeCheck(v, type)) expected = type->tp_name;
        break;
    }
    if (FORY_LIKELY(expected == NULL)) {
        return v;
    }
    fory_raise(r->st, FORY_E_INVALID_DATA, "expected %s, the input refers back to a %s", expected, Py_TYPE(v)->tp_name);
    Py_DECREF(v);
    return NULL;
}

PyObject *
fory_read_slot(ForyReadCtx *r, const ForySlot *slot)
{
    Py_ssize_t id = -1;
    const ForyCodec *codec;
    PyObject *v = NULL;
    ForyTypeEntry *entry;
    if (slot->track || slot->nullable) {
        int rc = fory_read_flag(r, &id, &v);
        if (rc < 0) {
            return NULL;
        }
        if (rc > 0) {
            if (slot->codec != NULL) {
                return fory_back_reference(r, slot->codec, v);
            }
            return slot->type_id == FORY_UNKNOWN ? v : check_declared(r, slot, v);
        }
    }
    if (slot->type_id == FORY_UNKNOWN || slot->dynamic) {
        codec = fory_read_type_info(r, &entry);
        if (codec == NULL) {
            return NULL;
        }
        v = fory_read_body(r, codec, id);
        return slot->type_id == FORY_UNKNOWN ? v : check_declared(r, slot, v);
    }
    codec = fory_slot_codec(r->engine, slot);
    if (codec == NULL) {
        return NULL;
    }
    if (slot->entry != NULL && slot->entry->info_kind == FORY_INFO_NAMED && slot->entry->kind == FORY_KIND_STRUCT &&
        fory_have(&r->in, 1) && *r->in.pos == FORY_NAMED_STRUCT && !fory_struct_starts(r, codec)) {
        /* decision 23: some peers announce a nested struct registered by name */
        codec = fory_read_type_info(r, &entry);
        if (codec == NULL) {
            return NULL;
        }
        return check_declared(r, slot, fory_read_body(r, codec, id));
    }
    return fory_read_body(r, codec, id);
}
