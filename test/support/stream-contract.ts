/** The contract check of the live stream: every frame that a test receives must be what the AsyncAPI document says. */
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { eventTypes } from '#core/registry/stream/events.ts'
import { CloudEvent } from '#core/registry/stream/schema.ts'
import { describeStream } from '#core/runtime/describe-stream.ts'

interface Document {
  components: { messages: Record<string, { payload: object }> }
}

const info = { title: 'Ninefold', version: 'test', description: '', serverUrl: 'http://127.0.0.1' }
const document = describeStream(info, { event: CloudEvent, types: eventTypes }) as unknown as Document
const ajv = new Ajv({ strict: false })
;(addFormats as unknown as (ajv: Ajv) => void)(ajv)
const validators = new Map<string, ValidateFunction>(
  Object.entries(document.components.messages).map(([name, { payload }]) => [name, ajv.compile(payload)]),
)

/** @throws where a frame is not documented or has another shape */
export function checkFrame(frame: { type: string }): void {
  const validate = validators.get(frame.type)
  const { type } = frame
  if (!validate) throw new Error(`a frame that the AsyncAPI document does not know: ${type}`)
  if (!validate(frame)) throw new Error(`frame ${type}: ${ajv.errorsText(validate.errors)}`)
}
