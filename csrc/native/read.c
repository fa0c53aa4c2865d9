/* Values of the native format, reading: numbers, text, containers. */
#include "native/native.h"

#include "codecs/short_text.h"

/* ---- small parts ----------------------------------------------------------------------- */

static PyObject *
truncated(ForyReadCtx *r)
{
    fory_read_bad(r, FORY_TRUNCATED);
    return NULL;
}

FORY_INLINE int
read_number(ForyReadCtx *r, uint64_t *n)
{
    int rc = fory_get_vu64(&r->in, n);
    return FORY_LIKELY(rc == FORY_OK) ? 0 : fory_read_bad(r, rc);
}

int
fory_native_read_number(ForyReadCtx *r, uint64_t *n)
{
    return read_number(r, n);
}

int
fory_native_count(ForyReadCtx *r, size_t *n)
{
    uint64_t v;
    if (read_number(r, &v) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(v > fory_left(&r->in)) && (v > PY_SSIZE_T_MAX || !fory_have(&r->in, (size_t)v))) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    *n = (size_t)v;
    return 0;
}

/* n bytes at *p, passed over. 0 / -1. */
static int
take(ForyReadCtx *r, size_t n, const uint8_t **p)
{
    if (FORY_UNLIKELY(!fory_have(&r->in, n))) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    *p = r->in.pos;
    r->in.pos += n;
    return 0;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static PyObject *
read_big_int(ForyReadCtx *r)
{
    size_t n;
    PyObject *v;
    if (fory_native_count(r, &n) < 0) {
        return NULL;
    }
    v = fory_long_from_bytes(r->in.pos, n);
    r->in.pos += n;
    return v;
}

FORY_INLINE PyObject *
small_int(ForyReadCtx *r, int64_t n)
{
    /* interned ints by their zigzag form */
    uint64_t z = fory_zigzag64(n);
    PyObject *shared = z < 128 ? r->st->small_ints[z] : NULL;
    return shared != NULL ? Py_NewRef(shared) : PyLong_FromLongLong(n);
}

static PyObject *
read_int(ForyReadCtx *r, int tag)
{
    static const uint8_t sizes[] = {1, 2, 1, 3, 4, 8};
    const uint8_t *p;
    if (take(r, sizes[tag - FORY_N_INT_U8], &p) < 0) {
        return NULL;
    }
    switch (tag) {
    case FORY_N_INT_U8:
        return PyLong_FromLong(p[0]);
    case FORY_N_INT_U16:
        return PyLong_FromLong(fory_load16(p));
    case FORY_N_INT_N8:
        return PyLong_FromLong(-1 - (long)p[0]);
    case FORY_N_INT_24:
        return PyLong_FromLong((int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 24) >> 8);
    case FORY_N_INT_32:
        return PyLong_FromLong((int32_t)fory_load32(p));
    default:
        return PyLong_FromLongLong((int64_t)fory_load64(p));
    }
}

static PyObject *
read_float(ForyReadCtx *r)
{
    const uint8_t *p;
    uint64_t bits;
    double d;
    if (take(r, 8, &p) < 0) {
        return NULL;
    }
    bits = fory_load64(p);
    memcpy(&d, &bits, 8);
    return PyFloat_FromDouble(d);
}

static PyObject *
read_float_32(ForyReadCtx *r)
{
    const uint8_t *p;
    uint32_t bits;
    float f;
    if (take(r, 4, &p) < 0) {
        return NULL;
    }
    bits = fory_load32(p);
    memcpy(&f, &bits, 4);
    return PyFloat_FromDouble((double)f);
}

/* ---- text and bytes ----------------------------------------------------------------------------- */

static PyObject *
read_str_1(ForyReadCtx *r)
{
    size_t n = 0;
    const uint8_t *p;
    if (fory_native_count(r, &n) < 0 || take(r, n, &p) < 0) {
        return NULL;
    }
    return fory_latin1_str(r, p, n);
}

PyObject *
fory_native_wide_str(ForyReadCtx *r, const uint8_t *p, size_t n)
{
    PyObject *s, *narrow;
    if (n == 0) {
        return PyUnicode_New(0, 0);
    }
    s = PyUnicode_New((Py_ssize_t)n, 0xffff);
    if (s == NULL) {
        return NULL;
    }
    Py_UCS2 *text = PyUnicode_2BYTE_DATA(s);
    unsigned any = 0;
#if FORY_BIG_ENDIAN
    for (size_t i = 0; i < n; i++) {
        text[i] = fory_load16(p + 2 * i);
    }
    any = r->st->kernels->utf16_or(text, n);
#else
    if (n <= FORY_SHORT_UNITS) {
        any = fory_move_units((uint8_t *)text, p, n);
    }
    else {
        fory_advise_fresh(text, n * 2);
        FORY_LARGE_WORK(n, memcpy(text, p, n * 2));
        /* most text says soon what it is */
        any = text[0] > 0xff || text[n / 2] > 0xff ? 0x100 : r->st->kernels->utf16_or(text, n);
    }
#endif
    if (FORY_LIKELY(any > 0xff)) {
        return s;
    }
    narrow = PyUnicode_FromKindAndData(PyUnicode_2BYTE_KIND, text, (Py_ssize_t)n);
    Py_DECREF(s);
    return narrow;
}

static PyObject *
read_str_2(ForyReadCtx *r)
{
    uint64_t n = 0;
    const uint8_t *p;
    if (read_number(r, &n) < 0) {
        return NULL;
    }
    if (n > PY_SSIZE_T_MAX / 4) {
        return truncated(r);
    }
    return take(r, (size_t)n * 2, &p) < 0 ? NULL : fory_native_wide_str(r, p, (size_t)n);
}

static PyObject *
read_str_utf8(ForyReadCtx *r)
{
    size_t n = 0;
    const uint8_t *p;
    if (fory_native_count(r, &n) < 0 || take(r, n, &p) < 0) {
        return NULL;
    }
    return fory_utf8_str(r, p, n);
}

static PyObject *
read_bytes(ForyReadCtx *r)
{
    size_t n = 0;
    const uint8_t *p;
    PyObject *v;
    if (fory_native_count(r, &n) < 0 || take(r, n, &p) < 0) {
        return NULL;
    }
    if (FORY_LIKELY(n < FORY_LARGE)) {
        return PyBytes_FromStringAndSize((const char *)p, (Py_ssize_t)n);
    }
    v = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n);
    if (v != NULL) {
        fory_advise_fresh(PyBytes_AS_STRING(v), n);
        FORY_LARGE_WORK(n, memcpy(PyBytes_AS_STRING(v), p, n));
    }
    return v;
}

