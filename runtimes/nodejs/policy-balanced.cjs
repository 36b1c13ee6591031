/**
 * The code policy's mode `balanced`.
 *
 * It refuses modules, members of modules and of globals, and globals. It knows what a name stands for by
 * imports and by assignments of a module, a function or a constant text. A name has one meaning in the
 * whole program. Values are not followed through calls and data structures.
 */
'use strict'

const { getLineInfo } = require('acorn')

const MAX_DEPTH = 12 // Of how far a name is followed.
const UNKNOWN_NAME = 'Its name is not known before the program runs; write it as a constant text.'
const HARMLESS_REQUIRE = /\brequire\s*\(\s*(['"])([^'"\\\n]*)\1\s*\)/g
const MODULE = 'node:'
const GLOBALS = new Set(['globalThis', 'global'])
const RESOLVED = new Set(['require', 'Reflect.get'])
const CALLERS = new Set(['apply', 'bind', 'call'])
const USED = /^(Identifier|MemberExpression|CallExpression|ImportExpression|ImportDeclaration)$/

/** The search of the mode: its `mayFind(text)` tells quickly that a text holds nothing to find. */
function balancedSearch(rules) {
  const known = new Rules(rules)
  const find = (text, look, parse) => {
    const tree = parse(text)
    return tree ? new Inspection(known, look, text).of(tree) : []
  }
  find.mayFind = (text) => {
    if (text.includes('\\')) return true
    const rest = text.replace(HARMLESS_REQUIRE, (all, _quote, name) =>
      known.modules.has(moduleName(name)) || known.owners.has(moduleName(name)) ? all : ' ',
    )
    return known.words.test(rest)
  }
  return find
}

function moduleName(name) {
  return name.replace(/^node:/, '').replace(/\/$/, '')
}

/** The rules: the advice by what is refused. A *path* is a module or global, perhaps with members. */
class Rules {
  constructor(rules) {
    const pairs = ([why, names]) => names.map((name) => [name, why])
    const advice = (kind) => new Map(Object.entries(rules[kind]).flatMap(pairs))
    this.modules = advice('modules')
    this.members = advice('members')
    this.globals = advice('globals')
    this.owners = new Set([...this.members.keys()].map((path) => path.split('.')[0]))
    const words = [...this.globals.keys(), ...this.owners, ...GLOBALS, 'require', 'import']
    this.words = new RegExp(`\\b(?:${words.join('|')}|constructor)\\b`)
  }

  /** @returns the advice where the path is refused, else undefined */
  advice(path) {
    const [first, second] = path.split('.')
    if (first.startsWith(MODULE)) return this.modules.get(first.slice(MODULE.length))
    return this.members.get(`${first}.${second}`) ?? this.globals.get(path)
  }

  /** Some modules have the name of a global: `module`. `process` is the same as the global. */
  pathOfModule(name) {
    const module = moduleName(name)
    return this.modules.has(module) ? MODULE + module : module
  }
}

/** Of one program: collects what names stand for, then looks at each use. */
class Inspection {
  constructor(rules, look, text) {
    Object.assign(this, { rules, look, text, depth: 0 })
    this.bindings = new Map()
    this.known = new Map()
    this.uses = []
    this.unused = new Set() // Identifiers that name something and use nothing, or harmlessly.
  }

  of(tree) {
    this.collect(tree)
    const found = new Map()
    this.uses.forEach((node, index) => {
      if (index % 256 === 255) this.look()
      for (const [what, why] of this.findings(node)) {
        const { line } = getLineInfo(this.text, node.start)
        found.set(`${line} ${what}`, { line, what: `${what}. ${why}` })
      }
    })
    return [...found.values()].sort((a, b) => a.line - b.line)
  }

  collect(tree) {
    const waiting = [tree]
    for (let count = 1; waiting.length > 0; count++) {
      if (count % 4096 === 0) this.look()
      const node = waiting.pop()
      this.name(node)
      if (USED.test(node.type)) this.uses.push(node)
      for (const key in node) {
        const value = node[key]
        if (!Array.isArray(value)) value?.type && waiting.push(value)
        else for (const child of value) if (child?.type) waiting.push(child)
      }
    }
  }

  /** What a node says about names: which it binds, and which it does not use. */
  name(node) {
    const { id, key, property } = node
    if (!node.computed && (key ?? property) && !node.shorthand) this.unused.add(key ?? property)
    if (node.params) for (const parameter of node.params) this.bind(parameter, null)
    if (node.type === 'VariableDeclarator') this.bind(id, node.init)
    else if (id) this.bind(id, null)
    if (node.type === 'AssignmentExpression') this.bind(node.left, node.right)
    if (node.type === 'CatchClause') this.bind(node.param, null)
    if (node.type === 'BinaryExpression') this.unused.add(node.left).add(node.right)
    if (property?.name === 'prototype') this.unused.add(node.object)
    if (node.type === 'ImportDeclaration') {
      const module = { path: this.rules.pathOfModule(node.source.value) }
      for (const { local, imported } of node.specifiers) {
        this.bind(local, imported ? { of: module, key: imported } : module)
      }
    }
  }

  bind(target, meaning) {
    if (target?.type === 'Identifier') {
      this.unused.add(target)
      if (this.bindings.has(target.name)) this.bindings.get(target.name).push(meaning)
      else this.bindings.set(target.name, [meaning])
    } else if (target?.type === 'ObjectPattern') {
      for (const { key, value, argument, computed } of target.properties) {
        const part = meaning && { of: meaning, key, computed, start: target.start }
        this.bind(argument ?? value, argument ? meaning : part)
        if (part && key) this.uses.push(part)
      }
    } else if (target) {
      for (const part of target.elements ?? []) this.bind(part, null)
      this.bind(target.left ?? target.argument, target.left ? meaning : null)
    }
  }

  /** The paths that an expression, or what a name is bound to, may stand for. */
  paths(node) {
    if (!node || this.depth >= MAX_DEPTH) return []
    this.depth++
    try {
      return this.pathsOf(node)
    } finally {
      this.depth--
    }
  }

  pathsOf(node) {
    if (node.path) return [node.path]
    if (node.of) return this.member(node.of, node.key, node.computed)
    switch (node.type) {
      case 'Identifier':
        return this.pathsOfName(node.name)
      case 'MemberExpression':
        return this.member(node.object, node.property, node.computed)
      case 'CallExpression':
        return this.pathsOfCall(node)
      case 'ImportExpression':
        return this.module(node.source) ?? []
      case 'AwaitExpression':
      case 'ChainExpression':
        return this.paths(node.argument ?? node.expression)
      default:
        return []
    }
  }

  pathsOfName(name) {
    const meanings = this.bindings.get(name)
    if (!meanings) return [GLOBALS.has(name) ? 'globalThis' : name]
    if (!this.known.has(name)) {
      this.known.set(name, []) // Names may stand for each other in a circle.
      this.known.set(name, [...new Set(meanings.flatMap((one) => this.paths(one)))])
    }
    return this.known.get(name)
  }

  member(object, property, computed) {
    const key = computed ? this.constant(property) : (property.name ?? property.value)
    // Of whatever it is: the constructor of a function makes a function of a text.
    if (key === 'constructor') return ['constructor']
    return this.paths(object).map((base) => {
      if (base === 'globalThis') return key ?? 'globalThis.*'
      if (key === 'require' || (base === 'require' && CALLERS.has(key))) return 'require'
      return key === 'default' ? base : `${base}.${key ?? '*'}`
    })
  }

  pathsOfCall({ callee, arguments: given }) {
    return this.paths(callee).flatMap((path) => {
      if (path === 'require') return this.module(given[0]) ?? ['require']
      if (path === 'Reflect.get') return this.member(given[0], given[1], true)
      return []
    })
  }

  module(node) {
    return this.constant(node) && [this.rules.pathOfModule(this.constant(node))]
  }

  /** The text that an expression stands for; null when it is not known. */
  constant(node, depth = 0) {
    if (!node || depth > MAX_DEPTH) return null
    if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : null
    let parts = []
    if (node.type === 'BinaryExpression' && node.operator === '+') parts = [node.left, node.right]
    else if (node.type === 'Identifier') parts = this.bindings.get(node.name) ?? []
    else if (node.type === 'TemplateLiteral' && !node.expressions.length)
      return node.quasis[0].value.cooked
    if (node.type === 'Identifier' && parts.length !== 1) return null
    const texts = parts.map((part) => this.constant(part, depth + 1))
    return parts.length === 0 || texts.includes(null) ? null : texts.join('')
  }

  /** What is wrong with one use: pairs of what, and why. */
  *findings(node) {
    if (node.type === 'ImportDeclaration') {
      const why = this.rules.modules.get(moduleName(node.source.value))
      if (why) yield [`Import: ${node.source.value}`, why]
      return
    }
    if (node.type === 'Identifier') {
      if (this.unused.has(node) || this.bindings.has(node.name)) return
      const why = this.rules.globals.get(node.name)
      if (why) yield [`Use of: ${node.name}`, why]
      return
    }
    const called = node.type === 'CallExpression' ? this.paths(node.callee) : []
    const isNamed = node.type !== 'CallExpression' || called.some((path) => RESOLVED.has(path))
    for (const path of isNamed ? this.paths(node) : []) {
      const why = path === 'globalThis.*' ? UNKNOWN_NAME : this.rules.advice(path)
      if (why && !this.bindings.has(path)) yield [`Use of: ${path.replace(MODULE, '')}`, why]
    }
    const isRequire = called.includes('require') && node.callee.property?.name !== 'bind'
    if (isRequire || node.type === 'ImportExpression') {
      const isKnown = this.constant(node.source ?? node.arguments[0]) !== null
      if (!isKnown) yield [`Call: ${isRequire ? 'require' : 'import'}`, UNKNOWN_NAME]
    }
    const why = this.rules.globals.get('Function')
    if (why && called.includes('constructor')) yield ['Call: constructor', why]
  }
}

module.exports = balancedSearch
