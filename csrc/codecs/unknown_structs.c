/* Structs of classes that are not registered here (wire-format 14.5): read as
 * UnknownStruct, written again with their original TypeDef. */
#include "codecs/codecs.h"

typedef struct ForyUnknownCodec {
    ForyCodec base;
    PyObject *type_def; /* pyfory.typedef.RemoteType; kept by the engine */
    PyObject *keys;     /* tuple of field keys */
    Py_ssize_t n;
    ForySlot *slots;
} ForyUnknownCodec;

/* TypeDef identities have 52 bits: bit 63 tells the writers of unknown values apart */
#define UNKNOWN_KEY(key) ((key) | UINT64_C(1) << 63)

static int
unknown_class(ForyState *st)
{
    return fory_import_once(&st->UnknownStruct, "pyfory.unknown", "UnknownStruct");
}

static PyObject *
read_unknown(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyUnknownCodec *codec = (const ForyUnknownCodec *)c;
    PyObject *fields = NULL, *o = NULL;
    Py_ssize_t id = fory_ref_take(r);
    if (fory_charge(r, 112 + 16 * (int64_t)codec->n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    fields = PyDict_New();
    if (fields == NULL) {
        goto error;
    }
    o = PyObject_CallMethod(r->st->UnknownStruct, "_from_wire", "OO", codec->type_def, fields);
    if (o == NULL) {
        goto error;
    }
    fory_ref_publish(r, id, o);
    for (Py_ssize_t i = 0; i < codec->n; i++) {
        PyObject *key = PyTuple_GET_ITEM(codec->keys, i);
        PyObject *v = fory_read_slot(r, &codec->slots[i]);
        int rc = v == NULL ? -1 : PyDict_SetItem(fields, key, v);
        Py_XDECREF(v);
        if (rc < 0) {
            fory_path_field(&r->path, key);
            goto error;
        }
    }
    r->depth--;
    Py_DECREF(fields);
    return o;
error:
    r->depth--;
    Py_XDECREF(fields);
    Py_XDECREF(o);
    return NULL;
}

const ForyCodec *
fory_unknown_struct_codec(ForyEngine *e, PyObject *type_def, PyObject *keys, PyObject *fields)
{
    ForyUnknownCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec == NULL || unknown_class(e->st) < 0) {
        return NULL;
    }
    if (!PyTuple_Check(keys) || !PyTuple_Check(fields) || PyTuple_GET_SIZE(keys) != PyTuple_GET_SIZE(fields)) {
        PyErr_SetString(PyExc_TypeError, "unknown struct plan");
        return NULL;
    }
    codec->n = PyTuple_GET_SIZE(fields);
    codec->slots = fory_engine_alloc(e, (size_t)(codec->n + 1) * sizeof(ForySlot));
    if (codec->slots == NULL || fory_engine_keep(e, type_def) < 0 || fory_engine_keep(e, keys) < 0 ||
        fory_engine_keep(e, fields) < 0) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < codec->n; i++) {
        if (fory_compile_slot(e, PyTuple_GET_ITEM(fields, i), &codec->slots[i]) < 0) {
            return NULL;
        }
    }
    codec->type_def = type_def;
    codec->keys = keys;
    codec->base = (ForyCodec){NULL, read_unknown, NULL, NULL, NULL, FORY_COMPATIBLE_STRUCT,
                              FORY_CODEC_TRACKED | FORY_CODEC_EARLY, codec->n > 0, 0};
    return &codec->base;
}

/* ---- writing ------------------------------------------------------------------ */

/* The registry's (type id, TypeDef bytes, key, keys, fields) of the value; new reference. */
static PyObject *
wire_form(ForyWriteCtx *w, PyObject *v)
{
    PyObject *type_def = PyObject_GetAttrString(v, "type_def"), *form = NULL;
    if (type_def != NULL) {
        form = PyObject_CallMethod(w->engine->registry, "unknown_wire_form", "O", type_def);
        Py_DECREF(type_def);
    }
    if (form != NULL && (!PyTuple_Check(form) || PyTuple_GET_SIZE(form) != 5)) {
        PyErr_SetString(PyExc_TypeError, "unknown struct plan");
        Py_CLEAR(form);
    }
    return form;
}

