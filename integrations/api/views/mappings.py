"""A connection's field mappings: read, replaced, tried on real records, and their versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import examples
from integrations.api.addressing import ConnectionView
from integrations.api.openapi import PAGED, operation
from integrations.api.pagination import page_of_rows
from integrations.api.permissions import is_key, may_touch
from integrations.api.problems import Errors, Problem
from integrations.api.queries import body, query
from integrations.api.serializers.mappings import (
    ComparedQuerySerializer,
    ComparedSerializer,
    DeviationsSerializer,
    MappingSerializer,
    PreviewSerializer,
    ReapplySerializer,
    TrySerializer,
    VersionPageSerializer,
    VersionSerializer,
    rows_of,
)
from integrations.connections.models import Connection
from integrations.mapping import history, services
from integrations.mapping.models import MappingVersion
from integrations.mapping.rules import whole
from integrations.mapping.words import differences
from integrations.provider import Provider, Resource
from integrations.sync.preview import preview, sample


class Mappings(ConnectionView):
    scopes = {"GET": "integrations:read", "PUT": "connections:write"}

    @operation(
        "Show the mapping",
        "How every canonical field of every resource is filled: the provider's mapping with this connection's deviations.",
        tag="Settings",
        responses={200: (MappingSerializer, examples.MAPPINGS)},
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        rules = [
            {"resource": resource.name, **asdict(rule), "table": rows_of(rule.table)}
            for resource in self.provider.resources
            for rule in services.field_rules(self.connection, resource.name)
        ]
        return Response(MappingSerializer({"mappings": rules}).data)

    @operation(
        "Replace the deviations",
        "The fields listed deviate from the provider's mapping, all others follow it; an empty list returns to the provider's."
        " Every mistake is named, and then nothing is saved. What is saved is kept as a version of each resource it changes.",
        tag="Settings",
        request=DeviationsSerializer,
        responses={200: (MappingSerializer, examples.MAPPINGS)},
        sent=examples.DEVIATIONS,
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(DeviationsSerializer, request)
        saved = {"reapply": wanted["reapply"], "note": wanted["note"], "who": _who(request)}
        if errors := _replace_deviations(self.connection, self.provider, wanted["mappings"], saved):
            raise _invalid(errors)
        return self.get(request)


class Try(ConnectionView):
    scopes = {"POST": "records:read"}
    asks_the_vendor = True

    @operation(
        "Try a mapping",
        "Fetches a few records of the vendor's and shows what is there, what the mapping in force makes of it, and what"
        " this one would. Nothing is stored.",
        tag="Settings",
        request=TrySerializer,
        responses={200: (PreviewSerializer, examples.MAPPING_PREVIEW)},
        sent=examples.MAPPING_TRIED,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        wanted = body(TrySerializer, request)
        name = wanted["resource"]
        if errors := _unknown(self.provider, [("/resource", name)]) + _twice(wanted["mappings"]):
            raise _invalid(errors)
        declared, target = self.resource(name)
        may_touch(request, target, "view")
        changes = _changes(self.connection, declared, wanted["mappings"])
        try:
            preview(self.connection, name, changes, [])  # what is refused is refused before the vendor is asked
            taken = sample(self.live_connection(), name)
            records = preview(self.connection, name, changes, taken.records)
        except services.MappingRefused as refused:
            raise _invalid(_refused(refused, _places(name, wanted["mappings"]), name)) from None
        return Response(PreviewSerializer({"records": records, "message": taken.message}).data)


class Versions(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "List the versions of a mapping",
        "One per save, the newest first; version 1 is what there was before the first.",
        tag="Settings",
        parameters=[*PAGED],
        responses={200: (VersionPageSerializer, examples.page(examples.MAPPING_VERSION))},
    )
    def get(self, request: Request, *, resource: str, **kwargs: Any) -> Response:
        self.resource(resource)
        rows = history.versions(self.connection, resource)
        return Response(page_of_rows(request, rows, _show, newest_first=True))


class Version(ConnectionView):
    scopes = {"GET": "integrations:read"}

    @operation(
        "Compare a version of a mapping",
        "With the one before it, or with the one that is named.",
        tag="Settings",
        parameters=[ComparedQuerySerializer],
        responses={200: (ComparedSerializer, examples.MAPPING_COMPARED)},
    )
    def get(self, request: Request, *, resource: str, number: int, **kwargs: Any) -> Response:
        declared, _ = self.resource(resource)
        found = _version(self.connection, resource, number)
        wanted = query(ComparedQuerySerializer, request).get("compared_with")
        rows = history.versions(self.connection, resource)
        other = _version(self.connection, resource, wanted) if wanted else rows.filter(number__lt=number).first()
        before = history.overrides_in(other) if other else {}
        return Response(
            ComparedSerializer(
                {
                    "version": found,
                    "compared_with": other.number if other else None,
                    "differences": differences(declared, before, history.overrides_in(found)),
                }
            ).data
        )


class RestoreVersion(ConnectionView):
    scopes = {"POST": "connections:write"}

    @operation(
        "Restore a version of a mapping",
        "Makes the deviations of the resource what they were; the answer is the newest version.",
        tag="Settings",
        request=ReapplySerializer,
        responses={200: (VersionSerializer, examples.MAPPING_VERSION)},
        sent={"reapply": True},
    )
    def post(self, request: Request, *, resource: str, number: int, **kwargs: Any) -> Response:
        self.resource(resource)
        found = _version(self.connection, resource, number)
        reapply = body(ReapplySerializer, request)["reapply"]
        try:
            services.restore(found, reapply=reapply, who=_who(request))
        except services.MappingRefused as refused:
            said = "; ".join(f"{field}: {reason}" if field else reason for field, reason in refused.reasons.items())
            raise Problem(409, f"Version {number} cannot be had again: {said}") from None
        return Response(VersionSerializer(history.versions(self.connection, resource)[0]).data)


def _version(connection: Connection, resource: str, number: int) -> MappingVersion:
    found = history.versions(connection, resource).select_related("connection").filter(number=number).first()
    if found is None:
        raise Problem(404, f"There is no version {number} of the mapping of {resource}.")
    return found


def _show(versions: list[MappingVersion]) -> list[Any]:
    return list(VersionSerializer(versions, many=True).data)


def _who(request: Request) -> str:
    if is_key(request):
        return f"API key {request.auth.name}"
    return str(request.user.get_full_name() or request.user.get_username())


def _replace_deviations(
    connection: Connection, provider: Provider, wanted: list[dict[str, Any]], saved: dict[str, Any]
) -> Errors:
    """Make these the connection's only deviations. Every mistake, and then nothing is changed."""
    errors = _twice(wanted)
    errors += _unknown(provider, [(f"/mappings/{index}/resource", one["resource"]) for index, one in enumerate(wanted)])
    with transaction.atomic():
        for resource in provider.resources:
            changes = _changes(connection, resource, [one for one in wanted if one["resource"] == resource.name])
            try:
                services.save_field_rules(connection, resource.name, changes, **saved)
            except services.MappingRefused as refused:
                errors += _refused(refused, _places("", wanted), resource.name)
        transaction.set_rollback(bool(errors))
    return errors


