"""Code objects: their fields, and which names they take from elsewhere."""

from __future__ import annotations

import sys
import types
import weakref
from operator import attrgetter
from sys import intern
from typing import Any, Dict, FrozenSet, Iterator, List, Set, Tuple

from pyfory.error import ForyInvalidDataError
from pyfory.native.kinds import CODE, Captured, ReadSession, WriteSession, expect
from pyfory.native.references import is_importable, is_registered

if sys.version_info >= (3, 11):
    FIELDS = (
        "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize co_flags co_code co_consts co_names "
        "co_varnames co_filename co_name co_qualname co_firstlineno co_linetable co_exceptiontable co_freevars co_cellvars"
    ).split()
    _LOAD_GLOBAL_SHIFT = 1
else:
    FIELDS = (
        "co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize co_flags co_code co_consts co_names "
        "co_varnames co_filename co_name co_firstlineno %s co_freevars co_cellvars"
        % ("co_linetable" if sys.version_info >= (3, 10) else "co_lnotab")
    ).split()
    _LOAD_GLOBAL_SHIFT = 0

_get_fields: Any = attrgetter(*FIELDS)

FIELD_TYPES = tuple(
    tuple
    if name in ("co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars")
    else str
    if name in ("co_filename", "co_name", "co_qualname")
    else bytes
    if name in ("co_code", "co_lnotab", "co_linetable", "co_exceptiontable")
    else int
    for name in FIELDS
)


def _python() -> Tuple[str, int]:
    from importlib.util import MAGIC_NUMBER

    name = "%d.%d" % sys.version_info[:2]
    if sys.implementation.name != "cpython":
        name = "%s %s" % (sys.implementation.name, name)
    return name, int.from_bytes(MAGIC_NUMBER[:2], "little")


#: name of this Python and the magic number of its bytecode, sent with every function
PYTHON, MAGIC = _python()


def check_python(what: str, python: Any, magic: Any) -> None:
    """Refuses bytecode that this interpreter would misread.

    Raises:
        ForyInvalidDataError: it comes from another version of Python; names both.
    """
    if (python, magic) == (PYTHON, MAGIC):
        return
    if not isinstance(python, str) or type(magic) is not int:
        raise ForyInvalidDataError("damaged code record: no version of Python")
    theirs, mine = "Python %s" % python, "Python %s" % PYTHON
    if theirs == mine:
        theirs, mine = "%s (bytecode %d)" % (theirs, magic), "%s (bytecode %d)" % (mine, MAGIC)
    raise ForyInvalidDataError(
        "%s was written by value by %s and cannot run on %s: bytecode belongs to one version of Python; "
        "run both sides on the same one, or import the code on both sides" % (what, theirs, mine)
    )


def capture_code(code: types.CodeType, ws: WriteSession) -> Captured:
    return CODE, (code.co_name, PYTHON, MAGIC), _get_fields(code), None


def authorize_code(header: Any, policy: Any) -> None:
    name, python, magic = expect("code", header, str, None, None)
    check_python("the code of %r" % name, python, magic)


def build_code(header: Any, args: Any, policy: Any, rs: ReadSession) -> types.CodeType:
    expect("code", args, *FIELD_TYPES)  # the engine makes what has the right types without asking here
    try:
        # The compiler interns names; with the same ones shared, the copy gives the same bytes again.
        fields: List[Any] = [intern(arg) if type(arg) is str else arg for arg in args]
        return types.CodeType(*fields)
    except (TypeError, ValueError, OverflowError, SystemError) as error:
        raise ForyInvalidDataError("damaged code record: %s" % error) from None


# --- names --------------------------------------------------------------------------------------

Names = Tuple[Tuple[str, ...], FrozenSet[str], Any]

#: by id(), since comparing code objects compares all that is in them
_names: Dict[int, Tuple[Any, Names]] = {}


