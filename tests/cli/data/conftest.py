"""A recording, a short video and a small built data set, made once; no test changes them."""

import cv2
import numpy as np
import pytest

from neurofer.cli import execute
from neurofer.data.synthetic import film
from tests.data.events import encoders

EVENTS = encoders.sample(3000, span=900_000)


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """EVENTS as ES, which tells a sensor of 304 x 240."""
    path = tmp_path_factory.mktemp("recording") / "short.es"
    path.write_bytes(encoders.es(EVENTS))
    return path


@pytest.fixture(scope="session")
def film_file(tmp_path_factory):
    """Ten frames of 64 x 48 at 25 frames per second, without loss."""
    path = tmp_path_factory.mktemp("film") / "face.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (64, 48), isColor=False)
    for picture in film(4, "surprise", frames=10, size=64):
        writer.write(np.rint(picture[8:56]).astype(np.uint8))
    writer.release()
    return path


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Twelve synthetic clips of two people, 32 x 32."""
    folder = tmp_path_factory.mktemp("built") / "faces"
    options = ["--clips", "12", "--size", "32", "--frames", "8", "--subjects", "2", "--jobs", "1", "--json"]
    assert execute(["data", "build", "synthetic", "--out", str(folder), *options]) == 0
    return folder


@pytest.fixture
def copy(built, tmp_path):
    """The data set, to be changed."""
    import shutil

    return shutil.copytree(built, tmp_path / "copy")
