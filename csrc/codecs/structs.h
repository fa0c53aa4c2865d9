/* Plans of structs, shared by structs.c (walking them) and struct_plans.c
 * (compiling them). */
#ifndef FORY_STRUCTS_H
#define FORY_STRUCTS_H

#include "codecs/codecs.h"

/* What a plain field needs, folded into one switch. */
enum fory_field_op {
    FORY_OP_SLOT, /* anything: fory_write_slot / fory_read_slot */
    FORY_OP_VARINT64,
    FORY_OP_VARINT32,
    FORY_OP_FLOAT64,
    FORY_OP_BOOL,
    FORY_OP_STR,
    FORY_OP_BASIC, /* another non-null number: its codec directly */
    FORY_OP_NULLABLE_BASIC
};

typedef struct ForyField {
    PyObject *name; /* interned; kept by the engine */
    ForySlot slot;
    Py_ssize_t offset; /* FORY_ACCESS_SLOT */
    uint8_t op;
    uint8_t access;    /* enum fory_access */
    uint8_t index;     /* FORY_ACCESS_INLINE */
    uint8_t plain;     /* enum fory_field_op where put_plain_fields may write it, or FORY_OP_SLOT */
    uint8_t inner;     /* the same of what may be None */
    uint8_t run;       /* fields from here on that are 32-bit varints it may write */
    uint16_t place;    /* where it finds the value: pointers from the values or from the object on */
} ForyField;

typedef struct ForyReadField {
    ForySlot slot;
    PyObject *convert; /* callable or NULL; kept by the engine */
    PyObject *name;    /* for error paths; may be NULL */
    int32_t dest;      /* attribute index, or -1: read and drop */
    uint8_t op;
    uint8_t run;       /* fields from here on that are 32-bit varints */
} ForyReadField;

typedef struct ForyMissing {
    PyObject *value; /* constant, or factory to call */
    int32_t dest;
    uint8_t call;
} ForyMissing;

typedef struct ForyReadPlan {
    Py_ssize_t n_fields, n_missing;
    uint8_t complete; /* each attribute has one field */
    ForyReadField *fields;
    ForyMissing *missing;
} ForyReadPlan;

typedef struct ForyAlternative {
    int32_t hash;
    ForyReadPlan plan;
} ForyAlternative;

typedef struct ForyStructCodec {
    ForyCodec base;
    ForyTypeEntry *entry;
    PyTypeObject *type;
    Py_ssize_t n_fields; /* on the wire */
    Py_ssize_t n_attrs;  /* wire fields first, then ignored ones */
    ForyField *fields;   /* n_attrs */
    size_t room;         /* most bytes of all plain fields, without their text */
    ForyReadPlan read;
    Py_ssize_t n_alternatives;
    ForyAlternative *alternatives;
    int64_t cost;        /* graph memory of one instance without its fields */
    int64_t field_cost;
    int32_t hash;
    uint8_t has_hash;
    /* how attributes are reached; renewed when the type's version changes */
    unsigned int version;
    uint8_t probed;      /* fill_index is known: an index never changes for a type */
    uint8_t has_indices; /* its instances keep attributes inline */
    uint8_t inline_fill; /* all attributes may be stored into inline values */
    uint8_t slot_fill;   /* all attributes are __slots__ members */
    uint8_t direct;      /* object.__new__ makes the instance */
    uint8_t access;      /* of the fields that put_plain_fields writes */
    uint8_t *fill_order; /* attribute indices in declaration order */
    uint8_t *fill_index; /* value index of each, in that order */
} ForyStructCodec;

/* A remote schema read into a local class. */
typedef struct ForyRemoteStructCodec {
    ForyCodec base;
    const ForyStructCodec *local;
    ForyReadPlan plan;
} ForyRemoteStructCodec;

/* Works out how the attributes of the type are reached today. */
void fory_struct_refresh(ForyState *st, ForyStructCodec *s);

PyObject *fory_struct_read(ForyReadCtx *r, const ForyCodec *c);
PyObject *fory_struct_read_remote(ForyReadCtx *r, const ForyCodec *c);
int fory_struct_write(ForyWriteCtx *w, const ForyCodec *c, PyObject *v);

#endif /* FORY_STRUCTS_H */
