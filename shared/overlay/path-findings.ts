/**
 * What packets between nodes of two clusters have shown: one finding a line, with what to do. Each
 * direction of a pair of nodes and each family is judged apart, by its first fault: what comes
 * behind it follows from it. Pure. [OVL11]
 */
import { ladder, PATH_PORT, TCP_BYTES, UNHEARD } from "./path-check.ts";
import type { Flow, Heard, NodePair, NodeReport, PathReport, Sent } from "./path-check.ts";
import type { SummaryNode } from "./summary.ts";
import { FAMILIES } from "./vtep.ts";
import type { Family } from "./vtep.ts";

export interface PathFinding {
  readonly level: "ok" | "info" | "warning" | "error";
  readonly code: PathCode;
  /** In one line: what it is about. */
  readonly subject: string;
  readonly message: string;
  /** What to do; empty where all is well. */
  readonly todo: string;
}

export type PathCode =
  | "Passes"
  | "SourceNotSeen"
  | "NoRelay"
  | "RelayProblem"
  | "NotSent"
  | "NothingPasses"
  | "NothingListens"
  | "SourceChanged"
  | "VxlanBlocked"
  | "NoRoute"
  | "TooBig"
  | "TcpRefused"
  | "TcpStalls"
  | "TcpAltered";

/** One of the two clusters. */
export interface PathSide {
  readonly cluster: string;
  readonly nodes: readonly SummaryNode[];
  /** `null`: none of its relays has said anything. */
  readonly report: PathReport | null;
  readonly vxlanPort: string;
}

/** A node's end: its cluster's name and its own, and what its relay says. */
interface End {
  readonly cluster: string;
  readonly node: string;
  readonly said: NodeReport | null;
  readonly addresses: SummaryNode | undefined;
  readonly port: string;
}

const OFFLOAD =
  "turn checksum offload off: featureDetectOverride: ChecksumOffloadBroken=true in FelixConfiguration";

/** @param pairs As they were asked: a node of the first side, one of the second. */
export function pathFindings(
  id: number,
  pairs: readonly NodePair[],
  sides: readonly [PathSide, PathSide],
): PathFinding[] {
  const ends = pairs.map(([a, b]) => [endOf(id, a, sides[0]), endOf(id, b, sides[1])] as const);
  const silent = new Map(ends.flat().map((end) => [`${end.cluster} ${end.node}`, end]));
  return [
    ...[...silent.values()].flatMap(ofEnd),
    ...ends.flatMap(([a, b], pair) =>
      takesPart(a) && takesPart(b)
        ? FAMILIES.flatMap((family) => [
            ...ofDirection(a, b, pair, family),
            ...ofDirection(b, a, pair, family),
          ])
        : [],
    ),
  ];
}

function endOf(id: number, node: string, side: PathSide): End {
  const report = side.report?.id === id ? side.report : null;
  return {
    cluster: side.cluster,
    node,
    said: report?.nodes.find((one) => one.node === node) ?? null,
    addresses: side.nodes.find(([name]) => name === node),
    port: side.vxlanPort,
  };
}

function takesPart({ said }: End): boolean {
  return said !== null && said.problem === "";
}

function ofEnd({ cluster, node, said }: End): PathFinding[] {
  const subject = `${cluster}/${node}`;
  if (said === null)
    return [
      {
        level: "warning",
        code: "NoRelay",
        subject,
        message: "no relay there takes part, so nothing is known of it",
        todo: "start a relay on the node with --path-probes (the component deploy/relay/path-probes)",
      },
    ];
  if (said.problem === "") return [];
  return [
    {
      level: "error",
      code: "RelayProblem",
      subject,
      message: said.problem,
      todo: "see that calico-node runs there and that the relay is on the host's network",
    },
  ];
}

function* ofDirection(from: End, to: End, pair: number, family: Family): Generator<PathFinding> {
  const outer = outerOf(from, family);
  if (outer === "" || outerOf(to, family) === "") return;
  const subject = `${from.cluster}/${from.node} to ${to.cluster}/${to.node}, IPv${family}`;
  const made = ([level, code, message, todo]: Fault): PathFinding => ({
    level,
    code,
    subject,
    message,
    todo,
  });
  const sent = flowOf(from, pair, family)?.sent;
  const heard = flowOf(to, pair, family)?.heard ?? UNHEARD;
  if (sent === undefined) {
    yield made(["error", "NotSent", `${from.node} has sent nothing`, "read its relay's log"]);
    return;
  }
  const isHidden = heard.sources.some((source) => source !== outer);
  const hidden = `${to.node} sees ${from.node} (${outer}) come from ${heard.sources.join(", ")}`;
  const untie = `exempt ${from.cluster}'s nodes from source NAT towards ${to.cluster}'s`;
  if (heard.frames === 0 && heard.plain > 0 && isHidden) {
    const why = `${hidden}, and drops VXLAN of a node that it does not know`;
    yield made(["error", "SourceChanged", why, untie]);
    return;
  }
  if (heard.frames === 0) {
    yield made(noFrames(from, to, sent, heard, outerOf(to, family)));
    return;
  }
  if (isHidden)
    yield made(["warning", "SourceChanged", `${hidden}; VXLAN passes all the same`, untie]);
  const fault = throughTunnel(from, to, pair, family);
  const passes = `VXLAN, ${sent.mtu} bytes and TCP pass`;
  if (fault !== null) yield made(fault);
  else if (heard.plain === 0)
    yield made([
      "info",
      "SourceNotSeen",
      `${passes}; whether there is a NAT is not known`,
      `let UDP ${PATH_PORT} from ${from.node} to ${to.node} through, if it is to be known`,
    ]);
  else if (!isHidden) yield made(["ok", "Passes", `${passes}; the source is ${outer}`, ""]);
}

