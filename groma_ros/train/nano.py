"""Size groma-nano: the one place that holds its numbers."""

from groma_ros.encoding.special_tokens import NEW_TOKENS
from groma_ros.train.names import NAMES, known_nouns

LITE_STEM = {
    "channels": 32,
    "stages": [
        {"channels": 16, "repeats": 1, "stride": 1, "kernel": 3, "expansion": 1},
        {"channels": 24, "repeats": 2, "stride": 2, "kernel": 3, "expansion": 6},
        {"channels": 40, "repeats": 2, "stride": 2, "kernel": 5, "expansion": 6},
        {"channels": 80, "repeats": 3, "stride": 2, "kernel": 3, "expansion": 6},
        {"channels": 112, "repeats": 3, "stride": 1, "kernel": 5, "expansion": 6},
    ],
}
"""The first five of EfficientNet-Lite0's seven stages, down to a sixteenth of the side."""


def nano_config(text_vocab_size: int) -> dict:
    """Return groma-nano's config.json as a dict, in the official layout.

    Args:
        text_vocab_size: pieces of its sentencepiece model; the 114 added tokens come after them.
    """
    return {
        "model_type": "groma",
        "transformers_version": "4.32.0",
        "num_new_token": len(NEW_TOKENS),
        "vocab_size": text_vocab_size + len(NEW_TOKENS),
        "box_score_thres": 0.12,
        "nms_thres": 0.6,
        "max_region_num": 30,
        "perceiver_cfg": {
            "model_type": "ddetr",
            "vis_output_layer": -1,
            "vis_encoder_cfg": {
                "model_type": "dinov2",
                "hidden_size": 192,
                "num_hidden_layers": 4,
                "num_attention_heads": 3,
                "image_size": 320,
                "patch_size": 16,
            },
            "ddetr_cfg": {
                "model_type": "deformable_detr",
                "d_model": 192,
                "encoder_layers": 2,
                "decoder_layers": 3,
                "encoder_ffn_dim": 512,
                "decoder_ffn_dim": 512,
                "encoder_attention_heads": 6,
                "decoder_attention_heads": 6,
                "num_feature_levels": 1,
                "num_queries": 80,
                "two_stage_num_proposals": 80,
                "two_stage": True,
                "with_box_refine": True,
                "auxiliary_loss": True,
                "dropout": 0.0,
                "id2label": {"0": "LABEL_0"},
                "label2id": {"LABEL_0": 0},
            },
        },
        "llm_cfg": {
            "model_type": "llama",
            "vocab_size": text_vocab_size,
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
            "tie_word_embeddings": False,
        },
        "groma_ros": {
            "image_size": 384,
            "stem": LITE_STEM | {"detector": "yolox_nano"},
            "naming": {"names": len(NAMES), "channels": 160},
            "region_encoder": {
                "channels": 128,
                "level_scales": [1, 1, 0.5],
                "fusion_rounds": 1,
                "roi_size": 7,
                "sampling_ratio": 2,
                "hidden": 256,
                "geometry": "correct",
            },
            "pointing": {"background_objectness": 0.45, "list_ratio": 0.2},
            "language": {"lowercase": True, "multi_turn": False, "nouns": known_nouns()},
        },
    }
