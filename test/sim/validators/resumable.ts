/**
 * A reader whose position is one of this very log, and whose tail is kept, resumes there; nobody is
 * resumed on another history.
 */
import { toHex } from "../../../shared/lib/bytes.ts";
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { ChannelCursor } from "../../../shared/protocol/messages.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

/** Of the small limits: with more deletes after a position the log's memory may begin later. */
const DELETES = 5;

function isOfThisLog(truth: Truth, origin: string, reader: string, cursor: ChannelCursor): boolean {
  const log = truth.logFor(origin, reader, cursor.channel);
  // A log that has no frame yet is known by its epoch only, which no history of frames tells.
  if (cursor.revision === 0) return true;
  return (
    log?.epoch === cursor.epoch &&
    truth.frame(origin, reader, cursor.channel, cursor.revision)?.chain === toHex(cursor.chain)
  );
}

function isKept(truth: Truth, origin: string, reader: string, cursor: ChannelCursor): boolean {
  const head = truth.head(origin, reader, cursor.channel);
  if (cursor.revision === 0 || cursor.revision < head - BUDGETS.ringFrames) return false;
  let deletes = 0;
  for (let at = cursor.revision + 1; at <= head; at++)
    for (const hash of truth.frame(origin, reader, cursor.channel, at)?.entries.values() ?? [])
      if (hash === null) deletes++;
  return deletes <= DELETES;
}

export const resumable: Validator = {
  name: "Resumable",
  validate: (history) => {
    const truth = new Truth();
    /** Cursors of hellos that have not been answered, by socket and channel. */
    const asked = new Map<string, ChannelCursor>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      if (it.what === "received" && it.message.type === "watch-hello")
        for (const cursor of it.message.cursors)
          asked.set(`${it.socket} ${cursor.channel}`, cursor);
      if (it.what !== "sent") continue;
      const { message } = it;
      if (message.type !== "resume" && message.type !== "repair-needed") continue;
      const id = `${it.socket} ${message.channel}`;
      const cursor = asked.get(id);
      asked.delete(id);
      if (cursor === undefined) {
        if (message.type === "resume")
          return { atMs, message: `${id} is resumed at ${message.after}, and named no position` };
        continue;
      }
      // Which channels it may have has changed. [VIS51]
      if (message.type === "repair-needed" && message.epoch === WITHHELD_EPOCH) continue;
      const isOwn = isOfThisLog(truth, it.origin, it.to, cursor);
      if (message.type === "resume" && !isOwn)
        return { atMs, message: `${id} is resumed at ${cursor.revision} of another history` };
      if (message.type === "repair-needed" && isOwn && isKept(truth, it.origin, it.to, cursor))
        return {
          atMs,
          message: `${id} must repair (${message.reason}), though ${cursor.revision} is kept`,
        };
    }
    return null;
  },
};
