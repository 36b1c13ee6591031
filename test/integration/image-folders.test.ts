import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { useManager } from '../support/manager.ts'

const FOLDERS = ['/tmp', '/var/tmp', '/dev/shm']

const client = useManager({ runtimes: ['bash'] })

test("another user of the machine cannot put files into an image's folders", () => {
  const { home } = readConfig({ EXECUTOR_MANAGER_HOME: process.env.EXECUTOR_MANAGER_HOME })
  const images = path.join(home, 'images')
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
  for (const image of readdirSync(images).filter((name) => !name.startsWith('.'))) {
    for (const folder of FOLDERS) {
      const file = path.join(images, image, 'rootfs', folder, 'planted')
      expect(existsSync(path.dirname(file))).toBe(true)
      expect(spawnSync('setpriv', [...asNobody, 'touch', file]).status).not.toBe(0)
      expect(existsSync(file)).toBe(false)
    }
  }
})

test('a program finds them empty, and may write there', async () => {
  const code = FOLDERS.map((folder) => `ls -A ${folder}; stat -c %a ${folder}; touch ${folder}/x`)
  const answer = await client.run('bash', code.join('\n'))
  expect(answer).toMatchObject({ status: 'success', stdout: '1777\n1777\n1777\n', stderr: '' })
})
