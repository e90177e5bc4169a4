"""`groma eval`: measure a model on pictures, meshes and phrasings that training never saw.

Every question goes the way of a user's: a command in words to `Predictor.ground`, or a box to
`Predictor.describe`. An answer is right where its box has an IoU above 0.5 with the object.

Besides accuracy the report holds how well the probabilities of singular answers match it (see
`calibration`), and on request how often greedy decoding starts with the same answer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from groma_ros.cli.options import add_model_arguments, add_model_name, load
from groma_ros.encoding import prompts
from groma_ros.language.command_parser import parse_command
from groma_ros.sim.scene import COLOURS, KINDS
from groma_ros.train import names
from groma_ros.train.photographs import labelled, read_photographs
from groma_ros.train.questions import COLOUR_WORDS, DETERMINERS, UNKNOWN, Question, Truth, ask
from groma_ros.train.regions import questionable
from groma_ros.train.views import EVERYTHING, Labelled, rendered
from groma_ros.values.answers import Grounding
from groma_ros.values.boxes import iou
from groma_ros.verify.calibration import BINS, Decision, Example, decide, reliability
from groma_ros.verify.photo_questions import ask_about_photographs, photo_table, show_worst

if TYPE_CHECKING:
    from groma_ros.predictor import Perception, Predictor

EXAMPLES = """examples:
  groma render test --split test --count 600
  groma eval test
  groma eval test --model ./my-model --plot reliability.png
  groma eval --photos my-photographs --split val --show wrong
"""
TABLETOP = frozenset(map(names.number_of, KINDS))
"""The kinds that are asked for in rendered pictures where they are not."""

COMMANDS = (
    "pick up {}",
    "could you please grab {}",
    "fetch {} for me",
    "where is {}?",
    "hand me {}, please",
    "Please point at {}.",
    "take {}",
    "can you find {}?",
    "Robot, lift {}!",
    "bring me {}",
)
COMMANDS_ALL = (
    "find all {}",
    "Please show me all {}.",
    "point at all {}",
    "can you locate all {}?",
)

GOALS = {
    "unique": 0.90,
    "kind": 0.85,
    "absent": 0.85,
    "absent_colour": 0.75,
    "all": 0.65,
    "comparison": 0.60,
    "refer": 0.85,
}
"""The accuracy that groma-nano must reach, by family; comparison pools those of `COMPARISONS`."""

FAMILIES = (
    "unique",
    "kind",
    "absent",
    "absent_colour",
    "all",
    "superlative",
    "relation",
    "refer",
    "ambiguous",
)
COMPARISONS = ("leftmost", "rightmost", "nearest", "farthest", "biggest", "smallest", "relation")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `groma eval`."""
    parser.add_argument(
        "pictures", type=Path, nargs="?", help="folder of `groma render --split test`"
    )
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="labelled photographs, instead or besides"
    )
    parser.add_argument("--split", default="", help="of the photographs, such as val (all)")
    parser.add_argument(
        "--show", type=Path, metavar="OUT", help="write pictures of wrong answers to photographs"
    )
    add_model_name(parser)
    parser.add_argument("--questions", type=int, default=1800, help="how many to ask (1800)")
    add_model_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the questions (0)")
    parser.add_argument(
        "--json", action="store_true", help="end with the report as one line of JSON"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="OUT.png", help="draw accuracy over confidence into a picture"
    )
    parser.add_argument(
        "--greedy", action="store_true", help="also decode singular answers greedily and compare"
    )
    parser.add_argument(
        "--failures",
        type=Path,
        metavar="OUT.jsonl",
        help="write each wrong answer as a line of JSON",
    )


