"""What a user gives a network to read: arrays, pictures and recordings, and one clear error for all else."""

import numpy as np
import pytest
from PIL import Image

from neurofer.data.events import DTYPE, bin_events, write_events
from neurofer.data.given import as_input, read_given
from neurofer.errors import ReadError, UsageError
from neurofer.ir import BINARY, REAL, Contract, Domain, Edge, Program
from neurofer.ir.nodes import Flatten, Input, Linear, Neuron, Output

IMAGE = (1, 6, 8)
EVENTS = (2, 6, 8)
STEPS = 4


def program(shape=IMAGE, domain=REAL, encoder="constant", inputs=("input",), steps=STEPS):
    size = int(np.prod(shape))
    nodes = {name: Input(shape, domain) for name in inputs}
    nodes |= {"flat": Flatten(), "fc": Linear(np.ones((2, size), np.float32)), "if": Neuron(theta=1.0), "out": Output()}
    edges = [*(Edge(name, "flat") for name in inputs), Edge("flat", "fc"), Edge("fc", "if"), Edge("if", "out")]
    return Program(nodes, tuple(edges), Contract(steps=steps, encoder=encoder))


def picture(path, size=(8, 6), mode="L"):
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], len(Image.new(mode, (1, 1)).getbands())))
    image = Image.fromarray(values.astype(np.uint8).squeeze(), mode=None)
    image.save(path)
    return np.moveaxis(values, 2, 0)


def recording(path, width=8, height=6, count=500):
    rng = np.random.default_rng(1)
    events = np.zeros(count, DTYPE)
    events["t"] = np.sort(rng.integers(0, 100_000, count))
    events["x"], events["y"], events["p"] = rng.integers(0, width, count), rng.integers(0, height, count), count % 2
    events["x"][:2], events["y"][:2] = (0, width - 1), (0, height - 1)
    write_events(path, events, size=(width, height))
    return events


