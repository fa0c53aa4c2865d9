"""Registered types of one `Fory`, and every question the C engine asks once per type.

The engine calls the methods of `TypeRegistry` when it meets a class or a
remote schema for the first time, compiles the answers and keeps them. This is
also the one place that turns a name or number on the wire into a class:
xlang mode only ever looks among the registered ones and imports nothing.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Dict, List, Optional, Set, Tuple

from pyfory.error import (
    ForyInvalidError,
    ForyLimitError,
    ForyOverflowError,
    ForyTypeError,
    TypeUnregisteredError,
)
from pyfory.types import TypeId

__all__ = ["Registration", "TypeInfo", "TypeRegistry"]

_NO_ID = 0xFFFFFFFF
_FIRST_AUTO_ID = 65
#: engine kinds, as in csrc/runtime/runtime.h
_KINDS = {"struct": 1, "enum": 2, "ext": 3, "union": 4}
#: (by id, by name) wire type ids of each kind
_TYPE_IDS = {
    "enum": (TypeId.ENUM, TypeId.NAMED_ENUM),
    "ext": (TypeId.EXT, TypeId.NAMED_EXT),
    "union": (TypeId.TYPED_UNION, TypeId.NAMED_UNION),
    "struct": (TypeId.STRUCT, TypeId.NAMED_STRUCT),
    "evolving": (TypeId.COMPATIBLE_STRUCT, TypeId.NAMED_COMPATIBLE_STRUCT),
}
#: every meta string encoding is allowed in the dynamic contexts (wire-format 9.2)
_ALL_ENCODINGS = 0b11111
_NAMESPACE_SPECIALS = (".", "_")
_TYPENAME_SPECIALS = ("$", "_")
#: below this many accepted schemas the average limit does not apply (wire-format 15)
_AVERAGE_FLOOR = 8192
_MAX_REMOTE_TYPES = 8192
#: fields that the accepted schemas may have on average when there are as many as allowed
_AVERAGE_FIELDS = 16


class Registration:
    """What is known of a registered class; also exported as `TypeInfo`."""

    __slots__ = (
        "cls", "kind", "type_id", "user_type_id", "namespace", "typename", "by_name", "evolving",
        "serializer", "enum_spec", "plan",
    )  # fmt: skip

    def __init__(
        self,
        cls: type,
        kind: str,
        type_id: int,
        user_type_id: Optional[int],
        namespace: str,
        typename: str,
        evolving: bool,
        serializer: Any,
    ) -> None:
        self.cls = cls
        self.kind = kind
        self.type_id = type_id
        #: number given at registration, 0xFFFFFFFF without one
        self.user_type_id = _NO_ID if user_type_id is None else user_type_id
        self.namespace = namespace
        self.typename = typename
        self.by_name = user_type_id is None
        self.evolving = evolving
        self.serializer = serializer
        self.enum_spec: Any = None
        self.plan: Any = None

    @property
    def type_def(self) -> bytes:
        """TypeDef bytes once the class has been used, else b''."""
        return b"" if self.plan is None else self.plan.type_def

    @property
    def namespace_bytes(self) -> Optional[bytes]:
        """The namespace as a TypeDef or type information carries it, None for a registration by id."""
        return _encoded(self.namespace, _NAMESPACE_SPECIALS) if self._has_name() else None

    @property
    def typename_bytes(self) -> Optional[bytes]:
        """The simple name, likewise."""
        return _encoded(self.typename, _TYPENAME_SPECIALS) if self._has_name() else None

    @property
    def dynamic_type(self) -> bool:
        """False: no class is made up from what arrives."""
        return False

    def _has_name(self) -> bool:
        return self.by_name and self.kind != "builtin"

    def decode_namespace(self) -> str:
        return self.namespace

    def decode_typename(self) -> str:
        return self.typename

    def __repr__(self) -> str:
        if self.kind == "builtin":
            where = "wire type %d" % self.type_id
        elif self.by_name:
            name = "%s.%s" % (self.namespace, self.typename) if self.namespace else self.typename
            where = "name=%r" % name
        else:
            where = "type_id=%d" % self.user_type_id
        return "TypeInfo(%s, %s, %s)" % (self.cls.__qualname__, self.kind, where)


TypeInfo = Registration


class TypeRegistry:
    """The types a `Fory` knows. Users meet it as `fory.type_resolver`."""

    def __init__(
        self,
        track_ref: bool,
        strict: bool,
        compatible: bool,
        field_nullable: bool,
        policy: Any,
        max_type_fields: int,
        max_type_meta_bytes: int,
        max_schema_versions_per_type: int,
        max_average_schema_versions_per_type: int,
    ) -> None:
        self.xlang = True
        self.track_ref = track_ref
        self.strict = strict
        self.compatible = compatible
        self.field_nullable = field_nullable
        self.policy = policy
        self.max_type_fields = max_type_fields
        self.max_type_meta_bytes = max_type_meta_bytes
        self.max_schema_versions_per_type = max_schema_versions_per_type
        self.max_average_schema_versions_per_type = max_average_schema_versions_per_type
        self._by_class: Dict[type, Registration] = {}
        self._by_id: Dict[int, Registration] = {}
        self._by_name: Dict[Tuple[str, str], Registration] = {}
        self._next_id = _FIRST_AUTO_ID
        #: keys of the accepted schemas of each remote type
        self._versions: Dict[Any, Set[int]] = {}
        self._n_versions = 0
        self._schema_lock = threading.Lock()
        self._n_remote_fields = 0

    # ---- looking up ---------------------------------------------------------

    def lookup(self, cls: Any) -> Optional[Registration]:
        """The registration of exactly this class, or None."""
        try:
            return self._by_class.get(cls)
        except TypeError:  # unhashable annotation objects
            return None

    def find(
        self,
        user_type_id: Optional[int] = None,
        namespace: Optional[str] = None,
        typename: Optional[str] = None,
    ) -> Optional[Registration]:
        """The registration of a number, or of a name, or None."""
        if user_type_id is not None:
            return self._by_id.get(user_type_id)
        return self._by_name.get((namespace or "", typename or ""))

    def class_named(self, name: str) -> Optional[type]:
        """The only registered class with this __name__, for forward references between local
        classes; None when there is none or more than one."""
        found = [cls for cls in self._by_class if cls.__name__ == name]
        return found[0] if len(found) == 1 else None

    def get_type_info(self, cls: type, create: bool = True) -> Optional[Registration]:
        """What is known of a registered class or a builtin type.

        Raises TypeUnregisteredError when that is nothing and `create` is true.
        """
        found = self.lookup(cls)
        if found is None and isinstance(cls, type):
            type_id = _BUILTIN_IDS.get(cls)
            family = _exact_family(cls)
            if type_id is None and family is not None and family[0] == "builtin":
                type_id = family[1]
            if type_id is not None:
                return Registration(cls, "builtin", type_id, None, "", "", False, None)
        if found is None and create:
            if not isinstance(cls, type):
                raise ForyTypeError("expected a class, got %s" % type(cls).__name__)
            raise self._unregistered(cls)
        return found

    def get_serializer(self, cls: type) -> Any:
        """The serializer of a registered class or a builtin type: its `write` and `read` take the
        body of a value, without flag and type information.

        Raises TypeUnregisteredError for a class that is not registered.
        """
        info = self.get_type_info(cls)
        if info is None or info.serializer is not None:
            return None if info is None else info.serializer
        from pyfory.serializer import BodySerializer

        return BodySerializer(self, cls)

    def _unregistered(self, cls: type) -> TypeUnregisteredError:
        name = "%s.%s" % (cls.__module__, cls.__qualname__)
        if self.xlang and _is_builtin(cls):
            return TypeUnregisteredError(
                "%s is not registered and has no type in xlang mode: convert the value, or use Fory(xlang=False)" % name
            )
        serializer = ", serializer=..." if self.xlang and _has_hidden_state(cls) else ""
        return TypeUnregisteredError(
            "%s is not registered: call fory.register(%s, name=...%s) before the first use on every peer"
            % (name, cls.__name__, serializer)
        )

    # ---- registering ----------------------------------------------------------

    def register(
        self,
        cls: type,
        type_id: Optional[int],
        name: Optional[str],
        typename: Optional[str],
        namespace: Optional[str],
        serializer: Any,
        union: bool,
    ) -> Tuple[Registration, bool]:
        """Checks the arguments of `Fory.register` and records the class.

        Returns the registration and whether it is new. Raises as documented there.
        """
        if not isinstance(cls, type):
            raise ForyTypeError("expected a class, got %s" % type(cls).__name__)
        by_name = _split_name(name, typename, namespace)
        if by_name is not None and type_id is not None:
            raise ForyTypeError("type name %r and type_id=%r should not be set at the same time" % (by_name, type_id))
        known = self._by_class.get(cls)
        if known is not None:
            if by_name is None and type_id is None and serializer is None:
                return known, False
            raise ForyTypeError("%s registered already" % cls.__qualname__)
        if _is_builtin(cls):
            raise ForyTypeError("%s registered already: it is a builtin type" % cls.__qualname__)
        if type_id is not None:
            type_id = _check_id(type_id)
        kind, enum_spec = _kind_of(cls, serializer, union)
        if kind == "struct":
            self._check_class(cls)
        user_id = type_id
        if by_name is None and user_id is None:
            while self._next_id in self._by_id:
                self._next_id += 1
            user_id = self._next_id
        self._check_free(cls, user_id, by_name)
        evolving = _is_evolving(cls)
        ids = _TYPE_IDS["evolving" if kind == "struct" and self.compatible and evolving else kind]
        ns, simple = by_name or ("", "")
        info = Registration(cls, kind, ids[user_id is None], user_id, ns, simple, evolving, None)
        info.enum_spec = enum_spec
        if serializer is not None:
            from pyfory.serializer import make_serializer

            info.serializer = make_serializer(serializer, self, cls)
            if union and not hasattr(info.serializer, "alternatives"):
                raise ForyTypeError("register_union needs a UnionSerializer")
            unions = sys.modules.get("pyfory.union")
            if not union and unions is not None and isinstance(info.serializer, unions.UnionSerializer):
                raise ForyTypeError("a UnionSerializer needs register_union: register makes extensions")
        self._by_class[cls] = info
        if user_id is None:
            self._by_name[ns, simple] = info
        else:
            self._by_id[user_id] = info
        return info, True

    def _check_class(self, cls: type) -> None:
        from pyfory.schema import check_struct_class

        if _has_hidden_state(cls):
            raise ForyTypeError(
                "%s keeps more than its attributes, which would be lost with the fields alone: "
                "register it with serializer=" % cls.__qualname__
            )
        check_struct_class(cls)

    def _check_free(self, cls: type, user_id: Optional[int], name: Optional[Tuple[str, str]]) -> None:
        if user_id is not None and user_id in self._by_id:
            other = self._by_id[user_id].cls
            raise ForyTypeError("user_type_id %d already registered for %s" % (user_id, other.__qualname__))
        if name is not None and name in self._by_name:
            other = self._by_name[name].cls
            raise ForyTypeError(
                "the name %s is already registered for %s"
                % ("%s.%s" % name if name[0] else name[1], other.__qualname__)
            )

    def replace_serializer(self, cls: type, serializer: Any) -> Registration:
        """Turns a registered class into an extension type with the same id or name."""
        info = self._by_class.get(cls)
        if info is None:
            raise self._unregistered(cls)
        if isinstance(serializer, type) or not (hasattr(serializer, "write") and hasattr(serializer, "read")):
            raise ForyTypeError("register_serializer needs a serializer instance")
        info.serializer = serializer
        if info.kind != "union":
            info.kind = "ext"
            info.type_id = _TYPE_IDS["ext"][info.by_name]
        info.plan = None
        return info

    def drop_plans(self) -> List[Registration]:
        """Forgets all plans and returns the registrations that may have had one: structs in use, and
        unions, of which that is not known."""
        stale = [info for info in self._by_class.values() if info.plan is not None or info.kind == "union"]
        for info in stale:
            info.plan = None
        return stale

    def engine_arguments(self, info: Registration) -> Tuple[Any, ...]:
        """What `Engine._register` needs to know of a registration."""
        shared = self.compatible and (info.by_name or info.type_id == TypeId.COMPATIBLE_STRUCT)
        ns: Tuple[int, bytes] = (0, b"")
        name: Tuple[int, bytes] = (0, b"")
        if info.by_name and not shared:
            from pyfory._core import encode_meta_string

            if info.namespace:
                ns = encode_meta_string(info.namespace, *_NAMESPACE_SPECIALS, _ALL_ENCODINGS)
            name = encode_meta_string(info.typename, *_TYPENAME_SPECIALS, _ALL_ENCODINGS)
        user_id = None if info.by_name else info.user_type_id
        return (info.cls, info, _KINDS[info.kind], info.type_id, user_id, ns, name, shared)

    # ---- questions of the engine ------------------------------------------------

    def resolve_class(self, cls: type) -> Tuple[str, Any]:
        """How values of an unregistered class travel: (family, detail).

        Raises TypeUnregisteredError when they do not (wire-format 5.1).
        """
        for base in cls.__mro__[1:]:
            info = self._by_class.get(base)
            if info is not None and info.serializer is not None:
                supports = getattr(info.serializer, "support_subclass", None)
                if supports is not None and supports():
                    return "inherit", base
        return _builtin_family(cls) or self._refuse(cls)

    def _refuse(self, cls: type) -> Any:
        raise self._unregistered(cls)

    def struct_plan(self, cls: type) -> Tuple[Any, ...]:
        """The plan of a registered struct, with its attributes' declaration order."""
        from pyfory.plan import build_struct_plan
        from pyfory.schema import is_dataclass

        info = self._by_class[cls]
        if info.plan is None:
            info.plan = build_struct_plan(self, info)
        plan = info.plan
        if not plan.attrs and not is_dataclass(cls) and _keeps_attributes(cls):
            raise ForyTypeError(
                "%s has no annotated fields, so its attributes would be lost: annotate them, make it a dataclass, "
                "or register it with serializer=" % cls.__qualname__
            )
        slotted = getattr(cls, "__dictoffset__", 0) == 0
        order = _declaration_order(cls, plan.attrs)
        return (
            plan.type_def,
            plan.key,
            plan.hash,
            plan.attrs,
            plan.fields,
            order,
            (plan.read.fields, plan.read.missing),
            tuple((value, (read.fields, read.missing)) for value, read in plan.alternatives),
            slotted,
        )

    def type_def_of(self, cls: type) -> Tuple[bytes, int]:
        """(TypeDef, key) of a class that is no struct."""
        from pyfory.typedef import build_type_def, type_def_key

        data = build_type_def(self, self._by_class[cls])
        return data, type_def_key(data)

    def enum_spec(self, cls: type) -> Tuple[Any, ...]:
        """((member, wire value), ...) sorted by wire value."""
        spec: Tuple[Any, ...] = self._by_class[cls].enum_spec
        return spec

    def serializer_of(self, cls: type) -> Any:
        return self._by_class[cls].serializer

    def union_spec(self, cls: type) -> Tuple[Any, ...]:
        """(constructor, ((case id, slot), ...)) of a registered union."""
        from pyfory.plan import slot_for_hint

        serializer = self._by_class[cls].serializer
        cases = tuple((case, slot_for_hint(hint, self)) for case, hint in serializer.alternatives.items())
        return cls._from_case_id, cases  # type: ignore[attr-defined]

    def resolve_name(self, ns: bytes, ns_encoding: int, name: bytes, name_encoding: int) -> type:
        """The class registered under a name of the wire (wire-format 9.2).

        Raises TypeUnregisteredError; nothing is ever imported.
        """
        from pyfory._core import decode_meta_string

        namespace = decode_meta_string(ns, ns_encoding, *_NAMESPACE_SPECIALS) if ns else ""
        typename = decode_meta_string(name, name_encoding, *_TYPENAME_SPECIALS) if name else ""
        info = self._by_name.get((namespace, typename))
        if info is None:
            full = "%s.%s" % (namespace, typename) if namespace else typename
            raise TypeUnregisteredError("%s not registered" % full[:120])
        return info.cls

    def accept_type_def(self, type_id: int, data: bytes) -> Tuple[Any, ...]:
        """Checks, matches and counts a TypeDef met for the first time.

        Returns (class, None) for our own schema or a type without fields,
        (class, read plan) for another version, and (None, (remote type, keys,
        slots)) for a struct that is not registered.

        Raises ForyInvalidDataError, ForyLimitError, TypeNotCompatibleError, TypeUnregisteredError
        (wire-format 11.2, 14 and 15).
        """
        from pyfory.plan import build_struct_plan, parse_type_def, read_plan_for, resolve_remote, unknown_plan

        remote = parse_type_def(self, data)
        info = resolve_remote(self, remote)
        if info is None:
            self._check_versions(remote)
            keys, slots = unknown_plan(self, remote)
            self._count_version(remote)
            return None, (remote, keys, slots)
        if info.kind != "struct":
            return info.cls, None
        if info.plan is None:
            info.plan = build_struct_plan(self, info)
        if remote.key == info.plan.key:
            return info.cls, None
        self._check_versions(remote)
        plan = read_plan_for(self, info, remote)
        self._count_version(remote)
        return info.cls, (plan.fields, plan.missing, plan.names)

    @staticmethod
    def _identity(remote: Any) -> Any:
        return (remote.namespace, remote.typename) if remote.by_name else remote.user_type_id

    def _check_versions(self, remote: Any) -> None:
        """Schemas are refused beyond the limits, not merely left out of a cache (decision 5)."""
        known = self._versions.get(self._identity(remote), ())
        if remote.key in known:
            return  # another thread met it a moment ago
        count = len(known)
        if count >= self.max_schema_versions_per_type:
            raise ForyLimitError(
                "more than %d schema versions of %s; raise Fory(max_schema_versions_per_type=...) for trusted peers"
                % (self.max_schema_versions_per_type, remote.display_name[:120])
            )
        if count == 0 and len(self._versions) >= _MAX_REMOTE_TYPES:
            raise ForyLimitError("more than %d remote types: the key limit of schema metadata" % _MAX_REMOTE_TYPES)
        types = len(self._versions) + (count == 0)
        if (
            self._n_versions >= _AVERAGE_FLOOR
            and self._n_versions // types >= self.max_average_schema_versions_per_type
        ):
            raise ForyLimitError(
                "more than %d schema versions on average; raise Fory(max_average_schema_versions_per_type=...) "
                "for trusted peers" % self.max_average_schema_versions_per_type
            )
        # what is kept of a schema is far larger than its bytes: the sum is bounded too
        most = _AVERAGE_FLOOR * _AVERAGE_FIELDS * self.max_average_schema_versions_per_type
        if self._n_remote_fields + _weight(remote) > most:
            raise ForyLimitError(
                "the schemas received so far have more than %d fields and nested types; raise "
                "Fory(max_average_schema_versions_per_type=...) for trusted peers" % most
            )

    def _count_version(self, remote: Any) -> None:
        with self._schema_lock:
            self._check_versions(remote)
            keys = self._versions.setdefault(self._identity(remote), set())
            if remote.key not in keys:
                keys.add(remote.key)
                self._n_versions += 1
                self._n_remote_fields += _weight(remote)

    def unknown_wire_form(self, remote: Any) -> Tuple[Any, ...]:
        """(type id, TypeDef, key, keys, slots) to write an UnknownStruct again."""
        from pyfory.plan import unknown_plan

        if not self.compatible:
            raise ForyTypeError("an UnknownStruct can only be written with Fory(compatible=True)")
        keys, slots = unknown_plan(self, remote)
        return remote.type_id, remote.data, remote.key, keys, slots


