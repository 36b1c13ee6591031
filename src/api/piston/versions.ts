type Version = readonly [number, number, number]

/**
 * Tells whether a version is one that a selector takes, as npm's ranges (https://github.com/npm/node-semver): `*`,
 * `3`, `3.x`, `3.11.2`, `^3.10`, `~3.11`, `>=3.10 <4`, `3.9 || 3.11`. An exact version also takes a later one:
 * there is one runtime of a language here, and programs name the one that they were written for.
 * @param isUpward whether programs run on later major versions too; otherwise a later one is of the same
 */
export function satisfies(version: string, selector: string, isUpward = false): boolean {
  const ours = version.split('.').map(Number) as unknown as Version
  return selector.split('||').some((range) => {
    const parts = range
      .trim()
      .replace(/(>=|<=|>|<|=|\^|~)\s+/g, '$1')
      .split(/\s+/)
    return parts.every((part) => takes(ours, part, isUpward))
  })
}

function takes(ours: Version, part: string, isUpward: boolean): boolean {
  const match =
    /^(>=|<=|>|<|=|\^|~)?v?(\d{1,9}|[x*]|$)(?:\.(\d{1,9}|[x*]))?(?:\.(\d{1,9}|[x*]))?$/i.exec(part)
  if (!match) return false
  const [, sign = '', ...given] = match
  const numbers = given.map((one) => (/^\d+$/.test(one ?? '') ? Number(one) : null))
  const known = numbers.indexOf(null)
  const count = known < 0 ? 3 : known
  if (count === 0) return sign !== '<' && sign !== '>'
  const low = numbers.map((one, index) => (index < count ? (one ?? 0) : 0)) as unknown as Version
  // Everything below it has the same numbers up to there.
  const next = (at: number) =>
    low.map((one, index) => (index < at ? one : index === at ? one + 1 : 0)) as unknown as Version
  const isBelow = (bound: Version) => compare(ours, bound) < 0
  if (sign === '>=') return !isBelow(low)
  if (sign === '<') return isBelow(low)
  if (sign === '>') return !isBelow(count === 3 ? next(2) : next(count - 1))
  if (sign === '<=') return isBelow(next(count - 1))
  if (sign === '~') return !isBelow(low) && isBelow(next(Math.min(1, count - 1)))
  const firstSet = low.findIndex((one) => one > 0)
  if (sign === '^') return !isBelow(low) && isBelow(next(firstSet < 0 ? count - 1 : firstSet))
  const isExact = count === 3 && sign === ''
  if (isExact && isUpward) return !isBelow(low)
  return !isBelow(low) && isBelow(next(isExact ? 0 : count - 1))
}

function compare(one: Version, other: Version): number {
  const at = one.findIndex((number, index) => number !== other[index])
  return at < 0 ? 0 : (one[at] as number) - (other[at] as number)
}
