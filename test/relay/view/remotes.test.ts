import {
  appendFileSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { AccessState } from "../../../relay/access/access-state.ts";
import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../../relay/hub/relay-ports.ts";
import { newLogger } from "../../../relay/lib/log.ts";
import { Remotes } from "../../../relay/view/remotes.ts";
import type { ServedChange } from "../../../relay/view/serving.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import { node, pod, pool } from "../../support/records.ts";
import { accessFacts as facts, writeView } from "../../support/stored-view.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function stateDir(): string {
  const made = mkdtempSync(join(tmpdir(), "catwalk-remotes-"));
  folders.push(made);
  return made;
}

function open(
  dir: string,
  own = new OwnAddresses({ pods: [], nodes: [] }, []),
  ports = NODE_PORTS,
) {
  const told: ServedChange[] = [];
  const remotes = new Remotes(
    {
      stateDir: dir,
      watchUrl: () => "ws://127.0.0.1:1/",
      headers: () => Promise.reject(new Error("not joined")),
      log: newLogger("test", "silent"),
      onState: () => undefined,
      ports,
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
  remotes.followFacts(facts(3, [{}]), false);
  expect(ips()).toEqual(["10.20.0.1"]);
  expect(remotes.reports()).toMatchObject([{ rcc: "db", connectionStatus: 0, endpoints: 1 }]);
});

test("[VIE14] [VIE19] a view from disk counts as loaded when the hub cannot be reached, or has said nothing for 5 s", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  let nowMs = 1_000;
  let fail: () => void = () => undefined;
  const own = new OwnAddresses({ pods: [], nodes: [] }, []);
  const ports: RelayPorts = {
    ...NODE_PORTS,
    now: () => nowMs,
    dial: ({ handlers }) => {
      fail = () => handlers.onDown(null, "no route");
      const nothing = (): void => undefined;
      return { isOpen: false, start: nothing, stop: nothing, restart: nothing, send: nothing };
    },
  };
  const silent = open(dir, own, ports).remotes;
  silent.followFacts(facts(3, [{}]), true);
  nowMs += 4_999;
  expect(silent.areLoaded).toBe(false);
  nowMs += 1;
  expect(silent.areLoaded).toBe(true);
  silent.stop();

  const unreachable = open(dir, own, ports).remotes;
  unreachable.followFacts(facts(3, [{}]), true);
  expect(unreachable.areLoaded).toBe(false);
  fail();
  expect(unreachable.areLoaded).toBe(true);
  unreachable.stop();

  // Its end is lost: what Felix was told last may have been there.
  truncateSync(join(dir, "views/db.view"), statSync(join(dir, "views/db.view")).size - 1);
  const damaged = open(dir, own, ports).remotes;
  damaged.followFacts(facts(3, [{}]), true);
  fail();
  nowMs += 60_000;
  expect(damaged.areLoaded).toBe(false);
  damaged.stop();
});

test("[VIE14] a view file whose end is no body was complete once, and may lack what came last: it waits for the hub", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  appendFileSync(join(dir, "views/db.view"), "half a bod");
  let nowMs = 1_000;
  const nothing = (): void => undefined;
  const { remotes } = open(dir, new OwnAddresses({ pods: [], nodes: [] }, []), {
    ...NODE_PORTS,
    now: () => nowMs,
    dial: () => ({ isOpen: false, start: nothing, stop: nothing, restart: nothing, send: nothing }),
  });
  remotes.followFacts(facts(3, [{}]), true);
  expect(remotes.reports()).toMatchObject([{ endpoints: 1 }]);
  nowMs += 600_000;
  expect(remotes.areLoaded).toBe(false);
  remotes.stop();
});

test("[VIE4] a view that is no longer granted, or that no RCC names, is withdrawn with its file", () => {
  for (const later of [facts(4, [{ state: "not-granted" }]), facts(4, [])]) {
    const dir = stateDir();
    writeView(dir, pod("a", "10.20.0.1"));
    const { remotes, told, ips } = open(dir);
    remotes.followFacts(facts(3, [{}]), false);
    remotes.followFacts(later, false);
    expect(ips()).toEqual([]);
    expect(told.filter((change) => change.op === "delete")).toHaveLength(1);
    const again = open(dir);
    again.remotes.followFacts(facts(5, [{}]), false);
    expect(again.ips()).toEqual([]);
  }
});

test("[VIE4] an old file does not bring back what was revoked while the relay was down", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  const { remotes, ips } = open(dir);
  remotes.followFacts(facts(9, [{ state: "not-granted" }]), false);
  expect(ips()).toEqual([]);
});

test("[VIE2] facts of another mesh withdraw nothing that they do not name", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"));
  const { remotes, ips } = open(dir);
  remotes.followFacts(facts(3, [{}]), false);
  remotes.followFacts(facts(1, [], "mesh-2"), false);
  expect(ips()).toEqual(["10.20.0.1"]);
});

test("[VIE2] access facts are on disk when they are taken, older ones are ignored, an unreadable file is no knowledge", () => {
  const dir = stateDir();
  const state = new AccessState(dir);
  expect(state.facts).toBe(null);
  expect(state.keep(facts(5, [{}])).kind).toBe("newer");
  expect(state.keep(facts(4, []))).toEqual({ kind: "older", held: 5 });
  expect(new AccessState(dir).facts).toEqual(facts(5, [{}]));
  expect(state.keep(facts(1, [], "mesh-2")).kind).toBe("newer");
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
  remotes.followFacts(facts(3, [{}]), false);
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

test("[TYP22] asking for prefixed labels of a live remote tells all that is served again, as puts only", () => {
  const dir = stateDir();
  writeView(dir, pod("a", "10.20.0.1"), pod("b", "10.20.0.2"));
  const { remotes, told } = open(dir);
  remotes.followFacts(facts(3, [{}]), false);
  expect(remotes.labelMode("db")).toBe("original");
  told.length = 0;
  remotes.followFacts(facts(4, [{ labels: "prefixed" }]), false);
  expect(remotes.labelMode("db")).toBe("prefixed");
  expect(told.map(({ op, isNew }) => [op, isNew])).toEqual([
    ["put", false],
    ["put", false],
  ]);
  told.length = 0;
  remotes.followFacts(facts(5, [{ labels: "prefixed" }]), false);
  expect(told).toEqual([]);
  remotes.followFacts(facts(6, [{}]), false);
  expect(told).toHaveLength(2);
});
