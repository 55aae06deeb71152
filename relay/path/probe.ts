/** The payload of one probe: its check, pair of nodes and family, and how it was sent. */
import type { Family } from "../../shared/overlay/vtep.ts";

/**
 * `plain`: between the nodes' own addresses. `frame`: in a VXLAN frame that the relay made.
 * `routed`: into the tunnel by the sender's kernel. `stream`: what TCP begins with.
 */
const WAYS = ["plain", "frame", "routed", "stream"] as const;
export type Way = (typeof WAYS)[number];

export interface Probe {
  readonly check: number;
  readonly way: Way;
  readonly pair: number;
  readonly family: Family;
  /** Length of the inner IP packet; 0: it is none of the ladder. */
  readonly size: number;
}

const MAGIC = Buffer.from("catwalkp");
export const PROBE_BYTES = MAGIC.length + 9;
/** Of the UDP and IP headers of an inner packet. */
const HEADERS = { 4: 28, 6: 48 } as const;

/** Padded, so that its IP packet has the probe's size. */
export function encodeProbe({ check, way, pair, family, size }: Probe): Buffer {
  const length = Math.max(PROBE_BYTES, size - HEADERS[family]);
  const bytes = Buffer.alloc(length, 0x5a);
  MAGIC.copy(bytes);
  bytes[8] = WAYS.indexOf(way);
  bytes[9] = pair;
  bytes[10] = family;
  bytes.writeUInt16BE(size, 11);
  bytes.writeUInt32BE(check >>> 0, 13);
  return bytes;
}

/** `null`: it is no probe. */
export function decodeProbe(bytes: Uint8Array): Probe | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < PROBE_BYTES || !view.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const way = WAYS[view[8] ?? WAYS.length];
  const family = view[10];
  if (way === undefined || (family !== 4 && family !== 6)) return null;
  const size = view.readUInt16BE(11);
  // Cut short on the way.
  if (size > 0 && view.length !== size - HEADERS[family]) return null;
  return { check: view.readUInt32BE(13), way, pair: view[9] ?? 0, family, size };
}
