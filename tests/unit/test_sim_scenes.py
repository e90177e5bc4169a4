"""Plans of scenes, camera effects and stored shards; no renderer needed."""

import argparse
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from groma_ros.sim import dataset, photo, pictures_on_disk, placing, staging, world
from groma_ros.sim.kinds import EVERY_KIND
from groma_ros.sim.library import clutter_beside, hash_name, make_library
from groma_ros.sim.scene import COLOURS, KINDS, Scene, SceneObject, mask_box_xyxy
from groma_ros.values.pinhole import Pinhole


def _object(kind="cup", colour="red", box=(1, 2, 30, 20)) -> SceneObject:
    return SceneObject(
        kind, colour, np.array(box, np.float32), 0.9, 400.0, 0.7, np.array([0.1, 0.2, 0.05]), 0.12
    )


def _scene(seed=4, objects=(), hidden=()) -> Scene:
    rgb = np.full((24, 32, 3), 90, np.uint8)
    index_map = np.full((24, 32), -1, np.int16)
    for k, item in enumerate(objects):
        x0, y0, x1, y1 = item.box_xyxy.astype(int)
        index_map[y0:y1, x0:x1] = k
    return Scene(rgb, tuple(objects), tuple(hidden), index_map, "train", seed)


def test_box_of_an_empty_mask_is_empty():
    assert mask_box_xyxy(np.zeros((4, 5), bool)).tolist() == [0, 0, 0, 0]


def test_box_of_a_mask_is_exclusive_at_the_far_side():
    mask = np.zeros((10, 12), bool)
    mask[3:5, 6:11] = True
    assert mask_box_xyxy(mask).tolist() == [6, 3, 11, 5]


def test_objects_need_a_name_and_a_colour_word_or_none():
    with pytest.raises(ValueError, match="empty"):
        _object(kind="")
    with pytest.raises(ValueError, match="mauve"):
        _object(colour="mauve")
    assert _object("padlock", "").colour == ""


def test_scene_refuses_a_map_of_another_size():
    with pytest.raises(ValueError, match="24, 32"):
        Scene(np.zeros((24, 32, 3), np.uint8), (), (), np.zeros((3, 3), np.int16), "train", 0)


def test_footprints():
    a = placing.Footprint(0, 0, 0.1, 0.02, 0.0)
    assert placing.footprints_overlap(a, placing.Footprint(0.15, 0, 0.1, 0.02, 0.0))
    assert not placing.footprints_overlap(a, placing.Footprint(0.15, 0, 0.02, 0.1, 0.0))
    assert not placing.footprints_overlap(a, placing.Footprint(0, 0.08, 0.1, 0.02, 0.0))
    assert placing.footprints_overlap(a, placing.Footprint(0, 0.08, 0.1, 0.02, np.pi / 2))


def test_objects_do_not_sink_into_the_table():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        contents = placing.choose_contents(rng)
        for item in placing.place_objects(rng, make_library(), "train", contents):
            assert item.points[:, 2].min() > -1e-6
            assert item.kind.name in KINDS and item.colour in COLOURS


def test_kinds_repeat_in_about_half_of_the_scenes():
    rng = np.random.default_rng(0)
    drawn = [placing.choose_contents(rng) for _ in range(600)]
    repeated = np.mean([len({wanted.kind.name for wanted in d}) < len(d) for d in drawn])
    assert 0.4 < repeated < 0.6
    assert {len(d) for d in drawn} == set(range(1, 11))


def _plan(seed, split):
    return staging.plan_scene(np.random.default_rng(seed), make_library(), split)


def test_food_keeps_its_colour_and_bare_metal_has_no_word():
    rng = np.random.default_rng(1)
    drawn = [wanted for _ in range(300) for wanted in placing.choose_contents(rng, EVERY_KIND)]
    colours_of = {}
    for wanted in drawn:
        colours_of.setdefault(wanted.kind.name, []).append(wanted.colour)
    assert set(colours_of) == {kind.name for kind in EVERY_KIND}
    assert np.mean([colour == "green" for colour in colours_of["cucumber"]]) > 0.8
    assert np.mean([colour == "" for colour in colours_of["fork"]]) > 0.5
    assert "" not in colours_of["cup"] + colours_of["orange"]


def test_things_that_are_a_kind_do_not_lie_about_unnamed():
    scene_names = {kind.name for kind in EVERY_KIND}
    clutter = set(clutter_beside(EVERY_KIND))
    assert clutter and not clutter & scene_names
    assert not clutter & {"phone", "plant", "ring"}, "a phone, a plant, a roll of tape"


def test_plan_is_a_function_of_its_seed():
    a, b = (_plan(11, "train") for _ in range(2))
    assert [g.rgba for g in a.geoms] == [g.rgba for g in b.geoms]
    assert a.camera.position.tolist() == b.camera.position.tolist()
    c = _plan(12, "train")
    assert a.camera.position.tolist() != c.camera.position.tolist()


