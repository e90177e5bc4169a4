"""Reading and decoding: caching, batching and forking change nothing."""

import pytest
import torch

from groma_ros.inference.decode import decode_one, greedy, prefill

STEPS = 8


def spoken(model, embeds, **options):
    hidden, cache = prefill(model, embeds)
    return list(greedy(model, hidden, cache, max_new_tokens=STEPS, **options))


def test_cached_decoding_equals_uncached(model, pixels, prompt):
    percept = model.perceive(pixels[:1])[0]
    embeds = model.embed_prompt(prompt, percept)[None]
    for token, logprob in spoken(model, embeds):
        hidden = model.llm.model(embeds).hidden
        logprobs = model.logits(hidden[0, -1]).detach().log_softmax(-1)
        assert token == int(logprobs.argmax())
        assert logprob == pytest.approx(float(logprobs[token]), abs=1e-4)
        embeds = torch.cat((embeds, model.embed_ids(torch.tensor([[token]]))), dim=1)


def test_a_batch_of_pictures_equals_each_alone(model, pixels, prompt):
    for picture, percept in zip(pixels, model.perceive(pixels), strict=True):
        alone = model.perceive(picture[None])[0]
        torch.testing.assert_close(percept.boxes_cxcywh_norm, alone.boxes_cxcywh_norm)
        torch.testing.assert_close(percept.region_tokens, alone.region_tokens, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(percept.image_tokens, alone.image_tokens)
        rows = [spoken(model, model.embed_prompt(prompt, p)[None]) for p in (percept, alone)]
        assert [token for token, _ in rows[0]] == [token for token, _ in rows[1]]


def test_input_ids_are_not_edited(model, pixels):
    ids = model.ids
    prompt = torch.tensor([1, ids.image, ids.region, ids.refer_box, ids.refer_feat, 4])
    kept = prompt.clone()
    percept = model.perceive(pixels[:1], [torch.tensor([[0.5, 0.5, 0.3, 0.3]])])[0]
    expanded = model.expand_prompt(prompt, percept)
    model.embed_prompt(prompt, percept)
    assert torch.equal(prompt, kept)
    regions = len(percept.scores)
    assert len(expanded) == len(prompt) - 2 + 16 + 2 * regions
    pairs = expanded[17 : 17 + 2 * regions].view(-1, 2)
    assert pairs[:, 0].tolist() == list(range(ids.first_region, ids.first_region + regions))
    assert set(pairs[:, 1].tolist()) == {ids.region}
    assert expanded[-3] == ids.first_region + percept.refer_indices[0]


def test_the_pointed_feature_is_its_regions_token(model, pixels):
    ids = model.ids
    prompt = torch.tensor([1, ids.image, ids.region, ids.refer_feat])
    percept = model.perceive(pixels[:1], [torch.tensor([[0.5, 0.5, 0.3, 0.3]])])[0]
    embeds = model.embed_prompt(prompt, percept)
    torch.testing.assert_close(embeds[-1], percept.region_tokens[percept.refer_indices[0]])


@pytest.mark.parametrize(
    "ids", [[1, 2], ["image"], ["image", "image", "region"], ["region", "image"]]
)
def test_a_prompt_without_one_picture_is_refused(model, pixels, ids):
    ids = torch.tensor([getattr(model.ids, i) if isinstance(i, str) else i for i in ids])
    with pytest.raises(ValueError, match="one of each"):
        model.embed_prompt(ids, model.perceive(pixels[:1])[0])


def test_pointing_at_more_boxes_than_were_given_is_refused(model, pixels, prompt):
    prompt = torch.cat((prompt, torch.tensor([model.ids.refer_box])))
    with pytest.raises(ValueError, match="points 1 times, at 0 boxes"):
        model.embed_prompt(prompt, model.perceive(pixels[:1])[0])


def test_pixels_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"\(1, 3, 64, 64\).*128"):
        model.perceive(torch.zeros(1, 3, 64, 64))


