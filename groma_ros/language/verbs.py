"""Find the verb of a clause, and drop the polite words before it."""

from __future__ import annotations

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.noun_phrases import COMMAS, Token, preposition_length, words_of
from groma_ros.language.word_tables import longest_match

_NO_LEAD_INS = (
    verb_lists.VERBS,
    lex.EXISTENCE_QUESTIONS,
    lex.EVERYTHING_QUESTIONS,
    lex.COUNT_QUESTIONS,
    lex.PLACE_QUESTIONS,
    lex.NEGATIONS,
    lex.EXCLUSIONS,
)


def verb_follows(tokens: list[Token]) -> bool:
    tokens = strip_lead_in(tokens)
    verb, length = verb_at(words_of(tokens))
    if verb is None:
        return longest_match(lex.NEGATIONS, words_of(tokens))[1] > 0
    rest = words_of(tokens[length:])
    return not rest or verb.frame in ("alone", "motion") or object_starts(rest)


def object_starts(words: list[str]) -> bool:
    """Return whether `words` start with a noun phrase, a pronoun or a preposition."""
    first = words[0]
    if first in ("only", "just") and words[1:]:
        return object_starts(words[1:])
    return (
        first in lex.DETERMINERS | lex.PRONOUNS | lex.NUMBERS | lex.EVERYTHING
        or longest_match(lex.QUANTIFIERS, words)[1] > 0
        or (len(words) > 1 and (first in lex.PARTICLES or preposition_length(words, 0) > 0))
    )


def verb_at(words: list[str]) -> tuple[verb_lists.Verb | None, int]:
    """Return the verb at the start of `words` and its length in words."""
    if not words:
        return None, 0
    for stem in stems(words[0]):
        verb, length = longest_match(verb_lists.VERBS, [stem, *words[1:8]])
        if verb is None:
            continue
        rest = words[length:]
        if rest and rest[0] == "of":
            continue
        doubtful = length == 1 and (stem in verb_lists.HOMONYMS or stem != words[0])
        if doubtful and rest and not object_starts(rest):
            continue
        return verb, length
    return None, 0


def stems(word: str) -> list[str]:
    """Return the word and, for an -ing form, its possible stems ("putting": "put")."""
    if len(word) < 6 or not word.endswith("ing"):
        return [word]
    base = word[:-3]
    return [word, base, base + "e", base[:-1] if base[-1] == base[-2] else base]


def strip_lead_in(tokens: list[Token]) -> list[Token]:
    """Drop the words before the command itself: "hey robot, could you ..."."""
    while tokens:
        words = words_of(tokens)
        _, length = longest_match(lex.LEAD_INS, words)
        if length and any(longest_match(table, words)[1] > length for table in _NO_LEAD_INS):
            return tokens
        if words[0] in COMMAS or words[0] == "please":
            length = 1
        elif length == 0 and words[0] in ("go", "come"):
            skip = 2 if words[1:2] == ["and"] else 1
            verb, _ = verb_at(words[skip:])
            length = skip if verb is not None and verb.frame != "motion" else 0
        elif length and _is_command_itself(tokens, length):
            length = 0
        if length == 0:
            return tokens
        tokens = tokens[length:]
    return tokens


def _is_command_itself(tokens: list[Token], length: int) -> bool:
    """Return whether a lead-in is the command: "show me the cup", "wait", "right cup"."""
    words = words_of(tokens)
    rest = [w for w in words[length:] if w not in COMMAS]
    lead = tuple(words[:length])
    if lead in (("show", "me"), ("can", "you", "show", "me"), ("tell", "me")):
        questions = (lex.PLACE_QUESTIONS, lex.COUNT_QUESTIONS, lex.EVERYTHING_QUESTIONS)
        return not rest or not any(longest_match(table, rest)[1] for table in questions)
    if lead == ("no",) and words[1:2] and words[1].endswith("ing"):
        return True
    if lead in (("first",), ("next",)) and rest and rest[0] in lex.DETERMINERS:
        return False
    if lead in (("there",), ("right",), ("good",), ("great",), ("first",), ("next",), ("no",)):
        return words[length : length + 1] != [","] and not verb_follows(tokens[length:])
    return not rest
