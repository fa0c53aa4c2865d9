/* Enums and unions (wire-format sections 8.1 and 8.3). */
#include "codecs/codecs.h"

/* ---- enums ------------------------------------------------------------------ */

typedef struct EnumMember {
    PyObject *member; /* kept alive by its class */
    uint32_t value;
} EnumMember;

typedef struct ForyEnumCodec {
    ForyCodec base;
    PyTypeObject *type;
    size_t mask;
    EnumMember *by_member; /* open addressing on the member's address */
    Py_ssize_t n;
    EnumMember *by_value;  /* sorted */
} ForyEnumCodec;

static int
write_enum(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyEnumCodec *codec = (const ForyEnumCodec *)c;
    size_t i = fory_pointer_hash(v) & codec->mask;
    while (codec->by_member[i].member != NULL) {
        if (codec->by_member[i].member == v) {
            if (fory_room(w, FORY_VU32_MAX) < 0) {
                return -1;
            }
            fory_put_vu32(&w->out, codec->by_member[i].value);
            return 0;
        }
        i = (i + 1) & codec->mask;
    }
    if (Py_TYPE(v) == codec->type) {
        fory_raise(w->st, FORY_E_UNSUPPORTED, "a combination of %s members has no representation",
                   codec->type->tp_name);
    }
    else {
        fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", codec->type->tp_name, Py_TYPE(v)->tp_name);
    }
    return -1;
}

static PyObject *
read_enum(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyEnumCodec *codec = (const ForyEnumCodec *)c;
    uint32_t value;
    Py_ssize_t low = 0, high = codec->n;
    int rc = fory_get_vu32(&r->in, &value);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (codec->by_value[middle].value < value) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    if (low < codec->n && codec->by_value[low].value == value) {
        return Py_NewRef(codec->by_value[low].member);
    }
    return fory_raise(r->st, FORY_E_ENUM, "unknown enum value %u for %s", (unsigned)value, codec->type->tp_name);
}

/* spec: ((member, wire value), ...) sorted by wire value */
const ForyCodec *
fory_enum_codec(ForyEngine *e, PyTypeObject *type, PyObject *spec)
{
    ForyEnumCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    size_t cap = 8;
    if (codec == NULL) {
        return NULL;
    }
    if (!PyTuple_Check(spec)) {
        PyErr_SetString(PyExc_TypeError, "enum spec must be a tuple");
        return NULL;
    }
    codec->n = PyTuple_GET_SIZE(spec);
    while (cap < (size_t)codec->n * 3) {
        cap *= 2;
    }
    codec->mask = cap - 1;
    codec->by_member = fory_engine_alloc(e, cap * sizeof(EnumMember));
    codec->by_value = fory_engine_alloc(e, (size_t)(codec->n + 1) * sizeof(EnumMember));
    if (codec->by_member == NULL || codec->by_value == NULL || fory_engine_keep(e, spec) < 0) {
        return NULL;
    }
    for (Py_ssize_t k = 0; k < codec->n; k++) {
        PyObject *member;
        unsigned int value;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(spec, k), "OI", &member, &value)) {
            return NULL;
        }
        size_t i = fory_pointer_hash(member) & codec->mask;
        while (codec->by_member[i].member != NULL) {
            i = (i + 1) & codec->mask;
        }
        codec->by_member[i].member = member;
        codec->by_member[i].value = value;
        codec->by_value[k].member = member;
        codec->by_value[k].value = value;
    }
    codec->type = type;
    codec->base = (ForyCodec){write_enum, read_enum, NULL, NULL, NULL, FORY_ENUM, 0, 1, 0};
    return &codec->base;
}

static int
non_exist_enum_class(ForyState *st)
{
    return fory_import_once(&st->NonExistEnum, "pyfory.unknown", "NonExistEnum");
}

