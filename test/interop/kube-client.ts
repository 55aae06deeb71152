/** Writes to an API server, with kept connections: what a test needs and a relay must not have. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

import { parse } from "yaml";

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly "certificate-authority": string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

export type Method = "POST" | "PUT" | "PATCH" | "DELETE" | "GET";

export class KubeClient {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(kubeconfig: string) {
    const config = parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
    const { cluster } = config.clusters[0];
    this.#server = cluster.server;
    this.#token = config.users[0].user.token;
    const ca = readFileSync(cluster["certificate-authority"]);
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, ca });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws with the server's words when the answer is not 2xx. */
  async send(method: Method, path: string, body?: unknown): Promise<unknown> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": type };
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const req = request(
        this.#server + path,
        { method, headers, agent: this.#agent },
        (response) => {
          response.setEncoding("utf8");
          let text = "";
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          response.on("error", reject);
        },
      );
      req.on("error", reject);
      req.end(body === undefined ? undefined : JSON.stringify(body));
    });
    if (answer.status < 200 || answer.status > 299)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 600)}`);
    return JSON.parse(answer.text) as unknown;
  }
}
