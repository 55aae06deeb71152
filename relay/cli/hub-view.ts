/** Reads from the hub what a cluster may see, over the very protocol that its relay uses, into memory. */
import WebSocket from "ws";

import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { closeReasonOf } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { WatchMessage } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import type { LabelMode } from "../../shared/visibility/facts.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { VERSION } from "../version.ts";
import { MemoryView } from "../view/memory-view.ts";
import type { ViewChange } from "../view/channel-view.ts";
import type { SeenRecord } from "../policy/world.ts";
import { routeTo } from "../hub/route.ts";
import type { Client } from "./client.ts";
import { CommandError } from "./usage-error.ts";

interface OriginEntry {
  readonly rcc: string | null;
  readonly origin: { readonly uid: string; readonly name: string };
  readonly watch: string;
  /** Absent from a hub of a version before. */
  readonly labels?: LabelMode;
}

export interface HubView {
  readonly cluster: string;
  readonly accessVersion: number;
  readonly records: readonly SeenRecord[];
  /** RCCs whose labels rules see with the RCC's name in them. */
  readonly prefixed: ReadonlySet<string>;
}

/** A change while following; `deleted` has the last record. */
export type SeenChange = SeenRecord & { readonly deleted?: true };

export interface HubViewOptions {
  readonly cluster: string;
  /** Only the origin of this name (a cluster's or an RCC's). */
  readonly origin?: string;
  /** Called for every change after the present state was answered; the sockets then stay open. */
  readonly onChange?: (change: SeenChange) => void;
  /** Called when a followed origin ends, as after a revoked grant. */
  readonly onEnd?: (origin: string, reason: string) => void;
}

const READ_MS = 30_000;

/** @throws CommandError when the hub refuses or an origin cannot be read in time. */
export async function readHubView(client: Client, options: HubViewOptions): Promise<HubView> {
  const path = client.meshPath("clusters", options.cluster, "view");
  const view = await client.get<{
    cluster: { name: string };
    accessVersion: number;
    origins: OriginEntry[];
  }>(path);
  const chosen = view.origins.filter(
    ({ rcc, origin }) =>
      options.origin === undefined || rcc === options.origin || origin.name === options.origin,
  );
  if (options.origin !== undefined && chosen.length === 0)
    throw new CommandError(
      `cluster ${options.cluster} sees no ${options.origin} (no RCC that is granted)`,
    );
  const records = await Promise.all(chosen.map((entry) => readOrigin(client, entry, options)));
  const prefixed = chosen.flatMap(({ rcc, labels }) =>
    rcc !== null && labels === "prefixed" ? [rcc] : [],
  );
  return {
    cluster: view.cluster.name,
    accessVersion: view.accessVersion,
    records: records.flat(),
    prefixed: new Set(prefixed),
  };
}

function readOrigin(
  client: Client,
  entry: OriginEntry,
  options: HubViewOptions,
): Promise<SeenRecord[]> {
  const url = new URL(entry.watch, client.server);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const { agent } = routeTo(client.server);
  const socket = new WebSocket(url, {
    ...(agent === undefined ? {} : { agent }),
    headers: client.headers(),
    perMessageDeflate: false,
    maxPayload: LIMITS.messageBytes,
  });
  const views = new Map<Channel, MemoryView>(
    CHANNELS.map((channel) => [channel, new MemoryView(channel)]),
  );
  const name = entry.rcc ?? entry.origin.name;
  const seen = ({ key, revision, record }: ViewChange["held"]): SeenRecord => ({
    origin: name,
    isOwn: entry.rcc === null,
    key,
    revision,
    record,
  });
  let received = 0;
  let isListed = false;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(`not complete after ${READ_MS / 1000} s`), READ_MS);
    const fail = (message: string): void => {
      clearTimeout(timer);
      socket.terminate();
      reject(new CommandError(`cannot read ${name} from the hub: ${message}`));
    };
    socket.on("error", (error) => fail(error.message));
    socket.on("close", (code, reason) => {
      if (isListed) options.onEnd?.(name, closeReasonOf(code) ?? reason.toString());
      else fail(reason.toString() || `closed (${code})`);
    });
    socket.on("open", () =>
      socket.send(
        encodeMessage({
          type: "watch-hello",
          versions: PROTOCOL_VERSIONS,
          software: `catwalk-cli/${VERSION}`,
          accessVersion: 0,
          creditBytes: LIMITS.inFlightBytes,
          channels: CHANNELS,
          cursors: [],
        }),
      ),
    );
    socket.on("message", (data: Buffer) => {
      received += data.length;
      const decoded = decodeMessage(data);
      if (!decoded.ok || !("channel" in decoded.message)) return;
      const message = decoded.message as Extract<WatchMessage, { channel: Channel }>;
      const view = views.get(message.channel) as MemoryView;
      const { changes, repair } = view.onMessage(message);
      if (repair)
        socket.send(
          encodeMessage({
            type: "repair",
            origin: 0,
            channel: view.channel,
            leaves: view.trie.leaves(),
          }),
        );
      socket.send(
        encodeMessage({
          type: "reader-ack",
          origin: 0,
          channel: view.channel,
          ...view.acknowledged,
          receivedBytes: received,
        }),
      );
      if (isListed)
        for (const { op, held } of changes)
          options.onChange?.(op === "put" ? seen(held) : { ...seen(held), deleted: true });
      else if ([...views.values()].every((each) => each.health().verified !== null)) {
        isListed = true;
        clearTimeout(timer);
        if (options.onChange === undefined) {
          socket.removeAllListeners("close");
          // All is read: waiting for the other side's close frame would only keep the command from ending.
          socket.terminate();
        }
        resolve([...views.values()].flatMap((each) => [...each.records()].map(seen)));
      }
    });
  });
}
