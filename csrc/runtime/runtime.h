/* Private header of the runtime room: the Python-aware engine. */
#ifndef FORY_RUNTIME_H
#define FORY_RUNTIME_H

#include "runtime/compat.h"

#include "kernels/kernels.h"
#include "wire/wire.h"

typedef struct ForyCodec ForyCodec;
typedef struct ForyEngine ForyEngine;
typedef struct ForyTypeEntry ForyTypeEntry;
typedef struct ForyWriteCtx ForyWriteCtx;
typedef struct ForyReadCtx ForyReadCtx;
typedef struct ForyNativeEngine ForyNativeEngine;
typedef struct ForyNativeWrite ForyNativeWrite;
typedef struct ForyNativeRead ForyNativeRead;

/* ---- codecs ------------------------------------------------------------ */

/* How values of one kind travel, without flags and type information. Composite
 * codecs embed this struct first. */
struct ForyCodec {
    int (*write)(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
    PyObject *(*read)(ForyReadCtx *r, const ForyCodec *c); /* new reference */
    /* batches; NULL where a loop over write/read is as good. read_many fills
     * out[0..n) with new references and leaves NULLs from the failing one on. */
    int (*write_many)(ForyWriteCtx *w, const ForyCodec *c, PyObject *const *items, Py_ssize_t n);
    int (*read_many)(ForyReadCtx *r, const ForyCodec *c, PyObject **out, Py_ssize_t n);
    PyTypeObject *exact; /* values of exactly this type never run Python code; or NULL */
    uint8_t type_id;
    uint8_t flags;    /* FORY_CODEC_* */
    uint8_t min_size; /* bytes every body takes at least */
    uint8_t room;     /* bytes of a scalar body at most; 0 for others */
};

enum {
    FORY_CODEC_TRACKED = 1, /* takes reference flags inside containers (section 1.4) */
    FORY_CODEC_EARLY = 2,   /* read() publishes its object before its children */
    FORY_CODEC_BASIC = 4,   /* bool, numbers of groups 1-2, str: fast paths */
    FORY_CODEC_SCALAR_FLAGLESS = 8 /* exact str/int/bool/float: `ff` in mixed lists */
};

/* ---- errors (errors.c) ------------------------------------------------- */

/* Index into ForyState.errors; the classes live in pyfory/error.py. */
enum fory_error {
    FORY_E_INVALID_DATA,    /* ForyInvalidDataError: malformed input (ValueError) */
    FORY_E_TRUNCATED,       /* ForyBufferOutOfBoundError: input ends too early (EOFError) */
    FORY_E_TYPE,            /* ForyTypeError: wrong Python type (TypeError) */
    FORY_E_OVERFLOW,        /* ForyOverflowError: number out of range (OverflowError) */
    FORY_E_UNREGISTERED,    /* TypeUnregisteredError */
    FORY_E_NOT_COMPATIBLE,  /* TypeNotCompatibleError: schemas or hashes differ */
    FORY_E_DEPTH,           /* ForyDepthExceedError */
    FORY_E_LIMIT,           /* ForyLimitError: a budget of the reader is used up (ValueError) */
    FORY_E_REF,             /* ForyInvalidRefError (ValueError) */
    FORY_E_ENUM,            /* ForyUnknownEnumError (ValueError) */
    FORY_E_UNSUPPORTED,     /* ForyUnsupportedError: value has no representation (TypeError) */
    FORY_E_INVALID,         /* ForyInvalidError: an argument that is not valid (ValueError) */
    FORY_E_INDEX,           /* ForyOutOfBoundError (IndexError) */
    FORY_E_FIELD,           /* ForyFieldError: a row has no such field */
    FORY_E_SCHEMA_HASH,     /* ForySchemaHashError: a row of another schema (AssertionError) */
    FORY_E_COUNT
};

/* Types of the row room, in ForyState.row_types. */
enum fory_row_type {
    FORY_ROW_SCHEMA, FORY_ROW_DATA, FORY_ROW_ARRAY, FORY_ROW_MAP, FORY_ROW_MEMORY, FORY_ROW_CODEC, FORY_ROW_BATCH,
    FORY_ROW_ITERATOR,
    FORY_ROW_TYPE_COUNT
};

typedef struct ForyState {
    PyObject *errors[FORY_E_COUNT];
    const fory_kernels *kernels;

    /* types owned by the module */
    PyTypeObject *BufferType;     /* buffer.c */
    PyTypeObject *DenseArrayType; /* dense_array.c */
    PyTypeObject *EngineType;     /* engine.c */
    PyTypeObject *PicklerType, *UnpicklerType; /* csrc/native/pickler.c */
    PyTypeObject *WriteContextType;
    PyTypeObject *ReadContextType;
    PyTypeObject *BufferObjectType;
    PyTypeObject *row_types[FORY_ROW_TYPE_COUNT]; /* csrc/row */

    /* dense array carriers by type id; set by pyfory.array, see dense_array.c */
    PyObject *array_carriers[FORY_TYPE_ID_COUNT];

    ForyCodec codecs[FORY_TYPE_ID_COUNT]; /* body codecs of the builtin kinds */

    PyObject *empty_tuple;
    PyObject *Decimal;        /* decimal.Decimal, imported on first use */
    PyObject *array_array;    /* array.array, imported on first use */
    PyObject *numpy_empty, *numpy_ndarray, *numpy_dtype; /* of numpy, imported on first use */
    struct ForyNumpy *numpy;  /* numpy_api.c, on first use */
    PyObject *enum_Enum, *uuid_UUID, *uuid_unsafe;       /* imported on first use */
    PyObject *numpy_dtypes[FORY_TYPE_ID_COUNT]; /* dtype objects by array type id, on first use */
    PyObject *UnknownStruct;  /* pyfory.unknown.UnknownStruct, on first use */
    PyObject *NonExistEnum;   /* pyfory.unknown.NonExistEnum, on first use */
    PyObject *Union;          /* pyfory.union.Union, on first use */
    PyObject *str_path, *str_offset, *str_value, *str_add_note, *str_write, *str_read, *str_compiled;
#define FORY_PICKLE_NAMES(X)                                                                                  \
    X(engine, "_engine") X(fast, "fast") X(persistent_id, "persistent_id")                                     \
    X(plain_persistent_id, "_plain_persistent_id") X(reducer_override, "reducer_override")                     \
    X(dispatch_table, "dispatch_table") X(persistent_load, "persistent_load")                                  \
    X(plain_persistent_load, "_plain_persistent_load") X(find_class, "find_class")                            \
    X(plain_find_class, "_plain_find_class") X(allow_pickle, "allow_pickle") X(tell, "tell")                   \
    X(getvalue, "getvalue") X(seek, "seek") X(readline, "readline")
#define FORY_DECLARE_NAME(name, text) PyObject *str_##name;
    FORY_PICKLE_NAMES(FORY_DECLARE_NAME)
#undef FORY_DECLARE_NAME
    PyObject *BytesIO;        /* io.BytesIO, on first use */
    PyObject *small_ints[128]; /* by one-byte zigzag form; NULL where CPython shares none */
    int inline_values_ok, dict_layout_ok; /* object_layout.c: the self-tests passed */
    int decimal_fields_known; /* decimal_layout.c: the self-test passed */
    uint32_t names_version; /* counts how often modules began or ceased to go by value */
} ForyState;

/* The state of the module that `type` or one of its bases belongs to.
 * Borrowed; NULL with TypeError when the type is not ours. */
ForyState *fory_state_of_type(PyTypeObject *type);
ForyState *fory_state_of_module(PyObject *module);
/* Fills *slot with attribute `name` of a module on the first call. 0 / -1. */
int fory_import_once(PyObject **slot, const char *module, const char *name);
extern struct PyModuleDef fory_core_module;

/* Sets the error class `kind` with a PyErr_Format message. Returns NULL. */
PyObject *fory_raise(ForyState *st, enum fory_error kind, const char *format, ...);
/* Sets the error for a FORY_TRUNCATED / FORY_MALFORMED status of the wire room. */
void fory_raise_wire(ForyState *st, int status);

/* Each returns 0, or -1 with an exception set. */
int fory_buffer_init(PyObject *module, ForyState *st);
int fory_dense_array_init(PyObject *module, ForyState *st);
int fory_wire_functions_init(PyObject *module, ForyState *st); /* mmh3, meta strings, half floats, simd */
/* New heap type bound to the module. New reference. */
PyTypeObject *fory_new_type(PyObject *module, PyType_Spec *spec);
int fory_select_kernels(ForyState *st);
int fory_pickler_init(PyObject *module, ForyState *st); /* csrc/native/pickler.c */
/* Reads one message in `data`, memory of `source` from its start or of an unknown object (NULL),
 * under the hooks of pyfory.pickle. *used is set on failure too. New reference. */
PyObject *fory_engine_read_hooked(ForyEngine *e, PyObject *source, const uint8_t *data, size_t size, PyObject *hooks,
                                  size_t *used);
int fory_engine_init(PyObject *module, ForyState *st);
int fory_state_init(PyObject *module, ForyState *st); /* error classes, constants */
int fory_state_traverse(ForyState *st, visitproc visit, void *arg);
int fory_state_clear(ForyState *st);

/* ---- Buffer (buffer.c) ------------------------------------------------- */

/* 1 when o is a pyfory Buffer. */
#define ForyBuffer_Check(st, o) PyObject_TypeCheck((o), (st)->BufferType)
/* Appends n bytes at the writer index. 0 / -1. */
int fory_buffer_append(PyObject *buffer, const void *data, size_t n);
/* Readable bytes from the reader index on: *data borrowed and valid until the
 * buffer is next changed. Stream-backed buffers are filled to at least `want`
 * bytes when the stream still has them. 0 / -1. */
int fory_buffer_peek(PyObject *buffer, size_t want, const uint8_t **data, size_t *n);
/* Moves the reader index forward by n (n <= what peek showed). */
void fory_buffer_consume(PyObject *buffer, size_t n);
/* The object that owns what peek showed; new reference. */
PyObject *fory_buffer_pin(PyObject *buffer);
/* Forgets bytes of a stream that were read already. 0 / -1. */
int fory_buffer_shrink(PyObject *buffer);

/* ---- dense arrays (dense_array.c) -------------------------------------- */

/* Storage of pyfory.*Array: little-endian elements, bool as one byte each. */
typedef struct ForyDenseArray {
    PyObject_HEAD
    uint8_t *data;
    Py_ssize_t nbytes;
    Py_ssize_t capacity;
    Py_ssize_t exports; /* live buffer views; resizing raises BufferError meanwhile */
    uint8_t type_id;    /* FORY_*_ARRAY */
    uint8_t width;      /* bytes per element */
} ForyDenseArray;

/* Width in bytes of the elements of a dense array type id, 0 when it is none. */
int fory_array_width(int type_id);
/* New carrier object of the registered class for type_id, nbytes long, with
 * uninitialised data. New reference or NULL. */
PyObject *fory_dense_array_new(ForyState *st, int type_id, Py_ssize_t nbytes);
/* Fills out[0..n) from n Python objects by the element rules of api.md section 7
 * (bool only for bool, int for ints, int/float for floats; range checked).
 * On failure *failed is the index. 0 / -1. */
int fory_dense_array_fill(ForyState *st, int type_id, PyObject *const *items, Py_ssize_t n, uint8_t *out,
                          Py_ssize_t *failed);
/* New list of the elements as Python numbers. */
PyObject *fory_dense_array_tolist(ForyState *st, int type_id, const uint8_t *data, Py_ssize_t nbytes);

/* ---- registered types (type_map.c) ------------------------------------- */

/* A namespace or type name as it travels in consistent mode (section 9.2). */
typedef struct ForyMetaString {
    uint8_t *data;
    uint32_t size;
    uint32_t serial; /* index into the context's "seen" table */
    int64_t hash;    /* for size > 16; low byte = encoding */
    uint8_t encoding;
} ForyMetaString;

/* Where the type information of a value comes from: fixed bytes, a shared
 * TypeDef, two meta strings, the value itself (ndarray, array.array: one byte),
 * or the value's own remote TypeDef (UnknownStruct). */
enum fory_info { FORY_INFO_STATIC, FORY_INFO_TYPE_DEF, FORY_INFO_NAMED, FORY_INFO_BY_VALUE, FORY_INFO_UNKNOWN };
enum fory_kind { FORY_KIND_BUILTIN, FORY_KIND_STRUCT, FORY_KIND_ENUM, FORY_KIND_EXT, FORY_KIND_UNION,
                 FORY_KIND_UNKNOWN };

/* One Python type this engine can write. Lives as long as the engine. */
struct ForyTypeEntry {
    PyTypeObject *type;      /* strong */
    const ForyCodec *codec;  /* body codec, NULL until first use */
    PyObject *registration;  /* pyfory.registry.Registration, or NULL */
    PyObject *type_def;      /* bytes, FORY_INFO_TYPE_DEF once built */
    ForyMetaString *name_space, *type_name; /* FORY_INFO_NAMED */
    uint64_t key;            /* identity of type_def */
    uint32_t serial;         /* index into the context's TypeDef table */
    uint32_t user_id;
    uint8_t type_id;
    uint8_t kind;            /* enum fory_kind */
    uint8_t info_kind;       /* enum fory_info */
    uint8_t info_size;
    uint8_t info[7];         /* FORY_INFO_STATIC: the bytes themselves */
    uint8_t tracked;         /* takes reference flags when the engine tracks */
    uint8_t alias;           /* of a subclass that the serializer of its base takes */
    uint8_t *head;           /* what stands before the body in a message of such a value, or NULL: the engine's memory */
    uint32_t head_size;
};

/* A struct schema that came over the wire. */
typedef struct ForyRemote {
    uint64_t key;
    const ForyCodec *codec;
    ForyTypeEntry *entry; /* NULL: not registered here */
} ForyRemote;

typedef struct ForyWireString {
    const uint8_t *data;
    uint32_t size;
    uint8_t encoding;
} ForyWireString;

/* The bytes before the body of the last message whose value was of a registered class and not
 * tracked, and what they led to. */
typedef struct ForyReadHead {
    uint32_t size; /* 0: nothing is known */
    uint8_t type_def; /* it defines one */
    uint8_t n_strings;
    ForyWireString strings[2]; /* data: NULL */
    size_t offsets[2];         /* ... where it lies */
    const ForyCodec *codec;
    ForyTypeEntry *entry;
    uint8_t bytes[128];
} ForyReadHead;

/* ---- engine (engine.c) ------------------------------------------------- */

typedef struct ForyTypeMap {
    size_t mask, used;
    ForyTypeEntry **slots;
} ForyTypeMap;

struct ForyEngine {
    PyObject_HEAD
    ForyState *st;
    const struct ForyCodecOps *ops; /* xlang or native format */
    ForyNativeEngine *native;       /* native room; NULL in xlang mode */
    PyObject *registry; /* pyfory.registry.TypeRegistry: the cold paths */
    PyObject *authorize; /* asked before a struct is made, or NULL; set once */
    uint8_t xlang, track_ref, strict, compatible;
    int max_depth;
    int64_t max_graph_memory, max_unbacked_items;

