/** A watch of one collection of an API server: when each object was first told. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import type { ClientRequest } from "node:http";

import { parse } from "yaml";

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly "certificate-authority": string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

interface Told {
  readonly object: { readonly metadata: { readonly name: string } };
}

export class KubeWatch {
  readonly #request: ClientRequest;
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<string, (atMs: number) => void>();
  #rest = "";

  private constructor(started: ClientRequest) {
    this.#request = started;
  }

  /** Resolves when the watch is answered. */
  static async start(kubeconfig: string, path: string): Promise<KubeWatch> {
    const config = parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
    const { cluster } = config.clusters[0];
    const headers = { authorization: `Bearer ${config.users[0].user.token}` };
    const ca = readFileSync(cluster["certificate-authority"]);
    return new Promise((resolve, reject) => {
      const started = request(`${cluster.server}${path}?watch=1`, { headers, ca });
      started.on("error", reject);
      started.on("response", (response) => {
        const watch = new KubeWatch(started);
        response.setEncoding("utf8");
        response.on("data", (text: string) => watch.#took(text));
        resolve(watch);
      });
      started.end();
    });
  }

  /** When the object was told, by `performance.now()`. */
  until(name: string): Promise<number> {
    const atMs = this.#seen.get(name);
    if (atMs !== undefined) return Promise.resolve(atMs);
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }

  stop(): void {
    this.#request.removeAllListeners("error");
    this.#request.on("error", () => undefined);
    this.#request.destroy();
  }

  #took(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    const now = performance.now();
    for (const line of lines) {
      const { name } = (JSON.parse(line) as Told).object.metadata;
      if (this.#seen.has(name)) continue;
      this.#seen.set(name, now);
      this.#waiting.get(name)?.(now);
      this.#waiting.delete(name);
    }
  }
}
