"""Synthetic faces: by seed, neutral at first, different between expressions, and neither trivial nor impossible."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the DVS model is compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import synthetic
from neurofer.data.events import DTYPE
from neurofer.data.synthetic.canvas import Canvas
from neurofer.data.synthetic.draw import draw
from neurofer.data.synthetic.expression import EXPRESSIONS, PROTOTYPES, UNITS, perform
from neurofer.data.synthetic.person import Light, Pose, draw_light, draw_motion, draw_person
from neurofer.errors import UsageError

SMALL = {"size": 48, "frames": 8}
FRONT = Pose(yaw=0, pitch=0, roll=0, x=0.5, y=0.5, scale=0.48)
LIGHT = Light((0.0, -0.3, 0.95), 0.5, 100.0)


def rest(**active):
    return {**dict.fromkeys(UNITS, 0.0), "blink": 0.0, **active}


def picture(*, seed=3, pose=FRONT, size=120, light=LIGHT, **active):
    return draw(draw_person(np.random.default_rng(seed)), pose, light, rest(**active), size)


def test_classes_are_those_of_the_authors():
    assert synthetic.EXPRESSIONS == ("happy", "fear", "surprise", "anger", "disgust", "sadness")
    assert set(PROTOTYPES) == set(EXPRESSIONS)


def test_the_same_seed_gives_the_same_clip():
    first, again, other = (synthetic.clip(seed, "happy", **SMALL).events for seed in (5, 5, 6))
    assert first.dtype == DTYPE
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_clip_says_what_it_is():
    clip = synthetic.clip(5, "anger", subject=9, fps=10, **SMALL)
    assert (clip.expression, clip.label, clip.subject) == ("anger", 3, 9)
    assert clip.sensor_size == (48, 48, 2)
    assert clip.duration_us == 700_000
    assert len(clip.events) > 100
    assert 0 < clip.events["t"].min() <= clip.events["t"].max() <= 700_000
    assert (np.diff(clip.events["t"]) >= 0).all()


def test_a_subject_keeps_the_face_and_a_seed_the_movement():
    first, other_seed, other_face = (
        next(synthetic.film(seed, "fear", subject=subject)) for seed, subject in ((1, 1), (2, 1), (1, 2))
    )
    assert not np.array_equal(first, other_seed)
    assert not np.array_equal(first, other_face)
    people = [draw_person(np.random.default_rng([0, subject])) for subject in (1, 1, 2)]
    assert people[0] == people[1] != people[2]


def test_films_begin_neutral_whatever_they_show():
    firsts = [next(synthetic.film(4, expression, size=64)) for expression in EXPRESSIONS]
    assert all(np.array_equal(first, firsts[0]) for first in firsts)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_performances_rise_to_the_apex_and_stay(expression):
    for seed in range(20):
        performance = perform(expression, np.random.default_rng(seed))
        times = np.linspace(0, 1, 50)
        for name, apex in PROTOTYPES[expression].items():
            curve = np.array([performance.at(time)[name] for time in times])
            assert curve[0] == 0
            assert (np.diff(curve) >= 0).all()
            assert 0.4 * apex < curve[-1] <= 1.25 * apex


def test_a_blink_closes_the_eyes_and_opens_them():
    performances = [perform("happy", np.random.default_rng(seed)) for seed in range(60)]
    blinking = [performance for performance in performances if performance.blink is not None]
    assert 8 < len(blinking) < 35
    for performance in blinking:
        curve = [performance.at(time)["blink"] for time in np.linspace(0, 1, 101)]
        assert max(curve) == 1
        assert curve[-1] == 0
        assert curve[0] == 0


@pytest.mark.parametrize(
    ("unit", "box"),
    [
        # rows and columns of a front view of 120 pixels that must change more than the rest of the face
        ("inner_brow_raise", (14, 50, 26, 94)),
        ("brow_lower", (20, 52, 26, 94)),
        ("lid_raise", (38, 60, 30, 90)),
        ("blink", (38, 62, 30, 90)),
        ("nose_wrinkle", (20, 80, 20, 100)),
        ("lip_corner_pull", (55, 100, 30, 90)),
        ("lip_corner_depress", (70, 105, 30, 90)),
        ("lips_part", (72, 105, 40, 80)),
    ],
)
def test_a_muscle_moves_its_part_of_the_face(unit, box):
    moved = np.abs(picture(**{unit: 1.0}) - picture())
    top, bottom, left, right = box
    assert moved.max() > 25
    assert moved[top:bottom, left:right].sum() > 0.9 * moved.sum()


def test_a_dropped_jaw_opens_the_mouth_and_lowers_the_chin():
    shut, dropped = picture(), picture(jaw_drop=1.0)
    assert dropped[84:100, 56:64].min() < 25 < shut[84:100, 56:64].min()
    assert np.abs(dropped - shut)[104:116, 50:70].max() > 10


def test_a_front_view_of_an_even_face_is_symmetric():
    person = draw_person(np.random.default_rng(3))
    even = type(person)(**{**vars(person), "freckles": (), "fringe": 0.0})
    face = draw(even, FRONT, LIGHT, rest(lip_corner_pull=1.0), 120)
    eyes = np.s_[40:60]  # the glint of the eyes is on one side
    difference = np.abs(face - face[:, ::-1])
    difference[eyes] = 0
    assert difference.max() < 0.5


def test_light_comes_from_where_it_is():
    left, right = (picture(light=Light((x, 0.0, 0.6), 0.3, 100.0)) for x in (-0.8, 0.8))
    assert left[60:70, 30:45].mean() > 1.3 * left[60:70, 75:90].mean()
    assert right[60:70, 75:90].mean() > 1.3 * right[60:70, 30:45].mean()


def test_movement_without_change_of_size_is_smooth():
    # A quarter of a pixel to the right moves every edge a little: no pixel jumps.
    moved = picture(pose=Pose(0, 0, 0, 0.5 + 0.25 / 120, 0.5, 0.48))
    step = np.abs(moved - picture())
    assert 0 < step.mean() < 2
    assert step.max() < 100


def test_windows_hold_what_they_are_asked_for():
    rng = np.random.default_rng(0)
    for _ in range(50):
        canvas = Canvas(100, draw_motion(rng).at(0.7), draw_light(rng), width=0.74, taper=0.15, jaw=0.1)
        left, top = rng.uniform(-0.4, 0.2), rng.uniform(-0.5, 0.4)
        right, bottom = left + 0.2, top + 0.2
        inside = (canvas.x > left) & (canvas.x < right) & (canvas.y > top) & (canvas.y < bottom) & (canvas.head == 1)
        window = canvas.window(left, top, right, bottom)
        within = (window.x > left) & (window.x < right) & (window.y > top) & (window.y < bottom)
        assert within.sum() >= inside.sum() > 0


def test_pictures_are_luma():
    for seed in range(12):
        frames = list(synthetic.film(seed, EXPRESSIONS[seed % 6], **SMALL))
        assert len(frames) == 8
        for frame in frames:
            assert frame.dtype == np.float32
            assert frame.shape == (48, 48)
            assert 0 <= frame.min() < frame.max() <= 255


def test_a_head_that_holds_still_moves_less():
    still, moving = (len(synthetic.clip(3, "sadness", movement=m, **SMALL).events) for m in (0, 3))
    assert still < moving / 2


def test_datasets_are_balanced_and_grow_without_changing():
    small = synthetic.dataset(6, subjects=2, steps=4, **SMALL)
    large = synthetic.dataset(15, subjects=2, steps=4, **SMALL)
    assert large.x.shape == (15, 4, 2, 48, 48)
    assert large.x.dtype == np.uint8
    assert set(np.unique(large.x)) == {0, 1}
    assert (large.x.reshape(15, 4, -1).sum(2) > 0).all()
    assert large.y.tolist() == [*range(6), *range(6), *range(3)]
    assert large.subjects.tolist() == [0] * 6 + [1] * 6 + [0] * 3
    assert np.array_equal(large.x[:6], small.x)
    assert not np.array_equal(large.x[0], large.x[12])
    other = synthetic.dataset(6, subjects=2, steps=4, seed=1, **SMALL)
    assert not np.array_equal(other.x, small.x)


def test_members_can_be_made_in_any_order():
    late = synthetic.member(9, subjects=3, **SMALL)
    assert (late.label, late.subject) == (3, 1)
    assert np.array_equal(late.events, synthetic.member(9, subjects=3, **SMALL).events)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: synthetic.clip(0, "bored"), "choose one of happy, fear"),
        (lambda: synthetic.film(0, "happy", frames=1), "at least 2 frames"),
        (lambda: synthetic.film(0, "happy", size=8), "16 x 16"),
        (lambda: synthetic.member(-1), "clip -1"),
        (lambda: synthetic.dataset(6, subjects=0), "no subjects"),
        (lambda: synthetic.clip(0, "happy", params="loud"), "no DVS preset"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
