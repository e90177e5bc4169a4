"""The kinds of things on the rendered tables: one row a kind, and nothing about kinds elsewhere.

A new kind is one row here and one function in `groma_ros.sim.shapes` that makes its mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from groma_ros.sim import poses
from groma_ros.sim.shapes import (
    containers,
    cutlery,
    food,
    household,
    plain,
    things,
    tools,
    vessels,
)
from groma_ros.sim.shapes.meshes import Parts


@dataclass(frozen=True)
class Kind:
    """Describe one kind of thing: its shapes, words, colours and poses.

    name               what the stored truth calls it
    make               return the parts of a detailed shape, standing on z = 0, metres; a kind
                       without has scans only
    make_plain         return the parts of a shape of a few plain bodies, for training only
    words              what people call it; a usual word is named more than once
    plurals            (word, plural) of the words that take no plain "s"
    natural_colours    colours that it often has; one named twice is chosen twice as often; an
                       empty one is bare metal, which has no colour word
    natural_share      how often a natural colour is chosen rather than any colour
    rest, lie          draw its usual and its other pose; lying_share says how often `lie`
    stretch            what is scaled by itself: "none", "height" (of round things) or "sides"
    height_spread      the largest further change of height in training, as a share
    carries            the widest thing that may stand on it, as a share of its narrower side
    carrying_height    where that stands, as a share of its own height
    holds              names of the kinds that may stand on it, empty for all
    stands_on          names of the kinds that it may stand on, empty for all
    saucer_share       how often a small plate is put under it
    pale_inside_share  how often its inside is white
    see_through_share  how often its body is clear
    """

    name: str
    make: Callable[[Generator], Parts] | None
    make_plain: Callable[[Generator], Parts] | None
    words: tuple[str, ...]
    plurals: tuple[tuple[str, str], ...] = ()
    natural_colours: tuple[str, ...] = ()
    natural_share: float = 0.15
    rest: Callable[[Generator], np.ndarray] = poses.upright
    lie: Callable[[Generator], np.ndarray] = poses.on_its_side
    lying_share: float = 0.0
    stretch: str = "height"
    height_spread: float = 0.2
    carries: float = 0.0
    carrying_height: float = 1.0
    holds: tuple[str, ...] = ()
    stands_on: tuple[str, ...] = ()
    saucer_share: float = 0.0
    pale_inside_share: float = 0.0
    see_through_share: float = 0.0

    @property
    def all_words(self) -> tuple[str, ...]:
        """Return every word and plural that people call it by, once."""
        plurals = dict(self.plurals)
        words = dict.fromkeys(self.words)
        return (*words, *(plurals.get(word, word + "s") for word in words))


TABLETOP = (
    Kind(
        "cup",
        vessels.cup,
        plain.cup,
        ("cup", "cup", "mug", "coffee cup"),
        lie=poses.on_its_handle,
        lying_share=0.1,
        saucer_share=0.2,
        pale_inside_share=0.4,
    ),
    Kind(
        "glass",
        vessels.glass,
        plain.glass,
        ("glass", "glass", "drinking glass", "tumbler"),
        (("glass", "glasses"), ("drinking glass", "drinking glasses")),
        lying_share=0.06,
    ),
    Kind(
        "bottle",
        containers.bottle,
        plain.bottle,
        ("bottle", "bottle", "flask"),
        lying_share=0.15,
        see_through_share=0.3,
    ),
    Kind(
        "can",
        containers.can,
        plain.can,
        ("can", "can", "tin", "soda can"),
        natural_colours=("red", "blue", "green"),
        lying_share=0.13,
    ),
    Kind(
        "bowl",
        vessels.bowl,
        plain.bowl,
        ("bowl",),
        carries=0.6,
        carrying_height=0.3,
        holds=("apple", "ball", "cube"),
    ),
    Kind(
        "plate",
        vessels.plate,
        plain.plate,
        ("plate", "plate", "dish"),
        (("dish", "dishes"),),
        natural_colours=("white", "white", "blue"),
        height_spread=0.35,
        carries=0.62,
        carrying_height=0.3,
    ),
    Kind(
        "box",
        things.box,
        plain.box,
        ("box", "box", "carton", "package"),
        (("box", "boxes"),),
        natural_colours=("brown", "brown", "white"),
        lie=poses.on_another_face,
        lying_share=0.3,
        stretch="sides",
        carries=0.9,
    ),
    Kind("ball", things.ball, plain.sphere, ("ball", "ball", "sphere"), stretch="none"),
    Kind("cube", things.cube, plain.cube, ("cube", "cube", "block"), stretch="none"),
    Kind(
        "banana",
        things.banana,
        plain.banana,
        ("banana",),
        natural_colours=("yellow", "yellow", "yellow", "green"),
        natural_share=0.4,
        stretch="sides",
    ),
    Kind(
        "apple",
        things.apple,
        plain.apple,
        ("apple",),
        natural_colours=("red", "red", "green", "yellow"),
        natural_share=0.4,
        rest=poses.tilted,
    ),
    Kind(
        "book",
        things.book,
        plain.book,
        ("book", "book", "notebook"),
        rest=poses.book,
        stretch="sides",
        height_spread=0.35,
        carries=0.95,
    ),
    Kind(
        "marker",
        things.marker,
        plain.marker,
        ("marker", "marker", "pen", "felt pen"),
        natural_colours=("black", "blue", "red", "green"),
        rest=poses.rolled,
        height_spread=0.35,
        stands_on=("book",),
    ),
)
"""The kinds that groma-nano was made for; their order is the order of the numbers in old shards."""

_MARKER = TABLETOP[-1]
MORE = (
    Kind("fork", cutlery.fork, None, ("fork",), natural_colours=("",), natural_share=0.8),
    Kind(
        "knife",
        cutlery.knife,
        None,
        ("knife",),
        (("knife", "knives"),),
        natural_colours=("", "black", "black", "brown"),
        natural_share=0.8,
    ),
    Kind("spoon", cutlery.spoon, None, ("spoon",), natural_colours=("",), natural_share=0.8),
    Kind(
        "hammer",
        tools.hammer,
        None,
        ("hammer",),
        natural_colours=("black", "red", "blue", "yellow", "brown", "brown"),
        natural_share=0.6,
    ),
    Kind(
        "screwdriver",
        tools.screwdriver,
        None,
        ("screwdriver",),
        natural_colours=("red", "yellow", "blue", "black", "orange"),
        natural_share=0.5,
        rest=poses.rolled,
    ),
    Kind(
        "wrench",
        tools.wrench,
        None,
        ("wrench", "wrench", "spanner"),
        (("wrench", "wrenches"),),
        natural_colours=("",),
        natural_share=0.85,
    ),
    Kind(
        "pliers",
        tools.pliers,
        None,
        ("pliers",),
        (("pliers", "pliers"),),
        natural_colours=("red", "blue", "yellow", "black"),
        natural_share=0.6,
    ),
    Kind(
        "scissors",
        tools.scissors,
        None,
        ("scissors",),
        (("scissors", "scissors"),),
        natural_colours=("black", "red", "orange", "blue"),
        natural_share=0.5,
    ),
    Kind(
        "orange",
        food.orange,
        None,
        ("orange",),
        natural_colours=("orange",),
        natural_share=0.95,
        rest=poses.tilted,
    ),
    Kind(
        "lemon",
        food.lemon,
        None,
        ("lemon",),
        natural_colours=("yellow",),
        natural_share=0.95,
    ),
    Kind(
        "pear",
        food.pear,
        None,
        ("pear",),
        natural_colours=("green", "yellow", "yellow"),
        natural_share=0.9,
        lying_share=0.35,
    ),
    Kind(
        "tomato",
        food.tomato,
        None,
        ("tomato",),
        (("tomato", "tomatoes"),),
        natural_colours=("red", "red", "red", "yellow"),
        natural_share=0.95,
        rest=poses.tilted,
    ),
    Kind("carrot", food.carrot, None, ("carrot",), natural_colours=("orange",), natural_share=0.95),
    Kind(
        "cucumber",
        food.cucumber,
        None,
        ("cucumber",),
        natural_colours=("green",),
        natural_share=0.95,
        rest=poses.rolled,
    ),
    Kind(
        "broccoli",
        food.broccoli,
        None,
        ("broccoli", "broccoli", "head of broccoli"),
        (("broccoli", "broccoli"), ("head of broccoli", "heads of broccoli")),
        natural_colours=("green",),
        natural_share=0.97,
    ),
    Kind(
        "donut",
        food.donut,
        None,
        ("donut", "donut", "doughnut"),
        natural_colours=("pink", "brown", "brown", "white"),
        natural_share=0.8,
    ),
    Kind(
        "pizza",
        food.pizza,
        None,
        ("pizza",),
        natural_colours=("yellow", "yellow", "red", "orange"),
        natural_share=0.95,
    ),
    Kind(
        "pen",
        household.pen,
        None,
        ("pen", "pen", "ballpoint pen"),
        natural_colours=("blue", "black", "red"),
        natural_share=0.6,
        rest=poses.rolled,
    ),
    Kind(
        "pencil",
        household.pencil,
        None,
        ("pencil",),
        natural_colours=("yellow", "yellow", "red", "green", "black"),
        natural_share=0.6,
        rest=poses.rolled,
    ),
    Kind(
        "cell phone",
        household.cell_phone,
        None,
        ("cell phone", "phone", "mobile phone", "smartphone"),
        natural_colours=("black", "black", "white"),
        natural_share=0.6,
        rest=poses.either_face,
    ),
    Kind(
        "laptop",
        household.laptop,
        None,
        ("laptop", "laptop", "laptop computer"),
        natural_colours=("", "", "black", "white"),
        natural_share=0.85,
        stretch="none",
    ),
    Kind(
        "keyboard",
        household.keyboard,
        None,
        ("keyboard",),
        natural_colours=("black", "black", "white"),
        natural_share=0.85,
        stretch="none",
    ),
    Kind(
        "mouse",
        household.mouse,
        None,
        ("mouse", "mouse", "computer mouse"),
        (("mouse", "mice"), ("computer mouse", "computer mice")),
        natural_colours=("black", "black", "white"),
        natural_share=0.7,
    ),
    Kind(
        "remote",
        household.remote,
        None,
        ("remote", "remote control"),
        natural_colours=("black", "black", "black", "white"),
        natural_share=0.85,
    ),
    Kind(
        "toothbrush", household.toothbrush, None, ("toothbrush",), (("toothbrush", "toothbrushes"),)
    ),
    Kind(
        "vase",
        household.vase,
        None,
        ("vase",),
        natural_colours=("white", "blue", "green"),
        natural_share=0.3,
    ),
    Kind(
        "potted plant",
        household.potted_plant,
        None,
        ("potted plant", "plant", "houseplant"),
        natural_colours=("brown", "brown", "white"),
        natural_share=0.5,
    ),
    Kind("clock", household.clock, None, ("clock", "clock", "alarm clock")),
    Kind(
        "teddy bear",
        household.teddy_bear,
        None,
        ("teddy bear", "teddy bear", "teddy"),
        natural_colours=("brown", "brown", "white"),
        natural_share=0.7,
    ),
    Kind(
        "tape",
        household.tape,
        None,
        ("tape", "roll of tape"),
        (("tape", "tapes"), ("roll of tape", "rolls of tape")),
    ),
    Kind(
        "light bulb",
        household.light_bulb,
        None,
        ("light bulb", "bulb"),
        natural_colours=("white",),
        natural_share=0.9,
        rest=poses.rolled,
    ),
)
"""More kinds, of one detailed maker each."""
EVERY_KIND = (*TABLETOP[:-1], replace(_MARKER, words=("marker", "marker", "felt pen")), *MORE)
KIND_SETS = {"tabletop": TABLETOP, "all": EVERY_KIND}
"""What `groma render --kinds` offers."""


def kind_named(name: str, kinds: tuple[Kind, ...] = TABLETOP) -> Kind:
    """Return the row of a kind; raise ValueError with the names there are for another."""
    for kind in kinds:
        if kind.name == name:
            return kind
    raise ValueError(f"kind {name!r} is none of {', '.join(k.name for k in kinds)}")
