/* Shared and circular references of the native format, writing.
 *
 * While a message is written the table maps objects to the position of their
 * first byte. Only an object that is met again gets a number; the numbers and
 * positions form the MARKS table in front of the finished message. Objects
 * that are not shared cost no bytes, and the bytes do not depend on which
 * objects happened to be looked up.
 *
 * A Pickler of pyfory.pickle keeps its table from one message to the next, with
 * the positions counted through all of its messages. Objects that an earlier
 * message holds are named by that position. */
#include "native/native.h"

#include <stdlib.h>

#define OPEN FORY_REF_OPEN
#define NUMBERED FORY_REF_NUMBERED
#define FAR FORY_REF_FAR

/* generation of the tables that belong to Picklers; contexts reach it once in all */
#define PICKLER_STAMP UINT32_MAX
/* a larger one is freed when it is cleared */
#define KEEP_SLOTS 256

static FORY_NOINLINE int
table_grow(ForyWriteCtx *w)
{
    /* a Pickler that writes one small message should not pay for more */
    return fory_refs_grow(w, w->native->stamp == PICKLER_STAMP ? 16 : 64, w->native->stamp);
}

/* The slot of v, or the empty one where it belongs; NULL without memory. It stays there until
 * another object is entered. */
FORY_INLINE ForyRefSlot *
find_slot(ForyWriteCtx *w, PyObject *v)
{
    ForyRefSlot *slots;
    size_t i, mask;
    uint32_t stamp = w->native->stamp;
    if (v == w->native->root.object) {
        return &w->native->root;
    }
    if (FORY_UNLIKELY(w->refs == NULL) && table_grow(w) < 0) {
        return NULL;
    }
    slots = w->refs;
    mask = w->ref_mask;
    i = fory_pointer_hash(v) & mask;
    while (slots[i].generation == stamp && slots[i].object != v) {
        i = (i + 1) & mask;
    }
    return &slots[i];
}

/* Enters v in the slot that was found for it. 0 / -1. */
FORY_INLINE int
fill_slot(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v, uint32_t id)
{
    ForyNativeWrite *n = w->native;
    if (slot != &n->root) {
        if (FORY_UNLIKELY((size_t)w->n_refs * 2 > w->ref_mask)) {
            if (table_grow(w) < 0) {
                return -1;
            }
            slot = find_slot(w, v);
        }
        if (n->stamp != PICKLER_STAMP) {
            if (FORY_UNLIKELY(n->n_entered == n->cap_entered) &&
                fory_grow_array(&n->entered, &n->cap_entered, n->n_entered + 1, sizeof(*n->entered)) < 0) {
                return -1;
            }
            n->entered[n->n_entered++] = v;
        }
        if (w->pinned) {
            Py_INCREF(v);
        }
    }
    slot->generation = w->native->stamp;
    slot->object = v;
    slot->id = id;
    w->n_refs++;
    fory_native_ease(w);
    return 0;
}

void
fory_native_pin_write(ForyWriteCtx *w)
{
    const ForyNativeWrite *n = w->native;
    for (size_t i = 0; i < n->n_entered; i++) {
        Py_INCREF(n->entered[i]);
    }
}

void
fory_native_unpin_write(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    while (n->n_entered > 0) {
        n->n_entered--;
        Py_CLEAR(n->entered[n->n_entered]);
    }
}

/* id that stands for a position. FORY_OK / -1 */
FORY_INLINE int
offset_id(ForyNativeWrite *n, size_t offset, uint32_t *id)
{
    if (FORY_LIKELY(offset < FAR)) {
        *id = (uint32_t)offset;
        return 0;
    }
    if (fory_grow_array(&n->far_offsets, &n->cap_far, n->n_far + 1, sizeof(*n->far_offsets)) < 0) {
        return -1;
    }
    n->far_offsets[n->n_far] = offset;
    *id = FAR | (uint32_t)n->n_far++;
    return 0;
}

