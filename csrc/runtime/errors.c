/* Error raising and the path of a failure ($.orders[3].price).
 *
 * Nothing about paths costs anything until something fails: each level that an
 * exception passes on its way out appends its own segment to the context. */
#include "runtime/runtime.h"

#include <stdarg.h>

PyObject *
fory_raise(ForyState *st, enum fory_error kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PyErr_FormatV(st->errors[kind], format, args);
    va_end(args);
    return NULL;
}

void
fory_raise_wire(ForyState *st, int status)
{
    if (status == FORY_TRUNCATED) {
        fory_raise(st, FORY_E_TRUNCATED, "input ends before the value is complete");
    }
    else {
        fory_raise(st, FORY_E_INVALID_DATA, "malformed number in the input");
    }
}

int
fory_read_bad(ForyReadCtx *r, int status)
{
    /* a stream that failed has said why */
    if (!PyErr_Occurred()) {
        fory_raise_wire(r->st, status);
    }
    return -1;
}

int
fory_depth_error(ForyState *st, int max_depth, int reading)
{
    fory_raise(st, FORY_E_DEPTH,
               "%s more than max_depth=%d nested containers or objects; raise Fory(max_depth=...), "
               "or use Fory(ref=True) if the graph has cycles",
               reading ? "reading" : "writing", max_depth);
    return -1;
}

int
fory_charge_failed(ForyReadCtx *r, int64_t bytes)
{
    fory_raise(r->st, FORY_E_LIMIT,
               "estimated graph memory budget exceeded: %lld bytes requested, %lld of %lld left; "
               "raise Fory(max_graph_memory_bytes=...) for trusted data",
               (long long)bytes, (long long)r->graph_left, (long long)r->engine->max_graph_memory);
    return -1;
}

/* ---- path -------------------------------------------------------------- */

/* Steals segment; the pending exception survives whatever happens here. */
static void
path_append(PyObject **segments, PyObject *segment)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    if (segment != NULL) {
        if (*segments == NULL) {
            *segments = PyList_New(0);
        }
        /* a path longer than this helps nobody */
        if (*segments == NULL || PyList_GET_SIZE(*segments) > 200 ||
            PyList_Append(*segments, segment) < 0) {
            PyErr_Clear();
        }
        Py_DECREF(segment);
    }
    else {
        PyErr_Clear();
    }
    PyErr_Restore(type, value, tb);
}

static PyObject *
with_exception_saved(PyObject *(*make)(void *), void *arg)
{
    PyObject *type, *value, *tb, *segment;
    PyErr_Fetch(&type, &value, &tb);
    segment = make(arg);
    if (segment == NULL) {
        PyErr_Clear();
    }
    PyErr_Restore(type, value, tb);
    return segment;
}

static PyObject *
make_field(void *name)
{
    return PyUnicode_FromFormat(".%U", (PyObject *)name);
}

static PyObject *
make_index(void *index)
{
    return PyUnicode_FromFormat("[%zd]", *(Py_ssize_t *)index);
}

typedef struct PathShift {
    PyObject *segment; /* borrowed */
    Py_ssize_t by;
} PathShift;

static PyObject *
make_key(void *arg)
{
    PyObject *key = arg;
    /* never repr() arbitrary data here: it may run user code or be huge */
    if (PyUnicode_CheckExact(key) && PyUnicode_GET_LENGTH(key) <= 64) {
        return PyUnicode_FromFormat(PyUnicode_IsIdentifier(key) ? ".%U" : "[%R]", key);
    }
    if (PyLong_CheckExact(key)) {
        int overflow = 0;
        long long v = PyLong_AsLongLongAndOverflow(key, &overflow);
        if (overflow == 0) {
            return PyUnicode_FromFormat("[%lld]", v);
        }
    }
    return PyUnicode_FromFormat("[<%s>]", Py_TYPE(key)->tp_name);
}

void
fory_path_field(PyObject **segments, PyObject *name)
{
    path_append(segments, with_exception_saved(make_field, name));
}

