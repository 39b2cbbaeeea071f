"""The next pages of a list, fetched by a thread while those before them are applied.

The thread touches the network and nothing else: no ORM, nothing of the run. Its requests pass the same door (limit, slots,
breaker, retries). Pages come out in their order, and what the thread meets is raised where its page would have come: after
those before it. Closing the iterator stops the thread and whatever it asks for, and waits until it has ended. Where the run's
turn ends, no further page is asked for, and those that were are handed out first: none is asked for twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue

from integrations.http.halt import Halt

from .pages import Page

# About what a batch takes to be written: with fewer the thread would soon stand still. Each costs memory while it waits, and a
# request for nothing where the run stops, so there is an end to both.
MOST_PAGES = 25
MOST_RECORDS = 2_500


class TurnOver(Exception):
    """The run has had its worker for long enough: what is left is read when it is its turn again."""


def ahead(pages: Iterator[Page], late: Callable[[], bool]) -> Generator[Page]:
    """The same pages. The first is fetched by the caller's own thread: most lists have no second. TurnOver before a page that
    would be asked for when it is `late()`."""
    first = next(pages, None)
    if first is None:
        return
    if first.following is None:
        yield first
        return
    reader = _Reader(pages, late)
    try:
        yield first
        yield from reader.read()
    finally:
        reader.stop()


class _Reader:
    """`_pages` and `_records` that were fetched and nobody has taken yet."""

    def __init__(self, source: Iterator[Page], late: Callable[[], bool]) -> None:
        self._source = source
        self._late = late
        self._pages = self._records = 0
        self._taken = threading.Condition()
        self._fetched: SimpleQueue[Page | BaseException | None] = SimpleQueue()
        self._halt = Halt()
        self._thread = threading.Thread(target=self._run, name="pages ahead", daemon=True)
        self._thread.start()

    def read(self) -> Iterator[Page]:
        while (found := self._fetched.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            self._count(found, -1)
            yield found

    def stop(self) -> None:
        self._halt.tell()
        with self._taken:
            self._taken.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._halt:
            try:
                while self._room():
                    if self._late():
                        raise TurnOver  # noqa: TRY301 on its way to who waits, like every other
                    page = next(self._source, None)
                    if page is not None:
                        self._count(page, 1)
                    self._fetched.put(page)
                    if page is None:
                        return
            except BaseException as error:  # noqa: BLE001 whatever it is, it belongs to whoever waits for the page
                self._fetched.put(error)

    def _room(self) -> bool:
        """Waits until there is room for another page. False: nobody wants one any more."""
        with self._taken:
            self._taken.wait_for(lambda: self._halt.told or (self._pages < MOST_PAGES and self._records < MOST_RECORDS))
        return not self._halt.told

    def _count(self, page: Page, by: int) -> None:
        with self._taken:
            self._pages += by
            self._records += by * len(page.records)
            self._taken.notify()
