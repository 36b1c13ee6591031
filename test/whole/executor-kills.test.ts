import '../integration/alone/executor-kills.test.ts'
