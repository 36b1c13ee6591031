// The web servers and the name server of a small internet: a process, so that it can be in a network
// namespace. Arguments: the name server's address, its zone as JSON, a file that requests are noted in.
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { answerNames } from './name-server.mjs'

const [nameServer, zone, logFile] = process.argv.slice(2)

await answerNames(nameServer, 53, JSON.parse(zone), (name) => {
  appendFileSync(logFile, `name ${name}\n`)
})

const web = createServer((request, response) => {
  const { localAddress, remoteAddress } = request.socket
  appendFileSync(logFile, `web ${localAddress} ${request.url}\n`)
  const bytes = /^\/bytes\/(\d+)$/.exec(request.url)?.[1]
  response.end(bytes ? Buffer.alloc(Number(bytes)) : `${localAddress} for ${remoteAddress}`)
})
web.listen(80, '0.0.0.0')
await once(web, 'listening')

process.stdout.write('serving\n')
