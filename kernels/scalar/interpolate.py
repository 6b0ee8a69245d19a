"""Trilinear interpolation between the eight corners of a cell (numbered as in
`kernels.scalar.cell`).
"""

from kernels.scalar.compile import inline


@inline
def trilinear(corner, fx, fy, fz):
    """Interpolate along z, then y, then x."""
    z00 = corner[0] + fz * (corner[1] - corner[0])
    z01 = corner[2] + fz * (corner[3] - corner[2])
    z10 = corner[4] + fz * (corner[5] - corner[4])
    z11 = corner[6] + fz * (corner[7] - corner[6])
    y0 = z00 + fy * (z01 - z00)
    y1 = z10 + fy * (z11 - z10)
    return y0 + fx * (y1 - y0)


@inline
def trilinear_gradient(corner, fx, fy, fz):
    """Return the interpolated value and its derivatives by the fractions: the differences on the
    way.
    """
    z00 = corner[0] + fz * (corner[1] - corner[0])
    z01 = corner[2] + fz * (corner[3] - corner[2])
    z10 = corner[4] + fz * (corner[5] - corner[4])
    z11 = corner[6] + fz * (corner[7] - corner[6])
    y0 = z00 + fy * (z01 - z00)
    y1 = z10 + fy * (z11 - z10)
    d0 = corner[1] - corner[0] + fy * (corner[3] - corner[2] - corner[1] + corner[0])
    d1 = corner[5] - corner[4] + fy * (corner[7] - corner[6] - corner[5] + corner[4])
    return (
        y0 + fx * (y1 - y0),
        y1 - y0,
        (z01 - z00) + fx * ((z11 - z10) - (z01 - z00)),
        d0 + fx * (d1 - d0),
    )
