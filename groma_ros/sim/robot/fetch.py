"""The simulated robot: physics, cameras, and a gripper that goes where it is told.

The robot is the Fetch of gymnasium-robotics (MIT), whose model that package installs. As in its
environments the gripper hangs on a weld that is moved; the arm follows. The base stands still, the
table's top is at `TABLE_TOP`. The frame "world" has z up and x from the robot to the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from groma_ros.sim.colours import sample_rgb
from groma_ros.sim.robot.table import TableThing
from groma_ros.sim.shapes.meshes import unshared
from groma_ros.sim.world import Camera, look_at

TABLE_TOP = np.array([1.3, 0.75, 0.4])
"""The middle of the table's top in the world."""
HOME = np.array([1.0, 0.30, 0.80])
"""Where the gripper waits, out of the camera's view."""
DOWN = np.array([1.0, 0.0, 1.0, 0.0]) / np.sqrt(2)
"""Quaternion (w, x, y, z) of the gripper pointing down, its fingers apart along y."""
GRIP_BELOW_LINK = 0.02
MOST_OPENING_M = 0.1
SPEED_M_S, TURN_RAD_S = 0.25, 1.5
SETTLE_S = 0.4
FINGER_SPEED_M_S, SQUEEZE_M = 0.06, 0.005
"""How fast the fingers close, and how much further than a thing lets them: about 75 N."""
IMAGE_HW = (480, 640)
SECTORS, BANDS = 12, 4
"""Of a hollow thing's wall, as collision shapes: convex pieces about its axis."""
HOLLOW = ("bowl",)
NOT_SOLID = ("drink", "label", "food", "inside", "tape", "accent")
NEAR_M, FAR_M = 0.05, 8.0


class RobotUnavailable(RuntimeError):
    """Say in one line what is missing to simulate the robot."""


@dataclass(frozen=True)
class Reached:
    """Say how a motion ended: where the grip is (3,), how far the fingers are apart, in metres."""

    grip: np.ndarray
    opening_m: float


def _import_mujoco() -> Any:
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        import mujoco
    except ImportError as error:
        raise RobotUnavailable(f"the robot needs MuJoCo ({error}): pip install '.[sim]'") from error
    return mujoco


def fetch_model() -> Path:
    """Return the file of the robot's model; raise RobotUnavailable where it is not installed."""
    spec = find_spec("gymnasium_robotics")
    if spec is None or not spec.submodule_search_locations:
        raise RobotUnavailable("the robot's model is not installed: pip install '.[sim]'")
    return Path(spec.submodule_search_locations[0]) / "envs/assets/fetch/pick_and_place.xml"


