"""Parse one clause of a command: its lead-in, question form or verb, and its noun phrases."""

from __future__ import annotations

from dataclasses import dataclass, replace

from groma_ros.language import lexicon as lex
from groma_ros.language.noun_phrases import (
    COMMAS,
    SENTENCE_ENDS,
    Token,
    find_prepositions,
    head_words,
    parse_noun_phrases,
    preposition_length,
    relation_anchors,
    source_text,
    strip_trailing_fillers,
    words_of,
)
from groma_ros.values.commands import CommandPhrase


@dataclass(frozen=True)
class Clause:
    """Hold the parse of one clause.

    action      as in `Command`; "name" marks a bare noun phrase
    phrases     the noun phrases of the clause, in the order they were found
    preposition the words that join target and destination, or empty
    """

    action: str
    phrases: tuple[CommandPhrase, ...] = ()
    preposition: str = ""


def split_clauses(tokens: list[Token]) -> list[list[Token]]:
    """Split at sentence ends, and at "and", "then" or a comma before a verb or a "don't"."""
    clauses, current = [], []
    for i, token in enumerate(tokens):
        joins = token.word in ("and", "then", "&") or token.word in COMMAS
        if token.word in SENTENCE_ENDS or (joins and _verb_follows(tokens[i + 1 :])):
            clauses.append(current)
            current = []
        else:
            current.append(token)
    return [c for c in [*clauses, current] if c]


def _verb_follows(tokens: list[Token]) -> bool:
    tokens = strip_lead_in(tokens)
    verb, length = _verb_at(words_of(tokens))
    if verb is None:
        return lex.longest_match(lex.NEGATIONS, words_of(tokens))[1] > 0
    rest = words_of(tokens[length:])
    return not rest or verb.frame in ("alone", "motion") or _object_starts(rest)


def _object_starts(words: list[str]) -> bool:
    """Return whether `words` start with a noun phrase, a pronoun or a preposition."""
    first = words[0]
    return (
        first in lex.DETERMINERS | lex.PRONOUNS | lex.NUMBERS | lex.EVERYTHING
        or lex.longest_match(lex.QUANTIFIERS, words)[1] > 0
        or (len(words) > 1 and (first in lex.PARTICLES or preposition_length(words, 0) > 0))
    )


def _verb_at(words: list[str]) -> tuple[lex.Verb | None, int]:
    """Return the verb at the start of `words` and its length in words."""
    if not words:
        return None, 0
    for stem in _stems(words[0]):
        verb, length = lex.longest_match(lex.VERBS, [stem, *words[1:4]])
        if verb is None:
            continue
        rest = words[length:]
        if rest and rest[0] == "of":
            continue
        doubtful = length == 1 and (stem in lex.HOMONYMS or stem != words[0])
        if doubtful and rest and not _object_starts(rest):
            continue
        return verb, length
    return None, 0


def _stems(word: str) -> list[str]:
    """Return the word and, for an -ing form, its possible stems ("putting": "put")."""
    if len(word) < 6 or not word.endswith("ing"):
        return [word]
    base = word[:-3]
    return [word, base, base + "e", base[:-1] if base[-1] == base[-2] else base]


def strip_lead_in(tokens: list[Token]) -> list[Token]:
    """Drop the words before the command itself: "hey robot, could you ..."."""
    while tokens:
        words = words_of(tokens)
        _, length = lex.longest_match(lex.LEAD_INS, words)
        if words[0] in COMMAS or words[0] == "please":
            length = 1
        elif length == 0 and words[0] in ("go", "come"):
            skip = 2 if words[1:2] == ["and"] else 1
            verb, _ = _verb_at(words[skip:])
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
        return not rest or not lex.longest_match(lex.PLACE_QUESTIONS, rest)[1]
    if lead in (("there",), ("right",), ("good",), ("great",), ("first",), ("next",), ("no",)):
        return words[length : length + 1] != [","] and not _verb_follows(tokens[length:])
    return not rest


