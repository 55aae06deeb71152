/**
 * `catwalk policy [NAME|-f FILE]`: the IPs that each rule of a policy holds now, and whose they
 * are. [CLI12]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import { holdPolicy, policiesCalled } from "../../relay/policy/holding.ts";
import type { HeldPolicy, HeldRule } from "../../relay/policy/holding.ts";
import { titleOf } from "../../relay/policy/sort-policies.ts";
import type { PolicyObject } from "../../relay/source/source.ts";
import { withExample, withOutput, withServer } from "./command.ts";
import { print, say } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderOne } from "./output.ts";
import { printAffected } from "./policy-affected.ts";
import type { ChangeFlags } from "./policy-change.ts";
import { describeLeftOut, readPolicyInput } from "./policy-input.ts";
import type { PolicyInput } from "./policy-input.ts";
import { relayUrl, tellTruth, withReading, worldOf } from "./reading.ts";
import type { ReadingFlags } from "./reading.ts";
import { withScope } from "./scope-flags.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

type Flags = ReadingFlags & OutputFlags & ChangeFlags & { readonly file?: string };

export const registerPolicy: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        withScope(
          withReading(
            program
              .command("policy")
              .description("the IPs that each rule of a policy holds now, and whose")
              .argument("[name]", "NAME or NAMESPACE/NAME of a policy of the cluster; default: all")
              .option("-f, --file <file>", "read the policies from a file instead")
              .option(
                "--affected-by <rcc>",
                "list the rules that an RCC changes: its name, or a YAML file that is not applied yet",
              )
              .option(
                "--affected-by-grant <cluster>",
                "list the rules that a grant of this cluster changes; the flags below narrow it",
              )
              .option("--deleted", "with --affected-by…: as if that RCC or grant were deleted"),
          ),
        ),
      ),
    ),
    "catwalk policy allow-db --cluster app\n  catwalk policy --affected-by rcc.yaml --cluster app -f policies.yaml\n  catwalk policy --affected-by-grant db --namespace shop --cluster app",
  ).action(async (name: string | undefined, flags: Flags) => {
    const isAboutChange = flags.affectedBy !== undefined || flags.affectedByGrant !== undefined;
    if (!isAboutChange) requireNoChangeFlags(flags);
    const input = await readPolicyInput(flags);
    const chosen = chosenOf(name, input);
    if (isAboutChange) {
      await printAffected({ ...input, policies: chosen }, flags);
      return;
    }
    // Policies are asked of the relay; what it has applied is then the truth that goes with them.
    const relay = flags.file === undefined ? (relayUrl(flags) ?? undefined) : flags.relay;
    const seen = await worldOf({ ...flags, ...(relay === undefined ? {} : { relay }) });
    const world = { ...seen, networkSets: input.networkSets };
    const held = chosen.map((policy) => hold(policy, world));
    const [broken] = held.filter((one) => "message" in one);
    // Asked for by name, it is the answer.
    if (name !== undefined && broken !== undefined) throw new CommandError(broken.message);
    tellTruth(world);
    for (const note of input.notes) say(`(${note})`);
    if (name === undefined) for (const note of describeLeftOut(input.leftOut)) say(`(${note})`);
    if (flags.output === "json" || flags.output === "yaml") {
      const policies = held.filter((one) => !("message" in one));
      const unreadable = held.flatMap((one) => ("message" in one ? [one] : []));
      const leftOut = name === undefined ? input.leftOut.map(titleOf) : [];
      const answer = { cluster: world.cluster, policies, unreadable, leftOut };
      print(renderOne(answer, "", flags.output));
    } else if (held.length === 0) print(`cluster ${world.cluster} has no policies\n`);
    else print(held.map((one) => renderPolicy(one, world.cluster)).join("\n"));
  });
};

interface Broken {
  readonly policy: PolicyObject;
  readonly message: string;
}

function hold(policy: PolicyObject, world: Parameters<typeof holdPolicy>[1]): HeldPolicy | Broken {
  try {
    return holdPolicy(policy, world);
  } catch (error) {
    return { policy, message: errorText(error) };
  }
}

/** @throws CommandError where there is none of this name. */
function chosenOf(name: string | undefined, input: PolicyInput): readonly PolicyObject[] {
  if (name === undefined) return input.policies;
  const chosen = policiesCalled(name, input.policies);
  if (chosen.length > 0) return chosen;
  const [other] = policiesCalled(name, input.leftOut);
  throw new CommandError(
    other === undefined
      ? `there is no policy ${name}`
      : `${titleOf(other)} is of a kind that is left out: what its rules hold is not worked out`,
  );
}

/** @throws UsageError for a flag that would have no effect. */
function requireNoChangeFlags(flags: Flags): void {
  for (const flag of ["deleted", "kind", "namespace", "selector", "label"] as const)
    if (flags[flag] !== undefined)
      throw new UsageError(
        `--${flag}: needs --affected-by-grant${flag === "deleted" ? " or --affected-by" : ""}`,
      );
}

function renderPolicy(held: HeldPolicy | Broken, cluster: string): string {
  const title = `${titleOf(held.policy)} in ${cluster}`;
  if ("message" in held) return `${title}: holds nothing: ${held.message}\n`;
  const { rules, notCounted } = held;
  const rest = notCounted.map((what) => `  not counted: ${what}\n`).join("");
  if (rules.length === 0) return `${title}: no rule names endpoints\n${rest}`;
  return `${title}\n${rules.map((rule) => renderRule(rule, cluster)).join("")}${rest}`;
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