def test_plan_shows_its_objects_to_the_camera():
    shown = 0
    for seed in range(40):
        plan = _plan(seed, "test")
        height, width = plan.camera.size_hw
        assert 0.5 < height * width / staging.AREA_PX < 1.5
        pixels, depth = plan.camera.project([item.points.mean(0) for item in plan.objects])
        inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < [width, height]).all(1)
        shown += bool(inside.any())
    assert shown >= 38


def test_training_shows_other_sizes_and_light_than_a_test_does():
    areas, power = {}, {}
    for split in ("train", "test"):
        plans = [_plan(seed, split) for seed in range(60)]
        areas[split] = [np.prod(plan.camera.size_hw) / staging.AREA_PX for plan in plans]
        power[split] = [sum(light.ambient.mean() for light in plan.lights) for plan in plans]
        assert max(max(plan.camera.size_hw) for plan in plans) <= staging.MAX_SIDE
    assert (
        min(areas["train"])
        < 0.7
        < min(areas["test"])
        < max(areas["test"])
        < 1.3
        < max(areas["train"])
    )
    assert np.std(power["train"]) > np.std(power["test"])


def test_camera_projects_its_axis_to_the_middle():
    camera = world.look_at((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), 0.1, 0.8, (100, 200))
    pixels, depth = camera.project([(0.0, 0.0, 0.0)])
    assert pixels[0] == pytest.approx([100, 50])
    assert depth[0] == pytest.approx(np.sqrt(3))


def test_pixels_of_points_lead_back_to_them():
    pinhole = Pinhole.of_view(0.8, (100, 200))
    points = np.array([[0.1, -0.2, 0.7], [-0.3, 0.05, 1.5]])
    pixels = pinhole.project(points)
    back = [pinhole.at_depth(*pixel, z) for pixel, z in zip(pixels, points[:, 2], strict=True)]
    assert back == pytest.approx(points)


def test_camera_sees_left_on_the_left_and_up_above():
    camera = world.look_at((0.0, -1.0, 0.0), (0.0, 0.0, 0.0), 0.0, 0.8, (100, 200))
    pixels, _ = camera.project([(-0.1, 0.0, 0.0), (0.0, 0.0, 0.1)])
    assert pixels[0, 0] < 100 and pixels[0, 1] == pytest.approx(50)
    assert pixels[1, 1] < 50 and pixels[1, 0] == pytest.approx(100)


def test_exposure_keeps_shape_and_hue():
    red = np.full((40, 60, 3), (180, 30, 30), np.uint8)
    for seed in range(20):
        out = photo.expose(np.random.default_rng(seed), red)
        assert out.shape == red.shape and out.dtype == np.uint8
        mean = out.reshape(-1, 3).mean(0)
        assert mean[0] > 2.5 * max(mean[1:])


def test_jpeg_keeps_the_order_of_channels():
    red = np.full((16, 16, 3), (200, 20, 30), np.uint8)
    decoded = np.asarray(Image.open(io.BytesIO(photo.encode_jpeg(red, 90))))
    assert np.abs(decoded.astype(int) - red).max() < 12


def test_squashed_map_of_nothing_and_of_halves():
    assert (pictures_on_disk.squash_index_map(np.full((30, 40), -1, np.int16)) == 255).all()
    halves = np.full((30, 40), -1, np.int16)
    halves[:, 20:] = 3
    squashed = pictures_on_disk.squash_index_map(halves)
    assert squashed.shape == (64, 64)
    assert (squashed[:, :32] == 255).all() and (squashed[:, 32:] == 3).all()


def _write(path, scenes, **more):
    jpegs = [photo.encode_jpeg(scene.rgb, 80) for scene in scenes]
    pictures_on_disk.write_shard(path, scenes, jpegs, **more)


def test_shard_gives_back_what_was_written(tmp_path):
    path = tmp_path / "shard-00000.npz"
    objects = [_object(), _object("book", "blue", (3, 21, 9, 24))]
    full = _scene(9, objects, [_object("can", "white")])
    _write(path, [_scene(8), full])
    empty, stored = pictures_on_disk.PictureFolder(tmp_path)
    assert len(empty.objects) == 0 and empty.hidden == () and (empty.seg == 255).all()
    assert stored.size_hw == (24, 32) and stored.image().size == (32, 24) and stored.seed == 9
    assert stored.objects.kinds == ("cup", "book") and stored.objects.colours == ("red", "blue")
    assert stored.objects.box_xyxy[1].tolist() == [3, 21, 9, 24]
    assert stored.objects.visible_fraction[0] == pytest.approx(0.9)
    assert stored.objects.position_m[0] == pytest.approx([0.1, 0.2, 0.05])
    assert stored.hidden == (("can", "white"),)
    assert set(np.unique(stored.seg)) == {0, 1, 255}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_shard_keeps_names_of_its_own_and_things_without_a_colour_word(tmp_path):
    scene = _scene(1, [_object("adjustable spanner", "")], [_object("cup", "red")])
    _write(tmp_path / "shard-00000.npz", [scene], kind_names=("cup", "adjustable spanner", "fork"))
    folder = pictures_on_disk.PictureFolder(tmp_path)
    assert folder[0].objects.kinds == ("adjustable spanner",)
    assert folder[0].objects.colours == ("",) and folder[0].hidden == (("cup", "red"),)
    assert folder.kind_names == ("cup", "adjustable spanner", "fork")


