"""Build what the benchmark runs: a model of middle size with drawn weights, picture and prompt.

The official code was timed with the same; see docs/PERFORMANCE.md.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.model.config import GromaConfig, LanguageConfig, ProposerConfig, VisionConfig
from groma_ros.model.groma import Groma
from groma_ros.verify.parity import rule

SEED, PICTURE = 1, "bench"
QUESTION = 40
"""Number of tokens at the end of the prompt that stand for the command."""
CONFIG = GromaConfig(
    vision=VisionConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14
    ),
    proposer=ProposerConfig(num_feature_levels=1, num_labels=1),
    language=LanguageConfig(
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=4096,
        rms_norm_eps=1e-5,
    ),
    num_new_token=len(NEW_TOKENS),
    nms_thres=0.6,
    box_score_thres=0.15,
    max_region_num=100,
)


def build(device: torch.device, dtype: torch.dtype, config: GromaConfig = CONFIG) -> Groma:
    """Build a model with weights drawn by the golden rule."""
    model = Groma.empty(config)
    state = rule.state_dict(model, SEED)
    model.load_state_dict({n: t.to(device, dtype) for n, t in state.items()}, assign=True)
    return model.eval().requires_grad_(False)


def picture(model: Groma) -> Tensor:
    """Return the drawn picture (1, 3, S, S) on the device and in the precision of the model."""
    drawn = rule.draw_image(PICTURE, model.config.image_size)
    return torch.from_numpy(drawn)[None].to(model.device, model.dtype)


def prompt(model: Groma) -> Tensor:
    """Return the prompt's ids (87,): random words with `<image>` and `<region>` among them."""
    generator = np.random.Generator(np.random.PCG64(7))
    most = model.config.language.vocab_size - 10
    before, between, after = (
        [int(i) for i in 3 + np.floor(generator.random(count) * most)]
        for count in (40, 4, QUESTION)
    )
    ids = [1, *before, model.ids.image, *between, model.ids.region, *after]
    return torch.tensor(ids)
