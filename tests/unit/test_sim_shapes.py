"""Meshes, textures and paints of the tabletop world; no renderer needed."""

import numpy as np
import pytest

from groma_ros.sim import colours, library, placing, textures
from groma_ros.sim.kinds import EVERY_KIND, KIND_SETS, MORE, TABLETOP, kind_named
from groma_ros.sim.paint import paint_object
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.sim.shapes import meshes


def test_block_has_its_volume_and_faces_outwards():
    assert meshes.block((0.1, 0.2, 0.3)).volume() == pytest.approx(0.006)
    bevelled = meshes.block((0.1, 0.2, 0.3), 0.01)
    assert 0.0055 < bevelled.volume() < 0.006


def test_block_refuses_a_bevel_that_eats_it():
    with pytest.raises(ValueError, match="0.06"):
        meshes.block((0.1, 0.1, 0.1), 0.06)


def test_ball_and_lathe_are_closed():
    assert meshes.ball(1.0, 64, 48).volume() == pytest.approx(4 / 3 * np.pi, rel=0.01)
    cylinder = meshes.revolve([(0, 0), (1, 0), (1, 2), (0, 2)], 128)
    assert cylinder.volume() == pytest.approx(2 * np.pi, rel=0.01)


def test_sweep_is_a_closed_tube():
    path = np.stack([np.linspace(0, 1, 20), np.zeros(20), np.zeros(20)], 1)
    assert meshes.extrude(path, 0.1, 64).volume() == pytest.approx(np.pi * 0.01, rel=0.02)


def test_prism_of_a_notched_outline_has_its_area_and_faces_outwards():
    notched = [(0, 0), (3, 0), (3, 1), (1, 1), (1, 2), (3, 2), (3, 3), (0, 3)]
    assert meshes.prism(notched, 0.5).volume() == pytest.approx(3.5)
    assert meshes.prism(notched[::-1], 0.5).volume() == pytest.approx(3.5)


def test_ribbon_is_a_closed_bar():
    path = np.stack([np.linspace(0, 2, 5), np.zeros(5), np.zeros(5)], 1)
    bar = meshes.ribbon(path, 0.3, 0.1, power=40)
    assert bar.volume() == pytest.approx(2 * 0.6 * 0.2, rel=0.15)
    assert np.ptp(bar.vertices, 0) == pytest.approx([2, 0.6, 0.2], rel=0.03)


def test_rows_of_kinds_are_whole():
    assert len({kind.name for kind in EVERY_KIND}) == len(EVERY_KIND) >= 40
    assert [kind.name for kind in EVERY_KIND[: len(KINDS)]] == list(KINDS)
    for kind in (*TABLETOP, *EVERY_KIND):
        assert kind.words[0] == kind.name
        assert set(kind.natural_colours) <= {*COLOURS, ""}
        assert {word for word, _ in kind.plurals} <= set(kind.words)
        assert {*kind.holds, *kind.stands_on} <= set(KINDS)
    with pytest.raises(ValueError, match="teapot.*none of cup, glass"):
        kind_named("teapot")


def test_no_word_means_two_kinds():
    for kinds in KIND_SETS.values():
        words = [word for kind in kinds for word in kind.all_words]
        twice = {word for word in words if words.count(word) > 1}
        same_plural = {"broccoli", "pliers", "scissors"}
        assert twice <= same_plural


@pytest.mark.parametrize("kind", MORE, ids=lambda kind: kind.name)
def test_more_kinds_are_real_size_lie_on_the_table_and_can_be_painted(kind):
    rng = np.random.default_rng(4)
    for number in range(4):
        shape = library.make_variant(kind, number)
        assert 0.03 < shape.size_m.max() < 0.5
        assert shape.vertices[:, 2].min() == pytest.approx(0, abs=0.006)
        for _, mesh in shape.parts:
            assert np.isfinite(mesh.vertices).all() and mesh.faces.max() < len(mesh.vertices)
        colour = placing.choose_colour(rng, kind)
        item = placing.Placed(kind, colour, shape, np.ones(3), np.eye(3), np.zeros(3))
        geoms = paint_object(rng, "train", item, 0)
        assert len(geoms) == len(shape.parts)
        assert any(role == "body" for role, _ in shape.parts), "its colour can be seen"


def test_every_edge_of_a_lathe_belongs_to_two_triangles():
    mesh = meshes.revolve([(0, 0), (0.5, 0), (0.4, 1), (0, 1)], 12)
    _, place = np.unique(np.round(mesh.vertices, 9), axis=0, return_inverse=True)
    faces = place.reshape(-1)[mesh.faces]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts) == {2}


