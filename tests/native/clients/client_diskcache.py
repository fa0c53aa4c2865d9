"""diskcache with its pickle replaced. It also runs pickletools over pickled keys,
which has no meaning for other formats."""

from __future__ import annotations

import sys
import tempfile
from types import SimpleNamespace

import diskcache
import diskcache.core

from native.clients.common import Order, check, done, pickle, values

diskcache.core.pickle = pickle
diskcache.core.pickletools = SimpleNamespace(optimize=lambda data: data)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        with diskcache.Cache(folder) as cache:
            cache["values"] = values()
            cache["large"] = [b"x" * 10**6, Order(1)]  # goes to a file of its own
            cache[("tuple", 1)] = Order(2)
            cache[frozenset()] = "set"
            check(cache["values"])
            assert ("tuple", 1) in cache
        with diskcache.Cache(folder) as cache:
            check(cache["values"])
            assert cache["large"] == [b"x" * 10**6, Order(1)]
            assert cache[("tuple", 1)] == Order(2)
            assert set(cache) == {"values", "large", ("tuple", 1), frozenset()}
            cache.set("brief", Order(3), expire=1000, tag="t")
            assert cache.get("brief", tag=True) == (Order(3), "t")
            assert cache.pop("brief") == Order(3)

            @cache.memoize()
            def squared(order: Order, exponent: int = 2) -> Order:
                calls.append(order.number)
                return Order(order.number**exponent)

            calls: list = []
            assert [squared(5 and Order(4)).number for _ in range(2)] == [16, 16]
            assert len(calls) == 1
            queue = diskcache.Deque([Order(1), "a"], directory=folder + "/deque")
            queue.append({"k": Order(2)})
            assert list(queue) == [Order(1), "a", {"k": Order(2)}]
            index = diskcache.Index(folder + "/index", {"a": Order(1)})
            assert dict(index) == {"a": Order(1)}
            queue.cache.close()
            index.cache.close()
    done()
    sys.exit()
