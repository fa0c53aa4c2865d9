"""From schemas to plans: what the C engine compiles.

A typed position is a `SlotSpec`, a plain tuple; a struct is a `StructPlan`.
Both are immutable and contain nothing that the engine would have to ask
Python about while it moves values.
"""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from pyfory.error import TypeNotCompatibleError, TypeUnregisteredError
from pyfory.evolution import Convert, match_fields, read_field
from pyfory.schema import (
    CARRIER_PYARRAY,
    StructField,
    StructSchema,
    TypeNode,
    UPSTREAM_EMPTY_SCHEMA_HASH,
    build_schema,
    fingerprint,
    schema_hash,
    wire_order_key,
)
from pyfory.typedef import RemoteType, build_type_def, parse_type_def, type_def_key
from pyfory.types import ARRAY_IDS, BASIC_IDS, ENUM_IDS, EXT_IDS, STRUCT_IDS, TypeId, UNION_IDS

__all__ = [
    "DYNAMIC",
    "NULLABLE",
    "ReadPlan",
    "SlotSpec",
    "StructPlan",
    "TRACK_REF",
    "build_struct_plan",
    "build_type_def",
    "parse_type_def",
    "read_plan_for",
    "resolve_remote",
    "slot_for_hint",
    "unknown_plan",
]

#: slot flags: a null flag precedes / a reference flag precedes / type information precedes
NULLABLE, TRACK_REF, DYNAMIC = 1, 2, 4

#: (type id, flags, class, argument slots, carrier)
SlotSpec = Tuple[int, int, Optional[type], Tuple[Any, ...], int]
#: (attribute index, kind, value or callable), for attributes that are not on the wire
Missing = Tuple[int, int, Any]
#: (attribute index or -1, slot, conversion or None)
ReadField = Tuple[int, SlotSpec, Optional[Convert]]

# These never take a reference id, whatever the option says (section 13.1).
_NEVER_TRACKED = ENUM_IDS | {TypeId.DECIMAL, TypeId.FLOAT16, TypeId.BFLOAT16}
# As elements these are tracked when references are on (section 1.4).
_TRACKED_ELEMENTS = (
    STRUCT_IDS
    | EXT_IDS
    | UNION_IDS
    | {
        TypeId.LIST,
        TypeId.SET,
        TypeId.MAP,
        TypeId.BINARY,
        TypeId.DATE,
        TypeId.TIMESTAMP,
        TypeId.DURATION,
    }
)


class ReadPlan(NamedTuple):
    """How to read one schema of a struct: its fields in wire order, and the rest."""

    fields: Tuple[ReadField, ...]
    missing: Tuple[Missing, ...]
    #: of a received schema: names of its fields, for error paths
    names: Tuple[str, ...] = ()


class StructPlan(NamedTuple):
    """Everything the engine knows about a registered struct."""

    type_def: bytes
    key: int
    hash: Optional[int]
    attrs: Tuple[str, ...]
    fields: Tuple[SlotSpec, ...]
    missing: Tuple[Missing, ...]
    read: ReadPlan
    alternatives: Tuple[Tuple[int, ReadPlan], ...]


# ---- slots of local types -----------------------------------------------------


def _never_tracked(node: TypeNode) -> bool:
    return node.type_id in _NEVER_TRACKED or (
        node.type_id in ARRAY_IDS and node.carrier != CARRIER_PYARRAY
    )


def _is_abstract(cls: Optional[type]) -> bool:
    return bool(getattr(cls, "__abstractmethods__", None))


def _wants_ref(node: TypeNode, resolver: Any) -> bool:
    """False for a class whose serializer opts out of references."""
    if node.type_id not in EXT_IDS and node.type_id not in UNION_IDS:
        return True
    registration = resolver.lookup(node.cls)
    return getattr(getattr(registration, "serializer", None), "need_to_write_ref", True) is not False


