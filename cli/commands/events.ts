/** `catwalk events [--follow]`: what happened in the mesh, newest last. [CLI71] */
import { listEvents } from "../../shared/api/events.ts";
import type { EventView } from "../../shared/api/events.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { HubAwayError } from "../admin/client.ts";
import { jsonText, print, say } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { oneLine, renderList } from "./output.ts";
import type { ListShape } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

interface EventFlags extends ServerFlags, OutputFlags {
  readonly follow?: true;
  readonly limit: string;
}

const ASK_MS = 1_000;

const EVENTS: ListShape<EventView> = {
  columns: [
    { title: "EVENT", of: (row) => String(row.sequence) },
    { title: "AT", of: (row) => `${row.at.slice(0, 19)}Z` },
    { title: "TYPE", of: (row) => row.type },
    { title: "CLUSTER", of: (row) => row.cluster?.name ?? "" },
    { title: "WHAT", of: (row) => row.summary, wraps: true },
  ],
  name: (row) => `${row.sequence}`,
  empty: "nothing has happened",
};

export const registerEvents: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(program.command("events").description("what happened in the mesh, newest last")),
    )
      .option("--limit <n>", "the newest so many", "100")
      .option("--follow", "and what happens from now on"),
    "catwalk events --follow",
  ).action(async (flags: EventFlags) => {
    if (!/^[1-9]\d{0,3}$/.test(flags.limit) || Number(flags.limit) > 1000)
      throw new UsageError(`--limit ${flags.limit}: must be a number from 1 to 1000`);
    const client = clientOf(flags);
    const params = { mesh: client.mesh };
    const first = await client.call(listEvents, { params, query: { limit: flags.limit } });
    if (flags.follow !== true) {
      print(renderList(first.items, EVENTS, flags.output));
      return;
    }
    let { next } = first;
    let isAway = false;
    for (const event of first.items) print(lineOf(event, flags));
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      try {
        const more = await client.call(listEvents, { params, query: { after: String(next) } });
        if (isAway) say("the hub answers again");
        isAway = false;
        ({ next } = more);
        for (const event of more.items) print(lineOf(event, flags));
      } catch (error) {
        if (!(error instanceof HubAwayError)) throw error;
        if (!isAway) say(error.message);
        isAway = true;
      }
    }
  });
};

/** One line an event, as it comes: no column waits for a wider one. */
function lineOf(event: EventView, { output }: EventFlags): string {
  if (output === "json") return `${jsonText(event)}\n`;
  const { sequence, at, type, cluster, summary } = event;
  const words = [String(sequence), `${at.slice(0, 19)}Z`, type, cluster?.name ?? "-", summary];
  return `${words.map(oneLine).join("  ")}\n`;
}
