/* Classes and functions by name: numbers within a message, names the first time.
 *
 * What was found once is kept with the module it was found in and checked
 * against that module's dict each time, so that a reloaded or redefined name is
 * noticed. Names are turned into objects by the registry alone
 * (pyfory.native.registry), which asks strict mode and policy first. */
#include "native/native.h"

/* ---- tables ---------------------------------------------------------------------- */

static void
global_free(ForyGlobal *g)
{
    if (g != NULL) {
        Py_XDECREF(g->object);
        Py_XDECREF(g->module);
        Py_XDECREF(g->qualname);
        Py_XDECREF(g->home);
        Py_XDECREF(g->text);
        Py_XDECREF(g->typename);
        PyMem_Free(g);
    }
}

void
fory_native_globals_free(ForyGlobalTable *t)
{
    ForyGlobal **slots = t->slots;
    size_t mask = t->mask;
    *t = (ForyGlobalTable){NULL, 0, 0};
    for (size_t i = 0; slots != NULL && i <= mask; i++) {
        global_free(slots[i]);
    }
    PyMem_Free(slots);
}

int
fory_native_globals_traverse(ForyGlobalTable *t, visitproc visit, void *arg)
{
    for (size_t i = 0; t->slots != NULL && i <= t->mask; i++) {
        if (t->slots[i] != NULL) {
            Py_VISIT(t->slots[i]->object);
            Py_VISIT(t->slots[i]->home);
        }
    }
    return 0;
}

/* Steals g. 0 / -1. */
static int
table_add(ForyGlobalTable *t, ForyGlobal *g)
{
    if (t->slots == NULL || (t->used + 1) * 2 > t->mask + 1) {
        size_t cap = t->slots == NULL ? 32 : (t->mask + 1) * 2;
        ForyGlobal **slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            global_free(g);
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; t->slots != NULL && i <= t->mask; i++) {
            if (t->slots[i] != NULL) {
                size_t j = t->slots[i]->hash & (cap - 1);
                while (slots[j] != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = t->slots[i];
            }
        }
        PyMem_Free(t->slots);
        t->slots = slots;
        t->mask = cap - 1;
    }
    size_t i = g->hash & t->mask;
    while (t->slots[i] != NULL) {
        i = (i + 1) & t->mask;
    }
    t->slots[i] = g;
    t->used++;
    return 0;
}

