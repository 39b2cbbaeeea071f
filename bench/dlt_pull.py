"""The same contacts by dlt (https://dlthub.com), the way its documentation shows a REST source that is merged into PostgreSQL:
`dlt_pull.py DSN URL FOLDER [SINCE]`. DLT_TUNED=1: its csv loader, larger files, its "upsert" strategy and more workers."""

from __future__ import annotations

import json
import os
import sys
from urllib.parse import urlsplit


def with_a_password(dsn: str) -> str:
    """dlt wants one even where the server asks for none."""
    parts = urlsplit(dsn)
    user = f"{parts.username or 'root'}:{parts.password or 'none'}"
    return f"postgresql://{user}@{parts.hostname or '127.0.0.1'}:{parts.port or 5432}{parts.path}"


def pull(dsn: str, url: str, folder: str, since: str = "") -> None:
    tuned = bool(os.environ.get("DLT_TUNED"))
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "DLT_DATA_DIR": folder,
        "DESTINATION__POSTGRES__CREDENTIALS": with_a_password(dsn),
    }
    if tuned:
        os.environ |= {
            "NORMALIZE__WORKERS": "2",
            "LOAD__WORKERS": "4",
            "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
            "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "50000",
            "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "50000",
        }
    import dlt
    from dlt.sources.rest_api import rest_api_source

    parameters: dict = {"page_size": 100}
    if since:
        parameters["since"] = {"type": "incremental", "cursor_path": "UpdatedDateUTC", "initial_value": since}
    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": {"type": "json_link", "next_url_path": "next"}},
            "resources": [
                {
                    "name": "contacts",
                    "primary_key": "ContactID",
                    "write_disposition": {
                        "disposition": "merge",
                        "strategy": "upsert" if tuned else "delete-insert",
                    },
                    "endpoint": {"path": "contacts", "data_selector": "contacts", "params": parameters},
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "bench", destination="postgres", dataset_name="dlt_bench", pipelines_dir=f"{folder}/pipelines"
    )
    pipeline.run(source, **({"loader_file_format": "csv"} if tuned else {})).raise_on_failed_jobs()
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(json.dumps({"seen": counts.get("contacts", 0)}))


if __name__ == "__main__":
    pull(*sys.argv[1:])
