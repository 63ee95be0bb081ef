"""What finds landmarks, by name. A new provider is one file in this folder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from neurofer.data.faces.face import Provider
from neurofer.errors import MissingPackageError, UsageError

PROVIDERS: dict[str, str] = {
    "opencv": "two eyes by the Haar cascades that come with OpenCV; the nose is placed by proportion",
    "net68": "68 landmarks by a small network; its weights file (face-api.js, MIT) is yours to give",
    "dlib": "68 landmarks by dlib; its shape predictor file is yours to give",
}
"""Each is a module here of its name, with a function `provide` that takes the weights file."""

_PACKAGES = {"cv2": "OpenCV is not installed", "dlib": "dlib is not installed"}
_INSTALL = {"cv2": "pip install 'neurofer[faces]'", "dlib": "pip install dlib-bin"}


def named_provider(name: str, weights: str | Path | None = None) -> Provider:
    """Return the provider of that name, ready to find faces.

    Args:
        name: of `PROVIDERS`.
        weights: the file it reads; `opencv` needs none.

    Raises:
        UsageError: no such provider; no weights where it needs them, or weights where it takes none.
        ReadError: the weights cannot be read.
        MissingPackageError: its package is not installed.
    """
    if name not in PROVIDERS:
        raise UsageError(
            f"there is no provider '{name}' of landmarks", next_step=f"choose one of {', '.join(PROVIDERS)}"
        )
    try:
        provide: Callable[[Path | None], Any] = import_module(f"neurofer.data.faces.{name}").provide
        found: Provider = provide(None if weights is None else Path(weights))
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        raise MissingPackageError(_PACKAGES[error.name], where=name, next_step=_INSTALL[error.name]) from error
    return found