def run(args: argparse.Namespace) -> int:
    """Ask, print a table of accuracies, and return 0."""
    if not (args.pictures or args.photos):
        raise ValueError("there is nothing to ask about: give a folder of pictures, or --photos")
    reports: dict[str, dict] = {}
    photographs = read_photographs(args.photos, args.split) if args.photos else []
    pictures = rendered(args.pictures) if args.pictures else []
    predictor = load(args)
    if photographs:
        by_rule = ask_about_photographs(predictor, photographs)
        print(photo_table(by_rule))
        reports["photographs"] = by_rule.to_dict()
        if args.show:
            print(f"wrote {show_worst(by_rule, args.show)} pictures to {args.show}")
        other = evaluate(predictor, labelled(photographs), args.questions, args.seed)
        print("\nphotographs, asked as rendered pictures are:\n" + table(other))
        reports["photographs_free"] = other
    if pictures:
        report = evaluate(
            predictor, pictures, args.questions, args.seed, args.failures, args.greedy
        )
        print(table(report))
        reports = report | reports
        if args.plot:
            plot(report["calibration"]).save(args.plot)
            print(f"wrote {args.plot}")
    if args.json:
        print(json.dumps(reports))
    return 0


def evaluate(
    predictor: Predictor,
    pictures: Sequence[Callable[[], Labelled]],
    questions: int,
    seed: int,
    failures: Path | None = None,
    greedy: bool = False,
) -> dict:
    """Ask questions of all families about pictures with their truth and return the report.

    It holds accuracy and count by family, false refusals, calibration and times. `failures` is a
    file for wrong answers; `greedy` compares with greedy decoding.
    """
    rng = np.random.default_rng(seed)
    examiner = Examiner(predictor, rng, greedy)
    asked_of = dict.fromkeys(FAMILIES, 0)
    started = time.monotonic()
    for number, read in enumerate(pictures):
        open_families = [f for f in FAMILIES if asked_of[f] < questions / len(FAMILIES)]
        if not open_families:
            break
        image, known = read()
        truth = questionable(known)
        if EVERYTHING in known.complete:
            truth = replace(truth, complete=TABLETOP)
        asked = {f: q for f in open_families if (q := ask(truth, rng, f))}
        for family in asked:
            asked_of[family] += 1
        if asked:
            examiner.ask_about(number, np.asarray(image), truth, asked.values())
        if number % 25 == 0:
            done = examiner.count
            rate = done / (time.monotonic() - started)
            print(f"\r{done} of {questions} questions, {rate:.1f}/s", end="", file=sys.stderr)
    print(file=sys.stderr)
    if failures:
        failures.write_text("".join(json.dumps(w) + "\n" for w in examiner.wrong))
    return examiner.report()


class Examiner:
    """Ask questions as a user would, and collect how they were answered."""

    def __init__(
        self, predictor: Predictor, rng: np.random.Generator, greedy: bool = False
    ) -> None:
        """Take a predictor, the source of random wordings, and whether to decode greedily too."""
        self.predictor, self.rng, self.greedy = predictor, rng, greedy
        self.right: dict[str, list[bool]] = defaultdict(list)
        self.wrong: list[dict] = []
        self.refused: list[bool] = []
        self.times_ms: list[float] = []
        self.decisions: list[Decision] = []
        self.agrees: list[tuple[bool, bool]] = []

    @property
    def count(self) -> int:
        """Number of questions so far."""
        return sum(map(len, self.right.values()))

    def ask_about(
        self, number: int, rgb: np.ndarray, truth: Truth, questions: Iterable[Question]
    ) -> None:
        """Ask questions about a picture (H, W, 3) uint8 whose number in the store is given."""
        size = np.array([rgb.shape[1], rgb.shape[0]] * 2)
        perception = self.predictor.perceive(rgb)
        for question in questions:
            command, answer = self._answer(perception, question, truth, size)
            self.times_ms.append(answer.timings_ms["perceive"] + answer.timings_ms["ground"])
            right = is_right(question, answer, truth, size)
            self.right[question.family].append(right)
            if not right:
                self.wrong.append(_failure(number, question, command, answer))
            if question.form == "locate":
                wanted = (truth.box_xyxy_norm[list(question.objects)] * size).reshape(-1, 4)
                target = parse_command(command).target
                if target is not None:
                    self._weigh(perception, target.query, wanted, answer)
            if question.form == "locate" and question.objects:
                self.refused.append(answer.status.value == "NOT_FOUND")

    def _answer(
        self, perception: Perception, question: Question, truth: Truth, size: np.ndarray
    ) -> tuple[str, Grounding]:
        """Ask a question as a user would; return the words that were sent, and the answer."""
        if question.form == "refer":
            box = truth.box_xyxy_norm[question.objects[0]] * size
            answer = self.predictor.describe(perception, box[None].astype(np.float32))
            return prompts.WHAT_IS_THIS, answer
        templates = COMMANDS_ALL if question.form == "locate_all" else COMMANDS
        template = templates[int(self.rng.integers(len(templates)))]
        command = template.format(spoken(question))
        return command, self.predictor.ground(perception, command)

    def _weigh(
        self, perception: Perception, phrase: str, wanted_xyxy: np.ndarray, answer: Grounding
    ) -> None:
        """Keep how sure the answer to a singular phrase was, for the calibration."""
        probabilities = self.predictor.point(perception, [phrase])[0]
        example = Example(probabilities, perception.boxes_xyxy, wanted_xyxy)
        rule = replace(self.predictor.model.config.pointing, temperature=1.0)
        self.decisions.append(decide(example, rule))
        if self.greedy:
            agrees = greedy_agrees(self.predictor, perception, phrase, probabilities, answer)
            self.agrees.append(agrees)

    def report(self) -> dict:
        """Return accuracy and count by family, false refusals, calibration and times."""
        report = _report(self.right, self.refused, self.times_ms)
        confidences = [d.confidence for d in self.decisions]
        report["calibration"] = reliability(confidences, [d.first for d in self.decisions])
        if self.greedy:
            choice, kept = np.mean(self.agrees, axis=0)
            report["greedy"] = {"same_choice": float(choice), "same_answer": float(kept)}
        return report


