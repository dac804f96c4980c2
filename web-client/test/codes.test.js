import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainClose, shouldReconnect, shouldResubscribe } from '../codes.js'

const reconnects = [
  [0, true], [1000, true], [1001, true], [1006, true], [1008, true], [1009, false], [1013, true], [2999, true],
  [3000, true], [3001, true], [3008, true], [3013, true], [3499, true],
  [3500, false], [3501, false], [3999, false],
  [4000, true], [4403, true], [4499, true],
  [4500, false], [4999, false], [5000, true],
]
for (const [code, expected] of reconnects) {
  test(`a close with ${code} is ${expected ? 'followed by another try' : 'final'}`, () => {
    assert.equal(shouldReconnect(code), expected)
  })
}

test('an unsubscribe below 2500 is final, from 2500 on it is not', () => {
  assert.deepEqual([2000, 2100, 2499, 2500, 2501, 2999].map(shouldResubscribe), [false, false, false, true, true, true])
})

test('a close without a word of its own is explained by its reason', () => {
  assert.equal(explainClose(4501, 'replaced'), 'The connection ended: replaced.')
  assert.equal(explainClose(4501), 'The connection ended.')
})
