"""Everything around the objects: table, room, clutter, paint, lights and camera of one picture."""

import math
from dataclasses import dataclass

import numpy as np

from groma_ros.sim.colours import METALS, OFF_WHITES, sample_accent_rgb, sample_rgb
from groma_ros.sim.library import all_shapes, shapes_by_kind
from groma_ros.sim.meshes import rotation_about
from groma_ros.sim.placing import Footprint, Placed, choose_names, footprints_overlap, place_objects
from groma_ros.sim.textures import texture_ids

ASPECTS = ((4 / 3, 0.5), (16 / 9, 0.14), (1.0, 0.12), (1.5, 0.14), (0.75, 0.1))
AREA_PX = 320 * 240


@dataclass(frozen=True)
class Geom:
    """One thing to draw: a part of a library shape, a plane or a block.

    form "part": shape and part index the library, transform (3, 3) includes the scale;
    "plane": size = half sides; "block": size = half sides. texture -1: none. owner: object index
    for the segmentation, -1 none.
    """

    form: str
    position: np.ndarray
    transform: np.ndarray
    rgba: tuple[float, float, float, float]
    shape: int = -1
    part: int = -1
    size: tuple[float, float, float] = (1.0, 1.0, 1.0)
    texture: int = -1
    repeat: tuple[float, float] = (1.0, 1.0)
    specular: float = 0.2
    shininess: float = 0.3
    reflectance: float = 0.0
    emission: float = 0.0
    owner: int = -1


@dataclass(frozen=True)
class Light:
    """One lamp; a directional one shines along direction, the other kind is a bulb at position."""

    position: np.ndarray
    direction: np.ndarray
    directional: bool
    ambient: np.ndarray
    diffuse: np.ndarray
    specular: np.ndarray
    shadow: bool


@dataclass(frozen=True)
class Camera:
    """A pinhole: position, viewing direction and up in the world, vertical field of view."""

    position: np.ndarray
    forward: np.ndarray
    up: np.ndarray
    fov_y_rad: float
    size_hw: tuple[int, int]

    @property
    def focal_px(self) -> float:
        """Return the focal length in pixels (square pixels, centred)."""
        return self.size_hw[0] / 2 / math.tan(self.fov_y_rad / 2)

    def project(self, points) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (N, 2) and depths (N,) metres of world points (N, 3)."""
        right = np.cross(self.forward, self.up)
        relative = np.asarray(points) - self.position
        depth = relative @ self.forward
        safe = np.maximum(depth, 1e-3)
        height, width = self.size_hw
        x = relative @ right / safe * self.focal_px + width / 2
        y = -(relative @ self.up) / safe * self.focal_px + height / 2
        return np.stack([x, y], 1), depth


@dataclass(frozen=True)
class Plan:
    """A complete scene before it is drawn."""

    objects: tuple[Placed, ...]
    geoms: tuple[Geom, ...]
    lights: tuple[Light, ...]
    camera: Camera
    shadow_span_m: float = 1.0


def plan_scene(rng, split: str, size_hw: tuple[int, int] | None = None) -> Plan:
    """Draw a random scene of a split; size_hw fixes the picture's size."""
    objects = place_objects(rng, split, choose_names(rng))
    size_hw = size_hw or _picture_size(rng)
    camera, objects = _choose_camera(rng, objects, size_hw)
    geoms = []
    for number, item in enumerate(objects):
        geoms += paint_object(rng, split, item, number)
    reach = max((float(np.abs(o.points[:, :2]).max()) for o in objects), default=0.2)
    geoms += _clutter(rng, split, objects, reach)
    geoms += _surroundings(rng, split, camera, reach)
    span = float(np.clip(reach * 1.3 + 0.1, 0.25, 2.0))
    return Plan(tuple(objects), tuple(geoms), tuple(_lights(rng, camera)), camera, span)


def _picture_size(rng) -> tuple[int, int]:
    aspect = ASPECTS[int(rng.choice(len(ASPECTS), p=[p for _, p in ASPECTS]))][0]
    area = AREA_PX * rng.uniform(0.85, 1.2)
    height = math.sqrt(area / aspect)
    return round(height / 4) * 4, round(height * aspect / 4) * 4


