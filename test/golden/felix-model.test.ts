/** The strict model of Felix, proven by what a real one did: 25 scenarios and 239 odd values. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { formatSelector } from "../../shared/selector/ast.ts";
import { parseSelector } from "../../shared/selector/parse.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { Exit, FelixUpdate, Outcome } from "../support/felix-model/model.ts";
import type { Fields } from "../support/felix-model/routes.ts";
import type { RecordedKv } from "../support/felix-model/to-record.ts";

const FOLDER = new URL("../fixtures/golden/felix/", import.meta.url);

interface Scenario {
  readonly felixHostname: string;
  readonly steps: readonly {
    readonly name: string;
    readonly kvs: readonly RecordedKv[];
    readonly event?: string;
    readonly outcome: Partial<Outcome> & { readonly exit?: Exit };
  }[];
}

function updateOf({ key, value }: RecordedKv): FelixUpdate {
  return {
    key,
    value: value === null ? null : typeof value === "string" ? value : JSON.stringify(value),
  };
}

const byDst = (routes: readonly Readonly<Record<string, unknown>>[]) =>
  routes.toSorted((a, b) =>
    JSON.stringify(a["dst"] ?? a["node"]) < JSON.stringify(b["dst"] ?? b["node"]) ? -1 : 1,
  );

for (const file of readdirSync(new URL("scenarios/", FOLDER))) {
  const scenario = JSON.parse(
    readFileSync(new URL(`scenarios/${file}`, FOLDER), "utf8"),
  ) as Scenario;
  test(`[ORA1] the model does in every step what Felix did: ${file.replace(".json", "")}`, () => {
    const model = new FelixModel(scenario.felixHostname);
    for (const [i, { name, kvs, event, outcome }] of scenario.steps.entries()) {
      // The model has no connection to lose.
      if (event !== undefined) continue;
      model.apply(kvs.map(updateOf));
      if (i === 0) model.start();
      if (outcome.exit !== undefined) {
        expect(model.exit?.code, name).toBe(outcome.exit.code);
        continue;
      }
      expect(model.exit, name).toBe(null);
      const ours = model.outcome();
      expect(ours.ipSets, name).toEqual(outcome.ipSets);
      expect(byDst(ours.routes), name).toEqual(byDst(outcome.routes ?? []));
      expect(byDst(ours.vteps), name).toEqual(byDst(outcome.vteps ?? []));
      expect(ours.encapsulation, name).toEqual(outcome.encapsulation);
      expect(ours.pools, name).toEqual(outcome.pools);
      expect(ours.hosts, name).toEqual(outcome.hosts);
      expect(ours.namespaces, name).toEqual(outcome.namespaces);
    }
  });
}

interface DataplaneMessage {
  readonly type: string;
  readonly msg: Readonly<Record<string, unknown>>;
}

interface BadValues {
  readonly felixHostname: string;
  readonly baseKVs: readonly RecordedKv[];
  readonly companions: Readonly<Record<string, readonly RecordedKv[]>>;
  readonly cases: readonly BadValue[];
}

interface BadValue {
  readonly kind: string;
  readonly what: string;
  readonly key: string;
  readonly value?: string | null;
  readonly updateType: number;
  readonly dataplane?: readonly DataplaneMessage[] | string;
  readonly result: "panic" | "exit" | "as a deletion" | "used" | "no change";
}

const bad = JSON.parse(readFileSync(new URL("bad-values.json", FOLDER), "utf8")) as BadValues;
const rightOf = (kind: string) =>
  bad.cases.find((one) => one.kind === kind && one.what === "right");

/** The state before a case: the cluster, the companions of the kind, the right value. */
function modelBefore(one: BadValue): FelixModel {
  const model = new FelixModel(bad.felixHostname);
  model.apply(bad.baseKVs.map(updateOf));
  model.start();
  model.apply((bad.companions[one.kind] ?? []).map(updateOf));
  const right = rightOf(one.kind);
  // A host's address is not told of again when it is the same, and here it was told of: it was not
  // there before.
  if (right !== undefined && one.kind !== "HostIP")
    model.apply([{ key: right.key, value: right.value ?? null }]);
  return model;
}

/**
 * Felix forgets to take back the old CIDR's route when the CIDR in a pool's value changes under its
 * key. A relay makes both of one field.
 */
const LEAVES_A_ROUTE = new Set(["cidr another than the key", "IPv6 cidr"]);

/** The recording elides one long value: a thousand ports, none of them called `http`. */
function valueOf({ value, what }: BadValue): string | null {
  if (what !== "1,000 ports" || typeof value !== "string") return value ?? null;
  const ports = Array.from({ length: 1000 }, (_, i) => ({
    name: `p${i}`,
    protocol: "tcp",
    port: i + 1,
  }));
  return `${value.slice(0, value.indexOf('"ports"'))}"ports": ${JSON.stringify(ports)}}`;
}

