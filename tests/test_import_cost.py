"""Start-up stays light: neither `import neurofer` nor `neurofer --help` loads a framework."""

import json
import subprocess
import sys

FRAMEWORKS = {"norse", "nirtorch", "onnx", "onnxruntime", "snntorch", "spikingjelly", "torch"}
HEAVY = FRAMEWORKS | {"matplotlib", "scipy", "sklearn"}
HELP = "import sys; sys.argv[1:] = ['--help']; from neurofer.cli import main; main()"


def heavy_imports(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and return the heavy packages it has imported by its end."""
    probe = (
        f"import json, sys\ntry:\n    exec({code!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1])) & HEAVY


def test_import_loads_no_framework():
    assert heavy_imports("import neurofer") == set()


def test_help_loads_no_framework():
    assert heavy_imports(HELP) == set()


def test_the_probe_sees_a_framework_that_is_loaded():
    assert "torch" in heavy_imports(f"import torch; {HELP}")


def test_help_takes_under_half_a_second():
    measured = (
        "import resource, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {HELP!r}], check=True, stdout=subprocess.DEVNULL)\n"
        "usage = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(usage.ru_utime + usage.ru_stime)"
    )
    # Processor time, the best of three: other test processes share the cores.
    seconds = [float(subprocess.check_output([sys.executable, "-c", measured])) for _ in range(3)]
    assert min(seconds) < 0.5
