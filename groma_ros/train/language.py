"""Train the language half of groma-nano on what its frozen eyes see.

Many questions about one picture share its prefix, which is computed once: each question continues
from the same keys and values, as it does on a robot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groma_ros.encoding import prompts
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.groma import Groma
from groma_ros.train.hints import ANCHOR, NAME, POINT, READ, WEIGH, Hint, hint_loss
from groma_ros.train.loop import Trainer, fast_numbers
from groma_ros.train.questions import FAMILIES, UNKNOWN, Question, ask_many
from groma_ros.train.regions import SeenPicture, load_perceiver, look
from groma_ros.train.views import ViewFolder
from groma_ros.train.words import WordTables


@dataclass(frozen=True)
class Turn:
    """One question and answer as token ids.

    Attributes:
        choices: for the place of each region in the answer, all that may be said there: a list of
        regions has no order. feature_places: (place, region) of the referred regions' features.
    """

    ids: list[int]
    answer_start: int
    hints: list[Hint]
    choices: dict[int, tuple[int, ...]]
    feature_places: list[tuple[int, int]]


class Speaker:
    """Turn questions into token ids for one vocabulary."""

    def __init__(self, tokenizer: GromaTokenizer, lowercase: bool):
        self.tokenizer, self.lowercase = tokenizer, lowercase
        self.prefix = tokenizer.encode(prompts.opening())
        self.roi, self.roi_end = tokenizer.token_id("<roi>"), tokenizer.token_id("</roi>")
        self.p, self.p_end = tokenizer.token_id("<p>"), tokenizer.token_id("</p>")
        self.feature = tokenizer.token_id("<refer_feat>")
        self.first = tokenizer.region_token_id(0)

    def turn(self, question: Question, region_of: np.ndarray, rng=None) -> Turn:
        """Write a question and its answer with the numbers of this picture's regions.

        Lists of regions are shuffled where there is an `rng`, sorted where there is none.
        """
        ask, answer = self.query(question, region_of), self.answer(question, region_of, rng)
        asked = self.tokenizer.encode(prompts.turn(ask), add_bos=False)
        ids = self.tokenizer.encode(prompts.turn(ask) + " " + answer + "</s>", add_bos=False)
        start = len(asked)
        features = [
            (at, int(region_of[question.objects[0]]))
            for at, t in enumerate(ids)
            if t == self.feature
        ]
        choices = self.choices(ids, start)
        hints = self.hints(question, ids, start, region_of, choices)
        return Turn(ids, start, hints, choices, features)

    def query(self, question: Question, region_of: np.ndarray) -> str:
        if question.form == "refer":
            region = f"<roi><r{region_of[question.objects[0]]}></roi><refer_feat>"
            return self.cased(question.phrase).replace("{region}", region)
        ask = {"locate": prompts.locate, "locate_all": prompts.locate_all, "chat": prompts.chat}
        return ask[question.form](self.cased(question.phrase))

    def cased(self, text: str) -> str:
        return text.lower() if self.lowercase else text

    def answer(self, question: Question, region_of: np.ndarray, rng=None) -> str:
        if question.form in ("locate", "locate_all"):
            return pointing(question.objects, region_of, rng)
        return "".join(
            part
            if isinstance(part, str)
            else f"<p>{part[0]}</p>{pointing(part[1], region_of, rng)}"
            for part in question.parts
        )

    def choices(self, ids: list[int], start: int) -> dict[int, tuple[int, ...]]:
        """Return, for each place of a region from `start` on, its list's tokens from there on."""
        left: dict[int, tuple[int, ...]] = {}
        for at in range(len(ids) - 1, start - 1, -1):
            if self.first <= ids[at] < self.first + 100:
                left[at] = (ids[at], *left.get(at + 1, ()))
        return left

    def hints(
        self,
        question: Question,
        ids: list[int],
        start: int,
        region_of: np.ndarray,
        choices: dict[int, tuple[int, ...]],
    ) -> list[Hint]:
        hints = []
        following: tuple[int, ...] = ()
        inside = False
        for at in range(len(ids) - 2, start - 2, -1):
            if at + 1 in choices:
                following = tuple(token - self.first for token in choices[at + 1])
                hints.append(Hint(POINT, at, following))
            elif ids[at + 1] == self.p_end and following:
                inside = True
            elif ids[at] == self.p:
                inside = False
                hints.append(Hint(POINT, at, following))
            if inside:
                hints.append(Hint(POINT, at, following))
        if question.form == "refer":
            described = (int(region_of[question.objects[0]]),)
            hints += [Hint(POINT, at, described) for at in range(start - 1, len(ids) - 2)]
        weighed = tuple(int(region_of[i]) for i in question.candidates)
        asked_end = [at for at in range(start) if ids[at] == self.p_end]
        opened = [at for at in range(start, len(ids)) if ids[at] == self.roi]
        begun = [at for at in range(start) if ids[at] == self.p]
        phrase = tuple(range(begun[0] + 1, asked_end[0])) if begun else ()
        for at in (asked_end[:1] + opened)[:2] if phrase else ():
            hints.append(Hint(READ, at, phrase))
        for at in (asked_end + opened)[:2]:
            if weighed:
                hints.append(Hint(WEIGH, at, weighed))
            if question.anchor >= 0:
                hints.append(Hint(ANCHOR, at, (int(region_of[question.anchor]),)))
        return hints


