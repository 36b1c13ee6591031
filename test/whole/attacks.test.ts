import '../integration/attacks.test.ts'