static int
add_mark(ForyNativeWrite *n, size_t offset, PyObject *v, uint32_t id)
{
    if (FORY_UNLIKELY(n->n_marks == n->cap_marks) &&
        fory_grow_array(&n->marks, &n->cap_marks, n->n_marks + 1, sizeof(*n->marks)) < 0) {
        return -1;
    }
    n->marks[n->n_marks++] = (ForyMark){offset, v, id};
    return 0;
}

FORY_INLINE size_t
offset_of(const ForyNativeWrite *n, uint32_t id)
{
    return id & FAR ? n->far_offsets[id & ~FAR] : id;
}

/* The number of the object in slot, given on the first question. 0 / -1. */
static int
number_of(ForyNativeWrite *n, ForyRefSlot *slot, uint32_t *number)
{
    if (!(slot->id & NUMBERED)) {
        if (add_mark(n, offset_of(n, slot->id) - (size_t)n->memo_first, slot->object, n->n_ids) < 0) {
            return -1;
        }
        slot->id = NUMBERED | n->n_ids++;
    }
    *number = slot->id & ~NUMBERED;
    return 0;
}

FORY_INLINE int
put_ref(ForyWriteCtx *w, uint32_t number)
{
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX) < 0)) {
        return -1;
    }
    if (FORY_LIKELY(number < 128)) {
        /* which of them comes cannot be predicted: no branch */
        uint32_t far = number >= FORY_N_REF_COUNT;
        fory_store16(w->out.pos, (uint16_t)((far ? FORY_N_REF_N : FORY_N_REF + number) | number << 8));
        w->out.pos += 1 + far;
    }
    else {
        fory_put_u8(&w->out, FORY_N_REF_N);
        fory_put_vu64(&w->out, number);
    }
    return 1;
}

int
fory_native_put_ref(ForyWriteCtx *w, uint32_t number)
{
    return put_ref(w, number);
}

static FORY_NOINLINE int
refer_at_length(ForyWriteCtx *w, ForyRefSlot *slot)
{
    ForyNativeWrite *n = w->native;
    uint32_t number = 0;
    if (FORY_UNLIKELY(n->memo != NULL) && !(slot->id & NUMBERED) && offset_of(n, slot->id) < n->memo_first) {
        return fory_native_tag_n(w, FORY_N_EARLIER, offset_of(n, slot->id)) < 0 ? -1 : 1;
    }
    return number_of(n, slot, &number) < 0 ? -1 : put_ref(w, number);
}

int
fory_native_refer_first(ForyWriteCtx *w, ForyRefSlot *slot)
{
    ForyNativeWrite *n = w->native;
    if (FORY_UNLIKELY(n->memo != NULL) || FORY_UNLIKELY(slot->id >= FAR) || FORY_UNLIKELY(n->n_marks == n->cap_marks)) {
        return refer_at_length(w, slot);
    }
    n->marks[n->n_marks++] = (ForyMark){slot->id, slot->object, n->n_ids};
    slot->id = NUMBERED | n->n_ids;
    return put_ref(w, n->n_ids++);
}

FORY_INLINE int
refer(ForyWriteCtx *w, ForyRefSlot *slot)
{
    return FORY_LIKELY((slot->id & NUMBERED) != 0) ? put_ref(w, slot->id & ~NUMBERED) : fory_native_refer_first(w, slot);
}

FORY_INLINE size_t
position(ForyWriteCtx *w)
{
    return (size_t)(w->out.pos - w->out.start) - w->native->base;
}

/* ---- values known before their parts --------------------------------------------- */

FORY_INLINE int
look(ForyWriteCtx *w, PyObject *v, ForyRefSlot **place)
{
    ForyRefSlot *slot = find_slot(w, v);
    if (FORY_UNLIKELY(slot == NULL)) {
        return -1;
    }
    if (slot->generation == w->native->stamp && FORY_LIKELY(slot->id != OPEN)) {
        return refer(w, slot);
    }
    *place = slot;
    return 0;
}

FORY_INLINE int
enter(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    uint32_t id = 0;
    if (offset_id(n, position(w) + (size_t)n->memo_first, &id) < 0) {
        return -1;
    }
    if (FORY_UNLIKELY(slot->generation == n->stamp)) {
        slot->id = id; /* an earlier message had it by name only */
        return 0;
    }
    return fill_slot(w, slot, v, id);
}

