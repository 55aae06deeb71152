/**
 * Federated Services in one relay: follows Services where somebody asks for them, publishes them
 * where a grant names them, and fills those of this cluster. Wires.
 */
import { hashKey } from "../shared/record/encoding.ts";
import type { EncodedChange } from "../shared/record/encoding.ts";
import type { AccessFacts } from "../shared/visibility/facts.ts";
import { channelsOf } from "../shared/visibility/scope.ts";
import { keyOf } from "../shared/record/key.ts";
import type { ServiceReport, ServicesAnswer } from "../shared/api/services.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { OwnCluster } from "./own-cluster.ts";
import type { Publisher } from "./publish/publisher.ts";
import { remoteCause, unpublished } from "./services-answer.ts";
import { importCause } from "./services/causes.ts";
import { describeServices } from "./services/describe.ts";
import { Services } from "./services/services.ts";
import type { ImportWriter } from "./services/mcs/import-writer.ts";
import type { SliceWriter } from "./services/slice-writer.ts";
import type { WriteLoop } from "./services/write-loop.ts";
import type { WritingStatus } from "./status.ts";
import type { JsonObject } from "./kube/kube-object.ts";
import type { Source } from "./source/source.ts";
import type { Remotes } from "./view/remotes.ts";

/** The relay that they are of. */
export interface ServicesHost {
  readonly source: Source;
  readonly own: OwnCluster;
  readonly remotes: Remotes;
  /** `services`: this relay may write slices. */
  readonly config: { readonly services?: boolean | undefined; readonly hub?: string | undefined };
  /** Remotes without a hub; `null`: there is no folder of them. */
  readonly directs: { readonly isFollowed: boolean } | null;
  /** `null`: it has not joined. */
  readonly clusterName: string | null;
}

/** What of it changes. */
export interface ServicesLive {
  /** `isHeard`: the facts are the hub's of now, not of a disk alone. */
  readonly access: { readonly facts: AccessFacts | null; readonly isHeard: boolean };
  publisher(): Publisher | null;
}

/** Of a cluster that has not joined yet. */
const NO_NAME = "local";

export class ClusterServices {
  readonly services: Services;
  writer: SliceWriter | null = null;
  /** With the writer. */
  imports: ImportWriter | null = null;
  /** That both write in. */
  loop: WriteLoop | null = null;
  readonly #host: ServicesHost;
  readonly #live: ServicesLive;
  readonly #unsubscribe: (() => void)[];
  #isAsked = false;
  /** Remotes that had not told everything when that was looked at last. */
  #awaited = "";

