/**
 * [SCP4] A hub that was ahead of the relay's facts, and what a relay does when newer facts come.
 */
import { expect, test, vi } from "vitest";

import { ViewFile } from "../../../relay/view/view-file.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import {
  back,
  cron,
  folder,
  front,
  machine,
  names,
  open,
  ALL,
  WEB,
} from "../../support/scoped-remotes.ts";
import { accessFacts as facts } from "../../support/stored-view.ts";
import { wholeLog } from "../../support/watched-link.ts";

test("[SCP4] what a hub that was ahead of the relay's facts has shown between is asked itself", () => {
  const dir = folder();
  const { remotes, links, served } = open(dir);
  remotes.followFacts(facts(3, [{ scope: WEB }]), true);
  links[0]?.deliver(...wholeLog("of the scope", [{ ...front, labels: { tier: "front" } }]));
  // Of a grant without a scope, which this relay never hears of.
  links[0]?.deliver(...wholeLog("e", [front, cron, machine]));
  remotes.followFacts(facts(5, [{ scope: { ...WEB, labels: ["none"] } }]), true);
  expect(names(served().values())).toEqual(["front"]);
  // Once a log of the scope is proven, what it has left is all there is to know.
  links[1]?.deliver(...wholeLog("of the scope", [{ ...front, labels: {} }], true));
  remotes.followFacts(facts(6, [{}]), true);
  links[2]?.deliver(...wholeLog("e", ALL, true));
  remotes.followFacts(
    facts(7, [{ scope: { kinds: ["WorkloadEndpoint"], selector: "!has(tier)" } }]),
    true,
  );
  expect(names(served().values())).toEqual(["plain"]);
  remotes.stop();
});

test("[SCP4] what a hub that was ahead has shown between goes also where newer facts say the scope of before again; else nothing is asked anew", () => {
  const { remotes, links, served, take } = open(folder());
  remotes.followFacts(facts(3, [{ scope: WEB }]), true);
  const shown = wholeLog("of the scope", [{ ...front, labels: { tier: "front" } }]);
  links[0]?.deliver(...shown);
  remotes.followFacts(facts(4, [{ scope: WEB }]), true);
  expect(links).toHaveLength(1);
  // Of a grant without a scope, which this relay never hears of.
  links[0]?.deliver(...wholeLog("e", [front, cron, machine]));
  take();
  remotes.followFacts(facts(4, [{ scope: WEB }]), true);
  expect(take()).toEqual([]);
  remotes.followFacts(facts(6, [{ scope: WEB }]), true);
  expect(names(served().values())).toEqual(["front"]);
  expect(links).toHaveLength(2);
  links[1]?.deliver(...shown);
  remotes.followFacts(facts(7, [{ scope: WEB }]), true);
  expect(links).toHaveLength(2);
  remotes.stop();
});

test("[SCP4] [SCP17] a view is read through for newer facts only after a start, or where the hub has shown more than they do", () => {
  const dir = folder();
  const read = vi.spyOn(ViewFile.prototype, "read");
  const { remotes, links } = open(dir);
  const shown = { ...front, labels: { tier: "front" } };
  remotes.followFacts(facts(3, [{ scope: WEB }]), true);
  links[0]?.deliver(...wholeLog("of the scope", [shown], true));
  const reads = (version: number): number => {
    read.mockClear();
    remotes.followFacts(facts(version, [{ scope: WEB }]), true);
    return read.mock.calls.length;
  };
  expect([reads(4), reads(5)]).toEqual([0, 0]);
  links[0]?.deliver(...wholeLog("e", [{ ...shown, labels: { app: "web" } }]));
  expect(reads(6)).toBeGreaterThan(0);
  remotes.stop();
  const again = open(dir);
  again.remotes.followFacts(facts(6, [{ scope: WEB }]), true);
  const readsAgain = [7, 8].map((version) => {
    read.mockClear();
    again.remotes.followFacts(facts(version, [{ scope: WEB }]), true);
    return read.mock.calls.length > 0;
  });
  expect(readsAgain).toEqual([true, false]);
  again.remotes.stop();
});

test("[SCP4] a scope that gives labels back is not asked for one that it takes away, whatever a narrower one has left", () => {
  const { remotes, links, served, take } = open(folder());
  const narrower: Scope = { selector: "has(zone)", labels: ["tier"] };
  const wider: Scope = { selector: "has(zone)", labels: ["app", "tier"] };
  remotes.followFacts(facts(3, [{ scope: narrower }]), true);
  links[0]?.deliver(
    ...wholeLog("of the narrower", [{ ...front, labels: { tier: "front" } }], true),
  );
  remotes.followFacts(facts(4, [{ scope: wider }]), true);
  const labels = { app: "web", tier: "front" };
  links[1]?.deliver(
    ...wholeLog(
      "of the wider",
      [
        { ...front, labels },
        { ...back, labels },
      ],
      true,
    ),
  );
  take();
  remotes.followFacts(facts(5, [{ scope: wider }]), true);
  expect(take()).toEqual([]);
  expect(names(served().values())).toEqual(["back", "front"]);
  expect(links).toHaveLength(2);
  remotes.stop();
});
