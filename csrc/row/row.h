/* Private header of the row room: rows that are read without being decoded.
 *
 * schema.c   RowSchema: a schema compiled into a tree of nodes; how the attributes of a class are reached
 * values.c   numbers, text, times and decimals of slots and elements
 * writer.c   Python objects -> row bytes
 * decode.c   row bytes -> Python objects; RowCodec: a schema bound to classes
 * common.c   what the three views share;  view.c  RowData;  array.c  ArrayData;  map.c  MapData
 * cache.c    texts and floats that repeat while many rows are decoded
 * memory.c   RowMemory: bytes that views look at
 * batch.c    RowBatch: many rows in one memory block
 * object_columns.c  plain objects -> columns, without rows in between
 * columns.c  batch -> columns and back; their inner loops are in wire/row_gather.c */
#ifndef FORY_ROW_H
#define FORY_ROW_H

#include "codecs/codecs.h"
#include "runtime/object_layout.h"
#include "wire/row_layout.h"

#define FORY_ROW_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

/* Deepest nesting of a schema: bounds every recursion of this room. */
#define FORY_ROW_MAX_DEPTH 64

/* ---- schema.c ------------------------------------------------------------ */

typedef struct ForyRowNode ForyRowNode;
typedef struct ForyRowSchema ForyRowSchema;

/* How the attribute of one field is reached on instances of one class. */
typedef struct ForyRowAccess {
    Py_ssize_t offset; /* FORY_ACCESS_SLOT */
    uint8_t access;    /* enum fory_access */
    uint8_t index;     /* FORY_ACCESS_INLINE */
    uint8_t plain;     /* what the instance's own storage holds is the attribute */
} ForyRowAccess;

/* A class whose instances were met at a struct node. Lives as long as the schema. */
typedef struct ForyRowShape {
    PyTypeObject *type; /* strong */
    unsigned int version;
    uint8_t probed, has_indices;
    uint8_t plain;       /* all fields are in slots or plain */
    uint8_t inline_fill; /* new instances may be filled through their inline values */
    uint8_t slot_fill;   /* ... through __slots__ */
    struct ForyRowShape *next;
    ForyRowAccess fields[1]; /* one per field of the node */
} ForyRowShape;

typedef struct ForyRowName {
    PyObject *name; /* borrowed from the child node */
    Py_ssize_t index;
} ForyRowName;

struct ForyRowNode {
    uint8_t type_id;
    uint8_t width; /* bytes of an array element, 8 when it is a reference */
    uint8_t fixed_width; /* 0: the value lies in the variable part */
    uint8_t nullable;
    uint8_t shadowed; /* RowData has a method or property of this name */
    int precision, scale; /* decimal */
    uint32_t number;  /* position in the pre-order of the schema */
    Py_ssize_t n_children;
    ForyRowNode *children; /* fields; element; key and value */
    ForyRowNode *parent;
    PyObject *name;        /* interned */
    /* struct nodes */
    size_t bitmap_size, fixed_size; /* null bitmap; with the slots */
    ForyRowName *names;    /* open addressing on the address of the interned name */
    size_t name_mask;
    ForyRowShape *shapes;
    PyObject *schema;      /* Schema of a nested struct, on demand */
};

struct ForyRowSchema {
    PyObject_HEAD
    ForyState *st;
    PyObject *schema; /* the pyfory.format.Schema, or None */
    PyObject *spec;
    ForyRowNode root;
    uint32_t n_nodes;
    uint64_t hash; /* of section 17.1 */
};

#define ForyRowSchema_Check(st, o) PyObject_TypeCheck((o), (st)->row_types[FORY_ROW_SCHEMA])

/* The compiled form of a Schema, or of a RowSchema itself. New reference. */
ForyRowSchema *fory_row_schema_of(ForyState *st, PyObject *schema);
/* Index of a field, -1 when there is none (no exception), -2 on failure. */
Py_ssize_t fory_row_field_index(const ForyRowNode *node, PyObject *name);
/* The shape of type at a struct node, up to date; NULL (no exception) when the
 * public API must be used. */
const ForyRowShape *fory_row_shape(ForyState *st, ForyRowNode *node, PyTypeObject *type);
/* The Schema object of a struct node. New reference. */
PyObject *fory_row_node_schema(ForyRowSchema *plan, ForyRowNode *node);
/* Name of a type for messages. */
const char *fory_row_type_name(int type_id);

