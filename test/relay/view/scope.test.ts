import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { hasView } from "../../../relay/peers/received-view.ts";
import { MemoryRemote } from "../../../relay/view/memory-remote.ts";
import { RemoteView } from "../../../relay/view/remote-view.ts";
import { OwnAddresses } from "../../../relay/view/served.ts";
import type { ViewHeader } from "../../../relay/view/file-meta.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { SCOPE_KINDS } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import { service } from "../../support/federated.ts";
import { pod } from "../../support/records.ts";
import {
  back,
  cron,
  folder,
  front,
  labelsOf,
  machine,
  nameOf,
  names,
  open,
  plain,
  ALL,
  WEB,
  WEB_NAMES,
} from "../../support/scoped-remotes.ts";
import { accessFacts as facts, writeView } from "../../support/stored-view.ts";
import { channelLog, wholeLog } from "../../support/watched-link.ts";

test("[SVC24] a view from disk is not all that a cluster has: until it is heard, and then whatever becomes of the hub", () => {
  const named: Scope = { kinds: [...SCOPE_KINDS] };
  const log = channelLog("services", "e", [service("db", {})]);
  const first = open(folder());
  first.remotes.followFacts(facts(3, [{ scope: named }]), true);
  expect(first.remotes.isComplete("db", "services")).toBe(false);
  first.links[0]?.deliver(...log);
  expect(first.remotes.isComplete("db", "services")).toBe(true);
  const again = first.reopen();
  again.remotes.followFacts(facts(3, [{ scope: named }]), true);
  expect(names(again.served().values())).toEqual(["db"]);
  expect(again.remotes.isComplete("db", "services")).toBe(false);
  again.links[0]?.deliver(...log);
  expect(again.remotes.isComplete("db", "services")).toBe(true);
  again.links[0]?.restart();
  expect(again.remotes.isComplete("db", "services")).toBe(true);
  again.remotes.stop();
});

test("[SVC24] a grant that names no Services any more: they leave at once, and nothing else does", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const { remotes, served, take, links } = open(dir);
  const named: Scope = { kinds: [...SCOPE_KINDS] };
  remotes.followFacts(facts(3, [{ scope: named }]), true);
  const before = names(served().values());
  links[0]?.deliver(...channelLog("services", "e", [service("db", {})]));
  expect(names(served().values())).toEqual([...before, "db"].toSorted());
  take();
  remotes.followFacts(facts(4, [{}]), true);
  expect(take()).toEqual(["delete db"]);
  expect(names(served().values())).toEqual(before);
  remotes.stop();
  const again = open(dir);
  again.remotes.followFacts(facts(4, [{}]), true);
  expect(names(again.served().values())).toEqual(before);
  again.remotes.stop();
});

test("[SCP4] a narrower scope of a live grant: what is not shown goes, labels go, all else is as it was", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const { remotes, served, take, links } = open(dir);
  remotes.followFacts(facts(3, [{}]), true);
  expect(remotes.reports()).toMatchObject([{ endpoints: 4 }]);
  take();
  remotes.followFacts(facts(4, [{ scope: WEB }]), true);
  expect(names(served().values())).toEqual(WEB_NAMES);
  expect([...served().values()].map(labelsOf).flat()).toEqual(["tier", "tier"]);
  expect(take()).toEqual([
    "delete IPPool",
    "delete cron",
    "delete machine",
    "put back",
    "put front",
    "put plain",
  ]);
  expect(remotes.reports()).toMatchObject([{ endpoints: 3, digest: null, revision: 0 }]);
  const [first, second] = links;
  expect(first?.isStopped).toBe(true);
  expect(first?.hello.cursors).toHaveLength(3);
  expect(second?.hello).toMatchObject({ accessVersion: 4, cursors: [] });
  // What of the old log was on its way.
  first?.deliver(...wholeLog("e", ALL, true));
  expect(names(served().values())).toEqual(WEB_NAMES);
  remotes.followFacts(facts(5, [{ scope: WEB }]), true);
  expect(take()).toEqual([]);
  expect(links).toHaveLength(2);
  remotes.stop();
});

