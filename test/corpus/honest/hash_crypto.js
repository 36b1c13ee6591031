const crypto = require('crypto')
const { promisify } = require('util')

const scrypt = promisify(crypto.scrypt)

async function main({ password = 'secret' }) {
  const key = await scrypt(password, 'salt', 16)
  const hash = crypto.createHash('sha256').update(password).digest('hex')
  return { key: key.toString('hex').length, hash: hash.slice(0, 8), id: crypto.randomUUID().length }
}
