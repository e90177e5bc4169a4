"""Ask about a picture whose contents are known: phrases, what they fit, and what to answer.

A question is kept only where its answer is beyond dispute: comparisons need a clear margin, an
object that can hardly be seen makes its kind neither present nor absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from groma_ros.sim.scene import COLOURS, KINDS

NOUNS = {
    "cup": ("cup", "cup", "mug", "coffee cup"),
    "glass": ("glass", "glass", "drinking glass", "tumbler"),
    "bottle": ("bottle", "bottle", "flask"),
    "can": ("can", "can", "tin", "soda can"),
    "bowl": ("bowl",),
    "plate": ("plate", "plate", "dish"),
    "box": ("box", "box", "carton", "package"),
    "ball": ("ball", "ball", "sphere"),
    "cube": ("cube", "cube", "block"),
    "banana": ("banana",),
    "apple": ("apple",),
    "book": ("book", "book", "notebook"),
    "marker": ("marker", "marker", "pen", "felt pen"),
}
PLURALS = {
    "glass": "glasses",
    "box": "boxes",
    "dish": "dishes",
    "drinking glass": "drinking glasses",
}
COLOUR_WORDS = {"purple": ("purple", "purple", "violet")}
ANYTHING = ("object", "thing", "item")


def known_nouns() -> list[str]:
    """Return the last word of every noun of the questions, in the singular and sorted."""
    spoken = [noun for nouns in NOUNS.values() for noun in nouns] + list(ANYTHING)
    return sorted({noun.split()[-1] for noun in spoken})


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
        kind, colour: (n,) indices of the visible objects. box_xyxy_norm: (n, 4) fractions of the
        picture. distance_m: (n,) from the camera. hidden: (kind, colour) pairs that are there but
        hardly seen.
    """

    kind: np.ndarray
    colour: np.ndarray
    box_xyxy_norm: np.ndarray
    distance_m: np.ndarray
    hidden: tuple[tuple[int, int], ...] = ()

    def fitting(self, kind: int | None = None, colour: int | None = None) -> tuple[int, ...]:
        """Return the visible objects of a kind and a colour; None fits everything."""
        ok = np.ones(len(self.kind), dtype=bool)
        if kind is not None:
            ok &= self.kind == kind
        if colour is not None:
            ok &= self.colour == colour
        return tuple(int(i) for i in np.flatnonzero(ok))

    def hides(self, kind: int | None = None, colour: int | None = None) -> bool:
        return any(
            (kind is None or k == kind) and (colour is None or c == colour) for k, c in self.hidden
        )


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


def noun(rng, kind: int | None, plural: bool = False) -> str:
    word = pick(rng, ANYTHING if kind is None else NOUNS[KINDS[kind]])
    return PLURALS.get(word, word + "s") if plural else word


def colour_word(rng, colour: int) -> str:
    return pick(rng, COLOUR_WORDS.get(COLOURS[colour], (COLOURS[colour],)))


def phrase_of(rng, kind=None, colour=None, plural=False, determiner=None, adjective="") -> str:
    """Return words for a kind and a colour, such as "the red cup" or "blue things"."""
    determiner = pick(rng, DETERMINERS) if determiner is None else determiner
    words = [determiner, adjective, "" if colour is None else colour_word(rng, colour)]
    text = " ".join([w for w in words if w] + [noun(rng, kind, plural)])
    return articled(text)


def articled(text: str) -> str:
    """Write "an" before the two words here that need it."""
    return text.replace("a apple", "an apple").replace("a orange", "an orange")


# --- families -----------------------------------------------------------------------------------


def unique(truth: Truth, rng) -> Question | None:
    """Ask for a colour and a kind that one object has."""
    i = int(rng.integers(len(truth.kind)))
    kind, colour = int(truth.kind[i]), int(truth.colour[i])
    if truth.fitting(kind, colour) != (i,) or truth.hides(kind, colour):
        return None
    return Question("unique", "locate", phrase_of(rng, kind, colour), (i,), candidates=(i,))


def kind_alone(truth: Truth, rng) -> Question | None:
    """Ask for a kind that one object has."""
    i = int(rng.integers(len(truth.kind)))
    kind = int(truth.kind[i])
    if truth.fitting(kind) != (i,) or truth.hides(kind):
        return None
    return Question("kind", "locate", phrase_of(rng, kind), (i,), candidates=(i,))


