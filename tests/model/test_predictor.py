"""The predictor's promises, on a tiny random Groma with a tiny vocabulary."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from groma_ros.encoding import prompts
from groma_ros.inference.answer_grammar import AnswerGrammar, RegionTokens
from groma_ros.inference.pointing_answer import ask_phrases
from groma_ros.inference.spoken_answer import decode_words
from groma_ros.model.config import PointingConfig
from groma_ros.train.language import Speaker
from groma_ros.train.questions import Question
from groma_ros.values import boxes as box_math
from groma_ros.values.answers import BoxFound, Grounding, PhraseOpened, Status, TextPiece
from groma_ros.values.commands import CommandPhrase


def same(a, b) -> bool:
    drop = {"timings_ms": None}
    return a.to_dict() | drop == b.to_dict() | drop


# ---- perceive


def test_regions_lie_in_the_source_picture_best_first(predictor, perception):
    assert perception.image_size_hw == (60, 100)
    assert len(perception.boxes_xyxy) == len(perception.scores) > 3
    assert (perception.boxes_xyxy >= 0).all() and (perception.boxes_xyxy <= [100, 60] * 2).all()
    assert (np.diff(perception.scores) <= 0).all()
    assert set(perception.timings_ms) == {"pixels", "regions", "prefix", "perceive"}


def test_boxes_of_a_picture_that_is_not_square_scale_by_side(predictor, perception):
    norm = perception.percept.boxes_cxcywh_norm.numpy()
    wanted = box_math.cxcywh_to_xyxy(norm) * [100, 60, 100, 60]
    np.testing.assert_allclose(perception.boxes_xyxy, np.clip(wanted, 0, [100, 60] * 2), atol=1e-4)


def test_the_same_picture_gives_the_same_perception(predictor, rgb, perception):
    again = predictor.perceive(rgb.copy())
    np.testing.assert_array_equal(again.boxes_xyxy, perception.boxes_xyxy)
    np.testing.assert_array_equal(again.scores, perception.scores)


def test_pictures_together_are_perceived_as_each_alone(predictor, rgb, perception):
    other = np.random.default_rng(5).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    together = predictor.perceive_all([rgb, other])
    for seen, alone in zip(together, (perception, predictor.perceive(other)), strict=True):
        assert seen.image_size_hw == alone.image_size_hw
        np.testing.assert_allclose(seen.boxes_xyxy, alone.boxes_xyxy, atol=1e-3)
        said = [p.point(s, PHRASES) for p, s in ((predictor, seen), (predictor, alone))]
        np.testing.assert_allclose(*said, atol=1e-4)
    assert predictor.perceive_all([]) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "4x0"),
        ([[1, 2, 3]], "list"),
    ],
)
def test_what_is_no_picture_is_refused(predictor, bad, words):
    with pytest.raises(ValueError, match=words):
        predictor.perceive(bad)


# ---- ground


COMMANDS = ["pick up the red cup", "find all the cans", "what is on the table?"]


@pytest.mark.parametrize("command", COMMANDS)
def test_ground_repeats_itself_and_leaves_the_perception_alone(predictor, rgb, perception, command):
    length = perception.prefix.length
    keys = [layer.keys.clone() for layer in perception.prefix.layers]
    first = predictor.ground(perception, command, max_new_tokens=12)
    predictor.ground(perception, "put the apple into the white bowl")
    second = predictor.ground(perception, command, max_new_tokens=12)
    fresh = predictor.ground(predictor.perceive(rgb), command, max_new_tokens=12)
    assert same(first, second) and same(first, fresh)
    assert perception.prefix.length == length
    assert all(torch.equal(a.keys, b) for a, b in zip(perception.prefix.layers, keys, strict=True))


def whole_forward(predictor, percept, text, answered=()) -> torch.Tensor:
    """Return the logits (vocab_size,) after a text and token ids, with no cache and no packing."""
    ids = torch.tensor([*predictor.tokenizer.encode(text), *answered])
    with torch.no_grad():
        hidden = predictor.model.llm.model(predictor.model.embed_prompt(ids, percept)[None]).hidden
        return predictor.model.logits(hidden[0, -1])


PHRASES = ["the red cup", "a blue book on the table", "x < y & z"]


def test_pointing_reads_what_a_whole_forward_without_cache_says(predictor, perception):
    probabilities = predictor.point(perception, PHRASES)
    regions = RegionTokens(predictor.tokenizer, len(perception.scores), torch.device("cpu"))
    assert probabilities.shape == (3, regions.count + 1)
    for phrase, row in zip(PHRASES, probabilities, strict=True):
        text = prompts.opening() + prompts.turn(prompts.locate(phrase)) + "<roi>"
        logits = whole_forward(predictor, perception.percept, text)
        np.testing.assert_allclose(row, logits[regions.ids].softmax(-1), atol=1e-5)
        np.testing.assert_allclose(row, predictor.point(perception, [phrase])[0], atol=1e-5)


def test_the_temperature_of_the_config_flattens_the_probabilities(
    monkeypatch, predictor, perception
):
    sharp = predictor.point(perception, PHRASES)
    config = replace(predictor.model.config, pointing=PointingConfig(temperature=2.0))
    monkeypatch.setattr(predictor.model, "config", config)
    flat = predictor.point(perception, PHRASES)
    wanted = np.sqrt(sharp) / np.sqrt(sharp).sum(1, keepdims=True)
    np.testing.assert_allclose(flat, wanted, atol=1e-5)


def test_a_list_goes_on_as_whole_forwards_without_cache_do(predictor, perception):
    asked = [CommandPhrase("the cup", (0, 7)), CommandPhrase("cans", (0, 4), plural=True)]
    context = predictor.context(perception)
    first = ask_phrases(context, asked)[1]
    text = prompts.opening() + prompts.turn(prompts.locate_all("cans")) + "<roi>"
    ids, said = context.region_tokens.ids, []
    for region, probabilities in context.region_tokens.decode_region_list(
        predictor.model, first.probabilities, first.make_cache()
    ):
        logits = whole_forward(predictor, perception.percept, text, said)[ids]
        logits[torch.isin(ids, torch.tensor(said, dtype=torch.long))] = -torch.inf
        assert int(logits.argmax()) == region
        np.testing.assert_allclose(probabilities, logits.softmax(-1), atol=1e-5)
        said.append(int(ids[region]))
    assert said


def test_a_sentence_is_said_as_whole_forwards_without_cache_say_it(predictor, perception):
    context = predictor.context(perception, 12)
    query = prompts.chat("what is on the table?")
    text, said = prompts.opening() + prompts.turn(query), []
    grammar = AnswerGrammar(predictor.tokenizer, context.region_tokens, torch.device("cpu"))
    for step in decode_words(context, context.question_ids(query, 1)):
        logits = whole_forward(predictor, perception.percept, text, said)
        if grammar.taken is None:
            logits = logits.masked_fill(~grammar.allowed(), -torch.inf)
            assert int(logits.argmax()) == step.token_id
            assert float(logits.softmax(-1).max()) == pytest.approx(step.probability, abs=1e-4)
        grammar.advance(step.token_id)
        said.append(step.token_id)


def test_commands_together_are_answered_as_each_alone(predictor, perception):
    commands = [*COMMANDS, "put the cup next to the plate into the box", "bring me that"]
    together = predictor.ground_all(perception, commands, max_new_tokens=12)
    for command, answer in zip(commands, together, strict=True):
        alone = predictor.ground(perception, command, max_new_tokens=12)
        assert (alone.status, alone.text, alone.action) == (
            answer.status,
            answer.text,
            answer.action,
        )
        for a, b in zip(alone.phrases, answer.phrases, strict=True):
            np.testing.assert_array_equal(a.boxes_xyxy, b.boxes_xyxy)
            np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)
    assert predictor.ground_all(perception, []) == []


@pytest.mark.parametrize("command", [*COMMANDS, "put the cup next to the plate into the box"])
def test_boxes_are_regions_and_none_comes_twice(predictor, perception, command):
    answer = predictor.ground(perception, command, max_new_tokens=20)
    regions = [box.tolist() for box in perception.boxes_xyxy]
    for phrase in answer.phrases:
        assert answer.text[slice(*phrase.span)] == phrase.text
        named = [box.tolist() for box in phrase.boxes_xyxy]
        assert all(box in regions for box in named)
        assert len({tuple(box) for box in named}) == len(named)
        assert (np.diff(phrase.scores) <= 0).all()
        assert (phrase.scores >= 0).all() and (phrase.scores <= 1).all()


def test_one_region_is_grounded(script, predictor, perception):
    script("<r2></roi>")
    answer = predictor.ground(perception, "Could you pick up the red cup?")
    assert (answer.status, answer.action) == (Status.GROUNDED, "pick")
    assert answer.text == "Found the red cup." and answer.reason == ""
    np.testing.assert_array_equal(answer.target.boxes_xyxy, perception.boxes_xyxy[[2]])
    allowed = len(perception.scores) + 1
    chance = np.exp(9) / (np.exp(9) + allowed - 1)
    assert answer.target.scores[0] == pytest.approx(chance * perception.scores[2], rel=1e-4)
    assert set(answer.timings_ms) == {"pixels", "regions", "prefix", "perceive", "ground"}


def test_two_regions_for_a_singular_phrase_are_ambiguous_best_first(
    monkeypatch, predictor, perception
):
    probabilities = torch.full((len(perception.scores) + 1,), 1e-3)
    probabilities[1], probabilities[3] = 0.5, 0.48
    monkeypatch.setattr(
        predictor.model,
        "added_logits",
        lambda hidden, ids: probabilities.log().expand(len(hidden), -1),
    )
    answer = predictor.ground(perception, "pick up the red cup")
    assert answer.status is Status.AMBIGUOUS and "2 things" in answer.reason
    np.testing.assert_array_equal(answer.target.boxes_xyxy, perception.boxes_xyxy[[1, 3]])
    sure = np.array([0.98 / probabilities.sum(), 0.48 / (probabilities.sum() - 0.5)])
    np.testing.assert_allclose(answer.target.scores, sure * perception.scores[[1, 3]], rtol=1e-4)


def test_an_empty_answer_is_not_found(script, predictor, perception):
    script("</roi>")
    answer = predictor.ground(perception, "pick up the red cup")
    assert answer.status is Status.NOT_FOUND and "the red cup" in answer.reason
    assert answer.target.boxes_xyxy.shape == (0, 4)


def test_all_regions_may_be_named_and_then_the_answer_ends(script, predictor, perception):
    count = len(perception.scores)
    script("".join(f"<r{i}>" for i in range(count)))
    answer = predictor.ground(perception, "find all the cups")
    assert answer.status is Status.GROUNDED and len(answer.target.scores) == count


def test_each_phrase_of_a_command_is_asked(script, predictor, perception):
    script("<r0><r1></roi>")
    answer = predictor.ground(perception, "put the cup into the bowl next to the plate")
    assert answer.status is Status.GROUNDED
    assert [(p.text, p.role, len(p.scores)) for p in answer.phrases] == [
        ("the cup", "target", 1),
        ("the bowl next to the plate", "destination", 1),
        ("the plate", "relation", 0),
    ]
    assert "the plate" in answer.reason


def test_a_question_is_answered_in_sentences(script, predictor, perception):
    script("the <p>white bowl</p><roi><r1></roi> next to the book</s>")
    answer = predictor.ground(perception, "what is on the table?")
    assert (answer.status, answer.action) == (Status.GROUNDED, "ask")
    assert answer.text == "the white bowl next to the book"
    assert [(p.text, p.role) for p in answer.phrases] == [("white bowl", "mention")]
    np.testing.assert_array_equal(answer.phrases[0].boxes_xyxy, perception.boxes_xyxy[[1]])


def test_an_answer_that_does_not_end_is_cut_and_says_so(script, predictor, perception):
    script(" ".join(["table"] * 200))
    answer = predictor.ground(perception, "what is on the table?", max_new_tokens=7)
    assert answer.status is Status.NOT_FOUND
    assert "cut after 7 tokens" in answer.reason


def test_a_command_without_a_thing_asks_for_one(predictor, perception):
    answer = predictor.ground(perception, "bring me that")
    assert answer.status is Status.NOT_FOUND and "names no thing" in answer.reason


@pytest.mark.parametrize("trick", ["<r3>", "</s>", "<image>", "[grounding]", "<roi><r1></roi>"])
def test_special_tokens_in_a_command_are_words(predictor, perception, trick):
    answer = predictor.ground(perception, f"pick up the {trick} cup")
    assert answer.target.text == f"the {trick} cup"
    tokenizer = predictor.tokenizer
    for form in (prompts.locate, prompts.locate_all, prompts.chat):
        ids = tokenizer.encode(prompts.turn(form(f"the {trick} cup")), add_bos=False)
        plain = tokenizer.encode(prompts.turn(form("the cup")), add_bos=False)
        special = [i for i in ids if i >= tokenizer.vocab_size or i < 3]
        assert special == [i for i in plain if i >= tokenizer.vocab_size or i < 3]


def test_lower_case_models_are_asked_in_lower_case(monkeypatch, predictor, perception):
    config = replace(predictor.model.config, lowercase=True)
    monkeypatch.setattr(predictor.model, "config", config)
    loud = predictor.ground(perception, "PICK UP THE RED CUP")
    quiet = predictor.ground(perception, "pick up the red cup")
    assert loud.target.text == "THE RED CUP"
    np.testing.assert_array_equal(loud.target.scores, quiet.target.scores)


def test_cancelling_stops_before_the_next_token(monkeypatch, predictor, perception):
    cancel = threading.Event()
    calls = []

    def logits(hidden):
        calls.append(1)
        cancel.set()
        scores = torch.zeros(*hidden.shape[:-1], len(predictor.tokenizer))
        scores[..., predictor.tokenizer.encode("table", add_bos=False)[-1]] = 1
        return scores

    monkeypatch.setattr(predictor.model, "logits", logits)
    answer = predictor.ground(perception, "what is on the table?", cancel=cancel)
    assert answer.status is Status.CANCELLED and not answer.phrases
    assert len(calls) == 1
    for command in ("the cup", "find all the cups"):
        assert predictor.ground(perception, command, cancel=cancel).status is Status.CANCELLED
    assert predictor.ground(perception, "the cup", cancel=cancel).status is Status.CANCELLED
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("bad", "words"), [("", "empty"), ("x" * 513, "513"), (None, "NoneType"), ("?", "no word")]
)
def test_what_is_no_command_is_refused(predictor, perception, bad, words):
    with pytest.raises(ValueError, match=words):
        predictor.ground(perception, bad)


def test_a_command_that_fills_the_model_is_refused_with_both_numbers(predictor, perception):
    with pytest.raises(ValueError, match=r"\d+ tokens of the model's 512"):
        predictor.ground(perception, "pick up the " + "qz" * 245)


@pytest.mark.parametrize(
    ("form", "phrase", "query"),
    [
        ("locate", "the red cup", prompts.locate("the red cup")),
        ("locate_all", "the cups", prompts.locate_all("the cups")),
        ("chat", "what is on the table?", prompts.chat("what is on the table?")),
        ("refer", "what is {region}?", prompts.refer("what is this?")),
    ],
)
def test_the_model_is_asked_as_it_was_trained(predictor, form, phrase, query):
    tokenizer = predictor.tokenizer
    speaker = Speaker(tokenizer, lowercase=True)
    turn = speaker.turn(Question("any", form, phrase, (0,), ("a cup.",)), np.array([5, -1]))
    asked = tokenizer.encode(prompts.turn(query.replace("<refer_box>", "<r5>")), add_bos=False)
    assert turn.ids[: turn.answer_start] == asked


# ---- stream


@pytest.mark.parametrize("command", [*COMMANDS, "put the cup into the box", "bring me that"])
def test_a_stream_tells_what_the_answer_holds(predictor, perception, command):
    *events, answer = predictor.stream(perception, command, max_new_tokens=16)
    assert isinstance(answer, Grounding)
    assert same(answer, predictor.ground(perception, command, max_new_tokens=16))
    assert "".join(e.text for e in events if isinstance(e, TextPiece)) == answer.text
    opened = [e.index for e in events if isinstance(e, PhraseOpened)]
    assert opened[: len(answer.phrases)] == list(range(len(answer.phrases)))
    for index, phrase in enumerate(answer.phrases):
        boxes = [
            e.box_xyxy.tolist() for e in events if isinstance(e, BoxFound) and e.index == index
        ]
        assert sorted(boxes) == sorted(phrase.boxes_xyxy.tolist())


def test_a_box_is_told_before_the_rest_is_said(script, predictor, perception):
    script("the <p>bowl</p><roi><r1></roi> next to the book</s>")
    told = []
    for event in predictor.stream(perception, "what is on the table?"):
        told.append(event)
        if isinstance(event, BoxFound):
            break
    assert [type(e) for e in told if not isinstance(e, TextPiece)] == [PhraseOpened, BoxFound]
    assert "".join(e.text for e in told if isinstance(e, TextPiece)) == "the bowl"


def test_only_the_target_ends_with_its_list(script, predictor, perception):
    script("the <p>bowl</p><roi><r1></roi>")
    *_, answer = predictor.stream(perception, "what is on the table?", target_only=True)
    assert (answer.status, answer.text, answer.reason) == (Status.GROUNDED, "the bowl", "")


def test_a_stream_ends_one_token_after_it_is_cancelled(script, predictor, perception):
    script("the white bowl")
    cancel = threading.Event()
    events = predictor.stream(perception, "what is on the table?", cancel=cancel)
    assert isinstance(next(events), TextPiece)
    cancel.set()
    (answer,) = events
    assert answer.status is Status.CANCELLED


def test_what_is_no_command_is_refused_before_the_first_event(predictor, perception):
    with pytest.raises(ValueError, match="empty"):
        predictor.stream(perception, " ")


# ---- describe


def test_a_box_that_is_a_region_is_described_as_that_region(script, predictor, perception):
    script("a green apple</s>white bowl</s>")
    boxes = perception.boxes_xyxy[[2, 0]]
    answer = predictor.describe(perception, boxes)
    assert answer.status is Status.GROUNDED and answer.text == "a green apple white bowl"
    assert [p.text for p in answer.phrases] == ["a green apple", "white bowl"]
    np.testing.assert_array_equal(answer.phrases[0].boxes_xyxy[0], boxes[0])
    assert predictor._regions_of(perception, boxes) == (perception, [2, 0])


def test_describing_equals_a_whole_forward_that_refers_to_the_box(predictor, perception):
    model, tokenizer = predictor.model, predictor.tokenizer
    query = prompts.refer("what is this?")
    context = predictor.context(perception, 5)
    text = prompts.opening() + prompts.turn(query).replace("<refer_box>", "<r2>")
    grammar = AnswerGrammar(tokenizer, context.region_tokens, model.device)
    percept = replace(perception.percept, refer_indices=torch.tensor([2]))
    said = []
    for step in decode_words(context, context.question_ids(query, 1), region=2):
        logits = whole_forward(predictor, percept, text, said)
        if grammar.taken is None:
            logits = logits.masked_fill(~grammar.allowed(), -torch.inf)
            assert int(logits.argmax()) == step.token_id
        grammar.advance(step.token_id)
        said.append(step.token_id)


def test_another_box_is_looked_at_anew(predictor, perception):
    box = np.array([[90.0, 2.0, 97.0, 5.0]], np.float32)
    assert box_math.iou(box, perception.boxes_xyxy).max() < 0.6
    seen, regions = predictor._regions_of(perception, box)
    np.testing.assert_allclose(seen.boxes_xyxy[regions[0]], box[0], atol=1e-3)
    assert len(predictor.describe(perception, box, "what colour?").phrases) == 1


@pytest.mark.parametrize(
    ("boxes", "question", "words"),
    [
        ([], "what is this?", "0 boxes"),
        ([5, 5, 5, 9], "what is this?", "empty"),
        ([200, 0, 300, 50], "what is this?", "100x60"),
        ([1, 1, 9, 9], "?", "no word"),
    ],
)
def test_boxes_and_questions_are_checked(predictor, perception, boxes, question, words):
    with pytest.raises(ValueError, match=words):
        predictor.describe(perception, boxes, question)


# ---- the grammar of answers


def test_every_free_answer_is_well_formed(predictor):
    tokenizer = predictor.tokenizer
    rng = np.random.default_rng(0)
    for _ in range(50):
        regions = RegionTokens(tokenizer, 3, torch.device("cpu"))
        grammar = AnswerGrammar(tokenizer, regions, torch.device("cpu"))
        ids = []
        while not grammar.done and len(ids) < 40:
            choices = grammar.allowed().nonzero().flatten().tolist()
            if grammar.taken is not None:
                choices = np.delete(regions.ids.numpy(), grammar.taken).tolist()
            marks = [c for c in choices if c >= tokenizer.vocab_size]
            pool = marks if marks and rng.random() < 0.7 else choices
            ids.append(int(rng.choice(pool)))
            grammar.advance(ids[-1])
        named = [tokenizer.region_index(i) for i in ids]
        assert all(n is None or n < 3 for n in named)
        marked = tokenizer.decode(ids)
        assert marked.count("<roi>") - marked.count("</roi>") in (0, 1)
        assert "<p> </p>" not in marked and "<image>" not in marked