test("[ORA1] the model ends, drops, takes and ignores as Felix did: 239 odd values", () => {
  expect(bad.cases).toHaveLength(239);
  const wrong = bad.cases.flatMap((one) => {
    const model = modelBefore(one);
    const before = model.outcome();
    const [effect] = model.apply([{ key: one.key, value: valueOf(one) }]);
    const after = model.outcome();
    const deleting = modelBefore(one);
    deleting.apply([{ key: one.key, value: null }]);
    const isRight = (() => {
      switch (one.result) {
        case "panic":
          return model.exit?.code === 2;
        case "exit":
          return model.exit?.code === 129;
        case "no change":
          return model.exit === null && isEqual(after, before);
        case "as a deletion":
          return model.exit === null && isEqual(after, deleting.outcome());
        case "used":
          return model.exit === null && effect?.is === "taken";
      }
    })();
    // What the dataplane was told, added to the state before, is the state after.
    const isFolded =
      one.kind !== "Policy" &&
      !(one.kind === "IPPool" && LEAVES_A_ROUTE.has(one.what)) &&
      one.result !== "panic";
    const told = isFolded && Array.isArray(one.dataplane) ? one.dataplane : [];
    const folded = told.length === 0 ? after : fold(before, told);
    if (isRight && isEqual(folded, after)) return [];
    return [
      `${one.kind}, ${one.what}: ${one.result}, ours ${JSON.stringify([effect, model.exit])}`,
    ];
  });
  expect(wrong).toEqual([]);
});

function isEqual(a: Outcome, b: Outcome): boolean {
  return canonical(a) === canonical(b);
}

function canonical({ routes, vteps, ...rest }: Outcome): string {
  return JSON.stringify([
    routes.map(sortKeys).toSorted(),
    vteps.map(sortKeys).toSorted(),
    sortKeys(rest),
  ]);
}

function sortKeys(value: unknown): string {
  return JSON.stringify(value, (_key, given: unknown) =>
    typeof given === "object" && given !== null && !Array.isArray(given)
      ? Object.fromEntries(Object.entries(given).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : given,
  );
}

/** Adds dataplane messages to a state, as Felix's dataplane does. */
function fold(before: Outcome, messages: readonly DataplaneMessage[]): Outcome {
  const sets = { ...before.ipSets };
  let { routes, vteps, encapsulation } = before;
  const pools = { ...before.pools };
  const hosts = { ...before.hosts };
  const wireguard = { ...before.wireguard };
  for (const { type, msg } of messages) {
    const fields = Object.fromEntries(
      Object.entries(msg).filter(([, value]) => value !== false && value !== ""),
    ) as Fields;
    const id = String(msg["id"]);
    const [host, dst, node] = [String(msg["hostname"]), msg["dst"], msg["node"]];
    switch (type) {
      case "IPSetDeltaUpdate": {
        const name = Object.keys(sets).find((set) => idOf(set) === id) ?? id;
        const members = new Set(sets[name]);
        for (const member of (msg["removed_members"] ?? []) as string[]) members.delete(member);
        for (const member of (msg["added_members"] ?? []) as string[]) members.add(member);
        sets[name] = [...members].toSorted();
        break;
      }
      case "RouteUpdate":
        routes = [...routes.filter((one) => one["dst"] !== dst), fields];
        break;
      case "RouteRemove":
        routes = routes.filter((one) => one["dst"] !== dst);
        break;
      case "VXLANTunnelEndpointUpdate":
        vteps = [...vteps.filter((one) => one["node"] !== node), fields];
        break;
      case "VXLANTunnelEndpointRemove":
        vteps = vteps.filter((one) => one["node"] !== node);
        break;
      case "IPAMPoolUpdate":
        pools[id] = msg["pool"];
        break;
      case "IPAMPoolRemove":
        delete pools[id];
        break;
      case "HostMetadataV4V6Update":
        hosts[host] = fields;
        break;
      case "HostMetadataV4V6Remove":
        delete hosts[host];
        break;
      case "Encapsulation":
        encapsulation = fields;
        break;
      case "WireguardEndpointUpdate":
        wireguard[host] = fields;
        break;
      case "WireguardEndpointRemove":
        delete wireguard[host];
        break;
      default:
        // Policies, profiles and endpoints of the local cluster, which no remote value changes.
        break;
    }
  }
  return { ...before, ipSets: sets, routes, vteps, encapsulation, pools, hosts, wireguard };
}

/**
 * Felix's id of a set: a hash of the selector's normal form; the cluster has one set of a named
 * port.
 */
function idOf(set: string): string {
  const at = set.indexOf(": ");
  if (set.slice(0, at).includes("named port")) return "n:2_ppzTyr7sfGnqYVXj0_Rl3ZAJmZTJmFc28aTQ";
  const parsed = parseSelector(set.slice(at + 2));
  const normal = parsed.ok ? formatSelector(parsed.selector) : "";
  return `s:${createHash("sha224").update(`s:${normal}`).digest("base64url")}`;
}
