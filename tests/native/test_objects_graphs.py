"""Random graphs of objects: after a round trip they must have the same shape, with
the same things shared. Cycles go through everything that pickle allows them in.

PYFORY_GRAPH_SEEDS says how many graphs; PYFORY_OBJECTS_CODECS=pickle tests the test.
"""

from __future__ import annotations

import collections
import io
import os
import random
from typing import Any, Callable, Dict, List, Tuple

import pytest
from native import samples
from native.implementations import codec

SEEDS = int(os.environ.get("PYFORY_GRAPH_SEEDS", "300"))
CONTROL = os.environ.get("PYFORY_OBJECTS_CODECS") == "pickle"


class Built:
    """Comes back through a call with arguments, then state and items."""

    def __init__(self, argument: Any) -> None:
        self.argument = argument
        self.items: List[Any] = []
        self.entries: Dict[Any, Any] = {}

    def append(self, item: Any) -> None:
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries[key] = value

    def __reduce__(self) -> Any:
        return Built, (self.argument,), {"extra": self.extra}, iter(self.items), iter(self.entries.items())


class Stated:
    """Comes back with a tuple as state."""

    def __getstate__(self) -> Any:
        return (self.label, self.links)

    def __setstate__(self, state: Any) -> None:
        self.label, self.links = state


def make_graph(seed: int) -> Any:
    """A list with everything that was made, in random order."""
    draw = random.Random(seed)
    count = draw.randint(3, 40)
    label = iter(range(10**6))
    atoms: List[Any] = [
        None, True, 5, 2**70, 1.5, "".join(["te", "xt"]), "", bytes(20), "\u20ac" * 3, (), frozenset(), samples.Color.RED,
        samples.Plain,
    ]  # fmt: skip
    nodes: List[Any] = list(atoms)
    open_nodes: List[Tuple[str, Any]] = []
    # what can be filled later makes the cycles
    for _ in range(count):
        kind = draw.choice("list dict plain slots mylist mydict deque ordered built stated set default".split())
        node: Any
        if kind == "list":
            node = []
        elif kind == "dict":
            node = {}
        elif kind == "plain":
            node = samples.Plain(label=next(label))
        elif kind == "slots":
            node = samples.Slots()
        elif kind == "mylist":
            node = samples.My_list()
        elif kind == "mydict":
            node = samples.My_dict()
        elif kind == "deque":
            node = collections.deque(maxlen=draw.choice([None, 100]))
        elif kind == "ordered":
            node = collections.OrderedDict()
        elif kind == "built":
            # its argument must not lead back to it: pickle cannot do that
            node = Built(draw.choice(atoms))
            node.extra = None
        elif kind == "stated":
            node = Stated()
            node.label, node.links = next(label), None
        elif kind == "set":
            node = set()
        else:
            node = collections.defaultdict(list)
        open_nodes.append((kind, node))
        nodes.append(node)
        # closed ones over what there is so far
        if draw.random() < 0.4:
            parts = [draw.choice(nodes) for _ in range(draw.randint(0, 4))]
            choice = draw.random()
            if choice < 0.6:
                nodes.append(tuple(parts))
            elif choice < 0.8:
                made = samples.My_tuple(parts)
                made.tag = draw.choice(nodes)  # type: ignore
                nodes.append(made)
            else:
                nodes.append(frozenset(p for p in parts if type(p) in (samples.Plain, int, str)))
    keys = [n for n in nodes if type(n) in (samples.Plain, str, int, bytes)]
    for kind, node in open_nodes:
        parts = [draw.choice(nodes) for _ in range(draw.randint(0, 5))]
        if kind in ("list", "mylist", "deque"):
            node.extend(parts)
        elif kind in ("dict", "mydict", "ordered", "default"):
            for part in parts:
                node[draw.choice(keys)] = part
        elif kind == "plain":
            for number, part in enumerate(parts):
                setattr(node, "a%d" % number, part)
        elif kind == "slots":
            for name, part in zip("ab", parts):
                setattr(node, name, part)
        elif kind == "built":
            node.items.extend(parts[:2])
            for part in parts[2:]:
                node.entries[draw.choice(keys)] = part
            node.extra = draw.choice(nodes)
        elif kind == "stated":
            node.links = tuple(parts)
        else:
            node.update(part for part in parts if type(part) in (samples.Plain, str, int))
        if kind in ("mylist", "mydict") and draw.random() < 0.5:
            node.tag = draw.choice(nodes)
    draw.shuffle(nodes)
    return draw.choice([nodes, tuple(nodes), {"nodes": nodes}, samples.Plain(nodes=nodes)])


