"""Environments: made whole or not at all, run with clear errors, whatever happens to the process inside."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from neurofer.backends import environments
from neurofer.errors import MissingPackageError, SimulatorError, UsageError

WORKER = "import numpy as np\ndef run(plan, arrays):\n    "
SETUP = "import sys; from neurofer.backends import environments as e; print(e.setup(sys.argv[1]).state)"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An environment of no packages, in which numpy is lent by this interpreter: no download is needed."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("NEUROFER_CACHE")
    os.environ["NEUROFER_CACHE"] = str(folder)
    pins = folder / "tiny.txt"
    pins.write_text("# nothing\n")
    made = environments.setup(pins)
    site = next(made.folder.glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(str(Path(np.__file__).parents[1]))
    yield pins
    os.environ.pop("NEUROFER_CACHE") if before is None else os.environ.update(NEUROFER_CACHE=before)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "environments"


def pins(tmp_path, text="# nothing\n", name="tiny"):
    path = tmp_path / f"{name}.txt"
    path.write_text(text)
    return path


def worker(tmp_path, body):
    path = tmp_path / "worker.py"
    path.write_text(WORKER + body.replace("\n", "\n    "))
    return path


def test_arrays_go_both_ways(tiny, tmp_path):
    script = worker(tmp_path, "return {'a/b': arrays['x'] * plan['factor'], 'none': np.zeros((0, 2), np.uint8)}")
    found = environments.run(tiny, script, {"factor": 3}, {"x": np.arange(4.0)})
    assert found["a/b"].tolist() == [0.0, 3.0, 6.0, 9.0]
    assert found["none"].shape == (0, 2)
    assert found["none"].dtype == np.uint8


def test_the_callers_path_does_not_reach_the_worker(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = worker(tmp_path, "import sys\nreturn {'path': np.array(sys.path)}")
    found = environments.run(tiny, script, {}, {})["path"].tolist()
    assert str(tmp_path) not in found
    assert not [path for path in found if path.endswith("workers")], "a script there could stand in for a package"


def test_what_a_worker_raises_is_quoted(tiny, tmp_path):
    with pytest.raises(SimulatorError, match="tiny raised KeyError: 'no such layer'"):
        environments.run(tiny, worker(tmp_path, "raise KeyError('no such layer')"), {}, {})


def test_a_crash_names_the_signal_and_the_last_words(tiny, tmp_path):
    body = "import os, sys\nprint('membrane overflow', file=sys.stderr, flush=True)\nos.kill(os.getpid(), 11)"
    with pytest.raises(SimulatorError, match="tiny crashed with SIGSEGV") as caught:
        environments.run(tiny, worker(tmp_path, body), {}, {})
    assert "membrane overflow" in str(caught.value)


def test_leaving_without_an_answer_is_an_error(tiny, tmp_path):
    with pytest.raises(SimulatorError, match="tiny left with exit code 7 and no answer: it said nothing"):
        environments.run(tiny, worker(tmp_path, "import os\nos._exit(7)"), {}, {})


def test_time_is_limited_and_children_are_killed_too(tiny, tmp_path):
    mark = tmp_path / "pid"
    body = (
        f"import subprocess\nchild = subprocess.Popen(['sleep', '60'])\nopen({str(mark)!r}, 'w').write(str(child.pid))"
    )
    with pytest.raises(SimulatorError, match=r"tiny gave no answer in 8 s"):
        environments.run(tiny, worker(tmp_path, body + "\nimport time\ntime.sleep(60)"), {}, {}, timeout=8)
    assert gone(int(mark.read_text()))


def gone(pid, seconds=5.0):
    """Whether a process ends within some seconds; one that is dead and not yet waited for has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_the_worker_ends_with_the_process_that_asked(sent, tiny, tmp_path):
    mark = tmp_path / "pid"
    body = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    script = worker(tmp_path, body)
    code = f"from neurofer.backends import environments as e; e.run({str(tiny)!r}, {str(script)!r}, {{}}, {{}})"
    asking = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while not (mark.is_file() and mark.read_text()) and time.monotonic() < end:
        time.sleep(0.1)
    asking.send_signal(sent)
    asking.wait(10)
    assert gone(int(mark.read_text()))


def test_another_protocol_is_told(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "PROTOCOL", 2)
    with pytest.raises(SimulatorError, match="speaks protocol 1, neurofer speaks 2"):
        environments.run(tiny, worker(tmp_path, "return {}"), {}, {})


@pytest.mark.usefixtures("cache")
def test_a_missing_environment_names_the_command():
    assert environments.status("sinabs").state == "missing"
    with pytest.raises(MissingPackageError, match="next: neurofer targets setup sinabs"):
        environments.run("sinabs", "sinabs_layers", {}, {})


def test_an_unknown_environment_names_those_there_are():
    with pytest.raises(UsageError, match="brian2, nest, rockpool, sinabs, spyx"):
        environments.setup("neuron")


@pytest.mark.usefixtures("cache")
def test_a_changed_list_makes_it_outdated_and_setup_replaces_it(tmp_path):
    first = environments.setup(pins(tmp_path))
    assert first.state == "ready"
    assert environments.setup(pins(tmp_path)) == first
    changed = pins(tmp_path, "# other\n")
    assert environments.status(changed).state == "outdated"
    with pytest.raises(MissingPackageError, match="its pinned list has changed"):
        environments.run(changed, "serve", {}, {})
    second = environments.setup(changed)
    assert second.state == "ready"
    assert not first.folder.exists()
    assert environments.remove(changed)
    assert not environments.remove(changed)
    assert environments.status(changed).state == "missing"


def test_a_failed_install_leaves_nothing_and_quotes_pip(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wrong = pins(tmp_path, "neurofer-no-such-package==1.0\n")
    with pytest.raises(MissingPackageError, match="No matching distribution found for neurofer-no-such-package"):
        environments.setup(wrong)
    assert [path.name for path in (cache / "tiny").iterdir()] == ["lock"]
    assert environments.status(wrong).state == "missing"


def test_an_interrupted_setup_leaves_nothing(cache, tmp_path):
    setting_up = subprocess.Popen(
        [sys.executable, "-c", SETUP, str(pins(tmp_path, "neurofer-no-such-package==1.0\n"))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 20
    while not list(cache.glob("tiny/.draft-*/bin/python")) and time.monotonic() < end:
        time.sleep(0.02)
    setting_up.send_signal(signal.SIGINT)
    assert setting_up.wait(20) != 0
    assert [path.name for path in (cache / "tiny").iterdir()] == ["lock"]


def test_what_a_killed_setup_left_is_cleared_by_the_next(cache, tmp_path):
    left = cache / "tiny" / ".draft-left"
    left.mkdir(parents=True)
    environments.setup(pins(tmp_path))
    assert not left.exists()


def test_of_two_setups_at_once_one_builds(cache, tmp_path):
    path, said = pins(tmp_path), []

    def make():
        environments.setup(path, said.append)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([line for line in said if "making an environment" in line]) == 1
    assert len([line for line in said if "waiting for it" in line]) == 1
    (made,) = cache.glob("tiny/*/environment.json")
    assert json.loads(made.read_text())["seconds"] >= 0


@pytest.mark.parametrize("name", environments.names())
def test_every_package_of_a_list_is_pinned(name):
    lines = (environments._list(name)).read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert len(environments.packages(name)) == len(packages)
    assert environments.version(name).startswith(f"{name} ")
