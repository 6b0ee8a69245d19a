#!/usr/bin/env python3
"""Train the vocabulary of binary descriptors that places are recognised by, on rendered rooms.

Corners are taken from random rooms and from the walks of the synthetic recordings, seen under
changing light with a camera's noise, and clustered into a tree: every centre is the majority, bit
by bit, of the descriptors that are nearest to it, and has 16 children that divide them.

    scripts/train_vocabulary.py --out runs/vocabulary.npz

slam/places/vocabulary.npz is a copy of what it writes. Takes some minutes.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from tqdm import tqdm

from kernels.places import BRANCHES, LEVELS
from slam.places.features import describe
from slam.places.vocabulary import Vocabulary, save_vocabulary
from slam.scenes import apartment, room
from slam.scenes.procedural import random_room
from slam.scenes.scene import Scene
from slam.scenes.walk import look_rotations
from slam.sources.synthetic import CAMERA

VIEWS_A_ROOM = 6
CLUSTER_STEPS = 12  # the majorities have come to rest by then, or nearly


def main(argv: Sequence[str] | None = None) -> None:
    """Collect, cluster, write."""
    args = _arguments(argv)
    rng = np.random.default_rng(args.seed)
    descriptors = _collect(args.rooms, args.views, rng)
    print(f"{len(descriptors)} descriptors")
    levels: list[np.ndarray] = []
    groups = [np.arange(len(descriptors))]
    for level in range(LEVELS):
        centres, groups = _split(descriptors, groups, rng)
        levels.append(centres)
        sizes = np.array([len(group) for group in groups])
        print(f"level {level + 1}: {len(sizes)} nodes, {np.median(sizes):.0f} descriptors each")
    tree = np.packbits(np.concatenate(levels), axis=1).view(np.uint64)
    header = {
        "command": f"scripts/train_vocabulary.py --rooms {args.rooms} --views {args.views} "
        f"--seed {args.seed}",
        "num_descriptors": len(descriptors),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_vocabulary(args.out, Vocabulary(tree, header))
    print(f"wrote {args.out}")


def _collect(num_rooms: int, num_views: int, rng: np.random.Generator) -> np.ndarray:
    """Return the bits of descriptors, uint8 (n, 256)."""
    found = []
    total = num_rooms * VIEWS_A_ROOM + 2 * num_views
    for scene, T_world_camera in tqdm(_views(num_rooms, num_views, rng), total=total):
        _, color = scene.render(CAMERA, T_world_camera)
        _, descriptors = describe(_photographed(color, rng))
        found.append(descriptors)
    return np.unpackbits(np.concatenate(found).view(np.uint8), axis=1)


def _views(
    num_rooms: int, num_views: int, rng: np.random.Generator
) -> Iterator[tuple[Scene, np.ndarray]]:
    """Yield scenes and T_world_camera: random views of random rooms, then views of the walks."""
    for number in range(num_rooms):
        scene = random_room((int(rng.integers(1 << 30)), number))
        for _ in range(VIEWS_A_ROOM):
            T = np.eye(4)
            T[:3, 3] = _free_place(scene, rng)
            yaw, pitch = rng.uniform(0, 360, 1), rng.uniform(-35, 20, 1)
            T[:3, :3] = look_rotations(yaw, pitch)[0]
            yield scene, T
    for module in (room, apartment):
        walk = module.walk()
        poses = walk.poses(walk.period_frames)
        for index in np.linspace(0, walk.period_frames - 1, num_views).astype(int):
            yield module.scene(), poses[index]


def _free_place(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Return a place at the height of a hand, well away from all surface."""
    places = np.column_stack([rng.uniform(0.5, 7.5, (400, 2)), rng.uniform(1.0, 1.9, 400)])
    is_inside = np.ones(len(places), bool)
    distance_m = scene.sdf(places.astype(np.float32))
    good = places[is_inside & (distance_m > 0.3)]
    return good[0]


def _photographed(color: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add what a camera does: blur, another exposure and gamma, and noise."""
    image = cv2.GaussianBlur(color.astype(np.float32), (0, 0), rng.uniform(0.2, 1.5))
    image = 255.0 * (image / 255.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.6, 1.2)
    image += rng.normal(0.0, rng.uniform(0.0, 6.0), image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def _split(
    bits: np.ndarray, groups: list[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Divide each group into 16; return the centres of all, uint8 (16 g, 256), and the groups."""
    centres, parts = [], []
    for group in groups:
        found, nearest = _cluster(bits[group], rng)
        centres.append(found)
        parts += [group[nearest == k] for k in range(BRANCHES)]
    return np.concatenate(centres), parts


def _cluster(bits: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return 16 majorities and the nearest of each descriptor (k-majority, Grana et al. 2013)."""
    centres = _seeds(bits, rng)
    nearest = np.zeros(len(bits), np.int64)
    for _ in range(CLUSTER_STEPS if len(bits) else 0):
        nearest = np.argmin(_distances(bits, centres), axis=1)
        for k in range(BRANCHES):
            members = bits[nearest == k]
            if len(members):
                centres[k] = 2 * members.sum(axis=0, dtype=np.int64) > len(members)
    if len(bits):
        nearest = np.argmin(_distances(bits, centres), axis=1)
    return centres, nearest


def _seeds(bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return 16 first centres, far apart (k-means++); random ones where there are too few."""
    if len(bits) < BRANCHES:
        return rng.integers(0, 2, (BRANCHES, 256)).astype(np.uint8)
    some = bits[rng.choice(len(bits), min(len(bits), 4000), replace=False)]
    chosen = [some[0]]
    squared = np.full(len(some), np.inf)
    for _ in range(BRANCHES - 1):
        squared = np.minimum(squared, _distances(some, chosen[-1][None])[:, 0] ** 2)
        share = squared / squared.sum() if squared.sum() > 0 else None
        chosen.append(some[rng.choice(len(some), p=share)])
    return np.array(chosen)


def _distances(bits: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the number of bits that differ, float32 (n, k)."""
    a, b = bits.astype(np.float32), centres.astype(np.float32)
    return a.sum(axis=1)[:, None] + b.sum(axis=1)[None] - 2.0 * (a @ b.T)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n", 1)[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--rooms", type=int, default=60, help="random rooms, 6 views each")
    parser.add_argument("--views", type=int, default=60, help="of each synthetic recording")
    parser.add_argument("--seed", type=int, default=0, help="of rooms, views and clusters")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