def test_one_prefix_serves_many_questions(model, pixels, prompt):
    percept = model.perceive(pixels[:1])[0]
    embeds = model.embed_prompt(prompt, percept)[None]
    _, prefix = prefill(model, embeds)
    length = prefix.length
    for question in ([11, 12], [13], [11, 12]):
        asked = model.embed_ids(torch.tensor([question]))
        hidden, cache = prefill(model, asked, prefix.fork())
        forked = [t for t, _ in greedy(model, hidden, cache, max_new_tokens=STEPS)]
        whole = [t for t, _ in spoken(model, torch.cat((embeds, asked), dim=1))]
        assert forked == whole
        assert prefix.length == length


def test_only_allowed_tokens_are_spoken(model, pixels, prompt):
    percept = model.perceive(pixels[:1])[0]
    embeds = model.embed_prompt(prompt, percept)[None]
    allowed = torch.zeros(model.config.vocab_size, dtype=torch.bool)
    allowed[[3, 950, 1001]] = True
    said = spoken(model, embeds, allowed_mask=allowed)
    assert {token for token, _ in said} <= {3, 950, 1001}
    hidden, _ = prefill(model, embeds)
    probabilities = model.logits(hidden)[0][allowed].softmax(-1)
    assert said[0][1] == pytest.approx(float(probabilities.max().log()), abs=1e-5)


def test_a_stop_token_is_the_last(model, pixels, prompt):
    embeds = model.embed_prompt(prompt, model.perceive(pixels[:1])[0])[None]
    free = [token for token, _ in spoken(model, embeds)]
    stopped = [token for token, _ in spoken(model, embeds, stop_ids={free[2]})]
    assert stopped == free[: free.index(free[2]) + 1]
    hidden, cache = prefill(model, embeds)
    assert list(greedy(model, hidden, cache, max_new_tokens=0)) == []


def test_grouped_queries_equal_repeated_heads(tiny, tiny_config, prompt):
    """Four query heads on two key heads are four on four with each key head repeated."""
    grouped = tiny()
    settings = tiny_config()
    settings["llm_cfg"]["num_key_value_heads"] = 4
    full = type(grouped)(type(grouped.config).from_dict(settings)).eval()
    state = grouped.state_dict()
    for name in [n for n in state if ".k_proj." in n and n.startswith("llm.")]:
        for key in (name, name.replace("k_proj", "v_proj")):
            heads = state[key].view(2, 12, 48)
            state[key] = heads.repeat_interleave(2, dim=0).reshape(48, 48)
    full.load_state_dict(state)
    embeds = grouped.embed_ids(torch.arange(20)[None])
    torch.testing.assert_close(full.llm.model(embeds).hidden, grouped.llm.model(embeds).hidden)
    _, cache = prefill(grouped, embeds)
    step, _ = decode_one(grouped, 30, cache)
    whole = full.llm.model(full.embed_ids(torch.tensor([[*range(20), 30]]))).hidden
    torch.testing.assert_close(step, whole[:, -1], rtol=1e-4, atol=1e-4)


def test_eager_attention_gives_the_same_and_its_probabilities(tiny):
    fast, eager = tiny(), tiny(attention="eager")
    embeds = fast.embed_ids(torch.arange(20)[None])
    wanted = fast.llm.model(embeds)
    output = eager.llm.model(embeds, attention_layers=(0,))
    assert list(output.attentions) == [0] and not wanted.attentions
    assert output.attentions[0].shape == (1, 4, 20, 20)
    torch.testing.assert_close(output.attentions[0].sum(-1), torch.ones(1, 4, 20))
    torch.testing.assert_close(output.hidden, wanted.hidden, rtol=1e-4, atol=1e-4)
    mixed = fast.llm.model(embeds, attention_layers=(0,))
    torch.testing.assert_close(mixed.attentions[0], output.attentions[0], rtol=1e-4, atol=1e-5)


