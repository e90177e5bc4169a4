"""Triangle meshes from numpy: solids of revolution, extrusions along a path, blocks.

All lengths are metres, z is up, triangles are counter-clockwise seen from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Mesh:
    """Hold one triangle mesh.

    vertices (V, 3) float64 metres; faces (F, 3) int32; uv (U, 2) float64 texture coordinates, v up;
    flat: shade every triangle on its own; faces_uv (F, 3) int32: the uv of every corner, where that
    is not the uv with the vertex's number.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    flat: bool = False
    faces_uv: np.ndarray | None = None

    def moved(self, offset: ArrayLike) -> Mesh:
        """Return the mesh translated by offset (3,) metres."""
        return replace(self, vertices=self.vertices + np.asarray(offset, float))

    def scaled(self, factors: ArrayLike) -> Mesh:
        """Return the mesh scaled about the origin by positive factors (3,)."""
        factors = np.asarray(factors, float)
        if np.any(factors <= 0):
            raise ValueError(f"scale factors must be positive, got {factors.tolist()}")
        return replace(self, vertices=self.vertices * factors)

    def turned(self, rotation: ArrayLike) -> Mesh:
        """Return the mesh rotated about the origin by a (3, 3) rotation matrix."""
        return replace(self, vertices=self.vertices @ np.asarray(rotation).T)

    def volume(self) -> float:
        """Return the signed volume in cubic metres (positive: triangles face outwards)."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)

    def face_areas(self) -> np.ndarray:
        """Return the area of every triangle (F,) in square metres."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


Parts = list[tuple[str, Mesh]]
"""(role, mesh) of each piece of a shape that has a paint of its own; `paint.py` knows the roles."""


def join(*meshes: Mesh) -> Mesh:
    """Return one mesh that holds all the triangles of meshes."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]),
        np.concatenate([m.uv for m in meshes]),
        meshes[0].flat,
    )


def rotation_about(axis: str, angle_rad: float) -> np.ndarray:
    """Return the (3, 3) rotation by angle_rad about the axis "x", "y" or "z"."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    out = np.eye(3)
    out[j, j], out[j, k], out[k, j], out[k, k] = c, -s, s, c
    return out


def unshared(mesh: Mesh) -> Mesh:
    """Return the mesh with vertices of their own for every triangle, which shades it flat."""
    corners = mesh.faces.reshape(-1)
    faces = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    return Mesh(mesh.vertices[corners], faces, mesh.uv[corners], mesh.flat)


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).reshape(-1)
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def _without_slivers(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12]


def _outwards(mesh: Mesh) -> Mesh:
    if mesh.volume() >= 0:
        return mesh
    return Mesh(mesh.vertices, mesh.faces[:, ::-1].copy(), mesh.uv, mesh.flat)


def revolve(
    profile: ArrayLike,
    segments: int = 24,
    squareness: float = 2.0,
    lobes: tuple[int, float] | None = None,
    flat: bool = False,
) -> Mesh:
    """Turn a profile (n, 2) of (radius, z) about the z axis.

    squareness is the superellipse exponent of the cross-section (2 round, 6 nearly square);
    lobes = (count, depth) modulates the radius around the axis. u runs around, v along the
    profile. Walk the profile up the outside and down the inside: that side is the visible one.
    """
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    angle[-1] = 0.0
    c, s = np.cos(angle), np.sin(angle)
    if squareness != 2.0:
        stretch = (np.abs(c) ** squareness + np.abs(s) ** squareness) ** (-1.0 / squareness)
        c, s = c * stretch, s * stretch
    if lobes is not None:
        wave = 1.0 + lobes[1] * np.cos(lobes[0] * angle)
        c, s = c * wave, s * wave
    r, z = profile[:, :1], profile[:, 1:]
    vertices = np.stack([r * c, r * s, np.broadcast_to(z, (len(r), len(c)))], -1).reshape(-1, 3)
    steps = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)]) / max(steps.sum(), 1e-9)
    u, v = np.meshgrid(np.linspace(0, 1, segments + 1), along)
    faces = _without_slivers(vertices, _grid_faces(len(profile), segments + 1))
    return Mesh(vertices, faces, np.stack([u, v], -1).reshape(-1, 2), flat)


