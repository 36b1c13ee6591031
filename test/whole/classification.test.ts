import '../adversarial/classification.test.ts'
