/** The relay's own HTTP: health for the kubelet, status and metrics for people, the applied view for the CLI. Read only, loopback by default. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Relay } from "../relay.ts";
import { metricsText } from "./metrics.ts";
import { streamView } from "./view.ts";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveHttp(relay: Relay, listen: string): Promise<HttpServer> {
  const server = createServer((request, response) => {
    void handle(relay, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 500, { error: String(error) });
      else response.destroy();
    });
  });
  await listenOn(server, listen);
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  relay: Relay,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://relay");
  if (request.method !== "GET") return sendJson(response, 405, { error: "only GET" });
  switch (url.pathname) {
    case "/healthz":
      return sendJson(response, 200, { status: "ok" });
    case "/readyz": {
      const ready = await relay.isReady();
      return sendJson(response, ready ? 200 : 503, {
        ready,
        sourceListed: relay.status().source.listed,
        viewLoaded: relay.isViewLoaded,
      });
    }
    case "/status":
      return sendJson(response, 200, { ...relay.status(), refusals: relay.remotes.refusals() });
    case "/metrics":
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(await metricsText(relay));
      return;
    case "/view":
      return streamView(relay, url.searchParams.get("follow") === "true", response);
    case "/policies":
      return sendJson(response, 200, {
        cluster: relay.clusterName,
        ...(await relay.source.policies()),
      });
    default:
      return sendJson(response, 404, { error: `${url.pathname} is not a path of this relay` });
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

function listenOn(server: Server, listen: string): Promise<void> {
  const at = listen.lastIndexOf(":");
  const host = listen.slice(0, at).replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(listen.slice(at + 1)), host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
