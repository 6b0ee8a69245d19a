"""The map file: what goes in comes out, and whatever else is refused in one line."""

import json

import numpy as np
import pytest

from slam.errors import SlamError
from slam.maps.tsdf import TsdfMap


@pytest.fixture
def map_(make_map, see):
    map_ = make_map()
    map_.integrate(*see(has_box=True))
    map_.integrate(*see((0.3, -1.4, 0.1), has_box=True))
    return map_


@pytest.fixture
def path(map_, tmp_path):
    map_.save(tmp_path / "map.npz")
    return tmp_path / "map.npz"


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


def test_round_trip(map_, path, tmp_path):
    loaded = TsdfMap.load(path)
    assert loaded.config == map_.config
    assert loaded.depth_noise == map_.depth_noise
    assert loaded.nbytes == map_.nbytes
    loaded.save(tmp_path / "again.npz")
    with np.load(path) as first, np.load(tmp_path / "again.npz") as second:
        assert set(first) == set(second)
        for name in first:
            assert first[name].dtype == second[name].dtype
            assert first[name].tobytes() == second[name].tobytes()
    for name in ("vertices_m", "colors", "triangles"):
        np.testing.assert_array_equal(getattr(loaded.mesh(), name), getattr(map_.mesh(), name))
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (5000, 3)).astype(np.float32)
    for name in ("sdf_m", "gradient", "is_valid"):
        np.testing.assert_array_equal(
            getattr(loaded.query(points), name), getattr(map_.query(points), name)
        )


def test_a_loaded_map_goes_on_like_the_one_that_was_saved(map_, path, see):
    loaded = TsdfMap.load(path)
    loaded.num_integrated = map_.num_integrated  # it seeds the dither, and is not in the file
    count = loaded.num_blocks
    for each in (loaded, map_):
        each.integrate(*see((-0.8, -1.6, 0.2), has_box=True))
    assert loaded.num_blocks == map_.num_blocks > count
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (5000, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded.query(points).sdf_m, map_.query(points).sdf_m)
    np.testing.assert_array_equal(loaded.query(points).is_valid, map_.query(points).is_valid)


def test_an_empty_map_round_trips(make_map, tmp_path):
    make_map().save(tmp_path / "map.npz")
    assert TsdfMap.load(tmp_path / "map.npz").num_blocks == 0


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
    rewrite(path, header=np.array([{"format": "twinmap-tsdf"}], dtype=object))


def _set(name, value):
    return lambda path: rewrite_header(path, lambda header: header | {name: value})


def _set_config(name, value):
    return lambda path: rewrite_header(
        path, lambda header: header | {"config": header["config"] | {name: value}}
    )


def _repeat_block(path):
    with np.load(path) as archive:
        coords = archive["coords"].copy()
    coords[1] = coords[0]
    rewrite(path, coords=coords)


def _far_block(path):
    with np.load(path) as archive:
        coords = archive["coords"].copy()
    coords[3] = 1 << 21
    rewrite(path, coords=coords)


DAMAGE = {
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
    "no colours": lambda path: rewrite(path, color=None),
    "header not JSON": lambda path: rewrite(path, header=np.frombuffer(b"{", np.uint8)),
    "header a list": lambda path: rewrite_header(path, lambda header: [header]),
    "another format": _set("format", "other-map"),
    "a newer version": _set("version", 2),
    "version text": _set("version", "new"),
    "no config": _set("config", None),
    "an unknown config key": _set_config("voxel_siez_m", 0.01),
    "config of a wrong type": _set_config("voxel_size_m", "large"),
    "weights of another type": lambda path: rewrite(path, weight=np.zeros((3, 512), np.uint8)),
    "too few blocks": lambda path: rewrite(path, sdf=np.zeros((3, 512), np.int16)),
    "coords flat": lambda path: rewrite(path, coords=np.zeros(12, np.int32)),
    "coords a number": lambda path: rewrite(path, coords=np.int32(3)),
    "a block twice": _repeat_block,
    "a block out of range": _far_block,
    "voxels of no size": _set_config("voxel_size_m", 0.0),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_no_map_is_refused_in_one_line(path, damage):
    DAMAGE[damage](path)
    with pytest.raises(SlamError) as caught:
        TsdfMap.load(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_pickle_is_ever_run(path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    whole = path.read_bytes()
    for name in ("header", "coords", "sdf"):
        path.write_bytes(whole)
        rewrite(path, **{name: np.array([Bomb()], dtype=object)})
        with pytest.raises(SlamError):
            TsdfMap.load(path)
        assert not (tmp_path / "boom").exists()
        with np.load(path, allow_pickle=True) as archive:
            assert archive[name] is not None  # it is a bomb
        (tmp_path / "boom").unlink()
