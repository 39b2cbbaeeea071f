"""What a pull costs where every record is looked up and saved for itself: `per_row.py URL RECORDS` reads so many contacts
into the parties of the chapter `bench` by Django's `update_or_create`, a transaction per page. Prints a line of JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import django

django.setup()

import requests  # noqa: E402
from django.db import transaction  # noqa: E402

from finance.models import Party  # noqa: E402
from integrations import hub  # noqa: E402


def fields(record: dict) -> dict:
    return {
        "name": record["Name"].strip(),
        "given_name": record["FirstName"],
        "family_name": record["LastName"],
        "email": record["EmailAddress"].lower(),
        "phone": record["Phone"],
        "tax_number": record["TaxNumber"],
        "currency": record["DefaultCurrency"],
        "country": record["Address"]["Country"].upper(),
        "status": record["ContactStatus"].lower(),
    }


def pull(url: str, records: int) -> None:
    session, began = requests.Session(), time.perf_counter()
    for page in range(1, records // 100 + 1):
        answer = session.get(f"{url}/contacts", params={"page": str(page), "page_size": "100"}).json()
        with transaction.atomic():
            for record in answer["contacts"]:
                Party.objects.update_or_create(number=record["ContactNumber"], defaults=fields(record))
    print(json.dumps({"seconds": time.perf_counter() - began, "seen": records}))


if __name__ == "__main__":
    with hub.enter("bench"):
        pull(sys.argv[1], int(sys.argv[2]))
