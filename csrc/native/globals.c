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
        Py_XDECREF(g->home_dict);
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
            Py_VISIT(t->slots[i]->home_dict);
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

int
fory_native_look_there(ForyNativeEngine *n, ForyGlobal *g)
{
    if (g->home == NULL) {
        return 1;
    }
    if (PyDict_GetItemWithError(n->modules, g->module) != g->home ||
        PyDict_GetItemWithError(g->home_dict, g->qualname) != g->object) {
        PyErr_Clear();
        return 0;
    }
    g->modules_version = fory_dict_version(n->modules);
    g->home_version = fory_dict_version(g->home_dict);
    return 1;
}

/* Keeps what the registry found when it can be checked cheaply later: *kept is the
 * entry, or NULL. 0 / -1. */
static int
remember(ForyEngine *e, ForyGlobalTable *t, const ForyGlobal *found, ForyGlobal **kept)
{
    ForyNativeEngine *n = e->native;
    PyObject *home = PyDict_GetItemWithError(n->modules, found->module);
    ForyGlobal *g;
    *kept = NULL;
    if (home == NULL || !PyModule_Check(home) ||
        PyUnicode_FindChar(found->qualname, '.', 0, PyUnicode_GET_LENGTH(found->qualname), 1) >= 0 ||
        PyDict_GetItemWithError(PyModule_GetDict(home), found->qualname) != found->object) {
        if (PyErr_Occurred()) {
            PyErr_Clear();
        }
        return 0;
    }
    g = PyMem_Malloc(sizeof(*g));
    if (g == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *g = *found;
    g->form = FORY_G_NAME;
    g->typename = NULL;
    Py_INCREF(g->object);
    Py_INCREF(g->module);
    Py_INCREF(g->qualname);
    Py_XINCREF(g->text);
    g->home = Py_NewRef(home);
    g->home_dict = Py_NewRef(PyModule_GetDict(home));
    g->home_version = 0;
    if (table_add(t, g) < 0) {
        return -1;
    }
    *kept = g;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------- */

/* so many are searched one by one */
#define FEW_GLOBALS 8

static ForyRefSlot *
number_slot(ForyWriteCtx *w, PyObject *o)
{
    ForyNativeWrite *n = w->native;
    size_t i = fory_pointer_hash(o) & n->numbers_mask;
    while (n->numbers[i].generation == w->generation && n->numbers[i].object != o) {
        i = (i + 1) & n->numbers_mask;
    }
    return &n->numbers[i];
}

static void
add_number(ForyWriteCtx *w, PyObject *o, size_t number)
{
    ForyRefSlot *slot = number_slot(w, o);
    if (slot->generation != w->generation) {
        *slot = (ForyRefSlot){o, w->generation, (uint32_t)number};
        w->native->n_numbers++;
    }
}

size_t
fory_native_global_number(ForyWriteCtx *w, PyObject *o)
{
    const ForyNativeWrite *n = w->native;
    if (FORY_LIKELY(n->n_globals <= FEW_GLOBALS)) {
        for (size_t i = 0; i < n->n_globals; i++) {
            if (n->globals[i] == o) {
                return i;
            }
        }
        return SIZE_MAX;
    }
    const ForyRefSlot *slot = number_slot(w, o);
    return slot->generation == w->generation ? slot->id : SIZE_MAX;
}

/* Room for one more in the table. 0 / -1. */
static FORY_NOINLINE int
grow_numbers(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    size_t cap = n->numbers == NULL ? 64 : n->numbers_mask + 1;
    if (n->numbers == NULL || (size_t)n->n_numbers * 2 > n->numbers_mask) {
        cap = n->numbers == NULL ? cap : cap * 2;
        ForyRefSlot *slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        PyMem_Free(n->numbers);
        n->numbers = slots;
        n->numbers_mask = cap - 1;
        n->n_numbers = 0;
    }
    if (n->n_numbers == 0) {
        for (size_t i = 0; i < n->n_globals; i++) {
            add_number(w, n->globals[i], i);
        }
    }
    return 0;
}

/* Counted even when it has a number already: the reader counts too. */
static int
give_number(ForyWriteCtx *w, PyObject *o)
{
    ForyNativeWrite *n = w->native;
    if (FORY_UNLIKELY(n->n_globals == n->cap_globals) &&
        fory_grow_array(&n->globals, &n->cap_globals, n->n_globals + 1, sizeof(*n->globals)) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(n->n_globals >= FEW_GLOBALS)) {
        if (grow_numbers(w) < 0) {
            return -1;
        }
        add_number(w, o, n->n_globals);
    }
    n->globals[n->n_globals++] = Py_NewRef(o);
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

/* Number of a module in this message; SIZE_MAX when it was not named yet. */
static size_t
module_number(const ForyNativeWrite *n, PyObject *module)
{
    for (size_t i = 0; i < n->n_modules; i++) {
        if (n->modules[i] == module || PyUnicode_Compare(n->modules[i], module) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static int
add_module(ForyNativeWrite *n, PyObject *module)
{
    if (FORY_UNLIKELY(n->n_modules == n->cap_modules) &&
        fory_grow_array(&n->modules, &n->cap_modules, n->n_modules + 1, sizeof(*n->modules)) < 0) {
        return -1;
    }
    n->modules[n->n_modules++] = Py_NewRef(module);
    return 0;
}

/* UTF-8 of a name, with lone surrogates; *bytes is what has to be released. */
static const char *
name_utf8(PyObject *name, Py_ssize_t *size, PyObject **bytes)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, size);
    *bytes = NULL;
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        *bytes = PyUnicode_AsEncodedString(name, "utf-8", "surrogatepass");
        text = *bytes == NULL ? NULL : PyBytes_AS_STRING(*bytes);
        *size = *bytes == NULL ? 0 : PyBytes_GET_SIZE(*bytes);
    }
    return text;
}

/* g->text: module and qualname as they are written. 0 / -1. */
static int
encode_names(ForyGlobal *g)
{
    PyObject *hold[2];
    Py_ssize_t sizes[2] = {0, 0};
    const char *module = name_utf8(g->module, &sizes[0], &hold[0]), *qualname = NULL;
    uint8_t *room = NULL;
    hold[1] = NULL;
    if (module == NULL || (qualname = name_utf8(g->qualname, &sizes[1], &hold[1])) == NULL) {
        goto done;
    }
    room = PyMem_Malloc((size_t)sizes[0] + (size_t)sizes[1] + 2 * FORY_VU64_MAX);
    if (room == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    g->module_size = (uint32_t)fory_native_encode_name(module, (size_t)sizes[0], room);
    g->text = PyBytes_FromStringAndSize(
        (const char *)room,
        (Py_ssize_t)(g->module_size + fory_native_encode_name(qualname, (size_t)sizes[1], room + g->module_size)));
done:
    PyMem_Free(room);
    Py_XDECREF(hold[0]);
    Py_XDECREF(hold[1]);
    return g->text == NULL ? -1 : 0;
}

static int
write_typename(ForyWriteCtx *w, PyObject *name)
{
    PyObject *hold;
    Py_ssize_t size = 0;
    const char *text = name_utf8(name, &size, &hold);
    int rc = text == NULL || fory_room(w, (size_t)size + FORY_VU64_MAX) < 0 ? -1 : 0;
    if (rc == 0) {
        w->out.pos += fory_native_encode_name(text, (size_t)size, w->out.pos);
    }
    Py_XDECREF(hold);
    return rc;
}

static int
write_form(ForyWriteCtx *w, const ForyGlobal *g)
{
    ForyNativeWrite *n = w->native;
    const uint8_t *text;
    size_t size, k;
    if (g->form == FORY_G_ID) {
        return fory_native_tag_n(w, FORY_G_ID, g->user_id);
    }
    if (g->form == FORY_G_TYPENAME && (fory_native_tag(w, FORY_G_TYPENAME) < 0 || write_typename(w, g->typename) < 0)) {
        return -1;
    }
    text = (const uint8_t *)PyBytes_AS_STRING(g->text);
    size = (size_t)PyBytes_GET_SIZE(g->text);
    if (fory_room(w, 1 + FORY_VU64_MAX + size) < 0) {
        return -1;
    }
    k = module_number(n, g->module);
    if (k == SIZE_MAX) {
        fory_put_u8(&w->out, FORY_G_NAME);
        if (add_module(n, g->module) < 0) {
            return -1;
        }
    }
    else {
        fory_put_u8(&w->out, FORY_G_SAME);
        fory_put_vu64(&w->out, k);
        text += g->module_size;
        size -= g->module_size;
    }
    memcpy(w->out.pos, text, size);
    w->out.pos += size;
    return 0;
}

static void
drop_name(ForyGlobal *g)
{
    Py_CLEAR(g->object);
    Py_CLEAR(g->typename);
    Py_CLEAR(g->module);
    Py_CLEAR(g->qualname);
    Py_CLEAR(g->text);
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
    else if (PyArg_ParseTuple(answer, "iIUUU", &form, &id, &g->typename, &g->module, &g->qualname)) {
        g->form = (uint8_t)form;
        g->user_id = id;
        g->object = Py_NewRef(o);
        Py_INCREF(g->typename);
        Py_INCREF(g->module);
        Py_INCREF(g->qualname);
        rc = form == FORY_G_ID || encode_names(g) == 0 ? 1 : -1;
    }
    Py_DECREF(answer);
    if (rc < 0) {
        drop_name(g);
    }
    return rc;
}

/* How o was named before, if that name still leads to it; or NULL. */
static ForyGlobal *
find_written(ForyNativeEngine *n, PyObject *o)
{
    if (FORY_UNLIKELY(n->written.slots == NULL)) {
        return NULL;
    }
    for (size_t i = fory_pointer_hash(o) & n->written.mask; n->written.slots[i] != NULL; i = (i + 1) & n->written.mask) {
        ForyGlobal *g = n->written.slots[i];
        if (g->object == o && fory_native_still_there(n, g)) {
            return g;
        }
    }
    return NULL;
}

/* Writes the first form of o when it has a name: 1 written, 0 by value, -1. */
static int
write_first(ForyWriteCtx *w, PyObject *o, int tag)
{
    ForyNativeEngine *n = w->engine->native;
    ForyGlobal asked, *kept = find_written(n, o);
    int rc;
    n->last_written = kept;
    if (FORY_LIKELY(kept != NULL)) {
        return (tag >= 0 && fory_native_tag(w, tag) < 0) || write_form(w, kept) < 0 ? -1 : 1;
    }
    rc = ask_name(w, o, &asked);
    if (rc <= 0) {
        return rc;
    }
    asked.hash = fory_pointer_hash(o);
    if ((tag >= 0 && fory_native_tag(w, tag) < 0) || write_form(w, &asked) < 0 ||
        (asked.form == FORY_G_NAME && n->written.used < 4096 && remember(w->engine, &n->written, &asked, &kept) < 0)) {
        rc = -1;
    }
    n->last_written = kept;
    drop_name(&asked);
    return rc;
}

/* 1 when o has a number in this message, which is written; 0; -1 */
static int
write_known(ForyWriteCtx *w, PyObject *o, int tag)
{
    size_t number = fory_native_global_number(w, o);
    if (number == SIZE_MAX) {
        return 0;
    }
    if (fory_room(w, 1 + FORY_VU64_MAX) < 0) {
        return -1;
    }
    if (tag >= 0) {
        fory_put_u8(&w->out, (uint8_t)tag);
    }
    fory_put_vu64(&w->out, (uint64_t)number + FORY_G_KNOWN);
    return 1;
}

static int
write_value(ForyWriteCtx *w, PyObject *o)
{
    int rc = fory_native_tag(w, FORY_G_VALUE) < 0 || fory_write_enter(w) < 0 ? -1 : fory_native_write(w, o);
    w->depth -= rc == 0;
    return rc;
}

int
fory_native_write_class_of(ForyWriteCtx *w, PyObject *o)
{
    PyObject *cls = (PyObject *)Py_TYPE(o);
    int rc = write_known(w, cls, -1), led = 0;
    if (rc != 0) {
        return rc < 0 ? -1 : 0;
    }
    rc = write_first(w, cls, -1);
    if (rc == 0) {
        uint32_t id = 0;
        if (fory_native_hide(w, o, &id) < 0 || write_value(w, cls) < 0 || (led = fory_native_show(w, o, id)) < 0) {
            return -1;
        }
    }
    return rc < 0 || give_number(w, cls) < 0 ? -1 : led;
}

int
fory_native_count_global(ForyWriteCtx *w, const ForyGlobal *g)
{
    return add_module(w->native, g->module) < 0 ? -1 : give_number(w, g->object);
}

int
fory_native_write_global(ForyWriteCtx *w, PyObject *o)
{
    int rc = write_known(w, o, -1);
    if (rc == 0) {
        rc = write_first(w, o, -1);
        if (rc == 0) {
            rc = write_value(w, o);
        }
        if (rc >= 0) {
            rc = give_number(w, o);
        }
    }
    return rc < 0 ? -1 : 0;
}

int
fory_native_begin_enum(ForyWriteCtx *w, PyObject *member)
{
    PyObject *cls = (PyObject *)Py_TYPE(member);
    size_t number = fory_native_global_number(w, cls);
    ForyGlobal *g = NULL;
    int rc;
    if (number == SIZE_MAX && (g = find_written(w->engine->native, cls)) == NULL) {
        return 2;
    }
    rc = fory_native_ref(w, member);
    if (rc != 0) {
        return rc;
    }
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX) < 0)) {
        return -1;
    }
    fory_put_u8(&w->out, FORY_N_ENUM);
    if (g == NULL) {
        fory_put_vu64(&w->out, (uint64_t)number + FORY_G_KNOWN);
        return 0;
    }
    return write_form(w, g) < 0 || give_number(w, cls) < 0 ? -1 : 0;
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
        rc = encode_names(&g) < 0 || fory_native_tag(w, FORY_N_GLOBAL) < 0 || write_form(w, &g) < 0 ? -1 : give_number(w, o);
        Py_XDECREF(g.text);
        Py_DECREF(answer);
    }
    return rc < 0 ? -1 : 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

int
fory_native_read_name(ForyReadCtx *r, ForyName *name)
{
    uint64_t head, size;
    int rc = fory_get_vu64(&r->in, &head);
    if (rc != FORY_OK) {
        return fory_read_bad(r, rc);
    }
    if (head >> 1 > 4096) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "a name of %llu characters", (unsigned long long)(head >> 1));
        return -1;
    }
    size = head & 1 ? (6 * (head >> 1) + 7) / 8 : head >> 1;
    if (!fory_have(&r->in, (size_t)size)) {
        return fory_read_bad(r, FORY_TRUNCATED);
    }
    name->data = r->in.pos;
    name->size = (uint32_t)size;
    name->head = (uint32_t)head;
    r->in.pos += size;
    return 0;
}

