import numpy as np
import pytest

from neurofer.data.dataset import Dataset, split
from neurofer.train.recipe import Recipe, parse_recipe


@pytest.fixture(scope="session")
def small() -> Recipe:
    """Poisson spikes, dropout, moments and a schedule: everything a resumed run must find again."""
    return parse_recipe(
        {
            "name": "small",
            "description": "for tests",
            "source": "none",
            "network": {
                "architecture": "conv-snn",
                "options": {"channels": 16, "hidden": [64, 64], "dropout": 0.2},
            },
            "baseline": {"architecture": "conv-cnn", "options": {"channels": 4, "hidden": [12, 8], "dropout": 0.2}},
            "contract": {"steps": 4, "encoder": "poisson", "readout": "rate"},
            "data": {"name": "bars", "shape": [1, 8, 8], "classes": 2},
            "training": {
                "optimizer": "adam",
                "lr": 0.01,
                "schedule": "cosine",
                "batch": 8,
                "epochs": 6,
                "loss": "mse",
            },
        },
        "small",
    )


@pytest.fixture(scope="session")
def bars() -> Dataset:
    """Lying bars and standing bars, with noise."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = 0.2 * rng.random((120, 1, 8, 8), dtype=np.float32)
    for image, label, at in zip(x, y, rng.integers(0, 8, 120), strict=True):
        (image[0, at] if label else image[0, :, at])[:] = 0.9
    return split("bars", x, y)
