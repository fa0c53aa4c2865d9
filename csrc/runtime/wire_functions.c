/* Module functions over the wire and kernels rooms: MurmurHash3, meta strings,
 * single half floats and the choice of the kernel tier. */
#include "runtime/runtime.h"

#include <stdlib.h>

/* ---- kernel tier --------------------------------------------------------- */

static const char *const tier_names[FORY_TIER_COUNT] = {"scalar", "baseline", "avx2", "avx512"};

/* Sets st->kernels to the best tier that runs here, or to what the environment
 * variable PYFORY_SIMD names. A tier that this machine lacks means the best one
 * below it, so that one setting serves a mixed fleet. 0, or -1 with ImportError
 * for a name that is no tier. */
int
fory_select_kernels(ForyState *st)
{
    const char *name = getenv("PYFORY_SIMD");
    int tier = fory_cpu_best_tier();

    if (name != NULL && name[0] != '\0') {
        int wanted = fory_tier_from_name(name);
        if (wanted < 0) {
            PyErr_Format(PyExc_ImportError,
                         "PYFORY_SIMD=%s is not a kernel tier; use scalar, baseline, avx2 or avx512", name);
            return -1;
        }
        tier = wanted < tier ? wanted : tier;
    }
    while (fory_kernels_of_tier(tier) == NULL) {
        tier--; /* ends at the scalar tier, which is always there */
    }
    st->kernels = fory_kernels_of_tier(tier);
    return 0;
}

PyDoc_STRVAR(simd_tier_doc, "simd_tier()\n--\n\nThe tier of vector kernels in use.");

static PyObject *
simd_tier(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    ForyState *st = fory_state_of_module(module);
    return st == NULL ? NULL : PyUnicode_FromString(st->kernels->name);
}

PyDoc_STRVAR(simd_tiers_doc,
             "simd_tiers()\n--\n\nThe tiers that this processor and this build offer, slowest first.");

static PyObject *
simd_tiers(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (int tier = 0; tier < FORY_TIER_COUNT; tier++) {
        if (fory_kernels_of_tier(tier) == NULL) {
            continue;
        }
        PyObject *name = PyUnicode_FromString(tier_names[tier]);
        if (name == NULL || PyList_Append(list, name) < 0) {
            Py_XDECREF(name);
            goto error;
        }
        Py_DECREF(name);
    }
    return list;
error:
    Py_DECREF(list);
    return NULL;
}

PyDoc_STRVAR(set_simd_tier_doc,
             "set_simd_tier(name, /)\n--\n\n"
             "Use another tier of kernels, for tests and measurements. Not while other\n"
             "threads serialize. ValueError for a tier that simd_tiers() does not list.");

static PyObject *
set_simd_tier(PyObject *module, PyObject *arg)
{
    ForyState *st = fory_state_of_module(module);
    const fory_kernels *kernels = NULL;
    const char *name;
    int tier;

    if (st == NULL) {
        return NULL;
    }
    if (!PyUnicode_Check(arg)) {
        PyErr_Format(PyExc_TypeError, "tier name must be str, not %.200s", Py_TYPE(arg)->tp_name);
        return NULL;
    }
    name = PyUnicode_AsUTF8(arg);
    if (name == NULL) {
        return NULL;
    }
    tier = fory_tier_from_name(name);
    if (tier >= 0) {
        kernels = fory_kernels_of_tier(tier);
    }
    if (kernels == NULL) {
        PyErr_Format(PyExc_ValueError, "no kernel tier %R here; see simd_tiers()", arg);
        return NULL;
    }
    st->kernels = kernels;
    Py_RETURN_NONE;
}

/* ---- MurmurHash3 ---------------------------------------------------------- */

/* Seeds are 32 bits wide; negative ones are taken modulo 2^32. */
static int
parse_seed(PyObject *value, uint32_t *seed)
{
    *seed = 0;
    if (value != NULL) {
        unsigned long v = PyLong_AsUnsignedLongMask(value);
        if (v == (unsigned long)-1 && PyErr_Occurred()) {
            return -1;
        }
        *seed = (uint32_t)v;
    }
    return 0;
}

static PyObject *
hash_lanes(const void *data, Py_ssize_t len, uint32_t seed)
{
    uint64_t lanes[2];
    fory_murmur3_x64_128(data, (size_t)len, seed, lanes);
    return Py_BuildValue("(LL)", (long long)(int64_t)lanes[0], (long long)(int64_t)lanes[1]);
}

PyDoc_STRVAR(hash_buffer_doc,
             "hash_buffer(data, seed=0)\n--\n\n"
             "MurmurHash3_x64_128 of a bytes-like object, as two signed 64-bit numbers.");

static PyObject *
hash_buffer(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"data", "seed", NULL};
    PyObject *seed_arg = NULL, *result = NULL;
    Py_buffer view;
    uint32_t seed;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|O!:hash_buffer", keywords, &view, &PyLong_Type, &seed_arg)) {
        return NULL;
    }
    if (parse_seed(seed_arg, &seed) == 0) {
        result = hash_lanes(view.buf, view.len, seed);
    }
    PyBuffer_Release(&view);
    return result;
}

