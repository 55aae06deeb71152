/**
 * All remotes that this relay reads itself, by RCCs of a folder or of the cluster. What is wrong
 * with one costs no other; one that was taken away is withdrawn with all that is kept of it. [DIR1]
 * [DIR5]
 */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { NAME_PATTERN } from "../../shared/lib/names.ts";
import { directUid } from "../../shared/visibility/direct-origin.ts";
import type { Remote } from "../../shared/visibility/facts.ts";
import { SCOPE_KINDS } from "../../shared/visibility/scope.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { ServerIdentity } from "../kube/server-identity.ts";
import { KubeTransport } from "../kube/transport.ts";
import type { Logger } from "../lib/log.ts";
import { openSource } from "../source/open-source.ts";
import type { RemoteReading, Source } from "../source/source.ts";
import { DIRECT_MESH } from "../view/feed.ts";
import type { DirectFeeds, Feed, FeedHandlers } from "../view/feed.ts";
import type { RemoteView } from "../view/remote-view.ts";
import { ConfiguredRemote } from "./configured-remote.ts";
import type { SecretName } from "./configured-remote.ts";
import { inWords } from "./direct-report.ts";
import type { DirectReport } from "./direct-report.ts";
import type { BadDocument, DirectRcc, FolderDocuments } from "./documents.ts";
import { mergeDocuments } from "./documents.ts";
import type { LocalSide } from "./local-side.ts";
import type { OpenRccSource, RccSource } from "./rcc-source.ts";
import { SecretReader } from "./secret-reader.ts";
import { ServerReader } from "./server-reader.ts";
import type { Target } from "./target.ts";
import type { TellerReport } from "../webhooks/teller.ts";

export interface DirectRemotesOptions {
  /** Of two RCCs with one name that of the first counts. */
  readonly sources: readonly OpenRccSource[];
  readonly stateDir: string;
  /** Of the local API server, for Secrets. Absent: as kubectl finds it. */
  readonly kubeconfig: string | undefined;
  /** That API server is this cluster's own for certain, not only the one that kubectl finds. */
  readonly isServerLocal: boolean;
  readonly mayBeInsecure: boolean;
  readonly withdrawalHoldMs: number;
  readonly ports: RelayPorts;
  readonly log: Logger;
  readonly local: LocalSide;
  /** RCCs of the mesh have their names. */
  isTaken(name: string): boolean;
  follow(remotes: readonly Remote[]): void;
}

/** What a relay says of its direct RCCs. */
export interface DirectStatus {
  /** Why the folder, or the custom resources, cannot be read; `null` when all can. */
  readonly problem: string | null;
  readonly remotes: readonly DirectReport[];
  /** Documents that name no remote. */
  readonly refused: readonly { readonly where: string; readonly message: string }[];
  /** Of `--webhooks`; `null` without it. [DIR19] */
  readonly told: TellerReport | null;
}

type Document = DirectRcc | BadDocument;

const TIMES = { requestIdleMs: 30_000, watchIdleMs: 600_000 } as const;

export class DirectRemotes implements DirectFeeds {
  /** Who tells webhooks of them, if anybody. */
  teller: { start(): void; stop(): Promise<void>; report(): TellerReport } | null = null;
  readonly #options: DirectRemotesOptions;
  readonly #sources: readonly RccSource[];
  /** Of each source; `null`: it was not read yet. */
  readonly #read: (FolderDocuments | null)[];
  readonly #problems: (string | null)[];
  readonly #remotes = new Map<string, ConfiguredRemote>();
  readonly #local: ServerReader | null;
  #serverProblem: string | null = null;
  #isFollowed = false;
  #refused: readonly BadDocument[] = [];
  #transport: KubeTransport | null = null;

  constructor(options: DirectRemotesOptions) {
    this.#options = options;
    this.#read = options.sources.map(() => null);
    this.#problems = options.sources.map(() => null);
    this.#local = options.isServerLocal
      ? new ServerReader(this.#api, options.ports, () => this.#onLocalServer())
      : null;
    this.#sources = options.sources.map((open, at) =>
      open({
        onDocuments: (documents) => this.#onDocuments(at, documents),
        onProblem: (problem) => this.#onProblem(at, problem),
      }),
    );
  }

