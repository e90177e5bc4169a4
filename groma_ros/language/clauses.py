"""Read one clause of a command: what comes before it, question forms, verb, and its things."""

from __future__ import annotations

from dataclasses import dataclass, replace

from groma_ros.language import lexicon as lex
from groma_ros.language.noun_phrases import (
    COMMAS,
    SENTENCE_ENDS,
    Token,
    anchors,
    head_of,
    preposition_at,
    prepositions,
    read_things,
    strip_tail,
    text_of,
    words_of,
)
from groma_ros.values.commands import CommandPhrase


@dataclass(frozen=True)
class Clause:
    """Hold what one clause asks for; the action "name" is a bare noun phrase."""

    action: str
    phrases: tuple[CommandPhrase, ...] = ()
    preposition: str = ""


def split_clauses(tokens: list[Token]) -> list[list[Token]]:
    """Cut at sentence ends, and at "and", "then" or a comma before a new verb or a "don't"."""
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
    tokens = _strip_lead(tokens)
    verb, length = _verb_at(words_of(tokens))
    if verb is None:
        return lex.longest(lex.NEGATIONS, words_of(tokens))[1] > 0
    rest = words_of(tokens[length:])
    return not rest or verb.frame in ("alone", "motion") or _object_starts(rest)


def _object_starts(words: list[str]) -> bool:
    """Tell whether a noun phrase, a pronoun or a preposition starts here."""
    first = words[0]
    return (
        first in lex.DETERMINERS | lex.PRONOUNS | lex.NUMBERS | lex.EVERYTHING
        or lex.longest(lex.QUANTIFIERS, words)[1] > 0
        or (len(words) > 1 and (first in lex.PARTICLES or preposition_at(words, 0) > 0))
    )


def _verb_at(words: list[str]) -> tuple[lex.Verb | None, int]:
    """Return the verb at the start of `words` and its length in words."""
    if not words:
        return None, 0
    for stem in _stems(words[0]):
        verb, length = lex.longest(lex.VERBS, [stem, *words[1:4]])
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
    """Return the word and, for an -ing form, what it may come from ("putting": "put")."""
    if len(word) < 6 or not word.endswith("ing"):
        return [word]
    base = word[:-3]
    return [word, base, base + "e", base[:-1] if base[-1] == base[-2] else base]


def _strip_lead(tokens: list[Token]) -> list[Token]:
    """Drop what comes before the command itself: "hey robot, could you ..."."""
    while tokens:
        words = words_of(tokens)
        _, length = lex.longest(lex.LEAD_INS, words)
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
    """Keep "show me the cup", "wait", "there is ..." and "right cup" from being dropped."""
    words = words_of(tokens)
    rest = [w for w in words[length:] if w not in COMMAS]
    lead = tuple(words[:length])
    if lead in (("show", "me"), ("can", "you", "show", "me"), ("tell", "me")):
        return not rest or not lex.longest(lex.PLACE_QUESTIONS, rest)[1]
    if lead in (("there",), ("right",), ("good",), ("great",), ("first",), ("next",), ("no",)):
        return words[length : length + 1] != [","] and not _verb_follows(tokens[length:])
    return not rest


def read_clause(text: str, tokens: list[Token]) -> Clause | None:
    """Return what one clause asks for, or None where it is no command."""
    tokens = strip_tail(_strip_lead(tokens))
    words = words_of(tokens)
    negated = bool(words) and lex.longest(lex.NEGATIONS, words)[1]
    if not words or (negated and words != ["never", "mind"]):
        return None
    question = _read_question(text, tokens)
    if question is not None:
        return question
    verb, length = _verb_at(words)
    if verb is None:
        length = _unknown_verb(words)
        if length == 0:
            return _read_name(text, tokens)
        verb = lex.Verb(words[0], "carry")
    if verb.frame == "words":
        return None
    return _read_object(text, verb, tokens[length:])


def _read_question(text: str, tokens: list[Token]) -> Clause | None:
    """Read the questions that a box answers: where, is there, how many."""
    words = words_of(tokens)
    _, length = lex.longest(lex.PLACE_QUESTIONS, words)
    if length:
        length += _question_verb(words[length:])
        if words[length : length + 1] == ["to"]:
            return None
        rest = tokens[length:]
        while rest and rest[-1].word in lex.PLACE_QUESTION_ENDS:
            rest = rest[:-1]
        return Clause("find", read_things(text, rest, "target"))
    _, length = lex.longest(lex.EXISTENCE_QUESTIONS, words)
    if length and not words[0].startswith("there"):
        rest = tokens[length:-1] if words[-1] in ("left", "available") else tokens[length:]
        return Clause("find", read_things(text, rest, "target"))
    _, length = lex.longest(lex.COUNT_QUESTIONS, words)
    if length:
        rest = tokens[length:]
        end = next((i for i, t in enumerate(rest) if t.word in lex.AUXILIARIES), len(rest))
        found = read_things(text, rest[:end], "target")
        found = tuple(replace(p, plural=p.plural or p.role == "target") for p in found)
        return Clause("count", found + anchors(text, rest[end:]))
    return None


