"""The recipe's tensors: a packed question is what it would be alone, and losses can be learned."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from groma_ros.checkpoint.locate import model_folder
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import YOLOX_NANO_CHANNELS, GromaConfig
from groma_ros.model.groma import Groma, Percept
from groma_ros.model.naming import DetectorHead
from groma_ros.model.region_encoder import name_evidence
from groma_ros.model.stem import JointStem, MobileStem, YoloxStem
from groma_ros.sim.scene import COLOURS
from groma_ros.train import names
from groma_ros.train.hints import NAME, POINT, READ, hint_loss, hinted_heads
from groma_ros.train.language import (
    Speaker,
    language_losses,
    pack,
    region_tokens,
    renamed,
    shuffled,
)
from groma_ros.train.naming import naming_losses
from groma_ros.train.nano import nano_config
from groma_ros.train.perceiver import (
    GUESS_WEIGHT,
    UNKNOWN,
    Aids,
    perceiver_losses,
    settle_detector,
    target_of,
    under,
)
from groma_ros.train.questions import UNKNOWN as NO_COLOUR
from groma_ros.train.questions import Question, Truth, ask_many
from groma_ros.train.regions import SeenPicture, look
from groma_ros.train.start import start_naming, widened
from groma_ros.train.views import (
    EVERYTHING,
    SIDE,
    Detector,
    Thing,
    ViewFolder,
    unknowing,
    write_views,
)
from groma_ros.train.views import Truth as ViewTruth
from groma_ros.train.words import WordTables

SMALL_STEM = {"channels": 8, "stages": [{"channels": 16, "stride": 2}]}
JOINT_STEM = {
    "channels": 8,
    "stages": [
        {"channels": 8, "stride": 2},
        {"channels": 8, "stride": 2},
        {"channels": 112, "stride": 2},
    ],
    "detector": "yolox_nano",
}


def small_config(vocabulary: int, stem: dict = SMALL_STEM) -> GromaConfig:
    """Shrink groma-nano to what a test needs."""
    side = SIDE if stem.get("detector") else 128
    config = copy.deepcopy(nano_config(vocabulary))
    vision = config["perceiver_cfg"]["vis_encoder_cfg"]
    vision |= {
        "hidden_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "image_size": side,
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
    naming = {"names": len(names.NAMES), "channels": 16} if stem.get("detector") else None
    config["groma_ros"] |= {"image_size": side, "stem": stem, "naming": naming}
    config["groma_ros"]["region_encoder"] |= {"channels": 64, "hidden": 64}
    return GromaConfig.from_dict(config)


@pytest.fixture(scope="module")
def tokenizer() -> GromaTokenizer:
    return GromaTokenizer.from_folder(model_folder("nano"))


@pytest.fixture(scope="module")
def model(tokenizer) -> Groma:
    torch.manual_seed(0)
    model = Groma(small_config(tokenizer.vocab_size, JOINT_STEM), attention="eager").eval()
    for embeddings in (model.llm.model.embed_tokens, model.new_input_embs):
        torch.nn.init.normal_(embeddings.weight)
    return model


def seen_picture(rng, regions: int, image_tokens: int) -> SeenPicture:
    low = rng.random((regions, 2)) * 0.6
    boxes = np.concatenate([low, low + 0.1 + 0.2 * rng.random((regions, 2))], axis=1)
    centres = np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )
    truth = Truth(
        rng.integers(0, 4, regions),
        rng.integers(0, 3, regions),
        boxes,
        rng.random(regions) + 0.5,
        complete=frozenset(range(len(names.NAMES))),
        whole=True,
    )
    return SeenPicture(
        centres.astype(np.float32),
        rng.normal(size=(regions, 64)).astype(np.float16),
        rng.random((regions, len(names.NAMES))).astype(np.float16),
        rng.normal(size=(image_tokens, 64)).astype(np.float16),
        np.arange(regions),
        truth,
    )


def test_names_of_a_photograph_are_exchanged_in_evidence_and_truth_alike():
    rng = np.random.default_rng(2)
    picture = seen_picture(rng, 5, 4)
    assert renamed(picture, rng) is picture, "a rendered picture stays as it is"
    truth = replace(picture.truth, whole=False, hidden=((7, -1),), complete=frozenset({1, 7, 9}))
    photograph = replace(picture, truth=truth)
    exchanged = 0
    for _ in range(20):
        other = renamed(photograph, rng)
        old, new = photograph.truth, other.truth
        exchanged += bool((old.kind != new.kind).any())
        told, tells = photograph.names[range(5), old.kind], other.names[range(5), new.kind]
        assert (told == tells).all(), "what speaks for a thing speaks for its new name"
        np.testing.assert_array_equal(np.sort(other.names), np.sort(photograph.names))
        assert (new.hidden[0][0] in new.complete) and len(new.complete) == 3
    assert 5 < exchanged < 20


def test_packed_turns_score_as_they_do_alone(model, tokenizer):
    rng = np.random.default_rng(5)
    speaker, tokens = Speaker(tokenizer, lowercase=True), (model.config.grid_size // 2) ** 2
    pictures = [seen_picture(rng, n, tokens) for n in (4, 7)]
    questions = [ask_many(p.truth, rng, 6) for p in pictures]
    turns = [
        [speaker.turn(q, p.region_of, rng) for q in asked]
        for p, asked in zip(pictures, questions, strict=True)
    ]
    words = WordTables(tokenizer)
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
    phrase = f"the {names.NAMES[other].name}"
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


def made_up_detector() -> DetectorHead:
    """Make up the detector's last layers: it sees hardly anything."""
    torch.manual_seed(3)
    head = DetectorHead()
    for name, value in head.state_dict().items():
        value.normal_(0, 0.1) if name.endswith("weight") else value.fill_(-4.0)
    return head


