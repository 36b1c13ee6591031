const EventEmitter = require('events')

class Job extends EventEmitter {
  run() {
    this.emit('start')
    setImmediate(() => this.emit('done', 42))
  }
}

async function main() {
  const job = new Job()
  const log = []
  job.on('start', () => log.push('start'))
  const done = new Promise((resolve) => job.once('done', resolve))
  job.run()
  return { value: await done, log }
}

module.exports = { main }
