"""The stub's contacts, as a vendor's would be declared."""

from integrations.provider import ApiKey, Cursor, Field, Mapping, PageNumber, Provider, Resource, convert

PARTY = Mapping(
    Field("name", "Name", convert.text, required=True),
    Field("given_name", "FirstName", convert.text),
    Field("family_name", "LastName", convert.text),
    Field("number", "ContactNumber", convert.text),
    Field("email", "EmailAddress", convert.lower),
    Field("phone", "Phone", convert.text),
    Field("tax_number", "TaxNumber", convert.text),
    Field("currency", "DefaultCurrency", convert.upper),
    Field("country", "Address.Country", convert.upper),
    Field("status", "ContactStatus", convert.one_of({"ACTIVE": "active", "ARCHIVED": "archived"})),
)

provider = Provider(
    slug="bench",
    name="Bench",
    category="accounting",
    website="https://bench.example",
    summary="Contacts of 25 fields, 100 per page",
    auth=ApiKey(),
    base_url="https://bench.example",
    test="/contacts",
    resources=(
        Resource(
            "contacts",
            path="/contacts",
            records="contacts",
            key="ContactID",
            target="finance.party",
            mapping=PARTY,
            pages=PageNumber(size=100, size_param="page_size"),
            cursor=Cursor(field="UpdatedDateUTC", param="since"),
        ),
    ),
)
