"""Which layers the kernels of whole layers take, and in which form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurofer.backends.c import rows
from neurofer.backends.c.plan_arithmetic import Number
from neurofer.backends.c.plan_layout import Layout
from neurofer.backends.c.plan_neuron import Update
from neurofer.backends.c.plan_stages import Buffer, Compute, Constant, Fused, Term, reads
from neurofer.ir import nodes as n
from neurofer.passes.lattice_value import MANTISSA
from neurofer.passes.proof import first

TERMS = 8
"""Most planes that a kernel adds up."""

_PIXELS = 16
"""Output pixels from which on it pays that weights of values are laid out anew in every call."""

_VALUE_WORDS = 2**14
"""Most scratch of a layer of values: the weights of a block, and what a row of outputs reads at all steps."""


def fused(stage: Compute, steps: int, *, small: bool = False) -> Fused | None:
    """Return a stage as one layer and its neurons; None where it is something else.

    A layer reads planes, or one buffer of bytes; it has no groups, and weights of 8 bits or float32. Its neurons have
    no synaptic current, and in integers one leak for all and a gain that is a power of two.
    """
    terms, update, sums = stage.terms, stage.update, stage.bias
    if not isinstance(stage.what, n.Neuron) or update is None or stage.membrane is None:
        return None
    if not isinstance(stage.out, Buffer) or not _one_layer(terms) or not _takes(stage.number, update):
        return None
    weight = terms[0].weight
    if weight is None or weight.type not in ("i8", "f32"):
        return None
    graded = terms[0].source.buffer.type != "bits"
    if not (_takes_values(stage, update, steps) and not small if graded else _same_steps(stage)):
        return None
    if stage.number == "i32":
        update, sums = _with_bias(update, sums, stage.layout.channels), None
    # [y, x, in, out] -> [out, in, y, x]
    packed = rows.pack(weight.values[0].transpose(3, 2, 0, 1), by_row=small or graded)
    return Fused(
        stage.node,
        terms[0].node,
        stage.what,
        stage.arithmetic,
        reads(stage),
        terms[0].window,
        Constant(weight.name, packed.data, "u8" if weight.type == "i8" else "f32"),
        packed.by_column,
        packed.last,
        packed.largest,
        sums,
        update,
        stage.out,
        _scratch(stage, steps, small=small),
        stage.membrane,
        stage.static,
    )


def wide(stage: Compute) -> bool:
    """Whether a stage has integer weights of more than 8 bits, and float32 holds all its sums."""
    weights = [term.weight for term in stage.terms if term.weight is not None]
    bits = stage.arithmetic.bits
    return any(weight.type in ("i16", "i32") for weight in weights) and bits is not None and bits <= MANTISSA + 1


def _scratch(stage: Compute, steps: int, *, small: bool) -> Buffer:
    """Return the room in which a kernel works."""
    one, many = (0, 0) if small else (_words(stage, t) for t in (1, steps))
    name = stage.scratch.name.removesuffix("_drive")
    return Buffer(f"{name}_lists", Layout(1), "bits", room=(max(1, one), max(1, many)))


def _words(stage: Compute, steps: int) -> int:
    source, out, window = reads(stage)[0], stage.layout, stage.terms[0].window
    grid = source.layout
    sizes = rows.Window(
        window.kernel,
        window.stride,
        window.pad,
        window.dilation,
        grid.channels,
        (grid.height, grid.width),
        (out.height, out.width),
    )
    if source.type != "bits":
        return rows.value_words(sizes, source.slots or steps)
    return rows.scratch_words(sizes, steps, len(stage.terms), floats=stage.number == "f32")


def _one_layer(terms: Sequence[Term]) -> bool:
    """Whether the terms are one layer, on planes of the steps that are computed or on bytes."""
    read = [term.source.buffer for term in terms]
    return (
        0 < len(terms) <= TERMS
        and len({(term.node, term.kind) for term in terms}) == 1
        and terms[0].kind == "conv"
        and terms[0].window.groups == 1
        and not any(term.source.delayed for term in terms)
        and (all(buffer.type == "bits" for buffer in read) or [buffer.type for buffer in read] == ["u8"])
        and len({buffer.slots for buffer in read}) == 1
    )


def _same_steps(stage: Compute) -> bool:
    """Whether a stage computes the steps that the planes it reads hold: all, or one where all are the same."""
    return stage.static or reads(stage)[0].slots == 0


def _takes_values(stage: Compute, update: Update, steps: int) -> bool:
    """Whether the kernel of values has such a layer: of small windows without gaps, its neurons alike in all pixels."""
    found = (update.offset, update.theta, update.v_reset, update.delta, update.v_init)
    arrays = [value for value in found if isinstance(value, np.ndarray)]
    return (
        stage.number == "i32"
        and stage.terms[0].window.dilation[1] == 1
        and stage.layout.pixels >= _PIXELS
        and all(len(array) == stage.layout.channels for array in arrays)
        and _words(stage, steps) <= _VALUE_WORDS
    )


def _takes(number: Number, update: Update) -> bool:
    """Whether the kernels have neurons of this kind."""
    if number == "i64" or update.theta is None or update.syn_leak is not None:
        return False
    if number == "f32":
        return True
    leak, gain = update.leak, update.gain
    return isinstance(leak, int) and isinstance(gain, int) and gain >= 1 and gain & (gain - 1) == 0


def _with_bias(update: Update, bias: Constant | None, channels: int) -> Update:
    """Return the step with the layer's bias in its offset."""
    if bias is None:
        return update
    per_channel = bias.values * np.int32(update.gain)
    offset: Any = np.asarray(update.offset, np.int32)
    total = (offset.reshape(-1, channels) + per_channel).astype(np.int32) if offset.ndim else offset + per_channel
    return replace(update, offset=np.ascontiguousarray(total.ravel()))


def forgets(node: n.Node) -> bool:
    """Whether a node spikes where its input, a whole number, is not zero, and remembers nothing."""
    if isinstance(node, n.Threshold):
        return bool((first(node.theta, node.compare, 0) == 1).all())
    if not isinstance(node, n.Neuron) or node.theta is None or node.delta is not None or node.alpha_syn is not None:
        return False
    zero = (node.v_reset, node.v_init, node.offset)
    plain = all(not np.any(value) for value in zero) and np.all(np.asarray(node.gain) == 1.0)
    return bool(plain and (first(node.theta, node.compare, 0) == 1).all())
