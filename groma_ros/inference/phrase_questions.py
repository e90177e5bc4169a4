"""Decide what the model is asked for a phrase, and refuse phrases that it can't understand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from groma_ros.encoding import prompts
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.language.noun_phrases import with_quantity
from groma_ros.language.nouns import head_noun, nouns_for, with_general_noun
from groma_ros.language.trained_words import in_trained_words
from groma_ros.model.config import GromaConfig
from groma_ros.values.commands import Command, CommandPhrase

GENERAL_NOUN = "thing"


@dataclass(frozen=True)
class PhraseQuestion:
    """Hold the questions that answer one phrase.

    phrase    the phrase
    asked     the phrases to ask the model for: the phrase itself, then those it excludes
    names     the nouns of what is meant, where regions are told by their names; else empty
    by_name   whether every thing is looked at instead of asking for the phrase
    told_apart whether each region becomes a phrase of its own, by the name the model gives it
    refusal   why the model is not asked, or empty
    """

    phrase: CommandPhrase
    asked: tuple[CommandPhrase, ...] = ()
    names: frozenset[str] = frozenset()
    by_name: bool = False
    told_apart: bool = False
    refusal: str = ""


def questions_for(
    command: Command, config: GromaConfig, tokenizer: GromaTokenizer
) -> list[PhraseQuestion]:
    """Return the questions for each phrase of a command."""
    counting = command.action == "count"
    return [_question_for(phrase, counting, config, tokenizer) for phrase in command.phrases]


def _question_for(
    phrase: CommandPhrase, counting: bool, config: GromaConfig, tokenizer: GromaTokenizer
) -> PhraseQuestion:
    phrase = _in_known_words(phrase, config)
    excluded = [_in_known_words(p, config) for p in phrase.excluded]
    for one in excluded if phrase.everything else []:
        refusal = _refusal(one, config, tokenizer)
        if refusal:
            return PhraseQuestion(phrase, refusal=refusal)
    excluded = [p for p in excluded if not _refusal(p, config, tokenizer)]
    if phrase.everything:
        apart = phrase.plural and phrase.ordinal is None and not phrase.count and not counting
        return PhraseQuestion(phrase, tuple(excluded), by_name=True, told_apart=apart)
    serving = frozenset(nouns_for(phrase.purpose)) if not head_noun(phrase.query) else frozenset()
    if phrase.purpose and not head_noun(phrase.query) and config.known_nouns:
        known = serving & set(config.known_nouns)
        if not known:
            words = f'the model knows nothing for the purpose "{phrase.purpose}"'
            return PhraseQuestion(phrase, refusal=words)
        return PhraseQuestion(phrase, tuple(excluded), known, by_name=True)
    refusal = _refusal(phrase, config, tokenizer)
    if refusal:
        return PhraseQuestion(phrase, refusal=refusal)
    several = phrase.ordinal is not None or phrase.excluded
    asked = replace(phrase, plural=True) if several else phrase
    return PhraseQuestion(phrase, (asked, *excluded))


def _in_known_words(phrase: CommandPhrase, config: GromaConfig) -> CommandPhrase:
    """Return a phrase in the words that a model of a closed vocabulary knows."""
    if not config.known_nouns:
        return phrase
    query = in_trained_words(phrase.query)
    if query != phrase.query and not phrase.plural:
        phrase = with_quantity(replace(phrase, query=query), query.split())
        query = phrase.query
    if phrase.everything or phrase.purpose:
        return phrase
    if GENERAL_NOUN in config.known_nouns and not head_noun(query):
        query = with_general_noun(query, GENERAL_NOUN)
    return replace(phrase, query=query)


def _refusal(phrase: CommandPhrase, config: GromaConfig, tokenizer: GromaTokenizer) -> str:
    """Return why a phrase can't be asked for, or empty."""
    query = prompts.in_case(phrase.query, config.lowercase)
    if not tokenizer.can_read(query):
        unreadable = [word for word in phrase.query.split() if not tokenizer.can_read(word)]
        return f'the model\'s vocabulary cannot read "{(unreadable or [phrase.query])[0]}"'
    noun = head_noun(phrase.query)
    if config.known_nouns and noun not in config.known_nouns:
        return f'the model does not know the noun "{noun or phrase.query}"'
    return ""
