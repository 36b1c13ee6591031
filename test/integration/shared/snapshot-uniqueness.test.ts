import { expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

const { client } = useShared()
const CLONES = 8

/** Runs a program in many clones; what it returns must differ in every field, between all of them. */
async function expectAllDifferent(language: string, code: string): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: CLONES }, () => client.run(language, code)),
  )
  for (const answer of answers) expect(answer).toMatchObject({ status: 'success', stderr: '' })
  const clones = answers.map(({ result, stdout }) =>
    Object.entries((result?.value ?? { stdout }) as Record<string, unknown>),
  )
  for (const [index, [name]] of (clones[0] ?? []).entries()) {
    const values = new Set(clones.map((fields) => JSON.stringify(fields[index]?.[1])))
    expect({ name, different: values.size }).toEqual({ name, different: CLONES })
  }
}

test('Python: no source of randomness agrees between clones', async () => {
  await expectAllDifferent(
    'python',
    `
import os, random, secrets, ssl, tempfile, uuid
import numpy as np
from email.utils import make_msgid
from multiprocessing import process

def main():
    return {
        "random": random.random(),
        "shuffle": random.sample(range(10**6), 3),
        "Random": random.Random().random(),
        "SystemRandom": random.SystemRandom().random(),
        "numpy": float(np.random.rand()),
        "numpy_normal": float(np.random.normal()),
        "numpy_state": float(np.random.RandomState().rand()),
        "numpy_generator": float(np.random.default_rng().random()),
        "uuid1": str(uuid.uuid1()),
        "uuid4": str(uuid.uuid4()),
        "uuid_node": uuid.getnode(),
        "ssl": ssl.RAND_bytes(8).hex(),
        "secrets": secrets.token_hex(8),
        "urandom": os.urandom(8).hex(),
        "temp_name": tempfile.mktemp(),
        "temp_folder": tempfile.mkdtemp(),
        "authkey": bytes(process.current_process().authkey).hex(),
        "message_id": make_msgid(domain="x"),
    }
`,
  )
})

test('Node.js: no source of randomness agrees, in contexts, Workers and keys of every type', async () => {
  await expectAllDifferent(
    'nodejs',
    `
const c = require('crypto')
const vm = require('vm')
const { Worker } = require('worker_threads')
const { promisify } = require('util')
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const pem = (key) => key.export({ format: 'der', type: 'pkcs8' }).toString('hex')
const inWorker = () => new Promise((resolve, reject) => {
  const worker = new Worker(
    "require('worker_threads').parentPort.postMessage([Math.random(), require('crypto').randomUUID()])",
    { eval: true })
  worker.once('message', resolve)
  worker.once('error', reject)
})

async function main() {
  const dh = c.getDiffieHellman('modp14')
  dh.generateKeys()
  const ecdh = c.createECDH('secp256k1')
  ecdh.generateKeys()
  const generate = promisify(c.generateKeyPair)
  const [one, two] = await Promise.all([inWorker(), inWorker()])
  if (one[0] === two[0]) throw new Error('two Workers agree')
  return {
    random: Math.random(),
    next: Math.random(),
    newContext: vm.runInNewContext('Math.random()'),
    script: new vm.Script('Math.random()').runInNewContext(),
    context: vm.runInContext('Math.random()', vm.createContext({})),
    worker: one,
    secondWorker: two,
    bytes: hex(c.randomBytes(8)),
    bytesLater: hex(await promisify(c.randomBytes)(8)),
    fill: hex(c.randomFillSync(new Uint8Array(8))),
    uuid: c.randomUUID(),
    integer: c.randomInt(2 ** 47),
    web: hex(crypto.getRandomValues(new Uint8Array(8))),
    webUuid: crypto.randomUUID(),
    subtle: hex(await c.subtle.exportKey('raw',
      await c.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']))),
    rsa: pem(c.generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    ec: pem(c.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ecLater: pem((await generate('ec', { namedCurve: 'P-256' })).privateKey),
    ed25519: pem(c.generateKeyPairSync('ed25519').privateKey),
    x25519: pem(c.generateKeyPairSync('x25519').privateKey),
    hmac: hex(c.generateKeySync('hmac', { length: 128 }).export()),
    aes: hex(c.generateKeySync('aes', { length: 128 }).export()),
    dh: dh.getPrivateKey('hex'),
    ecdh: ecdh.getPrivateKey('hex'),
    prime: hex(c.generatePrimeSync(64)),
    folder: require('fs').mkdtempSync('/tmp/x-'),
  }
}
`,
  )
})

test('bash: $RANDOM differs between clones', async () => {
  await expectAllDifferent('bash', 'echo $RANDOM $RANDOM $RANDOM')
})