def extrude(
    path: ArrayLike,
    radius: ArrayLike,
    segments: int = 10,
    cross_section: np.ndarray | None = None,
    flat: bool = False,
) -> Mesh:
    """Carry a cross-section along a path (n, 3) in metres and cap the ends.

    radius is a number or (n,), metres; cross_section (segments, 2) is in units of the radius, by
    default a circle.
    """
    path = np.asarray(path, float)
    radius = np.broadcast_to(np.asarray(radius, float), (len(path),))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.cross(tangent[0], [0.0, 1.0, 0.0])
    sides = []
    for t in tangent:
        side = side - t * (side @ t)
        side = side / np.linalg.norm(side)
        sides.append(side)
    sides = np.stack(sides)
    ups = np.cross(sides, tangent)
    if cross_section is None:
        angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
        cross_section = np.stack([np.cos(angle), np.sin(angle)], 1)
    section = np.concatenate([cross_section, cross_section[:1]])
    rings = path[:, None] + radius[:, None, None] * (
        section[None, :, :1] * sides[:, None] + section[None, :, 1:] * ups[:, None]
    )
    first = np.broadcast_to(path[0], rings[:1].shape)
    last = np.broadcast_to(path[-1], rings[:1].shape)
    rings = np.concatenate([first, rings, last])
    u, v = np.meshgrid(np.linspace(0, 1, len(section)), np.linspace(0, 1, len(rings)))
    vertices = rings.reshape(-1, 3)
    faces = _without_slivers(vertices, _grid_faces(len(rings), len(section)))
    return _outwards(Mesh(vertices, faces, np.stack([u, v], -1).reshape(-1, 2), flat))


def block(size: ArrayLike, bevel: float = 0.0) -> Mesh:
    """Return a box of size (3,) metres about the origin, edges cut by bevel metres; uv per side."""
    half = np.asarray(size, float) / 2
    if bevel < 0 or bevel >= half.min():
        raise ValueError(f"bevel {bevel} must be in [0, {half.min()}), half of the smallest side")
    quads, uvs = [], []
    for axis in range(3):
        j, k = (axis + 1) % 3, (axis + 2) % 3
        for sign in (1, -1):
            quad = np.zeros((4, 3))
            quad[:, axis] = sign * half[axis]
            quad[:, j] = np.array([-1, 1, 1, -1]) * (half[j] - bevel)
            quad[:, k] = np.array([-1, -1, 1, 1]) * (half[k] - bevel)
            uv = quad[:, [j, k]] / np.maximum(2 * half[[j, k]], 1e-9) + 0.5
            uv = uv[:, ::-1] if axis == 1 else uv
            order = [0, 1, 2, 3] if sign > 0 else [3, 2, 1, 0]
            quads.append(quad[order])
            uvs.append(uv[order])
    vertices, uv = np.concatenate(quads), np.concatenate(uvs)
    faces = [
        t for q in range(6) for t in ((4 * q, 4 * q + 1, 4 * q + 2), (4 * q, 4 * q + 2, 4 * q + 3))
    ]
    if bevel > 0:
        faces += _bevel_faces(vertices, half)
    return Mesh(vertices, np.asarray(faces, np.int32), uv)


def _bevel_faces(vertices: np.ndarray, half: np.ndarray) -> list[tuple[int, int, int]]:
    signs = np.sign(vertices).astype(int)
    axis = np.abs(np.abs(vertices) / half - 1).argmin(1)
    find = {(int(a), *map(int, s)): i for i, (a, s) in enumerate(zip(axis, signs, strict=True))}
    out = []

    def add(a: int, b: int, c: int) -> None:
        normal = np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
        outside = normal @ (vertices[a] + vertices[b] + vertices[c]) > 0
        out.append((a, b, c) if outside else (a, c, b))

    for k in range(3):
        i, j = [n for n in range(3) if n != k]
        for si in (1, -1):
            for sj in (1, -1):
                s = np.zeros(3, int)
                s[i], s[j] = si, sj
                low, high = s.copy(), s.copy()
                low[k], high[k] = -1, 1
                a, b = find[(i, *map(int, low))], find[(i, *map(int, high))]
                c, d = find[(j, *map(int, low))], find[(j, *map(int, high))]
                add(a, b, d)
                add(a, d, c)
    for sx in (1, -1):
        for sy in (1, -1):
            for sz in (1, -1):
                add(*(find[(n, sx, sy, sz)] for n in range(3)))
    return out


def ball(radius: float, segments: int = 24, rings: int = 14, flat: bool = False) -> Mesh:
    """Return a sphere about the origin."""
    t = np.linspace(-np.pi / 2, np.pi / 2, rings)
    profile = np.stack([np.cos(t) * radius, np.sin(t) * radius], 1)
    profile[[0, -1], 0] = 0
    return revolve(profile, segments, flat=flat)


def disc(radius: float, z: float, segments: int = 24, squareness: float = 2.0) -> Mesh:
    """Return a flat disc that faces up at height z."""
    return revolve([(radius, z), (0.0, z)], segments, squareness)


