"""What came out of a simulator against what the reference says: the word, how much differs, and where first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurofer.backends import reference
from neurofer.conformance.case import Case
from neurofer.conformance.report import First, Word
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.verify import rounding
from neurofer.verify.replay import drive


@dataclass(frozen=True)
class Judgement:
    """The word on one output, and what it rests on."""

    word: Word
    differing: int
    entries: int
    first: First | None = None
    reason: str = ""


def judge(case: Case, output: Any) -> Judgement:
    """Compare what a simulator returned for ``case`` with the reference."""
    expected = case.expected
    if isinstance(output, (list, tuple)):
        reason = f"{len(output)} outputs instead of one"
        return Judgement("silently wrong", expected.size, expected.size, reason=reason)
    got = np.asarray(output)
    if case.inputs.shape[1] == 1 and got.shape == expected.shape[:1] + expected.shape[2:]:
        got = got[:, None]  # a batch of one may be left out
    if got.shape != expected.shape:
        reason = f"an output {list(got.shape)} instead of {list(expected.shape)} [steps, samples, ...]"
        return Judgement("silently wrong", expected.size, expected.size, reason=reason)
    got = got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        off = ~(np.abs(got - expected) <= _bound(case))
    unequal = (got != expected) & (got != expected.astype(np.float32))
    if not unequal.any():
        return Judgement("exact", 0, expected.size)
    if not off.any():
        worst = float(np.abs(got - expected).max())
        reason = f"values differ by up to {worst:.2g}, within float32 rounding"
        return Judgement("ties", int(unequal.sum()), expected.size, _first(unequal, expected, got), reason)
    differing = int(off.sum())
    told = _told(case, off, got)
    if _at_the_threshold(case, off, got):
        reason = f"only spikes where the membrane meets the threshold differ, and what follows from them; {told}"
        return Judgement("ties", differing, expected.size, _first(off, expected, got), reason)
    return Judgement("silently wrong", differing, expected.size, _first(off, expected, got), told)


def _bound(case: Case) -> Array:
    """Return how far float32 rounding can move each entry of the output, ``[T, N, *shape]``; 0 for spikes."""
    values = drive(rounding.load(case.program), case.golden, case.program.readout)
    return np.stack([np.broadcast_to(x.error, x.value.shape) for x in values])


def _first(off: Array, expected: Array, got: Array) -> First:
    step, sample, *index = (int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
    value = float(got[step, sample, *index])
    wanted = float(expected[step, sample, *index])
    return First(step=step, sample=sample, index=index, expected=wanted, got=value if np.isfinite(value) else None)


def _told(case: Case, off: Array, got: Array) -> str:
    first = _first(off, case.expected, got)
    value = "no number" if first.got is None else f"{first.got:.4g}"
    sample = f", sample {first.sample}" if case.inputs.shape[1] > 1 else ""
    where = f"first at step {first.step}{sample}, {first.index}: {value} instead of {first.expected:.4g}"
    if not n.spikes(case.program.nodes[_source(case)]):
        return where
    if np.isin(got, (0.0, 1.0)).all():
        return f"{int((got == 1).sum())} spikes instead of {int(case.expected.sum())}; {where}"
    return f"values that are no spikes; {where}"


def _source(case: Case) -> str:
    """Return the node before the Output; the Output itself where several are summed."""
    edges = case.program.predecessors(case.program.readout)
    return edges[0].source if len(edges) == 1 else case.program.readout


def _at_the_threshold(case: Case, off: Array, got: Array) -> bool:
    """Whether the output is what the neuron gives if only spikes within float32 rounding of the threshold are free.

    The reference is run again with the simulator's own decisions there, so that what follows a tie must be right, too.
    Told for the one spiking node of a graph, before its Output: elsewhere the suite keeps membranes off thresholds.
    """
    program, name = case.program, _source(case)
    node = program.nodes[name]
    if [k for k, v in program.nodes.items() if n.spikes(v)] != [name] or program.recurrent:
        return False
    if isinstance(node, n.Threshold) or not isinstance(node, n.Neuron) or node.theta is None:
        ties = np.stack([np.abs(u - _theta(node)) <= bound for u, _, bound in _membranes(case, name)])
        return bool(ties[off].all())
    state: Any = None
    driven = zip(drive(reference.load(program), case.golden, name), _membranes(case, name), got, strict=True)
    for x, (_, _, bound), spikes in driven:
        s, u, (_, i) = reference.neuron_step(node, x, state)
        free = np.abs(u - node.theta) <= bound
        if not bool((free | (spikes == s)).all() and np.isin(spikes, (0.0, 1.0)).all()):
            return False
        state = (np.where(spikes == 1, node.v_reset, u), i)  # NIR resets hard
    return True


def _membranes(case: Case, name: str) -> Iterator[tuple[Array, Array, Array]]:
    return rounding.membranes(case.program, case.golden, name)


def _theta(node: n.Node) -> Any:
    return node.theta if isinstance(node, n.Threshold) else 0.0
