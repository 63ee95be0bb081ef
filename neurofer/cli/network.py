"""The networks a command line can name: recipe, checkpoint, ``.nir`` file or bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofer.cli.outcome import doing, note
from neurofer.errors import NeuroferError, UsageError
from neurofer.report.subject import Subject, capture_network, raw_sample

if TYPE_CHECKING:
    from neurofer.ir import Program
    from neurofer.ir.contract import Scheme
    from neurofer.train.recipe import Recipe

STEPS = 100
"""Steps of a file that does not say how many it is meant for."""


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
    program = capture_network(module, recipe, baseline=baseline, dt=dt)
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
    return Subject(name, capture_network(module, recipe, dt=dt), "random", recipe, seed=seed)


def _widen(recipe: Recipe, width: int) -> Recipe:
    """Set the option that holds the channels of the first layer in network and baseline."""
    import msgspec

    from neurofer import nets

    table = msgspec.to_builtins(recipe)
    for part in ("network", "baseline"):
        known = nets.options(table[part]["architecture"])
        table[part]["options"]["width" if "width" in known else "channels"] = width
    return msgspec.convert(table, type(recipe))
