/* Names of modules, classes and attributes as bytes of a message.
 *
 * An identifier has one of 63 characters, a dotted name one of 64: six bits
 * each. A name with any other character is UTF-8. Among the names of attributes,
 * which have no dots, the code of a dot says that a word comes again. */
#include "native/native.h"

const char fory_native_letters[65] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";

/* -1 when the character has no code */
static int
code_of(char c)
{
    return c >= 'a' && c <= 'z'   ? c - 'a'
           : c >= 'A' && c <= 'Z' ? c - 'A' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '_'             ? 62
           : c == '.'             ? 63
                                  : -1;
}

static int
can_be_packed(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (code_of(text[i]) < 0) {
            return 0;
        }
    }
    return 1;
}

typedef struct Packer {
    uint8_t *out;
    unsigned bits, n;
} Packer;

static void
put_code(Packer *p, int code)
{
    p->bits |= (unsigned)code << p->n;
    p->n += 6;
    if (p->n >= 8) {
        *p->out++ = (uint8_t)p->bits;
        p->bits >>= 8;
        p->n -= 8;
    }
}

static void
put_codes(Packer *p, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put_code(p, code_of(text[i]));
    }
}

static uint8_t *
flush(Packer *p)
{
    if (p->n > 0) {
        *p->out++ = (uint8_t)p->bits;
    }
    return p->out;
}

static uint8_t *
put_number(uint8_t *p, uint64_t v)
{
    fory_writer out = {p, p + FORY_VU64_MAX, p, NULL};
    fory_put_vu64(&out, v);
    return out.pos;
}

size_t
fory_native_encode_name(const char *text, size_t size, uint8_t *out)
{
    int packed = can_be_packed(text, size);
    uint8_t *p = put_number(out, (uint64_t)size << 1 | (uint64_t)packed);
    if (packed) {
        Packer packer = {p, 0, 0};
        put_codes(&packer, text, size);
        return (size_t)(flush(&packer) - out);
    }
    memcpy(p, text, size);
    return (size_t)(p - out) + size;
}

void
fory_native_unpack(const uint8_t *data, size_t n, char *out)
{
    size_t size = (6 * n + 7) / 8;
    for (size_t i = 0; i < n; i++) {
        out[i] = fory_native_letters[fory_native_code(data, size, i)];
    }
}

size_t
fory_native_next_name(const char *text, size_t n, char *out)
{
    size_t i = n;
    if (n == 0 || n >= 63) {
        return 0;
    }
    memcpy(out, text, n);
    while (i > 0 && out[i - 1] == '9') {
        out[--i] = '0';
    }
    if (i > 0 && out[i - 1] >= '0' && out[i - 1] < '9') {
        out[i - 1]++;
        return n;
    }
    if (i == n) {
        return 0; /* no number */
    }
    memmove(out + i + 1, out + i, n - i);
    out[i] = '1';
    return n + 1;
}

void
fory_native_add_word(ForyWords *words, const char *text, size_t n)
{
    if (n < 3 || words->n == 64 || words->used + n > sizeof(words->text)) {
        return;
    }
    words->at[words->n] = (uint16_t)words->used;
    words->sizes[words->n++] = (uint8_t)n;
    memcpy(words->text + words->used, text, n);
    words->used += (unsigned)n;
}

/* The letters of a name; words that were spelled before by their number. */
static void
put_words(Packer *p, ForyWords *words, const char *text, size_t size)
{
    for (size_t i = 0; i <= size; i++) {
        const char *end = memchr(text + i, '_', size - i);
        size_t n = end == NULL ? size - i : (size_t)(end - text) - i;
        unsigned known = 0;
        while (known < words->n && (words->sizes[known] != n || memcmp(words->text + words->at[known], text + i, n) != 0)) {
            known++;
        }
        if (known < words->n) {
            put_code(p, FORY_OLD_WORD);
            put_code(p, (int)known);
        }
        else {
            put_codes(p, text + i, n);
            fory_native_add_word(words, text + i, n);
        }
        i += n;
        if (i < size) {
            put_code(p, code_of('_'));
        }
    }
}

int
fory_native_encode_definition(ForyEngine *e, ForyWriteShape *s)
{
    const char *texts[FORY_MAX_ATTRIBUTES];
    Py_ssize_t sizes[FORY_MAX_ATTRIBUTES];
    size_t room = 16, size;
    int packed = 1;
    uint8_t *body = NULL, *p;
    for (size_t i = 0; i < s->n; i++) {
        texts[i] = PyUnicode_AsUTF8AndSize(s->names[i], &sizes[i]);
        if (texts[i] == NULL) {
            return -1;
        }
        packed = packed && sizes[i] < FORY_NEXT_NAME && can_be_packed(texts[i], (size_t)sizes[i]) &&
                 memchr(texts[i], '.', (size_t)sizes[i]) == NULL;
        room += (size_t)sizes[i] + FORY_VU64_MAX;
    }
    body = PyMem_Malloc(room);
    if (body == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    p = put_number(body, (uint64_t)s->n << 2 | (uint64_t)packed << 1 | (s->n_slots > 0));
    if (s->n_slots > 0) {
        *p++ = s->n_slots;
    }
    if (packed) {
        Packer packer = {p, 0, 0};
        ForyWords words;
        words.n = words.used = 0;
        for (size_t i = 0; i < s->n; i++) {
            char next[64];
            if (i > 0 && sizes[i] > 0 && fory_native_next_name(texts[i - 1], (size_t)sizes[i - 1], next) == (size_t)sizes[i] &&
                memcmp(next, texts[i], (size_t)sizes[i]) == 0) {
                put_code(&packer, FORY_NEXT_NAME);
                continue;
            }
            put_code(&packer, (int)sizes[i]);
            put_words(&packer, &words, texts[i], (size_t)sizes[i]);
        }
        p = flush(&packer);
    }
    for (size_t i = 0; !packed && i < s->n; i++) {
        p = put_number(p, (uint64_t)sizes[i]);
        memcpy(p, texts[i], (size_t)sizes[i]);
        p += sizes[i];
    }
    size = (size_t)(p - body);
    s->definition = fory_engine_alloc(e, size + FORY_VU64_MAX);
    if (s->definition != NULL) {
        p = put_number(s->definition, size);
        memcpy(p, body, size);
        s->size = (uint32_t)((size_t)(p - s->definition) + size);
    }
    PyMem_Free(body);
    return s->definition == NULL ? -1 : 0;
}
