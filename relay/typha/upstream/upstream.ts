/**
 * Where Typha is: one address, or a service whose addresses are looked up with every dial, so that
 * no change of them is missed. [TYP30] [TYP31]
 */
import type { Duplex } from "node:stream";

import { errorText } from "../../../shared/lib/error-text.ts";
import { listSlices } from "../../kube/list-slices.ts";
import type { Transport } from "../../kube/transport.ts";
import type { ReadTarget } from "./dial.ts";
import { typhaAddresses } from "../../kube/endpoint-slices.ts";

export interface TyphaUpstream {
  /** For people. */
  readonly name: string;
  /** @returns A connected socket, or why there is none. */
  dial(target?: ReadTarget): Promise<Duplex | string>;
}

type DialOne = (address: string, target?: ReadTarget) => Promise<Duplex | string>;

export function fixedUpstream(address: string, dialOne: DialOne): TyphaUpstream {
  return { name: address, dial: (target) => dialOne(address, target) };
}

export interface ServiceOptions {
  readonly namespace: string;
  readonly service: string;
  /** This relay's node: a Typha on it is tried first. */
  readonly nodeName: string;
  readonly transport: Pick<Transport, "get">;
  readonly random?: () => number;
  readonly now?: () => number;
}

/** A list of a moment ago serves all who dial in the same moment. */
const FRESH_MS = 1_000;
const LIST_MS = 10_000;

export class ServiceUpstream implements TyphaUpstream {
  readonly #options: ServiceOptions;
  readonly #dialOne: DialOne;
  #listing: { readonly atMs: number; readonly slices: Promise<readonly unknown[]> } | null = null;
  /** Of the last list that came: the API server may be away. */
  #known: readonly unknown[] = [];

  constructor(options: ServiceOptions, dialOne: DialOne) {
    this.#options = options;
    this.#dialOne = dialOne;
  }

  get name(): string {
    return `service ${this.#options.namespace}/${this.#options.service}`;
  }

  async dial(target?: ReadTarget): Promise<Duplex | string> {
    let failure = "";
    try {
      this.#known = await this.#list();
    } catch (error) {
      failure = errorText(error);
    }
    const { nodeName, random = Math.random } = this.#options;
    const addresses = typhaAddresses(this.#known, nodeName, random);
    const reasons: string[] = [];
    for (const address of addresses) {
      const socket = await this.#dialOne(address, target);
      if (typeof socket !== "string") return socket;
      reasons.push(`${address}: ${socket}`);
    }
    if (addresses.length === 0)
      reasons.push(`${this.name} has no ready endpoint with a port named calico-typha`);
    if (failure !== "") reasons.push(`its EndpointSlices cannot be listed: ${failure}`);
    return reasons.join("; ");
  }

  #list(): Promise<readonly unknown[]> {
    const now = (this.#options.now ?? performance.now.bind(performance))();
    if (this.#listing === null || now - this.#listing.atMs > FRESH_MS)
      this.#listing = { atMs: now, slices: this.#get() };
    return this.#listing.slices;
  }

  #get(): Promise<readonly unknown[]> {
    const { namespace, service, transport } = this.#options;
    return listSlices(namespace, service, transport, AbortSignal.timeout(LIST_MS));
  }
}
