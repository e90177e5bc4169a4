"""A goal may say how its words are to be read."""

import pytest

from groma_ros.language.command_modes import parse_in_mode


def test_without_a_mode_the_words_decide():
    assert parse_in_mode("pick up the red cup").target.text == "the red cup"
    assert parse_in_mode("what is on the table?").action == "ask"


@pytest.mark.parametrize("mode, plural", [("locate", False), ("locate_all", True)])
def test_a_phrase_alone_is_looked_for(mode, plural):
    target = parse_in_mode("the red cup", mode).target
    assert (target.text, target.plural) == ("the red cup", plural)


def test_words_that_are_no_command_are_looked_for_as_they_are():
    command = parse_in_mode("what the dog dragged in", "locate")
    assert (command.action, command.target.query) == ("find", "what the dog dragged in")
    start, end = command.target.span
    assert command.text[start:end] == "what the dog dragged in"


def test_all_is_said_of_the_target_and_not_of_its_landmark():
    command = parse_in_mode("the cup next to the plate", "locate_all")
    assert [p.plural for p in command.phrases] == [True, False]


def test_a_chat_is_answered_in_words_whatever_it_says():
    command = parse_in_mode("pick up the red cup", "chat")
    assert (command.action, command.phrases) == ("ask", ())


def test_what_the_robot_shall_not_do_is_located_in_no_mode():
    assert parse_in_mode("don't touch the cup", "locate").target is None


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'everything' is none of locate, locate_all, chat"):
        parse_in_mode("the cup", "everything")
