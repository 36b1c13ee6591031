export const MINIMUM_NODE: string
export const NODE_FOLDER: string
export function isNewEnough(version: string): boolean
export function findInstalledNode(): string | undefined
