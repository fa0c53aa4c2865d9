"""The kernels as the codecs use them: every tier gives the same bytes and values."""

import random
import struct
from typing import List

import pytest

import pyfory
from pyfory import simd

TIERS = simd.available()


@pytest.fixture(params=TIERS)
def tier(request):
    before = simd.current()
    simd.force(request.param)
    yield request.param
    simd.force(before)


def varint(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    return bytes(out) + bytes([v])


def text_message(encoding, body):
    return bytes.fromhex("01ff15") + varint(len(body) << 2 | encoding) + body


def read(message):
    return pyfory.Fory(xlang=True, ref=False).loads(message)


TEXTS = {
    "ascii": "plain text, ", "latin": "déjà vu où été ", "two": "Ωμέγα שלום ", "cjk": "春眠不覚暁処処聞啼鳥",
    "mixed": "漢字 and ASCII, ", "emoji": "🎉🏳️‍🌈😀👍", "all": "aé漢🎉", "surrogates": "a\ud800漢\udfff",
    "surrogates and emoji": "\udc00🎉\ud800",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_that_peers_send(tier, name):
    for count in [*range(1, 60), 200, 3000]:
        text = (TEXTS[name] * count)[:count]
        utf8 = text.encode("utf-8", "surrogatepass")
        assert read(text_message(2, utf8)) == text
        # two surrogates that meet in UTF-16 are one character
        utf16 = text.encode("utf-16-le", "surrogatepass")
        want = utf16.decode("utf-16-le", "surrogatepass")
        got = read(text_message(1, utf16))
        assert got == want and got.isascii() == want.isascii()
        if max(map(ord, text)) < 256:
            assert read(text_message(0, text.encode("latin-1"))) == text


@pytest.mark.parametrize("name", ["ascii", "latin", "cjk", "emoji", "all"])
def test_text_that_we_write(tier, name):
    fory = pyfory.Fory(xlang=True, ref=False)
    for count in [*range(1, 90), 3000]:
        text = (TEXTS[name] * count)[:count]
        top = max(map(ord, text))
        encoding, codec = (0, "latin-1") if top < 256 else (1, "utf-16-le") if top < 65536 else (2, "utf-8")
        assert fory.dumps(text) == text_message(encoding, text.encode(codec))
        assert fory.loads(fory.dumps([text, "x", text])) == [text, "x", text]


@pytest.mark.parametrize("bad", ["80", "c080", "e08080", "f08080", "f4908080", "f8", "c3", "e6bc", "f09f8e", "c320"])
@pytest.mark.parametrize("before", [0, 1, 30, 63, 64, 200])
def test_malformed_utf8(tier, bad, before):
    with pytest.raises(pyfory.error.ForyInvalidDataError):
        read(text_message(2, b"\xc3\xa9" * before + bytes.fromhex(bad)))


def test_lone_surrogates_are_not_written(tier):
    fory = pyfory.Fory(xlang=True, ref=False)
    for text in ["\ud800", "漢\udfff" * 100, "🎉\ud800", "🎉" * 100 + "\udc00"]:
        with pytest.raises(pyfory.error.ForyInvalidDataError):
            fory.dumps(text)


KINDS = [
    (pyfory.Int32, -(2**31), 2**31 - 1), (pyfory.UInt32, 0, 2**32 - 1), (pyfory.UInt64, 0, 2**64 - 1),
    (pyfory.TaggedInt64, -(2**63), 2**63 - 1), (pyfory.TaggedUInt64, 0, 2**64 - 1), (int, -(2**63), 2**63 - 1),
]


def list_class(kind):
    from dataclasses import dataclass

    @dataclass
    class Row:
        xs: List[kind]

    return Row


@pytest.mark.parametrize(("kind", "low", "high"), KINDS, ids=["vi32", "vu32", "vu64", "ti64", "tu64", "vi64"])
def test_lists_of_integers(kind, low, high):
    rng = random.Random(5)
    cls = list_class(kind)
    messages = {}
    for tier in TIERS:
        simd.force(tier)
        try:
            rng.seed(5)
            fory = pyfory.Fory(xlang=True, ref=False)
            fory.register(cls, type_id=50)
            for n in [*range(20), 100, 511, 512, 513, 2000]:
                values = [min(max(rng.randrange(-(1 << bits), 1 << bits), low), high)
                          for bits in (rng.randrange(65) for _ in range(n))]
                values[n // 2:n // 2] = [low, high, 0]
                data = fory.dumps(cls(values))
                assert messages.setdefault(n, data) == data
                assert fory.loads(data).xs == values
                for cut in range(1, 12):
                    with pytest.raises(pyfory.error.ForyError):
                        fory.loads(data[:-cut])
            with pytest.raises(pyfory.error.ForyError) as caught:
                fory.dumps(cls([1] * 600 + [high + 1]))
            assert "xs[600]" in str(caught.value)
        finally:
            simd.force(TIERS[-1])


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_numbers_by_index_among_plain_ones():
    cls = list_class(pyfory.Int32)
    fory = pyfory.Fory(xlang=True, ref=False)
    fory.register(cls, type_id=50)
    values = [5] * 300 + [Index(-7)] + [2**20] * 300 + [True]
    assert fory.loads(fory.dumps(cls(values))).xs == [5] * 300 + [-7] + [2**20] * 300 + [1]


@pytest.mark.parametrize("kind", [pyfory.Float16, pyfory.BFloat16], ids=["float16", "bfloat16"])
def test_lists_of_half_floats(tier, kind):
    cls = list_class(kind)
    fory = pyfory.Fory(xlang=True, ref=False)
    fory.register(cls, type_id=50)
    rng = random.Random(6)
    for n in [0, 1, 7, 8, 511, 512, 1025]:
        values = [rng.uniform(-100, 100) for _ in range(n)]
        values[n // 2:n // 2] = [0.0, -0.0, float("inf"), 3]
        one = [fory.loads(fory.dumps(cls([v]))).xs[0] for v in values]
        assert [struct.pack("<d", v) for v in fory.loads(fory.dumps(cls(values))).xs] == [struct.pack("<d", v) for v in one]


def test_half_arrays_and_numpy(tier):
    np = pytest.importorskip("numpy")
    patterns = np.arange(65536, dtype=np.uint16)
    halves = pyfory.Float16Array.from_buffer(patterns)
    wanted = patterns.view(np.float16)
    number = ~np.isnan(wanted)
    for dtype in (np.float32, np.float64):
        got = halves.to_numpy(dtype)
        assert got.dtype == dtype and (got[number] == wanted[number].astype(dtype)).all()
        assert np.isnan(got[~number]).all()
        back = pyfory.Float16Array.from_values(got)
        assert (np.frombuffer(bytes(back), np.uint16)[number] == patterns[number]).all()
    assert halves.to_numpy().dtype == np.float16 and halves.to_numpy().base is not None

    brain = pyfory.BFloat16Array.from_buffer(patterns)
    wanted = (patterns.astype(np.uint32) << 16).view(np.float32)
    number = ~np.isnan(wanted)
    for dtype in (np.float32, np.float64):
        got = brain.to_numpy(dtype)
        assert got.dtype == dtype and (got[number] == wanted[number]).all() and np.isnan(got[~number]).all()
        back = pyfory.BFloat16Array(got)
        assert (np.frombuffer(bytes(back), np.uint16)[number] == patterns[number]).all()

    floats = np.array([1.0, 1 / 3, 65519.999, 65520.0, 2.0**-25, 1e-8, 1 + 2.0**-11 + 2.0**-40])
    assert bytes(pyfory.Float16Array(floats)) == bytes(pyfory.Float16Array(floats.tolist()))
    assert bytes(pyfory.BFloat16Array(floats)) == bytes(pyfory.BFloat16Array(floats.tolist()))
    assert bytes(pyfory.Float16Array(floats[::2])) == bytes(pyfory.Float16Array(floats[::2].tolist()))
    with pytest.raises(TypeError):
        halves._widen_into(np.empty(3, np.float32))


def test_show_runtime(capsys, monkeypatch):
    monkeypatch.setenv("PYFORY_SIMD", "scalar")
    assert pyfory.show_runtime() is None
    lines = dict(line.split(maxsplit=1) if line.startswith(("pyfory", "module", "platform")) else
                 (line[:20].strip(), line[20:]) for line in capsys.readouterr().out.splitlines())
    assert lines["pyfory"] == pyfory.__version__
    assert lines["kernels in use"] == simd.current() + " (PYFORY_SIMD=scalar)"
    assert lines["kernels available"] == ", ".join(TIERS)
    assert "GIL" in lines["Python build"] and "endian" in lines["Python build"]
    assert {"NumPy (optional)", "PyArrow (optional)", "pandas (optional)"} <= set(lines)


def test_tiers():
    assert TIERS[0] == "scalar" and simd.current() in TIERS
    with pytest.raises(ValueError):
        simd.force("mmx")
