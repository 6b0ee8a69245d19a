"""The motion prior."""

from slam.geometry import Transform, inverse, orthonormalise, se3_exp, se3_log

FADING = 0.8  # of a velocity, a frame: hands change it within a fifth of a second


class ConstantVelocity:
    """Predicts the next pose by repeating the last motion, scaled by the time that passed."""

    def __init__(self) -> None:
        self._last: tuple[float, Transform] | None = None
        self._before: tuple[float, Transform] | None = None

    def predict(self, timestamp_s: float) -> Transform | None:
        """Return the predicted T_world_camera, None before the first pose."""
        if self._last is None:
            return None
        last_s, T_last = self._last
        if self._before is None or not self.has_velocity(timestamp_s):
            return T_last
        before_s, T_before = self._before
        ratio = (timestamp_s - last_s) / (last_s - before_s)
        return orthonormalise(T_last @ scaled_motion(inverse(T_before) @ T_last, ratio))

    def last(self, T_default: Transform) -> Transform:
        """Return the last pose; another before the first."""
        return T_default if self._last is None else self._last[1]

    def has_velocity(self, timestamp_s: float) -> bool:
        """Whether the last motion says where the camera is now: not after a gap."""
        if self._last is None or self._before is None:
            return False
        since_s, before_s = timestamp_s - self._last[0], self._last[0] - self._before[0]
        return before_s > 0.0 and 0.2 < since_s / before_s < 5.0

    def gap_s(self, timestamp_s: float) -> float:
        """Return the time since the last pose; 0 before the first."""
        return 0.0 if self._last is None else timestamp_s - self._last[0]

    def observe(self, timestamp_s: float, T_world_camera: Transform, is_open: bool = False) -> None:
        """Take in an estimated pose. One that is open in a direction tells no velocity, which would
        carry all that follow away along it: that of before fades.
        """
        before = self._last
        if is_open and self._last is not None and self._before is not None:
            (before_s, T_before), (last_s, T_last) = self._before, self._last
            T_motion = scaled_motion(inverse(T_before) @ T_last, FADING)
            before = timestamp_s - (last_s - before_s), T_world_camera @ inverse(T_motion)
        self._before, self._last = before, (timestamp_s, T_world_camera)

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved."""
        self._last, self._before = (
            pose and (pose[0], T_new_old @ pose[1]) for pose in (self._last, self._before)
        )

    def forget_velocity(self) -> None:
        """Predict from the last pose alone: after a loss the velocity is unknown."""
        self._before = None


def scaled_motion(T: Transform, ratio: float) -> Transform:
    """Return the motion that goes `ratio` times as far along T's screw."""
    return T if ratio == 1.0 else se3_exp(ratio * se3_log(T))
