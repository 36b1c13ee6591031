import '../integration/snapshot-renewal.test.ts'
