"""The report for human readers, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from neurofer.energy import EnergyReport
from neurofer.passes import Proof
from neurofer.report.report import Computed, Report
from neurofer.verify.verdict import Cost, Divergence, Verdict, Verification


def markdown(report: Report) -> str:
    """Return the report as Markdown, ending in a newline."""
    sections = [
        _head(report),
        _verdicts(report.verification) if report.verification else "",
        _list("Exactness", exactness(report.proof, report.contract.steps)),
        _arithmetic(report.arithmetic),
        *(_energy(energy) for energy in report.energy),
        _spikes(report),
        _list("What the artifact cannot say by itself", report.caveats),
        _list("Versions", [f"{name} {number}" for name, number in report.versions.items()]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(report: Report) -> str:
    contract = report.contract
    facts = {
        "weights": report.weights,
        "target": report.target,
        "parameters": f"{report.parameters:,}",
        "multiply-adds": f"{report.mult_adds:,} per sample",
        "steps": f"{contract.steps} of {contract.dt:g} s",
        "input": f"{contract.encoder}; {report.sample}",
        "readout": contract.readout.reduction,
        **{f"accuracy, {name}": f"{value:.1%}" for name, value in report.accuracy.items()},
        "seed": str(report.seed),
        **({"command": f"`{report.command}`"} if report.command else {}),
    }
    return f"# {report.network} on {report.target}\n\n{table(('fact', 'value'), facts.items())}"


def _verdicts(verification: Verification) -> str:
    rows = [
        (v.target, v.importer, v.version, v.verdict, f"{v.spikes_compared:,}", f"{v.spikes_differing:,}")
        for v in verification.targets
    ]
    header = ("target", "importer", "version", "verdict", "spikes compared", "entries differing")
    parts = ["## Verdicts", table(header, rows)]
    parts += [f"**{v.target}**: {costs(v.cost)}" for v in verification.targets if v.cost]
    reasons = [f"- **{v.target}, {v.importer}**: {_reason(v)}" for v in verification.targets if v.verdict != "EXACT"]
    return "\n\n".join([*parts, "\n".join(reasons)] if reasons else parts)


def _reason(verdict: Verdict) -> str:
    text = " ".join(verdict.reason.split())
    return f"{text}; first: {divergence(verdict.first_divergence)}" if verdict.first_divergence else text


def divergence(first: Divergence) -> str:
    """Return the first entry that differs, in words."""
    where = ", ".join(str(i) for i in first.neuron)
    return (
        f"node {first.node!r}, step {first.step}, sample {first.sample}, neuron [{where}]: "
        f"membrane {first.membrane:.9g}, threshold {first.threshold:.9g}, margin {first.margin:.3g}"
    )


def costs(cost: Cost) -> str:
    """Return what a network takes on a microcontroller, in words."""
    return (
        f"{cost.instructions:,.0f} instructions per inference, flash {cost.flash:,} of {cost.flash_limit:,} bytes, "
        f"RAM {cost.ram:,} of {cost.ram_limit:,} ({cost.stack:,} of the stack used), on {cost.part}"
    )


def exactness(proofs: Sequence[Proof], steps: int) -> list[str]:
    """Return what a proof says, in a few lines; none without a proof."""
    if not proofs:
        return []
    open_ones = [proof for proof in proofs if not proof.proved]
    done = [proof for proof in proofs if proof.proved and proof.grid is not None]
    lines = [f"{len(done)} of {len(proofs)} nodes proved exact in float32 for every input over {steps} steps"]
    if done:
        grids = sorted(proof.grid or 0.0 for proof in done)
        bound = max(proof.bound or 0.0 for proof in done)
        width = max(proof.accumulator or 0 for proof in done)
        lines[0] += (
            f": grids 2^{math.log2(grids[0]):.0f} to 2^{math.log2(grids[-1]):.0f}, sums of at most {bound:,.0f} units "
            f"({bound / done[0].limit:.0%} of 2^24), accumulators of at most {width} bits"
        )
    return lines + [f"not proved: {proof.node}: {proof.reason}" for proof in open_ones]


def _arithmetic(computed: Sequence[Computed]) -> str:
    rows = [
        (node.node, node.number, f"2^{-node.exponent}" if node.bits else "", str(node.bits or ""), node.reason)
        for node in computed
    ]
    header = ("node", "numbers", "unit", "bits of the largest sum", "why no integers")
    return f"## Arithmetic\n\n{table(header, rows)}" if rows else ""


def numbers(computed: Sequence[Computed]) -> list[str]:
    """Return in which numbers generated code computes, in a line per kind."""
    kinds: dict[str, list[Computed]] = {}
    for node in computed:
        kinds.setdefault(node.number, []).append(node)
    lines = []
    for kind, nodes in kinds.items():
        widest = max(node.bits or 0 for node in nodes)
        why = f", sums of at most {widest} bits" if widest else f"; {nodes[0].node}: {nodes[0].reason}"
        lines.append(f"{kind} in {len(nodes)} of {len(computed)} nodes{why}")
    return lines


def _energy(energy: EnergyReport) -> str:
    rows = [
        (
            layer.name,
            layer.kind,
            layer.input_class,
            number(layer.macs_ann),
            number(layer.rate_in),
            number(per_inference(layer.acs, energy.samples)),
            number(per_inference(layer.macs, energy.samples)),
            number(layer.energy_pj),
        )
        for layer in energy.layers
    ]
    header = ("layer", "kind", "input", "MACs of the ANN", "rate in", "ACs", "MACs", "energy pJ")
    total = f"ANN {number(energy.e_ann_mj)} mJ, SNN {number(energy.e_snn_mj)} mJ, ratio {number(energy.ratio)}"
    scope = f"All per inference, mean over {energy.samples} sample(s); profile {energy.profile}."
    notes = "\n".join(f"- {note}" for note in energy.notes)
    return f"## Energy by formula {energy.formula}\n\n{total}. {scope}\n\n{table(header, rows)}\n\n{notes}".rstrip()


def per_inference(count: int | None, samples: int) -> float | None:
    """Return the mean over samples of a count; an integer where it is one."""
    if count is None:
        return None
    return count // samples if count % samples == 0 else count / samples


def number(value: float | None) -> str:
    """Return a count or measure for a table."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _spikes(report: Report) -> str:
    rows = [(node.name, f"{node.spikes:,}", f"{node.rate:.3f}") for node in report.spikes]
    return f"## Recorded spikes\n\n{table(('node', 'spikes', 'rate'), rows)}" if rows else ""


def _list(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