VALUES = (type(None), str, bytes, samples.Color, type)


def parts_of(node: Any) -> List[Any]:
    """What a node holds, in an order that both sides have."""
    kind = type(node)
    if kind in (list, tuple, collections.deque):
        return list(node)
    if kind in (dict, collections.OrderedDict):
        return [part for pair in node.items() for part in pair]
    if kind in (set, frozenset):
        return sorted(node, key=lambda n: (str(type(n)), getattr(n, "label", n)))
    if kind is Stated:
        return [node.label, node.links]
    if kind is Built:
        state = [node.argument, node.extra, *node.items]
        return state + [part for pair in node.entries.items() for part in pair]
    if kind is samples.Slots:
        return [part for name in "ab" for part in (name, getattr(node, name, "unset"))]
    parts: List[Any] = []
    if isinstance(node, (list, tuple)):
        parts += list(node)
    if isinstance(node, dict):
        parts += [part for pair in node.items() for part in pair]
    return parts + [part for pair in vars_of(node).items() for part in pair]


def vars_of(node: Any) -> Dict[str, Any]:
    return getattr(node, "__dict__", {})


def difference(left: Any, right: Any) -> Any:
    """Where two graphs differ in type, value, order or sharing; None if nowhere."""
    partner: Dict[int, Any] = {}
    back: Dict[int, Any] = {}
    work: List[Tuple[Any, Any, str]] = [(left, right, "$")]
    keep = [left, right]  # parts that are made on the way must keep their ids
    while work:
        a, b, path = work.pop()
        if type(a) is not type(b):
            return path, type(a), type(b)
        if isinstance(a, (bool, int, float)) and not vars_of(a):
            # pickle does not say which numbers were one object
            if a != b:
                return path, a, b
            continue
        if id(a) in partner:
            if partner[id(a)] is not b:
                return path, "was shared", a
            continue
        if isinstance(a, VALUES):
            if a != b:
                return path, a, b
            partner[id(a)] = b
            continue
        if a != () and a != frozenset():
            if id(b) in back and not isinstance(a, (tuple, frozenset)):
                return path, "was not shared", a
            back[id(b)] = a
        partner[id(a)] = b
        inner_a, inner_b = parts_of(a), parts_of(b)
        keep += [inner_a, inner_b]
        if len(inner_a) != len(inner_b):
            return path, "%d parts" % len(inner_a), "%d parts" % len(inner_b)
        work += [(p, q, "%s/%s[%d]" % (path, type(a).__name__, i)) for i, (p, q) in enumerate(zip(inner_a, inner_b))]
    return None


def by_codec(name: str) -> Callable[[Any], Any]:
    chosen = codec(name)
    return lambda value: chosen.loads(chosen.dumps(value))


def by_pickler(value: Any) -> Any:
    if CONTROL:
        import pickle
    else:
        from pyfory import pickle  # type: ignore
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dump("first")
    pickler.dump(value)
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    unpickler.load()
    return unpickler.load()


def ways() -> Dict[str, Callable[[Any], Any]]:
    if CONTROL:
        return {"pickle": by_codec("pickle"), "Pickler": by_pickler}
    return {"Fory": by_codec("pyfory"), "pyfory.pickle": by_codec("pyfory.pickle"), "Pickler": by_pickler}


@pytest.mark.parametrize("way", list(ways()))
def test_random_graphs(way: str) -> None:
    transfer = ways()[way]
    for seed in range(SEEDS):
        graph = make_graph(seed)
        back = transfer(graph)
        assert difference(graph, back) is None, "seed %d" % seed


def test_the_comparison_sees_differences() -> None:
    shared = [1]
    assert difference([shared, shared], [shared, [1]])[1] == "was shared"
    assert difference([[1], [1]], [shared, shared])[1] == "was not shared"
    assert difference([1], [True]) is not None
    assert difference({"a": 1, "b": 2}, {"b": 2, "a": 1}) is not None
    assert difference([1], [1, 2]) is not None
    assert difference(samples.list_in_itself(), samples.list_in_itself()) is None
    graph = make_graph(7)
    assert difference(graph, make_graph(7)) is None
    assert difference(make_graph(7), make_graph(8)) is not None
