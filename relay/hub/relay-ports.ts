/**
 * The ports of a relay to its machine: sockets to the hub, time, chance. The simulation
 * brings its own.
 */
import { HubLink } from "./link.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { LinkOptions } from "./link.ts";
import type { HubRoute } from "./route.ts";

/** A connection to the hub that comes back by itself. */
export interface Link {
  readonly isOpen: boolean;
  start(): void;
  /** Closes for good. */
  stop(): void;
  /** Drops the connection and dials again. */
  restart(message: string): void;
  /** Ignored while it is not open. */
  send(message: Message): void;
}

/** The hub's clock, as far as it is known here. */
export interface HubTime {
  /** Unix ms, and by how much that may be wrong; `null`: not known yet. */
  now(): { readonly ms: number; readonly errorMs: number } | null;
}

export interface RelayPorts {
  dial(options: LinkOptions): Link;
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
  /** The machine's clock, ms since 1970, for what outlives the process. Absent: `Date.now`. */
  wallMs?(): number;
  /** Absent: there is no hub, or nobody wants to know. */
  readonly hubTime?: HubTime;
  /** From 0 to below 1. */
  random(): number;
  /** Runs something later; answers how to call it off. */
  after(ms: number, run: () => void): () => void;
}

export const NODE_PORTS: RelayPorts = {
  wallMs: () => Date.now(),
  dial: (options) => new HubLink(options),
  now: () => performance.now(),
  random: () => Math.random(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** The same, with a way to the hub that is not the direct one. */
export function nodePortsBy(route: HubRoute): RelayPorts {
  return { ...NODE_PORTS, dial: (options) => new HubLink({ ...options, route }) };
}
