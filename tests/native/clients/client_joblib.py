"""joblib's loky workers."""

from __future__ import annotations

import joblib
from joblib.externals.loky import set_loky_pickler

from native.clients.common import Order, check, done, values


def fail(number: int) -> None:
    raise ValueError("failed on %d" % number)


if __name__ == "__main__":
    set_loky_pickler("native.clients.loky_pickler")
    offset = 100
    with joblib.parallel_config(backend="loky", n_jobs=2):
        orders = [Order(i) for i in range(6)]
        assert joblib.Parallel()(joblib.delayed(Order.total)(o, 2) for o in orders) == [0, 2, 4, 6, 8, 10]
        assert joblib.Parallel()(joblib.delayed(lambda a: a + offset)(i) for i in range(4)) == [100, 101, 102, 103]
        for back in joblib.Parallel()(joblib.delayed(lambda v: v)(values()) for _ in range(2)):
            check(back)
        try:
            joblib.Parallel()(joblib.delayed(fail)(i) for i in range(2))
        except ValueError as error:
            assert error.args[0].startswith("failed on ")
        else:
            raise AssertionError("no error came back")
        try:
            import numpy
        except ImportError:
            pass
        else:
            arrays = [numpy.arange(10**5) + i for i in range(3)]
            back = joblib.Parallel()(joblib.delayed(lambda a: a * 2)(a) for a in arrays)
            assert all((b == 2 * a).all() for a, b in zip(arrays, back))
    done()
