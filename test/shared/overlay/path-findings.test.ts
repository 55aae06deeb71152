import { expect, test } from "vitest";

import { ladder, TCP_BYTES } from "../../../shared/overlay/path-check.ts";
import type { Flow, Heard, NodeReport, Sent } from "../../../shared/overlay/path-check.ts";
import { pathFindings } from "../../../shared/overlay/path-findings.ts";
import type { PathSide } from "../../../shared/overlay/path-findings.ts";

const MTU = 1_450;
const SENT: Sent = { mtu: MTU, tooBig: 0, isRefused: false, isConnected: true, error: "" };
/** Of what `10.0.0.1` sent. */
const heardOf = (source: string): Heard => ({
  plain: 5,
  sources: [source],
  frames: 26,
  routed: 5,
  sizes: ladder(MTU),
  tcpBytes: TCP_BYTES,
  isAltered: false,
});

interface Case {
  /** What a1 sent, and b1 heard of it. */
  readonly sent?: Partial<Sent> | null;
  readonly heard?: Partial<Heard>;
  /** What a1 heard of b1. */
  readonly back?: Partial<Heard>;
}

function side(cluster: string, address: string, flow: Flow | null, problem = ""): PathSide {
  const node: NodeReport = {
    node: `${cluster}1`,
    phase: "end",
    problem,
    flows: flow === null ? [] : [flow],
  };
  return {
    cluster,
    nodes: [[`${cluster}1`, address, "10.65.0.0", "66:00:00:00:00:01", "", "", ""]],
    report: { id: 7, nodes: [node] },
    vxlanPort: "4789",
  };
}

function sides({ sent, heard, back }: Case): [PathSide, PathSide] {
  const own: Flow = { pair: 0, family: 4, heard: { ...heardOf("10.0.1.1"), ...back } };
  const a = sent === null ? own : { ...own, sent: { ...SENT, ...sent } };
  const b: Flow = { pair: 0, family: 4, sent: SENT, heard: { ...heardOf("10.0.0.1"), ...heard } };
  return [side("a", "10.0.0.1", a), side("b", "10.0.1.1", b)];
}

const of = (given: Case) => pathFindings(7, [["a1", "b1"]], sides(given));

test("[OVL11] where all passes, each direction says so in one line, with the source that was seen", () => {
  expect(of({}).map(({ level, subject, message }) => `${level} ${subject}: ${message}`)).toEqual([
    "ok a/a1 to b/b1, IPv4: VXLAN, 1450 bytes and TCP pass; the source is 10.0.0.1",
    "ok b/b1 to a/a1, IPv4: VXLAN, 1450 bytes and TCP pass; the source is 10.0.1.1",
  ]);
});

const NONE: Partial<Heard> = { frames: 0, routed: 0, sizes: [], tcpBytes: 0 };
const NOTHING: Partial<Heard> = { ...NONE, plain: 0, sources: [] };
const APART: Partial<Sent> = { isConnected: false };

test.each<[string, string, Case, string]>([
  ["NotSent", "error", { sent: null }, "a1 has sent nothing"],
  [
    "NothingPasses",
    "error",
    { heard: NOTHING, sent: { ...APART, error: "EHOSTUNREACH" } },
    "nothing that a1 sends arrives (EHOSTUNREACH)",
  ],
  [
    "NothingListens",
    "error",
    { heard: NONE, sent: { ...APART, isRefused: true } },
    "nothing listens on UDP 4789",
  ],
  ["VxlanBlocked", "error", { heard: NONE, sent: APART }, "UDP passes, but none on the VXLAN port"],
  [
    "SourceChanged",
    "error",
    { heard: { ...NONE, sources: ["10.0.9.9"] }, sent: APART },
    "b1 sees a1 (10.0.0.1) come from 10.0.9.9",
  ],
  ["SourceChanged", "warning", { heard: { sources: ["10.0.9.9"] } }, "VXLAN passes all the same"],
  ["NoRoute", "error", { heard: { routed: 0, tcpBytes: 0 }, sent: APART }, "a1's kernel does not"],
  ["TooBig", "error", { heard: { sizes: [1_280, 1_330] } }, "of the tunnel's 1450 bytes only 1330"],
  // What comes behind a refusal was cut up.
  ["TooBig", "error", { sent: { tooBig: 1_400 } }, "of the tunnel's 1450 bytes only 1380"],
  ["TooBig", "error", { heard: { sizes: [1_450] } }, "only small packets pass"],
  ["TcpRefused", "error", { sent: APART, heard: { tcpBytes: 0 } }, "TCP does not connect"],
  ["TcpStalls", "error", { heard: { tcpBytes: 100 } }, "TCP stalls after 100 of 65536 bytes"],
  ["TcpAltered", "error", { heard: { isAltered: true } }, "TCP's payload arrives altered"],
  ["SourceNotSeen", "info", { heard: { plain: 0, sources: [] } }, "there is a NAT is not known"],
])("[OVL11] the first fault of a direction is found: %s, %s", (code, level, given, words) => {
  const found = of(given);
  const [there] = found;
  expect(there).toMatchObject({ code, level, subject: "a/a1 to b/b1, IPv4" });
  expect(there?.message).toContain(words);
  expect(there?.todo).not.toBe("");
  // The other direction is judged apart, and is well.
  expect(found.at(-1)).toMatchObject({ level: "ok", subject: "b/b1 to a/a1, IPv4" });
});

test("[OVL11] TCP is not blamed for a way back that is broken", () => {
  const found = of({ sent: APART, heard: { tcpBytes: 0 }, back: NOTHING });
  expect(found.map(({ code }) => code)).toEqual(["Passes", "NothingPasses"]);
});

test("[OVL11] a node whose relay takes no part, or cannot, is named once, and nothing is said of its ways", () => {
  const [a, b] = sides({});
  const silent = pathFindings(7, [["a1", "b1"]], [a, { ...b, report: null }]);
  expect(silent).toMatchObject([{ level: "warning", code: "NoRelay", subject: "b/b1" }]);
  // A report of another check is none.
  expect(pathFindings(8, [["a1", "b1"]], [a, b]).map(({ code }) => code)).toEqual([
    "NoRelay",
    "NoRelay",
  ]);
  const broken = side("b", "10.0.1.1", null, "cannot listen: EADDRINUSE");
  const told = pathFindings(
    7,
    [
      ["a1", "b1"],
      ["a1", "b1"],
    ],
    [a, broken],
  );
  expect(told).toMatchObject([
    { level: "error", code: "RelayProblem", message: "cannot listen: EADDRINUSE" },
  ]);
});
