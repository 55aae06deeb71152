/**
 * The writer of federated Services, with an API server in memory: Services filled from five other
 * clusters, from nothing until all slices are there, and then endpoints that change. What is
 * measured is what the writer adds to its own limit (20 writes a second after 30).
 */
import { SliceWriter } from "../../relay/services/slice-writer.ts";
import { Services } from "../../relay/services/services.ts";
import { WriteLoop } from "../../relay/services/write-loop.ts";
import type { ServiceEndpoint } from "../../shared/record/record.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { endpoint, service } from "../support/federated.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const CLUSTERS = 5;
const PER_CLUSTER = 10;
/** As many Services as there are, in so many namespaces. */
const NAMESPACES = 20;
const PER_SECOND = 20;
const BURST = 30;
const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";
const CHURN_SECONDS = 20;
const CHANGES_PER_SECOND = 50;
/** Services of one cluster that are rolled out at one time. */
const CHURNED = 20;
/** And so many that 20 writes a second are 5 s for their slices, whatever the writer does. */
const SPREAD = 100;
const REST_MS = 5_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Filled {
  readonly kube = new FakeKube();
  readonly services = new Services({
    now: () => performance.now(),
    clusterName: () => "app",
    lostMs: () => null,
    isIncomplete: () => false,
    areAllTold: () => true,
    derivedUid: () => null,
  });
  readonly loop = new WriteLoop({
    lease: {
      isHeld: true,
      holder: "bench",
      start: () => undefined,
      stop: () => Promise.resolve(),
    },
    log: { warn: () => undefined },
    now: () => performance.now(),
  });
  readonly writer: SliceWriter;
  readonly count: number;

  constructor(count: number) {
    this.count = count;
    this.writer = new SliceWriter({
      services: this.services,
      transport: this.kube,
      loop: this.loop,
      log: { warn: () => undefined },
      isReady: () => true,
      now: () => performance.now(),
      wallMs: () => Date.now(),
    });
    for (let n = 0; n < count; n++) this.#ask(n);
    for (let cluster = 0; cluster < CLUSTERS; cluster++) this.#fill(cluster);
  }

  namespace(n: number): string {
    return `ns-${n % NAMESPACES}`;
  }

  #ask(n: number): void {
    const [namespace, name] = [this.namespace(n), `all-${n}`];
    this.services.onFillable(`Service ${namespace}/${name}`, {
      apiVersion: "v1",
      kind: "Service",
      metadata: {
        name,
        namespace,
        uid: `uid-${n}`,
        annotations: { "federation.tigera.io/serviceSelector": `app == 'app-${n}'` },
      },
      spec: { ports: [{ name: "sql", port: 5432, protocol: "TCP" }] },
    });
  }

  #fill(cluster: number): void {
    const records = Array.from({ length: this.count }, (_, n) => [
      service(`app-${n}`, { app: `app-${n}` }, { namespace: this.namespace(n) }),
      ...Array.from({ length: PER_CLUSTER }, (__, i) => this.endpoint(cluster, n, i)),
    ]).flat();
    this.services.onRecords(
      `c${cluster}`,
      records.map((record) => ({ op: "put" as const, record })),
    );
  }

  endpoint(cluster: number, n: number, i: number, notReady = false): ServiceEndpoint {
    const ip = `10.${cluster}.${Math.floor(n / 20)}.${(n % 20) * 12 + i}`;
    return endpoint(`app-${n}`, ip, { namespace: this.namespace(n), notReady });
  }

  /** How long until there are so many slices, in ms. */
  async complete(): Promise<number> {
    const began = performance.now();
    this.writer.start();
    while (this.kube.all(SLICES).length < this.count * CLUSTERS) await sleep(20);
    return performance.now() - began;
  }

  /** Lags of changes of one cluster over the first Services, in ms. */
  async churn(over: number, cluster: number): Promise<readonly number[]> {
    const waiting = new Map<string, { readonly isReady: boolean; readonly atMs: number }>();
    const lags: number[] = [];
    this.kube.onStored = (collection, object) => {
      if (collection !== SLICES || !Array.isArray(object["endpoints"])) return;
      for (const one of object["endpoints"] as readonly {
        readonly addresses: readonly string[];
        readonly conditions: { readonly ready: boolean };
      }[]) {
        const [ip = ""] = one.addresses;
        const wait = waiting.get(ip);
        if (wait?.isReady !== one.conditions.ready) continue;
        waiting.delete(ip);
        lags.push(performance.now() - wait.atMs);
      }
    };
    const began = performance.now();
    for (let k = 0; k < CHURN_SECONDS * CHANGES_PER_SECOND; k++) {
      const [n, i] = [k % over, Math.floor(k / over) % PER_CLUSTER];
      const isReady = Math.floor(k / (over * PER_CLUSTER)) % 2 === 1;
      const record = this.endpoint(cluster, n, i, !isReady);
      const before = waiting.get(record.ip);
      waiting.set(record.ip, { isReady, atMs: before?.atMs ?? performance.now() });
      this.services.onRecords(`c${cluster}`, [{ op: "put", record }]);
      await sleep(Math.max(0, began + (k * 1_000) / CHANGES_PER_SECOND - performance.now()));
    }
    while (waiting.size > 0) await sleep(50);
    return lags;
  }
}

export async function* benchServicesFill(count = 1_000): AsyncGenerator<Figure> {
  const filled = new Filled(count);
  const took = await filled.complete();
  const own = ((count * CLUSTERS - BURST) / PER_SECOND) * 1_000;
  const all = `${count.toLocaleString("en-US")} Services of ${CLUSTERS * PER_CLUSTER} endpoints from ${CLUSTERS} clusters`;
  const over = (took - own) / 1_000;
  yield figure(`${all}, first complete: over the limit's own time`, over, "s", 5);
  const cpu = process.cpuUsage();
  const lags = await filled.churn(CHURNED, 0);
  const used = process.cpuUsage(cpu);
  const churn = (services: number): string =>
    `${CHANGES_PER_SECOND} endpoint changes/s in the slices of ${services} Services`;
  yield figure(`${churn(CHURNED)}: p50 until written`, quantile(lags, 0.5), "ms", null);
  yield figure(`${churn(CHURNED)}: p99 until written`, quantile(lags, 0.99), "ms", 3_000);
  const share = (used.user + used.system) / CHURN_SECONDS / 10_000;
  yield figure(`${churn(CHURNED)}: of a core`, share, "%", null);
  const spread = await filled.churn(SPREAD, 1);
  yield figure(`${churn(SPREAD)}: p99 until written`, quantile(spread, 0.99), "ms", null);
  const before = filled.writer.writes;
  await sleep(REST_MS);
  const writes = filled.writer.writes - before;
  const rest = `in ${REST_MS / 1_000} s`;
  yield figure(`writes of slices while nothing changes, ${rest}`, writes, "writes", 0);
  await filled.loop.stop();
  filled.writer.stop();
}
