"""What the loop and its controls share."""

import threading

import pytest

from slam.control.controls import MAX_STEPS_AHEAD, Controls
from slam.workers import StopEvent

pytestmark = pytest.mark.timeout(20)
LONG_S = 5.0


class Clock:
    """A clock that the test moves, also by napping on it."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


class Stop(StopEvent):
    """A stop event whose naps are seconds of the clock; does one planned thing in each nap."""

    def __init__(self, clock, *acts):
        super().__init__()
        self._clock = clock
        self.acts = list(acts)

    def wait(self, seconds):
        self._clock.now_s += 1.0
        assert self.acts, "napped on, though nobody is left to wake it"
        self.acts.pop(0)()


def nothing():
    pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def controls(clock):
    return Controls(clock)


@pytest.fixture
def napping(clock):
    def make(*acts):
        return Stop(clock, *acts)

    return make


def test_a_run_that_nobody_touches_never_waits(controls, napping):
    stop = napping()
    assert all(controls.wait_until_due(stop) for _ in range(3))
    assert not controls.take_reset()
    assert not controls.take_save()
    assert not controls.is_quit


@pytest.mark.parametrize("wake", ["resume", "toggle_pause", "step", "quit"])
def test_a_paused_loop_waits_until_it_is_woken(controls, napping, wake):
    controls.pause()
    stop = napping(nothing, nothing, getattr(controls, wake))
    assert controls.wait_until_due(stop)
    assert controls.status()["phase"] == {"step": "paused", "quit": "ending"}.get(wake, "running")


def test_a_paused_loop_wakes_when_the_run_stops(controls, napping):
    controls.pause()
    stop = napping(nothing)
    stop.acts.append(stop.set)
    assert controls.wait_until_due(stop)


@pytest.mark.parametrize(("ask", "take"), [("reset", "take_reset"), ("save_mesh", "take_save")])
@pytest.mark.parametrize("is_paused", [False, True])
def test_a_request_comes_before_the_next_frame_and_lets_none_through(
    controls, napping, ask, take, is_paused
):
    if is_paused:
        controls.pause()
        stop = napping(getattr(controls, ask), nothing, controls.resume)
    else:
        getattr(controls, ask)()
        stop = napping()
    assert not controls.wait_until_due(stop)
    assert getattr(controls, take)()
    assert not getattr(controls, take)()  # seen once
    assert controls.wait_until_due(stop)


def test_a_request_made_twice_is_met_once(controls):
    controls.save_mesh()
    controls.save_mesh()
    assert [controls.take_save(), controls.take_save()] == [True, False]


def test_a_request_does_not_swallow_a_step(controls, napping):
    controls.step()
    controls.save_mesh()
    stop = napping()
    assert not controls.wait_until_due(stop)
    assert controls.take_save()
    assert controls.wait_until_due(stop)


def test_each_step_lets_one_frame_through(controls, napping):
    controls.step()  # pauses a running loop, too
    controls.step()
    assert controls.wait_until_due(napping())
    assert controls.wait_until_due(napping())
    stop = napping(nothing, nothing, controls.step)
    assert controls.wait_until_due(stop)
    assert stop.acts == []
    assert controls.status()["phase"] == "paused"


def test_a_held_key_does_not_step_on_when_it_is_let_go(controls, napping):
    for _ in range(100):
        controls.step()
    for _ in range(MAX_STEPS_AHEAD):
        assert controls.wait_until_due(napping())
    stop = napping(nothing, controls.resume)
    assert controls.wait_until_due(stop)
    assert stop.acts == []


@pytest.mark.parametrize("then", ["pause", "resume"])
def test_steps_not_yet_made_are_forgotten(controls, napping, then):
    controls.step()
    getattr(controls, then)()
    controls.pause()
    stop = napping(nothing, controls.resume)
    assert controls.wait_until_due(stop)
    assert stop.acts == []


def test_the_clock_stands_while_the_loop_is_held(controls, clock, napping):
    assert controls.now_s() == 100.0
    clock.now_s = 103.0
    controls.pause()
    seen_s = []
    stop = napping(
        lambda: seen_s.append(controls.now_s()),
        lambda: seen_s.append(controls.now_s()),
        controls.resume,
    )
    controls.wait_until_due(stop)  # three naps of a second
    assert seen_s == [103.0, 103.0]
    assert controls.now_s() == 103.0
    clock.now_s += 2.0
    assert controls.now_s() == 105.0
    controls.pause()
    controls.wait_until_due(napping(nothing, controls.step))
    clock.now_s += 1.0  # the frame of the step takes time as any other
    assert controls.now_s() == 106.0


def test_the_status_is_what_was_published_last(controls):
    before = controls.status()
    assert before == {"phase": "running", "run": {}, "message": "", "message_number": 0}
    controls.publish({"number": 1, "fps": 30.0})
    controls.publish({"number": 2, "maps": [{"name": "tsdf", "state": "OK"}]})
    assert controls.status()["run"] == {"number": 2, "maps": [{"name": "tsdf", "state": "OK"}]}


def test_the_same_message_again_is_another_message(controls):
    controls.say("saved mesh_000012.ply")
    first = controls.status()
    controls.say("saved mesh_000012.ply")
    again = controls.status()
    assert first["message"] == again["message"] == "saved mesh_000012.ply"
    assert first["message_number"] != again["message_number"]


def test_the_end_shows(controls):
    controls.quit()
    assert controls.status()["phase"] == "ending"
    controls.end()
    assert controls.status()["phase"] == "over"


def test_a_hand_in_another_thread_wakes_the_loop():
    controls, frames = Controls(), []
    controls.pause()
    is_over = threading.Event()

    def loop():
        while controls.wait_until_due(StopEvent()) and not controls.is_quit:
            frames.append(len(frames))
        is_over.set()

    threading.Thread(target=loop, daemon=True).start()
    controls.step()
    controls.step()
    waited = threading.Event()
    for _ in range(500):
        if len(frames) == 2:
            break
        waited.wait(0.01)
    assert not is_over.wait(0.1)
    controls.quit()
    assert is_over.wait(LONG_S)
    assert frames == [0, 1]
