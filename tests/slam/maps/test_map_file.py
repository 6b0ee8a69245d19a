"""The map file: what goes in comes out, and whatever else is refused in one line."""

import json
import math
import shutil

import numpy as np
import pytest

from slam.errors import SlamError
from slam.maps.factory import KINDS, class_of, load_map
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap


@pytest.fixture(scope="module")
def originals(make_map, make_neural, make_implicit, see, tmp_path_factory):
    """A map of each kind of the same two frames, and its file; tests only read them."""
    folder = tmp_path_factory.mktemp("maps")
    found = {
        "tsdf": make_map(),
        "neural": make_neural(keyframe_every=1, fine_spacing_m=0.05),
        "implicit": make_implicit(known_share=1.0),
    }
    for kind, map_ in found.items():
        map_.integrate(*see(has_box=True))
        map_.integrate(*see((0.3, -1.4, 0.1), has_box=True, index=1))
        map_.save(folder / f"{kind}.npz")
    return {kind: (map_, folder / f"{kind}.npz") for kind, map_ in found.items()}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def map_(originals, kind):
    return originals[kind][0]


@pytest.fixture
def path(originals, kind, tmp_path):
    return shutil.copy(originals[kind][1], tmp_path / "map.npz")


POINTS = np.random.default_rng(0).uniform(-0.6, 0.6, (5000, 3)).astype(np.float32)


def assert_same(one, other):
    """Both maps answer alike, bit for bit."""
    for name in ("sdf_m", "gradient", "is_valid"):
        a, b = (getattr(map_.query(POINTS), name) for map_ in (one, other))
        np.testing.assert_array_equal(a, b)


def rewrite(path, **changes):
    """Replace arrays of a map file; None takes one out."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive if name not in changes}
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def rewrite_header(path, change):
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes())
    header = change(header)
    rewrite(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8))


def test_round_trip(map_, kind, path, tmp_path, see):
    loaded = class_of(kind).load(path)
    assert loaded.config == map_.config
    assert loaded.depth_noise == map_.depth_noise
    assert loaded.nbytes == map_.nbytes
    assert loaded.num_integrated == map_.num_integrated
    loaded.save(tmp_path / "again.npz")
    with np.load(path) as first, np.load(tmp_path / "again.npz") as second:
        assert set(first) == set(second)
        for name in first:
            assert first[name].dtype == second[name].dtype
            assert first[name].tobytes() == second[name].tobytes()
    assert_same(loaded, map_)
    old, new = map_.mesh(), loaded.mesh()
    for name in ("vertices_m", "colors", "triangles", "is_predicted"):
        np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
    frame, T = see((0.2, -1.4, 0.1))
    old, new = map_.render(frame.camera, T), loaded.render(frame.camera, T)
    for name in ("depth_m", "normals", "color", "confidence"):
        np.testing.assert_array_equal(getattr(new, name), getattr(old, name))


def test_a_loaded_tsdf_goes_on_like_the_one_that_was_saved(make_map, see, tmp_path):
    map_ = make_map()
    map_.integrate(*see(has_box=True))
    map_.save(tmp_path / "map.npz")
    loaded = TsdfMap.load(tmp_path / "map.npz")
    count = loaded.num_blocks
    for each in (loaded, map_):
        each.integrate(*see((-0.8, -1.6, 0.2), has_box=True))
    assert loaded.num_blocks == map_.num_blocks > count
    assert_same(loaded, map_)


def test_a_loaded_neural_map_goes_on(originals, see):
    """Not bit for bit: what moved, and the optimiser's place in its draws, are not kept."""
    map_ = NeuralMap.load(originals["neural"][1])
    before, num_keyframes = map_.query(POINTS), map_.num_keyframes
    assert map_.refined_poses() == {}  # of this object's frames, which has none yet
    for index in range(2, 5):
        map_.integrate(*see((-0.8, -1.6, 0.2), has_box=True, index=index))
    assert map_.num_keyframes == num_keyframes + 3
    assert set(map_.refined_poses()) == {2, 3, 4}
    after = map_.query(POINTS)
    assert (after.is_valid | ~before.is_valid).all()
    assert after.is_valid.sum() > before.is_valid.sum()
    wall = POINTS * np.float32([0.3, 0.0, 0.3]) + np.float32([-0.5, 0.0, 0.2])
    assert np.abs(map_.query(wall).sdf_m).max() < 0.25 * map_.config.fine_spacing_m


def test_a_loaded_implicit_map_goes_on(originals, see):
    """Not bit for bit, as the draws begin anew; the optimiser goes on where it was."""
    map_ = class_of("implicit").load(originals["implicit"][1])
    assert map_.refined_poses() == {}
    before, num_keyframes = map_.query(POINTS), map_.num_keyframes
    map_.integrate(*see((-0.8, -1.6, 0.2), has_box=True, index=2))
    assert map_.num_keyframes == num_keyframes + 1
    assert set(map_.refined_poses()) == {2}
    after = map_.query(POINTS)
    assert after.is_valid.sum() > before.is_valid.sum()
    change_m = np.abs(after.sdf_m - before.sdf_m)[before.is_valid]
    assert 0.0 < np.median(change_m) < 0.01


