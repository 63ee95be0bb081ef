"""The networks a command line can name: recipe, checkpoint, ``.nir`` file or bundle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neurofer.cli.outcome import doing, note
from neurofer.errors import NeuroferError, UsageError

if TYPE_CHECKING:
    import nir
    from torch import nn

    from neurofer.ir import Program
    from neurofer.ir.contract import Scheme
    from neurofer.ir.nodes import Array
    from neurofer.report.bundle import Bundle
    from neurofer.train.recipe import Recipe

Weights = Literal["trained", "random", "file"]
STEPS = 100
"""Steps of a file that does not say how many it is meant for."""


@dataclass(frozen=True)
class Sample:
    """Input of a network.

    Attributes:
        x: ``[T, N, *shape]``, or ``[N, *shape]`` where the encoder is ``constant``.
        origin: where it comes from, in words.
    """

    x: Array
    origin: str


@dataclass(frozen=True)
class Subject:
    """A network that was named on the command line.

    Attributes:
        name: as it was named.
        snn: the program as it was captured or read (of a baseline's checkpoint: the ANN).
        weights: ``trained`` (checkpoint), ``random`` (seeded, calibrated) or ``file`` (what a file held).
        recipe: of a recipe or checkpoint, with the overrides applied.
        metrics: what a checkpoint knows of its training, e.g. ``test_accuracy``.
        seed: of random weights.
        baseline: whether ``snn`` is an ANN.
        graph: the NIR graph of a file that neurofer did not write.
        bundle: of a bundle.
        exact: whether it is lowered onto a dyadic grid, its images as integers.
        bits: width of integer weights on that grid; None for the finest grid.
    """

    name: str
    snn: Program
    weights: Weights
    recipe: Recipe | None = None
    metrics: dict[str, Any] | None = None
    seed: int = 0
    baseline: bool = False
    graph: nir.NIRGraph | None = None
    bundle: Bundle | None = None
    exact: bool = False
    bits: int | None = None

    @cached_property
    def lowered(self) -> Program:
        """The program after the standard lowering: what is exported and verified."""
        from neurofer.passes import lower
        from neurofer.train.grid import deploy

        return deploy(self.snn, self.recipe, bits=self.bits) if self.exact else lower(self.snn)

    @cached_property
    def ann(self) -> Program | None:
        """The ANN it is compared with, captured, with seeded weights; None without a recipe."""
        if self.recipe is None or self.baseline:
            return None
        from neurofer.train.networks import build_network

        return _capture(build_network(self.recipe, which="baseline", seed=self.seed), self.recipe, baseline=True)

    def sample(self, *, samples: int = 1, seed: int = 0, ann: bool = False) -> Sample | None:
        """Return samples of the recipe's data, seeded ones where it does not come with neurofer; None without recipe.

        Poisson spikes are drawn here, once. With ``ann`` they are what the baseline reads.
        """
        if self.recipe is None:
            return None
        x, origin = raw_sample(self.recipe, samples=samples, seed=seed)
        return self.as_input(x, origin, self.recipe, seed=seed, ann=ann)

    def as_input(self, x: Array, origin: str, recipe: Recipe, *, seed: int = 0, ann: bool = False) -> Sample:
        """Return samples as a data set holds them as the network reads them, see `sample`."""
        import numpy as np

        from neurofer.data.encode import encode, join_frames
        from neurofer.train.grid import analog, levels, to_codes

        spec = recipe.contract
        if self.baseline or ann:
            return Sample(join_frames(x) if spec.encoder == "events" else x, origin)
        if self.exact and analog(self.snn):
            codes, whole = to_codes(x, levels(recipe))
            return Sample(codes, origin if whole else f"{origin}, rounded to integers 0..{levels(recipe)}")
        return Sample(encode(x, spec.encoder, spec.steps, np.random.default_rng(seed)), origin)


def resolve(
    name: str,
    *,
    weights_seed: int = 0,
    reset: str | None = None,
    input_size: int | None = None,
    width: int | None = None,
    steps: int | None = None,
    dt: float | None = None,
    scheme: Scheme | None = None,
    calibrate: bool = True,
) -> Subject:
    """Return the network called ``name``. A ``.nir`` file or bundle is read without torch.

    Args:
        name: recipe, ``.toml`` file, ``.safetensors`` checkpoint, ``.nir`` file or bundle folder.
        weights_seed: of a recipe's weights.
        reset, input_size, width: overrides of a recipe: reset kind, height and width, channels of the first layer.
        steps: T, instead of the recipe's or file's; a file of others says none and gets ``STEPS``.
        dt: step in seconds, for recipes and for ``.nir`` files of others.
        scheme: discretisation, for ``.nir`` files of others.
        calibrate: whether random weights are made to spike; shapes and counts do not need it.

    Raises:
        UsageError: no such network, or overrides it does not take (all are named).
        NeuroferError: it cannot be read, captured or built.
    """
    path = Path(name)
    overrides = {"--reset": reset, "--input-size": input_size, "--width": width}
    if path.is_dir():
        _refuse_options(name, "a bundle", {**overrides, "--steps": steps, "--dt": dt, "--scheme": scheme})
        return _from_bundle(name)
    if path.suffix == ".nir":
        _refuse_options(name, "a .nir file", overrides)
        return _from_nir(name, dt, scheme, steps)
    _refuse_options(name, "a recipe or checkpoint", {"--scheme": scheme})
    if path.suffix == ".safetensors":
        _refuse_options(name, "a checkpoint", overrides)
        return _from_checkpoint(name, steps, dt)
    return _from_recipe(name, weights_seed, calibrate, dt, reset=reset, size=input_size, width=width, steps=steps)


def _refuse_options(name: str, kind: str, options: dict[str, Any]) -> None:
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{kind} does not take {', '.join(given)}", where=name, next_step="leave it out")


def _from_bundle(name: str) -> Subject:
    from neurofer.report.bundle import open_bundle
    from neurofer.verify.stateless import stateless

    bundle = open_bundle(name)
    program = bundle.program()
    return Subject(name, program, bundle.manifest.weights, baseline=stateless(program), bundle=bundle)


def _from_nir(name: str, dt: float | None, scheme: Scheme | None, steps: int | None) -> Subject:
    from neurofer.ir import serde

    graph = serde.read_graph(name)
    ours = "neurofer" in (graph.metadata or {})
    try:
        program = serde.from_nir(graph, dt=dt, scheme=scheme, steps=steps if ours else steps or STEPS)
    except NeuroferError as error:
        error.locate(name)
        raise
    _warn_of_long_steps(program)
    return Subject(name, program, "file", graph=None if ours else graph)


def _warn_of_long_steps(program: Program) -> None:
    """Tell of neurons that Euler's scheme makes oscillate: their time constant is shorter than a step."""
    import numpy as np

    from neurofer.ir.nodes import Neuron

    names = [
        name
        for name, node in program.nodes.items()
        if isinstance(node, Neuron)
        and any(alpha is not None and np.any(np.asarray(alpha) < 0) for alpha in (node.alpha_mem, node.alpha_syn))
    ]
    if names:
        dt = program.contract.dt
        note(
            f"a step of {dt:g} s is longer than a time constant of {', '.join(names)}: Euler's scheme is unstable there"
        )
        note("  next: give a shorter --dt, or --scheme exponential")


def _from_checkpoint(name: str, steps: int | None, dt: float | None) -> Subject:
    from neurofer.train.checkpoint import load_checkpoint
    from neurofer.train.recipe import override

    module, recipe, metrics = load_checkpoint(name)
    baseline = metrics["which"] == "baseline"
    if steps is not None:
        recipe = override(recipe, steps=steps)
    program = _capture(module, recipe, baseline=baseline, dt=dt)
    return Subject(name, program, "trained", recipe, metrics, recipe.training.seed, baseline)


def _from_recipe(name: str, seed: int, calibrate: bool, dt: float | None, **changes: Any) -> Subject:
    from neurofer.train.recipe import load_recipe, override

    width = changes.pop("width")
    recipe = override(load_recipe(name), **changes)
    if width is not None:
        recipe = _widen(recipe, width)
    from neurofer.train.calibrate import seeded
    from neurofer.train.networks import build_network

    if calibrate:
        with doing(f"  scaling random weights of {name} until its neurons spike"):
            module = seeded(recipe, seed, sample=raw_sample(recipe, samples=2, seed=seed)[0])
    else:
        module = build_network(recipe, seed=seed).eval()
    return Subject(name, _capture(module, recipe, dt=dt), "random", recipe, seed=seed)


def _widen(recipe: Recipe, width: int) -> Recipe:
    """Set the option that holds the channels of the first layer in network and baseline."""
    import msgspec

    from neurofer import nets

    table = msgspec.to_builtins(recipe)
    for part in ("network", "baseline"):
        known = nets.options(table[part]["architecture"])
        table[part]["options"]["width" if "width" in known else "channels"] = width
    return msgspec.convert(table, type(recipe))


def _capture(module: nn.Module, recipe: Recipe, *, baseline: bool = False, dt: float | None = None) -> Program:
    from neurofer.capture import capture
    from neurofer.train.recipe import contract

    channels, height, width = recipe.data.shape
    if baseline:  # sees the frames of all steps at once
        frames = recipe.contract.steps if recipe.contract.encoder == "events" else 1
        return capture(module.eval(), (channels * frames, height, width))
    return capture(module.eval(), (channels, height, width), contract=contract(recipe, dt=1e-4 if dt is None else dt))


def raw_sample(recipe: Recipe, *, samples: int, seed: int) -> tuple[Array, str]:
    """Return samples as a data set holds them, ``[N, *shape]`` or ``[N, T, *shape]``, and where they come from.

    They are the first of the recipe's test part where its data come with neurofer, else drawn.
    """
    from neurofer import data
    from neurofer.train.calibrate import draw_sample

    try:
        found = data.load(recipe.data)
    except UsageError:
        return draw_sample(recipe, samples=samples, seed=seed), f"drawn with seed {seed}, no natural data"
    return found.test.x[:samples], f"the first {samples} of the test part of {found.name}"
