"""Configuration of Groma, read from the official `config.json` layout.

The released file is a diff against the defaults of transformers 4.32, so the defaults written here
are those of that version and not of the installed one. Our own settings live under one optional
top-level object, `"groma_ros"`; a file without it describes the released architecture.
"""

import math
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from groma_ros.encoding.json_files import read_object, section, shown, typed
from groma_ros.encoding.pixels import PixelRule, square_side
from groma_ros.encoding.special_tokens import MAX_REGIONS
from groma_ros.model.activations import check_activation
from groma_ros.model.rotary_positions import check_scaling

GEOMETRIES = ("released", "correct")
DETECTORS = ("", "yolox_nano")
YOLOX_NANO_CHANNELS = 4 * (2 * 64 + 3) + 2 * (3 * 64)
"""Of `YoloxStem`: two towers of 64 and a colour in 4 fine cells, three of 64 in 2 coarser ones."""
FORMER_POINTING_KEYS = {"nothing_above": "refusal_threshold", "rival_share": "ambiguity_ratio"}


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the DINOv2 encoder; `image_size` is the side its position table was made for."""

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    mlp_ratio: int = 4
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-6
    image_size: int = 224
    patch_size: int = 16
    num_channels: int = 3
    qkv_bias: bool = True
    layerscale_value: float = 1.0
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        check_activation("the vision encoder's hidden_act", self.hidden_act)
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"the vision encoder has hidden_size {self.hidden_size}, which its "
                f"{self.num_attention_heads} heads can't share evenly"
            )


@dataclass(frozen=True)
class ProposerConfig:
    """Sizes of the deformable-DETR region proposer."""

    d_model: int = 256
    encoder_layers: int = 6
    encoder_ffn_dim: int = 1024
    encoder_attention_heads: int = 8
    encoder_n_points: int = 4
    decoder_layers: int = 6
    decoder_ffn_dim: int = 1024
    decoder_attention_heads: int = 8
    decoder_n_points: int = 4
    activation_function: str = "relu"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    num_queries: int = 300
    num_feature_levels: int = 4
    two_stage_num_proposals: int = 300
    num_labels: int = 2

    def __post_init__(self) -> None:
        check_activation("the proposer's activation_function", self.activation_function)
        if not 1 <= self.num_feature_levels <= 4:
            raise ValueError(
                f"num_feature_levels is {self.num_feature_levels}; the proposer has 1 to 4 levels"
            )
        if self.num_queries != self.two_stage_num_proposals:
            raise ValueError(
                f"num_queries is {self.num_queries} but two_stage_num_proposals is "
                f"{self.two_stage_num_proposals}; each query takes one proposal, make them equal"
            )


@dataclass(frozen=True)
class LanguageConfig:
    """Sizes of the Llama language model; `vocab_size` is without the added tokens."""

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    rms_norm_eps: float = 1e-6
    pad_token_id: int | None = None
    bos_token_id: int = 1
    eos_token_id: int = 2
    tie_word_embeddings: bool = False
    rope_theta: float = 10000.0
    rope_scaling: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_activation("the language model's hidden_act", self.hidden_act)
        check_scaling(self.rope_scaling)
        heads = self.num_attention_heads
        if self.hidden_size % heads or heads % self.key_value_heads:
            raise ValueError(
                f"the language model has hidden_size {self.hidden_size}, {heads} heads and "
                f"{self.key_value_heads} key-value heads; each number has to divide the one before"
            )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_heads(self) -> int:
        """Number of heads of keys and values, which groups of queries share."""
        return self.num_key_value_heads or self.num_attention_heads


@dataclass(frozen=True)
class RegionEncoderConfig:
    """Sizes of the region encoder; `channels` 0 means the width of the vision encoder.

    `level_scales` are the sides of its maps as multiples of the patch grid. `geometry`
    "released" reads (cx, cy, w, h) as (x1, y1, x2, y2) at half the true strides, as the released
    weights expect; "correct" does what RoIAlign is meant to do.
    """

    channels: int = 0
    level_scales: tuple[float, ...] = (4, 2, 1)
    fusion_rounds: int = 5
    roi_size: int = 14
    sampling_ratio: int = 2
    hidden: int = 1024
    geometry: str = "released"

    def __post_init__(self) -> None:
        scales = tuple(typed("level_scales", scale, float) for scale in self.level_scales)
        if not scales or min(scales) <= 0:
            raise ValueError(f"level_scales are {shown(scales)}; all have to be above 0")
        object.__setattr__(self, "level_scales", scales)
        if self.geometry not in GEOMETRIES:
            raise ValueError(f"geometry is {self.geometry!r}; choose one of {GEOMETRIES}")


@dataclass(frozen=True)
class StemStage:
    """Inverted residual blocks of one width; the first one has the `stride`."""

    channels: int
    repeats: int = 1
    stride: int = 1
    kernel: int = 3
    expansion: int = 6


@dataclass(frozen=True)
class StemConfig:
    """Convolutions before the patch projection (see `model/stem.py`).

    A stride-2 convolution to `channels`, then `stages`. `detector` "yolox_nano" puts the features
    of that detector, which divide the side by 16, beside theirs.
    """

    channels: int = 32
    stages: tuple[StemStage, ...] = ()
    detector: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(map(_stage, self.stages)))
        if self.detector not in DETECTORS:
            raise ValueError(f"the stem's detector is {self.detector!r}; choose one of {DETECTORS}")
        if self.detector and self.stride != 16:
            raise ValueError(f"the stem divides by {self.stride}, its detector by 16")

    @property
    def stride(self) -> int:
        """By how much the stem divides the side of a picture."""
        return 2 * math.prod(stage.stride for stage in self.stages)

    @property
    def out_channels(self) -> int:
        """Channels of what the stem gives."""
        own = self.stages[-1].channels if self.stages else self.channels
        return own + (YOLOX_NANO_CHANNELS if self.detector else 0)


@dataclass(frozen=True)
class NamingConfig:
    """Sizes of the naming head (see `model/naming.py`): how many `names`, and its width."""

    names: int = 0
    channels: int = 128

    def __post_init__(self) -> None:
        if self.names < 1:
            raise ValueError(f"the naming head has {self.names} names; it needs at least 1")
        if self.channels % 16:
            raise ValueError(
                f"the naming head has {self.channels} channels; its group normalisation needs a "
                "multiple of 16"
            )


@dataclass(frozen=True)
class PointingConfig:
    """How the probabilities of region tokens are read; the defaults are those of no calibration.

    `temperature` divides the logits of region tokens and of `</roi>`. A singular phrase fits
    nothing where `</roi>` has a probability above `refusal_threshold`, and besides the likeliest
    region every other one that has at least `ambiguity_ratio` of its probability. A plural phrase
    fits the regions that have at least `list_ratio` of the likeliest one's probability, of a model
    that was trained on lists without an order; where that is 0 its list is decoded. A region is a
    thing of its own, for "everything", where its objectness is above `thing_objectness`. A region
    that fills the picture is its background where its objectness is below `background_objectness`.
    """

    temperature: float = 1.0
    refusal_threshold: float = 0.5
    ambiguity_ratio: float = 0.5
    list_ratio: float = 0.0
    thing_objectness: float = 0.35
    background_objectness: float = 0.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it has to be above 0")
        for name in ("refusal_threshold", "ambiguity_ratio", "thing_objectness"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it has to be in (0, 1]")
        if not 0 <= self.list_ratio <= 1:
            raise ValueError(f"list_ratio is {self.list_ratio}; it has to be in [0, 1]")


@dataclass(frozen=True)
class GromaConfig:
    """Everything that decides Groma's architecture and its choice of regions.

    `image_size` is the side in pixels of the square the network sees. `stem` describes
    convolutions before the patch projection, None for none, and `naming` a head that names what
    the stem's detector sees, None for none. `lowercase` says that the language
    model has only seen questions in lower case, `multi_turn` that it has seen conversations of
    several turns. `known_nouns` are all nouns that it was trained on, in the singular; a phrase
    with another noun is refused. It is empty for a model of an open vocabulary. `pixels` comes
    from `preprocessor_config.json`.
    """

    vision: VisionConfig = field(default_factory=VisionConfig)
    proposer: ProposerConfig = field(default_factory=ProposerConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)
    region_encoder: RegionEncoderConfig = field(default_factory=RegionEncoderConfig)
    vis_output_layer: int = -1
    num_new_token: int = 0
    nms_thres: float = 0.6
    box_score_thres: float = 0.15
    max_region_num: int = 100
    image_size: int = 448
    stem: StemConfig | None = None
    naming: NamingConfig | None = None
    lowercase: bool = False
    multi_turn: bool = True
    known_nouns: tuple[str, ...] = ()
    pointing: PointingConfig = field(default_factory=PointingConfig)
    pixels: PixelRule = field(default_factory=PixelRule)

    def __post_init__(self) -> None:
        patch, stride = self.vision.patch_size, self.stem.stride if self.stem else 1
        if self.image_size % (2 * patch):
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of twice patch_size {patch}; "
                "the patch grid has to have an even side"
            )
        if patch % stride or self.vision.image_size % stride:
            raise ValueError(
                f"the stem divides by {stride}, but patch_size is {patch} and the encoder's "
                f"image_size {self.vision.image_size}"
            )
        if self.naming and not (self.stem and self.stem.detector):
            raise ValueError("a naming head needs a stem with a detector")
        if not 1 <= self.max_region_num <= MAX_REGIONS:
            raise ValueError(
                f"max_region_num is {self.max_region_num}; there are region tokens for 1 to "
                f"{MAX_REGIONS}"
            )
        if self.region_channels % 64:
            raise ValueError(
                f"the region encoder has {self.region_channels} channels; its group normalisation "
                "needs a multiple of 64"
            )

    @property
    def grid_size(self) -> int:
        """Side of the patch grid."""
        return self.image_size // self.vision.patch_size

    @property
    def region_channels(self) -> int:
        """Channels of the region encoder's maps."""
        return self.region_encoder.channels or self.vision.hidden_size

    @property
    def vocab_size(self) -> int:
        """Number of token ids with the added ones."""
        return self.language.vocab_size + self.num_new_token

    @classmethod
    def from_folder(cls, folder: str | Path) -> "GromaConfig":
        """Read a folder's `config.json`, and `preprocessor_config.json` where it has one.

        Where the former does not give an `image_size` of ours, the latter's size counts. Raises
        FileNotFoundError without `config.json`, ValueError where the two sizes disagree.
        """
        path = Path(folder) / "config.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path.parent} has no {path.name}")
        data = read_object(path)
        config = cls.from_dict(data)
        path = path.parent / "preprocessor_config.json"
        if not path.is_file():
            return config
        processor = read_object(path)
        side = square_side(processor) or config.image_size
        if side != config.image_size and "image_size" in section(data, "groma_ros"):
            raise ValueError(
                f"preprocessor_config.json makes pictures of {side} pixels, config.json says "
                f"{config.image_size}; take both from the same folder"
            )
        return replace(config, image_size=side, pixels=PixelRule.from_dict(processor))

    @classmethod
    def from_file(cls, path: str | Path) -> "GromaConfig":
        """Read a `config.json`; raise ValueError where it does not describe a Groma."""
        return cls.from_dict(read_object(path))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "GromaConfig":
        """Read the official layout; unknown keys are ignored, as transformers does."""
        perceiver, ours = section(data, "perceiver_cfg"), section(data, "groma_ros")
        words, stem = section(ours, "language"), section(ours, "stem")
        naming = section(ours, "naming")
        _require(perceiver, "zs_weight_path", None, None)
        official = ("num_new_token", "nms_thres", "box_score_thres", "max_region_num")
        given = {key: data[key] for key in official if key in data}
        given |= {key: ours[key] for key in ("image_size",) if key in ours}
        given |= {key: words[key] for key in ("lowercase", "multi_turn") if key in words}
        if "vis_output_layer" in perceiver:
            given["vis_output_layer"] = perceiver["vis_output_layer"]
        return cls(
            vision=_vision(section(perceiver, "vis_encoder_cfg")),
            proposer=_proposer(section(perceiver, "ddetr_cfg")),
            language=_language(section(data, "llm_cfg")),
            region_encoder=RegionEncoderConfig(
                **_known(RegionEncoderConfig, section(ours, "region_encoder"))
            ),
            stem=StemConfig(**_known(StemConfig, stem)) if stem else None,
            naming=NamingConfig(**_known(NamingConfig, naming)) if naming else None,
            known_nouns=_nouns(words.get("nouns") or []),
            pointing=_pointing(section(ours, "pointing")),
            **_known(cls, given),
        )

    def to_dict(self) -> dict[str, Any]:
        """Write the official layout with every value spelled out; `from_dict` inverts it."""
        proposer = asdict(self.proposer)
        labels = range(proposer.pop("num_labels"))
        proposer |= {
            "model_type": "deformable_detr",
            "two_stage": True,
            "with_box_refine": True,
            "id2label": {str(i): f"LABEL_{i}" for i in labels},
            "label2id": {f"LABEL_{i}": i for i in labels},
        }
        return {
            "model_type": "groma",
            "llm_cfg": asdict(self.language) | {"model_type": "llama"},
            "transformers_version": "4.32.0",
            "perceiver_cfg": {
                "model_type": "ddetr",
                "vis_encoder_cfg": asdict(self.vision) | {"model_type": "dinov2"},
                "ddetr_cfg": proposer,
                "vis_output_layer": self.vis_output_layer,
                "zs_weight_path": None,
            },
            "num_new_token": self.num_new_token,
            "vocab_size": self.vocab_size,
            "nms_thres": self.nms_thres,
            "box_score_thres": self.box_score_thres,
            "max_region_num": self.max_region_num,
            "groma_ros": {
                "image_size": self.image_size,
                "stem": asdict(self.stem) if self.stem else None,
                "naming": asdict(self.naming) if self.naming else None,
                "region_encoder": asdict(self.region_encoder)
                | {"level_scales": list(self.region_encoder.level_scales)},
                "language": {
                    "lowercase": self.lowercase,
                    "multi_turn": self.multi_turn,
                    "nouns": list(self.known_nouns),
                },
                "pointing": asdict(self.pointing),
            },
        }


