/* Private header of the native room: the Python-only format.
 *
 * docs/native-format.md describes the bytes. Every value starts with one tag;
 * references are byte positions until the message is complete, then the few
 * objects that are really shared get numbers in a table at its head. */
#ifndef FORY_NATIVE_H
#define FORY_NATIVE_H

#include "codecs/codecs.h"
#include "runtime/large.h"

#define FORY_NATIVE_VERSION 1

/* first byte of a message: bits, and the version */
enum { FORY_ROOT_XLANG = 1, FORY_ROOT_OUT_OF_BAND = 2, FORY_ROOT_VERSION_SHIFT = 2 };

/* first byte of a value; the ranges carry a small number in the tag itself */
enum fory_native_tag {
    FORY_N_INT = 0x00,    /* .. 0x5f: -16 to 79 */
    FORY_N_STR = 0x60,    /* .. 0x87: up to 39 Latin-1 characters */
    FORY_N_OBJECT = 0x88, /* .. 0x9f: instance of shape 0 to 23 */
    FORY_N_REF = 0xa0,    /* .. 0xaf: shared object 0 to 15 */
    FORY_N_TUPLE = 0xb0,  /* .. 0xb7: 0 to 7 elements */
    FORY_N_LIST = 0xb8,   /* .. 0xbf */
    FORY_N_DICT = 0xc0,   /* .. 0xc7: 0 to 7 pairs */
    FORY_N_NONE = 0xc8,
    FORY_N_FALSE = 0xc9,
    FORY_N_TRUE = 0xca,
    FORY_N_INT_U8 = 0xcb,
    FORY_N_INT_U16 = 0xcc,
    FORY_N_INT_N8 = 0xcd, /* -1 - u8 */
    FORY_N_INT_24 = 0xce,
    FORY_N_INT_32 = 0xcf,
    FORY_N_INT_64 = 0xd0,
    FORY_N_INT_BIG = 0xd1, /* size, two's complement */
    FORY_N_FLOAT = 0xd2,
    FORY_N_FLOAT_32 = 0xd3, /* a double that float32 holds exactly */
    FORY_N_STR_1 = 0xd4,    /* length, Latin-1 */
    FORY_N_STR_2 = 0xd5,    /* length, two bytes per character */
    FORY_N_STR_UTF8 = 0xd6, /* size, UTF-8 with lone surrogates passed */
    FORY_N_BYTES = 0xd7,
    FORY_N_LIST_N = 0xd8,
    FORY_N_TUPLE_N = 0xd9,
    FORY_N_DICT_N = 0xda,
    FORY_N_SET = 0xdb,
    FORY_N_FROZENSET = 0xdc,
    FORY_N_INTS = 0xdd,   /* list: count, zigzag varints */
    FORY_N_FLOATS = 0xde, /* list: count, doubles */
    FORY_N_BOOLS = 0xdf,  /* list: count, bits */
    FORY_N_OBJECT_N = 0xe0,
    FORY_N_SHAPE = 0xe1, /* class, attribute names; then the values as of OBJECT */
    FORY_N_SHAPE_INTS = 0xf1, /* the same, every value an int position */
    FORY_N_SHAPE_SOME = 0xf2, /* the same, a bit set says which are */
    FORY_N_REF_N = 0xe2,
    FORY_N_GLOBAL = 0xe3,
    FORY_N_REDUCE = 0xe4,   /* callable, arguments */
    FORY_N_REDUCE_X = 0xe5, /* FORY_REDUCE_* bits, callable, arguments, the rest */
    FORY_N_NEWOBJ = 0xe6,   /* class, arguments of __new__ */
    FORY_N_NEWOBJ_X = 0xe7,
    FORY_N_NEWOBJ_EX = 0xe8, /* bits, class, arguments, keywords */
    FORY_N_CODE = 0xe9,      /* function, class, module ... by value */
    FORY_N_EXT = 0xea,       /* FORY_X_* byte, body */
    FORY_N_DATETIME = 0xeb,  /* naive: 8 bytes of bit fields */
    FORY_N_DATE = 0xec,      /* 3 bytes of bit fields */
    FORY_N_ENUM = 0xed,      /* class, value */
    FORY_N_INSTANCE = 0xee,  /* class; body written by its serializer */
    FORY_N_DICT_SHAPE = 0xef, /* count, keys; then the values */
    FORY_N_DICT_LIKE = 0xf0,  /* number of a dict shape; the values */
    FORY_N_LIST_OF = 0xf3,    /* kind, count, column */
    FORY_N_TUPLE_OF = 0xf4,
    FORY_N_SET_OF = 0xf5,
    FORY_N_FROZENSET_OF = 0xf6,
    FORY_N_DICT_OF = 0xf7,    /* count; runs of both kinds, size - 1, column of keys, column of values */
    FORY_N_ARRAY = 0xf8,      /* element type and carrier, lengths, memory */
    FORY_N_ARRAY_1 = 0xf9,    /* the same, each element in one byte */
    FORY_N_ARRAY_2 = 0xfa,
    FORY_N_ARRAY_4 = 0xfb,
    FORY_N_MARKS = 0xfc,     /* head of a message: where the shared objects begin */
    FORY_N_MEMO = 0xfd,      /* head of a Pickler's message: where it lies among its messages */
    FORY_N_EARLIER = 0xfe    /* position of an object in an earlier one */
};

enum {
    FORY_N_INT_MIN = -16,
    FORY_N_INT_COUNT = 0x60,
    FORY_N_STR_COUNT = 40,
    FORY_N_OBJECT_COUNT = 24,
    FORY_N_REF_COUNT = 16,
    FORY_N_SMALL = 8 /* tuples, lists, dicts */
};

