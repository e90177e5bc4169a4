"""What a command excludes is never its target."""

import pytest

from groma_ros.language.command_parser import parse_command


def excluded(text):
    return [(p.query, [e.query for e in p.excluded]) for p in parse_command(text).phrases]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bring me the blue cup not the red cup", [("the blue cup", ["the red cup"])]),
        ("give me a can but not the green one", [("a can", ["the green can"])]),
        ("pick up the blue cup instead of the red one", [("the blue cup", ["the red cup"])]),
        ("take the bottle rather than the can", [("the bottle", ["the can"])]),
        ("hand me a cup other than the blue one", [("a cup", ["the blue cup"])]),
        ("pick up all cups except the red one", [("cups", ["the red cup"])]),
        ("any can but the green one", [("can", ["the green can"])]),
        ("the cup that is not red", [("the cup", ["the red cup"])]),
        ("all cups that are not red", [("cups", ["the red cups"])]),
        ("take the can which isn't orange", [("the can", ["the orange can"])]),
        ("the cup that is not blue or green", [("the cup", ["the blue cup", "the green cup"])]),
        ("all balls but not red or blue ones", [("balls", ["the red balls", "the blue balls"])]),
        ("a cup which is not on the plate", [("a cup", ["the cup on the plate"])]),
        ("don't take the red cup, take the blue one", [("the blue cup", ["the red cup"])]),
        ("not the red cup but the blue cup", [("the blue cup", ["the red cup"])]),
        ("instead of the red cup take the blue one", [("the blue cup", ["the red cup"])]),
        ("take the cup, but don't touch the can", [("the cup", ["the can"])]),
        ("everything but the cups and the can", [("everything", ["the cups", "the can"])]),
        ("any cup except the red one or the blue one", [("cup", ["the red cup", "the blue cup"])]),
        (
            "put all the cups except the red one in the bowl",
            [("the cups", ["the red cup"]), ("the bowl", [])],
        ),
        (
            "put the can in the bowl, not on the plate",
            [("the can", []), ("the bowl", ["the plate"])],
        ),
        ("bring me the red cup because the blue cup is dirty", [("the red cup", [])]),
        ("give me the red cup since the blue one is broken", [("the red cup", [])]),
        ("take the apple so that I can eat it", [("the apple", [])]),
        ("take the red cup, the blue one is dirty", [("the red cup", [])]),
        ("take the cup if it is clean", [("the cup", [])]),
    ],
)
def test_excluded_things_are_kept_apart(text, wanted):
    assert excluded(text) == wanted


def test_what_is_to_be_left_where_it_is_is_no_target():
    command = parse_command("leave the red cup on the table and put only the apple in the bowl")
    assert [(p.role, p.text) for p in command.phrases] == [
        ("target", "the apple"),
        ("destination", "the bowl"),
    ]
    assert parse_command("leave the cup on the table").action == "place"
