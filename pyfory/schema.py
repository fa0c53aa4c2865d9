"""From annotations to schemas: what a class looks like on the wire.

A `TypeNode` describes one typed position, a `StructSchema` the fields of a
class in wire order (sections 11 to 13 of the wire format). Nothing here
touches values; schemas are built once per class, at first use.
"""

from __future__ import annotations

import re
import sys
import typing
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

from pyfory.annotation import ArrayMeta, RefMeta
from pyfory.error import SchemaError, UnresolvedAnnotationError
from pyfory.field import FORY_FIELD_METADATA_KEY, ForyFieldMeta
from pyfory.types import (
    ARRAY_NAMES,
    ARRAY_OF,
    COMPRESSED_IDS,
    EXT_IDS,
    NUMERIC_IDS,
    SCALAR_SIZES,
    STRUCT_IDS,
    TypeId,
    UNION_IDS,
    type_name,
)

#: seed of the schema and metadata hashes
HASH_SEED = 47

CARRIER_LIST, CARRIER_TUPLE = 0, 1
CARRIER_SET, CARRIER_FROZENSET = 0, 1
CARRIER_ARRAY, CARRIER_NDARRAY, CARRIER_PYARRAY = 0, 1, 2

_ARRAY_CARRIERS = {"array": CARRIER_ARRAY, "ndarray": CARRIER_NDARRAY, "pyarray": CARRIER_PYARRAY}
_ARRAY_IDS_BY_NAME = {name: type_id for type_id, name in ARRAY_NAMES.items()}


def _short_name(cls: type) -> str:
    return cls.__name__ if len(cls.__name__) <= 40 else cls.__name__[:37] + "..."


class TypeNode:
    """One typed position: a field, an element, a key or a value.

    `ref` is the override given with `Ref[...]` at this position or None.
    `fingerprint_id` is the id in the schema hash, which differs from the
    type id for user types and bare containers. `zero` is the container type
    whose empty value stands in for a missing one.
    """

    __slots__ = ("type_id", "args", "nullable", "ref", "cls", "carrier", "fingerprint_id", "zero")

    def __init__(
        self,
        type_id: int,
        args: Tuple["TypeNode", ...] = (),
        nullable: bool = False,
        ref: Optional[bool] = None,
        cls: Optional[type] = None,
        carrier: int = 0,
        fingerprint_id: Optional[int] = None,
        zero: Optional[type] = None,
    ) -> None:
        self.type_id = type_id
        self.args = args
        self.nullable = nullable
        self.ref = ref
        self.cls = cls
        self.carrier = carrier
        self.fingerprint_id = type_id if fingerprint_id is None else fingerprint_id
        self.zero = zero

    def replace(self, nullable: Optional[bool] = None, ref: Optional[bool] = None) -> "TypeNode":
        """A copy with other flags; None keeps a flag."""
        return TypeNode(
            self.type_id,
            self.args,
            self.nullable if nullable is None else nullable,
            self.ref if ref is None else ref,
            self.cls,
            self.carrier,
            self.fingerprint_id,
            self.zero,
        )

    def _key(self) -> Tuple[Any, ...]:
        return (
            self.type_id, self.args, self.nullable, self.ref, self.cls, self.carrier,
            self.fingerprint_id, self.zero,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeNode) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def describe(self) -> str:
        """The type as messages show it: `list<varint32?>`, `Point`."""
        text = _short_name(self.cls) if self.cls is not None else type_name(self.type_id)
        if self.args:
            text += "<%s>" % ", ".join([arg.describe() for arg in self.args])
        return text + "?" if self.nullable else text

    def __repr__(self) -> str:
        text = str(self.type_id)
        if self.args:
            text += "<%s>" % ", ".join(map(repr, self.args))
        if self.nullable:
            text += "?"
        if self.ref is not None:
            text += "&" if self.ref else "!"
        if self.cls is not None:
            text += ":" + self.cls.__name__
        if self.carrier:
            text += "/%d" % self.carrier
        return text


ANY = TypeNode(TypeId.UNKNOWN)
_BARE_LIST = TypeNode(0, fingerprint_id=22, zero=list)
_BARE_SET = TypeNode(0, fingerprint_id=23, zero=set)
_BARE_DICT = TypeNode(0, fingerprint_id=24, zero=dict)


