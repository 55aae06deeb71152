/** What came in for one check, counted by pair of nodes and family. [OVL12] */
import { PATH_LIMITS, TCP_BYTES, UNHEARD } from "../../shared/overlay/path-check.ts";
import type { Flow, Heard, Sent } from "../../shared/overlay/path-check.ts";
import type { Family } from "../../shared/overlay/vtep.ts";
import type { PathTarget } from "./path-plan.ts";
import { PROBE_BYTES } from "./probe.ts";
import type { Probe } from "./probe.ts";

export class Tally {
  readonly #check: number;
  readonly #flows = new Map<string, { pair: number; family: Family; heard: Heard; sent?: Sent }>();

  constructor(check: number, targets: readonly PathTarget[]) {
    this.#check = check;
    for (const { pair, family } of targets)
      this.#flows.set(flowId(pair, family), { pair, family, heard: UNHEARD });
  }

  /** @param source Address that it came from. @returns Whether it is of this check. */
  onProbe({ check, way, pair, family, size }: Probe, source: string): boolean {
    const flow = this.#flows.get(flowId(pair, family));
    if (check !== this.#check || flow === undefined) return false;
    const { heard } = flow;
    if (way === "plain")
      flow.heard = { ...heard, plain: heard.plain + 1, sources: noted(heard.sources, source) };
    else if (way === "routed") flow.heard = { ...heard, routed: heard.routed + 1 };
    else if (way === "frame")
      flow.heard = {
        ...heard,
        frames: heard.frames + 1,
        sizes: size === 0 ? heard.sizes : sized(heard.sizes, size),
      };
    return true;
  }

  /** @param bytes All of the stream until now, behind its probe. */
  onStream({ pair, family }: Probe, bytes: number, isAltered: boolean): void {
    const flow = this.#flows.get(flowId(pair, family));
    if (flow === undefined) return;
    const { tcpBytes, isAltered: wasAltered } = flow.heard;
    flow.heard = {
      ...flow.heard,
      tcpBytes: Math.max(tcpBytes, bytes),
      isAltered: wasAltered || isAltered,
    };
  }

  onSent(target: PathTarget, sent: Sent): void {
    const flow = this.#flows.get(flowId(target.pair, target.family));
    if (flow !== undefined) flow.sent = sent;
  }

  get flows(): Flow[] {
    return [...this.#flows.values()].map((flow) => ({ ...flow }));
  }
}

/** The payload of the stream: other bytes at each place, so that what is shifted differs. */
export function streamBytes(): Buffer {
  made ??= makeStream();
  return made;
}

let made: Buffer | null = null;

function makeStream(): Buffer {
  const bytes = Buffer.alloc(TCP_BYTES);
  for (let i = 0; i < TCP_BYTES; i += 4) bytes.writeUInt32BE((i * 2_654_435_761) >>> 0, i);
  return bytes;
}

/** How far a stream is the one that was sent. @param bytes From its beginning, with its probe. */
export function readStream(bytes: Buffer): { readonly bytes: number; readonly isAltered: boolean } {
  const payload = bytes.subarray(PROBE_BYTES);
  const wanted = streamBytes().subarray(0, payload.length);
  return { bytes: payload.length, isAltered: !payload.equals(wanted) };
}

function noted(sources: readonly string[], source: string): readonly string[] {
  return sources.includes(source) || sources.length >= PATH_LIMITS.sources
    ? sources
    : [...sources, source];
}

function sized(sizes: readonly number[], size: number): readonly number[] {
  return sizes.includes(size) || sizes.length >= PATH_LIMITS.sizes
    ? sizes
    : [...sizes, size].toSorted((a, b) => a - b);
}

function flowId(pair: number, family: Family): string {
  return `${pair} ${family}`;
}