def _weight(remote: Any) -> int:
    """Fields of a received schema and the types nested in them."""
    count, nodes = 1, [field.node for field in remote.fields]
    while nodes:
        node = nodes.pop()
        count += 1
        nodes.extend(node.args)
    return count


# ---- helpers of registration ---------------------------------------------------


def _encoded(text: str, specials: Tuple[str, str]) -> bytes:
    from pyfory._core import encode_meta_string

    return encode_meta_string(text, *specials, _ALL_ENCODINGS)[1] if text else b""


def _split_name(name: Any, typename: Any, namespace: Any) -> Optional[Tuple[str, str]]:
    """(namespace, simple name), or None without a name. `typename` is the older word for `name`."""
    for value in (name, typename, namespace):
        if value is not None and not isinstance(value, str):
            raise ForyTypeError("type names must be str, not %s" % type(value).__name__)
    if name is not None and typename is not None:
        raise ForyTypeError("name= and typename= are the same argument; give one")
    full = typename if name is None else name
    if full is None:
        if namespace is not None:
            raise ForyTypeError("namespace= needs typename=")
        return None
    if namespace is not None:
        if not full:
            raise ForyInvalidError("name must not be empty or end with '.'")
        return namespace, full
    if not full or full.endswith("."):
        raise ForyInvalidError("name must not be empty or end with '.'")
    ns, _, simple = full.rpartition(".")
    return ns, simple


