import { expect, test } from "vitest";
import { FrameQueue } from "../../src/react/frame-queue.js";
import type { AnyFrame } from "../../src/protocol/types.js";
import { newMessage } from "../support/fake-browser.js";

/** A queue whose tasks run when the test says so. */
function queue(): { readonly frames: FrameQueue; readonly shown: AnyFrame[]; readonly runs: () => void } {
  const shown: AnyFrame[] = [];
  const tasks: (() => void)[] = [];
  const frames = new FrameQueue(
    (frame) => shown.push(frame),
    (run) => tasks.push(run),
  );
  return {
    frames,
    shown,
    runs: () => {
      tasks.splice(0).forEach((run) => {
        run();
      });
    },
  };
}

test("the next frame is shown when the last was seen, and not before", () => {
  const { frames, shown, runs } = queue();
  frames.add(newMessage(1));
  frames.add(newMessage(2));
  runs();
  runs();
  expect(shown).toEqual([newMessage(1)]);

  frames.seen(newMessage(2)); // not what is shown
  runs();
  expect(shown).toHaveLength(1);
  frames.seen(shown[0] ?? null);
  expect(shown).toHaveLength(1);
  runs();
  expect(shown).toEqual([newMessage(1), newMessage(2)]);
});

test("of frames that nobody sees 10,000 are kept; with one more a reset tells that they are lost", () => {
  const { frames, shown, runs } = queue();
  frames.add(newMessage(1));
  runs();
  for (let id = 2; id <= 10_003; id += 1) {
    frames.add(newMessage(id));
  }
  for (let turn = 0; turn < 4; turn += 1) {
    frames.seen(shown.at(-1) ?? null);
    runs();
  }

  expect(shown).toEqual([
    newMessage(1),
    { type: "reset", data: { seq: 10_002, reason: "not_seen" } },
    newMessage(10_003),
  ]);
});
