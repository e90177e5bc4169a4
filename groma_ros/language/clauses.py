"""Parse one clause of a command: its kind, and what it names, asks for or forbids."""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.clause import Clause, excluded_things
from groma_ros.language.clause_splitting import is_statement
from groma_ros.language.exclusions import starts_with_place, take_exclusion
from groma_ros.language.noun_phrases import (
    COMMAS,
    Token,
    head_words,
    parse_noun_phrases,
    preposition_length,
    source_text,
    strip_trailing_fillers,
    words_of,
)
from groma_ros.language.question_forms import parse_everything_question, parse_question
from groma_ros.language.utterances import asks_for_nothing
from groma_ros.language.verb_objects import parse_object, strip_manner
from groma_ros.language.verbs import object_starts, stems, strip_lead_in, verb_at
from groma_ros.language.word_tables import longest_match


def parse_clause(text: str, tokens: list[Token]) -> Clause:
    """Parse one clause."""
    return replace(_parse_kind(text, tokens), words=source_text(text, tokens))


def _parse_kind(text: str, tokens: list[Token]) -> Clause:
    if _is_reason(words_of(tokens)):
        return Clause("statement")
    condition = _condition_length(words_of(tokens))
    tokens = strip_lead_in(tokens[condition:])
    whole = parse_everything_question(text, tokens)
    if whole is not None and not condition:
        return whole
    tokens = strip_trailing_fillers(tokens)
    words = words_of(tokens)
    if not words:
        return Clause("polite")
    if condition:
        return _parse_statement(text, tokens)
    if words[:2] == ["never", "mind"]:
        return Clause("command", "stop")
    lead_in = tuple(words) in lex.LEAD_INS and verb_at(words)[0] is None
    if lead_in or asks_for_nothing(words) or tuple(words) in lex.REASSURANCES:
        return Clause("polite")
    if longest_match(lex.EXCLUSIONS, words)[1]:
        return _parse_fronted_exclusion(text, tokens)
    forbidden = _forbidden_length(words)
    if forbidden:
        return _parse_forbidden(text, tokens, forbidden)
    question = parse_question(text, tokens)
    if question is not None:
        return question
    verb, length = verb_at(words)
    if verb is None and (is_statement(words) or words[0] in lex.SUBORDINATE):
        return _parse_statement(text, tokens)
    if verb is None:
        fronted = _parse_fronted_place(text, tokens)
        if fronted is not None:
            return fronted
        length = _unknown_verb_length(words)
        if length == 0:
            return _parse_bare_noun_phrase(text, tokens)
        verb = verb_lists.Verb(words[0], "carry")
    if verb.frame == "words":
        return Clause("unknown")
    if verb.action == "place" and words[0] == "leave" and _stays(words):
        return _parse_forbidden(text, tokens, 1)
    return parse_object(text, verb, tokens[length:])


def _is_reason(words: list[str]) -> bool:
    """Return whether a clause gives a reason or a time: "because ...", "until you are done"."""
    if words[0] in ("so", "while", "until", "till", "before", "after"):
        follows = words[1:2] in (["that"], ["i"], ["we"], ["it"], ["you"])
        return follows and (words[0] == "so" or is_statement(words[1:]))
    return words[0] in lex.REASONS


def _condition_length(words: list[str]) -> int:
    """Return the length in words of "if" or "when" before a condition, or 0."""
    if words[:2] == ["if", "possible"] or (
        words[:2] == ["if", "you"] and words[2:3] in (["can"], ["could"], ["don't"], ["would"])
    ):
        return 0
    return longest_match(lex.CONDITIONS, words)[1]


def _stays(words: list[str]) -> bool:
    """Return whether "leave ..." means to touch nothing: "leave the red cup alone"."""
    ends = ("alone", "be", "untouched", "there", "as is", "in place")
    tail = " ".join(words)
    where = any(
        f" {w}" in tail for w in ("where it is", "where they are", "as it is", "as they are")
    )
    return where or tail.endswith(ends) or words[1:2] in (["it"], ["that"]) and len(words) == 2


def _forbidden_length(words: list[str]) -> int:
    """Return the length in words of the negation that starts a clause, or 0."""
    _, length = longest_match(lex.NEGATIONS, words)
    if length:
        following = words[length : length + 1]
        return 0 if words[0] == "no" and following and following[0] in COMMAS else length
    going_on = len(words) > 1 and words[1].endswith("ing") and len(words[1]) > 5
    if words[0] in ("stop", "quit", "avoid", "no") and going_on and stems(words[1])[1:]:
        return 1
    return 0


def _parse_forbidden(text: str, tokens: list[Token], length: int) -> Clause:
    """Parse what shall not be done; its things are excluded from the other clauses."""
    rest = strip_lead_in(tokens[length:])
    words = words_of(rest)
    for pointing in (["that"], ["this"], ["it"], ["that", "one"], ["this", "one"]):
        after = words[len(pointing) :]
        if words[: len(pointing)] == pointing and len(after) > 1 and after[0] in COMMAS:
            return _parse_kind(text, rest[len(pointing) + 1 :])  # "not that one, the green bottle"
    if "but" in words[1:-1]:
        return _parse_contrast(text, rest, words.index("but"))
    verb, verb_length = verb_at(words) if words else (None, 0)
    if verb is None and words[:1] == ["do"]:  # "don't do it": no verb of the lexicon
        verb_length = 1
    still = verb is not None and (verb.action in ("go", "turn", "stop") or verb.frame == "alone")
    moves = not words or words[0] in ("move", "do") or still
    rest = strip_manner(strip_trailing_fillers(rest[verb_length:]))
    if rest and words_of(rest)[-1] in ("alone", "be", "untouched", "there"):
        rest = rest[:-1]
    role = "destination" if starts_with_place(words_of(rest)) else "target"
    if role == "destination":
        rest = rest[preposition_length(words_of(rest), 0) :]
    things = [p for p in parse_noun_phrases(text, rest, role) if p.role == role] if rest else []
    return Clause("forbidden", "stop" if moves and not things else "none", tuple(things))


