"""Classes of pydantic, attrs and msgspec in xlang mode: structs of their declared fields.

Skipped without the packages; with PYFORY_CLIENTS set they must be there."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, List, Optional

import pytest

import pyfory
from support import BOTH_MODES, MODE_IDS


def package(name: str) -> Any:
    if os.environ.get("PYFORY_CLIENTS"):
        return importlib.import_module(name)
    return pytest.importorskip(name)


def round_trip(value: Any, *classes: type, **config: Any) -> Any:
    made = []
    for _ in range(2):
        fory = pyfory.Fory(**config)
        for cls in classes:
            fory.register(cls, name="m." + cls.__name__)
        made.append(fory)
    return made[1].loads(made[0].dumps(value))


@pytest.mark.parametrize("mode", BOTH_MODES, ids=MODE_IDS)
def test_pydantic_models(mode: bool) -> None:
    pydantic = package("pydantic")

    class Inner(pydantic.BaseModel):
        a: int = 1
        names: List[str] = []

    class Outer(Inner):
        model_config = pydantic.ConfigDict(frozen=True)
        table: Dict[str, Inner] = {}
        b: Optional[str] = None
        _secret: str = pydantic.PrivateAttr(default="s")

    globals().update(Inner=Inner, Outer=Outer)
    Outer.model_rebuild()
    value = Outer(a=5, table={"k": Inner(a=2, names=["x"])})
    result = round_trip(value, Inner, Outer, compatible=mode)
    assert type(result) is Outer and result == value and result.model_dump() == value.model_dump()
    assert result.model_copy(update={"a": 6}).a == 6 and result._secret == "s"
    assert set(vars(result)) == {"a", "names", "table", "b"}
    assert result.model_fields_set == {"a", "names", "table", "b"} and result.model_extra is None
    assert value.table["k"] == result.table["k"]


def test_defaults_of_pydantic_fields_fill_what_a_peer_lacks() -> None:
    pydantic = package("pydantic")
    fields = {"a": (int, ...), "b": (str, "text"), "c": (List[int], [1]), "d": (Dict[str, int], pydantic.Field(default_factory=dict))}
    wide = pydantic.create_model("Wide", **fields)
    narrow = pydantic.create_model("Narrow", a=(int, ...))
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(narrow, name="m.X")
    reader.register(wide, name="m.X")
    data = writer.dumps(narrow(a=3))
    results = [reader.loads(data) for _ in range(2)]
    assert results[0] == results[1] == wide(a=3)
    assert results[0].c is not results[1].c


def test_attrs_classes() -> None:
    attrs = package("attrs")

    @attrs.define
    class Slotted:
        x: int
        y: str = "q"
        z: List[int] = attrs.field(factory=lambda: [7])
        _p: int = 3

    @attrs.frozen
    class Frozen:
        x: int = 1

    assert round_trip(Slotted(1, z=[2]), Slotted) == Slotted(1, z=[2])
    assert round_trip(Frozen(4), Frozen, compatible=False) == Frozen(4)
    writer, reader = pyfory.Fory(), pyfory.Fory()
    writer.register(Frozen, name="m.X")
    reader.register(Slotted, name="m.X")
    results = [reader.loads(writer.dumps(Frozen(9))) for _ in range(2)]
    assert results[0] == Slotted(9) and results[0].z is not results[1].z


def test_msgspec_structs_need_a_serializer() -> None:
    """They can only be made by their own constructor."""
    msgspec = pytest.importorskip("msgspec")

    class Struct(msgspec.Struct):
        x: int = 1

    fory = pyfory.Fory()
    fory.register(Struct, name="m.S")
    with pytest.raises(TypeError, match="register it with serializer="):
        fory.dumps(Struct(5))
