"""Bodies for one pixel, voxel, point or sample, written once: the kernels of both targets, CPU and
CUDA, are loops round them.

They are numba functions, which both targets inline. CUDA has no NumPy functions: use `math`.
Literals are float32, or CUDA kernels would compute in float64.
"""
