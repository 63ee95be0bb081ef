"""What the tests of the C backend share: a cache of their own, and the compilers of this machine."""

import pytest

from neurofer.backends.c import compiler as compilers

COMPILERS = list(compilers.all_found())


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def session_cache(kept):
    """One cache for all of these tests, and not the user's; the tests of other rooms keep theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROFER_CACHE", str(kept))
        patch.setenv("ZIG_GLOBAL_CACHE_DIR", str(kept / "zig"))  # what it compiles for itself takes it seconds
        yield


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for one test; the folder of the libraries."""
    monkeypatch.setenv("NEUROFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "native"


@pytest.fixture(params=COMPILERS, ids=lambda found: "zig" if found.zig else found.command[0])
def each_compiler(request, monkeypatch):
    """Every compiler there is, as the one that is taken."""
    monkeypatch.setenv("CC", " ".join(request.param.command))
    return request.param
