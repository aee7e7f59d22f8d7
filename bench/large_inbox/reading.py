"""What a reader of a large inbox asks for over HTTP, and how long each answer takes."""

import random
import statistics
from collections.abc import Awaitable, Callable, Iterator, Mapping
from time import perf_counter, process_time
from typing import NamedTuple

import httpx
import msgspec

from bench.large_inbox.filling import RARE_WORD, VOCABULARY_SIZE, Inbox, customers_of, vocabulary

LIST_P95_SECONDS = 0.020
SEARCH_P95_SECONDS = 0.050
_DEPTH = 40
"""Pages of a list that are read before it begins anew."""

Ask = Callable[[], Awaitable[int]]
"""Asks once; returns how many entries came."""


class Timing(NamedTuple):
    """How long answers of one kind took."""

    name: str
    p50_seconds: float
    p95_seconds: float
    worst_seconds: float
    python_seconds: float
    """Processor time of one answer, of this process: of who asks and, where it is in here, of the store. It tells
    something on a busy machine too."""
    found: int
    """Entries of all answers."""
    allowed_seconds: float
    """That the 95th percentile may take, at any size."""

    def __str__(self) -> str:
        return (
            f"{self.name:52} p50 {self.p50_seconds * 1e3:7.2f} ms   p95 {self.p95_seconds * 1e3:7.2f} ms"
            f"   worst {self.worst_seconds * 1e3:7.2f} ms   Python {self.python_seconds * 1e3:5.2f} ms"
            f"   {self.found:>6} found"
        )