    ForyTypeMap types;          /* PyTypeObject* -> entry */
    ForyTypeEntry **entries;    /* owned */
    size_t n_entries, cap_entries;
    ForyMetaString **strings;   /* owned */
    size_t n_strings, cap_strings;
    ForyTypeEntry **by_user_id; /* open addressing on user_id */
    size_t user_id_mask, n_user_ids;
    PyObject *by_name;          /* raw (namespace, name) bytes -> entry index */
    ForyRemote **remotes;       /* open addressing on key */
    size_t remote_mask, n_remotes;
    void **arena;               /* composite codecs, freed with the engine */
    size_t n_arena, cap_arena;
    PyObject *arena_refs;       /* list of objects the codecs need alive */

    ForyWriteCtx *free_write;
    ForyReadCtx *free_read;
    ForyReadHead read_head;
};

/* Memory that lives as long as the engine; zeroed. NULL with MemoryError. */
void *fory_engine_alloc(ForyEngine *e, size_t size);
/* Keeps a new strong reference to o until the engine goes. 0 / -1. */
int fory_engine_keep(ForyEngine *e, PyObject *o);
/* Adds an empty entry for type (strong reference taken). NULL on failure. */
ForyTypeEntry *fory_entry_new(ForyEngine *e, PyTypeObject *type);
int fory_type_map_set(ForyEngine *e, ForyTypeEntry *entry);
/* Forgets received schemas and subclasses of registered classes: they are looked up anew. Running
 * operations keep the entries and codecs that they have. 0 / -1. */
int fory_forget_resolved(ForyEngine *e);
int fory_user_id_set(ForyEngine *e, ForyTypeEntry *entry);
ForyTypeEntry *fory_user_id_get(ForyEngine *e, uint32_t user_id);
/* Interned per engine: the same bytes and encoding give the same object unless private_. */
ForyMetaString *fory_meta_string_new(ForyEngine *e, const uint8_t *data, size_t size, int encoding, int private_);
ForyRemote *fory_remote_get(ForyEngine *e, uint64_t key);
int fory_remote_set(ForyEngine *e, uint64_t key, const ForyCodec *codec, ForyTypeEntry *entry);
/* The entry of a type seen for the first time: asks the registry. Borrowed; NULL with an exception. */
ForyTypeEntry *fory_entry_resolve(ForyEngine *e, PyTypeObject *type);

/* For tables of powers of two. Objects made in a row lie at even distances, and the golden ratio leaves some
 * distances in few places when bits from the middle are taken. This factor was searched for: simulated heaps
 * (distances of 16 to 512, full and sparse pools, 64 to 2^18 slots at most half full) took 1.13 probes on
 * average and 5.6 at worst; the golden ratio 1.30 and 71. */
FORY_INLINE size_t
fory_pointer_hash(const void *p)
{
    return (size_t)(((uint64_t)(uintptr_t)p * UINT64_C(0xA192AFE3157C85D1)) >> 32);
}

/* Entry of an exact type that was met before, or NULL. Borrowed. */
FORY_INLINE ForyTypeEntry *
fory_entry_find(ForyEngine *e, PyTypeObject *type)
{
    size_t i = fory_pointer_hash(type) & e->types.mask;
    for (;;) {
        ForyTypeEntry *entry = e->types.slots[i];
        if (FORY_LIKELY(entry != NULL && entry->type == type)) {
            return entry;
        }
        if (entry == NULL) {
            return NULL;
        }
        i = (i + 1) & e->types.mask;
    }
}

/* Entry of an exact type, or NULL with an exception. Borrowed. Writers use
 * fory_write_entry instead. */
FORY_INLINE ForyTypeEntry *
fory_entry_of(ForyEngine *e, PyTypeObject *type)
{
    ForyTypeEntry *entry = fory_entry_find(e, type);
    return FORY_LIKELY(entry != NULL) ? entry : fory_entry_resolve(e, type);
}

/* What a format provides to the runtime (codecs/compile.c, native/root.c). The
 * members from begin_write on may be NULL. */
typedef struct ForyCodecOps {
    int (*init_state)(ForyState *st);
    int (*install_builtins)(ForyEngine *e);
    /* Builds entry->codec (and TypeDef). 0 / -1. */
    int (*build)(ForyEngine *e, ForyTypeEntry *entry);
    /* A message of one scalar, without a context: 1 and a new reference, or NULL with an
     * exception; 0 when the general way must see to it. */
    int (*write_scalar)(const ForyEngine *e, PyObject *v, PyObject **message);
    /* The same of what is no scalar; may be NULL. */
    int (*write_simple)(ForyEngine *e, PyObject *v, PyObject **message);
    int (*read_scalar)(const ForyEngine *e, const uint8_t *data, size_t size, PyObject **value);
    int (*write_root)(ForyWriteCtx *w, PyObject *v);
    PyObject *(*read_root)(ForyReadCtx *r);
    /* Fills a new entry from the registry's answer for an unregistered type. */
    int (*install_alias)(ForyEngine *e, ForyTypeEntry *entry, PyObject *spec);
    /* any value with its tag or flag, for serializers written in Python */
    int (*write_value)(ForyWriteCtx *w, PyObject *v);
    PyObject *(*read_value)(ForyReadCtx *r);
    /* what operations and engines keep for the format */
    int (*begin_write)(ForyWriteCtx *w);
    void (*end_write)(ForyWriteCtx *w);
    void (*free_write)(ForyWriteCtx *w);
    /* the reference table takes its objects and lets them go; NULL: as the runtime's own does */
    void (*pin_write)(ForyWriteCtx *w);
    void (*unpin_write)(ForyWriteCtx *w);
    int (*begin_read)(ForyReadCtx *r);
    void (*end_read)(ForyReadCtx *r);
    void (*free_read)(ForyReadCtx *r);
    int (*set_write_hooks)(ForyWriteCtx *w, PyObject *hooks);
    int (*set_read_hooks)(ForyReadCtx *r, PyObject *hooks);
    int (*traverse_engine)(ForyEngine *e, visitproc visit, void *arg);
    void (*flush_engine)(ForyEngine *e);
    void (*set_guarded)(ForyEngine *e, int guarded);
    void (*free_engine)(ForyEngine *e);
} ForyCodecOps;
extern const ForyCodecOps fory_codec_ops, fory_native_ops;

FORY_INLINE int
fory_entry_ready(ForyEngine *e, ForyTypeEntry *entry)
{
    return FORY_LIKELY(entry->codec != NULL) ? 0 : e->ops->build(e, entry);
}

/* ---- contexts (context.c): one per running operation ------------------- */

/* Lowest address an operation may reach on its thread's stack. The limit is
 * found once per context and thread; `limit` is NULL until the running
 * operation has asked. */
typedef struct ForyStack {
    char *limit;
    char *known_limit;
    unsigned long thread;
} ForyStack;

typedef struct ForySeen {
    uint32_t generation;
    uint32_t number;
} ForySeen;

typedef struct ForyRefSlot {
    PyObject *object;
    uint32_t generation;
    uint32_t id;
} ForyRefSlot;

/* WriteContext and ReadContext objects, as serializers written in Python see
 * them: valid until the operation ends, then detached. One that the caller made
 * is an operation of its own between prepare() and reset(). */
typedef struct ForyPyContext {
    PyObject_HEAD
    void *context; /* ForyWriteCtx or ForyReadCtx; NULL once detached */
    unsigned long thread; /* of the operation: another one could outlive it inside a call */
    ForyEngine *engine;   /* strong, only of those that the caller made */
    PyObject *held;       /* arguments of prepare() */
    int busy;             /* methods that are running */
} ForyPyContext;

FORY_INLINE void
fory_detach(PyObject **py_context)
{
    if (FORY_UNLIKELY(*py_context != NULL)) {
        ((ForyPyContext *)*py_context)->context = NULL;
        Py_CLEAR(*py_context);
    }
}

#define FORY_SCRATCH_SIZE 4096

struct ForyWriteCtx {
    fory_writer out; /* first, so that grow() finds the context */
    ForyEngine *engine;
    ForyState *st;
    PyObject *result;   /* bytes object being filled, or NULL while in scratch */
    size_t last_size;   /* of the previous result: a good first guess */
    int depth, max_depth;
    ForyStack stack;
    uint8_t track_ref;
    uint8_t pinned;     /* reference table owns its objects */
    uint8_t out_of_band;
    uint32_t generation;
    uint32_t n_refs;
    ForyRefSlot *refs;  /* open addressing */
    size_t ref_mask;
    ForySeen *type_defs; /* by entry serial */
    size_t cap_type_defs;
    uint32_t n_type_defs;
    ForySeen *strings;   /* by meta string serial */
    size_t cap_strings;
    uint32_t n_strings;
    PyObject *keep;      /* list of temporaries, or NULL */
    PyObject *path;      /* list of path segments, innermost first; on failure only */
    PyObject *buffer_callback; /* borrowed */
    PyObject *unsupported_callback; /* borrowed */
    PyObject *target;          /* Buffer that the caller gave, or NULL; borrowed */
    PyObject *lent;            /* Buffer that takes the output because Python code may look at it, or NULL */
    Py_ssize_t lent_base;      /* its writer index when it was lent */
    PyObject *output;          /* pyfory._output.OutputStream that takes the output, or NULL */
    size_t drained;            /* bytes that output has taken */
    int barriers;              /* flush barriers that are up */
    uint8_t streaming;         /* output leaves while values are written */
    uint8_t staged;            /* lent only collects what Python code writes into it (native mode) */
    PyObject *py_context;      /* WriteContext object handed to serializers, or NULL */
    PyObject *storage;         /* dict of context objects, or NULL */
    PyObject *unknown_defs;    /* dict: TypeDef bytes -> number, for UnknownStruct */
    ForyNativeWrite *native;   /* native room; NULL in xlang mode */
    ForyWriteCtx *next_free;
    uint8_t scratch[FORY_SCRATCH_SIZE];
};

#define FORY_KEY_BITS 9
#define FORY_KEY_CACHE (1 << FORY_KEY_BITS)

typedef struct ForyKeySlot {
    uint64_t low, high;
    uint64_t tag; /* size and encoding; 0: free */
    PyObject *text;
} ForyKeySlot;

struct ForyReadCtx {
    fory_reader in;
    ForyEngine *engine;
    ForyState *st;
    PyObject *source; /* object whose memory is read, or the Buffer over a stream; borrowed */
    PyObject *blocks; /* list: memory of a stream that the message lies in, or NULL */
    int depth, max_depth;
    ForyStack stack;
    uint8_t track_ref;
    uint8_t out_of_band;
    uint8_t stream_failed; /* the stream raised: its bytes are not consumed */
    int64_t graph_left, unbacked_left;
    PyObject **refs;
    size_t n_refs, cap_refs;
    Py_ssize_t pending_ref; /* id the next EARLY codec publishes, or -1 */
    Py_ssize_t own_ref;     /* id of the object a Python serializer is reading, or -1 */
    Py_ssize_t *preserved;  /* ids that the running Python serializer set aside, from preserved_base on */
    size_t n_preserved, cap_preserved, preserved_base;
    PyObject *read_object;  /* what the last reference flag stood for, or NULL */
    const ForyCodec **type_defs;
    ForyTypeEntry **type_def_entries;
    size_t n_type_defs, cap_type_defs;
    ForyWireString *strings;
    size_t n_strings, cap_strings;
    PyObject *path;
    PyObject *buffers;    /* iterator, or NULL */
    PyObject *unsupported; /* iterator, or NULL */
    PyObject *lent;       /* Buffer over the input that Python code may look at, or NULL */
    Py_ssize_t lent_base; /* its reader index at the start of the message */
    PyObject *py_context;
    PyObject *storage;
    ForyNativeRead *native;
    ForyReadCtx *next_free;
    ForyKeySlot *keys; /* FORY_KEY_CACHE short strings seen before */
};

ForyWriteCtx *fory_write_begin(ForyEngine *e);
void fory_write_end(ForyWriteCtx *w);
ForyReadCtx *fory_read_begin(ForyEngine *e, const uint8_t *data, size_t size);
void fory_read_end(ForyReadCtx *r);
void fory_write_ctx_free(ForyWriteCtx *w);
void fory_read_ctx_free(ForyReadCtx *r);
/* New bytes object of everything written. NULL on failure. */
PyObject *fory_write_finish(ForyWriteCtx *w);

/* Makes a Buffer the input: r->source, asked for more where it seems to end. 0 / -1. */
int fory_read_attach(ForyReadCtx *r, PyObject *buffer);
/* Collects positional and keyword arguments of a fixed list of names; the first
 * `required` must be there, a None among the others counts as left out. Borrowed. 0 / -1. */
int fory_take_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                        const char *const *names, int required, int n, PyObject **out);

