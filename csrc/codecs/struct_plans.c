/* Compiling struct specs from Python into flat plans. */
#include "codecs/structs.h"

#define MAX_INDEXED 30

static uint8_t
op_of_type(unsigned type_id)
{
    switch (type_id) {
    case FORY_VARINT64:
        return FORY_OP_VARINT64;
    case FORY_VARINT32:
        return FORY_OP_VARINT32;
    case FORY_FLOAT64:
        return FORY_OP_FLOAT64;
    case FORY_BOOL:
        return FORY_OP_BOOL;
    case FORY_STRING:
        return FORY_OP_STR;
    default:
        return FORY_OP_BASIC;
    }
}

static uint8_t
op_of_slot(const ForySlot *slot)
{
    if (slot->track || slot->dynamic || slot->entry != NULL || slot->codec == NULL ||
        !(slot->codec->flags & FORY_CODEC_BASIC)) {
        return FORY_OP_SLOT;
    }
    return slot->nullable ? FORY_OP_NULLABLE_BASIC : op_of_type(slot->type_id);
}

/* ---- reading side ------------------------------------------------------------ */

static int
compile_missing(ForyEngine *e, PyObject *spec, Py_ssize_t n_attrs, ForyReadPlan *plan)
{
    plan->n_missing = PyTuple_GET_SIZE(spec);
    plan->missing = fory_engine_alloc(e, (size_t)(plan->n_missing + 1) * sizeof(ForyMissing));
    if (plan->missing == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < plan->n_missing; i++) {
        ForyMissing *m = &plan->missing[i];
        int dest, call;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(spec, i), "iiO", &dest, &call, &m->value)) {
            return -1;
        }
        if (dest < 0 || dest >= n_attrs) {
            PyErr_SetString(PyExc_IndexError, "attribute index of a read plan");
            return -1;
        }
        m->dest = dest;
        m->call = (uint8_t)call;
    }
    return 0;
}

static void
find_runs(const ForyStructCodec *s, ForyReadPlan *plan)
{
    uint8_t run = 0, seen[256] = {0};
    plan->complete = plan->n_fields == s->n_attrs && s->n_attrs <= 256;
    for (Py_ssize_t i = plan->n_fields - 1; i >= 0; i--) {
        ForyReadField *f = &plan->fields[i];
        run = f->op != FORY_OP_VARINT32 ? 0 : (uint8_t)(run + (run < UINT8_MAX));
        f->run = run;
        if (plan->complete) {
            plan->complete = f->dest >= 0 && !seen[f->dest];
            seen[f->dest >= 0 ? f->dest : 0] = 1;
        }
    }
}

/* spec: (((dest, slot, convert), ...), missing). Kept alive by the caller. */
static int
compile_read_plan(ForyEngine *e, PyObject *spec, const ForyStructCodec *s, ForyReadPlan *plan)
{
    PyObject *fields, *missing, *names = NULL; /* names only of what a peer describes */
    if (!PyArg_ParseTuple(spec, "O!O!|O!", &PyTuple_Type, &fields, &PyTuple_Type, &missing, &PyTuple_Type, &names) ||
        fory_engine_keep(e, spec) < 0) {
        return -1;
    }
    plan->n_fields = PyTuple_GET_SIZE(fields);
    plan->fields = fory_engine_alloc(e, (size_t)(plan->n_fields + 1) * sizeof(ForyReadField));
    if (plan->fields == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < plan->n_fields; i++) {
        ForyReadField *f = &plan->fields[i];
        PyObject *slot, *convert;
        int dest;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(fields, i), "iOO", &dest, &slot, &convert) ||
            fory_compile_slot(e, slot, &f->slot) < 0) {
            return -1;
        }
        if (dest < -1 || dest >= s->n_attrs) {
            PyErr_SetString(PyExc_IndexError, "attribute index of a read plan");
            return -1;
        }
        f->dest = dest;
        f->convert = convert == Py_None ? NULL : convert;
        f->name = dest >= 0 ? s->fields[dest].name : NULL;
        if (dest < 0 && names != NULL && i < PyTuple_GET_SIZE(names)) {
            f->name = PyTuple_GET_ITEM(names, i); /* kept with the spec */
        }
        f->op = f->convert == NULL && dest >= 0 ? op_of_slot(&f->slot) : FORY_OP_SLOT;
    }
    find_runs(s, plan);
    return compile_missing(e, missing, s->n_attrs, plan);
}