class Reader:
    """Reads one user's inbox.

    Args:
        client: of the store's public port.
        headers: with the user's token.
        inbox: how large it is.
    """

    def __init__(self, client: httpx.AsyncClient, headers: Mapping[str, str], inbox: Inbox) -> None:
        self._client = client
        self._headers = dict(headers)
        self._inbox = inbox
        self._source = random.Random(5)
        self._words = vocabulary()
        self._customers = customers_of(inbox.conversations)

    async def timings(self, *, runs: int) -> "list[Timing]":
        """Ask everything `runs` times, kind by kind."""
        return [await _timed(name, ask, runs, allowed_seconds) for name, ask, allowed_seconds in self.kinds()]

    def kinds(self) -> Iterator[tuple[str, Ask, float]]:
        """Yield everything that can be asked: its name, what asks, and the seconds it may take."""
        yield from ((name, ask, LIST_P95_SECONDS) for name, ask in self._lists())
        yield from ((name, ask, SEARCH_P95_SECONDS) for name, ask in self._searches())

    def _lists(self) -> Iterator[tuple[str, Ask]]:
        for platform in (None, "facebook", "whatsapp", "instagram"):
            for unread in (None, "true"):
                told = f"conversations of {platform or 'all platforms'}{', unread' if unread else ''}"
                asked = {"platform": platform, "unread": unread}
                yield told, self._first_page("/api/conversations", **asked)
                yield f"{told}: later pages", self._later_pages("/api/conversations", **asked)
        yield "messages of a conversation", self._messages(lambda: self._source.randrange(self._inbox.conversations))
        busy = max(1, self._inbox.conversations // 10)
        yield "messages of a busy conversation", self._messages(lambda: self._source.randrange(busy))
        yield "messages of a busy conversation: later pages", self._later_pages(self._path_of_messages(0), limit=5)
        yield "events", self._events
        yield "records", self._first_page("/api/records")
        yield "records: later pages", self._later_pages("/api/records")
        yield "records of a rare kind", self._first_page("/api/records", kind="optin")
        yield "accounts", self._first_page("/api/accounts")

    def _searches(self) -> Iterator[tuple[str, Ask]]:
        def word(first: int, last: int) -> str:
            return self._words[self._source.randrange(first, last)]

        first_words = self._words[:3]
        queries: list[tuple[str, Callable[[], str], dict[str, str]]] = [
            ("one frequent word", lambda: word(0, 50), {}),
            ("one usual word", lambda: word(500, 3_000), {}),
            ("one rare word", lambda: word(30_000, VOCABULARY_SIZE), {}),
            ("a word that is nowhere", lambda: f"zz{self._source.random()}", {}),
            ("a word that is there once", lambda: RARE_WORD, {}),
            ("two frequent words", lambda: f"{word(0, 50)} {word(0, 50)}", {}),
            ("two usual words", lambda: f"{word(500, 3_000)} {word(500, 3_000)}", {}),
            ("a frequent and a rare word", lambda: f"{word(0, 50)} {word(30_000, VOCABULARY_SIZE)}", {}),
            ("beginnings of 1 character", lambda: word(500, 3_000)[:1], {}),
            ("beginnings of 2 characters", lambda: word(500, 3_000)[:2], {}),
            ("beginnings of 4 characters", lambda: word(500, 30_000)[:4], {}),
            ("a rare word, and one character", lambda: f"{RARE_WORD} {word(500, 3_000)[:1]}", {}),
            ("a phrase of frequent words", lambda: f'"{word(0, 50)} {word(0, 50)}"', {}),
            ("a phrase of usual words", lambda: f'"{word(50, 500)} {word(50, 500)}"', {}),
            ("a phrase that is nowhere", lambda: f'"{" ".join([*first_words, *first_words])}"', {}),
            ("a frequent word, on a rare platform", lambda: word(0, 50), {"platform": "instagram"}),
            ("people by a name", lambda: word(50, 4_000), {"type": "person"}),
            ("people by a beginning", lambda: word(50, 4_000)[:2], {"type": "person"}),
            ("people by what all share", lambda: "p", {"type": "person"}),
        ]
        for told, q, asked in queries:
            yield f"search: {told}", self._search(q, asked)
        yield "search: a frequent word: later pages", self._later_pages("/api/search", q=self._words[0])

    def _first_page(self, path: str, **asked: str | None) -> Ask:
        async def ask() -> int:
            return _count(await self._get(path, asked))

        return ask

    def _later_pages(self, path: str, **asked: str | int | None) -> Ask:
        """Return what asks for one page after the other, from the second on; begins anew after a bounded number."""
        second, following = "", list[str]()

        async def ask() -> int:
            nonlocal second
            if not second:  # the first time only, which is not measured
                first = await self._get(path, asked)
                if "next" not in first.links:
                    return _count(first)
                second = first.links["next"]["url"]
            page = await self._get(following[-1] if following else second, {})
            if "next" in page.links and len(following) < _DEPTH:
                following.append(page.links["next"]["url"])
            else:
                following.clear()
            return _count(page)

        return ask

    def _messages(self, of: Callable[[], int]) -> Ask:
        async def ask() -> int:
            return _count(await self._get(self._path_of_messages(of()), {}))

        return ask

    def _path_of_messages(self, customer: int) -> str:
        return f"/api/conversations/{self._customers[customer].conversation_id}/messages"

    async def _events(self) -> int:
        after = self._source.randrange(self._inbox.floor_seq, self._inbox.last_seq - 50)
        return _count(await self._get("/api/events", {"after": after}))

    def _search(self, q: Callable[[], str], asked: Mapping[str, str]) -> Ask:
        async def ask() -> int:
            return _count(await self._get("/api/search", {"q": q(), **asked}))

        return ask

    async def _get(self, path: str, asked: Mapping[str, str | int | None]) -> httpx.Response:
        parameters = {name: value for name, value in asked.items() if value is not None}
        answer = await self._client.get(path, params=parameters or None, headers=self._headers)
        answer.raise_for_status()
        return answer


def _count(answer: httpx.Response) -> int:
    return len(msgspec.json.decode(answer.content, type=list[msgspec.Raw]))


async def _timed(name: str, ask: Ask, runs: int, allowed_seconds: float) -> Timing:
    """Return how long `ask` takes, after it was asked once."""
    found = await ask()
    taken = []
    busy = process_time()
    for _ in range(runs):
        started = perf_counter()
        found += await ask()
        taken.append(perf_counter() - started)
    python_seconds = (process_time() - busy) / runs
    taken.sort()
    p95 = taken[int(len(taken) * 0.95)]
    return Timing(name, statistics.median(taken), p95, taken[-1], python_seconds, found, allowed_seconds)