def small_stem() -> JointStem:
    """Make a stem whose mobile half is small."""
    torch.manual_seed(1)
    stem = small_config(900, JOINT_STEM).stem
    return JointStem(MobileStem(3, stem), YoloxStem()).eval()


@pytest.fixture(scope="module")
def views(tmp_path_factory) -> ViewFolder:
    """Write two views: a red cup in a photograph that is boxed in part, and nothing at all."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (2, SIDE, SIDE, 3)).astype(np.uint8)
    cup = Thing("cup", "red", (0.25, 0.25, 0.6, 0.6))
    truths = [
        ViewTruth("photograph", [cup], [Thing("bowl", "", (0.7, 0.7, 0.9, 0.9))], [], ["cup"]),
        ViewTruth("blank", [], [], [], [EVERYTHING]),
    ]
    pictures = iter(zip(rgb, truths, strict=True))
    write_views(small_stem(), Detector(made_up_detector()), pictures, folder, 0)
    return ViewFolder(folder)


def test_views_give_back_what_the_stem_saw(views):
    assert len(views) == 2 and views.truths[0].things[0].name == "cup"
    mobile, fine, middle, coarse = views.levels([1, 0])
    assert [tuple(level.shape) for level in (mobile, fine, middle, coarse)] == [
        (2, 112, 24, 24),
        (2, 131, 48, 48),
        (2, 192, 24, 24),
        (2, 192, 12, 12),
    ]
    again = views.levels([0])
    assert torch.equal(again[1][0], fine[1]) and torch.equal(again[3][0], coarse[1])
    said = views.detector([0])
    assert said.shape == (1, 24, 24, 81) and 0 < said.max() <= 1
    joined = small_stem().joined([level.float() for level in again])
    assert joined.shape == (1, 112 + YOLOX_NANO_CHANNELS, 24, 24)
    assert torch.equal(joined[0, :112], again[0][0].float())
    assert torch.equal(joined[0, 112:116, 3, 5], again[1][0, 0, 6:8, 10:12].flatten().float())


def test_nothing_is_learned_where_an_unlabelled_thing_may_be(views):
    said = torch.zeros(24, 24, 81)
    said[20, 20, 80] = 0.9
    part, whole = (target_of(truth, said) for truth in views.truths)
    assert part.doubtful[20, 20] and part.doubtful.sum() == 1 and not whole.doubtful.any()
    assert part.name.tolist() == [names.number_of("cup"), names.number_of("bowl")]
    assert part.colour.tolist() == [COLOURS.index("red"), UNKNOWN]
    assert part.weight.tolist() == [1.0, GUESS_WEIGHT], "what detectors guessed counts less"
    centres = torch.tensor([[20.5 / 24, 20.5 / 24], [0.1, 0.9]])
    assert under(part.doubtful, centres).tolist() == [True, False]


def test_without_a_detector_nothing_is_learned_where_nobody_looked(tmp_path):
    cup = Thing("cup", "red", (0.25, 0.25, 0.6, 0.6))
    rgb = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    truths = [ViewTruth("mine", [cup], [], [], ["cup"]), ViewTruth("mine", [cup], [], [], ["*80"])]
    write_views(small_stem(), unknowing, iter(zip(rgb, truths, strict=True)), tmp_path, 0)
    folder = ViewFolder(tmp_path)
    partly, wholly = (
        target_of(truth, said)
        for truth, said in zip(folder.truths, folder.detector([0, 1]), strict=True)
    )
    assert partly.doubtful.all()
    assert not wholly.doubtful.any()


def test_the_perceiver_learns_a_view_and_an_empty_one(tokenizer, views):
    torch.manual_seed(0)
    model = Groma(small_config(tokenizer.vocab_size, stem=JOINT_STEM)).train()
    model.perceiver.vis_encoder.stem.requires_grad_(False)
    model.llm.requires_grad_(False)
    settle_detector(model.perceiver.vis_encoder.stem, views)
    aids, words = Aids(64, 64), WordTables(tokenizer)
    parts = (model.perceiver, model.region_encoder, model.img_txt_bridge, aids)
    learned = [p for part in parts for p in part.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=2e-3)
    said = views.detector([0, 1])
    targets = [target_of(t, d) for t, d in zip(views.truths, said, strict=True)]
    levels = tuple(level.float() for level in views.levels([0, 1]))
    totals = []
    for _ in range(25):
        losses, _ = perceiver_losses(model, aids, words, levels, said, targets)
        total = sum(losses.values())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert np.isfinite(totals).all() and totals[-1] < 0.6 * totals[0]
    empty = tuple(level[1:] for level in levels)
    only_empty, _ = perceiver_losses(model, aids, words, empty, said[1:], targets[1:])
    assert torch.isfinite(sum(only_empty.values()))


def test_language_pictures_come_from_views(tokenizer, views):
    model = Groma(small_config(tokenizer.vocab_size, stem=JOINT_STEM)).eval()
    first, second = look(model, views, [0, 1])
    assert first.looks.shape == (len(first.boxes_cxcywh_norm), 64)
    assert first.image_tokens.shape == ((24 // 2) ** 2, 64)
    assert first.truth.kind.tolist() == [names.number_of("cup")] and not first.truth.whole
    assert first.truth.hidden == ((names.number_of("bowl"), NO_COLOUR),), "a guess is no answer"
    assert second.truth.whole and len(second.truth.kind) == 0
    assert len(second.truth.complete) == len(names.NAMES)


def test_a_widened_model_sees_as_before(tokenizer):
    """Training begins with what a model can do: the detector's features weigh nothing at first."""
    wide = Groma(small_config(tokenizer.vocab_size, stem=JOINT_STEM)).eval()
    stem = replace(wide.config.stem, detector="")
    known = Groma(replace(wide.config, stem=stem, naming=None)).eval()
    missing, unexpected = wide.load_state_dict(widened(known.state_dict(), wide), strict=False)
    added = (".stem.detector.", "perceiver.naming.", "region_encoder.names.")
    assert not unexpected and all(any(part in name for part in added) for name in missing)
    pixels = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        before, after = (m.perceiver.vis_encoder.hidden_states(pixels) for m in (known, wide))
    torch.testing.assert_close(after[-1], before[-1], rtol=1e-4, atol=1e-4)


