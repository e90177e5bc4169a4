"""Scanned meshes: read from a folder, named, posed and drawn."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from groma_ros.sim import dataset, placing, scans
from groma_ros.sim.kinds import TABLETOP, kind_named
from groma_ros.sim.library import add_scans, make_library
from groma_ros.sim.pictures_on_disk import PictureFolder
from groma_ros.sim.shapes.meshes import block, rotation_about

SIZE_M = (0.1, 0.06, 0.02)
RED, BLUE = (190, 20, 25), (30, 60, 200)


def _write_block(folder, name="007_flat_brick", colour=RED, size=SIZE_M, **arrays):
    mesh = block(size).moved((0.3, -0.2, 0.5))
    data = {
        "vertices_m": mesh.vertices.astype(np.float32),
        "uv": mesh.uv.astype(np.float16),
        "faces": mesh.faces.astype(np.uint16),
        "faces_uv": mesh.faces.astype(np.uint16),
    }
    np.savez(folder / f"{name}.npz", **{**data, **arrays})
    Image.new("RGB", (32, 32), colour).save(folder / f"{name}.png")


@pytest.mark.parametrize(
    ("source", "name", "kind"),
    [
        ("065-a_cups", "cups", "cup"),
        ("025_mug", "mug", "cup"),
        ("005_tomato_soup_can", "tomato soup can", "can"),
        ("003_cracker_box", "cracker box", "box"),
        ("038_padlock", "padlock", "padlock"),
        ("toy_airplane", "toy airplane", "toy airplane"),
        ("scan", "scan", "scan"),
    ],
)
def test_names_of_files_are_spelled_out_and_led_to_kinds(source, name, kind):
    assert scans.spoken_name(source) == name
    assert scans.kind_of(name, TABLETOP) == kind


def test_scan_keeps_its_size_and_stands_on_the_table(tmp_path):
    _write_block(tmp_path)
    (scan,) = scans.read_scans(tmp_path, TABLETOP)
    assert (scan.source, scan.name, scan.colour) == ("007_flat_brick", "flat brick", "red")
    low, high = scan.mesh.vertices.min(0), scan.mesh.vertices.max(0)
    assert high - low == pytest.approx(SIZE_M, abs=1e-6)
    assert [low[2], low[0] + high[0], low[1] + high[1]] == pytest.approx([0, 0, 0], abs=1e-6)


def test_table_of_names_decides_and_leaves_out(tmp_path):
    for name in ("a", "b_cup", "c"):
        _write_block(tmp_path, name)
    (tmp_path / "names.json").write_text(json.dumps({"a": "soap", "c": None}))
    found = scans.read_scans(tmp_path, TABLETOP)
    assert [(scan.source, scan.name) for scan in found] == [("a", "soap"), ("b_cup", "cup")]


@pytest.mark.parametrize(
    ("names", "words"),
    [('{"gone": "cup"}', "'gone', which has no .npz"), ("{", "not JSON"), ('{"a": 3}', "must be")],
)
def test_table_that_does_not_fit_is_refused(tmp_path, names, words):
    _write_block(tmp_path, "a")
    (tmp_path / "names.json").write_text(names)
    with pytest.raises(ValueError, match=words):
        scans.check_folder(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"faces": np.array([[0, 1, 99]]), "faces_uv": np.zeros((1, 3), int)}, "not there"),
        ({"faces_uv": np.zeros((1, 3), int)}, r"faces_uv is \(1, 3\)"),
        ({"uv": np.zeros((24, 3))}, r"uv must be \(n, 2\)"),
        ({"vertices_m": np.eye(24, 3) * 40}, "m long"),
    ],
)
def test_broken_mesh_is_refused_by_name(tmp_path, arrays, words):
    _write_block(tmp_path, "a", **arrays)
    with pytest.raises(ValueError, match=f"a.npz.*{words}"):
        scans.read_scans(tmp_path, TABLETOP)


def test_mesh_without_texture_is_refused(tmp_path):
    _write_block(tmp_path, "a")
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match="a.jpg or a.png"):
        scans.read_scans(tmp_path, TABLETOP)


def test_block_rests_on_its_faces_and_mostly_on_the_large_ones():
    tilted = block(SIZE_M).turned(rotation_about("x", 0.4) @ rotation_about("y", 0.7))
    heights = []
    for pose in scans.resting_poses(tilted)[1:]:
        assert pose @ pose.T == pytest.approx(np.eye(3)) and np.linalg.det(pose) > 0
        z = (tilted.vertices @ pose.T)[:, 2]
        corners = {tuple(v.round(6)) for v in tilted.vertices[z < z.min() + 2e-3]}
        assert len(corners) == 4
        heights.append(np.ptp(z))
    assert set(np.round(heights, 2)) <= {0.02, 0.06, 0.1}
    assert np.mean(np.round(heights, 2) == 0.02) > 0.5


def test_scans_lie_in_scenes_in_true_size_and_colour(tmp_path):
    _write_block(tmp_path, "soap", BLUE)
    _write_block(tmp_path, "blue_mug", BLUE)
    library = add_scans(make_library(), scans.read_scans(tmp_path, TABLETOP))
    assert library.kinds[-1].name == "soap" and len(library.kinds) == len(TABLETOP) + 1
    wanted = [
        placing.Wanted(kind_named(name, library.kinds), "red") for name in ("soap", "cup") * 10
    ]
    placed = placing.place_objects(np.random.default_rng(1), library, "test", wanted)
    found = [item for item in placed if item.shape.scan]
    names = [item.kind.name for item in found]
    assert names.count("soap") == 10 and 2 <= names.count("cup") <= 8
    for item in found:
        assert item.colour == "blue" and item.scale.tolist() == [1, 1, 1]
        assert item.points[:, 2].min() == pytest.approx(0, abs=1e-6)


def test_nothing_lies_about_that_is_a_kind(tmp_path):
    _write_block(tmp_path, "030_spoon")
    _write_block(tmp_path, "031_knife")
    library = add_scans(make_library(), scans.read_scans(tmp_path, TABLETOP))
    assert {"spoon", "fork"} <= set(make_library().clutter)
    assert not {"spoon", "fork"} & set(library.clutter)


def test_folder_without_meshes_is_one_line_and_exit_2(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    dataset.add_arguments(parser)
    args = parser.parse_args([str(tmp_path / "out"), "--meshes", str(tmp_path / "none")])
    assert dataset.run(args) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "holds no NAME.npz" in error


def test_drawn_scan_wears_its_texture_upright(tmp_path):
    pytest.importorskip("mujoco", reason="rendering needs MuJoCo: pip install .[train]")
    from groma_ros.sim import render, room, world
    from groma_ros.sim.paint import paint_object

    _write_block(tmp_path, "soap", size=(0.02, 0.1, 0.1))
    halves = Image.new("RGB", (64, 64), RED)
    halves.paste(BLUE, (0, 32, 64, 64))
    halves.save(tmp_path / "soap.png")
    (scan,) = scans.read_scans(tmp_path, TABLETOP)
    library = add_scans(make_library(()), [scan])
    try:
        renderer = render.Renderer(library)
    except render.RenderingUnavailable as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(0)
    shape = library.choose(rng, "test", "soap")
    item = placing.Placed(library.kinds[0], "", shape, np.ones(3), np.eye(3), np.zeros(3))
    camera = world.look_at((0.4, 0.0, 0.05), (0.0, 0.0, 0.05), 0.0, 0.4, (120, 160))
    geoms = tuple(paint_object(rng, "test", item, 0))
    lights = tuple(room.plan_lights(rng, camera, "test"))
    plan = world.Plan((item,), geoms, lights, camera)
    rgb, owner, _ = renderer.draw(plan)
    renderer.close()
    rows, columns = np.nonzero(owner == 0)
    middle = (rows.min() + rows.max()) // 2
    upper, lower = rgb[middle - 15, columns.min() + 20], rgb[middle + 15, columns.min() + 20]
    assert upper[0] > 2 * upper[2] and lower[2] > 2 * lower[0]


def test_render_command_stores_the_names_of_scans(tmp_path):
    pytest.importorskip("mujoco", reason="rendering needs MuJoCo: pip install .[train]")
    from groma_ros.sim import render

    try:
        render.Renderer(make_library(())).close()
    except render.RenderingUnavailable as error:
        pytest.skip(str(error))
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    for k in range(12):
        _write_block(meshes, f"adjustable_spanner_{k}", BLUE)
    names = {f"adjustable_spanner_{k}": f"spanner {k}" for k in range(12)}
    (meshes / "names.json").write_text(json.dumps(names))
    parser = argparse.ArgumentParser()
    dataset.add_arguments(parser)
    out = tmp_path / "out"
    args = [str(out), "--count", "4", "--size", "96", "128", "--meshes", str(meshes)]
    assert dataset.run(parser.parse_args(args)) == 0
    folder = PictureFolder(out)
    assert set(names.values()) < set(folder.kind_names)
    colours = {}
    for objects in (picture.objects for picture in folder):
        colours.update(zip(objects.kinds, objects.colours, strict=True))
    spanners = {colour for kind, colour in colours.items() if kind.startswith("spanner")}
    assert spanners == {"blue"}