const ForyCodec *
fory_remote_struct_codec(ForyEngine *e, ForyTypeEntry *entry, PyObject *read_plan)
{
    ForyRemoteStructCodec *codec;
    if (entry->kind != FORY_KIND_STRUCT) {
        PyErr_SetString(PyExc_TypeError, "a read plan for a type that is no struct");
        return NULL;
    }
    codec = fory_engine_alloc(e, sizeof(*codec));
    if (codec == NULL) {
        return NULL;
    }
    codec->local = (const ForyStructCodec *)entry->codec;
    if (compile_read_plan(e, read_plan, codec->local, &codec->plan) < 0) {
        return NULL;
    }
    codec->base = codec->local->base;
    codec->base.read = fory_struct_read_remote;
    codec->base.min_size = codec->plan.n_fields > 0;
    return &codec->base;
}

/* ---- attribute access ------------------------------------------------------------ */

static void
probe_indices(ForyState *st, ForyStructCodec *s)
{
    PyObject *names[MAX_INDEXED];
    s->probed = 1;
    if (s->n_attrs == 0 || s->n_attrs > MAX_INDEXED) {
        return;
    }
    for (Py_ssize_t k = 0; k < s->n_attrs; k++) {
        names[k] = s->fields[s->fill_order[k]].name;
    }
    s->has_indices = (uint8_t)fory_inline_probe(st, s->type, names, s->n_attrs, s->fill_index);
    for (Py_ssize_t k = 0; s->has_indices && k < s->n_attrs; k++) {
        s->fields[s->fill_order[k]].index = s->fill_index[k];
    }
}

/* Fields that are written without a call, when their values are what was declared. */
static void
find_plain(ForyStructCodec *s)
{
    size_t run = 0;
    for (Py_ssize_t i = s->n_fields - 1; i >= 0; i--) {
        ForyField *f = &s->fields[i];
        size_t place = f->access == FORY_ACCESS_INLINE ? f->index : (size_t)f->offset / sizeof(PyObject *);
        f->plain = f->inner = FORY_OP_SLOT;
        if (f->access == s->access && place <= UINT16_MAX && (f->access == FORY_ACCESS_INLINE || f->offset % sizeof(PyObject *) == 0)) {
            f->plain = f->op == FORY_OP_BASIC ? FORY_OP_SLOT : f->op;
            f->place = (uint16_t)place;
        }
        if (f->plain == FORY_OP_NULLABLE_BASIC) {
            f->inner = op_of_type(f->slot.type_id);
            f->plain = f->inner == FORY_OP_BASIC ? FORY_OP_SLOT : f->plain;
        }
        run = f->plain != FORY_OP_VARINT32 ? 0 : run < UINT8_MAX ? run + 1 : run;
        f->run = (uint8_t)run;
    }
}

void
fory_struct_refresh(ForyState *st, ForyStructCodec *s)
{
    Py_ssize_t n_slots = 0, n_inline = 0;
    if (!s->probed) {
        probe_indices(st, s);
    }
    for (Py_ssize_t i = 0; i < s->n_attrs; i++) {
        ForyField *f = &s->fields[i];
        f->access = FORY_ACCESS_GETATTR;
        f->offset = fory_slot_offset(s->type, f->name);
        if (f->offset > 0) {
            f->access = FORY_ACCESS_SLOT;
            n_slots++;
        }
        else if (s->has_indices && fory_plain_attribute(s->type, f->name)) {
            f->access = FORY_ACCESS_INLINE;
            n_inline++;
        }
    }
    s->access = n_inline > 0 ? FORY_ACCESS_INLINE : FORY_ACCESS_SLOT;
    find_plain(s);
    s->inline_fill = s->has_indices && n_inline == s->n_attrs && s->type->tp_new == PyBaseObject_Type.tp_new;
    s->slot_fill = n_slots == s->n_attrs;
    s->direct = s->type->tp_new == PyBaseObject_Type.tp_new && !PyType_HasFeature(s->type, Py_TPFLAGS_IS_ABSTRACT);
    s->version = fory_type_version(s->type);
}

/* ---- the struct itself --------------------------------------------------------------- */

