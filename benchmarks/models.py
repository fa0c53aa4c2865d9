"""The classes that are measured.

The shapes of NumericStruct, Sample and MediaContent follow the benchmark that upstream publishes (twelve int32; fourteen scalars
and seven numeric arrays; nested media, images and enums), so that its figures can be compared with these.
"""

import datetime
import enum
from dataclasses import dataclass
from typing import Dict, List, Optional

from .markers import Float32, Float64, Int32, Int64, number_array, tagged


@dataclass
class NumericStruct:
    f1: Int32 = tagged(1, default=0)
    f2: Int32 = tagged(2, default=0)
    f3: Int32 = tagged(3, default=0)
    f4: Int32 = tagged(4, default=0)
    f5: Int32 = tagged(5, default=0)
    f6: Int32 = tagged(6, default=0)
    f7: Int32 = tagged(7, default=0)
    f8: Int32 = tagged(8, default=0)
    f9: Int32 = tagged(9, default=0)
    f10: Int32 = tagged(10, default=0)
    f11: Int32 = tagged(11, default=0)
    f12: Int32 = tagged(12, default=0)


@dataclass(slots=True)
class SlottedStruct:
    f1: Int32
    f2: Int32
    f3: Int32
    f4: Int32
    f5: Int32
    f6: Int32
    f7: Int32
    f8: Int32
    f9: Int32
    f10: Int32
    f11: Int32
    f12: Int32


@dataclass
class NumericStructList:
    items: List[NumericStruct]


@dataclass
class Person:
    name: str
    age: Int32
    email: str


@dataclass
class Mixed:
    """Twelve fields of the kinds a record of a business application has."""

    ident: Int64
    name: str
    active: bool
    score: float
    level: Int32
    created: datetime.datetime
    birthday: datetime.date
    tags: List[str]
    counts: Dict[str, int]
    payload: bytes
    nickname: Optional[str]
    parent: Optional[Person]


class Player(enum.IntEnum):
    FIRST = 0
    SECOND = 1


class Size(enum.IntEnum):
    SMALL = 0
    LARGE = 1


@dataclass
class Sample:
    int_value: Int32 = tagged(1)
    long_value: Int64 = tagged(2)
    float_value: Float32 = tagged(3)
    double_value: Float64 = tagged(4)
    short_value: Int32 = tagged(5)
    char_value: Int32 = tagged(6)
    boolean_value: bool = tagged(7)
    int_value_boxed: Int32 = tagged(8)
    long_value_boxed: Int64 = tagged(9)
    float_value_boxed: Float32 = tagged(10)
    double_value_boxed: Float64 = tagged(11)
    short_value_boxed: Int32 = tagged(12)
    char_value_boxed: Int32 = tagged(13)
    boolean_value_boxed: bool = tagged(14)
    int_array: number_array("i4") = tagged(15)
    long_array: number_array("i8") = tagged(16)
    float_array: number_array("f4") = tagged(17)
    double_array: number_array("f8") = tagged(18)
    short_array: number_array("i4") = tagged(19)
    char_array: number_array("i4") = tagged(20)
    boolean_array: number_array("bool") = tagged(21)
    string: str = tagged(22)


@dataclass
class SampleList:
    items: List[Sample]


@dataclass
class Media:
    uri: str = tagged(1)
    title: str = tagged(2)
    width: Int32 = tagged(3)
    height: Int32 = tagged(4)
    format: str = tagged(5)
    duration: Int64 = tagged(6)
    size: Int64 = tagged(7)
    bitrate: Int32 = tagged(8)
    has_bitrate: bool = tagged(9)
    persons: List[str] = tagged(10)
    player: Player = tagged(11)
    copyright: str = tagged(12)


@dataclass
class Image:
    uri: str = tagged(1)
    title: Optional[str] = tagged(2, nullable=True)
    width: Int32 = tagged(3)
    height: Int32 = tagged(4)
    size: Size = tagged(5)


@dataclass
class MediaContent:
    media: Media = tagged(1)
    images: List[Image] = tagged(2)


@dataclass
class MediaContentList:
    items: List[MediaContent]


class OrderState(enum.Enum):
    OPEN = 0
    PAID = 1
    SENT = 2


@dataclass
class Customer:
    ident: Int64
    name: str
    city: str
    vip: bool


@dataclass
class OrderLine:
    sku: str
    quantity: Int32
    price: float


@dataclass
class Order:
    ident: Int64
    customer: Customer
    lines: List[OrderLine]
    state: OrderState
    note: Optional[str]


@dataclass
class TreeNode:
    value: Int32
    left: Optional["TreeNode"]
    right: Optional["TreeNode"]


@dataclass
class Event:
    """An element that many lists share (reference tracking)."""

    ident: Int64
    title: str


# --- classes that only native mode and pickle know.  CANON names what makes two instances equal (see canon).

class PlainObject:
    """No annotations, no dataclass, attributes set in __init__."""

    CANON = ("ident", "name", "score", "active")

    def __init__(self, ident, name, score, active):
        self.ident = ident
        self.name = name
        self.score = score
        self.active = active


class SlottedObject:
    CANON = __slots__ = ("ident", "name", "score", "active")

    def __init__(self, ident, name, score, active):
        self.ident = ident
        self.name = name
        self.score = score
        self.active = active


class StateObject(PlainObject):
    """Says itself what its state is."""

    def __getstate__(self):
        return (self.ident, self.name, self.score, self.active)

    def __setstate__(self, state):
        self.ident, self.name, self.score, self.active = state


class ReduceObject(PlainObject):
    """Says itself how it is built again."""

    def __reduce__(self):
        return ReduceObject, (self.ident, self.name, self.score, self.active)
