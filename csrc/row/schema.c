/* RowSchema: a schema compiled into a tree of nodes. */
#include "row/row.h"

#include <stddef.h>

/* Classes remembered per struct node; further ones go through the public API. */
#define MAX_SHAPES 16

const char *
fory_row_type_name(int type_id)
{
    switch (type_id) {
    case FORY_BOOL: return "bool";
    case FORY_INT8: return "int8";
    case FORY_INT16: return "int16";
    case FORY_INT32: return "int32";
    case FORY_INT64: return "int64";
    case FORY_FLOAT16: return "float16";
    case FORY_FLOAT32: return "float32";
    case FORY_FLOAT64: return "float64";
    case FORY_STRING: return "utf8";
    case FORY_BINARY: return "binary";
    case FORY_DATE: return "date32";
    case FORY_TIMESTAMP: return "timestamp";
    case FORY_DURATION: return "duration";
    case FORY_DECIMAL: return "decimal";
    case FORY_LIST: return "list";
    case FORY_MAP: return "map";
    case FORY_STRUCT: return "struct";
    default: return "unknown type";
    }
}

/* ---- compiling ------------------------------------------------------------- */

static void
free_node(ForyRowNode *node)
{
    for (Py_ssize_t i = 0; node->children != NULL && i < node->n_children; i++) {
        free_node(&node->children[i]);
    }
    while (node->shapes != NULL) {
        ForyRowShape *shape = node->shapes;
        node->shapes = shape->next;
        Py_DECREF(shape->type);
        PyMem_Free(shape);
    }
    PyMem_Free(node->children);
    PyMem_Free(node->names);
    Py_XDECREF(node->name);
    Py_XDECREF(node->schema);
}

static void
add_name(ForyRowNode *node, Py_ssize_t index)
{
    PyObject *name = node->children[index].name;
    size_t i = fory_pointer_hash(name) & node->name_mask;
    while (node->names[i].name != NULL) {
        if (node->names[i].name == name) {
            return; /* a repeated name means the first field of it */
        }
        i = (i + 1) & node->name_mask;
    }
    node->names[i].name = name;
    node->names[i].index = index;
}

static int
compile_names(ForyState *st, ForyRowNode *node)
{
    size_t slots = 4;
    while (slots < (size_t)node->n_children * 3) {
        slots *= 2;
    }
    node->names = PyMem_Calloc(slots, sizeof(*node->names));
    if (node->names == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    node->name_mask = slots - 1;
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        ForyRowNode *child = &node->children[i];
        add_name(node, i);
        child->shadowed = _PyType_Lookup(st->row_types[FORY_ROW_DATA], child->name) != NULL;
    }
    return 0;
}

static int
expected_children(ForyState *st, const ForyRowNode *node)
{
    Py_ssize_t want = node->type_id == FORY_LIST ? 1 : node->type_id == FORY_MAP ? 2 : 0;
    if (node->type_id != FORY_STRUCT && node->n_children != want) {
        fory_raise(st, FORY_E_TYPE, "%s with %zd children in a row schema", fory_row_type_name(node->type_id),
                   node->n_children);
        return -1;
    }
    return 0;
}

