import { beforeEach, describe, expect, test } from "vitest";
import { EPOCH, hello, message, newMessage } from "../support/fake-browser.js";
import { ClientWorld, texts } from "../support/client-world.js";

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
});

describe("frames", () => {
  test("are told as typed events, each once", async () => {
    const made = await world.live();
    const told: number[] = [];
    made.on("message", ({ message: { id } }) => told.push(id));

    world.socket.says(newMessage(2), newMessage(2), newMessage(3));

    expect(told).toEqual([2, 3]);
    expect(made.getState().position).toBe(3);
  });

  test("of a burst are told to subscribers together, the first at once", async () => {
    const made = await world.live();
    await world.passes(100);
    let calls = 0;
    made.subscribe(() => {
      calls += 1;
    });

    world.socket.says(...[2, 3, 4, 5, 6].map((id) => newMessage(id)));
    expect(calls).toBe(1);
    await world.passes(100);
    expect(calls).toBe(2);
  });

  test("with a hole before them lead to a new connection from before the hole", async () => {
    const made = await world.live();
    world.socket.says(newMessage(2), newMessage(4));

    expect(made.getStatus().phase).toBe("connecting");
    await world.passes(500);
    expect(world.sockets).toHaveLength(2);
    expect(world.socket.url).toContain("after=2&");
  });

  test("that come after a lost connection go on where it was", async () => {
    const made = await world.live();
    const release = made.watchConversation("c1");
    await world.settles();
    world.socket.says(newMessage(2));
    world.socket.ends(1006);
    expect(made.getStatus().phase).toBe("connecting");
    await world.passes(500);
    expect(world.socket.url).toBe(`ws://inbox.test/ws/42?after=2&epoch=${EPOCH}`);

    world.socket.open();
    world.socket.says(hello(4, true), newMessage(3), newMessage(4));

    expect(made.getStatus().phase).toBe("live");
    expect(texts(made)).toEqual(["text 1", "text 2", "text 3", "text 4"]);
    release();
  });

  test("that cannot be read do no harm", async () => {
    const made = await world.live();
    world.socket.says("nonsense" as never, null as never, { type: "of_next_year", seq: 2, data: {} }, newMessage(3));

    expect(made.getState().position).toBe(3);
    expect(made.getStatus().phase).toBe("live");
  });
});

describe("a reset", () => {
  test("loads everything that is shown anew, and keeps what comes meanwhile", async () => {
    const made = await world.live();
    made.watchConversation("c1");
    await world.settles();
    expect(texts(made)).toEqual(["text 1"]);
    world.rows.epoch = "91ab03cc";
    world.rows.seq = 11;
    world.rows.messages = { c1: [message(11), message(10)] };
    const reasons: string[] = [];
    made.on("reset", ({ reason }) => reasons.push(reason));

    world.socket.says({ type: "reset", data: { seq: 10, epoch: "91ab03cc", reason: "epoch_changed" } });
    world.socket.says(newMessage(11), newMessage(12));
    expect(texts(made)).toEqual(["text 1"]);
    await world.settles();

    expect(texts(made)).toEqual(["text 10", "text 11", "text 12"]);
    expect(made.getState()).toMatchObject({ position: 12, epoch: "91ab03cc", needsReload: false });
    expect(reasons).toEqual(["epoch_changed"]);
    expect(made.getStatus().phase).toBe("live");
  });

  test("is loaded again until the answers are as new as it was", async () => {
    const made = await world.live();
    world.socket.says({ type: "reset", data: { seq: 10, epoch: EPOCH, reason: "log_pruned" } });
    await world.settles();
    expect(made.getState().needsReload).toBe(true);

    world.rows.seq = 10;
    await world.passes(1_000);

    expect(made.getState().needsReload).toBe(false);
  });

  test("throws away the page that was asked for before", async () => {
    world.answer = ({ url }) =>
      url.includes("/messages") && !url.includes("cursor")
        ? world.list([message(5), message(4)], { Link: '</api/x?limit=50&cursor=older>; rel="next"' })
        : undefined;
    const made = await world.live();
    made.watchConversation("c1");
    await world.settles();
    let give: (response: Response) => void = () => undefined;
    world.answer = ({ url }) =>
      url.includes("cursor=older")
        ? new Promise((resolve) => {
            give = resolve;
          })
        : undefined;
    const older = made.loadOlderMessages("c1");
    await world.settles();

    world.socket.says({ type: "reset", data: { seq: 1, epoch: EPOCH, reason: "log_pruned" } });
    await world.settles();
    give(world.list([message(3)]));
    await older;

    expect(texts(made)).toEqual(["text 1"]);
  });
});

