"""What groma-nano can name: one row a kind of thing, in pictures of every source.

A row has a name, everyday synonyms and the groups that it belongs to. Data sets call the same thing
by other names; `ALIASES` says which row they mean.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache

TAKE, FIND = "pick up", "find"


@dataclass(frozen=True)
class Name:
    """One kind of thing.

    Attributes:
        name: in the singular. synonyms: other words for it, also for nothing else in the table.
        groups: rows of `GROUPS` that it belongs to. verb: what a robot does with it.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verb: str = TAKE


@dataclass(frozen=True)
class Group:
    """A word for several kinds; `kinds` are their rows in `NAMES`."""

    singular: str
    plural: str
    kinds: frozenset[int]


FRUIT = ("fruit", "something to eat")
VEGETABLE = ("vegetable", "something to eat")
FOOD = ("something to eat",)
DRINK = ("drink", "something to drink")
DISH = ("tableware",)
CUTLERY = ("cutlery",)
TOOL = ("tool",)
TOY = ("toy",)
SPORT = ("sports thing",)
ANIMAL = ("animal",)
VEHICLE = ("vehicle",)
FURNITURE = ("furniture",)
APPLIANCE = ("appliance",)
DEVICE = ("device",)
BAG = ("bag",)

NAMES = (
    # On a table
    Name("cup", ("mug", "coffee cup"), DISH),
    Name("glass", ("drinking glass", "tumbler"), DISH),
    Name("wine glass", ("goblet",), DISH),
    Name("bottle", ("flask",), ()),
    Name("can", ("tin", "soda can"), ()),
    Name("bowl", (), DISH),
    Name("plate", ("dish",), DISH),
    Name("box", ("carton", "package"), ()),
    Name("ball", ("sphere", "sports ball"), TOY),
    Name("cube", ("block",), TOY),
    Name("banana", (), FRUIT),
    Name("apple", (), FRUIT),
    Name("book", ("notebook",), ()),
    Name("marker", ("felt pen",), ()),
    Name("pen", ("ballpoint pen",), ()),
    Name("pencil", (), ()),
    Name("fork", (), CUTLERY),
    Name("knife", (), CUTLERY),
    Name("spoon", (), CUTLERY),
    Name("spatula", ("turner",), ()),
    Name("scissors", (), TOOL),
    Name("pitcher", ("jug",), ()),
    Name("spray bottle", ("sprayer",), ()),
    Name("lid", (), ()),
    Name("sponge", (), ()),
    Name("brick", (), ()),
    Name("wood block", ("piece of wood",), ()),
    Name("dice", ("die",), TOY),
    Name("padlock", ("lock",), ()),
    Name("tape", ("roll of tape", "adhesive tape"), ()),
    Name("light bulb", ("bulb",), ()),
    Name("vase", (), ()),
    Name("toothbrush", (), ()),
    Name("clock", ("alarm clock",), ()),
    Name("teddy bear", ("teddy", "stuffed toy"), TOY),
    Name("hair drier", ("hair dryer",), DEVICE),
    Name("cell phone", ("phone", "mobile phone", "smartphone"), DEVICE),
    Name("laptop", ("notebook computer",), DEVICE),
    Name("mouse", ("computer mouse",), DEVICE),
    Name("remote", ("remote control",), DEVICE),
    Name("keyboard", (), DEVICE),
    # Tools
    Name("hammer", (), TOOL),
    Name("screwdriver", (), TOOL),
    Name("wrench", ("spanner",), TOOL),
    Name("adjustable spanner", ("adjustable wrench",), TOOL),
    Name("pliers", (), TOOL),
    Name("drill", ("power drill",), TOOL),
    Name("handsaw", ("saw",), TOOL),
    Name("tape measure", ("measuring tape",), TOOL),
    Name("utility knife", ("box cutter",), TOOL),
    Name("calipers", (), TOOL),
    Name("ratchet", (), TOOL),
    Name("clamp", (), TOOL),
    # Fruit and vegetables
    Name("orange", (), FRUIT),
    Name("lemon", (), FRUIT),
    Name("peach", (), FRUIT),
    Name("pear", (), FRUIT),
    Name("plum", (), FRUIT),
    Name("strawberry", (), FRUIT),
    Name("grape", (), FRUIT),
    Name("kiwi", (), FRUIT),
    Name("mango", (), FRUIT),
    Name("pineapple", (), FRUIT),
    Name("watermelon", ("melon",), FRUIT),
    Name("broccoli", (), VEGETABLE),
    Name("carrot", (), VEGETABLE),
    Name("cabbage", (), VEGETABLE),
    Name("bell pepper", ("pepper",), VEGETABLE),
    Name("chilli pepper", ("chilli",), VEGETABLE),
    Name("corn", (), VEGETABLE),
    Name("cucumber", (), VEGETABLE),
    Name("eggplant", ("aubergine",), VEGETABLE),
    Name("garlic", (), VEGETABLE),
    Name("lettuce", ("salad",), VEGETABLE),
    Name("onion", (), VEGETABLE),
    Name("potato", (), VEGETABLE),
    Name("sweet potato", (), VEGETABLE),
    Name("tomato", (), VEGETABLE),
    # Food and groceries
    Name("sandwich", (), FOOD),
    Name("hot dog", (), FOOD),
    Name("pizza", (), FOOD),
    Name("donut", ("doughnut",), FOOD),
    Name("cake", (), FOOD),
    Name("cereal", ("cereal box",), FOOD),
    Name("beans", (), FOOD),
    Name("candy", ("sweets",), FOOD),
    Name("chips", ("crisps",), FOOD),
    Name("chocolate", ("chocolate bar",), FOOD),
    Name("fish", (), FOOD),
    Name("flour", (), ()),
    Name("honey", (), FOOD),
    Name("jam", (), FOOD),
    Name("nuts", (), FOOD),
    Name("oil", ("cooking oil",), ()),
    Name("pasta", ("noodles",), FOOD),
    Name("rice", (), FOOD),
    Name("spices", ("spice",), ()),
    Name("sugar", (), ()),
    Name("tomato sauce", ("sauce",), ()),
    Name("vinegar", (), ()),
    Name("coffee", (), ("something to drink",)),
    Name("tea", (), ("something to drink",)),
    Name("juice", (), DRINK),
    Name("milk", (), DRINK),
    Name("soda", (), DRINK),
    Name("water", (), DRINK),
    # In rooms
    Name("person", ("human", "somebody"), (), FIND),
    Name("hand", (), (), FIND),
    Name("chair", (), FURNITURE, FIND),
    Name("couch", ("sofa",), FURNITURE, FIND),
    Name("bed", (), FURNITURE, FIND),
    Name("dining table", ("table", "desk"), FURNITURE, FIND),
    Name("bench", (), FURNITURE, FIND),
    Name("potted plant", ("plant", "houseplant"), (), FIND),
    Name("toilet", (), (), FIND),
    Name("tv", ("television", "screen", "monitor"), DEVICE, FIND),
    Name("microwave", (), APPLIANCE, FIND),
    Name("oven", ("stove",), APPLIANCE, FIND),
    Name("toaster", (), APPLIANCE, FIND),
    Name("sink", ("basin",), (), FIND),
    Name("refrigerator", ("fridge",), APPLIANCE, FIND),
    Name("backpack", ("rucksack",), BAG),
    Name("umbrella", (), ()),
    Name("handbag", ("purse",), BAG),
    Name("tie", ("necktie",), ()),
    Name("suitcase", (), BAG),
    # Sports
    Name("frisbee", (), SPORT),
    Name("skis", (), SPORT),
    Name("snowboard", (), SPORT),
    Name("kite", (), SPORT),
    Name("baseball bat", ("bat",), SPORT),
    Name("baseball glove", ("glove",), SPORT),
    Name("skateboard", (), SPORT),
    Name("surfboard", (), SPORT),
    Name("tennis racket", ("racket",), SPORT),
    # Outside
    Name("bicycle", ("bike",), VEHICLE, FIND),
    Name("car", (), VEHICLE, FIND),
    Name("motorcycle", ("motorbike",), VEHICLE, FIND),
    Name("airplane", ("plane", "aeroplane"), VEHICLE, FIND),
    Name("bus", (), VEHICLE, FIND),
    Name("train", (), VEHICLE, FIND),
    Name("truck", ("lorry",), VEHICLE, FIND),
    Name("boat", ("ship",), VEHICLE, FIND),
    Name("traffic light", (), (), FIND),
    Name("fire hydrant", ("hydrant",), (), FIND),
    Name("stop sign", (), (), FIND),
    Name("parking meter", (), (), FIND),
    Name("bird", (), ANIMAL, FIND),
    Name("cat", ("kitten",), ANIMAL, FIND),
    Name("dog", ("puppy",), ANIMAL, FIND),
    Name("horse", (), ANIMAL, FIND),
    Name("sheep", (), ANIMAL, FIND),
    Name("cow", (), ANIMAL, FIND),
    Name("elephant", (), ANIMAL, FIND),
    Name("bear", (), ANIMAL, FIND),
    Name("zebra", (), ANIMAL, FIND),
    Name("giraffe", (), ANIMAL, FIND),
)