int
fory_native_look_slow(ForyWriteCtx *w, PyObject *v, ForyRefSlot **place)
{
    return look(w, v, place);
}

int
fory_native_enter_slow(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v)
{
    return enter(w, slot, v);
}

int
fory_native_ref_slow(ForyWriteCtx *w, PyObject *v)
{
    ForyRefSlot *slot = NULL;
    int rc = look(w, v, &slot);
    return rc != 0 ? rc : enter(w, slot, v);
}

int
fory_native_ref_away(ForyWriteCtx *w, PyObject *v, uint8_t **p)
{
    return fory_native_ref_at(w, v, p);
}

int
fory_native_number(ForyWriteCtx *w, PyObject *v, uint32_t *number)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    if (!fory_native_is_held(w, v)) {
        return 0;
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == n->stamp) {
        return number_of(n, slot, number) < 0 ? -1 : 1;
    }
    return offset_id(n, position(w), &id) < 0 ? -1 : fill_slot(w, slot, v, id);
}

int
fory_native_known(ForyWriteCtx *w, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    if (w->n_refs == 0) {
        return 0;
    }
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation != n->stamp || slot->id == OPEN) {
        return 0;
    }
    return refer(w, slot);
}

int
fory_native_hide(ForyWriteCtx *w, PyObject *v, uint32_t *id)
{
    ForyRefSlot *slot = find_slot(w, v);
    *id = OPEN;
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == w->native->stamp) {
        *id = slot->id;
        slot->id = OPEN;
    }
    return 0;
}

int
fory_native_show(ForyWriteCtx *w, PyObject *v, uint32_t id)
{
    ForyRefSlot *slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == w->native->stamp) {
        if (slot->id != OPEN) {
            return 1;
        }
        slot->id = id;
    }
    return 0;
}

/* ---- values known after their parts ------------------------------------------------ */

int
fory_native_open_slow(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    late->tracked = 1;
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == n->stamp) {
        if (slot->id != OPEN) {
            return refer(w, slot);
        }
        /* A cycle through an unfinished value: it is written once more, inside
         * itself. The containers on the way are known by now, so this ends. */
        n->reopened++;
        late->reopened = 1;
        return 0;
    }
    return fill_slot(w, slot, v, OPEN);
}

int
fory_native_close_slow(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    ForyNativeWrite *n = w->native;
    ForyRefSlot *slot;
    uint32_t id = 0;
    fory_native_abandon(w, late);
    slot = find_slot(w, v);
    if (slot == NULL) {
        return -1;
    }
    if (slot->generation == n->stamp && slot->id != OPEN) {
        /* finished meanwhile by a visit inside this one: both positions mean that object */
        late->again = 1;
        return number_of(n, slot, &id) < 0 ? -1 : add_mark(n, late->start, v, id);
    }
    if (offset_id(n, late->start + (size_t)n->memo_first, &id) < 0) {
        return -1;
    }
    slot->id = id;
    return 0;
}

/* ---- the table in front of the message ------------------------------------------------ */

