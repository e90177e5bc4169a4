"""Ask about a picture whose contents are known: phrases, what they fit, and what to answer.

A question is kept only where its answer is beyond dispute: comparisons need a clear margin, an
object that can hardly be seen makes its kind neither present nor absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from groma_ros.sim.scene import COLOURS
from groma_ros.train import names

COLOUR_WORDS = {"purple": ("purple", "purple", "violet")}
ANYTHING = ("object", "thing", "item")
UNKNOWN = -1
"""The colour of a thing that has no clear one, or of which nobody said it."""


@dataclass(frozen=True)
class Noun:
    """A word for some of the table's kinds; `kinds` is None for a word that fits everything."""

    singular: str
    plural: str
    kinds: frozenset[int] | None


DETERMINERS = ("the", "the", "the", "the", "", "a", "that", "this", "my")

SUPERLATIVES = {
    "leftmost": ("leftmost", "left most"),
    "rightmost": ("rightmost", "right most"),
    "nearest": ("nearest", "closest"),
    "farthest": ("farthest", "furthest"),
    "biggest": ("biggest", "largest"),
    "smallest": ("smallest",),
}
RELATIONS = {
    "left": ("left of", "to the left of", "on the left of", "that is left of"),
    "right": ("right of", "to the right of", "on the right of", "that is right of"),
    "front": ("in front of", "before"),
    "behind": ("behind", "in back of"),
    "near": ("next to", "near", "beside", "close to", "by"),
}


@dataclass(frozen=True)
class Truth:
    """What a picture shows.

    Attributes:
        kind: (n,) rows in the table of names. colour: (n,) numbers of colours, or UNKNOWN.
        box_xyxy_norm: (n, 4) fractions of the picture. distance_m: (n,) from the camera, 0 where it
        is not known. hidden: (kind, colour) pairs that may be there but cannot be answered with.
        complete: the kinds of which every instance is listed. whole: whether every thing is, and
        with its colour.
    """

    kind: np.ndarray
    colour: np.ndarray
    box_xyxy_norm: np.ndarray
    distance_m: np.ndarray
    hidden: tuple[tuple[int, int], ...] = ()
    complete: frozenset[int] = frozenset()
    whole: bool = False

    def fitting(
        self, kinds: frozenset[int] | None = None, colour: int | None = None
    ) -> tuple[int, ...]:
        """Return the visible objects of some kinds and a colour; None fits everything."""
        return tuple(
            i
            for i, (k, c) in enumerate(zip(self.kind.tolist(), self.colour.tolist(), strict=True))
            if (kinds is None or k in kinds) and (colour is None or c == colour)
        )

    def doubts(self, kinds: frozenset[int] | None = None, colour: int | None = None) -> bool:
        """Tell whether something may fit besides `fitting`, which nobody can be asked about.

        Such are hidden things, things of a kind that may also be called so, and things of the kind
        whose colour is not known.
        """
        if kinds is None and not self.whole:
            return True
        near = None if kinds is None else {o for kind in kinds for o in names.overlapping(kind)}
        for kind, shade in self.hidden:
            if (near is None or kind in near) and (colour is None or shade in (colour, UNKNOWN)):
                return True
        for kind, shade in zip(self.kind.tolist(), self.colour.tolist(), strict=True):
            if near is not None and kind not in near:
                continue
            other = kinds is not None and kind not in kinds
            if other and (colour is None or shade in (colour, UNKNOWN)):
                return True
            if not other and colour is not None and shade == UNKNOWN:
                return True
        return False

    def knows(self, kinds: frozenset[int] | None) -> bool:
        """Tell whether every instance of some kinds is listed."""
        return self.whole if kinds is None else kinds <= self.complete


