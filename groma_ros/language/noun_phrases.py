"""Find the words, prepositions and noun phrases of a command, and the anchors of relations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from groma_ros.language import lexicon as lex
from groma_ros.language.quantities import is_plural_noun, parse_quantity, singularised
from groma_ros.language.word_tables import longest_match
from groma_ros.values.commands import CommandPhrase, Ordinal

_TOKEN = re.compile(r"[.,;:!?()\n]|(?:[^\s.,;:!?()]|(?<=\d)[.,:](?=\d))+")
SENTENCE_ENDS = frozenset(".;!?\n")
COMMAS = frozenset(",:()") | {"-", "–", "—"}
_MARKS = SENTENCE_ENDS | COMMAS | {"&"}
_QUOTES = '"“”'
_OPEN_PURPOSES = (["something", "to"], ["anything", "to"])
_BEFORE_ITEMS = frozenset(("and", "also", "just", "only", "then", "next", "finally", "afterwards"))


@dataclass(frozen=True)
class Token:
    """Hold one word or mark.

    word  lower-case form
    start offset of its first character in the command
    end   offset after its last character
    """

    word: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """Return the words and marks of `text` in order, with offsets; quotes belong to words.

    Characters that are neither a word nor a mark of the grammar, such as emoji, are left out.
    """
    tokens = []
    for match in _TOKEN.finditer(text):
        word = match.group().lower().replace("’", "'").strip(_QUOTES)
        if any(c.isalnum() for c in word) or word in _MARKS:
            tokens.append(Token(word, match.start(), match.end()))
    return tokens


def words_of(tokens: list[Token]) -> list[str]:
    """Return the lower-case words of tokens."""
    return [t.word for t in tokens]


def strip_trailing_fillers(tokens: list[Token]) -> list[Token]:
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
        if words[-1] in lex.ORDINALS and len(words) == 2 and words[0] in lex.DETERMINERS:
            return tokens
        if length == 0:
            return tokens
        tokens = tokens[:-length]
    return tokens


def find_prepositions(words: list[str]) -> Iterator[tuple[int, int]]:
    """Yield (index, length) of every preposition, left to right."""
    at = 0
    while at < len(words):
        length = preposition_length(words, at)
        if length and at + length < len(words):
            yield at, length
        at += length or 1


def preposition_length(words: list[str], at: int) -> int:
    """Return the length in words of the preposition at index `at`, or 0."""
    if words[at] not in lex.PREPOSITION_STARTS:
        return 0
    end = at + 1
    following = words[end] if end < len(words) else ""
    if at and (purpose_length(words, at) or words[at - 1 : at + 1] in _OPEN_PURPOSES):
        return 0
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
    return longest_match(lex.PREPOSITIONS, words, at)[1]


def purpose_length(words: list[str], at: int) -> int:
    """Return the length in words of a purpose at `at`, such as "to drink from", or 0."""
    if words[at] != "to" or words[at + 1 : at + 2] == [] or words[at + 1] not in lex.PURPOSE_VERBS:
        return 0
    following = words[at + 2 : at + 3]
    if following and following[0] in ("from", "with", "on", "in", "out", "off", "into"):
        return 3 if words[at + 3 : at + 4] != ["of"] else 4
    ends = not following or following[0] in COMMAS | {"and", "or", "please", "on", "for"}
    return 2 if ends or longest_match(lex.FILLERS, words, at + 2)[1] else 0


def parse_noun_phrases(text: str, tokens: list[Token], role: str) -> tuple[CommandPhrase, ...]:
    """Return the noun phrases of `tokens` in `role`, each followed by its relation anchors."""
    found: list[CommandPhrase] = []
    ordinals: list[CommandPhrase] = []
    compared: list[CommandPhrase] = []
    for item in _split_items(_cut_at_clause_end(tokens)):
        phrase = _parse_phrase(text, item[: _source_start(words_of(item))], role)
        if phrase is None:
            continue
        words = phrase.text.lower().split()
        if found and words[:2] == ["the", "one"] and len(words) > 2:
            query = " ".join([found[-1].query, *words[2:]])
            found[-1] = replace(found[-1], query=query)
        elif all(w in lex.DETERMINERS or w in lex.ORDINALS for w in words):
            ordinals.append(phrase)
        elif words[-1] in lex.COMPARED and all(w in lex.DETERMINERS for w in words[:-1]):
            compared.append(phrase)
        else:
            described = [w for w in words if w not in lex.DETERMINERS]
            if compared and described[0] in lex.COMPARED:
                found.extend(_with_noun(one, described[1:]) for one in compared)
                phrase, compared = _with_noun(phrase, described[1:]), []
            found.extend(_with_noun_of(first, phrase) for first in ordinals)
            ordinals = []
            found.append(phrase)
            found.extend(relation_anchors(text, item))
    return (*found, *compared)


def _with_noun(compared: CommandPhrase, noun: list[str]) -> CommandPhrase:
    """Return "the leftmost" with the noun of "the leftmost and the rightmost cans"."""
    word = next(w for w in compared.text.lower().split() if w in lex.COMPARED)
    words = ["the", word, *singularised(noun)]
    return with_quantity(replace(compared, query=" ".join(words), plural=False), words)


def _with_noun_of(ordinal: CommandPhrase, phrase: CommandPhrase) -> CommandPhrase:
    """Return "the first" with the noun and the side of "the third cup from the left"."""
    number = lex.ORDINALS[ordinal.text.lower().split()[-1]]
    side = phrase.ordinal.side if phrase.ordinal is not None else ""
    place = Ordinal(number, side)
    return replace(ordinal, query=phrase.query, ordinal=place, everything=phrase.everything)


def _source_start(words: list[str]) -> int:
    """Return the index where a source such as "from the shelf" starts, or the end.

    "from the left" describes the thing itself and is no source.
    """
    for at, length in find_prepositions(words):
        place = head_words(words[at + length :])
        if at and tuple(words[at : at + length]) in lex.FROM and not _is_direction(place):
            return at
    return len(words)


def _cut_at_clause_end(tokens: list[Token]) -> list[Token]:
    """Return the tokens before the first word that cannot belong to a noun phrase."""
    words = words_of(tokens)
    for i in range(len(words)):
        after_comma = words[i] in COMMAS and words[i + 1 : i + 2]
        if (
            words[i] == "("
            or (i and words[i] in lex.CUTTERS and not _continues(words, i))
            or (after_comma and words[i + 1] in lex.COMMA_CUTTERS and not _continues(words, i + 1))
        ):
            return tokens[:i]
    return tokens


def _continues(words: list[str], i: int) -> bool:
    """Return whether a cutting word is a part of the phrase: a preposition, or "then the book"."""
    listed = words[i] == "then" and _article_starts(words[i + 1 :])
    return listed or preposition_length(words, i) > 0


def _article_starts(words: list[str]) -> bool:
    """Return whether words start with an article, a number or a quantifier."""
    numbered = bool(words) and words[0] in lex.DETERMINERS | lex.NUMBERS
    return numbered or (bool(words) and longest_match(lex.QUANTIFIERS, words)[1] > 0)


def _split_items(tokens: list[Token]) -> list[list[Token]]:
    """Split "A, B and C" into its items; keep "red and blue balls" and "between A and B"."""
    words = words_of(tokens)
    items, start = [], 0
    for i, word in enumerate(words):
        joins = word in ("and", "&", "plus", "then") or word in COMMAS
        rest = words[i + 1 :]
        if not joins or i <= start or not rest:
            continue
        if rest[0] in ("and", "then"):
            continue
        between = any(w in lex.BETWEEN for w in words[start:i]) and "and" not in words[start:i]
        if between or (word != "," and word in COMMAS):
            continue
        determined = rest[0] in lex.DETERMINERS or longest_match(lex.QUANTIFIERS, rest)[1]
        nouns = words[i - 1] not in lex.ADJECTIVES | lex.NUMBERS
        nouns = nouns and (word not in COMMAS or _is_plural(words[i - 1 : i]))
        if determined or (nouns and not preposition_length(rest, 0)):
            items.append(tokens[start:i])
            start = i + 1
    return [*items, tokens[start:]]


def _parse_phrase(text: str, tokens: list[Token], role: str) -> CommandPhrase | None:
    """Return a noun phrase without quantifier, particle and filler, or None for a pronoun."""
    tokens = strip_trailing_fillers(tokens)
    while tokens and tokens[0].word in COMMAS | _BEFORE_ITEMS:
        tokens = tokens[1:]
    while len(tokens) > 1 and (
        tokens[-1].word in COMMAS
        or (tokens[-1].word in lex.PARTICLES and tokens[-2].word not in lex.DETERMINERS)
    ):
        tokens = strip_trailing_fillers(tokens[:-1])
    while len(tokens) > 1 and tokens[0].word in lex.PARTICLES:
        tokens = tokens[1:]
    said = words_of(tokens)
    quantifier, length = longest_match(lex.QUANTIFIERS, said) if tokens else (None, 0)
    tokens = tokens[length:]
    tokens = tokens[longest_match(lex.CONTENTS, words_of(tokens))[1] :]
    words = words_of(tokens)
    everything = _is_everything(words, quantifier)
    if not everything and all(w in lex.PRONOUNS | lex.DETERMINERS | {"all", "both"} for w in words):
        return None
    if _is_direction(words):
        return None
    start, end = tokens[0].start, tokens[-1].end
    plural = everything or quantifier == "all" or _is_plural(words)
    phrase = CommandPhrase(text[start:end], (start, end), role, plural, everything=everything)
    return phrase if everything else with_quantity(phrase, words, said[:length])


def with_quantity(
    phrase: CommandPhrase, words: list[str], quantifier: Sequence[str] = ()
) -> CommandPhrase:
    """Return the phrase with its ordinal or count, and with its purpose.

    words are those of the phrase, quantifier those that stood before it ("both of").
    """
    for at in range(1, len(words)):
        open_end = words[at - 1 : at + 1] in _OPEN_PURPOSES
        length = len(words) - at if open_end else purpose_length(words, at)
        if length > 1 and not phrase.purpose:
            query = phrase.query if open_end else " ".join(words[:at])
            phrase = replace(phrase, query=query, purpose=" ".join(words[at + 1 : at + length]))
    quantifier = list(quantifier)
    if quantifier in (["both"], ["both", "of"]):
        return replace(phrase, count=2, definite=True)
    if quantifier in (["a", "couple", "of"], ["a", "pair", "of"]):
        return replace(phrase, count=2)
    quantity = parse_quantity(words)
    if quantity is None:
        return phrase
    if quantity.ordinal is not None and not quantity.head:
        return replace(phrase, ordinal=quantity.ordinal, everything=True)
    query = " ".join(quantity.head)
    if quantity.ordinal is not None:
        return replace(phrase, query=query, ordinal=quantity.ordinal)
    return replace(
        phrase, query=query, plural=True, count=quantity.count, definite=quantity.definite
    )


def _is_everything(words: list[str], quantifier: object) -> bool:
    """Return whether a phrase means all that is in the picture: "all the objects"."""
    if not words:
        return False
    head = head_words(words)
    rest = words[len(head) :]
    nouns = [w for w in head if w not in lex.DETERMINERS | {"visible", "other", "single"}]
    general = nouns == ["everything"] or (
        quantifier == "all" and len(nouns) == 1 and nouns[0] in lex.ANY_THING
    )
    places = [w for w in rest if w not in lex.DETERMINERS | {"your", "this"}]
    return general and (not rest or bool(places) and places[-1] in lex.WHOLE_SCENES)


def _is_direction(words: list[str]) -> bool:
    """Return whether `words` are only a direction, such as "the left" or "to the right"."""
    return all(w in lex.DIRECTIONS | lex.DETERMINERS | {"to"} for w in words)


def head_words(words: list[str]) -> list[str]:
    """Return the words before the first preposition or relative clause."""
    for i in range(1, len(words)):
        if preposition_length(words, i) or words[i] in lex.RELATIVES | {"of", "with"}:
            return words[:i]
    return words


def _is_plural(words: list[str]) -> bool:
    head = head_words(words)
    noun = head[-1]
    if words[:3] == ["one", "of", "the"] or head[0] in ("a", "an", "this", "that", "one"):
        return False
    return any(w in lex.NUMBERS for w in head[:2]) or is_plural_noun(noun)


def relation_anchors(text: str, tokens: list[Token]) -> tuple[CommandPhrase, ...]:
    """Return the anchors of the relations in a noun phrase ("the plate" of "next to the plate")."""
    words = words_of(tokens)
    spots = [
        s for s in find_prepositions(words) if tuple(words[s[0] : s[0] + s[1]]) not in lex.INTO
    ]
    ends = [at for at, _ in spots[1:]] + [len(tokens)]
    found = []
    for (at, length), end in zip(spots, ends, strict=False):
        anchor = tokens[at + length : end]
        relative = (i for i, t in enumerate(anchor) if i and t.word in lex.RELATIVES)
        found.extend(_split_anchors(text, anchor[: next(relative, len(anchor))]))
    return tuple(found)


def _split_anchors(text: str, tokens: list[Token]) -> list[CommandPhrase]:
    items, current = [], []
    for token in [*tokens, None]:
        if token is None or token.word == "and" or token.word in COMMAS:
            items.append(current)
            current = []
        else:
            current.append(token)
    phrases = [_parse_phrase(text, item, "relation") for item in items if item]
    return [p for p in phrases if p is not None]


def source_text(text: str, tokens: list[Token]) -> str:
    """Return the part of `text` from the first to the last token, or empty."""
    return text[tokens[0].start : tokens[-1].end] if tokens else ""
