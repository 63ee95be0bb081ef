import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.data.faces import CROPS, Crop, Face, FaceError, Fault, Reason, named_provider, standardise, stream
from neurofer.data.faces.align import place, sample
from neurofer.data.synthetic import film
from neurofer.errors import UsageError
from tests.data.faces.pictures import apart, beside, moved


class Told:
    """A provider that is told what each frame shows."""

    name = "told"

    def __init__(self, *found):
        self._found = iter(found)

    def find(self, frame):
        return next(self._found)


EYES = np.array([[10.0, 10.0], [20.0, 10.0]])
FACE = Face(points=EYES, left_eye=EYES[0], right_eye=EYES[1], nose=np.array([15.0, 16.0]), nose_length=7.0)
FRAME = np.random.default_rng(5).integers(0, 256, (32, 32), np.uint8)
NO, TWO = Reason.NO_FACE, Reason.SEVERAL


def done(found, *, policy, **options):
    return standardise([FRAME] * len(found), provider=Told(*found), policy=policy, **options)


# Faces that are moved and come back.


@pytest.fixture(scope="module")
def eyes():
    return named_provider("opencv")


@pytest.mark.parametrize("degrees", [-12, -5, 12])
def test_a_turned_face_comes_back_upright(eyes, astronaut, degrees):
    upright, turned = astronaut, moved(astronaut, degrees=degrees)[0]
    found = standardise([upright, turned], provider=eyes, crop="face")
    assert apart(*found.frames) < 0.35
    assert np.degrees(found.report.placements[1].angle) == pytest.approx(degrees, abs=2.5)
    crooked = sample(turned[..., 1], place(eyes.find(upright), eyes.find(upright), CROPS["face"]).matrix(200), 200)
    assert apart(found.frames[0], crooked) > 1.5 * apart(*found.frames)


@pytest.mark.parametrize("degrees", [-12, 12])
def test_with_68_landmarks_it_comes_back_almost_the_same(landmarks, astronaut, degrees):
    frames = [astronaut, moved(astronaut, degrees=degrees, shift=(11.5, -6.2))[0]]
    found = standardise(frames, provider="net68", weights=landmarks, crop="face")
    assert apart(*found.frames) < 0.12
    assert np.degrees(found.report.placements[1].angle) == pytest.approx(degrees, abs=0.6)


@pytest.mark.parametrize("crop", CROPS)
def test_a_shift_by_whole_pixels_changes_next_to_nothing(eyes, astronaut, crop):
    frames = [astronaut, np.roll(astronaut, (12, -9), axis=(0, 1))]
    assert apart(*standardise(frames, provider=eyes, crop=crop).frames) < 0.2


def test_a_larger_face_gives_the_same_picture_where_each_frame_is_measured(landmarks, astronaut):
    frames = [astronaut, moved(astronaut, scale=1.25)[0]]
    each = Crop(height=8 / 3, width=8 / 3, lengths="each")
    followed = standardise(frames, provider="net68", weights=landmarks, crop=each)
    kept = standardise(frames, provider="net68", weights=landmarks, crop="face")
    assert apart(*followed.frames) < 0.15 < apart(*kept.frames)


def test_level_turns_a_tilted_video_upright(landmarks, astronaut):
    options = {"provider": "net68", "weights": landmarks, "crop": "face", "level": True}
    upright = standardise([astronaut], **options).frames[0]
    tilted = standardise([moved(astronaut, degrees=11)[0]], **options).frames[0]
    assert apart(upright, tilted) < 0.12


def test_a_drawn_face_that_moves_stays_in_place(eyes):
    frames = [frame.round().clip(0, 255).astype(np.uint8) for frame in film(4, "happy", frames=12, movement=3.0)]
    found = standardise(frames, provider=eyes, crop="face")
    assert found.frames.shape == (12, 200, 200)
    assert found.report.visible == 1
    places = np.array([(at.x, at.y) for at in found.report.placements])
    noses = [eyes.find(frame).nose for frame in frames]
    assert places == pytest.approx(np.array(noses))


def test_the_words_of_the_authors_leave_the_eyes_outside(landmarks, astronaut):
    net68 = named_provider("net68", landmarks)
    written, whole = (standardise([astronaut], provider=net68, crop=crop).report for crop in ("as-written", "face"))
    assert written.visible < 0.4
    assert whole.visible > 0.85
    assert not written.placements[0].holds(net68.find(astronaut).points[36:48]).any()


# Frames at fault.


@pytest.mark.parametrize("policy", ["refuse", "skip", "hold"])
def test_a_video_without_fault_is_the_same_under_each_policy(policy):
    found = done([FACE] * 3, policy=policy)
    assert found.frames.shape == (3, 200, 200)
    assert found.numbers.tolist() == [0, 1, 2]
    assert found.report.faults == ()


