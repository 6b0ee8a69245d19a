"""A camera without hardware: frames that are pushed into it go the SDK's way, from sensors on."""

from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8, UInt16

from slam.geometry import Transform
from slam.sources.lens import Lens
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.sdk import realsense_sdk

SERIAL = "000000000001"
ACCEL_FPS = 200


class SoftwareCamera:
    """The SDK's software device with the sensors that a calibration describes."""

    def __init__(
        self,
        calibration: Calibration,
        name: str = "Software camera",
        T_accel_depth: Transform | None = None,
    ) -> None:
        """Make the cameras and, with `T_accel_depth`, an accelerometer."""
        rs = realsense_sdk()
        self._rs = rs
        self.calibration = calibration
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.name, name)
        self.device.register_info(rs.camera_info.serial_number, SERIAL)
        self._depth_sensor = self.device.add_sensor("Stereo Module")
        self._depth_sensor.add_read_only_option(rs.option.depth_units, calibration.depth_unit_m)
        if calibration.baseline_m is not None:
            baseline_mm = 1e3 * calibration.baseline_m
            self._depth_sensor.add_read_only_option(rs.option.stereo_baseline, baseline_mm)
        self._depth_profile = self._depth_sensor.add_video_stream(
            self._stream(calibration.depth, rs.stream.depth, rs.format.z16, 2, 1)
        )
        self._color_sensor = None
        if calibration.color is not None:
            assert calibration.T_color_depth is not None
            self._color_sensor = self.device.add_sensor("RGB Camera")
            self._color_profile = self._color_sensor.add_video_stream(
                self._stream(calibration.color, rs.stream.color, rs.format.rgb8, 3, 2)
            )
            self._place(self._color_profile, calibration.T_color_depth)
        self._motion_sensor = None
        if T_accel_depth is not None:
            self._motion_sensor = self.device.add_sensor("Motion Module")
            stream = rs.motion_stream()
            stream.type, stream.fmt = rs.stream.accel, rs.format.motion_xyz32f
            stream.index, stream.uid, stream.fps = 0, 3, ACCEL_FPS
            stream.intrinsics = rs.motion_device_intrinsic()
            self._accel_profile = self._motion_sensor.add_motion_stream(stream)
            self._place(self._accel_profile, T_accel_depth)

    def _place(self, profile: Any, T_profile_depth: Transform) -> None:
        extrinsics = self._rs.extrinsics()
        extrinsics.rotation = list(T_profile_depth[:3, :3].T.ravel())  # column by column
        extrinsics.translation = list(T_profile_depth[:3, 3])
        self._depth_profile.register_extrinsics_to(profile, extrinsics)

    def _stream(self, lens: Lens, type_: Any, format_: Any, bytes_per_pixel: int, uid: int) -> Any:
        rs, c = self._rs, lens.camera
        intrinsics = rs.intrinsics()
        intrinsics.width, intrinsics.height = c.width, c.height
        intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = c.fx, c.fy, c.cx, c.cy
        intrinsics.model = getattr(rs.distortion, lens.model)
        intrinsics.coeffs = [*lens.coefficients, *(0.0,) * (5 - len(lens.coefficients))]
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp = type_, format_, bytes_per_pixel
        stream.index, stream.uid, stream.fps = 0, uid, int(self.calibration.fps)
        stream.width, stream.height, stream.intrinsics = c.width, c.height, intrinsics
        return stream

    def push_depth(
        self,
        depth: UInt16[np.ndarray, "h w"],
        number: int,
        timestamp_s: float,
        clock: str = "hardware_clock",
    ) -> None:
        """Deliver stored depth values. The pixels are copied."""
        frame = self._frame(depth, 2, number, timestamp_s, clock)
        frame.profile = self._depth_profile.as_video_stream_profile()
        frame.depth_units = self.calibration.depth_unit_m
        self._depth_sensor.on_video_frame(frame)

    def push_color(
        self,
        color: UInt8[np.ndarray, "h w 3"],
        number: int,
        timestamp_s: float,
        clock: str = "hardware_clock",
    ) -> None:
        """Deliver RGB. The pixels are copied."""
        assert self._color_sensor is not None
        frame = self._frame(color, 3, number, timestamp_s, clock)
        frame.profile = self._color_profile.as_video_stream_profile()
        self._color_sensor.on_video_frame(frame)

    def push_acceleration(
        self,
        acceleration: Float64[np.ndarray, "3"],
        number: int,
        timestamp_s: float,
        clock: str = "hardware_clock",
    ) -> None:
        """Deliver a sample, in m/s^2 and the accelerometer's axes."""
        assert self._motion_sensor is not None
        frame, vector = self._rs.software_motion_frame(), self._rs.vector()
        vector.x, vector.y, vector.z = (float(value) for value in acceleration)
        frame.data, frame.profile = vector, self._accel_profile.as_motion_stream_profile()
        frame.timestamp, frame.frame_number = 1e3 * timestamp_s, number
        frame.domain = getattr(self._rs.timestamp_domain, clock)
        self._motion_sensor.on_motion_frame(frame)

    def _frame(
        self, pixels: np.ndarray, bytes_per_pixel: int, number: int, timestamp_s: float, clock: str
    ) -> Any:
        frame = self._rs.software_video_frame()  # a fresh one each time: reuse corrupts the heap
        frame.stride, frame.bpp = bytes_per_pixel * pixels.shape[1], bytes_per_pixel
        frame.pixels = np.ascontiguousarray(pixels)
        frame.timestamp, frame.frame_number = 1e3 * timestamp_s, number
        frame.domain = getattr(self._rs.timestamp_domain, clock)
        return frame
