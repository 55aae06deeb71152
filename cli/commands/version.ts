/**
 * `catwalk version`: of this program, the hub and the relays that are known here, and whether they
 * go together. [CLI43]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { getVersion } from "../../shared/api/version.ts";
import type { RelayStatusView } from "../../shared/api/relay.ts";
import { VERSION } from "../../relay/lib/version.ts";
import { Client } from "../admin/client.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { loadConfig } from "../admin/config.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList } from "./output.ts";

interface Spoken {
  readonly version: string;
  readonly protocols: readonly number[];
}

interface Row {
  readonly part: string;
  /** `null`: not known. */
  readonly version: string | null;
  readonly protocols: readonly number[];
  readonly skew: string;
}

/** How a part goes together with those that it talks to. */
export function skewOf(part: Spoken, others: readonly Spoken[]): string {
  const strangers = others.filter(
    (other) => !other.protocols.some((one) => part.protocols.includes(one)),
  );
  if (strangers.length > 0) return `no common protocol with ${strangers[0]?.version}`;
  const apart = others.find(({ version }) => version !== part.version);
  return apart === undefined ? "none" : `differs from ${apart.version}, works together`;
}

export const registerVersion: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        program.command("version").description("versions of this program, the hub and relays"),
      ),
    ).option("--relay <url>", "also this relay; default: those of .catwalk/config.yaml"),
    "catwalk version --relay http://127.0.0.1:9099",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly relay?: string }) => {
    const config = loadConfig(flags);
    const cli: Spoken = { version: VERSION, protocols: PROTOCOL_VERSIONS };
    const rows: Row[] = [{ part: "catwalk", ...cli, skew: "" }];
    const hub =
      config.server === undefined
        ? null
        : await ask(`hub ${config.server}`, () => new Client(config).call(getVersion, {}));
    if (hub !== null) rows.push(rowOf(hub, [cli]));
    const relays =
      flags.relay === undefined ? Object.entries(config.relays) : [["", flags.relay] as const];
    for (const [name, url] of relays) {
      const relay = await ask(`relay ${name === "" ? url : name}`, async () =>
        spokenBy(await readRelayStatus(url)),
      );
      rows.push(rowOf(relay, hub?.spoken == null ? [cli] : [hub.spoken]));
    }
    print(renderList(rows, LIST, flags.output));
  });
};

interface Asked {
  readonly part: string;
  readonly spoken: Spoken | null;
  readonly why: string;
}

async function ask(part: string, question: () => Promise<Spoken>): Promise<Asked> {
  try {
    const { version, protocols } = await question();
    return { part, spoken: { version, protocols }, why: "" };
  } catch (error) {
    return { part, spoken: null, why: errorText(error) };
  }
}

function spokenBy({ version, protocols }: RelayStatusView): Spoken {
  if (version === undefined || protocols === undefined)
    throw new Error("it is of a version that does not tell");
  return { version, protocols };
}

function rowOf({ part, spoken, why }: Asked, others: readonly Spoken[]): Row {
  return spoken === null
    ? { part, version: null, protocols: [], skew: `not known: ${why}` }
    : { part, ...spoken, skew: skewOf(spoken, others) };
}

const LIST = {
  columns: [
    { title: "PART", of: (row: Row) => row.part },
    { title: "VERSION", of: (row: Row) => row.version ?? "?" },
    { title: "PROTOCOLS", of: (row: Row) => row.protocols.join(",") },
    { title: "SKEW", of: (row: Row) => row.skew, wraps: true },
  ],
  name: (row: Row) => `${row.part} ${row.version ?? "?"}`,
  empty: "",
};
