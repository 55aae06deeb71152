/** One thing that is wrong, or may be. [CLI92] */

export interface Finding {
  readonly level: "error" | "warning" | "info";
  /** Names of the clusters that it is about; none: it is about the hub. */
  readonly clusters: readonly string[];
  readonly subject: string;
  readonly message: string;
  /** What to do. */
  readonly todo: string;
}

/** The worst first. */
export const LEVELS: readonly Finding["level"][] = ["error", "warning", "info"];

/** Which clusters it is about, and how the subject is called. */
export type About = readonly [clusters: readonly string[], subject: string];

/** @param todo What to do, in the imperative. */
type Make = (
  clusters: readonly string[],
  subject: string,
  message: string,
  todo: string,
) => Finding;
const make =
  (level: Finding["level"]): Make =>
  (clusters, subject, message, todo) => ({ level, clusters, subject, message, todo });

export const error = make("error");
export const warning = make("warning");
export const info = make("info");
