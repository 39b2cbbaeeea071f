"""What a provider promises, and how far it keeps it: `providers/<slug>/quality.yaml`.

Every promise is `done`, `todo` or `exempt` with a reason. The tier follows from them and is never written down.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .provider import NoDeletes, OAuth2, Provider, RateLimit

BRONZE, SILVER, GOLD = "bronze", "silver", "gold"
TIERS = (BRONZE, SILVER, GOLD)
STATUSES = ("done", "todo", "exempt")
MOST_LINES, MOST_HOOK_LINES = 150, 40

# Promise -> (tier, what it says). `tests/providers/` holds a provider to those it calls done.
PROMISES: Mapping[str, tuple[str, str]] = {
    "manifest": (BRONZE, "The declaration passes every system check"),
    "samples": (BRONZE, "Every resource has samples, written by us, with the awkward cases"),
    "mapping": (BRONZE, "Every sample becomes a valid canonical record"),
    "paging": (BRONZE, "Every page is read to the end, every record once"),
    "sign-in": (BRONZE, "A missing, wrong, revoked or expired credential is recognised"),
    "least-privilege": (BRONZE, "Only the rights in use are asked for, each with its reason"),
    "limits": (BRONZE, "The vendor's limits are declared"),
    "setup": (BRONZE, "Connecting is described with the vendor's own menu names"),
    "money": (SILVER, "Amounts arrive without loss of a cent, in every currency"),
    "incremental": (SILVER, "Only what changed is read"),
    "deletes": (SILVER, "What is gone there is noticed here"),
    "refusals": (SILVER, "Throttling, faults and refusals are told apart"),
    "webhook-signature": (SILVER, "A delivery with a wrong, old or missing signature is refused"),
    "residency": (SILVER, "Where the vendor keeps the data is said"),
    "runbook": (SILVER, "Whoever is on duty knows whom to ask and what to do"),
    "vendor-contract": (GOLD, "Requests and answers are held to the contract the vendor publishes"),
    "writes": (GOLD, "What members need is written, once, whatever happens on the way"),
    "actions": (GOLD, "The vendor can be asked to act from here"),
    "webhook-subscription": (GOLD, "Webhooks are subscribed to and looked after from here"),
    "time-zone": (GOLD, "Days are those of the organisation's own time zone"),
    "depth": (GOLD, "Everything is there that makes the provider useful to a chapter by itself"),
}


@dataclass(frozen=True, kw_only=True)
class Promise:
    status: str
    reason: str = ""


class BadQuality(ValueError):
    """quality.yaml cannot be used; the sentence says why."""


def read(folder: Path) -> dict[str, Promise]:
    """All promises of a provider, in their order."""
    try:
        said = yaml.safe_load((folder / "quality.yaml").read_text())
    except FileNotFoundError:
        raise BadQuality("quality.yaml is missing.") from None
    except yaml.YAMLError as error:
        raise BadQuality(f"quality.yaml is not YAML: {error}") from None
    named = set(said) if isinstance(said, dict) else set()
    if odd := named ^ set(PROMISES):
        raise BadQuality(f"quality.yaml names every promise, and no other; look at {', '.join(sorted(map(str, odd)))}.")
    return {name: _promise(name, said[name]) for name in PROMISES}


def _promise(name: str, said: Any) -> Promise:
    promise = Promise(**said) if isinstance(said, dict) and set(said) <= {"status", "reason"} else Promise(status=said)
    if promise.status not in STATUSES:
        raise BadQuality(f"quality.yaml: {name} is one of {', '.join(STATUSES)}.")
    if promise.status == "exempt" and not promise.reason:
        raise BadQuality(f"quality.yaml: {name} is exempt, and no reason is given.")
    return promise


def tier(promises: Mapping[str, Promise]) -> str:
    """The highest tier all of whose promises, and of those below, are kept. Without a contract to be held to, samples and
    stand-in are of one hand and prove nothing about the vendor: no gold, whatever the reason."""
    reached = ""
    for one in TIERS:
        names = [name for name, (level, _) in PROMISES.items() if level == one]
        open_ones = [name for name in names if promises[name].status == "todo"]
        if open_ones or (one == GOLD and promises["vendor-contract"].status != "done"):
            break
        reached = one
    return reached


def unshown(provider: Provider, promises: Mapping[str, Promise]) -> list[str]:
    """Promises that are called done and that the declaration does not show. The tests hold the others to what happens."""
    shown = {
        "limits": provider.limits != RateLimit(),
        "setup": len(provider.setup) > 1,
        "residency": bool(provider.residency.regions),
        "runbook": provider.runbook is not None and bool(provider.runbook.fallback),
        "least-privilege": all(auth.scopes for auth in provider.auths if isinstance(auth, OAuth2)),
        "incremental": any(resource.cursor for resource in provider.resources),
        "deletes": any(not isinstance(resource.deletes, NoDeletes) for resource in provider.resources),
        "webhook-signature": provider.webhook is not None,
        "writes": any(resource.write for resource in provider.resources),
        "actions": bool(provider.actions),
    }
    return [name for name, is_shown in shown.items() if promises[name].status == "done" and not is_shown]


def lines(folder: Path) -> dict[str, int]:
    """File name -> lines of code: blank lines, comments and docstrings are not counted."""
    return {path.name: len(set(_code_lines(path.read_text()))) for path in sorted(folder.glob("*.py"))}


def _code_lines(source: str) -> Iterator[int]:
    strings = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            yield from (line for line in range(token.start[0], token.end[0] + 1) if line not in strings)
