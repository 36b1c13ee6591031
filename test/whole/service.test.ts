import '../integration/alone/service.test.ts'
