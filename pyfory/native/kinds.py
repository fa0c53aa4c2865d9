"""Numbers of the kinds of code in a payload, and what one operation remembers.

The numbers are part of the native format: new kinds take new numbers.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Tuple

from pyfory.error import ForyInvalidDataError

FUNCTION = 1
FUNCTION_SHELL = 2
FUNCTION_BODY = 3
CODE = 4
GLOBALS = 5
CELL_SHELL = 6
CELL = 7
CLASS = 8
CLASS_SHELL = 9
CLASS_BODY = 10
MODULE = 11
MODULE_VALUE = 12
METHOD = 13
BUILTIN_METHOD = 14
PROPERTY = 15
STATICMETHOD = 16
CLASSMETHOD = 17
DESCRIPTOR = 18
LRU_CACHE = 19
CACHED_PROPERTY = 20
TYPEVAR = 21
NEWTYPE = 22
TYPE_ALIAS = 23
WEAK_SET = 24
WEAK_DICT = 25
SENTINEL = 26
PARTIALMETHOD = 27
CLASS_NAMESPACE = 28
CLASS_STAGE = 29
WRAPPER_SHELL = 30
WRAPPER_BODY = 31

#: kind, header, args, state
Captured = Tuple[int, Tuple[Any, ...], Tuple[Any, ...], Any]

_KEY = "pyfory.native.code"


class Shell:
    """Stands for an object without its state.

    Written where an object's own `args` must name another one whose state
    may lead back: the shell comes back as the object, still empty, and the
    object itself, written later, fills it. A state of the shell's own holds
    only what leads nowhere (`is_safe`).
    """

    __slots__ = ("kind", "header", "args", "of", "state", "sent", "complete")

    def __init__(self, kind: int, header: Tuple[Any, ...], args: Tuple[Any, ...], of: Any) -> None:
        self.kind = kind
        self.header = header
        self.args = args
        self.of = of  # keeps its id() from being used again
        self.state: Any = None
        #: the part of the state that came with the shell and is not sent again
        self.sent: Any = None
        #: is there nothing more to send?
        self.complete = False


class WriteSession:
    """What the captures of one `dumps` share."""

    __slots__ = ("shells", "captured", "namespaces", "stages", "keep")

    def __init__(self) -> None:
        self.shells: Dict[int, Shell] = {}
        self.captured: Set[int] = set()
        #: the dict of a class (by id) -> the class
        self.namespaces: Dict[int, type] = {}
        #: class (by id) -> its methods and simple attributes
        self.stages: Dict[int, Shell] = {}
        self.keep: List[Any] = []


class ReadSession:
    """What the builds of one `loads` share."""

    __slots__ = ("shells", "modules", "boxes", "keep", "function", "news")

    def __init__(self) -> None:
        self.shells: Set[int] = set()
        #: globals dict (by id) -> the module whose namespace it is
        self.modules: Dict[int, Any] = {}
        #: type alias (by id) -> where it finds its value
        self.boxes: Dict[int, List[Any]] = {}
        self.keep: List[Any] = []
        #: class (by id) -> its own `__new__`, while another one stands for it
        self.news: Dict[int, Any] = {}
        #: has the policy been asked for a function?
        self.function = False

    def shell(self, obj: Any) -> Any:
        """Remembers that `obj` may be filled by a later record."""
        self.shells.add(id(obj))
        self.keep.append(obj)
        return obj

    def filled(self, args: Tuple[Any, ...]) -> Any:
        """The shell that a record fills; only those of this very payload."""
        if type(args) is not tuple or len(args) != 1 or id(args[0]) not in self.shells:
            raise ForyInvalidDataError("a code record fills an object that is not its own")
        return args[0]


def write_session(session: Any) -> WriteSession:
    if type(session) is WriteSession:
        return session
    found: Optional[WriteSession] = session.get(_KEY)
    if found is None:
        found = session[_KEY] = WriteSession()
    return found


def read_session(session: Any) -> ReadSession:
    if type(session) is ReadSession:
        return session
    found: Optional[ReadSession] = session.get(_KEY)
    if found is None:
        found = session[_KEY] = ReadSession()
    return found


def expect(what: str, values: Any, *kinds: Any) -> Tuple[Any, ...]:
    """Checks the shape of a tuple that was read; a kind may be None for anything."""
    if type(values) is not tuple or len(values) != len(kinds):
        raise ForyInvalidDataError("damaged %s record" % what)
    for value, kind in zip(values, kinds):
        if kind is not None and not isinstance(value, kind):
            raise ForyInvalidDataError("damaged %s record: %s where another type belongs" % (what, type(value).__name__))
    return values


def set_attributes(what: str, obj: Any, attributes: Any) -> None:
    """Adds to the `__dict__` of `obj` what was read for it; None is nothing."""
    if attributes is None:
        return
    try:
        namespace = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        raise ForyInvalidDataError("damaged %s record: no place for attributes" % what) from None
    if not isinstance(attributes, dict) or not all([isinstance(name, str) for name in attributes]):
        raise ForyInvalidDataError("damaged %s record: attributes without names" % what)
    namespace.update(attributes)
