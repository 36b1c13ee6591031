import '../integration/sessions-api.test.ts'
