/**
 * A view file written anew: its header, then of each channel what is held and where it stands.
 * [VIE10]
 */
import type { Channel } from "../../shared/record/channel.ts";
import type { ChannelView } from "./channel-view.ts";
import type { Records, StoredRecord } from "./records.ts";
import { Body } from "./view-events.ts";
import type { FileEvent, ViewHeader } from "./file-meta.ts";
import type { ViewFile } from "./view-file.ts";

/** Records of one body, in bytes. */
const KEPT_BYTES = 256 * 1024;

export type Position = Pick<
  Extract<FileEvent, { type: "position" }>,
  "channel" | "health" | "isPopulated"
>;

export class Snapshot {
  readonly #file: ViewFile;

  constructor(file: ViewFile, header: ViewHeader) {
    this.#file = file;
    this.#append(this.#body({ type: "header", ...header }));
  }

  /**
   * One record after the other, as they are read.
   * @param onPlace Hears where each is in this file.
   */
  channel<R extends StoredRecord>(
    { channel, health, isPopulated }: Position,
    records: Iterable<R>,
    onPlace: (record: R, place: number) => void,
  ): void {
    let body = this.#kept(channel);
    for (const record of records) {
      onPlace(record, body.addRecord(record.bytes, record.revision));
      if (body.length < KEPT_BYTES) continue;
      this.#append(body);
      body = this.#kept(channel);
    }
    this.#append(body);
    this.#append(this.#body({ type: "position", channel, health, isPopulated }));
  }

  /** Last, so that a file that was cut off before its end says nothing of it. */
  end(complete: readonly Channel[]): void {
    this.#append(this.#body({ type: "complete", channels: complete }));
  }

  #kept(channel: Channel): Body {
    return this.#body({ type: "kept", channel });
  }

  #body(event: FileEvent): Body {
    return new Body(this.#file.nextBodyAt, event);
  }

  #append(body: Body): void {
    this.#file.append(body.bytes);
  }
}

/** A view as it is. Answers where its records are then, in the order of their keys. */
export function writeSnapshot(
  file: ViewFile,
  header: ViewHeader,
  views: readonly ChannelView[],
  records: Pick<Records, "read">,
): Map<ChannelView, Float64Array> {
  const places = new Map<ChannelView, Float64Array>();
  const snapshot = new Snapshot(file, header);
  for (const view of views) {
    const { channel, isPopulated } = view;
    const { cursor, verified } = view.health();
    const moved = new Float64Array(view.trie.size);
    let count = 0;
    snapshot.channel(
      { channel, health: { cursor, verified }, isPopulated },
      confirmed(view, records),
      (_record, place) => (moved[count++] = place),
    );
    places.set(view, moved);
  }
  snapshot.end(completeOf(views));
  return places;
}

/** Those that were complete once. */
export function completeOf(views: readonly ChannelView[]): readonly Channel[] {
  return views.filter((view) => view.health().wasComplete).map(({ channel }) => channel);
}

function* confirmed(view: ChannelView, records: Pick<Records, "read">): Generator<StoredRecord> {
  for (const { tag } of view.trie.entries()) yield records.read(tag);
}
