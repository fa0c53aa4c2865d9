"""``python -m benchmarks.kernels [--quick]``: every kernel of every tier, beside memcpy and the libraries at hand.

Builds ``bench.c`` with CMake (in build/kernels-bench), runs it, times NumPy, CPython's
codecs and ``array`` on the same data sizes, and writes ``results/kernels.json`` and the
figures of ``docs/kernels.md``.
"""

import argparse
import array
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "kernels-bench"
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "kernels.md"
TIERS = ("scalar", "baseline", "avx2", "avx512")
SMALL, LARGE = 256 << 10, 64 << 20

Key = Tuple[str, str, str, str]  # group, kernel, data, place
Figures = Dict[str, Dict[str, float]]  # tier or library -> ns and gbs


def _build(simde: Optional[str]) -> Path:
    """Compiles the C program. Raises CalledProcessError with the compiler's output on stderr."""
    command = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-DPYFORY_BUILD_BENCHMARKS=ON"]
    if simde:
        command.append("-DPYFORY_SIMDE_DIR=" + simde)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(BUILD), "--target", "bench_kernels"], check=True, stdout=subprocess.DEVNULL)
    return BUILD / "bench_kernels"


def _run_kernels(program: Path, quick: bool) -> Dict[Key, Figures]:
    output = subprocess.run([str(program)] + (["--quick"] if quick else []), check=True, stdout=subprocess.PIPE,
                            universal_newlines=True).stdout
    table: Dict[Key, Figures] = {}
    for line in output.splitlines():
        r = json.loads(line)
        table.setdefault((r["group"], r["kernel"], r["data"], r["place"]), {})[r["tier"]] = {"ns": r["ns"], "gbs": r["gbs"]}
    return table


# ---- libraries ------------------------------------------------------------------------


def _best(action: Callable[[], Any], elements: int, quick: bool) -> float:
    """ns per element: the best of several rounds of CPU time."""
    action()
    start = time.process_time()
    action()
    once = max(time.process_time() - start, 1e-7)
    rounds, repeats = (3, max(1, int(0.002 / once))) if quick else (9, max(1, int(0.006 / once)))
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            action()
        best = min(best, (time.process_time() - start) / repeats)
    return best * 1e9 / elements


def _text(style: str, count: int) -> str:
    rng = random.Random(3)
    if style == "Latin-1 text":
        return "".join(chr(rng.randrange(32, 127) if rng.randrange(12) else rng.randrange(0xC0, 0x100)) for _ in range(count))
    if style == "CJK":
        return "".join(map(chr, rng.choices(range(0x4E00, 0x9E00), k=count)))
    if style == "CJK and ASCII":
        return "".join(chr(rng.randrange(0x4E00, 0x9E00) if rng.randrange(3) else rng.randrange(32, 127)) for _ in range(count))
    return "".join(chr(rng.randrange(0x4E00, 0x9E00) if rng.randrange(6) else rng.randrange(0x1F300, 0x1F600)) for _ in range(count))


