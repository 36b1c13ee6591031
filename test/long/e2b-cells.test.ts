import { beforeAll, describe, expect, test } from 'vitest'
import { scaledMs } from '../../src/lib/time-scale.ts'
import { useManager } from '../support/manager.ts'

/** What E2B's clients are shown of cells: the data of tables and charts, errors, and what is left out. */

const client = useManager({ runtimes: ['python'] })
let headers: Record<string, string>

beforeAll(async () => {
  const response = await fetch(`${client.url}/v2/sandboxes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'none' },
    body: JSON.stringify({ templateID: 'python', timeout: 3600, envVars: { GLOBAL: 'g' } }),
  })
  expect(response.status).toBe(201)
  const { sandboxID, envdAccessToken } = (await response.json()) as Record<string, string>
  headers = {
    'content-type': 'application/json',
    'e2b-sandbox-id': sandboxID as string,
    'e2b-sandbox-port': '49999',
    'x-access-token': envdAccessToken as string,
  }
}, scaledMs(120_000))

async function run(code: string, more: object = {}) {
  const body = JSON.stringify({ code, ...more })
  const response = await fetch(`${client.url}/execute`, { method: 'POST', headers, body })
  const text = await response.text()
  expect(response.status, text).toBe(200)
  const lines = text.trimEnd().split('\n')
  expect(lines.at(-1)).toContain('end_of_execution')
  const parsed = lines.map((line) => JSON.parse(line))
  const of = (type: string) => parsed.filter((line) => line.type === type)
  return { text, results: of('result'), error: of('error')[0], stderr: of('stderr'), of }
}

const PLOT = 'import matplotlib.pyplot as plt, numpy as np, datetime\n'
async function chartOf(code: string) {
  const { results, error, text } = await run(`${PLOT}${code}\nplt.show()`)
  expect(error).toBeUndefined()
  expect(results[0].png).toMatch(/^iVBOR/)
  return { chart: results[0].chart, text }
}

describe('charts', () => {
  test('lines keep their numbers as they are; dates are texts', async () => {
    const { chart, text } = await chartOf(
      'plt.plot([1, 2], [3, 4.5], label="a"); plt.plot([1, 2], [1, 1]); plt.axhline(2); plt.xlabel("t (s)"); plt.title("T")',
    )
    expect(chart).toMatchObject({ type: 'line', title: 'T', x_label: 't (s)', x_unit: 's' })
    expect(chart.elements).toEqual([
      {
        label: 'a',
        points: [
          [1, 3],
          [2, 4.5],
        ],
      },
      {
        label: 'Line 1',
        points: [
          [1, 1],
          [2, 1],
        ],
      },
    ])
    // Python's clients tell 1.0 from 1.
    expect(text).toContain('[[1.0,3.0],[2.0,4.5]]')
    const dates = await chartOf(
      'plt.plot([datetime.date(2023, 9, 1), datetime.date(2023, 9, 3)], ["A", "B"])',
    )
    expect(dates.chart).toMatchObject({ x_scale: 'datetime', y_scale: 'categorical' })
    expect(dates.chart.elements[0].points[0]).toEqual(['2023-09-01', 'A'])
    const log = await chartOf('plt.plot([1, 2], [1, 100]); plt.yscale("log")')
    expect(log.chart.y_scale).toBe('log')
  })

  test('bars that stand or lie, with names or numbers below', async () => {
    const standing = await chartOf('plt.bar(["a", "b"], [5, 5], label="G"); plt.ylabel("n")')
    expect(standing.chart).toMatchObject({ type: 'bar', y_label: 'n' })
    expect(standing.chart.elements).toEqual([
      { label: 'a', group: 'G', value: 5 },
      { label: 'b', group: 'G', value: 5 },
    ])
    const lying = await chartOf('plt.barh(["a", "b"], [1, 2]); plt.xlabel("n")')
    expect(lying.chart).toMatchObject({ type: 'bar', y_label: 'n', x_label: null })
    expect(lying.chart.elements.map(({ value }: { value: number }) => value)).toEqual([1, 2])
    const numbers = await chartOf('plt.bar([2.5, 17.5], [1, 2])')
    expect(numbers.chart.elements[0]).toMatchObject({ label: '2.5', group: 'Group 0' })
  })

  test('boxes, standing or lying', async () => {
    const data =
      '[[85, 90, 78, 92, 88], [95, 89, 76, 91, 84, 87]], patch_artist=True, tick_labels=["A", "B"]'
    const boxes = [
      {
        label: 'A',
        min: 78,
        first_quartile: 85,
        median: 88,
        third_quartile: 90,
        max: 92,
        outliers: [],
      },
      {
        label: 'B',
        min: 84,
        first_quartile: 84.75,
        median: 88,
        third_quartile: 90.5,
        max: 95,
        outliers: [76],
      },
    ]
    const standing = await chartOf(`plt.boxplot(${data})`)
    expect(standing.chart).toMatchObject({ type: 'box_and_whisker', elements: boxes })
    const lying = await chartOf(`plt.boxplot(${data}, orientation="horizontal")`)
    expect(lying.chart).toMatchObject({ type: 'box_and_whisker', elements: boxes })
  })

  test('points, wedges, several, others and none', async () => {
    const points = await chartOf('plt.scatter([1, 2], [3, 4], label="s"); plt.grid(True)')
    expect(points.chart).toMatchObject({
      type: 'scatter',
      elements: [
        {
          label: 's',
          points: [
            [1, 3],
            [2, 4],
          ],
        },
      ],
    })
    const pie = await chartOf('plt.pie([90, 10], labels=["a", "b"], autopct="%d")')
    expect(pie.chart).toMatchObject({
      type: 'pie',
      elements: [
        { label: 'a', angle: 324, radius: 1 },
        { label: 'b', angle: 36, radius: 1 },
      ],
    })
    const several = await chartOf(
      'f, (a, b) = plt.subplots(1, 2); f.suptitle("S"); a.plot([1, 2]); b.scatter([1], [2])',
    )
    expect(several.chart).toMatchObject({ type: 'superchart', title: 'S' })
    expect(several.chart.elements.map(({ type }: { type: string }) => type)).toEqual([
      'line',
      'scatter',
    ])
    const other = await chartOf('plt.gca().add_artist(plt.Circle((0, 0), 1)); plt.title("C")')
    expect(other.chart).toEqual({ type: 'unknown', title: 'C', elements: [] })
    const large = await chartOf('plt.plot(np.arange(200_000))')
    expect(large.chart).toBeUndefined()
  })
})

describe('cells', () => {
  test('a table has its columns, a list its items; too large or too deep ones have their text', async () => {
    const { results } = await run(
      'import pandas\npandas.DataFrame({"a": [1, 2], "b": [1.5, None]})',
    )
    expect(results[0].data).toEqual({ a: [1, 2], b: [1.5, null] })
    expect((await run('[1, {"a": (2,)}]')).results[0].json).toEqual([1, { a: [2] }])
    const large = await run('pandas.DataFrame({"a": range(300_000)})')
    expect(large.results[0]).not.toHaveProperty('data')
    expect(large.results[0].html).toContain('<table')
    const deep = await run('x = []\nfor _ in range(80): x = [x]\nx')
    expect(deep.results[0].text).toContain('[[[')
    expect(deep.results[0]).not.toHaveProperty('json')
    const itself = await run('x = []; x.append(x); x')
    expect(itself.results[0]).toMatchObject({ text: '[[...]]' })
    expect(itself.results[0]).not.toHaveProperty('json')
  })

  test('an error is told alone, with a long message', async () => {
    const { error, stderr } = await run('raise ValueError("é" * 100_000)')
    expect(error).toMatchObject({ name: 'ValueError', value: 'é'.repeat(100_000) })
    expect(stderr).toEqual([])
  })

  test('variables are of one run', async () => {
    const read = 'import os, time; [os.environ.get("A"), os.environ["GLOBAL"], time.tzname[0]]'
    const env_vars = { A: 'b', GLOBAL: 'l', TZ: 'Asia/Tokyo' }
    expect((await run(read, { env_vars })).results[0].json).toEqual(['b', 'l', 'JST'])
    expect((await run(read)).results[0].json).toEqual([null, 'g', 'UTC'])
  })

  test('a saved image is shown; what a plain run prints is as before', async () => {
    const { results } = await run('from PIL import Image\nImage.new("RGB", (2, 2)).save("a.png")')
    expect(results[0].png).toMatch(/^iVBOR/)
  })
})
