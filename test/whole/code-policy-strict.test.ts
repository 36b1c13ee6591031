import '../integration/code-policy-strict.test.ts'