enum fory_native_ext {
    FORY_X_COMPLEX = 1, /* two doubles */
    FORY_X_BYTEARRAY,
    FORY_X_RANGE,
    FORY_X_SLICE,
    FORY_X_ELLIPSIS,
    FORY_X_NOT_IMPLEMENTED,
    FORY_X_TIME,        /* naive */
    FORY_X_TIME_TZ,
    FORY_X_DATETIME_TZ, /* 8 bytes, time zone */
    FORY_X_TIMEDELTA,
    FORY_X_UTC,
    FORY_X_DECIMAL,     /* scale, coefficient; or text */
    FORY_X_UUID,
    FORY_X_BUFFER,      /* PickleBuffer: FORY_BUFFER_* bits, size and bytes when in-band */
    FORY_X_NDARRAY,     /* dtype, shape, FORY_BUFFER_* bits, data */
    FORY_X_PERSISTENT,  /* the persistent id */
    FORY_X_BYTES_OUT,   /* bytes that travel out-of-band */
    FORY_X_COUNT
};

/* What all values of a column are: they have no tags. */
enum fory_native_kind {
    FORY_K_ANY,     /* no column */
    FORY_K_INT,     /* of 64 bits: zigzag varints */
    FORY_K_FLOAT,   /* doubles */
    FORY_K_STR,     /* size << 2 | FORY_TEXT_*, text */
    FORY_K_BOOL,    /* bits */
    FORY_K_DECIMAL, /* as behind FORY_X_DECIMAL */
    FORY_K_COUNT
};
enum { FORY_TEXT_LATIN1, FORY_TEXT_UCS2, FORY_TEXT_UTF8, FORY_TEXT_REF };
/* in front of a Decimal: a reference, its text; else the scale, and the coefficient follows */
enum { FORY_DECIMAL_REF, FORY_DECIMAL_TEXT, FORY_DECIMAL_SCALE };

#define FORY_RUN 256 /* pairs of a dict that may form a run */

enum { FORY_REDUCE_STATE = 1, FORY_REDUCE_ITEMS = 2, FORY_REDUCE_PAIRS = 4, FORY_REDUCE_SETTER = 8, FORY_REDUCE_ALL = 15 };
/* byte behind ARRAY: enum fory_element, carrier, FORY_ARRAY_DIMS where bits and lengths follow */
enum {
    FORY_ARRAY_ELEMENT = 0x1f,
    FORY_ARRAY_NUMPY = 0,
    FORY_ARRAY_DENSE = 0x20,  /* pyfory.array */
    FORY_ARRAY_PYTHON = 0x40, /* array.array */
    FORY_ARRAY_SCALAR = 0x60, /* NumPy scalar: one element, no length */
    FORY_ARRAY_CARRIER = 0x60,
    FORY_ARRAY_DIMS = 0x80    /* vu of number of dimensions << 3 | FORY_BUFFER_*, vu each */
};
enum { FORY_BUFFER_OUT = 1, FORY_BUFFER_READONLY = 2, FORY_BUFFER_FORTRAN = 4 };

/* first byte at an int position of a shape; the ranges carry the upper bits of the number */
enum fory_native_int {
    FORY_I_1 = 0x00,      /* .. 0x7f: -48 to 79 */
    FORY_I_2 = 0x80,      /* .. 0xbf: 14 bits */
    FORY_I_5 = 0xc0,      /* .. 0xc7: 35 bits */
    FORY_I_NONE = 0xc8,   /* None, False and True as everywhere */
    FORY_I_FALSE = 0xc9,
    FORY_I_TRUE = 0xca,
    FORY_I_BYTES_5 = 0xcb, /* .. 0xce: 5 to 8 bytes, two's complement */
    FORY_I_VALUE = 0xcf,  /* any value follows, with its tag */
    FORY_I_3 = 0xd0,      /* .. 0xef: 21 bits */
    FORY_I_4 = 0xf0       /* .. 0xff: 28 bits */
};

/* how a class or function is named the first time (FORY_N_GLOBAL and classes of shapes) */
enum {
    FORY_G_NAME,     /* module, name */
    FORY_G_VALUE,
    FORY_G_ID,
    FORY_G_TYPENAME,
    FORY_G_SAME,     /* number of a module of the message, name */
    FORY_G_KNOWN     /* .. : number of a class or function of the message */
};

#define FORY_MAX_ATTRIBUTES 64
#define FORY_MAX_SHAPES 16 /* variants of one class that are kept */
#define FORY_DICT_SHAPES 64
#define FORY_DICT_KEYS 32
#define FORY_CHUNK 1000    /* items of an iterator that are gathered before writing */

/* ---- per engine ------------------------------------------------------------ */

/* A class or function that can be found by name. */
typedef struct ForyGlobal {
    uint64_t hash;
    PyObject *object;   /* strong, as all of these */
    PyObject *module;   /* str */
    PyObject *qualname; /* str without dots, or NULL for registered classes */
    PyObject *home;     /* the module it was found in, or NULL */
    PyObject *home_dict; /* ... and its dict */
    PyObject *text;     /* bytes: module and qualname, encoded, each behind its head when writing */
    PyObject *typename; /* registered name, or NULL */
    uint64_t modules_version, home_version; /* of the dicts when it was last found there */
    uint32_t module_size; /* bytes of text that are the module's */
    uint32_t module_head, head; /* reading: heads of the two names */
    uint32_t user_id;
    uint8_t form;       /* FORY_G_NAME, FORY_G_ID, FORY_G_TYPENAME */
} ForyGlobal;

