/** What a program is told of processors. */
'use strict'

const { syncBuiltinESMExports } = require('node:module')
const os = require('node:os')

/** Has os.cpus() list as many as the run may use, which is what os.availableParallelism() says. */
function showProcessors() {
  const { availableParallelism, cpus } = os
  os.cpus = () => cpus().slice(0, availableParallelism())
  syncBuiltinESMExports()
}

module.exports = { showProcessors }
