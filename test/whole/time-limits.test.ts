import '../integration/time-limits.test.ts'
