/** The source that reads a cluster through its Typha. */
import { readFileSync } from "node:fs";

import { afterEach, expect, test } from "vitest";

import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import { TyphaSource } from "../../../relay/source/typha/typha-source.ts";
import { encodeRecord } from "../../../shared/record/encoding.ts";
import { putOf } from "../../support/records.ts";
import { LiveTypha } from "../../support/live-typha.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { GOLDEN } from "./golden.ts";
import { Recorder } from "./recorder.ts";
import { loadGolden } from "./golden-manifests.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** Key/values as Typha has them: settings as text, the rest as JSON. */
function recorded(file: string): Record<string, string> {
  const lines = readFileSync(new URL(file, GOLDEN), "utf8").split("\n");
  const pairs = lines.flatMap((line): [string, string][] => {
    if (line === "") return [];
    const { key, value } = JSON.parse(line) as { readonly key: string; readonly value: unknown };
    // The text itself: a block's numbers have more digits than JSON.parse keeps.
    const text = line.slice(line.indexOf('"value":') + '"value":'.length, -1);
    return [[key, typeof value === "string" ? value : text]];
  });
  return Object.fromEntries(pairs);
}

async function follow(kvs: Record<string, string>) {
  const typha = await LiveTypha.start(kvs);
  const recorder = new Recorder();
  const source = new TyphaSource({
    address: typha.address,
    dial: () => dialTcp(typha.address, undefined),
    compress: false,
    policies: () => Promise.resolve({ items: [], unread: [] }),
  });
  source.start(recorder);
  open.push(
    () => source.stop(),
    () => typha.down(),
  );
  await recorder.until(() => recorder.listedCount === 1);
  return { typha, recorder, source };
}

const hexOf = (recorder: Recorder): ReadonlyMap<string, string> =>
  new Map(
    [...recorder.records].map(([key, record]) => [
      key,
      Buffer.from(encodeRecord(record)).toString("hex"),
    ]),
  );

for (const [group, file] of [
  ["crd.projectcalico.org/v1", "v1-base.jsonl"],
  ["projectcalico.org/v3", "v3-base.jsonl"],
] as const)
  test(`[SRC70] what Typha tells of a cluster (${group}) gives the same records, byte for byte, as its API server's objects`, async () => {
    const { recorder } = await follow(recorded(file));
    const [fromTypha, fromObjects] = [hexOf(recorder), hexOf(await loadGolden(group))];
    expect([...fromTypha.keys()].toSorted()).toEqual([...fromObjects.keys()].toSorted());
    for (const [key, bytes] of fromObjects) expect(fromTypha.get(key), key).toBe(bytes);
    expect(fromTypha.size).toBeGreaterThan(60);
  });

const WEP = "/calico/v1/host/node-a/workload/k8s/shop%2fweb/endpoint/eth0";
const PROFILE = "/calico/resources/v3/projectcalico.org/profiles/kns.shop";
const wep = (ip: string, extra = ""): string =>
  `{"state":"active","name":"cali1","ipv4_nets":["${ip}/32"],"labels":{"app":"web"}${extra}}`;
const profileOf = (value: string): string =>
  `{"kind":"Profile","metadata":{"name":"kns.shop"},"spec":{"labelsToApply":{"pcns.env":"${value}"}}}`;

test("[SRC71] changes and deletions come as they happen; what is not published is not looked at", async () => {
  const { typha, recorder } = await follow({ [WEP]: wep("10.1.0.1"), [PROFILE]: profileOf("a") });
  recorder.changes.length = 0;
  typha.put("/calico/v1/policy/tier/default/metadata", "not even JSON");
  typha.put("/calico/v1/netset/x", "{}");
  typha.put(WEP, wep("10.1.0.1", ',"annotations":{"x":"y"}'));
  typha.put(PROFILE, profileOf("b"));
  typha.delete(WEP);
  await recorder.until(() => recorder.changes.length === 2);
  expect(recorder.changes).toEqual([
    putOf({ kind: "Profile", name: "kns.shop", labels: { "pcns.env": "b" } }),
    { op: "delete", key: WEP, cause: "observed" },
  ]);
  expect(recorder.problems.size).toBe(0);
});