/* The name still leads to the object. Runs no user code. */
static int
still_there(ForyNativeEngine *n, const ForyGlobal *g)
{
    PyObject *home;
    if (g->home == NULL) {
        return 1;
    }
    home = PyDict_GetItemWithError(n->modules, g->module);
    if (home != g->home) {
        PyErr_Clear();
        return 0;
    }
    if (PyDict_GetItemWithError(PyModule_GetDict(home), g->qualname) != g->object) {
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* Keeps what the registry found when it can be checked cheaply later. */
static int
remember(ForyEngine *e, ForyGlobalTable *t, uint64_t hash, PyObject *object, PyObject *module, PyObject *qualname,
         PyObject *text)
{
    ForyNativeEngine *n = e->native;
    PyObject *home = PyDict_GetItemWithError(n->modules, module);
    ForyGlobal *g;
    if (home == NULL || !PyModule_Check(home) || PyUnicode_FindChar(qualname, '.', 0, PyUnicode_GET_LENGTH(qualname), 1) >= 0 ||
        PyDict_GetItemWithError(PyModule_GetDict(home), qualname) != object) {
        if (PyErr_Occurred()) {
            PyErr_Clear();
        }
        return 0;
    }
    g = PyMem_Calloc(1, sizeof(*g));
    if (g == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    g->hash = hash;
    g->form = FORY_G_NAME;
    g->object = Py_NewRef(object);
    g->module = Py_NewRef(module);
    g->qualname = Py_NewRef(qualname);
    g->home = Py_NewRef(home);
    g->text = Py_XNewRef(text);
    return table_add(t, g);
}

/* ---- writing -------------------------------------------------------------------------- */

static ForyRefSlot *
number_slot(ForyWriteCtx *w, PyObject *o)
{
    ForyNativeWrite *n = w->native;
    if (n->globals == NULL || (size_t)n->n_globals * 2 > n->globals_mask) {
        size_t cap = n->globals == NULL ? 32 : (n->globals_mask + 1) * 2;
        ForyRefSlot *slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        for (size_t i = 0; n->globals != NULL && i <= n->globals_mask; i++) {
            if (n->globals[i].generation == w->generation) {
                size_t j = fory_pointer_hash(n->globals[i].object) & (cap - 1);
                while (slots[j].object != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = n->globals[i];
            }
        }
        PyMem_Free(n->globals);
        n->globals = slots;
        n->globals_mask = cap - 1;
    }
    size_t i = fory_pointer_hash(o) & n->globals_mask;
    while (n->globals[i].generation == w->generation && n->globals[i].object != o) {
        i = (i + 1) & n->globals_mask;
    }
    return &n->globals[i];
}

static int
give_number(ForyWriteCtx *w, PyObject *o)
{
    ForyRefSlot *slot;
    if (fory_write_keep(w, o) < 0) {
        return -1;
    }
    slot = number_slot(w, o);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation != w->generation) {
        slot->generation = w->generation;
        slot->object = o;
        slot->id = w->native->n_globals;
    }
    /* counted even when it has a number already: the reader counts too */
    w->native->n_globals++;
    return 0;
}

int
fory_native_write_name(ForyWriteCtx *w, PyObject *name)
{
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(name, &size);
    PyObject *bytes = NULL;
    int rc = -1;
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        bytes = PyUnicode_AsEncodedString(name, "utf-8", "surrogatepass");
        text = bytes == NULL ? NULL : PyBytes_AS_STRING(bytes);
        size = bytes == NULL ? 0 : PyBytes_GET_SIZE(bytes);
    }
    if (text != NULL && fory_room(w, FORY_VU64_MAX + (size_t)size) == 0) {
        fory_put_vu64(&w->out, (uint64_t)size);
        fory_copy_short(w->out.pos, (const uint8_t *)text, (size_t)size);
        w->out.pos += size;
        rc = 0;
    }
    Py_XDECREF(bytes);
    return rc;
}

static int
write_module(ForyWriteCtx *w, PyObject *module)
{
    ForyNativeWrite *n = w->native;
    for (size_t i = 0; i < n->n_modules; i++) {
        if (n->modules[i] == module || PyUnicode_Compare(n->modules[i], module) == 0) {
            if (fory_room(w, FORY_VU64_MAX) < 0) {
                return -1;
            }
            fory_put_vu64(&w->out, i + 1);
            return 0;
        }
    }
    if (fory_grow_array(&n->modules, &n->cap_modules, n->n_modules + 1, sizeof(*n->modules)) < 0 ||
        fory_native_tag(w, 0) < 0 || fory_native_write_name(w, module) < 0) {
        return -1;
    }
    n->modules[n->n_modules++] = Py_NewRef(module);
    return 0;
}

static int
write_form(ForyWriteCtx *w, const ForyGlobal *g)
{
    if (fory_native_tag(w, g->form) < 0) {
        return -1;
    }
    switch (g->form) {
    case FORY_G_ID:
        if (fory_room(w, FORY_VU64_MAX) < 0) {
            return -1;
        }
        fory_put_vu64(&w->out, g->user_id);
        return 0;
    case FORY_G_TYPENAME:
        if (fory_native_write_name(w, g->typename) < 0) {
            return -1;
        }
        /* fall through */
    default:
        return write_module(w, g->module) < 0 ? -1 : fory_native_write_name(w, g->qualname);
    }
}

/* Asks the registry how o is named: 1 *g filled with new references, 0 by value, -1. */
static int
ask_name(ForyWriteCtx *w, PyObject *o, ForyGlobal *g)
{
    PyObject *answer = NULL;
    unsigned int id = 0;
    int form = 0, rc = -1;
    memset(g, 0, sizeof(*g));
    if (fory_write_pin(w) < 0) {
        return -1;
    }
    answer = PyObject_CallMethod(w->engine->registry, "name_of", "(O)", o);
    if (answer == NULL) {
        return -1;
    }
    if (answer == Py_None) {
        rc = 0;
    }
    else if (PyArg_ParseTuple(answer, "iIOOO", &form, &id, &g->typename, &g->module, &g->qualname)) {
        g->form = (uint8_t)form;
        g->user_id = id;
        g->object = o;
        Py_INCREF(g->object);
        Py_INCREF(g->typename);
        Py_INCREF(g->module);
        Py_INCREF(g->qualname);
        rc = 1;
    }
    Py_DECREF(answer);
    return rc;
}

static void
drop_name(ForyGlobal *g)
{
    Py_CLEAR(g->object);
    Py_CLEAR(g->typename);
    Py_CLEAR(g->module);
    Py_CLEAR(g->qualname);
}

/* Writes the first form of o when it has a name: 1 written, 0 by value, -1. */
static int
write_first(ForyWriteCtx *w, PyObject *o, int tag)
{
    ForyNativeEngine *n = w->engine->native;
    uint64_t hash = fory_pointer_hash(o);
    ForyGlobal asked;
    int rc;
    for (size_t i = hash & n->written.mask; n->written.slots != NULL && n->written.slots[i] != NULL;
         i = (i + 1) & n->written.mask) {
        const ForyGlobal *g = n->written.slots[i];
        if (g->object == o && still_there(n, g)) {
            return (tag >= 0 && fory_native_tag(w, tag) < 0) || write_form(w, g) < 0 ? -1 : 1;
        }
    }
    rc = ask_name(w, o, &asked);
    if (rc <= 0) {
        return rc;
    }
    if ((tag >= 0 && fory_native_tag(w, tag) < 0) || write_form(w, &asked) < 0 ||
        (asked.form == FORY_G_NAME && n->written.used < 4096 &&
         remember(w->engine, &n->written, hash, o, asked.module, asked.qualname, NULL) < 0)) {
        rc = -1;
    }
    drop_name(&asked);
    return rc;
}

/* 1 when o has a number in this message, which is written; 0; -1 */
static int
write_known(ForyWriteCtx *w, PyObject *o, int tag)
{
    ForyRefSlot *slot = number_slot(w, o);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation != w->generation) {
        return 0;
    }
    if (fory_room(w, 1 + FORY_VU64_MAX) < 0) {
        return -1;
    }
    if (tag >= 0) {
        fory_put_u8(&w->out, (uint8_t)tag);
    }
    fory_put_vu64(&w->out, (uint64_t)slot->id + FORY_G_KNOWN);
    return 1;
}

int
fory_native_write_global(ForyWriteCtx *w, PyObject *o)
{
    int rc = write_known(w, o, -1);
    if (rc == 0) {
        rc = write_first(w, o, -1);
        if (rc == 0) {
            rc = fory_native_tag(w, FORY_G_VALUE) < 0 || fory_write_enter(w) < 0 ? -1 : fory_native_write(w, o);
            w->depth -= rc == 0;
        }
        if (rc >= 0) {
            rc = give_number(w, o);
        }
    }
    return rc < 0 ? -1 : 0;
}

int
fory_native_try_global(ForyWriteCtx *w, PyObject *o)
{
    int rc = write_known(w, o, FORY_N_GLOBAL);
    if (rc == 0) {
        rc = write_first(w, o, FORY_N_GLOBAL);
        if (rc > 0 && give_number(w, o) < 0) {
            rc = -1;
        }
    }
    return rc;
}

int
fory_native_write_named(ForyWriteCtx *w, PyObject *o, PyObject *name)
{
    int rc = write_known(w, o, FORY_N_GLOBAL);
    if (rc == 0) {
        ForyGlobal g = {0};
        PyObject *answer = PyObject_CallMethod(w->engine->registry, "name_of_singleton", "OO", o, name);
        if (answer == NULL || !PyArg_ParseTuple(answer, "UU", &g.module, &g.qualname)) {
            Py_XDECREF(answer);
            return -1;
        }
        g.form = FORY_G_NAME;
        rc = fory_write_keep(w, answer) < 0 || fory_native_tag(w, FORY_N_GLOBAL) < 0 || write_form(w, &g) < 0
                 ? -1
                 : give_number(w, o);
        Py_DECREF(answer);
    }
    return rc < 0 ? -1 : 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

int
fory_native_read_name(ForyReadCtx *r, ForyName *name)
{
    size_t n;
    if (fory_native_count(r, &n) < 0) {
        return -1;
    }
    if (n > 4096) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "a name of %zu bytes", n);
        return -1;
    }
    name->data = r->in.pos;
    name->size = (uint32_t)n;
    r->in.pos += n;
    return 0;
}