def look_at(position, target, roll_rad: float, fov_y_rad: float, size_hw) -> Camera:
    """Return the camera at position that looks at target, both (3,) metres."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    side = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, forward)
    up = up * math.cos(roll_rad) + side * math.sin(roll_rad)
    return Camera(np.asarray(position, float), forward, up, fov_y_rad, tuple(size_hw))


def _choose_camera(rng, objects: list[Placed], size_hw) -> tuple[Camera, list[Placed]]:
    """Return a camera and the objects that do not stand in its way."""
    height, width = size_hw
    fov_long = math.radians(rng.uniform(35, 75))
    fov_y = fov_long if height >= width else 2 * math.atan(math.tan(fov_long / 2) * height / width)
    half = math.tan(min(fov_y, 2 * math.atan(math.tan(fov_y / 2) * width / height)) / 2)
    elevation = math.radians(rng.choice([rng.uniform(7, 30), rng.uniform(25, 60), rng.uniform(55, 89)],
                                        p=[0.3, 0.47, 0.23]))
    azimuth = rng.uniform(0, 2 * math.pi)
    back = np.array([math.cos(azimuth) * math.cos(elevation),
                     math.sin(azimuth) * math.cos(elevation), math.sin(elevation)])
    centres = np.array([o.points.mean(0) for o in objects])
    mode = rng.random()
    if mode < 0.14:
        chosen = objects[int(rng.integers(len(objects)))]
        points = chosen.points
        target = (points.min(0) + points.max(0)) / 2
        radius = float(np.linalg.norm(points - target, axis=1).max())
        distance = radius / (half * rng.uniform(0.5, 1.05)) + 0.3 * radius
        target = target + rng.normal(0, 0.25 * radius, 3) * [1, 1, 0.5]
    else:
        target = centres.mean(0) + rng.normal(0, 0.03, 3) * [1, 1, 0.3]
        radius = float(np.quantile([np.abs(o.points - target).max() for o in objects], 0.9))
        radius = max(radius, 0.06)
        fill = rng.uniform(0.85, 1.5) if mode < 0.8 else rng.uniform(0.3, 0.85)
        distance = radius / (half * fill) + 0.2 * radius
        if mode >= 0.8:
            target = target + rng.normal(0, 0.35 * radius, 3) * [1, 1, 0.2]
    position = target + back * distance
    position[2] = max(position[2], 0.03)
    camera = look_at(position, target, math.radians(np.clip(rng.normal(0, 3), -8, 8)), fov_y, size_hw)
    clear = [o for o in objects if _is_clear(o, camera, 0.45 * distance)]
    return camera, clear or objects[:1]


def _is_clear(item: Placed, camera: Camera, nearest_m: float) -> bool:
    away = item.points - camera.position
    return bool(np.linalg.norm(away, axis=1).min() > nearest_m)


# ---------------------------------------------------------------- paint

def _material(rng) -> tuple[float, float]:
    """Return (specular, shininess): matt, satin or glossy."""
    kind = rng.random()
    if kind < 0.35:
        return 0.05, 0.05
    return (rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.5)) if kind < 0.7 else (
        rng.uniform(0.5, 0.95), rng.uniform(0.4, 1.0))


def paint_object(rng, split: str, item: Placed, owner: int) -> list[Geom]:
    """Return the drawn parts of an object in its colour, with accents on small parts only."""
    shape = all_shapes()[item.shape]
    base = sample_rgb(item.colour, rng)
    specular, shininess = _material(rng)
    paints = _role_paints(rng, item, base)
    prints = texture_ids(split)["print"]
    label_print = prints[int(rng.integers(len(prints)))]
    transform = item.rotation * item.scale
    out = []
    for number, (role, _) in enumerate(shape.parts):
        rgb, alpha = paints(role)
        metal = role == "metal"
        out.append(Geom(
            "part", item.position, transform, (*np.clip(rgb, 0, 1), alpha), item.shape, number,
            texture=label_print if role == "label" else -1,
            specular=0.8 if metal or role == "glass" else specular,
            shininess=0.6 if metal else shininess, owner=owner))
    return out


def _role_paints(rng, item: Placed, base):
    """Return a function role -> (rgb, alpha)."""
    accent = sample_accent_rgb(item.colour, rng)
    clear_bottle = item.kind == "bottle" and rng.random() < 0.3
    glass_alpha = rng.uniform(0.22, 0.42) + (0.12 if item.colour in ("white", "black") else 0.0)
    bottle_alpha = rng.uniform(0.4, 0.6)
    white_inside = rng.random() < 0.25 and item.kind == "cup"
    cap = [base, base * 0.75, np.full(3, 0.95), np.full(3, 0.08), accent][int(rng.integers(5))]
    pen_cap = [base, base * 1.15, base * 0.65, np.full(3, 0.1), np.full(3, 0.93)][int(rng.integers(5))]
    drink = [(0.2, 0.11, 0.05), (0.35, 0.2, 0.1), (0.55, 0.3, 0.1), (0.9, 0.87, 0.8),
             (0.1, 0.06, 0.04)][int(rng.integers(5))]
    metal = np.array(METALS[int(rng.integers(len(METALS)))]) * rng.uniform(0.85, 1.05)
    pages = np.array(OFF_WHITES[int(rng.integers(len(OFF_WHITES)))])
    label = np.full(3, 0.97) if item.colour != "white" or rng.random() < 0.5 else accent
    fixed = {
        "inside": (np.full(3, 0.95), 1.0) if white_inside else (base * rng.uniform(0.88, 1.0), 1.0),
        "accent": (accent, 1.0), "label": (label, 1.0), "cap": (cap, 1.0), "pen_cap": (pen_cap, 1.0),
        "drink": (np.array(drink), 1.0), "metal": (metal, 1.0), "pages": (pages, 1.0),
        "glass": (base, glass_alpha), "liquid": (base, 0.45),
        "tape": (np.clip(base * 0.8 + 0.16, 0, 1), 1.0),
        "stem": (np.array([0.3, 0.2, 0.1]), 1.0), "leaf": (np.array([0.25, 0.5, 0.15]), 1.0),
        "stalk": (base * 0.8 + np.array([0.03, 0.05, 0.0]), 1.0),
        "dark": (np.array([0.15, 0.1, 0.06]), 1.0),
        "food": (np.array([0.75, 0.65, 0.45]) * rng.uniform(0.6, 1.2), 1.0),
    }
    body = (base, bottle_alpha if clear_bottle else 1.0)
    return lambda role: fixed.get(role, body)


# ---------------------------------------------------------------- clutter and room

def _clutter(rng, split: str, objects, reach: float) -> list[Geom]:
    """Return the parts of 1 to 4 nameless things in about a third of the scenes."""
    if rng.random() > 0.36:
        return []
    taken = [_footprint(o.points) for o in objects]
    library = shapes_by_kind(split)
    names = [n for n in library if n in _CLUTTER_PAINTS]
    out = []
    for _ in range(int(rng.integers(1, 5))):
        name = names[int(rng.integers(len(names)))]
        index = library[name][int(rng.integers(len(library[name])))]
        scale = np.full(3, rng.uniform(0.8, 1.2))
        turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
        points = all_shapes()[index].vertices * scale @ turn.T
        for _ in range(12):
            wide = 0.08 + reach * (1.6 if name == "laptop" else 1.15)
            spot = np.array([*rng.uniform(-wide, wide, 2), 0.0])
            mark = _footprint(points + spot)
            if not any(footprints_overlap(mark, other) for other in taken):
                taken.append(mark)
                out += _paint_clutter(rng, split, index, spot, turn * scale)
                break
    return out


def _footprint(points) -> Footprint:
    low, high = points.min(0), points.max(0)
    x, y = (low + high)[:2] / 2
    return Footprint(x, y, (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, 0.0)


_CLUTTER_PAINTS = {"spoon", "fork", "cable", "phone", "laptop", "stone", "paper", "board", "plant",
                   "ring"}


def _paint_clutter(rng, split, index, spot, transform) -> list[Geom]:
    grey = rng.uniform(0.05, 0.9)
    wood = np.array([0.7, 0.52, 0.34]) * rng.uniform(0.6, 1.2)
    metal = np.array(METALS[int(rng.integers(len(METALS)))])
    textures = texture_ids(split)
    sheets = textures["print"] + textures["cloth"] + textures["blotches"] + textures["plain"]
    paints = {
        "utensil": metal if rng.random() < 0.75 else wood, "cable": np.full(3, grey),
        "shell": np.full(3, rng.choice([0.1, 0.3, 0.75])), "screen": np.full(3, 0.05),
        "stone": np.full(3, grey) if rng.random() < 0.6 else wood * 0.8,
        "sheet": np.full(3, rng.uniform(0.75, 1.0)), "wood": wood,
        "leaf": np.array([0.2, 0.4, 0.15]) * rng.uniform(0.6, 1.4), "twig": wood * 0.5,
        "ring": np.full(3, grey),
    }
    out = []
    for number, (role, _) in enumerate(all_shapes()[index].parts):
        texture = -1
        if role == "sheet" and rng.random() < 0.6:
            texture = sheets[int(rng.integers(len(sheets)))]
        if role == "wood":
            texture = textures["wood"][int(rng.integers(len(textures["wood"])))]
        bright = role == "screen" and rng.random() < 0.3
        rgb = rng.uniform(0.5, 0.9) * np.array([0.9, 0.96, 1.0]) if bright else paints[role]
        shine = 0.8 if role in ("utensil", "screen") else 0.2
        out.append(Geom("part", spot, transform, (*np.clip(rgb, 0, 1), 1.0), index, number,
                        texture=texture, specular=shine, shininess=0.5, emission=0.4 * bright))
    return out


def _tint(rng) -> np.ndarray:
    """Return what a surface texture is multiplied with: mostly light, sometimes dark or coloured."""
    choice = rng.random()
    if choice < 0.6:
        return np.full(3, rng.uniform(0.75, 1.0)) + rng.uniform(-0.04, 0.04, 3)
    if choice < 0.88:
        return np.full(3, rng.uniform(0.3, 0.7))
    return rng.uniform(0.5, 1.0, 3)


def _surface(rng, split: str, groups) -> tuple[int, np.ndarray]:
    """Return (texture, tint) of a table, floor or wall."""
    textures = texture_ids(split)
    if rng.random() < 0.14:
        white = rng.uniform(0.8, 0.95) if rng.random() < 0.6 else rng.uniform(0.05, 0.2)
        return -1, np.full(3, white)
    group = groups[int(rng.integers(len(groups)))]
    return textures[group][int(rng.integers(len(textures[group])))], np.clip(_tint(rng), 0, 1)


_TABLE_GROUPS = ("wood", "wood", "wood", "marble", "tiles", "checker", "cloth", "speckle", "speckle",
                 "stripes", "plain", "plain", "blotches")
_WALL_GROUPS = ("plain", "plain", "speckle", "tiles", "stripes", "room", "room", "wood", "blotches")


def _plane(rng, split, groups, position, transform, size, period_m, reflect=0.0) -> Geom:
    texture, tint = _surface(rng, split, groups)
    repeat = (2 * size[0] / period_m, 2 * size[1] / period_m)
    shine = rng.uniform(0, 0.35)
    return Geom("plane", np.asarray(position, float), transform, (*tint, 1.0), size=(*size, 1.0),
                texture=texture, repeat=repeat, specular=shine, shininess=rng.uniform(0.1, 0.8),
                reflectance=reflect)


def _surroundings(rng, split: str, camera: Camera, reach: float) -> list[Geom]:
    """Return the table top or ground, the floor below, walls and pictures on them."""
    out = []
    turn = rotation_about("z", rng.uniform(0, 2 * np.pi))
    reflect = rng.uniform(0.05, 0.25) if rng.random() < 0.12 else 0.0
    period = rng.uniform(0.25, 1.2)
    table = rng.random() < 0.68
    floor_z = 0.0
    if table:
        half = reach * rng.uniform(1.0, 1.3, 2) + rng.uniform(0.05, 0.7, 2)
        top = _plane(rng, split, _TABLE_GROUPS, (0, 0, 0), turn, tuple(half), period, reflect)
        thick = rng.uniform(0.015, 0.06)
        side = np.clip(np.array(top.rgba[:3]) * rng.uniform(0.3, 0.8), 0, 1)
        out += [top, Geom("block", np.array([0, 0, -thick / 2 - 0.001]), turn, (*side, 1.0),
                          size=(*half, thick / 2))]
        floor_z = -rng.uniform(0.35, 0.9)
    groups = _TABLE_GROUPS
    far = float(np.linalg.norm(camera.position[:2])) + rng.uniform(0.3, 2.5)
    far = max(far, reach + 0.25)
    out.append(_plane(rng, split, groups, (0, 0, floor_z), turn, (1.5 * far, 1.5 * far),
                      rng.uniform(0.4, 1.8) if table else period, 0.0 if table else reflect))
    heading = rng.uniform(0, 2 * np.pi)
    high = rng.uniform(2.0, 3.0)
    texture_period = rng.uniform(0.6, 3.0)
    wall = _plane(rng, split, _WALL_GROUPS, (0, 0, 0), turn, (far, high), texture_period)
    if rng.random() < 0.15:
        wall = _open_air(rng, (far, high))
    for k in range(4):
        out += _wall(rng, split, wall, heading + k * np.pi / 2, far, floor_z + high - 0.01, (far, high))
    return out


def _open_air(rng, size) -> Geom:
    """Return an even, glowing wall: the empty background of a studio or a simulator."""
    grey = rng.uniform(0.2, 1.0)
    tint = [1.0, 1.0, 1.0] if rng.random() < 0.5 else [0.6, 0.78, 1.0]
    return Geom("plane", np.zeros(3), np.eye(3), (*(grey * np.array(tint)), 1.0), size=(*size, 1.0),
                emission=0.6)


def _wall(rng, split, look: Geom, heading, far, middle_z, size) -> list[Geom]:
    """Return one wall that faces the origin and perhaps a picture on it."""
    inward = np.array([-math.cos(heading), -math.sin(heading), 0.0])
    across = np.array([-math.sin(heading), math.cos(heading), 0.0])
    frame = np.stack([across, np.cross(inward, across), inward], 1)
    centre = -inward * far + [0, 0, middle_z]
    out = [Geom("plane", centre, frame, look.rgba, size=(*size, 1.0), texture=look.texture,
                repeat=look.repeat, specular=0.05, shininess=0.1, emission=look.emission)]
    if look.emission == 0 and rng.random() < 0.3:
        wide, tall = rng.uniform(0.1, 0.35, 2) * min(far, 1.5)
        place = centre + inward * 0.012 + across * rng.uniform(-0.5, 0.5) * far
        place[2] = rng.uniform(0.1, 0.9)
        textures = texture_ids(split)
        group = textures[("blotches", "room", "stripes", "print")[int(rng.integers(4))]]
        border = np.full(3, rng.choice([0.08, 0.9, 0.4]))
        out.append(Geom("plane", place, frame, (*border, 1.0), size=(wide * 1.08, tall * 1.08, 1.0)))
        out.append(Geom("plane", place + inward * 0.006, frame, (0.95, 0.95, 0.95, 1.0),
                        size=(wide, tall, 1.0), texture=group[int(rng.integers(len(group)))]))
    return out


# ---------------------------------------------------------------- light

def _white(rng, spread: float) -> np.ndarray:
    """Return a light colour between warm and cool, mean 1."""
    warm = rng.uniform(-spread, spread)
    colour = np.array([1 + warm, 1 + 0.15 * warm, 1 - warm])
    return colour / colour.mean()


def _lights(rng, camera: Camera) -> list[Light]:
    """Return 2 to 4 lights: an even one, a key light (often with shadow) and fill lights."""
    ambient = rng.uniform(0.32, 0.58)
    key = rng.uniform(0.4, 0.75)
    fills = int(rng.choice(3, p=[0.35, 0.45, 0.2]))
    fill = rng.uniform(0.08, 0.28, fills)
    total = ambient + 0.8 * key + 0.5 * float(fill.sum())
    gain = rng.uniform(0.82, 1.06) / total
    dark = np.zeros(3)
    even = Light(camera.position, camera.forward, True, _white(rng, 0.05) * ambient * gain,
                 _white(rng, 0.05) * (0.2 * gain if rng.random() < 0.5 else 0.02), dark, False)
    out = [even]
    for power in (key, *fill):
        first = len(out) == 1
        elevation = math.radians(rng.uniform(35, 85) if first else rng.uniform(15, 80))
        azimuth = rng.uniform(0, 2 * math.pi)
        toward = np.array([math.cos(azimuth) * math.cos(elevation),
                           math.sin(azimuth) * math.cos(elevation), math.sin(elevation)])
        directional = rng.random() < 0.7
        colour = _white(rng, 0.07) * power * gain
        out.append(Light(toward * (2.0 if directional else rng.uniform(1.2, 2.2)), -toward, directional,
                         dark, colour, colour * rng.uniform(0.3, 1.0), first and rng.random() < 0.5))
    return out
