"""By reference or by value, identity of classes, policies, versions of Python, damage."""

from __future__ import annotations

import abc
import collections
import enum
import functools
import gc
import io
import os.path
import sys
import threading
import types
import typing
import weakref

import pytest

from native import codec as codecs
from pyfory.error import ForyError, ForyInvalidDataError, ForyInvalidError, ForyTypeError, ForyUnsupportedError
from pyfory.native import bytecode, code, kinds
from pyfory.native.references import reference_of, register_by_value, resolve, unregister_by_value
from pyfory.policy import DEFAULT_POLICY, DeserializationPolicy

PAIRS = codecs.pairs()


@pytest.fixture(params=PAIRS, ids=[pair.name for pair in PAIRS])
def codec(request):
    return request.param


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj, expected",
    [
        (int, ("builtins", "int")),
        (len, ("builtins", "len")),
        (str.upper, ("builtins", "str.upper")),
        (dict.fromkeys, ("builtins", "dict.fromkeys")),
        (tuple.__new__, ("builtins", "tuple.__new__")),
        (object.__init__, ("builtins", "object.__init__")),
        (type(None), ("builtins", "None.__class__")),
        (types.FunctionType, ("types", "FunctionType")),
        (os.path.join, (os.path.__name__, "join")),
        (collections.OrderedDict, ("collections", "OrderedDict")),
        (abc.ABCMeta.register, ("abc", "ABCMeta.register")),
        (enum.Enum, ("enum", "Enum")),
        (typing.NamedTuple, ("typing", "NamedTuple") if isinstance(typing.NamedTuple, (type, types.FunctionType)) else None),
        (typing.AnyStr, ("typing", "AnyStr")),
        (functools.partial, ("functools", "partial")),
        ([].append, None),
        ("x".upper, None),
        (lambda: 0, None),
        (3, None),
        (None, None),
        (sys, None),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_reference_of(obj, expected):
    assert reference_of(obj) == expected
    if expected is not None:
        assert resolve(expected[0], expected[1], DEFAULT_POLICY) == obj


def test_not_by_reference():
    def local():
        pass

    class Local:
        def method(self):
            pass

    assert reference_of(local) is None
    assert reference_of(Local) is None
    assert reference_of(Local.method) is None
    program = codecs.program("def f(): pass\nclass C: pass")
    assert reference_of(program["f"]) is None and reference_of(program["C"]) is None
    # the name leads to another object
    fake = types.FunctionType(local.__code__, {})
    fake.__module__, fake.__qualname__ = "os.path", "join"
    assert reference_of(fake) is None
    # a module that nobody can import
    made = types.ModuleType("made_by_hand")
    exec("def f(): pass\nclass C: pass", vars(made))
    sys.modules["made_by_hand"] = made
    try:
        assert made.f.__module__ == "made_by_hand"
        assert reference_of(made.f) is None and reference_of(made.C) is None
    finally:
        del sys.modules["made_by_hand"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "bycode_package"
    root.mkdir()
    (root / "__init__.py").write_text("import types, sys\nmade = types.ModuleType(__name__ + '.made')\n"
                                      "exec('def g(): return 5', vars(made))\nsys.modules[made.__name__] = made\n")
    (root / "inner.py").write_text(
        "import functools\n"
        "STEP = 2\n"
        "def f(x): return x + STEP\n"
        "class C:\n"
        "    def m(self): return f(1)\n"
        "    @classmethod\n"
        "    def c(cls): return cls\n"
        "    @property\n"
        "    def p(self): return 1\n"
        "def deco(g):\n"
        "    @functools.wraps(g)\n"
        "    def w(*a): return g(*a)\n"
        "    return w\n"
        "@deco\n"
        "def wrapped(x): return x\n"
        "@functools.lru_cache(None)\n"
        "def cached(x): return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    yield importlib.import_module("bycode_package.inner")
    for name in [n for n in sys.modules if n.startswith("bycode_package")]:
        del sys.modules[name]


def test_references_behind_decorators(package):
    name = package.__name__
    assert reference_of(package.C.c.__func__) == (name, "C.c.__func__")
    assert reference_of(vars(package.C)["p"].fget) == (name, "C.p.fget")
    assert reference_of(package.wrapped) == (name, "wrapped")
    assert reference_of(package.wrapped.__wrapped__) == (name, "wrapped.__wrapped__")
    assert reference_of(package.cached) == (name, "cached")
    assert reference_of(package.cached.__wrapped__) == (name, "cached.__wrapped__")
    for obj in (package.C.c.__func__, package.wrapped.__wrapped__, package.cached, vars(package.C)["p"].fget):
        assert resolve(*reference_of(obj), DEFAULT_POLICY) is obj
        assert resolve(*reference_of(obj), DeserializationPolicy()) is obj


def test_modules_made_while_their_package_is_imported(package):
    made = sys.modules["bycode_package.made"]
    assert reference_of(made.g) == ("bycode_package.made", "g")


def test_register_by_value(codec, package):
    assert reference_of(package.f) is not None
    parent = sys.modules["bycode_package"]
    register_by_value(parent)
    try:
        assert reference_of(package.f) is None and reference_of(package.C) is None
        data = codec.dumps([package.f, package.C, package.C()])
    finally:
        unregister_by_value(parent)
    assert reference_of(package.f) is not None
    # no path to the package here
    codecs.read_elsewhere(
        codec, data, "import sys; f, C, c = obj; assert f(1) == 3 and C().m() == 3 and type(c) is C; assert 'bycode_package' not in sys.modules"
    )
    with pytest.raises(ForyInvalidError):
        unregister_by_value(parent)
    with pytest.raises(ForyInvalidError):
        register_by_value(types.ModuleType("not_there"))
    with pytest.raises(ForyTypeError):
        register_by_value("bycode_package")
    with pytest.raises(ForyTypeError):
        unregister_by_value(3)


def test_module_registered_by_value_travels_whole(codec, package):
    register_by_value(package)
    try:
        data = codec.dumps(package)
    finally:
        unregister_by_value(package)
    codecs.read_elsewhere(codec, data, "import sys; assert obj.f(1) == 3 and obj.C().m() == 3 and obj.__name__ not in sys.modules")


def test_by_reference_is_the_same_object(codec, package):
    for obj in (package.f, package.C, package.wrapped, package.cached, len, dict.fromkeys, package):
        assert codec.loads(codec.dumps(obj)) == obj
    assert codec.loads(codec.dumps(package.C.c))() is package.C


# --- identity ------------------------------------------------------------------------------------

CLASS = """
class C:
    n = 0
    def f(self): return C
value = C
"""


def test_class_comes_home(codec):
    cls = codecs.program(CLASS)["value"]
    data = codec.dumps(cls)
    cls.n = 5
    assert codec.loads(data) is cls
    assert cls.n == 5  # not reset
    assert type(codec.loads(codec.dumps(cls()))) is cls


def test_same_class_twice_in_a_process(codec):
    program = codecs.program(CLASS)
    first, second = codec.dumps(program["value"]), codec.dumps([program["value"](), program["value"]])
    check = """
    import pickle
    first, second = pickle.loads(obj)
    cls = loads(first)
    cls.n = 9
    instance, again = loads(second)
    assert again is cls and type(instance) is cls and cls.n == 9 and instance.f() is cls
    sys.stdout.write(dumps(cls).hex())
    """
    import pickle

    printed = codecs.read_elsewhere(codec, codec.dumps(pickle.dumps([first, second])), check)
    assert codec.loads(bytes.fromhex(printed)) is program["value"]


def test_two_definitions_are_two_classes(codec):
    a, b = codecs.program(CLASS)["value"], codecs.program(CLASS)["value"]
    codecs.read_elsewhere(codec, codec.dumps([a, b, a]), "a, b, c = obj; assert a is c is not b and a().f() is a and b().f() is b")


def test_enums_and_type_variables_come_home(codec):
    program = codecs.program(
        "import enum, typing\nclass E(enum.Enum):\n    A = 1\nT = typing.TypeVar('T')\nvalue = [E, E.A, T, typing.List[T]]"
    )
    value = program["value"]
    back = codec.loads(codec.dumps(value))
    assert back[0] is value[0] and back[1] is value[1] and back[2] is value[2] and back[3] == value[3]


def test_tracked_classes_are_not_kept_alive(codec):
    program = codecs.program(CLASS)
    reference = weakref.ref(program["value"])
    data = codec.dumps(program["value"])
    program.clear()
    gc.collect()
    assert reference() is None
    cls = codec.loads(data)
    assert cls.n == 0 and codec.loads(data) is cls


SCRIPT = """
import sys, dataclasses, enum
sys.path.insert(0, %r)
from native import codec as codecs
codec = [c for c in codecs.pairs() if c.name == %r][0]
@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
    marks: tuple = (1, 'a', None)
    def size(self, *, scale=1.5): return [scale * i for i in {1, 2, self.x}]
    class Inner:
        def f(self): return lambda: self
    @property
    def double(self): return self.x * 2
class Color(enum.Enum):
    RED = 1
    def other(self): return TABLE
TABLE = {Color.RED: Point(3)}
%s
if sys.argv[1:] == ['write']:
    sys.stdout.buffer.write(codec.dumps([Point(1), Point.Inner(), Color.RED, Changed(), Renumbered.A, Factory()]))
else:
    point, inner, red, changed, renumbered, factory = codec.loads(sys.stdin.buffer.read())
    assert type(renumbered) is not Renumbered and renumbered.value == 1
    assert type(factory) is not Factory and factory.x == [] and type(factory)().x == []
    assert type(point) is Point and point == Point(1) and type(inner) is Point.Inner and red is Color.RED
    assert type(changed) is not Changed and changed.f() == 1, changed.f()
"""


CHANGING = """
class Changed:
    def f(self): return %d
class Renumbered(enum.Enum):
    A = %d
@dataclasses.dataclass
class Factory:
    x: object = dataclasses.field(default_factory=%s)
"""


def test_next_run_of_a_program_knows_its_classes(codec, tmp_path):
    import subprocess

    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text(SCRIPT % (codecs.TESTS, codec.name, CHANGING % (1, 1, "list")))
    second.write_text(SCRIPT % (codecs.TESTS, codec.name, CHANGING % (2, 2, "dict")))
    written = subprocess.run([sys.executable, str(first), "write"], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    subprocess.run([sys.executable, str(second), "read"], input=written, check=True, timeout=60)


def test_functions_of_separate_payloads_are_separate(codec):
    program = codecs.program("k = [1]\ndef f(): return k\nvalue = f")
    data = codec.dumps(program["value"])
    f, g = codec.loads(data), codec.loads(data)
    f().append(2)
    assert g() == [1] and f.__globals__ is not g.__globals__ and program["k"] == [1]


def test_same_value_gives_the_same_bytes(codec):
    program = codecs.program(CLASS + "def f(a, b=1): return [C, len(a)]\nvalue = [C, f, C()]")
    data = codec.dumps(program["value"])
    assert codec.dumps(program["value"]) == data
    if codec.name == "pickle":
        return  # its memo also depends on which equal strings are one object
    printed = codecs.read_elsewhere(codec, data, "sys.stdout.write(dumps(obj).hex())")
    assert bytes.fromhex(printed) == data


def test_threads_that_read_one_class_get_one_class(codec):
    program = codecs.program(CLASS)
    data = codec.dumps([program["value"]] * 2 + [program["value"]()])
    program.clear()
    gc.collect()
    found = []
    barrier = threading.Barrier(4)

    def read():
        barrier.wait()
        found.append(codec.loads(data))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(cls) for cls, _, _ in found}) == 1
    assert all(type(instance) is cls and instance.f() is cls for cls, _, instance in found)


# --- versions ------------------------------------------------------------------------------------


def test_bytecode_of_another_version(codec, monkeypatch):
    f = codecs.program("def f(): pass")["f"]
    from pyfory.native import functions

    for module in (functions, bytecode):
        monkeypatch.setattr(module, "PYTHON", "3.99")
        monkeypatch.setattr(module, "MAGIC", 9999)
    data, raw = codec.dumps(f), codec.dumps(f.__code__)
    monkeypatch.undo()
    for payload in (data, raw):
        with pytest.raises(ForyError) as caught:
            codec.loads(payload)
        assert "3.99" in str(caught.value) and "%d.%d" % sys.version_info[:2] in str(caught.value)
        assert "'f'" in str(caught.value)


# --- policies ------------------------------------------------------------------------------------


class Recorder(DeserializationPolicy):
    def __init__(self):
        self.calls = []

    def validate_module(self, module_name, *, is_local, **kwargs):
        self.calls.append(("module", module_name, is_local))

    def validate_class(self, cls, *, is_local, **kwargs):
        self.calls.append(("class", cls.__name__, is_local))

    def validate_function(self, func, is_local, **kwargs):
        self.calls.append(("function", func.__name__, is_local))

    def validate_method(self, method, is_local, **kwargs):
        self.calls.append(("method", method.__name__, is_local))

    def authorize_instantiation(self, cls, **kwargs):
        self.calls.append(("make", cls, kwargs))


def test_policy_sees_functions(codec):
    f = codecs.program("def f(): pass")["f"]
    policy = Recorder()
    codec.loads(codec.dumps(f), policy=policy)
    assert policy.calls == [
        ("module", "__main__", True),
        ("make", types.FunctionType, {"module": "__main__", "qualname": "f", "is_local": True}),
        ("function", "f", True),
    ]


def test_policy_sees_classes(codec):
    program = codecs.program("class A(Exception):\n    @classmethod\n    def make(cls): pass\nvalue = A")
    policy = Recorder()
    codec.loads(codec.dumps(program["value"]), policy=policy)
    calls = [call for call in policy.calls if call[0] != "function" and call[1] is not types.FunctionType]
    assert ("make", type, {"module": "__main__", "qualname": "A", "bases": (Exception,)}) in calls
    assert calls.count(("class", "A", True)) == 2 and calls[-1] == ("class", "A", True)
    assert ("method", "make", True) in calls and ("class", "Exception", False) in calls


def test_policy_sees_methods_and_modules(codec):
    import json

    program = codecs.program("class A:\n    def f(self): pass\na = A()")
    policy = Recorder()
    codec.loads(codec.dumps(program["a"].f), policy=policy)
    assert ("make", types.MethodType, {"method_name": "f"}) in policy.calls and ("method", "f", True) in policy.calls
    policy = Recorder()
    codec.loads(codec.dumps(json), policy=policy)
    assert ("module", "json", False) in policy.calls


@pytest.mark.parametrize("hook", ["validate_module", "authorize_instantiation", "validate_function", "validate_class", "validate_method"])
def test_policy_refuses(codec, hook):
    class Refused(Exception):
        pass

    def refuse(self, *args, **kwargs):
        raise Refused

    policy = type("Deny", (DeserializationPolicy,), {hook: refuse})()
    program = codecs.program(
        "import json\nclass A:\n    @classmethod\n    def c(cls): pass\n    def f(self): return json\nvalue = [A, A().f]"
    )
    data = codec.dumps(program["value"])
    with pytest.raises(Refused):
        codec.loads(data, policy=policy)


def test_no_code_of_the_payload_runs_under_a_policy():
    """A name that leads through a descriptor of a class with a metaclass is looked up statically."""
    ran = []

    class Meta(type):
        def __getattr__(cls, name):
            ran.append(name)

    class Trap:
        def __get__(self, obj, cls):
            ran.append("get")

    class C(metaclass=Meta):
        trap = Trap()

    module = types.ModuleType("bycode_trap")
    module.C = C
    module.__getattr__ = lambda name: ran.append(name)
    sys.modules["bycode_trap"] = module
    try:
        for qualname in ("C.trap", "C.nothing", "nothing"):
            with pytest.raises(ForyInvalidDataError):
                resolve("bycode_trap", qualname, DeserializationPolicy())
    finally:
        del sys.modules["bycode_trap"]
    session = {}
    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.METHOD, ("trap",), (C(),), DeserializationPolicy(), session)
    assert ran == []


# --- refusals ------------------------------------------------------------------------------------


def test_objects_of_a_process_are_refused(codec, tmp_path):
    def generator():
        yield

    async def coroutine():
        pass

    (tmp_path / "file").write_text("x")
    waiting = coroutine()
    with open(str(tmp_path / "file")) as text, open(str(tmp_path / "file"), "rb") as binary:
        for obj in (text, binary, generator(), waiting, sys._getframe()):
            with pytest.raises(ForyUnsupportedError) as caught:
                codec.dumps([obj])
            assert "cannot be serialized" in str(caught.value)
        with pytest.raises(ForyUnsupportedError, match="file"):
            codec.dumps(lambda: text)
    waiting.close()


def test_classes_written_in_c_are_refused_unless_found():
    scanner = type(iter([]))  # list_iterator has no name of its own
    assert reference_of(scanner) == ("_collections_abc", "list_iterator")
    hidden = type(sys.flags)
    if reference_of(hidden) is None:
        with pytest.raises(ForyUnsupportedError, match="not written in Python"):
            code.capture(hidden, {})


def test_not_code():
    for obj in (1, "x", None, [], {}, object(), io.BytesIO(), functools.partial(len)):
        assert code.capture(obj, {}) is None


# --- damage --------------------------------------------------------------------------------------


def every_record():
    """One record of each kind, as captured."""
    program = codecs.program(
        """
        import functools, weakref, enum, dataclasses, types, typing
        def outer(x):
            def inner(y: int = 1) -> int: return x + y
            return inner
        class Base: pass
        class C(Base):
            def __new__(cls): return super().__new__(cls)
            @property
            def p(self): return 1
            @staticmethod
            def s(): pass
            @classmethod
            def c(cls): pass
            q = functools.partialmethod(outer, 1)
        class E(enum.Enum):
            A = 1
        @functools.lru_cache(None)
        def fib(n): return fib
        T = typing.TypeVar('T')
        m = types.ModuleType('m'); m.x = 1
        def global_(): return fib
        value = [outer(1), C, E, fib, T, m, C().__init__, [].append, weakref.WeakSet(), weakref.WeakKeyDictionary(),
                 dataclasses.MISSING, C.c, global_, outer(2).__closure__[0], functools, typing.NewType('N', int)]
        """
    )
    session = {}
    records = {}
    seen = set()

    def walk(obj):
        if id(obj) in seen:
            return
        seen.add(id(obj))
        if type(obj) in (list, tuple):
            for item in obj:
                walk(item)
        elif type(obj) is dict:
            for item in obj.values():
                walk(item)
        elif reference_of(obj) is None:
            captured = code.capture(obj, session)
            if captured is not None:
                records.setdefault(captured[0], captured)
                walk(captured[2])
                walk(captured[3])

    walk(program["value"])
    return program, session, records


def victim_of(kind):
    """An object such as the record of that kind would fill."""
    if kind in (kinds.FUNCTION, kinds.FUNCTION_SHELL, kinds.FUNCTION_BODY):
        cell = types.CellType(1)
        return types.FunctionType((lambda cell: lambda: cell)(0).__code__, {"__builtins__": __builtins__}, "f", None, (cell,))
    if kind in (kinds.CLASS, kinds.CLASS_BODY):
        cls = types.new_class("Victim")
        code.classes.tracker.add("%032x" % id(cls), cls, unfinished=True)
        return cls
    if kind == kinds.MODULE_VALUE:
        return types.ModuleType("victim")
    made = {
        kinds.CELL: types.CellType, kinds.PROPERTY: property, kinds.STATICMETHOD: lambda: staticmethod(len),
        kinds.CLASSMETHOD: lambda: classmethod(len), kinds.LRU_CACHE: lambda: functools.lru_cache(None)(len),
        kinds.CACHED_PROPERTY: lambda: functools.cached_property(len), kinds.PARTIALMETHOD: lambda: functools.partialmethod(len),
        kinds.WEAK_SET: weakref.WeakSet, kinds.WEAK_DICT: weakref.WeakKeyDictionary,
    }  # fmt: skip
    return made.get(kind, object)()


def test_damaged_records_end_in_our_errors():
    program, session, records = every_record()
    assert len(records) >= 22, sorted(records)
    junk = [(), (1,), ("x", 2), (None,) * 12, ({}, [], ()), ("x",) * 5, ("x", "y", "z", "w", 1), "text", None, 7, (types, 1, 2)]
    for kind, (_, header, args, state) in sorted(records.items()):
        for bad in junk:
            for policy in (DEFAULT_POLICY, DeserializationPolicy()):
                if bad != header:
                    try:
                        code.authorize(kind, bad, policy)
                        code.build(kind, bad, (), policy, {})
                    except (ForyError, ImportError):
                        pass
                if bad != args:
                    try:
                        code.build(kind, header, bad, policy, {})
                    except (ForyError, AttributeError):
                        pass
        junk_states = [None, 7, "text", [], {}, [1, 2, 3], (), (None,), (1, 2), ({},), ([], {}), (None,) * 6, (7,) * 6, (7,) * 12, ({1: 2},) * 6]
        for bad in junk_states + [tuple(bad if i == n else v for i, v in enumerate(state)) for n in range(12)
                                  if type(state) is tuple and n < len(state) for bad in (7, "x", (7,), {7: 7}, [7])]:
            victim = victim_of(kind)
            try:
                code.finish(kind, victim, bad, DEFAULT_POLICY, {})
            except ForyError:
                pass
    for kind in (0, -1, 999, "x", None):
        with pytest.raises(ForyInvalidDataError):
            code.authorize(kind, (), DEFAULT_POLICY)
        with pytest.raises(ForyInvalidDataError):
            code.build(kind, (), (), DEFAULT_POLICY, {})


def test_records_fill_only_objects_of_their_own_payload():
    def victim():
        return 1

    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.FUNCTION_BODY, (), (victim,), DEFAULT_POLICY, {})
    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.CLASS_BODY, (), (collections.OrderedDict,), DEFAULT_POLICY, {})
    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.CELL, (), (types.CellType(),), DEFAULT_POLICY, {})
    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.MODULE_VALUE, ("m",), (vars(collections),), DEFAULT_POLICY, {})
    header = ("m", "f", "f", bytecode.PYTHON, bytecode.MAGIC)
    with pytest.raises(ForyInvalidDataError):
        code.build(kinds.FUNCTION, header, (victim.__code__, vars(collections), None), DEFAULT_POLICY, {})
    # the dict of a class that is not the payload's comes as a copy
    namespace = code.build(kinds.CLASS_NAMESPACE, (), (collections.OrderedDict,), DEFAULT_POLICY, {})
    namespace["injected"] = 1
    assert not hasattr(collections.OrderedDict, "injected")


