"""Notifications to a webhook and to Slack, as Grafana sends them, and by e-mail: those of dashboards/contact-points.

The webhook's payload: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/
integrations/webhook-notifier/. Slack's: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, with
an attachment as Grafana makes it. Nothing is sent where the environment gives no address.
"""

from __future__ import annotations

import hashlib
import os
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import niquests

from footfall.errors import FootfallError
from footfall.grafana import placeholders, resources
from footfall.grafana.api import is_loopback
from footfall.grafana.resources import CONTACT_POINT, Json

SECONDS = 10
SLACK_LENGTH = 3000  # of a text; Slack folds what is longer
NEVER = "0001-01-01T00:00:00Z"  # what Grafana writes as the end of what has not ended
SMTP_HOST, SMTP_FROM = "ALERT_SMTP_HOST", "ALERT_SMTP_FROM"
SMTP_USER, SMTP_PASSWORD = "ALERT_SMTP_USER", "ALERT_SMTP_PASSWORD"


class NotDelivered(FootfallError):
    """A contact point did not take a notification; no address is in the message."""


@dataclass(frozen=True)
class Alert:
    """One alert as it is sent; ends is None while it fires."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    values: Mapping[str, float]
    starts: datetime
    ends: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same labels."""
        return hashlib.sha256(repr(sorted(self.labels.items())).encode()).hexdigest()[:16]

    @property
    def status(self) -> str:
        return "resolved" if self.ends else "firing"


@dataclass(frozen=True)
class Notification:
    """What a contact point is sent at once: the alerts of a group."""

    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    alerts: tuple[Alert, ...]

    @property
    def status(self) -> str:
        return "firing" if any(alert.ends is None for alert in self.alerts) else "resolved"

    @property
    def title(self) -> str:
        count = sum(alert.status == self.status for alert in self.alerts)
        named = " ".join(value for value in self.group_labels.values() if value)
        return " ".join(f"[{self.status.upper()}:{count}] {named}".split())[:200]

    @property
    def text(self) -> str:
        return "\n\n".join(_in_words(alert) for alert in self.alerts)

    def payload(self) -> Json:
        """The JSON of Grafana's webhook."""
        return {
            "receiver": self.receiver, "status": self.status, "orgId": 1,
            "alerts": [_described(alert) for alert in self.alerts],
            "groupLabels": dict(self.group_labels), "commonLabels": _common([one.labels for one in self.alerts]),
            "commonAnnotations": _common([one.annotations for one in self.alerts]), "externalURL": "", "version": "1",
            "groupKey": self.group_key, "truncatedAlerts": 0, "title": self.title,
            "state": "alerting" if self.status == "firing" else "ok", "message": self.text,
        }  # fmt: skip


@dataclass(frozen=True)
class ContactPoint:
    """One way of a contact point; those with the same name are notified together."""

    name: str
    kind: str
    settings: Json = field(repr=False)  # addresses are in it
    tells_resolved: bool = True

    def send(self, notification: Notification) -> None:
        """Raises NotDelivered."""
        SENDERS[self.kind](self.settings, notification)


def contact_points(folder: Path) -> list[ContactPoint]:
    """Those of a folder of dashboards for which the environment has an address, and that this can notify.

    Raises FootfallError with the file that is none.
    """
    found = []
    for thing in resources.read(folder):
        if thing.kind != CONTACT_POINT or thing.content["type"] not in SENDERS or placeholders.missing(thing.content):
            continue
        if thing.content["type"] == "email" and not os.environ.get(SMTP_HOST):
            continue
        content = placeholders.filled(thing.content)
        found.append(
            ContactPoint(
                content["name"], content["type"], content["settings"], not content.get("disableResolveMessage")
            )
        )
    return found


def _post(settings: Json, notification: Notification) -> None:
    user = (settings["username"], settings.get("password", "")) if settings.get("username") else None
    method = str(settings.get("httpMethod") or "POST")
    _send("the webhook", method, str(settings["url"]), notification.payload(), user)