ALIASES = {
    "sports ball": "ball",
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
    "cereal box": "cereal",
}
"""What data sets call a row, where they do not use its name."""

ALSO_CALLED = (
    ("box", "cereal", "package"),
    ("glass", "wine glass"),
    ("bottle", "spray bottle", "oil", "vinegar", "water", "juice", "soda", "honey", "milk"),
    ("can", "soda", "beans"),
    ("box", "tea", "milk", "juice", "rice", "pasta", "sugar", "candy", "chips", "coffee", "flour"),
    ("cube", "wood block", "brick", "dice"),
    ("marker", "pen"),
    ("knife", "utility knife"),
    ("wrench", "adjustable spanner", "ratchet"),
    ("screwdriver", "drill"),
    ("bell pepper", "chilli pepper"),
    ("potato", "sweet potato"),
    ("person", "hand"),
)
"""A thing of one of these rows may be called so by people who mean another of the same line."""

_PLURALS = {
    "knife": "knives",
    "die": "dice",
    "mouse": "mice",
    "person": "people",
    "man": "men",
    "woman": "women",
    "sheep": "sheep",
    "fish": "fish",
    "piece of wood": "pieces of wood",
    "roll of tape": "rolls of tape",
    "somebody": "people",
    "human": "humans",
    "cutlery": "cutlery",
    "tableware": "tableware",
    "furniture": "furniture",
}
_PLURAL_ALREADY = """scissors pliers calipers skis beans chips crisps nuts spices noodles sweets
dice broccoli garlic corn cereal rice pasta flour honey jam oil sugar vinegar coffee tea juice milk
soda water candy chocolate salad"""
_COCO = """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, ball, kite,
baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork,
knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake,
chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush"""


