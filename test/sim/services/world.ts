/**
 * A run of services: clusters whose Services change, a hub's admission between them, and writers
 * that come, go and end between two requests. What each step does to the slices is judged at once.
 */
import { admissionFacts, judge } from "../../../shared/admission/judge.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord, Service, ServiceEndpoint } from "../../../shared/record/record.ts";
import { endpoint, fillable, service } from "../../support/federated.ts";
import type { Rng } from "../random.ts";
import { BY_EXPORT, Desk, KEYS, SimSlices } from "./desk.ts";
import { BY_SELECTOR, NAMESPACE, nothingTold, wantedByExport, wantedBySelector } from "./model.ts";
import type { Told } from "./model.ts";

export interface ServicesFailure {
  readonly validator: "NoForeignEndpoint" | "NoEmptyWindow" | "NoGhosts";
  readonly message: string;
}

const REMOTES = ["b", "c"];
export const CLUSTERS = ["app", ...REMOTES];
const SERVICES = ["pg", "web"];

/** The third number of an address is its cluster's. */
export function numberOf(cluster: string): number {
  return CLUSTERS.indexOf(cluster) + 1;
}

export class ServicesWorld {
  readonly slices = new SimSlices();
  failure: ServicesFailure | null = null;
  /** What each cluster has now. */
  readonly #has = new Map(CLUSTERS.map((cluster) => [cluster, nothingTold()]));
  /** What of it the writer was told. */
  #told = new Map(CLUSTERS.map((cluster) => [cluster, nothingTold()]));
  readonly #granted = new Set(REMOTES);
  /** Changes that are under way, by cluster, in order. */
  #underWay = new Map<string, (() => void)[]>();
  #desk: Desk;
  #isAsking = true;

  constructor() {
    this.#desk = new Desk(this.slices);
    this.#begin();
  }

