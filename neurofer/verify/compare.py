"""The comparison of one run with the reference, spike by spike, and the Verdict on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from neurofer.backends.network import Network
from neurofer.ir import Program, Trace
from neurofer.ir import nodes as n
from neurofer.ir.nodes import Array
from neurofer.ir.trace import decision, read
from neurofer.verify import recorded, replay, stateless
from neurofer.verify.rounding import membranes, readout_bound
from neurofer.verify.verdict import Divergence, Importer, Verdict, Word


@dataclass(frozen=True)
class Readouts:
    """How the readouts of a run and of the reference compare.

    Attributes:
        same_decision: whether every sample is read as the same class.
        worst: largest difference.
        within: whether every difference is explained by float32 rounding.
    """

    same_decision: bool
    worst: float
    within: bool

    def __str__(self) -> str:
        if np.isnan(self.worst):
            return "the output has another shape or is not a number"
        return f"the readout differs by up to {self.worst:.3g}"


def compare(
    program: Program, golden: Trace, network: Network, trace: Trace, *, target: str, importer: Importer
) -> Verdict:
    """Return the Verdict on ``trace``.

    Args:
        program: what the reference ran.
        golden: what the reference recorded.
        network: what the simulator ran; replayed where spikes differ.
        trace: what the simulator recorded.
        target: name of the row.
        importer: the route the network took.
    """
    if stateless.stateless(program):
        return _compare_values(program, golden, network, trace, target=target, importer=importer)
    spiking = [name for name in program.order if n.spikes(program.nodes[name])]
    compared = [name for name in spiking if name in trace.spikes]
    wrong = {name: differing(golden, trace, name) for name in compared}
    wrong = {name: count for name, count in wrong.items() if count}
    readouts = compare_readouts(program, golden, network.program, trace)
    first = first_divergence(program, golden, trace, wrong) if wrong else None
    sources, ties = find_sources(program, golden, network, trace, wrong)
    word, reason = _judge(golden, spiking, compared, wrong, readouts, sources, ties=ties)
    if not wrong and not readouts.within:
        sources = [program.readout]
    return Verdict(
        target=target,
        importer=importer,
        version=network.version,
        verdict=word,
        spikes_compared=sum(golden.spikes[name].count for name in compared),
        spikes_differing=sum(wrong.values()),
        nodes_compared=len(compared),
        nodes_total=len(spiking),
        first_divergence=first,
        sources=sources,
        reason=reason,
    )


def _compare_values(
    program: Program, golden: Trace, network: Network, trace: Trace, *, target: str, importer: Importer
) -> Verdict:
    """Return the Verdict on a run without spikes: node by node, and from end to end."""
    readouts = compare_readouts(program, golden, network.program, trace)
    sources, compared = stateless.faults(program, network, golden)
    differ = f"no node spikes; {readouts}"
    word: Word = "DIVERGENT"
    if sources:
        reason = f"{differ}: more than float32 rounding explains in {', '.join(sources)}, fed the runtime's own values"
    elif readouts.worst == 0.0:
        word, reason = "EXACT", "no node spikes; every output is equal"
    elif not readouts.within:
        sources, reason = [program.readout], f"{differ}, more than float32 rounding explains"
    elif not readouts.same_decision:
        reason = f"{differ}, within float32 rounding, but a decision changed"
    else:
        word, reason = "TIES", f"{differ}, within float32 rounding, and every decision is the same"
    return Verdict(
        target=target,
        importer=importer,
        version=network.version,
        verdict=word,
        nodes_compared=compared,
        nodes_total=len(program.nodes) - len(program.inputs),
        sources=sources,
        reason=reason,
    )


def _judge(
    golden: Trace,
    spiking: list[str],
    compared: list[str],
    wrong: dict[str, int],
    readouts: Readouts,
    sources: list[str],
    *,
    ties: bool,
) -> tuple[Word, str]:
    if not wrong:
        return _judge_equal(golden, spiking, compared, readouts)
    if not sources:
        return "DIVERGENT", "every node alone gives the reference's spikes: the graph is wired differently"
    if ties and readouts.same_decision:
        return "TIES", "every difference starts within float32 rounding of a threshold; every decision is the same"
    if ties:
        return "DIVERGENT", "the differences start within float32 rounding of a threshold, but a decision changed"
    return "DIVERGENT", f"{', '.join(sources)} differ even when fed the reference's own spikes"


def _judge_equal(golden: Trace, spiking: list[str], compared: list[str], readouts: Readouts) -> tuple[Word, str]:
    """Return the verdict where no spike that was recorded differs."""
    missing = [name for name in spiking if name not in compared]
    unseen = f"; no spikes of {', '.join(missing)} were recorded" if missing else ""
    if not readouts.within:
        equal = "every spike is equal" if compared else "no spike was compared"
        more = "" if np.isnan(readouts.worst) else ", more than float32 rounding explains"
        return "DIVERGENT", f"{equal}, but {readouts}{more}{unseen}"
    if not golden.count:
        return "SILENT", "nothing spiked, so nothing is proved; give an input that makes the network spike"
    quiet = [name for name in compared if not golden.spikes[name].count]
    if len(quiet) == len(compared):
        return "SILENT", f"nothing spiked where spikes were recorded, so nothing is proved{unseen}"
    return "EXACT", "every spike is equal" + (f"; {', '.join(quiet)} never fired" if quiet else "") + unseen


def differing(golden: Trace, trace: Trace, name: str) -> int:
    """Return how many entries of ``name`` differ."""
    ours, theirs = golden.spikes[name].bits, trace.spikes[name].bits
    return int(np.bitwise_count(ours ^ theirs).sum(dtype=np.int64))


def compare_readouts(program: Program, golden: Trace, other: Program, trace: Trace) -> Readouts:
    """Compare the readouts, each taken as its own contract says."""
    if _finite(golden) and not _finite(trace):  # no reduction must hide it: the argmax of a NaN is a class
        return Readouts(same_decision=False, worst=np.nan, within=False)
    ours, theirs = golden.read(program.contract.readout), trace.read(other.contract.readout)
    gap = np.abs(ours - theirs)
    worst = float(np.max(gap))
    if program.contract.readout.reduction == "argmax":
        return Readouts(worst == 0.0, worst, worst == 0.0)
    same = bool(np.array_equal(decision(ours), decision(theirs)))
    within = worst == 0.0 or bool(np.all(gap <= readout_bound(program, golden)))
    return Readouts(same, worst, within)


def _finite(trace: Trace) -> bool:
    return all(np.isfinite(values).all() for values in trace.outputs.values())


def first_divergence(program: Program, golden: Trace, trace: Trace, wrong: dict[str, int]) -> Divergence:
    """Return the earliest differing entry; of several in one step, the one earliest in the graph."""
    best: tuple[int, str, tuple[int, ...]] | None = None
    for name in wrong:  # in the order of the graph
        unequal = golden.unpack(name) != trace.unpack(name)
        step = int(unequal.reshape(len(unequal), -1).any(axis=1).argmax())
        if best is None or step < best[0]:
            where = np.unravel_index(int(unequal[step].argmax()), unequal[step].shape)
            best = (step, name, tuple(int(i) for i in where))
    if best is None:
        raise ValueError("nothing differs")
    step, name, (sample, *neuron) = best
    u = next(u for t, (u, _, _) in enumerate(membranes(program, golden, name)) if t == step)
    membrane, threshold = float(u[sample, *neuron]), _threshold(program.nodes[name], tuple(neuron))
    return Divergence(
        node=name,
        step=step,
        sample=sample,
        neuron=list(neuron),
        membrane=membrane,
        threshold=threshold,
        margin=membrane - threshold,
    )


def _threshold(node: n.Node, neuron: tuple[int, ...]) -> float:
    theta = node.theta if isinstance(node, (n.Neuron, n.Threshold)) else None
    return float(theta[neuron]) if isinstance(theta, np.ndarray) else float(theta or 0.0)


def find_sources(
    program: Program, golden: Trace, network: Network, trace: Trace, wrong: dict[str, int]
) -> tuple[list[str], bool]:
    """Return the nodes that differ even when fed the reference's own spikes, and whether all of them are ties.

    Nodes that cannot be run alone are judged by what was recorded, as far as that proves anything.
    """
    if not wrong:
        return [], True
    sources, ties = [], True
    alone = network.alone(golden)
    known = alone is not None or all(replay.replayable(network, name) for name in wrong)
    arrivals = None if known else recorded.arrivals(program, golden, trace)
    for name in wrong:
        theirs: Iterable[Array]
        if arrivals is not None:
            theirs = recorded.proven(golden, trace, name, arrivals[name])
        elif alone is not None:
            theirs = alone.unpack(name)
        else:
            theirs = replay.replay(network, golden, name)
        differs, tie = _follow(program, golden, name, theirs)
        if differs:
            sources.append(name)
            ties = ties and tie
    if arrivals is not None:
        right = _readout_was_right(program, golden, network, trace, ties=ties)
    else:
        right = readout_alone_is_right(program, golden, network, alone)
    return (sources, ties) if right else ([*sources, program.readout], False)


def _readout_was_right(program: Program, golden: Trace, network: Network, trace: Trace, *, ties: bool) -> bool:
    """Whether the recorded readouts follow from the recorded spikes, where these are known to be all there were."""
    if len(trace.spikes) < len(golden.spikes):
        return not ties
    same = np.min([recorded.firsts(golden, trace, name) for name in golden.spikes], axis=0) == golden.steps
    # a simulator that fires twice in a step is no tie, and what it sent on is not in the record
    return recorded.readout_follows(program, trace, network.program, same | ties)


def readout_alone_is_right(program: Program, golden: Trace, network: Network, alone: Trace | None) -> bool:
    """Whether the simulator, fed the reference's own spikes, reads out the same up to float32 rounding."""
    if alone is None:
        last = replay.drive(network, golden, network.program.readout)
        values = read(np.stack([network.drop(x) for x in last]), network.program.contract.readout)
    else:
        values = alone.read(network.program.contract.readout)
    gap = np.abs(values - golden.read(program.contract.readout))
    return bool(np.all(gap <= readout_bound(program, golden)))


def _follow(program: Program, golden: Trace, name: str, replayed: Iterable[Array]) -> tuple[bool, bool]:
    """Return whether ``name`` alone differs, and whether each neuron's first difference is within rounding."""
    train = golden.unpack(name)
    seen: Array = np.zeros(train.shape[1:], dtype=bool)
    differs, tie = False, True
    node = program.nodes[name]
    theta = node.theta if isinstance(node, (n.Neuron, n.Threshold)) and node.theta is not None else 0.0
    pairs = zip(replayed, membranes(program, golden, name), strict=True)
    for t, (theirs, (u, _, bound)) in enumerate(pairs):
        fresh = (theirs.reshape(seen.shape) != train[t]) & ~seen
        if fresh.any():
            differs = True
            tie = tie and bool(np.all(np.abs(u - theta)[fresh] <= bound[fresh]))
            seen |= fresh
    return differs, tie