static int
compile_node(ForyRowSchema *plan, ForyRowNode *node, PyObject *spec, int depth)
{
    ForyState *st = plan->st;
    PyObject *name, *children, *params;
    int type_id, nullable, width;
    if (depth > FORY_ROW_MAX_DEPTH) {
        fory_raise(st, FORY_E_DEPTH, "row schema nested deeper than %d", FORY_ROW_MAX_DEPTH);
        return -1;
    }
    if (!PyTuple_Check(spec)) {
        fory_raise(st, FORY_E_TYPE, "the spec of a row schema is a tuple, not %s", Py_TYPE(spec)->tp_name);
        return -1;
    }
    if (!PyArg_ParseTuple(spec, "iUpO!O!", &type_id, &name, &nullable, &PyTuple_Type, &children, &PyTuple_Type,
                          &params)) {
        return -1;
    }
    width = fory_row_width(type_id);
    if (width < 0) {
        fory_raise(st, FORY_E_TYPE, "type id %d cannot be part of a row", type_id);
        return -1;
    }
    node->type_id = (uint8_t)type_id;
    node->fixed_width = (uint8_t)width;
    node->width = (uint8_t)(width == 0 ? 8 : width);
    node->nullable = (uint8_t)nullable;
    node->number = plan->n_nodes++;
    node->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&node->name);
    if (type_id == FORY_DECIMAL) {
        if (!PyArg_ParseTuple(params, "ii", &node->precision, &node->scale)) {
            return -1;
        }
        if (node->precision < 1 || node->precision > 38 || node->scale < -38 || node->scale > 76) {
            fory_raise(st, FORY_E_TYPE, "decimal(%d, %d): the precision is 1 to 38, the scale -38 to 76",
                       node->precision, node->scale);
            return -1;
        }
    }
    Py_ssize_t n = PyTuple_GET_SIZE(children);
    node->children = n == 0 ? NULL : PyMem_Calloc((size_t)n, sizeof(ForyRowNode));
    if (n > 0 && node->children == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    node->n_children = n;
    if (expected_children(st, node) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        node->children[i].parent = node;
        if (compile_node(plan, &node->children[i], PyTuple_GET_ITEM(children, i), depth + 1) < 0) {
            return -1;
        }
    }
    if (type_id == FORY_STRUCT) {
        node->bitmap_size = fory_row_bitmap((size_t)n);
        node->fixed_size = node->bitmap_size + (size_t)n * 8;
        return compile_names(st, node);
    }
    return 0;
}

static uint64_t
hash_node(const ForyRowNode *node, uint64_t h, int with_self)
{
    if (with_self) {
        uint64_t id = node->type_id;
        /* the product is wider than 64 bits at most by five; h stays below 2**63 */
        while (h > (UINT64_C(0x7fffffffffffffff) - id) / 31) {
            h >>= 2;
        }
        h = h * 31 + id;
    }
    for (Py_ssize_t i = 0; i < node->n_children; i++) {
        h = hash_node(&node->children[i], h, 1);
    }
    return h;
}

/* ---- the object -------------------------------------------------------------- */

static PyObject *
schema_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"spec", "schema", NULL};
    ForyState *st = fory_state_of_type(type);
    PyObject *spec, *schema = Py_None;
    ForyRowSchema *self;
    if (st == NULL || !PyArg_ParseTupleAndKeywords(args, kwargs, "O!|O:RowSchema", names, &PyTuple_Type, &spec,
                                                   &schema)) {
        return NULL;
    }
    self = (ForyRowSchema *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->st = st;
    self->spec = Py_NewRef(spec);
    self->schema = Py_NewRef(schema);
    if (compile_node(self, &self->root, spec, 0) < 0) {
        goto error;
    }
    if (self->root.type_id != FORY_STRUCT) {
        fory_raise(st, FORY_E_TYPE, "the root of a row schema is a struct");
        goto error;
    }
    self->hash = hash_node(&self->root, 17, 0);
    return (PyObject *)self;
error:
    Py_DECREF(self);
    return NULL;
}

