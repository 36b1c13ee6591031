import { describe, expect, inject, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { newVolume, rights, startContainer, until } from './container.ts'
import { capabilityMask } from './host.ts'
import { podman } from './podman.ts'

/** One run of each language that the image has. */
async function answers(client: Client): Promise<unknown[]> {
  const runs = await Promise.all([
    client.run('python', 'def main(n):\n    return n * 2', { n: 21 }),
    client.run('nodejs', 'function main({ n }) { return n * 2 }', { n: 21 }),
    client.run('bash', 'jq .n arguments.json', { n: 42 }),
  ])
  return runs.map(({ result, stdout }) => result?.value ?? stdout)
}

describe.skipIf(!inject('image'))('the image', () => {
  test('there is nothing in it to compile or to install with', async () => {
    const { name, flags } = inject('image') as NonNullable<ReturnType<typeof inject<'image'>>>
    const tools = 'gcc cc ld as make npm mmdebstrap git python3 curl wget'
    const found = await podman(
      ...['run', '--rm', ...flags, '--entrypoint', 'sh', name, '-c'],
      `for tool in ${tools}; do command -v $tool; done; true`,
    )
    expect(found).toBe('')
  })

  test('it serves all languages with the rights of compose.yaml, and with no more', async () => {
    const volume = await newVolume()
    expect(rights(volume).join(' ')).not.toMatch(/privileged|docker\.sock|\/sys/)
    const container = await startContainer(volume)
    expect(await answers(container.client)).toEqual([42, 42, '42\n'])

    const status = await container.sh('cat /proc/1/status')
    const effective = /^CapEff:\s*(\w+)$/m.exec(status)?.[1]
    const granted = rights(volume).flatMap((flag) => flag.split('--cap-add=')[1] ?? [])
    expect(BigInt(`0x${effective}`)).toBe(capabilityMask(granted))
    expect(status).toMatch(/^NoNewPrivs:\s*1$/m)
    for (const folder of ['/', '/opt/executor-manager', '/var/lib/executor-manager']) {
      await expect(container.sh(`touch ${folder}/file`)).rejects.toThrow(/Read-only file system/)
    }
    expect(await container.isHealthy()).toBe(true)
  })

  test('what loses its parent is reaped, and so is every sandbox', async () => {
    const container = await startContainer(await newVolume())
    await container.sh('for n in 1 2 3 4 5; do (sleep 0.2 &) ; done')
    for (let run = 0; run < 5; run++) expect(await answers(container.client)).toHaveLength(3)
    await until(async () => !/\) Z /.test(await container.sh('cat /proc/[0-9]*/stat')))
  })
})
