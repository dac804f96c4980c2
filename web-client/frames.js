/** Responsible for the framing: JSON objects joined by newlines, one or more in a message. */

const encoder = new TextEncoder()

/**
 * Commands packed into as few messages as the gateway's read limit allows, in order.
 *
 * @param {object[]} commands
 * @param {number} limit  bytes a message
 * @returns {string[]}
 */
export function pack(commands, limit) {
  const messages = []
  let lines = []
  let size = 0
  for (const command of commands) {
    const line = JSON.stringify(command)
    const bytes = byteCount(line) + 1
    if (lines.length > 0 && size + bytes > limit) {
      messages.push(lines.join('\n'))
      lines = []
      size = 0
    }
    lines.push(line)
    size += bytes
  }
  if (lines.length > 0) messages.push(lines.join('\n'))
  return messages
}

/** @param {string} message @returns {object[]} in order; throws on what is not JSON */
export function unpack(message) {
  return message.trim().split('\n').map((line) => JSON.parse(line))
}

/** @param {string} text */
export function byteCount(text) { return encoder.encode(text).length }
