"""Pending requests: a full queue refuses, withdrawal answers at once, and nobody is told twice."""

from groma_ros.ros.latest_frame import LatestFrame
from groma_ros.ros.pending_requests import PendingRequests, new_request
from groma_ros.ros.requests import Result, failure
from groma_ros.ros.settings import Settings
from groma_ros.values.answers import Status


def submit(pending, count=1, **more):
    """Submit requests; return them, what went to the model, and the results that were told."""
    requests = [new_request(str(n), LatestFrame(), Settings(), **more) for n in range(count)]
    to_model, results = [], []
    for request in requests:
        pending.submit(request, to_model.append, results.append)
    return requests, to_model, results


def test_nothing_is_pending_at_first():
    pending = PendingRequests()
    pending.withdraw_all("why")
    assert not pending


def test_a_request_is_pending_until_it_is_answered_and_is_answered_once():
    pending = PendingRequests()
    (request,), to_model, results = submit(pending)
    assert (to_model, len(pending)) == ([request], 1)
    result = Result(request, failure(Status.NO_IMAGE, "no image"))
    pending.answer(result)
    pending.answer(result)
    assert (results, len(pending)) == ([result], 0)


def test_a_full_queue_refuses_the_newest_request_at_once():
    pending = PendingRequests()
    most = Settings().max_pending_requests
    requests, to_model, results = submit(pending, most + 1)
    assert to_model == requests[:-1]
    (refused,) = results
    assert (refused.request, refused.grounding.status) == (requests[-1], Status.ERROR)
    assert refused.grounding.reason == "8 requests are waiting already, and at most 8 may"
    assert len(pending) == most


def test_in_a_flood_the_newest_command_waits_for_one_answer_at_most():
    pending = PendingRequests()
    requests, to_model, results = submit(pending, 1000, gives_way=True)
    alive = [r for r in to_model if not r.cancel.is_set()]
    assert alive == [requests[0], requests[-1]]  # the one under way, and the newest
    assert len(pending) == 2
    assert [r.request for r in results] == requests[1:-1]
    assert {r.grounding.status for r in results} == {Status.CANCELLED}
    assert results[0].grounding.reason == "there were too many commands, and a newer one came"


def test_after_a_flood_commands_wait_for_each_other_again():
    pending = PendingRequests()
    requests, _, _ = submit(pending, 20, gives_way=True)
    for request in (requests[0], requests[-1]):
        pending.answer(Result(request, failure(Status.NO_IMAGE, "no image")))
    later, _, results = submit(pending, 4, gives_way=True)
    assert (len(pending), results) == (4, [])
    assert not any(request.cancel.is_set() for request in later)


def test_goals_and_questions_do_not_give_way_to_a_flood():
    pending = PendingRequests()
    kept, _, _ = submit(pending, 3)
    submit(pending, 100, gives_way=True)
    assert not any(request.cancel.is_set() for request in kept)


def test_withdrawal_cancels_and_answers_all_and_a_late_result_is_dropped():
    pending = PendingRequests()
    requests, _, results = submit(pending, 2)
    pending.withdraw_all("the node was deactivated")
    assert [r.request for r in results] == requests
    assert {r.grounding.status for r in results} == {Status.CANCELLED}
    assert {r.grounding.reason for r in results} == {"the node was deactivated"}
    assert all(request.cancel.is_set() for request in requests)
    pending.answer(Result(requests[0], failure(Status.NO_IMAGE, "late")))
    assert (len(results), len(pending)) == (2, 0)


def test_a_request_waits_for_a_first_image_as_long_as_the_settings_say():
    short = new_request("cup", LatestFrame(), Settings(command_timeout_s=1.0))
    long = new_request("cup", LatestFrame(), Settings(command_timeout_s=100.0))
    assert 98.0 < long.deadline_s - short.deadline_s < 100.0


def test_a_command_that_is_too_long_is_refused_with_both_numbers_and_not_repeated_in_full():
    pending = PendingRequests()
    request = new_request("x" * 1_000_000, LatestFrame(), Settings(max_command_characters=100))
    to_model, results = [], []
    pending.submit(request, to_model.append, results.append)
    (result,) = results
    assert (to_model, len(pending), result.grounding.status) == ([], 0, Status.ERROR)
    assert "1000000 characters and at most 100" in result.grounding.reason
    assert len(result.request.text) <= 100
