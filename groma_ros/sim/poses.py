"""Draw how a thing lies or stands before it is turned about the vertical.

Every pose is a (3, 3) rotation of the shape's own frame (z up, standing) into the world.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from groma_ros.sim.shapes.meshes import rotation_about


def upright(rng: Generator) -> np.ndarray:
    """Return the identity: the thing stands as it was made."""
    return np.eye(3)


def on_its_side(rng: Generator) -> np.ndarray:
    """Return the pose of a fallen cylinder; it points either way."""
    side = rotation_about("z", rng.uniform(-0.9, 0.9) + (np.pi if rng.random() < 0.5 else 0))
    return rotation_about("y", np.pi / 2) @ side


def on_its_handle(rng: Generator) -> np.ndarray:
    """Return the pose of a fallen cup, whose handle keeps it from rolling."""
    (
        rng.uniform(-0.9, 0.9),
        rng.random(),
    )  # the draws of `on_its_side`, so that seeds keep their scenes
    return rotation_about("x", np.pi / 2) @ rotation_about("z", rng.uniform(-0.7, 0.7))


def on_another_face(rng: Generator) -> np.ndarray:
    """Return a quarter turn about x or y, which puts a box onto another of its faces."""
    return rotation_about("xy"[int(rng.integers(2))], np.pi / 2)


def book(rng: Generator) -> np.ndarray:
    """Return a standing book, one on its face, or mostly one on its back."""
    if rng.random() < 0.2:
        return rotation_about("x", np.pi / 2) @ rotation_about("y", np.pi / 2 * rng.integers(0, 2))
    return rotation_about("x", np.pi) if rng.random() < 0.25 else np.eye(3)


def rolled(rng: Generator) -> np.ndarray:
    """Return any roll about x, along which pens are made."""
    return rotation_about("x", rng.uniform(0, 2 * np.pi))


def tilted(rng: Generator) -> np.ndarray:
    """Return a fruit that stands, or in a third of the cases leans to one side."""
    return rotation_about("y", rng.uniform(0.2, 1.3)) if rng.random() < 0.3 else np.eye(3)


def either_face(rng: Generator) -> np.ndarray:
    """Return a thing that lies on its back, or in a quarter of the cases on its face."""
    return rotation_about("x", np.pi) if rng.random() < 0.25 else np.eye(3)
