/* Structs (wire-format section 13): the interpreter of compiled plans. */
#include "codecs/structs.h"

#include "codecs/plain.h"

/* Field values of one object, on the C stack up to this many. */
#define STACK_VALUES 40

/* ---- writing ----------------------------------------------------------------- */

static FORY_NOINLINE PyObject *
attribute_slow(ForyWriteCtx *w, PyObject *o, PyObject *name)
{
    PyObject *v;
    if (fory_write_pin(w) < 0 || fory_stack_check(w->st, &w->stack) < 0) {
        return NULL;
    }
    v = PyObject_GetAttr(o, name);
    /* an AttributeError from the user's own property passes unchanged (decision 12) */
    if (v == NULL && PyErr_ExceptionMatches(PyExc_AttributeError) &&
        (fory_plain_attribute(Py_TYPE(o), name) || fory_slot_offset(Py_TYPE(o), name) > 0)) {
        PyErr_Clear();
        return fory_raise(w->st, FORY_E_TYPE, "%s object has no value for field '%U'", Py_TYPE(o)->tp_name, name);
    }
    return v;
}

static int
write_field(ForyWriteCtx *w, const ForyField *f, PyObject *v)
{
    int64_t n;
    int rc;
    switch (f->op) {
    case FORY_OP_VARINT64:
        rc = fory_write_plain_int(w, v);
        if (FORY_LIKELY(rc != 0)) {
            return rc < 0 ? -1 : 0;
        }
        break;
    case FORY_OP_VARINT32:
        if (FORY_LIKELY(PyLong_CheckExact(v) && fory_small_int(v, &n) && n >= INT32_MIN && n <= INT32_MAX)) {
            if (FORY_UNLIKELY(fory_room(w, FORY_VU64_MAX) < 0)) {
                return -1;
            }
            fory_put_vi32_roomy(&w->out, (int32_t)n);
            return 0;
        }
        break;
    case FORY_OP_FLOAT64:
        rc = fory_write_plain_float(w, v);
        if (FORY_LIKELY(rc != 0)) {
            return rc < 0 ? -1 : 0;
        }
        break;
    case FORY_OP_STR:
        return fory_write_str_held(w, v);
    case FORY_OP_NULLABLE_BASIC:
        if (fory_room(w, 1) < 0) {
            return -1;
        }
        if (v == Py_None) {
            fory_put_u8(&w->out, FORY_FLAG_NULL);
            return 0;
        }
        fory_put_u8(&w->out, FORY_FLAG_NOT_NULL);
        break;
    case FORY_OP_SLOT:
        return fory_write_slot(w, &f->slot, v);
    default:
        break;
    }
    return f->slot.codec->write(w, f->slot.codec, v);
}

/* A class without annotations: attributes set from outside would be lost. -1 when o has any. */
static FORY_NOINLINE int
refuse_attributes(ForyWriteCtx *w, PyObject *o)
{
    PyObject *dict, *declared;
    Py_ssize_t n = 0;
    if (fory_write_pin(w) < 0 || (declared = PyObject_GetAttrString((PyObject *)Py_TYPE(o), "__dataclass_fields__")) == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
    }
    else {
        Py_DECREF(declared);
        return 0; /* what is no field of a dataclass is no part of its value */
    }
    dict = PyObject_GetAttrString(o, "__dict__");
    if (dict == NULL) {
        PyErr_Clear();
        return 0;
    }
    n = PyDict_Check(dict) ? PyDict_GET_SIZE(dict) : 0;
    Py_DECREF(dict);
    if (n > 0) {
        fory_raise(w->st, FORY_E_TYPE,
                   "%s has no annotated fields, so the attributes of this object would be lost: annotate them, make it "
                   "a dataclass, or register it with serializer=", Py_TYPE(o)->tp_name);
        return -1;
    }
    return 0;
}

/* From so many 32-bit fields in a row on, their numbers go through a kernel together. */
enum { RUN = 4, MOST_RUN = 32 };