int
fory_native_new_module(ForyReadCtx *r, const ForyName *module)
{
    ForyNativeRead *n = r->native;
    if (FORY_UNLIKELY(n->n_modules == n->cap_modules) &&
        fory_grow_array(&n->modules, &n->cap_modules, n->n_modules + 1, sizeof(*n->modules)) < 0) {
        return -1;
    }
    n->modules[n->n_modules++] = *module;
    return 0;
}

int
fory_native_read_module(ForyReadCtx *r, uint64_t number, ForyName *module)
{
    const ForyNativeRead *n = r->native;
    if (FORY_UNLIKELY(number >= n->n_modules)) {
        fory_raise(r->st, FORY_E_INVALID_DATA, "module number %llu of %zu", (unsigned long long)number, n->n_modules);
        return -1;
    }
    *module = n->modules[number];
    return 0;
}

/* Module and name, behind a form. 0 / -1. */
static int
read_names(ForyReadCtx *r, uint64_t form, ForyName *module, ForyName *qualname)
{
    uint64_t number = 0;
    int rc;
    if (form == FORY_G_SAME) {
        rc = fory_get_vu64(&r->in, &number);
        if (rc != FORY_OK) {
            return fory_read_bad(r, rc);
        }
        rc = fory_native_read_module(r, number, module);
    }
    else if (form == FORY_G_NAME) {
        rc = fory_native_read_name(r, module) < 0 ? -1 : fory_native_new_module(r, module);
    }
    else {
        fory_raise(r->st, FORY_E_INVALID_DATA, "malformed name");
        rc = -1;
    }
    return rc < 0 ? -1 : fory_native_read_name(r, qualname);
}

