"""Every kind of object of kinds.py through native mode: written here, read by
another process, which checks what it found."""

from __future__ import annotations

import base64
import os
import warnings
from typing import Any, Dict, Iterator

import pytest
from native import kinds
from native.implementations import codec
from native.peer import Peer

# PYFORY_OBJECTS_CODECS=pickle runs the suite against the standard library, for
# work on the suite itself.
CODECS = os.environ.get("PYFORY_OBJECTS_CODECS", "pyfory,pyfory.pickle").split(",")

@pytest.fixture(scope="module")
def readers() -> Iterator[Dict[str, Peer]]:
    peers: Dict[str, Peer] = {}
    yield peers
    for peer in peers.values():
        peer.close()


@pytest.mark.parametrize("codec_name", CODECS)
@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name.replace(" ", "_"))
def test_kind(kind: kinds.Kind, codec_name: str, readers: Dict[str, Peer]) -> None:
    missing = kind.available()
    if missing:
        pytest.skip(missing)
    chosen = codec(codec_name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some kinds are deprecated
        value = kind.make()
        if kind.refused:
            with pytest.raises(Exception) as raised:
                chosen.dumps(value)
            check_refusal(raised.value)
            return
        data = chosen.dumps(value)
    reader = readers.setdefault(codec_name, Peer(codec_name))
    answer = reader.ask(do="read", kind=kind.name, data=base64.b64encode(data).decode())
    assert answer == {"ok": True}


def check_refusal(error: BaseException) -> None:
    if "pyfory" in CODECS and "socket" not in str(error):  # which refuses itself, in Python
        assert "ForyError" in [cls.__name__ for cls in type(error).__mro__], error
    # RecursionError where the object needs itself to be made
    assert isinstance(error, (TypeError, RecursionError)), error


def test_refusal_says_where() -> None:
    value = kinds.by_name("lock deep inside").make()
    with pytest.raises(TypeError) as raised:
        codec(CODECS[0]).dumps(value)
    text = str(raised.value)
    assert "lock" in text
    if "pyfory" in CODECS:
        assert "$.a[0].lock" in text or "$['a'][0].lock" in text
        assert raised.value.path in text


# Kinds that come back otherwise than they left, as their classes ask for.
TRANSFORMED = {
    "__getstate__ and __setstate__", "__getstate__ returns False", "__getstate__ returns None", "__getstate__ alone, a dict",
    "__getstate__ alone, (dict, slots)", "__setstate__ alone", "__reduce__, two items", "__reduce__ with state",
    "__reduce__ with slot state", "__reduce__ with list items", "__reduce__ with dict items",
    "__reduce__ with list items, extend and append", "__reduce__ with a state setter", "__reduce_ex__",
    "__reduce_ex__ that calls its base", "copyreg.pickle", "copyreg.__newobj_ex__ by hand", "weakref.proxy of an object",
    "dataclass with a state of its own", "__setstate__ in a cycle", "state that is the object in a tuple",
}  # fmt: skip


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name.replace(" ", "_"))
def test_expectations_hold_for_the_object_itself(kind: kinds.Kind) -> None:
    missing = kind.available()
    if missing:
        pytest.skip(missing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed = kind.failed_check(kind.make())
    assert (failed is not None) == (kind.name in TRANSFORMED)


def test_there_are_enough_kinds() -> None:
    assert len(kinds.KINDS) >= 300
    assert len({kind.group for kind in kinds.KINDS}) >= 15