/* The numbers of n fields; how many of them are such numbers. */
FORY_INLINE size_t
take_run(const ForyField *f, size_t n, PyObject *const *base, int32_t *numbers)
{
    size_t i = 0;
    for (; i < n; i++) {
        PyObject *v = base[f[i].place];
        int64_t number;
        if (FORY_UNLIKELY(v == NULL) || FORY_UNLIKELY(!PyLong_CheckExact(v)) || FORY_UNLIKELY(!fory_small_int(v, &number)) ||
            FORY_UNLIKELY(number != (int32_t)number)) {
            break;
        }
        numbers[i] = (int32_t)number;
    }
    return i;
}

/* A value that is what was declared; the new end, or NULL when its codec must see to it. Ten bytes
 * of room, and that of the text. */
FORY_INLINE uint8_t *
put_plain(uint8_t *p, unsigned op, PyObject *v)
{
    fory_writer out = {p, NULL, NULL, NULL};
    int64_t n;
    double d;
    uint64_t bits;
    switch (op) {
    case FORY_OP_VARINT64:
        if (FORY_UNLIKELY(!PyLong_CheckExact(v)) || FORY_UNLIKELY(!fory_small_int(v, &n))) {
            return NULL;
        }
        fory_put_vi64(&out, n);
        return out.pos;
    case FORY_OP_VARINT32:
        if (FORY_UNLIKELY(!PyLong_CheckExact(v)) || FORY_UNLIKELY(!fory_small_int(v, &n)) || FORY_UNLIKELY(n != (int32_t)n)) {
            return NULL;
        }
        fory_put_vi32_roomy(&out, (int32_t)n);
        return out.pos;
    case FORY_OP_FLOAT64:
        if (FORY_UNLIKELY(!PyFloat_CheckExact(v))) {
            return NULL;
        }
        d = PyFloat_AS_DOUBLE(v);
        memcpy(&bits, &d, 8);
        fory_store64(p, bits);
        return p + 8;
    case FORY_OP_BOOL:
        if (FORY_UNLIKELY(!PyBool_Check(v))) {
            return NULL;
        }
        *p = v == Py_True;
        return p + 1;
    case FORY_OP_STR:
        return fory_put_text(p, v);
    default:
        return NULL;
    }
}

/* Writes fields from f on while they are plain and their values what was declared: no Python code
 * runs, so that the object keeps them. Their values lie at their places from base on, or (in_turn)
 * one after the other. The first field that is left; NULL without memory. */
FORY_INLINE const ForyField *
put_plain_fields(ForyWriteCtx *w, const ForyStructCodec *s, PyObject *const *base, int in_turn, const ForyField *f,
                 const ForyField *end)
{
    const ForyField *first = f;
    uint8_t *p, *next;
    if (FORY_UNLIKELY(fory_room(w, s->room) < 0)) {
        return NULL;
    }
    p = w->out.pos;
    while (f < end) {
        unsigned op = f->plain;
        PyObject *v;
        if (!in_turn && f->run >= RUN) {
            int32_t numbers[MOST_RUN];
            size_t n = f->run < MOST_RUN ? f->run : MOST_RUN;
            if (FORY_LIKELY(take_run(f, n, base, numbers) == n)) {
                p += w->st->kernels->encode_vi32(numbers, n, p);
                f += n;
                continue;
            }
        }
        if (op == FORY_OP_SLOT || FORY_UNLIKELY((v = base[in_turn ? (size_t)(f - first) : f->place]) == NULL)) {
            break;
        }
        if (op == FORY_OP_NULLABLE_BASIC) {
            if (v == Py_None) {
                *p++ = FORY_FLAG_NULL;
                f++;
                continue;
            }
            op = f->inner;
        }
        if (op == FORY_OP_STR) {
            if (FORY_UNLIKELY(!PyUnicode_CheckExact(v)) || !fory_is_plain_text(v)) {
                break;
            }
            if (FORY_UNLIKELY((size_t)(w->out.end - p) < s->room + fory_plain_room(FORY_STRING, v))) {
                w->out.pos = p;
                if (fory_room(w, s->room + fory_plain_room(FORY_STRING, v)) < 0) {
                    return NULL;
                }
                p = w->out.pos;
            }
        }
        *p = FORY_FLAG_NOT_NULL;
        next = put_plain(p + (f->plain == FORY_OP_NULLABLE_BASIC), op, v);
        if (FORY_UNLIKELY(next == NULL)) {
            break;
        }
        p = next;
        f++;
    }
    w->out.pos = p;
    return f;
}

