/** What commands do with what a relay, or something else at its address, answers. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, test } from "vitest";

import { readRelayStatus, relayPolicies } from "../../cli/admin/relay-client.ts";
import { readWorld } from "../../cli/admin/relay-view.ts";
import { CommandError } from "../../cli/admin/usage-error.ts";
import { keyOf } from "../../shared/record/key.ts";
import { pod } from "../support/records.ts";

/** A server that answers every path with one text. */
async function answering(
  text: string,
  onTestFinished: (cleanup: () => void) => void,
): Promise<string> {
  const server = createServer((_, response) => response.end(text)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const record = pod("a", "10.0.0.1");
const line = { origin: "db", kind: record.kind, key: keyOf(record), revision: 3, record };
const listed = { event: "listed", cluster: "app", accessVersion: 1, hubAgeSeconds: 0 };

test("[CLI58] what is no relay's answer is an error that names the address, the field and the rule", async ({
  onTestFinished,
}) => {
  const hello = await answering('{"cluster": 7}', onTestFinished);
  await expect(readRelayStatus(hello)).rejects.toThrow(
    /^http:.* does not answer as a relay of this version does \(cluster: /,
  );
  const html = await answering("<html>", onTestFinished);
  for (const ask of [readRelayStatus, relayPolicies, readWorld])
    await expect(ask(html)).rejects.toThrow(CommandError);
});

test("[CLI58] a line of a view whose record breaks a rule names the key, the field and the rule", async ({
  onTestFinished,
}) => {
  const lines = [{ ...line, record: { ...record, ips: ["10.0.0.300"] } }, listed];
  const url = await answering(lines.map((one) => JSON.stringify(one)).join("\n"), onTestFinished);
  await expect(readWorld(url)).rejects.toThrow(`${line.key}: ips: `);
});

test("[CLI58] a view that broke off is no view, and a whole one is read as it is", async ({
  onTestFinished,
}) => {
  const broken = await answering(JSON.stringify(line), onTestFinished);
  await expect(readWorld(broken)).rejects.toThrow("broke its view off");
  const whole = await answering(
    `${JSON.stringify(line)}\n${JSON.stringify(listed)}\n`,
    onTestFinished,
  );
  const { cluster, records } = await readWorld(whole);
  expect([cluster, records.map(({ key, isOwn }) => [key, isOwn])]).toEqual([
    "app",
    [[line.key, false]],
  ]);
});
