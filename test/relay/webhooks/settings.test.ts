import { expect, test } from "vitest";

import { parseSecrets } from "../../../relay/webhooks/secret-file.ts";
import { parseWebhookSettings } from "../../../relay/webhooks/settings.ts";

const OPS = { name: "ops", url: "https://ops.example/hook", secretFile: "s" };
const parse = (value: unknown, allowPrivate = false) => {
  const parsed = parseWebhookSettings(value, allowPrivate);
  return parsed.ok ? parsed.settings : parsed.problem;
};

test("[DIR19] a file names the cluster, and each webhook with its secret, format and events", () => {
  const alerts = {
    name: "alerts",
    url: "https://am.example/api/v2/alerts",
    format: "alertmanager",
  };
  const events = ["sync.lost"];
  expect(parse({ cluster: "app", webhooks: [{ ...OPS, events }, alerts] })).toEqual({
    cluster: "app",
    webhooks: [
      { ...OPS, format: "standard", events },
      { ...alerts, events: [] },
    ],
  });
});

test.each<[string, unknown, string]>([
  ["nothing", null, "body: must be an object"],
  ["no cluster", { webhooks: [OPS] }, "cluster: must be set"],
  ["none", { cluster: "app", webhooks: [] }, "webhooks: must not be empty"],
  [
    "an unknown field",
    { cluster: "app", webhooks: [{ ...OPS, secret: "x" }] },
    "webhooks.0.secret: is not a known field",
  ],
  [
    "no secret",
    { cluster: "app", webhooks: [{ ...OPS, secretFile: undefined }] },
    "webhooks.0.secretFile: must be set: a receiver verifies by it",
  ],
  [
    "two of one name, http, a private address",
    {
      cluster: "app",
      webhooks: [
        { ...OPS, url: "http://ops.example/" },
        { ...OPS, url: "https://10.0.0.1/" },
      ],
    },
    "webhooks.0.url: must be https: --allow-private-webhooks allows that; webhooks.1.url: must not be private, loopback or link-local: --allow-private-webhooks allows that; webhooks.1.name: is another webhook's too",
  ],
])("[DIR19] a file with %s is refused, by field and rule", (_what, value, problem) => {
  expect(parse(value)).toBe(problem);
});

test("[DIR19] with the switch private addresses and http are taken", () => {
  const webhooks = [{ ...OPS, url: "http://127.0.0.1:9093/" }];
  expect(parse({ cluster: "app", webhooks }, true)).toMatchObject({ cluster: "app" });
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

test.each<[string, string, number | string]>([
  ["one", `${SECRET}\n`, 1],
  ["two, with Windows line ends", `${SECRET}\r\n${SECRET}\r\n`, 2],
  ["none", "\n", "must have 1 to 4 lines of whsec_ and the base64 of 24 to 64 bytes"],
  ["a short one", "whsec_abcd", "line 1 is none"],
  ["another thing", `${SECRET}\npassword`, "line 2 is none"],
])("[DIR19] a file of secrets with %s", (_what, text, expected) => {
  const read = parseSecrets(text);
  if (typeof expected === "number") expect(read.ok && read.secrets.length).toBe(expected);
  else {
    expect(read.ok ? "" : read.problem).toContain(expected);
    expect(JSON.stringify(read)).not.toContain("password");
  }
});
