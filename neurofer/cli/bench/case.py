"""A recipe's network to measure with: captured, a sample, and a plain forward of SpikingJelly's own module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neurofer.cli.outcome import note
from neurofer.errors import UsageError

if TYPE_CHECKING:
    from neurofer.ir.nodes import Array
    from neurofer.report.subject import Subject


@dataclass(frozen=True)
class Case:
    """A recipe's network: captured, a sample for it, and a plain forward of SpikingJelly's own module."""

    subject: Subject
    x: Array
    native: Callable[[], object]


def make_case(name: str, *, small: bool, size: int | None = None) -> Case:
    """Return a recipe's network with seeded weights; ``small`` narrows it, ``size`` is another height and width."""
    import numpy as np
    import torch

    from neurofer.cli.network import resolve
    from neurofer.report.subject import raw_sample
    from neurofer.train.calibrate import seeded
    from neurofer.train.networks import forward, present

    note(f"building {name}")
    tiny = {"conv-snn": 16, "spiking-fer": 32}
    subject = resolve(name, input_size=tiny[name] if small else size, width=4 if small else None)
    sample = subject.sample(samples=2)
    if sample is None or subject.recipe is None:
        raise UsageError(f"{name} is no recipe")
    raw, _ = raw_sample(subject.recipe, samples=2, seed=0)
    module = seeded(subject.recipe, 0, sample=raw)
    frames = present(subject.recipe, "network", raw, np.random.default_rng(0))

    def native() -> None:
        with torch.no_grad():
            forward(module, frames)

    return Case(subject, sample.x, native)
