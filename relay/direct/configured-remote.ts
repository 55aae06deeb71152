/**
 * A direct remote and what says how it is reached: its document, the files that this names, its
 * Secret. All of it is looked at every second; a change opens the datastore anew, and what cannot
 * be read leaves the connection that works. [DIR3] [DIR6]
 */
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { ServerIdentity } from "../kube/server-identity.ts";
import type { RemoteReading, Source } from "../source/source.ts";
import type { BadDocument, DirectRcc } from "./documents.ts";
import {
  admittedCondition,
  completeCondition,
  ConditionTimes,
  configuredCondition,
  connectedCondition,
  inWords,
  overlayCondition,
} from "./direct-report.ts";
import type { Configured, DirectReport } from "./direct-report.ts";
import { DirectRemote } from "./direct-remote.ts";
import type { DirectRemoteOptions } from "./direct-remote.ts";
import { unneededKinds } from "./record-kinds.ts";
import { readSecretFields } from "./secret-fields.ts";
import type { SecretReader } from "./secret-reader.ts";
import type { ServerReader } from "./server-reader.ts";
import { readTarget } from "./target.ts";
import type { Target, TargetReading } from "./target.ts";
import { withServices } from "./with-services.ts";

const LOOK_MS = 1_000;

export type SecretName = { readonly namespace: string; readonly name: string };

export interface ConfiguredRemoteOptions extends DirectRemoteOptions {
  readonly ports: RelayPorts;
  readonly mayBeInsecure: boolean;
  openTarget(target: Target, remote: RemoteReading): Source;
  secretReader(name: SecretName, onChange: () => void): SecretReader;
  /** `null`: it cannot be this cluster's own. */
  serverReader(
    target: Target,
    onRead: (server: ServerIdentity | null) => void,
  ): ServerReader | null;
}

export class ConfiguredRemote {
  readonly remote: DirectRemote;
  readonly #options: ConfiguredRemoteOptions;
  readonly #times: ConditionTimes;
  #document: DirectRcc | BadDocument;
  #secret: { readonly of: string; readonly reader: SecretReader } | null = null;
  #server: ServerReader | null = null;
  #configured: Configured = { kind: "reading" };
  #datastore: Target["kind"] | null = null;
  #print = "";
  #looks = 0;
  #cancelLook: () => void = () => undefined;
  #isStopped = false;

  constructor(document: DirectRcc | BadDocument, options: ConfiguredRemoteOptions) {
    this.#options = options;
    this.#document = document;
    this.#times = new ConditionTimes(() => options.ports.wallMs?.() ?? Date.now());
    this.remote = new DirectRemote(options);
  }

  start(): void {
    this.#followSecret();
    this.#lookNow();
  }

  update(document: DirectRcc | BadDocument): void {
    const isSame = JSON.stringify(document) === JSON.stringify(this.#document);
    this.#document = document;
    if (isSame) return;
    this.#followSecret();
    this.#lookNow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelLook();
    this.#secret?.reader.stop();
    this.#server?.stop();
    await this.remote.stop();
  }

  report(): DirectReport {
    const { claimed, refused } = this.remote.admission;
    const source = this.remote.own?.status() ?? null;
    const { sameBy } = this.remote;
    const configured: Configured =
      sameBy === null ? this.#configured : { kind: "self", by: sameBy };
    const { health } = this.remote;
    return {
      rcc: this.#options.rcc,
      where: this.#document.where,
      datastore: this.#datastore,
      conditions: this.#times.stamp([
        configuredCondition(configured),
        connectedCondition(health),
        completeCondition(health),
        admittedCondition(refused.size, claimed.refused),
        ...overlayCondition(this.#mode),
      ]),
      ranges: claimed.ranges,
      refusedClaims: claimed.refused,
      notAdmitted: refused.size,
      held: sumOf(this.remote.own?.withdrawals.held() ?? []),
      source,
    };
  }