static PyObject *
name_text(ForyReadCtx *r, const ForyName *name)
{
    char unpacked[4096];
    PyObject *text;
    if (name->head & 1) {
        fory_native_unpack(name->data, name->head >> 1, unpacked);
        text = PyUnicode_DecodeASCII(unpacked, (Py_ssize_t)(name->head >> 1), NULL);
    }
    else {
        text = PyUnicode_DecodeUTF8((const char *)name->data, name->size, "surrogatepass");
    }
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
    return g->module_head == module->head && g->head == qualname->head &&
           memcmp(text, module->data, module->size) == 0 &&
           memcmp(text + module->size, qualname->data, qualname->size) == 0;
}

static PyObject *
find_by_name(ForyReadCtx *r, const ForyName *module, const ForyName *qualname, const ForyName *typename)
{
    ForyNativeEngine *n = r->engine->native;
    ForyGlobal g = {0};
    PyObject *found = NULL, *t = NULL;
    int keep = typename == NULL && r->native->find_class == NULL && !r->native->guarded;
    g.hash = fory_native_hash(qualname->data, qualname->size, fory_native_hash(module->data, module->size, 17));
    if (keep) {
        for (size_t i = g.hash & n->read.mask; n->read.slots != NULL && n->read.slots[i] != NULL;
             i = (i + 1) & n->read.mask) {
            ForyGlobal *known = n->read.slots[i];
            if (known->hash == g.hash && same_text(known, module, qualname) && fory_native_still_there(n, known)) {
                r->native->last_global = known;
                r->native->last_epoch = n->epoch;
                return Py_NewRef(known->object);
            }
        }
    }
    if ((g.module = name_text(r, module)) == NULL || (g.qualname = name_text(r, qualname)) == NULL) {
        goto done;
    }
    if (r->native->find_class != NULL) {
        found = PyObject_CallFunctionObjArgs(r->native->find_class, g.module, g.qualname, NULL);
        goto done;
    }
    if (typename != NULL) {
        t = name_text(r, typename);
        if (t != NULL) {
            found = PyObject_CallMethod(r->engine->registry, "class_by_name", "OOO", t, g.module, g.qualname);
        }
        goto done;
    }
    found = PyObject_CallMethod(r->engine->registry, "resolve_global", "OO", g.module, g.qualname);
    if (found == NULL || !keep || n->read.used >= 4096) {
        goto done;
    }
    g.text = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)module->size + qualname->size);
    if (g.text == NULL) {
        Py_CLEAR(found);
        goto done;
    }
    memcpy(PyBytes_AS_STRING(g.text), module->data, module->size);
    memcpy(PyBytes_AS_STRING(g.text) + module->size, qualname->data, qualname->size);
    g.object = found;
    g.module_size = module->size;
    g.module_head = module->head;
    g.head = qualname->head;
    if (remember(r->engine, &n->read, &g, &r->native->last_global) < 0) {
        Py_CLEAR(found);
    }
    r->native->last_epoch = n->epoch;