def field_slot(field: StructField, resolver: Any) -> SlotSpec:
    """The slot of a field of a local class (section 13.1)."""
    node = field.node
    type_id = node.type_id
    flags = NULLABLE if field.nullable else 0
    if field.ref and resolver.track_ref and type_id not in BASIC_IDS:
        flags |= NULLABLE if _never_tracked(node) else TRACK_REF
    if type_id in STRUCT_IDS or type_id in EXT_IDS:
        dynamic: Optional[bool] = True
        if not resolver.compatible:
            dynamic = field.dynamic
            if dynamic is None:
                dynamic = type_id == TypeId.NAMED_EXT or _is_abstract(node.cls)
        if dynamic:
            flags |= DYNAMIC
    elif field.dynamic and not resolver.compatible and type_id != TypeId.UNKNOWN:
        flags |= DYNAMIC
    return (type_id, flags, node.cls, _element_slots(node, resolver), node.carrier)


def _element_slots(node: TypeNode, resolver: Any) -> Tuple[SlotSpec, ...]:
    return tuple([element_slot(child, resolver) for child in node.args])


def element_slot(node: TypeNode, resolver: Any) -> SlotSpec:
    """The slot of an element, key or value. Collection headers carry nulls and type
    information; only the wish to track references comes from here."""
    flags = NULLABLE if node.nullable else 0
    if resolver.track_ref and node.ref is not False:
        type_id = node.type_id
        if type_id in _TRACKED_ELEMENTS:
            if _wants_ref(node, resolver):
                flags |= TRACK_REF
        elif type_id in ARRAY_IDS and node.carrier == CARRIER_PYARRAY:
            flags |= TRACK_REF
    return (node.type_id, flags, node.cls, _element_slots(node, resolver), node.carrier)


def slot_for_hint(hint: Any, resolver: Any) -> SlotSpec:
    """The element slot of a bare annotation, for the cases of a union."""
    from pyfory.schema import type_node

    return element_slot(type_node(hint, resolver), resolver)


# ---- slots of remote types -----------------------------------------------------


def _remote_id(type_id: int) -> int:
    # as field types these are written without their identity
    if type_id in ENUM_IDS:
        return TypeId.ENUM
    if type_id in UNION_IDS:
        return TypeId.UNION
    return type_id


def remote_field_slot(node: TypeNode, nullable: bool, ref: bool, track_elements: bool = False) -> SlotSpec:
    """The slot of a field as its writer declared it. The reference bit of the TypeDef decides
    the framing, whether or not references are tracked here. With `track_elements`, what is
    written again flags its elements as our own classes do (decision 25); a reader goes by the
    headers of the collections in any case."""
    type_id = _remote_id(node.type_id)
    flags = NULLABLE if nullable else 0
    if ref and type_id not in BASIC_IDS:
        flags |= TRACK_REF
    if type_id in STRUCT_IDS or type_id in EXT_IDS:
        flags |= DYNAMIC
    return (type_id, flags, node.cls, _remote_elements(node, track_elements), node.carrier)


def _remote_elements(node: TypeNode, track: bool) -> Tuple[SlotSpec, ...]:
    return tuple(
        [
            (
                _remote_id(child.type_id),
                (NULLABLE if child.nullable else 0)
                | (TRACK_REF if child.ref or (track and child.type_id in _TRACKED_ELEMENTS) else 0),
                child.cls,
                _remote_elements(child, track),
                child.carrier,
            )
            for child in node.args
        ]
    )


# ---- plans -----------------------------------------------------------------------


def _ignored_missing(schema: StructSchema) -> Tuple[Missing, ...]:
    start = len(schema.fields)
    return tuple([(start + i, kind, value) for i, (_, (kind, value)) in enumerate(schema.ignored)])


def _own_read_plan(
    order: Sequence[int], slots: Sequence[SlotSpec], missing: Tuple[Missing, ...]
) -> ReadPlan:
    return ReadPlan(tuple([(i, slots[i], None) for i in order]), missing)


