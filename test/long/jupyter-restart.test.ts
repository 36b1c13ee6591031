import { expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { JupyterClient, type Said } from '../support/jupyter-client.ts'
import { freePort, startService } from '../support/service.ts'

const textOf = (said: readonly Said[]) => said.map(({ content }) => content.text ?? '').join('')

test(
  'a kernel that keeps its state goes on after a restart of the service',
  async () => {
    const env = { SANDBOX_EXECUTOR_MANAGER_PORT: String(await freePort()) }
    let service = await startService(env)
    const client = new JupyterClient(service.client.url)
    const [id, other] = [await client.start('python3'), await client.start('bash')]
    const before = await client.connect(id, {}, { session: 'one' })
    await before.execute('x = 6\nopen("note", "w").write("kept")')
    await (await client.connect(other, {}, { session: 'two' })).execute('x=6')

    service.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    await before.until(() => before.closed !== null)
    service = await startService(env)

    const listed = (await (await client.ask('GET', '/kernels')).json()) as { id: string }[]
    expect(listed.map((kernel) => kernel.id).sort()).toEqual([id, other].sort())
    const after = await client.connect(id, {}, { session: 'one' })
    expect(textOf(await after.execute('print(x * 7, open("note").read())'))).toBe('42 kept\n')
    const bash = await client.connect(other, {}, { session: 'two' })
    expect(textOf(await bash.execute('echo $((x * 7))'))).toBe('42\n')
    for (const { socket } of [after, bash]) socket.terminate()
    for (const kernel of [id, other]) {
      expect((await client.ask('DELETE', `/kernels/${kernel}`)).status).toBe(204)
    }
  },
  scaledMs(400_000),
)
