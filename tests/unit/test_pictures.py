"""What the demo's camera shows: a picture, a folder, a video, or the shipped sequence."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from groma_ros.depth import Lens, locate, metres, scale_between
from groma_ros.pictures import SHIPPED, open_pictures, read_depth

RED, BLUE = (200, 20, 30), (20, 30, 200)


def paint(path, colour, size_hw=(12, 20)):
    Image.fromarray(np.full((*size_hw, 3), colour, np.uint8)).save(path)
    return path


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no .jpg or .png picture"):
        open_pictures(tmp_path)


def test_the_shipped_sequence_is_vga_and_calibrated():
    pictures = open_pictures("")
    frames = [next(pictures.frames) for _ in range(2)]
    assert [f.shape for f in frames] == [(480, 640, 3)] * 2
    assert not np.array_equal(*frames)
    assert pictures.rate_hz > 0
    assert (pictures.pinhole.cx, pictures.pinhole.cy) == (320, 240)


def test_a_picture_is_shown_for_ever(tmp_path):
    pictures = open_pictures(str(paint(tmp_path / "one.png", RED)))
    for _ in range(3):
        np.testing.assert_array_equal(next(pictures.frames)[0, 0], RED)
    assert pictures.pinhole is None


def test_a_photo_is_turned_upright_and_shrunk(tmp_path):
    turned = Image.new("RGB", (2000, 1000))
    exif = turned.getexif()
    exif[0x0112] = 6  # "turn by 90 degrees"
    turned.save(tmp_path / "photo.jpg", exif=exif)
    assert next(open_pictures(tmp_path / "photo.jpg").frames).shape == (1280, 640, 3)


def test_a_folder_begins_anew_at_its_end(tmp_path):
    paint(tmp_path / "a.png", RED)
    paint(tmp_path / "b.png", BLUE)
    (tmp_path / "notes.txt").write_text("no picture")
    frames = open_pictures(tmp_path).frames
    seen = [tuple(next(frames)[0, 0].tolist()) for _ in range(3)]
    assert seen == [RED, BLUE, RED]


def test_a_video_begins_anew_at_its_end(tmp_path):
    path = tmp_path / "film.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 8.0, (64, 48))
    for colour in (RED, BLUE):
        film.write(np.full((48, 64, 3), colour[::-1], np.uint8))
    film.release()
    pictures = open_pictures(path)
    assert pictures.rate_hz == 8.0
    for colour in (RED, BLUE, RED):
        np.testing.assert_allclose(next(pictures.frames)[24, 32].astype(int), colour, atol=12)


@pytest.mark.parametrize("content", [b"", b"neither picture nor video"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="neither a picture nor a video"):
        open_pictures(tmp_path / "x.jpg")


def test_a_broken_picture_is_refused(tmp_path):
    whole = paint(tmp_path / "x.jpg", RED, (300, 300)).read_bytes()
    (tmp_path / "x.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="can't be read"):
        open_pictures(tmp_path / "x.jpg")


def test_the_shipped_sequence_has_depth_that_fits_its_truth():
    shipped = open_pictures("")
    sequence = json.loads((SHIPPED / "sequence.json").read_text())
    for frame in sequence["frames"][:5]:
        depth_mm, rgb = next(shipped.depths), next(shipped.frames)
        assert depth_mm.dtype == np.uint16
        assert (2 * depth_mm.shape[0], 2 * depth_mm.shape[1]) == rgb.shape[:2]
        across, down = scale_between(rgb.shape[:2], depth_mm.shape)
        lens = Lens(shipped.pinhole).scaled(across, down)
        cup = frame["objects"][0]
        assert (cup["colour"], cup["kind"]) == ("red", "cup")
        box = np.array(cup["box_xyxy"]) * [across, down, across, down]
        found = locate(metres(depth_mm, "16UC1"), box, lens)
        assert np.linalg.norm(found.position_m - cup["position_m"]) < 0.03


def test_a_picture_that_is_no_depth_is_told(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "depth.png")
    with pytest.raises(ValueError, match="is no depth: a PNG of one channel and 16 bits is read"):
        read_depth(tmp_path / "depth.png")


def test_pictures_of_which_one_lacks_depth_have_none(tmp_path):
    (tmp_path / "depth").mkdir()
    for name in ("0.png", "1.png", "depth/0.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    assert open_pictures(tmp_path).depths is None
