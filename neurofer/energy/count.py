"""Operations of a run, counted from its Trace as exact integers.

A synaptic node (Linear, Conv1d, Conv2d) does one accumulation (AC) for every weight that a spike reaches, and one
multiply-accumulation (MAC) for every weight that a real value reaches. A weight is reached where its tap lies inside
the map: taps on padding are not counted, and stride, dilation and groups are followed tap by tap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurofer.energy.signals import Signal, Signals, union
from neurofer.errors import Problem, UsageError
from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Conv1d, Conv2d, Linear, Node, Shape, spikes

Synaptic = Linear | Conv1d | Conv2d
InputClass = Literal["binary", "integer", "code", "real"]


@dataclass(frozen=True)
class Operations:
    """What one synaptic node did in a run; integers over all steps and samples.

    Attributes:
        input_class: ``binary`` spikes, ``integer`` sums of spikes, ``code`` or ``real`` values.
        acs_nnz: weights reached by a non-zero input, each arrival once; 0 for values.
        acs: weights reached by a spike: an integer input k is k spikes; 0 for values.
        macs: weights reached by a value; 0 for spikes.
        rate_in: counted spikes per input neuron over all steps, mean over samples; None for values.
        rate_out: spikes per neuron over all steps, mean over samples, of the spiking nodes it feeds first
            (Spiking-FER, equation 4); None if it feeds none.
    """

    input_class: InputClass
    acs_nnz: int
    acs: int
    macs: int
    rate_in: float | None
    rate_out: float | None


def count(program: Program, trace: Trace) -> dict[str, Operations]:
    """Count the operations of every synaptic node of ``program`` during ``trace``, in the order of evaluation.

    Static nodes are counted once per sample. What is only seen one step later, as recurrent weights are, is not
    evaluated in the last step, so the spikes that enter it there are not counted.

    Raises:
        UsageError: the trace is not of this program; all differences at once.
    """
    _check(program, trace)
    signals: dict[int, Signals] = {}
    totals: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    late = _late(program)
    found = {}
    for name, node in synaptic(program):
        steps = 1 if name in program.static else trace.steps - (name in late)
        input_class = program.input_domain(name).kind
        rate = _rate_out(program, trace, name)
        if input_class in ("code", "real"):
            macs = existing_taps(node, program.input_shape(name)) * steps * trace.samples
            found[name] = Operations(input_class, 0, 0, macs, None, rate)
            continue
        walk = signals.setdefault(steps, Signals(program, trace, steps))
        signal = walk.entering(name)
        key = steps, id(signal)  # kept alive by the walk
        if key not in totals:
            totals[key] = _totals(signal)
        nonzero, spiked = totals[key]
        size = trace.samples * math.prod(program.input_shape(name))
        acs_nnz, acs = reached(node, nonzero), reached(node, spiked)
        found[name] = Operations(input_class, acs_nnz, acs, 0, int(spiked.sum()) / size, rate)
    return found


def synaptic(program: Program) -> Iterator[tuple[str, Synaptic]]:
    """The nodes with weights and their names, in the order of evaluation."""
    for name in program.order:
        node = program.nodes[name]
        if isinstance(node, Linear | Conv1d | Conv2d):
            yield name, node


def taps(node: Synaptic, shape: Shape) -> tuple[NDArray[np.int64], ...]:
    """Return, per spatial dimension of an input of ``shape``, how many kernel taps see each position.

    The fan-out of a position is the product of its taps over the dimensions, times the output channels of its group.
    """
    if isinstance(node, Linear):
        return ()
    found = []
    sizes = zip(
        shape[1:], node.output_shape(shape)[1:], node.kernel, node.stride, node.dilation, node.pads, strict=True
    )
    for size, out, kernel, stride, dilation, (before, _) in sizes:
        seen = np.arange(out)[:, None] * stride - before + np.arange(kernel) * dilation
        found.append(np.bincount(seen[(seen >= 0) & (seen < size)], minlength=size).astype(np.int64))
    return tuple(found)


def reached(node: Synaptic, totals: NDArray[np.int64]) -> int:
    """Return the number of weights reached by ``totals[*shape]`` arrivals at the inputs of ``node``."""
    for row in reversed(taps(node, totals.shape)):
        totals = totals @ row
    return int(totals.sum()) * _out_channels(node)


def existing_taps(node: Synaptic, shape: Shape) -> int:
    """Return the multiply-adds of one evaluation on an input of ``shape``, without taps on padding."""
    return shape[0] * math.prod(int(row.sum()) for row in taps(node, shape)) * _out_channels(node)


def dense_macs(node: Synaptic, shape: Shape) -> int:
    """Return equation 6 of Spiking-FER for an input of ``shape``: k^2 O^2 C_in C_out (Conv) or C_in C_out (Linear).

    Taps on padding count. For maps that are not square O^2 is their area; groups divide C_in.
    """
    return node.weight.size * math.prod(node.output_shape(shape)[1:])


def _out_channels(node: Synaptic) -> int:
    return int(node.weight.shape[0]) // (1 if isinstance(node, Linear) else node.groups)


def _totals(signal: Signal) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return arrivals per neuron of a signal: steps and samples with a non-zero value, and with multiplicity."""
    trains = [train for train, _ in signal]
    spiked = sum((weight * train.per_neuron for train, weight in signal[1:]), start=signal[0][1] * trains[0].per_neuron)
    return (trains[0] if len(trains) == 1 else union(trains)).per_neuron, spiked


def _late(program: Program) -> frozenset[str]:
    """Nodes whose output is only seen one step later, so that their last step has no effect."""
    late: set[str] = set()
    for name in reversed(program.order):
        edges = program.successors(name)
        if edges and all(edge.delay or edge.target in late for edge in edges) and not program.nodes[name].stateful:
            late.add(name)
    return frozenset(late)


def _rate_out(program: Program, trace: Trace, name: str) -> float | None:
    """Return the rate of the spiking nodes that ``name`` feeds without another synapse or memory in between."""
    seen, queue = set(), [name]
    for current in queue:
        for edge in program.successors(current):
            node = program.nodes[edge.target]
            if edge.target not in seen:
                seen.add(edge.target)
                if not (spikes(node) or node.synaptic or node.stateful):
                    queue.append(edge.target)
    fed = [trace.spikes[target] for target in sorted(seen) if spikes(program.nodes[target])]
    neurons = sum(math.prod(train.shape) for train in fed)
    return sum(train.count for train in fed) / (neurons * trace.samples) if fed else None


def _check(program: Program, trace: Trace) -> None:
    problems = []
    for name, node in program.nodes.items():
        if problem := _recorded_problem(program, trace, name, node):
            problems.append(Problem(name, problem))
    if problems:
        raise UsageError(
            "the trace is not of this program",
            problems=problems,
            next_step="count with the program whose run recorded the trace",
        )


def _recorded_problem(program: Program, trace: Trace, name: str, node: Node) -> str:
    expected = (trace.steps, trace.samples, *program.shapes[name])
    if name in program.inputs:
        if name not in trace.inputs:
            return "its input was not recorded"
        recorded = tuple(trace.inputs[name].shape)
    elif spikes(node):
        if name not in trace.spikes:
            return "its spikes were not recorded"
        train = trace.spikes[name]
        recorded = (train.steps, train.samples, *train.shape)
    else:
        return ""
    return "" if recorded == expected else f"recorded {list(recorded)}, the program has {list(expected)}"
