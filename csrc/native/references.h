/* References of the native format, writing (references.c): which objects are met again. Part of native.h. */
#ifndef FORY_NATIVE_REFERENCES_H
#define FORY_NATIVE_REFERENCES_H

/* A value that can be entered in the table only when it is complete. */
typedef struct ForyLate {
    size_t start;
    uint8_t tracked, reopened;
    uint8_t again; /* closed: what was just written is the same object once more */
} ForyLate;

int fory_native_ref_slow(ForyWriteCtx *w, PyObject *v);
/* ids of slots of the reference table: a position, or one of these */
#define FORY_REF_OPEN UINT32_C(0xffffffff)     /* its parts are being written */
#define FORY_REF_NUMBERED UINT32_C(0x80000000) /* the rest is the number of a shared object */
#define FORY_REF_FAR UINT32_C(0x40000000)      /* the rest is an index into far_offsets */

int fory_native_put_ref(ForyWriteCtx *w, uint32_t number);
/* A reference to the object in a slot that is not open, which may get a number by it: 1 / -1. */
int fory_native_refer_first(ForyWriteCtx *w, ForyRefSlot *slot);
/* What has another owner beside the one it is reached through can be met again, or have been met. */
FORY_INLINE int
fory_native_is_held(const ForyWriteCtx *w, PyObject *v)
{
#ifdef Py_GIL_DISABLED
    (void)v;
    return w->track_ref;
#else
    return w->track_ref && (Py_REFCNT(v) != 1 || FORY_UNLIKELY(w->native->reopened));
#endif
}
/* The same for an instance: methods that are called while the message is written may follow weak references to
 * it, as those of a tree's children do to their parent. */
FORY_INLINE int
fory_native_is_held_instance(const ForyWriteCtx *w, PyObject *o)
{
    Py_ssize_t weak = Py_TYPE(o)->tp_weaklistoffset;
    return fory_native_is_held(w, o) || (weak != 0 && FORY_UNLIKELY(*(PyObject **)((char *)o + weak) != NULL) && w->track_ref);
}
/* The first of the two places next to v's hash that is not another's. */
FORY_INLINE ForyRefSlot *
fory_native_near_slot(const ForyWriteCtx *w, PyObject *v)
{
    size_t i = fory_pointer_hash(v) & w->ref_mask;
    ForyRefSlot *slot = &w->refs[i];
    return FORY_LIKELY(slot->generation != w->native->stamp) || FORY_LIKELY(slot->object == v) ? slot
                                                                                                : &w->refs[(i + 1) & w->ref_mask];
}
/* The same where which it is cannot be predicted: no branch. */
FORY_INLINE ForyRefSlot *
fory_native_any_slot(const ForyWriteCtx *w, PyObject *v)
{
    size_t i = fory_pointer_hash(v) & w->ref_mask;
    i += (size_t)(w->refs[i].object != v) & (size_t)(w->refs[i].generation == w->native->stamp);
    return &w->refs[i & w->ref_mask];
}
/* Whether a slot that is in use is v's, and v has a number. */
FORY_INLINE int
fory_native_has_number(const ForyRefSlot *slot, PyObject *v)
{
    return FORY_LIKELY(slot->object == v) && FORY_LIKELY(slot->id >= FORY_REF_NUMBERED) && FORY_LIKELY(slot->id != FORY_REF_OPEN);
}
/* A reference to what a slot has a number for, at *p, which has room for ten bytes: 1 / -1. */
FORY_INLINE int
fory_native_ref_number_at(ForyWriteCtx *w, const ForyRefSlot *slot, uint8_t **p)
{
    uint32_t number = slot->id & ~FORY_REF_NUMBERED;
    int rc;
    if (FORY_LIKELY(number < 128)) {
        /* nor can the size */
        uint32_t far = number >= FORY_N_REF_COUNT;
        fory_store16(*p, (uint16_t)((far ? FORY_N_REF_N : FORY_N_REF + number) | number << 8));
        *p += 1 + far;
        return 1;
    }
    w->out.pos = *p;
    rc = fory_native_put_ref(w, number);
    *p = w->out.pos;
    return rc;
}
/* fory_native_ref for an object that may be met again and is not the root, at *p, which has room
 * for ten bytes. Runs no Python code. */
