/** The client's position in the event log, and what each frame means for it: "Resuming" in docs/protocol.md. */

import type { AnyFrame, HelloFrame, ResetFrame } from "../protocol/types.js";

export interface LogPosition {
  /** The highest `seq` handled; `null` before anything was loaded or received. */
  readonly position: number | null;
  /** The epoch that `position` belongs to. */
  readonly epoch: string | null;
  /** Whether the state has to be loaded over REST, because frames alone cannot bring it up to date. */
  readonly needsReload: boolean;
  /** Whether a frame is missing on this connection, so that it has to be replaced. `connecting` clears it. */
  readonly needsReconnect: boolean;
}

/** What to do with a frame. */
export type Disposition =
  /** Apply it to the state. */
  | "apply"
  /** Keep it until the state is loaded. */
  | "defer"
  /** It was handled before, follows a gap, or only moves the position. */
  | "ignore"
  /** The state cannot be continued: discard deferred frames and load it again. */
  | "reset";

export const initialLogPosition: LogPosition = {
  position: null,
  epoch: null,
  needsReload: true,
  needsReconnect: false,
};

/** Return the log position after `frame`, and what to do with the frame. */
export function advance<Log extends LogPosition>(log: Log, frame: AnyFrame): readonly [Log, Disposition] {
  if (log.needsReconnect) {
    return [log, "ignore"];
  }
  if (isHello(frame)) {
    const { seq, epoch, resumed } = frame.data;
    return resumed
      ? [log.epoch === epoch ? log : { ...log, epoch }, "ignore"]
      : [{ ...log, epoch, position: seq, needsReload: true }, "reset"];
  }
  if (isReset(frame)) {
    return [{ ...log, position: frame.data.seq, epoch: frame.data.epoch, needsReload: true }, "reset"];
  }
  if (frame.type === "heartbeat") {
    const { seq } = frame.data as { readonly seq: number };
    return [seq === log.position ? log : { ...log, needsReconnect: true }, "ignore"];
  }
  if (frame.seq === undefined) {
    return [log, "apply"];
  }
  if (log.position !== null && frame.seq <= log.position) {
    return [log, "ignore"];
  }
  if (log.position !== null && frame.seq > log.position + 1) {
    return [{ ...log, needsReconnect: true }, "ignore"];
  }
  return [{ ...log, position: frame.seq }, log.needsReload ? "defer" : "apply"];
}

function isHello(frame: AnyFrame): frame is HelloFrame {
  return frame.type === "hello";
}

function isReset(frame: AnyFrame): frame is ResetFrame {
  return frame.type === "reset";
}
