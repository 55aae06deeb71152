/** Clusters of a hub in memory, whose relays do what they are told about routes. */
import type { OverlaySummary } from "../../../shared/overlay/summary.ts";
import type { ClusterNote } from "../../../shared/visibility/facts.ts";
import type { OverlayOrder } from "../../../shared/visibility/overlay-order.ts";
import { memberRcc, parseRcc } from "../../../shared/visibility/rcc.ts";
import { clusterSummary } from "../../support/overlay.ts";
import { TestHub, valueOf } from "./support.ts";

export class Clusters {
  readonly hub = new TestHub();
  #uids: Readonly<Record<string, string>> = {};

  async start(...names: readonly string[]): Promise<void> {
    this.#uids = await this.hub.withClusters(...names);
    for (const [i, name] of names.entries()) await this.say(name, clusterSummary(65 + i, name));
  }

  get demo() {
    return this.hub.service("demo");
  }

  uid(name: string): string {
    return this.#uids[name] ?? "";
  }

  async say(name: string, overlay: OverlaySummary): Promise<void> {
    await this.#note(name, { overlay });
  }

  async #note(name: string, what: Partial<ClusterNote>): Promise<void> {
    const note = { pools: null, dropped: [], ...what };
    const facts = await this.demo.noteCluster(this.uid(name), note);
    // The answer is the Origin's to keep.
    if (facts !== null) await this.hub.origin(this.uid(name)).setFacts(facts);
  }

  async rcc(reader: string, origin: string, overlayRoutingMode: "Enabled" | "Disabled") {
    const parsed = parseRcc({
      ...memberRcc(origin),
      spec: { syncOptions: { overlayRoutingMode } },
    });
    if (!parsed.ok) throw new Error("BUG: not an RCC");
    valueOf(await this.demo.applyRcc(reader, parsed.rcc, "apply"));
  }

  async grant(origin: string, reader: string): Promise<void> {
    valueOf(await this.demo.createGrant(origin, reader));
  }

  async join(a: string, b: string): Promise<void> {
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const) {
      await this.rcc(x, y, "Enabled");
      await this.grant(y, x);
    }
  }

  order(reader: string, origin: string): OverlayOrder | undefined {
    const facts = this.hub.origin(this.uid(reader)).facts;
    return facts?.remotes.find((remote) => remote.origin.name === origin)?.overlay;
  }

  channels(origin: string, reader: string) {
    const { readers = [] } = this.hub.origin(this.uid(origin)).facts ?? {};
    return readers.find(({ cluster }) => cluster.name === reader)?.channels;
  }

  async obey(name: string, remote: string, stragglers: readonly string[] = []): Promise<void> {
    const step = this.order(name, remote)?.step ?? 0;
    await this.#note(name, { obeyed: [{ origin: this.uid(remote), step, stragglers }] });
  }

  async obeyBoth(a: string, b: string): Promise<void> {
    await this.obey(a, b);
    await this.obey(b, a);
  }
}
