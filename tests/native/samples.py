"""Classes and builders for kinds.py. Classes at the top level are found by name
in the reader; what the functions build locally must travel by value.

Only the standard library is imported here; see samples_attrs.py and the like
for classes that need more.
"""

from __future__ import annotations

import abc
import array
import collections
import contextlib
import copyreg
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import importlib
import random
import sys
import types
import typing
import uuid
from typing import Any, Callable, Dict, Generic, List, TypeVar

_MODULES = """
    array collections contextvars copyreg datetime decimal email fractions functools hashlib http http.cookies io ipaddress
    itertools logging math operator os pathlib pickle queue random re signal socket string struct sys threading time types
    typing urllib.parse uuid weakref xml.etree.ElementTree zlib
""".split()


def namespace(needs: str = "") -> Dict[str, Any]:
    """The names that the expressions in kinds.py may use."""
    names: Dict[str, Any] = {"samples": sys.modules[__name__]}
    for name in _MODULES:
        importlib.import_module(name)
        top = name.partition(".")[0]
        names[top] = sys.modules[top]
    if needs in ("zoneinfo", "sqlite3"):
        names[needs] = importlib.import_module(needs)
    if needs in ("numpy", "pandas"):
        names["np"] = importlib.import_module("numpy")
    if needs == "pandas":
        names["pd"] = importlib.import_module("pandas")
    if needs == "attrs":
        names["attrs_Plain"] = importlib.import_module("native.samples_attrs").Plain
    return names


# ------------------------------------------------------------------ helpers


def with_attributes(obj: Any, **attributes: Any) -> Any:
    obj.__dict__.update(attributes)
    return obj


def filled(mapping: Any, **entries: Any) -> Any:
    mapping.update(entries)
    return mapping


def positioned(stream: Any, position: int) -> Any:
    stream.seek(position)
    return stream


def seeded(seed: int) -> random.Random:
    return random.Random(seed)


def advanced(iterator: Any) -> Any:
    next(iterator)
    return iterator


def exhausted(iterator: Any) -> Any:
    for _ in iterator:
        pass
    return iterator


def twice(value: Any) -> List[Any]:
    return [value, value]


def key_and_value() -> Any:
    key = "".join(["key", " and ", "value"])
    return {key: key}


