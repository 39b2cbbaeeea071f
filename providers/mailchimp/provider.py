"""Mailchimp Marketing. Contract: mailchimp-client-lib-codegen, marketing 3.0."""
# fmt: off

from datetime import timedelta

from integrations.provider import (
    Accounts, Action, AnswersGet, ApiKey, Cursor, FullComparison, Lookup, OAuth2, Offset, Provider, RateLimit, Residency,
    Resource, Runbook, SharedToken, Webhook, Within,
)

from . import hooks, mapping

PAGES = Offset(size=500, size_param="count", total="total_items")
TAGGING = {
    "type": "object", "additionalProperties": False, "required": ["audience", "email", "tags"],
    "properties": {
        "audience": {"type": "string", "pattern": "^[0-9a-z]{1,20}$", "title": "Audience's id"},
        "email": {"type": "string", "format": "email", "maxLength": 320, "title": "Member's e-mail address"},
        "tags": {"type": "array", "minItems": 1, "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 100},
                 "title": "Tags to add"}}}

provider = Provider(
    slug="mailchimp", name="Mailchimp", category="marketing", website="https://mailchimp.com",
    summary="Audiences, their members with what each allowed, and tags of a Mailchimp account.",
    auth=(
        ApiKey(username="anystring", pattern=hooks.KEY,
               hint="32 letters and digits, a hyphen and your data centre: 0123...cdef-us21. Mailchimp: 'Account & billing', "
                    "'Extras', 'API keys'."),
        # Mailchimp grants everything or nothing, for ever: no scopes, no refresh, and no PKCE is documented.
        OAuth2(authorize="https://login.mailchimp.com/oauth2/authorize", pkce=False, refresh=False,
               token="https://login.mailchimp.com/oauth2/token", token_auth="body",  # noqa: S106
               lookup=Lookup(url="https://login.mailchimp.com/oauth2/metadata", values={"dc": "dc"}, scheme="OAuth")),
    ),
    accounts=Accounts(path="/", id="account_id", name="account_name"), test="/ping",
    base_url="https://{dc}.api.mailchimp.com/3.0", api_version="3.0",
    limits=RateLimit(concurrent=10), error=("detail", "title"),
    resources=(
        Resource("audiences", path="/lists", records="lists", key="id", one="", target="members.audience",
                 mapping=mapping.audiences, pages=PAGES, params={"exclude_fields": "lists._links,_links"},
                 deletes=FullComparison(), every=timedelta(hours=1)),
        # contact_id stays when an address changes; id, the hash of the address, does not.
        Resource("members", path="/lists/{parent}/members", records="members", key="contact_id", one="",
                 target="members.member", mapping=mapping.members, pages=PAGES, within=Within("audiences", into="list_id"),
                 cursor=Cursor(field="last_changed", param="since_last_changed", lookback=timedelta(minutes=10)),
                 params={"exclude_fields": "members._links,_links"}, deletes=FullComparison()),
        # What the Mailchimp pages call a tag is a static segment of the API.
        Resource("tags", path="/lists/{parent}/segments", records="segments", key="id", one="", target="members.tag",
                 mapping=mapping.tags, pages=PAGES, within=Within("audiences", into="list_id"),
                 params={"type": "static", "exclude_fields": "segments._links,_links"}, deletes=FullComparison(),
                 every=timedelta(hours=1)),
    ),
    actions=(Action("add_member_tags", label="Tag a member", input=TAGGING, run=hooks.add_member_tags),),
    webhook=Webhook(verify=SharedToken(), challenge=AnswersGet(), body="form", topics=dict.fromkeys(
        ("subscribe", "unsubscribe", "profile", "upemail", "cleaned"), "members")),
    residency=Residency(regions=("US",), note="Mailchimp keeps audiences in the United States, whatever the data centre."),
    runbook=Runbook(
        owner="Whoever runs the chapter's newsletter; at Mailchimp: 'Help', 'Contact support'.",
        throttling="10 requests at once per account, and no daily limit; a 429 is retried after a pause.",
        fallback=("Look at https://status.mailchimp.com. Nothing is lost: the next run reads what changed since the last one.",
                  "Who unsubscribed is decided there: never put somebody back by hand while the connection is down.",
                  "After a key was disabled in Mailchimp, make a new one and enter it under Reconnect.")),
    setup=("In Mailchimp choose your profile picture, 'Account & billing', then 'Extras' and 'API keys'.",
           "Choose 'Create A Key', name it 'Chapterhouse', 'Generate Key', then 'Copy Key to Clipboard'.",
           "Paste the key here. It is tested at once and never shown again.",
           "Or choose Sign in and allow access. For that the hub registers an app once: 'Extras', 'Registered apps'."),
)
