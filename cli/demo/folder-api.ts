/**
 * A folder of YAML behind the read-only part of Kubernetes' API: lists and watches, followed as the
 * files change. What a relay without a hub reads in the demo; not for anything else. [CLI63]
 */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { errorText } from "../../shared/lib/error-text.ts";
import { listenOn } from "../../relay/lib/listen-on.ts";
import { LookSchedule } from "../../relay/source/manifests/look-schedule.ts";
import { scanFolder } from "../../relay/source/manifests/scan-folder.ts";
import { FolderWatch } from "../../relay/source/manifests/watch-folders.ts";
import { GROUP, objectsIn } from "./folder-objects.ts";
import type { FolderObject } from "./folder-objects.ts";

interface Change {
  readonly version: number;
  readonly path: string;
  readonly line: string;
}

type Stored = FolderObject & { readonly text: string; readonly version: number };

/** Changes that a watch may begin behind. */
const HISTORY = 1_000;

export class FolderApi {
  readonly #folder: string;
  readonly #tell: (problem: string) => void;
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));
  readonly #schedule = new LookSchedule({ debounceMs: 80, pollMs: 2_000 }, () => this.#look());
  readonly #watch = new FolderWatch(() => this.#schedule.onFileEvent());
  /** File → its text when it was read last. */
  #stamps = new Map<string, string>();
  readonly #files = new Map<string, readonly FolderObject[]>();
  #objects = new Map<string, Stored>();
  readonly #watches = new Map<ServerResponse, string>();
  #history: readonly Change[] = [];
  #version = 1;
  #problem = "";

  /** @param tell Hears of a file that cannot be read; what it held before stays. */
  constructor(folder: string, tell: (problem: string) => void) {
    this.#folder = folder;
    this.#tell = tell;
  }

  /** @returns Its address, once the folder has been read. */
  async start(): Promise<string> {
    await this.#look();
    this.#schedule.start();
    const { port } = await listenOn(this.#server, "127.0.0.1:0", () => undefined);
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    await this.#schedule.stop();
    this.#watch.follow([]);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #look(): Promise<{ readonly isToBeRepeated: boolean }> {
    try {
      const { files, folders } = await scanFolder(this.#folder, this.#stamps);
      const isToBeRepeated = this.#watch.follow(folders);
      const problems: string[] = [];
      for (const path of this.#files.keys()) if (!files.has(path)) this.#files.delete(path);
      for (const [path, { text }] of files) {
        const read = text === null ? null : objectsIn(path, text);
        if (read?.ok === true) this.#files.set(path, read.objects);
        else if (read?.ok === false) problems.push(read.message);
      }
      this.#stamps = new Map([...files].map(([path, { stamp }]) => [path, stamp]));
      this.#compare();
      this.#tellOnce(problems.join("; "));
      return { isToBeRepeated };
    } catch (error) {
      this.#tellOnce(errorText(error));
      return { isToBeRepeated: false };
    }
  }

  #tellOnce(problem: string): void {
    if (problem !== "" && problem !== this.#problem) this.#tell(problem);
    this.#problem = problem;
  }

  /** Of two objects with one name the first counts. */
  #compare(): void {
    const next = new Map<string, Stored>();
    for (const object of [...this.#files.values()].flat()) {
      const key = `${object.path} ${object.id}`;
      if (next.has(key)) continue;
      const text = JSON.stringify(object.json);
      const before = this.#objects.get(key);
      next.set(key, before?.text === text ? before : this.#put(object, text, before !== undefined));
    }
    for (const [key, object] of this.#objects) if (!next.has(key)) this.#delete(object);
    this.#objects = next;
  }

  #put(object: FolderObject, text: string, isKnown: boolean): Stored {
    const stored = { ...object, text, version: ++this.#version };
    this.#send(stored.path, isKnown ? "MODIFIED" : "ADDED", asServed(stored));
    return stored;
  }

  #delete(object: Stored): void {
    this.#send(object.path, "DELETED", asServed({ ...object, version: ++this.#version }));
  }

  #send(path: string, type: string, object: object): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history = [...this.#history, { version: this.#version, path, line }].slice(-HISTORY);
    for (const [response, watched] of this.#watches) if (watched === path) response.write(line);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
    response.setHeader("content-type", "application/json");
    if (request.method !== "GET") response.writeHead(405).end('{"message":"only GET"}');
    else if (pathname === "/apis") response.end(JSON.stringify({ groups: [{ name: GROUP }] }));
    else if (searchParams.has("watch")) {
      this.#serveWatch(pathname, Number(searchParams.get("resourceVersion")), response);
    } else this.#serveList(pathname, response);
  }

  #serveList(path: string, response: ServerResponse): void {
    const items = [...this.#objects.values()].filter((one) => one.path === path).map(asServed);
    const metadata = { resourceVersion: String(this.#version) };
    response.end(JSON.stringify({ metadata, items }));
  }

  #serveWatch(path: string, from: number, response: ServerResponse): void {
    const [oldest] = this.#history;
    if (this.#history.length === HISTORY && from < (oldest?.version ?? 0) - 1) {
      const object = { kind: "Status", code: 410, message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    response.writeHead(200).flushHeaders();
    this.#watches.set(response, path);
    response.on("close", () => this.#watches.delete(response));
    for (const change of this.#history)
      if (change.path === path && change.version > from) response.write(change.line);
  }
}

function asServed({ json, version }: Stored): object {
  const metadata = { ...(json["metadata"] as object), resourceVersion: String(version) };
  return { ...json, metadata };
}
