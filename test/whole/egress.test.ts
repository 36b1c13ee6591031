import '../integration/alone/egress.test.ts'
