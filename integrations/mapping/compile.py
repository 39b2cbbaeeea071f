"""A resource's mapping, compiled once per run to closures: no path is parsed and no rule looked up per record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from integrations import targets
from integrations.http.decode import Unreadable
from integrations.provider import Const, Each, Field, Resource

from .formulas import BadFormula
from .outward import Outward, outward_of
from .overrides import Override, Step, deviate, fingerprint
from .paths import Getter, getter, setter

LONGEST_KEY = 255
# What a converter may raise over a value nobody foresaw; ValueError carries a sentence for people.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RecursionError)

Out = dict[str, Any]


class Reason(NamedTuple):
    """Why a record cannot be applied: a canonical field (dotted) and a sentence."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Mapped(NamedTuple):
    """A vendor's record in canonical shape, not yet validated.

    `key` is the record's id there ("" when it has none that can be used); `refs` are fields whose value in `data` is the key
    of another record: field -> (resource, key).
    """

    key: str
    data: Out
    errors: list[Reason]
    refs: dict[str, tuple[str, str]]


class Rule(NamedTuple):
    """How an incoming value meets ours, where it is not simply taken."""

    owner: str
    write: str


@dataclass(frozen=True, kw_only=True)
class CompiledMapping:
    """`inward(record)` never raises. `outward(data)` makes a vendor's record of canonical data whose references are keys
    there; what has no way out is left out. `digest(data)` is 32 hex digits, keyed with everything that decides what data means:
    mapping version, canonical URN and deviations, of which `fingerprint` is 32 hex digits.
    `exact`: numbers must be decoded as decimals. `rules` holds the top-level fields that are not plainly theirs; `out` says
    what is sent, and how. `as_before(record, digest)`: whether the record is what it was when an earlier mapping, which still
    stands for the records that were here, made that digest of it.
    """

    inward: Callable[[Any], Mapped]
    outward: Callable[[Mapping[str, Any]], Out]
    digest: Callable[[Mapping[str, Any]], str]
    fingerprint: str
    exact: bool
    rules: Mapping[str, Rule] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)
    out: Outward = field(default_factory=lambda: Outward(ways=(), rules={}))
    as_before: Callable[[Any, str], bool] = field(default=lambda _record, _digest: False)


class MappingError(ValueError):
    """The mapping cannot be compiled; the sentence names resource and field."""


def compile_mapping(resource: Resource, overrides: Mapping[str, Override] | None = None) -> CompiledMapping:
    """The resource's mapping with a connection's deviations. Raises MappingError, or UnknownTarget."""
    overrides = overrides or {}
    target = targets.get(resource.target)
    try:
        steps = deviate(resource.mapping.fields, overrides, resource.name)
        out = outward_of(steps, overrides)
    except BadFormula as error:
        raise MappingError(f"{resource.name}: {error}") from None
    taken = tuple(step for step in steps if not _never(step, overrides, target))
    refs = {step.to: step.ref for step in steps if isinstance(step, Field) and step.ref}
    if unknown := set(refs) - set(target.refs):
        raise MappingError(f"{resource.name}: {', '.join(sorted(unknown))} is no reference of {target.name}.")
    meaning = f"{resource.mapping.version}|{target.canonical.URN}|{fingerprint(overrides)}"
    return CompiledMapping(
        inward=_inward(resource, taken, refs),
        outward=out.whole,
        digest=_digest(meaning),
        fingerprint=hashlib.blake2b(meaning.encode(), digest_size=16).hexdigest(),
        exact=any(_exact(step) for step in taken),
        rules=_rules(taken, overrides),
        refs=refs,
        out=out,
    )


def _never(step: Step, overrides: Mapping[str, Override], target: targets.Target) -> bool:
    """A field that is never written here, or only goes out, is not taken, unless a record cannot be made without it."""
    only_out = step.to in overrides and overrides[step.to].direction == "out"
    if _rule(step, overrides).write != "never" and not only_out:
        return False
    declared = target.canonical.model_fields.get(step.to)
    return declared is None or not declared.is_required()


