"""Exchanges files with PyTorch, NumPy and Hugging Face's safetensors library, in both directions.

    pip install torch numpy safetensors
    make exchange                              # or: python tests/reference/exchange.py build/io/exchange
    python tests/reference/exchange.py --write # makes the small files in tests/reference/exchange again

They write; Gradus reads, and writes what it read; they read that. Everything is compared bit for bit, over all element
types, shapes from rank 0 to 8, empty arrays, and memory that is not row-major. Exit code 0: all agree; 1: something differs.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

COMMITTED = Path(__file__).parent / "exchange"
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8, "BOOL": torch.bool,
}
COMPUTED = {"F64": "F64", "F32": "F32", "F16": "F32", "BF16": "F32", "BOOL": "BOOL"}  # and the others I64
NUMPY = {name: str(dtype).removeprefix("torch.") for name, dtype in TYPES.items() if name != "BF16"}
SHAPES = [(), (1,), (7,), (0,), (3, 0, 5), (3, 5), (2, 3, 5, 7), (1, 2, 1, 3, 1, 2, 1, 2)]

checks = 0
failures = []


def agree(what, condition):
    global checks
    checks += 1
    if not condition:
        failures.append(what)
        print(f"DIFFERS: {what}", file=sys.stderr)


# ---- Numbers ---------------------------------------------------------------------------------------


def random_bits(name, shape, seed):
    """A tensor of any bit patterns at all, infinities and NaNs with payloads included."""
    dtype = TYPES[name]
    count, size = int(np.prod(shape)), torch.tensor([], dtype=dtype).element_size()
    data = np.random.default_rng(seed).integers(0, 256, count * size, dtype=np.uint8)
    if name == "BOOL":
        data %= 2
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)


def every_16_bits(name):
    return torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(TYPES[name])


def raw(array):
    """The bytes of a NumPy array or a tensor, row-major."""
    if isinstance(array, torch.Tensor):
        array = array.clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8).numpy()
    return np.ascontiguousarray(array).tobytes()


def same(a, b):
    return a.dtype == b.dtype and tuple(a.shape) == tuple(b.shape) and raw(a) == raw(b)


def same_values(a, b):
    """Bit for bit, but one NaN is as good as another: casting a NaN that traps makes it one that does not."""
    if not a.dtype.is_floating_point:
        return same(a, b)
    nan = torch.isnan(a)
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(nan, torch.isnan(b)) and same(a[~nan], b[~nan])


def layouts(array):
    """The same elements in memory that is not row-major; works for tensors and for NumPy's arrays."""
    reverse = tuple(reversed(range(array.ndim)))
    turn = (lambda a: a.permute(reverse)) if isinstance(array, torch.Tensor) else (lambda a: a.transpose(reverse))
    copy = (lambda a: a.contiguous()) if isinstance(array, torch.Tensor) else (lambda a: a.copy(order="C"))
    yield "transposed", turn(array)
    yield "in Fortran's order", turn(copy(turn(array)))
    if array.ndim:
        yield "every second", array[::2]


# ---- The two sides ---------------------------------------------------------------------------------


class Gradus:
    def __init__(self, program):
        self.program = program

    def __call__(self, command, source, target, *more):
        done = subprocess.run([self.program, command, source, target, *more], capture_output=True, text=True)
        if done.returncode != 0:
            agree(f"gradus {command} {source.name} {' '.join(more)}: {done.stderr.strip()}", False)
        return done.returncode == 0

    def refuses(self, source, target, *more):
        command = "store" if more else "keep"
        done = subprocess.run([self.program, command, source, target, *more], capture_output=True, text=True)
        return done.stderr.strip() if done.returncode == 1 else None


