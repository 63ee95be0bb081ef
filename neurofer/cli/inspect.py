"""``neurofer inspect``: what a network is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurofer.cli import options
from neurofer.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from neurofer.passes import Proof
    from neurofer.report.bundle import Bundle
    from neurofer.report.subject import Subject

_SCHEMA = "neurofer.inspect/1"


def inspect(
    network: options.Network,
    reset: options.Reset = None,
    input_size: options.InputSize = None,
    width: options.Width = None,
    steps: options.Steps = None,
    dt: options.Dt = None,
    scheme: options.Scheme = None,
    lowered: Annotated[bool, typer.Option("--lowered", help="Show the program that is exported.")] = False,
    json: options.Json = False,
) -> Outcome:
    """Show nodes, edges, contract and size of a network.

    Parameters are the learnable values before any pass; multiply-adds are those of one sample over all steps.
    """
    from neurofer.cli.network import resolve

    subject = resolve(
        network,
        reset=reset,
        input_size=input_size,
        width=width,
        steps=steps,
        dt=dt,
        scheme=scheme,
        calibrate=False,
    )
    document = describe(subject, lowered=lowered, steps_given=steps is not None)
    return Outcome(document, lambda console: _render(console, document))


def describe(subject: Subject, *, lowered: bool = False, steps_given: bool = False) -> dict[str, Any]:
    """Return the document of a network: its counts are those before any pass, its nodes and edges as asked for.

    A bundle holds the program after the passes: its report knows the parameters before.
    """
    from neurofer.passes import prove

    program, shown = subject.snn, subject.lowered if lowered else subject.snn
    nodes = [
        {
            "name": name,
            "kind": getattr(node, "kind", type(node).__name__),
            "shape": list(shown.shapes[name]),
            "domain": str(shown.domains[name]),
            "params": node.parameters,
            "static": name in shown.static,
        }
        for name, node in ((name, shown.nodes[name]) for name in shown.order)
    ]
    # what a file or bundle holds is what runs; a recipe's weights are drawn only when it is exported
    proofs = list(prove(shown).values()) if subject.weights == "file" or subject.bundle is not None else []
    return {
        "schema": _SCHEMA,
        "network": subject.name,
        "weights": subject.weights,
        "params": program.parameters,
        "mult_adds": program.mult_adds,
        "params_mb": program.parameters * 4 / 1e6,
        "nodes": nodes,
        "edges": [[edge.source, edge.target, edge.delay] for edge in shown.edges],
        "contract": shown.contract,
        "steps_said": subject.graph is None or steps_given,
        "params_before_passes": None if subject.bundle is None else _trained_parameters(subject.bundle),
        "proof": proofs if any(proof.proved and shown.nodes[proof.node].synaptic for proof in proofs) else [],
    }


def _trained_parameters(bundle: Bundle) -> int:
    from neurofer.report.bundle import REPORT
    from neurofer.report.report import read_report

    return read_report(bundle.folder / REPORT).parameters


def _render(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table

    contract = document["contract"]
    console.print(f"{document['network']}: {len(document['nodes'])} nodes, {len(document['edges'])} edges")
    before = document["params_before_passes"]
    exported = (
        ""
        if before in (None, document["params"])
        else f"; as exported, {before:,} before BatchNorm was folded and pooling lowered"
    )
    console.print(f"parameters     {document['params']:,} ({document['params_mb']:.2f} MB in float32{exported})")
    guessed = "" if document["steps_said"] else ", which is not in the file: set it with --steps"
    console.print(f"multiply-adds  {document['mult_adds']:,} per sample, T = {contract.steps}{guessed}")
    console.print(f"weights        {document['weights']}")
    console.print(
        f"contract       dt {contract.dt:g} s, {contract.scheme}, input {contract.encoder}, "
        f"readout {contract.readout.reduction}"
    )
    table = Table("node", "kind", "output", "domain", "parameters", "from", box=None, pad_edge=False)
    sources: dict[str, list[str]] = {}
    for source, target, delay in document["edges"]:
        sources.setdefault(target, []).append(f"{source} (step before)" if delay else source)
    for node in document["nodes"]:
        once = " once" if node["static"] and node["params"] else ""
        shape = " x ".join(map(str, node["shape"]))
        names = " + ".join(sources.get(node["name"], []))
        table.add_row(
            node["name"],
            node["kind"] + once,
            shape,
            node["domain"],
            f"{node['params']:,}" if node["params"] else "",
            names,
        )
    console.print(table)
    _render_proof(console, document["proof"], contract.steps)


def _render_proof(console: Console, proofs: list[Proof], steps: int) -> None:
    from math import log2

    from rich.table import Table

    from neurofer.report.markdown import exactness

    if not proofs:
        return
    table = Table("node", "grid", "largest sum", "accumulator", "exact in float32", box=None, pad_edge=False)
    for proof in proofs:
        grid = "" if proof.grid is None else f"2^{log2(proof.grid):.0f}"
        bound = "" if proof.bound is None else f"{proof.bound:,.6g} units"
        width = "" if proof.accumulator is None else f"{proof.accumulator} bits"
        table.add_row(proof.node, grid, bound, width, "proved" if proof.proved else "no, see below")
    console.print(table)
    for line in exactness(proofs, steps):
        console.print(line)
