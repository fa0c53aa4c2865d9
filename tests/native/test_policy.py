"""What a DeserializationPolicy or an Unpickler's find_class is asked, when, and
that nothing is imported or called without asking."""

from __future__ import annotations

import collections
import datetime
import enum
import functools
import io
import pickle as std_pickle
import sys
import types
from typing import Any, List, Tuple

import pytest
from native import messages
from native.messages import BY_EXTENSION, BY_TAG, CANARY, CODE_RECORDS, EXTENSIONS, FIRE, HEAD, KINDS, TAGS

import pyfory
from pyfory import pickle
from pyfory.error import ForyError, ForyInvalidDataError, TypeUnregisteredError
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

SOURCE = """
import builtins, enum
log = builtins.fory_canary_log
log.append("imported")

def fire(*args):
    log.append("called")

class Meta(type):
    def __getattr__(cls, name):
        log.append("metaclass __getattr__ " + name)
        raise AttributeError(name)
    def __call__(cls, *args):
        log.append("metaclass __call__")
        return type.__call__(cls, *args)

class Loud:
    def __get__(self, obj, cls):
        log.append("descriptor")
        return fire

class Canary(metaclass=Meta):
    loud = Loud()
    def __new__(cls, *args):
        log.append("made")
        return object.__new__(cls)
    def __init__(self, *args):
        log.append("initialised")
    def __setstate__(self, state):
        log.append("state")
    def __setattr__(self, name, value):
        log.append("setattr")
    def method(self):
        log.append("method")
    @property
    def computed(self):
        log.append("property")
    def append(self, item):
        log.append("item")
    def __setitem__(self, key, value):
        log.append("pair")

class Colour(enum.Enum):
    RED = 1

class Lazy:
    def __getattr__(self, name):
        log.append("__getattr__ " + name)
        return fire
    @property
    def __class__(self):
        log.append("__class__")
        return int

lazy = Lazy()
"""


class Denied(Exception):
    """Not an error of ours: a policy's own."""


class DenyAll(DeserializationPolicy):
    def validate_module(self, module_name: str, **kwargs: Any) -> None:
        raise Denied("module %s" % module_name)

    def validate_class(self, cls: type, **kwargs: Any) -> None:
        raise Denied("class")

    def validate_function(self, func: Any, is_local: bool, **kwargs: Any) -> None:
        raise Denied("function")

    def validate_method(self, method: Any, is_local: bool, **kwargs: Any) -> None:
        raise Denied("method")

    def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
        raise Denied("instance")

    def intercept_reduce_call(self, callable_obj: Any, args: Any, **kwargs: Any) -> Any:
        raise Denied("call")

    def inspect_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
        raise Denied("object")

    def intercept_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
        raise Denied("state")


class DenyCalls(DenyAll):
    """The module may be imported; what is in it may not be used."""

    def validate_module(self, module_name: str, **kwargs: Any) -> None:
        pass


class DenyUse(DenyCalls):
    """Everything may be named, nothing made, called or given a state."""

    def validate_class(self, cls: type, **kwargs: Any) -> None:
        pass

    def validate_function(self, func: Any, is_local: bool, **kwargs: Any) -> None:
        pass

    def validate_method(self, method: Any, is_local: bool, **kwargs: Any) -> None:
        pass