#if FORY_INLINE_VALUES
/* The same for an object whose attributes are in a dict. */
static FORY_NOINLINE const ForyField *
put_dict_fields(ForyWriteCtx *w, const ForyStructCodec *s, PyObject *o, const ForyField *f, const ForyField *end)
{
    PyObject *values[MOST_RUN], *dict = fory_str_dict(w->st, o);
    size_t n = 0;
    for (; dict != NULL && n < MOST_RUN && f + n < end && f[n].plain != FORY_OP_SLOT; n++) {
        values[n] = PyDict_GetItemWithError(dict, f[n].name);
    }
    return n == 0 ? f : put_plain_fields(w, s, values, 1, f, f + n);
}
#endif

FORY_INLINE const ForyField *
put_fields(ForyWriteCtx *w, const ForyStructCodec *s, PyObject *o, const ForyField *f, const ForyField *end)
{
    PyObject *const *base = (PyObject *const *)o;
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(s->access == FORY_ACCESS_INLINE)) {
        base = fory_inline_values(o);
        if (FORY_UNLIKELY(base == NULL)) {
            return put_dict_fields(w, s, o, f, end);
        }
    }
#endif
    return put_plain_fields(w, s, base, 0, f, end);
}

/* Any field. 0 / -1 with its name in the path. */
static FORY_NOINLINE int
write_attribute(ForyWriteCtx *w, const ForyStructCodec *s, PyObject *o, const ForyField *f)
{
    PyObject *v = NULL;
    int rc;
    if (f->access == FORY_ACCESS_SLOT) {
        v = *(PyObject **)((char *)o + f->offset);
    }
#if FORY_INLINE_VALUES
    else if (f->access == FORY_ACCESS_INLINE) {
        PyObject **values = fory_inline_values(o);
        v = values == NULL ? NULL : values[f->index];
    }
#endif
    if (FORY_LIKELY(v != NULL)) {
        Py_INCREF(v);
    }
    else if ((v = attribute_slow(w, o, f->name)) == NULL) {
        fory_path_field(&w->path, f->name);
        return -1;
    }
    rc = write_field(w, f, v);
    Py_DECREF(v);
    if (FORY_UNLIKELY(rc < 0)) {
        fory_path_field(&w->path, f->name);
        if (PyErr_ExceptionMatches(w->st->errors[FORY_E_DEPTH]) && w->track_ref && !f->slot.track &&
            w->depth == w->max_depth) {
            PyErr_Clear();
            fory_raise(w->st, FORY_E_DEPTH,
                       "more than max_depth=%d nested objects below field '%U' of %s, which does not track "
                       "references: declare it with pyfory.field(ref=True), or raise Fory(max_depth=...)",
                       w->max_depth, f->name, s->type->tp_name);
        }
        return -1;
    }
    return 0;
}

int
fory_struct_write(ForyWriteCtx *w, const ForyCodec *c, PyObject *o)
{
    ForyStructCodec *s = (ForyStructCodec *)c;
    const ForyField *f = s->fields, *end = f + s->n_fields;
    if (FORY_UNLIKELY(Py_TYPE(o) != s->type)) {
        fory_raise(w->st, FORY_E_TYPE, "expected %s, got %s", s->type->tp_name, Py_TYPE(o)->tp_name);
        return -1;
    }
    if (FORY_UNLIKELY(s->version == 0 || fory_type_version(s->type) != s->version)) {
        fory_struct_refresh(w->st, s);
    }
    if (FORY_UNLIKELY(fory_write_enter(w) < 0)) {
        return -1;
    }
    if (s->has_hash) {
        if (FORY_UNLIKELY(fory_room(w, 4) < 0)) {
            goto error;
        }
        fory_put_u32(&w->out, (uint32_t)s->hash);
    }
    if (FORY_UNLIKELY(f == end) && s->n_attrs == 0 && refuse_attributes(w, o) < 0) {
        goto error;
    }
    while (f < end) {
        if (f->plain != FORY_OP_SLOT) {
            f = put_fields(w, s, o, f, end);
            if (FORY_UNLIKELY(f == NULL)) {
                goto error;
            }
            if (f == end) {
                break;
            }
        }
        /* what this writes may run user code: values are looked up anew for the next ones */
        if (FORY_UNLIKELY(write_attribute(w, s, o, f) < 0)) {
            goto error;
        }
        f++;
    }
    w->depth--;
    return 0;
error:
    w->depth--;
    return -1;
}

