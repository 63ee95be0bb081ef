"""Video to events: a model of the pixels of a DVS (v2e, Hu et al. 2021; crossing times as in ESIM, Rebecq et al. 2018).

    events = convert(frames, fps=30, params="spiking-fer", seed=1)

Frames are luma of 0 to 255. Nothing is interpolated between frames unless `interpolate` is asked to.
"""

from __future__ import annotations

from neurofer.data.dvs.convert import convert, interpolate, stream
from neurofer.data.dvs.params import PRESETS, Params, preset

__all__ = ["PRESETS", "Params", "convert", "interpolate", "preset", "stream"]
