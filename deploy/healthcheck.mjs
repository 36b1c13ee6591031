/** HEALTHCHECK of the image: exit status 0 when the service answers on /healthz, else 1. */
import http from 'node:http'
import https from 'node:https'

const TIMEOUT_MS = 5000
const port = process.env.SANDBOX_EXECUTOR_MANAGER_PORT || 9385
// The process is the service's neighbour, so it asks the service's own address. A certificate names
// another host than that.
const host =
  { '0.0.0.0': '127.0.0.1', '::': '::1' }[process.env.EXECUTOR_MANAGER_HOST] ??
  process.env.EXECUTOR_MANAGER_HOST
const options = { host, port, path: '/healthz', timeout: TIMEOUT_MS, rejectUnauthorized: false }

const isHealthy = (client) =>
  new Promise((resolve) => {
    const request = client.get(options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })

process.exit((await isHealthy(http)) || (await isHealthy(https)) ? 0 : 1)
