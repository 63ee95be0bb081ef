"""Six expressions as movements of facial muscles over time, in the action units of FACS (Ekman and Friesen 1978)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

# In the order of the labels 0 to 5, as in the authors' data sets.
EXPRESSIONS = ("happy", "fear", "surprise", "anger", "disgust", "sadness")

# Which action units make an expression at its apex, and how strongly.
PROTOTYPES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "happy": {"cheek_raise": 0.9, "lip_corner_pull": 1.0, "lips_part": 0.45},
        "fear": {
            "inner_brow_raise": 0.9,
            "outer_brow_raise": 0.5,
            "brow_lower": 0.45,
            "lid_raise": 0.9,
            "lip_stretch": 1.0,
            "lips_part": 0.55,
            "jaw_drop": 0.12,
        },
        "surprise": {
            "inner_brow_raise": 0.9,
            "outer_brow_raise": 1.0,
            "lid_raise": 0.8,
            "lip_round": 0.7,
            "jaw_drop": 1.0,
        },
        "anger": {"brow_lower": 1.0, "lid_tighten": 0.8, "lid_raise": 0.3, "lip_tighten": 1.0, "chin_raise": 0.35},
        "disgust": {
            "brow_lower": 0.4,
            "lid_tighten": 0.7,
            "cheek_raise": 0.4,
            "nose_wrinkle": 1.0,
            "upper_lip_raise": 1.0,
            "lip_corner_depress": 0.35,
        },
        "sadness": {
            "inner_brow_raise": 1.0,
            "brow_lower": 0.35,
            "lid_droop": 0.6,
            "lip_corner_depress": 1.0,
            "chin_raise": 0.7,
        },
    }
)
UNITS = tuple(sorted({unit for units in PROTOTYPES.values() for unit in units}))


@dataclass(frozen=True)
class Unit:
    """One action unit over time: rest until `start`, then a smooth rise to `apex` that takes `rise`.

    Attributes:
        apex: activation at the end, about 0 to 1.
        start: as a share of the clip.
        rise: as a share of the clip.
    """

    apex: float
    start: float
    rise: float

    def at(self, time: float) -> float:
        """The activation at a share of the clip, 0 to 1."""
        x = min(max((time - self.start) / self.rise, 0.0), 1.0)
        return self.apex * x * x * (3 - 2 * x)


@dataclass(frozen=True)
class Performance:
    """What a face does in one clip: action units by name, and a blink (the share of the clip it starts at)."""

    units: Mapping[str, Unit]
    blink: float | None

    def at(self, time: float) -> dict[str, float]:
        """Activations of all units and of `blink` at a share of the clip, 0 to 1."""
        active = {name: self.units[name].at(time) if name in self.units else 0.0 for name in UNITS}
        shut = 0.0 if self.blink is None else max(0.0, 1 - abs(time - self.blink - 0.1) / 0.1)
        return {**active, "blink": min(1.0, 1.6 * shut)}


def perform(expression: str, rng: np.random.Generator, *, strength: tuple[float, float] = (0.6, 1.0)) -> Performance:
    """Draw a performance: nobody shows an expression twice in the same way.

    Args:
        expression: of EXPRESSIONS.
        rng: source of the draws.
        strength: bounds of the apex, 1 being the prototype.
    """
    overall = rng.uniform(*strength)
    start, rise = rng.uniform(0.05, 0.3), rng.uniform(0.3, 0.6)
    units = {
        name: Unit(
            apex=min(1.15, apex * overall * rng.uniform(0.7, 1.25)),
            start=float(np.clip(start + rng.normal(0, 0.04), 0.02, 0.35)),
            rise=float(np.clip(rise * rng.uniform(0.8, 1.2), 0.2, 0.64)),
        )
        for name, apex in PROTOTYPES[expression].items()
    }
    # What belongs to no expression: a little of any unit, and blinking.
    for name in UNITS:
        if name not in units and rng.random() < 0.25:
            units[name] = Unit(rng.uniform(0, 0.2), rng.uniform(0.02, 0.4), rng.uniform(0.2, 0.5))
    return Performance(units, rng.uniform(0, 0.8) if rng.random() < 0.35 else None)
