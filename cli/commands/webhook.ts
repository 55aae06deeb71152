/** `catwalk webhook create|list|get|delete|test|deliveries|redeliver|rotate|enable`. [CLI70] */
import type { Command } from "commander";
import { Option } from "commander";

import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  redeliverWebhook,
  testWebhook,
  updateWebhook,
} from "../../shared/api/webhooks.ts";
import type { WebhookView } from "../../shared/api/webhooks.ts";
import { EVENT_TYPES } from "../../shared/visibility/health.ts";
import { clientOf, collect, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { renderList, renderOne } from "./output.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

type Flags = ServerFlags & OutputFlags;

export const registerWebhook: RegisterCommand = (program) => {
  const webhook = withExample(
    program.command("webhook").description("who is told what happens in the mesh"),
    "catwalk webhook create --url https://ops.example/hook --event sync.lost,sync.recovered",
  );
  registerCreate(webhook);
  registerList(webhook);
  registerGet(webhook);
  registerDelete(webhook);
  registerTest(webhook);
  registerDeliveries(webhook);
  registerRedeliver(webhook);
  registerUpdates(webhook);
};

function registerCreate(webhook: Command): void {
  withExample(
    withOutput(
      withServer(
        webhook.command("create").description("have events sent to a URL; prints the secret once"),
      ),
    )
      .requiredOption("--url <url>", "where to send them (https)")
      .option(
        "--event <types>",
        `which, repeatable or with commas: ${EVENT_TYPES.join(", ")}; without it: all`,
        collect,
      )
      .addOption(
        new Option("--format <format>", "Standard Webhooks, or what Alertmanager takes")
          .choices(["standard", "alertmanager"])
          .default("standard"),
      )
      .addOption(
        new Option("--signature <kind>", "v1a: Ed25519 signatures beside those of v1 (HMAC)")
          .choices(["v1", "v1a"])
          .default("v1"),
      ),
    "catwalk webhook create --url https://ops.example/hook --event sync.lost,sync.recovered",
  ).action(async (flags: Flags & CreateFlags) => {
    const client = clientOf(flags);
    const made = await client.call(createWebhook, {
      params: { mesh: client.mesh },
      body: {
        url: flags.url,
        events: eventsOf(flags.event),
        format: flags.format,
        // A hub of a version that knows none takes the rest.
        ...(flags.signature === "v1" ? {} : { signature: flags.signature }),
      },
    });
    const keys = made.webhook.publicKeys.map((key) => `public key: ${key}\n`).join("");
    print(
      flags.output === undefined
        ? `webhook ${made.webhook.id} created\n${keys}secret: ${made.secret}\n(shown once: keep it where the receiver verifies signatures)\n`
        : renderOne(made, made.webhook.id, flags.output),
    );
  });
}

interface CreateFlags {
  readonly url: string;
  readonly event?: readonly string[];
  readonly format: "standard" | "alertmanager";
  readonly signature: "v1" | "v1a";
}

/** @throws UsageError for one that there is not. */
function eventsOf(given: readonly string[] = []): (typeof EVENT_TYPES)[number][] {
  return given
    .flatMap((text) => text.split(","))
    .map((text) => {
      const type = EVENT_TYPES.find((known) => known === text.trim());
      if (type === undefined)
        throw new UsageError(`--event ${text}: must be one of ${EVENT_TYPES.join(", ")}`);
      return type;
    });
}

const stateOf = ({ disabled, failingSince }: WebhookView): string =>
  disabled !== null ? "disabled" : failingSince !== null ? "failing" : "ok";

function registerList(webhook: Command): void {
  withExample(
    withOutput(withServer(webhook.command("list").description("list webhooks"))),
    "catwalk webhook list",
  ).action(async (flags: Flags) => {
    const client = clientOf(flags);
    const { items } = await client.call(listWebhooks, { params: { mesh: client.mesh } });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "WEBHOOK", of: (row) => row.id },
            { title: "STATE", of: stateOf },
            { title: "WAITING", of: (row) => String(row.waiting) },
            { title: "FORMAT", of: (row) => row.format, wide: true },
            { title: "URL", of: (row) => row.url },
            { title: "EVENTS", of: (row) => row.events.join(", ") || "all", wraps: true },
          ],
          name: (row) => row.id,
          empty: "no webhooks: make one with `catwalk webhook create --url URL`",
        },
        flags.output,
      ),
    );
  });
}

