/** Structured logs on stderr: stdout carries the machine-readable events only. */
import { pino } from "pino";
import type { Logger } from "pino";

export type { Logger };

export function newLogger(
  name: string,
  level: string = process.env["CATWALK_LOG_LEVEL"] ?? "info",
): Logger {
  return pino(
    { name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