@dataclass(frozen=True)
class Question:
    """One question and its answer.

    Attributes:
        family: what it tests, as `groma eval` reports it.
        form: "locate", "locate_all", "refer" or "chat".
        phrase: the noun phrase (locate forms) or the question (refer, chat).
        objects: the answer's objects (locate forms); for "refer" the one pointed at.
        parts: the answer's text for "refer" and "chat": strings, and (phrase, objects) pairs.
        candidates: what has to be compared to find the answer.
        anchor: the object a relation starts from, -1 for none.
    """

    family: str
    form: str
    phrase: str
    objects: tuple[int, ...] = ()
    parts: tuple = ()
    candidates: tuple[int, ...] = ()
    anchor: int = -1

    def needs(self) -> set[int]:
        """Return every object that the answer or the way to it mentions."""
        spoken = {i for part in self.parts if not isinstance(part, str) for i in part[1]}
        anchor = {self.anchor} - {-1}
        return set(self.objects) | set(self.candidates) | spoken | anchor


def pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def noun_of(rng: np.random.Generator, kind: int | None) -> Noun:
    """Return a word for a kind: its name half of the time, else a synonym; None fits everything."""
    if kind is None:
        word = pick(rng, ANYTHING)
        return Noun(word, word + "s", None)
    at = int(rng.integers(len(names.singulars(kind)))) if rng.random() < 0.5 else 0
    return Noun(names.singulars(kind)[at], names.plurals(kind)[at], frozenset((kind,)))


def group_of(rng: np.random.Generator, kind: int) -> Noun | None:
    """Return a word for a group that a kind belongs to, such as "fruit", None where it has none."""
    groups = [g for g in names.GROUPS if kind in g.kinds]
    if not groups:
        return None
    group = pick(rng, groups)
    return Noun(group.singular, group.plural, group.kinds)


def colour_word(rng: np.random.Generator, colour: int) -> str:
    return pick(rng, COLOUR_WORDS.get(COLOURS[colour], (COLOURS[colour],)))


def phrase_of(
    rng: np.random.Generator,
    noun: Noun,
    colour: int | None = None,
    plural: bool = False,
    determiner: str | None = None,
    adjective: str = "",
) -> str:
    """Return words for a noun and a colour, such as "the red cup" or "blue things"."""
    determiner = pick(rng, DETERMINERS) if determiner is None else determiner
    if noun.singular.startswith("something"):
        determiner = ""
    words = [determiner, adjective, "" if colour is None else colour_word(rng, colour)]
    return articled(" ".join([w for w in words if w] + [noun.plural if plural else noun.singular]))