FORY_INLINE PyObject *
read_short_str(ForyReadCtx *r, size_t n)
{
    const uint8_t *p;
    if (FORY_UNLIKELY(take(r, n, &p) < 0)) {
        return NULL;
    }
    return fory_latin1_str(r, p, n);
}

/* ---- lists -------------------------------------------------------------------------------------- */

/* The object, when a reference to one that is there comes next; NULL and nothing read otherwise.
 * Which of them, and of what size, cannot be predicted: no branch. */
FORY_INLINE PyObject *
next_ref(ForyReadCtx *r)
{
    const uint8_t *p = r->in.pos;
    unsigned tag, far, number;
    PyObject *v;
    if (FORY_UNLIKELY(r->in.end - p < 2)) {
        return NULL;
    }
    tag = p[0];
    far = tag == FORY_N_REF_N;
    if (!((tag - FORY_N_REF < FORY_N_REF_COUNT) | far)) {
        return NULL;
    }
    number = far ? p[1] : tag - FORY_N_REF;
    if (FORY_UNLIKELY(number >= 128) || FORY_UNLIKELY(number >= r->n_refs) ||
        FORY_UNLIKELY((size_t)(p - r->in.start) >= r->native->watch) || FORY_UNLIKELY((v = r->refs[number]) == NULL)) {
        return NULL;
    }
    r->in.pos = p + 1 + far;
    return Py_NewRef(v);
}

