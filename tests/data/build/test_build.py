"""Data sets are built whole or not at all: the same bytes by any number of jobs, and after any interruption."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="binning and the DVS model are compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import synthetic
from neurofer.data.build import MANIFEST, Member, Source, build, read_manifest
from neurofer.data.build.lock import locked
from neurofer.data.build.manifest import PLAN
from neurofer.data.events import DTYPE, read_events
from neurofer.errors import MissingPackageError, NeuroferError, ReadError, UsageError, WriteError

SMALL = {"size": 32, "frames": 5, "fps": 5}


def small(count=12, **changes):
    return synthetic.source(count, **{**SMALL, **changes})


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "faces"
    build(small(), folder, jobs=1)
    return folder


def test_a_built_folder_holds_what_its_manifest_says(straight):
    manifest = read_manifest(straight)
    assert sorted(contents(straight)) == sorted([MANIFEST, *(one.file for one in manifest.recordings)])
    assert manifest.schema == json.loads((straight / MANIFEST).read_text())["schema"] == "neurofer.dataset/1"
    assert (manifest.source, manifest.size, manifest.classes) == ("synthetic", (32, 32), synthetic.EXPRESSIONS)
    assert manifest.parameters["frames"] == 5
    assert manifest.parameters["dvs"]["refractory_s"] == 0.0005
    assert set(manifest.versions) == {"neurofer", "numpy", "numba"}
    for index, one in enumerate(manifest.recordings):
        made = synthetic.member(index, subjects=1, **SMALL)
        events = read_events(straight / one.file)
        assert np.array_equal(events, made.events)
        assert (one.label, one.subject, one.events) == (made.label, str(made.subject), len(events))
        assert (one.first_us, one.last_us) == (events["t"][0], events["t"][-1])


def test_recordings_are_narrow_and_numpy_reads_them(straight):
    with np.load(straight / "recordings" / "00.npz") as file:
        assert {key: file[key].dtype for key in file} == {"x": "u1", "y": "u1", "t": "<u4", "p": "u1"}
        count = len(file["t"])
    assert (straight / "recordings" / "00.npz").stat().st_size < 4 * count + 1000


def test_the_number_of_jobs_does_not_change_a_byte(straight, tmp_path):
    seen = []
    build(small(), tmp_path / "again", jobs=2, progress=seen.append)
    assert contents(tmp_path / "again") == contents(straight)
    assert [step.done for step in seen] == list(range(1, 13))
    assert seen[-1].events == sum(one.events for one in read_manifest(straight).recordings)


KILLED = """
import os, signal, sys
from neurofer.data import synthetic
from neurofer.data.build import build

def progress(step):
    print(step.done, flush=True)

if __name__ == "__main__":
    build(synthetic.source({count}, **{options}), sys.argv[1], jobs={jobs}, progress=progress)
