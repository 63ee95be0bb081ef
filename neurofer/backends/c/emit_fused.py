"""Fused layers, as C: what a kernel is told of a layer, its neurons and what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from neurofer.backends.c.emit_function import Function, Pool, fields
from neurofer.backends.c.emit_neuron import literal
from neurofer.backends.c.plan_arithmetic import Number
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_neuron import Value
from neurofer.backends.c.plan_stages import C_TYPES, Buffer, Constant, Fused, PoolSpikes

_INTEGERS = ("leak_mul", "leak_shift", "in_shift", "soft", "bias", "theta", "reset", "start", "bits")
_FLOATS = ("soft", "alpha", "gain", "offset", "theta", "reset", "start")
_LAYER = (
    *("in", "out", "kernel_y", "kernel_x", "stride_y", "stride_x", "pad_y", "pad_x", "dilation_y", "dilation_x"),
    *("by_column", "last", "rows", "float_rows", "bias", "next", "next_bytes", "largest"),
)
"""Fields of the kernels' structs (``kernels/types.h``)."""


@dataclass
class _Neurons:
    """What a kernel is told of neurons: their definition, and the constants it points to."""

    stage: Fused
    pool: Pool
    lines: list[str] = field(default_factory=list)

    @property
    def number(self) -> Number:
        """Type of the sums."""
        return self.stage.arithmetic.number

    def value(self, name: str, value: Value) -> str:
        """Return the initialiser of a coefficient: a pointer and its strides."""
        kind = C_TYPES[self.number]
        if not isinstance(value, np.ndarray):
            self.lines.append(f"static const {kind} {name} = {literal(value, self.number)};")
            return f"{{&{name}, 0, 0}}"
        channels = self.stage.out.layout.channels
        per_pixel = 0 if len(value) == channels else channels
        return f"{{{self.pool.constant(value, kind)}, 1, {per_pixel}}}"

    def definition(self) -> str:
        """Return the definition of an nf_neuron_i32 or nf_neuron_f32."""
        u = self.stage.update
        soft = int(u.delta is not None)
        reset = self.value("reset", u.v_reset if u.delta is None else u.delta)
        theta = self.value("theta", 0 if u.theta is None else u.theta)
        start, offset = self.value("v_init", u.v_init), self.value("offset", u.offset)
        if self.number == "i32":
            leak_mul, factor = (int(np.ravel(value)[0]) for value in (u.leak, u.gain))  # one of each: see `plan_fused`
            bits = self.stage.arithmetic.bits
            parts = (leak_mul, u.shift, factor.bit_length() - 1, soft, offset, theta, reset, start, bits)
            return fields("const nf_neuron_i32 neuron", _INTEGERS, parts)
        leak, gain = self.value("leak", u.leak), self.value("gain", u.gain)
        return fields("const nf_neuron_f32 neuron", _FLOATS, (soft, leak, gain, offset, theta, reset, start))


def fused(stage: Fused, pool: Pool, after: Constant | None) -> Function:
    """Return the function of a fused layer; ``after`` are the weights that the next one reads, fetched ahead."""
    made = stage.arithmetic.number
    pool.kernels.use_layers()
    neurons = _Neurons(stage, pool)
    definition = neurons.definition()
    read, out, window = stage.sources[0].layout, stage.out.layout, stage.window
    pairs = (*window.kernel, *window.stride, *window.pad, *window.dilation)
    data = pool.constant(stage.weight.values, "uint64_t" if made == "i32" else "float")
    weights = (data, "NULL") if made == "i32" else ("NULL", data)
    bias = "NULL" if stage.sums is None else pool.constant(stage.sums.values, "float")
    ahead = (0, 0) if after is None else (f"weights + {pool.places[id(after.values)]}", after.values.nbytes)
    layer = (_shape(read), _shape(out), *pairs, int(stage.by_column), stage.last, *weights, bias, *ahead, stage.largest)
    memory = stage.membrane.name
    several = stage.linear and not pool.kernels.small
    values = "ints" if made == "i32" else "floats"
    kernel, sources = _source(stage, pool, several=several)
    lines = [
        *neurons.lines,
        definition,
        fields("const nf_layer layer", _LAYER, layer),
        *sources,
        f"if ({memory} != NULL && start == 0)",
        f"    for (int32_t pixel = 0; pixel < {out.pixels}; pixel++)",
        f"        nf_start_{values}(&neuron, pixel, 0, {out.channels}, {memory} + (ptrdiff_t)pixel * {out.channels});",
        f"nf_layer_{kernel}(&layer, &neuron, &source, {memory}, {stage.out.name}, {stage.scratch.name});",
    ]
    numbers = "float32" if made == "f32" else f"integers of 2^{-stage.arithmetic.exponent}"
    width = "" if stage.arithmetic.bits is None else f", sums of {stage.arithmetic.bits} bits"
    read_from = ", ".join(buffer.name for buffer in stage.sources)
    comment = f"{stage.node} = {stage.what.kind}: {out} of {stage.layer}({read_from}); {numbers}{width}"
    reads = tuple(dict.fromkeys(stage.sources))
    writes = (stage.out, stage.scratch)
    kept = (stage.membrane,)
    return Function(f"stage_{stage.out.name}", comment, lines, reads, (), writes, (), kept, samples=several)


def _source(stage: Fused, pool: Pool, *, several: bool) -> tuple[str, list[str]]:
    """Return which kernel takes a layer, and the definition of the ``source`` that it reads."""
    first = stage.sources[0]
    if first.type == "bits":
        samples = ("samples", "NF_HOP") if several else ("1", "0")
        return "i8" if stage.arithmetic.number == "i32" else "f32", _gather(stage.sources, samples)
    pool.kernels.use_file("layer_values.h")
    hop = 0 if first.slots == 1 else first.hop
    return "values", [f"const nf_values source = {{{first.name}, steps, {hop}}};"]


def pool_spikes(stage: PoolSpikes, pool: Pool) -> Function:
    """Return the function of a max pooling of spikes."""
    pool.kernels.use_file("pool.h")
    numbers = ", ".join(map(str, (*stage.window.kernel, *stage.window.stride, *stage.window.pad)))
    lines = [
        *_gather(stage.sources, ("1", "0")),
        f"const nf_shape shape = {_shape(stage.out.layout)};",
        f"nf_pool_or(&source, shape, {numbers}, {stage.out.name});",
    ]
    planes = " or ".join(buffer.name for buffer in stage.sources)
    comment = f"{stage.node}: {stage.out.layout}, a spike where a window of {planes} holds one"
    reads = tuple(dict.fromkeys(stage.sources))
    return Function(f"stage_{stage.out.name}", comment, lines, reads=reads, writes=(stage.out,))


def _gather(buffers: Sequence[Buffer], samples: tuple[str, str]) -> list[str]:
    grid = buffers[0].layout
    planes = ", ".join(buffer.name for buffer in buffers)
    return [
        f"const nf_shape read = {_shape(grid)};",
        f"const uint64_t *const planes[] = {{{planes}}};",
        f"const nf_source source = nf_gather(read, planes, {len(buffers)}, steps, {', '.join(samples)});",
    ]


def _shape(grid: Layout) -> str:
    return f"{{{grid.height}, {grid.width}, {grid.channels}, {grid.row}}}"
