/** A sink that keeps what a source tells, and lets a test wait for a condition on it. */
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord, RecordChange } from "../../../shared/record/record.ts";
import { dumpValues } from "../../../relay/source/dump-values.ts";
import type { SourceSink } from "../../../relay/source/source.ts";
import type { KeyValues } from "./golden.ts";

export class Recorder implements SourceSink {
  readonly records = new Map<string, CalicoRecord>();
  readonly problems = new Map<string, string>();
  readonly changes: RecordChange[] = [];
  listedCount = 0;
  #waiting: (() => void)[] = [];

  apply(changes: readonly RecordChange[]): void {
    for (const change of changes) {
      this.changes.push(change);
      if (change.op === "put") this.records.set(keyOf(change.record), change.record);
      else this.records.delete(change.key);
    }
    this.#wake();
  }

  listed(): void {
    this.listedCount++;
    this.#wake();
  }

  problem({ object, message }: { readonly object: string; readonly message: string }): void {
    this.problems.set(object, message);
    this.#wake();
  }

  solved(object: string): void {
    this.problems.delete(object);
    this.#wake();
  }

  /**
   * Waits until the condition holds; every call of the sink looks again. The runner's own time
   * limit ends a wait in vain.
   */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
  }

  dump(): KeyValues {
    return new Map(
      [...this.records.values()].flatMap(dumpValues).map(({ key, value }) => [key, value]),
    );
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