test("[SCP4] it is never called in sync between, and stays loaded; the hub's digest of the other log makes it so again", () => {
  const dir = folder();
  const shown = [front, back].map((record) => ({ ...record, labels: {} }));
  const { remotes, statuses, links, served, take } = open(dir);
  remotes.followFacts(facts(3, [{}]), true);
  links[0]?.deliver(...wholeLog("e", [front, back, cron]));
  expect(statuses.at(-1)).toBe(2);
  expect(remotes.areLoaded).toBe(true);
  statuses.length = 0;
  remotes.followFacts(facts(4, [{ scope: { selector: 'app == "web"', labels: ["none"] } }]), true);
  expect(remotes.areLoaded).toBe(true);
  take();
  const messages = wholeLog("of the scope", shown);
  links[1]?.deliver(...messages.slice(0, -1));
  expect(statuses).not.toContain(2);
  links[1]?.deliver(...messages.slice(-1));
  expect(statuses.at(-1)).toBe(2);
  expect(take()).toEqual([]);
  expect(names(served().values())).toEqual(["back", "front"]);
  remotes.stop();
});

test("[SCP4] [SCP14] a relay that starts with facts newer than its view narrows it before it serves, and the hub must know them", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const { remotes, served, take, links, reopen } = open(dir);
  remotes.followFacts(facts(9, [{ scope: WEB }]), true);
  expect(take()).toEqual(WEB_NAMES.map((name) => `put new ${name}`));
  expect(names(served().values())).toEqual(WEB_NAMES);
  expect(remotes.reports()).toMatchObject([{ endpoints: 3 }]);
  expect(links[0]?.hello).toMatchObject({ accessVersion: 9, cursors: [] });
  // Its file knows: the hub may still be behind.
  const again = reopen();
  again.remotes.followFacts(facts(9, [{ scope: WEB }]), true);
  expect(names(again.served().values())).toEqual(WEB_NAMES);
  expect(again.links[0]?.hello.accessVersion).toBe(9);
  expect(readFileSync(join(dir, "views/db.view"), "latin1")).not.toContain("cron");
  again.remotes.stop();
  // Without a scope nobody is asked.
  const other = open(folder());
  other.remotes.followFacts(facts(9, [{}]), true);
  expect(other.links[0]?.hello.accessVersion).toBe(0);
  other.remotes.stop();
});

test("[SCP4] a wider scope, or none any more, changes nothing by itself: the hub is asked for it, and says it", () => {
  const dir = folder();
  writeView(dir, front, back);
  const { remotes, take, links, served } = open(dir);
  remotes.followFacts(facts(3, [{ scope: WEB }]), true);
  take();
  for (const [version, scope] of [
    [4, { kinds: ["WorkloadEndpoint", "Node"], selector: 'app == "web"' } as Scope],
    [5, undefined],
  ] as const) {
    remotes.followFacts(facts(version, [scope === undefined ? {} : { scope }]), true);
    expect(take()).toEqual([]);
    expect(links.at(-1)?.hello).toMatchObject({ accessVersion: version, cursors: [] });
  }
  expect(links).toHaveLength(3);
  links[2]?.deliver(...wholeLog("e", ALL, true));
  expect(names(served().values())).toEqual(names(ALL));
  expect(labelsOf(served().get([...served().keys()][0] as string)).length).toBeGreaterThan(1);
  remotes.stop();
  const again = open(dir);
  again.remotes.followFacts(facts(5, [{}]), false);
  expect(again.served()).toEqual(served());
  again.remotes.stop();
});

test("[SCP4] what no repair has confirmed stays where the scope shows it, and goes where it does not", () => {
  const dir = folder();
  const { remotes, links, served, take } = open(dir);
  remotes.followFacts(facts(3, [{}]), true);
  links[0]?.deliver(...wholeLog("e", ALL), ...wholeLog("lost its disk", [machine]));
  expect(names(served().values())).toEqual(names(ALL));
  take();
  remotes.followFacts(facts(4, [{ scope: { selector: 'app == "web"' } }]), true);
  expect(take()).toEqual(["delete cron"]);
  expect(names(served().values())).toEqual(names(ALL.filter((record) => record !== cron)));
  // The next repair does not confirm them either.
  links[1]?.deliver(...wholeLog("of the scope", [machine]));
  expect(take()).toEqual([]);
  links[1]?.deliver(...wholeLog("of the scope", [machine], true));
  expect(take()).toHaveLength(4);
  remotes.stop();
});

