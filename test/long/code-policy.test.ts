import { isEssential, testBalancedPolicy, useBalancedPolicy } from '../support/balanced-policy.ts'

/** The cases of the code policy that the short suite leaves out. */
testBalancedPolicy(useBalancedPolicy(), (one, index) => !isEssential(one, index))
