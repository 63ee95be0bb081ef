"""The far side of `hosted`: run by the Python of another environment, it carries out plans until its input ends.

Called as ``python -I host.py``. One line of JSON in (worker, plan, packages, folder with ``arrays.npz``), one line out;
the worker's arrays lie in the folder as ``result.npz``. It imports nothing of neurofer.
"""

from __future__ import annotations

import dis
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    """Run the worker on one plan; return what was raised, if anything was."""
    folder = Path(request["folder"])
    try:
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            result = _load(request["worker"]).run(request["plan"], dict(arrays))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a simulator raises is the answer
        purpose = raised_on_purpose(error, tuple(request["packages"]))
        return {"raised": type(error).__name__, "words": str(error), "purpose": purpose}
    np.savez(folder / "result.npz", **result)
    return {}


def raised_on_purpose(error: BaseException, packages: tuple[str, ...]) -> bool:
    """Whether ``error`` comes from a ``raise`` or ``assert`` in one of the packages, not from what they called."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code, module = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__", "")
    return code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"] and str(module).split(".")[0] in packages


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("worker", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python script")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # simulators print
    for line in sys.stdin:
        answers.write(json.dumps(carry_out(json.loads(line))) + "\n")
        answers.flush()
