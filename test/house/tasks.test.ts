/** Holds the fifteen tasks of the mission against the timetable: one whose area is there must be in it. */
import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { timetable } from '#schedules/index.ts'

/** Name in the timetable -> the area of core that it works in. */
const fifteen = {
  'federation-sync': 'core/registry/federation',
  'supply-auditor': 'core/registry/audit',
  'staking-rewards': 'core/registry/staking',
  eigentrust: 'core/registry/reputation',
  'velocity-snapshot': 'core/registry/velocity',
  'settlement-reconciliation': 'core/registry/crossings',
  'saga-timeout': 'core/registry/crossings',
  'peer-health': 'core/registry/federation',
  'payment-expiry': 'core/registry/payments',
  'websocket-metrics': 'core/registry/stream',
  'auto-tally': 'core/registry/governance',
  collusion: 'core/registry/collusion',
  'compliance-poller': 'core/registry/federation',
  'auditor-worker': 'core/registry/invariants',
  'webhook-retry': 'core/registry/webhooks',
} as const

/** Tasks of an area that is there whose work is done otherwise or not yet; each with its reason. */
const waiting: Readonly<Record<string, string>> = {}

const isThere = (area: string): boolean =>
  existsSync(area) && readdirSync(area).some((name) => name.endsWith('.ts'))

describe('the mission’s fifteen tasks', () => {
  test('are fifteen', () => {
    expect(Object.keys(fifteen)).toHaveLength(15)
  })

  test.each(Object.entries(fifteen))('%s is in the timetable as soon as %s is there', (task, area) => {
    const listed = task in timetable
    if (isThere(area) || existsSync(`schedules/${task}.ts`)) expect(listed || task in waiting).toBe(true)
    else expect(listed, `${task} is listed, but ${area} is not there`).toBe(false)
  })

  test('wait only while they are not in the timetable', () => {
    for (const task of Object.keys(waiting)) expect(task in timetable, task).toBe(false)
  })
})
