"""shelve with its Pickler and Unpickler replaced."""

from __future__ import annotations

import os
import shelve
import subprocess
import sys
import tempfile

from native.clients.common import Order, check, done, pickle, values

shelve.Pickler, shelve.Unpickler = pickle.Pickler, pickle.Unpickler  # type: ignore

if __name__ == "__main__":
    if len(sys.argv) > 1:
        with shelve.open(sys.argv[1], flag="r") as shelf:
            check(shelf["values"])
            assert shelf["order"] == Order(8, note="changed")
            assert sorted(shelf) == ["order", "values"]
        done()
        sys.exit()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "shelf")
        with shelve.open(path) as shelf:
            shelf["values"] = values()
            shelf["order"] = Order(7)
            shelf["gone"] = None
            del shelf["gone"]
            check(shelf["values"])
        with shelve.open(path, writeback=True) as shelf:
            order = shelf["order"]
            order.number = 8
            order.note = "changed"
        output = subprocess.run([sys.executable, __file__, path], stdout=subprocess.PIPE, check=True).stdout
        assert output.strip() == b"passed"
    done()