/* ---- reading ------------------------------------------------------------------- */

static FORY_NOINLINE PyObject *
new_object_slow(ForyReadCtx *r, PyTypeObject *type)
{
    PyObject *o;
    if (FORY_UNLIKELY(r->engine->authorize != NULL)) {
        PyObject *done = PyObject_CallFunctionObjArgs(r->engine->authorize, (PyObject *)type, NULL);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    o = type->tp_new(type, r->st->empty_tuple, NULL);
    if (o == NULL && PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT) && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        return fory_raise(r->st, FORY_E_INVALID_DATA, "%s is abstract, it has no instances", type->tp_name);
    }
    if (o != NULL && !PyObject_TypeCheck(o, type)) {
        fory_raise(r->st, FORY_E_TYPE, "%s.__new__ gave a %s", type->tp_name, Py_TYPE(o)->tp_name);
        Py_CLEAR(o);
    }
    return o;
}

FORY_INLINE PyObject *
new_object(ForyReadCtx *r, const ForyStructCodec *s)
{
    /* __init__ and __post_init__ do not run (section 13.1) */
    if (FORY_LIKELY(s->direct) && FORY_LIKELY(r->engine->authorize == NULL)) {
        return PyBaseObject_Type.tp_new(s->type, r->st->empty_tuple, NULL);
    }
    return new_object_slow(r, s->type);
}

/* A class without a place for a field is no error of the user's own code: say which. */
static FORY_NOINLINE void
explain_no_place(ForyReadCtx *r, PyTypeObject *type, PyObject *name)
{
    PyObject *descr = _PyType_Lookup(type, name); /* borrowed */
    if (!PyErr_ExceptionMatches(PyExc_AttributeError) ||
        (descr != NULL && Py_TYPE(descr)->tp_descr_set != NULL && Py_TYPE(descr) != &PyProperty_Type)) {
        return;
    }
    if (descr != NULL && Py_TYPE(descr) == &PyProperty_Type) {
        PyObject *type_of_error, *error, *traceback, *setter;
        PyErr_Fetch(&type_of_error, &error, &traceback);
        setter = PyObject_GetAttrString(descr, "fset");
        PyErr_Clear();
        PyErr_Restore(type_of_error, error, traceback);
        Py_XDECREF(setter);
        if (setter != Py_None) {
            return; /* its setter raised */
        }
    }
    PyErr_Clear();
    fory_raise(r->st, FORY_E_TYPE, "%s has no place for field '%U': neither a __dict__ nor a slot or setter of this name",
               type->tp_name, name);
}

/* Stores values[0..n_attrs) as attributes of o; steals them all, also on failure. */
static int
fill_object(ForyReadCtx *r, ForyStructCodec *s, PyObject *o, PyObject **values)
{
    Py_ssize_t i = 0;
    int rc = 0;
#if FORY_INLINE_VALUES
    if (FORY_LIKELY(s->inline_fill) && fory_inline_fill(o, s->fill_index, s->fill_order, values, s->n_attrs) == 0) {
        return 0;
    }
#endif
    if (s->slot_fill) {
        for (; i < s->n_attrs; i++) {
            PyObject **slot = (PyObject **)((char *)o + s->fields[i].offset);
            PyObject *old = *slot;
            *slot = values[i];
            Py_XDECREF(old);
        }
        return 0;
    }
    /* GenericSetAttr goes past a user's __setattr__, a frozen dataclass's among them */
    for (Py_ssize_t k = 0; k < s->n_attrs && rc == 0; k++) {
        i = s->n_attrs <= 255 ? s->fill_order[k] : k;
        rc = PyObject_GenericSetAttr(o, s->fields[i].name, values[i]);
    }
    if (FORY_UNLIKELY(rc < 0)) {
        explain_no_place(r, Py_TYPE(o), s->fields[i].name);
        fory_path_field(&r->path, s->fields[i].name);
    }
    for (i = 0; i < s->n_attrs; i++) {
        Py_DECREF(values[i]);
    }
    return rc;
}