PyDoc_STRVAR(hash_unicode_doc,
             "hash_unicode(text, seed=0)\n--\n\nhash_buffer() of the text's UTF-8 form.");

static PyObject *
hash_unicode(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"text", "seed", NULL};
    PyObject *seed_arg = NULL, *text;
    const char *utf8;
    Py_ssize_t len;
    uint32_t seed;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|O!:hash_unicode", keywords, &text, &PyLong_Type, &seed_arg)) {
        return NULL;
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &len);
    if (utf8 == NULL || parse_seed(seed_arg, &seed) < 0) {
        return NULL;
    }
    return hash_lanes(utf8, len, seed);
}

/* ---- meta strings --------------------------------------------------------- */

static int
parse_special(PyObject *arg, const char *which, char *out)
{
    if (!PyUnicode_Check(arg) || FORY_UNICODE_READY(arg) < 0 || PyUnicode_GET_LENGTH(arg) != 1 ||
        PyUnicode_READ_CHAR(arg, 0) >= 0x80) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_TypeError, "%s must be one ASCII character", which);
        }
        return -1;
    }
    *out = (char)PyUnicode_READ_CHAR(arg, 0);
    return 0;
}

PyDoc_STRVAR(encode_meta_string_doc,
             "encode_meta_string(text, special1, special2, allowed, /)\n--\n\n"
             "The encoding chosen for a name and its bytes. Bit n of allowed permits encoding n;\n"
             "UTF-8 (0) needs no permission and carries all text that is not ASCII.\n"
             "ForyUnsupportedError for text with lone surrogates.");

static PyObject *
encode_meta_string(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    ForyState *st = fory_state_of_module(module);
    PyObject *result = NULL;
    uint8_t small[256], *out = small;
    const char *utf8;
    char special1, special2;
    unsigned long allowed;
    Py_ssize_t len;
    ptrdiff_t size;
    int encoding;

    if (st == NULL) {
        return NULL;
    }
    if (nargs != 4 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "encode_meta_string(text: str, special1: str, special2: str, allowed: int)");
        return NULL;
    }
    if (parse_special(args[1], "special1", &special1) < 0 || parse_special(args[2], "special2", &special2) < 0) {
        return NULL;
    }
    allowed = PyLong_AsUnsignedLong(args[3]);
    if (allowed == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    utf8 = PyUnicode_AsUTF8AndSize(args[0], &len);
    if (utf8 == NULL) {
        if (PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            PyErr_Clear();
            fory_raise(st, FORY_E_UNSUPPORTED, "name %R has lone surrogates and no UTF-8 form", args[0]);
        }
        return NULL;
    }
    if (len > (Py_ssize_t)(sizeof(small) / 4)) {
        /* worst case: two five-bit codes per character */
        if (len > PY_SSIZE_T_MAX / 4) {
            return PyErr_NoMemory();
        }
        out = PyMem_Malloc(((size_t)len + (size_t)len / 8 + 2) * 2);
        if (out == NULL) {
            return PyErr_NoMemory();
        }
    }
    encoding = fory_meta_choose(utf8, (size_t)len, special1, special2, (unsigned)allowed);
    size = fory_meta_encode(utf8, (size_t)len, encoding, special1, special2, out);
    if (size < 0) {
        /* a chosen encoding fits by construction, UTF-8 always does */
        encoding = FORY_META_UTF8;
        size = fory_meta_encode(utf8, (size_t)len, encoding, special1, special2, out);
    }
    result = Py_BuildValue("(iy#)", encoding, (const char *)out, (Py_ssize_t)size);
    if (out != small) {
        PyMem_Free(out);
    }
    return result;
}

PyDoc_STRVAR(decode_meta_string_doc,
             "decode_meta_string(data, encoding, special1, special2, /)\n--\n\n"
             "The inverse of encode_meta_string(). ForyInvalidDataError for an unknown encoding,\n"
             "a code without a character or bad UTF-8.");