def _check_id(type_id: Any) -> int:
    if isinstance(type_id, bool) or not isinstance(type_id, int):
        raise ForyTypeError("type_id must be an int, not %s" % type(type_id).__name__)
    if type_id < 0:
        raise ForyOverflowError("type_id must not be negative")
    if type_id >= _NO_ID:
        raise ForyInvalidError("type_id must be at most 2**32-2")
    return int(type_id)


def _kind_of(cls: type, serializer: Any, union: bool) -> Tuple[str, Any]:
    if union:
        if serializer is None:
            raise ForyTypeError("register_union requires a serializer")
        return "union", None
    if serializer is not None:
        return "ext", None
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(cls, enum.Enum):
        return "enum", _enum_values(cls)
    return "struct", None


def _enum_values(cls: Any) -> Tuple[Tuple[Any, int], ...]:
    """Wire values of an enum: its own when all are distinct non-negative ints, else the
    declaration index (wire-format 8.1)."""
    members: List[Any] = list(cls)
    values = [m.value for m in members]
    own = all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values)
    if own and len(set(values)) == len(values):
        for member in members:
            if member.value > 0xFFFFFFFF:
                raise ForyOverflowError("%s is larger than 2**32-1" % member)
        pairs = [(m, int(m.value)) for m in members]
    else:
        pairs = [(m, i) for i, m in enumerate(members)]
    return tuple(sorted(pairs, key=lambda pair: pair[1]))


