/**
 * [LOG28] What others feel of a member that does anything else than publish, without end: on one
 * virtual thread, as in `noisy.test.ts`. Messages cost what the hub says that they cost, which is
 * what was measured.
 */
import { deflateRawSync } from "node:zlib";

import { expect, test } from "vitest";

import { DICTIONARY } from "../../../shared/log/dictionary.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { HomeHello, Message, WatchHello } from "../../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { Peer } from "../../../worker/origin/peer.ts";
import { listen, NOISY_US, p99, READERS } from "../../support/beside.ts";
import type { CrowdedHub, HostedOrigin } from "../../support/crowded-hub.ts";
import { Nuisance } from "../../support/nuisance.ts";
import { pool, put } from "../../support/records.ts";

const alone = listen(null, { rounds: 2 });
const p99Alone = p99(alone, 0, NOISY_US);

const HOME: HomeHello = {
  type: "home-hello",
  versions: PROTOCOL_VERSIONS,
  software: "nuisance",
  accessVersion: 0,
  leaseUid: "",
  term: 0,
  candidate: null,
};
const WATCH: WatchHello = {
  type: "watch-hello",
  versions: PROTOCOL_VERSIONS,
  software: "nuisance",
  accessVersion: 0,
  creditBytes: 0,
  channels: FELIX_CHANNELS,
  cursors: [],
};
const leaves = Array.from({ length: 4_096 }, (_, i) => ({
  bits: 12,
  prefix: i * 2 ** 20,
  digest: new Uint8Array(16).fill(i),
}));
const ofChannel = <T extends Message>(make: (channel: Channel) => T): ((n: number) => T) => {
  const each = FELIX_CHANNELS.map(make);
  return (n) => each[n % each.length] as T;
};
const edges = JSON.stringify(
  Array.from({ length: 1_000 }, (_, i) => ({
    rcc: `remote-${i}`,
    origin: { uid: "a".repeat(32), name: `cluster-${i}` },
    connectionStatus: 2,
    endpoints: 12_345,
    refused: 0,
    digest: "a".repeat(32),
    revision: 12_345,
  })),
);
const nodes = JSON.stringify({
  pools: [],
  poolCount: 0,
  withheldPools: [],
  source: { state: "following", reason: "", sinceMs: 0 },
  overlay: {
    nodes: Array.from({ length: 2_000 }, (_, i) => [
      `node-${i}.a-long-domain.example.com`,
      `10.0.${i >> 8}.${i & 255}`,
      `10.1.${i >> 8}.${i & 255}`,
      "66:00:00:00:00:01",
      "",
      "",
      "",
    ]),
    nodeCount: 2_000,
    addresses: [],
    pools: [],
    handMade: [],
    services: [],
    params: {},
  },
});
const lists = new Uint8Array(8 * 1024 * 1024).fill(0x90);
const bomb = Uint8Array.from(deflateRawSync(lists, { dictionary: DICTIONARY }));
const ranges = (n: number): Uint8Array =>
  encodePayload([put(pool(`10.${(n >> 8) % 256}.${n % 256}.0/24`))]);

interface Kind {
  readonly hello: HomeHello | WatchHello;
  message(n: number): Message;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "reports of a thousand edges": {
    hello: HOME,
    message: ofChannel(() => ({ type: "report", edges, cluster: null })),
  },
  "reports of two thousand nodes": {
    hello: HOME,
    message: ofChannel(() => ({ type: "report", edges: "[]", cluster: nodes })),
  },
  "repairs of 4,096 leaves": {
    hello: WATCH,
    message: ofChannel((channel) => ({ type: "repair", origin: 0, channel, leaves })),
  },
  "reconciliations of 4,096 leaves": {
    hello: HOME,
    message: ofChannel((channel) => ({ type: "reconcile", channel, leaves })),
  },
  "channels that are said to be reconciled": {
    hello: HOME,
    message: () => ({ type: "reconciled", channel: "identity" }),
  },
  hellos: { hello: HOME, message: () => HOME },
  "payloads of millions of lists": {
    hello: HOME,
    message: (n) => ({ type: "publish", channel: "identity", sequence: n, payload: bomb }),
  },
  "claims of ever new ranges": {
    hello: HOME,
    message: (n) => ({ type: "publish", channel: "pools", sequence: n, payload: ranges(n) }),
  },
  "acknowledgements of nothing": {
    hello: WATCH,
    message: () => ({
      type: "reader-ack",
      origin: 0,
      channel: "identity",
      revision: 0,
      chain: new Uint8Array(16),
      receivedBytes: 0,
      mark: null,
    }),
  },
};

const made = new Map<Message, Uint8Array>();

/** Once each: most kinds say the same thing again and again. */
function encoded(kind: Kind, n: number): Uint8Array {
  const message = kind.message(n);
  let bytes = made.get(message);
  if (bytes === undefined) {
    bytes = encodeMessage(message);
    if (message.type !== "publish") made.set(message, bytes);
  }
  return bytes;
}

test.each(Object.entries(KINDS))(
  "[LOG28] beside %s without end others' p99 is at most twice theirs alone, in its first second too",
  (name, kind) => {
    const make = (hub: CrowdedHub, origin: HostedOrigin, uid: string): Nuisance => {
      const { hello } = kind;
      const isHome = hello.type === "home-hello";
      const clusterUid = isHome ? uid : (READERS[0] ?? "");
      const peer: Peer = { role: isHome ? "home" : "watch", clusterUid, keyGeneration: 1 };
      return new Nuisance(hub, origin, {
        peer,
        hello,
        message: (n) => encoded(kind, n),
      });
    };
    const heard = listen(make, { rounds: 2 });
    const [all, first] = [p99(heard, 0, NOISY_US), p99(heard, 0, 1e6)];
    const told = [p99Alone, all, first].map((ms) => ms.toFixed(1)).join(" · ");
    const { taken = 0, closed = [] } = heard.disturber ?? {};
    process.stderr.write(
      `   ${name}: p99 alone · beside · in the first second ${told} ms; the thread works for ${Math.round(heard.busy * 100)} % (alone ${Math.round(alone.busy * 100)} %); ${taken} messages, closed ${closed.length} times\n`,
    );
    expect(all).toBeLessThanOrEqual(2 * p99Alone);
    expect(first).toBeLessThanOrEqual(2 * p99Alone);
    // It is heard.
    expect(taken).toBeGreaterThan(10);
  },
  120_000,
);
