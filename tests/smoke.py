"""A quick check that an installed pyfory works on this interpreter.

Run it as ``python tests/smoke.py`` with any Python that has pyfory installed;
it needs neither pytest nor NumPy. It is what CI runs on the versions of Python
for which it does not run the whole suite.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

HERE = os.path.dirname(os.path.abspath(__file__))
# The source folder pyfory/ has no compiled module: only the installed one counts.
sys.path[:] = [p for p in sys.path if os.path.abspath(p or os.getcwd()) not in (HERE, os.path.dirname(HERE))]

import pyfory  # noqa: E402
from pyfory import _core  # noqa: E402
from pyfory.error import ForyError  # noqa: E402


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Item:
    name: str
    price: float
    count: pyfory.Int32 = 0
    tags: List[str] = field(default_factory=list)


@dataclass
class Order:
    id: int
    items: List[Item]
    colour: Colour = Colour.RED
    notes: Dict[str, Optional[int]] = field(default_factory=dict)
    taken: Optional[datetime.datetime] = None
    extra: Any = None


def check_values() -> None:
    fory = pyfory.Fory(xlang=True)
    values = [
        None, True, False, 0, -1, 2**62, -(2**63), 0.0, -1.5, 1e300,
        "", "ascii", "caf\u00e9", "\u4f60\u597d", "\U0001f600 mixed \u00e9", b"", b"\x00\xff" * 100,
        [], [1, 2, 3], list(range(-500, 500)), ["a", "b"], [1, "a", None, 2.5, [True]],
        {}, {"a": 1, "b": None}, {1: "x", "y": [2]}, {i: str(i) for i in range(600)},
        {1, 2, 3}, datetime.date(2024, 2, 29), datetime.timedelta(days=-3, microseconds=7),
        datetime.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=datetime.timezone.utc), decimal.Decimal("-12.3400"),
    ]  # fmt: skip
    for value in values + [values]:
        result = pyfory.Fory(xlang=True).deserialize(fory.serialize(value))
        assert result == value and type(result) is type(value), (value, result)


def check_dataclasses() -> None:
    order = Order(
        7,
        [Item("pen", 1.5, 3, ["blue"]), Item("\u00e9", -0.0)] * 20,
        Colour.BLUE,
        {"a": 1, "b": None},
        datetime.datetime(1999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc),
        ["any", {"thing": 1}],
    )
    for compatible in (True, False):
        def make() -> pyfory.Fory:
            fory = pyfory.Fory(xlang=True, compatible=compatible)
            for cls in (Colour, Item, Order):
                fory.register(cls, name="smoke." + cls.__name__)
            return fory

        data = make().serialize(order)
        assert make().deserialize(data) == order
        for end in range(0, len(data), 7):
            try:
                make().deserialize(data[:end])
            except ForyError:
                pass
            else:
                raise AssertionError("a message cut at {} was read".format(end))


def check_references() -> None:
    fory = pyfory.Fory(xlang=True, ref=True)
    shared: List[Any] = [1]
    ring: List[Any] = [shared, shared]
    ring.append(ring)
    result = fory.deserialize(fory.serialize(ring))
    assert result[0] is result[1] and result[2] is result


def check_tiers() -> None:
    active = _core.simd_tier()
    assert active in _core.simd_tiers() and "scalar" in _core.simd_tiers()
    value = [list(range(-3000, 3000)), ["text"] * 100, "\u00e9\u4f60" * 100]
    expected = pyfory.Fory(xlang=True).serialize(value)
    try:
        for tier in _core.simd_tiers():
            _core.set_simd_tier(tier)
            fory = pyfory.Fory(xlang=True)
            assert fory.serialize(value) == expected and fory.deserialize(expected) == value, tier
    finally:
        _core.set_simd_tier(active)


def check_import() -> None:
    code = (
        "import sys, pyfory; pyfory.Fory().deserialize(pyfory.Fory().serialize([1, 'a']));"
        "bad = [m for m in ('numpy', 'pandas', 'pyarrow', 'scikit_build_core') if m in sys.modules]; assert not bad, bad"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=os.path.expanduser("~"))


def main() -> None:
    assert "numpy" not in sys.modules, "importing pyfory imported numpy"
    checks = (check_values, check_dataclasses, check_references, check_tiers, check_import)
    for check in checks:
        check()
    print(
        "smoke: pyfory {} on Python {}, kernels {}: {} passed, 0 failed".format(
            pyfory.__version__, sys.version.split()[0], _core.simd_tier(), len(checks)
        )
    )


if __name__ == "__main__":
    main()