def parse_clause(text: str, tokens: list[Token]) -> Clause | None:
    """Parse one clause; return None if it is no command."""
    tokens = strip_trailing_fillers(strip_lead_in(tokens))
    words = words_of(tokens)
    negated = bool(words) and lex.longest_match(lex.NEGATIONS, words)[1]
    if not words or (negated and words != ["never", "mind"]):
        return None
    question = _parse_question(text, tokens)
    if question is not None:
        return question
    verb, length = _verb_at(words)
    if verb is None:
        length = _unknown_verb_length(words)
        if length == 0:
            return _parse_bare_noun_phrase(text, tokens)
        verb = lex.Verb(words[0], "carry")
    if verb.frame == "words":
        return None
    return _parse_object(text, verb, tokens[length:])


def _parse_question(text: str, tokens: list[Token]) -> Clause | None:
    """Parse the questions that a box answers: where, is there, how many."""
    words = words_of(tokens)
    _, length = lex.longest_match(lex.PLACE_QUESTIONS, words)
    if length:
        length += _question_verb_length(words[length:])
        if words[length : length + 1] == ["to"]:
            return None
        rest = tokens[length:]
        while rest and rest[-1].word in lex.PLACE_QUESTION_ENDS:
            rest = rest[:-1]
        return Clause("find", parse_noun_phrases(text, rest, "target"))
    _, length = lex.longest_match(lex.EXISTENCE_QUESTIONS, words)
    if length and not words[0].startswith("there"):
        rest = tokens[length:-1] if words[-1] in ("left", "available") else tokens[length:]
        return Clause("find", parse_noun_phrases(text, rest, "target"))
    _, length = lex.longest_match(lex.COUNT_QUESTIONS, words)
    if length:
        rest = tokens[length:]
        end = next((i for i, t in enumerate(rest) if t.word in lex.AUXILIARIES), len(rest))
        found = parse_noun_phrases(text, rest[:end], "target")
        found = tuple(replace(p, plural=p.plural or p.role == "target") for p in found)
        return Clause("count", found + relation_anchors(text, rest[end:]))
    return None


def _question_verb_length(words: list[str]) -> int:
    """Return the length in words of "is", "can I find" or "did you put" after "where"."""
    subject = 1 if words[:1] and words[0] in lex.AUXILIARIES else 0
    if words[subject : subject + 1] and words[subject] in lex.SUBJECTS:
        seeking = words[subject + 1 : subject + 2]
        return subject + 1 + (bool(seeking) and seeking[0] in lex.SEEKING)
    return subject if len(words) > 1 and words[0] != "can" else 0


def _unknown_verb_length(words: list[str]) -> int:
    """Return the length in words of an unlisted verb ("polish the table": 1), or 0."""
    first = words[0]
    if not first.isalpha() or first in lex.NO_VERBS or preposition_length(words, 0):
        return 0
    length = 2 if words[1:2] and words[1] in ("up", "down", "off", "out", "away") else 1
    rest = words[length:]
    if not rest or (rest[0] == "that" and rest[1:2] and rest[1] in lex.AUXILIARIES):
        return 0
    every = lex.longest_match(lex.QUANTIFIERS, rest)[0] == "all"
    return length if every or rest[0] in lex.DETERMINERS | lex.PRONOUNS else 0


def _parse_bare_noun_phrase(text: str, tokens: list[Token]) -> Clause | None:
    """Parse a bare noun phrase ("the red cup"); return None if `tokens` are something else."""
    words = words_of(tokens)
    if (
        len(words) > 12
        or words[0] in lex.FUNCTION_WORDS
        or preposition_length(words, 0)
        or words[0] in lex.PRONOUNS - lex.DETERMINERS
    ):
        return None
    head = head_words(words)
    if any(w in lex.NOT_IN_A_NAME for w in head if w != "can") or (head[0] == "can" and head[1:]):
        return None
    found = parse_noun_phrases(text, tokens, "target")
    return Clause("name", found) if found else None


