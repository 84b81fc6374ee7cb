/** Decides whether a document is the one that its commitment names. */

/** The type in a document that is the CloudEvents 1.0 event it is said to be, or what is wrong with it. */
export function readType(
  payload: string,
  said: { id: string; source: string; sequence: bigint },
): { type: string } | { fault: string } {
  let event: unknown
  try {
    event = JSON.parse(payload)
  } catch {
    return { fault: 'must be a JSON document' }
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    return { fault: 'must be a JSON object' }
  const { specversion, id, source, type, sourcesequence } = event as Record<string, unknown>
  if (specversion !== '1.0') return { fault: 'must be a CloudEvents 1.0 document' }
  if (id !== said.id || source !== said.source || sourcesequence !== String(said.sequence))
    return { fault: 'must carry the id, source and sourcesequence that stand beside it' }
  if (typeof type !== 'string' || !/^[A-Za-z0-9_.-]{1,128}$/.test(type))
    return { fault: 'must carry a type of 1 to 128 letters, digits, dots, dashes and underscores' }
  return { type }
}
