"""What xlang mode asks a DeserializationPolicy: whether an instance may be made, and nothing else."""

from __future__ import annotations

import dataclasses
import enum
import gc
import weakref
from typing import Any, List

import pytest

import pyfory
from support import BOTH_MODES, MODE_IDS


@dataclasses.dataclass
class Point:
    x: int = 0


@dataclasses.dataclass
class Line:
    start: Point
    points: List[Point]


class Plain:
    a: int

    def __init__(self) -> None:
        self.a = 1


class Shade(enum.Enum):
    DARK = 1


class Special:
    pass


class SpecialSerializer(pyfory.Serializer):
    def write(self, write_context, value):
        write_context.write_int8(1)

    def read(self, read_context):
        read_context.read_int8()
        return Special()


class Recorder(pyfory.DeserializationPolicy):
    def __init__(self) -> None:
        self.asked: List[Any] = []

    def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
        assert kwargs == {}
        self.asked.append(cls)

    def _never(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("not in xlang mode")

    validate_module = validate_class = validate_function = validate_method = _never
    intercept_reduce_call = inspect_reduced_object = intercept_setstate = _never


def make(policy: Any, **config: Any) -> pyfory.Fory:
    fory = pyfory.Fory(policy=policy, **config)
    for cls in (Point, Line, Plain, Shade):
        fory.register(cls, name="p." + cls.__name__)
    fory.register(Special, name="p.Special", serializer=SpecialSerializer)
    return fory


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_who_is_asked_about(compatible: bool, strict: bool) -> None:
    policy = Recorder()
    fory = make(policy, compatible=compatible, strict=strict)
    value = [Point(1), Line(Point(2), [Point(3)]), Plain(), Shade.DARK, Special(), {"k": Point(4)}]
    data = fory.serialize(value)
    assert policy.asked == []
    fory.deserialize(data)
    assert policy.asked == [Point, Line, Point, Point, Plain, Point] or sorted(
        c.__name__ for c in policy.asked) == ["Line", "Plain", "Point", "Point", "Point", "Point"]  # fmt: skip
    # structs that are not registered are no instances of anybody's class
    if compatible:
        policy.asked.clear()
        assert dict(pyfory.Fory(policy=policy).deserialize(make(None).serialize(Point(5)))) == {"x": 5}
        assert policy.asked == []


@pytest.mark.parametrize("compatible", BOTH_MODES, ids=MODE_IDS)
def test_refusal(compatible: bool) -> None:
    made: List[int] = []

    @dataclasses.dataclass
    class Watched:
        x: int = 0

        def __new__(cls, *args: Any) -> Any:
            made.append(1)
            return super().__new__(cls)

    class Deny(pyfory.DeserializationPolicy):
        def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
            if cls is Watched:
                raise PermissionError("no " + cls.__name__)

    fory = make(Deny(), compatible=compatible)
    fory.register(Watched, name="p.Watched")
    data = fory.serialize([Point(1), Watched(2)])
    made.clear()
    for _ in range(2):
        with pytest.raises(PermissionError, match="no Watched"):
            fory.deserialize(data)
    assert made == []
    assert fory.deserialize(fory.serialize(Point(3))) == Point(3)


def test_policies_without_opinion() -> None:
    for policy in (pyfory.DeserializationPolicy(), object(), 5):
        fory = make(policy)
        assert fory.policy is policy and fory.deserialize(fory.serialize(Point(1))) == Point(1)


def test_a_policy_that_holds_its_fory_is_collected() -> None:
    policy = Recorder()
    fory = make(policy)
    policy.fory = fory
    ref = weakref.ref(fory)
    del policy, fory
    gc.collect()
    assert ref() is None