function registerGet(webhook: Command): void {
  withExample(
    withOutput(withServer(webhook.command("get <id>").description("show a webhook"))),
    "catwalk webhook get wh_0123456789abcdef",
  ).action(async (id: string, flags: Flags) => {
    const client = clientOf(flags);
    const shown = await client.call(getWebhook, { params: { mesh: client.mesh, webhook: id } });
    print(renderOne(shown, id, flags.output));
  });
}

function registerDelete(webhook: Command): void {
  withExample(
    withServer(webhook.command("delete <id>").description("delete a webhook")),
    "catwalk webhook delete wh_0123456789abcdef",
  ).action(async (id: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    await client.call(deleteWebhook, { params: { mesh: client.mesh, webhook: id } });
    print(`webhook ${id} deleted\n`);
  });
}

function registerTest(webhook: Command): void {
  withExample(
    withServer(webhook.command("test <id>").description("send a test event now")),
    "catwalk webhook test wh_0123456789abcdef",
  ).action(async (id: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, webhook: id };
    const { status, error } = await client.call(testWebhook, { params });
    if (status === null || status >= 300)
      throw new CommandError(
        `the receiver ${status === null ? `cannot be told: ${error}` : `answered ${status}`}`,
      );
    print(`the receiver answered ${status}\n`);
  });
}

function registerDeliveries(webhook: Command): void {
  withExample(
    withOutput(
      withServer(webhook.command("deliveries <id>").description("the last attempts, newest first")),
    ),
    "catwalk webhook deliveries wh_0123456789abcdef",
  ).action(async (id: string, flags: Flags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, webhook: id };
    const { items } = await client.call(listDeliveries, { params });
    print(
      renderList(
        items,
        {
          columns: [
            { title: "AT", of: (row) => `${row.at.slice(0, 19)}Z` },
            { title: "EVENT", of: (row) => String(row.event) },
            { title: "TYPE", of: (row) => row.type },
            { title: "ATTEMPT", of: (row) => String(row.attempt) },
            { title: "STATUS", of: (row) => String(row.status ?? "") },
            { title: "TOOK", of: (row) => `${row.tookMs}ms` },
            { title: "ERROR", of: (row) => row.error, wraps: true },
          ],
          name: (row) => `${row.at} ${row.event}`,
          empty: "nothing was sent yet",
        },
        flags.output,
      ),
    );
  });
}

function registerRedeliver(webhook: Command): void {
  withExample(
    withServer(webhook.command("redeliver <id>").description("send an event again")).requiredOption(
      "--event <number>",
      "its number in `catwalk events`",
    ),
    "catwalk webhook redeliver wh_0123456789abcdef --event 17",
  ).action(async (id: string, flags: ServerFlags & { readonly event: string }) => {
    if (!/^[1-9]\d{0,11}$/.test(flags.event))
      throw new UsageError(`--event ${flags.event}: must be the number of an event`);
    const client = clientOf(flags);
    const params = { mesh: client.mesh, webhook: id };
    await client.call(redeliverWebhook, { params, body: { event: Number(flags.event) } });
    print(`event ${flags.event} is sent again\n`);
  });
}

function registerUpdates(webhook: Command): void {
  withExample(
    withServer(
      webhook
        .command("rotate <id>")
        .description("make another secret; both sign what is sent for a day"),
    ),
    "catwalk webhook rotate wh_0123456789abcdef",
  ).action(async (id: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, webhook: id };
    const { secret } = await client.call(updateWebhook, { params, body: { rotateSecret: true } });
    print(`secret: ${secret}\n`);
  });
  withExample(
    withServer(webhook.command("enable <id>").description("use a disabled webhook again")),
    "catwalk webhook enable wh_0123456789abcdef",
  ).action(async (id: string, flags: ServerFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, webhook: id };
    await client.call(updateWebhook, { params, body: { enabled: true } });
    print(`webhook ${id} is enabled\n`);
  });
}
