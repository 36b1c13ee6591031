import '../integration/session-contexts.test.ts'
