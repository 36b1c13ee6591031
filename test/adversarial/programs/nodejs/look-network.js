// tries: to reach the manager, metadata services and the outside
// expect: success []
// within: 5s
const net = require('node:net')
async function main({ manager_port }) {
  const reach = (host, port) =>
    new Promise((resolve) => {
      const socket = net.connect({ host, port, timeout: 300 }, () => resolve([host, port]))
      socket.on('error', () => resolve(null))
      socket.on('timeout', () => resolve(null))
    })
  const hosts = ['127.0.0.1', 'localhost', '::1', '169.254.169.254', 'metadata.google.internal', '10.0.0.1', '1.1.1.1']
  const found = await Promise.all(
    hosts.flatMap((host) => [80, 9385, manager_port].map((port) => reach(host, port))),
  )
  const web = await fetch(`http://127.0.0.1:${manager_port}/healthz`).then((r) => r.status, () => null)
  return [...found, web].filter(Boolean)
}
