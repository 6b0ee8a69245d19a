"""The pose graph: where the camera was, as odometry and loops have it together."""