def panel(width: float, height: float, centre: ArrayLike, facing: str) -> Mesh:
    """Return a flat rectangle with uv; facing is "z" (up), "x" or "y" (the positive side)."""
    x, y = width / 2, height / 2
    vertices = np.array([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)])
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    mesh = Mesh(vertices, np.array([(0, 1, 2), (0, 2, 3)], np.int32), uv)
    if facing == "x":
        mesh = mesh.turned(np.array([(0.0, 0, 1), (1, 0, 0), (0, 1, 0)]))
    elif facing == "y":
        mesh = mesh.turned(np.array([(-1.0, 0, 0), (0, 0, 1), (0, 1, 0)]))
    return mesh.moved(centre)


def rest_on_ground(parts: Parts) -> Parts:
    """Return the parts moved together onto z = 0, the middle of their footprint at the origin."""
    everything = np.concatenate([m.vertices for _, m in parts])
    low, high = everything.min(0), everything.max(0)
    offset = (-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2])
    return [(role, m.moved(offset)) for role, m in parts]


def choose_facets(rng: Generator) -> tuple[int, bool]:
    """Return (segments, flat): mostly smooth, sometimes low-poly with flat shading."""
    if rng.random() < 0.12:
        return int(rng.integers(8, 13)), True
    return int(rng.integers(22, 33)), False


def ribbon(
    path: ArrayLike, half_width: ArrayLike, half_height: ArrayLike, power: float = 3
) -> Mesh:
    """Return a bar along a path (n, 3) that runs along x, of changing width and height.

    half_width (along y) and half_height (along z) are numbers or (n,), metres; power is the
    superellipse exponent of the section (2 an ellipse, 6 nearly a rectangle).
    """
    path = np.asarray(path, float)
    angle = np.linspace(0, 2 * np.pi, 13)
    c, s = np.cos(angle), np.sin(angle)
    stretch = (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power)
    wide = np.broadcast_to(np.asarray(half_width, float), (len(path),))[:, None] * (c * stretch)
    high = np.broadcast_to(np.asarray(half_height, float), (len(path),))[:, None] * (s * stretch)
    rings = path[:, None] + np.stack([0 * wide, wide, high], -1)
    first = np.broadcast_to(path[0], rings[:1].shape)
    last = np.broadcast_to(path[-1], rings[:1].shape)
    rings = np.concatenate([first, rings, last])
    u, v = np.meshgrid(np.linspace(0, 1, len(angle)), np.linspace(0, 1, len(rings)))
    vertices = rings.reshape(-1, 3)
    faces = _without_slivers(vertices, _grid_faces(len(rings), len(angle)))
    return _outwards(Mesh(vertices, faces, np.stack([u, v], -1).reshape(-1, 2)))


def prism(outline: ArrayLike, height: float) -> Mesh:
    """Return a flat body between z = 0 and height whose outline (n, 2) may have notches.

    The outline is a simple polygon in metres; either direction of walking it will do.
    """
    outline = np.asarray(outline, float)
    if _signed_area(outline) < 0:
        outline = outline[::-1]
    n = len(outline)
    lower = np.concatenate([outline, np.zeros((n, 1))], 1)
    upper = lower + [0, 0, height]
    cap = _triangulate(outline)
    sides = np.stack([lower, np.roll(lower, -1, 0), np.roll(upper, -1, 0), upper], 1)
    corners = 2 * n + 4 * np.arange(n)[:, None]
    faces = [cap[:, ::-1], cap + n, corners + [0, 1, 2], corners + [0, 2, 3]]
    vertices = np.concatenate([lower, upper, sides.reshape(-1, 3)])
    low, size = outline.min(0), np.ptp(outline, 0)
    uv = (vertices[:, :2] - low) / size
    return Mesh(vertices, np.concatenate(faces).astype(np.int32), uv)


def _signed_area(outline: np.ndarray) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def _triangulate(outline: np.ndarray) -> np.ndarray:
    """Return triangles (n - 2, 3) of a counter-clockwise simple polygon (n, 2), by cutting ears."""
    left = list(range(len(outline)))
    out = []
    while len(left) > 3:
        ears = (k for k in range(len(left)) if _is_ear(outline, left, k))
        k = next(ears, 0)
        out.append((left[k - 1], left[k], left[(k + 1) % len(left)]))
        del left[k]
    return np.array([*out, left])


def _is_ear(outline: np.ndarray, left: list[int], k: int) -> bool:
    """Return whether corner k of what is left can be cut off: convex, and nothing else inside."""
    a, b, c = (outline[left[j % len(left)]] for j in (k - 1, k, k + 1))
    if _cross(b - a, c - b) <= 0:
        return False
    others = outline[[i for j, i in enumerate(left) if (j - k + 1) % len(left) > 2]]
    inside = [_cross(q - p, others - p) > 0 for p, q in ((a, b), (b, c), (c, a))]
    return not np.any(np.logical_and.reduce(inside))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