static int
read_module(ForyReadCtx *r, ForyName *module)
{
    ForyNativeRead *n = r->native;
    uint64_t k;
    int rc = fory_get_vu64(&r->in, &k);
    if (rc != FORY_OK) {
        return fory_read_bad(r, rc);
    }
    if (k > 0) {
        if (k > n->n_modules) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "module number %llu of %zu", (unsigned long long)k, n->n_modules);
            return -1;
        }
        *module = n->modules[k - 1];
        return 0;
    }
    if (fory_native_read_name(r, module) < 0 ||
        fory_grow_array(&n->modules, &n->cap_modules, n->n_modules + 1, sizeof(*n->modules)) < 0) {
        return -1;
    }
    n->modules[n->n_modules++] = *module;
    return 0;
}

static PyObject *
name_text(ForyReadCtx *r, const ForyName *name)
{
    PyObject *text = PyUnicode_DecodeUTF8((const char *)name->data, name->size, "surrogatepass");
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed name");
    }
    if (text != NULL) {
        PyUnicode_InternInPlace(&text);
    }
    return text;
}

static int
same_text(const ForyGlobal *g, const ForyName *module, const ForyName *qualname)
{
    const uint8_t *text = (const uint8_t *)PyBytes_AS_STRING(g->text);
    return (size_t)PyBytes_GET_SIZE(g->text) == (size_t)module->size + qualname->size + 1 &&
           memcmp(text, module->data, module->size) == 0 && text[module->size] == 0 &&
           memcmp(text + module->size + 1, qualname->data, qualname->size) == 0;
}