/* ---- output that leaves before the operation ends (output.c) ------------ */

/* The Buffer that Python code sees as the output; all output so far is in it. Borrowed, or NULL. */
PyObject *fory_write_lend(ForyWriteCtx *w);
/* Whether the output so far is in a Buffer and not in the context. */
FORY_INLINE int fory_write_is_lent(const ForyWriteCtx *w) { return FORY_UNLIKELY(w->lent != NULL) && !w->staged; }
/* Moves what Python code wrote into a staged Buffer to the output. 0 / -1. */
int fory_write_collect(ForyWriteCtx *w);
/* Starts to send output to a stream while values are written. 0 / -1. */
int fory_write_stream(ForyWriteCtx *w, PyObject *output);
/* Hands everything written so far to the lent Buffer or the output stream. 0 / -1. */
int fory_write_drain(ForyWriteCtx *w);
/* Gives the target Buffer what it does not have yet, at the end of the operation. 0 / -1. */
int fory_write_deliver(ForyWriteCtx *w);
/* Bytes of the message that lie before the next one; not while streaming. */
size_t fory_write_position(const ForyWriteCtx *w);
FORY_INLINE size_t
fory_write_mark(const ForyWriteCtx *w)
{
    return FORY_LIKELY(!fory_write_is_lent(w)) ? (size_t)(w->out.pos - w->out.start) : fory_write_position(w);
}
/* Overwrites the byte at such a position. */
void fory_write_patch(ForyWriteCtx *w, size_t position, uint8_t value);
int fory_write_step_slow(ForyWriteCtx *w);
/* Sends the output on when enough has gathered. May run Python code: call it between values. 0 / -1. */
FORY_INLINE int
fory_write_step(ForyWriteCtx *w)
{
    return FORY_LIKELY(!w->streaming) ? 0 : fory_write_step_slow(w);
}