def pointing(objects: tuple[int, ...], region_of: np.ndarray, rng=None) -> str:
    """Return `<roi>..</roi>` over objects' regions, shuffled or in the prompt's order."""
    regions = sorted({int(region_of[i]) for i in objects})
    regions = regions if rng is None else rng.permutation(regions)
    return "<roi>" + "".join(f"<r{r}>" for r in regions) + "</roi>"


@dataclass(frozen=True)
class Batch:
    """Prefixes (B, P) and the turns that follow them (Q, T), both padded on the right.

    Attributes:
        prefix, turns: token ids. lengths: (B,) of the prefixes. owner: (Q,) each turn's prefix.
        targets: (Q, T), -100 where nothing is learned. choices: (row, place, token) of what is as
        right as the target, the target included. spots: (row, place, region) of region tokens in
        the prefixes, turn_spots: the same in the turns; regions count over the batch.
        hints: (head, row, place, columns to look at); NAME in the prefixes, all others in the
        turns, whose columns start with the longest prefix.
    """

    prefix: Tensor
    lengths: Tensor
    turns: Tensor
    turn_lengths: Tensor
    owner: Tensor
    targets: Tensor
    choices: Tensor
    spots: Tensor
    turn_spots: Tensor
    image_place: int
    hints: list[tuple[int, int, int, list[int]]]


def shuffled(picture: SeenPicture, rng: np.random.Generator) -> tuple[SeenPicture, np.ndarray]:
    """Renumber a picture's regions: what one is called must not matter."""
    order = rng.permutation(len(picture.boxes_cxcywh_norm))
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order] = np.arange(len(order))
    number[-1] = -1
    return (
        SeenPicture(
            picture.boxes_cxcywh_norm[order],
            picture.looks[order],
            picture.names[order],
            picture.image_tokens,
            number[picture.region_of],
            picture.truth,
        ),
        order,
    )


RENAMED_SHARE = 0.6
"""Of photographs: how many are asked about under other names."""


