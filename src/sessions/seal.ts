import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'

/** A sealed file: this mark, a salt, and chunks. Raise the digit when that changes. */
const MARK = Buffer.from('EMS1')
const SALT_BYTES = 32
const HEAD_BYTES = MARK.length + SALT_BYTES
const TAG_BYTES = 16
const TAG = { authTagLength: TAG_BYTES }
/** Plaintext in a chunk; the last one may have less. */
const CHUNK_BYTES = 1024 ** 2
export const KEY_BYTES = 32

/** What was sealed was changed, cut or put elsewhere, or sealed with another key. */
export class SealBroken extends Error {}

/**
 * Encrypts with AES-256-GCM, in chunks. Every sealed thing has a key of its own, made (HKDF-SHA256) of the key, a
 * random salt and its name, so that one in the place of another does not open. The nonce of a chunk is its number and
 * whether it is the last one, so that none can be left out, added or moved (the STREAM construction,
 * https://eprint.iacr.org/2015/189).
 */
export class Seal {
  readonly #key: Buffer

  /** @param key of 32 bytes */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** Seals bytes under a name. */
  seal(name: string, plain: Buffer): Buffer {
    const { head, chunks } = this.#sealer(name)
    const parts: Buffer[] = [head]
    for (let at = 0; at === 0 || at < plain.length; at += CHUNK_BYTES) {
      parts.push(chunks(plain.subarray(at, at + CHUNK_BYTES), at + CHUNK_BYTES >= plain.length))
    }
    return Buffer.concat(parts)
  }

  /** @throws SealBroken */
  open(name: string, sealed: Buffer): Buffer {
    const chunks = this.#opener(name, sealed.subarray(0, HEAD_BYTES))
    const parts: Buffer[] = []
    const step = CHUNK_BYTES + TAG_BYTES
    for (let at = HEAD_BYTES; at === HEAD_BYTES || at < sealed.length; at += step) {
      parts.push(chunks(sealed.subarray(at, at + step), at + step >= sealed.length))
    }
    return Buffer.concat(parts)
  }

  /** Seals a file into a new one of mode 0600. */
  async sealFile(name: string, from: string, to: string): Promise<void> {
    const { head, chunks } = this.#sealer(name)
    await between(from, to, async (source, target) => {
      await target.write(head)
      await inChunks(source, 0, CHUNK_BYTES, async (chunk, isLast) => {
        await target.write(chunks(chunk, isLast))
      })
    })
  }

  /**
   * Opens a sealed file into a new one of mode 0600.
   * @throws SealBroken; what has been written by then is of no use
   */
  async openFile(name: string, from: string, to: string): Promise<void> {
    await between(from, to, async (source, target) => {
      const head = Buffer.alloc(HEAD_BYTES)
      const { bytesRead } = await source.read(head, 0, HEAD_BYTES, 0)
      const chunks = this.#opener(name, head.subarray(0, bytesRead))
      await inChunks(source, HEAD_BYTES, CHUNK_BYTES + TAG_BYTES, async (chunk, isLast) => {
        await target.write(chunks(chunk, isLast))
      })
    })
  }

  #sealer(name: string) {
    const salt = randomBytes(SALT_BYTES)
    const key = this.#keyOf(name, salt)
    let number = 0
    const chunks = (plain: Buffer, isLast: boolean): Buffer => {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number++, isLast), TAG)
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
    }
    return { head: Buffer.concat([MARK, salt]), chunks }
  }

  #opener(name: string, head: Buffer) {
    const isWhole = head.length === HEAD_BYTES && head.subarray(0, MARK.length).equals(MARK)
    if (!isWhole) throw new SealBroken(`${name} is not sealed`)
    const key = this.#keyOf(name, head.subarray(MARK.length))
    let number = 0
    return (sealed: Buffer, isLast: boolean): Buffer => {
      try {
        const end = sealed.length - TAG_BYTES
        const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number++, isLast), TAG)
        decipher.setAuthTag(sealed.subarray(end))
        return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()])
      } catch (cause) {
        throw new SealBroken(`${name} was changed, or sealed with another key`, { cause })
      }
    }
  }

  #keyOf(name: string, salt: Buffer): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#key, salt, name, KEY_BYTES))
  }
}

/** 12 bytes, as AES-GCM has them. */
function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(number), 0)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

async function between(
  from: string,
  to: string,
  work: (source: FileHandle, target: FileHandle) => Promise<void>,
): Promise<void> {
  await using source = await open(from, 'r')
  await using target = await open(to, 'wx', 0o600)
  await work(source, target)
}

/** Reads a file to its end, in chunks of a size; an empty one is one empty chunk. */
async function inChunks(
  file: FileHandle,
  from: number,
  size: number,
  take: (chunk: Buffer, isLast: boolean) => Promise<void>,
): Promise<void> {
  const { size: end } = await file.stat()
  const buffer = Buffer.alloc(size)
  let at = from
  do {
    const length = Math.min(size, end - at)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, at + filled)
      if (bytesRead === 0) throw new Error('a file became shorter while it was read')
      filled += bytesRead
    }
    at += filled
    await take(buffer.subarray(0, filled), at >= end)
  } while (at < end)
}
