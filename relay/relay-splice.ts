/** What serves Felix, as far as the relay itself knows it. */
export interface RelaySplice {
  readonly felixes: readonly string[];
  canServe(): Promise<boolean>;
  /** What its in-sync waits for may have come. */
  look(): void;
}
