"""Recordings of event cameras: reading them in any common format, and binning them into frames."""

from neurofer.data.events.binning import bin_edges, bin_events
from neurofer.data.events.decoder import COLOUR, DTYPE, Events
from neurofer.data.events.read import (
    FORMATS,
    Recording,
    RecordingError,
    describe_events,
    read_events,
    stream_events,
)

__all__ = [
    "COLOUR",
    "DTYPE",
    "FORMATS",
    "Events",
    "Recording",
    "RecordingError",
    "bin_edges",
    "bin_events",
    "describe_events",
    "read_events",
    "stream_events",
]
