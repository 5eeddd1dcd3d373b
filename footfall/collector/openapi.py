"""The OpenAPI document that is served at /openapi.json; its schemas come from the types that read the calls."""

from __future__ import annotations

from typing import Any

import msgspec

from footfall.collector.segment import BATCH_BYTES, BATCH_EVENTS, EVENT_BYTES, TYPES, Call

Schema = dict[str, Any]


class _Batch(msgspec.Struct):
    """The body of a batch; segment.Batch leaves its calls undecoded."""

    batch: list[Call]
    writeKey: str | None = None
    sentAt: str | None = None
    context: dict[str, Any] | None = None
    integrations: dict[str, Any] | None = None


_, _COMPONENTS = msgspec.json.schema_components([Call, _Batch], ref_template="#/components/schemas/{name}")
_ANSWER: Schema = {
    "type": "object",
    "required": ["success"],
    "properties": {
        "success": {"type": "boolean"},
        "reason": {"type": "string", "description": "why nothing of it was taken"},
        "rejected": {
            "type": "array",
            "description": "the events that will never be good; the others were taken",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "properties": {
                    "index": {
                        "type": ["integer", "null"],
                        "minimum": 0,
                        "description": "place in the batch; null for what is said of the whole batch",
                    },
                    "reason": {"type": "string"},
                    "messageId": {"type": ["string", "null"]},
                },
            },
        },
    },
}
_RETRY = {"Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}


def _answer(description: str, **more: Any) -> Schema:
    schema = {"$ref": "#/components/schemas/Answer"}
    return {"description": description, "content": {"application/json": {"schema": schema}}, **more}


_REFUSALS: Schema = {
    "400": _answer("It will never be good; the reason says why"),
    "401": _answer("No site has this write key"),
    "403": _answer("Pages of this origin may not send to the site"),
    "408": _answer("The body came too slowly"),
    "413": _answer("The body is too long"),
    "415": _answer("The Content-Encoding is not known"),
    "429": _answer("Too many requests: try again", headers=_RETRY),
    "503": _answer("Kafka or Postgres is away: try again", headers=_RETRY),
}
_TAKEN = {"200": _answer("Kafka has it")}


def _post(summary: str, schema: str) -> Schema:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {
        "post": {
            "summary": summary,
            "security": [{"writeKey": []}, {"header": []}, {}],
            "requestBody": {"required": True, "content": {"application/json": content, "text/plain": content}},
            "responses": _TAKEN | _REFUSALS,
        }
    }


def _query(name: str, description: str) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}


_KEY: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,99}$"}
_PATHS: Schema = {}
for _type in TYPES:
    for _name in (_type, _type[0]):
        _PATHS[f"/v1/{_name}"] = _post(f"One {_type} call, up to {EVENT_BYTES // 1024} KB", "Call")
for _name in ("batch", "b", "import"):
    _PATHS[f"/v1/{_name}"] = _post(f"Up to {BATCH_EVENTS:,} calls and {BATCH_BYTES // 1024} KB", "_Batch")
_PATHS["/v1/m"] = {
    "post": {
        "summary": "What Segment's SDKs report about themselves; not kept",
        "requestBody": {"content": {"application/json": {"schema": {}}}},
        "responses": _TAKEN | {status: _REFUSALS[status] for status in ("400", "408", "413", "415", "429")},
    }
}
_IMAGE = {"image/gif": {"schema": {"type": "string", "format": "binary"}}}
_PATHS["/v1/pixel.gif"] = {
    "get": {
        "summary": "One event of a page or a mail without scripts",
        "parameters": [
            _query("key", "write key"),
            _query("url", "address of the page; else the Referer header"),
            _query("event", "name of a track event; without it the event is a page view"),
            _query("data", "instead of single parameters: base64 of the JSON of a call"),
        ],
        "responses": {
            "200": {"description": "Kafka has it", "content": _IMAGE},
            **{
                status: {"description": _REFUSALS[status]["description"], "content": _IMAGE}
                for status in ("400", "401", "403", "503")
            },
            "429": _REFUSALS["429"],
        },
    }
}
_PATHS["/v1/projects/{key}/settings"] = {
    "get": {
        "summary": "The settings that analytics.js asks for",
        "parameters": [{"name": "key", "in": "path", "required": True, "schema": _KEY}],
        "responses": {
            "200": {"description": "Settings", "content": {"application/json": {"schema": {"type": "object"}}}},
            "404": _answer("No site has this write key"),
            "429": _REFUSALS["429"],
            "503": _REFUSALS["503"],
        },
    }
}

DOCUMENT = msgspec.json.encode(
    {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall's collector",
            "version": "1",
            "description": "Segment's HTTP Tracking API. An answer of 200 means that Kafka has the events.",
        },
        "paths": _PATHS,
        "components": {
            "schemas": {**_COMPONENTS, "Answer": _ANSWER},
            "securitySchemes": {
                "writeKey": {"type": "http", "scheme": "basic", "description": "the write key as user, no password"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
            },
        },
    }
)