static FORY_NOINLINE PyObject *
read_other(ForyReadCtx *r, const ForyReadField *f)
{
    PyObject *converted, *v;
    v = fory_read_slot(r, &f->slot);
    if (v == NULL || f->convert == NULL) {
        return v;
    }
    converted = PyObject_CallFunctionObjArgs(f->convert, v, NULL);
    Py_DECREF(v);
    if (converted != NULL && PyList_CheckExact(converted) && converted != v &&
        fory_charge(r, 32 + 8 * (int64_t)PyList_GET_SIZE(converted)) < 0) {
        /* a dense array, free so far, became a list */
        Py_CLEAR(converted);
    }
    return converted;
}

FORY_INLINE PyObject *
read_field(ForyReadCtx *r, const ForyReadField *f)
{
    switch (f->op) {
    case FORY_OP_VARINT64: {
        int64_t n;
        int rc = fory_get_vi64(&r->in, &n);
        if (FORY_UNLIKELY(rc != FORY_OK)) {
            fory_read_bad(r, rc);
            return NULL;
        }
        return PyLong_FromLongLong(n);
    }
    case FORY_OP_VARINT32: {
        int32_t n;
        int rc = fory_get_vi32(&r->in, &n);
        if (FORY_UNLIKELY(rc != FORY_OK)) {
            fory_read_bad(r, rc);
            return NULL;
        }
        return PyLong_FromLong(n);
    }
    case FORY_OP_FLOAT64: {
        uint64_t bits;
        double d;
        if (FORY_UNLIKELY(fory_get_u64(&r->in, &bits) != FORY_OK)) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        memcpy(&d, &bits, 8);
        return PyFloat_FromDouble(d);
    }
    case FORY_OP_STR:
        return fory_read_str(r);
    case FORY_OP_BOOL:
    case FORY_OP_BASIC:
        return f->slot.codec->read(r, f->slot.codec);
    default:
        break;
    }
    return read_other(r, f);
}

/* As many 32-bit varints in a row as a kernel takes at once: how many fields were read; 0 when they
 * are damaged or not all there, which is for the field itself to say; -1. */
FORY_INLINE Py_ssize_t
read_run(ForyReadCtx *r, const ForyReadField *f, PyObject **values)
{
    int32_t numbers[MOST_RUN];
    size_t n = f->run < MOST_RUN ? f->run : MOST_RUN;
    size_t used = r->st->kernels->decode_vi32(r->in.pos, fory_left(&r->in), numbers, n);
    if (FORY_UNLIKELY(used == FORY_KERNEL_ERROR)) {
        return 0;
    }
    r->in.pos += used;
    for (size_t i = 0; i < n; i++) {
        PyObject *v = PyLong_FromLong(numbers[i]);
        if (FORY_UNLIKELY(v == NULL)) {
            return -1;
        }
        if (FORY_LIKELY(values[f[i].dest] == NULL)) {
            values[f[i].dest] = v;
        }
        else {
            Py_DECREF(v); /* a schema may have two fields for one attribute */
        }
    }
    return (Py_ssize_t)n;
}

static PyObject *
missing_value(const ForyMissing *m)
{
    return m->call ? PyObject_CallNoArgs(m->value) : Py_NewRef(m->value);
}

