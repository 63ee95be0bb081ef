"""Fused layers, as C: what a kernel is told of a layer, its neurons and the planes it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurofer.backends.c.emit_function import Function, Pool
from neurofer.backends.c.emit_neuron import literal
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_neuron import Value
from neurofer.backends.c.plan_stages import C_TYPES, Buffer, Constant, Fused, PoolSpikes


@dataclass
class _Neurons:
    """What a kernel is told of neurons: statements before it, and the initialiser."""

    stage: Fused
    pool: Pool

    def __post_init__(self) -> None:
        self.lines: list[str] = []
        self.number = self.stage.arithmetic.number

    def value(self, name: str, value: Value) -> str:
        """Return the initialiser of a coefficient: a pointer and its strides."""
        kind = C_TYPES[self.number]
        if not isinstance(value, np.ndarray):
            self.lines.append(f"static const {kind} {name} = {literal(value, self.number)};")
            return f"{{&{name}, 0, 0}}"
        channels = self.stage.out.layout.channels
        per_pixel = 0 if len(value) == channels else channels
        return f"{{{self.pool.constant(value, kind)}, 1, {per_pixel}}}"

    def initialiser(self) -> str:
        """Return the initialiser of an nf_neuron_i32 or nf_neuron_f32."""
        u = self.stage.update
        soft = int(u.delta is not None)
        reset = self.value("reset", u.v_reset if u.delta is None else u.delta)
        theta = self.value("theta", 0 if u.theta is None else u.theta)
        start, offset = self.value("v_init", u.v_init), self.value("offset", u.offset)
        if self.number == "i32":
            leak_mul, factor = (int(np.ravel(value)[0]) for value in (u.leak, u.gain))  # one of each: see `plan_fused`
            parts = (leak_mul, u.shift, factor.bit_length() - 1, soft, offset, theta, reset, start)
            return f"{{{', '.join(map(str, parts))}}}"
        leak, gain = self.value("leak", u.leak), self.value("gain", u.gain)
        return f"{{{', '.join(map(str, [soft, leak, gain, offset, theta, reset, start]))}}}"


def fused(stage: Fused, pool: Pool, after: Constant | None) -> Function:
    """Return the function of a fused layer; ``after`` are the weights that the next one reads, fetched ahead."""
    made = stage.arithmetic.number
    pool.kernels.use_layers()
    neurons = _Neurons(stage, pool)
    initialiser = neurons.initialiser()
    read, out, window = stage.sources[0].layout, stage.out.layout, stage.window
    pairs = ", ".join(map(str, (*window.kernel, *window.stride, *window.pad, *window.dilation)))
    data = pool.constant(stage.weight.values, "uint64_t" if made == "i32" else "float")
    bias = "NULL" if stage.sums is None else pool.constant(stage.sums.values, "float")
    ahead = "NULL, 0" if after is None else f"weights + {pool.places[id(after.values)]}, {after.values.nbytes}"
    memory = stage.membrane.name
    values, kernel = ("ints", "i8") if made == "i32" else ("floats", "f32")
    lines = [
        *neurons.lines,
        f"const nf_neuron_{made} neuron = {initialiser};",
        f"const nf_layer layer = {{{_shape(read)}, {_shape(out)},",
        f"                        {pairs}, {int(stage.by_column)}, {stage.last},",
        f"                        {f'{data}, NULL' if made == 'i32' else f'NULL, {data}'}, {bias}, {ahead}}};",
        *_gather(stage.sources),
        f"if ({memory} != NULL && start == 0)",
        f"    for (int32_t pixel = 0; pixel < {out.pixels}; pixel++)",
        f"        nf_start_{values}(&neuron, pixel, 0, {out.channels}, {memory} + (ptrdiff_t)pixel * {out.channels});",
        f"nf_layer_{kernel}(&layer, &neuron, &source, {memory}, {stage.out.name}, {stage.scratch.name});",
    ]
    numbers = "float32" if made == "f32" else f"integers of 2^{-stage.arithmetic.exponent}"
    width = "" if stage.arithmetic.bits is None else f", sums of {stage.arithmetic.bits} bits"
    planes = ", ".join(buffer.name for buffer in stage.sources)
    comment = f"{stage.node} = {stage.what.kind}: {out} of {stage.layer}({planes}); {numbers}{width}"
    reads = tuple(dict.fromkeys(stage.sources))
    writes = (stage.out, stage.scratch)
    return Function(f"stage_{stage.out.name}", comment, lines, reads, (), writes, (), (stage.membrane,))


def pool_spikes(stage: PoolSpikes, pool: Pool) -> Function:
    """Return the function of a max pooling of spikes."""
    pool.kernels.use_file("pool.h")
    numbers = ", ".join(map(str, (*stage.window.kernel, *stage.window.stride, *stage.window.pad)))
    lines = [
        *_gather(stage.sources),
        f"const nf_shape shape = {_shape(stage.out.layout)};",
        f"nf_pool_or(&source, shape, {numbers}, {stage.out.name});",
    ]
    planes = " or ".join(buffer.name for buffer in stage.sources)
    comment = f"{stage.node}: {stage.out.layout}, a spike where a window of {planes} holds one"
    reads = tuple(dict.fromkeys(stage.sources))
    return Function(f"stage_{stage.out.name}", comment, lines, reads=reads, writes=(stage.out,))


def _gather(buffers: Sequence[Buffer]) -> list[str]:
    grid = buffers[0].layout
    planes = ", ".join(buffer.name for buffer in buffers)
    return [
        f"const nf_shape read = {_shape(grid)};",
        f"const uint64_t *const planes[] = {{{planes}}};",
        f"const nf_source source = nf_gather(read, planes, {len(buffers)}, steps);",
    ]


def _shape(grid: Layout) -> str:
    return f"{{{grid.height}, {grid.width}, {grid.channels}, {grid.row}}}"
