/**
 * A Kubernetes API server small enough to break on purpose: lists in pages, watches with history
 * and bookmarks, and a hook that may answer any request with something else. Only what the
 * reflector uses; the real one is in test/interop.
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FakeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string } & Readonly<
    Record<string, unknown>
  >;
  readonly [field: string]: unknown;
}

export interface FakeRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly isWatch: boolean;
}

/**
 * What the hook does with a request: nothing, or an answer of its own (which may be no answer at
 * all).
 */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" };

interface HistoryEntry {
  readonly version: number;
  readonly path: string;
  readonly line: string;
}

export class FakeApiServer {
  readonly requests: FakeRequest[] = [];
  fault: ((request: FakeRequest) => Fault | undefined) | null = null;
  groups: readonly string[] = ["apps", "crd.projectcalico.org"];
  /** Largest page, whatever the client asks for. */
  pageSize = 500;
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #history: HistoryEntry[] = [];
  readonly #watches = new Map<ServerResponse, string>();
  readonly #folder = mkdtempSync(join(tmpdir(), "catwalk-fake-api-"));
  /** Watches from a position that this server no longer had. */
  readonly #deaf = new WeakSet<ServerResponse>();
  #version = 100;
  #oldest = 0;

  get kubeconfig(): string {
    return join(this.#folder, "kubeconfig.yaml");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  isWatched(path: string): boolean {
    return [...this.#watches.values()].includes(path);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = this;
    const config = {
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [
        {
          name: "c",
          cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
        },
      ],
      users: [{ name: "u", user: { token: "t" } }],
    };
    writeFileSync(this.kubeconfig, JSON.stringify(config));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }

  /** Stores an object and tells watches; `quietly` only stores it, as a missed event. */
  put(path: string, object: FakeObject, quietly = false): void {
    const objects = this.#objectsAt(path);
    const type = objects.has(idOf(object)) ? "MODIFIED" : "ADDED";
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata };
    objects.set(idOf(object), stored);
    if (!quietly) this.#tell(path, { type, object: stored });
  }

  remove(path: string, object: FakeObject, quietly = false): void {
    this.#objectsAt(path).delete(idOf(object));
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    if (!quietly) this.#tell(path, { type: "DELETED", object: { ...object, metadata } });
  }

  removeCollection(path: string): void {
    this.#objects.delete(path);
  }

  bookmark(path: string): void {
    const metadata = { resourceVersion: String(++this.#version) };
    this.#send(path, `${JSON.stringify({ type: "BOOKMARK", object: { metadata } })}\n`);
  }

  /** Raw text into every open watch of a collection. */
  writeRaw(path: string, text: string): void {
    this.#send(path, text);
  }

  closeWatches(path: string): void {
    for (const [response, watched] of this.#watches)
      if (watched === path) response.socket?.destroy();
  }

  /**
   * The store is put back to an older position; watches stay open, and hear of nothing any more.
   */
  putBack(position: number): void {
    this.#version = position;
    this.#history.length = 0;
    for (const [response] of this.#watches) this.#deaf.add(response);
  }

  /** Forgets history: older positions are answered with 410 inside the watch. */
  compact(): void {
    this.#oldest = ++this.#version;
    this.#history.length = 0;
  }

  lastWatch(path: string): FakeRequest | undefined {
    return this.requests.findLast((request) => request.isWatch && request.path === path);
  }

  #objectsAt(path: string): Map<string, FakeObject> {
    let objects = this.#objects.get(path);
    if (objects === undefined) {
      objects = new Map();
      this.#objects.set(path, objects);
    }
    return objects;
  }

  #tell(path: string, event: unknown): void {
    const line = `${JSON.stringify(event)}\n`;
    this.#history.push({ version: this.#version, path, line });
    this.#send(path, line);
  }

  #send(path: string, text: string): void {
    for (const [response, watched] of this.#watches)
      if (watched === path && !this.#deaf.has(response)) response.write(text);
  }

  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? "/", "http://x");
    const request = {
      path: url.pathname,
      query: url.searchParams,
      isWatch: url.searchParams.get("watch") === "1",
    };
    this.requests.push(request);
    const fault = this.fault?.(request);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "reset") {
      response.socket?.destroy();
      return;
    }
    if (fault !== undefined) {
      response.writeHead(fault.status, { "content-type": "application/json" }).end(fault.body);
      return;
    }
    if (request.path === "/apis")
      response.end(JSON.stringify({ groups: this.groups.map((name) => ({ name })) }));
    else if (request.isWatch) this.#watch(request, response);
    else this.#list(request, response);
  }

  #list({ path, query }: FakeRequest, response: ServerResponse): void {
    const isCore = path.startsWith("/api/v1/");
    if (!isCore && !this.#objects.has(path)) {
      response.writeHead(404).end("404 page not found");
      return;
    }
    const all = [...this.#objectsAt(path).values()];
    const from = Number(query.get("continue") ?? 0);
    const limit = Math.min(this.pageSize, Number(query.get("limit") ?? this.pageSize));
    const items = all.slice(from, from + limit);
    const remaining = all.length - from - limit;
    const next =
      remaining > 0 ? { continue: String(from + limit), remainingItemCount: remaining } : {};
    response.end(
      JSON.stringify({ metadata: { resourceVersion: String(this.#version), ...next }, items }),
    );
  }

  #watch({ path, query }: FakeRequest, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    response.writeHead(200).flushHeaders();
    if (from < this.#oldest) {
      const object = { kind: "Status", code: 410, message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    this.#watches.set(response, path);
    if (from > this.#version) this.#deaf.add(response);
    response.on("close", () => this.#watches.delete(response));
    for (const entry of this.#history)
      if (entry.path === path && entry.version > from) response.write(entry.line);
  }
}

function idOf({ metadata }: FakeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