def _known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    """Pick a dataclass's fields, each in its type; sizes and counts are above 0."""
    known = {}
    for entry in fields(cls):
        if entry.name not in data:
            if entry.default is MISSING and entry.default_factory is MISSING:
                raise ValueError(f"{entry.name} is not given")
            continue
        value = known[entry.name] = typed(entry.name, data[entry.name], entry.type)
        default = entry.default if type(entry.default) is int else -1
        least = min(default, 1) if not entry.name.endswith("_id") else 0
        if entry.type is int and default >= 0 and value < least:
            raise ValueError(f"{entry.name} is {value}; it has to be at least {least}")
    return known


def _nouns(words: Any) -> tuple[str, ...]:
    """Return a list of words; raise ValueError for anything else."""
    if type(words) is not list or not all(type(word) is str for word in words):
        raise ValueError(f"nouns is {shown(words)}; it has to be a list of words")
    return tuple(words)


def _stage(data: Any) -> StemStage:
    """Return a stage of the stem, which config.json describes by an object."""
    if isinstance(data, StemStage):
        return data
    if not isinstance(data, dict):
        raise ValueError(  # noqa: TRY004
            f"a stage of the stem is {shown(data)}; it has to be an object"
        )
    return StemStage(**_known(StemStage, data))


def _require(data: dict[str, Any], key: str, default: Any, wanted: Any) -> None:
    if data.get(key, default) != wanted:
        raise ValueError(f"{key} is {shown(data.get(key, default))}; only {wanted!r} is supported")


def _vision(data: dict[str, Any]) -> VisionConfig:
    _require(data, "use_swiglu_ffn", False, False)
    return VisionConfig(**_known(VisionConfig, data))


def _proposer(data: dict[str, Any]) -> ProposerConfig:
    _require(data, "two_stage", False, True)
    _require(data, "with_box_refine", False, True)
    _require(data, "position_embedding_type", "sine", "sine")
    known = _known(ProposerConfig, data)
    if "id2label" in data:
        known["num_labels"] = len(section(data, "id2label"))
    return ProposerConfig(**known)


def _pointing(data: dict[str, Any]) -> PointingConfig:
    """Read the thresholds by their names, or by those they had before."""
    renamed = {new: data[old] for old, new in FORMER_POINTING_KEYS.items() if old in data}
    return PointingConfig(**_known(PointingConfig, renamed | data))


def _language(data: dict[str, Any]) -> LanguageConfig:
    _require(data, "attention_bias", False, False)
    _require(data, "mlp_bias", False, False)
    return LanguageConfig(**_known(LanguageConfig, data))
