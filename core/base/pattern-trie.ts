/** Many patterns of event types in one tree: an event is matched once, however many want to know of it. */

interface Node<T> {
  readonly tokens: Map<string, Node<T>>
  /** The node of `*`. */
  any: Node<T> | null
  /** Wanted by patterns that end here. */
  readonly here: Set<T>
  /** Wanted by patterns whose `>` stands here. */
  readonly rest: Set<T>
}

/** Types whose matches are remembered until a pattern comes or goes: types are few, events many. */
const REMEMBERED_MAX = 1000

export interface PatternTrie<T> {
  /** Adds patterns for a value; a value may have any number. */
  add(patterns: readonly string[], value: T): void
  /** Takes the same patterns of a value out again. */
  remove(patterns: readonly string[], value: T): void
  /** The values that want a type, each once. The set is shared: read it only. */
  match(type: string): ReadonlySet<T>
}

const makeNode = <T>(): Node<T> => ({ tokens: new Map(), any: null, here: new Set(), rest: new Set() })

export function openTrie<T>(): PatternTrie<T> {
  const root = makeNode<T>()
  const remembered = new Map<string, ReadonlySet<T>>()
  return {
    add(patterns, value) {
      for (const pattern of patterns) placeOf(root, pattern).add(value)
      remembered.clear()
    },
    remove(patterns, value) {
      for (const pattern of patterns) takeOut(root, pattern.split('.'), 0, value)
      remembered.clear()
    },
    match(type) {
      const known = remembered.get(type)
      if (known) return known
      const found = new Set<T>()
      collect(root, type.split('.'), 0, found)
      if (remembered.size >= REMEMBERED_MAX) remembered.clear()
      remembered.set(type, found)
      return found
    },
  }
}

/** The set that a pattern's values stand in. */
function placeOf<T>(root: Node<T>, pattern: string): Set<T> {
  let node = root
  for (const token of pattern.split('.')) {
    if (token === '>') return node.rest
    node = childOf(node, token)
  }
  return node.here
}

function childOf<T>(node: Node<T>, token: string): Node<T> {
  if (token === '*') {
    node.any ??= makeNode<T>()
    return node.any
  }
  let child = node.tokens.get(token)
  if (!child) {
    child = makeNode<T>()
    node.tokens.set(token, child)
  }
  return child
}

/** Removes a value and the nodes that are empty then. @returns true when the node is empty */
function takeOut<T>(node: Node<T>, tokens: readonly string[], at: number, value: T): boolean {
  const token = tokens[at]
  if (token === undefined) node.here.delete(value)
  else if (token === '>') node.rest.delete(value)
  else {
    const child = token === '*' ? node.any : node.tokens.get(token)
    if (child && takeOut(child, tokens, at + 1, value)) {
      if (token === '*') node.any = null
      else node.tokens.delete(token)
    }
  }
  return node.here.size === 0 && node.rest.size === 0 && node.any === null && node.tokens.size === 0
}

function collect<T>(node: Node<T>, tokens: readonly string[], at: number, found: Set<T>): void {
  const token = tokens[at]
  if (token === undefined) {
    for (const value of node.here) found.add(value)
    return
  }
  for (const value of node.rest) found.add(value)
  const child = node.tokens.get(token)
  if (child) collect(child, tokens, at + 1, found)
  if (node.any) collect(node.any, tokens, at + 1, found)
}
