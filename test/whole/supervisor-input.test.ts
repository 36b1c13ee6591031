import '../integration/supervisor-input.test.ts'
