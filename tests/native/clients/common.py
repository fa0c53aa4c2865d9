"""What the client programs share: the module that takes pickle's place, and values.

PYFORY_CLIENTS_MODULE=cloudpickle runs the programs with cloudpickle instead, for
work on the programs themselves.
"""

from __future__ import annotations

import datetime
import decimal
import os
import sys
from types import SimpleNamespace
from typing import Any

if os.environ.get("PYFORY_CLIENTS_MODULE", "pyfory.pickle") == "pyfory.pickle":
    from pyfory import pickle
else:
    import pickle as std

    import cloudpickle

    class _Pickler(cloudpickle.Pickler):
        def __setattr__(self, name: str, value: Any) -> None:
            # its class attribute would win over that of an instance
            if name == "dispatch_table":
                std.Pickler.dispatch_table.__set__(self, value)  # type: ignore
            else:
                super().__setattr__(name, value)

    pickle: Any = SimpleNamespace(  # type: ignore
        Pickler=_Pickler, Unpickler=std.Unpickler, dump=cloudpickle.dump, dumps=cloudpickle.dumps,
        load=std.load, loads=std.loads, HIGHEST_PROTOCOL=5,
    )  # fmt: skip


class Order:
    def __init__(self, number: int, **more: Any) -> None:
        self.number = number
        self.__dict__.update(more)

    def __eq__(self, other: Any) -> bool:
        return type(other) is Order and vars(self) == vars(other)

    def total(self, factor: int) -> int:
        return self.number * factor


def values() -> Any:
    shared = ["shared"]
    return {
        "text": "caf\xe9 \U0001f600",
        "numbers": [1, -(2**70), 1.5, 1j, decimal.Decimal("1.10")],
        "when": datetime.datetime(2024, 2, 29, 12, 30, fold=1),
        "orders": [Order(1, lines=[(1, "a"), (2, "b")]), Order(2, shared=shared)],
        "shared": [shared, shared],
        (1, "tuple key"): frozenset([1, 2]),
    }


def check(back: Any) -> None:
    assert back == values()
    assert back["shared"][0] is back["shared"][1] is back["orders"][1].shared


def done() -> None:
    """Ends the program as the test expects it."""
    print("passed")
    sys.stdout.flush()
