"""The table of workloads.

To add one: write a builder in ``data`` and a line here; a workload names the pyfory modes it makes sense in with ``modes``.
"""

import datetime
import decimal
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Set, Tuple

from . import data
from . import models as m

# The modes a workload makes sense in; the command line chooses among them.
ALL_MODES = ("compatible", "consistent", "native")
ONE_MODE = ("compatible", "native")  # a value without a struct has the same bytes in both xlang modes
NATIVE = ("native",)  # what xlang mode has no form for


@dataclass
class Workload:
    name: str
    group: str
    build: Callable[[], Any]
    hint: Any = Any  # the declared type, for peers that decode by type
    classes: Tuple[type, ...] = ()
    modes: Tuple[str, ...] = ALL_MODES
    ref: bool = False  # reference tracking on; identity is compared too
    numpy: bool = False
    out_of_band: bool = False  # large buffers travel beside the message
    large: bool = False  # a blob of 1 MB or more: counted apart from the geometric means
    quick: bool = True
    by_name: bool = False  # register by name in consistent mode, see impls.fory
    skip: Dict[str, str] = field(default_factory=dict)  # contender -> reason


def _dense_int32() -> Any:
    """A dense int32 array: the pyfory carrier where there is one, else array.array."""
    values = data.int32_values(1_000_000)
    try:
        import pyfory
    except ImportError:
        return values
    return pyfory.Int32Array(values)


def _ndarray(count: int) -> Any:
    import numpy as np

    return np.arange(count, dtype=np.float64) * 0.5


MEDIA = (m.Player, m.Size, m.Media, m.Image, m.MediaContent, m.MediaContentList)
ORDERS = (m.OrderState, m.Customer, m.OrderLine, m.Order)


