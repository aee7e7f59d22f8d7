/** Where a client stands in the log of changes, and what that means for each frame: "Resuming" in docs/protocol.md. */

import type { AnyFrame, HelloFrame, ResetFrame } from "../protocol/types.js";

export interface LogPosition {
  /** The highest `seq` handled; `null` before anything was loaded or heard. */
  readonly position: number | null;
  readonly epoch: string | null;
  /** Whether everything has to be loaded over REST before what is held can be trusted. */
  readonly needsReload: boolean;
  /** Whether this connection has to be given up, because something was lost on it; cleared by `connecting`. */
  readonly reconnect: boolean;
}

export type Verdict =
  /** Apply it. */
  | "apply"
  /** Keep it until everything was loaded. */
  | "wait"
  /** It was handled before, it comes after a hole, or it says nothing beyond the position. */
  | "drop"
  /** What is held cannot be continued: forget the frames that wait, and load. */
  | "restart";

export const nowhere: LogPosition = { position: null, epoch: null, needsReload: true, reconnect: false };

/** Return where the log stands after `frame`, and what to do with the frame. */
export function advance<Log extends LogPosition>(log: Log, frame: AnyFrame): readonly [Log, Verdict] {
  if (log.reconnect) {
    return [log, "drop"];
  }
  if (isHello(frame)) {
    const { seq, epoch, resumed } = frame.data;
    return resumed
      ? [log.epoch === epoch ? log : { ...log, epoch }, "drop"]
      : [{ ...log, epoch, position: seq, needsReload: true }, "restart"];
  }
  if (isReset(frame)) {
    return [{ ...log, position: frame.data.seq, epoch: frame.data.epoch, needsReload: true }, "restart"];
  }
  if (frame.type === "heartbeat") {
    const { seq } = frame.data as { readonly seq: number };
    return [seq === log.position ? log : { ...log, reconnect: true }, "drop"];
  }
  if (frame.seq === undefined) {
    return [log, "apply"];
  }
  if (log.position !== null && frame.seq <= log.position) {
    return [log, "drop"];
  }
  if (log.position !== null && frame.seq > log.position + 1) {
    return [{ ...log, reconnect: true }, "drop"];
  }
  return [{ ...log, position: frame.seq }, log.needsReload ? "wait" : "apply"];
}

function isHello(frame: AnyFrame): frame is HelloFrame {
  return frame.type === "hello";
}

function isReset(frame: AnyFrame): frame is ResetFrame {
  return frame.type === "reset";
}
