/**
 * Recorded etcds through the source `etcd`, compared key by key with what Calico's own etcd syncer
 * made of the same keys. Where the two differ on purpose, it is listed here with the reason.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { EtcdSource } from "../../../relay/source/etcd/etcd-source.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { differences } from "./golden-etcd.ts";
import { readKeyValues, reducedKeyValues } from "./golden.ts";
import type { KeyValues } from "./golden.ts";
import { Recorder } from "./recorder.ts";

const PROFILES = "/calico/resources/v3/projectcalico.org/profiles";
const FOLDER = new URL("../../fixtures/golden/etcd/", import.meta.url);
const read = (file: string): KeyValues =>
  readKeyValues(readFileSync(new URL(file, FOLDER), "utf8"));

/** What the source makes of a recorded etcd. */
async function loadKeys(file: string): Promise<Recorder> {
  const etcd = new FakeEtcd();
  await etcd.start();
  for (const [key, value] of read(file)) etcd.put(key, value, true);
  const recorder = new Recorder();
  const nobody = { username: "", password: "", ca: "", cert: "", key: "" };
  const access = { ...nobody, endpoints: [etcd.endpoint] };
  const source = new EtcdSource({ access: () => Promise.resolve(access) });
  source.start(recorder);
  await recorder.until(() => recorder.listedCount === 1);
  await source.stop();
  await etcd.stop();
  return recorder;
}

test("[DIR10] what Calico's components wrote into an etcd gives what its own syncer gives", async () => {
  const [recorder, golden] = [await loadKeys("base-keys.jsonl"), read("base-syncer.jsonl")];
  const reduced = reducedKeyValues(golden);
  expect(differences(recorder.dump(), reduced)).toEqual([]);
  expect(reduced.size).toBeGreaterThan(45);
  expect([...recorder.problems]).toEqual([]);
});

test.each([
  ["as kube-controllers has written it", "controllers-1", 3],
  ["after labels, a namespace, an account and a node have changed", "controllers-2", 2],
] as const)(
  "[DIR10] an etcd beside an API server, %s, gives what Calico's syncer gives",
  async (_what, name, endpoints) => {
    const [recorder, golden] = [await loadKeys(`${name}-keys.jsonl`), read(`${name}-syncer.jsonl`)];
    const reduced = reducedKeyValues(golden);
    const dump = recorder.dump();
    expect(differences(dump, reduced)).toEqual([]);
    expect([...recorder.problems]).toEqual([]);
    const of = (part: string): string[] => [...dump.keys()].filter((key) => key.includes(part));
    expect(of("/workload/")).toHaveLength(endpoints);
    const leaving = `${PROFILES}/kns.leaving`;
    expect(dump.has(leaving)).toBe(name === "controllers-1");
    expect(dump.has(`${PROFILES}/ksa.shop.dotted.account`)).toBe(name === "controllers-1");
  },
);

const NODES = "/calico/resources/v3/projectcalico.org/nodes";
const BLOCKS = "/calico/ipam/v2/assignment/ipv4/block";

/** Why ours is another, or is not there, on purpose. */
const ON_PURPOSE: Readonly<Record<string, string>> = {
  [`${BLOCKS}/10.64.214.0-26`]: "its CIDR is not its key's",
  [`${BLOCKS}/10.64.218.0-26`]: "an affinity that names nobody makes no route",
  [`${BLOCKS}/10.64.219.0-26`]: "the same",
  [`${BLOCKS}/10.64.223.0-26`]: "a CIDR has no host bits",
  [`${NODES}/n-badaddr`]: "an address that is none is not published",
  [`${NODES}/n-badbgp`]: "the same",
  [`${NODES}/n-badipip`]: "the same",
  [`${NODES}/n-badmac`]: "the same",
  [`${NODES}/n-badtun2`]: "the same",
  [`${NODES}/n-macdash`]: "a MAC address has one form",
  [`${NODES}/n-othername`]: "its name is its key's",
  [`${NODES}/n-wgbad`]: "a key that is none is not published",
  "/calico/resources/v3/projectcalico.org/profiles/kns.badlabel": "Felix refuses such a label",
  "/calico/v1/host/n-badmac/config/VXLANTunnelMACAddr": "Felix refuses it",
  "/calico/v1/host/n-wgbad/wireguard": "Felix refuses it",
  "/calico/v1/host/node-a/endpoint/h-longif": "Felix refuses such an interface",
};

test("[DIR22] what Calico's syncer takes for gone is not published, and each difference is meant", async () => {
  const [recorder, golden] = [await loadKeys("hostile-keys.jsonl"), read("hostile-syncer.jsonl")];
  const [dump, reduced] = [recorder.dump(), reducedKeyValues(golden)];
  expect(differences(dump, reduced)).toEqual(Object.keys(ON_PURPOSE).toSorted());
  // Nothing is shown to others that the cluster itself does not have.
  expect([...dump.keys()].filter((key) => !reduced.has(key))).toEqual([]);
  expect(reduced.size).toBeGreaterThan(120);
  const told = (object: string): string => recorder.problems.get(object) ?? "";
  const pod = (name: string): string => told(`WorkloadEndpoint shop/node--a-k8s-${name}-eth0`);
  expect(pod("macshort")).toMatch(/^spec\.mac: "ee:ee:ee:ee:ee" must be a MAC address/);
  expect(pod("gw6bad")).toMatch(/^spec\.ipv6Gateway: "bogus" must be an address/);
  expect(pod("spoofempty")).toMatch(
    /^spec\.allowSpoofedSourcePrefixes\[0\]: "" must be an address/,
  );
  expect(pod("hostportbig")).toMatch(/^spec\.ports\[0\]\.hostPort: 70000 must be 0 to 65535/);
  expect(pod("metats")).toMatch(/^metadata\.creationTimestamp: must be a time/);
});
