/** From the objects of a source to the frames of the publisher: what is encoded, and how often. */
import { expect, test } from "vitest";

import { LocalState } from "../../../relay/publish/local-state.ts";
import { OwnPools } from "../../../relay/publish/own-pools.ts";
import { Publisher } from "../../../relay/publish/publisher.ts";
import { WithdrawalGuard } from "../../../relay/publish/withdrawals/withdrawal-guard.ts";
import { COLLECTIONS } from "../../../relay/source/convert/converters.ts";
import type { Collection } from "../../../relay/source/convert/converters.ts";
import { RecordStore } from "../../../relay/source/record-store.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { Message } from "../../../shared/protocol/messages.ts";
import { perChannel } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { encodeChecked } from "../../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../../shared/record/encoding.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { must } from "../../../shared/lib/assert.ts";
import { toHex } from "../../../shared/lib/bytes.ts";

const collection = (kind: string): Collection =>
  must(
    COLLECTIONS.find((one) => one.kind === kind),
    kind,
  );

function podObject(n: number, version: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name: `web-${n}`, labels: { version } },
    spec: { nodeName: "node-1" },
    status: { podIP: `10.20.0.${n}` },
  };
}

const POOL = {
  apiVersion: "projectcalico.org/v3",
  kind: "IPPool",
  metadata: { name: "pods" },
  spec: { cidr: "10.20.0.0/16", vxlanMode: "Always" },
};

/** A relay's way from objects to frames, with an encoder that counts. */
class Pipeline {
  readonly encoded: EncodedRecord[] = [];
  readonly sent: Message[] = [];
  readonly local = new LocalState();
  readonly #store = new RecordStore(
    { problem: () => undefined, solved: () => undefined },
    (record) => {
      const result = encodeChecked(record);
      if (result.kind === "ok") this.encoded.push(result.encoded);
      return result;
    },
  );
  readonly #guard = new WithdrawalGuard(this.local, 600_000);
  readonly #pools = new OwnPools();
  readonly publisher = new Publisher(this.local, {
    send: (message) => this.sent.push(message),
    setTimer: () => undefined,
    now: () => 0,
  });

  upsert(kind: string, object: unknown): void {
    this.#publish(this.#store.upsert(collection(kind), object).changes);
  }

  #publish(changes: readonly EncodedChange[]): void {
    const obeyed = this.#guard.judgeChanges(changes, 0);
    this.publisher.onSource(this.#pools.publishable(obeyed.changes, () => this.local.records()));
  }

  /** The hub has nothing. */
  connect(): void {
    const empty = perChannel(() => new HashTrie().digest());
    this.publisher.onListed();
    this.publisher.onMessage({
      type: "home-welcome",
      version: 2,
      term: 1,
      paceMs: 0,
      channels: Object.entries(empty).map(([channel, digest]) => ({
        channel: channel as Channel,
        digest,
        epoch: "e",
        head: 0,
      })),
      isStandby: null,
    });
    for (const message of this.sent.splice(0))
      if (message.type === "reconcile")
        this.publisher.onMessage({
          type: "difference",
          channel: message.channel,
          bits: 0,
          prefix: 0,
          pairs: new Uint8Array(0),
          isLast: false,
        });
    for (const channel of Object.keys(empty))
      this.publisher.onMessage({
        type: "difference",
        channel: channel as Channel,
        bits: 0,
        prefix: 0,
        pairs: new Uint8Array(0),
        isLast: true,
      });
  }

  get published(): string[] {
    return this.sent.flatMap((message) => {
      if (message.type !== "publish") return [];
      const payload = decodePayload(message.payload);
      if (!payload.ok) throw new Error("a frame that cannot be read");
      return payload.changes.flatMap((change) => (change.op === "put" ? toHex(change.bytes) : []));
    });
  }
}

test("[SRC91] an object is encoded once on its way from its source to the hub, and what is published are those bytes", () => {
  const relay = new Pipeline();
  relay.upsert("IPPool", POOL);
  for (const n of [1, 2, 3]) relay.upsert("Pod", podObject(n, "a"));
  relay.connect();
  expect(relay.encoded).toHaveLength(4);
  for (const { key, bytes } of relay.encoded) expect(relay.local.byKey(key)?.bytes).toBe(bytes);
  expect(relay.published.toSorted()).toEqual(
    relay.encoded.map(({ bytes }) => toHex(bytes)).toSorted(),
  );
});

test("[SRC91] an object that comes again is encoded to be compared, and gives no change where its bytes are the same", () => {
  const relay = new Pipeline();
  relay.upsert("Pod", podObject(1, "a"));
  relay.connect();
  relay.sent.length = 0;
  relay.upsert("Pod", podObject(1, "a"));
  expect([relay.encoded.length, relay.published]).toEqual([2, []]);
  relay.upsert("Pod", podObject(1, "b"));
  const [, , changed] = relay.encoded;
  expect([relay.encoded.length, relay.published]).toEqual([
    3,
    [toHex(must(changed, "an encoding").bytes)],
  ]);
});
