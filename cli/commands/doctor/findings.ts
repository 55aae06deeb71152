/**
 * What is wrong in a mesh, and what to do about it: pure over what the admin API says. One finding
 * is one line. [CLI92]
 */
import type { ClusterView } from "../../../shared/api/clusters.ts";
import type { GrantView } from "../../../shared/api/grants.ts";
import type { MeshStatus } from "../../../shared/api/status.ts";
import type { ApiTokenView } from "../../../shared/api/tokens.ts";
import type { WebhookView } from "../../../shared/api/webhooks.ts";
import { skewOf } from "../version.ts";
import { error, info, LEVELS, warning } from "./finding.ts";
import type { About, Finding } from "./finding.ts";
import { ofCluster, ofRanges } from "./of-clusters.ts";
import { ofEdge } from "./of-edges.ts";

export interface Spoken {
  readonly version: string;
  readonly protocols: readonly number[];
}

export interface DoctorInput {
  readonly cli: Spoken;
  readonly hub: Spoken;
  /** By how much the hub's clock is ahead of this machine's, and by how much that may be wrong. */
  readonly clock: { readonly offsetMs: number; readonly errorMs: number };
  readonly status: MeshStatus;
  readonly clusters: readonly ClusterView[];
  readonly grants: readonly GrantView[];
  /** `null`: this token may not ask. */
  readonly tokens: readonly ApiTokenView[] | null;
  readonly webhooks: readonly WebhookView[] | null;
}

/** Relays and hubs that are further apart do not take each other's tokens. */
const MOST_SKEW_MS = 30_000;
const SOME_SKEW_MS = 2_000;
const DAY_MS = 86_400_000;
const SOON_MS = 7 * DAY_MS;

/** The worst first, and otherwise from the hub to the clusters to the edges. */
export function findingsOf(input: DoctorInput): Finding[] {
  const { status } = input;
  const found = [
    ...ofHub(input),
    ...status.clusters.flatMap((row) => ofCluster(row)),
    ...input.clusters.flatMap(ofRanges),
    ...status.edges.flatMap((edge) => ofEdge(edge, status)),
    ...status.notServed.map(({ cluster, rcc, field, rule }) =>
      info([cluster.name], `RCC ${cluster.name}/${rcc}`, `${field} is not served`, rule),
    ),
    ...input.grants.flatMap(ofGrant),
    ...ofTokens(input.tokens, Date.parse(status.at)),
    ...ofWebhooks(input.webhooks),
  ];
  return found.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
}

/** Those about the cluster, and about the hub. */
export function findingsAbout(findings: readonly Finding[], cluster: string): Finding[] {
  return findings.filter(({ clusters }) => clusters.length === 0 || clusters.includes(cluster));
}

function ofHub({ cli, hub, clock, status }: DoctorInput): Finding[] {
  const found: Finding[] = [];
  const skew = skewOf(cli, [hub]);
  if (skew.startsWith("no common"))
    found.push(error([], "hub", `this program has ${skew}`, "install the hub's version here"));
  else if (skew !== "none")
    found.push(info([], "hub", `this program's version ${skew}`, "update the older one"));
  const apartMs = Math.max(0, Math.abs(clock.offsetMs) - clock.errorMs);
  if (apartMs > SOME_SKEW_MS) {
    const say = apartMs > MOST_SKEW_MS ? error : warning;
    const words = `its clock is ${(clock.offsetMs / 1000).toFixed(1)} s ahead of this machine's (± ${(clock.errorMs / 1000).toFixed(1)} s)`;
    found.push(say([], "hub", words, "set the clock that is wrong (NTP)"));
  }
  const restored = status.mesh.unconfirmedRestore;
  if (restored !== null)
    found.push(
      warning(
        [],
        "hub",
        `it was restored at ${restored}, and relays keep what was narrower since`,
        "look through RCCs and grants, then run: catwalk mesh confirm-restore",
      ),
    );
  return found;
}

function ofGrant({ origin, reader, used }: GrantView): Finding[] {
  if (used) return [];
  return [
    info(
      [origin.name, reader.name],
      `grant ${origin.name}/${reader.name}`,
      `${reader.name} has no RCC that names ${origin.name}`,
      `apply one with catwalk rcc apply, or catwalk grant delete --cluster ${origin.name} --to ${reader.name}`,
    ),
  ];
}

function ofTokens(tokens: DoctorInput["tokens"], nowMs: number): Finding[] {
  if (tokens === null)
    return [info([], "tokens", "are not looked at", "ask with an admin's token")];
  return tokens.flatMap(({ id, name, createdAt, expiresAt, lastUsedAt, cluster }) => {
    const about: About = [cluster === null ? [] : [cluster], `token ${name} (${id})`];
    const leftMs = Date.parse(expiresAt) - nowMs;
    if (leftMs <= 0)
      return [info(...about, `expired at ${expiresAt}`, `catwalk token delete ${id}`)];
    if (leftMs < SOON_MS)
      return [warning(...about, `expires at ${expiresAt}`, "make a new one: catwalk token create")];
    if (lastUsedAt === null && nowMs - Date.parse(createdAt) > SOON_MS)
      return [info(...about, "was never used", `catwalk token delete ${id}, unless it is kept`)];
    return [];
  });
}

function ofWebhooks(webhooks: DoctorInput["webhooks"]): Finding[] {
  if (webhooks === null)
    return [info([], "webhooks", "are not looked at", "ask with an editor's token")];
  return webhooks.flatMap(({ id, disabled, failingSince }) => {
    if (disabled !== null)
      return [
        error(
          [],
          `webhook ${id}`,
          `is disabled since ${disabled.at}: ${disabled.reason}`,
          `catwalk webhook test ${id}, then catwalk webhook enable ${id}`,
        ),
      ];
    if (failingSince === null) return [];
    const todo = `catwalk webhook deliveries ${id} says what it answers`;
    return [warning([], `webhook ${id}`, `its receiver fails since ${failingSince}`, todo)];
  });
}
