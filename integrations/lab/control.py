"""`/_lab/...`: what tests and the demo may ask of the lab itself. It never runs in production."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from integrations import registry
from integrations.provider import Resource
from integrations.provider.paths import plant

from . import callers, faults
from .store import DEFAULTS
from .wire import Answer, Refusal, Request, json_bytes

if TYPE_CHECKING:
    from .app import Lab

HOST = "_lab"


def answer(lab: Lab, request: Request) -> Answer:
    """GET state; POST faults, refuse, reset, reset_faults, settings, expire, revoke, change, delete."""
    try:
        return Answer(body=json_bytes(_answer(lab, request)))
    except Refusal as refusal:
        return Answer(status=refusal.status, body=json_bytes({"error": refusal.message}))
    except ValueError:
        return Answer(status=400, body=json_bytes({"error": "The body is not JSON, or a number in it is none."}))


def _answer(lab: Lab, request: Request) -> Any:
    if request.method == "GET" and request.path == "/state":
        return {**lab.store.state(), "scale": lab.scale}
    act = _ACTS.get(request.path) if request.method == "POST" else None
    if act is None:
        raise Refusal(404, f"The lab has GET /_lab/state and POST {', '.join(f'/_lab{path}' for path in _ACTS)}.")
    asked = request.json if request.body else {}
    if not isinstance(asked, dict):
        raise Refusal(400, "Send a JSON object.")
    return act(lab, asked)


def _faults(lab: Lab, asked: dict[str, Any]) -> Any:
    """{"provider", "resource" or null, "fault", "times": 1, "retry_after": 1}; `resource` may also be "token", "accounts"
    or "test"."""
    if asked.get("fault") not in faults.FAULTS:
        raise Refusal(400, f"fault is one of {', '.join(faults.FAULTS)}.")
    provider = _provider(asked)
    lab.store.do("INSERT INTO faults (provider, resource, fault, times, retry_after) VALUES (?, ?, ?, ?, ?)",
                 provider, asked.get("resource"), asked["fault"], int(asked.get("times", 1)),
                 float(asked.get("retry_after") or 0))  # fmt: skip
    return {"waiting": lab.store.state()["faults"]}


def _refuse(lab: Lab, asked: dict[str, Any]) -> Any:
    """{"provider", "resource", "path", "value", "message"}: records sent with that value there are not taken, until
    `reset_faults`; others in the same call are."""
    lab.store.do("INSERT INTO refusals (provider, resource, path, value, message) VALUES (?, ?, ?, ?, ?)",
                 _provider(asked), str(asked.get("resource", "")), str(asked.get("path", "")), str(asked.get("value", "")),
                 str(asked.get("message") or "This record is not valid."))  # fmt: skip
    return {"refusals": len(lab.store.rows("SELECT id FROM refusals"))}


def _reset(lab: Lab, _: dict[str, Any]) -> Any:
    lab.store.reset()
    return {"reset": True}


def _reset_faults(lab: Lab, _: dict[str, Any]) -> Any:
    lab.store.do("DELETE FROM faults")
    lab.store.do("DELETE FROM refusals")
    return {"waiting": []}


def _settings(lab: Lab, asked: dict[str, Any]) -> Any:
    for name, value in asked.items():
        if name not in DEFAULTS:
            raise Refusal(400, f"The settings are {', '.join(DEFAULTS)}.")
        lab.store.set(name, value)
    return lab.store.state()["settings"]


def _expire(lab: Lab, asked: dict[str, Any]) -> Any:
    """Every access token of the provider is over; refresh tokens live."""
    done = lab.store.do("UPDATE tokens SET expires_at = ? WHERE provider = ? AND kind = 'access'",
                        time.time() - 1, _provider(asked))  # fmt: skip
    return {"expired": done}


def _revoke(lab: Lab, asked: dict[str, Any]) -> Any:
    """As if the person had withdrawn the consent at the vendor: no token of the provider works again."""
    return {"revoked": lab.store.do("UPDATE tokens SET revoked = 1 WHERE provider = ?", _provider(asked))}


def _change(lab: Lab, asked: dict[str, Any]) -> Any:
    """{"provider", "resource", "index": 0 or "key", "account" (default: every one seen), "set": {path: value}}: somebody
    edits a record at the vendor."""
    changed = []
    for records, key in _chosen(lab, asked):
        posted = records.get(key) or {}
        for path, value in (asked.get("set") or {}).items():
            plant(posted, path, value)
        if records.change(key, posted) is not None:
            changed.append(key)
    return {"changed": changed}


def _delete(lab: Lab, asked: dict[str, Any]) -> Any:
    """The same choice as for a change: the record is gone from the vendor."""
    keys = []
    for records, key in _chosen(lab, asked):
        records.delete(key)
        keys.append(key)
    return {"deleted": keys}


def _provider(asked: dict[str, Any]) -> str:
    slug = str(asked.get("provider", ""))
    if slug not in registry.all_providers():
        raise Refusal(400, f"provider is one of {', '.join(registry.all_providers())}.")
    return slug


def _chosen(lab: Lab, asked: dict[str, Any]) -> list[Any]:
    provider = registry.get(_provider(asked))
    resource = next((r for r in provider.resources if r.name == asked.get("resource")), None)
    if not isinstance(resource, Resource):
        raise Refusal(400, f"resource is one of {', '.join(r.name for r in provider.resources)}.")
    found = []
    for row in lab.store.rows("SELECT account, seed FROM accounts WHERE provider = ?", provider.slug):
        if asked.get("account") in (None, row["account"]):
            caller = callers.Caller(account=row["account"], seed=row["seed"])
            records = lab.records(provider, resource, caller)
            listed = records.listing(None, None)
            key = str(asked["key"]) if "key" in asked else listed[int(asked.get("index", 0))][0]
            found.append((records, key))
    return found


_ACTS = {
    "/faults": _faults,
    "/refuse": _refuse,
    "/reset": _reset,
    "/reset_faults": _reset_faults,
    "/settings": _settings,
    "/expire": _expire,
    "/revoke": _revoke,
    "/change": _change,
    "/delete": _delete,
}
