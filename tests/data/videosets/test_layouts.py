"""Each set is found as its owners lay it out; what is left out is counted, what is wrong is named."""

import shutil

import pytest

from neurofer.data import videosets
from neurofer.errors import ReadError, UsageError


def told(found):
    return [(clip.id, clip.emotion, clip.subject, clip.path.as_posix(), clip.stop) for clip in found.clips]


def test_ckplus(ckplus):
    found = videosets.find("ckplus", ckplus)
    assert told(found) == [
        ("S005-001", "disgust", "S005", "cohn-kanade-images/S005/001", None),
        ("S010-001", "happy", "S010", "cohn-kanade-images/S010/001", None),
        ("S010-002", "surprise", "S010", "cohn-kanade-images/S010/002", None),
    ]
    assert found.left_out == {"contempt": 1, "neutral": 1, "no emotion label": 1}


def test_ckplus_in_other_letters_and_one_level_down(ckplus):
    (ckplus / "down").mkdir()
    (ckplus / "cohn-kanade-images").rename(ckplus / "down" / "Cohn-Kanade-Images")
    (ckplus / "Emotion").rename(ckplus / "down" / "EMOTION")
    for path in (ckplus / "down").rglob("*.png"):
        path.rename(path.with_suffix(".PNG"))
    assert len(videosets.find("ckplus", ckplus).clips) == len(videosets.find("ckplus", ckplus / "down").clips) == 3


def test_labels_of_ckplus_that_are_none_are_all_named(ckplus):
    for place, text in (("S005/001", "8"), ("S010/001", "happy"), ("S010/002", "-1"), ("S010/003", "nan")):
        next((ckplus / "Emotion" / place).iterdir()).write_text(text)
    with pytest.raises(ReadError, match="labels that are none") as caught:
        videosets.find("ckplus", ckplus)
    assert [problem.why for problem in caught.value.problems] == [
        "'8', expected 0 to 7",
        "'happy', expected 0 to 7",
        "'-1', expected 0 to 7",
        "'nan', expected 0 to 7",
    ]
    assert caught.value.problems[0].where == "S005/001/S005_001_00000004_emotion.txt"


def test_mmi(mmi):
    found = videosets.find("mmi", mmi)
    assert told(found) == [
        ("S001-001", "happy", "S001", "Sessions/1/S001-001.avi", 5),
        ("S001-002", "surprise", "S001", "Sessions/2/S001-002.avi", None),
    ]
    assert found.left_out == {
        "emotion 9": 1,
        "no emotion label": 1,
        "no video": 1,
        "seen from the side": 1,
        "two views in one picture": 1,
    }
    assert told(videosets.find("mmi", mmi / "Sessions"))[0][:3] == ("S001-001", "happy", "S001")


def test_sessions_of_mmi_may_name_the_subject_and_the_emotion_in_words(mmi):
    home = mmi / "Sessions" / "2"
    (home / "S001-002.avi").rename(home / "clip.avi")
    (home / "S001-002.xml").write_text('<session><metatag name="emotion" value="Happiness"/></session>')
    assert told(videosets.find("mmi", mmi))[1] == ("clip", "happy", "7", "Sessions/2/clip.avi", None)


def test_damaged_sessions_of_mmi_are_all_named(mmi):
    (mmi / "Sessions" / "5" / "session.xml").write_text("<session")
    coded = mmi / "Sessions" / "1" / "S001-001-oao_aucs.xml"
    coded.write_text(coded.read_text().replace('Frame="4"', 'Frame="four"'))
    with pytest.raises(ReadError, match="sessions that are damaged") as caught:
        videosets.find("mmi", mmi)
    assert [problem.where for problem in caught.value.problems] == ["Sessions/1", "Sessions/5"]


def test_adfes(adfes):
    found = videosets.find("adfes", adfes)
    assert told(found) == [
        ("F01-Anger", "anger", "F01", "North European/F01-Anger-face forward.AVI", None),
        ("F01-Joy", "happy", "F01", "North European/F01-Joy-Face Forward.AVI", None),
        ("M02-Sadness", "sadness", "M02", "North European/M02_Sadness_Face_Forward.AVI", None),
    ]
    assert found.left_out == {"another name": 1, "pride": 1, "turn away": 1}


def test_films_of_adfes_that_are_there_twice_are_named(adfes):
    (adfes / "copy").mkdir()
    shutil.copy(adfes / "North European" / "F01-Joy-Face Forward.AVI", adfes / "copy")
    with pytest.raises(ReadError, match=r"same person and emotion(.|\n)*copy/F01-Joy|North European/F01-Joy"):
        videosets.find("adfes", adfes)


def test_casia(casia):
    found = videosets.find("casia", casia)
    assert told(found) == [
        ("P001-Anger", "anger", "P001", "OriginalImg/VL/Strong/P001/Anger", None),
        ("P002-Happiness", "happy", "P002", "OriginalImg/VL/strong/P002/Happiness", None),
    ]
    assert found.left_out == {"NI/Strong": 1, "VL/Weak": 1}
    infrared = videosets.find("casia", casia, camera="NI")
    assert [clip.path.as_posix() for clip in infrared.clips] == ["OriginalImg/NI/Strong/P001/Anger"]


def test_a_part_of_casia_will_do(casia):
    (casia / "OriginalImg" / "VL").rename(casia / "OriginalImg" / "VL_Acropped")
    found = videosets.find("casia", casia / "OriginalImg" / "VL_Acropped" / "Strong")
    assert told(found) == [("P001-Anger", "anger", "P001", "P001/Anger", None)]


def test_two_forms_of_casia_at_once_are_refused(casia):
    shutil.copytree(casia / "OriginalImg" / "VL", casia / "PreProcess" / "VL_Acropped")
    with pytest.raises(
        ReadError, match=r"sets of the camera VL: .*OriginalImg/VL.*PreProcess/VL_Acropped(.|\n)*one of them"
    ):
        videosets.find("casia", casia)


@pytest.mark.parametrize("layout", videosets.LAYOUTS)
def test_another_folder_is_refused_with_what_was_expected_and_what_is_there(layout, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/x.png", "a/b/y.JPG", "film.mov", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(
        ReadError, match=r"no clips in this folder: expected .*; found 1 other files, 2 pictures, 1 videos"
    ):
        videosets.find(layout, tmp_path)
    with pytest.raises(ReadError, match="no such folder"):
        videosets.find(layout, tmp_path / "nothing")


def test_what_was_left_out_is_told_where_nothing_is_left(adfes):
    for path in (adfes / "North European").iterdir():
        if "Joy" in path.name or "Anger" in path.name or "Sadness" in path.name:
            path.unlink()
    with pytest.raises(ReadError, match="1 left out: another name; 1 left out: pride"):
        videosets.find("adfes", adfes)


@pytest.mark.parametrize(
    ("layout", "options", "message"),
    [
        ("jaffe", {}, "no layout 'jaffe'(.|\n)*ckplus, mmi, adfes, casia"),
        ("ckplus", {"camera": "NI"}, r"CK\+ has no camera"),
        ("casia", {"light": "Dim"}, "no camera 'VL' with the light 'Dim'"),
    ],
)
def test_unknown_layouts_and_options_are_refused(casia, layout, options, message):
    with pytest.raises(UsageError, match=message):
        videosets.find(layout, casia, **options)