/* Completes the pending exception with path and offset and clears the path. */
void fory_write_failed(ForyWriteCtx *w);
void fory_read_failed(ForyReadCtx *r);

/* Path segments, recorded while an exception unwinds. `segments` is the
 * context's path list; created on the first call. */
void fory_path_field(PyObject **segments, PyObject *name);
void fory_path_index(PyObject **segments, Py_ssize_t index);
/* Adds to the index that was noted last: it counts from the start of a part. */
void fory_path_shift(PyObject **segments, Py_ssize_t by);
void fory_path_key(PyObject **segments, PyObject *key);
/* Gives the pending exception its path and, unless negative (writing), its
 * offset; clears the segments. */
void fory_path_complete(ForyState *st, PyObject **segments, Py_ssize_t offset);

/* Depth: one per nested container or object (decision 8). */
int fory_depth_error(ForyState *st, int max_depth, int reading);

int fory_stack_check(ForyState *st, ForyStack *stack);

/* Nesting below this never asks about the stack. */
#define FORY_SHALLOW 8

#define FORY_DEFINE_ENTER(name, Ctx, reading)                                          \
    FORY_INLINE int name(Ctx *c)                                                       \
    {                                                                                  \
        if (FORY_UNLIKELY(++c->depth > c->max_depth)) {                                \
            c->depth--;                                                                \
            return fory_depth_error(c->st, c->max_depth, reading);                     \
        }                                                                              \
        if (FORY_UNLIKELY(c->depth > FORY_SHALLOW) && fory_stack_check(c->st, &c->stack) < 0) { \
            c->depth--;                                                                \
            return -1;                                                                 \
        }                                                                              \
        return 0;                                                                      \
    }
