"""Write planner output, such as `pick(red_cup)` or JSON objects, as an English command."""

from __future__ import annotations

import json
import re

from groma_ros.language.mapped_text import INSERTED, MappedText
from groma_ros.language.verbs import verb_at
from groma_ros.language.word_tables import word_set

_LIST = re.compile(r"\s*(?:```\w*)?\s*(\[.*\])\s*(?:```)?\s*$", re.DOTALL)
_OBJECT = re.compile(r"(\[\s*\{.*\}\s*\]|\{.*\})", re.DOTALL)  # also amid words: "Sure! {...}"
_CALL = re.compile(r"([A-Za-z][\w.]*)\s*\(([^()]*)\)\s*;?")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|(?<![\w])\'([^\'\n]*)\'')
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_KEYWORD = re.compile(r"^\s*([A-Za-z_]\w*)\s*[=:]\s*")
_ACTION_KEYS = word_set(
    "action command verb skill function name tool task primitive operation act type intent"
)
_TARGET_KEYS = word_set(
    "object target_object obj item object_name object_id source pick pick_object target what thing "
    "objects items entity query label class"
)
_PLACE_KEYS = word_set(
    "destination place location target receptacle to where into onto container place_location goal "
    "target_location place_object second_object reference"
)
_TEXT_KEYS = word_set("text instruction command prompt sentence utterance query data message")
_COLOUR_KEYS = word_set("color colour attribute attributes adjective")
_RECIPIENTS = word_set("user human person me robot")
_PLACE_WORDS = word_set("place put move insert stack pour drop")
_CARRYING_WORDS = _PLACE_WORDS | word_set("give hand bring deliver pass push pull slide empty")


def planner_to_english(text: MappedText) -> MappedText:
    """Return an English command for JSON or function calls, and other text unchanged.

    The words of the values keep their offsets. Several steps become several sentences.
    """
    structure = _LIST.match(text.text) or _OBJECT.search(text.text)
    steps = _json_steps(text.part(*structure.span(1))) if structure else []
    if not steps:
        calls = list(_CALL.finditer(text.text))
        rest = _CALL.sub("", text.text)
        is_code = bool(calls) and not re.search(r"\w", re.sub(r"^\s*\w+\s*=|\w+\s*:", "", rest))
        steps = [_call_step(text, call) for call in calls] if is_code else []
    steps = [step for step in steps if step]
    if not steps:
        return text
    sentences = [_sentence(step) for step in steps]
    whole = sentences[0]
    for sentence in sentences[1:]:
        whole = whole + _inserted(". ") + sentence
    return whole


class _Step(dict[str, MappedText]):
    """Map "action", "target", "place", "colour" and "text" to the words of one step."""


def _json_steps(text: MappedText) -> list[_Step]:
    """Return the steps of JSON objects; no step if `text` is no JSON."""
    try:
        json.loads(text.text)
    except ValueError:
        try:
            json.loads(text.text.replace("'", '"'))
        except ValueError:
            return []
    steps, step, key = [], _Step(), ""
    has_target = any(
        f'"{name}"' in text.text or f"'{name}'" in text.text
        for name in ("object", "object_name", "obj", "item", "target_object", "object_id")
    )
    for match in _STRING.finditer(text.text):
        group = 1 if match[1] is not None else 2
        value = text.part(*match.span(group))
        if re.match(r"\s*:", text.text[match.end() :]):
            key = value.text.lower()
            continue
        role = _role(key, has_target) if key else "text"  # ["pick up the cup", "pick(red_cup)"]
        if role in step and role in ("action", "text"):
            steps.append(step)
            step = _Step()
        if role in step:
            value = step[role] + _inserted(" and ") + value
        if role:
            step[role] = value
    return [*steps, step]


def _role(key: str, has_target: bool) -> str:
    """Return the role of the value of a JSON key, or empty if the key is unknown."""
    if key == "target" and has_target:
        return "place"
    tables = (
        ("action", _ACTION_KEYS),
        ("target", _TARGET_KEYS),
        ("place", _PLACE_KEYS),
        ("text", _TEXT_KEYS),
        ("colour", _COLOUR_KEYS),
    )
    return next((role for role, keys in tables if key in keys), "")


def _call_step(text: MappedText, call: re.Match[str]) -> _Step:
    """Return the step of one function call; its arguments are target and destination in order."""
    at = call.start(2)
    whole = _trimmed(text.part(at, at + len(call[2])))
    words = whole.text.lower().split()
    if len(words) > 2 and verb_at(words)[0] is not None:  # execute("pick up the red cup")
        return _Step(text=whole)
    step = _Step(action=text.part(*call.span(1)))
    for argument in call[2].split(","):
        name = _KEYWORD.match(argument)
        start = at + (name.end() if name else 0)
        value = _trimmed(text.part(start, at + len(argument)))
        at += len(argument) + 1
        role = _role(name[1].lower(), "target" in step) if name else ""
        if not role or role in step:
            role = "place" if "target" in step else "target"
        if value.text and role not in step and re.search(r"[^\W\d]", value.text):
            step[role] = value
    return step


def _trimmed(text: MappedText) -> MappedText:
    """Return `text` without quotes, brackets and spaces around it."""
    inner = text.text.strip(" \n\t\"'[]")
    start = text.text.find(inner) if inner else 0
    return text.part(start, start + len(inner))


def _sentence(step: _Step) -> MappedText:
    """Return "pick red cup", or "place red cup on white bowl", for one step."""
    if "text" in step and "action" not in step:
        return planner_to_english(step["text"])
    parts: list[MappedText] = []
    if "action" in step:
        action = _action_words(step["action"])
        carries = action.text.lower() in _CARRYING_WORDS or "place" not in step
        parts.append(action if carries or "target" not in step else _inserted("place"))
    elif "target" in step or "place" in step:
        parts.append(_inserted("find"))
    if "colour" in step and "target" in step:
        parts.append(step["colour"])
    if "target" in step:
        parts.append(step["target"].substituted(_CAMEL, " "))
    if "place" in step:
        place = step["place"].substituted(_CAMEL, " ")
        motion = "target" not in step
        to_person = place.text.lower() in _RECIPIENTS
        parts.append(_inserted("to" if to_person or motion else "on"))
        parts.append(place)
    sentence = parts[0] if parts else _inserted("")
    for part in parts[1:]:
        sentence = sentence + _inserted(" ") + part
    return sentence


def _action_words(action: MappedText) -> MappedText:
    """Return the verb of an identifier: "pick and place" is "place", "robot.pick" is "pick"."""
    start = action.text.rfind(".") + 1
    action = action.part(start, len(action.text))
    words = _CAMEL.sub(" ", action.text.replace("_", " ")).lower().split()
    if len(words) > 1 and words[-1] in _PLACE_WORDS:
        return action.part(len(action.text) - len(words[-1]), len(action.text))
    if words and words[-1] in ("object", "item", "obj"):
        action = action.part(0, len(action.text) - len(words[-1]))
        return _trimmed(action.substituted(re.compile("_+"), " "))
    return action.substituted(re.compile("_+"), " ").substituted(_CAMEL, " ")


def _inserted(words: str) -> MappedText:
    """Return words that are not in the original text."""
    return MappedText(words, (INSERTED,) * len(words))
