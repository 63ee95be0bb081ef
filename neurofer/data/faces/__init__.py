"""Faces of a video standardised: turned to the first frame, cropped around the nose, gray, 200 x 200.

    video = open_video("S001.avi")
    clip = standardise(video.frames(), provider="opencv", crop="face")
    events = dvs.convert(clip.frames, times=clip.numbers / video.fps, params="spiking-fer")

A frame without one upright face is reported with its number and reason, never guessed; one that is tilted by more than
about 15 degrees counts as such.
"""

from __future__ import annotations

from neurofer.data.faces.align import CROPS, Crop, Placement
from neurofer.data.faces.face import Face, Fault, Provider, Reason
from neurofer.data.faces.providers import PROVIDERS, named_provider
from neurofer.data.faces.standardise import POLICIES, FaceError, Frame, Report, Standardised, standardise, stream

__all__ = [
    "CROPS",
    "POLICIES",
    "PROVIDERS",
    "Crop",
    "Face",
    "FaceError",
    "Fault",
    "Frame",
    "Placement",
    "Provider",
    "Reason",
    "Report",
    "Standardised",
    "named_provider",
    "standardise",
    "stream",
]