def _changes(connection: Connection, resource: Resource, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """So that these are the resource's only deviations."""
    kept = {rule.field: None for rule in services.field_rules(connection, resource.name) if rule.overridden}
    return {**kept, **{one["field"]: _deviation(resource, one) for one in wanted}}


def _deviation(resource: Resource, asked: dict[str, Any]) -> dict[str, Any]:
    found = {part: value for part, value in asked.items() if part not in ("resource", "field") and value is not None}
    if "table" in found:
        found["table"] = [[row["theirs"], row["ours"]] for row in found["table"]]
    return whole(resource, asked["field"], found)


def _places(resource: str, wanted: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {(one.get("resource", resource), one["field"]): index for index, one in enumerate(wanted)}


def _twice(wanted: list[dict[str, Any]]) -> Errors:
    places = _places("", wanted)
    return [
        {"pointer": f"/mappings/{index}", "detail": "This field stands here twice."}
        for index, one in enumerate(wanted)
        if places[one.get("resource", ""), one["field"]] != index
    ]


def _unknown(provider: Provider, named: list[tuple[str, str]]) -> Errors:
    known = [resource.name for resource in provider.resources]
    return [
        {"pointer": pointer, "detail": f"There is no such resource. There is: {', '.join(known)}."}
        for pointer, name in named
        if name not in known
    ]


def _refused(refused: services.MappingRefused, places: dict[tuple[str, str], int], resource: str) -> Errors:
    return [
        {"pointer": f"/mappings/{places.get((resource, field), '')}".rstrip("/"), "detail": reason}
        for field, reason in refused.reasons.items()
    ]


def _invalid(errors: Errors) -> Problem:
    return Problem(400, "The request is not valid.", kind="invalid", errors=errors)
