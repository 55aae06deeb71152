/** What a relay that has been running has on its disk: a complete view of the remote `db`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { prefixOf } from "../../shared/log/partition.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import { hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { Remote } from "../../shared/visibility/facts.ts";
import { put } from "./records.ts";

const MOST_IN_A_BLOB = 5_000;

/** What a hub tells app, which may read `db`. */
export function accessFacts(
  accessVersion: number,
  remotes: readonly Partial<Remote>[],
  meshId = "mesh-1",
): AccessFacts {
  return {
    meshId,
    meshName: "demo",
    accessVersion,
    cluster: { uid: "a".repeat(32), name: "app" },
    keyGeneration: 1,
    removed: false,
    remotes: remotes.map((remote) => ({
      rcc: "db",
      origin: { uid: "b".repeat(32), name: "db" },
      state: "granted",
      overlayRoutingMode: "Disabled",
      ...remote,
    })),
    ranges: { pods: ["10.10.0.0/16"], nodes: [] },
    refusedClaims: [],
  };
}

/** A view file of `db` as a relay would have left it. */
export function writeView(dir: string, ...records: readonly CalicoRecord[]): void {
  writeViewOf(dir, {}, ...records);
}

export interface StoredView {
  readonly rcc: string;
  readonly meshId: string;
  readonly originUid: string;
  /** Of each channel. */
  readonly revision: number;
}

/** The same of any remote, as far as it got. */
export function writeViewOf(
  dir: string,
  stored: Partial<StoredView>,
  ...records: readonly CalicoRecord[]
): void {
  writeManyOf(dir, stored, records);
}

/** Of more records than a call has arguments. */
export function writeManyOf(
  dir: string,
  { rcc = "db", meshId = "mesh-1", originUid = "b".repeat(32), revision = 1 }: Partial<StoredView>,
  records: readonly CalicoRecord[],
): void {
  mkdirSync(join(dir, "views"), { recursive: true });
  const view = new RemoteView(new ViewFile(join(dir, "views", `${rcc}.view`)), {
    rcc,
    meshId,
    originUid,
    originName: rcc,
  });
  const chain = new Uint8Array(16);
  const at = { head: revision, after: revision, chain };
  const bits = records.length > MOST_IN_A_BLOB ? 8 : 0;
  const blobs = Array.from({ length: 2 ** bits }, (): CalicoRecord[] => []);
  for (const record of records)
    blobs[bits === 0 ? 0 : prefixOf(hashKey(keyOf(record))) >>> (32 - bits)]?.push(record);
  view.onMessage({
    type: "repair-plan",
    origin: 0,
    channel: "identity",
    epoch: "e",
    blobs: blobs.length,
    ...at,
  });
  for (const [n, held] of blobs.entries())
    view.onMessage({
      type: "blob",
      origin: 0,
      channel: "identity",
      bits,
      prefix: bits === 0 ? 0 : (n << (32 - bits)) >>> 0,
      revision,
      payload: encodePayload(held.map(put)),
    });
  const identity = new HashTrie();
  for (const record of records)
    identity.set(hashKey(keyOf(record)), hashRecord(put(record).bytes), 0);
  for (const channel of FELIX_CHANNELS) {
    const common = { origin: 0, channel, epoch: "e" } as const;
    if (channel !== "identity") view.onMessage({ ...common, type: "repair-plan", blobs: 0, ...at });
    view.onMessage({
      ...common,
      type: "checkpoint",
      revision,
      digest: (channel === "identity" ? identity : new HashTrie()).digest(),
      populated: true,
      sweep: false,
    });
  }
  view.close();
}
