"""Recordings of event cameras: reading and writing them in common formats, and binning them into frames."""

from neurofer.data.events.binning import bin_edges, bin_events
from neurofer.data.events.decoder import COLOUR, DTYPE, Events
from neurofer.data.events.read import (
    FORMATS,
    Recording,
    RecordingError,
    describe_events,
    format_of,
    read_events,
    sensor_of,
    stream_events,
)
from neurofer.data.events.write import WRITABLE, write_events

__all__ = [
    "COLOUR",
    "DTYPE",
    "FORMATS",
    "WRITABLE",
    "Events",
    "Recording",
    "RecordingError",
    "bin_edges",
    "bin_events",
    "describe_events",
    "format_of",
    "read_events",
    "sensor_of",
    "stream_events",
    "write_events",
]
