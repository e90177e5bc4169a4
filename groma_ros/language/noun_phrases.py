"""Find the noun phrases of a command: words, prepositions, things and what they stand beside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from groma_ros.language import lexicon as lex
from groma_ros.values.commands import CommandPhrase

_TOKEN = re.compile(r"[.,;:!?()\n]|(?:[^\s.,;:!?()]|(?<=\d)[.,:](?=\d))+")
SENTENCE_ENDS = frozenset(".;!?\n")
COMMAS = frozenset(",:()") | {"-", "–", "—"}
_MARKS = SENTENCE_ENDS | COMMAS | {"&"}
_QUOTES = '"“”'


@dataclass(frozen=True)
class Token:
    """Hold one word or mark: lower-case form and (start, end) offsets in the command."""

    word: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """Return the words and marks of `text` in order, with offsets; quotes belong to words.

    What is neither a word nor a mark of the grammar, such as an emoji, is left out.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        word = match.group().lower().replace("’", "'").strip(_QUOTES)
        if any(c.isalnum() for c in word) or word in _MARKS:
            tokens.append(Token(word, match.start(), match.end()))
    return tokens


def words_of(tokens: list[Token]) -> list[str]:
    return [t.word for t in tokens]


def strip_tail(tokens: list[Token]) -> list[Token]:
    """Drop commas, "for me", "right now" and the like from the end."""
    while tokens:
        words = words_of(tokens)
        if words[-1] in COMMAS or words[-1] in lex.POLITE:
            tokens = tokens[:-1]
            continue
        length = max(
            (n for n in range(1, 6) if tuple(words[-n:]) in lex.FILLERS and n < len(words)),
            default=0,
        )
        if length == 0:
            return tokens
        tokens = tokens[:-length]
    return tokens


def prepositions(words: list[str]):
    """Yield (index, length) of every preposition, left to right."""
    at = 0
    while at < len(words):
        length = preposition_at(words, at)
        if length and at + length < len(words):
            yield at, length
        at += length or 1


def preposition_at(words: list[str], at: int) -> int:
    """Return the length in words of the preposition at `at`, 0 where there is none."""
    end = at + 1
    following = words[end] if end < len(words) else ""
    if words[at] in ("nearest", "before") and following != "to":
        return int(following in lex.DETERMINERS)
    if words[at] in ("to", "on", "in", "at", "from", "by", "near") and words[end : end + 1] == [
        "the"
    ]:
        end += 1
        while words[end : end + 1] and words[end] in lex.ADJECTIVES - lex.PLACES | {"far", "near"}:
            end += 1
        while words[end : end + 1] and words[end] in lex.PLACES | {"hand"}:
            end += 1
            if words[end : end + 1] == ["of"]:
                return end + 1 - at
    return max(lex.longest(table, words, at)[1] for table in (lex.INTO, lex.FROM, lex.WHERE))


def read_things(text: str, tokens: list[Token], role: str) -> tuple[CommandPhrase, ...]:
    """Return the phrases that `tokens` name in that role, each followed by its anchors."""
    found: list[CommandPhrase] = []
    for item in _split_items(_cut(tokens)):
        phrase = _phrase(text, item[: _source_at(words_of(item))], role)
        if phrase is not None:
            found.append(phrase)
            found.extend(anchors(text, item))
    return tuple(found)


def _source_at(words: list[str]) -> int:
    """Return where "from the shelf" starts, which tells where the thing is taken from.

    "from the left" describes the thing itself and stays with it.
    """
    for at, length in prepositions(words):
        place = head_of(words[at + length :])
        if at and tuple(words[at : at + length]) in lex.FROM and not _is_direction(place):
            return at
    return len(words)


def _cut(tokens: list[Token]) -> list[Token]:
    """Return the tokens up to where the noun phrase certainly ends."""
    words = words_of(tokens)
    for i in range(len(words)):
        after_comma = words[i] in COMMAS and words[i + 1 : i + 2]
        if (
            words[i] == "("
            or (i and words[i] in lex.CUTTERS and not preposition_at(words, i))
            or (after_comma and words[i + 1] in lex.COMMA_CUTTERS)
        ):
            return tokens[:i]
    return tokens


