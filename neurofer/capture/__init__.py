"""Trained module -> Program. One file per framework: a table from module type to nodes."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from neurofer.errors import CaptureError, UsageError
from neurofer.ir import BINARY, REAL, Contract, Program, Readout
from neurofer.ir.contract import Encoder, Reduction
from neurofer.ir.nodes import Input, Shape

if TYPE_CHECKING:
    from torch import nn

    from neurofer.capture.framework import Framework
    from neurofer.capture.signal import Signal
    from neurofer.capture.timing import Timing

FRAMEWORKS = ("norse", "snntorch", "spikingjelly")
"""Frameworks with a file of their own here; a module that uses none of them is plain torch."""


def capture(
    module: nn.Module,
    input_shape: Shape,
    *,
    steps: int | None = None,
    contract: Contract | None = None,
    encoder: Encoder | None = None,
) -> Program:
    """Capture a trained module as a Program with the same outputs in evaluation mode; the module is left as it is.

    The nodes carry the modules' paths as names and share their weights' memory. Time may be an axis ``[T, N, *]``, a
    loop in the forward, or outside: then the module is one step, and what it returns behind its output are states,
    which its caller hands to the next step. Neurons start from rest. Where a static prefix is repeated, the encoder is
    ``constant``. A reduction over time at the end becomes the readout.

    Args:
        module: a torch module, of a framework in `FRAMEWORKS` or plain.
        input_shape: shape of one sample at one step, without time and batch.
        steps: T; needed where neither the forward, the contract nor an attribute ``steps`` or ``T`` says it.
        contract: dt, scheme and preprocessing, and what the module leaves open: steps, encoder, readout.
        encoder: how data becomes input; default: what the module shows, else the contract's, else ``events``
            (``constant`` for an ANN). Spikes (``events``, ``poisson``) are binary.

    Raises:
        CaptureError: everything that a Program cannot express, at once, with module paths.
        UsageError: T is not known, or ``steps`` or ``encoder`` contradict the module.
    """
    from neurofer.capture.graph import Walker
    from neurofer.capture.timing import read_timing
    from neurofer.capture.trace import trace

    framework = _framework(module)
    said = steps if steps is not None else _said(module, contract)
    graph = trace(module, framework, said)
    timing = read_timing(graph, dict(module.named_modules()), framework)
    length = _steps(module, timing, steps, said)
    coding = _encoder(module, timing, contract, encoder)
    source = Input(input_shape, REAL if coding == "constant" else BINARY)
    walker = Walker(module, graph, framework, timing, length, source)
    out = walker.walk()
    if walker.problems:
        raise CaptureError(f"{type(module).__name__} cannot be captured", problems=walker.problems)
    found = contract or Contract(readout=Readout("last" if timing.timeless else "sum"))
    readout = replace(found.readout, reduction=_reduction(out) or found.readout.reduction)
    found = replace(found, steps=length, encoder=coding, readout=readout)
    return Program(walker.builder.nodes, tuple(walker.builder.edges), found)


def _framework(module: nn.Module) -> Framework:
    roots = {kind.__module__.split(".")[0] for part in module.modules() for kind in type(part).__mro__}
    used = [name for name in FRAMEWORKS if name in roots]
    if len(used) > 1:
        raise CaptureError(
            f"{type(module).__name__} mixes {' and '.join(used)}", next_step="use modules of one framework"
        )
    found: Framework = import_module(f"neurofer.capture.{used[0] if used else 'torch'}").FRAMEWORK
    return found


def _said(module: nn.Module, contract: Contract | None) -> int | None:
    """T as the contract says it, or an attribute of the module."""
    if contract is not None and contract.steps != Contract().steps:
        return contract.steps
    named = [getattr(module, name, None) for name in ("steps", "T")]
    return next((value for value in named if isinstance(value, int)), None)


def _steps(module: nn.Module, timing: Timing, asked: int | None, said: int | None) -> int:
    name = type(module).__name__
    if asked is not None and timing.steps not in (None, asked):
        raise UsageError(f"{name} runs {timing.steps} steps, not {asked}", next_step=f"use steps={timing.steps}")
    if asked is not None and asked < 1:
        raise UsageError(f"a network cannot run {asked} steps", next_step="use at least 1")
    known = timing.steps or asked or said or (1 if timing.timeless else None)
    if known is None:
        raise UsageError(f"{name} does not say how many steps it runs", next_step="give steps=T")
    return known


def _encoder(module: nn.Module, timing: Timing, contract: Contract | None, asked: Encoder | None) -> Encoder:
    if timing.kind == "static":
        if asked not in (None, "constant"):
            why = "its forward repeats one input at every step"
            raise UsageError(
                f"{type(module).__name__} cannot take {asked}", why=why, next_step="use encoder='constant'"
            )
        return "constant"
    if asked is not None:
        return asked
    if contract is not None:
        return contract.encoder
    return "constant" if timing.timeless else "events"


def _reduction(out: Signal) -> Reduction | None:
    """Return the readout the forward carries out, or None where it leaves time to the contract."""
    if out.kind == "seq" or (out.kind == "step" and out.step == 0):
        return None
    return {"sum": "sum", "mean": "rate"}.get(out.pending or "", "last")  # type: ignore[return-value]
