"""Speed and accuracy of this system, side by side with Open3D's dense SLAM on the same frames."""