  /** All that name remotes have been read once. */
  get #isRead(): boolean {
    return !this.#read.includes(null);
  }

  /** The same, and their remotes are there. */
  get isFollowed(): boolean {
    return this.#isFollowed;
  }

  start(): void {
    for (const source of this.#sources) source.start();
    this.teller?.start();
  }

  async stop(): Promise<void> {
    await this.teller?.stop();
    this.#local?.stop();
    await Promise.all(this.#sources.map((source) => source.stop()));
    await Promise.all([...this.#remotes.values()].map((remote) => remote.stop()));
  }

  feedOf(rcc: string, view: RemoteView, handlers: FeedHandlers): Feed {
    const configured = this.#remotes.get(rcc);
    if (configured === undefined) throw new Error(`BUG: there is no direct remote ${rcc}`);
    return configured.remote.feedOf(view, handlers);
  }

  /** Of this cluster; `null`: not known. */
  get localServer(): ServerIdentity | null {
    return this.#local?.identity ?? null;
  }

  #onLocalServer(): void {
    const problem = this.#local?.problem ?? null;
    if (problem !== null && problem !== this.#serverProblem) this.#options.log.warn(problem);
    this.#serverProblem = problem;
    this.onLocal();
  }

  /** Addresses or identity of the local cluster have changed. */
  onLocal(): void {
    for (const { remote } of this.#remotes.values()) remote.onLocal();
  }

  /** The mesh has other RCCs now. */
  onMesh(): void {
    if (this.#isRead) this.#apply();
  }

  /** Ranges that direct remotes have, but one. */
  *claimed(but: string): Generator<{ readonly whose: string; readonly cidrs: string[] }> {
    for (const [rcc, { remote }] of this.#remotes) {
      const { pods, nodes } = remote.admission.claimed.ranges;
      if (rcc !== but) yield { whose: `remote ${rcc}`, cidrs: [...pods, ...nodes] };
    }
  }

  status(): DirectStatus {
    return {
      problem:
        [...this.#problems, this.#serverProblem].filter((one) => one !== null).join("; ") || null,
      remotes: [...this.#remotes.values()].map((remote) => remote.report()),
      refused: this.#refused.map((bad) => ({ where: bad.where, message: inWords(bad) })),
      told: this.teller?.report() ?? null,
    };
  }

  #onDocuments(at: number, documents: FolderDocuments): void {
    this.#read[at] = documents;
    // What one of them has is not known to be gone before it was read.
    if (this.#isRead) this.#apply();
  }

  #onProblem(at: number, problem: string | null): void {
    this.#problems[at] = problem;
    if (problem !== null) this.#options.log.warn(`${problem}; what it held before stays`);
  }

  #apply(): void {
    const { log } = this.#options;
    const { rccs, bad } = together(this.#read);
    const wanted = new Map<string, Document>();
    const refused: BadDocument[] = [];
    for (const document of [...rccs.values(), ...bad]) {
      const { name, where } = document;
      if (this.#options.isTaken(name)) {
        const rule = `${name} is an RCC of the mesh: a remote is reached one way at a time`;
        refused.push({ name, where, problems: [{ field: "metadata.name", rule }] });
      } else if (NAME_PATTERN.test(name) && !wanted.has(name)) wanted.set(name, document);
      else if ("problems" in document) refused.push(document);
    }
    const told = new Set(this.#refused.map(inWords));
    for (const one of refused)
      if (!told.has(inWords(one))) log.warn({ where: one.where }, `refused: ${inWords(one)}`);
    this.#refused = refused;
    const gone = [...this.#remotes].filter(([name]) => !wanted.has(name));
    for (const [name] of gone) this.#remotes.delete(name);
    const fresh: ConfiguredRemote[] = [];
    for (const [name, document] of wanted) {
      const known = this.#remotes.get(name);
      if (known === undefined) fresh.push(this.#open(name, document));
    }
    this.#options.follow([...wanted].map(([name, document]) => remoteOf(name, document)));
    this.#isFollowed = true;
    for (const [name, document] of wanted) this.#remotes.get(name)?.update(document);
    for (const remote of fresh) remote.start();
    for (const [name, remote] of gone) void this.#forget(name, remote);
  }

  #open(name: string, document: Document): ConfiguredRemote {
    const { ports, log, local, mayBeInsecure, withdrawalHoldMs } = this.#options;
    const remote = new ConfiguredRemote(document, {
      rcc: name,
      folder: this.#folderOf(name),
      withdrawalHoldMs,
      ports,
      log,
      local,
      mayBeInsecure,
      openTarget,
      secretReader: (secret, onChange) => this.#secretReader(secret, onChange),
      serverReader: (target, onRead) => this.#serverReader(target, onRead),
    });
    this.#remotes.set(name, remote);
    return remote;
  }

  async #forget(name: string, remote: ConfiguredRemote): Promise<void> {
    await remote.stop();
    if (!this.#remotes.has(name)) rmSync(this.#folderOf(name), { recursive: true, force: true });
  }

  #folderOf(name: string): string {
    return join(this.#options.stateDir, DIRECT_MESH, "remotes", name);
  }

  #secretReader(secret: SecretName, onChange: () => void): SecretReader {
    return new SecretReader(secret, this.#api, this.#options.ports, onChange);
  }

  #serverReader(
    target: Target,
    onRead: (server: ServerIdentity | null) => void,
  ): ServerReader | null {
    if (target.kind === "etcd" || this.#local === null) return null;
    this.#local.start();
    const { access } = target;
    const transport = new KubeTransport({ access: () => Promise.resolve(access), ...TIMES });
    return new ServerReader(transport, this.#options.ports, onRead);
  }

  /** The local API server. */
  get #api(): KubeTransport {
    const { kubeconfig } = this.#options;
    const api = kubeconfig === undefined ? {} : { kubeconfig };
    this.#transport ??= new KubeTransport({ ...api, ...TIMES });
    return this.#transport;
  }
}

function openTarget(target: Target, remote: RemoteReading): Source {
  switch (target.kind) {
    case "kubernetes":
      return openSource({
        kind: "kubernetes",
        access: () => Promise.resolve(target.access),
        remote,
      });
    case "etcd":
      return openSource({ kind: "etcd", access: () => Promise.resolve(target.access), remote });
  }
}

function together(read: readonly (FolderDocuments | null)[]): FolderDocuments {
  return mergeDocuments(
    new Map(
      read.map((one, at) => [
        String(at),
        { rccs: [...(one?.rccs.values() ?? [])], bad: one?.bad ?? [] },
      ]),
    ),
  );
}

function remoteOf(rcc: string, document: Document): Remote {
  const mode = "spec" in document ? document.overlayRoutingMode : "Disabled";
  const labels = "spec" in document ? document.labels : "original";
  // All of it: Services are shown only where they are named. [SVC1]
  const scope = "spec" in document && document.services ? { kinds: SCOPE_KINDS } : null;
  return {
    rcc,
    origin: { uid: directUid(rcc), name: rcc },
    state: "granted",
    overlayRoutingMode: mode,
    labels,
    ...(scope === null ? {} : { scope }),
  };
}
