/**
 * The code policy: what a program does is looked up in its syntax tree before it runs.
 *
 * It is advice, not the boundary: whoever wants to get past it will, and is then where every program
 * is, in the sandbox. The rules come before the run; policy.json beside this file has the usual ones.
 * `strict` searches the text. `balanced` follows what a name stands for: what was required, assigned,
 * taken out of an object, and put together from constants.
 */
'use strict'

const vm = require('node:vm')
const acorn = require('acorn')

const MAX_FINDINGS = 100
const MAX_FINDING_CHARACTERS = 200
// Of the strings that an expression may stand for, and of how far a name is followed.
const MAX_STRINGS = 16
const MAX_DEPTH = 12

const now = performance.now.bind(performance)

class NotInspected extends Error {}

/** A function that tells what is wrong with a source (bytes) by this policy. */
function inspector(policy) {
  const { mode, rules } = policy
  const find = mode === 'strict' ? strictSearch(rules) : balancedSearch(new Rules(rules))
  return (source) => inspect(source, policy, find)
}

/** What is wrong with the source, as text with a line for each finding; null if nothing. */
function inspect(source, { maxSourceBytes, maxMs }, find) {
  const deadline = now() + maxMs
  let findings
  try {
    if (source.length > maxSourceBytes) {
      throw new NotInspected(`longer than ${maxSourceBytes} bytes`)
    }
    const text = source.toString('utf8')
    findings = find(text, () => {
      if (now() > deadline) throw new NotInspected(`it would take longer than ${maxMs} ms`)
    })
  } catch (error) {
    const why = error instanceof NotInspected ? error.message : String(error?.name)
    findings = [{ line: -1, what: `Not inspected: ${why}` }]
  }
  return findings.length === 0 ? null : asText(findings)
}

function asText(findings) {
  const lines = findings
    .slice(0, MAX_FINDINGS)
    .map(({ line, what }) => `Line ${line}: ${what}`.slice(0, MAX_FINDING_CHARACTERS))
  const more = findings.length - lines.length
  return [...lines, ...(more > 0 ? [`... and ${more} more`] : [])].join('\n')
}

/** The reference's rules and the order of its findings. */
function strictSearch({ patterns }) {
  const searches = Object.entries(patterns).map(([what, pattern]) => [
    what,
    new RegExp(pattern, 'g'),
  ])
  return (text) =>
    searches.flatMap(([what, pattern]) =>
      [...text.matchAll(pattern)].map(({ index }) => ({
        line: text.slice(0, index).split('\n').length,
        what,
      })),
    )
}

