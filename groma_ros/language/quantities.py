"""Parse ordinals and counts of a noun phrase, and form the plural and singular of nouns."""

from __future__ import annotations

from dataclasses import dataclass

from groma_ros.language import lexicon as lex
from groma_ros.language.word_tables import longest_match
from groma_ros.values.commands import Ordinal

_ENDS = {"back": "back", "rear": "back", "front": "front"}


@dataclass(frozen=True)
class Quantity:
    """Hold how many things, or which one in a row, a noun phrase means.

    head     the words to ask for: no article, number or ordinal, in the plural
    ordinal  the place in a row, or None
    count    the number of things, 0 if the phrase does not say
    definite whether the number is known to be all of them ("the two cups")
    """

    head: list[str]
    ordinal: Ordinal | None = None
    count: int = 0
    definite: bool = False


def parse_quantity(words: list[str]) -> Quantity | None:
    """Return the ordinal or the count that `words` start with, or None.

    "the second red cup from the left" has the head "red cups"; a head without a noun is empty.
    """
    for at in range(1, len(words) - 1):
        side, length = longest_match(lex.SIDES, words, at + 1)
        if words[at] in lex.ORDINALS and length and words[at - 1] not in lex.DETERMINERS:
            head = words[1:at] if words[0] in lex.DETERMINERS else words[:at]
            return Quantity(pluralised(head), Ordinal(lex.ORDINALS[words[at]], str(side)))
    if words[-2:-1] == ["the"] and words[-3:-2] in (["at"], ["in"]) and words[-1] in _ENDS:
        head = words[1:-3] if words[0] in lex.DETERMINERS else words[:-3]
        if head and not is_plural_noun(head[-1]) and words[0] != "a":
            return Quantity(pluralised(head), Ordinal(1, _ENDS[words[-1]]))
    definite = bool(words) and words[0] in lex.DETERMINERS - {"a", "an", "another"}
    at = int(bool(words) and words[0] in lex.DETERMINERS)
    if len(words) <= at:
        return None
    if _is_compared(words[at:]):
        head = [w for w in words[at + 1 :] if w not in ("one", "ones")]
        return Quantity(pluralised(head), Ordinal(1, lex.COMPARED[words[at]]))
    if words[at] in lex.ORDINALS:
        return _parse_ordinal(words[at + 1 :], lex.ORDINALS[words[at]])
    count, length = _parse_count(words[at:])
    if not count:
        return None
    rest = words[at + length :]
    if rest[:2] == ["of", "the"] or rest[:2] == ["of", "these"] or rest[:2] == ["of", "those"]:
        rest = rest[2:]
    if not rest or rest[0] in lex.UNITS or rest[0] in lex.DETERMINERS:
        return None
    return Quantity(pluralised(rest), None, count, definite)


def _parse_count(words: list[str]) -> tuple[int, int]:
    """Return (number, its length in words), or (0, 0)."""
    number, length = longest_match(lex.COUNTS, words)
    if length:
        return int(str(number)), length
    if words[0].isascii() and words[0].isdigit() and 2 <= int(words[0]) <= 50:
        return int(words[0]), 1
    return 0, 0


def _parse_ordinal(words: list[str], number: int) -> Quantity | None:
    """Parse the words after an ordinal: noun phrase and the side where counting starts."""
    for start in range(len(words)):
        side, length = longest_match(lex.SIDES, words, start)
        if not length:
            continue
        head = [w for w in words[:start] if w not in ("one", "ones")]
        return Quantity(pluralised(head), Ordinal(number, str(side)))
    if not words or (words[0] in ("of", "in", "on") and len(words) < 3):
        return None
    stop = next((i for i, w in enumerate(words) if i and w in ("on", "in", "of", "at")), len(words))
    head = [w for w in words[:stop] if w not in ("one", "ones")]
    return Quantity(pluralised(head), Ordinal(number))


def pluralised(words: list[str]) -> list[str]:
    """Return a noun phrase whose noun is in the plural."""
    at = _noun_index(words)
    return [*words[:at], plural_of(words[at]), *words[at + 1 :]] if words else []


def singularised(words: list[str]) -> list[str]:
    """Return a noun phrase whose noun is in the singular."""
    at = _noun_index(words)
    return [*words[:at], singular_of(words[at]), *words[at + 1 :]] if words else []


def _is_compared(words: list[str]) -> bool:
    """Return whether words are "leftmost cup"; "closest cup to the bowl" is told by a place."""
    if words[0] not in lex.COMPARED or len(words) < 2 or "to" in words or "from" in words:
        return False
    return not is_plural_noun(words[_noun_index(words)])


def _noun_index(words: list[str]) -> int:
    """Return the index of the head noun: the word before the first relation."""
    stops = lex.RELATIVES | {"of", "with", "for"}
    for i in range(1, len(words)):
        if words[i] in stops or any(
            longest_match(table, words, i)[1] for table in (lex.FROM, lex.WHERE)
        ):
            return i - 1
    return len(words) - 1


def plural_of(noun: str) -> str:
    """Return the plural of a noun; plural nouns stay as they are."""
    if noun in lex.IRREGULAR_PLURALS:
        return lex.IRREGULAR_PLURALS[noun]
    if is_plural_noun(noun):
        return noun
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return noun[:-1] + "ies"
    return noun + "s"


def singular_of(noun: str) -> str:
    """Return the singular of a noun; singular nouns stay as they are."""
    singulars = {plural: single for single, plural in lex.IRREGULAR_PLURALS.items()}
    if noun in singulars:
        return singulars[noun]
    if not is_plural_noun(noun):
        return noun
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-2] if noun.endswith(("sses", "xes", "ches", "shes", "zes")) else noun[:-1]


def is_plural_noun(noun: str) -> bool:
    """Return whether a noun is in the plural, by its form."""
    if noun in lex.PLURAL_WITHOUT_S or noun in lex.IRREGULAR_PLURALS.values():
        return True
    if noun in lex.SINGULAR_IN_S or noun.endswith(("ss", "us", "is", "'s")):
        return False
    return noun.endswith("s") and len(noun) > 2
