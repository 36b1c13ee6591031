import '../integration/alone/small-machine.test.ts'
