"""Small sets of drawn faces, laid out as the owners of the real ones do."""

import numpy as np
import pytest

from neurofer.data import synthetic

cv2 = pytest.importorskip("cv2", reason="pictures and videos are written by OpenCV; pip install 'neurofer[faces]'")

PAD = 24


def frames(emotion, seed=0, count=4, size=120):
    """A drawn face before a wall, gray, moving from neutral to an emotion."""
    for picture in synthetic.film(seed, emotion, size=size, frames=count):
        yield np.pad(picture.astype(np.uint8), PAD, constant_values=128)


def write_pictures(folder, emotion, pattern="{:08}.png", **options):
    folder.mkdir(parents=True)
    for number, picture in enumerate(frames(emotion, **options), 1):
        assert cv2.imwrite(str(folder / pattern.format(number)), picture)


def write_video(path, emotion, fps=25.0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = list(frames(emotion, **options))
    height, width = shown[0].shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height), isColor=False)
    for picture in shown:
        writer.write(picture)
    writer.release()
    assert path.stat().st_size


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def ckplus(tmp_path):
    """Six sequences: three of the six emotions, one neutral, one contempt, one without a label."""
    codes = {"S005/001": 3, "S010/001": 5, "S010/002": 7, "S010/003": 2, "S011/001": 0, "S011/002": None}
    for place, code in codes.items():
        subject, number = place.split("/")
        name = f"{subject}_{number}"
        write_pictures(tmp_path / "cohn-kanade-images" / place, "disgust", f"{name}_{{:08}}.png")
        label = tmp_path / "Emotion" / place
        if code is None:
            label.mkdir(parents=True)
        else:
            write(label / f"{name}_00000004_emotion.txt", f"   {code}.0000000e+00\n")
    write(tmp_path / "cohn-kanade-images" / "S005" / "001" / ".DS_Store", "")
    return tmp_path


@pytest.fixture
def mmi(tmp_path):
    """Seven sessions: two good ones, one from the side, one of both views, one bored, one without label or video."""
    session = '<session sessionId="{}"><subject id="7"/><track view="{}" filename="{}.avi"/></session>'
    emotion = '<Session><Metatag Name="Gender" Value="1"/><Metatag Name="Emotion" Value="{}"/></Session>'
    told = [("S001-001", 0, 4), ("S001-002", 0, 6), ("S002-001", 1, 4), ("S002-002", 2, 4), ("S003-001", 0, 9)]
    for number, (name, view, value) in enumerate(told, 1):
        home = tmp_path / "Sessions" / str(number)
        write_video(home / f"{name}.avi", "happy", count=8)
        write(home / "session.xml", session.format(number, view, name))
        write(home / f"{name}.xml", emotion.format(value))
    units = "".join(
        f'<ActionUnit Number="{unit}"><Marker Frame="1" Type="0"/><Marker Frame="2" Type="1"/>'
        f'<Marker Frame="{apex}" Type="2"/><Marker Frame="7" Type="3"/></ActionUnit>'
        for unit, apex in (("6", 4), ("12", 5))
    )
    write(tmp_path / "Sessions" / "1" / "S001-001-oao_aucs.xml", f"<AUCoding>{units}</AUCoding>")
    write_video(tmp_path / "Sessions" / "6" / "S004-001.avi", "fear")
    write(tmp_path / "Sessions" / "6" / "session.xml", session.format(6, 0, "S004-001"))
    write(tmp_path / "Sessions" / "7" / "session.xml", session.format(7, 0, "S004-002"))
    return tmp_path


@pytest.fixture
def adfes(tmp_path):
    """Six films: three from the front that count, one turned away, one proud, and one that is something else."""
    names = ("F01-Joy-Face Forward", "F01-Anger-face forward", "M02_Sadness_Face_Forward", "F01-Joy-Turn Away")
    for name in (*names, "F01-Pride-Face Forward", "calibration"):
        write_video(tmp_path / "North European" / f"{name}.AVI", "happy")
    return tmp_path


@pytest.fixture
def casia(tmp_path):
    """Four sequences: two of the camera and light that count, one of another light, one of the other camera."""
    for place in ("VL/Strong/P001/Anger", "VL/strong/P002/Happiness", "VL/Weak/P001/Anger", "NI/Strong/P001/Anger"):
        write_pictures(tmp_path / "OriginalImg" / place, "anger", "{:03}.JPEG")
    return tmp_path