test("typing ends by itself, also where the clocks differ", async () => {
  const made = await world.live();
  const typing = (until: number) => ({
    type: "typing",
    data: { conversation_id: "c1", who: { id: "d", name: null }, until: new Date(until).toISOString() },
  });

  world.socket.says(typing(world.time - 60_000 + 6_000));
  expect(made.getState().typing).toHaveLength(1);
  await world.passes(5_000);
  expect(made.getState().typing).toHaveLength(1);
  await world.passes(2_000);
  expect(made.getState().typing).toHaveLength(0);
});

test("a frame that makes no sense ends the connection, and says so", async () => {
  const made = await world.live();
  const errors: Error[] = [];
  made.on("error", (error) => errors.push(error));
  world.socket.says({ type: "new_message", seq: 2, data: null });

  expect(errors).toHaveLength(1);
  expect(made.getStatus().phase).toBe("connecting");
  await world.passes(500);
  expect(world.socket.url).toContain("after=1&");
  world.greets();
  world.socket.says(newMessage(2));
  expect(made.getState().position).toBe(2);
});

test("more frames than can wait for a load are dropped, and the load has to know of them", async () => {
  world.isDown = true;
  const made = world.client();
  made.start();
  await world.settles();
  world.socket.open();
  world.socket.says(hello(0, false));
  for (let id = 1; id <= 6_000; id += 1) {
    world.socket.says(newMessage(id));
  }
  expect(made.getState().waiting).toHaveLength(999);

  world.isDown = false;
  world.rows.seq = 5_000; // an answer that does not know of what was dropped
  await world.passes(60_000);
  expect(made.getState().needsReload).toBe(true);
  world.rows.seq = 5_500;
  world.socket.says({ type: "heartbeat", data: { seq: 6_000 } });
  await world.passes(30_000);

  expect(made.getState()).toMatchObject({ needsReload: false, position: 6_000, waiting: [] });
});

test("messages are kept only of conversations that somebody looks at", async () => {
  const made = await world.live();
  made.watchConversation("c1");
  await world.settles();
  world.socket.says(newMessage(2), newMessage(3, { conversation_id: "c2" }), newMessage(4, { conversation_id: "c3" }));

  expect([...made.getState().threads.values()].map((thread) => thread.conversation_id)).toEqual(["c1"]);
  expect(made.getState().conversations.size).toBe(3);
  expect(texts(made)).toEqual(["text 1", "text 2"]);
});

test("a message that comes while its conversation is loaded is kept", async () => {
  const made = await world.live();
  let give: (response: Response) => void = () => undefined;
  world.answer = ({ url }) =>
    url.includes("/c1/messages")
      ? new Promise((resolve) => {
          give = resolve;
        })
      : undefined;
  made.watchConversation("c1");
  await world.settles();
  const early = world.list([message(1)]);
  world.socket.says(newMessage(2));
  give(early);
  await world.settles();

  expect(texts(made)).toEqual(["text 1", "text 2"]);
});

test("nobody is left writing after stop", async () => {
  const made = await world.live();
  const until = new Date(world.time + 6_000).toISOString();
  const typing = { type: "typing", data: { conversation_id: "c1", who: { id: "d", name: null }, until } };
  world.socket.says(typing);
  made.stop();
  expect(made.getState().typing).toEqual([]);

  made.start();
  await world.settles();
  world.greets();
  world.socket.says(typing);
  expect(made.getState().typing).toHaveLength(1);
});
