import pytest

from neurofer.cli.bench.workload import Case, make


@pytest.fixture(scope="session")
def tiny():
    """Spiking-FER, as narrow and small as it gets."""
    return make(Case("spiking-fer", size=32, width=4, rate=0.1))


@pytest.fixture(scope="session")
def tiny_images():
    """Conv-SNN, two images."""
    return make(Case("conv-snn", size=16, width=4, batch=2))
