import '../integration/pool.test.ts'