  /** Another relay has the Lease: it knows nothing yet but what its own cluster has. */
  restart(): void {
    this.#desk = new Desk(this.slices);
    this.#told = new Map(CLUSTERS.map((cluster) => [cluster, nothingTold()]));
    this.#underWay = new Map();
    this.#begin();
    for (const [cluster, has] of this.#has) {
      if (cluster !== "app" && !this.#granted.has(cluster)) continue;
      this.#desk.incomplete.add(cluster);
      for (const records of [has.services, has.endpoints, has.exports])
        for (const record of records.values()) this.#send(cluster, "put", record);
      this.#push(cluster, () => this.#desk.incomplete.delete(cluster));
    }
  }

  #begin(): void {
    const namespace = { kind: "Profile", name: `kns.${NAMESPACE}`, labels: {} } as const;
    this.#desk.tell("app", "put", namespace);
    this.ask(this.#isAsking);
  }

  /** Whether `shop/db` has its annotation. */
  ask(isAsking: boolean): void {
    this.#isAsking = isAsking;
    const object = isAsking ? fillable("app == 'db'") : null;
    this.#desk.services.onFillable("Service shop/db", object);
  }

  put(cluster: string, record: CalicoRecord): void {
    this.#change(cluster, "put", record);
  }

  /** One of the cluster's Services, otherwise than before. */
  putService(cluster: string, rng: Rng): void {
    const name = rng.pick(SERVICES);
    const labels = { app: rng.chance(0.8) ? "db" : "web" };
    const port = rng.chance(0.8) ? 5432 : 5433;
    const ports = [{ name: "sql", protocol: "tcp", port } as const];
    this.put(cluster, service(name, labels, { ports, federated: rng.chance(0.1) }));
  }

  /** @param of Whose address it is. */
  putEndpoint(cluster: string, of: string, rng: Rng): void {
    const ip = `10.${numberOf(of)}.0.${1 + rng.below(120)}`;
    const port = rng.chance(0.7) ? 5432 : 6432;
    const ports = [{ name: rng.chance(0.9) ? "sql" : "web", protocol: "tcp", port } as const];
    const notReady = rng.chance(0.3);
    this.put(cluster, endpoint(rng.pick(SERVICES), ip, { ports, notReady, notServing: notReady }));
  }

  deleteSome(cluster: string, rng: Rng): void {
    const { services, endpoints, exports } = this.#of(cluster);
    const from = rng.chance(0.8) ? endpoints : rng.pick([services, exports]);
    const records: CalicoRecord[] = [...from.values()];
    if (records.length > 0) this.#change(cluster, "delete", rng.pick(records));
  }

  export(cluster: string, rng: Rng): void {
    const createdMs = 1_000 * (1 + rng.below(3));
    this.put(cluster, {
      kind: "ServiceExport",
      namespace: NAMESPACE,
      name: "pg",
      createdMs,
      labels: {},
      annotations: {},
    });
  }

  /** What the cluster's records are is told at once where it may not be seen any more. */
  grant(cluster: string, isGranted: boolean): void {
    if (cluster === "app" || this.#granted.has(cluster) === isGranted) return;
    if (isGranted) {
      this.#granted.add(cluster);
      this.#desk.incomplete.add(cluster);
      const { services, endpoints, exports } = this.#of(cluster);
      for (const records of [services, endpoints, exports])
        for (const record of records.values()) this.#send(cluster, "put", record);
      this.#push(cluster, () => this.#desk.incomplete.delete(cluster));
      return;
    }
    this.#granted.delete(cluster);
    this.#underWay.delete(cluster);
    this.#desk.incomplete.delete(cluster);
    const told = this.#told.get(cluster) ?? nothingTold();
    this.#told.set(cluster, nothingTold());
    for (const records of [told.services, told.endpoints, told.exports])
      for (const record of records.values()) this.#desk.tell(cluster, "delete", record);
  }

  /** The writer's watch of its own slices catches up. */
  look(): void {
    this.#desk.look();
  }

  /** So many changes arrive. */
  deliver(count: number, rng: Rng): void {
    for (let n = 0; n < count; n++) {
      const waiting = [...this.#underWay].filter(([, changes]) => changes.length > 0);
      if (waiting.length === 0) return;
      rng.pick(waiting)[1].shift()?.();
    }
  }

  /** So many requests of the writer. */
  write(count: number, rng: Rng): void {
    for (let n = 0; n < count && this.failure === null; n++) {
      const key = rng.pick(KEYS);
      const before = this.slices.of(key);
      if (this.#desk.step(key)) this.#judgeStep(key, before);
    }
  }

  /** Everything arrives, and is written until nothing is left to do. */
  heal(rng: Rng): void {
    this.deliver(Number.POSITIVE_INFINITY, rng);
    this.look();
    for (const key of KEYS) {
      for (let n = 0; n < 500 && this.failure === null; n++) {
        const before = this.slices.of(key);
        if (!this.#desk.step(key)) break;
        this.#judgeStep(key, before);
      }
      if (this.#desk.step(key)) this.#fail("NoGhosts", `${key} is written without end`);
      this.#judgeQuiet(key);
    }
  }

  #of(cluster: string): Told {
    return this.#has.get(cluster) ?? nothingTold();
  }

  #change(cluster: string, op: "put" | "delete", record: CalicoRecord): void {
    keep(this.#of(cluster), op, record);
    if (cluster === "app" || this.#granted.has(cluster)) this.#send(cluster, op, record);
  }

  /** Past the hub: what is not the cluster's own does not come. */
  #send(cluster: string, op: "put" | "delete", record: CalicoRecord): void {
    const ranges = { pods: [`10.${numberOf(cluster)}.0.0/16`], nodes: [] };
    const verdict = op === "put" ? judge(record, admissionFacts(ranges, [])) : null;
    if (cluster !== "app" && verdict?.admitted === false) return;
    this.#push(cluster, () => {
      const told = this.#told.get(cluster) ?? nothingTold();
      const known = keep(told, op, record);
      if (op === "put" || known) this.#desk.tell(cluster, op, record);
    });
  }

  #push(cluster: string, arrive: () => void): void {
    const waiting = this.#underWay.get(cluster) ?? [];
    waiting.push(arrive);
    this.#underWay.set(cluster, waiting);
  }

  /** What the Service is to have, by all that the writer was told. */
  #wanted(key: string): ReadonlyMap<string, boolean> {
    if (key === BY_EXPORT) return wantedByExport(this.#told);
    return this.#isAsking ? wantedBySelector(this.#told) : new Map();
  }

  #judgeStep(key: string, before: ReturnType<SimSlices["of"]>): void {
    const now = this.slices.of(key);
    const wanted = this.#wanted(key);
    for (const id of before.keys()) {
      const [cluster = ""] = id.split(" ");
      const isKept = this.#desk.incomplete.has(cluster) && (key !== BY_SELECTOR || this.#isAsking);
      if (now.has(id) || !(wanted.has(id) || isKept)) continue;
      this.#fail("NoEmptyWindow", `${key} lacks ${id}, which is wanted before and after`);
    }
    for (const id of now.keys()) {
      const [cluster = "", ip = ""] = id.split(" ");
      const isForeign = cluster !== "app" && !ip.startsWith(`10.${numberOf(cluster)}.`);
      if (isForeign) this.#fail("NoForeignEndpoint", `${key} has ${ip} of ${cluster}`);
    }
  }

  #judgeQuiet(key: string): void {
    const [now, wanted] = [this.slices.of(key), this.#wanted(key)];
    for (const [id, { isReady, times }] of now) {
      if (!wanted.has(id)) this.#fail("NoGhosts", `${key} still has ${id}`);
      else if (wanted.get(id) !== isReady)
        this.#fail("NoGhosts", `${key} has ${id} ${isReady ? "" : "not "}ready`);
      if (times > 2) this.#fail("NoGhosts", `${key} has ${id} ${times} times`);
    }
    for (const id of wanted.keys()) if (!now.has(id)) this.#fail("NoGhosts", `${key} lacks ${id}`);
    for (const { name, addresses } of this.slices.slicesOf(key))
      if (addresses.length === 0 || addresses.length > 100)
        this.#fail("NoGhosts", `slice ${name} has ${addresses.length} endpoints`);
  }

  #fail(validator: ServicesFailure["validator"], message: string): void {
    this.failure ??= { validator, message };
  }
}

/** @returns Whether it was there. */
function keep(told: Told, op: "put" | "delete", record: CalicoRecord): boolean {
  const put = <R>(map: Map<string, R>, id: string, value: R): boolean => {
    const was = map.has(id);
    if (op === "put") map.set(id, value);
    else map.delete(id);
    return was;
  };
  if (record.kind === "Service") return put<Service>(told.services, record.name, record);
  if (record.kind === "ServiceExport") return put(told.exports, record.name, record);
  if (record.kind === "ServiceEndpoint")
    return put<ServiceEndpoint>(told.endpoints, keyOf(record), record);
  throw new Error(`BUG: a run of services has no ${record.kind}`);
}
