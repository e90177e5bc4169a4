"""Find the regions that a phrase means: what it fits, without what it excludes, in number and row.

A plain phrase is answered by the model's probabilities alone. A phrase with an exclusion, a count
or an ordinal is asked for in the form that finds most, and the rest is decided by the regions'
places. Of a model whose lists have no order the first place of a list tells how much each region
fits, so that "all the cups" and "the leftmost cup" take one look, as "the cup" does; of another
model lists are decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.phrase_questions import PhraseQuestion
from groma_ros.inference.region_choice import (
    ChosenRegion,
    choose_regions,
    list_probabilities,
    renormalised_steps,
)
from groma_ros.inference.things import (
    in_a_row,
    names_of,
    regions_named,
    thing_regions,
    without_overlapping,
)
from groma_ros.speed.kv_cache import KeyValueCache
from groma_ros.values.commands import CommandPhrase


@dataclass(frozen=True, eq=False)
class FirstRegionProbabilities:
    """What the model says right after `<roi>`, and how to go on from there.

    question_ids   the question as token ids, `<roi>` included
    probabilities  (n + 1,) of each region and, last, of the end of the list
    make_cache     returns keys and values up to `<roi>`
    """

    question_ids: list[int]
    probabilities: np.ndarray
    make_cache: Callable[[], KeyValueCache]


@dataclass(frozen=True, eq=False)
class PhraseRegions:
    """Hold the regions that a phrase means.

    chosen   the regions, each with the probabilities it was chosen from
    note     why there is none, or what stays open; else empty
    doubtful whether it stays open which of the regions are meant
    names    what the model calls each region, where each is a phrase of its own; else empty
    """

    chosen: list[ChosenRegion]
    note: str = ""
    doubtful: bool = False
    names: tuple[str, ...] = ()


def is_plain(question: PhraseQuestion) -> bool:
    """Return whether the model's probabilities alone answer a phrase."""
    phrase = question.phrase
    restricted = question.by_name or len(question.asked) != 1
    return not (question.refusal or restricted or phrase.ordinal or phrase.count)


def plain_regions(
    context: AnswerContext,
    phrase: CommandPhrase,
    first: FirstRegionProbabilities,
) -> Iterator[ChosenRegion]:
    """Yield the regions that a phrase fits; raise Cancelled between two of a plural one.

    Regions that are not asked about take part in the choice and are left out of it afterwards.
    """
    tokens, rule = context.region_tokens, context.model.config.pointing
    if phrase.plural and not rule.list_ratio:
        chosen = tokens.decode_region_list(
            context.model,
            first.probabilities,
            first.make_cache(),
            context.cancel,
            context.fixed_decoder,
        )
    else:
        boxes = context.perception.boxes_xyxy
        ratio = rule.list_ratio if phrase.plural else rule.ambiguity_ratio
        regions = choose_regions(first.probabilities, boxes, rule.refusal_threshold, ratio)
        chosen = map(ChosenRegion, regions, renormalised_steps(regions, first.probabilities))
    yield from (one for one in chosen if one.region not in tokens.outside)


def find_regions(
    context: AnswerContext,
    question: PhraseQuestion,
    firsts: Sequence[FirstRegionProbabilities],
) -> PhraseRegions:
    """Return the regions of a phrase; `firsts` answers `question.asked` in order."""
    if question.refusal:
        return PhraseRegions([], question.refusal)
    if is_plain(question):
        return PhraseRegions(list(plain_regions(context, question.asked[0], firsts[0])))
    first_excluded = 0 if question.by_name else 1
    excluded = [
        one.region
        for phrase, first in zip(
            question.asked[first_excluded:], firsts[first_excluded:], strict=True
        )
        for one in plain_regions(context, phrase, first)
    ]
    found = _candidates(context, question, firsts)
    left = without_overlapping(context, list(found), excluded)
    if found and not left:
        return PhraseRegions([], f'only what is excluded fits "{question.phrase.text}"')
    if not question.phrase.plural and not question.by_name and question.phrase.ordinal is None:
        left = _without_weak_rivals(context, left, found)
    return _selected(context, question, left, found)


def _candidates(
    context: AnswerContext,
    question: PhraseQuestion,
    firsts: Sequence[FirstRegionProbabilities],
) -> dict[int, float]:
    """Return the regions that a phrase fits before exclusions, with their probabilities."""
    if question.by_name:
        regions = thing_regions(context)
        if question.names:
            regions = regions_named(context, regions, question.names)
        return dict.fromkeys(regions, 1.0)
    chosen = list(plain_regions(context, question.asked[0], firsts[0]))
    regions = [one.region for one in chosen]
    probabilities = list_probabilities(regions, [one.probabilities for one in chosen])
    return dict(zip(regions, probabilities.tolist(), strict=True))


def _without_weak_rivals(
    context: AnswerContext, regions: Sequence[int], probabilities: dict[int, float]
) -> list[int]:
    """Return the regions whose probability comes near that of the best one left."""
    if not regions:
        return []
    ratio = context.model.config.pointing.ambiguity_ratio
    best = max(probabilities[region] for region in regions)
    return [region for region in regions if probabilities[region] >= ratio * best]


def _selected(
    context: AnswerContext,
    question: PhraseQuestion,
    regions: list[int],
    probabilities: dict[int, float],
) -> PhraseRegions:
    """Return the regions that an ordinal or a count means, or all of them."""
    phrase, note, doubtful = question.phrase, "", False
    if phrase.ordinal is not None:
        regions, note, doubtful = _in_place(context, phrase, regions)
    elif phrase.count:
        regions, note, doubtful = _in_number(phrase, regions)
    elif question.by_name and not regions:
        note = "" if question.names else "no thing stands out in the picture"
    names: tuple[str, ...] = ()
    if question.told_apart:
        called = names_of(context, regions)
        names = tuple(called[region] for region in regions)
    size = len(context.perception.scores) + 1
    chosen = [_alone(region, probabilities[region], size) for region in regions]
    return PhraseRegions(chosen, note, doubtful, names)


def _in_place(
    context: AnswerContext, phrase: CommandPhrase, regions: list[int]
) -> tuple[list[int], str, bool]:
    """Return the region at the place of an ordinal, a note, and whether it stays open."""
    ordinal = phrase.ordinal
    assert ordinal is not None
    if not regions:
        return [], "", False
    if not ordinal.side:
        note = f'"{phrase.text}" does not say from which side to count'
        return regions, note if len(regions) > 1 else "", len(regions) > 1
    row = in_a_row(context, regions, ordinal.side)
    if ordinal.number > len(row):
        return [], f'"{phrase.text}" asks for number {ordinal.number} of {len(row)}', False
    return [row[ordinal.number - 1 if ordinal.number > 0 else ordinal.number]], "", False


def _in_number(phrase: CommandPhrase, regions: list[int]) -> tuple[list[int], str, bool]:
    """Return as many regions as a phrase counts, a note, and whether it stays open."""
    if not regions or len(regions) == phrase.count:
        return regions, "", False
    if len(regions) > phrase.count and not phrase.definite:
        return regions[: phrase.count], "", False
    note = f'"{phrase.text}" asks for {phrase.count} and {len(regions)} fit'
    return regions, note, True


def _alone(region: int, probability: float, size: int) -> ChosenRegion:
    """Return a region that was chosen by itself with a probability."""
    probabilities = np.zeros(size)
    probabilities[region] = probability
    return ChosenRegion(region, probabilities)
