"""Cut text into token ids with sentencepiece and Groma's added tokens, as the official code does.

Source: LlamaTokenizer of transformers 4.32 with `use_fast=False`. Its "legacy" way, which the
official code uses, cuts each stretch between special tokens by itself, so that each starts with a
space piece, and drops spaces beside added tokens, but not beside `<s>` and `</s>`. Today's
transformers cuts differently; golden texts hold this module to the official ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from groma_ros.encoding.json_files import read_object, section
from groma_ros.encoding.special_tokens import (
    BOS,
    EOS,
    MAX_REGIONS,
    NEW_TOKENS,
    QUOTE_MARK,
    REGION_TOKENS,
    SPECIAL_PATTERN,
    UNK,
    quote,
)

_SPACE = "\u2581"
_BYTE_PIECE = re.compile(r"<0x[0-9A-F]{2}>")
_SENTENCEPIECE_SPECIAL = (BOS, EOS, UNK)
# A second normalizer_spec appended to the model file; protobuf merges it into the first one and
# so sets add_dummy_prefix to false.
_NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"


class GromaTokenizer:
    """Turn text into token ids and back.

    Ids from `vocab_size` on are the added tokens, in the order of `NEW_TOKENS`.
    """

    def __init__(self, model: bytes, legacy: bool = True, starts: bool = True) -> None:
        """Load a sentencepiece model from the bytes of its file.

        legacy  whether each stretch between special tokens is cut by itself
        starts  whether a text begins with `<s>`

        Raises ValueError for bytes that are no such model.
        """
        self.model = model
        self.legacy = legacy
        self.starts = starts
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            self._pieces.LoadFromSerializedProto(model if legacy else model + _NO_DUMMY_PREFIX)
        except RuntimeError as error:
            raise ValueError(
                f"tokenizer.model of {len(model)} bytes is no sentencepiece model "
                f"({' '.join(str(error).split())[:200]}); fetch it again"
            ) from error
        self.vocab_size: int = self._pieces.get_piece_size()
        self._ids = {token: self._pieces.piece_to_id(token) for token in _SENTENCEPIECE_SPECIAL}
        self._ids |= {token: self.vocab_size + i for i, token in enumerate(NEW_TOKENS)}
        self.bos_id, self.eos_id = self._ids[BOS], self._ids[EOS]
        self.pad_id = self._ids["[PAD]"]
        self._silent = {self._ids[t] for t in (*_SENTENCEPIECE_SPECIAL, "[PAD]")}
        self._unk_length = len(self._pieces.encode(UNK, out_type=str))

    @classmethod
    def from_folder(cls, folder: str | Path) -> GromaTokenizer:
        """Load `tokenizer.model` and the flags in the files beside it, where there are any.

        Raises FileNotFoundError without the model. Raises ValueError where a file beside it
        contradicts this tokenizer: other ids of the added tokens, other special tokens, another
        end of an answer.
        """
        folder = Path(folder)
        if not (folder / "tokenizer.model").is_file():
            raise FileNotFoundError(f"{folder} has no tokenizer.model")
        config = _read_json(folder / "tokenizer_config.json")
        tokenizer = cls(
            (folder / "tokenizer.model").read_bytes(),
            legacy=config.get("legacy") is not False,
            starts=config.get("add_bos_token") is not False,
        )
        _check_flags(config | _read_json(folder / "special_tokens_map.json"))
        for source, token, index in _given_ids(folder, config):
            if tokenizer._ids.get(token, index) != index:
                raise ValueError(
                    f"{source} gives {token!r} the id {index}, but it is "
                    f"{tokenizer._ids[token]} after a vocabulary of {tokenizer.vocab_size}"
                )
        ends = _read_json(folder / "generation_config.json").get("eos_token_id")
        if ends is not None and tokenizer.eos_id not in (ends if type(ends) is list else [ends]):
            raise ValueError(
                f"generation_config.json ends answers at id {ends}, but {EOS} is {tokenizer.eos_id}"
            )
        return tokenizer

    def __len__(self) -> int:
        """Return the number of ids, added tokens included."""
        return self.vocab_size + len(NEW_TOKENS)

    def encode(self, text: str, add_bos: bool = True, neutralise: bool = False) -> list[int]:
        """Return the ids of a text.

        add_bos     whether `<s>` comes first; False goes on after a text cut at a special token
        neutralise  whether special tokens are read as plain characters; `quote` does the same for
                    a part of a text
        """
        text = quote(text) if neutralise else text
        if not self.legacy and add_bos and text:
            text = _SPACE + text.replace(_SPACE, " ")
        ids = [self.bos_id] if add_bos and self.starts else []
        for segment, token in self._segments(text):
            if token is not None:
                ids.append(self._ids[token])
            else:
                ids += [self._pieces.piece_to_id(piece) for piece in self._cut(segment)]
        return ids

    def segments(self, text: str, add_bos: bool = True) -> list[str]:
        """Return the stretches of plain text between special tokens, as `encode` cuts them."""
        if not self.legacy and add_bos and text:
            text = _SPACE + text.replace(_SPACE, " ")
        return [segment for segment, token in self._segments(text) if token is None]

    def _segments(self, text: str) -> list[tuple[str, str | None]]:
        parts: list[tuple[str, str | None]] = []
        end = 0
        for match in SPECIAL_PATTERN.finditer(text):
            parts += [(text[end : match.start()], None), (match[0], match[0])]
            end = match.end()
        parts.append((text[end:], None))
        for index, (_, token) in enumerate(parts):
            if token is None or token in _SENTENCEPIECE_SPECIAL:
                continue
            parts[index - 1] = (parts[index - 1][0].rstrip(), parts[index - 1][1])
            parts[index + 1] = (parts[index + 1][0].lstrip(), parts[index + 1][1])
        return [(segment.replace(QUOTE_MARK, ""), token) for segment, token in parts if segment]

    def _cut(self, segment: str) -> list[str]:
        pieces = self._pieces.encode(segment, out_type=str)
        if self.legacy or not segment.startswith((_SPACE, " ")):
            return pieces
        # Without a dummy prefix sentencepiece would drop the leading space; an unknown token in
        # front keeps it.
        pieces = self._pieces.encode(UNK + segment, out_type=str)
        return pieces[self._unk_length :] if len(pieces) >= self._unk_length else pieces

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return the text of ids, with spaces around added tokens as in the official tokenizer.

        `skip_special` leaves out `<s>`, `</s>`, `<unk>` and `[PAD]`.
        """
        parts: list[str] = []
        run: list[str] = []
        for index in ids:
            if skip_special and index in self._silent:
                continue
            if index >= self.vocab_size:
                if run:
                    parts.append(self._join(run))
                    run = []
                parts.append(NEW_TOKENS[index - self.vocab_size])
            else:
                run.append(self._pieces.id_to_piece(index))
        if run:
            parts.append(self._join(run))
        return " ".join(parts)

    def _join(self, pieces: Sequence[str]) -> str:
        if pieces[0].startswith(_SPACE):
            pieces = [pieces[0][1:], *pieces[1:]]
        text, run, after_special = "", [], False
        for index, piece in enumerate(pieces):
            if piece not in _SENTENCEPIECE_SPECIAL:
                run.append(piece)
                after_special = False
                continue
            if not after_special and index and self.legacy:
                text += " "
            text += self._pieces.decode(run) + piece
            run, after_special = [], True
        return text + self._pieces.decode(run)

    def can_read(self, text: str) -> bool:
        """Return whether the vocabulary holds at least half of a text's pieces.

        The other pieces are single bytes or unknown: the model was not trained on such words.
        """
        pieces = [piece for piece in self._pieces.encode(text, out_type=str) if piece != _SPACE]
        unk = self._ids[UNK]
        foreign = sum(
            bool(_BYTE_PIECE.fullmatch(p)) or self._pieces.piece_to_id(p) == unk for p in pieces
        )
        return 2 * foreign <= len(pieces)

    def token_id(self, token: str) -> int:
        """Return the id of a special token; raise ValueError for any other text."""
        if token not in self._ids:
            raise ValueError(f"{token!r} is not a special token")
        return self._ids[token]

    def region_token_id(self, index: int) -> int:
        """Return the id of `<r{index}>`; raise ValueError past the last region token."""
        if not 0 <= index < MAX_REGIONS:
            raise ValueError(f"region {index} has no token; there are {MAX_REGIONS}, from 0")
        return self._ids[REGION_TOKENS[index]]

    def region_index(self, token_id: int) -> int | None:
        """Return i where `token_id` is that of `<r_i>`, else None."""
        index = token_id - self._ids[REGION_TOKENS[0]]
        return index if 0 <= index < MAX_REGIONS else None


def _check_flags(config: dict) -> None:
    """Raise ValueError for special tokens and flags that this tokenizer does not support."""
    # The padding token does not matter: nothing is ever padded here.
    for key, token in {"bos_token": BOS, "eos_token": EOS, "unk_token": UNK}.items():
        given = config.get(key)
        given = given.get("content") if isinstance(given, dict) else given
        if given is not None and given != token:
            raise ValueError(f"the tokenizer's {key} is {given!r}; only {token!r} is supported")
    if config.get("add_eos_token"):
        raise ValueError(f"add_eos_token puts {EOS} behind every question; set it to false")


def _given_ids(folder: Path, config: dict) -> Iterable[tuple[str, str, int]]:
    """Yield (file name, token, id) for every id that the files of the tokenizer spell out."""
    for token, index in _read_json(folder / "added_tokens.json").items():
        yield "added_tokens.json", token, index
    decoder = section(config, "added_tokens_decoder")
    for index in decoder:
        yield "tokenizer_config.json", section(decoder, index).get("content"), int(index)


def _read_json(path: Path) -> dict:
    return read_object(path) if path.exists() else {}
