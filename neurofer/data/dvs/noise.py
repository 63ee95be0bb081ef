"""How strong the noise before the comparators has to be for a wanted rate of noise events."""

from __future__ import annotations

import math

import numpy as np

from neurofer.data.dvs.params import Params


def photoreceptor_noise_rms(params: Params, elapsed: float) -> float:
    """The RMS of the white noise, in natural-log units, that makes the shot noise rate after the lowpass.

    The fit of threshold over noise against rate over bandwidth is v2e's (Graca and Delbruck 2021, figure 3), averaged
    over the smaller threshold of a pixel. v2e measures the loss of the one-pole lowpass on random samples; here it is
    its closed form, sqrt(eps / (2 - eps)).

    Args:
        params: the pixel; cutoff_hz and shot_noise_rate_hz are above 0.
        elapsed: the time between two frames in seconds.
    """
    x = math.log10(params.shot_noise_rate_hz / params.cutoff_hz / 2)
    thresholds_per_rms = 10 ** (-0.0026 * x**3 - 0.036 * x**2 - 0.1949 * x + 0.321)
    share = min(elapsed * 2 * math.pi * params.cutoff_hz, 1.0)
    return smaller_threshold(params) / thresholds_per_rms / math.sqrt(share / (2 - share))


def smaller_threshold(params: Params) -> float:
    """The mean of the smaller of two normal thresholds of one spread (Clark 1961)."""
    on, off, sigma = params.on_threshold, params.off_threshold, params.threshold_sigma
    if sigma == 0:
        return min(on, off)
    spread = sigma * math.sqrt(2)
    z = (off - on) / spread
    below = (1 + math.erf(z / math.sqrt(2))) / 2
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float(np.clip(on * below + off * (1 - below) - spread * density, 0.01, None))
