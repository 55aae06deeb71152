import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { AccessState } from "../../../relay/access-state.ts";
import type { AccessFacts } from "../../../relay/access-state.ts";
import { newLogger } from "../../../relay/log.ts";
import { Remotes } from "../../../relay/view/remotes.ts";
import type { ServedChange } from "../../../relay/view/remotes.ts";
import { RemoteView } from "../../../relay/view/remote-view.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { hashKey, hashRecord } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import type { Remote } from "../../../shared/visibility/facts.ts";
import { node, pod, pool, put } from "../../support/records.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function stateDir(): string {
  const made = mkdtempSync(join(tmpdir(), "catwalk-remotes-"));
  folders.push(made);
  return made;
}

function facts(
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
function writeView(dir: string, ...records: readonly CalicoRecord[]): void {
  mkdirSync(join(dir, "views"), { recursive: true });
  const view = new RemoteView(new ViewFile(join(dir, "views", "db.view")), {
    rcc: "db",
    meshId: "mesh-1",
    originUid: "b".repeat(32),
    originName: "db",
  });
  const chain = new Uint8Array(16);
  view.onMessage({
    type: "repair-plan",
    origin: 0,
    channel: "identity",
    epoch: "e",
    head: 1,
    blobs: 1,
    after: 1,
    chain,
  });
  view.onMessage({
    type: "blob",
    origin: 0,
    channel: "identity",
    bits: 0,
    prefix: 0,
    revision: 1,
    payload: encodePayload(records.map(put)),
  });
  const identity = new HashTrie();
  for (const record of records)
    identity.set(hashKey(keyOf(record)), hashRecord(put(record).bytes), 0n);
  for (const channel of CHANNELS) {
    const common = { origin: 0, channel, epoch: "e" } as const;
    if (channel !== "identity")
      view.onMessage({ ...common, type: "repair-plan", head: 1, blobs: 0, after: 1, chain });
    view.onMessage({
      ...common,
      type: "checkpoint",
      revision: 1,
      digest: (channel === "identity" ? identity : new HashTrie()).digest(),
      populated: true,
      sweep: false,
    });
  }
  view.close();
}

function open(dir: string, own = new OwnAddresses({ pods: [], nodes: [] }, [])) {
  const told: ServedChange[] = [];
  const remotes = new Remotes(
    {
      stateDir: dir,
      watchUrl: () => "ws://127.0.0.1:1/",
      headers: () => Promise.reject(new Error("not joined")),
      log: newLogger("test", "silent"),
      onState: () => undefined,
    },
    own,
  );
  remotes.subscribe((changes) => told.push(...changes));
  const ips = () =>
    [...remotes.served()]
      .flatMap(({ held }) => ("ips" in held.record ? held.record.ips : []))
      .toSorted();
  return { remotes, told, ips };
}

test("[VIE3] what was granted is served from disk before anybody is asked", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  const { remotes, ips } = open(dir);
  remotes.apply(facts(3, [{}]), false);
  expect(ips()).toEqual(["10.20.0.1"]);
  expect(remotes.areLoaded).toBe(true);
  expect(remotes.reports()).toMatchObject([{ rcc: "db", connectionStatus: 0, endpoints: 1 }]);
});

test("[VIE4] a view that is no longer granted, or that no RCC names, is withdrawn with its file", () => {
  for (const later of [facts(4, [{ state: "not-granted" }]), facts(4, [])]) {
    const dir = stateDir();
    writeView(dir, pod("a", "10.20.0.1"));
    const { remotes, told, ips } = open(dir);
    remotes.apply(facts(3, [{}]), false);
    remotes.apply(later, false);
    expect(ips()).toEqual([]);
    expect(told.filter((change) => change.op === "delete")).toHaveLength(1);
    const again = open(dir);
    again.remotes.apply(facts(5, [{}]), false);
    expect(again.ips()).toEqual([]);
  }
});

test("[VIE4] an old file does not bring back what was revoked while the relay was down", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  const { remotes, ips } = open(dir);
  remotes.apply(facts(9, [{ state: "not-granted" }]), false);
  expect(ips()).toEqual([]);
});

test("[VIE2] facts of another mesh withdraw nothing that they do not name", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  const { remotes, ips } = open(dir);
  remotes.apply(facts(3, [{}]), false);
  remotes.apply(facts(1, [], "mesh-2"), false);
  expect(ips()).toEqual(["10.20.0.1"]);
});

test("[VIE2] access facts are on disk when they are taken, older ones are ignored, an unreadable file is no knowledge", () => {
  const dir = stateDir();
  const state = new AccessState(dir);
  expect(state.facts).toBe(null);
  expect(state.take(facts(5, [{}])).kind).toBe("newer");
  expect(state.take(facts(4, []))).toEqual({ kind: "older", held: 5 });
  expect(new AccessState(dir).facts).toEqual(facts(5, [{}]));
  expect(state.take(facts(1, [], "mesh-2")).kind).toBe("newer");
  writeFileSync(join(dir, "access.json"), "{");
  expect(new AccessState(dir).facts).toBe(null);
});

test("[VIE9] what has one of the cluster's own addresses is not served, and is served once they are no longer its own", () => {
  const dir = stateDir();
  writeView(dir, pod("fine", "10.20.0.1"), pod("spoof", "10.10.0.7"), pod("node", "172.18.0.9"), {
    kind: "Profile",
    name: "kns.shop",
    labels: {},
  });
  const own = new OwnAddresses({ pods: [], nodes: [] }, [
    pool("10.10.0.0/16"),
    node("n", { ipv4Address: "172.18.0.9/16" }),
  ]);
  const { remotes, told, ips } = open(dir, own);
  remotes.apply(facts(3, [{}]), false);
  expect(ips()).toEqual(["10.20.0.1"]);
  expect(
    remotes
      .refusals()
      .map(({ reason }) => reason)
      .toSorted(),
  ).toEqual([
    "10.10.0.7 is one of this cluster's own addresses",
    "172.18.0.9 is one of this cluster's own addresses",
  ]);
  told.length = 0;
  remotes.setOwnAddresses(new OwnAddresses({ pods: ["10.20.0.0/16"], nodes: [] }, []));
  expect(ips()).toEqual(["10.10.0.7", "172.18.0.9"]);
  expect(told.map((change) => change.op).toSorted()).toEqual(["delete", "put", "put"]);
});