typedef struct ForyGlobalTable {
    ForyGlobal **slots;
    size_t mask, used;
} ForyGlobalTable;

/* The attributes that some instances of a class have, in their order: first
 * those of __dict__, then slots. */
typedef struct ForyWriteShape {
    uint32_t serial;
    uint32_t size;                         /* of the definition */
    uint8_t *definition;                   /* its size and bytes, ready to be copied */
    uint8_t n, n_slots;
    uint8_t passes;                        /* messages that go the general way without a try */
    uint8_t order[FORY_MAX_ATTRIBUTES];    /* indices into the inline values, then slot numbers */
    uint8_t reversed[FORY_MAX_ATTRIBUTES]; /* those of the inline values, the last one first */
    /* All that stands in front of the values where the class is the first that a message names,
     * as it was written last: with these int positions, the class named so. */
    uint8_t *head;
    uint32_t head_size, head_room, head_epoch;
    uint64_t head_ints;
    ForyGlobal *head_global;
    PyObject *names[FORY_MAX_ATTRIBUTES];  /* kept by the engine */
} ForyWriteShape;

typedef struct ForyObjectCodec {
    ForyCodec base;
    PyTypeObject *type;
    unsigned int version;
    uint32_t serial;
    uint64_t reducers_version; /* of copyreg's table when the class was last looked for in it */
    uint8_t has_dict, inline_values;
    uint8_t n_slots;
    uint8_t n_shapes;
    PyObject *slot_names[FORY_MAX_ATTRIBUTES];
    Py_ssize_t slot_offsets[FORY_MAX_ATTRIBUTES];
    ForyWriteShape *last; /* shape of the instance that was written last */
    ForyWriteShape *shapes[FORY_MAX_SHAPES];
} ForyObjectCodec;

enum fory_fill { FORY_FILL_INLINE, FORY_FILL_ATTRIBUTES, FORY_FILL_DICT, FORY_FILL_STATE };

typedef struct ForyReadShape {
    Py_ssize_t uses; /* messages that hold it, and the cache */
    uint64_t hash;
    PyTypeObject *cls; /* strong */
    PyObject *key;     /* bytes of the definition behind the class */
    ForyGlobal *global; /* how the class was named, or NULL; goes when the cache is flushed */
    uint8_t *text;     /* bytes from the class's name to the end of the definition, or NULL */
    uint32_t text_size;
    unsigned int version;
    uint8_t n, n_slots; /* the last n_slots names were slots of the writer */
    uint8_t n_dict;     /* names that are no slots here */
    uint8_t direct;     /* object.__new__ makes the instance */
    uint8_t fill;       /* enum fory_fill */
    uint8_t index[FORY_MAX_ATTRIBUTES];
    uint8_t order[FORY_MAX_ATTRIBUTES];  /* positions of the n_dict names */
    PyObject *names[FORY_MAX_ATTRIBUTES];     /* strong, interned */
    Py_ssize_t offsets[FORY_MAX_ATTRIBUTES]; /* slot of the name, or 0 */
} ForyReadShape;

/* An enum class whose members are found in the dict that Enum itself looks at first. */
typedef struct ForyEnumClass {
    PyTypeObject *cls;    /* strong */
    PyObject *members;    /* strong: by value */
    unsigned int version, meta_version;
} ForyEnumClass;
#define FORY_ENUM_CLASSES 32

/* Shapes by the first bytes of their definition, two to a set. */
#define FORY_READY_SHAPES 64

typedef struct ForyNativeEngine {
    ForyGlobalTable written; /* by object */
    ForyGlobalTable read;    /* by text */
    ForyReadShape **read_shapes;
    size_t read_shape_mask, n_read_shapes;
    ForyEnumClass enums[FORY_ENUM_CLASSES]; /* by address */
    ForyGlobal *last_written; /* entry of the class or function that was named last, or NULL */
    ForyReadShape *ready[FORY_READY_SHAPES]; /* borrowed from the cache */
    uint32_t names_version;  /* of the state, when these were last forgotten for it */
    uint32_t epoch;          /* counts how often all of these were forgotten */
    uint32_t n_write_shapes, n_object_codecs;
    uint8_t guarded; /* a policy: every class and call is asked for */
    uint64_t reducers_seen; /* fory_native_reducers_now() when classes were last compared with copyreg's table */
    /* strong references */
    PyObject *newobj, *newobj_ex, *dispatch_table, *modules;
    PyObject *str_reduce_ex, *str_reduce, *str_getstate, *str_setstate, *str_new, *str_value, *str_members, *str_call, *protocol;
    PyObject *code; /* what code by value needs of pyfory.native.code, or NULL: FORY_CODE_* */
} ForyNativeEngine;

/* Another number when copyreg's table has changed; from Python 3.12 on only when it has another size. */
FORY_INLINE uint64_t
fory_native_reducers_now(const ForyNativeEngine *n)
{
    uint64_t version = fory_dict_version(n->dispatch_table);
    return version != 0 ? version : (uint64_t)PyDict_GET_SIZE(n->dispatch_table);
}