def safetensors_round_trips(gradus, directory):
    theirs, ours = directory / "theirs.safetensors", directory / "ours.safetensors"
    tensors = {f"{name} {list(shape)}": random_bits(name, shape, seed)
               for seed, (name, shape) in enumerate(itertools.product(TYPES, SHAPES))}
    tensors |= {f"every {name}": every_16_bits(name) for name in ("F16", "BF16")}
    for name in TYPES:  # safetensors.torch saves contiguous tensors only, so that is what layouts become
        for how, view in layouts(random_bits(name, (3, 5, 2), 99)):
            tensors[f"{name} {how}"] = view.contiguous()
    tensors['a name with "quotes", \\, \n and \u00e9'] = torch.tensor(0.625)
    metadata = {"note": 'quotes ", \\, a \t tab, \u0001 and \u00e9'}
    safetensors.torch.save_file(tensors, theirs, metadata)

    if gradus("keep", theirs, ours):
        agree("safetensors: their file, read and written again, byte for byte", theirs.read_bytes() == ours.read_bytes())
        with safetensors.safe_open(ours, framework="pt") as file:
            agree("safetensors: metadata", file.metadata() == metadata)
            agree("safetensors: names", sorted(file.keys()) == sorted(tensors))
            for name, tensor in tensors.items():
                agree(f"safetensors: {name}", same(file.get_tensor(name), tensor))
    if gradus("compute", theirs, ours):
        loaded = safetensors.torch.load_file(ours)
        for name, tensor in tensors.items():
            kind = next(kind for kind, dtype in TYPES.items() if dtype == tensor.dtype)
            agree(f"safetensors, cast: {name}", same_values(loaded[name], tensor.to(TYPES[COMPUTED.get(kind, "I64")])))

    arrays = {f"{name} {list(shape)}": random_bits(name, shape, 7).numpy() for name in NUMPY for shape in SHAPES}
    safetensors.numpy.save_file(arrays, theirs)
    if gradus("keep", theirs, ours):
        agree("safetensors of NumPy, byte for byte", theirs.read_bytes() == ours.read_bytes())
        loaded = safetensors.numpy.load_file(ours)
        for name, array in arrays.items():
            agree(f"safetensors of NumPy: {name}", same(loaded[name], array))


def npy_round_trips(gradus, directory):
    theirs, ours, again = (directory / name for name in ("theirs.npy", "ours.npy", "again.npy"))
    for name, shape in itertools.product(NUMPY, SHAPES):
        array = random_bits(name, shape, 3).numpy()
        cases = [("row-major", array), *layouts(array), ("big-endian", array.astype(array.dtype.newbyteorder(">")))]
        cases += [(f"big-endian, {how}", view.astype(view.dtype.newbyteorder(">"), order="K")) for how, view in layouts(array)]
        for how, view in cases:
            for version in [(1, 0), (2, 0), (3, 0)] if how == "row-major" or "Fortran" in how else [(1, 0)]:
                with open(theirs, "wb") as file:
                    np.lib.format.write_array(file, view, version)
                what = f".npy {version[0]}.0 of {name} {list(shape)} {how}"
                if not gradus("keep", theirs, ours):
                    continue
                # NumPy cannot know that "big-endian" bytes have no order; a row-major copy is what Gradus writes.
                np.save(again, np.ascontiguousarray(view, view.dtype.newbyteorder("<")).reshape(view.shape))
                agree(f"{what}: bytes", ours.read_bytes() == again.read_bytes())
                loaded = np.load(ours, allow_pickle=False)
                agree(f"{what}: values", same(loaded, np.ascontiguousarray(view, loaded.dtype).reshape(view.shape)))
    for name in NUMPY:
        array = random_bits(name, (3, 5), 4)
        np.save(theirs, array.numpy())
        if gradus("compute", theirs, ours):
            agree(f".npy, cast: {name}", same_values(torch.from_numpy(np.load(ours)), array.to(TYPES[COMPUTED.get(name, "I64")])))


# ---- Rounding --------------------------------------------------------------------------------------


def hard_to_round():
    """float64 numbers at, beside and between the halfway points of F16, BF16 and F32, and at random."""
    halves = every_16_bits("F16").to(torch.float64), every_16_bits("BF16").to(torch.float64)
    values = []
    for all_values in halves:
        finite = torch.sort(all_values[torch.isfinite(all_values)]).values.numpy()
        middle = (finite[:-1] + finite[1:]) / 2
        values += [finite, middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]
        values += [middle * (1 + 2.0**-30), middle * (1 - 2.0**-30)]  # float32 would make these the middle
    values.append(random_bits("F64", (100_000,), 5).numpy())
    values.append(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.99, 65520, 3.3895e38, 3.4e38, 5e-324]))
    return np.concatenate(values)


