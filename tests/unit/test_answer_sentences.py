"""Each status has its sentence and its reason."""

import pytest

from groma_ros.language.answer_sentences import answer_sentence, status_and_reason
from groma_ros.language.command_parser import parse_command
from groma_ros.values.answers import Status


@pytest.mark.parametrize(
    ("command", "counts", "status", "text"),
    [
        ("pick up the red cup", [1], "GROUNDED", "Found the red cup."),
        ("pick up the red cup", [0], "NOT_FOUND", "Could not find the red cup."),
        ("pick up the red cup", [2], "AMBIGUOUS", "2 things fit the red cup."),
        ("find all the cans", [3], "GROUNDED", "Found the cans (3)."),
        ("find all the cans", [1], "GROUNDED", "Found the cans."),
        ("how many cans are there", [1], "GROUNDED", "Counted cans (1)."),
        ("how many cans are there", [0], "NOT_FOUND", "Could not find cans."),
        ("put the cup on the tray", [1, 1], "GROUNDED", "Found the cup and the tray."),
        ("put the cup on the tray", [1, 0], "GROUNDED", "Found the cup. Could not find the tray."),
        ("put the cup on the tray", [0, 1], "NOT_FOUND", "Found the tray. Could not find the cup."),
        ("put the cup on the tray", [0, 0], "NOT_FOUND", "Could not find the cup or the tray."),
        ("put the cup on the tray", [2, 1], "AMBIGUOUS", "Found the tray. 2 things fit the cup."),
        ("grab the mug next to the box", [1, 0], "GROUNDED", "Found the mug next to the box."),
        (
            "the cup, the can and the box",
            [1, 1, 1],
            "GROUNDED",
            "Found the cup, the can and the box.",
        ),
        ("the cup and the can", [1, 0], "NOT_FOUND", "Found the cup. Could not find the can."),
    ],
)
def test_status_and_sentence(command, counts, status, text):
    parsed = parse_command(command)
    assert status_and_reason(parsed.phrases, counts)[0] is Status(status)
    sentence, spans = answer_sentence(parsed, counts)
    assert sentence == text
    assert [sentence[a:b] for a, b in spans] == [p.text for p in parsed.phrases]


def test_reasons_name_what_is_missing_and_how_many_fit():
    parsed = parse_command("put the cup on the tray").phrases
    assert status_and_reason(parsed, [1, 1])[1] == ""
    assert status_and_reason(parsed, [1, 0])[1] == 'nothing in the picture fits "the tray"'
    assert (
        status_and_reason(parsed, [0, 0])[1]
        == 'nothing in the picture fits "the cup" or "the tray"'
    )
    assert status_and_reason(parsed, [3, 1])[1] == '3 things fit "the cup"'