@pytest.mark.parametrize(("encoder", "lead"), [("constant", (3,)), ("events", (STEPS, 3))])
def test_arrays_are_taken_as_they_are(tmp_path, encoder, lead):
    x = np.random.default_rng(0).random((*lead, *IMAGE)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", whatever=x)
    for name in ("x.npy", "x.npz"):
        given = read_given(tmp_path / name, program(encoder=encoder))
        assert np.array_equal(given.x["input"], x)
        assert given.origin == f"from {tmp_path / name}"
    one = x[0] if encoder == "constant" else x[:, 0]
    np.save(tmp_path / "one.npy", one)
    given = read_given(tmp_path / "one.npy", program(encoder=encoder))
    assert given.x["input"].shape == (*lead[:-1], 1, *IMAGE)


def test_several_inputs_come_by_name(tmp_path):
    x = np.ones((STEPS, 1, *IMAGE))
    np.savez(tmp_path / "x.npz", left=x, right=2 * x)
    two = program(encoder="events", inputs=("left", "right"))
    assert {name: v.max() for name, v in read_given(tmp_path / "x.npz", two).x.items()} == {"left": 1, "right": 2}
    np.savez(tmp_path / "x.npz", left=x, up=x)
    with pytest.raises(UsageError, match=r"x\.npz: the network reads left, right: it holds left, up\n  next: .*savez"):
        read_given(tmp_path / "x.npz", two)
    picture(tmp_path / "x.png")
    with pytest.raises(
        UsageError, match=r"has 2 inputs, and a picture gives one\n  next: give an \.npz .* left, right"
    ):
        read_given(tmp_path / "x.png", two)


def test_a_picture_becomes_what_the_domain_says(tmp_path):
    values = picture(tmp_path / "x.png")[None]
    real = read_given(tmp_path / "x.png", program())
    assert np.allclose(real.x, values / 255)
    assert real.origin.endswith("x.png, as values of 0 to 1")
    codes = read_given(tmp_path / "x.png", program(domain=Domain("code", 255)))
    assert np.array_equal(codes.x, values)
    assert codes.x.dtype == np.uint8
    assert codes.origin.endswith("x.png, as integers of 0 to 255")
    few = read_given(tmp_path / "x.png", program(domain=Domain("code", 16)))
    assert np.array_equal(few.x, np.round(values / 255 * 16))
    spikes = read_given(tmp_path / "x.png", program(domain=BINARY, encoder="poisson"), seed=3)
    assert spikes.x.shape == (STEPS, 1, *IMAGE)
    assert set(np.unique(spikes.x)) == {0, 1}
    assert "Poisson spikes drawn with seed 3" in spikes.origin
    once = read_given(tmp_path / "x.png", program(encoder="events", steps=1))
    assert once.x.shape == (1, 1, *IMAGE)


def test_a_picture_is_brought_to_the_network_s_channels_and_size(tmp_path):
    picture(tmp_path / "big.jpg", (20, 10), "RGB")
    given = read_given(tmp_path / "big.jpg", program())
    assert given.x.shape == (1, *IMAGE)
    assert "big.jpg, resized from 10 x 20 to 6 x 8, as values" in given.origin
    values = picture(tmp_path / "colour.png", (8, 6), "RGB")
    assert np.allclose(read_given(tmp_path / "colour.png", program((3, 6, 8))).x[0], values / 255)


def test_a_network_of_spikes_reads_no_picture(tmp_path):
    picture(tmp_path / "x.png")
    for made in (program(domain=BINARY), program(encoder="events")):
        with pytest.raises(UsageError, match=r"reads spikes over time, not a picture: .*\n  next: give a recording"):
            read_given(tmp_path / "x.png", made)
    with pytest.raises(UsageError, match=r"reads no picture: its input is \[2, 6, 8\]"):
        read_given(tmp_path / "x.png", program(EVENTS))


@pytest.mark.parametrize("name", ["x.raw", "x.npz", "x.csv"])
def test_a_recording_is_binned_to_the_network_s_steps(tmp_path, name):
    events = recording(tmp_path / name)
    given = read_given(tmp_path / name, program(EVENTS, BINARY, "events"))
    assert np.array_equal(given.x[:, 0], bin_events(events, STEPS, (6, 8)))
    assert given.x.shape == (STEPS, 1, *EVENTS)
    assert "500 events in 4 frames by time" in given.origin
    by_count = read_given(tmp_path / name, program(EVENTS, BINARY, "events"), binning="count")
    assert np.array_equal(by_count.x[:, 0], bin_events(events, STEPS, (6, 8), by="count"))


def test_a_larger_sensor_is_resized(tmp_path):
    events = recording(tmp_path / "x.raw", 16, 12)
    given = read_given(tmp_path / "x.raw", program(EVENTS, BINARY, "events"))
    assert np.array_equal(given.x[:, 0], bin_events(events, STEPS, (12, 16), resize=(6, 8)))
    assert given.origin.endswith("12 x 16 resized to 6 x 8")


def test_the_sensor_is_what_the_file_says_it_is(tmp_path):
    events = recording(tmp_path / "x.raw")
    write_events(tmp_path / "wide.raw", events, size=(16, 12))
    given = read_given(tmp_path / "wide.raw", program(EVENTS, BINARY, "events"))
    assert np.array_equal(given.x[:, 0], bin_events(events, STEPS, (12, 16), resize=(6, 8)))


def test_events_that_cannot_be_binned_are_named_with_their_file(tmp_path):
    events = recording(tmp_path / "x.npz")
    np.savez(tmp_path / "back.npz", **{key: events[key][::-1] for key in "xytp"})
    with pytest.raises(UsageError, match=r"back\.npz: event 1 is earlier than the one before it"):
        read_given(tmp_path / "back.npz", program(EVENTS, BINARY, "events"))


def test_a_network_of_images_reads_no_recording(tmp_path):
    recording(tmp_path / "x.raw")
    for made in (program(), program(IMAGE, BINARY, "events")):
        with pytest.raises(UsageError, match=r"the network reads no events: its encoder is .*\n  next: give an array"):
            read_given(tmp_path / "x.raw", made)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.npy", b"", r"no complete \.npy file"),
        ("x.npz", b"PK\x03\x04 and no more", r"no complete \.npz file"),
        ("x.png", b"\x89PNG\r\n\x1a\n and no more", "damaged, or no picture"),
        ("x.jpg", b"", "damaged, or no picture"),
        ("x.bin", b"\x00\x01\x02 nothing that is known", "no recording of events"),
        ("x", None, "no such file\n  next: give an array, a picture or a recording"),
        (".", None, "this is a folder"),
    ],
)
def test_what_cannot_be_read_is_one_error(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=words):
        read_given(tmp_path / name, program())


@pytest.mark.parametrize(
    "x", [np.array(["a"]), np.ones((1, 2), complex), np.array([object()])], ids=["text", "complex", "objects"]
)
def test_arrays_of_no_numbers_are_refused(tmp_path, x):
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ReadError):
        read_given(tmp_path / "x.npy", program())


def test_images_in_memory_are_read_the_same(tmp_path):
    values = picture(tmp_path / "x.png")[None] / np.float32(255)
    x, how = as_input(values, program(domain=Domain("code", 255)))
    assert np.array_equal(x, read_given(tmp_path / "x.png", program(domain=Domain("code", 255))).x)
    assert how == "as integers of 0 to 255"
