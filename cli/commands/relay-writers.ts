/**
 * What one relay of a cluster does for all, by a Lease: what is written into the cluster, and
 * webhooks.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

import { errorText } from "../../shared/lib/error-text.ts";
import type { RelayConfig } from "../../relay/config/relay-config.ts";
import type { DirectReport } from "../../relay/direct/direct-report.ts";
import { postJson } from "../../relay/hub/post-json.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { routeTo } from "../../relay/hub/route.ts";
import type { Logger } from "../../relay/lib/log.ts";
import { LeaseHolder } from "../../relay/kube/lease-holder.ts";
import { KubeTransport } from "../../relay/kube/transport.ts";
import type { Relay } from "../../relay/relay.ts";
import type { AskHub } from "../../relay/resources/own-api.ts";
import { ResourceWriter } from "../../relay/resources/resource-writer.ts";
import { ImportWriter } from "../../relay/services/mcs/import-writer.ts";
import { SliceWriter } from "../../relay/services/slice-writer.ts";
import { WriteLoop } from "../../relay/services/write-loop.ts";
import type { RemoteSight } from "../../relay/webhooks/judge-remote.ts";
import { postPayload } from "../../relay/webhooks/post.ts";
import { readWebhookSettings } from "../../relay/webhooks/settings.ts";
import { WebhookTeller } from "../../relay/webhooks/teller.ts";
import { CommandError } from "../admin/usage-error.ts";

const SERVICES_LEASE = "catwalk/catwalk-services";
const RESOURCES_LEASE = "catwalk/catwalk-custom-resources";

const CLOCK = { now: () => performance.now(), wallMs: () => Date.now() };
/** Longest wait for an answer of the hub. */
const ASK_MS = 30_000;
/** A thousand RCCs with annotations as long as they may be are fewer. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Unless this relay is not to write. */
export function writeServices(relay: Relay, config: RelayConfig, log: Logger): void {
  if (config.services !== true) return;
  const transport = transportOf(config);
  const lease = leaseOf(transport, config.servicesLease ?? SERVICES_LEASE, {
    onChange: (isHeld) => {
      log.info({ isHeld }, isHeld ? "writes EndpointSlices" : "does not write EndpointSlices");
      if (!isHeld) return;
      relay.services.writer?.wake();
      relay.services.imports?.wake();
    },
    onProblem: (message) => log.warn({ message }, "who writes EndpointSlices is not known"),
  });
  const isReady = () => relay.services.isReady;
  const { services } = relay.services;
  const loop = new WriteLoop({ lease, log, ...CLOCK });
  const options = { services, transport, loop, log, isReady, ...CLOCK };
  relay.services.loop = loop;
  relay.services.writer = new SliceWriter(options);
  relay.services.imports = new ImportWriter({
    ...options,
    areAllTold: () => relay.services.areAllTold,
    isAsked: () => relay.services.isAsked,
  });
}

/** `null`: this relay is not to write. */
export function resourceWriterOf(
  relay: Relay,
  config: RelayConfig,
  log: Logger,
): ResourceWriter | null {
  const { hub } = config;
  if (config.customResources !== true || hub === undefined) return null;
  const transport = transportOf(config);
  const lease = leaseOf(transport, config.customResourcesLease ?? RESOURCES_LEASE, {
    onChange: (isHeld) => {
      log.info({ isHeld }, isHeld ? "writes custom resources" : "does not write custom resources");
      writer.onLease(isHeld);
    },
    onProblem: (message) => writer.onLeaseProblem(message),
  });
  const writer = new ResourceWriter({
    transport,
    lease,
    log,
    askHub: askHubOf(relay, hub, config.hubCaFile),
    reports: () => relay.remotes.reports(),
    directs: () => relay.directs?.status().remotes ?? [],
    ...CLOCK,
  });
  return writer;
}

/**
 * Unless this relay is to tell nobody. While the API server is away the last holder of the Lease
 * goes on: what is told twice does no harm. [DIR21]
 * @throws CommandError that names the file, each field and its rule.
 */
export function tellWebhooks(
  relay: Relay,
  config: RelayConfig,
  log: Logger,
  ports: Pick<RelayPorts, "now" | "wallMs" | "random" | "after"> = NODE_PORTS,
): void {
  const { webhooks: file, webhooksLease, allowPrivateWebhooks: allowPrivate = false } = config;
  const { directs } = relay;
  if (file === undefined || directs === null) return;
  const identity = identityOf();
  const lease =
    webhooksLease === undefined
      ? null
      : leaseOf(transportOf(config), webhooksLease, {
          identity,
          onChange: (isHeld) => log.info({ isHeld }, isHeld ? "tells webhooks" : "tells nobody"),
          onProblem: (message) => log.warn({ message }, "who tells webhooks is not known"),
        });
  const teller = new WebhookTeller({
    settings: settingsOf(file, allowPrivate),
    stateDir: config.state,
    ports,
    log,
    post: (url, payload) => postPayload(url, payload, { allowPrivate, nowMs: Date.now() }),
    mayTell: () => lease === null || lease.holder === identity,
    sights: () => (directs.isFollowed ? sightsOf(directs.status().remotes, relay) : null),
  });
  directs.teller = {
    start: () => {
      lease?.start();
      teller.start();
    },
    stop: async () => {
      teller.stop();
      await lease?.stop();
    },
    report: () => teller.report(),
  };
}

function settingsOf(file: string, allowPrivate: boolean) {
  try {
    return readWebhookSettings(file, allowPrivate);
  } catch (error) {
    throw new CommandError(errorText(error), { cause: error });
  }
}

function sightsOf(reports: readonly DirectReport[], relay: Relay): RemoteSight[] {
  const edges = new Map(relay.remotes.reports().map((edge) => [edge.rcc, edge.connectionStatus]));
  return reports.map(({ rcc, conditions, notAdmitted, held }) => {
    const connectionStatus = edges.get(rcc) ?? 0;
    return { rcc, connectionStatus, conditions, notAdmitted, held };
  });
}

function askHubOf(relay: Relay, hub: string, caFile: string | undefined): AskHub {
  const { agent } = routeTo(hub, { caFile });
  return async (path, body) =>
    postJson(new URL(path, hub), body, {
      agent,
      timeoutMs: ASK_MS,
      headers: await relay.credentials.headers(),
      maxAnswerBytes: MAX_ANSWER_BYTES,
    });
}

function transportOf({ kubeconfig }: RelayConfig): KubeTransport {
  return new KubeTransport({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    env: process.env,
    requestIdleMs: 30_000,
    watchIdleMs: 150_000,
  });
}

function leaseOf(
  transport: KubeTransport,
  lease: string,
  handlers: {
    /** Of this process; absent: it is nobody else's business. */
    readonly identity?: string;
    onChange(isHeld: boolean): void;
    onProblem(message: string): void;
  },
): LeaseHolder {
  const [namespace = "", name = ""] = lease.split("/");
  const identity = identityOf();
  return new LeaseHolder({ transport, namespace, name, identity, ...CLOCK, ...handlers });
}

function identityOf(): string {
  return `${hostname()}_${randomUUID()}`;
}
