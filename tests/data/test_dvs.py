"""The DVS model against v2e's own events, and against what each of its parameters promises."""

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the DVS model is compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import dvs
from neurofer.data.dvs.noise import photoreceptor_noise_rms, smaller_threshold
from neurofer.data.dvs.pixels import Pixels
from neurofer.data.dvs.response import respond
from neurofer.data.events import DTYPE
from neurofer.errors import UsageError

IDEAL = dvs.Params()


@pytest.fixture(scope="module")
def v2e(shared):
    with np.load(shared / "data" / "v2e" / "v2e_cac6384_seed7.npz") as file:
        return dict(file)


def thresholds_of(v2e, setting):
    return v2e[f"{setting}_pos_thres"], v2e[f"{setting}_neg_thres"]


@pytest.mark.parametrize(
    ("setting", "fps", "params", "count"),
    [
        ("ideal", 30, IDEAL, 106_896),
        ("mismatch", 30, dvs.Params(threshold_sigma=0.05), 115_457),
        ("cutoff30hz_300fps", 300, dvs.Params(threshold_sigma=0.03, cutoff_hz=30), 36_139),
        ("refractory20ms_300fps", 300, dvs.Params(refractory_s=0.02), 14_836),
    ],
)
def test_deterministic_settings_are_v2e_event_for_event(v2e, setting, fps, params, count):
    events = dvs.convert(v2e["frames"], fps=fps, params=params, thresholds=thresholds_of(v2e, setting))
    t, x, y, p = v2e[setting].astype(np.float64).T
    assert len(events) == len(t) == count
    assert (np.diff(events["t"]) >= 0).all()
    # Sorted by pixel, polarity and time, the two lists agree line by line: the same pixels, and times that differ by
    # no more than our rounding to microseconds and v2e's float32, far under the shortest step of 196 us.
    ours, theirs = np.lexsort((events["t"], events["p"], events["y"], events["x"])), np.lexsort((t, p, y, x))
    assert np.array_equal(events["x"][ours], x[theirs])
    assert np.array_equal(events["y"][ours], y[theirs])
    assert np.array_equal(events["p"][ours] > 0, p[theirs] > 0)
    assert np.abs(events["t"][ours] - t[theirs] * 1e6).max() < 0.5 + 0.06


NOISY = dvs.Params(
    threshold_sigma=0.05,
    cutoff_hz=30,
    leak_rate_hz=0.1,
    leak_jitter=0.1,
    leak_spread_decades=0.1,
    shot_noise_rate_hz=5,
)


def noisy_scores(v2e, params, runs=40):
    """How many standard deviations v2e's noisy run lies from ours: ON events, OFF events, events per pixel.

    Per pixel: the squared distance of a run's counts from the mean of our other runs.
    """

    def counted(x, y, p):
        return np.array([(p > 0).sum(), (p <= 0).sum()]), np.bincount((y * 64 + x).astype(int), minlength=4096)

    totals, pixels = [], []
    for seed in range(runs):
        maps = thresholds_of(v2e, "noisy_full")
        events = dvs.convert(v2e["frames"], fps=300, params=params, seed=seed, thresholds=maps)
        total, pixel = counted(*(events[name].astype(int) for name in "xyp"))
        totals.append(total)
        pixels.append(pixel)
    total, pixel = counted(*v2e["noisy_full"].T[1:])
    spread = (total - np.mean(totals, 0)) / np.std(totals, 0, ddof=1)
    summed = np.sum(pixels, 0)
    own = [((one - (summed - one) / (runs - 1)) ** 2).sum() for one in pixels]
    distance = (((pixel - summed / runs) ** 2).sum() - np.mean(own)) / np.std(own, ddof=1)
    return np.abs([*spread, distance])


def test_noisy_setting_is_v2e_in_distribution(v2e):
    assert (noisy_scores(v2e, NOISY) < 3).all()


@pytest.mark.parametrize("change", [{"shot_noise_rate_hz": 3.5}, {"leak_rate_hz": 1.0}, {"cutoff_hz": 31.0}])
def test_the_statistic_sees_other_noise(v2e, change):
    assert (noisy_scores(v2e, replace(NOISY, **change), runs=20) > 3.5).any()


