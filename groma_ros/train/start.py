"""Make the model that a training stage starts from: the weights of a model folder, widened.

As the released Groma starts from DINOv2, groma-nano starts from networks that know photographs:
its stem is the first stages of EfficientNet-Lite0, trained on ImageNet and then on rendered
pictures, and YOLOX-nano, a detector trained on COCO (see `train/yolox.py`). A folder without the
detector gets it, with weights of 0 behind it: until it is trained, the model answers as before. A
folder without a naming head gets one that says what the detector says.
"""

from __future__ import annotations

import torch
from torch import Tensor

from groma_ros.checkpoint.load import load_groma
from groma_ros.checkpoint.locate import model_folder
from groma_ros.encoding.tokenizer import GromaTokenizer
from groma_ros.model.config import GromaConfig
from groma_ros.model.groma import Groma
from groma_ros.train import names
from groma_ros.train.nano import nano_config
from groma_ros.train.words import WordTables, mean_embeddings
from groma_ros.train.yolox import detector_head, load_yolox_stem

STEM = "perceiver.vis_encoder.stem."
PROJECTION = "perceiver.vis_encoder.embeddings.patch_embeddings.projection.weight"
EVIDENCE = 10.0
"""How long a token's part for one unit of evidence is at first; tokens are about 40 long."""
QUERIES = "perceiver.ddetr_transformer.query_position_embeddings.weight"


def start_model(
    folder: str, detector: str = "", attention: str = "sdpa"
) -> tuple[Groma, GromaTokenizer]:
    """Build groma-nano with the weights of "nano" or a folder, and return its tokenizer too.

    Args:
        detector: the file of YOLOX-nano's weights, which is read where the folder has none of them;
            empty where a checkpoint is read later.
    """
    known, tokenizer = load_groma(model_folder(folder))
    model = Groma(GromaConfig.from_dict(nano_config(tokenizer.vocab_size)), attention)
    if known.config.naming:
        model.load_state_dict(known.state_dict())
        return model, tokenizer
    if known.config.stem.detector:
        model.load_state_dict(known.state_dict(), strict=False)
    else:
        model.load_state_dict(widened(known.state_dict(), model), strict=False)
        if detector:
            load_yolox_stem(model.perceiver.vis_encoder.stem.detector, detector)
    start_naming(model, tokenizer)
    if detector:
        head = detector_head(detector)
        model.perceiver.naming.detector.load_state_dict(head.state_dict())
    return model, tokenizer


@torch.no_grad()
def start_naming(model: Groma, tokenizer: GromaTokenizer) -> None:
    """Let cells be called what the detector says, and regions by the language model's own words."""
    naming = model.perceiver.naming
    for value in (naming.name.weight, naming.name.bias, naming.from_detector.bias):
        value.zero_()
    naming.name.bias[-1] = 3.0  # nothing, where the detector says nothing
    naming.from_detector.weight.zero_()
    naming.from_detector.weight[list(names.COCO_ROWS), range(len(names.COCO_ROWS))] = 1.0
    words = mean_embeddings(model, WordTables(tokenizer).kinds)  # (names, D)
    overlap = words @ words.T + torch.eye(len(words)) * words.square().sum(1).mean() / 50
    apart = torch.linalg.solve(overlap, words)  # like its own word, and like hardly any other
    model.region_encoder.names.weight.copy_(EVIDENCE * torch.nn.functional.normalize(apart).T)


@torch.no_grad()
def widened(state: dict[str, Tensor], model: Groma) -> dict[str, Tensor]:
    """Return the weights of a model without a detector as those of one with it."""
    wide = {key.replace(STEM, STEM + "mobile."): value for key, value in state.items()}
    projection = torch.zeros_like(model.state_dict()[PROJECTION])
    known = wide[PROJECTION]
    projection[:, : known.shape[1]] = known
    queries = model.state_dict()[QUERIES]
    times = -(-len(queries) // len(wide[QUERIES]))
    repeated = wide[QUERIES].repeat(times, 1)[: len(queries)]
    return wide | {PROJECTION: projection, QUERIES: repeated}
