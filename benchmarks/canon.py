"""One text form for a value, so that processes can compare what they hold.

Two forms exist. The strict form names the type of every object and, when asked, where an object occurs again. The loose form keeps
only the data: a dataclass is a mapping, a tuple or an array is a list, an enum is its value. A result that is equal in the strict form
is the same value; one equal only in the loose form is reported as such; anything else is never timed.
"""

import dataclasses
import datetime
import decimal
import enum
import hashlib
import types
import uuid
from array import array
from typing import Any, Dict, List, Optional

_DENSE = {int: "q", float: "d"}
_PLAIN = {int, float, bool, type(None), str}


class _Walk:
    def __init__(self, strict: bool, identity: bool) -> None:
        self.strict = strict
        self.seen: Optional[Dict[int, int]] = {} if identity and strict else None
        self.keep: List[Any] = []
        self.names: Dict[type, List[str]] = {}

    def sequence(self, label: str, items: Any) -> str:
        kinds = set(map(type, items))
        if len(items) > 10_000 and len(kinds) == 1 and kinds <= _DENSE.keys():
            # Long lists of numbers by their bytes: printing them takes longer than all that is measured.
            code = _DENSE[kinds.pop()]
            try:
                return f"{label}{code}:{len(items)}:{hashlib.sha256(array(code, items)).hexdigest()}"
            except OverflowError:
                return label + repr(list(items))
        if kinds <= _PLAIN:
            return label + repr(list(items))
        return label + "[" + ", ".join([self.text(item) for item in items]) + "]"

    def mapping(self, label: str, pairs: Any) -> str:
        return label + "{" + ", ".join([self.text(k) + ": " + self.text(v) for k, v in pairs]) + "}"

    def array(self, kind: str, items: Any) -> str:
        return self.sequence(f"{kind}:" if self.strict else "", items)

    def text(self, value: Any) -> str:
        kind = type(value)
        if kind in _PLAIN:
            return repr(value)
        if self.seen is not None:
            known = self.seen.get(id(value))
            if known is not None:
                return f"<again {known}>"
            self.seen[id(value)] = len(self.seen)
            self.keep.append(value)
        strict = self.strict
        if kind is list:
            return self.sequence("", value)
        if kind is dict:
            return self.mapping("", value.items())
        if kind is tuple:
            return self.sequence("tuple" if strict else "", value)
        if kind in (set, frozenset):
            return f"{kind.__name__ if strict else 'set'}(" + ", ".join(sorted(self.text(item) for item in value)) + ")"
        if kind in (bytes, bytearray):
            return f"{kind.__name__ if strict else 'bytes'}:{len(value)}:{hashlib.sha256(value).hexdigest()}"
        if isinstance(value, enum.Enum):
            return f"{kind.__name__}.{value.name}" if strict else repr(value.value)
        names = self.names.get(kind)
        if names is None:
            if dataclasses.is_dataclass(kind):
                names = [f.name for f in dataclasses.fields(kind)]
            elif hasattr(kind, "__struct_fields__"):
                names = list(kind.__struct_fields__)
            elif hasattr(kind, "CANON"):
                names = list(kind.CANON)
            else:
                return self.rare(kind, value)
            self.names[kind] = names
        return self.mapping(kind.__name__ if strict else "", [(name, getattr(value, name)) for name in names])

    def rare(self, kind: type, value: Any) -> str:
        if isinstance(value, datetime.datetime):
            return "datetime:" + value.isoformat()
        if isinstance(value, (datetime.date, datetime.time)):
            return f"{kind.__name__}:{value.isoformat()}"
        if isinstance(value, datetime.timedelta):
            return f"timedelta:{value.days}:{value.seconds}:{value.microseconds}"
        if isinstance(value, decimal.Decimal):
            return f"decimal:{value}"
        if isinstance(value, uuid.UUID):
            return f"uuid:{value.hex}"
        if isinstance(value, types.FunctionType):
            return f"function:{value.__name__}:{value(7)!r}"
        if kind.__name__ == "DataFrame":
            columns = [(str(name), str(value[name].dtype), value[name].tolist()) for name in value.columns]
            return f"frame:{value.index.tolist() == list(range(len(value)))}:{columns!r}"
        if kind.__name__ == "ndarray":
            return self.array(f"ndarray:{value.dtype.str}:{value.shape}", value.tolist())
        if isinstance(value, array):
            return self.array("array:" + value.typecode, value.tolist())
        if kind.__name__.endswith("Array") and hasattr(value, "tolist"):
            return self.array(kind.__name__, value.tolist())
        raise TypeError(f"no text form for {kind.__module__}.{kind.__name__}")


def digest(value: Any, strict: bool = True, identity: bool = False) -> str:
    """Return a short hash of the value's text form.

    With ``identity`` the strict form also says where an object that was met before occurs again.
    Raises TypeError for a type without a text form.
    """
    walk = _Walk(strict, identity)
    return hashlib.sha256(walk.text(value).encode("utf-8", "surrogatepass")).hexdigest()[:24]
