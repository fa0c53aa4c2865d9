#include "row/row.h"
int
fory_row_batch_type_init(PyObject *module, ForyState *st)
{
    (void)module;
    (void)st;
    return 0;
}
