"""The records of the published matrix as protobuf messages, defined at run time: no compiler and no generated code is needed."""

import dataclasses
import enum
from typing import Any, Callable, Dict, List, Tuple

from . import models as m

# class -> fields: (name, kind); kinds are scalars, enum classes, message classes, "[kind]" lists, "?str" an optional text
_FIELDS: Dict[type, List[Tuple[str, Any]]] = {
    m.NumericStruct: [(f"f{i}", "int32") for i in range(1, 13)],
    m.NumericStructList: [("items", [m.NumericStruct])],
    m.Person: [("name", "string"), ("age", "int32"), ("email", "string")],
    m.Sample: [
        ("int_value", "int32"), ("long_value", "int64"), ("float_value", "float"), ("double_value", "double"),
        ("short_value", "int32"), ("char_value", "int32"), ("boolean_value", "bool"), ("int_value_boxed", "int32"),
        ("long_value_boxed", "int64"), ("float_value_boxed", "float"), ("double_value_boxed", "double"),
        ("short_value_boxed", "int32"), ("char_value_boxed", "int32"), ("boolean_value_boxed", "bool"),
        ("int_array", ["int32"]), ("long_array", ["int64"]), ("float_array", ["float"]), ("double_array", ["double"]),
        ("short_array", ["int32"]), ("char_array", ["int32"]), ("boolean_array", ["bool"]), ("string", "string"),
    ],
    m.SampleList: [("items", [m.Sample])],
    m.Media: [
        ("uri", "string"), ("title", "string"), ("width", "int32"), ("height", "int32"), ("format", "string"),
        ("duration", "int64"), ("size", "int64"), ("bitrate", "int32"), ("has_bitrate", "bool"), ("persons", ["string"]),
        ("player", m.Player), ("copyright", "string"),
    ],
    m.Image: [("uri", "string"), ("title", "?string"), ("width", "int32"), ("height", "int32"), ("size", m.Size)],
    m.MediaContent: [("media", m.Media), ("images", [m.Image])],
    m.MediaContentList: [("items", [m.MediaContent])],
}  # fmt: skip
_DTYPES = {"int_array": "i4", "long_array": "i8", "float_array": "f4", "double_array": "f8", "short_array": "i4", "char_array": "i4",
           "boolean_array": "?"}  # fmt: skip


def known(cls: Any) -> bool:
    """Say whether a class has a message."""
    return isinstance(cls, type) and cls in _FIELDS


def _messages() -> Dict[type, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    for cls in (m.Player, m.Size):
        made = file.enum_type.add(name=cls.__name__)
        for item in cls:
            made.value.add(name=f"{cls.__name__}_{item.name}", number=item.value)
    for cls, fields in _FIELDS.items():
        message = file.message_type.add(name=cls.__name__)
        for number, (name, kind) in enumerate(fields, 1):
            field = message.field.add(name=name, number=number, label=proto.LABEL_OPTIONAL)
            if isinstance(kind, list):
                field.label, kind = proto.LABEL_REPEATED, kind[0]
            if isinstance(kind, str) and kind.startswith("?"):
                kind = kind[1:]
                message.oneof_decl.add(name="_" + name)
                field.proto3_optional, field.oneof_index = True, 0
            if isinstance(kind, str):
                field.type = getattr(proto, "TYPE_" + kind.upper())
            else:
                field.type = proto.TYPE_ENUM if issubclass(kind, enum.Enum) else proto.TYPE_MESSAGE
                field.type_name = ".bench." + kind.__name__
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {cls: message_factory.GetMessageClass(pool.FindMessageTypeByName("bench." + cls.__name__)) for cls in _FIELDS}


def bind(root: type) -> Tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]:
    """Return the message class of ``root``, a function from the dataclass to a message, and one back.

    Both functions are written out field by field, as a program that keeps its own classes would have them.
    """
    messages = _messages()
    scope: Dict[str, Any] = {}
    for cls, fields in _FIELDS.items():
        name = cls.__name__
        scope["P" + name], scope["D" + name] = messages[cls], cls
        out, back = [], []
        for field, kind in fields:
            value, message = f"v.{field}", f"p.{field}"
            inner = kind[0] if isinstance(kind, list) else kind
            if field in _DTYPES and cls is m.Sample:
                scope["numpy"] = scope.get("numpy") or __import__("numpy")
                out.append(f"{field}={value}.tolist()")
                back.append(f"{field}=numpy.array({message}, '{_DTYPES[field]}')")
            elif isinstance(inner, type) and issubclass(inner, enum.Enum):
                scope["E" + inner.__name__] = inner
                out.append(f"{field}={value}")
                back.append(f"{field}=E{inner.__name__}({message})")
            elif isinstance(inner, type):
                if isinstance(kind, list):
                    out.append(f"{field}=[to_{inner.__name__}(x) for x in {value}]")
                    back.append(f"{field}=[from_{inner.__name__}(x) for x in {message}]")
                else:
                    out.append(f"{field}=to_{inner.__name__}({value})")
                    back.append(f"{field}=from_{inner.__name__}({message})")
            elif isinstance(kind, list):
                out.append(f"{field}={value}")
                back.append(f"{field}=list({message})")
            else:
                out.append(f"{field}={value}")
                back.append(f"{field}={message} if p.HasField('{field}') else None" if inner.startswith("?") else f"{field}={message}")
        exec(f"def to_{name}(v):\n    return P{name}({', '.join(out)})\n", scope)
        exec(f"def from_{name}(p):\n    return D{name}({', '.join(back)})\n", scope)
    name = root.__name__
    assert all(dataclasses.is_dataclass(cls) for cls in _FIELDS)
    return messages[root], scope["to_" + name], scope["from_" + name]
