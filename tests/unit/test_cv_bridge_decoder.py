"""cv_bridge decodes what it decodes rightly; without it images are decoded all the same."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from groma_ros.ros import cv_bridge_decoder, image_codec

SWAPS_NO_BGR = """
import numpy as np
class CvBridge:
    def imgmsg_to_cv2(self, message, wanted):
        if message.encoding not in ("rgb8", "bgr8"):
            raise TypeError("unknown")
        shape = message.height, message.step // 3, 3
        return np.frombuffer(message.data, np.uint8).reshape(shape)[:, : message.width]
"""


def image(encoding: str, padding: int = 0, is_bigendian: int = 0) -> SimpleNamespace:
    """Return a 2x2 image whose bytes count up, padding included."""
    step = 6 + padding
    return SimpleNamespace(
        encoding=encoding,
        width=2,
        height=2,
        step=step,
        data=bytes(range(2 * step)),
        is_bigendian=is_bigendian,
    )


@pytest.fixture
def installed(tmp_path, monkeypatch, caplog):
    """Give a function that installs a cv_bridge of some source; None installs none."""

    def install(source: str | None, library: bytes = b"numpy._core"):
        if source is None:
            monkeypatch.setitem(sys.modules, "cv_bridge", None)
            return cv_bridge_decoder.load()
        (tmp_path / "cv_bridge/boost").mkdir(parents=True)
        (tmp_path / "cv_bridge/__init__.py").write_text(source)
        (tmp_path / "cv_bridge/boost/cv_bridge_boost.so").write_bytes(library)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
        return cv_bridge_decoder.load()

    caplog.set_level(logging.INFO, "groma_ros")
    cv_bridge_decoder.load.cache_clear()
    yield install
    cv_bridge_decoder.load.cache_clear()
    sys.modules.pop("cv_bridge", None)


def lines(caplog) -> list[str]:
    assert all("\n" not in record.getMessage() for record in caplog.records)
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_without_cv_bridge_nothing_is_said(installed, caplog):
    decoder = installed(None)
    assert decoder.reason == "cv_bridge is not installed" and not decoder.takes(image("rgb8"))
    assert image_codec.to_rgb(image("bgr8"))[0, 0].tolist() == [2, 1, 0]
    assert lines(caplog) == []


def test_a_folder_of_that_name_is_no_cv_bridge(installed, tmp_path, monkeypatch):
    (tmp_path / "cv_bridge").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert cv_bridge_decoder.load().reason == "cv_bridge is not installed"


def test_only_what_it_decodes_rightly_is_given_to_it(installed, caplog):
    decoder = installed(SWAPS_NO_BGR)
    assert decoder.encodings == {"rgb8"}
    assert image_codec.to_rgb(image("bgr8"))[0, 0].tolist() == [2, 1, 0]
    image_codec.to_rgb(image("rgb8"))
    assert lines(caplog) == ["INFO cv_bridge decodes rgb8"]


def test_rows_and_bytes_that_it_gets_wrong_are_not_given_to_it(installed):
    decoder = installed(SWAPS_NO_BGR)
    assert decoder.takes(image("rgb8")) and decoder.takes(image("rgb8", padding=3))
    assert not decoder.takes(image("rgb8", padding=1))
    assert not decoder.takes(image("rgb8", is_bigendian=int(sys.byteorder == "little")))
    padded = image_codec.to_rgb(image("rgb8", padding=1))
    np.testing.assert_array_equal(padded[:, 0], [[0, 1, 2], [7, 8, 9]])


def test_a_compiled_part_for_numpy_1_is_not_imported_beside_numpy_2(installed, caplog, monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.4.6")
    decoder = installed("raise AssertionError('imported')", library=b"numpy.core.multiarray")
    assert not decoder.encodings
    assert image_codec.to_rgb(image("bgr8"))[0, 0].tolist() == [2, 1, 0]
    reason = (
        "its compiled part was built for numpy 1, and this is numpy 2.4.6; "
        "install numpy<2, or build cv_bridge with numpy 2"
    )
    assert lines(caplog) == [f"WARNING cv_bridge is not used: {reason}"]


def test_a_compiled_part_for_numpy_1_is_used_beside_numpy_1(installed, monkeypatch):
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert installed(SWAPS_NO_BGR, library=b"numpy.core.multiarray").encodings == {"rgb8"}


@pytest.mark.parametrize(
    "source, reason",
    [
        ("raise OSError('no\\n  library')", "it can't be imported: OSError: no library"),
        ("", "it can't be imported: ImportError: cannot import name 'CvBridge'"),
        (
            SWAPS_NO_BGR.replace('"rgb8", ', ""),
            "it decodes no encoding rightly; TypeError: unknown",
        ),
    ],
)
def test_whatever_is_wrong_with_it_images_are_decoded(installed, caplog, source, reason):
    assert installed(source).reason.startswith(reason)
    assert image_codec.to_rgb(image("rgb8"))[0, 1].tolist() == [3, 4, 5]
    (line,) = lines(caplog)
    assert line.startswith(f"WARNING cv_bridge is not used: {reason}")
