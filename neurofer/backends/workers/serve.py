"""The worker's side of the protocol: read the plan, let the simulator's script carry it out, leave the arrays.

Called as ``python -I serve.py FOLDER``. In FOLDER lie ``plan.json`` (protocol, worker, plan) and ``arrays.npz``; it
leaves ``result.npz`` and ``answer.json`` (protocol, and what was raised, if anything was).
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

PROTOCOL = 1


def serve(folder: Path) -> dict[str, Any]:
    """Carry out the plan in ``folder`` and return the answer."""
    request = json.loads((folder / "plan.json").read_text())
    if request["protocol"] != PROTOCOL:
        return {}
    try:
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            result = _load(request["worker"]).run(request["plan"], dict(arrays))
    except Exception as error:  # noqa: BLE001 - whatever a simulator raises is the answer
        traceback.print_exc()
        return {"raised": type(error).__name__, "words": str(error)}
    np.savez(folder / "result.npz", **result)
    return {}


def _load(path: str) -> Any:
    """Import a script by its path: its folder stays off the search path, where it could hide packages."""
    spec = importlib.util.spec_from_file_location("worker", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python script")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _follow(parent: int) -> None:
    """Leave when the process that asked is gone, also where it was killed and could not say so."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()
    place = Path(sys.argv[1])
    (place / "answer.json").write_text(json.dumps({"protocol": PROTOCOL, **serve(place)}))
