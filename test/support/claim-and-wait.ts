/** A manager as far as its marks go: claims its folders, keeps a process in a cgroup, and waits. */
import { spawn } from 'node:child_process'
import { createCgroup } from '../../src/engine/runsc/cgroup-factory.ts'
import { openCgroupTree } from '../../src/engine/runsc/cgroup-tree.ts'
import { claimOwnership } from '../../src/engine/runsc/owner.ts'

const tree = openCgroupTree()
const owner = await claimOwnership(tree)
const cgroup = createCgroup(tree, `${owner.name}/python-1`, { memoryBytes: 64 << 20, tasks: 16 })
const join = 'for file; do echo 0 >"$file" || exit 1; done; echo in it; exec sleep 100000'
const child = spawn('sh', ['-c', join, 'sh', ...cgroup.joinFiles], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
child.stdout.once('data', () => console.log(`claimed ${owner.name}`))
setInterval(() => {}, 1000)
