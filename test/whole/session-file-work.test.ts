import '../integration/session-file-work.test.ts'
