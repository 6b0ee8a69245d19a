"""Run a recording: what `slam run` does, in a loop of your own.

    python examples/01_run_a_recording.py [SOURCE] [FRAMES]

SOURCE is a folder (TUM RGB-D, Replica, ScanNet, 7-Scenes, color/ and depth/) or synthetic[:NAME].
Shows opening a source, stepping through it, what is known after each frame, and writing the
trajectory and the mesh.
"""

import sys
from pathlib import Path

from slam import Config, Slam, load_config, open_source, playback, tum_text, write_ply


def main(spec: str = "synthetic:room", num_frames: str = "100") -> None:
    # all fields: slam/config.py; Config() has their defaults
    config: Config = load_config([], {"map": "tsdf", "playback.limit": num_frames})
    source = open_source(spec, config)
    with Slam.from_config(config, source.depth_noise) as slam:
        for frame in playback(source, config.playback):
            result = slam.step(frame)
            x, y, z = result.T_world_camera[:3, 3]
            print(f"{frame.timestamp_s:.3f} s: {result.state.value} at {x:.3f} {y:.3f} {z:.3f} m")
    Path("trajectory.txt").write_text(tum_text(slam.trajectory()))
    write_ply(Path("mesh.ply"), slam.map.mesh())
    print(f"{slam.map.nbytes / 1e6:.0f} MB of map; written: trajectory.txt, mesh.ply")


if __name__ == "__main__":
    main(*sys.argv[1:])
