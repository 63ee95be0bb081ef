"""Simulators in an environment of their own: one process there answers many cases, for importing it takes seconds."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurofer.backends import environments
from neurofer.errors import MissingPackageError, SimulatorError
from neurofer.ir.nodes import Array

_HOST = Path(__file__).resolve().parent / "host.py"
_WORKERS = Path(environments.__file__).resolve().parent / "workers"


class SaysNoError(SimulatorError):
    """What a simulator elsewhere raised on purpose: its importer says no."""


class Host:
    """A process in an environment; started when it is first needed, and again after a crash."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, worker: str, plan: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run a worker on a plan and return its arrays.

        Raises:
            MissingPackageError: the environment is not set up.
            SaysNoError: the importer says no.
            SimulatorError: it raised otherwise, or the process has gone.
        """
        with tempfile.TemporaryDirectory(prefix=f"neurofer-{self.environment}-") as folder:
            np.savez(Path(folder) / "arrays.npz", **arrays)  # type: ignore[arg-type]  # numpy takes names as keywords
            request = {"worker": str(_WORKERS / f"{worker}.py"), "plan": plan, "folder": folder}
            answer = self._ask({**request, "packages": [self.environment, "nir", "nirtorch"]})
            if "raised" in answer:
                kind = SaysNoError if answer["purpose"] else SimulatorError
                raise kind(f"{answer['raised']}: {answer['words']}")
            with np.load(Path(folder) / "result.npz", allow_pickle=False) as result:
                return dict(result)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process or self._start()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise SimulatorError(f"{self.environment} cannot be talked to")
        line = ""
        try:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(json.dumps(request) + "\n")
                stdin.flush()
                line = stdout.readline()
        except BaseException:
            self.stop()
            raise
        if not line:
            code = process.wait()
            self.stop()
            how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
            raise SimulatorError(f"{self.environment} {how}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        found = environments.status(self.environment)
        if found.state != "ready":
            raise MissingPackageError(
                f"the environment {self.environment} is not set up",
                next_step=f"neurofer targets setup {self.environment}",
            )
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environ |= {"JAX_PLATFORMS": "cpu", "PYNEST_QUIET": "1", "MPLBACKEND": "Agg"}
        self._process = subprocess.Popen(  # noqa: S603 - the interpreter of an environment that neurofer made
            [str(found.folder / "bin" / "python"), "-I", str(_HOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ,
        )
        return self._process

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None
