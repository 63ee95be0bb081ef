"""One process in an environment of its own answers many cases, and starts again after a crash."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neurofer.backends import environments
from neurofer.conformance.hosted import Host, SaysNoError
from neurofer.errors import MissingPackageError, SimulatorError

WORKER = """
import os, sys

print("a simulator prints while it is imported")

def run(plan, arrays):
    os.write(1, b"and while it runs")
    do = plan["do"]
    if do == "crash":
        os.abort()
    if do == "leave":
        os._exit(7)
    if do == "exit":
        sys.exit("enough")
    if do == "no":
        raise NotImplementedError("no Scale")
    if do == "stumble":
        return {}["Scale"]
    return {"y": arrays["x"] + plan["add"], "process": [os.getpid()]}
"""
X = {"x": np.arange(3.0)}


@dataclass
class Made:
    state: str
    folder: Path = Path(sys.executable).parent.parent


@pytest.fixture
def host(tmp_path, monkeypatch):
    (tmp_path / "work.py").write_text(WORKER)
    monkeypatch.setattr(environments, "status", lambda _: Made("ready"))
    found = Host("worker")  # also the name of the worker's module: what it raises is on purpose
    yield lambda **plan: found.run(str(tmp_path / "work"), plan, X)
    found.stop()


def test_one_process_answers_and_what_it_prints_is_no_answer(host):
    first, second = host(do="add", add=1), host(do="add", add=2)
    assert first["y"].tolist() == [1, 2, 3]
    assert second["y"].tolist() == [2, 3, 4]
    assert first["process"] == second["process"] != [os.getpid()]


def test_an_exception_leaves_the_process_alive_and_says_whether_it_was_on_purpose(host):
    before = host(do="add", add=1)["process"]
    with pytest.raises(SaysNoError, match="NotImplementedError: no Scale"):
        host(do="no")
    with pytest.raises(SimulatorError, match="KeyError: 'Scale'") as caught:
        host(do="stumble")
    assert not isinstance(caught.value, SaysNoError)
    with pytest.raises(SimulatorError, match="SystemExit: enough"):
        host(do="exit")
    assert host(do="add", add=1)["process"] == before


@pytest.mark.parametrize(("do", "how"), [("crash", "crashed with SIGABRT"), ("leave", "left with exit code 7")])
def test_a_crash_is_told_and_the_next_case_has_a_new_process(do, how, host):
    before = host(do="add", add=1)["process"]
    with pytest.raises(SimulatorError, match=how):
        host(do=do)
    assert host(do="add", add=1)["process"] != before


def test_what_is_not_set_up_names_the_command(monkeypatch):
    monkeypatch.setattr(environments, "status", lambda _: Made("missing"))
    with pytest.raises(MissingPackageError, match="neurofer targets setup sinabs"):
        Host("sinabs").run("work", {}, X)


def test_the_far_side_imports_nothing_of_neurofer():
    from neurofer.conformance import hosted

    assert "import neurofer" not in hosted._HOST.read_text()
    assert "from neurofer" not in hosted._HOST.read_text()
