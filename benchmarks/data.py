"""Builders of the measured values.  Everything is derived from fixed seeds, so each process builds the same value."""

import datetime
import decimal
import random
import uuid
from array import array
from typing import Any, Callable, Dict, List

from . import models as m

_WORDS = (
    "amber basin cedar delta ember fjord grove haven inlet jetty knoll lagoon meadow north orchard prairie quarry ridge "
    "summit terrace upland valley willow yonder zephyr"
).split()
_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_UTC = datetime.timezone.utc


def _random(name: str) -> random.Random:
    return random.Random("pyfory-benchmark:" + name)


def _text(rng: random.Random, low: int, high: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz0123456789") -> str:
    return "".join(rng.choices(alphabet, k=rng.randint(low, high)))


def _int32(rng: random.Random) -> int:
    # Field values of records are small more often than large.
    return rng.randint(-(1 << rng.randint(3, 31)), (1 << rng.randint(3, 31)) - 1)


# --- dataclasses ---------------------------------------------------------------------------------------------------------

def numeric_struct(seed: int = 0, cls: Any = m.NumericStruct) -> Any:
    rng = _random(f"numeric{seed}")
    return cls(*[_int32(rng) for _ in range(12)])


def numeric_structs(count: int, cls: Any = m.NumericStruct) -> List[Any]:
    return [numeric_struct(i, cls) for i in range(count)]


def person(seed: int = 0) -> m.Person:
    rng = _random(f"person{seed}")
    name = rng.choice(_WORDS).title() + " " + rng.choice(_WORDS).title()
    return m.Person(name, rng.randint(18, 90), name.replace(" ", ".").lower() + "@example.org")


def mixed(seed: int = 0) -> m.Mixed:
    rng = _random(f"mixed{seed}")
    return m.Mixed(
        ident=rng.getrandbits(40),
        name=" ".join(rng.sample(_WORDS, 3)),
        active=True,
        score=rng.random() * 100,
        level=rng.randint(0, 99),
        created=datetime.datetime(2024, 5, 17, 8, 30, 12, 250000, tzinfo=_UTC),
        birthday=datetime.date(1987, 11, 3),
        tags=rng.sample(_WORDS, 4),
        counts={word: rng.randint(0, 5000) for word in rng.sample(_WORDS, 5)},
        payload=rng.randbytes(48),
        nickname=None,
        parent=person(seed + 1000),
    )


def sample(seed: int = 0) -> m.Sample:
    import numpy as np

    rng = _random(f"sample{seed}")

    def ints(count: int, bits: int, dtype: Any) -> Any:
        return np.array([rng.randint(-(1 << bits), 1 << bits) for _ in range(count)], dtype=dtype)

    def floats(count: int, dtype: Any) -> Any:
        return np.array([rng.randint(-8000, 8000) / 64 for _ in range(count)], dtype=dtype)

    # The float32 scalars are multiples of 1/64, exact in both widths.
    return m.Sample(
        214, 2140000, 98.765625, 3.141592653, 21012, 35, True, 412, 4120000, 45.671875, 2.718281828, 30120, 38, False,
        ints(9, 11, np.int32), ints(9, 17, np.int64), floats(9, np.float32), floats(9, np.float64),
        ints(9, 11, np.int32), np.array([ord(c) for c in "qwerQWER"], dtype=np.int32),
        np.array([True, False, True, True]), "The quick brown fox jumps, 0123456789",
    )  # fmt: skip


def media_content(seed: int = 0) -> m.MediaContent:
    media = m.Media(
        uri="http://media.example.org/talks/opening.webm", title="", width=640, height=480, format="video/\u1234theora",
        duration=18_000_000 + seed, size=58_982_400, bitrate=0, has_bitrate=False, persons=["Ada Lovelace", "Grace Hopper"],
        player=m.Player.SECOND, copyright="(c) 2009 the example company",
    )  # fmt: skip
    images = [
        m.Image("http://media.example.org/talks/huge.jpg", "Opening talk \u1234", 32000, 24000, m.Size.LARGE),
        m.Image("http://media.example.org/talks/large.jpg", None, 1024, 768, m.Size.LARGE),
        m.Image("http://media.example.org/talks/small.jpg", None, 320, 240, m.Size.SMALL),
    ]
    return m.MediaContent(media, images)


def orders(count: int) -> List[m.Order]:
    rng = _random("orders")
    states = list(m.OrderState)
    result = []
    for i in range(count):
        customer = m.Customer(rng.getrandbits(34), _text(rng, 6, 18), rng.choice(_WORDS).title(), rng.random() < 0.2)
        lines = [m.OrderLine("SKU-" + _text(rng, 8, 8), rng.randint(1, 40), rng.randint(100, 99999) / 100) for _ in range(2)]
        result.append(m.Order(i, customer, lines, rng.choice(states), _text(rng, 5, 30) if rng.random() < 0.3 else None))
    return result


def tree(depth: int) -> m.TreeNode:
    rng = _random("tree")

    def grow(level: int) -> Any:
        return m.TreeNode(rng.randint(0, 1 << 20), grow(level - 1), grow(level - 1)) if level else None

    return grow(depth)


def shared_events(count: int, distinct: int) -> List[m.Event]:
    rng = _random("events")
    pool = [m.Event(rng.getrandbits(30), " ".join(rng.sample(_WORDS, 3))) for _ in range(distinct)]
    return [rng.choice(pool) for _ in range(count)]


def shared_lists(count: int, distinct: int) -> List[List[int]]:
    rng = _random("sharedlists")
    pool = [[rng.randint(0, 1000) for _ in range(4)] for _ in range(distinct)]
    return [rng.choice(pool) for _ in range(count)]


# --- plain data ----------------------------------------------------------------------------------------------------------

def json_document() -> Dict[str, Any]:
    """A document of 59 values and 45 keys, the size of a typical answer of a web service."""
    return {
        "id": "5f2b9c1e-40aa", "version": 3, "ok": True,
        "user": {
            "id": 88231, "login": "m.orchard", "name": "Mira Orchard", "verified": True,
            "roles": ["editor", "reviewer", "author"],
            "address": {"street": "12 Harbour Lane", "city": "Newport", "zip": "40213", "geo": [51.5842, -2.9977]},
        },
        "settings": {"theme": "dark", "locale": "en_GB", "page": 50, "limits": {"daily": 5000, "burst": 120}},
        "items": [
            {"sku": "A-1007", "title": "Walnut desk", "price": 349.0, "qty": 1, "tags": ["wood", "office", "oak", "new"], "stock": 14},
            {"sku": "B-2210", "title": "Reading lamp", "price": 59.95, "qty": 2, "tags": ["light", "warm", "led"], "stock": 230},
            {"sku": "C-0031", "title": "Cable tray", "price": 18.5, "qty": 4, "tags": ["metal", "black"], "stock": 0},
        ],
        "totals": {"net": 541.9, "tax": 102.96},
        "history": [1700000000 + 86400 * day for day in range(12)],
        "next": None,
    }  # fmt: skip


def ints(count: int, kind: str) -> List[int]:
    rng = _random("ints" + kind)
    if kind == "small":
        return [rng.randint(0, 63) for _ in range(count)]
    if kind == "17bit":
        return [rng.getrandbits(17) for _ in range(count)]
    return [rng.getrandbits(rng.randint(1, 62)) * rng.choice((1, -1)) for _ in range(count)]


def floats(count: int) -> List[float]:
    rng = _random("floats")
    return [rng.random() * 1e6 for _ in range(count)]


def bools(count: int) -> List[bool]:
    rng = _random("bools")
    return [rng.random() < 0.5 for _ in range(count)]


def strings(count: int, script: str) -> List[str]:
    # Pieces of one long text: made in a third of the time that single strings take.
    rng = _random("strings" + script)
    shortest, longest = (3, 12) if script == "cjk" else (6, 18)
    alphabet: Any = {"cyrillic": _CYRILLIC, "cjk": [chr(c) for c in range(0x4E00, 0x9FA5)]}.get(script, "abcdefghijklmnopqrstuvwxyz0123456789")
    text = "".join(rng.choices(alphabet, k=count * 4))
    lengths = rng.choices(range(shortest, longest + 1), k=count)
    return [text[4 * i : 4 * i + length] for i, length in enumerate(lengths[:-4])] + [text[:length] for length in lengths[-4:]]


def long_string(size: int, script: str) -> str:
    rng = _random("long" + script)
    if script == "cjk":
        return "".join(map(chr, rng.choices(range(0x4E00, 0x9FA5), k=size)))
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz      ", k=size))


def mixed_list(count: int) -> List[Any]:
    rng = _random("mixedlist")
    makers: List[Callable[[], Any]] = [
        lambda: rng.getrandbits(20), lambda: rng.random(), lambda: _text(rng, 4, 12), lambda: rng.random() < 0.5, lambda: None,
    ]  # fmt: skip
    return [rng.choice(makers)() for _ in range(count)]


def str_dict(count: int) -> Dict[str, str]:
    rng = _random("strdict")
    return {f"key_{i:06d}": _text(rng, 6, 18) for i in range(count)}


def int_dict(count: int) -> Dict[int, float]:
    rng = _random("intdict")
    return {i * 7: rng.random() for i in range(count)}


def int_set(count: int) -> Any:
    rng = _random("intset")
    return {rng.getrandbits(30) for _ in range(count)}


def str_set(count: int) -> Any:
    rng = _random("strset")
    return {_text(rng, 8, 14) for _ in range(count)}


def datetimes(count: int) -> List[datetime.datetime]:
    rng = _random("datetimes")
    start = datetime.datetime(2001, 1, 1, tzinfo=_UTC)
    # Multiples of 1/64 s: upstream goes through float timestamps and returns other microseconds for most other instants.
    return [start + datetime.timedelta(seconds=rng.randint(0, 10**9), microseconds=rng.randint(0, 63) * 15625) for _ in range(count)]


def decimals(count: int) -> List[decimal.Decimal]:
    rng = _random("decimals")
    return [decimal.Decimal(rng.randint(-(10**9), 10**9)).scaleb(-2) for _ in range(count)]


def random_bytes(size: int) -> bytes:
    block = _random("bytes").randbytes(min(size, 1 << 20))
    return (block * (size // len(block) + 1))[:size]


def int32_values(count: int) -> "array[int]":
    return array("i", _random("int32array").randbytes(4 * count))


# --- what only native mode and pickle carry ----------------------------------------------------------------------------------

def plain_objects(count: int, cls: Any) -> List[Any]:
    rng = _random("plainobjects")
    return [cls(rng.getrandbits(30), _text(rng, 6, 18), rng.random(), rng.random() < 0.5) for _ in range(count)]


def tuples(count: int) -> List[Any]:
    rng = _random("tuples")
    return [(rng.getrandbits(30), _text(rng, 6, 18), rng.random()) for _ in range(count)]


def uuids(count: int) -> List[uuid.UUID]:
    rng = _random("uuids")
    return [uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(count)]


def lambdas(count: int) -> List[Any]:
    def make(number: int) -> Any:
        return lambda x: x * 31 + number

    return [make(number) for number in range(count)]


def local_objects(count: int) -> List[Any]:
    class Local:
        CANON = ("left", "right")

        def __init__(self, left: int, right: str) -> None:
            self.left = left
            self.right = right

        def total(self) -> int:
            return self.left + len(self.right)

    rng = _random("local")
    return [Local(rng.getrandbits(20), _text(rng, 6, 18)) for _ in range(count)]


def text_lines(size: int) -> List[str]:
    """Lines of at most 100 characters, ``size`` characters in all."""
    rng = _random("lines")
    pool = [_text(rng, 100, 100) for _ in range(min(1000, size // 100))]
    lines = [pool[i % len(pool)][:92] + f"{i:08d}" for i in range(size // 100)]
    if size % 100:
        lines.append(_text(rng, size % 100, size % 100))
    return lines


def frame(rows: int, text: bool) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(20)
    columns: Dict[str, Any] = {}
    for number in range(4):
        columns[f"price_{number}"] = rng.random(rows)
        columns[f"count_{number}"] = rng.integers(0, 1 << 40, rows)
    if text:
        columns["city"] = [_WORDS[i % len(_WORDS)] for i in range(rows)]
        columns["day"] = pd.date_range("2020-01-01", periods=rows, freq="min")
    return pd.DataFrame(columns)
