/** Responsible for what a number from the gateway asks the client to do next. */

/** Codes of error replies that the client itself acts on. */
export const ErrorCode = Object.freeze({
  alreadySubscribed: 105,
  tokenExpired: 109,
  tooManyRequests: 111,
  unrecoverablePosition: 112,
  conflict: 409,
})

/** Why the client itself ended a connection; below 3000, so that each of them reconnects. */
export const LocalCode = Object.freeze({
  closedByCaller: 0,
  noAnswer: 1,
  silent: 2,
  badFrame: 3,
  connectRefused: 4,
  networkChanged: 5,
})

/** Codes of closes and unsubscribes that carry more than "again" or "never again". */
export const CloseCode = Object.freeze({
  messageTooLarge: 1009,
  connectionExpired: 3005,
  stateInvalidated: 3014,
  subscriptionStateInvalidated: 2502,
})

/**
 * Whether a connection closed with this code is to be opened again.
 *
 * 1009 is the one standard code that is final: the same message would be too large again.
 *
 * @param {number} code
 */
export function shouldReconnect(code) {
  if (code === CloseCode.messageTooLarge) return false
  if (code >= 3500 && code < 4000) return false
  if (code >= 4500 && code < 5000) return false
  return true
}

/** Whether a channel taken from us with this code is to be asked for again. @param {number} code */
export function shouldResubscribe(code) {
  return code >= 2500
}

const closings = new Map([
  [109, 'The token expired.'],
  [1009, 'A message was larger than the gateway accepts.'],
  [3001, 'The gateway is restarting.'],
  [3005, 'The token expired.'],
  [3008, 'This connection read too slowly.'],
  [3013, 'Too many connections were opened in a short time.'],
  [3500, 'The gateway refused the token.'],
  [3501, 'The gateway did not understand this client.'],
  [3503, 'The gateway ended this session.'],
  [3504, 'Too many connections are open for this user.'],
  [3507, 'This user is not allowed to connect.'],
])

/** A sentence for people. @param {number} code @param {string} [reason] */
export function explainClose(code, reason) {
  return closings.get(code) ?? (reason ? `The connection ended: ${reason}.` : 'The connection ended.')
}
