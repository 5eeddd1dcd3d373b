"""What the collector keeps of an event, by consent and by the rules of the site."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from footfall.collector.consent import Consent
from footfall.collector.privacy import consent_of, protect, truncated
from footfall.collector.scrub import scrub_text
from footfall.collector.site_settings import Site

SITE = Site("shop", (), "UTC", (), Consent.FULL, frozenset({"loyalty_number"}), 0, b"k" * 32)
SALT, OTHER_SALT = b"s" * 32, b"t" * 32
ADDRESS, AGENT = "203.0.113.77", "Mozilla/5.0"
PLANTED = {
    "e-mail": ["ada.lovelace@example.org", "ada%2Etest%40example.org"],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "4111111111111111"],
    "address": ["203.0.113.77"],
}


def kept(event: dict[str, Any], consent: Consent, address: str = ADDRESS, salt: bytes = SALT) -> dict[str, Any]:
    event = copy.deepcopy(event)
    assert protect(event, SITE, consent, address=address, agent=AGENT, salt=salt)
    return event


def event(**fields: Any) -> dict[str, Any]:
    return {"type": "page", "messageId": "m-1", "anonymousId": "device-1", "userId": "u-4711", "context": {}, **fields}


@pytest.mark.parametrize(
    ("said", "default", "opted_out", "consent"),
    [
        (None, "full", False, "full"),
        (None, "anonymous", False, "anonymous"),
        (None, "none", True, "none"),
        ("full", "anonymous", False, "full"),
        ("anonymous", "full", False, "anonymous"),
        ("none", "full", False, "none"),
        ("full", "full", True, "anonymous"),
        ("none", "full", True, "none"),
        ("everything", "full", False, "anonymous"),
        (7, "full", False, "anonymous"),
        (["full"], "none", False, "none"),
    ],
)
def test_consent_is_what_the_event_says_and_never_more(said: Any, default: str, opted_out: bool, consent: str) -> None:
    site = Site("shop", (), "UTC", (), Consent(default), frozenset(), 0, b"k" * 32)
    context = {} if said is None else {"consent": {"category": said}}
    assert consent_of({"context": context}, site, opted_out) == consent


def test_without_consent_nothing_is_kept() -> None:
    assert not protect(event(), SITE, Consent.NONE, address=ADDRESS, agent=AGENT, salt=SALT)


@pytest.mark.parametrize("kind", ["identify", "alias", "group"])
def test_an_anonymous_visitor_is_not_identified(kind: str) -> None:
    assert not protect(event(type=kind), SITE, Consent.ANONYMOUS, address=ADDRESS, agent=AGENT, salt=SALT)


def test_an_anonymous_event_holds_nothing_that_identifies() -> None:
    given = event(
        traits={"plan": "pro"}, previousId="p-1", groupId="g-1",
        context={
            "ip": ADDRESS, "traits": {"name": "Ada"}, "device": {"id": "d-1", "type": "phone", "advertisingId": "ad-1"},
            "page": {"url": "https://shop.example/?gclid=click-1&utm_source=news"}, "locale": "en", "userAgent": AGENT,
        },
    )  # fmt: skip
    text = json.dumps(kept(given, Consent.ANONYMOUS))
    for word in ("u-4711", "device-1", "p-1", "g-1", "pro", "Ada", "d-1", "ad-1", "click-1", "203.0.113"):
        assert word not in text, word
    assert "utm_source=news" in text
    assert AGENT in text


def test_the_id_of_the_day_is_one_for_an_address_and_agent_and_can_not_be_linked_over_days() -> None:
    today, again = kept(event(), Consent.ANONYMOUS), kept(event(anonymousId="other"), Consent.ANONYMOUS)
    assert today["anonymousId"] == again["anonymousId"]
    assert kept(event(), Consent.ANONYMOUS, salt=OTHER_SALT)["anonymousId"] != today["anonymousId"]
    assert kept(event(), Consent.ANONYMOUS, address="203.0.113.78")["anonymousId"] != today["anonymousId"]


def test_full_consent_keeps_ids_and_traits_but_shortens_the_address() -> None:
    found = kept(event(type="identify", traits={"plan": "pro", "email": "ada@example.org"}), Consent.FULL)
    assert (found["anonymousId"], found["userId"], found["traits"]) == ("device-1", "u-4711", {"plan": "pro"})
    assert found["context"]["ip"] == "203.0.113.0"


def test_an_id_that_is_an_e_mail_address_is_a_stable_pseudonym() -> None:
    first, second = (kept(event(userId="ada@example.org"), Consent.FULL) for _ in range(2))
    other = kept(event(userId="bob@example.org"), Consent.FULL)
    assert first["userId"] == second["userId"] != other["userId"]
    assert "ada" not in json.dumps(first)


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3::4", "2001:db8:1::"), ("::ffff:203.0.113.77", "203.0.113.0"),
        ("localhost", ""), ("", ""), ("203.0.113.777", ""),
    ],
)  # fmt: skip
def test_an_address_is_shortened(address: str, short: str) -> None:
    assert truncated(address) == short


@pytest.mark.parametrize("name", ["token", "access_token", "Password", "loyalty_number", "card-number", "user[email]"])
def test_denied_fields_are_removed_at_any_depth_and_from_addresses_of_pages(name: str) -> None:
    given = event(
        properties={"a": [{name: "gone-1", "price": 79.5}]},
        context={"page": {"url": f"https://ada:gone-2@shop.example/x?{name}=gone-3&q=shoes#{name}=gone-4"}},
    )
    found = kept(given, Consent.FULL)
    text = json.dumps(found)
    assert "gone" not in text
    assert "q=shoes" in text
    assert found["properties"] == {"a": [{"price": 79.5}]}


def test_a_harmless_event_stays_as_it_is() -> None:
    given = event(
        name="Home", properties={"path": "/a@2x.png", "order_id": "4711-0815", "revenue": 79.5, "n": 1234567890123},
        context={"page": {"url": "https://shop.example/?q=a+b&page=2", "path": "/"}, "library": {"name": "x"}},
    )  # fmt: skip
    found = kept(given, Consent.FULL)
    assert found["properties"] == given["properties"]
    assert found["context"]["page"] == given["context"]["page"]


@pytest.mark.parametrize("consent", [Consent.FULL, Consent.ANONYMOUS])
def test_no_planted_secret_survives_anywhere(consent: Consent) -> None:
    rng = random.Random(11)
    for _ in range(1000):
        secrets = [rng.choice(values) for values in PLANTED.values()]
        found = kept(
            event(
                name=f"page of {secrets[0]}", properties=planted(rng, secrets, 3), traits=planted(rng, secrets, 2),
                context={"page": {"title": f"for {secrets[1]}", "url": f"https://shop.example/?m={secrets[0]}"}},
                messageId=f"m-{secrets[0]}", event=secrets[1],
            ),
            consent,
        )  # fmt: skip
        text = json.dumps(found, ensure_ascii=False)
        for secret in secrets[:2]:
            assert secret not in text, (secret, found)
        before = copy.deepcopy(found)
        assert protect(found, SITE, consent, address=ADDRESS, agent=AGENT, salt=SALT)
        found["anonymousId"] = before["anonymousId"]
        assert found == before  # nothing is left to be done


def planted(rng: random.Random, secrets: list[str], depth: int) -> dict[str, Any]:
    return {
        rng.choice(["note", "comment", secrets[0], "query"]): rng.choice(
            [f"call {secrets[0]} or {secrets[1]}", [secrets[1], 7], planted(rng, secrets, depth - 1) if depth else None]
        )
        for _ in range(3)
    }


def test_fields_of_any_type_never_raise() -> None:
    rng = random.Random(5)
    values: list[Any] = [None, True, 7, -1.5, "", "x", "ada@example.org", [], {}, [{}], {"a": {"b": [None]}}, 10**30]
    names = [
        "type", "messageId", "anonymousId", "userId", "event", "name", "context", "properties", "traits",
        "integrations",
    ]  # fmt: skip
    inner = ["ip", "page", "device", "screen", "location", "consent", "userAgentData", "traits", "library", "campaign"]
    for _ in range(3000):
        given = {name: rng.choice(values) for name in rng.sample(names, 5)}
        given["context"] = {name: rng.choice(values) for name in rng.sample(inner, 4)}
        for consent in (Consent.FULL, Consent.ANONYMOUS):
            protect(copy.deepcopy(given), SITE, consent, address="x", agent="\ud800", salt=SALT)


def test_a_text_that_is_no_event_is_masked_too() -> None:
    text = scrub_text("ada@example.org paid with 4111 1111 1111 1111 from 203.0.113.77")
    assert not any(part in text for part in ("ada@", "4111", "113.77"))
