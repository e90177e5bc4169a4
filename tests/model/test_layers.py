"""DINOv2 and Llama of our own compute what the classes of transformers compute."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from transformers import Dinov2Config, Dinov2Model, LlamaConfig, LlamaForCausalLM
from transformers.activations import ACT2FN

from groma_ros.model.activations import FUNCTIONS, activation
from groma_ros.model.config import GromaConfig, LanguageConfig, RegionEncoderConfig, VisionConfig
from groma_ros.model.language_model import Llama, causal_mask
from groma_ros.model.vision_encoder import VisionEncoder

# What transformers from 5.20 on calls the projections of its Dinov2.
RENAMED = {
    "attention.attention.query.": "attention.q_proj.",
    "attention.attention.key.": "attention.k_proj.",
    "attention.attention.value.": "attention.v_proj.",
    "attention.output.dense.": "attention.o_proj.",
}
SCALINGS = {
    "none": None,
    "linear": {"type": "linear", "factor": 2.5},
    "dynamic": {"rope_type": "dynamic", "factor": 3.0},
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    },
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    "yarn with all values": {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 16,
        "beta_fast": 24.0,
        "beta_slow": 2.0,
        "mscale": 0.8,
        "mscale_all_dim": 1.1,
    },
}


def yarn_knows_the_original_length() -> bool:
    return tuple(map(int, transformers.__version__.split(".")[:2])) >= (4, 51)


def transformers_llama(config: LanguageConfig, **more: str) -> LlamaForCausalLM:
    settings = dataclasses.asdict(config) | more
    scaling, theta = settings.pop("rope_scaling"), settings.pop("rope_theta")
    settings |= {"num_key_value_heads": config.key_value_heads, "pad_token_id": None}
    if "rope_parameters" in LlamaConfig(vocab_size=9).to_dict():
        rope = {"rope_type": "default", "rope_theta": theta, **(scaling or {})}
        rope["rope_type"] = rope.pop("type", rope["rope_type"])
        settings["rope_parameters"] = rope
    else:
        settings |= {"rope_scaling": scaling, "rope_theta": theta}
    return LlamaForCausalLM(LlamaConfig(**settings)).eval()


def both_llamas(
    config: LanguageConfig, seed: int = 0, **more: str
) -> tuple[Llama, LlamaForCausalLM]:
    torch.manual_seed(seed)
    ours, theirs = Llama(config).eval(), transformers_llama(config, **more)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def random_language_config(rng: np.random.Generator) -> LanguageConfig:
    heads, shared = int(rng.choice([2, 4, 8])), int(rng.choice([1, 2]))
    return LanguageConfig(
        vocab_size=int(rng.integers(30, 60)),
        hidden_size=heads * int(rng.choice([4, 8, 16])),
        intermediate_size=int(rng.integers(20, 90)),
        num_hidden_layers=int(rng.integers(1, 4)),
        num_attention_heads=heads,
        num_key_value_heads=heads // shared,
        hidden_act=str(rng.choice(["silu", "gelu", "relu"])),
        max_position_embeddings=64,
        rms_norm_eps=float(rng.choice([1e-5, 1e-6])),
        rope_theta=float(rng.choice([1e4, 5e5])),
        tie_word_embeddings=bool(rng.integers(2)),
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_llama_has_the_names_and_computes_what_transformers_does(seed):
    rng = np.random.default_rng(seed)
    config = random_language_config(rng)
    ours, theirs = both_llamas(config, seed)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ids = torch.from_numpy(rng.integers(0, config.vocab_size, (2, 11)))
    embeds = ours.model.embed_tokens(ids)
    with torch.no_grad():
        read = ours.model(embeds)
        wanted = theirs(ids).logits
    torch.testing.assert_close(ours.lm_head(read.hidden), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_reading_in_pieces_equals_transformers_with_its_cache(scaling, grouped):
    """At once, after a prefix, token by token, also past the length a dynamic scaling starts at."""
    if scaling.startswith("yarn") and not yarn_knows_the_original_length():
        pytest.skip("the installed transformers passes original_max_position_embeddings over")
    config = LanguageConfig(
        vocab_size=50,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2 if grouped else None,
        max_position_embeddings=24 if scaling == "dynamic" else 64,
        rope_scaling=SCALINGS[scaling],
    )
    ours, theirs = both_llamas(config)
    cache = known = None
    for ids in (torch.arange(20), torch.arange(30, 37), torch.tensor([5]), torch.tensor([6])):
        embeds = ours.model.embed_tokens(ids[None])
        with torch.no_grad():
            hidden, cache, _ = ours.model(embeds, cache)
            output = theirs.model(inputs_embeds=embeds, past_key_values=known, use_cache=True)
        known = output.past_key_values
        torch.testing.assert_close(hidden, output.last_hidden_state, rtol=1e-4, atol=1e-4)


def test_padded_rows_with_a_mask_and_positions_equal_transformers():
    config = LanguageConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
    )
    ours, theirs = both_llamas(config)
    ids, kept = torch.arange(18).view(2, 9), torch.arange(9)[None] < torch.tensor([[9], [6]])
    embeds, position = (
        ours.model.embed_tokens(ids),
        torch.arange(9)[None] + torch.tensor([[3], [0]]),
    )
    with torch.no_grad():
        mask = causal_mask(9, 0, ids.device) & kept[:, None, None]
        read = ours.model(embeds, position=position, mask=mask)
        added = torch.where(mask, 0.0, torch.finfo(torch.float32).min)
        same = ours.model(embeds, position=position, mask=added)
        output = theirs.model(
            inputs_embeds=embeds, attention_mask=kept.long(), position_ids=position
        )
    torch.testing.assert_close(same.hidden[kept], read.hidden[kept], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(read.hidden[kept], output.last_hidden_state[kept])


def test_gradients_and_attention_probabilities_equal_those_of_transformers():
    config = LanguageConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
    )
    ours, theirs = both_llamas(config, attn_implementation="eager")
    ids = torch.arange(12).view(2, 6)
    prefix = ours.model(ours.model.embed_tokens(ids), attention_layers=range(3))
    rows = torch.tensor([0, 1, 1])
    after = ours.model(
        ours.model.embed_tokens(torch.tensor([[7], [8], [9]])),
        prefix.cache.rows(rows),
        attention_layers=(1,),
    )
    whole = theirs.model(
        input_ids=torch.cat((ids[rows], torch.tensor([[7], [8], [9]])), 1), output_attentions=True
    )
    torch.testing.assert_close(after.hidden[:, 0], whole.last_hidden_state[:, -1])
    torch.testing.assert_close(after.attentions[1][:, :, 0], whole.attentions[1][:, :, -1])
    after.hidden.square().sum().backward()
    whole.last_hidden_state[:, -1].square().sum().backward()
    names = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, names[name].grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ({"type": "longrope", "factor": 2.0}, "longrope.*default, linear, dynamic, llama3, yarn"),
        ({"type": "linear"}, "lacks a number|factor None"),
        ({"rope_type": "llama3", "factor": 8.0}, "low_freq_factor None"),
    ],
)
def test_a_scaling_that_is_not_supported_is_refused(scaling, words):
    with pytest.raises(ValueError, match=words):
        LanguageConfig(rope_scaling=scaling)


def with_vision(vision: VisionConfig, image_size: int) -> GromaConfig:
    """Return the configuration of a Groma with some vision encoder."""
    return GromaConfig(
        vision=vision, image_size=image_size, region_encoder=RegionEncoderConfig(channels=64)
    )


def transformers_dinov2(config: VisionConfig) -> Dinov2Model:
    return Dinov2Model(Dinov2Config(**dataclasses.asdict(config), attn_implementation="eager"))


@pytest.mark.parametrize("seed", range(4))
def test_a_vision_encoder_computes_what_transformers_does(seed):
    rng = np.random.default_rng(seed)
    heads = int(rng.choice([1, 2, 4]))
    config = VisionConfig(
        hidden_size=heads * 16,
        num_hidden_layers=int(rng.integers(1, 5)),
        num_attention_heads=heads,
        mlp_ratio=int(rng.integers(1, 5)),
        hidden_act=str(rng.choice(["gelu", "silu"])),
        image_size=64,
        patch_size=8,
        qkv_bias=bool(rng.integers(2)),
        layerscale_value=float(rng.uniform(0.5, 2)),
    )
    torch.manual_seed(seed)
    settings = with_vision(config, 64)
    ours, theirs = VisionEncoder(settings).eval(), transformers_dinov2(config).eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.load_state_dict(with_their_names(ours.state_dict(), theirs.state_dict()))
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        output = theirs(pixels, output_hidden_states=True)
        for attention in ("sdpa", "eager"):
            ours.attention = attention
            states = ours.hidden_states(pixels)
            for state, wanted in zip(states, output.hidden_states, strict=True):
                torch.testing.assert_close(state, wanted, rtol=1e-4, atol=1e-4)
            last = ours.layernorm(states[-1])
            torch.testing.assert_close(last, output.last_hidden_state, rtol=1e-4, atol=1e-4)


def with_their_names(state: dict, theirs: dict) -> dict:
    """Name the projections of a released state as the installed transformers does."""
    if set(state) == set(theirs):
        return state
    renamed = {}
    for name, tensor in state.items():
        for official, installed in RENAMED.items():
            name = name.replace(official, installed)
        renamed[name] = tensor
    return renamed


def test_interpolated_positions_are_those_of_a_scale_factor_of_a_tenth_more():
    """As Dinov2 of transformers 4.32 interpolates, which the released model was trained with."""
    vision = VisionConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        image_size=56,
        patch_size=8,
    )
    encoder = VisionEncoder(with_vision(vision, 96))
    table = encoder.embeddings.position_embeddings
    rows = 96 // 8
    grid = table[:, 1:].reshape(1, 7, 7, 8).permute(0, 3, 1, 2)
    scale = ((rows + 0.1) / 7, (rows + 0.1) / 7)
    wanted = F.interpolate(grid, scale_factor=scale, mode="bicubic", align_corners=False)
    got = encoder.embeddings.positions(rows, rows)
    torch.testing.assert_close(got[:, :1], table[:, :1])
    torch.testing.assert_close(got[:, 1:], wanted.permute(0, 2, 3, 1).reshape(1, -1, 8))
    assert encoder.hidden_states(torch.zeros(1, 3, 96, 96))[0].shape == (1, 1 + rows**2, 8)


def test_dropout_and_stochastic_depth_are_of_training_alone():
    vision = VisionConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        hidden_dropout_prob=0.5,
        attention_probs_dropout_prob=0.5,
        drop_path_rate=0.5,
    )
    torch.manual_seed(3)
    encoder, pixels = (
        VisionEncoder(with_vision(vision, 32)),
        torch.randn(4, 3, 32, 32),
    )
    encoder.eval()
    torch.testing.assert_close(encoder.hidden_states(pixels), encoder.hidden_states(pixels))
    encoder.train()
    first, second = (encoder.hidden_states(pixels)[-1] for _ in range(2))
    assert (first - second).abs().max() > 0.01


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_are_those_of_transformers(name):
    if name not in ACT2FN:
        pytest.skip(f"the installed transformers knows no {name}")
    x = torch.linspace(-12, 12, 200)
    torch.testing.assert_close(activation(name)(x), ACT2FN[name](x), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("config", "key", "name"),
    [
        (LanguageConfig, "hidden_act", "prelu"),
        (VisionConfig, "hidden_act", "nothing"),
    ],
)
def test_an_unknown_activation_is_refused_with_the_known_ones(config, key, name):
    with pytest.raises(ValueError, match=f"{key} is '{name}'; choose one of gelu, "):
        config(**{key: name})