def bfloat16_of(values):
    """float64 to BF16 in one rounding: cut off to float32, the last bit set if anything was, then rounded."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = values.astype(np.float32)
        wide = near.astype(np.float64)
        away = np.abs(wide) > np.abs(values)
        near = np.where(away, np.nextafter(near, np.float32(0)), near)
        inexact = near.astype(np.float64) != values
    odd = np.where(inexact & np.isfinite(near), near.view(np.uint32) | 1, near.view(np.uint32)).astype(np.uint32)
    return torch.from_numpy(odd.view(np.float32)).to(torch.bfloat16)


def rounding(gradus, directory):
    theirs, ours = directory / "theirs.npy", directory / "ours.safetensors"
    float64 = hard_to_round()
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        float32 = float64.astype(np.float32)
        expected = {
            (8, "F16"): torch.from_numpy(float64.astype(np.float16)),
            (8, "BF16"): bfloat16_of(float64),
            (8, "F32"): torch.from_numpy(float32),
            (4, "F16"): torch.from_numpy(float32).to(torch.float16),
            (4, "BF16"): torch.from_numpy(float32).to(torch.bfloat16),
            (4, "F64"): torch.from_numpy(float32.astype(np.float64)),
        }
    for (size, name), wanted in expected.items():
        np.save(theirs, float64 if size == 8 else float32)
        if gradus("store", theirs, ours, name):
            agree(f"float{8 * size} to {name}, {len(wanted)} numbers",
                  same_values(safetensors.torch.load_file(ours)["array"], wanted))
    for name in ("F32", "F16", "BF16"):
        whole = random_bits("I64", (10_000,), 6) >> torch.from_numpy(np.arange(10_000) % 64)
        np.save(theirs, whole.numpy())
        # PyTorch goes to F16 and BF16 by way of float32; these numbers are exact in none of them, so round once.
        exact = {"F32": lambda w: w.to(torch.float32), "F16": lambda w: torch.from_numpy(whole_to_half(w)),
                 "BF16": lambda w: whole_to_bfloat16(w)}[name](whole)
        if gradus("store", theirs, ours, name):
            agree(f"int64 to {name}", same_values(safetensors.torch.load_file(ours)["array"], exact))


def sticky(whole):
    """An int64 as a float64 that rounds to anything narrower as the int64 would: its lowest bits become one."""
    magnitude = np.abs(whole.numpy().astype(object))
    short = [m if m < 1 << 50 else (m >> 14 << 14) | ((m & 0x3FFF != 0) << 14) for m in magnitude]
    return np.array([float(s) if w >= 0 else -float(s) for s, w in zip(short, whole.numpy())])


def whole_to_half(whole):
    with np.errstate(over="ignore"):
        return sticky(whole).astype(np.float16)


def whole_to_bfloat16(whole):
    return bfloat16_of(sticky(whole))


def refusals(gradus, directory):
    theirs, ours = directory / "theirs.npy", directory / "ours.safetensors"
    for value, name in [(300, "U8"), (-1, "U16"), (2**31, "I32"), (2, "BOOL"), (0.5, "I64"), (float("nan"), "I8"),
                        (2.0**63, "I64"), (float("inf"), "U32")]:
        np.save(theirs, np.array([[0, 0], [value, 0]]))
        message = gradus.refuses(theirs, ours, name) or "nothing"
        agree(f"{value} as {name}: {message}", "element [1, 0] is" in message and f"which {name} does not hold" in message)
    for what, array in [("objects", np.array([None])), ("structured", np.zeros(2, [("a", "<f4")])),
                        ("complex", np.zeros(2, complex)), ("uint64", np.zeros(2, np.uint64)),
                        ("text", np.array(["a"])), ("dates", np.zeros(2, "<M8[s]"))]:
        np.save(theirs, array, allow_pickle=True)
        agree(f".npy of {what} is refused", gradus.refuses(theirs, ours) is not None)


def hostile(gradus, directory):
    """What Hugging Face's library refuses, Gradus refuses."""
    def header(**entries):
        return json.dumps(entries).encode()

    def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}

    data = bytes(8)
    cases = {
        "not JSON": (b"{", data), "a list": (b"[]", b""), "no offsets": (header(a={"dtype": "F32", "shape": [2]}), data),
        "overlap": (header(a=entry(), b=entry(offsets=(4, 12))), bytes(12)),
        "a gap": (header(a=entry(offsets=(4, 12))), bytes(12)), "trailing bytes": (header(a=entry()), bytes(9)),
        "truncated": (header(a=entry()), bytes(7)), "backwards": (header(a=entry(offsets=(8, 0))), data),
        "wrong size": (header(a=entry(shape=(3,))), data), "negative": (header(a=entry(shape=(-2,))), data),
        "overflow": (header(a=entry(shape=(2**33, 2**33))), data), "a wrong dtype": (header(a=entry(dtype="F31")), data),
        "deep": (b'{"a":' + b"[" * 100_000, b""), "metadata of numbers": (b'{"__metadata__":{"a":1}}', b""),
    }
    theirs, ours = directory / "theirs.safetensors", directory / "ours.safetensors"
    for what, (text, rest) in cases.items():
        theirs.write_bytes(len(text).to_bytes(8, "little") + text + rest)
        try:
            safetensors.numpy.load_file(theirs)
            agree(f"hostile file, {what}: Hugging Face's library accepts it", False)
        except Exception:
            pass
        agree(f"hostile file, {what}, is refused", gradus.refuses(theirs, ours) is not None)