# ---- names ---------------------------------------------------------------


def snake_case(name: str) -> str:
    """The form of a field name used for sorting and in the schema hash (section 12)."""
    if name.islower() and not name.endswith("_"):
        return name
    out: List[str] = []
    last = len(name) - 1
    for i, char in enumerate(name):
        if char.isupper():
            prev = name[i - 1] if i else ""
            if out and out[-1] != "_":
                starts_word = prev.islower() or prev.isdigit()
                ends_acronym = prev.isupper() and i < last and name[i + 1].islower()
                if starts_word or ends_acronym:
                    out.append("_")
            out.append(char.lower())
        else:
            out.append(char)
    return "".join(out).rstrip("_") or name


def java_snake_case(name: str) -> str:
    """Java's form of a field name: every capital becomes `_` and its lower case."""
    if name.islower():
        return name
    return "".join("_" + char.lower() if char.isupper() else char for char in name)


def camel_case(name: str) -> str:
    """`first_name` -> `firstName`; the first part is kept as it is."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


# ---- annotations -> nodes -------------------------------------------------

_builtin_cache: Tuple[Dict[Any, TypeNode], ...] = ()
_DECIMAL = TypeNode(TypeId.DECIMAL)


def _builtin_nodes() -> Dict[Any, TypeNode]:
    """Nodes of classes with a fixed meaning. Built on first use: it needs
    modules that `import pyfory` must not load."""
    global _builtin_cache
    if _builtin_cache:
        return _builtin_cache[0]
    import collections.abc as abc
    import datetime

    any_list = TypeNode(TypeId.LIST, (ANY,), zero=list)
    any_set = TypeNode(TypeId.SET, (ANY,), zero=set)
    any_map = TypeNode(TypeId.MAP, (ANY, ANY), zero=dict)
    nodes = {
        bool: TypeNode(TypeId.BOOL),
        int: TypeNode(TypeId.VARINT64),
        float: TypeNode(TypeId.FLOAT64),
        str: TypeNode(TypeId.STRING),
        bytes: TypeNode(TypeId.BINARY),
        datetime.datetime: TypeNode(TypeId.TIMESTAMP),
        datetime.date: TypeNode(TypeId.DATE),
        datetime.timedelta: TypeNode(TypeId.DURATION),
        list: _BARE_LIST,
        set: _BARE_SET,
        dict: _BARE_DICT,
        object: ANY,
        tuple: ANY,
        frozenset: ANY,
        type(None): ANY,
        abc.Sequence: any_list,
        abc.MutableSequence: any_list,
        abc.Set: any_set,
        abc.MutableSet: any_set,
        abc.Mapping: any_map,
        abc.MutableMapping: any_map,
    }
    _builtin_cache = (nodes,)
    return nodes


_generic_cache: Tuple[Dict[Any, int], ...] = ()


def _generic_origins() -> Dict[Any, int]:
    """Origin of a parametrised container -> its type id."""
    global _generic_cache
    if not _generic_cache:
        import collections.abc as abc

        _generic_cache = (
            {
                list: TypeId.LIST,
                abc.Sequence: TypeId.LIST,
                abc.MutableSequence: TypeId.LIST,
                set: TypeId.SET,
                frozenset: TypeId.SET,
                abc.Set: TypeId.SET,
                abc.MutableSet: TypeId.SET,
                dict: TypeId.MAP,
                abc.Mapping: TypeId.MAP,
                abc.MutableMapping: TypeId.MAP,
            },
        )
    return _generic_cache[0]


def _is_annotated(hint: Any) -> bool:
    return hasattr(hint, "__metadata__") and not isinstance(hint, type)


def _union_alternatives(hint: Any) -> Optional[Tuple[Any, ...]]:
    """The alternatives of `Union[...]`, `Optional[...]` or `X | Y`; None for anything else."""
    if typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    if sys.version_info >= (3, 10):
        import types

        if isinstance(hint, types.UnionType):
            return typing.get_args(hint)
    return None


def is_optional_hint(hint: Any) -> bool:
    """True for `Optional[T]` in any spelling."""
    if _is_annotated(hint):
        return is_optional_hint(hint.__origin__)
    alternatives = _union_alternatives(hint)
    return alternatives is not None and type(None) in alternatives


def type_node(hint: Any, resolver: Any, owner: Optional[type] = None) -> TypeNode:
    """The node for one annotation (section 11, "Type id of a field").

    `owner` is the class the annotation belongs to (for `typing.Self`).
    Raises SchemaError (a TypeError and ValueError) for array and scalar
    markers that contradict themselves; whatever has no fixed type travels
    with its type, like Any.
    """
    try:
        node = _builtin_nodes().get(hint)
    except TypeError:  # unhashable, e.g. Annotated with a list in its metadata
        node = None
    if node is not None:
        return node
    if hint is Any or hint is None:
        return ANY
    decimal = sys.modules.get("decimal")  # an annotation that names it has imported it
    if decimal is not None and hint is decimal.Decimal:
        return _DECIMAL
    if _is_annotated(hint):
        return _annotated_node(hint, resolver, owner)
    alternatives = _union_alternatives(hint)
    if alternatives is not None:
        return _union_node(alternatives, resolver, owner)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _generic_node(hint, origin, resolver, owner)
    if isinstance(hint, type):
        return _class_node(hint, resolver)
    if isinstance(hint, (str, typing.ForwardRef)):
        raise UnresolvedAnnotationError("annotation %r was not resolved" % (hint,))
    name = getattr(hint, "__name__", None) or getattr(hint, "_name", None)
    if name == "Self" and owner is not None:
        return _class_node(owner, resolver)
    if type(hint).__name__ == "TypeAliasType":
        return type_node(hint.__value__, resolver, owner)
    # typing.List and friends without parameters on versions where they have no origin,
    # type variables, NewType, special forms
    return ANY


def _class_node(cls: type, resolver: Any) -> TypeNode:
    registration = resolver.lookup(cls)
    if registration is not None:
        kind = registration.kind
        if kind == "enum":
            return TypeNode(TypeId.ENUM, cls=cls, fingerprint_id=0)
        if kind == "union":
            return TypeNode(TypeId.UNION, cls=cls, fingerprint_id=0)
        return TypeNode(registration.type_id, cls=cls, fingerprint_id=0)
    if cls.__module__ == "pyfory.array" and cls.__name__ in _ARRAY_IDS_BY_NAME:
        return TypeNode(_ARRAY_IDS_BY_NAME[cls.__name__])
    return ANY


def _union_node(alternatives: Tuple[Any, ...], resolver: Any, owner: Optional[type]) -> TypeNode:
    others = [a for a in alternatives if a is not type(None) and a is not None]
    nullable = len(others) < len(alternatives)
    if len(others) == 1:
        return type_node(others[0], resolver, owner).replace(nullable=nullable or None)
    return TypeNode(0, nullable=nullable)


def _generic_node(hint: Any, origin: Any, resolver: Any, owner: Optional[type]) -> TypeNode:
    args = typing.get_args(hint)
    if origin is tuple:
        return _tuple_node(args, resolver, owner)
    type_id = _generic_origins().get(origin)
    if type_id is not None:
        node = _builtin_nodes()[origin]
        if not args or all(isinstance(a, typing.TypeVar) for a in args) and _is_bare_alias(hint):
            # typing.List without parameters: unlike `list` it has no id in the schema hash
            return TypeNode(0, zero=node.zero) if node.type_id == 0 else node
        children = tuple(type_node(a, resolver, owner) for a in args)
        carrier = CARRIER_FROZENSET if origin is frozenset else 0
        return TypeNode(type_id, children, carrier=carrier, zero=node.zero)
    if _is_literal(origin):
        return _literal_node(args, resolver)
    if _is_final(origin):
        return type_node(args[0], resolver, owner)
    if type(origin).__name__ == "TypeAliasType":
        try:
            return type_node(origin.__value__[args], resolver, owner)
        except TypeError:
            return ANY
    if isinstance(origin, type):
        # Box[int]: the registered class, its parameters are Any
        return _class_node(origin, resolver)
    return ANY


def _is_bare_alias(hint: Any) -> bool:
    return bool(getattr(hint, "_special", False))  # Python 3.8


def _is_literal(origin: Any) -> bool:
    return origin is typing.Literal


def _is_final(origin: Any) -> bool:
    return origin is typing.Final


def _tuple_node(args: Tuple[Any, ...], resolver: Any, owner: Optional[type]) -> TypeNode:
    if not args or args == ((),):
        return ANY
    if len(args) == 2 and args[1] is Ellipsis:
        element = type_node(args[0], resolver, owner)
    elif all(a == args[0] for a in args):
        element = type_node(args[0], resolver, owner)
    else:
        element = ANY
    return TypeNode(TypeId.LIST, (element,), carrier=CARRIER_TUPLE)


def _literal_node(values: Tuple[Any, ...], resolver: Any) -> TypeNode:
    kinds = {type(v) for v in values if v is not None}
    nullable = any(v is None for v in values)
    if len(kinds) != 1:
        return TypeNode(0, nullable=nullable)
    return type_node(kinds.pop(), resolver).replace(nullable=nullable or None)


def _annotated_node(hint: Any, resolver: Any, owner: Optional[type]) -> TypeNode:
    base = hint.__origin__
    array: Optional[ArrayMeta] = None
    scalar: Optional[int] = None
    ref: Optional[bool] = None
    for item in hint.__metadata__:
        if isinstance(item, RefMeta):
            ref = item.enable
        elif isinstance(item, ArrayMeta):
            array = item
        elif type(item) is int and scalar is None and base in (bool, int, float, str, bytes):
            scalar = item
    if array is not None:
        node = _array_node(array)
    elif scalar is not None and 1 <= scalar <= 20:
        expected = bool if scalar == 1 else int if scalar <= 15 else float
        if base is not expected or scalar == TypeId.FLOAT8:
            raise SchemaError(
                "Fory scalar TypeId %d does not match Annotated base type %r" % (scalar, base)
            )
        node = TypeNode(scalar)
    else:
        node = type_node(base, resolver, owner)
    return node if ref is None else node.replace(ref=ref)


def _array_node(meta: ArrayMeta) -> TypeNode:
    element = meta.element_type
    if is_optional_hint(element):
        raise SchemaError("array<T> does not allow Optional elements: %r" % (element,))
    if element is bool:
        scalar = TypeId.BOOL
    else:
        metadata = element.__metadata__ if _is_annotated(element) else ()
        if any(isinstance(item, RefMeta) for item in metadata):
            raise SchemaError("array<T> does not allow Ref elements: %r" % (element,))
        scalars = [item for item in metadata if type(item) is int]
        scalar = scalars[0] if len(scalars) == 1 else 0
    if scalar not in ARRAY_OF:
        if scalar in NUMERIC_IDS:
            raise SchemaError("array<T> does not allow scalar encoding modifier: %r" % (element,))
        raise SchemaError("array<T> element must be a number or bool marker, got %r" % (element,))
    carrier = _ARRAY_CARRIERS[meta.carrier]
    if carrier == CARRIER_NDARRAY and scalar == TypeId.BFLOAT16:
        raise SchemaError("NDArray does not support BFloat16 elements")
    if carrier == CARRIER_PYARRAY and scalar in (TypeId.BOOL, TypeId.FLOAT16, TypeId.BFLOAT16):
        raise SchemaError("PyArray does not support %r elements" % (element,))
    return TypeNode(ARRAY_OF[scalar], carrier=carrier)


# ---- resolving the annotations of a class ----------------------------------

_NOT_A_FIELD = re.compile(r"[\s'\"]*(\w+\.)*(ClassVar|InitVar)\b")
_UNDEFINED_NAME = re.compile(r"name '([^']+)' is not defined")
# A class cannot name more distinct unknown things than this in good faith.
_MAX_UNKNOWN_NAMES = 1000


def _own_annotations(cls: type) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        try:
            return annotationlib.get_annotations(cls)
        except NameError:
            return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    annotations = cls.__dict__.get("__annotations__")
    return annotations if isinstance(annotations, dict) else {}


def _get_type_hints(holder: type, global_names: Dict[str, Any], local_names: Dict[str, Any]) -> Dict[str, Any]:
    if sys.version_info >= (3, 9):
        return typing.get_type_hints(holder, global_names, local_names, include_extras=True)
    import typing_extensions

    hints = typing_extensions.get_type_hints(holder, global_names, local_names, include_extras=True)
    # 3.8 leaves a quoted name alone that appears inside of a quoted annotation
    again = type(holder.__name__, (), {"__module__": holder.__module__, "__annotations__": hints})
    return typing_extensions.get_type_hints(again, global_names, local_names, include_extras=True)


def _is_pseudo_field(annotation: Any) -> bool:
    """ClassVar and InitVar in any spelling, and dataclasses.KW_ONLY."""
    if isinstance(annotation, str):
        return _NOT_A_FIELD.match(annotation) is not None
    if annotation is typing.ClassVar or typing.get_origin(annotation) is typing.ClassVar:
        return True
    return type(annotation).__name__ in ("InitVar", "_KW_ONLY_TYPE") or annotation is getattr(
        sys.modules.get("dataclasses"), "InitVar", _NOT_A_FIELD
    )


def class_hints(cls: type, resolver: Any, wanted: Optional[Set[str]] = None) -> Dict[str, Any]:
    """Resolved annotations of `cls` and its bases, without ClassVar and InitVar.

    With `wanted` only those names are looked at. Names are looked up in the
    module of the class that has the annotation; a class defined inside a
    function is also found by its own name, by a name in its body, and by
    the name of a registered class (`resolver.class_named(name)`, if there is
    such a method). Raises UnresolvedAnnotationError (a NameError).
    """
    hints: Dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base is object:
            continue
        pending: Dict[str, Any] = {}
        for name, annotation in _own_annotations(base).items():
            if wanted is not None and name not in wanted or _is_pseudo_field(annotation):
                continue
            if type(annotation) is type:
                hints[name] = annotation
            else:
                pending[name] = annotation
        if pending:
            hints.update(_resolve(base, pending, cls, resolver))
    return hints


def _resolve(base: type, pending: Dict[str, Any], cls: type, resolver: Any) -> Dict[str, Any]:
    module = sys.modules.get(base.__module__)
    global_names = dict(vars(module)) if module is not None else {}
    local_names: Dict[str, Any] = {}
    for parameter in getattr(base, "__type_params__", ()):
        local_names[parameter.__name__] = parameter
    for known in reversed(cls.__mro__):
        # a local class hides a global one of the same name
        if "<locals>" in getattr(known, "__qualname__", ""):
            local_names[known.__name__] = known
    holder = type(base.__name__, (), {"__module__": base.__module__, "__annotations__": pending})
    for _ in range(_MAX_UNKNOWN_NAMES):
        try:
            return _get_type_hints(holder, global_names, local_names)
        except NameError as error:
            match = _UNDEFINED_NAME.search(str(error))
            name = str(getattr(error, "name", None) or (match.group(1) if match else ""))
            found = None if not name or name in local_names else _find_name(name, base, cls, resolver)
            if found is None:
                raise UnresolvedAnnotationError(
                    "cannot resolve the annotations of class %s: %s" % (base.__qualname__, error)
                ) from error
            local_names[name] = found
        except (TypeError, SyntaxError, AttributeError) as error:
            raise SchemaError(
                "cannot resolve the annotations of class %s: %s" % (base.__qualname__, error)
            ) from error
    raise UnresolvedAnnotationError("cannot resolve the annotations of class %s" % base.__qualname__)


def _find_name(name: str, base: type, cls: type, resolver: Any) -> Any:
    for known in cls.__mro__:
        if known.__name__ == name:
            return known
    nested = base.__dict__.get(name)
    if isinstance(nested, type):
        return nested
    lookup = getattr(resolver, "class_named", None)
    return lookup(name) if lookup is not None else None


# ---- fields of a class -------------------------------------------------------

#: kinds of a default: a constant, or something to call
DEFAULT_VALUE, DEFAULT_CALL = 0, 1
Default = Tuple[int, Any]


class StructField:
    """One field of a local class.

    `ref` is what the annotation or option asks for, independent of the
    instance setting; `default` is None when the class gives none.
    """

    __slots__ = ("name", "node", "nullable", "ref", "tag", "dynamic", "default", "snake")

    def __init__(
        self,
        name: str,
        node: TypeNode,
        nullable: bool = False,
        ref: bool = False,
        tag: int = -1,
        dynamic: Optional[bool] = None,
        default: Optional[Default] = None,
    ) -> None:
        self.name = name
        self.node = node
        self.nullable = nullable
        self.ref = ref
        self.tag = tag
        self.dynamic = dynamic
        self.default = default
        self.snake = snake_case(name)

    def __repr__(self) -> str:
        return "StructField(%r, %r)" % (self.name, self.node)

    def default_for_missing(self) -> Default:
        """What a reader stores when the writer has no such field (section 14.1)."""
        if self.default is not None:
            if self.node.type_id != TypeId.ENUM or self.nullable or self.default != (DEFAULT_VALUE, None):
                return self.default
        if self.nullable:
            return (DEFAULT_VALUE, None)
        return zero_default(self.node)


def zero_default(node: TypeNode) -> Default:
    """The zero value of a type; None for types that have none."""
    type_id = node.type_id
    if type_id in NUMERIC_IDS:
        if type_id == TypeId.BOOL:
            return (DEFAULT_VALUE, False)
        return (DEFAULT_VALUE, 0 if type_id <= TypeId.TAGGED_UINT64 else 0.0)
    if type_id == TypeId.STRING:
        return (DEFAULT_VALUE, "")
    if type_id == TypeId.BINARY:
        return (DEFAULT_VALUE, b"")
    if type_id == TypeId.ENUM and node.cls is not None:
        members: Any = node.cls
        return (DEFAULT_VALUE, next(iter(members), None))
    if type_id == TypeId.SET and node.carrier == CARRIER_FROZENSET:
        return (DEFAULT_VALUE, frozenset())
    if node.zero is not None:
        return (DEFAULT_CALL, node.zero)
    return (DEFAULT_VALUE, None)


class StructSchema(NamedTuple):
    """The fields of a class in wire order, and the attributes that stay off the wire."""

    cls: type
    fields: Tuple[StructField, ...]
    ignored: Tuple[Tuple[str, Default], ...]


def is_dataclass(cls: type) -> bool:
    """True for a class that `dataclass` was applied to, itself or a base."""
    return isinstance(cls.__dict__.get("__dataclass_fields__"), dict) or hasattr(
        cls, "__dataclass_fields__"
    )


def _dataclass_fields(cls: type) -> Iterable[Any]:
    import dataclasses

    return dataclasses.fields(cls)


def declared_field_names(cls: type) -> List[Tuple[str, ForyFieldMeta]]:
    """Names and options of the fields, without resolving any annotation."""
    plain = ForyFieldMeta(-1)
    if is_dataclass(cls):
        return [
            (f.name, f.metadata.get(FORY_FIELD_METADATA_KEY, plain)) for f in _dataclass_fields(cls)
        ]
    models = _pydantic_fields(cls)
    if models is not None:
        return [(name, plain) for name in models]
    names: Dict[str, None] = {}
    for base in reversed(cls.__mro__):
        if base is not object:
            for name, annotation in _own_annotations(base).items():
                if not _is_pseudo_field(annotation):
                    names[name] = None
    return [(name, plain) for name in names]


def check_struct_class(cls: type) -> None:
    """The checks made when a class is registered; they need no annotation.

    Raises SchemaError when two fields share a tag id or, untagged, one
    snake-case form (they could not be told apart by other languages), and
    for names that are none.
    """
    tags: Dict[int, str] = {}
    snakes: Dict[str, str] = {}
    for name, meta in declared_field_names(cls):
        if meta.ignore:
            continue
        if not isinstance(name, str) or not name:
            raise SchemaError("%r is no field name: class %s" % (name, cls.__name__))
        if meta.id >= 0:
            if meta.id in tags:
                raise SchemaError(
                    "Duplicate tag ID %d in class %s: fields %r and %r have the same ID"
                    % (meta.id, cls.__name__, tags[meta.id], name)
                )
            tags[meta.id] = name
            continue
        snake = snake_case(name)
        if snake in snakes:
            raise SchemaError(
                "fields %r and %r of class %s have the same snake-case name %r; "
                "rename one or give it a tag id with pyfory.field(id=...)"
                % (snakes[snake], name, cls.__name__, snake)
            )
        snakes[snake] = name


def build_schema(cls: type, resolver: Any) -> StructSchema:
    """The schema of a dataclass or annotated class.

    Raises SchemaError for contradicting options and UnresolvedAnnotationError
    for names that cannot be found.
    """
    check_struct_class(cls)
    if is_dataclass(cls):
        fields, ignored = _fields_of_dataclass(cls, resolver)
    else:
        fields, ignored = _fields_of_plain_class(cls, resolver)
    fields.sort(key=wire_order_key)
    return StructSchema(cls, tuple(fields), tuple(ignored))


def _fields_of_dataclass(cls: type, resolver: Any) -> Tuple[List[StructField], List[Tuple[str, Default]]]:
    import dataclasses

    missing = dataclasses.MISSING
    plain = ForyFieldMeta(-1)
    fields: List[StructField] = []
    ignored: List[Tuple[str, Default]] = []
    declared = [(f, f.metadata.get(FORY_FIELD_METADATA_KEY, plain)) for f in _dataclass_fields(cls)]
    hints = class_hints(cls, resolver, {f.name for f, meta in declared if not meta.ignore})
    for f, meta in declared:
        default: Optional[Default] = None
        if f.default is not missing:
            default = (DEFAULT_VALUE, f.default)
        elif f.default_factory is not missing:
            default = (DEFAULT_CALL, f.default_factory)
        if meta.ignore:
            ignored.append((f.name, default or (DEFAULT_VALUE, None)))
            continue
        hint = hints.get(f.name, f.type)
        node = type_node(hint, resolver, cls)
        explicit = FORY_FIELD_METADATA_KEY in f.metadata
        if explicit and node.nullable and not meta.nullable and not resolver.compatible:
            raise SchemaError(
                "Field %r in class %s is Optional[T] but nullable=False. "
                "Optional fields must have nullable=True." % (f.name, cls.__name__)
            )
        fields.append(
            StructField(
                f.name,
                node,
                node.nullable or meta.nullable or resolver.field_nullable,
                meta.ref if node.ref is None else node.ref,
                meta.id,
                meta.dynamic,
                default,
            )
        )
    return fields, ignored


def _fields_of_plain_class(cls: type, resolver: Any) -> Tuple[List[StructField], List[Tuple[str, Default]]]:
    fields: List[StructField] = []
    models = _pydantic_fields(cls)
    hints = class_hints(cls, resolver, None if models is None else set(models))
    for name, hint in sorted(hints.items()):
        node = type_node(hint, resolver, cls)
        ref = node.ref
        if ref is None:
            # A plain class has no place for field(ref=True): with ref=True everything
            # that can take part in a cycle is tracked.
            ref = resolver.track_ref and _may_hold_cycle(node.type_id)
        fields.append(
            StructField(
                name,
                node,
                node.nullable or resolver.field_nullable,
                ref,
                default=_declared_default(cls, name, models),
            )
        )
    return fields, [] if models is None else _pydantic_state(cls, models)


def _declared_default(cls: type, name: str, models: Optional[Mapping[str, Any]]) -> Optional[Default]:
    """The default of a field of an annotated class, also where attrs or pydantic keep it."""
    if models is not None:
        info = models[name]
        if info.is_required() or getattr(info, "default_factory_takes_validated_data", False):
            return None
        return (DEFAULT_CALL, info.default_factory or info.get_default)  # get_default copies lists and the like
    for attribute in getattr(cls, "__attrs_attrs__", ()):
        if attribute.name == name:
            default = attribute.default
            if repr(default) == "NOTHING":
                return None
            if type(default).__name__ != "Factory" or type(default).__module__ not in ("attr._make", "attrs"):
                return (DEFAULT_VALUE, default)
            return None if default.takes_self else (DEFAULT_CALL, default.factory)
    return _class_attribute_default(cls, name)


def _pydantic_fields(cls: type) -> Optional[Mapping[str, Any]]:
    """The fields of a pydantic model; None for other classes. Nothing is imported for it."""
    if not hasattr(cls, "__pydantic_fields_set__"):
        return None
    fields = getattr(cls, "__pydantic_fields__", None)
    return fields if isinstance(fields, dict) else None


def _pydantic_state(cls: Any, models: Mapping[str, Any]) -> List[Tuple[str, Default]]:
    """What a model keeps beside its fields, as of a model made with all of them."""

    def private() -> Any:
        made = {name: attribute.get_default() for name, attribute in cls.__private_attributes__.items()}
        return {k: v for k, v in made.items() if type(v).__name__ != "PydanticUndefinedType"} if made else None

    extra: Default = (DEFAULT_CALL, dict) if cls.model_config.get("extra") == "allow" else (DEFAULT_VALUE, None)
    return [
        ("__pydantic_fields_set__", (DEFAULT_CALL, lambda: set(models))),
        ("__pydantic_extra__", extra),
        ("__pydantic_private__", (DEFAULT_CALL, private)),
    ]


def _may_hold_cycle(type_id: int) -> bool:
    return (
        type_id in (TypeId.UNKNOWN, TypeId.LIST, TypeId.SET, TypeId.MAP)
        or type_id in STRUCT_IDS
        or type_id in EXT_IDS
        or type_id in UNION_IDS
    )


def _class_attribute_default(cls: type, name: str) -> Optional[Default]:
    for base in cls.__mro__:
        if name in base.__dict__:
            value = base.__dict__[name]
            # slots, properties and other descriptors are no defaults
            if hasattr(type(value), "__get__"):
                return None
            return (DEFAULT_VALUE, value)
    return None


# ---- order, fingerprint, hash -------------------------------------------------


def identifier(field: StructField, java: bool = False) -> Tuple[Any, ...]:
    """Sort key of a field by its identity: tagged fields first, by number."""
    if field.tag >= 0:
        return (0, field.tag)
    return (1, java_snake_case(field.name) if java else field.snake, field.name)


def wire_order_key(field: StructField, java: bool = False) -> Tuple[Any, ...]:
    """Sort key of section 12."""
    type_id = field.node.type_id
    if type_id not in NUMERIC_IDS:
        return (3, identifier(field, java))
    return (
        2 if field.nullable else 1,
        type_id in COMPRESSED_IDS,
        -SCALAR_SIZES[type_id],
        type_id,
        identifier(field, java),
    )


def fingerprint(fields: Iterable[StructField], java: bool = False) -> str:
    """The text whose hash stands for the schema in consistent mode (section 13.2).

    With `java` field names take the form that Java gives them.
    """
    parts = []
    for field in sorted(fields, key=lambda f: identifier(f, java)):
        name = field.tag if field.tag >= 0 else identifier(field, java)[1]
        node = field.node
        parts.append(
            "%s,%d,%d,%d%s;"
            % (name, node.fingerprint_id, field.ref, field.nullable, _fingerprint_children(node))
        )
    return "".join(parts)


def _fingerprint_children(node: TypeNode) -> str:
    if node.type_id not in (TypeId.LIST, TypeId.SET, TypeId.MAP):
        return ""
    children = ["%d,0,0%s" % (a.fingerprint_id, _fingerprint_children(a)) for a in node.args]
    return "[%s]" % "|".join(children)


def schema_hash(text: str) -> int:
    """Signed 32-bit hash of a fingerprint; an empty one is hashed like any other."""
    from pyfory._core import hash_buffer

    if not text:
        # hash_buffer answers (0, 0) for empty input with some seeds; this is the constant of the format
        return EMPTY_SCHEMA_HASH
    low = hash_buffer(text.encode("utf-8", "surrogatepass"), HASH_SEED)[0] & 0xFFFFFFFF
    return low - (1 << 32) if low & 0x80000000 else low


EMPTY_SCHEMA_HASH = 0x0BE9A13A
#: what upstream pyfory writes for a struct without fields
UPSTREAM_EMPTY_SCHEMA_HASH = 47
