"""Find the noun of a phrase, and the nouns of things that serve a purpose."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from groma_ros.language import lexicon as lex
from groma_ros.language.noun_phrases import head_words
from groma_ros.language.quantities import singular_of
from groma_ros.language.word_tables import word_set

GENERAL_NOUNS = word_set("one ones something anything everything")
# What can be used for a purpose, by the verb or by verb and preposition.
_PURPOSES = {
    "drink": word_set("bottle can cup glass mug flask juice water coffee tea"),
    "drink from": word_set("cup glass mug bottle tumbler"),
    "drink out": word_set("cup glass mug bottle tumbler"),
    "drink out of": word_set("cup glass mug bottle tumbler"),
    "drink with": word_set("cup glass mug straw"),
    "eat": word_set("apple banana orange lemon bread cookie sandwich"),
    "snack on": word_set("apple banana cookie"),
    "eat from": word_set("bowl plate dish"),
    "eat on": word_set("plate dish"),
    "eat off": word_set("plate dish"),
    "eat with": word_set("fork spoon knife"),
    "write with": word_set("marker pen pencil"),
    "draw with": word_set("marker pen pencil"),
    "mark with": word_set("marker pen pencil"),
    "write on": word_set("book notebook paper"),
    "write in": word_set("book notebook"),
    "read": word_set("book notebook magazine newspaper"),
    "cut with": word_set("knife scissors"),
    "throw": word_set("ball"),
    "bounce": word_set("ball"),
    "play with": word_set("ball cube block toy"),
}


@lru_cache(maxsize=1024)  # a phrase is asked for its noun at several places
def head_noun(phrase: str) -> str:
    """Return the noun of a noun phrase in the singular, or empty if it has none.

    "the red cups on the table" has the noun "cup"; "the red one" and "the leftmost" have none.
    """
    words = [w.strip("\"',.") for w in phrase.lower().split()]
    head = head_words(words) if words else []
    bare = lex.DETERMINERS | lex.ADJECTIVES | lex.NUMBERS | lex.SUPERLATIVES | set(lex.ORDINALS)
    while head and head[-1] in GENERAL_NOUNS:
        head = head[:-1]
    if not head or head[-1] in bare or words[0] in ("something", "anything"):
        return ""
    return singular_of(head[-1])


def with_general_noun(phrase: str, noun: str) -> str:
    """Return "the red thing" for "the red one", "the red" and "something red"."""
    words = phrase.lower().split()
    if words[0] in ("something", "anything"):
        described = words[1:] if words[1:] and words[1] in lex.ADJECTIVES else []
        rest = words[1 + len(described) :]
        return " ".join(["the", *described, noun, *rest])
    head = head_words(words)
    described = [w for w in head if w not in GENERAL_NOUNS]
    plural = noun + "s" if head[-1] == "ones" else noun
    return " ".join([*described, plural, *words[len(head) :]])


def nouns_for(purpose: str) -> Collection[str]:
    """Return the nouns of things that serve a purpose ("drink from"); empty if it is unknown."""
    return _PURPOSES.get(purpose, frozenset())
