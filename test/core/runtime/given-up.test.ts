import { describe, expect, test } from 'vitest'
import type { Context } from '#core/platform/context.ts'
import { openLog } from '#core/platform/log.ts'
import { rowsOf } from '#core/runtime/define-function.ts'
import { testApp } from '#test/support/app.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const { get } = rowsOf<Context>()
const lines: string[] = []
const log = openLog({ level: 'debug', write: (line) => lines.push(line) })

describe('a client that goes away', () => {
  test('is no failure of ours (499 in the log, no error line), and its work leaves no unhandled rejection', async () => {
    const heard: unknown[] = []
    const unhandled = (error: unknown) => heard.push(error)
    process.on('unhandledRejection', unhandled)
    const { app } = await testApp(
      db,
      {
        rows: [get('/read', { summary: 'x', callers: 'public' }, ({ ctx }) => ctx.db.query('select 1'))],
      },
      { log },
    )
    let leave: () => void = () => undefined
    const answer = app.fetch(new Request('http://a/api/v1/test/read'), {
      address: '127.0.0.1',
      onClose: (tell) => {
        leave = tell
      },
    })
    // Gone before the row begins its work: the work then fails at once.
    leave()
    await answer
    process.off('unhandledRejection', unhandled)
    expect(heard).toEqual([])
    const line = lines.map((text) => JSON.parse(text) as Record<string, unknown>).find((one) => one.route)
    expect([line?.status, line?.level]).toEqual([499, 20])
  })
})