def _rule(step: Step, overrides: Mapping[str, Override]) -> Rule:
    if step.to in overrides:
        return Rule(overrides[step.to].owner, overrides[step.to].write)
    return Rule(step.owner, step.write) if isinstance(step, Field) else Rule("theirs", "always")


def _rules(steps: tuple[Step, ...], overrides: Mapping[str, Override]) -> dict[str, Rule]:
    plain = Rule("theirs", "always")
    rules = {step.to.partition(".")[0]: _rule(step, overrides) for step in steps}
    return {name: rule for name, rule in rules.items() if rule != plain}


def _exact(step: Step) -> bool:
    if isinstance(step, Each):
        return any(_exact(inner) for inner in step.fields)
    return isinstance(step, Field) and step.convert is not None and step.convert.exact


# --- inward -----------------------------------------------------------------------------------------------------------

Take = Callable[[Any, Any, Out, list[Reason]], None]


def _inward(resource: Resource, steps: tuple[Step, ...], refs: Mapping[str, str]) -> Callable[[Any], Mapped]:
    takes = tuple(_take(step, "") for step in steps)
    key_of = getter(resource.key)
    parent_of = getter(resource.within.into) if resource.within else None
    groups = tuple({step.to.partition(".")[0] for step in steps if "." in step.to})

    def inward(record: Any) -> Mapped:
        errors: list[Reason] = []
        data: Out = {}
        if type(record) is not dict:
            return Mapped("", data, [Reason("", f"the record is {_kind(record)}, not an object")], {})
        key = _key(key_of(record), resource.key, errors)
        if parent_of and key:
            key = _within(parent_of(record), key, errors)
        for take in takes:
            take(record, record, data, errors)
        for group in groups:
            data[group] = _said(data.get(group) or {}) or None
        return Mapped(key, data, errors, _refs(data, refs, errors) if refs else {})

    return inward


def key_text(value: Any) -> str:
    """An id as text; "" when there is none. Raises ValueError for what cannot be one."""
    if readable(value) is None:
        return ""
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise ValueError(f"{_kind(value)} is no key")
    text = str(value)
    if len(text) > LONGEST_KEY:
        raise ValueError(f"a key of {len(text)} characters is too long")
    # NUL, line breaks and half surrogates are not printable; dots alone would climb out of an address they are part of.
    if not text.isprintable() or text in {".", ".."}:
        raise ValueError("the key holds characters that cannot be in one")
    return text


def _key(value: Any, path: str, errors: list[Reason]) -> str:
    try:
        key = key_text(value)
    except ValueError as error:
        errors.append(Reason(path, str(error)))
        return ""
    if not key:
        errors.append(Reason(path, "the record has no key"))
    return key


def _within(parent: Any, key: str, errors: list[Reason]) -> str:
    """A vendor may use one key under several parents (a person in two audiences): together they are unique."""
    whole = f"{parent}/{key}"
    if len(whole) > LONGEST_KEY:
        errors.append(Reason("", f"a key of {len(whole)} characters is too long"))
        return ""
    return whole


