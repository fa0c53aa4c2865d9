/* From Python specs to slots and entries: what runs once per type. */
#include "codecs/plain.h"


enum { SPEC_NULLABLE = 1, SPEC_TRACK_REF = 2, SPEC_DYNAMIC = 4 };

/* ---- slots -------------------------------------------------------------------- */

static int
compile_children(ForyEngine *e, PyObject *args, Py_ssize_t n, ForySlot *children)
{
    if (PyTuple_GET_SIZE(args) != n) {
        PyErr_Format(PyExc_ValueError, "a slot spec with %zd children, expected %zd", PyTuple_GET_SIZE(args), n);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (fory_compile_slot(e, PyTuple_GET_ITEM(args, i), &children[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
compile_user_slot(ForyEngine *e, int type_id, PyObject *cls, ForySlot *slot)
{
    if (cls != Py_None) {
        if (!PyType_Check(cls)) {
            PyErr_SetString(PyExc_TypeError, "the class of a slot spec");
            return -1;
        }
        slot->entry = fory_entry_of(e, (PyTypeObject *)cls);
        return slot->entry == NULL ? -1 : 0;
    }
    /* a remote schema names a kind, but no class of this side */
    switch (type_id) {
    case FORY_ENUM:
    case FORY_NAMED_ENUM:
        slot->codec = fory_remote_enum_codec(e);
        return slot->codec == NULL ? -1 : 0;
    case FORY_UNION:
    case FORY_TYPED_UNION:
    case FORY_NAMED_UNION:
        slot->codec = fory_remote_union_codec(e);
        return slot->codec == NULL ? -1 : 0;
    default:
        slot->type_id = FORY_UNKNOWN;
        return 0;
    }
}

int
fory_compile_slot(ForyEngine *e, PyObject *spec, ForySlot *slot)
{
    int type_id, flags, carrier;
    PyObject *cls, *args;
    ForySlot children[2];
    memset(slot, 0, sizeof(*slot));
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "a slot spec must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "iiOO!i", &type_id, &flags, &cls, &PyTuple_Type, &args, &carrier)) {
        return -1;
    }
    if (type_id < 0 || type_id >= FORY_TYPE_ID_COUNT) {
        PyErr_Format(PyExc_ValueError, "type id %d of a slot spec", type_id);
        return -1;
    }
    slot->type_id = (uint8_t)type_id;
    slot->nullable = (flags & SPEC_NULLABLE) != 0;
    slot->track = (flags & SPEC_TRACK_REF) != 0;
    slot->dynamic = (flags & SPEC_DYNAMIC) != 0;
    switch (type_id) {
    case FORY_UNKNOWN:
        return 0;
    case FORY_LIST:
        if (compile_children(e, args, 1, children) < 0) {
            return -1;
        }
        slot->codec = fory_list_codec(e, &children[0], carrier);
        break;
    case FORY_SET:
        if (compile_children(e, args, 1, children) < 0) {
            return -1;
        }
        slot->codec = fory_set_codec(e, &children[0], carrier);
        break;
    case FORY_MAP:
        if (compile_children(e, args, 2, children) < 0) {
            return -1;
        }
        slot->codec = fory_map_codec(e, &children[0], &children[1]);
        break;
    default:
        if (type_id >= FORY_ENUM && type_id <= FORY_NAMED_UNION) {
            return compile_user_slot(e, type_id, cls, slot);
        }
        if (fory_array_width(type_id) > 0) {
            slot->codec = fory_array_codec(e, type_id, carrier);
        }
        else {
            slot->codec = &e->st->codecs[type_id];
            if (slot->codec->read == NULL) {
                PyErr_Format(PyExc_ValueError, "type id %d of a slot spec", type_id);
                return -1;
            }
        }
        break;
    }
    return slot->codec == NULL ? -1 : 0;
}

/* ---- entries of builtin types ---------------------------------------------------- */

static void
entry_use_builtin(ForyEngine *e, ForyTypeEntry *entry, int type_id)
{
    entry->codec = &e->st->codecs[type_id];
    entry->kind = FORY_KIND_BUILTIN;
    entry->type_id = (uint8_t)type_id;
    entry->info_kind = FORY_INFO_STATIC;
    entry->info[0] = (uint8_t)type_id;
    entry->info_size = 1;
    entry->tracked = (entry->codec->flags & FORY_CODEC_TRACKED) != 0;
}

static int
add_builtin(ForyEngine *e, PyTypeObject *type, int type_id)
{
    ForyTypeEntry *entry = fory_entry_new(e, type);
    if (entry == NULL) {
        return -1;
    }
    entry_use_builtin(e, entry, type_id);
    return fory_type_map_set(e, entry);
}

static int
install_builtins(ForyEngine *e)
{
    struct {
        PyTypeObject *type;
        int type_id;
    } table[] = {
        {&PyBool_Type, FORY_BOOL},         {&PyLong_Type, FORY_VARINT64}, {&PyFloat_Type, FORY_FLOAT64},
        {&PyUnicode_Type, FORY_STRING},    {&PyBytes_Type, FORY_BINARY},  {Py_TYPE(Py_None), FORY_NONE},
        {&PyList_Type, FORY_LIST},         {&PyTuple_Type, FORY_LIST},    {&PySet_Type, FORY_SET},
        {&PyFrozenSet_Type, FORY_SET},     {&PyDict_Type, FORY_MAP},
        {e->st->codecs[FORY_DATE].exact, FORY_DATE},
        {e->st->codecs[FORY_DURATION].exact, FORY_DURATION},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (add_builtin(e, table[i].type, table[i].type_id) < 0) {
            return -1;
        }
    }
    return add_builtin(e, fory_datetime_type(), FORY_TIMESTAMP);
}

/* ("builtin", type id) | ("by_value", 0) | ("unknown", 0) | ("inherit", class) */
static int
install_alias(ForyEngine *e, ForyTypeEntry *entry, PyObject *spec)
{
    const char *family;
    PyObject *detail;
    long type_id;
    if (!PyTuple_Check(spec) || !PyArg_ParseTuple(spec, "sO", &family, &detail)) {
        return -1;
    }
    if (strcmp(family, "builtin") == 0) {
        type_id = PyLong_AsLong(detail);
        if (type_id <= 0 || type_id >= FORY_TYPE_ID_COUNT || e->st->codecs[type_id].write == NULL) {
            PyErr_SetString(PyExc_ValueError, "type id of a builtin family");
            return -1;
        }
        entry_use_builtin(e, entry, (int)type_id);
        return 0;
    }
    if (strcmp(family, "by_value") == 0) {
        entry->codec = fory_value_array_codec(e);
        entry->kind = FORY_KIND_BUILTIN;
        entry->info_kind = FORY_INFO_BY_VALUE;
        entry->tracked = 1;
        return entry->codec == NULL ? -1 : 0;
    }
    if (strcmp(family, "unknown") == 0) {
        return fory_unknown_struct_install(e, entry);
    }
    if (strcmp(family, "inherit") == 0 && PyType_Check(detail)) {
        ForyTypeEntry *base = fory_entry_of(e, (PyTypeObject *)detail);
        PyTypeObject *type = entry->type;
        if (base == NULL || fory_entry_ready(e, base) < 0) {
            return -1;
        }
        /* the same announcement as the base: its serial numbers the TypeDef */
        *entry = *base;
        entry->type = type;
        entry->alias = 1;
        Py_XINCREF(entry->type_def);
        Py_XINCREF(entry->registration);
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "unknown type family %s", family);
    return -1;
}

/* ---- entries of registered classes --------------------------------------------------- */

static int
build_entry(ForyEngine *e, ForyTypeEntry *entry)
{
    PyObject *spec = NULL, *type_def = NULL;
    const ForyCodec *codec = NULL;
    const char *method;
    if (entry->kind == FORY_KIND_STRUCT) {
        return fory_build_struct(e, entry);
    }
    switch (entry->kind) {
    case FORY_KIND_ENUM:
        method = "enum_spec";
        break;
    case FORY_KIND_UNION:
        method = "union_spec";
        break;
    case FORY_KIND_EXT:
        method = "serializer_of";
        break;
    default:
        PyErr_Format(PyExc_SystemError, "no codec for %s", entry->type->tp_name);
        return -1;
    }
    spec = PyObject_CallMethod(e->registry, method, "O", (PyObject *)entry->type);
    if (spec == NULL) {
        return -1;
    }
    if (entry->info_kind == FORY_INFO_TYPE_DEF && entry->type_def == NULL) {
        unsigned long long key;
        PyObject *data;
        type_def = PyObject_CallMethod(e->registry, "type_def_of", "O", (PyObject *)entry->type);
        if (type_def == NULL || !PyArg_ParseTuple(type_def, "SK", &data, &key)) {
            goto error;
        }
        if (entry->type_def == NULL) {
            entry->type_def = Py_NewRef(data);
            entry->key = key;
        }
    }
    switch (entry->kind) {
    case FORY_KIND_ENUM:
        codec = fory_enum_codec(e, entry->type, spec);
        break;
    case FORY_KIND_UNION:
        codec = fory_union_codec(e, entry->type, spec);
        break;
    default:
        codec = fory_ext_codec(e, entry->type, spec);
        break;
    }
    if (codec == NULL || (entry->type_def != NULL && fory_remote_set(e, entry->key, codec, entry) < 0)) {
        goto error;
    }
    entry->tracked = (codec->flags & FORY_CODEC_TRACKED) != 0;
    entry->codec = codec;
    Py_DECREF(spec);
    Py_XDECREF(type_def);
    return 0;
error:
    Py_XDECREF(spec);
    Py_XDECREF(type_def);
    return -1;
}

/* ---- roots (section 1.1) ------------------------------------------------------------------ */

enum { ROOT_XLANG = 1, ROOT_OUT_OF_BAND = 2 };

/* Heads are copied in such steps, and kept with as much room behind them. */
enum { HEAD_STEP = 32 };

/* What stands before the body of the first value, of a class whose type information is the same
 * in each message, is kept: what was written from `start` on. 0 / -1. */
static FORY_NOINLINE int
write_first_head(ForyWriteCtx *w, ForyTypeEntry *entry, PyObject *v)
{
    size_t start = (size_t)(w->out.pos - w->out.start), size;
    uint8_t *head;
    if (fory_room(w, 2) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, ROOT_XLANG);
    fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
    if (fory_write_type_info(w, entry, v) < 0) {
        return -1;
    }
    if (entry->head != NULL) {
        return 0;
    }
    size = (size_t)(w->out.pos - w->out.start) - start;
    head = fory_engine_alloc(w->engine, size + HEAD_STEP);
    if (head == NULL) {
        return -1;
    }
    memcpy(head, w->out.start + start, size);
    entry->head_size = (uint32_t)size;
    entry->head = head;
    return 0;
}

/* 1: such a head is written; 0: it is not known. -1 */
FORY_INLINE int
put_head(ForyWriteCtx *w, const ForyTypeEntry *entry)
{
    uint8_t *p;
    if (FORY_UNLIKELY(entry->head == NULL)) {
        return 0;
    }
    if (entry->info_kind == FORY_INFO_TYPE_DEF) {
        if (FORY_UNLIKELY(entry->serial >= w->cap_type_defs)) {
            return 0;
        }
        w->type_defs[entry->serial] = (ForySeen){w->generation, w->n_type_defs++};
    }
    else if (entry->info_kind == FORY_INFO_NAMED) {
        uint32_t first = entry->name_space->serial, second = entry->type_name->serial;
        if (FORY_UNLIKELY(first >= w->cap_strings) || FORY_UNLIKELY(second >= w->cap_strings)) {
            return 0;
        }
        w->strings[first] = (ForySeen){w->generation, w->n_strings++};
        if (second != first) {
            w->strings[second] = (ForySeen){w->generation, w->n_strings++};
        }
    }
    if (FORY_UNLIKELY(fory_room(w, entry->head_size + HEAD_STEP) < 0)) {
        return -1;
    }
    p = w->out.pos;
    for (size_t i = 0; i < entry->head_size; i += HEAD_STEP) {
        memcpy(p + i, entry->head + i, HEAD_STEP);
    }
    w->out.pos = p + entry->head_size;
    return 1;
}

/* A message whose value is of a class that was met before, and not tracked: 1; 0 for others; -1. */
FORY_INLINE int
write_known(ForyWriteCtx *w, PyObject *v)
{
    ForyTypeEntry *entry = fory_entry_find(w->engine, Py_TYPE(v));
    int rc;
    if (FORY_UNLIKELY(entry == NULL) || FORY_UNLIKELY(w->out_of_band) || FORY_UNLIKELY(entry->codec == NULL) ||
        entry->info_kind > FORY_INFO_NAMED) {
        return 0;
    }
    rc = put_head(w, entry);
    if (FORY_UNLIKELY(rc <= 0) && (rc < 0 || write_first_head(w, entry, v) < 0)) {
        return -1;
    }
    return entry->codec->write(w, entry->codec, v) < 0 ? -1 : 1;
}

static int
write_root(ForyWriteCtx *w, PyObject *v)
{
    int container = PyDict_CheckExact(v) ? FORY_MAP : PyList_CheckExact(v) ? FORY_LIST : 0, rc;
    uint8_t *p;
    if (container == 0 && !w->track_ref && v != Py_None) {
        rc = write_known(w, v);
        if (FORY_LIKELY(rc != 0)) {
            return rc < 0 ? -1 : 0;
        }
    }
    if (FORY_UNLIKELY(fory_room(w, 3) < 0)) {
        return -1;
    }
    p = w->out.pos;
    *p++ = (uint8_t)(ROOT_XLANG | (w->out_of_band ? ROOT_OUT_OF_BAND : 0));
    if (container == 0 || w->track_ref) {
        w->out.pos = p;
        return fory_write_value_ref(w, v);
    }
    *p++ = FORY_FLAG_NOT_NULL;
    *p++ = (uint8_t)container;
    w->out.pos = p;
    return container == FORY_MAP ? fory_write_dict(w, v) : fory_write_list(w, v);
}

/* The value of a message that begins as the one before did. NULL with *known 0 for others. */
FORY_INLINE PyObject *
read_known(ForyReadCtx *r, int *known)
{
    ForyEngine *e = r->engine;
    const ForyReadHead *head = &e->read_head;
    size_t n = head->size;
    /* the third byte is the type id */
    *known = n != 0 && fory_left(&r->in) >= n && r->in.pos[2] == head->bytes[2] && r->in.more == NULL &&
             r->buffers == NULL && memcmp(r->in.pos, head->bytes, n) == 0;
    if (!*known) {
        return NULL;
    }
    if (head->type_def) {
        if (FORY_UNLIKELY(r->cap_type_defs == 0)) {
            *known = 0;
            return NULL;
        }
        r->type_def_entries[0] = head->entry;
        r->type_defs[0] = head->codec;
        r->n_type_defs = 1;
    }
    if (FORY_UNLIKELY(head->n_strings > r->cap_strings)) {
        r->n_type_defs = 0;
        *known = 0;
        return NULL;
    }
    for (size_t i = 0; i < head->n_strings; i++) {
        r->strings[i] = head->strings[i];
        r->strings[i].data = r->in.pos + head->offsets[i];
    }
    r->n_strings = head->n_strings;
    r->in.pos += n;
    r->out_of_band = 0;
    return head->codec->read(r, head->codec);
}

/* Keeps what the message so far consists of, when it leads to this codec wherever it stands first. */
static void
keep_read_head(ForyReadCtx *r, const ForyCodec *codec, ForyTypeEntry *entry)
{
    ForyReadHead *head = &r->engine->read_head;
    size_t n = (size_t)(r->in.pos - r->in.start);
    if (n > sizeof(head->bytes) || r->n_strings > 2 || r->n_type_defs > 1 || r->in.more != NULL || r->out_of_band) {
        return;
    }
    memcpy(head->bytes, r->in.start, n);
    head->size = (uint32_t)n;
    head->type_def = r->n_type_defs > 0;
    head->n_strings = (uint8_t)r->n_strings;
    for (size_t i = 0; i < r->n_strings; i++) {
        head->strings[i] = (ForyWireString){NULL, r->strings[i].size, r->strings[i].encoding};
        head->offsets[i] = (size_t)(r->strings[i].data - r->in.start);
    }
    head->codec = codec;
    head->entry = entry;
}

static PyObject *
read_first(ForyReadCtx *r)
{
    ForyTypeEntry *entry;
    const ForyCodec *codec;
    r->in.pos++;
    codec = fory_read_type_info(r, &entry);
    if (codec == NULL) {
        return NULL;
    }
    if (entry != NULL) {
        keep_read_head(r, codec, entry);
    }
    return codec->read(r, codec);
}

static PyObject *
read_root(ForyReadCtx *r)
{
    uint8_t bitmap;
    int known;
    PyObject *v = read_known(r, &known);
    if (known) {
        return v;
    }
    if (fory_get_u8(&r->in, &bitmap) != FORY_OK) {
        fory_read_bad(r, FORY_TRUNCATED);
        return NULL;
    }
    if (!(bitmap & ROOT_XLANG)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "header bitmap mismatch at xlang bit: the payload was written with xlang=False");
    }
    if (bitmap & ~(ROOT_XLANG | ROOT_OUT_OF_BAND)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unsupported root header bitmap 0x%x", (unsigned)bitmap);
    }
    if ((bitmap & ROOT_OUT_OF_BAND) && r->buffers == NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "out-of-band buffers are required by the root header: pass buffers=");
    }
    if (!(bitmap & ROOT_OUT_OF_BAND) && r->buffers != NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA,
                          "out-of-band buffers were provided for an in-band root payload");
    }
    r->out_of_band = (bitmap & ROOT_OUT_OF_BAND) != 0;
    if (r->in.pos < r->in.end && *r->in.pos == FORY_FLAG_NOT_NULL) {
        return read_first(r);
    }
    return fory_read_value_ref(r);
}

static int
init_state(ForyState *st)
{
    fory_text_init(st);
    fory_decimal_init(st);
    fory_arrays_init(st);
    fory_collections_init(st);
    fory_maps_init(st);
    if (fory_scalars_init(st) < 0 || fory_temporal_init(st) < 0) {
        return -1;
    }
    return fory_inline_self_test(st) < 0 ? -1 : fory_dict_self_test(st);
}

const ForyCodecOps fory_codec_ops = {
    .init_state = init_state,
    .install_builtins = install_builtins,
    .build = build_entry,
    .write_scalar = fory_write_scalar_message,
    .read_scalar = fory_read_scalar_message,
    .write_simple = fory_write_texts_message,
    .write_root = write_root,
    .read_root = read_root,
    .install_alias = install_alias,
};
