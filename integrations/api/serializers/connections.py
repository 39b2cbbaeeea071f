"""A connection as the API shows it: everything but its credential, which is written and never read."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from integrations.api.queries import Body
from integrations.connections.models import Connection
from integrations.hub.models.providers import Environment
from integrations.sync.models import ResourceState


class ConnectionSerializer(serializers.ModelSerializer):
    url = serializers.SerializerMethodField(help_text="The address of this connection.")

    class Meta:
        model = Connection
        fields = (
            "id", "url", "provider", "name", "environment", "status", "status_since", "auth_kind", "account_id",
            "account_name", "plan_first", "last_sync_at", "last_error", "connected_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, connection: Connection) -> str:
        return connection_url(connection)


class ConnectionPageSerializer(serializers.Serializer):
    results = ConnectionSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")


class ReconnectSerializer(Body):
    """`fields` are those the integration's `auth` lists; they are sealed and never shown."""

    auth_kind = serializers.CharField(
        max_length=20, required=False, help_text="One of the integration's `auth` kinds; as before when absent."
    )
    fields = serializers.DictField(
        child=serializers.CharField(max_length=2000), required=False, default=dict, write_only=True
    )
    write = serializers.BooleanField(
        default=None, allow_null=True, help_text="Where one signs in: ask for permission to write, too."
    )


class ConnectSerializer(ReconnectSerializer):
    """What is needed to connect."""

    name = serializers.CharField(
        max_length=100, required=False, help_text="What people call it: 'Sydney ledger'. The vendor's name when absent."
    )
    environment = serializers.ChoiceField(choices=Environment.choices, default=Environment.LIVE)
    account_id = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    plan_first = serializers.BooleanField(
        default=True, help_text="The first sync of each resource is a plan that waits for approval; see `plans`."
    )


class AuthorizeSerializer(serializers.Serializer):
    authorize_url = serializers.URLField(help_text="Send the person's browser here.")


class ReauthorizeQuerySerializer(serializers.Serializer):
    return_to = serializers.RegexField(
        r"^/(?![/\\])[\x21-\x7e]*$",
        max_length=300,
        default="/marketplace/",
        help_text="A path of this chapter, for the person's browser afterwards.",
    )
    write = serializers.BooleanField(default=None, allow_null=True, help_text="Ask for permission to write, too.")


class AuthorizeQuerySerializer(ReauthorizeQuerySerializer):
    name = serializers.CharField(max_length=100, required=False, help_text="The vendor's name when absent.")
    environment = serializers.ChoiceField(choices=Environment.choices, default=Environment.LIVE)
    plan_first = serializers.BooleanField(
        default=True, help_text="The first sync of each resource is a plan that waits for approval."
    )


class CallbackQuerySerializer(serializers.Serializer):
    state = serializers.CharField(max_length=300, help_text="As in the address that was given out.")
    code = serializers.CharField(max_length=4000, required=False, help_text="What the vendor grants.")
    error = serializers.CharField(max_length=300, required=False, help_text="Why it grants nothing.")


class TestResultSerializer(serializers.Serializer):
    ok = serializers.BooleanField()
    message = serializers.CharField(allow_blank=True)
    milliseconds = serializers.IntegerField()


class ResourceStateSerializer(serializers.ModelSerializer):
    class Meta:
        model = ResourceState
        fields = ("resource", "enabled", "sends", "creates", "cursor", "last_complete_at", "last_error")
        read_only_fields = fields


class ConnectionStatusSerializer(serializers.Serializer):
    connection = serializers.UUIDField(source="id")
    status = serializers.ChoiceField(choices=Connection.Status.choices)
    status_since = serializers.DateTimeField()
    last_sync_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    missing_scopes = serializers.ListField(
        child=serializers.CharField(), help_text="Asked of the vendor and not granted."
    )


class AccountSerializer(serializers.Serializer):
    id = serializers.CharField(max_length=200)
    name = serializers.CharField(allow_blank=True)


class AccountsSerializer(serializers.Serializer):
    chosen = serializers.CharField(allow_blank=True)
    results = AccountSerializer(many=True)


class AccountChoiceSerializer(Body):
    id = serializers.CharField(max_length=200)


def connection_url(connection: Connection) -> str:
    return reverse("api:connection", args=[connection.pk])


def show(connections: list[Connection]) -> list[Any]:
    return list(ConnectionSerializer(connections, many=True).data)