def _is_evolving(cls: type) -> bool:
    meta = cls.__dict__.get("__fory_object__")
    if meta is None:
        from pyfory.field import extract_object_meta

        meta = extract_object_meta(cls)
    return True if meta is None else bool(meta.evolving)


def _declaration_order(cls: type, attrs: Tuple[str, ...]) -> Tuple[int, ...]:
    """Attribute indices in the order an ordinary __init__ would set them."""
    declared = getattr(cls, "__dataclass_fields__", None)
    if declared is None:
        declared = {}
        for base in reversed(cls.__mro__):
            declared.update(base.__dict__.get("__annotations__", {}))
    rank = {name: i for i, name in enumerate(declared)}
    return tuple(sorted(range(len(attrs)), key=lambda i: rank.get(attrs[i], len(rank))))


def _keeps_attributes(cls: type) -> bool:
    own_init = getattr(cls, "__init__", None) is not object.__init__
    return own_init or any(base.__dict__.get("__slots__") for base in cls.__mro__)


def _has_hidden_state(cls: type) -> bool:
    """True for an instance larger than its attributes: subclasses of int, list or tuple, classes
    written in C. Of exceptions the fields are what counts."""
    if cls.__itemsize__:
        return True
    pointer = tuple.__itemsize__
    size = object.__basicsize__ + pointer * ((cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0))
    if cls.__basicsize__ <= size or issubclass(cls, BaseException):
        return False
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else tuple(slots)
        size += pointer * sum(name not in ("__dict__", "__weakref__") for name in names)
    return cls.__basicsize__ > size


