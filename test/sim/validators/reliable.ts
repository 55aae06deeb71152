/**
 * What is acknowledged to a publisher is committed, and what is committed reaches the reader: a
 * frame is what was committed, a catch-up leaves out only what changes again later, a blob is all
 * of its partition at its revision.
 */
import { toHex } from "../../../shared/lib/bytes.ts";
import { partitionHas } from "../../../shared/log/partition.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { Message, Publish } from "../../../shared/protocol/messages.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { decodeRecord, hashKey, hashRecord } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { Entries } from "../history.ts";
import { admittedAt, Truth } from "./truth.ts";
import type { Validator } from "./validator.ts";

function entriesOf(payload: Uint8Array): Entries {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(decoded.rule);
  const entries = new Map<string, string | null>();
  for (const change of decoded.changes) {
    if (change.op === "delete") entries.set(toHex(change.keyHash), null);
    else {
      const record = decodeRecord(change.bytes);
      if (!record.ok) throw new Error(record.error.rule);
      entries.set(toHex(hashKey(keyOf(record.record))), toHex(hashRecord(change.bytes)));
    }
  }
  return entries;
}

function equal(a: Entries, b: Entries): boolean {
  return a.size === b.size && [...a].every(([key, hash]) => b.get(key) === hash);
}

/**
 * Why an acknowledgement is untrue, or `null`.
 * @param later Publishes after it, which may have changed its keys again.
 */
function judgeAccepted(
  truth: Truth,
  origin: string,
  publish: Publish,
  later: readonly Publish[],
): string | null {
  const { logs, kept } = truth.storage(origin);
  const again = new Set(later.flatMap(({ payload }) => [...entriesOf(payload).keys()]));
  for (const [key, hash] of entriesOf(publish.payload)) {
    if (again.has(key)) continue;
    const admitted = logs.get(publish.channel)?.admitted.get(key);
    const isCommitted =
      hash === null
        ? admitted === undefined && !kept.has(key)
        : admitted === hash || kept.get(key) === hash;
    if (!isCommitted)
      return `publish ${publish.sequence} is acknowledged, and ${key} is not committed`;
  }
  return null;
}

function judgeCatchUp(
  truth: Truth,
  origin: string,
  reader: string,
  channel: Channel,
  after: number,
  revision: number,
  told: Entries,
): string | null {
  const newest = new Map<string, { readonly at: number; readonly hash: string | null }>();
  for (let at = after + 1; at <= truth.head(origin, reader, channel); at++)
    for (const [key, hash] of truth.frame(origin, reader, channel, at)?.entries ?? [])
      newest.set(key, { at, hash });
  for (const [key, { at, hash }] of newest)
    if (at <= revision && told.get(key) !== hash)
      return `catch-up ${after}..${revision} of ${channel} leaves out ${key}, changed last by ${at}`;
  for (const [key, hash] of told) {
    const known = newest.get(key);
    if (known === undefined || known.hash !== hash)
      return `catch-up ${after}..${revision} of ${channel} has a ${key} that is not the newest`;
  }
  return null;
}

function judgeSent(truth: Truth, origin: string, reader: string, message: Message): string | null {
  if (message.type === "frame") {
    const committed = truth.frame(origin, reader, message.channel, message.revision)?.entries;
    return committed !== undefined && equal(committed, entriesOf(message.payload))
      ? null
      : `frame ${message.revision} of ${message.channel} is not what was committed`;
  }
  if (message.type === "catch-up") {
    const { channel, after, revision, payload } = message;
    return judgeCatchUp(truth, origin, reader, channel, after, revision, entriesOf(payload));
  }
  if (message.type !== "blob") return null;
  const log = truth.logFor(origin, reader, message.channel);
  const all = admittedAt(log, message.revision) ?? new Map();
  const wanted = new Map(
    [...all].filter(([key]) => partitionHas(message, Uint8Array.from(Buffer.from(key, "hex")))),
  );
  return equal(wanted, entriesOf(message.payload))
    ? null
    : `blob ${message.bits}/${message.prefix} of ${message.channel} is not what was committed at ${message.revision}`;
}

export const reliable: Validator = {
  name: "Reliable",
  validate: (history) => {
    const truth = new Truth();
    const published = new Map<string, Publish[]>();
    for (const moment of history) {
      truth.take(moment);
      const { atMs, it } = moment;
      if (it.what === "received" && it.message.type === "publish") {
        const own = published.get(it.socket) ?? [];
        published.set(it.socket, own);
        own.push(it.message);
      }
      if (it.what !== "sent") continue;
      const { message } = it;
      let wrong: string | null = null;
      if (message.type === "accepted") {
        const own = published.get(it.socket) ?? [];
        const at = own.findIndex(({ sequence }) => sequence === message.sequence);
        const publish = own[at];
        wrong =
          publish === undefined
            ? `publish ${message.sequence} is acknowledged, and was never sent`
            : judgeAccepted(truth, it.origin, publish, own.slice(at + 1));
      } else wrong = judgeSent(truth, it.origin, it.to, message);
      if (wrong !== null) return { atMs, message: `Origin ${it.origin} to ${it.to}: ${wrong}` };
    }
    return null;
  },
};
