"""System checks of the platform: manifests, mappings and targets are held to each other at start, not in a request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, register
from pydantic import BaseModel

from . import registry, targets
from .matching import rules as matching
from .provider import (
    CATEGORIES,
    ApiKey,
    BasicAuth,
    ClientCredentials,
    Each,
    Field,
    OAuth2,
    Provider,
    Resource,
    SinglePage,
    Tombstones,
    dig,
)
from .provider.resources import CURSOR_FORMATS

HINTS = {
    "E001": "Import the provider's module by hand to see where it fails.",
    "E002": "Small letters, digits and hyphens: it is folder, part of the URL and key.",
    "E003": f"One of {', '.join(CATEGORIES)}.",
    "E004": "Credentials travel there: https, always.",
    "E005": "At least one resource; names of small letters, digits and underscores, each once.",
    "E006": "One way to sign in per kind; a key's template holds {key}, its pattern is a regular expression.",
    "E007": "People read the reason before they consent.",
    "E008": "A named group of the key's pattern, or a value of the lookup, fills it.",
    "E009": "members/targets.py and finance/targets.py say what there is.",
    "E010": "The path begins with / and holds {parent} just if the resource is Within another; records have a key.",
    "E011": f"A cursor has a field, a header or a parameter, and a format: {', '.join(CURSOR_FORMATS)}.",
    "E012": "`POST /things`, `PUT /things/{key}` for an update, `POST /things` for many; json or form; a list is wrapped.",
    "E013": "Each canonical field once, from one path, or from several with a converter.",
    "E014": "Map it, or no record will ever be valid.",
    "E015": 'Say whose key it is: ref="contacts", a resource of this provider that becomes the target it refers to.',
    "E016": "Correct the target's references or natural keys.",
    "E017": "The schema renders a form and checks the API: a JSON Schema of an object. Names are given once.",
    "E018": "A webhook's topics are about resources of this provider; one for all chapters says whose a delivery is.",
    "E019": "`manage.py renderproviderdocs` writes the README; the logo is a monogram of our own.",
    "E020": "One file per resource: the whole answer of its list, as the vendor gives it, written by us.",
    "E021": "Every promise is done, todo, or exempt with a reason.",
    "E022": "What a hook does for the second time is a word of the vocabulary.",
    "E023": "Tombstones stand in the list (field) or in one of their own (path), and not inside another resource's records.",
    "E024": "Correct the target's matching: integrations/matching/rules.py says what each word means.",
}
_SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,59}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_WRITE = re.compile(r"(POST|PUT|PATCH) /\S*")

Found = Iterator[tuple[str, str]]


@register()
def declarations(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        found = list(registry.all_providers().values())
    except Exception as error:  # noqa: BLE001 whatever is wrong with a provider's module is said, not raised
        return [_error("providers", "E001", f"cannot be loaded: {type(error).__name__}: {error}")]
    said = [(provider.slug, *problem) for provider in found for problem in problems(provider)]
    said += [(target.name, *problem) for target in targets.all_targets().values() for problem in _target(target)]
    return [_error(*one) for one in said]


def problems(provider: Provider) -> Found:
    """Everything that is wrong with a declaration and its folder: (code, sentence)."""
    yield from _identity(provider)
    yield from _sign_in(provider)
    for resource in provider.resources:
        yield from _resource(provider, resource)
        yield from _write(resource)
        if resource.target in targets.all_targets():
            yield from _mapping(provider, resource)
    yield from _schemas(provider)
    yield from _webhook(provider)
    yield from _folder(provider)


def _error(about: str, code: str, problem: str) -> Error:
    return Error(f"{about}: {problem}", hint=HINTS[code], id=f"integrations.{code}")


def _identity(provider: Provider) -> Found:
    if not _SLUG.fullmatch(provider.slug):
        yield "E002", f"'{provider.slug}' is no slug."
    if provider.category not in CATEGORIES:
        yield "E003", f"there is no category '{provider.category}'."
    for address in _addresses(provider):
        if urlsplit(address).scheme != "https" or not urlsplit(address).netloc:
            yield "E004", f"'{address}' is no https address."
    names = [resource.name for resource in provider.resources]
    if not names:
        yield "E005", "it has no resources."
    for name in sorted({name for name in names if names.count(name) > 1 or not _NAME.fullmatch(name)}):
        yield "E005", f"the resource name '{name}' is used twice, or is none."


def _addresses(provider: Provider) -> Iterator[str]:
    yield from (provider.website, provider.base_url)
    for auth in provider.auths:
        if isinstance(auth, OAuth2):
            yield from (auth.authorize, auth.token)
            yield from filter(None, (auth.revoke, auth.lookup.url if auth.lookup else None))
        if isinstance(auth, ClientCredentials):
            yield auth.token
    if provider.accounts and "://" in provider.accounts.path:
        yield provider.accounts.path


def _sign_in(provider: Provider) -> Found:
    kinds = [auth.kind for auth in provider.auths]
    if len(set(kinds)) != len(kinds):
        yield "E006", "two ways to sign in are of one kind."
    for auth in provider.auths:
        told: set[str] = set()
        if isinstance(auth, (ApiKey, BasicAuth)):
            try:
                told = set(re.compile(auth.pattern).groupindex)
            except re.error as error:
                yield "E006", f"the pattern of its {auth.kind} is no regular expression: {error}."
        if isinstance(auth, ApiKey) and auth.username is None and "{key}" not in auth.template:
            yield "E006", "the template of its key does not hold {key}."
        if isinstance(auth, OAuth2):
            told = set(auth.lookup.values) if auth.lookup else set()
            yield from (("E007", f"the scope {s.name} has no reason.") for s in auth.scopes if len(s.reason) < 10)
        if isinstance(auth, (OAuth2, ApiKey)):
            for name in sorted(set(_PLACEHOLDER.findall(provider.base_url)) - told):
                yield "E008", f"nothing fills {{{name}}} of the base URL after signing in by {auth.kind}."


def _resource(provider: Provider, resource: Resource) -> Found:
    about, names = f"resource {resource.name}", {other.name for other in provider.resources}
    if resource.target not in targets.all_targets():
        yield "E009", f"{about}: there is no target '{resource.target}'."
    if not resource.path.startswith("/") or ("{parent}" in resource.path) != (resource.within is not None):
        yield "E010", f"{about}: the path '{resource.path}' does not fit."
    if resource.within and resource.within.resource not in names:
        yield "E010", f"{about}: there is no resource '{resource.within.resource}' to be within."
    if not resource.key:
        yield "E010", f"{about}: it has no key."
    if not isinstance(resource.pages, SinglePage) and resource.pages.size < 1:
        yield "E010", f"{about}: reading pages of {resource.pages.size} records never ends."
    cursor = resource.cursor
    if cursor and (not cursor.field or (cursor.header is None) == (cursor.param is None)):
        yield "E011", f"{about}: its cursor does not say how it is sent."
    if cursor and cursor.format not in CURSOR_FORMATS:
        yield "E011", f"{about}: its cursor has the unknown format '{cursor.format}'."
    deletes = resource.deletes
    if isinstance(deletes, Tombstones) and (
        bool(deletes.field) == bool(deletes.path) or (deletes.path and resource.within)
    ):
        yield "E023", f"{about}: its tombstones are not to be found."


def _write(resource: Resource) -> Found:
    write, about = resource.write, f"resource {resource.name}"
    if write is None:
        return
    for verb, said in (("create", write.create), ("update", write.update)):
        if said and (not _WRITE.fullmatch(said) or ("{key}" in said) != (verb == "update")):
            yield "E012", f"{about}: '{said}' is no way to {verb}."
    if not (write.create or write.update) or write.body not in ("json", "form") or write.batch < 1:
        yield "E012", f"{about}: its write does not say what is sent where."
    if write.list_wrap and not write.wrap:
        yield "E012", f"{about}: its list is wrapped in nothing."
    if write.update_all and (not _WRITE.fullmatch(write.update_all) or "{" in write.update_all):
        yield "E012", f"{about}: '{write.update_all}' is no way to update many."
    if write.batch > 1 and not (write.list_wrap and write.refused):
        yield "E012", f"{about}: a call of many does not say what it is wrapped in, or why one of them was refused."
    if write.find and not (write.find.params and write.find.equal):
        yield "E012", f"{about}: what is looked for cannot be recognised."


# --- mapping ---------------------------------------------------------------------------------------------------------------


def _mapping(provider: Provider, resource: Resource) -> Found:
    target, about = targets.get(resource.target), f"mapping of {resource.name}"
    yield from _fields(resource.mapping.fields, target.canonical, about)
    written = {field.to.partition(".")[0] for field in resource.mapping.fields}
    for name, declared in target.canonical.model_fields.items():
        if declared.is_required() and name not in written:
            yield "E014", f"{about}: {resource.target} needs '{name}'."
    become = {other.name: other.target for other in provider.resources}
    for field in resource.mapping.fields:
        if isinstance(field, Field) and field.ref is None and field.to in target.refs:
            yield "E015", f"{about}: '{field.to}' holds the id of another record."
        if isinstance(field, Field) and field.ref and become.get(field.ref, "") != target.refs.get(field.to):
            yield "E015", f"{about}: '{field.to}' cannot refer to '{field.ref}'."


def _fields(fields: tuple[Any, ...], model: type[BaseModel], about: str) -> Found:
    names = [field.to for field in fields]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "E013", f"{about}: '{name}' is mapped twice."
    for field in fields:
        inner = _at(model, field.to)
        if inner is None:
            yield (
                "E013",
                f"{about}: there is no canonical field '{field.to}' (there are {', '.join(model.model_fields)}).",
            )
        elif isinstance(field, Each) and issubclass(inner, BaseModel):
            yield from _fields(field.fields, inner, f"{about}, {field.to}")
        if isinstance(field, Field) and (not field.sources or (len(field.sources) > 1 and field.convert is None)):
            yield "E013", f"{about}: '{field.to}' has several paths and no converter."


def _at(model: type[BaseModel], path: str) -> type | None:
    """What stands at a dotted canonical field: the model in it where there is one, else `object`; None for nothing."""
    step, _, rest = path.partition(".")
    declared = model.model_fields.get(step)
    if declared is None:
        return None
    inner = next(
        (part for part in _parts(declared.annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None
    )
    if rest:
        return _at(inner, rest) if inner else None
    return inner or object


def _parts(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is None:
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _target(target: targets.Target) -> Found:
    """The other side: what a target says of its own canonical model."""
    named = {*target.refs, *(name for key in target.natural_keys for name in key)}
    for name in sorted(named - set(target.canonical.model_fields)):
        yield "E016", f"its canonical model has no '{name}'."
    for name in sorted(set(target.refs.values()) - set(targets.all_targets())):
        yield "E016", f"it refers to '{name}', which is no target."
    if target.matching:
        yield from (("E024", problem) for problem in matching.problems(target.matching, target.canonical))


# --- actions, webhook, folder ----------------------------------------------------------------------------------------------


def _schemas(provider: Provider) -> Found:
    import jsonschema  # with _folder's, a twentieth of what every process needs to start; only those that check want it

    schemas = [*((action.name, action.input) for action in provider.actions), ("settings", provider.settings)]
    for name, schema in schemas:
        try:
            jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(schema)))
        except (jsonschema.SchemaError, TypeError, ValueError) as error:
            yield "E017", f"{name} has no JSON Schema: {str(error).splitlines()[0]}."
        if schema.get("type") != "object":
            yield "E017", f"the JSON Schema of {name} is not one of an object."
    names = [name for name, _ in schemas]
    for name in sorted({name for name in names if names.count(name) > 1 or not _NAME.fullmatch(name)}):
        yield "E017", f"the action name '{name}' is used twice, or is none."


def _webhook(provider: Provider) -> Found:
    webhook, names = provider.webhook, {resource.name for resource in provider.resources}
    if webhook is None:
        return
    for topic, name in webhook.topics.items():
        if name not in names:
            yield "E018", f"the webhook topic '{topic}' is about '{name}', which is no resource."
    if webhook.app_level and webhook.account is None:
        yield "E018", "its webhook serves all chapters and does not say whose a delivery is."
    if webhook.body not in ("json", "form"):
        yield "E018", f"its webhook is neither json nor form, but '{webhook.body}'."


def _folder(provider: Provider) -> Found:
    from . import quality

    folder = registry.folder(provider.slug)
    for name in ("logo.svg", "README.md"):
        if not (folder / name).is_file():
            yield "E019", f"{name} is missing."
    for resource in provider.resources:
        path = folder / "samples" / f"{resource.name}.json"
        try:
            if not isinstance(dig(json.loads(path.read_bytes()), resource.records), list):
                yield "E020", f"samples/{path.name} has no list at '{resource.records}'."
        except (OSError, ValueError) as error:
            yield "E020", f"samples/{path.name} cannot be read: {type(error).__name__}."
    try:
        quality.read(folder)
    except quality.BadQuality as error:
        yield "E021", str(error)
    counted = quality.lines(folder)
    if sum(counted.values()) >= quality.MOST_LINES:
        yield "E022", f"{sum(counted.values())} lines of Python; fewer than {quality.MOST_LINES} are allowed."
    if counted.get("hooks.py", 0) > quality.MOST_HOOK_LINES:
        yield "E022", f"{counted['hooks.py']} lines of hooks; {quality.MOST_HOOK_LINES} are allowed."
