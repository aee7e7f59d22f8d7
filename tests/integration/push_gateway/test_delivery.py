"""A socket receives every change once, in order."""

import asyncio
import time

from tests.integration.push_gateway.harness import gateway, receive, receive_seqs, token, until, wait_closed


async def test_a_change_is_pushed_to_every_tab_of_its_user_and_to_nobody_else() -> None:
    async with gateway() as gw, gw.connect("ada") as one, gw.connect("ada") as two, gw.connect("bob") as other:
        assert (await receive(one))["data"] == {"seq": 0, "epoch": "e1", "resumed": False, "heartbeat_seconds": 20.0}
        for socket in (two, other):
            await receive(socket)

        await gw.push_changes("ada", 3)
        await gw.push_changes("bob", 1)

        assert await receive_seqs(one, 3) == [1, 2, 3]
        assert await receive_seqs(two, 3) == [1, 2, 3]
        assert await receive_seqs(other, 1) == [1]
        assert gw.metric("webhook_to_frame_seconds_count") == 4
        assert gw.store.log_requests == [], "a live stream costs no query"


async def test_a_client_resumes_page_by_page() -> None:
    async with gateway() as gw:
        for _ in range(450):
            gw.store.append("ada")
        async with gw.connect("ada", after=3, epoch="e1") as socket:
            hello = await receive(socket)
            assert (hello["data"]["seq"], hello["data"]["resumed"]) == (450, True)
            assert await receive_seqs(socket, 447) == list(range(4, 451))
        assert gw.metric("resumes_total") == 1


async def test_a_lost_event_is_read_from_the_log_once_for_all_tabs() -> None:
    async with gateway() as gw, gw.connect("ada") as one, gw.connect("ada") as two:
        await receive(one)
        await receive(two)
        gw.store.append("ada")  # committed, but its event is lost

        await gw.push_changes("ada")

        assert await receive_seqs(one, 2) == [1, 2]
        assert await receive_seqs(two, 2) == [1, 2]
        assert len(gw.store.log_requests) == 1


async def test_events_out_of_order_and_repeated_are_delivered_in_order_once() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        first, second, third = (gw.store.append("ada") for _ in range(3))

        await gw.broker.publish([first, third, second, first, third])
        await gw.push_changes("ada")

        assert await receive_seqs(socket, 4) == [1, 2, 3, 4]
        assert gw.store.log_requests == []


async def test_the_loss_of_the_last_event_is_noticed_at_the_heartbeat() -> None:
    async with gateway(heartbeat_seconds=0.1) as gw, gw.connect("ada") as socket:
        await receive(socket)
        gw.store.append("ada")

        assert await receive_seqs(socket, 1) == [1]
        assert gw.metric("gaps_fetched_total") == 1
        while (message := await receive(socket))["type"] != "heartbeat":
            pass
        assert message == {"type": "heartbeat", "data": {"seq": 1}}


async def test_a_reconnect_is_served_from_the_replay_buffer() -> None:
    async with gateway() as gw:
        async with gw.connect("ada") as socket:
            await receive(socket)
            await gw.push_changes("ada", 2)
            await receive_seqs(socket, 2)
        await gw.push_changes("ada", 2)
        asked = len(gw.store.tops_requests)

        async with gw.connect("ada", after=2, epoch="e1") as socket:
            assert await receive_seqs(socket, 2) == [3, 4]
        assert gw.store.log_requests == []
        assert len(gw.store.tops_requests) == asked


async def test_a_pruned_position_is_reset_and_the_socket_stays_open() -> None:
    async with gateway() as gw:
        for _ in range(9):
            gw.store.append("ada")
        gw.store.floors["ada"] = 5
        async with gw.connect("ada", after=2) as socket:
            hello, reset = await receive(socket), await receive(socket)
            assert hello["data"]["resumed"] is False
            assert reset == {"type": "reset", "data": {"seq": 9, "epoch": "e1", "reason": "log_pruned"}}
            await gw.push_changes("ada")
            assert await receive_seqs(socket, 1) == [10]
        assert gw.metric("resets_total") == 1


async def test_a_restored_database_is_noticed_on_live_sockets() -> None:
    async with gateway(heartbeat_seconds=0.1) as gw, gw.connect("ada") as socket:
        await receive(socket)
        await gw.push_changes("ada", 3)
        await receive_seqs(socket, 3)

        gw.store.epoch = "e2"
        del gw.store.logs["ada"][2:]

        while (message := await receive(socket))["type"] != "reset":
            pass
        assert message["data"] == {"seq": 2, "epoch": "e2", "reason": "epoch_changed"}
        await gw.push_changes("ada")
        assert await receive_seqs(socket, 1) == [3]


