"""The Contract: what a Program alone does not say about how it is run and read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from neurofer.errors import Problem, ProgramError

Scheme = Literal["euler", "exponential"]
Encoder = Literal["events", "constant", "poisson"]
Reduction = Literal["sum", "last", "rate", "argmax"]


@dataclass(frozen=True)
class Readout:
    """How the output over time becomes one vector per sample.

    Attributes:
        reduction: ``sum`` over all steps, the ``last`` step, the ``rate`` (mean over steps) or the sum's ``argmax``.
        output: the Output node read; empty for the only one.
    """

    reduction: Reduction = "sum"
    output: str = ""


@dataclass(frozen=True)
class Contract:
    """Time, input and output of a Program.

    Attributes:
        dt: length of a step in seconds; turns NIR's time constants into coefficients.
        scheme: discretisation of NIR's differential equations: ``euler`` or ``exponential``.
        steps: number of steps T.
        encoder: ``events`` (recorded frames), ``constant`` (the same every step) or ``poisson`` (drawn once, recorded).
        readout: how the output is read.
        preprocessing: what happened to the data before it entered, in words.

    Raises:
        ProgramError: values that are none of these; all at once.
    """

    dt: float = 1e-4
    scheme: Scheme = "euler"
    steps: int = 1
    encoder: Encoder = "events"
    readout: Readout = field(default_factory=Readout)
    preprocessing: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "dt", float(self.dt))
        object.__setattr__(self, "steps", int(self.steps))
        words = {
            "scheme": (self.scheme, get_args(Scheme)),
            "encoder": (self.encoder, get_args(Encoder)),
            "readout": (self.readout.reduction, get_args(Reduction)),
        }
        problems = [
            Problem(name, f"{value!r} is not one of {', '.join(allowed)}")
            for name, (value, allowed) in words.items()
            if value not in allowed
        ]
        if not (math.isfinite(self.dt) and self.dt > 0):
            problems.append(Problem("dt", f"a step of {self.dt} s has no length"))
        if self.steps < 1:
            problems.append(Problem("steps", f"{self.steps} steps are none"))
        if problems:
            raise ProgramError("the contract cannot be kept", problems=problems)
