"""Drawn pictures: skipped where MuJoCo or EGL is missing."""

import argparse

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="rendering needs MuJoCo: pip install .[train]")

from groma_ros.sim import dataset, pictures_on_disk, render
from groma_ros.sim.scene import MIN_VISIBLE_PX, mask_box_xyxy


@pytest.fixture(scope="module")
def renderer():
    try:
        made = render.Renderer()
    except render.RenderingUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_seed_decides_the_picture(renderer):
    first = render.render_scene(renderer, 21, "train")
    render.render_scene(renderer, 22, "train")
    again = render.render_scene(renderer, 21, "train")
    assert (first.rgb == again.rgb).all() and (first.index_map == again.index_map).all()
    other = render.render_scene(renderer, 21, "test")
    assert other.rgb.shape != first.rgb.shape or (other.rgb != first.rgb).any()


def test_boxes_equal_the_segmentation(renderer):
    seen = 0
    for seed in range(12):
        scene = render.render_scene(renderer, seed, "train")
        assert scene.index_map.max() < len(scene.objects) + len(scene.hidden)
        for k, item in enumerate(scene.objects):
            mask = scene.index_map == k
            assert mask.sum() == item.area_px >= MIN_VISIBLE_PX
            assert mask_box_xyxy(mask).tolist() == item.box_xyxy.tolist()
            assert 0.25 <= item.visible_fraction <= 1
            seen += 1
    assert seen > 20


def test_pictures_are_lit_and_objects_show_their_colour(renderer):
    red, blue = [], []
    for seed in range(60):
        scene = render.render_scene(renderer, seed, "test")
        assert scene.rgb.mean() > 20
        for k, item in enumerate(scene.objects):
            if item.kind in ("ball", "cube", "apple") and item.area_px > 200:
                mean = scene.rgb[scene.index_map == k].mean(0)
                red += [mean] * (item.colour == "red")
                blue += [mean] * (item.colour == "blue")
    assert red and blue
    assert all(m[0] > 1.5 * m[2] for m in red)
    assert all(m[2] > 1.15 * m[0] for m in blue)


def test_projection_agrees_with_the_picture(renderer):
    """An object alone and whole fills the box that its projected vertices span."""
    rng = np.random.default_rng(0)
    checked = 0
    for _ in range(14):
        plan = render.plan_scene(rng, renderer.library, "train")
        _, owner, alone = renderer.draw(plan)
        height, width = owner.shape
        for k, item in enumerate(plan.objects):
            pixels, depth = plan.camera.project(item.points)
            (x0, y0), (x1, y1) = pixels.min(0), pixels.max(0)
            whole = depth.min() > 0.05 and min(x0, y0) > 2 and x1 < width - 2 and y1 < height - 2
            if whole and (owner == k).sum() >= alone[k] > 0 and (owner == k).sum() > 100:
                box = mask_box_xyxy(owner == k)
                covered = [j for j in range(len(plan.objects)) if j != k]
                others = [plan.camera.project(plan.objects[j].points)[0] for j in covered]
                if any(
                    o.min(0)[0] < x1 and o.max(0)[0] > x0 and o.min(0)[1] < y1 and o.max(0)[1] > y0
                    for o in others
                ):
                    continue
                assert np.abs(box - [x0, y0, x1, y1]).max() < 2.5
                checked += 1
    assert checked > 5


def test_dataset_command_writes_what_the_seed_says_and_resumes(renderer, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    dataset.add_arguments(parser)
    args = parser.parse_args(
        [str(tmp_path), "--count", "3", "--split", "test", "--seed", "3", "--size", "96", "128"]
    )
    assert dataset.run(args) == 0
    path = tmp_path / "shard-00000.npz"
    stored, before = pictures_on_disk.PictureFolder(tmp_path), path.stat().st_mtime_ns
    scene = render.render_scene(renderer, dataset.picture_seed(3, 2), "test", (96, 128))
    assert stored[2].objects.box_xyxy.tolist() == [o.box_xyxy.tolist() for o in scene.objects]
    assert np.abs(np.asarray(stored[2].image()).astype(int) - scene.rgb).mean() < 12
    assert {s.size_hw for s in stored} == {(96, 128)}
    assert dataset.run(args) == 0
    assert path.stat().st_mtime_ns == before
    assert "3 of 3 pictures are there already" in capsys.readouterr().out
