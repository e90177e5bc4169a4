"""The closed word classes of the command grammar: verbs, prepositions, determiners, politeness.

Everything here is lower-case data; `clauses` and `noun_phrases` hold the rules that use it. A
phrase table maps a tuple of words to a value, and `longest_match` finds the longest entry that
starts at a position.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MOST_WORDS = 8


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


def word_set(text: str) -> frozenset[str]:
    """Return the set of words in a space-separated list."""
    return frozenset(text.split())


def phrase_table(text: str, value: object = True) -> dict[tuple[str, ...], object]:
    """Return a table of word tuples from a list separated by bars, each with `value`."""
    table = {tuple(entry.split()): value for entry in text.split("|")}
    assert max(map(len, table)) <= _MOST_WORDS
    return table


def longest_match(table: dict, sequence: list[str], start: int = 0) -> tuple[object, int]:
    """Return (value, length) of the longest entry at `start`, or (None, 0)."""
    for length in range(min(_MOST_WORDS, len(sequence) - start), 0, -1):
        value = table.get(tuple(sequence[start : start + length]))
        if value is not None:
            return value, length
    return None, 0


# action, frame: verbs
_VERB_LISTS = """
pick, object: pick up|pick out|pickup|pick-up|pick|grab|grasp|lift up|lift|collect|
    seize|catch|raise|hold|grip|gather|select|choose
pick, carry: take|take out|carry|retrieve|take hold of|get hold of
get, carry: get
give, carry: give|hand|hand over|pass|bring|deliver|fetch|serve|want|need|i want|
    i need|i'd like|i would like|we want|we need|i'll have|i'll take
place, place: put|put down|put away|put back|place|place down|set|set down|drop|
    drop off|lay|lay down|stack|insert|transfer|shift|position|return|leave|store|throw|
    toss|relocate|deposit|release|let go of|let go|arrange|rest
move, place: move
push, place: push|slide|shove
pull, place: pull|drag
pour, place: pour|pour out|spill
find, object: find|find out|locate|detect|spot|identify|search for|look for|show|seek|
    highlight|mark|see|check for|list|name|recognise|recognize|ground|hunt for|
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
remove, object: remove|take away|take off|clear|clear away|unload|empty
turn, object: turn|rotate|flip|tilt|turn over|spin|shake
stop, alone: stop|halt|wait|abort|cancel|freeze|pause|never mind|nevermind|stay
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

DETERMINERS = word_set("the a an this that these those my your his her our their its another one's")
QUANTIFIERS = phrase_table(
    "all|all of|every|every single|every one of|each|each of|each one of|both"
    "|both of|all of the|all instances of|all the instances of|instances of|every instance of",
    "all",
)
QUANTIFIERS |= phrase_table(
    "any|any of|some|some of|several|many|a few|a few of|a couple of|few", "some"
)
NUMBERS = word_set("two three four five six seven eight nine ten")
ADJECTIVES = word_set(
    "red orange yellow green blue purple pink brown black white grey gray golden silver violet "
    "big small large little tiny huge tall short long round square left right top bottom middle "
    "upper lower front back other same whole empty full dark light bright shiny wooden metal "
    "plastic glass paper old new clean dirty striped"
)
PRONOUNS = word_set(
    "it them this that these those him her one ones everybody someone somebody me us you myself "
    "yourself itself"
)
RECIPIENTS = word_set("me us")
PARTICLES = word_set("up down away back off out over on")
FILLERS = phrase_table(
    "for me|to me|for us|to us|now|right now|again|here|there|over there|over here|quickly|slowly"
    "|carefully|gently|immediately|thanks|thank you|thx|cheers|too|as well|instead|if you can"
    "|if possible|if you could|if you don't mind|would you|will you|could you|can you|ok|okay"
    "|, robot|right away|at once|asap|as soon as possible|when you can|first|next|then|in the image"
    "|in the picture|in the photo|in the scene|in this image|in this picture|in this photo"
    "|in this scene|in view|in the view|in front of you|in front of me|that you see|you see"
    "|you can see|that you can see|visible|and|or|also|to|today|anywhere|somewhere|around here"
    "|a bit|a little|a little bit|slightly|in the frame|in your hand|in my hand|with your hand"
    "|with your gripper|with the gripper"
)