@pytest.mark.parametrize("kind", ["neural", "implicit"])
def test_keyframes_are_kept(map_, path, tmp_path):
    loaded = type(map_).load(path)
    assert loaded.num_keyframes == map_.num_keyframes == 2
    empty = type(map_)(map_.config, map_.depth_noise)
    empty.save(tmp_path / "empty.npz")
    with np.load(path) as archive, np.load(tmp_path / "empty.npz") as nothing:
        counts = archive["ray_counts"]
        assert (counts > 1000).all()
        rays = [name for name in archive if name.startswith("ray_") and name != "ray_counts"]
        for name in rays:
            assert len(archive[name]) == counts.sum()
            assert len(nothing[name]) == 0
        keyframe_bytes = sum(archive[name].nbytes for name in rays)
    assert map_.nbytes > keyframe_bytes


def test_an_empty_map_round_trips(make_any, tmp_path):
    map_ = make_any()
    map_.save(tmp_path / "map.npz")
    loaded = load_map(tmp_path / "map.npz")
    assert type(loaded) is type(map_)
    assert loaded.nbytes == 0
    assert len(loaded.mesh().triangles) == 0


def test_a_failed_write_leaves_the_old_file(map_, path, monkeypatch):
    old = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(SlamError, match=r"map[.]npz: No space left on device"):
        map_.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == ["map.npz"]


def _truncate(share):
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def _pickle(path):
    rewrite(path, header=np.array([{"format": "twinmap"}], dtype=object))


def _set(name, value):
    return lambda path: rewrite_header(path, lambda header: header | {name: value})


def _set_config(name, value):
    return lambda path: rewrite_header(
        path, lambda header: header | {"config": header["config"] | {name: value}}
    )


def _set_coord(name, slot, value):
    """Put a block somewhere else."""

    def change(path):
        with np.load(path) as archive:
            coords = archive[name].copy()
        coords[slot] = coords[0] if value is None else value
        rewrite(path, **{name: coords})

    return change


def _set_keyframe(name, value):
    def change(header):
        first, *others = header["keyframes"]
        return header | {"keyframes": [first | {name: value}, *others]}

    return lambda path: rewrite_header(path, change)


def _drop_keyframe(path):
    rewrite_header(path, lambda header: header | {"keyframes": header["keyframes"][1:]})


def _cut_ray(path):
    with np.load(path) as archive:
        rewrite(path, ray_depth_m=archive["ray_depth_m"][:-1])


ANY_DAMAGE = {
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "empty": _truncate(0.0),
    "truncated early": _truncate(0.001),
    "truncated in the middle": _truncate(0.5),
    "truncated late": _truncate(0.9999),
    "one byte flipped": _flip,
    "text": lambda path: path.write_text("ply\n"),
    "a plain array": lambda path: path.write_bytes(b"\x93NUMPY\x01\x00junk"),
    "an unrelated archive": lambda path: np.savez(path, a=np.zeros(3)),
    "a pickle": _pickle,
    "header not JSON": lambda path: rewrite(path, header=np.frombuffer(b"{", np.uint8)),
    "header a list": lambda path: rewrite_header(path, lambda header: [header]),
    "another format": _set("format", "other-map"),
    "a newer version": _set("version", 99),
    "version text": _set("version", "new"),
    "no config": _set("config", None),
    "config a list": _set("config", []),
    "an unknown config key": _set_config("voxel_siez_m", 0.01),
    "config of a wrong type": _set_config("budget_mb", "large"),
    "more blocks than the budget": _set_config("budget_mb", 1),
    "an endless number of frames": _set("num_integrated", math.inf),
}


def _set_number(name, value):
    """Put a number into an array."""

    def change(path):
        with np.load(path) as archive:
            array = archive[name].copy()
        array.flat[0] = value
        rewrite(path, **{name: array})

    return change