static PyObject *
decode_meta_string(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    ForyState *st = fory_state_of_module(module);
    PyObject *result = NULL;
    char small[256], *out = small;
    char special1, special2;
    Py_buffer view;
    long encoding;
    ptrdiff_t size;

    if (st == NULL) {
        return NULL;
    }
    if (nargs != 4) {
        PyErr_SetString(PyExc_TypeError, "decode_meta_string(data, encoding: int, special1: str, special2: str)");
        return NULL;
    }
    encoding = PyLong_AsLong(args[1]);
    if (encoding == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (parse_special(args[2], "special1", &special1) < 0 || parse_special(args[3], "special2", &special2) < 0) {
        return NULL;
    }
    if (encoding < FORY_META_UTF8 || encoding > FORY_META_ALL_TO_LOWER) {
        return fory_raise(st, FORY_E_INVALID_DATA, "unknown meta string encoding %ld", encoding);
    }
    if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (encoding == FORY_META_UTF8) {
        result = PyUnicode_DecodeUTF8(view.buf, view.len, NULL);
    }
    else {
        /* at most 8/5 characters per byte */
        if (view.len > (Py_ssize_t)sizeof(small) / 2) {
            if (view.len > PY_SSIZE_T_MAX / 4) {
                PyErr_NoMemory();
                goto error;
            }
            out = PyMem_Malloc((size_t)view.len * 2 + 2);
            if (out == NULL) {
                out = small;
                PyErr_NoMemory();
                goto error;
            }
        }
        size = fory_meta_decode(view.buf, (size_t)view.len, (int)encoding, special1, special2, out);
        if (size < 0) {
            fory_raise(st, FORY_E_INVALID_DATA, "malformed meta string in encoding %ld", encoding);
            goto error;
        }
        result = PyUnicode_FromStringAndSize(out, (Py_ssize_t)size);
    }
    if (result == NULL && PyErr_ExceptionMatches(PyExc_UnicodeError)) {
        PyErr_Clear();
        fory_raise(st, FORY_E_INVALID_DATA, "meta string is not valid UTF-8");
    }
error:
    if (out != small) {
        PyMem_Free(out);
    }
    PyBuffer_Release(&view);
    return result;
}

/* ---- half floats ----------------------------------------------------------- */

static PyObject *
half_bits(PyObject *arg, uint16_t (*convert)(double))
{
    double v = PyFloat_AsDouble(arg);
    if (v == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    return PyLong_FromLong(convert(v));
}

static PyObject *
half_from_bits(PyObject *arg, double (*convert)(uint16_t))
{
    long bits = PyLong_AsLong(arg);
    if (bits == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (bits < 0 || bits > 0xffff) {
        PyErr_SetString(PyExc_OverflowError, "half float bits must be in 0..65535");
        return NULL;
    }
    return PyFloat_FromDouble(convert((uint16_t)bits));
}

PyDoc_STRVAR(float16_bits_doc,
             "float16_bits(value, /)\n--\n\n"
             "The binary16 bits of a number, rounded once to nearest even; too large ones give infinity.");

static PyObject *
float16_bits(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return half_bits(arg, fory_f64_to_f16);
}

PyDoc_STRVAR(bfloat16_bits_doc,
             "bfloat16_bits(value, /)\n--\n\n"
             "The bfloat16 bits of a number, rounded once to nearest even; too large ones give infinity.");

static PyObject *
bfloat16_bits(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return half_bits(arg, fory_f64_to_bf16);
}

PyDoc_STRVAR(float16_from_bits_doc,
             "float16_from_bits(bits, /)\n--\n\nThe number with these binary16 bits; OverflowError above 65535.");

static PyObject *
float16_from_bits(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return half_from_bits(arg, fory_f16_to_f64);
}

PyDoc_STRVAR(bfloat16_from_bits_doc,
             "bfloat16_from_bits(bits, /)\n--\n\nThe number with these bfloat16 bits; OverflowError above 65535.");

static PyObject *
bfloat16_from_bits(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return half_from_bits(arg, fory_bf16_to_f64);
}

PyDoc_STRVAR(forget_names_doc,
             "forget_names()\n--\n\n"
             "How classes and functions are named is asked anew, by every Fory.");

static PyObject *
forget_names(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    ForyState *st = fory_state_of_module(module);
    if (st == NULL) {
        return NULL;
    }
    st->names_version++;
    Py_RETURN_NONE;
}

/* ---- table ------------------------------------------------------------------ */

/* Through a function pointer without arguments: -Wextra warns about casting
 * straight to PyCFunction. */
#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef wire_functions[] = {
    {"hash_buffer", METHOD(hash_buffer), METH_VARARGS | METH_KEYWORDS, hash_buffer_doc},
    {"hash_unicode", METHOD(hash_unicode), METH_VARARGS | METH_KEYWORDS, hash_unicode_doc},
    {"encode_meta_string", METHOD(encode_meta_string), METH_FASTCALL, encode_meta_string_doc},
    {"decode_meta_string", METHOD(decode_meta_string), METH_FASTCALL, decode_meta_string_doc},
    {"float16_bits", float16_bits, METH_O, float16_bits_doc},
    {"float16_from_bits", float16_from_bits, METH_O, float16_from_bits_doc},
    {"bfloat16_bits", bfloat16_bits, METH_O, bfloat16_bits_doc},
    {"bfloat16_from_bits", bfloat16_from_bits, METH_O, bfloat16_from_bits_doc},
    {"forget_names", forget_names, METH_NOARGS, forget_names_doc},
    {"simd_tier", simd_tier, METH_NOARGS, simd_tier_doc},
    {"simd_tiers", simd_tiers, METH_NOARGS, simd_tiers_doc},
    {"set_simd_tier", set_simd_tier, METH_O, set_simd_tier_doc},
    {NULL, NULL, 0, NULL},
};

int
fory_wire_functions_init(PyObject *module, ForyState *Py_UNUSED(st))
{
    return PyModule_AddFunctions(module, wire_functions);
}