def thing_of_colour(truth: Truth, rng) -> Question | None:
    """Ask for the one object of a colour, without its kind."""
    i = int(rng.integers(len(truth.kind)))
    colour = int(truth.colour[i])
    if truth.fitting(None, colour) != (i,) or truth.hides(None, colour):
        return None
    return Question("colour", "locate", phrase_of(rng, None, colour), (i,), candidates=(i,))


def absent(truth: Truth, rng) -> Question | None:
    """Ask for a kind that is not there, or for something that no picture holds."""
    if rng.random() < 0.2:
        return Question("absent", "locate", stranger(rng))
    kind = int(rng.integers(len(KINDS)))
    if truth.fitting(kind) or truth.hides(kind):
        return None
    colour = int(rng.integers(len(COLOURS))) if rng.random() < 0.6 else None
    if rng.random() < 0.15:
        return Question("absent", "locate_all", phrase_of(rng, kind, colour, True, ""))
    return Question("absent", "locate", phrase_of(rng, kind, colour))


def stranger(rng) -> str:
    """Return words for a thing outside the thirteen kinds; half of them no word at all."""
    if rng.random() < 0.5:
        word = pick(rng, STRANGERS)
    else:
        word = "".join(pick(rng, SYLLABLES) for _ in range(int(rng.integers(1, 4))))
    colour = COLOURS[int(rng.integers(len(COLOURS)))] + " " if rng.random() < 0.4 else ""
    return articled(" ".join(f"{pick(rng, DETERMINERS)} {colour}{word}".split()))


