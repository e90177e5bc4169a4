"""Read a free English command: what to do, with what, where to, and beside what.

A small grammar, in four steps: words with their offsets; clauses; in each clause a question form
or a verb of `lexicon.VERBS`; and noun phrases whose borders are prepositions, conjunctions and
the clause's end. Words it does not know are left as they are, so a misspelt or unheard-of thing
is still asked for. What is no command becomes a question to be answered in words.

Rules worth knowing:
- "put A <preposition> B": the first "into", "onto", "to" splits, else the first preposition.
- "take, bring, give A to B": only "into", "onto" and "to" split.
- every other verb: "the blue mug next to the plate" is one target, and "the plate" is given
  besides as a phrase of role "relation".
- "pick up A and put it on B" is one place command; clauses with other things add targets.
- where a motion comes beside ("go to the kitchen and bring me the glass"), its goal is a
  destination.
- a lone pronoun names nothing; a negated command ("don't touch that") is not carried out.
"""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language.clauses import Clause, read_clause, split_clauses
from groma_ros.language.noun_phrases import tokenise
from groma_ros.values.commands import Command

MAX_CHARACTERS = 512


def parse_command(text: str) -> Command:
    """Return the command that `text` holds; spans index `text` as it was given.

    A text that is no command gets the action "ask" and no phrase. Raise ValueError for what
    `check_text` refuses.
    """
    check_text(text)
    tokens = [t for t in tokenise(text) if t.word not in lex.POLITE]
    clauses = [read_clause(text, clause) for clause in split_clauses(tokens)]
    clauses = [c for c in clauses if c is not None]
    named = [c for c in clauses if c.action != "name"]
    if not clauses or (not named and len(clauses) > 1):
        return Command(text, "ask")
    if not named:
        return Command(text, "find", clauses[0].phrases)
    return _merge(text, named)


def check_text(text: str) -> str:
    """Return `text`; raise ValueError unless it is 1 to 512 characters of text with a word."""
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


def _merge(text: str, clauses: list[Clause]) -> Command:
    """Join clauses into one command.

    The first clause that handles a thing gives the action, unless a later one goes on with the
    same thing ("pick up the book and put it there": place). Where a clause goes somewhere, that
    place becomes a destination.
    """
    acting = [c for c in clauses if c.action != "stop" or c.phrases] or clauses[:1]
    handling = [c for c in acting if c.action not in ("go", "look", "stop")] or acting
    chosen = handling[0]
    for clause in handling[1:]:
        goes_on = not any(p.role == "target" for p in clause.phrases)
        chosen = Clause(
            clause.action if goes_on else chosen.action,
            chosen.phrases + clause.phrases,
            clause.preposition or chosen.preposition,
        )
    goals = [p for c in acting if c not in handling for p in c.phrases]
    goals = [replace(p, role="destination") if p.role == "target" else p for p in goals]
    order = ("target", "destination", "relation")
    phrases = sorted((*chosen.phrases, *goals), key=lambda p: order.index(p.role))
    unique = {(p.span, p.role): p for p in phrases}
    return Command(text, chosen.action, tuple(unique.values()), chosen.preposition)