def greedy_agrees(
    predictor: Predictor,
    perception: Perception,
    phrase: str,
    probabilities: np.ndarray,
    answer: Grounding,
) -> tuple[bool, bool]:
    """Decode the first token of an answer greedily from the whole prompt, without a kept prefix.

    Returns whether it is the likeliest of `probabilities` (n + 1,), and whether `answer` agrees
    with it; calibrated thresholds may decide otherwise.
    """
    import torch

    from groma_ros.inference.decode import greedy, prefill

    model, tokenizer = predictor.model, predictor.tokenizer
    asked = prompts.locate(prompts.in_case(phrase, model.config.lowercase))
    ids = torch.tensor(tokenizer.encode(prompts.opening() + prompts.turn(asked) + "<roi>"))
    hidden, cache = prefill(model, model.embed_prompt(ids, perception.percept)[None])
    count = len(perception.scores)
    choices = [*map(tokenizer.region_token_id, range(count)), tokenizer.token_id("</roi>")]
    allowed = torch.zeros(len(tokenizer), dtype=torch.bool, device=model.device)
    allowed[choices] = True
    ((token, _),) = greedy(model, hidden, cache, allowed, max_new_tokens=1)
    found = answer.target.boxes_xyxy.tolist()
    region = choices.index(token)
    kept = perception.boxes_xyxy[region].tolist() in found if region < count else not found
    return token == choices[int(probabilities.argmax())], kept


def spoken(question: Question) -> str:
    """Return the phrase of a question in the form that a command uses."""
    return "the " + without_determiner(question.phrase)


def without_determiner(phrase: str) -> str:
    """Return a noun phrase without its determiner."""
    first, _, rest = phrase.partition(" ")
    return rest if first in DETERMINERS + ("an",) else phrase


def is_right(question: Question, answer: Grounding, truth: Truth, size: np.ndarray) -> bool:
    """Tell whether an answer is right, as the docstring of the module says.

    `size` (4,) is width, height, width, height of the picture in pixels.
    """
    if question.form == "refer":
        return names_kind_and_colour(
            answer.text,
            int(truth.kind[question.objects[0]]),
            int(truth.colour[question.objects[0]]),
        )
    targets = [p for p in answer.phrases if p.role == "target"]
    boxes = np.concatenate([p.boxes_xyxy for p in targets]) if targets else np.zeros((0, 4))
    if not question.objects:
        return answer.status.value == "NOT_FOUND" and len(boxes) == 0
    wanted = truth.box_xyxy_norm[list(question.objects)] * size
    overlap = iou(boxes, wanted) > 0.5
    if question.family in ("all", "ambiguous"):
        exact = len(boxes) == len(wanted) and overlap.any(0).all() and overlap.any(1).all()
        return bool(exact and (question.family == "all" or answer.status.value == "AMBIGUOUS"))
    return bool(len(boxes) and overlap[0, 0])


