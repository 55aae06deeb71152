import { expect, test } from "vitest";

import { renderStatus } from "../../cli/commands/status.ts";
import { statusSchema } from "../../shared/api/status.ts";

test("[DIR23] status shows the remotes that relays read themselves, where there are any", () => {
  const status = {
    mesh: { name: "demo", id: "m", accessVersion: 1 },
    at: "",
    clusters: [],
    edges: [],
  };
  const direct = {
    cluster: { uid: "a", name: "app" },
    rcc: "db",
    connection: "NotConnecting" as const,
    connectionStatus: 0,
    endpoints: 7,
    refused: 1,
  };
  const shown = renderStatus(statusSchema.parse({ ...status, direct: [direct] }), undefined);
  expect(shown).toContain(
    "RCC     READ DIRECTLY  ENDPOINTS  REFUSED\napp/db  NotConnecting  7          1\n",
  );
  expect(renderStatus(statusSchema.parse(status), undefined)).not.toContain("READ DIRECTLY");
});