def renamed(picture: SeenPicture, rng: np.random.Generator) -> SeenPicture:
    """Exchange names of a photograph for others, in what the naming head says and in the truth.

    A rare name is as good as a frequent one then: the language model learns to read the evidence of
    every name, and not by heart which picture holds what.
    """
    if picture.truth.whole or rng.random() > RENAMED_SHARE:
        return picture
    number = np.arange(picture.names.shape[1])  # what each name is called from now on
    present = {*picture.truth.kind.tolist(), *(kind for kind, _ in picture.truth.hidden)}
    for kind in present:
        other = int(rng.integers(len(number)))
        number[[kind, other]] = number[[other, kind]]
    names = np.empty_like(picture.names)
    names[:, number] = picture.names
    truth = replace(
        picture.truth,
        kind=number[picture.truth.kind],
        hidden=tuple((int(number[kind]), colour) for kind, colour in picture.truth.hidden),
        complete=frozenset(int(number[kind]) for kind in picture.truth.complete),
    )
    return replace(picture, names=names, truth=truth)


def pack(
    speaker: Speaker, pictures: list[SeenPicture], turns: list[list[Turn]], image_tokens: int
) -> Batch:
    """Lay out each picture's prefix once, and all its turns."""
    image_id = speaker.tokenizer.token_id("<image>")
    region_id = speaker.tokenizer.token_id("<region>")
    prefixes, flat, hints, spots, turn_spots, owner, firsts = [], [], [], [], [], [], []
    counted = 0
    for row, (picture, asked) in enumerate(zip(pictures, turns, strict=True)):
        n, ids, first = len(picture.boxes_cxcywh_norm), [], 0
        for token in speaker.prefix:
            if token == image_id:
                ids += [image_id] * image_tokens
            elif token == region_id:
                first = len(ids)
                ids += [t for r in range(n) for t in (speaker.first + r, region_id)]
            else:
                ids.append(token)
        prefixes.append(ids)
        spots += [(row, first + 2 * r + 1, counted + r) for r in range(n)]
        hints += [(NAME, row, first + 2 * r + 1, [first + 2 * r]) for r in range(n)]
        for turn in asked:
            number = len(flat)
            flat.append(turn)
            owner.append(row)
            turn_spots += [(number, at, counted + r) for at, r in turn.feature_places]
            firsts.append(first)
        counted += n
    longest = max(map(len, prefixes))
    for number, (turn, first) in enumerate(zip(flat, firsts, strict=True)):
        for hint in turn.hints:
            words = hint.head == READ
            columns = [longest + at if words else first + 2 * at + 1 for at in hint.seen]
            hints.append((hint.head, number, hint.place, columns))
    after = [[-100] * (t.answer_start - 1) + t.ids[t.answer_start :] + [-100] for t in flat]
    choices = [
        (row, at - 1, token)
        for row, turn in enumerate(flat)
        for at, tokens in turn.choices.items()
        for token in tokens
    ]
    pad = speaker.tokenizer.pad_id
    return Batch(
        padded(prefixes, pad),
        torch.tensor([len(p) for p in prefixes]),
        padded([t.ids for t in flat], pad),
        torch.tensor([len(t.ids) for t in flat]),
        torch.tensor(owner),
        padded(after, -100),
        torch.tensor(choices, dtype=torch.long).reshape(-1, 3),
        torch.tensor(spots, dtype=torch.long).reshape(-1, 3),
        torch.tensor(turn_spots, dtype=torch.long).reshape(-1, 3),
        speaker.prefix.index(image_id),
        hints,
    )


def padded(rows: list[list[int]], fill: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])


def turn_mask(lengths: Tensor, longest: int, turns: int) -> Tensor:
    """Return (Q, 1, T, P + T) additive float: a token sees its prefix and its own past."""
    known = torch.arange(longest)[None] < lengths[:, None]
    past = torch.ones(turns, turns).tril().bool()
    seen = torch.cat(
        [known[:, None].expand(-1, turns, -1), past[None].expand(len(lengths), -1, -1)], dim=2
    )
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)[:, None]


