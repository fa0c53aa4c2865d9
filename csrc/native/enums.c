/* Members of enums, writing: class and value. */
#include "native/native.h"

#include "runtime/object_layout.h"

typedef struct ForyEnumCodec {
    ForyCodec base;
    PyTypeObject *type;
    unsigned int version; /* of the class when it was looked at */
    uint8_t plain;        /* `_value_` is looked for in the member and nowhere before */
    uint8_t inline_values, index;
} ForyEnumCodec;

enum { NO_INDEX = 255 };

/* Where `_value_` of members is found. */
static FORY_NOINLINE void
look_at_enum(ForyWriteCtx *w, ForyEnumCodec *c)
{
    PyObject *name = w->engine->native->str_value;
    c->version = fory_type_tag(c->type, name);
    c->plain = c->type->tp_getattro == PyObject_GenericGetAttr && _PyType_Lookup(c->type, name) == NULL;
    c->index = NO_INDEX;
#if FORY_INLINE_VALUES
    c->inline_values = (uint8_t)(w->st->inline_values_ok && fory_has_inline_values(c->type));
    for (unsigned i = 0; c->inline_values && i < FORY_MAX_INLINE && c->index == NO_INDEX; i++) {
        PyObject *known = fory_inline_name(c->type, i);
        if (known == NULL) {
            break;
        }
        c->index = known == name ? (uint8_t)i : NO_INDEX;
    }
#endif
}

/* It may be assigned to, so it is asked for each time. New reference. */
FORY_INLINE PyObject *
enum_value(ForyWriteCtx *w, ForyEnumCodec *c, PyObject *o)
{
    PyObject *name = w->engine->native->str_value;
    if (FORY_UNLIKELY(c->version == 0) || FORY_UNLIKELY(c->version != fory_type_version(c->type))) {
        look_at_enum(w, c);
    }
#if FORY_INLINE_VALUES
    if (c->inline_values && c->index != NO_INDEX && FORY_LIKELY(c->plain)) {
        PyObject *const *values = fory_inline_values(o);
        if (FORY_LIKELY(values != NULL) && FORY_LIKELY(values[c->index] != NULL)) {
            return Py_NewRef(values[c->index]);
        }
    }
#endif
#if PY_VERSION_HEX < 0x030C0000
    /* a derived class of int or str: has a dict of its own */
    if (FORY_LIKELY(c->plain) && c->type->tp_itemsize != 0) {
        PyObject **dict = _PyObject_GetDictPtr(o);
        PyObject *value = dict == NULL || *dict == NULL ? NULL : PyDict_GetItemWithError(*dict, name);
        if (FORY_LIKELY(value != NULL)) {
            return Py_NewRef(value);
        }
        PyErr_Clear();
    }
#endif
    return PyObject_GetAttr(o, name);
}

static int
write_enum(ForyWriteCtx *w, const ForyCodec *base, PyObject *o)
{
    ForyEnumCodec *c = (ForyEnumCodec *)base;
    PyObject *value = NULL;
    ForyLate late;
    int rc = w->track_ref ? fory_native_known(w, o) : 0;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    if (FORY_LIKELY(Py_TYPE(o) == c->type) && FORY_LIKELY(!w->native->hooked) && FORY_LIKELY(w->native->memo == NULL) &&
        (value = enum_value(w, c, o)) != NULL && (PyLong_CheckExact(value) || PyUnicode_CheckExact(value))) {
        /* nothing in between leads back to the member */
        rc = fory_native_begin_enum(w, o);
        if (FORY_LIKELY(rc != 2)) {
            rc = rc < 0 ? -1 : rc > 0 ? 0 : fory_native_write(w, value);
            Py_DECREF(value);
            return rc;
        }
    }
    Py_CLEAR(value);
    if (PyErr_Occurred()) {
        return -1;
    }
    rc = fory_native_open(w, o, &late);
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    value = PyObject_GetAttr(o, w->engine->native->str_value);
    if (value == NULL) {
        fory_native_abandon(w, &late);
        return -1;
    }
    rc = fory_native_tag(w, FORY_N_ENUM) < 0 ||
                 fory_native_write_global(w, (PyObject *)Py_TYPE(o)) < 0 || fory_native_write(w, value) < 0
             ? -1
             : fory_native_close(w, o, &late);
    fory_native_abandon(w, &late);
    Py_DECREF(value);
    return rc;
}

const ForyCodec *
fory_native_enum_codec(ForyEngine *e, PyTypeObject *type)
{
    ForyEnumCodec *c = fory_engine_alloc(e, sizeof(*c));
    if (c != NULL) {
        c->base.write = write_enum;
        c->type = type;
    }
    return c == NULL ? NULL : &c->base;
}