# ---- builtin families --------------------------------------------------------------

_BUILTINS = frozenset(
    (bool, int, float, complex, str, bytes, bytearray, memoryview, list, tuple, set, frozenset, dict, range, slice,
     object, type, type(None))
)  # fmt: skip


#: wire types of the classes that the engine knows itself
_BUILTIN_IDS = {
    bool: TypeId.BOOL, int: TypeId.VARINT64, float: TypeId.FLOAT64, str: TypeId.STRING, bytes: TypeId.BINARY,
    list: TypeId.LIST, tuple: TypeId.LIST, set: TypeId.SET, frozenset: TypeId.SET, dict: TypeId.MAP,
    type(None): TypeId.NONE,
}  # fmt: skip


def _is_builtin(cls: type) -> bool:
    return cls in _BUILTINS or _exact_family(cls) is not None


def _exact_family(cls: type) -> Optional[Tuple[str, Any]]:
    """Types that travel without registration beyond those the engine knows itself."""
    module, name = cls.__module__, cls.__qualname__
    if module == "decimal" or module == "_decimal" or module == "_pydecimal":
        if name == "Decimal":
            return "builtin", TypeId.DECIMAL
    elif module == "datetime":
        if name in ("date", "datetime", "timedelta"):
            return "builtin", {"date": TypeId.DATE, "datetime": TypeId.TIMESTAMP, "timedelta": TypeId.DURATION}[name]
    elif module == "numpy":
        if name == "ndarray":
            return "by_value", 0
    elif module == "array":
        if name == "array":
            return "by_value", 0
    elif module == "pyfory.array":
        type_id = cls.__dict__.get("type_id")
        if type_id is not None:
            return "builtin", int(type_id)
    elif module == "pyfory.unknown" and name == "UnknownStruct":
        return "unknown", 0
    return None


def _builtin_family(cls: type) -> Optional[Tuple[str, Any]]:
    exact = _exact_family(cls)
    if exact is not None:
        return exact
    if issubclass(cls, (str, bytes, bytearray, int, float)):
        return None
    from collections import UserString, abc

    if issubclass(cls, UserString):
        return None  # a sequence of sequences without end
    if issubclass(cls, abc.Mapping):
        return "builtin", TypeId.MAP
    if issubclass(cls, abc.Set):
        return "builtin", TypeId.SET
    if issubclass(cls, abc.Sequence):
        from pyfory._core import DenseArray

        return None if issubclass(cls, DenseArray) else ("builtin", TypeId.LIST)
    return None
