"""Images of every common encoding become RGB; malformed ones are refused in one clear line."""

import struct
import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from groma_ros.ros import image_codec
from groma_ros.ros.image_encodings import ENCODINGS

RED, GREEN, BLUE = (220, 40, 30), (30, 200, 60), (20, 50, 210)


@dataclass(frozen=True)
class Image:
    """Mirror the fields of sensor_msgs/Image."""

    encoding: str
    width: int
    height: int
    step: int
    data: bytes
    is_bigendian: int = 0


@dataclass(frozen=True)
class CompressedImage:
    format: str
    data: bytes


def image(values: np.ndarray, encoding: str, padding: int = 0) -> Image:
    """Store (H, W, C) values; `padding` bytes of rubbish follow each row."""
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)
    rubbish = np.full((len(rows), padding), 0xAB, np.uint8)
    data = np.hstack([rows, rubbish])
    return Image(
        encoding,
        values.shape[1],
        values.shape[0],
        data.shape[1],
        data.tobytes(),
        int(values.dtype.byteorder == ">"),
    )


def picture() -> np.ndarray:
    """Return a 4x6 RGB picture with a gradient, so that no mix-up of axes goes unseen."""
    y, x = np.mgrid[:4, :6]
    return np.stack([10 * x + y, 200 - 20 * y, 3 * x * y + 5], axis=2).astype(np.uint8)


def test_no_picture_at_all():
    with pytest.raises(ValueError, match=r"size 0x4 \(width x height\)"):
        image_codec.to_rgb(Image("rgb8", 0, 4, 0, b""))


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    "encoding, channels",
    [
        ("rgb8", [0, 1, 2]),
        ("bgr8", [2, 1, 0]),
        ("rgba8", [0, 1, 2, 0]),
        ("bgra8", [2, 1, 0, 0]),
        ("8UC3", [2, 1, 0]),
        ("8UC4", [2, 1, 0, 1]),
    ],
)
def test_colour_orders_and_row_padding(encoding, channels, padding):
    """Red and blue are easily swapped: OpenCV's order is BGR, many cameras' is RGB."""
    rgb = picture()
    out = image_codec.to_rgb(image(rgb[:, :, channels], encoding, padding))
    np.testing.assert_array_equal(out, rgb)
    assert out.dtype == np.uint8


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "encoding, channels",
    [
        ("rgb16", [0, 1, 2]),
        ("bgr16", [2, 1, 0]),
        ("rgba16", [0, 1, 2, 1]),
        ("bgra16", [2, 1, 0, 1]),
    ],
)
def test_sixteen_bit_colour_in_both_byte_orders(encoding, channels, byteorder):
    rgb = picture()
    deep = (rgb[:, :, channels].astype(np.uint16) << 8 | 0x7F).astype(f"{byteorder}u2")
    np.testing.assert_array_equal(image_codec.to_rgb(image(deep, encoding, 3)), rgb)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_gray(encoding):
    gray = picture()[:, :, :1]
    out = image_codec.to_rgb(image(gray, encoding, 2))
    np.testing.assert_array_equal(out, np.repeat(gray, 3, axis=2))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_16_bit_gray_shows_whatever_bits_a_camera_uses(byteorder, bits):
    gray = np.linspace(1, (1 << bits) - 1, 64).round().astype(f"{byteorder}u2").reshape(8, 8, 1)
    out = image_codec.to_rgb(image(gray, "mono16", 1))
    assert out.min() == 0 and out.max() == 255, "a dark picture would have gone unnoticed"
    assert (np.diff(out[:, :, 0].ravel().astype(int)) > 0).all()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_depth_in_millimetres_is_stretched_and_zero_is_invalid(byteorder):
    depth = np.array([[0, 1000], [1500, 2000]], f"{byteorder}u2")[:, :, None]
    out = image_codec.to_rgb(image(depth, "16UC1"))
    assert out[:, :, 1].tolist() == [[0, 0], [128, 255]]


def test_depth_in_metres_is_stretched_and_nan_is_invalid():
    depth = np.array([[np.nan, 0.5], [np.inf, 1.5]], np.float32)[:, :, None]
    out = image_codec.to_rgb(image(depth, "32FC1"))
    assert out[:, :, 2].tolist() == [[0, 0], [0, 255]]


def test_depth_without_a_valid_pixel_is_black():
    assert not image_codec.to_rgb(image(np.zeros((2, 2, 1), np.uint16), "16UC1")).any()


