/**
 * A relay that says "in sync" holds exactly what the log holds at its position, of a log that a
 * publisher has reconciled since it began; and nothing is missing from it that the source has had
 * since before that reconciliation.
 */
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { Checkpoint, Frame, Message } from "../../../shared/protocol/messages.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { Happening, Moment, SeenRemote } from "../history.ts";
import { admittedAt, Truth } from "./truth.ts";
import type { Validator, Violation } from "./validator.ts";

const IN_SYNC = 2;
/** A broken connection is noticed, and a list that came half is completed, within this time. */
const NOTICED_MS = 10_000;

function judgeHeld(
  truth: Truth,
  { origin, served, refused, positions }: SeenRemote,
): string | null {
  let count = 0;
  for (const channel of FELIX_CHANNELS) {
    const position = positions.get(channel);
    if (position === undefined) return `was not told on this connection where ${channel} is`;
    const { epoch, revision } = position;
    // It may not have the channel: of an empty log there is nothing. What is for routes comes apart
    // from the rest: `NoRouteWithoutBoth`.
    if (epoch === WITHHELD_EPOCH || channel === "routing") continue;
    const admitted = admittedAt(truth.logOf(origin, channel, epoch), revision);
    if (admitted === undefined) return `has ${channel} ${revision}, which its log has not`;
    for (const [key, hash] of admitted)
      if (served.get(key)?.hash === hash) count++;
      else if (!refused.has(key))
        return `has ${served.get(key)?.hash ?? "nothing"} under ${key} of ${channel}, the log at ${revision} has ${hash ?? ""}`;
  }
  // In sync says nothing of Services.
  const size = [...served.values()].filter(({ isOfServices }) => isOfServices !== true).length;
  return count === size ? null : `has ${size} records, ${count} of which are in the log`;
}

/**
 * When a `reconciled` was sent, and the heads of the logs that were there when it came, by epoch.
 */
interface Reconciled {
  readonly sentMs: number;
  readonly heads: ReadonlyMap<string, number>;
}

function judgeSource(
  truth: Truth,
  { origin, served, refused, positions }: SeenRemote,
  reconciledAt: (channel: Channel) => Reconciled | undefined,
): string | null {
  for (const [key, states] of truth.allStates(origin)) {
    const last = states.at(-1);
    if (last?.value?.isOwn !== true || served.has(key) || refused.has(key)) continue;
    const { channel } = last.value;
    if (channel === "routing" || channel === "services") continue;
    const { epoch = "", revision = 0 } = positions.get(channel) ?? {};
    if (epoch === WITHHELD_EPOCH) continue;
    const scope = truth.logOf(origin, channel, epoch)?.scope ?? null;
    if (scope !== null && last.value.shown?.(scope) === null) continue;
    // Its range is being claimed, and a reconciliation counts once that is settled; or it is
    // committed and on its way.
    const { kept, logs } = truth.storage(origin);
    if (kept.has(key) || logs.get(channel)?.admitted.has(key) === true) continue;
    const basis = reconciledAt(channel);
    // What is on its way to the reader came after what it is in sync with.
    const isPast = basis !== undefined && revision >= (basis.heads.get(epoch) ?? 0);
    if (isPast && last.atMs < basis.sentMs - NOTICED_MS)
      return `has nothing under ${key}, which was there before the log was reconciled`;
  }
  return null;
}

export const neverInSyncEarly: Validator = {
  name: "NeverInSyncEarly",
  validate: (history) => {
    const truth = new Truth();
    /** The newest that came, by origin and channel. */
    const reconciled = new Map<string, Reconciled>();
    const sent = new Map<string, number>();
    const populated = new Map<string, Populated>();
    /** The same, whatever was lost since. */
    const ever = new Map<string, Populated>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      const forget = (by: Map<string, unknown>): void => {
        if (it.what === "storage")
          for (const id of by.keys()) if (id.startsWith(`${it.origin} `)) by.delete(id);
      };
      forget(reconciled);
      if (it.what === "storage" && it.why !== "rolled back") forget(populated);
      // A copy of before a loss may come back.
      if (it.what === "storage" && it.why === "rolled back")
        for (const [id, known] of ever)
          if (id.startsWith(`${it.origin} `) && !populated.has(id)) populated.set(id, known);
      if (it.what === "reconciled") sent.set(`${it.origin} ${it.channel}`, atMs);
      if (it.what === "received" && it.message.type === "reconciled") {
        const id = `${it.origin} ${it.message.channel}`;
        const { channel } = it.message;
        const logs = [...truth.storage(it.origin).byEpoch]
          .filter(([of]) => of.startsWith(`${channel} `))
          .map(([, log]) => log);
        const heads = new Map(
          logs.map(({ epoch, frames }) => [epoch, frames.at(-1)?.revision ?? 0]),
        );
        reconciled.set(id, { sentMs: sent.get(id) ?? atMs, heads });
        if (!populated.has(id)) {
          const known = { claiming: claimingOf(truth, it.origin), isTold: false };
          populated.set(id, known);
          ever.set(id, known);
        }
      }
      const wrong = populatedEarly(it, truth, populated) ?? seenEarly(moment, truth, reconciled);
      if (wrong !== null) return { atMs, message: wrong };
    }
    return null;
  },
};

interface Populated {
  /**
   * Pools and nodes that waited for their range when the first `reconciled` came, with their
   * hashes.
   */
  readonly claiming: ReadonlyMap<string, string>;
  isTold: boolean;
}

function claimingOf(truth: Truth, origin: string): Map<string, string> {
  const own = truth.has(origin);
  return new Map(
    [...truth.storage(origin).kept].filter(([key, hash]) => {
      const state = own.get(key);
      return state?.hash === hash && state.owns.length > 0;
    }),
  );
}

function saysPopulated(message: Message): message is Frame | Checkpoint {
  if (message.type === "frame") return message.settled?.populated === true;
  if (message.type !== "checkpoint" || message.epoch === WITHHELD_EPOCH) return false;
  return message.populated;
}

function populatedEarly(
  it: Happening,
  truth: Truth,
  populated: ReadonlyMap<string, Populated>,
): string | null {
  if (it.what !== "sent" || !saysPopulated(it.message)) return null;
  const id = `${it.origin} ${it.message.channel}`;
  const known = populated.get(id);
  if (known === undefined)
    return `Origin ${id} says that it is populated; nobody has reconciled it`;
  if (known.isTold) return null;
  known.isTold = true;
  const { kept } = truth.storage(it.origin);
  const own = truth.has(it.origin);
  for (const [key, hash] of known.claiming)
    if (kept.get(key) === hash && own.get(key)?.channel === it.message.channel)
      return `Origin ${id} says that it is populated while the range of ${key} is being claimed`;
  return null;
}

function seenEarly(
  { atMs, it }: Moment,
  truth: Truth,
  reconciled: ReadonlyMap<string, Reconciled>,
): Violation["message"] | null {
  if (it.what !== "seen") return null;
  for (const remote of it.remotes) {
    const { origin, status, isOpen, rcc } = remote;
    if (status !== IN_SYNC || !isOpen || atMs - truth.storage(origin).brokenMs < NOTICED_MS)
      continue;
    const wrong =
      judgeHeld(truth, remote) ??
      judgeSource(truth, remote, (channel) => reconciled.get(`${origin} ${channel}`));
    if (wrong !== null) return `${it.relay} is in sync with ${rcc} and ${wrong}`;
  }
  return null;
}
