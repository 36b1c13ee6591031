import type { ExecutorMaker } from '../src/engine/runsc/executor-maker.ts'
import type { InstalledRuntime } from '../src/engine/runsc/installation.ts'
import type { Bench } from './context.ts'
import { makerOf, openEngine } from './engine.ts'
import type { LoopFigure } from './runsc-loop.ts'

/**
 * What the engine alone can do: executors of one template restored from the service's own snapshot,
 * warmed up, frozen and destroyed, one after the other in each of `parallel` loops. No run, no pool and
 * no HTTP are in it, so it is the most that the product could reach with these engine calls.
 * @param seconds how long it counts
 */
export async function measureRestoreLoop(
  bench: Bench,
  template: InstalledRuntime,
  parallel: number,
  seconds: number,
): Promise<LoopFigure> {
  const engine = await openEngine(bench, bench.config.home)
  try {
    const maker = makerOf(engine, template, bench.config)
    await maker.prepare()
    return await countLoops(bench, maker, parallel, seconds)
  } finally {
    await engine.close()
  }
}

async function countLoops(
  bench: Bench,
  maker: ExecutorMaker,
  parallel: number,
  seconds: number,
): Promise<LoopFigure> {
  const endsMs = performance.now() + seconds * 1000
  let sandboxes = 0
  const loop = async () => {
    while (performance.now() < endsMs) {
      bench.interrupt.throwIfAborted()
      const executor = await maker.create()
      await executor.dispose()
      if (performance.now() <= endsMs) sandboxes++
    }
  }
  const loops = await Promise.allSettled(Array.from({ length: parallel }, loop))
  for (const ended of loops) if (ended.status === 'rejected') throw ended.reason
  return { parallel, seconds, sandboxes, perSecond: sandboxes / seconds }
}