def test_a_naming_head_starts_as_the_detector_and_learns_other_names(tokenizer, views):
    """Cells are called what the detector calls them, until the views say otherwise."""
    torch.manual_seed(0)
    model = Groma(small_config(tokenizer.vocab_size, stem=JOINT_STEM)).eval()
    start_naming(model, tokenizer)
    head, stem = model.perceiver.naming, model.perceiver.vis_encoder.stem
    levels = tuple(level.float() for level in views.levels([0, 1]))
    banana = names.COCO_ROWS.index(names.number_of("banana"))
    for layer in (*head.detector.cls_preds, *head.detector.obj_preds):
        layer.weight.data.zero_()
        layer.bias.data.fill_(-8.0)
    head.detector.cls_preds[1].bias.data[banana] = head.detector.obj_preds[1].bias.data[0] = 8.0
    with torch.no_grad():
        features = stem.joined(levels)
        shares = head.shares(features, levels[1:])
    assert shares.shape == (2, len(names.NAMES), 24, 24)
    assert (shares.argmax(1) == names.number_of("banana")).all() and shares.amax() > 0.5
    targets = [target_of(t, d) for t, d in zip(views.truths, views.detector([0, 1]), strict=True)]
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-2)
    for _ in range(40):
        also_right = WordTables(tokenizer).also_right
        losses, figures = naming_losses(head, features, levels[1:], targets, also_right)
        optimiser.zero_grad()
        losses["name"].backward()
        optimiser.step()
    assert figures["cell_acc"] == 1.0
    boxes = [torch.tensor([[0.425, 0.425, 0.35, 0.35]]), torch.zeros(0, 4)]
    evidence = name_evidence(head.shares(features, levels[1:]), boxes, torch.tensor([0.5]))
    assert evidence.argmax() == names.number_of("cup") and 3.4 < evidence.max() <= np.log1p(50)
