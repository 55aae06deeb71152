import { createHash } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import {
  decodeRecord,
  encodeChecked,
  encodeRecord,
  hashKey,
  hashRecord,
  keyHashOf,
} from "../../../shared/record/encoding.ts";
import type { RecordError } from "../../../shared/record/encoding.ts";
import { FieldError } from "../../../shared/record/wire-reader.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { toHex } from "../../../shared/lib/bytes.ts";
import { pack } from "../../../shared/lib/msgpack.ts";
import { pod, pool } from "../../support/records.ts";

const hep: CalicoRecord = {
  kind: "HostEndpoint",
  node: "node-a",
  name: "eth0",
  interfaceName: "eth0",
  ips: ["172.18.0.2", "fd00::2"],
  labels: { role: "edge" },
  profiles: ["kns.shop"],
  ports: [{ name: "ssh", protocol: "tcp", port: 22 }],
};
const node: CalicoRecord = {
  kind: "Node",
  name: "node-a",
  ipv4Address: "172.18.0.2/16",
  ipv6Address: "",
  internalIPs: ["172.18.0.2"],
  ipv4VXLANTunnelAddr: "10.64.0.0",
  ipv6VXLANTunnelAddr: "",
  vxlanTunnelMACAddr: "66:f9:37:c3:7e:94",
  vxlanTunnelMACAddrV6: "",
  ipv4IPIPTunnelAddr: "",
  ipv4WireguardAddr: "",
  ipv6WireguardAddr: "",
  wireguardPublicKey: "",
  wireguardPublicKeyV6: "",
};
const samples: readonly CalicoRecord[] = [
  pod("a", "10.20.0.1", { role: "db" }),
  hep,
  { kind: "Profile", name: "kns.shop", labels: { "pcns.env": "prod" } },
  pool("10.64.0.0/16"),
  node,
  {
    kind: "IPAMBlock",
    cidr: "10.64.0.0/26",
    node: "node-a",
    borrowed: [{ ordinal: 4, node: "node-b" }],
  },
  { kind: "ClusterConfig", params: { RouteSource: "CalicoIPAM" } },
];

/** What keeps a record from being published. */
function problemOf(record: CalicoRecord): RecordError | null {
  const result = encodeChecked(record);
  return result.kind === "problem" ? result.problem : null;
}

test("[REC3] every kind survives encoding, and equal records have equal bytes whatever the order of their labels", () => {
  for (const record of samples)
    expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, record });
  const one = pod("a", "10.20.0.1", { x: "1", y: "2", "10": "n" });
  const other = { ...one, labels: Object.fromEntries(Object.entries(one.labels).toReversed()) };
  expect(encodeRecord(other)).toEqual(encodeRecord(one));
});

test("[REC3] the bytes of version 1 are these, for ever", () => {
  expect(samples.map((record) => toHex(encodeRecord(record)))).toMatchInlineSnapshot(`
    [
      "9a0100a66e6f64652d31a36b3873a473686f70a161a46574683091c4040a14000191a86b6e732e73686f7096bb70726f6a65637463616c69636f2e6f72672f6e616d657370616365a473686f70be70726f6a65637463616c69636f2e6f72672f6f7263686573747261746f72a36b3873a4726f6c65a26462",
      "990101a66e6f64652d61a465746830a46574683092c404ac120002c410fd00000000000000000000000000000291a86b6e732e73686f7092a4726f6c65a46564676593a37373680016",
      "940102a86b6e732e73686f7092a870636e732e656e76a470726f64",
      "960103c4050a40000010a0a6616c7761797301",
      "990104a66e6f64652d61c405ac12000210c091c404ac120002c4040a400000c0b136363a66393a33373a63333a37653a3934",
      "950105c4050a4000001aa66e6f64652d619204a66e6f64652d62",
      "93010692ab526f757465536f75726365aa43616c69636f4950414d",
    ]
  `);
});

test("[REC2] keys are Calico's paths with the origin's own names", () => {
  expect(samples.map(keyOf)).toEqual([
    "/calico/v1/host/node-1/workload/k8s/shop%2fa/endpoint/eth0",
    "/calico/v1/host/node-a/endpoint/eth0",
    "/calico/resources/v3/projectcalico.org/profiles/kns.shop",
    "/calico/v1/ipam/v4/pool/10.64.0.0-16",
    "/calico/resources/v3/projectcalico.org/nodes/node-a",
    "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-26",
    "/calico/v1/config",
  ]);
  expect(hashKey("/x")).toHaveLength(12);
});

