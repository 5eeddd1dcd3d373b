"""A batch keeps its good events, whatever else is in it; what can't be read is in rejected_events with its reason."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from collector_app import Answer, request, served
from hypothesis import example, given, settings
from hypothesis import strategies as st
from segment.analytics.client import Client

from footfall.collector.segment import BATCH_EVENTS, DEPTH, SHARED_BYTES
from footfall.settings import ROOT


def good(number: int, **more: Any) -> bytes:
    return json.dumps({"type": "page", "messageId": f"g{number}", "anonymousId": "a", **more}).encode()


def batch(*calls: bytes, rest: bytes = b"") -> bytes:
    return b'{"batch":[' + b",".join(calls) + b"]" + rest + b"}"


def send(body: bytes, **more: Any) -> Answer:
    return request("/v1/batch", body, **more)


# Each is a fault of its own element, and says nothing of where that ends.
BAD = {
    b'{"type":"page","properties":{"price":NaN}}': "no JSON",
    b'{"type":"page","properties":{"a":[-Infinity,undefined]}}': "no JSON",
    b'{"type":"page","name":"\xff"}': "not UTF-8",
    b'{"type":"page","name":"a\x01\n"}': "no JSON",
    b'{"type":"page","name":"\\x41"}': "no JSON",
    b"{'type':'page'}": "no JSON",
    b'{"type":"page","properties":{"a":[1}}': "no JSON",
    b'{"type":"page","properties":{"a":1]}}': "no JSON",
    b'{"type":"page"}}': "no JSON",
    b'{"type":"page" "name":"a"}': "no JSON",
    b"nul": "no JSON",
    b"{}": "type is missing",
    b"7": "Expected `object`",
    b'{"type":"page","context":"x"}': "`$.context`",
    b'{"type":"page","userId":1.5}': "`$.userId`",
    b'{"type":"page","timestamp":"9999-12-31T23:59:59Z","sentAt":"1970-01-01T00:00:00Z"}': "before 1970 or after 9999",
    b'{"type":"page","timestamp":"2026-01-01T00:00:00Z","sentAt":"9999-01-01T00:00:00Z"}': "before 1970 or after 9999",
    b'{"type":"page","timestamp":-1}': "no number of milliseconds",
    b'{"type":"page","timestamp":1e300}': "no number of milliseconds",
    b'{"type":"page","properties":' + b'{"a":' * 300 + b"1" + b"}" * 301: "nested deeper than 64",
}
# What is said of the whole batch, and can't be read.
WRONG = {
    b',"context":"x"': "context of the batch is left out: it is no object",
    b',"context":[1]': "context of the batch is left out: it is no object",
    b',"integrations":7': "integrations of the batch is left out: it is no object",
    b',"sentAt":{"a":1}': "sentAt of the batch is left out: it is no text",
    b',"sentAt":"yesterday"': "sentAt of the batch is left out: sentAt is not ISO-8601",
    b',"sentAt":1769864400': "no number of milliseconds",
    b',"context":{"a":NaN}': "context of the batch is left out: the text is no JSON",
    b',"context":{"a":"' + b"b" * SHARED_BYTES + b'"}': "8,192 are the most",
    b',"context":' + b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1): "nested deeper than 64",
    b',"writeKey":7': "writeKey of the batch is left out: it is no text",
    b",oops": "no field of it",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_event_is_rejected_with_its_reason_and_those_beside_it_are_kept(bad: bytes) -> None:
    answer = send(batch(good(1), bad, good(2)))
    assert (answer.status, answer.accepted) == (200, ["g1", "g2"])
    assert [one["index"] for one in answer.content["rejected"]] == [1]
    assert [BAD[bad] in one["reason"] for one in answer.rejected] == [True]
    assert answer.rejected[0]["reason"] == answer.content["rejected"][0]["reason"]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_said_of_all_and_can_not_be_read_is_left_out_and_noted(wrong: bytes) -> None:
    answer = send(batch(good(1), good(2), rest=wrong))
    assert (answer.status, answer.accepted) == (200, ["g1", "g2"])
    assert [one["index"] for one in answer.content["rejected"]] == [None]
    assert [WRONG[wrong] in one["reason"] for one in answer.rejected] == [True]


@pytest.mark.parametrize("rest", [b',"context":[]', b',"integrations":[]', b',"sentAt":""', b',"context":null'])
def test_what_is_empty_is_no_fault(rest: bytes) -> None:
    answer = send(batch(good(1), rest=rest))
    assert answer.content == {"success": True}
    assert answer.accepted == ["g1"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert send(b"\xef\xbb\xbf" + batch(good(1))).content == {"success": True}
    assert request("/v1/page", b"\xef\xbb\xbf" + good(1)).content == {"success": True}


def test_a_batch_that_was_cut_short_keeps_what_is_whole() -> None:
    body = batch(good(1), good(2), good(3), rest=b',"sentAt":"2026-01-31T12:00:00Z"')
    answer = send(body[: body.index(b"g3")])
    assert (answer.status, answer.accepted) == (200, ["g1", "g2"])
    assert [one["index"] for one in answer.content["rejected"]] == [None, 2]
    assert "cut short" in answer.rejected[0]["reason"]


def test_what_holds_for_all_counts_also_where_the_whole_is_no_json() -> None:
    rest = b',"context":{"locale":"de"},"sentAt":1769864400000,"writeKey":"write-key"'
    answer = send(batch(good(1), b"NaN", rest=rest), key=None)
    kept = answer.written[0]
    assert (kept["context"]["locale"], kept["sentAt"]) == ("de", "2026-01-31T13:00:00.000Z")


def test_a_body_in_which_no_event_can_be_found_is_recorded_once_its_site_is_known() -> None:
    answer = send(b"\xef\xbb\xbfhello")
    assert (answer.status, [one["original"] for one in answer.rejected]) == (400, ["\ufeffhello"])
    assert send(b"hello", key=None).status == 400
    too_many = send(batch(*[b"{}"] * (BATCH_EVENTS + 1)))
    assert (too_many.status, "2,500 are the most" in too_many.rejected[0]["reason"]) == (400, True)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"userId": 12345.0}, {"userId": "12345"}),
        ({"messageId": 42}, {"messageId": "42"}),
        ({"messageId": 42.0, "anonymousId": -7}, {"messageId": "42", "anonymousId": "-7"}),
        ({"properties": [], "traits": [], "integrations": []}, {"properties": {}, "traits": {}, "integrations": {}}),
        ({"timestamp": 1769864400000}, {"originalTimestamp": "2026-01-31T13:00:00.000Z"}),
        ({"timestamp": 1769864400000.25}, {"originalTimestamp": "2026-01-31T13:00:00.000Z"}),
        ({"sentAt": "", "timestamp": "2026-01-31T13:00:00Z"}, {"timestamp": "2026-01-31T13:00:00.000Z"}),
    ],
)
def test_what_is_meant_by_another_type_is_taken_as_it_is_meant(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    body = {"type": "track", "event": "e", "userId": "u", **sent}
    for answer in (send(json.dumps({"batch": [body]}).encode()), request("/v1/track", json.dumps(body).encode())):
        assert answer.content == {"success": True}
        assert {name: answer.written[0].get(name) for name in kept} == kept
        assert answer.written[0].get("sentAt") != ""


def test_a_key_in_a_call_that_can_not_be_read_says_where_it_is_recorded() -> None:
    answer = request("/v1/page", b'{"writeKey":"write-key","properties":{"a":NaN}}', key=None)
    assert (answer.status, len(answer.rejected), "no JSON" in answer.content["reason"]) == (400, 1, True)


def test_a_text_that_is_no_event_stays_only_where_nothing_is_said_against_it() -> None:
    no = b'"context":{"consent":{"category":"none"}}'
    unreadable, bad = b'{"type":"page","a":NaN,%b}' % no, b'{"type":"what",%b}' % no
    for body in (batch(unreadable), batch(bad), batch(b"NaN", rest=b"," + no), batch(*[bad] * (BATCH_EVENTS + 1))):
        assert ["original" in one for one in send(body).rejected] == [False]
    assert ["original" in one for one in send(batch(b"NaN")).rejected] == [True]


def test_a_long_user_agent_or_context_is_not_multiplied_by_the_events() -> None:
    shared = b',"context":{"a":"' + b"b" * (SHARED_BYTES - 10) + b'"}'
    written = send(batch(*[b'{"type":"page","anonymousId":"a"}'] * 100, rest=shared)).written
    assert sum(len(json.dumps(event)) for event in written) < 100 * (SHARED_BYTES + 2000)


TEXTS = st.text(max_size=20)
GOOD = st.dictionaries(TEXTS, TEXTS | st.integers(-(2**40), 2**40) | st.lists(TEXTS, max_size=3), max_size=3)
ELEMENTS = st.lists(st.sampled_from(list(BAD)) | GOOD, max_size=8)
SPACE = st.sampled_from([b"", b" ", b"\r\n", b"\t"])


@settings(max_examples=150, deadline=None)
@given(elements=ELEMENTS, rest=st.sampled_from([b"", *WRONG]), mark=st.booleans(), space=SPACE, cut=st.integers(0, 60))
def test_no_batch_loses_a_good_event(
    elements: list[bytes | dict[str, Any]], rest: bytes, mark: bool, space: bytes, cut: int
) -> None:
    """Also with a byte order mark, an end that is missing, and whatever is wrong in the elements beside it."""
    calls = [one if isinstance(one, bytes) else good(n, properties=one) for n, one in enumerate(elements)]
    calls = [space + call + space for call in calls]
    whole = batch(*calls, rest=rest)
    body = whole[: len(whole) - cut]
    answer = send((b"\xef\xbb\xbf" if mark else b"") + body)
    expected = [
        f"g{n}" for n, one in enumerate(elements)
        if isinstance(one, dict) and len(b'{"batch":[' + b",".join(calls[: n + 1])) - len(space) <= len(body)
    ]  # fmt: skip
    assert [one for one in answer.accepted if one.startswith("g")] == expected
    assert answer.status in (200, 400)
    assert all(one["reason"] for one in answer.rejected)


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ batchnul0', max_size=200).map(str.encode))
@example(b'{"batch":[' + b"[" * 5000)
@example(b'{"batch":[' + b"]}" * 5000)
@example(b'{"batch":["')
@example(b'{"batch"')
@example(b"{" + b"," * 5000)
@example(b'{"batch":[' + b"," * 5000)
def test_no_body_is_an_error_of_the_collector(body: bytes) -> None:
    for path in ("/v1/batch", "/v1/track"):
        for key in ("write-key", None):
            assert request(path, body, key=key).status in (200, 400, 401)


def test_segments_sdk_loses_only_the_event_that_is_to_blame() -> None:
    """As in the report: a float that is not a number, in one of three events, by the SDK as it is."""
    with served() as (url, answers):
        client = Client("write-key", host=url, max_retries=0, upload_interval=0.2, upload_size=10)
        client.track("u1", "Signed Up", {"plan": "pro"})
        client.track("u2", "Quote", {"price": math.nan})
        client.track("u3", "Order Completed", {"revenue": 20})
        client.shutdown()
    written = [event for answer in answers for event in answer.written]
    assert sorted(event["userId"] for event in written if event["type"] == "track") == ["u1", "u3"]
    assert ["no JSON" in event["reason"] for event in written if event["type"] == "rejected"] == [True]
    assert {answer.status for answer in answers} <= {200, 400}


def field_cases() -> dict[str, Any]:
    found = [path for parent in ROOT.parents if (path := parent / "shared" / "data" / "field_cases.json").exists()]
    if not found:
        pytest.skip("the cases from the field are not here: shared/data/field_cases.json, beside the repository")
    return {case["id"]: case["input"] for case in json.loads(Path(found[0]).read_text())}


def test_the_cases_from_the_field() -> None:
    cases = field_cases()
    (events,) = cases["F01"].values()
    events[1]["properties"]["price"] = math.nan
    answer = send(json.dumps({"batch": events}).encode())
    assert [event.get("event") for event in answer.written] == ["Signed Up", None, "Order Completed"]
    assert (answer.status, [one["index"] for one in answer.content["rejected"]]) == (200, [1])
    for request_, content in cases["F18"].items():
        answer = request(request_.removeprefix("POST "), json.dumps(content).encode())
        assert (answer.content, len(answer.accepted)) == ({"success": True}, 1)
