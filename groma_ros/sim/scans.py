"""Read scanned, textured meshes, so that real things lie among the procedural ones.

A folder holds for each thing NAME:

NAME.npz          vertices_m (V, 3) metres with z up, faces (F, 3) counted in vertices, uv (U, 2)
                  with v up, faces_uv (F, 3) counted in uv
NAME.jpg or .png  its texture
names.json        optional: {"NAME": "what people call it"}; null leaves the thing out

A name that the table lacks is spelled out ("043_phillips_screwdriver": "phillips screwdriver").
Where it ends in a word of a kind ("tomato soup can"), the scan is one more shape of that kind, else
a kind of its own. Scans keep their size, lie in poses in which they stay, and have a colour word
only where most of their surface has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from groma_ros.sim.colours import colour_word
from groma_ros.sim.kinds import Kind
from groma_ros.sim.shapes.meshes import Mesh

TEXTURE_PX = 512
LARGEST_M = 0.7
STARTS = 32
_DIRECTIONS = 400
_STEPS = 200


@dataclass(frozen=True, eq=False)
class Scan:
    """Hold one scanned thing.

    source    NAME of its files
    name      the kind that it is one of
    mesh      metres, standing on z = 0 as it was scanned, its footprint about the origin
    texture   (n, n, 3) uint8, first row on top
    colour    a colour word or empty
    poses     rotations (3, 3) in which it stays where it lies; the first is as scanned
    """

    source: str
    name: str
    mesh: Mesh
    texture: np.ndarray
    colour: str
    poses: tuple[np.ndarray, ...]


def read_scans(folder: Path, kinds: Sequence[Kind]) -> list[Scan]:
    """Return the scans of a folder; raise ValueError with the file that is at fault."""
    return [_read_scan(file, name, kinds) for file, name in check_folder(folder)]


def check_folder(folder: Path) -> list[tuple[Path, str | None]]:
    """Return the mesh files of a folder with the names that its table gives them, None for none.

    Raises ValueError where there is no mesh or the table does not fit.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise ValueError(f"{folder} holds no NAME.npz with a mesh")
    names = _read_names(folder / "names.json")
    unknown = sorted(set(names) - {file.stem for file in files})
    if unknown:
        raise ValueError(f"{folder / 'names.json'} names {unknown[0]!r}, which has no .npz file")
    wanted = [file for file in files if names.get(file.stem, "") is not None]
    return [(file, names.get(file.stem)) for file in wanted]


def spoken_name(source: str) -> str:
    """Return a file's name in words: without numbers in front and underscores."""
    return re.sub(r"^\d+(-[a-z])?_", "", source).replace("_", " ").strip().lower()


def kind_of(name: str, kinds: Sequence[Kind]) -> str:
    """Return the kind with a word (or its plural) that a name ends in, else the name itself."""
    called = {word: kind.name for kind in kinds for word in kind.all_words}
    words = name.split(" ")
    for start in range(len(words)):
        if " ".join(words[start:]) in called:
            return called[" ".join(words[start:])]
    return name


def _read_names(path: Path) -> dict[str, str | None]:
    if not path.exists():
        return {}
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(names, dict) or not all(
        name is None or (isinstance(name, str) and name) for name in names.values()
    ):
        raise ValueError(f'{path} must be {{"file name": "spoken name" or null, ...}}')
    return names


def _read_scan(path: Path, name: str | None, kinds: Sequence[Kind]) -> Scan:
    mesh = _read_mesh(path)
    texture = _read_texture(path)
    kind = name or kind_of(spoken_name(path.stem), kinds)
    return Scan(path.stem, kind, mesh, texture, _colour(mesh, texture), resting_poses(mesh))


