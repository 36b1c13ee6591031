/** What every image holds, whatever its language: fonts, locales, time zones and certificates. */
import { runInImage } from './chroot.ts'

/** Debian packages that every image gets, in addition to those of its recipe. */
export const BASE_PACKAGES: readonly string[] = [
  'ca-certificates',
  // Latin letters as wide as those of Arial, Times and Courier; Chinese, Japanese, Korean; emoji.
  'fonts-liberation',
  'fonts-wqy-microhei',
  'fonts-symbola',
  'locales',
  'tzdata',
]

/** Packages that are removed at the end: the image needs only the files that were made with them. */
export const BASE_REMOVED_PACKAGES: readonly string[] = ['locales', 'libc-l10n']

const LOCALES = ['en_US', 'de_DE', 'fr_FR', 'zh_CN', 'ja_JP']

/** Compiles the locales into the archive of the C library. C.UTF-8 is not among them: the library has it built in. */
export async function compileLocales(rootfs: string): Promise<void> {
  const commands = LOCALES.map((name) => `localedef -i ${name} -f UTF-8 ${name}.UTF-8`)
  await runInImage(rootfs, ['mkdir -p /usr/lib/locale', ...commands].join(' && '), {
    purpose: 'Compiling the locales',
    remedy: 'Check the free disk space.',
  })
}
