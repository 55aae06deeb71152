/** One made-up cluster: a member like any other, with a real publisher. */
import { join } from "node:path";

import { Credentials } from "../../relay/hub/credentials.ts";
import { Home } from "../../relay/publish/home.ts";
import { MadeUpState } from "./made-up-state.ts";

export class MockCluster {
  readonly name: string;
  readonly #credentials: Credentials;
  readonly #local: MadeUpState;
  readonly #home: Home;
  #nextChange = 0;

  private constructor(
    name: string,
    number: number,
    endpoints: number,
    hub: string,
    credentials: Credentials,
  ) {
    this.name = name;
    this.#local = new MadeUpState(number, endpoints);
    this.#credentials = credentials;
    this.#home = new Home({
      url: `${hub.replace(/^http/, "ws").replace(/\/$/, "")}/v1/connect/home`,
      local: this.#local,
      headers: () => credentials.headers(),
      onRefused: (_status, date) => void credentials.correctClock(date),
      accessVersion: () => 0,
      onAccess: () => undefined,
      onDown: () => undefined,
      onUp: () => undefined,
    });
  }

  /** @param number Picks its addresses. @throws JoinError */
  static async join(
    hub: string,
    stateDir: string,
    options: {
      readonly name: string;
      readonly number: number;
      readonly endpoints: number;
      readonly joinToken: string;
    },
  ): Promise<MockCluster> {
    const credentials = await Credentials.open(join(stateDir, options.name));
    await credentials.join(hub, options.joinToken);
    return new MockCluster(options.name, options.number, options.endpoints, hub, credentials);
  }

  get uid(): string {
    return this.#credentials.membership?.cluster.uid ?? "";
  }

  /** All it has is in the hub, admitted or refused. */
  get isPublished(): boolean {
    const { phase, pending } = this.#home.publisher.status();
    return phase === "reconciled" && pending === 0;
  }

  get isConnected(): boolean {
    return this.#home.isOpen;
  }

  /** Changes that wait for the hub. */
  get pending(): number {
    return this.#home.publisher.status().pending;
  }

  get refused(): number {
    return this.#home.publisher.status().refused;
  }

  headers(): Promise<Readonly<Record<string, string>>> {
    return this.#credentials.headers();
  }

  start(): void {
    this.#local.fill();
    this.#home.publisher.onListed();
    this.#home.start();
  }

  /** The next endpoint gets another label. */
  change(): void {
    const { endpoints } = this.#local;
    if (endpoints === 0) return;
    const atMs = performance.timeOrigin + performance.now();
    const change = this.#local.change(this.#nextChange++ % endpoints, atMs);
    this.#home.publisher.onSource([change]);
  }

  stop(): void {
    this.#home.stop();
  }
}
