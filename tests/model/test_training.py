"""The recipe's tensors: a packed question is what it would be alone, and losses can be learned."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig, StemConfig
from groma_ros.model.groma import Groma, Percept
from groma_ros.model.vision_encoder import MobileStem
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train.hints import NAME, POINT, READ, hint_loss, hinted_heads, prime_heads
from groma_ros.train.language import Speaker, language_losses, pack, region_tokens, shuffled
from groma_ros.train.nano import nano_config
from groma_ros.train.perceiver import Aids, perceiver_losses, recall
from groma_ros.train.pictures import Picture, normalised
from groma_ros.train.questions import Question, Truth, ask_many
from groma_ros.train.regions import SeenPicture
from groma_ros.train.start import first_words, load_lite_stem, reset_language
from groma_ros.train.vocabulary import make_vocabulary

SMALL_STEM = {"channels": 8, "stages": [{"channels": 16, "stride": 2}]}


def small_config(vocabulary: int) -> GromaConfig:
    """Shrink groma-nano to what a test needs."""
    config = copy.deepcopy(nano_config(vocabulary))
    vision = config["perceiver_cfg"]["vis_encoder_cfg"]
    vision |= {
        "hidden_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 4,
        "image_size": 128,
    }
    config["perceiver_cfg"]["ddetr_cfg"] |= {
        "d_model": 64,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_queries": 12,
        "two_stage_num_proposals": 12,
    }
    config["llm_cfg"] |= {"hidden_size": 64, "intermediate_size": 96}
    config["groma_ros"] |= {"image_size": 128, "stem": SMALL_STEM}
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
    centres = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )
    truth = Truth(
        rng.integers(0, 4, regions), rng.integers(0, 3, regions), boxes, rng.random(regions) + 0.5
    )
    return SeenPicture(
        centres.astype(np.float32),
        rng.normal(size=(regions, 64)).astype(np.float16),
        rng.normal(size=(image_tokens, 64)).astype(np.float16),
        np.arange(regions),
        truth,
    )


def test_packed_turns_score_as_they_do_alone(model, tokenizer):
    rng = np.random.default_rng(5)
    speaker, tokens = Speaker(tokenizer, lowercase=True), (model.config.grid_size // 2) ** 2
    pictures = [seen_picture(rng, n, tokens) for n in (4, 7)]
    questions = [ask_many(p.truth, rng, 6) for p in pictures]
    turns = [
        [speaker.turn(q, p.region_of, rng) for q in asked]
        for p, asked in zip(pictures, questions, strict=True)
    ]
    words = {"kinds": first_words(tokenizer, KINDS), "colours": first_words(tokenizer, COLOURS)}
    with torch.no_grad():
        packed, _ = language_losses(model, pack(speaker, pictures, turns, tokens), pictures, words)
        total, count = 0.0, 0
        for picture, asked in zip(pictures, turns, strict=True):
            features = region_tokens(model, [picture])
            percept = Percept(
                torch.from_numpy(picture.boxes_cxcywh_norm),
                torch.ones(len(features)),
                torch.from_numpy(picture.image_tokens).float(),
                features,
                torch.zeros(0, dtype=torch.long),
                torch.zeros(0, dtype=torch.long),
            )
            for turn in asked:
                ids = torch.tensor(speaker.prefix + turn.ids)
                alone = percept
                if turn.feature_places:
                    pointed = torch.tensor([turn.feature_places[0][1]])
                    alone = copy.copy(percept)
                    object.__setattr__(alone, "refer_indices", pointed)
                hidden = model.llm.model(model.embed_prompt(ids, alone)[None]).hidden
                logits = model.logits(hidden[0])[-len(turn.ids) :]
                chance = logits.log_softmax(-1)
                for at in range(turn.answer_start, len(turn.ids)):
                    right = list(turn.choices.get(at, (turn.ids[at],)))
                    total -= chance[at - 1, right].mean().item()
                    count += 1
    assert packed["answer"].item() == pytest.approx(total / count, rel=1e-4)


def test_a_list_of_regions_has_no_order(tokenizer):
    speaker, regions = Speaker(tokenizer, lowercase=True), np.array([4, 0, 2])
    question = Question("all", "locate_all", "the cups", (0, 1, 2), candidates=(0, 1, 2))
    said = set()
    for seed in range(20):
        turn = speaker.turn(question, regions, np.random.default_rng(seed))
        places = sorted(turn.choices)
        tokens = [turn.ids[at] for at in places]
        said.add(tuple(tokens))
        assert [set(turn.choices[at]) for at in places] == [set(tokens[n:]) for n in range(3)]
        first = [h for h in turn.hints if h.head == POINT and h.place == places[0] - 1]
        assert [set(h.seen) for h in first] == [{0, 2, 4}]
    assert len(said) > 1


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
        pointed = [h for h in turn.hints if h.head != READ]
        assert all(0 <= r < 6 for h in pointed for r in h.seen)


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


def test_hints_are_met_where_the_answer_and_its_words_are(model, tokenizer):
    """Full attention to what the hints name costs nothing; to anything else, it costs."""
    rng = np.random.default_rng(2)
    speaker = Speaker(tokenizer, lowercase=True)
    picture = seen_picture(rng, 5, 16)
    other = int(picture.truth.kind[0])
    phrase = f"the {KINDS[other]}"
    turn = speaker.turn(
        Question("kind", "locate", phrase, (0,), candidates=(0,)), picture.region_of
    )
    batch = pack(speaker, [picture], [[turn]], 16)
    places, columns = batch.turns.shape[1], batch.prefix.shape[1] + batch.turns.shape[1]
    known = batch.prefix.shape[1]
    before = {layer: torch.full((1, 2, known, known), 1e-4) for layer in range(4)}
    during = {layer: torch.full((1, 2, places, columns), 1e-4) for layer in range(4)}
    for kind, row, at, seen in batch.hints:
        layer, head = hinted_heads(4)[kind]
        (before if kind == NAME else during)[layer][row, head, at, seen] = 1.0
    assert hint_loss(before, during, batch.hints) == 0
    read = [columns for kind, _, _, columns in batch.hints if kind == READ]
    start = batch.prefix.shape[1]
    words = [batch.turns[0, c - start].item() for c in read[0]]
    assert tokenizer.decode(words).strip() == phrase
    assert hint_loss(before, {n: d * 0.5 for n, d in during.items()}, batch.hints) > 0


def test_primed_heads_copy_what_they_look_at(model):
    primed = copy.deepcopy(model)
    prime_heads(primed)
    size = primed.llm.config.hidden_size // primed.llm.config.num_attention_heads
    layer, head = hinted_heads(4)[POINT]
    attention, rows = (
        primed.llm.model.layers[layer].self_attn,
        slice(head * size, (head + 1) * size),
    )
    copied = attention.o_proj.weight[:, rows] @ attention.v_proj.weight[rows]
    torch.testing.assert_close(copied, copied.T)
    tokens = primed.new_input_embs.weight @ copied @ primed.new_input_embs.weight.T
    assert (tokens.argmax(-1) == torch.arange(len(tokens))).float().mean() > 0.9


def test_a_stem_filled_from_batch_normalised_weights_computes_the_same():
    torch.manual_seed(0)
    config = StemConfig(
        4, ({"channels": 4, "expansion": 1}, {"channels": 6, "kernel": 5, "stride": 2})
    )
    stem = MobileStem(3, config).eval()
    weights, layers = {}, []
    names = [("_conv_stem", "_bn0")]
    names += [
        ("_blocks.0._depthwise_conv", "_blocks.0._bn1"),
        ("_blocks.0._project_conv", "_blocks.0._bn2"),
    ]
    names += [
        (f"_blocks.1.{conv}", f"_blocks.1.{norm}")
        for conv, norm in (
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
        )
    ]
    for conv, (name, norm) in zip(
        (m for m in stem.modules() if isinstance(m, nn.Conv2d)), names, strict=True
    ):
        kernel = torch.randn_like(conv.weight) * 0.3
        batch_norm = nn.BatchNorm2d(conv.out_channels, eps=1e-3).eval()
        for tensor in batch_norm.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand_like(tensor))
        weights[f"{name}.weight"] = kernel
        weights |= {f"{norm}.{key}": value for key, value in batch_norm.state_dict().items()}
        layers.append((kernel, conv.stride[0], conv.groups, batch_norm))
    load_lite_stem(stem, weights)
    rgb = (
        np.full((1, 16, 16, 3), 127, np.uint8) + np.arange(16, dtype=np.uint8)[None, :, None, None]
    )
    x = torch.from_numpy((rgb.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)

    def normalised_layer(x, number):
        kernel, stride, groups, norm = layers[number]
        total = kernel.shape[-1] - stride if kernel.shape[-1] > 1 else 0
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        return norm(F.conv2d(x, kernel, None, stride, 0, 1, groups))

    relu6 = nn.ReLU6()
    first = relu6(normalised_layer(x, 0))
    middle = first + normalised_layer(relu6(normalised_layer(first, 1)), 2)
    wide = relu6(normalised_layer(relu6(normalised_layer(middle, 3)), 4))
    expected = normalised_layer(wide, 5)
    found = stem(normalised(rgb))
    assert found.shape == (1, 6, 4, 4)
    inner = (..., slice(2, -1), slice(2, -1))  # zero padding is black here and grey there
    torch.testing.assert_close(found[inner], expected[inner], rtol=1e-4, atol=1e-4)


def test_a_model_that_is_trained_on_names_what_its_words_name(model, tokenizer):
    aids = Aids(64, 64)
    recall(aids, model, tokenizer)
    spoken = model.embed_ids(first_words(tokenizer, KINDS))
    assert (aids.kind(spoken).argmax(-1) == torch.arange(len(KINDS))).all()
    assert not aids.place.weight.any() and not aids.cell_kind.bias.any(), (
        "what knows nothing says nothing"
    )


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
        Picture(
            rgb[::-1].copy(),
            np.zeros((0, 4), np.float32),
            np.zeros(0, int),
            np.zeros(0, int),
            np.full((8, 8), -1),
        ),
    ]
    parameters = [
        *model.perceiver.parameters(),
        *model.region_encoder.parameters(),
        *aids.parameters(),
    ]
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
