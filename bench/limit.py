"""The physical limit of a pull: requests, orjson, blake2b, one look at the known hashes, COPY into a temporary table, one
INSERT ... ON CONFLICT. No engine, no links, no validation: `limit.py DSN URL [SINCE]` prints a line of JSON."""

from __future__ import annotations

import hashlib
import json
import re
import sys

import orjson
import psycopg
import requests

BATCH = 5_000
STATUS = {"ACTIVE": "active", "ARCHIVED": "archived"}
digits = re.compile(r"[^\d+]").sub
FIELDS = (
    "external_id number account_number status name first_name last_name company email phone mobile website bank tax_number"
    " ar_tax ap_tax is_supplier is_customer currency balance discount street city region postal_code country notes"
    " vendor_created_at vendor_updated_at"
).split()
DDL = """CREATE TABLE IF NOT EXISTS contact (id bigserial PRIMARY KEY, connection_id int NOT NULL,
external_id varchar(64) NOT NULL, number varchar(40), account_number varchar(40), status varchar(20), name varchar(200),
first_name varchar(100), last_name varchar(100), company varchar(200), email varchar(254), phone varchar(40),
mobile varchar(40), website varchar(200), bank varchar(60), tax_number varchar(40), ar_tax varchar(20), ap_tax varchar(20),
is_supplier bool, is_customer bool, currency varchar(3), balance numeric(14,2), discount numeric(6,2), street varchar(200),
city varchar(100), region varchar(100), postal_code varchar(20), country varchar(2), notes text,
vendor_created_at timestamptz, vendor_updated_at timestamptz, content_hash bytea, synced_at timestamptz DEFAULT now(),
CONSTRAINT contact_uq UNIQUE (connection_id, external_id)); CREATE INDEX IF NOT EXISTS contact_email ON contact (email)"""
COLUMNS = ",".join(FIELDS)
CHANGES = ",".join(f"{name}=excluded.{name}" for name in [*FIELDS[1:], "content_hash"])
INSERT = f"""INSERT INTO contact (connection_id, {COLUMNS}, content_hash) SELECT connection_id, {COLUMNS}, content_hash
FROM st ON CONFLICT (connection_id, external_id) DO UPDATE SET {CHANGES}, synced_at = now()"""
KNOWN = "SELECT external_id, content_hash FROM contact WHERE connection_id = 1 AND external_id = ANY(%s)"


def row(r):
    a = r["Address"]
    return (
        r["ContactID"], r["ContactNumber"], r["AccountNumber"], STATUS.get(r["ContactStatus"], "other"), r["Name"].strip(),
        r["FirstName"], r["LastName"], r["CompanyName"], r["EmailAddress"].lower(), digits("", r["Phone"]),
        digits("", r["Mobile"]), r["Website"], r["BankAccountDetails"], r["TaxNumber"], r["AccountsReceivableTaxType"],
        r["AccountsPayableTaxType"], r["IsSupplier"], r["IsCustomer"], r["DefaultCurrency"], r["Balance"], r["Discount"],
        a["Line1"], a["City"], a["Region"], a["PostalCode"], a["Country"].upper(), r["Notes"], r["CreatedDateUTC"],
        r["UpdatedDateUTC"],
    )  # fmt: skip


def batches(url: str, since: str):
    session, page, batch = requests.Session(), 1, []
    headers = {"If-Modified-Since": since} if since else {}
    while True:
        body = session.get(f"{url}/contacts", params={"page": str(page), "page_size": "100"}, headers=headers).content
        answer = orjson.loads(body)
        batch += answer["contacts"]
        if len(batch) >= BATCH or not answer["has_more"]:
            yield batch
            batch = []
        if not answer["has_more"]:
            return
        page += 1


def pull(dsn: str, url: str, since: str = "") -> None:
    seen = changed = 0
    with psycopg.connect(dsn) as c:
        c.execute(DDL)
        c.execute("CREATE TEMP TABLE st (LIKE contact INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
        c.execute("ALTER TABLE st DROP COLUMN id, DROP COLUMN synced_at")
        c.commit()
        for batch in batches(url, since):
            rows = [(t, hashlib.blake2b(orjson.dumps(t), digest_size=16).digest()) for t in map(row, batch)]
            seen += len(rows)
            known = dict(c.execute(KNOWN, [[t[0] for t, _ in rows]], binary=True).fetchall())
            rows = [(t, h) for t, h in rows if known.get(t[0]) != h]
            if rows:
                with c.cursor() as cursor:
                    with cursor.copy(f"COPY st (connection_id,{COLUMNS},content_hash) FROM STDIN") as copy:
                        for t, h in rows:
                            copy.write_row((1, *t, h))
                    cursor.execute(INSERT)
                    changed += cursor.rowcount
            c.commit()
    print(json.dumps({"seen": seen, "changed": changed}))


if __name__ == "__main__":
    pull(*sys.argv[1:])
