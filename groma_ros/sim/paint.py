"""Give every part of an object or of the clutter its paint, texture and gloss.

Roles of an object's parts: "body" has the object's colour; the others are listed in `_role_paints`.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.colours import METALS, OFF_WHITES, sample_accent_rgb, sample_rgb
from groma_ros.sim.library import NAMELESS, Shape
from groma_ros.sim.placing import Placed
from groma_ros.sim.scene import COLOURS
from groma_ros.sim.textures import texture_ids
from groma_ros.sim.world import Geom

DRINKS = (
    (0.2, 0.11, 0.05),
    (0.35, 0.2, 0.1),
    (0.55, 0.3, 0.1),
    (0.9, 0.87, 0.8),
    (0.1, 0.06, 0.04),
)
"""Coffee, tea and milk: linear RGB."""


_FIXED = {
    "steel": (np.array([0.62, 0.62, 0.64]), 1.0),
    "wood": (np.array([0.72, 0.54, 0.33]), 1.0),
    "rubber": (np.array([0.07, 0.07, 0.075]), 1.0),
    "screen": (np.array([0.03, 0.03, 0.04]), 1.0),
    "lit_screen": (np.array([0.62, 0.72, 0.85]), 1.0),
    "keys": (np.array([0.2, 0.2, 0.21]), 1.0),
    "pale": (np.array([0.93, 0.92, 0.89]), 1.0),
    "graphite": (np.array([0.13, 0.13, 0.14]), 1.0),
    "eraser": (np.array([0.88, 0.52, 0.52]), 1.0),
    "dough": (np.array([0.84, 0.6, 0.33]), 1.0),
    "green": (np.array([0.2, 0.42, 0.13]), 1.0),
    "earth": (np.array([0.22, 0.15, 0.1]), 1.0),
    "card": (np.array([0.66, 0.52, 0.36]), 1.0),
    "grey": (np.array([0.42, 0.42, 0.43]), 1.0),
    "red_mark": (np.array([0.75, 0.08, 0.07]), 1.0),
    "sausage": (np.array([0.62, 0.13, 0.08]), 1.0),
    "eye": (np.array([0.04, 0.03, 0.03]), 1.0),
}
"""(linear RGB, alpha) of the parts that have the same paint whatever colour the object has."""


def _bare_metal(rng: Generator) -> np.ndarray:
    """Return the paint (3,) of an object without a colour word: bare metal."""
    return np.array(METALS[int(rng.integers(len(METALS)))]) * rng.uniform(0.8, 1.05)


def _choose_gloss(rng: Generator) -> tuple[float, float]:
    """Return (specular, shininess): matt, satin or glossy."""
    kind = rng.random()
    if kind < 0.35:
        return 0.05, 0.05
    if kind < 0.7:
        return rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.5)
    return rng.uniform(0.5, 0.95), rng.uniform(0.4, 1.0)


def paint_object(rng: Generator, split: str, item: Placed, owner: int) -> list[Geom]:
    """Return the drawn parts of an object in its colour, with accents on small parts only."""
    if item.shape.scan:
        return [_paint_scan(rng, item, owner)]
    varied = split == "train"
    bare = not item.colour
    base = _bare_metal(rng) if bare else sample_rgb(item.colour, rng, varied)
    specular, shininess = _choose_gloss(rng)
    paints = _role_paints(rng, item, base)
    grains = texture_ids(split)["grain"] if varied and rng.random() < 0.15 else ()
    grain = grains[int(rng.integers(len(grains)))] if grains else -1
    prints = texture_ids(split)["print"]
    label_print = prints[int(rng.integers(len(prints)))]
    transform = item.rotation * item.scale
    out = []
    for number, (role, _) in enumerate(item.shape.parts):
        rgb, alpha = paints[role]
        metal = role in ("metal", "steel") or (bare and role == "body")
        out.append(
            Geom(
                "part",
                item.position,
                transform,
                (*np.clip(rgb, 0, 1), alpha),
                item.shape,
                number,
                texture=label_print if role == "label" else grain if role == "body" else -1,
                specular=0.8 if metal or role == "glass" else specular,
                shininess=0.6 if metal else shininess,
                owner=owner,
            )
        )
    return out


def _paint_scan(rng: Generator, item: Placed, owner: int) -> Geom:
    """Return a scanned thing, whose texture the renderer knows."""
    specular, shininess = _choose_gloss(rng)
    return Geom(
        "part",
        item.position,
        item.rotation * item.scale,
        (1.0, 1.0, 1.0, 1.0),
        item.shape,
        0,
        specular=specular / 2,
        shininess=shininess,
        owner=owner,
    )


def _role_paints(
    rng: Generator, item: Placed, base: np.ndarray
) -> dict[str, tuple[np.ndarray, float]]:
    """Return (linear RGB (3,), alpha) by role; base (3,) is the paint of the body."""
    accent = sample_accent_rgb(item.colour, rng)
    see_through = item.kind.see_through_share > 0 and rng.random() < item.kind.see_through_share
    glass_alpha = rng.uniform(0.22, 0.42) + (0.12 if item.colour in ("white", "black") else 0.0)
    clear_alpha = rng.uniform(0.4, 0.6)
    pale_inside = rng.random() < item.kind.pale_inside_share
    cap = [base, base * 0.75, np.full(3, 0.95), np.full(3, 0.08), accent][int(rng.integers(5))]
    pen_cap = [base, base * 1.15, base * 0.65, np.full(3, 0.1), np.full(3, 0.93)][
        int(rng.integers(5))
    ]
    drink = DRINKS[int(rng.integers(len(DRINKS)))]
    metal = np.array(METALS[int(rng.integers(len(METALS)))]) * rng.uniform(0.85, 1.05)
    pages = np.array(OFF_WHITES[int(rng.integers(len(OFF_WHITES)))])
    label = np.full(3, 0.97) if item.colour != "white" or rng.random() < 0.5 else accent
    return {
        "body": (base, clear_alpha if see_through else 1.0),
        "inside": (np.full(3, 0.95), 1.0) if pale_inside else (base * rng.uniform(0.88, 1.0), 1.0),
        "accent": (accent, 1.0),
        "label": (label, 1.0),
        "cap": (cap, 1.0),
        "pen_cap": (pen_cap, 1.0),
        "drink": (np.array(drink), 1.0),
        "metal": (metal, 1.0),
        "pages": (pages, 1.0),
        "glass": (base, glass_alpha),
        "liquid": (base, 0.45),
        "tape": (np.clip(base * 0.8 + 0.16, 0, 1), 1.0),
        "stem": (np.array([0.3, 0.2, 0.1]), 1.0),
        "leaf": (np.array([0.25, 0.5, 0.15]), 1.0),
        "stalk": (base * 0.8 + np.array([0.03, 0.05, 0.0]), 1.0),
        "dark": (np.array([0.15, 0.1, 0.06]), 1.0),
        **_FIXED,
        "pale_body": (np.clip(base * 0.7 + 0.28, 0, 1), 1.0),
        "food": (np.array([0.75, 0.65, 0.45]) * rng.uniform(0.6, 1.2), 1.0),
    }


def paint_clutter(
    rng: Generator, split: str, shape: Shape, position: np.ndarray, transform: np.ndarray
) -> list[Geom]:
    """Return the drawn parts of a thing that lies about, in colours that no object has.

    position (3,) metres; transform (3, 3): rotation and scale.
    """
    grey = rng.uniform(0.05, 0.9)
    wood = np.array([0.7, 0.52, 0.34]) * rng.uniform(0.6, 1.2)
    metal = np.array(METALS[int(rng.integers(len(METALS)))])
    textures = texture_ids(split)
    if shape.name == NAMELESS:
        return _paint_nameless(rng, textures["grain"], shape, position, transform)
    sheets = textures["print"] + textures["cloth"] + textures["blotches"] + textures["plain"]
    paints = {
        "utensil": metal if rng.random() < 0.75 else wood,
        "cable": np.full(3, grey),
        "shell": np.full(3, rng.choice([0.1, 0.3, 0.75])),
        "screen": np.full(3, 0.05),
        "stone": np.full(3, grey) if rng.random() < 0.6 else wood * 0.8,
        "sheet": np.full(3, rng.uniform(0.75, 1.0)),
        "wood": wood,
        "leaf": np.array([0.2, 0.4, 0.15]) * rng.uniform(0.6, 1.4),
        "twig": wood * 0.5,
        "ring": np.full(3, grey),
    }
    out = []
    for number, (role, _) in enumerate(shape.parts):
        texture = -1
        if role == "sheet" and rng.random() < 0.6:
            texture = sheets[int(rng.integers(len(sheets)))]
        if role == "wood":
            texture = textures["wood"][int(rng.integers(len(textures["wood"])))]
        bright = role == "screen" and rng.random() < 0.3
        rgb = rng.uniform(0.5, 0.9) * np.array([0.9, 0.96, 1.0]) if bright else paints[role]
        shine = 0.8 if role in ("utensil", "screen") else 0.2
        out.append(
            Geom(
                "part",
                position,
                transform,
                (*np.clip(rgb, 0, 1), 1.0),
                shape,
                number,
                texture=texture,
                specular=shine,
                shininess=0.5,
                emission=0.4 * bright,
            )
        )
    return out


def _paint_nameless(
    rng: Generator,
    grains: tuple[int, ...],
    shape: Shape,
    position: np.ndarray,
    transform: np.ndarray,
) -> list[Geom]:
    """Return a thing without a name in any colour at all, one of the ten or none."""
    rgb = (
        sample_rgb(str(rng.choice(COLOURS)), rng, varied=True)
        if rng.random() < 0.6
        else rng.random(3)
    )
    texture = grains[int(rng.integers(len(grains)))] if rng.random() < 0.2 else -1
    specular, shininess = _choose_gloss(rng)
    return [
        Geom(
            "part",
            position,
            transform,
            (*rgb, 1.0),
            shape,
            number,
            texture=texture,
            specular=specular,
            shininess=shininess,
        )
        for number in range(len(shape.parts))
    ]
