/**
 * An API server that keeps objects by their path, over plain http: enough for an administrator's
 * commands. What a real one refuses and defaults is shown in test/interop.
 */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { stringify } from "yaml";

type Json = Readonly<Record<string, unknown>>;

export class FakeKubeApi {
  /** By path. A path that ends with a plural is listed from those below it. */
  readonly objects = new Map<string, Json>();
  /** Lists that exist though they are empty. */
  readonly lists = new Set<string>();
  /** `METHOD path`, of writes. */
  readonly writes: string[] = [];
  /** Resources of which everything is forbidden, to everybody. */
  readonly forbidden = new Set<string>();
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const body = text === "" ? {} : (JSON.parse(text) as Json);
      const [status, answer] = this.#answer(request.method ?? "", request.url ?? "", body);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });

  /** @returns The path of a kubeconfig in this folder. */
  async start(folder: string): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    const path = join(folder, "kubeconfig.yaml");
    const named = { name: "fake" };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ ...named, cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ ...named, user: {} }],
      contexts: [{ ...named, context: { cluster: "fake", user: "fake" } }],
      "current-context": "fake",
    };
    writeFileSync(path, stringify(config));
    return path;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(method: string, url: string, body: Json): [number, Json] {
    const { pathname, searchParams } = new URL(url, "http://fake");
    if (pathname.endsWith("subjectaccessreviews")) return [201, this.#review(body)];
    if (method !== "GET") this.writes.push(`${method} ${pathname}`);
    const present = this.objects.get(pathname);
    if (method === "POST") {
      const { name } = body["metadata"] as { readonly name: string };
      this.objects.set(`${pathname}/${name}`, body);
      return [201, body];
    }
    if (present === undefined)
      return method === "GET"
        ? this.#list(pathname, searchParams.get("labelSelector") ?? "")
        : [404, NOT_FOUND];
    if (method === "PUT") this.objects.set(pathname, body);
    if (method === "DELETE") this.objects.delete(pathname);
    return [200, method === "PUT" ? body : present];
  }

  #review(body: Json): Json {
    const spec = body["spec"] as { readonly resourceAttributes: { readonly resource: string } };
    return { ...body, status: { allowed: !this.forbidden.has(spec.resourceAttributes.resource) } };
  }

  /** @param selector `NAME=VALUE`, or nothing. */
  #list(path: string, selector: string): [number, Json] {
    const [label = "", value] = selector.split("=");
    const plural = path.split("/").at(-1);
    const base = path.slice(0, -(plural ?? "").length);
    const items = [...this.objects].flatMap(([at, object]) => {
      const isBelow = at.startsWith(base) && at.split("/").at(-2) === plural;
      return isBelow ? [object] : [];
    });
    const labelled = items.filter((item) => {
      const { labels = {} } = item["metadata"] as {
        readonly labels?: Readonly<Record<string, string>>;
      };
      return selector === "" || labels[label] === value;
    });
    if (items.length === 0 && !this.lists.has(path)) return [404, NOT_FOUND];
    return [200, { kind: "List", metadata: { resourceVersion: "1" }, items: labelled }];
  }
}

const NOT_FOUND = { kind: "Status", code: 404, message: "not found" };
