/** `catwalk policy NAME|-f FILE`: the IPs that each rule of a policy holds now, and whose they are. [CLI12] */
import { readFileSync } from "node:fs";

import { parseAllDocuments } from "yaml";

import { holdingOf, holdPolicy, policiesCalled } from "../policy/holding.ts";
import type { HeldPolicy, HeldRule } from "../policy/holding.ts";
import type { PolicyObject } from "../source/source.ts";
import { print, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderOne } from "./output.ts";
import { printAffected } from "./policy-affected.ts";
import { policiesOf, relayUrl, tellTruth, withReading, worldOf } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { CommandError, UsageError } from "./usage-error.ts";

type Flags = ReadingFlags & OutputFlags & { readonly file?: string; readonly affectedBy?: string };

export const registerPolicy: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        withReading(
          program
            .command("policy")
            .description("the IPs that each rule of a policy holds now, and whose")
            .argument("[name]", "NAME or NAMESPACE/NAME of a policy of the cluster")
            .option("-f, --file <file>", "read the policy from a file instead")
            .option(
              "--affected-by <rcc>",
              "list the rules that an RCC changes: its name, or a YAML file that is not applied yet",
            ),
        ),
      ),
    ),
    "catwalk policy allow-db --cluster app\n  catwalk policy --affected-by rcc.yaml --cluster app -f policies.yaml",
  ).action(async (name: string | undefined, flags: Flags) => {
    if (flags.affectedBy !== undefined) {
      const policies =
        flags.file === undefined ? await policiesOf(flags) : readPolicies(flags.file);
      await printAffected(
        flags.affectedBy,
        name === undefined ? policies : policiesCalled(name, policies),
        flags,
      );
      return;
    }
    if ((name === undefined) === (flags.file === undefined))
      throw new UsageError("give either a policy's NAME or -f FILE");
    // Policies are asked of the relay; what it has applied is then the truth that goes with them.
    const relay = name === undefined ? flags.relay : (relayUrl(flags) ?? undefined);
    const world = await worldOf({ ...flags, ...(relay === undefined ? {} : { relay }) });
    let held: readonly HeldPolicy[];
    try {
      held =
        flags.file === undefined
          ? await holdingOf(name as string, world)
          : readPolicies(flags.file).map((policy) => holdPolicy(policy, world));
    } catch (error) {
      throw error instanceof UsageError
        ? error
        : new CommandError((error as Error).message, { cause: error });
    }
    if (held.length === 0)
      throw new CommandError(`cluster ${world.cluster} has no policy ${String(name)}`);
    tellTruth(world);
    if (flags.output === "json" || flags.output === "yaml")
      print(renderOne({ cluster: world.cluster, policies: held }, "", flags.output));
    else print(held.map((policy) => renderPolicy(policy, world.cluster)).join("\n"));
  });
};

function renderPolicy({ policy, rules }: HeldPolicy, cluster: string): string {
  const { namespace, name } = policy.metadata;
  const title = `${policy.kind} ${namespace === undefined ? "" : `${namespace}/`}${name} in ${cluster}`;
  if (rules.length === 0) return `${title}: no rule names endpoints\n`;
  return `${title}\n${rules.map((rule) => renderRule(rule, cluster)).join("")}`;
}

function renderRule(rule: HeldRule, cluster: string): string {
  const not = rule.isNegated ? "not " : "";
  const ports =
    rule.namedPorts.length === 0
      ? ""
      : ` on ${rule.namedPorts.map((p) => `${p.name}/${p.protocol}`).join(", ")}`;
  const head = `  ${rule.direction}[${rule.rule}] ${rule.action} ${not}${rule.side} ${rule.selector}${ports}\n`;
  if (rule.members.length === 0) return `${head}    (holds no address now)\n`;
  const width = Math.max(...rule.members.map(({ member }) => member.length));
  return (
    head +
    rule.members
      .map(
        ({ member, owner, origin }) =>
          `    ${member.padEnd(width)}  ${owner}${origin === cluster ? "" : "   ← remote"}\n`,
      )
      .join("")
  );
}

/** @throws UsageError naming the file and what is wrong in it. */
function readPolicies(file: string): PolicyObject[] {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  return parseAllDocuments(text).flatMap((document) => {
    const error = document.errors[0];
    if (error !== undefined) throw new UsageError(`${file}: ${error.message}`);
    const object = document.toJS() as PolicyObject | null;
    if (object === null) return [];
    if (
      !/^(Global)?NetworkPolicy$/.test(object.kind ?? "") ||
      typeof object.metadata?.name !== "string"
    )
      throw new UsageError(
        `${file}: kind: ${String(object.kind)} is not a NetworkPolicy or GlobalNetworkPolicy`,
      );
    return [object];
  });
}
