/** What a feeder needs of its own relay. */
import type { HeadQuestion } from "../hub/head-questions.ts";
import type { RemoteView } from "../view/remote-view.ts";
import type { FeederState } from "./frames.ts";

export interface FeederPorts {
  /** The access facts as text, and their version; `null`: none are known. */
  facts(): { readonly text: string; readonly accessVersion: number } | null;
  view(originUid: string): RemoteView | null;
  state(): FeederState;
  /** This relay's own socket for this is open. */
  isOpen(target: string): boolean;
  /** How far the hub is with this; `null`: it cannot be asked now. */
  ask(target: string): HeadQuestion | null;
  /** What followers report has changed. */
  onReports(): void;
  /** Runs something later, after what waits to be done then. */
  after(ms: number, run: () => void): void;
}