def moving_bars(count=12, size=40):
    x = np.arange(size)
    frames = [np.where((x + 3 * k) % 20 < 10, 230, 20) for k in range(count)]
    return [np.broadcast_to(frame, (size, size)).astype(np.uint8) for frame in frames]


@pytest.mark.parametrize("name", dvs.PRESETS)
def test_presets_run_and_repeat_by_seed(name):
    first, again, other = (dvs.convert(moving_bars(), fps=30, params=name, seed=seed) for seed in (1, 1, 2))
    assert first.dtype == DTYPE
    assert len(first) > 1000
    assert np.array_equal(first, again)
    assert (np.diff(first["t"]) >= 0).all()
    assert first["t"].min() > 0
    assert first["t"].max() <= round(11 / 30 * 1e6)
    assert name in {"ideal", "esim"} or not np.array_equal(first, other)


def test_the_papers_preset():
    params = dvs.preset("spiking-fer")
    assert (params.on_threshold, params.off_threshold, params.threshold_sigma) == (0.2, 0.2, 0.02)
    assert (params.cutoff_hz, params.leak_rate_hz, params.shot_noise_rate_hz) == (0, 0, 0)
    assert params.refractory_s == 0.0005


def test_thresholds_stay_when_noise_is_switched_off():
    quiet, loud = (Pixels(replace(NOISY, shot_noise_rate_hz=rate), seed=3) for rate in (0, 50))
    for frame, time in zip(moving_bars(3), itertools.count(), strict=False):
        quiet.step(frame, time)
        loud.step(frame, time)
    assert np.array_equal(quiet.thresholds, loud.thresholds)


def test_thresholds_are_drawn_around_their_means():
    pixels = Pixels(dvs.Params(on_threshold=0.3, off_threshold=0.1, threshold_sigma=0.05))
    pixels.step(np.zeros((200, 200), np.uint8), 0)
    on, off = pixels.thresholds
    assert on.mean() == pytest.approx(0.3, abs=0.002)
    assert on.std() == pytest.approx(0.05, abs=0.002)
    assert off.min() == np.float32(0.01)
    assert np.corrcoef(on.ravel(), off.ravel())[0, 1] == pytest.approx(0, abs=0.03)


def test_response_is_linear_then_logarithmic():
    f = np.array([0, 10, 20, 21, 255], np.float32)
    assert respond(f) == pytest.approx([0, np.log(20) / 2, np.log(20), np.log(21), np.log(255)], abs=1e-6)
    every = np.arange(256, dtype=np.uint8)
    for mapping in ("lin-log", "log"):
        assert np.array_equal(respond(every, mapping), respond(every.astype(np.float64), mapping))


@given(st.integers(0, 2**32 - 1), st.sampled_from(["grid", "crossing"]))
def test_events_add_up_to_the_change_of_light(seed, times):
    frames = np.random.default_rng(seed).integers(0, 256, (5, 6, 7)).astype(np.uint8)
    events = dvs.convert(frames, fps=30, params=dvs.Params(on_threshold=0.23, off_threshold=0.17, times=times))
    place = events["y"].astype(int) * 7 + events["x"]
    told = 0.23 * np.bincount(place[events["p"] > 0], minlength=42) - 0.17 * np.bincount(
        place[events["p"] <= 0], minlength=42
    )
    rest = (respond(frames[-1]) - respond(frames[0])).reshape(-1) - told
    assert (rest < 0.23 + 1e-4).all()
    assert (rest > -0.17 - 1e-4).all()


def test_frames_of_any_type_give_the_same_events():
    frames = moving_bars()
    expected = dvs.convert(frames, fps=30)
    for kind in (np.int64, np.float32, np.float64):
        assert np.array_equal(dvs.convert([frame.astype(kind) for frame in frames], fps=30), expected)


