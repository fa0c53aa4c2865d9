"""Damages recorded payloads and reads them; run by test_bad_input.py in a
process of its own:  mutations.py FILE COUNT

Prints one JSON object: what was tried, what went wrong, and how far the
memory of the process grew.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import zlib
from typing import Any, Dict, Iterator, List

import support  # noqa: F401  (same set-up as the other tests)
from golden import cases as golden
from pyfory.error import ForyError

INTERESTING = [0x00, 0x01, 0x02, 0x04, 0x08, 0x0F, 0x10, 0x16, 0x18, 0x1C, 0x1E, 0x24, 0x7F, 0x80, 0xFD, 0xFE, 0xFF]
MAX_PROBLEMS = 20


def peak_kib() -> int:
    """Largest resident size so far."""
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size // 1024 if sys.platform == "darwin" else size


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            # most of the structure of a large payload is near its start
            limit = len(copy) if chance.random() < 0.5 else min(len(copy), 64)
            at = chance.randrange(limit) if limit else 0
            what = chance.randrange(7)
            if what == 0 and copy:
                copy[at] ^= 1 << chance.randrange(8)
            elif what == 1 and copy:
                copy[at] = chance.randrange(256)
            elif what == 2 and copy:
                copy[at] = chance.choice(INTERESTING)
            elif what == 3:
                copy[at:at] = bytes(chance.choice(INTERESTING) for _ in range(chance.randrange(1, 5)))
            elif what == 4:
                del copy[at:at + chance.randrange(1, 5)]
            elif what == 5 and copy:
                source = chance.randrange(len(copy))
                copy[at:at] = copy[source:source + chance.randrange(1, 12)]
            elif copy:
                copy[at:at + 5] = b"\xff\xff\xff\xff\x0f"
        yield bytes(copy)


def groups(file: str) -> Dict[tuple, Any]:
    """One case for each distinct payload and reader."""
    table = golden.CASES if file.startswith("pyfory") else golden.peer_cases(file)
    result: Dict[tuple, Any] = {}
    for case in table.values():
        if case.data is None or (case.needs_numpy and golden.numpy is None):
            continue
        key = (case.data, repr(sorted(case.reader_config.items())), repr(case.reader_register))
        result.setdefault(key, case)
    return result


def main(file: str, count: int) -> Dict[str, Any]:
    problems: List[str] = []
    tried = accepted = 0
    todo = list(groups(file).values())
    for case in todo[::40]:
        try:
            case.reader().deserialize(case.data)
        except ForyError:
            pass
    gc.collect()
    start, started = peak_kib(), time.time()

    def attempt(reader: Any, payload: Any, case: Any, how: str) -> None:
        nonlocal tried, accepted
        tried += 1
        try:
            reader.deserialize(payload)
            accepted += 1
        except ForyError:
            pass
        except BaseException as error:
            if len(problems) < MAX_PROBLEMS:
                problems.append("%s, %s: %s: %.200s [%s]" % (
                    case.name, how, type(error).__name__, error, bytes(payload[:200]).hex()))

    for case in todo:
        data = case.data
        try:
            reader = case.reader()
        except ForyError:
            continue
        view = memoryview(data)
        # every byte; of texts and arrays of 70,000 bytes the inner part in steps
        cuts = range(len(data)) if len(data) <= 4096 else list(range(1024)) + list(range(1024, len(data), 61))
        for n in cuts:
            attempt(reader, view[:n], case, "cut at %d" % n)
        edits = count if len(data) <= 4096 else max(20, count // 10)
        for n, payload in enumerate(damaged(data, edits, zlib.crc32(case.name.encode()))):
            attempt(reader, payload, case, "mutation %d" % n)
        try:
            good = reader.deserialize(data)
        except ForyError as error:
            if case.upstream_error is None and case.name not in golden.DIFFERENCES:
                problems.append("%s is unreadable afterwards: %s" % (case.name, error))
        except BaseException as error:
            problems.append("%s afterwards: %s: %s" % (case.name, type(error).__name__, error))
        else:
            del good
        if len(problems) >= MAX_PROBLEMS:
            break
    return {
        "payloads": len(todo), "tried": tried, "accepted": accepted, "problems": problems,
        "grown_mib": (peak_kib() - start) / 1024, "seconds": time.time() - started,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
