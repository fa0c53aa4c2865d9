"""Writes Schemas.java, the classes that schemas.txt describes: python generate.py OUT"""

import os
import sys

PRIMITIVES = ("boolean", "byte", "short", "int", "long", "float", "double")
HEADER = """// Generated from schemas.txt.
package peer;

import java.math.*;
import java.time.*;
import java.util.*;
import org.apache.fory.annotation.*;
import org.apache.fory.config.*;
import org.apache.fory.type.*;
import peer.Peer.*;

public class Schemas {
"""


def nullable(kind):
    """The type with @Nullable, where Java allows that."""
    last = kind.split(" ")[-1]
    if "@Nullable" in kind and not kind.startswith(("List", "Map")) or last in PRIMITIVES:
        return kind
    if kind.endswith("[]"):
        return kind[:-2] + " @Nullable []"
    return kind.replace("java.time.", "java.time.@Nullable ") if kind.startswith("java.time.") else "@Nullable " + kind


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "schemas.txt"), encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]
    classes = {}
    for number, line in enumerate(lines):
        if line.startswith("kind "):
            _, name, kind = line.split(" ", 2)
            classes[name] = "%s v;" % kind
            classes["Plus" + name] = "int a; String s; %s n;" % nullable(kind)
            classes["Skip" + name] = "int a; %s v; String z;" % kind
        elif line.startswith("schema "):
            follows = lines[number + 1] if number + 1 < len(lines) else ""
            classes[line.split()[1]] = follows.strip() if follows.startswith(" ") else ""
    with open(os.path.join(sys.argv[1], "Schemas.java"), "w", encoding="utf-8") as f:
        f.write(HEADER)
        for name in sorted(classes):
            parts = [part.strip() for part in classes[name].split(";") if part.strip()]
            annotation = parts.pop(0) + " " if parts and parts[0].startswith("@ForyStruct") else ""
            f.write("  %spublic static class %s { %s }\n" % (annotation, name, " ".join("public %s;" % part for part in parts)))
        f.write("  public static final Class<?>[] ALL = {%s};\n}\n" % ", ".join("%s.class" % n for n in sorted(classes)))


if __name__ == "__main__":
    main()
