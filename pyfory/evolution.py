"""Reading a peer's schema into a local class (section 14 of the wire format).

The peer's TypeDef drives the read; this module decides which local field
each remote field fills, whether its type can be read into the local one, and
what has to happen to the value. The last is a plain Python function: schemas
that agree, and integers that only grow, need none.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from pyfory.error import ForyInvalidDataError, TypeNotCompatibleError
from pyfory.schema import (
    CARRIER_FROZENSET,
    CARRIER_NDARRAY,
    CARRIER_PYARRAY,
    CARRIER_TUPLE,
    DEFAULT_CALL,
    StructField,
    TypeNode,
    camel_case,
    java_snake_case,
    snake_case,
)
from pyfory.typedef import RemoteField
from pyfory.types import (
    ARRAY_IDS,
    ARRAY_NAMES,
    ARRAY_OF,
    ENUM_IDS,
    EXT_IDS,
    INTEGER_IDS,
    NUMERIC_IDS,
    SCALAR_SIZES,
    STRUCT_IDS,
    TypeId,
    UNION_IDS,
    type_name,
)

Convert = Callable[[Any], Any]
#: LIST carrier for reads that end in an array: the C side insists on a dense list
CARRIER_DENSE_LIST = 2

_CONVERTIBLE = NUMERIC_IDS | {TypeId.STRING, TypeId.DECIMAL}


# ---- matching (14.1, decision 24) ---------------------------------------------


def match_fields(local: Sequence[StructField], remote: Sequence[RemoteField]) -> List[int]:
    """For each remote field the index of the local field it fills, or -1.

    A tag id matches the same tag id and nothing else. A name matches
    exactly, then in snake case, then in Java's form of snake case, then in
    camel case. Each local field is filled at most once.
    """
    result = [-1] * len(remote)
    free = set(range(len(local)))
    by_tag = {f.tag: i for i, f in enumerate(local) if f.tag >= 0}
    named: List[int] = []
    for i, field in enumerate(remote):
        if field.tag_id is None:
            named.append(i)
            continue
        target = by_tag.get(field.tag_id, -1)
        if target in free:
            result[i] = target
            free.discard(target)

    def claim(remote_form: Callable[[str], str], local_form: Callable[[StructField], str]) -> None:
        if not free:
            return
        index: Dict[str, int] = {}
        for j in sorted(free, reverse=True):
            index[local_form(local[j])] = j
        for i in named:
            if result[i] < 0:
                target = index.get(remote_form(remote[i].name or ""), -1)
                if target in free:
                    result[i] = target
                    free.discard(target)

    claim(str, lambda f: f.name)
    if any(result[i] < 0 for i in named):
        claim(snake_case, lambda f: f.snake)
        claim(java_snake_case, lambda f: java_snake_case(f.name))
        claim(camel_case, lambda f: f.name)
    return result


# ---- which type may be read into which (14.3) ------------------------------------


def kind_of(type_id: int) -> int:
    """Folds the variants of a user kind (by id, by name, compatible) into one id."""
    if type_id in STRUCT_IDS:
        return TypeId.STRUCT
    if type_id in EXT_IDS:
        return TypeId.EXT
    if type_id in ENUM_IDS:
        return TypeId.ENUM
    if type_id in UNION_IDS:
        return TypeId.UNION
    return type_id


class _Refused(Exception):
    """These types cannot be read into each other."""


def _nested(remote: TypeNode, local: TypeNode) -> TypeNode:
    """Inside collections types match exactly; local classes and carriers apply."""
    kind = kind_of(remote.type_id)
    local_kind = kind_of(local.type_id)
    if kind != local_kind:
        # objects carry their own type, so Any can stand for them
        if {kind, local_kind} <= {TypeId.UNKNOWN, TypeId.STRUCT, TypeId.EXT}:
            if TypeId.UNKNOWN in (kind, local_kind):
                return remote
        raise _Refused
    args = tuple(_nested(r, l) for r, l in zip(remote.args, local.args))
    return TypeNode(remote.type_id, args, remote.nullable, remote.ref, local.cls, local.carrier)


def _range_of(type_id: int) -> Tuple[int, int]:
    bits = SCALAR_SIZES[type_id] * 8
    if type_id <= TypeId.TAGGED_INT64:
        return -(1 << bits - 1), (1 << bits - 1) - 1
    return 0, (1 << bits) - 1


def _is_unsigned(type_id: int) -> bool:
    return TypeId.UINT8 <= type_id <= TypeId.TAGGED_UINT64


_DOMAIN_OF_ARRAY = {array_id: element for element, array_id in ARRAY_OF.items()}


def _same_domain(element: int, array_id: int) -> bool:
    domain = _DOMAIN_OF_ARRAY[array_id]
    if element == domain:
        return True
    return (
        element in INTEGER_IDS
        and domain in INTEGER_IDS
        and _is_unsigned(element) == _is_unsigned(domain)
        and SCALAR_SIZES[element] == SCALAR_SIZES[domain]
    )


def read_field(remote: RemoteField, local: StructField, track_ref: bool) -> Tuple[TypeNode, Optional[Convert]]:
    """How to read `remote` into `local`: the node to read and what to do with the value.

    The node has the remote type with local classes and carriers. Raises
    TypeNotCompatibleError when the types do not go together.
    """
    try:
        return _read_field(remote, local, track_ref)
    except _Refused:
        tracked = ["", ""]
        if remote.ref != (local.ref and track_ref):  # the types alone may well agree
            tracked = [" with references" if remote.ref else "", "" if remote.ref else " with references"]
        raise TypeNotCompatibleError(
            "Compatible field '%s' cannot be read as local field '%s': %s%s there, %s%s here"
            % (_short(remote.key), _short(local.name), _type_of(remote), tracked[0], _type_of(local), tracked[1])
        ) from None


def _type_of(field: Union[RemoteField, StructField]) -> str:
    """The declared type for messages, of bounded length."""
    text = field.node.describe()
    text = text if len(text) <= 60 else text[:57] + "..."
    return text + "?" if field.nullable and not text.endswith("?") else text


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:57] + "..."


def _read_field(remote: RemoteField, local: StructField, track_ref: bool) -> Tuple[TypeNode, Optional[Convert]]:
    remote_node, local_node = remote.node, local.node
    r, l = remote_node.type_id, local_node.type_id
    remote_ref = remote.ref
    local_ref = local.ref and track_ref
    none_may_come = remote.nullable or remote_ref
    if l == TypeId.UNKNOWN:
        return remote_node, None if local.nullable or not none_may_come else _replace_none(local)
    if r == TypeId.UNKNOWN:
        return remote_node, _validate_any(local)
    if r in _CONVERTIBLE and l in _CONVERTIBLE:
        return _read_scalar(remote, local, remote_ref, local_ref)
    plain = not (remote.nullable or local.nullable or remote_ref or local_ref)
    if r == TypeId.LIST and l in ARRAY_IDS:
        element = remote_node.args[0]
        if not plain or element.ref or not _same_domain(element.type_id, l):
            raise _Refused
        node = TypeNode(TypeId.LIST, (element,), carrier=CARRIER_DENSE_LIST)
        return node, array_builder(l, local_node.carrier)
    if r in ARRAY_IDS and l == TypeId.LIST:
        if not plain or not _same_domain(local_node.args[0].type_id, r):
            raise _Refused
        return TypeNode(r), tuple if local_node.carrier == CARRIER_TUPLE else list
    convert: Optional[Convert] = None
    if r == TypeId.BINARY and l == TypeId.UINT8_ARRAY:
        node = TypeNode(r)
        convert = array_builder(l, local_node.carrier)
    elif r == TypeId.UINT8_ARRAY and l == TypeId.BINARY:
        node = TypeNode(r)
        convert = bytes
    else:
        if kind_of(r) != kind_of(l):
            raise _Refused
        node = _nested(remote_node, local_node)
    if not none_may_come:
        return node, convert
    if local.nullable:
        return node, None if convert is None else _skip_none(convert)
    return node, _replace_none(local, convert)


def _default_function(local: StructField) -> Callable[[], Any]:
    kind, value = local.default_for_missing()
    if kind == DEFAULT_CALL:
        return value  # type: ignore[no-any-return]
    return lambda: value


def _replace_none(local: StructField, convert: Optional[Convert] = None) -> Optional[Convert]:
    """None becomes the default of the field; other values go through `convert`."""
    kind, constant = local.default_for_missing()
    if kind != DEFAULT_CALL and constant is None:
        return None if convert is None else _skip_none(convert)
    default = _default_function(local)
    if convert is None:
        return lambda value: default() if value is None else value
    return lambda value: default() if value is None else convert(value)


def _skip_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def array_builder(array_id: int, carrier: int) -> Convert:
    """A function that turns a list, bytes or dense array into the carrier for an array type."""
    if carrier == CARRIER_NDARRAY:
        name = ARRAY_NAMES[array_id][: -len("Array")].lower()

        def to_ndarray(values: Any) -> Any:
            import numpy

            return numpy.array(list(values), dtype=name)

        return to_ndarray
    if carrier == CARRIER_PYARRAY:

        def to_pyarray(values: Any) -> Any:
            import array

            return array.array(typecode_of(array_id), list(values))

        return to_pyarray

    def to_array(values: Any) -> Any:
        from pyfory import array as arrays

        return getattr(arrays, ARRAY_NAMES[array_id])(values)

    return to_array


def typecode_of(array_id: int) -> str:
    """The typecode of `array.array` with the width of an array type on this platform."""
    import array

    if array_id in (TypeId.FLOAT32_ARRAY, TypeId.FLOAT64_ARRAY):
        return "f" if array_id == TypeId.FLOAT32_ARRAY else "d"
    width = SCALAR_SIZES[_DOMAIN_OF_ARRAY[array_id]]
    for code in "BHILQ" if _is_unsigned(_DOMAIN_OF_ARRAY[array_id]) else "bhilq":
        if array.array(code).itemsize == width:
            return code
    raise TypeNotCompatibleError("array.array has no type for %s" % ARRAY_NAMES[array_id])


# ---- values whose type came with them (remote Any) ---------------------------------


class _Misfit(Exception):
    """A value does not fit the local type."""


def _validate_any(local: StructField) -> Convert:
    default = _default_function(local)
    fit = _fitter(local.node)
    nullable = local.nullable

    def convert(value: Any) -> Any:
        if value is None:
            return None if nullable else default()
        try:
            return value if fit is None else fit(value)
        except _Misfit:
            return default()

    return convert


def _fitter(node: TypeNode) -> Optional[Convert]:
    """A function that returns the value in the local form or raises _Misfit; None accepts all."""
    type_id = node.type_id
    if type_id == TypeId.BOOL:
        return _exact(bool)
    if type_id == TypeId.STRING:
        return _exact(str)
    if type_id in NUMERIC_IDS and type_id not in INTEGER_IDS:
        return _exact(float)
    if type_id in INTEGER_IDS:
        low, high = _range_of(type_id)

        def fit_int(value: Any) -> Any:
            if type(value) is int and low <= value <= high:
                return value
            raise _Misfit

        return fit_int
    if type_id in (TypeId.LIST, TypeId.SET):
        return _fit_items(node)
    if type_id == TypeId.MAP:
        return _fit_map(node)
    if type_id == TypeId.BINARY:
        return _fit_binary(bytes)
    if type_id == TypeId.UINT8_ARRAY:
        return _fit_binary(array_builder(type_id, node.carrier))
    if type_id in ARRAY_IDS and node.carrier:
        build = array_builder(type_id, node.carrier)

        def fit_array(value: Any) -> Any:
            return build(value) if type(value).__name__ == ARRAY_NAMES[type_id] else value

        return fit_array
    return None


def _exact(cls: type) -> Convert:
    def fit(value: Any) -> Any:
        if type(value) is cls:
            return value
        raise _Misfit

    return fit


def _fit_binary(build: Convert) -> Convert:
    def fit(value: Any) -> Any:
        if isinstance(value, (bytes, bytearray, memoryview)) or type(value).__name__ == "UInt8Array":
            return build(value)
        raise _Misfit

    return fit


def _position_fitter(node: TypeNode) -> Convert:
    fit = _fitter(node)
    accepts_none = node.nullable or node.type_id == TypeId.UNKNOWN

    def position(value: Any) -> Any:
        if value is None:
            if accepts_none:
                return None
            raise _Misfit
        return value if fit is None else fit(value)

    return position


def _fit_items(node: TypeNode) -> Convert:
    fit = _position_fitter(node.args[0])
    if node.type_id == TypeId.LIST:
        build: Any = tuple if node.carrier == CARRIER_TUPLE else list
    else:
        build = frozenset if node.carrier == CARRIER_FROZENSET else set

    def convert(value: Any) -> Any:
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise _Misfit
        items = [fit(item) for item in value]
        if type(value) is build and all(a is b for a, b in zip(items, value)):
            return value  # the object itself: others may refer to it
        try:
            return build(items)
        except TypeError:  # unhashable element for a set
            raise _Misfit from None

    return convert


def _fit_map(node: TypeNode) -> Convert:
    fit_key, fit_value = map(_position_fitter, node.args)

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit
        changed = False
        result = {}
        for key, item in value.items():
            new_key, new_item = fit_key(key), fit_value(item)
            changed = changed or new_key is not key or new_item is not item
            result[new_key] = new_item
        return result if changed else value

    return convert


# ---- scalar conversion (14.4) ---------------------------------------------------------

#: bounds of decimals and of integers written with an exponent
_MAX_DIGITS = 256
_MAX_SCALE = 256
_MAX_LITERAL = 320
_NUMBER = r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE](-?(?:0|[1-9][0-9]*)))?\Z"


class _Lossy(Exception):
    """The value has no exact counterpart in the local type."""


def _read_scalar(
    remote: RemoteField, local: StructField, remote_ref: bool, local_ref: bool
) -> Tuple[TypeNode, Optional[Convert]]:
    r, l = remote.node.type_id, local.node.type_id
    if remote_ref != local_ref:
        raise _Refused
    if remote_ref and (r != l or remote.nullable != local.nullable):
        raise _Refused
    node = remote.node
    direct = r == l or _widens(r, l)
    if direct and (not remote.nullable or local.nullable):
        return node, None
    convert: Convert
    if r == TypeId.BOOL:
        # read as a byte: here only 0 and 1 are booleans
        node = TypeNode(TypeId.UINT8, nullable=remote.nullable)
        decode, encode = _bool_from_byte, _encoder(l)
        convert = _guarded(decode if r == l else lambda v: encode(decode(v)), remote, local)
    elif direct:
        return node, _replace_none(local)
    else:
        encode = _encoder(l)
        if r == TypeId.STRING:
            convert = _guarded(_from_text(l, encode), remote, local)
        else:
            convert = _guarded(encode, remote, local)
    if not remote.nullable:
        return node, convert
    if local.nullable:
        return node, _skip_none(convert)
    return node, _replace_none(local, convert) or convert


def _widens(r: int, l: int) -> bool:
    return (
        r in INTEGER_IDS
        and l in INTEGER_IDS
        and _is_unsigned(r) == _is_unsigned(l)
        and SCALAR_SIZES[r] <= SCALAR_SIZES[l]
    )


def _guarded(convert: Convert, remote: RemoteField, local: StructField) -> Convert:
    # neither the value nor an unbounded name may reach the message
    message = "Cannot convert compatible field '%s' from type %d to type %d (%s to %s) without loss" % (
        _short(remote.key),
        remote.node.type_id,
        local.node.type_id,
        type_name(remote.node.type_id),
        type_name(local.node.type_id),
    )

    def run(value: Any) -> Any:
        try:
            return convert(value)
        except _Lossy:
            raise ForyInvalidDataError(message) from None

    return run


def _bool_from_byte(value: int) -> bool:
    if value > 1:
        raise _Lossy
    return value == 1


def _encoder(local_id: int) -> Convert:
    """The function that turns a bool, int, float or Decimal into the local type, or raises _Lossy."""
    if local_id == TypeId.BOOL:
        return _to_bool
    if local_id == TypeId.STRING:
        return _to_text
    if local_id == TypeId.DECIMAL:
        return _to_decimal
    if local_id in INTEGER_IDS:
        low, high = _range_of(local_id)

        def to_int(value: Any) -> int:
            number = _exact_int(value)
            if low <= number <= high:
                return number
            raise _Lossy

        return to_int
    return _to_float(local_id)


def _is_finite(value: float) -> bool:
    return value - value == 0


def _check_decimal(sign: int, digits: int, exponent: int) -> Tuple[int, int, int]:
    """Canonical (sign, digits, exponent) within the bounds: no trailing zeros after
    the point, integers without exponent."""
    if digits == 0:
        return 0, 0, 0
    text = str(digits) if digits.bit_length() <= 14000 else None
    if text is None:
        raise _Lossy  # thousands of digits: beyond the bounds whatever the exponent
    stripped = text.rstrip("0")
    exponent += len(text) - len(stripped)
    if exponent < 0:
        if -exponent > _MAX_SCALE or len(stripped) > _MAX_DIGITS:
            raise _Lossy
        return sign, int(stripped), exponent
    if len(stripped) + exponent > _MAX_DIGITS:
        raise _Lossy
    return sign, int(stripped) * 10**exponent, 0


def _decimal_parts(value: Any) -> Tuple[int, int, int]:
    """Any number as canonical sign, digits, exponent."""
    if isinstance(value, int):
        return _check_decimal(int(value < 0), abs(int(value)), 0)
    if isinstance(value, float):
        if not _is_finite(value):
            raise _Lossy
        numerator, denominator = abs(value).as_integer_ratio()
        scale = denominator.bit_length() - 1  # the denominator is a power of two
        return _check_decimal(int(value < 0), numerator * 5**scale, -scale)
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise _Lossy
    if len(digits) > 4000:
        raise _Lossy
    return _check_decimal(sign, int("".join(map(str, digits)) or "0"), exponent)


def _to_decimal(value: Any) -> Any:
    from decimal import Decimal

    return _make_decimal(Decimal, *_decimal_parts(value))


def _make_decimal(cls: Any, sign: int, digits: int, exponent: int) -> Any:
    return cls((sign, tuple(map(int, str(digits))), exponent))


def _exact_int(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if _is_finite(value) and value == int(value):
            return int(value)
        raise _Lossy
    sign, digits, exponent = _decimal_parts(value)
    if exponent < 0:
        raise _Lossy
    return -digits if sign else digits


def _to_bool(value: Any) -> bool:
    number = _exact_int(value)
    if number not in (0, 1):
        raise _Lossy
    return number == 1


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    sign, digits, exponent = _decimal_parts(value)
    text = str(digits)
    if exponent:
        text = text.rjust(1 - exponent, "0")
        text = text[:exponent] + "." + text[exponent:]
    elif isinstance(value, float):
        text += ".0"
    if isinstance(value, float):
        sign = str(value)[0] == "-"
    return "-" + text if sign else text


def _to_float(local_id: int) -> Convert:
    exact = _EXACT_FLOAT[local_id]

    def to_float(value: Any) -> Any:
        if isinstance(value, float):
            return exact(value)
        if isinstance(value, int):
            number = int(value)
            try:
                result = float(number)
            except OverflowError:
                raise _Lossy from None
            if int(result) != number:
                raise _Lossy
            return exact(result)
        return exact(_float_from_parts(*_decimal_parts(value)))

    return to_float


def _float_from_parts(sign: int, digits: int, exponent: int) -> float:
    try:
        result = float("%s%de%d" % ("-" if sign else "", digits, exponent))
        numerator, denominator = result.as_integer_ratio()
    except (OverflowError, ValueError):
        raise _Lossy from None
    if abs(numerator) * 10**-exponent != digits * denominator:
        raise _Lossy
    return result


def _exact64(value: float) -> float:
    if value != value:
        raise _Lossy
    return value


def _exact_packed(code: str) -> Convert:
    def exact(value: float) -> float:
        import struct

        if value != value:
            raise _Lossy
        try:
            result = struct.unpack(code, struct.pack(code, value))[0]
        except OverflowError:
            raise _Lossy from None
        if result != value:
            raise _Lossy
        return value

    return exact


_exact32 = _exact_packed("<f")
_exact16 = _exact_packed("<e")


def _exact_bfloat16(value: float) -> float:
    import struct

    _exact32(value)
    if struct.unpack("<I", struct.pack("<f", value))[0] & 0xFFFF:
        raise _Lossy
    return value


_EXACT_FLOAT: Dict[int, Convert] = {
    TypeId.FLOAT16: _exact16,
    TypeId.BFLOAT16: _exact_bfloat16,
    TypeId.FLOAT32: _exact32,
    TypeId.FLOAT64: _exact64,
}


def _from_text(local_id: int, encode: Convert) -> Convert:
    if local_id == TypeId.BOOL:
        words = {"0": False, "1": True, "false": False, "true": True}

        def text_to_bool(value: str) -> bool:
            if value not in words:
                raise _Lossy
            return words[value]

        return text_to_bool

    def text_to_number(value: str) -> Any:
        import re  # compiled when a number first comes as text: it takes longer than all of this module

        match = re.match(_NUMBER, value, re.ASCII) if len(value) <= _MAX_LITERAL else None
        if match is None:
            raise _Lossy
        minus, whole, fraction, power = match.groups()
        fraction = fraction or ""
        significant = (whole + fraction).lstrip("0")
        exponent = _literal_exponent(power) - len(fraction)
        # the bounds hold for the text as it stands, trailing zeros included
        if len(significant) > _MAX_DIGITS or -exponent > _MAX_SCALE:
            raise _Lossy
        parts = _check_decimal(bool(minus), int(significant or "0"), exponent)
        if local_id in _EXACT_FLOAT:
            result = _EXACT_FLOAT[local_id](_float_from_parts(*parts))
            return -0.0 if minus and not significant else result
        from decimal import Decimal

        return encode(_make_decimal(Decimal, *parts))

    return text_to_number


def _literal_exponent(text: Optional[str]) -> int:
    if not text:
        return 0
    if len(text) > 4 or abs(int(text)) > _MAX_SCALE:
        raise _Lossy
    return int(text)
