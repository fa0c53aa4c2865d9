"""Dataclasses in every combination of the options that shape them, with every
kind of annotation: generated classes, written by one instance, read by another."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import sys
import types
from typing import Any, Dict, List, Optional, Tuple

import pytest

import pyfory
from pyfory.error import ForyInvalidDataError, ForyTypeError
from support import assert_same, make_module

HAS_UNION_OPERATOR = sys.version_info >= (3, 10)
HAS_KW_ONLY = sys.version_info >= (3, 10)

#: name, annotation, source of a value, default ("" for none)
FIELDS: List[Tuple[str, str, str, str]] = [
    ("plain_int", "int", "5", ""),
    ("plain_str", "str", "'text'", ""),
    ("marked", "pyfory.Int8", "-7", ""),
    ("by_hand", "Annotated[int, pyfory.TypeId.UINT16]", "65535", ""),
    ("literal", "Literal['a', 'b', 3]", "'b'", ""),
    ("literal_int", "Literal[1, 2]", "2", ""),
    ("optional", "Optional[int]", "None", "None"),
    ("optional_set", "Optional[str]", "'set'", "None"),
    ("union", "Union[int, str]", "'u'", "0"),
    ("anything", "Any", "[1, 'a', None]", "None"),
    ("items", "List[int]", "[1, 2, 3]", "list"),
    ("nested_items", "List[List[Optional[str]]]", "[['a', None], []]", "list"),
    ("table", "Dict[str, List[float]]", "{'k': [1.5]}", "dict"),
    ("names", "Set[str]", "{'x', 'y'}", "set"),
    ("frozen_names", "FrozenSet[int]", "frozenset((1, 2))", "frozenset"),
    ("pair", "Tuple[int, int]", "(1, 2)", "(0, 0)"),
    ("many", "Tuple[str, ...]", "('a', 'b')", "()"),
    ("instant", "datetime.datetime", "datetime.datetime(2024, 5, 6, 7, 8, 9, 10, datetime.timezone.utc)", "None"),
    ("day", "datetime.date", "datetime.date(2024, 2, 29)", "None"),
    ("span", "datetime.timedelta", "datetime.timedelta(-1, 5, 7)", "None"),
    ("amount", "decimal.Decimal", "decimal.Decimal('-1.20')", "None"),
    ("shade", "Shade", "Shade.DARK", "Shade.LIGHT"),
    ("level", "Level", "Level.HIGH", "Level.LOW"),
    ("other", "Other", "Other(1, 'o')", "None"),
    ("others", "List[Other]", "[Other(2, 'p'), Other(3, 'q')]", "list"),
    ("forward", "'Optional[Main]'", "None", "None"),
    ("generic", "Box[int]", "Box(4)", "None"),
    ("array", "pyfory.Array[pyfory.Int32]", "pyfory.Int32Array([1, -1])", "None"),
    ("referenced", "List[pyfory.Ref[Other]]", "[Other(5, 'r')] * 2", "list"),
    ("raw", "bytes", "b'raw'", "b''"),
    ("flag", "bool", "True", "False"),
    ("half", "pyfory.Float16", "0.5", "0.0"),
]
if HAS_UNION_OPERATOR:
    FIELDS += [
        ("new_optional", "int | None", "None", "None"),
        ("new_optional_set", "None | str", "'n'", "None"),
        ("new_union", "int | str", "7", "0"),
        ("new_list", "list[dict[str, int]]", "[{'a': 1}]", "list"),
        ("new_nested", "list[int | None]", "[1, None]", "list"),
    ]

HEAD = """
%s
import dataclasses, datetime, decimal, enum
from typing import *
import pyfory
from pyfory.error import ForyInvalidDataError, ForyTypeError
%s

T = TypeVar("T")

class Shade(enum.Enum):
    LIGHT = "l"
    DARK = "d"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 300

@dataclasses.dataclass
class Other:
    a: int = 0
    b: str = ""

@dataclasses.dataclass
class Box(Generic[T]):
    content: T = None
