/**
 * Responsible for naming everything the client takes from the browser, so that tests can hand in their own.
 *
 * @typedef {object} Environment
 * @property {new (url: string) => WebSocket} WebSocket
 * @property {typeof fetch} [fetch]
 * @property {new () => XMLHttpRequest} [XMLHttpRequest]
 * @property {(action: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now          milliseconds; wall time, because a sleeping laptop must count as silence
 * @property {() => number} random       in [0, 1)
 * @property {() => string} uuid
 * @property {EventTarget} [window]      tells of `online` and `offline`
 * @property {EventTarget & { visibilityState?: string }} [document]   tells of `visibilitychange`
 */

/** The browser's own. @returns {Environment} */
export function browserEnvironment() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: globalThis.fetch?.bind(globalThis),
    XMLHttpRequest: globalThis.XMLHttpRequest,
    setTimeout: (action, milliseconds) => globalThis.setTimeout(action, milliseconds),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    uuid: () => randomUUID(globalThis.crypto),
    window: globalThis.window,
    document: globalThis.document,
  }
}

/**
 * A version 4 UUID.
 *
 * `crypto.randomUUID` exists only in secure contexts; a gateway opened by its address in the local network is none,
 * while `getRandomValues` is there.
 *
 * @param {Crypto} crypto
 */
export function randomUUID(crypto) {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
