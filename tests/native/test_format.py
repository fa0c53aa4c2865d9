"""The worked examples of docs/native-format.md, and that the page knows every tag."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, List, Tuple

import pytest
import support
from native import format_examples, messages

import pyfory
from pyfory.error import ForyBufferOutOfBoundError, ForyInvalidDataError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "native-format.md").read_text(encoding="utf-8")


def examples() -> List[Tuple[str, str, str]]:
    """(tag, expression, bytes) of every row of the tables of examples."""
    rows = []
    for table in re.findall(r"\| example of \| value \| bytes \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE):
        for row in table.splitlines():
            found = re.match(r"\| (\w+) \| `(.*)` \| `(.*)` \|$", row)
            assert found, row
            rows.append(found.groups())
    return rows  # type: ignore[return-value]


EXAMPLES = examples()


@pytest.fixture
def shop(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that the page prints."""
    source = re.search(r"```python\n(.*?)```", PAGE, re.S)
    assert source
    (tmp_path / "shop.py").write_text(source.group(1))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    import shop  # type: ignore[import-not-found]

    yield shop
    sys.modules.pop("shop", None)


def matches(data: bytes, pattern: str) -> bool:
    """Are these the bytes of the pattern, in which an ellipsis stands for any?"""
    parts = [re.escape(bytes.fromhex(part)) for part in pattern.split("…")]
    return re.fullmatch(b".*".join(parts) + (b".*" if "…" in pattern else b""), data, re.S) is not None


@pytest.mark.parametrize("tag,expression,pattern", EXAMPLES, ids=["%s %s" % row[:2] for row in EXAMPLES])
def test_example(tag: str, expression: str, pattern: str, shop: Any) -> None:
    names = format_examples.namespace()
    if re.search(r"\b(asfortran)?array\(|float32\(", expression) and "array" not in names:
        pytest.skip("needs NumPy")
    value = eval(expression, names)
    data = format_examples.written(value)
    assert matches(data, pattern), data.hex(" ")
    if isinstance(value, format_examples.Special):
        value.read(data)
        return
    read = format_examples.fory().loads(data)
    if "loop()" in expression:
        inner = read[0]
        assert inner is read or inner[0] is read
    elif expression == "[].append":
        assert read.__name__ == "append" and read.__self__ == []
    elif type(value).__name__ == "ndarray":
        assert read.tolist() == value.tolist() and read.dtype == value.dtype
        assert read.flags.f_contiguous == value.flags.f_contiguous
    elif type(value).__name__ == "PickleBuffer":
        assert bytes(memoryview(read)) == bytes(memoryview(value)) and memoryview(read).readonly == memoryview(value).readonly
    elif isinstance(value, (int, float, str, bytes, complex)) and type(value).__module__ == "builtins":
        support.assert_same(value, read)
    else:
        assert type(read) is type(value) and read == value
    if expression.startswith("twice"):
        assert all(read[i] is read[i + 1] for i in range(0, len(read), 2))


def test_every_tag_has_an_example_and_its_code() -> None:
    shown = {tag for tag, _, _ in EXAMPLES}
    for name, code in list(messages.TAGS.items()) + list(messages.EXTENSIONS.items()):
        short = name[len("FORY_N_"):]
        assert short == "EXT" or short in shown, short
        row = [line for line in PAGE.splitlines() if re.match(r"\| [\w, ]*\b%s\b[\w, ]*\| `" % short, line)]
        assert any("`%02x`" % code in line for line in row), short


def test_kinds_of_code_are_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "code-by-value.md").read_text(encoding="utf-8")
    for name, number in messages.KINDS.items():
        assert re.search(r"\b%d\b" % number, page), name


@pytest.mark.parametrize("head,error,text", [
    (b"", ForyBufferOutOfBoundError, ""),
    (b"\x05\xc8", ForyInvalidDataError, "header bitmap mismatch at xlang bit: the payload was written with xlang=True"),
    (b"\x08\xc8", ForyInvalidDataError, "native format version 2, this reader knows version 1"),
    (b"\x00\xc8", ForyInvalidDataError, "native format version 0"),
    (b"\x02\xc8", ForyInvalidDataError, "native format version 0"),
    (b"\x80\x05N.", ForyInvalidDataError, "a pickle, not a message of native mode"),
    (b"\x06\xc8", ForyInvalidDataError, "out-of-band buffers are required by the root header: pass buffers="),
    (b"\x04\xff", ForyInvalidDataError, "unknown tag 0xff"),
    (b"\x04\xea\x63", ForyInvalidDataError, "unknown extension code 99"),
])  # fmt: skip
def test_heads(head: bytes, error: type, text: str) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=True)
    with pytest.raises(error) as raised:
        fory.loads(head)
    assert text in str(raised.value)


def test_example_of_a_reader_without_the_module() -> None:
    """The page's promise about a plain value: nothing but the bytes is needed."""
    for tag, expression, pattern in EXAMPLES:
        if tag.startswith(("INT", "STR")) and "…" not in pattern:
            strict = pyfory.Fory(xlang=False, ref=False, strict=True)
            assert strict.loads(bytes.fromhex(pattern)) == eval(expression)
