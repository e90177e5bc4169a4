"""Parse a free English command: the action, its target, its destination and its relations.

The stages are pure functions, each in a module of its own:
1. `planner_calls` writes JSON and function calls as English; `marks` removes Markdown, quotes and
   invisible characters; `speech_repairs` removes hesitations and applies corrections. They keep
   the offset of every character, so that spans index the text as it was given.
2. `utterances` finds texts that ask for nothing ("Thank you.").
3. `clause_splitting` splits the words into clauses, and `clauses` parses each one: a command, a
   bare name, a statement, or something that is forbidden. `exclusions`, `quantities` and
   `noun_phrases` parse its parts.
4. `references` resolves pronouns, and the clauses are merged here.

Unknown words are kept as they are. A text that is no command becomes a question that is answered
in words.

The main rules:
- "put A <preposition> B": the destination starts at the first "into", "onto" or "to". If there
  is none, it starts at the first preposition.
- "take, bring, give A to B": the destination starts only at "into", "onto" or "to".
- All other verbs: "the blue mug next to the plate" is one target, and "the plate" is an
  additional phrase of role "relation".
- "pick up A and put it on B" is one place command. Clauses that name other things add targets.
- The goal of a motion beside another command ("go to the kitchen and bring me the glass") is a
  destination.
- A pronoun alone names nothing. What is forbidden ("don't touch the cup") is excluded from the
  other clauses; alone it is a command to do nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from groma_ros.language import lexicon as lex
from groma_ros.language.clause import Clause
from groma_ros.language.clause_splitting import split_clauses
from groma_ros.language.clauses import parse_clause
from groma_ros.language.exclusions import excluded_adjective
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.marks import clean_marks, single_spaces
from groma_ros.language.noun_phrases import tokenise
from groma_ros.language.planner_calls import planner_to_english
from groma_ros.language.quantities import pluralised
from groma_ros.language.references import resolve_ones, resolve_pronouns
from groma_ros.language.speech_repairs import repair_speech
from groma_ros.language.utterances import asks_for_nothing
from groma_ros.values.commands import Command, CommandPhrase

MAX_CHARACTERS = 512


def parse_command(text: str) -> Command:
    """Parse `text` into a command whose spans index `text` as it was given.

    A text that is no command gets the action "ask" and no phrases; a text that asks for nothing
    or forbids something gets "none" or "stop", no phrases and a reason.
    Raises ValueError for a text that `check_text` refuses.
    """
    return _parse(check_text(text))


@lru_cache(maxsize=256)  # continuous mode asks the same again and again
def _parse(text: str) -> Command:
    clean = clean_marks(planner_to_english(MappedText.original(text)))
    clean = single_spaces(repair_speech(clean))
    command = _parse_clean(clean.text)
    if command.action == "none" and not command.reason:
        command = replace(command, reason=f'"{text.strip()}" asks for nothing')
    phrases = tuple(_with_original_span(p, clean) for p in command.phrases)
    return replace(command, text=text, phrases=phrases)


def check_text(text: str) -> str:
    """Return `text`. Raises ValueError unless it has 1 to 512 characters and a word."""
    if not isinstance(text, str):
        raise ValueError(  # noqa: TRY004
            f"a command is text, not {type(text).__name__}; give a str"
        )
    if not text.strip():
        raise ValueError('the command is empty; say what to do, such as "pick up the red cup"')
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"the command has {len(text)} characters and at most {MAX_CHARACTERS} are read; "
            "say it shorter"
        )
    for position, character in enumerate(text):
        control = ord(character) < 32 and character not in "\t\n\r"
        if control or 0xD800 <= ord(character) <= 0xDFFF:
            raise ValueError(
                f"character {position} of the command is U+{ord(character):04X}, which is not "
                "text; send plain text"
            )
    if not any(c.isalnum() for c in text):
        raise ValueError(f"the command {text.strip()!r} has no word in it; say what to do")
    return text


def _with_original_span(phrase: CommandPhrase, clean: MappedText) -> CommandPhrase:
    """Return a phrase whose spans index the original text."""
    excluded = tuple(_with_original_span(p, clean) for p in phrase.excluded)
    return replace(phrase, span=clean.original_span(*phrase.span), excluded=excluded)


def _parse_clean(text: str) -> Command:
    """Parse a text without marks; spans index it."""
    tokens = tokenise(text)
    if asks_for_nothing([t.word for t in tokens]):
        return Command(text, "none")
    tokens = [t for t in tokens if t.word not in lex.POLITE]
    clauses = [parse_clause(text, clause) for clause in split_clauses(tokens)]
    clauses = [_left_alone(c, clauses) for c in clauses if c.kind != "polite"]
    commands = resolve_pronouns(clauses)
    names = [c for c in clauses if c.kind == "name"]
    forbidden = [c for c in clauses if c.kind == "forbidden"]
    if not commands and len(names) == 1 and len(names) + len(forbidden) == len(clauses):
        commands = names
    if not commands:
        return _without_command(text, forbidden)
    unknown = [c.words for c in clauses if c.kind == "unknown"]
    command = _merge_clauses(text, commands)
    banned = tuple(replace(p, role=f"excluded {p.role}") for c in forbidden for p in c.phrases)
    reason = "not understood: " + quoted(unknown) if unknown else ""
    said = [p for c in clauses if c.kind in ("statement", "name") for p in c.phrases]
    phrases = _attach_exclusions([*command.phrases, *banned], said)
    return replace(command, phrases=phrases, reason=reason)


def _left_alone(clause: Clause, clauses: list[Clause]) -> Clause:
    """Return "leave the cup on the table" as forbidding beside another command, else as it is."""
    others = any(c.kind == "command" and c is not clause for c in clauses)
    if clause.kind != "command" or not clause.words.lower().startswith("leave ") or not others:
        return clause
    return replace(clause, kind="forbidden", action="none", phrases=clause.of_role("target"))


def _without_command(text: str, forbidden: list[Clause]) -> Command:
    """Return the command of a text that only forbids something, or that is a question."""
    if not forbidden:
        return Command(text, "ask")
    words = quoted([c.words for c in forbidden])
    return Command(text, forbidden[0].action, reason=f"{words} forbids an action and asks for none")


def quoted(texts: list[str]) -> str:
    """Return texts in quotes, separated by commas."""
    return ", ".join(f'"{text}"' for text in texts)


def _attach_exclusions(
    phrases: list[CommandPhrase], context: list[CommandPhrase]
) -> tuple[CommandPhrase, ...]:
    """Return the phrases with what is excluded of them; excluded phrases leave the list."""
    resolved = resolve_ones(phrases, context)
    kept = []
    for phrase in resolved:
        if phrase.role.startswith("excluded"):
            continue
        excluded = tuple(
            replace(p, role="excluded") for p in resolved if p.role == f"excluded {phrase.role}"
        )
        kept.append(_with_exclusions(phrase, excluded))
    return tuple(kept)


def _with_exclusions(phrase: CommandPhrase, excluded: tuple[CommandPhrase, ...]) -> CommandPhrase:
    """Return a phrase with what is excluded of it; "anything but the cup" means all the rest."""
    if not excluded:
        return phrase
    general = phrase.text.lower() in ("anything", "something") or phrase.everything
    several = phrase.plural or general
    excluded = tuple(
        replace(p, query=" ".join(pluralised(p.query.split())), plural=True)
        if several and excluded_adjective(p.text.lower().split())
        else p
        for p in excluded
    )
    return replace(phrase, excluded=excluded, everything=general)


def _merge_clauses(text: str, clauses: list[Clause]) -> Command:
    """Join clauses into one command.

    The first clause that handles a thing gives the action, unless a later clause continues with
    the same thing ("pick up the book and put it there": place). The goal of a motion clause
    becomes a destination.
    """
    acting = [c for c in clauses if c.action != "stop" or c.phrases] or clauses[:1]
    handling = [c for c in acting if c.action not in ("go", "look", "stop")] or acting
    chosen = handling[0]
    for clause in handling[1:]:
        named = {p.text.lower() for p in chosen.phrases}
        continues = all(p.text.lower() in named for p in clause.of_role("target"))
        chosen = Clause(
            chosen.kind,
            clause.action if continues else chosen.action,
            chosen.phrases + clause.phrases,
            clause.preposition or chosen.preposition,
        )
    goals = [p for c in acting if c not in handling for p in c.phrases]
    if any(p.role == "target" for p in chosen.phrases) or not any(c.refers for c in handling):
        goals = [replace(p, role="destination") if p.role == "target" else p for p in goals]
    order = ("target", "excluded target", "destination", "excluded destination", "relation")
    phrases = sorted((*chosen.phrases, *goals), key=lambda p: order.index(p.role))
    return Command(text, chosen.action, _without_repetition(phrases), chosen.preposition)


def _without_repetition(phrases: list[CommandPhrase]) -> tuple[CommandPhrase, ...]:
    """Return the phrases without those that name the same thing again, as plans do."""
    unique: dict[tuple[object, ...], CommandPhrase] = {}
    for phrase in phrases:
        first = phrase.text.lower().split()[0]
        another = first in ("a", "an", "another", "some", "one")
        unique.setdefault((phrase.span if another else phrase.text.lower(), phrase.role), phrase)
    return tuple(unique.values())
