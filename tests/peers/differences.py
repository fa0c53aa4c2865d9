"""Where another implementation does something else than this package, on purpose.

One list for all live peers. `unexplained` checks outcomes against it: what
differs must be listed here with a reason, and what is listed must differ.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterable, List, NamedTuple, Set, Tuple

READS, WE_READ, WRITES, BYTES = "reads ours", "we read", "writes", "bytes"


class Difference(NamedTuple):
    """`case` and `got` are regular expressions: for the start of `str(case)` and the start of
    what came out. A mode is (registered by name, references); None stands for both."""

    peer: str
    direction: str
    case: str
    got: str
    reason: str
    by_name: Any = None
    ref: Any = None


_STORE = "decision 29: upstream does not call the serializer of a class registered by name in compatible mode"

DIFFERENCES: List[Difference] = [
    # ---- upstream: reading what we wrote
    Difference("upstream", READS, r".*(Ext\(|ListExt\()", "!", _STORE, by_name=True),
    Difference("upstream", READS, r"skip: Skip(Opt)?(List|Map)?Either", "!ValueError", "wire-format 14.2, advice: skip a union as its case and a value"),
    Difference("upstream", READS, r"skip: SkipEither\(1, Choice\(5", "", "wire-format 14.2, advice: skip a union as its case and a value"),
    Difference("upstream", READS, r"skip: Skip(Opt)?(Ext|ListExt)\(.* as Ends", "!ValueError: Unexpected", "another class of error for a type that is not registered", by_name=False),
    Difference("upstream", READS, r"skip: Skip(Opt)?MapColour", "!TypeError: unhashable", "the stand-in for members of unknown enums is hashable here, so that dicts keyed by them can be skipped"),
    Difference("upstream", READS, r"dense: ArrayInt32\(.* as TupleInt32", r"Value\(v=\[", "wire-format 14.3: list, set and tuple interchange; a Tuple field holds a tuple"),
    Difference("upstream", READS, r"any: Anything\(\[1\]\) as TupleInt32", r"Value\(v=\[", "wire-format 14.3: list, set and tuple interchange; a Tuple field holds a tuple"),
    Difference("upstream", READS, r"any: (List)?Either\(.* as (Anything|Bare)", "", "wire-format 14.2, advice: a union is its case and a value; upstream gives a wrong value"),
    Difference("upstream", READS, r"nullable: OptListAny\(\[1, 'x', None", r"Value\(v=\[\]\)", "wire-format 14.3: nullability inside a collection is ignored; upstream drops the whole list"),
    Difference("upstream", READS, r"rename: (Camel|Capital)\(.* as Snake", r"Value\(first_name='\?'", "decision 24: names match in snake case too"),
    Difference("upstream", READS, r"rename: Capital\(.* as Camel", r"Value\(firstName='\?'", "decision 24: names match in snake case too"),
    Difference("upstream", READS, r"rename: .* as (Capital|Hidden)", "!ValueError", "decision 24: field names that upstream refuses"),
    Difference("upstream", READS, r"fixed: Base\(", "!ValueError: TypeDef kind", "a schema that came along is enough to read by, whatever the class says of its own", by_name=True),
    Difference("upstream", READS, r"fixed: Fixed\(", "", "wire-format 9.1: by id no hash in compatible mode; upstream writes none and expects one", by_name=False),
    # ---- upstream: writing
    Difference("upstream", WRITES, r"rename: (Capital|Hidden)\(", "!ValueError", "decision 24: field names that upstream refuses"),
    Difference("upstream", WE_READ, r".*(Ext\(|ListExt\()", "", _STORE, by_name=True),
    Difference("upstream", BYTES, r".*(Ext\(|ListExt\()", "", _STORE, by_name=True),
    Difference("upstream", BYTES, r"scalars: Half\(nan\)", "", "decision 30: float16 NaN keeps its top payload bits"),
]  # fmt: skip

_ZERO = "the Rust type has no None: a missing or null field gets the type's zero"
_ELEMENTS = "decision 25: with references on the elements are flagged, Rust ignores the header bit; Ref[T, False] turns it off"
_DENSE_BYTES = "Rust does not convert between bytes and array<uint8>, or between bytes and nullable bytes"
DIFFERENCES += [
    Difference("rust", READS, r"add: Base\(.* as Plus(Day|Instant|Span|Dec|Inner|Either|Array\w+)$", r"Value\(", _ZERO),
    Difference("rust", READS, r"add: Base\(.* as PlusExt$", "!", "a Rust serializer without a default refuses to leave its field out"),
    Difference("rust", READS, r"nullable: Opt(Day|Instant|Span|Dec|Inner|Either|Array\w+)\(None\)", r"Value\(", _ZERO),
    Difference("rust", READS, r"nullable: (Opt)?Dec\(Decimal\('12.50'\)\)", r"Value\(v=Decimal\('12.5'\)\)", "Rust drops trailing zeros when it changes the nullability of a decimal"),
    Difference("rust", READS, r"nullable: (Opt)?Binary\(", "!", _DENSE_BYTES),
    Difference("rust", READS, r"dense: (Opt)?(Binary\(.* as ArrayUInt8|ArrayUInt8\(.* as Binary)", "!", _DENSE_BYTES),
    Difference("rust", READS, r"containers: \w+\(.*None.*\) as (ListInt32|ListInner|MapTextInt)", r"Value\(", _ZERO),
    Difference("rust", WE_READ, r"dense: ListInt32\(\[1, None\]\)", r"Value\(v=Int32Array\[1, 0\]\)", _ZERO),
    Difference("rust", READS, r"containers: MapTextInt\(.* as MapTextFixed", r"Value\(", "wire-format 14.3: encodings inside a collection must match; Rust converts them"),
    Difference("rust", READS, r"rename: Tags\(.* as Tags(Other|Named)", r"Value\(", "Rust structs have no defaults of their own: zero"),
    Difference("rust", READS, r"rename: TagsNamed\(.* as Tags", r"Value\(a=0", "wire-format 14.1: a name also finds a tagged field by its attribute; Rust matches tags with tags only"),
    Difference("rust", READS, r"scalars: Real\(2\.0\*\*-256\)", "!", "Rust refuses 2^-256, whose 179 digits and scale 256 are within the bounds"),
    Difference("rust", READS, r"scalars: Text\('0e256'\)", "!", "Rust refuses a zero with the exponent 256, as large as the bound allows"),
    Difference("rust", READS, r"fixed: Base\(", "!", "a schema that came along is enough to read by, whatever the class says of its own"),
    Difference("rust", READS, r"references: TwiceParts\(", "!", "Rust loses an object that first occurs in a field it skips"),
    Difference("rust", READS, r"\w+: (Skip|Opt)?(List|Map)\w*\(", "", _ELEMENTS, ref=True),
    Difference("rust", WE_READ, r"\w+: (Skip|Opt)?(List|Map)\w*\(", "", _ELEMENTS, ref=True),
    Difference("rust", WRITES, r"\w+: (Skip|Opt)?(List|Map)\w*\(", "", _ELEMENTS, ref=True),
]  # fmt: skip

_JAVA_NULL = "Java keeps the null, and then cannot write it for a field that is not nullable"
_NULL_ERROR = "!(the peer died|NullPointerException|IllegalArgumentException: Non-nullable)"
_JAVA_TYPES = "Java does not compare the types of such fields and misreads the bytes of one as the other"
_JAVA_NAMES = "decision 24: Java turns every capital of a name into `_` and its small letter, also the first, and sorts fields by that"
_JAVA_DYNAMIC = "Java reads a dynamic field as the declared type of its own field, or the reverse, whatever the bytes hold"
DIFFERENCES += [
    Difference("java", READS, r"nullable: Opt\w+\(None\) as", _NULL_ERROR, _JAVA_NULL),
    Difference("java", READS, r"dense: OptBinary\(None\) as ArrayUInt8", _NULL_ERROR, _JAVA_NULL),
    Difference("java", READS, r"missing: Opt(List)?N\(1, None\)", "", "Java puts zero or null, not the initial value, where the writer had null"),
    Difference("java", READS, r"nullable: (Opt)?Dec\(Decimal\('12.50'\)\)", r"Value\(v=Decimal\('12.5'\)\)", "Java drops trailing zeros when it changes the nullability of a decimal"),
    Difference("java", READS, r"rename: TagsNamed\(.* as Tags", "!", "wire-format 14.1: a name also finds a tagged field by its attribute; Java matches tags with tags only"),
    Difference("java", READS, r"rename: (Capital\(|.* as Capital)", "", _JAVA_NAMES),
    Difference("java", WE_READ, r"rename: Capital\(", "", _JAVA_NAMES),
    Difference("java", WE_READ, r"skip: SkipEither\(1, Choice\(5", r"Value\(a=1, z='end'\)", "Java writes the type of the elements, so that the list of an unknown union can be skipped"),
    Difference("java", READS, r"containers: ListOptInt\(\[1, None\]", "!", "Java cannot read a null among list elements declared as Integer"),
    Difference("java", WRITES, r"\w+: List(OptInt|Int32)\(\[1, None\]", "!", "Java cannot read a null among list elements declared as Integer"),
    Difference("java", READS, r"containers: (ListInt32|SetInt|MapTextInt)\(.* as (ListInt32|SetInt)", "", _JAVA_TYPES),
    Difference("java", READS, r"strangers: ", r"Value\(", _JAVA_TYPES),
    Difference("java", READS, r"any: ", "", _JAVA_DYNAMIC),
    Difference("java", WRITES, r"any: Anything\((None|\[Part)", "!", "Java cannot read None, or a list of objects, in a dynamic field"),
    Difference("java", READS, r"references: Twice\(", "!", "field(ref=True) on a list of numbers marks the elements too, which Java cannot"),
    Difference("java", WRITES, r"references: Twice\(", "!", "field(ref=True) on a list of numbers marks the elements too, which Java cannot"),
    Difference("java", READS, r"scalars: Real\(2\.0\*\*-256\)", "!", "Java refuses 2^-256, whose 179 digits and scale 256 are within the bounds"),
]  # fmt: skip


def unexplained(peer: str, outcomes: Iterable[Tuple[Any, Tuple[bool, bool], str, str, str, bool]], used: Set[Difference]) -> List[str]:
    """Texts of the outcomes that differ without a reason.

    An outcome is (case, mode, direction, expected, got, whether they agree).
    Entries of the list that explain something are added to `used`.
    """
    wrong = []
    entries = [d for d in DIFFERENCES if d.peer == peer]
    patterns: Dict[Difference, Any] = {d: (re.compile(d.case), re.compile(d.got)) for d in entries}
    for case, (by_name, ref), direction, expected, got, same in outcomes:
        if same:
            continue
        for d in entries:
            where, what = patterns[d]
            if d.direction == direction and d.by_name in (None, by_name) and d.ref in (None, ref) and where.match(str(case)) and what.match(got):
                used.add(d)
                break
        else:
            wrong.append("%s (%s, ref %s), %s\n    expected %s\n    got      %s" % (
                case, "by name" if by_name else "by id", "on" if ref else "off", direction, expected[:300], got[:300]))  # fmt: skip
    return wrong


def sample(peer: str, cases: List[Any], stride: int) -> List[Any]:
    """Every `stride`-th case, and those that the list names. All with PYFORY_HYPOTHESIS=thorough."""
    if os.environ.get("PYFORY_HYPOTHESIS") == "thorough":
        return cases
    listed = re.compile("|".join("(?:%s)" % d.case for d in DIFFERENCES if d.peer == peer and not d.case.startswith(r"\w")))
    return [case for i, case in enumerate(cases) if i % stride == 0 or listed.match(str(case))]


def unused(peer: str, used: Set[Difference]) -> List[Difference]:
    """Entries of a peer that explained nothing: its defect is gone, or ours is back."""
    return [d for d in DIFFERENCES if d.peer == peer and d not in used]
