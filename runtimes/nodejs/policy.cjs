/**
 * The code policy: tells what is wrong with a program before it runs.
 *
 * It is advice, not the boundary. A program that wants to get past it can, and is then where every
 * program is: in the sandbox. The rules come before the run; policy.json beside this file has the usual
 * ones.
 */
'use strict'

const vm = require('node:vm')
const acorn = require('acorn')
const balancedSearch = require('./policy-balanced.cjs')
const strictSearch = require('./policy-strict.cjs')

const MAX_FINDINGS = 100
const MAX_FINDING_CHARACTERS = 400

class NotInspected extends Error {}

const now = performance.now.bind(performance)

/** A function that tells what is wrong with a source (bytes) by this policy. */
function inspector(policy) {
  const { mode, rules } = policy
  const find = mode === 'strict' ? strictSearch(rules) : balancedSearch(rules)
  return (source) => inspect(source, policy, find)
}

/** What is wrong with the source, as text with a line for each finding; null if nothing. */
function inspect(source, { maxSourceBytes, maxMs }, find) {
  const text = source.toString('utf8')
  const deadline = now() + maxMs
  let findings
  try {
    if (!find.mayFind || find.mayFind(text)) {
      if (source.length > maxSourceBytes) {
        throw new NotInspected(`longer than ${maxSourceBytes} bytes`)
      }
      const look = () => {
        if (now() > deadline) throw new NotInspected(`it would take longer than ${maxMs} ms`)
      }
      findings = find(text, look, parse)
    } else findings = []
  } catch (error) {
    const why = error instanceof NotInspected ? error.message : String(error?.name)
    findings = [{ line: -1, what: `Not inspected: ${why}` }]
  }
  return findings.length === 0 ? null : asText(findings)
}

/**
 * As the runner loads it, a CommonJS module, or else a module of the other kind; null: it is
 * no program, which says so itself when it runs.
 */
function parse(text) {
  const options = { ecmaVersion: 'latest', allowHashBang: true, allowReturnOutsideFunction: true }
  for (const sourceType of ['script', 'module']) {
    try {
      return acorn.parse(text, { ...options, sourceType })
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw new NotInspected('nested too deeply')
    }
  }
  if (runs(text)) throw new NotInspected('nested too deeply, or unknown syntax')
  return null
}

function runs(text) {
  try {
    vm.compileFunction(text.replace(/^#!.*/, ''), [])
    return true
  } catch (error) {
    return !(error instanceof SyntaxError)
  }
}

function asText(findings) {
  const lines = findings
    .slice(0, MAX_FINDINGS)
    .map(({ line, what }) => `Line ${line}: ${what}`.slice(0, MAX_FINDING_CHARACTERS))
  const more = findings.length - lines.length
  return [...lines, ...(more > 0 ? [`... and ${more} more`] : [])].join('\n')
}

module.exports = inspector