def plural_of(word: str) -> str:
    """Return a noun's plural; of several words the last one changes."""
    if word in _PLURALS:
        return _PLURALS[word]
    if word.startswith("something "):
        return word
    *before, last = word.split(" ")
    if last in _PLURAL_ALREADY.split():
        return word
    if last in _PLURALS:
        changed = _PLURALS[last]
    elif last.endswith("y") and last[-2:-1] not in ("a", "e", "o"):
        changed = last[:-1] + "ies"
    elif last.endswith(("s", "x", "z", "ch", "sh")) or last in ("potato", "tomato", "mango"):
        changed = last + "es"
    else:
        changed = last + "s"
    return " ".join([*before, changed])


_NUMBERS = {name.name: number for number, name in enumerate(NAMES)}
GROUPS = tuple(
    Group(
        word,
        plural_of(word),
        frozenset(n for n, name in enumerate(NAMES) if word in name.groups),
    )
    for word in dict.fromkeys(group for name in NAMES for group in name.groups)
)
COCO_ROWS = tuple(_NUMBERS[name] for name in _COCO.replace("\n", " ").split(", "))
"""The row of each of COCO's 80 names, in the order of detectors."""
COMPLETE_80 = frozenset(COCO_ROWS)
"""The same rows, which photos.jsonl calls "*80"."""


def number_of(word: str) -> int:
    """Return the row of a data set's name; raise KeyError with the nearest where there is none."""
    word = ALIASES.get(word, word)
    if word not in _NUMBERS:
        near = ", ".join(difflib.get_close_matches(word, _NUMBERS, 3)) or "none is near"
        raise KeyError(f"{word!r} is no name in the table ({near})")
    return _NUMBERS[word]


@cache
def singulars(number: int) -> tuple[str, ...]:
    """Return a row's name and synonyms."""
    return (NAMES[number].name, *NAMES[number].synonyms)


@cache
def plurals(number: int) -> tuple[str, ...]:
    """Return the plurals of `singulars`."""
    return tuple(plural_of(word) for word in singulars(number))


@cache
def overlapping(number: int) -> frozenset[int]:
    """Return the rows that a thing of this row may also be called, this one included."""
    lines = [line for line in ALSO_CALLED if NAMES[number].name in line]
    return frozenset({number, *(_NUMBERS[n] for line in lines for n in line if n in _NUMBERS)})


def known_nouns() -> list[str]:
    """Return the last word of every noun, in the singular and sorted, for config.json."""
    words = [word for number in range(len(NAMES)) for word in singulars(number)]
    words += [group.singular for group in GROUPS] + ["object", "thing", "item", "something"]
    return sorted({word.split()[-1] for word in words})
