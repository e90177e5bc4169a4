"""`groma parity`: compare the model with golden files of the official code, stage by stage.

A golden directory holds pairs NAME.json and NAME.npz of cases, and may hold text.json with
tokenizer/tokenizer.model, image_processor.npz, and NAME_state_dict.json with NAME_config.json.
Everything in it is compared. A file without its other half, a stage that is missing or unknown,
and an empty directory are failures.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from groma_ros.model.groma import Groma
from groma_ros.verify.parity import rule
from groma_ros.verify.parity.files import (
    check_config,
    check_image_processor,
    check_state_dict,
    check_text,
)
from groma_ros.verify.parity.report import Check, print_table
from groma_ros.verify.parity.trace import Case, batch_rows, build, trace

EXAMPLES = """example, from a checkout:
  groma parity tests/golden
"""

PARTS = ("#shape", "#sample", "#stat")
BASE_TOLERANCE = 1e-6
ERROR_FACTOR = 5.0


@dataclass(frozen=True)
class Golden:
    """Hold one pair of golden files: settings of NAME.json, arrays of NAME.npz by "case/stage"."""

    name: str
    settings: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def tolerance(self, stage: str) -> float:
        """Return how far values of a stage may lie from the golden ones.

        It is five times the error of the official code's own float32 against float64. Raises
        KeyError for an unknown stage.
        """
        errors = self.settings["err_f32_vs_f64"]
        key = stage if stage in errors else re.sub(r"\d+$", "", stage)
        return ERROR_FACTOR * errors[key]["max_abs"] + BASE_TOLERANCE

    def stages(self, case: str) -> dict[str, dict[str, np.ndarray]]:
        """Return the stages of a case: each is one whole array under "", or one of each PARTS."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for key, array in self.arrays.items():
            owner, _, stage = key.partition("/")
            if owner == case:
                stage, mark, part = stage.partition("#")
                found.setdefault(stage, {})[mark + part] = array
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `groma parity`."""
    parser.add_argument("directory", type=Path, help="directory of golden files")
    parser.add_argument(
        "--failures", action="store_true", help="print only the rows that do not agree"
    )


def run(args: argparse.Namespace) -> int:
    """Compare a directory, print the table, and return 0 if everything agrees, else 1."""
    checks = list(check_directory(args.directory))
    print_table(checks, only_failures=args.failures)
    return 0 if checks and all(check.agrees for check in checks) else 1


def check_directory(directory: Path) -> Iterator[Check]:
    """Compare everything in a directory; yield one Check for each comparison."""
    if not directory.is_dir():
        yield Check.failure("files", "-", f"{directory} is not a directory")
        return
    names = {path.name for path in directory.iterdir()}
    jsons, arrays = _stems(names, ".json"), _stems(names, ".npz")
    yield from check_text(directory)
    yield from check_image_processor(directory)
    yield from check_state_dict(directory)
    sets = {stem for stem in jsons if _is_case_file(directory / f"{stem}.json")}
    for stem in sorted(sets | (arrays - {"image_processor"})):
        if stem not in sets or stem not in arrays:
            missing = f"{stem}.json" if stem not in sets else f"{stem}.npz"
            yield Check.failure("files", stem, f"{missing} is missing")
            continue
        yield from check_set(directory / f"{stem}.json", directory / f"{stem}.npz")
    if not names:
        yield Check.failure("files", "-", f"{directory} is empty")


def _stems(names: set[str], suffix: str) -> set[str]:
    return {name.removesuffix(suffix) for name in names if name.endswith(suffix)}


def _is_case_file(path: Path) -> bool:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return True
    return isinstance(data, dict) and "cases" in data


def check_set(settings_path: Path, arrays_path: Path) -> Iterator[Check]:
    """Compare all cases of one pair of golden files."""
    name = settings_path.stem
    try:
        settings = json.loads(settings_path.read_text(encoding="utf-8"))
        with np.load(arrays_path) as archive:
            arrays = {key: archive[key] for key in archive.files}
        golden = Golden(name, settings, arrays)
        cases = [Case.from_dict(case) for case in settings["cases"]]
        model = build(settings)
    except (KeyError, TypeError, ValueError, OSError, BadZipFile) as error:
        yield Check.failure("files", name, f"cannot be read: {error!r}")
        return
    yield from check_config(settings_path.parent, name, settings["config"])
    unclaimed = {key.partition("/")[0] for key in arrays} - {case.name for case in cases}
    for owner in sorted(unclaimed):
        yield Check.failure("cases", owner, f"in {name}.npz but not in {name}.json")
    if not cases:
        yield Check.failure("cases", name, "there are none")
    for case, raw in zip(cases, settings["cases"], strict=True):
        try:
            yield from _check_case(golden, model, case, raw)
            yield from _check_rows(golden, model, case)
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            yield Check.failure("case", case.name, f"cannot be run: {error!r}")


def _check_case(golden: Golden, model: Groma, case: Case, raw: dict[str, Any]) -> Iterator[Check]:
    stages = golden.stages(case.name)
    is_row = re.search(r"\.row\d+$", case.name)
    for missing in sorted(set() if is_row else set(raw.get("shapes", ())) - set(stages)):
        yield Check.failure(missing, case.name, "is missing in the golden file")
    if not stages:
        yield Check.failure("case", case.name, "has no stage in the golden file")
        return
    steps = stages["gen_ids"][""].shape[1] if "gen_ids" in stages else 0
    labels = stages["labels_after"][""] if "labels_after" in stages else None
    ours = trace(model, case, steps, labels)
    for stage, parts in stages.items():
        shape = raw.get("shapes", {}).get(stage)
        yield compare(golden, case.name, stage, parts, ours.get(stage), shape)


def _check_rows(golden: Golden, model: Groma, case: Case) -> Iterator[Check]:
    """Compare each row of a batch that is perceived at once with the golden of the row alone."""
    alone = [golden.stages(f"{case.name}.row{row}") for row in range(len(case.images))]
    if not any(alone):
        return
    steps = max(stages["gen_ids"][""].shape[1] for stages in alone if "gen_ids" in stages)
    for row, ours in enumerate(batch_rows(model, case, steps)):
        for stage in sorted(set(alone[row]) & set(ours)):
            label = f"{case.name}[{row}]"
            yield compare(golden, label, stage, alone[row][stage], ours[stage], None)


def compare(
    golden: Golden,
    case: str,
    stage: str,
    parts: dict[str, np.ndarray],
    ours: torch.Tensor | None,
    shape: list[int] | None,
) -> Check:
    """Compare one stage with its golden parts.

    A golden of integers has to be equal, one of floats close by `Golden.tolerance`. A golden in
    PARTS holds the shape, samples and statistics of a tensor (see `rule`).
    """
    if ours is None:
        return Check.failure(stage, case, "this stage is unknown")
    values = ours.detach().cpu().numpy()
    if shape is not None and list(values.shape) != list(shape):
        return Check.failure(stage, case, f"shape is {list(values.shape)}, golden {shape}")
    if set(parts) == {""}:
        return _compare_whole(golden, case, stage, parts[""], values)
    if set(parts) != set(PARTS):
        return Check.failure(stage, case, f"parts are {sorted(parts)}, not {sorted(PARTS)}")
    if list(values.shape) != parts["#shape"].tolist():
        return Check.failure(
            stage, case, f"shape is {list(values.shape)}, golden {parts['#shape'].tolist()}"
        )
    pairs = (
        (rule.sample(values), parts["#sample"]),
        (rule.statistics(values), parts["#stat"]),
    )
    return _within(golden, case, stage, pairs)


def _compare_whole(
    golden: Golden, case: str, stage: str, wanted: np.ndarray, values: np.ndarray
) -> Check:
    if values.shape != wanted.shape:
        return Check.failure(stage, case, f"shape is {values.shape}, golden {wanted.shape}")
    if np.issubdtype(wanted.dtype, np.integer):
        wrong = int((values.astype(np.int64) != wanted.astype(np.int64)).sum())
        return Check(stage, case, error=float(wrong), tolerance=0.0)
    return _within(golden, case, stage, ((values, wanted),))


def _within(
    golden: Golden, case: str, stage: str, pairs: tuple[tuple[np.ndarray, np.ndarray], ...]
) -> Check:
    try:
        tolerance = golden.tolerance(stage)
    except KeyError:
        return Check.failure(stage, case, "err_f32_vs_f64 does not name this stage")
    worst = 0.0
    for values, wanted in pairs:
        if values.shape != wanted.shape:
            return Check.failure(stage, case, f"{wanted.shape} values, not {values.shape}")
        values, wanted = values.astype(np.float64), wanted.astype(np.float64)
        with np.errstate(invalid="ignore"):
            error = np.where(values == wanted, 0.0, np.abs(values - wanted))
        if error.size:
            worst = max(worst, float(np.where(np.isnan(error), np.inf, error).max()))
    return Check(stage, case, error=worst, tolerance=tolerance)
