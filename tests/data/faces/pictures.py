"""Frames with a face that was moved in a known way, and how to compare pictures."""

import cv2
import numpy as np

EYES = np.array([(202.3, 100.4), (244.7, 102.5)])
"""Of the astronaut, by the network of face-api.js in another implementation."""


def moved(frame, *, degrees=0.0, shift=(0.0, 0.0), scale=1.0, about=(222.0, 120.0)):
    """The frame turned clockwise about a point, scaled from there and shifted, and the map [2, 3] that did it."""
    matrix = cv2.getRotationMatrix2D(about, -degrees, scale)
    matrix[:, 2] += shift
    size = frame.shape[1::-1]
    return cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), matrix


def beside(frame):
    """The frame twice, side by side."""
    return np.concatenate([frame, frame], axis=1)


def apart(one, other):
    """Mean absolute difference of two pictures, in shares of the spread of the first."""
    one, other = one.astype(float), other.astype(float)
    return float(np.abs(one - other).mean() / one.std())
