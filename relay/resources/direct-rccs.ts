/**
 * RCCs with connection fields among the cluster's custom resources. Each relay follows them itself,
 * as it would follow files; the writer writes how they stand. [DIR17]
 */
import type { DirectRcc, FolderDocuments } from "../direct/documents.ts";
import type { RccHandlers, RccSource } from "../direct/rcc-source.ts";
import { asksServices, labelModeOf } from "../../shared/visibility/rcc.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import type { Transport } from "../kube/transport.ts";
import { ReflectorRun } from "../source/kubernetes/reflector-run.ts";
import { Collection } from "./collection.ts";
import { readDefinition } from "./kube-api.ts";
import type { KubeApi } from "./kube-api.ts";
import type { Definition } from "./plan.ts";
import { isDirect, PLURALS } from "./resource.ts";
import type { Resource } from "./resource.ts";

/** Between looks while the CRD or its objects cannot be read. */
const RETRY_MS = 3_000;

export interface DirectRccsOptions {
  transport(): Transport & KubeApi;
  /** Answers how to cancel. */
  after(ms: number, run: () => void): () => void;
}

export interface HeldRcc {
  readonly document: DirectRcc;
  /** UIDs of the object, and of the CRD that it is under. */
  readonly uid: string;
  readonly under: string;
}

export type HeldRccs = ReadonlyMap<string, HeldRcc>;

interface Following {
  /** Of the CRD. */
  readonly uid: string;
  readonly collection: Collection;
  readonly run: ReflectorRun;
}

export class DirectRccs implements RccSource {
  readonly #options: DirectRccsOptions;
  readonly #handlers: RccHandlers;
  readonly #stopping = new AbortController();
  #transport: (Transport & KubeApi) | null = null;
  #following: Following | null = null;
  #definition: Definition = { kind: "unknown" };
  #held: HeldRccs = new Map();
  #told: string | null = null;
  #definitionProblem: string | null = null;
  #problem: string | null = null;
  #turn: Promise<void> | null = null;
  #isAgain = false;
  #cancel: () => void = () => undefined;

  constructor(options: DirectRccsOptions, handlers: RccHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  start(): void {
    this.#transport = this.#options.transport();
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancel();
    this.#following?.run.stop();
    await this.#turn;
  }

  #look(): void {
    this.#cancel();
    if (this.#turn !== null) this.#isAgain = true;
    if (this.#turn !== null || this.#stopping.signal.aborted) return;
    this.#turn = this.#take().finally(() => {
      this.#turn = null;
      const isAgain = this.#isAgain;
      this.#isAgain = false;
      if (isAgain) this.#look();
    });
  }

  async #take(): Promise<void> {
    const transport = this.#transport;
    if (transport === null) return;
    const seen = this.#following?.collection.resources ?? [];
    // What a deletion means, and what a new object is under, the CRD says as it is now.
    if (this.#definition.kind !== "served" || isNews(this.#held, seen)) {
      const { definition, problem } = await readDefinition(transport, "rcc", this.#stopping.signal);
      if (this.#stopping.signal.aborted) return;
      this.#definition = definition;
      if (definition.kind === "served") this.#follow(transport, definition.uid);
      this.#definitionProblem = problem;
    }
    const definition = this.#definition;
    const resources = this.#following?.collection.resources ?? null;
    const failure = this.#following?.run.state.failure ?? "";
    const failing = failure === "" ? null : `${PLURALS.rcc} cannot be followed: ${failure}`;
    this.#tellProblem(this.#definitionProblem ?? failing);
    if (definition.kind === "served" && resources !== null)
      this.#held = nextHeld(this.#held, resources, definition.uid);
    // Without a CRD there are none, which is known, too.
    if (resources !== null || definition.kind === "absent") this.#tell();
    if (definition.kind !== "served" || resources === null || failure !== "")
      this.#cancel = this.#options.after(RETRY_MS, () => this.#look());
  }

  /** Another CRD of the same name is another collection. */
  #follow(transport: Transport, uid: string): void {
    if (this.#following?.uid === uid) return;
    this.#following?.run.stop();
    const collection = new Collection("rcc", () => this.#look());
    const run = new ReflectorRun({ owner: collection, transport, random: Math.random });
    this.#following = { uid, collection, run };
  }

  #tell(): void {
    const rccs = new Map([...this.#held].map(([name, { document }]) => [name, document]));
    const text = JSON.stringify([...rccs]);
    if (text === this.#told) return;
    this.#told = text;
    const documents: FolderDocuments = { rccs, bad: [] };
    this.#handlers.onDocuments(documents);
  }

  #tellProblem(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#handlers.onProblem(problem);
  }
}

/** One that was held is not there, or one is there that was not. */
function isNews(held: HeldRccs, resources: readonly Resource[]): boolean {
  const there = new Map(resources.map((resource) => [resource.name, uidOf(resource)]));
  return (
    [...held.keys()].some((name) => !there.has(name)) ||
    resources.some((one) => documentOf(one) !== null && held.get(one.name)?.uid !== uidOf(one))
  );
}

/**
 * Those that are to be followed. One that cannot be read as it is now stays as it was; one that
 * vanished with the CRD that it was under stays. Pure.
 * @param under UID of the CRD that is served.
 */
export function nextHeld(
  held: HeldRccs,
  resources: readonly Resource[],
  under: string,
): ReadonlyMap<string, HeldRcc> {
  const next = new Map<string, HeldRcc>();
  const there = new Map(resources.map((resource) => [resource.name, resource]));
  for (const [name, known] of held) {
    const resource = there.get(name);
    const isUnreadable = resource !== undefined && !resource.want.ok && !resource.isBeingDeleted;
    if (isUnreadable || (resource === undefined && known.under !== under)) next.set(name, known);
  }
  for (const resource of resources) {
    const document = documentOf(resource);
    if (document !== null) next.set(resource.name, { document, uid: uidOf(resource), under });
  }
  return next;
}

/** `null`: it is none, or is being deleted. */
function documentOf({ name, want, isBeingDeleted }: Resource): DirectRcc | null {
  if (!want.ok || isBeingDeleted || want.want.kind !== "rcc" || !isDirect(want.want)) return null;
  const { spec, annotations, isOverlayWanted } = want.want;
  return {
    name,
    spec,
    overlayRoutingMode: isOverlayWanted ? "Enabled" : "Disabled",
    labels: labelModeOf(annotations),
    services: asksServices(annotations),
    where: `RemoteClusterConfiguration ${name}`,
  };
}

function uidOf({ object }: Resource): string {
  const uid = isJsonObject(object["metadata"]) ? object["metadata"]["uid"] : "";
  return typeof uid === "string" ? uid : "";
}