def region_tokens(model: Groma, pictures: list[SeenPicture]) -> Tensor:
    """Finish the region encoder: add positions to looks, project, add names; (sum of n, D)."""
    encoder = model.region_encoder
    head = encoder.roi_align
    boxes, looks, named = (
        torch.from_numpy(np.concatenate([getattr(p, key) for p in pictures])).float()
        for key in ("boxes_cxcywh_norm", "looks", "names")
    )
    return head.updims(looks + head.pos_embedd(boxes)) + encoder.names(named)


def language_losses(model: Groma, batch: Batch, pictures: list[SeenPicture], words: WordTables):
    """Return losses (answers, hints, names) and figures (shares of right tokens) of a batch."""
    tokens = region_tokens(model, pictures).float()
    image = torch.from_numpy(np.stack([p.image_tokens for p in pictures])).float()
    start, end = batch.image_place, batch.image_place + image.shape[1]
    embeds = model.embed_ids(batch.prefix)
    embeds = torch.cat([embeds[:, :start], image, embeds[:, end:]], dim=1)
    embeds = embeds.index_put(tuple(batch.spots[:, :2].T), tokens[batch.spots[:, 2]])
    layers = range(len(model.llm.model.layers))
    before = model.llm.model(embeds, attention_layers=layers)
    asked = model.embed_ids(batch.turns)
    asked = asked.index_put(tuple(batch.turn_spots[:, :2].T), tokens[batch.turn_spots[:, 2]])
    lengths = batch.lengths[batch.owner]
    output = model.llm.model(
        asked,
        before.cache.rows(batch.owner),
        position=lengths[:, None] + torch.arange(batch.turns.shape[1])[None],
        mask=turn_mask(lengths, batch.prefix.shape[1], batch.turns.shape[1]),
        attention_layers=layers,
    )
    learned = batch.targets != -100
    logits, targets = model.logits(output.hidden[learned]), batch.targets[learned]
    pointing_at = targets >= model.ids.first_region
    each, right = answer_losses(logits, targets, learned, batch.choices)
    losses = {
        "answer": each.mean(),
        "point": each[pointing_at].sum() / pointing_at.sum().clamp(min=1),
        "hint": 0.5 * hint_loss(before.attentions, output.attentions, batch.hints),
        "name": 0.3 * naming_loss(model, tokens, pictures, words),
    }
    return losses, {
        "token_acc": right.mean().item(),
        "point_acc": right[pointing_at].mean().nan_to_num().item(),
    }


def answer_losses(logits: Tensor, targets: Tensor, learned: Tensor, choices: Tensor):
    """Return -log of each target's chance (N,) and whether it came first (N,), as floats.

    Where several tokens are as right, the chance is their geometric mean: least where all have the
    same, so that the first region of an answer shows in its probabilities how many fit.
    """
    chances, best = logits.log_softmax(-1), logits.detach().argmax(-1)
    each, right = -chances.gather(1, targets[:, None])[:, 0], (best == targets).float()
    row, place, token = choices.T
    at = learned.flatten().cumsum(0)[row * learned.shape[1] + place] - 1
    total = torch.zeros_like(each).index_add(0, at, chances[at, token])
    count = torch.zeros_like(each).index_add(0, at, torch.ones_like(each[at]))
    right[at[best[at] == token]] = 1.0
    return torch.where(count > 0, -total / count.clamp(min=1), each), right


def naming_loss(
    model: Groma, tokens: Tensor, pictures: list[SeenPicture], words: WordTables
) -> Tensor:
    """Pull each region token towards the embeddings of the words for its kind and colour."""
    offset, at, kinds, colours = 0, [], [], []
    for p in pictures:
        covered = np.flatnonzero(p.region_of >= 0)
        at += [offset + int(r) for r in p.region_of[covered]]
        kinds += p.truth.kind[covered].tolist()
        colours += p.truth.colour[covered].tolist()
        offset += len(p.boxes_cxcywh_norm)
    if not at:
        return tokens.sum() * 0
    named, painted = words.logits(tokens[at], model)
    kind, colour = torch.tensor(kinds), torch.tensor(colours)
    named = named.masked_fill(words.also_right[kind], -1e4)
    painting = F.cross_entropy(painted, colour, ignore_index=UNKNOWN).nan_to_num()
    return F.cross_entropy(named, kind) + painting


