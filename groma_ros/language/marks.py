"""Remove the marks of chat, Markdown, lists and code from a command; its words stay.

People type typographic quotes and invisible characters, planners write Markdown, numbered lists
and identifiers such as `red_cup`, and speech recognisers write "[BLANK_AUDIO]" and "...".
"""

from __future__ import annotations

import re

from groma_ros.language import lexicon as lex
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.word_tables import word_set

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
_OTHER_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\t\r\v\f\u0085]")
_LINE_SPACE = re.compile("[\u2028\u2029]")
_DOUBLE_QUOTE = re.compile("[\u201c-\u201f\u00ab\u00bb\u301d-\u301f\uff02\u2033]|``|''")
_SINGLE_QUOTE = re.compile("[\u2018-\u201b\u2039\u203a\u02bc\u00b4\u2032\uff07]")
_DASH = re.compile("[\u2010\u2011\u2212]")
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_ELLIPSIS = re.compile(r"\u2026|\.{2,}")
_REPEATED = re.compile(r"([!?,;:])(?:\s*[!?,;:.])+|\.(?:\s+\.)+")
_SOUND_NOTE = re.compile(
    r"[\[(*](?:blank[_ ]audio|silence|music|applause|laughter|laughs|noise|inaudible|"
    r"background noise|typing|sighs?|coughs?|clears throat|speaking[^\])*]*)[\])*]|[\u266a\u266b]+",
    re.IGNORECASE,
)
_CODE_FENCE = re.compile(r"```+[a-z]*|~~~+")
_EMPHASIS = re.compile(r"(?<![\w<])(\*{1,3}|_{1,3}|~~|`)(?=\S)([^*`~\n]+?)(?<=\S)\1(?![\w>])")
_STRAY_STARS = re.compile(r"\*\*+|`+")
_LIST_MARK = re.compile(
    r"(?m)^[ ]*(?:[-*+\u2022\u2023\u25aa\u25cf\u2013\u2014>#]+[ ]+|"
    r"(?:[Ss]tep|[Tt]ask|[Aa]ction)[ ]*\d{1,2}[ ]*[.:)\u2013-]+[ ]*|"
    r"\(?\d{1,2}[.)][ ]+(?=\D)|\[\d{1,2}\][ ]+|[a-z]\)[ ]+|"
    r"(?:[Cc]ommand|[Ii]nstruction|[Tt]ask|[Aa]ction|[Uu]ser|[Hh]uman|[Gg]oal)[ ]*:[ ]*)+"
)
_LINK = re.compile(r"\[([^\[\]\n]+)\]\([^()\s]*\)")
_UNDERSCORE = re.compile(r"(?<=[^\W_])_+(?=[^\W_])")
_NUMBERED_NAME = re.compile(r"(?<=[^\W\d_]{2})_\d+\b")
_QUOTED = re.compile(r"\"([^\"\n]*)\"|(?<!\w)'([^'\n]+)'(?!\w)")
_LOOSE_QUOTE = re.compile(r"\"|(?<!\w)'(?=\w)|(?<=[^\Ws])'(?!\w)")
_HYPHENATED = re.compile(r"\b([A-Za-z]+)-([A-Za-z]+)\b")
_SPACES = re.compile(r"(?<=\S) {2,}")
_SPACE_BEFORE_MARK = re.compile(r" +([,.;!?])(?=\s|$)")
_LABEL_WORDS = word_set(
    "labelled labeled label marked saying says reading reads written called named word text "
    "inscription title titled printed"
)


def clean_marks(text: MappedText) -> MappedText:
    """Return the words of `text` without marks that carry no meaning for a command."""
    text = text.substituted(_INVISIBLE, "")
    text = text.substituted(_FULL_WIDTH, lambda match: chr(ord(match[0]) - 0xFEE0))
    text = text.unwrapped(_LINK, 1).unwrapped(_EMPHASIS, 2).unwrapped(_EMPHASIS, 2)
    for pattern, plain in (
        (_OTHER_SPACE, " "),
        (_LINE_SPACE, "\n"),
        (_SINGLE_QUOTE, "'"),
        (_DASH, "-"),
        (_CODE_FENCE, " "),
        (_SOUND_NOTE, " "),
        (_NUMBERED_NAME, ""),
        (_UNDERSCORE, " "),
        (_STRAY_STARS, ""),
        (_DOUBLE_QUOTE, '"'),
        (_ELLIPSIS, " , "),
        (_LIST_MARK, ""),
    ):
        text = text.substituted(pattern, plain)
    text = _without_quotes(text)
    text = text.substituted(_HYPHENATED, _split_hyphen)
    return text.substituted(_REPEATED, lambda match: match[1] or ".")


def single_spaces(text: MappedText) -> MappedText:
    """Return `text` with one space between words, and none before a comma."""
    return text.substituted(_SPACES, " ").substituted(_SPACE_BEFORE_MARK, r"\1")


def _without_quotes(text: MappedText) -> MappedText:
    """Remove quotes, except around the words on a label: 'the box labelled "salt"'."""
    kept: list[tuple[int, int]] = []
    for match in reversed(list(_QUOTED.finditer(text.text))):
        before = re.findall(r"[\w']+", text.text[: match.start()].lower())
        if before and before[-1] in _LABEL_WORDS:
            kept.append(match.span())
            continue
        inner = text.part(match.start() + 1, match.end() - 1)
        text = text.part(0, match.start()) + inner + text.part(match.end(), len(text.text))
        kept = [(start - 2, end - 2) for start, end in kept]

    def outside(match: re.Match[str]) -> str:
        return match[0] if any(a <= match.start() < b for a, b in kept) else ""

    return text.substituted(_LOOSE_QUOTE, outside)


def _split_hyphen(match: re.Match[str]) -> str:
    """Return "blue book" for "blue-book", and other compounds as they are."""
    first, second = match[1].lower(), match[2].lower()
    if second == "most":
        return match[1] + match[2]
    describes = second.endswith(("ed", "ish", "er", "like", "sized", "shaped"))
    if first in lex.COLOURS | lex.SIZES and not describes and second not in lex.ADJECTIVES:
        return f"{match[1]} {match[2]}"
    return match[0]
