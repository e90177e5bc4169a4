"""Whatever a camera sends is read as a picture or refused in one line."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from inputs import (
    ANY_FLOATS,
    DEPTHS,
    MAX_PIXELS,
    PICTURES,
    SIZES,
    TEXTS,
    damaged,
    fuzz,
    raw_images,
)

from groma_ros.depth import UNITS_A_METRE, locate
from groma_ros.ros import image_codec
from groma_ros.ros.depth_images import check_size, to_metres
from groma_ros.ros.image_encodings import ENCODINGS
from groma_ros.ros.places import lens_of

FORMATS = st.one_of(
    st.sampled_from(["jpeg", "png", "rgb8; jpeg compressed bgr8", "mono16; png compressed "]),
    st.sampled_from([f"{name}; png compressed " for name in ENCODINGS]),
    TEXTS,
)
DEPTH_FORMATS = st.one_of(
    st.sampled_from([f"{name}; compressedDepth png" for name in UNITS_A_METRE]),
    st.sampled_from([f"{name}; compressedDepth rvl" for name in UNITS_A_METRE]),
    TEXTS,
)


def decoded(message):
    image_codec.check(message, MAX_PIXELS)
    return image_codec.to_rgb(message)


def assert_is_picture(rgb):
    assert rgb.dtype == np.uint8 and rgb.ndim == 3 and rgb.shape[2] == 3
    assert 0 < rgb.shape[0] * rgb.shape[1] <= MAX_PIXELS


@fuzz
@given(message=raw_images())
def test_raw_images(tally, message):
    rgb = tally("raw images").read(decoded, message)
    if rgb is not None:
        assert_is_picture(rgb)


@fuzz
@given(data=st.one_of(damaged(PICTURES), st.binary(max_size=200)), format=FORMATS)
def test_compressed_images(tally, data, format):
    rgb = tally("compressed images").read(decoded, SimpleNamespace(format=format, data=data))
    if rgb is not None:
        assert_is_picture(rgb)


def measured(message):
    check_size(message, MAX_PIXELS)
    return to_metres(message)


@fuzz
@given(message=raw_images(tuple(UNITS_A_METRE)))
def test_depth_images(tally, message):
    assert_is_depth(tally("depth images").read(measured, message))


@fuzz
@given(
    header=st.binary(min_size=12, max_size=12),
    data=st.one_of(damaged(DEPTHS), st.binary(max_size=200)),
    format=DEPTH_FORMATS,
)
def test_compressed_depth_images(tally, header, data, format):
    message = SimpleNamespace(format=format, data=header + data)
    assert_is_depth(tally("compressed depth images").read(measured, message))


def assert_is_depth(depth_m):
    if depth_m is not None:
        assert depth_m.dtype == np.float32 and depth_m.ndim == 2
        known = depth_m[np.isfinite(depth_m)]
        assert (known > 0).all()


@st.composite
def camera_infos(draw):
    """Give a CameraInfo, in most cases with something that can't be."""
    k = [60.0, 0, 20.0, 0, 60.0, 15.0, 0, 0, 1.0]
    camera_info = SimpleNamespace(width=40, height=30, d=[], distortion_model="plumb_bob")
    wrong = draw(st.sampled_from(["", "k", "all of k", "size", "d", "d"]))
    if wrong == "k":
        k[draw(st.integers(0, 8))] = draw(ANY_FLOATS)
    elif wrong == "all of k":
        k = draw(st.lists(ANY_FLOATS, min_size=9, max_size=9))
    elif wrong == "size":
        camera_info.width, camera_info.height = draw(SIZES), draw(SIZES)
    elif wrong == "d":
        models = ["plumb_bob", "rational_polynomial", "equidistant", "fisheye", "", "nonsense"]
        camera_info.distortion_model = draw(st.sampled_from(models))
        numbers = draw(st.sampled_from([st.floats(-0.2, 0.2), ANY_FLOATS]))
        count = draw(st.one_of(st.sampled_from([4, 5, 8]), st.integers(0, 15)))
        camera_info.d = draw(st.lists(numbers, min_size=count, max_size=count))
    camera_info.k = k
    camera_info.p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    return camera_info


@fuzz
@given(
    camera_info=camera_infos(),
    rectified=st.booleans(),
    seed=st.integers(0, 9),
    box=st.one_of(
        st.just([8.0, 8.0, 32.0, 22.0]),
        st.lists(st.floats(-10, 60), min_size=4, max_size=4),
        st.lists(ANY_FLOATS, min_size=4, max_size=4),
    ),
    holes=st.floats(0, 1),
)
def test_places(tally, camera_info, rectified, seed, box, holes):
    """A thing is put at finite numbers or its place is refused, whatever lens is said."""
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.4, 0.6, (30, 40)).astype(np.float32)
    depth_m[10:20, 10:30] = 0.35
    depth_m[rng.random(depth_m.shape) < holes] = np.nan

    def placed():
        return locate(depth_m, np.array(box), lens_of((30, 40), camera_info, rectified))

    place = tally("places").read(placed)
    if place is not None:
        values = [*place.position_m, *place.orientation, *place.size_m, *place.covariance.ravel()]
        assert np.isfinite(values).all()
