"""multiprocessing with ForkingPickler replaced: pipes, queues, pools, managers,
shared memory, under two start methods."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.pool
import sys
from typing import Any

from native.clients import forking
from native.clients.common import Order, check, done, values

forking.install()  # at import: spawned processes import this file too


def echo(connection: Any) -> None:
    while True:
        value = connection.recv()
        if value is None:
            return
        connection.send(value)


def double(order: Order) -> Order:
    return Order(2 * order.number)


def fail(number: int) -> None:
    raise ValueError("failed on %d" % number)


def through_queue(source: Any, target: Any) -> None:
    target.put(source.get())


def through_connection(connection: Any) -> None:
    inner = connection.recv()  # a connection that travels through a connection
    inner.send("over the inner one")


def receive(connection: Any) -> Any:
    assert connection.poll(30), "nothing came"
    return connection.recv()


def run(method: str) -> None:
    context = multiprocessing.get_context(method)

    here, there = context.Pipe()
    process = context.Process(target=echo, args=(there,))
    process.start()
    for value in (values(), 5, b"x" * 10**6, [Order(3)]):
        here.send(value)
        back = receive(here)
        assert back == value
        if isinstance(value, dict):
            check(back)
    here.send(None)
    process.join(30)
    assert process.exitcode == 0

    source, target = context.Queue(), context.SimpleQueue()
    process = context.Process(target=through_queue, args=(source, target))
    process.start()
    source.put(values())
    check(target.get())
    process.join(30)
    assert process.exitcode == 0

    with context.Pool(2) as pool:
        assert [o.number for o in pool.map(double, [Order(i) for i in range(20)])] == list(range(0, 40, 2))
        local = 5
        if method == "fork":
            # what pickle cannot send
            assert pool.map(lambda a: a + local, [1, 2]) == [6, 7]
        assert pool.apply(Order(4).total, (3,)) == 12
        try:
            pool.apply(fail, (7,))
        except ValueError as error:
            assert error.args == ("failed on 7",)
            assert "fail(" in str(error.__cause__) or "failed on 7" in str(error.__cause__)
        else:
            raise AssertionError("no error came back")
        assert sorted(pool.imap_unordered(abs, range(-5, 0))) == [1, 2, 3, 4, 5]

    here, there = context.Pipe()
    process = context.Process(target=through_connection, args=(there,))
    process.start()
    one, two = context.Pipe()
    here.send(two)
    assert receive(one) == "over the inner one"
    process.join(30)

    with context.Manager() as manager:
        shared = manager.dict()
        shared["k"] = values()
        check(shared["k"])
        items = manager.list([Order(1)])
        items.append(Order(2))
        assert [o.number for o in items] == [1, 2]


if __name__ == "__main__":
    for method in sys.argv[1:]:
        run(method)
    done()
