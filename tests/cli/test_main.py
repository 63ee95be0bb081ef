"""The frame of the command line: help, version, exit codes, one document on standard output, light start-up."""

import json
import signal
import subprocess
import sys

import pytest

import neurofer
from neurofer.cli import VERBS, execute
from neurofer.cli.data import COMMANDS


def start(*arguments, before="", **settings):
    code = f"{before}\nfrom neurofer.cli import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings)


def finish(*arguments, **settings):
    process = start(*arguments, **settings)
    out, err = process.communicate()
    return process.returncode, out, err


def listed(cli, *path):
    """The commands that a group's help names, in its order; it cuts none of their lines short."""
    found = cli(*path, "--help").out.split("Commands:")[1]
    assert "..." not in found
    return [line.split()[0] for line in found.splitlines() if line]


def leaves(cli, group=(), names=VERBS):
    for name in names:
        inner = listed(cli, *group, name) if (*group, name) in GROUPS else None
        yield from [(*group, name)] if inner is None else leaves(cli, (*group, name), inner)


GROUPS = {("data",), ("data", "build")}


def test_help_of_a_command_is_short_and_names_json(cli):
    for path in leaves(cli):
        result = cli(*path, "--help")
        assert result.code == 0, path
        assert len(result.out.splitlines()) < 40, path
        assert "--json" in result.out, path
        assert f"neurofer {' '.join(path)}" in result.out, path


def test_help_lists_the_commands_in_the_order_of_the_work(cli):
    assert listed(cli) == list(VERBS)
    assert listed(cli, "data") == list(COMMANDS)
    assert len(cli("--help").out.splitlines()) < 40


def test_no_arguments_show_the_help_as_a_wrong_call(cli):
    result = cli()
    assert (result.code, result.out) == (3, "")
    assert "Commands:" in result.err


def test_version(cli):
    assert cli("--version").out == f"neurofer {neurofer.__version__}\n"


def test_json_is_one_document_and_nothing_else_on_standard_output(network_file):
    code, out, err = finish("verify", network_file, "--json")
    assert code == 0, err
    assert json.loads(out)["schema"] == "neurofer.verify/1"
    assert out.endswith("}\n")
    assert all(line.startswith(("running", "  ")) for line in err.splitlines()), err


def test_a_pipe_that_closes_is_no_fault(network_file):
    with start("inspect", network_file, "--json") as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 141
    assert err == ""


LIGHT = [["inspect", "{file}"], ["inspect", "{bundle}"], ["report", "{bundle}"], ["targets"]]


def loaded(arguments):
    """Run a command line and return whether torch had been imported at its end."""
    before = "import atexit, sys; atexit.register(lambda: sys.stderr.write(f'torch={\"torch\" in sys.modules}'))"
    code, _, err = finish(*arguments, before=before)
    assert code == 0, err
    return err.endswith("torch=True")


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_what_needs_no_torch_does_not_import_it(arguments, network_file, shared_bundle):
    assert not loaded([a.format(file=network_file, bundle=shared_bundle) for a in arguments])


def test_the_probe_sees_torch():
    assert loaded(["inspect", "digits"])


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_leaves_nothing_half_written(tmp_path, network_file, number, code, word):
    process = start("export", network_file, "--to", "nir", "--out", tmp_path / "out")
    while (line := process.stderr.readline()) and not line.startswith("running in norse"):
        pass
    draft = [p.name for p in tmp_path.iterdir()]
    process.send_signal(number)
    out, err = process.communicate()
    assert len(draft) == 1
    assert process.returncode == code, err
    assert (out, err) == ("", f"neurofer: {word}; nothing was left half-written\n")
    assert not list(tmp_path.iterdir())


DROPPED = """
import os, signal
import neurofer.ir.serde as serde
write = serde.write
def deaf(*arguments):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        {then}
    return write(*arguments)
serde.write = deaf
"""


@pytest.mark.parametrize("then", ["pass", "raise ImportError('libtorch')", "raise ModuleNotFoundError(name='torch')"])
def test_an_interrupt_that_an_import_drops_still_counts(tmp_path, network_file, then):
    code, out, err = finish(
        "export", network_file, "--to", "nir", "--out", tmp_path / "out", before=DROPPED.format(then=then)
    )
    assert (code, out) == (130, ""), err
    assert err.endswith("neurofer: interrupted; nothing was left half-written\n")
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "neurofer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"neurofer {neurofer.__version__}\n"


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"


@pytest.mark.parametrize("room", [200, 8_000])
def test_a_disk_that_is_full_is_one_error_and_leaves_nothing(tmp_path, network_file, room):
    code, out, err = finish(
        "export", network_file, "--to", "nir", "--out", tmp_path / "out", before=FULL.format(room=room)
    )
    assert (code, out) == (3, "")
    assert "cannot write: there is no room" in err
    assert str(tmp_path / "out") in err
    assert ".out." not in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_training_on_a_full_disk_says_so(tmp_path):
    path = tmp_path / "net.safetensors"
    code, out, err = finish("train", "digits", "--epochs", "1", "--out", path, before=FULL.format(room=1_000))
    assert (code, out) == (3, "")
    assert f"{path}.resume: cannot write: there is no room" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "code"), [([], 0), (["--strict"], 4), (["--on", "norse"], 4)], ids=["others", "strict", "named"]
)
def test_a_simulator_that_is_not_installed(network_file, options, code):
    absent = "import sys; sys.modules |= {name: None for name in ('norse', 'snntorch')}"
    found, out, err = finish("verify", network_file, "--importer", "neurofer", *options, "--json", before=absent)
    assert found == code, err
    rows = {row["target"]: row for row in json.loads(out)["targets"]}
    assert rows["norse"]["verdict"] == "NOT_RUN"
    assert "pip install" in rows["norse"]["reason"]


def test_a_missing_package_is_named_with_its_installation():
    code, out, err = finish("inspect", "digits", before="import sys; sys.modules['torch'] = None")
    assert (code, out) == (4, "")
    assert "torch" in err
    assert "pip install" in err


@pytest.mark.parametrize(("absent", "words"), [("torch", "norse, snntorch: NOT_RUN: torch is"), ("norse", "norse is")])
def test_the_package_that_is_missing_is_the_one_that_is_named(network_file, absent, words):
    code, out, err = finish(
        "verify", network_file, "--on", "norse,snntorch", before=f"import sys; sys.modules[{absent!r}] = None"
    )
    assert code == 4, err
    assert f"{words} not installed\n  next: pip install 'neurofer[simulators]'" in out


def test_the_digits_come_with_all_that_the_demo_needs(tmp_path):
    code, out, err = finish(
        "demo",
        "--out",
        tmp_path / "demo",
        before="import sys; sys.modules |= {'sklearn': None, 'sklearn.datasets': None}",
    )
    assert (code, out) == (4, "")
    assert "scikit-learn" in err
    assert "pip install 'neurofer[all]'" in err


def test_a_fault_of_ours_is_no_verdict(monkeypatch, capsys):
    def fault(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("neurofer.ir.serde.read_graph", fault)
    assert execute(["inspect", "a.nir"]) == 70
    said = capsys.readouterr()
    assert said.out == ""
    assert "ZeroDivisionError" in said.err
