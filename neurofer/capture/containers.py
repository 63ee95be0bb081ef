"""Marks of containers that take time apart or feed their output back -> what they do to a Signal."""

# ruff: noqa: ARG001 - all functions take the walker

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from neurofer.capture.framework import Inside, refuse
from neurofer.capture.signal import Signal
from neurofer.ir import Edge
from neurofer.ir import nodes as n

if TYPE_CHECKING:
    from neurofer.capture.graph import Walker


def enter(w: Walker, x: Signal, inside: Inside) -> Signal:
    """Take the time axis apart for a container's children."""
    refuse((x.kind != "seq", f"takes all steps at once, but gets a value that is {x.kind}", "Repeat before it"))
    return replace(w.settle(x), kind=inside, step=0)


def leave(w: Walker, x: Signal) -> Signal:
    """Put the time axis back."""
    return replace(x, kind="seq")


def begin(w: Walker, x: Signal) -> Signal:
    """Make the node to which the output of the step before is added."""
    return w.apply((n.Scale(1.0),), w.settle(x), ("begin", w.name("")), w.name("input"))


def close(w: Walker, out: Signal, entered: Signal) -> Signal:
    """Add an output to what enters in the next step."""
    refuse((out.shape != entered.shape, f"its output {out.shape} is added to its input {entered.shape}", ""))
    for term in out.terms:
        w.builder.connect(Edge(term, entered.terms[0], delay=1))
    return out
