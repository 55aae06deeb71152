/** Sends one node's part of a check to one other node, in one family, once. [OVL12] */
import { ladder, PATH_PORT } from "../../shared/overlay/path-check.ts";
import type { Sent } from "../../shared/overlay/path-check.ts";
import { vxlanFrame } from "./frame.ts";
import type { PathNet, PathSocket } from "./path-net.ts";
import type { PathTarget } from "./path-plan.ts";
import { encodeProbe } from "./probe.ts";
import type { Way } from "./probe.ts";
import { streamBytes } from "./tally.ts";

export interface SendOptions {
  readonly check: number;
  readonly vni: number;
  readonly vxlanPort: number;
  /** Smallest that was refused a while ago, see `PathProber`; 0: none. */
  readonly tooBig: number;
  readonly net: PathNet;
  readonly wait: (ms: number) => Promise<void>;
}

/** Of each small packet, so that one that is lost by chance says nothing. */
const COPIES = 5;
/** Of each size: less, because a router's word that one is too big lets the next be cut up. */
const SIZE_COPIES = 3;
const BETWEEN_MS = 40;
/** Until a router's answer is here. */
const ANSWER_MS = 160;
const TCP_MS = 6_000;

export async function sendTo(target: PathTarget, options: SendOptions): Promise<Sent> {
  const { own, remote } = target;
  const { net, vxlanPort, vni } = options;
  const probe = (way: Way, size = 0): Buffer =>
    encodeProbe({ check: options.check, way, size, pair: target.pair, family: target.family });
  const open: PathSocket[] = [];
  const to = async (from: string, address: string, port: number): Promise<PathSocket> => {
    const socket = await net.socket(from, address, port);
    open.push(socket);
    return socket;
  };
  const mtu = net.mtuOf(own.address) ?? 0;
  try {
    const plain = await to(own.outer, remote.outer, PATH_PORT);
    const vxlan = await to(own.outer, remote.outer, vxlanPort);
    const routed = await to(own.address, remote.address, PATH_PORT);
    const frame = (size: number): Buffer =>
      vxlanFrame({ from: own, to: remote, vni, port: PATH_PORT }, probe("frame", size));
    const errors = new Set<string>();
    for (let copy = 0; copy < COPIES; copy++) {
      plain.send(probe("plain"));
      vxlan.send(frame(0));
      routed.send(probe("routed"));
      await options.wait(BETWEEN_MS);
    }
    await options.wait(ANSWER_MS);
    for (const code of vxlan.errors()) errors.add(code);
    const tooBig = await climb(vxlan, mtu, frame, errors, options);
    const message = Buffer.concat([probe("stream"), streamBytes()]);
    const isConnected = await net.stream(own.address, remote.address, message, TCP_MS);
    const isRefused = errors.delete("ECONNREFUSED");
    return { mtu, tooBig, isRefused, isConnected, error: [...errors].join(", ").slice(0, 128) };
  } finally {
    for (const socket of open) socket.close();
  }
}

/** Ever larger frames, until a router refuses one. Answers its size; 0: none was refused. */
async function climb(
  socket: PathSocket,
  mtu: number,
  frame: (size: number) => Buffer,
  errors: Set<string>,
  { wait, tooBig }: SendOptions,
): Promise<number> {
  for (const size of ladder(mtu)) {
    if (tooBig > 0 && size >= tooBig) return size;
    for (let copy = 0; copy < SIZE_COPIES; copy++) {
      socket.send(frame(size));
      await wait(copy + 1 < SIZE_COPIES ? BETWEEN_MS : ANSWER_MS);
      const codes = socket.errors();
      if (codes.includes("EMSGSIZE")) return size;
      for (const code of codes) errors.add(code);
    }
  }
  return 0;
}
