/** `catwalk preflight`: which pairs of clusters may have routes, and what is in the way. [OVL9] */
import { getPreflight } from "../../shared/api/preflight.ts";
import type { PreflightPair } from "../../shared/api/preflight.ts";
import { requirementWords } from "../../shared/overlay/requirement-words.ts";
import type { ServerFlags } from "../admin/config.ts";
import { print } from "../admin/terminal.ts";
import { UsageError } from "../admin/usage-error.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList, renderOne } from "./output.ts";
import type { ListShape } from "./output.ts";

type Flags = ServerFlags & OutputFlags & { readonly cluster?: string; readonly to?: string };
type Requirement = PreflightPair["requirements"][number];

const nameOf = ({ clusters }: PreflightPair): string =>
  clusters.map(({ name }) => name).join(" and ");

const PAIRS: ListShape<PreflightPair> = {
  columns: [
    { title: "CLUSTERS", of: nameOf },
    { title: "PREFLIGHT", of: ({ ready }) => (ready ? "ready" : "fails") },
    { title: "ROUTES", of: ({ state }) => state },
    { title: "WHY", of: ({ reason }) => reason, wraps: true },
  ],
  name: nameOf,
  empty: "no pairs: routes need two clusters",
};

const REQUIREMENTS = ([a, b]: readonly string[]): ListShape<Requirement> => ({
  columns: [
    { title: "REQUIREMENT", of: ({ code }) => code },
    { title: "ASKS", of: ({ code }) => requirementWords(code) },
    { title: "", of: ({ state }) => state },
    { title: (a ?? "").toUpperCase(), of: ({ values }) => values[0] ?? "" },
    { title: (b ?? "").toUpperCase(), of: ({ values }) => values[1] ?? "", wraps: true },
  ],
  name: ({ code }) => code,
  empty: "nothing is known",
});

/** Every requirement with both values, then what is in the way. */
export function renderPair(pair: PreflightPair, output: "wide" | undefined): string {
  const names = pair.clusters.map(({ name }) => name);
  const told = pair.requirements.flatMap(({ state, message }) =>
    message === "" ? [] : [`${state === "failed" ? "fails" : "warning"}: ${message}`],
  );
  return [
    renderList(pair.requirements, REQUIREMENTS(names), output),
    [`${nameOf(pair)}: ${pair.ready ? "ready" : "not ready"}`, ...told, ...routesOf(pair), ""].join(
      "\n",
    ),
  ].join("\n");
}

function routesOf({ state, reason, phase, stragglers }: PreflightPair): string[] {
  const late =
    stragglers.length === 0 ? [] : [`have not followed in time: ${stragglers.join(", ")}`];
  if (state === "Disabled") return ["routes: Disabled: no RCC of the two asks for them", ...late];
  const why = reason === "" ? "" : `: ${reason}`;
  return [`routes: ${state} (${phase})${why}`, ...late];
}

export const registerPreflight: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        program
          .command("preflight")
          .description("may clusters have routes to each other, and what is in the way"),
      ),
    )
      .option("--cluster <name>", "pairs of this cluster only")
      .option("--to <name>", "and this one: all requirements with both values"),
    "catwalk preflight --cluster app --to db",
  ).action(async ({ cluster, to, ...flags }: Flags) => {
    if (to !== undefined && cluster === undefined)
      throw new UsageError("preflight: --to needs --cluster");
    const client = clientOf(flags);
    const { items } = await client.call(getPreflight, {
      params: { mesh: client.mesh },
      query: { ...(cluster === undefined ? {} : { cluster }), ...(to === undefined ? {} : { to }) },
    });
    const [pair] = items;
    if (to === undefined || pair === undefined) print(renderList(items, PAIRS, flags.output));
    else if (flags.output === undefined || flags.output === "wide")
      print(renderPair(pair, flags.output));
    else print(renderOne(pair, nameOf(pair), flags.output));
  });
};