def _codecs(table: Dict[Key, Figures], quick: bool) -> None:
    data = bytes(SMALL)
    _add(table, ("text", "is_ascii", "ASCII", "cache"), "bytes.isascii", _best(data[:SMALL // 4].isascii, SMALL // 4, quick), 1)
    data = bytes(LARGE)
    _add(table, ("text", "is_ascii", "ASCII", "memory"), "bytes.isascii", _best(data.isascii, LARGE, quick), 1)
    for style in ("Latin-1 text", "CJK", "CJK and ASCII", "emoji and CJK"):
        count = SMALL // 4 // (1 if style.startswith("Latin") else 4 if style.startswith("emoji") else 2)
        text = _text(style, count)
        utf8 = text.encode()
        traffic = (len(utf8) + count * (1 if style.startswith("Latin") else 4 if style.startswith("emoji") else 2)) / count
        read, write = {"Latin-1 text": ("utf8_to_u1", "u1_to_utf8"), "emoji and CJK": ("utf8_to_u4", "u4_to_utf8")}.get(
            style, ("utf8_scan + utf8_to_u2", "u2_scan + u2_to_utf8"))
        _add(table, ("text", read, style, "cache"), "CPython's codec", _best(utf8.decode, count, quick), traffic)
        _add(table, ("text", write, style, "cache"), "CPython's codec", _best(lambda: text.encode("utf-8"), count, quick), traffic)
        if style.startswith("CJK"):
            utf16 = text.encode("utf-16-le")
            key = ("text", "utf16_has_surrogate + utf16_or + memcpy", style, "cache")
            scans = [table["text", name, style, "cache"] for name in ("utf16_has_surrogate", "utf16_or")]
            copy = table["memcpy", "memcpy", "bytes", "cache"]
            for tier in [tier for tier in TIERS if tier in copy]:
                ns = sum(scan[tier]["ns"] for scan in scans) + 2 * copy[tier]["ns"]
                table.setdefault(key, {})[tier] = {"ns": ns, "gbs": 4 / ns}
            _add(table, key, "CPython's codec", _best(lambda: utf16.decode("utf-16-le"), count, quick), 4)


def _numpy(table: Dict[Key, Figures], quick: bool) -> None:
    try:
        import numpy as np
    except ImportError:
        print("NumPy is not installed: its columns stay empty", file=sys.stderr)
        return
    rng = np.random.default_rng(4)
    for place, size in (("cache", SMALL), ("memory", LARGE)):
        n = size // 8
        wide = rng.uniform(-100, 100, n)
        for source, target in (("f4", "f2"), ("f8", "f2"), ("f2", "f4"), ("f2", "f8")):
            data, out = wide.astype(source), np.empty(n, target)
            name = "f{}_to_f{}".format(8 * int(source[1]), 8 * int(target[1]))
            _add(table, ("half", name, "normal", place), "NumPy astype", _best(lambda: np.copyto(out, data), n, quick),
                 int(source[1]) + int(target[1]))
    n = SMALL // 2
    flags = rng.integers(0, 2, n).astype(np.uint8)
    bits = np.packbits(flags, bitorder="little")
    _add(table, ("bits", "bool_to_bits", "random", "cache"), "NumPy packbits",
         _best(lambda: np.packbits(flags, bitorder="little"), n, quick), 9 / 8)
    _add(table, ("bits", "bits_to_bool", "random", "cache"), "NumPy unpackbits",
         _best(lambda: np.unpackbits(bits, bitorder="little"), n, quick), 9 / 8)
    for width in (2, 4, 8):
        values = np.frombuffer(flags.tobytes(), "u%d" % width).copy()
        _add(table, ("swap", "swap%d" % (8 * width), "random", "cache"), "NumPy byteswap",
             _best(lambda: values.byteswap(True), len(values), quick), 2 * width)
        typed = array.array({2: "H", 4: "I", 8: "Q"}[width], flags.tobytes())
        _add(table, ("swap", "swap%d" % (8 * width), "random", "cache"), "array.byteswap",
             _best(typed.byteswap, len(typed), quick), 2 * width)
    layout = [("nulls", "u8")] + [("c%d" % i, "u%d" % w, 1) if w == 8 else ("c%d" % i, "u%d" % w) for i, w in enumerate(
        (8, 8, 4, 8, 1, 4, 8, 2, 8, 4, 8, 1))]
    for place, size in (("cache", SMALL), ("memory", LARGE)):
        rows = size // 104
        dtype = np.dtype({"names": [item[0] for item in layout], "formats": [item[1] for item in layout],
                          "offsets": [8 * i for i in range(13)], "itemsize": 104})
        data = np.zeros(rows, dtype)
        names = [item[0] for item in layout[1:]]

        def columns() -> None:
            for i, name in enumerate(names):
                np.ascontiguousarray(data[name])
                np.packbits((data["nulls"] >> np.uint64(i) & np.uint64(1)).astype(np.uint8), bitorder="little")

        _add(table, ("rows", "gather_fixed", "12 columns, 1 in 50 null", place), "NumPy structured",
             _best(columns, rows * 12, quick), 104 / 12)


def _add(table: Dict[Key, Figures], key: Key, library: str, ns: float, traffic: float) -> None:
    table.setdefault(key, {})[library] = {"ns": ns, "gbs": traffic / ns}


# ---- report ------------------------------------------------------------------------------


def _banner(quick: bool) -> str:
    model = ""
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = found.group(1) + ", " if found else ""
    except OSError:
        pass
    compiler = "?"
    cache = BUILD / "CMakeCache.txt"
    found = re.search(r"^CMAKE_C_COMPILER:[A-Z]+=(.*)$", cache.read_text(), re.M) if cache.exists() else None
    if found:
        compiler = subprocess.run([found.group(1), "--version"], stdout=subprocess.PIPE, universal_newlines=True).stdout.splitlines()[0]
    try:
        import numpy

        libraries = "NumPy " + numpy.__version__
    except ImportError:
        libraries = "without NumPy"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return "{}, {}{} cores, {} {}; {}; CPython {}, {}; load average {:.1f}{}.".format(
        time.strftime("%Y-%m-%d", time.gmtime()), model, os.cpu_count(), platform.system(), platform.machine(), compiler,
        platform.python_version(), libraries, load, "; quick run" if quick else "")


def _ours(figures: Figures) -> Figures:
    return {tier: figures[tier] for tier in TIERS if tier in figures}


def _top(figures: Figures) -> Dict[str, float]:
    """The figures of the highest tier: what runs unless another tier is forced."""
    return list(_ours(figures).values())[-1]


def goals(table: Dict[Key, Figures]) -> List[Tuple[str, str, float, Optional[float]]]:
    """(what, how it is measured, figure, least wanted; None: no goal, but worth knowing)."""
    copy = {place: _top(table["memcpy", "memcpy", "bytes", place])["gbs"] for place in ("cache", "memory")}
    result: List[Tuple[str, str, float, Optional[float]]] = []

    def ratio(what: str, key: Key, other: float, least: Optional[float], how: str) -> None:
        result.append((what, how, other / _top(table[key])["ns"], least))

    for name in ("f32_to_f16", "f16_to_f32"):
        key = ("half", name, "normal", "cache")
        ratio(name, key, table[key]["scalar"]["ns"], 8, "times the scalar body")
    for name in ("f32_to_bf16", "bf16_to_f32"):
        plain = table["half", name + " as a plain loop", "normal", "cache"]
        ratio(name, ("half", name, "normal", "cache"), min(v["ns"] for v in plain.values()), 1, "times the compiler's vectors")
    for name in ("f32_to_f16", "f16_to_f32", "f32_to_bf16", "bf16_to_f32"):
        result.append((name, "of memcpy's bandwidth, out of cache", _top(table["half", name, "normal", "memory"])["gbs"] / copy["memory"], 0.5))
    for place in ("cache", "memory"):
        # memcpy's figure counts each byte twice
        result.append(("ASCII scan", "of memcpy's bytes per second, " + place,
                       _top(table["text", "is_ascii", "ASCII", place])["gbs"] / (copy[place] / 2), 0.8))
    for style in ("CJK", "CJK and ASCII"):
        for name, what in (("utf8_scan + utf8_to_u2", "UTF-8 to UTF-16"), ("u2_scan + u2_to_utf8", "UTF-16 to UTF-8")):
            key = ("text", name, style, "cache")
            ratio("{} of {}".format(what, style), key, table[key]["CPython's codec"]["ns"], 3 if style == "CJK" else None,
                  "times CPython's codec")
    for name in ("encode_vi64", "decode_vi64", "encode_vu64", "decode_vu64", "encode_vi32", "decode_vi32", "encode_vu32", "decode_vu32"):
        key = ("varint", name, "1-2 bytes", "cache")
        ratio(name + ", 1-2 bytes", key, table[key]["scalar"]["ns"], 4, "times the scalar loop")
    for place in ("cache", "memory"):
        for data in ("12 columns, no nulls", "12 columns, 1 in 50 null"):
            cells = table["rows", "cell by cell through an accessor", data, place]
            ratio("columns out of rows, {}, {}".format(data, place), ("rows", "gather_fixed", data, place),
                  min(v["ns"] for v in cells.values()), 4 if place == "cache" else None, "times a C call per cell")
    return result


def report(table: Dict[Key, Figures], banner: str) -> str:
    """The Markdown of the figures."""
    lines = [banner, "", "| goal | measured as | figure | wanted |", "|---|---|---:|---:|"]
    for what, how, figure, least in goals(table):
        missed = least is not None and figure < least
        lines.append("| {} | {} | {:.2f}{} | {} |".format(what, how, figure, " **missed**" if missed else "", least or "-"))
    tiers = [tier for tier in TIERS if any(tier in figures for figures in table.values())]
    lines += ["", "Nanoseconds per element (a number, a character, a byte of text, a cell), then GB/s read and written by the highest tier.", "",
              "| kernel | data | where | {} | times scalar | GB/s | library |".format(" | ".join(tiers)),
              "|---|---|---|{}---:|---:|---|".format("---:|" * len(tiers))]
    for (_, kernel, data, place), figures in table.items():
        ours = _ours(figures)
        best = _top(figures)
        library = ", ".join("{} {:.3g}".format(name, v["ns"]) for name, v in figures.items() if name not in TIERS)
        lines.append("| {} | {} | {} | {} | {:.1f} | {:.3g} | {} |".format(
            kernel, data, place, " | ".join("{:.3g}".format(ours[t]["ns"]) if t in ours else "-" for t in tiers),
            ours["scalar"]["ns"] / best["ns"], best["gbs"], library))
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs everything, prints the report, writes the result files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the time; nothing is written")
    parser.add_argument("--simde", help="folder that holds simde/x86/sse2.h, where the build does not find it")
    options = parser.parse_args()
    table = _run_kernels(_build(options.simde), options.quick)
    _codecs(table, options.quick)
    _numpy(table, options.quick)
    banner = _banner(options.quick)
    text = report(table, banner)
    print(text)
    if not options.quick:
        RESULTS.mkdir(exist_ok=True)
        records = [dict(zip(("group", "kernel", "data", "place"), key), figures=figures) for key, figures in table.items()]
        (RESULTS / "kernels.json").write_text(json.dumps({"machine": banner, "figures": records}, indent=1) + "\n")
        page = PAGE.read_text(encoding="utf-8")
        head, _, rest = page.partition("<!-- figures -->\n")
        PAGE.write_text(head + "<!-- figures -->\n" + text + "<!-- end of figures -->" + rest.partition("<!-- end of figures -->")[2],
                        encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