FORY_DEFINE_ENTER(fory_write_enter, ForyWriteCtx, 0)
FORY_DEFINE_ENTER(fory_read_enter, ForyReadCtx, 1)

FORY_INLINE int fory_room(ForyWriteCtx *w, size_t n) { return fory_ensure(&w->out, n); }

/* Makes room in the table of references, moving the entries of this generation; a new table has `first`
 * slots (a power of two). 0 / -1. */
int fory_refs_grow(ForyWriteCtx *w, size_t first, uint32_t stamp);
/* Looks object up in the reference table. 1: it was there and `fe id` is
 * written; 0: it is new and `00` is written; -1: exception. */
int fory_write_ref(ForyWriteCtx *w, PyObject *o);
/* Call before any Python code may run: from here on the table owns its objects. */
int fory_write_pin(ForyWriteCtx *w);
/* Keeps a temporary alive until the operation ends. 0 / -1. */
int fory_write_keep(ForyWriteCtx *w, PyObject *o);

/* fory_entry_of and fory_entry_ready while writing: the first sight of a class
 * runs Python code, and other threads with it, so the table is pinned before. */
FORY_INLINE ForyTypeEntry *
fory_write_entry(ForyWriteCtx *w, PyTypeObject *type)
{
    ForyTypeEntry *entry = fory_entry_find(w->engine, type);
    if (FORY_LIKELY(entry != NULL)) {
        return entry;
    }
    return fory_write_pin(w) < 0 ? NULL : fory_entry_resolve(w->engine, type);
}