# ---- The files that are committed ------------------------------------------------------------------


def write_committed():
    """Small files whose element i, counted row-major, is (i - 3) / 4 or i - 3, or in masks whether 3 divides i."""
    COMMITTED.mkdir(exist_ok=True)

    def tensor(name, shape):
        i = torch.arange(int(np.prod(shape)), dtype=torch.float64).reshape(shape)
        if name == "BOOL":
            return i % 3 == 0
        return (i if name.startswith("U") else i - 3 if name.startswith("I") else (i - 3) / 4).to(TYPES[name])

    tensors = {f"{name.lower()}_{'x'.join(map(str, shape)) or 'scalar'}": tensor(name, shape)
               for name in TYPES for shape in [(), (0, 3), (3, 5)]}
    tensors["special_f16"] = torch.tensor([0, 0x8000, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01],
                                          dtype=torch.int32).to(torch.uint16).view(torch.float16)
    tensors["special_bf16"] = torch.tensor([0, 0x8000, 1, 0x7F, 0x80, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81],
                                           dtype=torch.int32).to(torch.uint16).view(torch.bfloat16)
    safetensors.torch.save_file(tensors, COMMITTED / "torch.safetensors", {"writer": "safetensors.torch"})
    safetensors.numpy.save_file({name: t.numpy() for name, t in tensors.items() if "bf16" not in name},
                                COMMITTED / "numpy.safetensors")
    for name in NUMPY:
        np.save(COMMITTED / f"{name.lower()}.npy", tensor(name, (3, 5)).numpy())
    float32 = tensor("F32", (2, 3, 5)).numpy()
    np.save(COMMITTED / "scalar.npy", tensor("F64", ()).numpy())
    np.save(COMMITTED / "empty.npy", tensor("F32", (0, 3)).numpy())
    np.save(COMMITTED / "one_axis.npy", tensor("I64", (7,)).numpy())
    np.save(COMMITTED / "fortran.npy", np.asfortranarray(float32))
    np.save(COMMITTED / "big_endian.npy", float32.astype(">f4"))
    np.save(COMMITTED / "big_endian_fortran.npy", np.asfortranarray(tensor("I16", (2, 3, 5)).numpy().astype(">i2")))
    for version in [(2, 0), (3, 0)]:
        with open(COMMITTED / f"version_{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, float32, version)
    files = sorted(COMMITTED.iterdir())
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes in {COMMITTED}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="build/io/exchange")
    parser.add_argument("--write", action="store_true", help="write the committed files again")
    options = parser.parse_args()
    if options.write:
        write_committed()
        return 0
    if not options.program:
        parser.error("which program? build/io/exchange")
    gradus = Gradus(options.program)
    with tempfile.TemporaryDirectory() as directory:
        for part in (safetensors_round_trips, npy_round_trips, rounding, refusals, hostile):
            before = checks
            part(gradus, Path(directory))
            print(f"{part.__name__.replace('_', ' ')}: {checks - before} comparisons")
    print(f"{checks - len(failures)} of {checks} agree, with torch {torch.__version__}, numpy {np.__version__}, "
          f"safetensors {safetensors.__version__}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
