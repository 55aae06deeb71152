/**
 * Every recorded scenario through the relay: its remote key/values as what a hub and a view make of
 * an origin's records, its local ones through a Typha and the splice. The Felix at the end, our
 * proven model, must be where the recorded one was: once with identity alone, where routes and
 * tunnel endpoints of the remote are left out, and once with routes.
 */
import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { RCC, throughMesh } from "../fuzz/mesh-path.ts";
import { bytesOf } from "../fuzz/values.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { Exit, Outcome } from "../support/felix-model/model.ts";
import { RemoteCluster } from "../support/felix-model/remote-cluster.ts";
import type { RecordedKv } from "../support/felix-model/to-record.ts";
import { spliceRig } from "../support/splice-rig.ts";
import type { SpliceRig } from "../support/splice-rig.ts";
import type { SyncClient } from "../support/typha.ts";

const FOLDER = new URL("../fixtures/golden/felix/scenarios/", import.meta.url);

interface Scenario {
  readonly felixHostname: string;
  readonly steps: readonly {
    readonly name: string;
    readonly kvs: readonly RecordedKv[];
    readonly event?: string;
    readonly outcome: Partial<Outcome> & { readonly exit?: Exit };
  }[];
}

/**
 * Where a Felix behind the relay is better off than the recorded one: `next`: it has at once what
 * the recorded one had after the next step's repair; `none`: the step changes nothing; `alive`: it
 * does not end.
 */
const BETTER: Readonly<Record<string, "next" | "none" | "alive">> = {
  // A remote endpoint's interface name and spoofing are not passed on: traps 6 and 7.
  "fact-drop-empty-name: bad endpoint": "next",
  "fact-drop-spoof: bad endpoint": "next",
  // A remote profile stands under its own name: trap 9.
  "fact-kns-overwrites: remote value": "none",
  // Remote pools have no mode: trap 1.
  "fact-encap-loop: pool with VXLAN": "alive",
  "fact-encap-loop-ipip: pool with IPIP": "alive",
  // A block's negative index is no record: trap 25.
  "fact-negative-index: block": "alive",
};

/** What the local cluster's Typha says; all else of a scenario is the remote's. */
function isLocal({ key }: RecordedKv, step: number): boolean {
  return step === 0 || key === "/calico/v1/Ready" || key.startsWith("/calico/v1/config/");
}

const textOf = ({ value }: RecordedKv) =>
  value === null ? null : typeof value === "string" ? value : JSON.stringify(value);

/**
 * Puts into the feed what of the remote's records arrives, and takes out what does not any more.
 */
function serve(rig: SpliceRig, remote: RemoteCluster, served: Map<string, string>): void {
  const now = new Map<string, string>();
  for (const record of remote.records()) {
    const bytes = bytesOf(record);
    if (bytes === null) continue;
    const passed = throughMesh(bytes);
    if (passed.at === "felix") now.set(passed.update.key, passed.update.value ?? "");
  }
  for (const key of served.keys())
    if (!now.has(key)) {
      served.delete(key);
      rig.feed.delete(key);
    }
  for (const [key, value] of now)
    if (served.get(key) !== value) {
      served.set(key, value);
      rig.feed.put(key, value);
    }
}

/** Felix takes what has come since the last time. */
function follow(felix: FelixModel, local: FelixModel, client: SyncClient, from: number): number {
  for (const message of client.messages.slice(from)) {
    if (message.type === "MsgKVs")
      felix.apply(
        message.kvs.map(({ key, value }) => ({
          key,
          value: value === null ? null : Buffer.from(value).toString("utf8"),
        })),
      );
    // At its start Felix has read the settings and pools of its own datastore.
    if (message.type === "MsgSyncStatus" && message.status === 2) felix.start(local);
  }
  return client.messages.length;
}

for (const file of readdirSync(FOLDER)) {
  const name = file.replace(".json", "");
  const scenario = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Scenario;
  test(`[ORA4] through the relay, a Felix ends where the recorded one did, or better: ${name}`, async () => {
    const first = scenario.steps[0]?.kvs ?? [];
    const rig = await spliceRig(Object.fromEntries(first.map((kv) => [kv.key, textOf(kv) ?? ""])));
    const client = rig.client({ hostname: scenario.felixHostname });
    const [felix, local] = [
      new FelixModel(scenario.felixHostname),
      new FelixModel(scenario.felixHostname),
    ];
    const remote = new RemoteCluster();
    const served = new Map<string, string>();
    let taken = 0;
    let ipSets: Outcome["ipSets"] = {};
    for (const [i, step] of scenario.steps.entries()) {
      // Typha may go for good: the splice keeps its Felix.
      if (step.event !== undefined) await rig.typha.down();
      const own = step.kvs.filter((kv) => isLocal(kv, i));
      local.apply(own.map((kv) => ({ key: kv.key, value: textOf(kv) })));
      if (i === 0) local.start();
      else for (const kv of own) rig.typha.put(kv.key, textOf(kv) ?? "");
      remote.apply(step.kvs.filter((kv) => !isLocal(kv, i)));
      serve(rig, remote, served);
      const mark = `/mark/${i}`;
      rig.feed.put(mark, "remote");
      if (step.event === undefined && i > 0) rig.typha.put(`${mark}/local`, "local");
      await client.until(`step ${step.name}`, () => {
        const isThere = i === 0 || step.event !== undefined || client.kvs.has(`${mark}/local`);
        return client.kvs.has(mark) && isThere && client.hasSync;
      });
      taken = follow(felix, local, client, taken);

      const better = BETTER[`${name}: ${step.name}`];
      const isOurs = step.event !== undefined || better === "alive";
      expect(felix.exit?.code, step.name).toBe(isOurs ? undefined : step.outcome.exit?.code);
      if (felix.exit !== null) break;
      const recorded = better === "next" ? scenario.steps[i + 1]?.outcome : step.outcome;
      if (better !== "none" && recorded?.ipSets !== undefined) ipSets = recorded.ipSets;
      const now = felix.outcome();
      const alone = local.outcome();
      expect(now.ipSets, step.name).toEqual(ipSets);
      // All but identity and NAT exemption is as without us.
      const isExempt = (cidr: string) => served.has(`/calico/v1/ipam/v4/pool/${cidr}`);
      expect(
        {
          ...now,
          routes: now.routes.filter((route) => !isExempt(String(route["dst"]).replace("/", "-"))),
          pools: Object.fromEntries(Object.entries(now.pools).filter(([id]) => !isExempt(id))),
        },
        step.name,
      ).toEqual({ ...alone, ipSets });
      for (const key of served.keys())
        expect(key).toMatch(new RegExp(`/${RCC}_|/ipam/v4/pool/10\\.66\\.`));
    }
  });
}