test("[REC2] a key's hash is the beginning of SHA-256 over its UTF-8", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 600 }),
    fc.string({ unit: "grapheme", maxLength: 600 }),
    fc.constantFrom("x".repeat(511), "x".repeat(512), "x".repeat(513)),
  );
  fc.assert(
    fc.property(text, (key) => {
      const whole = createHash("sha256").update(key, "utf8").digest("hex");
      expect(toHex(hashKey(key))).toBe(whole.slice(0, 24));
    }),
  );
});

test("[REC2] the hash of a key is that of its text, whatever is in it", () => {
  const text = fc.oneof(
    fc.constantFrom("web", "a/b", "50%", "%2f", "é", "/".repeat(400), "x".repeat(253), "日本"),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(text, text, text, text, (node, namespace, name, endpoint) => {
      const record = { ...pod("a", "10.20.0.1"), node, namespace, name, endpoint };
      expect(toHex(keyHashOf(record))).toBe(toHex(hashKey(keyOf(record))));
    }),
    { numRuns: 3_000 },
  );
  for (const record of samples) expect(keyHashOf(record)).toEqual(hashKey(keyOf(record)));
});

test("[REC4] bytes that are not canonical are refused by name", () => {
  const bytes = encodeRecord(pod("a", "10.20.0.1"));
  const wire = [
    1,
    0,
    "node-1",
    "k8s",
    "shop",
    "a",
    "eth0",
    [Uint8Array.of(10, 20, 0, 1)],
    ["kns.shop"],
    ["b", "1", "a", "2"],
  ];
  expect(decodeRecord(pack(wire))).toMatchObject({
    ok: false,
    error: { field: "labels", rule: "keys must ascend" },
  });
  expect(decodeRecord(pack([...wire.slice(0, 9), [], []]))).toMatchObject({
    ok: false,
    error: { rule: "must be in canonical encoding" },
  });
  expect(decodeRecord(bytes.slice(0, -1)).ok).toBe(false);
  expect(decodeRecord(new Uint8Array(70_000))).toMatchObject({
    error: { rule: "has 70000 bytes, the limit is 65536" },
  });
  expect(decodeRecord(pack([2, 0, "n"]))).toMatchObject({ error: { field: "valueVersion" } });
  expect(decodeRecord(pack([1, 99]))).toMatchObject({ error: { field: "kind" } });
});

test("[REC4] every field has its rule", () => {
  const wep = pod("a", "10.20.0.1");
  const wrong: readonly [CalicoRecord, string][] = [
    [{ ...wep, node: "Node_1" }, "node"],
    [{ ...wep, node: "" }, "node"],
    [{ ...wep, name: "a/b" }, "name"],
    [{ ...wep, name: "a\u0000" }, "name"],
    [{ ...wep, labels: { "bad key": "x" } }, "labels"],
    [{ ...wep, labels: { a: "\ud800" } }, "labels"],
    [{ ...wep, ports: [{ name: "p", protocol: "tcp", port: 0 }] }, "ports"],
    [{ ...wep, ports: [{ name: "p q", protocol: "tcp", port: 1 }] }, "ports"],
    [{ ...wep, ports: [{ name: "p", protocol: "icmp" as "tcp", port: 1 }] }, "ports"],
    [{ ...wep, profiles: ["a/b"] }, "profiles"],
    [{ ...hep, profiles: ["x".repeat(96)] } as CalicoRecord, "profiles"],
    [{ ...pool("10.0.0.0/8"), vxlanMode: "Always" as "always" }, "vxlanMode"],
    [{ ...node, ipv4Address: "fd00::1/64" } as CalicoRecord, "ipv4Address"],
    [{ ...node, vxlanTunnelMACAddr: "zz" } as CalicoRecord, "vxlanTunnelMACAddr"],
    [
      {
        kind: "IPAMBlock",
        cidr: "10.0.0.0/26",
        node: "",
        borrowed: [
          { ordinal: 3, node: "a" },
          { ordinal: 2, node: "b" },
        ],
      },
      "borrowed",
    ],
  ];
  for (const [record, field] of wrong) expect(problemOf(record)?.field).toBe(field);
  expect(problemOf({ ...wep, ips: ["10.0.0.0/8"] })).toMatchObject({
    rule: '"10.0.0.0/8" is not an IP address',
  });
  for (const [value, rule] of [
    ["\ud800", "value of note must be well-formed Unicode"],
    ["x".repeat(1_025), "value of note must have at most 1,024 characters"],
  ] as const)
    expect(problemOf({ ...wep, labels: { note: value } })).toEqual({ field: "labels", rule });
  expect(problemOf(wep)).toBe(null);
});

