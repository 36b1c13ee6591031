import '../integration/session-archives.test.ts'
