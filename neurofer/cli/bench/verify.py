"""The suite ``verify``: a verdict on one simulator, against running the network in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from neurofer.cli.bench.case import make_case
from neurofer.cli.bench.measure import Asked, Row, compared, interleaved


def rows(asked: Asked) -> Iterator[Row]:
    """Yield the rows of Conv-SNN in every simulator."""
    from neurofer.backends import reference, registry
    from neurofer.verify.compare import compare

    case = make_case("conv-snn", small=asked.small)
    program = case.subject.lowered
    golden = reference.run(program, case.x)
    for target in registry.SIMULATORS:
        network = registry.load(target, program)
        run = partial(network.run, case.x)
        check = partial(compare, program, golden, network, target=target, importer="neurofer")
        work: dict[str, Callable[[], object]] = {"run": run, "run and compare": _chained(run, check)}
        yield from compared(f"conv-snn in {target}", interleaved(work, asked.rounds), "run", {})


def _chained(first: Callable[[], Any], then: Callable[[Any], object]) -> Callable[[], object]:
    return lambda: then(first())