/* A value that was read as NonExistEnum goes out again as it came in. */
static int
write_remote_enum(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    PyObject *value;
    uint64_t number = 0;
    int rc;
    (void)c;
    if (fory_write_pin(w) < 0 || non_exist_enum_class(w->st) < 0) {
        return -1;
    }
    if ((PyObject *)Py_TYPE(v) != w->st->NonExistEnum) {
        fory_raise(w->st, FORY_E_TYPE, "expected NonExistEnum, got %s", Py_TYPE(v)->tp_name);
        return -1;
    }
    value = PyObject_GetAttr(v, w->st->str_value);
    rc = value == NULL ? -1 : fory_as_uint64(w->st, value, &number);
    Py_XDECREF(value);
    if (rc < 0 || fory_room(w, FORY_VU32_MAX) < 0) {
        return -1;
    }
    if (number > UINT32_MAX) {
        fory_raise(w->st, FORY_E_OVERFLOW, "enum value does not fit 32 bits");
        return -1;
    }
    fory_put_vu32(&w->out, (uint32_t)number);
    return 0;
}

static PyObject *
read_remote_enum(ForyReadCtx *r, const ForyCodec *c)
{
    uint32_t value;
    int rc = fory_get_vu32(&r->in, &value);
    (void)c;
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    return non_exist_enum_class(r->st) < 0 ? NULL : PyObject_CallFunction(r->st->NonExistEnum, "I", (unsigned)value);
}

const ForyCodec *
fory_remote_enum_codec(ForyEngine *e)
{
    ForyCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec != NULL) {
        *codec = (ForyCodec){write_remote_enum, read_remote_enum, NULL, NULL, NULL, FORY_ENUM, 0, 1, 0};
    }
    return codec;
}

/* ---- unions -------------------------------------------------------------------- */

typedef struct UnionCase {
    uint32_t id;
    ForySlot slot;
} UnionCase;

typedef struct ForyUnionCodec {
    ForyCodec base;
    PyTypeObject *type;
    PyObject *make; /* cls._from_case_id; kept by the engine */
    Py_ssize_t n;
    UnionCase *cases;
} ForyUnionCodec;

static const UnionCase *
find_case(const ForyUnionCodec *codec, uint32_t id)
{
    for (Py_ssize_t i = 0; i < codec->n; i++) {
        if (codec->cases[i].id == id) {
            return &codec->cases[i];
        }
    }
    return NULL;
}

static int
write_case_value(ForyWriteCtx *w, const ForySlot *slot, PyObject *v)
{
    const ForyCodec *codec;
    if (slot->type_id == FORY_UNKNOWN || v == Py_None) {
        return fory_write_value_ref(w, v);
    }
    codec = fory_write_slot_codec(w, slot);
    if (codec == NULL) {
        return -1;
    }
    if (w->track_ref && (slot->track || (codec->flags & FORY_CODEC_TRACKED))) {
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
    if (slot->entry != NULL) {
        /* the value's own class, so that a subclass keeps it */
        if (!PyObject_TypeCheck(v, slot->entry->type)) {
            fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", slot->entry->type->tp_name, Py_TYPE(v)->tp_name);
            return -1;
        }
        return fory_write_any(w, v);
    }
    if (fory_room(w, 1) < 0) {
        return -1;
    }
    fory_put_u8(&w->out, slot->type_id);
    return codec->write(w, codec, v);
}

static int
write_union(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    const ForyUnionCodec *codec = (const ForyUnionCodec *)c;
    PyObject *id = NULL, *value = NULL;
    const UnionCase *found;
    uint64_t number;
    int rc = -1;
    if (!PyObject_TypeCheck(v, codec->type)) {
        fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", codec->type->tp_name, Py_TYPE(v)->tp_name);
        return -1;
    }
    if (fory_write_enter(w) < 0) {
        return -1;
    }
    if (fory_write_pin(w) < 0 || (id = PyObject_CallMethod(v, "case_id", NULL)) == NULL ||
        fory_as_uint64(w->st, id, &number) < 0 || (value = PyObject_CallMethod(v, "value", NULL)) == NULL) {
        goto done;
    }
    found = number <= UINT32_MAX ? find_case(codec, (uint32_t)number) : NULL;
    if (found == NULL) {
        fory_raise(w->st, FORY_E_INVALID_DATA, "unknown union case id: %llu for %s", (unsigned long long)number,
                   codec->type->tp_name);
        goto done;
    }
    if (fory_room(w, FORY_VU32_MAX) < 0) {
        goto done;
    }
    fory_put_vu32(&w->out, found->id);
    rc = write_case_value(w, &found->slot, value);
    if (rc < 0) {
        fory_path_field(&w->path, w->st->str_value);
    }
done:
    w->depth--;
    Py_XDECREF(id);
    Py_XDECREF(value);
    return rc;
}

static PyObject *
read_case_value(ForyReadCtx *r, const ForySlot *slot)
{
    Py_ssize_t id;
    PyObject *v = NULL;
    const ForyCodec *codec;
    ForyTypeEntry *entry;
    int rc = fory_read_flag(r, &id, &v);
    if (rc != 0) {
        return rc < 0 ? NULL : v;
    }
    /* the declared alternative may frame its body with its own element types;
     * any other type on the wire is decoded by what it says it is */
    if (slot->entry == NULL && slot->type_id != FORY_UNKNOWN && fory_have(&r->in, 1) &&
        *r->in.pos == slot->type_id) {
        r->in.pos++;
        codec = slot->codec;
    }
    else {
        codec = fory_read_type_info(r, &entry);
    }
    return codec == NULL ? NULL : fory_read_body(r, codec, id);
}

static PyObject *
read_union(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyUnionCodec *codec = (const ForyUnionCodec *)c;
    const UnionCase *found;
    PyObject *value, *result;
    uint32_t id;
    int rc = fory_get_vu32(&r->in, &id);
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    found = find_case(codec, id);
    if (found == NULL) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unknown union case id: %u for %s", (unsigned)id,
                          codec->type->tp_name);
    }
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    value = read_case_value(r, &found->slot);
    r->depth--;
    if (value == NULL) {
        fory_path_field(&r->path, r->st->str_value);
        return NULL;
    }
    result = PyObject_CallFunction(codec->make, "IN", (unsigned)id, value);
    return result;
}

