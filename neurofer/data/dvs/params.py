"""What a DVS pixel is like: its thresholds, its speed and its noise, under the names that v2e's users know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

from neurofer.errors import Problem, UsageError

Response = Literal["lin-log", "log"]
Times = Literal["grid", "crossing"]


@dataclass(frozen=True)
class Params:
    """The parameters of a DVS pixel (v2e, Hu et al. 2021; facts in natural-log units, hertz and seconds).

    Attributes:
        on_threshold: mean change of log intensity that makes an ON event.
        off_threshold: mean change that makes an OFF event.
        threshold_sigma: standard deviation of both from pixel to pixel; no threshold is under 0.01.
        cutoff_hz: 3 dB cutoff of the photoreceptor at full intensity; it falls with intensity. 0: infinitely fast.
        leak_rate_hz: ON events per second and pixel without any light change.
        leak_jitter: relative spread of the leak from frame to frame.
        leak_spread_decades: spread of the leak from pixel to pixel, log-normal.
        shot_noise_rate_hz: noise events per second and pixel in the dark; a quarter of it at full intensity.
        refractory_s: a pixel is silent for so long after an event.
        photoreceptor_noise: make shot noise by lowpassed Gaussian noise before the comparators instead of by drawing
            events, so that it alternates in sign as in a sensor; needs cutoff_hz and shot_noise_rate_hz.
        mapping: `lin-log` (linear up to 20 of 255, then logarithmic; v2e) or `log`, log(I / 255 + 0.001) (ESIM).
        times: `grid`, v2e's: all pixels of a frame share the steps of the busiest one, and an event takes the first
            free step; `crossing`, ESIM's (Rebecq et al. 2018): the time at which the pixel's own, linearly
            interpolated log intensity crosses the threshold.
    """

    on_threshold: float = 0.2
    off_threshold: float = 0.2
    threshold_sigma: float = 0.0
    cutoff_hz: float = 0.0
    leak_rate_hz: float = 0.0
    leak_jitter: float = 0.0
    leak_spread_decades: float = 0.0
    shot_noise_rate_hz: float = 0.0
    refractory_s: float = 0.0
    photoreceptor_noise: bool = False
    mapping: Response = "lin-log"
    times: Times = "grid"

    def __post_init__(self) -> None:
        problems = [
            Problem(field.name, f"{getattr(self, field.name)} is not a finite number of at least 0")
            for field in fields(self)
            if field.type == "float" and not (math.isfinite(value := getattr(self, field.name)) and value >= 0)
        ]
        problems += [
            Problem(name, "a threshold under 0.01 fires on rounding errors")
            for name in ("on_threshold", "off_threshold")
            if 0 <= getattr(self, name) < 0.01
        ]
        if self.photoreceptor_noise and not (self.cutoff_hz > 0 and self.shot_noise_rate_hz > 0):
            problems.append(Problem("photoreceptor_noise", "needs cutoff_hz and shot_noise_rate_hz above 0"))
        if self.mapping not in {"lin-log", "log"}:
            problems.append(Problem("mapping", f"{self.mapping!r} is unknown", "lin-log or log"))
        if self.times not in {"grid", "crossing"}:
            problems.append(Problem("times", f"{self.times!r} is unknown", "grid or crossing"))
        if problems:
            raise UsageError("these are no parameters of a DVS pixel", problems=problems)


_CLI_DEFAULTS = Params(
    threshold_sigma=0.03,
    cutoff_hz=300.0,
    leak_rate_hz=0.01,
    leak_jitter=0.1,
    leak_spread_decades=0.1,
    shot_noise_rate_hz=0.001,
    refractory_s=0.0005,
)

PRESETS: Mapping[str, Params] = MappingProxyType(
    {
        # The command in the README of the authors of Spiking-FER, whose other options are v2e's defaults; hence the
        # refractory period. Without the weights of SuperSloMo the frames stay as they are.
        "spiking-fer": Params(threshold_sigma=0.02, leak_jitter=0.1, leak_spread_decades=0.1, refractory_s=0.0005),
        # v2e --dvs_params clean and noisy, v2e without options, and v2e's class EventEmulator without arguments.
        "clean": Params(threshold_sigma=0.02),
        "noisy": Params(
            threshold_sigma=0.05,
            cutoff_hz=30.0,
            leak_rate_hz=0.1,
            leak_jitter=0.1,
            leak_spread_decades=0.1,
            shot_noise_rate_hz=5.0,
        ),
        "v2e": _CLI_DEFAULTS,
        "v2e-class": Params(threshold_sigma=0.03, leak_rate_hz=0.1, leak_jitter=0.1, leak_spread_decades=0.1),
        "ideal": Params(),
        # What ESIM and vid2e call the model: plain logarithm, thresholds without spread, true crossing times.
        "esim": Params(mapping="log", times="crossing"),
    }
)


def preset(name: str) -> Params:
    """The parameters of that name.

    Raises:
        UsageError: no such preset.
    """
    if name not in PRESETS:
        raise UsageError(f"there is no DVS preset '{name}'", next_step=f"choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