test("[SRC72] while Typha is away nothing is deleted; when it is back only what it has not told again by its in-sync is", async () => {
  const other = WEP.replace("web", "api");
  const { typha, recorder, source } = await follow({
    [WEP]: wep("10.1.0.1"),
    [other]: wep("10.1.0.2"),
    [PROFILE]: profileOf("a"),
  });
  recorder.changes.length = 0;
  await typha.down();
  await eventually(
    () => Promise.resolve(source.health().collections[0]?.state),
    (state) => state === "failing",
  );
  typha.kvs.delete(other);
  typha.kvs.set(PROFILE, profileOf("b"));
  typha.status = 1;
  await typha.up();
  await recorder.until(() => recorder.changes.length === 1);
  expect(recorder.changes[0]?.op).toBe("put");
  expect(recorder.records.size).toBe(3);
  typha.tell(2);
  await recorder.until(() => recorder.changes.length === 2);
  expect(recorder.changes[1]).toEqual({ op: "delete", key: other, cause: "inferred" });
  expect(recorder.listedCount).toBe(1);
  expect(source.health().collections).toEqual([
    { name: `typha ${typha.address}`, state: "following", objects: 2, reason: "" },
  ]);
});

test("[SRC73] a value that does not parse costs itself, is told with key, field and rule, and is over when it is put right", async () => {
  const { typha, recorder } = await follow({ [PROFILE]: profileOf("a") });
  const cases: readonly (readonly [value: string, message: RegExp])[] = [
    ["{", /^value: must be JSON$/],
    ["[]", /^value: must be a JSON object$/],
    ['{"ipv4_nets":[7]}', /^ipv4_nets\[0\]: must be text$/],
    ['{"ipv4_nets":["10.1.0.1/32"],"labels":{"a":1}}', /^labels\["a"\]: must be text/],
    [
      '{"ipv4_nets":["10.1.0.1/32"],"labels":{"a b":"c"}}',
      /^labels: key "a b" must match .*; the key is not published$/,
    ],
    [
      '{"ipv4_nets":["10.1.0.1/32","bogus"],"ports":[{"name":"x","protocol":"icmp","port":1}]}',
      /^ipv4_nets\[1\]: "bogus" is not an IP address; ports\[0\]\.protocol: "icmp" must be/,
    ],
  ];
  for (const [value, message] of cases) {
    typha.put(WEP, value);
    await recorder.until(() => message.test(recorder.problems.get(WEP) ?? ""));
  }
  typha.put(WEP, wep("10.1.0.9"));
  await recorder.until(() => recorder.problems.size === 0);
  expect(recorder.records.get(WEP)).toMatchObject({ ips: ["10.1.0.9"] });
});

test("[ADM10] [ADM12] a profile that an endpoint names again is named once, where it stood first", async () => {
  const value = '{"ipv4_nets":["10.1.0.1/32"],"profile_ids":["ksa.b","kns.a","ksa.b"]}';
  const { recorder } = await follow({ [WEP]: value });
  expect(recorder.records.get(WEP)).toMatchObject({ profiles: ["ksa.b", "kns.a"] });
});

test("[SRC70] a block whose numbers are beyond a double's digits is read, and a change of those numbers is none", async () => {
  const key = "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-26";
  const block = (sequence: string): string =>
    `{"cidr":"10.64.0.0/26","affinity":"host:node-a","allocations":[0,null,1],"unallocated":[1],"attributes":[{"secondary":{"node":"node-a"}},{"secondary":{"node":"node-b"}}],"sequenceNumber":${sequence},"deleted":false}`;
  const { typha, recorder } = await follow({ [key]: block("1767225600123456789") });
  expect(recorder.records.get(key)).toEqual({
    kind: "IPAMBlock",
    cidr: "10.64.0.0/26",
    node: "node-a",
    borrowed: [{ ordinal: 2, node: "node-b" }],
  });
  recorder.changes.length = 0;
  typha.put(key, block("1767225600123456790"));
  typha.put(PROFILE, profileOf("z"));
  await recorder.until(() => recorder.changes.length > 0);
  expect(recorder.changes.map((change) => change.op === "put" && change.record.kind)).toEqual([
    "Profile",
  ]);
});

test("[SRC71] one setting of many changes one record", async () => {
  const config = "/calico/v1/config/";
  const { typha, recorder } = await follow({
    [`${config}ClusterGUID`]: "abc",
    [`${config}VXLANVNI`]: "4096",
    [`${config}LogSeverityScreen`]: "Info",
  });
  typha.put(`${config}VXLANVNI`, "4097");
  typha.delete(`${config}ClusterGUID`);
  await recorder.until(() => recorder.changes.length >= 4);
  expect([...recorder.records.values()]).toEqual([
    { kind: "ClusterConfig", params: { VXLANVNI: "4097" } },
  ]);
});
