/**
 * A node's Felix, as the model has it, with a kernel under it: what it is told becomes devices,
 * routes and rules in the node's namespace. It ends as Felix does, and is started again.
 */
import { FelixModel } from "../support/felix-model/model.ts";
import { FelixProcess } from "../support/felix-process.ts";
import { commands, TABLE, UNTOUCHED } from "./kernel-commands.ts";
import { kernelPlan } from "./kernel-plan.ts";
import type { KernelState } from "./kernel-plan.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Nft } from "./nft.ts";

/** Until calico-node starts Felix again. */
const RESTART_MS = 1_000;

export interface NodeFelixOptions {
  readonly hostname: string;
  readonly spaces: Namespaces;
  readonly nft: Nft;
  /** Of the cluster's relay, now. */
  readonly port: () => number;
  /** What Felix reads of its own datastore at its start. */
  readonly datastore: ReadonlyMap<string, string>;
}

export class NodeFelix {
  /** Why it has ended: of what it was told, or because its kernel refused something. */
  readonly exits: string[] = [];
  /** What its kernel has. */
  state: KernelState = UNTOUCHED;
  readonly #options: NodeFelixOptions;
  #felix: FelixProcess;
  /** Before it was told anything. */
  #started = new FelixModel("");
  #working: Promise<void> | null = null;
  #isDue = false;
  #isStopped = false;

  private constructor(options: NodeFelixOptions) {
    this.#options = options;
    this.#felix = this.#begin();
  }

  static async start(options: NodeFelixOptions): Promise<NodeFelix> {
    const { spaces, nft, hostname } = options;
    await spaces.exec(hostname, nft[0], [...nft[1], "-f", "-"], TABLE);
    return new NodeFelix(options);
  }

  get kvs(): ReadonlyMap<string, string> {
    return this.#felix.kvs;
  }

  /** With the relay at that port. */
  isInSync(port: number): boolean {
    return this.#felix.isInSync && this.#felix.dialled.at(-1) === port;
  }

  /** Packets whose source was hidden, and VXLAN packets of nodes that it does not know. */
  async counters(): Promise<{ readonly hidden: number; readonly refused: number }> {
    const { spaces, nft, hostname } = this.#options;
    const text = await spaces.exec(hostname, nft[0], [...nft[1], "list", "counters"]);
    const of = (name: string): number =>
      Number(new RegExp(`counter ${name} \\{\\s*packets (\\d+)`).exec(text)?.[1] ?? Number.NaN);
    return { hidden: of("hidden"), refused: of("refused") };
  }

  /** Its node is another one: a kernel that knows nothing, and a Felix that was told nothing. */
  async replace(): Promise<void> {
    this.#felix.stop();
    await this.#working;
    await this.#program(UNTOUCHED);
    this.#felix = this.#begin();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#felix.stop();
    await this.#working;
  }

  #begin(): FelixProcess {
    this.#started = this.#model(this.#options.datastore);
    const felix = new FelixProcess(
      () => [this.#options.port()],
      { hostname: this.#options.hostname },
      () => this.#told(felix),
    );
    return felix;
  }

  /** What it has is programmed once it is in sync; then with each message, one after the other. */
  #told(felix: FelixProcess): void {
    if (this.#isStopped || felix !== this.#felix) return;
    if (felix.hasExited) {
      setTimeout(() => {
        if (!this.#isStopped) this.#felix = this.#begin();
      }, RESTART_MS);
      return;
    }
    if (felix.syncs === 0) return;
    this.#isDue = true;
    this.#working ??= this.#work().finally(() => (this.#working = null));
  }

  async #work(): Promise<void> {
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false;
      const model = this.#model(this.#felix.kvs);
      model.start(this.#started);
      if (model.exit === null)
        await this.#program(kernelPlan(model.outcome(), this.#options.hostname)).catch(
          (error: unknown) => this.exits.push(String(error)),
        );
      else this.exits.push(`${model.exit.code}: ${model.exit.reason}`);
    }
  }

  async #program(next: KernelState): Promise<void> {
    const { spaces, nft, hostname } = this.#options;
    const due = commands(this.state, next);
    if (due.nft !== "") await spaces.exec(hostname, nft[0], [...nft[1], "-f", "-"], due.nft);
    await spaces.ip(hostname, due.before);
    await spaces.bridge(hostname, due.bridge);
    await spaces.ip(hostname, due.after);
    this.state = next;
  }

  #model(kvs: ReadonlyMap<string, string>): FelixModel {
    const model = new FelixModel(this.#options.hostname);
    model.apply([...kvs].map(([key, value]) => ({ key, value })));
    return model;
  }
}
