"""What `scripts/gpu_check.py` checks and measures. Each module below `check` holds the checks of
the kernels of one part; importing it enters them into `check.CHECKS`.
"""