def askable(picture: SeenPicture, rng, count: int, weights: dict[str, float]) -> list[Question]:
    """Draw questions whose every object the perceiver has found."""
    asked = ask_many(picture.truth, rng, count, weights)
    return [q for q in asked if all(picture.region_of[i] >= 0 for i in q.needs())]


LONG = ("relation", "scene", "count", "is_there", "what_colour")
"""Families whose turns are long; they are asked together, so that short ones need no padding."""


def family_weights(rng: np.random.Generator) -> dict[str, float]:
    """Weigh the families of one step: the long ones, or all others."""
    weights = {name: weight for name, (_, weight) in FAMILIES.items()}
    long = sum(weights[name] for name in LONG) / sum(weights.values())
    asked_long = bool(rng.random() < long)
    return {name: weight for name, weight in weights.items() if (name in LONG) == asked_long}


def train_language(
    rank: int,
    views: str,
    start: str,
    perceiver: str,
    checkpoint: str,
    minutes: float,
    questions: int,
    lr: float,
    seed: int,
) -> None:
    """Train for `minutes`; each process looks at its own share of the views and keeps it.

    A step is about one picture: pointing emerges after some number of steps, not of questions.
    """
    torch.manual_seed(seed)
    model, tokenizer = load_perceiver(perceiver, start, attention="eager")
    model.requires_grad_(False)
    modules = nn.ModuleDict(language_half(model))
    modules.requires_grad_(True)
    folder = ViewFolder(views)
    world = torch.distributed.get_world_size()
    mine = list(range(rank, len(folder), world))
    kept = Path(checkpoint).with_suffix(f".seen{rank}of{world}.pt")
    seen = remember(model, folder, mine, kept, Path(perceiver))
    image_tokens = (model.config.grid_size // 2) ** 2
    speaker = Speaker(tokenizer, lowercase=True)
    words = WordTables(tokenizer)
    trainer = Trainer(modules, lr, minutes, Path(checkpoint))
    rng = np.random.default_rng([seed, rank, trainer.steps])
    while trainer.done < 1:
        picture, _ = shuffled(renamed(seen[int(rng.integers(len(seen)))], rng), rng)
        asked = askable(picture, rng, questions, family_weights(rng))
        if not asked:
            continue
        turns = [speaker.turn(question, picture.region_of, rng) for question in asked]
        packed = pack(speaker, [picture], [turns], image_tokens)
        with fast_numbers():
            losses, figures = language_losses(model, packed, [picture], words)
        trainer.step(losses, len(turns), figures)


def language_half(model: Groma) -> dict[str, nn.Module]:
    """Return what the language stage trains, by name: the decoder and the end of region tokens."""
    head = model.region_encoder.roi_align
    return {
        "llm": model.llm,
        "new_input_embs": model.new_input_embs,
        "updims": head.updims,
        "extra_lm_head": model.extra_lm_head,
        "pos_embedd": head.pos_embedd,
        "names": model.region_encoder.names,
    }


def remember(
    model: Groma, folder: ViewFolder, numbers: list[int], path: Path, eyes: Path
) -> list[SeenPicture]:
    """Look at views, or read what the same eyes, a checkpoint, saw of the same ones before."""
    seen: list[SeenPicture] = []
    if path.exists() and path.stat().st_mtime > eyes.stat().st_mtime:
        kept = torch.load(path, weights_only=False)
        if len(kept) == len(numbers):
            return kept
    for at in range(0, len(numbers), 32):
        seen += look(model, folder, numbers[at : at + 32])
        if at % 1024 == 0:
            print(f"looking at views: {at} of {len(numbers)}", flush=True)
    torch.save(seen, path)
    return seen