FORY_INLINE int
fory_native_ref_at(ForyWriteCtx *w, PyObject *v, uint8_t **p)
{
    ForyNativeWrite *n = w->native;
    int rc;
    if (FORY_LIKELY(n->n_easy != 0)) {
        ForyRefSlot *slot = fory_native_near_slot(w, v);
        size_t offset = (size_t)(*p - w->out.start) - n->base;
        if (slot->generation == n->stamp) {
            if (fory_native_has_number(slot, v)) {
                return fory_native_ref_number_at(w, slot, p);
            }
            if (FORY_LIKELY(slot->object == v) && FORY_LIKELY(slot->id != FORY_REF_OPEN)) {
                w->out.pos = *p;
                rc = fory_native_refer_first(w, slot);
                *p = w->out.pos;
                return rc;
            }
        }
        else if (FORY_LIKELY(w->n_refs < n->n_easy) && FORY_LIKELY(offset < FORY_REF_FAR)) {
            n->entered[n->n_entered++] = v;
            if (w->pinned) {
                Py_INCREF(v);
            }
            slot->object = v;
            slot->generation = n->stamp;
            slot->id = (uint32_t)offset;
            w->n_refs++;
            return 0;
        }
    }
    w->out.pos = *p;
    rc = fory_native_ref_slow(w, v);
    *p = w->out.pos;
    return rc;
}
/* The same by a call, where few are. */
int fory_native_ref_away(ForyWriteCtx *w, PyObject *v, uint8_t **p);
/* The same for what is written elsewhere when it is new: 0, and nothing has happened. */
FORY_INLINE int
fory_native_again_at(ForyWriteCtx *w, PyObject *v, uint8_t **p)
{
    const ForyRefSlot *slot;
    uint32_t stamp = w->native->stamp;
    if (FORY_UNLIKELY(w->native->n_easy == 0)) {
        return 0;
    }
    slot = fory_native_any_slot(w, v);
    while (FORY_UNLIKELY(slot->object != v) && slot->generation == stamp) {
        slot = slot == &w->refs[w->ref_mask] ? w->refs : slot + 1;
    }
    return slot->generation == stamp && fory_native_has_number(slot, v) ? fory_native_ref_number_at(w, slot, p) : 0;
}
/* 1: a reference is written; 0: the value is to be written; -1. */
FORY_INLINE int
fory_native_ref(ForyWriteCtx *w, PyObject *v)
{
    uint8_t *p;
    int rc;
    if (!fory_native_is_held(w, v)) {
        return 0;
    }
    if (FORY_UNLIKELY(v == w->native->root.object)) {
        return fory_native_ref_slow(w, v);
    }
    if (FORY_UNLIKELY(fory_room(w, 1 + FORY_VU64_MAX) < 0)) {
        return -1;
    }
    p = w->out.pos;
    rc = fory_native_ref_at(w, v, &p);
    w->out.pos = p;
    return rc;
}
int fory_native_look_slow(ForyWriteCtx *w, PyObject *v, ForyRefSlot **slot);
/* The first half of fory_native_ref. 1: a reference is written; 0: v is new, and *slot its place
 * in the table, or NULL when it needs none; -1. */
FORY_INLINE int
fory_native_look(ForyWriteCtx *w, PyObject *v, ForyRefSlot **slot)
{
    if (!fory_native_is_held_instance(w, v)) {
        return 0;
    }
    if (v == w->native->root.object && w->native->root.generation != w->native->stamp) {
        *slot = &w->native->root;
        return 0;
    }
    return fory_native_look_slow(w, v, slot);
}
int fory_native_enter_slow(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v);
/* The second half, with nothing written and nothing entered in between. 0 / -1. */
FORY_INLINE int
fory_native_enter(ForyWriteCtx *w, ForyRefSlot *slot, PyObject *v)
{
    ForyNativeWrite *n = w->native;
    if (slot == &n->root && (size_t)(w->out.pos - w->out.start) == n->base) {
        /* position 0 */
        *slot = (ForyRefSlot){v, n->stamp, 0};
        w->n_refs++;
        return 0;
    }
    return fory_native_enter_slow(w, slot, v);
}
/* 1: v is in the table and a reference is written; 0: it is not; -1. */
int fory_native_known(ForyWriteCtx *w, PyObject *v);
/* As fory_native_ref for values without a tag, which say themselves that they are a
 * reference: 1 and its *number, 0, -1. Not for a Pickler, which may know more than numbers. */
