"""Functions, classes and modules by value: every case is written by a program
and read by a process that never saw the program's source."""

from __future__ import annotations

import sys

import pytest

from native import codec as codecs

PAIRS = codecs.pairs()


@pytest.fixture(params=PAIRS, ids=[pair.name for pair in PAIRS])
def codec(request):
    return request.param


class Case:
    def __init__(self, name, source, check, since=(3, 8), until=(4,)):
        self.name, self.source, self.check = name, source, check
        self.since, self.until = since, until


CASES = [
    # --- functions
    Case("lambda", "value = lambda x: x + 1", "assert obj(2) == 3; assert obj.__name__ == '<lambda>'"),
    Case(
        "defaults",
        """
        def value(a, b=2, /, c=[3], *args, d=4, e, **kw):
            "doc"
            return a, b, c, args, d, e, kw
        """,
        """
        assert obj(1, e=5) == (1, 2, [3], (), 4, 5, {})
        assert obj(1, 0, 0, 9, d=1, e=2, z=3) == (1, 0, 0, (9,), 1, 2, {'z': 3})
        assert obj.__doc__ == 'doc' and obj.__kwdefaults__ == {'d': 4} and obj.__defaults__ == (2, [3])
        assert obj.__module__ == '__main__' and obj.__qualname__ == obj.__name__ == 'value'
        """,
    ),
    Case(
        "annotations",
        """
        def value(a: int, b: 'str' = '') -> list: pass
        """,
        "assert obj.__annotations__ == {'a': int, 'b': 'str', 'return': list}",
    ),
    Case(
        "attributes",
        """
        def value(): return value.calls
        value.calls = [1]
        value.me = value
        value.__doc__ = None
        """,
        "assert obj() == [1] and obj() is obj.calls and obj.me is obj and obj.__doc__ is None",
    ),
    Case(
        "closure",
        """
        def outer(n):
            def inner(x): return x * n
            return inner
        value = outer(10)
        """,
        "assert obj(4) == 40 and obj.__qualname__ == 'outer.<locals>.inner'",
    ),
    Case(
        "shared-cell",
        """
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
            def get(): return n
            return up, get
        value = counter()
        value[0]()
        """,
        "up, get = obj; up(); up(); assert get() == 3",
    ),
    Case(
        "empty-cell",
        """
        def outer():
            def inner(): return late
            yield inner
            late = 1
        value = next(outer())
        """,
        """
        try: obj()
        except NameError: pass
        else: raise AssertionError
        assert len(obj.__closure__) == 1
        """,
    ),
    Case(
        "recursive-closure",
        """
        def outer():
            def fact(n): return 1 if n < 2 else n * fact(n - 1)
            return fact
        value = outer()
        """,
        "assert obj(5) == 120; assert obj.__closure__[0].cell_contents is obj",
    ),
    Case(
        "recursive-global",
        """
        def value(n): return 1 if n < 2 else n * value(n - 1)
        """,
        "assert obj(5) == 120; assert obj.__globals__['value'] is obj",
    ),
    Case(
        "mutual-recursion",
        """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        value = [even, odd]
        """,
        "assert obj[0](10) and obj[1](7); assert obj[0].__globals__ is obj[1].__globals__",
    ),
    Case(
        "referenced-globals-only",
        """
        used, also, unused, path = 1, 2, object(), 4
        def value(o):
            def deeper():
                class Inner:
                    there = also
                    def m(self): return used
                return Inner
            return deeper, o.path
        """,
        """
        got = {name for name in obj.__globals__ if not name.startswith('__')}
        assert got == {'used', 'also'}, got
        """,
    ),
    Case(
        "global-statement",
        """
        total = 1
        def add(n):
            global total
            total += n
        def get(): return total
        value = (add, get)
        """,
        "obj[0](5); assert obj[1]() == 6",
    ),
    Case("cell", "def f(x):\n    return lambda: x\nvalue = f(3).__closure__", "assert obj[0].cell_contents == 3"),
    Case(
        "cell-shared-with-function",
        """
        def f(x):
            g = lambda: x
            return g.__closure__[0], g
        value = f(3)
        """,
        "cell, g = obj; cell.cell_contents = 4; assert g() == 4 and g.__closure__[0] is cell",
    ),
    Case("code", "def f(x):\n    return x + 1\nvalue = f.__code__", "assert eval('f(1)', {'f': type(lambda: 0)(obj, {})}) == 2"),
    Case(
        "code-fields",
        """
        def f(a, b, *, c):
            try:
                for i in range(3):
                    if i == a: raise KeyError(i)
            except KeyError as e:
                return [e.args[0] + x for x in (1, 2, ..., -0.0, 1j, frozenset({1})) if isinstance(x, int)]
            finally:
                c.append(b)
        names = [n for n in dir(f.__code__) if n.startswith('co_') and n not in ('co_lines', 'co_positions', 'co_branches', 'co_lnotab')]
        value = (f, {n: getattr(f.__code__, n) for n in names}, list(f.__code__.co_positions()) if hasattr(f.__code__, 'co_positions') else [])
        """,
        """
        f, fields, positions = obj
        got = {n: getattr(f.__code__, n) for n in fields}
        assert got == fields, [(n, got[n], fields[n]) for n in got if got[n] != fields[n]]
        if positions: assert list(f.__code__.co_positions()) == positions
        done = []
        assert f(1, 2, c=done) == [2, 3] and done == [2]
        """,
    ),
    Case(
        "generator-function",
        "def value(n):\n    got = yield n\n    yield got * 2",
        "g = obj(1); assert next(g) == 1 and g.send(4) == 8",
    ),
    Case(
        "async",
        """
        import asyncio
        async def helper(x): return x + 1
        async def gen(n):
            for i in range(n): yield i
        async def value(n):
            return [await helper(i) async for i in gen(n)]
        """,
        "import asyncio, inspect; assert asyncio.run(obj(3)) == [1, 2, 3] and inspect.iscoroutinefunction(obj)",
    ),
    Case(
        "submodule-attribute",
        """
        import concurrent.futures
        import xml.dom.minidom
        def value():
            return concurrent.futures.Future, xml.dom.minidom.parseString
        """,
        "assert obj()[0].__name__ == 'Future'",
    ),
    Case(
        "submodule-in-closure",
        """
        def make():
            import xml.dom.minidom
            return lambda: xml.dom.minidom.parseString
        value = make()
        """,
        "assert obj().__name__ == 'parseString'",
    ),
    Case(
        "relative-import-package",
        """
        __package__ = 'json'
        def value():
            from . import decoder
            return decoder
        """,
        "assert obj().__name__ == 'json.decoder'",
    ),
    Case(
        "decorator",
        """
        import functools
        def twice(f):
            @functools.wraps(f)
            def wrapper(*args): return f(f(*args))
            return wrapper
        @twice
        def value(x):
            "adds"
            return x + 1
        """,
        "assert obj(1) == 3 and obj.__doc__ == 'adds' and obj.__wrapped__(1) == 2",
    ),
    Case(
        "lru-cache",
        """
        import functools
        @functools.lru_cache(maxsize=7)
        def value(n): return n if n < 2 else value(n - 1) + value(n - 2)
        value(5)
        """,
        """
        assert obj.cache_info().maxsize == 7 and obj.cache_info().currsize == 0
        assert obj(30) == 832040 and obj.cache_info().currsize == 7
        assert obj.__wrapped__.__globals__['value'] is obj
        """,
    ),
    Case(
        "lru-cache-function-first",
        """
        import functools
        @functools.lru_cache(maxsize=None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        value = [fib.__wrapped__, fib]
        """,
        "assert obj[1](30) == 832040 and obj[1].__wrapped__ is obj[0] and obj[0].__globals__['fib'] is obj[1]",
    ),
    Case(
        "partial",
        """
        import functools
        def f(a, b, c): return a, b, c
        value = functools.partial(f, 1, c=3)
        """,
        "assert obj(2) == (1, 2, 3)",
    ),
    Case(
        "singledispatch",
        """
        import functools
        @functools.singledispatch
        def value(x): return 'other'
        @value.register(int)
        def _(x): return 'int'
        class Mine: pass
        @value.register(Mine)
        def _(x): return 'mine'
        make = Mine
        value.make = Mine
        """,
        """
        assert obj('') == 'other' and obj(1) == 'int' and obj(obj.make()) == 'mine'
        obj.register(str)(lambda x: 'str')
        assert obj('') == 'str'
        """,
    ),
    Case(
        "contextmanager",
        """
        import contextlib
        @contextlib.contextmanager
        def value(log):
            log.append('in')
            yield 5
            log.append('out')
        """,
        "log = []\nwith obj(log) as five:\n    assert five == 5\nassert log == ['in', 'out']",
    ),
    Case(
        "exec-namespace",
        """
        scope = {'k': 2}
        exec('def f(x): return x * k', scope)
        value = scope['f']
        """,
        "assert obj(3) == 6 and obj.__module__ in (None, 'builtins')",
    ),
    Case(
        "different-globals-stay-different",
        """
        a, b = {'k': 1, '__name__': '__main__'}, {'k': 2, '__name__': '__main__'}
        for scope in (a, b):
            exec('def f(): return k\\ndef g(): return k', scope)
        value = [a['f'], a['g'], b['f']]
        """,
        "f, g, h = obj; assert f() == 1 and h() == 2; assert f.__globals__ is g.__globals__ is not h.__globals__",
    ),
    Case(
        "builtins-are-there",
        "def value(): return len([print, dict, __import__])",
        "assert obj() == 3 and obj.__globals__['__builtins__'] is not None",
    ),
    Case(
        "type-params",
        """
        def value[T: int, *Ts, **P](x: T) -> list[T]: return x
        """,
        """
        T, Ts, P = obj.__type_params__
        assert T.__name__ == 'T' and T.__bound__ is int and obj.__annotations__['x'] is T
        """,
        since=(3, 12),
    ),
    # --- classes
    Case(
        "class",
        """
        class value:
            "doc"
            count = 3
            __private = 4
            def __init__(self, x): self.x = x
            def get(self): return self.x, self.__private
            @staticmethod
            def s(a): return a * 2
            @classmethod
            def c(cls, a): return cls, a
            @property
            def p(self): return -self.x
            @p.setter
            def p(self, v): self.x = v
        """,
        """
        o = obj(3)
        assert o.get() == (3, 4) and obj.s(2) == 4 and obj.c(1) == (obj, 1) and o.p == -3
        o.p = 9; assert o.x == 9 and obj.__doc__ == 'doc' and obj.__name__ == 'value' and obj.__module__ == '__main__'
        assert list(n for n in vars(obj) if not n.startswith('__')) == ['count', '_value__private', 'get', 's', 'c', 'p']
        """,
    ),
    Case(
        "super",
        """
        class A:
            def f(self): return ['A']
            @classmethod
            def make(cls): return cls()
        class B(A):
            def f(self): return super().f() + ['B']
            @classmethod
            def make(cls): return super().make()
            def me(self): return __class__
        value = B
        """,
        "b = obj.make(); assert b.f() == ['A', 'B'] and b.me() is obj and obj.__mro__[1].__name__ == 'A'",
    ),
    Case(
        "nested-class",
        """
        class value:
            class Inner:
                x = 1
            def inner(self): return value.Inner()
        """,
        "assert obj().inner().x == 1 and obj.Inner.__qualname__ == 'value.Inner'",
    ),
    Case(
        "instance",
        """
        class C:
            def __init__(self): self.me = self; self.cls = C
        value = C()
        """,
        "assert obj.me is obj and obj.cls is type(obj)",
    ),
    Case(
        "class-refers-to-instances",
        """
        class C:
            registry = {}
            def __init__(self, name): self.registry[name] = self
        one = C('one')
        value = C
        """,
        "assert type(obj.registry['one']) is obj",
    ),
    Case(
        "slots",
        """
        class A:
            __slots__ = ['x', '__y', '__weakref__']
            def __init__(self): self.x = 1; self.__y = 2
            def y(self): return self.__y
        class B(A):
            __slots__ = {'z': 'documented'}
        class C:
            __slots__ = iter(('p', 'q'))
        class D(B): pass
        value = (A, B, C, D)
        """,
        """
        A, B, C, D = obj
        a = B(); a.z = 3
        assert (a.x, a.y(), a.z) == (1, 2, 3) and not hasattr(a, '__dict__') and A.__slots__ == ['x', '__y', '__weakref__']
        assert B.__slots__ == {'z': 'documented'}
        c = C(); c.p = 1; c.q = 2
        try: c.r = 1
        except AttributeError: pass
        else: raise AssertionError
        D().r = 1
        import weakref; weakref.ref(a)
        """,
    ),
    Case(
        "metaclass",
        """
        log = []
        class Meta(type):
            def __new__(m, name, bases, ns, **kw):
                ns['made'] = True
                log.append(name)
                return super().__new__(m, name, bases, dict(ns), )
            def __init__(cls, name, bases, ns, must): cls.must = must
            @classmethod
            def __prepare__(m, name, bases, **kw):
                import collections
                return collections.OrderedDict(prepared=1)
            def __len__(cls): return 5
            def __setattr__(cls, name, value):
                if name == 'frozen': raise AttributeError
                super().__setattr__(name, value)
            def __eq__(cls, other): return True
            __hash__ = None
        class value(metaclass=Meta, must=7):
            frozen = 1
            def f(self): return log
        """,
        """
        assert obj.made and obj.must == 7 and obj.prepared == 1 and len(obj) == 5 and type(obj).__name__ == 'Meta'
        assert obj().f() == ['value'], 'hooks ran again'
        assert obj.frozen == 1
        """,
    ),
    Case(
        "metaclass-registry",
        """
        class Meta(type):
            registry = []
            def __init__(cls, *a):
                super().__init__(*a)
                Meta.registry.append(cls)
        class A(metaclass=Meta): pass
        class B(A): pass
        value = B
        """,
        "M = type(obj); assert [c.__name__ for c in M.registry] == ['A', 'B'] and M.registry[1] is obj and obj.__base__ is M.registry[0]",
    ),
    Case(
        "init-subclass",
        """
        class Base:
            known = {}
            def __init_subclass__(cls, key, **kw):
                super().__init_subclass__(**kw)
                if key in Base.known: raise ValueError('registered twice')
                Base.known[key] = cls
                cls.key = key
        class A(Base, key='a'): pass
        class B(A, key='b'): x = 1
        value = B
        """,
        """
        base = obj.__mro__[2]
        assert obj.key == 'b' and list(base.known) == ['a', 'b'] and base.known['b'] is obj
        class C(obj, key='c'): pass
        assert base.known['c'] is C and C().x == 1
        """,
    ),
    Case(
        "init-subclass-of-every-layout",
        """
        import abc, typing
        ran = []
        def hook(cls, **kw): ran.append(cls.__name__)
        H = classmethod(hook)
        class Plain: __init_subclass__ = H
        class Slotted: __slots__ = ('a',); __init_subclass__ = H
        class Empty: __slots__ = (); __init_subclass__ = H
        class Dict(dict): __init_subclass__ = H
        class Error(Exception): __init_subclass__ = H
        class Abstract(abc.ABC): __init_subclass__ = H
        class Weak: __slots__ = ('__weakref__',); __init_subclass__ = H
        class Tuple(tuple): __slots__ = (); __init_subclass__ = H
        class Meta(type): __init_subclass__ = H
        class Deep(Plain): pass
        T = typing.TypeVar('T')
        value = []
        for bases in [(Plain,), (Slotted,), (Empty,), (Dict,), (Error,), (Abstract,), (Weak,), (Tuple,), (Meta,), (Deep,),
                      (Plain, Dict), (Empty, Plain), (Slotted, Plain), (int, Empty), (Abstract, Error)]:
            metas = {type(b) for b in bases} - {type}
            cls = (metas.pop() if metas else type)('N', bases, {'__module__': '__main__', 'ran': ran})
            value.append((cls, cls.__basicsize__, cls.__dictoffset__, cls.__weakrefoffset__, cls.__base__, cls.__mro__))
        del ran[:]
        """,
        """
        for cls, basic, dictoffset, weak, base, mro in obj:
            assert not cls.ran, cls.ran
            assert (cls.__basicsize__, cls.__dictoffset__, cls.__weakrefoffset__) == (basic, dictoffset, weak), cls.__mro__
            assert cls.__base__ is base and cls.__mro__ == mro
        """,
    ),
    Case(
        "set-name",
        """
        class D:
            def __init__(self): self.calls = []
            def __set_name__(self, owner, name): self.calls.append(name); self.owner = owner
            def __get__(self, o, t): return self.calls
        class value:
            x = D()
        """,
        "assert obj.x == ['x'] and vars(obj)['x'].owner is obj",
    ),
    Case(
        "abstract",
        """
        import abc
        class A(abc.ABC):
            @abc.abstractmethod
            def f(self): ...
            @property
            @abc.abstractmethod
            def p(self): ...
        class B(A):
            def f(self): return 1
            p = 2
        class Stranger: pass
        A.register(Stranger)
        A.register(int)
        value = (A, B, Stranger)
        """,
        """
        A, B, Stranger = obj
        try: A()
        except TypeError: pass
        else: raise AssertionError
        assert B().f() == 1 and isinstance(B(), A) and issubclass(Stranger, A) and issubclass(int, A)
        assert not issubclass(str, A) and A.__abstractmethods__ == {'f', 'p'} and not isinstance('', B)
        A.register(str); assert issubclass(str, A)
        """,
    ),
    Case(
        "enum",
        """
        import enum
        class Color(enum.Enum):
            RED = 1
            GREEN = 'g'
            CRIMSON = 1
            LIST = [1]
            def nice(self): return self.name.title()
            @classmethod
            def first(cls): return cls.RED
        value = (Color, Color.RED, [Color.GREEN, Color.LIST], {Color.RED: 1})
        """,
        """
        Color, red, (green, listed), keyed = obj
        assert red is Color.RED is Color(1) is Color['CRIMSON'] is Color.CRIMSON and green is Color('g') and listed is Color([1])
        assert [c.name for c in Color] == ['RED', 'GREEN', 'LIST'] and list(Color.__members__) == ['RED', 'GREEN', 'CRIMSON', 'LIST']
        assert red.nice() == 'Red' and Color.first() is red and repr(red) == '<Color.RED: 1>' and keyed[red] == 1 and red in Color
        try: Color.RED = 2
        except AttributeError: pass
        else: raise AssertionError
        try: Color(9)
        except ValueError: pass
        else: raise AssertionError
        """,
    ),
    Case(
        "enum-members-only",
        """
        import enum
        class Color(enum.Enum):
            RED = 1
            def peer(self, other=None): return Color.RED
        value = Color.RED
        """,
        "assert obj.name == 'RED' and type(obj).RED is obj and obj.peer() is obj",
    ),
    Case(
        "enum-data",
        """
        import enum, datetime
        class N(enum.IntEnum):
            ONE = 1
            TWO = 2
        class S(str, enum.Enum):
            A = 'a'
        class P(enum.Enum):
            EARTH = (3, 6)
            def __init__(self, mass, radius): self.mass, self.radius = mass, radius
        class D(datetime.date, enum.Enum):
            X = 2020, 1, 2
        class V(enum.Enum):
            def __new__(cls, a, b):
                o = object.__new__(cls); o._value_ = a; o.b = b
                return o
            Q = 1, 'q'
        class Op(enum.Enum):
            ADD = (lambda a, b: Op.TAG.value, )
            TAG = 'tag'
            def __call__(self, *a): return self.value[0](*a)
        value = (N, S, P, D, V, Op)
        """,
        """
        N, S, P, D, V, Op = obj
        assert N.TWO == 2 and N(2) is N.TWO and N.ONE + N.TWO == 3 and S.A == 'a' and S('a') is S.A and isinstance(S.A, str)
        assert P.EARTH.mass == 3 and P.EARTH.radius == 6 and P((3, 6)) is P.EARTH
        import datetime; assert D.X == datetime.date(2020, 1, 2) and V(1) is V.Q and V.Q.b == 'q'
        assert Op.ADD(1, 2) == 'tag'
        """,
    ),
    Case(
        "flag",
        """
        import enum
        class F(enum.Flag):
            A = enum.auto()
            B = enum.auto()
            AB = A | B
        class I(enum.IntFlag):
            X = 1
            Y = 4
        value = (F, I, F.A | F.B, I.X | I.Y, I(0))
        """,
        """
        F, I, ab, xy, zero = obj
        assert ab is F.AB and ab == F.A | F.B and F.A in ab and xy == 5 and xy == I.X | I.Y and zero == 0 and ~F.A == F.B
        assert list(F.__members__) == ['A', 'B', 'AB'] and F.A ^ F.AB == F.B and (I.X | 8) == 9
        """,
    ),
    Case(
        "dataclass",
        """
        import dataclasses, typing
        @dataclasses.dataclass(order=True)
        class Point:
            x: int
            y: float = 2.0
            tags: list = dataclasses.field(default_factory=list, compare=False)
            kind: typing.ClassVar[str] = 'p'
            scale: dataclasses.InitVar[int] = 1
            def __post_init__(self, scale): self.x *= scale
        @dataclasses.dataclass(frozen=True)
        class Frozen:
            p: Point
        value = (Point, Point(1, scale=2), Frozen(Point(3)))
        """,
        """
        import dataclasses
        Point, p, f = obj
        assert type(p) is Point and p.x == 2 and dataclasses.asdict(p) == {'x': 2, 'y': 2.0, 'tags': []}
        assert [x.name for x in dataclasses.fields(Point)] == ['x', 'y', 'tags'] and Point(4).tags == []
        assert dataclasses.fields(Point)[0].default is dataclasses.MISSING and dataclasses.replace(f.p, x=1, scale=5).x == 5
        assert f == type(f)(Point(3)) and Point(1) < Point(2)
        try: f.p = 1
        except dataclasses.FrozenInstanceError: pass
        else: raise AssertionError
        @dataclasses.dataclass
        class More(Point):
            z: int = 0
        assert More(1, z=3).z == 3
        """,
    ),
    Case(
        "dataclass-slots",
        """
        import dataclasses
        @dataclasses.dataclass(slots=True, kw_only=True)
        class P:
            x: int = 1
            def f(self): return __class__
        value = P(x=5)
        """,
        "assert obj.x == 5 and not hasattr(obj, '__dict__') and type(obj)(x=2) == type(obj)(x=2)",
        since=(3, 10),
    ),
    Case(
        "namedtuple",
        """
        import collections, typing
        A = collections.namedtuple('A', 'x y', defaults=[5])
        class B(typing.NamedTuple):
            x: int
            y: str = 'b'
            def both(self): return self.x, self.y
        value = (A(1), B(2), A, B)
        """,
        """
        a, b, A, B = obj
        assert type(a) is A and a == (1, 5) and a.y == 5 and a._replace(x=2) == A(2) and A._fields == ('x', 'y')
        assert type(b) is B and b.both() == (2, 'b') and B.__annotations__['x'] is int and B._field_defaults == {'y': 'b'}
        """,
    ),
    Case(
        "generic",
        """
        import typing
        T = typing.TypeVar('T')
        class Box(typing.Generic[T]):
            def __init__(self, v: T): self.v = v
        class Ints(Box[int]): pass
        value = (T, Box, Ints, Box[str], Ints(3))
        """,
        """
        import typing
        T, Box, Ints, strs, three = obj
        assert Box.__parameters__ == (T,) and typing.get_origin(strs) is Box and Ints.__orig_bases__ == (Box[int],)
        assert three.v == 3 and isinstance(three, Box) and issubclass(Ints, typing.Generic)
        class More(Box[T]): pass
        assert More[int].__args__ == (int,)
        """,
    ),
    Case(
        "generic-syntax",
        """
        class Box[T]:
            def put[S](self, x: T, y: S) -> T: return x
        class Ints(Box[int]): pass
        type Pair[A] = tuple[A, A]
        value = (Box, Ints, Pair)
        """,
        """
        Box, Ints, Pair = obj
        (T,) = Box.__type_params__
        assert Box.put.__annotations__['x'] is T and Ints.__orig_bases__[0].__args__ == (int,) and Box.__parameters__ == (T,)
        assert Pair[int].__value__ if False else Pair.__name__ == 'Pair' and Pair.__type_params__[0].__name__ == 'A'
        """,
        since=(3, 12),
    ),
    Case(
        "type-aliases",
        """
        type Tree = list[Tree] | int
        type Pair[T] = tuple[T, T]
        value = (Tree, Pair, Pair[int])
        """,
        """
        Tree, Pair, ints = obj
        assert Tree.__value__.__args__[0].__args__[0] is Tree and Tree.__module__ == Pair.__module__ == '__main__'
        assert Pair.__value__.__args__ == Pair.__type_params__ * 2 and ints.__args__ == (int,) and ints.__origin__ is Pair
        """,
        since=(3, 12),
    ),
    Case(
        "type-variable-bound-to-its-class",
        """
        class A[T: A]:
            def f(self, x: T) -> T: return x
        value = A.__type_params__[0]
        """,
        "A = obj.__bound__; assert A.__type_params__[0] is obj and A.f.__annotations__['x'] is obj",
        since=(3, 12),
    ),
    Case(
        "annotated-method-alone",
        """
        class A:
            q = int
            def f(self, x: q, y: 'B') -> q: return x
        value = A.f
        """,
        "assert obj.__annotations__ == {'x': int, 'y': 'B', 'return': int} and obj(None, 3, 4) == 3",
    ),
    Case(
        "comprehensions-in-classes",
        """
        def make():
            k = 3
            class A:
                xs = [i * 2 for i in range(3)]
                def f(self): return [x + y for x in self.xs for y in (lambda: [k])()]
            return A
        value = make()
        """,
        "assert obj().f() == [3, 5, 7]",
    ),
    Case(
        "protocol",
        """
        import typing
        @typing.runtime_checkable
        class Closes(typing.Protocol):
            def close(self) -> None: ...
        class Sub(Closes, typing.Protocol):
            def open(self) -> None: ...
        class Impl(Closes):
            def close(self): return 'closed'
        value = (Closes, Sub, Impl)
        """,
        """
        import io
        Closes, Sub, Impl = obj
        assert isinstance(io.BytesIO(), Closes) and not isinstance(1, Closes) and Impl().close() == 'closed'
        try: Closes()
        except TypeError: pass
        else: raise AssertionError
        assert Sub._is_protocol and not Impl._is_protocol
        """,
    ),
    Case(
        "typeddict",
        """
        import typing
        class TD(typing.TypedDict, total=False):
            x: int
        value = TD
        """,
        "assert obj(x=1) == {'x': 1} and obj.__annotations__ == {'x': int} and obj.__total__ is False",
    ),
    Case(
        "typevars",
        """
        import typing
        class C: pass
        T = typing.TypeVar('T', bound=C)
        U = typing.TypeVar('U', int, str)
        V = typing.TypeVar('V', covariant=True)
        value = (C, T, U, V, [T])
        """,
        """
        C, T, U, V, (again,) = obj
        assert T is again and T.__bound__ is C and U.__constraints__ == (int, str) and V.__covariant__ and T.__name__ == 'T'
        assert T.__module__ == '__main__' and repr(V) == '+V'
        """,
    ),
    Case(
        "paramspec",
        """
        import typing
        P = typing.ParamSpec('P')
        def deco(f: typing.Callable[P, int]) -> typing.Callable[P, str]: return f
        value = (P, deco)
        """,
        "P, deco = obj; assert deco.__annotations__['f'].__args__[0] is P",
        since=(3, 10),
    ),
    Case(
        "newtype",
        "import typing\nvalue = typing.NewType('UserId', int)",
        "assert obj(5) == 5 and obj.__name__ == 'UserId' and obj.__supertype__ is int",
    ),
    Case(
        "exception",
        """
        class Failure(ValueError):
            def __init__(self, code): super().__init__('code %d' % code); self.code = code
            def __reduce__(self): return Failure, (self.code,)
        value = Failure(3)
        """,
        "assert isinstance(obj, ValueError) and obj.code == 3 and str(obj) == 'code 3'",
    ),
    Case(
        "builtin-subclasses",
        """
        class D(dict):
            def __missing__(self, k): return k
        class I(int):
            def __add__(self, o): return I(int(self) + o + 100)
        class S(str): pass
        d = D(a=1); d.extra = I(2)
        value = (d, I(3), S('s'))
        """,
        "d, i, s = obj; assert d['zz'] == 'zz' and d.extra == 2 and type(i + 1).__name__ == 'I' and i + 1 == 104 and s == 's'",
    ),
    Case(
        "cached-property",
        """
        import functools
        class C:
            n = 0
            @functools.cached_property
            def x(self):
                type(self).n += 1
                return 5
        value = C
        """,
        "o = obj(); assert o.x == 5 and o.x == 5 and obj.n == 1",
    ),
    Case(
        "partialmethod-singledispatchmethod",
        """
        import functools
        class C:
            def f(self, a, b): return a, b
            g = functools.partialmethod(f, 1)
            @functools.singledispatchmethod
            def h(self, x): return 'other'
            @h.register(int)
            def _(self, x): return 'int'
        value = C
        """,
        "assert obj().g(2) == (1, 2) and obj().h(1) == 'int' and obj().h('') == 'other'",
    ),
    Case(
        "methods",
        """
        class A:
            def f(self): return 'A'
            def __hidden(self): return 'hidden'
            def hidden(self): return self.__hidden
            @classmethod
            def c(cls): return cls
            @staticmethod
            def s(): return 's'
        class B(A):
            def f(self): return 'B'
            def up(self): return super().f
        b = B()
        value = (b, b.f, b.up(), b.hidden(), B.c, B.s, A.f, b.c)
        """,
        """
        b, f, up, hidden, c, s, af, bc = obj
        assert f() == 'B' and up() == 'A' and hidden() == 'hidden' and c() is type(b) and s() == 's' and af(b) == 'A' and bc() is type(b)
        assert f.__self__ is b and up.__self__ is b
        """,
    ),
    Case(
        "method-of-itself",
        """
        class A:
            def __init__(self): self.cb = self.f
            def f(self): return self
        value = A()
        """,
        "assert obj.cb() is obj",
    ),
    Case(
        "builtin-methods",
        """
        items = [1]
        value = (items, items.append, 'x'.upper, dict.fromkeys, tuple.__new__, str.upper, (5).__add__, int.__add__, len,
                 object.__init__, type.__call__, list.__len__, {}.keys, datetime.datetime.now) if False else None
        import datetime
        value = (items, items.append, 'x'.upper, dict.fromkeys, tuple.__new__, str.upper, (5).__add__, int.__add__, len,
                 object.__init__, datetime.datetime.fromordinal, vars(dict)['fromkeys'])
        """,
        """
        import datetime
        items, append, upper, fromkeys, new, supper, add, iadd, length, init, fromordinal, descriptor = obj
        append(2); assert items == [1, 2] and upper() == 'X' and fromkeys('a') == {'a': None} and new(tuple, 'ab') == ('a', 'b')
        assert supper is str.upper and add(1) == 6 and iadd is int.__add__ and length is len and init is object.__init__
        assert fromordinal(1) == datetime.datetime.fromordinal(1) and descriptor is vars(dict)['fromkeys']
        """,
    ),
    Case(
        "slot-descriptors",
        """
        class A:
            __slots__ = ('x',)
        value = (A, A.x, vars(A)['x'])
        """,
        "A, x, again = obj; a = A(); a.x = 1; assert x is A.x is again and x.__get__(a) == 1",
    ),
    Case(
        "properties-alone",
        """
        class C:
            @property
            def p(self): return C
            @staticmethod
            def s(): return C
            @classmethod
            def c(cls): return C
        value = (vars(C)['p'], vars(C)['s'], vars(C)['c'], C)
        """,
        """
        p, s, c, C = obj
        assert vars(C)['p'] is p and vars(C)['s'] is s and vars(C)['c'] is c and C().p is C and C.s() is C and C.c() is C
        """,
    ),
    Case(
        "wrappers-with-more-than-functions",
        """
        def outside(): return C.p_
        class C:
            def get(self): "got"; return 1
            def both(self): return PAIR
            @staticmethod
            def s(): "static"; return C
            @staticmethod
            def plain(x: int = 1) -> int: return x
            @classmethod
            def c(cls): return cls, outside
            p = property(get, doc='mine')
            p_ = property(get)
            again = p_
            empty = property()
            nothing = property(None, get)
        vars(C)['s'].note = [C] if hasattr(vars(C)['s'], '__dict__') else None
        C.get.__doc__ = ['no text']
        PAIR = vars(C)['p_'], vars(C)['plain'], vars(C)['s']
        value = C, PAIR, outside
        """,
        """
        C, (p_, plain, s), outside = obj
        assert C().both() == (p_, plain, s) and vars(C)['p_'] is p_ is vars(C)['again'] and vars(C)['plain'] is plain
        assert vars(C)['s'] is s and s.__func__() is C and C().p == 1 and C().p_ == 1 and C.plain() == 1 and C.c() == (C, outside)
        assert C.p.__doc__ == 'mine' and C.p_.__doc__ == 'got' and C.get.__doc__ == ['no text'] and C.s.__doc__ == 'static'
        assert vars(C)['p'].fget is p_.fget is C.get and outside() is p_ and vars(C)['empty'].fget is None
        assert vars(C)['nothing'].fset is C.get
        if hasattr(s, '__dict__'): assert s.note == [C] and plain.__func__.__annotations__ == {'x': int, 'return': int}
        """.replace("s.note", "vars(C)['s'].note"),
    ),
    Case(
        "property-subclass",
        """
        class Special(property):
            tag = 1
        class C:
            @Special
            def p(self):
                "doc"
                return 5
        vars(C)['p'].note = 'n'
        value = C
        """,
        "p = vars(obj)['p']; assert obj().p == 5 and type(p).tag == 1 and p.note == 'n' and p.__doc__ == 'doc'",
    ),
    Case(
        "abstract-wrappers",
        """
        import abc, warnings
        warnings.simplefilter('ignore')
        class C(abc.ABC):
            @abc.abstractclassmethod
            def c(cls): pass
            @abc.abstractstaticmethod
            def s(): pass
            @abc.abstractproperty
            def p(self): return 1
        value = C
        """,
        "import abc; assert obj.__abstractmethods__ == {'c', 's', 'p'} and type(vars(obj)['c']) is abc.abstractclassmethod",
    ),
    Case(
        "more-globals-than-one-byte-counts",
        """
        source = '\\n'.join('g%d = %d' % (i, i) for i in range(400))
        exec(source)
        exec('def value(): return ' + ' + '.join('g%d' % i for i in range(400)))
        """,
        "assert obj() == sum(range(400))",
    ),
    Case(
        "property-name",
        """
        class value:
            @property
            def p(self): return 1
        """,
        """
        try: obj().p = 1
        except AttributeError as e: assert "'p'" in str(e) or str(e) == "can't set attribute", e
        """,
    ),
    Case(
        "class-annotations",
        """
        class C:
            x: int
            y: 'C'
            z: list = []
        value = C
        """,
        "assert obj.__annotations__ == {'x': int, 'y': 'C', 'z': list}",
    ),
    Case(
        "annotations-of-local-classes",
        """
        def make():
            class A: pass
            class B:
                a: A
                def f(self, a: A) -> A: return a
            return A, B
        value = make()
        """,
        "A, B = obj; assert B.__annotations__ == {'a': A} and B.f.__annotations__ == {'a': A, 'return': A}",
    ),
    Case(
        "annotations-forward",
        """
        class A:
            b: B
            def f(self) -> Undefined: ...
        class B: pass
        value = A, B
        """,
        """
        A, B = obj
        assert A.__annotations__ == {'b': B}
        try: A.f.__annotations__
        except NameError: pass
        else: raise AssertionError
        """,
        since=(3, 14),
    ),
    Case("builtin-types", "import types\nvalue = [type(None), type(...), type(NotImplemented), types.FunctionType, type({}.keys()), int, types.CodeType, type]",
         "import types; assert obj == [type(None), type(...), type(NotImplemented), types.FunctionType, type({}.keys()), int, types.CodeType, type]"),
    Case("ctypes", "import ctypes\nclass value(ctypes.Structure):\n    _fields_ = [('a', ctypes.c_int), ('b', ctypes.c_short)]\n    def s(self): return self.a + self.b",
         "import ctypes; s = obj(1, 2); assert s.s() == 3 and ctypes.sizeof(obj) == 8"),
    Case("weak-containers", """
        import weakref
        class C: pass
        c = C()
        keyed = weakref.WeakKeyDictionary({c: 1})
        valued = weakref.WeakValueDictionary({1: c})
        value = (c, weakref.WeakSet([c]), keyed, valued)
        """, "c, s, k, v = obj; assert c in s and k[c] == 1 and v[1] is c"),
    Case(
        "class-without-module-attribute",
        "value = type('Made', (), {'__module__': None, 'x': 1})",
        "assert obj().x == 1 and obj.__module__ is None",
    ),
    Case(
        "diamond-and-mixins",
        """
        class Root:
            def f(self): return ['Root']
        class L(Root):
            def f(self): return ['L'] + super().f()
        class R(Root):
            def f(self): return ['R'] + super().f()
        class value(L, R): pass
        """,
        "assert obj().f() == ['L', 'R', 'Root']",
    ),
    Case(
        "operators-and-calls",
        """
        class value:
            def __call__(self): return 1
            def __eq__(self, o): return True
            def __iter__(self): return iter('ab')
            def __class_getitem__(cls, i): return i
            def __del__(self): pass
        """,
        "o = obj(); assert o() == 1 and list(o) == ['a', 'b'] and obj[3] == 3 and obj.__hash__ is None and o == 5",
    ),
    # --- instances that are needed before their class is complete
    Case(
        "namedtuple-instance-in-its-method",
        """
        import typing
        class P(typing.NamedTuple):
            x: int
            y: int = 0
            def shifted(self): return P(self.x + ORIGIN.x)
        ORIGIN = P(5, 6)
        value = P
        """,
        "assert obj(1).shifted() == obj(6)",
    ),
    Case(
        "hashed-instance-in-its-method",
        """
        import dataclasses
        @dataclasses.dataclass(frozen=True)
        class P:
            x: int
            def name(self): return NAMES[self]
        NAMES = {P(1): 'one'}
        SEEN = {P(2)}
        P.SEEN = SEEN
        value = P
        """,
        "assert obj(1).name() == 'one' and obj(2) in obj.SEEN",
    ),
    Case(
        "new-with-super",
        """
        class P:
            def __new__(cls, x):
                self = super().__new__(cls)
                self.made = x + STEP
                return self
            def __getnewargs__(self): return (self.made - STEP,)
            def get(self): return DEFAULT
        STEP = 10
        DEFAULT = P(1)
        P.default = DEFAULT
        value = P
        """,
        "assert obj(5).get() is obj.default and obj.default.made == 11",
    ),
    Case(
        "generic-alias-in-its-method",
        """
        import typing
        T = typing.TypeVar('T')
        class Box(typing.Generic[T]):
            def ints(self): return Ints, Alias
        class Ints(Box[int]): pass
        Alias = Box[str]
        value = Ints
        """,
        "ints, alias = obj().ints(); assert ints is obj and alias.__args__ == (str,)",
    ),
    Case(
        "enum-member-in-its-method",
        """
        import enum
        class E(enum.Enum):
            A = 1
            B = 2
            def other(self): return TABLE[self]
            @classmethod
            def first(cls): return cls.A
        TABLE = {E.A: E.B, E.B: E.A}
        value = E
        """,
        "assert obj.A.other() is obj.B and obj.first() is obj.A",
    ),
    Case(
        "setstate-and-reduce-in-a-cycle",
        """
        def make(x): return P(x)
        class P:
            def __init__(self, x): self.x = x
            def __reduce__(self): return make, (self.x,)
            def get(self): return ONE
        ONE = P(1)
        value = P
        """,
        "assert obj(3).get().x == 1",
    ),
    # --- modules
    Case("module", "import os.path, json\nvalue = (json, os.path)", "import json, os.path; assert obj == (json, os.path)"),
    Case(
        "dynamic-module",
        """
        import types
        value = types.ModuleType('made', 'doc')
        exec('''
        import math
        n = 1
        def bump():
            global n
            n += 1
            return n
        def area(r): return math.pi * r
        class C:
            def f(self): return area
        '''.replace('\\n        ', '\\n'), vars(value))
        value.me = value
        """,
        """
        import types, sys
        assert type(obj) is types.ModuleType and obj.__name__ == 'made' and obj.__doc__ == 'doc' and obj.me is obj
        assert obj.bump() == 2 and obj.n == 2 and obj.C().f() is obj.area and 'made' not in sys.modules
        assert obj.bump.__globals__ is vars(obj)
        """,
    ),
    Case(
        "dynamic-module-after-its-function",
        """
        import types
        m = types.ModuleType('made')
        exec('n = 1\\ndef f():\\n    return n', vars(m))
        value = (m.f, m)
        """,
        "f, m = obj; m.n = 7; assert f() == 7 and m.f is f and f.__globals__ is vars(m)",
    ),
    Case(
        "module-class",
        """
        import types
        class Lazy(types.ModuleType):
            def __getattr__(self, name): return name.upper()
        value = Lazy('lazy')
        value.x = 1
        """,
        "assert obj.x == 1 and obj.anything == 'ANYTHING'",
    ),
    Case("streams", "import sys\nout = sys.__stdout__\ndef value(): return out", "import sys; assert obj() is sys.__stdout__"),
    Case(
        "logger",
        "import logging\nlog = logging.getLogger('some.where')\ndef value(): return log",
        "import logging; assert obj() is logging.getLogger('some.where')",
    ),
    Case(
        "ctypes-arrays",
        """
        import ctypes
        class Pair(ctypes.Structure):
            _fields_ = [("a", ctypes.c_int), ("b", ctypes.c_double)]
        class Big(ctypes.BigEndianStructure):
            _pack_ = 1
            _fields_ = [("flag", ctypes.c_uint8, 3), ("a", ctypes.c_int)]
        class Rows(ctypes.Structure):
            _fields_ = [("pairs", Pair * 2), ("next", ctypes.POINTER(Pair))]
        class Shorts(ctypes.Array):
            _type_, _length_ = ctypes.c_short, 2
        rows = (ctypes.c_int * 3)(1, 2, 3)
        value = [Pair(1, 2.5), Big(5, 258), Shorts(7, 8), rows, Rows, Pair * 2]
        """,
        """
        assert obj[0].a == 1 and obj[0].b == 2.5 and bytes(obj[1])[1:] == bytes([0, 0, 1, 2]) and obj[1].flag == 5
        assert list(obj[2]) == [7, 8] and list(obj[3]) == [1, 2, 3]
        made = obj[4]()
        made.pairs[1].b = 4.5
        assert made.pairs[1].b == 4.5 and not made.next and len(made.pairs) == 2 and type(made.pairs[0]) is type(obj[0])
        assert obj[5]._length_ == 2 and obj[5]._type_ is type(obj[0])
        """,
    ),
    # --- instances that their own class leads to
    Case(
        "only-instance",
        """
        class Config:
            _instance = None
            def __new__(cls):
                if cls._instance is None:
                    cls._instance = super().__new__(cls)
                return cls._instance
        value = Config()
        value.option = 1
        """,
        "assert type(obj)._instance is obj and type(obj)() is obj and obj.option == 1",
    ),
    Case(
        "only-instance-of-each-class",
        """
        class Single:
            _instances = {}
            def __new__(cls):
                if cls not in cls._instances:
                    cls._instances[cls] = super().__new__(cls)
                return cls._instances[cls]
        class Other(Single): pass
        value = [Single(), Other(), Single]
        """,
        "assert obj[2]() is obj[0] and type(obj[1])() is obj[1] is not obj[0] and len(obj[2]._instances) == 2",
    ),
    Case(
        "only-instance-by-metaclass",
        """
        class Single(type):
            made = {}
            def __call__(cls):
                if cls not in cls.made:
                    cls.made[cls] = super().__call__()
                return cls.made[cls]
        class One(metaclass=Single):
            def __init__(self): self.values = []
        value = [One(), One]
        """,
        "assert obj[1]() is obj[0] and obj[0].values == []",
    ),
    Case(
        "registry-of-instances",
        """
        class Node:
            made = []
            def __init__(self, parent=None):
                self.parent = parent
                self.made.append(self)
        value = Node(Node())
        """,
        "assert type(obj).made == [obj.parent, obj] and obj.parent.parent is None",
    ),
    Case(
        "registry-of-slots",
        """
        class Node:
            __slots__ = ('name', '__weakref__')
            first = None
        value = Node()
        value.name = 'n'
        Node.first = [value]
        """,
        "assert type(obj).first[0] is obj and obj.name == 'n'",
    ),
    Case(
        "instances-that-a-closure-holds",
        """
        def outer():
            class K:
                def get(self): return made
            made = K()
            made.f = lambda: (K, made)
            return made
        value = outer()
        """,
        "assert obj.get() is obj and obj.f() == (type(obj), obj)",
    ),
    Case(
        "registry-of-lists",
        """
        class L(list):
            made = []
        value = L([1, 2])
        value.tag = ['t']
        L.made.append(value)
        """,
        "assert list(obj) == [1, 2] and obj.tag == ['t'] and type(obj).made == [obj] and type(obj).made[0] is obj",
    ),
    Case(
        "registry-of-dicts",
        """
        class D(dict):
            made = []
            def __setitem__(self, key, value):
                super().__setitem__(key, (value, self.get(key)))
        value = D(a=1)
        D.made.append(value)
        """,
        "assert dict(obj) == {'a': (1, None)} and type(obj).made[0] is obj",
    ),
    Case(
        "registry-of-states",
        """
        class S:
            made = []
            def __init__(self):
                self.made.append(self)
            def __getstate__(self):
                return {'n': 1}
            def __setstate__(self, state):
                self.n = state['n'] + getattr(self, 'n', 0)
        value = S()
        """,
        "assert obj.n == 1 and type(obj).made[0] is obj and len(type(obj).made) == 1",
    ),
    Case(
        "registry-of-calls",
        """
        class R:
            made = []
            def __init__(self):
                self.items = []
            def append(self, item):
                self.items.append(item)
            def __reduce__(self):
                return R, (), {'state': 1}, iter([1, 2])
        value = R()
        R.made.append(value)
        """,
        "assert obj.items == [1, 2] and obj.state == 1 and type(obj).made[0] is obj",
    ),
    Case(
        "only-instance-with-a-state",
        """
        class S:
            _instance = None
            def __new__(cls):
                if cls._instance is None:
                    cls._instance = object.__new__(cls)
                return cls._instance
            def __getstate__(self):
                return {'a': 1}
        value = [S, S()]
        """,
        "assert obj[0]() is obj[1] and obj[1].a == 1 and type(obj[0].__dict__['__new__']) is staticmethod",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_read_elsewhere(codec, case):
    if not case.since <= sys.version_info[:2] < case.until:
        pytest.skip("syntax of Python %d.%d" % case.since)
    value = codecs.program(case.source)["value"]
    data = codec.dumps(value)
    codecs.read_elsewhere(codec, data, case.check)