def test_unshared_vertices_keep_the_shape():
    mesh = meshes.ball(0.1, 8, 6)
    flat = meshes.unshared(mesh)
    assert len(flat.vertices) == 3 * len(mesh.faces)
    assert flat.volume() == pytest.approx(mesh.volume())


def test_shapes_are_real_size_and_stand_on_the_table():
    for shape in library.make_library().shapes:
        assert 0.01 < shape.size_m.max() < 0.7, (shape.name, shape.number)
        assert abs(shape.vertices[:, 2].min()) < 0.006, (shape.name, shape.number)
        for role, mesh in shape.parts:
            assert np.isfinite(mesh.vertices).all() and np.isfinite(mesh.uv).all()
            assert mesh.faces.max() < len(mesh.vertices), (shape.name, role)


def test_cube_is_equal_sided_and_box_is_not():
    for shape in library.make_library().shapes:
        ratio = shape.size_m.max() / shape.size_m.min()
        if shape.name == "cube":
            assert ratio < 1.05
        if shape.name == "box":
            assert ratio > 1.4


def test_same_shapes_again():
    library.make_library.cache_clear()
    first = library.make_library().shapes
    library.make_library.cache_clear()
    again = library.make_library().shapes
    assert [shape.key for shape in first] == [shape.key for shape in again]
    for one, other in zip(first[::40], again[::40], strict=True):
        assert one is not other
        assert (one.vertices == other.vertices).all() and one.split == other.split


def test_every_shape_has_a_key_of_its_own():
    shapes = library.make_library().shapes
    assert len({shape.key for shape in shapes}) == len(shapes)


def test_train_and_test_share_no_shape():
    made = library.make_library()
    train, test = made.shapes_of("train"), made.shapes_of("test")
    for kind in KINDS:
        assert len(train[kind]) >= 25 and len(test[kind]) >= 4
    meshes_of = [
        {shape.vertices.tobytes() for kind in KINDS for shape in split[kind]}
        for split in (train, test)
    ]
    assert not meshes_of[0] & meshes_of[1]


def test_only_training_shows_plain_shapes_and_things_without_a_name():
    made = library.make_library()
    train, test = made.shapes_of("train"), made.shapes_of("test")
    assert len(train[library.NAMELESS]) == library.NAMELESS_VARIANTS
    assert library.NAMELESS not in test
    for kind in KINDS:
        assert len(train[kind]) == library.VARIANTS - library.HELD_OUT + library.ONLY_TRAIN
        assert len(test[kind]) == library.HELD_OUT


def test_train_and_test_share_no_texture():
    train, test = textures.texture_ids("train"), textures.texture_ids("test")
    assert set(train) == set(test)
    pictures = [
        {textures.all_textures()[i][2].tobytes() for ids in split.values() for i in ids}
        for split in (train, test)
    ]
    assert not pictures[0] & pictures[1]


def test_textures_are_square_pictures_that_repeat():
    names = [name for name, _, _ in textures.all_textures()]
    assert len(set(names)) == len(names)
    for name, _, picture in textures.all_textures():
        assert picture.dtype == np.uint8 and picture.shape[0] == picture.shape[1], name
    for grey in [
        picture for name, _, picture in textures.all_textures() if name.startswith("grain")
    ]:
        assert grey.min() > 150 and (grey[..., 0] == grey[..., 2]).all(), "a tint, not a colour"
    again = textures.wood(np.random.default_rng(1))
    assert (again == textures.wood(np.random.default_rng(1))).all()


@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("colour", COLOURS)
def test_paints_keep_to_their_name(colour, varied):
    rng = np.random.default_rng(3)
    paints = np.array([colours.sample_rgb(colour, rng, varied) for _ in range(200)])
    assert paints.min() >= 0 and paints.max() <= 1
    spread = paints.max(1) - paints.min(1)
    if colour == "white":
        assert paints.min() > 0.75
    elif colour == "black":
        assert paints.max() < 0.2
    else:
        assert spread.min() > 0.08
    assert len(np.unique(paints.round(3), axis=0)) > 100


def test_accent_differs_from_the_paint():
    rng = np.random.default_rng(0)
    for colour in COLOURS:
        base = colours.sample_rgb(colour, rng)
        assert np.abs(colours.sample_accent_rgb(colour, rng) - base).max() > 0.1