/* The list grows as its elements come: user code may see it before it is complete. */
static PyObject *
read_list(ForyReadCtx *r, size_t n)
{
    Py_ssize_t id = fory_ref_take(r);
    const int shared = r->n_refs != 0;
    PyObject *list;
    size_t i = 0;
    if (fory_charge(r, 32 + 8 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    list = PyList_New((Py_ssize_t)n);
    if (list == NULL) {
        r->depth--;
        return NULL;
    }
    Py_SET_SIZE(list, 0);
    fory_ref_publish(r, id, list);
    for (; i < n; i++) {
        PyObject *v = shared ? next_ref(r) : NULL;
        if (v == NULL && FORY_UNLIKELY((v = fory_native_read(r)) == NULL)) {
            goto error;
        }
        if (FORY_UNLIKELY((size_t)Py_SIZE(list) != i) ||
            FORY_UNLIKELY((size_t)((PyListObject *)list)->allocated < n)) {
            Py_DECREF(v);
            fory_raise(r->st, FORY_E_INVALID_DATA, "published list was modified while being deserialized");
            goto error;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, v);
        Py_SET_SIZE(list, (Py_ssize_t)i + 1);
    }
    r->depth--;
    return list;
error:
    fory_path_index(&r->path, (Py_ssize_t)i);
    r->depth--;
    Py_DECREF(list);
    return NULL;
}

static PyObject *
read_tuple(ForyReadCtx *r, size_t n)
{
    PyObject *tuple;
    if (n == 0) {
        return Py_NewRef(r->st->empty_tuple);
    }
    if (fory_charge(r, 24 + 8 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    tuple = PyTuple_New((Py_ssize_t)n);
    for (size_t i = 0; tuple != NULL && i < n; i++) {
        PyObject *v = fory_native_read(r);
        if (FORY_UNLIKELY(v == NULL)) {
            fory_path_index(&r->path, (Py_ssize_t)i);
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, v);
    }
    r->depth--;
    return tuple;
}

/* ---- dicts and sets ---------------------------------------------------------------------------- */

void
fory_native_misfit(ForyReadCtx *r, PyObject *about)
{
    PyObject *type, *value, *tb, *new_type, *new_value, *new_tb;
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError) &&
        !PyErr_ExceptionMatches(PyExc_AttributeError) && !PyErr_ExceptionMatches(PyExc_LookupError) &&
        !PyErr_ExceptionMatches(PyExc_ArithmeticError)) {
        return;
    }
    PyErr_Fetch(&type, &value, &tb);
    for (int i = 0; i < FORY_E_COUNT; i++) {
        if (tb != NULL || PyErr_GivenExceptionMatches(type, r->st->errors[i])) {
            PyErr_Restore(type, value, tb);
            return;
        }
    }
    PyErr_NormalizeException(&type, &value, &tb);
    fory_raise(r->st, FORY_E_INVALID_DATA, "%s: %S", PyType_Check(about) ? ((PyTypeObject *)about)->tp_name
                                                                        : Py_TYPE(about)->tp_name, value);
    PyErr_Fetch(&new_type, &new_value, &new_tb);
    PyErr_NormalizeException(&new_type, &new_value, &new_tb);
    if (new_value != NULL && PyExceptionInstance_Check(new_value) && value != NULL) {
        PyException_SetCause(new_value, value);
        value = NULL;
    }
    PyErr_Restore(new_type, new_value, new_tb);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(tb);
}

static PyObject *
unhashable(ForyReadCtx *r, PyObject *v, const char *what)
{
    if (PyErr_ExceptionMatches(PyExc_TypeError) &&
        (PyList_CheckExact(v) || PyDict_CheckExact(v) || Py_TYPE(v)->tp_hash == PyObject_HashNotImplemented)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "unhashable %s as a %s", Py_TYPE(v)->tp_name, what);
    }
    else {
        fory_native_misfit(r, v);
    }
    return NULL;
}

FORY_INLINE PyObject *
read_key(ForyReadCtx *r)
{
    if (FORY_LIKELY(r->in.pos < r->in.end)) {
        unsigned n = (unsigned)*r->in.pos - FORY_N_STR;
        if (n < FORY_N_STR_COUNT) {
            ForyNativeRead *native = r->native;
            size_t at = (size_t)(r->in.pos - r->in.start), entry;
            const uint8_t *p;
            PyObject *key;
            if (FORY_LIKELY(at < native->watch)) {
                r->in.pos++;
                return take(r, n, &p) < 0 ? NULL : fory_key_str(r, p, n);
            }
            if (native->recording && at != native->mark) {
                r->in.pos++;
                entry = fory_native_new_entry(native, at);
                key = entry == SIZE_MAX || take(r, n, &p) < 0 ? NULL : fory_key_str(r, p, n);
                if (key != NULL) {
                    native->kept[entry].object = Py_NewRef(key);
                }
                return key;
            }
        }
    }
    return fory_native_read(r);
}

/* A str, or a reference to one. */
static int
is_str_tag(unsigned tag)
{
    return (tag >= FORY_N_STR && tag < FORY_N_OBJECT) || (tag >= FORY_N_REF && tag < FORY_N_TUPLE) ||
           (tag >= FORY_N_STR_1 && tag <= FORY_N_STR_UTF8) || tag == FORY_N_REF_N || tag == FORY_N_EARLIER;
}

int
fory_native_read_pairs(ForyReadCtx *r, PyObject *dict, size_t m)
{
    for (; m > 0; m--) {
        PyObject *key = read_key(r), *value;
        int rc;
        if (FORY_UNLIKELY(key == NULL)) {
            return -1;
        }
        value = fory_native_read(r);
        if (FORY_UNLIKELY(value == NULL)) {
            fory_path_key(&r->path, key);
            Py_DECREF(key);
            return -1;
        }
        rc = PyDict_SetItem(dict, key, value);
        if (FORY_UNLIKELY(rc < 0)) {
            unhashable(r, key, "dict key");
        }
        Py_DECREF(key);
        Py_DECREF(value);
        if (FORY_UNLIKELY(rc < 0)) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
read_dict(ForyReadCtx *r, size_t n)
{
    Py_ssize_t id = fory_ref_take(r);
    PyObject *dict;
    if (n * 2 > fory_left(&r->in) && !fory_have(&r->in, n * 2)) {
        return truncated(r);
    }
    if (fory_charge(r, 64 + 24 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    dict = fory_dict_new((Py_ssize_t)(n < 65536 ? n : 65536));
    if (dict != NULL) {
        fory_ref_publish(r, id, dict);
        if (FORY_UNLIKELY(fory_native_read_pairs(r, dict, n) < 0)) {
            Py_CLEAR(dict);
        }
    }
    r->depth--;
    return dict;
}

/* A dict whose keys were announced. */
static PyObject *
read_dict_like(ForyReadCtx *r, uint64_t number)
{
    Py_ssize_t id = fory_ref_take(r);
    PyObject *dict;
    size_t n;
    if (FORY_UNLIKELY(number >= r->native->n_dict_shapes)) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "dict shape number %llu of %zu", (unsigned long long)number,
                          r->native->n_dict_shapes);
    }
    n = r->native->dict_shapes[number].n;
    if (!fory_have(&r->in, n)) {
        return truncated(r);
    }
    if (fory_charge(r, 64 + 24 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    dict = fory_dict_new((Py_ssize_t)n);
    if (dict == NULL) {
        r->depth--;
        return NULL;
    }
    fory_ref_publish(r, id, dict);
    for (size_t i = 0; i < n; i++) {
        PyObject *value = fory_native_read(r);
        /* the table may have moved */
        PyObject *key = r->native->dict_shapes[number].keys[i];
        int rc = FORY_UNLIKELY(value == NULL) ? -1 : PyDict_SetItem(dict, key, value);
        if (FORY_UNLIKELY(rc < 0)) {
            fory_path_key(&r->path, key);
            Py_XDECREF(value);
            r->depth--;
            Py_DECREF(dict);
            return NULL;
        }
        Py_DECREF(value);
    }
    r->depth--;
    return dict;
}

static PyObject *
read_dict_shape(ForyReadCtx *r)
{
    ForyNativeRead *native = r->native;
    Py_ssize_t id = fory_ref_take(r);
    size_t at = native->n_dict_shapes;
    uint8_t n = 0;
    if (fory_get_u8(&r->in, &n) != FORY_OK) {
        return truncated(r);
    }
    if (n == 0 || n > FORY_DICT_KEYS || native->n_dict_shapes >= FORY_DICT_SHAPES) {
        return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed dict shape");
    }
    if (fory_grow_array(&native->dict_shapes, &native->cap_dict_shapes, native->n_dict_shapes + 1,
                        sizeof(*native->dict_shapes)) < 0) {
        return NULL;
    }
    native->dict_shapes[at].n = 0;
    native->n_dict_shapes++;
    for (size_t i = 0; i < n; i++) {
        PyObject *key;
        if (fory_left(&r->in) > 0 && !is_str_tag(*r->in.pos)) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed dict shape");
        }
        key = read_key(r);
        if (key == NULL) {
            return NULL;
        }
        if (!PyUnicode_CheckExact(key)) {
            Py_DECREF(key);
            return fory_raise(r->st, FORY_E_INVALID_DATA, "malformed dict shape");
        }
        /* a damaged message may nest anything in a key, and move the table */
        native->dict_shapes[at].keys[i] = key;
        native->dict_shapes[at].n = i + 1;
    }
    r->pending_ref = id;
    return read_dict_like(r, at);
}

static PyObject *
read_set(ForyReadCtx *r, int frozen)
{
    Py_ssize_t id = frozen ? -1 : fory_ref_take(r);
    PyObject *set;
    size_t n = 0;
    if (fory_native_count(r, &n) < 0 || fory_charge(r, 200 + 16 * (int64_t)n) < 0 || fory_read_enter(r) < 0) {
        return NULL;
    }
    set = frozen ? PyFrozenSet_New(NULL) : PySet_New(NULL);
    if (set == NULL) {
        r->depth--;
        return NULL;
    }
    if (frozen && n == 0) {
        r->depth--;
        return set;
    }
    fory_ref_publish(r, id, set);
    for (size_t i = 0; i < n; i++) {
        PyObject *v = fory_native_read(r);
        int rc = v == NULL ? -1 : PySet_Add(set, v);
        if (FORY_UNLIKELY(rc < 0)) {
            if (v != NULL) {
                unhashable(r, v, "set element");
                Py_DECREF(v);
            }
            fory_path_index(&r->path, (Py_ssize_t)i);
            Py_CLEAR(set);
            break;
        }
        Py_DECREF(v);
    }
    r->depth--;
    return set;
}

/* ---- any value -------------------------------------------------------------------------------- */

static PyObject *
read_global_value(ForyReadCtx *r)
{
    int named;
    return fory_native_read_global(r, &named);
}

static PyObject *
read_counted(ForyReadCtx *r, PyObject *(*read)(ForyReadCtx *, size_t))
{
    size_t n = 0;
    Py_ssize_t id = fory_ref_take(r);
    if (fory_native_count(r, &n) < 0) {
        return NULL;
    }
    r->pending_ref = id;
    return read(r, n);
}

static PyObject *
read_rare(ForyReadCtx *r, int tag)
{
    uint64_t n = 0;
    switch (tag) {
    case FORY_N_INT_U8:
    case FORY_N_INT_U16:
    case FORY_N_INT_N8:
    case FORY_N_INT_24:
    case FORY_N_INT_32:
    case FORY_N_INT_64:
        return read_int(r, tag);
    case FORY_N_INT_BIG:
        return read_big_int(r);
    case FORY_N_FLOAT_32:
        return read_float_32(r);
    case FORY_N_STR_1:
        return read_str_1(r);
    case FORY_N_STR_2:
        return read_str_2(r);
    case FORY_N_STR_UTF8:
        return read_str_utf8(r);
    case FORY_N_BYTES:
        return read_bytes(r);
    case FORY_N_LIST_N:
        return read_counted(r, read_list);
    case FORY_N_TUPLE_N:
        return read_counted(r, read_tuple);
    case FORY_N_DICT_N:
        return read_counted(r, read_dict);
    case FORY_N_SET:
        return read_set(r, 0);
    case FORY_N_FROZENSET:
        return read_set(r, 1);
    case FORY_N_INTS:
        return fory_native_read_sequence_of(r, FORY_K_INT, 0);
    case FORY_N_FLOATS:
        return fory_native_read_sequence_of(r, FORY_K_FLOAT, 0);
    case FORY_N_BOOLS:
        return fory_native_read_sequence_of(r, FORY_K_BOOL, 0);
    case FORY_N_OBJECT_N:
        return read_number(r, &n) < 0 ? NULL : fory_native_read_object(r, n);
    case FORY_N_SHAPE:
    case FORY_N_SHAPE_INTS:
    case FORY_N_SHAPE_SOME:
        return fory_native_read_shape(r, tag);
    case FORY_N_REF_N:
        return read_number(r, &n) < 0 ? NULL : fory_native_read_ref(r, n);
    case FORY_N_GLOBAL:
        return read_global_value(r);
    case FORY_N_REDUCE:
    case FORY_N_REDUCE_X:
    case FORY_N_NEWOBJ:
    case FORY_N_NEWOBJ_X:
    case FORY_N_NEWOBJ_EX:
        return fory_native_read_reduce(r, tag);
    case FORY_N_CODE:
        return fory_native_read_code(r);
    case FORY_N_EXT:
        return fory_native_read_ext(r);
    case FORY_N_DATETIME:
        return fory_native_read_datetime(r);
    case FORY_N_DATE:
        return fory_native_read_date(r);
    case FORY_N_ENUM:
        return fory_native_read_enum(r);
    case FORY_N_INSTANCE:
        return fory_native_read_instance(r);
    case FORY_N_DICT_SHAPE:
        return read_dict_shape(r);
    case FORY_N_DICT_LIKE:
        return read_number(r, &n) < 0 ? NULL : read_dict_like(r, n);
    case FORY_N_ARRAY:
    case FORY_N_ARRAY_1:
    case FORY_N_ARRAY_2:
    case FORY_N_ARRAY_4:
        return fory_native_read_array(r, tag);
    case FORY_N_LIST_OF:
        return fory_native_read_kind_of(r, 0);
    case FORY_N_TUPLE_OF:
        return fory_native_read_kind_of(r, 1);
    case FORY_N_SET_OF:
        return fory_native_read_set_of(r, 0);
    case FORY_N_FROZENSET_OF:
        return fory_native_read_set_of(r, 1);
    case FORY_N_DICT_OF:
        return fory_native_read_runs(r);
    case FORY_N_EARLIER:
        return fory_native_read_earlier(r);
    default:
        return fory_raise(r->st, FORY_E_INVALID_DATA, "unknown tag 0x%x", (unsigned)tag);
    }
}

PyObject *
fory_native_read_tag(ForyReadCtx *r, int tag)
{
    if (tag < FORY_N_STR) {
        return small_int(r, tag + FORY_N_INT_MIN);
    }
    if (tag < FORY_N_OBJECT) {
        return read_short_str(r, (size_t)(tag - FORY_N_STR));
    }
    if (tag < FORY_N_REF) {
        return fory_native_read_object(r, (uint64_t)(tag - FORY_N_OBJECT));
    }
    if (tag < FORY_N_TUPLE) {
        return fory_native_read_ref(r, (uint64_t)(tag - FORY_N_REF));
    }
    if (tag < FORY_N_LIST) {
        return read_tuple(r, (size_t)(tag - FORY_N_TUPLE));
    }
    if (tag < FORY_N_DICT) {
        return read_list(r, (size_t)(tag - FORY_N_LIST));
    }
    if (tag < FORY_N_NONE) {
        return read_dict(r, (size_t)(tag - FORY_N_DICT));
    }
    switch (tag) {
    case FORY_N_NONE:
        return Py_NewRef(Py_None);
    case FORY_N_FALSE:
        return Py_NewRef(Py_False);
    case FORY_N_TRUE:
        return Py_NewRef(Py_True);
    case FORY_N_FLOAT:
        return read_float(r);
    default:
        return read_rare(r, tag);
    }
}

PyObject *
fory_native_read(ForyReadCtx *r)
{
    uint8_t tag = 0;
    if (FORY_UNLIKELY(fory_get_u8(&r->in, &tag) != FORY_OK)) {
        return truncated(r);
    }
    if (FORY_UNLIKELY((size_t)(r->in.pos - r->in.start) > r->native->watch)) {
        return fory_native_read_watched(r, tag);
    }
    return fory_native_read_tag(r, tag);
}
