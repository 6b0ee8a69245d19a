"""The case table of marching cubes, derived rather than listed.

Corner c of a cell lies at (c >> 2, (c >> 1) & 1, c & 1); edge e runs from corner EDGE_CORNER[e]
along EDGE_AXIS[e]. On every face each run of inside corners is cut off by one segment, so that two
inside corners of a face that touch only by the diagonal are kept apart; the rule depends on the
face alone, so neighbouring cells agree and the mesh has no cracks. The segments of all faces join
into closed loops, which are cut into triangle fans.
"""

import numpy as np

EDGES = [(c, axis) for axis in range(3) for c in range(8) if not c >> (2 - axis) & 1]
EDGE_CORNER = np.array([c for c, _ in EDGES], dtype=np.int32)
EDGE_AXIS = np.array([axis for _, axis in EDGES], dtype=np.int32)


def _edge_between(a: int, b: int) -> int:
    """Return the number of the edge between two neighbouring corners."""
    return EDGES.index((min(a, b), {4: 0, 2: 1, 1: 2}[a ^ b]))


def _faces() -> list[list[int]]:
    """Return the corners of the six faces, each counter-clockwise seen from outside."""
    faces = []
    for axis in range(3):
        bit, p, q = 4 >> axis, 4 >> (axis + 1) % 3, 4 >> (axis + 2) % 3
        loop = [0, p, p | q, q]  # counter-clockwise seen from +axis
        faces.append([bit | c for c in loop])
        faces.append(loop[::-1])
    return faces


def _segments(case: int) -> dict[int, int]:
    """Return the directed segments of all faces as {edge: next edge}."""
    following = {}
    for face in _faces():
        inside = [bool(case >> c & 1) for c in face]
        for i in range(4):
            if inside[i] and not inside[i - 1]:  # a run of inside corners starts at i
                j = i
                while inside[(j + 1) % 4]:
                    j += 1
                entry = _edge_between(face[i - 1], face[i])
                leave = _edge_between(face[j % 4], face[(j + 1) % 4])
                following[entry] = leave
    return following


def _triangles(case: int) -> list[int]:
    """Return the edges of a case's triangles, counter-clockwise seen from outside the surface."""
    following = _segments(case)
    triangles: list[int] = []
    while following:
        first, current = following.popitem()
        loop = [first]
        while current != first:
            loop.append(current)
            current = following.pop(current)
        loop = _rotated_to_apex(loop)
        for k in range(1, len(loop) - 1):
            triangles += [loop[0], loop[k], loop[k + 1]]
    return triangles


def _rotated_to_apex(loop: list[int]) -> list[int]:
    """Start a loop where no diagonal of its fan lies in a face: a neighbouring cell could use the
    same diagonal, and then four triangles would meet there."""
    for k in range(len(loop)):
        rotated = loop[k:] + loop[:k]
        if not any(_share_face(rotated[0], other) for other in rotated[2:-1]):
            return rotated
    raise AssertionError(f"every fan of {loop} has a diagonal in a face")


def _share_face(a: int, b: int) -> bool:
    """Whether two edges belong to one face."""
    ends = [{c, c | 4 >> axis} for c, axis in (EDGES[a], EDGES[b])]
    return any(ends[0] | ends[1] <= set(face) for face in _faces())


def _table() -> np.ndarray:
    cases = [_triangles(case) if 0 < case < 255 else [] for case in range(256)]
    table = np.full((256, max(map(len, cases)) + 1), -1, dtype=np.int8)
    for row, triangles in zip(table, cases, strict=True):
        row[: len(triangles)] = triangles
    return table


TRIANGLE_TABLE = (
    _table()
)  # int8 (256, n): edges in threes, ended by -1; case bit c is set where corner c is inside