def colourful_yuv() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a 6x8 RGB picture and its 8-bit Y, U and V: ITU-R BT.601, limited range.

    Each block of 2 x 2 pixels has a colour of its own that its pixels make lighter or darker, so it
    has one U and one V, and nothing is lost where they are stored once.
    """
    random = np.random.default_rng(0)
    blocks = random.integers(60, 190, (3, 4, 3)).repeat(2, axis=0).repeat(2, axis=1)
    rgb = blocks + random.integers(-40, 40, (6, 8, 1))
    r, g, b = np.moveaxis(rgb / 255, 2, 0)
    yuv = {
        "Y": 16 + 65.481 * r + 128.553 * g + 24.966 * b,
        "U": 128 - 37.797 * r - 74.203 * g + 112 * b,
        "V": 128 + 112 * r - 93.786 * g - 18.214 * b,
    }
    return rgb, {name: np.round(values).astype(np.uint8) for name, values in yuv.items()}


def rows_of_yuv(yuv: dict[str, np.ndarray], encoding: str, padding: int) -> list[bytes]:
    """Lay out the rows of a picture, one byte after the other, as V4L2 describes the encoding."""
    height, width = yuv["Y"].shape
    rubbish = b"\xab" * padding

    def row(y: int, samples: str, columns: int) -> bytes:
        pixels = range(0, width, columns)
        # Of a pair, "YUYV" and "UYVY" take the left Y first.
        return bytes(
            yuv[name][y, x + (name == "Y" and "Y" in samples[:place])]
            for x in pixels
            for place, name in enumerate(samples)
        )

    packed = {"yuv422": "UYVY", "uyvy": "UYVY", "yuv422_yuy2": "YUYV", "yuyv": "YUYV"}
    if encoding in packed:
        return [row(y, packed[encoding], 2) + rubbish for y in range(height)]
    luma = [row(y, "Y", 1) + rubbish for y in range(height)]
    if encoding == "nv24":
        return luma + [row(y, "UV", 1) + 2 * rubbish for y in range(height)]
    chroma = {"nv12": "UV", "nv21": "VU"}[encoding]
    return luma + [row(y, chroma, 2) + rubbish for y in range(0, height, 2)]


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    "encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21", "nv24"]
)
def test_yuv(encoding, padding):
    rgb, yuv = colourful_yuv()
    rows = rows_of_yuv(yuv, encoding, padding)
    message = Image(encoding, 8, 6, len(rows[0]), b"".join(rows))
    np.testing.assert_allclose(image_codec.to_rgb(message).astype(int), rgb, atol=3)
    with pytest.raises(ValueError, match=f"data is {len(message.data) - 1} bytes, but 6 rows of"):
        image_codec.check(replace(message, data=message.data[:-1]))


def test_nv24_may_have_any_size():
    y, u, v = 81, 90, 240  # red
    message = Image("nv24", 3, 1, 3, bytes([y] * 3 + [u, v] * 3))
    np.testing.assert_allclose(image_codec.to_rgb(message).astype(int), [[[254, 0, 0]] * 3], atol=3)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
@pytest.mark.parametrize("mosaic", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("colour", [RED, GREEN, BLUE])
def test_bayer(mosaic, dtype, colour):
    value = dict(zip("rgb", colour, strict=True))
    bits = 8 * np.dtype(dtype).itemsize
    corner = np.array([value[c] << bits - 8 for c in mosaic], dtype).reshape(2, 2)
    out = image_codec.to_rgb(image(np.tile(corner, (4, 4))[:, :, None], f"bayer_{mosaic}{bits}", 2))
    np.testing.assert_allclose(out.reshape(-1, 3), np.tile(colour, (64, 1)), atol=1)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"height": 0, "data": b""}, "size 6x0"),
        ({"encoding": "rgb9"}, "encoding 'rgb9' is none of rgb8, bgr8"),
        ({"encoding": ""}, "encoding '' is none of"),
        ({"step": 17}, "step is 17 bytes, but 6 pixels of rgb8 take 18"),
        ({"step": 0}, "step is 0 bytes"),
        ({"data": bytes(71)}, "data is 71 bytes, but 4 rows of step 18 take 72"),
        ({"data": b""}, "data is 0 bytes"),
        (
            {"encoding": "bayer_rggb8", "height": 3},
            r"bayer_rggb8 image of size 6x3 .* multiples of 2x2",
        ),
        ({"encoding": "nv12", "height": 3}, r"nv12 image of size 6x3 .* multiples of 2x2"),
        ({"encoding": "nv21", "step": 5}, "6 pixels of nv21 take 6; .* bytes of a row of luma"),
        ({"encoding": "nv24"}, "data is 72 bytes, but 4 rows of step 18 take 216 as nv24"),
        ({"encoding": "yuyv", "width": 5}, r"yuyv image of size 5x4 .* multiples of 2x1"),
    ],
)
def test_malformed_images_are_refused_in_one_line(change, words):
    malformed = replace(image(picture(), "rgb8"), **change)
    for function in (image_codec.check, image_codec.to_rgb):
        with pytest.raises(ValueError, match=words) as caught:
            function(malformed)
        assert "\n" not in str(caught.value)


def test_more_data_than_needed_is_no_fault():
    rgb = picture()
    longer = replace(image(rgb, "rgb8"), data=rgb.tobytes() + b"more")
    np.testing.assert_array_equal(image_codec.to_rgb(longer), rgb)


@pytest.mark.parametrize("suffix, tolerance", [(".png", 0), (".jpg", 12)])
def test_compressed(suffix, tolerance):
    rgb = np.full((16, 24, 3), RED, np.uint8)
    data = cv2.imencode(suffix, rgb[:, :, ::-1])[1].tobytes()
    out = image_codec.to_rgb(CompressedImage(f"rgb8; {suffix[1:]} compressed bgr8", data))
    assert out.shape == rgb.shape
    np.testing.assert_allclose(out.astype(int), rgb, atol=tolerance)


@pytest.mark.parametrize(
    "message, words",
    [
        (CompressedImage("jpeg", b""), "without data"),
        (CompressedImage("jpeg", b"no picture"), "'jpeg' and 10 bytes begins as no picture"),
        (CompressedImage("16UC1; compressedDepth", b"xx"), "is depth, not a picture"),
        (CompressedImage("h264", b"\x00\x00\x00\x01g"), "a piece of a video stream"),
        (CompressedImage("jpeg", b"\x00\x00\x00\x01g"), "a piece of a video stream"),
    ],
)
def test_malformed_compressed_images(message, words):
    with pytest.raises(ValueError, match=words):
        image_codec.check(message)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_that_was_cut_off_is_told_when_it_comes(suffix):
    data = cv2.imencode(suffix, np.tile(picture(), (20, 20, 1)))[1].tobytes()
    image_codec.check(CompressedImage(suffix[1:], data))
    with pytest.raises(ValueError, match="cut off"):
        image_codec.check(CompressedImage(suffix[1:], data[: len(data) // 2]))


@pytest.mark.parametrize("name", [n for n in ENCODINGS if n.startswith("bayer_")])
def test_a_compressed_mosaic_keeps_its_colours(name):
    """image_transport compresses a mosaic as it is; read as gray, a red cup has no colour."""
    deep = name.endswith("16")
    mosaic = np.random.default_rng(1).integers(0, 65536 if deep else 256, (8, 12, 1))
    mosaic = mosaic.astype(np.uint16 if deep else np.uint8)
    plain = image_codec.to_rgb(image(mosaic, name, 1))
    data = cv2.imencode(".png", mosaic)[1].tobytes()
    out = image_codec.to_rgb(CompressedImage(f"{name}; png compressed ", data))
    np.testing.assert_array_equal(out, plain)


def test_a_mosaic_that_came_as_colour_is_not_demosaiced_again():
    rgb = np.full((16, 24, 3), RED, np.uint8)
    data = cv2.imencode(".jpg", rgb[:, :, ::-1])[1].tobytes()
    out = image_codec.to_rgb(CompressedImage("bayer_rggb8; jpeg compressed bgr8", data))
    np.testing.assert_allclose(out.astype(int), rgb, atol=12)


def test_a_compressed_mosaic_of_odd_sides_is_refused():
    data = cv2.imencode(".png", np.zeros((7, 8), np.uint8))[1].tobytes()
    with pytest.raises(ValueError, match="8x7; a mosaic has even sides"):
        image_codec.to_rgb(CompressedImage("bayer_rggb8; png compressed ", data))


@pytest.mark.parametrize("name", ["16UC1", "mono16"])
def test_compressed_16_bits_are_stretched_as_raw_ones_are(name):
    values = np.linspace(400, 1200, 48).astype(np.uint16).reshape(6, 8, 1)
    plain = image_codec.to_rgb(image(values, name, 1))
    data = cv2.imencode(".png", values)[1].tobytes()
    out = image_codec.to_rgb(CompressedImage(f"{name}; png compressed ", data))
    np.testing.assert_array_equal(out, plain)
    assert out.min() == 0 and out.max() == 255


def test_a_raw_image_of_too_many_pixels_is_refused_with_both_numbers():
    large = Image("rgb8", 9000, 9000, 27000, b"")
    with pytest.raises(ValueError, match="9000x9000 has 81000000 pixels and at most 50000000"):
        image_codec.check(large, 50_000_000)
    image_codec.check(image(picture(), "rgb8"), 24)
    with pytest.raises(ValueError, match="24 pixels and at most 23"):
        image_codec.check(image(picture(), "rgb8"), 23)


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header says any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((8000, 8000), "8000x8000 has 64000000 pixels and at most 50000000"),
        ((60000, 60000), "says no size: .*3600000000 pixels"),
        ((2**31 - 1, 2**31 - 1), "says no size: .* pixels"),
    ],
)
def test_a_small_file_that_claims_a_huge_picture_is_refused_undecoded(size, reason, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)  # decoding would take the memory
    with pytest.raises(ValueError, match=reason):
        image_codec.check(CompressedImage("png", png_that_claims(*size)), 50_000_000)


def test_a_chunk_that_claims_gigabytes_is_refused_undecoded(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", None)  # OpenCV would take 4 GB for it
    data = bytearray(png_that_claims(4, 4))
    data[data.index(b"IDAT") - 4] = 0xFF
    with pytest.raises(ValueError, match="cut off"):
        image_codec.to_rgb(CompressedImage("png", bytes(data)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_the_size_of_every_codec_is_known_undecoded(suffix):
    data = cv2.imencode(suffix, picture()[..., ::-1])[1].tobytes()
    image_codec.check(CompressedImage(suffix[1:], data), 24)
    with pytest.raises(ValueError, match="6x4 has 24 pixels and at most 23"):
        image_codec.check(CompressedImage(suffix[1:], data), 23)