class DenyFind(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise Denied("%s.%s" % (module, name))


@pytest.fixture
def log(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """What the canary has noticed; the canary is not imported yet."""
    import builtins

    noticed: List[str] = []
    monkeypatch.setattr(builtins, "fory_canary_log", noticed, raising=False)
    (tmp_path / (CANARY + ".py")).write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, CANARY, raising=False)
    yield noticed  # type: ignore[misc]
    sys.modules.pop(CANARY, None)


# ---- nothing gets through --------------------------------------------------------------


def test_every_tag_has_a_message() -> None:
    assert {"FORY_N_" + name for name in BY_TAG} == set(TAGS)
    assert {"FORY_X_" + name for name in BY_EXTENSION} == set(EXTENSIONS)
    assert set(CODE_RECORDS) == set(KINDS)


MESSAGES = messages.all_messages()
IDS = [name for name, _ in MESSAGES]


@pytest.mark.parametrize("message", [message for _, message in MESSAGES], ids=IDS)
def test_deny_all(message: bytes, log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False, policy=DenyAll())
    try:
        fory.loads(message)
    except (Denied, ForyError):
        pass
    assert log == []
    assert CANARY not in sys.modules
    assert fory.loads(fory.dumps([1])) == [1]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("message", [message for _, message in MESSAGES], ids=IDS)
def test_deny_all_but_modules(message: bytes, strict: bool, log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=strict, policy=DenyCalls())
    try:
        fory.loads(message)
    except (Denied, ForyError):
        pass
    assert log in ([], ["imported"])


@pytest.mark.parametrize("message", [message for _, message in MESSAGES], ids=IDS)
def test_deny_use(message: bytes, log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=False, policy=DenyUse())
    try:
        fory.loads(message)
    except (Denied, ForyError):
        pass
    assert log in ([], ["imported"])


@pytest.mark.parametrize("message", [message for _, message in MESSAGES], ids=IDS)
def test_strict_without_registration(message: bytes, log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, ref=True, strict=True)
    try:
        fory.loads(message)
    except ForyError:
        pass
    assert log == []
    assert CANARY not in sys.modules


@pytest.mark.parametrize("message", [message for _, message in MESSAGES], ids=IDS)
def test_find_class_denies_all(message: bytes, log: List[str]) -> None:
    before = set(sys.modules)
    try:
        DenyFind(io.BytesIO(message)).load()
    except (Denied, ForyError, EOFError):
        pass
    assert log == []
    assert CANARY not in sys.modules
    assert not {name for name in set(sys.modules) - before if not name.startswith(("pyfory", "_", "encodings", "decimal", "numpy", "uuid"))}


def test_the_canary_sings(log: List[str]) -> None:
    """Without a policy the same messages do it all, so the tests above mean something."""
    fory = pyfory.Fory(xlang=False, ref=True, strict=False)
    fory.loads(HEAD + FIRE)
    assert log == ["imported", "called"]
    for _, message in MESSAGES:
        try:
            fory.loads(message)
        except Exception:
            pass
    assert {"made", "initialised", "state", "item", "pair", "metaclass __call__"} <= set(log)


def test_find_class_sees_code_by_value() -> None:
    seen: List[Tuple[str, str]] = []

    class Recording(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            seen.append((module, name))
            return super().find_class(module, name)

    scale = 3
    data = pickle.dumps([lambda x: x * scale, sys, [].append, type("Local", (), {})])
    multiply = Recording(io.BytesIO(data)).load()[0]
    assert multiply(2) == 6
    assert {
        ("types", "FunctionType"), ("types", "CodeType"), ("types", "CellType"), ("importlib", "import_module"),
        ("builtins", "getattr"), ("builtins", "type"),
    } <= set(seen)  # fmt: skip


def test_find_class_may_not_replace_the_makers_of_code() -> None:
    class Dummies(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return dict

    data = pickle.dumps(lambda: 1)
    with pytest.raises(ForyInvalidDataError, match="find_class does not give types.FunctionType"):
        Dummies(io.BytesIO(data)).load()


def test_modules_and_methods_ask_find_class_first() -> None:
    os_system = messages.code("METHOD", messages.values(messages.string("getpid")), messages.values(
        messages.code("MODULE", messages.values(messages.string("os")))))  # fmt: skip
    message = HEAD + messages.tag("REDUCE") + os_system + messages.values()
    with pytest.raises(Denied):
        DenyFind(io.BytesIO(message)).load()


# ---- the hooks, one by one -----------------------------------------------------------------


class Recorder(DeserializationPolicy):
    """Notes every question, and what had happened by then."""

    def __init__(self) -> None:
        self.asked: List[Tuple[Any, ...]] = []

    def validate_module(self, module_name: str, **kwargs: Any) -> None:
        self.asked.append(("module", module_name, kwargs.pop("is_local"), kwargs))

    def validate_class(self, cls: type, **kwargs: Any) -> None:
        self.asked.append(("class", cls, kwargs.pop("is_local"), kwargs))

    def validate_function(self, func: Any, is_local: bool, **kwargs: Any) -> None:
        self.asked.append(("function", func, is_local, kwargs))

    def validate_method(self, method: Any, is_local: bool, **kwargs: Any) -> None:
        self.asked.append(("method", method, is_local, kwargs))

    def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
        self.asked.append(("instance", cls, kwargs))

    def intercept_reduce_call(self, callable_obj: Any, args: Any, **kwargs: Any) -> Any:
        self.asked.append(("call", callable_obj, args))

    def inspect_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
        self.asked.append(("object", type(obj)))

    def intercept_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
        self.asked.append(("state", type(obj), state.copy() if isinstance(state, dict) else state))


class Plain:
    def __init__(self, a: Any = 1, b: Any = 2) -> None:
        self.a = a
        self.b = b

    def method(self) -> Any:
        return self.a

    @classmethod
    def of_class(cls) -> Any:
        return cls

    class Inner:
        @staticmethod
        def helper() -> int:
            return 5


class Child(Plain):
    pass


class Slots:
    __slots__ = ("x", "y")


class Stateful:
    def __getstate__(self) -> Any:
        return {}

    def __setstate__(self, state: Any) -> None:
        self.got = state


class Reduced:
    def __init__(self, *args: Any) -> None:
        self.args = args

    def __reduce__(self) -> Any:
        return Reduced, self.args, {"extra": 1}


class Colour(enum.Enum):
    RED = 1


def plain_function() -> int:
    return 4


def read(value: Any, policy: DeserializationPolicy, **options: Any) -> Any:
    data = pyfory.Fory(xlang=False, ref=True, strict=False).dumps(value)
    return pyfory.Fory(xlang=False, ref=True, strict=False, policy=policy, **options).loads(data)


def questions(value: Any) -> List[Tuple[Any, ...]]:
    policy = Recorder()
    read(value, policy)
    return policy.asked


HERE = __name__


def test_plain_object() -> None:
    assert questions(Plain(7, 8)) == [
        ("module", HERE, False, {}), ("class", Plain, False, {}), ("instance", Plain, {}),
        ("state", Plain, {"a": 7, "b": 8}),
    ]  # fmt: skip


def test_each_instance_is_asked_for() -> None:
    asked = questions([Plain(), Plain()])
    assert [entry[:2] for entry in asked].count(("instance", Plain)) == 2
    assert [entry[:2] for entry in asked].count(("state", Plain)) == 2


def test_slots_are_a_dict_of_fields() -> None:
    value = Slots()
    value.x, value.y = 1, 2
    assert questions(value)[-1] == ("state", Slots, {"x": 1, "y": 2})


def test_state_may_be_changed_in_place() -> None:
    class Edit(DeserializationPolicy):
        def intercept_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
            state["a"] = "changed"
            state.pop("b", None)

    read_back = read(Plain(1, 2), Edit())
    assert vars(read_back) == {"a": "changed"}

    value = Reduced(1)
    assert vars(read(value, Edit()))["a"] == "changed"

    class EditSlots(DeserializationPolicy):
        def intercept_setstate(self, obj: Any, state: Any, **kwargs: Any) -> None:
            state["y"] = state["x"] + 1

    slots = Slots()
    slots.x = 1
    assert read(slots, EditSlots()).y == 2


def test_falsy_states_are_shown() -> None:
    assert ("state", Stateful, {}) in questions(Stateful())


def test_enum_asks_for_its_class_only() -> None:
    assert questions(Colour.RED) == [("module", HERE, False, {}), ("class", Colour, False, {})]


def test_builtins_ask_nothing() -> None:
    value = [1, "a", b"", 2.5, None, {1: (2,)}, {3}, 1j, datetime.date(2020, 1, 1), slice(1), range(3)]
    assert questions(value) == []


def test_reduce() -> None:
    asked = questions(Reduced(1, "a"))
    assert asked == [
        ("module", HERE, False, {}), ("class", Reduced, False, {}), ("instance", Reduced, {}),
        ("call", Reduced, (1, "a")), ("state", Reduced, {"extra": 1}), ("object", Reduced),
    ]  # fmt: skip


def test_items_come_before_inspection() -> None:
    lengths: List[int] = []

    class Look(DeserializationPolicy):
        def inspect_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
            lengths.append(len(obj))

    read(collections.OrderedDict(a=1, b=2), Look())
    read(collections.deque([1, 2, 3]), Look())
    assert lengths == [2, 3]


def test_replaced_call_and_object() -> None:
    class Call(DeserializationPolicy):
        def intercept_reduce_call(self, callable_obj: Any, args: Any, **kwargs: Any) -> Any:
            return Plain("stands", "in") if callable_obj is Reduced else None

    assert type(read(Reduced(1), Call())) is Plain

    class Inspect(DeserializationPolicy):
        def inspect_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
            return "replaced"

    value = Reduced(1)
    first, second = read([value, value], Inspect())
    assert first == second == "replaced"


@pytest.mark.parametrize("names", [
    ("intercept_reduce_call", "inspect_reduced_object", "intercept_setstate"),
    ("check_reduce_callable", "check_restored_reduced_object", "check_setstate"),
])  # fmt: skip
def test_aliases(names: Tuple[str, str, str]) -> None:
    seen: List[str] = []
    policy_class = type("Policy", (DeserializationPolicy,), {
        names[0]: lambda self, callable_obj, args, **kwargs: seen.append("call"),
        names[1]: lambda self, obj, **kwargs: seen.append("object"),
        names[2]: lambda self, obj, state, **kwargs: seen.append("state"),
    })  # fmt: skip
    policy: Any = policy_class()
    read(Reduced(1), policy)
    assert seen == ["call", "state", "object"]
    # whichever name a caller knows it by
    policy.intercept_reduce_call(int, ())
    policy.check_reduce_callable(int, ())
    assert seen[3:] == ["call", "call"]


def test_aliases_return_the_replacement() -> None:
    class Policy(DeserializationPolicy):
        def check_restored_reduced_object(self, obj: Any, **kwargs: Any) -> Any:
            return "replaced"

    assert read(Reduced(1), Policy()) == "replaced"


def test_default_hooks_answer_none() -> None:
    policy = DeserializationPolicy()
    assert policy.intercept_reduce_call(int, ()) is None
    assert policy.check_reduce_callable(int, ()) is None
    assert policy.check_restored_reduced_object(1) is None
    assert policy.check_setstate(1, {}) is None
    assert pyfory.Fory(xlang=False).policy is DEFAULT_POLICY


def test_functions_classes_and_methods_by_name() -> None:
    assert questions(plain_function) == [("module", HERE, False, {}), ("function", plain_function, False, {})]
    assert questions(Plain) == [("module", HERE, False, {}), ("class", Plain, False, {})]
    assert questions(len)[-1] == ("function", len, False, {})
    asked = questions(Plain(1, 2).method)
    assert ("instance", types.MethodType, {"method_name": "method"}) in asked
    assert asked[-1][0] == "method" and asked[-1][1].__func__ is Plain.method


def test_owners_on_the_way_are_shown() -> None:
    asked = questions(Plain.Inner.helper)
    assert [entry[:2] for entry in asked] == [
        ("module", HERE), ("class", Plain), ("class", Plain.Inner), ("function", Plain.Inner.helper),
    ]  # fmt: skip


def test_declaring_base_is_shown() -> None:
    message = HEAD + messages.reference("Child.method", HERE)
    policy = Recorder()
    fory = pyfory.Fory(xlang=False, strict=False, policy=policy)
    assert fory.loads(message) is Plain.method
    assert [entry[:2] for entry in policy.asked] == [
        ("module", HERE), ("class", Child), ("class", Plain), ("function", Plain.method),
    ]  # fmt: skip


def test_local_function_before_its_body() -> None:
    offset = 10

    def local(x: int) -> int:
        return x + offset

    policy = Recorder()
    assert read(local, policy)(1) == 11
    first = [entry for entry in policy.asked if entry[0] == "instance"][0]
    assert first[1:] == (types.FunctionType, {"module": HERE, "qualname": local.__qualname__, "is_local": True})
    last = policy.asked[-1]
    assert last[0] == "function" and last[2] is True

    class Stop(DeserializationPolicy):
        def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
            if cls is types.FunctionType:
                raise Denied("function")

    data = pyfory.Fory(xlang=False, strict=False).dumps(local)
    reader = pyfory.Fory(xlang=False, strict=False, policy=Stop())
    # Nothing of the body is needed to refuse it.
    for end in range(len(data), 1, -1):
        with pytest.raises((Denied, ForyError)) as raised:
            reader.loads(data[:end])
        if raised.type is not Denied:
            break
    assert end < len(data) // 2


def test_local_class_before_its_body() -> None:
    class Local(Plain):
        @classmethod
        def build(cls) -> Any:
            return cls()

    policy = Recorder()
    data = pyfory.Fory(xlang=False, strict=False).dumps(Local)
    pyfory.Fory(xlang=False, strict=False, policy=policy).loads(data)
    made = [entry for entry in policy.asked if entry[:2] == ("instance", type)]
    assert made == [("instance", type, {"module": HERE, "qualname": Local.__qualname__, "bases": (Plain,)})]
    assert [entry[0] for entry in policy.asked if entry[0] == "class" and entry[2]] == ["class", "class"]
    methods = [entry for entry in policy.asked if entry[0] == "method"]
    assert methods and methods[-1][2] is True

    class Stop(DeserializationPolicy):
        def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
            if cls is type:
                raise Denied("class")

        def validate_function(self, func: Any, is_local: bool, **kwargs: Any) -> None:
            raise AssertionError("the body was read")

    with pytest.raises(Denied, match="class"):
        pyfory.Fory(xlang=False, strict=False, policy=Stop()).loads(data)


@pytest.mark.parametrize("hook", [
    "validate_module", "validate_class", "authorize_instantiation", "intercept_reduce_call", "intercept_setstate",
    "inspect_reduced_object",
])  # fmt: skip
def test_exceptions_pass_unchanged(hook: str) -> None:
    error = Denied("unchanged")

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise error

    policy: Any = type("Policy", (DeserializationPolicy,), {hook: refuse})()
    fory = pyfory.Fory(xlang=False, ref=True, strict=False, policy=policy)
    data = pyfory.Fory(xlang=False, ref=True, strict=False).dumps(Reduced(1))
    with pytest.raises(Denied) as raised:
        fory.loads(data)
    assert raised.value is error
    assert fory.loads(fory.dumps({"usable": 1})) == {"usable": 1}


def test_registered_classes_are_shown_too() -> None:
    for options in ({"type_id": 9}, {"name": "x.Plain"}):
        writer = pyfory.Fory(xlang=False, strict=False)
        writer.register(Plain, **options)
        policy = Recorder()
        reader = pyfory.Fory(xlang=False, strict=False, policy=policy)
        reader.register(Plain, **options)
        reader.loads(writer.dumps(Plain()))
        assert [entry[0] for entry in policy.asked] == ["class", "instance", "state"]


def test_copyreg_does_not_hide_the_class() -> None:
    """The function copyreg.__newobj__ called by name makes an instance like any other."""
    asked: List[type] = []

    class Ask(DeserializationPolicy):
        def authorize_instantiation(self, cls: type, **kwargs: Any) -> None:
            asked.append(cls)
            raise Denied("instance")

    for name, args in (
        ("__newobj__", [messages.reference("Plain", HERE)]),
        ("__newobj_ex__", [messages.reference("Plain", HERE), messages.tuple_of(), bytes([TAGS["FORY_N_DICT"]])]),
        ("_reconstructor", [messages.reference("Plain", HERE), messages.reference("object", "builtins"), messages.NONE]),
    ):
        message = HEAD + messages.tag("REDUCE") + messages.reference(name, "copyreg") + messages.values(*args)
        with pytest.raises(Denied):
            pyfory.Fory(xlang=False, strict=False, policy=Ask()).loads(message)
    assert asked == [Plain, Plain, Plain]


# ---- lookups run no code ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["Canary.computed", "Canary.nothing", "Canary.loud", "lazy", "lazy.x", "lazy.__class__", "Canary.method"])
def test_static_lookup(path: str, log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, strict=False, policy=DeserializationPolicy())
    try:
        found = fory.loads(HEAD + messages.reference(path))
    except ForyInvalidDataError:
        found = None
    assert log == ["imported"]
    if path == "Canary.method":
        assert found is sys.modules[CANARY].Canary.method
    if path == "Canary.loud":
        with pytest.raises(ForyInvalidDataError, match="Cannot resolve descriptor 'loud' of 'Canary' safely"):
            fory.loads(HEAD + messages.reference(path))


def test_default_policy_looks_up_as_python_does(log: List[str]) -> None:
    fory = pyfory.Fory(xlang=False, strict=False)
    assert fory.loads(HEAD + messages.reference("lazy.x")) is sys.modules[CANARY].fire
    assert log == ["imported", "__getattr__ x"]


def test_custom_policy_takes_over_in_strict_mode() -> None:
    """It decides on what may be called; classes of instances must be registered still."""
    data = pyfory.Fory(xlang=False, strict=False).dumps([plain_function])
    reader = pyfory.Fory(xlang=False, strict=True, policy=DeserializationPolicy())
    assert reader.loads(data) == [plain_function]
    with pytest.raises(TypeUnregisteredError):
        reader.loads(pyfory.Fory(xlang=False, strict=False).dumps(Plain()))
    reader.register(Plain)
    assert vars(reader.loads(pyfory.Fory(xlang=False, strict=False).dumps(Plain()))) == {"a": 1, "b": 2}
    with pytest.raises(TypeUnregisteredError):
        pyfory.Fory(xlang=False, strict=True).loads(data)


# ---- allowing something, and no more ---------------------------------------------------------------


class OnlyReduced(DeserializationPolicy):
    def validate_class(self, cls: type, **kwargs: Any) -> None:
        if cls is not Reduced:
            raise Denied(cls.__name__)


def test_allow_list() -> None:
    assert read(Reduced(1, 2), OnlyReduced()).args == (1, 2)
    for other in (Plain(), Plain, collections.OrderedDict(), functools.partial(plain_function)):
        with pytest.raises(Denied):
            read(other, OnlyReduced())


def test_pickles_go_through_find_class_too() -> None:
    class Deny(pickle.Unpickler):
        allow_pickle = True

        def find_class(self, module: str, name: str) -> Any:
            raise Denied("%s.%s" % (module, name))

    with pytest.raises(Denied):
        Deny(io.BytesIO(std_pickle.dumps(Plain()))).load()
    with pytest.raises(Denied):
        Deny(io.BytesIO(pickle.dumps(Plain()))).load()

