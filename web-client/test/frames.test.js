import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pack, unpack } from '../frames.js'

test('commands share a message, one a line', () => {
  assert.deepEqual(pack([{ id: 1 }, { id: 2 }], 1000), ['{"id":1}\n{"id":2}'])
})

test('a message stays under the limit of the reader', () => {
  const commands = Array.from({ length: 10 }, (_, id) => ({ id, text: 'ä'.repeat(20) }))
  const messages = pack(commands, 130)
  assert.ok(messages.length > 1)
  for (const message of messages) assert.ok(Buffer.byteLength(message) <= 130)
  assert.deepEqual(messages.flatMap(unpack), commands)
})

test('nothing to say is no message', () => assert.deepEqual(pack([], 100), []))

test('a newline at the end is no object', () => assert.deepEqual(unpack('{"id":1}\n{}\n'), [{ id: 1 }, {}]))

test('a newline within text does not split an object', () => {
  const command = { text: 'two\nlines' }
  assert.deepEqual(pack([command], 100).flatMap(unpack), [command])
})

test('what is not JSON is refused', () => assert.throws(() => unpack('{"id":1}\nnonsense')))
