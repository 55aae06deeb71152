/** Whether a view may hold more than its scope shows. [SCP4] [SCP17] */
import type { Projector, Scope } from "../../shared/visibility/scope.ts";
import { isSameScope } from "../../shared/visibility/scope.ts";
import type { ChannelView } from "./channel-view.ts";
import type { ViewChange } from "./held-records.ts";
import { isAllShown, isShown } from "./narrow.ts";
import { narrowing } from "./shown.ts";
import type { ViewHeader } from "./file-meta.ts";
import type { ReadRecord } from "./view-storage.ts";

export class ScopeCheck {
  /**
   * It is not known that the scope shows all that is held: it came from the disk, or the hub was
   * ahead of the facts and showed more.
   */
  #mayHoldMore = false;
  /** The projection by a header's scope; `null`: it takes nothing away. */
  #narrowing: { readonly header: ViewHeader; readonly project: Projector | null } | null = null;

  /** The held records came from the disk. */
  onLoaded(): void {
    this.#mayHoldMore = true;
  }

  /** The held records were narrowed to what the scope shows. */
  onNarrowed(): void {
    this.#mayHoldMore = false;
  }

  onChanges(changes: readonly ViewChange[], header: ViewHeader): void {
    if (this.#mayHoldMore) return;
    const project = this.#projectorOf(header);
    this.#mayHoldMore =
      project !== null &&
      changes.some(({ op, held }) => op === "put" && !isShown(held.record, project));
  }

  /**
   * Whether the view is to be narrowed to a scope: it has another one, or newer facts say the same
   * and something is held that it does not show, because the hub was ahead of the facts meanwhile.
   */
  needsNarrowing(
    scope: Scope | undefined,
    isNewer: boolean,
    view: {
      readonly header: ViewHeader;
      readonly channels: readonly ChannelView[];
      readonly read: ReadRecord;
    },
  ): boolean {
    if (!isSameScope(scope, view.header.scope)) return true;
    if (!isNewer || !this.#mayHoldMore) return false;
    // Reads all there is, where that may be: nothing says of a log what it shows.
    this.#mayHoldMore = false;
    const project = this.#projectorOf(view.header);
    return project !== null && !isAllShown(view.channels, view.read, project);
  }

  /** What has no label beyond the scope's has come through it, or was left by a narrower one. */
  #projectorOf(header: ViewHeader): Projector | null {
    if (this.#narrowing?.header !== header)
      this.#narrowing = { header, project: narrowing(header, header.scope, true).project };
    return this.#narrowing.project;
  }
}