def test_streaming_takes_one_frame_at_a_time():
    shown = []

    def endless():
        for frame in itertools.cycle(moving_bars()):
            shown.append(len(shown))
            yield frame

    stream = dvs.stream(endless(), fps=30, params="noisy", seed=5)
    parts = [next(stream) for _ in range(11)]
    assert len(shown) == 12
    assert np.array_equal(np.concatenate(parts), dvs.convert(moving_bars(), fps=30, params="noisy", seed=5))


def test_grid_and_crossing_times():
    # A pixel rises by e^1 in a second: five thresholds of 0.2, or two of 0.45 beside five on the same grid.
    frames = np.array([[[50.0, 50.0]], [[50 * np.exp(1.0001), 50 * np.exp(0.45001)]]])
    grid = dvs.convert(frames, times=[1, 2], params=IDEAL)
    crossing = dvs.convert(frames, times=[1, 2], params=dvs.Params(times="crossing"))
    assert grid["t"][grid["x"] == 0] == pytest.approx([1.2e6, 1.4e6, 1.6e6, 1.8e6, 2e6], abs=1)
    assert grid["t"][grid["x"] == 1] == pytest.approx([1.2e6, 1.4e6], abs=1)
    assert crossing["t"][crossing["x"] == 0] == pytest.approx([1.2e6, 1.4e6, 1.6e6, 1.8e6, 2e6], abs=100)
    assert crossing["t"][crossing["x"] == 1] == pytest.approx([1e6 + 2e5 / 0.45, 1e6 + 4e5 / 0.45], abs=100)


def test_crossing_times_do_not_depend_on_the_frame_rate():
    log = np.linspace(4, 5, 41)
    params = dvs.Params(times="crossing", on_threshold=0.07)
    fine = dvs.convert(np.exp(log)[:, None, None], fps=40, params=params)
    coarse = dvs.convert(np.exp(log[::8])[:, None, None], fps=5, params=params)
    assert len(fine) == len(coarse) == 14
    assert np.abs(fine["t"] - coarse["t"]).max() <= 20


@pytest.mark.parametrize("times", ["grid", "crossing"])
def test_a_pixel_rests_after_an_event(times):
    params = dvs.Params(refractory_s=0.04, times=times)
    events = dvs.convert(moving_bars(30), fps=300, params=params)
    apart = [np.diff(events["t"][(events["x"] == x) & (events["y"] == 7)]) for x in range(40)]
    assert min(part.min() for part in apart) >= 40_000 - 1
    assert len(events) < len(dvs.convert(moving_bars(30), fps=300, params=IDEAL)) / 2


def test_what_rest_suppresses_comes_back():
    frames = np.full((40, 1, 1), 200, np.uint8)
    frames[0] = 50
    events = dvs.convert(frames, fps=300, params=dvs.Params(refractory_s=0.01))
    assert len(events) == int(np.log(4) / 0.2)
    assert events["t"][-1] > 50_000


def test_leak_gives_on_events_at_its_rate():
    still = np.full((100, 60, 60), 90, np.uint8)
    events = dvs.convert(still, fps=10, params=dvs.Params(leak_rate_hz=5, leak_jitter=0.1))
    assert (events["p"] > 0).all()
    assert len(events) / 3600 / 9.9 == pytest.approx(5, rel=0.03)
    assert not len(dvs.convert(still, fps=10, params=IDEAL))


@pytest.mark.parametrize(("luma", "share"), [(0, 1 - 0.75 * 20 / 275), (255, 0.25)])
def test_shot_noise_falls_with_light(luma, share):
    still = np.full((50, 60, 60), luma, np.uint8)
    events = dvs.convert(still, fps=50, params=dvs.Params(shot_noise_rate_hz=4))
    assert len(events) / 3600 / 0.98 == pytest.approx(4 * share, rel=0.06)
    assert events["p"].mean() == pytest.approx(0.5, abs=0.03)


def test_photoreceptor_noise_gives_about_the_rate_and_alternates():
    params = dvs.Params(threshold_sigma=0.02, cutoff_hz=30, shot_noise_rate_hz=3, photoreceptor_noise=True)
    events = dvs.convert(np.full((3000, 16, 16), 128, np.uint8), fps=1000, params=params)
    assert 1 < len(events) / 256 / 3 < 9
    turns = same = 0
    for pixel in range(256):
        p = events["p"][events["y"].astype(int) * 16 + events["x"] == pixel]
        turns += (np.diff(p) != 0).sum()
        same += (np.diff(p) == 0).sum()
    assert turns > 3 * same