const HARMLESS =
  /\brequire\s*\(\s*(['"])([^'"\\\n]*)\1\s*\)|\bmodule\s*\.\s*exports\b|\brequire\s*\.\s*main\b(?!\s*[.?[])|(=== *)module\b/g

function balancedSearch(rules) {
  return (text, look) => balancedFindings(text, rules, look)
}

function balancedFindings(text, rules, look) {
  // Most programs hold no word that a finding could begin with: they need not be parsed.
  if (!text.includes('\\')) {
    const rest = text.replace(HARMLESS, (all, _quote, name) =>
      name !== undefined && rules.isGuarded(moduleName(name)) ? all : ' ',
    )
    if (!rules.words.test(rest)) return []
  }
  const tree = parse(text)
  if (tree === null)
    return runs(text)
      ? [{ line: -1, what: 'Not inspected: nested too deeply, or unknown syntax' }]
      : []
  return new Inspection(rules, look).of(tree).map(({ node, what }) => ({
    line: acorn.getLineInfo(text, node.start).line,
    what,
  }))
}

/** As the runner loads it, a CommonJS module, or else a module of the other kind. */
function parse(text) {
  const options = { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true }
  for (const sourceType of ['script', 'module']) {
    try {
      return acorn.parse(text, { ...options, sourceType })
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw new NotInspected('nested too deeply')
    }
  }
  return null
}

/** Whether the engine takes what the parser does not. If not, the program itself tells why. */
function runs(text) {
  try {
    vm.compileFunction(text.replace(/^#!.*/, ''), [])
    return true
  } catch (error) {
    return !(error instanceof SyntaxError)
  }
}

function moduleName(name) {
  return name
    .replace(/^node:/, '')
    .replaceAll('/', '.')
    .replace(/\.$/, '')
}

/** The rules of `balanced`, for looking up. A path is a module or global, perhaps with members. */
class Rules {
  constructor(rules) {
    this.refusedModules = new Set(rules.refusedModules.map(moduleName))
    this.allowedMembers = new Map(
      Object.entries(rules.allowedMembers).map(([name, members]) => [name, new Set(members)]),
    )
    this.refusedGlobals = new Set(rules.refusedGlobals)
    this.pathCalls = new Set(rules.pathCalls)
    this.pathPrefixes = rules.pathPrefixes
    const globals = [...this.allowedMembers.keys()].filter((name) => name !== 'fs')
    const words = [...globals, ...this.refusedGlobals, 'global', 'globalThis', 'import']
    this.words = new RegExp(`\\b(?:${words.join('|')}|constructor|arguments|__proto__)\\b`)
  }

  isGuarded(path) {
    return this.refusedModules.has(path) || this.allowedMembers.has(path.split('.')[0])
  }

  refuses(path) {
    if (this.refusedGlobals.has(path)) return true
    const [first, member] = path.split('.')
    const allowed = this.allowedMembers.get(first)
    return allowed !== undefined && member !== undefined && !allowed.has(member)
  }

  isOwnPath(text) {
    if (text.replaceAll('\\', '/').split('/').includes('..')) return false
    if (!text.startsWith('/')) return !/^[a-z]+:/i.test(text)
    return this.pathPrefixes.some((prefix) => `${text}/`.startsWith(prefix))
  }
}

class Scope {
  constructor(parent, isFunction) {
    this.parent = parent
    this.functionScope = isFunction || !parent ? this : parent.functionScope
    this.names = new Map()
  }

  declare(name, meaning) {
    const meanings = this.names.get(name)
    if (meanings) meanings.push(meaning)
    else this.names.set(name, [meaning])
  }

  /** All that the name stands for, or null for a global. */
  find(name) {
    for (let scope = this; scope; scope = scope.parent) {
      const meanings = scope.names.get(name)
      if (meanings) return meanings
    }
    return null
  }
}

const UNKNOWN = {}
const FUNCTION = { path: 'function' }
const GLOBALS = new Set(['globalThis', 'global'])
const MODULE_CALLS = new Set(['require', 'module.require'])
const SKIPPED = new Set([
  'type',
  'start',
  'end',
  'loc',
  'range',
  'raw',
  'regex',
  'operator',
  'kind',
])

/** Of one program: collects what names stand for, then looks at each use. */
class Inspection {
  constructor(rules, look) {
    this.rules = rules
    this.look = look
    this.calls = new Map()
    this.assigned = []
    this.uses = []
    /** Nodes whose use is looked at where they are used. */
    this.accounted = new Set()
    this.callees = new Set()
    this.following = 0
    this.steps = 0
    /** What was found out of names, by question and by what they are bound to. */
    this.known = { paths: new Map(), strings: new Map(), ownPath: new Map() }
  }

  of(tree) {
    this.collect(tree)
    for (const { name, scope, meaning } of this.assigned) {
      const meanings = scope.find(name)
      if (meanings) meanings.push(meaning)
      else this.top.declare(name, meaning)
    }
    const found = new Map()
    let count = 0
    for (const node of this.uses) {
      if (++count % 256 === 0) this.look()
      for (const what of this.findings(node)) found.set(`${node.start} ${what}`, { node, what })
    }
    return [...found.values()].sort((a, b) => a.node.start - b.node.start)
  }

  // What names stand for

  collect(tree) {
    this.top = new Scope(null, true)
    const waiting = [[tree, this.top, true]]
    const push = (node, scope, isTop) => {
      if (node && typeof node.type === 'string') waiting.push([node, scope, isTop])
    }
    let count = 0
    while (waiting.length > 0) {
      if (++count % 4096 === 0) this.look()
      const [node, outer, isTop] = waiting.pop()
      const visit = VISITS[node.type]
      const scope = SCOPED.has(node.type) ? new Scope(outer, FUNCTIONS.has(node.type)) : outer
      node.scope = scope
      const below = isTop && (!FUNCTIONS.has(node.type) || node.type === 'ArrowFunctionExpression')
      node.isTop = below
      const skipped = visit?.call(this, node, scope, outer, (child) => push(child, scope, below))
      for (const key in node) {
        if (SKIPPED.has(key) || key === 'scope' || skipped?.includes(key)) continue
        const value = node[key]
        if (Array.isArray(value)) for (const child of value) push(child, scope, below)
        else if (value !== null && typeof value === 'object') push(value, scope, below)
      }
    }
  }

  /** Binds the names of a pattern; what it computes on the way is visited. */
  bind(pattern, meaning, scope, visit) {
    if (!pattern) return
    switch (pattern.type) {
      case 'Identifier':
        scope.declare(pattern.name, meaning)
        break
      case 'AssignmentPattern':
        visit(pattern.right)
        this.bind(pattern.left, meaning, scope, visit)
        break
      case 'RestElement':
        this.bind(pattern.argument, UNKNOWN, scope, visit)
        break
      case 'ArrayPattern':
        for (const element of pattern.elements) this.bind(element, UNKNOWN, scope, visit)
        break
      case 'ObjectPattern':
        for (const property of pattern.properties) {
          if (property.type === 'RestElement') {
            this.bind(property.argument, meaning, scope, visit)
            continue
          }
          if (property.computed) visit(property.key)
          const part = { of: meaning, property }
          property.of = meaning
          property.scope = scope
          this.uses.push(property)
          this.bind(property.value, part, scope, visit)
        }
        break
      default:
        visit(pattern)
    }
  }

  bindParameters(node, scope, visit, name) {
    node.params.forEach((parameter, index) => {
      const byDefault = parameter.type === 'AssignmentPattern' ? parameter.right : null
      this.bind(parameter, { parameter: index, function: name, byDefault }, scope, visit)
    })
    return ['id', 'params', 'key']
  }

  deeper(follow, otherwise) {
    if (++this.steps % 256 === 0) this.look()
    if (this.following >= MAX_DEPTH) return otherwise
    this.following++
    try {
      return follow()
    } finally {
      this.following--
    }
  }

  /** Each name is followed once; names may stand for each other in a circle. */
  once(question, meanings, follow, otherwise) {
    const answers = this.known[question]
    if (!answers.has(meanings)) {
      answers.set(meanings, otherwise)
      answers.set(meanings, follow())
    }
    return answers.get(meanings)
  }

  /** Follows parameters to what they are given. */
  meaningsOf(name, scope) {
    const meanings = scope.find(name)
    return meanings?.flatMap((meaning) => {
      if (meaning.parameter === undefined) return [meaning]
      const calls = (meaning.function !== 'main' && this.calls.get(meaning.function)) || []
      const given = calls.map((call) => {
        if (call.arguments.some(({ type }) => type === 'SpreadElement')) return UNKNOWN
        return call.arguments[meaning.parameter] ?? meaning.byDefault ?? UNKNOWN
      })
      return given.length > 0 ? given : [UNKNOWN]
    })
  }

  /** The paths that an expression may stand for. */
  paths(node) {
    return this.deeper(() => this.pathsOf(node), [])
  }

  pathsOf(node) {
    switch (node.type) {
      case 'Identifier': {
        const meanings = this.meaningsOf(node.name, node.scope)
        if (!meanings) return [GLOBALS.has(node.name) ? 'globalThis' : node.name]
        const follow = () => [...new Set(meanings.flatMap((one) => this.pathsOfMeaning(one)))]
        return this.once('paths', node.scope.find(node.name), follow, [])
      }
      case 'MemberExpression':
        return this.pathsOfMember(node)
      case 'CallExpression':
        return this.pathsOfCall(node)
      case 'ImportExpression':
        return (this.strings(node.source) ?? []).map((name) => `import.${moduleName(name)}`)
      case 'AwaitExpression':
        return this.paths(node.argument).map((path) => path.replace(/^import\./, ''))
      case 'ChainExpression':
      case 'ParenthesizedExpression':
        return this.paths(node.expression)
      case 'ConditionalExpression':
        return [...this.paths(node.consequent), ...this.paths(node.alternate)]
      case 'LogicalExpression':
        return [...this.paths(node.left), ...this.paths(node.right)]
      case 'AssignmentExpression':
        return this.paths(node.right)
      case 'SequenceExpression':
        return this.paths(node.expressions.at(-1))
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        return ['function']
      default:
        return []
    }
  }

  pathsOfMeaning(meaning) {
    if (meaning.path) return [meaning.path]
    if (meaning.of) {
      const bases = this.pathsOfMeaning(meaning.of)
      return this.keys(meaning.property).flatMap((key) => bases.map((base) => member(base, key)))
    }
    return meaning.type ? this.paths(meaning) : []
  }

  keys({ computed, key, property }) {
    const name = key ?? property
    if (!computed && name.type === 'Identifier') return [name.name]
    return (name.type === 'Literal' ? [String(name.value)] : this.strings(name)) ?? []
  }

  pathsOfMember(node) {
    const keys = this.keys(node)
    const bases = this.paths(node.object)
    const found = keys.flatMap((key) => bases.map((base) => member(base, key)))
    if (keys.includes('constructor')) {
      const { object } = node
      const isOfConstructor =
        object.type === 'MemberExpression' &&
        this.keys(object).some((key) => key === 'constructor' || key === '__proto__')
      if (isOfConstructor) found.push('Function')
      else if (object.type !== 'ThisExpression') found.push('constructor')
    }
    return found
  }

  pathsOfCall(node) {
    const [first, second] = node.arguments
    const found = []
    for (const path of this.paths(node.callee)) {
      if (MODULE_CALLS.has(path) && first) {
        found.push(...(this.strings(first) ?? []).map(moduleName))
      } else if (path === 'Reflect.get' && second) {
        const keys = this.strings(second) ?? []
        for (const base of this.paths(first)) found.push(...keys.map((key) => member(base, key)))
      } else if (path === 'Object.getPrototypeOf' || path === 'Reflect.getPrototypeOf') {
        if (first && this.paths(first).includes('function')) found.push('function')
      } else if (path.endsWith('.bind')) {
        found.push(path.slice(0, -'.bind'.length))
      }
    }
    return found
  }

  /** All the strings that an expression may stand for; null when that is not known. */
  strings(node) {
    return this.deeper(() => this.stringsOf(node), null)
  }

  stringsOf(node) {
    switch (node.type) {
      case 'Literal':
        return typeof node.value === 'string' ? [node.value] : null
      case 'Identifier':
        return this.stringsOfName(node)
      case 'ConditionalExpression':
        return this.union([node.consequent, node.alternate])
      case 'BinaryExpression':
        return node.operator === '+' ? this.joined([node.left, node.right]) : null
      case 'TemplateLiteral':
        return this.joined(parts(node))
      case 'CallExpression': {
        const { callee } = node
        if (callee.type !== 'MemberExpression' || callee.object.type !== 'ArrayExpression')
          return null
        const isJoin = this.keys(callee).includes('join') && node.arguments[0]?.value === ''
        return isJoin ? this.joined(callee.object.elements) : null
      }
      default:
        return null
    }
  }

  stringsOfName({ name, scope }) {
    const meanings = this.meaningsOf(name, scope)
    if (!meanings) return null
    return this.once('strings', scope.find(name), () => this.union(meanings), null)
  }

  union(nodes) {
    const found = []
    for (const node of nodes) {
      const some = node.type ? this.strings(node) : null
      if (some === null || found.length + some.length > MAX_STRINGS) return null
      found.push(...some)
    }
    return found
  }

  joined(nodes) {
    let found = ['']
    for (const node of nodes) {
      const ends = node ? this.strings(node) : null
      if (ends === null || found.length * ends.length > MAX_STRINGS) return null
      found = found.flatMap((start) => ends.map((end) => start + end))
    }
    return found
  }

  /** Whether a path that a file is opened by leads to a place that is the run's own. */
  isOwnPath(node) {
    return this.deeper(() => this.looksLikeOwnPath(node), false)
  }

  looksLikeOwnPath(node) {
    if (!node?.type) return false
    const texts = this.strings(node)
    if (texts !== null) return texts.every((text) => this.rules.isOwnPath(text))
    switch (node.type) {
      case 'Identifier': {
        const meanings = this.meaningsOf(node.name, node.scope)
        if (!meanings) return node.name === '__dirname' || node.name === '__filename'
        const follow = () => meanings.every((meaning) => this.isOwnPath(meaning))
        return this.once('ownPath', node.scope.find(node.name), follow, false)
      }
      case 'TemplateLiteral':
        return this.beginsWithOwnPath(parts(node))
      case 'BinaryExpression':
        return node.operator === '+' && this.beginsWithOwnPath([node.left, node.right])
      case 'AwaitExpression':
        return this.isOwnPath(node.argument)
      case 'CallExpression': {
        const paths = this.paths(node.callee)
        if (paths.some((path) => OWN_FOLDERS.has(path))) return true
        if (!paths.some((path) => JOINS.has(path)) || node.arguments.length === 0) return false
        const [first, ...rest] = node.arguments
        const texts = rest.flatMap((part) => this.strings(part) ?? [])
        return this.isOwnPath(first) && texts.every((text) => this.rules.isOwnPath(text))
      }
      default:
        return false
    }
  }

  beginsWithOwnPath(nodes) {
    const [first, ...rest] = nodes.filter((node) => node.value !== '')
    if (!first || !this.isOwnPath(first)) return false
    return !rest.some((node) => this.strings(node)?.some((text) => text.includes('..')))
  }

  // What is found

  *findings(node) {
    const { rules } = this
    switch (node.type) {
      case 'Identifier': {
        if (node.scope.find(node.name)) return
        if (node.name === 'arguments' && node.isTop) yield 'Use of: arguments'
        if (this.accounted.has(node)) return
        if (GLOBALS.has(node.name) || rules.allowedMembers.has(node.name)) {
          if (node.name !== 'fs') yield `Use of: ${node.name}`
        } else if (rules.refusedGlobals.has(node.name)) {
          yield `Use of: ${node.name}`
        }
        return
      }
      case 'MemberExpression':
        yield* this.memberFindings(node)
        return
      case 'Property':
        for (const path of this.pathsOfMeaning({ of: node.of, property: node })) {
          if (rules.refuses(path)) yield `Use of: ${path}`
        }
        return
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration':
        if (node.source && rules.refusedModules.has(moduleName(node.source.value))) {
          yield `Import: ${node.source.value}`
        }
        return
      case 'ImportExpression': {
        const names = this.strings(node.source)
        if (names === null) yield 'Call: import'
        for (const name of names ?? []) {
          const path = moduleName(name)
          // What a promise hands over is followed through `await` only.
          const isLost = rules.isGuarded(path) && !this.accounted.has(node)
          if (rules.refusedModules.has(path) || isLost) yield `Import: ${name}`
        }
        return
      }
      case 'CallExpression':
      case 'NewExpression':
        yield* this.callFindings(node)
    }
  }

  *memberFindings(node) {
    const { rules } = this
    const bases = this.paths(node.object)
    const isOpen = node.computed && this.strings(node.property) === null
    for (const base of bases) {
      const isGuarded = rules.allowedMembers.has(base) || base === 'globalThis'
      if (isGuarded && isOpen && node.property.type !== 'Literal') yield `Use of: ${base}[...]`
    }
    for (const path of this.pathsOfMember(node)) {
      if (this.isCallee(node) && rules.refusedGlobals.has(path)) continue
      if (!rules.refuses(path)) continue
      if (rules.refusedGlobals.has(path) && this.accounted.has(node)) continue
      yield `${this.isCallee(node) ? 'Call' : 'Use of'}: ${path}`
    }
  }

  isCallee(node) {
    return this.callees.has(node)
  }

  *callFindings(node) {
    const { rules } = this
    const [first] = node.arguments
    for (const path of new Set(this.paths(node.callee))) {
      const called = path.replace(/\.(call|apply)$/, '')
      if (MODULE_CALLS.has(called)) {
        const names = called === path && first ? this.strings(first) : null
        if (names === null) yield 'Call: require'
        for (const name of names ?? []) {
          const refused = rules.refusedModules.has(moduleName(name))
          const isLost = rules.allowedMembers.has(moduleName(name)) && !this.accounted.has(node)
          if (refused || isLost) yield `Require: ${name}`
        }
      } else if (rules.refusedGlobals.has(called)) {
        yield `Call: ${called}`
      } else if (path === 'constructor' || path === 'function.constructor') {
        if (first && (path !== 'constructor' || this.isText(node.arguments.at(-1)))) {
          yield 'Call: constructor'
        }
      } else if (rules.pathCalls.has(called)) {
        if (called !== path || !this.isOwnPath(first)) yield `Call: ${path}`
      } else if (rules.refuses(path) && node.callee.type !== 'MemberExpression') {
        yield `Call: ${path}`
      } else if (path === 'Reflect.construct' || path === 'Reflect.apply') {
        const target = first ? this.paths(first) : []
        if (target.some((one) => rules.refuses(one) || one === 'require')) yield `Call: ${path}`
      }
    }
  }

  isText(node) {
    if (node.type === 'TemplateLiteral') return true
    if (node.type === 'BinaryExpression' && node.operator === '+') return true
    return this.strings(node) !== null
  }
}

const OWN_FOLDERS = new Set(['process.cwd', 'os.tmpdir', 'fs.mkdtempSync', 'fs.promises.mkdtemp'])
const JOINS = new Set(['path.join', 'path.resolve', 'path.normalize', 'path.posix.join', 'String'])

/** The quasis and expressions of a template, in order. */
function parts({ quasis, expressions }) {
  return quasis.flatMap((quasi, index) => {
    const text = { type: 'Literal', value: quasi.value.cooked ?? quasi.value.raw }
    return expressions[index] ? [text, expressions[index]] : [text]
  })
}

/** The path of a member; some members are the thing itself, or another thing. */
function member(base, key) {
  if (base === 'globalThis') return GLOBALS.has(key) ? 'globalThis' : key
  if (key === 'default') return base
  const path = `${base}.${key}`
  if (path === 'require.main' || path === 'process.mainModule') return 'module'
  if (path === 'module.require') return 'require'
  if (path === 'Function.prototype.constructor' || path === 'function.constructor')
    return 'Function'
  if (path === 'function.__proto__') return 'function'
  return path
}

function functionName(node) {
  return node.id?.name ?? node.knownAs ?? null
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])
const SCOPED = new Set([
  ...FUNCTIONS,
  'BlockStatement',
  'CatchClause',
  'ClassBody',
  'ForInStatement',
  'ForOfStatement',
  'ForStatement',
  'StaticBlock',
  'SwitchStatement',
])

/** What a node adds to what is known, before its children are visited; returns those that are not. */
const VISITS = {
  Identifier(node) {
    this.uses.push(node)
  },
  FunctionDeclaration(node, scope, outer, visit) {
    if (node.id) outer.declare(node.id.name, FUNCTION)
    return this.bindParameters(node, scope, visit, functionName(node))
  },
  FunctionExpression(node, scope, _outer, visit) {
    if (node.id) scope.declare(node.id.name, FUNCTION)
    return this.bindParameters(node, scope, visit, functionName(node))
  },
  ArrowFunctionExpression(node, scope, _outer, visit) {
    return this.bindParameters(node, scope, visit, functionName(node))
  },
  ClassDeclaration(node, _scope, outer) {
    if (node.id) outer.declare(node.id.name, UNKNOWN)
    return ['id']
  },
  ClassExpression: () => ['id'],
  VariableDeclaration(node, scope, _outer, visit) {
    const target = node.kind === 'var' ? scope.functionScope : scope
    for (const { id, init } of node.declarations) {
      if (init && id.type === 'Identifier') init.knownAs = id.name
      if (init) {
        visit(init)
        if (!(id.type === 'ArrayPattern')) this.accounted.add(unwrapped(init))
      }
      this.bind(id, init ?? UNKNOWN, target, visit)
    }
    return ['declarations']
  },
  AssignmentExpression(node, scope, _outer, visit) {
    const { left, right } = node
    if (left.type === 'Identifier') {
      right.knownAs = left.name
      this.assigned.push({ name: left.name, scope, meaning: right })
      this.accounted.add(unwrapped(right))
    } else if (left.type === 'ObjectPattern') {
      const names = new Scope(null, true)
      this.bind(left, right, names, visit)
      for (const [name, meanings] of names.names) {
        for (const meaning of meanings) this.assigned.push({ name, scope, meaning })
      }
      this.accounted.add(unwrapped(right))
    } else if (left.type === 'MemberExpression') {
      visit(left)
    }
    return ['left']
  },
  CatchClause(node, scope, _outer, visit) {
    this.bind(node.param, UNKNOWN, scope, visit)
    return ['param']
  },
  ImportDeclaration(node, scope) {
    this.uses.push(node)
    const path = moduleName(node.source.value)
    for (const specifier of node.specifiers) {
      const name = specifier.imported?.name ?? specifier.imported?.value
      const isWhole = specifier.type !== 'ImportSpecifier'
      scope.declare(specifier.local.name, { path: isWhole ? path : member(path, name) })
    }
    return ['specifiers', 'source', 'attributes']
  },
  ExportAllDeclaration(node) {
    this.uses.push(node)
    return ['exported', 'source', 'attributes']
  },
  ExportNamedDeclaration(node) {
    this.uses.push(node)
    return ['specifiers', 'source', 'attributes']
  },
  MemberExpression(node) {
    this.uses.push(node)
    const object = unwrapped(node.object)
    // Of a promise, only what is awaited can be followed.
    if (object.type !== 'ImportExpression') this.accounted.add(object)
    return node.computed ? [] : ['property']
  },
  Property(node) {
    if (node.value && !node.computed) node.value.knownAs = node.key.name
    return node.computed ? [] : ['key']
  },
  MethodDefinition(node) {
    if (!node.computed) node.value.knownAs = node.key.name
    return node.computed ? [] : ['key']
  },
  PropertyDefinition(node) {
    if (node.value && !node.computed) node.value.knownAs = node.key.name
    return node.computed ? [] : ['key']
  },
  CallExpression(node) {
    noteCall(this, node)
  },
  NewExpression(node) {
    noteCall(this, node)
  },
  ImportExpression(node) {
    this.uses.push(node)
  },
  AwaitExpression(node) {
    this.accounted.add(unwrapped(node.argument))
  },
  UnaryExpression(node) {
    if (node.operator === 'typeof') this.accounted.add(node.argument)
  },
  BinaryExpression(node) {
    for (const side of [node.left, node.right]) this.accounted.add(side)
  },
  LabeledStatement: () => ['label'],
  BreakStatement: () => ['label'],
  ContinueStatement: () => ['label'],
  MetaProperty: () => ['meta', 'property'],
}

function noteCall(inspection, node) {
  const { callee } = node
  inspection.uses.push(node)
  inspection.accounted.add(callee)
  inspection.callees.add(callee)
  const name = callee.type === 'Identifier' ? callee.name : callee.property?.name
  if (!name) return
  const calls = inspection.calls.get(name)
  if (calls) calls.push(node)
  else inspection.calls.set(name, [node])
}

function unwrapped(node) {
  let inner = node
  while (inner?.type === 'ChainExpression' || inner?.type === 'ParenthesizedExpression') {
    inner = inner.expression
  }
  return inner
}

module.exports = inspector
