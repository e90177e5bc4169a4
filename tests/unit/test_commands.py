"""A command knows its phrases by what they are for."""

from groma_ros.values.commands import Command, CommandPhrase


def test_a_command_finds_its_phrases_by_role():
    cup = CommandPhrase("the cup", (4, 11))
    tray = CommandPhrase("the tray", (15, 23), "destination")
    command = Command("put the cup on the tray", "place", (cup, tray), "on")
    assert command.target is cup and command.of_role("destination") == (tray,)
    assert Command("stop", "stop").target is None