static PyObject *
read_by_plan(ForyReadCtx *r, ForyStructCodec *s, const ForyReadPlan *plan)
{
    PyObject *on_stack[STACK_VALUES];
    PyObject **values = on_stack, *o = NULL;
    Py_ssize_t id = fory_ref_take(r);
    Py_ssize_t n = s->n_attrs;
    if (FORY_UNLIKELY(s->version == 0 || fory_type_version(s->type) != s->version)) {
        fory_struct_refresh(r->st, s);
    }
    if (FORY_UNLIKELY(fory_charge(r, s->cost + s->field_cost * (int64_t)plan->n_fields) < 0) ||
        FORY_UNLIKELY(fory_read_enter(r) < 0)) {
        return NULL;
    }
    if (FORY_UNLIKELY(n > STACK_VALUES)) {
        values = PyMem_Malloc((size_t)n * sizeof(*values));
        if (values == NULL) {
            PyErr_NoMemory();
            r->depth--;
            return NULL;
        }
    }
    memset(values, 0, (size_t)n * sizeof(*values));
    o = new_object(r, s);
    if (FORY_UNLIKELY(o == NULL)) {
        goto error;
    }
    fory_ref_publish(r, id, o);
    for (Py_ssize_t i = 0; i < plan->n_fields; i++) {
        const ForyReadField *f = &plan->fields[i];
        PyObject *v;
        if (f->run >= RUN) {
            Py_ssize_t done = read_run(r, f, values);
            if (FORY_UNLIKELY(done < 0)) {
                goto error;
            }
            i += done;
            if (i == plan->n_fields) {
                break;
            }
            f = &plan->fields[i];
        }
        v = read_field(r, f);
        if (FORY_UNLIKELY(v == NULL)) {
            if (f->name != NULL) {
                fory_path_field(&r->path, f->name);
            }
            goto error;
        }
        if (FORY_LIKELY(f->dest >= 0 && values[f->dest] == NULL)) {
            values[f->dest] = v;
        }
        else {
            Py_DECREF(v);
        }
    }
    for (Py_ssize_t i = 0; FORY_UNLIKELY(i < plan->n_missing); i++) {
        const ForyMissing *m = &plan->missing[i];
        if (values[m->dest] == NULL && (values[m->dest] = missing_value(m)) == NULL) {
            fory_path_field(&r->path, s->fields[m->dest].name);
            goto error;
        }
    }
    for (Py_ssize_t i = plan->complete ? n : 0; i < n; i++) {
        if (FORY_UNLIKELY(values[i] == NULL)) {
            values[i] = Py_NewRef(Py_None);
        }
    }
    if (FORY_UNLIKELY(fill_object(r, s, o, values) < 0)) {
        memset(values, 0, (size_t)n * sizeof(*values));
        goto error;
    }
    if (values != on_stack) {
        PyMem_Free(values);
    }
    r->depth--;
    return o;
error:
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_XDECREF(values[i]);
    }
    if (values != on_stack) {
        PyMem_Free(values);
    }
    Py_XDECREF(o);
    r->depth--;
    return NULL;
}

/* The plan for a schema hash (decisions 22 and 24 accept more than our own), or NULL. */
static const ForyReadPlan *
plan_of_hash(const ForyStructCodec *s, int32_t hash)
{
    if (FORY_LIKELY(hash == s->hash)) {
        return &s->read;
    }
    for (Py_ssize_t i = 0; i < s->n_alternatives; i++) {
        if (s->alternatives[i].hash == hash) {
            return &s->alternatives[i].plan;
        }
    }
    return NULL;
}

int
fory_struct_starts(ForyReadCtx *r, const ForyCodec *codec)
{
    const ForyStructCodec *s = (const ForyStructCodec *)codec;
    return s->has_hash && fory_have(&r->in, 4) && plan_of_hash(s, (int32_t)fory_load32(r->in.pos)) != NULL;
}

PyObject *
fory_struct_read(ForyReadCtx *r, const ForyCodec *c)
{
    ForyStructCodec *s = (ForyStructCodec *)c;
    const ForyReadPlan *plan = &s->read;
    if (s->has_hash) {
        uint32_t hash;
        if (fory_get_u32(&r->in, &hash) != FORY_OK) {
            fory_read_bad(r, FORY_TRUNCATED);
            return NULL;
        }
        plan = plan_of_hash(s, (int32_t)hash);
        if (FORY_UNLIKELY(plan == NULL)) {
            return fory_raise(r->st, FORY_E_NOT_COMPATIBLE,
                              "hash %d is not consistent with %d for type %s: the peer's fields differ", (int)hash,
                              (int)s->hash, s->type->tp_name);
        }
    }
    return read_by_plan(r, s, plan);
}

PyObject *
fory_struct_read_remote(ForyReadCtx *r, const ForyCodec *c)
{
    const ForyRemoteStructCodec *codec = (const ForyRemoteStructCodec *)c;
    return read_by_plan(r, (ForyStructCodec *)codec->local, &codec->plan);
}

PyTypeObject *
fory_struct_type(const ForyCodec *codec)
{
    if (codec->read == fory_struct_read) {
        return ((const ForyStructCodec *)codec)->type;
    }
    return codec->read == fory_struct_read_remote ? ((const ForyRemoteStructCodec *)codec)->local->type : NULL;
}
