import '../integration/alone/freeze-thaw.test.ts'
