"""A real webhook and a real mail server on loopback, and the environment that leads alerts to them."""

from __future__ import annotations

import email
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler
from typing import Any

import grafana_server
import pytest
from aiosmtpd.controller import Controller
from conftest import free_port

Json = dict[str, Any]
WEBHOOK, EMAIL, SLACK = "footfall webhook", "footfall email", "footfall slack"


@dataclass
class Inbox:
    """What came; status: what the webhook answers."""

    posts: list[Json] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    status: int = 200
    environment: dict[str, str] = field(default_factory=dict)

    def received(self) -> list[tuple[str, str]]:
        """Receiver and status of each post, in their order."""
        return [(post["receiver"], post["status"]) for post in self.posts]


class _Mail:
    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.inbox.mails.append(message)
        self.inbox.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


@contextmanager
def running() -> Iterator[Inbox]:
    inbox = Inbox()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if inbox.status == 200:
                inbox.posts.append(body)
            self.send_response(inbox.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    port = free_port()
    mail = Controller(_Mail(inbox), hostname="127.0.0.1", port=port)
    mail.start()
    try:
        with grafana_server.serving(Webhook) as url:
            inbox.environment = {
                "ALERT_WEBHOOK_URL": f"{url}/hook", "ALERT_EMAIL": "ops@shop.example; night@shop.example",
                "ALERT_SMTP_HOST": f"127.0.0.1:{port}",
            }  # fmt: skip
            yield inbox
    finally:
        mail.stop()


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """Both servers, and nothing but them in the environment."""
    for name in ("ALERT_SLACK_URL", "ALERT_SMTP_USER", "ALERT_SMTP_PASSWORD", "ALERT_SMTP_FROM", "GRAFANA_URL"):
        monkeypatch.delenv(name, raising=False)
    with running() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found
