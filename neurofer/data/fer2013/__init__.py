"""FER2013 (Goodfellow et al. 2013) and its second labels FER+ (Barsoum et al. 2016), from the forms they come in."""

from neurofer.data.fer2013.faces import EMOTIONS, PARTS, SIDE, Faces
from neurofer.data.fer2013.ferplus import EMOTIONS_PLUS, Rule
from neurofer.data.fer2013.read import NAMES, class_counts, read_faces, read_fer2013

__all__ = [
    "EMOTIONS",
    "EMOTIONS_PLUS",
    "NAMES",
    "PARTS",
    "SIDE",
    "Faces",
    "Rule",
    "class_counts",
    "read_faces",
    "read_fer2013",
]
