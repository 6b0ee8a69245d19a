"""The ops as CUDA kernels, in numba-cuda, on torch's tensors.

numba-cuda is the only GPU language here. It compiles the scalar bodies of the CPU kernels as
they are, so a formula is written once. Its simulator runs every kernel, and its compiler makes PTX
of it, on a machine without a GPU: that is how they are tested. Triton would pay where tensor cores
do; the decoders here are far too small (32 hidden units) for them to be fed.

All arrays of an op are tensors on the same GPU, the small ones too (a pose, the intrinsics): so a
sequence of launches can be captured once and replayed on new values (`kernels.cuda.graph`).
Nothing is copied to the host unless an op's contract says so.
"""
