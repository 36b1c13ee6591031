import '../integration/shared.test.ts'