static int
visit_node(ForyRowNode *node, visitproc visit, void *arg)
{
    Py_VISIT(node->schema);
    for (ForyRowShape *shape = node->shapes; shape != NULL; shape = shape->next) {
        Py_VISIT(shape->type);
    }
    for (Py_ssize_t i = 0; node->children != NULL && i < node->n_children; i++) {
        int rc = visit_node(&node->children[i], visit, arg);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int
schema_traverse(ForyRowSchema *self, visitproc visit, void *arg)
{
#if PY_VERSION_HEX >= 0x03090000
    Py_VISIT(Py_TYPE(self));
#endif
    Py_VISIT(self->schema);
    return visit_node(&self->root, visit, arg);
}

/* The nodes stay until the end: views and running operations use them. Cycles
 * go through the Schema, or through a class that refers to it. */
static int
schema_clear(ForyRowSchema *self)
{
    Py_CLEAR(self->schema);
    return 0;
}

static void
schema_dealloc(ForyRowSchema *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    schema_clear(self);
    Py_CLEAR(self->spec);
    free_node(&self->root);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
schema_get_schema(ForyRowSchema *self, void *closure)
{
    (void)closure;
    return Py_NewRef(self->schema == NULL ? Py_None : self->schema);
}

static PyObject *
schema_get_spec(ForyRowSchema *self, void *closure)
{
    (void)closure;
    return Py_NewRef(self->spec);
}

static PyObject *
schema_get_hash(ForyRowSchema *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(self->hash);
}

static PyGetSetDef schema_getset[] = {
    {"schema", (getter)schema_get_schema, NULL, "The Schema this was compiled from.", NULL},
    {"spec", (getter)schema_get_spec, NULL, "The tuples this was compiled from.", NULL},
    {"hash", (getter)schema_get_hash, NULL, "Schema hash (section 17.1 of the wire format).", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot schema_slots[] = {
    {Py_tp_doc, "RowSchema(spec, schema=None)\n--\n\nA row schema compiled for the engine.\n\n"
                "A spec is (type id, name, nullable, children, parameters); the root is a struct."},
    {Py_tp_new, schema_new},
    {Py_tp_traverse, schema_traverse},
    {Py_tp_clear, schema_clear},
    {Py_tp_dealloc, schema_dealloc},
    {Py_tp_getset, schema_getset},
    {0, NULL},
};

static PyType_Spec schema_spec = {
    .name = "pyfory._core.RowSchema",
    .basicsize = sizeof(ForyRowSchema),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = schema_slots,
};

int
fory_row_schema_type_init(PyObject *module, ForyState *st)
{
    return fory_row_add_type(module, st, FORY_ROW_SCHEMA, &schema_spec, NULL);
}

ForyRowSchema *
fory_row_schema_of(ForyState *st, PyObject *schema)
{
    PyObject *plan;
    if (ForyRowSchema_Check(st, schema)) {
        return (ForyRowSchema *)Py_NewRef(schema);
    }
    /* a Schema keeps its compiled form; _plan makes it on first use */
    plan = PyObject_GetAttr(schema, st->str_compiled);
    if (plan != NULL && ForyRowSchema_Check(st, plan)) {
        return (ForyRowSchema *)plan;
    }
    Py_XDECREF(plan);
    PyErr_Clear();
    plan = PyObject_CallMethod(schema, "_plan", NULL);
    if (plan == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            fory_raise(st, FORY_E_TYPE, "expected a pyfory.format.Schema, got %s", Py_TYPE(schema)->tp_name);
        }
        return NULL;
    }
    if (!ForyRowSchema_Check(st, plan)) {
        fory_raise(st, FORY_E_TYPE, "expected a pyfory.format.Schema, got %s", Py_TYPE(schema)->tp_name);
        Py_DECREF(plan);
        return NULL;
    }
    return (ForyRowSchema *)plan;
}

/* ---- names -------------------------------------------------------------------- */

Py_ssize_t
fory_row_field_index(const ForyRowNode *node, PyObject *name)
{
    size_t i = fory_pointer_hash(name) & node->name_mask;
    while (node->names[i].name != NULL) {
        if (FORY_LIKELY(node->names[i].name == name)) {
            return node->names[i].index;
        }
        i = (i + 1) & node->name_mask;
    }
    if (!PyUnicode_Check(name) || PyUnicode_CHECK_INTERNED(name)) {
        return -1;
    }
    for (Py_ssize_t k = 0; k < node->n_children; k++) {
        int same = PyUnicode_Compare(node->children[k].name, name) == 0;
        if (FORY_UNLIKELY(PyErr_Occurred() != NULL)) {
            return -2;
        }
        if (same) {
            return k;
        }
    }
    return -1;
}

/* Child indices that lead from the root to a node. New tuple. */
static PyObject *
path_of(const ForyRowNode *node)
{
    Py_ssize_t depth = 0;
    PyObject *path;
    for (const ForyRowNode *n = node; n->parent != NULL; n = n->parent) {
        depth++;
    }
    path = PyTuple_New(depth);
    for (const ForyRowNode *n = node; path != NULL && n->parent != NULL; n = n->parent) {
        PyObject *index = PyLong_FromSsize_t(n - n->parent->children);
        if (index == NULL) {
            Py_CLEAR(path);
            break;
        }
        PyTuple_SET_ITEM(path, --depth, index);
    }
    return path;
}

PyObject *
fory_row_node_schema(ForyRowSchema *plan, ForyRowNode *node)
{
    PyObject *path = NULL, *module = NULL, *schema = NULL;
    if (node == &plan->root || plan->schema == NULL || plan->schema == Py_None) {
        return Py_NewRef(node == &plan->root && plan->schema != NULL ? plan->schema : Py_None);
    }
    if (node->schema != NULL) {
        return Py_NewRef(node->schema);
    }
    path = path_of(node);
    if (path == NULL || (module = PyImport_ImportModule("pyfory.format.encoder")) == NULL) {
        goto done;
    }
    schema = PyObject_CallMethod(module, "_nested_schema", "OO", plan->schema, path);
    if (schema != NULL && node->schema == NULL) {
        node->schema = Py_NewRef(schema);
    }
done:
    Py_XDECREF(path);
    Py_XDECREF(module);
    return schema;
}

/* ---- attributes of objects ------------------------------------------------------ */

static void
refresh_shape(ForyState *st, ForyRowNode *node, ForyRowShape *shape)
{
    Py_ssize_t n = node->n_children, n_slots = 0, n_inline = 0, n_plain = 0;
    if (!shape->probed) {
        PyObject *names[30];
        uint8_t index[30];
        shape->probed = 1;
        if (n > 0 && n <= 30) {
            for (Py_ssize_t i = 0; i < n; i++) {
                names[i] = node->children[i].name;
            }
            shape->has_indices = (uint8_t)fory_inline_probe(st, shape->type, names, n, index);
            for (Py_ssize_t i = 0; shape->has_indices && i < n; i++) {
                shape->fields[i].index = index[i];
            }
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        ForyRowAccess *f = &shape->fields[i];
        PyObject *name = node->children[i].name;
        f->access = FORY_ACCESS_GETATTR;
        f->plain = (uint8_t)fory_plain_attribute(shape->type, name);
        f->offset = fory_slot_offset(shape->type, name);
        if (f->offset > 0) {
            f->access = FORY_ACCESS_SLOT;
            n_slots++;
        }
        else if (shape->has_indices && f->plain) {
            f->access = FORY_ACCESS_INLINE;
            n_inline++;
        }
        n_plain += f->plain && f->access != FORY_ACCESS_SLOT;
    }
    shape->plain = n_slots + n_plain == n;
    shape->inline_fill = shape->has_indices && n_inline == n && shape->type->tp_new == PyBaseObject_Type.tp_new;
    shape->slot_fill = n_slots == n;
    shape->version = fory_type_version(shape->type);
}

const ForyRowShape *
fory_row_shape(ForyState *st, ForyRowNode *node, PyTypeObject *type)
{
    ForyRowShape *shape = node->shapes;
    int count = 0;
    while (shape != NULL && shape->type != type) {
        shape = shape->next;
        count++;
    }
    if (shape == NULL) {
        if (count >= MAX_SHAPES) {
            return NULL;
        }
        size_t size = offsetof(ForyRowShape, fields) + (size_t)(node->n_children + 1) * sizeof(ForyRowAccess);
        shape = PyMem_Calloc(1, size);
        if (shape == NULL) {
            return NULL;
        }
        Py_INCREF(type);
        shape->type = type;
        refresh_shape(st, node, shape);
        /* the probe may have run Python code that was here already: two equal shapes do no harm */
        shape->next = node->shapes;
        node->shapes = shape;
    }
    else if (FORY_UNLIKELY(shape->version == 0 || fory_type_version(type) != shape->version)) {
        refresh_shape(st, node, shape);
    }
    return shape;
}
