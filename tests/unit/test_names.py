"""The table of names: every word means one row, and data sets find theirs."""

import pytest

from groma_ros.sim.kinds import EVERY_KIND
from groma_ros.train import names


def test_a_word_belongs_to_one_row():
    rows: dict[str, int] = {}
    for number in range(len(names.NAMES)):
        for word in names.singulars(number):
            assert rows.setdefault(word, number) == number, f"{word} is in two rows"


def test_every_rendered_kind_and_every_coco_name_has_a_row():
    assert len(names.COMPLETE_80) == 80
    for kind in EVERY_KIND:
        assert names.singulars(names.number_of(kind.name))


def test_a_name_without_a_row_is_told_with_the_nearest():
    with pytest.raises(KeyError, match="bottle"):
        names.number_of("botle")
    assert names.number_of("tvmonitor") == names.number_of("tv")


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("cup", "cups"),
        ("wine glass", "wine glasses"),
        ("utility knife", "utility knives"),
        ("computer mouse", "computer mice"),
        ("person", "people"),
        ("strawberry", "strawberries"),
        ("toy", "toys"),
        ("scissors", "scissors"),
        ("toothbrush", "toothbrushes"),
        ("box", "boxes"),
        ("tomato", "tomatoes"),
        ("something to drink", "something to drink"),
    ],
)
def test_plurals(word, plural):
    assert names.plural_of(word) == plural


def test_groups_hold_their_rows_and_every_group_is_used():
    by_word = {group.singular: group for group in names.GROUPS}
    assert names.number_of("banana") in by_word["fruit"].kinds
    assert names.number_of("milk") in by_word["something to drink"].kinds
    assert all(len(group.kinds) > 1 for group in names.GROUPS)


def test_who_may_be_called_so_is_mutual():
    for number in range(len(names.NAMES)):
        assert number in names.overlapping(number)
        assert all(number in names.overlapping(other) for other in names.overlapping(number))


def test_the_known_nouns_are_the_last_words():
    nouns = names.known_nouns()
    assert {"cup", "mug", "phone", "something", "fruit", "object"} <= set(nouns)
    assert nouns == sorted(set(nouns)) and not any(" " in noun for noun in nouns)
