"""Make groma-nano's vocabulary: a sentencepiece model over everything that it reads and writes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from groma_ros.encoding import prompts
from groma_ros.sim.scene import COLOURS
from groma_ros.train import names
from groma_ros.train.questions import (
    RELATIONS,
    STRANGERS,
    SUPERLATIVES,
    Question,
    Truth,
    ask_many,
)

GENERAL = """pick up grab take give me hand bring put place move go drive look find show point touch
push open close hold get where is are there what which who how many much could can you would will
please robot to into onto on in from with and or of at it them one ones two three four five six
seven eight nine ten table floor desk shelf room corner middle front back top bottom side between
above below under over inside outside around left right near far small big large little tall short
round square long new old empty full clean dirty kitchen person people man woman hand yes no not
any some all every both each other another first last next second third here this that these those
color colour gray grey cyan gold silver dark light bright pale i we he she they was were has have
had do does did see look looks like know think want need help thank thanks sorry ok hello"""


_MARK = re.compile(r"</?[a-z]\w*>|\[grounding\]")


def random_truth(rng: np.random.Generator) -> Truth:
    """Return a made-up picture's contents, for text only."""
    n = int(rng.integers(1, 9))
    corners = np.sort(rng.random((n, 2, 2)), axis=1).reshape(n, 4)
    kinds, everything = len(names.NAMES), frozenset(range(len(names.NAMES)))
    return Truth(
        rng.integers(0, kinds, n),
        rng.integers(0, len(COLOURS), n),
        corners,
        rng.random(n) + 0.5,
        complete=everything,
        whole=True,
    )


def spoken_answer(question: Question) -> str:
    """Return the words of an answer without its region tokens."""
    return "".join(part if isinstance(part, str) else part[0] for part in question.parts)


def corpus(seed: int, pictures: int):
    """Yield what the model has to read and write, special tokens left out."""
    rng = np.random.default_rng(seed)
    form = {"locate": prompts.locate, "locate_all": prompts.locate_all}
    for _ in range(pictures):
        for question in ask_many(random_truth(rng), rng, 12):
            asked = question.phrase.replace("{region}", "").lower()
            asked = form.get(question.form, prompts.chat)(asked)
            yield _without_marks(f"{prompts.turn(asked)} {spoken_answer(question)}")
        yield _without_marks(prompts.opening())
    words = [w for kind in range(len(names.NAMES)) for w in names.singulars(kind)]
    words += [w for kind in range(len(names.NAMES)) for w in names.plurals(kind)]
    words += [w for group in names.GROUPS for w in (group.singular, group.plural)]
    words += [w for group in (*SUPERLATIVES.values(), *RELATIONS.values()) for w in group]
    for word in (*GENERAL.split(), *STRANGERS, *words):
        yield from [word] * 100


def _without_marks(text: str) -> str:
    return _MARK.sub(" ", text)


def make_vocabulary(path: Path, seed: int = 1, pictures: int = 3000, size: int = 1600) -> int:
    """Write a sentencepiece model with byte fallback to `path`; return its number of pieces."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus(seed, pictures),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        byte_fallback=True,
        normalization_rule_name="identity",
        split_digits=True,
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size()