LEAD_INS = phrase_table(
    "can you|could you|would you|will you|can we|could we|may i|can i|could i|do you|did you"
    "|would you mind|would you be able to|are you able to|could you please"
    "|would you be so kind as to|be so kind as to|i want you to"
    "|i need you to|i'd like you to|i would like you to|we want you to|we need you to|you should"
    "|you must|you need to|you have to|you can|i want to|i'd like to|i would like to|i need to"
    "|i'd love you to|let's|let us|try to|try and|go ahead and|help me|help me to|help us"
    "|your task is to|the task is to|your job is to|it is time to|now|then|next|first|finally"
    "|afterwards|after that|also|just|and|so|well|carefully|gently|slowly|quickly|immediately"
    "|hey|hi|hello|ok|okay|yes|no|alright|all right|right|robot|hey robot|ok robot|dear robot"
    "|hello robot|hi robot|groma|hey groma|ok groma|excuse me|sorry|great|good|thanks|thank you"
    "|there|be a dear and|be careful and|do me a favour and|do me a favor and|can you tell me"
    "|could you tell me|tell me|do you know|can you show me|show me|maybe|perhaps|actually"
    "|instead|um|uh|task|command|i wonder|i was wondering if you could|if you can|if possible"
    "|if you don't mind|if you could|i think you should|again|how about you|why don't you"
)
POLITE = word_set("please kindly pls plz")
NEGATIONS = phrase_table("don't|dont|do not|never|not|you must not|you should not|you can't|no")

# "where ..." questions ask for a place, "is there ..." for presence: both are looking tasks.
PLACE_QUESTIONS = phrase_table(
    "where|where's|wheres|what is the position of|what is the location of|what's the position of"
    "|what's the location of|in which place|what are the positions of|what are the locations of"
)
EXISTENCE_QUESTIONS = phrase_table(
    "is there|are there|is there also|are there also|do we have|do you have|have you got"
    "|have we got|have you seen|is there still|are there still|there is|there are|there's"
)
COUNT_QUESTIONS = phrase_table("how many|what number of|what is the number of|what's the number of")
FUNCTION_WORDS = word_set("for of with about as than and or nor")
AUXILIARIES = word_set(
    "is are was were am be been do does did have has had can could will would shall should may "
    "might must 's 're"
)
PLACE_QUESTION_ENDS = word_set("is are was were be located at found")
SUBJECTS = word_set("i you we they")
SEEKING = word_set("find see seen put leave left place")
NOT_IN_A_NAME = AUXILIARIES | word_set(
    "i you he she we they i'm i've i'll i'd you're we're it's that's what's who's he's she's "
    "isn't aren't doesn't didn't can't cannot couldn't won't wouldn't shouldn't haven't hasn't "
    "what who whom whose why when which how where hello hi hey thanks thank bye goodbye sorry ok "
    "okay yes no yeah nope maybe please cool great nice good if because but so though although "
    "not never nothing very there here"
)
CUTTERS = word_set(
    "because but so if when before after until till while unless since then although "
    "though except not without"
)
COMMA_CUTTERS = (
    CUTTERS | PRONOUNS | word_set("i he she we they you it's i'm which who where thanks")
)
RELATIVES = word_set(
    "that which who whose wearing holding sitting standing lying facing containing filled covered "
    "made leaning hanging"
)

# Places on or beside a thing: "to the left of", "in the middle of", "on the far side of".
PLACES = word_set(
    "left right top bottom middle center centre edge corner side end front back rear inside "
    "outside foreground background border rim"
)
DIRECTIONS = PLACES | word_set(
    "forward forwards backward backwards ahead straight home around up down away here there closer "
    "north south east west image picture photo scene view frame air ground sideways everywhere"
)
SIDEWAYS = word_set("left right forward forwards backward backwards aside closer")
INTO = phrase_table(
    "into|onto|on to|in to|to|toward|towards|over to|up to|back to|back into|back onto"
)
FROM = phrase_table("from|out of|off|off of|away from|out from")
WHERE = phrase_table(
    "next to|left of|right of|in front of|in back of|on top of|close to|closest to|nearest to"
    "|near|near to|beside|by|behind|under|underneath|below|beneath|above|over|on|upon|in|inside"
    "|inside of|within|between|in between|among|at|against|around|across from|opposite|atop"
    "|farthest from|furthest from|far from|adjacent to|touching|outside|outside of|along|alongside"
    "|away from|facing|leaning on|leaning against|back on|back in|through|across|farther from"
    "|further from|closer to"
)
BETWEEN = word_set("between among")

SINGULAR_IN_S = word_set(
    "scissors pliers tongs tweezers pants jeans trousers shorts headphones sunglasses goggles "
    "binoculars earphones lens bus gas canvas christmas series species news iris atlas chaos bias "
    "tennis chess always his its this yes alias hers ours"
)
PLURAL_WITHOUT_S = word_set(
    "people men women children feet teeth geese mice fish sheep knives leaves things everything "
    "dice firemen policemen"
)
EVERYTHING = word_set("everything everyone")
# What no verb starts with: "red the cup" and "all my cups" are not asked to be done.
NO_VERBS = (
    NOT_IN_A_NAME | DETERMINERS | PRONOUNS | FUNCTION_WORDS | ADJECTIVES | NUMBERS | EVERYTHING
) | {entry[0] for entry in QUANTIFIERS}