def articled(text: str) -> str:
    """Write "an" before a vowel."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


# --- families -----------------------------------------------------------------------------------


def unique(truth: Truth, rng) -> Question | None:
    """Ask for a colour and a kind that one object has."""
    i = int(rng.integers(len(truth.kind)))
    noun, colour = noun_of(rng, int(truth.kind[i])), int(truth.colour[i])
    if colour == UNKNOWN or truth.fitting(noun.kinds, colour) != (i,):
        return None
    if truth.doubts(noun.kinds, colour):
        return None
    return Question("unique", "locate", phrase_of(rng, noun, colour), (i,), candidates=(i,))


def kind_alone(truth: Truth, rng) -> Question | None:
    """Ask for a kind that one object has; now and then by the name of a group."""
    i = int(rng.integers(len(truth.kind)))
    noun = group_of(rng, int(truth.kind[i])) if rng.random() < 0.08 else None
    noun = noun or noun_of(rng, int(truth.kind[i]))
    if truth.fitting(noun.kinds) != (i,) or truth.doubts(noun.kinds):
        return None
    return Question("kind", "locate", phrase_of(rng, noun), (i,), candidates=(i,))


def thing_of_colour(truth: Truth, rng) -> Question | None:
    """Ask for the one object of a colour, without its kind."""
    i = int(rng.integers(len(truth.kind)))
    colour = int(truth.colour[i])
    if colour == UNKNOWN or truth.fitting(None, colour) != (i,) or truth.doubts(None, colour):
        return None
    noun = noun_of(rng, None)
    return Question("colour", "locate", phrase_of(rng, noun, colour), (i,), candidates=(i,))


def absent(truth: Truth, rng) -> Question | None:
    """Ask for a kind that is not there, or for something that no picture holds."""
    if rng.random() < 0.2 or not truth.complete:
        return Question("absent", "locate", stranger(rng))
    noun = noun_of(rng, pick(rng, sorted(truth.complete)))
    if truth.fitting(noun.kinds) or truth.doubts(noun.kinds):
        return None
    colour = (
        int(rng.integers(len(COLOURS))) if rng.random() < (0.6 if truth.whole else 0.1) else None
    )
    if rng.random() < 0.15:
        return Question("absent", "locate_all", phrase_of(rng, noun, colour, True, ""))
    return Question("absent", "locate", phrase_of(rng, noun, colour))


def stranger(rng) -> str:
    """Return words for a thing outside the thirteen kinds; half of them no word at all."""
    if rng.random() < 0.5:
        word = pick(rng, STRANGERS)
    else:
        word = "".join(pick(rng, SYLLABLES) for _ in range(int(rng.integers(2, 4))))
    colour = COLOURS[int(rng.integers(len(COLOURS)))] + " " if rng.random() < 0.4 else ""
    return articled(" ".join(f"{pick(rng, DETERMINERS)} {colour}{word}".split()))


STRANGERS = tuple(
    """door, window, robot, hat, shoe, tree, key, lamp, pillow, towel, camera, flower, bread,
    egg, pan, pot, kettle, basket, bucket, screw, battery, sock, shirt, guitar, wheel,
    printer, charger, wallet, ring, candle, doll, stapler, envelope, ladder, fan, heater,
    mirror, curtain, carpet, rug, bin, necklace, watch, helmet, belt, boot, violin, drum,
    piano, rope, chain, nail, bolt, brush, comb, soap, shampoo, perfume, lipstick, calculator,
    ruler, eraser, tablet, speaker, microphone, headphones, cable, plug, socket, switch,
    candle holder, jar, tray, straw, napkin, whisk, grater, rolling pin, cheese, butter,
    steak, sausage, mushroom, walnut, coconut, avocado, cherry, duck, rabbit, fox, lion,
    monkey, snake, frog, helicopter, tractor, van, rocket""".replace("\n    ", " ").split(", ")
)
SYLLABLES = (
    "ba",
    "ro",
    "ti",
    "mel",
    "son",
    "ker",
    "ap",
    "lo",
    "gin",
    "dra",
    "phi",
    "su",
    "ne",
    "wo",
    "ca",
    "ble",
    "ing",
    "er",
    "st",
    "ou",
    "za",
    "qui",
    "xe",
    "hu",
    "mp",
    "fl",
    "gr",
    "tch",
)


def absent_colour(truth: Truth, rng) -> Question | None:
    """Ask for a kind that is there, in a colour that it does not have."""
    noun = noun_of(rng, int(pick(rng, truth.kind)))
    colour = int(rng.integers(len(COLOURS)))
    same_kind = truth.fitting(noun.kinds)
    if truth.fitting(noun.kinds, colour) or truth.doubts(noun.kinds, colour):
        return None
    if not truth.knows(noun.kinds):
        return None
    if rng.random() < 0.15:
        phrase = phrase_of(rng, noun, colour, True, "")
        return Question("absent_colour", "locate_all", phrase, candidates=same_kind)
    return Question("absent_colour", "locate", phrase_of(rng, noun, colour), candidates=same_kind)


def ambiguous(truth: Truth, rng) -> Question | None:
    """Ask in the singular for what several objects are."""
    noun = noun_of(rng, int(pick(rng, truth.kind)))
    colour = int(pick(rng, truth.colour)) if rng.random() < 0.25 else None
    found = truth.fitting(noun.kinds, colour)
    if len(found) < 2 or colour == UNKNOWN or truth.doubts(noun.kinds, colour):
        return None
    if not truth.knows(noun.kinds):
        return None
    phrase = phrase_of(rng, noun, colour)
    return Question("ambiguous", "locate", phrase, found, candidates=found)


def some_of(truth: Truth, rng, anything: float, coloured: float) -> tuple[Noun, int | None] | None:
    """Draw words for some of the objects, None where it is not known which ones they fit."""
    i = int(rng.integers(len(truth.kind)))
    noun = noun_of(rng, None if rng.random() < anything and truth.whole else int(truth.kind[i]))
    if noun.kinds is not None and rng.random() < 0.06:
        noun = group_of(rng, int(truth.kind[i])) or noun
    colour = int(truth.colour[i]) if rng.random() < coloured or noun.kinds is None else None
    if colour == UNKNOWN or truth.doubts(noun.kinds, colour) or not truth.knows(noun.kinds):
        return None
    return noun, colour


def every(truth: Truth, rng) -> Question | None:
    """Ask for all objects of a kind, of a colour, or of both; of one as often as of several."""
    drawn = some_of(truth, rng, anything=0.15, coloured=0.3)
    if drawn is None:
        return None
    noun, colour = drawn
    found = truth.fitting(noun.kinds, colour)
    if len(found) < 2 and rng.random() < 0.6:
        return None
    phrase = phrase_of(rng, noun, colour, True, pick(rng, ("", "", "", "the")))
    return Question("all", "locate_all", phrase, found, candidates=found)


def superlative(truth: Truth, rng) -> Question | None:
    """Ask for the leftmost, rightmost, nearest, farthest, biggest or smallest of several."""
    which = pick(rng, ("leftmost", "rightmost", "nearest", "biggest", *SUPERLATIVES))
    drawn = some_of(truth, rng, anything=0.15, coloured=0.1)
    if drawn is None:
        return None
    noun, colour = drawn
    found = truth.fitting(noun.kinds, colour)
    if len(found) < (1 if rng.random() < 0.05 else 2):
        return None
    best = first_by(which, truth, found)
    if best is None:
        return None
    word = pick(rng, SUPERLATIVES[which])
    determiner = pick(rng, ("the", ""))
    phrase = phrase_of(rng, noun, colour, determiner=determiner, adjective=word)
    return Question(which, "locate", phrase, (best,), candidates=found)


def first_by(which: str, truth: Truth, found: tuple[int, ...]) -> int | None:
    """Return the winner of a comparison, None where it is too close to call."""
    boxes = truth.box_xyxy_norm[list(found)]
    centre_x = (boxes[:, 0] + boxes[:, 2]) / 2
    log_area = np.log(((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).clip(1e-6))
    if which in ("nearest", "farthest") and not truth.distance_m[list(found)].all():
        return None
    log_distance = np.log(truth.distance_m[list(found)].clip(1e-3))
    key, margin = {
        "leftmost": (centre_x, 0.04),
        "rightmost": (-centre_x, 0.04),
        "nearest": (log_distance, 0.06),
        "farthest": (-log_distance, 0.06),
        "biggest": (-log_area, 0.25),
        "smallest": (log_area, 0.25),
    }[which]
    order = np.argsort(key)
    if len(order) > 1 and key[order[1]] - key[order[0]] < margin:
        return None
    return found[int(order[0])]


def relation(truth: Truth, rng) -> Question | None:
    """Ask for an object by where it is from another one that the words single out."""
    which = pick(rng, ("left", "right", "left", "right", "front", "behind", "near", "near"))
    a = int(rng.integers(len(truth.kind)))
    place, colour_a = noun_of(rng, int(truth.kind[a])), int(truth.colour[a])
    named = truth.fitting(place.kinds) != (a,) or (rng.random() < 0.3 and colour_a != UNKNOWN)
    named_colour = colour_a if named else None
    if named_colour == UNKNOWN or truth.fitting(place.kinds, named_colour) != (a,):
        return None
    noun = noun_of(rng, int(pick(rng, truth.kind)))
    if noun.kinds == place.kinds or truth.doubts(noun.kinds):
        return None
    if truth.doubts(place.kinds, named_colour) or not truth.knows(noun.kinds | place.kinds):
        return None
    found = truth.fitting(noun.kinds)
    if len(found) < 2 and rng.random() < 0.6:
        return None
    fits = [related(which, truth, i, a, found) for i in found]
    if any(f is None for f in fits):
        return None
    answer = tuple(i for i, f in zip(found, fits, strict=True) if f)
    if len(answer) > 1 or (not answer and rng.random() < 0.85):
        return None
    target = phrase_of(rng, noun, determiner=pick(rng, ("the", "the", "", "a")))
    anchor = phrase_of(rng, place, named_colour, determiner="the")
    phrase = f"{target} {pick(rng, RELATIONS[which])} {anchor}"
    return Question("relation", "locate", phrase, answer, candidates=found, anchor=a)


def related(which: str, truth: Truth, i: int, anchor: int, rivals: tuple[int, ...]) -> bool | None:
    """Tell whether object i stands so from the anchor; None where it is too close to call."""
    boxes = truth.box_xyxy_norm
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    if which in ("left", "right"):
        gap = centre[anchor, 0] - centre[i, 0]
        gap = gap if which == "left" else -gap
        return True if gap > 0.05 else False if gap < -0.03 else None
    if which in ("front", "behind"):
        if not (truth.distance_m[anchor] and truth.distance_m[i]):
            return None
        gap = np.log(truth.distance_m[anchor] / truth.distance_m[i])
        gap = gap if which == "front" else -gap
        return True if gap > 0.07 else False if gap < -0.05 else None
    away = {r: float(np.hypot(*(centre[r] - centre[anchor]))) for r in rivals}
    nearest = min(away, key=away.get)
    others = [d for r, d in away.items() if r != nearest]
    if away[nearest] > 0.35 or (others and min(others) < 1.4 * away[nearest]):
        return None
    return i == nearest


def refer(truth: Truth, rng) -> Question:
    """Point at an object and ask what it is."""
    i = int(rng.integers(len(truth.kind)))
    if rng.random() < 0.15 and truth.colour[i] != UNKNOWN:
        colour = COLOURS[truth.colour[i]]
        return Question("refer", "refer", "What color is {region}?", (i,), (f"{colour}.",))
    words = named(truth, i) + "."
    return Question("refer", "refer", pick(rng, REFER_QUESTIONS), (i,), (words,))


REFER_QUESTIONS = (
    "What is {region}?",
    "What is {region}?",
    "What is this {region}?",
    "Please briefly describe {region}.",
)


def describe_scene(truth: Truth, rng) -> Question | None:
    """Ask what is there; the answer names and points at everything."""
    if not 0 < len(truth.kind) <= 6 or (truth.whole and truth.hidden) or not truth.complete:
        return None
    parts: list = ["I see "]
    for n, i in enumerate(range(len(truth.kind))):
        if n:
            parts.append(" and " if n == len(truth.kind) - 1 else ", ")
        parts.append((named(truth, i), (i,)))
    parts.append(".")
    return Question("scene", "chat", pick(rng, SCENE_QUESTIONS), parts=tuple(parts))


SCENE_QUESTIONS = (
    "What is on the table?",
    "What do you see?",
    "Describe the image in detail.",
    "What can you see?",
    "Describe the scene.",
    "What is in the image?",
    "What objects are there?",
)


def named(truth: Truth, i: int) -> str:
    """Return an object's colour, where it is known, and name: "a red cup"."""
    colour = "" if truth.colour[i] == UNKNOWN else COLOURS[truth.colour[i]] + " "
    return articled(f"a {colour}{names.NAMES[truth.kind[i]].name}")


