"""Parse a free English command: the action, its target, its destination and its relations.

The grammar is small and works in four steps. It splits the text into words with offsets, splits
the words into clauses, finds a question form or a verb of `lexicon.VERBS` in each clause, and
finds the noun phrases, which end at prepositions, conjunctions and the end of the clause. Unknown
words are kept as they are, so the model is still asked for a misspelt or unknown thing. A text
that is no command becomes a question that is answered in words.

The main rules:
- "put A <preposition> B": the destination starts at the first "into", "onto" or "to". If there
  is none, it starts at the first preposition.
- "take, bring, give A to B": the destination starts only at "into", "onto" or "to".
- All other verbs: "the blue mug next to the plate" is one target, and "the plate" is an
  additional phrase of role "relation".
- "pick up A and put it on B" is one place command. Clauses that name other things add targets.
- The goal of a motion beside another command ("go to the kitchen and bring me the glass") is a
  destination.
- A pronoun alone names nothing. A negated command ("don't touch that") is not carried out.
"""

from __future__ import annotations

from dataclasses import replace

from groma_ros.language import lexicon as lex
from groma_ros.language.clauses import Clause, parse_clause, split_clauses
from groma_ros.language.noun_phrases import tokenise
from groma_ros.values.commands import Command

MAX_CHARACTERS = 512


def parse_command(text: str) -> Command:
    """Parse `text` into a command whose spans index `text` as it was given.

    A text that is no command gets the action "ask" and no phrases.
    Raises ValueError for a text that `check_text` refuses.
    """
    check_text(text)
    tokens = [t for t in tokenise(text) if t.word not in lex.POLITE]
    clauses = [parse_clause(text, clause) for clause in split_clauses(tokens)]
    clauses = [c for c in clauses if c is not None]
    named = [c for c in clauses if c.action != "name"]
    if not clauses or (not named and len(clauses) > 1):
        return Command(text, "ask")
    if not named:
        return Command(text, "find", clauses[0].phrases)
    return _merge_clauses(text, named)


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
        continues = not any(p.role == "target" for p in clause.phrases)
        chosen = Clause(
            clause.action if continues else chosen.action,
            chosen.phrases + clause.phrases,
            clause.preposition or chosen.preposition,
        )
    goals = [p for c in acting if c not in handling for p in c.phrases]
    goals = [replace(p, role="destination") if p.role == "target" else p for p in goals]
    order = ("target", "destination", "relation")
    phrases = sorted((*chosen.phrases, *goals), key=lambda p: order.index(p.role))
    unique = {(p.span, p.role): p for p in phrases}
    return Command(text, chosen.action, tuple(unique.values()), chosen.preposition)
