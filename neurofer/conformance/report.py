"""What a run of the suite found, as data."""

from __future__ import annotations

from typing import Literal

import msgspec

Word = Literal["exact", "ties", "refused", "silently wrong", "crashes", "not run"]

SCHEMA = "neurofer.conformance/1"

RIGHT: tuple[Word, ...] = ("exact", "ties", "refused")
"""What nobody is misled by."""


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry that differs.

    Attributes:
        step: time step, from 0.
        sample: index in the batch.
        index: index in the output's shape.
        expected: the reference's value.
        got: the simulator's value; None if it is not a number.
    """

    step: int
    sample: int
    index: list[int]
    expected: float
    got: float | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One case in one simulator.

    Attributes:
        case: name of the case.
        simulator: name of the simulator.
        importer: ``stock`` (its own) or ``neurofer`` (ours).
        word: exact: every value is the reference's. ties: values differ by float32 rounding, or spikes where the
            membrane meets the threshold within it. refused: the importer says no. silently wrong: another output, and
            no exception. crashes: another exception, a signal, or no answer in time. not run: not set up.
        differing: entries of the output that differ.
        entries: entries of the output.
        first: the first that differs.
        reason: in words; for an exception its own.
        seconds: how long it took.
    """

    case: str
    simulator: str
    importer: str
    word: Word
    differing: int = 0
    entries: int = 0
    first: First | None = None
    reason: str = ""
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Share of the entries that differ."""
        return self.differing / self.entries if self.entries else 0.0


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A case without its arrays."""

    name: str
    kind: str
    what: str
    dt: float
    steps: int
    samples: int


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A simulator, by one route."""

    simulator: str
    importer: str
    version: str

    @property
    def title(self) -> str:
        """Heading of the column."""
        return self.simulator if self.importer == "stock" else f"{self.simulator} ({self.importer})"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Every result. Schema ``neurofer.conformance/1``."""

    cases: list[Description]
    columns: list[Column]
    results: list[Result]
    schema: str = SCHEMA

    def of(self, column: Column) -> dict[str, Result]:
        """Return the results of one column, by case."""
        key = (column.simulator, column.importer)
        return {r.case: r for r in self.results if (r.simulator, r.importer) == key}