def test_kinds_of_a_folder_are_those_that_all_its_shards_list(tmp_path):
    _write(tmp_path / "shard-00000.npz", [_scene()], kind_names=("cup", "fork"))
    _write(tmp_path / "shard-00001.npz", [_scene(), _scene()], kind_names=("fork", "pen"))
    folder = pictures_on_disk.PictureFolder(tmp_path)
    assert folder.kind_names == ("fork",) and len(folder) == 3
    assert len(pictures_on_disk.PictureFolder(tmp_path, limit=2)) == 2


def test_shard_without_names_holds_the_tabletop_kinds(tmp_path):
    path = tmp_path / "shard-00000.npz"
    _write(path, [_scene(1, [_object("book", "blue")])])
    with np.load(path) as file:
        old = {name: file[name] for name in file.files if not name.endswith("_names")}
    np.savez(path, **old)
    folder = pictures_on_disk.PictureFolder(tmp_path)
    assert folder.kind_names == KINDS
    assert folder[0].objects.kinds == ("book",) and folder[0].objects.colours == ("blue",)


def test_file_that_is_no_shard_is_refused(tmp_path):
    path = tmp_path / "shard-00000.npz"
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ValueError, match="jpeg_offsets"):
        pictures_on_disk.read_shard(path)
    path.write_bytes(b"PK broken")
    with pytest.raises(ValueError, match="shard-00000"):
        pictures_on_disk.read_shard(path)


def test_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(ValueError, match="groma render"):
        pictures_on_disk.PictureFolder(tmp_path)


def test_shard_plan_and_completeness(tmp_path):
    plan = pictures_on_disk.shard_plan(tmp_path, 1100)
    assert [(p.name, first, n) for p, first, n in plan] == [
        ("shard-00000.npz", 0, 512),
        ("shard-00001.npz", 512, 512),
        ("shard-00002.npz", 1024, 76),
    ]
    assert pictures_on_disk.count_pictures(plan[0][0]) == 0
    _write(plan[0][0], [_scene()])
    assert pictures_on_disk.count_pictures(plan[0][0]) == 1
    plan[1][0].write_bytes(b"half a file")
    assert pictures_on_disk.count_pictures(plan[1][0]) == 0


def test_scenes_of_the_test_split_stay_what_they_were():
    """Scores of `groma eval` can be compared only where the pictures are the same ones."""
    rng = np.random.default_rng([hash_name("test"), dataset.picture_seed(2, 5)])
    plan = staging.plan_scene(rng, make_library(), "test")
    assert [(o.kind.name, o.colour, o.shape.number) for o in plan.objects] == [
        ("plate", "brown", 32),
        ("cup", "pink", 34),
        ("glass", "red", 33),
    ]
    assert plan.objects[2].position == pytest.approx([-0.1867, -0.1042, 0], abs=1e-4)
    assert plan.camera.position == pytest.approx([-0.0277, -0.0524, 0.5903], abs=1e-4)
    assert len(plan.geoms) == 17


def test_count_below_one_is_one_line_and_exit_2(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    dataset.add_arguments(parser)
    assert dataset.run(parser.parse_args([str(tmp_path), "--count", "0"])) == 2
    assert capsys.readouterr().err == "groma render: count must be at least 1, got 0\n"


def test_picture_seeds_do_not_collide():
    seeds = {dataset.picture_seed(s, i) for s in range(3) for i in range(100)}
    assert len(seeds) == 300
    with pytest.raises(ValueError, match="-1"):
        dataset.picture_seed(-1, 0)


def test_demo_frames_match_their_truth():
    folder = Path(dataset.__file__).parents[1] / "data" / "tabletop"
    truth = json.loads((folder / "sequence.json").read_text())
    assert len(truth["frames"]) >= 20
    size = truth["camera"]["height"], truth["camera"]["width"]
    for frame in truth["frames"]:
        assert cv2.imread(str(folder / frame["file"])).shape[:2] == size == (480, 640)
        reds = [o for o in frame["objects"] if (o["kind"], o["colour"]) == ("cup", "red")]
        assert len(reds) == 1
        x0, y0, x1, y1 = reds[0]["box_xyxy"]
        assert 0 <= x0 < x1 <= 640 and 0 <= y0 < y1 <= 480
