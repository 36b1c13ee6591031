import '../integration/alone/npm-start.test.ts'
