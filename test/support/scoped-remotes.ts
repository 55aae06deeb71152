/**
 * A relay's remotes beside a hub that says what it is told to, and records of which a scope shows
 * some.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach } from "vitest";

import { newLogger } from "../../relay/lib/log.ts";
import { Remotes } from "../../relay/view/remotes.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import type { ServedChange } from "../../relay/view/serving.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { node, pod, pool } from "./records.ts";
import { watchedPorts } from "./watched-link.ts";
import type { WatchedLink } from "./watched-link.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Gone after the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "catwalk-scope-"));
  folders.push(made);
  return made;
}

const NONE = new OwnAddresses({ pods: [], nodes: [] }, []);

/**
 * The remotes of a relay whose state lies there: what they tell and serve, and the links that they
 * open.
 */
export function open(dir: string, own = NONE) {
  const told: ServedChange[] = [];
  const links: WatchedLink[] = [];
  const statuses: number[] = [];
  const remotes: Remotes = new Remotes(
    {
      stateDir: dir,
      watchUrl: () => "ws://hub/",
      headers: () => Promise.resolve({}),
      log: newLogger("test", "silent"),
      onState: () => statuses.push(...remotes.reports().map((report) => report.connectionStatus)),
      ports: watchedPorts(links),
    },
    own,
  );
  remotes.subscribe((changes) => told.push(...changes));
  const served = () => new Map([...remotes.served()].map(({ held }) => [held.key, held.record]));
  const take = () =>
    told
      .splice(0)
      .map(({ op, held, isNew }) => `${op}${isNew ? " new" : ""} ${nameOf(held.record)}`)
      .toSorted();
  const reopen = () => {
    remotes.stop();
    return open(dir, own);
  };
  return { remotes, links, statuses, served, take, reopen };
}

export const nameOf = (record: CalicoRecord): string =>
  "name" in record ? record.name : record.kind;
export const names = (records: Iterable<CalicoRecord>): string[] =>
  [...records].map(nameOf).toSorted();
export const labelsOf = (record: CalicoRecord | undefined): string[] =>
  record !== undefined && "labels" in record ? Object.keys(record.labels).toSorted() : [];

export const front = pod("front", "10.20.0.1", { app: "web", tier: "front" });
export const back = pod("back", "10.20.0.2", { app: "web", tier: "back" });
export const cron = pod("cron", "10.20.0.3", { app: "cron", tier: "back" });
export const plain = pod("plain", "10.20.0.4", { app: "web" });
export const machine = node("machine");
export const ALL = [front, back, cron, plain, machine, pool("10.20.0.0/16")];
/** Asks for a label that it takes away. */
export const WEB: Scope = {
  kinds: ["WorkloadEndpoint"],
  selector: 'app == "web"',
  labels: ["tier"],
};
export const WEB_NAMES = ["back", "front", "plain"];