/** Values that break rules of one field or another, or nearly do. */
const ODD = [
  "",
  "x",
  "a/b",
  "Node_1",
  "\ud800",
  "é",
  "x".repeat(96),
  "x".repeat(254),
  "x".repeat(331),
  "always",
  "10.0.0.1",
  "10.0.0.1/16",
  "10.0.0.1/33",
  "10.0.0.1/257",
  "10.0.0.0/8",
  "fd00::1",
  "fd00::1/64",
  "fd00::/129",
  "::ffff:10.0.0.1",
  "::ffff:10.0.0.0/104",
];
const oddTexts = fc.array(fc.constantFrom(...ODD), { maxLength: 70 });
const oddLabels = fc.dictionary(
  fc.constantFrom("a", "__proto__", "bad key", "\ud800", "x".repeat(513), "a/b.c"),
  fc.constantFrom("", "v", "\ud800", "x".repeat(1_024), "x".repeat(1_025)),
);
const oddNumber = fc.constantFrom(-1, 0, 1, 1.5, 65_535, 65_536, Number.NaN);
const oddPorts = fc.array(
  fc.record({
    name: fc.constantFrom("p", "", "p q", "x".repeat(129)),
    protocol: fc.constantFrom("tcp", "sctp", "icmp"),
    port: oddNumber,
  }),
  { maxLength: 260 },
);
const oddBorrowed = fc.array(
  fc.record({ ordinal: oddNumber, node: fc.constantFrom("n", "", "Node_1") }),
  { maxLength: 4 },
);

/** A value of a field's own shape. */
function oddLike(field: string, value: unknown): fc.Arbitrary<unknown> {
  if (field === "ports") return oddPorts;
  if (field === "borrowed") return oddBorrowed;
  if (Array.isArray(value)) return oddTexts;
  if (typeof value === "object") return oddLabels;
  return typeof value === "boolean" ? fc.boolean() : fc.constantFrom(...ODD);
}

const oddRecord = fc.constantFrom(...samples).chain((record) => {
  const fields = Object.entries(record).filter(([field]) => field !== "kind");
  return fc
    .constantFrom(...fields)
    .chain(([field, value]) =>
      oddLike(field, value).map((odd) => ({ ...record, [field]: odd }) as CalicoRecord),
    );
});

test("[SRC91] a record is encoded exactly where its bytes are taken, and is refused with the same field and rule", () => {
  fc.assert(
    fc.property(oddRecord, (record) => {
      const result = encodeChecked(record);
      let expected: ReturnType<typeof decodeRecord>;
      try {
        expected = decodeRecord(encodeRecord(record));
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        expected = { ok: false, error: { field: error.field, rule: error.message } };
      }
      if (!expected.ok) {
        expect(result).toMatchObject({ problem: expected.error });
        return;
      }
      const bytes = encodeRecord(record);
      expect(result).toEqual({
        kind: "ok",
        encoded: {
          op: "put",
          record,
          key: keyOf(record),
          keyHash: hashKey(keyOf(record)),
          bytes,
          recordHash: hashRecord(bytes),
        },
      });
    }),
    { numRuns: 5_000 },
  );
});

test("[REC4] hostile bytes never throw, and what is taken encodes back to the same bytes", () => {
  const seeds = samples.map((record) => encodeRecord(record));
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
      (seed, edits) => {
        const bytes = Uint8Array.from(seed);
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        const decoded = decodeRecord(bytes);
        if (decoded.ok) expect(toHex(encodeRecord(decoded.record))).toBe(toHex(bytes));
        else expect(decoded.error.rule).not.toBe("");
      },
    ),
    { numRuns: 10_000 },
  );
});

test.each([
  [
    "a 64-bit number as the version",
    [0x93, 0xcf, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    "is no number below 65,536, this version knows 1",
  ],
  [
    "a 64-bit number as the kind",
    [0x92, 1, 0xcf, 0xff, 0, 0, 0, 0, 0, 0, 1],
    "unknown: no number below 65,536",
  ],
  ["lists in lists as the version", [0x91, ...Array<number>(30_000).fill(0x91), 1], ""],
])("[REC4] %s is refused with a rule", (_, bytes, rule) => {
  const decoded = decodeRecord(Uint8Array.from(bytes));
  expect(decoded).toMatchObject({ ok: false, error: { rule: expect.stringContaining(rule) } });
});

test("[REC4] a label may have any name that Calico allows, without touching prototypes", () => {
  const record = pod("a", "10.20.0.1", { constructor: "x", toString: "y", hasOwnProperty: "z" });
  expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, record });
  expect(decodeRecord(pack([1, 2, "p", ["__proto__", "x"]]))).toMatchObject({
    ok: false,
    error: { field: "labels" },
  });
});
