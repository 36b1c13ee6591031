/**
 * A process of its own, to be started in a network namespace of the test: has a network of links, gives
 * one back while it cannot be reset, and says whether it is ever leased again.
 * Arguments: a folder for the namespaces, and a file that makes resets fail while it is there.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EgressNetwork } from '../../src/network/egress.ts'

/** So long that what is tried a few times only is given up. */
const ILL_FOR_MS = 8000

const [runFolder, illness] = process.argv.slice(2) as [string, string]
const owner = { name: `${process.pid}-1`, runFolder }
const settings = { policy: null, nameServers: ['203.0.113.53'] }
const network = await EgressNetwork.open(owner, settings, () => {})
const first = await network.acquire()

/** Leases what can be had, and tells whether the first link is among it. */
async function isLeasedAgain(most: number): Promise<boolean> {
  for (let count = 0; count < most; count++) {
    const lease = await network.acquire().catch(() => null)
    if (lease?.namespaceFile === first.namespaceFile) return true
    await sleep(200)
  }
  return false
}

// Ready ones, for while none can be made.
await sleep(1000)
writeFileSync(illness, '')
first.release()
await sleep(ILL_FOR_MS)
console.log((await isLeasedAgain(5)) ? 'leased unclean' : 'not while it cannot be reset')
rmSync(illness)
console.log((await isLeasedAgain(100)) ? 'then again' : 'never again')
await network.close()
