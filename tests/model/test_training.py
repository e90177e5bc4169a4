"""The recipe's tensors: a packed question is what it would be alone, and losses can be learned."""

import copy

import numpy as np
import pytest
import torch

from groma_ros.groma.config import GromaConfig
from groma_ros.groma.model import Groma, Percept
from groma_ros.groma.tokenizer import GromaTokenizer
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train.language import (
    Speaker,
    first_words,
    language_losses,
    pack,
    region_tokens,
    shuffled,
)  # fmt: skip
from groma_ros.train.nano import nano_config
from groma_ros.train.objects import window_states
from groma_ros.train.perceiver import Aids, perceiver_losses
from groma_ros.train.pictures import Picture
from groma_ros.train.questions import Truth, ask_many
from groma_ros.train.regions import SeenPicture
from groma_ros.train.start import reset_language
from groma_ros.train.vocabulary import make_vocabulary


def small_config(vocabulary: int) -> GromaConfig:
    """Shrink groma-nano to what a test needs."""
    config = copy.deepcopy(nano_config(vocabulary))
    vision = config["perceiver_cfg"]["vis_encoder_cfg"]
    vision |= {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 4, "image_size": 128}
    config["perceiver_cfg"]["ddetr_cfg"] |= {
        "d_model": 64, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_queries": 12,
        "two_stage_num_proposals": 12,
    }  # fmt: skip
    config["llm_cfg"] |= {"hidden_size": 64, "intermediate_size": 96}
    config["groma_ros"] |= {"image_size": 128, "stem_channels": [8, 16]}
    config["groma_ros"]["region_encoder"] |= {"channels": 64, "hidden": 64}
    return GromaConfig.from_dict(config)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> GromaTokenizer:
    folder = tmp_path_factory.mktemp("vocabulary")
    make_vocabulary(folder / "tokenizer.model", pictures=150, size=700)
    return GromaTokenizer.from_folder(folder)


@pytest.fixture(scope="module")
def model(tokenizer) -> Groma:
    torch.manual_seed(0)
    model = Groma(small_config(tokenizer.vocab_size), attention="eager").eval()
    reset_language(model)
    return model


def seen_picture(rng, regions: int, image_tokens: int) -> SeenPicture:
    low = rng.random((regions, 2)) * 0.6
    boxes = np.concatenate([low, low + 0.1 + 0.2 * rng.random((regions, 2))], axis=1)
    centres = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    truth = Truth(
        rng.integers(0, 4, regions), rng.integers(0, 3, regions), boxes, rng.random(regions) + 0.5
    )
    return SeenPicture(
        centres.astype(np.float32), rng.normal(size=(regions, 64)).astype(np.float16),
        rng.normal(size=(image_tokens, 64)).astype(np.float16), np.arange(regions), truth,
    )  # fmt: skip


def test_packed_turns_score_as_they_do_alone(model, tokenizer):
    rng = np.random.default_rng(5)
    speaker, tokens = Speaker(tokenizer, lowercase=True), (model.config.grid_size // 2) ** 2
    pictures = [seen_picture(rng, n, tokens) for n in (4, 7)]
    questions = [ask_many(p.truth, rng, 6) for p in pictures]
    turns = [
        [speaker.turn(q, p.region_of) for q in asked]
        for p, asked in zip(pictures, questions, strict=True)
    ]
    words = {"kinds": first_words(tokenizer, KINDS), "colours": first_words(tokenizer, COLOURS)}
    with torch.no_grad():
        packed, _ = language_losses(model, pack(speaker, pictures, turns, tokens), pictures, words)
        total, count = 0.0, 0
        for picture, asked in zip(pictures, turns, strict=True):
            features = region_tokens(model, [picture])
            percept = Percept(
                torch.from_numpy(picture.boxes_cxcywh_norm), torch.ones(len(features)),
                torch.from_numpy(picture.image_tokens).float(), features,
                torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long),
            )  # fmt: skip
            for turn in asked:
                ids = torch.tensor(speaker.prefix + turn.ids)
                alone = percept
                if turn.feature_places:
                    pointed = torch.tensor([turn.feature_places[0][1]])
                    alone = copy.copy(percept)
                    object.__setattr__(alone, "refer_indices", pointed)
                hidden, _ = model.forward_tokens(model.embed_prompt(ids, alone)[None])
                logits = model.logits(hidden[0])[-len(turn.ids) :]
                answer = torch.tensor(turn.ids[turn.answer_start :])
                chance = logits[turn.answer_start - 1 : -1].log_softmax(-1)
                total -= chance.gather(1, answer[:, None]).sum().item()
                count += len(answer)
    assert packed["answer"].item() == pytest.approx(total / count, rel=1e-4)


def test_an_answer_starts_after_what_was_asked_and_points_at_its_regions(tokenizer):
    speaker = Speaker(tokenizer, lowercase=True)
    rng = np.random.default_rng(1)
    picture, _ = shuffled(seen_picture(rng, 6, 4), rng)
    for question in ask_many(picture.truth, rng, 40):
        turn = speaker.turn(question, picture.region_of)
        answer = turn.ids[turn.answer_start :]
        assert answer[-1] == tokenizer.eos_id
        said = [i for t in answer if (i := tokenizer.region_index(t)) is not None]
        if question.form in ("locate", "locate_all"):
            assert said == sorted(int(picture.region_of[o]) for o in question.objects)
        assert all(0 <= h.place < len(turn.ids) for h in turn.hints)
        assert all(0 <= r < 6 for h in turn.hints for r in h.regions)


def test_shuffling_renames_regions_and_keeps_what_they_cover():
    rng = np.random.default_rng(2)
    picture = seen_picture(rng, 5, 4)
    picture.region_of[3] = -1
    mixed, _ = shuffled(picture, rng)
    assert mixed.region_of[3] == -1
    for i in (0, 1, 2, 4):
        np.testing.assert_array_equal(
            mixed.boxes_cxcywh_norm[mixed.region_of[i]], picture.boxes_cxcywh_norm[i]
        )


def test_a_window_at_full_size_is_seen_as_the_picture_is(model):
    pixels = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        states = model.perceiver.hidden_states(pixels)
        expected = torch.stack(list(states[-4:])).mean(0)[:, 1:]
        found = window_states(model.perceiver.vis_encoder, pixels, (0, 0))
    torch.testing.assert_close(found, expected)


def test_the_perceiver_learns_a_picture_and_an_empty_one(tokenizer):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Groma(small_config(tokenizer.vocab_size)).train()
    aids = Aids(64, 64)
    cells = np.full((8, 8), -1)
    cells[2:5, 2:5] = 0
    rgb = rng.integers(0, 255, (128, 128, 3)).astype(np.uint8)
    box = np.array([[0.25, 0.25, 0.6, 0.6]], dtype=np.float32)
    pictures = [
        Picture(rgb, box, np.array([3]), np.array([1]), cells),
        Picture(rgb[::-1].copy(), np.zeros((0, 4), np.float32), np.zeros(0, int), np.zeros(0, int),
                np.full((8, 8), -1)),
    ]  # fmt: skip
    parameters = [*model.perceiver.parameters(), *model.region_encoder.parameters(), *aids.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3)
    totals = []
    for _ in range(25):
        losses, _ = perceiver_losses(model, aids, pictures)
        total = sum(losses.values())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert np.isfinite(totals).all() and totals[-1] < 0.6 * totals[0]
    only_empty, _ = perceiver_losses(model, aids, pictures[1:])
    assert torch.isfinite(sum(only_empty.values()))