"""


def kill_after(done, folder, source, number):
    """Build in a process of its own, and end it after so many members."""
    script = folder.parent / "script.py"
    script.write_text(source)
    started = subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, text=True)
    for line in started.stdout:
        if int(line) == done:
            break
    started.send_signal(number)
    started.wait()
    started.stdout.close()
    return started.returncode


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_and_resumed_gives_the_same_bytes(straight, tmp_path, jobs):
    folder = tmp_path / "faces"
    source = KILLED.format(count=12, options=SMALL, jobs=jobs)
    assert kill_after(4, folder, source, signal.SIGKILL) == -signal.SIGKILL
    assert (folder / PLAN).exists()
    assert not (folder / MANIFEST).exists()
    with pytest.raises(ReadError, match="not finished"):
        read_manifest(folder)
    (folder / "recordings" / ".11.npz.abcdef").write_bytes(b"a draft that was being written")
    seen = []
    build(small(), folder, jobs=jobs, progress=seen.append)
    assert 4 <= seen[-1].kept <= 12
    assert contents(folder) == contents(straight)


def test_interrupted_at_every_member_ends_with_the_same_bytes(straight, tmp_path):
    def stop(step):
        if step.done > step.kept:
            raise KeyboardInterrupt

    for made in range(1, 12):
        with pytest.raises(KeyboardInterrupt):
            build(small(), tmp_path / "faces", jobs=1, progress=stop)
        assert len(list((tmp_path / "faces" / "recordings").iterdir())) == made
    build(small(), tmp_path / "faces", jobs=1)
    assert contents(tmp_path / "faces") == contents(straight)


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED.format(count=600, options=SMALL, jobs=2))
    started = subprocess.Popen([sys.executable, script, tmp_path / "faces"], stdout=subprocess.PIPE, text=True)
    started.stdout.readline()
    started.kill()
    started.communicate(timeout=20)  # raises if workers live on: they hold the other end of the pipe


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(path.read_bytes().replace(b"x.npy", b"X.npy")),
        lambda path: path.unlink(),
    ],
    ids=["truncated", "empty", "longer", "altered", "removed"],
)
def test_what_is_damaged_is_made_again(straight, tmp_path, damage):
    build(small(), tmp_path / "faces", jobs=1)
    damage(tmp_path / "faces" / "recordings" / "07.npz")
    seen = []
    build(small(), tmp_path / "faces", jobs=1, progress=seen.append)
    assert seen[-1].kept == 11
    assert contents(tmp_path / "faces") == contents(straight)


def interrupt(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("finished", [True, False])
def test_other_parameters_are_refused_with_what_differs(tmp_path, finished):
    folder = tmp_path / "faces"
    if finished:
        build(small(6), folder, jobs=1)
    else:
        with pytest.raises(KeyboardInterrupt):
            build(small(6), folder, jobs=1, progress=interrupt)
    before = contents(folder)
    with pytest.raises(UsageError) as caught:
        build(small(7, seed=1, fps=4.5, params="clean"), folder, jobs=1)
    assert [str(problem) for problem in caught.value.problems] == [
        "parameters.dvs.leak_jitter: 0.1 in the folder, 0.0 now",
        "parameters.dvs.leak_spread_decades: 0.1 in the folder, 0.0 now",
        "parameters.dvs.refractory_s: 0.0005 in the folder, 0.0 now",
        "parameters.fps: 5.0 in the folder, 4.5 now",
        "parameters.seed: 0 in the folder, 1 now",
        "members: 1 not in the folder (6)",
    ]
    assert contents(folder) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(UsageError, match=r"holds something else: such as thesis\.txt"):
        build(small(), tmp_path, jobs=1)
    assert contents(tmp_path) == {"thesis.txt": b"the only copy"}
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "other" / "recordings").mkdir(parents=True)
    (tmp_path / "other" / "recordings" / "0.npz").write_bytes(b"")
    with pytest.raises(UsageError, match="recordings without a manifest"):
        build(small(), tmp_path / "other", jobs=1)


def test_two_builders_in_one_folder_do_no_harm(straight, tmp_path):
    folder = tmp_path / "faces"

    def second(step):
        if step.done == 3:
            with pytest.raises(UsageError, match="another process is building into this folder"):
                build(small(), folder, jobs=1)

    build(small(), folder, jobs=1, progress=second)
    assert contents(folder) == contents(straight)


def test_a_lock_that_was_left_behind_holds_nobody_up(tmp_path):
    (tmp_path / ".lock").touch()
    with locked(tmp_path), pytest.raises(UsageError), locked(tmp_path):
        pass
    assert not (tmp_path / ".lock").exists()


FULL = """
import resource, sys
from neurofer.data import synthetic
from neurofer.data.build import build
from neurofer.errors import NeuroferError

if __name__ == "__main__":
    {limit}
    try:
        build(synthetic.source(12, **{options}), sys.argv[1], jobs={jobs})
    except NeuroferError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("room", [100, 2_000])
def test_a_full_disk_is_one_error_and_the_build_goes_on_later(straight, tmp_path, jobs, room):
    folder = tmp_path / "faces"
    script = tmp_path / "script.py"
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"
    script.write_text(FULL.format(limit=limit, options=SMALL, jobs=jobs))
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")} if room < 1000 else os.environ
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False, env=env)
    assert done.stdout.startswith("WriteError "), done.stderr
    assert "there is no room" in done.stdout
    assert done.stdout.count("cannot write") == 1
    assert not [name for name in contents(folder) if Path(name).name.startswith(".")]
    build(small(), folder, jobs=jobs)
    assert contents(folder) == contents(straight)


def test_a_recording_that_cannot_be_written_stops_the_build(tmp_path):
    build(small(6), tmp_path / "set", jobs=1)
    (tmp_path / "set" / "recordings" / "2.npz").unlink()
    (tmp_path / "set" / "recordings" / "2.npz").mkdir()
    with pytest.raises(WriteError, match=r"recordings/2\.npz: cannot write: Is a directory"):
        build(small(6), tmp_path / "set", jobs=1)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot write"):
        build(small(), tmp_path / "file" / "faces", jobs=1)


def awkward(member):
    """Events of a source that has bad members."""
    if member.origin == "unreadable":
        raise ReadError("this is no video", where=member.id)
    events = np.zeros(0 if member.origin == "still" else 5, DTYPE)
    events["t"] = range(len(events))
    if member.origin == "outside":
        events["x"] = 9
    if member.origin == "unsorted":
        events["t"] = 5, 4, 3, 2, 1
    return events


def awkward_source(*origins):
    members = tuple(Member(f"m{number}", 0, "S1", origin) for number, origin in enumerate(origins))
    return Source("awkward", ("one",), (8, 8), members, awkward)


