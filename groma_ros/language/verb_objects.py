"""Parse the words after a verb: its target, its destination, and what they exclude."""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.clause import Clause, excluded_things
from groma_ros.language.exclusions import take_exclusion
from groma_ros.language.noun_phrases import (
    COMMAS,
    Token,
    find_prepositions,
    parse_noun_phrases,
    preposition_length,
    source_text,
    words_of,
)
from groma_ros.language.word_tables import longest_match


def parse_object(text: str, verb: verb_lists.Verb, tokens: list[Token]) -> Clause:
    """Parse the words after the verb: target, destination, and what they exclude."""
    action = verb.action
    words = words_of(tokens)
    if words and words[0] in lex.RECIPIENTS:
        action = "give" if action in ("pick", "get") else action
        tokens = tokens[1:]
    elif len(words) > 1 and words[0] in ("him", "her", "them") and words[1] in lex.DETERMINERS:
        tokens = tokens[1:]
    while tokens and tokens[0].word in COMMAS:
        tokens = tokens[1:]
    tokens = tokens[: _purpose_start(words_of(tokens))]
    tokens, excluded_tokens = take_exclusion(tokens, verb.frame)
    role = "place" if verb.frame == "place" else "target"
    more = excluded_things(text, excluded_tokens, role)
    tokens, excluded_tokens = take_exclusion(tokens, verb.frame)
    more += excluded_things(text, excluded_tokens, role)
    tokens = _drop_contrast(tokens)
    clause = _parse_roles(text, verb, action, tokens)
    refers = bool(tokens) and _is_pronoun_object(words_of(tokens))
    return replace(clause, phrases=clause.phrases + more, refers=refers)


def _drop_contrast(tokens: list[Token]) -> list[Token]:
    """Drop "but" before the thing that is meant: "not the red cup but the blue cup"."""
    return tokens[1:] if tokens and tokens[0].word == "but" else tokens


def _is_pronoun_object(words: list[str]) -> bool:
    """Return whether the object is a pronoun: "it", "them", "that up", "this one"."""
    while words and words[0] in lex.PARTICLES | {"all", "both"}:
        words = words[1:]
    if not words or words[0] not in ("it", "them", "that", "this", "these", "those"):
        return False
    if words[0] in ("it", "them") or len(words) == 1:
        return True
    return words[1] in lex.PARTICLES | {"one", "to", "into", "in", "here", "there", "please", ","}


def _parse_roles(text: str, verb: verb_lists.Verb, action: str, tokens: list[Token]) -> Clause:
    """Parse target, destination and relations of a verb from the words after it."""
    words = words_of(tokens)
    if verb.frame == "alone":
        at_a_place = bool(words) and preposition_length(words, 0) > 0
        return _parse_motion(text, action, tokens) if at_a_place else Clause("command", action)
    if action in verb_lists.MOVERS:
        going = _goes_somewhere(tokens)
        action = "go" if going else verb_lists.MOVERS[action]
        verb = verb_lists.Verb("go", "motion") if going else verb
    if verb.frame == "motion":
        return _parse_motion(text, action, tokens)
    if action == "give":
        second = _second_object_start(words)
        if second:
            target = parse_noun_phrases(text, tokens[second:], "target")
            person = parse_noun_phrases(text, tokens[:second], "destination")
            return Clause("command", action, target + person, "to")
    at, length = _find_destination(tokens, verb.frame)
    target = parse_noun_phrases(text, strip_manner(tokens[:at]), "target")
    if not length:
        return Clause("command", action, target)
    rest = tokens[at + length :]
    gap = _gapped_start(words_of(rest)) if verb.frame == "place" else len(rest)
    where = parse_noun_phrases(text, rest[:gap], "destination")
    end = at + length if where else len(tokens[: at + length]) + len(rest[:gap])
    if where and action == "pick":
        action = "place"
    clause = Clause("command", action, target + where, source_text(text, tokens[at:end]))
    if gap < len(rest):
        second = _parse_roles(text, verb, action, rest[gap + 1 :])
        clause = replace(clause, phrases=clause.phrases + second.phrases)
    return clause