class FetchTable:
    """Hold the robot at its table: step, move, look.

    time_s   simulated seconds
    camera   the fixed camera
    """

    def __init__(self, things: Sequence[TableThing], seed: int = 0) -> None:
        """Build the model of a laid table; raise RobotUnavailable where a package is missing."""
        self._mujoco = mujoco = _import_mujoco()
        self.things = tuple(things)
        self.camera = look_at(
            TABLE_TOP + [0.06, 0.76, 0.66], TABLE_TOP + [0.08, 0.03, 0.0], 0.0, 0.66, IMAGE_HW
        )
        spec = mujoco.MjSpec.from_file(str(fetch_model()))
        self._furnish(spec, np.random.default_rng(seed))
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._renderer: Any = None
        self._place_robot()

    # Building

    def _furnish(self, spec: Any, rng: np.random.Generator) -> None:
        mujoco = self._mujoco
        spec.delete(spec.body("object0"))
        spec.delete(spec.site("target0"))
        for geom in spec.body("robot0:mocap").geoms:
            geom.rgba[3] = 0.0
        spec.visual.global_.offheight, spec.visual.global_.offwidth = IMAGE_HW
        spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M
        spec.stat.extent = 1.0
        for texture in list(spec.textures):
            if texture.name == "":
                texture.rgb1, texture.rgb2 = [0.62, 0.64, 0.66], [0.78, 0.79, 0.8]
        spec.material("table_mat").rgba = [0.55, 0.43, 0.32, 1.0]
        sun = spec.light("light0")
        sun.ambient, sun.diffuse = [0.45, 0.45, 0.45], [0.5, 0.5, 0.5]
        lamp = spec.worldbody.add_light()
        lamp.pos, lamp.dir = [0.9, 0.2, 2.4], [0.2, 0.3, -1.0]
        lamp.diffuse, lamp.castshadow = [0.5, 0.5, 0.48], True
        onlooker = look_at([2.25, 1.75, 1.35], TABLE_TOP + [-0.2, -0.05, 0.1], 0.0, 0.75, IMAGE_HW)
        for name, camera in (("fixed", self.camera), ("watching", onlooker)):
            eye = spec.worldbody.add_camera()
            eye.name, eye.pos, eye.fovy = name, camera.position, np.degrees(camera.fov_y_rad)
            eye.quat = _camera_quaternion(mujoco, camera)
        for number, thing in enumerate(self.things):
            self._add_thing(spec, rng, number, thing)

    def _add_thing(
        self, spec: Any, rng: np.random.Generator, number: int, thing: TableThing
    ) -> None:
        mujoco = self._mujoco
        body = spec.worldbody.add_body()
        body.name, body.pos = f"thing{number}", TABLE_TOP + thing.position + [0, 0, 0.001]
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, thing.turn.reshape(9))
        body.quat = quaternion
        body.add_freejoint()
        base = sample_rgb(thing.colour, rng, False)
        for part, (role, mesh) in enumerate(thing.shape.parts):
            mesh = unshared(mesh) if mesh.flat else mesh
            self._add_mesh(spec, f"{number}_{part}", mesh.vertices * thing.scale, mesh.faces)
            seen = body.add_geom()
            seen.type, seen.meshname = mujoco.mjtGeom.mjGEOM_MESH, f"{number}_{part}"
            seen.contype = seen.conaffinity = 0
            seen.mass, seen.rgba = 0.0, [*_part_rgb(role, base), 1.0]
            if role in NOT_SOLID:
                continue
            for piece, points in enumerate(_convex_pieces(thing, mesh.vertices * thing.scale)):
                name = f"{number}_{part}_{piece}"
                self._add_mesh(spec, name, points, None)
                solid = body.add_geom()
                solid.type, solid.meshname, solid.group = mujoco.mjtGeom.mjGEOM_MESH, name, 3
                solid.condim, solid.friction = 6, [1.2, 0.02, 0.002]
                solid.solref, solid.density = [0.01, 1.0], 300.0

    def _add_mesh(self, spec: Any, name: str, vertices: np.ndarray, faces: Any) -> None:
        item = spec.add_mesh()
        item.name, item.uservert = name, np.ascontiguousarray(vertices, float).reshape(-1)
        if faces is None:
            item.maxhullvert = 64
        else:
            item.userface = faces.reshape(-1)
            item.inertia = self._mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL

    def _place_robot(self) -> None:
        mujoco, model, data = self._mujoco, self._model, self._data
        for joint, value in (("slide0", 0.4049), ("slide1", 0.48), ("slide2", 0.0)):
            data.qpos[model.joint(f"robot0:{joint}").qposadr[0]] = value
        weld = next(i for i in range(model.neq) if model.eq_type[i] == mujoco.mjtEq.mjEQ_WELD)
        model.eq_data[weld, :] = 0.0
        model.eq_data[weld, 3:10] = [0, 0, 0, 1, 0, 0, 0]
        model.eq_data[weld, 10] = 1.0
        mujoco.mj_forward(model, data)
        self._target, self._yaw = self.grip.copy(), 0.0
        self._opening = MOST_OPENING_M
        self.move(np.array([1.2, 0.6, 0.75]))
        self.move(HOME)

    # Moving

    @property
    def time_s(self) -> float:
        """Return the simulated time."""
        return float(self._data.time)

    @property
    def grip(self) -> np.ndarray:
        """Return where the fingers grip (3,), in the world."""
        return self._data.site("robot0:grip").xpos.copy()

    @property
    def opening_m(self) -> float:
        """Return how far the fingers are apart."""
        joints = ("robot0:l_gripper_finger_joint", "robot0:r_gripper_finger_joint")
        return float(sum(self._data.joint(name).qpos[0] for name in joints))

    def move(
        self,
        grip: np.ndarray,
        yaw_rad: float | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> Reached:
        """Move the grip along a line to a point (3,) of the world, turned about the vertical.

        Yaw 0 has the fingers apart along y. `on_step` is called after every step of physics.
        """
        yaw_rad = self._yaw if yaw_rad is None else yaw_rad
        start, turned = self._target, self._yaw
        way = np.asarray(grip, float) - start
        seconds = max(np.linalg.norm(way) / SPEED_M_S, abs(yaw_rad - turned) / TURN_RAD_S, 1e-3)
        steps = int(np.ceil(seconds / self._model.opt.timestep))
        for step in range(1, steps + 1):
            share = step / steps
            self._step(start + share * way, turned + share * (yaw_rad - turned), on_step)
        self._settle(SETTLE_S, on_step)
        return Reached(self.grip, self.opening_m)

    def open_to(self, opening_m: float, on_step: Callable[[], None] | None = None) -> Reached:
        """Open or close the fingers to a distance; a thing between them stops them earlier."""
        wanted = float(np.clip(opening_m, 0.0, MOST_OPENING_M))
        step_m = FINGER_SPEED_M_S * self._model.opt.timestep
        while abs(self._opening - wanted) > step_m:
            if wanted < self._opening and self.opening_m - self._opening > SQUEEZE_M:
                break  # something is between them
            self._opening += float(np.clip(wanted - self._opening, -step_m, step_m))
            self._step(self._target, self._yaw, on_step)
        self._settle(SETTLE_S, on_step)
        return Reached(self.grip, self.opening_m)

    def _settle(self, seconds: float, on_step: Callable[[], None] | None) -> None:
        for _ in range(int(seconds / self._model.opt.timestep)):
            self._step(self._target, self._yaw, on_step)

    def _step(
        self, grip: np.ndarray, yaw_rad: float, on_step: Callable[[], None] | None = None
    ) -> None:
        mujoco, data = self._mujoco, self._data
        self._target, self._yaw = grip, yaw_rad
        turn, pointing = np.zeros(4), np.zeros(4)
        mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0.0, 1.0]), yaw_rad)
        mujoco.mju_mulQuat(pointing, turn, DOWN)
        data.mocap_pos[0] = grip + [0, 0, GRIP_BELOW_LINK]
        data.mocap_quat[0] = pointing
        data.ctrl[:] = self._opening / 2
        mujoco.mj_step(self._model, data)
        if on_step is not None:
            on_step()

    # Looking

    def draw(self, camera: str = "fixed") -> tuple[np.ndarray, np.ndarray]:
        """Return what a camera sees: (H, W, 3) uint8 RGB, (H, W) float32 metres along its axis."""
        if self._renderer is None:
            self._renderer = self._mujoco.Renderer(self._model, *IMAGE_HW)
        renderer = self._renderer
        renderer.update_scene(self._data, camera)
        rgb = renderer.render().copy()
        renderer.enable_depth_rendering()
        renderer.update_scene(self._data, camera)
        depth_m = renderer.render().copy()
        renderer.disable_depth_rendering()
        return rgb, depth_m.astype(np.float32)

    def camera_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the fixed camera's optical frame in the world: position (3,), (x, y, z, w)."""
        camera, quaternion = self.camera, np.zeros(4)
        axes = np.stack([np.cross(camera.forward, camera.up), -camera.up, camera.forward], axis=1)
        self._mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(axes).reshape(9))
        return camera.position, np.roll(quaternion, -1)

    def joints(self) -> tuple[list[str], list[float]]:
        """Return the names and positions of the robot's joints."""
        model = self._model
        names = [model.joint(n).name for n in range(model.njnt)]
        mine = [name for name in names if name.startswith("robot0:")]
        return [n.removeprefix("robot0:") for n in mine], [
            float(self._data.joint(name).qpos[0]) for name in mine
        ]

    # Truth, for the judge alone

    def position_of(self, number: int) -> np.ndarray:
        """Return where a thing's origin is (3,), in the world."""
        return self._data.body(f"thing{number}").xpos.copy()

    def is_touched_by_both_fingers(self, number: int) -> bool:
        """Return whether both fingers touch a thing."""
        model, data = self._model, self._data
        body = model.body(f"thing{number}").id
        fingers = {model.geom(f"robot0:{side}_gripper_finger_link").id: side for side in ("l", "r")}
        touched = set()
        for contact in data.contact[: data.ncon]:
            for one, other in (contact.geom, contact.geom[::-1]):
                if one in fingers and model.geom_bodyid[other] == body:
                    touched.add(fingers[one])
        return len(touched) == 2

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer is not None:
            self._renderer.close()