test("[SCP4] [VIE9] what is refused here and not shown any more is refused no longer, and told to nobody", () => {
  const dir = folder();
  writeView(dir, cron, pod("mine", "10.10.0.7", { app: "cron" }));
  const own = new OwnAddresses({ pods: ["10.10.0.0/16"], nodes: [] }, []);
  const { remotes, take } = open(dir, own);
  remotes.followFacts(facts(3, [{}]), false);
  expect(remotes.refusals()).toHaveLength(1);
  take();
  remotes.followFacts(facts(4, [{ scope: WEB }]), false);
  expect(remotes.refusals()).toEqual([]);
  expect(take()).toEqual(["delete cron"]);
  expect(remotes.reports()).toMatchObject([{ endpoints: 0, refused: 0 }]);
  remotes.stop();
});

const header = { rcc: "db", meshId: "mesh-1", originUid: "b".repeat(32), originName: "db" };
const with_ = (scope: Scope): ViewHeader => ({ ...header, scope });
const viewNames = (view: RemoteView): string[] =>
  names([...view.records()].map(({ record }) => record));

test("[SCP4] a kill at any write of a narrowing, or a file that is torn: the next start serves nothing that is not shown, and all that is and was there", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const path = join(dir, "views/db.view");
  const whole = readFileSync(path);
  const kept: string[] = [];
  const keep = (): void => {
    const copy = folder();
    cpSync(dir, copy, { recursive: true });
    kept.push(copy);
  };
  const file = new ViewFile(path, (descriptor, bytes, at) => {
    // Also in the middle of a body.
    const half = bytes.subarray(0, bytes.length >> 1);
    writeSync(descriptor, half, 0, half.length, at);
    keep();
    writeSync(descriptor, bytes, 0, bytes.length, at);
    keep();
  });
  const view = new RemoteView(file, header);
  view.rescope(with_(WEB));
  view.close();
  keep();
  expect(kept.length).toBeGreaterThan(20);
  for (const copy of kept) {
    const { remotes, served, take } = open(copy);
    remotes.followFacts(facts(4, [{ scope: WEB }]), false);
    expect(names(served().values())).toEqual(WEB_NAMES);
    expect(take()).toHaveLength(3);
    remotes.stop();
  }
  for (const bytes of [whole, readFileSync(path)])
    for (let length = 0; length < bytes.length; length += 11) {
      const torn = folder();
      mkdirSync(join(torn, "views"));
      writeFileSync(join(torn, "views/db.view"), bytes);
      truncateSync(join(torn, "views/db.view"), length);
      copyFileSync(join(torn, "views/db.view"), join(torn, "intact.view"));
      const intact = new RemoteView(new ViewFile(join(torn, "intact.view")), header);
      const { remotes, served } = open(torn);
      remotes.followFacts(facts(4, [{ scope: WEB }]), false);
      expect(names(served().values())).toEqual(
        viewNames(intact).filter((name) => WEB_NAMES.includes(name)),
      );
      intact.close();
      remotes.stop();
    }
});

