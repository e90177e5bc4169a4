"""Answer a question in words, decoded token by token; phrases in the answer point at regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from groma_ros.encoding import prompts
from groma_ros.encoding.answer_markup import AnswerPhrase, parse_answer, without_repetitions
from groma_ros.inference.answer_context import AnswerContext
from groma_ros.inference.answer_grammar import AnswerGrammar, DecodedToken, decode_answer
from groma_ros.inference.region_choice import ChosenRegion, boxes_and_scores
from groma_ros.values.answers import (
    AnswerEvent,
    BoxFound,
    Grounding,
    Phrase,
    PhraseOpened,
    Status,
    TextPiece,
)
from groma_ros.values.commands import Command

REPLACEMENT_CHARACTER = "\ufffd"  # what a tokenizer gives for the first bytes of a character
NOTHING_POINTED = "Nothing in the picture answers this."
SHORTEST_ANSWER = 16  # tokens that a question has to leave room for


def answer_in_words(context: AnswerContext, command: Command) -> Grounding:
    """Return the whole answer to a question; raises Cancelled between two tokens."""
    question_ids = context.question_ids(_question(context, command), SHORTEST_ANSWER)
    tokens = list(decode_words(context, question_ids))
    return _finish(context, command, question_ids, tokens, *_parse(context, tokens))


def stream_in_words(
    context: AnswerContext, command: Command, target_only: bool = False
) -> Iterator[AnswerEvent]:
    """Yield an answer as it grows, and in the end the whole of it.

    With `target_only` it ends where its first `<roi>` closes.
    """
    tokenizer, perception = context.tokenizer, context.perception
    question_ids = context.question_ids(_question(context, command), SHORTEST_ANSWER)
    tokens: list[DecodedToken] = []
    text, mentions, streamed = "", [], 0
    for token in decode_words(context, question_ids):
        tokens.append(token)
        text, mentions = _parse(context, tokens)
        if len(text) > streamed and not text.endswith(REPLACEMENT_CHARACTER):
            yield TextPiece(text[streamed:])
            streamed = len(text)
        if token.token_id == tokenizer.token_id("<p>"):
            yield PhraseOpened(len(mentions))
        chosen = _chosen_region(context, token)
        if chosen is not None:
            score = chosen.probability * float(perception.scores[chosen.region])
            yield BoxFound(len(mentions) - 1, perception.boxes_xyxy[chosen.region], score)
        if target_only and token.token_id == tokenizer.token_id("</roi>"):
            break
    if len(text) > streamed:
        yield TextPiece(text[streamed:])
    yield _finish(
        context, command, question_ids, tokens, text, mentions, cut_on_purpose=target_only
    )


def describe_region(context: AnswerContext, region: int, question: str) -> tuple[str, float]:
    """Return the answer to a question about a region, and its tokens' mean probability.

    The mean is the geometric one. Raises Cancelled, and ValueError for a question that is too long.
    """
    asked = prompts.refer(prompts.in_case(question, context.model.config.lowercase))
    question_ids = context.question_ids(asked, SHORTEST_ANSWER)
    tokens = list(decode_words(context, question_ids, region))
    probabilities = [max(token.probability, 1e-9) for token in tokens]
    return _parse(context, tokens)[0], float(np.exp(np.mean(np.log(probabilities))))


def _question(context: AnswerContext, command: Command) -> str:
    return prompts.chat(prompts.in_case(command.text, context.model.config.lowercase))


def decode_words(
    context: AnswerContext, question_ids: Sequence[int], region: int | None = None
) -> Iterator[DecodedToken]:
    """Yield the answer to a question token by token; `region` is the one it refers to."""
    model, prefix = context.model, context.perception.prefix
    used = prefix.length + len(question_ids)
    room = model.config.language.max_position_embeddings - used
    grammar = AnswerGrammar(context.tokenizer, context.region_tokens, model.device)
    embeds = context.embed(question_ids, region)[None]
    limit = min(context.max_new_tokens, room)
    cache, fixed = prefix.fork(), context.fixed_decoder
    return decode_answer(model, embeds, cache, grammar, limit, context.cancel, fixed)


def _parse(
    context: AnswerContext, tokens: Sequence[DecodedToken]
) -> tuple[str, list[AnswerPhrase]]:
    marked = context.tokenizer.decode([token.token_id for token in tokens])
    return parse_answer(marked, context.region_tokens.count)


def _chosen_region(context: AnswerContext, token: DecodedToken) -> ChosenRegion | None:
    region = context.tokenizer.region_index(token.token_id)
    return None if region is None else ChosenRegion(region, token.region_probabilities)


def _finish(
    context: AnswerContext,
    command: Command,
    question_ids: Sequence[int],
    tokens: Sequence[DecodedToken],
    text: str,
    mentions: Sequence[AnswerPhrase],
    cut_on_purpose: bool = False,
) -> Grounding:
    """Note question and answer; return the answer without what an enumeration says twice."""
    eos, ids = context.tokenizer.eos_id, [token.token_id for token in tokens]
    complete = ids[-1:] == [eos]
    context.transcript_ids += [*question_ids, *ids, *([] if complete else [eos])]
    lists = _region_lists(context, tokens)
    chosen = [next(lists) if mention.regions else [] for mention in mentions]
    text, kept = without_repetitions(text, mentions)
    if _has_empty_list(context, ids):
        text, kept = _only_pointed(mentions, [i for i, _ in kept if chosen[i]])
    boxes, scores = context.perception.boxes_xyxy, context.perception.scores
    phrases = tuple(
        Phrase(mentions[i].text, span, *boxes_and_scores(chosen[i], boxes, scores), "mention")
        for i, span in kept
    )
    reasons = [] if any(chosen) else ["the answer points at nothing in the picture"]
    if not (complete or cut_on_purpose):
        reasons.append(f"the answer was cut after {len(tokens)} tokens")
    status = Status.GROUNDED if any(chosen) else Status.NOT_FOUND
    return context.grounding(command, status, text, phrases, "; ".join(reasons))


def _has_empty_list(context: AnswerContext, ids: Sequence[int]) -> bool:
    """Return whether the model named something and then closed its list without a region."""
    opening, closing = context.tokenizer.token_id("<roi>"), context.tokenizer.token_id("</roi>")
    return (opening, closing) in pairwise(ids)


def _only_pointed(
    mentions: Sequence[AnswerPhrase], pointed: Sequence[int]
) -> tuple[str, list[tuple[int, tuple[int, int]]]]:
    """Return a sentence of the phrases that point at a region, and where each stands in it.

    A sentence whose list of regions is empty ("I see the boxes: .") says nothing.
    """
    text, kept = "I see " if pointed else NOTHING_POINTED, []
    for place, i in enumerate(pointed):
        text += "" if place == 0 else " and " if i == pointed[-1] else ", "
        kept.append((i, (len(text), len(text) + len(mentions[i].text))))
        text += mentions[i].text
    return text + ("." if pointed else ""), kept


def _region_lists(
    context: AnswerContext, tokens: Sequence[DecodedToken]
) -> Iterator[list[ChosenRegion]]:
    """Yield the regions of each `<roi>` that names any."""
    regions: list[ChosenRegion] = []
    for token in tokens:
        chosen = _chosen_region(context, token)
        if chosen is not None:
            regions.append(chosen)
        elif regions:
            yield regions
            regions = []
    if regions:
        yield regions
