"""The kernels as a shared library, one for each build, and what they are told, as ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.backends.c import rows
from neurofer.backends.c.emit_kernels import kernel_text

Array = NDArray[Any]

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")

INCLUDES = "#include <stdint.h>\n#include <stddef.h>\n#include <string.h>\n"

_CALLS = """
void call_layer_i8(const nf_layer *a, const nf_neuron_i32 *b, const nf_source *c, int32_t *d, uint64_t *e, uint64_t *f);
void call_layer_f32(const nf_layer *a, const nf_neuron_f32 *b, const nf_source *c, float *d, uint64_t *e, uint64_t *f);
void call_values(const nf_layer *a, const nf_neuron_i32 *b, const nf_values *c, int32_t *d, uint64_t *e, uint64_t *f);
void call_pool(const nf_source *a, const nf_shape *b, const int32_t *c, uint64_t *d);
int32_t call_words(const nf_layer *a, const nf_source *b, int32_t floats);
int32_t call_looked_up(const nf_layer *a, const nf_source *b);

void call_layer_i8(const nf_layer *a, const nf_neuron_i32 *b, const nf_source *c, int32_t *d, uint64_t *e, uint64_t *f)
{
    nf_layer_i8(a, b, c, d, e, f);
}
void call_layer_f32(const nf_layer *a, const nf_neuron_f32 *b, const nf_source *c, float *d, uint64_t *e, uint64_t *f)
{
    nf_layer_f32(a, b, c, d, e, f);
}
void call_values(const nf_layer *a, const nf_neuron_i32 *b, const nf_values *c, int32_t *d, uint64_t *e, uint64_t *f)
{
    nf_layer_values(a, b, c, d, e, f);
}
/* Scratch that any kernel which may take the layer asks for. */
int32_t call_words(const nf_layer *a, const nf_source *b, int32_t floats)
{
    int32_t most = 0;
#if NF_BYTES
    if (nf_has_lists(a, b))
        most = nf_tile_words(a, b);
    if (!floats && nf_has_tables(a, b) && nf_tables_words(a, b) > most)
        most = nf_tables_words(a, b);
#endif
#if NF_BYTES == 64
    if (!floats && nf_has_lists(a, b) && nf_has_lookups(a, b) && nf_lookup_words(a, b) > most)
        most = nf_lookup_words(a, b);
    if (!floats && a->by_column && a->in.channels % 64 == 0 && nf_dense_words(a, b) > most)
        most = nf_dense_words(a, b);
#endif
    (void)a, (void)b, (void)floats;
    return most;
}
/* Which plane is looked up: -1 for none, -2 where nothing is. */
int32_t call_looked_up(const nf_layer *a, const nf_source *b)
{
#if NF_BYTES == 64
    const nf_spike_counts counts = nf_count_spikes(b);
    return nf_has_lists(a, b) ? nf_dense_term(a, b, &counts) : -1;
#else
    (void)a, (void)b;
    return -2;
#endif
}
void call_pool(const nf_source *a, const nf_shape *b, const int32_t *c, uint64_t *d)
{
    nf_pool_or(a, *b, c[0], c[1], c[2], c[3], c[4], c[5], d);
}
"""


class Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("height", "width", "channels", "stride")]


class Values(ctypes.Structure):
    _fields_ = [("values", ctypes.c_void_p), ("per_channel", ctypes.c_int32), ("per_pixel", ctypes.c_int32)]


class NeuronInts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("leak_mul", "leak_shift", "in_shift", "soft")] + [
        (name, Values) for name in ("bias", "theta", "reset", "start")
    ]
    _fields_ += [("bits", ctypes.c_int32)]


class NeuronFloats(ctypes.Structure):
    _fields_ = [("soft", ctypes.c_int32)] + [
        (name, Values) for name in ("alpha", "gain", "offset", "theta", "reset", "start")
    ]


class Source(ctypes.Structure):
    _fields_ = [
        ("shape", Shape),
        *((name, ctypes.c_int32) for name in ("terms", "steps", "samples")),
        ("hop", ctypes.c_ssize_t),
        ("planes", ctypes.c_void_p * 8),
    ]


class ByteValues(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_void_p), ("steps", ctypes.c_int32), ("hop", ctypes.c_int32)]


class Layer(ctypes.Structure):
    _fields_ = [
        ("in_", Shape),
        ("out", Shape),
        *((f"{name}_{axis}", ctypes.c_int32) for name in ("kernel", "stride", "pad", "dilation") for axis in "yx"),
        ("by_column", ctypes.c_int32),
        ("last", ctypes.c_int32),
        ("rows", ctypes.c_void_p),
        ("float_rows", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("next_bytes", ctypes.c_int32),
        ("largest", ctypes.c_int32),
    ]


@dataclass(frozen=True)
class Kernels:
    """A build: its library, and arrays that have to live while it works."""

    library: ctypes.CDLL

    def __call__(self, name: str, *arguments: Any) -> int:
        """Call a kernel; arrays and structures go by address. What is returned has a meaning if it is a number in C."""
        found: int = getattr(self.library, f"call_{name}")(*map(_passed, arguments))
        return found


def _passed(value: Any) -> Any:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    return ctypes.c_int32(value)


@lru_cache
def build(folder: Path, compiler: str, flags: tuple[str, ...]) -> Kernels:
    """Compile the kernels with all warnings as errors, and load them."""
    name = folder / "_".join(["kernels", compiler, *flags]).replace("=", "").replace(",", "")
    source = name.with_suffix(".c")
    source.write_text(INCLUDES + rows.kernels() + kernel_text("layer_values.h") + _CALLS, encoding="utf-8")
    command = [compiler, *WARNINGS, "-O2", "-ffp-contract=off", "-shared", "-fPIC", *flags, str(source)]
    subprocess.run([*command, "-o", str(name.with_suffix(".so"))], check=True)
    return Kernels(ctypes.CDLL(str(name.with_suffix(".so"))))


def shape_of(channels: int, height: int, width: int) -> Shape:
    return Shape(height, width, channels, -(width * channels // -64))


def to_plane(spikes: Array) -> Array:
    """Return spikes ``[T, C, H, W]`` as a plane, one word longer than it needs to be."""
    steps, channels, height, width = spikes.shape
    words = -(width * channels // -64)
    bits = np.zeros((steps, height, words * 64), np.uint8)
    bits[:, :, : width * channels] = spikes.transpose(0, 2, 3, 1).reshape(steps, height, -1)
    packed = np.packbits(bits, axis=-1, bitorder="little").view("<u8").ravel()
    return np.append(packed, np.uint64(0))


def from_plane(plane: Array, shape: tuple[int, ...]) -> Array:
    """Return the spikes ``[T, C, H, W]`` of a plane; its padding must be zero."""
    steps, channels, height, width = shape
    words = -(width * channels // -64)
    bits = np.unpackbits(plane[: steps * height * words].view(np.uint8), bitorder="little")
    bits = bits.reshape(steps, height, words * 64)
    assert not bits[:, :, width * channels :].any()
    return bits[:, :, : width * channels].reshape(steps, height, width, channels).transpose(0, 3, 1, 2)


def source_of(planes: Sequence[Array], shape: tuple[int, ...]) -> Source:
    steps, channels, height, width = shape
    found = (ctypes.c_void_p * 8)(*(plane.ctypes.data for plane in planes))
    return Source(shape_of(channels, height, width), len(planes), steps, 1, 0, found)


def values(array: Array) -> Values:
    """Return a scalar (size 1), a value per channel ``[C]`` or per neuron ``[H * W, C]``; the array must live on."""
    if array.size == 1:
        return Values(array.ctypes.data, 0, 0)
    return Values(array.ctypes.data, 1, array.shape[1] if array.ndim == 2 else 0)


def aligned(words: int) -> Array:
    """Return 64-bit words at an address that is a multiple of 64."""
    room = np.zeros(words + 8, np.uint64)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + words]
