"""ROS 1 and ROS 2 bags, by the rosbags package: no ROS is needed."""
