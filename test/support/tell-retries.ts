/** A reporter that tells at the end of a run which tests have passed only when they were tried again, and why they had failed. */
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export default class TellRetries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = describeRetries(modules.flatMap((module) => [...module.children.allTests()]))
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
}

/** Begins what is told, so that others can find it in a log. */
const RETRIED = 'passed only when tried again'

/** Lines about the tests that needed more than one try; none: no line. */
function describeRetries(tests: readonly TestCase[]): string[] {
  const retried = tests.filter((test) => test.diagnostic()?.flaky)
  if (retried.length === 0) return []
  return [
    '',
    `${RETRIED}: ${retried.length}`,
    ...retried.flatMap((test) => [
      `  ${test.module.relativeModuleId} > ${test.fullName}`,
      ...(test.result().errors ?? []).map(({ message }) => `    ${message.split('\n')[0]}`),
    ]),
  ]
}
