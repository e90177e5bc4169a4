"""The verbs of commands: the action of each and the form of its object."""

from __future__ import annotations

import re
from typing import NamedTuple

from groma_ros.language.word_tables import phrase_table, word_set


class Verb(NamedTuple):
    """Describe the action of a verb and the form of its object.

    action the action of the command, such as "pick"
    frame  "object"  everything that follows describes the object
           "carry"   "to", "into" or "onto" starts a destination
           "place"   any preposition starts a destination
           "motion"  what follows the preposition is the target itself
           "alone"   takes no object
           "words"   asks for an answer in words
    """

    action: str
    frame: str


# action, frame: verbs
_VERB_LISTS = """
pick, object: pick up|pick out|pickup|pick-up|pick|grab|grasp|lift up|lift|collect|
    seize|catch|raise|hold|grip|gather|select|choose
pick, carry: take|take out|carry|retrieve|take hold of|get hold of
get, carry: get
give, carry: i would prefer|i'd prefer|i prefer|i would rather have|i'd rather have|
    give|hand|hand over|pass|bring|deliver|fetch|serve|want|need|i want|
    i need|i'd like|i would like|we want|we need|i'll have|i'll take|get me|get us|
    could i have|can i have|may i have|could we have|can we have|may we have|might i have|
    could i get|can i get|may i get|could we get|can we get|could i take|can i take|may i take|
    could you get me|can you get me|let me have|i'd like to have|i would like to have|
    i want to have|i'd love|i would love|i will have|i will take|i could have|i could get|i get|
    i'd take|can i please have|
    could i please have|may i please have|i could use|i'd love to have|could i borrow|
    can i borrow|may i borrow
place, place: put|put down|put away|put back|place|place down|set|set down|drop|
    drop off|lay|lay down|stack|insert|transfer|shift|position|return|leave|store|throw|
    toss|relocate|deposit|release|let go of|let go|arrange|rest
move, place: move
push, place: push|slide|shove
pull, place: pull|drag
pour, place: pour|pour out|spill|tip out
pour, carry: empty|dump|drain
find, object: find|find out|find me|find us|locate|detect|spot|identify|search for|look for|show|
    seek|highlight|mark|see|check for|list|name|recognise|recognize|notice|ground|hunt for|
    i'm looking for|i am looking for|looking for|search|outline|label
look, object: look at|take a look at|have a look at|watch|observe|inspect|examine|
    focus on|face|stare at|look|gaze at|turn to|turn towards|turn toward
point, object: point|point at|point to|point out|point towards|gesture at
count, object: count|count up
go, motion: go|go over|drive|navigate|walk|head|run|fly|travel|approach|reach|come|
    step|proceed|roll|crawl
turn, motion: turn left|turn right|turn back|turn around
follow, object: follow|track|chase
avoid, object: avoid|stay away from|keep away from
open, object: open|open up
close, object: close|shut
turn on, object: turn on|switch on
turn off, object: turn off|switch off
press, object: press|touch|tap
wipe, object: wipe|clean|clean up|wipe off|wash|dry
remove, object: remove|take away|take off|clear|clear away|unload
turn, object: turn|rotate|flip|tilt|turn over|spin|shake
stop, alone: hold on|hold it|hold still|stay there|stay put|do nothing|stand by|
    stop|halt|wait|abort|cancel|freeze|pause|never mind|nevermind|stay
ask, words: describe|explain|tell|say|talk|answer|summarise|summarize|caption|compare
"""


def _verb_table(lists: str) -> dict[tuple[str, ...], Verb]:
    table: dict[tuple[str, ...], Verb] = {}
    for line in re.sub(r"\n +", "", lists).strip().splitlines():
        head, entries = line.split(": ")
        table |= phrase_table(entries, Verb(*head.split(", ")))
    return table


VERBS = _verb_table(_VERB_LISTS)
# What these verbs do where no preposition or direction follows at once ("get to the door": go).
MOVERS = {"move": "place", "get": "pick"}
# These are as often a part of a name ("clean plate", "hand towel"): they are verbs only before a
# determiner or a pronoun.
HOMONYMS = word_set(
    "open close clean dry empty clear shut face name watch hand head rest step label"
)
# Words that are a verb less often than a noun; they start no clause without "and" or a comma.
AMBIGUOUS_VERBS = word_set(
    "point list name mark show set look rest turn search place hand watch face head label step "
    "run walk fly press touch dry clean empty open close shut clear wash count spin shake flip "
    "tilt use need want store leave left position return fetch can see spot pass lay lift hold "
    "grip catch raise select choose collect gather pour drop stack push pull drag slide follow "
    "track"
)
