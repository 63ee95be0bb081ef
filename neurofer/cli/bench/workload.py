"""A network made ready to be timed in many runtimes: the same weights, thresholds and input for all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neurofer.cli.outcome import doing
from neurofer.errors import UsageError
from neurofer.ir import Program
from neurofer.ir.nodes import Array

if TYPE_CHECKING:
    from neurofer.report.subject import Subject
    from neurofer.train.recipe import Recipe

_RECORDER = "spikingjelly-multistep"
BITS = 8
"""Of the weights on the grid."""


@dataclass(frozen=True)
class Case:
    """What is to be timed.

    Attributes:
        network: a recipe, or the checkpoint of one.
        batch: samples at once.
        rate: spikes per neuron and step that thresholds are calibrated to; trained weights keep theirs.
        density: of drawn input events.
        size: height and width, instead of the recipe's.
        steps: T, instead of the recipe's.
        width: channels of the first layer, instead of the recipe's.
        reset: of the neurons, instead of the recipe's.
    """

    network: str
    batch: int = 1
    rate: float = 0.08
    density: float = 0.1
    size: int | None = None
    steps: int | None = None
    width: int | None = None
    reset: str | None = None


@dataclass(frozen=True)
class Workload:
    """A network to time.

    Attributes:
        case: what was asked for.
        recipe: with the case's size, T and width.
        exact: the program on a grid of 8-bit weights: what all spiking runtimes run.
        plain: the same with weights as they were, for runtimes with kernels for both.
        x: its input, as `Network.run` takes it: binary frames, or integers of images.
        weights: where weights and thresholds come from, in words.
    """

    case: Case
    recipe: Recipe
    exact: Program
    plain: Program
    x: Array
    weights: str

    @property
    def title(self) -> str:
        """Name, size, steps and batch."""
        height, width = self.recipe.data.shape[1:]
        name = Path(self.case.network).stem
        return f"{name} {height}x{width} T={self.recipe.contract.steps} batch {self.case.batch}"


def make(case: Case) -> Workload:
    """Build the networks of a case.

    Raises:
        UsageError: no such network, or a file that is no recipe's.
    """
    from neurofer.cli.network import resolve
    from neurofer.passes import drop_dropout, fold_batchnorm, input_codes, lower_avgpool, to_grid
    from neurofer.train.grid import analog, levels

    subject = resolve(case.network, input_size=case.size, width=case.width, steps=case.steps, reset=case.reset)
    if subject.recipe is None or subject.baseline:
        raise UsageError(
            "only a recipe's spiking network has the rivals to be timed with",
            where=case.network,
            next_step="give a recipe, or the checkpoint of its network",
        )
    recipe = subject.recipe
    # max pooling stays as it is: every runtime here has its own
    plain = lower_avgpool(fold_batchnorm(drop_dropout(subject.snn)))
    if coded := analog(plain):
        plain = input_codes(plain, levels=levels(recipe), scale=recipe.data.scale)
    exact = to_grid(plain, bits=BITS)
    x = _sample(subject, recipe, case, coded=coded)
    if subject.weights == "trained":
        return Workload(case, recipe, exact, plain, x, f"trained ({Path(case.network).name})")
    return calibrated(Workload(case, recipe, exact, plain, x, ""), case)


def calibrated(workload: Workload, case: Case) -> Workload:
    """Return the same weights with thresholds, and events, for another rate and density."""
    from neurofer.train.calibrate import draw_sample
    from neurofer.train.rates import calibrate_rates

    x = workload.x
    if workload.recipe.contract.encoder == "events" and case.density != workload.case.density:
        x = np.moveaxis(draw_sample(workload.recipe, samples=case.batch, density=case.density), 0, 1)
    with doing(f"  calibrating thresholds to {case.rate:.0%} per step"):
        first = x[:, :1] if workload.recipe.contract.encoder == "events" else x[:1]
        exact, plain = (calibrate_rates(program, first, case.rate) for program in (workload.exact, workload.plain))
    weights = f"random, {case.rate:.0%} per step"
    return replace(workload, case=case, exact=exact, plain=plain, x=np.ascontiguousarray(x), weights=weights)


def _sample(subject: Subject, recipe: Recipe, case: Case, *, coded: bool) -> Array:
    from neurofer.data.encode import encode
    from neurofer.report.subject import raw_sample
    from neurofer.train.calibrate import draw_sample
    from neurofer.train.grid import levels, to_codes

    spec = recipe.contract
    if spec.encoder == "events" and subject.weights == "random":
        raw = draw_sample(recipe, samples=case.batch, density=case.density)
    else:
        raw, _ = raw_sample(recipe, samples=case.batch, seed=0)
    if coded:
        raw, _ = to_codes(raw, levels(recipe))
    return np.ascontiguousarray(encode(raw, spec.encoder, spec.steps, np.random.default_rng(0)))


@dataclass(frozen=True)
class Activity:
    """What happens in one run of a workload.

    Attributes:
        rate: spikes per neuron and step, of all neurons together.
        layers: the same for each spiking neuron node.
        operations: synaptic operations of each layer, over all samples: weights reached by spikes.
        readout: ``[N, *shape]``.
        plain: the readout of the program whose weights are on no grid.
    """

    rate: float
    layers: dict[str, float]
    operations: dict[str, int]
    readout: Array
    plain: Array


def activity(workload: Workload) -> Activity:
    """Run a workload once, recorded, and count."""
    from neurofer.backends import registry
    from neurofer.energy import count
    from neurofer.ir import nodes as n

    program = workload.exact
    trace = registry.load(_RECORDER, program).run(workload.x)
    trains = {name: train for name, train in trace.spikes.items() if isinstance(program.nodes[name], n.Neuron)}
    room = {name: trace.steps * trace.samples * math.prod(train.shape) for name, train in trains.items()}
    return Activity(
        sum(train.count for train in trains.values()) / sum(room.values()),
        {name: train.count / room[name] for name, train in trains.items()},
        {name: found.acs for name, found in count(program, trace).items() if found.acs},
        trace.read(program.contract.readout),
        registry.load(_RECORDER, workload.plain).run(workload.x).read(program.contract.readout),
    )