def _read_mesh(path: Path) -> Mesh:
    try:
        with np.load(path) as file:
            vertices, uv = file["vertices_m"].astype(float), file["uv"].astype(float)
            faces, faces_uv = file["faces"].astype(np.int32), file["faces_uv"].astype(np.int32)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is no mesh: {error}") from error
    for name, part, shape in (("vertices_m", vertices, 3), ("uv", uv, 2), ("faces", faces, 3)):
        if part.ndim != 2 or part.shape[1] != shape:
            raise ValueError(f"{path}: {name} must be (n, {shape}), got {part.shape}")
    if faces_uv.shape != faces.shape:
        raise ValueError(f"{path}: faces_uv is {faces_uv.shape}, faces {faces.shape}")
    if faces.max() >= len(vertices) or faces_uv.max() >= len(uv):
        raise ValueError(f"{path}: a face names a vertex that is not there")
    low, high = vertices.min(0), vertices.max(0)
    if not 0 < (high - low).max() <= LARGEST_M:
        raise ValueError(
            f"{path}: the mesh is {(high - low).max():.3f} m long, {LARGEST_M} at most"
        )
    middle = (low + high) / 2
    offset = np.array([middle[0], middle[1], low[2]])
    return Mesh(vertices - offset, faces, uv, faces_uv=faces_uv)


def _read_texture(path: Path) -> np.ndarray:
    """Return the picture (n, n, 3) uint8 beside a mesh's file."""
    for end in (".jpg", ".png"):
        if path.with_suffix(end).exists():
            with Image.open(path.with_suffix(end)) as image:
                side = min(TEXTURE_PX, *image.size)
                return np.asarray(image.convert("RGB").resize((side, side), Image.BOX))
    raise ValueError(f"{path} has no texture beside it: {path.stem}.jpg or {path.stem}.png")


def _colour(mesh: Mesh, texture: np.ndarray) -> str:
    """Return the colour word of most of a mesh's surface, or an empty string."""
    side = len(texture)
    middle = mesh.uv[mesh.faces_uv].mean(1)
    column = (middle[:, 0] * side).astype(int).clip(0, side - 1)
    row = ((1 - middle[:, 1]) * side).astype(int).clip(0, side - 1)
    return colour_word(texture[row, column], mesh.face_areas())


def resting_poses(mesh: Mesh, starts: int = STARTS) -> tuple[np.ndarray, ...]:
    """Return rotations (3, 3) in which a mesh stays: as scanned, then one for each of many drops.

    A thing stays where its centre of mass cannot sink by rolling: where the height of that centre
    over the lowest point, a function of the direction that points down, is smallest in its
    neighbourhood. The descent starts from directions all over the sphere, so that a pose appears
    as often as things fall into it; the lowest point is a soft maximum that hardens, which lets
    the descent follow edges. The centre is that of the surface.
    """
    corners = mesh.vertices[mesh.faces].mean(1)
    areas = mesh.face_areas()
    points = mesh.vertices - (corners * areas[:, None]).sum(0) / areas.sum()
    points = points[np.unique((_sphere(_DIRECTIONS) @ points.T).argmax(1))]
    reach_m = np.linalg.norm(points, axis=1).max()
    down = _sphere(starts)
    for step in np.geomspace(0.15, 1e-3, _STEPS):
        depth = down @ points.T / (step * reach_m)
        touching = np.exp(depth - depth.max(1, keepdims=True))
        lowest = touching @ points / touching.sum(1, keepdims=True)
        pull = lowest - (lowest * down).sum(1, keepdims=True) * down
        length = np.linalg.norm(pull, axis=1, keepdims=True)
        down = down - step * pull / np.maximum(length, 0.03 * reach_m)
        down /= np.linalg.norm(down, axis=1, keepdims=True)
    return (np.eye(3), *(_turn_down(direction) for direction in down))


def _sphere(count: int) -> np.ndarray:
    """Return evenly spread directions (count, 3), a spiral from pole to pole."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    r = np.sqrt(1 - z**2)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)


def _turn_down(direction: np.ndarray) -> np.ndarray:
    """Return a rotation (3, 3) that turns a direction (3,) to -z."""
    z = -direction
    helper = np.eye(3)[np.abs(z).argmin()]
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])