"""


def source_of(future: bool, slots: bool, frozen: bool, kw_only: bool, evolving: bool, inherit: str, defaults: bool) -> str:
    options = ["evolving=%r" % evolving]
    if slots:
        options.append("slots=True")
    if frozen:
        options.append("frozen=True")
    if kw_only:
        options.append("kw_only=True")
    decorator = "@pyfory.dataclass(%s)" % ", ".join(options)
    annotated = "" if sys.version_info >= (3, 9) else "from typing_extensions import Annotated"
    text = [HEAD % ("from __future__ import annotations" if future else "", annotated)]

    def body(fields: List[Tuple[str, str, str, str]], with_default: bool) -> List[str]:
        lines = ["    counter: ClassVar[int] = 0", "    registry: ClassVar[Dict[str, int]] = {}"]
        # InitVar and fields without defaults come first, as dataclasses want them
        ordered = sorted(fields, key=lambda f: f[3] != "") if not with_default else fields
        lines += ["    scratch: dataclasses.InitVar[int]"] if not with_default else ["    scratch: dataclasses.InitVar[int] = 0"]
        for name, hint, value, default in ordered:
            line = "    %s: %s" % (name, hint)
            if default in ("list", "dict", "set", "frozenset"):
                line += " = dataclasses.field(default_factory=%s)" % default
            elif default:
                line += " = %s" % default
            elif with_default:
                line += " = %s" % value
            lines.append(line)
        lines += ["    def __post_init__(self, scratch):", "        type(self).counter = type(self).counter"]
        return lines

    if inherit == "none":
        text += [decorator, "class Main:"] + body(FIELDS, defaults)
    else:
        half = len(FIELDS) // 2
        text += [decorator, "class Base:"] + body(FIELDS[:half], True)
        if inherit == "mixin":
            text += ["class Mixin:", "    __slots__ = ()", "    def hello(self): return 'hello'"]
        bases = "Base, Mixin" if inherit == "mixin" else "Base"
        text += [decorator, "class Main(%s):" % bases] + body(FIELDS[half:] + [FIELDS[0]], True)
    return "\n".join(text)


COMBINATIONS = [
    combination
    for combination in itertools.product(
        (False, True), (False, True), (False, True), (False, True) if HAS_KW_ONLY else (False,), (False, True),
        ("none", "base", "mixin"), (False, True),
    )
    if not (combination[5] != "none" and not combination[6])  # bases have defaults in any case
]
NAMES = ("future", "slots", "frozen", "kw_only", "evolving", "inherit", "defaults")
_modules: Dict[tuple, types.ModuleType] = {}


def identity(combination: tuple) -> str:
    return "-".join(name if value is True else "no" if value is False else str(value) for name, value in zip(NAMES, combination) if value) or "none"


def module_of(combination: tuple) -> types.ModuleType:
    if combination not in _modules:
        _modules[combination] = make_module("shapes_%d" % len(_modules), source_of(*combination))
    return _modules[combination]


def value_of(module: types.ModuleType, forward: Any = None) -> Any:
    values = {name: eval(value, module.__dict__) for name, hint, value, default in FIELDS}
    values["forward"] = forward
    return module.Main(scratch=1, **values)


def make(module: types.ModuleType, how: str, **config: Any) -> pyfory.Fory:
    fory = pyfory.Fory(**config)
    for i, name in enumerate(("Other", "Box", "Shade", "Level", "Main")):
        fory.register(getattr(module, name), **({"type_id": 100 + i} if how == "id" else {"name": "s." + name}))
    return fory


def test_the_sources_say_what_they_should() -> None:
    assert len(COMBINATIONS) == len(set(COMBINATIONS)) >= 64
    module = module_of(COMBINATIONS[-1])
    names = [f.name for f in dataclasses.fields(module.Main)]
    assert sorted(names) == sorted(f[0] for f in FIELDS)
    assert "counter" not in names and "scratch" not in names


@pytest.mark.parametrize("combination", COMBINATIONS, ids=identity)
def test_round_trip(combination: tuple) -> None:
    module = module_of(combination)
    inner = value_of(module)
    value = value_of(module, forward=inner)
    for how, compatible, ref in itertools.product(("name", "id"), (True, False), (False, True)):
        data = make(module, how, compatible=compatible, ref=ref).serialize([value, inner])
        result = make(module, how, compatible=compatible, ref=ref).deserialize(data)
        assert_same([value, inner], result)
        assert (result[0].referenced[0] is result[0].referenced[1]) is ref
        if combination[NAMES.index("slots")] and combination[NAMES.index("inherit")] == "none":
            assert not hasattr(result[0], "__dict__")
        if combination[NAMES.index("frozen")]:
            with pytest.raises(dataclasses.FrozenInstanceError):
                result[0].plain_int = 1


@pytest.mark.parametrize("combination", [c for c in COMBINATIONS if c[0]][::3], ids=identity)
def test_shapes_interchange(combination: tuple) -> None:
    """How a class stores its fields is its own affair: the bytes are those of the plain shape."""
    evolving = combination[NAMES.index("evolving")]
    plain = module_of((True, False, False, False, evolving, "none", True))
    module = module_of(combination)
    for compatible in (True, False):
        data = make(module, "name", compatible=compatible).serialize(value_of(module))
        assert data == make(plain, "name", compatible=compatible).serialize(value_of(plain))
        result = make(plain, "name", compatible=compatible).deserialize(data)
        assert result.plain_int == 5 and type(result) is plain.Main


@pytest.mark.parametrize("combination", [c for c in COMBINATIONS if c[4]][::5], ids=identity)
def test_missing_fields_take_their_defaults(combination: tuple) -> None:
    module = module_of(combination)
    small = dataclasses.make_dataclass("Main", [("plain_int", int), ("unknown_field", List[str])])
    writer = pyfory.Fory()
    writer.register(small, name="s.Main")
    result = make(module, "name").deserialize(writer.serialize(small(9, ["z"])))
    assert type(result) is module.Main and result.plain_int == 9
    has_default = {f.name: f for f in dataclasses.fields(module.Main)}
    for name, hint, value, default in FIELDS:
        if name == "plain_int":
            continue
        found = getattr(result, name)
        field = has_default[name]
        if field.default is not dataclasses.MISSING and field.default is not None:
            assert found == field.default, name
        elif field.default_factory is not dataclasses.MISSING:
            assert found == field.default_factory(), name
    assert result.plain_str == ("text" if has_default["plain_str"].default is not dataclasses.MISSING else "")


@pytest.mark.parametrize("evolving", [True, False])
def test_evolving(evolving: bool) -> None:
    """evolving=False: a fixed schema, without a TypeDef, also in compatible mode."""
    module = module_of((True, False, False, False, evolving, "none", True))
    fory = make(module, "id")
    kind = 28 if evolving else 27
    assert fory.type_resolver.get_type_info(module.Main).type_id == kind
    assert fory.serialize(value_of(module))[2] == kind
    assert make(module, "name").type_resolver.get_type_info(module.Main).type_id == (30 if evolving else 29)


def test_generic_parameters_are_dynamic() -> None:
    module = module_of(COMBINATIONS[0])
    fory = make(module, "name")
    for content in (5, "x", [1], None, module.Other(1, "c"), module.Box(module.Box("deep"))):
        box = module.Box(content)
        assert_same(box, make(module, "name").deserialize(fory.serialize(box)))


class Abstract(abc.ABC):
    a: int = 0

    @abc.abstractmethod
    def method(self) -> None: ...


class NoSlotForB:
    __slots__ = ("a",)
    a: int
    b: int


class ReadOnlyA:
    b: int

    @property
    def a(self) -> int:
        return 5


ReadOnlyA.__annotations__ = {"a": int, "b": int}


@dataclasses.dataclass
class Pair:
    a: int = 1
    b: int = 2


class Untouchable:
    a: int
    b: int = 0

    @property  # type: ignore[no-redef]
    def a(self) -> int:
        return 1

    @a.setter
    def a(self, value: int) -> None:
        raise AttributeError("the user's own")


@pytest.mark.parametrize(
    "cls, error, text, path",
    [
        (Abstract, ForyInvalidDataError, "Abstract is abstract, it has no instances", "$"),
        (NoSlotForB, ForyTypeError, "NoSlotForB has no place for field 'b'", "$.b"),
        (ReadOnlyA, ForyTypeError, "ReadOnlyA has no place for field 'a'", "$.a"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_classes_that_cannot_be_filled(cls: type, error: type, text: str, path: str) -> None:
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(Pair, name="s.P")
    reader.register(cls, name="s.P")
    with pytest.raises(error, match=text) as info:
        reader.loads(writer.dumps(Pair()))
    assert info.value.path == path  # type: ignore[attr-defined]


def test_a_setter_of_the_user_may_refuse() -> None:
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(Pair, name="s.P")
    reader.register(Untouchable, name="s.P")
    with pytest.raises(AttributeError, match="the user's own") as info:
        reader.loads(writer.dumps(Pair()))
    assert type(info.value) is AttributeError


def test_evolving_and_fixed_peers_are_told_apart() -> None:
    evolving, fixed = pyfory.Fory(), pyfory.Fory(compatible=False)
    for fory in (evolving, fixed):
        fory.register(Pair, type_id=5)
    with pytest.raises(ForyInvalidDataError, match="without schema evolution: use Fory.compatible=False."):
        evolving.loads(fixed.dumps(Pair()))
    with pytest.raises(ForyInvalidDataError, match="with schema evolution: use Fory.compatible=True."):
        fixed.loads(evolving.dumps(Pair()))
