"""One recording in every container: the same frames, and the same trajectory."""

import dataclasses

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import Config
from slam.errors import BadFrameError, SlamError
from slam.geometry import se3_exp
from slam.sources.container import ContainerSource
from slam.sources.detect import is_stream, open_source, open_source_or_stream
from slam.sources.synthetic import open_synthetic
from slam.system import Slam

from .app_files import write_r3d, write_rtabmap
from .containers import WRITERS as OLDER_WRITERS
from .containers import Recording, camera_yaml, jpeg, recording_of, write_klg, write_sens

NUM_FRAMES = 12
WRITERS = OLDER_WRITERS | {
    "rtabmap": lambda recording, folder: write_rtabmap(recording, folder / "one.db"),
    "r3d": lambda recording, folder: write_r3d(recording, folder / "one.r3d"),
}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recording_of(open_synthetic("room"), NUM_FRAMES)


def tiny(num_frames: int = 5) -> Recording:
    """Return images of noise, each different."""
    random = np.random.default_rng(0)
    camera = Camera(64, 48, 58.5, 58.5, 31.5, 23.5)
    depth = random.integers(500, 4000, (num_frames, 48, 64)).astype(np.uint16)
    depth[:, :5, :5] = 0
    depth[:, :5, 5:10] = 65535
    color = np.zeros((num_frames, 48, 64, 3), np.uint8)
    color[..., 0] = np.linspace(10, 200, 64)
    color[..., 1] = 20 * np.arange(num_frames)[:, None, None]
    color[..., 2] = 90
    Ts = np.stack([se3_exp(np.array([0.1 * i, 0, 0, 0, 0.05 * i, 0])) for i in range(num_frames)])
    stamps_ns = [1_600_000_000_000_000_000 + 33_333_000 * i for i in range(num_frames)]
    return Recording(camera, stamps_ns, list(depth), [jpeg(c) for c in color], Ts)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_container_gives_the_same_frames(tmp_path, kind):
    recording = tiny()
    source = open_source(str(WRITERS[kind](recording, tmp_path)), Config())
    assert source.camera == recording.camera
    stamps_s = np.array(recording.stamps_ns) * 1e-9
    if kind in ("record3d", "r3d"):  # whose times begin with the recording
        stamps_s -= stamps_s[0]
    np.testing.assert_allclose(source.timestamps_s, stamps_s, atol=1e-6)
    for index in (3, 0, 1, 2, 4, 0):  # in any order
        frame = source.read(index)
        wanted = recording.depth[index].astype(np.float32) / np.float32(1000)
        wanted[recording.depth[index] == 65535] = 0.0
        np.testing.assert_allclose(frame.depth_m, wanted, rtol=1e-6)
        assert frame.depth_m.dtype == np.float32
        np.testing.assert_array_equal(frame.color, recording.color(index))
        assert frame.color_mask is None


def test_every_container_gives_the_same_trajectory(tmp_path, recording):
    """Depth is lossless, and every container that can holds the same JPEGs. The noise that a
    format's own sensor has is no part of what it holds.
    """
    poses = {}
    noise = DepthNoise.kinect_v1()
    for kind, write in WRITERS.items():
        source = open_source(str(write(recording, tmp_path)), Config())
        slam = Slam.from_config(Config(), noise)
        for index in range(NUM_FRAMES):
            slam.step(dataclasses.replace(source.read(index), depth_noise=noise))
        slam.finish()
        poses[kind] = np.array(slam.trajectory().Ts_world_camera)
    for kind, found in poses.items():
        assert len(found) == NUM_FRAMES
        apart_m = np.linalg.norm((found - poses["tum"])[:, :3, 3], axis=1).max()
        assert apart_m < 1e-4, f"{kind}: {1e3 * apart_m:.3f} mm"
    moved_m = np.linalg.norm(poses["tum"][-1, :3, 3] - poses["tum"][0, :3, 3])
    assert moved_m > 0.05


@pytest.mark.parametrize("kind", ["sens", "klg", "ros1", "rtabmap"])
def test_depth_of_no_room_is_refused_and_the_scale_named(tmp_path, kind):
    """Quarter millimetres, as an L515 gives them, taken as millimetres."""
    recording = tiny()
    recording = dataclasses.replace(
        recording, depth=[np.full((48, 64), 9000 + i, np.uint16) for i in range(5)]
    )
    with pytest.raises(SlamError, match=r"median depth 9 m .*depth_scale 4000"):
        open_source(str(WRITERS[kind](recording, tmp_path)), Config())


@pytest.mark.parametrize("kind", ["klg", "ros1"])
def test_a_file_beside_the_recording_states_the_scale(tmp_path, kind):
    recording = tiny(2)
    path = WRITERS[kind](recording, tmp_path)
    text = camera_yaml(recording.camera).replace("depth_scale: 1000", "depth_scale: 2000")
    path.with_suffix(".yaml").write_text(text)
    depth_m = open_source(str(path), Config()).read(1).depth_m
    is_known = recording.depth[1] < 65535
    np.testing.assert_allclose(depth_m[is_known], recording.depth[1][is_known] / 2000, rtol=1e-6)


