"""Split the words of a command into clauses."""

from __future__ import annotations

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.noun_phrases import (
    COMMAS,
    SENTENCE_ENDS,
    Token,
    head_words,
    preposition_length,
    words_of,
)
from groma_ros.language.verbs import strip_lead_in, verb_at, verb_follows
from groma_ros.language.word_tables import longest_match


def split_clauses(tokens: list[Token]) -> list[list[Token]]:
    """Split at sentence ends and wherever a new verb, statement, negation or name starts.

    Commands from speech recognisers have no marks: "pick up the apple put it in the bowl" splits
    before its second verb. Reasons and conditions at the end ("because ...") are clauses too.
    """
    clauses: list[list[Token]] = []
    current: list[Token] = []
    for i, token in enumerate(tokens):
        rest = tokens[i + 1 :]
        joins = token.word in ("and", "then", "but", "&") or token.word in COMMAS
        if joins and not current:
            continue
        if token.word in SENTENCE_ENDS or (joins and _clause_follows(token, rest, current)):
            clauses.append(current)
            current = []
            continue
        if current and _starts_clause(tokens[i:], current):
            clauses.append(current)
            current = []
        current.append(token)
    return [c for c in [*clauses, current] if c]


def _clause_follows(joint: Token, rest: list[Token], current: list[Token]) -> bool:
    """Return whether a clause starts after "and", "then", "but" or a comma."""
    if not rest or not current:
        return False
    words = words_of(rest)
    if joint.word in COMMAS and _fronted_place(words_of(strip_lead_in(current))):
        return False
    if words[0] == "not" or longest_match(lex.EXCLUSIONS, words)[1]:
        return False
    if joint.word == "but" and longest_match(lex.EXCLUSIONS, ["but", *words])[1]:
        return longest_match(lex.NEGATIONS, words)[1] > 0
    if verb_follows(rest) or _is_condition(words):
        return True
    if joint.word in ("then", "&"):
        return False
    if joint.word in COMMAS and _is_apposition(words, current):
        return True
    fronted = joint.word in COMMAS and _is_condition(words_of(current))
    return fronted or is_statement(words_of(_until_joint(strip_lead_in(rest))))


def _starts_clause(rest: list[Token], current: list[Token]) -> bool:
    """Return whether a clause starts at the next word, without a joint before it."""
    words, before = words_of(rest), words_of(current)
    if words[0] in lex.REASONS:
        return True
    if words[0] == "so" and words[1:2] in (["that"], ["i"], ["we"], ["it"], ["you"]):
        return True
    if words[0] in ("if", "when", "while", "until", "till", "before", "after"):
        return words[1:2] != [] and is_statement(words[1:])
    if words[0] in ("don't", "dont") or words[:2] == ["do", "not"]:
        return before[-1] not in lex.AUXILIARIES | lex.SUBJECTS | lex.RELATIVES
    return _run_on_verb(words, before)


def _run_on_verb(words: list[str], before: list[str]) -> bool:
    """Return whether an unmarked verb starts a clause: "... the apple put it in the bowl"."""
    verb, length = verb_at(words)
    rest = words[length:]
    if verb is None or verb.frame in ("alone", "words") or not rest:
        return False
    nouns = lex.DETERMINERS | lex.ADJECTIVES | lex.NUMBERS | lex.PARTICLES
    blocked = nouns | lex.SUBJECTS | lex.AUXILIARIES | lex.RELATIVES | lex.FUNCTION_WORDS
    blocked |= {"to", "and", "not", "never", "please", "just", "me", "us", "go", "come", "let's"}
    if before[-1] == "can" and before[-2:-1] and before[-2] in nouns - lex.PARTICLES:
        blocked -= {"can"}  # "grab the green can put it in the bowl"
    if (
        before[-1].endswith("n't")
        or before[-1] in blocked - {"up", "down", "away", "back", "over"}
        or before[-1] in COMMAS
    ):
        return False
    if longest_match(lex.LEAD_INS, words)[1] > length or words[0] in verb_lists.AMBIGUOUS_VERBS:
        return False
    if any(preposition_length(before, len(before) - n) == n for n in (1, 2) if n <= len(before)):
        return words[0] in ("pick", "put", "give", "bring", "take", "grab") and before[-1] in (
            "up", "down", "away", "back", "over",
        ) and rest[0] in lex.DETERMINERS | {"it", "them"}  # fmt: skip
    earlier_verb, at = verb_at(words_of_command(before))
    if _fronted_place(before):
        return False
    names = earlier_verb is not None and len(words_of_command(before)) > at
    named = names or _is_condition(before) or is_statement(before)
    starts = rest[0] in lex.DETERMINERS | {"it", "them", "me", "us"}
    starts = starts or (words[0] in ("put", "place", "drop") and preposition_length(rest, 0) > 0)
    return named and (starts or longest_match(lex.QUANTIFIERS, rest)[1] > 0)


def words_of_command(words: list[str]) -> list[str]:
    """Return words without the polite words before the command."""
    return words_of(strip_lead_in([Token(w, 0, 0) for w in words]))


def _fronted_place(words: list[str]) -> bool:
    """Return whether words are only a place, as in "on the table take the apple"."""
    return preposition_length(words, 0) > 0


def _is_condition(words: list[str]) -> bool:
    return longest_match(lex.CONDITIONS, words)[1] > 0


def _is_apposition(words: list[str], current: list[Token]) -> bool:
    """Return whether a noun phrase names the pronoun of the current clause.

    In "give it to me, the bottle" the bottle is "it".
    """
    if words[0] not in lex.DETERMINERS:
        return False
    before = words_of(strip_lead_in(current))
    verb, length = verb_at(before)
    objects = before[length:]
    while objects and objects[0] in lex.RECIPIENTS | lex.PARTICLES:
        objects = objects[1:]
    return verb is not None and objects[:1] and objects[0] in ("it", "them", "that", "this")


def _until_joint(tokens: list[Token]) -> list[Token]:
    """Return the tokens before the next comma, sentence end or "and"."""
    marks = COMMAS | SENTENCE_ENDS | {"and", "but", "so"}
    end = next((i for i, t in enumerate(tokens) if i and t.word in marks), len(tokens))
    return tokens[:end]


def is_statement(words: list[str]) -> bool:
    """Return whether words state something: "the cup is dirty", "I see a cup", "there is ..."."""
    if not words:
        return False
    if words[0] in lex.SUBJECT_PRONOUNS and len(words) > 1:
        following = longest_match(verb_lists.VERBS, words)[1]
        return not following
    if words[0] in ("there's", "here's", "that's", "it's", "he's", "she's", "i'm", "you're"):
        return True
    if words[:1] in (["there"], ["here"]):
        return words[1:2] != [] and words[1] in lex.AUXILIARIES
    if words[0] in lex.AUXILIARIES | lex.QUESTION_WORDS or verb_at(words)[0] is not None:
        return False
    head = head_words(words)
    for i, word in enumerate(words):
        if i and (word in lex.STATING or word.endswith("n't")):
            relative = any(w in lex.RELATIVES | lex.QUESTION_WORDS for w in words[:i])
            noun = any(w not in lex.DETERMINERS | lex.PRONOUNS for w in words[:i])
            if not relative and (noun or words[0] in ("this", "that")) and len(head) <= i + 8:
                return True
    return False
