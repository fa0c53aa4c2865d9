"""Recognises a class that the reading program has defined itself.

A program writes an instance of a class of its own and reads it back on its
next run, or in a worker process that has loaded the same file. The class
comes by value, but the program expects its own. So the writer sends a digest
of the definition with every class that its module's name leads to, and the
reader takes the class of that name if its digest is the same. A class whose
definition has changed since stays what was sent.
"""

from __future__ import annotations

import sys
import types
import weakref
from typing import Any, Dict, Iterator, Optional, Tuple

from pyfory.native.references import class_dict, class_module, class_mro, class_qualname, is_native, static_attribute

#: differ from run to run, or say where and not what
_SKIPPED = frozenset(
    (
        "__module__ __dict__ __weakref__ __doc__ __slotnames__ __firstlineno__ __static_attributes__ _abc_impl "
        "__annotations_cache__ __parameters__ __abstractmethods__ _value2member_map_"
    ).split()
)


def definition_of(cls: type) -> Optional[int]:
    """Digest of the class if its module's name leads to it, else None."""
    if "<locals>" in class_qualname(cls) or find_definition(class_module(cls), class_qualname(cls)) is not cls:
        return None
    return digest(cls)


def find_definition(module_name: Any, qualname: str) -> Optional[type]:
    """The class of that name in a module that is loaded; nothing is imported and no code of the user's runs."""
    found: Any = sys.modules.get(module_name)
    try:
        for name in qualname.split("."):
            found = static_attribute(found, name)
    except (AttributeError, ValueError):
        return None
    return found if isinstance(found, type) and not is_native(found) else None


_digests: Dict[int, Tuple[Any, int]] = {}


def digest(cls: type) -> int:
    """63 bits that depend on all that the source of the class says; what the class became later is left out."""
    found = _digests.get(id(cls))
    if found is not None:
        return found[1]
    from pyfory._core import hash_buffer

    key = id(cls)
    text = "\n".join(_describe(cls))
    value = hash_buffer(text.encode("utf-8", "surrogatepass"))[0] & 0x7FFFFFFFFFFFFFFF
    _digests[key] = (weakref.ref(cls, lambda _: _digests.pop(key, None)), value)
    return value


def _name(cls: type) -> str:
    module = class_module(cls)
    return "%s.%s" % ("__main__" if module == "__mp_main__" else module, class_qualname(cls))


def _describe(cls: type) -> Iterator[str]:
    yield "class %s of %s" % (class_qualname(cls), _name(type(cls)))
    for base in class_mro(cls)[1:]:
        yield "base " + _name(base)
    for name, value in sorted(class_dict(cls).items()):
        if name not in _SKIPPED:
            yield "%s = %s" % (name, _value(value, 0))


def _value(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in (tuple, list, dict, set, frozenset) and (depth > 3 or len(value) > 256):
        return "a " + kind.__name__
    if kind in (int, str, float, bytes, bool, complex, type(None)):
        return repr(value)
    if kind in (tuple, list):
        return "%s[%s]" % (kind.__name__, ", ".join([_value(item, depth + 1) for item in value]))
    if kind in (set, frozenset):
        return "%s{%s}" % (kind.__name__, ", ".join(sorted([_value(item, depth + 1) for item in value])))
    if kind is dict:
        return "{%s}" % ", ".join(["%s: %s" % (_value(k, depth + 1), _value(v, depth + 1)) for k, v in value.items()])
    if kind is types.FunctionType:
        if depth > 3:
            return "def %s" % value.__qualname__
        cells = zip(value.__code__.co_freevars, value.__closure__ or ())
        closed = [_contents(cell) for name, cell in cells if name not in ("__class__", "__classdict__")]
        inside = (value.__defaults__, value.__kwdefaults__, closed)
        return "def %s %s" % (_code(value.__code__), _value(inside, depth + 1))
    if kind in (staticmethod, classmethod):
        return "%s %s" % (kind.__name__, _value(value.__func__, depth + 1))
    if kind is property:
        return "property %s" % _value((value.fget, value.fset, value.fdel), depth + 1)
    if issubclass(kind, type):
        return _name(value)
    if "_member_map_" in class_dict(kind):
        return "member " + _value(object.__getattribute__(value, "__dict__").get("_value_"), depth + 1)
    return "a " + _name(kind)


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _code(code: types.CodeType) -> str:
    consts = [_code(const) if type(const) is types.CodeType else _value(const, 0) for const in code.co_consts]
    return "%r %r %r %r %r %r [%s]" % (
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        code.co_names,
        code.co_varnames,
        (code.co_freevars, code.co_cellvars),
        ", ".join(consts),
    )
