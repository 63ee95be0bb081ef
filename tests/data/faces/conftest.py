"""Faces to standardise: a picture in the public domain that comes with scikit-image, and the weights of a network."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def astronaut():
    """One face in the light, RGB [512, 512, 3]."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session", params=["", "_tiny"], ids=["large", "tiny"])
def landmarks(shared, request) -> Path:
    """Weights of the 68-landmark networks of face-api.js."""
    return shared / "data" / "landmarks" / f"face_landmark_68{request.param}_model-weights_manifest.json"