def test_the_loss_of_a_batch_is_the_mean_over_its_labels(model, pixels, prompt):
    percepts = model.perceive(pixels[:2])
    longer = torch.cat((prompt, torch.tensor([20, 21])))
    labels = [prompt.masked_fill(torch.arange(len(prompt)) < 6, -100), longer]
    single = [
        model.loss([row], [label], [percept])
        for row, label, percept in zip((prompt, longer), labels, percepts, strict=True)
    ]
    counts = [2, len(longer) - 1 - 2]
    both = model.loss([prompt, longer], labels, percepts)
    wanted = sum(c * loss for c, loss in zip(counts, single, strict=True)) / sum(counts)
    torch.testing.assert_close(both, wanted)


def test_bfloat16_stays_close_and_keeps_boxes_in_float32(tiny, pixels):
    model = tiny()
    wanted = model.perceiver.vis_encoder.hidden_states(pixels[:1])[-1]
    model.to(torch.bfloat16)
    seen = model.perceiver.vis_encoder.hidden_states(pixels[:1].bfloat16())[-1].float()
    assert torch.cosine_similarity(seen, wanted, dim=-1).min() > 0.99
    half = model.perceive(pixels[:1])[0]
    assert half.boxes_cxcywh_norm.dtype == half.scores.dtype == torch.float32
    assert half.region_tokens.dtype == torch.bfloat16
    hidden, cache = prefill(model, model.embed_ids(torch.tensor([[1, 2, 3]])))
    assert len(list(greedy(model, hidden, cache, max_new_tokens=3))) == 3


def test_forks_of_a_prefix_never_write_into_it_or_each_other(model):
    """Not even where the buffers have room, and where a fork's tensors were assigned anew."""
    with torch.inference_mode():
        _, prefix = prefill(model, model.embed_ids(torch.arange(20)[None]))
        kept = [layer.keys.clone() for layer in prefix.layers]
    first, second = prefix.fork(), prefix.fork()
    for token, cache in ((3, first), (4, second), (5, first), (6, prefix)):
        decode_one(model, token, cache)
    cut = first.fork()
    for layer in cut.layers:
        layer.keys, layer.values = layer.keys[:, :, :20], layer.values[:, :, :20]
    decode_one(model, 9, cut)
    wanted = {(3, 5): first, (4,): second, (6,): prefix, (9,): cut}
    for tokens, cache in wanted.items():
        ids = torch.tensor([[*range(20), *tokens]])
        _, alone = prefill(model, model.embed_ids(ids))
        for layer, own, before in zip(cache.layers, alone.layers, kept, strict=True):
            assert torch.equal(layer.keys[:, :, :20], before)
            torch.testing.assert_close(layer.keys, own.keys, rtol=1e-4, atol=1e-5)


def test_a_token_is_appended_in_place(model):
    _, cache = prefill(model, model.embed_ids(torch.arange(20)[None]))
    places = [layer.keys.data_ptr() for layer in cache.layers]
    for _ in range(3):
        decode_one(model, 7, cache)
    assert [layer.keys.data_ptr() for layer in cache.layers] == places
    assert cache.length == 23


@pytest.mark.parametrize("wanted", [slice(-1, None), slice(2, 5), torch.tensor([1, 6])])
@pytest.mark.parametrize("known", [0, 12])
@pytest.mark.parametrize("grads", [True, False])
def test_hidden_states_of_some_positions_are_those_of_all(model, wanted, known, grads):
    prefix = prefill(model, model.embed_ids(torch.arange(known)[None]))[1] if known else None
    embeds = model.embed_ids(torch.arange(20, 27)[None])
    with torch.set_grad_enabled(grads):
        every, cache, _ = model.llm.model(embeds, prefix and prefix.fork())
        some, same, _ = model.llm.model(embeds, prefix and prefix.fork(), wanted=wanted)
    torch.testing.assert_close(some, every[:, wanted], rtol=1e-5, atol=1e-6)
    for one, other in zip(cache.layers, same.layers, strict=True):
        torch.testing.assert_close(one.keys, other.keys)
        torch.testing.assert_close(one.values, other.values)