int fory_native_number(ForyWriteCtx *w, PyObject *v, uint32_t *number);
/* While something else is written that may lead to v, v is not known: *id is for show. 0 / -1. */
int fory_native_hide(ForyWriteCtx *w, PyObject *v, uint32_t *id);
/* v has its place again: 0; 1 when it was written meanwhile; -1. */
int fory_native_show(ForyWriteCtx *w, PyObject *v, uint32_t id);
/* The same as fory_native_ref for tuples and other values that are made after their parts. */
int fory_native_open_slow(ForyWriteCtx *w, PyObject *v, ForyLate *late);
FORY_INLINE int
fory_native_open(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    late->tracked = late->reopened = late->again = 0;
    late->start = (size_t)(w->out.pos - w->out.start) - w->native->base;
    return fory_native_is_held(w, v) ? fory_native_open_slow(w, v, late) : 0;
}
int fory_native_close_slow(ForyWriteCtx *w, PyObject *v, ForyLate *late);
FORY_INLINE int
fory_native_close(ForyWriteCtx *w, PyObject *v, ForyLate *late)
{
    return late->tracked ? fory_native_close_slow(w, v, late) : 0;
}
/* The same for an instance. */
FORY_INLINE int
fory_native_open_instance(ForyWriteCtx *w, PyObject *o, ForyLate *late)
{
    late->tracked = late->reopened = late->again = 0;
    late->start = (size_t)(w->out.pos - w->out.start) - w->native->base;
    return fory_native_is_held_instance(w, o) ? fory_native_open_slow(w, o, late) : 0;
}
/* Undoes what open did to the context when the parts failed. */
FORY_INLINE void
fory_native_abandon(ForyWriteCtx *w, ForyLate *late)
{
    if (FORY_UNLIKELY(late->reopened)) {
        late->reopened = 0;
        w->native->reopened--;
    }
}
/* The reference table is another, or longer. */
FORY_INLINE void
fory_native_ease(ForyWriteCtx *w)
{
    ForyNativeWrite *n = w->native;
    size_t most = w->ref_mask / 2 + 1, room = w->n_refs + n->cap_entered - n->n_entered;
    n->n_easy = w->refs == NULL || n->memo != NULL ? 0 : (uint32_t)(room < most ? room : most);
}
/* What pinning the reference table means: as ForyCodecOps. */
void fory_native_pin_write(ForyWriteCtx *w);
void fory_native_unpin_write(ForyWriteCtx *w);
/* Puts the table of shared objects before the root value. 0 / -1. */
int fory_native_write_marks(ForyWriteCtx *w);
/* The operation takes the table of a Pickler, if that is not out already. */
void fory_native_borrow_table(ForyWriteCtx *w, ForyPickler *pickler);
/* The message is complete: its objects stay in the Pickler's table. 0 / -1. */
int fory_native_keep_table(ForyWriteCtx *w);
/* Gives the table back, without what an incomplete message put there. */
void fory_native_return_table(ForyWriteCtx *w);
/* Enters an object that another Pickler wrote. The table is not lent. 0 / -1. */
int fory_native_prime(ForyPickler *pickler, PyObject *object, size_t position);
/* {id: (position, object)}; new reference */
PyObject *fory_native_table_dict(const ForyPickler *pickler);
void fory_native_clear_table(ForyPickler *pickler);
int fory_native_traverse_table(const ForyPickler *pickler, visitproc visit, void *arg);

#endif /* FORY_NATIVE_REFERENCES_H */
