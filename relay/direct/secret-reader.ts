/**
 * One Secret of the local cluster, read through its API server and watched: only this one, so that
 * a Role with its name is enough. [DIR3]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import { isJsonObject } from "../kube/kube-object.ts";
import type { Transport } from "../kube/transport.ts";
import { describeFailure } from "../kube/watch-event.ts";

export type SecretReading =
  | { readonly kind: "unread" }
  | { readonly kind: "read"; readonly secret: unknown }
  | { readonly kind: "absent" }
  /** It cannot be read now. Never has anything of its content. */
  | { readonly kind: "failing"; readonly message: string };

const AGAIN_MS = 1_000;

export class SecretReader {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #watchPath: string;
  readonly #ports: Pick<RelayPorts, "after">;
  readonly #onChange: () => void;
  readonly #stopping = new AbortController();
  #unwatch: () => void = () => undefined;
  #cancel: () => void = () => undefined;
  #reading: SecretReading = { kind: "unread" };

  constructor(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    transport: Transport,
    ports: Pick<RelayPorts, "after">,
    onChange: () => void,
  ) {
    const collection = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
    const selector = encodeURIComponent(`metadata.name=${name}`);
    this.#path = `${collection}/${encodeURIComponent(name)}`;
    this.#watchPath = `${collection}?watch=1&fieldSelector=${selector}`;
    this.#transport = transport;
    this.#ports = ports;
    this.#onChange = onChange;
  }

  get reading(): SecretReading {
    return this.#reading;
  }

  start(): void {
    void this.#read();
  }

  stop(): void {
    this.#stopping.abort();
    this.#cancel();
    this.#unwatch();
  }

  async #read(): Promise<void> {
    this.#unwatch();
    const { signal } = this.#stopping;
    let version = "";
    try {
      const { status, body } = await this.#transport.get(this.#path, signal);
      const parsed = status === 200 ? parseJson(body) : null;
      if (parsed?.ok === true) {
        version = versionOf(parsed.value);
        this.#reading = { kind: "read", secret: parsed.value };
      } else if (status === 404) this.#reading = { kind: "absent" };
      else if (status === 200) this.#reading = { kind: "failing", message: "is not JSON" };
      else this.#reading = { kind: "failing", message: describeFailure(status, body) };
    } catch (error) {
      this.#reading = { kind: "failing", message: errorText(error) };
    }
    if (signal.aborted) return;
    this.#onChange();
    if (this.#reading.kind === "failing") this.#readLater();
    else this.#watch(version);
  }

  #watch(version: string): void {
    const from = version === "" ? "" : `&resourceVersion=${encodeURIComponent(version)}`;
    this.#unwatch = this.#transport.watch(`${this.#watchPath}${from}`, {
      lines: () => {
        // One that does not exist is looked for now and then: its watch would begin with nothing.
        this.#unwatch();
        void this.#read();
      },
      ended: () => this.#readLater(),
    });
  }

  #readLater(): void {
    this.#cancel();
    if (!this.#stopping.signal.aborted)
      this.#cancel = this.#ports.after(AGAIN_MS, () => void this.#read());
  }
}

function versionOf(secret: unknown): string {
  const metadata = isJsonObject(secret) ? secret["metadata"] : null;
  const version = isJsonObject(metadata) ? metadata["resourceVersion"] : "";
  return typeof version === "string" ? version : "";
}
