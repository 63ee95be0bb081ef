"""Verdicts: whether what a simulator ran is still the same network, and if not, where it first differed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Word = Literal["EXACT", "TIES", "DIVERGENT", "SILENT", "REFUSED", "NOT_RUN"]
Importer = Literal["stock", "neurofer"]

SCHEMA = "neurofer.verify/1"


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry that differs.

    Attributes:
        node: where.
        step: time step, from 0.
        sample: index in the batch.
        neuron: index in the node's shape.
        membrane: the reference's membrane before reset, ``u``.
        threshold: the reference's threshold.
        margin: ``membrane - threshold``.
    """

    node: str
    step: int
    sample: int
    neuron: list[int]
    membrane: float
    threshold: float
    margin: float


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a network takes on an emulated microcontroller, in a build that records nothing.

    Attributes:
        part: whose memories are the limits.
        instructions: per inference, mean over the samples.
        flash: bytes of code and weights.
        flash_limit: bytes there are.
        ram: bytes of state, input and output, and the stack set aside.
        ram_limit: bytes there are.
        stack: bytes of the stack that were used.
    """

    part: str
    instructions: float
    flash: int
    flash_limit: int
    ram: int
    ram_limit: int
    stack: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One row: one target through one importer.

    Attributes:
        verdict: EXACT: no spike differs and something spiked. TIES: every difference starts within float32 rounding of
            the threshold, and every decision is the same. DIVERGENT: another network. SILENT: nothing spiked, so
            nothing is proved. REFUSED: it cannot be expressed, or the importer raised. NOT_RUN: not installed.
        spikes_compared: spikes of the reference in the nodes compared.
        spikes_differing: entries (step, sample, neuron) that differ.
        sources: nodes that differ even when fed the reference's own inputs.
        reason: what the verdict rests on, in words.
        cost: of a microcontroller, what it takes there.
    """

    target: str
    importer: Importer
    version: str
    verdict: Word
    spikes_compared: int = 0
    spikes_differing: int = 0
    nodes_compared: int = 0
    nodes_total: int = 0
    first_divergence: Divergence | None = None
    sources: list[str] = []
    reason: str = ""
    cost: Cost | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """All rows for one artifact. Schema ``neurofer.verify/1``."""

    artifact: str
    steps: int
    samples: int
    targets: list[Verdict]
    weights: str = ""
    input: str = ""
    schema: str = SCHEMA


def exit_code(verdicts: Iterable[Verdict], *, importer: str = "both", named: bool = False, strict: bool = False) -> int:
    """Return the exit code of a verification; the first that applies.

    Args:
        verdicts: all rows.
        importer: which importers were asked for; only ``neurofer`` rows decide unless ``stock`` was asked for alone, or
            is the only route there is (onnx).
        named: whether the targets were named by the user.
        strict: whether a target that is not installed counts.

    Returns:
        1 any DIVERGENT or SILENT; 2 any REFUSED; 4 NOT_RUN for a named target, under ``strict``, or when nothing ran;
        else 0.
    """
    rows = list(verdicts)
    ours = {row.target for row in rows if row.importer == "neurofer"}
    deciding = [row for row in rows if importer == "stock" or row.importer == "neurofer" or row.target not in ours]
    words = [v.verdict for v in deciding]
    if "DIVERGENT" in words or "SILENT" in words:
        return 1
    if "REFUSED" in words:
        return 2
    if "NOT_RUN" in words and (named or strict or set(words) == {"NOT_RUN"}):
        return 4
    return 0
