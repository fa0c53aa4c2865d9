/* Copies and conversions of large memory: huge pages where the system has them,
 * and the GIL released meanwhile. */
#ifndef FORY_LARGE_H
#define FORY_LARGE_H

#include "runtime/compat.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* From here on a copy takes long enough (tens of microseconds) for another thread
 * to make something of the time. */
#define FORY_LARGE ((size_t)1 << 20)

/* Fresh memory of this size is mostly page faults. */
#define FORY_HUGE ((size_t)16 << 20)

/* Around one statement without any Python API over n bytes. The caller holds a
 * reference to, or a view of, whatever it reads and writes, and relies on no
 * borrowed reference afterwards. */
#define FORY_LARGE_WORK(n, statement)  \
    do {                               \
        if ((size_t)(n) < FORY_LARGE) { \
            statement;                 \
        }                              \
        else {                         \
            Py_BEGIN_ALLOW_THREADS     \
            statement;                 \
            Py_END_ALLOW_THREADS       \
        }                              \
    } while (0)

/* Asks for huge pages behind fresh memory that is about to be filled. */
static inline void
fory_advise_fresh(void *p, size_t n)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (n >= FORY_HUGE) {
        const uintptr_t page = (uintptr_t)2 << 20;
        uintptr_t first = ((uintptr_t)p + page - 1) & ~(page - 1), last = ((uintptr_t)p + n) & ~(page - 1);
        if (first < last) {
            (void)madvise((void *)first, last - first, MADV_HUGEPAGE); /* only advice */
        }
    }
#else
    (void)p;
    (void)n;
#endif
}

#endif /* FORY_LARGE_H */
