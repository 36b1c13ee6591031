import type { Kernel } from './context-types.ts'

/** Variables that an interpreter, its libraries or its C library read once, when they start. */
const READ_AT_START =
  /^(PYTHON|IPYTHON|NODE_|UV_|LD_|LC_|LANG|MALLOC_|GLIBC_|GCONV_|OPENSSL_|TMP|TEMP|HOME$|USER$|TERM$|NO_COLOR$)/
const NAME = /^[A-Za-z_]\w*$/

/** Tells whether a kernel that has started already can be given these variables as if it had had them from the start. */
export function canTell({ takesEnv }: Kernel, env: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(env)
  if (names.length === 0) return true
  return takesEnv && names.every((name) => NAME.test(name) && !READ_AT_START.test(name))
}
