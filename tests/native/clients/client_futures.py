"""concurrent.futures' process pool over the same ForkingPickler."""

from __future__ import annotations

import concurrent.futures
import multiprocessing

from native.clients import forking
from native.clients.common import Order, check, done, values

forking.install()


class Problem(Exception):
    def __init__(self, text: str, detail: int) -> None:
        super().__init__(text, detail)
        self.detail = detail


def fail() -> None:
    raise Problem("p", 5)


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        assert executor.submit(Order(3).total, 4).result(60) == 12
        check(executor.submit(values).result(60))
        factor = 3
        assert list(executor.map(lambda a: a * factor, range(10), chunksize=3)) == [a * 3 for a in range(10)]
        try:
            executor.submit(fail).result(60)
        except Problem as error:
            assert (error.args, error.detail) == (("p", 5), 5)
        else:
            raise AssertionError("no error came back")
        # the pool survives what cannot be sent
        import threading

        future = executor.submit(id, threading.Lock())
        assert isinstance(future.exception(60), TypeError)
        assert executor.submit(len, [1, 2]).result(60) == 2
    done()
