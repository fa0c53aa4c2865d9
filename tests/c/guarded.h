/* Memory with unreadable pages on both sides: a byte too far is a crash. Include
 * first, before any system header. */
#ifndef GUARDED_H
#define GUARDED_H

#if !defined(_WIN32)
#define _DEFAULT_SOURCE 1
#define _DARWIN_C_SOURCE 1
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE 65536 /* a multiple of every common page size */

typedef struct {
    uint8_t *base; /* PAGE usable bytes */
} guarded;

#if !defined(_WIN32)
#include <sys/mman.h>

static inline guarded
guarded_new(void)
{
    guarded g = {NULL};
    uint8_t *p = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE) != 0) {
        perror("mmap");
        exit(2);
    }
    g.base = p + PAGE;
    return g;
}

#else

static inline guarded
guarded_new(void)
{
    guarded g = {malloc(PAGE)};
    if (g.base == NULL) {
        exit(2);
    }
    return g;
}

#endif

/* Placement 0: ends at the last readable byte; 1..16: begins 0..15 bytes after
 * the first. The rest of the page keeps what it held. */
#define PLACEMENTS 17

static inline uint8_t *
place(guarded g, size_t bytes, int placement)
{
    return placement == 0 ? g.base + PAGE - bytes : g.base + placement - 1;
}

#endif /* GUARDED_H */