/* items of pyfory.native.code.support() */
enum {
    FORY_CODE_CAPTURE,   /* capture(object, session) */
    FORY_CODE_WRITING,   /* the class of sessions, writing */
    FORY_CODE_READING,   /* and reading */
    FORY_CODE_SHELL,     /* class of what stands for objects that are not complete */
    FORY_CODE_PYTHON,    /* version of this Python and the magic number of its bytecode */
    FORY_CODE_MAGIC,
    FORY_CODE_FIELDS,    /* names of the fields of a code object */
    FORY_CODE_KINDS,     /* and their types */
    FORY_CODE_POLICY,    /* the one that allows everything */
    FORY_CODE_AUTHORIZE, /* by kind: (header, policy), or None where the builder checks what it takes */
    FORY_CODE_BUILD,     /* by kind: (header, args, policy, session) */
    FORY_CODE_FINISH,    /* by kind: (object, state, policy, session), or None */
    FORY_CODE_COUNT
};

/* the kinds of records (pyfory/native/kinds.py) that the engine knows */
enum { FORY_CODE_FUNCTION = 1, FORY_CODE_FUNCTION_SHELL = 2, FORY_CODE_FUNCTION_BODY = 3, FORY_CODE_OBJECT = 4 };


/* ---- per operation --------------------------------------------------------- */

typedef struct ForyMark {
    size_t offset;
    PyObject *object; /* borrowed */
    uint32_t id;
} ForyMark;

/* An object that a message of a Pickler held, and where. */
typedef struct ForyMemoEntry {
    uint64_t position;
    PyObject *object; /* strong; NULL while it is being read */
} ForyMemoEntry;

/* What a Pickler keeps from message to message is the reference table itself:
 * dump() lends it to the operation. It owns the objects. */
typedef struct ForyPickler {
    PyObject_HEAD
    PyObject *dict;
    PyObject *write;           /* file.write; NULL before __init__ */
    PyObject *buffer_callback; /* or NULL */
    ForyRefSlot *slots;
    size_t mask;
    uint32_t n_slots;
    size_t *far_offsets;
    size_t n_far, cap_far;
    uint64_t next;    /* position of the next message */
    uint8_t lent;     /* an operation has the table */
    uint8_t replaced; /* ... and what it has is not wanted back */
} ForyPickler;

typedef struct ForyUnpickler {
    PyObject_HEAD
    PyObject *dict;
    PyObject *file;    /* NULL before __init__ */
    PyObject *buffers; /* iterator, or NULL */
    ForyMemoEntry *entries; /* by position */
    size_t n_entries, cap_entries;
    uint8_t lent, replaced;
} ForyUnpickler;

/* A shape that this message defined. */
typedef struct ForyShapeSeen {
    uint32_t generation;
    uint32_t number;
    uint64_t ints; /* its int positions */
} ForyShapeSeen;

/* Keys that two dicts of a message had in common already. */
typedef struct ForyDictShape {
    size_t n;
    PyObject *keys[FORY_DICT_KEYS]; /* strong */
} ForyDictShape;

/* What a dict with this first key and so many others was like. */
typedef struct ForyDictSeen {
    PyObject *first; /* only compared */
    uint32_t generation;
    uint16_t n;
    uint16_t shape; /* FORY_DICT_SHAPES: none yet */
} ForyDictSeen;

typedef struct ForyNativeWrite {
    size_t base; /* offset of the root value */
    size_t body; /* its size */
    uint32_t stamp; /* generation of the reference table */
    ForyMark *marks;
    size_t n_marks, cap_marks;
    size_t *far_offsets;
    size_t n_far, cap_far;
    uint32_t n_ids;
    uint32_t reopened;       /* inside a second visit of an unfinished tuple: nothing is skipped */
    PyObject **entered;      /* what is in the reference table, but the root; strong when that is pinned */
    size_t n_entered, cap_entered;
    uint32_t n_easy;         /* so many entries the reference table has without growing; 0 for a Pickler's */
    ForyRefSlot root;        /* of the root value, which most messages do not meet again */
    PyObject **globals;      /* strong: classes and functions by number */
    size_t n_globals, cap_globals;
    ForyRefSlot *numbers;    /* class or function -> number, when there are more than a few */
    size_t numbers_mask;
    uint32_t n_numbers;
    PyObject **modules;      /* strong */
    size_t n_modules, cap_modules;
    ForyShapeSeen *shapes;   /* by shape serial */
    size_t cap_shapes;
    const ForyCodec *usual;  /* the class of reducing objects that was looked at last, or NULL */
    PyObject *usual_callable; /* what its instances are made by: one of globals */
    uint32_t usual_head;     /* ... and what they begin with */
    ForySeen *checked;       /* by codec serial: still written as its codec says */
    size_t cap_checked;
    uint32_t n_shapes;
    ForyDictSeen dicts[FORY_DICT_SHAPES];
    ForyDictShape *dict_shapes;
    size_t n_dict_shapes, cap_dict_shapes;
    uint8_t hooked;
    uint8_t any_out;         /* a buffer was left out of the message */
    uint8_t raw_buffers;     /* the callback gets PickleBuffers, and only those that were there */
    PyObject *session;       /* what code by value remembers during one message */
    /* pyfory.pickle; borrowed from the caller */
    PyObject *persistent_id, *reducer_override, *dispatch_table;
    ForyPickler *memo;       /* strong: whose table this is, or NULL */
    uint64_t memo_first;     /* position of the root value */
    uint8_t memo_kept;       /* the message is complete */
    struct {                 /* the context's own table meanwhile */
        ForyRefSlot *refs;
        size_t ref_mask;
        size_t *far_offsets;
        size_t cap_far;
    } own;
} ForyNativeWrite;

/* A name in a message: length << 1, and whether it is packed. */
typedef struct ForyName {
    const uint8_t *data;
    uint32_t size; /* bytes at data */
    uint32_t head;
} ForyName;

