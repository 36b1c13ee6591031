import { describe, expect, test } from 'vitest'
import { useShared } from '../../support/shared-manager.ts'

/** What programs find in the images beside libraries: locales, time zones, the tools of bash. */
const { client } = useShared()

describe.concurrent('locales and time zones', () => {
  test('of Python', async () => {
    const lines = [
      'import locale, datetime, zoneinfo',
      'def write(name):',
      '    locale.setlocale(locale.LC_ALL, name)',
      '    return locale.format_string("%.2f", 1234.5, grouping=True), datetime.date(2024, 2, 5).strftime("%A")',
      'def main():',
      '    names = ["en_US.UTF-8", "de_DE.UTF-8", "zh_CN.UTF-8", "ja_JP.UTF-8"]',
      '    zone = zoneinfo.ZoneInfo("Asia/Shanghai")',
      '    return [write(name) for name in names], datetime.datetime(2024, 1, 1, tzinfo=zone).isoformat()',
    ]
    const answer = await client.run('python', lines.join('\n'))
    expect(answer).toMatchObject({ status: 'success', stderr: '' })
    const numbers = [
      ['1,234.50', 'Monday'],
      ['1.234,50', 'Montag'],
      ['1,234.50', '星期一'],
      ['1,234.50', '月曜日'],
    ]
    expect(answer.result?.value).toEqual([numbers, '2024-01-01T00:00:00+08:00'])
  })

  test('of bash', async () => {
    const code = [
      'LC_ALL=fr_FR.UTF-8 date -u -d 2024-02-05 +%A',
      'TZ=America/New_York date -d @0 +%H:%M',
      'LC_ALL=zh_CN.UTF-8 date -u -d 2024-02-05 +%A',
    ]
    const answer = await client.run('bash', code.join('\n'))
    expect(answer).toMatchObject({
      status: 'success',
      stdout: 'lundi\n19:00\n星期一\n',
      stderr: '',
    })
  })

  test('the usual tools are in bash', async () => {
    const code = `set -e
printf 'a,1\\nb,2\\n' > t.csv
sqlite3 :memory: '.mode csv' '.import t.csv t' 'select 6 * 7'
jq -n '[1, 2] | add'
echo 'scale=2; 1/4' | bc
git init -q r && cd r && git -c user.name=n -c user.email=e@example.org commit -q --allow-empty -m first
git log --format=%s
cd .. && zip -q t.zip t.csv && unzip -p t.zip | gawk -F, '{ n += $2 } END { print n }'
rg -c a t.csv
curl --version | head -c 4`
    const answer = await client.run('bash', code)
    const stdout = '42\n3\n.25\nfirst\n3\n1\ncurl'
    expect(answer).toMatchObject({ status: 'success', stdout, stderr: '' })
  })
})