async def test_during_a_store_outage_live_events_flow_and_gaps_wait() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        gw.store.is_unavailable = True
        await gw.push_changes("ada")
        assert await receive_seqs(socket, 1) == [1]

        gw.store.append("ada")
        await gw.push_changes("ada", 2)
        await until(lambda: gw.store.log_requests)
        gw.store.is_unavailable = False

        assert await receive_seqs(socket, 3) == [2, 3, 4]


async def test_a_socket_opened_during_a_store_outage_gets_everything_afterwards() -> None:
    async with gateway() as gw:
        gw.store.append("ada")
        gw.store.is_unavailable = True
        async with gw.connect("ada", after=0) as socket:
            await until(lambda: gw.store.log_requests)
            await gw.push_changes("ada")
            gw.store.is_unavailable = False

            assert (await receive(socket))["type"] == "hello"
            assert await receive_seqs(socket, 2) == [1, 2]


async def test_events_during_a_slow_read_of_the_log_are_neither_lost_nor_repeated() -> None:
    async with gateway() as gw:
        gw.store.append("ada")
        gw.store.may_respond.clear()
        async with gw.connect("ada", after=0) as socket:
            await until(lambda: gw.store.log_requests)
            await gw.push_changes("ada", 3)
            gw.store.may_respond.set()

            assert (await receive(socket))["type"] == "hello"
            assert await receive_seqs(socket, 4) == [1, 2, 3, 4]


async def test_many_waiting_users_are_read_together() -> None:
    async with gateway() as gw:
        sockets = [await gw.connect(f"user-{number}", after=0) for number in range(20)]
        for socket in sockets:
            await receive(socket)
        asked = len(gw.store.log_requests)
        events = []
        for number in range(20):
            gw.store.append(f"user-{number}")
            events.append(gw.store.append(f"user-{number}"))
        await gw.broker.publish(events)

        for socket in sockets:
            assert await receive_seqs(socket, 2) == [1, 2]
        assert len(gw.store.log_requests) - asked <= 4
        for socket in sockets:
            await socket.close()


async def test_a_ping_is_answered() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        await socket.send("ping")
        assert await receive(socket) == {"type": "pong"}


async def test_an_unknown_frame_closes_the_socket() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        await socket.send('{"type":"shout"}')
        assert await wait_closed(socket) == (4400, "not a known frame")


async def test_an_expired_token_closes_the_socket_unless_it_was_renewed() -> None:
    async with (
        gateway() as gw,
        gw.connect("ada", seconds=2) as kept,
        gw.connect("ada", seconds=2) as lost,
    ):
        await receive(kept)
        await kept.send(f'{{"type":"auth","token":"{token("ada")}"}}')

        assert (await wait_closed(lost))[0] == 4001
        await kept.send("ping")
        assert await receive(kept) == {"type": "pong"}


async def test_a_new_token_of_another_user_closes_the_socket() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        await socket.send(f'{{"type":"auth","token":"{token("bob")}"}}')
        assert (await wait_closed(socket))[0] == 4003


async def test_every_client_is_closed_with_a_time_to_reconnect() -> None:
    async with gateway() as gw:
        sockets = [await gw.connect(f"user-{number}") for number in range(60)]
        for socket in sockets:
            await receive(socket)
        stopping_at = time.monotonic()

    assert time.monotonic() - stopping_at < 3.0
    closes = [await wait_closed(socket) for socket in sockets]
    assert {code for code, _ in closes} == {1012}
    waits = [int((reason or "").removeprefix("retry_after_ms=")) for _, reason in closes]
    assert len(set(waits)) > 30, "they do not all reconnect at once"


async def test_a_socket_opened_during_shutdown_is_closed_too() -> None:
    async with gateway() as gw:
        gw.store.may_respond.clear()
        socket = await gw.connect("ada")
        await until(lambda: gw.store.tops_requests)
        gw.store.may_respond.set()
    assert (await wait_closed(socket))[0] == 1012


async def test_heartbeats_go_to_many_sockets() -> None:
    async with gateway(heartbeat_seconds=0.2) as gw:
        sockets = [await gw.connect(f"user-{number}") for number in range(30)]

        async def heartbeat(number: int) -> None:
            while (await receive(sockets[number]))["type"] != "heartbeat":
                pass

        await asyncio.gather(*(heartbeat(number) for number in range(30)))
