"""Resolve what the words of a command refer to: "it" to a thing, "the blue one" to a noun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language.clause import Clause
from groma_ros.language.exclusions import excluded_adjective, starts_with_place
from groma_ros.language.noun_phrases import head_words
from groma_ros.language.quantities import pluralised, singularised
from groma_ros.values.commands import CommandPhrase


def resolve_pronouns(clauses: Sequence[Clause]) -> list[Clause]:
    """Return the commands of `clauses`; a command about "it" gets the thing that was named last.

    The thing comes from the clause before ("the red cup, pick it up"; "I see a cup. Take it."),
    or else from the next one ("give it to me, the bottle").
    """
    resolved: list[Clause] = []
    for i, clause in enumerate(clauses):
        if clause.kind != "command":
            continue
        acted = any(c.of_role("target") for c in resolved)
        if clause.refers and not clause.of_role("target") and not acted:
            named = _last_named(clauses[:i]) or _next_named(clauses[i + 1 :])
            clause = replace(clause, phrases=named + clause.phrases)
        resolved.append(clause)
    return resolved


def _last_named(clauses: Sequence[Clause]) -> tuple[CommandPhrase, ...]:
    for clause in reversed(clauses):
        if clause.kind in ("name", "statement") and clause.phrases:
            return clause.phrases
    return ()


def _next_named(clauses: Sequence[Clause]) -> tuple[CommandPhrase, ...]:
    return clauses[0].phrases if clauses and clauses[0].kind == "name" else ()


def resolve_ones(
    phrases: Sequence[CommandPhrase], context: Sequence[CommandPhrase] = ()
) -> list[CommandPhrase]:
    """Return the phrases with a noun in the query of "the blue one".

    The noun is that of the nearest phrase before, in the order of the text, or else after it;
    `context` holds phrases that only give a noun. An excluded phrase without a noun ("not red",
    "not on the plate") gets one too.
    """
    ordered = sorted([*phrases, *context], key=lambda p: p.span)
    nouns = [(p.span[0], _noun_of(p)) for p in ordered if not _lacks_noun(p)]
    nouns = [(start, noun) for start, noun in nouns if noun[-1] not in lex.VIEWERS]
    resolved = []
    for phrase in phrases:
        if _lacks_noun(phrase) and nouns:
            before = [noun for start, noun in nouns if start < phrase.span[0]]
            phrase = _with_noun(phrase, before[-1] if before else nouns[0][1])
        resolved.append(phrase)
    return resolved


def _lacks_noun(phrase: CommandPhrase) -> bool:
    """Return whether a phrase says "one" for its noun, or excludes without a noun."""
    words = phrase.query.lower().split()
    head = head_words(words)
    one = head[-1] in ("one", "ones") or head[-1] in lex.PRONOUNS
    bare = excluded_adjective(words) or starts_with_place(words)
    return one or (phrase.role.startswith("excluded") and bare)


def _with_noun(phrase: CommandPhrase, noun: list[str]) -> CommandPhrase:
    """Return a phrase without a noun whose query has `noun`."""
    words = phrase.query.lower().split()
    if starts_with_place(words):
        return replace(phrase, query=" ".join(["the", *singularised(noun), *words]))
    head = head_words(words)
    one = head[-1] in ("one", "ones")
    described = head[:-1] if one else head
    if not described or described[0] not in lex.DETERMINERS:
        described = ["the", *described]
    if noun in (["something"], ["anything"], ["everything"]):
        noun = ["thing"]
    form = pluralised(noun) if head[-1] == "ones" else singularised(noun)
    return replace(phrase, query=" ".join([*described, *form, *words[len(head) :]]))


def _noun_of(phrase: CommandPhrase) -> list[str]:
    """Return the noun of a phrase without articles, adjectives and numbers."""
    head = head_words(phrase.query.lower().split())
    described = lex.DETERMINERS | lex.ADJECTIVES | lex.NUMBERS | set(lex.ORDINALS)
    described |= lex.SUPERLATIVES
    noun = [w for w in head if w not in described and not w.isdigit()]
    return noun or head[-1:]