/* A shape of a message. */
typedef struct ForyReadShapeUse {
    ForyReadShape *shape;
    uint64_t ints;
} ForyReadShapeUse;

typedef struct ForyNativeRead {
    size_t watch;         /* values from this offset on need a look: mark, or 0 while all are recorded */
    size_t mark;          /* offset where the next shared object begins, or SIZE_MAX */
    const uint8_t *marks, *marks_end; /* rest of the table */
    size_t n_marks, base;
    uint32_t mark_id;
    uint8_t guarded;
    PyObject **globals;   /* strong */
    size_t n_globals, cap_globals;
    ForyName *modules;
    size_t n_modules, cap_modules;
    ForyReadShapeUse *shapes;
    size_t n_shapes, cap_shapes;
    ForyGlobal *last_global; /* entry of the global read last, or NULL; borrowed */
    uint32_t last_epoch;     /* ... when it was found */
    ForyDictShape *dict_shapes;
    size_t n_dict_shapes, cap_dict_shapes;
    PyObject *session;
    PyObject *persistent_load, *find_class; /* borrowed */
    uint8_t as_pickle;    /* results of buffers as pickle gives them */
    uint8_t recording;    /* objects go into the memo */
    uint8_t memo_kept;    /* the message is complete */
    ForyUnpickler *memo;  /* strong, or NULL; its entries are here meanwhile */
    ForyMemoEntry *kept;
    size_t n_kept, cap_kept;
    size_t n_before;      /* entries of earlier messages */
    size_t n_known;       /* ... that this one may refer to */
    uint64_t memo_first;  /* position of the root value */
    size_t body;          /* its offset */
} ForyNativeRead;

#include "native/references.h"

/* ---- writing (values.c, containers.c) ------------------------------------------- */

