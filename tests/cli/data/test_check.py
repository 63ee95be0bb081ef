import json
import shutil

import numpy as np
import pytest

from neurofer.data.events import read_events
from tests.data import test_fer2013 as fer
from tests.data.events import encoders


def problems(result):
    assert result.code == 1, (result.out, result.err)
    return [f"{one['where']}: {one['why']}" for one in result.json()["problems"]]


def test_whole_data_is_said_to_be_whole(cli, recording, film_file, built):
    for path, kind, samples in ((recording, "recording", 1), (film_file, "video", 10), (built, "dataset", 12)):
        result = cli("data", "check", path, "--json")
        found = result.json()
        assert (result.code, found["problems"], found["kind"], found["samples"]) == (0, [], kind, samples)
        assert found["schema"] == "neurofer.data.check/1"
    assert "nothing is wrong" in cli("data", "check", built).out


def change_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_everything_that_is_wrong_with_a_data_set_is_told_at_once(cli, copy):
    files = copy / "recordings"
    (files / "03.npz").unlink()
    (files / "04.npz").write_bytes((files / "04.npz").read_bytes()[:200])
    shutil.copy(files / "06.npz", files / "07.npz")
    (files / "99.npz").write_bytes(b"")
    found = problems(cli("data", "check", copy, "--json"))
    expected = [
        "recordings/03.npz: No such file",
        "recordings/04.npz: its SHA-256",
        "recordings/04.npz: damaged",
        "recordings/07.npz: its SHA-256",
        "recordings/07.npz: this is not the recording that was built",
        "recordings/99.npz: the manifest does not name it",
    ]
    assert len(found) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(found, expected, strict=True))


def rewrite(folder, number, events):
    """Put other events into a recording, and let the manifest tell of them."""
    import hashlib

    path = folder / "recordings" / f"{number:02}.npz"
    path.write_bytes(encoders.npz(events))

    def tell(manifest):
        times = {"first_us": int(events["t"][0]), "last_us": int(events["t"][-1])} if len(events) else {}
        told = times or {"first_us": None, "last_us": None}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest["recordings"][number] |= {"sha256": digest, "events": len(events), **told}

    change_manifest(folder, tell)


def test_events_are_looked_at_not_only_their_digests(cli, copy):
    events = read_events(copy / "recordings" / "00.npz")
    back = events.copy()
    back["t"][3] = back["t"][-1]
    rewrite(copy, 0, back)
    outside = events.copy()
    outside["x"][3] = 32
    rewrite(copy, 1, outside)
    rewrite(copy, 2, events[:0])
    assert problems(cli("data", "check", copy, "--json")) == [
        "recordings/00.npz: times fall",
        "recordings/01.npz: x up to 32, the sensor ends at 31",
        "recordings/02.npz: there are no events",
    ]


def test_what_the_manifest_tells_of_a_recording_must_hold(cli, copy):
    change_manifest(copy, lambda manifest: manifest["recordings"][2].update(events=7))
    assert problems(cli("data", "check", copy, "--json"))[0].startswith(
        "recordings/02.npz: this is not the recording that was built: it holds"
    )


def test_copies_and_classes_that_are_missing_are_told(cli, copy):
    rewrite(copy, 0, read_events(copy / "recordings" / "07.npz"))
    rewrite(copy, 7, read_events(copy / "recordings" / "07.npz"))

    def two_less(manifest):
        for one in manifest["recordings"]:
            one["label"] = 0 if one["label"] == 5 else one["label"]

    change_manifest(copy, two_less)
    assert problems(cli("data", "check", copy, "--json")) == [
        "manifest.json: no recording is of the class sadness",
        "manifest.json: exact copies of each other, which folds may part: 00 (happy, 0), 07 (fear, 1)",
    ]


def test_labels_out_of_range_are_told(cli, copy):
    change_manifest(copy, lambda manifest: manifest["recordings"][0].update(label=6))
    assert problems(cli("data", "check", copy, "--json"))[0].startswith("00: label 6")


def test_a_data_set_that_is_not_finished_is_no_data_set_yet(cli, copy):
    (copy / "manifest.json").rename(copy / "unfinished.json")
    assert cli("data", "check", copy).is_one_error("not finished", "goes on where it was")


def test_damaged_recordings_and_falling_times(cli, recording, tmp_path):
    (tmp_path / "cut.es").write_bytes(recording.read_bytes()[:-3])
    assert problems(cli("data", "check", tmp_path / "cut.es", "--json")) == [
        "cut.es: damaged after 2,999 good events: the file ends inside an event"
    ]
    (tmp_path / "back.npz").write_bytes(encoders.npz(encoders.sample(50)[::-1]))
    assert problems(cli("data", "check", tmp_path / "back.npz", "--json")) == ["back.npz: times fall"]
    (tmp_path / "none.npz").write_bytes(encoders.npz(encoders.sample(0)))
    assert problems(cli("data", "check", tmp_path / "none.npz", "--json")) == ["none.npz: there are no events"]
    (tmp_path / "bad.es").write_bytes(b"Event Stream")
    assert problems(cli("data", "check", tmp_path / "bad.es", "--json"))[0].startswith("bad.es: damaged ES")


def test_a_damaged_video(cli, film_file, tmp_path):
    data = film_file.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    result = cli("data", "check", tmp_path / "cut.avi", "--json")
    assert problems(result)
    assert "cut off or damaged" in str(result.json()["problems"])


def test_copies_contradictions_and_blanks_of_fer2013(cli, tmp_path):
    images = fer.IMAGES.copy()
    images[[20, 30]] = images[[0, 1]]
    images[5] = 7
    fer.write_csv(tmp_path / "fer2013.csv", images)
    assert problems(cli("data", "check", tmp_path, "--json")) == [
        "PublicTest in Training: 1 are exact copies",
        "PrivateTest in Training: 1 are exact copies",
        "labels: 2 images stand there more than once, with different labels",
        "images: 1 are of one value",
    ]
    fer.write_csv(tmp_path / "fer2013.csv")
    assert cli("data", "check", tmp_path).code == 0


def test_rows_that_cannot_be_read_are_all_told(cli, tmp_path):
    fer.write_csv(tmp_path / "fer2013.csv", labels=np.where(np.arange(fer.N) % 20, fer.LABELS, 9))
    assert problems(cli("data", "check", tmp_path, "--json")) == [
        f"line {line}: emotion '9', expected 0 to 6" for line in (2, 22, 42)
    ]


def test_arrays(cli, tmp_path):
    np.savez(tmp_path / "own.npz", x=np.array([[1.0], [np.nan], [1.0]]), y=[0, 2, 2])
    assert problems(cli("data", "check", tmp_path / "own.npz", "--json")) == [
        "samples: 1 are exact copies of others",
        "x: 1 values are not finite",
        "y: no sample has the labels 1",
    ]


@pytest.mark.parametrize(("name", "words"), [("absent", ["no such file"]), ("fer2013new.csv", ["votes without"])])
def test_what_cannot_be_checked_is_one_error(cli, tmp_path, name, words):
    fer.write_votes(tmp_path, np.ones((fer.N, 10), int))
    assert cli("data", "check", tmp_path / name).is_one_error(*words)


def test_long_lists_are_cut_for_people(cli, copy):
    for number in range(60):
        (copy / "recordings" / f"extra{number}.npz").write_bytes(b"")
    text = cli("data", "check", copy).out
    assert "and 10 more; --json lists all" in text
    assert "60 problems" in text