/* spec: (make, ((case id, slot spec), ...)) */
const ForyCodec *
fory_union_codec(ForyEngine *e, PyTypeObject *type, PyObject *spec)
{
    ForyUnionCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    PyObject *make, *cases;
    if (codec == NULL || !PyArg_ParseTuple(spec, "OO!", &make, &PyTuple_Type, &cases) ||
        fory_engine_keep(e, spec) < 0) {
        return NULL;
    }
    codec->n = PyTuple_GET_SIZE(cases);
    codec->cases = fory_engine_alloc(e, (size_t)(codec->n + 1) * sizeof(UnionCase));
    if (codec->cases == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < codec->n; i++) {
        PyObject *slot;
        unsigned int id;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(cases, i), "IO", &id, &slot) ||
            fory_compile_slot(e, slot, &codec->cases[i].slot) < 0) {
            return NULL;
        }
        codec->cases[i].id = id;
    }
    codec->type = type;
    codec->make = make;
    codec->base = (ForyCodec){write_union, read_union, NULL, NULL, NULL, FORY_UNION, FORY_CODEC_TRACKED, 2, 0};
    return &codec->base;
}

/* A union of a class that the reader does not have: its case, and a value
 * that is read by the type information in front of it. */
static PyObject *
read_remote_union(ForyReadCtx *r, const ForyCodec *c)
{
    uint32_t id;
    PyObject *value, *made = NULL;
    int rc = fory_get_vu32(&r->in, &id);
    (void)c;
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (fory_read_enter(r) < 0) {
        return NULL;
    }
    value = fory_read_value_ref(r);
    r->depth--;
    if (value != NULL && fory_import_once(&r->st->Union, "pyfory.union", "Union") == 0) {
        made = PyObject_CallFunction(r->st->Union, "IO", (unsigned)id, value);
    }
    Py_XDECREF(value);
    return made;
}

static int
write_remote_union(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    (void)c;
    fory_raise(w->st, FORY_E_NOT_COMPATIBLE,
               "a %s of an unknown union class cannot be written again: the types of its cases are not known",
               Py_TYPE(v)->tp_name);
    return -1;
}

const ForyCodec *
fory_remote_union_codec(ForyEngine *e)
{
    ForyCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec != NULL) {
        *codec = (ForyCodec){write_remote_union, read_remote_union, NULL, NULL, NULL, FORY_UNION,
                             FORY_CODEC_TRACKED, 2, 0};
    }
    return codec;
}
