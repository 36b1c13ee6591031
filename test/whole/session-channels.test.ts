import '../integration/session-channels.test.ts'
