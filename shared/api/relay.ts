/**
 * What a relay answers over HTTP to those beside it: `/status`, the lines of `/view`, `/policies`.
 * Fields that a relay of an older version lacks have defaults.
 */
import { z } from "zod";

const stateSchema = z.enum(["following", "listing", "failing", "absent"]);

/** An RCC that the relay reads itself. [DIR8] */
const directRemoteSchema = z.looseObject({
  rcc: z.string(),
  where: z.string(),
  datastore: z.string().nullable(),
  conditions: z.array(
    z.looseObject({
      type: z.string(),
      status: z.enum(["True", "False", "Unknown"]),
      reason: z.string(),
      message: z.string(),
      since: z.string(),
    }),
  ),
  ranges: z.looseObject({ pods: z.array(z.string()), nodes: z.array(z.string()) }),
});
export type DirectRemoteView = z.output<typeof directRemoteSchema>;

/** Loose, because `-o json` shows what a newer relay says besides. */
export const relayStatusSchema = z.looseObject({
  version: z.string().optional(),
  protocols: z.array(z.number().int()).optional(),
  cluster: z.string().nullable(),
  mesh: z.string().nullable(),
  hub: z.enum(["connected", "not-joined", "down"]),
  hubAgeSeconds: z.number().nullable(),
  message: z.string().nullable(),
  clockSkewSeconds: z.number().default(0),
  accessVersion: z.number(),
  diskProblem: z.string().nullable().default(null),
  source: z.looseObject({
    state: stateSchema.default("following"),
    reason: z.string().default(""),
    since: z.string().nullable().default(null),
    listed: z.boolean(),
    records: z.number(),
    problems: z.array(z.object({ object: z.string(), message: z.string() })),
  }),
  withdrawals: z
    .array(
      z.looseObject({ collection: z.string(), keys: z.number(), until: z.string().nullable() }),
    )
    .default([]),
  publisher: z.looseObject({ pending: z.number() }).nullable(),
  remotes: z.array(
    z.looseObject({
      rcc: z.string(),
      origin: z.looseObject({ uid: z.string(), name: z.string() }),
      connectionStatus: z.number(),
      endpoints: z.number(),
      refused: z.number(),
      overLimit: z.string().optional(),
    }),
  ),
  direct: z
    .looseObject({
      problem: z.string().nullable(),
      remotes: z.array(directRemoteSchema),
      refused: z.array(z.object({ where: z.string(), message: z.string() })),
      /** Webhooks that the relay tells itself; `null`: none. [DIR19] */
      told: z
        .looseObject({
          isTeller: z.boolean(),
          webhooks: z.array(
            z.looseObject({
              name: z.string(),
              host: z.string(),
              waiting: z.number(),
              problem: z.string().nullable(),
              isDisabled: z.boolean(),
            }),
          ),
        })
        .nullable()
        .default(null),
    })
    .nullable()
    .default(null),
  pools: z
    .looseObject({
      exempt: z.array(z.object({ cidr: z.string(), of: z.array(z.string()) })),
      withheld: z.array(z.object({ cidr: z.string(), reason: z.string() })),
    })
    .default({ exempt: [], withheld: [] }),
  exports: z
    .looseObject({ summary: z.string(), problem: z.string().nullable(), records: z.number() })
    .nullable()
    .default(null),
  resources: z
    .looseObject({ isWriter: z.boolean(), holder: z.string(), problems: z.array(z.string()) })
    .nullable()
    .default(null),
  services: z
    .looseObject({ isWriter: z.boolean(), holder: z.string(), problems: z.array(z.string()) })
    .nullable()
    .default(null),
  transfers: z
    .array(z.object({ rcc: z.string(), changes: z.number(), bytes: z.number() }))
    .default([]),
  /** Nodes whose Felix is connected; `null`: it serves none. */
  felix: z.array(z.string()).nullable().default(null),
});
export type RelayStatusView = z.output<typeof relayStatusSchema>;

/** A line of `/view`: a record, its deletion, or the end of the present state. */
export const viewLineSchema = z.union([
  z.object({
    event: z.literal("listed"),
    cluster: z.string().default(""),
    accessVersion: z.number().default(0),
    hubAgeSeconds: z.number().nullable().default(null),
    prefixed: z.array(z.string()).default([]),
  }),
  z.object({
    event: z.undefined().optional(),
    origin: z.string(),
    key: z.string(),
    revision: z.number(),
    /** Its own schema is the one of records: `shared/record`. */
    record: z.looseObject({ kind: z.string() }),
    deleted: z.literal(true).optional(),
  }),
]);

export const policiesSchema = z.object({
  items: z.array(
    z.object({
      apiVersion: z.string(),
      kind: z.string(),
      metadata: z.looseObject({
        name: z.string(),
        namespace: z.string().optional(),
        labels: z.unknown().optional(),
      }),
      spec: z.unknown().optional(),
    }),
  ),
  unread: z.array(z.object({ kind: z.string(), message: z.string() })).optional(),
});

export const withdrawalsSchema = z.array(
  z.object({
    collection: z.string(),
    keys: z.number(),
    since: z.string(),
    until: z.string().nullable(),
  }),
);
export type WithdrawalView = z.output<typeof withdrawalsSchema>[number];
export const decidedWithdrawalsSchema = z.object({ keys: z.number() });
export const relayErrorSchema = z.object({ error: z.string() });
