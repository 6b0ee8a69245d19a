"""The TSDF map on a GPU. What it holds never moves, so captured launches stay valid."""