  constructor(host: ServicesHost, ports: RelayPorts, live: ServicesLive) {
    const { own, remotes } = host;
    this.#host = host;
    this.#live = live;
    this.services = new Services({
      now: () => ports.now(),
      clusterName: () => this.#clusterName,
      lostMs: (rcc) => remotes.lostMs(rcc),
      isIncomplete: (cluster) => this.#isIncomplete(cluster),
      areAllTold: () => this.areAllTold,
      derivedUid: (key) => (this.imports === null ? "" : this.imports.uidOf(key)),
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
    const { own, config, directs } = this.#host;
    const areNamed = config.hub === undefined || this.#live.access.facts !== null;
    return own.areServicesListed && areNamed && directs?.isFollowed !== false;
  }

  /** A grant of this cluster names Services. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Every cluster whose Services may be seen has told them once. */
  get areAllTold(): boolean {
    if (this.#host.config.hub !== undefined && !this.#live.access.isHeard) return false;
    const remotes = this.#live.access.facts?.remotes.map(({ rcc }) => rcc) ?? [];
    const names = [...remotes, ...this.#host.remotes.namesOf(true)];
    return names.every((rcc) => !this.#isIncomplete(rcc));
  }

  /** The source has started. */
  start(): void {
    if (this.#host.config.services === true) this.#host.source.followServices?.();
    this.writer?.start();
    this.imports?.start();
    this.loop?.start();
    this.update();
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end();
    await this.loop?.stop();
    this.imports?.stop();
    this.writer?.stop();
  }

  onFillable(id: string, object: JsonObject | null): void {
    this.services.onFillable(id, object);
  }

  /** Services were listed, the relay is a member, or the facts are others: publishes, or ends. */
  update(): void {
    const { source, own } = this.#host;
    this.#isAsked = this.#live.access.facts?.asked?.includes("services") === true;
    if (this.#isAsked) source.followServices?.();
    this.#live.publisher()?.setServices(this.#isAsked && own.areServicesListed);
    this.writer?.wake();
    this.imports?.wake();
  }

  /**
   * A remote's view has moved on. Where one has told everything now, what it does not have may
   * leave, also where no record has changed with it. [SVC28]
   */
  look(): void {
    if (this.writer === null) return;
    const { remotes } = this.#host;
    const joined = this.#live.access.facts?.remotes.map(({ rcc }) => rcc) ?? [];
    const all = [...joined, ...remotes.namesOf(true)];
    const awaited = all.filter((rcc) => !remotes.isComplete(rcc, "services")).join(" ");
    if (awaited === this.#awaited) return;
    this.#awaited = awaited;
    this.writer.wake();
    this.imports?.wake();
  }

  report(): ServiceReport[] {
    const { services, writer, imports } = this;
    return describeServices({ services, writer, imports, refusals: this.#host.remotes.refusals() });
  }

  /** All that `catwalk services` shows. [SVC40] [SVC41] */
  answer(): ServicesAnswer {
    const { services, imports } = this;
    return {
      cluster: this.#host.clusterName,
      items: this.report(),
      unread: this.unread(),
      overBound: [...services.imports.overBound()],
      remotes: this.#remoteCauses(),
      notImported: services.imports.notImported().map(({ cluster, namespace, name, why }) => ({
        ...importCause({ cluster, namespace, name, why }),
        cluster,
        namespace,
        name,
      })),
      exports: [...(imports?.exports() ?? [])],
      unpublished: this.#unpublished(),
    };
  }

  #remoteCauses(): ServicesAnswer["remotes"] {
    const { remotes } = this.#host;
    return (this.#live.access.facts?.remotes ?? []).flatMap((remote) => {
      const { rcc } = remote;
      const cause = remoteCause({
        remote,
        isComplete: remotes.isComplete(rcc, "services"),
        isLost: remotes.lostMs(rcc) !== null,
      });
      return cause === null ? [] : [{ rcc, ...cause }];
    });
  }

  #unpublished(): ServicesAnswer["unpublished"] {
    const { own } = this.#host;
    return unpublished({
      facts: this.#live.access.facts,
      isAsked: this.#isAsked,
      records: own.records(),
      problems: own.status().problems,
      leaves: (record) => own.published.get(hashKey(keyOf(record))) !== undefined,
    });
  }

  /** Collections of Services that cannot be read, as for lack of a right, and why. [SVC3] */
  unread(): { readonly name: string; readonly reason: string }[] {
    const collections = this.#host.source.servicesHealth?.().collections ?? [];
    const reason = this.imports?.exportProblem() ?? null;
    return [
      ...collections.flatMap((one) =>
        one.state === "failing" ? [{ name: one.name, reason: one.reason }] : [],
      ),
      ...(reason === null ? [] : [{ name: "conditions of ServiceExports", reason }]),
    ];
  }

  /** Of `--services`; `null`: this relay writes nothing for Services. [SVC42] */
  writing(): WritingStatus | null {
    if (this.loop === null) return null;
    const { isWriter, holder, leaseProblem } = this.loop;
    const unread = this.unread().map(({ name, reason }) => `${name} cannot be read: ${reason}`);
    const lease = leaseProblem === "" ? [] : [`nobody writes EndpointSlices: ${leaseProblem}`];
    return { isWriter, holder, problems: [...lease, ...unread] };
  }

  get #clusterName(): string {
    return this.#host.clusterName ?? NO_NAME;
  }

  /** Of a remote that may be seen, until all of it came once; of this cluster, until listed. */
  #isIncomplete(cluster: string): boolean {
    const { own, remotes } = this.#host;
    if (cluster === this.#clusterName) return !own.areServicesListed;
    if ([...remotes.namesOf(true)].includes(cluster))
      return !remotes.isComplete(cluster, "services");
    const known = this.#live.access.facts;
    if (known === null) return !this.isReady;
    const remote = known.remotes.find(({ rcc }) => rcc === cluster);
    // A disk may have facts of before the cluster could be seen. [SVC24]
    if (!this.#live.access.isHeard) return true;
    // fault: revoked-services-stay
    if (remote?.state !== "granted" || !channelsOf(remote.scope).includes("services")) return false;
    // fault: told-in-part
    return !remotes.isComplete(cluster, "services");
  }

  *#withRecords(changes: readonly EncodedChange[]) {
    for (const change of changes) {
      if (change.op === "put") yield { op: "put" as const, record: change.record };
      else {
        const held = this.#host.own.local.byKey(change.key);
        if (held !== undefined) yield { op: "delete" as const, record: held.record };
      }
    }
  }
}
