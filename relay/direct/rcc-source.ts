/** Where a relay has its direct RCCs from: a folder of files, or the cluster's custom resources. */
import type { FolderDocuments } from "./documents.ts";

export interface RccHandlers {
  /** After each look that found something else than the one before, and after the first. */
  onDocuments(documents: FolderDocuments): void;
  /** It cannot be read: what it held before stays. `null`: it can again. */
  onProblem(message: string | null): void;
}

export interface RccSource {
  start(): void;
  stop(): Promise<void>;
}

export type OpenRccSource = (handlers: RccHandlers) => RccSource;
