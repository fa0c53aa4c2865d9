"""Kinds of object, each with what must be true of it once it was read back.

A kind says how to make the object and then, as expressions over `x`, what the
reader, which is another process, must find. Both are text that is evaluated here,
so that the reader can say which expectation failed and the table in
docs/pickle-parity.md can be made of the same list. Classes are in samples.py.

The module is imported by every implementation that is compared, each in an
environment of its own: it needs only the standard library. `needs` names the
package that a kind wants, `since` and `until` the Python versions that have it.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Optional, Tuple

from native import samples

OLDEST, NEWEST = (3, 0), (9, 0)


class Kind:
    def __init__(
        self,
        group: str,
        name: str,
        make: str,
        checks: Tuple[str, ...],
        needs: str,
        since: Tuple[int, int],
        until: Tuple[int, int],
        refused: bool,
    ) -> None:
        self.group = group
        self.name = name
        self.make_text = make
        self.checks = checks
        self.needs = needs
        self.since = since
        self.until = until
        self.refused = refused

    def available(self) -> Optional[str]:
        """Why this interpreter does not have the kind, or None."""
        if not self.since <= sys.version_info[:2] < self.until:
            return "not in Python %d.%d" % sys.version_info[:2]
        if self.needs:
            try:
                __import__(self.needs)
            except ImportError:
                return "needs " + self.needs
        return None

    def make(self) -> Any:
        return eval(self.make_text, _namespace(self.needs))

    def failed_check(self, value: Any) -> Optional[str]:
        """The first expectation that does not hold for `value`, or None."""
        namespace = dict(_namespace(self.needs), x=value)
        for check in self.checks:
            try:
                if not eval(check, namespace):
                    return check
            except Exception as error:
                return "%s (%s: %s)" % (check, type(error).__name__, error)
        return None


KINDS: List[Kind] = []
_group = ""


def by_name(name: str) -> Kind:
    return _BY_NAME[name]


def group(name: str) -> None:
    global _group
    _group = name


def kind(
    name: str,
    make: str,
    *checks: str,
    needs: str = "",
    since: Tuple[int, int] = OLDEST,
    until: Tuple[int, int] = NEWEST,
    refused: bool = False,
) -> None:
    """Adds a kind. `refused` ones cannot travel and must fail when written."""
    assert bool(checks) != refused, name
    KINDS.append(Kind(_group, name, make, checks, needs, since, until, refused))


_NAMESPACES: Dict[str, Dict[str, Any]] = {}


def _namespace(needs: str) -> Dict[str, Any]:
    if needs not in _NAMESPACES:
        _NAMESPACES[needs] = samples.namespace(needs)
    return _NAMESPACES[needs]


# ------------------------------------------------------------------ atoms and numbers
group("Singletons and numbers")
kind("None", "None", "x is None")
kind("True", "True", "x is True")
kind("False", "False", "x is False")
kind("Ellipsis", "...", "x is ...")
kind("NotImplemented", "NotImplemented", "x is NotImplemented")
kind("int 0", "0", "type(x) is int", "x == 0")
kind("int, negative", "-12345", "type(x) is int", "x == -12345")
kind("int, 64 bits", "[2**63 - 1, -2**63]", "x == [9223372036854775807, -9223372036854775808]")
kind("int, 65 bits", "[2**63, 2**64, -2**63 - 1]",
     "x == [9223372036854775808, 18446744073709551616, -9223372036854775809]")
kind("int, 100 digits", "10**100", "x == 10**100", "type(x) is int")
kind("int, 100,000 bits, negative", "-(1 << 100000) + 1", "x == 1 - 2**100000")
kind("bool among ints", "[True, 1, False, 0]", "[type(i) for i in x] == [bool, int, bool, int]")
kind("float", "3.141592653589793", "type(x) is float", "x.hex() == '0x1.921fb54442d18p+1'")
kind("float, negative zero", "-0.0", "x == 0", "math.copysign(1, x) == -1")
kind("float, infinities", "[float('inf'), float('-inf')]", "x == [math.inf, -math.inf]")
kind("float, NaN", "float('nan')", "x != x", "type(x) is float")
kind("float, NaN with payload", "struct.unpack('<d', bytes.fromhex('efbeadde0000f8ff'))[0]",
     "struct.pack('<d', x).hex() == 'efbeadde0000f8ff'")
kind("float, smallest and largest", "[5e-324, 1.7976931348623157e308]", "x == [5e-324, sys.float_info.max]")
kind("complex", "complex(1.5, -2.0)", "type(x) is complex", "x == 1.5 - 2j")
kind("complex, signs of zero and NaN", "complex(-0.0, float('nan'))",
     "math.copysign(1, x.real) == -1 and x.real == 0", "math.isnan(x.imag)")
kind("Decimal", "decimal.Decimal('1.10')", "type(x) is decimal.Decimal", "str(x) == '1.10'")
kind("Decimal, negative zero", "decimal.Decimal('-0.00')", "str(x) == '-0.00'")
kind("Decimal, NaN with payload", "decimal.Decimal('-sNaN123')", "str(x) == '-sNaN123'")
kind("Decimal, infinity", "decimal.Decimal('-Infinity')", "str(x) == '-Infinity'")
kind("Decimal, 60 digits and large exponent", "decimal.Decimal('1234567890' * 6 + 'E+9999')",
     "x == decimal.Decimal('1234567890' * 6 + 'E+9999')", "x.as_tuple().exponent == 9999")
kind("Fraction", "fractions.Fraction(-3, 7)", "type(x) is fractions.Fraction", "str(x) == '-3/7'")

# ------------------------------------------------------------------ text and bytes
group("Text and bytes")
kind("str, empty", "''", "x == ''", "type(x) is str")
kind("str, ASCII", "'hello'", "x == 'hello'")
kind("str, Latin-1", "'caf\\xe9'", "x == 'caf\\u00e9'", "len(x) == 4")
kind("str, Latin-1, long", "'\\xe9' * 70000", "x == '\\xe9' * 70000")
kind("str, two-byte", "'\\u20ac\\u4e2d'", "[ord(c) for c in x] == [0x20ac, 0x4e2d]")
kind("str, astral", "'a\\U0001f600b'", "[ord(c) for c in x] == [97, 0x1f600, 98]")
kind("str, lone surrogates", "'\\ud800x\\udfff'", "[ord(c) for c in x] == [0xd800, 0x78, 0xdfff]")
kind("str, NUL and control characters", "'\\x00\\n\\x7f\\x00'", "x == '\\0\\n\\x7f\\0'")
kind("str, 1 MB", "'0123456789abcdef' * 65536", "len(x) == 2**20", "x[-16:] == '0123456789abcdef'")
kind("bytes, empty", "b''", "x == b''", "type(x) is bytes")
kind("bytes, all values", "bytes(range(256))", "x == bytes(range(256))", "type(x) is bytes")
kind("bytes, 1 MB", "b'0123456789abcdef' * 65536", "x == b'0123456789abcdef' * 65536")
kind("bytearray", "bytearray(b'abc')", "type(x) is bytearray", "x == b'abc'", "x.append(1) is None")
kind("bytearray, empty", "bytearray()", "type(x) is bytearray", "len(x) == 0")
kind("memoryview", "memoryview(b'abcdef')[1:4]", "bytes(x) == b'bcd'")
kind("memoryview of doubles", "memoryview(array.array('d', [1.5, -2.5]))", "x.tolist() == [1.5, -2.5]", "x.format == 'd'")
kind("array of int64", "array.array('q', [1, -2, 2**62])", "type(x) is array.array", "x.typecode == 'q'",
     "x.tolist() == [1, -2, 2**62]")
kind("array of bytes", "array.array('B', b'xyz')", "x == array.array('B', [120, 121, 122])")
kind("array of floats, empty", "array.array('f')", "x.typecode == 'f' and len(x) == 0")
kind("PickleBuffer, in-band", "pickle.PickleBuffer(b'some bytes')", "bytes(x) == b'some bytes'")

# ------------------------------------------------------------------ containers
group("Containers")
kind("list", "[1, 'a', None, 2.5]", "x == [1, 'a', None, 2.5]", "type(x) is list")
kind("list, empty", "[]", "x == []", "type(x) is list")
kind("list, 70,000 ints", "list(range(70000))", "x == list(range(70000))")
kind("list of small and large ints", "[1, 2**40, -1, 2**70, 0]", "x == [1, 2**40, -1, 2**70, 0]")
kind("list of strings", "['a', '', 'caf\\xe9', '\\u20ac'] * 50", "x == ['a', '', 'caf\\xe9', '\\u20ac'] * 50")
kind("tuple, empty", "()", "x == ()", "type(x) is tuple")
kind("tuple of one", "(1,)", "x == (1,)", "type(x) is tuple")
kind("tuple, nested", "((1, 2), (), ('a', (None,)))", "x == ((1, 2), (), ('a', (None,)))")
kind("tuple, 300 items", "tuple(range(300))", "x == tuple(range(300))")
kind("dict, order kept", "{'b': 1, 'a': 2, 'c': 3}", "list(x.items()) == [('b', 1), ('a', 2), ('c', 3)]")
kind("dict, empty", "{}", "x == {}", "type(x) is dict")
kind("dict, mixed keys", "{None: 0, 1: 1, 'a': 2, (1, 2): 3, frozenset([1]): 4, 2.5: 5, b'k': 6}",
     "x == {None: 0, 1: 1, 'a': 2, (1, 2): 3, frozenset([1]): 4, 2.5: 5, b'k': 6}",
     "list(x.values()) == [0, 1, 2, 3, 4, 5, 6]")
kind("dict, NaN keys", "{float('nan'): 1, float('nan'): 2}", "len(x) == 2", "all(k != k for k in x)")
kind("dict, 5,000 entries", "{i: str(i) for i in range(5000)}", "x == {i: str(i) for i in range(5000)}")
kind("set", "{1, 'a', None, (2, 3)}", "x == {1, 'a', None, (2, 3)}", "type(x) is set")
kind("set, empty", "set()", "x == set()", "type(x) is set")
kind("frozenset", "frozenset(['a', 'b'])", "x == frozenset(['a', 'b'])", "type(x) is frozenset")
kind("set of frozensets", "{frozenset(), frozenset([1])}", "x == {frozenset(), frozenset([1])}",
     "all(type(i) is frozenset for i in x)")
kind("range", "range(1, 10, 3)", "type(x) is range", "(x.start, x.stop, x.step) == (1, 10, 3)")
kind("range, huge and downwards", "range(10**30, -1, -7)", "(x.start, x.stop, x.step) == (10**30, -1, -7)")
kind("slice", "slice(1, None, 'step')", "type(x) is slice", "(x.start, x.stop, x.step) == (1, None, 'step')")
kind("dict keys view", "{'a': 1, 'b': 2}.keys()", "list(x) == ['a', 'b']", "type(x) is type({}.keys())")
kind("dict values view", "{'a': 1, 'b': 2}.values()", "list(x) == [1, 2]", "type(x) is type({}.values())")
kind("dict items view", "{'a': 1, 'b': 2}.items()", "list(x) == [('a', 1), ('b', 2)]", "type(x) is type({}.items())")
kind("mappingproxy", "types.MappingProxyType({'a': 1})", "type(x) is types.MappingProxyType", "dict(x) == {'a': 1}")
kind("namedtuple", "samples.Point(1, y=2)", "type(x) is samples.Point", "x == (1, 2)", "x.y == 2")
kind("typing.NamedTuple", "samples.Typed('n')", "type(x) is samples.Typed", "(x.name, x.size) == ('n', 3)")
kind("namedtuple subclass with attributes", "samples.with_attributes(samples.Wide(1, 2), extra=[3])",
     "type(x) is samples.Wide", "x == (1, 2)", "x.extra == [3]")
kind("deque", "collections.deque([1, 2, 3])", "type(x) is collections.deque", "list(x) == [1, 2, 3]", "x.maxlen is None")
kind("deque with maxlen", "collections.deque('abc', maxlen=3)", "list(x) == ['a', 'b', 'c']", "x.maxlen == 3")
kind("OrderedDict", "collections.OrderedDict([('z', 1), ('a', 2)])", "type(x) is collections.OrderedDict",
     "list(x.items()) == [('z', 1), ('a', 2)]", "x.move_to_end('z') is None")
kind("OrderedDict keys view", "collections.OrderedDict(a=1).keys()", "list(x) == ['a']",
     "type(x) is type(collections.OrderedDict().keys())")
kind("defaultdict", "samples.filled(collections.defaultdict(list), k=[1])", "type(x) is collections.defaultdict",
     "x.default_factory is list", "x == {'k': [1]}", "x['new'] == []")
kind("defaultdict without factory", "collections.defaultdict(None, a=1)", "x.default_factory is None", "x == {'a': 1}")
kind("Counter", "collections.Counter('abca')", "type(x) is collections.Counter", "x == {'a': 2, 'b': 1, 'c': 1}",
     "x['none'] == 0")
kind("ChainMap", "collections.ChainMap({'a': 1}, {'a': 2, 'b': 3})", "type(x) is collections.ChainMap",
     "x.maps == [{'a': 1}, {'a': 2, 'b': 3}]")
kind("UserDict", "collections.UserDict(a=1)", "type(x) is collections.UserDict", "x.data == {'a': 1}")
kind("UserList", "collections.UserList([1, 2])", "type(x) is collections.UserList", "x.data == [1, 2]")
kind("UserString", "collections.UserString('abc')", "type(x) is collections.UserString", "x.data == 'abc'")
kind("SimpleNamespace", "types.SimpleNamespace(a=1, b=[2])", "type(x) is types.SimpleNamespace",
     "vars(x) == {'a': 1, 'b': [2]}")

# ------------------------------------------------------------------ dates
group("Dates and times")
kind("date", "datetime.date(2024, 2, 29)", "type(x) is datetime.date", "x == datetime.date(2024, 2, 29)")
kind("date, limits", "[datetime.date.min, datetime.date.max]", "[d.isoformat() for d in x] == ['0001-01-01', '9999-12-31']")
kind("datetime, naive", "datetime.datetime(2024, 5, 6, 7, 8, 9, 123456)", "x.tzinfo is None",
     "x.isoformat() == '2024-05-06T07:08:09.123456'")
kind("datetime, limits", "[datetime.datetime.min, datetime.datetime.max]",
     "[d.isoformat() for d in x] == ['0001-01-01T00:00:00', '9999-12-31T23:59:59.999999']")
kind("datetime with fold", "datetime.datetime(2024, 10, 27, 2, 30, fold=1)", "x.fold == 1", "x.tzinfo is None",
     "x.isoformat() == '2024-10-27T02:30:00'")
kind("datetime, UTC", "datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)", "x.tzinfo is datetime.timezone.utc",
     "x.isoformat() == '2024-01-01T00:00:00+00:00'")
kind("datetime, named offset",
     "datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30), 'IST'))",
     "x.utcoffset() == datetime.timedelta(seconds=19800)", "x.tzname() == 'IST'", "x.hour == 0")
kind("datetime with ZoneInfo and fold",
     "datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo('Europe/Zurich'))",
     "x.tzinfo is zoneinfo.ZoneInfo('Europe/Zurich')", "x.fold == 1",
     "x.utcoffset() == datetime.timedelta(hours=1)", needs="zoneinfo")
kind("ZoneInfo", "zoneinfo.ZoneInfo('America/New_York')", "x is zoneinfo.ZoneInfo('America/New_York')", needs="zoneinfo")
kind("ZoneInfo outside the cache", "zoneinfo.ZoneInfo.no_cache('UTC')", "x.key == 'UTC'",
     "x is not zoneinfo.ZoneInfo('UTC')", needs="zoneinfo")
kind("datetime with a tzinfo class of one's own", "datetime.datetime(2024, 1, 1, 12, tzinfo=samples.Zone(90))",
     "type(x.tzinfo) is samples.Zone", "x.utcoffset() == datetime.timedelta(minutes=90)", "x.hour == 12")
kind("time", "datetime.time(23, 59, 59, 999999)", "type(x) is datetime.time", "x.isoformat() == '23:59:59.999999'")
kind("time with zone and fold", "datetime.time(1, 2, tzinfo=datetime.timezone.utc, fold=1)", "x.fold == 1",
     "x.tzinfo is datetime.timezone.utc", "x.isoformat() == '01:02:00+00:00'")
kind("timedelta", "datetime.timedelta(-1, 3, 7)", "type(x) is datetime.timedelta", "(x.days, x.seconds, x.microseconds) == (-1, 3, 7)")
kind("timedelta, limits", "[datetime.timedelta.min, datetime.timedelta.max]",
     "x == [datetime.timedelta(-999999999), datetime.timedelta(999999999, 86399, 999999)]")
kind("timezone.utc", "datetime.timezone.utc", "x is datetime.timezone.utc")
kind("timezone", "datetime.timezone(datetime.timedelta(seconds=-3661), 'odd')",
     "x.utcoffset(None) == datetime.timedelta(seconds=-3661)", "x.tzname(None) == 'odd'")
kind("struct_time", "time.gmtime(86400)", "type(x) is time.struct_time", "x[:3] == (1970, 1, 2)", "x.tm_zone in ('UTC', 'GMT')")

# ------------------------------------------------------------------ other values
group("Values of the standard library")
kind("UUID", "uuid.UUID(int=2**127 + 5)", "type(x) is uuid.UUID", "x.int == 2**127 + 5")
kind("UUID with is_safe", "uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe)", "x.is_safe is uuid.SafeUUID.safe")
kind("Path", "pathlib.Path('a', 'b.txt')", "x == pathlib.Path('a/b.txt')", "type(x) is type(pathlib.Path())")
kind("PureWindowsPath", "pathlib.PureWindowsPath('C:/x/y')", "type(x) is pathlib.PureWindowsPath", "str(x) == 'C:\\\\x\\\\y'")
kind("PurePosixPath", "pathlib.PurePosixPath('/usr')", "type(x) is pathlib.PurePosixPath", "str(x) == '/usr'")
kind("IPv4Address", "ipaddress.ip_address('192.0.2.1')", "str(x) == '192.0.2.1'", "type(x) is ipaddress.IPv4Address")
kind("IPv6Network", "ipaddress.ip_network('2001:db8::/32')", "str(x) == '2001:db8::/32'", "x.prefixlen == 32")
kind("IPv4Interface", "ipaddress.ip_interface('192.0.2.5/24')", "str(x) == '192.0.2.5/24'")
kind("re.Pattern", "re.compile('a+(?P<n>b)', re.I | re.S)", "type(x) is re.Pattern", "x.pattern == 'a+(?P<n>b)'",
     "x.flags == re.I | re.S | re.U", "x.match('AAB')['n'] == 'B'")
kind("re.Pattern of bytes", "re.compile(b'x.')", "x.pattern == b'x.'")
kind("string.Template", "string.Template('$a b')", "x.substitute(a=1) == '1 b'")
kind("urllib ParseResult", "urllib.parse.urlparse('http://h/p?q#f')", "type(x) is urllib.parse.ParseResult", "x.geturl() == 'http://h/p?q#f'")
kind("stat_result", "os.stat_result(range(10))", "type(x) is os.stat_result", "x.st_mode == 0 and x[9] == 9")
kind("random.Random", "samples.seeded(7)", "type(x) is random.Random", "x.random() == samples.seeded(7).random()")
kind("decimal.Context", "decimal.Context(prec=7, rounding=decimal.ROUND_UP)", "x.prec == 7", "x.rounding == 'ROUND_UP'")
kind("BytesIO", "samples.positioned(io.BytesIO(b'abcdef'), 2)", "type(x) is io.BytesIO", "x.tell() == 2", "x.read() == b'cdef'")
kind("StringIO", "samples.positioned(io.StringIO('abcdef'), 2)", "type(x) is io.StringIO", "x.tell() == 2", "x.read() == 'cdef'")
kind("Logger", "logging.getLogger('a.b')", "x is logging.getLogger('a.b')")
kind("LogRecord", "logging.LogRecord('n', 20, 'p', 3, 'm %s', ('a',), None)", "x.getMessage() == 'm a'", "x.lineno == 3")
kind("XML element", "xml.etree.ElementTree.fromstring('<a k=\"v\">t<b/></a>')", "x.tag == 'a'", "x.attrib == {'k': 'v'}",
     "x.text == 't'", "x[0].tag == 'b'")
kind("e-mail message", "email.message_from_string('Subject: s\\n\\nbody')", "x['Subject'] == 's'", "x.get_payload() == 'body'")
kind("SimpleCookie", "http.cookies.SimpleCookie('k=v')", "type(x) is http.cookies.SimpleCookie", "x['k'].value == 'v'")
kind("functools.partial", "functools.partial(int, base=2)", "type(x) is functools.partial", "x('101') == 5", "x.func is int")
kind("functools.partial, with attributes", "samples.with_attributes(functools.partial(pow, 2), note='n')",
     "x(5) == 32", "x.note == 'n'", "x.args == (2,)")
kind("operator.itemgetter", "operator.itemgetter(1, 'a')", "type(x) is operator.itemgetter", "x({1: 'p', 'a': 'q'}) == ('p', 'q')")
kind("operator.attrgetter", "operator.attrgetter('real', 'imag')", "x(1 + 2j) == (1.0, 2.0)")
kind("operator.methodcaller", "operator.methodcaller('split', ',', maxsplit=1)", "x('a,b,c') == ['a', 'b,c']")

group("Iterators")
kind("list iterator", "samples.advanced(iter([1, 2, 3]))", "list(x) == [2, 3]", "type(x) is type(iter([]))")
kind("list iterator, used up", "samples.exhausted(iter([1]))", "list(x) == []")
kind("reversed list", "samples.advanced(reversed([1, 2, 3]))", "list(x) == [2, 1]")
kind("tuple iterator", "samples.advanced(iter((1, 2, 3)))", "list(x) == [2, 3]")
kind("str iterator", "samples.advanced(iter('ab\\u20ac'))", "list(x) == ['b', '\\u20ac']")
kind("bytes iterator", "samples.advanced(iter(b'abc'))", "list(x) == [98, 99]")
kind("range iterator", "samples.advanced(iter(range(4)))", "list(x) == [1, 2, 3]")
kind("set iterator", "iter({5})", "list(x) == [5]")
kind("dict iterator", "samples.advanced(iter({'a': 1, 'b': 2}))", "list(x) == ['b']")
kind("dict item iterator", "iter({'a': 1, 'b': 2}.items())", "list(x) == [('a', 1), ('b', 2)]")
kind("enumerate", "samples.advanced(enumerate('abc', 5))", "list(x) == [(6, 'b'), (7, 'c')]", "type(x) is enumerate")
kind("zip", "samples.advanced(zip([1, 2, 3], 'abc'))", "list(x) == [(2, 'b'), (3, 'c')]", "type(x) is zip")
kind("map", "samples.advanced(map(int, ['1', '2', '3']))", "list(x) == [2, 3]", "type(x) is map")
kind("filter", "filter(None, [0, 1, 2])", "list(x) == [1, 2]", "type(x) is filter")
kind("callable iterator", "iter(samples.Ticker(), 3)", "list(x) == [1, 2]")
kind("itertools.count", "itertools.count(5, 2)", "next(x) == 5 and next(x) == 7", until=(3, 12))
kind("itertools.chain", "samples.advanced(itertools.chain([1, 2], [3]))", "list(x) == [2, 3]", until=(3, 12))
kind("itertools.product", "samples.advanced(itertools.product('ab', [1]))", "list(x) == [('b', 1)]", until=(3, 12))
kind("generator", "(i for i in range(3))", refused=True)
kind("coroutine", "samples.started_coroutine()", refused=True)

# ------------------------------------------------------------------ enums
group("Enums")
kind("Enum member", "samples.Color.RED", "x is samples.Color.RED")
kind("Enum, alias", "samples.Color.CRIMSON", "x is samples.Color.RED")
kind("Enum, unhashable values", "samples.Odd.LIST", "x is samples.Odd.LIST")
kind("Enum with attributes", "samples.Planet.EARTH", "x is samples.Planet.EARTH", "x.mass == 5.97")
kind("Enum nested in a class", "samples.Outer.Inside.ONE", "x is samples.Outer.Inside.ONE")
kind("Enum, functional", "samples.Functional.B", "x is samples.Functional.B")
kind("IntEnum", "samples.Level.HIGH", "x is samples.Level.HIGH")
kind("str and Enum", "samples.Mode.READ", "x is samples.Mode.READ")
kind("StrEnum", "samples.Suit.SPADE", "x is samples.Suit.SPADE", since=(3, 11))
kind("Flag", "samples.Permission.R", "x is samples.Permission.R")
kind("Flag combination", "samples.Permission.R | samples.Permission.X", "x is samples.Permission.R | samples.Permission.X")
kind("Flag without bits", "samples.Permission(0)", "x is samples.Permission(0)")
kind("IntFlag with unknown bits", "samples.Bits(1 | 1024)", "type(x) is samples.Bits", "x == 1025")
kind("Enum as dict keys", "{samples.Color.RED: 1, samples.Color.BLUE: 2}", "x == {samples.Color.RED: 1, samples.Color.BLUE: 2}")
kind("Enum class", "samples.Color", "x is samples.Color")
kind("HTTPStatus", "http.HTTPStatus.NOT_FOUND", "x is http.HTTPStatus.NOT_FOUND")
kind("signal", "signal.SIGINT", "x is signal.SIGINT")
kind("re flag", "re.IGNORECASE", "x is re.IGNORECASE")

# ------------------------------------------------------------------ exceptions
group("Exceptions")
kind("ValueError", "ValueError('a', 1)", "type(x) is ValueError", "x.args == ('a', 1)")
kind("KeyError without arguments", "KeyError()", "type(x) is KeyError", "x.args == ()")
kind("OSError", "FileNotFoundError(2, 'gone', 'a', None, 'b')", "type(x) is FileNotFoundError",
     "(x.errno, x.strerror, x.filename, x.filename2) == (2, 'gone', 'a', 'b')")
kind("UnicodeDecodeError", "UnicodeDecodeError('utf-8', b'\\xff', 0, 1, 'bad')", "type(x) is UnicodeDecodeError",
     "(x.encoding, x.object, x.start, x.end, x.reason) == ('utf-8', b'\\xff', 0, 1, 'bad')")
kind("StopIteration", "StopIteration(5)", "x.value == 5")
kind("SystemExit", "SystemExit(3)", "x.code == 3")
kind("SyntaxError", "SyntaxError('m', ('f', 1, 2, 'text'))", "(x.msg, x.filename, x.lineno, x.offset, x.text) == ('m', 'f', 1, 2, 'text')")
kind("ImportError", "ImportError('m', name='n', path='p')", "(x.msg, x.name, x.path) == ('m', 'n', 'p')")
kind("exception with attributes", "samples.with_attributes(RuntimeError('r'), code=7)", "x.code == 7", "x.args == ('r',)")
kind("exception class of one's own", "samples.Failure('m', 4)", "type(x) is samples.Failure", "(x.args, x.code) == (('m', 4), 4)")
kind("exception with notes", "samples.noted(ValueError('v'), 'n1', 'n2')", "x.__notes__ == ['n1', 'n2']")
kind("exception with cause", "samples.caused(ValueError('v'), KeyError('k'))", "type(x.__cause__) is KeyError",
     "x.__cause__.args == ('k',)", "x.__suppress_context__ is True")
kind("exception that was raised", "samples.caught()", "type(x) is ValueError", "x.args == ('raised',)")
kind("ExceptionGroup", "ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError(2)])])",
     "type(x) is ExceptionGroup", "x.message == 'g'", "x.exceptions[0].args == (1,)",
     "x.exceptions[1].exceptions[0].args == (2,)", since=(3, 11))

# ------------------------------------------------------------------ references
group("Classes, functions and modules by reference")
kind("class", "samples.Plain", "x is samples.Plain")
kind("class nested in a class", "samples.Outer.Inner", "x is samples.Outer.Inner")
kind("builtin class", "[int, dict, type, object, Exception]", "x == [int, dict, type, object, Exception]")
kind("types of singletons", "[type(None), type(...), type(NotImplemented)]", "x == [type(None), type(...), type(NotImplemented)]")
kind("types without a name in builtins", "[types.FunctionType, types.CodeType, types.ModuleType]",
     "x == [types.FunctionType, types.CodeType, types.ModuleType]")
kind("types of dict views and iterators", "[type({}.keys()), type({}.items()), type(iter([]))]",
     "x == [type({}.keys()), type({}.items()), type(iter([]))]")
kind("function", "samples.compare", "x is samples.compare")
kind("function, decorated", "samples.doubled", "x is samples.doubled")
kind("function with lru_cache", "samples.cached", "x is samples.cached")
kind("singledispatch function", "samples.dispatched", "x is samples.dispatched")
kind("builtin function", "[len, math.sqrt, os.path.join]", "x == [len, math.sqrt, os.path.join]")
kind("method of a class", "samples.Plain.method", "x is samples.Plain.method")
kind("bound method", "samples.Plain(a=5).method", "type(x) is types.MethodType", "type(x.__self__) is samples.Plain", "x(2) == 10")
kind("class method", "samples.Plain.build", "x.__self__ is samples.Plain", "x(a=1).a == 1")
kind("class method of a subclass", "samples.Plainer.build", "x.__self__ is samples.Plainer", "type(x(a=1)) is samples.Plainer")
kind("static method", "samples.Plain.double", "x(4) == 8", "x is samples.Plain.double")
kind("bound builtin method", "'abc'.upper", "x() == 'ABC'", "x.__self__ == 'abc'")
kind("bound method of a shared list", "samples.list_and_append()", "x[1](3) is None", "x[0] == [1, 2, 3]")
kind("method descriptor", "[str.upper, list.append]", "x[0] is str.upper", "x[1] is list.append")
kind("slot wrapper", "int.__add__", "x is int.__add__")
kind("method wrapper", "(5).__add__", "x(3) == 8")
kind("builtin class method", "[dict.fromkeys, int.from_bytes]", "x[0]('ab') == {'a': None, 'b': None}", "x[1](b'\\1\\0', 'big') == 256")
kind("builtin static method", "bytes.maketrans", "x(b'a', b'b')[97] == 98")
kind("module", "os.path", "x is os.path")
kind("callable instance", "samples.Adder(3)", "x(4) == 7")
kind("typing generics", "[typing.List[int], typing.Dict[str, typing.Any], typing.Tuple[int, ...]]",
     "x == [typing.List[int], typing.Dict[str, typing.Any], typing.Tuple[int, ...]]")
kind("typing unions", "[typing.Optional[int], typing.Union[int, str]]", "x == [typing.Optional[int], typing.Union[int, str]]")
kind("typing Callable and Literal", "[typing.Callable[[int], str], typing.Literal['a', 1]]",
     "x == [typing.Callable[[int], str], typing.Literal['a', 1]]")
kind("typing Annotated", "typing.Annotated[int, 'meta', 5]", "x == typing.Annotated[int, 'meta', 5]",
     "x.__metadata__ == ('meta', 5)", since=(3, 9))
kind("typing Any and ClassVar", "[typing.Any, typing.ClassVar[int]]", "x[0] is typing.Any", "x[1] == typing.ClassVar[int]")
kind("ForwardRef", "typing.ForwardRef('X')", "x.__forward_arg__ == 'X'", until=(3, 14))
kind("TypeVar", "samples.T", "x is samples.T")
kind("generic alias of one's own", "samples.Box[int]", "x == samples.Box[int]", "x.__origin__ is samples.Box")
kind("builtin generic alias", "[list[int], dict[str, int]]", "x == [list[int], dict[str, int]]",
     "type(x[0]) is types.GenericAlias", since=(3, 9))
kind("union written with a bar", "int | str", "x == int | str", since=(3, 10))
kind("NewType", "samples.UserId", "x is samples.UserId", since=(3, 10))
kind("ParamSpec", "samples.P", "x is samples.P", since=(3, 10))
kind("protocol class", "samples.Sized2", "x is samples.Sized2")
kind("abstract class", "samples.Shape", "x is samples.Shape")

# ------------------------------------------------------------------ objects
group("Objects of one's own classes")
kind("object", "object()", "type(x) is object")
kind("plain object", "samples.Plain(a=1, b='two')", "type(x) is samples.Plain", "vars(x) == {'a': 1, 'b': 'two'}", "list(vars(x)) == ['a', 'b']")
kind("plain object without attributes", "samples.Plain()", "type(x) is samples.Plain", "vars(x) == {}")
kind("objects of one class, different attributes", "[samples.Plain(a=1), samples.Plain(b=2), samples.Plain(b=3, a=4)]",
     "[vars(i) for i in x] == [{'a': 1}, {'b': 2}, {'b': 3, 'a': 4}]")
kind("attributes that are no identifiers", "samples.with_attributes(samples.Plain(), **{'a b': 1, '': 2, '\\xe9': 3, '\\ud800': 4})",
     "vars(x) == {'a b': 1, '': 2, '\\xe9': 3, '\\ud800': 4}")
kind("attribute keys that are no strings", "samples.with_odd_keys()", "vars(x) == {1: 'one', 'a': 2}")
kind("300 attributes", "samples.Plain(**{'a%d' % i: i for i in range(300)})", "vars(x) == {'a%d' % i: i for i in range(300)}")
kind("1,000 objects of one class", "[samples.Plain(a=i, b='s') for i in range(1000)]", "[i.a for i in x] == list(range(1000))",
     "all(type(i) is samples.Plain and i.b == 's' for i in x)")
kind("instance of a nested class", "samples.Outer.Inner(1)", "type(x) is samples.Outer.Inner", "x.value == 1")
kind("instance of a generic class", "samples.Box[int](5)", "type(x) is samples.Box", "x.value == 5", "x.__orig_class__ == samples.Box[int]")
kind("instance of an abstract class's subclass", "samples.Square(2)", "x.area() == 4")
kind("instance with a metaclass", "samples.WithMeta(1)", "type(x) is samples.WithMeta", "x.value == 1")
kind("__init__ is not called", "samples.needs_argument()", "type(x) is samples.NeedsArgument", "x.value == 3")
kind("__slots__", "samples.Slots(1, 2)", "(x.a, x.b) == (1, 2)", "not hasattr(x, '__dict__')")
kind("__slots__, one unset", "samples.Slots(1)", "x.a == 1", "not hasattr(x, 'b')")
kind("__slots__ in two bases", "samples.SubSlots(1, 2, 3)", "(x.a, x.b, x.c) == (1, 2, 3)")
kind("__slots__ and __dict__", "samples.with_attributes(samples.SlotsAndDict(1, 2), d=4)", "(x.a, x.b, x.d) == (1, 2, 4)", "vars(x) == {'d': 4}")
kind("__slots__, private", "samples.Private(5)", "x.get() == 5")
kind("__slots__ as a string", "samples.one_slot(9)", "x.only == 9")
kind("__getstate__ and __setstate__", "samples.State(5)", "x.value == 5", "x.log == ['set']")
kind("__getstate__ returns False", "samples.FalsyState()", "x.got is False")
kind("__getstate__ returns None", "samples.NoState()", "not hasattr(x, 'value')", "not hasattr(x, 'got')")
kind("__getstate__ alone, a dict", "samples.GetOnly()", "vars(x) == {'kept': 1}")
kind("__getstate__ alone, (dict, slots)", "samples.GetPair(1, 2)", "(x.d, x.b) == (1, 2)", "not hasattr(x, 'a')")
kind("__setstate__ alone", "samples.SetOnly(4)", "x.value == {'value': 4}")
kind("__getnewargs__", "samples.NewArgs(1, 2)", "x.pair == (1, 2)", "x.made_by_new")
kind("__getnewargs_ex__", "samples.NewArgsEx(1, key=2)", "x.pair == (1, 2)")
kind("__reduce__ returns a name", "samples.SINGLETON", "x is samples.SINGLETON")
kind("__reduce__, two items", "samples.Reduced((samples.Plain.build, ()))", "type(x) is samples.Plain")
kind("__reduce__ with state", "samples.Reduced((samples.Plain, (), {'a': 1}))", "type(x) is samples.Plain", "x.a == 1")
kind("__reduce__ with slot state", "samples.Reduced((samples.SlotsAndDict, (1,), ({'d': 2}, {'b': 3})))", "(x.a, x.b, x.d) == (1, 3, 2)")
kind("__reduce__ with list items", "samples.Reduced((list, (), None, iter([1, 2])))", "x == [1, 2]")
kind("__reduce__ with dict items", "samples.Reduced((dict, (), None, None, iter([('a', 1)])))", "x == {'a': 1}")
kind("__reduce__ with list items, extend and append", "samples.Reduced((samples.Appends, (), None, iter([1, 2])))", "x.items == [1, 2]")
kind("__reduce__ with a state setter", "samples.Reduced((samples.Plain, (), 5, None, None, samples.set_state))", "vars(x) == {'state': 5}")
kind("__reduce_ex__", "samples.Versioned()", "x.protocol == 5")
kind("__reduce_ex__ that calls its base", "samples.CallsBase(3)", "x.value == 3", "x.reduced")
kind("copyreg.pickle", "samples.Registered(6)", "type(x) is samples.Registered", "x.value == 6", "x.by == 'rebuild'")
kind("copyreg.__newobj_ex__ by hand", "samples.Reduced((copyreg.__newobj_ex__, (samples.Reduced, (1,), {})))", "x.result == 1")
kind("class with a reducing metaclass", "samples.make_dynamic('Fresh')", "x.__name__ == 'Fresh'", "x is samples.make_dynamic('Fresh')")
kind("__getattr__ that answers everything", "samples.Eager(3)", "x.value == 3", "x.nothing == 'nothing'")
kind("__setattr__ that refuses", "samples.ReadOnly(8)", "x.value == 8")
kind("__eq__ and __hash__ on state, as dict key", "{samples.Key(1): 'a', samples.Key(2): 'b'}", "x[samples.Key(2)] == 'b'", "len(x) == 2")
kind("property with a setter", "samples.Celsius(5)", "x.degrees == 5", "vars(x) == {'_degrees': 5}")
kind("weakref.proxy of an object", "samples.proxied()", "type(x) is samples.Plain", "x.a == 1")
kind("object with a weak reference slot", "samples.Weakable(3)", "x.a == 3", "weakref.ref(x)() is x")
kind("dataclass", "samples.Item('n', 2)", "type(x) is samples.Item", "x == samples.Item('n', 2)", "x.tags == []")
kind("dataclass, frozen", "samples.Frozen(1, [2])", "x == samples.Frozen(1, [2])", "hash(samples.Frozen(1, 2)) == hash(samples.Frozen(1, 2))")
kind("dataclass, ordered", "[samples.Ordered(1), samples.Ordered(2)]", "x[0] < x[1]")
kind("dataclass, inherited", "samples.SubItem('n', 2, ['t'], 'more')", "(x.name, x.size, x.tags, x.more) == ('n', 2, ['t'], 'more')")
kind("dataclass with InitVar and ClassVar", "samples.Special(5)", "x.value == 10", "samples.Special.shared == 'class'", "vars(x) == {'value': 10}")
kind("dataclass, __post_init__ is not run again", "samples.Counted(1)", "x.runs == 1")
kind("dataclass with more and fewer attributes", "samples.odd_item()", "vars(x) == {'name': 'n', 'extra': 1}", "type(x) is samples.Item")
kind("dataclass, slots", "samples.SlottedItem(1, 'b')", "(x.a, x.b) == (1, 'b')", "not hasattr(x, '__dict__')", since=(3, 10))
kind("dataclass, frozen and slots", "samples.FrozenSlots(1, 'b')", "x == samples.FrozenSlots(1, 'b')", since=(3, 10))
kind("dataclass, kw_only", "samples.KwOnly(a=1, b=2)", "x == samples.KwOnly(a=1, b=2)", since=(3, 10))
kind("dataclass with a state of its own", "samples.StatefulItem(3)", "x.value == 3", "x.restored")
kind("generic dataclass", "samples.Pair[int](1, 2)", "(x.left, x.right) == (1, 2)")
kind("TypedDict", "samples.Movie(title='t', year=1)", "x == {'title': 't', 'year': 1}", "type(x) is dict")

# ------------------------------------------------------------------ subclasses of builtins
group("Subclasses of builtins with state")
for _base, _value, _check in (
    ("int", "2**70", "int(x) == 2**70"),
    ("float", "-0.0", "math.copysign(1, x) == -1"),
    ("complex", "1+2j", "complex(x) == 1+2j"),
    ("str", "'caf\\xe9'", "str(x) == 'caf\\xe9'"),
    ("bytes", "b'\\xff'", "bytes(x) == b'\\xff'"),
    ("bytearray", "b'ab'", "bytes(x) == b'ab'"),
    ("list", "[1, [2]]", "list(x) == [1, [2]]"),
    ("tuple", "(1, 'b')", "tuple(x) == (1, 'b')"),
    ("dict", "{'a': 1}", "dict(x) == {'a': 1}"),
    ("set", "{1, 2}", "set(x) == {1, 2}"),
    ("frozenset", "{1, 2}", "frozenset(x) == frozenset({1, 2})"),
):
    kind("subclass of " + _base, "samples.with_attributes(samples.My_%s(%s), tag=['t'])" % (_base, _value),
         "type(x) is samples.My_" + _base, _check, "vars(x) == {'tag': ['t']}")
kind("subclass of deque", "samples.with_attributes(samples.MyDeque([1], maxlen=2), t=1)", "type(x) is samples.MyDeque",
     "list(x) == [1]", "x.maxlen == 2", "x.t == 1")
kind("subclass of OrderedDict", "samples.with_attributes(samples.MyOrdered(b=1, a=2), t=1)", "type(x) is samples.MyOrdered",
     "list(x.items()) == [('b', 1), ('a', 2)]", "x.t == 1")
kind("subclass of defaultdict", "samples.with_attributes(samples.filled(samples.MyDefault(int), a=1), t=1)",
     "type(x) is samples.MyDefault", "x.default_factory is int", "x == {'a': 1}", "x.t == 1")
kind("subclass of Counter", "samples.with_attributes(samples.MyCounter('aab'), t=1)", "type(x) is samples.MyCounter", "x == {'a': 2, 'b': 1}")
kind("subclass of date", "samples.with_attributes(samples.MyDate(2024, 1, 2), t=1)", "type(x) is samples.MyDate",
     "(x.year, x.month, x.day) == (2024, 1, 2)", "x.t == 1")
kind("subclass of datetime", "samples.with_attributes(samples.MyDatetime(2024, 1, 2, fold=1), t=1)", "type(x) is samples.MyDatetime",
     "x.isoformat() == '2024-01-02T00:00:00'", "x.fold == 1", "x.t == 1")
kind("subclass of time", "samples.with_attributes(samples.MyTime(1, 2, fold=1), t=1)", "type(x) is samples.MyTime",
     "x.isoformat() == '01:02:00'", "x.fold == 1", "x.t == 1")
kind("subclass of timedelta", "samples.with_attributes(samples.MyDelta(1, 2), t=1)", "type(x) is samples.MyDelta",
     "(x.days, x.seconds) == (1, 2)", "x.t == 1")
kind("subclass of Decimal", "samples.with_attributes(samples.MyDecimal('1.50'), t=1)", "type(x) is samples.MyDecimal",
     "str(x) == '1.50'", "x.t == 1")
kind("subclass of Fraction", "samples.MyFraction(1, 3)", "type(x) is samples.MyFraction", "x == fractions.Fraction(1, 3)")
kind("subclass of UUID", "samples.MyUUID(int=5)", "type(x) is samples.MyUUID", "x.int == 5")
kind("subclass of array", "samples.with_attributes(samples.MyArray('i', [1, 2]), t=1)", "type(x) is samples.MyArray", "x.tolist() == [1, 2]", "x.t == 1")
kind("subclass of SimpleNamespace", "samples.MyNamespace(a=1)", "type(x) is samples.MyNamespace", "x.a == 1")
kind("subclass of int with __new__", "samples.Metres(5, 'm')", "x == 5", "x.unit == 'm'", "type(x) is samples.Metres")
kind("subclass of str with slots", "samples.SlottedStr('s', 1)", "x == 's'", "x.extra == 1", "type(x) is samples.SlottedStr",
     "not hasattr(x, '__dict__')")
kind("subclass of list with slots", "samples.SlottedList([1], 2)", "x == [1]", "x.extra == 2")
kind("subclass of list with its own append", "samples.loud_list(1, 2)", "list(x) == [1, 2]", "x.calls")
kind("subclass of dict with its own __setitem__", "samples.Upper(a=1)", "dict(x) == {'A': 1}", "type(x) is samples.Upper")
kind("subclass of dict, __init__ with arguments", "samples.NeedsName('n', a=1)", "type(x) is samples.NeedsName", "x == {'a': 1}", "x.name == 'n'")
kind("subclass of set with __reduce__", "samples.Labelled('l', [1])", "x == {1}", "x.label == 'l'")
kind("subclass of tuple with __new__", "samples.Vector(1, 2)", "x == (1, 2)", "type(x) is samples.Vector")
kind("subclass of type", "samples.WithMeta", "x is samples.WithMeta")
kind("attribute dict of a dict subclass", "samples.AttrDict(a=1)", "type(x) is samples.AttrDict", "x.a == 1", "x == {'a': 1}")

# ------------------------------------------------------------------ identity
group("Sharing and recursion")
kind("the same list twice", "samples.twice([1])", "x[0] is x[1]", "x[0] == [1]")
kind("equal lists stay two", "[[1], [1]]", "x[0] is not x[1]", "x == [[1], [1]]")
kind("the same str twice", "samples.twice(''.join(['some ', 'text']))", "x[0] is x[1]", "x[0] == 'some text'")
kind("the same bytes twice", "samples.twice(bytes(40))", "x[0] is x[1]")
kind("the same large int twice", "samples.twice(10**40)", "x[0] == 10**40")
kind("the same tuple twice", "samples.twice(tuple([1, [2]]))", "x[0] is x[1]")
kind("the same frozenset twice", "samples.twice(frozenset([1, 2]))", "x[0] is x[1]")
kind("the same datetime twice", "samples.twice(datetime.datetime(2024, 1, 1))", "x[0] is x[1]")
kind("the same object as key and value", "samples.key_and_value()", "next(iter(x)) is next(iter(x.values()))")
kind("list in itself", "samples.list_in_itself()", "len(x) == 1", "x[0] is x")
kind("dict in itself", "samples.dict_in_itself()", "list(x) == ['self']", "x['self'] is x")
kind("tuple in its list", "samples.tuple_and_list()", "type(x) is tuple", "x[0][0] is x")
kind("tuple in its list, from the list", "samples.tuple_and_list()[0]", "type(x) is list", "x[0][0] is x", "type(x[0]) is tuple")
kind("tuple in its dict", "samples.tuple_and_dict()", "x[0][1] is x")
kind("frozenset in its member", "samples.frozenset_and_object()", "type(x) is frozenset", "next(iter(x)).attr is x")
kind("set in its member", "samples.set_and_object()", "type(x) is set", "next(iter(x)).attr is x", "next(iter(x)) in x")
kind("dict in its key", "samples.dict_and_key()", "next(iter(x)).attr is x")
kind("object in itself", "samples.object_in_itself()", "x.me is x")
kind("object in its own items", "samples.list_subclass_in_itself()", "x[0] is x", "type(x) is samples.My_list")
kind("dict subclass in itself", "samples.dict_subclass_in_itself()", "x['k'] is x", "type(x) is samples.My_dict")
kind("tuple subclass in its attribute", "samples.tuple_subclass_in_itself()", "x.me is x", "type(x) is samples.My_tuple")
kind("frozenset subclass in its attribute", "samples.frozenset_subclass_in_itself()", "x.me is x", "type(x) is samples.My_frozenset")
kind("int subclass in its attribute", "samples.int_subclass_in_itself()", "x.me is x", "x == 5")
kind("slots in a cycle", "samples.slots_cycle()", "x.a.a is x", "type(x.a) is samples.Slots")
kind("dataclass in a cycle", "samples.dataclass_cycle()", "x.children[0].parent is x")
kind("__setstate__ in a cycle", "samples.state_cycle()", "x.value.value is x", "x.log == ['set']")
kind("state that is the object in a tuple", "samples.state_of_itself()", "x.state[0] is x", "type(x.state) is tuple")
kind("parent and children", "samples.family()", "[c.parent is x for c in x.children] == [True, True]", "x.children[1].name == 'b'")
kind("deque in itself", "samples.deque_in_itself()", "x[0] is x")
kind("OrderedDict in itself", "samples.ordered_in_itself()", "x['k'] is x")
kind("defaultdict in itself", "samples.default_in_itself()", "x['k'] is x", "x.default_factory is list")
kind("SimpleNamespace in itself", "samples.namespace_in_itself()", "x.me is x")
kind("partial in its keywords", "samples.partial_in_itself()", "x.keywords['me'][0] is x")
kind("exception in its attribute", "samples.exception_in_itself()", "x.me is x")
kind("exceptions that cause each other", "samples.exception_cycle()", "x.__cause__.__cause__ is x")
kind("bound method of the object that holds it", "samples.method_in_itself()", "x.call.__self__ is x", "x.call(2) == 4")
kind("reduce arguments that hold the object", "samples.ReduceArgs()", refused=True)
kind("shared between state and items", "samples.shared_state()", "x[0] is x.tag", "x.tag == ['t']")
kind("shared reduce arguments", "samples.shared_arguments()", "x[0].values is x[1].values")
kind("graph of 2,000 shared nodes", "samples.graph(2000)", "len(x) == 2000", "all(x[i].links[0] is x[(i * 7 + 1) % 2000] for i in range(2000))")
kind("200 lists deep", "samples.deep(200)", "samples.depth(x) == 200")
kind("100 linked objects", "samples.linked(100)", "samples.length(x) == 100")
kind("attribute names are interned", "samples.Plain(**{'attr_' + 'ibute': 1})", "next(iter(vars(x))) is sys.intern('attr_ibute')")

# ------------------------------------------------------------------ code by value
group("Code by value")
kind("lambda", "lambda a: a * 2", "x(4) == 8", "x.__name__ == '<lambda>'")
kind("local function", "samples.local_function()", "x(1) == 111", "x(1, d=0) == 11", "x.__doc__ == 'Adds.'",
     "x.__annotations__ == {'a': int, 'return': int}", "x.note == 'n'", "x.__qualname__ == 'local_function.<locals>.add'")
kind("closure", "samples.closure(3)", "x(4) == 12")
kind("closures that share a variable", "samples.counter()", "x[0]() == 1 and x[0]() == 2", "x[1]() == 2")
kind("function that calls itself", "samples.factorial()", "x(5) == 120")
kind("functions that call each other", "samples.even_and_odd()", "x[0](10) is True", "x[1](10) is False")
kind("closure with an empty cell", "samples.empty_cell()", "x() == 'unbound'")
kind("local generator function", "samples.local_generator()", "list(x(3)) == [0, 1, 4]")
kind("local coroutine function", "samples.local_coroutine()", "samples.run(x(4)) == 5")
kind("function that uses a module", "samples.uses_module()", "x(16) == 4.0")
kind("function that uses a global", "samples.in_main('LIMIT = 7\\ndef f(a): return a + LIMIT', 'f')", "x(1) == 8", "x.__module__ == '__main__'")
kind("functions of one module share globals",
     "samples.in_main('N = 0\\ndef up():\\n    global N\\n    N += 1\\ndef get(): return N\\nboth = [up, get]', 'both')",
     "x[0]() is None", "x[1]() == 1", "x[0].__globals__ is x[1].__globals__")
kind("decorated local function", "samples.local_decorated()", "x(2) == 5", "x.__wrapped__(2) == 4", "x.__name__ == 'plain'")
kind("partial of a lambda", "functools.partial(lambda a, b: a - b, 10)", "x(4) == 6")
kind("defaultdict with a lambda", "samples.filled(collections.defaultdict(lambda: 'd'), a=1)", "x['b'] == 'd'", "x['a'] == 1")
kind("local class", "samples.local_class()", "x().f(3) == 30", "x.g(3) == 30", "x.h(3) == 30", "x.__qualname__ == 'local_class.<locals>.Local'",
     "x.__doc__ == 'Local.'", "x.attribute == [1]")
kind("instance of a local class", "samples.with_attributes(samples.local_class()(), v=2)", "x.v == 2", "x.f(1) == 10")
kind("class and instances, one class", "samples.class_and_instances()", "type(x[1]) is x[0] and type(x[2]) is x[0]", "isinstance(x[1], x[0])")
kind("method of a local class", "samples.local_class()().f", "x(5) == 50")
kind("class method of a local class", "samples.local_class().g", "x(5) == 50", "x.__self__.__name__ == 'Local'")
kind("local class with super()", "samples.local_super()", "x().name() == 'base+sub'")
kind("local class with slots", "samples.local_slots()(4)", "x.a == 4", "not hasattr(x, '__dict__')")
kind("local class with a property", "samples.local_property()(4)", "x.double == 8")
kind("local class that names itself", "samples.local_self_class()", "x().other().__class__ is x")
kind("local dataclass", "samples.local_dataclass()(1, 'b')", "(x.a, x.b) == (1, 'b')", "x == type(x)(1, 'b')", "repr(x).endswith(\"(a=1, b='b')\")")
kind("local Enum", "samples.local_enum()", "x.ONE.value == 1", "x(2) is x.TWO", "list(x) == [x.ONE, x.TWO]")
kind("member of a local Enum", "samples.local_enum().TWO", "x.name == 'TWO'", "type(x)(2) is x")
kind("local namedtuple", "samples.local_namedtuple()(1, 2)", "x == (1, 2)", "x.b == 2")
kind("local abstract class", "samples.local_abstract()", "samples.fails(x)", "x.__abstractmethods__ == frozenset({'area'})")
kind("local class with a metaclass", "samples.local_meta()", "type(x).__name__ == 'Meta'", "x.made == 'Local'")
kind("local exception", "samples.local_exception()('m', 3)", "x.args == ('m', 3)", "isinstance(x, ValueError)")
kind("local generic class", "samples.local_generic()", "x[int]().__class__ is x")
kind("class in __main__", "samples.in_main('class K:\\n    def f(self): return self.v', 'K')", "x.__module__ == '__main__'", "x.__name__ == 'K'")
kind("instance of a class in __main__", "samples.in_main('class L:\\n    def f(self): return self.v\\nl = L()\\nl.v = 5', 'l')", "x.f() == 5")
kind("local TypeVar", "typing.TypeVar('U', bound=int)", "x.__name__ == 'U'", "x.__bound__ is int")
kind("dynamic module", "samples.dynamic_module()", "x.double(4) == 8", "x.VALUE == [1]", "type(x) is types.ModuleType")
kind("code object", "samples.compare.__code__", "type(x) is types.CodeType", "x.co_name == 'compare'")
kind("cell", "types.CellType(5)", "x.cell_contents == 5")
kind("property object", "samples.Celsius.__dict__['degrees']", "type(x) is property", "x.fget(samples.Celsius(3)) == 3")
kind("staticmethod object", "samples.Plain.__dict__['double']", "type(x) is staticmethod", "x.__func__(4) == 8")
kind("classmethod object", "samples.Plain.__dict__['build']", "type(x) is classmethod")
kind("same class when it arrives twice", "samples.local_class()", "samples.remember(x) is x")

# ------------------------------------------------------------------ refused
group("What cannot travel")
kind("lock", "threading.Lock()", refused=True)
kind("sort key", "functools.cmp_to_key(samples.compare)(1)", refused=True)
kind("lock deep inside", "{'a': [samples.Plain(lock=threading.Lock())]}", refused=True)
kind("thread", "threading.Thread()", refused=True)
kind("thread-local data", "threading.local()", refused=True)
kind("socket", "samples.closed_socket()", refused=True)
kind("binary file", "samples.open_file('rb')", refused=True)
kind("frame", "sys._getframe()", refused=True)
kind("traceback", "samples.traceback()", refused=True)
kind("weak reference", "weakref.ref(samples.SINGLETON)", refused=True)
kind("hash object", "hashlib.sha256()", refused=True)
kind("context variable", "contextvars.ContextVar('v')", refused=True)
kind("compressor", "zlib.compressobj()", refused=True)
kind("database connection", "samples.closed_connection()", refused=True, needs="sqlite3")
kind("queue", "queue.Queue()", refused=True)

# ------------------------------------------------------------------ NumPy
group("NumPy")
for _name, _make in (
    ("bool", "np.array([True, False, True])"),
    ("int8", "np.array([-128, 127], 'i1')"),
    ("uint64", "np.array([0, 2**64 - 1], 'u8')"),
    ("float16", "np.array([1.5, -0.0, np.inf], 'f2')"),
    ("float64", "np.linspace(0, 1, 1000)"),
    ("complex64", "np.array([1+2j, -3j], 'c8')"),
    ("big-endian", "np.array([1, 2, 3], '>i4')"),
    ("datetime64 with NaT", "np.array(['2024-01-01T00:00:01', 'NaT'], 'M8[s]')"),
    ("timedelta64", "np.array([1, -2], 'm8[us]')"),
    ("str", "np.array(['a', 'caf\\xe9', '\\U0001f600'])"),
    ("bytes", "np.array([b'ab', b''])"),
    ("structured", "np.array([(1, 2.5, 'x')], [('a', '<i4'), ('b', '>f8'), ('c', 'U3')])"),
    ("structured, aligned with titles", "np.zeros(2, np.dtype({'names': ['a', 'b'], 'formats': ['u1', 'f8'], 'titles': ['A', None]}, align=True))"),
    ("sub-array dtype", "np.zeros(2, [('m', 'i2', (2, 3))])"),
    ("empty", "np.zeros((0, 3), 'f4')"),
    ("2-D", "np.arange(12).reshape(3, 4)"),
    ("Fortran order", "np.asfortranarray(np.arange(12.0).reshape(3, 4))"),
    ("strided", "np.arange(20).reshape(4, 5)[::2, ::-1]"),
):
    kind("ndarray, " + _name, _make, "type(x) is np.ndarray", "x.dtype == (%s).dtype" % _make, "x.shape == (%s).shape" % _make,
         "x.tobytes() == (%s).tobytes()" % _make, needs="numpy")
kind("ndarray is writable", "np.arange(3)", "x.flags.writeable", "x.__setitem__(0, 5) is None and x.tolist() == [5, 1, 2]", needs="numpy")
kind("ndarray, long double", "np.array([1, 2], np.longdouble) / 3", "x.dtype == np.longdouble", "(x * 3 == [1, 2]).all()", needs="numpy")
kind("ndarray, Fortran order is kept", "np.asfortranarray(np.arange(6.0).reshape(2, 3))", "x.flags.f_contiguous", "x.tolist() == [[0, 1, 2], [3, 4, 5]]", needs="numpy")
kind("ndarray, dtype metadata", "np.zeros(1, np.dtype('f8', metadata={'u': 'm'}))", "x.dtype == np.float64", needs="numpy")
kind("ndarray, zero-dimensional", "np.array(5.5)", "type(x) is np.ndarray", "x.shape == ()", "x == 5.5", needs="numpy")
kind("ndarray of objects", "np.array([1, 'a', [2], None], dtype=object)", "x.dtype == object", "x.tolist() == [1, 'a', [2], None]", needs="numpy")
kind("ndarray of objects, with itself", "samples.array_in_itself()", "x[0] is x", needs="numpy")
kind("the same ndarray twice", "samples.twice(np.arange(3))", "x[0] is x[1]", needs="numpy")
kind("NumPy scalars", "[np.int8(-5), np.float32(1.5), np.bool_(True), np.complex128(1j), np.str_('s'), np.bytes_(b'b')]",
     "[type(i) for i in x] == [np.int8, np.float32, np.bool_, np.complex128, np.str_, np.bytes_]",
     "x == [-5, 1.5, True, 1j, 's', b'b']", needs="numpy")
kind("NumPy datetime scalars", "[np.datetime64('2024-01-01', 'ns'), np.timedelta64(5, 'h'), np.datetime64('NaT')]",
     "x[0] == np.datetime64('2024-01-01') and x[0].dtype == 'M8[ns]'", "x[1] == np.timedelta64(300, 'm')", "np.isnat(x[2])", needs="numpy")
kind("structured scalar", "np.array([(1, 2.5)], [('a', 'i4'), ('b', 'f8')])[0]", "type(x) is np.void", "x['b'] == 2.5", needs="numpy")
kind("dtype", "[np.dtype('>i4'), np.dtype([('a', 'f8'), ('b', 'S3')]), np.dtype('M8[ms]')]",
     "[str(d) for d in x] == ['>i4', \"[('a', '<f8'), ('b', 'S3')]\", 'datetime64[ms]']", needs="numpy")
kind("ufunc and functions", "[np.add, np.mean, np.random.default_rng]", "x == [np.add, np.mean, np.random.default_rng]", needs="numpy")
kind("masked array", "np.ma.array([1, 2, 3], mask=[0, 1, 0], fill_value=9)", "type(x) is np.ma.MaskedArray", "x.tolist() == [1, None, 3]", "x.fill_value == 9", needs="numpy")
kind("record array", "np.rec.array([(1, 'a')], names='n,s')", "type(x) is np.recarray", "x.n[0] == 1", needs="numpy")
kind("ndarray subclass", "samples.numpy_subclass()", "type(x).__name__ == 'Tagged'", "x.tolist() == [1, 2]", "x.tag == 't'", needs="numpy")
kind("random Generator", "np.random.default_rng(5)", "x.random() == np.random.default_rng(5).random()", needs="numpy")

group("pandas")
for _name, _make in (
    ("Series", "pd.Series([1.5, None, 3], index=list('abc'), name='s')"),
    ("Series, categorical", "pd.Series(['a', 'b', 'a'], dtype='category')"),
    ("Series, with time zone", "pd.Series(pd.date_range('2024-01-01', periods=3, tz='Europe/Zurich'))"),
    ("Series, nullable int", "pd.Series([1, None], dtype='Int64')"),
    ("Series of str", "pd.Series(['a', None, '\\u20ac'])"),
    ("Series of objects", "pd.Series([1, 'a', [2]], dtype=object)"),
    ("Series of intervals", "pd.Series(pd.interval_range(0, 3))"),
    ("Series, sparse", "pd.Series(pd.arrays.SparseArray([0, 0, 1]))"),
):
    kind(_name, _make, "type(x) is pd.Series", "pd.testing.assert_series_equal(x, %s) is None" % _make, needs="pandas")
for _name, _make in (
    ("DataFrame", "pd.DataFrame({'a': [1, 2], 'b': [1.5, None], 'c': ['x', 'y'], 'd': [True, False]})"),
    ("DataFrame, 10,000 rows", "pd.DataFrame({'a': np.arange(10000), 'b': np.arange(10000) / 7})"),
    ("DataFrame, empty", "pd.DataFrame()"),
    ("DataFrame with a MultiIndex", "pd.DataFrame({'v': [1, 2]}, index=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)], names=['k', 'n']))"),
    ("DataFrame of dates", "pd.DataFrame({'t': pd.date_range('2024', periods=3), 'd': pd.to_timedelta([1, 2, 3], 's')})"),
):
    kind(_name, _make, "type(x) is pd.DataFrame", "pd.testing.assert_frame_equal(x, %s) is None" % _make, needs="pandas")
kind("DataFrame with attrs", "samples.with_attrs(pd.DataFrame({'a': [1]}))", "x.attrs == {'unit': 'm'}", needs="pandas")
for _name, _make in (
    ("RangeIndex", "pd.RangeIndex(0, 10, 3, name='r')"),
    ("DatetimeIndex with frequency", "pd.date_range('2024', periods=4, freq='D')"),
    ("PeriodIndex", "pd.period_range('2024-01', periods=3, freq='M')"),
    ("MultiIndex", "pd.MultiIndex.from_product([['a', 'b'], [1, 2]])"),
):
    kind(_name, _make, "type(x) is type(%s)" % _make, "pd.testing.assert_index_equal(x, %s) is None" % _make, needs="pandas")
kind("Timestamp, Timedelta and Period", "[pd.Timestamp('2024-01-01 00:00:00.000000001', tz='UTC'), pd.Timedelta(5, 'ns'), pd.Period('2024-01', 'M')]",
     "[str(i) for i in x] == ['2024-01-01 00:00:00.000000001+00:00', '0 days 00:00:00.000000005', '2024-01']", needs="pandas")
kind("NA and NaT", "[pd.NA, pd.NaT]", "x[0] is pd.NA", "x[1] is pd.NaT", needs="pandas")

group("attrs and pydantic")
kind("attrs class", "samples.attrs_sample('Plain')", "(x.a, x.b) == (1, [2])", "type(x) is samples.namespace('attrs')['attrs_Plain']", needs="attrs")
kind("attrs class, frozen", "samples.attrs_sample('Frozen')", "(x.a, x.b) == (1, [2])", "samples.fails(setattr, x, 'a', 2)", needs="attrs")
kind("attrs class without slots", "samples.attrs_sample('Dicted')", "vars(x) == {'a': 1, 'b': [2]}", needs="attrs")
kind("pydantic model", "samples.pydantic_sample('model')", "x.model_dump() == {'a': 1, 'b': ['x']}", "x.model_fields_set == {'a'}", needs="pydantic")
kind("pydantic model, nested and private", "samples.pydantic_sample('nested')", "x.inner.a == 2", "x._secret == 's'", needs="pydantic")
kind("pydantic generic model", "samples.pydantic_sample('generic')", "x.value == 5", needs="pydantic")
kind("pydantic dataclass", "samples.pydantic_sample('dataclass')", "(x.a, x.b) == (1, 'b')", needs="pydantic")

_BY_NAME = {k.name: k for k in KINDS}
assert len(_BY_NAME) == len(KINDS), "two kinds of one name"