void
fory_path_index(PyObject **segments, Py_ssize_t index)
{
    path_append(segments, with_exception_saved(make_index, &index));
}

static PyObject *
make_shifted(void *arg)
{
    const PathShift *shift = arg;
    const char *text = PyUnicode_AsUTF8(shift->segment);
    return text == NULL ? NULL : PyUnicode_FromFormat("[%zd]", (Py_ssize_t)strtoll(text + 1, NULL, 10) + shift->by);
}

void
fory_path_shift(PyObject **segments, Py_ssize_t by)
{
    Py_ssize_t last = *segments == NULL ? -1 : PyList_GET_SIZE(*segments) - 1;
    PyObject *segment;
    PathShift shift;
    if (last < 0 || by == 0) {
        return;
    }
    shift.segment = PyList_GET_ITEM(*segments, last);
    shift.by = by;
    segment = with_exception_saved(make_shifted, &shift);
    if (segment != NULL) {
        PyList_SetItem(*segments, last, segment);
    }
}

void
fory_path_key(PyObject **segments, PyObject *key)
{
    path_append(segments, with_exception_saved(make_key, key));
}

static PyObject *
path_text(PyObject *segments)
{
    PyObject *text = NULL, *empty = NULL;
    Py_ssize_t n = segments == NULL ? 0 : PyList_GET_SIZE(segments);
    PyObject *parts = PyList_New(n + 1);
    if (parts == NULL) {
        return NULL;
    }
    PyList_SET_ITEM(parts, 0, PyUnicode_FromString("$"));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyList_SET_ITEM(parts, i + 1, Py_NewRef(PyList_GET_ITEM(segments, n - 1 - i)));
    }
    empty = PyUnicode_FromString("");
    if (PyList_GET_ITEM(parts, 0) != NULL && empty != NULL) {
        text = PyUnicode_Join(empty, parts);
    }
    Py_XDECREF(empty);
    Py_DECREF(parts);
    return text;
}

void
fory_path_complete(ForyState *st, PyObject **segments, Py_ssize_t offset)
{
    PyObject *type, *value, *tb, *text = NULL, *number = NULL;
    PyErr_Fetch(&type, &value, &tb);
    if (type == NULL) {
        return;
    }
    PyErr_NormalizeException(&type, &value, &tb);
    text = path_text(*segments);
    if (text == NULL || value == NULL) {
        goto done;
    }
    /* errors[FORY_E_INVALID_DATA] and its relatives share ForyError, their last common base */
    int ours = 0;
    for (int i = 0; i < FORY_E_COUNT && !ours; i++) {
        ours = PyErr_GivenExceptionMatches(value, st->errors[i]);
    }
    if (ours) {
        PyObject *have = PyObject_GetAttr(value, st->str_path);
        int fresh = have == Py_None;
        Py_XDECREF(have);
        if (fresh) {
            PyObject_SetAttr(value, st->str_path, text);
            if (offset >= 0 && (number = PyLong_FromSsize_t(offset)) != NULL) {
                PyObject_SetAttr(value, st->str_offset, number);
            }
        }
    }
#if PY_VERSION_HEX >= 0x030B0000
    else if (*segments != NULL && PyErr_GivenExceptionMatches(value, PyExc_Exception)) {
        PyObject *note = PyUnicode_FromFormat("while %s %U", offset < 0 ? "writing" : "reading", text);
        if (note != NULL) {
            Py_XDECREF(PyObject_CallMethodObjArgs(value, st->str_add_note, note, NULL));
            Py_DECREF(note);
        }
    }
#endif
done:
    PyErr_Clear();
    Py_XDECREF(text);
    Py_XDECREF(number);
    PyErr_Restore(type, value, tb);
    Py_CLEAR(*segments);
}

void
fory_write_failed(ForyWriteCtx *w)
{
    fory_path_complete(w->st, &w->path, -1);
}

void
fory_read_failed(ForyReadCtx *r)
{
    fory_path_complete(r->st, &r->path, (Py_ssize_t)(r->in.pos - r->in.start));
}
