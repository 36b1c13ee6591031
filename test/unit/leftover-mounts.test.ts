import { expect, test } from 'vitest'
import { mountPointsBelow } from '../../src/engine/runsc/leftover-mounts.ts'

const MOUNT_INFO = `22 1 0:20 / /proc rw shared:5 - proc proc rw
30 1 0:4 net:[4026532] /run/manager/1-2/shared/null-netns rw - nsfs nsfs rw
31 1 0:4 net:[4026533] /run/manager/1-2/shared/null-netns rw - nsfs nsfs rw
32 1 0:40 / /run/manager/1-2/with\\040blank\\134 rw - tmpfs tmpfs rw
33 1 0:41 / /run/manager/1-20 rw - tmpfs tmpfs rw
34 1 0:42 / /run/manager/1-2 rw - tmpfs tmpfs rw
`

test('finds mounts on and below a folder, and not beside it', () => {
  expect(mountPointsBelow('/run/manager/1-2', MOUNT_INFO)).toEqual([
    '/run/manager/1-2/shared/null-netns',
    '/run/manager/1-2/shared/null-netns',
    '/run/manager/1-2/with blank\\',
    '/run/manager/1-2',
  ])
  expect(mountPointsBelow('/nowhere', MOUNT_INFO)).toEqual([])
})