def count(truth: Truth, rng) -> Question | None:
    """Ask how many; the answer points first and counts then."""
    present = rng.random() < 0.85 or not truth.complete
    kind = int(pick(rng, truth.kind if present else sorted(truth.complete)))
    noun = noun_of(rng, kind)
    if truth.doubts(noun.kinds) or not truth.knows(noun.kinds):
        return None
    found, plural = truth.fitting(noun.kinds), noun.plural
    ask = pick(rng, ("How many {} are there?", "How many {} do you see?", "Count the {}."))
    if not found:
        return Question("count", "chat", ask.format(plural), parts=(f"I see no {plural}.",))
    parts = ("I see ", (f"the {plural}", found), f": {len(found)}.")
    return Question("count", "chat", ask.format(plural), parts=parts, candidates=found)


def is_there(truth: Truth, rng) -> Question | None:
    """Ask whether something is there."""
    maker = pick(rng, (unique, kind_alone, absent, absent_colour))
    asked = maker(truth, rng)
    if asked is None or asked.form != "locate":
        return None
    bare = asked.phrase.split(" ")
    bare = " ".join(bare[1:] if bare[0] in DETERMINERS + ("an",) else bare)
    ask = pick(rng, ("Is there a {}?", "Do you see a {}?", "Can you see a {}?"))
    ask = articled(ask.format(bare))
    if not asked.objects:
        return Question("is_there", "chat", ask, parts=(f"No, I see no {bare}.",))
    parts = ("Yes, ", (f"the {bare}", asked.objects), ".")
    return Question("is_there", "chat", ask, parts=parts)


