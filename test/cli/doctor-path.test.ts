import { expect, test } from "vitest";

import { hasDone, renderPath } from "../../cli/commands/doctor/path.ts";
import type { PathCheck } from "../../shared/api/path-checks.ts";

type Node = PathCheck["nodes"][number];
const check = (...phases: readonly (Partial<Node> | Node["phase"])[]): PathCheck => ({
  id: 1,
  phase: "listen",
  nodes: phases.map((given, i) => ({
    cluster: "a",
    node: `a${i}`,
    problem: "",
    phase: null,
    ...(typeof given === "object" ? given : { phase: given }),
  })),
  findings: [],
});

test("[CLI98] the next step follows when all nodes have done the one before; the silent are waited for at first only", () => {
  expect(hasDone(check("listen", "listen"), "listen", 0)).toBe(true);
  expect(hasDone(check("listen", "listen"), "send", 0)).toBe(false);
  expect(hasDone(check("send", "end"), "send", 0)).toBe(true);
  const silent = check("listen", { phase: null });
  expect(hasDone(silent, "listen", 7_999)).toBe(false);
  expect(hasDone(silent, "listen", 8_000)).toBe(true);
  expect(hasDone(check("send", { phase: null }), "send", 0)).toBe(true);
  // Who cannot take part is not waited for.
  const broken = check("send", { phase: "listen", problem: "cannot listen" });
  expect(hasDone(broken, "send", 0)).toBe(true);
});

test("[CLI98] one line a finding, with what to do where something is wrong", () => {
  expect(renderPath(check())).toBe("no nodes with tunnels were found to look at\n");
  const findings = [
    { level: "ok", code: "Passes", subject: "a/a1 to b/b1, IPv4", message: "passes", todo: "" },
    { level: "error", code: "TooBig", subject: "x", message: "one line", todo: "set it" },
  ] as const;
  expect(renderPath({ ...check(), findings: [...findings] })).toBe(
    "ok       a/a1 to b/b1, IPv4: passes\nerror    x: one line. To do: set it\n",
  );
});