@pytest.mark.parametrize("jobs", [1, 2])
def test_members_that_cannot_be_made_are_all_named_and_the_others_kept(tmp_path, jobs):
    source = awkward_source("", "unreadable", "outside", "unsorted", "")
    with pytest.raises(UsageError, match="3 of 5 members cannot be made") as caught:
        build(source, tmp_path / "set", jobs=jobs)
    assert [problem.where for problem in caught.value.problems] == ["m1", "m2", "m3"]
    assert "this is no video" in caught.value.problems[0].why
    assert "x from 9 to 9 on a sensor of 8 x 8" in caught.value.problems[1].why
    assert "times that fall" in caught.value.problems[2].why
    assert sorted(path.name for path in (tmp_path / "set" / "recordings").iterdir()) == ["m0.npz", "m4.npz"]
    manifest = build(source, tmp_path / "set", jobs=jobs, leave_out=True)
    assert [one.id for one in manifest.recordings] == ["m0", "m4"]
    assert [one.id for one in manifest.failures] == ["m1", "m2", "m3"]
    assert build(source, tmp_path / "set", jobs=jobs, leave_out=True) == manifest == read_manifest(tmp_path / "set")


def test_a_set_of_failures_is_no_set(tmp_path):
    with pytest.raises(UsageError, match="2 of 2"):
        build(awkward_source("unreadable", "outside"), tmp_path / "set", jobs=1, leave_out=True)
    assert not (tmp_path / "set" / MANIFEST).exists()


def test_a_recording_may_have_no_events(tmp_path):
    manifest = build(awkward_source("still"), tmp_path / "set", jobs=1)
    assert (manifest.recordings[0].events, manifest.recordings[0].first_us) == (0, None)
    assert len(read_events(tmp_path / "set" / "recordings" / "m0.npz")) == 0
    assert build(awkward_source("still"), tmp_path / "set", jobs=1) == manifest


def test_a_source_without_sense_is_refused_with_all_its_faults():
    members = (Member("../up", 0, "a"), Member("A", 0, "a"), Member("a", 0, "a"), Member("b", 5, "a"))
    with pytest.raises(UsageError) as caught:
        build(Source("odd", ("one",), (8, 8), members, awkward), "nowhere")
    assert [problem.where for problem in caught.value.problems] == ["../up", "A", "a", "b"]
    with pytest.raises(UsageError, match="no members"):
        build(Source("none", ("one",), (8, 8), (), awkward), "nowhere")
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(("jobs", "engine"), [(0, "processes"), (1, "threads")])
def test_unknown_engines_and_no_jobs_are_refused(tmp_path, jobs, engine):
    with pytest.raises(UsageError, match=rf"{jobs} jobs on the engine '{engine}'.*\n.*processes, ray"):
        build(small(6), tmp_path / "set", jobs=jobs, engine=engine)


def die(member):
    if member.id == "m3":
        os.kill(os.getpid(), signal.SIGKILL)
    return awkward(member)


def test_a_worker_that_is_killed_is_said(tmp_path):
    source = awkward_source("", "", "", "", "")
    with pytest.raises(NeuroferError, match=r"a process of the pool was killed(.|\n)*fewer jobs"):
        build(Source(source.name, source.classes, source.size, source.members, die), tmp_path / "set", jobs=2)
    assert len(build(source, tmp_path / "set", jobs=2).recordings) == 5


def test_a_manifest_that_is_damaged_is_a_read_error(tmp_path):
    with pytest.raises(ReadError, match=f"no folder with a {MANIFEST}"):
        read_manifest(tmp_path)
    for text, why in (("{", "truncated"), ('{"schema": "other/2"}', "its schema is other/2"), ("[]", "Expected")):
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(ReadError, match=f"describes no data set: .*{why}"):
            read_manifest(tmp_path)


@pytest.mark.slow
def test_a_thousand_clips_interrupted_in_the_middle_and_resumed_are_the_same(tmp_path):
    folder = tmp_path / "faces"
    source = KILLED.format(count=1000, options={}, jobs=2)
    assert kill_after(500, folder, source, signal.SIGKILL) == -signal.SIGKILL
    build(synthetic.source(1000), folder, jobs=2)
    build(synthetic.source(1000), tmp_path / "straight", jobs=2)
    assert contents(folder) == contents(tmp_path / "straight")


def test_ray_gives_the_same_bytes(straight, tmp_path):
    ray = pytest.importorskip("ray", reason="Ray is not installed; pip install 'neurofer[ray]'")
    build(small(), tmp_path / "faces", jobs=1, engine="ray")
    assert not ray.is_initialized()
    assert contents(tmp_path / "faces") == contents(straight)


def test_ray_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"Ray is not installed(.|\n)*neurofer\[ray\]"):
        build(small(6), tmp_path / "set", engine="ray")
    assert not (tmp_path / "set").exists()
