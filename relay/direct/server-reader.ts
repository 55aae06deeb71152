/**
 * Reads which API server one is, until that is known: it does not change while a connection stays
 * the same. [DIR9]
 */
import type { RelayPorts } from "../hub/relay-ports.ts";
import { readServerIdentity } from "../kube/server-identity.ts";
import type { IdentifiedServer, ServerIdentity } from "../kube/server-identity.ts";

const AGAIN_MS = 5_000;
/** The right to read it may be given later. */
const REFUSED_MS = 60_000;

export class ServerReader {
  readonly #server: IdentifiedServer;
  readonly #ports: Pick<RelayPorts, "after">;
  readonly #onRead: (identity: ServerIdentity | null) => void;
  readonly #stopping = new AbortController();
  #cancel: () => void = () => undefined;
  #isStarted = false;
  #identity: ServerIdentity | null = null;
  #refusedWith: number | null = null;

  /** @param onRead Told after each look; `null`: it is not known. */
  constructor(
    server: IdentifiedServer,
    ports: Pick<RelayPorts, "after">,
    onRead: (identity: ServerIdentity | null) => void,
  ) {
    this.#server = server;
    this.#ports = ports;
    this.#onRead = onRead;
  }

  /** `null`: not known, or not yet. */
  get identity(): ServerIdentity | null {
    return this.#identity;
  }

  /** Of the local server, which right lacks; `null`: it did not refuse the last time. [CRD3] */
  get problem(): string | null {
    return this.#refusedWith === null
      ? null
      : `get services kubernetes: ${this.#refusedWith}: a remote that is this cluster itself is known by its ClusterGUID alone; deploy/relay/crds/rbac.yaml has the right`;
  }

  /** A second time does nothing. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    void this.#read();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancel();
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopping;
    let againMs = AGAIN_MS;
    try {
      const answer = await readServerIdentity(this.#server, signal);
      this.#identity = answer.kind === "known" ? answer.identity : null;
      this.#refusedWith = answer.kind === "refused" ? answer.status : null;
      againMs = REFUSED_MS;
    } catch {
      // Whoever follows the server says what is wrong with it.
    }
    if (signal.aborted) return;
    this.#onRead(this.#identity);
    if (this.#identity === null) this.#cancel = this.#ports.after(againMs, () => void this.#read());
  }
}