def _slack(settings: Json, notification: Notification) -> None:
    """By an incoming webhook; what a title or text would be in Grafana's templates is as a mail has it."""
    if not settings.get("url"):
        raise NotDelivered("Slack is notified by an incoming webhook alone: give the contact point a url")
    names = {"recipient": "channel", "username": "username", "icon_emoji": "icon_emoji", "icon_url": "icon_url"}
    text = _for_slack(notification.text)
    attachment = {
        "color": "#D63232" if notification.status == "firing" else "#36a64f", "title": _for_slack(notification.title),
        "fallback": _for_slack(notification.title),
        "text": text if len(text) <= SLACK_LENGTH else f"{text[:SLACK_LENGTH]}…",
    }  # fmt: skip
    given = {name: str(settings[key]) for key, name in names.items() if settings.get(key)}
    _send("Slack", "POST", str(settings["url"]), {**given, "attachments": [attachment]})


def _for_slack(text: str) -> str:
    """Without what Slack takes for a mention or link of its own: names of sites come from outside."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _send(whom: str, method: str, url: str, content: Json, user: tuple[str, str] | None = None) -> None:
    if urlsplit(url).scheme not in ("http", "https"):
        raise NotDelivered(f"the address of {whom} is no http or https")
    try:
        answer = niquests.request(method, url, json=content, timeout=SECONDS, allow_redirects=False, auth=user)
    except (niquests.exceptions.RequestException, OSError) as error:
        raise NotDelivered(f"{whom} can't be reached: {type(error).__name__}") from None
    if not answer.ok or answer.is_redirect:
        raise NotDelivered(f"{whom} answered {answer.status_code}")


def _mail(settings: Json, notification: Notification) -> None:
    addresses = [one for one in re.split(r"[;,\s]+", str(settings["addresses"])) if one]
    groups = [addresses] if settings.get("singleEmail") else [[address] for address in addresses]
    host, _, port = (
        os.environ[SMTP_HOST].rpartition(":") if ":" in os.environ[SMTP_HOST] else (os.environ[SMTP_HOST], "", "25")
    )
    try:
        with smtplib.SMTP(host.strip("[]"), int(port), timeout=SECONDS) as server:
            # In clear to this machine only: names of sites and, where there is one, the password are in it.
            if not is_loopback(host.strip("[]")):
                server.starttls(context=ssl.create_default_context())
            if os.environ.get(SMTP_USER):
                server.login(os.environ[SMTP_USER], os.environ.get(SMTP_PASSWORD, ""))
            for group in groups:
                server.send_message(_message(notification, group))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered(f"the mail server does not take it: {type(error).__name__}") from None


def _message(notification: Notification, addresses: list[str]) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = notification.title
    message["From"] = os.environ.get(SMTP_FROM) or "footfall@localhost"
    message["To"] = ", ".join(addresses)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notification.text)
    return message


SENDERS: dict[str, Callable[[Json, Notification], None]] = {"webhook": _post, "slack": _slack, "email": _mail}


def _described(alert: Alert) -> Json:
    return {
        "status": alert.status, "labels": dict(alert.labels), "annotations": dict(alert.annotations),
        "startsAt": alert.starts.isoformat(), "endsAt": alert.ends.isoformat() if alert.ends else NEVER,
        "values": dict(alert.values), "generatorURL": "", "fingerprint": alert.fingerprint, "silenceURL": "",
        "dashboardURL": "", "panelURL": "",
    }  # fmt: skip


def _common(maps: list[Mapping[str, str]]) -> dict[str, str]:
    first = maps[0] if maps else {}
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in maps)}


def _in_words(alert: Alert) -> str:
    notes: dict[str, Any] = {name: text for name, text in alert.annotations.items() if not name.startswith("__")}
    lines = [f"{'Resolved' if alert.ends else 'Firing'}: {alert.labels.get('alertname', '')}", notes.pop("summary", "")]
    lines += [notes.pop("description", ""), *(f"{name}: {text}" for name, text in notes.items())]
    lines += [f"labels: {', '.join(f'{name}={value}' for name, value in sorted(alert.labels.items()))}"]
    lines += [f"since: {alert.starts.isoformat(timespec='seconds')}"]
    lines += [f"ended: {alert.ends.isoformat(timespec='seconds')}"] if alert.ends else []
    return "\n".join(line for line in lines if line)
