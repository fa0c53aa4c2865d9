/* The Arrow C data and stream interfaces: three structs whose layout is fixed
 * by that standard, so that libraries can exchange columns without linking to
 * each other. A struct whose release is NULL has been released or moved away. */
#ifndef FORY_ROW_ARROW_ABI_H
#define FORY_ROW_ARROW_ABI_H

#include "runtime/runtime.h"

enum { FORY_ARROW_NULLABLE = 2, FORY_ARROW_KEYS_SORTED = 4 };

typedef struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *self);
    void *private_data;
} fory_arrow_schema;

typedef struct ArrowArray {
    int64_t length;
    int64_t null_count; /* -1: not counted */
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *self);
    void *private_data;
} fory_arrow_array;

/* The functions return 0 or an errno; get_next gives a released array at the end. */
typedef struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *self, fory_arrow_schema *out);
    int (*get_next)(struct ArrowArrayStream *self, fory_arrow_array *out);
    const char *(*get_last_error)(struct ArrowArrayStream *self);
    void (*release)(struct ArrowArrayStream *self);
    void *private_data;
} fory_arrow_stream;

#define FORY_ARROW_SCHEMA_CAPSULE "arrow_schema"
#define FORY_ARROW_ARRAY_CAPSULE "arrow_array"
#define FORY_ARROW_STREAM_CAPSULE "arrow_array_stream"

/* Deepest nesting of a type that is taken from or given to other libraries. */
#define FORY_ARROW_MAX_DEPTH 128

/* The functions over these; 0, or -1 with an exception. */
int fory_row_arrow_init(PyObject *module, ForyState *st);
extern PyMethodDef fory_row_arrow_readers[];

#endif /* FORY_ROW_ARROW_ABI_H */