def _question_verb(words: list[str]) -> int:
    """Return how many words "is", "can I find" or "did you put" take after "where"."""
    subject = 1 if words[:1] and words[0] in lex.AUXILIARIES else 0
    if words[subject : subject + 1] and words[subject] in lex.SUBJECTS:
        seeking = words[subject + 1 : subject + 2]
        return subject + 1 + (bool(seeking) and seeking[0] in lex.SEEKING)
    return subject if len(words) > 1 and words[0] != "can" else 0


def _unknown_verb(words: list[str]) -> int:
    """Return how many words an unlisted verb takes ("polish the table": 1), or 0."""
    first = words[0]
    if not first.isalpha() or first in lex.NO_VERBS or preposition_at(words, 0):
        return 0
    length = 2 if words[1:2] and words[1] in ("up", "down", "off", "out", "away") else 1
    rest = words[length:]
    if not rest or (rest[0] == "that" and rest[1:2] and rest[1] in lex.AUXILIARIES):
        return 0
    every = lex.longest(lex.QUANTIFIERS, rest)[0] == "all"
    return length if every or rest[0] in lex.DETERMINERS | lex.PRONOUNS else 0


def _read_name(text: str, tokens: list[Token]) -> Clause | None:
    """Read a bare noun phrase ("the red cup"), or return None."""
    words = words_of(tokens)
    if (
        len(words) > 12
        or words[0] in lex.FUNCTION_WORDS
        or preposition_at(words, 0)
        or words[0] in lex.PRONOUNS - lex.DETERMINERS
    ):
        return None
    head = head_of(words)
    if any(w in lex.NOT_IN_A_NAME for w in head if w != "can") or (head[0] == "can" and head[1:]):
        return None
    found = read_things(text, tokens, "target")
    return Clause("name", found) if found else None


def _read_object(text: str, verb: lex.Verb, tokens: list[Token]) -> Clause:
    """Read what follows the verb: target, destination, and the anchors of relations."""
    action = verb.action
    words = words_of(tokens)
    if words and words[0] in lex.RECIPIENTS:
        action = "give" if action in ("pick", "get") else action
        tokens = tokens[1:]
    elif len(words) > 1 and words[0] in ("him", "her", "them") and words[1] in lex.DETERMINERS:
        tokens = tokens[1:]
    tokens = tokens[: _purpose_at(words_of(tokens))]
    if verb.frame == "alone":
        at_a_place = bool(words) and preposition_at(words, 0) > 0
        return _read_motion(text, action, tokens) if at_a_place else Clause(action)
    if action in lex.MOVERS:
        going = _goes_somewhere(tokens)
        action, verb = ("go", lex.Verb("go", "motion")) if going else (lex.MOVERS[action], verb)
    if verb.frame == "motion":
        return _read_motion(text, action, tokens)
    if action == "give":
        gift = _second_object(words_of(tokens))
        if gift:
            target = read_things(text, tokens[gift:], "target")
            return Clause(action, target + read_things(text, tokens[:gift], "destination"), "to")
    at, length = _destination_at(tokens, verb.frame)
    target = read_things(text, tokens[:at], "target")
    if not length:
        return Clause(action, target)
    where = read_things(text, tokens[at + length :], "destination")
    end = at + length if where else len(tokens)
    if where and action == "pick":
        action = "place"
    return Clause(action, target + where, text_of(text, tokens[at:end]))


def _purpose_at(words: list[str]) -> int:
    """Return where "to draw a circle" starts, which tells what for rather than where to."""
    no_verbs = lex.DETERMINERS | lex.PRONOUNS | lex.ADJECTIVES | lex.PLACES
    for i in range(1, len(words) - 2):
        infinitive = words[i] == "to" and words[i + 1] not in no_verbs
        if infinitive and words[i + 2] in lex.DETERMINERS and not preposition_at(words, i + 1):
            return i
    return len(words)


def _second_object(words: list[str]) -> int:
    """Return where the gift starts in "the man the cup", 0 where only one thing is named."""
    taken = {i for at, length in prepositions(words) for i in range(at, at + length + 1)}
    for i in range(2, len(words)):
        joined = words[i - 1] in lex.RELATIVES | {"and", "or", "of", "with"} | COMMAS
        if words[i] in lex.DETERMINERS and words[i] != "that" and i not in taken and not joined:
            return i
    return 0


def _goes_somewhere(tokens: list[Token]) -> bool:
    """Tell "move to the door" and "move left" from "move the box to the door"."""
    words = words_of(tokens)
    return not words or words[0] in lex.DIRECTIONS or lex.longest(lex.INTO, words)[1] > 0


def _read_motion(text: str, action: str, tokens: list[Token]) -> Clause:
    """Read where a motion leads: its target is the thing after the preposition."""
    words = words_of(tokens)
    while words and words[0] in lex.DIRECTIONS and not preposition_at(words, 0):
        tokens, words = tokens[1:], words[1:]
    length = preposition_at(words, 0) if words else 0
    target = read_things(text, tokens[length:], "target")
    return Clause(action, target, text_of(text, tokens[:length]))


def _destination_at(tokens: list[Token], frame: str) -> tuple[int, int]:
    """Return (index, length) of the preposition that starts a destination, or (end, 0)."""
    words = words_of(tokens)
    found = list(prepositions(words))
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
