import pytest

from neurofer.backends import reference
from neurofer.cli.bench import forms, turns
from neurofer.cli.bench.turns import in_turns


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    made = tmp_path_factory.mktemp("workload")
    forms.save_spiking(tiny, made)
    forms.save_ann(tiny, made)
    return made


def test_runtimes_get_their_turns_in_processes_of_their_own(tiny, folder):
    found = in_turns(["SNN in ONNX Runtime", "ANN in ONNX Runtime, int8"], folder, threads=1, rounds=2)
    assert [one.runtime for one in found] == ["SNN in ONNX Runtime", "ANN in ONNX Runtime, int8"]
    assert all(len(one.ms) >= 2 and min(one.ms) > 0 for one in found)
    assert all(one.peak > one.imported > 10e6 for one in found)
    readout = reference.run(tiny.exact, tiny.x).read(tiny.exact.contract.readout)
    assert found[0].answer == pytest.approx(readout, rel=1e-5)
    assert found[1].answer.shape == readout.shape


def test_a_runtime_that_cannot_start_is_left_out_with_its_reason(tmp_path, capsys):
    (found,) = in_turns(["SNN in ONNX Runtime"], tmp_path, threads=1, rounds=1)
    assert found.reason.startswith("FileNotFoundError")
    assert (found.ms, found.answer) == ([], None)
    assert "SNN in ONNX Runtime left out: FileNotFoundError" in capsys.readouterr().err


def test_a_process_that_dies_is_left_out_with_its_last_words(folder):
    (found,) = in_turns(["no such runtime"], folder, threads=1, rounds=1)
    assert "KeyError" in found.reason


def test_a_process_that_breaks_down_later_keeps_its_times_and_says_why(folder, monkeypatch):
    kept = turns._Worker.run

    def killed(worker):
        found = kept(worker)
        worker.process.kill()
        worker.process.wait()
        return found

    monkeypatch.setattr(turns._Worker, "run", killed)
    (found,) = in_turns(["ANN in ONNX Runtime"], folder, threads=1, rounds=3)
    assert found.ms
    assert "its process ended with -9" in found.reason