STRANGERS = (
    "person",
    "man",
    "woman",
    "dog",
    "cat",
    "chair",
    "door",
    "window",
    "robot",
    "hat",
    "shoe",
    "car",
    "tree",
    "hammer",
    "screwdriver",
    "key",
    "clock",
    "lamp",
    "sofa",
    "pillow",
    "towel",
    "camera",
    "bag",
    "backpack",
    "umbrella",
    "flower",
    "vase",
    "knife",
    "scissors",
    "toothbrush",
    "lemon",
    "pear",
    "carrot",
    "bread",
    "cake",
    "egg",
    "pan",
    "pot",
    "kettle",
    "basket",
    "bucket",
    "drill",
    "wrench",
    "screw",
    "battery",
    "glove",
    "sock",
    "shirt",
    "guitar",
    "bird",
    "horse",
    "wheel",
    "bicycle",
    "printer",
    "keyboard",
    "mouse",
    "charger",
    "wallet",
    "ring",
    "candle",
    "tomato",
    "potato",
    "onion",
    "orange juice",
    "sandwich",
    "pizza",
    "teddy bear",
    "doll",
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
    kind = int(pick(rng, truth.kind))
    colour = int(rng.integers(len(COLOURS)))
    if truth.fitting(kind, colour) or truth.hides(kind):
        return None
    same_kind = truth.fitting(kind)
    if rng.random() < 0.15:
        phrase = phrase_of(rng, kind, colour, True, "")
        return Question("absent_colour", "locate_all", phrase, candidates=same_kind)
    return Question("absent_colour", "locate", phrase_of(rng, kind, colour), candidates=same_kind)


def ambiguous(truth: Truth, rng) -> Question | None:
    """Ask in the singular for what several objects are."""
    kind = int(pick(rng, truth.kind))
    colour = int(pick(rng, truth.colour)) if rng.random() < 0.25 else None
    found = truth.fitting(kind, colour)
    if len(found) < 2 or truth.hides(kind, colour):
        return None
    return Question("ambiguous", "locate", phrase_of(rng, kind, colour), found, candidates=found)


def every(truth: Truth, rng) -> Question | None:
    """Ask for all objects of a kind, of a colour, or of both; of one as often as of several."""
    way = rng.random()
    i = int(rng.integers(len(truth.kind)))
    kind = int(truth.kind[i]) if way < 0.85 else None
    colour = int(truth.colour[i]) if way > 0.6 else None
    found = truth.fitting(kind, colour)
    if truth.hides(kind, colour) or (len(found) < 2 and rng.random() < 0.6):
        return None
    phrase = phrase_of(rng, kind, colour, True, pick(rng, ("", "", "", "the")))
    return Question("all", "locate_all", phrase, found, candidates=found)


def superlative(truth: Truth, rng) -> Question | None:
    """Ask for the leftmost, rightmost, nearest, farthest, biggest or smallest of several."""
    which = pick(rng, ("leftmost", "rightmost", "nearest", "biggest", *SUPERLATIVES))
    way = rng.random()
    kind = int(pick(rng, truth.kind)) if way < 0.85 else None
    colour = int(pick(rng, truth.colour)) if way > 0.8 else None
    found = truth.fitting(kind, colour)
    if len(found) < (1 if rng.random() < 0.05 else 2) or truth.hides(kind, colour):
        return None
    best = first_by(which, truth, found)
    if best is None:
        return None
    word = pick(rng, SUPERLATIVES[which])
    phrase = phrase_of(rng, kind, colour, determiner=pick(rng, ("the", "")), adjective=word)
    return Question(which, "locate", phrase, (best,), candidates=found)


def first_by(which: str, truth: Truth, found: tuple[int, ...]) -> int | None:
    """Return the winner of a comparison, None where it is too close to call."""
    boxes = truth.box_xyxy_norm[list(found)]
    centre_x = (boxes[:, 0] + boxes[:, 2]) / 2
    log_area = np.log(((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).clip(1e-6))
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
    kind_a, colour_a = int(truth.kind[a]), int(truth.colour[a])
    named_colour = colour_a if truth.fitting(kind_a) != (a,) or rng.random() < 0.3 else None
    if truth.fitting(kind_a, named_colour) != (a,) or truth.hides(kind_a, named_colour):
        return None
    kind = int(pick(rng, truth.kind))
    if kind == kind_a or truth.hides(kind):
        return None
    found = truth.fitting(kind)
    if len(found) < 2 and rng.random() < 0.6:
        return None
    fits = [related(which, truth, i, a, found) for i in found]
    if any(f is None for f in fits):
        return None
    answer = tuple(i for i, f in zip(found, fits, strict=True) if f)
    if len(answer) > 1 or (not answer and rng.random() < 0.85):
        return None
    target = phrase_of(rng, kind, determiner=pick(rng, ("the", "the", "", "a")))
    anchor = phrase_of(rng, kind_a, named_colour, determiner="the")
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
    colour, kind = COLOURS[truth.colour[i]], KINDS[truth.kind[i]]
    if rng.random() < 0.15:
        return Question("refer", "refer", "What color is {region}?", (i,), (f"{colour}.",))
    words = articled(f"a {colour} {kind}.")
    return Question("refer", "refer", pick(rng, REFER_QUESTIONS), (i,), (words,))


REFER_QUESTIONS = (
    "What is {region}?",
    "What is {region}?",
    "What is this {region}?",
    "Please briefly describe {region}.",
)


def describe_scene(truth: Truth, rng) -> Question | None:
    """Ask what is there; the answer names and points at everything."""
    if not 0 < len(truth.kind) <= 6 or truth.hidden:
        return None
    parts: list = ["I see "]
    for n, i in enumerate(range(len(truth.kind))):
        if n:
            parts.append(" and " if n == len(truth.kind) - 1 else ", ")
        parts.append((_named(truth, i), (i,)))
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


def _named(truth: Truth, i: int) -> str:
    return articled(f"a {COLOURS[truth.colour[i]]} {KINDS[truth.kind[i]]}")


def count(truth: Truth, rng) -> Question | None:
    """Ask how many; the answer points first and counts then."""
    kind = int(pick(rng, truth.kind)) if rng.random() < 0.85 else int(rng.integers(len(KINDS)))
    if truth.hides(kind):
        return None
    found = truth.fitting(kind)
    plural = noun(rng, kind, plural=True)
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
    asked = kind_alone(truth, rng)
    if asked is None:
        return None
    word = noun(rng, int(truth.kind[asked.objects[0]]))
    colour = COLOURS[truth.colour[asked.objects[0]]]
    parts = (((f"The {word}"), asked.objects), f" is {colour}.")
    return Question("what_colour", "chat", f"What color is the {word}?", parts=parts)


FAMILIES: dict[str, tuple[Callable, float]] = {
    "unique": (unique, 2.0),
    "kind": (kind_alone, 1.5),
    "colour": (thing_of_colour, 0.5),
    "absent": (absent, 1.4),
    "absent_colour": (absent_colour, 1.5),
    "ambiguous": (ambiguous, 2.0),
    "all": (every, 1.6),
    "superlative": (superlative, 3.0),
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
