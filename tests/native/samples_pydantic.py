"""Classes for kinds.py that need pydantic 2."""

from __future__ import annotations

from typing import Any, Callable, Dict, Generic, List, TypeVar

import pydantic
import pydantic.dataclasses

T = TypeVar("T")


class Model(pydantic.BaseModel):
    a: int
    b: List[str] = ["x"]


class Nested(pydantic.BaseModel):
    inner: Model
    _secret: str = pydantic.PrivateAttr("")


class Holder(pydantic.BaseModel, Generic[T]):
    value: T


IntHolder = Holder[int]  # made here so that it can be found by name


@pydantic.dataclasses.dataclass
class Data:
    a: int
    b: str


def nested() -> Nested:
    made = Nested(inner=Model(a=2))
    made._secret = "s"
    return made


SAMPLES: Dict[str, Callable[[], Any]] = {
    "model": lambda: Model(a=1),
    "nested": nested,
    "generic": lambda: IntHolder(value=5),
    "dataclass": lambda: Data(1, "b"),
}
