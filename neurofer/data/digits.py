"""The handwritten digits that come with scikit-learn: 1,797 real images of 8 x 8 pixels, values 0 to 16, 10 classes."""

from __future__ import annotations

import numpy as np

from neurofer.data.dataset import Dataset, DataSpec, split
from neurofer.errors import MissingPackageError, UsageError


def read_digits(spec: DataSpec) -> Dataset:
    """The digits as float32 [N, 1, 8, 8], in the same three parts every time.

    Args:
        spec: asks for shape (1, 8, 8) and 10 classes; a scale of 16 gives exact values in [0, 1].

    Raises:
        UsageError: another shape or number of classes is asked for.
        MissingPackageError: scikit-learn is not installed.
    """
    if spec.shape != (1, 8, 8) or spec.classes != 10:
        raise UsageError(
            f"the digits are 10 classes of shape (1, 8, 8), not {spec.classes} of {spec.shape}",
            next_step="correct the recipe's data section, or pass --data FILE.npz",
        )
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingPackageError(
            "scikit-learn, which holds the digits, is not installed", next_step="pip install 'neurofer[all]'"
        ) from error
    images, labels = load_digits(return_X_y=True)
    x = (images.reshape(-1, 1, 8, 8) / spec.scale).astype(np.float32)
    return split(spec.name, x, labels.astype(np.int64))
