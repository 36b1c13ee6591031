import '../integration/user-programs.test.ts'