static int
by_offset(const void *a, const void *b)
{
    const ForyMark *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

FORY_INLINE uint8_t *
put_number(uint8_t *p, uint64_t v)
{
    if (FORY_LIKELY(v < 128)) {
        *p = (uint8_t)v;
        return p + 1;
    }
    fory_writer out = {p, p + FORY_VU64_MAX, p, NULL};
    fory_put_vu64(&out, v);
    return out.pos;
}

/* So few are sorted and put together without a call. */
#define FEW_MARKS 16

static void
sort_marks(ForyMark *marks, size_t n)
{
    if (n > FEW_MARKS) {
        qsort(marks, n, sizeof(*marks), by_offset);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        ForyMark mark = marks[i];
        size_t k = i;
        for (; k > 0 && marks[k - 1].offset > mark.offset; k--) {
            marks[k] = marks[k - 1];
        }
        marks[k] = mark;
    }
}

int
fory_native_write_marks(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    uint8_t small[32 + FEW_MARKS * 18], *large = NULL, *table = small, *p;
    size_t size, body, last = 0;
    if (n->n_marks == 0) {
        return 0;
    }
    sort_marks(n->marks, n->n_marks);
    if (n->n_marks > FEW_MARKS && (table = large = PyMem_Malloc(32 + n->n_marks * 18)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    p = table;
    *p++ = FORY_N_MARKS;
    p = put_number(p, n->n_ids);
    p = put_number(p, n->n_marks);
    for (size_t i = 0; i < n->n_marks; i++) {
        p = put_number(p, n->marks[i].offset - last);
        p = put_number(p, n->marks[i].id);
        last = n->marks[i].offset;
    }
    size = (size_t)(p - table);
    body = n->body;
    if (fory_room(w, size) < 0) {
        PyMem_Free(large);
        return -1;
    }
    p = w->out.start + n->base;
    memmove(p + size, p, body);
    memcpy(p, table, size);
    w->out.pos += size;
    PyMem_Free(large);
    return 0;
}

/* ---- the table of a Pickler ------------------------------------------------------------- */

void
fory_native_borrow_table(ForyWriteCtx *w, ForyPickler *p)
{
    ForyNativeWrite *n = w->native;
    if (p->lent) {
        /* dump() inside dump(): a message of its own */
        return;
    }
    Py_INCREF(p);
    n->memo = p;
    n->memo_first = p->next;
    n->own.refs = w->refs;
    n->own.ref_mask = w->ref_mask;
    n->own.far_offsets = n->far_offsets;
    n->own.cap_far = n->cap_far;
    w->refs = p->slots;
    w->ref_mask = p->mask;
    w->n_refs = p->n_slots;
    n->far_offsets = p->far_offsets;
    n->n_far = p->n_far;
    n->cap_far = p->cap_far;
    p->slots = NULL;
    p->far_offsets = NULL;
    p->mask = p->n_far = p->cap_far = 0;
    p->n_slots = 0;
    p->lent = 1;
    p->replaced = 0;
    n->stamp = PICKLER_STAMP;
    n->reopened = 1; /* every object is entered: the next message may hold it */
    w->pinned = 1;
    fory_native_ease(w);
}

int
fory_native_keep_table(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    if (n->memo == NULL) {
        return 0;
    }
    /* numbers count in this message only */
    for (size_t i = 0; i < n->n_marks; i++) {
        ForyRefSlot *slot = find_slot(w, n->marks[i].object);
        if (slot == NULL) {
            return -1;
        }
        if (slot->generation == n->stamp && slot->id != OPEN && (slot->id & NUMBERED) &&
            offset_id(n, n->marks[i].offset + (size_t)n->memo_first, &slot->id) < 0) {
            return -1;
        }
    }
    n->memo_kept = 1;
    return 0;
}

static void
free_slots(ForyRefSlot *slots, size_t mask)
{
    for (size_t i = 0; slots != NULL && i <= mask; i++) {
        Py_XDECREF(slots[i].object);
    }
    PyMem_Free(slots);
}

/* Takes out what the failed message entered. */
static void
roll_back(ForyWriteCtx *w)
{
    const ForyNativeWrite *n = w->native;
    ForyRefSlot *old = w->refs, *slots;
    size_t mask = w->ref_mask;
    if (old == NULL) {
        return;
    }
    slots = n->memo_first == 0 ? NULL : PyMem_Calloc(mask + 1, sizeof(*slots));
    w->n_refs = 0;
    for (size_t i = 0; slots != NULL && i <= mask; i++) {
        if (old[i].object != NULL && !(old[i].id & NUMBERED) && offset_of(n, old[i].id) < n->memo_first) {
            size_t j = fory_pointer_hash(old[i].object) & mask;
            while (slots[j].object != NULL) {
                j = (j + 1) & mask;
            }
            slots[j] = old[i];
            old[i].object = NULL;
            w->n_refs++;
        }
    }
    w->refs = slots;
    w->ref_mask = slots == NULL ? 0 : mask;
    /* runs code of the objects */
    free_slots(old, mask);
}

void
fory_native_return_table(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    ForyPickler *p = n->memo;
    if (!n->memo_kept) {
        roll_back(w);
    }
    n->memo = NULL;
    if (p->replaced) {
        free_slots(w->refs, w->ref_mask);
        PyMem_Free(n->far_offsets);
    }
    else {
        p->slots = w->refs;
        p->mask = w->ref_mask;
        p->n_slots = w->n_refs;
        p->far_offsets = n->far_offsets;
        p->n_far = n->n_far;
        p->cap_far = n->cap_far;
        p->next = n->memo_first + (n->memo_kept ? n->body : 0);
    }
    p->lent = p->replaced = 0;
    w->refs = n->own.refs;
    w->ref_mask = n->own.ref_mask;
    w->n_refs = 0;
    w->pinned = 0;
    n->far_offsets = n->own.far_offsets;
    n->cap_far = n->own.cap_far;
    n->n_far = 0;
    n->memo_first = 0;
    n->memo_kept = 0;
    Py_DECREF(p);
}

void
fory_native_clear_table(ForyPickler *p)
{
    ForyRefSlot *slots = p->slots;
    size_t mask = p->mask;
    p->slots = NULL;
    p->mask = 0;
    p->n_slots = 0;
    p->n_far = 0;
    p->next = 0;
    p->replaced = p->lent;
    if (slots == NULL || mask >= KEEP_SLOTS) {
        free_slots(slots, mask);
        return;
    }
    for (size_t i = 0; i <= mask; i++) {
        Py_XDECREF(slots[i].object);
    }
    if (p->slots != NULL || p->lent) {
        /* used again by what that ran */
        PyMem_Free(slots);
        return;
    }
    memset(slots, 0, (mask + 1) * sizeof(*slots));
    p->slots = slots;
    p->mask = mask;
}

int
fory_native_traverse_table(const ForyPickler *p, visitproc visit, void *arg)
{
    for (size_t i = 0; p->slots != NULL && i <= p->mask; i++) {
        Py_VISIT(p->slots[i].object);
    }
    return 0;
}

int
fory_native_prime(ForyPickler *p, PyObject *object, size_t place)
{
    /* the functions above work on a context */
    ForyNativeWrite n = {.stamp = PICKLER_STAMP, .far_offsets = p->far_offsets, .n_far = p->n_far, .cap_far = p->cap_far};
    ForyWriteCtx *w = PyMem_Calloc(1, sizeof(*w));
    ForyRefSlot *slot;
    uint32_t id = 0;
    int rc = -1;
    if (w == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    w->native = &n;
    w->refs = p->slots;
    w->ref_mask = p->mask;
    w->n_refs = p->n_slots;
    w->pinned = 1;
    slot = find_slot(w, object);
    if (slot != NULL && offset_id(&n, place, &id) == 0) {
        rc = 0;
        if (slot->generation == n.stamp) {
            slot->id = id;
        }
        else {
            rc = fill_slot(w, slot, object, id);
        }
        if (place >= p->next) {
            p->next = (uint64_t)place + 1;
        }
    }
    p->slots = w->refs;
    p->mask = w->ref_mask;
    p->n_slots = w->n_refs;
    p->far_offsets = n.far_offsets;
    p->n_far = n.n_far;
    p->cap_far = n.cap_far;
    PyMem_Free(w);
    return rc;
}

PyObject *
fory_native_table_dict(const ForyPickler *p)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict != NULL && p->slots != NULL && i <= p->mask; i++) {
        PyObject *object = p->slots[i].object, *key, *pair;
        uint32_t id = p->slots[i].id;
        int rc;
        if (object == NULL || (id & NUMBERED)) {
            continue;
        }
        key = PyLong_FromVoidPtr(object);
        pair = Py_BuildValue("(nO)", (Py_ssize_t)(id & FAR ? p->far_offsets[id & ~FAR] : id), object);
        rc = key == NULL || pair == NULL ? -1 : PyDict_SetItem(dict, key, pair);
        Py_XDECREF(key);
        Py_XDECREF(pair);
        if (rc < 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}
