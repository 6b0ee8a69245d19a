"""RealSense cameras and their recordings, by the vendor's SDK."""