def names_kind_and_colour(text: str, kind: int, colour: int) -> bool:
    """Tell whether a description has a word for the kind and, where it is known, for the colour."""
    words = text.lower()
    if not any(noun in words for noun in names.singulars(kind)):
        return False
    if colour == UNKNOWN:
        return True
    return any(word in words for word in COLOUR_WORDS.get(COLOURS[colour], (COLOURS[colour],)))


def _failure(number: int, question: Question, command: str, answer: Grounding) -> dict:
    """Return a wrong answer as a line of the file of failures."""
    return {
        "picture": number,
        "family": question.family,
        "command": command,
        "status": answer.status.value,
        "text": answer.text,
        "answered": [np.asarray(p.boxes_xyxy).round().tolist() for p in answer.phrases],
    }


def _report(right: dict[str, list[bool]], refused: list[bool], times: list[float]) -> dict:
    """Return accuracy and count by family, the share of false refusals and the median time."""
    pooled = {name: results for name, results in right.items()}
    pooled["comparison"] = [ok for name in COMPARISONS for ok in right.get(name, [])]
    return {
        "families": {
            name: {"accuracy": float(np.mean(results)), "questions": len(results)}
            for name, results in pooled.items()
            if results
        },
        "questions": sum(map(len, right.values())),
        "false_refusals": float(np.mean(refused)) if refused else 0.0,
        "ms_median": float(np.median(times)) if times else 0.0,
    }


def table(report: dict) -> str:
    """Return the report as text."""
    lines = [f"{'family':<14} {'accuracy':>8} {'goal':>6} {'questions':>9}"]
    for name, row in sorted(report["families"].items(), key=lambda item: item[0] not in GOALS):
        goal = f"{GOALS[name]:.2f}" if name in GOALS else ""
        lines.append(f"{name:<14} {row['accuracy']:>8.3f} {goal:>6} {row['questions']:>9}")
    lines.append(f"false refusals {report['false_refusals']:.3f}")
    if "greedy" in report:
        same = report["greedy"]
        lines.append(
            f"greedy decoding chooses the same {same['same_choice']:.4f}, "
            f"and the answer holds it {same['same_answer']:.4f}"
        )
    lines.append(f"expected calibration error {report['calibration']['ece']:.3f}")
    for row in report["calibration"]["bins"]:
        bar = "#" * round(40 * row["accuracy"])
        lines.append(
            f"  confidence {row['confidence']:.2f}  accuracy {row['accuracy']:.2f}  {bar:<40} "
            f"{row['count']:>5}"
        )
    lines.append(f"{report['questions']} questions, median {report['ms_median']:.0f} ms each")
    return "\n".join(lines)


def plot(calibration: dict) -> Image.Image:
    """Draw the share of right answers over their confidence."""
    side, edge = 400, 50
    picture = Image.new("RGB", (side + 2 * edge, side + 2 * edge), "white")
    draw = ImageDraw.Draw(picture)
    at = lambda sure, right: (edge + side * sure, edge + side * (1 - right))
    for row in calibration["bins"]:
        left, width = int(min(row["confidence"], 0.999) * BINS) / BINS, 1 / BINS
        draw.rectangle(
            [at(left + 0.005, row["accuracy"]), at(left + width - 0.005, 0)], fill="#7aa6d8"
        )
        draw.text(at(left + 0.02, -0.02), str(row["count"]), fill="black")
    draw.line([at(0, 0), at(1, 1)], fill="#c0392b", width=2)
    for row in calibration["bins"]:
        x, y = at(row["confidence"], row["accuracy"])
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill="#1f3d66")
    draw.rectangle([at(0, 1), at(1, 0)], outline="black")
    for tick in (0, 0.5, 1):
        draw.text((edge - 28, at(0, tick)[1] - 6), f"{tick:.1f}", fill="black")
        draw.text((at(tick, 0)[0] - 8, side + edge + 22), f"{tick:.1f}", fill="black")
    draw.text(
        (edge, 14),
        f"share of right answers over confidence; ECE {calibration['ece']:.3f}",
        fill="black",
    )
    return picture
