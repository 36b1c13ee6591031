import { describe, expect, inject, test } from 'vitest'
import { type Container, newVolume, startContainer, until } from './container.ts'
import { cgroupsOf, mountsWith } from './host.ts'

/** The life of containers: started again, stopped, killed, side by side. */
describe.skipIf(!inject('image'))('a container', () => {
  test('finds in the volume the snapshots that an earlier one has made', async () => {
    const volume = await newVolume()
    const first = await startContainer(volume)
    expect(await first.logs()).toContain('making a snapshot')
    await first.kill('TERM')
    expect(await first.ended()).toBe(0)

    const second = await startContainer(volume)
    expect(await beforeItServed(second)).toContain('snapshot ready')
    expect(await beforeItServed(second)).not.toContain('making a snapshot')
  })

  test('SIGTERM lets a running program finish, then nothing is left on the host', async () => {
    const container = await startContainer(await newVolume())
    const run = container.client.run('bash', 'echo started; sleep 3; echo done')
    await until(async () => (await executors(container, 'leased')) === 1)
    await container.kill('TERM')
    expect(await run).toMatchObject({ status: 'success', stdout: 'started\ndone\n' })
    expect(await container.ended()).toBe(0)
    expect(await container.logs()).not.toMatch(/"level":(50|60)/)
    await nothingLeft(container)
  })

  test('whose manager is killed ends with it and leaves nothing, and the next one serves', async () => {
    const volume = await newVolume()
    const killed = await startContainer(volume)
    const cut = killed.client.run('bash', 'sleep 60').catch(() => 'cut')
    await until(async () => (await executors(killed, 'leased')) === 1)
    expect(cgroupsOf(killed.id).some((folder) => /\/bash-\d+$/.test(folder))).toBe(true)
    await killManager(killed)
    expect(await killed.ended()).toBe(137)
    expect(await cut).toBe('cut')
    await nothingLeft(killed)

    const next = await startContainer(volume)
    expect(await beforeItServed(next)).not.toContain('making a snapshot')
    expect((await next.client.run('bash', 'echo here')).stdout).toBe('here\n')
  })

  test('whose pid 1 is killed ends, and leaves nothing', async () => {
    const container = await startContainer(await newVolume())
    await until(async () => (await executors(container, 'ready')) >= 3)
    await container.kill('KILL')
    expect(await container.ended()).toBe(137)
    await nothingLeft(container)
  })

  test('beside another one, with the same volume, neither sweeps what is the other one’s', async () => {
    const volume = await newVolume()
    const one = await startContainer(volume)
    const long = one.client.run('bash', 'sleep 4; echo one')
    await until(async () => (await executors(one, 'leased')) === 1)
    // It sweeps at its start, while the other runs a program and holds ready executors.
    const other = await startContainer(volume)
    expect((await other.client.run('bash', 'echo other')).stdout).toBe('other\n')
    expect((await long).stdout).toBe('one\n')
    await killManager(other)
    expect(await other.ended()).toBe(137)
    await nothingLeft(other)
    expect((await one.client.run('bash', 'echo still')).stdout).toBe('still\n')
    expect(await one.logs()).not.toMatch(/"level":(50|60)/)
  })
})

/** What it logged until it served. Snapshots of pools that a start can do without are made afterwards. */
async function beforeItServed(container: Container): Promise<string> {
  return (await container.logs()).split('serves on ')[0] as string
}

/** How many executors are in a state, of all languages. */
async function executors({ client }: Container, state: string): Promise<number> {
  const text = await (await fetch(`${client.url}/metrics`)).text()
  const lines = text.matchAll(/^executor_manager_executors\{[^}]*state="(\w+)"[^}]*\} (\d+)$/gm)
  let count = 0
  for (const [, name, number] of lines) if (name === state) count += Number(number)
  return count
}

/** As the kernel does it for want of memory. The command may be killed with the container that it ends. */
async function killManager(container: Container): Promise<void> {
  await container
    .sh(
      'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline | grep -q "^node src/main" && kill -9 ${p#/proc/}; done; true',
    )
    .catch(() => {})
}

async function nothingLeft({ id }: Container): Promise<void> {
  // The container runtime removes the cgroups after the last process; a process cannot outlive them.
  await until(async () => cgroupsOf(id).length === 0)
  await until(async () => mountsWith(id).length === 0)
}