done:
    Py_XDECREF(g.module);
    Py_XDECREF(g.qualname);
    Py_XDECREF(g.text);
    Py_XDECREF(t);
    return found;
}

int
fory_native_number_read(ForyReadCtx *r, PyObject *o)
{
    ForyNativeRead *n = r->native;
    if (FORY_UNLIKELY(n->n_globals == n->cap_globals) &&
        fory_grow_array(&n->globals, &n->cap_globals, n->n_globals + 1, sizeof(*n->globals)) < 0) {
        return -1;
    }
    n->globals[n->n_globals++] = Py_NewRef(o);
    return 0;
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
    n->last_global = NULL;
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
    case FORY_G_SAME:
        if (read_names(r, form, &module, &qualname) < 0) {
            return NULL;
        }
        found = find_by_name(r, &module, &qualname, NULL);
        break;
    case FORY_G_TYPENAME:
        if (fory_native_read_name(r, &typename) < 0) {
            return NULL;
        }
        rc = fory_get_vu64(&r->in, &form);
        if (rc != FORY_OK) {
            fory_read_bad(r, rc);
            return NULL;
        }
        if (read_names(r, form, &module, &qualname) < 0) {
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
        n->last_global = NULL;
        if (found != NULL && !PyType_Check(found) && !PyCallable_Check(found)) {
            fory_raise(r->st, FORY_E_INVALID_DATA, "%s in the place of a class", Py_TYPE(found)->tp_name);
            Py_CLEAR(found);
        }
        break;
    }
    if (found == NULL) {
        return NULL;
    }
    if (fory_native_number_read(r, found) < 0) {
        Py_DECREF(found);
        return NULL;
    }
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
