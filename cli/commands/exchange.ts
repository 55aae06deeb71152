/** `catwalk exchange --cluster B`: what it shows to whom, and what it sees of whom. [CLI94] */
import { getExchange } from "../../shared/api/exchange.ts";
import type { Exchange, ExchangeSide } from "../../shared/api/exchange.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";
import type { ServerFlags } from "../admin/config.ts";
import { print } from "../admin/terminal.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { renderList, renderOne } from "./output.ts";
import type { Column } from "./output.ts";

const orEmpty = (value: number | null): string => (value === null ? "" : String(value));

export const registerExchange: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        program.command("exchange").description("what a cluster shows to whom, and sees of whom"),
      ),
    ).requiredOption("--cluster <name>", "the cluster"),
    "catwalk exchange --cluster db",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly cluster: string }) => {
    const client = clientOf(flags);
    const { cluster, output } = flags;
    const exchange = await client.call(getExchange, { params: { mesh: client.mesh, cluster } });
    print(
      output === "json" || output === "yaml"
        ? renderOne(exchange, cluster, output)
        : renderExchange(exchange, output),
    );
  });
};

export function renderExchange(
  { cluster: { name }, shows, sees }: Exchange,
  output: "wide" | "name" | undefined,
): string {
  const list = (rows: readonly ExchangeSide[], title: string, empty: string): string =>
    renderList(
      rows,
      { columns: columns(title), name: (row) => `${title.toLowerCase()} ${row.peer.name}`, empty },
      output,
    );
  return [
    list(shows, "SHOWN TO", `nobody asks to see ${name}`),
    list(sees, "SEES", `${name} asks to see nobody`),
  ].join(output === "name" ? "" : "\n");
}

function columns(title: string): readonly Column<ExchangeSide>[] {
  return [
    { title, of: (row) => row.peer.name },
    { title: "SCOPE", of: ({ scope }) => (scope === undefined ? "" : describeScope(scope)) },
    { title: "CONNECTION", of: (row) => row.connection },
    { title: "ENDPOINTS", of: (row) => orEmpty(row.endpoints) },
    { title: "WITHHELD", of: (row) => orEmpty(row.withheld) },
    { title: "QUARANTINED", of: (row) => orEmpty(row.quarantined) },
    { title: "REFUSED", of: (row) => orEmpty(row.refused) },
    { title: "RCC", of: (row) => row.rcc, wide: true },
  ];
}
