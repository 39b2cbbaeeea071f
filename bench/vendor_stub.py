"""A fast local vendor: `vendor_stub.py PORT COUNT`. Contacts of 25 fields, about 880 bytes each, loopback only.

GET  /contacts?page=1&page_size=100[&since=...]   (also If-Modified-Since; on UpdatedDateUTC)
     -> {"contacts": [...], "has_more": bool, "next": address or null}; any folder before /contacts will do
POST /mutate?pct=1                    changes phone, balance and update time of so many per cent
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from urllib.parse import parse_qsl, urlsplit

import orjson

FIRST = "Ada Alan Grace Linus Margaret Dennis Barbara Ken Radia Tim Frances Donald Edsger Hedy Katherine".split()
LAST = (
    "Lovelace Turing Hopper Torvalds Hamilton Ritchie Liskov Thompson Perlman Lee Allen Knuth Dijkstra Lamarr".split()
)
CITY = "London Paris Berlin Austin Toronto Sydney Auckland Dublin Oslo Lisbon".split()
COUNTRY = ["GB", "FR", "DE", "US", "CA", "AU", "NZ", "IE", "NO", "PT"]
BEGAN = 1_700_000_000


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".000000Z"


def make(i: int) -> dict:
    rng = random.Random(i)
    first, last, place, made = rng.choice(FIRST), rng.choice(LAST), rng.randrange(10), BEGAN + i * 10
    return {
        "ContactID": f"{i * 2654435761 % 2**32:08x}-0000-4000-8000-{i:012x}",
        "ContactNumber": f"C{i:07}",
        "AccountNumber": f"AC-{i * 7}",
        "ContactStatus": "ACTIVE" if rng.random() < 0.95 else "ARCHIVED",
        "Name": f"{first} {last} {i}",
        "FirstName": first,
        "LastName": last,
        "CompanyName": f"{last} & Co {i % 5000}",
        "EmailAddress": f"{first}.{last}.{i}@Example.COM",
        "Phone": f"+44 20 7946 {i % 10000:04}",
        "Mobile": f"+44 7700 {i % 1000000:06}",
        "Website": f"https://www.{last.lower()}{i % 5000}.example.com",
        "BankAccountDetails": f"12-34-56 {i:08}",
        "TaxNumber": f"GB{i:09}",
        "AccountsReceivableTaxType": "OUTPUT2",
        "AccountsPayableTaxType": "INPUT2",
        "IsSupplier": rng.random() < 0.3,
        "IsCustomer": True,
        "DefaultCurrency": "GBP",
        "Balance": round(rng.random() * 10000, 2),
        "Discount": round(rng.random() * 10, 2),
        "Address": {
            "Line1": f"{i % 900} High Street",
            "City": CITY[place],
            "Region": f"R{place}",
            "PostalCode": f"PC{i % 99999:05}",
            "Country": COUNTRY[place],
        },
        "Notes": f"Imported contact {i}; prefers email; net 30 terms.",
        "CreatedDateUTC": stamp(made),
        "UpdatedDateUTC": stamp(made + 5),
    }


class Contacts:
    """Kept as the JSON they are sent as: a million of them fit in a gigabyte."""

    def __init__(self, count: int, port: int) -> None:
        self.port, self.mutations = port, 0
        self.encoded: list[bytes] = []
        self.updated: list[str] = []
        for i in range(1, count + 1):
            record = make(i)
            self.encoded.append(orjson.dumps(record))
            self.updated.append(record["UpdatedDateUTC"])
        self.changed: dict[str, list[int]] = {}

    def mutate(self, per_cent: float) -> int:
        self.mutations += 1
        rng, now = random.Random(self.mutations), stamp(time.time())
        chosen = rng.sample(range(len(self.encoded)), int(len(self.encoded) * per_cent / 100))
        for i in chosen:
            changes = {
                "Phone": f"+44 20 {rng.randrange(10**8):08}",
                "Balance": round(rng.random() * 10000, 2),
                "UpdatedDateUTC": now,
            }
            self.encoded[i] = orjson.dumps(orjson.loads(self.encoded[i]) | changes)
            self.updated[i] = now
        self.changed.clear()
        return len(chosen)

    def page(self, number: int, size: int, since: str) -> bytes:
        first, last = (number - 1) * size, number * size
        if since:
            if since not in self.changed:
                self.changed[since] = [i for i, updated in enumerate(self.updated) if updated >= since]
            which = self.changed[since]
            some, more = [self.encoded[i] for i in which[first:last]], last < len(which)
        else:
            some, more = self.encoded[first:last], last < len(self.encoded)
        following = f"http://127.0.0.1:{self.port}/contacts?page={number + 1}&page_size={size}"
        following += f"&since={since}" if since else ""
        return b'{"contacts":[%s],"has_more":%s,"next":%s}' % (
            b",".join(some),
            b"true" if more else b"false",
            orjson.dumps(following if more else None),
        )


class Connection(asyncio.Protocol):
    contacts: Contacts

    def connection_made(self, transport) -> None:
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while b"\r\n\r\n" in self.waiting:
            head, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
            body = self.answer(head.decode("latin-1"))
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )

    def answer(self, head: str) -> bytes:
        first, *headers = head.split("\r\n")
        address = urlsplit(first.split(" ")[1])
        query = dict(parse_qsl(address.query))
        if address.path.endswith("/mutate"):
            return orjson.dumps({"mutated": self.contacts.mutate(float(query.get("pct", 1)))})
        named = dict(line.lower().split(": ", 1) for line in headers)
        since = (query.get("since") or named.get("if-modified-since", "")).upper()
        return self.contacts.page(int(query.get("page", 1)), int(query.get("page_size", 100)), since)


async def main(port: int, count: int) -> None:
    Connection.contacts = Contacts(count, port)
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=64)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