def build_struct_plan(resolver: Any, registration: Any) -> StructPlan:
    """The plan of a registered dataclass or annotated class.

    Raises SchemaError for contradicting annotations or options, and
    UnresolvedAnnotationError for names that cannot be found.
    """
    schema = build_schema(registration.cls, resolver)
    fields = schema.fields
    slots = tuple([field_slot(f, resolver) for f in fields])
    missing = _ignored_missing(schema)
    order = range(len(fields))
    read = _own_read_plan(order, slots, missing)
    type_def = b""
    hash_value: Optional[int] = None
    alternatives: List[Tuple[int, ReadPlan]] = []
    if resolver.compatible:
        if registration.type_id != TypeId.STRUCT:
            type_def = build_type_def(resolver, registration, fields)
    else:
        hash_value = schema_hash(fingerprint(fields))
        if not fields:
            alternatives.append((UPSTREAM_EMPTY_SCHEMA_HASH, read))
        # Peers written in Java use another form of the names, in the hash and in the order.
        java_hash = schema_hash(fingerprint(fields, java=True))
        if java_hash != hash_value:
            java_order = sorted(order, key=lambda i: wire_order_key(fields[i], java=True))
            alternatives.append((java_hash, _own_read_plan(java_order, slots, missing)))
    return StructPlan(
        type_def,
        type_def_key(type_def),
        hash_value,
        tuple([f.name for f in fields] + [name for name, _ in schema.ignored]),
        slots,
        missing,
        read,
        tuple(alternatives),
    )


def read_plan_for(resolver: Any, registration: Any, remote: RemoteType) -> ReadPlan:
    """How to read the received schema into the local class (section 14).

    Raises TypeNotCompatibleError when a field cannot be read into the local
    field it matches.
    """
    schema = build_schema(registration.cls, resolver)
    local = schema.fields
    targets = match_fields(local, remote.fields)
    fields: List[ReadField] = []
    for field, target in zip(remote.fields, targets):
        node: TypeNode = field.node
        convert: Optional[Convert] = None
        if target >= 0:
            try:
                node, convert = read_field(field, local[target], bool(resolver.track_ref))
            except TypeNotCompatibleError as error:
                # which schemas: the wire's name of the one, the class of the other
                raise TypeNotCompatibleError(
                    "%s; schema %s of the input, class %s" % (error, remote.display_name[:120], registration.cls.__qualname__[:120])
                ) from None
        fields.append((target, remote_field_slot(node, field.nullable, field.ref), convert))
    filled = set(targets)
    missing = [(i,) + f.default_for_missing() for i, f in enumerate(local) if i not in filled]
    names = tuple([field.key[:120] for field in remote.fields])
    return ReadPlan(tuple(fields), tuple(missing) + _ignored_missing(schema), names)


def unknown_plan(resolver: Any, remote: RemoteType) -> Tuple[Tuple[str, ...], Tuple[SlotSpec, ...]]:
    """Keys and slots of a struct whose class is not registered (section 14.5)."""
    keys: List[str] = []
    taken = set()
    for field in remote.fields:
        key = unique = field.key
        number = 2
        while unique in taken:  # only a damaged or careless TypeDef repeats a name
            unique = "%s#%d" % (key, number)
            number += 1
        taken.add(unique)
        keys.append(unique)
    track = bool(resolver.track_ref)
    slots = tuple([remote_field_slot(f.node, f.nullable, f.ref, track) for f in remote.fields])
    return tuple(keys), slots


def resolve_remote(resolver: Any, remote: RemoteType) -> Optional[Any]:
    """The registration of a received type; None for a struct that is not registered.

    Raises TypeUnregisteredError for other kinds that are not registered, and
    TypeNotCompatibleError when the registered class is of another kind.
    """
    if remote.by_name:
        registration = resolver.find(namespace=remote.namespace, typename=remote.typename)
    else:
        registration = resolver.find(user_type_id=remote.user_type_id)
    if registration is None:
        if remote.kind != "struct":
            raise TypeUnregisteredError("TypeDef %s is not registered" % remote.display_name[:120])
        return None
    if registration.kind != remote.kind:
        raise TypeNotCompatibleError(
            "TypeDef %s describes a %s, the registered class is a %s"
            % (remote.display_name[:120], remote.kind, registration.kind)
        )
    return registration
