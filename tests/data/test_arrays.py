import numpy as np
import pytest

from neurofer.data import DataSpec, load
from neurofer.errors import ReadError, UsageError

SPEC = DataSpec(name="faces", shape=(1, 4, 4), classes=3, scale=255.0)
EVENTS = DataSpec(name="dvs", shape=(2, 4, 4), classes=3)


def images(n=30):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8), np.arange(n) % 3


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return path

    return write


def test_images_are_scaled_and_all_there_once(save):
    x, y = images()
    data = load(SPEC, save(x=x, y=y))
    parts = (data.train, data.validation, data.test)
    found = np.concatenate([part.x for part in parts])
    assert found.dtype == np.float32
    assert sorted(found.sum(axis=(1, 2, 3))) == sorted((x / 255).astype(np.float32).sum(axis=(1, 2, 3)))
    assert sum(len(part.y) for part in parts) == 30
    assert data.name == "data.npz"


def test_grey_images_may_leave_their_channel_out(save):
    x, y = images()
    assert load(SPEC, save(x=x[:, 0], y=y)).fingerprint() == load(SPEC, save(x=x, y=y)).fingerprint()


def test_event_counts_become_binary_frames(save):
    x = np.random.default_rng(1).poisson(0.5, (12, 6, 2, 4, 4))
    data = load(EVENTS, save(x=x, y=np.arange(12) % 3), frames=6)
    assert data.train.x.dtype == np.uint8
    assert data.train.x.shape[1:] == (6, 2, 4, 4)
    assert set(np.unique(data.train.x)) == {0, 1}
    total = sum(int(part.x.sum()) for part in (data.train, data.validation, data.test))
    assert total == np.count_nonzero(x)


X, Y = images()
WITH_NAN = np.where(np.arange(30)[:, None, None, None] == 3, np.nan, X)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": X, "labels": Y}, ["x: no such array", "y: no such array", "it holds images, labels"]),
        ({"x": X[:, :, :3], "y": Y}, ["x: shape [30, 1, 3, 4], expected [N, 1, 4, 4]"]),
        ({"x": X, "y": Y[:-1]}, ["y: shape [29], expected [30]"]),
        ({"x": WITH_NAN, "y": Y}, ["x: 16 values are not finite"]),
        ({"x": X.astype(str), "y": Y}, ["x: type <U"]),
        ({"x": X, "y": Y.astype(float)}, ["y: type float64, expected integers"]),
        ({"x": X, "y": Y + 1}, ["y: labels [3], expected 0 to 2"]),
        ({"x": WITH_NAN, "y": Y - 1}, ["16 values are not finite", "labels [-1]"]),
        ({"x": np.float32(1), "y": Y}, ["x: shape []"]),
        ({"x": X[:4], "y": np.array([0, 0, 0, 1])}, ["class 1 has 1 samples"]),
    ],
)
def test_arrays_that_do_not_fit_say_why(save, arrays, words):
    path = save(**arrays)
    with pytest.raises(UsageError) as error:
        load(SPEC, path)
    for part in (*words, "data.npz"):
        assert part in str(error.value)


def test_frames_of_another_number_are_refused(save):
    with pytest.raises(UsageError, match=r"expected \[N, 6, 2, 4, 4\]"):
        load(EVENTS, save(x=np.zeros((6, 5, 2, 4, 4)), y=np.arange(6) % 3), frames=6)


@pytest.mark.parametrize("keep", [0, 10, 100, -30])
def test_a_truncated_file_is_a_read_error(save, keep):
    path = save(x=X, y=Y)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReadError, match=r"no complete \.npz"):
        load(SPEC, path)


def test_what_is_no_npz_is_a_read_error(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        load(SPEC, tmp_path / "absent.npz")
    with pytest.raises(ReadError, match="no complete"):
        load(SPEC, tmp_path)
    (tmp_path / "text.npz").write_text("x,y")
    with pytest.raises(ReadError, match="no complete"):
        load(SPEC, tmp_path / "text.npz")
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(ReadError, match="no complete"):
        load(SPEC, tmp_path / "one.npy")
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object), y=Y)
    with pytest.raises(ReadError, match="no complete"):
        load(SPEC, tmp_path / "pickled.npz")


def test_data_that_do_not_come_with_the_package_say_what_to_pass():
    with pytest.raises(UsageError) as error:
        load(EVENTS, frames=6)
    assert "the data 'dvs' does not come with neurofer" in str(error.value)
    assert "--data FILE.npz with x [N, 6, 2, 4, 4] and y [N], labels 0 to 2" in str(error.value)
