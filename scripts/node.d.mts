export const MINIMUM_NODE: string
export const NODE_FOLDER: string
export function isNewEnough(version: string): boolean
export function findInstalledNode(folder?: string): string | undefined
