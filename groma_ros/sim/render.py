"""Draw planned scenes with MuJoCo: one model holds every mesh and texture of a library."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from groma_ros.sim import photo
from groma_ros.sim.library import Library, hash_name, make_library
from groma_ros.sim.scene import (
    MIN_VISIBLE_FRACTION,
    MIN_VISIBLE_PX,
    Scene,
    SceneObject,
    mask_box_xyxy,
)
from groma_ros.sim.shapes.meshes import unshared
from groma_ros.sim.staging import AREA_PX, MAX_SIDE, plan_scene
from groma_ros.sim.textures import all_textures
from groma_ros.sim.world import Camera, Geom, Light, Plan

MAX_GEOMS = 400
NEAR_M, FAR_M = 0.02, 15.0
Box = tuple[float, float, float, float]


class RenderingUnavailable(RuntimeError):
    """Say in one line what is missing to draw pictures."""


def _import_mujoco() -> ModuleType:
    """Return the mujoco module, told to draw without a display and with all cores shared."""
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        import mujoco
    except ImportError as error:
        raise RenderingUnavailable(
            f"rendering needs MuJoCo ({error}): pip install .[train]"
        ) from error
    return mujoco


def _open_context(mujoco: ModuleType, width: int, height: int) -> Any:
    """Return the current GL context; raise RenderingUnavailable where there is none."""
    try:
        if os.environ.get("MUJOCO_GL") == "egl":
            from mujoco.egl import GLContext  # also when mujoco was imported for another platform
        else:
            GLContext = mujoco.GLContext
        context = GLContext(width, height)
        context.make_current()
    except Exception as error:
        raise RenderingUnavailable(
            f"rendering needs EGL ({type(error).__name__}: {error}): "
            "apt install libegl1 libgl1-mesa-dri"
        ) from error
    return context


def _build_model(
    mujoco: ModuleType, library: Library
) -> tuple[Any, dict[tuple[tuple[str, int], int], int]]:
    """Return (MjModel, {(shape key, part): mesh id}).

    Texture k is `all_textures()[k]`; the scans' textures follow in the order of their shapes.
    """
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = MAX_SIDE
    spec.visual.quality.offsamples = 0
    spec.visual.quality.shadowsize = 1024
    spec.visual.quality.numquads = 6
    numbers = {}
    for shape in library.shapes:
        for p, (_, mesh) in enumerate(shape.parts):
            numbers[shape.key, p] = len(numbers)
            mesh = unshared(mesh) if mesh.flat else mesh
            item = spec.add_mesh()
            item.name = f"{shape.name}{shape.number}_{p}"
            item.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
            item.uservert = mesh.vertices.reshape(-1)
            item.userface = mesh.faces.reshape(-1)
            item.usertexcoord = mesh.uv.reshape(-1)
            corners = mesh.faces if mesh.faces_uv is None else mesh.faces_uv
            item.userfacetexcoord = corners.reshape(-1)
    scans = [shape for shape in library.shapes if shape.scan]
    pictures = [(name, picture) for name, _, picture in all_textures()]
    pictures += [(f"scan{shape.number}", shape.scan.texture[::-1]) for shape in scans]
    for name, picture in pictures:
        texture = spec.add_texture()
        texture.name = name
        texture.type = mujoco.mjtTexture.mjTEXTURE_2D
        texture.height, texture.width = picture.shape[:2]
        texture.nchannel = 3
        texture.data = picture.tobytes()
    material = spec.add_material()
    material.name = "paint"
    return spec.compile(), numbers


class Renderer:
    """Own the GL context, a library of shapes, the textures and one scene buffer.

    Raises RenderingUnavailable when MuJoCo or EGL is missing.
    """

    def __init__(self, library: Library | None = None):
        self.library = library or make_library()
        mujoco = self._mujoco = _import_mujoco()
        self._context = _open_context(mujoco, MAX_SIDE, MAX_SIDE)
        self._model, self._mesh_ids = _build_model(mujoco, self.library)
        scans = [shape for shape in self.library.shapes if shape.scan]
        first = len(all_textures())
        self._scan_textures = {shape.key: first + k for k, shape in enumerate(scans)}
        self._gpu = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_50)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._gpu)
        self._scene = mujoco.MjvScene(self._model, maxgeom=MAX_GEOMS)
        self._mesh_pos = self._model.mesh_pos.copy()
        self._mesh_mat = np.zeros((self._model.nmesh, 9))
        for k, quat in enumerate(self._model.mesh_quat):
            mujoco.mju_quat2Mat(self._mesh_mat[k], quat)
        self._mesh_mat = self._mesh_mat.reshape(-1, 3, 3)

    def close(self) -> None:
        """Free the GL context."""
        self._gpu.free()
        self._context.free()

    def draw(self, plan: Plan, soft: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rgb (H, W, 3) uint8, owner (H, W) int16 (-1 none), and alone_px (objects,).

        alone_px counts the pixels inside the picture that an object would have with nothing in
        front of it. soft: blur jagged edges.
        """
        self._fill(plan)
        flags = self._scene.flags
        segment, colour_ids = (
            int(self._mujoco.mjtRndFlag.mjRND_SEGMENT),
            int(self._mujoco.mjtRndFlag.mjRND_IDCOLOR),
        )
        flags[segment] = flags[colour_ids] = 0
        rgb = self._read(plan.camera.size_hw)
        rgb = photo.soften_edges(rgb) if soft else rgb
        flags[segment] = flags[colour_ids] = 1
        owner = self._owners(plan.camera.size_hw)
        alone = self._alone_px(plan, owner)
        return rgb, owner, alone

    def draw_depth(self, plan: Plan) -> np.ndarray:
        """Return the depth (H, W) float32 of a plan: metres along the optical axis (REP 118)."""
        self._fill(plan)
        height, width = plan.camera.size_hw
        area = self._mujoco.MjrRect(0, 0, width, height)
        self._mujoco.mjr_render(area, self._scene, self._gpu)
        buffer = np.empty((height, width), np.float32)
        self._mujoco.mjr_readPixels(None, buffer, area, self._gpu)
        return NEAR_M / (1 - buffer[::-1] * (1 - NEAR_M / FAR_M))

    def _read(self, size_hw: tuple[int, int]) -> np.ndarray:
        height, width = size_hw
        area = self._mujoco.MjrRect(0, 0, width, height)
        self._mujoco.mjr_render(area, self._scene, self._gpu)
        rgb = np.empty((height, width, 3), np.uint8)
        self._mujoco.mjr_readPixels(rgb, None, area, self._gpu)
        return np.ascontiguousarray(rgb[::-1])

    def _owners(self, size_hw: tuple[int, int]) -> np.ndarray:
        """Return (H, W) int16 owners; object k draws the id k + 2, nameless parts 1, the room 0."""
        return np.maximum(self._read(size_hw)[..., 0].astype(np.int16) - 2, -1)

    def _alone_px(self, plan: Plan, owner: np.ndarray) -> np.ndarray:
        """Count each object's pixels without occluders; drawn again only where boxes touch."""
        seen = np.bincount(owner[owner >= 0], minlength=len(plan.objects)).astype(float)
        boxes = [_projected_box(item.points, plan.camera) for item in plan.objects]
        small = (plan.camera.size_hw[0] // 2, plan.camera.size_hw[1] // 2)
        geoms = self._scene.geoms[: self._scene.ngeom]
        full = [geom.segid for geom in geoms]
        away = [np.linalg.norm(item.position - plan.camera.position) for item in plan.objects]
        for k, box in enumerate(boxes):
            if any(away[j] < away[k] and _boxes_touch(box, boxes[j]) for j in range(len(boxes))):
                self._segids(geoms, [i if i == k + 1 else -1 for i in full])
                seen[k] = max(seen[k], int((self._owners(small) == k).sum()) * 4.0)
        self._segids(geoms, full)
        return seen

    @staticmethod
    def _segids(geoms: Iterable[Any], ids: Iterable[int]) -> None:
        for geom, number in zip(geoms, ids, strict=True):
            geom.segid = number

    def _fill(self, plan: Plan) -> None:
        scene = self._scene
        scene.ngeom = 0
        if len(plan.geoms) > MAX_GEOMS:
            raise ValueError(f"a scene of {len(plan.geoms)} geoms exceeds {MAX_GEOMS}")
        for geom in plan.geoms:
            self._add(geom)
        flag = self._mujoco.mjtRndFlag
        scene.flags[:] = 0
        scene.flags[int(flag.mjRND_SHADOW)] = any(light.shadow for light in plan.lights)
        scene.flags[int(flag.mjRND_REFLECTION)] = any(g.reflectance > 0 for g in plan.geoms)
        scene.flags[int(flag.mjRND_CULL_FACE)] = 1
        self._aim(plan.camera)
        self._gpu.shadowClip = plan.shadow_span_m
        scene.nlight = len(plan.lights)
        for light, target in zip(plan.lights, scene.lights, strict=False):
            self._set_light(light, target)

    def _add(self, geom: Geom) -> None:
        mujoco, scene = self._mujoco, self._scene
        kinds = mujoco.mjtGeom
        target = scene.geoms[scene.ngeom]
        position, transform, size, data = geom.position, geom.transform, geom.size, -1
        texture = geom.texture
        if geom.form == "part":
            mesh = self._mesh_ids[geom.shape.key, geom.part]
            texture = self._scan_textures.get(geom.shape.key, texture)
            position = position + transform @ self._mesh_pos[mesh]
            transform = transform @ self._mesh_mat[mesh]
            kind, size, data = kinds.mjGEOM_MESH, (1.0, 1.0, 1.0), 2 * mesh
        else:
            kind = kinds.mjGEOM_PLANE if geom.form == "plane" else kinds.mjGEOM_BOX
        mujoco.mjv_initGeom(
            target,
            kind,
            np.array(size, float),
            np.asarray(position, float),
            np.asarray(transform, float).reshape(9),
            np.array(geom.rgba, np.float32),
        )
        target.dataid = data
        target.matid = 0 if texture >= 0 else -1
        target.texid = texture
        target.texcoord = int(geom.form == "part")
        target.texuniform = 0
        target.texrepeat[:] = geom.repeat
        target.specular, target.shininess = geom.specular, geom.shininess
        target.reflectance, target.emission = geom.reflectance, geom.emission
        target.segid = geom.owner + 1 if geom.form == "part" else -1
        casts = geom.form == "part"
        target.category = int(
            mujoco.mjtCatBit.mjCAT_DYNAMIC if casts else mujoco.mjtCatBit.mjCAT_DECOR
        )
        target.castshadow = 1
        scene.ngeom += 1

    def _aim(self, camera: Camera) -> None:
        near, far = NEAR_M, FAR_M
        top = near * math.tan(camera.fov_y_rad / 2)
        for view in self._scene.camera:
            view.pos[:], view.forward[:], view.up[:] = camera.position, camera.forward, camera.up
            view.frustum_center, view.frustum_width = 0.0, 0.0
            view.frustum_bottom, view.frustum_top = -top, top
            view.frustum_near, view.frustum_far = near, far
            view.orthographic = 0

    def _set_light(self, light: Light, target: Any) -> None:
        kinds = self._mujoco.mjtLightType
        target.type = int(kinds.mjLIGHT_DIRECTIONAL if light.directional else kinds.mjLIGHT_SPOT)
        target.pos[:], target.dir[:] = light.position, light.direction
        target.attenuation[:] = (1.0, 0.0, 0.0)
        target.cutoff, target.exponent = 80.0 if light.shadow else 180.0, 0.0
        target.ambient[:], target.diffuse[:] = light.ambient, light.diffuse
        target.specular[:] = light.specular
        target.headlight, target.castshadow = 0, int(light.shadow)


def _projected_box(points: np.ndarray, camera: Camera) -> Box:
    """Return the box (x0, y0, x1, y1) in pixels about projected points (N, 3), zeros behind us."""
    pixels, depth = camera.project(points)
    pixels = pixels[depth > 0.02]
    if not len(pixels):
        return (0.0, 0.0, 0.0, 0.0)
    (x0, y0), (x1, y1) = pixels.min(0), pixels.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def _boxes_touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _inside_fraction(points: np.ndarray, camera: Camera) -> float:
    """Return the share of an object's outline (convex hull) that lies inside the picture."""
    pixels, depth = camera.project(points)
    if depth.min() < 0.02:
        return 0.1
    height, width = camera.size_hw
    low, high = pixels.min(0), pixels.max(0)
    if low.min() >= 0 and high[0] <= width and high[1] <= height:
        return 1.0
    hull = cv2.convexHull(pixels.astype(np.float32))
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    shared, _ = cv2.intersectConvexConvex(hull, frame)
    return float(shared / max(cv2.contourArea(hull), 1e-6))


def render_scene(
    renderer: Renderer, seed: int, split: str, size_hw: tuple[int, int] | None = None
) -> Scene:
    """Draw the scene that belongs to a seed and a split; the same picture every time."""
    rng = np.random.default_rng([hash_name(split), seed])
    plan = plan_scene(rng, renderer.library, split, size_hw)
    varied = split == "train"
    rgb, owner, alone = renderer.draw(plan, soft=not varied or rng.random() < 0.75)
    return assemble(plan, photo.expose(rng, rgb, varied), owner, alone, split, seed)


def assemble(
    plan: Plan, rgb: np.ndarray, owner: np.ndarray, alone_px: np.ndarray, split: str, seed: int
) -> Scene:
    """Return the Scene of a drawn plan; objects hardly visible go to its hidden list.

    rgb (H, W, 3) uint8, owner (H, W) int16 and alone_px (objects,) as `Renderer.draw` returns them.
    """
    shown, hidden, order = [], [], []
    height, width = plan.camera.size_hw
    least_px = MIN_VISIBLE_PX * max(1.0, height * width / AREA_PX / 1.2)
    for k, item in enumerate(plan.objects):
        mask = owner == k
        points = item.points
        centre = (points.min(0) + points.max(0)) / 2
        area = float(mask.sum())
        fraction = area / max(float(alone_px[k]), 1.0) * _inside_fraction(points, plan.camera)
        found = SceneObject(
            item.kind.name,
            item.colour,
            mask_box_xyxy(mask),
            min(fraction, 1.0),
            area,
            float(np.linalg.norm(centre - plan.camera.position)),
            centre,
            float((points.max(0) - points.min(0)).max()),
        )
        visible = area >= least_px and fraction >= MIN_VISIBLE_FRACTION
        (shown if visible else hidden).append(found)
        order.append((visible, k))
    numbers = np.full(len(plan.objects) + 1, -1, np.int16)
    for place, (_, k) in enumerate(sorted(order, key=lambda e: (not e[0], e[1]))):
        numbers[k] = place
    pinhole = plan.camera.pinhole
    return Scene(rgb, tuple(shown), tuple(hidden), numbers[owner], split, seed, pinhole)
