/** `catwalk policy --affected-by RCC`: the rules that an RCC changes, before it is applied or after. [CLI14] */
import { readFileSync } from "node:fs";

import { parseAllDocuments } from "yaml";

import type { CalicoRecord } from "../../shared/record/record.ts";
import type { LabelMode, PinnedRanges } from "../../shared/visibility/facts.ts";
import { labelModeOf, parseRcc } from "../../shared/visibility/rcc.ts";
import { affectedBy } from "../policy/affected.ts";
import type { Affected, AffectedRule } from "../policy/affected.ts";
import type { SeenRecord, World } from "../policy/world.ts";
import type { PolicyObject } from "../source/source.ts";
import { OwnAddresses } from "../view/served.ts";
import type { Client } from "./client.ts";
import { clientOf, print } from "./command.ts";
import type { OutputFlags } from "./command.ts";
import { readHubView } from "./hub-view.ts";
import { renderOne } from "./output.ts";
import { requireCluster } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { CommandError, UsageError } from "./usage-error.ts";

/** Endpoints of a rule that are written out; `-o json` has them all. */
const SHOWN = 10;

interface WantedRcc {
  readonly name: string;
  readonly remote: string;
  readonly labels: LabelMode;
  readonly isApplied: boolean;
}

/** @throws CommandError for an RCC with connection fields. */
function requireMember(name: string, remote: string | null): string {
  if (remote !== null) return remote;
  throw new CommandError(
    `RCC ${name} has connection fields and is NotServed by this version: it changes no rule`,
  );
}

export async function printAffected(
  given: string,
  policies: readonly PolicyObject[],
  flags: ReadingFlags & OutputFlags,
): Promise<void> {
  const cluster = requireCluster(flags);
  const client = clientOf(flags);
  const rcc = isFile(given) ? readRcc(given) : await appliedRcc(client, cluster, given);
  const { world, refused } = await worldWith(rcc, cluster, client);
  const affected = affectedBy(rcc.name, policies, world);
  process.stderr.write(`(${world.truth})\n`);
  if (flags.output === "json" || flags.output === "yaml")
    print(renderOne(summaryOf(rcc, world, refused, policies, affected), "", flags.output));
  else print(render(rcc, world, refused, policies, affected));
}

function isFile(given: string): boolean {
  // The name of an RCC has neither a dot nor a slash.
  return given === "-" || /[./]/.test(given);
}

/** @throws UsageError naming the file, the field and the rule. */
function readRcc(file: string): WantedRcc {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  const [document, ...others] = parseAllDocuments(text).filter(
    (one) => one.errors.length > 0 || one.toJS() !== null,
  );
  const error = document?.errors[0];
  if (error !== undefined) throw new UsageError(`${file}: ${error.message}`);
  if (document === undefined || others.length > 0)
    throw new UsageError(`${file}: must have one RemoteClusterConfiguration`);
  const parsed = parseRcc(document.toJS());
  if (!parsed.ok) {
    const [problem] = parsed.problems;
    throw new UsageError(`${file}: ${problem?.field}: ${problem?.rule}`);
  }
  const { name, remoteName, annotations } = parsed.rcc;
  return {
    name,
    remote: requireMember(name, remoteName),
    labels: labelModeOf(annotations),
    isApplied: false,
  };
}

async function appliedRcc(client: Client, cluster: string, name: string): Promise<WantedRcc> {
  const rcc = await client.get<{
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly status: { readonly remote: { readonly name: string } | null };
  }>(client.meshPath("clusters", cluster, "rccs", name));
  return {
    name,
    remote: requireMember(name, rcc.status.remote?.name ?? null),
    labels: labelModeOf(rcc.metadata.annotations ?? {}),
    isApplied: true,
  };
}

