"""The suite ``counting``: a forward with counting of operations behind it, against that forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from neurofer.cli.bench.case import make_case
from neurofer.cli.bench.measure import Asked, Row, compared, interleaved

_GOAL = 1.15


def rows(asked: Asked) -> Iterator[Row]:
    """Yield the rows of both papers' networks."""
    from neurofer.backends import registry
    from neurofer.energy import count
    from neurofer.passes import drop_dropout, fold_batchnorm

    for name in ("conv-snn", "spiking-fer"):
        case = make_case(name, small=asked.small, size=128 if name == "spiking-fer" else None)
        program = fold_batchnorm(drop_dropout(case.subject.snn))
        record = partial(registry.load("spikingjelly", program).run, case.x)
        work: dict[str, Callable[[], object]] = {
            "forward": case.native,
            "forward, then counting": _in_a_row(case.native, partial(count, program, record())),
            "forward step by step, recorded": record,
        }
        yield from compared(name, interleaved(work, asked.rounds), "forward", {"forward, then counting": _GOAL})


def _in_a_row(*actions: Callable[[], object]) -> Callable[[], object]:
    return lambda: [action() for action in actions]
