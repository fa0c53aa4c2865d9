/* Tables of an engine: Python types, user ids, meta strings, remote schemas.
 *
 * All are open-addressing tables at most a quarter or half full. Entries are
 * owned by the engine and never move or disappear before it does, so plans may
 * point at them. */
#include "runtime/runtime.h"

void *
fory_engine_alloc(ForyEngine *e, size_t size)
{
    void *p;
    if (fory_grow_array(&e->arena, &e->cap_arena, e->n_arena + 1, sizeof(*e->arena)) < 0) {
        return NULL;
    }
    p = PyMem_Calloc(1, size);
    if (p == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    e->arena[e->n_arena++] = p;
    return p;
}

int
fory_engine_keep(ForyEngine *e, PyObject *o)
{
    return PyList_Append(e->arena_refs, o);
}

ForyTypeEntry *
fory_entry_new(ForyEngine *e, PyTypeObject *type)
{
    ForyTypeEntry *entry;
    if (fory_grow_array(&e->entries, &e->cap_entries, e->n_entries + 1, sizeof(*e->entries)) < 0) {
        return NULL;
    }
    entry = PyMem_Calloc(1, sizeof(*entry));
    if (entry == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_XINCREF((PyObject *)type);
    entry->type = type;
    entry->serial = (uint32_t)e->n_entries;
    e->entries[e->n_entries++] = entry;
    return entry;
}

static void
type_map_insert(ForyTypeMap *map, ForyTypeEntry *entry)
{
    size_t i = fory_pointer_hash(entry->type) & map->mask;
    while (map->slots[i] != NULL && map->slots[i]->type != entry->type) {
        i = (i + 1) & map->mask;
    }
    if (map->slots[i] == NULL) {
        map->used++;
    }
    map->slots[i] = entry;
}

int
fory_type_map_set(ForyEngine *e, ForyTypeEntry *entry)
{
    ForyTypeMap *map = &e->types;
    e->read_head.size = 0;
    if (map->slots == NULL || (map->used + 1) * 4 > map->mask + 1) {
        size_t cap = map->slots == NULL ? 128 : (map->mask + 1) * 2;
        ForyTypeMap bigger = {cap - 1, 0, PyMem_Calloc(cap, sizeof(ForyTypeEntry *))};
        if (bigger.slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; map->slots != NULL && i <= map->mask; i++) {
            if (map->slots[i] != NULL) {
                type_map_insert(&bigger, map->slots[i]);
            }
        }
        PyMem_Free(map->slots);
        *map = bigger;
    }
    type_map_insert(map, entry);
    return 0;
}

int
fory_forget_resolved(ForyEngine *e)
{
    ForyTypeMap *map = &e->types, fresh = {map->mask, 0, PyMem_Calloc(map->mask + 1, sizeof(ForyTypeEntry *))};
    if (fresh.slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; map->slots != NULL && i <= map->mask; i++) {
        if (map->slots[i] != NULL && !map->slots[i]->alias) {
            type_map_insert(&fresh, map->slots[i]);
        }
    }
    PyMem_Free(map->slots);
    *map = fresh;
    e->read_head.size = 0;
    if (e->remotes != NULL) {
        memset(e->remotes, 0, (e->remote_mask + 1) * sizeof(*e->remotes));
        e->n_remotes = 0;
    }
    PyDict_Clear(e->by_name);
    return 0;
}

int
fory_user_id_set(ForyEngine *e, ForyTypeEntry *entry)
{
    e->read_head.size = 0;
    if (e->by_user_id == NULL || (e->n_user_ids + 1) * 2 > e->user_id_mask + 1) {
        size_t cap = e->by_user_id == NULL ? 32 : (e->user_id_mask + 1) * 2;
        ForyTypeEntry **slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; e->by_user_id != NULL && i <= e->user_id_mask; i++) {
            ForyTypeEntry *old = e->by_user_id[i];
            if (old != NULL) {
                size_t j = (old->user_id * 0x9E3779B1u) & (cap - 1);
                while (slots[j] != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = old;
            }
        }
        PyMem_Free(e->by_user_id);
        e->by_user_id = slots;
        e->user_id_mask = cap - 1;
    }
    size_t i = (entry->user_id * 0x9E3779B1u) & e->user_id_mask;
    while (e->by_user_id[i] != NULL && e->by_user_id[i]->user_id != entry->user_id) {
        i = (i + 1) & e->user_id_mask;
    }
    if (e->by_user_id[i] == NULL) {
        e->n_user_ids++;
    }
    e->by_user_id[i] = entry;
    return 0;
}

ForyTypeEntry *
fory_user_id_get(ForyEngine *e, uint32_t user_id)
{
    if (e->by_user_id == NULL) {
        return NULL;
    }
    size_t i = (user_id * 0x9E3779B1u) & e->user_id_mask;
    while (e->by_user_id[i] != NULL) {
        if (e->by_user_id[i]->user_id == user_id) {
            return e->by_user_id[i];
        }
        i = (i + 1) & e->user_id_mask;
    }
    return NULL;
}

ForyMetaString *
fory_meta_string_new(ForyEngine *e, const uint8_t *data, size_t size, int encoding, int private_)
{
    ForyMetaString *s;
    if (!private_) {
        for (size_t i = 0; i < e->n_strings; i++) {
            s = e->strings[i];
            if (s->size == size && s->encoding == encoding && size > 0 && memcmp(s->data, data, size) == 0) {
                return s;
            }
        }
    }
    if (fory_grow_array(&e->strings, &e->cap_strings, e->n_strings + 1, sizeof(*e->strings)) < 0) {
        return NULL;
    }
    s = PyMem_Calloc(1, sizeof(*s));
    if (s == NULL || (s->data = PyMem_Malloc(size ? size : 1)) == NULL) {
        PyMem_Free(s);
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(s->data, data, size);
    s->size = (uint32_t)size;
    s->encoding = (uint8_t)encoding;
    s->serial = (uint32_t)e->n_strings;
    if (size > 16) {
        uint64_t lanes[2];
        int64_t h;
        fory_murmur3_x64_128(data, size, 47, lanes);
        h = (int64_t)lanes[0];
        /* decision 21: the absolute value, as the other runtimes write */
        if (h < 0 && h != INT64_MIN) {
            h = -h;
        }
        s->hash = (int64_t)(((uint64_t)h & ~(uint64_t)0xff) | (uint64_t)encoding);
    }
    e->strings[e->n_strings++] = s;
    return s;
}

static size_t
remote_hash(uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

ForyRemote *
fory_remote_get(ForyEngine *e, uint64_t key)
{
    if (e->remotes == NULL) {
        return NULL;
    }
    size_t i = remote_hash(key) & e->remote_mask;
    while (e->remotes[i] != NULL) {
        if (e->remotes[i]->key == key) {
            return e->remotes[i];
        }
        i = (i + 1) & e->remote_mask;
    }
    return NULL;
}

int
fory_remote_set(ForyEngine *e, uint64_t key, const ForyCodec *codec, ForyTypeEntry *entry)
{
    ForyRemote *remote = fory_remote_get(e, key);
    e->read_head.size = 0;
    if (remote != NULL) {
        remote->codec = codec;
        remote->entry = entry;
        return 0;
    }
    if (e->remotes == NULL || (e->n_remotes + 1) * 2 > e->remote_mask + 1) {
        size_t cap = e->remotes == NULL ? 32 : (e->remote_mask + 1) * 2;
        ForyRemote **slots = PyMem_Calloc(cap, sizeof(*slots));
        if (slots == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; e->remotes != NULL && i <= e->remote_mask; i++) {
            if (e->remotes[i] != NULL) {
                size_t j = remote_hash(e->remotes[i]->key) & (cap - 1);
                while (slots[j] != NULL) {
                    j = (j + 1) & (cap - 1);
                }
                slots[j] = e->remotes[i];
            }
        }
        PyMem_Free(e->remotes);
        e->remotes = slots;
        e->remote_mask = cap - 1;
    }
    remote = fory_engine_alloc(e, sizeof(*remote));
    if (remote == NULL) {
        return -1;
    }
    remote->key = key;
    remote->codec = codec;
    remote->entry = entry;
    size_t i = remote_hash(key) & e->remote_mask;
    while (e->remotes[i] != NULL) {
        i = (i + 1) & e->remote_mask;
    }
    e->remotes[i] = remote;
    e->n_remotes++;
    return 0;
}

/* A type met for the first time. registry.resolve_class answers with the name
 * of a builtin family, with a registered class whose serializer covers
 * subclasses, or raises TypeUnregisteredError. */
ForyTypeEntry *
fory_entry_resolve(ForyEngine *e, PyTypeObject *type)
{
    ForyTypeEntry *entry = NULL, *raced;
    PyObject *spec;
    Py_INCREF(type); /* its only instance may go meanwhile */
    spec = PyObject_CallMethod(e->registry, "resolve_class", "O", (PyObject *)type);
    if (spec == NULL) {
        goto done;
    }
    raced = fory_entry_find(e, type);
    if (raced != NULL) {
        /* registered or resolved by other code while the registry was asked */
        entry = raced;
        goto done;
    }
    entry = fory_entry_new(e, type);
    if (entry == NULL || e->ops->install_alias(e, entry, spec) < 0 || fory_type_map_set(e, entry) < 0) {
        entry = NULL;
    }
done:
    Py_XDECREF(spec);
    Py_DECREF(type);
    return entry;
}
