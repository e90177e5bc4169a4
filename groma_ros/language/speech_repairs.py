"""Remove hesitations from spoken commands and apply the corrections that a speaker makes.

"grab uh the red cup" is "grab the red cup", and "pick up the red cup, sorry, the blue cup" is
"pick up the blue cup". The correction replaces the last thing of the same role: a noun phrase
replaces a noun phrase with the same noun, else the last one; "in the bowl" replaces the last
place; a new verb replaces the clause.
"""

from __future__ import annotations

import re

from groma_ros.language import lexicon as lex
from groma_ros.language import verb_lists
from groma_ros.language.mapped_text import INSERTED, MappedText
from groma_ros.language.noun_phrases import (
    COMMAS,
    SENTENCE_ENDS,
    Token,
    preposition_length,
    tokenise,
    words_of,
)
from groma_ros.language.word_tables import longest_match, word_set

_HESITATION = re.compile(
    r"(?P<before>,\s*)?\b(?:u+h+m*|u+m+|e+rm*|e+hm*|a+h+|h+m+|m{2,}|(?<=, )you know(?=,))\b"
    r"(?!')(?P<after>\s*,)?\s*",
    re.IGNORECASE,
)
_LIKE = re.compile(
    r"(?<=you )like (?=(?:grab|pick|take|get|give|bring|put|move|find)\b)", re.IGNORECASE
)
_STUTTER = re.compile(
    r"\b(the|a|an|i|to|my|in|on|and|pick|can|please|it|is|put)(?:\s*(?:,|-)?\s+\1\b)+",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^\W*(?:no\b\W*)*(?:\bno\W+no|\b(?:i said|i mean|i meant|what i mean is))\b\W*(?=\w)",
    re.IGNORECASE,
)
"""How a speaker begins to correct what was said before: "no no, I said the blue cup"."""
_MARKER = re.compile(
    r"(?P<comma>[,.;-]\s*|\bor\s+|\b(?:oh|no)\b,?\s+)*"
    r"\b(?P<words>no,? no,? no|no,? no|no,? wait|wait,? no|no,? sorry|sorry,? no"
    r"|sorry,? i mean(?:t)?|no,? i mean(?:t)?|i mean(?:t)?|i'm sorry|sorry|actually,? no"
    r"|no,? actually|actually|rather"
    r"|scratch that|strike that|correction|make that|make it|oops|whoops|my mistake|my bad"
    r"|not that(?: one)?|change that to|wait|hold on|no)\b(?P<after>\s*[,.;:-])*\s*",
    re.IGNORECASE,
)
_WEAK = word_set("no sorry actually rather wait make it") | {"hold on", "make that", "make it"}


def repair_speech(text: MappedText) -> MappedText:
    """Return `text` without hesitations, repeated words and the words that were corrected."""
    text = text.substituted(_HESITATION, _pause)
    text = text.substituted(_LIKE, "")
    text = text.substituted(_STUTTER, r"\1")
    text = text.substituted(_OPENING, "")
    for _ in range(4):
        repaired = _apply_first_correction(text)
        if repaired == text:
            break
        text = repaired
    return text


def _pause(match: re.Match[str]) -> str:
    return ", " if match["before"] and not match["after"] and match[0].rstrip() == match[0] else " "


def _apply_first_correction(text: MappedText) -> MappedText:
    for match in _MARKER.finditer(text.text):
        before = tokenise(text.text[: match.start()])
        after = [
            Token(t.word, t.start + match.end(), t.end + match.end())
            for t in tokenise(text.text[match.end() :])
        ]
        spoken = match["words"].lower().replace(",", "")
        start = _corrected_start(before, after, spoken, match)
        if start is None:
            continue
        if start == match.start():
            return text.part(0, start) + text.replaced(match.start(), match.end(), " ").part(
                start, len(text.text) - len(match[0]) + 1
            )
        replacement = _completed(text, before, after, start, match.end())
        return text.part(0, start) + replacement
    return text