def _split_items(tokens: list[Token]) -> list[list[Token]]:
    """Split "A, B and C" into its things; "red and blue balls" and "between A and B" stay."""
    words = words_of(tokens)
    items, start = [], 0
    for i, word in enumerate(words):
        joins = word in ("and", "&", "plus") or word in COMMAS
        rest = words[i + 1 :]
        if not joins or i == start or not rest:
            continue
        if rest[0] == "and":
            continue
        between = any(w in lex.BETWEEN for w in words[start:i]) and "and" not in words[start:i]
        if between or (word != "," and word in COMMAS):
            continue
        determined = rest[0] in lex.DETERMINERS or lex.longest(lex.QUANTIFIERS, rest)[1]
        nouns = words[i - 1] not in lex.ADJECTIVES | lex.NUMBERS
        nouns = nouns and (word not in COMMAS or _is_plural(words[i - 1 : i]))
        if determined or (nouns and not preposition_at(rest, 0)):
            items.append(tokens[start:i])
            start = i + 1
    return [*items, tokens[start:]]


def _phrase(text: str, tokens: list[Token], role: str) -> CommandPhrase | None:
    """Return one noun phrase without quantifier, particle and filler; None for a pronoun."""
    tokens = strip_tail(tokens)
    while tokens and tokens[0].word in COMMAS | {"and", "also", "just", "only"}:
        tokens = tokens[1:]
    while len(tokens) > 1 and (tokens[-1].word in lex.PARTICLES or tokens[-1].word in COMMAS):
        tokens = strip_tail(tokens[:-1])
    while len(tokens) > 1 and tokens[0].word in lex.PARTICLES:
        tokens = tokens[1:]
    quantifier, length = lex.longest(lex.QUANTIFIERS, words_of(tokens)) if tokens else (None, 0)
    tokens = tokens[length:]
    words = words_of(tokens)
    if all(w in lex.PRONOUNS | lex.DETERMINERS | {"all", "both"} for w in words):
        return None
    if _is_direction(words):
        return None
    start, end = tokens[0].start, tokens[-1].end
    if end - start > 2 and text[start] in _QUOTES and text[end - 1] in _QUOTES:
        start, end = start + 1, end - 1
    plural = quantifier == "all" or _is_plural(words)
    return CommandPhrase(text[start:end], (start, end), role, plural)


def _is_direction(words: list[str]) -> bool:
    """Tell "the left" and "to the right", which are no things."""
    return all(w in lex.DIRECTIONS | lex.DETERMINERS | {"to"} for w in words)


def head_of(words: list[str]) -> list[str]:
    """Return the words before the first preposition or relative clause."""
    for i in range(1, len(words)):
        if preposition_at(words, i) or words[i] in lex.RELATIVES | {"of", "with"}:
            return words[:i]
    return words


def _is_plural(words: list[str]) -> bool:
    head = head_of(words)
    noun = head[-1]
    if words[:3] == ["one", "of", "the"] or head[0] in ("a", "an", "this", "that", "one"):
        return False
    if noun in lex.PLURAL_WITHOUT_S or any(w in lex.NUMBERS for w in head[:2]):
        return True
    if noun in lex.SINGULAR_IN_S or noun.endswith(("ss", "us", "is", "'s")):
        return False
    return noun.endswith("s") and len(noun) > 2


def anchors(text: str, tokens: list[Token]) -> tuple[CommandPhrase, ...]:
    """Return the things that the relations in a noun phrase hang on ("next to the plate")."""
    words = words_of(tokens)
    spots = [s for s in prepositions(words) if tuple(words[s[0] : s[0] + s[1]]) not in lex.INTO]
    ends = [at for at, _ in spots[1:]] + [len(tokens)]
    found = []
    for (at, length), end in zip(spots, ends, strict=False):
        anchor = tokens[at + length : end]
        relative = (i for i, t in enumerate(anchor) if i and t.word in lex.RELATIVES)
        found.extend(_anchor_items(text, anchor[: next(relative, len(anchor))]))
    return tuple(found)


def _anchor_items(text: str, tokens: list[Token]) -> list[CommandPhrase]:
    items, current = [], []
    for token in [*tokens, None]:
        if token is None or token.word == "and" or token.word in COMMAS:
            items.append(current)
            current = []
        else:
            current.append(token)
    phrases = [_phrase(text, item, "relation") for item in items if item]
    return [p for p in phrases if p is not None]


def text_of(text: str, tokens: list[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end] if tokens else ""