type Fault = readonly [PathFinding["level"], PathCode, message: string, todo: string];

/** Nothing came on the VXLAN port. @param address The other's own. */
function noFrames(from: End, to: End, sent: Sent, heard: Heard, address: string): Fault {
  if (sent.isRefused)
    return [
      "error",
      "NothingListens",
      `${to.node} says that nothing listens on UDP ${to.port}`,
      `see that calico-node of ${to.node} runs and has a VXLAN device`,
    ];
  const open = `let UDP ${to.port} from ${from.node} to ${to.node} through firewalls and security groups`;
  if (heard.plain > 0)
    return ["error", "VxlanBlocked", `UDP passes, but none on the VXLAN port ${to.port}`, open];
  const why = sent.error === "" ? "" : ` (${sent.error})`;
  return [
    "error",
    "NothingPasses",
    `nothing that ${from.node} sends arrives${why}`,
    `${open}, and see that ${from.node} has a way to ${address}`,
  ];
}

/** The first fault of packets that do come out of the tunnel; `null`: there is none. */
function throughTunnel(from: End, to: End, pair: number, family: Family): Fault | null {
  const sent = flowOf(from, pair, family)?.sent;
  const { routed, sizes, tcpBytes, isAltered } = flowOf(to, pair, family)?.heard ?? UNHEARD;
  if (sent === undefined) return null;
  if (routed === 0)
    return [
      "error",
      "NoRoute",
      `VXLAN passes, but ${from.node}'s kernel does not put its packets into the tunnel`,
      `compare catwalk routes --cluster ${from.cluster} with ip route on ${from.node}; restart its calico-node`,
    ];
  const passing = largest(sizes, sent.mtu, sent.tooBig);
  if (passing < sent.mtu)
    return [
      "error",
      "TooBig",
      `of the tunnel's ${sent.mtu} bytes only ${passing === 0 ? "small packets" : passing} pass without fragments`,
      `set vxlanMTU: ${passing === 0 ? 1_280 : passing} in both FelixConfigurations, or raise the MTU on the way and look again after ten minutes`,
    ];
  // TCP needs the way back, whose own fault is told there.
  const back = flowOf(from, pair, family)?.heard;
  if (back === undefined || back.frames === 0 || back.routed === 0) return null;
  if (!sent.isConnected)
    return [
      "error",
      "TcpRefused",
      "UDP passes the tunnel both ways, TCP does not connect",
      OFFLOAD,
    ];
  if (isAltered)
    return [
      "error",
      "TcpAltered",
      "TCP's payload arrives altered",
      `${OFFLOAD}; see what is between`,
    ];
  if (tcpBytes < TCP_BYTES)
    return [
      "error",
      "TcpStalls",
      `UDP of ${sent.mtu} bytes passes, but TCP stalls after ${tcpBytes} of ${TCP_BYTES} bytes`,
      OFFLOAD,
    ];
  return null;
}

/** The largest of the ladder's sizes below the first that has not come, or was refused; 0: none. */
function largest(sizes: readonly number[], mtu: number, tooBig: number): number {
  let passing = 0;
  for (const size of ladder(mtu)) {
    if (!sizes.includes(size) || (tooBig > 0 && size >= tooBig)) return passing;
    passing = size;
  }
  return passing;
}

function flowOf({ said }: End, pair: number, family: Family): Flow | undefined {
  return said?.flows.find((flow) => flow.pair === pair && flow.family === family);
}

/** A node's own address where it has a tunnel; empty: none in this family. */
function outerOf({ addresses }: End, family: Family): string {
  const [, ip4 = "", tunnel4 = "", , ip6 = "", tunnel6 = ""] = addresses ?? [];
  if (family === 4) return tunnel4 === "" ? "" : ip4;
  return tunnel6 === "" ? "" : ip6;
}
