import numpy as np

from neurofer.data.encode import encode, join_frames

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 2, (3, 6, 2, 4, 5), dtype=np.uint8)
IMAGES = RNG.random((3, 1, 4, 5))


def test_events_go_time_first():
    out = encode(FRAMES, "events", 6, RNG)
    assert out.shape == (6, 3, 2, 4, 5)
    assert np.array_equal(out[4, 1], FRAMES[1, 4])


def test_a_constant_image_stays_without_time():
    assert encode(IMAGES, "constant", 4, RNG) is IMAGES


def test_poisson_draws_steps():
    assert encode(IMAGES, "poisson", 4, RNG).shape == (4, 3, 1, 4, 5)


def test_joined_frames_have_time_slowest():
    out = join_frames(FRAMES)
    assert out.shape == (3, 12, 4, 5)
    assert np.array_equal(out[1, 2 * 4 + 1], FRAMES[1, 4, 1])
