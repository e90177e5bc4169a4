"""Labelled photographs: what is read, what is refused, and the questions that follow by rule."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from groma_ros.train.photographs import labelled, read_photographs
from groma_ros.values.answers import Grounding, Phrase, Status
from groma_ros.verify.photo_questions import (
    ask_about_photographs,
    is_right,
    photo_questions,
    photo_table,
    show_worst,
)

CUP, LAPTOP = [10, 10, 60, 60], [100, 20, 190, 90]
ROW = {
    "file": "a.jpg",
    "source": "coco",
    "width": 200,
    "height": 100,
    "objects": [{"name": "cup", "box_xyxy": CUP}, {"name": "laptop", "box_xyxy": LAPTOP}],
    "complete": ["*80"],
    "split": "val",
    "teacher": [
        {"name": "cup", "box_xyxy": CUP, "score": 0.9},
        {"name": "book", "box_xyxy": [5, 70, 40, 95], "score": 0.8},
        {"name": "vase", "box_xyxy": [150, 5, 170, 15], "score": 0.1},
    ],
}


def folder_of(tmp_path, *rows):
    """Write a folder of photographs: a red field where the cup is, grey elsewhere."""
    rgb = np.full((100, 200, 3), 120, np.uint8)
    rgb[10:60, 10:60] = (200, 20, 20)
    for row in rows:
        Image.fromarray(rgb).save(tmp_path / row["file"], quality=95)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "photos.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_a_photograph_is_read_with_colours_and_what_detectors_saw_besides(tmp_path):
    (photograph,) = read_photographs(folder_of(tmp_path, ROW))
    image, truth = labelled([photograph])[0]()
    assert image.size == (200, 100) and truth.complete == ["*80"]
    assert [(t.name, t.colour) for t in truth.things] == [("cup", "red"), ("laptop", "")]
    assert truth.things[0].box == (0.05, 0.1, 0.3, 0.6)
    assert [g.name for g in truth.guesses] == ["book"], "not what is known, not what is unsure"


def test_a_group_boxed_as_one_is_neither_there_nor_absent(tmp_path):
    crowd = ROW | {"objects": [{"name": "person", "box_xyxy": CUP, "crowd": 1}]}
    (photograph,) = read_photographs(folder_of(tmp_path, crowd))
    truth = labelled([photograph])[0]()[1]
    assert truth.things == [] and truth.hidden == [("person", "")]


def test_a_coco_file_is_read_as_well(tmp_path):
    folder_of(tmp_path, ROW)
    (tmp_path / "photos.jsonl").unlink()
    data = {
        "images": [{"id": 4, "file_name": "a.jpg", "width": 200, "height": 100}],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "spoon"}],
        "annotations": [
            {"image_id": 4, "category_id": 1, "bbox": [10, 10, 50, 50], "iscrowd": 0},
            {"image_id": 4, "category_id": 2, "bbox": [0, 0, 0, 9], "iscrowd": 0},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(data), encoding="utf-8")
    (photograph,) = read_photographs(tmp_path)
    assert photograph.complete == ("cup", "spoon") and photograph.split == "train"
    assert [o.box_xyxy for o in photograph.objects] == [(10, 10, 60, 60)], "no area, no box"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"width": None}, "line 1"),
        ({"objects": [{"name": "cup"}]}, "lacks 'box_xyxy'"),
        ({"objects": [{"name": "cup", "box_xyxy": [9, 9, 3, 12]}]}, "has no area"),
    ],
)
def test_a_line_that_is_at_fault_is_named(tmp_path, row, told):
    with pytest.raises(ValueError, match=told):
        read_photographs(folder_of(tmp_path, ROW | row))


def test_a_folder_without_labels_or_of_another_split_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="photos.jsonl"):
        read_photographs(tmp_path)
    with pytest.raises(ValueError, match="test"):
        read_photographs(folder_of(tmp_path, ROW), "test")


def test_the_rule_asks_for_the_only_one_for_all_of_several_and_for_what_is_absent(tmp_path):
    three = [[x, 10, x + 30, 60] for x in (5, 80, 150)]
    several = ROW | {"objects": [{"name": "chair", "box_xyxy": box} for box in three]}
    part = ROW | {"file": "b.jpg", "source": "shop", "objects": [{"name": "jam", "box_xyxy": CUP}]}
    found = read_photographs(folder_of(tmp_path, ROW, several | {"file": "c.jpg"}, part))
    asked = [(q.family, q.command, q.boxes_xyxy) for q in photo_questions(found)]
    assert ("kind", "pick up the cup", (tuple(CUP),)) in asked
    boxes = tuple(map(tuple, three))
    assert ("all", "find all the chairs", boxes) in asked
    assert ("leftmost", "find the leftmost chair", boxes[:1]) in asked
    assert ("kind_other", "pick up the jam", (tuple(CUP),)) in asked
    absent = [command for family, command, _ in asked if family == "absent"]
    assert len(absent) == 4 and not any("cup" in c.split() for c in absent[:2])
    assert asked == [(q.family, q.command, q.boxes_xyxy) for q in photo_questions(found)]


def answer(status, *boxes, score=0.7):
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    phrase = Phrase("cup", (0, 3), xyxy, np.full(len(xyxy), score, np.float32), "target")
    return Grounding(status, "cup", (phrase,), "pick", {})


def test_a_list_has_to_be_whole_and_a_refusal_without_boxes(tmp_path):
    pair = ROW | {"objects": [{"name": "cup", "box_xyxy": b} for b in (CUP, LAPTOP)]}
    asked = {q.family: q for q in photo_questions(read_photographs(folder_of(tmp_path, pair)))}
    assert is_right(asked["all"], answer(Status.GROUNDED, LAPTOP, CUP))
    assert not is_right(asked["all"], answer(Status.GROUNDED, CUP))
    assert not is_right(asked["all"], answer(Status.GROUNDED, CUP, LAPTOP, [0, 0, 5, 5]))
    assert is_right(asked["leftmost"], answer(Status.GROUNDED, CUP))
    assert not is_right(asked["leftmost"], answer(Status.GROUNDED, LAPTOP))
    assert is_right(asked["absent"], answer(Status.NOT_FOUND))
    assert not is_right(asked["absent"], answer(Status.GROUNDED, CUP))


def test_the_report_counts_names_and_shows_the_surest_mistakes(tmp_path):
    photographs = read_photographs(folder_of(tmp_path, ROW))
    predictor = SimpleNamespace(
        perceive=lambda rgb: SimpleNamespace(boxes_xyxy=np.array([CUP], np.float32)),
        ground=lambda perception, command: answer(Status.GROUNDED, CUP),
    )
    report = ask_about_photographs(predictor, photographs)
    found = report.to_dict()
    assert found["families"]["kind"] == {"accuracy": 0.5, "questions": 2}
    assert found["families"]["proposal_recall"]["accuracy"] == 0.5
    assert found["families"]["absent"]["accuracy"] == 0.0
    assert found["names"]["cup"]["accuracy"] == 1.0 and found["names"]["laptop"]["accuracy"] == 0.0
    assert "kind" in photo_table(report) and "laptop 0.00 of 1" in photo_table(report)
    assert show_worst(report, tmp_path / "wrong") == 3
    assert len(list((tmp_path / "wrong").glob("*.jpg"))) == 3
