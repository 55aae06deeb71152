/**
 * The Felix of the demo's cluster app, behind its relay and a Typha that tells nothing: all that it
 * has is of db.
 */
import { getStatus } from "../../shared/api/status.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { FelixProcess } from "./felix-process.ts";
import { LiveTypha } from "./live-typha.ts";
import { eventually } from "./mesh-rig.ts";
import type { MeshRig } from "./mesh-rig.ts";

/** Of Calico. */
const IN_SYNC = 2;

interface Value {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: { readonly labelsToApply?: Readonly<Record<string, string>> };
}

/** @param pod As `node-1/shop/postgres-0`. */
export function endpointKey(pod: string): string {
  const [node, namespace, name] = pod.split("/");
  return `/calico/v1/host/db_${node}/workload/k8s/${namespace}%2f${name}/endpoint/eth0`;
}

/** Of a namespace. */
export function profileKey(namespace: string): string {
  return `/calico/resources/v3/projectcalico.org/profiles/db_kns.${namespace}`;
}

export class DemoFelix {
  readonly #rig: MeshRig;
  readonly #typha: LiveTypha;
  readonly #felix: FelixProcess;

  private constructor(rig: MeshRig, typha: LiveTypha, felix: FelixProcess) {
    this.#rig = rig;
    this.#typha = typha;
    this.#felix = felix;
  }

  /**
   * With the hub, the demo's mesh and its relays.
   * @param appFlags Of app's relay besides.
   */
  static async start(rig: MeshRig, ...appFlags: readonly string[]): Promise<DemoFelix> {
    const typha = await LiveTypha.start();
    const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
    const { typhaPort } = await rig.startDemo(...splice, ...appFlags);
    const felix = new DemoFelix(rig, typha, new FelixProcess(() => [typhaPort ?? 0]));
    await felix.until(() => felix.#felix.isInSync);
    return felix;
  }

  async stop(): Promise<void> {
    this.#felix.stop();
    await this.#typha.down();
  }

  /** Key → value. */
  get kvs(): ReadonlyMap<string, string> {
    return this.#felix.kvs;
  }

  /** Of workloads and hosts, sorted. */
  get endpoints(): string[] {
    return [...this.kvs.keys()].filter((key) => key.startsWith("/calico/v1/host/")).toSorted();
  }

  /** Of an endpoint, or those that a profile gives, as sorted `key=value`. */
  labelsOf(key: string): string {
    const { labels, spec } = JSON.parse(this.kvs.get(key) ?? "{}") as Value;
    const pairs = Object.entries(labels ?? spec?.labelsToApply ?? {});
    return pairs
      .map(([label, value]) => `${label}=${value}`)
      .toSorted()
      .join();
  }

  /** Keys that it was told to delete since this was asked last, sorted; all over one connection. */
  takeDeleted(): string[] {
    if (this.#felix.syncs !== 1) throw new Error("the relay has lost its Felix");
    return this.#felix.deleted.splice(0).toSorted();
  }

  async until(holds: () => boolean): Promise<void> {
    await eventually(
      () => Promise.resolve([...this.kvs]),
      () => holds(),
    );
  }

  /** It has these endpoints and no others. */
  async untilEndpoints(keys: readonly string[]): Promise<void> {
    const wanted = String(keys.toSorted());
    await eventually(
      () => Promise.resolve(this.endpoints),
      (endpoints) => String(endpoints) === wanted,
    );
  }

  /**
   * app's view of db is proven to be what this scope shows, by the digest of what the hub has of
   * it.
   * @param scope In canonical form.
   * @param digest Where there is no scope; without one, what the relay says of itself is enough.
   * @returns The digest.
   */
  async untilInSync(scope: Scope | null, digest?: string): Promise<string> {
    const status = await eventually(
      () => this.#rig.call(getStatus, { params: { mesh: "demo" } }),
      ({ clusters, edges }) => {
        const scopes = clusters.flatMap((row) => row.scopes);
        const [edge, [shown]] = [edges[0], scopes];
        if (edge === undefined || scopes.length !== (scope === null ? 0 : 1)) return false;
        // Of the view as such: db's relay may be away. A hub of the version before says only that.
        if ((edge.reportedStatus ?? edge.connectionStatus) !== IN_SYNC) return false;
        if (shown === undefined) return digest === undefined || edge.digest === digest;
        const isSame = JSON.stringify(shown.scope) === JSON.stringify(scope);
        return isSame && shown.state === "ready" && shown.digest === edge.digest;
      },
    );
    return status.edges[0]?.digest ?? "";
  }
}
