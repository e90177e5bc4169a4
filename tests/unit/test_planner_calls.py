"""Function calls and JSON of a planner become English."""

import pytest

from groma_ros.language.command_parser import parse_command
from groma_ros.language.mapped_text import MappedText
from groma_ros.language.marks import clean_marks
from groma_ros.language.planner_calls import planner_to_english


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pick(red_cup)", "pick red cup"),
        ("pick_up('red_cup');", "pick up red cup"),
        ('robot.pick(object="red_cup")', "pick red cup"),
        ("pickUp(redCup)", "pick Up red Cup"),
        ("place(red_cup, white_bowl)", "place red cup on white bowl"),
        ('pick_and_place("blue_cup", "bowl")', "place blue cup on bowl"),
        ("give(red_cup, user)", "give red cup to user"),
        ('{"action": "pick", "object": "red cup"}', "pick red cup"),
        ("{'action': 'pick_up', 'object': 'red_cup'}", "pick up red cup"),
        ('{"action":"place","object":"cup","destination":"bowl"}', "place cup on bowl"),
        ('{"object": "cup", "color": "red", "action": "pick"}', "pick red cup"),
        ('{"command": "pick up the red cup"}', "pick up the red cup"),
        (
            '[{"action":"pick","object":"cup"},{"action":"place","object":"cup","target":"bowl"}]',
            "pick cup. place cup on bowl",
        ),
        ("pick up the red cup (the small one)", "pick up the red cup (the small one)"),
        ('```json\n{"action": "pick", "object": "can"}\n```', "pick can"),
        ('Sure! Here it is: {"action": "pick", "object": "can"} Bye.', "pick can"),
        ('Plan: ```\n[{"action": "pick", "object": "can"}]\n```', "pick can"),
        ("['pick up the white bowl']", "pick up the white bowl"),
        ('["pick(red_cup)", "place(red_cup, bowl)"]', "pick red cup. place red cup on bowl"),
        ("{red cup", "{red cup"),
        ("()", "()"),
    ],
)
def test_calls_become_sentences(text, wanted):
    assert clean_marks(planner_to_english(MappedText.original(text))).text == wanted


def test_spans_point_into_the_call():
    text = "place(red_cup, white_bowl)"
    command = parse_command(text)
    assert [(p.text, text[slice(*p.span)]) for p in command.phrases] == [
        ("red cup", "red_cup"),
        ("white bowl", "white_bowl"),
    ]


@pytest.mark.parametrize(
    "text",
    ['execute_manipulation("pick up the red cup")', "run('grab the red cup')"],
)
def test_a_call_with_a_sentence_is_that_sentence(text):
    command = parse_command(text)
    assert (command.action, command.target.text) == ("pick", "the red cup")


def test_a_list_of_calls_is_a_plan():
    command = parse_command("[pick(red_apple), place_on(white_plate)]")
    assert [(p.role, p.text) for p in command.phrases] == [
        ("target", "red apple"),
        ("destination", "white plate"),
    ]
