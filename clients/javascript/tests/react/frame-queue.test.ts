import { expect, test } from "vitest";
import { FrameQueue } from "../../src/react/frame-queue.js";
import type { AnyFrame } from "../../src/protocol/types.js";
import { newMessage } from "../support/objects.js";

/** Return a queue whose tasks run when the test calls `runTasks`. */
function queue(): { readonly frames: FrameQueue; readonly shown: AnyFrame[]; readonly runTasks: () => void } {
  const shown: AnyFrame[] = [];
  const tasks: (() => void)[] = [];
  const frames = new FrameQueue(
    (frame) => shown.push(frame),
    (run) => tasks.push(run),
  );
  return {
    frames,
    shown,
    runTasks: () => {
      tasks.splice(0).forEach((run) => {
        run();
      });
    },
  };
}

test("the next frame is rendered only after the last one was acknowledged", () => {
  const { frames, shown, runTasks } = queue();
  frames.add(newMessage(1));
  frames.add(newMessage(2));
  runTasks();
  runTasks();
  expect(shown).toEqual([newMessage(1)]);

  frames.acknowledge(newMessage(2)); // not the one that is rendered
  runTasks();
  expect(shown).toHaveLength(1);
  frames.acknowledge(shown[0] ?? null);
  expect(shown).toHaveLength(1);
  runTasks();
  expect(shown).toEqual([newMessage(1), newMessage(2)]);
});

test("up to 10,000 frames wait; one more replaces them all by a reset", () => {
  const { frames, shown, runTasks } = queue();
  frames.add(newMessage(1));
  runTasks();
  for (let id = 2; id <= 10_003; id += 1) {
    frames.add(newMessage(id));
  }
  for (let turn = 0; turn < 4; turn += 1) {
    frames.acknowledge(shown.at(-1) ?? null);
    runTasks();
  }

  expect(shown).toEqual([
    newMessage(1),
    { type: "reset", data: { seq: 10_002, reason: "not_seen" } },
    newMessage(10_003),
  ]);
});
