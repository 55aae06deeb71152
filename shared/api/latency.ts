/** How long changes take, and which relays lag, as status tells it. [API55] [API56] */
import { z } from "zod";

const windowSchema = z.object({
  minutes: z.number().int(),
  count: z.number().int().meta({ description: "Frames that came within these minutes" }),
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
});

export const latencySchema = z
  .object({
    at: z.string().meta({ description: "Up to when; windows before the last of it are empty" }),
    errorMs: z.number().nullable().meta({
      description: "How wrong the times may be, both clocks together; null: not known",
    }),
    windows: z.array(windowSchema),
  })
  .meta({
    id: "Latency",
    description:
      "From the source's watch event until it is applied in the reading relay that lags most",
  });
export type LatencyView = z.output<typeof latencySchema>;

export const edgeRelaysSchema = z
  .object({
    count: z.number().int().meta({ description: "Relays of the reader that hold a connection" }),
    lowestRevision: z.number().nullable().meta({ description: "Of all of them" }),
    lagging: z.number().int().meta({
      description: "Relays that are not in sync, or behind another one",
    }),
    names: z.array(z.string()).meta({ description: "What some of those call themselves" }),
  })
  .meta({ id: "EdgeRelays" });
export type EdgeRelaysView = z.output<typeof edgeRelaysSchema>;
export const NO_RELAYS: EdgeRelaysView = { count: 0, lowestRevision: null, lagging: 0, names: [] };