def _opcodes() -> Tuple[int, Dict[int, int]]:
    from opcode import opmap

    shifts = {opmap["LOAD_GLOBAL"]: _LOAD_GLOBAL_SHIFT}
    # Names in the body of a class and in annotations end at the globals, too.
    for name in ("STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
        if name in opmap:
            shifts[opmap[name]] = 0
    return opmap["EXTENDED_ARG"], shifts


_EXTENDED_ARG, _SHIFTS = _opcodes()


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    stack = [code]
    while stack:
        code = stack.pop()
        yield code
        stack += [const for const in code.co_consts[::-1] if type(const) is types.CodeType]


class _CodeReference(weakref.ref):  # type: ignore[type-arg]
    """Knows where the table has what was found out about the code object."""

    __slots__ = ("key",)
    key: int


def _forget(reference: Any) -> None:
    _names.pop(reference.key, None)


def names_of(code: types.CodeType) -> Names:
    """The global names that `code` and all code nested in it use, in order; every name in them; the doc of its functions."""
    found = _names.get(id(code))
    if found is None:
        reference = _CodeReference(code, _forget)
        reference.key = id(code)
        found = _names[id(code)] = (reference, _find_names(code))
    return found[1]


def _find_names(code: types.CodeType) -> Names:
    doc = code.co_consts[0] if code.co_consts else None
    if type(doc) is not str:
        doc = None
    elif not _DOC_IS_FIRST:
        doc = types.FunctionType(code, {}, "", None, tuple([types.CellType() for _ in code.co_freevars])).__doc__
    names = code.co_names
    if _CodeType not in map(type, code.co_consts):
        if not names:
            return (), _NO_NAMES, doc
        return tuple(dict.fromkeys(_looked_up(code, names))), frozenset(names), doc
    used: Dict[str, None] = {}
    every: Set[str] = set()
    for part in _nested(code):
        names = part.co_names
        if names:
            every.update(names)
            used.update(dict.fromkeys(_looked_up(part, names)))
    return tuple(used), frozenset(every), doc


_CodeType = types.CodeType
_NO_NAMES: FrozenSet[str] = frozenset()
#: is the first constant the doc of a function whenever it is a str?
_DOC_IS_FIRST = types.FunctionType((lambda: 0).__code__.replace(co_consts=("doc",)), {}).__doc__ == "doc"


def _looked_up(code: types.CodeType, names: Tuple[str, ...]) -> List[str]:
    raw = code.co_code
    ops = raw[::2]
    indices = _indices(ops, raw) if _EXTENDED_ARG not in ops else _far_indices(raw)
    return [names[i] for i in indices if i < len(names) and names[i] != "__builtins__"]


def _indices(ops: bytes, raw: bytes) -> List[int]:
    """Which names the code looks up, in order; for code whose arguments have one byte."""
    args = raw[1::2]
    found: List[Tuple[int, int]] = []
    for op, shift in _SHIFTS.items():
        if op in ops:
            i = ops.find(op)
            while i >= 0:
                found.append((i, args[i] >> shift))
                i = ops.find(op, i + 1)
    found.sort()
    return [index for _, index in found]


def _far_indices(raw: bytes) -> List[int]:
    found: List[int] = []
    extended = 0
    for i in range(0, len(raw), 2):
        op, arg = raw[i], raw[i + 1] | extended
        if op == _EXTENDED_ARG:
            extended = arg << 8
            continue
        extended = 0
        if op in _SHIFTS:
            found.append(arg >> _SHIFTS[op])
    return found


def submodules(values: Any, names: FrozenSet[str]) -> Tuple[str, ...]:
    """Modules that code reaches as attributes of the packages among `values`.

    `import concurrent.futures` binds only `concurrent`; a reader that imports
    just this would lack the attribute.
    """
    found: List[str] = []
    for value in values:
        if isinstance(value, types.ModuleType) and hasattr(value, "__path__"):
            stack: List[Any] = [value]
            while stack:
                package = stack.pop()
                for name in sorted(names):
                    full = "%s.%s" % (package.__name__, name)
                    module = sys.modules.get(full)
                    if (
                        module is not None
                        and isinstance(module, types.ModuleType)
                        and vars(package).get(name) is module
                        and full not in found
                        and is_importable(full, module)
                        and not is_registered(full)
                    ):
                        found.append(full)
                        stack.append(module)
    return tuple(found)
