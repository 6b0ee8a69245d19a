"""The neural map on the device against the one on the host: storage, training, poses and files."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernel_cases.tsdf import MAX_READING
from kernels.bfloat16 import widened
from kernels.cuda.inputs import Inputs
from kernels.dispatch import using
from kernels.rays import Rays
from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.maps.keyframes import Keyframe, Keyframes
from slam.maps.neural.cuda.map import CudaNeuralMap
from slam.maps.neural.cuda.pool import RayPool
from slam.maps.neural.grid import Grid
from slam.maps.neural.map import NeuralMap
from slam.maps.neural.neural_file import LEVELS
from slam.maps.neural.rendering import FAR_M

NOISE = DepthNoise.rendered()
# between numbers of 8 bits, which are rounded at random: by their slot, of which others are given
# out on a GPU
ULP = 2**-7


@gpu_check
def inputs_of_captured_launches(case: Case) -> None:
    inputs = Inputs(number=np.zeros(1, np.int64), T=np.eye(4, dtype=np.float32), none=np.zeros(0))
    places = [inputs[name].data_ptr() for name in ("number", "T")]
    T = case.random.normal(size=(4, 4)).astype(np.float32)
    inputs.write(T=T, number=7)
    inputs["number"].add_(1)
    case.equal("a matrix", to_host(inputs["T"]), T)
    case.equal("a number", to_host(inputs["number"]), np.array([8]))
    inputs.write(T=2 * T)
    case.equal("another matrix", to_host(inputs["T"]), 2 * T)
    case.true("they stay", places == [inputs[name].data_ptr() for name in ("number", "T")])


@gpu_check
def pool_of_rays(case: Case) -> None:
    """It grows, takes back room, returns what it got; overlaps are told as by whole keyframes."""
    camera = Camera(40, 30, 35.0, 35.0, 19.5, 14.5)
    pool, kept, whole = RayPool(64), Keyframes(), Keyframes()
    for i, n in enumerate((50, 0, 1, 300, 200)):
        pixel = np.sort(case.random.choice(1200, n, replace=False)).astype(np.uint32)
        parts = case.random.uniform(0.5, 4.0, (2, n)).astype(np.float32)
        rays = Rays(pixel, parts[0], parts[1], case.random.integers(0, 256, (n, 4), np.uint8))
        T = se3_exp(case.random.normal(size=6) * 0.1)
        whole.add(Keyframe(i, camera, T, rays, True, T))
        pool.release(pool.keep(Keyframe(i, camera, T, to_device(rays), True, T)))
        kept.add(pool.keep(Keyframe(i, camera, T, to_device(rays), True, T)))
    items: Any = kept.items
    for got, own, wanted in zip(pool.downloaded(items), items, whole.items, strict=True):
        for name, a, b in zip(Rays._fields, got.rays, wanted.rays, strict=True):
            case.equal(f"{name} of {wanted.num_rays} rays", a, b)
        case.equal("number of rays", own.num_rays, wanted.num_rays)
        case.close("far_m", own.far_m, wanted.far_m, 1e-5)
    case.equal(
        "overlaps",
        kept.overlaps(kept.items[-1], kept.items[:-1]),
        whole.overlaps(whole.items[-1], whole.items[:-1]),
    )


def frames(case: Case) -> list[Frame]:
    """Return images of a slanted wall with a box before it; the second has lost its colour. In the
    last one, a ball is in the air that was free before.
    """
    w, h = case.pick((40, 32), (160, 128))
    camera = Camera(w, h, 0.9 * w, 0.9 * w, 0.5 * w - 0.5, 0.5 * h - 0.5)
    v, u = np.mgrid[:h, :w]
    made = []
    for i in range(4):
        z = 1.7 + 0.2 * u / w - 0.1 * v / h
        z[v > 0.6 * h] -= 0.3
        if i == 3:
            z[np.hypot(v - 0.3 * h, u - 0.6 * w) < 0.2 * h] = 0.8
        z += case.random.normal(size=z.shape) * 0.001
        z[case.random.random(z.shape) < 0.02] = 0.0
        color = np.stack([255 * u / w, 255 * v / h, np.full(u.shape, 90.0)], -1).astype(np.uint8)
        seen = None if i == 1 else color
        made.append(Frame(i, i / 30.0, camera, z.astype(np.float32), seen, NOISE))
    return made


def by_place(grid: Grid, name: str) -> dict[tuple[int, ...], int]:
    """Return the slots of a level's blocks: they are given out in any order."""
    level = getattr(grid, name)
    coords = level.level.blocks.coords[: level.count].tolist()
    return {tuple(place): slot for slot, place in enumerate(coords)}