FORY_INLINE const uint8_t *
fory_row_slot(const ForyRowNode *node, const uint8_t *row, Py_ssize_t i)
{
    return row + node->bitmap_size + (size_t)i * 8;
}

/* ---- memory ---------------------------------------------------------------- */

/* Bytes that views look at: memory of its own, or a buffer of another object. */
typedef struct ForyRowMemory {
    PyObject_HEAD
    uint8_t *data;
    size_t size;     /* bytes that may be read */
    size_t capacity; /* own memory */
    Py_buffer view;  /* view.obj is NULL for own memory */
} ForyRowMemory;

ForyRowMemory *fory_row_memory_new(ForyState *st, size_t capacity);
/* What keeps the bytes of `source` alive: itself (bytes) or a ForyRowMemory.
 * New reference or NULL. */
PyObject *fory_row_pin(ForyState *st, PyObject *source, const uint8_t **data, size_t *size);
/* Start and size of the memory of an owner. */
void fory_row_owner_span(PyObject *owner, const uint8_t **data, size_t *size);

/* ---- writer.c ---------------------------------------------------------------- */

#define FORY_ROW_SCRATCH 1024

typedef struct ForyRowWriter {
    uint8_t *data;
    size_t size, capacity;
    ForyState *st;
    PyObject *bytes; /* result under construction, NULL while in scratch */
    ForyRowMemory **memory; /* or where a batch keeps its memory, which is replaced when views use it */
    PyObject *path;
    int lenient; /* a missing attribute is a null, as a missing key */
    uint8_t scratch[FORY_ROW_SCRATCH];
} ForyRowWriter;

void fory_row_writer_init(ForyRowWriter *w, ForyState *st);
void fory_row_writer_clear(ForyRowWriter *w);
/* New bytes of everything written; the writer is cleared. */
PyObject *fory_row_writer_finish(ForyRowWriter *w);
/* Appends one row for an object, dict or RowData. On failure the exception has
 * its path and the writer its old size. 0 / -1. */
int fory_row_write(ForyRowWriter *w, ForyRowSchema *plan, PyObject *o);
int fory_row_grow(ForyRowWriter *w, size_t need);

/* Room for n bytes (not cleared); their offset. (size_t)-1 on failure. */
FORY_INLINE size_t
fory_row_reserve(ForyRowWriter *w, size_t n)
{
    size_t at = w->size;
    if (FORY_UNLIKELY(w->capacity - at < n) && fory_row_grow(w, n) < 0) {
        return (size_t)-1;
    }
    w->size = at + n;
    return at;
}
#define FORY_ROW_FAILED ((size_t)-1)

/* Points the slot at offset `slot` to [at, w->size), relative to base; `size`
 * excludes padding. 0 / -1 when a row grows beyond what a slot can express. */
int fory_row_too_large(ForyRowWriter *w);
FORY_INLINE int
fory_row_refer(ForyRowWriter *w, size_t slot, size_t base, size_t at, size_t size)
{
    if (FORY_UNLIKELY(at - base > FORY_ROW_MAX || size > FORY_ROW_MAX)) {
        return fory_row_too_large(w);
    }
    fory_store64(w->data + slot, (uint64_t)(at - base) << 32 | (uint64_t)size);
    return 0;
}
/* Appends n bytes and zeros to a multiple of 8, referred to by the slot. */
int fory_row_put_bytes(ForyRowWriter *w, size_t slot, size_t base, const uint8_t *bytes, size_t n);
/* Header, bitmap and elements of an array of n, all zero; *items is the offset
 * of the first element. The offset of the array or FORY_ROW_FAILED. */
size_t fory_row_begin_array(ForyRowWriter *w, size_t n, size_t width, size_t *items);

/* ---- values.c ------------------------------------------------------------------ */

