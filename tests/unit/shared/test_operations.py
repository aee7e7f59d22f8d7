"""Probes: what `/readyz` costs, whoever asks for it."""

import asyncio
from collections.abc import Sequence

from shared.http.operations import Readiness


async def test_probes_at_the_same_time_share_one_check() -> None:
    checks, release = 0, asyncio.Event()

    async def problems() -> Sequence[str]:
        nonlocal checks
        checks += 1
        await release.wait()
        return ["Something is wrong."]

    readiness = Readiness(problems)
    probes = [asyncio.create_task(readiness.problems()) for _ in range(20)]
    await asyncio.sleep(0)
    release.set()

    assert await asyncio.gather(*probes) == [["Something is wrong."]] * 20
    assert checks == 1
    await readiness.problems()
    assert checks == 2, "a later probe gets no old answer"


async def test_a_probe_that_gives_up_costs_the_others_nothing() -> None:
    release = asyncio.Event()

    async def problems() -> Sequence[str]:
        await release.wait()
        return []

    readiness = Readiness(problems)
    first, second = (asyncio.create_task(readiness.problems()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    release.set()

    assert await second == []
