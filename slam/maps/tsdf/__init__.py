"""The TSDF map."""
