import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestBudget } from '../request-budget.js'

function budgeted() {
  const clock = { time: 0 }
  const budget = new RequestBudget({ now: () => clock.time })
  return { budget, clock }
}

test('nothing is known before the gateway has spoken', () => {
  const { budget } = budgeted()
  budget.spend()
  assert.equal(budget.isKnown, false)
  assert.equal(budget.retryAfter, 0)
})

test('the headers of an answer are read', () => {
  const { budget } = budgeted()
  const headers = { 'RateLimit-Policy': '"requests";q=10;w=60', RateLimit: '"requests";r=7;t=41' }
  budget.readHeaders((name) => headers[name] ?? null)
  assert.deepEqual([budget.limit, budget.window, budget.remaining], [10, 60, 7])
})

test('an answer without them changes nothing', () => {
  const { budget } = budgeted()
  budget.readHeaders(() => null)
  assert.equal(budget.isKnown, false)
})

test('what is used up counts down, then one is free, and after a window all are', () => {
  const { budget, clock } = budgeted()
  budget.update({ limit: 10, window: 60, remaining: 0, reset: 41 })
  assert.equal(budget.retryAfter, 41)
  clock.time = 40_500
  assert.equal(budget.retryAfter, 1)
  clock.time = 41_000
  assert.equal(budget.remaining, 1)
  clock.time = 60_000
  assert.equal(budget.remaining, 10)
})

test('an answer without numbers costs one', () => {
  const { budget } = budgeted()
  budget.update({ limit: 10, window: 60, remaining: 7 })
  budget.spend()
  assert.equal(budget.remaining, 6)
})
