"""Cases of the ops, against their definitions: what `tests/kernels` runs on the CPU, and the GPU
check on a GPU and in the simulator. Nothing here needs pytest.
"""