int fory_native_write_hooked(ForyWriteCtx *w, PyObject *v);
int fory_native_write_first(ForyWriteCtx *w, PyObject *v);
/* Tag and body of any value. v is borrowed from its owner; writers hold it where user code can run. */
static inline int
fory_native_write(ForyWriteCtx *w, PyObject *v)
{
    ForyTypeEntry *entry;
    if (FORY_UNLIKELY(w->native->hooked)) {
        return fory_native_write_hooked(w, v);
    }
    entry = fory_entry_find(w->engine, Py_TYPE(v));
    return FORY_LIKELY(entry != NULL) ? entry->codec->write(w, entry->codec, v) : fory_native_write_first(w, v);
}
int fory_native_write_int(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_str(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_singleton(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_float(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_bytes(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_list(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_tuple(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_dict(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_set(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
int fory_native_write_frozenset(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);
/* Installs the writers of the values that have tags of their own. 0 / -1. */
int fory_native_install_values(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *));
int fory_native_install_extras(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *));
int fory_native_add_type(ForyEngine *e, PyTypeObject *type, const ForyCodec *codec);

/* ---- columns (columns.c) ------------------------------------------------------- */

/* A list or tuple of n elements of one kind: 1; 0 and nothing written when there is no
 * column for them; -1. May run Python code before it writes. */
int fory_native_write_sequence_of(ForyWriteCtx *w, PyObject *v, Py_ssize_t n);
/* The same for exact sets, and for a dict of n pairs that begins with a run. */
int fory_native_write_set_of(ForyWriteCtx *w, PyObject *v, int tag);
int fory_native_write_runs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n);
/* Behind the tags, and behind tag and kind. */
PyObject *fory_native_read_kind_of(ForyReadCtx *r, int tuple);
PyObject *fory_native_read_sequence_of(ForyReadCtx *r, unsigned kind, int tuple);
PyObject *fory_native_read_set_of(ForyReadCtx *r, int frozen);
PyObject *fory_native_read_runs(ForyReadCtx *r);
/* m pairs of a dict of n with tags; *position is PyDict_Next's. 0 / -1. */
int fory_native_write_pairs(ForyWriteCtx *w, PyObject *v, Py_ssize_t n, Py_ssize_t *position, Py_ssize_t m);
int fory_native_read_pairs(ForyReadCtx *r, PyObject *dict, size_t m);
/* A str of n wide characters, with its tag or as a column has it. 0 / -1. */
int fory_native_put_wide(ForyWriteCtx *w, PyObject *v, size_t n, int tagged);
/* An exact Decimal behind FORY_X_DECIMAL or in a column, where it may be a reference too. */
int fory_native_put_decimal(ForyWriteCtx *w, PyObject *v);
PyObject *fory_native_get_decimal(ForyReadCtx *r, uint64_t head);

FORY_INLINE int
fory_native_tag(ForyWriteCtx *w, int tag)
{
    if (FORY_UNLIKELY(fory_room(w, 1) < 0)) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)tag);
    return 0;
}

/* How many bits a number > 0 has. */
FORY_INLINE unsigned
fory_native_bits(uint64_t n)
{
#if defined(__GNUC__) || defined(__clang__)
    return 64 - (unsigned)__builtin_clzll(n);
#else
    unsigned bits = 0;
    for (; n != 0; n >>= 1) {
        bits++;
    }
    return bits;
#endif
}

/* Tag and body of an int of 64 bits, and of a float; need nine bytes of room. How large numbers
 * are can often not be predicted: one branch. */
FORY_INLINE void
fory_native_put_int(fory_writer *out, int64_t n)
{
    /* size of the form for numbers of so many bits, those below zero behind the others */
    static const uint8_t sizes[2][65] = {
        {0, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 9,
         9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
        {0, 2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 9,
         9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}};
    static const uint8_t tags[2][10] = {
        {0, 0, FORY_N_INT_U8, FORY_N_INT_U16, FORY_N_INT_24, FORY_N_INT_32, 0, 0, 0, FORY_N_INT_64},
        {0, 0, FORY_N_INT_N8, 0, FORY_N_INT_24, FORY_N_INT_32, 0, 0, 0, FORY_N_INT_64}};
    if (FORY_LIKELY((uint64_t)n - (uint64_t)FORY_N_INT_MIN < FORY_N_INT_COUNT)) {
        fory_put_u8(out, (uint8_t)(n - FORY_N_INT_MIN));
    }
    else {
        unsigned below = n < 0;
        uint64_t magnitude = (uint64_t)(n ^ n >> 63);
        unsigned size = sizes[below][fory_native_bits(magnitude | 1)];
        *out->pos = tags[below][size];
        /* N8 is -1 - n */
        fory_store64(out->pos + 1, size == 2 ? magnitude : (uint64_t)n);
        out->pos += size;
    }
}

FORY_INLINE void
fory_native_put_float(fory_writer *out, double d)
{
    float f = (float)d;
    double back = (double)f;
    uint64_t bits, back_bits;
    memcpy(&bits, &d, 8);
    memcpy(&back_bits, &back, 8);
    if (bits == back_bits && d == d) {
        uint32_t half;
        memcpy(&half, &f, 4);
        fory_put_u8(out, FORY_N_FLOAT_32);
        fory_put_u32(out, half);
        return;
    }
    fory_put_u8(out, FORY_N_FLOAT);
    fory_put_u64(out, bits);
}

/* tag and a number */
FORY_INLINE int
fory_native_tag_n(ForyWriteCtx *w, int tag, uint64_t n)
{
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX) < 0)) {
        return -1;
    }
    fory_put_u8(&w->out, (uint8_t)tag);
    fory_put_vu64(&w->out, n);
    return 0;
}

/* Size and bytes of memory that `owner` keeps in place: NULL when nothing does
 * while other threads run. Large memory moves without the GIL. 0 / -1. */
int fory_native_put_memory(ForyWriteCtx *w, const void *data, size_t n, PyObject *owner);

FORY_INLINE int
fory_native_ext(ForyWriteCtx *w, int kind)
{
    if (FORY_UNLIKELY(fory_room(w, 2) < 0)) {
        return -1;
    }
    fory_put_u8(&w->out, FORY_N_EXT);
    fory_put_u8(&w->out, (uint8_t)kind);
    return 0;
}

/* ---- messages of one scalar (scalar_messages.c): as ForyCodecOps has them ------------ */

int fory_native_write_scalar_message(const ForyEngine *e, PyObject *v, PyObject **message);
int fory_native_read_scalar_message(const ForyEngine *e, const uint8_t *data, size_t size, PyObject **value);

/* ---- objects (objects.c, read_objects.c) ------------------------------------------ */

/* A message of an object of a known shape that holds numbers, short ASCII text and None alone,
 * without a context: as ForyCodecOps has it. */
int fory_native_write_object_message(ForyEngine *e, PyObject *o, PyObject **message);

/* Codec of a class whose instances are attributes and nothing else. */
const ForyCodec *fory_native_object_codec(ForyEngine *e, PyTypeObject *type, PyObject *slots);
PyObject *fory_native_read_object(ForyReadCtx *r, uint64_t shape);
PyObject *fory_native_read_shape(ForyReadCtx *r, int tag);
void fory_native_shape_release(ForyReadShape *shape);
/* Forgets what classes looked like; running operations keep theirs. */
void fory_native_flush_shapes(ForyNativeEngine *n);

/* ---- reduce protocol (reduce.c, enums.c, read_reduce.c) -------------------------------------- */

/* reducer: called with the object instead of the protocol; or NULL */
const ForyCodec *fory_native_reduce_codec(ForyEngine *e, PyTypeObject *type, PyObject *reducer);
/* Classes whose part in the protocol is __getstate__ alone, or __reduce__ alone. */
const ForyCodec *fory_native_shortcut_codec(ForyEngine *e, PyTypeObject *type, int stateful);
/* Classes, functions, modules and what belongs to them. */
const ForyCodec *fory_native_code_codec(ForyEngine *e, PyTypeObject *type);
const ForyCodec *fory_native_enum_codec(ForyEngine *e, PyTypeObject *type);
int fory_native_write_reduced(ForyWriteCtx *w, PyObject *v, PyObject *reduced);
int fory_native_write_by_protocol(ForyWriteCtx *w, PyObject *v);
PyObject *fory_native_read_reduce(ForyReadCtx *r, int tag);
PyObject *fory_native_read_code(ForyReadCtx *r);
PyObject *fory_native_read_enum(ForyReadCtx *r);
void fory_native_flush_enums(ForyNativeEngine *n);

/* ---- names (globals.c) ---------------------------------------------------------------- */

/* Class or function in the place of a class: number, name or value. 0 / -1. */
int fory_native_write_global(ForyWriteCtx *w, PyObject *o);
/* Number of a class or function in this message; SIZE_MAX when it has none yet. */
size_t fory_native_global_number(ForyWriteCtx *w, PyObject *o);
/* The first class of a message was written as an entry says. 0 / -1. */
int fory_native_count_global(ForyWriteCtx *w, const ForyGlobal *g);
/* The class of an instance that was entered: 1 when it goes by value and led to the instance. */
int fory_native_write_class_of(ForyWriteCtx *w, PyObject *o);
/* A member of an enum up to its value, when to write its class runs no code: 0; 1 when a reference
 * was written; 2 when nothing was; -1. */
int fory_native_begin_enum(ForyWriteCtx *w, PyObject *member);
/* 1 when o is written by name (GLOBAL), 0 when it must go by value. */
int fory_native_try_global(ForyWriteCtx *w, PyObject *o);
/* An object that reduces to the name of a global: GLOBAL. 0 / -1. */
int fory_native_write_named(ForyWriteCtx *w, PyObject *o, PyObject *name);
/* New reference; *named tells whether it was found by name. */
PyObject *fory_native_read_global(ForyReadCtx *r, int *named);
int fory_native_read_name(ForyReadCtx *r, ForyName *name);
/* size and UTF-8 */
int fory_native_write_name(ForyWriteCtx *w, PyObject *name);
/* The name still leads to the object. Runs no user code. */
int fory_native_look_there(ForyNativeEngine *n, ForyGlobal *g);
FORY_INLINE int
fory_native_still_there(ForyNativeEngine *n, ForyGlobal *g)
{
    /* neither sys.modules nor the module has changed since */
    return (g->home_version != 0 && FORY_LIKELY(g->home_version == fory_dict_version(g->home_dict)) &&
            FORY_LIKELY(g->modules_version == fory_dict_version(n->modules))) ||
           fory_native_look_there(n, g);
}
/* Gives a class of a message the next number. 0 / -1. */
int fory_native_number_read(ForyReadCtx *r, PyObject *o);
/* The module that was named with this number; -1 with an exception. */
int fory_native_read_module(ForyReadCtx *r, uint64_t number, ForyName *module);
int fory_native_new_module(ForyReadCtx *r, const ForyName *module);
void fory_native_globals_free(ForyGlobalTable *t);
int fory_native_globals_traverse(ForyGlobalTable *t, visitproc visit, void *arg);
/* One of FORY_CODE_*, borrowed; NULL with an exception. */
PyObject *fory_native_code_part(ForyEngine *e, int part);
/* The session of this message, made by the class `part`; borrowed. */
PyObject *fory_native_session(ForyEngine *e, PyObject **slot, int part);

/* ---- buffers (buffers.c) ---------------------------------------------------------------- */

int fory_native_install_buffers(ForyEngine *e, int (*add)(ForyEngine *, PyTypeObject *, const ForyCodec *));
/* Memory that the callback is asked about: `owner` keeps it in place while it lives,
 * or, without data, what it exports is meant and held. */
typedef struct ForyMemory {
    PyObject *owner; /* borrowed */
    const void *data;
    Py_ssize_t size;
    int readonly;
} ForyMemory;
/* 1 keep in-band, 0 out, -1. */
int fory_native_ask(ForyWriteCtx *w, const ForyMemory *memory);
/* The next buffer of the caller; new reference. */
PyObject *fory_native_next_buffer(ForyReadCtx *r);
/* The next one, of exactly this size: another would not fail, but be read as something else. */
PyObject *fory_native_next_memory(ForyReadCtx *r, size_t size);
/* One byte of FORY_BUFFER_* bits. 0 / -1. */
int fory_native_buffer_bits(ForyReadCtx *r, int allowed, uint8_t *bits);
/* bytes under a callback: 1 written, 0 to be written in-band, -1 */
int fory_native_bytes_out(ForyWriteCtx *w, PyObject *v);
PyObject *fory_native_read_buffer(ForyReadCtx *r);
PyObject *fory_native_read_bytes_out(ForyReadCtx *r);

/* ---- arrays (arrays.c, ndarray.c) --------------------------------------------------------- */

/* Codecs of ndarray, pyfory.array, array.array and NumPy scalars; the last one is NULL,
 * without an exception, for scalars that have no code. */
/* An array as ARRAY: kind is element and carrier, bits FORY_BUFFER_*; `memory` lies in an
 * array that is written. 0 / -1. */
int fory_native_put_array(ForyWriteCtx *w, int kind, int bits, int nd, const Py_ssize_t *dims, const ForyMemory *memory);
/* New ndarrays: of uninitialised memory, and over that of an exporter. The number of elements
 * is known not to overflow; order is FORY_BUFFER_FORTRAN or 0. New references. */
PyObject *fory_native_new_ndarray(ForyReadCtx *r, int element, int order, int nd, const Py_ssize_t *dims, void **data);
PyObject *fory_native_ndarray_over(ForyReadCtx *r, int element, int order, int nd, const Py_ssize_t *dims, size_t size,
                                   PyObject *memory);
const ForyCodec *fory_native_ndarray_codec(void);
const ForyCodec *fory_native_dense_codec(void);
const ForyCodec *fory_native_pyarray_codec(void);
const ForyCodec *fory_native_scalar_codec(ForyEngine *e, PyTypeObject *type);
PyObject *fory_native_read_array(ForyReadCtx *r, int tag); /* FORY_N_ARRAY and those behind it */
PyObject *fory_native_read_ndarray(ForyReadCtx *r); /* behind FORY_X_NDARRAY */

/* Of names and definitions, continuing from h: for the tables that find them again. */
FORY_INLINE uint64_t
fory_native_hash(const uint8_t *p, size_t n, uint64_t h)
{
    for (; n >= 8; p += 8, n -= 8) {
        h = (h ^ fory_load64(p)) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    for (; n > 0; p++, n--) {
        h = (h ^ *p) * UINT64_C(0xD6E8FEB86659FD93);
    }
    return h ^ h >> 32;
}

/* ---- names as bytes (names.c) ------------------------------------------------------------- */

/* Head and bytes of a name; out has room for size + FORY_VU64_MAX. Returns the size. */
size_t fory_native_encode_name(const char *text, size_t size, uint8_t *out);
/* The text of a packed name of n characters. */
void fory_native_unpack(const uint8_t *data, size_t n, char *out);
/* Size and bytes of a definition in new memory of the engine. 0 / -1. */
int fory_native_encode_definition(ForyEngine *e, ForyWriteShape *shape);
/* One of the codes of packed text. */
FORY_INLINE unsigned
fory_native_code(const uint8_t *data, size_t size, size_t index)
{
    size_t bit = 6 * index, at = bit >> 3;
    unsigned two = data[at] | (at + 1 < size ? (unsigned)data[at + 1] << 8 : 0);
    return two >> (bit & 7) & 63;
}
extern const char fory_native_letters[65];
/* The code of a name that is the one before it with its number counted up: f1, f2. */
#define FORY_NEXT_NAME 63
/* Puts that name at out, which has room for 64 characters. Its length; 0 when there is none. */
size_t fory_native_next_name(const char *text, size_t n, char *out);
/* Within a name of a definition: a word of it that was spelled before, whose number follows. */
#define FORY_OLD_WORD 63
/* The words of a definition: what stands between underscores, of three letters or more. */
typedef struct ForyWords {
    unsigned n, used;
    uint16_t at[64];
    uint8_t sizes[64];
    char text[FORY_MAX_ATTRIBUTES * FORY_NEXT_NAME];
} ForyWords;
/* Numbers a word that was spelled, if it is long enough and there is room. */
void fory_native_add_word(ForyWords *words, const char *text, size_t n);

/* ---- reading (read.c, read_references.c, read_extras.c) ------------------------------------------------------ */

PyObject *fory_native_read(ForyReadCtx *r); /* new reference */
/* The value behind a tag. New reference. */
PyObject *fory_native_read_tag(ForyReadCtx *r, int tag);
/* n characters of two bytes each. New reference. */
PyObject *fory_native_wide_str(ForyReadCtx *r, const uint8_t *p, size_t n);
/* What `read` gives for a value without a tag, at an offset where it may be met again or is kept. */
PyObject *fory_native_read_untagged(ForyReadCtx *r, size_t at, PyObject *(*read)(ForyReadCtx *));
/* A value that is met again, or that an Unpickler keeps, behind its tag. New reference. */
PyObject *fory_native_read_watched(ForyReadCtx *r, int tag);
/* The object at a position in an earlier message. New reference. */
PyObject *fory_native_read_earlier(ForyReadCtx *r);
/* What an Unpickler keeps of the value at an offset: the index of its entry; SIZE_MAX without memory. */
size_t fory_native_new_entry(ForyNativeRead *n, size_t offset);
/* NULL: says what is wrong with a reference. */
PyObject *fory_native_bad_ref(ForyReadCtx *r, uint64_t number);
FORY_INLINE PyObject *
fory_native_read_ref(ForyReadCtx *r, uint64_t number)
{
    if (FORY_UNLIKELY(number >= r->n_refs) || FORY_UNLIKELY(r->refs[number] == NULL)) {
        return fory_native_bad_ref(r, number);
    }
    return Py_NewRef(r->refs[number]);
}
int fory_native_read_number(ForyReadCtx *r, uint64_t *n);
PyObject *fory_native_read_ext(ForyReadCtx *r);
/* Codec of a class that is imported only when it is used; NULL for unknown names. */
const ForyCodec *fory_native_special_codec(const char *name);
/* an object of a class with a serializer: behind its tag */
PyObject *fory_native_read_instance(ForyReadCtx *r);
const ForyCodec *fory_native_instance_codec(ForyEngine *e, PyTypeObject *type, PyObject *serializer);
PyObject *fory_native_read_datetime(ForyReadCtx *r);
PyObject *fory_native_read_date(ForyReadCtx *r);
/* Turns the pending exception into ForyInvalidDataError, the old one its cause, when
 * it comes from the interpreter and no Python code raised it. `about` is borrowed. */
void fory_native_misfit(ForyReadCtx *r, PyObject *about);
/* A count of things that take at least one byte each. 0 / -1. */
int fory_native_count(ForyReadCtx *r, size_t *n);
/* Publishes a value made late; steals v, gives the object to use or NULL. */
PyObject *fory_native_settle(ForyReadCtx *r, Py_ssize_t id, PyObject *v);
/* What may stand before the root value: its position, the table of shared objects. 0 / -1. */
int fory_native_read_head(ForyReadCtx *r);

/* ---- Pickler and Unpickler (pickler.c, unpickler.c) ------------------------------------------ */

/* An attribute that an instance or its class has in place of what `plain` names on
 * the class (NULL: nothing). *out is new, or NULL; 0 / -1. */
int fory_native_override(PyObject *self, PyObject *dict, PyObject *name, PyObject *plain, PyObject **out);
/* Strings of the engine, and the Fory a class works with; borrowed. */
ForyEngine *fory_native_pickle_engine(PyObject *self);
/* A ForyError that is raised becomes one of pickle's errors too. */
void fory_native_pickle_error(ForyState *st, const char *kind);
int fory_native_take_pickler(ForyWriteCtx *w, PyObject *pickler);
int fory_native_take_unpickler(ForyReadCtx *r, PyObject *unpickler);
/* Gives the memo back, without what an incomplete message put there. */
void fory_native_return_memo(ForyReadCtx *r);

extern const ForyCodecOps fory_native_ops;

#endif /* FORY_NATIVE_H */
