import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff } from '../backoff.js'

test('the ceiling doubles up to its limit', () => {
  const backoff = new Backoff({ random: () => 1, base: 500, limit: 4000 })
  assert.deepEqual([1, 2, 3, 4, 5].map(() => backoff.next()), [500, 1000, 2000, 4000, 4000])
})

test('the wait is drawn from the whole range', () => {
  const numbers = [0, 0.25, 1]
  const backoff = new Backoff({ random: () => numbers.shift(), base: 1000, limit: 1000, floor: 0 })
  assert.deepEqual([1, 2, 3].map(() => backoff.next()), [0, 250, 1000])
})

test('the wait is never nothing at all', () => {
  assert.equal(new Backoff({ random: () => 0, floor: 50 }).next(), 50)
})

test('after a reset it starts over', () => {
  const backoff = new Backoff({ random: () => 1, base: 500 })
  backoff.next()
  backoff.next()
  backoff.reset()
  assert.equal(backoff.next(), 500)
})

test('a gateway that is away for days does not break the arithmetic', () => {
  const backoff = new Backoff({ random: () => 1, limit: 20_000 })
  for (let i = 0; i < 5000; i += 1) assert.ok(backoff.next() <= 20_000)
})
