/**
 * Federated Services in one relay: follows Services where somebody asks for them, publishes them
 * where a grant names them, and fills those of this cluster. Wires.
 */
import type { EncodedChange } from "../shared/record/encoding.ts";
import type { AccessFacts } from "../shared/visibility/facts.ts";
import { channelsOf } from "../shared/visibility/scope.ts";
import type { ServiceReport } from "../shared/api/services.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { OwnCluster } from "./own-cluster.ts";
import type { Publisher } from "./publish/publisher.ts";
import { describeServices } from "./services/describe.ts";
import { Services } from "./services/services.ts";
import type { SliceWriter } from "./services/slice-writer.ts";
import type { JsonObject } from "./kube/kube-object.ts";
import type { Source } from "./source/source.ts";
import type { Remotes } from "./view/remotes.ts";

export interface ClusterServicesOptions {
  readonly source: Source;
  readonly own: OwnCluster;
  readonly remotes: Remotes;
  readonly ports: RelayPorts;
  /** This relay may write slices. */
  readonly isWriter: boolean;
  facts(): AccessFacts | null;
  publisher(): Publisher | null;
  clusterName(): string | null;
}

/** Of a cluster that has not joined yet. */
const NO_NAME = "local";

export class ClusterServices {
  readonly services: Services;
  writer: SliceWriter | null = null;
  readonly #options: ClusterServicesOptions;
  readonly #unsubscribe: (() => void)[];
  #isAsked = false;

  constructor(options: ClusterServicesOptions) {
    const { own, remotes, ports } = options;
    this.#options = options;
    this.services = new Services({
      now: () => ports.now(),
      clusterName: () => this.#clusterName,
      lostMs: (rcc) => remotes.lostMs(rcc),
      isIncomplete: (cluster) => this.#isIncomplete(cluster),
    });
    this.#unsubscribe = [
      own.subscribe((changes) => this.services.onRecords(null, this.#withRecords(changes))),
      remotes.subscribe((changes) => {
        for (const { rcc, op, held } of changes)
          this.services.onRecords(rcc, [{ op, record: held.record }]);
      }),
    ];
  }

  /** Local Services are known, and which clusters may be seen: what nobody wants may go. */
  get isReady(): boolean {
    return this.#options.own.areServicesListed && this.#options.facts() !== null;
  }

  /** The source has started. */
  start(): void {
    if (this.#options.isWriter) this.#options.source.followServices?.();
    this.writer?.start();
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end();
    await this.writer?.stop();
  }

  onFillable(id: string, object: JsonObject | null): void {
    this.services.onFillable(id, object);
  }

  /** Services were listed, the relay is a member, or the facts are others: publishes, or ends. */
  update(): void {
    const { source, own } = this.#options;
    this.#isAsked = this.#options.facts()?.asked?.includes("services") === true;
    if (this.#isAsked) source.followServices?.();
    this.#options.publisher()?.setServices(this.#isAsked && own.areServicesListed);
    this.writer?.wake();
  }

  report(): ServiceReport[] {
    const { services, writer } = this;
    return describeServices({ services, writer, refusals: this.#options.remotes.refusals() });
  }

  get #clusterName(): string {
    return this.#options.clusterName() ?? NO_NAME;
  }

  /** Of a remote that may be seen, until all of it came once; of this cluster, until listed. */
  #isIncomplete(cluster: string): boolean {
    const { own, remotes } = this.#options;
    if (cluster === this.#clusterName) return !own.areServicesListed;
    const known = this.#options.facts();
    if (known === null) return true;
    const remote = known.remotes.find(({ rcc }) => rcc === cluster);
    if (remote?.state !== "granted" || !channelsOf(remote.scope).includes("services")) return false;
    return !remotes.isComplete(cluster, "services");
  }

  *#withRecords(changes: readonly EncodedChange[]) {
    for (const change of changes) {
      if (change.op === "put") yield { op: "put" as const, record: change.record };
      else {
        const held = this.#options.own.local.byKey(change.key);
        if (held !== undefined) yield { op: "delete" as const, record: held.record };
      }
    }
  }
}
