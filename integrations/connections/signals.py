"""What other slices may listen to. `sender` is the Connection class, `connection` the row.

They are sent inside the transaction that made the change, so that what a receiver enqueues is committed with it.
`status_changed` also carries `previous`.
"""

from __future__ import annotations

from django.dispatch import Signal

connected = Signal()
disconnected = Signal()
status_changed = Signal()
