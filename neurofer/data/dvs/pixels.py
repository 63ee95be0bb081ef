"""The state of a sensor's pixels between two frames: frame in, events out, in constant memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurofer.data.dvs import kernels
from neurofer.data.dvs.kernels import Sensor
from neurofer.data.dvs.noise import photoreceptor_noise_rms
from neurofer.data.dvs.params import Params
from neurofer.data.dvs.response import float32_grid, relative, respond
from neurofer.data.events import DTYPE
from neurofer.errors import UsageError

_SHOT_NOISE_IN_BRIGHT_LIGHT = 0.25


class _Sources:
    """Random sources of their own for thresholds, leak, noise and order, so that one never shifts another."""

    def __init__(self, seed: int) -> None:
        children = np.random.SeedSequence(seed).spawn(4)
        self.thresholds, self.leak, self.noise, self.order = (np.random.default_rng(child) for child in children)


@dataclass
class _State:
    """What is remembered of the frames so far.

    Attributes:
        shape: [H, W].
        time: of the last frame, seconds.
        sensor: the pixels.
        lowpassed: the photoreceptor without its noise.
        photo: with it; what is compared with the base.
        coloured: the lowpassed noise.
        leak_rate: of each pixel, per second.
        rms: of the noise before its lowpass, and the time between frames it holds for.
    """

    shape: tuple[int, int]
    time: float
    sensor: Sensor
    lowpassed: NDArray[np.floating[Any]]
    photo: NDArray[np.floating[Any]]
    coloured: NDArray[np.float64]
    leak_rate: NDArray[np.float32]
    rms: tuple[float, float] = (0.0, 0.0)


class Pixels:
    """A sensor: each frame shown to it after the first gives the events since the one before.

    The same parameters, seed, frames and times give the same events, and a sensor keeps its thresholds when its noise
    is switched off. The model is v2e's (commit cac6384), formula by formula and in its precisions: times of events are
    exact to the microsecond at any length, but on the grid the refractory period is decided on float32 seconds, whose
    grain is 2 us after 16 s and 0.2 ms after an hour. CSDVS and SCIDVS, v2e's models of other sensors, are not in it.

    Args:
        params: the pixel.
        seed: of everything random.
        thresholds: ON and OFF threshold maps, each a number or [H, W], in place of drawn ones.
    """

    def __init__(self, params: Params, *, seed: int = 0, thresholds: tuple[Any, Any] | None = None) -> None:
        self.params = params
        self._given = thresholds
        self._sources = _Sources(seed)
        self._state: _State | None = None

    @property
    def thresholds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """ON and OFF threshold of every pixel, [H, W].

        Raises:
            UsageError: no frame has been shown yet.
        """
        if self._state is None:
            raise UsageError("thresholds are drawn with the first frame", next_step="show a frame first")
        sensor, shape = self._state.sensor, self._state.shape
        return sensor.on.reshape(shape), sensor.off.reshape(shape)

    def step(self, frame: NDArray[Any], time: float) -> NDArray[Any]:
        """Show the next frame.

        Args:
            frame: luma [H, W], 0 to 255, of any integer or floating type; the same [H, W] in every call.
            time: of this frame in seconds, later than the one before.

        Returns:
            Events in the order of their times, which lie after the frame before and not after this one; none for the
            first frame.

        Raises:
            UsageError: a frame of another shape, values that are no luma, or a time that does not advance.
        """
        state = self._state
        _check(frame, time, state)
        light = frame.reshape(-1)
        response = respond(light, self.params.mapping)
        if state is None:
            self._state = self._begin((frame.shape[0], frame.shape[1]), response, float(time))
            return np.empty(0, DTYPE)
        span = state.time, float(time)
        state.time = span[1]
        start = (state.photo - state.sensor.base).astype(np.float64) if self.params.times == "crossing" else None
        self._filter(state, light, response, span[1] - span[0])
        self._drift(state, span[1] - span[0])
        listed, most, total = kernels.compare(state.sensor, state.photo)
        if start is None:
            events = self._steps(state, span, listed, most, total)
        else:
            events = self._crossings(state, start, span, listed, total)
        if self.params.shot_noise_rate_hz > 0 and not self.params.photoreceptor_noise:
            events = join([events, self._shots(state, light, span)])
        return events

    def _begin(self, shape: tuple[int, int], response: NDArray[np.float32], time: float) -> _State:
        # The lowpass is computed in float64 and makes the base float64, everything else is float32, as in v2e.
        photo = response.astype(np.float64) if self.params.cutoff_hz > 0 else response
        size = photo.size
        exact = np.float64 if self.params.times == "crossing" else np.float32
        sensor = Sensor(
            base=photo.copy(),
            on=self._threshold(self.params.on_threshold, 0, shape),
            off=self._threshold(self.params.off_threshold, 1, shape),
            memory=np.full(size, time - self.params.refractory_s, exact),
            counts=np.zeros(size, np.int32),
            active=np.empty(size, np.int32),
            width=shape[1],
        )
        decades = self.params.leak_spread_decades * self._sources.leak.standard_normal(size, np.float32)
        leak_rate = (self.params.leak_rate_hz * np.exp(math.log(10) * decades)).astype(np.float32)
        return _State(shape, time, sensor, photo, photo, np.zeros(size), leak_rate)

    def _threshold(self, mean: float, which: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        if self._given is None:
            draws = self._sources.thresholds.standard_normal(math.prod(shape), np.float32)
            drawn: NDArray[np.float32] = np.float32(mean) + np.float32(self.params.threshold_sigma) * draws
            return np.maximum(drawn, np.float32(0.01), out=drawn)
        given = np.asarray(self._given[which], np.float32)
        if given.shape not in {(), shape} or not bool(np.isfinite(given).all() and (given > 0).all()):
            raise UsageError(f"thresholds are positive numbers or maps {list(shape)}")
        return np.broadcast_to(given, shape).reshape(-1).copy()

    def _filter(self, state: _State, light: NDArray[Any], response: NDArray[np.float32], elapsed: float) -> None:
        cutoff = self.params.cutoff_hz
        if cutoff <= 0:
            state.photo = state.lowpassed = response
            return
        rate = elapsed / (1 / (math.pi * 2 * cutoff))
        share = np.minimum(relative(light) * rate, 1.0)
        state.photo = state.lowpassed = (1 - share) * state.lowpassed + share * response
        if self.params.photoreceptor_noise:
            if abs(elapsed - state.rms[1]) > 0.1 * elapsed:
                state.rms = photoreceptor_noise_rms(self.params, elapsed), elapsed
            drawn = state.rms[0] * self._sources.noise.standard_normal(light.size, np.float32)
            state.coloured = (1 - min(rate, 1.0)) * state.coloured + min(rate, 1.0) * drawn
            state.photo = state.lowpassed + state.coloured

    def _drift(self, state: _State, elapsed: float) -> None:
        if self.params.leak_rate_hz > 0:
            draws = self._sources.leak.standard_normal(state.leak_rate.size, np.float32)
            rate = state.leak_rate * (1 - np.float32(self.params.leak_jitter) * draws)
            np.subtract(state.sensor.base, np.float32(elapsed) * rate * state.sensor.on, out=state.sensor.base)

    def _steps(self, state: _State, span: tuple[float, float], listed: int, most: int, total: int) -> NDArray[Any]:
        events = np.empty(total, DTYPE)
        if not total:
            return events
        elapsed = span[1] - span[0]
        stamps = np.rint((span[0] + elapsed * (np.arange(1, most + 1) / most)) * 1e6).astype(np.int64)
        if self.params.refractory_s > elapsed / most:
            seconds = float32_grid(span[0] + elapsed / most, span[1], most)
            refractory = np.float32(self.params.refractory_s)
            written = kernels.emit_rested(state.sensor, listed, stamps, seconds, refractory, events)
            return in_time(events[:written])
        seed = self._sources.order.integers(1, 2**63, dtype=np.uint64)
        kernels.emit_steps(state.sensor, listed, stamps, seed, events)
        return events

    def _crossings(
        self, state: _State, start: NDArray[np.float64], span: tuple[float, float], listed: int, total: int
    ) -> NDArray[Any]:
        events = np.empty(total, DTYPE)
        end = (state.photo - state.sensor.base).astype(np.float64)
        written = kernels.emit_crossings(state.sensor, listed, start, end, span, self.params.refractory_s, events)
        return in_time(events[:written])

    def _shots(self, state: _State, light: NDArray[Any], span: tuple[float, float]) -> NDArray[Any]:
        params, sensor = self.params, state.sensor
        dimmed = (_SHOT_NOISE_IN_BRIGHT_LIGHT - 1) * relative(light) + 1
        chance = params.shot_noise_rate_hz / 2 * (span[1] - span[0]) * dimmed
        draw = self._sources.noise.random(light.size, np.float32)
        on = draw > 1 - chance * (params.on_threshold / sensor.on)
        fired = np.flatnonzero(on | (draw < chance * (params.off_threshold / sensor.off)))
        # A pixel that fired by noise forgets what it remembered of the light.
        sensor.base[fired] = state.lowpassed[fired]
        events = np.empty(len(fired), DTYPE)
        events["y"], events["x"] = np.divmod(fired, sensor.width)
        events["t"], events["p"] = np.rint(span[1] * 1e6), on[fired]
        return events


def _check(frame: NDArray[Any], time: float, state: _State | None) -> None:
    if frame.ndim != 2 or not frame.size or max(frame.shape) > np.iinfo(np.int16).max:
        raise UsageError(
            f"a frame is luma [H, W] of at most 32767 x 32767 pixels, not {list(frame.shape)}",
            next_step="convert colours to luma, for example with PIL's convert('L')",
        )
    if state is not None and frame.shape != state.shape:
        raise UsageError(f"the frame is {list(frame.shape)}, the ones before were {list(state.shape)}")
    if frame.dtype != np.uint8 and not (
        frame.dtype.kind in "iuf" and bool(np.isfinite(frame).all()) and frame.min() >= 0 and frame.max() <= 255
    ):
        raise UsageError(f"a frame of type {frame.dtype} holds values that are no luma of 0 to 255")
    before = -math.inf if state is None else state.time
    if not (math.isfinite(time) and time > before):
        raise UsageError(
            f"the frame is at {time} s, the one before was at {before} s", next_step="give later frames later times"
        )


def in_time(events: NDArray[Any]) -> NDArray[Any]:
    """The events in the order of their times; those of one time stay as they are."""
    return np.take(events, np.argsort(events["t"], kind="stable"))


def join(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """One array of all events; as bytes, because numpy copies structures field by field."""
    raw = np.concatenate([np.ascontiguousarray(part).view(np.uint8) for part in parts] or [np.empty(0, np.uint8)])
    return raw.view(DTYPE)
