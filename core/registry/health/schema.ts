/** Shapes of health, keys and the operator's overview. */
import { z } from 'zod'
import { TimeOut } from '#core/base/shapes.ts'
import { Minting, Supply, Treasury } from '#core/wire/teg.ts'
import { RunState } from '../tasks/schema.ts'

export const LiveOut = z.strictObject({ status: z.literal('alive') })
export const ReadyOut = z.strictObject({ status: z.literal('ready') })

const Part = z.strictObject({
  /** absent: not part of this installation. */
  state: z.enum(['up', 'down', 'absent']),
  latency_ms: z.number().nullable(),
})
const Pool = z.strictObject({ total: z.int(), idle: z.int(), waiting: z.int() })
/** Of this worker's part of the registry: seconds that the oldest fact has waited; 0: none waits. */
const Lag = z.strictObject({ lag_seconds: z.number().min(0) })
const Spire = z.strictObject({
  /** up: the agent streams and the identity is in time; down: it does not, or there is none. */
  state: z.enum(['up', 'down', 'absent']),
  /** How cert-writer finds the agent; silent: it has not told for minutes. */
  workload_api: z.enum(['connecting', 'connected', 'down', 'denied', 'stopped', 'silent']).nullable(),
  identity: z.enum(['none', 'ok', 'expiring']),
  spiffe_id: z.string().nullable(),
  svid_age_seconds: z.number().nullable(),
  svid_left_seconds: z.number().nullable(),
})
export type Spire = z.output<typeof Spire>
const TaskOut = z.strictObject({
  name: z.string(),
  /** The process that holds the task now; null: nobody. */
  leader: z.string().nullable(),
  /** Seconds since it took the task. */
  age_seconds: z.number().nullable(),
  last_run: z
    .strictObject({
      slot: TimeOut,
      state: RunState,
      finished_at: TimeOut.nullable(),
    })
    .nullable(),
})
export type TaskOut = z.output<typeof TaskOut>

export const HealthOut = z.strictObject({
  /** degraded: the registry answers, but a part that it needs does not. */
  status: z.enum(['ok', 'degraded']),
  version: z.string(),
  /** From here on for operators only. */
  databases: z
    .strictObject({
      /** `pool`: connections of the worker that answers; null where there is none. */
      registry: Part.extend({ pool: Pool.nullable() }),
      teg: Part,
    })
    .optional(),
  redis: Part.extend({ kind: z.enum(['redis', 'in-process', 'postgres']) }).optional(),
  teg: Part.optional(),
  event_store: Part.optional(),
  spire: Spire.optional(),
  /** The journal, and the way from it to the EventStore; null while the database does not answer. */
  journal: Lag.extend({ head: z.int().min(0) })
    .nullable()
    .optional(),
  forwarder: Lag.extend({ waiting: z.int().min(0) })
    .nullable()
    .optional(),
  tasks: z.array(TaskOut).optional(),
})
export type HealthOut = z.output<typeof HealthOut>

export const KeysOut = z.strictObject({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), alg: z.string(), use: z.string() })),
})

const Count = z.int().min(0)
export const OverviewOut = z.strictObject({
  version: z.string(),
  developers: z.strictObject({ total: Count, active: Count, suspended: Count }),
  agents: z.strictObject({
    total: Count,
    active: Count,
    deprecated: Count,
    suspended: Count,
    retired: Count,
  }),
  grants: z.strictObject({ granted: Count, refused: Count, due: Count }),
  /** Null while the TEG does not answer. */
  supply: Supply.nullable(),
  treasury: Treasury.nullable(),
  /** `ever_minted`: the TEG has issued or destroyed AVT on an operator's order, and can join no federation. */
  minting: Minting.nullable(),
  teg: z.enum(['up', 'down']),
  /** Index of the journal's newest event; 0: none yet. */
  journal_head: z.int().min(0),
  settings_version: z.int().min(0),
  as_of: TimeOut,
})
export type OverviewOut = z.output<typeof OverviewOut>

export const TreasuryOut = Treasury
