"""Sources where a simulator's nodes cannot be replayed one by one: what its own record of a run proves.

Until something that differs can have reached a node, the node was fed what the reference fed its own. A difference
within that time is the node's own (or that of the stateless nodes before it); a later one proves nothing and is not
held against it. Of all nodes that differ, at least the first is always found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from neurofer.ir import Program, Trace
from neurofer.ir.nodes import Array
from neurofer.ir.trace import read
from neurofer.verify import rounding
from neurofer.verify.replay import drive


def firsts(golden: Trace, trace: Trace, name: str) -> Array:
    """Return for each sample the first step at which ``name`` differs, ``[N]``; T where it never does."""
    unequal = (golden.unpack(name) != trace.unpack(name)).reshape(golden.steps, golden.samples, -1).any(axis=2)
    return np.where(unequal.any(axis=0), unequal.argmax(axis=0), golden.steps)


def arrivals(program: Program, golden: Trace, trace: Trace) -> dict[str, Array]:
    """Return for each node and sample the first step at which a difference can have reached it, ``[N]``; T for never.

    What a recorded node passes on is seen; the others pass on at once what reaches them.
    """
    seen = {name: firsts(golden, trace, name) for name in program.nodes if name in trace.spikes}
    never = np.full(golden.samples, golden.steps)
    found = dict.fromkeys(program.nodes, never)
    for _ in program.nodes:  # again for what comes round over delayed edges
        before = dict(found)
        for name in program.order:
            for edge in program.predecessors(name):
                found[name] = np.minimum(found[name], seen.get(edge.source, found[edge.source]) + edge.delay)
        if all(np.array_equal(found[name], before[name]) for name in found):
            break
    return found


def proven(golden: Trace, trace: Trace, name: str, arrival: Array) -> Iterator[Array]:
    """Yield the spikes of ``name`` at each step as far as they are its own doing, from then on the reference's."""
    pairs = zip(golden.unpack(name), trace.unpack(name), strict=True)
    for t, (ours, theirs) in enumerate(pairs):
        own = (t < arrival).reshape(-1, *(1,) * (ours.ndim - 1))
        yield np.where(own, theirs, ours)


def readout_follows(program: Program, trace: Trace, other: Program, samples: Array) -> bool:
    """Whether the readouts of some samples are what the reference reads from the simulator's own spikes.

    Args:
        program: what the reference ran.
        trace: what the simulator recorded.
        other: what the simulator ran; its contract says how its output is read.
        samples: which samples to judge, ``[N]`` of bool.
    """
    last: Iterable[rounding.Bounded] = drive(rounding.load(program), trace, program.readout)
    expected = read(np.stack([x.value for x in last]), program.contract.readout)
    gap = np.abs(trace.read(other.contract.readout) - expected)
    return bool(np.all((gap <= rounding.readout_bound(program, trace))[samples]))