/** What the cluster sees now, and beside it the remote as it would see it: less what its relays would refuse. */
async function worldWith(
  rcc: WantedRcc,
  cluster: string,
  client: Client,
): Promise<{ readonly world: World; readonly refused: number }> {
  if (rcc.remote === cluster)
    throw new CommandError(`RCC ${rcc.name} names its own cluster ${cluster}`);
  const [seen, remote, { ranges }] = await Promise.all([
    readHubView(client, { cluster }),
    readHubView(client, { cluster: rcc.remote, origin: rcc.remote }),
    client.get<{ readonly ranges: PinnedRanges }>(client.meshPath("clusters", cluster)),
  ]);
  const own = seen.records.filter(({ isOwn }) => isOwn).map(({ record }) => record);
  const addresses = new OwnAddresses(ranges, own);
  const isServed = (record: CalicoRecord) => addresses.refusal(record) === null;
  const theirs = remote.records.filter(({ isOwn }) => isOwn);
  const served = theirs.filter(({ record }) => isServed(record));
  const others = seen.records.filter(({ origin, isOwn }) => isOwn || origin !== rcc.name);
  const prefixed = new Set([...seen.prefixed].filter((name) => name !== rcc.name));
  if (rcc.labels === "prefixed") prefixed.add(rcc.name);
  return {
    world: {
      cluster: seen.cluster,
      records: [
        ...others,
        ...served.map((one): SeenRecord => ({ ...one, origin: rcc.name, isOwn: false })),
      ],
      prefixed,
      truth: `${rcc.remote} as the hub at ${client.server} has it, read just now; a grant may be missing or give less`,
      policies: () => Promise.resolve([]),
    },
    refused: theirs.length - served.length,
  };
}

function endpointsOf(world: World, rcc: string): number {
  return world.records.filter(
    ({ origin, record }) => origin === rcc && record.kind.endsWith("Endpoint"),
  ).length;
}

function titleOf({ kind, metadata }: PolicyObject): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

function render(
  rcc: WantedRcc,
  world: World,
  refused: number,
  policies: readonly PolicyObject[],
  affected: Affected,
): string {
  const rules = affected.policies.reduce((sum, one) => sum + one.rules.length, 0);
  const verb = rcc.isApplied ? "gives" : "would give";
  const lines = [
    `RCC ${rcc.name} ${verb} ${world.cluster} ${count(endpointsOf(world, rcc.name), "endpoint")} of ${rcc.remote}, labels ${rcc.labels === "prefixed" ? `prefixed (${rcc.name}.catwalk.dev/…)` : "as they are"}.`,
    rules === 0
      ? `No rule of ${count(policies.length, "policy", "policies")} changes.`
      : `${count(rules, "rule")} in ${affected.policies.length} of ${count(policies.length, "policy", "policies")} ${rules === 1 ? "changes" : "change"}:`,
  ];
  if (refused > 0)
    lines.splice(
      1,
      0,
      `${count(refused, "record")} would be refused (${world.cluster}'s own addresses, or what Felix would not take).`,
    );
  for (const one of affected.policies)
    lines.push("", titleOf(one.policy), ...one.rules.flatMap(renderRule));
  for (const { policy, message } of affected.unreadable)
    lines.push("", `${titleOf(policy)}: not known, it cannot be read: ${message}`);
  return `${lines.join("\n")}\n`;
}

function renderRule(rule: AffectedRule): string[] {
  const ports = rule.namedPorts.map((port) => ` on ${port.name}/${port.protocol}`).join("");
  const not = rule.isNegated ? "not " : "";
  const joining = count(rule.joining.length, "endpoint");
  const now = `${count(rule.before, "address", "addresses")} now`;
  const effect = `${joining} that it would ${rule.isNegated ? "not match any more" : "match"}; ${now}`;
  const width = Math.max(
    ...rule.joining.slice(0, SHOWN).map(({ members }) => members.join(" ").length),
  );
  return [
    `  ${rule.direction}[${rule.rule}] ${rule.action} ${not}${rule.side} ${rule.selector}${ports}`,
    `    ${effect}`,
    ...rule.joining
      .slice(0, SHOWN)
      .map(({ endpoint, members }) => `      ${members.join(" ").padEnd(width)}  ${endpoint}`),
    ...(rule.joining.length > SHOWN ? [`      … and ${rule.joining.length - SHOWN} more`] : []),
  ];
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function summaryOf(
  rcc: WantedRcc,
  world: World,
  refused: number,
  policies: readonly PolicyObject[],
  affected: Affected,
): unknown {
  const named = ({ kind, metadata }: PolicyObject) => ({
    kind,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    name: metadata.name,
  });
  return {
    cluster: world.cluster,
    rcc: rcc.name,
    remote: rcc.remote,
    labels: rcc.labels,
    applied: rcc.isApplied,
    endpoints: endpointsOf(world, rcc.name),
    refused,
    policiesRead: policies.length,
    policies: affected.policies.map(({ policy, rules }) => ({ ...named(policy), rules })),
    unreadable: affected.unreadable.map(({ policy, message }) => ({ ...named(policy), message })),
  };
}