/* The bits of the value of a fixed-width node, zero above its width. 0 / -1. */
int fory_row_number(ForyState *st, const ForyRowNode *node, PyObject *v, uint64_t *bits);
/* 1 when fory_row_number of v runs no Python code. */
int fory_row_is_plain(PyObject *v);
/* 16 bytes of the unscaled value. 0 / -1. */
int fory_row_decimal_put(ForyState *st, const ForyRowNode *node, PyObject *v, uint8_t *out);
PyObject *fory_row_decimal_get(ForyState *st, const ForyRowNode *node, const uint8_t *p);
/* The value of a fixed-width node. New reference. */
PyObject *fory_row_read_number(ForyState *st, const ForyRowNode *node, const uint8_t *p, int utc);
PyObject *fory_row_read_text(ForyState *st, const uint8_t *p, size_t n);
int fory_row_values_init(ForyState *st);

FORY_INLINE void
fory_row_store(uint8_t *p, unsigned width, uint64_t bits)
{
    switch (width) {
    case 1:
        *p = (uint8_t)bits;
        break;
    case 2:
        fory_store16(p, (uint16_t)bits);
        break;
    case 4:
        fory_store32(p, (uint32_t)bits);
        break;
    default:
        fory_store64(p, bits);
    }
}

/* ---- object_columns.c ------------------------------------------------------------ */

/* The columns of the objects [start, stop) of a list or tuple, as one column of
 * structs without nulls; None when the way through rows has to be taken. New reference. */
PyObject *fory_row_object_columns(ForyState *st, ForyRowSchema *plan, PyObject *objects, Py_ssize_t start,
                                  Py_ssize_t stop);

/* ---- decode.c ------------------------------------------------------------------- */

enum { FORY_ROW_TRUSTED = 1, FORY_ROW_UTC = 2, FORY_ROW_LENIENT = 4 };
enum fory_row_container { FORY_ROW_AS_LIST, FORY_ROW_AS_SET, FORY_ROW_AS_TUPLE, FORY_ROW_AS_FROZENSET };

typedef struct ForyRowExtra {
    PyObject *name, *value; /* strong */
    uint8_t call;
} ForyRowExtra;

/* What a node is decoded to. */
typedef struct ForyRowBinding {
    PyTypeObject *cls; /* strong; NULL: a dict */
    uint8_t container; /* enum fory_row_container */
    uint8_t *order;    /* fields in the order in which the class declares them */
    Py_ssize_t n_extras;
    ForyRowExtra *extras; /* attributes that are not in the schema */
} ForyRowBinding;

/* Values that repeat from row to row are made once. str and float cannot be
 * told apart by what they are used for, and memory is most of the cost of many
 * objects. A node whose values do not repeat stops asking: see credit. */
#define FORY_ROW_CACHED_TEXTS 512
#define FORY_ROW_CACHED_FLOATS 256
#define FORY_ROW_CACHED_SIZE 16 /* longest text, bytes */
typedef struct ForyRowCache {
    struct {
        uint64_t low, high; /* all bytes of the text */
        size_t size;
        PyObject *text;
    } texts[FORY_ROW_CACHED_TEXTS];
    struct {
        uint64_t bits;
        PyObject *number;
    } floats[FORY_ROW_CACHED_FLOATS];
    int16_t credit[1]; /* by node number: grows with hits, shrinks with misses */
} ForyRowCache;

/* NULL (no exception) without memory: there is no cache then. */
ForyRowCache *fory_row_cache_new(uint32_t n_nodes);
void fory_row_cache_free(ForyRowCache *cache);

typedef struct ForyRowDecoder {
    ForyState *st;
    const ForyRowBinding *bindings; /* by node number, or NULL: plain Python containers */
    ForyRowCache *cache; /* borrowed, or NULL */
    uint64_t left; /* bytes that may still be decoded: overlapping values use them up */
    int flags;
    PyObject *path;
} ForyRowDecoder;

void fory_row_decoder_init(ForyRowDecoder *d, ForyState *st, size_t size, int flags);
/* Raises for damaged data at a node. NULL. */
PyObject *fory_row_damaged(ForyState *st, const ForyRowNode *node, size_t offset, size_t length, size_t size);
/* A text or float64 of a node, perhaps one that was given before; d->cache is not
 * NULL. New reference. */
PyObject *fory_row_cached_text(ForyRowDecoder *d, const ForyRowNode *node, const uint8_t *p, size_t n);
PyObject *fory_row_cached_float(ForyRowDecoder *d, const ForyRowNode *node, const uint8_t *p);
/* The value at a slot or element of the row or array at base[0..size). New reference. */
PyObject *fory_row_decode(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *base, size_t size,
                          const uint8_t *slot);