@pytest.mark.parametrize("color", ["raw", "png", "jpeg"])
@pytest.mark.parametrize("depth", ["raw", "zlib"])
def test_sens_compressions(tmp_path, color, depth):
    recording = tiny(2)
    source = open_source(str(write_sens(recording, tmp_path / "a.sens", color, depth)), Config())
    frame = source.read(1)
    np.testing.assert_array_equal(frame.color, recording.color(1))
    inside = recording.depth[1] < 65535
    wanted = recording.depth[1][inside] / 1000
    np.testing.assert_allclose(frame.depth_m[inside], wanted, rtol=1e-6)


def test_sens_has_poses_and_another_color_camera(tmp_path):
    """Two cameras one above the other; a pose that was lost is left out."""
    recording = tiny(3)
    T_color_depth = np.eye(4)
    T_color_depth[1, 3] = 0.02
    recording = dataclasses.replace(
        recording,
        color_camera=Camera(64, 48, 80.0, 80.0, 31.5, 23.5),
        T_color_depth=T_color_depth,
        depth=[np.full((48, 64), 2000, np.uint16)] * 3,
    )
    recording.Ts_world_camera[1] = -np.inf
    source = open_source(str(write_sens(recording, tmp_path / "a.sens")), Config())
    truth = source.ground_truth()
    assert truth is not None
    np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s[[0, 2]])
    np.testing.assert_allclose(truth.Ts_world_camera, recording.Ts_world_camera[[0, 2]], atol=1e-6)
    frame = source.read(0)
    v, u = np.mgrid[:48, :64]
    x = (u - 31.5) / 58.5 * 80 + 31.5
    y = ((v - 23.5) / 58.5 + 0.02 / 2) * 80 + 23.5
    wanted = (x > -0.5) & (x < 63.5) & (y > -0.5) & (y < 47.5)
    np.testing.assert_array_equal(frame.color_mask, wanted)
    ramp = np.interp(x, np.arange(64), np.linspace(10, 200, 64))
    assert np.abs(frame.color[..., 0] - ramp)[wanted].max() < 6  # JPEG


@pytest.mark.parametrize("kind", ["sens", "klg"])
def test_a_file_that_is_cut_off_gives_its_whole_frames(tmp_path, caplog, kind):
    path = WRITERS[kind](tiny(), tmp_path)
    path.write_bytes(path.read_bytes()[:-3000])
    source = open_source(str(path), Config())
    assert len(source.timestamps_s) == 4
    assert "4 of 5 frames are whole" in caplog.text
    source.read(3)


def test_damaged_images(tmp_path):
    """Depth that cannot be unpacked is a bad frame; without its colour a frame is used."""
    recording = tiny(2)
    bad_color = dataclasses.replace(recording, jpegs=[b"\xff\xd8nothing", recording.jpegs[1]])
    source = open_source(str(write_sens(bad_color, tmp_path / "a.sens")), Config())
    assert source.read(0).color is None
    assert "colour of frame 0 is damaged" in source.read(0).no_color
    assert source.read(1).color is not None
    path = write_klg(recording, tmp_path / "a.klg")
    data = bytearray(path.read_bytes())
    data[30:60] = b"\0" * 30
    path.write_bytes(data)
    source = open_source(str(path), Config())
    with pytest.raises(BadFrameError, match="depth of frame 0 cannot be unpacked"):
        source.read(0)
    source.read(1)


def test_klg_without_a_camera_is_elasticfusion_s(tmp_path, caplog):
    recording = tiny(1)
    large = Camera(640, 480, 528.0, 528.0, 320.0, 240.0)
    depth = [np.full((480, 640), 1500, np.uint16)]
    recording = dataclasses.replace(
        recording, camera=large, depth=depth, jpegs=[jpeg(np.full((480, 640, 3), 80, np.uint8))]
    )
    path = write_klg(recording, tmp_path / "a.klg", with_camera=False)
    assert open_source(str(path), Config()).camera == large
    assert "ElasticFusion's own is taken" in caplog.text


def test_klg_with_jpegs_and_raw_depth(tmp_path):
    """The JPEG, written anew with its channels exchanged, differs by what JPEG loses."""
    recording = tiny(2)
    path = write_klg(recording, tmp_path / "a.klg", is_jpeg=True, is_packed=False)
    frame = open_source(str(path), Config()).read(1)
    difference = frame.color.astype(int) - recording.color(1)
    assert np.abs(difference).mean() < 2
    is_known = recording.depth[1] < 65535
    np.testing.assert_allclose(frame.depth_m[is_known], recording.depth[1][is_known] / 1000)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.sens", b"", "it ends early"),
        ("a.sens", b"\x05" + b"\0" * 100, "it begins with 5"),
        ("a.klg", b"", "it has 0 bytes"),
        ("a.klg", b"\x05" + b"\0" * 100, "no whole frame"),
        ("a.bag", b"nothing", "cannot open the bag"),
        ("a.mcap", b"nothing", "cannot open the bag"),
        ("a.xyz", b"nothing", "no known format"),
    ],
)
def test_what_is_no_recording_is_one_line(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SlamError, match=message) as error:
        open_source_or_stream(str(path), Config())
    assert "\n" not in str(error.value)


def test_occi_is_named(tmp_path):
    path = write_sens(tiny(1), tmp_path / "a.sens", depth="occi")
    with pytest.raises(SlamError, match="depth by kind 2"):
        open_source(str(path), Config())


def test_files_are_sources_that_noise_can_be_added_to(tmp_path):
    path = write_sens(tiny(2), tmp_path / "a.sens")
    assert not is_stream(str(path))
    assert isinstance(open_source_or_stream(str(path), Config()), ContainerSource)
