/* pyfory._core: multi-phase initialisation and nothing else. */
#include "row/row.h"

static int
core_exec(PyObject *module)
{
    ForyState *st = fory_state_of_module(module);
    if (fory_select_kernels(st) < 0 || fory_state_init(module, st) < 0 ||
        fory_wire_functions_init(module, st) < 0 || fory_buffer_init(module, st) < 0 ||
        fory_dense_array_init(module, st) < 0 || fory_engine_init(module, st) < 0 || fory_pickler_init(module, st) < 0 ||
        fory_extension_init(module, st) < 0 || fory_row_init(module, st) < 0) {
        return -1;
    }
    return 0;
}

static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    ForyState *st = fory_state_of_module(module);
    return st == NULL ? 0 : fory_state_traverse(st, visit, arg);
}

static int
core_clear(PyObject *module)
{
    ForyState *st = fory_state_of_module(module);
    return st == NULL ? 0 : fory_state_clear(st);
}

static void
core_free(void *module)
{
    core_clear((PyObject *)module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

struct PyModuleDef fory_core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "pyfory._core",
    .m_doc = "The compiled engine of pyfory.",
    .m_size = sizeof(ForyState),
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&fory_core_module);
}
