"""What all tests share: the material beside the checkout, one torch thread, and one hypothesis profile."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

CHECKOUT = Path(__file__).resolve().parent.parent

# No deadline: two test processes share two cores. In continuous integration the examples are the same in every run.
settings.register_profile("neurofer", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("neurofer")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout the tests run from."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the checkout: recordings and graphs of others, never part of the product."""
    path = CHECKOUT.parent / "shared"
    if not path.is_dir():
        pytest.skip("no folder `shared` beside the checkout, and this test compares with material from there")
    return path


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Keep torch to one thread once something has imported it: sums are then added in one order."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads") and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