test("[SCP4] [SCP15] [VIE10] a full disk keeps no scope from being obeyed; with room again the file takes its place", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const path = join(dir, "views/db.view");
  let isFull = true;
  const file = new ViewFile(path, (descriptor, bytes, at) => {
    if (isFull) throw new Error("ENOSPC: no space left on device");
    writeSync(descriptor, bytes, 0, bytes.length, at);
  });
  const view = new RemoteView(file, header);
  const told: string[] = [];
  view.rescope(with_(WEB), (changes) => told.push(...[...changes].map(({ op }) => op)));
  expect(told.toSorted()).toEqual(["delete", "delete", "delete", "put", "put", "put"]);
  expect(viewNames(view)).toEqual(WEB_NAMES);
  expect(view.writeError).toMatch(/ENOSPC/);
  // Once more, from what is in memory only.
  view.rescope(with_({ ...WEB, labels: ["none"] }));
  expect(viewNames(view)).toEqual(WEB_NAMES);
  const before = new RemoteView(new ViewFile(path), header);
  expect(viewNames(before)).toEqual(names(ALL));
  before.close();
  isFull = false;
  for (const message of wholeLog("of the scope", [plain, machine])) view.onMessage(message);
  expect(view.writeError).toBe(null);
  const after = new RemoteView(new ViewFile(path), header);
  expect(viewNames(after)).toEqual(viewNames(view));
  expect(after.header.scope).toEqual({ ...WEB, labels: ["none"] });
  after.close();
  isFull = true;
  view.rescope(with_({ kinds: ["Node"] }));
  view.withdraw();
  expect(viewNames(new RemoteView(new ViewFile(path), header))).toEqual([]);
});

test("[SCP4] [SCP16] labels that a scope has taken away are asked of nobody: the same selector stays answered, another shows nothing that it cannot know", () => {
  const narrowedBy = (...scopes: readonly Scope[]): string[] => {
    const dir = folder();
    writeView(dir, ...ALL);
    let view = new RemoteView(new ViewFile(join(dir, "views/db.view")), header);
    for (const scope of scopes) {
      view.rescope(with_(scope));
      view.close();
      view = new RemoteView(new ViewFile(join(dir, "views/db.view")), header);
      expect(view.isLoaded).toBe(true);
      expect(view.isInSync).toBe(false);
    }
    const shown = viewNames(view);
    view.close();
    return shown;
  };
  expect(narrowedBy(WEB, { ...WEB, labels: ["none"] })).toEqual(WEB_NAMES);
  expect(narrowedBy(WEB, { ...WEB, selector: 'tier == "back"' })).toEqual(["back"]);
  expect(narrowedBy(WEB, { ...WEB, selector: 'app == "web" && tier == "back"' })).toEqual([]);
  expect(narrowedBy(WEB, { selector: "!has(app)" })).toEqual([]);
  // Nor where a scope between them would have shown the label: no log has confirmed that.
  const wider: Scope = { kinds: ["WorkloadEndpoint"], selector: 'app == "web"' };
  expect(narrowedBy(WEB, wider, { selector: "!has(app)" })).toEqual([]);
  expect(narrowedBy(WEB, wider, WEB)).toEqual(WEB_NAMES);
});

test("[SCP4] [PEE4] a view from another relay that shows more is narrowed when it is opened; one of which only the header is there is none", () => {
  const dir = folder();
  writeView(dir, ...ALL);
  const { remotes, served } = open(dir);
  remotes.followFacts(facts(3, [{ scope: { kinds: ["Node"] } }]), false);
  expect(names(served().values())).toEqual(["machine"]);
  remotes.stop();
  const empty = folder();
  const namespaces = Array.from({ length: 256 }, (_, n) => `${"n".repeat(60)}${n}`);
  const other = open(empty);
  other.remotes.followFacts(facts(3, [{ scope: { namespaces } }]), false);
  other.remotes.stop();
  expect(readFileSync(join(empty, "views/db.view")).length).toBeGreaterThan(1024);
  expect(hasView(empty, "db")).toBe(false);
});

test("[SCP4] a command that follows the hub keeps what it has seen when the log is another, and withdraws it with the sweep", () => {
  const view = new MemoryRemote();
  const told: string[] = [];
  const deliver = (messages: ReturnType<typeof wholeLog>): void => {
    for (const message of messages)
      for (const { op, held } of view.onMessage(message).changes)
        told.push(`${op} ${nameOf(held.record)}`);
  };
  deliver(wholeLog("e", [front, cron], true));
  told.length = 0;
  view.onConnect();
  deliver(wholeLog("of the scope", [{ ...front, labels: {} }]));
  expect(told).toEqual(["put front"]);
  expect(view.isVerified).toBe(true);
  deliver(wholeLog("of the scope", [{ ...front, labels: {} }], true));
  expect(told).toEqual(["put front", "delete cron"]);
});