static PyObject *
find_by_name(ForyReadCtx *r, const ForyName *module, const ForyName *qualname, const ForyName *typename)
{
    ForyNativeEngine *n = r->engine->native;
    PyObject *found = NULL, *m = NULL, *q = NULL, *t = NULL, *text = NULL;
    uint64_t hash = fory_native_hash(qualname->data, qualname->size, fory_native_hash(module->data, module->size, 17));
    int keep = typename == NULL && r->native->find_class == NULL && !r->native->guarded;
    if (keep) {
        for (size_t i = hash & n->read.mask; n->read.slots != NULL && n->read.slots[i] != NULL;
             i = (i + 1) & n->read.mask) {
            const ForyGlobal *g = n->read.slots[i];
            if (g->hash == hash && same_text(g, module, qualname) && still_there(n, g)) {
                return Py_NewRef(g->object);
            }
        }
    }
    if ((m = name_text(r, module)) == NULL || (q = name_text(r, qualname)) == NULL) {
        goto done;
    }
    if (r->native->find_class != NULL) {
        found = PyObject_CallFunctionObjArgs(r->native->find_class, m, q, NULL);
        goto done;
    }
    if (typename != NULL) {
        t = name_text(r, typename);
        if (t != NULL) {
            found = PyObject_CallMethod(r->engine->registry, "class_by_name", "OOO", t, m, q);
        }
        goto done;
    }
    found = PyObject_CallMethod(r->engine->registry, "resolve_global", "OO", m, q);
    if (found == NULL || !keep || n->read.used >= 4096) {
        goto done;
    }
    text = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)module->size + qualname->size + 1);
    if (text == NULL) {
        Py_CLEAR(found);
        goto done;
    }
    memcpy(PyBytes_AS_STRING(text), module->data, module->size);
    PyBytes_AS_STRING(text)[module->size] = 0;
    memcpy(PyBytes_AS_STRING(text) + module->size + 1, qualname->data, qualname->size);
    if (remember(r->engine, &n->read, hash, found, m, q, text) < 0) {
        Py_CLEAR(found);
    }