def _parse_object(text: str, verb: lex.Verb, tokens: list[Token]) -> Clause:
    """Parse the words after the verb: target, destination, and the anchors of relations."""
    action = verb.action
    words = words_of(tokens)
    if words and words[0] in lex.RECIPIENTS:
        action = "give" if action in ("pick", "get") else action
        tokens = tokens[1:]
    elif len(words) > 1 and words[0] in ("him", "her", "them") and words[1] in lex.DETERMINERS:
        tokens = tokens[1:]
    tokens = tokens[: _purpose_start(words_of(tokens))]
    if verb.frame == "alone":
        at_a_place = bool(words) and preposition_length(words, 0) > 0
        return _parse_motion(text, action, tokens) if at_a_place else Clause(action)
    if action in lex.MOVERS:
        going = _goes_somewhere(tokens)
        action, verb = ("go", lex.Verb("go", "motion")) if going else (lex.MOVERS[action], verb)
    if verb.frame == "motion":
        return _parse_motion(text, action, tokens)
    if action == "give":
        second = _second_object_start(words_of(tokens))
        if second:
            target = parse_noun_phrases(text, tokens[second:], "target")
            return Clause(
                action, target + parse_noun_phrases(text, tokens[:second], "destination"), "to"
            )
    at, length = _find_destination(tokens, verb.frame)
    target = parse_noun_phrases(text, tokens[:at], "target")
    if not length:
        return Clause(action, target)
    where = parse_noun_phrases(text, tokens[at + length :], "destination")
    end = at + length if where else len(tokens)
    if where and action == "pick":
        action = "place"
    return Clause(action, target + where, source_text(text, tokens[at:end]))


def _purpose_start(words: list[str]) -> int:
    """Return the index where a purpose such as "to draw a circle" starts, or the end."""
    no_verbs = lex.DETERMINERS | lex.PRONOUNS | lex.ADJECTIVES | lex.PLACES
    for i in range(1, len(words) - 2):
        infinitive = words[i] == "to" and words[i + 1] not in no_verbs
        if infinitive and words[i + 2] in lex.DETERMINERS and not preposition_length(words, i + 1):
            return i
    return len(words)


def _second_object_start(words: list[str]) -> int:
    """Return the index of the second object in "the man the cup", or 0 if there is one object."""
    taken = {i for at, length in find_prepositions(words) for i in range(at, at + length + 1)}
    for i in range(2, len(words)):
        joined = words[i - 1] in lex.RELATIVES | {"and", "or", "of", "with"} | COMMAS
        if words[i] in lex.DETERMINERS and words[i] != "that" and i not in taken and not joined:
            return i
    return 0


def _goes_somewhere(tokens: list[Token]) -> bool:
    """Return True for "to the door" and "left", False for "the box to the door"."""
    words = words_of(tokens)
    return not words or words[0] in lex.DIRECTIONS or lex.longest_match(lex.INTO, words)[1] > 0


def _parse_motion(text: str, action: str, tokens: list[Token]) -> Clause:
    """Parse the goal of a motion; its target is the thing after the preposition."""
    words = words_of(tokens)
    while words and words[0] in lex.DIRECTIONS and not preposition_length(words, 0):
        tokens, words = tokens[1:], words[1:]
    length = preposition_length(words, 0) if words else 0
    target = parse_noun_phrases(text, tokens[length:], "target")
    return Clause(action, target, source_text(text, tokens[:length]))


def _find_destination(tokens: list[Token], frame: str) -> tuple[int, int]:
    """Return (index, length) of the preposition before a destination, or (end, 0)."""
    words = words_of(tokens)
    found = list(find_prepositions(words))
    if frame in ("place", "carry"):
        for at, length in found:
            direct = tuple(words[at : at + length]) in lex.INTO
            if direct or (frame == "place" and words[at] == "to"):
                return at, length
    if frame == "place":
        for at, length in found:
            if tuple(words[at : at + length]) not in lex.FROM:
                return at, length
        if len(words) > 1 and words[-1] in lex.SIDEWAYS and words[-2] not in lex.DETERMINERS:
            return len(words) - 1, 1
    return len(tokens), 0