def compare(case: Case, when: str, got: Grid, wanted: Grid, tolerance: float, flips: float) -> None:
    """Compare what two maps hold, block by block; features where something was learned."""
    for name in LEVELS:
        slots, wanted_slots = by_place(got, name), by_place(wanted, name)
        num_odd = len(slots.keys() ^ wanted_slots.keys())  # rounding may move a ray past an edge
        case.true(f"{when}: {num_odd} blocks of {name} differ", num_odd <= case.pick(0, 2))
        both = slots.keys() & wanted_slots.keys()
        a, b = [slots[place] for place in both], [wanted_slots[place] for place in both]
        features, others = (
            widened(getattr(grid, name).level.features[at]) for grid, at in ((got, a), (wanted, b))
        )
        is_learned = (features != 0) | (others != 0)
        case.true(f"{when}: {name} learns", bool(is_learned.any()))
        case.close(
            f"{when}: features of {name}", features[is_learned], others[is_learned], tolerance,
            2 * ULP, flips=flips, cap=2.0 * np.ptp(others),
        )  # fmt: skip
    (coords, *parts), (wanted_coords, *wanted_parts) = (
        grid.base.arrays() for grid in (got, wanted)
    )
    slots, wanted_slots = (
        {tuple(place): slot for slot, place in enumerate(places.tolist())}
        for places in (coords, wanted_coords)
    )
    num_odd = len(slots.keys() ^ wanted_slots.keys())
    case.true(f"{when}: {num_odd} blocks of the base differ", num_odd <= case.pick(0, 2))
    both = slots.keys() & wanted_slots.keys()
    a, b = [slots[place] for place in both], [wanted_slots[place] for place in both]
    caps = {"distance": 64000.0, "weight": 4.0 * MAX_READING, "color": 255.0, "anchors": 1e3}
    for (name, cap), part, other in zip(caps.items(), parts, wanted_parts, strict=True):
        case.close(f"{when}: {name} of the base", part[a], other[b], 1.0, flips=2e-3, cap=cap)


@gpu_check
def neural_map(case: Case) -> None:
    config = NeuralConfig(
        middle_spacing_m=0.3, fine_spacing_m=0.2, color_spacing_m=0.15,
        base_spacing_m=case.pick(0.12, 0.06), truncation_m=0.24, keyframe_every=2, ray_cell=4,
        window=3, rays=case.pick(24, 512), first_steps=1, steps=1, budget_ms=0.0, budget_mb=16,
    )  # fmt: skip
    on_device, on_host = CudaNeuralMap(config, NOISE), NeuralMap(config, NOISE)
    points = case.random.uniform((-0.8, -0.6, 1.2), (0.8, 0.6, 2.0), (case.pick(60, 5000), 3))
    points = points.astype(np.float32)
    # not the identity, from where vertices lie between two pixels exactly
    start = se3_exp(case.random.uniform(-0.02, 0.02, 6))
    for frame in frames(case):
        i, camera = frame.index, frame.camera
        T = start @ se3_exp(np.array([0.001, -0.002, 0.0015, 0.0, 0.001, -0.001]) * i)
        on_device.integrate(frame, T)
        with using("reference"):
            on_host.integrate(frame, T)
            wanted = on_host.query(points)
        got = on_device.query(points)
        # rounding turns the smallest gradients, and every first step is as long as its rate
        limits = (1e-4, 0.1) if i == 0 else (2e-3, 0.15)
        compare(case, f"frame {i}", on_device._content().grid, on_host._grid, *limits)
        valid, most_m = (got.is_valid, wanted.is_valid), 2.0 * config.truncation_m
        case.close(f"frame {i}: where known", *valid, 0.0, flips=0.02, cap=1.0)
        case.close(f"frame {i}: distance", got.sdf_m, wanted.sdf_m, 2e-3, flips=0.02, cap=most_m)
    case.true("something is known", bool(wanted.is_valid.any()))
    depths_m = 8 * config.base_spacing_m * on_host._grid.base.arrays()[0][:, 2]
    case.true("the ball in the air is left out", depths_m.min() > 0.9)
    case.equal("the keyframes", on_device.num_keyframes, on_host.num_keyframes)
    for index, T in on_host.refined_poses().items():
        case.close(f"pose of keyframe {index}", on_device.refined_poses()[index], T, 2e-5)
    moved = on_host.refined_poses()[2] - on_host._keyframes.items[1].T_world_tracked
    case.true("a pose was refined", bool(np.abs(moved).max() > 1e-5))
    files(case, on_device, points)
    camera = camera.scaled(case.pick(0.4, 1.0))
    with using("reference"):
        wanted_view = on_host.render(camera, start)
    view = on_device.render(camera, start)
    case.true("something is seen", bool((wanted_view.depth_m > 0).mean() > 0.5))
    for name, most in (("depth_m", FAR_M), ("normals", 2.0), ("confidence", 16.0)):
        a, b = getattr(view, name), getattr(wanted_view, name)
        # the definition steps in another way, and so past other holes of so coarse a map
        case.close(f"view: {name}", a, b, 0.01, 0.01, flips=0.12, cap=most)


def files(case: Case, on_device: CudaNeuralMap, points: np.ndarray) -> None:
    """Write on the device, read on the host, write there, read on the device."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.npz"
        on_device.save(path)
        with using("reference"):
            on_host = NeuralMap.load(path)
            wanted, wanted_rgb = on_host.query(points), on_host.color(points)
            on_host.save(path)
        loaded = CudaNeuralMap.load(path)
    for name, map_ in (("original", on_device), ("loaded", loaded)):
        got = map_.query(points)
        # at the faces of cells
        flips = case.pick(0.0, 2e-3)
        case.close(f"{name}: where known", got.is_valid, wanted.is_valid, 0.0, flips=flips, cap=1.0)
        most_m = 2.0 * on_device.config.truncation_m
        case.close(f"{name}: distance", got.sdf_m, wanted.sdf_m, 1e-5, flips=flips, cap=most_m)
        most = np.ptp(wanted.gradient)
        case.close(
            f"{name}: gradient", got.gradient, wanted.gradient, 1e-3, 1e-3, flips=flips, cap=most
        )
        case.close(f"{name}: color", map_.color(points), wanted_rgb, 1.0, flips=flips, cap=255.0)
    case.equal("loaded: frames", loaded.num_integrated, on_device.num_integrated)
    case.equal("loaded: bytes", loaded.nbytes, on_device.nbytes)
    case.equal("refused", on_device.num_refused, 0)