DAMAGE = {
    "implicit": {name: what for name, what in ANY_DAMAGE.items() if "budget" not in name}
    | {
        "no network": lambda path: rewrite(path, **{"network_head.weight": None}),
        "weights of another shape": lambda path: rewrite(
            path, **{"network_head.weight": np.zeros((3, 64), np.float32)}
        ),
        "a weight that is no number": _set_number("network_head.weight", np.nan),
        "another encoding": _set_config("encoding", "hash"),
        "another width": _set_config("width", 32),
        "no layers": _set_config("layers", 0),
        "no moments": lambda path: rewrite(path, **{"square_head.bias": None}),
        "a block twice": _set_coord("observed_coords", 1, None),
        "a block out of range": _set_coord("observed_coords", 3, 1 << 21),
        "too few blocks": lambda path: rewrite(path, observed_frames=np.zeros(3, np.uint16)),
        "a keyframe too few": _drop_keyframe,
        "a keyframe without a pose": _set_keyframe("T_world_camera", None),
        "a ray too few": _cut_ray,
    },
    "tsdf": ANY_DAMAGE
    | {
        "no colours": lambda path: rewrite(path, color=None),
        "weights of another type": lambda path: rewrite(path, weight=np.zeros((3, 512), np.uint8)),
        "too few blocks": lambda path: rewrite(path, sdf=np.zeros((3, 512), np.int16)),
        "coords flat": lambda path: rewrite(path, coords=np.zeros(12, np.int32)),
        "coords a number": lambda path: rewrite(path, coords=np.int32(3)),
        "a block twice": _set_coord("coords", 1, None),
        "a block out of range": _set_coord("coords", 3, 1 << 21),
        "voxels of no size": _set_config("voxel_size_m", 0.0),
        "no anchors": lambda path: rewrite(path, anchors=None),
        "too few anchors": lambda path: rewrite(path, anchors=np.zeros(3, np.float32)),
    },
    "neural": ANY_DAMAGE
    | {
        "other decoders": _set("decoders", 12345),
        "no decoders": _set("decoders", None),
        "no features": lambda path: rewrite(path, fine_features=None),
        "features of another type": lambda path: rewrite(
            path, middle_features=np.zeros((3, 512, 4), np.float64)
        ),
        "too few sums": lambda path: rewrite(path, color_sums=np.zeros((1, 512, 4), np.float32)),
        "a base of another size": lambda path: rewrite(path, base_sdf=np.zeros((1, 512), np.int16)),
        "a base without colours": lambda path: rewrite(path, base_color=None),
        "coords flat": lambda path: rewrite(path, middle_coords=np.zeros(12, np.int32)),
        "coords a number": lambda path: rewrite(path, middle_coords=np.int32(3)),
        "a block twice": _set_coord("fine_coords", 1, None),
        "a block out of range": _set_coord("color_coords", 3, 1 << 21),
        "a vertex spacing of nothing": _set_config("fine_spacing_m", 0.0),
        "a keyframe too few": _drop_keyframe,
        "no keyframes": _set("keyframes", None),
        "a keyframe without a pose": _set_keyframe("T_world_camera", None),
        "a keyframe with half a pose": _set_keyframe("T_world_camera", [[1.0, 0.0], [0.0, 1.0]]),
        "a keyframe without a camera": _set_keyframe("camera", []),
        "a ray too few": _cut_ray,
        "rays of no image": lambda path: rewrite(path, ray_pixel=None),
    },
}


@pytest.mark.parametrize(
    ("kind", "damage"), [(kind, damage) for kind in DAMAGE for damage in DAMAGE[kind]]
)
def test_a_file_that_is_no_map_is_refused_in_one_line(path, kind, damage):
    DAMAGE[kind][damage](path)
    with pytest.raises(SlamError) as caught:
        class_of(kind).load(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["neural"])
def test_a_refusal_says_what_is_wrong(path):
    for change, says in (
        (_set("decoders", 12345), "trained with other geometry decoders"),
        (_set("version", 7), "holds twinmap-neural version 7; this program reads"),
        (_set("version", 1), "holds twinmap-neural version 1; this program reads"),
        (_set_coord("base_coords", 1, None), "its base is damaged: a block occurs twice"),
        (_set("format", "other"), "holds other version"),
        (_set_config("budget_mb", 1), "exceed 1 MB"),
    ):
        whole = path.read_bytes()
        change(path)
        with pytest.raises(SlamError, match=says):
            NeuralMap.load(path)
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["tsdf", "neural"])
def test_a_map_that_is_too_large_for_a_gpu_is_named(path, kind, monkeypatch):
    def refuse(self, content):
        raise SlamError("its 9 blocks exceed the 3 that fit on the GPU; take --device cpu")

    monkeypatch.setattr(class_of(kind), {"tsdf": "take"}.get(kind, "_take"), refuse)
    with pytest.raises(SlamError) as caught:
        class_of(kind).load(path)
    assert str(caught.value).startswith(f"{path}: its 9 blocks exceed the 3 that fit")


def test_no_pickle_is_ever_run(path, kind, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    whole = path.read_bytes()
    names = {
        "tsdf": ("header", "coords", "sdf"),
        "neural": ("header", "fine_coords", "ray_rgbw"),
        "implicit": ("header", "network_head.weight", "observed_coords"),
    }
    for name in names[kind]:
        path.write_bytes(whole)
        rewrite(path, **{name: np.array([Bomb()], dtype=object)})
        with pytest.raises(SlamError):
            class_of(kind).load(path)
        assert not (tmp_path / "boom").exists()
        with np.load(path, allow_pickle=True) as archive:
            assert archive[name] is not None  # it is a bomb
        (tmp_path / "boom").unlink()