def test_photoreceptor_noise_survives_its_lowpass():
    params = dvs.Params(cutoff_hz=100, shot_noise_rate_hz=1, photoreceptor_noise=True)
    white = photoreceptor_noise_rms(params, 0.0002) * np.random.default_rng(0).standard_normal(200_000)
    share, low, kept = 0.0002 * 2 * np.pi * 100, 0.0, []
    for value in white:
        low = (1 - share) * low + share * value
        kept.append(low)
    x = np.log10(1 / 100 / 2)
    assert np.std(kept) == pytest.approx(0.2 / 10 ** (-0.0026 * x**3 - 0.036 * x**2 - 0.1949 * x + 0.321), rel=0.05)


def test_mean_of_the_smaller_threshold():
    params = dvs.Params(on_threshold=0.25, off_threshold=0.2, threshold_sigma=0.05)
    drawn = np.random.default_rng(0).normal([0.25, 0.2], 0.05, (200_000, 2)).min(1).mean()
    assert smaller_threshold(params) == pytest.approx(drawn, abs=5e-4)


def test_interpolation_blends():
    frames = [np.full((2, 2), value, np.uint8) for value in (0, 100)]
    assert [float(frame[0, 0]) for frame in dvs.interpolate(frames, 4)] == [0, 25, 50, 75, 100]
    assert [frame.dtype for frame in dvs.interpolate(frames, 1)] == [np.uint8] * 2
    with pytest.raises(UsageError, match="multiplied by 0"):
        dvs.interpolate(frames, 0)


def test_no_frames_and_one_frame_give_no_events():
    assert dvs.convert([], fps=30).shape == dvs.convert(moving_bars(1), fps=30).shape == (0,)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.uint8), "convert colours to luma"),
        (np.zeros((2, 0, 4), np.uint8), r"not \[0, 4\]"),
        ([np.zeros((4, 4)), np.zeros((4, 5))], r"the frame is \[4, 5\]"),
        (np.full((2, 4, 4), np.nan), "no luma of 0 to 255"),
        (np.full((2, 4, 4), -1), "no luma of 0 to 255"),
        (np.full((2, 4, 4), 256.0), "no luma of 0 to 255"),
        (np.zeros((2, 4, 4), complex), "no luma of 0 to 255"),
    ],
)
def test_frames_that_are_no_luma_are_refused(frames, message):
    with pytest.raises(UsageError, match=message):
        dvs.convert(frames, fps=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either fps or times"),
        ({"fps": 30, "times": [0, 1]}, "either fps or times"),
        ({"fps": 0}, "no rate"),
        ({"times": [0]}, "1 times and more frames"),
        ({"times": [1, 1]}, "give later frames later times"),
        ({"times": [0, np.nan]}, "at nan s"),
        ({"fps": 30, "params": "loud"}, "clean, noisy"),
        ({"fps": 30, "thresholds": (np.ones((3, 3)), 0.2)}, "thresholds are positive numbers"),
        ({"fps": 30, "thresholds": (0.2, -0.2)}, "thresholds are positive numbers"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        dvs.convert(np.zeros((2, 4, 4), np.uint8), **arguments)


def test_all_faults_of_parameters_are_listed():
    with pytest.raises(UsageError) as caught:
        dvs.Params(on_threshold=0.001, cutoff_hz=-1, leak_rate_hz=float("nan"), times="soon", photoreceptor_noise=True)
    places = {problem.where for problem in caught.value.problems}
    assert places == {"on_threshold", "cutoff_hz", "leak_rate_hz", "times", "photoreceptor_noise"}


def test_without_numba_the_package_is_named():
    code = "import sys; sys.modules['numba'] = None\nfrom neurofer.data import dvs\ndvs.convert([], fps=30)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "MissingPackageError" in done.stderr
    assert "neurofer[events]" in done.stderr