def _parse_contrast(text: str, tokens: list[Token], at: int) -> Clause:
    """Parse "(not) the red cup but the blue cup"; `at` is the index of "but"."""
    words = words_of(tokens)
    verb, length = verb_at(words[:at])
    banned = parse_noun_phrases(text, tokens[length:at], "target")
    banned = tuple(replace(p, role="excluded target") for p in banned if p.role == "target")
    meant = _parse_kind(text, tokens[at + 1 :])
    action = verb.action if verb is not None and meant.kind == "name" else meant.action
    kind = "command" if meant.kind == "name" else meant.kind
    return replace(meant, kind=kind, action=action, phrases=meant.phrases + banned)


def _parse_fronted_exclusion(text: str, tokens: list[Token]) -> Clause:
    """Parse "instead of the red cup take the blue one", or its first part alone."""
    words = words_of(tokens)
    length = longest_match(lex.EXCLUSIONS, words)[1]
    for at in range(length + 1, len(words)):
        verb, verb_length = verb_at(words[at:])
        rest = words[at + verb_length :]
        if verb is not None and rest and object_starts(rest):
            break
    else:
        at = len(words)
    things = [
        p for p in parse_noun_phrases(text, tokens[length:at], "target") if p.role == "target"
    ]
    if at == len(words):
        return Clause("forbidden", "none", tuple(things))
    clause = _parse_kind(text, tokens[at:])
    banned = tuple(replace(p, role="excluded target") for p in things)
    return replace(clause, phrases=clause.phrases + banned)


def _parse_statement(text: str, tokens: list[Token]) -> Clause:
    """Parse what is only said of things; a later pronoun may refer to them."""
    words = words_of(tokens)
    length = 0
    for table in (lex.INTRODUCTIONS, lex.EXISTENCE_QUESTIONS):
        length = max(length, longest_match(table, words)[1])
    if length:
        things = parse_noun_phrases(text, strip_trailing_fillers(tokens[length:]), "target")
        return Clause("statement", "", things)
    if words[0] in lex.SUBORDINATE | lex.SUBJECT_PRONOUNS | {"it's", "that's", "he's"}:
        return Clause("statement")
    end = next((i for i, w in enumerate(words) if i and w in lex.STATING), len(words))
    return Clause("statement", "", parse_noun_phrases(text, tokens[:end], "target"))


def _parse_fronted_place(text: str, tokens: list[Token]) -> Clause | None:
    """Parse "on the table take the apple": the place is a relation of the target."""
    words = words_of(tokens)
    length = preposition_length(words, 0)
    if not length and not longest_match(lex.FILLERS, words)[1]:
        return None
    if not length:
        length = longest_match(lex.FILLERS, words)[1] - 1
    for at in range(length, len(words)):
        if at == length and words[at] in lex.ADJECTIVES:
            continue
        verb, verb_length = verb_at(words[at:])
        rest = words[at + verb_length :]
        if verb is None or not rest or not object_starts(rest) or words[at - 1] in lex.DETERMINERS:
            continue
        clause = _parse_kind(text, tokens[at:])
        place = tokens[length:at]
        while place and place[-1].word in COMMAS:
            place = place[:-1]
        if clause.kind != "command" or words_of(place)[-1:] in (["scene"], ["picture"], ["image"]):
            return clause
        takes_place = verb.frame == "place" and not clause.of_role("destination")
        role = (
            "destination" if takes_place and tuple(words[:length]) not in lex.FROM else "relation"
        )
        found = tuple(p for p in parse_noun_phrases(text, place, role) if p.role == role)
        preposition = source_text(text, tokens[:length]) if role == "destination" else ""
        return replace(
            clause,
            phrases=clause.phrases + found,
            preposition=clause.preposition or (preposition if found else ""),
        )
    return None


def _unknown_verb_length(words: list[str]) -> int:
    """Return the length in words of an unlisted verb ("polish the table": 1), or 0."""
    first = words[0]
    if not first.isalpha() or first in lex.NO_VERBS or preposition_length(words, 0):
        return 0
    length = 2 if words[1:2] and words[1] in ("up", "down", "off", "out", "away") else 1
    rest = words[length:]
    if not rest or (rest[0] == "that" and rest[1:2] and rest[1] in lex.AUXILIARIES):
        return 0
    every = longest_match(lex.QUANTIFIERS, rest)[0] == "all"
    return length if every or rest[0] in lex.DETERMINERS | lex.PRONOUNS else 0


def _parse_bare_noun_phrase(text: str, tokens: list[Token]) -> Clause:
    """Parse a bare noun phrase ("the red cup"), or return an unknown clause."""
    kept, excluded = take_exclusion(tokens)
    if not kept and excluded:
        return Clause("forbidden", "none", parse_noun_phrases(text, excluded, "target"))
    words = words_of(kept)
    if (
        len(words) > 12
        or words[0] in lex.FUNCTION_WORDS
        or preposition_length(words, 0)
        or (words[0] in lex.PRONOUNS - lex.DETERMINERS and words[:2] != ["one", "of"])
    ):
        return Clause("unknown")
    head = head_words(words)
    if any(w in lex.NOT_IN_A_NAME for w in head if w != "can") or (head[0] == "can" and head[1:]):
        return Clause("unknown")
    found = parse_noun_phrases(text, kept, "target")
    found += excluded_things(text, excluded, "target") if found else ()
    return Clause("name", "find", found) if found else Clause("unknown")