FORY_INLINE int
fory_write_ready(ForyWriteCtx *w, ForyTypeEntry *entry)
{
    if (FORY_LIKELY(entry->codec != NULL)) {
        return 0;
    }
    return fory_write_pin(w) < 0 ? -1 : fory_entry_ready(w->engine, entry);
}

/* Reserves the next reference id. -1 on failure. */
Py_ssize_t fory_ref_reserve(ForyReadCtx *r);
/* Fills slot id with a new reference to o. */
FORY_INLINE void
fory_ref_publish(ForyReadCtx *r, Py_ssize_t id, PyObject *o)
{
    if (id >= 0 && r->refs[id] == NULL) {
        Py_INCREF(o);
        r->refs[id] = o;
    }
}
/* Object of a back reference: reads the id. New reference or NULL. */
PyObject *fory_ref_read(ForyReadCtx *r);
/* id of the slot an EARLY codec fills; -1 when untracked. */
FORY_INLINE Py_ssize_t
fory_ref_take(ForyReadCtx *r)
{
    Py_ssize_t id = r->pending_ref;
    r->pending_ref = -1;
    return id;
}

/* Raises for a non-OK status of the wire room; always returns -1. */
int fory_read_bad(ForyReadCtx *r, int status);

int fory_charge_failed(ForyReadCtx *r, int64_t bytes);
FORY_INLINE int
fory_charge(ForyReadCtx *r, int64_t bytes)
{
    if (FORY_UNLIKELY(bytes > r->graph_left)) {
        return fory_charge_failed(r, bytes);
    }
    r->graph_left -= bytes;
    return 0;
}

/* Grows the heap array whose pointer is at `items` to hold at least `need` elements of
 * `size` bytes; zero-fills. 0 / -1. */
int fory_grow_array(void *items, size_t *capacity, size_t need, size_t size);

#endif /* FORY_RUNTIME_H */