def _refs(data: Out, refs: Mapping[str, str], errors: list[Reason]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, resource in refs.items():
        try:
            key = key_text(data.get(name))
        except ValueError as error:
            errors.append(Reason(name, str(error)))
            continue
        if key:
            found[name] = (resource, key)
    return found


def _take(step: Step, prefix: str) -> Take:
    if isinstance(step, Const):
        return _constant(step)
    if isinstance(step, Each):
        return _each(step)
    if step.convert is None and len(step.sources) > 1:
        raise MappingError(f"{prefix}{step.to}: several paths need a converter.")
    return _field(step)


def _constant(step: Const) -> Take:
    put, value = setter(step.to), step.value

    def take(element: Any, root: Any, out: Out, errors: list[Reason]) -> None:
        put(out, value)

    return take


def _field(step: Field) -> Take:
    value_of, to, required = _value(step), step.to, step.required
    put = setter(to) if "." in to else None

    def take(element: Any, root: Any, out: Out, errors: list[Reason]) -> None:
        try:
            value = value_of(element, root)
        except UNREADABLE as error:
            errors.append(Reason(to, _sentence(error)))
            return
        if value is None and required:
            errors.append(Reason(to, "is missing"))
        if put is None:
            out[to] = value
        else:
            put(out, value)

    return take


def _value(step: Field) -> Callable[[Any, Any], Any]:
    gets = tuple(_rooted(path) for path in step.sources)
    inward = step.convert.inward if step.convert else None
    if len(gets) > 1 and inward:
        return lambda element, root: inward(*[readable(get(element, root)) for get in gets])
    (get,) = gets
    path = step.sources[0]
    if inward is None:
        return lambda element, root: readable(get(element, root))
    if "." in path or path.startswith("/") or not path:
        return lambda element, root: inward(readable(get(element, root)))

    def named(element: Any, _root: Any) -> Any:
        """The common case, spared two calls: a plain name in an object that is known to be one."""
        value = element.get(path)
        return inward(readable(value) if type(value) is Unreadable else value)

    return named


def readable(value: Any) -> Any:
    """The value; ValueError with the reason where it came in a way that nobody can keep. A converter never sees such a thing:
    it is false, and might be taken for an absent value."""
    if type(value) is Unreadable:
        raise ValueError(value.reason)
    return value


def _rooted(path: str) -> Callable[[Any, Any], Any]:
    get: Getter = getter(path.removeprefix("/"))
    if path.startswith("/"):
        return lambda _element, root: get(root)
    return lambda element, _root: get(element)


def _each(step: Each) -> Take:
    takes = tuple(_take(inner, f"{step.to}.") for inner in step.fields)
    get, to = _rooted(step.source), step.to

    def take(element: Any, root: Any, out: Out, errors: list[Reason]) -> None:
        items = get(element, root)
        if items is None:
            out[to] = None
            return
        if type(items) is not list:
            errors.append(Reason(to, f"expected a list, got {_kind(items)}"))
            return
        out[to] = [_element(item, root, takes, f"{to}.{index}", errors) for index, item in enumerate(items)]

    return take


def _element(item: Any, root: Any, takes: tuple[Take, ...], at: str, errors: list[Reason]) -> Out:
    found: Out = {}
    if type(item) is not dict:
        errors.append(Reason(at, f"expected an object, got {_kind(item)}"))
        return found
    inner: list[Reason] = []
    for take in takes:
        take(item, root, found, inner)
    errors.extend(Reason(f"{at}.{reason.field}", reason.message) for reason in inner)
    return _said(found)


def _said(part: Out) -> Out:
    """None means that the vendor says nothing; inside a record it is left out, so that the canonical default stands."""
    return {name: value for name, value in part.items() if value is not None}


def _kind(value: Any) -> str:
    if type(value) is Unreadable:
        return value.reason
    words = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return words.get(type(value), "a number")


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) and str(error) else f"cannot be read ({type(error).__name__})"


# --- digest -----------------------------------------------------------------------------------------------------------


def _digest(meaning: str) -> Callable[[Mapping[str, Any]], str]:
    """Keyed with mapping version, canonical URN and deviations: when one changes, no record looks unchanged."""
    keyed = hashlib.blake2b(digest_size=16, key=hashlib.blake2b(meaning.encode(), digest_size=32).digest())

    def digest(data: Mapping[str, Any]) -> str:
        made = keyed.copy()
        made.update(_bytes(data))
        return made.hexdigest()

    return digest


def _bytes(data: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(data, default=str, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):  # half surrogates, whole numbers beyond 64 bits, deep nesting
        return _slowly(data)


def _slowly(data: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(data, default=str, sort_keys=True).encode()
    except (RecursionError, ValueError):
        return b""  # nothing so deep or so long passes validation, so no link ever holds this digest
