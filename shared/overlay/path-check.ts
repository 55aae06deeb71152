/**
 * A check of the way between two clusters' nodes by packets: which pairs of nodes are asked, what
 * their relays are told, and what each node says that it sent and heard. Orders name nodes and no
 * addresses: each relay takes those from the records that it has admitted. [OVL10]
 */
import { z } from "zod";

import type { SummaryNode } from "./summary.ts";
import type { Family } from "./vtep.ts";

/** `listen`: open ports. `send`: send, once. `end`: close them; what was heard stays told. */
export const PATH_PHASES = ["listen", "send", "end"] as const;
export type PathPhase = (typeof PATH_PHASES)[number];

/** Two nodes, by name, of two clusters. */
export type NodePair = readonly [own: string, remote: string];

/** What relays of one cluster are told of a remote. */
export interface PathOrder {
  /** Of one check of a mesh. */
  readonly id: number;
  readonly phase: PathPhase;
  /** In the same order for both clusters. */
  readonly pairs: readonly NodePair[];
}

/** What came of it, of the nodes whose relays take part. */
export interface PathReport {
  readonly id: number;
  readonly nodes: readonly NodeReport[];
}

export interface NodeReport {
  readonly node: string;
  /** The last that it has done. */
  readonly phase: PathPhase;
  /** Why it takes no part, in words; empty: it does. */
  readonly problem: string;
  readonly flows: readonly Flow[];
}

/** Of one pair of nodes and one family, what this one sent to the other and heard of it. */
export interface Flow {
  /** Its number in `pairs`. */
  readonly pair: number;
  readonly family: Family;
  /** Absent: it has not sent. */
  readonly sent?: Sent;
  readonly heard: Heard;
}

export interface Sent {
  /** MTU of this node's tunnel device. */
  readonly mtu: number;
  /** Smallest inner packet that a router refused as too big; 0: none. */
  readonly tooBig: number;
  /** The other node said that nothing listens on the VXLAN port. */
  readonly isRefused: boolean;
  /** TCP through the tunnel was connected. */
  readonly isConnected: boolean;
  /** What the kernel said when it would not send; empty: nothing. */
  readonly error: string;
}

export interface Heard {
  /** Plain UDP packets between the nodes' own addresses. */
  readonly plain: number;
  /** Sources that they were seen to have. */
  readonly sources: readonly string[];
  /** VXLAN frames that the sender's relay made itself. */
  readonly frames: number;
  /** Packets that the sender's kernel has put into its tunnel. */
  readonly routed: number;
  /** Lengths of inner packets that have come, ascending. */
  readonly sizes: readonly number[];
  /** Bytes of payload that have come by TCP. */
  readonly tcpBytes: number;
  /** Some were not those that were sent. */
  readonly isAltered: boolean;
}

export const PATH_LIMITS = { pairs: 8, sources: 4, sizes: 16 } as const;
/** UDP and TCP, of every relay that takes part. */
export const PATH_PORT = 5_476;
/** Payload of the TCP connection. */
export const TCP_BYTES = 65_536;
/** Inner packets that must pass where the tunnel's MTU says so. */
const LADDER = [1_280, 1_330, 1_350, 1_380, 1_400, 1_430, 1_450, 1_500, 4_000, 8_000, 8_900];

const name = z.string().min(1).max(253);
const count = z.int().nonnegative();
const phase = z.enum(PATH_PHASES);

export const pathOrderSchema = z.looseObject({
  id: count,
  phase,
  pairs: z.array(z.tuple([name, name])).max(PATH_LIMITS.pairs),
});

export const pathReportSchema = z.object({
  id: count,
  nodes: z
    .array(
      z.object({
        node: name,
        phase,
        problem: z.string().max(512),
        flows: z
          .array(
            z.object({
              pair: count.max(PATH_LIMITS.pairs - 1),
              family: z.literal([4, 6]),
              sent: z
                .object({
                  mtu: count,
                  tooBig: count,
                  isRefused: z.boolean(),
                  isConnected: z.boolean(),
                  error: z.string().max(128),
                })
                .exactOptional(),
              heard: z.object({
                plain: count,
                sources: z.array(z.string().max(64)).max(PATH_LIMITS.sources),
                frames: count,
                routed: count,
                sizes: z.array(count).max(PATH_LIMITS.sizes),
                tcpBytes: count,
                isAltered: z.boolean(),
              }),
            }),
          )
          .max(2 * PATH_LIMITS.pairs),
      }),
    )
    .max(2 * PATH_LIMITS.pairs),
});

export const UNHEARD: Heard = {
  plain: 0,
  sources: [],
  frames: 0,
  routed: 0,
  sizes: [],
  tcpBytes: 0,
  isAltered: false,
};

/** Lengths of inner packets that are tried, ascending: up to the tunnel's MTU, and that. */
export function ladder(mtu: number): number[] {
  return [...LADDER.filter((size) => size < mtu), mtu];
}

/**
 * Pairs of nodes with tunnels, spread over both clusters.
 * @param turn Another number begins at other nodes.
 */
export function choosePairs(
  a: readonly SummaryNode[],
  b: readonly SummaryNode[],
  count: number,
  turn: number,
): NodePair[] {
  const [own, remote] = [a, b].map((nodes) => nodes.filter(hasTunnel).map(([node]) => node));
  if (own === undefined || remote === undefined || own.length === 0 || remote.length === 0)
    return [];
  const most = Math.min(count, PATH_LIMITS.pairs, Math.max(own.length, remote.length));
  const at = (nodes: readonly string[], i: number): string =>
    nodes[(turn + Math.floor((i * Math.max(nodes.length, most)) / most)) % nodes.length] ?? "";
  return Array.from({ length: most }, (_, i) => [at(own, i), at(remote, i)]);
}

function hasTunnel([, ip4, tunnel4, , ip6, tunnel6]: SummaryNode): boolean {
  return (ip4 !== "" && tunnel4 !== "") || (ip6 !== "" && tunnel6 !== "");
}

/** The reports of a cluster's relays as one. Of several about one node the furthest counts. */
export function mergedPaths(
  one: PathReport | undefined,
  other: PathReport | undefined,
): PathReport | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.id !== other.id) return one.id > other.id ? one : other;
  const nodes = new Map<string, NodeReport>();
  for (const report of [...one.nodes, ...other.nodes]) {
    const known = nodes.get(report.node);
    if (known === undefined || isFurther(report, known)) nodes.set(report.node, report);
  }
  return { id: one.id, nodes: [...nodes.values()].slice(0, 2 * PATH_LIMITS.pairs) };
}

function isFurther(report: NodeReport, known: NodeReport): boolean {
  if ((report.problem === "") !== (known.problem === "")) return report.problem === "";
  return PATH_PHASES.indexOf(report.phase) > PATH_PHASES.indexOf(known.phase);
}