def _camera_quaternion(mujoco: Any, camera: Camera) -> np.ndarray:
    """Return the quaternion of MuJoCo's camera, which looks along -z with y up."""
    axes = np.stack([np.cross(camera.forward, camera.up), camera.up, -camera.forward], axis=1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(axes).reshape(9))
    return quaternion


def _part_rgb(role: str, base: np.ndarray) -> np.ndarray:
    """Return the colour of a part: accents of other materials, else the thing's own."""
    accents = {
        "drink": (0.25, 0.14, 0.06),
        "stem": (0.3, 0.2, 0.1),
        "metal": (0.75, 0.75, 0.77),
        "steel": (0.75, 0.75, 0.77),
        "label": (0.92, 0.9, 0.86),
        "pages": (0.93, 0.92, 0.88),
        "tip": (0.1, 0.1, 0.1),
        "leaf": (0.2, 0.5, 0.15),
    }
    return np.clip(np.array(accents.get(role, base)), 0, 1)


def _convex_pieces(thing: TableThing, vertices: np.ndarray) -> list[np.ndarray]:
    """Return the points (n, 3) of convex pieces that a part's solid consists of."""
    if thing.kind.name not in HOLLOW:
        return [vertices]
    angle = np.arctan2(vertices[:, 1], vertices[:, 0])
    sector = ((angle + np.pi) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    low, high = vertices[:, 2].min(), vertices[:, 2].max() + 1e-9
    band = ((vertices[:, 2] - low) / (high - low) * BANDS).astype(int)
    pieces = []
    for s in range(SECTORS):
        mine = (sector == s) | (sector == (s + 1) % SECTORS)
        for b in range(BANDS):
            points = vertices[mine & ((band == b) | (band == b + 1))]
            if len(points) >= 4 and np.linalg.matrix_rank(points - points.mean(0), tol=1e-4) == 3:
                pieces.append(points)
    return pieces or [vertices]
