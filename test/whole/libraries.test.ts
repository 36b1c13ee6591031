import '../integration/libraries.test.ts'
