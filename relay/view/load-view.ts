/**
 * A view from its file: what was held when that was rewritten, then every message that was applied
 * since. [VIE5]
 */
import type { Channel } from "../../shared/record/channel.ts";
import type { ChannelView } from "./channel-view.ts";
import { open } from "./opened.ts";
import { completeOf } from "./snapshot.ts";
import { messagesOfVersion1 } from "./version-1.ts";
import { readBody, replayed } from "./view-events.ts";
import type { ViewHeader } from "./file-meta.ts";
import type { ReadBody } from "./view-events.ts";
import type { ViewStorage } from "./view-storage.ts";

export type ChannelViews = Readonly<Record<Channel, ChannelView>>;

export interface LoadedView {
  readonly header: ViewHeader;
  /** Damage that was cut off, for the log; `null` when the file was whole. */
  readonly damage: string | null;
}

/**
 * An unreadable or foreign file is dropped, and everything is asked for again.
 * @param header Of a file that is not there yet.
 */
export function loadView(
  storage: ViewStorage,
  channels: ChannelViews,
  header: ViewHeader,
): LoadedView {
  return storage.file.isVersion1
    ? convertVersion1(storage, channels, header)
    : replayFile(storage, channels, header);
}

function replayFile(
  storage: ViewStorage,
  channels: ChannelViews,
  otherwise: ViewHeader,
): LoadedView {
  let header: ViewHeader | null = null;
  let unknown: string | null = null;
  const { damage } = storage.file.load((bytes, at) => {
    const body = readBody(bytes, at);
    if (body?.meta.type === "header") {
      const { type: _type, ...read } = body.meta;
      header = read;
    } else if (body === null || header === null) unknown = "a record in it is not of this version";
    else replayBody(body, channels);
  });
  if (header === null) {
    storage.file.remove();
    storage.appendEvent({ type: "header", ...otherwise });
  }
  return { header: header ?? otherwise, damage: damage ?? unknown };
}

function replayBody({ meta, records }: ReadBody, channels: ChannelViews): void {
  switch (meta.type) {
    case "header":
      return;
    case "kept":
      for (const { bytes, place } of records) channels[meta.channel].restore(bytes, place);
      return;
    case "position": {
      const { cursor, verified } = meta.health;
      channels[meta.channel].restorePosition(cursor, verified, meta.isPopulated);
      return;
    }
    case "complete":
      for (const channel of meta.channels) channels[channel].restoreComplete();
      return;
    case "blob":
    case "tail":
    case "repair-plan":
    case "repair-needed":
    case "checkpoint":
    case "unreadable":
      channels[meta.channel].applyMessage(replayed(meta, records));
  }
}

/** A file of the first format: applied message by message into one of this. */
function convertVersion1(
  storage: ViewStorage,
  channels: ChannelViews,
  otherwise: ViewHeader,
): LoadedView {
  const { file } = storage;
  const old = messagesOfVersion1(file);
  const header = old.header ?? otherwise;
  storage.fill(file.sibling(".new"));
  storage.appendEvent({ type: "header", ...header });
  for (const channel of old.complete) channels[channel].restoreComplete();
  for (const message of old.messages) {
    const opened = open(message);
    if (opened !== null) storage.applyAndAppend(channels[opened.channel], opened);
  }
  storage.appendEvent({ type: "complete", channels: completeOf(Object.values(channels)) });
  file.close();
  storage.takePlace();
  return { header, damage: old.damage };
}