def test_what_code_takes_is_not_taken_for_ordinary_objects():
    """`may_be_code` decides without importing `pyfory.native.code`, so it must never be narrower."""
    import dataclasses
    import importlib
    import io
    import typing

    from pyfory.native import classify, code, parts

    taken = list(code._CAPTURE) + [base for base, _ in code._SUBCLASSES]
    taken += [getattr(typing, name) for name in ("NewType", "TypeAliasType") if isinstance(getattr(typing, name, None), type)]
    for module, name in parts.SENTINELS:
        found = getattr(importlib.import_module(module), name, None)
        if type(found).__name__ in parts.SENTINEL_TYPES or isinstance(found, io.TextIOWrapper):
            taken.append(type(found))
    taken += [type("Sub", (base,), {}) for base in (type, property, staticmethod, io.TextIOWrapper)]
    assert type(dataclasses.MISSING) in taken
    assert [cls for cls in taken if not classify.may_be_code(cls)] == []
    assert not classify.may_be_code(type("Own", (), {}))


def test_impossible_code_is_damage():
    """The interpreter takes some of it for an error of its own."""
    from pyfory.native import bytecode, kinds

    def f(a, b):
        return a

    _, header, args, _ = bytecode.capture_code(f.__code__, kinds.WriteSession())
    for i, arg in enumerate(args):
        if type(arg) is int:
            for value in (-1, 1000):
                try:
                    bytecode.build_code(header, args[:i] + (value,) + args[i + 1 :], None, kinds.ReadSession())
                except ForyInvalidDataError:
                    pass