done:
    Py_XDECREF(m);
    Py_XDECREF(q);
    Py_XDECREF(t);
    Py_XDECREF(text);
    return found;
}

PyObject *
fory_native_read_global(ForyReadCtx *r, int *named)
{
    ForyNativeRead *n = r->native;
    ForyName module, qualname, typename;
    PyObject *found = NULL;
    uint64_t form, id;
    int rc = fory_get_vu64(&r->in, &form);
    *named = 1;
    if (rc != FORY_OK) {
        fory_read_bad(r, rc);
        return NULL;
    }
    if (form >= FORY_G_KNOWN) {
        if (form - FORY_G_KNOWN >= n->n_globals) {
            return fory_raise(r->st, FORY_E_INVALID_DATA, "class or function number %llu of %zu",
                              (unsigned long long)(form - FORY_G_KNOWN), n->n_globals);
        }
        return Py_NewRef(n->globals[form - FORY_G_KNOWN]);
    }
    switch (form) {
    case FORY_G_NAME:
        if (read_module(r, &module) < 0 || fory_native_read_name(r, &qualname) < 0) {
            return NULL;
        }
        found = find_by_name(r, &module, &qualname, NULL);
        break;
    case FORY_G_TYPENAME:
        if (fory_native_read_name(r, &typename) < 0 || read_module(r, &module) < 0 ||
            fory_native_read_name(r, &qualname) < 0) {
            return NULL;
        }
        found = find_by_name(r, &module, &qualname, &typename);
        break;
    case FORY_G_ID:
        rc = fory_get_vu64(&r->in, &id);
        if (rc != FORY_OK) {
            fory_read_bad(r, rc);
            return NULL;
        }
        found = PyObject_CallMethod(r->engine->registry, "class_by_id", "K", (unsigned long long)id);
        break;
    default:
        *named = 0;
        if (fory_read_enter(r) < 0) {
            return NULL;
        }
        found = fory_native_read(r);
        r->depth--;
        if (found != NULL && !PyType_Check(found) && !PyCallable_Check(found)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a class", Py_TYPE(found)->tp_name);
            Py_CLEAR(found);
        }
        break;
    }
    if (found == NULL) {
        return NULL;
    }
    if (fory_grow_array(&n->globals, &n->cap_globals, n->n_globals + 1, sizeof(*n->globals)) < 0) {
        Py_DECREF(found);
        return NULL;
    }
    n->globals[n->n_globals++] = Py_NewRef(found);
    return found;
}

/* ---- what code by value needs --------------------------------------------------------------- */

static int
load_code_support(ForyEngine *e)
{
    PyObject *parts = PyObject_CallMethod(e->registry, "code_support", NULL);
    if (parts == NULL) {
        return -1;
    }
    if (!PyTuple_Check(parts) || PyTuple_GET_SIZE(parts) != FORY_CODE_COUNT) {
        Py_DECREF(parts);
        PyErr_SetString(PyExc_TypeError, "malformed support of code by value");
        return -1;
    }
    Py_XSETREF(e->native->code, parts);
    return 0;
}

PyObject *
fory_native_code_part(ForyEngine *e, int part)
{
    if (FORY_UNLIKELY(e->native->code == NULL) && load_code_support(e) < 0) {
        return NULL;
    }
    return PyTuple_GET_ITEM(e->native->code, part);
}

PyObject *
fory_native_session(ForyEngine *e, PyObject **slot, int part)
{
    if (*slot == NULL) {
        PyObject *cls = fory_native_code_part(e, part);
        *slot = cls == NULL ? NULL : PyObject_CallFunctionObjArgs(cls, NULL);
    }
    return *slot;
}