static int
compile_fields(ForyEngine *e, ForyStructCodec *s, PyObject *attrs, PyObject *fields, PyObject *order)
{
    s->room = 4 + FORY_VU64_MAX;
    s->n_attrs = PyTuple_GET_SIZE(attrs);
    s->n_fields = PyTuple_GET_SIZE(fields);
    if (s->n_fields > s->n_attrs || PyTuple_GET_SIZE(order) != s->n_attrs) {
        PyErr_SetString(PyExc_ValueError, "struct plan of different lengths");
        return -1;
    }
    s->fields = fory_engine_alloc(e, (size_t)(s->n_attrs + 1) * sizeof(ForyField));
    s->fill_order = fory_engine_alloc(e, (size_t)s->n_attrs + 1);
    s->fill_index = fory_engine_alloc(e, (size_t)s->n_attrs + 1);
    if (s->fields == NULL || s->fill_order == NULL || s->fill_index == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_attrs; i++) {
        ForyField *f = &s->fields[i];
        long at = PyLong_AsLong(PyTuple_GET_ITEM(order, i));
        if (at < 0 || at >= s->n_attrs) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_IndexError, "attribute order of a struct plan");
            }
            return -1;
        }
        s->fill_order[i] = (uint8_t)at; /* used for at most MAX_INDEXED attributes */
        f->name = Py_NewRef(PyTuple_GET_ITEM(attrs, i));
        PyUnicode_InternInPlace(&f->name);
        int rc = fory_engine_keep(e, f->name);
        Py_DECREF(f->name);
        if (rc < 0) {
            return -1;
        }
        if (i < s->n_fields) {
            if (fory_compile_slot(e, PyTuple_GET_ITEM(fields, i), &f->slot) < 0) {
                return -1;
            }
            f->op = op_of_slot(&f->slot);
            s->room += f->op == FORY_OP_SLOT ? 0 : 1 + FORY_VU64_MAX;
        }
    }
    return 0;
}

/* Asks the registry for the plan of entry's class and compiles it. */
int
fory_build_struct(ForyEngine *e, ForyTypeEntry *entry)
{
    ForyStructCodec *s = NULL;
    PyObject *type_def, *hash, *attrs, *fields, *order, *read, *alternatives;
    unsigned long long key;
    int slotted;
    PyObject *plan = PyObject_CallMethod(e->registry, "struct_plan", "O", (PyObject *)entry->type);
    if (plan == NULL) {
        return -1;
    }
    if (entry->type->tp_new == NULL) {
        Py_DECREF(plan);
        fory_raise(e->st, FORY_E_TYPE, "%s objects are made by their own constructor only: register it with serializer=",
                   entry->type->tp_name);
        return -1;
    }
    if (entry->codec != NULL) {
        /* building the plan used the class itself */
        Py_DECREF(plan);
        return 0;
    }
    if (!PyTuple_Check(plan) ||
        !PyArg_ParseTuple(plan, "SKOO!O!O!OO!p", &type_def, &key, &hash, &PyTuple_Type, &attrs, &PyTuple_Type, &fields,
                          &PyTuple_Type, &order, &read, &PyTuple_Type, &alternatives, &slotted) ||
        fory_engine_keep(e, plan) < 0 || (s = fory_engine_alloc(e, sizeof(*s))) == NULL) {
        goto error;
    }
    s->entry = entry;
    s->type = entry->type;
    s->base = (ForyCodec){fory_struct_write, fory_struct_read, NULL, NULL, NULL, entry->type_id,
                          FORY_CODEC_TRACKED | FORY_CODEC_EARLY, 0, 0};
    if (hash != Py_None) {
        long long value = PyLong_AsLongLong(hash);
        if (value == -1 && PyErr_Occurred()) {
            goto error;
        }
        s->has_hash = 1;
        s->hash = (int32_t)value;
    }
    s->cost = slotted ? 32 : 96;
    s->field_cost = slotted ? 8 : 16;
    if (compile_fields(e, s, attrs, fields, order) < 0 || compile_read_plan(e, read, s, &s->read) < 0) {
        goto error;
    }
    s->base.min_size = s->has_hash ? 4 : s->n_fields > 0;
    s->n_alternatives = PyTuple_GET_SIZE(alternatives);
    s->alternatives = fory_engine_alloc(e, (size_t)(s->n_alternatives + 1) * sizeof(ForyAlternative));
    if (s->alternatives == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < s->n_alternatives; i++) {
        PyObject *other;
        long long other_hash;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(alternatives, i), "LO", &other_hash, &other) ||
            compile_read_plan(e, other, s, &s->alternatives[i].plan) < 0) {
            goto error;
        }
        s->alternatives[i].hash = (int32_t)other_hash;
    }
    fory_struct_refresh(e->st, s);
    if (entry->codec != NULL) {
        /* another thread was faster; its plan is the same */
        Py_DECREF(plan);
        return 0;
    }
    if (PyBytes_GET_SIZE(type_def) > 0) {
        Py_XSETREF(entry->type_def, Py_NewRef(type_def));
        entry->key = key;
        if (entry->info_kind == FORY_INFO_TYPE_DEF && fory_remote_set(e, key, &s->base, entry) < 0) {
            goto error;
        }
    }
    entry->codec = &s->base;
    Py_DECREF(plan);
    return 0;
error:
    Py_XDECREF(plan);
    return -1;
}