def what_colour(truth: Truth, rng) -> Question | None:
    """Ask for the colour of the only object of a kind."""
    i = int(rng.integers(len(truth.kind)))
    noun = noun_of(rng, int(truth.kind[i]))
    if truth.fitting(noun.kinds) != (i,) or truth.doubts(noun.kinds):
        return None
    if truth.colour[i] == UNKNOWN:
        return None
    word, colour = noun.singular, COLOURS[truth.colour[i]]
    parts = ((f"The {word}", (i,)), f" is {colour}.")
    return Question("what_colour", "chat", f"What color is the {word}?", parts=parts)


# How often each family is asked. Superlatives are told by the boxes (see language/quantities.py);
# they are asked now and then all the same, for whoever asks the model itself.
FAMILIES: dict[str, tuple[Callable, float]] = {
    "unique": (unique, 2.0),
    "kind": (kind_alone, 2.2),
    "colour": (thing_of_colour, 0.5),
    "absent": (absent, 2.4),
    "absent_colour": (absent_colour, 1.5),
    "ambiguous": (ambiguous, 1.6),
    "all": (every, 2.2),
    "superlative": (superlative, 0.6),
    "relation": (relation, 2.6),
    "refer": (refer, 1.8),
    "scene": (describe_scene, 0.15),
    "count": (count, 0.4),
    "is_there": (is_there, 0.4),
    "what_colour": (what_colour, 0.2),
}


def ask(truth: Truth, rng, family: str) -> Question | None:
    """Return a question of a family, or None where this picture has none to ask."""
    if len(truth.kind) == 0 and family not in ("absent",):
        return None
    for _ in range(8):
        question = FAMILIES[family][0](truth, rng)
        if question is not None:
            return question
    return None


def ask_many(truth: Truth, rng, count_: int, weights: dict[str, float] | None = None):
    """Return `count_` questions about a picture, families drawn by weight."""
    weights = weights or {name: weight for name, (_, weight) in FAMILIES.items()}
    names = list(weights)
    p = np.array([weights[n] for n in names])
    asked = []
    for _ in range(count_ * 4):
        if len(asked) == count_:
            break
        question = ask(truth, rng, names[int(rng.choice(len(names), p=p / p.sum()))])
        if question is not None:
            asked.append(question)
    return asked