def _corrected_start(
    before: list[Token], after: list[Token], spoken: str, match: re.Match[str]
) -> int | None:
    """Return the offset from which the words before a marker are replaced, or None.

    The offset of the marker itself means that only the marker is removed.
    """
    last_end = max((i for i, t in enumerate(before) if t.word in SENTENCE_ENDS), default=-1)
    clause = before[last_end + 1 :]
    if not after or not clause or not _names_a_thing(clause):
        return None
    pause = bool(match["comma"] or match["after"])
    words = words_of(after)
    starts_phrase = words[0] in lex.DETERMINERS | lex.NUMBERS or (
        longest_match(lex.QUANTIFIERS, words)[1] > 0
    )
    starts_place = preposition_length(words, 0) > 0
    verb = longest_match(verb_lists.VERBS, words[:4])[0]
    starts_clause = verb is not None and len(words) > 1
    if spoken in ("no", "wait", "hold on", "rather", "make it") and not (
        starts_phrase or starts_place or (pause and starts_clause)
    ):
        return None
    if spoken == "rather" and words[0] == "than":
        return None
    if starts_phrase:
        return _phrase_start(clause, words, match.start())
    if starts_place:
        return _place_start(clause)
    if starts_clause and spoken not in ("make that", "make it"):
        pronoun = any(w in ("it", "them", "that") for w in words[1:4])
        return match.start() if pronoun else clause[0].start
    if spoken in _WEAK and not pause:
        return match.start()
    if words[0].isalpha() and words[0] not in lex.NOT_IN_A_NAME and len(words) <= 6:
        return _phrase_start(clause, words, match.start())
    return match.start()


def _names_a_thing(clause: list[Token]) -> bool:
    """Return whether a clause has words that a correction can replace."""
    words = words_of(clause)
    known = lex.PRONOUNS | lex.NOT_IN_A_NAME | lex.POLITE | COMMAS | {"robot", "hey", "to", "just"}
    _, verb = longest_match(verb_lists.VERBS, words)
    return any(w not in known for w in words[verb:])


def _phrase_start(clause: list[Token], correction: list[str], end: int) -> int:
    """Return the offset of the noun phrase that a corrected noun phrase replaces."""
    words = words_of(clause)
    starts = [i for i in range(len(words)) if _starts_noun_phrase(words, i)]
    if not starts:
        verb = longest_match(verb_lists.VERBS, words)[1]
        return clause[verb].start if verb < len(clause) else end
    noun = _noun(correction)
    for start in reversed(starts):
        if noun in words[start:] and _noun(words[start:]) == noun:
            return clause[start].start
    if noun in ("one", "ones"):
        return clause[starts[-1]].start
    return clause[starts[-1]].start


def _starts_noun_phrase(words: list[str], i: int) -> bool:
    determined = words[i] in lex.DETERMINERS | lex.NUMBERS or (
        longest_match(lex.QUANTIFIERS, words, i)[1] > 0
    )
    if not determined or (i and words[i - 1] in lex.DETERMINERS | {"all", "both", "of"}):
        return False
    rest = words[i + 1 :]
    return not (rest and rest[0] in lex.DIRECTIONS and (len(rest) < 2 or rest[1] in ("of", "side")))


def _noun(words: list[str]) -> str:
    """Return the head noun of a noun phrase: the word before its first preposition."""
    for i in range(1, len(words)):
        stops = words[i] in COMMAS | SENTENCE_ENDS | lex.RELATIVES | {"and", "then", "please", "of"}
        if stops or preposition_length(words, i):
            return words[i - 1]
    return words[-1] if words else ""


def _place_start(clause: list[Token]) -> int | None:
    """Return the offset of the last place in a clause, which a corrected place replaces."""
    words = words_of(clause)
    verb = longest_match(verb_lists.VERBS, words)[1]
    places = [i for i in range(verb, len(words)) if preposition_length(words, i)]
    return clause[places[-1]].start if places else clause[-1].end


def _completed(
    text: MappedText, before: list[Token], after: list[Token], start: int, at: int
) -> MappedText:
    """Return the correction, with the noun of the corrected phrase for "the blue one"."""
    rest = text.part(at, len(text.text))
    replaced = [t for t in before if t.start >= start]
    if not replaced or not after:
        return rest
    words = words_of(after)
    noun = _noun(words_of(replaced))
    if noun and _noun(words) in ("one", "ones") and noun not in ("one", "ones"):
        token = next(t for t in after if t.word in ("one", "ones"))
        source = next(t for t in reversed(replaced) if t.word == noun)
        noun_words = MappedText(source.word, (INSERTED,) * len(source.word))
        head = text.part(at, token.start) + noun_words
        return head + text.part(token.end, len(text.text))
    return rest
