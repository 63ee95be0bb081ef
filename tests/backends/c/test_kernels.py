"""Every kernel in every build, against sums of numpy in int64 and float32."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurofer.backends.c import rows
from tests.backends.c import kernel_calls as k

Array = NDArray[Any]

_BUILDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "native": ("gcc", ("-march=native",)),
    "avx2": ("gcc", ("-mavx2",)),
    "threads": ("gcc", ("-mavx2", "-fopenmp", "-DNF_SHARED=0")),
    "undefined": ("gcc", ("-march=native", "-fsanitize=undefined", "-fno-sanitize-recover")),
    "plain": ("gcc", ("-DNEUROFER_PLAIN",)),
    "sse2-clang": ("clang-14", ("-msse2",)),
    "native-clang": ("clang-14", ("-march=native",)),
    "avx2-clang": ("clang-14", ("-mavx2",)),
}


_RARE = ("undefined", "native-clang", "avx2-clang")
"""Builds whose tests are among the slow ones: their code is that of others, by another compiler or under watch."""


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name in _RARE)) for name in _BUILDS])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> k.Kernels:
    compiler, flags = _BUILDS[request.param]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    return k.build(_folder(tmp_path_factory), compiler, flags)


def _folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "kernels"
    folder.mkdir(exist_ok=True)
    return folder


_GUARD, _UNTOUCHED = 64, np.uint64(0xA5A5A5A5A5A5A5A5)
"""Words behind the scratch, and what they hold before and after."""


def _guarded(words: int) -> Array:
    """Return scratch, and behind it what no kernel may touch."""
    scratch = k.aligned(words + _GUARD)
    scratch[-_GUARD:] = _UNTOUCHED
    return scratch


@dataclass(frozen=True)
class Case:
    """A layer; pairs are (y, x), the image is [channels, height, width].

    Weights are from -largest to largest - 1. The planes behind the first have a density of their own, if one is given.
    Membranes of narrow ones fit 16 bits.
    """

    image: tuple[int, int, int]
    outputs: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    terms: int = 1
    steps: int = 3
    density: float = 0.2
    others: float | None = None
    largest: int = 128
    narrow: bool = False

    @property
    def out(self) -> tuple[int, int, int]:
        reach = [d * (n - 1) + 1 for d, n in zip(self.dilation, self.kernel, strict=True)]
        sizes = zip(self.image[1:], self.pad, reach, self.stride, strict=True)
        height, width = ((n + 2 * p - r) // s + 1 for n, p, r, s in sizes)
        return self.outputs, height, width

    def spikes(self, generator: np.random.Generator) -> list[Array]:
        shape = (self.steps, *self.image)
        others = self.density if self.others is None else self.others
        densities = [self.density] + [others] * (self.terms - 1)
        return [(generator.random(shape) < density).astype(np.uint8) for density in densities]

    def weight(self, generator: np.random.Generator) -> Array:
        """Weights with whole rows of the extremes."""
        low, high = -self.largest, self.largest - 1
        weight = generator.integers(low, high + 1, (self.outputs, self.image[0], *self.kernel)).astype(np.int8)
        weight[generator.random(self.outputs) < 0.2] = low
        weight[generator.random(self.outputs) < 0.2] = high
        return weight

    def layer(self, packed: rows.Rows) -> k.Layer:
        made = k.Layer(k.shape_of(*self.image), k.shape_of(*self.out))
        for name in ("kernel", "stride", "pad", "dilation"):
            made.__setattr__(f"{name}_y", getattr(self, name)[0])
            made.__setattr__(f"{name}_x", getattr(self, name)[1])
        made.by_column, made.last = packed.by_column, packed.last
        made.rows = made.float_rows = packed.data.ctypes.data
        made.next, made.next_bytes = packed.data.ctypes.data, packed.data.nbytes
        made.largest = packed.largest
        return made

    @property
    def window(self) -> rows.Window:
        return rows.Window(
            self.kernel, self.stride, self.pad, self.dilation, self.image[0], self.image[1:], self.out[1:]
        )

    def scratch(self) -> Array:
        words = [rows.scratch_words(self.window, self.steps, self.terms, floats=floats) for floats in (False, True)]
        return _guarded(max(1, *words))

    def windows(self, spikes: Array) -> Array:
        """Return ``[T, H, W, C, ky, kx]``: what each output pixel sees."""
        (ky, kx), (py, px), (sy, sx), (dy, dx) = self.kernel, self.pad, self.stride, self.dilation
        padded = np.pad(spikes, ((0, 0), (0, 0), (py, py), (px, px)))
        reach = (dy * (ky - 1) + 1, dx * (kx - 1) + 1)
        seen = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))
        return seen[:, :, ::sy, ::sx, ::dy, ::dx].transpose(0, 2, 3, 1, 4, 5)

    def sums(self, weight: Array, planes: list[Array]) -> Array:
        """Return the exact sums ``[T, H, W, O]``."""
        total: Array = np.sum(planes, axis=0)
        return np.einsum("thwcyx,ocyx->thwo", self.windows(total).astype(np.int64), weight.astype(np.int64))


_CASES = {
    "64-64": Case((64, 6, 7), 64, steps=6),
    "one word, many": Case((64, 5, 9), 128, terms=3, density=0.6, steps=2),
    "128-64 stride 2": Case((128, 7, 8), 64, stride=(2, 2)),
    "more than 256 spikes": Case((192, 4, 4), 64, density=0.9, terms=2, steps=2),
    "dense": Case((64, 7, 9), 128, terms=2, density=0.4, steps=6),
    "dense, narrow, 8 steps": Case((128, 6, 5), 24, stride=(2, 1), density=0.6, steps=8),
    "dense, dilated, 5 steps": Case((64, 9, 9), 70, (3, 2), (1, 2), (2, 3), (2, 3), terms=3, density=0.3, steps=5),
    "dense image": Case((64, 7, 7), 64, kernel=(7, 7), pad=(0, 0), density=0.5, steps=7),
    "one dense plane": Case((64, 7, 9), 128, density=0.7, steps=6, largest=56),
    "one dense plane of three": Case((64, 9, 8), 64, terms=3, density=0.8, others=0.05, steps=4, largest=56),
    "one dense plane, wide pads": Case(
        (64, 6, 5), 64, (1, 5), pad=(2, 4), density=0.9, terms=2, others=0.03, largest=100
    ),
    "one dense plane, strides": Case(
        (128, 19, 22), 64, (2, 2), (3, 2), (1, 0), density=0.6, terms=2, others=0.02, steps=5, largest=60
    ),
    "one dense plane, dilated": Case(
        (64, 17, 16), 64, (3, 2), (2, 1), (3, 1), (3, 1), density=0.6, steps=7, largest=80
    ),
    "one dense plane, tiles": Case((64, 60, 70), 64, density=0.5, steps=6, terms=2, others=0.04, largest=56),
    "one dense plane, long": Case((64, 3, 4), 64, density=0.7, steps=100, largest=56),
    "down": Case((64, 9, 9), 128, kernel=(1, 1), stride=(2, 2), pad=(0, 0), terms=2),
    "40-10": Case((40, 5, 6), 10),
    "100-70": Case((100, 4, 5), 70, terms=2),
    "stem": Case((2, 21, 23), 64, kernel=(7, 7), stride=(2, 2), pad=(3, 3)),
    "stem, 16 bits": Case((2, 21, 23), 64, kernel=(7, 7), stride=(2, 2), pad=(3, 3), largest=24, narrow=True),
    "colours, 16 bits": Case((3, 12, 9), 100, kernel=(3, 3), terms=2, steps=5, largest=60, narrow=True),
    "stem, sums": Case((2, 11, 40), 48, kernel=(5, 5), pad=(2, 0), terms=3),
    "one channel": Case((1, 12, 12), 16, density=0.5),
    "one row": Case((3, 1, 70), 24, kernel=(1, 9), pad=(0, 4), stride=(1, 2)),
    "dilated down": Case((32, 12, 5), 33, dilation=(2, 1), pad=(2, 1)),
    "dilated": Case((32, 9, 9), 33, dilation=(2, 2), pad=(2, 2)),
    "gaps": Case((16, 8, 11), 20, kernel=(2, 1), stride=(3, 4), pad=(0, 0)),
    "wide pads": Case((64, 3, 3), 64, kernel=(5, 5), pad=(4, 4)),
    "linear": Case((300, 1, 1), 130, kernel=(1, 1), pad=(0, 0), steps=4),
    "linear of an image": Case((24, 6, 6), 60, kernel=(6, 6), pad=(0, 0), steps=5),
    "large linear": Case((1200, 1, 9), 64, kernel=(1, 9), pad=(0, 0), steps=2, density=0.05),
    "linear of channels": Case((128, 12, 12), 70, kernel=(12, 12), pad=(0, 0), steps=9, density=0.1),
    "out of reach": Case((700, 2, 5), 10, kernel=(2, 5), pad=(1, 2), steps=3, terms=2),
    "nothing": Case((64, 4, 4), 64, density=0.0),
    "everything": Case((64, 4, 4), 64, density=1.0),
}


def _reference(
    drive: Array, spec: dict[str, Any], bias: Array, theta: Array, reset: Array, v: Array
) -> tuple[Array, Array]:
    """Run neurons on sums ``[T, H, W, O]``; return the spikes and the last membranes."""
    spikes = []
    for x in drive:
        u = (v >> spec["leak_shift"]) * spec["leak_mul"] + (x << spec["in_shift"]) + bias
        fired = u >= theta
        v = np.where(fired, u - reset if spec["soft"] else reset, u)
        spikes.append(fired)
    return np.array(spikes), v


_NEURONS = {
    "if": {"leak_mul": 1, "leak_shift": 0, "in_shift": 0, "soft": 0},
    "soft": {"leak_mul": 1, "leak_shift": 0, "in_shift": 0, "soft": 1},
    "leaky": {"leak_mul": 3, "leak_shift": 2, "in_shift": 4, "soft": 0},
}


def _neuron(spec: dict[str, Any], *arrays: Array, bits: int = 32) -> k.NeuronInts:
    return k.NeuronInts(*spec.values(), *map(k.values, arrays), bits)


def _bits(*numbers: Array) -> int:
    """Return the width of a signed integer that holds them."""
    return max(int(np.abs(array).max()).bit_length() + 1 for array in numbers)


@pytest.mark.parametrize("kind", _NEURONS)
@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_integer_layers(kernels: k.Kernels, case: Case, kind: str) -> None:
    generator = np.random.default_rng(len(kind) + case.outputs)
    spikes, weight, spec = case.spikes(generator), case.weight(generator), _NEURONS[kind]
    drive = case.sums(weight, spikes)
    size = max(int(np.abs(drive).std()), 1)
    channels = case.outputs
    bias = generator.integers(-size, size + 1, channels).astype(np.int32)
    theta = generator.integers(size // 2, 2 * size + 1, channels).astype(np.int32)
    reset = np.array([size // 3 + 1 if spec["soft"] else -7], np.int32)
    start = generator.integers(-size, size + 1, channels).astype(np.int32)
    planes = [k.to_plane(s) for s in spikes]
    source = k.source_of(planes, (case.steps, *case.image))
    layer, out = case.layer(packed := rows.pack(weight)), np.full(_words(case), 0xFF, np.uint64)
    fresh = np.broadcast_to(start.astype(np.int64), (*case.out[1:], channels))
    expected, last = _reference(drive, spec, bias, theta, reset, fresh)
    # whatever a membrane can be is less than this
    most = np.abs(drive << spec["in_shift"]).sum(axis=0)
    most = most + np.abs(bias) * case.steps + np.abs(start) + np.abs(reset) + theta
    assert kind != "if" or not case.narrow or _bits(most) <= 16
    neuron = _neuron(spec, bias, theta, reset, start, bits=_bits(most))

    scratch = case.scratch()
    kernels("layer_i8", layer, neuron, source, None, out, scratch)
    assert (scratch[-_GUARD:] == _UNTOUCHED).all()
    found = k.from_plane(out, (case.steps, *case.out))
    np.testing.assert_array_equal(found, expected.transpose(0, 3, 1, 2))
    assert packed.data.size

    state = np.ascontiguousarray(fresh.astype(np.int32))
    kernels("layer_i8", layer, neuron, source, state, out, case.scratch())
    np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), found)
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("steps", [1, 3, 65, 192, 193, 384, 385])
@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_scratch_is_as_large_as_the_kernels_ask_for(kernels: k.Kernels, case: Case, steps: int) -> None:
    weight = np.zeros((case.outputs, case.image[0], *case.kernel))
    for floats in (False, True):
        packed = rows.pack(weight.astype(np.float32 if floats else np.int8))
        source = k.source_of([np.zeros(1, np.uint64)] * case.terms, (steps, *case.image))
        asked = kernels("words", case.layer(packed), source, int(floats))
        assert asked <= rows.scratch_words(case.window, steps, case.terms, floats=floats)


@pytest.mark.parametrize("name", [name for name in _CASES if name.startswith("one dense plane")])
def test_a_plane_of_many_spikes_is_looked_up(kernels: k.Kernels, name: str) -> None:
    case, generator = _CASES[name], np.random.default_rng(1)
    planes = [k.to_plane(spikes) for spikes in case.spikes(generator)]
    source = k.source_of(planes, (case.steps, *case.image))
    found = kernels("looked_up", case.layer(rows.pack(case.weight(generator))), source)
    if found == -2:
        pytest.skip("nothing is looked up in this build")
    assert found == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("more", [0, 1])
def test_sums_are_looked_up_as_long_as_they_fit_16_bits(kernels: k.Kernels, more: int, sign: int) -> None:
    case = Case((64, 6, 7), 64, steps=6, density=1.0)
    weight = np.zeros((64, 64 * 9), np.int8)
    weight[5, :258], weight[5, 258] = sign * 127, sign * (1 + more)  # 2^15 - 1, or one more
    weight = weight.reshape(64, 64, 3, 3)
    planes = [k.to_plane(spikes) for spikes in case.spikes(np.random.default_rng(0))]
    source, out = k.source_of(planes, (case.steps, *case.image)), np.zeros(_words(case), np.uint64)
    layer, zero = case.layer(packed := rows.pack(weight)), np.zeros(1, np.int32)
    assert packed.largest == 2**15 - 1 + more
    assert kernels("looked_up", layer, source) in (-2, -1 if more else 0)
    theta = np.array([sign * packed.largest], np.int32)
    kernels("layer_i8", layer, _neuron(_NEURONS["if"], zero, theta, zero, zero), source, None, out, case.scratch())
    drive = case.sums(weight, case.spikes(np.random.default_rng(0)))
    expected, _ = _reference(drive, _NEURONS["if"], zero, theta, zero, np.zeros_like(drive[0]))
    np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), expected.transpose(0, 3, 1, 2))
    assert expected.any()


_LINEAR = {name: case for name, case in _CASES.items() if "linear" in name} | {
    "linear, many spikes": Case((64, 6, 6), 128, kernel=(6, 6), pad=(0, 0), steps=6, density=0.6),
    "linear, planes": Case((128, 4, 20), 64, kernel=(4, 20), pad=(0, 0), steps=3, terms=3, density=0.2),
    "linear, several tiles": Case((256, 2, 24), 40, kernel=(2, 24), pad=(0, 0), steps=12, density=0.7),
    "linear, 70 steps": Case((64, 1, 140), 64, kernel=(1, 140), pad=(0, 0), steps=70, density=0.03),
}


@pytest.mark.parametrize("kind", ["layer_i8", "layer_f32"])
@pytest.mark.parametrize("case", _LINEAR.values(), ids=_LINEAR)
def test_samples_together_are_as_apart(kernels: k.Kernels, case: Case, kind: str) -> None:
    generator, samples = np.random.default_rng(11), 9
    floats = kind == "layer_f32"
    weight = generator.normal(size=(case.outputs, case.image[0], *case.kernel)).astype(np.float32) if floats else None
    packed = rows.pack(case.weight(generator) if weight is None else weight)
    layer, kind_of = case.layer(packed), np.float32 if floats else np.int32
    spread = float(packed.data.astype(np.float64).std()) * math.sqrt(case.density * math.prod(case.image))
    theta = np.full(case.outputs, spread, kind_of)
    zero, one = np.zeros(1, kind_of), np.ones(1, kind_of)
    neuron = (
        k.NeuronFloats(0, *map(k.values, (one, one, zero, theta, zero, zero)))
        if floats
        else _neuron(_NEURONS["if"], zero, theta, zero, zero)
    )
    planes = [[k.to_plane(spikes) for spikes in case.spikes(generator)] for _ in range(samples)]
    sizes = [plane.size for plane in planes[0]]
    begin, words = sum(sizes), _words(case)
    states = np.zeros((samples, begin + words), np.uint64)
    for state, own in zip(states, planes, strict=True):
        state[:begin] = np.concatenate(own)
    starts = np.cumsum([0, *sizes[:-1]])
    source = k.source_of([states[0, start:] for start in starts], (case.steps, *case.image))
    source.samples, source.hop = samples, states.shape[1]
    scratch = case.scratch()
    kernels(kind, layer, neuron, source, None, states[0, begin:], scratch)
    assert (scratch[-_GUARD:] == _UNTOUCHED).all()

    for state, own in zip(states, planes, strict=True):
        alone = np.zeros(words, np.uint64)
        kernels(kind, layer, neuron, k.source_of(own, (case.steps, *case.image)), None, alone, case.scratch())
        np.testing.assert_array_equal(state[begin:], alone)
        assert alone.any()


_IMAGES = {
    "image": Case((1, 9, 11), 128, steps=4),
    "colours": Case((3, 8, 9), 64, (5, 3), (2, 1), (2, 1), steps=2),
    "stem": Case((3, 17, 15), 40, (7, 7), (2, 2), (3, 3)),
    "five channels": Case((5, 6, 5), 70, (2, 2), (1, 2), (0, 1)),
    "130 outputs": Case((2, 5, 6), 130, (1, 1), pad=(0, 0), steps=1),
    "rows apart": Case((4, 9, 6), 64, (3, 2), (2, 1), (1, 0), (3, 1)),
    "one row": Case((3, 1, 40), 24, (1, 9), (1, 2), (0, 4), steps=5),
    "wide pads": Case((2, 3, 2), 64, (5, 5), (3, 2), (6, 7)),
}


@pytest.mark.parametrize("static", [True, False], ids=["static", "moving"])
@pytest.mark.parametrize("kind", _NEURONS)
@pytest.mark.parametrize("case", _IMAGES.values(), ids=_IMAGES)
def test_layers_of_values(kernels: k.Kernels, case: Case, kind: str, static: bool) -> None:
    generator = np.random.default_rng(case.outputs)
    frames = generator.choice(np.array([0, 1, 100, 255], np.uint8), (1 if static else case.steps, *case.image))
    weight, spec = case.weight(generator), _NEURONS[kind]
    drive = np.broadcast_to(case.sums(weight, [frames]), (case.steps, *case.out[1:], case.outputs))
    size = max(int(np.abs(drive).std()), 1)
    bias, theta, start = (generator.integers(-size, 2 * size, case.outputs).astype(np.int32) for _ in range(3))
    reset = np.array([size // 3 + 1 if spec["soft"] else -7], np.int32)
    fresh = np.broadcast_to(start.astype(np.int64), drive.shape[1:])
    expected, last = _reference(drive, spec, bias, theta, reset, fresh)
    assert 0.05 < expected.mean() < 0.95

    moved = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    values = k.ByteValues(moved.ctypes.data, case.steps, 0 if static else moved[0].size)
    layer, neuron = case.layer(packed := rows.pack(weight, by_row=True)), _neuron(spec, bias, theta, reset, start)
    state = np.ascontiguousarray(fresh.astype(np.int32))
    for kept in (None, state):
        scratch = _guarded(rows.value_words(case.window, len(frames)))
        out = np.full(_words(case), 0xFF, np.uint64)
        kernels("values", layer, neuron, values, kept, out, scratch)
        assert (scratch[-_GUARD:] == _UNTOUCHED).all()
        np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), expected.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(state, last)
    assert packed.data.size


def _words(case: Case) -> int:
    channels, height, width = case.out
    return case.steps * height * -(width * channels // -64)


@pytest.mark.parametrize("case", [_CASES["64-64"], _CASES["40-10"], _CASES["stem"]], ids=["64-64", "40-10", "stem"])
def test_a_value_of_each_neuron(kernels: k.Kernels, case: Case) -> None:
    generator = np.random.default_rng(5)
    spikes, weight = case.spikes(generator), case.weight(generator)
    drive = case.sums(weight, spikes)
    pixels = case.out[1] * case.out[2]
    theta = generator.integers(1, 2 * int(drive.std()), (pixels, case.outputs)).astype(np.int32)
    zero = np.zeros(1, np.int32)
    spec = _NEURONS["if"]
    shaped = theta.reshape(*case.out[1:], case.outputs)
    expected, _ = _reference(drive, spec, zero, shaped, zero, np.zeros_like(drive[0]))
    planes = [k.to_plane(s) for s in spikes]
    source, out = k.source_of(planes, (case.steps, *case.image)), np.zeros(_words(case), np.uint64)
    packed = rows.pack(weight)
    neuron = _neuron(spec, zero, theta, zero, zero)
    kernels("layer_i8", case.layer(packed), neuron, source, None, out, case.scratch())
    np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), expected.transpose(0, 3, 1, 2))


def _float_sums(case: Case, weight: Array, planes: list[Array], bias: Array, by_column: bool) -> Array:
    """Return float32 sums ``[T, H, W, O]`` in the order that is promised."""
    windows = np.stack([case.windows(plane) for plane in planes])  # [term, T, H, W, C, ky, kx]
    order = (6, 5, 0, 4) if by_column else (5, 6, 0, 4)
    terms = windows.transpose(*order, 1, 2, 3)  # [kx, ky, term, C, T, H, W]
    sums = np.zeros((*windows.shape[1:4], case.outputs), np.float32)
    for index in np.ndindex(*terms.shape[:4]):
        (first, second), channel = index[:2], index[3]
        kernel = (second, first) if by_column else (first, second)
        row = weight[:, channel, kernel[0], kernel[1]]
        seen = terms[index].astype(bool)
        sums[seen] = (sums[seen] + row).astype(np.float32)
    return (sums + bias).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["64-64", "100-70", "stem, sums", "40-10", "linear", "dilated", "out of reach", "one word, many"]
)
def test_float_layers(kernels: k.Kernels, name: str) -> None:
    case, generator = _CASES[name], np.random.default_rng(7)
    spikes = case.spikes(generator)
    weight = generator.normal(size=(case.outputs, case.image[0], *case.kernel)).astype(np.float32)
    bias = generator.normal(size=case.outputs).astype(np.float32)
    packed = rows.pack(weight)
    layer = case.layer(packed)
    layer.bias = bias.ctypes.data
    drive = _float_sums(case, weight, spikes, bias, packed.by_column)
    theta = np.abs(generator.normal(size=case.outputs) * drive.std()).astype(np.float32)
    alpha, gain, offset, reset, start = (np.array([x], np.float32) for x in (0.7, 1.3, 0.1, 0.2, -0.3))
    v = np.broadcast_to(start, drive.shape[1:]).astype(np.float32)
    first = v.copy()
    expected = []
    for x in drive:
        u = ((alpha * v + gain * x) + offset).astype(np.float32)
        expected.append(u >= theta)
        v = np.where(expected[-1], reset, u).astype(np.float32)
    neuron = k.NeuronFloats(0, *map(k.values, (alpha, gain, offset, theta, reset, start)))
    planes = [k.to_plane(s) for s in spikes]
    source, out = k.source_of(planes, (case.steps, *case.image)), np.full(_words(case), 0xFF, np.uint64)
    kernels("layer_f32", layer, neuron, source, None, out, case.scratch())
    np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), np.array(expected).transpose(0, 3, 1, 2))
    kernels("layer_f32", layer, neuron, source, first, out, case.scratch())
    np.testing.assert_array_equal(first, v)


@pytest.mark.parametrize("channels", [2, 64, 100, 128])
@pytest.mark.parametrize("terms", [1, 2])
def test_max_pooling(kernels: k.Kernels, channels: int, terms: int) -> None:
    generator = np.random.default_rng(2)
    case = Case((channels, 9, 8), channels, (3, 2), (2, 2), (1, 0), terms=terms)
    spikes = case.spikes(generator)
    planes = [k.to_plane(s) for s in spikes]
    out = np.full(_words(case), 0xFF, np.uint64)
    sizes = np.array([3, 2, 2, 2, 1, 0], np.int32)
    kernels("pool", k.source_of(planes, (case.steps, *case.image)), k.shape_of(*case.out), sizes, out)
    expected = case.windows(np.maximum.reduce(spikes)).max(axis=(4, 5)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(k.from_plane(out, (case.steps, *case.out)), expected)