def _gapped_start(words: list[str]) -> int:
    """Return the index of the "and" before a second pair, or the end.

    "(put the apple in) the bowl and the marker on the plate" has a second target after "and".
    """
    for i, word in enumerate(words):
        if word not in ("and", ",", "then") or i == 0 or words[i + 1 : i + 2] == []:
            continue
        if words[i + 1] in ("and", "then"):
            continue
        determined = words[i + 1] in lex.DETERMINERS
        between = any(w in lex.BETWEEN for w in words[:i])
        places = [
            at
            for at, length in find_prepositions(words[i + 1 :])
            if at and tuple(words[i + 1 + at : i + 1 + at + length]) in lex.PLACINGS
        ]
        if determined and places and not between:
            return i
    return len(words)


def strip_manner(tokens: list[Token]) -> list[Token]:
    """Drop how a thing is moved: "(turn the cup) upside down", "(lift the cup) up a bit"."""
    while len(tokens) > 1:
        words = words_of(tokens)
        length = max(
            (n for n in range(1, 6) if n < len(words) and tuple(words[-n:]) in lex.MANNERS),
            default=0,
        )
        if not length and words[-1] in ("degrees", "degree", "cm", "times", "inches"):
            length = 2
        if not length or length >= len(words):
            return tokens
        if length == 1 and words[-2] in lex.DETERMINERS | {"of", "to", "the", "at", "on", "from"}:
            return tokens
        if words[-length - 1] in (lex.RELATIVES | lex.AUXILIARIES) - {"can"}:
            return tokens
        tokens = tokens[:-length]
        while tokens and tokens[-1].word in COMMAS | {"by", "and"}:
            tokens = tokens[:-1]
    return tokens


def _purpose_start(words: list[str]) -> int:
    """Return the index where a purpose such as "to draw a circle" starts, or the end."""
    if words[:1] in (["something"], ["anything"]):
        return len(words)
    no_verbs = lex.DETERMINERS | lex.PRONOUNS | lex.ADJECTIVES | lex.PLACES
    for i in range(1, len(words) - 2):
        infinitive = words[i] == "to" and words[i + 1] not in no_verbs
        if infinitive and words[i + 2] in lex.DETERMINERS and not preposition_length(words, i + 1):
            return i
    return len(words)


def _second_object_start(words: list[str]) -> int:
    """Return the index of the second object in "the man the cup", or 0 if there is one object."""
    if words[:1] in (["something"], ["anything"]):
        return 0
    taken = {i for at, length in find_prepositions(words) for i in range(at, at + length + 1)}
    for i in range(2, len(words)):
        joined = words[i - 1] in lex.RELATIVES | {"and", "or", "of", "with"} | COMMAS
        joined = joined or words[i - 1] in ("then", "also", "afterwards", "finally")
        if words[i] in lex.DETERMINERS and words[i] != "that" and i not in taken and not joined:
            return i
    return 0


def _goes_somewhere(tokens: list[Token]) -> bool:
    """Return True for "to the door" and "left", False for "the box to the door"."""
    words = words_of(tokens)
    return not words or words[0] in lex.DIRECTIONS or longest_match(lex.INTO, words)[1] > 0


def _parse_motion(text: str, action: str, tokens: list[Token]) -> Clause:
    """Parse the goal of a motion; its target is the thing after the preposition."""
    words = words_of(tokens)
    while words and words[0] in lex.DIRECTIONS and not preposition_length(words, 0):
        tokens, words = tokens[1:], words[1:]
    length = preposition_length(words, 0) if words else 0
    target = parse_noun_phrases(text, tokens[length:], "target")
    return Clause("command", action, target, source_text(text, tokens[:length]))


def _find_destination(tokens: list[Token], frame: str) -> tuple[int, int]:
    """Return (index, length) of the preposition before a destination, or (end, 0)."""
    words = words_of(tokens)
    found = list(find_prepositions(words))
    if frame in ("place", "carry"):
        for at, length in found:
            preposition = tuple(words[at : at + length])
            direct = preposition in lex.INTO or preposition in lex.CLOSER
            if direct or (frame == "place" and words[at] == "to"):
                return at, length
    if frame == "place":
        for at, length in found:
            if tuple(words[at : at + length]) not in lex.FROM:
                return at, length
        if len(words) > 1 and words[-1] in lex.SIDEWAYS and words[-2] not in lex.DETERMINERS:
            return len(words) - 1, 1
    return len(tokens), 0