def _table() -> List[Workload]:
    w = Workload
    result = [
        # --- single objects
        w("numeric12", "dataclass", data.numeric_struct, m.NumericStruct, (m.NumericStruct,)),
        w("numeric12_slots", "dataclass", lambda: data.numeric_struct(0, m.SlottedStruct), m.SlottedStruct, (m.SlottedStruct,)),
        w("person3", "dataclass", data.person, m.Person, (m.Person,)),
        w("mixed12", "dataclass", data.mixed, m.Mixed, (m.Mixed, m.Person), by_name=True),
        w("sample", "dataclass", data.sample, m.Sample, (m.Sample,), numpy=True),
        w("media", "dataclass", data.media_content, m.MediaContent, MEDIA, by_name=True),
        # --- lists and graphs of objects
        w("numeric12_list5", "objects", lambda: m.NumericStructList(data.numeric_structs(5)), m.NumericStructList,
          (m.NumericStruct, m.NumericStructList)),
        w("sample_list5", "objects", lambda: m.SampleList([data.sample(i) for i in range(5)]), m.SampleList,
          (m.Sample, m.SampleList), numpy=True),
        w("media_list5", "objects", lambda: m.MediaContentList([data.media_content(i) for i in range(5)]), m.MediaContentList, MEDIA),
        w("numeric12_x1000", "objects", lambda: data.numeric_structs(1000), List[m.NumericStruct], (m.NumericStruct,)),
        w("person3_x1000", "objects", lambda: [data.person(i) for i in range(1000)], List[m.Person], (m.Person,)),
        w("mixed12_x1000", "objects", lambda: [data.mixed(i) for i in range(1000)], List[m.Mixed], (m.Mixed, m.Person)),
        w("orders_x10000", "objects", lambda: data.orders(10_000), List[m.Order], ORDERS),
        w("tree_4095", "objects", lambda: data.tree(12), m.TreeNode, (m.TreeNode,)),
        w("shared_objects_x10000", "objects", lambda: data.shared_events(10_000, 100), List[m.Event], (m.Event,), ref=True),
        w("shared_lists_x10000", "plain", lambda: data.shared_lists(10_000, 100), List[List[int]], modes=ONE_MODE, ref=True),
        # --- documents and mappings
        w("json_document", "plain", data.json_document, modes=ONE_MODE),
        w("json_documents_x100", "plain", lambda: [data.json_document() for _ in range(100)], modes=ONE_MODE),
        w("dict_str_str_10k", "plain", lambda: data.str_dict(10_000), Dict[str, str], modes=ONE_MODE),
        w("dict_int_float_10k", "plain", lambda: data.int_dict(10_000), Dict[int, float], modes=ONE_MODE),
    ]  # fmt: skip
    # --- long lists and sets
    count = 100_000
    for kind in ("small", "17bit", "wide"):
        result.append(w(f"list_int_{kind}", "plain", lambda kind=kind: data.ints(count, kind), List[int], modes=ONE_MODE))
    result += [
        w("list_float", "plain", lambda: data.floats(count), List[float], modes=ONE_MODE),
        w("list_bool", "plain", lambda: data.bools(count), List[bool], modes=ONE_MODE),
    ]
    for script in ("ascii", "cyrillic", "cjk"):
        result.append(w(f"list_str_{script}", "plain", lambda script=script: data.strings(count, script), List[str], modes=ONE_MODE))
    result += [
        w("list_mixed", "plain", lambda: data.mixed_list(count), modes=ONE_MODE),
        w("set_int_10k", "plain", lambda: data.int_set(10_000), Set[int], modes=ONE_MODE),
        w("set_str_10k", "plain", lambda: data.str_set(10_000), Set[str], modes=ONE_MODE),
        w("list_datetime_10k", "plain", lambda: data.datetimes(10_000), List[datetime.datetime], modes=ONE_MODE,
          skip={"orjson": "datetimes come back as text"}),
        w("list_decimal_10k", "plain", lambda: data.decimals(10_000), List[decimal.Decimal], modes=ONE_MODE),
        # --- small messages
        w("int_42", "scalar", lambda: 42, int, modes=ONE_MODE),
        w("float", "scalar", lambda: 2.75, float, modes=ONE_MODE),
        w("str_12", "scalar", lambda: "twelve chars", str, modes=ONE_MODE),
        # --- blobs
        w("bytes_1KB", "blob", lambda: data.random_bytes(1 << 10), bytes, modes=ONE_MODE),
        w("str_1KB", "blob", lambda: data.long_string(1 << 10, "ascii"), str, modes=ONE_MODE),
        w("ndarray_f8_1KB", "blob", lambda: _ndarray(128), modes=ONE_MODE, numpy=True),
        w("bytes_1MB", "blob", lambda: data.random_bytes(1 << 20), bytes, modes=ONE_MODE, large=True),
        w("bytes_100MB", "blob", lambda: data.random_bytes(100 << 20), bytes, modes=ONE_MODE, large=True, quick=False),
        w("str_ascii_1MB", "blob", lambda: data.long_string(1 << 20, "ascii"), str, modes=ONE_MODE, large=True),
        w("str_cjk_1M", "blob", lambda: data.long_string(1 << 20, "cjk"), str, modes=ONE_MODE, large=True),
        w("int32_array_1M", "blob", _dense_int32, modes=ONE_MODE, large=True,
          skip={"marshal": "array.array comes back as bytes"}),
        w("ndarray_f8_1M", "blob", lambda: _ndarray(1_000_000), modes=ONE_MODE, numpy=True, large=True),
        w("str_ascii_100MB", "blob", lambda: data.long_string(1 << 20, "ascii") * 100, str, modes=ONE_MODE, large=True, quick=False),
        w("ndarray_f8_100MB", "blob", lambda: _ndarray(100 << 17), modes=ONE_MODE, numpy=True, large=True, quick=False),
    ]
    # --- what native mode and pickle carry
    for cls, name in ((m.PlainObject, "plain"), (m.SlottedObject, "slotted"), (m.StateObject, "getstate"), (m.ReduceObject, "reduce")):
        result.append(w(f"{name}_objects_x10000", "native", lambda cls=cls: data.plain_objects(10_000, cls), classes=(cls,), modes=NATIVE))
    result += [
        w("tuples_x10000", "native", lambda: data.tuples(10_000), modes=NATIVE),
        w("uuids_x10000", "native", lambda: data.uuids(10_000), modes=NATIVE, skip={"marshal": "no UUIDs"}),
        w("lambdas_x100", "native", lambda: data.lambdas(100), modes=NATIVE, skip={"marshal": "no functions"}),
        w("local_class_x1000", "native", lambda: data.local_objects(1000), modes=NATIVE, skip={"marshal": "no classes"}),
        w("frame_10k", "frame", lambda: data.frame(10_000, True), modes=NATIVE, numpy=True),
        w("frame_1M", "frame", lambda: data.frame(1_000_000, False), modes=NATIVE, numpy=True, large=True, quick=False),
        w("frame_1M_oob", "frame", lambda: data.frame(1_000_000, False), modes=NATIVE, numpy=True, large=True, out_of_band=True, quick=False),
    ]
    for size, label in ((1 << 10, "1KB"), (1 << 20, "1MB"), (100 << 20, "100MB")):
        large, quick = size >= 1 << 20, size < 100 << 20
        result += [
            w(f"bytes_{label}_oob", "blob", lambda size=size: data.random_bytes(size), bytes, modes=NATIVE, out_of_band=True, large=large, quick=quick),
            w(f"ndarray_f8_{label}_oob", "blob", lambda size=size: _ndarray(size // 8), modes=NATIVE, numpy=True, out_of_band=True, large=large, quick=quick),
        ]
    # --- the same data from 10 B to 100 MB
    for power in range(1, 9):
        name = f"lines_{10**power}" if power < 3 else f"lines_{10**(power % 3)}{' KM'[power // 3]}"
        result.append(w(f"{name}B", "scaling", lambda power=power: data.text_lines(10**power), List[str], modes=ONE_MODE,
                        large=power >= 6, quick=power in (1, 3, 6)))
    return result


def table() -> Dict[str, Workload]:
    """Return the workloads by name, in the order in which they are run and reported."""
    return {item.name: item for item in _table()}