PyObject *fory_row_decode_struct(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size);
PyObject *fory_row_decode_items(ForyRowDecoder *d, ForyRowNode *element, const fory_row_array *array,
                                size_t first, size_t n);
PyObject *fory_row_decode_list(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size);
PyObject *fory_row_decode_map(ForyRowDecoder *d, ForyRowNode *node, const uint8_t *data, size_t size);
/* Completes the pending exception with the path; clears it. Returns result. */
PyObject *fory_row_decoded(ForyRowDecoder *d, PyObject *result);

/* ---- views ---------------------------------------------------------------------- */

/* RowData, ArrayData and MapData: a place in memory and the node that explains it. */
typedef struct ForyRowView {
    PyObject_HEAD
    ForyRowSchema *plan; /* strong: owns node */
    ForyRowNode *node;
    PyObject *owner;     /* strong: keeps data alive */
    const uint8_t *data;
    size_t size;
    fory_row_array array;  /* ArrayData: itself; MapData: the values */
    fory_row_array keys;   /* MapData */
    Py_ssize_t shape, stride; /* of an exported array */
    int flags;
} ForyRowView;

/* A view of data[0..size) for a struct, list or map node, checked. The node of
 * an ArrayData is that of its elements. New reference. */
PyObject *fory_row_view(ForyRowSchema *plan, ForyRowNode *node, PyObject *owner, const uint8_t *data, size_t size,
                        int flags);
PyObject *fory_row_array_view(ForyRowView *parent, ForyRowNode *element, const fory_row_array *array);
/* The value at a slot or element: a Python value, or a view of a nested one.
 * data[0..size) is the row or array that references count from. New reference. */
PyObject *fory_row_get(ForyRowView *self, ForyRowNode *node, const uint8_t *data, size_t size, const uint8_t *slot);
/* Element i < count; None for a null. New reference. */
PyObject *fory_row_item(ForyRowView *self, ForyRowNode *element, const fory_row_array *array, size_t i);
/* An int key within 0 <= key < count. 0 / -1 (IndexError, TypeError). */
int fory_row_index(ForyState *st, PyObject *key, size_t count, size_t *out);

/* Same fields of the same types: the bytes mean the same. */
int fory_row_same_layout(const ForyRowNode *a, const ForyRowNode *b);

/* common.c: what the three share */
/* New instance without content, not yet tracked by the collector. */
ForyRowView *fory_row_view_alloc(ForyRowSchema *plan, ForyRowNode *node, int kind, PyObject *owner, int flags);
int fory_row_view_traverse(ForyRowView *self, visitproc visit, void *arg);
void fory_row_view_dealloc(ForyRowView *self);
PyObject *fory_row_view_no_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
PyObject *fory_row_view_str(ForyRowView *self);
PyObject *fory_row_view_repr(ForyRowView *self);
/* The whole value as Python containers. New reference. */
PyObject *fory_row_view_value(ForyRowView *self);
int fory_row_getbuffer(ForyRowView *self, Py_buffer *view, int flags);
/* METH_O getters by index of RowData and ArrayData, and what all views have. */
#define FORY_ROW_COMMON_METHODS                                                                              \
    {"buffer", (PyCFunction)fory_row_view_buffer, METH_NOARGS,                                               \
     "buffer($self, /)\n--\n\nThe whole memory that this value lies in, as a Buffer."},                      \
    {"base_offset", (PyCFunction)fory_row_view_base_offset, METH_NOARGS,                                     \
     "base_offset($self, /)\n--\n\nWhere in buffer() this value begins."},                                  \
    {"size_bytes", (PyCFunction)fory_row_view_size_bytes, METH_NOARGS,                                       \
     "size_bytes($self, /)\n--\n\nSize in bytes."},                                                         \
    {"to_bytes", (PyCFunction)fory_row_view_to_bytes, METH_NOARGS,                                           \
     "to_bytes($self, /)\n--\n\nA copy of the bytes of this value."}
