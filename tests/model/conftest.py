"""Tiny random models for the model tests."""

import io
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch

from groma_ros.encoding import prompts
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.predictor import Predictor
from groma_ros.verify.random_checkpoint import write_checkpoint

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TEXT_VOCABULARY = 900  # pieces of tests/golden/tokenizer/tokenizer.model


def tiny_settings(**ours):
    """Return a config.json of a model that perceives in milliseconds."""
    region_encoder = {
        "channels": 64,
        "level_scales": [2, 1, 0.5],
        "fusion_rounds": 1,
        "roi_size": 4,
        "hidden": 32,
        "geometry": "correct",
    }
    return {
        "llm_cfg": {
            "vocab_size": TEXT_VOCABULARY,
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
        },
        "perceiver_cfg": {
            "vis_encoder_cfg": {
                "hidden_size": 32,
                "num_hidden_layers": 4,
                "num_attention_heads": 2,
                "image_size": 128,
                "patch_size": 16,
            },
            "ddetr_cfg": {
                "d_model": 32,
                "encoder_layers": 1,
                "decoder_layers": 2,
                "encoder_ffn_dim": 32,
                "decoder_ffn_dim": 32,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "num_feature_levels": 1,
                "num_queries": 12,
                "two_stage_num_proposals": 12,
                "two_stage": True,
                "with_box_refine": True,
                "id2label": {"0": "LABEL_0"},
            },
        },
        "num_new_token": 114,
        "box_score_thres": 0.0,
        "nms_thres": 0.95,
        "groma_ros": {
            "image_size": 128,
            "stem": {"channels": 8, "stages": [{"channels": 16, "stride": 2}]},
            "region_encoder": region_encoder,
        }
        | ours,
    }


def build_tiny(seed=0, attention="sdpa", **ours):
    """Build a tiny model whose random weights spread boxes, scores and next tokens."""
    torch.manual_seed(seed)
    model = Groma(GromaConfig.from_dict(tiny_settings(**ours)), attention)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bbox_embed" in name and "layers.2" in name:
                parameter.normal_(std=0.3)
            elif "class_embed" in name or "lm_head" in name or "embed_tokens" in name:
                parameter.normal_()
    return model.eval()


@pytest.fixture(scope="session")
def golden_folder():
    """Return the folder of the official code's golden files."""
    return GOLDEN


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Write a tiny checkpoint in the published layout, three pickled shards; no test changes it."""
    folder = tmp_path_factory.mktemp("published")
    done, total = list(write_checkpoint(folder, "tiny", shard_bytes=1_000_000))[-1]
    assert done == total
    return folder


@pytest.fixture
def tiny():
    """Return the builder of tiny models."""
    return build_tiny


@pytest.fixture
def tiny_config():
    """Return the builder of tiny configurations as dictionaries."""
    return tiny_settings


@pytest.fixture(scope="module")
def model():
    """Return one tiny model that no test changes."""
    return build_tiny()


@pytest.fixture
def pixels():
    """Return three random pictures for the tiny model."""
    return torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def prompt(model):
    """Return the ids of a prompt with a picture and regions in it."""
    return torch.tensor([1, 5, model.ids.image, 6, model.ids.region, 7, 8, 9])


SENTENCES = [
    *(prompts.opening(), prompts.locate("the red cup"), prompts.locate_all("blue cans")),
    "what is on the table? a green apple and the white bowl next to the book",
]


def predictor_settings(vocab_size: int) -> dict:
    return {
        "num_new_token": 114,
        "box_score_thres": 0.0,
        "nms_thres": 0.3,
        "max_region_num": 12,
        "perceiver_cfg": {
            "vis_encoder_cfg": {
                "hidden_size": 64,
                "num_hidden_layers": 4,
                "num_attention_heads": 2,
                "image_size": 64,
                "patch_size": 8,
            },
            "ddetr_cfg": {
                "d_model": 64,
                "encoder_layers": 1,
                "decoder_layers": 2,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "num_feature_levels": 1,
                "num_queries": 30,
                "two_stage_num_proposals": 30,
                "two_stage": True,
                "with_box_refine": True,
                "id2label": {"0": "LABEL_0"},
            },
        },
        "llm_cfg": {
            "vocab_size": vocab_size,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 512,
        },
        "groma_ros": {
            "image_size": 64,
            "region_encoder": {
                "level_scales": [2, 1, 0.5],
                "fusion_rounds": 1,
                "roi_size": 4,
                "hidden": 64,
                "geometry": "correct",
            },
        },
    }


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """Return a predictor on a tiny random Groma with a tiny vocabulary."""
    vocabulary = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4),
        model_writer=vocabulary,
        vocab_size=400,
        hard_vocab_limit=False,
        byte_fallback=True,
        minloglevel=2,
        num_threads=1,
    )
    tokenizer = GromaTokenizer(vocabulary.getvalue())
    torch.manual_seed(4)
    model = Groma(GromaConfig.from_dict(predictor_settings(tokenizer.vocab_size)))
    for name, weight in model.named_parameters():
        if name.endswith(("lm_head.weight", "embed_tokens.weight", "input_embs.weight")):
            torch.nn.init.normal_(weight)
        if "bbox_embed" in name and name.endswith("layers.2.weight"):
            torch.nn.init.normal_(weight, std=0.2)
    return Predictor(model, tokenizer)


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """Return a picture that is not square."""
    return np.random.default_rng(3).integers(0, 256, (60, 100, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def perception(predictor, rgb):
    """Return what the tiny predictor sees in the picture."""
    return predictor.perceive(rgb)


@pytest.fixture
def script(monkeypatch, predictor):
    """Return a function that makes the model want to say some tokens, whatever it reads."""

    def want(said: str) -> None:
        wanted = iter(predictor.tokenizer.encode(said, add_bos=False))
        size = len(predictor.tokenizer)

        def logits(hidden):
            scores = torch.zeros(*hidden.shape[:-1], size)
            for row in scores.view(-1, size):
                row[next(wanted)] = 9.0
            return scores

        monkeypatch.setattr(predictor.model, "logits", logits)
        monkeypatch.setattr(
            predictor.model, "added_logits", lambda hidden, ids: logits(hidden)[..., ids]
        )

    return want