def test_refuse_tells_all_frames_at_fault_at_once():
    with pytest.raises(FaceError) as refused:
        done([FACE, NO, NO, TWO, FACE, NO], policy="refuse")
    assert str(refused.value) == (
        "4 of 6 frames do not show one upright face\n"
        "  - frames 1 to 2: no upright face\n"
        "  - frame 3: several faces\n"
        "  - frame 5: no upright face\n"
        "  next: leave such frames out with the policy skip, or hold the face's last place with hold"
    )
    assert refused.value.faults[0] == Fault(1, NO)
    assert len(refused.value.faults) == 4


def test_skip_leaves_frames_out_and_keeps_the_numbers_of_the_others():
    found = done([NO, FACE, TWO, FACE], policy="skip")
    assert found.numbers.tolist() == [1, 3]
    assert len(found.frames) == len(found.report.placements) == 2
    assert found.report.faults == (Fault(0, NO), Fault(2, TWO))
    assert found.report.count == 4


def test_hold_keeps_the_last_placement():
    found = done([FACE, NO, FACE], policy="hold")
    assert found.numbers.tolist() == [0, 1, 2]
    assert found.report.placements[1] == found.report.placements[0]
    assert found.report.faults == (Fault(1, NO),)


def test_hold_has_nothing_to_hold_before_the_first_face():
    with pytest.raises(
        FaceError, match="1 frames come before the first face, with nothing to hold\n  - frame 0: no upright face"
    ):
        done([NO, FACE, NO], policy="hold")


@pytest.mark.parametrize("policy", ["refuse", "skip", "hold"])
def test_a_video_without_any_face_is_refused(policy):
    with pytest.raises(FaceError, match="none of 2 frames shows one upright face\n  - frames 0 to 1: several faces"):
        done([TWO, TWO], policy=policy)


@settings(max_examples=50)
@given(st.lists(st.sampled_from([FACE, NO, TWO]), min_size=1, max_size=12).filter(lambda found: FACE in found))
def test_each_frame_is_either_a_picture_or_a_fault_under_skip(found):
    result = done(found, policy="skip", size=4)
    at_fault = [fault.frame for fault in result.report.faults]
    assert sorted([*result.numbers.tolist(), *at_fault]) == list(range(len(found)))


def test_faults_of_real_frames(eyes, astronaut):
    face = astronaut[:250, 100:350]
    frames = [face, np.zeros_like(face), np.ascontiguousarray(face[::-1]), beside(face[::2, ::2])[:, :250]]
    padded = np.zeros_like(face)
    padded[:125, :250] = frames[3]
    found = standardise([*frames[:3], padded], provider=eyes, policy="skip")
    assert found.report.faults == (Fault(1, NO), Fault(2, Reason.UPSIDE_DOWN), Fault(3, TWO))


# Frames as they come.


def test_no_frame_is_kept(eyes, astronaut):
    alive = []

    def frames():
        for _ in range(6):
            frame = astronaut.copy()
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1

    assert sum(1 for _ in stream(frames(), provider=eyes)) == 6


def test_the_first_picture_comes_before_the_second_frame_is_read():
    def frames():
        yield FRAME
        pytest.fail("a second frame was read")

    first = next(stream(frames(), provider=Told(FACE)))
    assert first.number == 0
    assert first.picture.shape == (200, 200)


def test_gray_and_colour_give_the_same(eyes, astronaut):
    level = np.repeat(astronaut[..., 1:2], 3, axis=2)
    assert (standardise([level], provider=eyes).frames == standardise([level[..., 0]], provider=eyes).frames).all()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([FRAME.astype(float)], r"frame 0: float64 \[32, 32\] is no frame\n  next: give uint8, RGB"),
        ([FRAME[None]], r"frame 0: uint8 \[1, 32, 32\] is no frame"),
        ([FRAME[:0]], r"frame 0: uint8 \[0, 32\] is no frame"),
        ([FRAME, FRAME[1:]], r"frame 1: shape \[31, 32\] after \[32, 32\]\n  next: give frames of one shape"),
        ([], "the video has no frames"),
    ],
)
def test_what_is_no_video_is_refused(frames, message):
    with pytest.raises(UsageError, match=message):
        standardise(frames, provider=Told(FACE, FACE))


def test_unknown_words_are_refused_before_a_frame_is_read():
    with pytest.raises(UsageError, match="no policy 'guess'\n  next: choose one of refuse, skip, hold"):
        stream([], provider=Told(), policy="guess")
    with pytest.raises(UsageError, match="no crop 'tight'"):
        stream([], provider=Told(), crop="tight")
    with pytest.raises(UsageError, match="w: a provider that is ready reads no weights\n  next: give its name"):
        stream([], provider=Told(), weights="w")
    with pytest.raises(UsageError, match="a picture of 0 x 0 pixels is none"):
        stream([], provider=Told(), size=0)
