import '../integration/snapshot-faults.test.ts'
