/** The Worker of the runtime tests. */
import { toWorker } from '#core/runtime/to-worker.ts'
import { statelessApp } from './stateless-app.ts'

export default toWorker(async (env: { PER_MINUTE: string }) => statelessApp(Number(env.PER_MINUTE)))
