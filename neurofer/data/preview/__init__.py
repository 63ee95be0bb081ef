"""Events over time to look at: a sheet of frames with the rate of events as PNG, or a moving picture as GIF."""

from __future__ import annotations

from neurofer.data.preview.picture import draw
from neurofer.data.preview.slices import Slices, slice_events, slice_recording

__all__ = ["Slices", "draw", "slice_events", "slice_recording"]