def compare(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


def doubler(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(function)
    def wrapper(a: Any) -> Any:
        return 2 * function(a)

    return wrapper


@doubler
def doubled(a: Any) -> Any:
    return a


@functools.lru_cache()
def cached(a: Any) -> Any:
    return a


@functools.singledispatch
def dispatched(a: Any) -> Any:
    return a


def fails(function: Any, *args: Any) -> bool:
    try:
        function(*args)
    except Exception:
        return True
    return False


def run(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value


# ------------------------------------------------------------------ simple classes


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def method(self, factor: int) -> int:
        return self.a * factor  # type: ignore

    @classmethod
    def build(cls, **attributes: Any) -> "Plain":
        return cls(**attributes)

    @staticmethod
    def double(value: int) -> int:
        return 2 * value


class Plainer(Plain):
    pass


class Outer:
    class Inner:
        def __init__(self, value: Any) -> None:
            self.value = value

    class Inside(enum.Enum):
        ONE = 1


Point = collections.namedtuple("Point", "x y")


class Typed(typing.NamedTuple):
    name: str
    size: int = 3


class Wide(Point):
    pass


class Zone(datetime.tzinfo):
    def __init__(self, minutes: int = 0) -> None:
        self.minutes = minutes

    def utcoffset(self, when: Any) -> datetime.timedelta:
        return datetime.timedelta(minutes=self.minutes)

    def dst(self, when: Any) -> datetime.timedelta:
        return datetime.timedelta(0)

    def tzname(self, when: Any) -> str:
        return "Z%d" % self.minutes


class Ticker:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


class Adder:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __call__(self, value: int) -> int:
        return value + self.amount


def list_and_append() -> List[Any]:
    items = [1, 2]
    return [items, items.append]


async def _coroutine() -> None:
    pass


def started_coroutine() -> Any:
    coroutine = _coroutine()
    run(coroutine)  # no warning that it was never awaited
    return coroutine


# ------------------------------------------------------------------ enums


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"
    CRIMSON = "r"


class Odd(enum.Enum):
    LIST = [1]
    DICT = {"a": 1}


class Planet(enum.Enum):
    EARTH = (5.97, 6378)

    def __init__(self, mass: float, radius: float) -> None:
        self.mass = mass
        self.radius = radius


Functional = enum.Enum("Functional", "A B", module=__name__)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mode(str, enum.Enum):
    READ = "r"


if sys.version_info >= (3, 11):

    class Suit(enum.StrEnum):
        SPADE = enum.auto()


class Permission(enum.Flag):
    R = 4
    W = 2
    X = 1


class Bits(enum.IntFlag):
    ONE = 1


# ------------------------------------------------------------------ exceptions


class Failure(Exception):
    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code


def noted(error: Any, *notes: str) -> Any:
    error.__notes__ = list(notes)  # what add_note() does from Python 3.11 on
    return error


def caused(error: Any, cause: Any) -> Any:
    error.__cause__ = cause
    return error


def caught() -> Any:
    try:
        raise ValueError("raised")
    except ValueError as error:
        return error


# ------------------------------------------------------------------ typing

T = TypeVar("T")

if sys.version_info >= (3, 10):
    UserId = typing.NewType("UserId", int)
    P = typing.ParamSpec("P")


class Box(Generic[T]):
    def __init__(self, value: Any) -> None:
        self.value = value


class Sized2(typing.Protocol):
    def size(self) -> int: ...


class Movie(typing.TypedDict, total=False):
    title: str
    year: int


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def __init__(self, side: float) -> None:
        self.side = side

    def area(self) -> float:
        return self.side**2


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    def __init__(self, value: Any) -> None:
        self.value = value


# ------------------------------------------------------------------ object protocols


class NeedsArgument:
    def __init__(self, value: Any) -> None:
        assert value is not None
        self.value = value


def needs_argument() -> NeedsArgument:
    return NeedsArgument(3)


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, *values: Any) -> None:
        for name, value in zip("ab", values):
            setattr(self, name, value)


class SubSlots(Slots):
    __slots__ = ("c",)

    def __init__(self, a: Any, b: Any, c: Any) -> None:
        super().__init__(a, b)
        self.c = c


class SlotsAndDict(Slots):
    pass


class Private:
    __slots__ = ("__hidden",)

    def __init__(self, value: Any) -> None:
        self.__hidden = value

    def get(self) -> Any:
        return self.__hidden


class OneSlot:
    __slots__ = "only"


def one_slot(value: Any) -> OneSlot:
    made = OneSlot()
    made.only = value
    return made


class Weakable:
    __slots__ = ("a", "__weakref__")

    def __init__(self, a: Any) -> None:
        self.a = a


def with_odd_keys() -> Plain:
    made = Plain()
    made.__dict__[1] = "one"  # type: ignore
    made.__dict__["a"] = 2
    return made


class State:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.log = ["init"]

    def __getstate__(self) -> Any:
        return [self.value]

    def __setstate__(self, state: Any) -> None:
        (self.value,) = state
        self.log = ["set"]


class FalsyState:
    def __getstate__(self) -> Any:
        return False

    def __setstate__(self, state: Any) -> None:
        self.got = state


class NoState:
    def __init__(self) -> None:
        self.value = 1

    def __getstate__(self) -> Any:
        return None

    def __setstate__(self, state: Any) -> None:
        self.got = state


class GetOnly:
    def __init__(self) -> None:
        self.kept = 1
        self.dropped = 2

    def __getstate__(self) -> Any:
        return {"kept": self.kept}


class GetPair(SlotsAndDict):
    def __getstate__(self) -> Any:
        return {"d": self.a}, {"b": self.b}


class SetOnly:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __setstate__(self, state: Any) -> None:
        self.value = state


class NewArgs:
    made_by_new = False

    def __new__(cls, *pair: Any) -> "NewArgs":
        made = super().__new__(cls)
        made.pair = pair  # type: ignore
        made.made_by_new = len(pair) == 2
        return made

    def __getnewargs__(self) -> Any:
        return self.pair  # type: ignore

    def __getstate__(self) -> Any:
        return None


class NewArgsEx:
    def __new__(cls, first: Any, *, key: Any) -> "NewArgsEx":
        made = super().__new__(cls)
        made.pair = (first, key)  # type: ignore
        return made

    def __getnewargs_ex__(self) -> Any:
        return (self.pair[0],), {"key": self.pair[1]}  # type: ignore

    def __getstate__(self) -> Any:
        return None


class Singleton:
    def __reduce__(self) -> str:
        return "SINGLETON"


SINGLETON = Singleton()


class Reduced:
    """Is written as the reduce value that it was made with."""

    def __new__(cls, result: Any) -> Any:
        made = super().__new__(cls)
        made.result = result  # type: ignore
        return made

    def __reduce_ex__(self, protocol: int) -> Any:
        result = self.result  # type: ignore
        if isinstance(result, tuple) and result[0] is copyreg.__newobj_ex__:  # type: ignore
            return result[0], (type(self), (1,), {})
        return result


class Appends:
    def __init__(self) -> None:
        self.items: List[Any] = []

    def append(self, item: Any) -> None:
        self.items.append(item)

    def extend(self, items: Any) -> None:
        self.items.extend(items)


def set_state(obj: Any, state: Any) -> None:
    obj.state = state


class Versioned:
    protocol: Any = None

    def __reduce_ex__(self, protocol: int) -> Any:
        return Versioned, (), {"protocol": protocol}


class CallsBase:
    reduced = False

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce_ex__(self, protocol: int) -> Any:
        parts = list(super().__reduce_ex__(protocol))
        parts[2] = dict(parts[2], reduced=True)
        return tuple(parts)


class Registered:
    def __init__(self, value: Any, by: str = "init") -> None:
        self.value = value
        self.by = by


def rebuild(value: Any) -> Registered:
    return Registered(value, "rebuild")


copyreg.pickle(Registered, lambda obj: (rebuild, (obj.value,)))  # type: ignore


class Dynamic(type):
    def __reduce__(cls) -> Any:
        return make_dynamic, (cls.__name__,)


_dynamic: Dict[str, type] = {}


def make_dynamic(name: str) -> type:
    if name not in _dynamic:
        _dynamic[name] = Dynamic(name, (), {})
    return _dynamic[name]


copyreg.pickle(Dynamic, Dynamic.__reduce__)  # type: ignore


class Eager:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class ReadOnly:
    def __init__(self, value: Any) -> None:
        self.__dict__["value"] = value

    def __setattr__(self, name: str, value: Any) -> None:
        raise TypeError("read-only")


class Key:
    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: Any) -> bool:
        return bool(self.number == other.number)

    def __hash__(self) -> int:
        return hash(self.number)

    def __reduce__(self) -> Any:
        return Key, (self.number,)


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    @property
    def degrees(self) -> float:
        return self._degrees

    @degrees.setter
    def degrees(self, value: float) -> None:
        self._degrees = value


_proxied = Plain(a=1)


def proxied() -> Any:
    import weakref

    return weakref.proxy(_proxied)


# ------------------------------------------------------------------ dataclasses


@dataclasses.dataclass
class Item:
    name: str
    size: int = 0
    tags: List[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: int
    b: Any


@dataclasses.dataclass(order=True)
class Ordered:
    a: int


@dataclasses.dataclass
class SubItem(Item):
    more: str = ""


@dataclasses.dataclass
class Special:
    start: dataclasses.InitVar[int]
    value: int = 0
    shared: typing.ClassVar[str] = "class"

    def __post_init__(self, start: int) -> None:
        self.value = 2 * start


@dataclasses.dataclass
class Counted:
    a: int
    runs: int = 0

    def __post_init__(self) -> None:
        self.runs += 1


def odd_item() -> Item:
    made = Item("n", 2)
    del made.size, made.tags
    made.extra = 1  # type: ignore
    return made


if sys.version_info >= (3, 10):

    @dataclasses.dataclass(slots=True)
    class SlottedItem:
        a: int
        b: str

    @dataclasses.dataclass(frozen=True, slots=True)
    class FrozenSlots:
        a: int
        b: str

    @dataclasses.dataclass(kw_only=True)
    class KwOnly:
        a: int
        b: int = 0


@dataclasses.dataclass
class StatefulItem:
    value: int
    restored: bool = False

    def __getstate__(self) -> Any:
        return ("state", self.value)

    def __setstate__(self, state: Any) -> None:
        self.value = state[1]
        self.restored = True


@dataclasses.dataclass
class Pair(Generic[T]):
    left: T
    right: T


@dataclasses.dataclass
class Tree:
    parent: Any = None
    children: List[Any] = dataclasses.field(default_factory=list)


# ------------------------------------------------------------------ subclasses of builtins


class My_int(int):
    pass


class My_float(float):
    pass


class My_complex(complex):
    pass


class My_str(str):
    pass


class My_bytes(bytes):
    pass


class My_bytearray(bytearray):
    pass


class My_list(list):
    pass


class My_tuple(tuple):
    pass


class My_dict(dict):
    pass


class My_set(set):
    pass


class My_frozenset(frozenset):
    pass


class MyDeque(collections.deque):
    pass


class MyOrdered(collections.OrderedDict):
    pass


class MyDefault(collections.defaultdict):
    pass


class MyCounter(collections.Counter):
    pass


class MyDate(datetime.date):
    pass


class MyDatetime(datetime.datetime):
    pass


class MyTime(datetime.time):
    pass


class MyDelta(datetime.timedelta):
    pass


class MyDecimal(decimal.Decimal):
    pass


class MyFraction(fractions.Fraction):
    pass


class MyUUID(uuid.UUID):
    pass


class MyArray(array.array):
    pass


class MyNamespace(types.SimpleNamespace):
    pass


class Metres(int):
    def __new__(cls, value: int, unit: str) -> "Metres":
        made = super().__new__(cls, value)
        made.unit = unit  # type: ignore
        return made

    def __getnewargs__(self) -> Any:
        return int(self), self.unit  # type: ignore


class SlottedStr(str):
    # a str has a fixed size, so that a subclass can have slots
    __slots__ = ("extra",)

    def __new__(cls, text: str, extra: Any = None) -> "SlottedStr":
        made = super().__new__(cls, text)
        made.extra = extra
        return made


class SlottedList(list):
    __slots__ = ("extra",)

    def __init__(self, items: Any = (), extra: Any = None) -> None:
        super().__init__(items)
        self.extra = extra


class LoudList(list):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def append(self, item: Any) -> None:
        self.calls = getattr(self, "calls", 0) + 1
        super().append(item)


def loud_list(*items: Any) -> LoudList:
    made = LoudList()
    for item in items:
        made.append(item)
    return made


class Upper(dict):
    def __init__(self, **entries: Any) -> None:
        super().__init__()
        for key, value in entries.items():
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key.upper(), value)


class NeedsName(dict):
    def __init__(self, name: str, **entries: Any) -> None:
        super().__init__(**entries)
        self.name = name


class Labelled(set):
    def __init__(self, label: str, items: Any = ()) -> None:
        super().__init__(items)
        self.label = label

    def __reduce__(self) -> Any:
        return Labelled, (self.label, list(self))


class Vector(tuple):
    def __new__(cls, *items: Any) -> "Vector":
        return super().__new__(cls, items)

    def __getnewargs__(self) -> Any:
        return tuple(self)


class AttrDict(dict):
    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


# ------------------------------------------------------------------ recursion


def list_in_itself() -> Any:
    made: List[Any] = []
    made.append(made)
    return made


def dict_in_itself() -> Any:
    made: Dict[str, Any] = {}
    made["self"] = made
    return made


def tuple_and_list() -> Any:
    inner: List[Any] = []
    made = (inner,)
    inner.append(made)
    return made


def tuple_and_dict() -> Any:
    inner: Dict[int, Any] = {}
    made = (inner,)
    inner[1] = made
    return made


def frozenset_and_object() -> Any:
    inner = Plain()
    made = frozenset([inner])
    inner.attr = made  # type: ignore
    return made


def set_and_object() -> Any:
    inner = Plain()
    made = {inner}
    inner.attr = made  # type: ignore
    return made


def dict_and_key() -> Any:
    inner = Plain()
    made = {inner: 1}
    inner.attr = made  # type: ignore
    return made


def object_in_itself() -> Any:
    made = Plain()
    made.me = made  # type: ignore
    return made


def list_subclass_in_itself() -> Any:
    made = My_list()
    made.append(made)
    return made


def dict_subclass_in_itself() -> Any:
    made = My_dict()
    made["k"] = made
    return made


def tuple_subclass_in_itself() -> Any:
    made = My_tuple((1, 2))
    made.me = made  # type: ignore
    return made


def frozenset_subclass_in_itself() -> Any:
    made = My_frozenset([1])
    made.me = made  # type: ignore
    return made


def int_subclass_in_itself() -> Any:
    made = My_int(5)
    made.me = made  # type: ignore
    return made


def slots_cycle() -> Any:
    made = Slots()
    made.a = Slots(made)
    return made


def dataclass_cycle() -> Any:
    made = Tree()
    made.children.append(Tree(made))
    return made


def state_cycle() -> Any:
    made = State(None)
    made.value = State(made)
    return made


class StateOfItself:
    def __getstate__(self) -> Any:
        return (self,)

    def __setstate__(self, state: Any) -> None:
        self.state = state


def state_of_itself() -> Any:
    return StateOfItself()


def family() -> Any:
    parent = Plain(name="p", children=[])
    for name in "ab":
        parent.children.append(Plain(name=name, parent=parent))  # type: ignore
    return parent


def deque_in_itself() -> Any:
    made: Any = collections.deque()
    made.append(made)
    return made


def ordered_in_itself() -> Any:
    made: Any = collections.OrderedDict()
    made["k"] = made
    return made


def default_in_itself() -> Any:
    made: Any = collections.defaultdict(list)
    made["k"] = made
    return made


def namespace_in_itself() -> Any:
    made = types.SimpleNamespace()
    made.me = made
    return made


def partial_in_itself() -> Any:
    holder: List[Any] = []
    made = functools.partial(compare, me=holder)
    holder.append(made)
    return made


def exception_in_itself() -> Any:
    made = ValueError("v")
    made.me = made  # type: ignore
    return made


def exception_cycle() -> Any:
    made, cause = ValueError("v"), KeyError("k")
    made.__cause__ = cause
    cause.__cause__ = made
    return made


def method_in_itself() -> Any:
    made = Plain(a=2)
    made.call = made.method  # type: ignore
    return made


class ReduceArgs:
    """Needs itself to be made: no format can bring it back."""

    def __reduce__(self) -> Any:
        return ReduceArgs, (self,)


def shared_state() -> Any:
    tag = ["t"]
    made = My_list([tag])
    made.tag = tag  # type: ignore
    return made


class Shares:
    def __init__(self, values: Any) -> None:
        self.values = values

    def __reduce__(self) -> Any:
        return Shares, (self.values,)


def shared_arguments() -> Any:
    values = [1, 2]
    return [Shares(values), Shares(values)]


def graph(size: int) -> Any:
    nodes = [Plain(links=[]) for _ in range(size)]
    for i, node in enumerate(nodes):
        node.links.append(nodes[(i * 7 + 1) % size])  # type: ignore
    return nodes


def deep(levels: int) -> Any:
    made: List[Any] = []
    for _ in range(levels):
        made = [made]
    return made


def depth(value: Any) -> int:
    levels = 0
    while value:
        (value,) = value
        levels += 1
    return levels


def linked(count: int) -> Any:
    made = None
    for _ in range(count):
        made = Plain(next=made)
    return made


def length(value: Any) -> int:
    count = 0
    while value is not None:
        value = value.next
        count += 1
    return count


# ------------------------------------------------------------------ code by value


def local_function() -> Any:
    def add(a: int, b: Any = 10, *, d: Any = 100) -> int:
        "Adds."
        return a + b + d

    add.__annotations__ = {"a": int, "return": int}
    add.note = "n"  # type: ignore
    return add


def closure(factor: int) -> Any:
    def times(a: int) -> int:
        return a * factor

    return times


def counter() -> Any:
    count = 0

    def up() -> int:
        nonlocal count
        count += 1
        return count

    def get() -> int:
        return count

    return [up, get]


def factorial() -> Any:
    def f(n: int) -> int:
        return n * f(n - 1) if n else 1

    return f


def even_and_odd() -> Any:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    return [even, odd]


def empty_cell() -> Any:
    def f() -> Any:
        try:
            return missing
        except NameError:
            return "unbound"

    if len(sys.argv) < 0:
        missing = 1
    return f


def local_generator() -> Any:
    def squares(n: int) -> Any:
        for i in range(n):
            yield i * i

    return squares


def local_coroutine() -> Any:
    async def up(n: int) -> int:
        return n + 1

    return up


def uses_module() -> Any:
    import math

    def root(a: float) -> float:
        return math.sqrt(a)

    return root


def in_main(source: str, name: str) -> Any:
    """What `source` calls `name`, as if a script had defined it."""
    main = sys.modules["__main__"].__dict__
    exec(source, main)
    value = main[name]
    return value


def local_decorated() -> Any:
    def plus_one(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(a: int) -> Any:
            return function(a) + 1

        return wrapper

    @plus_one
    def plain(a: int) -> int:
        return 2 * a

    return plain


def local_class() -> Any:
    class Local:
        "Local."

        attribute = [1]

        def f(self, a: int) -> int:
            return 10 * a

        @classmethod
        def g(cls, a: int) -> int:
            return 10 * a

        @staticmethod
        def h(a: int) -> int:
            return 10 * a

    return Local


def class_and_instances() -> Any:
    cls = local_class()
    return [cls, cls(), cls()]


def local_super() -> Any:
    class Base:
        def name(self) -> str:
            return "base"

    class Sub(Base):
        def name(self) -> str:
            return super().name() + "+sub"

    return Sub


def local_slots() -> Any:
    class Local:
        __slots__ = ("a",)

        def __init__(self, a: Any) -> None:
            self.a = a

    return Local


def local_property() -> Any:
    class Local:
        def __init__(self, a: int) -> None:
            self.a = a

        @property
        def double(self) -> int:
            return 2 * self.a

    return Local


def local_self_class() -> Any:
    class Local:
        def other(self) -> Any:
            return Local()

    return Local


def local_dataclass() -> Any:
    @dataclasses.dataclass
    class Local:
        a: int
        b: str

    return Local


def local_enum() -> Any:
    class Local(enum.Enum):
        ONE = 1
        TWO = 2

    return Local


def local_namedtuple() -> Any:
    return collections.namedtuple("Unfindable", "a b")


def local_abstract() -> Any:
    class Local(abc.ABC):
        @abc.abstractmethod
        def area(self) -> float: ...

    return Local


def local_meta() -> Any:
    class Meta(type):
        def __init__(cls, name: str, bases: Any, body: Any) -> None:
            super().__init__(name, bases, body)
            cls.made = name

    class Local(metaclass=Meta):
        pass

    return Local


def local_exception() -> Any:
    class Local(ValueError):
        pass

    return Local


def local_generic() -> Any:
    class Local(Generic[T]):
        pass

    return Local


def dynamic_module() -> types.ModuleType:
    made = types.ModuleType("dynamic_module_of_a_test")
    exec("VALUE = [1]\ndef double(a): return 2 * a", made.__dict__)
    return made


_remembered: Any = None


def remember(value: Any) -> Any:
    """What was remembered first."""
    global _remembered
    if _remembered is None:
        _remembered = value
    return _remembered


# ------------------------------------------------------------------ what cannot travel


def closed_connection() -> Any:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.close()  # it is part of a cycle, and the collector minds open ones
    return connection


def closed_socket() -> Any:
    import socket

    made = socket.socket()
    made.close()
    return made


def open_file(mode: str) -> Any:
    made = open(__file__, mode)
    made.close()
    return made


def traceback() -> Any:
    return caught().__traceback__


# ------------------------------------------------------------------ with other packages


def array_in_itself() -> Any:
    import numpy

    made = numpy.empty(1, dtype=object)
    made[0] = made
    return made


def numpy_subclass() -> Any:
    from native.samples_numpy import tagged

    return tagged([1, 2], "t")


def with_attrs(frame: Any) -> Any:
    frame.attrs["unit"] = "m"
    return frame


def attrs_sample(name: str) -> Any:
    from native import samples_attrs

    return getattr(samples_attrs, name)(1, [2])


def pydantic_sample(name: str) -> Any:
    from native import samples_pydantic

    return samples_pydantic.SAMPLES[name]()