int
fory_write_unknown_info(ForyWriteCtx *w, PyObject *v)
{
    PyObject *form = wire_form(w, v), *data, *number = NULL;
    unsigned int type_id;
    unsigned long long key;
    int rc = -1;
    if (form == NULL) {
        return -1;
    }
    PyObject *keys, *fields;
    if (!PyArg_ParseTuple(form, "ISKOO", &type_id, &data, &key, &keys, &fields)) {
        goto done;
    }
    if (w->unknown_defs == NULL && (w->unknown_defs = PyDict_New()) == NULL) {
        goto done;
    }
    number = PyDict_GetItemWithError(w->unknown_defs, data);
    if (number == NULL && PyErr_Occurred()) {
        goto done;
    }
    if (fory_room(w, 1 + FORY_VU32_MAX + (size_t)PyBytes_GET_SIZE(data)) < 0) {
        goto done;
    }
    fory_put_u8(&w->out, (uint8_t)type_id);
    if (number != NULL) {
        fory_put_vu32(&w->out, (uint32_t)PyLong_AsUnsignedLong(number) << 1 | 1);
        rc = 0;
        goto done;
    }
    fory_put_vu32(&w->out, w->n_type_defs << 1);
    memcpy(w->out.pos, PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data));
    w->out.pos += PyBytes_GET_SIZE(data);
    number = PyLong_FromUnsignedLong(w->n_type_defs++);
    if (number != NULL) {
        rc = PyDict_SetItem(w->unknown_defs, data, number);
        Py_DECREF(number);
    }
done:
    Py_DECREF(form);
    return rc;
}

static int
write_unknown(ForyWriteCtx *w, const ForyCodec *c, PyObject *v)
{
    PyObject *form = NULL, *data, *keys, *fields;
    unsigned int type_id;
    unsigned long long key;
    ForyRemote *known;
    const ForyUnknownCodec *codec;
    int rc = -1;
    (void)c;
    if (fory_write_pin(w) < 0 || (form = wire_form(w, v)) == NULL) {
        return -1;
    }
    if (!PyArg_ParseTuple(form, "ISKOO", &type_id, &data, &key, &keys, &fields)) {
        goto done;
    }
    known = fory_remote_get(w->engine, UNKNOWN_KEY(key));
    codec = known == NULL ? NULL : (const ForyUnknownCodec *)known->codec;
    if (codec == NULL) {
        PyObject *type_def = PyObject_GetAttrString(v, "type_def");
        if (type_def == NULL) {
            goto done;
        }
        codec = (const ForyUnknownCodec *)fory_unknown_struct_codec(w->engine, type_def, keys, fields);
        Py_DECREF(type_def);
        if (codec == NULL || fory_remote_set(w->engine, UNKNOWN_KEY(key), &codec->base, NULL) < 0) {
            goto done;
        }
    }
    if (fory_write_enter(w) < 0) {
        goto done;
    }
    rc = 0;
    for (Py_ssize_t i = 0; i < codec->n && rc == 0; i++) {
        PyObject *name = PyTuple_GET_ITEM(codec->keys, i);
        PyObject *value = PyObject_GetItem(v, name);
        rc = value == NULL ? -1 : fory_write_slot(w, &codec->slots[i], value);
        Py_XDECREF(value);
        if (rc < 0) {
            fory_path_field(&w->path, name);
        }
    }
    w->depth--;
done:
    Py_DECREF(form);
    return rc;
}

/* UnknownStruct itself as a writable type */
int
fory_unknown_struct_install(ForyEngine *e, ForyTypeEntry *entry)
{
    ForyCodec *codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec == NULL || unknown_class(e->st) < 0) {
        return -1;
    }
    *codec = (ForyCodec){write_unknown, NULL, NULL, NULL, NULL, FORY_COMPATIBLE_STRUCT, FORY_CODEC_TRACKED, 0, 0};
    entry->codec = codec;
    entry->kind = FORY_KIND_UNKNOWN;
    entry->info_kind = FORY_INFO_UNKNOWN;
    entry->tracked = 1;
    return 0;
}
