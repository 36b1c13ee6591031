import { describe, expect, test } from 'vitest'
import type { Client } from './client.ts'

/**
 * Defines tests of the fonts that programs in Python find.
 * @param python runs lines of a program without an error; gives the value that its main returns
 */
export function testFonts(client: Client, python: (...lines: string[]) => Promise<unknown>): void {
  describe('fonts', () => {
    /** Draws one character, and tells drawn characters apart. */
    const PICTURE = [
      'import matplotlib.pyplot as plt',
      'def picture(text, **how):',
      '    figure = plt.figure(figsize=(1, 1))',
      '    figure.text(0.2, 0.2, text, fontsize=40, **how)',
      '    figure.canvas.draw()',
      '    pixels = bytes(figure.canvas.buffer_rgba())',
      '    plt.close(figure)',
      '    return pixels',
    ]
    const SIGNS = ['水火', '日月', 'あい', '가나', '📈🚀', 'ÄÖ', '−+', 'жш', 'αβ']

    test.each([
      'the default',
      'SimHei',
      'Arial',
      'Times New Roman',
      'Noto Sans CJK JP',
      'Malgun Gothic',
      'Courier New',
    ])('signs of many scripts are drawn without a warning: %s', async (name) => {
      const setting = name === 'the default' ? '' : `plt.rcParams["font.sans-serif"] = ["${name}"]`
      const different = await python(
        ...PICTURE,
        setting,
        'def main():',
        `    pairs = ${JSON.stringify(SIGNS)}`,
        '    return [picture(pair[0]) != picture(pair[1]) for pair in map(list, pairs)]',
      )
      expect(different).toEqual(SIGNS.map(() => true))
    })

    test('a plot with bold titles, negative numbers and a legend, in each format', async () => {
      const sizes = await python(
        'import io',
        'import matplotlib.pyplot as plt',
        'plt.rcParams["font.family"] = "Helvetica"',
        'def main():',
        '    figure, axes = plt.subplots(layout="constrained")',
        '    axes.bar(["上海", "大阪", "부산"], [3, -1, 2], label="气温 📈")',
        '    axes.set_title("各地气温 / 気温 ✅", fontweight="bold", fontstyle="italic")',
        '    axes.legend()',
        '    def save(kind):',
        '        file = io.BytesIO()',
        '        figure.savefig(file, format=kind)',
        '        return len(file.getvalue())',
        '    return [save(kind) for kind in ["png", "svg", "pdf", "jpg"]]',
      )
      for (const size of sizes as number[]) expect(size).toBeGreaterThan(3000)
    })

    test('formulas stand beside Chinese and emoji', async () => {
      const different = await python(
        ...PICTURE,
        'plt.rcParams["font.sans-serif"] = ["SimHei"]',
        'def main():',
        '    pairs = ["误差", "가나", "📈🚀"]',
        '    return [picture(p[0] + r" $\\sigma^2$") != picture(p[1] + r" $\\sigma^2$") for p in pairs]',
      )
      expect(different).toEqual([true, true, true])
    })

    test('a font that nobody has is told once, not for each text', async () => {
      const code = [
        'import matplotlib.pyplot as plt',
        'def main():',
        '    for n in range(5):',
        '        plt.text(0, n, f"{n}", family="No Such Font", size=n + 8)',
        '    plt.savefig("artifacts/a.png")',
      ]
      const { status, stderr } = await client.run('python', code.join('\n'))
      expect(status).toBe('success')
      expect(stderr.match(/No Such Font/g)).toHaveLength(1)
    })

    test('Pillow finds fonts by the names of usual files', async () => {
      const found = await python(
        'from PIL import ImageFont',
        'def main():',
        '    cjk = [ImageFont.truetype(name, 24) for name in ["simhei.ttf", "msyh.ttc", "NotoSansCJK-Regular.ttc"]]',
        '    latin = [ImageFont.truetype(name, 24) for name in ["arial.ttf", "times.ttf", "DejaVuSans.ttf"]]',
        '    return [bytes(f.getmask("你")) != bytes(f.getmask("好")) for f in cjk] + [bool(f.getlength("a")) for f in latin]',
      )
      expect(found).toEqual([true, true, true, true, true, true])
    })
  })
}
