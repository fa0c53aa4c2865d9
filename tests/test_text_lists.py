"""Lists of text: every length and width beside every other (wire-format 4.5 and 6.1)."""

from __future__ import annotations

import random
import sys
from typing import Dict, List

import pytest

import pyfory
from pyfory.error import ForyError

LETTERS = {"ASCII": "abc", "Latin-1": "aé", "Cyrillic": "ж", "CJK": "数据", "CJK and ASCII": "数a", "astral": "\U0001f600a"}


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def body(text: str) -> bytes:
    top = max(map(ord, text), default=0)
    form, encoding = (0, "latin-1") if top < 0x100 else (1, "utf-16-le") if top < 0x10000 else (2, "utf-8")
    data = text.encode(encoding)
    return varint(len(data) << 2 | form) + data


def message(texts: List[str]) -> bytes:
    return b"\x01\xff\x16" + varint(len(texts)) + b"\x08\x15" + b"".join(map(body, texts))


def check(texts: List[str]) -> None:
    fory = pyfory.Fory(xlang=True)
    data = fory.dumps(texts)
    expected = message(texts)
    assert data[-len(expected) + 3 :] == expected[3:]
    assert fory.loads(data) == texts
    native = pyfory.Fory(xlang=False, ref=True, strict=False)
    assert native.loads(native.dumps(texts)) == texts


@pytest.mark.parametrize("letters", LETTERS)
def test_every_length(letters: str) -> None:
    alphabet = LETTERS[letters]
    texts = ["".join(random.Random(n).choices(alphabet, k=n)) for n in list(range(150)) + [1000, 5000]]
    check(texts)
    for text in texts[:80]:
        check([text] * 40)


def test_mixed_lengths_and_widths() -> None:
    rng = random.Random(4)
    for _ in range(150):
        share: Dict[str, float] = {name: rng.random() ** 4 for name in LETTERS}
        names = rng.choices(list(LETTERS), weights=list(share.values()), k=rng.choice([1, 8, 33, 64, 65, 200]))
        check(["".join(rng.choices(LETTERS[name], k=min(int(rng.expovariate(0.1)), 90))) for name in names])


@pytest.mark.parametrize("at", [0, 5, 33, 63, 64, 99])
@pytest.mark.parametrize("length", [1, 4, 8, 15, 23, 24, 64, 65, 300])
def test_lone_surrogates_are_found_where_they_are(at: int, length: int) -> None:
    for place in {0, length // 2, length - 1}:
        texts = ["数" * (1 + i % 12) for i in range(100)]
        texts[at] = "字" * place + "\udabc" + "字" * (length - place - 1)
        with pytest.raises(ForyError, match="surrogate") as caught:
            pyfory.Fory(xlang=True).dumps(texts)
        assert caught.value.path == "$[%d]" % at
        native = pyfory.Fory(xlang=False)
        assert native.loads(native.dumps(texts)) == texts


@pytest.mark.parametrize("letters", ["ab", "aé", "数据", "数a", "a\U0001f600", "数\U0001f600", "\ud800数", "\udc00a"])
def test_utf16_of_every_length_and_content(letters: str) -> None:
    """Another writer may send any text as UTF-16."""
    rng = random.Random(6)
    texts = ["".join(rng.choices(letters, k=length)) for length in range(71) for _ in range(3)]
    texts = [text for text in texts if not any("\ud800" <= a < "\udc00" <= b for a, b in zip(text, text[1:]))]
    data = [text.encode("utf-16-le", "surrogatepass") for text in texts]
    bodies = b"".join(varint(len(units) << 2 | 1) + units for units in data)
    back = pyfory.Fory(xlang=True).loads(b"\x01\xff\x16" + varint(len(texts)) + b"\x08\x15" + bodies)
    assert back == texts
    assert [sys.getsizeof(text) for text in back] == [sys.getsizeof("".join(list(text))) for text in texts]


@pytest.mark.parametrize("other", [None, 7, b"x"])
@pytest.mark.parametrize("at", [0, 100, 4099, 8191])
def test_a_long_list_of_text_but_for_one(other: object, at: int) -> None:
    """Long lists are written before all of their items have been looked at."""
    texts: List[object] = [f"text {i}" for i in range(8192)]
    fory = pyfory.Fory(xlang=True)
    assert fory.loads(fory.dumps(texts)) == texts
    texts[at] = other
    assert fory.loads(fory.dumps([0, texts])) == [0, texts]


@pytest.mark.parametrize("at", [0, 100, 4099, 8191])
def test_a_long_list_of_text_but_for_a_subclass(at: int) -> None:
    texts: List[object] = [f"text {i}" for i in range(8192)]
    texts[at] = type("Text", (str,), {})("sub")
    with pytest.raises(ForyError, match="not registered") as caught:
        pyfory.Fory(xlang=True).dumps(texts)
    assert caught.value.path == "$[%d]" % at


@pytest.mark.parametrize("at", [1, 100, 4099, 8191])
def test_the_bytes_of_a_long_list_of_text_but_for_one(at: int) -> None:
    """What was written before the one was met leaves no trace."""
    texts: List[object] = ["a"] * 8192
    start = b"\x01\xff\x16" + varint(8192)
    texts[at] = 7
    data = pyfory.Fory(xlang=True).dumps(texts)
    assert data == start + b"\x00" + b"\x15\x04a" * at + b"\x07\x0e" + b"\x15\x04a" * (8191 - at)
    texts[at] = None
    data = pyfory.Fory(xlang=True).dumps(texts)
    assert data == start + b"\x0a\x15" + b"\xff\x04a" * at + b"\xfd" + b"\xff\x04a" * (8191 - at)
