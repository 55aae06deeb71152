/**
 * A view whose grant shows less now, without the hub: what its scope does not show goes, and what
 * it does show stays, whether the origin's log has confirmed it or not. [SCP4]
 */
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { decodeRecord, encodeRecord, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { Projector } from "../../shared/visibility/scope.ts";
import type { ChannelView } from "./channel-view.ts";
import { heldOf } from "./held-records.ts";
import type { ViewChange } from "./held-records.ts";
import type { StoredRecord } from "./records.ts";
import { completeOf, Snapshot } from "./snapshot.ts";
import type { ViewHeader } from "./file-meta.ts";
import type { ViewFile } from "./view-file.ts";
import { readerOf } from "./view-storage.ts";
import type { ReadRecord, ViewStorage } from "./view-storage.ts";

interface NarrowedChannel {
  readonly view: ChannelView;
  readonly trie: HashTrie;
  /** Of all that was held. */
  readonly places: Float64Array;
  /**
   * What has become of each: its place in the new file where it has fewer labels, else one of
   * these.
   */
  readonly became: Float64Array;
}

const GONE = -1;
const SAME = -2;

/** A record as it is shown. */
interface ShownRecord extends StoredRecord {
  /** Which of the places it was at. */
  readonly index: number;
  readonly keyHash: Uint8Array;
  readonly isSame: boolean;
}

/** A view as its scope shows it, in a file of its own; the view itself is unchanged. */
export class Narrowed {
  readonly #channels: readonly NarrowedChannel[];
  readonly #readOld: ReadRecord;
  readonly #readNew: ReadRecord;

  /** @param readOld Of the view's file, which is to stay readable. */
  constructor(
    [file, readNew]: readonly [ViewFile, ReadRecord],
    header: ViewHeader,
    views: readonly ChannelView[],
    readOld: ReadRecord,
    project: Projector,
  ) {
    this.#readOld = readOld;
    this.#readNew = readNew;
    const snapshot = new Snapshot(file, header);
    this.#channels = views.map((view) => {
      const places = view.places();
      const became = new Float64Array(places.length).fill(GONE);
      const trie = new HashTrie();
      const { channel, isPopulated } = view;
      snapshot.channel(
        { channel, health: { cursor: null, verified: null }, isPopulated },
        shownOf(places, readOld, project),
        ({ index, keyHash, bytes, isSame }, place) => {
          trie.set(keyHash, hashRecord(bytes), place);
          became[index] = isSame ? SAME : place;
        },
      );
      return { view, trie, places, became };
    });
    snapshot.end(completeOf(views));
  }

  /**
   * The view is this from now on.
   * @returns What has changed by it, to be asked for while the old file can be read.
   */
  replaceViews(): Iterable<ViewChange> {
    for (const { view, trie } of this.#channels) view.replace(trie);
    return this.#changes();
  }

  *#changes(): Generator<ViewChange> {
    for (const { places, became } of this.#channels)
      for (const [index, now] of became.entries()) {
        if (now === SAME) continue;
        yield now === GONE
          ? { op: "delete", held: heldOf(this.#readOld(places[index] as number)) }
          : { op: "put", held: heldOf(this.#readNew(now)), isNew: false };
      }
  }
}

/** Whether nothing would be taken from what is held. */
export function isAllShown(
  views: readonly ChannelView[],
  read: ReadRecord,
  project: Projector,
): boolean {
  return views.every((view) => {
    const places = view.places();
    let same = 0;
    for (const { isSame } of shownOf(places, read, project)) {
      if (!isSame) return false;
      same++;
    }
    return same === places.length;
  });
}

function* shownOf(
  places: Float64Array,
  read: ReadRecord,
  project: Projector,
): Generator<ShownRecord> {
  for (const [index, place] of places.entries()) {
    const { bytes, revision } = read(place);
    const decoded = decodeRecord(bytes);
    const shown = decoded.ok ? project(decoded.record) : null;
    if (!decoded.ok || shown === null) continue;
    const isSame = isWhole(shown, decoded.record);
    const keyHash = keyHashOf(shown);
    yield { index, keyHash, isSame, bytes: isSame ? bytes : encodeRecord(shown), revision };
  }
}

/** Whether nothing would be taken from a record, nor the record itself. */
export function isShown(record: CalicoRecord, project: Projector): boolean {
  const shown = project(record);
  return shown !== null && isWhole(shown, record);
}

/** Only labels are taken from a record. */
function isWhole(shown: CalicoRecord, record: CalicoRecord): boolean {
  if (shown === record || !("labels" in shown) || !("labels" in record)) return true;
  return Object.keys(shown.labels).length === Object.keys(record.labels).length;
}

/**
 * Narrows a view to what a scope shows. Into a file of its own, so that a kill leaves the view as
 * it was, to be narrowed by the next start, and the disk keeps nothing of what is not shown any
 * more. Then whoever serves it is told.
 */
export function narrowInPlace(
  storage: ViewStorage,
  header: ViewHeader,
  views: readonly ChannelView[],
  project: Projector,
  tell: (changes: Iterable<ViewChange>) => void,
): void {
  const old = storage.file;
  const next = old.sibling(".new");
  const [readOld, readNext] = [readerOf(old), readerOf(next)];
  const narrowed = new Narrowed([next, readNext], header, views, readOld, project);
  storage.fill(next);
  const changes = narrowed.replaceViews();
  storage.takePlace();
  storage.measured();
  try {
    tell(changes);
  } finally {
    storage.leave(old);
  }
}