PyObject *fory_row_view_buffer(ForyRowView *self, PyObject *unused);
PyObject *fory_row_view_to_bytes(ForyRowView *self, PyObject *unused);
PyObject *fory_row_view_base_offset(ForyRowView *self, PyObject *unused);
PyObject *fory_row_view_size_bytes(ForyRowView *self, PyObject *unused);
#define FORY_ROW_GETTER_METHODS                                                                               \
    {"get_boolean", (PyCFunction)fory_row_get_boolean, METH_O, NULL},                                         \
    {"get_int8", (PyCFunction)fory_row_get_int8, METH_O, NULL},                                               \
    {"get_int16", (PyCFunction)fory_row_get_int16, METH_O, NULL},                                             \
    {"get_int32", (PyCFunction)fory_row_get_int32, METH_O, NULL},                                             \
    {"get_int64", (PyCFunction)fory_row_get_int64, METH_O, NULL},                                             \
    {"get_float16", (PyCFunction)fory_row_get_float16, METH_O, NULL},                                         \
    {"get_float", (PyCFunction)fory_row_get_float, METH_O, NULL},                                             \
    {"get_double", (PyCFunction)fory_row_get_double, METH_O, NULL},                                           \
    {"get_date", (PyCFunction)fory_row_get_date, METH_O, NULL},                                               \
    {"get_datetime", (PyCFunction)fory_row_get_datetime, METH_O, NULL},                                       \
    {"get_duration", (PyCFunction)fory_row_get_duration, METH_O, NULL},                                       \
    {"get_decimal", (PyCFunction)fory_row_get_decimal, METH_O, NULL},                                         \
    {"get_binary", (PyCFunction)fory_row_get_binary, METH_O, NULL},                                           \
    {"get_str", (PyCFunction)fory_row_get_str, METH_O, NULL},                                                 \
    {"get_struct", (PyCFunction)fory_row_get_struct, METH_O, NULL},                                           \
    {"get_array_data", (PyCFunction)fory_row_get_array_data, METH_O, NULL},                                   \
    {"get_map_data", (PyCFunction)fory_row_get_map_data, METH_O, NULL},                                       \
    {"is_null_at", (PyCFunction)fory_row_is_null_at, METH_O,                                                  \
     "is_null_at($self, i, /)\n--\n\nWhether value i is null."}
#define FORY_ROW_DECLARE_GETTER(name) PyObject *fory_row_get_##name(ForyRowView *self, PyObject *index)
FORY_ROW_DECLARE_GETTER(boolean);
FORY_ROW_DECLARE_GETTER(int8);
FORY_ROW_DECLARE_GETTER(int16);
FORY_ROW_DECLARE_GETTER(int32);
FORY_ROW_DECLARE_GETTER(int64);
FORY_ROW_DECLARE_GETTER(float16);
FORY_ROW_DECLARE_GETTER(float);
FORY_ROW_DECLARE_GETTER(double);
FORY_ROW_DECLARE_GETTER(date);
FORY_ROW_DECLARE_GETTER(datetime);
FORY_ROW_DECLARE_GETTER(duration);
FORY_ROW_DECLARE_GETTER(decimal);
FORY_ROW_DECLARE_GETTER(binary);
FORY_ROW_DECLARE_GETTER(str);
FORY_ROW_DECLARE_GETTER(struct);
FORY_ROW_DECLARE_GETTER(array_data);
FORY_ROW_DECLARE_GETTER(map_data);
PyObject *fory_row_is_null_at(ForyRowView *self, PyObject *index);

/* ---- types ------------------------------------------------------------------------ */

#if PY_VERSION_HEX >= 0x03090000
#define FORY_ROW_BUFFER_SLOT(f) {Py_bf_getbuffer, f},
#else
#define FORY_ROW_BUFFER_SLOT(f) /* no slot for it before 3.9: fory_row_add_type sets it */
#endif
/* Makes a type of the module and adds it to it. 0 / -1. */
int fory_row_add_type(PyObject *module, ForyState *st, enum fory_row_type kind, PyType_Spec *spec,
                      getbufferproc getbuffer);
int fory_row_memory_type_init(PyObject *module, ForyState *st);
int fory_row_schema_type_init(PyObject *module, ForyState *st);
int fory_row_view_type_init(PyObject *module, ForyState *st);
int fory_row_array_type_init(PyObject *module, ForyState *st);
int fory_row_map_type_init(PyObject *module, ForyState *st);
int fory_row_codec_type_init(PyObject *module, ForyState *st);
int fory_row_batch_type_init(PyObject *module, ForyState *st);
int fory_row_init(PyObject *module, ForyState *st);

#endif /* FORY_ROW_H */
