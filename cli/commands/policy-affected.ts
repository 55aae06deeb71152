/**
 * `catwalk policy --affected-by RCC`, `--affected-by-grant CLUSTER`: the rules that it changes,
 * against what is now. [CLI14]
 */
import { affectedBy } from "../../relay/policy/affected.ts";
import type { Affected, AffectedRule, ChangedEndpoint } from "../../relay/policy/affected.ts";
import { titleOf } from "../../relay/policy/sort-policies.ts";
import type { World } from "../../relay/policy/world.ts";
import type { PolicyObject } from "../../relay/source/source.ts";
import { clientOf } from "./command.ts";
import { print, say } from "../admin/terminal.ts";
import type { OutputFlags } from "./command.ts";
import { renderOne } from "./output.ts";
import { readChange, worldsOf } from "./policy-change.ts";
import type { Change, ChangeFlags } from "./policy-change.ts";
import type { PolicyInput } from "./policy-input.ts";
import { requireCluster } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";

/** Endpoints of a rule that are written out; `-o json` has them all. */
const SHOWN = 10;

interface Answer {
  readonly cluster: string;
  readonly change: Change;
  readonly endpoints: { readonly now: number; readonly after: number };
  readonly refused: number;
  readonly policies: readonly PolicyObject[];
  readonly affected: Affected;
}

export async function printAffected(
  { policies, networkSets, notes }: PolicyInput,
  flags: ReadingFlags & OutputFlags & ChangeFlags,
): Promise<void> {
  const cluster = requireCluster(flags);
  const client = clientOf(flags);
  const change = await readChange(flags, cluster, client);
  const { now, after, refused } = await worldsOf(change, cluster, client);
  const answer: Answer = {
    cluster: now.cluster,
    change,
    endpoints: { now: endpointsOf(now, change.rcc), after: endpointsOf(after, change.rcc) },
    refused,
    policies,
    affected: affectedBy(policies, { ...now, networkSets }, { ...after, networkSets }),
  };
  for (const note of notes) say(`(${note})`);
  say(`(${change.remote} ${now.truth})`);
  if (flags.output === "json" || flags.output === "yaml")
    print(renderOne(summaryOf(answer), "", flags.output));
  else print(render(answer));
}

function endpointsOf(world: World, rcc: string | null): number {
  return world.records.filter(
    ({ origin, isOwn, record }) => !isOwn && origin === rcc && record.kind.endsWith("Endpoint"),
  ).length;
}

function render(answer: Answer): string {
  const { cluster, change, refused, policies, affected } = answer;
  const rules = affected.policies.reduce((sum, one) => sum + one.rules.length, 0);
  const lines = [headline(answer)];
  if (change.isGrantAssumed)
    lines.push(
      `${change.remote} has not granted it: this is what it would be if all were granted.`,
    );
  if (refused > 0)
    lines.push(
      `${count(refused, "record")} would be refused (${cluster}'s own addresses, or what Felix would not take).`,
    );
  lines.push(
    rules === 0
      ? `No rule of ${count(policies.length, "policy", "policies")} changes.`
      : `${count(rules, "rule")} in ${affected.policies.length} of ${count(policies.length, "policy", "policies")} ${rules === 1 ? "changes" : "change"}:`,
  );
  for (const one of affected.policies)
    lines.push("", titleOf(one.policy), ...one.rules.flatMap(renderRule));
  for (const { policy, message } of affected.unreadable)
    lines.push("", `${titleOf(policy)}: not known, it cannot be read: ${message}`);
  return `${lines.join("\n")}\n`;
}

/** What the cluster sees of the remote then, against now. */
function headline({ cluster, change, endpoints }: Answer): string {
  const { subject, remote, now, after } = change;
  const start = subject.charAt(0).toUpperCase() + subject.slice(1);
  const ofRemote = (n: number): string => `${count(n, "endpoint")} of ${remote}`;
  if (after === null) {
    if (now !== null) return `${start} would take from ${cluster} ${ofRemote(endpoints.now)}.`;
    const why = change.rcc === null ? `: no RCC of ${cluster} names it` : "";
    return `${start} changes nothing${why}.`;
  }
  const labels = `labels ${after.labels === "prefixed" ? `prefixed (${after.rcc}.catwalk.dev/…)` : "as they are"}`;
  if (now === null)
    return `${start} would give ${cluster} ${ofRemote(endpoints.after)}, ${labels}.`;
  const isSame = JSON.stringify(now) === JSON.stringify(after);
  return isSame
    ? `${start} is in effect: ${cluster} sees ${ofRemote(endpoints.after)}, ${labels}.`
    : `${start} would give ${cluster} ${ofRemote(endpoints.after)} instead of ${endpoints.now}, ${labels}.`;
}

function renderRule(rule: AffectedRule): string[] {
  const ports = rule.namedPorts.map((port) => ` on ${port.name}/${port.protocol}`).join("");
  const not = rule.isNegated ? "not " : "";
  const [gain, loss] = rule.isNegated
    ? ["would not match any more", "would match again"]
    : ["would match", "would not match any more"];
  const effects = [
    ...(rule.joining.length > 0
      ? [`${count(rule.joining.length, "endpoint")} that it ${gain}`]
      : []),
    ...(rule.leaving.length > 0
      ? [`${count(rule.leaving.length, "endpoint")} that it ${loss}`]
      : []),
  ];
  const now = `${count(rule.before, "address", "addresses")} now`;
  return [
    `  ${rule.direction}[${rule.rule}] ${rule.action} ${not}${rule.side} ${rule.selector}${ports}`,
    `    ${effects.join(", ")}; ${now}`,
    ...renderEndpoints(rule.joining, "      "),
    ...renderEndpoints(rule.leaving, "    - "),
  ];
}

function renderEndpoints(endpoints: readonly ChangedEndpoint[], indent: string): string[] {
  const shown = endpoints.slice(0, SHOWN);
  const width = Math.max(...shown.map(({ members }) => members.join(" ").length));
  return [
    ...shown.map(
      ({ endpoint, members }) => `${indent}${members.join(" ").padEnd(width)}  ${endpoint}`,
    ),
    ...(endpoints.length > SHOWN ? [`${indent}… and ${endpoints.length - SHOWN} more`] : []),
  ];
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function summaryOf({ cluster, change, endpoints, refused, policies, affected }: Answer): unknown {
  const named = ({ kind, metadata }: PolicyObject) => ({
    kind,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    name: metadata.name,
  });
  return {
    cluster,
    rcc: change.rcc,
    remote: change.remote,
    labels: (change.after ?? change.now)?.labels ?? null,
    applied: change.now !== null,
    grantAssumed: change.isGrantAssumed,
    endpointsNow: endpoints.now,
    endpoints: endpoints.after,
    refused,
    policiesRead: policies.length,
    policies: affected.policies.map(({ policy, rules }) => ({ ...named(policy), rules })),
    unreadable: affected.unreadable.map(({ policy, message }) => ({ ...named(policy), message })),
  };
}