  #followSecret(): void {
    const reference = "spec" in this.#document ? this.#document.spec.clusterAccessSecret : null;
    const of = reference == null ? "" : `${reference.namespace}/${reference.name}`;
    if (this.#secret?.of === of) return;
    this.#secret?.reader.stop();
    this.#secret = null;
    if (reference == null) return;
    const { namespace, name } = reference;
    const reader = this.#options.secretReader({ namespace, name }, () => this.#lookNow());
    this.#secret = { of, reader };
    reader.start();
  }

  #lookNow(): void {
    this.#cancelLook();
    const look = ++this.#looks;
    void this.#read().then((reading) => {
      // A later look has newer words.
      if (this.#isStopped || look !== this.#looks) return;
      if (reading !== null) this.#take(reading);
      this.#cancelLook = this.#options.ports.after(LOOK_MS, () => this.#lookNow());
    });
  }

  /** `null`: not read yet. */
  async #read(): Promise<TargetReading | null> {
    const document = this.#document;
    if (!("spec" in document)) return { ok: false, problems: document.problems };
    const fields = this.#fields(document.spec);
    if (fields === null || !fields.ok) return fields;
    const reading = await readTarget(fields.spec, this.#options.mayBeInsecure);
    return this.#secret === null ? reading : inSecret(reading, this.#secret.of);
  }

  #fields(spec: RccSpec) {
    if (this.#secret === null) return { ok: true, spec } as const;
    const { of, reader } = this.#secret;
    const { reading } = reader;
    switch (reading.kind) {
      case "unread":
        return null;
      case "failing":
        return wrongSecret(of, reading.message);
      case "absent":
        return readSecretFields(null, of);
      case "read":
        return readSecretFields(reading.secret, of);
    }
  }

  #take(reading: TargetReading): void {
    const { log, rcc } = this.#options;
    const before = this.#configured;
    if (reading.ok) {
      this.#configured = { kind: "valid" };
      this.#open(reading.target, reading.print);
    } else {
      const kind = this.remote.own === null ? "incomplete" : "kept";
      this.#configured = { kind, problems: reading.problems };
      if (before.kind !== kind || inWords(before) !== inWords(reading))
        log.warn({ rcc, kind }, `the RCC cannot be followed as it is: ${inWords(reading)}`);
    }
    this.remote.setRefused(this.#configured.kind === "incomplete");
  }

  #open(target: Target, print: string): void {
    const services = "spec" in this.#document && this.#document.services;
    const without = unneededKinds(this.#mode, services);
    const of = [print, ...without].join(" ");
    if (of === this.#print) return;
    const isFirst = this.#print === "";
    this.#print = of;
    this.#datastore = target.kind;
    const { log, rcc } = this.#options;
    const what = isFirst ? "its datastore is read" : "its connection has changed: it is read anew";
    log.info({ rcc, datastore: target.kind }, what);
    this.#server?.stop();
    this.remote.setServer(null);
    this.#server = this.#options.serverReader(target, (server) => this.remote.setServer(server));
    this.#server?.start();
    const source = this.#options.openTarget(target, { without });
    this.remote.open(services ? withServices(source) : source, without);
  }

  get #mode(): "Enabled" | "Disabled" {
    return "spec" in this.#document ? this.#document.overlayRoutingMode : "Disabled";
  }
}

function sumOf(held: readonly { readonly keys: number }[]): number {
  return held.reduce((sum, { keys }) => sum + keys, 0);
}

function wrongSecret(of: string, message: string) {
  const problems: readonly FieldProblem[] = [
    { field: "spec.clusterAccessSecret", rule: `Secret ${of}: ${message}` },
  ];
  return { ok: false, problems } as const;
}

/** Fields of a Secret are its keys. */
function inSecret(reading: TargetReading, of: string): TargetReading {
  if (reading.ok) return reading;
  const problems = reading.problems.map(({ field, rule }) => ({
    field: `Secret ${of}.${field.replace(/^spec\./, "").replace(/File$/, "")}`,
    rule,
  }));
  return { ok: false, problems };
}
