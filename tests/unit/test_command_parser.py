"""Free English commands: what they ask for, and that no text breaks the reader."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groma_ros.language.command_parser import MAX_CHARACTERS, parse_command
from groma_ros.language.lexicon import words
from groma_ros.train import questions
from groma_ros.values.commands import Command

# command => action: targets [preposition] destinations near anchors; * marks a plural
TABLE = """
pick up the red cup => pick: the red cup
could you please grab the blue mug next to the plate => \
pick: the blue mug next to the plate near the plate
put the apple into the white bowl => place: the apple [into] the white bowl
where is the marker? => find: the marker
find all the cans => find: the cans*
go to the door => go: the door [to]
what is on the table? => ask:
point at the leftmost bottle => point: the leftmost bottle
hand me a banana => give: a banana
move the red box to the left of the green cube => place: the red box [to the left of] the green cube
Pick up the book and put it on the plate => place: the book [on] the plate
is there a cup? => find: a cup
how many apples are there? => count: apples*
bring me that => give:
look at the person wearing a hat => look: the person wearing a hat
the red cup => find: the red cup
stop => stop:
Would you mind picking up the yellow ball, please? => pick: the yellow ball
hey robot, can you pick the green bottle up? => pick: the green bottle
take the cup from the shelf and bring it to me => give: the cup near the shelf
pick up the red cup and the blue mug => pick: the red cup, the blue mug
find the red and blue balls => find: the red and blue balls*
cups and plates => find: cups*, plates*
put the cup between the plate and the bowl => place: the cup [between] the plate, the bowl
find the cup between the plate and the bowl => \
find: the cup between the plate and the bowl near the plate, the bowl
show me where the scissors are => find: the scissors
Where's my phone => find: my phone
where did i put the keys => find: the keys*
can you see any glasses on the table? => find: glasses on the table* near the table
how many apples are on the table? => count: apples* near the table
PLEASE GRAB THE GLASS => pick: THE GLASS
don't pick up the knife => ask:
polish the table => polish: the table
pikc up the cup => pikc: the cup
first pick up the marker, then put it into the red cup => place: the marker [into] the red cup
next grab the can => pick: the can
first can on the left => find: first can on the left
would you be able to pick up the green can for me? => pick: the green can
are you able to reach the bottle? => go: the bottle
let go of the cup => place: the cup
use the marker to draw a circle => use: the marker
bring the cup to the man to fill the glass => give: the cup [to] the man
pick up the red cup 🙂 => pick: the red cup
go get the can => pick: the can
go over to the table, pick up the cup and put it in the sink => \
place: the cup [in] the sink, the table
could you tell me where the marker is? => find: the marker
place the marker on top of the book next to the box => \
place: the marker [on top of] the book next to the box near the box
put the mug down on the tray => place: the mug [on] the tray
stack the red cube on the blue cube => place: the red cube [on] the blue cube
turn on the lamp => turn on: the lamp
hello => ask:
what's this? => ask:
I'm thirsty. Bring me the bottle. => give: the bottle
give the man the cup => give: the cup [to] the man
give the cup to the man with the hat => give: the cup [to] the man with the hat
the cup on the left => find: the cup on the left
pick up the cup on the left side of the table => \
pick: the cup on the left side of the table near the table
grab the object closest to you => pick: the object closest to you
take the green cube to the box => place: the green cube [to] the box
every bottle => find: bottle*
both cups => find: cups*
clean plate => find: clean plate
clean the plate => wipe: the plate
pick the <r3> cup => pick: the <r3> cup
pick up the big, red cup => pick: the big, red cup
pick up the cup, the plate and the bowl => pick: the cup, the plate, the bowl
now drop the ball => place: the ball
move forward => go:
move to the door => go: the door [to]
i want the red apple => give: the red apple
i'd like you to find the nearest banana => find: the nearest banana
I need a cup of coffee => give: a cup of coffee
follow the person in the red shirt => follow: the person in the red shirt near the red shirt
which cup is red? => ask:
show me all the red things => find: the red things*
find everything on the table => find: everything on the table* near the table
count the bananas => count: the bananas*
put the banana in the bowl on the tray => place: the banana [in] the bowl on the tray near the tray
can => find: can
pick up the can of soda => pick: the can of soda
pour the water into the glass => pour: the water [into] the glass
remove the lid from the pot => remove: the lid near the pot
go between the two boxes => go: the two boxes* [between]
throw away the banana => place: the banana
drop the apple in the trash can => place: the apple [in] the trash can
let's find the cup that is left of the book => find: the cup that is left of the book near the book
turn left at the door => turn: the door [at]
give me the cup that the man is holding => give: the cup that the man is holding
the cup nearest the plate => find: the cup nearest the plate near the plate
the cup nearest to the plate => find: the cup nearest to the plate near the plate
could you move the bowl a bit to the right? => place: the bowl [to the right]
move the bowl to the right of the plate please => place: the bowl [to the right of] the plate
hand the red block over to the person => give: the red block [over to] the person
hand over the marker => give: the marker
I want you to put all the apples in the bowl => place: the apples* [in] the bowl
put both cups on the tray => place: cups* [on] the tray
put the blue cube and the red cube into the box => place: the blue cube, the red cube [into] the box
place each ball in its bowl => place: ball* [in] its bowl
where are the two green bottles? => find: the two green bottles*
is there any food on the table? => find: food on the table near the table
are there any bananas left? => find: bananas*
can you find me a bottle of water => find: a bottle of water
find me something to drink => find: something to drink
what colour is the cup? => ask:
why is the sky blue => ask:
tell me what you see => ask:
tell me about the red cup => ask:
Point to the cup on the right of the book => point: the cup on the right of the book near the book
point out the biggest ball => point: the biggest ball
pick up the second cup from the left => pick: the second cup from the left
pick up the cup in the middle => pick: the cup in the middle
take a look at the cup => look: the cup
look for the purple marker in the picture => find: the purple marker
grab it and hand it to me => give:
Go to the kitchen and bring me the glass => give: the glass [] the kitchen
navigate to the chair near the window => go: the chair near the window [to] near the window
drive towards the red cone => go: the red cone [towards]
wait for me => stop:
stop at the door => stop: the door [at]
I can't find the cup => ask:
the cup is on the table => ask:
there is a cup on the table => ask:
mugs please => find: mugs*
the biggest thing => find: the biggest thing
rightmost bottle => find: rightmost bottle
cup left of the book => find: cup left of the book near the book
cup next to the plate => find: cup next to the plate near the plate
left cup => find: left cup
pick any cup => pick: cup
pick one of the cups => pick: one of the cups
pick up the cup or the mug => pick: the cup or the mug
pick up the tomato paste and the peanut butter => pick: the tomato paste, the peanut butter
grasp handle of the mug => pick: handle of the mug
open the top drawer of the cabinet => open: the top drawer of the cabinet
press the red button => press: the red button
I would like a banana => give: a banana
we need the box over there => give: the box
get me that green one => give: that green one
get to the charging station => go: the charging station [to]
please, find, the red cup => find: the red cup
PICK UP THE RED CUP!!! => pick: THE RED CUP
pick-up the cup => pick: the cup
pickup the cup => pick: the cup
grab "the red cup" => pick: the red cup
grab the red cup (the small one) => pick: the red cup
grab the small red plastic cup with a white handle that is standing behind the box => \
pick: the small red plastic cup with a white handle that is standing behind the box near the box
grab the cup; put it on the plate => place: the cup [on] the plate
put it next to the plate => place: [next to] the plate
put them all in the box => place: [in] the box
bring the cup back to the table => give: the cup [back to] the table
return the book to the shelf => place: the book [to] the shelf
cup. => find: cup
what about the cup? => ask:
and the plate? => find: the plate
Robot, red cup now => find: red cup
find my friend's glasses => find: my friend's glasses*
locate all instances of dog => find: dog*
find every single apple => find: apple*
detect cars, people and bikes => find: cars*, people*, bikes*
find a cup and a plate on the table => find: a cup, a plate on the table near the table
is anyone there? => ask:
have you seen my wallet? => find: my wallet
identify the object to the right of the box => find: the object to the right of the box near the box
pick up the object behind the bottle in front of the box => \
pick: the object behind the bottle in front of the box near the bottle, the box
take the apple out of the bowl and put it on the plate => \
place: the apple [on] the plate near the bowl
I'm looking for my keys => find: my keys*
can you look for the keys? => find: the keys*
Can you pick up the cup? => pick: the cup
Could you bring the bottle to the table for me, please? => give: the bottle [to] the table
I need you to grasp the blue cylinder => pick: the blue cylinder
robot, please hand me the screwdriver next to the hammer => \
give: the screwdriver next to the hammer near the hammer
get the green block from the left pile => pick: the green block near the left pile
grab the first book on the shelf => pick: the first book on the shelf near the shelf
pick the cup then place it in the bowl then stop => place: the cup [in] the bowl
pick up the cup. Put it on the plate. Go to the door. => place: the cup [on] the plate, the door
pick the red cup and the green cup and put them on the tray => \
place: the red cup, the green cup [on] the tray
could you get the thing behind the box => pick: the thing behind the box near the box
find something red => find: something red
grab anything red => pick: anything red
pick up that red thing => pick: that red thing
the one on the left => find: the one on the left
put the red one on the blue one => place: the red one [on] the blue one
put the largest cube under the table => place: the largest cube [under] the table
slide the plate toward the edge of the table => push: the plate [toward] the edge of the table
push the green box away from the bowl => push: the green box near the bowl
drag the red box next to the ball => pull: the red box [next to] the ball
please open the drawer and take out the spoon => open: the drawer, the spoon
where are all the cups => find: the cups*
where are the cups and the plates? => find: the cups*, the plates*
Which object is to the left of the cup? => ask:
is there any cup left of the book? => find: cup left of the book near the book
are there cups? => find: cups*
how many red things are there on the table? => count: red things* near the table
how many people can you see in the picture? => count: people*
count all the apples on the plate => count: the apples on the plate* near the plate
what's in the bowl? => ask:
what is the object next to the cup? => ask:
who is holding the cup? => ask:
I think you should grab the cup => pick: the cup
you forgot the cup => ask:
pls grab cup => pick: cup
move cup left => place: cup [left]
Place the yellow block on the table between the two bowls => \
place: the yellow block [on] the table between the two bowls near the two bowls*
place the apple at the left of the plate => place: the apple [at the left of] the plate
put the pen inside the cup that is behind the laptop => \
place: the pen [inside] the cup that is behind the laptop near the laptop
take the red book off the shelf => pick: the red book near the shelf
bring me the book on top of the box => give: the book on top of the box near the box
bring the green bottle over here => give: the green bottle
hand it to me => give:
give it to the man with the blue shirt => give: [to] the man with the blue shirt
give her the book => give: the book
give her book to me => give: her book
show the cup to me => find: the cup
Show me everything that is red => find: everything that is red*
show me where to go => ask:
tell me where the cups are => find: the cups*
do you know where my glasses are? => find: my glasses*
can you tell me what is on the table? => ask:
look at me => look:
turn to the person on the right => look: the person on the right
drive forward and stop at the red line => go: the red line [at]
go to the left of the table => go: the table [to the left of]
go through the door => go: the door [through]
move closer to the cup => go: the cup [closer to]
stay away from the dog => avoid: the dog
follow the man => follow: the man
Hey Groma, find the red cup. => find: the red cup
ok robot. grab it. => pick:
the man and woman => find: the man, woman
cup and saucer => find: cup, saucer
all red cups => find: red cups*
the thing that is closest to the camera => \
find: the thing that is closest to the camera near the camera
nearest object => find: nearest object
big red ball! => find: big red ball
not the red one => ask:
no, the blue one => find: the blue one
good job => ask:
great, now put it down => place:
never mind => stop:
cancel that => stop:
pick up 2 cups => pick: 2 cups*
pick up 3 apples and 2 bananas => pick: 3 apples*, 2 bananas*
move the cup 10 cm to the left => place: the cup 10 cm [to the left]
pick up the 0.5 l bottle => pick: the 0.5 l bottle
remove all the caps from the bottles => remove: the caps* near the bottles*
pick up the object labelled "salt" => pick: the object labelled "salt"
grab the L-shaped block => pick: the L-shaped block
the coca-cola can => find: the coca-cola can
pick up the can opener => pick: the can opener
grab the drop of glue => pick: the drop of glue
where have I left my keys? => find: my keys*
where is left most cup => find: left most cup
bowl that is left of the cup => find: bowl that is left of the cup near the cup
washing machine => find: washing machine
serving bowl => find: serving bowl
would you mind grabbing it and putting it on the tray => place: [on] the tray
pick up the cup, don't touch the plate => pick: the cup
grab the cup and do not touch the plate => pick: the cup
take the red cup, not the blue one => pick: the red cup
where is can? => find: can
where could the cup be? => find: the cup
where is the black can? => find: the black can
pick up the robot, robot => pick: the robot
bring me the apple on the left of the ball => give: the apple on the left of the ball near the ball
pick up the bottle before the yellow book => \
pick: the bottle before the yellow book near the yellow book
pick up the bottle before you go => pick: the bottle
pick up the water bottle from the floor please, thank you! => pick: the water bottle near the floor
"""
ROWS = [line.split(" => ") for line in TABLE.strip().splitlines()]


def show(command: Command) -> str:
    def names(role):
        return ", ".join(p.text + "*" * p.plural for p in command.of_role(role))

    text = f"{command.action}: {names('target')}"
    if command.preposition or names("destination"):
        text += f" [{command.preposition}] {names('destination')}"
    if names("relation"):
        text += f" near {names('relation')}"
    return " ".join(text.split())


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text for text, _ in ROWS])
def test_command_is_read(text, wanted):
    assert show(parse_command(text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text for text, _ in ROWS])
def test_politeness_case_and_space_change_nothing(text, wanted):
    for variant in (text.upper(), f"Please {text}", f"  {text} please", f"hey robot, {text}"):
        assert show(parse_command(variant)).lower() == wanted.lower()


IMPERATIVES = [row for row in ROWS if row[1].startswith(("pick", "place", "give", "go", "point"))]


@pytest.mark.parametrize("lead", ["could you please ", "I want you to ", "can you ", "now, "])
def test_requests_are_commands(lead):
    for text, wanted in IMPERATIVES:
        if text.split()[0].lower() in ("pick", "put", "give", "go", "point", "grab", "bring"):
            assert show(parse_command(lead + text)).lower() == wanted.lower()


TEMPLATES = (
    "pick up {}",
    "could you please grab {}",
    "fetch {} for me",
    "where is {}?",
    "take {}, please",
    "hand me {}",
    "Please point at {}.",
    "Robot, lift {}!",
    "can you find {}?",
    "{}",
    "is there {}",
)


def test_every_phrase_of_the_training_questions_is_asked_as_it_is():
    rng = np.random.default_rng(0)
    for _ in range(60):
        size = int(rng.integers(1, 9))
        corners = np.sort(rng.random((size, 2, 2)), axis=1).reshape(size, 4)
        kinds, colours = rng.integers(0, 13, size), rng.integers(0, 10, size)
        truth = questions.Truth(kinds, colours, corners, rng.random(size) + 0.5)
        for question in questions.ask_many(truth, rng, 8):
            if question.form in ("locate", "locate_all"):
                template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
                found = parse_command(template.format(question.phrase)).of_role("target")
                assert [p.text for p in found] == [question.phrase]
                assert found[0].plural == (question.form == "locate_all")


def check_spans(command: Command):
    for phrase in command.phrases:
        start, end = phrase.span
        assert command.text[start:end] == phrase.text and phrase.text.strip()
        assert phrase.role in ("target", "destination", "relation")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_reason(text):
    try:
        check_spans(parse_command(text))
    except ValueError as error:
        assert "command" in str(error)


VOCABULARY = sorted(
    words("""pick up put take give me the a red cup cups plate on into to next left of and then it
that is are there where how many all both please could you go door , . ? ! the same from between
find don't "quoted" <r3> don’t looking for what i want nearest ( ) -""")
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=16).map(" ".join))
def test_any_mixture_of_command_words_has_sound_spans(text):
    if any(c.isalnum() for c in text):
        command = parse_command(text)
        check_spans(command)
        assert parse_command(text) == command


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("a" * (MAX_CHARACTERS + 1), "513 characters and at most 512"),
        (b"pick up the cup", "not bytes"),
        (None, "not NoneType"),
        (7, "not int"),
        ("?!...", "no word"),
        ("\U0001f600", "no word"),
        ("pick up\x00 the cup", r"character 7 of the command is U\+0000"),
        ("pick up \ud800", r"U\+D800"),
    ],
)
def test_what_is_no_text_is_refused_with_a_reason(bad, reason):
    with pytest.raises(ValueError, match=reason):
        parse_command(bad)


def test_a_command_of_exactly_the_greatest_length_is_read():
    text = "pick up the " + "x" * (MAX_CHARACTERS - 12)
    assert parse_command(text).target.text == text[8:]
