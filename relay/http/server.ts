/**
 * The relay's own HTTP: health for the kubelet, status and metrics for people, the applied view for
 * the CLI. Read only but for what a local operator decides, loopback by default.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

import { errorText } from "../../shared/lib/error-text.ts";
import { COLLECTION_NAMES } from "../publish/withdrawals/collections.ts";
import { isCollectionName } from "../publish/withdrawals/withdrawals.ts";
import { formatHostPort } from "../lib/host-port.ts";
import { listenOn } from "../lib/listen-on.ts";
import type { Logger } from "../lib/log.ts";
import type { Relay } from "../relay.ts";
import { exposureOf, refusalOf } from "./access.ts";
import { isLocalCaller } from "./local-caller.ts";
import { metricsText } from "./metrics.ts";
import { ViewStreams } from "./view-streams.ts";

export interface HttpServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface HttpOptions {
  /** HOST:PORT. */
  readonly listen: string;
  /** What other machines show; `null`: they get health and metrics only. */
  readonly token: string | null;
  readonly log: Logger;
}

export async function serveHttp(
  relay: Relay,
  { listen, token, log }: HttpOptions,
): Promise<HttpServer> {
  const exposure = exposureOf(listen, token);
  if (exposure !== null) log.warn({ listen }, exposure);
  const views = new ViewStreams(relay);
  const server = createServer((request, response) => {
    void handle({ relay, views, token }, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 500, { error: errorText(error) });
      else response.destroy();
    });
  });
  const { address, port } = await listenOn(server, listen, (error) =>
    log.warn({ error: error.message }, "a connection to the relay's own HTTP was lost"),
  );
  return {
    url: `http://${formatHostPort(address, port)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Served {
  readonly relay: Relay;
  readonly views: ViewStreams;
  readonly token: string | null;
}

async function handle(
  { relay, views, token }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://relay");
  const decision = /^\/withdrawals\/(confirm|reject)$/.exec(url.pathname)?.[1];
  if (decision === "confirm" || decision === "reject")
    return decide(relay, decision, url, request, response);
  const { remoteAddress } = request.socket;
  const refusal = refusalOf(url.pathname, { remoteAddress, headers: request.headers }, token);
  if (refusal !== null) {
    response.setHeader("www-authenticate", "Bearer");
    return sendJson(response, 401, { error: refusal });
  }
  if (request.method !== "GET") return sendJson(response, 405, { error: "only GET" });
  switch (url.pathname) {
    case "/healthz":
      return sendJson(response, 200, { status: "ok" });
    case "/readyz": {
      const ready = await relay.isReady();
      const { listed, state, reason, since } = relay.status().source;
      return sendJson(response, ready ? 200 : 503, {
        ready,
        sourceListed: listed,
        source: { state, reason, since },
        viewLoaded: relay.isViewLoaded,
      });
    }
    case "/status":
      return sendJson(response, 200, { ...relay.status(), refusals: relay.remotes.refusals() });
    case "/withdrawals":
      return sendJson(response, 200, relay.own.withdrawals.report());
    case "/services":
      return sendJson(response, 200, relay.services.answer());
    case "/metrics":
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      response.end(await metricsText(relay));
      return;
    case "/view":
      if (!views.isFull) return views.serve(url.searchParams.get("follow") === "true", response);
      response.setHeader("retry-after", "5");
      return sendJson(response, 503, { error: "too many views are read at once: ask again" });
    case "/policies":
      return sendJson(response, 200, {
        cluster: relay.clusterName,
        ...(await relay.source.policies()),
      });
    default:
      return sendJson(response, 404, { error: `${url.pathname} is not a path of this relay` });
  }
}

/** An operator on this machine says what is to become of the withdrawals that are held. [PUB6] */
function decide(
  relay: Relay,
  decision: "confirm" | "reject",
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (request.method !== "POST") {
    response.setHeader("allow", "POST");
    return sendJson(response, 405, { error: "only POST" });
  }
  if (!isLocalCaller(request.socket.remoteAddress, request.headers))
    return sendJson(response, 403, { error: "only a program on the relay's own machine decides" });
  const collection = url.searchParams.get("collection");
  if (collection !== null && !isCollectionName(collection))
    return sendJson(response, 400, {
      error: `collection: must be one of ${COLLECTION_NAMES.join(", ")}`,
    });
  return sendJson(response, 200, { keys: relay.own.withdrawals.decide(decision, collection) });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
