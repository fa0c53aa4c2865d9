"""The row formats of upstream pyfory 1.7.7 and of Java read what we write, and
we write the bytes that they write.

Decision 32: upstream leaves the slots of nulls as they were in memory; ours are
zero. Its rows are compared with zeros there.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import types
import typing
from typing import Any, Dict, List

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given, settings

import pyfory
from peers import peer
from pyfory import format as rows
from row import pure_row as pure
from row import row_strategies as strategies
from row.recorded import JAVA, check_java

HERE = os.path.dirname(os.path.abspath(__file__))

# ---- live: upstream ------------------------------------------------------------------


@pytest.fixture(scope="module")
def upstream():
    python = peer.require("PYFORY_UPSTREAM_PYTHON")
    process = peer.Peer([python, "-u", os.path.join(HERE, "upstream_rows.py")])
    assert process.ask(version=True) == {"version": "1.7.7"}
    yield process
    process.close()


def ask(process: peer.Peer, **request: Any) -> Dict[str, Any]:
    answer = process.ask(**request)
    assert "error" not in answer, answer
    return answer


# Python source of a class, and expressions of instances
CLASSES = [
    ("A", "@dataclass\nclass A:\n    b: int\n    a: str\n", ["A(1, 'hi')", "A(None, '')", "A(-2**63, '\\u65e5' * 9)"]),
    ("B", "@dataclass\nclass In:\n    v: int\n    w: Optional[str] = None\n"
          "@dataclass\nclass B:\n    z: List[In]\n    y: Dict[str, In]\n    x: Optional[In]\n    u: Tuple[float, ...]\n",
     ["B([In(1), In(2, 'two'), None], {'k': In(3)}, In(4, 'x'), (1.0, 2.5))", "B([], {}, None, ())"]),
    ("C", "class C:\n    p: pyfory.Int8\n    q: pyfory.Int16\n    r: pyfory.Int32\n    s: pyfory.Int64\n"
          "    t: pyfory.FixedInt32\n    u: pyfory.TaggedInt64\n    v: pyfory.Float32\n    w: pyfory.Float64\n    x: bool\n"
          "def c(*v):\n    o = C()\n    o.__dict__.update(zip('pqrstuvwx', v))\n    return o\n",
     ["c(-128, -2**15, -2**31, -2**63, 1, 2, 0.1, 0.1, True)", "c(*[None] * 9)"]),
    ("D", "@dataclass\nclass D:\n    a: bytes\n    b: datetime.date\n    c: datetime.datetime\n    d: Set[int]\n"
          "    e: Dict[int, bool]\n",
     ["D(b'\\0\\xff', datetime.date(1999, 12, 31), datetime.datetime(2024, 2, 29, 12, 30), {1}, {7: True, 8: None})"]),
]  # fmt: skip


def _without_addresses(text: str) -> str:
    return re.sub(r"Record\d+", "Record", text)


@pytest.mark.parametrize("name,source,expressions", CLASSES, ids=[case[0] for case in CLASSES])
def test_classes_of_upstream(upstream, name, source, expressions):
    module = types.ModuleType("row_classes_" + name)
    sys.modules[module.__name__] = module
    module.__dict__.update((n, getattr(typing, n)) for n in ("Dict", "List", "Optional", "Set", "Tuple"))
    exec("import dataclasses, datetime, pyfory\nfrom dataclasses import dataclass\n" + source, module.__dict__)
    encoder = pyfory.encoder(getattr(module, name))
    for expression in expressions:
        theirs = ask(upstream, source=source, name=name, expression=expression)
        assert encoder.schema.to_bytes().hex() == theirs["schema"]
        assert encoder.schema_hash == theirs["hash"]
        row = encoder.to_row(eval(expression, module.__dict__)).to_bytes()
        expected = pure.scrub(encoder.schema.spec, bytes.fromhex(theirs["row"]))
        assert row.hex() == expected.hex()
        assert ask(upstream, source=source, name=name, row=row.hex())["value"] == theirs["value"]
        # with the hash of the schema in front, both ways
        encoded = encoder.encode(eval(expression, module.__dict__))
        assert encoded == bytes.fromhex(theirs["encoded"])[:8] + row
        assert pure.scrub(encoder.schema.spec, bytes.fromhex(theirs["encoded"])[8:]) == row
        assert encoder.encode(encoder.decode(bytes.fromhex(theirs["encoded"]))) == encoded
        by_them = [ask(upstream, source=source, name=name, encoded=e)["value"] for e in (encoded.hex(), theirs["encoded"])]
        assert _without_addresses(by_them[0]) == _without_addresses(by_them[1])


@settings(max_examples=80)
@given(case=strategies.schemas_with_rows(upstream=True))
def test_random_rows_of_upstream(upstream, case):
    schema, value = case
    source = pure.to_python(schema.spec, value)
    theirs = ask(upstream, schema=schema.to_bytes().hex(), expression=repr(source))
    assert theirs["schema"] == schema.to_bytes().hex()
    assert theirs["hash"] == rows.compute_schema_hash(schema)
    ours = rows.create_row_encoder(schema).to_row(source).to_bytes()
    assert ours == pure.scrub(schema.spec, bytes.fromhex(theirs["row"]))
    assert ask(upstream, schema=schema.to_bytes().hex(), row=ours.hex())["value"] == theirs["value"]


# ---- live: Java --------------------------------------------------------------------------


class JavaPeer:
    def __init__(self, home: str) -> None:
        jars = sorted(glob.glob(os.path.join(home, "lib", "*.jar")))
        self.process = subprocess.Popen(
            ["java", "-cp", os.pathsep.join([os.path.join(home, "classes"), *jars]), "rowpeer.RowPeer"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
        )  # fmt: skip

    def ask(self, *words: str) -> List[str]:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        status, _, answer = self.process.stdout.readline().rstrip("\n").partition(" ")
        assert status == "ok", answer
        return answer.split(" ")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def java():
    process = JavaPeer(peer.require("PYFORY_JAVA_ROW_PEER"))
    yield process
    process.close()


@pytest.mark.parametrize("name,value", [(case[0], case[4]) for case in JAVA], ids=[case[0] for case in JAVA])
def test_beans_of_java(java, name, value):
    number, schema, row = java.ask("bean", name)
    check_java(int(number), bytes.fromhex(schema), bytes.fromhex(row), value)


def _java_knows(dtype) -> bool:
    # float16 and duration have no reader in Java, decimals take 32 bytes there
    return dtype.id not in (pure.FLOAT16, pure.DURATION, pure.DECIMAL) and all(_java_knows(f.type) for f in dtype.fields())


@settings(max_examples=80)
@given(case=strategies.schemas_with_rows(upstream=True).filter(lambda case: all(map(_java_knows, case[0].types))))
def test_random_rows_read_by_java(java, case):
    schema, value = case
    row = rows.create_row_encoder(schema).to_row(pure.to_python(schema.spec, value)).to_bytes()
    number, schema_bytes, text = java.ask("read", schema.to_bytes().hex(), row.hex())
    assert int(number) == rows.compute_schema_hash(schema)
    assert schema_bytes == schema.to_bytes().hex()
    assert text == pure.java_text(schema.spec, value)
